//! What the coarse stages share: stretching rows to another number, and the knots of a path.

use ndarray::{Array1, Array2, ArrayView2};

/// The centre of each run of steps that advance on one side only: strictly increasing in both.
pub(super) fn knots(cells: &[(usize, usize)]) -> Vec<(f64, f64)> {
    let mut knots: Vec<(f64, f64)> = Vec::with_capacity(cells.len());
    for run in cells.chunk_by(|a, b| a.0 == b.0) {
        let centre = (run[0].1 + run[run.len() - 1].1) as f64 / 2.0;
        match knots.last_mut() {
            // Rows that share their column: the map would stand still, so it is spread over the frame instead.
            Some(last) if centre <= last.1 => {}
            _ => knots.push((run[0].0 as f64, centre)),
        }
    }
    if let Some(&(i, j)) = cells.last()
        && knots.last().is_none_or(|k| (i as f64) > k.0 && (j as f64) > k.1)
    {
        knots.push((i as f64, j as f64));
    }
    knots
}

/// `count` rows, linearly interpolated between the given ones so that the ends coincide.
pub(super) fn stretch(rows: ArrayView2<'_, f32>, count: usize) -> Array2<f32> {
    let mut stretched = Array2::zeros((count, rows.ncols()));
    let scale = (rows.nrows() - 1) as f64 / (count.max(2) - 1) as f64;
    for (i, mut to) in stretched.outer_iter_mut().enumerate() {
        let at = i as f64 * scale;
        let k = (at as usize).min(rows.nrows().saturating_sub(2));
        let share = (at - k as f64) as f32;
        let next = (k + 1).min(rows.nrows() - 1);
        let mixed: Array1<f32> = &rows.row(k) * (1.0 - share) + &rows.row(next) * share;
        to.assign(&mixed);
        unit(&mut to);
    }
    stretched
}

pub(super) fn unit(row: &mut ndarray::ArrayViewMut1<'_, f32>) {
    let length = row.dot(row).sqrt();
    if length > 1e-6 {
        row.mapv_inplace(|x| x / length);
    }
}
