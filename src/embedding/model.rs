//! [`EmbeddingModel`]: the two networks, their file, and how they embed a sequence.

use super::attention::{Attention, Pooling};
use super::distances::Distances;
use super::network::AttentionNetwork;
use crate::encoder::{self, Branch, Branches, INPUT_BINS, InputScaling, Levels, Side};
use crate::error::{Error, Result};
use crate::network::tensors::{self, Tensor};
use crate::network::{Layer, Network};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static BUNDLED: &[u8] = include_bytes!("../../assets/models/embedding.safetensors");

/// Number of values in an embedding.
pub(crate) const EMBEDDED: usize = 128;
/// The format named in a model file.
const FORMAT: &str = "embedding-model/1";

/// Shape and inputs of both networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingArchitecture {
    /// `gen1`, `gen2`, `antiphon`, or a user's own.
    pub name: String,
    /// How inputs are scaled.
    pub scaling: InputScaling,
    /// Number of frames averaged into one frame of the input.
    pub pooled_frames: usize,
    /// Layers over the frames.
    pub front: Vec<Layer>,
    /// How the steps are pooled into one.
    pub attention: Attention,
    /// Layers after the pooling; the last is a dense one of 128 units and tanh.
    pub head: Vec<Layer>,
    /// Whether embeddings are scaled to unit length.
    pub unit_length: bool,
}

impl EmbeddingArchitecture {
    /// The first generation (ICASSP 2016, spec G): 5 × 12 filters, scalar attention; 5.25 million parameters per side.
    pub fn gen1() -> Self {
        let convolution = Layer::Convolution { time: 5, pitch: 12, filters: 16 };
        Self {
            name: "gen1".into(),
            scaling: InputScaling::Papers,
            pooled_frames: 1,
            front: vec![convolution, Layer::Relu, Layer::Pool { time: 2, pitch: 2 }],
            attention: Attention::Scalar,
            head: head(&[2048, 2048]),
            unit_length: false,
        }
    }

    /// The second generation (thesis 2016, spec G): 3 × 3 filters, attention with a hidden layer.
    pub fn gen2() -> Self {
        let convolution = Layer::Convolution { time: 3, pitch: 3, filters: 32 };
        Self {
            name: "gen2".into(),
            front: vec![convolution, Layer::Relu, Layer::Pool { time: 2, pitch: 2 }],
            attention: Attention::Hidden { units: 24 * 32 },
            ..Self::gen1()
        }
    }

    /// Ours, small and fast: frames of 186 ms, convolutions over time with the bins as channels; 0.3 million parameters
    /// per side. Embeddings have unit length.
    pub fn antiphon() -> Self {
        let mut front = vec![Layer::Flatten];
        for (time, filters) in [(5, 128), (3, 128), (3, 256)] {
            front.extend([Layer::Convolution { time, pitch: 1, filters }, Layer::Relu]);
            if filters == 128 {
                front.push(Layer::Pool { time: 2, pitch: 1 });
            }
        }
        Self {
            name: "antiphon".into(),
            scaling: InputScaling::FrameMean,
            pooled_frames: 4,
            front,
            attention: Attention::Hidden { units: 128 },
            head: head(&[256]),
            unit_length: true,
        }
    }
}

fn head(units: &[usize]) -> Vec<Layer> {
    let mut layers: Vec<Layer> = units.iter().flat_map(|&units| [Layer::Dense { units }, Layer::Relu]).collect();
    layers.extend([Layer::Dense { units: EMBEDDED }, Layer::Tanh]);
    layers
}

/// How a model was trained, kept in its file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbeddingTrainingRecord {
    /// Version of the program.
    pub antiphon: String,
    /// The settings requested, written as the trainer's options.
    pub options: serde_json::Value,
    /// Names of the data sets' folders.
    pub data: Vec<String>,
    /// Number of works it learned from.
    pub works: usize,
    /// Number of works that decided which parameters were kept.
    pub valid_works: usize,
    /// The training step whose parameters these are.
    pub step: u64,
    /// Seconds of training up to that step.
    pub seconds: f64,
    /// Mean reciprocal rank among the validation works.
    pub validation_mrr: f64,
    /// Distances of their pairs.
    pub validation_distances: Distances,
}

/// The result of embedding a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// The embedding, 128 values.
    pub vector: Array1<f32>,
    /// How much each frame was attended to; adds up to 1.
    pub attention: Vec<f32>,
}

