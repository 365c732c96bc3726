//! One query against 32 sequences side by side, a lane each: the recurrence of [`hash_dtw`](super::hash_dtw), written once
//! for every kind of vector.
//!
//! Everything is done in 16 bits. No cost is larger than that of the diagonal path to the cell, `bits × shorter
//! length`, so it is enough that this fits ([`fits`]). Lengths are stored less `i + j`, modulo 2^16: then only diagonal
//! steps change them, by −1, which is one masked operation instead of an addition and a selection.
//!
//! Columns are steps of the 32 sequences, taken [`ABREAST`] at a time so that the state of each row is loaded and
//! stored a third as often; rows are steps of the query.

#![expect(
    clippy::inline_always,
    reason = "the pieces must become part of the functions that are compiled for their vectors"
)]

use super::blocks::{Block, LANES};
use super::dtw::{HashDtw, Reach, end};

/// Columns that go through the rows together.
const ABREAST: usize = 3;

/// One value per lane.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Row(pub(super) [u16; LANES]);

/// Cost of the best path to a cell, and its length less the cell's `i + j`, for each lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<V> {
    pub(super) cost: V,
    pub(super) length: V,
}

/// Vectors of 32 lanes of 16 bits. A value of the type is proof that the processor has them.
pub(super) trait Lanes: Copy {
    /// 32 numbers.
    type V: Copy;
    /// Codes of one column, ready to be compared.
    type Column: Copy;

    /// Prepares a column from the low and high halves of its codes. The high ones are 0 for 16-bit codes.
    fn column(self, low: &[u16; LANES], high: &[u16; LANES]) -> Self::Column;
    /// Bits in which each lane differs from `code`; of the low halves only unless `WIDE`.
    fn distance<const WIDE: bool>(self, column: &Self::Column, code: u32) -> Self::V;
    fn splat(self, value: u16) -> Self::V;
    fn load(self, row: &Row) -> Self::V;
    fn store(self, row: &mut Row, value: Self::V);
    /// The next cell: the cheapest of the three, `up` and `left` with the penalty, plus its own distance; the diagonal
    /// wins ties, then `up`.
    fn step(
        self,
        up: Cell<Self::V>,
        left: Cell<Self::V>,
        diagonal: Cell<Self::V>,
        penalty: Self::V,
        distance: Self::V,
    ) -> Cell<Self::V>;
}

/// Whether all costs and lengths fit in 16 bits.
pub(super) fn fits(rows: usize, block: &Block<'_>, params: HashDtw) -> bool {
    let dearest = block.bits as usize * rows.min(block.columns()) + usize::from(params.penalty);
    dearest < usize::from(u16::MAX) && rows + block.columns() < usize::from(u16::MAX)
}

/// Score of each lane; infinite in unused ones. None if the values do not fit in 16 bits. The query must not be empty.
#[inline(always)]
pub(super) fn sweep<L: Lanes>(lanes: L, query: &[u32], block: &Block<'_>, params: HashDtw) -> Option<[f32; LANES]> {
    if !fits(query.len(), block, params) {
        None
    } else if block.bits > 16 {
        Some(run::<L, true>(lanes, query, block, params))
    } else {
        Some(run::<L, false>(lanes, query, block, params))
    }
}

#[inline(always)]
fn run<L: Lanes, const WIDE: bool>(lanes: L, query: &[u32], block: &Block<'_>, params: HashDtw) -> [f32; LANES] {
    let columns = block.columns();
    let mut ends = Ends::new(query.len(), block, params);
    let zero = Row([0; LANES]);
    let mut state = vec![Cell { cost: zero, length: zero }; query.len()];
    let mut j = 0;
    while j < columns {
        // The next column in which a sequence ends must be the last of its pass, so that it can be found in the state.
        let end = block.lengths.iter().filter(|&&length| length > j).min().map_or(columns, |&length| length);
        let taken = if j > 0 && j + ABREAST <= end {
            pass::<L, WIDE, ABREAST>(lanes, query, block, j, params.penalty, &mut state, &mut ends);
            ABREAST
        } else if j > 0 {
            pass::<L, WIDE, 1>(lanes, query, block, j, params.penalty, &mut state, &mut ends);
            1
        } else {
            first::<L, WIDE>(lanes, query, block, &mut state, &mut ends);
            1
        };
        j += taken;
        ends.in_column(j - 1, &state, &block.lengths);
    }
    ends.scores(&block.lengths)
}

