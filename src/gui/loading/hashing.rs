//! The jobs of the hash networks: reading a model, hashing a pair, inspecting a layer, training.

use super::super::model::{Aligned, Hashed, LayerOutput, LoadedHashModel, LoadedMidi, LoadedRecording, TrainingForm};
use super::{Arrival, Slot, Tasks, file_name};
use crate::alignment::Alignment;
use crate::audio::AudioTime;
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::evaluate::separation;
use crate::export;
use crate::features::{self, FRAME_S};
use crate::files;
use crate::hashing::{
    CodePair, HashDtw, HashModel, HashSequence, MidiFeatures, Separation, Side, filters, hash_dtw_path, layer_output,
    seen_layers,
};
use crate::job::Progress;
use crate::pair::MidiSide;
use crate::picture::{Strip, filter_sheet};
use crate::training::{self, Measured, Processor};
use ndarray::{Array2, ArrayView2};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Pixels per weight in an exported picture.
const CELL: u32 = 8;

/// The inputs of a hash network for a pair: log magnitudes of both sides, each on its own clock, the MIDI in the key of
/// the recording.
#[derive(Clone)]
pub(in super::super) struct ToHash {
    pub(in super::super) model: Arc<LoadedHashModel>,
    pub(in super::super) midi: Arc<LoadedMidi>,
    pub(in super::super) recording: Arc<LoadedRecording>,
    pub(in super::super) aligned: Arc<Aligned>,
}

impl ToHash {
    fn frames(&self) -> Result<(Array2<f32>, Array2<f32>)> {
        let (side, transpose) = (&self.midi.side, self.aligned.alignment.transpose);
        let midi = match self.model.model.architecture().midi_input {
            MidiFeatures::ConstantQ => in_key(side, transpose),
            MidiFeatures::PianoRoll => Some(features::piano_roll(&side.midi.transposed(transpose), FRAME_S).frames),
        };
        let midi =
            midi.ok_or_else(|| Error::nothing(format!("nothing is kept {transpose} semitones away")).at(&side.path))?;
        Ok((midi, self.recording.side.spectrum().logarithm().window(0).to_owned()))
    }
}

/// The network input of a MIDI file transposed by `semitones`; `None` if its features don't reach that far.
pub(super) fn in_key(side: &MidiSide, semitones: i32) -> Option<Array2<f32>> {
    side.spectrum().holds(semitones).then(|| side.spectrum().logarithm().window(semitones).to_owned())
}

impl LoadedHashModel {
    /// Prepares the drawable parts of a model.
    pub fn new(model: HashModel, path: Option<PathBuf>) -> Self {
        let filters = [filters(&model, Side::Midi), filters(&model, Side::Audio)];
        Self { layers: seen_layers(&model), filters, model, path }
    }

    /// Reads a model from a file, or the bundled one.
    fn read(path: Option<PathBuf>) -> Result<Self> {
        let model = path.as_deref().map_or_else(HashModel::bundled, HashModel::load)?;
        Ok(Self::new(model, path))
    }

    /// Writes the filters of both sides into a folder: a picture and an array (filters × frames·bins) for each side.
    fn export(&self, folder: &Path, shared: bool, progress: &Progress) -> Result<Vec<String>> {
        files::create_folder(folder)?;
        let mut files = Vec::new();
        for (side, filters) in ["midi", "recording"].into_iter().zip(&self.filters) {
            progress.step(files.len(), 4)?;
            let sheet = filter_sheet(filters.iter().map(|filter| &filter.weights), 16, CELL, shared);
            let width = filters.first().map_or(0, |filter| filter.weights.len());
            let rows = filters.iter().flat_map(|filter| filter.weights.iter().copied()).collect();
            let array = Array2::from_shape_vec((filters.len(), width), rows)
                .map_err(Error::internal("filters of different sizes"))?;
            for (name, bytes) in [
                (format!("{side} filters.png"), export::png(&sheet.image)?),
                (format!("{side} filters.npy"), export::npy(&array)),
            ] {
                files::write(&folder.join(&name), &bytes)?;
                files.push(name);
            }
        }
        Ok(files)
    }
}

