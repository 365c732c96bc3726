//! The published aligners, exactly: paths, scores and confidences of both generations (spec B).
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

/// Most cells for which the whole matrix is searched: 250 MB of moves. The published code refuses 2.5e8 or more.
const MAX_CELLS: usize = 1_000_000_000;

/// What a published aligner says about a pair.
#[derive(Debug, Clone)]
pub struct PublishedAlignment {
    /// (MIDI frame, audio frame) of each step, its local costs, and the raw cost of the whole path, penalties included.
    pub path: Path,
    /// Normalised cost, lower is better: raw cost / length / mean distance. 1 if that mean is 0: no path means anything
    /// among identical frames.
    pub score: f64,
    /// `clip(2(1 − score), 0, 1)`.
    pub confidence: f64,
    /// Whether the authors would have kept the pair.
    pub accepted: bool,
    /// The penalty φ that was used.
    pub penalty: f32,
    /// Reports that the pair was aligned coarse to fine, and why; then neither path nor penalty is exact.
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
/// [`Error::Nothing`] if a side has no frames, [`Error::Limit`] if a feature is not finite or the sides differ in their
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
        return Err(Error::nothing(format!("{} MIDI and {} audio frames to align", x.nrows(), y.nrows())));
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

/// The normalised cost of a path. A rectangle of a single row or column is used whole in either generation.
fn score(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, path: &Path, whole_rectangle: bool) -> f64 {
    let (first, last) = (path.cells[0], path.cells[path.cells.len() - 1]);
    let range = |from: usize, to: usize| if whole_rectangle || from == to { from..to + 1 } else { from..to };
    let mean = distance::mean(x, y, range(first.0, last.0), range(first.1, last.1));
    // Unit rows in `f32` are equal to within about this.
    if mean > 1e-6 { path.cost / path.cells.len() as f64 / mean } else { 1.0 }
}

fn confidence(score: f64) -> f64 {
    (2.0 * (1.0 - score)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::dtw::Corridor;
    use super::super::dtw::tests::{features, obvious_path};
    use super::*;
    use crate::features::FrameTimes;
    use ndarray::{Array2, s};

    /// One bin sounds in each frame, so that distances are 0 and 1.
    fn bins(bins: &[usize]) -> Features {
        frames(Array2::from_shape_fn((bins.len(), 4), |(i, bin)| f32::from(u8::from(bins[i] == bin))))
    }

    fn frames(frames: Array2<f32>) -> Features {
        Features { frames, times: FrameTimes::Regular(0.046) }
    }

    /// ```text
    /// S = 0 1 1 1    D = 0 1 1 1    φ: 4 zeros and 8 ones, so median and 90th percentile are 1
    ///     1 0 0 1        1 0 1 2    gully: floor(.95 · 3) = floor(.96 · 3) = 2
    ///     1 1 1 0        1 2 1 1    end: (2, 2) and (2, 3) cost 1; the last row's first least is taken
    /// ```
    #[test]
    fn three_by_four_frames_worked_out_by_hand() {
        let (x, y) = (bins(&[0, 1, 2]), bins(&[0, 1, 1, 2]));
        let [first, second] = [gen1, gen2].map(|generation| generation(&x, &y, &Progress::silent()).unwrap());
        for found in [&first, &second] {
            assert_eq!(found.path.cells, [(0, 0), (1, 1), (2, 2)]);
            assert_eq!(found.path.costs, [0.0, 0.0, 1.0]);
            assert!((found.path.cost - 1.0).abs() < 1e-12 && (found.penalty - 1.0).abs() < 1e-6);
            assert!(found.accepted && found.remark.is_none());
        }
        // Rows 0..2 and columns 0..2 of S: 2 of 4.  Rows 0..3 and columns 0..3: 6 of 9.
        assert!((first.score - (1.0 / 3.0) / (2.0 / 4.0)).abs() < 1e-9, "{}", first.score);
        assert!((second.score - (1.0 / 3.0) / (6.0 / 9.0)).abs() < 1e-9, "{}", second.score);
        assert!((first.confidence - 2.0 / 3.0).abs() < 1e-9 && (second.confidence - 1.0).abs() < 1e-9);
    }

    #[test]
    fn random_pairs_get_the_numbers_of_the_formula() {
        for (rows, columns, seed) in [(60, 90, 1), (130, 70, 2), (33, 33, 3)] {
            let (x, y) = (features(rows, 48, seed), features(columns, 48, !seed));
            let distances = distance::matrix(x.view(), y.view(), &Progress::silent()).unwrap();
            let mut sorted: Vec<f32> = distances.iter().copied().collect();
            sorted.sort_by(f32::total_cmp);
            let quantile = |fraction: f64| {
                let place = fraction * (sorted.len() - 1) as f64;
                let (a, b) = (sorted[place as usize], sorted[(place as usize + 1).min(sorted.len() - 1)]);
                f64::from(a) + place.fract() * f64::from(b - a)
            };
            let (x, y) = (frames(x), frames(y));
            let first = (gen1(&x, &y, &Progress::silent()).unwrap(), 0.95, 0.9, 0);
            let second = (gen2(&x, &y, &Progress::silent()).unwrap(), 0.96, 0.5, 1);
            for (found, gully, fraction, margin) in [first, second] {
                let params = DtwParams::published(gully, quantile(fraction) as f32);
                let (cells, cost) = obvious_path(&distances, &Corridor::full(rows, columns), &params);
                let ((p, q), (r, t)) = (cells[0], cells[cells.len() - 1]);
                let rectangle = distances.slice(s![p..r + margin, q..t + margin]).mapv(f64::from);
                let score = cost / cells.len() as f64 / rectangle.mean().unwrap();
                assert_eq!(found.path.cells, cells);
                assert!((found.score - score).abs() < 1e-6, "{} and {score}", found.score);
                assert!((f64::from(found.penalty) - quantile(fraction)).abs() < 1e-6);
                assert!((found.confidence - (2.0 - 2.0 * score).clamp(0.0, 1.0)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_side_matches_itself_along_the_diagonal() {
        let mut x = features(200, 48, 5);
        // Even a silent frame is unlike itself.
        x.rows_mut().into_iter().filter(|row| row.dot(row) < 0.5).for_each(|mut row| row[7] = 1.0);
        let x = frames(x);
        let same = gen2(&x, &x, &Progress::silent()).unwrap();
        assert!(same.accepted && same.score < 1e-3, "{}", same.score);
        assert!(same.path.cells.iter().all(|(p, q)| p == q));
    }

    #[test]
    fn single_frames_and_single_rows_are_judged_without_a_crash() {
        let silent = Progress::silent();
        for generation in [gen1, gen2] {
            let unlike = generation(&bins(&[0]), &bins(&[1]), &silent).unwrap();
            assert_eq!((unlike.path.cells.as_slice(), unlike.accepted), ([(0, 0)].as_slice(), false));
            assert!((unlike.score - 1.0).abs() < 1e-9);
            // All equal: no path means anything, so this is no match.
            let equal = generation(&bins(&[2]), &bins(&[2]), &silent).unwrap();
            assert!((equal.score - 1.0).abs() < 1e-9 && !equal.accepted);
            let row = generation(&bins(&[0]), &bins(&[1, 1, 0]), &silent).unwrap();
            assert_eq!(row.path.cells, [(0, 2)]);
            let column = generation(&bins(&[1, 1, 0]), &bins(&[0]), &silent).unwrap();
            assert_eq!(column.path.cells, [(2, 0)]);
        }
    }

    #[test]
    fn silence_is_no_match() {
        let silence = frames(Array2::zeros((50, 48)));
        let found = gen2(&silence, &frames(features(60, 48, 1)), &Progress::silent()).unwrap();
        assert!(!found.accepted && (found.score - 1.0).abs() < 1e-6, "{}", found.score);
    }

    #[test]
    fn no_frames_are_refused() {
        assert!(matches!(gen2(&bins(&[]), &bins(&[0]), &Progress::silent()), Err(Error::Nothing { .. })));
        assert!(matches!(gen1(&bins(&[0]), &bins(&[]), &Progress::silent()), Err(Error::Nothing { .. })));
    }

    #[test]
    fn a_pair_over_the_limit_is_aligned_and_says_so() {
        let x = features(300, 48, 9);
        let generation =
            Generation { gully: 0.96, penalty_fraction: 0.5, whole_rectangle: true, accepts: |_, c| c > 0.5 };
        let found = align(x.view(), x.view(), &generation, 30_000, &Progress::silent()).unwrap();
        assert!(found.remark.unwrap().starts_with("aligned coarse to fine"));
        assert!(found.accepted && found.path.cells.iter().all(|(p, q)| p == q));
    }
}