/// The first column: paths begin in each of its cells.
#[inline(always)]
fn first<L: Lanes, const WIDE: bool>(
    lanes: L,
    query: &[u32],
    block: &Block<'_>,
    state: &mut [Cell<Row>],
    ends: &mut Ends,
) {
    let (low, high) = block.column(0);
    let column = lanes.column(&low, &high);
    for (i, (kept, &code)) in state.iter_mut().zip(query).enumerate() {
        lanes.store(&mut kept.cost, lanes.distance::<WIDE>(&column, code));
        lanes.store(&mut kept.length, lanes.splat(1_u16.wrapping_sub(i as u16)));
    }
    ends.in_row(0, &state[state.len() - 1], &block.lengths);
}

/// Columns `j .. j + N`, `j` not 0. The state is that of column `j − 1` before and that of column `j + N − 1` after.
#[inline(always)]
fn pass<L: Lanes, const WIDE: bool, const N: usize>(
    lanes: L,
    query: &[u32],
    block: &Block<'_>,
    j: usize,
    penalty: u16,
    state: &mut [Cell<Row>],
    ends: &mut Ends,
) {
    let columns: [L::Column; N] = std::array::from_fn(|c| {
        let (low, high) = block.column(j + c);
        lanes.column(&low, &high)
    });
    let load = |cell: &Cell<Row>| Cell { cost: lanes.load(&cell.cost), length: lanes.load(&cell.length) };
    let store = |to: &mut Cell<Row>, cell: Cell<L::V>| {
        lanes.store(&mut to.cost, cell.cost);
        lanes.store(&mut to.length, cell.length);
    };
    let penalty = lanes.splat(penalty);
    let (Some((top, state)), Some((&code, query))) = (state.split_first_mut(), query.split_first()) else { return };
    // Paths begin in each cell of the first row.
    let mut up: [Cell<L::V>; N] = std::array::from_fn(|c| Cell {
        cost: lanes.distance::<WIDE>(&columns[c], code),
        length: lanes.splat(1_u16.wrapping_sub((j + c) as u16)),
    });
    let mut before = load(top);
    store(top, up[N - 1]);
    for (kept, &code) in state.iter_mut().zip(query) {
        let mut left = load(kept);
        let mut diagonal = before;
        before = left;
        for c in 0..N {
            let distance = lanes.distance::<WIDE>(&columns[c], code);
            let cell = lanes.step(up[c], left, diagonal, penalty, distance);
            diagonal = up[c];
            up[c] = cell;
            left = cell;
        }
        store(kept, left);
    }
    for (c, cell) in up.iter().enumerate() {
        let mut last = Cell { cost: Row([0; LANES]), length: Row([0; LANES]) };
        store(&mut last, *cell);
        ends.in_row(j + c, &last, &block.lengths);
    }
}

/// The cheapest ends so far of each lane, in its last column and in the last row.
struct Ends {
    rows: usize,
    first: [usize; LANES],
    in_column: [Reach; LANES],
    in_row: [Reach; LANES],
}

impl Ends {
    fn new(rows: usize, block: &Block<'_>, params: HashDtw) -> Self {
        let first = block.lengths.map(|length| params.first_end(rows, length));
        Self { rows, first, in_column: [Reach::NEVER; LANES], in_row: [Reach::NEVER; LANES] }
    }

    /// Takes the last row's cell of column `j`.
    fn in_row(&mut self, j: usize, cell: &Cell<Row>, lengths: &[usize; LANES]) {
        for (lane, best) in self.in_row.iter_mut().enumerate() {
            let cost = u32::from(cell.cost.0[lane]);
            if j >= self.first[lane] && j < lengths[lane] && cost < best.cost {
                *best = Reach { cost, length: length(cell.length.0[lane], self.rows - 1, j) };
            }
        }
    }

    /// Takes all cells of column `j`, for the sequences that end there.
    fn in_column(&mut self, j: usize, state: &[Cell<Row>], lengths: &[usize; LANES]) {
        for lane in (0..LANES).filter(|&lane| lengths[lane] == j + 1) {
            for (i, cell) in state.iter().enumerate().skip(self.first[lane]) {
                let cost = u32::from(cell.cost.0[lane]);
                if cost < self.in_column[lane].cost {
                    self.in_column[lane] = Reach { cost, length: length(cell.length.0[lane], i, j) };
                }
            }
        }
    }

    fn scores(&self, lengths: &[usize; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| match lengths[lane] {
            0 => f32::INFINITY,
            _ => end(self.in_column[lane], self.in_row[lane]).score(),
        })
    }
}

/// The length that is stored less `i + j`.
fn length(kept: u16, i: usize, j: usize) -> u32 {
    u32::from(kept.wrapping_add((i + j) as u16))
}
