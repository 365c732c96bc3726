//! Cosine distance as a source of local costs: features packed as the wavefront reads them.

use super::Corridor;
use super::strip::{LANES, LocalCosts, Ring};
use super::wavefront::{self, Ahead, REACH};
use crate::alignment::distance;
use ndarray::ArrayView2;
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
        for (i, row) in x.rows().into_iter().enumerate() {
            let strip = &mut strips[i / LANES * dimensions * LANES..];
            for (d, &value) in row.iter().enumerate() {
                strip[d * LANES + i % LANES] = value;
            }
        }
        // One block more than there are columns: the slant reaches beyond the last.
        let mut blocks = vec![0.0; (y.nrows().div_ceil(LANES) + 1) * dimensions * REACH];
        for (j, row) in y.rows().into_iter().enumerate() {
            let (number, at) = (j / LANES, j % LANES);
            for (d, &value) in row.iter().enumerate() {
                blocks[(number * dimensions + d) * REACH + LANES - 1 - at] = value;
                // The last columns of a block are the reach of the next.
                if at >= 2 * LANES - REACH {
                    blocks[((number + 1) * dimensions + d) * REACH + 2 * LANES - 1 - at] = value;
                }
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
        for (lane, row) in (top..=last).enumerate() {
            let inside = corridor.row(row);
            // Counted from seven columns before the block, which may lie outside the matrix.
            for shifted in (from..to).map(|s| s + 7 - lane % 8) {
                let column = shifted.wrapping_sub(7);
                if !inside.contains(&column) {
                    ring.0[(shifted + lane - 7) % Ring::STEPS].0[lane] = f32::INFINITY;
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
