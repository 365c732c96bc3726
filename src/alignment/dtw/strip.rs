//! The recurrence, in strips of rows swept by a slanted wavefront.
//!
//! A strip is [`LANES`] rows. At step `s` lane `r` of the wavefront stands in column `s − r`, so that each lane needs
//! only what is already known: its own last value (left), and the last two values of the lane above (up and diagonal).
//! Lane 0 takes these from the last row of the strip above. Steps are taken in blocks of [`LANES`]; local costs wait in
//! a [`Ring`], already slanted.
//!
//! Accumulated costs are `f32` relative to an `f64` base kept for each block of columns, so that their rounding error
//! doesn't grow with the length of the path.

use super::wavefront::{self, Ahead};
use super::{Corridor, DtwParams, PathStart, StepCosts};
use crate::error::{Error, Result};
use crate::job::Progress;
use std::ops::Range;

/// Rows of a strip, and steps of a block. 32 moves of 2 bits make one word.
pub(super) const LANES: usize = 32;

/// Bases are multiples of this many times the largest usual local cost. Larger means fewer changes of base but coarser
/// rounding.
const BASE_UNIT: f64 = 64.0;

/// One value per lane, aligned to a cache line.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(super) struct Lanes(pub(super) [f32; LANES]);

impl Lanes {
    pub(super) const INFINITE: Self = Self([f32::INFINITY; LANES]);
}

/// Local costs of the steps around the wavefront: lane `r` of step `s` is the cost of column `s − r`.
pub(super) struct Ring(pub(super) Box<[Lanes; Ring::STEPS]>);

impl Ring {
    /// Steps that are kept: the block being swept, the next, whose costs are being filled in, and the steps these reach
    /// ahead to.
    pub(super) const STEPS: usize = 4 * LANES;

    pub(super) fn new() -> Self {
        Self(Box::new([Lanes::INFINITE; Self::STEPS]))
    }

    /// The costs of all lanes at `step`.
    pub(super) fn step(&self, step: usize) -> &[f32; LANES] {
        &self.0[step % Self::STEPS].0
    }

    /// Makes one block of steps infinite.
    fn bar(&mut self, block: usize) {
        let from = block * LANES % Self::STEPS;
        self.0[from..from + LANES].fill(Lanes::INFINITE);
    }
}

/// Where local costs come from.
pub(super) trait LocalCosts {
    /// Writes what is needed to complete the steps of `block` of the strip of rows from `top` on; the blocks before it,
    /// if the corridor has any, have already been requested. Cells outside the corridor are made infinite; rows past
    /// the last may hold anything.
    fn tile(&mut self, corridor: &Corridor, top: usize, block: usize, ring: &mut Ring);
    /// The same work as [`tile`](Self::tile) in a form that the wavefront can do while it sweeps the block before,
    /// except for the cells outside the corridor, which [`bar`](Self::bar) then handles.
    fn ahead(&self, top: usize, block: usize) -> Option<Ahead<'_>>;
    /// Makes everything that [`ahead`](Self::ahead) computed outside the corridor infinite.
    fn bar(&self, corridor: &Corridor, top: usize, block: usize, ring: &mut Ring);
    /// Writes the costs of `columns` of `row`.
    fn row(&mut self, row: usize, columns: Range<usize>, out: &mut [f32]);
}

/// Costs from a closure that fills a piece of a row.
pub(super) struct RowCosts<F> {
    local: F,
    /// [`PIECE`](Self::PIECE) columns of each row of the strip, from the multiple of it that was requested last.
    pieces: Vec<f32>,
    place: (usize, usize),
}

impl<F: FnMut(usize, Range<usize>, &mut [f32])> RowCosts<F> {
    /// Columns requested from the closure at once: enough to pay for the call, few enough to stay in the cache.
    const PIECE: usize = 8 * LANES;

    pub(super) fn new(local: F) -> Self {
        Self { local, pieces: vec![f32::INFINITY; LANES * Self::PIECE], place: (usize::MAX, usize::MAX) }
    }

    fn ask(&mut self, corridor: &Corridor, top: usize, from: usize) {
        let to = from + Self::PIECE;
        self.pieces.fill(f32::INFINITY);
        for (row, piece) in (top..corridor.rows()).zip(self.pieces.chunks_exact_mut(Self::PIECE)) {
            let inside = corridor.row(row);
            let inside = inside.start.clamp(from, to)..inside.end.clamp(from, to);
            if !inside.is_empty() {
                let piece = &mut piece[inside.start - from..inside.end - from];
                (self.local)(row, inside, piece);
                legalise(piece);
            }
        }
        self.place = (top, from);
    }
}

impl<F: FnMut(usize, Range<usize>, &mut [f32])> LocalCosts for RowCosts<F> {
    fn tile(&mut self, corridor: &Corridor, top: usize, block: usize, ring: &mut Ring) {
        let column = block * LANES;
        let from = column - column % Self::PIECE;
        if self.place != (top, from) {
            self.ask(corridor, top, from);
        }
        for (lane, piece) in self.pieces.chunks_exact(Self::PIECE).enumerate() {
            for (k, &cost) in piece[column - from..column - from + LANES].iter().enumerate() {
                ring.0[(column + k + lane) % Ring::STEPS].0[lane] = cost;
            }
        }
    }

