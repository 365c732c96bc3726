//! [`HashModel`]: two networks that give the same code to the same moment, seen from a MIDI file and from a recording.
//!
//! Spec D: networks f (MIDI) and g (audio) of equal shape, each with its own parameters; bit `b` of a step's code is 1
//! if output `b` is above 0. Architectures are data: those of the papers, and ours.

use crate::encoder::{self, Branch, Branches, INPUT_BINS, InputScaling, Levels, Side, scale_roll};
use crate::error::{Error, Result};
use crate::network::tensors::{self, Tensor};
use crate::network::{Layer, Network};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static BUNDLED: &[u8] = include_bytes!("../../assets/models/hash.safetensors");

/// The format that a model file declares.
const FORMAT: &str = "hash-model/1";
/// The input of the MIDI side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MidiFeatures {
    /// Log constant-Q magnitudes of its synthesis (ISMIR 2015, thesis).
    ConstantQ,
    /// Its piano roll: summed velocities (NIPS 2015).
    PianoRoll,
}

/// Shape and inputs of both networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// `gen1`, `gen2`, `antiphon`, or a user's own.
    pub name: String,
    /// The input of the MIDI side.
    pub midi_input: MidiFeatures,
    /// How inputs are scaled.
    pub scaling: InputScaling,
    /// The layers; the last are a dense one of 16 or 32 units and a tanh.
    pub layers: Vec<Layer>,
}

impl Architecture {
    /// The first generation (ISMIR 2015, spec D): 5 × 12 and 3 × 3 filters, 16 bits, a code per 4 frames; 5.02 million
    /// parameters a side.
    pub fn gen1() -> Self {
        let pool = Layer::Pool { time: 2, pitch: 2 };
        let layers = vec![
            Layer::Convolution { time: 5, pitch: 12, filters: 16 },
            Layer::Relu,
            pool,
            Layer::Convolution { time: 3, pitch: 3, filters: 32 },
            Layer::Relu,
            pool,
            Layer::Dense { units: 2048 },
            Layer::Relu,
            Layer::Dense { units: 2048 },
            Layer::Relu,
            Layer::Dense { units: 16 },
            Layer::Tanh,
        ];
        Self { name: "gen1".into(), midi_input: MidiFeatures::ConstantQ, scaling: InputScaling::Papers, layers }
    }

    /// The second generation (thesis 2016, spec D): pairs of 3 × 3 filters, 32 bits, a code per 8 frames; 10.6 million
    /// parameters a side.
    pub fn gen2() -> Self {
        let mut layers = Vec::new();
        for filters in [16, 32, 64] {
            let convolution = Layer::Convolution { time: 3, pitch: 3, filters };
            layers.extend([convolution, Layer::Relu, convolution, Layer::Relu, Layer::Pool { time: 2, pitch: 1 }]);
        }
        layers.extend([Layer::Dense { units: 2048 }, Layer::Relu, Layer::Dense { units: 2048 }, Layer::Relu]);
        layers.extend([Layer::Dense { units: 32 }, Layer::Tanh]);
        Self { name: "gen2".into(), midi_input: MidiFeatures::ConstantQ, scaling: InputScaling::Papers, layers }
    }

    /// Ours, small and fast: convolutions over time with the bins as channels, 32 bits, a code per 8 frames that has
    /// seen 2.6 s around them; 0.31 million parameters a side.
    pub fn antiphon() -> Self {
        let mut layers = vec![Layer::Flatten];
        for time in [5, 3, 3] {
            let convolution = Layer::Convolution { time, pitch: 1, filters: 128 };
            layers.extend([convolution, Layer::Relu, Layer::Pool { time: 2, pitch: 1 }]);
        }
        layers.extend([Layer::Convolution { time: 5, pitch: 1, filters: 192 }, Layer::Relu]);
        layers.extend([Layer::Dense { units: 256 }, Layer::Relu, Layer::Dense { units: 32 }, Layer::Tanh]);
        Self { name: "antiphon".into(), midi_input: MidiFeatures::ConstantQ, scaling: InputScaling::FrameMean, layers }
    }

    /// Bits per code: the outputs of the last dense layer, 0 without one.
    pub fn bits(&self) -> usize {
        let units = |layer: &Layer| if let Layer::Dense { units } = layer { Some(*units) } else { None };
        self.layers.iter().rev().find_map(units).unwrap_or(0)
    }
}