impl Hashed {
    /// Hashes both sides of an aligned pair: `midi` and `audio` are inputs of [`HashModel::input`], [`FRAME_S`] apart,
    /// each on its own clock.
    ///
    /// # Errors
    /// [`Error::Nothing`] if a side has no frames; otherwise as [`hash_dtw_path`].
    pub fn new(
        model: &HashModel,
        midi: ArrayView2<f32>,
        audio: ArrayView2<f32>,
        alignment: &Alignment,
        progress: &Progress,
    ) -> Result<Self> {
        let bits = if model.bits() <= 16 { 16 } else { 32 };
        let step_s = FRAME_S * model.downsampling() as f64;
        let sequence = |side, frames| HashSequence::new(model.hash(side, frames), bits, step_s);
        let midi = sequence(Side::Midi, midi)?;
        progress.step(1, 4)?;
        let audio = sequence(Side::Audio, audio)?;
        progress.step(2, 4)?;
        let params = HashDtw::for_bits(bits);
        let path = hash_dtw_path(midi.codes(), audio.codes(), params, &progress.part(0.5, 0.7))?;
        let near = near(midi.codes(), audio.codes(), bits, &progress.part(0.7, 0.9))?;
        // A code is heard at the middle of its step.
        let middle = |step: usize| (step as f64 + 0.5) * step_s;
        let score = path.score;
        let path = path.cells.iter().map(|&(m, a)| (middle(m), middle(a))).collect();
        let moved: Vec<Option<u32>> =
            (0..audio.len()).map(|step| midi.at(alignment.segments.to_midi(AudioTime(middle(step))).0)).collect();
        let hamming =
            moved.iter().zip(audio.codes()).map(|(&midi, audio)| Some((midi? ^ audio).count_ones() as f32)).collect();
        let separation = own_separation(&moved, audio.codes(), bits as usize);
        let raster =
            HashSequence::new(moved.into_iter().map(Option::unwrap_or_default).collect(), bits, step_s)?.raster();
        Ok(Self {
            midi_bits: Arc::new(Strip { values: raster, frame_s: step_s }),
            audio_bits: Arc::new(Strip { values: audio.raster(), frame_s: step_s }),
            near: Arc::new(near),
            midi,
            audio,
            hamming,
            path,
            score,
            separation,
        })
    }
}

/// The most cells of a matrix of codes; beyond, each cell is the nearest of a square. It is half an hour by half an hour.
const MOST_CELLS: usize = 24 << 20;

/// Bits that agree (steps of the MIDI × steps of the recording, or squares of them): near is bright, as in the distance
/// matrix.
fn near(midi: &[u32], audio: &[u32], bits: u32, progress: &Progress) -> Result<Array2<f32>> {
    let mut side = 1;
    while midi.len().div_ceil(side) * audio.len().div_ceil(side) > MOST_CELLS {
        side += 1;
    }
    let rows = midi.len().div_ceil(side);
    let mut near = Array2::zeros((rows, audio.len().div_ceil(side)));
    for (at, (midi, mut row)) in midi.chunks(side).zip(near.outer_iter_mut()).enumerate() {
        progress.step(at, rows)?;
        for (audio, cell) in audio.chunks(side).zip(&mut row) {
            let apart = |m: &u32| audio.iter().map(|a| (m ^ a).count_ones()).min();
            let apart = midi.iter().filter_map(apart).min().unwrap_or(bits);
            *cell = (bits - apart.min(bits)) as f32;
        }
    }
    Ok(near)
}

/// Distances of the steps that the alignment pairs, and of the same steps with the recording rotated by a third and by
/// two thirds of its length.
fn own_separation(midi: &[Option<u32>], audio: &[u32], bits: usize) -> Separation {
    let both: Vec<(u32, u32)> = midi.iter().zip(audio).filter_map(|(midi, audio)| Some(((*midi)?, *audio))).collect();
    let turned = |group: usize| {
        let by = both.len() * group / 3;
        let at = |i: usize| both[(i + by) % both.len()];
        let (midi, audio) = (0..both.len()).map(at).unzip();
        CodePair { group, midi, audio }
    };
    Separation::of(&[0, 1, 2].map(turned), bits)
}

impl Tasks {
    /// Reads a model; without a path, the bundled one.
    pub(in super::super) fn load_hash_model(&mut self, path: Option<PathBuf>) {
        self.drop_hashing();
        let name = format!("Reading {}", path.as_deref().map_or_else(|| "the hash model".into(), file_name));
        self.start(Slot::HashModel, 0, Arrival::HashModel, name, move |_| LoadedHashModel::read(path));
    }

    pub(in super::super) fn hash_model_runs(&self) -> bool {
        self.runs(Slot::HashModel)
    }

    /// The candidate being hashed.
    pub(in super::super) fn hashing(&self) -> Option<u64> {
        self.about(Slot::Hashed)
    }

    pub(in super::super) fn hash(&mut self, candidate: u64, pair: ToHash) {
        let name = format!("Hashing {}", file_name(&pair.recording.side.path));
        self.start(
            Slot::Hashed,
            candidate,
            move |found| Arrival::Hashed(candidate, found),
            name,
            move |progress| {
                let (midi, audio) = pair.frames()?;
                Hashed::new(&pair.model.model, midi.view(), audio.view(), &pair.aligned.alignment, progress)
            },
        );
    }

    pub(in super::super) fn layer_runs(&self) -> bool {
        self.runs(Slot::Layer)
    }

    /// Computes the output of a layer for a pair.
    pub(in super::super) fn look_at_layer(&mut self, candidate: u64, pair: ToHash, index: usize) {
        self.start(
            Slot::Layer,
            candidate,
            move |found| Arrival::Layer(candidate, found),
            "Looking into the network".into(),
            move |progress| {
                let (midi, audio) = pair.frames()?;
                let model = &pair.model.model;
                let layer = pair.model.layers.get(index).ok_or_else(|| Error::Internal(format!("no layer {index}")))?;
                let (midi, step_s) = layer_output(model, Side::Midi, midi.view(), FRAME_S, layer);
                progress.step(1, 2)?;
                let (audio, _) = layer_output(model, Side::Audio, audio.view(), FRAME_S, layer);
                Ok(LayerOutput { layer: index, outputs: [midi, audio], step_s })
            },
        );
    }

