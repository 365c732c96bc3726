//! [`Material`]: a pair that can be heard. [`Programme`]: one way of hearing it, as the engine plays it.

use super::mixer::{level, rms};
use super::source::{Clicks, Source};
use super::stretch::{Pace, Stretch};
use crate::alignment::warp::TimeMap;
use crate::audio::{AudioTime, Original};
use crate::error::{Error, Result};
use crate::job::Progress;
use crate::midi::{Midi, MidiTime};
use crate::synth::{Score, SoundFont, Voice};
use rubato::audioadapter_buffers::direct::SequentialSliceOfSlices;
use rubato::{Fft, FixedSync, Indexing, Resampler};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// Slowest and fastest speed.
pub const SPEEDS: std::ops::RangeInclusive<f64> = 0.25..=2.0;
/// Speeds are multiples of this: resampling to one of them is then exact.
pub const SPEED_STEP: f64 = 0.05;

/// Which of the two is warped to the other's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Warp {
    /// The MIDI is played on the recording's clock; the recording is unaltered.
    #[default]
    Midi,
    /// The recording is stretched to the MIDI's clock; the MIDI is played as written.
    Recording,
}

/// A way of hearing a pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rendition {
    /// Whose clock.
    pub warp: Warp,
    /// Seconds of that clock per second, within [`SPEEDS`].
    pub speed: f64,
    /// Whether the pitch follows the speed, as on tape.
    pub varispeed: bool,
}

impl Default for Rendition {
    fn default() -> Self {
        Self { warp: Warp::Midi, speed: 1.0, varispeed: false }
    }
}

impl Rendition {
    /// The same at the nearest available speed.
    #[must_use]
    pub fn at_speed(self, speed: f64) -> Self {
        let steps = (speed.clamp(*SPEEDS.start(), *SPEEDS.end()) / SPEED_STEP).round();
        Self { speed: steps / (1.0 / SPEED_STEP).round(), ..self }
    }
}

/// Windows used to match the levels: this many, this long, spread over the whole.
const LEVEL_WINDOWS: u64 = 6;
const LEVEL_WINDOW_S: f64 = 2.0;
/// Stretched or resampled recordings that are kept; ten minutes at half speed take 230 MB.
const KEPT: usize = 3;

struct Player {
    midi: Arc<Midi>,
    font: SoundFont,
    gain: f32,
}

struct Sound {
    samples: Arc<Vec<f32>>,
    gain: f32,
}

/// A MIDI file and a recording, or one of them, at the rate of the device and matched in level.
pub struct Material {
    sample_rate: u32,
    midi: Option<Player>,
    recording: Option<Sound>,
    map: Option<Arc<TimeMap>>,
    kept: Mutex<Vec<(Rendition, Source)>>,
}

/// A programme, and the work that makes the sound still missing: run it in a job.
pub struct Prepared {
    /// The programme for the engine.
    pub programme: Programme,
    /// Work that has to run meanwhile.
    pub stretch: Option<Stretch>,
}

impl Material {
    /// Brings both to `sample_rate` and matches their levels (RMS of six windows of 2 s, measured once). `map` says
    /// where the MIDI lies in the recording.
    ///
    /// # Errors
    /// [`Error::Limit`] for rates that cannot be resampled or synthesised; [`Error::Cancelled`].
    pub fn new(
        midi: Option<(Arc<Midi>, SoundFont)>,
        recording: Option<&Original>,
        map: Option<Arc<TimeMap>>,
        sample_rate: u32,
        progress: &Progress,
    ) -> Result<Self> {
        let mut material = Self { sample_rate, midi: None, recording: None, map, kept: Mutex::new(Vec::new()) };
        if let Some(original) = recording {
            let rates = (original.sample_rate, sample_rate);
            let samples = resample(&original.samples, rates, &progress.part(0.0, 0.6))?;
            let frames = samples.len() as u64;
            let gain = matched(Source::samples(Arc::clone(&samples)), frames, sample_rate, progress)?;
            material.recording = Some(Sound { samples, gain });
        }
        if let Some((midi, font)) = midi {
            material.midi = Some(Player { midi, font, gain: 1.0 });
            let frames = (material.seconds(Warp::Midi) * f64::from(sample_rate)) as u64;
            if let Some(voice) = material.voice(Rendition::default())? {
                let gain = matched(voice, frames, sample_rate, &progress.part(0.6, 1.0))?;
                material.midi.iter_mut().for_each(|player| player.gain = gain);
            }
        }
        Ok(material)
    }