/// How a model was trained, kept in its file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainingRecord {
    /// Version of the program.
    pub antiphon: String,
    /// The trainer's options, as requested.
    pub options: serde_json::Value,
    /// Names of the data sets' folders.
    pub data: Vec<String>,
    /// Works and pairs learned from, and works that decided when to stop.
    pub works: usize,
    /// See [`works`](Self::works).
    pub pairs: usize,
    /// See [`works`](Self::works).
    pub valid_works: usize,
    /// The step that these parameters are from.
    pub step: u64,
    /// Steps taken in all.
    pub steps: u64,
    /// Seconds they took.
    pub seconds: f64,
    /// Bhattacharyya coefficient on the validation works at [`step`](Self::step).
    pub validation_bc: f64,
}

/// Both networks of a trained model.
///
/// ```
/// use antiphon::hashing::{Architecture, HashModel, Side};
/// let model = HashModel::new(Architecture::antiphon(), 0)?;
/// let log_magnitudes = ndarray::Array2::zeros((80, 48));
/// assert_eq!(model.hash(Side::Audio, log_magnitudes.view()).len(), 10);
/// # antiphon::Result::Ok(())
/// ```
#[derive(Debug, Clone)]
pub struct HashModel {
    architecture: Architecture,
    branches: Branches<Network>,
    record: TrainingRecord,
}

/// The metadata of a model file.
#[derive(Serialize, Deserialize)]
struct Metadata {
    antiphon: String,
    format: String,
    architecture: Architecture,
    midi: Standardisation,
    audio: Standardisation,
    training: TrainingRecord,
}

#[derive(Serialize, Deserialize)]
struct Standardisation {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl HashModel {
    /// Makes an untrained model.
    ///
    /// # Errors
    /// [`Error::Limit`] for impossible layers, or a code that is not of 1 to 32 bits.
    pub fn new(architecture: Architecture, seed: u64) -> Result<Self> {
        let network = |seed| {
            let network = Network::new(INPUT_BINS, &architecture.layers, seed)?;
            if !(1..=32).contains(&network.outputs()) {
                let (value, limit) = (network.outputs().to_string(), "1 ..= 32".into());
                return Err(Error::Limit { what: "bits of a code", value, limit });
            }
            Ok(network)
        };
        let branches = Branches::new(seed, network)?;
        Ok(Self { architecture, branches, record: TrainingRecord::default() })
    }

    /// The model that comes with the program (`assets/models/HOW.md` explains how it was trained). Parsed once.
    ///
    /// # Errors
    /// None in a sound build; the signature is that of [`load`](Self::load), so that a caller can use either.
    pub fn bundled() -> Result<Self> {
        static PARSED: OnceLock<core::result::Result<HashModel, String>> = OnceLock::new();
        let parsed = PARSED.get_or_init(|| Self::from_bytes(BUNDLED));
        parsed.clone().map_err(|reason| Error::Model { reason, path: PathBuf::new() })
    }

    /// Its shape.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// How it was trained.
    pub fn record(&self) -> &TrainingRecord {
        &self.record
    }

    pub(crate) fn set_record(&mut self, record: TrainingRecord) {
        self.record = record;
    }

    /// Bits per code.
    pub fn bits(&self) -> usize {
        self.network(Side::Midi).outputs()
    }

    /// Frames per code; a remainder makes one too.
    pub fn downsampling(&self) -> usize {
        self.network(Side::Midi).downsampling()
    }

    /// The network of a side.
    pub fn network(&self, side: Side) -> &Network {
        &self.branch(side).network
    }

    pub(crate) fn branch(&self, side: Side) -> &Branch<Network> {
        self.branches.of(side)
    }

    pub(crate) fn branch_mut(&mut self, side: Side) -> &mut Branch<Network> {
        self.branches.of_mut(side)
    }

    /// Whether the input of the side is a piano roll.
    pub(crate) fn sees_roll(&self, side: Side) -> bool {
        side == Side::Midi && self.architecture.midi_input == MidiFeatures::PianoRoll
    }

    /// The input of a side's network for a whole file: `frames` (frames × 48 from MIDI note 36) are natural logarithms
    /// of constant-Q magnitudes, or a piano roll if [`Architecture::midi_input`] says so.
    ///
    /// # Panics
    /// If there are not 48 bins.
    pub fn input(&self, side: Side, frames: ArrayView2<f32>) -> Array2<f32> {
        assert_eq!(frames.ncols(), INPUT_BINS, "bins of the input");
        let mut input = frames.as_standard_layout().into_owned();
        if self.sees_roll(side) {
            scale_roll(input.view_mut());
        } else {
            let scaling = self.architecture.scaling;
            scaling.apply(&Levels::of(scaling, frames), 0, input.view_mut());
        }
        self.branch(side).standardise(input.view_mut());
        input
    }

    /// The outputs whose signs make the codes, (⌈frames / [`downsampling`](Self::downsampling)⌉ × bits), −1..=1.
    ///
    /// # Panics
    /// Like [`input`](Self::input), which explains `frames`.
    pub fn outputs(&self, side: Side, frames: ArrayView2<f32>) -> Array2<f32> {
        self.network(side).forward(self.input(side, frames).view())
    }

