//! Mixing two mono sources into two channels: pan, balance, fades, limiter. Pure functions on samples.

use serde::{Deserialize, Serialize};
use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, SQRT_2};

/// Length of every fade: start, stop, seek, change of the mix. Long enough to hide a click, short enough to feel instant.
pub const FADE_S: f64 = 0.010;

/// Below this the limiter leaves samples unchanged.
const LIMIT_FROM: f32 = 0.8;

/// Which of the two sources are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Listen {
    /// MIDI and recording together.
    #[default]
    Both,
    /// The MIDI alone.
    Midi,
    /// The recording alone.
    Recording,
}

/// The moments of the MIDI at which it clicks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Click {
    /// Never.
    #[default]
    Off,
    /// At its beats.
    Beats,
    /// At its note onsets.
    Onsets,
}

impl Click {
    /// The next choice: off, beats, onsets, off.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Off => Self::Beats,
            Self::Beats => Self::Onsets,
            Self::Onsets => Self::Off,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Beats => "beats",
            Self::Onsets => "onsets",
        }
    }
}

/// The listener's choices. Kept from one pair to the next.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mix {
    /// Which source is heard.
    pub listen: Listen,
    /// −1 only the MIDI, 0 both equally, +1 only the recording.
    pub balance: f32,
    /// MIDI in the left ear, recording in the right; otherwise both in the centre.
    pub split: bool,
    /// The MIDI is muted, whatever else is chosen.
    pub midi_muted: bool,
    /// The recording is muted, whatever else is chosen.
    pub recording_muted: bool,
    /// The third source.
    pub click: Click,
}

impl Default for Mix {
    /// Both sources, equally loud, split: the ear hears at once whether the two agree.
    fn default() -> Self {
        Self {
            listen: Listen::Both,
            balance: 0.0,
            split: true,
            midi_muted: false,
            recording_muted: false,
            click: Click::Off,
        }
    }
}

/// Factors of a mono source for the left and the right channel.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Gains {
    /// MIDI: left, right.
    pub midi: [f32; 2],
    /// Recording: left, right.
    pub recording: [f32; 2],
    /// Clicks at beats: both channels.
    pub beats: f32,
    /// Clicks at onsets: both channels.
    pub onsets: f32,
}

impl Mix {
    /// The factors for these choices. The balance is a constant-power cross-fade, at most 1; a source that is heard
    /// alone is in the centre, since listening with one ear is tiring.
    pub fn gains(&self) -> Gains {
        let turn = (self.balance.clamp(-1.0, 1.0) + 1.0) * FRAC_PI_4;
        let (midi, recording) = match self.listen {
            Listen::Both => ((turn.cos() * SQRT_2).min(1.0), (turn.sin() * SQRT_2).min(1.0)),
            Listen::Midi => (1.0, 0.0),
            Listen::Recording => (0.0, 1.0),
        };
        let heard = |muted: bool, factor: f32| if muted { 0.0 } else { factor };
        let (midi, recording) = (heard(self.midi_muted, midi), heard(self.recording_muted, recording));
        let clicks = |when: Click| if self.click == when { 1.0 } else { 0.0 };
        let side = if self.split && self.listen == Listen::Both { 1.0 } else { 0.0 };
        let scale = |[left, right]: [f32; 2], by: f32| [left * by, right * by];
        Gains {
            midi: scale(pan(-side), midi),
            recording: scale(pan(side), recording),
            beats: clicks(Click::Beats),
            onsets: clicks(Click::Onsets),
        }
    }
}

/// Constant-power pan: −1 left, 0 both at −3 dB, +1 right. Exactly 0 on the opposite side, so that nothing leaks.
pub fn pan(position: f32) -> [f32; 2] {
    if position <= -1.0 {
        return [1.0, 0.0];
    }
    if position >= 1.0 {
        return [0.0, 1.0];
    }
    let angle = (position + 1.0) * FRAC_PI_4;
    [angle.cos(), angle.sin()]
}

/// Folds two channels down to mono, in place: each source is folded down *before* it is panned, or a source with a wide
/// stereo image would leak into the other ear.
pub fn fold_down(left: &mut [f32], right: &[f32]) {
    for (l, r) in left.iter_mut().zip(right) {
        *l = 0.5 * (*l + r);
    }
}

