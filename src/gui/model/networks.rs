//! The hash model, its output for the pair, the selected layer and unit, and its training.

use super::super::command::Command;
use super::super::loading::{ToHash, file_name};
use super::super::settings::Tab;
use super::{Hashed, LayerOutput, LoadedHashModel, Model, Retry, TrainingForm, Unit};
use crate::error::Error;
use crate::evaluate::CodeQuality;
use crate::training::Measured;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// The state of the hash networks.
#[derive(Default)]
pub(super) struct Networks {
    model: Option<Arc<LoadedHashModel>>,
    /// The model could not be read.
    refused: bool,
    /// Index of the selected layer.
    layer: usize,
    unit: Option<Unit>,
    /// The output of the layer for a candidate.
    output: Option<(u64, Arc<LayerOutput>)>,
    /// The quality of the codes on a data set.
    quality: Vec<CodeQuality>,
    measured: Vec<Measured>,
    reports: Option<Receiver<Measured>>,
}

impl Model {
    /// The hash model, once it is read.
    pub fn hash_model(&self) -> Option<&Arc<LoadedHashModel>> {
        self.networks.model.as_ref()
    }

    /// The hash sequences of the selected pair, once computed.
    pub fn hashed(&self) -> Option<&Arc<Hashed>> {
        self.candidate()?.hashed.as_ref()
    }

    /// Index of the selected layer, in [`LoadedHashModel::layers`].
    pub fn layer(&self) -> usize {
        self.networks.layer
    }

    /// The selected filter or unit.
    pub fn unit(&self) -> Option<Unit> {
        self.networks.unit
    }

    /// The output of the layer for the selected pair.
    pub fn layer_output(&self) -> Option<&Arc<LayerOutput>> {
        let id = self.candidate()?.id;
        self.networks.output.as_ref().filter(|(of, _)| *of == id).map(|(_, output)| output)
    }

    /// How well the model's codes, and codes without learning, do on a data set.
    pub fn quality(&self) -> &[CodeQuality] {
        &self.networks.quality
    }

    /// The results of the training's validations so far.
    pub fn measured(&self) -> &[Measured] {
        &self.networks.measured
    }

    /// Whether a training is running.
    pub fn trains(&self) -> bool {
        self.loads.trains()
    }

    /// Whether a training can be started or stopped.
    pub fn trainable(&self) -> bool {
        self.trains() || self.settings.training.complete()
    }

    pub(super) fn use_hash_model(&mut self, path: Option<PathBuf>) {
        self.settings.hash_model.clone_from(&path);
        self.take_hash_model(None);
        if path.is_some() {
            self.loads.load_hash_model(path);
        }
    }

    /// Takes in a model, replacing the previous one.
    pub(super) fn take_hash_model(&mut self, model: Option<LoadedHashModel>) {
        if let Some(path) = model.as_ref().and_then(|model| model.path.as_deref()) {
            self.say(format!("{} is the hash model", file_name(path)));
        }
        self.loads.drop_hashing();
        let Networks { measured, reports, .. } = std::mem::take(&mut self.networks);
        self.networks = Networks { model: model.map(Arc::new), measured, reports, ..Networks::default() };
        for candidate in &mut self.candidates {
            candidate.hashed = None;
        }
    }

