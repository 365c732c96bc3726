//! Rows of embeddings, 16 values in one AVX-512 register.

#![expect(
    unsafe_code,
    reason = "AVX-512, reached only where the processor has it; equal to the plain version by its test"
)]

use super::segment::STRIDE;
use std::arch::x86_64::{
    __m512, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehl_ps, _mm_shuffle_ps, _mm256_add_ps, _mm256_castpd_ps,
    _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_loadu_si256, _mm512_add_ps, _mm512_castps_pd,
    _mm512_castps512_ps256, _mm512_cvtph_ps, _mm512_extractf64x4_pd, _mm512_loadu_ps, _mm512_mul_ps, _mm512_setzero_ps,
    _mm512_sub_ps,
};

/// Proof that the processor has AVX-512.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn new() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }

    /// See [`ScanKernel::nearest`](super::ScanKernel::nearest), which has checked the lengths.
    #[expect(clippy::unused_self, reason = "it is the proof that the processor has the features")]
    pub(super) fn nearest(self, rows: &[u16], stride: usize, queries: &[f32], out: &mut [f32]) {
        // SAFETY: `self` is the proof that the processor has the feature.
        unsafe {
            match stride {
                96 => compiled::<96>(rows, stride, queries, out),
                128 => compiled::<128>(rows, stride, queries, out),
                _ => compiled::<0>(rows, stride, queries, out),
            }
        }
    }
}

/// `KNOWN` is the stride, if the loops are to be unrolled for it.
#[target_feature(enable = "avx512f")]
fn compiled<const KNOWN: usize>(rows: &[u16], stride: usize, queries: &[f32], out: &mut [f32]) {
    let stride = if KNOWN > 0 { KNOWN } else { stride };
    for (row, out) in rows.chunks_exact(stride).zip(out) {
        *out = f32::INFINITY;
        for query in queries.chunks_exact(stride) {
            let mut sums = _mm512_setzero_ps();
            for (row, query) in row.chunks_exact(STRIDE).zip(query.chunks_exact(STRIDE)) {
                // SAFETY: both chunks have 16 values.
                let (a, b) = unsafe {
                    (_mm512_cvtph_ps(_mm256_loadu_si256(row.as_ptr().cast())), _mm512_loadu_ps(query.as_ptr()))
                };
                let difference = _mm512_sub_ps(a, b);
                sums = _mm512_add_ps(sums, _mm512_mul_ps(difference, difference));
            }
            *out = out.min(total(sums));
        }
    }
}

/// Adds the lanes as a tree: upper half to lower half.
#[target_feature(enable = "avx512f")]
fn total(sums: __m512) -> f32 {
    let upper = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(sums)));
    let eight = _mm256_add_ps(_mm512_castps512_ps256(sums), upper);
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}