/// Gain of a fade at `along` 0..=1 of its way: half a cosine period, so that the slope has no corner.
pub fn fade(along: f32) -> f32 {
    let s = (along * FRAC_PI_2).sin();
    s * s
}

impl Gains {
    /// The gains at `along` 0..=1 of the way to `to`.
    pub(super) fn toward(&self, to: &Self, along: f32) -> Self {
        let along = fade(along);
        let one = |a: f32, b: f32| a + (b - a) * along;
        let two = |a: [f32; 2], b: [f32; 2]| [one(a[0], b[0]), one(a[1], b[1])];
        Self {
            midi: two(self.midi, to.midi),
            recording: two(self.recording, to.recording),
            beats: one(self.beats, to.beats),
            onsets: one(self.onsets, to.onsets),
        }
    }
}

/// Compresses samples louder than 0.8 so that none reaches 1: no overflow, and no latency.
pub fn limit(sample: f32) -> f32 {
    let loud = sample.abs();
    if loud <= LIMIT_FROM {
        return sample;
    }
    let room = 1.0 - LIMIT_FROM;
    (LIMIT_FROM + room * ((loud - LIMIT_FROM) / room).tanh()).min(1.0).copysign(sample)
}

/// Factor that brings a source of this RMS to the common loudness (−20 dB full scale), within ±20 dB. Silence stays
/// silent.
pub fn level(rms: f32) -> f32 {
    if rms < 1e-6 { 1.0 } else { (0.1 / rms).clamp(0.1, 10.0) }
}

/// Root mean square; 0 for an empty slice.
pub fn rms(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    let sum: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    (sum / samples.len() as f64).sqrt() as f32
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn pan_keeps_the_power_and_does_not_leak() {
        for step in -10_i8..=10 {
            let [l, r] = pan(f32::from(step) / 10.0);
            assert!((l * l + r * r - 1.0).abs() < 1e-6);
        }
        assert_eq!(pan(-1.0), [1.0, 0.0]);
        assert_eq!(pan(1.0), [0.0, 1.0]);
    }

    #[test]
    fn balance_ends_silence_the_other_source() {
        let midi_only = Mix { balance: -1.0, ..Mix::default() }.gains();
        assert!(midi_only.recording[1].abs() < 1e-6 && (midi_only.midi[0] - 1.0).abs() < 1e-6);
        let middle = Mix::default().gains();
        assert!((middle.midi[0] - 1.0).abs() < 1e-6 && (middle.recording[1] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_source_alone_stands_in_the_middle() {
        let alone = Mix { listen: Listen::Recording, ..Mix::default() }.gains();
        assert_eq!(alone.midi, [0.0, 0.0]);
        assert!((alone.recording[0] - alone.recording[1]).abs() < 1e-6);
    }

    #[test]
    fn muted_is_silent_whatever_is_chosen() {
        for listen in [Listen::Both, Listen::Midi, Listen::Recording] {
            let mix = Mix { listen, midi_muted: true, recording_muted: true, ..Mix::default() };
            assert_eq!(mix.gains(), Gains::default());
        }
        let clicking = Mix { click: Click::Onsets, ..Mix::default() }.gains();
        assert_eq!((clicking.beats, clicking.onsets), (0.0, 1.0));
    }

    #[test]
    fn limiter_never_passes_one_and_is_monotone() {
        let mut before = limit(-40.0);
        assert!(before >= -1.0);
        for step in -400..400 {
            let after = limit(step as f32 / 10.0);
            assert!(after >= before && after.abs() <= 1.0);
            before = after;
        }
        assert_eq!(limit(0.5), 0.5);
    }

    #[test]
    fn level_match_brings_two_loudnesses_together() {
        let quiet: Vec<f32> = (0..1000).map(|i| 0.02 * (i as f32 * 0.3).sin()).collect();
        let loud: Vec<f32> = quiet.iter().map(|s| s * 20.0).collect();
        let matched = |x: &[f32]| rms(x) * level(rms(x));
        assert!((matched(&quiet) - matched(&loud)).abs() < 1e-3);
        assert_eq!(level(0.0), 1.0);
    }
}
