//! Dynamic time warping: the cheapest monotone path through a matrix of local costs that is never stored.
//!
//! The parts are a source of local costs (rows given by a closure, [`dtw`], or the cosine distance of two feature
//! matrices, [`dtw_features`]), a [`Corridor`] that says which cells exist, [`DtwParams`], and the resulting [`Path`].
//! Rows are MIDI frames and columns audio frames throughout the crate, though nothing here depends on it.
//!
//! The recurrence is that of the published systems (spec B; Raffel's `djitw`), with step weights added:
//!
//! ```text
//! D(i, j) = min  D(i−1, j−1)           + diagonal · S(i, j)
//!                D(i−1, j)  · factor + penalty + vertical · S(i, j)
//!                D(i, j−1)  · factor + penalty + horizontal · S(i, j)
//! ```
//!
//! The diagonal wins ties, then the vertical step. Memory: two bits per cell of the corridor for the moves, plus a few
//! rows.
//!
//! ```
//! use antiphon::alignment::dtw::{Corridor, DtwParams, dtw};
//! use antiphon::job::Progress;
//!
//! let (x, y) = ([1.0_f32, 2.0, 3.0, 3.0], [1.0_f32, 2.0, 2.0, 3.0]);
//! let distance = |row: usize, columns: std::ops::Range<usize>, out: &mut [f32]| {
//!     for (cost, j) in out.iter_mut().zip(columns) {
//!         *cost = (x[row] - y[j]).abs();
//!     }
//! };
//! let path = dtw(distance, &Corridor::full(4, 4), &DtwParams::default(), &Progress::silent())?;
//! assert_eq!(path.cells, [(0, 0), (1, 1), (1, 2), (2, 3), (3, 3)]);
//! # Ok::<(), antiphon::Error>(())
//! ```

mod coarse;
mod corridor;
mod cosine;
#[cfg(target_arch = "x86_64")]
mod simd_avx2;
#[cfg(target_arch = "x86_64")]
mod simd_avx512;
mod strip;
#[cfg(test)]
pub(super) mod tests;
mod wavefront;

pub(in crate::alignment) use coarse::pooling_factor;
pub(crate) use coarse::{dtw_coarse_to_fine, pool};
pub use corridor::Corridor;

use crate::alignment::distance;
use crate::error::{Error, Result};
use crate::job::Progress;
use cosine::Cosine;
use ndarray::ArrayView2;
use std::ops::Range;
use strip::{LocalCosts, RowCosts};
use wavefront::Numbers;

/// Where a path may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PathStart {
    /// In any cell of the first row or first column, free of charge (spec B). The path never runs along these edges.
    #[default]
    Edges,
    /// In cell (0, 0).
    Corner,
}

/// Where a path may end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// In the last column from row `g` on, or in the last row from column `g` on, where `g` is `floor(gully × min(rows,
    /// columns))`, or `min(rows, columns) − 1` if gully is 1 or more. The first of the cheapest cells of each edge is
    /// taken; the last row wins if both edges cost the same (spec B).
    Gully(f64),
    /// In the last cell of the last row.
    Corner,
}

/// What each kind of step costs in addition to the local cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepCosts {
    /// Weight of the local cost of a diagonal step, and of the first cell of a path.
    pub diagonal: f32,
    /// Weight of the local cost of a step to the next row in the same column.
    pub vertical: f32,
    /// Weight of the local cost of a step to the next column in the same row.
    pub horizontal: f32,
    /// Added to every vertical and horizontal step: φ of the published systems.
    pub penalty: f32,
    /// Multiplies the cost so far at every vertical and horizontal step.
    pub factor: f32,
}

impl Default for StepCosts {
    /// No weight, no penalty.
    fn default() -> Self {
        Self { diagonal: 1.0, vertical: 1.0, horizontal: 1.0, penalty: 0.0, factor: 1.0 }
    }
}

impl StepCosts {
    /// An additive penalty only.
    pub fn penalty(penalty: f32) -> Self {
        Self { penalty, ..Self::default() }
    }

