//! [`InputScaling`]: how magnitudes become the input of a network.

use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};
use serde::{Deserialize, Serialize};

/// How log magnitudes become the input, before each bin is standardised over the training set. A piano roll is scaled
/// to unit length frame by frame, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputScaling {
    /// Relative to the file's loudest, floored at −80 of the papers' half decibels, frames of unit length (spec A).
    Papers,
    /// Floored at −80 dB of the file's loudest, minus the frame's mean: neither gain nor loudness matters.
    FrameMean,
    /// Floored at −80 dB of the file's loudest, each bin with mean 0 and deviation 1 over the file: its equalisation
    /// doesn't matter either.
    Standardised,
}

/// ln of 80 of the papers' half decibels, which are 160 of the usual ones.
const PAPERS_FLOOR: f32 = 18.42;
/// ln of 80 dB.
const FLOOR: f32 = 9.21;

/// What scaling part of a file must know about the whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Levels {
    loudest: f32,
    /// The mean of each bin, after flooring.
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Levels {
    /// Of a whole file, (frames × any bins).
    pub(crate) fn of(scaling: InputScaling, frames: ArrayView2<f32>) -> Self {
        let loudest = frames.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let bins = frames.ncols();
        if scaling != InputScaling::Standardised {
            return Self { loudest, mean: vec![0.0; bins], deviation: vec![1.0; bins] };
        }
        let column = |bin: usize| frames.column(bin).mapv(|v| v.max(loudest - FLOOR));
        let mean: Vec<f32> = (0..bins).map(|bin| column(bin).mean().unwrap_or(0.0)).collect();
        let deviation = (0..bins).map(|bin| least_one(column(bin).std(0.0))).collect();
        Self { loudest, mean, deviation }
    }
}

/// A deviation to divide by: 1 if nothing varies.
pub(crate) fn least_one(deviation: f32) -> f32 {
    if deviation > 1e-6 { deviation } else { 1.0 }
}

impl InputScaling {
    /// The value below which everything is raised to it.
    pub(crate) fn floor(self, levels: &Levels) -> f32 {
        levels.loudest - if self == Self::Papers { PAPERS_FLOOR } else { FLOOR }
    }

    /// Scales some frames of a file in place; their first bin is bin `from` of those that the levels were measured on.
    pub(crate) fn apply(self, levels: &Levels, from: usize, mut frames: ArrayViewMut2<f32>) {
        let floor = self.floor(levels);
        for mut row in frames.rows_mut() {
            match self {
                Self::Papers => {
                    row.mapv_inplace(|v| v.max(floor) - levels.loudest);
                    unit_length(row);
                }
                Self::FrameMean => {
                    row.mapv_inplace(|v| v.max(floor));
                    let mean = row.mean().unwrap_or(0.0);
                    row.mapv_inplace(|v| v - mean);
                }
                Self::Standardised => {
                    let each = row.iter_mut().zip(&levels.mean[from..]).zip(&levels.deviation[from..]);
                    each.for_each(|((v, mean), deviation)| *v = (v.max(floor) - mean) / deviation);
                }
            }
        }
    }
}

/// A piano roll's scaling: rows of unit length (spec A); empty ones stay 0.
pub(crate) fn scale_roll(mut frames: ArrayViewMut2<f32>) {
    frames.rows_mut().into_iter().for_each(unit_length);
}

fn unit_length(mut row: ArrayViewMut1<f32>) {
    let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
    if norm > 0.0 {
        row.mapv_inplace(|v| v / norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn scalings_are_those_described() {
        let file = ndarray::array![[0.0_f32, -1.0], [-100.0, -3.0]];
        let scaled = |scaling: InputScaling| {
            let mut part = file.clone();
            scaling.apply(&Levels::of(scaling, file.view()), 0, part.view_mut());
            part
        };
        let near = |a: &Array2<f32>, b: &Array2<f32>| (a - b).iter().all(|d| d.abs() < 1e-4);
        let norm = PAPERS_FLOOR.hypot(3.0);
        assert!(near(
            &scaled(InputScaling::Papers),
            &ndarray::array![[0.0, -1.0], [-PAPERS_FLOOR / norm, -3.0 / norm]]
        ));
        let half = f32::midpoint(-FLOOR, -3.0);
        assert!(near(&scaled(InputScaling::FrameMean), &ndarray::array![[0.5, -0.5], [-FLOOR - half, -3.0 - half]]));
        assert!(near(&scaled(InputScaling::Standardised), &ndarray::array![[1.0, 1.0], [-1.0, -1.0]]));
    }
}
