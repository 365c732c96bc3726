//! Sessions: saving, autosaving, recovery after a crash; and exports.

use super::super::loading::{Bookmark, ExportOrder, ToExport, file_name};
use super::{Model, Overlay, Retry};
use crate::error::Error;
use crate::files::Kind;
use crate::session::{self, FORMAT, FileRef, Opened, QueueRef, Session, autosave_of};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Seconds between two autosaves, if nothing but the playhead has changed, and otherwise.
const AUTOSAVE_S: f64 = 30.0;
const AUTOSAVE_SOON_S: f64 = 1.0;
/// The number of recent files remembered.
const RECENT: usize = 10;

/// Work left by a crash, and the session as saved before.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// The autosave.
    pub autosave: PathBuf,
    /// Its contents.
    pub session: Session,
    /// The session's own file, and when it was saved (seconds since 1970), if it ever was.
    pub saved: Option<(PathBuf, u64)>,
}

/// What to do with work left by a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recover {
    /// Continue with the autosave.
    Autosave,
    /// Open the saved session.
    Saved,
    /// Start without either; the autosave is deleted.
    Neither,
}

/// The state of sessions and autosaves.
#[derive(Default)]
pub(super) struct Autosave {
    /// The file of the session.
    file: Option<PathBuf>,
    /// The session as last saved or opened: its hashes are still valid.
    saved: Option<Session>,
    /// The autosave folder for work without a session file; `None` for no autosave.
    folder: Option<PathBuf>,
    /// Whether a command has changed anything since the last autosave.
    touched: bool,
    written_at: f64,
    /// The last autosave, and the same with hashes.
    beside: Option<Session>,
    hashed: Option<Session>,
    /// Work left by a crash, until the user decides what to do with it.
    recovery: Option<Recovery>,
    /// The view and playhead to restore once the recording is ready.
    place: Option<Session>,
    /// The export that waits for a folder.
    order: Option<ExportOrder>,
}

impl Model {
    /// Sets the autosave folder, and offers work that a crash left there or beside the most recent session.
    pub fn keep_in(&mut self, folder: PathBuf) {
        let unsaved = folder.join("unsaved.json");
        self.keep.folder = Some(folder);
        let last = last_session(&self.settings.recent).cloned();
        self.keep.recovery =
            last.and_then(|file| left_beside(Some(file))).or_else(|| left_by(autosave_of(&unsaved), None));
        if self.keep.recovery.is_some() {
            self.overlay = Some(Overlay::Recovery);
        }
    }

    /// Work left by a crash, until the user decides what to do with it.
    pub fn recovery(&self) -> Option<&Recovery> {
        self.keep.recovery.as_ref()
    }

    /// The file of the session.
    pub fn session_file(&self) -> Option<&Path> {
        self.keep.file.as_deref()
    }

    /// Whether there is anything to export.
    pub fn exportable(&self) -> bool {
        self.midi().is_some() && self.aligned().is_some()
    }

    /// Prepares to close the window: a training leaves its checkpoint, and no autosave remains.
    pub fn leave(&mut self) {
        self.loads.finish_training();
        self.finish_journal();
        self.rescue_decisions();
        self.forget_autosave();
    }

    /// Where decisions go if they can't be written to their journal.
    pub(super) fn rescue_folder(&self) -> Option<PathBuf> {
        self.keep.folder.clone()
    }

    fn forget_autosave(&mut self) {
        self.loads.drop_autosave();
        if self.keep.recovery.is_none()
            && let Some(path) = self.autosave_path()
        {
            // A file that does not exist is as good as deleted.
            drop(std::fs::remove_file(path));
        }
    }

    /// The session as it would be saved now.
    pub fn session_now(&self, now: f64) -> Session {
        let known = |path: &Path| -> FileRef {
            let hashed = self.keep.saved.iter().chain(&self.keep.hashed);
            let mut saved =
                hashed.flat_map(|s| s.midi.iter().chain(&s.recordings).chain(s.queue.as_ref().map(|q| &q.source)));
            let unknown = || FileRef { path: path.to_path_buf(), bytes: None, md5: None };
            saved.find(|file| file.path == path && file.md5.is_some()).cloned().unwrap_or_else(unknown)
        };
        Session {
            format: FORMAT,
            saved_s: session::now_s(),
            midi: self.midi_path.as_deref().map(known),
            recordings: self.candidates.iter().map(|candidate| known(&candidate.path)).collect(),
            selected: self.selected,
            playhead_s: self.transport.position(now),
            view_s: (!self.view.is_fit()).then(|| (self.view.start(), self.view.end())),
            queue: self.curating().map(|curating| QueueRef {
                source: known(curating.queue().items().source()),
                journal: FileRef { path: curating.journal().path().to_path_buf(), bytes: None, md5: None },
                item: curating.item().map(str::to_owned),
                arrangement: serde_json::to_value(curating.queue().arrangement()).unwrap_or_default(),
            }),
            bins: (self.pitch != super::PitchView::default()).then(|| (self.pitch.low(), self.pitch.high())),
        }
    }

