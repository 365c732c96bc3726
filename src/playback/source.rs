//! Sources of sound: samples, a synthesiser, a stretched recording, clicks. All mono, all read on the audio thread.

use super::mixer::fold_down;
use super::stretch::Ahead;
use crate::synth::Voice;
use std::sync::Arc;

/// Samples between the points at which a [`Voice`] may start a note.
const GRID: i64 = 16;

/// A source of sound.
pub enum Source {
    /// Samples at the device's rate; silence before and after.
    Samples {
        /// Mono.
        samples: Arc<Vec<f32>>,
        /// Next sample.
        at: i64,
    },
    /// A synthesiser that plays a score.
    Voice {
        /// The synthesiser.
        voice: Box<Voice>,
        /// Seconds of the score per sample of the output.
        seconds_a_frame: f64,
        /// The speed for [`Voice::render`].
        speed: f64,
    },
    /// Samples that a worker is making meanwhile.
    Ahead {
        /// Where they appear.
        ahead: Arc<Ahead>,
        /// Next sample.
        at: i64,
    },
}

impl Source {
    /// A source of mono samples, at its start.
    pub fn samples(samples: Arc<Vec<f32>>) -> Self {
        Self::Samples { samples, at: 0 }
    }

    /// A source of samples that are being made.
    pub(super) fn ahead(ahead: Arc<Ahead>) -> Self {
        Self::Ahead { ahead, at: 0 }
    }

    /// A voice made for `voice_rate` and played at `sample_rate`: if the two differ, the pitch shifts. `speed` is how
    /// many seconds of the score pass in one second.
    pub(super) fn voice(voice: Voice, voice_rate: u32, sample_rate: u32, speed: f64) -> Self {
        let (heard, made) = (f64::from(sample_rate), f64::from(voice_rate));
        Self::Voice { voice: Box::new(voice), seconds_a_frame: speed / heard, speed: speed * made / heard }
    }

    /// The same samples from the start, if that costs nothing; a voice would have to be made again.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Samples { samples, .. } => Some(Self::samples(Arc::clone(samples))),
            Self::Ahead { ahead, .. } => Some(Self::ahead(Arc::clone(ahead))),
            Self::Voice { .. } => None,
        }
    }

    /// Whether all samples are available.
    pub(super) fn complete(&self) -> bool {
        match self {
            Self::Ahead { ahead, .. } => ahead.complete(),
            Self::Samples { .. } | Self::Voice { .. } => true,
        }
    }

    /// Goes to a sample, which may lie before the first.
    pub(super) fn seek(&mut self, frame: i64) {
        match self {
            Self::Samples { at, .. } | Self::Ahead { at, .. } => *at = frame,
            Self::Voice { voice, seconds_a_frame, speed } => {
                // Always on the same grid: how a note sounds does not depend on where the playhead came from.
                let before = frame.rem_euclid(GRID) as usize;
                voice.seek((frame - before as i64) as f64 * *seconds_a_frame);
                let (mut left, mut right) = ([0.0; GRID as usize], [0.0; GRID as usize]);
                voice.render(&mut left[..before], &mut right[..before], *speed);
            }
        }
    }

    /// Whether the samples from `frame` on are available.
    pub(super) fn ready(&self, frame: i64, count: usize) -> bool {
        match self {
            Self::Ahead { ahead, .. } => ahead.ready(frame, count),
            Self::Samples { .. } | Self::Voice { .. } => true,
        }
    }

    /// The next samples. `spare`, as long as `out`, is overwritten.
    pub(super) fn render(&mut self, out: &mut [f32], spare: &mut [f32]) {
        match self {
            Self::Samples { samples, at } => {
                copy(samples, *at, out);
                *at += out.len() as i64;
            }
            Self::Ahead { ahead, at } => {
                ahead.copy(*at, out);
                *at += out.len() as i64;
            }
            Self::Voice { voice, speed, .. } => {
                voice.render(out, spare, *speed);
                fold_down(out, spare);
            }
        }
    }
}

