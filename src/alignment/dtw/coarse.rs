//! Coarse to fine: for pairs whose moves would not fit in memory.

use super::{Corridor, DtwParams, Path, dtw_features};
use crate::error::Result;
use crate::job::Progress;
use ndarray::{Array2, ArrayView2, Axis};

/// Half-width of the corridor, in coarse frames on each side of the coarse path: room for the error of the coarse path,
/// which rounds to one frame and may cut a corner by a few. Our choice.
const RADIUS_COARSE_FRAMES: usize = 4;

/// Averages each `factor` rows (the last group may be smaller) and scales the averages to unit length again; a row of
/// zeros stays zero. `features`: (frames × bins) → (⌈frames / factor⌉ × bins).
///
/// # Panics
/// If `factor` is 0.
pub(crate) fn pool(features: ArrayView2<'_, f32>, factor: usize) -> Array2<f32> {
    let mut pooled = Array2::zeros((features.nrows().div_ceil(factor), features.ncols()));
    for (mut to, group) in pooled.rows_mut().into_iter().zip(features.axis_chunks_iter(Axis(0), factor)) {
        to.assign(&group.sum_axis(Axis(0)));
        let length = to.dot(&to).sqrt();
        if length > 0.0 {
            to /= length;
        }
    }
    pooled
}

/// [`dtw_features`] on the whole matrix if it has at most `max_cells` cells; otherwise on pooled frames first, and then
/// on all frames in a corridor around that path.
///
/// The remark reports the second case; show it, since that path need not be the cheapest of all. The moves need a
/// quarter of a byte per cell.
///
/// # Errors
/// Those of [`dtw_features`].
pub(crate) fn dtw_coarse_to_fine(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    params: &DtwParams,
    max_cells: usize,
    progress: &Progress,
) -> Result<(Path, Option<String>)> {
    let shape = (x.nrows(), y.nrows());
    let Some(factor) = pooling_factor(shape, max_cells) else {
        return Ok((dtw_features(x, y, &Corridor::full(shape.0, shape.1), params, progress)?, None));
    };
    let (small_x, small_y) = (pool(x, factor), pool(y, factor));
    let small = Corridor::full(small_x.nrows(), small_y.nrows());
    let coarse = dtw_features(small_x.view(), small_y.view(), &small, params, &progress.part(0.0, 0.5))?;
    let corridor = Corridor::around(&coarse.cells, (factor, factor), shape, RADIUS_COARSE_FRAMES * factor);
    let path = dtw_features(x, y, &corridor, params, &progress.part(0.5, 1.0))?;
    let remark = format!(
        "aligned coarse to fine, {factor} frames at a time: {} × {} frames are more than {max_cells} cells",
        shape.0, shape.1
    );
    Ok((path, Some(remark)))
}

/// How many frames to pool so that the matrix keeps to `max_cells`; `None` if it already does.
pub(in crate::alignment) fn pooling_factor((rows, columns): (usize, usize), max_cells: usize) -> Option<usize> {
    let cells = |factor: usize| rows.div_ceil(factor).saturating_mul(columns.div_ceil(factor));
    let mut factor = (cells(1) as f64 / max_cells.max(1) as f64).sqrt().floor().max(1.0) as usize;
    while cells(factor) > max_cells.max(1) {
        factor += 1;
    }
    (factor > 1).then_some(factor)
}

#[cfg(test)]
mod tests {
    use super::super::tests::features;
    use super::*;
    use ndarray::arr2;

    #[test]
    fn pooled_rows_have_unit_length_and_silence_stays() {
        let pooled = pool(arr2(&[[2.0_f32, 0.0], [1.0, 4.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.5]]).view(), 2);
        assert_eq!(pooled, arr2(&[[0.6, 0.8], [0.0, 0.0], [0.0, 1.0]]));
    }

    #[test]
    fn the_smallest_factor_that_fits_is_taken() {
        assert_eq!(pooling_factor((10, 10), 100), None);
        assert_eq!(pooling_factor((10, 10), 99), Some(2));
        assert_eq!(pooling_factor((775_000, 775_000), 1_000_000_000), Some(25));
        assert_eq!(pooling_factor((5, 7), 0), Some(7));
    }

    #[test]
    fn a_pair_over_the_limit_gets_nearly_the_path_of_the_whole_and_a_remark() {
        let x = features(400, 24, 7);
        let order: Vec<usize> = (0..400).filter(|i| i % 5 != 0).chain(390..400).collect();
        let y = x.select(Axis(0), &order);
        let params = DtwParams::published(0.96, 0.2);
        let (whole, none) = dtw_coarse_to_fine(x.view(), y.view(), &params, 1 << 20, &Progress::silent()).unwrap();
        let (coarse, remark) = dtw_coarse_to_fine(x.view(), y.view(), &params, 20_000, &Progress::silent()).unwrap();
        assert_eq!(none, None);
        assert!(remark.unwrap().contains("3 frames at a time: 400 × 330 frames are more than 20000 cells"));
        assert!(coarse.cost <= whole.cost * 1.02, "{} and {}", coarse.cost, whole.cost);
    }
}
