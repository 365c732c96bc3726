//! Rows of embeddings, 16 values in two AVX2 registers.

#![expect(
    unsafe_code,
    reason = "AVX2 with F16C, reached only where the processor has both; equal to the plain version by its test"
)]

use super::segment::STRIDE;
use std::arch::x86_64::{
    __m256, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_loadu_si128, _mm_movehl_ps, _mm_shuffle_ps, _mm256_add_ps,
    _mm256_castps256_ps128, _mm256_cvtph_ps, _mm256_extractf128_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_setzero_ps,
    _mm256_sub_ps,
};

/// Proof that the processor has AVX2 and converts halves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn new() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")).then_some(Self(()))
    }

    /// See [`ScanKernel::nearest`](super::ScanKernel::nearest), which has checked the lengths.
    #[expect(clippy::unused_self, reason = "it is the proof that the processor has the features")]
    pub(super) fn nearest(self, rows: &[u16], stride: usize, queries: &[f32], out: &mut [f32]) {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe { compiled(rows, stride, queries, out) }
    }
}

#[target_feature(enable = "avx2,f16c")]
fn compiled(rows: &[u16], stride: usize, queries: &[f32], out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(stride).zip(out) {
        *out = f32::INFINITY;
        for query in queries.chunks_exact(stride) {
            let mut sums = [_mm256_setzero_ps(); 2];
            for (row, query) in row.chunks_exact(STRIDE).zip(query.chunks_exact(STRIDE)) {
                for (half, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: both chunks have 16 values; the halves begin at 0 and 8.
                    let (a, b) = unsafe {
                        (
                            _mm256_cvtph_ps(_mm_loadu_si128(row.as_ptr().add(8 * half).cast())),
                            _mm256_loadu_ps(query.as_ptr().add(8 * half)),
                        )
                    };
                    let difference = _mm256_sub_ps(a, b);
                    *sums = _mm256_add_ps(*sums, _mm256_mul_ps(difference, difference));
                }
            }
            *out = out.min(total(sums));
        }
    }
}

/// Adds the lanes as a tree: upper half to lower half.
#[target_feature(enable = "avx2")]
fn total(sums: [__m256; 2]) -> f32 {
    let eight = _mm256_add_ps(sums[0], sums[1]);
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}
