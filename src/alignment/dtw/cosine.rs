//! Cosine distance as a source of local costs: features packed as the wavefront reads them.

use super::Corridor;
use super::strip::{LANES, LocalCosts, Ring};
use super::wavefront::{self, Ahead, REACH};
use crate::alignment::distance;
use ndarray::{ArrayView2, Axis, s};
use std::ops::Range;

/// Two feature matrices, packed.
pub(super) struct Cosine<'a> {
    x: ArrayView2<'a, f32>,
    y: ArrayView2<'a, f32>,
    strips: Vec<f32>,
    blocks: Vec<f32>,
    dimensions: usize,
}

impl<'a> Cosine<'a> {
    /// Packs unit rows `x` (rows × bins) and `y` (columns × bins).
    pub(super) fn new(x: ArrayView2<'a, f32>, y: ArrayView2<'a, f32>) -> Self {
        // A multiple of 8, because the wavefront computes an eighth of a product at each step.
        let dimensions = x.ncols().next_multiple_of(8);
        let mut strips = vec![0.0; x.nrows().div_ceil(LANES) * dimensions * LANES];
        for (strip, rows) in strips.chunks_exact_mut(dimensions * LANES).zip(x.axis_chunks_iter(Axis(0), LANES)) {
            for (places, values) in strip.chunks_exact_mut(LANES).zip(rows.columns()) {
                places.iter_mut().zip(values).for_each(|(place, &value)| *place = value);
            }
        }
        // One block more than there are columns: the slant reaches beyond the last.
        let count = y.nrows().div_ceil(LANES) + 1;
        let mut blocks = vec![0.0; count * dimensions * REACH];
        for (number, block) in blocks.chunks_exact_mut(dimensions * REACH).enumerate() {
            let (from, to) = ((number * LANES + LANES).saturating_sub(REACH), (number + 1) * LANES);
            let (from, to, before) = (from, to.min(y.nrows()), to - to.min(y.nrows()));
            for (places, values) in block.chunks_exact_mut(REACH).zip(y.slice(s![from.min(to)..to, ..]).columns()) {
                places[before.min(REACH)..]
                    .iter_mut()
                    .zip(values.iter().rev())
                    .for_each(|(place, &value)| *place = value);
            }
        }
        Self { x, y, strips, blocks, dimensions }
    }

    fn work(&self, top: usize, block: usize) -> Option<Ahead<'_>> {
        let (strip, size) = (self.dimensions * LANES, self.dimensions * REACH);
        let columns = self.blocks.get(block * size..(block + 1) * size)?;
        let rows = &self.strips[top / LANES * strip..(top / LANES + 1) * strip];
        Some(Ahead { rows, columns, dimensions: self.dimensions, block })
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
        // All columns that any lane got: its own block, and up to seven before.
        let (from, to) = (block * LANES, (block + 1) * LANES);
        if corridor.row(last).start + 7 <= from && corridor.row(top).end >= to {
            return;
        }
        // Of each lane, the steps at which its column is inside. Lanes past the last row don't count.
        let (mut enter, mut leave) = ([0_u32; LANES], [u32::MAX; LANES]);
        for (lane, row) in (top..=last).enumerate() {
            let inside = corridor.row(row);
            (enter[lane], leave[lane]) = ((inside.start + lane % 8) as u32, (inside.end + lane % 8) as u32);
        }
        for step in from..to {
            for (eight, (enter, leave)) in enter.chunks_exact(8).zip(leave.chunks_exact(8)).enumerate() {
                let costs = &mut ring.0[(step + 8 * eight) % Ring::STEPS].0[8 * eight..8 * eight + 8];
                for ((cost, &enter), &leave) in costs.iter_mut().zip(enter).zip(leave) {
                    let entered = if enter <= step as u32 { *cost } else { f32::INFINITY };
                    *cost = if leave > step as u32 { entered } else { f32::INFINITY };
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
