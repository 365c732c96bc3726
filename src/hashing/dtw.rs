//! Dynamic time warping over Hamming distances, one pair at a time: the reference for the kernels that score many.
//!
//! ```text
//! D(i, j) = popcount(x[i] ^ y[j]) + min  D(i−1, j−1),  D(i−1, j) + penalty,  D(i, j−1) + penalty
//! ```
//!
//! The diagonal wins ties, then the step from row `i − 1`. A path may begin anywhere in the first row or column; for
//! where it may end, see [`HashDtw::gully`]. The score is `D` at the end divided by the number of cells of the path.
//!
//! The two published programs differ in how they count: one starts at 0, so that a path of one cell divides by 0, the
//! other at 1. Ours counts cells, like the second.

use crate::error::{Error, Result};
use crate::job::Progress;
use ndarray::Array2;
use serde::Serialize;

/// Rows between two progress checks: some ms at a few thousand columns.
const ROWS: usize = 256;
/// Most cells for which [`hash_dtw_path`] keeps steps: 1 GiB, two recordings of 3½ hours.
const MOST_CELLS: usize = 1 << 30;

/// How hash sequences are warped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HashDtw {
    /// A path may end in the last row or column, from `floor(gully × shorter length)` on; from the shorter length less
    /// one, if the gully is 1 or more.
    pub gully: f64,
    /// Penalty, in bits, of a step in only one sequence: φ in the papers.
    pub penalty: u16,
}

impl HashDtw {
    /// The parameters of 2015, for 16 bits (spec E).
    pub const GEN1: Self = Self { gully: 0.9, penalty: 4 };
    /// The parameters of the thesis, for 32 bits: the penalty is the median distance (spec E).
    pub const GEN2: Self = Self { gully: 0.9, penalty: 15 };

    /// The parameters of the generation with that many bits.
    pub fn for_bits(bits: u32) -> Self {
        if bits <= 16 { Self::GEN1 } else { Self::GEN2 }
    }

    /// The first row or column in which a path may end.
    pub(super) fn first_end(self, rows: usize, columns: usize) -> usize {
        let shorter = rows.min(columns);
        ((self.gully.max(0.0) * shorter as f64) as usize).min(shorter.saturating_sub(1))
    }
}

/// Cost and length of the best path to a cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    pub(super) cost: u32,
    pub(super) length: u32,
}

impl Reach {
    pub(super) const NEVER: Self = Self { cost: u32::MAX, length: 1 };

    pub(super) fn score(self) -> f32 {
        (f64::from(self.cost) / f64::from(self.length)) as f32
    }
}

/// The best end in the last row wins if it costs the same as the best in the last column (spec B).
pub(super) fn end(in_column: Reach, in_row: Reach) -> Reach {
    if in_row.cost > in_column.cost { in_column } else { in_row }
}

/// Mean cost per cell of the best path, penalties included: lower is better. Infinite if a sequence is empty.
pub fn hash_dtw(x: &[u32], y: &[u32], params: HashDtw) -> f32 {
    if x.is_empty() || y.is_empty() {
        return f32::INFINITY;
    }
    let first_end = params.first_end(x.len(), y.len());
    let penalty = u32::from(params.penalty);
    let mut row: Vec<Reach> = y.iter().map(|&code| Reach { cost: (x[0] ^ code).count_ones(), length: 1 }).collect();
    let mut in_column = Reach::NEVER;
    for (i, &code) in x.iter().enumerate() {
        if i > 0 {
            let mut diagonal = row[0];
            row[0] = Reach { cost: (code ^ y[0]).count_ones(), length: 1 };
            for j in 1..y.len() {
                let (up, left) = (row[j], row[j - 1]);
                let mut best = if up.cost <= left.cost { up } else { left };
                best.cost += penalty;
                if diagonal.cost <= best.cost {
                    best = diagonal;
                }
                diagonal = up;
                row[j] = Reach { cost: best.cost + (code ^ y[j]).count_ones(), length: best.length + 1 };
            }
        }
        let last = row[y.len() - 1];
        if i >= first_end && last.cost < in_column.cost {
            in_column = last;
        }
    }
    let cheaper = |best: Reach, &next: &Reach| if next.cost < best.cost { next } else { best };
    end(in_column, row[first_end..].iter().fold(Reach::NEVER, cheaper)).score()
}

