//! The wavefront and the cosine distances in AVX-512, interleaved.
//!
//! Two registers hold the 32 lanes. The distances of the next block are computed between the steps of this one:
//! products keep the multipliers busy and the recurrence keeps the adders busy, so that the second is nearly free.

#![expect(
    unsafe_code,
    reason = "AVX-512 kernels, reached only where the processor has it; each equals its plain version"
)]
#![expect(clippy::inline_always, reason = "the pieces must become part of the three functions that have the features")]

use super::strip::{Block, LANES, Lanes, Ring, Wave};
use super::wavefront::{Ahead, FIXED_ONE, Numbers, REACH};
use std::arch::x86_64::{
    __m512, _CMP_LT_OQ, _MM_HINT_T0, _mm_cvtss_f32, _mm_permute_ps, _mm_prefetch, _mm256_loadu_ps, _mm256_storeu_ps,
    _mm512_add_ps, _mm512_alignr_epi32, _mm512_broadcast_f32x8, _mm512_castps_si512, _mm512_castps512_ps256,
    _mm512_castsi512_ps, _mm512_cmp_ps_mask, _mm512_cvtepi32_ps, _mm512_extractf32x4_ps, _mm512_extractf32x8_ps,
    _mm512_fmadd_ps, _mm512_load_ps, _mm512_loadu_ps, _mm512_mask_mov_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_store_ps, _mm512_sub_ps,
};
use std::ops::Range;

/// [`wavefront::sweep`](super::wavefront::sweep); false if the processor can't.
pub(super) fn sweep(wave: &mut Wave, ring: &mut Ring, block: &mut Block<'_>) -> bool {
    available() && {
        check(block);
        // SAFETY: the processor has the features, and `check` has seen the lengths.
        unsafe {
            match (block.edge, block.steps.weighted()) {
                (false, false) => alone::<false, false>(wave, ring, block),
                (false, true) => alone::<false, true>(wave, ring, block),
                (true, false) => alone::<true, false>(wave, ring, block),
                (true, true) => alone::<true, true>(wave, ring, block),
            }
        }
        true
    }
}

/// [`wavefront::sweep_and_fill`](super::wavefront::sweep_and_fill) away from the edges; false if the processor can't.
pub(super) fn sweep_and_fill(wave: &mut Wave, ring: &mut Ring, block: &mut Block<'_>, ahead: &Ahead<'_>) -> bool {
    assert!(!block.edge, "blocks on an edge are swept alone");
    available_for(ahead) && {
        check(block);
        check_ahead(ahead);
        // SAFETY: the processor has the features, and `check` has seen the lengths.
        unsafe {
            match (ahead.numbers, block.steps.weighted()) {
                (Numbers::Single, false) => woven_single::<false>(wave, ring, block, ahead),
                (Numbers::Single, true) => woven_single::<true>(wave, ring, block, ahead),
                (Numbers::Fixed, false) => woven_fixed::<false>(wave, ring, block, ahead),
                (Numbers::Fixed, true) => woven_fixed::<true>(wave, ring, block, ahead),
            }
        }
        true
    }
}

/// [`wavefront::fill`](super::wavefront::fill); false if the processor can't.
pub(super) fn fill(ring: &mut Ring, ahead: &Ahead<'_>) -> bool {
    available_for(ahead) && {
        check_ahead(ahead);
        // SAFETY: the processor has the features, and `check_ahead` has seen the lengths.
        unsafe {
            match ahead.numbers {
                Numbers::Single => fill_single(ring, ahead),
                Numbers::Fixed => fill_fixed(ring, ahead),
            }
        }
        true
    }
}

fn available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512dq")
}

/// Whether the processor can also multiply pairs of 16-bit numbers and add them in one instruction.
pub(super) fn available_fixed() -> bool {
    available() && is_x86_feature_detected!("avx512vnni")
}

fn available_for(ahead: &Ahead<'_>) -> bool {
    match ahead.numbers {
        Numbers::Single => available(),
        Numbers::Fixed => available_fixed(),
    }
}

fn check(block: &Block<'_>) {
    assert!(block.above.len() >= (block.number + 2) * LANES && block.moves.len() == LANES && block.out_lane < LANES);
}

