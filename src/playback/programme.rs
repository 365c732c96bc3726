//! What is played: two sources on one clock, prepared away from the audio thread.

use super::mixer::{fold_down, level, rms};
use crate::audio::Stereo;
use crate::error::{Error, Result};
use crate::job::Progress;
use crate::synth::Voice;
use rubato::audioadapter_buffers::direct::SequentialSliceOfSlices;
use rubato::{Fft, FixedSync, Indexing, Resampler};
use std::sync::Arc;

/// Where sound comes from.
pub enum Source {
    /// Samples at the device's rate; silence before and after.
    Samples {
        /// Both channels.
        stereo: Arc<Stereo>,
        /// Next sample.
        at: usize,
    },
    /// A synthesiser that plays a score.
    Voice(Box<Voice>),
}

impl Source {
    /// A source of samples, at its start.
    pub fn samples(stereo: Arc<Stereo>) -> Self {
        Self::Samples { stereo, at: 0 }
    }

    fn seek(&mut self, frame: u64, sample_rate: u32) {
        match self {
            Self::Samples { at, .. } => *at = frame as usize,
            Self::Voice(voice) => voice.seek(frame as f64 / f64::from(sample_rate)),
        }
    }

    fn render(&mut self, left: &mut [f32], right: &mut [f32]) {
        match self {
            Self::Samples { stereo, at } => {
                copy(&stereo.left, *at, left);
                copy(&stereo.right, *at, right);
                *at += left.len();
            }
            Self::Voice(voice) => voice.render(left, right, 1.0),
        }
    }
}

/// Copies from `at` on, and silence where there is nothing left.
fn copy(from: &[f32], at: usize, to: &mut [f32]) {
    let rest = from.get(at..).unwrap_or_default();
    let n = rest.len().min(to.len());
    to[..n].copy_from_slice(&rest[..n]);
    to[n..].fill(0.0);
}

struct Part {
    source: Source,
    /// Level match.
    gain: f32,
}

/// A MIDI file and a recording, or one of them, ready to be played.
pub struct Programme {
    midi: Option<Part>,
    recording: Option<Part>,
    /// Length in samples at the device's rate.
    frames: u64,
}

/// Windows heard to match the levels: this many, this long, spread over the whole.
const LEVEL_WINDOWS: u64 = 6;
const LEVEL_WINDOW_S: f64 = 2.0;

impl Programme {
    /// Puts the sources together and matches their levels (RMS of six windows of 2 s, measured once). `seconds` is how
    /// long it lasts. Both sources must be at `sample_rate`.
    pub fn new(
        midi: Option<Source>,
        recording: Option<Source>,
        seconds: f64,
        sample_rate: u32,
        progress: &Progress,
    ) -> Result<Self> {
        let frames = (seconds * f64::from(sample_rate)).max(0.0) as u64;
        let matched = |source: Option<Source>, progress: Progress| -> Result<Option<Part>> {
            let Some(mut source) = source else { return Ok(None) };
            let gain = level(measure(&mut source, frames, sample_rate, &progress)?);
            source.seek(0, sample_rate);
            Ok(Some(Part { source, gain }))
        };
        Ok(Self {
            midi: matched(midi, progress.part(0.0, 0.5))?,
            recording: matched(recording, progress.part(0.5, 1.0))?,
            frames,
        })
    }

    /// Length in samples.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Goes to a sample.
    pub(super) fn seek(&mut self, frame: u64, sample_rate: u32) {
        for part in [&mut self.midi, &mut self.recording].into_iter().flatten() {
            part.source.seek(frame, sample_rate);
        }
    }

    /// The next samples of both, mono and matched in level. `spare` is overwritten.
    pub(super) fn render(&mut self, midi: &mut [f32], recording: &mut [f32], spare: &mut [f32]) {
        for (part, mono) in [(&mut self.midi, midi), (&mut self.recording, recording)] {
            let Some(part) = part else {
                mono.fill(0.0);
                continue;
            };
            part.source.render(mono, spare);
            fold_down(mono, spare);
            for sample in mono {
                *sample *= part.gain;
            }
        }
    }
}

/// RMS of the windows that are not silent.
fn measure(source: &mut Source, frames: u64, sample_rate: u32, progress: &Progress) -> Result<f32> {
    let window = ((LEVEL_WINDOW_S * f64::from(sample_rate)) as u64).min(frames);
    let (mut left, mut right) = (vec![0.0; window as usize], vec![0.0; window as usize]);
    let mut heard = Vec::new();
    for i in 0..LEVEL_WINDOWS {
        progress.step(i as usize, LEVEL_WINDOWS as usize)?;
        source.seek((frames - window) * (2 * i + 1) / (2 * LEVEL_WINDOWS), sample_rate);
        for (l, r) in left.chunks_mut(1024).zip(right.chunks_mut(1024)) {
            source.render(l, r);
        }
        fold_down(&mut left, &right);
        let loudness = rms(&left);
        if loudness > 1e-4 {
            heard.push(loudness);
        }
    }
    Ok(rms(&heard))
}

