//! The output of the jobs that read files, ready to be shown and heard.

use crate::alignment::Alignment;
use crate::audio::Original;
use crate::embedding::{Distances, Embedded, EmbeddingModel, squared_distance};
use crate::evaluate::EmbeddingMatrix;
use crate::features::Features;
use crate::hashing::{Filter, HashModel, HashSequence, SeenLayer, Separation, Side};
use crate::pair::{AudioSide, MidiSide};
use crate::picture::Strip;
use crate::synth::SoundFont;
use crate::toy::{Lengths, Pooling, Problem, Task};
use crate::training::Options;
use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// A MIDI file in the form the window needs.
pub struct LoadedMidi {
    /// The file and its features.
    pub side: MidiSide,
    /// The soundfont it is played with; without one it is only shown.
    pub font: Option<SoundFont>,
    /// The soundfont's file; `None` for the bundled one.
    pub font_path: Option<PathBuf>,
    /// Its features on its own clock.
    pub strip: Arc<Strip>,
}

impl LoadedMidi {
    /// Prepares the drawable parts.
    pub fn new(side: MidiSide, font: Option<SoundFont>, font_path: Option<PathBuf>) -> Self {
        let strip = Arc::new(Strip::of(&side.features));
        Self { side: side.without_sound(), font, font_path, strip }
    }
}

/// A recording in the form the window needs.
pub struct LoadedRecording {
    /// The file and its features; its original sound is in `sound`.
    pub side: AudioSide,
    /// The sound at its own sample rate; the model moves it elsewhere.
    pub sound: Option<Original>,
    /// Its features.
    pub strip: Arc<Strip>,
}

impl LoadedRecording {
    /// Prepares the drawable and audible parts.
    pub fn new(mut side: AudioSide) -> Self {
        let sound = side.recording.original.take();
        let strip = Arc::new(Strip::of(&side.features));
        Self { side: side.without_samples(), sound, strip }
    }

    /// Its features (frames × bins), rows of unit length.
    pub fn frames(&self) -> &Array2<f32> {
        &self.side.features.frames
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.side.seconds()
    }
}

/// An alignment in the form the window needs. Made by [`Aligned::new`].
pub struct Aligned {
    /// The alignment.
    pub alignment: Alignment,
    /// The MIDI's features in the key of the recording.
    pub features: Arc<Features>,
    /// The same on the recording's clock.
    pub strip: Arc<Strip>,
    /// Its reliability over time.
    pub curves: crate::picture::Curves,
}

/// A hash model in the form the window needs. Made by [`LoadedHashModel::new`].
pub struct LoadedHashModel {
    /// The model.
    pub model: HashModel,
    /// The model's file; `None` for the bundled one.
    pub path: Option<PathBuf>,
    /// First-layer filters of the MIDI side and of the recording's.
    pub filters: [Vec<Filter>; 2],
    /// The layers that can be inspected.
    pub layers: Vec<SeenLayer>,
}

impl LoadedHashModel {
    /// The filters of a side.
    pub fn filters(&self, side: Side) -> &[Filter] {
        &self.filters[index_of(side)]
    }
}

/// The hash sequences of an aligned pair. Made by [`Hashed::new`].
pub struct Hashed {
    /// The codes of the MIDI, on its own clock.
    pub midi: HashSequence,
    /// The codes of the recording.
    pub audio: HashSequence,
    /// The bits of the MIDI on the recording's clock. Row `i` of both begins at `i × frame_s` seconds.
    pub midi_bits: Arc<Strip>,
    /// The bits of the recording.
    pub audio_bits: Arc<Strip>,
    /// Bits that differ at each step of the recording, along the alignment; `None` where the MIDI has nothing.
    pub hamming: Vec<Option<f32>>,
    /// Bits that agree (steps of the MIDI × steps of the recording).
    pub near: Arc<Array2<f32>>,
    /// The path of the hash sequences' own time warping: (second of the MIDI, second of the recording).
    pub path: Vec<(f64, f64)>,
    /// Its score: lower is better.
    pub score: f32,
    /// Distances of matching and of other steps in this pair.
    pub separation: Separation,
}

impl Hashed {
    /// Bits of a code.
    pub fn bits(&self) -> u32 {
        self.audio.bits()
    }

    /// Bits that differ at a second of the recording.
    pub fn hamming_at(&self, audio_s: f64) -> Option<f32> {
        let step = (audio_s / self.audio.step_s()).floor();
        if step < 0.0 { None } else { self.hamming.get(step as usize).copied().flatten() }
    }
}

/// An embedding model in the form the window needs.
pub struct LoadedEmbeddingModel {
    /// The model.
    pub model: EmbeddingModel,
    /// The model's file; `None` for the bundled one.
    pub path: Option<PathBuf>,
}

/// The share of a file's moments that is drawn to scale.
const NEARLY_ALL: f32 = 0.99;

/// The embeddings of an aligned pair, the MIDI in the key of the recording.
pub struct EmbeddedPair {
    /// The MIDI; its attention is on its own clock.
    pub midi: Embedded,
    /// The recording.
    pub audio: Embedded,
    /// Their Euclidean distance.
    pub distance: f32,
    /// For each side, the highest weight of nearly all moments: single peaks must not make the others invisible.
    counts_most: [f32; 2],
}

