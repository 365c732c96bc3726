//! What all encoders share, whether they make codes or vectors.
//!
//! An encoder is two networks of equal shape, one for each [`Side`]: their inputs ([`InputScaling`], then each bin
//! normalised by the mean and deviation of the training set), and the file that holds them. [`hashing`](crate::hashing)
//! and [`embedding`](crate::embedding) say what the networks are and what they produce.

mod scaling;

pub use scaling::InputScaling;
pub(crate) use scaling::{Levels, least_one, scale_roll};

use crate::error::{Error, Result};
use ndarray::ArrayViewMut2;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Bins of both inputs: MIDI notes 36 to 83 (spec A).
pub(crate) const INPUT_BINS: usize = crate::features::BINS;
/// Most bytes in a model file; the largest of the papers has 85 MB.
const MOST_BYTES: u64 = 1 << 30;

/// Which of the two networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// f: a MIDI file, synthesised or as a piano roll.
    Midi,
    /// g: a recording.
    Audio,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Midi, Self::Audio];

    /// Its name in files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Midi => "midi",
            Self::Audio => "audio",
        }
    }
}

/// One of the two networks, with its input's standardisation over the training set.
#[derive(Debug, Clone)]
pub(crate) struct Branch<N> {
    pub network: N,
    pub mean: Vec<f32>,
    pub deviation: Vec<f32>,
}

impl<N> Branch<N> {
    /// A network with the standardisation read from a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn standardised(network: N, mean: Vec<f32>, deviation: Vec<f32>) -> core::result::Result<Self, String> {
        for (what, values) in [("mean", &mean), ("deviation", &deviation)] {
            if values.len() != INPUT_BINS {
                return Err(format!("{what} has {} values, {INPUT_BINS} expected", values.len()));
            }
            if let Some(wrong) = values.iter().find(|v| !v.is_finite() || (what == "deviation" && **v <= 0.0)) {
                return Err(format!("{what} holds {wrong}"));
            }
        }
        Ok(Self { network, mean, deviation })
    }

    /// Standardises each bin by the mean and deviation of the training set: to 0 and 1.
    pub(crate) fn standardise(&self, mut frames: ArrayViewMut2<f32>) {
        for mut row in frames.rows_mut() {
            let each = row.iter_mut().zip(&self.mean).zip(&self.deviation);
            each.for_each(|((v, mean), deviation)| *v = (*v - mean) / deviation);
        }
    }
}

/// Both networks.
#[derive(Debug, Clone)]
pub(crate) struct Branches<N> {
    pub midi: Branch<N>,
    pub audio: Branch<N>,
}

impl<N> Branches<N> {
    /// Untrained networks, whose inputs are not standardised yet; each network has its own seed.
    pub(crate) fn new(seed: u64, network: impl Fn(u64) -> Result<N>) -> Result<Self> {
        let branch = |seed| -> Result<Branch<N>> {
            Ok(Branch { network: network(seed)?, mean: vec![0.0; INPUT_BINS], deviation: vec![1.0; INPUT_BINS] })
        };
        Ok(Self { midi: branch(2 * seed)?, audio: branch(2 * seed + 1)? })
    }

    pub(crate) fn of(&self, side: Side) -> &Branch<N> {
        match side {
            Side::Midi => &self.midi,
            Side::Audio => &self.audio,
        }
    }

    pub(crate) fn of_mut(&mut self, side: Side) -> &mut Branch<N> {
        match side {
            Side::Midi => &mut self.midi,
            Side::Audio => &mut self.audio,
        }
    }
}

/// Reads a model file.
///
/// # Errors
/// [`Error::Io`]; [`Error::Model`] if the file is larger than 1 GiB, or `parse` rejects it.
pub(crate) fn load<M>(path: &Path, parse: impl FnOnce(&[u8]) -> core::result::Result<M, String>) -> Result<M> {
    let refused = |reason| Error::Model { reason, path: path.to_path_buf() };
    let length = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
    if length > MOST_BYTES {
        return Err(refused(format!("{length} bytes, at most {MOST_BYTES} are read")));
    }
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    parse(&bytes).map_err(refused)
}

/// Bhattacharyya coefficient of two histograms over the same bins, of matching and of other pairs; 1 if one of them is
/// empty.
pub(crate) fn bhattacharyya(matching: &[u64], different: &[u64]) -> f64 {
    let sum = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
    let (p, q) = (sum(matching), sum(different));
    if p == 0.0 || q == 0.0 {
        return 1.0;
    }
    matching.iter().zip(different).map(|(&a, &b)| (a as f64 / p * (b as f64 / q)).sqrt()).sum()
}
