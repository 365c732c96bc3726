//! Where decoded blocks go: they are folded, resampled and kept, and losses on the way are counted.
//!
//! Time is preserved: a packet that can't be decoded becomes as much silence as it announced, once a good one follows.

use super::downmix::Downmix;
use super::resample::Resampler;
use super::{ANALYSIS_RATE, Keep, Original, Recording, Tags, Waveform};
use crate::error::{Error, Result};
use std::path::PathBuf;
use std::sync::Arc;
use symphonia::core::audio::GenericAudioBufferRef;

/// Sample rates that are decoded, in Hz. Our choice: half the lowest to twice the highest rate in use.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4000..=384_000;

/// Longest silence for one lost packet, and for all of a file. Packets are shorter than a second; a header that says
/// otherwise must not fill the memory.
const MAX_LOST_PACKET_S: f64 = 1.0;
const MAX_SILENCE_S: f64 = 120.0;

/// After this many consecutive bad packets the rest is given up: 26 s of MP3.
const MAX_BAD_RUN: usize = 1000;

/// How much shorter than announced a file may be without being called cut short: headers count in milliseconds, packets
/// or blocks.
const ANNOUNCED_SLACK_S: f64 = 0.1;

/// Most frames beyond the announced length that count as an encoder's padding; 4095 is the limit of a LAME header.
const MAX_PADDING_FRAMES: f64 = 5000.0;

/// The recording in the making.
pub(super) struct Output {
    keep: Keep,
    max_samples: usize,
    /// One vector per channel, of the current block.
    planes: Vec<Vec<f32>>,
    downmix: Downmix,
    /// Present from the first block on, which gives the rate.
    kept: Option<Kept>,
    /// How much of the encoder's delay is still to be dropped.
    skip_s: f64,
    losses: Losses,
    ended: Option<End>,
    warnings: Vec<String>,
}

struct Kept {
    source_rate: u32,
    channels: usize,
    frames: usize,
    mono: Resampler,
    /// The mix at the file's own rate.
    original: Option<Vec<f32>>,
}

#[derive(Default)]
struct Losses {
    packets: u64,
    /// The time of the first lost packet, and why it was rejected.
    first_s: f64,
    reason: String,
    /// Packets since the last good one, and the silence they become if another good one follows.
    run: usize,
    run_s: f64,
    /// Silence inserted so far.
    silence_s: f64,
}

enum End {
    /// The container or the packets are beyond repair.
    Damage(String),
    /// The limit on kept samples is reached.
    Full,
}

impl Output {
    pub(super) fn new(keep: Keep, max_samples: usize) -> Self {
        Self {
            keep,
            max_samples,
            planes: Vec::new(),
            downmix: Downmix::new(),
            kept: None,
            skip_s: 0.0,
            losses: Losses::default(),
            ended: None,
            warnings: Vec::new(),
        }
    }

    /// Drops this much of what is added next.
    pub(super) fn skip(&mut self, seconds: f64) {
        self.skip_s = seconds.max(0.0);
    }

    /// Records something that the user should know.
    pub(super) fn warn(&mut self, message: String) {
        self.warnings.push(message);
    }

