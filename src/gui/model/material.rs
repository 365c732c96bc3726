//! What the jobs make of files, ready to be drawn and heard.

use crate::alignment::Alignment;
use crate::audio::Stereo;
use crate::features::Features;
use crate::hashing::{Filter, HashModel, HashSequence, SeenLayer, Separation, Side};
use crate::pair::{AudioSide, MidiSide};
use crate::picture::Strip;
use crate::synth::SoundFont;
use crate::training::Options;
use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// A MIDI file as the window needs it.
pub struct LoadedMidi {
    /// The file and its features.
    pub side: MidiSide,
    /// What it is played with; without one it is only shown.
    pub font: Option<SoundFont>,
    /// Where that was read; `None` for the bundled one.
    pub font_path: Option<PathBuf>,
    /// Its features on its own clock.
    pub strip: Arc<Strip>,
}

impl LoadedMidi {
    /// Prepares what is drawn.
    pub fn new(side: MidiSide, font: Option<SoundFont>, font_path: Option<PathBuf>) -> Self {
        let strip = Arc::new(Strip::of(&side.features));
        Self { side, font, font_path, strip }
    }
}

/// A recording as the window needs it.
pub struct LoadedRecording {
    /// The file and its features; its stereo sound is in `sound`.
    pub side: AudioSide,
    /// The sound at its own rate; the model takes it out.
    pub sound: Option<Arc<Stereo>>,
    /// Its features.
    pub strip: Arc<Strip>,
}

impl LoadedRecording {
    /// Prepares what is drawn and heard.
    pub fn new(mut side: AudioSide) -> Self {
        let sound = side.recording.stereo.take().map(Arc::new);
        let strip = Arc::new(Strip::of(&side.features));
        Self { side, sound, strip }
    }

    /// Its features (frames × bins), rows of unit length.
    pub fn frames(&self) -> &Array2<f32> {
        &self.side.features.frames
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.side.recording.mono.seconds()
    }
}

/// An alignment as the window needs it. Made by [`Aligned::new`].
pub struct Aligned {
    /// The alignment.
    pub alignment: Alignment,
    /// The MIDI's features in the key of the recording.
    pub features: Arc<Features>,
    /// The same on the recording's clock.
    pub strip: Arc<Strip>,
    /// What it is worth from moment to moment.
    pub curves: crate::picture::Curves,
}

/// A hash model as the window needs it. Made by [`LoadedHashModel::new`].
pub struct LoadedHashModel {
    /// The model.
    pub model: HashModel,
    /// Where it was read; `None` for the shipped one.
    pub path: Option<PathBuf>,
    /// Filters of the first layer, of the MIDI side and of the recording's.
    pub filters: [Vec<Filter>; 2],
    /// Where there is something to see inside.
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
    /// Bits that differ at each step of the recording, along the alignment; none where the MIDI has nothing.
    pub hamming: Vec<Option<f32>>,
    /// Bits that agree, (steps of the MIDI × steps of the recording).
    pub near: Arc<Array2<f32>>,
    /// The path of the hash sequences' own warping: (second of the MIDI, second of the recording).
    pub path: Vec<(f64, f64)>,
    /// Its score: lower is better.
    pub score: f32,
    /// Distances of steps that belong together and of steps that don't, in this pair.
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

/// What comes out of a layer for a pair, each side on its own clock.
pub struct LayerOutput {
    /// Index in [`LoadedHashModel::layers`].
    pub layer: usize,
    /// (steps × channels) of the MIDI and of the recording.
    pub outputs: [Array2<f32>; 2],
    /// Seconds of a step.
    pub step_s: f64,
}

impl LayerOutput {
    /// One channel of a side.
    pub fn channel(&self, unit: Unit) -> Option<ArrayView1<'_, f32>> {
        let output = &self.outputs[index_of(unit.side)];
        (unit.channel < output.ncols()).then(|| output.column(unit.channel))
    }
}

/// A filter or unit of the layer that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// Whose network.
    pub side: Side,
    /// Which of its channels.
    pub channel: usize,
}

fn index_of(side: Side) -> usize {
    usize::from(side == Side::Audio)
}

/// Which settings a training begins from.
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

/// What is to be learned, from what, for how long: what `antiphon train hash` takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainingForm {
    /// Folders with data sets.
    pub folders: Vec<PathBuf>,
    /// The model to write.
    pub output: PathBuf,
    /// Networks and settings.
    pub preset: TrainingPreset,
    /// Minutes at most.
    pub minutes: f64,
    /// Seed of the first parameters and of the batches.
    pub seed: u64,
}

impl Default for TrainingForm {
    fn default() -> Self {
        let (folders, output) = (Vec::new(), PathBuf::new());
        Self { folders, output, preset: TrainingPreset::default(), minutes: 60.0, seed: 0 }
    }
}

impl TrainingForm {
    /// As the trainer takes it.
    pub fn options(&self) -> Options {
        let preset = match self.preset {
            TrainingPreset::Antiphon => Options::antiphon(),
            TrainingPreset::Gen1 => Options::gen1(),
            TrainingPreset::Gen2 => Options::gen2(),
        };
        Options { minutes: Some(self.minutes), seed: self.seed, ..preset }
    }

    /// Whether it can be begun.
    pub fn complete(&self) -> bool {
        !self.folders.is_empty() && self.output.file_name().is_some() && self.minutes > 0.0
    }
}
