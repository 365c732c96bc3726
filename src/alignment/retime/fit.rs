//! Finds the few tempos that put every tick at its second.

use crate::error::{Error, Result};
use crate::midi::TempoChange;

/// Slowest tempo that a MIDI file can hold, 24 bits.
pub(super) const MAX_MICROS_PER_QUARTER: u32 = 0xFF_FFFF;

/// More changes than any performance has notes; a map that asks for more is broken.
const MAX_CHANGES: usize = 100_000;

/// A tick that must fall at a given second; between two of them time is linear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) tick: u64,
    pub(super) seconds: f64,
}

/// How far a fitted tempo map has got: its own clock, and the first point still ahead.
#[derive(Debug, Clone, Copy)]
struct State {
    tick: u64,
    seconds: f64,
    ahead: usize,
}

/// How far one tempo reaches, and which tempos reach as far.
#[derive(Debug, Clone, Copy)]
struct Reach {
    to: Point,
    ahead: usize,
    slowest: u32,
    fastest: u32,
}

/// Finds tempo changes from tick 0 and second 0 on that meet every point, and every tick between two points, within
/// `tolerance_s`.
///
/// Each tempo lasts for as long as some whole number of microseconds per quarter note passes all points within the
/// tolerance (a cone that narrows point by point). Among the tempos that reach as far, the choice depends on how far
/// the next one then gets. The clock that is carried on is that of the rounded tempos, so rounding errors never add up.
/// A stretch that no legal tempo fits gets the nearest one; the clock recovers after it.
///
/// `points` are not empty and increase in both; the first is at tick 0.
pub(super) fn fit(points: &[Point], ticks_per_quarter: u16, tolerance_s: f64) -> Result<Vec<TempoChange>> {
    let fit = Fit { points, micros: 1e6 * f64::from(ticks_per_quarter), tolerance_s };
    let mut changes: Vec<TempoChange> = Vec::new();
    let mut state = State { tick: 0, seconds: 0.0, ahead: 1 };
    while state.ahead < points.len() {
        let reach = fit.reach(state);
        let middle = u32::midpoint(reach.slowest, reach.fastest);
        let (mut best, mut after) = (middle, fit.after(state, reach, middle));
        let mut farthest = fit.farthest(after);
        for candidate in [reach.slowest, reach.fastest] {
            let other = fit.after(state, reach, candidate);
            let reached = fit.farthest(other);
            if reached > farthest {
                (best, after, farthest) = (candidate, other, reached);
            }
        }
        if changes.last().is_none_or(|last| last.micros_per_quarter != best) {
            changes.push(TempoChange { tick: state.tick, micros_per_quarter: best });
        }
        if changes.len() > MAX_CHANGES {
            let value = format!("of {} at least", changes.len());
            return Err(Error::Limit { what: "number of tempo changes", value, limit: format!("1..={MAX_CHANGES}") });
        }
        state = after;
    }
    Ok(changes)
}

struct Fit<'a> {
    points: &'a [Point],
    /// Microseconds per quarter note for one second per tick.
    micros: f64,
    tolerance_s: f64,
}

impl Fit<'_> {
    fn reach(&self, from: State) -> Reach {
        let first = self.points[from.ahead];
        let mut target = first;
        let Some(mut reach) = (loop {
            let range = self.tempos(from, target);
            let (low, high) = whole(range);
            if low <= high {
                break Some(Reach { to: target, ahead: from.ahead, slowest: high, fastest: low });
            }
            if range.1 < 1.0 || range.0 > f64::from(MAX_MICROS_PER_QUARTER) || target.tick <= from.tick + 1 {
                break None;
            }
            // So far that no whole number of microseconds stays within the tolerance: go half way.
            target = self.before(first, from.ahead, from.tick + (target.tick - from.tick) / 2);
        }) else {
            let (low, high) = self.tempos(from, first);
            let nearest = f64::midpoint(low, high).round().clamp(1.0, f64::from(MAX_MICROS_PER_QUARTER)) as u32;
            return Reach { to: first, ahead: from.ahead + 1, slowest: nearest, fastest: nearest };
        };
        if target.tick < first.tick {
            return reach;
        }
        reach.ahead += 1;
        let (mut low, mut high) = self.tempos(from, target);
        for (index, &point) in self.points.iter().enumerate().skip(from.ahead + 1) {
            let (lowest, highest) = self.tempos(from, point);
            (low, high) = (low.max(lowest), high.min(highest));
            let (fastest, slowest) = whole((low, high));
            if fastest > slowest {
                break;
            }
            reach = Reach { to: point, ahead: index + 1, slowest, fastest };
        }
        reach
    }

    /// Tempos that pass `to` within the tolerance, in microseconds per quarter note.
    fn tempos(&self, from: State, to: Point) -> (f64, f64) {
        let scale = self.micros / (to.tick - from.tick) as f64;
        let wanted = to.seconds - from.seconds;
        ((wanted - self.tolerance_s) * scale, (wanted + self.tolerance_s) * scale)
    }

    /// A tick on the straight line that ends at the point `ahead`.
    fn before(&self, end: Point, ahead: usize, tick: u64) -> Point {
        let start = self.points[ahead - 1];
        let share = (tick - start.tick) as f64 / (end.tick - start.tick) as f64;
        Point { tick, seconds: start.seconds + share * (end.seconds - start.seconds) }
    }

    fn after(&self, from: State, reach: Reach, micros_per_quarter: u32) -> State {
        let ticks = (reach.to.tick - from.tick) as f64;
        let seconds = from.seconds + ticks * f64::from(micros_per_quarter) / self.micros;
        State { tick: reach.to.tick, seconds, ahead: reach.ahead }
    }

    fn farthest(&self, from: State) -> u64 {
        if from.ahead < self.points.len() { self.reach(from).to.tick } else { from.tick }
    }
}

