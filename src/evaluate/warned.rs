//! Whether an alignment warns where it is wrong: its `unreliable` stretches against moments with a known error.

use serde::Serialize;

/// Moments of a recording, counted by whether the map is wrong there and whether the alignment warns of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Warned {
    /// All moments judged.
    pub moments: usize,
    /// Moments at which the map is wrong.
    pub wrong: usize,
    /// Moments in an unreliable stretch.
    pub warned: usize,
    /// Moments that are both.
    pub both: usize,
}

impl Warned {
    /// Counts one moment.
    pub(super) fn count(&mut self, wrong: bool, warned: bool) {
        self.moments += 1;
        self.wrong += usize::from(wrong);
        self.warned += usize::from(warned);
        self.both += usize::from(wrong && warned);
    }

    /// Adds up two counts.
    #[must_use]
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            moments: self.moments + other.moments,
            wrong: self.wrong + other.wrong,
            warned: self.warned + other.warned,
            both: self.both + other.both,
        }
    }

    /// Share of the warned moments that are wrong; `None` if there are no warnings.
    pub fn precision(&self) -> Option<f64> {
        (self.warned > 0).then(|| self.both as f64 / self.warned as f64)
    }

    /// Share of the wrong moments that are warned of; `None` if none are wrong.
    pub fn recall(&self) -> Option<f64> {
        (self.wrong > 0).then(|| self.both as f64 / self.wrong as f64)
    }

    /// Share of all moments that are warned of; 0 if there are none.
    pub fn share(&self) -> f64 {
        self.warned as f64 / self.moments.max(1) as f64
    }
}

/// Whether a moment lies in one of the stretches (from, to), in seconds.
pub(super) fn within(stretches: &[(f64, f64)], seconds: f64) -> bool {
    stretches.iter().any(|&(from, to)| (from..to).contains(&seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_and_recall_of_counted_moments() {
        let mut counts = Warned::default();
        assert_eq!((counts.precision(), counts.recall()), (None, None));
        for (wrong, warned) in [(true, true), (true, false), (true, true), (false, true), (false, false)] {
            counts.count(wrong, warned);
        }
        assert_eq!((counts.precision(), counts.recall()), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!(counts.plus(counts).moments, 10);
        assert!((counts.share() - 0.6).abs() < 1e-12);
        assert!(within(&[(1.0, 2.0)], 1.0) && !within(&[(1.0, 2.0)], 2.0));
    }
}