    /// Records that nothing after this is worth decoding.
    pub(super) fn end_early(&mut self, reason: String) {
        self.ended = Some(End::Damage(reason));
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Adds a decoded block; if it is unusable, it counts as a lost packet of `packet_s` seconds.
    pub(super) fn add(&mut self, block: &GenericAudioBufferRef, packet_s: f64) -> Result<()> {
        let (rate, channels) = (block.spec().rate(), block.spec().channels());
        if block.frames() == 0 {
            return Ok(());
        }
        if let Some(kept) = &self.kept
            && kept.source_rate != rate
        {
            self.lose(packet_s, format!("the sample rate changes from {} to {rate} Hz", kept.source_rate));
            return Ok(());
        }
        if self.kept.is_none() {
            if !RATES_HZ.contains(&rate) {
                let limit = format!("{} to {} Hz", RATES_HZ.start(), RATES_HZ.end());
                return Err(refuse(format!("sample rate {rate} Hz is outside {limit}")));
            }
            self.kept = Some(Kept::new(rate, channels.count(), self.keep)?);
        }
        block.copy_to_vecs_planar(&mut self.planes);
        self.downmix.fold(&mut self.planes, channels);
        let Some(kept) = &mut self.kept else { return Ok(()) };

        let silence_s = self.losses.run_s.min(MAX_SILENCE_S - self.losses.silence_s);
        self.losses.silence_s += silence_s;
        (self.losses.run, self.losses.run_s) = (0, 0.0);
        let mut silent_frames = (silence_s * f64::from(rate)).round() as usize;
        while silent_frames > 0 {
            let silence = &[0.0; 1024][..silent_frames.min(1024)];
            kept.add(silence, &mut self.skip_s)?;
            silent_frames -= silence.len();
        }
        kept.add(&self.downmix.mono, &mut self.skip_s)?;
        if kept.samples() >= self.max_samples {
            self.ended = Some(End::Full);
        }
        Ok(())
    }

    /// Records a packet of `packet_s` seconds that can't be decoded.
    pub(super) fn lose(&mut self, packet_s: f64, reason: String) {
        if self.losses.packets == 0 {
            self.losses.first_s = self.seconds();
            self.losses.reason = reason;
        }
        self.losses.packets += 1;
        self.losses.run += 1;
        self.losses.run_s += packet_s.clamp(0.0, MAX_LOST_PACKET_S);
        if self.losses.run >= MAX_BAD_RUN {
            self.end_early(format!("{MAX_BAD_RUN} packets in a row are no audio"));
        }
    }

    fn seconds(&self) -> f64 {
        self.kept.as_ref().map_or(0.0, |kept| kept.frames as f64 / f64::from(kept.source_rate))
    }

    /// Finishes the recording. `announced_s` is the length given in the header; with `padded`, a small excess over it
    /// is cut.
    pub(super) fn finish(
        mut self,
        announced_s: Option<f64>,
        padded: bool,
        tags: Tags,
        codec: String,
    ) -> Result<Recording> {
        let warning = self.warning(announced_s);
        let Some(kept) = self.kept.take().filter(|kept| kept.frames > 0) else {
            return Err(refuse(match self.ended {
                Some(End::Damage(reason)) => format!("no sample could be decoded, {reason}"),
                _ if self.losses.packets > 0 => format!("no sample could be decoded, {}", self.losses.reason),
                _ => "there are no samples in it".into(),
            }));
        };
        let announced = announced_s.map_or(0.0, |seconds| (seconds * f64::from(kept.source_rate)).round());
        let excess = kept.frames as f64 - announced;
        let padding = if padded && excess > 0.0 && excess < MAX_PADDING_FRAMES.min(kept.frames as f64) {
            excess as usize
        } else {
            0
        };
        let frames = kept.frames - padding;
        let original = kept.original.map(|mut samples| {
            samples.truncate(frames);
            Original { samples: Arc::new(samples), sample_rate: kept.source_rate }
        });
        Ok(Recording {
            mono: Waveform { samples: kept.mono.finish(padding)?, sample_rate: ANALYSIS_RATE },
            original,
            tags,
            source_rate: kept.source_rate,
            channels: kept.channels,
            codec,
            warning,
        })
    }

    fn warning(&self, announced_s: Option<f64>) -> Option<String> {
        let seconds = self.seconds();
        let short_of = announced_s.filter(|announced_s| seconds + ANNOUNCED_SLACK_S < *announced_s);
        let mut parts = self.warnings.clone();
        match (&self.ended, short_of) {
            (Some(End::Full), _) => parts.push(format!("too long: only the first {seconds:.1} s were kept")),
            (_, Some(announced_s)) => parts.push(format!("cut short: {seconds:.1} of {announced_s:.1} s decoded")),
            (Some(End::Damage(reason)), None) => parts.push(format!("damaged at {seconds:.1} s: {reason}")),
            (None, None) => {}
        }
        let Losses { packets, first_s, reason, .. } = &self.losses;
        if *packets > 0 {
            let noun = if *packets == 1 { "packet" } else { "packets" };
            parts.push(format!("{packets} damaged {noun} left out, from {first_s:.1} s on: {reason}"));
        }
        if self.downmix.not_numbers > 0 {
            parts.push(format!("{} samples were no finite numbers and are silent now", self.downmix.not_numbers));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl Kept {
    fn new(source_rate: u32, channels: usize, keep: Keep) -> Result<Self> {
        Ok(Self {
            source_rate,
            channels,
            frames: 0,
            mono: Resampler::new(source_rate, ANALYSIS_RATE)?,
            original: (keep == Keep::Listening).then(Vec::new),
        })
    }

    /// Takes samples, minus what is to be skipped.
    fn add(&mut self, mono: &[f32], skip_s: &mut f64) -> Result<()> {
        let rate = f64::from(self.source_rate);
        let skipped = ((*skip_s * rate).round() as usize).min(mono.len());
        *skip_s = (*skip_s - skipped as f64 / rate).max(0.0);
        self.frames += mono.len() - skipped;
        self.mono.push(&mono[skipped..])?;
        if let Some(original) = &mut self.original {
            original.extend_from_slice(&mono[skipped..]);
        }
        Ok(())
    }

    fn samples(&self) -> usize {
        self.mono.len() + self.original.as_ref().map_or(0, Vec::len)
    }
}

fn refuse(reason: String) -> Error {
    Error::Decode { reason, path: PathBuf::new() }
}