    pub(super) fn touch(&mut self) {
        self.keep.touched = true;
    }

    fn autosave_path(&self) -> Option<PathBuf> {
        match (&self.keep.file, &self.keep.folder) {
            (Some(file), Some(_)) => Some(autosave_of(file)),
            (None, Some(folder)) => Some(autosave_of(&folder.join("unsaved.json"))),
            _ => None,
        }
    }

    /// Autosaves when it is due. Called once a frame.
    pub(super) fn keep_beside(&mut self, now: f64) {
        let waited = now - self.keep.written_at;
        let due = self.keep.touched && waited >= AUTOSAVE_SOON_S || waited >= AUTOSAVE_S;
        if !due || self.keep.recovery.is_some() || self.loads.autosaving() {
            return;
        }
        self.keep.written_at = now;
        let session = self.session_now(now);
        // Nothing is worth saving before the first change.
        let fresh = self.keep.beside.is_none() && !self.keep.touched;
        self.keep.touched = false;
        if fresh || self.keep.beside.as_ref().is_some_and(|beside| beside.same_as(&session)) {
            return;
        }
        if let Some(path) = self.autosave_path() {
            self.keep.beside = Some(session.clone());
            self.loads.autosave(session, path);
        }
    }

    /// Takes in the autosave with its hashes, so that they are not computed again.
    pub(super) fn saved_beside(&mut self, session: Session) {
        self.keep.beside = Some(session.clone());
        self.keep.hashed = Some(session);
    }

    /// Reports a failed autosave only if no later one can succeed: otherwise the next one may, and a user at work need
    /// not know.
    pub(super) fn not_saved_beside(&mut self, error: &Error) {
        tracing::warn!(%error, "autosave");
        let known = self.problems.iter().any(|problem| matches!(problem.retry, Retry::Autosave));
        if matches!(error, Error::Panicked { .. } | Error::Thread { .. }) && !known {
            self.report(error, Retry::Autosave);
        }
    }

    pub(super) fn save(&mut self, now: f64) {
        match self.keep.file.clone() {
            Some(file) => self.save_to(file, now),
            None => self.loads.choose_session_file(),
        }
    }

    pub(super) fn save_to(&mut self, file: PathBuf, now: f64) {
        let file = if session::is_session(&file) { file } else { file.with_extension("json") };
        self.loads.save_session(self.session_now(now), file);
    }

    pub(super) fn saved(&mut self, file: PathBuf, session: Session) {
        self.say(format!("{} is saved", file_name(&file)));
        self.forget_autosave();
        self.remember_file(&file);
        (self.keep.file, self.keep.saved, self.keep.beside) = (Some(file), Some(session), None);
    }

    /// Takes in a session, replacing everything.
    pub(super) fn restore(&mut self, opened: Opened, now: f64) {
        let Opened { path, session, remarks } = opened;
        for text in remarks {
            self.report_text(text, Retry::No);
        }
        self.say(format!("{} is opened: {}", file_name(&path), session.summary()));
        self.remember_file(&path);
        self.put(session.clone(), now);
        (self.keep.file, self.keep.saved, self.keep.beside) = (Some(path), Some(session), None);
        if self.keep.recovery.is_none() {
            self.keep.recovery = left_beside(self.keep.file.clone());
            if self.keep.recovery.is_some() {
                self.overlay = Some(Overlay::Recovery);
            }
        }
    }

