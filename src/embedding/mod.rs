//! A whole sequence as one vector: equal music is near, other music far, whatever its length and tempo.
//!
//! Raffel and Ellis, "Pruning Subsequence Search with Attention-Based Embedding", ICASSP 2016 (spec G): a convolutional
//! network over frames, [`Attention`] over its steps, dense layers; one such network for MIDI files, one for
//! recordings. The distance between two embeddings prunes a search before hashes or frames are compared.
//!
//! | question | answer |
//! |---|---|
//! | Which networks? | [`EmbeddingArchitecture`]: `gen1`, `gen2`, ours |
//! | The vector of a file, and what was attended to? | [`EmbeddingModel::embed`] |
//! | Of a file much longer than what it is compared with? | [`windows`], one vector each |
//! | How far apart are matching and other pairs? | [`Distances`] |
//! | Without learning? | `statistics` |

mod attention;
mod distances;
mod model;
mod network;

pub use attention::Attention;
pub use distances::Distances;
pub(crate) use model::{EMBEDDED, pool_frames, unit_length};
pub use model::{Embedded, EmbeddingArchitecture, EmbeddingModel, EmbeddingTrainingRecord};
pub(crate) use network::{AttentionNetwork, EmbeddingTrace};

use ndarray::{ArrayView1, ArrayView2, Axis};
use std::ops::Range;

/// Frames of a window: 45 s. Embeddings of windows find more than those of whole files.
pub(crate) const WINDOW_FRAMES: usize = 969;

/// Windows of `WINDOW_FRAMES`, half a window apart, the last one ending at the end; one window for a file not much
/// longer.
///
/// ```
/// use antiphon::embedding::windows;
/// assert_eq!(windows(1000), [0..1000]);
/// assert_eq!(windows(2000), [0..969, 484..1453, 968..1937, 1031..2000]);
/// ```
pub fn windows(frames: usize) -> Vec<Range<usize>> {
    if frames <= WINDOW_FRAMES * 4 / 3 {
        return std::iter::once(0..frames).collect();
    }
    let last = frames - WINDOW_FRAMES;
    (0..last).step_by(WINDOW_FRAMES / 2).chain([last]).map(|start| start..start + WINDOW_FRAMES).collect()
}

/// The baseline (spec G): mean and standard deviation of each bin, (2 · bins). `frames` are features of unit length.
pub(crate) fn statistics(frames: ArrayView2<f32>) -> Vec<f32> {
    let mean = frames.mean_axis(Axis(0)).unwrap_or_default();
    let deviation = frames.std_axis(Axis(0), 0.0);
    mean.iter().chain(&deviation).copied().collect()
}

/// Squared Euclidean distance.
///
/// # Panics
/// If the lengths differ.
pub fn squared_distance(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f32 {
    assert_eq!(a.len(), b.len(), "embeddings of different models");
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_cover_everything_in_order(frames in 0usize..20_000) {
            let windows = windows(frames);
            prop_assert_eq!(windows[0].start, 0);
            prop_assert_eq!(windows[windows.len() - 1].end, frames);
            prop_assert!(windows.windows(2).all(|w| w[0].start < w[1].start && w[1].start < w[0].end));
        }
    }

    #[test]
    fn statistics_are_means_then_deviations() {
        let frames = ndarray::array![[1.0, 0.0], [0.0, 0.0]];
        assert_eq!(statistics(frames.view()), [0.5, 0.0, 0.5, 0.0]);
    }
}
