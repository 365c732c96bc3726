//! The jobs of the embedding networks: reading a model, embedding a pair, comparing a set of pairs, a toy problem.

use super::super::model::{
    Aligned, Compared, EmbeddedPair, LoadedEmbeddingModel, LoadedMidi, LoadedRecording, ToyForm,
};
use super::{Arrival, Slot, Tasks, file_name};
use crate::dataset::Split;
use crate::embedding::EmbeddingModel;
use crate::error::{Error, Result};
use crate::evaluate::{PairSource, embedding_matrix};
use crate::hashing::Side;
use crate::synth::SoundFont;
use crate::toy::table::MOST_EPOCHS;
use crate::toy::{EPOCH_UPDATES, Epoch, Run};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

/// The most pairs compared: with more, cells would be smaller than a pixel, and each pair takes seconds.
const MOST_PAIRS: usize = 120;

/// The inputs of an embedding network for a pair.
#[derive(Clone)]
pub(in super::super) struct ToEmbed {
    pub(in super::super) model: Arc<LoadedEmbeddingModel>,
    pub(in super::super) midi: Arc<LoadedMidi>,
    pub(in super::super) recording: Arc<LoadedRecording>,
    pub(in super::super) aligned: Arc<Aligned>,
}

impl Tasks {
    /// Reads a model; without a path, the bundled one.
    pub(in super::super) fn load_embedding_model(&mut self, path: Option<PathBuf>) {
        self.drop_embedding();
        let name = format!("Reading {}", path.as_deref().map_or_else(|| "the embedding model".into(), file_name));
        self.start(Slot::EmbeddingModel, 0, Arrival::EmbeddingModel, name, move |_| {
            let model = path.as_deref().map_or_else(EmbeddingModel::bundled, EmbeddingModel::load)?;
            Ok(Arc::new(LoadedEmbeddingModel { model, path }))
        });
    }

    pub(in super::super) fn embedding_model_runs(&self) -> bool {
        self.runs(Slot::EmbeddingModel)
    }

    /// Whether a pair is being embedded.
    pub(in super::super) fn embedding(&self) -> bool {
        self.runs(Slot::Embedded)
    }

    pub(in super::super) fn embed(&mut self, candidate: u64, pair: ToEmbed) {
        let name = format!("Embedding {}", file_name(&pair.recording.side.path));
        self.start(
            Slot::Embedded,
            candidate,
            move |found| Arrival::Embedded(candidate, found),
            name,
            move |progress| {
                let (side, transpose) = (&pair.midi.side, pair.aligned.alignment.transpose);
                let midi = super::hashing::in_key(side, transpose).filter(|frames| frames.nrows() > 0);
                let none = || Error::nothing(format!("nothing is kept {transpose} semitones away")).at(&side.path);
                let midi = pair.model.model.embed(Side::Midi, midi.ok_or_else(none)?.view());
                progress.step(1, 2)?;
                let audio = pair.recording.side.spectrum().logarithm();
                if audio.is_empty() {
                    return Err(Error::nothing("no frames to embed").at(&pair.recording.side.path));
                }
                Ok(EmbeddedPair::new(midi, pair.model.model.embed(Side::Audio, audio.window(0))))
            },
        );
    }

    /// Stops embedding.
    pub(in super::super) fn drop_embedding(&mut self) {
        self.stop(&[Slot::Embedded, Slot::Compared]);
    }

    /// Asks for an embedding model.
    pub(in super::super) fn choose_embedding_model(&mut self) {
        let dialog = rfd::AsyncFileDialog::new()
            .set_title("Choose an embedding model")
            .add_filter("safetensors", &["safetensors"])
            .pick_file();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseEmbeddingModel, Arrival::ChosenEmbeddingModel, dialog);
    }

    /// Asks for a folder of pairs, or for a data set whose `split` is compared.
    pub(in super::super) fn choose_pairs(&mut self, split: Option<Split>) {
        let title =
            if split.is_some() { "Choose a data set to compare" } else { "Choose a folder of pairs to compare" };
        let dialog = rfd::AsyncFileDialog::new().set_title(title).pick_folder();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.start(Slot::ChoosePairs, 0, Arrival::ChosenPairs, "Choosing a folder".into(), move |progress| {
            let folder = super::answer(dialog, progress)?.into_iter().next().ok_or(Error::Cancelled)?;
            Ok(match split {
                Some(split) => PairSource::Split(folder, split),
                None => PairSource::Folder(folder),
            })
        });
    }

    pub(in super::super) fn comparing(&self) -> bool {
        self.runs(Slot::Compared)
    }

    /// Embeds pairs and compares every MIDI file with every recording.
    pub(in super::super) fn compare(
        &mut self,
        model: Arc<LoadedEmbeddingModel>,
        soundfont: Option<PathBuf>,
        source: PairSource,
    ) {
        let (PairSource::Folder(folder) | PairSource::Split(folder, _)) = &source;
        let name = file_name(folder);
        self.start(Slot::Compared, 0, Arrival::Compared, format!("Comparing {name}"), move |progress| {
            let font = soundfont.as_deref().map_or_else(SoundFont::bundled, SoundFont::open)?;
            let report = embedding_matrix(&source, &model.model, &font, MOST_PAIRS, progress)?;
            let left_out = report.skipped.iter().map(|(path, error)| format!("{error}: {path:?}")).collect();
            let matrix = report.done.into_iter().next().ok_or_else(|| Error::nothing("no pairs to compare"))?;
            Ok((Compared::new(name, false, matrix), left_out))
        });
    }

    /// Learns a toy problem and sends the result of each epoch to the receiver.
    pub(in super::super) fn learn_toy(&mut self, form: &ToyForm) -> Receiver<Epoch> {
        let (sender, receiver) = channel();
        let mut run = Run::new(form.task(), form.learning_rate, form.seed);
        let wake = Arc::clone(&self.wake);
        self.start(Slot::Toy, 0, Arrival::Toy, "Learning a toy problem".into(), move |progress| -> Result<bool> {
            while run.epochs().len() < MOST_EPOCHS && !run.solved() {
                // Each epoch reports progress from 0: nobody knows how many it will take.
                let epoch = run.epoch(EPOCH_UPDATES, progress)?;
                // The window has moved on: nobody wants the result.
                let _not_wanted = sender.send(epoch);
                wake();
            }
            Ok(run.solved())
        });
        receiver
    }

    pub(in super::super) fn toy_runs(&self) -> bool {
        self.runs(Slot::Toy)
    }

    pub(in super::super) fn stop_toy(&mut self) {
        self.stop(&[Slot::Toy]);
    }
}
