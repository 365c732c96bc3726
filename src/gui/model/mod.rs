//! [`Model`]: everything that the window shows, and the only code that changes it.
//!
//! [`Model::apply`] obeys a [`Command`]; [`Model::receive`] takes in what a job has brought. Both are plain code: tests
//! call them without a window. Moments are seconds of the recording; without one, seconds of the MIDI.

mod material;
mod shown;

pub use material::{Aligned, LoadedMidi, LoadedRecording};
pub use shown::State;

use super::command::{Command, Hover};
use super::loading::{Arrival, Loads, Prepared, Stopped, WakeUp, is_midi};
use super::settings::{Settings, Theme};
use super::timeline::{Follow, TimeView};
use crate::audio::{ANALYSIS_RATE, Stereo};
use crate::error::{Error, Result};
use crate::playback::device::Sound;
use crate::playback::mixer::{Listen, Mix};
use crate::playback::{Order, Transport};
use std::path::PathBuf;
use std::sync::Arc;

/// A frame of the features in seconds (spec A: hop 1024 at 22 050 Hz).
const FRAME_S: f64 = 1024.0 / ANALYSIS_RATE as f64;
/// A press of a zoom key.
const ZOOM_STEP: f64 = 1.5;

/// A recording in the list.
pub struct Candidate {
    /// Its number: stays when the list changes.
    pub id: u64,
    /// Its file.
    pub path: PathBuf,
    /// The recording, once it is read.
    pub recording: Option<Arc<LoadedRecording>>,
    /// Its alignment with the MIDI, once it is there.
    pub aligned: Option<Arc<Aligned>>,
    /// Its sound: at its own rate, and once it was played at that of the device.
    sound: Option<Arc<Stereo>>,
    /// Failed or cancelled: left alone until it is asked for.
    halted: bool,
}

/// A line in the jobs panel about something that went wrong.
#[derive(Debug, Clone)]
pub struct Problem {
    /// For `Command::Retry` and `Command::Dismiss`.
    pub id: u64,
    /// What went wrong.
    pub text: String,
    retry: Again,
}

#[derive(Debug, Clone)]
enum Again {
    No,
    Midi(PathBuf),
    Candidate(u64),
    Playing,
}

impl Problem {
    /// Whether `Command::Retry` can do anything.
    pub fn can_retry(&self) -> bool {
        !matches!(self.retry, Again::No)
    }
}

/// What a programme was made of: a newer one replaces it when one of these differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heard {
    midi: Option<u64>,
    candidate: Option<u64>,
    aligned: bool,
    sample_rate: u32,
}

/// See the module.
pub struct Model {
    midi_path: Option<PathBuf>,
    midi: Option<(u64, Arc<LoadedMidi>)>,
    candidates: Vec<Candidate>,
    selected: Option<usize>,
    numbered: u64,
    transport: Transport,
    /// Where the playhead was in the last frame.
    playhead: f64,
    view: TimeView,
    hover: Option<Hover>,
    settings: Settings,
    sheet: bool,
    quit: bool,
    problems: Vec<Problem>,
    loads: Loads,
    sound: Sound,
    /// What plays, or is being prepared, or could not be.
    heard: Option<Heard>,
    /// Go on playing once the new programme is there.
    resume: bool,
}

impl Model {
    /// An empty model. `wake` is called from jobs when there is something new.
    pub fn new(settings: Settings, sound: Sound, wake: WakeUp) -> Self {
        Self {
            midi_path: None,
            midi: None,
            candidates: Vec::new(),
            selected: None,
            numbered: 0,
            transport: Transport::default(),
            playhead: 0.0,
            view: TimeView::default(),
            hover: None,
            settings,
            sheet: false,
            quit: false,
            problems: Vec::new(),
            loads: Loads::new(wake),
            sound,
            heard: None,
            resume: false,
        }
    }

