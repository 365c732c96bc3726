//! One block of the wavefront, and one block of cosine distances: the plain versions, and the choice of the fast ones.

use super::strip::{Block, LANES, Lanes, Ring, Wave};

/// Columns of features that a block of distances reads: its own, and the ones before it that the slant within eight
/// lanes needs.
pub(super) const REACH: usize = LANES + 8;

/// 1 in the fixed-point numbers. A product of unit rows is then at most 2³⁰.
pub(super) const FIXED_ONE: f32 = 32_767.0;

/// How features are stored in words of 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// An `f32`.
    Single,
    /// Two neighbouring dimensions as `i16`, the first in the lower half; 1 is [`FIXED_ONE`].
    Fixed,
}

impl Numbers {
    /// Dimensions per word.
    pub(super) fn per_word(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Fixed => 2,
        }
    }

    /// Fixed-point numbers if the processor multiplies them faster than `f32`.
    pub(super) fn fastest() -> Self {
        #[cfg(target_arch = "x86_64")]
        if super::simd_avx512::available_fixed() {
            return Self::Fixed;
        }
        Self::Single
    }
}

/// Two fixed-point numbers as a word.
pub(super) fn pair(first: i16, second: i16) -> u32 {
    u32::from(first.cast_unsigned()) | (u32::from(second.cast_unsigned()) << 16)
}

/// One block of cosine distances that is yet to be computed.
///
/// Step `s = LANES × block + k` of eight lanes together is one product of a vector of rows and a slanted vector of
/// columns: lane `r` gets the distance of its row to column `s − r % 8`, and that value belongs to step `s + r − r %
/// 8`.
pub(super) struct Ahead<'a> {
    /// What a word holds.
    pub(super) numbers: Numbers,
    /// Features of the strip: word `w` of the row of lane `r` at `w × LANES + r`.
    pub(super) rows: &'a [u32],
    /// Features of the columns, in reverse: word `w` of column `LANES × block + LANES − 1 − p` at `w × REACH + p`.
    pub(super) columns: &'a [u32],
    /// Number of words in a row of features, a multiple of 8.
    pub(super) words: usize,
    /// Number of the block.
    pub(super) block: usize,
}

/// Takes the wavefront through one block.
pub(super) fn sweep(wave: &mut Wave, ring: &mut Ring, block: &mut Block<'_>) {
    #[cfg(target_arch = "x86_64")]
    if super::simd_avx512::sweep(wave, ring, block) || super::simd_avx2::sweep(wave, ring, block) {
        return;
    }
    sweep_plainly(wave, ring, block);
}

/// Takes the wavefront through one block and fills in the distances of the next.
pub(super) fn sweep_and_fill(wave: &mut Wave, ring: &mut Ring, block: &mut Block<'_>, ahead: &Ahead<'_>) {
    #[cfg(target_arch = "x86_64")]
    if super::simd_avx512::sweep_and_fill(wave, ring, block, ahead) {
        return;
    }
    sweep(wave, ring, block);
    fill(ring, ahead);
}

/// Fills in the distances of one block.
pub(super) fn fill(ring: &mut Ring, ahead: &Ahead<'_>) {
    #[cfg(target_arch = "x86_64")]
    if super::simd_avx512::fill(ring, ahead) || super::simd_avx2::fill(ring, ahead) {
        return;
    }
    fill_plainly(ring, ahead);
}