/// Both networks of a trained model.
///
/// ```
/// use antiphon::{embedding::{EmbeddingArchitecture, EmbeddingModel}, encoder::Side};
/// let model = EmbeddingModel::new(EmbeddingArchitecture::antiphon(), 0)?;
/// let embedded = model.embed(Side::Audio, ndarray::Array2::zeros((500, 48)).view());
/// assert_eq!((embedded.vector.len(), embedded.attention.len()), (128, 500));
/// # antiphon::Result::Ok(())
/// ```
#[derive(Debug, Clone)]
pub struct EmbeddingModel {
    architecture: EmbeddingArchitecture,
    branches: Branches<AttentionNetwork>,
    record: EmbeddingTrainingRecord,
}

/// The metadata of a model file.
#[derive(Serialize, Deserialize)]
struct Metadata {
    antiphon: String,
    format: String,
    architecture: EmbeddingArchitecture,
    training: EmbeddingTrainingRecord,
}

impl EmbeddingModel {
    /// An untrained model.
    ///
    /// # Errors
    /// [`Error::Limit`] if the layers are impossible, or the embedding does not have 128 values.
    pub fn new(architecture: EmbeddingArchitecture, seed: u64) -> Result<Self> {
        if !(1..=64).contains(&architecture.pooled_frames) {
            let (value, limit) = (architecture.pooled_frames.to_string(), "1 ..= 64".into());
            return Err(Error::Limit { what: "pooled frames", value, limit });
        }
        let network = |seed: u64| {
            let EmbeddingArchitecture { front, attention, head, .. } = &architecture;
            let network = AttentionNetwork::new(INPUT_BINS, front, *attention, head, seed)?;
            if network.head.outputs() != EMBEDDED {
                let (value, limit) = (network.head.outputs().to_string(), EMBEDDED.to_string());
                return Err(Error::Limit { what: "values of an embedding", value, limit });
            }
            Ok(network)
        };
        let branches = Branches::new(seed, network)?;
        Ok(Self { architecture, branches, record: EmbeddingTrainingRecord::default() })
    }

    /// The model that comes with the program.
    ///
    /// # Errors
    /// [`Error::Model`] if the program was built with a file that is not a model.
    pub fn bundled() -> Result<Self> {
        static PARSED: OnceLock<core::result::Result<EmbeddingModel, String>> = OnceLock::new();
        let parsed = PARSED.get_or_init(|| Self::from_bytes(BUNDLED));
        parsed.clone().map_err(|reason| Error::Model { reason, path: PathBuf::new() })
    }

    /// Its shape.
    pub fn architecture(&self) -> &EmbeddingArchitecture {
        &self.architecture
    }

    /// How it was trained.
    pub fn record(&self) -> &EmbeddingTrainingRecord {
        &self.record
    }

    pub(crate) fn set_record(&mut self, record: EmbeddingTrainingRecord) {
        self.record = record;
    }

    pub(crate) fn branch(&self, side: Side) -> &Branch<AttentionNetwork> {
        self.branches.of(side)
    }

    pub(crate) fn branch_mut(&mut self, side: Side) -> &mut Branch<AttentionNetwork> {
        self.branches.of_mut(side)
    }

    /// Number of parameters in both networks.
    pub fn parameter_count(&self) -> usize {
        Side::BOTH.into_iter().flat_map(|side| self.branch(side).network.parameters()).map(<[f32]>::len).sum()
    }

    /// The input of a side's network for `frames` (frames × 48 from MIDI note 36), natural logarithms of constant-Q
    /// magnitudes.
    ///
    /// # Panics
    /// If there are not 48 bins.
    pub(crate) fn input(&self, side: Side, frames: ArrayView2<f32>) -> Array2<f32> {
        assert_eq!(frames.ncols(), INPUT_BINS, "bins of the input");
        let scaling = self.architecture.scaling;
        let mut input = frames.as_standard_layout().into_owned();
        scaling.apply(&Levels::of(scaling, frames), 0, input.view_mut());
        let mut input = pool_frames(input.view(), self.architecture.pooled_frames);
        self.branch(side).standardise(input.view_mut());
        input
    }

    /// Scales and standardises frames that are already pooled, in place: some frames of a file whose levels are known.
    pub(crate) fn scale(&self, side: Side, levels: &Levels, from: usize, mut pooled: ArrayViewMut2<f32>) {
        self.architecture.scaling.apply(levels, from, pooled.view_mut());
        self.branch(side).standardise(pooled);
    }