    fn ahead(&self, _: usize, _: usize) -> Option<Ahead<'_>> {
        None
    }

    fn bar(&self, _: &Corridor, _: usize, _: usize, _: &mut Ring) {}

    fn row(&mut self, row: usize, columns: Range<usize>, out: &mut [f32]) {
        (self.local)(row, columns, out);
        legalise(out);
    }
}

/// Makes external costs safe for the recurrence: NaN forbids a cell, a negative cost would make the edges leak.
fn legalise(costs: &mut [f32]) {
    for cost in costs {
        *cost = if cost.is_nan() { f32::INFINITY } else { cost.max(0.0) };
    }
}

/// The result of the sweep: costs on the two last edges, and the moves.
pub(super) struct Filled {
    /// Accumulated cost of each cell of the last row; infinite if it can't be reached.
    pub(super) last_row: Vec<f64>,
    /// The same for the last column.
    pub(super) last_column: Vec<f64>,
    moves: Vec<u64>,
    strips: Vec<StripMoves>,
}

/// The moves of one strip: word `offset + s − first` holds step `s`; bit `r` says that lane `r` did not come diagonally,
/// and bit `32 + r` that it then came from the left.
struct StripMoves {
    offset: usize,
    first: usize,
}

impl Filled {
    /// The path that ends in `end`; `None` if the moves lead out of the matrix, which a finite cost rules out.
    pub(super) fn trace(&self, end: (usize, usize), start: PathStart) -> Option<Vec<(usize, usize)>> {
        let (mut i, mut j) = end;
        let mut cells = vec![(i, j)];
        loop {
            let done = match start {
                PathStart::Edges => i == 0 || j == 0,
                PathStart::Corner => i == 0 && j == 0,
            };
            if done {
                cells.reverse();
                return Some(cells);
            }
            let (strip, r) = (&self.strips[i / LANES], i % LANES);
            let word = self.moves[strip.offset + (j + r).checked_sub(strip.first)?];
            let (straight, left) = ((word >> r) & 1 == 1, (word >> (LANES + r)) & 1 == 1);
            if !straight || !left {
                i = i.checked_sub(1)?;
            }
            if !straight || left {
                j = j.checked_sub(1)?;
            }
            cells.push((i, j));
        }
    }
}

/// The wavefront between two steps, relative to the base of its block.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wave {
    /// Each lane's value at the last step.
    pub(super) left: Lanes,
    /// What each lane saw above itself at the last step: its diagonal at the next step.
    pub(super) up: Lanes,
}

/// Cells where a path may start, within one block of one strip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seeds {
    None,
    /// Lane 0 at step 0.
    Corner,
    /// Lane 0 at every step, or lane `k` at step `k`, or both.
    Edges {
        row: bool,
        column: bool,
    },
}

impl Seeds {
    fn of(start: PathStart, top: usize, block: usize) -> Self {
        match (start, top == 0, block == 0) {
            (PathStart::Corner, true, true) => Self::Corner,
            (PathStart::Corner, ..) | (PathStart::Edges, false, false) => Self::None,
            (PathStart::Edges, row, column) => Self::Edges { row, column },
        }
    }

    /// The lanes, as bits, that may start at step `k` of the block.
    pub(super) fn lanes(self, k: usize) -> u32 {
        match self {
            Self::None => 0,
            Self::Corner => u32::from(k == 0),
            Self::Edges { row, column } => u32::from(row) | (u32::from(column) << k),
        }
    }
}

/// One block of steps.
pub(super) struct Block<'a> {
    /// Number of the block: lane 0 stands in column `number × LANES` at its first step.
    pub(super) number: usize,
    /// The lane that holds the last row of the strip.
    pub(super) out_lane: usize,
    /// Whether the block touches an edge of the matrix: only then do seeds count, is the trail kept, and may the last
    /// row of the strip be in another lane than the last.
    pub(super) edge: bool,
    pub(super) seeds: Seeds,
    pub(super) steps: &'a StepCosts,
    /// The row above the strip, column `j` at `LANES + j`; it becomes the row above the next strip as far as the
    /// wavefront has passed.
    pub(super) above: &'a mut [f32],
    /// One word per step.
    pub(super) moves: &'a mut [u64],
    /// Every lane's value at every step.
    pub(super) trail: &'a mut [Lanes; LANES],
}

