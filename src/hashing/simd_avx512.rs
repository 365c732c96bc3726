//! The 32 lanes in one AVX-512 register.

#![expect(
    unsafe_code,
    reason = "AVX-512, reached only where the processor has it; equal to the plain version by its test"
)]
#![expect(clippy::inline_always, reason = "the pieces must become part of the one function that has the features")]

use super::blocks::{Block, LANES};
use super::dtw::HashDtw;
use super::sweep::{Cell, Lanes, Row, sweep};
use std::arch::x86_64::{
    __m512i, _mm512_add_epi16, _mm512_cmple_epu16_mask, _mm512_load_si512, _mm512_loadu_si512, _mm512_mask_mov_epi16,
    _mm512_mask_sub_epi16, _mm512_min_epu16, _mm512_popcnt_epi16, _mm512_set1_epi16, _mm512_store_si512,
    _mm512_xor_si512,
};

/// Proof that the processor has AVX-512 with population counts of words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512bitalg");
        has.then_some(Self(()))
    }

    pub(super) fn sweep(self, query: &[u32], block: &Block<'_>, params: HashDtw) -> Option<[f32; LANES]> {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe { compiled(self, query, block, params) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bitalg")]
fn compiled(lanes: Avx512, query: &[u32], block: &Block<'_>, params: HashDtw) -> Option<[f32; LANES]> {
    sweep(lanes, query, block, params)
}

// SAFETY, for all below: `self` is the proof that the processor has the features; a row is 64 bytes, aligned to 64; an
// array of lanes is 64 bytes, of any alignment.
impl Lanes for Avx512 {
    type V = __m512i;
    /// Low and high halves.
    type Column = [__m512i; 2];

    #[inline(always)]
    fn column(self, low: &[u16; LANES], high: &[u16; LANES]) -> Self::Column {
        // SAFETY: see above.
        unsafe { [_mm512_loadu_si512(low.as_ptr().cast()), _mm512_loadu_si512(high.as_ptr().cast())] }
    }

    #[inline(always)]
    fn distance<const WIDE: bool>(self, column: &Self::Column, code: u32) -> __m512i {
        // SAFETY: see above.
        unsafe {
            let differ = |half: usize, code: u32| {
                _mm512_popcnt_epi16(_mm512_xor_si512(column[half], _mm512_set1_epi16(code as i16)))
            };
            if WIDE { _mm512_add_epi16(differ(0, code), differ(1, code >> 16)) } else { differ(0, code) }
        }
    }

    #[inline(always)]
    fn splat(self, value: u16) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_set1_epi16(value as i16) }
    }

    #[inline(always)]
    fn load(self, row: &Row) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_load_si512(row.0.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, row: &mut Row, value: __m512i) {
        // SAFETY: see above.
        unsafe { _mm512_store_si512(row.0.as_mut_ptr().cast(), value) }
    }

    #[inline(always)]
    fn step(
        self,
        up: Cell<__m512i>,
        left: Cell<__m512i>,
        diagonal: Cell<__m512i>,
        penalty: __m512i,
        distance: __m512i,
    ) -> Cell<__m512i> {
        // SAFETY: see above.
        unsafe {
            let from_up = _mm512_cmple_epu16_mask(up.cost, left.cost);
            let gap = _mm512_add_epi16(_mm512_min_epu16(up.cost, left.cost), penalty);
            let length = _mm512_mask_mov_epi16(left.length, from_up, up.length);
            let straight = _mm512_cmple_epu16_mask(diagonal.cost, gap);
            let cost = _mm512_add_epi16(_mm512_min_epu16(diagonal.cost, gap), distance);
            let length = _mm512_mask_sub_epi16(length, straight, diagonal.length, _mm512_set1_epi16(1));
            Cell { cost, length }
        }
    }
}