    /// Whether anything besides the penalty applies.
    fn weighted(&self) -> bool {
        [self.diagonal, self.vertical, self.horizontal, self.factor]
            .iter()
            .any(|value| value.to_bits() != 1.0_f32.to_bits())
    }

    fn check(&self) -> Result<()> {
        let products = [self.diagonal, self.vertical, self.horizontal, self.factor];
        // A zero would turn the infinite cost of a barred cell into NaN.
        if products.iter().all(|value| value.is_finite() && *value > 0.0)
            && (0.0..f32::INFINITY).contains(&self.penalty)
        {
            return Ok(());
        }
        Err(Error::Limit { what: "step costs", value: format!("{self:?}"), limit: "finite positive numbers".into() })
    }
}

/// How a path is searched for. The default is plain DTW from corner to corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DtwParams {
    /// Where it may begin.
    pub start: PathStart,
    /// Where it may end.
    pub end: End,
    /// What steps cost.
    pub steps: StepCosts,
}

impl Default for DtwParams {
    fn default() -> Self {
        Self { start: PathStart::Corner, end: End::Corner, steps: StepCosts::default() }
    }
}

impl DtwParams {
    /// The form of the published systems: free start, gully end, additive penalty.
    pub fn published(gully: f64, penalty: f32) -> Self {
        Self { start: PathStart::Edges, end: End::Gully(gully), steps: StepCosts::penalty(penalty) }
    }
}

/// The cheapest path.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// (row, column), from the start; each step advances by one in one or both.
    pub cells: Vec<(usize, usize)>,
    /// Local cost of each cell, unweighted.
    pub costs: Vec<f32>,
    /// Cost of the whole path with weights and penalties, summed in `f64` from [`costs`](Self::costs).
    pub cost: f64,
}

/// Finds the cheapest path through the costs that `local` gives.
///
/// `local(row, columns, out)` writes the local costs of `columns` of `row` to `out`. Costs must be 0 or more; infinity
/// (or NaN) forbids a cell, and a negative cost counts as 0. It is called only for cells inside the corridor, in strips
/// of rows from the top, and once more for the cells of the path.
///
/// # Errors
/// [`Error::Nothing`] if the matrix has no rows or no columns; [`Error::Limit`] if no path leads through the corridor,
/// if a step cost is negative or not finite, or if the memory for the moves can't be allocated; [`Error::Cancelled`].
pub fn dtw(
    local: impl FnMut(usize, Range<usize>, &mut [f32]),
    corridor: &Corridor,
    params: &DtwParams,
    progress: &Progress,
) -> Result<Path> {
    search(&mut RowCosts::new(local), corridor, params, progress)
}

/// Finds the cheapest path through the cosine distances of `x` (rows × bins) and `y` (columns × bins), computed on the
/// fly.
///
/// Rows must have unit length, or be zero, which puts them at distance 1 from everything.
///
/// # Errors
/// Those of [`dtw`], and [`Error::Limit`] if a feature is not finite, if `x` and `y` differ in their number of bins, or
/// if the corridor belongs to another matrix.
pub fn dtw_features(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    corridor: &Corridor,
    params: &DtwParams,
    progress: &Progress,
) -> Result<Path> {
    search_features(x, y, Numbers::Single, corridor, params, progress)
}

/// [`dtw_features`] at nearly twice the speed, on distances computed from 16-bit features.
///
/// Meant for paths that are later refined or judged by other means. During the search, a distance of 48-bin rows is off
/// by 1.3e-5 on average (RMS) and by 2.2e-4 at most; [`Path::costs`] and [`Path::cost`] are exact for the path found.
/// If the processor has no fast 16-bit products (AVX-512 VNNI), this is [`dtw_features`].
///
/// # Errors
/// Those of [`dtw_features`], and [`Error::Limit`] if a row is longer than a unit row.
pub fn dtw_features_16bit(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    corridor: &Corridor,
    params: &DtwParams,
    progress: &Progress,
) -> Result<Path> {
    distance::check_length(x)?;
    distance::check_length(y)?;
    search_features(x, y, Numbers::fastest(), corridor, params, progress)
}

