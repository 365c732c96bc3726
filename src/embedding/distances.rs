//! [`Distances`]: how far apart embeddings are for matching pairs, and for others.

use crate::encoder::bhattacharyya;
use serde::{Deserialize, Serialize};

/// Bins of the histograms (spec G).
const BINS: usize = 20;

/// Histograms of the distances of matching pairs and of others, over the same bins from the smallest to the largest
/// distance (ICASSP 2016, figure 1; the axis there is logarithmic).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Distances {
    /// The smallest distance.
    pub least: f32,
    /// The largest.
    pub most: f32,
    /// Matching pairs in each bin.
    pub matching: Vec<u64>,
    /// Other pairs in each bin.
    pub different: Vec<u64>,
}

impl Distances {
    /// Makes the histograms from distances of matching and of other pairs; those that are not finite are left out.
    pub fn of(matching: &[f32], different: &[f32]) -> Self {
        let all = || matching.iter().chain(different).copied().filter(|d| d.is_finite());
        let (least, most) = all().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), d| (low.min(d), high.max(d)));
        if least > most {
            return Self::default();
        }
        let mut made = Self { least, most, matching: vec![0; BINS], different: vec![0; BINS] };
        for d in matching.iter().filter(|d| d.is_finite()) {
            let bin = made.bin(*d);
            made.matching[bin] += 1;
        }
        for d in different.iter().filter(|d| d.is_finite()) {
            let bin = made.bin(*d);
            made.different[bin] += 1;
        }
        made
    }

    /// Width of a bin.
    pub fn bin_width(&self) -> f32 {
        (self.most - self.least) / BINS as f32
    }

    fn bin(&self, distance: f32) -> usize {
        (((distance - self.least) / self.bin_width().max(f32::MIN_POSITIVE)) as usize).min(BINS - 1)
    }

    /// Bhattacharyya coefficient: 0 if the two don't overlap, 1 if they are equal, or if there is nothing to compare;
    /// lower is better.
    pub fn coefficient(&self) -> f64 {
        if self.least >= self.most {
            return 1.0;
        }
        bhattacharyya(&self.matching, &self.different)
    }

    /// Mean distance of matching and of other pairs, as precisely as the bins allow.
    pub fn means(&self) -> (f64, f64) {
        let mean = |counts: &[u64]| {
            let middle = |bin: usize| f64::from(self.least) + (bin as f64 + 0.5) * f64::from(self.bin_width());
            let sum: f64 = counts.iter().enumerate().map(|(bin, &n)| middle(bin) * n as f64).sum();
            sum / counts.iter().sum::<u64>().max(1) as f64
        };
        (mean(&self.matching), mean(&self.different))
    }

    /// Shares of the matching and of the other pairs that are nearer than `distance`; within a bin they are assumed to
    /// be spread evenly. `None` if there are no pairs.
    pub fn nearer(&self, distance: f32) -> Option<(f64, f64)> {
        let along = (distance - self.least) / self.bin_width().max(f32::MIN_POSITIVE);
        let share = |counts: &[u64]| {
            let all = counts.iter().sum::<u64>();
            let below: f64 =
                (0..).zip(counts).map(|(bin, &n)| n as f64 * f64::from((along - bin as f32).clamp(0.0, 1.0))).sum();
            (all > 0).then(|| below / all as f64)
        };
        Some((share(&self.matching)?, share(&self.different)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_apart_does_not_overlap_and_what_is_equal_does() {
        let apart = Distances::of(&[0.0, 0.1, 0.1], &[0.9, 1.0, f32::INFINITY]);
        assert_eq!((apart.coefficient(), apart.matching[0], apart.matching[2]), (0.0, 1, 2));
        assert_eq!(apart.different.iter().sum::<u64>(), 2);
        let (near, far) = apart.means();
        assert!(near < 0.15 && far > 0.85);
        assert!((Distances::of(&[0.0, 1.0], &[0.0, 1.0]).coefficient() - 1.0).abs() < 1e-12);
        for nothing in [Distances::of(&[], &[]), Distances::of(&[0.5], &[0.5]), Distances::of(&[1.0, 2.0], &[])] {
            assert!((nothing.coefficient() - 1.0).abs() < 1e-12, "{nothing:?}");
        }
    }

    #[test]
    fn a_distance_lies_somewhere_among_them() {
        let spread = Distances::of(&[0.0, 0.2], &[0.6, 1.0]);
        assert_eq!(spread.nearer(0.5), Some((1.0, 0.0)));
        assert_eq!(spread.nearer(0.1), Some((0.5, 0.0)));
        assert_eq!(spread.nearer(9.0), Some((1.0, 1.0)));
        assert_eq!(Distances::default().nearer(0.1), None);
    }
}
