//! Finding the nearest embeddings: every row is read once, at the speed of memory.
//!
//! Rows are f16, a multiple of 16 values long; sums are taken in 16 lanes of f32 and added up as a tree, unfused, so
//! that every kernel gives bit-identical results.

use super::segment::{STRIDE, Segment};
#[cfg(target_arch = "x86_64")]
use super::simd_avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::simd_avx512::Avx512;
use crate::error::Result;
use crate::job::Progress;
use half::f16;
use ndarray::ArrayView2;
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows that one thread takes at a time: 2 MB.
const ROWS: usize = 8192;

/// Code that compares rows. All kernels give the same distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanKernel {
    /// AVX-512: 16 values at a time.
    Avx512,
    /// AVX2 with F16C: 8 values at a time.
    Avx2,
    /// One value at a time, on any processor.
    Portable,
}

impl ScanKernel {
    /// The kernels that this processor can run, fastest first.
    pub fn available() -> Vec<Self> {
        let mut kernels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        kernels.extend(Avx512::new().map(|_| Self::Avx512));
        #[cfg(target_arch = "x86_64")]
        kernels.extend(Avx2::new().map(|_| Self::Avx2));
        kernels.push(Self::Portable);
        kernels
    }

    /// Squared Euclidean distance of each row (f16, `stride` values) to the nearest of `queries` (f32, rows of
    /// `stride`).
    ///
    /// # Panics
    /// If `stride` is not a multiple of 16, or the slices are not whole rows, one for each of `out`.
    pub fn nearest(self, rows: &[u16], stride: usize, queries: &[f32], out: &mut [f32]) {
        assert!(stride > 0 && stride.is_multiple_of(STRIDE), "rows of {stride} values");
        assert_eq!(rows.len(), out.len() * stride, "values of {} rows", out.len());
        assert_eq!(queries.len() % stride, 0, "values of queries of {stride}");
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if let Some(kernel) = Avx512::new() => kernel.nearest(rows, stride, queries, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if let Some(kernel) = Avx2::new() => kernel.nearest(rows, stride, queries, out),
            _ => portable(rows, stride, queries, out),
        }
    }
}

fn portable(rows: &[u16], stride: usize, queries: &[f32], out: &mut [f32]) {
    let mut row = vec![0.0; stride];
    for (bits, out) in rows.chunks_exact(stride).zip(out) {
        for (value, &bits) in row.iter_mut().zip(bits) {
            *value = f16::from_bits(bits).to_f32();
        }
        *out = f32::INFINITY;
        for query in queries.chunks_exact(stride) {
            let mut lanes = [0.0_f32; STRIDE];
            for (row, query) in row.chunks_exact(STRIDE).zip(query.chunks_exact(STRIDE)) {
                for ((lane, a), b) in lanes.iter_mut().zip(row).zip(query) {
                    *lane += (a - b) * (a - b);
                }
            }
            let mut width = STRIDE / 2;
            while width > 0 {
                let (low, high) = lanes.split_at_mut(width);
                low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
                width /= 2;
            }
            *out = out.min(lanes[0]);
        }
    }
}

/// How many of a sequence's rows are windows: the last of several is the whole.
fn windows_of(rows: usize) -> usize {
    rows.saturating_sub(1).max(rows.min(1))
}

/// Distance of each entry of all segments, one after another, from a sequence with these rows: see
/// [`embedding_distances`](super::Index::embedding_distances).
pub(super) fn entry_distances(
    segments: &[Segment],
    queries: ArrayView2<'_, f32>,
    progress: &Progress,
) -> Result<Vec<f32>> {
    let kernel = ScanKernel::available()[0];
    let stride = queries.ncols().next_multiple_of(STRIDE);
    let mut filled = Vec::with_capacity(queries.nrows() * stride);
    for query in queries.rows() {
        filled.extend(query);
        filled.resize(filled.len().next_multiple_of(stride), 0.0);
    }
    let (windows, whole) = filled.split_at(windows_of(queries.nrows()) * stride);
    let total: usize = segments.iter().map(|segment| segment.embeddings().len() / stride).sum();
    let done = AtomicUsize::new(0);
    let mut distances = Vec::with_capacity(segments.iter().map(Segment::len).sum());
    for segment in segments {
        assert_eq!(segment.stride(), stride, "values of a row");
        // For each row, the distance to the nearest window and to the whole; the same if there is only one.
        let mut rows = vec![(0.0, 0.0); segment.embeddings().len() / stride];
        segment.embeddings().par_chunks(ROWS * stride).zip(rows.par_chunks_mut(ROWS)).try_for_each(
            |(bits, rows)| {
                progress.step(done.fetch_add(rows.len(), Ordering::Relaxed), total)?;
                let mut out = vec![0.0; rows.len()];
                kernel.nearest(bits, stride, windows, &mut out);
                rows.iter_mut().zip(&out).for_each(|(row, &distance)| *row = (distance, distance));
                if !whole.is_empty() {
                    kernel.nearest(bits, stride, whole, &mut out);
                    rows.iter_mut().zip(&out).for_each(|(row, &distance)| row.1 = distance);
                }
                Ok(())
            },
        )?;
        let begin = distances.len();
        distances.extend((0..segment.len()).map(|entry| {
            let rows = &rows[segment.rows(entry)];
            let windows = rows[..windows_of(rows.len())].iter().map(|row| row.0).fold(f32::INFINITY, f32::min);
            rows.last().map_or(f32::INFINITY, |row| f32::midpoint(row.1, windows))
        }));
        for &removed in &segment.record.removed {
            distances[begin + removed as usize] = f32::INFINITY;
        }
    }
    Ok(distances)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_pcg::Pcg64;

    #[test]
    fn kernels_give_the_bits_of_the_plain_version_and_that_is_the_distance() {
        let mut random = Pcg64::seed_from_u64(7);
        for stride in [16, 96, 128, 144] {
            for (count, asked) in [(1, 1), (33, 1), (5, 3), (2, 0)] {
                let mut value = || random.random_range(-1.0..1.0_f32);
                let rows: Vec<u16> = (0..count * stride).map(|_| f16::from_f32(value()).to_bits()).collect();
                let queries: Vec<f32> = (0..asked * stride).map(|_| value()).collect();
                let mut plain = vec![0.0; count];
                portable(&rows, stride, &queries, &mut plain);
                for (row, found) in rows.chunks_exact(stride).zip(&plain) {
                    let row: Vec<f64> = row.iter().map(|&bits| f16::from_bits(bits).to_f64()).collect();
                    let distance = |query: &[f32]| -> f64 {
                        row.iter().zip(query).map(|(a, b)| (a - f64::from(*b)).powi(2)).sum()
                    };
                    let least = queries.chunks_exact(stride).map(distance).fold(f64::INFINITY, f64::min);
                    assert!(asked == 0 || (f64::from(*found) - least).abs() < 1e-4, "{found} and {least}");
                }
                for kernel in ScanKernel::available() {
                    let mut out = vec![-1.0; count];
                    kernel.nearest(&rows, stride, &queries, &mut out);
                    let same = out.iter().zip(&plain).all(|(a, b)| a.to_bits() == b.to_bits());
                    assert!(same, "{kernel:?}, {stride} values: {out:?} and {plain:?}");
                }
            }
        }
    }
}
