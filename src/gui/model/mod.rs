//! [`Model`]: everything that the window shows, and the only code that changes it.
//!
//! [`Model::apply`] obeys a [`Command`]; [`Model::receive`] takes in what a job has brought. Both are plain code: tests
//! call them without a window. Moments are seconds of the recording; without one, seconds of the MIDI.

mod correcting;
mod curating;
mod files;
mod history;
mod keeping;
mod material;
mod networks;
mod playing;
mod shown;

pub use material::{
    Aligned, Hashed, LayerOutput, LoadedHashModel, LoadedMidi, LoadedRecording, TrainingForm, TrainingPreset, Unit,
};
pub use shown::State;

pub use curating::Curating;
pub use keeping::{Recover, Recovery};

use history::History;
use keeping::Keep;
use networks::Networks;
use playing::{Edge, Loaded};

use super::command::{Command, Curate, Hover, Shortcut, TABLE};
use super::keys;
use super::loading::{Arrival, ExportOrder, Loads, WakeUp, file_name};
use super::settings::{Settings, Tab, Theme};
use super::timeline::{Follow, PitchView, TimeView};
use crate::audio::{ANALYSIS_RATE, Stereo};
use crate::curation::Correction;
use crate::picture::Tone;
use crate::playback::device::Sound;
use crate::playback::mixer::Listen;
use crate::playback::{Material, Rendition, Transport};
use std::path::PathBuf;
use std::sync::Arc;

/// A frame of the features in seconds (spec A: hop 1024 at 22 050 Hz).
const FRAME_S: f64 = 1024.0 / ANALYSIS_RATE as f64;
/// A press of a zoom key.
const ZOOM_STEP: f64 = 1.5;
/// The view stays for so many seconds after a change of the loop by the pointer.
const STILL_S: f64 = 0.3;
/// A press of a contrast key.
const TONE_STEP: f32 = 1.25;

/// A recording in the list.
#[derive(Clone)]
pub struct Candidate {
    /// Its number: stays when the list changes.
    pub id: u64,
    /// Its file.
    pub path: PathBuf,
    /// The recording, once it is read.
    pub recording: Option<Arc<LoadedRecording>>,
    /// Its alignment with the MIDI, once it is there.
    pub aligned: Option<Arc<Aligned>>,
    /// The hash sequences of both, once they are there.
    pub hashed: Option<Arc<Hashed>>,
    /// Its sound: at its own rate, and once it was played at that of the device.
    sound: Option<Arc<Stereo>>,
    /// Failed or cancelled: left alone until it is asked for.
    halted: bool,
    /// How a person has changed its alignment, and what that was before.
    correction: Correction,
    base: Option<Arc<Aligned>>,
}

impl Candidate {
    fn new(id: u64, path: PathBuf) -> Self {
        let (recording, aligned, hashed, sound) = (None, None, None, None);
        let (correction, base) = (Correction::default(), None);
        Self { id, path, recording, aligned, hashed, sound, halted: false, correction, base }
    }
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
    Item(usize),
    Journal,
    Playing,
    Save,
    Export(ExportOrder),
    HashModel(PathBuf),
}

impl Problem {
    /// Whether `Command::Retry` can do anything.
    pub fn can_retry(&self) -> bool {
        !matches!(self.retry, Again::No)
    }
}