    fn put(&mut self, session: Session, now: f64) {
        self.play(false, now);
        for candidate in std::mem::take(&mut self.candidates) {
            self.loads.drop_candidate(candidate.id);
        }
        self.close_queue(now);
        (self.selected, self.history) = (None, super::History::default());
        if let Some(queue) = session.queue.clone() {
            (self.midi, self.midi_path) = (None, None);
            // An arrangement from a later version is replaced by the default.
            let arrangement = serde_json::from_value(queue.arrangement).unwrap_or_default();
            let bookmark = Bookmark { item: queue.item, arrangement };
            self.open_queue(queue.source.path, Some(queue.journal.path), bookmark);
            self.keep.place = Some(session);
            return self.update_length(now);
        }
        let recordings: Vec<PathBuf> = session.recordings.iter().map(|file| file.path.clone()).collect();
        let chosen = session.selected.and_then(|index| recordings.get(index)).cloned();
        if let Some(midi) = &session.midi {
            self.load_midi(midi.path.clone());
        } else {
            (self.midi, self.midi_path) = (None, None);
        }
        for path in recordings {
            self.add(path);
        }
        let chosen = chosen.and_then(|path| self.candidates.iter().position(|candidate| candidate.path == path));
        self.keep.place = Some(session);
        self.select(chosen.unwrap_or(0), now);
        self.update_length(now);
    }

    /// Restores the view and playhead of the session, once its recording is ready.
    pub(super) fn go_to_place(&mut self, now: f64) {
        if !self.playable() {
            return;
        }
        if let Some(place) = self.keep.place.take() {
            if let Some((start, end)) = place.view_s {
                self.view.show(start, end);
            }
            if let Some((low, high)) = place.bins {
                self.pitch.show(low, high);
            }
            self.seek(place.playhead_s, now);
        }
    }

    pub(super) fn recover(&mut self, choice: Recover, now: f64) {
        let Some(left) = self.keep.recovery.take() else { return };
        self.overlay = None;
        match choice {
            Recover::Autosave => {
                self.say(format!("Restored: {}", left.session.summary()));
                self.put(left.session, now);
                self.keep.file = left.saved.map(|(file, _)| file);
                // The autosave remains until the session is saved.
                self.touch();
            }
            Recover::Saved | Recover::Neither => {
                // The user decided against it.
                drop(std::fs::remove_file(&left.autosave));
                if let (Recover::Saved, Some((file, _))) = (choice, left.saved)
                    && self.keep.file.as_ref() != Some(&file)
                {
                    self.loads.open_session(file);
                }
            }
        }
    }

    /// Moves a file to the front of the recent ones.
    pub(super) fn remember_file(&mut self, path: &Path) {
        self.settings.recent.retain(|known| known != path);
        self.settings.recent.insert(0, path.to_path_buf());
        self.settings.recent.truncate(RECENT);
    }

    pub(super) fn export(&mut self, order: ExportOrder, folder: Option<PathBuf>) {
        let Some(folder) = folder else {
            self.keep.order = Some(order);
            self.loads.choose_export_folder();
            return;
        };
        let pair = self.candidate().and_then(|candidate| {
            Some(ToExport {
                midi: Arc::clone(self.midi()?),
                recording: Arc::clone(candidate.recording.as_ref()?),
                aligned: Arc::clone(candidate.aligned.as_ref()?),
                sound: candidate.sound.clone(),
                colours: (self.settings.color_map, self.settings.tone),
            })
        });
        if let Some(pair) = pair {
            self.keep.order = Some(order.clone());
            self.loads.export(order, pair, folder);
        }
    }

    /// The export that waits for a folder, or is running.
    pub(super) fn export_order(&self) -> Option<ExportOrder> {
        self.keep.order.clone()
    }
}

/// The most recent session. Judged documents are among the recent files, too; a session file that is gone may have left
/// an autosave beside it.
fn last_session(recent: &[PathBuf]) -> Option<&PathBuf> {
    let other = |path: &Path| Kind::of(path).is_ok_and(|kind| kind != Kind::Session);
    recent.iter().find(|path| session::is_session(path) && !other(path))
}

fn left_beside(file: Option<PathBuf>) -> Option<Recovery> {
    let file = file?;
    let saved_s = Session::read(&file).ok().map(|session| session.saved_s);
    left_by(autosave_of(&file), saved_s.map(|saved_s| (file, saved_s)))
}

fn left_by(autosave: PathBuf, saved: Option<(PathBuf, u64)>) -> Option<Recovery> {
    let session = Session::read(&autosave).ok()?;
    Some(Recovery { autosave, session, saved })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_was_judged_is_not_the_last_session() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("found.json"), r#"{"format": "search/1", "query": "a.mid", "hits": []}"#).expect("written");
        std::fs::write(at("work.json"), r#"{"format": 1, "recordings": []}"#).expect("written");
        let recent = ["song.mid", "found.json", "work.json"].map(at);
        assert_eq!(last_session(&recent), Some(&recent[2]));
        assert_eq!(last_session(&recent[..2]), None);
        std::fs::remove_file(at("work.json")).expect("removed");
        assert_eq!(last_session(&recent), Some(&recent[2]));
    }
}