    /// Embeds a sequence: `frames` (frames × 48 from MIDI note 36) are natural logarithms of constant-Q magnitudes.
    ///
    /// # Panics
    /// If there are not 48 bins, or no frames.
    pub fn embed(&self, side: Side, frames: ArrayView2<f32>) -> Embedded {
        assert!(frames.nrows() > 0, "no frames to embed");
        let trace = self.branch(side).network.trace(self.input(side, frames).view());
        let mut vector = trace.output().row(0).to_owned();
        if self.architecture.unit_length {
            unit_length(&mut vector);
        }
        // A step's weight is shared by its frames.
        let span = self.architecture.pooled_frames * self.branch(side).network.front.downsampling();
        let share = |at: usize| {
            let step = at / span;
            let frames = ((step + 1) * span).min(frames.nrows()) - step * span;
            trace.pooled.weights[step] / frames as f32
        };
        Embedded { attention: (0..frames.nrows()).map(share).collect(), vector }
    }

    /// The bytes of its file, ready to be written.
    ///
    /// # Errors
    /// [`Error::Model`] if parameters are not finite: a training that failed.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let refused = |reason: String| Error::Model { reason, path: PathBuf::new() };
        let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
        for side in Side::BOTH {
            let (side, Branch { network, mean, deviation }) = (side.name(), self.branch(side));
            tensors.extend(network.front.tensors(&format!("{side}.front")));
            tensors.extend(network.head.tensors(&format!("{side}.head")));
            let parts = [("attention", &network.pooling.parameters), ("mean", mean), ("deviation", deviation)];
            for (part, values) in parts {
                tensors.insert(format!("{side}.{part}"), (vec![values.len()], values.clone()));
            }
        }
        let metadata = Metadata {
            antiphon: env!("CARGO_PKG_VERSION").into(),
            format: FORMAT.into(),
            architecture: self.architecture.clone(),
            training: self.record.clone(),
        };
        let metadata = serde_json::to_string(&metadata).map_err(|error| refused(error.to_string()))?;
        tensors::write(&tensors, metadata).map_err(refused)
    }

    /// Reads the bytes made by [`to_bytes`](Self::to_bytes).
    fn from_bytes(bytes: &[u8]) -> core::result::Result<Self, String> {
        let (tensors, metadata) = tensors::read(bytes)?;
        let value: serde_json::Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
        match value.get("format").and_then(serde_json::Value::as_str) {
            Some(FORMAT) => {}
            other => return Err(format!("its format is {other:?}, {FORMAT:?} is read")),
        }
        let Metadata { architecture, training, .. } =
            serde_json::from_value(value).map_err(|error| error.to_string())?;
        if !(1..=64).contains(&architecture.pooled_frames) {
            return Err(format!("it pools {} frames, 1 to 64 are read", architecture.pooled_frames));
        }
        let branch = |side: &str| -> core::result::Result<_, String> {
            let front = Network::from_tensors(INPUT_BINS, &architecture.front, &format!("{side}.front"), &tensors)?;
            let width = front.outputs();
            let head = Network::from_tensors(width, &architecture.head, &format!("{side}.head"), &tensors)?;
            if head.outputs() != EMBEDDED {
                return Err(format!("its embeddings have {} values, {EMBEDDED} are read", head.outputs()));
            }
            let numbers = |part: &str| {
                let name = format!("{side}.{part}");
                tensors.get(&name).map(|(_, values)| values.clone()).ok_or_else(|| format!("no tensor {name}"))
            };
            let pooling = Pooling::with_parameters(architecture.attention, width, numbers("attention")?)
                .ok_or_else(|| format!("{side}.attention has another size than its steps need"))?;
            let network = AttentionNetwork { front, pooling, head };
            Branch::standardised(network, numbers("mean")?, numbers("deviation")?)
                .map_err(|reason| format!("{side} {reason}"))
        };
        let branches = Branches { midi: branch("midi")?, audio: branch("audio")? };
        Ok(Self { architecture, branches, record: training })
    }

    /// Reads a file made by [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Model`] if the file is cut short, of another kind or version, or larger than 1 GiB, if
    /// its tensors are not those of its architecture, or if it holds values that are not numbers.
    pub fn load(path: &Path) -> Result<Self> {
        encoder::load(path, Self::from_bytes)
    }
}

/// Means over each `count` rows; the remaining rows at the end make one too.
pub(crate) fn pool_frames(frames: ArrayView2<f32>, count: usize) -> Array2<f32> {
    let mut pooled = Array2::zeros((frames.nrows().div_ceil(count), frames.ncols()));
    for (rows, mut to) in frames.axis_chunks_iter(Axis(0), count).zip(pooled.rows_mut()) {
        if let Some(mean) = rows.mean_axis(Axis(0)) {
            to.assign(&mean);
        }
    }
    pooled
}

pub(crate) fn unit_length(vector: &mut Array1<f32>) {
    let length = length(vector.view());
    if length > 0.0 {
        vector.mapv_inplace(|v| v / length);
    }
}

fn length(vector: ArrayView1<f32>) -> f32 {
    vector.dot(&vector).sqrt()
}

#[cfg(test)]
mod tests;