/// What lies over the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// The command palette.
    Palette,
    /// The list of keys.
    Shortcuts,
    /// What to export.
    Export,
    /// What a crash has left.
    Recovery,
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
    pitch: PitchView,
    hover: Option<Hover>,
    settings: Settings,
    overlay: Option<Overlay>,
    /// What was last said.
    said: String,
    history: History,
    keep: Keep,
    networks: Networks,
    curating: Option<Box<Curating>>,
    quit: bool,
    problems: Vec<Problem>,
    loads: Loads,
    sound: Sound,
    /// What plays, or is being prepared, or could not be.
    heard: Option<(Heard, Rendition)>,
    /// Pairs that were heard, ready to be heard again.
    materials: Vec<(Heard, Arc<Material>)>,
    /// What plays.
    loaded: Option<Loaded>,
    /// The last loop.
    region: Option<(f64, f64)>,
    offset_ms: f64,
    /// When the loop was drawn last.
    drawing_loop: f64,
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
            pitch: PitchView::default(),
            hover: None,
            settings,
            overlay: None,
            said: String::new(),
            history: History::default(),
            keep: Keep::default(),
            networks: Networks::default(),
            curating: None,
            quit: false,
            problems: Vec::new(),
            loads: Loads::new(wake),
            sound,
            heard: None,
            materials: Vec::new(),
            loaded: None,
            region: None,
            offset_ms: 0.0,
            drawing_loop: f64::NEG_INFINITY,
            resume: false,
        }
    }

    /// Obeys a command. `now` is any steady clock in seconds. Nothing else changes the state but what jobs bring.
    pub fn apply(&mut self, command: Command, now: f64) {
        match command {
            Command::Undo => self.undo(now),
            Command::Redo => self.redo(now),
            command => match history::kind(&command) {
                Some(what) => self.obey_and_remember(command, what, now),
                None => self.obey(command, now),
            },
        }
        self.start_what_is_missing();
    }

    fn obey(&mut self, command: Command, now: f64) {
        let at = self.transport.position(now);
        if let Some(color_map) = command.color_map() {
            self.settings.color_map = color_map;
        }
        let settings = &mut self.settings;
        let middle = f64::midpoint(self.pitch.low(), self.pitch.high());
        match command {
            Command::ChooseFiles => self.loads.choose_files(),
            Command::ChooseSoundFont => self.loads.choose_soundfont(),
            Command::BundledSoundFont => self.use_soundfont(None),
            Command::Quit => self.quit = true,
            Command::SingleKeys => settings.single_keys = !settings.single_keys,
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
            Command::Flip => self.flip(),
            Command::MuteMidi => self.mix(|mix| mix.midi_muted = !mix.midi_muted),
            Command::MuteRecording => self.mix(|mix| mix.recording_muted = !mix.recording_muted),
            Command::Click => self.next_click(),
            Command::Loop => self.toggle_loop(now),
            Command::LoopIn => self.set_edge(Edge::In, now),
            Command::LoopOut => self.set_edge(Edge::Out, now),
            Command::LoopUnreliable => self.loop_unreliable(now),
            Command::SetLoop(region) => {
                self.drawing_loop = now;
                self.set_loop(region, now);
            }
            Command::ZoomToLoop => self.zoom_to_loop(),
            Command::Slower => self.step_speed(-1.0),
            Command::Faster => self.step_speed(1.0),
            Command::NormalSpeed => self.set_speed(1.0),
            Command::Speed(speed) => self.set_speed(speed),
            Command::Varispeed => settings.rendition.varispeed = !settings.rendition.varispeed,
            Command::WarpSide => self.swap_warp(),
            Command::Earlier => self.nudge(Some(-10.0)),
            Command::Later => self.nudge(Some(10.0)),
            Command::LittleEarlier => self.nudge(Some(-1.0)),
            Command::LittleLater => self.nudge(Some(1.0)),
            Command::MuchEarlier => self.nudge(Some(-100.0)),
            Command::MuchLater => self.nudge(Some(100.0)),
            Command::NoOffset => self.nudge(None),
            Command::Split => self.mix(|mix| mix.split = !mix.split),
            Command::Balance(balance) => self.mix(|mix| mix.balance = balance.clamp(-1.0, 1.0)),
            Command::ZoomIn => self.view.zoom(ZOOM_STEP, self.zoom_centre(at)),
            Command::ZoomOut => self.view.zoom(1.0 / ZOOM_STEP, self.zoom_centre(at)),
            Command::Zoom { factor, around } => self.view.zoom(factor, around),
            Command::Pan(seconds) => self.view.pan(seconds),
            Command::ZoomPitchIn => self.pitch.zoom(ZOOM_STEP, middle),
            Command::ZoomPitchOut => self.pitch.zoom(1.0 / ZOOM_STEP, middle),
            Command::ZoomPitch { factor, around } => self.pitch.zoom(factor, around),
            Command::PanPitch(bins) => self.pitch.pan(bins),
            Command::Fit => {
                self.view.fit();
                self.pitch = PitchView::default();
            }
            Command::Follow => settings.follow = settings.follow.next(),
            Command::ReducedMotion => settings.reduced_motion = !settings.reduced_motion,
            Command::Beats => settings.beats = !settings.beats,
            Command::Onsets => settings.onsets = !settings.onsets,
            Command::Curves => settings.curves = !settings.curves,
            Command::Accumulated => settings.accumulated = !settings.accumulated,
            Command::HashBits => settings.hash_bits = !settings.hash_bits,
            Command::HammingMatrix => settings.hamming_matrix = !settings.hamming_matrix,
            Command::Activations => settings.activations = !settings.activations,
            Command::SharedScale => settings.shared_scale = !settings.shared_scale,
            Command::AuditTab => settings.tab = Tab::Audit,
            Command::FiltersTab => settings.tab = Tab::Filters,
            Command::TrainTab => settings.tab = Tab::Train,
            Command::ChooseHashModel => self.loads.choose_hash_model(),
            Command::UseHashModel(path) => self.use_hash_model(path),
            Command::ChooseDataToMeasure => self.loads.choose_data_to_measure(),
            Command::MeasureOn(folder) => self.measure_on(folder),
            Command::LookAtLayer(layer) => self.look_at_layer(layer),
            Command::LookAtUnit(unit) => self.look_at_unit(unit),
            Command::ExportFilters => self.loads.choose_filter_folder(),
            Command::ExportFiltersTo(folder) => self.export_filters(folder),
            Command::Training(form) => settings.training = form,
            Command::ChooseTrainingData => self.loads.choose_training_data(),
            Command::ChooseTrainingOutput => self.loads.choose_training_output(),
            Command::Train => self.toggle_training(),
            Command::CandidateList => settings.panels.list = !settings.panels.list,
            Command::Inspector => settings.panels.inspector = !settings.panels.inspector,
            Command::Resize(panels) => settings.panels = panels,
            Command::NextCandidate => self.step_candidate(1, now),
            Command::PreviousCandidate => self.step_candidate(-1, now),
            Command::Select(index) => self.select(index, now),
            Command::Remove(index) => self.remove(index, now),
            Command::RemoveCandidate => self.selected.into_iter().for_each(|index| self.remove(index, now)),
            Command::LargerText => settings.ui_scale = (settings.ui_scale + 0.1).min(3.0),
            Command::SmallerText => settings.ui_scale = (settings.ui_scale - 0.1).max(0.5),
            Command::NormalText => settings.ui_scale = 1.0,
            Command::ThemeSystem => settings.theme = Theme::System,
            Command::ThemeDark => settings.theme = Theme::Dark,
            Command::ThemeLight => settings.theme = Theme::Light,
            // Done above, or before this.
            Command::Viridis | Command::Magma | Command::Cividis | Command::Grey | Command::Undo | Command::Redo => {}
            Command::Invert => settings.tone.inverted = !settings.tone.inverted,
            Command::Brighter => settings.tone.gamma /= TONE_STEP,
            Command::Darker => settings.tone.gamma *= TONE_STEP,
            Command::PlainContrast => settings.tone = Tone::default(),
            Command::Contrast(tone) => settings.tone = tone,
            Command::Bind(id, key) => self.bind(id, key),
            Command::Palette => self.toggle(Overlay::Palette),
            Command::ShortcutSheet => self.toggle(Overlay::Shortcuts),
            Command::Export => self.toggle(Overlay::Export),
            Command::ExportTo(order, folder) => {
                self.overlay = None;
                self.export(order, folder);
            }
            Command::SaveSession => self.save(now),
            Command::SaveSessionAs => self.loads.choose_session_file(),
            Command::SaveTo(file) => self.save_to(file, now),
            Command::Recover(choice) => self.recover(choice, now),
            Command::Close => self.overlay = None,
            Command::ChooseQueue
            | Command::CloseQueue
            | Command::ExportDecisions
            | Command::Confirm
            | Command::Reject
            | Command::RejectWith
            | Command::Unsure
            | Command::Skip
            | Command::Flag
            | Command::Note
            | Command::Blind
            | Command::Anchor
            | Command::ForgetAnchors
            | Command::Span
            | Command::Curate(_) => self.obey_curation(command, now),
            Command::Open(paths) => self.open(paths, now),
            Command::UseSoundFont(path) => self.use_soundfont(path),
            Command::Hover(hover) => self.hover = hover,
            Command::Cancel(id) => self.cancel(id),
            Command::Retry(id) => self.retry(id, now),
            Command::Dismiss(id) => self.problems.retain(|problem| problem.id != id),
        }
        self.settings.tone = self.settings.tone.limited();
    }

    fn toggle(&mut self, overlay: Overlay) {
        self.overlay = (self.overlay != Some(overlay)).then_some(overlay);
    }

    /// Says something to everybody: in the status line, and to readers that cannot see it.
    fn say(&mut self, text: String) {
        self.said = text;
    }

    fn bind(&mut self, id: &'static str, key: Option<Shortcut>) {
        let Some(entry) = TABLE.iter().find(|entry| entry.id == id) else { return };
        let wanted = key.map_or_else(|| entry.shortcuts.to_vec(), |key| vec![key]);
        let taken = wanted.iter().find_map(|key| Some((key, keys::taken(&self.settings, id, key)?)));
        if let Some((key, other)) = taken {
            self.say(format!("{} is the key of “{}” already", keys::plain_text(key), other.name));
            return;
        }
        if let Some(key) = key {
            self.say(format!("{} is now the key of “{}”", keys::plain_text(&key), entry.name));
            self.settings.keys.insert(id.to_owned(), keys::plain_text(&key));
        } else {
            self.say(format!("“{}” has its own key again", entry.name));
            self.settings.keys.remove(id);
        }
    }

    fn use_soundfont(&mut self, path: Option<PathBuf>) {
        self.settings.soundfont = path;
        if let Some(midi) = self.midi_path.clone() {
            self.load_midi(midi);
        }
    }

    /// Takes in what the jobs and the device have brought, and moves the playhead. Call it once a frame.
    pub fn collect(&mut self, now: f64) {
        if self.sound.poll(now) {
            // Opened: play there. Lost: go on by the clock.
            self.sound_changed();
        }
        self.watch_training();
        self.poll_journal(now);
        for arrival in self.loads.poll() {
            self.receive(arrival, now);
        }
        if self.recording().is_none()
            && let Some(seconds) = self.recording_strip().map(|strip| strip.seconds())
        {
            // There is a picture already, though nothing to play yet.
            self.view.set_whole(seconds);
        }
        self.start_what_is_missing();
        self.follow_sound(now);
        let at = self.transport.position(now);
        // Somebody who has moved the view away from the playhead wants to look there.
        let follow = self.settings.follow_in_force();
        // Nor while the loop is drawn.
        let still = now - self.drawing_loop < STILL_S;
        if self.transport.playing() && !still && (follow == Follow::Centred || self.view.contains(self.playhead)) {
            self.view.follow(follow, at);
        }
        self.playhead = at;
        self.keep_beside(now);
    }

    /// Takes in what a job has brought.
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
                    self.report(&error, Again::Midi(path));
                }
            }
            Arrival::Recording(id, outcome) => {
                self.settle(id, outcome, |candidate, mut recording| {
                    candidate.sound = recording.sound.take();
                    candidate.recording = Some(Arc::new(recording));
                });
                self.update_length(now);
                self.go_to_place(now);
            }
            Arrival::Aligned(id, outcome) => {
                let outcome = outcome.map(Arc::new);
                if let (Ok(aligned), Some(candidate)) = (&outcome, self.candidates.iter().find(|c| c.id == id)) {
                    let confidence = aligned.alignment.confidence;
                    self.say(format!("{} is aligned, confidence {confidence:.2}", file_name(&candidate.path)));
                }
                self.settle(id, outcome, |candidate, aligned| candidate.aligned = Some(aligned));
            }
            Arrival::HashModel(Ok(model)) => self.take_hash_model(Some(model)),
            Arrival::HashModel(Err(error)) => self.refuse_hash_model(&error),
            Arrival::Hashed(id, outcome) => {
                self.settle(id, outcome.map(Arc::new), |candidate, hashed| candidate.hashed = Some(hashed));
            }
            Arrival::Queue(Ok(opened)) => self.take_queue(*opened, now),
            Arrival::Arranged(Ok((shown, order, filter))) => self.arranged(shown, order, filter, now),
            Arrival::Pair(index, outcome) => self.take_pair(index, outcome, now),
            Arrival::Journal(Ok(batch)) => self.journal_written(batch, now),
            Arrival::Corrected(id, outcome) => self.take_correction(id, outcome),
            Arrival::QueueFile(Ok(paths)) => {
                for path in paths {
                    self.open_queue(path, None, None);
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
            Arrival::Programme(Err(error)) => self.report(&error, Again::Playing),
            Arrival::Files(Ok(paths)) => self.apply(Command::Open(paths), now),
            Arrival::SoundFont(Ok(paths)) => self.apply(Command::UseSoundFont(paths.into_iter().next()), now),
            Arrival::Expanded(Ok(found)) => self.open_found(found, now),
            Arrival::Session(Ok(opened)) => self.restore(opened, now),
            Arrival::SaveTo(Ok(paths)) => paths.into_iter().for_each(|path| self.save_to(path, now)),
            Arrival::Saved(Ok((path, session))) => self.saved(path, session),
            Arrival::SavedBeside(Ok(session)) => self.saved_beside(session),
            // That nothing could be written beside is no news for a person who works: the next one may succeed.
            Arrival::SavedBeside(Err(_)) => {}
            Arrival::ExportTo(Ok(paths)) => {
                if let (Some(order), Some(folder)) = (self.export_order(), paths.into_iter().next()) {
                    self.export(order, Some(folder));
                }
            }
            Arrival::Exported(Ok(exported)) => {
                self.say(format!("{} files are in {}", exported.files.len(), exported.folder.display()));
            }
            Arrival::Saved(Err(error)) => self.report(&error, Again::Save),
            Arrival::Exported(Err(error)) => {
                let retry = self.export_order().map_or(Again::No, Again::Export);
                self.report(&error, retry);
            }
            Arrival::Queue(Err(error))
            | Arrival::Arranged(Err(error))
            | Arrival::Journal(Err(error))
            | Arrival::QueueFile(Err(error))
            | Arrival::DecisionsTo(Err(error))
            | Arrival::Quality(Err(error))
            | Arrival::DataToMeasure(Err(error))
            | Arrival::Layer(_, Err(error))
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
            | Arrival::ExportTo(Err(error)) => self.report(&error, Again::No),
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
}
