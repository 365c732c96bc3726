//! [`TimeMap`]: the strictly increasing map between the two clocks, with its exact inverse.

use crate::audio::AudioTime;
use crate::error::{Error, Result};
use crate::midi::MidiTime;

/// A strictly increasing, piecewise linear map from MIDI time to audio time. Outside its knots it goes on at the slope of
/// the whole map.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeMap {
    knots: Vec<(f64, f64)>,
}

impl TimeMap {
    /// A map through `knots` (at least two). Knots that don't advance on both clocks are dropped.
    ///
    /// # Errors
    /// [`Error::Empty`] when fewer than two knots remain, or one is not finite.
    pub fn new(knots: impl IntoIterator<Item = (MidiTime, AudioTime)>) -> Result<Self> {
        let mut kept: Vec<(f64, f64)> = Vec::new();
        for (MidiTime(midi), AudioTime(audio)) in knots {
            if !midi.is_finite() || !audio.is_finite() {
                return Err(Error::Empty(format!("a knot of the time map is not finite: {midi} s, {audio} s")));
            }
            // 0.1 µs: below it a slope is rounding noise.
            if kept.last().is_none_or(|&(m, a)| midi > m + 1e-7 && audio > a + 1e-7) {
                kept.push((midi, audio));
            }
        }
        if kept.len() < 2 {
            return Err(Error::Empty(format!("a time map needs 2 knots, {} given", kept.len())));
        }
        Ok(Self { knots: kept })
    }

    /// Both clocks equal.
    pub fn identity() -> Self {
        Self { knots: vec![(0.0, 0.0), (1.0, 1.0)] }
    }

    /// The knots: MIDI seconds, audio seconds, both strictly increasing.
    pub fn knots(&self) -> impl ExactSizeIterator<Item = (MidiTime, AudioTime)> + '_ {
        self.knots.iter().map(|&(m, a)| (MidiTime(m), AudioTime(a)))
    }

    /// The moment of the recording for a moment of the MIDI.
    pub fn to_audio(&self, time: MidiTime) -> AudioTime {
        AudioTime(interpolate(&self.knots, time.0, |k| (k.0, k.1)))
    }

    /// The moment of the MIDI for a moment of the recording.
    pub fn to_midi(&self, time: AudioTime) -> MidiTime {
        MidiTime(interpolate(&self.knots, time.0, |k| (k.1, k.0)))
    }
}

/// Piecewise linear value at `x`; `axes` gives (x, y) of a knot.
pub(super) fn interpolate(knots: &[(f64, f64)], x: f64, axes: impl Fn((f64, f64)) -> (f64, f64)) -> f64 {
    let (first, last) = (axes(knots[0]), axes(knots[knots.len() - 1]));
    let slope = (last.1 - first.1) / (last.0 - first.0);
    if x <= first.0 {
        return first.1 + (x - first.0) * slope;
    }
    if x >= last.0 {
        return last.1 + (x - last.0) * slope;
    }
    let right = knots.partition_point(|&k| axes(k).0 <= x);
    let (a, b) = (axes(knots[right - 1]), axes(knots[right]));
    a.1 + (x - a.0) * (b.1 - a.1) / (b.0 - a.0)
}