fn check_ahead(ahead: &Ahead<'_>) {
    let words = ahead.words;
    assert!(words.is_multiple_of(8), "{words} words");
    assert!(ahead.rows.len() >= words * LANES && ahead.columns.len() >= words * REACH);
}

/// The recurrence over one block.
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
unsafe fn alone<const EDGE: bool, const WEIGHTED: bool>(wave: &mut Wave, ring: &mut Ring, block: &mut Block<'_>) {
    // SAFETY: this function has the features; its caller has checked the lengths; a block never wraps around in the ring.
    unsafe {
        let (steps, mut front) = (Steps::new(block), Front::load(wave));
        let costs = ring.0.as_ptr().add(block.number * LANES % Ring::STEPS);
        for k in 0..LANES {
            front.step::<EDGE, WEIGHTED>(k, costs.add(k).cast(), block, &steps);
        }
        front.store(wave);
    }
}

/// [`woven`] over `f32`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
unsafe fn woven_single<const W: bool>(wave: &mut Wave, ring: &mut Ring, block: &mut Block<'_>, ahead: &Ahead<'_>) {
    // SAFETY: this function has the features; its caller has checked the lengths.
    unsafe { woven::<false, W>(wave, ring, block, ahead) }
}

/// [`woven`] over fixed-point numbers.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
unsafe fn woven_fixed<const W: bool>(wave: &mut Wave, ring: &mut Ring, block: &mut Block<'_>, ahead: &Ahead<'_>) {
    // SAFETY: this function has the features; its caller has checked the lengths.
    unsafe { woven::<true, W>(wave, ring, block, ahead) }
}

/// The recurrence over one block, with the distances of another between its steps: an eighth of eight vectors at each.
#[inline(always)]
unsafe fn woven<const FIXED: bool, const WEIGHTED: bool>(
    wave: &mut Wave,
    ring: &mut Ring,
    block: &mut Block<'_>,
    ahead: &Ahead<'_>,
) {
    // SAFETY: the caller has the features and has checked the lengths; eight shares make up all words; a block never
    // wraps around in the ring.
    unsafe {
        let (steps, mut front) = (Steps::new(block), Front::load(wave));
        let from = block.number * LANES % Ring::STEPS;
        let share = ahead.words / 8;
        for first in (0..LANES).step_by(8) {
            let mut products = Products::<FIXED>::new();
            for k in 0..8 {
                products.add(ahead, k * share..(k + 1) * share, first);
                // Prefetches the features of the block after next from the outer caches: a 32nd at each step.
                let next = ahead.columns.as_ptr().wrapping_add((ahead.words + (first + k) * share / 4) * REACH);
                for line in 0..share * REACH / 64 {
                    _mm_prefetch::<_MM_HINT_T0>(next.wrapping_add(16 * line).cast());
                }
                let costs = ring.0.as_ptr().add(from + first + k);
                front.step::<false, WEIGHTED>(first + k, costs.cast(), block, &steps);
            }
            products.store(ring, ahead.block * LANES + first);
        }
        front.store(wave);
    }
}

/// The distances of one block, over `f32`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
unsafe fn fill_single(ring: &mut Ring, ahead: &Ahead<'_>) {
    // SAFETY: this function has the features; its caller has checked the lengths.
    unsafe { fill_alone::<false>(ring, ahead) }
}

/// The distances of one block, over fixed-point numbers.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
unsafe fn fill_fixed(ring: &mut Ring, ahead: &Ahead<'_>) {
    // SAFETY: this function has the features; its caller has checked the lengths.
    unsafe { fill_alone::<true>(ring, ahead) }
}

#[inline(always)]
unsafe fn fill_alone<const FIXED: bool>(ring: &mut Ring, ahead: &Ahead<'_>) {
    for first in (0..LANES).step_by(8) {
        // SAFETY: the caller has the features and has checked the lengths.
        unsafe {
            let mut products = Products::<FIXED>::new();
            products.add(ahead, 0..ahead.words, first);
            products.store(ring, ahead.block * LANES + first);
        }
    }
}

/// Eight steps of products of 32 rows with slanted columns; for integers, stored as bits, if `FIXED`.
struct Products<const FIXED: bool>([[__m512; 2]; 8]);

impl<const FIXED: bool> Products<FIXED> {
    #[inline(always)]
    unsafe fn new() -> Self {
        // SAFETY: the caller has the features.
        unsafe { Self([[_mm512_setzero_ps(); 2]; 8]) }
    }