/// The same sound at another rate. Returns the argument itself where the rates agree.
pub fn resample(stereo: &Arc<Stereo>, sample_rate: u32, progress: &Progress) -> Result<Arc<Stereo>> {
    if stereo.sample_rate == sample_rate || stereo.left.is_empty() {
        return Ok(Arc::clone(stereo));
    }
    let refused = |reason: String| Error::Limit {
        what: "sample rate",
        value: format!("{} Hz", stereo.sample_rate),
        limit: format!("what can be resampled to {sample_rate} Hz ({reason})"),
    };
    let (from, to) = (stereo.sample_rate as usize, sample_rate as usize);
    let mut resampler = Fft::<f32>::new(from, to, 4096, 2, FixedSync::Input).map_err(|e| refused(e.to_string()))?;
    let frames = stereo.left.len();
    let wanted = (frames as f64 * to as f64 / from as f64).ceil() as usize;
    let channels = [&stereo.left[..], &stereo.right[..]];
    let input = SequentialSliceOfSlices::new(&channels, 2, frames).map_err(|e| refused(e.to_string()))?;
    let mut block = [vec![0.0; resampler.output_frames_max()], vec![0.0; resampler.output_frames_max()]];
    let (mut left, mut right) = (Vec::with_capacity(wanted), Vec::with_capacity(wanted));
    let (mut read, mut skip) = (0, resampler.output_delay());
    while left.len() < wanted {
        progress.step(left.len(), wanted)?;
        let need = resampler.input_frames_next();
        let mut indexing = Indexing::new();
        indexing.input_offset = read.min(frames);
        let rest = frames - indexing.input_offset;
        if rest < need {
            indexing.partial_len = Some(rest);
        }
        let (used, made) = {
            let [l, r] = &mut block;
            let size = l.len();
            let mut output = [&mut l[..], &mut r[..]];
            let mut output =
                SequentialSliceOfSlices::new_mut(&mut output, 2, size).map_err(|e| refused(e.to_string()))?;
            resampler.process_into_buffer(&input, &mut output, Some(&indexing)).map_err(|e| refused(e.to_string()))?
        };
        read += used;
        // The filter's own delay comes out first.
        let from = skip.min(made);
        skip -= from;
        let take = (made - from).min(wanted - left.len());
        left.extend_from_slice(&block[0][from..from + take]);
        right.extend_from_slice(&block[1][from..from + take]);
    }
    Ok(Arc::new(Stereo { left, right, sample_rate }))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    fn sine(hertz: f32, sample_rate: u32, frames: usize) -> Arc<Stereo> {
        let wave: Vec<f32> =
            (0..frames).map(|i| (std::f32::consts::TAU * hertz * i as f32 / sample_rate as f32).sin() * 0.5).collect();
        Arc::new(Stereo { right: wave.clone(), left: wave, sample_rate })
    }

    #[test]
    fn resampling_keeps_time_and_shape() {
        for (from, to) in [(44_100, 48_000), (48_000, 44_100), (8_000, 48_000)] {
            let there = resample(&sine(440.0, from, from as usize), to, &Progress::silent()).expect("resampled");
            assert_eq!(there.left.len(), to as usize);
            let wanted = sine(440.0, to, to as usize);
            let edge = 2000;
            for i in edge..there.left.len() - edge {
                assert!((there.left[i] - wanted.left[i]).abs() < 2e-3, "{from} -> {to}, sample {i}");
            }
        }
    }

    #[test]
    fn same_rate_is_not_copied() {
        let wave = sine(440.0, 48_000, 100);
        let same = resample(&wave, 48_000, &Progress::silent()).expect("resampled");
        assert!(Arc::ptr_eq(&wave, &same));
    }

    #[test]
    fn a_source_is_silent_after_its_end() {
        let mut source = Source::samples(sine(440.0, 100, 10));
        source.seek(8, 100);
        let (mut left, mut right) = ([1.0; 6], [1.0; 6]);
        source.render(&mut left, &mut right);
        assert_eq!(left[2..], [0.0; 4]);
        source.seek(5000, 100);
        source.render(&mut left, &mut right);
        assert_eq!(left, [0.0; 6]);
    }

    #[test]
    fn an_empty_programme_can_be_made() {
        let programme = Programme::new(None, None, 0.0, 48_000, &Progress::silent()).expect("made");
        assert_eq!(programme.frames(), 0);
    }
}