    /// Obeys a command. `now` is any steady clock in seconds.
    pub fn apply(&mut self, command: Command, now: f64) {
        let at = self.transport.position(now);
        if let Some(color_map) = command.color_map() {
            self.settings.color_map = color_map;
        }
        match command {
            Command::ChooseFiles => self.loads.choose_files(),
            Command::ChooseSoundFont => self.loads.choose_soundfont(),
            Command::Quit => self.quit = true,
            Command::PlayPause => self.play(!(self.transport.playing() || self.resume), now),
            Command::Back => self.seek(at - 0.1, now),
            Command::Forward => self.seek(at + 0.1, now),
            Command::BackSecond => self.seek(at - 1.0, now),
            Command::ForwardSecond => self.seek(at + 1.0, now),
            Command::BackFrame => self.seek(at - FRAME_S, now),
            Command::ForwardFrame => self.seek(at + FRAME_S, now),
            Command::Start => self.seek(0.0, now),
            Command::End => self.seek(f64::MAX, now),
            Command::Seek(seconds) => self.seek(seconds, now),
            Command::HearMidi => self.mix(|mix| mix.listen = Listen::Midi),
            Command::HearRecording => self.mix(|mix| mix.listen = Listen::Recording),
            Command::HearBoth => self.mix(|mix| mix.listen = Listen::Both),
            Command::Flip => self.mix(|mix| {
                mix.listen = if mix.listen == Listen::Midi { Listen::Recording } else { Listen::Midi };
            }),
            Command::Split => self.mix(|mix| mix.split = !mix.split),
            Command::Balance(balance) => self.mix(|mix| mix.balance = balance.clamp(-1.0, 1.0)),
            Command::ZoomIn => self.view.zoom(ZOOM_STEP, self.zoom_centre(at)),
            Command::ZoomOut => self.view.zoom(1.0 / ZOOM_STEP, self.zoom_centre(at)),
            Command::Zoom { factor, around } => self.view.zoom(factor, around),
            Command::Pan(seconds) => self.view.pan(seconds),
            Command::Fit => self.view.fit(),
            Command::Follow => self.settings.follow = self.settings.follow.next(),
            Command::NextCandidate => self.step_candidate(1, now),
            Command::PreviousCandidate => self.step_candidate(-1, now),
            Command::Select(index) => self.select(index, now),
            Command::Remove(index) => self.remove(index, now),
            Command::ThemeSystem => self.settings.theme = Theme::System,
            Command::ThemeDark => self.settings.theme = Theme::Dark,
            Command::ThemeLight => self.settings.theme = Theme::Light,
            Command::Viridis | Command::Magma | Command::Cividis | Command::Grey => {}
            Command::ShortcutSheet => self.sheet = !self.sheet,
            Command::Open(paths) => self.open(paths, now),
            Command::UseSoundFont(path) => {
                self.settings.soundfont = path;
                if let Some(midi) = self.midi_path.clone() {
                    self.load_midi(midi);
                }
            }
            Command::Hover(hover) => self.hover = hover,
            Command::Cancel(id) => self.cancel(id),
            Command::Retry(id) => self.retry(id),
            Command::Dismiss(id) => self.problems.retain(|problem| problem.id != id),
        }
        self.start_what_is_missing();
    }

    /// Takes in what the jobs and the device have brought, and moves the playhead. Call it once a frame.
    pub fn collect(&mut self, now: f64) {
        if self.sound.poll() {
            // Opened: play there. Lost: go on by the clock.
            self.heard = None;
            self.sound.send(Order::Mix(self.settings.mix));
        }
        for arrival in self.loads.poll() {
            self.receive(arrival, now);
        }
        self.start_what_is_missing();
        if let (Some(clock), Some(sample_rate)) = (self.sound.clock(), self.sound.sample_rate()) {
            self.transport.follow(&clock, sample_rate, now);
        } else {
            self.transport.follow_silently(now);
            if self.resume && self.playable() {
                self.play(true, now);
            }
        }
        let at = self.transport.position(now);
        // Somebody who has moved the view away from the playhead wants to look there.
        if self.transport.playing() && (self.settings.follow == Follow::Centred || self.view.contains(self.playhead)) {
            self.view.follow(self.settings.follow, at);
        }
        self.playhead = at;
    }

