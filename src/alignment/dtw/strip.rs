//! The recurrence, in strips of rows swept by a slanted wavefront.
//!
//! A strip is [`LANES`] rows. At step `t` lane `r` of the wavefront stands in column `first + t − r`, so that all lanes need
//! only what is known already: their own value (left), and the value of the lane above one and two steps ago (up and
//! diagonal). Lane 0 takes these from the last row of the strip above. Costs arrive in tiles of [`BLOCK`] columns.
//!
//! Accumulated costs are `f32` relative to an `f64` base kept for each block of columns, so that their rounding doesn't
//! grow with the length of the path.

use super::{Corridor, DtwParams, Start, StepCosts};
use crate::error::{Error, Result};
use crate::job::Progress;
use std::ops::Range;

/// Rows of a strip. 32 moves of 2 bits make one word.
pub(super) const LANES: usize = 32;
/// Columns of a tile: 16 KiB of costs, which stay in the first-level cache.
pub(super) const BLOCK: usize = 128;

/// Where local costs come from.
pub(super) trait LocalCosts {
    /// Writes the costs of `columns` of the strip of rows from `top` on: `out[(j − columns.start) × LANES + r]` is the cost
    /// of cell `(top + r, j)`. Only cells inside the corridor count; rows past the last are ignored.
    fn tile(&mut self, corridor: &Corridor, top: usize, columns: Range<usize>, out: &mut [f32]);
    /// Writes the costs of `columns` of `row`.
    fn row(&mut self, row: usize, columns: Range<usize>, out: &mut [f32]);
}

/// Costs from a closure that fills a piece of a row.
pub(super) struct RowCosts<F> {
    local: F,
    piece: Vec<f32>,
}

impl<F: FnMut(usize, Range<usize>, &mut [f32])> RowCosts<F> {
    pub(super) fn new(local: F) -> Self {
        Self { local, piece: vec![0.0; BLOCK] }
    }
}

impl<F: FnMut(usize, Range<usize>, &mut [f32])> LocalCosts for RowCosts<F> {
    fn tile(&mut self, corridor: &Corridor, top: usize, columns: Range<usize>, out: &mut [f32]) {
        for r in 0..LANES.min(corridor.rows() - top) {
            let inside = intersect(&corridor.row(top + r), &columns);
            if !inside.is_empty() {
                let piece = &mut self.piece[..inside.len()];
                (self.local)(top + r, inside.clone(), piece);
                let cells = out[(inside.start - columns.start) * LANES + r..].iter_mut().step_by(LANES);
                cells.zip(piece).for_each(|(cell, cost)| *cell = legal(*cost));
            }
        }
    }

    fn row(&mut self, row: usize, columns: Range<usize>, out: &mut [f32]) {
        (self.local)(row, columns, out);
        out.iter_mut().for_each(|cost| *cost = legal(*cost));
    }
}

/// A cost from outside, made fit for the recurrence: NaN forbids the cell, a negative cost would make the edges leak.
fn legal(cost: f32) -> f32 {
    if cost.is_nan() { f32::INFINITY } else { cost.max(0.0) }
}

