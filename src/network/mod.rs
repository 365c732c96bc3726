//! Small feed-forward networks over sequences, used for hashing and embedding.
//!
//! A [`Network`] is a list of [`Layer`]s over frames × (bins·channels), row = time, the channels of a bin side by side.
//! Layers see one frame and its neighbours, so that a network takes sequences of any length; a dense layer takes each
//! frame by itself. `Network::trace` keeps what `Network::gradient` needs; an `Optimiser` changes the parameters.
//!
//! Everything is a matrix product computed by the `gemm` crate. The same input gives the same numbers whatever the
//! number of threads: work is split into chunks of 8 sequences, and sums over chunks are taken in order.
//!
//! ```
//! use antiphon::network::{Layer, Network};
//! use ndarray::Array2;
//! let layers = [Layer::Flatten, Layer::Convolution { time: 3, pitch: 1, filters: 8 }, Layer::Relu, Layer::Dense { units: 2 }];
//! let network = Network::new(48, &layers, 0)?;
//! assert_eq!(network.forward(Array2::zeros((10, 48)).view()).dim(), (10, 2));
//! # antiphon::Result::Ok(())
//! ```

mod convolution;
mod optimiser;
mod pool;
mod product_simd;
pub(crate) mod tensors;

pub(crate) use optimiser::Optimiser;
pub use optimiser::Rule;

use crate::error::{Error, Result};
use convolution::Kernel;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use pool::Pool;
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;

/// Sequences per task: fixed, so that sums don't depend on the number of threads.
pub(crate) const CHUNK: usize = 8;
/// Most parameters of a network: 1 GiB.
pub(crate) const MOST_PARAMETERS: usize = 1 << 28;

/// A layer of a network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Inner products with every patch of `time` frames and `pitch` bins, padded to the same size: `⌈(k − 1) / 2⌉`
    /// zeros before, the rest after.
    Convolution {
        /// Frames.
        time: usize,
        /// Bins; 1 after [`Layer::Flatten`].
        pitch: usize,
        /// Output channels.
        filters: usize,
    },
    /// The largest value of each `time` frames and `pitch` bins; a remainder at the border makes one too.
    Pool {
        /// Frames.
        time: usize,
        /// Bins.
        pitch: usize,
    },
    /// All bins of a frame become the channels of a single bin: convolutions after it are over time only.
    Flatten,
    /// Inner products with each whole frame.
    Dense {
        /// Output channels.
        units: usize,
    },
    /// max(x, 0).
    Relu,
    /// x, or `slope`·x below 0.
    LeakyRelu {
        /// Slope below 0.
        slope: f32,
    },
    /// tanh x.
    Tanh,
}

/// Bins and channels of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    bins: usize,
    channels: usize,
}

impl Shape {
    fn width(self) -> usize {
        self.bins * self.channels
    }
}

/// Layers with their parameters. Cloning copies the parameters.
#[derive(Debug, Clone)]
pub struct Network {
    layers: Vec<Layer>,
    /// The shape of the input, then of each layer's output.
    shapes: Vec<Shape>,
    /// Where each layer's weights and biases lie.
    places: Vec<(Range<usize>, Range<usize>)>,
    parameters: Vec<f32>,
}

/// The values of a chunk of sequences in each layer.
#[derive(Debug)]
pub(crate) struct Trace {
    /// Input, then the output of each layer, all sequences stacked. Empty if the next layer worked in place.
    values: Vec<Array2<f32>>,
    /// Frames of each sequence, for the input and each output.
    lengths: Vec<Vec<usize>>,
}

impl Trace {
    /// The output for each sequence, (frames × channels).
    pub(crate) fn outputs(&self) -> Vec<ArrayView2<'_, f32>> {
        let (values, lengths) = (&self.values[self.values.len() - 1], &self.lengths[self.lengths.len() - 1]);
        spans(lengths).map(|span| values.slice(s![span, ..])).collect()
    }
}

fn each(values: Cow<'_, Array2<f32>>, function: impl Fn(f32) -> f32) -> Array2<f32> {
    let mut values = values.into_owned();
    values.mapv_inplace(function);
    values
}

