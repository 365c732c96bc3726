//! The published aligners, exact: paths, scores and confidences of both generations (spec B).
//!
//! [`gen1`] is Raffel's system of 2015 (ISMIR; beat-synchronous features), [`gen2`] the "gold standard" of 2016 (ICASSP,
//! thesis, Lakh MIDI Dataset; frames of 46 ms). Both take `S = 1 − X · Yᵀ`, a free start on either edge, a gully and an
//! additive penalty, and divide the cost of the path by its length and by the mean of `S` over the rectangle that the path
//! spans:
//!
//! | | gully | penalty φ | rectangle | accepted |
//! |---|---|---|---|---|
//! | [`gen1`] | .95 | 90th percentile of `S` | without its last row and column (`midi-dataset`) | score ≤ .78 |
//! | [`gen2`] | .96 | median of `S` | whole (`alignment-search`) | confidence > .5 |
//!
//! `x` is the MIDI and `y` the recording. For when the default aligner is the better choice, see [`super`].

use super::distance;
use super::dtw::{DtwParams, Path, dtw_coarse_to_fine, pool, pooling_factor};
use crate::error::{Error, Result};
use crate::features::Features;
use crate::job::Progress;
use ndarray::ArrayView2;

/// Cells up to which the whole matrix is searched: 250 MB of moves. The published code refuses from 2.5e8 on.
const MAX_CELLS: usize = 1_000_000_000;

/// What a published aligner says about a pair.
#[derive(Debug, Clone)]
pub struct PublishedAlignment {
    /// (MIDI frame, audio frame) of each step, its local costs, and the raw cost of the whole path, penalties included.
    pub path: Path,
    /// Normalised cost, lower is better: raw cost / length / mean distance. 1 where that mean is 0: among frames that are
    /// all equal no path means anything.
    pub score: f64,
    /// `clip(2(1 − score), 0, 1)`.
    pub confidence: f64,
    /// Whether the authors would have kept the pair.
    pub accepted: bool,
    /// The penalty φ that was used.
    pub penalty: f32,
    /// Says that and why the pair was aligned coarse to fine; then neither path nor penalty are exact.
    pub remark: Option<String>,
}

/// What differs between the generations.
struct Generation {
    gully: f64,
    penalty_fraction: f64,
    whole_rectangle: bool,
    accepts: fn(score: f64, confidence: f64) -> bool,
}

/// The aligner of 2015. `x` and `y` should be beat-synchronous; nothing here depends on it.
///
/// # Errors
/// [`Error::Empty`] when a side has no frames, [`Error::Limit`] when a feature is not finite or the sides differ in their
/// number of bins, [`Error::Cancelled`].
pub fn gen1(x: &Features, y: &Features, progress: &Progress) -> Result<PublishedAlignment> {
    let generation =
        Generation { gully: 0.95, penalty_fraction: 0.9, whole_rectangle: false, accepts: |score, _| score <= 0.78 };
    align(x.frames.view(), y.frames.view(), &generation, MAX_CELLS, progress)
}

/// The aligner of 2016.
///
/// # Errors
/// As for [`gen1`].
///
/// ```
/// use antiphon::alignment::published::gen2;
/// use antiphon::features::{Features, FrameTimes};
/// use antiphon::job::Progress;
/// use ndarray::Array2;
///
/// // Twelve frames, each with one bin sounding, and the same with one frame held longer.
/// let tune = |bins: &[usize]| Features {
///     frames: Array2::from_shape_fn((bins.len(), 12), |(i, bin)| f32::from(u8::from(bins[i] == bin))),
///     times: FrameTimes::Regular(0.046),
/// };
/// let (midi, audio) = (tune(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]), tune(&[0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
/// let found = gen2(&midi, &audio, &Progress::silent())?;
/// assert_eq!(found.path.cells[3..6], [(3, 3), (3, 4), (4, 5)]);
/// assert!(found.accepted && found.score < 0.1);
/// # Ok::<(), antiphon::Error>(())
/// ```
pub fn gen2(x: &Features, y: &Features, progress: &Progress) -> Result<PublishedAlignment> {
    let generation = Generation {
        gully: 0.96,
        penalty_fraction: 0.5,
        whole_rectangle: true,
        accepts: |_, confidence| confidence > 0.5,
    };
    align(x.frames.view(), y.frames.view(), &generation, MAX_CELLS, progress)
}

fn align(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    generation: &Generation,
    max_cells: usize,
    progress: &Progress,
) -> Result<PublishedAlignment> {
    if x.is_empty() || y.is_empty() {
        return Err(Error::Empty(format!("{} MIDI and {} audio frames", x.nrows(), y.nrows())));
    }
    let fraction = [generation.penalty_fraction];
    let quantile = match pooling_factor((x.nrows(), y.nrows()), max_cells) {
        None => distance::quantiles(x, y, &fraction, &progress.part(0.0, 0.6))?,
        Some(factor) => {
            let (small_x, small_y) = (pool(x, factor), pool(y, factor));
            distance::quantiles(small_x.view(), small_y.view(), &fraction, &progress.part(0.0, 0.6))?
        }
    };
    let penalty = quantile[0] as f32;
    let params = DtwParams::published(generation.gully, penalty);
    let (path, remark) = dtw_coarse_to_fine(x, y, &params, max_cells, &progress.part(0.6, 1.0))?;
    let score = score(x, y, &path, generation.whole_rectangle);
    let confidence = confidence(score);
    Ok(PublishedAlignment {
        accepted: (generation.accepts)(score, confidence),
        path,
        score,
        confidence,
        penalty,
        remark,
    })
}

/// The normalised cost of a path. A rectangle of a single row or column is taken whole in either generation.
fn score(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, path: &Path, whole_rectangle: bool) -> f64 {
    let (first, last) = (path.cells[0], path.cells[path.cells.len() - 1]);
    let range = |from: usize, to: usize| if whole_rectangle || from == to { from..to + 1 } else { from..to };
    let mean = distance::mean(x, y, range(first.0, last.0), range(first.1, last.1));
    // Unit rows in f32 are equal to about this.
    if mean > 1e-6 { path.cost / path.cells.len() as f64 / mean } else { 1.0 }
}

fn confidence(score: f64) -> f64 {
    (2.0 * (1.0 - score)).clamp(0.0, 1.0)
}
