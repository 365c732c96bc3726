//! Ticks to seconds and back.

use super::TempoChange;

/// 120 quarter notes a minute: by the standard, in force until the first tempo event.
pub(super) const DEFAULT_MICROS_PER_QUARTER: u32 = 500_000;

/// Tempo changes with the second at which each begins.
#[derive(Debug, Clone)]
pub(super) struct TempoMap {
    ticks_per_quarter: u16,
    changes: Vec<TempoChange>,
    start_s: Vec<f64>,
}

impl TempoMap {
    /// `changes` by tick; if there are several at one tick, the last counts. None may have 0 µs.
    pub(super) fn new(ticks_per_quarter: u16, changes: impl IntoIterator<Item = TempoChange>) -> Self {
        let mut kept = vec![TempoChange { tick: 0, micros_per_quarter: DEFAULT_MICROS_PER_QUARTER }];
        for change in changes {
            kept.pop_if(|last| last.tick == change.tick);
            // A repeated tempo is no change; files hold thousands of them.
            if kept.last().is_none_or(|last| last.micros_per_quarter != change.micros_per_quarter) {
                kept.push(change);
            }
        }
        // Whole numbers (µs × ticks), so that rounding does not add up over thousands of changes.
        let mut elapsed: u128 = 0;
        let per_second = f64::from(ticks_per_quarter) * 1e6;
        let mut start_s = Vec::with_capacity(kept.len());
        for (i, change) in kept.iter().enumerate() {
            if let Some(before) = i.checked_sub(1).map(|b| kept[b]) {
                elapsed += u128::from(change.tick - before.tick) * u128::from(before.micros_per_quarter);
            }
            start_s.push(elapsed as f64 / per_second);
        }
        Self { ticks_per_quarter, changes: kept, start_s }
    }

    pub(super) fn ticks_per_quarter(&self) -> u16 {
        self.ticks_per_quarter
    }

    pub(super) fn changes(&self) -> &[TempoChange] {
        &self.changes
    }

    /// Second at which each of [`changes`](Self::changes) begins.
    pub(super) fn change_seconds(&self) -> &[f64] {
        &self.start_s
    }

    /// Seconds at a tick. Before 0 the first tempo continues.
    pub(super) fn seconds(&self, tick: f64) -> f64 {
        let i = self.changes.partition_point(|c| c.tick as f64 <= tick).saturating_sub(1);
        self.start_s[i] + (tick - self.changes[i].tick as f64) * self.seconds_per_tick(i)
    }

    /// Tick at a second; the inverse of [`seconds`](Self::seconds).
    pub(super) fn tick(&self, seconds: f64) -> f64 {
        let i = self.start_s.partition_point(|&s| s <= seconds).saturating_sub(1);
        self.changes[i].tick as f64 + (seconds - self.start_s[i]) / self.seconds_per_tick(i)
    }

    fn seconds_per_tick(&self, change: usize) -> f64 {
        f64::from(self.changes[change].micros_per_quarter) / (f64::from(self.ticks_per_quarter) * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn change(tick: u64, micros_per_quarter: u32) -> TempoChange {
        TempoChange { tick, micros_per_quarter }
    }

    #[test]
    fn without_a_tempo_event_a_quarter_lasts_half_a_second() {
        let map = TempoMap::new(480, []);
        assert!((map.seconds(960.0) - 1.0).abs() < 1e-12);
        assert!((map.tick(-0.5) + 480.0).abs() < 1e-9);
    }

    #[test]
    fn the_last_of_several_tempos_at_a_tick_counts_and_repeats_are_dropped() {
        let changes = [change(0, 400_000), change(0, 1_000_000), change(10, 1_000_000), change(20, 5), change(20, 7)];
        let map = TempoMap::new(100, changes);
        assert_eq!(map.changes(), [change(0, 1_000_000), change(20, 7)]);
        assert!((map.seconds(120.0) - (0.2 + 7e-6)).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn seconds_increase_and_tick_is_their_inverse(
            steps in prop::collection::vec((1u64..5000, 1u32..16_777_216), 0..20),
            ticks in prop::collection::vec(0.0..100_000.0, 2..20),
            ticks_per_quarter in 1u16..32_768,
        ) {
            let mut tick = 0;
            let changes: Vec<_> = steps.iter().map(|&(step, micros)| { tick += step; change(tick, micros) }).collect();
            let map = TempoMap::new(ticks_per_quarter, changes);
            let mut sorted = ticks;
            sorted.sort_by(f64::total_cmp);
            for pair in sorted.windows(2) {
                prop_assert!(map.seconds(pair[0]) <= map.seconds(pair[1]));
                // If a tick is a microsecond long, minutes into the music the seconds hold only so many of its digits.
                let resolution = map.seconds(pair[0]) * 1e-15 / (1e-6 / f64::from(ticks_per_quarter));
                prop_assert!((map.tick(map.seconds(pair[0])) - pair[0]).abs() < 1e-6 + 4.0 * resolution);
            }
        }
    }
}