    /// Rate of the device it was made for, in Hz.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Where the MIDI lies in the recording.
    pub fn map(&self) -> Option<&TimeMap> {
        self.map.as_deref()
    }

    /// Its duration on that clock.
    pub fn seconds(&self, warp: Warp) -> f64 {
        let written = self.midi.as_ref().map_or(0.0, |player| player.midi.end().0);
        match &self.recording {
            None => written,
            Some(sound) => {
                let played = sound.samples.len() as f64 / f64::from(self.sample_rate);
                if self.warps_recording(warp) { written } else { played }
            }
        }
    }

    fn warps_recording(&self, warp: Warp) -> bool {
        warp == Warp::Recording && self.map.is_some() && self.midi.is_some()
    }

    fn place(&self, warp: Warp) -> impl Fn(MidiTime) -> f64 + '_ {
        let map = self.map.as_deref().filter(|_| !self.warps_recording(warp));
        move |time| map.map_or(time.0, |map| map.to_audio(time).0)
    }

    fn voice(&self, rendition: Rendition) -> Result<Option<Source>> {
        let Some(player) = &self.midi else { return Ok(None) };
        // Made for a lower rate than it is played at, everything sounds faster and higher: a tape without a resampler.
        let tape = if rendition.varispeed { rendition.speed } else { 1.0 };
        let voice_rate = (f64::from(self.sample_rate) / tape).round() as u32;
        let score = Score::new(&player.midi, self.place(rendition.warp));
        let voice = Voice::new(&player.font, voice_rate, Arc::new(score))?;
        Ok(Some(Source::voice(voice, voice_rate, self.sample_rate, rendition.speed)))
    }

    /// Prepares a way of hearing it. `at_s` (seconds on its clock) is where it will be heard first.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn programme(&self, rendition: Rendition, at_s: f64, progress: &Progress) -> Result<Prepared> {
        let rendition = rendition.at_speed(rendition.speed);
        let frames = (self.seconds(rendition.warp) / rendition.speed * f64::from(self.sample_rate)).max(0.0) as u64;
        let midi = self.voice(rendition)?.zip(self.midi.as_ref()).map(|(source, p)| Part { source, gain: p.gain });
        let (mut recording, mut stretch) = (None, None);
        if let Some(sound) = &self.recording {
            let (source, work) = self.sound(sound, rendition, frames, at_s, progress)?;
            recording = Some(Part { source, gain: sound.gain });
            stretch = work;
        }
        let place = self.place(rendition.warp);
        let (mut beats, mut onsets) = (Vec::new(), Vec::new());
        if let Some(player) = &self.midi {
            beats.extend(player.midi.beats().into_iter().map(&place));
            onsets.extend(player.midi.notes().iter().map(|note| place(note.start)));
            onsets.sort_by(f64::total_cmp);
        }
        let clicks = |moments: &[f64]| Clicks::new(moments, rendition.speed, self.sample_rate);
        let (beats, onsets) = (clicks(&beats), clicks(&onsets));
        let programme = Programme { midi, recording, beats, onsets, frames, speed: rendition.speed, shift: 0 };
        Ok(Prepared { programme, stretch })
    }

    fn sound(
        &self,
        sound: &Sound,
        rendition: Rendition,
        frames: u64,
        at_s: f64,
        progress: &Progress,
    ) -> Result<(Source, Option<Stretch>)> {
        let warped = self.warps_recording(rendition.warp);
        #[expect(clippy::float_cmp, reason = "speeds are multiples of a step, 1 exactly among them")]
        let as_is = rendition.speed == 1.0;
        if as_is && !warped {
            return Ok((Source::samples(Arc::clone(&sound.samples)), None));
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, source)| source.complete());
        if let Some(source) = kept.iter().find(|(r, _)| *r == rendition).and_then(|(_, source)| source.again()) {
            return Ok((source, None));
        }
        let map = self.map.clone().filter(|_| warped);
        let pace = |speed| Pace { map: map.clone(), speed, sample_rate: self.sample_rate };
        let (source, work) = if rendition.varispeed && !as_is {
            let mut samples = Arc::clone(&sound.samples);
            if warped {
                let whole = (self.seconds(rendition.warp) * f64::from(self.sample_rate)) as usize;
                let work = Stretch::new(samples, pace(1.0), whole, 0);
                work.run(&progress.part(0.0, 0.8))?;
                let mut out = vec![0.0; whole];
                work.output().copy(0, &mut out);
                samples = Arc::new(out);
            }
            let steps = (1.0 / SPEED_STEP).round();
            let rates = ((rendition.speed * steps).round() as u32, steps as u32);
            (Source::samples(resample(&samples, rates, &progress.part(0.8, 1.0))?), None)
        } else {
            let first = (at_s / rendition.speed * f64::from(self.sample_rate)).max(0.0) as usize;
            let work = Stretch::new(Arc::clone(&sound.samples), pace(rendition.speed), frames as usize, first);
            (Source::ahead(work.output()), Some(work))
        };
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.extend(source.again().map(|source| (rendition, source)));
        Ok((source, work))
    }
}

