//! Max pooling over time and pitch. Remainders at the borders are kept: 5 frames pooled by 2 are 3.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

#[derive(Debug, Clone, Copy)]
pub(super) struct Pool {
    pub time: usize,
    pub pitch: usize,
    pub bins: usize,
    pub channels: usize,
}

impl Pool {
    /// (bins, frames) of the output.
    fn outer(&self, frames: usize) -> (usize, usize) {
        (self.bins.div_ceil(self.pitch), frames.div_ceil(self.time))
    }

    /// Pools `input` (frames × bins·channels) into `out` (⌈frames / time⌉ × ⌈bins / pitch⌉·channels), which is
    /// overwritten.
    pub(crate) fn forward(&self, input: ArrayView2<f32>, mut out: ArrayViewMut2<f32>) {
        out.fill(f32::NEG_INFINITY);
        for (frame, row) in input.rows().into_iter().enumerate() {
            let mut best = out.row_mut(frame / self.time);
            let best = best.as_slice_mut().expect("whole rows");
            let row = row.to_slice().expect("whole rows");
            for (bin, cell) in row.chunks_exact(self.channels).enumerate() {
                let at = bin / self.pitch * self.channels;
                let best = &mut best[at..at + self.channels];
                best.iter_mut().zip(cell).for_each(|(best, &v)| *best = if v > *best { v } else { *best });
            }
        }
    }

    /// Gradient of the input: that of each output goes to the first input that equals it.
    pub(crate) fn backward(
        &self,
        input: ArrayView2<f32>,
        out: ArrayView2<f32>,
        d_out: ArrayView2<f32>,
        mut d_input: ArrayViewMut2<f32>,
    ) {
        let (outer_bins, _) = self.outer(input.nrows());
        // What is still to be passed on in the current row of outputs.
        let mut left = Array2::<f32>::zeros((1, outer_bins * self.channels));
        let left = left.as_slice_mut().expect("just made");
        for (frame, row) in input.rows().into_iter().enumerate() {
            if frame % self.time == 0 {
                left.copy_from_slice(d_out.row(frame / self.time).to_slice().expect("whole rows"));
            }
            let best = out.row(frame / self.time).to_slice().expect("whole rows");
            let row = row.to_slice().expect("whole rows");
            let mut d_row = d_input.row_mut(frame);
            let d_row = d_row.as_slice_mut().expect("whole rows");
            for ((bin, cell), d_cell) in
                row.chunks_exact(self.channels).enumerate().zip(d_row.chunks_exact_mut(self.channels))
            {
                let at = bin / self.pitch * self.channels;
                let (best, left) = (&best[at..at + self.channels], &mut left[at..at + self.channels]);
                for (((v, best), left), d) in cell.iter().zip(best).zip(left).zip(d_cell) {
                    let is_it = v >= best;
                    *d = if is_it { *left } else { 0.0 };
                    *left = if is_it { 0.0 } else { *left };
                }
            }
        }
    }
}