    /// Adds some words of the steps `first .. first + 8` of the block.
    #[inline(always)]
    unsafe fn add(&mut self, ahead: &Ahead<'_>, words: Range<usize>, first: usize) {
        for w in words {
            // SAFETY: the caller has the features and keeps `w` below the number of words; `first` is at most 24, so
            // that reads of the columns lie in 0 .. LANES + 7.
            unsafe {
                let rows = ahead.rows.as_ptr().add(w * LANES).cast::<f32>();
                let columns = ahead.columns.as_ptr().add(w * REACH + LANES - 1 - first).cast::<f32>();
                let (upper, lower) = (_mm512_loadu_ps(rows), _mm512_loadu_ps(rows.add(16)));
                for (k, product) in self.0.iter_mut().enumerate() {
                    let slanted = _mm512_broadcast_f32x8(_mm256_loadu_ps(columns.sub(k)));
                    if FIXED {
                        product[0] = add_pairs(upper, slanted, product[0]);
                        product[1] = add_pairs(lower, slanted, product[1]);
                    } else {
                        product[0] = _mm512_fmadd_ps(upper, slanted, product[0]);
                        product[1] = _mm512_fmadd_ps(lower, slanted, product[1]);
                    }
                }
            }
        }
    }

    /// Stores the distances at their steps.
    #[inline(always)]
    unsafe fn store(&self, ring: &mut Ring, step: usize) {
        // SAFETY: the caller has the features; each store is of eight values into a slice of eight.
        unsafe {
            for (k, product) in self.0.iter().enumerate() {
                let (upper, lower) = (Self::distance(product[0]), Self::distance(product[1]));
                let mut at = |q: usize| ring.0[(step + k + 8 * q) % Ring::STEPS].0[8 * q..8 * q + 8].as_mut_ptr();
                _mm256_storeu_ps(at(0), _mm512_castps512_ps256(upper));
                _mm256_storeu_ps(at(1), _mm512_extractf32x8_ps(upper, 1));
                _mm256_storeu_ps(at(2), _mm512_castps512_ps256(lower));
                _mm256_storeu_ps(at(3), _mm512_extractf32x8_ps(lower, 1));
            }
        }
    }

    #[inline(always)]
    unsafe fn distance(product: __m512) -> __m512 {
        // SAFETY: the caller has the features.
        unsafe {
            let product = if FIXED {
                let unit = _mm512_set1_ps(1.0 / (FIXED_ONE * FIXED_ONE));
                _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_castps_si512(product)), unit)
            } else {
                product
            };
            _mm512_max_ps(_mm512_sub_ps(_mm512_set1_ps(1.0), product), _mm512_setzero_ps())
        }
    }
}

