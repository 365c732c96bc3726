//! Undo and redo: each change keeps the old values of whatever its command altered, and undo touches nothing else.
//! Tabs, the index, models and forms cannot be undone.

use super::super::command::{Command, Curate};
use super::super::settings::{Settings, Theme};
use super::super::timeline::{Follow, PitchView, TimeView};
use super::{Candidate, LoadedMidi, Model, Retry};
use crate::curation::Correction;
use crate::picture::{ColorMap, Tone};
use crate::playback::Rendition;
use crate::playback::mixer::Mix;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The number of changes kept.
const KEPT: usize = 200;
/// Changes of one kind within this many seconds count as one: a drag of a slider, a turn of the wheel.
const ONE_GESTURE_S: f64 = 1.0;

/// Changes to the open files.
const OPENING: &str = "Opening of files";
const REMOVAL: &str = "Removal";
/// A line of the journal.
pub(super) const DECISION: &str = "Decision";
/// One or more presses of an offset key.
const OFFSET: &str = "Offset";
/// A drag of an anchor.
const ANCHOR: &str = "Anchor";

/// The settings that undo restores. Undo can't touch any others: the index, the tab, models, forms, recent files.
macro_rules! undoable {
    ($($name:ident: $($field:ident).+ : $of:ty;)*) => {
        /// The previous value of a setting.
        #[derive(Debug, Clone)]
        enum Setting {
            $($name($of),)*
        }

        impl Setting {
            /// The settings that differ, with their values in `before`.
            fn differing(before: &Settings, after: &Settings) -> Vec<Self> {
                let mut settings = Vec::new();
                $(if differ(&before.$($field).+, &after.$($field).+) {
                    settings.push(Self::$name(before.$($field).+.clone()));
                })*
                settings
            }

            /// The current value of the same setting.
            fn now(&self, settings: &Settings) -> Self {
                match self {
                    $(Self::$name(_) => Self::$name(settings.$($field).+.clone()),)*
                }
            }

            /// Restores the value.
            fn put(self, settings: &mut Settings) {
                match self {
                    $(Self::$name(value) => settings.$($field).+ = value,)*
                }
            }
        }
    };
}

undoable! {
    Theme: theme: Theme;
    ColorMap: color_map: ColorMap;
    Tone: tone: Tone;
    Mix: mix: Mix;
    Rendition: rendition: Rendition;
    Follow: follow: Follow;
    UiScale: ui_scale: f32;
    Keys: keys: BTreeMap<String, String>;
    SingleKeys: single_keys: bool;
    ReducedMotion: reduced_motion: bool;
    Beats: beats: bool;
    Onsets: onsets: bool;
    Curves: curves: bool;
    Accumulated: accumulated: bool;
    HashBits: hash_bits: bool;
    HammingMatrix: hamming_matrix: bool;
    Activations: activations: bool;
    SharedScale: shared_scale: bool;
    Attention: attention: bool;
    Blind: blind: bool;
    List: panels.list: bool;
    Inspector: panels.inspector: bool;
}

fn differ<T: PartialEq>(a: &T, b: &T) -> bool {
    a != b
}

/// One thing that a command has altered, with its previous value.
enum Part {
    Files(Files),
    /// The selected candidate, by its number.
    Selected(Option<u64>),
    Setting(Setting),
    View(TimeView),
    Pitch(PitchView),
    /// The correction of this candidate.
    Correction(u64, Correction),
    Offset(f64),
}

/// The state that is compared before and after a command.
struct State {
    view: TimeView,
    pitch: PitchView,
    settings: Settings,
    selected: Option<u64>,
    correction: Correction,
    offset_ms: f64,
}

/// The open files, with everything made from them.
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

    fn is_empty(&self) -> bool {
        self.midi_path.is_none() && self.candidates.is_empty()
    }
}

/// An undoable change: only what its command has altered.
struct Change {
    what: &'static str,
    at: f64,
    /// The parts, in the order in which they are restored. Empty for a decision: its state is in the journal.
    parts: Vec<Part>,
}

/// Changes done, and changes undone.
#[derive(Default)]
pub(super) struct History {
    done: Vec<Change>,
    undone: Vec<Change>,
}

impl History {
    /// Records that a decision was made.
    pub(super) fn decided(&mut self, now: f64) {
        self.undone.clear();
        self.done.push(Change { what: DECISION, at: now, parts: Vec::new() });
    }

    /// Gives back the sound of the files of earlier changes: it is read again if they return.
    fn lighten(&mut self) {
        for part in self.done.iter_mut().chain(&mut self.undone).flat_map(|change| &mut change.parts) {
            if let Part::Files(files) = part {
                for candidate in &mut files.candidates {
                    (candidate.recording, candidate.sound, candidate.hashed) = (None, None, None);
                }
            }
        }
    }

    /// Forgets the changes that do not apply to another pair.
    pub(super) fn forget_but(&mut self, keep: impl Fn(&str) -> bool) {
        self.done.retain(|change| keep(change.what));
        self.undone.retain(|change| keep(change.what));
    }
}

/// The kind of change a command makes, if it can be undone.
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
        Command::Open(_) | Command::Take(_) | Command::OpenPair(..) => Some(OPENING),
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
        | Command::Attention
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
        | Command::ColorMap(_)
        | Command::Invert
        | Command::Brighter
        | Command::Darker
        | Command::PlainContrast => command.entry().map(|entry| entry.name),
        _ => None,
    }
}