    /// Stops hashing and inspecting a pair.
    pub(in super::super) fn drop_hashing(&mut self) {
        self.stop(&[Slot::Hashed, Slot::Layer, Slot::Quality]);
    }

    /// Asks for a hash model.
    pub(in super::super) fn choose_hash_model(&mut self) {
        let dialog = rfd::AsyncFileDialog::new()
            .set_title("Choose a hash model")
            .add_filter("safetensors", &["safetensors"])
            .pick_file();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseHashModel, Arrival::ChosenModel, dialog);
    }

    /// Asks for a folder to write the filters to.
    pub(in super::super) fn choose_filter_folder(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Export the filters to a folder").pick_folder();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseFiltersTo, Arrival::FiltersTo, dialog);
    }

    /// Writes the filters of a model into a folder.
    pub(in super::super) fn export_filters(&mut self, model: Arc<LoadedHashModel>, folder: PathBuf, shared: bool) {
        self.start(Slot::Export, 0, Arrival::Exported, "Exporting the filters".into(), move |progress| {
            let files = model.export(&folder, shared, progress)?;
            Ok(super::Exported { folder, files })
        });
    }

    /// Asks for a data set to evaluate the codes on.
    pub(in super::super) fn choose_data_to_measure(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Choose a data set to measure on").pick_folder();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseDataToMeasure, Arrival::DataToMeasure, dialog);
    }

    /// Measures how well the codes separate matching from other pairs on the validation works of a data set.
    pub(in super::super) fn measure(&mut self, model: &LoadedHashModel, folder: PathBuf) {
        let name = model.path.as_deref().map_or_else(|| "shipped model".into(), file_name);
        let models = [(name, model.model.clone())];
        self.start(
            Slot::Quality,
            0,
            Arrival::Quality,
            format!("Measuring on {}", file_name(&folder)),
            move |progress| Ok(separation(&folder, Split::Valid, &models, progress)?.done),
        );
    }

    /// Asks for a folder with a data set.
    pub(in super::super) fn choose_training_data(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Choose a data set to learn from").pick_folder();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseTrainingData, Arrival::TrainingData, dialog);
    }

    /// Asks where to write the model.
    pub(in super::super) fn choose_training_output(&mut self) {
        let dialog = rfd::AsyncFileDialog::new()
            .set_title("Where to write the model")
            .add_filter("safetensors", &["safetensors"])
            .set_file_name("hash.safetensors")
            .save_file();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseTrainingOutput, Arrival::TrainingOutput, dialog);
    }

    /// Trains with the settings of the form and sends the result of each validation to the receiver.
    pub(in super::super) fn train(&mut self, form: &TrainingForm) -> Receiver<Measured> {
        let (sender, receiver): (Sender<Measured>, _) = channel();
        let (folders, output, options) = (form.folders.clone(), form.output.clone(), form.options());
        let name = format!("Training {}", file_name(&output));
        let wake = Arc::clone(&self.wake);
        self.start(Slot::Training, 0, Arrival::Trained, name, move |progress| {
            let mut report = |measured: &Measured| {
                // The window has moved on: nobody wants the result.
                drop(sender.send(measured.clone()));
                wake();
            };
            training::train_hash(&folders, &options, &output, Processor::Cpu, progress, &mut report)?;
            Ok(output)
        });
        receiver
    }

    pub(in super::super) fn trains(&self) -> bool {
        self.runs(Slot::Training)
    }

    /// Stops the training; its checkpoint stays.
    pub(in super::super) fn stop_training(&mut self) {
        self.ask_to_stop(Slot::Training);
    }

    /// Stops the training and waits for its checkpoint: the time of one step.
    pub(in super::super) fn finish_training(&mut self) {
        self.ask_to_stop(Slot::Training);
        // The user already knows that it was stopped.
        drop(self.finish(Slot::Training));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "counts of bits")]
    fn a_long_pair_has_the_nearest_of_each_square() {
        let codes = |count: u32, step: u32| -> Vec<u32> { (0..count).map(|i| i.wrapping_mul(step) >> 16).collect() };
        let (midi, audio) = (codes(8001, 0x9E37_79B1), codes(6000, 0x85EB_CA77));
        let silent = Progress::silent();
        let small = near(&midi[..50], &audio[..40], 16, &silent).expect("made");
        assert_eq!(small.dim(), (50, 40));
        assert_eq!(small[[3, 7]], 16.0 - (midi[3] ^ audio[7]).count_ones() as f32);
        let large = near(&midi, &audio, 16, &silent).expect("made");
        assert_eq!(large.dim(), (4001, 3000));
        let whole = |m: usize, a: usize| 16.0 - (midi[m] ^ audio[a]).count_ones() as f32;
        assert_eq!(large[[1, 2]], whole(2, 4).max(whole(2, 5)).max(whole(3, 4)).max(whole(3, 5)));
        assert_eq!(large[[4000, 0]], whole(8000, 0).max(whole(8000, 1)));
    }
}
