//! Inside a hash model: the filters of its first layer, and when the output of a layer is strongest.

use super::{HashModel, Side};
use crate::network::Layer;
use ndarray::{Array2, ArrayView2};

/// A filter whose weights vary by less than this share of the side's median deviation has learned nothing.
const FLAT: f32 = 0.02;

/// A filter of the first layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Its weights, (frames × bins), lowest bin first.
    pub weights: Array2<f32>,
    /// Smallest weight.
    pub min: f32,
    /// Largest weight.
    pub max: f32,
    /// Mean weight.
    pub mean: f32,
    /// Standard deviation of the weights.
    pub std: f32,
    /// Whether it has learned nothing: its weights hardly vary compared with those of the others.
    pub flat: bool,
}

/// The filters of a side's first layer; empty if that layer is not a convolution.
pub fn filters(model: &HashModel, side: Side) -> Vec<Filter> {
    let mut filters: Vec<Filter> = model.first_kernels(side).into_iter().map(measured).collect();
    let mut deviations: Vec<f32> = filters.iter().map(|filter| filter.std).collect();
    deviations.sort_by(f32::total_cmp);
    let median = deviations.get(deviations.len() / 2).copied().unwrap_or(0.0);
    for filter in &mut filters {
        filter.flat = filter.std <= FLAT * median;
    }
    filters
}

fn measured(weights: Array2<f32>) -> Filter {
    let (min, max) =
        weights.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &w| (low.min(w), high.max(w)));
    let (mean, std) = (weights.mean().unwrap_or(0.0), weights.std(0.0));
    Filter { weights, min, max, mean, std, flat: false }
}

/// A place in a network where there is something to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLayer {
    /// Number of layers up to there, for `HashModel::activations`.
    pub layers: usize,
    /// Its description: `convolution 5 × 1`.
    pub name: String,
    /// Channels there: filters or units.
    pub channels: usize,
}

/// The places of a network after the nonlinearity of each layer with weights, first to last. The first is that of the
/// [`filters`].
pub fn seen_layers(model: &HashModel) -> Vec<SeenLayer> {
    let layers = &model.architecture().layers;
    let mut seen = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let (name, channels) = match layer {
            Layer::Convolution { time, pitch, filters } => (format!("convolution {time} × {pitch}"), *filters),
            Layer::Dense { units } => ("dense".to_owned(), *units),
            _ => continue,
        };
        let after = layers.get(index + 1);
        let through = matches!(after, Some(Layer::Relu | Layer::LeakyRelu { .. } | Layer::Tanh));
        seen.push(SeenLayer { layers: index + 1 + usize::from(through), name, channels });
    }
    seen
}

/// The output of a layer for a whole file, for display: for each step and channel the largest value over the bins, and
/// the seconds per step. `frames` as for [`HashModel::input`], `frame_s` seconds apart. (steps × channels).
pub fn layer_output(
    model: &HashModel,
    side: Side,
    frames: ArrayView2<f32>,
    frame_s: f64,
    layer: &SeenLayer,
) -> (Array2<f32>, f64) {
    let out = model.activations(side, frames, layer.layers);
    let pooled = model.architecture().layers[..layer.layers].iter().map(|layer| match layer {
        Layer::Pool { time, .. } => *time,
        _ => 1,
    });
    let step_s = frame_s * pooled.product::<usize>() as f64;
    let bins = (out.ncols() / layer.channels.max(1)).max(1);
    // A frame's bins come one after another, each with all channels.
    let largest = Array2::from_shape_fn((out.nrows(), layer.channels), |(step, channel)| {
        (0..bins).map(|bin| out[[step, bin * layer.channels + channel]]).fold(f32::NEG_INFINITY, f32::max)
    });
    (largest, step_s)
}

/// The `count` largest peaks at least `apart` steps from each other, largest first: (step, value). A value must exceed
/// the smallest to be a peak.
pub fn strongest(values: impl IntoIterator<Item = f32>, apart: usize, count: usize) -> Vec<(usize, f32)> {
    let values: Vec<f32> = values.into_iter().collect();
    let lowest = values.iter().copied().fold(f32::INFINITY, f32::min);
    let mut order: Vec<usize> = (0..values.len()).filter(|&step| values[step] > lowest).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    let mut peaks: Vec<(usize, f32)> = Vec::new();
    for step in order {
        if peaks.len() == count {
            break;
        }
        if peaks.iter().all(|&(peak, _)| peak.abs_diff(step) >= apart) {
            peaks.push((step, values[step]));
        }
    }
    peaks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hashing::Architecture;

    #[test]
    fn filters_are_the_kernels_with_their_numbers() {
        let model = HashModel::new(Architecture::antiphon(), 3).expect("a model");
        let filters = filters(&model, Side::Audio);
        assert_eq!(filters.len(), 128);
        for (filter, kernel) in filters.iter().zip(model.first_kernels(Side::Audio)) {
            assert_eq!(filter.weights, kernel);
            assert_eq!(filter.weights.ncols(), 48);
            assert!(filter.min < filter.mean && filter.mean < filter.max && filter.std > 0.0 && !filter.flat);
        }
    }

    #[test]
    fn layers_are_seen_behind_their_nonlinearity() {
        let model = HashModel::new(Architecture::gen1(), 0).expect("a model");
        let seen = seen_layers(&model);
        let channels: Vec<usize> = seen.iter().map(|layer| layer.channels).collect();
        assert_eq!(channels, [16, 32, 2048, 2048, 16]);
        assert_eq!((seen[0].layers, seen[0].name.as_str()), (2, "convolution 5 × 12"));
        let frames = Array2::from_shape_fn((24, 48), |(i, j)| ((i * 7 + j * 3) % 11) as f32);
        let (first, step_s) = layer_output(&model, Side::Midi, frames.view(), 0.5, &seen[0]);
        assert_eq!((first.dim(), step_s), ((24, 16), 0.5));
        assert!(first.iter().all(|v| *v >= 0.0) && first.iter().any(|v| *v > 0.0));
        let (last, step_s) = layer_output(&model, Side::Midi, frames.view(), 0.5, &seen[4]);
        assert_eq!((last.dim(), step_s), ((6, 16), 2.0));
        assert_eq!(last, model.outputs(Side::Midi, frames.view()));
    }

    #[test]
    fn the_strongest_moments_are_apart() {
        let values = [0.0, 3.0, 2.9, 0.0, 0.0, 1.0, 0.0, 2.0, 0.0];
        assert_eq!(strongest(values, 2, 3), [(1, 3.0), (7, 2.0), (5, 1.0)]);
        assert_eq!(strongest([0.0; 4], 1, 3), []);
        assert_eq!(strongest([], 1, 3), []);
    }
}
