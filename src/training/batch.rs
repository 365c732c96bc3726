//! [`Batch`]: the inputs of both networks in one step.

use ndarray::Array2;
use rand_pcg::Pcg64;
use std::path::Path;

/// Most semitones by which both sides are moved, either way: the pairs' margin beyond the 48 bins.
pub(super) const MOST_TRANSPOSED: usize = crate::features::KEY_MARGIN;

/// Inputs of both networks, crop by crop or song by song, and the group of each: those of one group are the same music.
pub(super) struct Batch {
    pub midi: Vec<Array2<f32>>,
    pub audio: Vec<Array2<f32>>,
    pub groups: Vec<usize>,
}

/// A batch, and the random numbers that follow those it was drawn with, for the loss of the same step.
pub(super) type Drawn = (Batch, Pcg64);

/// Name of a data set for the record: that of its folder.
pub(super) fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}