/// A path through two hash sequences, for display.
#[derive(Debug, Clone, PartialEq)]
pub struct HashPath {
    /// (step of `x`, step of `y`), from the start on; each step advances by one in one or both.
    pub cells: Vec<(usize, usize)>,
    /// Hamming distance of each cell, in bits.
    pub distances: Vec<f32>,
    /// What [`hash_dtw`] gives.
    pub score: f32,
}

/// Finds the path behind [`hash_dtw`]. Takes a byte for each pair of steps.
///
/// # Errors
/// [`Error::Nothing`] if a sequence is empty; [`Error::Limit`] for more than 2^30 pairs of steps, or more than fit in
/// memory; [`Error::Cancelled`].
pub fn hash_dtw_path(x: &[u32], y: &[u32], params: HashDtw, progress: &Progress) -> Result<HashPath> {
    const DIAGONAL: u8 = 0;
    const UP: u8 = 1;
    const LEFT: u8 = 2;
    let (n, m) = (x.len(), y.len());
    if n == 0 || m == 0 {
        return Err(Error::nothing(format!("hash sequences of {n} and {m} steps have no path")));
    }
    let mut moves = Vec::new();
    let cells = n.checked_mul(m).filter(|&cells| cells <= MOST_CELLS && moves.try_reserve_exact(cells).is_ok());
    if cells.is_none() {
        let limit = format!("{MOST_CELLS} pairs of steps, and what fits in memory");
        return Err(Error::Limit { what: "path", value: format!("through {n} × {m} steps"), limit });
    }
    let first_end = params.first_end(n, m);
    let penalty = u32::from(params.penalty);
    let mut above: Vec<u32> = y.iter().map(|code| (x[0] ^ code).count_ones()).collect();
    let mut row = above.clone();
    moves.resize(m, DIAGONAL);
    let mut in_column = (0, if first_end == 0 { above[m - 1] } else { u32::MAX });
    for (i, &code) in x.iter().enumerate().skip(1) {
        if i % ROWS == 0 {
            progress.step(i, n)?;
        }
        row[0] = (code ^ y[0]).count_ones();
        moves.push(DIAGONAL);
        for j in 1..m {
            let (gap, step) = if above[j] <= row[j - 1] { (above[j], UP) } else { (row[j - 1], LEFT) };
            let (best, step) =
                if above[j - 1] <= gap + penalty { (above[j - 1], DIAGONAL) } else { (gap + penalty, step) };
            row[j] = best + (code ^ y[j]).count_ones();
            moves.push(step);
        }
        if i >= first_end && row[m - 1] < in_column.1 {
            in_column = (i, row[m - 1]);
        }
        std::mem::swap(&mut row, &mut above);
    }
    let mut in_row = (0, u32::MAX);
    for (j, &cost) in above.iter().enumerate().skip(first_end) {
        if cost < in_row.1 {
            in_row = (j, cost);
        }
    }
    let (mut cell, cost) =
        if in_row.1 > in_column.1 { ((in_column.0, m - 1), in_column.1) } else { ((n - 1, in_row.0), in_row.1) };
    let mut cells = vec![cell];
    while cell.0 > 0 && cell.1 > 0 {
        cell = match moves[cell.0 * m + cell.1] {
            UP => (cell.0 - 1, cell.1),
            LEFT => (cell.0, cell.1 - 1),
            _ => (cell.0 - 1, cell.1 - 1),
        };
        cells.push(cell);
    }
    cells.reverse();
    let distances = cells.iter().map(|&(i, j)| (x[i] ^ y[j]).count_ones() as f32).collect();
    let score = Reach { cost, length: cells.len() as u32 }.score();
    Ok(HashPath { cells, distances, score })
}