fn intersect(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

/// What the sweep leaves: costs on the two last edges, and the moves.
pub(super) struct Filled {
    /// Accumulated cost of every cell of the last row; infinite where it can't be reached.
    pub(super) last_row: Vec<f64>,
    /// The same of the last column.
    pub(super) last_column: Vec<f64>,
    moves: Vec<u64>,
    strips: Vec<StripMoves>,
}

/// The moves of one strip: word `offset + t` holds step `t`; bit `r` says that lane `r` did not come diagonally, and bit
/// `32 + r` that it then came from the left.
struct StripMoves {
    offset: usize,
    first: usize,
}

impl Filled {
    /// The path that ends in `end`; `None` when the moves lead out of the matrix, which a finite cost excludes.
    pub(super) fn trace(&self, end: (usize, usize), start: Start) -> Option<Vec<(usize, usize)>> {
        let (mut i, mut j) = end;
        let mut cells = vec![(i, j)];
        loop {
            let done = match start {
                Start::Edges => i == 0 || j == 0,
                Start::Corner => i == 0 && j == 0,
            };
            if done {
                cells.reverse();
                return Some(cells);
            }
            let (strip, r) = (&self.strips[i / LANES], i % LANES);
            let word = self.moves[strip.offset + (j + r).checked_sub(strip.first)?];
            let (slanted, left) = (word >> r & 1 == 0, word >> (LANES + r) & 1 == 1);
            if slanted || !left {
                i = i.checked_sub(1)?;
            }
            if slanted || left {
                j = j.checked_sub(1)?;
            }
            cells.push((i, j));
        }
    }
}

/// The wavefront between two steps.
pub(super) struct Wave {
    /// Each lane's value at the last step.
    pub(super) left: [f32; LANES],
    /// What each lane saw above itself at the last step: its diagonal at the next.
    pub(super) up: [f32; LANES],
}

/// What the steps of one block read and write.
pub(super) struct Block<'a> {
    /// Local costs: those of lane `r` at step `k` of the block are at `(LANES + k − r) × LANES + r`.
    pub(super) costs: &'a [f32],
    /// The row above the strip; it becomes the row above the next strip, as far as the wavefront has passed.
    pub(super) above: &'a mut [f32],
    /// Column of lane 0 at step 0 of the block.
    pub(super) column: usize,
    /// First column of the strip.
    pub(super) first: usize,
    /// The lane that holds the last row of the strip.
    pub(super) out_lane: usize,
    /// One word a step, for all steps of the block.
    pub(super) moves: &'a mut [u64],
}

/// Runs the recurrence over the corridor.
pub(super) fn fill(
    source: &mut impl LocalCosts,
    corridor: &Corridor,
    params: &DtwParams,
    progress: &Progress,
) -> Result<Filled> {
    let (rows, columns) = (corridor.rows(), corridor.columns());
    let span = |top: usize| corridor.row(top).start..corridor.row((top + LANES).min(rows) - 1).end;
    let out_lane = |top: usize| LANES.min(rows - top) - 1;
    let words: usize = (0..rows).step_by(LANES).map(|top| span(top).len() + out_lane(top)).sum();
    let mut filled = Filled {
        last_row: Vec::new(),
        last_column: vec![f64::INFINITY; rows],
        moves: zeros(words)?,
        strips: Vec::with_capacity(rows.div_ceil(LANES)),
    };
    // The row above the strip, relative to the base of its block of columns. Infinite to the right of the corridor.
    let mut above = vec![f32::INFINITY; columns + LANES + BLOCK];
    let mut bases = vec![0.0_f64; above.len() / BLOCK + 1];
    // A tile, after the LANES columns before it, which the slant still needs.
    let mut costs = vec![f32::INFINITY; (LANES + BLOCK) * LANES];
    // A factor acts on the whole cost, so a base can't be split off.
    let split_off = (params.steps.factor - 1.0).abs() < f32::EPSILON;
    let mut offset = 0;
    for top in (0..rows).step_by(LANES) {
        progress.step(offset, words)?;
        let (span, out_lane) = (span(top), out_lane(top));
        filled.strips.push(StripMoves { offset, first: span.start });
        let mut wave = Wave { left: [f32::INFINITY; LANES], up: [f32::INFINITY; LANES] };
        let mut base = 0.0;
        if top > 0 && span.start > corridor.row(top - 1).start {
            wave.up[0] = above[span.start - 1];
            base = bases[(span.start - 1) / BLOCK];
        }
        costs[..LANES * LANES].fill(f32::INFINITY);
        let (mut t, steps) = (0, span.len() + out_lane);
        while t < steps {
            // A block ends where lane 0 enters the next block of columns.
            let from = span.start + t;
            let block = from / BLOCK;
            let count = ((block + 1) * BLOCK - from).min(steps - t);
            // Paths that begin in this block begin at cost 0, not at the base.
            let next = if split_off && top > 0 && from > 0 {
                let reached = bases[block] + least(&above[from..from + count]);
                let best = reached.min(base + least(&wave.left)).min(base + least(&wave.up)).floor();
                if best.is_finite() { best } else { base }
            } else {
                0.0
            };
            shift(&mut above[from..from + count], bases[block] - next);
            shift(&mut wave.left, base - next);
            shift(&mut wave.up, base - next);
            (bases[block], base) = (next, next);

            let inside = from.min(span.end)..(from + count).min(span.end);
            let tile = &mut costs[LANES * LANES..];
            tile[..count * LANES].fill(f32::INFINITY);
            if !inside.is_empty() {
                source.tile(corridor, top, inside.clone(), &mut tile[..inside.len() * LANES]);
            }
            let mut wanted = Block {
                costs: &costs,
                above: &mut above,
                column: from,
                first: span.start,
                out_lane,
                moves: &mut filled.moves[offset..offset + count],
            };
            let starts = |k: usize| starts(params.start, top, span.start, t + k);
            // From here on a lane stands in the last column at every step.
            let edge = if span.end == columns { (columns - 1).saturating_sub(from).min(count) } else { count };
            sweep(&mut wave, &mut wanted, 0..edge, &starts, &params.steps);
            for k in edge..count {
                sweep(&mut wave, &mut wanted, k..k + 1, &starts, &params.steps);
                let lane = from + k + 1 - columns;
                filled.last_column[top + lane] = base + f64::from(wave.left[lane]);
            }
            // What was written left of the block belongs to the block before, and so to its base.
            let late = from.saturating_sub(out_lane).max(span.start)..(from + count - count.min(out_lane)).min(from);
            if block > 0 && late.start < late.end {
                shift(&mut above[late], next - bases[block - 1]);
            }
            costs.copy_within(count * LANES..(count + LANES) * LANES, 0);
            t += count;
            offset += count;
        }
    }
    progress.step(words, words)?;
    let last_row = corridor.row(rows - 1);
    let reached = |j: usize| if last_row.contains(&j) { bases[j / BLOCK] + f64::from(above[j]) } else { f64::INFINITY };
    filled.last_row = (0..columns).map(reached).collect();
    Ok(filled)
}

