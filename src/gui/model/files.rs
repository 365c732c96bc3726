//! The files: opening, selecting, removing, reading and aligning them, and reporting problems with them.

use super::super::command::Command;
use super::super::loading::{Bookmark, Expanded, Stopped, file_name};
use super::super::settings::Tab;
use super::{Candidate, Model, Problem, Retry};
use crate::curation::Correction;
use crate::error::{Error, Result};
use crate::files::{Kind, is_document_name, is_midi_name};
use crate::session::is_session;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Model {
    /// Opens files whose kind is clear from the name at once; folders and documents are inspected first.
    pub(super) fn open(&mut self, paths: Vec<PathBuf>, now: f64) {
        if paths.iter().any(|path| path.is_dir() || is_document_name(path)) {
            return self.loads.expand(paths);
        }
        let kind = |path: PathBuf| (if is_midi_name(&path) { Kind::Midi } else { Kind::Audio }, path);
        self.take_files(paths.into_iter().map(kind).collect(), now);
    }

    /// Opens files according to their kinds.
    pub(super) fn take_files(&mut self, mut files: Vec<(Kind, PathBuf)>, now: f64) {
        let judged = |kind: &Kind| matches!(kind, Kind::Pairs | Kind::Decisions | Kind::Journal);
        if let Some(at) = files.iter().position(|(kind, _)| judged(kind)) {
            let (_, queue) = files.remove(at);
            if !files.is_empty() {
                let count = files.len();
                self.report_text(format!("left out ({count}): {} is judged alone", file_name(&queue)), Retry::No);
            }
            return self.open_queue(queue, None, Bookmark::default());
        }
        let mut paths = Vec::new();
        for (kind, path) in files {
            match kind {
                Kind::Midi | Kind::Audio | Kind::Session => paths.push(path),
                Kind::HashModel => self.use_hash_model(Some(path)),
                Kind::EmbeddingModel => self.use_embedding_model(Some(path)),
                Kind::SoundFont => self.use_soundfont(Some(path)),
                Kind::Index => {
                    self.settings.tab = Tab::Search;
                    self.use_index(path);
                }
                // The pair of an alignment is among the files found, and so are the files of a folder.
                Kind::Alignment | Kind::Folder | Kind::Pairs | Kind::Decisions | Kind::Journal => {}
                Kind::TimeMap => {
                    self.left_out(&path, "a time map, which names no files: open its MIDI file and recording");
                }
                Kind::Picture => self.left_out(&path, "a picture"),
                Kind::Array => self.left_out(&path, "an array of numbers"),
                Kind::Unknown => self.left_out(&path, "no document of Antiphon"),
            }
        }
        if !paths.is_empty() {
            self.open_music(paths, now);
        }
    }

    fn left_out(&mut self, path: &Path, what: &str) {
        self.report_text(format!("left out: {} is {what}", file_name(path)), Retry::No);
    }

    /// Opens MIDI files, recordings and sessions.
    fn open_music(&mut self, mut paths: Vec<PathBuf>, now: f64) {
        if self.curating.is_some() {
            // Other files replace the queue.
            self.close_queue(now);
            self.play(false, now);
            self.loads.drop_midi();
            (self.midi, self.midi_path, self.selected) = (None, None, None);
            self.candidates.clear();
            self.update_length(now);
        }
        if let Some(at) = paths.iter().position(|path| is_session(path)) {
            self.loads.open_session(paths.remove(at));
        }
        if self.midi_path.is_some() || !self.candidates.is_empty() {
            self.touch();
        }
        for path in paths.iter().rev() {
            self.remember_file(path);
        }
        let (midis, recordings): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| is_midi_name(path));
        // One MIDI at a time: the last of several, as if they had been opened one by one.
        if let Some(path) = midis.into_iter().next_back() {
            self.load_midi(path);
        }
        let mut first_new = None;
        for path in recordings {
            let id = self.add(path);
            first_new = first_new.or_else(|| self.candidates.iter().position(|candidate| candidate.id == id));
        }
        if self.selected.is_none()
            && let Some(index) = first_new
        {
            self.select(index, now);
        }
        self.start_what_is_missing();
    }

    /// Opens the files found in folders, and names what was left out.
    pub(super) fn open_found(&mut self, found: Expanded, now: f64) {
        const NAMED: usize = 5;
        if !found.skipped.is_empty() {
            let count = found.skipped.len();
            let names = found.skipped.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = if count > NAMED { ", …" } else { "" };
            self.report_text(format!("left out, neither MIDI nor audio ({count}): {names}{more}"), Retry::No);
        }
        for remark in found.remarks {
            self.report_text(remark, Retry::No);
        }
        self.apply(Command::Take(found.files), now);
    }

    /// Adds a recording to the list, to be read when its turn comes, and returns its number. A recording already in the
    /// list is not added again.
    pub fn add(&mut self, path: PathBuf) -> u64 {
        if let Some(known) = self.candidates.iter().find(|candidate| candidate.path == path) {
            return known.id;
        }
        let id = self.number();
        self.candidates.push(Candidate::new(id, path));
        id
    }

    pub(super) fn load_midi(&mut self, path: PathBuf) {
        let font_path = self.settings.soundfont.clone();
        let font = self.midi().filter(|midi| midi.font_path == font_path).and_then(|midi| midi.font.clone());
        self.problems.retain(|problem| !matches!(problem.retry, Retry::Midi(_)));
        self.midi_path = Some(path.clone());
        self.loads.load_midi(path, font_path, font);
    }

    pub(super) fn forget_alignments(&mut self) {
        for candidate in &mut self.candidates {
            (candidate.aligned, candidate.hashed, candidate.embedded, candidate.base) = (None, None, None, None);
            candidate.bare = false;
            candidate.correction = Correction::default();
            candidate.halted &= candidate.recording.is_none();
        }
        self.lay_out_loaded();
    }

    pub(super) fn step_candidate(&mut self, by: isize, now: f64) {
        if self.curating.is_some() {
            return self.step_item(by, now);
        }
        let Some(at) = self.selected else { return };
        if let Some(to) = at.checked_add_signed(by).filter(|&to| to < self.candidates.len()) {
            self.select(to, now);
        }
    }

    /// Selects another candidate, at the same musical moment if it is known.
    pub(super) fn select(&mut self, index: usize, now: f64) {
        let Some(candidate) = self.candidates.get_mut(index) else { return };
        candidate.halted = false;
        let (id, gone) = (candidate.id, candidate.recording.is_none());
        if self.selected == Some(index) {
            return;
        }
        let musical = self.midi_time(self.transport.position(now));
        let playing = self.transport.playing();
        if playing {
            self.play(false, now);
        }
        self.resume = playing;
        self.note_selected(id);
        self.selected = Some(index);
        self.forget_place(now);
        self.update_length(now);
        // The map is there even while the recording has to be read again.
        let aligned = self.candidate().and_then(|candidate| candidate.aligned.as_ref());
        let places = musical.zip(aligned).map(|(moment, aligned)| aligned.alignment.segments.to_audio(moment));
        let at = places.and_then(|places| places.first().copied()).unwrap_or_default().0;
        self.transport.seek(at, now);
        if gone {
            self.return_to(id, at);
        }
        self.view.fit();
    }

    pub(super) fn remove(&mut self, index: usize, now: f64) {
        if index >= self.candidates.len() {
            return;
        }
        let gone = self.candidates.remove(index);
        self.lay_out_loaded();
        self.loads.drop_candidate(gone.id);
        self.problems.retain(|p| !matches!(p.retry, Retry::Candidate(id) if id == gone.id));
        let Some(selected) = self.selected else { return };
        if index < selected {
            self.selected = Some(selected - 1);
        } else if index == selected {
            self.play(false, now);
            self.selected = None;
            if !self.candidates.is_empty() {
                self.select(index.min(self.candidates.len() - 1), now);
            }
            self.update_length(now);
        }
    }

    /// Stores the outcome of a job with its candidate; if the candidate is gone, the outcome is dropped.
    pub(super) fn settle<T>(&mut self, id: u64, outcome: Result<T>, put: impl FnOnce(&mut Candidate, T)) {
        let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.id == id) else { return };
        match outcome {
            Ok(value) => put(candidate, value),
            Err(error) => {
                candidate.halted = true;
                self.report(&error, Retry::Candidate(id));
            }
        }
    }

    /// Fills the free slots: the selected candidate first, then the others in order.
    pub(super) fn start_what_is_missing(&mut self) {
        if self.curating.is_some() {
            // The queue's pairs are read by jobs of their own, ahead of the curator.
            self.prepare_items();
            self.prepare_to_play();
            return self.start_hashing();
        }
        let order = || self.candidate().into_iter().chain(&self.candidates).filter(|candidate| !candidate.halted);
        let to_read = self.next_to_read().map(|candidate| (candidate.id, candidate.path.clone()));
        let to_align = self.midi().filter(|_| !self.loads.midi_runs()).and_then(|midi| {
            let candidate = order().find(|c| c.recording.is_some() && c.aligned.is_none())?;
            Some((candidate.id, Arc::clone(midi), Arc::clone(candidate.recording.as_ref()?)))
        });
        if let Some((id, path)) = to_read
            && self.loads.reading().is_none()
        {
            self.loads.load_recording(id, path);
        }
        if let Some((id, midi, recording)) = to_align
            && self.loads.aligning().is_none()
        {
            self.loads.align(id, midi, recording);
        }
        self.prepare_to_play();
        self.start_hashing();
        self.start_embedding();
        self.start_index();
        self.give_back();
    }

    pub(super) fn report(&mut self, error: &Error, retry: Retry) {
        if matches!(error, Error::Cancelled) {
            return;
        }
        tracing::warn!(%error);
        self.report_text(error.to_string(), retry);
    }

    pub(super) fn report_text(&mut self, text: String, retry: Retry) {
        let id = self.number();
        self.problems.push(Problem { id, text, retry });
    }

    pub(super) fn cancel(&mut self, id: u64) {
        match self.loads.cancel(id) {
            Some(Stopped::Midi) => {
                self.loads.drop_midi();
                self.midi_path = self.midi().map(|midi| midi.side.path.clone());
            }
            Some(Stopped::Candidate(id)) => {
                if let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.id == id) {
                    candidate.halted = true;
                }
            }
            Some(Stopped::Item(index)) => self.give_item_up(index),
            Some(Stopped::Other) | None => {}
        }
    }

    /// Stops all jobs and everything that would start next; it can be retried in one step.
    pub(super) fn cancel_all(&mut self) {
        for job in self.loads.running() {
            self.cancel(job.id);
        }
        let left = if self.curating.is_some() {
            self.give_up_ahead()
        } else {
            let reads = self.midi_path.is_some();
            let waits = |c: &&mut Candidate| !c.halted && (c.recording.is_none() || reads) && c.aligned.is_none();
            self.candidates.iter_mut().filter(waits).for_each(|candidate| candidate.halted = true);
            self.candidates.iter().filter(|candidate| candidate.halted).count()
        };
        if left > 0 {
            let plural = if left == 1 { "" } else { "s" };
            self.report_text(format!("cancelled: {left} recording{plural} left alone"), Retry::Halted);
        }
    }

    pub(super) fn retry(&mut self, id: u64, now: f64) {
        let Some(index) = self.problems.iter().position(|problem| problem.id == id) else { return };
        match self.problems.remove(index).retry {
            Retry::No => {}
            Retry::Midi(path) => self.load_midi(path),
            Retry::Candidate(id) => {
                if let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.id == id) {
                    candidate.halted = false;
                }
            }
            Retry::Halted => {
                self.candidates.iter_mut().for_each(|candidate| candidate.halted = false);
                self.retry_items();
            }
            Retry::Item(index) => self.retry_item(index),
            Retry::Journal => self.retry_journal(),
            Retry::Playing => self.heard = None,
            Retry::Save => self.save(now),
            Retry::Export(order) => self.export(order, None),
            Retry::HashModel(path) => self.use_hash_model(path),
            Retry::EmbeddingModel(path) => self.use_embedding_model(path),
            Retry::Index(path) => self.use_index(path),
            Retry::Correction => self.align_again(),
            Retry::Autosave => self.touch(),
            Retry::Pictures => self.picture_attempts += 1,
            Retry::Asked(command) => self.apply(*command, now),
        }
    }
}
