//! The 32 lanes in two AVX2 registers.
//!
//! A code is compared nibble by nibble: the 32 lanes' nibbles at one position lie in one register as bytes, and one
//! shuffle of a table for the query's nibble gives the bits in which they differ.

#![expect(
    unsafe_code,
    reason = "AVX2, reached only where the processor has it; equal to the plain version by its test"
)]
#![expect(clippy::inline_always, reason = "the pieces must become part of the one function that has the feature")]

use super::blocks::{Block, LANES};
use super::dtw::HashDtw;
use super::sweep::{Cell, Lanes, Row, sweep};
use std::arch::x86_64::{
    __m256i, _mm_load_si128, _mm256_add_epi8, _mm256_add_epi16, _mm256_and_si256, _mm256_blendv_epi8,
    _mm256_broadcastsi128_si256, _mm256_cmpeq_epi16, _mm256_load_si256, _mm256_loadu_si256, _mm256_min_epu16,
    _mm256_packus_epi16, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
    _mm256_store_si256, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
};

/// For each nibble of the query, the bits in which it differs from the nibbles 0 to 15.
#[repr(align(16))]
struct Table([[u8; 16]; 16]);

static DIFFER: Table = {
    let mut table = [[0; 16]; 16];
    let mut cell = 0_u32;
    while cell < 256 {
        table[(cell >> 4) as usize][(cell & 15) as usize] = ((cell >> 4) ^ (cell & 15)).count_ones() as u8;
        cell += 1;
    }
    Table(table)
};

/// Proof that the processor has AVX2.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn new() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    pub(super) fn sweep(self, query: &[u32], block: &Block<'_>, params: HashDtw) -> Option<[f32; LANES]> {
        // SAFETY: `self` is the proof that the processor has the feature.
        unsafe { compiled(self, query, block, params) }
    }
}

#[target_feature(enable = "avx2")]
fn compiled(lanes: Avx2, query: &[u32], block: &Block<'_>, params: HashDtw) -> Option<[f32; LANES]> {
    sweep(lanes, query, block, params)
}

// SAFETY, for all below: `self` is the proof that the processor has the feature; a row is 64 bytes, aligned to 64; an
// array of lanes is 64 bytes, of any alignment; a line of the table is 16 bytes, aligned to 16.
impl Lanes for Avx2 {
    type V = [__m256i; 2];
    /// The eight nibbles of the 32 codes, lowest first, with lanes in the order that unpacking undoes.
    type Column = [__m256i; 8];

    #[inline(always)]
    fn column(self, low: &[u16; LANES], high: &[u16; LANES]) -> Self::Column {
        // SAFETY: see above.
        unsafe {
            let mask = _mm256_set1_epi16(15);
            let mut nibbles = [_mm256_setzero_si256(); 8];
            for (half, codes) in [low, high].into_iter().enumerate() {
                let mut words: [__m256i; 2] =
                    [0, 1].map(|part| _mm256_loadu_si256(codes.as_ptr().add(16 * part).cast()));
                for nibble in &mut nibbles[4 * half..4 * half + 4] {
                    *nibble = _mm256_packus_epi16(_mm256_and_si256(words[0], mask), _mm256_and_si256(words[1], mask));
                    words = words.map(|word| _mm256_srli_epi16::<4>(word));
                }
            }
            nibbles
        }
    }

    #[inline(always)]
    fn distance<const WIDE: bool>(self, column: &Self::Column, code: u32) -> Self::V {
        // SAFETY: see above.
        unsafe {
            let zero = _mm256_setzero_si256();
            let mut bytes = zero;
            for (k, nibble) in column[..if WIDE { 8 } else { 4 }].iter().enumerate() {
                let line = &DIFFER.0[(code >> (4 * k) & 15) as usize];
                let line = _mm256_broadcastsi128_si256(_mm_load_si128(line.as_ptr().cast()));
                bytes = _mm256_add_epi8(bytes, _mm256_shuffle_epi8(line, *nibble));
            }
            [_mm256_unpacklo_epi8(bytes, zero), _mm256_unpackhi_epi8(bytes, zero)]
        }
    }

    #[inline(always)]
    fn splat(self, value: u16) -> Self::V {
        // SAFETY: see above.
        unsafe { [_mm256_set1_epi16(value as i16); 2] }
    }

    #[inline(always)]
    fn load(self, row: &Row) -> Self::V {
        // SAFETY: see above.
        unsafe { [0, 1].map(|part| _mm256_load_si256(row.0.as_ptr().add(16 * part).cast())) }
    }

    #[inline(always)]
    fn store(self, row: &mut Row, value: Self::V) {
        // SAFETY: see above.
        unsafe {
            _mm256_store_si256(row.0.as_mut_ptr().cast(), value[0]);
            _mm256_store_si256(row.0.as_mut_ptr().add(16).cast(), value[1]);
        }
    }

    #[inline(always)]
    fn step(
        self,
        up: Cell<Self::V>,
        left: Cell<Self::V>,
        diagonal: Cell<Self::V>,
        penalty: Self::V,
        distance: Self::V,
    ) -> Cell<Self::V> {
        let mut next = up;
        for part in 0..2 {
            // SAFETY: see above.
            unsafe {
                let least = _mm256_min_epu16(up.cost[part], left.cost[part]);
                let from_up = _mm256_cmpeq_epi16(least, up.cost[part]);
                let gap = _mm256_add_epi16(least, penalty[part]);
                let length = _mm256_blendv_epi8(left.length[part], up.length[part], from_up);
                let least = _mm256_min_epu16(diagonal.cost[part], gap);
                // All ones, which is −1, where the diagonal is chosen.
                let straight = _mm256_cmpeq_epi16(least, diagonal.cost[part]);
                let length = _mm256_blendv_epi8(length, diagonal.length[part], straight);
                next.cost[part] = _mm256_add_epi16(least, distance[part]);
                next.length[part] = _mm256_add_epi16(length, straight);
            }
        }
        next
    }
}
