//! The layers of both sides' networks as tensor operations: the same as [`Network`], with gradients by `burn`.

use crate::network::{Layer, Network};
use burn::tensor::Tensor;
use burn::tensor::activation::{leaky_relu, relu};

/// Layers, and the positions of their parameters.
pub(super) struct Shape {
    layers: Vec<Layer>,
    /// Input bins and channels of each layer.
    inputs: Vec<(usize, usize)>,
    /// Rows and columns of the weights of each layer that has some.
    weights: Vec<(usize, usize)>,
}

impl Shape {
    pub(crate) fn of(network: &Network) -> Self {
        let layers = network.layers().to_vec();
        let inputs = (0..layers.len()).map(|index| network.input_of(index)).collect();
        let weights = network.parts().map(|(_, weights, biases)| (weights.len() / biases.len(), biases.len()));
        Self { weights: weights.collect(), layers, inputs }
    }

    /// Weights and biases of each layer that has some, (2 × rows × columns) and (2 × 1 × columns), sliced from (2 ×
    /// parameters): the tensors that gradients are taken with respect to.
    pub(crate) fn parts(&self, parameters: &Tensor<2>) -> Vec<Tensor<3>> {
        let mut at = 0;
        let sizes = self.weights.iter().flat_map(|&(rows, columns)| [(rows, columns), (1, columns)]);
        let part = |(rows, columns): (usize, usize)| {
            at += rows * columns;
            let part = parameters.clone().narrow(1, at - rows * columns, rows * columns);
            part.reshape([2, rows, columns]).autodiff().require_grad()
        };
        sizes.map(part).collect()
    }

    /// Maps (2 × crops × frames × bins) to (2 × crops × steps × outputs).
    pub(crate) fn forward(&self, parts: &[Tensor<3>], input: Tensor<4>) -> Tensor<4> {
        let mut parts = parts.iter().cloned();
        let mut values = input;
        for (layer, &(bins, channels)) in self.layers.iter().zip(&self.inputs) {
            values = match *layer {
                Layer::Convolution { time, pitch, .. } => {
                    let (weights, biases) = (parts.next().expect("as counted"), parts.next().expect("as counted"));
                    convolution(values, (bins, channels), (time, pitch), weights, biases)
                }
                Layer::Dense { .. } => {
                    let (weights, biases) = (parts.next().expect("as counted"), parts.next().expect("as counted"));
                    let [_, crops, frames, width] = values.dims();
                    let units = biases.dims()[2];
                    let out = values.reshape([2, crops * frames, width]).matmul(weights) + biases;
                    out.reshape([2, crops, frames, units])
                }
                Layer::Pool { time, pitch } => pool(values, (bins, channels), (time, pitch)),
                Layer::Flatten => values,
                Layer::Relu => relu(values),
                Layer::LeakyRelu { slope } => {
                    // The slope exactly as in f32, not rounded again.
                    leaky_relu(values, f64::from(slope))
                }
                Layer::Tanh => values.tanh(),
            };
        }
        values
    }
}

/// Each patch of frames and bins becomes a row, as in `network::convolution`; a single product does everything.
fn convolution(
    values: Tensor<4>,
    (bins, channels): (usize, usize),
    (time, pitch): (usize, usize),
    weights: Tensor<3>,
    biases: Tensor<3>,
) -> Tensor<4> {
    let [_, crops, frames, _] = values.dims();
    let filters = biases.dims()[2];
    let values = values.reshape([2, crops, frames, bins, channels]);
    let values = border(values, 2, (time / 2, (time - 1) - time / 2), 0.0);
    let values = border(values, 3, (pitch / 2, (pitch - 1) - pitch / 2), 0.0);
    let mut rows = Vec::with_capacity(time * pitch);
    for t in 0..time {
        for p in 0..pitch {
            rows.push(values.clone().narrow(2, t, frames).narrow(3, p, bins));
        }
    }
    let rows = if rows.len() == 1 { values } else { Tensor::cat(rows, 4) };
    let rows = rows.reshape([2, crops * frames * bins, time * pitch * channels]);
    (rows.matmul(weights) + biases).reshape([2, crops, frames, bins * filters])
}

/// Pads by this much before and after.
fn border(values: Tensor<5>, dim: usize, (before, after): (usize, usize), value: f32) -> Tensor<5> {
    if before + after == 0 {
        return values;
    }
    let device = values.device();
    let piece = |length: usize| {
        let mut dims = values.dims();
        dims[dim] = length;
        Tensor::full(dims, value, &device)
    };
    let all = [(before > 0).then(|| piece(before)), Some(values.clone()), (after > 0).then(|| piece(after))];
    Tensor::cat(all.into_iter().flatten().collect(), dim)
}

/// The largest of each `time` frames and `pitch` bins, first over time.
fn pool(values: Tensor<4>, (bins, channels): (usize, usize), (time, pitch): (usize, usize)) -> Tensor<4> {
    let [_, crops, frames, _] = values.dims();
    let (steps, cells) = (frames.div_ceil(time), bins.div_ceil(pitch));
    let values = values.reshape([2, crops, frames, bins, channels]);
    // Less than all real values.
    let values = border(values, 2, (0, steps * time - frames), f32::MIN);
    let values = border(values, 3, (0, cells * pitch - bins), f32::MIN);
    let values = largest(values.reshape([2, crops * steps, time, cells * pitch * channels, 1]), time);
    let values = largest(values.reshape([2, crops * steps * cells, pitch, channels, 1]), pitch);
    values.reshape([2, crops, steps, cells * channels])
}

/// The largest of `count` along the third dimension; the first of equals.
fn largest(values: Tensor<5>, count: usize) -> Tensor<5> {
    let each = (0..count).map(|at| values.clone().narrow(2, at, 1));
    each.reduce(Tensor::max_pair).expect("one at least")
}
