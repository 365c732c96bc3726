//! The embedding model, its output for the pair, and the sets of pairs compared with it.

use super::super::loading::{ToEmbed, file_name};
use super::super::settings::Tab;
use super::{Compared, EmbeddedPair, LoadedEmbeddingModel, Model, Retry};
use crate::embedding::Distances;
use crate::error::Error;
use crate::evaluate::{EmbeddingMatrix, PairSource, Sounding};
use ndarray::Array2;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The state of the embeddings.
#[derive(Default)]
pub(super) struct Embeddings {
    model: Option<Arc<LoadedEmbeddingModel>>,
    /// The model could not be read.
    refused: bool,
    /// The MIDI and the recordings of the list.
    loaded: Option<Arc<Compared>>,
    /// A set that was chosen.
    chosen: Option<Arc<Compared>>,
}

impl Model {
    /// The embedding model, once it is read.
    pub fn embedding_model(&self) -> Option<&Arc<LoadedEmbeddingModel>> {
        self.embeddings.model.as_ref()
    }

    /// The embeddings of the selected pair, once they are computed.
    pub fn embedded(&self) -> Option<&Arc<EmbeddedPair>> {
        self.candidate()?.embedded.as_ref()
    }

    /// The set of pairs being shown: the chosen one, or the loaded files.
    pub fn compared(&self) -> Option<&Arc<Compared>> {
        self.embeddings.chosen.as_ref().or(self.embeddings.loaded.as_ref())
    }

    /// The known distances of matching and other pairs under this model, and the name of their set: the chosen one, or
    /// the works that the model was validated on.
    pub fn known_distances(&self) -> Option<(String, &Distances)> {
        if let Some(chosen) = &self.embeddings.chosen {
            return Some((chosen.name.clone(), &chosen.spread));
        }
        let record = self.embeddings.model.as_ref()?.model.record();
        let known = &record.validation_distances;
        (!known.matching.is_empty()).then(|| (format!("{} validation works", record.valid_works), known))
    }

    /// Whether pairs are being compared.
    pub fn comparing(&self) -> bool {
        self.loads.comparing()
    }

    pub(super) fn use_embedding_model(&mut self, path: Option<PathBuf>) {
        self.settings.embedding_model.clone_from(&path);
        self.take_embedding_model(None);
        if path.is_some() {
            self.loads.load_embedding_model(path);
        }
    }

    /// Takes in a model, replacing the previous one.
    pub(super) fn take_embedding_model(&mut self, model: Option<Arc<LoadedEmbeddingModel>>) {
        if let Some(path) = model.as_ref().and_then(|model| model.path.as_deref()) {
            self.say(format!("{} is the embedding model", file_name(path)));
        }
        self.loads.drop_embedding();
        self.embeddings = Embeddings { model, ..Embeddings::default() };
        for candidate in &mut self.candidates {
            candidate.embedded = None;
        }
    }

    /// Continues without the model that could not be read, until it is requested again.
    pub(super) fn refuse_embedding_model(&mut self, error: &Error) {
        self.embeddings.refused = true;
        self.report(error, Retry::EmbeddingModel(self.settings.embedding_model.clone()));
    }

    /// Whether aligned pairs are embedded.
    pub(super) fn embeds(&self) -> bool {
        self.embeddings.model.is_some() && self.midi().is_some_and(|midi| midi.side.analysed())
    }

    /// Embeds the aligned pairs, the selected one first.
    pub(super) fn start_embedding(&mut self) {
        let Some(model) = self.embeddings.model.clone() else {
            let pair =
                |c: &super::Candidate| c.aligned.is_some() && c.recording.as_ref().is_some_and(|r| r.side.analysed());
            // Not before it is needed.
            let wanted = self.settings.tab == Tab::Embedding || self.candidate().is_some_and(pair);
            if wanted && !self.embeddings.refused && !self.loads.embedding_model_runs() {
                self.loads.load_embedding_model(self.settings.embedding_model.clone());
            }
            return;
        };
        let Some(midi) = self.midi().cloned() else { return };
        if self.loads.embedding() {
            return;
        }
        let pair = |candidate: &super::Candidate| {
            let (recording, aligned) = (candidate.recording.clone()?, candidate.aligned.clone()?);
            if !(midi.side.analysed() && recording.side.analysed()) {
                return None;
            }
            Some((candidate.id, ToEmbed { model: Arc::clone(&model), midi: Arc::clone(&midi), recording, aligned }))
        };
        let order = self.candidate().into_iter().chain(&self.candidates);
        let missing = order.filter(|candidate| !candidate.halted && candidate.embedded.is_none());
        if let Some((id, what)) = missing.into_iter().find_map(pair) {
            self.loads.embed(id, what);
        }
    }

    /// Sets the MIDI against all embedded recordings. Those the aligner accepts count as matching.
    pub(super) fn lay_out_loaded(&mut self) {
        self.embeddings.loaded = None;
        let Some(midi) = self.midi_path.clone() else { return };
        let (mut audio, mut distances) = (Vec::new(), Vec::new());
        for candidate in &self.candidates {
            let (Some(embedded), Some(aligned)) = (&candidate.embedded, &candidate.aligned) else { continue };
            let group = if aligned.alignment.accepted() { 0 } else { candidate.id as usize };
            audio.push(Sounding { name: file_name(&candidate.path), path: Some(candidate.path.clone()), group });
            distances.push(embedded.distance);
        }
        let shape = (1, distances.len());
        let Ok(distances) = Array2::from_shape_vec(shape, distances) else { return };
        let midi = vec![Sounding { name: file_name(&midi), path: Some(midi), group: 0 }];
        let matrix = EmbeddingMatrix { midi, audio, distances };
        let compared = Compared::new("what is loaded".into(), true, matrix);
        self.embeddings.loaded = (shape.1 > 0).then(|| Arc::new(compared));
    }

    pub(super) fn compare(&mut self, source: PairSource) {
        let Some(model) = self.embeddings.model.clone() else {
            self.say("There is no embedding model yet".into());
            return;
        };
        self.settings.tab = Tab::Embedding;
        self.loads.compare(model, self.settings.soundfont.clone(), source);
    }

    pub(super) fn compare_loaded(&mut self) {
        self.embeddings.chosen = None;
    }

    /// Takes in a compared set, and names what was left out of it.
    pub(super) fn take_compared(&mut self, compared: Compared, left_out: &[String]) {
        self.say(format!("{} pairs of {} are compared", compared.matrix.midi.len(), compared.name));
        if let Some(first) = left_out.first() {
            self.report_text(format!("left out, can't be embedded ({}): {first}", left_out.len()), Retry::No);
        }
        self.embeddings.chosen = Some(Arc::new(compared));
    }

    /// Shows a pair, opening whatever is not open yet.
    pub(super) fn open_pair(&mut self, midi: PathBuf, recording: Option<PathBuf>, now: f64) {
        let known = |path: &Path| self.candidates.iter().any(|candidate| candidate.path == path);
        let mut paths = Vec::new();
        if let Some(recording) = recording.as_deref().filter(|path| !known(path)) {
            paths.push(recording.to_path_buf());
        }
        if self.midi_path.as_ref() != Some(&midi) {
            paths.push(midi);
        }
        self.open(paths, now);
        let Some(recording) = recording else {
            self.say("The recording of this pair was rendered and is not kept: its MIDI file is opened".into());
            return;
        };
        if let Some(index) = self.candidates.iter().position(|candidate| candidate.path == recording) {
            self.select(index, now);
        }
        self.settings.tab = Tab::Audit;
    }
}
