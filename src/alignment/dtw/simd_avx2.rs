//! The same for processors with AVX2 and FMA but without AVX-512: the plain sweep, compiled for eight lanes per
//! register, and distances written by hand.

#![expect(unsafe_code, reason = "AVX2 kernels, reached only where the processor has it; each equals its plain version")]

use super::strip::{Block, LANES, Ring, Wave};
use super::wavefront::{self, Ahead, Numbers, REACH};
use std::arch::x86_64::{
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps, _mm256_sub_ps,
};

/// Steps that are computed together: with four registers of rows each, their sums fill half of the registers.
const TOGETHER: usize = 2;

/// [`wavefront::sweep`]; false if the processor can't.
pub(super) fn sweep(wave: &mut Wave, ring: &Ring, block: &mut Block<'_>) -> bool {
    available() && {
        // SAFETY: the processor has the features.
        unsafe { sweep_by_eight(wave, ring, block) };
        true
    }
}

/// [`wavefront::fill`] over `f32`; false for other numbers, or if the processor can't.
pub(super) fn fill(ring: &mut Ring, ahead: &Ahead<'_>) -> bool {
    available() && ahead.numbers == Numbers::Single && {
        assert!(ahead.rows.len() >= ahead.words * LANES && ahead.columns.len() >= ahead.words * REACH);
        // SAFETY: the processor has the features, and the lengths are right.
        unsafe { fill_by_eight(ring, ahead) };
        true
    }
}

fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[target_feature(enable = "avx2,fma")]
fn sweep_by_eight(wave: &mut Wave, ring: &Ring, block: &mut Block<'_>) {
    wavefront::sweep_plainly(wave, ring, block);
}

#[target_feature(enable = "avx2,fma")]
unsafe fn fill_by_eight(ring: &mut Ring, ahead: &Ahead<'_>) {
    for first in (0..LANES).step_by(TOGETHER) {
        let mut products = [[_mm256_setzero_ps(); LANES / 8]; TOGETHER];
        for w in 0..ahead.words {
            // SAFETY: `w` is below the number of words, and reads of the columns lie in 0 .. LANES + 7.
            unsafe {
                let rows = ahead.rows.as_ptr().add(w * LANES).cast::<f32>();
                let columns = ahead.columns.as_ptr().add(w * REACH + LANES - 1 - first).cast::<f32>();
                let rows: [_; LANES / 8] = std::array::from_fn(|q| _mm256_loadu_ps(rows.add(8 * q)));
                for (k, products) in products.iter_mut().enumerate() {
                    let slanted = _mm256_loadu_ps(columns.sub(k));
                    for (product, row) in products.iter_mut().zip(rows) {
                        *product = _mm256_fmadd_ps(row, slanted, *product);
                    }
                }
            }
        }
        for (k, products) in products.into_iter().enumerate() {
            for (q, product) in products.into_iter().enumerate() {
                let distance = _mm256_max_ps(_mm256_sub_ps(_mm256_set1_ps(1.0), product), _mm256_setzero_ps());
                let step = ahead.block * LANES + first + k + 8 * q;
                let lanes = &mut ring.0[step % Ring::STEPS].0[8 * q..8 * q + 8];
                // SAFETY: eight values.
                unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), distance) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_point_numbers_are_left_to_others() {
        let ahead = Ahead { numbers: Numbers::Fixed, rows: &[], columns: &[], words: 0, block: 0 };
        assert!(!fill(&mut Ring::new(), &ahead));
    }
}
