//! A map between MIDI time and audio time, in both directions.
//!
//! A [`TimeMap`] is a strictly increasing, piecewise linear function from MIDI time to audio time, so it has an exact
//! inverse, and anything drawn or played through it, forward or backward, meets at the same place. The knots come from
//! an alignment path whose horizontal and vertical runs have been collapsed. The two clocks are two types, [`MidiTime`]
//! and [`AudioTime`], that can't be mixed.
//!
//! ```
//! use antiphon::alignment::warp::TimeMap;
//! use antiphon::audio::AudioTime;
//! use antiphon::midi::MidiTime;
//!
//! // The recording starts after two seconds and is a quarter slower.
//! let map = TimeMap::new([(MidiTime(0.0), AudioTime(2.0)), (MidiTime(8.0), AudioTime(12.0))])?;
//! assert_eq!(map.to_audio(MidiTime(4.0)), AudioTime(7.0));
//! assert_eq!(map.to_midi(AudioTime(7.0)), MidiTime(4.0));
//! # Ok::<(), antiphon::Error>(())
//! ```

use crate::audio::AudioTime;
use crate::error::{Error, Result};
use crate::midi::MidiTime;

/// Knots closer than this, in seconds on either clock, are merged: below it a slope is rounding noise.
const MIN_STEP_S: f64 = 1e-7;

/// A strictly increasing, piecewise linear map from MIDI time to audio time. Outside its knots it continues with the
/// slope of the whole map.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeMap {
    /// MIDI seconds, audio seconds.
    knots: Vec<(f64, f64)>,
}

impl TimeMap {
    /// Makes a map through `knots` (at least two). Knots that don't advance on both clocks are dropped.
    ///
    /// # Errors
    /// [`Error::Nothing`] if fewer than two knots remain, [`Error::Limit`] if one is not finite.
    pub fn new(knots: impl IntoIterator<Item = (MidiTime, AudioTime)>) -> Result<Self> {
        let mut kept: Vec<(f64, f64)> = Vec::new();
        for (MidiTime(midi), AudioTime(audio)) in knots {
            if !midi.is_finite() || !audio.is_finite() {
                let value = format!("{midi} s, {audio} s");
                return Err(Error::Limit { what: "knot of the time map", value, limit: "finite numbers".into() });
            }
            if kept.last().is_none_or(|&(m, a)| midi > m + MIN_STEP_S && audio > a + MIN_STEP_S) {
                kept.push((midi, audio));
            }
        }
        if kept.len() < 2 {
            return Err(Error::nothing(format!("a time map needs 2 knots that advance, {} given", kept.len())));
        }
        Ok(Self { knots: kept })
    }

    /// Both clocks equal.
    pub fn identity() -> Self {
        Self { knots: vec![(0.0, 0.0), (1.0, 1.0)] }
    }