/// The legal whole numbers in a range; the first is greater than the second if there are none.
fn whole((low, high): (f64, f64)) -> (u32, u32) {
    (low.ceil().max(1.0) as u32, high.floor().clamp(0.0, f64::from(MAX_MICROS_PER_QUARTER)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOLERANCE_S: f64 = 0.001;

    fn largest_error_s(points: &[Point], changes: &[TempoChange], ticks_per_quarter: u16) -> f64 {
        let seconds = |tick: u64| -> f64 {
            let ends = changes[1..].iter().map(|c| c.tick).chain([u64::MAX]);
            let micro_ticks: f64 = changes
                .iter()
                .zip(ends)
                .filter(|(change, _)| change.tick < tick)
                .map(|(c, end)| (tick.min(end) - c.tick) as f64 * f64::from(c.micros_per_quarter))
                .sum();
            micro_ticks / (f64::from(ticks_per_quarter) * 1e6)
        };
        points.iter().map(|p| (seconds(p.tick) - p.seconds).abs()).fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn every_point_is_met(
            steps in prop::collection::vec((1u64..100_000, 0.02f64..10.0), 1..60),
            ticks_per_quarter in 1u16..32_768,
        ) {
            let mut points = vec![Point { tick: 0, seconds: 0.0 }];
            for (ticks, quarter_s) in steps {
                let last = points[points.len() - 1];
                let seconds = last.seconds + ticks as f64 * quarter_s / f64::from(ticks_per_quarter);
                points.push(Point { tick: last.tick + ticks, seconds });
            }
            let changes = fit(&points, ticks_per_quarter, TOLERANCE_S).expect("legal tempos");
            prop_assert!(largest_error_s(&points, &changes, ticks_per_quarter) <= TOLERANCE_S + 1e-9);
        }
    }

    #[test]
    fn a_steady_tempo_is_one_change() {
        let points: Vec<_> = (0..1000).map(|i| Point { tick: i * 480, seconds: 0.43 * i as f64 }).collect();
        assert_eq!(
            fit(&points, 480, TOLERANCE_S).expect("legal"),
            [TempoChange { tick: 0, micros_per_quarter: 430_000 }]
        );
    }

    #[test]
    fn a_tempo_between_two_microseconds_is_held_for_ten_hours() {
        let points = [Point { tick: 0, seconds: 0.0 }, Point { tick: 72_000 * 96, seconds: 72_000.0 * 0.500_000_4 }];
        let changes = fit(&points, 96, TOLERANCE_S).expect("legal");
        assert!(largest_error_s(&points, &changes, 96) <= TOLERANCE_S);
        assert!(changes.len() < 40, "{}", changes.len());
    }

    #[test]
    fn a_tempo_out_of_range_is_approached_and_recovered_from() {
        let points = [(0, 0.0), (4, 100.0), (8, 100.5), (1000, 600.0)].map(|(tick, seconds)| Point { tick, seconds });
        let changes = fit(&points, 1, TOLERANCE_S).expect("few changes");
        assert_eq!(changes[0].micros_per_quarter, MAX_MICROS_PER_QUARTER);
        let end = [points[0], points[3]];
        assert!(largest_error_s(&end, &changes, 1) <= TOLERANCE_S);
    }
}