/// `count` zero words, or an error where the memory can't be had.
fn zeros(count: usize) -> Result<Vec<u64>> {
    let mut words = Vec::new();
    words.try_reserve_exact(count).map_err(|_| Error::Limit {
        what: "size of the moves",
        value: format!("{} MB", count / 125_000),
        limit: "the free memory".into(),
    })?;
    words.resize(count, 0);
    Ok(words)
}

fn least(values: &[f32]) -> f64 {
    f64::from(values.iter().copied().fold(f32::INFINITY, f32::min))
}

fn shift(values: &mut [f32], by: f64) {
    values.iter_mut().for_each(|value| *value += by as f32);
}

/// The lanes, as bits, that stand in a cell where a path may start.
fn starts(start: Start, top: usize, first: usize, t: usize) -> u32 {
    match start {
        Start::Edges => u32::from(top == 0) | if first == 0 && t < LANES { 1 << t } else { 0 },
        Start::Corner => u32::from(top == 0 && first == 0 && t == 0),
    }
}

/// Takes the wavefront through `range` of the steps of a block.
fn sweep(
    wave: &mut Wave,
    block: &mut Block<'_>,
    range: Range<usize>,
    starts: &impl Fn(usize) -> u32,
    steps: &StepCosts,
) {
    for k in range {
        let begin = starts(k);
        let mut up = [block.above[block.column + k]; LANES];
        up[1..].copy_from_slice(&wave.left[..LANES - 1]);
        let mut word = 0;
        for r in 0..LANES {
            let cost = block.costs[(LANES + k - r) * LANES + r];
            let slanted = wave.up[r] + steps.diagonal * cost;
            let vertical = up[r] * steps.factor + (steps.penalty + steps.vertical * cost);
            let horizontal = wave.left[r] * steps.factor + (steps.penalty + steps.horizontal * cost);
            let straight = vertical.min(horizontal);
            if begin >> r & 1 == 1 {
                wave.left[r] = steps.diagonal * cost;
                continue;
            }
            word |= u64::from(straight < slanted) << r | u64::from(horizontal < vertical) << (LANES + r);
            wave.left[r] = straight.min(slanted);
        }
        wave.up = up;
        block.moves[k] = word;
        let out = block.column + k;
        if out >= block.first + block.out_lane {
            block.above[out - block.out_lane] = wave.left[block.out_lane];
        }
    }
}
