//! What can be taken back: each change leaves the little that is needed to undo it.

use super::super::command::{Command, Curate};
use super::super::settings::Settings;
use super::super::timeline::{PitchView, TimeView};
use super::{Again, Candidate, LoadedMidi, Model};
use crate::curation::Correction;
use std::path::PathBuf;
use std::sync::Arc;

/// Changes kept.
const KEPT: usize = 200;
/// Changes of one kind within this many seconds are one: a drag of a slider, a turn of the wheel.
const ONE_GESTURE_S: f64 = 1.0;

/// The changes of the files.
const OPENING: &str = "Opening of files";
const REMOVAL: &str = "Removal";
/// A line of the journal.
pub(super) const DECISION: &str = "Decision";
/// A press of an offset key, or some.
const OFFSET: &str = "Offset";
/// A drag of an anchor.
const ANCHOR: &str = "Anchor";

/// What a change may alter.
struct State {
    view: TimeView,
    pitch: PitchView,
    settings: Settings,
    selected: Option<u64>,
    correction: Correction,
    offset_ms: f64,
}

/// The files that are open, with what was made of them.
struct Files {
    midi_path: Option<PathBuf>,
    midi: Option<(u64, Arc<LoadedMidi>)>,
    candidates: Vec<Candidate>,
}

impl Files {
    fn same_as(&self, model: &Model) -> bool {
        self.midi_path == model.midi_path
            && self.candidates.iter().map(|c| c.id).eq(model.candidates.iter().map(|c| c.id))
    }
}

/// A change, as the state before it.
struct Change {
    what: &'static str,
    at: f64,
    /// What holds is in the journal, for a decision.
    before: Option<State>,
    /// For changes of the files only.
    files: Option<Files>,
}

/// Changes done, and changes taken back.
#[derive(Default)]
pub(super) struct History {
    done: Vec<Change>,
    undone: Vec<Change>,
}

impl History {
    /// A decision was made.
    pub(super) fn decided(&mut self, now: f64) {
        self.undone.clear();
        self.done.push(Change { what: DECISION, at: now, before: None, files: None });
    }

    /// Forgets what does not hold for another pair.
    pub(super) fn forget_but(&mut self, keep: impl Fn(&str) -> bool) {
        self.done.retain(|change| keep(change.what));
        self.undone.retain(|change| keep(change.what));
    }
}

/// What a command changes, for those that can be taken back.
pub(super) fn kind(command: &Command) -> Option<&'static str> {
    match command {
        Command::Zoom { .. } | Command::ZoomIn | Command::ZoomOut => Some("Zoom"),
        Command::ZoomPitch { .. } | Command::ZoomPitchIn | Command::ZoomPitchOut => Some("Pitch zoom"),
        Command::Pan(_) | Command::PanPitch(_) => Some("Move of the view"),
        Command::Contrast(_) => Some("Contrast"),
        Command::Balance(_) => Some("Balance"),
        Command::Speed(_) => Some("Speed"),
        Command::Select(_) | Command::NextCandidate | Command::PreviousCandidate => Some("Selection"),
        Command::Remove(_) | Command::RemoveCandidate => Some(REMOVAL),
        Command::Open(_) | Command::OpenPair(..) => Some(OPENING),
        Command::Bind(..) => Some("Key"),
        Command::Curate(Curate::AddAnchor(..) | Curate::RemoveAnchor(_)) => Some("Change of the anchors"),
        Command::Curate(Curate::MoveAnchor(..)) => Some(ANCHOR),
        Command::Earlier
        | Command::Later
        | Command::LittleEarlier
        | Command::LittleLater
        | Command::MuchEarlier
        | Command::MuchLater
        | Command::NoOffset => Some(OFFSET),
        Command::Fit
        | Command::Follow
        | Command::ReducedMotion
        | Command::SingleKeys
        | Command::Beats
        | Command::Onsets
        | Command::Curves
        | Command::Accumulated
        | Command::HashBits
        | Command::HammingMatrix
        | Command::Activations
        | Command::SharedScale
        | Command::AuditTab
        | Command::FiltersTab
        | Command::TrainTab
        | Command::Attention
        | Command::EmbeddingTab
        | Command::ToyTab
        | Command::SearchTab
        | Command::CandidateList
        | Command::Inspector
        | Command::HearMidi
        | Command::HearRecording
        | Command::HearBoth
        | Command::Flip
        | Command::Split
        | Command::MuteMidi
        | Command::MuteRecording
        | Command::Click
        | Command::Slower
        | Command::Faster
        | Command::NormalSpeed
        | Command::Varispeed
        | Command::WarpSide
        | Command::ZoomToLoop
        | Command::Anchor
        | Command::ForgetAnchors
        | Command::Span
        | Command::Blind
        | Command::LargerText
        | Command::SmallerText
        | Command::NormalText
        | Command::ThemeSystem
        | Command::ThemeDark
        | Command::ThemeLight
        | Command::Viridis
        | Command::Magma
        | Command::Cividis
        | Command::Grey
        | Command::Invert
        | Command::Brighter
        | Command::Darker
        | Command::PlainContrast => command.entry().map(|entry| entry.name),
        _ => None,
    }
}

impl Model {
    /// Whether there is anything to take back.
    pub fn can_undo(&self) -> bool {
        !self.history.done.is_empty() || self.curating().is_some_and(|curating| curating.journal().can_undo())
    }

    /// Whether there is anything to do again.
    pub fn can_redo(&self) -> bool {
        !self.history.undone.is_empty() || self.curating().is_some_and(|curating| curating.journal().can_redo())
    }

