//! How unlike two frames are: cosine distance of unit rows, as a matrix to view and as numbers that describe it.
//!
//! `S = 1 − X · Yᵀ` for `x` (n × bins) and `y` (m × bins), both with rows of unit length, so that every distance is in
//! `[0, 2]`, and in `[0, 1]` if all features have the same sign (spec B). A row of zeros is at distance 1 from
//! everything. Features that are not finite are rejected. `mean` and `quantiles` describe `S` without storing it.

use crate::error::{Error, Result};
use crate::job::Progress;
#[cfg(test)]
use ndarray::Array2;
use ndarray::{ArrayView1, ArrayView2, Axis, s};
use std::ops::Range;

/// Rows of `S` that are computed at once.
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

/// Rejects features that are not finite, and matrices with different numbers of bins.
pub(super) fn check(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>) -> Result<()> {
    if x.ncols() != y.ncols() {
        let (value, limit) = (format!("{} beside {}", x.ncols(), y.ncols()), "the same number on both sides".into());
        return Err(Error::Limit { what: "number of bins", value, limit });
    }
    for features in [x, y] {
        // The compiler makes this fast if it takes all values of a row without an early exit.
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

/// Rejects rows that are longer than unit rows.
pub(super) fn check_length(features: ArrayView2<'_, f32>) -> Result<()> {
    match features.rows().into_iter().map(|row| row.dot(&row)).enumerate().find(|(_, square)| *square > 1.001) {
        None => Ok(()),
        Some((frame, square)) => {
            let value = format!("{} of frame {frame}", square.sqrt());
            Err(Error::Limit { what: "length", value, limit: "at most 1, the length of a unit row".into() })
        }
    }
}

/// The whole matrix `S`, (n × m).
#[cfg(test)]
pub(crate) fn matrix(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, progress: &Progress) -> Result<Array2<f32>> {
    check(x, y)?;
    let mut distances = Array2::zeros((x.nrows(), y.nrows()));
    rows(x, y, progress, |from, block| {
        distances.slice_mut(s![from..from + block.nrows(), ..]).assign(&block);
        Ok(())
    })?;
    Ok(distances)
}

/// Calls `take` with the first row and the distances of each block of rows in turn.
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

/// Mean of `S[rows, columns]`, exact, from the sums of the rows: `1 − (Σx · Σy) / (n m)`. NaN if the range is empty.
pub(crate) fn mean(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, rows: Range<usize>, columns: Range<usize>) -> f64 {
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

/// Quantiles of all values of `S`, linearly interpolated between neighbours as numpy does by default; `fractions` in
/// 0..=1.
///
/// Exact for the `f32` distances, in two passes that count values by the upper and the lower half of their bits. `S`
/// itself is computed on the fly and not kept.
///
/// # Errors
/// [`Error::Limit`] if a feature is not finite or the numbers of bins differ, [`Error::Nothing`] if there are no distances
/// at all, [`Error::Cancelled`].
pub(crate) fn quantiles(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    fractions: &[f64],
    progress: &Progress,
) -> Result<Vec<f64>> {
    check(x, y)?;
    let count = x.nrows() * y.nrows();
    if count == 0 {
        return Err(Error::nothing(format!("{} × {} frames have no distance", x.nrows(), y.nrows())));
    }
    let places = fractions.iter().map(|fraction| fraction.clamp(0.0, 1.0) * (count - 1) as f64);
    let ranks: Vec<usize> =
        places.clone().flat_map(|place| [place as usize, (place as usize + 1).min(count - 1)]).collect();

    let mut upper = vec![0_u64; 1 << 16];
    rows(x, y, &progress.part(0.0, 0.5), |_, distances| {
        // Distances are not negative, so their bits sort as their values do.
        distances.iter().for_each(|distance| upper[(distance.to_bits() >> 16) as usize] += 1);
        Ok(())
    })?;
    // For each rank, its upper half and its rank among the values that share it.
    let halves: Vec<(usize, u64)> = ranks.iter().map(|&rank| find(&upper, rank as u64)).collect();

    let mut table = vec![usize::MAX; 1 << 16];
    let mut lower: Vec<Vec<u64>> = Vec::new();
    for &(half, _) in &halves {
        if table[half] == usize::MAX {
            table[half] = lower.len();
            lower.push(vec![0; 1 << 16]);
        }
    }
    rows(x, y, &progress.part(0.5, 1.0), |_, distances| {
        for bits in distances.iter().map(|distance| distance.to_bits()) {
            if let Some(counts) = lower.get_mut(table[(bits >> 16) as usize]) {
                counts[(bits & 0xFFFF) as usize] += 1;
            }
        }
        Ok(())
    })?;
    let value = |&(half, rank): &(usize, u64)| {
        let (low, _) = find(&lower[table[half]], rank);
        f64::from(f32::from_bits((half << 16 | low) as u32))
    };
    let between = |(place, pair): (f64, &[(usize, u64)])| {
        let (a, b) = (value(&pair[0]), value(&pair[1]));
        a + place.fract() * (b - a)
    };
    Ok(places.zip(halves.chunks_exact(2)).map(between).collect())
}

/// The bin that holds the value of this rank, and its rank within the bin.
fn find(counts: &[u64], rank: u64) -> (usize, u64) {
    let mut rest = rank;
    for (bin, &count) in counts.iter().enumerate() {
        if rest < count {
            return (bin, rest);
        }
        rest -= count;
    }
    (counts.len() - 1, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::dtw::pool;
    use ndarray::{Array2, arr2};

    fn unit_rows(frames: usize, bins: usize, seed: u64) -> Array2<f32> {
        let mut state = seed | 1;
        let noise = Array2::from_shape_simple_fn((frames, bins), || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32
        });
        pool(noise.view(), 1)
    }

    fn obvious(x: &Array2<f32>, y: &Array2<f32>) -> Array2<f64> {
        Array2::from_shape_fn((x.nrows(), y.nrows()), |(i, j)| {
            1.0 - x.row(i).iter().zip(y.row(j)).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
        })
    }

    #[test]
    fn matrix_and_mean_are_those_of_the_obvious_version() {
        let (x, y) = (unit_rows(150, 48, 3), unit_rows(77, 48, 4));
        let expected = obvious(&x, &y);
        let distances = matrix(x.view(), y.view(), &Progress::silent()).unwrap();
        for (ours, theirs) in distances.iter().zip(&expected) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-6);
        }
        let piece = expected.slice(s![20..141, 3..70]).mean().unwrap();
        assert!((mean(x.view(), y.view(), 20..141, 3..70) - piece).abs() < 1e-12);
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_matrix() {
        for (frames, other) in [(1, 1), (1, 2), (9, 8), (130, 71)] {
            let (x, y) = (unit_rows(frames, 12, 5), unit_rows(other, 12, 6));
            let mut all = matrix(x.view(), y.view(), &Progress::silent()).unwrap().into_raw_vec_and_offset().0;
            all.sort_by(f32::total_cmp);
            let fractions = [0.0, 0.1, 0.5, 0.9, 1.0];
            let found = quantiles(x.view(), y.view(), &fractions, &Progress::silent()).unwrap();
            for (fraction, found) in fractions.iter().zip(found) {
                let place = fraction * (all.len() - 1) as f64;
                let (a, b) = (all[place as usize], all[(place as usize + 1).min(all.len() - 1)]);
                let expected = f64::from(a) + place.fract() * f64::from(b - a);
                assert!((found - expected).abs() < 1e-7, "{fraction} of {frames} × {other}: {found} and {expected}");
            }
        }
    }

    #[test]
    fn a_silent_row_is_at_distance_1_and_nan_is_refused_with_its_place() {
        let (x, y) = (arr2(&[[0.0, 0.0], [0.6, 0.8]]), arr2(&[[0.6_f32, 0.8], [0.0, 0.0]]));
        let distances = matrix(x.view(), y.view(), &Progress::silent()).unwrap();
        assert_eq!((distances[(0, 0)], distances[(0, 1)], distances[(1, 1)]), (1.0, 1.0, 1.0));
        assert!(distances[(1, 0)] < 1e-6);
        let broken = arr2(&[[0.6, 0.8], [0.1, f32::NAN]]);
        let message = matrix(x.view(), broken.view(), &Progress::silent()).unwrap_err().to_string();
        assert!(message.contains("NaN in frame 1, bin 1"), "{message}");
    }

    #[test]
    fn nothing_has_no_quantile_and_unequal_bins_are_refused() {
        let (x, none, wide) = (Array2::ones((2, 3)), Array2::ones((0, 3)), Array2::ones((2, 4)));
        assert!(matches!(quantiles(x.view(), none.view(), &[0.5], &Progress::silent()), Err(Error::Nothing { .. })));
        assert!(matches!(matrix(x.view(), wide.view(), &Progress::silent()), Err(Error::Limit { .. })));
    }
}
