//! What the panels read from the [`Model`]. Nothing here changes it.

use super::super::command::Hover;
use super::super::loading::{Running, file_name};
use super::super::settings::Settings;
use super::super::timeline::{PitchView, TimeView};
use super::{Aligned, Candidate, LoadedMidi, LoadedRecording, Model, Overlay, Problem, Rescue};
use crate::alignment::Segments;
use crate::audio::AudioTime;
use crate::midi::MidiTime;
use crate::picture::Strip;
use crate::playback::Transport;
use crate::playback::device::Sound;
use std::path::Path;
use std::sync::Arc;

impl Model {
    /// The MIDI, once it is read.
    pub fn midi(&self) -> Option<&Arc<LoadedMidi>> {
        self.midi.as_ref().map(|(_, midi)| midi)
    }

    /// The MIDI's file, read or not.
    pub fn midi_path(&self) -> Option<&Path> {
        self.midi_path.as_deref()
    }

    /// The recordings, in the order in which they were opened.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Index of the selected candidate.
    pub fn selected(&self) -> Option<usize> {
        self.selected
    }

    /// The selected candidate.
    pub fn candidate(&self) -> Option<&Candidate> {
        self.candidates.get(self.selected?)
    }

    /// The selected recording.
    pub fn recording(&self) -> Option<&Arc<LoadedRecording>> {
        self.candidate()?.recording.as_ref()
    }

    /// The picture of the selected recording: available before the recording is completely read.
    pub fn recording_strip(&self) -> Option<&Arc<Strip>> {
        let candidate = self.candidate()?;
        match &candidate.recording {
            Some(recording) => Some(&recording.strip),
            None => self.loads.early().filter(|(id, _)| *id == candidate.id).map(|(_, strip)| strip),
        }
    }

    /// Its alignment.
    pub fn aligned(&self) -> Option<&Arc<Aligned>> {
        self.candidate().filter(|candidate| !candidate.bare)?.aligned.as_ref()
    }

    /// How the recording plays the MIDI.
    pub fn segments(&self) -> Option<&Segments> {
        self.aligned().map(|aligned| &aligned.alignment.segments)
    }

    /// The moment of the MIDI at a moment of the displayed clock; `None` if unknown.
    pub fn midi_time(&self, audio_s: f64) -> Option<MidiTime> {
        self.midi()?;
        match self.segments() {
            Some(segments) => Some(segments.to_midi(AudioTime(audio_s))),
            // Without a recording the clock is the MIDI's own.
            None => self.candidate().is_none().then_some(MidiTime(audio_s)),
        }
    }

    /// Playback and the playhead.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The part of the time axis that is shown.
    pub fn view(&self) -> &TimeView {
        &self.view
    }

    /// What the pointer is over.
    pub fn hover(&self) -> Option<Hover> {
        self.hover
    }

    /// The settings that persist between runs.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The bins that are shown.
    pub fn pitch(&self) -> &PitchView {
        &self.pitch
    }

    /// What is open over the window.
    pub fn overlay(&self) -> Option<Overlay> {
        self.overlay
    }

    /// The latest status: for the status line and for screen readers.
    pub fn status(&self) -> &str {
        &self.status
    }

    /// How often the user has asked to retry failed pictures.
    pub(in super::super) fn picture_attempts(&self) -> u64 {
        self.picture_attempts
    }

    /// Why decisions can't be saved, while the curator is being asked what to do.
    pub fn rescue(&self) -> Option<&Rescue> {
        self.rescue.as_ref()
    }

    /// Whether the window should close.
    pub fn quit(&self) -> bool {
        self.quit
    }

    /// Problems that have not been dismissed.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The running jobs.
    pub fn running(&self) -> Vec<Running> {
        self.loads.running()
    }

    /// The sound device.
    pub fn sound(&self) -> &Sound {
        &self.sound
    }

    /// Whether there is anything to play.
    pub fn playable(&self) -> bool {
        self.transport.seconds() > 0.0
    }

    /// Whether a file dialog is open.
    pub fn choosing(&self) -> bool {
        self.loads.choosing()
    }

    /// Whether there are several candidates to choose from.
    pub fn several(&self) -> bool {
        self.candidates.len() > 1 || self.curating().is_some_and(|curating| curating.queue().shown().len() > 1)
    }

    /// Whether no job is running or pending.
    pub fn idle(&self) -> bool {
        self.loads.running().is_empty() && (self.sound.clock().is_some() || self.sound.is_silent())
    }

    /// Whether recordings wait for the running jobs to end.
    pub fn waits(&self) -> bool {
        self.candidates.iter().any(|candidate| !candidate.halted && self.state(candidate) == State::Waiting)
    }

    /// How far a candidate has got, for its line in the list.
    pub fn state(&self, candidate: &Candidate) -> State {
        if let Some(aligned) = &candidate.aligned {
            return State::Aligned(aligned.alignment.confidence);
        }
        if candidate.halted {
            State::Halted
        } else if self.loads.reading() == Some(candidate.id) {
            State::Reading
        } else if self.loads.aligning() == Some(candidate.id) {
            State::Aligning
        } else if candidate.recording.is_some() && self.midi_path.is_none() {
            State::NoMidi
        } else {
            State::Waiting
        }
    }

    /// The name of the current recording, or a placeholder.
    pub(in super::super) fn recording_name(&self) -> String {
        self.candidate().map_or_else(|| "recording".into(), |candidate| file_name(&candidate.path))
    }

    /// The name of the MIDI, or a placeholder.
    pub(in super::super) fn midi_name(&self) -> String {
        self.midi_path.as_deref().map_or_else(|| "MIDI".into(), file_name)
    }
}

/// How far a candidate has got.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum State {
    /// It is waiting its turn.
    Waiting,
    /// Its file is being read.
    Reading,
    /// It has been read, and there is no MIDI to align it with.
    NoMidi,
    /// It is being aligned.
    Aligning,
    /// It has been aligned, with this confidence.
    Aligned(f64),
    /// It failed or was cancelled.
    Halted,
}