    /// Takes in what a job has brought.
    pub fn receive(&mut self, arrival: Arrival, now: f64) {
        match arrival {
            Arrival::Midi(Ok(midi)) => {
                self.midi_path = Some(midi.side.path.clone());
                let number = self.number();
                self.midi = Some((number, Arc::new(midi)));
                self.forget_alignments();
                self.update_length(now);
            }
            Arrival::Midi(Err(error)) => {
                if let Some(path) = self.midi_path.take() {
                    self.report(&error, Again::Midi(path));
                }
            }
            Arrival::Recording(id, outcome) => {
                self.settle(id, outcome, |candidate, mut recording| {
                    candidate.sound = recording.sound.take();
                    candidate.recording = Some(Arc::new(recording));
                });
                self.update_length(now);
            }
            Arrival::Aligned(id, outcome) => {
                let outcome = outcome.map(Arc::new);
                self.settle(id, outcome, |candidate, aligned| candidate.aligned = Some(aligned));
            }
            Arrival::Programme(Ok(prepared)) => self.play_programme(prepared, now),
            Arrival::Programme(Err(error)) => self.report(&error, Again::Playing),
            Arrival::Files(Ok(paths)) => self.open(paths, now),
            Arrival::SoundFont(Ok(paths)) => self.apply(Command::UseSoundFont(paths.into_iter().next()), now),
            Arrival::Files(Err(error)) | Arrival::SoundFont(Err(error)) => self.report(&error, Again::No),
        }
    }

    fn number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    /// Where zoom keys hold the picture: at the playhead when it is in sight, otherwise in the middle.
    fn zoom_centre(&self, at: f64) -> f64 {
        if self.view.contains(at) { at } else { f64::midpoint(self.view.start(), self.view.end()) }
    }

    fn play(&mut self, playing: bool, now: f64) {
        // With a device it starts when there is something to play there.
        self.resume = playing && self.loads.preparing() && !self.transport.playing();
        if self.resume {
            return;
        }
        if playing && self.transport.at_end(now) && self.playable() {
            self.seek(0.0, now);
        }
        if self.transport.set_playing(playing, now) {
            let serial = self.transport.serial();
            self.sound.send(if playing { Order::Play(serial) } else { Order::Pause(serial) });
        }
    }

    fn seek(&mut self, seconds: f64, now: f64) {
        let at = self.transport.seek(seconds, now);
        self.send_seek(at);
        self.view.reveal(at);
    }

    fn send_seek(&mut self, at: f64) {
        if let Some(sample_rate) = self.sound.sample_rate() {
            let frame = (at * f64::from(sample_rate)).round().max(0.0) as u64;
            self.sound.send(Order::Seek(frame, self.transport.serial()));
        }
    }

    fn mix(&mut self, change: impl FnOnce(&mut Mix)) {
        change(&mut self.settings.mix);
        self.sound.send(Order::Mix(self.settings.mix));
    }

    fn open(&mut self, paths: Vec<PathBuf>, now: f64) {
        let (midis, recordings): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| is_midi(path));
        // One MIDI at a time: of several, the last, as if they had been opened one by one.
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

    /// Puts a recording in the list, to be read when its turn comes, and returns its number. One that is there already
    /// is not added again.
    pub fn add(&mut self, path: PathBuf) -> u64 {
        if let Some(known) = self.candidates.iter().find(|candidate| candidate.path == path) {
            return known.id;
        }
        let id = self.number();
        self.candidates.push(Candidate { id, path, recording: None, aligned: None, sound: None, halted: false });
        id
    }

    fn load_midi(&mut self, path: PathBuf) {
        let font_path = self.settings.soundfont.clone();
        let font = self.midi().filter(|midi| midi.font_path == font_path).and_then(|midi| midi.font.clone());
        self.problems.retain(|problem| !matches!(problem.retry, Again::Midi(_)));
        self.midi_path = Some(path.clone());
        self.loads.load_midi(path, font_path, font);
    }

    fn forget_alignments(&mut self) {
        for candidate in &mut self.candidates {
            candidate.aligned = None;
            candidate.halted &= candidate.recording.is_none();
        }
    }

    fn step_candidate(&mut self, by: isize, now: f64) {
        let Some(at) = self.selected else { return };
        if let Some(to) = at.checked_add_signed(by).filter(|&to| to < self.candidates.len()) {
            self.select(to, now);
        }
    }

    /// Looks at another candidate, at the same musical moment where that is known.
    fn select(&mut self, index: usize, now: f64) {
        let Some(candidate) = self.candidates.get_mut(index) else { return };
        candidate.halted = false;
        if self.selected == Some(index) {
            return;
        }
        let musical = self.midi_time(self.transport.position(now));
        let playing = self.transport.playing();
        if playing {
            self.play(false, now);
        }
        self.resume = playing;
        self.selected = Some(index);
        self.update_length(now);
        let at = musical.zip(self.map()).map_or(0.0, |(moment, map)| map.to_audio(moment).0);
        self.transport.seek(at, now);
        self.view.fit();
    }

