//! What can be taken back: each change leaves the little that is needed to undo it.

use super::super::command::Command;
use super::super::settings::Settings;
use super::super::timeline::{PitchView, TimeView};
use super::{Candidate, Model};

/// Changes kept.
const KEPT: usize = 200;
/// Changes of one kind within this many seconds are one: a drag of a slider, a turn of the wheel.
const ONE_GESTURE_S: f64 = 1.0;

/// What a change may alter.
struct State {
    view: TimeView,
    pitch: PitchView,
    settings: Settings,
    selected: Option<u64>,
}

/// What has to happen to the list.
enum Listed {
    Nothing,
    PutIn(usize, Box<Candidate>),
    TakeOut(usize),
}

/// A change, as the state before it.
struct Change {
    what: &'static str,
    at: f64,
    before: State,
    list: Listed,
}

/// Changes done, and changes taken back.
#[derive(Default)]
pub(super) struct History {
    done: Vec<Change>,
    undone: Vec<Change>,
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
        Command::Remove(_) | Command::RemoveCandidate => Some("Removal"),
        Command::Bind(..) => Some("Key"),
        Command::Fit
        | Command::Follow
        | Command::ReducedMotion
        | Command::SingleKeys
        | Command::Beats
        | Command::Onsets
        | Command::Curves
        | Command::Accumulated
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
        !self.history.done.is_empty()
    }

    /// Whether there is anything to do again.
    pub fn can_redo(&self) -> bool {
        !self.history.undone.is_empty()
    }

    /// Obeys a command and remembers what it changed.
    pub(super) fn obey_and_remember(&mut self, command: Command, what: &'static str, now: f64) {
        let before = self.state_now();
        self.obey(command, now);
        let list = self.taken_out.take().map_or(Listed::Nothing, |(i, gone)| Listed::PutIn(i, Box::new(gone)));
        let same = before.view == self.view
            && before.pitch == self.pitch
            && before.settings == self.settings
            && before.selected == self.candidate().map(|c| c.id);
        // The first selection is the files being opened.
        let first = what == "Selection" && before.selected.is_none();
        if first || (same && matches!(list, Listed::Nothing)) {
            return;
        }
        self.touch();
        self.history.undone.clear();
        let gesture = matches!(what, "Zoom" | "Pitch zoom" | "Move of the view" | "Contrast" | "Balance" | "Speed");
        if let Some(last) = self.history.done.last_mut()
            && gesture
            && last.what == what
            && now - last.at < ONE_GESTURE_S
        {
            last.at = now;
            return;
        }
        self.history.done.push(Change { what, at: now, before, list });
        if self.history.done.len() > KEPT {
            self.history.done.remove(0);
        }
    }

    pub(super) fn undo(&mut self, now: f64) {
        if let Some(change) = self.history.done.pop() {
            self.say(format!("Undone: {}", change.what));
            let inverse = self.take_back(change, now);
            self.history.undone.push(inverse);
        }
    }

    pub(super) fn redo(&mut self, now: f64) {
        if let Some(change) = self.history.undone.pop() {
            self.say(format!("Done again: {}", change.what));
            let inverse = self.take_back(change, now);
            self.history.done.push(inverse);
        }
    }

    fn state_now(&self) -> State {
        let selected = self.candidate().map(|candidate| candidate.id);
        State { view: self.view, pitch: self.pitch, settings: self.settings.clone(), selected }
    }

    /// Puts the state before a change back and returns the change that leads here again.
    fn take_back(&mut self, change: Change, now: f64) -> Change {
        let here = self.state_now();
        let list = match change.list {
            Listed::Nothing => Listed::Nothing,
            Listed::PutIn(index, candidate) => {
                let index = index.min(self.candidates.len());
                self.candidates.insert(index, *candidate);
                self.selected = self.selected.map(|s| if s >= index { s + 1 } else { s });
                Listed::TakeOut(index)
            }
            Listed::TakeOut(index) => {
                self.remove(index, now);
                match self.taken_out.take() {
                    Some((index, gone)) => Listed::PutIn(index, Box::new(gone)),
                    None => Listed::Nothing,
                }
            }
        };
        let wanted = change.before.selected;
        if let Some(index) = self.candidates.iter().position(|candidate| Some(candidate.id) == wanted) {
            self.select(index, now);
        }
        // Files opened since stay known.
        let recent = std::mem::take(&mut self.settings.recent);
        self.settings = Settings { recent, ..change.before.settings };
        self.mix(|_| {});
        (self.view, self.pitch) = (change.before.view, change.before.pitch);
        self.update_length(now);
        self.touch();
        Change { what: change.what, at: f64::NEG_INFINITY, before: here, list }
    }
}
