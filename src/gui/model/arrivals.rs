//! The outcomes of jobs.

use super::super::command::{Command, Curate};
use super::super::loading::{Arrival, Bookmark, file_name};
use super::{IndexForm, Model, Retry};
use std::sync::Arc;

impl Model {
    /// Takes in the outcome of a job.
    pub fn receive(&mut self, arrival: Arrival, now: f64) {
        match arrival {
            Arrival::Midi(Ok(midi)) => {
                self.say(format!("{} is read", file_name(&midi.side.path)));
                self.midi_path = Some(midi.side.path.clone());
                let number = self.number();
                self.midi = Some((number, Arc::new(midi)));
                self.forget_alignments();
                self.update_length(now);
                self.go_to_place(now);
            }
            Arrival::Midi(Err(error)) => {
                if let Some(path) = self.midi_path.take() {
                    self.report(&error, Retry::Midi(path));
                }
            }
            Arrival::Recording(id, outcome) => {
                self.settle(id, outcome, |candidate, mut recording| {
                    candidate.sound = recording.sound.take();
                    (candidate.seconds, candidate.analysed) = (Some(recording.seconds()), recording.side.analysed());
                    candidate.recording = Some(Arc::new(recording));
                });
                self.dress(id);
                self.update_length(now);
                self.return_to_place(id, now);
                self.go_to_place(now);
            }
            Arrival::Aligned(id, outcome) => {
                let outcome = outcome.map(Arc::new);
                if let (Ok(aligned), Some(candidate)) = (&outcome, self.candidates.iter().find(|c| c.id == id)) {
                    let confidence = aligned.alignment.confidence;
                    self.say(format!("{} is aligned, confidence {confidence:.2}", file_name(&candidate.path)));
                }
                self.settle(id, outcome, |candidate, aligned| {
                    (candidate.aligned, candidate.bare) = (Some(aligned), false);
                });
            }
            Arrival::HashModel(Ok(model)) => self.take_hash_model(Some(model)),
            Arrival::HashModel(Err(error)) => self.refuse_hash_model(&error),
            Arrival::Hashed(id, outcome) => {
                self.settle(id, outcome.map(Arc::new), |candidate, hashed| candidate.hashed = Some(hashed));
            }
            Arrival::EmbeddingModel(Ok(model)) => self.take_embedding_model(Some(model)),
            Arrival::EmbeddingModel(Err(error)) => self.refuse_embedding_model(&error),
            Arrival::Embedded(id, outcome) => {
                self.settle(id, outcome.map(Arc::new), |candidate, embedded| candidate.embedded = Some(embedded));
                self.lay_out_loaded();
            }
            Arrival::Compared(Ok((compared, left_out))) => self.take_compared(compared, &left_out),
            Arrival::ChosenPairs(Ok(source)) => self.apply(Command::Compare(source), now),
            Arrival::ChosenEmbeddingModel(Ok(paths)) => {
                self.apply(Command::UseEmbeddingModel(paths.into_iter().next()), now);
            }
            Arrival::Toy(Ok(solved)) => self.end_toy(solved),
            Arrival::Index(Ok(index)) => self.take_index(index),
            Arrival::Index(Err(error)) => self.refuse_index(&error),
            Arrival::Added(Ok(added)) => self.take_added(&added),
            Arrival::Found(Ok(found)) => self.take_found(found),
            Arrival::ChosenIndex(Ok(paths)) => {
                for path in paths {
                    self.apply(Command::UseIndex(path), now);
                }
            }
            Arrival::ToIndex(Ok(paths)) => {
                if let Some(form) = self.new_index_form(paths) {
                    self.apply(Command::IndexForm(form), now);
                }
            }
            Arrival::IndexTo(Ok(paths)) => {
                if let (Some(form), Some(index)) = (self.index_form().cloned(), paths.into_iter().next()) {
                    self.apply(Command::IndexForm(IndexForm { index, ..form }), now);
                }
            }
            Arrival::Queue(Ok(opened)) => self.take_queue(*opened, now),
            Arrival::Arranged(Ok((shown, arrangement))) => self.arranged(shown, arrangement, now),
            Arrival::Pair(index, outcome) => self.take_pair(index, outcome, now),
            Arrival::Journal(Ok(batch)) => self.journal_written(batch, now),
            Arrival::Journal(Err(error)) => self.journal_not_written(&error, now),
            Arrival::JournalTo(Ok(paths)) => {
                for path in paths {
                    self.apply(Command::Curate(Curate::JournalTo(path)), now);
                }
            }
            Arrival::Corrected(id, outcome) => self.take_correction(id, outcome),
            Arrival::QueueFile(Ok(paths)) => {
                for path in paths {
                    self.open_queue(path, None, Bookmark::default());
                }
            }
            Arrival::DecisionsTo(Ok(paths)) => {
                for path in paths {
                    self.apply(Command::Curate(Curate::ExportTo(path)), now);
                }
            }
            Arrival::Quality(Ok(quality)) => self.take_quality(quality),
            Arrival::DataToMeasure(Ok(paths)) => {
                for path in paths {
                    self.apply(Command::MeasureOn(path), now);
                }
            }
            Arrival::Layer(id, Ok(output)) => self.take_layer_output(id, output),
            Arrival::Layer(_, Err(error)) => self.refuse_layer(&error),
            Arrival::Trained(Ok(path)) => {
                self.watch_training();
                self.say(format!("{} is trained", file_name(&path)));
                self.use_hash_model(Some(path));
            }
            Arrival::ChosenModel(Ok(paths)) => self.apply(Command::UseHashModel(paths.into_iter().next()), now),
            Arrival::FiltersTo(Ok(paths)) => {
                for path in paths {
                    self.apply(Command::ExportFiltersTo(path), now);
                }
            }
            Arrival::TrainingData(Ok(paths)) => paths.into_iter().for_each(|path| self.add_training_data(path)),
            Arrival::TrainingOutput(Ok(paths)) => {
                self.settings.training.output = paths.into_iter().next().unwrap_or_default();
            }
            Arrival::Programme(Ok(prepared)) => self.play_programme(prepared, now),
            Arrival::Files(Ok(paths)) => self.apply(Command::Open(paths), now),
            Arrival::SoundFont(Ok(paths)) => self.apply(Command::UseSoundFont(paths.into_iter().next()), now),
            Arrival::Expanded(Ok(found)) => self.open_found(found, now),
            Arrival::Session(Ok(opened)) => self.restore(opened, now),
            Arrival::SaveTo(Ok(paths)) => paths.into_iter().for_each(|path| self.save_to(path, now)),
            Arrival::Saved(Ok((path, session))) => self.saved(path, session),
            Arrival::SavedBeside(Ok(session)) => self.saved_beside(session),
            Arrival::SavedBeside(Err(error)) => self.not_saved_beside(&error),
            // The outcome of stretching is the sound itself; if it was stopped, silence.
            Arrival::Stretched(Ok(())) => {}
            Arrival::Programme(Err(error)) | Arrival::Stretched(Err(error)) => self.report(&error, Retry::Playing),
            Arrival::ExportTo(Ok(paths)) => {
                if let (Some(order), Some(folder)) = (self.export_order(), paths.into_iter().next()) {
                    self.export(order, Some(folder));
                }
            }
            Arrival::Exported(Ok(exported)) => {
                self.say(format!("{} files are in {}", exported.files.len(), exported.folder.display()));
            }
            Arrival::Saved(Err(error)) => self.report(&error, Retry::Save),
            Arrival::Exported(Err(error)) => {
                let retry = self.export_order().map_or(Retry::No, Retry::Export);
                self.report(&error, retry);
            }
            Arrival::Compared(Err(error))
            | Arrival::ChosenPairs(Err(error))
            | Arrival::ChosenEmbeddingModel(Err(error))
            | Arrival::Toy(Err(error))
            | Arrival::Added(Err(error))
            | Arrival::Found(Err(error))
            | Arrival::ChosenIndex(Err(error))
            | Arrival::ToIndex(Err(error))
            | Arrival::IndexTo(Err(error))
            | Arrival::Queue(Err(error))
            | Arrival::Arranged(Err(error))
            | Arrival::JournalTo(Err(error))
            | Arrival::QueueFile(Err(error))
            | Arrival::DecisionsTo(Err(error))
            | Arrival::Quality(Err(error))
            | Arrival::DataToMeasure(Err(error))
            | Arrival::Trained(Err(error))
            | Arrival::ChosenModel(Err(error))
            | Arrival::FiltersTo(Err(error))
            | Arrival::TrainingData(Err(error))
            | Arrival::TrainingOutput(Err(error))
            | Arrival::Files(Err(error))
            | Arrival::SoundFont(Err(error))
            | Arrival::Expanded(Err(error))
            | Arrival::Session(Err(error))
            | Arrival::SaveTo(Err(error))
            | Arrival::ExportTo(Err(error)) => {
                let retry = self.asked.take().map_or(Retry::No, |command| Retry::Asked(Box::new(command)));
                self.report(&error, retry);
            }
        }
    }
}