    /// The knots: MIDI seconds, audio seconds, both strictly increasing.
    pub fn knots(&self) -> impl ExactSizeIterator<Item = (MidiTime, AudioTime)> + DoubleEndedIterator + '_ {
        self.knots.iter().map(|&(m, a)| (MidiTime(m), AudioTime(a)))
    }

    /// The moment of the recording for a moment of the MIDI.
    pub fn to_audio(&self, time: MidiTime) -> AudioTime {
        AudioTime(interpolate(&self.knots, time.0, |k| (k.0, k.1)))
    }

    /// The moment of the MIDI for a moment of the recording; the inverse of [`to_audio`](Self::to_audio).
    pub fn to_midi(&self, time: AudioTime) -> MidiTime {
        MidiTime(interpolate(&self.knots, time.0, |k| (k.1, k.0)))
    }

    /// The same map with fewer knots: between the first and the last its audio times move by at most `tolerance_s`
    /// seconds.
    ///
    /// Knots are only removed, never moved. From each kept knot a straight line goes on for as long as it passes all
    /// knots in between within the tolerance: the cone of such slopes is narrowed knot by knot, in a single pass.
    ///
    /// ```
    /// # use antiphon::alignment::warp::TimeMap;
    /// # use antiphon::audio::AudioTime;
    /// # use antiphon::midi::MidiTime;
    /// let map = TimeMap::new((0..100).map(|i| (MidiTime(f64::from(i)), AudioTime(1.5 * f64::from(i)))))?;
    /// assert_eq!(map.simplified(0.001).knots().len(), 2);
    /// # Ok::<(), antiphon::Error>(())
    /// ```
    #[must_use]
    pub fn simplified(&self, tolerance_s: f64) -> Self {
        // A straight line through its knots misses them by a few units in the last place.
        let tolerance_s = tolerance_s.max(0.0) + 1e-9;
        let mut kept = vec![self.knots[0]];
        let (mut from, mut reached) = (self.knots[0], self.knots[1]);
        let (mut lowest, mut highest) = (f64::NEG_INFINITY, f64::INFINITY);
        for &knot in &self.knots[1..] {
            let slope = |audio: f64| (audio - from.1) / (knot.0 - from.0);
            if !(lowest..=highest).contains(&slope(knot.1)) {
                kept.push(reached);
                from = reached;
                (lowest, highest) = (f64::NEG_INFINITY, f64::INFINITY);
            }
            let slope = |audio: f64| (audio - from.1) / (knot.0 - from.0);
            lowest = lowest.max(slope(knot.1 - tolerance_s));
            highest = highest.min(slope(knot.1 + tolerance_s));
            reached = knot;
        }
        kept.push(reached);
        Self { knots: kept }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Maps with steps between a millisecond and seconds, slopes between 1/20 and 20.
    fn maps() -> impl Strategy<Value = TimeMap> {
        let steps = prop::collection::vec((0.001..2.0, 0.05..20.0), 1..60);
        (-20.0..20.0, -20.0..20.0, steps).prop_map(|(mut midi, mut audio, steps): (f64, f64, Vec<(f64, f64)>)| {
            let mut knots = vec![(MidiTime(midi), AudioTime(audio))];
            for (step, slope) in steps {
                (midi, audio) = (midi + step, audio + step * slope);
                knots.push((MidiTime(midi), AudioTime(audio)));
            }
            TimeMap::new(knots).expect("finite and increasing")
        })
    }

    proptest! {
        #[test]
        fn forward_then_back_is_identity(map in maps(), time in -100.0..200.0) {
            let there = map.to_audio(MidiTime(time));
            prop_assert!((map.to_midi(there).0 - time).abs() < 1e-9);
            prop_assert!((map.to_audio(map.to_midi(AudioTime(time))).0 - time).abs() < 1e-9);
        }

        #[test]
        fn later_is_later(map in maps(), time in -100.0..200.0, step in 1e-6..1.0) {
            prop_assert!(map.to_audio(MidiTime(time + step)) > map.to_audio(MidiTime(time)));
            prop_assert!(map.to_midi(AudioTime(time + step)) > map.to_midi(AudioTime(time)));
        }

        #[test]
        fn knots_are_met(map in maps()) {
            for (midi, audio) in map.knots() {
                prop_assert!((map.to_audio(midi).0 - audio.0).abs() < 1e-9);
            }
        }

        #[test]
        fn simplified_stays_within_the_tolerance_and_keeps_the_ends(map in maps(), tolerance in 0.0..0.5) {
            let simple = map.simplified(tolerance);
            for (midi, audio) in map.knots() {
                prop_assert!((simple.to_audio(midi).0 - audio.0).abs() <= tolerance + 1e-8);
            }
            prop_assert_eq!(simple.knots().next(), map.knots().next());
            prop_assert_eq!(simple.knots().last(), map.knots().last());
            prop_assert!(simple.knots().all(|knot| map.knots().any(|other| other == knot)));
        }
    }

    #[test]
    fn knots_that_do_not_advance_are_dropped() {
        let knots = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 2.0), (2.0, 3.0)];
        let map = TimeMap::new(knots.map(|(m, a)| (MidiTime(m), AudioTime(a)))).expect("two remain");
        assert_eq!(map.knots().len(), 3);
        assert_eq!(map.to_audio(MidiTime(1.5)), AudioTime(2.0));
    }

    #[test]
    fn too_few_knots_or_not_a_number_are_refused() {
        assert!(TimeMap::new([(MidiTime(0.0), AudioTime(0.0))]).is_err());
        assert!(TimeMap::new([(MidiTime(0.0), AudioTime(0.0)), (MidiTime(f64::NAN), AudioTime(1.0))]).is_err());
    }

    #[test]
    fn a_slow_rubato_needs_few_knots() {
        // 240 s in steps of 46 ms, ±10 % of tempo over a minute.
        let knots = (0..5200).map(|i| {
            let midi = f64::from(i) * 0.0464;
            let swing = 60.0 / std::f64::consts::TAU;
            (MidiTime(midi), AudioTime(midi + 0.1 * swing * (midi / swing).sin()))
        });
        let map = TimeMap::new(knots).expect("increasing");
        // A chord of h seconds misses this curve by up to 0.1 / swing × h² / 8: about one knot every 3.6 s on average.
        assert!(map.simplified(0.010).knots().len() <= 70);
    }
}
