//! [`accumulated`]: how cheaply each pair of moments can be reached.

use crate::error::Result;
use crate::job::Progress;
use ndarray::{Array2, ArrayView2, s};

/// Rows of distances computed at once.
const BLOCK_ROWS: usize = 64;

/// One minus the mean cosine distance along the cheapest path (steps →, ↑ and ↗, free start on both edges) that ends at
/// each pair of `midi` and `audio` frames (frames × bins, unit rows), MIDI frames × audio frames, max-pooled to at most
/// `most` × `most` cells. Bright = a path that has been good so far. Only two rows are held besides the result.
pub fn accumulated(
    midi: &ArrayView2<f32>,
    audio: &ArrayView2<f32>,
    most: usize,
    progress: &Progress,
) -> Result<Array2<f32>> {
    let (rows, columns) = (midi.nrows(), audio.nrows());
    let (high, wide) = (rows.min(most), columns.min(most));
    let mut pooled = Array2::from_elem((high, wide), f32::NEG_INFINITY);
    // Sum of the distances and number of cells of the path to each cell of the row below.
    let mut below: Vec<(f32, f32)> = Vec::new();
    for first in (0..rows).step_by(BLOCK_ROWS) {
        progress.step(first, rows)?;
        let last = (first + BLOCK_ROWS).min(rows);
        let block = midi.slice(s![first..last, ..]).dot(&audio.t());
        for (offset, near) in block.rows().into_iter().enumerate() {
            let row = first + offset;
            let mut here: Vec<(f32, f32)> = Vec::with_capacity(columns);
            for (column, &near) in near.iter().enumerate() {
                let (sum, cells) = if row == 0 || column == 0 {
                    (0.0, 0.0)
                } else {
                    // Among equal sums the longest path, whose mean is the lowest.
                    [below[column], here[column - 1]].into_iter().fold(below[column - 1], |best: (f32, f32), other| {
                        let order = other.0.total_cmp(&best.0).then(best.1.total_cmp(&other.1));
                        if order.is_lt() { other } else { best }
                    })
                };
                let (sum, cells) = (sum + 1.0 - near, cells + 1.0);
                here.push((sum, cells));
                let out = &mut pooled[[row * high / rows, column * wide / columns]];
                *out = out.max(1.0 - sum / cells);
            }
            below = here;
        }
    }
    Ok(pooled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, array};

    #[test]
    fn the_way_of_equal_frames_costs_nothing() {
        let frames = Array2::from_shape_fn((40, 40), |(i, j)| f32::from(u8::from(i == j)));
        let picture = accumulated(&frames.view(), &frames.view(), 100, &Progress::silent()).expect("made");
        assert_eq!(picture.diag(), Array1::<f32>::ones(40));
        assert!(picture[[0, 20]] < 0.5 && picture[[39, 0]] < 0.5);
        let pooled = accumulated(&frames.view(), &frames.view(), 10, &Progress::silent()).expect("made");
        assert_eq!((pooled.dim(), pooled.diag().to_owned()), ((10, 10), Array1::ones(10)));
    }

    #[test]
    fn paths_take_the_cheapest_step() {
        // Distances 1 − x·y: [[0, 1], [1, 0]] and a third column that equals the first.
        let midi = array![[1.0, 0.0], [0.0, 1.0]];
        let audio = array![[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]];
        let picture = accumulated(&midi.view(), &audio.view(), 9, &Progress::silent()).expect("made");
        // Last cell: from (1, 1), mean of 0, 0 and 1.
        assert!((picture[[1, 2]] - 2.0 / 3.0).abs() < 1e-6);
        assert!((picture[[1, 1]] - 1.0).abs() < 1e-6);
    }
}