/// Copies from `at` on, with silence where there is nothing.
fn copy(from: &[f32], at: i64, to: &mut [f32]) {
    let silent = ((-at).max(0) as usize).min(to.len());
    let (before, to) = to.split_at_mut(silent);
    before.fill(0.0);
    let rest = from.get((at + silent as i64) as usize..).unwrap_or_default();
    let n = rest.len().min(to.len());
    to[..n].copy_from_slice(&rest[..n]);
    to[n..].fill(0.0);
}

/// A short tick at each of several moments.
pub(super) struct Clicks {
    /// Samples of the output, ascending.
    frames: Vec<i64>,
    tick: Vec<f32>,
    /// The first that has not ended.
    next: usize,
    at: i64,
}

/// Length, pitch and decay of a tick: short and high, so that it stands out from music and its start is exact.
const TICK_S: f64 = 0.03;
const TICK_HZ: f64 = 1_800.0;
const TICK_DECAY_S: f64 = 0.006;
const TICK_HEIGHT: f64 = 0.4;
/// Rise of a tick: without it the first sample would be a step.
const TICK_RISE_S: f64 = 0.001;
/// Moments closer than this count as one: chords are not struck exactly together.
const TOGETHER_S: f64 = 0.01;

impl Clicks {
    /// Ticks at `seconds` (ascending) of a timeline that runs at `speed`.
    pub(super) fn new(seconds: &[f64], speed: f64, sample_rate: u32) -> Self {
        let rate = f64::from(sample_rate);
        let mut frames: Vec<i64> = Vec::with_capacity(seconds.len());
        let mut last = f64::NEG_INFINITY;
        for &moment in seconds {
            if moment - last >= TOGETHER_S {
                frames.push((moment / speed * rate).round() as i64);
                last = moment;
            }
        }
        let tick = (0..(TICK_S * rate) as usize).map(|i| {
            let t = i as f64 / rate;
            let height = TICK_HEIGHT * (t / TICK_RISE_S).min(1.0) * (-t / TICK_DECAY_S).exp();
            (height * (std::f64::consts::TAU * TICK_HZ * t).sin()) as f32
        });
        Self { frames, tick: tick.collect(), next: 0, at: 0 }
    }

    pub(super) fn seek(&mut self, frame: i64) {
        self.at = frame;
        self.next = self.frames.partition_point(|&start| start + self.tick.len() as i64 <= frame);
    }

    pub(super) fn render(&mut self, out: &mut [f32]) {
        out.fill(0.0);
        let end = self.at + out.len() as i64;
        for &start in self.frames[self.next..].iter().take_while(|&&start| start < end) {
            let (into, from) = ((start - self.at).max(0) as usize, (self.at - start).max(0) as usize);
            for (sample, tick) in out[into..].iter_mut().zip(self.tick.iter().skip(from)) {
                *sample += tick;
            }
        }
        self.seek(end);
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_silent_before_its_start_and_after_its_end() {
        let mut source = Source::samples(vec![1.0; 10].into());
        let (mut out, mut spare) = ([9.0; 6], [0.0; 6]);
        for (from, wanted) in
            [(8, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), (-4, [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]), (-50, [0.0; 6]), (50, [0.0; 6])]
        {
            source.seek(from);
            source.render(&mut out, &mut spare);
            assert_eq!(out, wanted, "from {from}");
        }
    }

    #[test]
    fn clicks_sound_at_their_sample_however_it_is_cut_in_blocks() {
        let rate = 48_000;
        let mut clicks = Clicks::new(&[0.1, 0.1005, 0.12, 0.5], 0.5, rate);
        let mut whole = vec![0.0; 60_000];
        clicks.render(&mut whole);
        // At half the speed: 0.2 s, 0.24 s and 1 s; the second merges with the first.
        for start in [9_600, 11_520, 48_000] {
            assert_eq!(whole[start - 1] * whole[start], 0.0);
            assert!(whole[start + 1..start + 100].iter().any(|s| s.abs() > 0.2));
        }
        assert_eq!(whole.iter().filter(|s| s.abs() > 0.0).count() / 1_000, 4);
        let mut pieces = vec![0.0; 50_000];
        clicks.seek(10_000);
        for piece in pieces.chunks_mut(77) {
            clicks.render(piece);
        }
        assert_eq!(pieces, whole[10_000..]);
    }
}