fn search_features(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    numbers: Numbers,
    corridor: &Corridor,
    params: &DtwParams,
    progress: &Progress,
) -> Result<Path> {
    distance::check(x, y)?;
    if (corridor.rows(), corridor.columns()) != (x.nrows(), y.nrows()) {
        let value = format!("for {} × {} frames", corridor.rows(), corridor.columns());
        return Err(Error::Limit { what: "corridor", value, limit: format!("{} × {} frames", x.nrows(), y.nrows()) });
    }
    search(&mut Cosine::new(x, y, numbers), corridor, params, progress)
}

fn search(source: &mut impl LocalCosts, corridor: &Corridor, params: &DtwParams, progress: &Progress) -> Result<Path> {
    let (rows, columns) = (corridor.rows(), corridor.columns());
    if rows == 0 || columns == 0 {
        return Err(Error::nothing(format!("a matrix of {rows} × {columns} frames has no path")));
    }
    params.steps.check()?;
    let filled = strip::fill(source, corridor, params, progress)?;
    let no_path = || Error::Limit {
        what: "corridor",
        value: format!("of {} cells without a path", corridor.cells()),
        limit: format!("what a path through {rows} × {columns} needs"),
    };
    let end = end_cell(&filled, params.end).ok_or_else(no_path)?;
    let cells = filled.trace(end, params.start).ok_or_else(no_path)?;
    let costs = along(source, &cells);
    let cost = total(&cells, &costs, &params.steps);
    Ok(Path { cells, costs, cost })
}

/// The end cell according to [`End`]; `None` if no allowed cell can be reached.
fn end_cell(filled: &strip::Filled, end: End) -> Option<(usize, usize)> {
    let (rows, columns) = (filled.last_column.len(), filled.last_row.len());
    let from = match end {
        End::Corner => usize::MAX,
        End::Gully(gully) if gully < 1.0 => (gully.max(0.0) * rows.min(columns) as f64) as usize,
        End::Gully(_) => rows.min(columns) - 1,
    };
    let first_least = |edge: &[f64]| {
        let start = from.min(edge.len() - 1);
        let least = |best: (usize, f64), (k, &cost): (usize, &f64)| if cost < best.1 { (k, cost) } else { best };
        edge.iter().enumerate().skip(start).fold((start, f64::INFINITY), least)
    };
    let (i, in_column) = first_least(&filled.last_column);
    let (j, in_row) = first_least(&filled.last_row);
    let least = in_row.min(in_column);
    least.is_finite().then_some(if in_row > in_column { (i, columns - 1) } else { (rows - 1, j) })
}

/// Local cost of every cell of a path.
fn along(source: &mut impl LocalCosts, cells: &[(usize, usize)]) -> Vec<f32> {
    let mut costs = vec![0.0; cells.len()];
    let mut from = 0;
    for run in cells.chunk_by(|a, b| a.0 == b.0) {
        let (row, first) = run[0];
        source.row(row, first..first + run.len(), &mut costs[from..from + run.len()]);
        from += run.len();
    }
    costs
}

/// Cost of a path, computed from its local costs.
fn total(cells: &[(usize, usize)], costs: &[f32], steps: &StepCosts) -> f64 {
    let weigh = |weight: f32, cost: f32| f64::from(weight) * f64::from(cost);
    let first = weigh(steps.diagonal, costs[0]);
    cells.windows(2).zip(&costs[1..]).fold(first, |sum, (pair, &cost)| {
        let penalised = sum * f64::from(steps.factor) + f64::from(steps.penalty);
        match (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1) {
            (1, 1) => sum + weigh(steps.diagonal, cost),
            (1, _) => penalised + weigh(steps.vertical, cost),
            _ => penalised + weigh(steps.horizontal, cost),
        }
    })
}