impl EmbeddedPair {
    /// Combines the embeddings of both sides.
    pub fn new(midi: Embedded, audio: Embedded) -> Self {
        let distance = squared_distance(midi.vector.view(), audio.vector.view()).sqrt();
        let most = |embedded: &Embedded| {
            let mut sorted = embedded.attention.clone();
            sorted.sort_unstable_by(f32::total_cmp);
            let at = (sorted.len() as f32 * NEARLY_ALL) as usize;
            sorted.get(at).or(sorted.last()).copied().unwrap_or(0.0).max(f32::MIN_POSITIVE)
        };
        let counts_most = [most(&midi), most(&audio)];
        Self { midi, audio, distance, counts_most }
    }

    /// The highest weight of nearly all moments of a side.
    pub fn counts_most(&self, side: Side) -> f32 {
        self.counts_most[index_of(side)]
    }

    /// The embedding of a side.
    pub fn side(&self, side: Side) -> &Embedded {
        if side == Side::Midi { &self.midi } else { &self.audio }
    }
}

/// A set of pairs with compared embeddings.
pub struct Compared {
    /// The name of the set.
    pub name: String,
    /// Whether it consists of the loaded files.
    pub loaded: bool,
    /// The distance of every MIDI file from every recording.
    pub matrix: EmbeddingMatrix,
    /// The same, for display.
    pub grid: Arc<Array2<f32>>,
    /// The distances of matching and of other pairs.
    pub spread: Distances,
    /// The rank of each MIDI file's own recording.
    pub ranks: Vec<usize>,
}

impl Compared {
    /// Prepares the drawable parts.
    pub fn new(name: String, loaded: bool, matrix: EmbeddingMatrix) -> Self {
        let (spread, ranks, grid) = (matrix.spread(), matrix.ranks(), Arc::new(matrix.distances.clone()));
        Self { name, loaded, matrix, grid, spread, ranks }
    }
}

/// The output of a layer for a pair, each side on its own clock.
pub struct LayerOutput {
    /// Index in [`LoadedHashModel::layers`].
    pub layer: usize,
    /// (steps × channels) of the MIDI and of the recording.
    pub outputs: [Array2<f32>; 2],
    /// Seconds per step.
    pub step_s: f64,
}

impl LayerOutput {
    /// One channel of a side.
    pub fn channel(&self, unit: Unit) -> Option<ArrayView1<'_, f32>> {
        let output = &self.outputs[index_of(unit.side)];
        (unit.channel < output.ncols()).then(|| output.column(unit.channel))
    }
}

/// A filter or unit of the selected layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The side its network belongs to.
    pub side: Side,
    /// The index of its channel.
    pub channel: usize,
}

fn index_of(side: Side) -> usize {
    usize::from(side == Side::Audio)
}

/// The toy problem to learn: the options of `antiphon toy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToyForm {
    /// The problem.
    pub problem: Problem,
    /// Attention, or the plain mean.
    pub pooling: Pooling,
    /// Whether sequence lengths vary between 50 and 10,000 steps.
    pub varied: bool,
    /// Their length in steps otherwise.
    pub length: usize,
    /// Learning rate.
    pub learning_rate: f32,
    /// Seed of the weights and sequences.
    pub seed: u64,
}

impl Default for ToyForm {
    fn default() -> Self {
        let (problem, pooling) = (Problem::Addition, Pooling::Attention);
        Self { problem, pooling, varied: false, length: 100, learning_rate: 0.003, seed: 1 }
    }
}

impl ToyForm {
    /// The task for the library.
    pub fn task(&self) -> Task {
        let lengths =
            if self.varied { Lengths::Varied { shortest: 50, longest: 10_000 } } else { Lengths::Near(self.length) };
        Task { problem: self.problem, pooling: self.pooling, lengths }
    }
}

/// The settings a training starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrainingPreset {
    /// Ours: [`Options::antiphon`].
    #[default]
    Antiphon,
    /// [`Options::gen1`].
    Gen1,
    /// [`Options::gen2`].
    Gen2,
}

/// What to learn, from what, and for how long: the options of `antiphon train hash`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainingForm {
    /// Folders with data sets.
    pub folders: Vec<PathBuf>,
    /// The model to write.
    pub output: PathBuf,
    /// Networks and settings.
    pub preset: TrainingPreset,
    /// Time limit in minutes.
    pub minutes: f64,
    /// Seed of the initial parameters and of the batches.
    pub seed: u64,
}

impl Default for TrainingForm {
    fn default() -> Self {
        let (folders, output) = (Vec::new(), PathBuf::new());
        Self { folders, output, preset: TrainingPreset::default(), minutes: 60.0, seed: 0 }
    }
}

impl TrainingForm {
    /// The options for the trainer.
    pub fn options(&self) -> Options {
        let preset = match self.preset {
            TrainingPreset::Antiphon => Options::antiphon(),
            TrainingPreset::Gen1 => Options::gen1(),
            TrainingPreset::Gen2 => Options::gen2(),
        };
        Options { minutes: Some(self.minutes), seed: self.seed, ..preset }
    }

    /// Whether the training can be started.
    pub fn complete(&self) -> bool {
        !self.folders.is_empty() && self.output.file_name().is_some() && self.minutes > 0.0
    }
}
