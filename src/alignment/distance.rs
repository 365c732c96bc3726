//! How unlike two frames are: cosine distance of unit rows, as a matrix to look at and as numbers that describe it.
//!
//! `S = 1 − X · Yᵀ` for `x` (n × bins) and `y` (m × bins), both with rows of unit length, so that every distance is in
//! `[0, 2]`, and in `[0, 1]` where all features have one sign (spec B). A row of zeros is at distance 1 from everything.
//! Features that are not finite are refused. [`mean`] and [`quantiles`] describe `S` without storing it.

use crate::error::{Error, Result};
use crate::job::Progress;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};
use std::ops::Range;

/// Rows of `S` that are computed at a time.
const ROWS: usize = 64;

/// Distance of two unit rows, from a product in `f64`.
pub(super) fn cosine(a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>) -> f32 {
    let multiply = |(&a, &b): (&f32, &f32)| f64::from(a) * f64::from(b);
    let product: f64 = match (a.as_slice(), b.as_slice()) {
        (Some(a), Some(b)) => a.iter().zip(b).map(multiply).sum(),
        _ => a.iter().zip(b).map(multiply).sum(),
    };
    (1.0 - product).max(0.0) as f32
}

/// Refuses features that are not finite, and matrices with unequal numbers of bins.
pub(super) fn check(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>) -> Result<()> {
    if x.ncols() != y.ncols() {
        let (value, limit) = (format!("{} beside {}", x.ncols(), y.ncols()), "the same number on both sides".into());
        return Err(Error::Limit { what: "number of bins", value, limit });
    }
    for features in [x, y] {
        // All values of a row without a way out is what the compiler makes fast.
        let finite = |row: ArrayView1<'_, f32>| row.iter().fold(true, |finite, value| finite & value.is_finite());
        if !features.rows().into_iter().all(finite)
            && let Some(((frame, bin), value)) = features.indexed_iter().find(|(_, value)| !value.is_finite())
        {
            let value = format!("{value} in frame {frame}, bin {bin}");
            return Err(Error::Limit { what: "feature", value, limit: "finite numbers".into() });
        }
    }
    Ok(())
}

/// The whole matrix `S`, (n × m): for pictures, and for pairs small enough to keep it.
///
/// # Errors
/// [`Error::Limit`] when a feature is not finite or the numbers of bins differ; [`Error::Cancelled`].
pub fn matrix(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, progress: &Progress) -> Result<Array2<f32>> {
    check(x, y)?;
    let mut distances = Array2::zeros((x.nrows(), y.nrows()));
    rows(x, y, progress, |from, block| {
        distances.slice_mut(s![from..from + block.nrows(), ..]).assign(&block);
        Ok(())
    })?;
    Ok(distances)
}

/// Calls `take` with the first row and the distances of one block of rows after the other.
fn rows(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    progress: &Progress,
    mut take: impl FnMut(usize, ArrayView2<'_, f32>) -> Result<()>,
) -> Result<()> {
    for (k, block) in x.axis_chunks_iter(Axis(0), ROWS).enumerate() {
        progress.step(k * ROWS, x.nrows())?;
        let distances = block.dot(&y.t()).mapv_into(|product| (1.0 - product).max(0.0));
        take(k * ROWS, distances.view())?;
    }
    Ok(())
}

/// Mean of `S[rows, columns]`, exact from the sums of the rows: `1 − (Σx · Σy) / (n m)`. NaN for an empty piece.
pub fn mean(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, rows: Range<usize>, columns: Range<usize>) -> f64 {
    let sum = |features: ArrayView2<'_, f32>, range: &Range<usize>| {
        let mut sums = vec![0.0_f64; features.ncols()];
        for row in features.slice(s![range.clone(), ..]).rows() {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        sums
    };
    let (sum_x, sum_y) = (sum(x, &rows), sum(y, &columns));
    let products: f64 = sum_x.iter().zip(&sum_y).map(|(a, b)| a * b).sum();
    1.0 - products / (rows.len() as f64 * columns.len() as f64)
}