/// Rows of each sequence when all are stacked.
fn spans(lengths: &[usize]) -> impl Iterator<Item = Range<usize>> {
    lengths.iter().scan(0, |at, length| {
        *at += length;
        Some(*at - length..*at)
    })
}

impl Network {
    /// Makes a network for frames of `bins` values. Weights are drawn from N(0, √(2 / fan-in)), biases are 0 (spec D).
    ///
    /// # Errors
    /// [`Error::Limit`] for no bins, widths of 0, or more than 2^28 parameters.
    pub fn new(bins: usize, layers: &[Layer], seed: u64) -> Result<Self> {
        let mut network = Self::unfilled(bins, layers)?;
        let mut rng = Pcg64::seed_from_u64(seed);
        let count = network.places.last().map_or(0, |(_, biases)| biases.end);
        network.parameters = vec![0.0; count];
        for index in 0..layers.len() {
            let fan_in = network.kernel(index).fan_in();
            let scale = (2.0 / fan_in.max(1) as f32).sqrt();
            for weight in &mut network.parameters[network.places[index].0.clone()] {
                let drawn: f32 = StandardNormal.sample(&mut rng);
                *weight = scale * drawn;
            }
        }
        Ok(network)
    }

    /// Makes a network with parameters learned before.
    ///
    /// # Errors
    /// Those of [`new`](Self::new); [`Error::Limit`] for another number of parameters, or one that is not finite.
    pub(crate) fn with_parameters(bins: usize, layers: &[Layer], parameters: Vec<f32>) -> Result<Self> {
        let mut network = Self::unfilled(bins, layers)?;
        let count = network.places.last().map_or(0, |(_, biases)| biases.end);
        if parameters.len() != count {
            let limit = format!("{count}, what the layers need");
            return Err(Error::Limit { what: "number of parameters", value: parameters.len().to_string(), limit });
        }
        if let Some(wrong) = parameters.iter().find(|p| !p.is_finite()) {
            let limit = "the finite numbers".into();
            return Err(Error::Limit { what: "parameter", value: wrong.to_string(), limit });
        }
        network.parameters = parameters;
        Ok(network)
    }

    fn unfilled(bins: usize, layers: &[Layer]) -> Result<Self> {
        let refuse =
            |what, value: usize| Err(Error::Limit { what, value: value.to_string(), limit: "1 ..= 65536".into() });
        let within = |value: usize| (1..=65_536).contains(&value);
        if !within(bins) {
            return refuse("input bins", bins);
        }
        let mut shape = Shape { bins, channels: 1 };
        let mut network =
            Self { layers: layers.to_vec(), shapes: vec![shape], places: Vec::new(), parameters: Vec::new() };
        let (mut end, mut pooled) = (0_usize, 1_usize);
        for layer in layers {
            let mut fan_in = 0;
            let mut out = shape;
            match *layer {
                Layer::Convolution { time, pitch, filters } => {
                    for (what, value) in [("filter frames", time), ("filter bins", pitch), ("filters", filters)] {
                        if !within(value) {
                            return refuse(what, value);
                        }
                    }
                    fan_in = time.saturating_mul(pitch).saturating_mul(shape.channels);
                    out = Shape { bins: shape.bins, channels: filters };
                }
                Layer::Dense { units } => {
                    if !within(units) {
                        return refuse("units", units);
                    }
                    fan_in = shape.width();
                    out = Shape { bins: 1, channels: units };
                }
                Layer::Pool { time, pitch } => {
                    for (what, value) in [("pooled frames", time), ("pooled bins", pitch)] {
                        if !within(value) {
                            return refuse(what, value);
                        }
                    }
                    out.bins = shape.bins.div_ceil(pitch);
                    pooled = pooled.saturating_mul(time);
                    if !within(pooled) {
                        return refuse("frames pooled by all layers", pooled);
                    }
                }
                Layer::Flatten => out = Shape { bins: 1, channels: shape.width() },
                Layer::Relu | Layer::LeakyRelu { .. } | Layer::Tanh => {}
            }
            let weights = fan_in.saturating_mul(out.channels);
            let biases = if fan_in > 0 { out.channels } else { 0 };
            let total = end.saturating_add(weights).saturating_add(biases);
            if total > MOST_PARAMETERS || out.width() > MOST_PARAMETERS {
                let limit = format!("0 ..= {MOST_PARAMETERS}");
                return Err(Error::Limit { what: "number of parameters", value: total.to_string(), limit });
            }
            network.places.push((end..end + weights, end + weights..total));
            network.shapes.push(out);
            (end, shape) = (total, out);
        }
        Ok(network)
    }