/// Adds to each 32-bit sum the products of two pairs of 16-bit numbers. All are passed as bits.
///
/// In assembly, because the compiler turns the intrinsic for this instruction into two, which halves the speed.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vnni")]
unsafe fn add_pairs(a: __m512, b: __m512, sum: __m512) -> __m512 {
    let mut sum = sum;
    // SAFETY: this function has the features, and the instruction touches nothing but these registers.
    unsafe {
        core::arch::asm!(
            "vpdpwssd {sum}, {a}, {b}",
            sum = inout(zmm_reg) sum,
            a = in(zmm_reg) a,
            b = in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

/// What steps cost, in registers.
struct Steps {
    diagonal: __m512,
    vertical: __m512,
    horizontal: __m512,
    penalty: __m512,
    factor: __m512,
}

impl Steps {
    #[inline(always)]
    unsafe fn new(block: &Block<'_>) -> Self {
        let costs = block.steps;
        // SAFETY: the caller has the features.
        unsafe {
            Self {
                diagonal: _mm512_set1_ps(costs.diagonal),
                vertical: _mm512_set1_ps(costs.vertical),
                horizontal: _mm512_set1_ps(costs.horizontal),
                penalty: _mm512_set1_ps(costs.penalty),
                factor: _mm512_set1_ps(costs.factor),
            }
        }
    }
}

/// The wavefront in registers: lanes 0 to 15, and 16 to 31.
struct Front {
    left: [__m512; 2],
    up: [__m512; 2],
}

impl Front {
    #[inline(always)]
    unsafe fn load(wave: &Wave) -> Self {
        // SAFETY: the caller has the features; lanes are 32 values on a boundary of 64 bytes.
        let both =
            |lanes: &Lanes| unsafe { [_mm512_load_ps(lanes.0.as_ptr()), _mm512_load_ps(lanes.0.as_ptr().add(16))] };
        Self { left: both(&wave.left), up: both(&wave.up) }
    }

    #[inline(always)]
    unsafe fn store(&self, wave: &mut Wave) {
        // SAFETY: the caller has the features.
        unsafe {
            put(&mut wave.left, self.left);
            put(&mut wave.up, self.up);
        }
    }

    /// Step `k` of the block; `costs` points to the costs of its 32 lanes.
    #[inline(always)]
    unsafe fn step<const EDGE: bool, const WEIGHTED: bool>(
        &mut self,
        k: usize,
        costs: *const f32,
        block: &mut Block<'_>,
        steps: &Steps,
    ) {
        // SAFETY: the caller has the features, vouches for 32 costs on a boundary of 64 bytes, and has checked that the row
        // above reaches to the end of the block, with LANES values before its first column, and that there is a word for
        // step `k`. A word has room for two halves of both masks. `out_lane` is less than LANES.
        unsafe {
            let above = block.above.as_mut_ptr().add(block.number * LANES + LANES + k);
            let up = [shift_in(self.left[0], _mm512_set1_ps(*above)), shift_in(self.left[1], self.left[0])];
            let word = block.moves.as_mut_ptr().add(k).cast::<u16>();
            let seeds = if EDGE { block.seeds.lanes(k) } else { 0 };
            for half in 0..2 {
                let (left, up) = (self.left[half], up[half]);
                let cost = _mm512_load_ps(costs.add(16 * half));
                let (straight, is_left, weighted) = if WEIGHTED {
                    let vertical = _mm512_add_ps(steps.penalty, _mm512_mul_ps(steps.vertical, cost));
                    let vertical = _mm512_add_ps(_mm512_mul_ps(up, steps.factor), vertical);
                    let horizontal = _mm512_add_ps(steps.penalty, _mm512_mul_ps(steps.horizontal, cost));
                    let horizontal = _mm512_add_ps(_mm512_mul_ps(left, steps.factor), horizontal);
                    let is_left = _mm512_cmp_ps_mask(horizontal, vertical, _CMP_LT_OQ);
                    (_mm512_min_ps(vertical, horizontal), is_left, _mm512_mul_ps(steps.diagonal, cost))
                } else {
                    let is_left = _mm512_cmp_ps_mask(left, up, _CMP_LT_OQ);
                    (_mm512_add_ps(_mm512_min_ps(up, left), _mm512_add_ps(steps.penalty, cost)), is_left, cost)
                };
                let slanted = _mm512_add_ps(self.up[half], weighted);
                let is_straight = _mm512_cmp_ps_mask(straight, slanted, _CMP_LT_OQ);
                let best = _mm512_min_ps(straight, slanted);
                let seeds = (seeds >> (16 * half)) as u16;
                self.left[half] = if EDGE { _mm512_mask_mov_ps(best, seeds, weighted) } else { best };
                *word.add(half) = is_straight & !seeds;
                *word.add(2 + half) = is_left & !seeds;
            }
            self.up = up;
            if EDGE {
                put(&mut block.trail[k], self.left);
                *above.sub(block.out_lane) = block.trail[k].0[block.out_lane];
            } else {
                *above.sub(LANES - 1) = _mm_cvtss_f32(_mm_permute_ps(_mm512_extractf32x4_ps(self.left[1], 3), 3));
            }
        }
    }
}

#[inline(always)]
unsafe fn put(lanes: &mut Lanes, [upper, lower]: [__m512; 2]) {
    // SAFETY: the caller has the features; lanes are 32 values on a boundary of 64 bytes.
    unsafe {
        _mm512_store_ps(lanes.0.as_mut_ptr(), upper);
        _mm512_store_ps(lanes.0.as_mut_ptr().add(16), lower);
    }
}

/// Shifts all lanes down by one; the last lane of `before` comes in at lane 0.
#[inline(always)]
unsafe fn shift_in(lanes: __m512, before: __m512) -> __m512 {
    // SAFETY: the caller has the features.
    unsafe { _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(lanes), _mm512_castps_si512(before), 15)) }
}
