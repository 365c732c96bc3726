//! Convolution over time and pitch as matrix products.
//!
//! Padding is "same": `⌈(k − 1) / 2⌉` before and `⌊(k − 1) / 2⌋` after, so that the even width 12 of the first
//! generation gives (6, 5) (spec D). Weights are (time × pitch × channels) × filters, row-major.
//!
//! With only one bin (convolution over time), the rows of the product already lie in the padded frames, one frame
//! apart, and nothing is copied. Otherwise each row is gathered, a block of frames at a time.

use super::product_simd::{Into, product};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, ShapeBuilder, s};

/// Rows gathered at a time: what fits in a core's cache along with the weights.
const BLOCK_ROWS: usize = 1024;

/// Widths and channels of one convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    pub time: usize,
    pub pitch: usize,
    pub bins: usize,
    pub channels: usize,
    pub filters: usize,
}

impl Kernel {
    /// Rows of the weights: the number of values that one output sees.
    pub(crate) fn fan_in(&self) -> usize {
        self.time * self.pitch * self.channels
    }

    fn over_time_only(&self) -> bool {
        self.bins == 1 && self.pitch == 1
    }

    fn padded_width(&self) -> usize {
        (self.bins + self.pitch - 1) * self.channels
    }

    /// `input` (frames × bins·channels) with zeros around it.
    fn padded(&self, input: ArrayView2<f32>) -> Array2<f32> {
        let mut padded = Array2::zeros((input.nrows() + self.time - 1, self.padded_width()));
        self.inside(&mut padded, input.nrows()).assign(&input);
        padded
    }

    fn inside<'a>(&self, padded: &'a mut Array2<f32>, frames: usize) -> ArrayViewMut2<'a, f32> {
        let (t, p) = (self.time / 2, self.pitch / 2 * self.channels);
        padded.slice_mut(s![t..t + frames, p..p + self.bins * self.channels])
    }

    /// The rows of the product, in place.
    fn overlapping<'a>(&self, padded: &'a Array2<f32>, frames: usize) -> ArrayView2<'a, f32> {
        let values = padded.as_slice().expect("made contiguous");
        ArrayView2::from_shape((frames, self.fan_in()).strides((self.channels, 1)), values).expect("padding is there")
    }

    fn blocks(&self, frames: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        let step = (BLOCK_ROWS / self.bins).max(1);
        (0..frames).step_by(step).map(move |from| from..(from + step).min(frames))
    }

    /// Rows of the product for some frames: (frames·bins) × fan-in.
    fn gather(&self, padded: &Array2<f32>, frames: std::ops::Range<usize>, rows: &mut Array2<f32>) {
        let cells = frames.len() * self.bins;
        if rows.nrows() != cells {
            *rows = Array2::zeros((cells, self.fan_in()));
        }
        let width = self.pitch * self.channels;
        let mut out = rows.as_slice_mut().expect("made contiguous").chunks_exact_mut(width);
        for frame in frames {
            for bin in 0..self.bins {
                for t in 0..self.time {
                    let row = padded.row(frame + t).to_slice().expect("contiguous");
                    let from = bin * self.channels;
                    out.next().expect("room for all").copy_from_slice(&row[from..from + width]);
                }
            }
        }
    }

    /// The reverse: adds the values of each row to their origins.
    fn scatter(&self, rows: &Array2<f32>, frames: std::ops::Range<usize>, padded: &mut Array2<f32>) {
        let width = self.pitch * self.channels;
        let mut values = rows.as_slice().expect("made contiguous").chunks_exact(width);
        for frame in frames {
            for bin in 0..self.bins {
                for t in 0..self.time {
                    let from = bin * self.channels;
                    let mut row = padded.row_mut(frame + t);
                    let row = row.as_slice_mut().expect("contiguous");
                    let added = values.next().expect("as many as gathered");
                    row[from..from + width].iter_mut().zip(added).for_each(|(sum, v)| *sum += v);
                }
            }
        }
    }

    /// Convolves `input` (frames × bins·channels) into `out` (frames × bins·filters), which is overwritten.
    pub(crate) fn forward(
        &self,
        weights: ArrayView2<f32>,
        biases: &[f32],
        input: ArrayView2<f32>,
        mut out: ArrayViewMut2<f32>,
    ) {
        let frames = input.nrows();
        if frames == 0 {
            return;
        }
        let values = out.as_slice_mut().expect("whole rows");
        values.chunks_exact_mut(self.filters).for_each(|cell| cell.copy_from_slice(biases));
        let padded = self.padded(input);
        if self.over_time_only() {
            return product(self.overlapping(&padded, frames), weights, out, Into::Add);
        }
        let mut rows = Array2::zeros((0, 0));
        for block in self.blocks(frames) {
            self.gather(&padded, block.clone(), &mut rows);
            let part = out.slice_mut(s![block, ..]);
            let part = part.into_shape_with_order((rows.nrows(), self.filters)).expect("whole rows");
            product(rows.view(), weights, part, Into::Add);
        }
    }

    /// Adds the gradients of `weights` and `biases` to theirs, given that of the output; if `d_input` is given, adds
    /// that of the input to it too.
    pub(crate) fn backward(
        &self,
        weights: ArrayView2<f32>,
        input: ArrayView2<f32>,
        d_out: ArrayView2<f32>,
        (mut d_weights, d_biases): (ArrayViewMut2<f32>, &mut [f32]),
        d_input: Option<ArrayViewMut2<f32>>,
    ) {
        let frames = input.nrows();
        if frames == 0 {
            return;
        }
        for cell in d_out.as_slice().expect("whole rows").chunks_exact(self.filters) {
            d_biases.iter_mut().zip(cell).for_each(|(sum, v)| *sum += v);
        }
        let padded = self.padded(input);
        let mut d_padded = d_input.as_ref().map(|_| Array2::<f32>::zeros(padded.dim()));
        if self.over_time_only() {
            product(self.overlapping(&padded, frames).reversed_axes(), d_out, d_weights, Into::Add);
            if let Some(d_padded) = &mut d_padded {
                for t in 0..self.time {
                    let part = weights.slice(s![t * self.channels..(t + 1) * self.channels, ..]);
                    product(d_out, part.reversed_axes(), d_padded.slice_mut(s![t..t + frames, ..]), Into::Add);
                }
            }
        } else {
            let mut rows = Array2::zeros((0, 0));
            for block in self.blocks(frames) {
                self.gather(&padded, block.clone(), &mut rows);
                let part = d_out.slice(s![block.clone(), ..]);
                let part = part.into_shape_with_order((rows.nrows(), self.filters)).expect("whole rows");
                product(rows.t(), part, d_weights.view_mut(), Into::Add);
                if let Some(d_padded) = &mut d_padded {
                    product(part, weights.reversed_axes(), rows.view_mut(), Into::Overwrite);
                    self.scatter(&rows, block, d_padded);
                }
            }
        }
        if let (Some(mut d_input), Some(mut d_padded)) = (d_input, d_padded) {
            d_input.assign(&self.inside(&mut d_padded, frames));
        }
    }
}