/// Runs the recurrence over the corridor.
pub(super) fn fill(
    source: &mut impl LocalCosts,
    corridor: &Corridor,
    params: &DtwParams,
    progress: &Progress,
) -> Result<Filled> {
    let (rows, columns) = (corridor.rows(), corridor.columns());
    let out_lane = |top: usize| LANES.min(rows - top) - 1;
    let blocks = |top: usize| {
        let (start, end) = (corridor.row(top).start, corridor.row(top + out_lane(top)).end);
        start / LANES..(end + out_lane(top)).div_ceil(LANES)
    };
    let words: usize = (0..rows).step_by(LANES).map(|top| blocks(top).len() * LANES).sum();
    let mut filled = Filled {
        last_row: Vec::new(),
        last_column: vec![f64::INFINITY; rows],
        moves: zeros(words)?,
        strips: Vec::with_capacity(rows.div_ceil(LANES)),
    };
    // Relative to the bases of its blocks of columns, and infinite to the right of the corridor.
    let mut above = vec![f32::INFINITY; (columns.div_ceil(LANES) + 3) * LANES];
    let mut bases = vec![0.0_f64; above.len() / LANES];
    let mut ring = Ring::new();
    let mut trail = [Lanes::INFINITE; LANES];
    // A factor acts on the whole cost, so no base can be split off.
    let split_off = (params.steps.factor - 1.0).abs() < f32::EPSILON;
    let mut offset = 0;
    for top in (0..rows).step_by(LANES) {
        progress.step(offset, words)?;
        let (blocks, out_lane) = (blocks(top), out_lane(top));
        let first = blocks.start * LANES;
        filled.strips.push(StripMoves { offset, first });
        let mut wave = Wave { left: Lanes::INFINITE, up: Lanes::INFINITE };
        let mut base = 0.0;
        if top > 0 && first > corridor.row(top - 1).start {
            wave.up.0[0] = above[LANES + first - 1];
            base = bases[blocks.start - 1];
        }
        ring.bar(blocks.start);
        source.tile(corridor, top, blocks.start, &mut ring);
        for block in blocks.clone() {
            let over = (block + 1) * LANES..(block + 2) * LANES;
            // Paths that begin in this block begin at cost 0, not at the base.
            let next = if split_off && top > 0 && block > 0 {
                let reached = bases[block] + least(&above[over.clone()]);
                let best = reached.min(base + least(&wave.left.0)).min(base + least(&wave.up.0));
                let best = (best / BASE_UNIT).floor() * BASE_UNIT;
                if best.is_finite() { best } else { base }
            } else {
                0.0
            };
            shift(&mut above[over], bases[block] - next);
            shift(&mut wave.left.0, base - next);
            shift(&mut wave.up.0, base - next);
            (bases[block], base) = (next, next);

            let seeds = Seeds::of(params.start, top, block);
            let meets_last_column = (block + 1) * LANES >= columns;
            let edge = meets_last_column || out_lane != LANES - 1 || seeds != Seeds::None;
            let mut now = Block {
                number: block,
                out_lane,
                edge,
                seeds,
                steps: &params.steps,
                above: &mut above,
                moves: &mut filled.moves[offset..offset + LANES],
                trail: &mut trail,
            };
            let more = block + 1 < blocks.end;
            if more
                && !edge
                && let Some(ahead) = source.ahead(top, block + 1)
            {
                wavefront::sweep_and_fill(&mut wave, &mut ring, &mut now, &ahead);
                source.bar(corridor, top, block + 1, &mut ring);
            } else {
                wavefront::sweep(&mut wave, &mut ring, &mut now);
                if more {
                    source.tile(corridor, top, block + 1, &mut ring);
                }
            }
            if meets_last_column {
                for (k, lanes) in trail.iter().enumerate() {
                    let lane = (block * LANES + k + 1).wrapping_sub(columns);
                    if lane <= out_lane {
                        filled.last_column[top + lane] = base + f64::from(lanes.0[lane]);
                    }
                }
            }
            // Values written left of the block belong to the block before, and so to its base.
            if block > 0 {
                let late = (block + 1) * LANES - out_lane..(block + 1) * LANES;
                shift(&mut above[late], next - bases[block - 1]);
            }
            offset += LANES;
        }
    }
    progress.step(words, words)?;
    let last_row = corridor.row(rows - 1);
    let reached = |j: usize| bases[j / LANES] + f64::from(above[LANES + j]);
    filled.last_row = (0..columns).map(|j| if last_row.contains(&j) { reached(j) } else { f64::INFINITY }).collect();
    Ok(filled)
}

/// `count` zero words, or an error if the memory can't be allocated.
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

/// The least of about 32 values, taken eight at a time because the compiler may not reorder a longer chain.
fn least(values: &[f32]) -> f64 {
    let less = |a: f32, b: f32| if b < a { b } else { a };
    let mut eight = [f32::INFINITY; 8];
    for values in values.chunks(8) {
        for (least, &value) in eight.iter_mut().zip(values) {
            *least = less(*least, value);
        }
    }
    f64::from(eight.into_iter().fold(f32::INFINITY, less))
}

fn shift(values: &mut [f32], by: f64) {
    if by.abs() < f64::EPSILON {
        return;
    }
    for value in values {
        *value += by as f32;
    }
}