/// The factor that brings `source` to the common loudness.
fn matched(mut source: Source, frames: u64, sample_rate: u32, progress: &Progress) -> Result<f32> {
    let window = ((LEVEL_WINDOW_S * f64::from(sample_rate)) as u64).min(frames);
    let (mut mono, mut spare) = (vec![0.0; window as usize], vec![0.0; 1024]);
    let mut heard = Vec::new();
    for i in 0..LEVEL_WINDOWS {
        progress.step(i as usize, LEVEL_WINDOWS as usize)?;
        source.seek(((frames - window) * (2 * i + 1) / (2 * LEVEL_WINDOWS)) as i64);
        for block in mono.chunks_mut(1024) {
            let length = block.len();
            source.render(block, &mut spare[..length]);
        }
        let loudness = rms(&mono);
        if loudness > 1e-4 {
            heard.push(loudness);
        }
    }
    Ok(level(rms(&heard)))
}

struct Part {
    source: Source,
    /// Gain that matches the level.
    gain: f32,
}

/// One way of hearing a pair, as the audio thread plays it. Made by [`Material::programme`].
pub struct Programme {
    midi: Option<Part>,
    recording: Option<Part>,
    beats: Clicks,
    onsets: Clicks,
    /// Length in samples at the device's rate.
    frames: u64,
    speed: f64,
    /// Samples by which the MIDI is delayed.
    shift: i64,
}

/// A block of each source.
pub(super) struct Blocks<'a> {
    pub midi: &'a mut [f32],
    pub recording: &'a mut [f32],
    pub beats: &'a mut [f32],
    pub onsets: &'a mut [f32],
    pub spare: &'a mut [f32],
}

impl Programme {
    /// A programme of mono sources at `sample_rate`, `seconds` long, without clicks. Their levels are left unchanged.
    #[cfg(test)]
    pub fn plain(midi: Option<Source>, recording: Option<Source>, seconds: f64, sample_rate: u32) -> Self {
        let part = |source| Part { source, gain: 1.0 };
        Self {
            midi: midi.map(part),
            recording: recording.map(part),
            beats: Clicks::new(&[], 1.0, sample_rate),
            onsets: Clicks::new(&[], 1.0, sample_rate),
            frames: (seconds * f64::from(sample_rate)).max(0.0) as u64,
            speed: 1.0,
            shift: 0,
        }
    }

    /// Length in samples.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Samples of the timeline per sample of the output.
    pub(super) fn speed(&self) -> f64 {
        self.speed
    }