    /// The layers.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Bins of the input.
    pub fn bins(&self) -> usize {
        self.shapes[0].bins
    }

    /// Values per output frame.
    pub fn outputs(&self) -> usize {
        self.shapes[self.shapes.len() - 1].width()
    }

    /// Input frames per output frame.
    pub fn downsampling(&self) -> usize {
        self.layers.iter().map(|layer| if let Layer::Pool { time, .. } = layer { *time } else { 1 }).product()
    }

    /// All parameters: for each layer the weights, (time × pitch × channels) × filters, then the biases.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    pub(crate) fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// Weights of layer `index`, (time × pitch × channels) × filters with that row order; `None` if it has none.
    pub(crate) fn weights(&self, index: usize) -> Option<ArrayView2<'_, f32>> {
        let (weights, biases) = self.places.get(index)?;
        if biases.is_empty() {
            return None;
        }
        let shape = (weights.len() / biases.len(), biases.len());
        ArrayView2::from_shape(shape, &self.parameters[weights.clone()]).ok()
    }

    /// Index, weights and biases of each layer that has some.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (usize, &[f32], &[f32])> {
        let part = |(index, (weights, biases)): (usize, &(Range<usize>, Range<usize>))| {
            (index, &self.parameters[weights.clone()], &self.parameters[biases.clone()])
        };
        self.places.iter().enumerate().filter(|(_, (_, biases))| !biases.is_empty()).map(part)
    }

    /// Bins and channels of the input of layer `index`.
    pub(crate) fn input_of(&self, index: usize) -> (usize, usize) {
        (self.shapes[index].bins, self.shapes[index].channels)
    }

    fn kernel(&self, index: usize) -> Kernel {
        let Shape { bins, channels } = self.shapes[index];
        match self.layers[index] {
            Layer::Convolution { time, pitch, filters } => Kernel { time, pitch, bins, channels, filters },
            Layer::Dense { units } => Kernel { time: 1, pitch: 1, bins: 1, channels: bins * channels, filters: units },
            _ => Kernel { time: 0, pitch: 0, bins, channels, filters: 0 },
        }
    }

    fn pool(&self, index: usize) -> Pool {
        let Shape { bins, channels } = self.shapes[index];
        match self.layers[index] {
            Layer::Pool { time, pitch } => Pool { time, pitch, bins, channels },
            _ => Pool { time: 1, pitch: 1, bins, channels },
        }
    }

    /// Whether the layer may overwrite the output of the one before, because nothing needs it again.
    fn in_place(&self, index: usize) -> bool {
        matches!(self.layers[index], Layer::Relu | Layer::LeakyRelu { .. } | Layer::Tanh)
            && index > 0
            && matches!(self.layers[index - 1], Layer::Convolution { .. } | Layer::Dense { .. })
    }

    /// Applies the network to one sequence, (frames × bins), and returns the output of the last layer, (frames ×
    /// outputs).
    ///
    /// # Panics
    /// If the rows do not have [`bins`](Self::bins) values.
    pub fn forward(&self, input: ArrayView2<f32>) -> Array2<f32> {
        self.activations(input, self.layers.len())
    }

    /// Applies the first `layers` layers to one sequence, (frames × bins·channels).
    ///
    /// # Panics
    /// Like [`forward`](Self::forward).
    pub(crate) fn activations(&self, input: ArrayView2<f32>, layers: usize) -> Array2<f32> {
        assert_eq!(input.ncols(), self.shapes[0].width(), "bins of the input");
        let mut values = input.as_standard_layout().into_owned();
        let mut lengths = vec![input.nrows()];
        for index in 0..layers.min(self.layers.len()) {
            (values, lengths) = self.step(index, Cow::Owned(values), &lengths);
        }
        values
    }

    /// Applies the network to a chunk of sequences, each (frames × bins), and keeps all that
    /// [`gradient`](Self::gradient) needs.
    ///
    /// # Panics
    /// Like [`forward`](Self::forward).
    pub(crate) fn trace(&self, inputs: &[ArrayView2<f32>]) -> Trace {
        let mut lengths = vec![inputs.iter().map(ArrayView2::nrows).collect::<Vec<_>>()];
        let mut first = Array2::zeros((lengths[0].iter().sum(), self.shapes[0].width()));
        for (span, input) in spans(&lengths[0]).zip(inputs) {
            first.slice_mut(s![span, ..]).assign(input);
        }
        let mut values = vec![first];
        for index in 0..self.layers.len() {
            let (after, frames) = if self.in_place(index) {
                let before = std::mem::take(&mut values[index]);
                self.step(index, Cow::Owned(before), &lengths[index])
            } else {
                self.step(index, Cow::Borrowed(&values[index]), &lengths[index])
            };
            values.push(after);
            lengths.push(frames);
        }
        Trace { values, lengths }
    }

    fn step(&self, index: usize, values: Cow<'_, Array2<f32>>, lengths: &[usize]) -> (Array2<f32>, Vec<usize>) {
        match self.layers[index] {
            Layer::Convolution { .. } | Layer::Dense { .. } => {
                let kernel = self.kernel(index);
                let width = self.shapes[index + 1].width();
                let mut out = Array2::zeros((values.nrows(), width));
                let weights = self.weights(index).expect("it has some");
                let biases = &self.parameters[self.places[index].1.clone()];
                for span in self.together(index, lengths) {
                    let part = out.slice_mut(s![span.clone(), ..]);
                    kernel.forward(weights, biases, values.slice(s![span, ..]), part);
                }
                (out, lengths.to_vec())
            }
            Layer::Pool { time, .. } => {
                let pool = self.pool(index);
                let frames: Vec<usize> = lengths.iter().map(|n| n.div_ceil(time)).collect();
                let mut out = Array2::zeros((frames.iter().sum(), self.shapes[index + 1].width()));
                for (from, to) in spans(lengths).zip(spans(&frames)) {
                    pool.forward(values.slice(s![from, ..]), out.slice_mut(s![to, ..]));
                }
                (out, frames)
            }
            Layer::Flatten => (values.into_owned(), lengths.to_vec()),
            Layer::Relu => (each(values, |v| if v > 0.0 { v } else { 0.0 }), lengths.to_vec()),
            Layer::LeakyRelu { slope } => (each(values, |v| if v > 0.0 { v } else { slope * v }), lengths.to_vec()),
            Layer::Tanh => (each(values, f32::tanh), lengths.to_vec()),
        }
    }

    /// Which rows a product may take at once: frames that don't see their neighbours need no border between sequences.
    fn together(&self, index: usize, lengths: &[usize]) -> Vec<Range<usize>> {
        if self.kernel(index).time > 1 { spans(lengths).collect() } else { spans(&[lengths.iter().sum()]).collect() }
    }

    /// Adds the gradient of all parameters to `sum`, given that of the outputs of each sequence of the trace.
    ///
    /// # Panics
    /// If shapes don't fit the trace.
    pub(crate) fn gradient(&self, trace: &Trace, d_outputs: &[ArrayView2<f32>], sum: &mut [f32]) {
        self.backward(trace, d_outputs, sum, false);
    }

    /// Like [`gradient`](Self::gradient); if `to_inputs`, also returns that of the inputs, all sequences stacked.
    pub(crate) fn backward(
        &self,
        trace: &Trace,
        d_outputs: &[ArrayView2<f32>],
        sum: &mut [f32],
        to_inputs: bool,
    ) -> Array2<f32> {
        assert_eq!(sum.len(), self.parameters.len(), "parameters");
        let last = self.layers.len();
        let mut d_out = Array2::zeros((trace.lengths[last].iter().sum(), self.outputs()));
        for (span, d) in spans(&trace.lengths[last]).zip(d_outputs) {
            d_out.slice_mut(s![span, ..]).assign(d);
        }
        let learned = self.places.iter().position(|(_, biases)| !biases.is_empty()).unwrap_or(last);
        let first = if to_inputs { 0 } else { learned };
        for index in (first..last).rev() {
            d_out = self.step_back(index, trace, d_out, sum, to_inputs || index > first);
        }
        d_out
    }

    fn step_back(
        &self,
        index: usize,
        trace: &Trace,
        mut d_out: Array2<f32>,
        sum: &mut [f32],
        further: bool,
    ) -> Array2<f32> {
        let (input, out) = (&trace.values[index], &trace.values[index + 1]);
        match self.layers[index] {
            Layer::Convolution { .. } | Layer::Dense { .. } => {
                let kernel = self.kernel(index);
                let weights = self.weights(index).expect("it has some");
                let (place, biases) = &self.places[index];
                let (d_weights, d_biases) = sum[place.start..biases.end].split_at_mut(place.len());
                let mut d_weights = ArrayViewMut2::from_shape(weights.dim(), d_weights).expect("as the weights lie");
                let mut d_input = Array2::zeros(if further { input.dim() } else { (0, input.ncols()) });
                for span in self.together(index, &trace.lengths[index]) {
                    let part = further.then(|| d_input.slice_mut(s![span.clone(), ..]));
                    let (input, d_out) = (input.slice(s![span.clone(), ..]), d_out.slice(s![span.clone(), ..]));
                    kernel.backward(weights, input, d_out, (d_weights.view_mut(), &mut *d_biases), part);
                }
                d_input
            }
            Layer::Pool { .. } => {
                let pool = self.pool(index);
                let mut d_input = Array2::zeros(input.dim());
                for (from, to) in spans(&trace.lengths[index]).zip(spans(&trace.lengths[index + 1])) {
                    let part = d_input.slice_mut(s![from.clone(), ..]);
                    let (out, d_out) = (out.slice(s![to.clone(), ..]), d_out.slice(s![to, ..]));
                    pool.backward(input.slice(s![from, ..]), out, d_out, part);
                }
                d_input
            }
            Layer::Flatten => d_out,
            Layer::Relu => {
                d_out.zip_mut_with(out, |d, &v| *d = if v > 0.0 { *d } else { 0.0 });
                d_out
            }
            Layer::LeakyRelu { slope } => {
                d_out.zip_mut_with(out, |d, &v| *d *= if v > 0.0 { 1.0 } else { slope });
                d_out
            }
            Layer::Tanh => {
                d_out.zip_mut_with(out, |d, &v| *d *= 1.0 - v * v);
                d_out
            }
        }
    }

    /// The [`trace`](Self::trace) of many sequences on all cores, one for each chunk.
    pub(crate) fn trace_batch(&self, inputs: &[Array2<f32>]) -> Vec<Trace> {
        let views: Vec<ArrayView2<f32>> = inputs.iter().map(|input| input.view()).collect();
        views.par_chunks(CHUNK).map(|chunk| self.trace(chunk)).collect()
    }

    /// [`gradient`](Self::gradient) summed over the traces of [`trace_batch`](Self::trace_batch), on all cores.
    pub(crate) fn gradient_batch(&self, traces: &[Trace], d_outputs: &[Array2<f32>]) -> Vec<f32> {
        let views: Vec<ArrayView2<f32>> = d_outputs.iter().map(|d| d.view()).collect();
        let parts: Vec<Vec<f32>> = traces
            .par_iter()
            .zip(views.par_chunks(CHUNK))
            .map(|(trace, d_outputs)| {
                let mut sum = vec![0.0; self.parameters.len()];
                self.gradient(trace, d_outputs, &mut sum);
                sum
            })
            .collect();
        let mut parts = parts.into_iter();
        let mut sum = parts.next().unwrap_or_else(|| vec![0.0; self.parameters.len()]);
        for part in parts {
            sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
        sum
    }
}

#[cfg(test)]
mod tests;
