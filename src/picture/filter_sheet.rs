//! Filters as a picture: time to the right, low bins at the bottom, in a colour map that is symmetric about 0.

use image::{Rgba, RgbaImage};
use ndarray::Array2;

/// Empty cells around a filter.
const GAP: u32 = 1;
const GROUND: Rgba<u8> = Rgba([128, 128, 128, 255]);

/// Colours from −1 through 0 to 1: blue, near white, red (five colours of Color Brewer's map `RdBu`, and linear steps
/// between them; colour-blind readers can distinguish them).
pub(crate) fn diverging(value: f32) -> [u8; 3] {
    const STOPS: [[f32; 3]; 5] =
        [[5.0, 48.0, 97.0], [103.0, 169.0, 207.0], [247.0, 247.0, 247.0], [239.0, 138.0, 98.0], [103.0, 0.0, 31.0]];
    // NaN is shown as 0.
    let along = if value.is_nan() { 2.0 } else { (value.clamp(-1.0, 1.0) + 1.0) * 2.0 };
    let (from, share) = ((along as usize).min(3), along - (along as usize).min(3) as f32);
    std::array::from_fn(|i| (STOPS[from][i] + share * (STOPS[from + 1][i] - STOPS[from][i])).round() as u8)
}

/// Many filters in one picture.
#[derive(Debug, Clone)]
pub struct FilterSheet {
    /// All of them, in rows.
    pub image: RgbaImage,
    /// Left, top, width and height of each in pixels.
    pub places: Vec<[u32; 4]>,
}

/// Draws filters (frames × bins) in rows of `columns`, each weight as `cell` × `cell` pixels. The colours extend to the
/// largest absolute weight of each filter, or with `shared` of all of them.
pub fn filter_sheet<'a>(
    filters: impl ExactSizeIterator<Item = &'a Array2<f32>> + Clone,
    columns: usize,
    cell: u32,
    shared: bool,
) -> FilterSheet {
    let largest = |weights: &Array2<f32>| weights.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
    let of_all = filters.clone().map(largest).fold(0.0, f32::max);
    let size = filters.clone().map(Array2::dim).fold((1, 1), |a, b| (a.0.max(b.0), a.1.max(b.1)));
    let (wide, high) = ((size.0 as u32 + GAP) * cell, (size.1 as u32 + GAP) * cell);
    let columns = columns.clamp(1, filters.len().max(1)) as u32;
    let rows = (filters.len() as u32).div_ceil(columns).max(1);
    let mut image = RgbaImage::from_pixel(columns * wide + GAP * cell, rows * high + GAP * cell, GROUND);
    let mut places = Vec::new();
    for (i, weights) in filters.enumerate() {
        let (left, top) = (i as u32 % columns * wide + GAP * cell, i as u32 / columns * high + GAP * cell);
        let scale = if shared { of_all } else { largest(weights) };
        let (frames, bins) = (weights.nrows() as u32, weights.ncols() as u32);
        for y in 0..bins * cell {
            for x in 0..frames * cell {
                let weight = weights[[(x / cell) as usize, (bins - 1 - y / cell) as usize]];
                let [r, g, b] = diverging(if scale > 0.0 { weight / scale } else { 0.0 });
                image.put_pixel(left + x, top + y, Rgba([r, g, b, 255]));
            }
        }
        places.push([left, top, frames * cell, bins * cell]);
    }
    FilterSheet { image, places }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_symmetric_about_white() {
        assert_eq!(diverging(0.0), [247; 3]);
        assert_eq!(diverging(f32::NAN), [247; 3]);
        assert!(diverging(1.0)[0] > diverging(1.0)[2] && diverging(-1.0)[2] > diverging(-1.0)[0]);
        assert_eq!(diverging(-7.0), diverging(-1.0));
    }

    #[test]
    fn a_sheet_has_time_to_the_right_and_low_bins_at_the_bottom() {
        let mut one = Array2::<f32>::zeros((2, 3));
        one[[1, 0]] = 2.0;
        let two = Array2::from_elem((2, 3), -1.0);
        let filters = [one, two];
        let sheet = filter_sheet(filters.iter(), 8, 4, false);
        assert_eq!(sheet.places, [[4, 4, 8, 12], [16, 4, 8, 12]]);
        let at = |x: u32, y: u32| <[u8; 3]>::try_from(&sheet.image.get_pixel(x, y).0[..3]).expect("three");
        // The second frame's lowest bin of the first filter.
        assert_eq!(at(4 + 4 + 1, 4 + 8 + 1), diverging(1.0));
        assert_eq!(at(4, 4), diverging(0.0));
        assert_eq!(at(16, 4), diverging(-1.0));
        let shared = filter_sheet(filters.iter(), 8, 1, true);
        assert_eq!(shared.image.get_pixel(4, 1).0[..3], diverging(-0.5));
    }
}