    /// Goes to a sample, with the MIDI delayed by `shift` samples.
    pub(super) fn seek(&mut self, frame: u64, shift: i64) {
        self.shift = shift;
        let frame = frame as i64;
        if let Some(part) = &mut self.midi {
            part.source.seek(frame - shift);
        }
        if let Some(part) = &mut self.recording {
            part.source.seek(frame);
        }
        self.beats.seek(frame - shift);
        self.onsets.seek(frame - shift);
    }

    /// Whether everything from `frame` on can be played.
    pub(super) fn ready(&self, frame: u64, count: usize) -> bool {
        self.recording.as_ref().is_none_or(|part| part.source.ready(frame as i64, count))
    }

    /// The next samples of each source, mono and matched in level.
    pub(super) fn render(&mut self, blocks: Blocks<'_>) {
        for (part, mono) in [(&mut self.midi, blocks.midi), (&mut self.recording, blocks.recording)] {
            let Some(part) = part else {
                mono.fill(0.0);
                continue;
            };
            part.source.render(mono, blocks.spare);
            for sample in mono {
                *sample *= part.gain;
            }
        }
        self.beats.render(blocks.beats);
        self.onsets.render(blocks.onsets);
    }
}

/// The same mono sound at another rate; `rates` are the old and the new one, in Hz or as a ratio. Equal rates share the
/// samples.
pub(crate) fn resample(mono: &Arc<Vec<f32>>, rates: (u32, u32), progress: &Progress) -> Result<Arc<Vec<f32>>> {
    let (from, to) = (rates.0 as usize, rates.1 as usize);
    if from == to || mono.is_empty() {
        return Ok(Arc::clone(mono));
    }
    let refused = |reason: String| Error::Limit {
        what: "sample rate",
        value: format!("{from} Hz"),
        limit: format!("what can be resampled to {to} Hz ({reason})"),
    };
    let mut resampler = Fft::<f32>::new(from, to, 4096, 1, FixedSync::Input).map_err(|e| refused(e.to_string()))?;
    let frames = mono.len();
    let wanted = (frames as f64 * to as f64 / from as f64).ceil() as usize;
    let channels = [&mono[..]];
    let input = SequentialSliceOfSlices::new(&channels, 1, frames).map_err(|e| refused(e.to_string()))?;
    let mut block = vec![0.0; resampler.output_frames_max()];
    let mut out = Vec::with_capacity(wanted);
    let (mut read, mut skip) = (0, resampler.output_delay());
    while out.len() < wanted {
        progress.step(out.len(), wanted)?;
        let need = resampler.input_frames_next();
        let mut indexing = Indexing::new();
        indexing.input_offset = read.min(frames);
        let rest = frames - indexing.input_offset;
        if rest < need {
            indexing.partial_len = Some(rest);
        }
        let (used, made) = {
            let size = block.len();
            let mut output = [&mut block[..]];
            let mut output =
                SequentialSliceOfSlices::new_mut(&mut output, 1, size).map_err(|e| refused(e.to_string()))?;
            resampler.process_into_buffer(&input, &mut output, Some(&indexing)).map_err(|e| refused(e.to_string()))?
        };
        read += used;
        // The filter's own delay comes out first.
        let from = skip.min(made);
        skip -= from;
        let take = (made - from).min(wanted - out.len());
        out.extend_from_slice(&block[from..from + take]);
    }
    Ok(Arc::new(out))
}

/// Converts a moment on the clock of `warp` to a moment of the recording: see [`Warp`].
pub fn to_audio(map: Option<&TimeMap>, warp: Warp, seconds: f64) -> f64 {
    match map.filter(|_| warp == Warp::Recording) {
        Some(map) => map.to_audio(MidiTime(seconds)).0,
        None => seconds,
    }
}

/// The inverse of [`to_audio`].
pub fn from_audio(map: Option<&TimeMap>, warp: Warp, seconds: f64) -> f64 {
    match map.filter(|_| warp == Warp::Recording) {
        Some(map) => map.to_midi(AudioTime(seconds)).0,
        None => seconds,
    }
}

#[cfg(test)]
mod tests;
