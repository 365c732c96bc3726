//! One block of the wavefront, and one block of cosine distances: the plain versions, and the choice of the fast ones.

use super::strip::{Block, LANES, Lanes, Ring, Wave};

/// Columns of features that a block of distances reads: its own, and those before it that the slant within eight lanes needs.
pub(super) const REACH: usize = LANES + 8;

/// One block of cosine distances that is still to be computed.
///
/// Step `s = LANES × block + k` of eight lanes together is one product of a vector of rows and a slanted vector of columns:
/// lane `r` gets the distance of its row to column `s − r % 8`, and that value belongs to step `s + r − r % 8`.
pub(super) struct Ahead<'a> {
    /// Features of the strip: dimension `d` of the row of lane `r` at `d × LANES + r`.
    pub(super) rows: &'a [f32],
    /// Features of the columns, backwards: dimension `d` of column `LANES × block + LANES − 1 − p` at `d × REACH + p`.
    pub(super) columns: &'a [f32],
    /// Number of dimensions, a multiple of 8.
    pub(super) dimensions: usize,
    /// Number of the block.
    pub(super) block: usize,
}

/// Takes the wavefront through one block.
pub(super) fn sweep(wave: &mut Wave, ring: &mut Ring, block: &mut Block<'_>) {
    #[cfg(target_arch = "x86_64")]
    if super::avx512::sweep(wave, ring, block) {
        return;
    }
    sweep_plainly(wave, ring, block);
}

/// Takes the wavefront through one block and fills in the distances of the next.
pub(super) fn sweep_and_fill(wave: &mut Wave, ring: &mut Ring, block: &mut Block<'_>, ahead: &Ahead<'_>) {
    #[cfg(target_arch = "x86_64")]
    if super::avx512::sweep_and_fill(wave, ring, block, ahead) {
        return;
    }
    sweep_plainly(wave, ring, block);
    fill_plainly(ring, ahead);
}

/// Fills in the distances of one block.
pub(super) fn fill(ring: &mut Ring, ahead: &Ahead<'_>) {
    #[cfg(target_arch = "x86_64")]
    if super::avx512::fill(ring, ahead) {
        return;
    }
    fill_plainly(ring, ahead);
}

fn sweep_plainly(wave: &mut Wave, ring: &Ring, block: &mut Block<'_>) {
    let steps = block.steps;
    for k in 0..LANES {
        let step = block.number * LANES + k;
        let costs = ring.step(step);
        let mut up = [block.above[LANES + step]; LANES];
        up[1..].copy_from_slice(&wave.left.0[..LANES - 1]);
        let (mut straight, mut slanted) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        let (mut is_straight, mut is_left) = (0_u32, 0_u32);
        if steps.weighted() {
            for r in 0..LANES {
                let vertical = up[r] * steps.factor + (steps.penalty + steps.vertical * costs[r]);
                let horizontal = wave.left.0[r] * steps.factor + (steps.penalty + steps.horizontal * costs[r]);
                is_left |= u32::from(horizontal < vertical) << r;
                straight[r] = vertical.min(horizontal);
                slanted[r] = wave.up.0[r] + steps.diagonal * costs[r];
            }
        } else {
            for r in 0..LANES {
                is_left |= u32::from(wave.left.0[r] < up[r]) << r;
                straight[r] = up[r].min(wave.left.0[r]) + (steps.penalty + costs[r]);
                slanted[r] = wave.up.0[r] + costs[r];
            }
        }
        for r in 0..LANES {
            is_straight |= u32::from(straight[r] < slanted[r]) << r;
            wave.left.0[r] = straight[r].min(slanted[r]);
        }
        let seeds = block.seeds.lanes(k);
        for r in (0..LANES).filter(|r| seeds >> r & 1 == 1) {
            wave.left.0[r] = steps.diagonal * costs[r];
        }
        wave.up = Lanes(up);
        block.moves[k] = u64::from(is_straight & !seeds) | (u64::from(is_left & !seeds) << LANES);
        block.trail[k] = wave.left;
        block.above[LANES + step - block.out_lane] = wave.left.0[block.out_lane];
    }
}

fn fill_plainly(ring: &mut Ring, ahead: &Ahead<'_>) {
    for k in 0..LANES {
        let mut products = [0.0_f32; LANES];
        for d in 0..ahead.dimensions {
            let rows = &ahead.rows[d * LANES..(d + 1) * LANES];
            let columns = &ahead.columns[d * REACH + LANES - 1 - k..][..8];
            for (eight, rows) in products.chunks_exact_mut(8).zip(rows.chunks_exact(8)) {
                for ((product, row), column) in eight.iter_mut().zip(rows).zip(columns) {
                    *product += row * column;
                }
            }
        }
        let step = ahead.block * LANES + k;
        for (r, product) in products.into_iter().enumerate() {
            ring.0[(step + r - r % 8) % Ring::STEPS].0[r] = (1.0 - product).max(0.0);
        }
    }
}