impl Model {
    /// Whether there is anything to undo.
    pub fn can_undo(&self) -> bool {
        !self.history.done.is_empty() || self.curating().is_some_and(|curating| curating.journal().can_undo())
    }

    /// Whether there is anything to redo.
    pub fn can_redo(&self) -> bool {
        !self.history.undone.is_empty() || self.curating().is_some_and(|curating| curating.journal().can_redo())
    }

    /// Obeys a command and remembers what it changed.
    pub(super) fn obey_and_remember(&mut self, command: Command, what: &'static str, now: f64) {
        let before = self.state_now();
        let files = (what == OPENING || what == REMOVAL).then(|| self.files_now());
        self.dispatch(command, now);
        // An empty window is not a state to return to: undo must not end in one.
        let files = files.filter(|files| !files.is_empty() && !files.same_as(self));
        // The first selection is part of opening the files.
        let first = what == "Selection" && before.selected.is_none();
        if first || (what == OPENING && files.is_none()) {
            return;
        }
        let parts = self.parts_since(before, files);
        if parts.is_empty() {
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
            // The value before the gesture is already recorded.
            last.at = now;
            return;
        }
        self.history.lighten();
        self.history.done.push(Change { what, at: now, parts });
        if self.history.done.len() > KEPT {
            self.history.done.remove(0);
        }
    }

    /// What differs from `before`, in the order in which it is to be restored.
    fn parts_since(&self, before: State, files: Option<Files>) -> Vec<Part> {
        let mut parts: Vec<Part> = files.into_iter().map(Part::Files).collect();
        let selected = self.candidate().map(|candidate| candidate.id);
        let same_candidate = selected == before.selected;
        if !same_candidate {
            parts.push(Part::Selected(before.selected));
        }
        parts.extend(Setting::differing(&before.settings, &self.settings).into_iter().map(Part::Setting));
        if before.view != self.view {
            parts.push(Part::View(before.view));
        }
        if before.pitch != self.pitch {
            parts.push(Part::Pitch(before.pitch));
        }
        if let Some(id) = selected.filter(|_| same_candidate)
            && self.correction().is_some_and(|correction| *correction != before.correction)
        {
            parts.push(Part::Correction(id, before.correction));
        }
        if (before.offset_ms - self.offset_ms).abs() > 0.0 {
            parts.push(Part::Offset(before.offset_ms));
        }
        parts
    }

    pub(super) fn undo(&mut self, now: f64) {
        // Below the changes of this run are the decisions of earlier runs.
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

    /// Restores what a change has altered, and nothing else. Returns the inverse change.
    fn take_back(&mut self, change: Change, now: f64) -> Change {
        let inverse = change.parts.iter().map(|part| self.part_now(part)).collect();
        for part in change.parts {
            self.put_part(part, now);
        }
        // Tell the device the restored mix.
        self.mix(|_| {});
        self.update_length(now);
        self.touch();
        Change { what: change.what, at: f64::NEG_INFINITY, parts: inverse }
    }

    /// The current value of a part.
    fn part_now(&self, part: &Part) -> Part {
        match part {
            Part::Files(_) => Part::Files(self.files_now()),
            Part::Selected(_) => Part::Selected(self.candidate().map(|candidate| candidate.id)),
            Part::Setting(setting) => Part::Setting(setting.now(&self.settings)),
            Part::View(_) => Part::View(self.view),
            Part::Pitch(_) => Part::Pitch(self.pitch),
            Part::Correction(id, _) => {
                let candidate = self.candidates.iter().find(|candidate| candidate.id == *id);
                Part::Correction(*id, candidate.map(|candidate| candidate.correction.clone()).unwrap_or_default())
            }
            Part::Offset(_) => Part::Offset(self.offset_ms),
        }
    }

    fn put_part(&mut self, part: Part, now: f64) {
        match part {
            Part::Files(files) => self.put_back(files, now),
            Part::Selected(id) => {
                if let Some(index) = self.candidates.iter().position(|candidate| Some(candidate.id) == id) {
                    self.select(index, now);
                }
            }
            Part::Setting(setting) => setting.put(&mut self.settings),
            Part::View(view) => self.view = view,
            Part::Pitch(pitch) => self.pitch = pitch,
            // Other candidates keep their own corrections.
            Part::Correction(id, correction) if self.candidate().is_some_and(|candidate| candidate.id == id) => {
                self.change_correction(|corrected| *corrected = correction);
            }
            Part::Correction(..) => {}
            Part::Offset(offset_ms) => self.put_offset(offset_ms),
        }
    }

    /// Opens these files in place of the open ones. Anything made from them since is kept.
    fn put_back(&mut self, mut files: Files, now: f64) {
        let number = |midi: &Option<(u64, Arc<LoadedMidi>)>| midi.as_ref().map(|(number, _)| *number);
        let same_midi = number(&files.midi) == number(&self.midi);
        for candidate in &mut files.candidates {
            if let Some(newer) = self.candidates.iter().find(|newer| newer.id == candidate.id) {
                candidate.recording = candidate.recording.take().or_else(|| newer.recording.clone());
                candidate.sound = candidate.sound.take().or_else(|| newer.sound.clone());
                if same_midi {
                    candidate.aligned.clone_from(&newer.aligned);
                    candidate.bare = newer.bare;
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
                self.problems.retain(|p| !matches!(p.retry, Retry::Candidate(about) if about == id));
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
            // It was still being read when it was removed.
            if let Some(path) = self.midi_path.clone().filter(|path| Some(path) != read.as_ref()) {
                self.load_midi(path);
            }
        }
    }
}