/// Hamming distance of each pair of steps, in bits: (steps of `x` × steps of `y`).
///
/// # Errors
/// [`Error::Limit`] for more than 2^30 pairs; [`Error::Cancelled`].
pub fn hamming_matrix(x: &[u32], y: &[u32], progress: &Progress) -> Result<Array2<f32>> {
    if x.len().checked_mul(y.len()).is_none_or(|cells| cells > MOST_CELLS) {
        let limit = format!("{MOST_CELLS} pairs of steps");
        return Err(Error::Limit { what: "matrix", value: format!("of {} × {} steps", x.len(), y.len()), limit });
    }
    let mut matrix = Array2::zeros((x.len(), y.len()));
    for (i, (mut row, &code)) in matrix.rows_mut().into_iter().zip(x).enumerate() {
        if i % ROWS == 0 {
            progress.step(i, x.len())?;
        }
        for (cell, other) in row.iter_mut().zip(y) {
            *cell = (code ^ other).count_ones() as f32;
        }
    }
    Ok(matrix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rule at the top of this file, cell by cell and as a full matrix.
    fn obvious(x: &[u32], y: &[u32], params: HashDtw) -> f32 {
        let (n, m) = (x.len(), y.len());
        let local = |i: usize, j: usize| u64::from((x[i] ^ y[j]).count_ones());
        let mut reach = vec![vec![(0, 0_u64); m]; n];
        for i in 0..n {
            for j in 0..m {
                reach[i][j] = if i == 0 || j == 0 {
                    (local(i, j), 1)
                } else {
                    let gap = |(cost, length): (u64, u64)| (cost + u64::from(params.penalty), length);
                    let candidates = [reach[i - 1][j - 1], gap(reach[i - 1][j]), gap(reach[i][j - 1])];
                    let least = candidates.iter().map(|c| c.0).min().expect("three");
                    let (cost, length) = *candidates.iter().find(|c| c.0 == least).expect("one of three");
                    (cost + local(i, j), length + 1)
                };
            }
        }
        let shorter = n.min(m);
        let g = if params.gully < 1.0 { (params.gully * shorter as f64).floor() as usize } else { shorter - 1 };
        let first_least = |edge: Vec<(u64, u64)>| {
            let least = edge[g..].iter().map(|c| c.0).min().expect("an end");
            *edge[g..].iter().find(|c| c.0 == least).expect("an end")
        };
        let in_column = first_least((0..n).map(|i| reach[i][m - 1]).collect());
        let in_row = first_least(reach[n - 1].clone());
        let (cost, length) = if in_row.0 > in_column.0 { in_column } else { in_row };
        (cost as f64 / length as f64) as f32
    }

    #[test]
    fn a_single_step_has_its_own_distance() {
        assert_eq!(hash_dtw(&[0b1011], &[0b0001], HashDtw::GEN2).to_bits(), 2.0_f32.to_bits());
        assert!(hash_dtw(&[], &[1], HashDtw::GEN2).is_infinite());
        assert!(hash_dtw(&[1], &[], HashDtw::GEN1).is_infinite());
        assert!(matches!(hash_dtw_path(&[], &[1], HashDtw::GEN1, &Progress::silent()), Err(Error::Nothing { .. })));
    }

    proptest! {
        #[test]
        fn scores_follow_the_rule(
            // Few distinct codes, so that there are ties.
            x in prop::collection::vec(0_u32..6, 1..24),
            y in prop::collection::vec(0_u32..6, 1..24),
            gully in prop_oneof![Just(0.0), Just(0.9), Just(1.0)],
            penalty in 0_u16..4,
        ) {
            let params = HashDtw { gully, penalty };
            let score = hash_dtw(&x, &y, params);
            prop_assert_eq!(score.to_bits(), obvious(&x, &y, params).to_bits());
            let path = hash_dtw_path(&x, &y, params, &Progress::silent()).expect("a path");
            prop_assert_eq!(path.score.to_bits(), score.to_bits());
            prop_assert!(path.cells[0].0 == 0 || path.cells[0].1 == 0);
            let mut cost: f32 = path.distances.iter().sum();
            for pair in path.cells.windows(2) {
                let step = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
                prop_assert!([(1, 1), (1, 0), (0, 1)].contains(&step));
                cost += if step == (1, 1) { 0.0 } else { f32::from(penalty) };
            }
            prop_assert!((cost / path.cells.len() as f32 - score).abs() < 1e-5);
            let matrix = hamming_matrix(&x, &y, &Progress::silent()).expect("small");
            for (&(i, j), distance) in path.cells.iter().zip(&path.distances) {
                prop_assert_eq!(matrix[[i, j]].to_bits(), distance.to_bits());
            }
        }
    }
}