    fn remove(&mut self, index: usize, now: f64) {
        if index >= self.candidates.len() {
            return;
        }
        let gone = self.candidates.remove(index);
        self.loads.drop_candidate(gone.id);
        self.problems.retain(|p| !matches!(p.retry, Again::Candidate(id) if id == gone.id));
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

    fn update_length(&mut self, now: f64) {
        let seconds = match (self.candidate(), self.midi()) {
            (Some(candidate), _) => candidate.recording.as_ref().map_or(0.0, |recording| recording.seconds()),
            (None, Some(midi)) => midi.side.midi.end().0.max(midi.strip.seconds()),
            (None, None) => 0.0,
        };
        self.transport.set_seconds(seconds, now);
        self.view.set_whole(seconds);
    }

    /// Puts the outcome of a job where it belongs; one whose candidate is gone is dropped.
    fn settle<T>(&mut self, id: u64, outcome: Result<T>, put: impl FnOnce(&mut Candidate, T)) {
        let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.id == id) else { return };
        match outcome {
            Ok(value) => put(candidate, value),
            Err(error) => {
                candidate.halted = true;
                self.report(&error, Again::Candidate(id));
            }
        }
    }

    fn report(&mut self, error: &Error, retry: Again) {
        if matches!(error, Error::Cancelled) {
            return;
        }
        let id = self.number();
        self.problems.push(Problem { id, text: error.to_string(), retry });
    }

    fn cancel(&mut self, id: u64) {
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
            Some(Stopped::Other) | None => {}
        }
    }

    fn retry(&mut self, id: u64) {
        let Some(index) = self.problems.iter().position(|problem| problem.id == id) else { return };
        match self.problems.remove(index).retry {
            Again::No => {}
            Again::Midi(path) => self.load_midi(path),
            Again::Candidate(id) => {
                if let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.id == id) {
                    candidate.halted = false;
                }
            }
            Again::Playing => self.heard = None,
        }
    }

    /// Fills the free slots: the candidate that is looked at first, then the others in order.
    fn start_what_is_missing(&mut self) {
        let order = || self.candidate().into_iter().chain(&self.candidates).filter(|candidate| !candidate.halted);
        let to_read = order().find(|c| c.recording.is_none()).map(|c| (c.id, c.path.clone()));
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
    }

    /// Starts to prepare what is looked at, unless that is what plays.
    fn prepare_to_play(&mut self) {
        let Some(sample_rate) = self.sound.sample_rate() else { return };
        let wanted = Heard {
            midi: self.midi.as_ref().map(|(number, _)| *number),
            candidate: self.recording().and(self.candidate()).map(|candidate| candidate.id),
            aligned: self.aligned().is_some(),
            sample_rate,
        };
        if self.heard == Some(wanted) || !self.playable() {
            return;
        }
        self.heard = Some(wanted);
        let recording = self.candidate().and_then(|candidate| {
            candidate.recording.as_ref()?;
            Some((candidate.id, candidate.sound.clone()?))
        });
        // Until it is known where the MIDI belongs it is not played beside a recording.
        let midi = self.midi().filter(|_| self.candidate().is_none() || wanted.aligned).cloned();
        let aligned = self.aligned().cloned();
        self.loads.prepare(midi, aligned, recording, self.transport.seconds(), sample_rate);
    }

    fn play_programme(&mut self, prepared: Prepared, now: f64) {
        if let Some((id, sound)) = prepared.sound
            && let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.id == id)
        {
            candidate.sound = Some(sound);
        }
        self.sound.send(Order::Load(prepared.programme));
        let at = self.transport.position(now);
        if std::mem::take(&mut self.resume) {
            self.send_seek(at);
            self.play(true, now);
        } else if !self.transport.playing() {
            self.send_seek(at);
        } else {
            // It plays already (by the clock, or an older programme): the engine goes on from where the playhead is.
            self.transport.seek(at, now);
            self.send_seek(at);
            self.play(true, now);
        }
    }

    /// Remembers the scale of the window's contents.
    pub(super) fn set_ui_scale(&mut self, scale: f32) {
        self.settings.ui_scale = scale;
    }
}