    /// A code for each step: bit `b` is 1 if output `b` is above 0.
    ///
    /// # Panics
    /// Like [`input`](Self::input), which explains `frames`.
    pub fn hash(&self, side: Side, frames: ArrayView2<f32>) -> Vec<u32> {
        codes(self.outputs(side, frames).view())
    }

    /// The output of the first `layers` layers, (steps × bins·channels): for inspection.
    ///
    /// # Panics
    /// Like [`input`](Self::input), which explains `frames`.
    pub(crate) fn activations(&self, side: Side, frames: ArrayView2<f32>, layers: usize) -> Array2<f32> {
        self.network(side).activations(self.input(side, frames).view(), layers)
    }

    /// The first layer's kernels, each (frames × bins) of the input; empty if it doesn't convolve.
    pub(crate) fn first_kernels(&self, side: Side) -> Vec<Array2<f32>> {
        let network = self.network(side);
        let layers = network.layers().iter().enumerate();
        let mut convolutions = layers.filter(|(_, layer)| !matches!(layer, Layer::Flatten));
        let Some((index, &Layer::Convolution { time, pitch, .. })) = convolutions.next() else {
            return Vec::new();
        };
        let width = pitch * network.input_of(index).1;
        let kernel = |column: ndarray::ArrayView1<f32>| Array2::from_shape_vec((time, width), column.to_vec()).ok();
        network.weights(index).map_or_else(Vec::new, |weights| weights.axis_iter(Axis(1)).filter_map(kernel).collect())
    }

    /// The contents of its file: safetensors with a tensor for the weights and the biases of each layer, named like
    /// `midi.0.weights`, and everything else as JSON in the metadata.
    ///
    /// # Errors
    /// [`Error::Model`] if parameters are not finite: a failed training.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let refused = |reason: String| Error::Model { reason, path: PathBuf::new() };
        let standardisation = |side| {
            let Branch { mean, deviation, .. } = self.branches.of(side);
            Standardisation { mean: mean.clone(), deviation: deviation.clone() }
        };
        let metadata = Metadata {
            antiphon: env!("CARGO_PKG_VERSION").into(),
            format: FORMAT.into(),
            architecture: self.architecture.clone(),
            midi: standardisation(Side::Midi),
            audio: standardisation(Side::Audio),
            training: self.record.clone(),
        };
        let metadata = serde_json::to_string(&metadata).map_err(|error| refused(error.to_string()))?;
        let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
        for side in Side::BOTH {
            tensors.extend(self.network(side).tensors(side.name()));
        }
        tensors::write(&tensors, metadata).map_err(refused)
    }

    /// Reads the output of [`to_bytes`](Self::to_bytes).
    fn from_bytes(bytes: &[u8]) -> core::result::Result<Self, String> {
        let (tensors, metadata) = tensors::read(bytes)?;
        let value: serde_json::Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
        match value.get("format").and_then(serde_json::Value::as_str) {
            Some(FORMAT) => {}
            Some(other) => return Err(format!("its format is {other:?}, {FORMAT:?} is read")),
            None => return Err(format!("it names no format, {FORMAT:?} is read")),
        }
        let metadata: Metadata = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let branch = |side: Side, Standardisation { mean, deviation }| {
            let network = Network::from_tensors(INPUT_BINS, &metadata.architecture.layers, side.name(), &tensors)?;
            if !(1..=32).contains(&network.outputs()) {
                return Err(format!("its codes have {} bits, 1 to 32 are read", network.outputs()));
            }
            Branch::standardised(network, mean, deviation).map_err(|reason| format!("{} {reason}", side.name()))
        };
        let branches =
            Branches { midi: branch(Side::Midi, metadata.midi)?, audio: branch(Side::Audio, metadata.audio)? };
        Ok(Self { architecture: metadata.architecture, branches, record: metadata.training })
    }

    /// Reads a file written with [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Model`] for a file that is truncated, of another kind or version, larger than 1 GiB,
    /// whose tensors are not those of its architecture, or whose numbers are not finite.
    pub fn load(path: &Path) -> Result<Self> {
        encoder::load(path, Self::from_bytes)
    }
}

/// Codes of outputs (steps × bits): bit `b` is 1 if output `b` is above 0.
pub(crate) fn codes(outputs: ArrayView2<f32>) -> Vec<u32> {
    let code = |row: ndarray::ArrayView1<f32>| row.iter().enumerate().map(|(b, v)| u32::from(*v > 0.0) << b).sum();
    outputs.rows().into_iter().map(code).collect()
}

#[cfg(test)]
mod tests;
