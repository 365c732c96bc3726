//! A region of a matrix at the resolution of a picture, by the largest value in each pixel.

use super::colormap::Contrast;
use crate::error::Result;
use crate::job::Progress;
use image::{Rgba, RgbaImage};
use ndarray::{Array2, ArrayView2, Axis, s};
use std::ops::Range;

/// Rows and columns of the similarity matrix computed at once: 1 MB of f32, which stays in the second-level cache.
const BLOCK_ROWS: usize = 64;
const BLOCK_COLUMNS: usize = 4096;

/// The part of `of` that pixel `i` of `pixels` covers; at least one.
fn cover(of: &Range<usize>, i: usize, pixels: usize) -> Range<usize> {
    let from = of.start + i * of.len() / pixels;
    let to = of.start + (i + 1) * of.len() / pixels;
    from..to.max(from + 1)
}

/// The region `rows` × `columns` of `values` in `height` × `width` pixels, each the largest value it covers. Values are
/// repeated if the region is smaller than the picture.
pub fn max_pool(
    values: &ArrayView2<f32>,
    rows: &Range<usize>,
    columns: &Range<usize>,
    height: usize,
    width: usize,
) -> Array2<f32> {
    if rows.is_empty() || columns.is_empty() {
        return Array2::zeros((height, width));
    }
    Array2::from_shape_fn((height, width), |(y, x)| {
        let part = values.slice(s![cover(rows, y, height), cover(columns, x, width)]);
        part.fold(f32::NEG_INFINITY, |most, &v| most.max(v))
    })
}

/// Cosine similarity of `midi` (frames × bins, unit rows) and `audio` (frames × bins, unit rows) in the region `rows` ×
/// `columns` (MIDI frames × audio frames), in `height` × `width` pixels, each the largest value it covers: 1 minus the
/// least distance. The whole matrix is never held: 5,000 × 8,000 frames need 1 MB besides the picture.
pub fn similarity(
    midi: &ArrayView2<f32>,
    audio: &ArrayView2<f32>,
    rows: &Range<usize>,
    columns: &Range<usize>,
    height: usize,
    width: usize,
    progress: &Progress,
) -> Result<Array2<f32>> {
    let mut pooled = Array2::from_elem((height, width), f32::NEG_INFINITY);
    if rows.is_empty() || columns.is_empty() {
        pooled.fill(0.0);
        return Ok(pooled);
    }
    let mut y = 0;
    while y < height {
        progress.step(y, height)?;
        // As many pixel rows as fit into a block of matrix rows.
        let first = cover(rows, y, height).start;
        let mut end_y = y + 1;
        while end_y < height && cover(rows, end_y, height).end - first <= BLOCK_ROWS {
            end_y += 1;
        }
        let last = cover(rows, end_y - 1, height).end;
        let block_rows = midi.slice(s![first..last, ..]);
        let mut x = 0;
        while x < width {
            let left = cover(columns, x, width).start;
            let mut end_x = x + 1;
            while end_x < width && cover(columns, end_x, width).end - left <= BLOCK_COLUMNS {
                end_x += 1;
            }
            let right = cover(columns, end_x - 1, width).end;
            let block = block_rows.dot(&audio.slice(s![left..right, ..]).t());
            for py in y..end_y {
                for row in cover(rows, py, height) {
                    let line = block.index_axis(Axis(0), row - first);
                    let line = line.as_slice().unwrap_or_default();
                    let mut out = pooled.row_mut(py);
                    for px in x..end_x {
                        let part = cover(columns, px, width);
                        let most = line[part.start - left..part.end - left].iter().fold(out[px], |m, &v| m.max(v));
                        out[px] = most;
                    }
                }
            }
            x = end_x;
        }
        y = end_y;
    }
    Ok(pooled)
}

/// A picture of pooled frames × bins: time to the right, low bins at the bottom.
pub fn strip_image(pooled: &Array2<f32>, table: &[[u8; 3]; 256], contrast: Contrast) -> RgbaImage {
    let (frames, bins) = pooled.dim();
    RgbaImage::from_fn(frames as u32, bins as u32, |x, y| {
        let [r, g, b] = table[contrast.index(pooled[[x as usize, bins - 1 - y as usize]])];
        Rgba([r, g, b, 255])
    })
}

/// A picture of a pooled matrix: columns to the right, the first row at the bottom.
pub fn matrix_image(pooled: &Array2<f32>, table: &[[u8; 3]; 256], contrast: Contrast) -> RgbaImage {
    let (height, width) = pooled.dim();
    RgbaImage::from_fn(width as u32, height as u32, |x, y| {
        let [r, g, b] = table[contrast.index(pooled[[height - 1 - y as usize, x as usize]])];
        Rgba([r, g, b, 255])
    })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    fn unit_rows(rows: usize, seed: u32) -> Array2<f32> {
        let mut state = seed;
        let mut m = Array2::from_shape_fn((rows, 12), |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.3
        });
        for mut row in m.rows_mut() {
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
        m
    }

    #[test]
    fn pooled_similarity_is_the_pooled_matrix() {
        let (x, y) = (unit_rows(217, 1), unit_rows(301, 2));
        let whole = x.dot(&y.t());
        for (rows, columns, height, width) in
            [(0..217, 0..301, 50, 40), (10..200, 7..300, 217, 301), (3..9, 5..8, 30, 30), (0..217, 0..301, 1, 1)]
        {
            let fast =
                similarity(&x.view(), &y.view(), &rows, &columns, height, width, &Progress::silent()).expect("made");
            let plain = max_pool(&whole.view(), &rows, &columns, height, width);
            assert!(fast.iter().zip(&plain).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }

    #[test]
    fn a_ridge_one_cell_wide_is_in_every_row_of_a_small_picture() {
        let x = unit_rows(2000, 3);
        let small =
            similarity(&x.view(), &x.view(), &(0..2000), &(0..2000), 64, 64, &Progress::silent()).expect("made");
        assert!((0..64).all(|i| small[[i, i]] > 0.999));
    }

    #[test]
    fn an_empty_region_is_an_empty_picture() {
        let none = Array2::<f32>::zeros((0, 12));
        let picture =
            similarity(&none.view(), &none.view(), &(0..0), &(0..0), 4, 5, &Progress::silent()).expect("made");
        assert_eq!(picture.dim(), (4, 5));
        assert_eq!(max_pool(&none.view(), &(0..0), &(0..0), 2, 2).sum(), 0.0);
    }

    #[test]
    fn low_bins_and_first_rows_are_at_the_bottom() {
        let contrast = Contrast { low: 0.0, high: 1.0 };
        let grey = crate::picture::ColorMap::Grey.table();
        let mut values = Array2::zeros((3, 2));
        values[[2, 0]] = 1.0;
        let strip = strip_image(&values, &grey, contrast);
        assert_eq!((strip.width(), strip.height(), strip.get_pixel(2, 1)[0]), (3, 2, 255));
        let matrix = matrix_image(&values, &grey, contrast);
        assert_eq!((matrix.width(), matrix.height(), matrix.get_pixel(0, 0)[0]), (2, 3, 255));
    }
}
