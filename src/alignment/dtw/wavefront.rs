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

#[cfg(test)]
mod tests {
    use super::super::StepCosts;
    use super::super::strip::Seeds;
    use super::super::tests::features;
    use super::*;

    /// A ring of costs, a wavefront and a row above it, with some infinite values.
    struct Case {
        ring: Ring,
        wave: Wave,
        above: Vec<f32>,
        moves: Vec<u64>,
        trail: Box<[Lanes; LANES]>,
    }

    impl Case {
        fn new() -> Self {
            let values = features(6 * LANES, LANES, 11);
            let lanes = |row: usize| {
                let mut lanes = Lanes([0.0; LANES]);
                for (r, lane) in lanes.0.iter_mut().enumerate() {
                    let value = values[(row, r)].abs();
                    *lane = if value == 0.0 { f32::INFINITY } else { value };
                }
                lanes
            };
            let mut ring = Ring::new();
            (0..Ring::STEPS).for_each(|step| ring.0[step] = lanes(step));
            let wave = Wave { left: lanes(Ring::STEPS), up: lanes(Ring::STEPS + 1) };
            let above = (0..4).flat_map(|k| lanes(Ring::STEPS + 2 + k).0).collect();
            Self { ring, wave, above, moves: vec![0; LANES], trail: Box::new([Lanes::INFINITE; LANES]) }
        }

        fn run(mut self, edge: Option<(usize, Seeds)>, steps: &StepCosts, sweep: Sweep) -> Self {
            let (out_lane, seeds) = edge.unwrap_or((LANES - 1, Seeds::None));
            let mut block = Block {
                number: 1,
                out_lane,
                edge: edge.is_some(),
                seeds,
                steps,
                above: &mut self.above,
                moves: &mut self.moves,
                trail: &mut self.trail,
            };
            sweep(&mut self.wave, &mut self.ring, &mut block);
            self
        }
    }

    type Sweep = fn(&mut Wave, &mut Ring, &mut Block<'_>);

    fn step_costs() -> [StepCosts; 3] {
        let weighted = StepCosts { diagonal: 2.0, vertical: 1.5, horizontal: 1.3, penalty: 0.1, factor: 1.0 };
        [StepCosts::penalty(0.0), StepCosts::penalty(0.07), weighted]
    }

    #[test]
    fn the_fast_sweep_is_the_plain_one_to_the_bit() {
        let edges = [
            None,
            Some((LANES - 1, Seeds::Corner)),
            Some((4, Seeds::Edges { row: true, column: false })),
            Some((LANES - 1, Seeds::Edges { row: false, column: true })),
            Some((0, Seeds::None)),
        ];
        for steps in step_costs() {
            for edge in edges {
                let fast = Case::new().run(edge, &steps, sweep);
                let plain = Case::new().run(edge, &steps, |wave, ring, block| sweep_plainly(wave, ring, block));
                assert_eq!(fast.wave, plain.wave, "{edge:?}");
                assert_eq!(fast.moves, plain.moves, "{edge:?}");
                assert_eq!(fast.above, plain.above, "{edge:?}");
                if edge.is_some() {
                    assert_eq!(fast.trail, plain.trail, "{edge:?}");
                }
            }
        }
    }

    #[test]
    fn the_fast_distances_are_the_plain_ones_woven_in_or_not() {
        let dimensions = 24;
        let rows: Vec<f32> = features(dimensions, LANES, 1).iter().map(|value| -value).collect();
        let columns: Vec<f32> = features(dimensions, REACH, 2).iter().map(|value| -value).collect();
        let ahead = Ahead { rows: &rows, columns: &columns, dimensions, block: 2 };
        let (mut plain, mut fast) = (Case::new().ring, Case::new().ring);
        fill_plainly(&mut plain, &ahead);
        fill(&mut fast, &ahead);
        let mut woven = Case::new();
        let mut block = Block {
            number: 1,
            out_lane: LANES - 1,
            edge: false,
            seeds: Seeds::None,
            steps: &StepCosts::penalty(0.07),
            above: &mut woven.above,
            moves: &mut woven.moves,
            trail: &mut woven.trail,
        };
        sweep_and_fill(&mut woven.wave, &mut woven.ring, &mut block, &ahead);
        for step in 0..Ring::STEPS {
            for ((plain, fast), woven) in plain.step(step).iter().zip(fast.step(step)).zip(woven.ring.step(step)) {
                // Infinite where nothing was written, and equal then.
                let near = |value: f32| plain.to_bits() == value.to_bits() || (plain - value).abs() < 1e-5;
                assert!(near(*fast) && near(*woven), "{plain}, {fast}, {woven}");
            }
        }
        let alone = Case::new().run(None, &StepCosts::penalty(0.07), sweep);
        assert_eq!((woven.wave, woven.moves, woven.above), (alone.wave, alone.moves, alone.above));
    }
}