#[expect(clippy::inline_always, reason = "`simd_avx2` compiles it again for more lanes")]
#[inline(always)]
pub(super) fn sweep_plainly(wave: &mut Wave, ring: &Ring, block: &mut Block<'_>) {
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
        let (mut single, mut fixed) = ([0.0_f32; LANES], [0_i32; LANES]);
        for w in 0..ahead.words {
            let rows = &ahead.rows[w * LANES..(w + 1) * LANES];
            let columns = &ahead.columns[w * REACH + LANES - 1 - k..][..8];
            match ahead.numbers {
                Numbers::Single => {
                    multiply(&mut single, rows, columns, |row, column| f32::from_bits(row) * f32::from_bits(column));
                }
                Numbers::Fixed => multiply(&mut fixed, rows, columns, |row, column| {
                    let half = |word: u32, shift: u32| i32::from((word >> shift) as i16);
                    half(row, 0) * half(column, 0) + half(row, 16) * half(column, 16)
                }),
            }
        }
        let step = ahead.block * LANES + k;
        for r in 0..LANES {
            let product = match ahead.numbers {
                Numbers::Single => single[r],
                Numbers::Fixed => fixed[r] as f32 * (1.0 / (FIXED_ONE * FIXED_ONE)),
            };
            ring.0[(step + r - r % 8) % Ring::STEPS].0[r] = (1.0 - product).max(0.0);
        }
    }
}

/// Adds the products of the words of 32 rows with those of eight columns, four times over.
fn multiply<T: std::ops::AddAssign>(
    sums: &mut [T; LANES],
    rows: &[u32],
    columns: &[u32],
    product: impl Fn(u32, u32) -> T,
) {
    for (sums, rows) in sums.chunks_exact_mut(8).zip(rows.chunks_exact(8)) {
        for ((sum, &row), &column) in sums.iter_mut().zip(rows).zip(columns) {
            *sum += product(row, column);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::StepCosts;
    use super::super::strip::Seeds;
    use super::super::tests::features;
    use super::*;
    use ndarray::Array2;

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
                #[cfg(target_arch = "x86_64")]
                {
                    let by_eight = Case::new().run(edge, &steps, |wave, ring, block| {
                        super::super::simd_avx2::sweep(wave, ring, block);
                    });
                    assert_eq!((by_eight.wave, by_eight.moves), (plain.wave, plain.moves), "{edge:?}");
                    assert_eq!((by_eight.above, by_eight.trail), (plain.above, plain.trail), "{edge:?}");
                }
            }
        }
    }

    #[test]
    fn the_fast_distances_are_the_plain_ones_woven_in_or_not() {
        let words = 24;
        let [rows, columns] = [(LANES, 1), (REACH, 2)].map(|(width, seed)| features(words, width, seed));
        let bits = |rows: &Array2<f32>| rows.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
        distances_agree(Numbers::Single, &bits(&rows), &bits(&columns), words);
        let pairs = |rows: &Array2<f32>| {
            rows.iter().map(|value| pair((value * FIXED_ONE) as i16, (value * 9999.0) as i16)).collect::<Vec<u32>>()
        };
        distances_agree(Numbers::Fixed, &pairs(&rows), &pairs(&columns), words);
    }

    fn distances_agree(numbers: Numbers, rows: &[u32], columns: &[u32], words: usize) {
        let ahead = Ahead { numbers, rows, columns, words, block: 2 };
        let (mut plain, mut fast) = (Case::new().ring, Case::new().ring);
        fill_plainly(&mut plain, &ahead);
        fill(&mut fast, &ahead);
        #[cfg(target_arch = "x86_64")]
        if numbers == Numbers::Single {
            let mut by_eight = Case::new().ring;
            super::super::simd_avx2::fill(&mut by_eight, &ahead);
            for (plain, by_eight) in plain.0.iter().zip(by_eight.0.iter()) {
                for (plain, by_eight) in plain.0.iter().zip(by_eight.0) {
                    assert!(plain.to_bits() == by_eight.to_bits() || (plain - by_eight).abs() < 1e-5);
                }
            }
        }
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
                // Infinite if nothing was written, and equal in that case.
                let near = |value: f32| plain.to_bits() == value.to_bits() || (plain - value).abs() < 1e-5;
                assert!(near(*fast) && near(*woven), "{plain}, {fast}, {woven}");
            }
        }
        let alone = Case::new().run(None, &StepCosts::penalty(0.07), sweep);
        assert_eq!((woven.wave, woven.moves, woven.above), (alone.wave, alone.moves, alone.above));
    }
}
