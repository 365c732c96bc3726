//! Cosine distance as a source of local costs: features packed as the wavefront reads them.

use super::Corridor;
use super::strip::{LANES, LocalCosts, Ring};
use super::wavefront::{self, Ahead, FIXED_ONE, Numbers, REACH};
use crate::alignment::distance;
use ndarray::{ArrayView2, Axis, s};
use std::ops::Range;

/// Two feature matrices, packed into words: see [`Numbers`].
pub(super) struct Cosine<'a> {
    x: ArrayView2<'a, f32>,
    y: ArrayView2<'a, f32>,
    numbers: Numbers,
    strips: Vec<u32>,
    blocks: Vec<u32>,
    words: usize,
}

impl<'a> Cosine<'a> {
    /// Packs unit rows `x` (rows × bins) and `y` (columns × bins).
    pub(super) fn new(x: ArrayView2<'a, f32>, y: ArrayView2<'a, f32>, numbers: Numbers) -> Self {
        let per_word = numbers.per_word();
        // A multiple of 8, because the wavefront computes an eighth of a product at each step.
        let words = x.ncols().div_ceil(per_word).next_multiple_of(8);
        let mut strips = vec![0; x.nrows().div_ceil(LANES) * words * LANES];
        for (strip, rows) in strips.chunks_exact_mut(words * LANES).zip(x.axis_chunks_iter(Axis(0), LANES)) {
            for (places, values) in strip.chunks_exact_mut(LANES).zip(rows.axis_chunks_iter(Axis(1), per_word)) {
                pack(places.iter_mut(), values, numbers);
            }
        }
        // One block more than there are columns: the slant reaches past the last.
        let mut blocks = vec![0; (y.nrows().div_ceil(LANES) + 1) * words * REACH];
        for (number, block) in blocks.chunks_exact_mut(words * REACH).enumerate() {
            // Backwards from the last place, which belongs to the first column of the reach.
            let first = ((number + 1) * LANES) as isize - REACH as isize;
            let missing = first.min(0).unsigned_abs();
            let (from, to) = (first.max(0) as usize, ((number + 1) * LANES).min(y.nrows()));
            let columns = y.slice(s![from.min(to)..to, ..]);
            for (places, values) in block.chunks_exact_mut(REACH).zip(columns.axis_chunks_iter(Axis(1), per_word)) {
                pack(places.iter_mut().rev().skip(missing), values, numbers);
            }
        }
        Self { x, y, numbers, strips, blocks, words }
    }

    fn work(&self, top: usize, block: usize) -> Option<Ahead<'_>> {
        let (strip, size) = (self.words * LANES, self.words * REACH);
        let columns = self.blocks.get(block * size..(block + 1) * size)?;
        let rows = &self.strips[top / LANES * strip..(top / LANES + 1) * strip];
        Some(Ahead { numbers: self.numbers, rows, columns, words: self.words, block })
    }
}

/// Puts one word of each row of `values` in its place.
fn pack<'a>(places: impl Iterator<Item = &'a mut u32>, values: ArrayView2<'_, f32>, numbers: Numbers) {
    match numbers {
        Numbers::Single => places.zip(values.column(0)).for_each(|(place, value)| *place = value.to_bits()),
        Numbers::Fixed => places.zip(values.rows()).for_each(|(place, row)| {
            let fixed = |k: usize| row.get(k).map_or(0, |value| (value * FIXED_ONE).round_ties_even() as i16);
            *place = wavefront::pair(fixed(0), fixed(1));
        }),
    }
}

impl LocalCosts for Cosine<'_> {
    fn tile(&mut self, corridor: &Corridor, top: usize, block: usize, ring: &mut Ring) {
        if let Some(work) = self.work(top, block) {
            wavefront::fill(ring, &work);
        }
        self.bar(corridor, top, block, ring);
    }

    fn ahead(&self, top: usize, block: usize) -> Option<Ahead<'_>> {
        self.work(top, block)
    }

    fn bar(&self, corridor: &Corridor, top: usize, block: usize, ring: &mut Ring) {
        let last = (top + LANES).min(corridor.rows()) - 1;
        // All columns that any lane needs: its own block, and up to seven before it.
        let (from, to) = (block * LANES, (block + 1) * LANES);
        if corridor.row(last).start + 7 <= from && corridor.row(top).end >= to {
            return;
        }
        // For each lane, the steps at which its column is inside. Lanes past the last row don't count.
        let (mut enter, mut leave) = ([0; LANES], [usize::MAX; LANES]);
        for (lane, row) in (top..=last).enumerate() {
            let inside = corridor.row(row);
            (enter[lane], leave[lane]) = (inside.start + lane % 8, inside.end + lane % 8);
        }
        for first in (0..LANES).step_by(8) {
            let (enter, leave) = (&enter[first..first + 8], &leave[first..first + 8]);
            let all_from = enter.iter().fold(0, |latest, &step| step.max(latest));
            let all_to = leave.iter().fold(usize::MAX, |earliest, &step| step.min(earliest));
            for step in (from..to).filter(|&step| step < all_from || step >= all_to) {
                let costs = &mut ring.0[(step + first) % Ring::STEPS].0[first..first + 8];
                for ((cost, &enter), &leave) in costs.iter_mut().zip(enter).zip(leave) {
                    if step < enter || step >= leave {
                        *cost = f32::INFINITY;
                    }
                }
            }
        }
    }

    fn row(&mut self, row: usize, columns: Range<usize>, out: &mut [f32]) {
        for (cost, j) in out.iter_mut().zip(columns) {
            *cost = distance::cosine(self.x.row(row), self.y.row(j));
        }
    }
}
