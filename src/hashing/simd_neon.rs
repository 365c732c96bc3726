//! The 32 lanes in four NEON registers.

#![expect(unsafe_code, reason = "NEON, which every 64-bit ARM processor has; equal to the plain version by its test")]
#![expect(clippy::inline_always, reason = "the pieces must become part of one loop")]

use super::blocks::{Block, LANES};
use super::dtw::HashDtw;
use super::sweep::{Cell, Lanes, Row, sweep};
use std::arch::aarch64::{
    uint16x8_t, vaddq_u8, vaddq_u16, vbslq_u16, vcleq_u16, vcntq_u8, vdupq_n_u16, veorq_u16, vld1q_u16, vminq_u16,
    vpaddlq_u8, vreinterpretq_u8_u16, vst1q_u16,
};
use std::array::from_fn;

/// Proof that the processor has NEON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn new() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    pub(super) fn sweep(self, query: &[u32], block: &Block<'_>, params: HashDtw) -> Option<[f32; LANES]> {
        // SAFETY: `self` is the proof that the processor has the feature.
        unsafe { compiled(self, query, block, params) }
    }
}

#[target_feature(enable = "neon")]
fn compiled(lanes: Neon, query: &[u32], block: &Block<'_>, params: HashDtw) -> Option<[f32; LANES]> {
    sweep(lanes, query, block, params)
}

// SAFETY, for all below: `self` is the proof that the processor has the feature; a row and an array of lanes are four times
// eight words.
impl Lanes for Neon {
    type V = [uint16x8_t; 4];
    /// Low and high halves.
    type Column = [[uint16x8_t; 4]; 2];

    #[inline(always)]
    fn column(self, low: &[u16; LANES], high: &[u16; LANES]) -> Self::Column {
        // SAFETY: see above.
        [low, high].map(|codes| from_fn(|part| unsafe { vld1q_u16(codes.as_ptr().add(8 * part)) }))
    }

    #[inline(always)]
    fn distance<const WIDE: bool>(self, column: &Self::Column, code: u32) -> Self::V {
        // SAFETY: see above.
        from_fn(|part| unsafe {
            let differ = |half: usize, code: u32| {
                vcntq_u8(vreinterpretq_u8_u16(veorq_u16(column[half][part], vdupq_n_u16(code as u16))))
            };
            vpaddlq_u8(if WIDE { vaddq_u8(differ(0, code), differ(1, code >> 16)) } else { differ(0, code) })
        })
    }

    #[inline(always)]
    fn splat(self, value: u16) -> Self::V {
        // SAFETY: see above.
        unsafe { [vdupq_n_u16(value); 4] }
    }

    #[inline(always)]
    fn load(self, row: &Row) -> Self::V {
        // SAFETY: see above.
        from_fn(|part| unsafe { vld1q_u16(row.0.as_ptr().add(8 * part)) })
    }

    #[inline(always)]
    fn store(self, row: &mut Row, value: Self::V) {
        for (part, value) in value.into_iter().enumerate() {
            // SAFETY: see above.
            unsafe { vst1q_u16(row.0.as_mut_ptr().add(8 * part), value) }
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
        for k in 0..4 {
            // SAFETY: see above.
            unsafe {
                let from_up = vcleq_u16(up.cost[k], left.cost[k]);
                let gap = vaddq_u16(vminq_u16(up.cost[k], left.cost[k]), penalty[k]);
                let length = vbslq_u16(from_up, up.length[k], left.length[k]);
                // All ones, which is −1, where the diagonal is chosen.
                let straight = vcleq_u16(diagonal.cost[k], gap);
                let length = vbslq_u16(straight, diagonal.length[k], length);
                next.cost[k] = vaddq_u16(vminq_u16(diagonal.cost[k], gap), distance[k]);
                next.length[k] = vaddq_u16(length, straight);
            }
        }
        next
    }
}
