//! Time signatures: bars, and the beats as `pretty_midi` counts them.

use super::tempo::TempoMap;
use super::{MidiTime, TimeSignature};

/// The metre until a time signature says otherwise.
const COMMON_TIME: TimeSignature = TimeSignature { tick: 0, numerator: 4, denominator: 4 };

/// More beats than in 100 hours of presto; only a corrupt file has more, and it is cut there.
const MAX_BEATS: usize = 1_000_000;

/// Time signatures with the number of the bar that each begins. A signature always begins a bar.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    ticks_per_quarter: f64,
    signatures: Vec<TimeSignature>,
    /// As `signatures`, with common time before the first if it comes late: bar number from 1.
    stretches: Vec<(u32, TimeSignature)>,
}

/// A bar of the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bar {
    /// From 1.
    pub(crate) number: u32,
    /// Tick of its first beat; may have a fraction if a bar is not a whole number of ticks.
    pub(crate) start_tick: f64,
    /// Length according to its signature, in ticks.
    pub(crate) ticks: f64,
    pub(crate) signature: TimeSignature,
}

impl Meter {
    /// `signatures` by tick, one per tick, numerators and denominators above 0.
    pub(super) fn new(ticks_per_quarter: u16, signatures: Vec<TimeSignature>) -> Self {
        let mut meter = Self { ticks_per_quarter: f64::from(ticks_per_quarter), signatures, stretches: Vec::new() };
        if meter.signatures.first().is_none_or(|s| s.tick > 0) {
            meter.stretches.push((1, COMMON_TIME));
        }
        for &signature in &meter.signatures {
            let number = meter.stretches.last().map_or(1, |&(first, before)| {
                let bars = (signature.tick - before.tick) as f64 / meter.bar_ticks(before);
                // A change inside a bar cuts it short; the short bar counts.
                first.saturating_add((bars - 1e-9).ceil() as u32)
            });
            meter.stretches.push((number, signature));
        }
        meter
    }

    pub(super) fn signatures(&self) -> &[TimeSignature] {
        &self.signatures
    }

    fn bar_ticks(&self, signature: TimeSignature) -> f64 {
        self.ticks_per_quarter * 4.0 * f64::from(signature.numerator) / f64::from(signature.denominator)
    }

    /// The bar around a tick; before 0 the first signature continues, and the number stays 1.
    pub(super) fn bar_at(&self, tick: f64) -> Bar {
        let i = self.stretches.partition_point(|(_, s)| s.tick as f64 <= tick).saturating_sub(1);
        let (first, signature) = self.stretches[i];
        let ticks = self.bar_ticks(signature);
        let bars = ((tick - signature.tick as f64) / ticks).floor();
        Bar {
            number: first.saturating_add(bars.max(0.0) as u32),
            start_tick: signature.tick as f64 + bars * ticks,
            ticks,
            signature,
        }
    }

    /// Beats from 0 until `end_s` as `pretty_midi.get_beats` gives them.
    ///
    /// A beat is a note of the denominator, or three of them in a compound metre (numerator 6, 9, 12 …). One that
    /// straddles a tempo change gets its share of both tempos. A time signature begins a beat, even if it comes early
    /// or is within rounding distance; times are compared as in `numpy.isclose`, 10⁻⁵ relative.
    pub(super) fn beats(&self, tempo: &TempoMap, end_s: f64) -> Vec<MidiTime> {
        let changes = tempo.change_seconds();
        let signature_s: Vec<f64> = self.signatures.iter().map(|s| tempo.seconds(s.tick as f64)).collect();
        let (mut at_tempo, mut at_signature) = (0, 0);
        let mut beats = Vec::new();
        let mut beat = 0.0;
        // A beat exactly at the end does not count. There, rounding would decide, as it does in the original.
        let end_s = end_s - 1e-9 * (1.0 + end_s);
        while beat < end_s && beats.len() < MAX_BEATS {
            beats.push(MidiTime(beat));
            let quarters = self.signatures.get(at_signature).map_or(1.0, |&s| quarters_a_beat(s));
            let period = |change: usize| quarters * f64::from(tempo.changes()[change].micros_per_quarter) * 1e-6;
            let mut next = beat + period(at_tempo);
            if changes.get(at_tempo + 1).is_some_and(|&change| next > change) {
                let mut remaining = 1.0;
                next = beat;
                while let Some(&change) = changes.get(at_tempo + 1)
                    && next + remaining * period(at_tempo) >= change
                {
                    remaining -= (change - next) / period(at_tempo);
                    next = change;
                    at_tempo += 1;
                }
                next += remaining * period(at_tempo);
            }
            if at_signature == 0
                && let Some(&first) = signature_s.first()
                && first > beat
                && reaches(next, first)
            {
                next = first;
            }
            if let Some(&change) = signature_s.get(at_signature + 1)
                && reaches(next, change)
            {
                next = change;
                at_signature += 1;
            }
            beat = next;
        }
        beats
    }
}

/// Quarter notes per beat, as in `pretty_midi.qpm_to_bpm`: unusual denominators count as quarters.
fn quarters_a_beat(signature: TimeSignature) -> f64 {
    let compound = signature.numerator > 3 && signature.numerator.is_multiple_of(3);
    match signature.denominator {
        denominator @ (1 | 2 | 4 | 8 | 16 | 32) => 4.0 / f64::from(denominator) * if compound { 3.0 } else { 1.0 },
        _ => 1.0,
    }
}

/// `a > b or numpy.isclose(a, b)`.
fn reaches(a: f64, b: f64) -> bool {
    a > b || (a - b).abs() <= 1e-8 + 1e-5 * b.abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::TempoChange;

    fn signature(tick: u64, numerator: u8, denominator: u16) -> TimeSignature {
        TimeSignature { tick, numerator, denominator }
    }

    #[test]
    fn a_change_inside_a_bar_cuts_it_short() {
        let meter = Meter::new(480, vec![signature(0, 4, 4), signature(1920 + 480, 3, 4)]);
        assert_eq!(meter.bar_at(1919.0).number, 1);
        assert_eq!(meter.bar_at(2399.0).number, 2);
        let bar = meter.bar_at(2400.0 + 1440.0);
        assert_eq!((bar.number, bar.start_tick, bar.ticks), (4, 3840.0, 1440.0));
    }

    #[test]
    fn common_time_holds_before_a_late_first_signature() {
        let meter = Meter::new(100, vec![signature(400, 6, 8)]);
        assert_eq!(meter.bar_at(399.0).signature, COMMON_TIME);
        assert_eq!(meter.bar_at(400.0).number, 2);
        assert!((meter.bar_at(-1.0).start_tick + 400.0).abs() < 1e-9);
    }

    #[test]
    fn beats_straddle_tempo_changes_by_their_share() {
        let changes =
            [(0, 500_000), (150, 1_000_000)].map(|(tick, micros)| TempoChange { tick, micros_per_quarter: micros });
        let tempo = TempoMap::new(100, changes);
        let beats = Meter::new(100, vec![]).beats(&tempo, 2.0);
        assert_eq!(beats, [0.0, 0.5, 1.25].map(MidiTime));
    }

    #[test]
    fn a_corrupt_tempo_gives_a_bounded_number_of_beats() {
        let tempo = TempoMap::new(1, [TempoChange { tick: 0, micros_per_quarter: 1 }]);
        assert_eq!(Meter::new(1, vec![]).beats(&tempo, 1e5).len(), MAX_BEATS);
    }
}