    /// Hashes the aligned pairs, the selected one first, and computes the output of the selected layer.
    pub(super) fn start_hashing(&mut self) {
        let Some(model) = self.networks.model.clone() else {
            // Not before it is needed.
            let pair =
                |c: &super::Candidate| c.aligned.is_some() && c.recording.as_ref().is_some_and(|r| r.side.analysed());
            let wanted = self.settings.tab == Tab::Filters || self.candidate().is_some_and(pair);
            if wanted && !self.networks.refused && !self.loads.hash_model_runs() {
                self.loads.load_hash_model(self.settings.hash_model.clone());
            }
            return;
        };
        let Some(midi) = self.midi().cloned() else { return };
        let pair = |candidate: &super::Candidate| {
            let (recording, aligned) = (candidate.recording.clone()?, candidate.aligned.clone()?);
            if !(midi.side.analysed() && recording.side.analysed()) {
                return None;
            }
            Some((candidate.id, ToHash { model: Arc::clone(&model), midi: Arc::clone(&midi), recording, aligned }))
        };
        let order = self.candidate().into_iter().chain(&self.candidates).filter(|candidate| !candidate.halted);
        // Codes are for show: only recordings that stay in memory have them.
        let kept = self.kept();
        if self.loads.hashing().is_none()
            && let Some((id, what)) = order.filter(|c| c.hashed.is_none() && kept.contains(&c.id)).find_map(pair)
        {
            self.loads.hash(id, what);
        }
        let wanted = self.networks.unit.is_some()
            && self.layer_output().is_none_or(|output| output.layer != self.networks.layer)
            && !self.loads.layer_runs();
        if wanted && let Some((id, what)) = self.candidate().filter(|candidate| !candidate.halted).and_then(pair) {
            self.loads.look_at_layer(id, what, self.networks.layer);
        }
    }

    /// Continues without the model that could not be read, until it is requested again.
    pub(super) fn refuse_hash_model(&mut self, error: &Error) {
        self.networks.refused = true;
        self.report(error, Retry::HashModel(self.settings.hash_model.clone()));
    }

    /// Deselects the unit, so that the next frame does not request the same layer again, and reports the error.
    pub(super) fn refuse_layer(&mut self, error: &Error) {
        let unit = self.networks.unit.take();
        self.report(error, Retry::Asked(Box::new(Command::LookAtUnit(unit))));
    }

    pub(super) fn look_at_layer(&mut self, layer: usize) {
        let layers = self.networks.model.as_ref().map_or(0, |model| model.layers.len());
        if layer < layers && layer != self.networks.layer {
            self.networks.layer = layer;
            self.networks.unit = self.networks.unit.map(|unit| Unit { channel: 0, ..unit });
        }
    }

    pub(super) fn look_at_unit(&mut self, unit: Option<Unit>) {
        let channels =
            |model: &LoadedHashModel| model.layers.get(self.networks.layer).map_or(0, |layer| layer.channels);
        let channels = self.networks.model.as_deref().map_or(0, channels);
        self.networks.unit = unit.filter(|unit| unit.channel < channels);
    }

    pub(super) fn take_layer_output(&mut self, candidate: u64, output: LayerOutput) {
        self.networks.output = Some((candidate, Arc::new(output)));
    }

    pub(super) fn measure_on(&mut self, folder: PathBuf) {
        if let Some(model) = &self.networks.model {
            self.loads.measure(model, folder);
        }
    }

    pub(super) fn take_quality(&mut self, quality: Vec<CodeQuality>) {
        self.networks.quality = quality;
    }

    pub(super) fn export_filters(&mut self, folder: PathBuf) {
        if let Some(model) = self.networks.model.clone() {
            self.loads.export_filters(model, folder, self.settings.shared_scale);
        }
    }

    pub(super) fn add_training_data(&mut self, folder: PathBuf) {
        let folders = &mut self.settings.training.folders;
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }

    /// Starts the training, or stops it: it resumes from there the next time.
    pub(super) fn toggle_training(&mut self) {
        if self.trains() {
            self.loads.stop_training();
            self.say("The training stops after this step and can go on later".into());
        } else if self.settings.training.complete() {
            let form: TrainingForm = self.settings.training.clone();
            self.networks.measured.clear();
            self.networks.reports = Some(self.loads.train(&form));
            self.say(format!("Training {}", file_name(&form.output)));
        }
    }

    /// Takes in the results of the validations.
    pub(super) fn watch_training(&mut self) {
        if let Some(reports) = &self.networks.reports {
            self.networks.measured.extend(reports.try_iter());
        }
    }

    /// Adds the result of a validation, for tests that supply the outcomes of jobs.
    pub fn receive_measured(&mut self, measured: Measured) {
        self.networks.measured.push(measured);
    }
}