    /// Obeys a command and remembers what it changed.
    pub(super) fn obey_and_remember(&mut self, command: Command, what: &'static str, now: f64) {
        let before = self.state_now();
        let files = (what == OPENING || what == REMOVAL).then(|| self.files_now());
        self.obey(command, now);
        let files = files.filter(|files| !files.same_as(self));
        let same = before.view == self.view
            && before.pitch == self.pitch
            && before.settings == self.settings
            && before.selected == self.candidate().map(|c| c.id)
            && self.correction().is_none_or(|correction| *correction == before.correction)
            && (before.offset_ms - self.offset_ms).abs() <= 0.0;
        // The first selection is the files being opened.
        let first = what == "Selection" && before.selected.is_none();
        if first || (files.is_none() && (same || what == OPENING)) {
            return;
        }
        self.touch();
        self.history.undone.clear();
        let gesture = matches!(
            what,
            "Zoom" | "Pitch zoom" | "Move of the view" | "Contrast" | "Balance" | "Speed" | ANCHOR | OFFSET
        );
        if let Some(last) = self.history.done.last_mut()
            && gesture
            && last.what == what
            && now - last.at < ONE_GESTURE_S
        {
            last.at = now;
            return;
        }
        self.history.done.push(Change { what, at: now, before: Some(before), files });
        if self.history.done.len() > KEPT {
            self.history.done.remove(0);
        }
    }

    pub(super) fn undo(&mut self, now: f64) {
        // Below the changes of this run lie the decisions of earlier ones.
        if self.history.done.last().is_none_or(|change| change.what == DECISION) {
            let change = self.history.done.pop();
            if self.undo_decision(false, now) {
                self.history.undone.extend(change);
            }
            return;
        }
        if let Some(change) = self.history.done.pop() {
            self.say(format!("Undone: {}", change.what));
            let inverse = self.take_back(change, now);
            self.history.undone.push(inverse);
        }
    }

    pub(super) fn redo(&mut self, now: f64) {
        if self.history.undone.last().is_none_or(|change| change.what == DECISION) {
            let change = self.history.undone.pop();
            if self.undo_decision(true, now) {
                self.history.done.extend(change);
            }
            return;
        }
        if let Some(change) = self.history.undone.pop() {
            self.say(format!("Done again: {}", change.what));
            let inverse = self.take_back(change, now);
            self.history.done.push(inverse);
        }
    }

    fn state_now(&self) -> State {
        let selected = self.candidate().map(|candidate| candidate.id);
        let correction = self.correction().cloned().unwrap_or_default();
        State {
            view: self.view,
            pitch: self.pitch,
            settings: self.settings.clone(),
            selected,
            correction,
            offset_ms: self.offset_ms,
        }
    }

    fn files_now(&self) -> Files {
        Files { midi_path: self.midi_path.clone(), midi: self.midi.clone(), candidates: self.candidates.clone() }
    }

    /// Puts the state before a change back and returns the change that leads here again.
    fn take_back(&mut self, change: Change, now: f64) -> Change {
        let here = Some(self.state_now());
        let Some(before) = change.before else { return change };
        let files = change.files.map(|files| {
            let here = self.files_now();
            self.put_back(files, now);
            here
        });
        let wanted = before.selected;
        if let Some(index) = self.candidates.iter().position(|candidate| Some(candidate.id) == wanted) {
            self.select(index, now);
        }
        // Files opened since stay known.
        let recent = std::mem::take(&mut self.settings.recent);
        self.settings = Settings { recent, ..before.settings };
        self.mix(|_| {});
        (self.view, self.pitch) = (before.view, before.pitch);
        self.change_correction(|correction| *correction = before.correction);
        self.put_offset(before.offset_ms);
        self.update_length(now);
        self.touch();
        Change { what: change.what, at: f64::NEG_INFINITY, before: here, files }
    }

    /// Opens these files in place of those that are open. What has been made of them since is kept.
    fn put_back(&mut self, mut files: Files, now: f64) {
        let number = |midi: &Option<(u64, Arc<LoadedMidi>)>| midi.as_ref().map(|(number, _)| *number);
        let same_midi = number(&files.midi) == number(&self.midi);
        for candidate in &mut files.candidates {
            if let Some(newer) = self.candidates.iter().find(|newer| newer.id == candidate.id) {
                candidate.recording = candidate.recording.take().or_else(|| newer.recording.clone());
                candidate.sound = candidate.sound.take().or_else(|| newer.sound.clone());
                if same_midi {
                    candidate.aligned.clone_from(&newer.aligned);
                    candidate.hashed.clone_from(&newer.hashed);
                }
                candidate.halted = newer.halted;
            }
        }
        let selected = self.candidate().map(|candidate| candidate.id);
        let gone = std::mem::replace(&mut self.candidates, files.candidates);
        for id in gone.into_iter().map(|candidate| candidate.id) {
            if self.candidates.iter().all(|candidate| candidate.id != id) {
                self.loads.drop_candidate(id);
                self.problems.retain(|p| !matches!(p.retry, Again::Candidate(about) if about == id));
            }
        }
        self.selected = selected.and_then(|id| self.candidates.iter().position(|candidate| candidate.id == id));
        if self.selected.is_none() {
            self.play(false, now);
        }
        if self.midi_path != files.midi_path || !same_midi {
            self.loads.drop_midi();
            let read = files.midi.as_ref().map(|(_, midi)| midi.side.path.clone());
            (self.midi, self.midi_path) = (files.midi, files.midi_path);
            // It was being read when it was taken away.
            if let Some(path) = self.midi_path.clone().filter(|path| Some(path) != read.as_ref()) {
                self.load_midi(path);
            }
        }
    }
}
