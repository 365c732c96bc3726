//! [`Model`]: everything the window shows, and the only code that changes it.
//!
//! [`Model::apply`] obeys a [`Command`]; [`Model::receive`] takes in the outcome of a job. Both are plain code: tests
//! call them without a window. Moments are seconds of the recording; without one, seconds of the MIDI.

mod arrivals;
mod correcting;
mod curating;
mod embeddings;
mod files;
mod history;
mod keeping;
mod material;
mod memory;
mod networks;
mod playing;
mod searching;
mod shown;
mod toys;

pub use material::{
    Aligned, Compared, EmbeddedPair, Hashed, LayerOutput, LoadedEmbeddingModel, LoadedHashModel, LoadedMidi,
    LoadedRecording, ToyForm, TrainingForm, TrainingPreset, Unit,
};
pub use searching::{HitOrder, IndexForm, SearchForm, Searched};
pub(crate) use searching::{MOST_HITS, hit_name};
pub use shown::State;

pub use curating::{Curating, Rescue};
pub use keeping::{Recover, Recovery};

use embeddings::Embeddings;
use history::History;
use keeping::Autosave;
use memory::Recent;
use networks::Networks;
use playing::{Edge, Loaded};
use searching::Searching;
use toys::Toys;

use super::command::{Command, Failure, Hover, Shortcut, TABLE};
use super::keys;
use super::loading::{ExportOrder, Tasks, WakeUp};
use super::settings::{Settings, Tab, Theme};
use super::timeline::{Follow, PitchView, TimeView};
use crate::audio::Original;
use crate::curation::Correction;
use crate::features::FRAME_S;
use crate::picture::Tone;
use crate::playback::device::Sound;
use crate::playback::mixer::Listen;
use crate::playback::{Material, Rendition, Transport};
use std::path::PathBuf;
use std::sync::Arc;

/// Zoom factor of one press of a zoom key.
const ZOOM_STEP: f64 = 1.5;
/// The view does not follow for this many seconds after the pointer changes the loop.
const STILL_S: f64 = 0.3;
/// Factor of one press of a contrast key.
const TONE_STEP: f32 = 1.25;

/// A recording in the list.
#[derive(Clone)]
pub struct Candidate {
    /// Its number: stays the same when the list changes.
    pub id: u64,
    /// Its file.
    pub path: PathBuf,
    /// The recording, while it is in memory.
    pub recording: Option<Arc<LoadedRecording>>,
    /// Its alignment with the MIDI, once computed.
    pub aligned: Option<Arc<Aligned>>,
    /// Its alignment has no pictures: they were given back with the recording.
    bare: bool,
    /// The hash sequences of both, once computed.
    pub hashed: Option<Arc<Hashed>>,
    /// The embeddings of both, once computed.
    pub embedded: Option<Arc<EmbeddedPair>>,
    /// Its sound, at its own sample rate.
    sound: Option<Original>,
    /// Its length in seconds and whether it was analysed, once it has been read.
    seconds: Option<f64>,
    analysed: bool,
    /// Failed or cancelled: left alone until it is requested again.
    halted: bool,
    /// The manual correction of its alignment, and the alignment before it.
    correction: Correction,
    base: Option<Arc<Aligned>>,
}

impl Candidate {
    fn new(id: u64, path: PathBuf) -> Self {
        let (recording, aligned, hashed, embedded, sound) = (None, None, None, None, None);
        let (seconds, analysed, halted, bare) = (None, false, false, false);
        let (correction, base) = (Correction::default(), None);
        Self {
            id,
            path,
            recording,
            aligned,
            bare,
            hashed,
            embedded,
            sound,
            seconds,
            analysed,
            halted,
            correction,
            base,
        }
    }
}

/// A line in the jobs panel about a problem.
#[derive(Debug, Clone)]
pub struct Problem {
    /// For `Command::Retry` and `Command::Dismiss`.
    pub id: u64,
    /// What went wrong.
    pub text: String,
    retry: Retry,
}

#[derive(Debug, Clone)]
enum Retry {
    No,
    Midi(PathBuf),
    Candidate(u64),
    /// All that were left alone.
    Halted,
    Item(usize),
    Journal,
    Playing,
    Save,
    Export(ExportOrder),
    HashModel(Option<PathBuf>),
    EmbeddingModel(Option<PathBuf>),
    Index(PathBuf),
    Correction,
    Autosave,
    Pictures,
    /// The command that failed.
    Asked(Box<Command>),
}

impl Problem {
    /// Whether `Command::Retry` has any effect.
    pub fn can_retry(&self) -> bool {
        !matches!(self.retry, Retry::No)
    }
}

/// What is open over the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// The command palette.
    Palette,
    /// The list of keys.
    Shortcuts,
    /// The choice of what to export.
    Export,
    /// The offer to recover work left by a crash.
    Recovery,
    /// The question of what to do when decisions can't be saved.
    Journal,
    /// The question of what is to be added to which index.
    Index,
    /// The name and version of the program, and where its files are.
    About,
}

/// What a programme was made from: it is replaced when one of these changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ProgrammeKey {
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
    recent: Recent,
    numbered: u64,
    transport: Transport,
    /// Where the playhead was in the last frame.
    playhead: f64,
    view: TimeView,
    pitch: PitchView,
    hover: Option<Hover>,
    settings: Settings,
    overlay: Option<Overlay>,
    /// The status line.
    status: String,
    history: History,
    keep: Autosave,
    networks: Networks,
    embeddings: Embeddings,
    toys: Toys,
    searching: Searching,
    curating: Option<Box<Curating>>,
    /// Why decisions can't be saved, while the curator is being asked.
    rescue: Option<Rescue>,
    quit: bool,
    /// The number of frames so far.
    frames: u64,
    /// How often the user has asked to retry failed pictures.
    picture_attempts: u64,
    /// The command that asked for the job whose outcome is being taken in.
    asked: Option<Command>,
    problems: Vec<Problem>,
    loads: Tasks,
    sound: Sound,
    /// What is playing, or being prepared, or could not be prepared.
    heard: Option<(ProgrammeKey, Rendition)>,
    /// Pairs that were played, ready to be played again.
    materials: Vec<(ProgrammeKey, Arc<Material>)>,
    /// The programme loaded into the engine.
    loaded: Option<Loaded>,
    /// The last loop.
    region: Option<(f64, f64)>,
    offset_ms: f64,
    /// When the loop was last drawn.
    drawing_loop: f64,
    /// Whether to resume playback once the new programme is ready.
    resume: bool,
}

impl Model {
    /// Creates an empty model. `wake` is called from jobs when there is something new.
    pub fn new(settings: Settings, sound: Sound, wake: WakeUp) -> Self {
        Self {
            midi_path: None,
            midi: None,
            candidates: Vec::new(),
            selected: None,
            recent: Recent::default(),
            numbered: 0,
            transport: Transport::default(),
            playhead: 0.0,
            view: TimeView::default(),
            pitch: PitchView::default(),
            hover: None,
            settings,
            overlay: None,
            status: String::new(),
            history: History::default(),
            keep: Autosave::default(),
            networks: Networks::default(),
            embeddings: Embeddings::default(),
            toys: Toys::default(),
            searching: Searching::default(),
            curating: None,
            rescue: None,
            quit: false,
            frames: 0,
            picture_attempts: 0,
            asked: None,
            problems: Vec::new(),
            loads: Tasks::new(wake),
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

    /// Obeys a command. `now` is any steady clock in seconds. Only commands and the outcomes of jobs change the state.
    pub fn apply(&mut self, command: Command, now: f64) {
        if self.asks_before(&command, now) {
            return;
        }
        tracing::debug!(?command);
        // Jobs that fail can be retried with the command.
        let outer = self.loads.asked_by(Some(command.clone()));
        match command {
            Command::Undo => self.undo(now),
            Command::Redo => self.redo(now),
            command => match history::kind(&command) {
                Some(what) => self.obey_and_remember(command, what, now),
                None => self.dispatch(command, now),
            },
        }
        self.loads.asked_by(outer);
        self.start_what_is_missing();
    }

    fn dispatch(&mut self, command: Command, now: f64) {
        let at = self.transport.position(now);
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
            Command::Attention => settings.attention = !settings.attention,
            Command::EmbeddingTab => settings.tab = Tab::Embedding,
            Command::ToyTab => settings.tab = Tab::Toy,
            Command::SearchTab => settings.tab = Tab::Search,
            Command::ChooseIndex => self.loads.choose_index(),
            Command::UseIndex(path) => self.use_index(path),
            Command::AddToIndex => self.loads.choose_to_index(),
            Command::IndexForm(form) => self.ask_about_index(form),
            Command::ChooseIndexTo => self.loads.choose_index_to(),
            Command::Index(form) => self.add_to_index(form),
            Command::Search => self.toggle_search(),
            Command::SearchByRecording => self.search_by_recording(),
            Command::SearchHow(form) => self.search_how(form),
            Command::LookAtHit(row) => self.look_at_hit(row, now),
            Command::OpenHit => self.open_hit(now),
            Command::AuditTab => settings.tab = Tab::Audit,
            Command::FiltersTab => settings.tab = Tab::Filters,
            Command::TrainTab => settings.tab = Tab::Train,
            Command::ChooseEmbeddingModel => self.loads.choose_embedding_model(),
            Command::UseEmbeddingModel(path) => self.use_embedding_model(path),
            Command::CompareFolder => self.loads.choose_pairs(None),
            Command::CompareDataSet => self.loads.choose_pairs(Some(settings.compared_split)),
            Command::CompareLoaded => self.compare_loaded(),
            Command::CompareSplit(split) => settings.compared_split = split,
            Command::Compare(source) => self.compare(source),
            Command::OpenPair(midi, recording) => self.open_pair(midi, recording, now),
            Command::ToyProblem(form) => settings.toy = form,
            Command::Toy => self.toggle_toy(),
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
            // Handled above, or before this function.
            Command::Undo | Command::Redo => {}
            Command::ColorMap(map) => settings.color_map = map,
            Command::Invert => settings.tone.inverted = !settings.tone.inverted,
            Command::Brighter => settings.tone.gamma /= TONE_STEP,
            Command::Darker => settings.tone.gamma *= TONE_STEP,
            Command::PlainContrast => settings.tone = Tone::default(),
            Command::Contrast(tone) => settings.tone = tone,
            Command::Bind(id, key) => self.bind(id, key),
            Command::Palette => self.toggle(Overlay::Palette),
            Command::ShortcutSheet => self.toggle(Overlay::Shortcuts),
            Command::About => self.toggle(Overlay::About),
            Command::Export => self.toggle(Overlay::Export),
            Command::ExportTo(order, folder) => {
                self.overlay = None;
                self.export(order, folder);
            }
            Command::SaveSession => self.save(now),
            Command::SaveSessionAs => self.loads.choose_session_file(),
            Command::SaveTo(file) => self.save_to(file, now),
            Command::Recover(choice) => self.recover(choice, now),
            Command::Failed(Failure::Picture, text) => self.report_text(text, Retry::Pictures),
            Command::Failed(Failure::Settings, text) => self.report_text(text, Retry::No),
            Command::Close => (self.overlay, self.rescue) = (None, None),
            Command::ChooseQueue
            | Command::CloseQueue
            | Command::ChooseJournal
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
            Command::Take(files) => self.take_files(files, now),
            Command::UseSoundFont(path) => self.use_soundfont(path),
            Command::Hover(hover) => self.hover = hover,
            Command::Cancel(id) => self.cancel(id),
            Command::CancelAll => self.cancel_all(),
            Command::Retry(id) => self.retry(id, now),
            Command::Dismiss(id) => self.problems.retain(|problem| problem.id != id),
        }
        self.settings.tone = self.settings.tone.limited();
    }

    fn toggle(&mut self, overlay: Overlay) {
        self.overlay = (self.overlay != Some(overlay)).then_some(overlay);
    }

    /// Announces something: in the status line, and to screen readers.
    fn say(&mut self, text: String) {
        self.status = text;
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

    /// Takes in the outcomes of jobs and the state of the device, and moves the playhead. Call it once a frame.
    pub fn collect(&mut self, now: f64) {
        if self.sound.poll(now) {
            // Opened: play there. Lost: continue by the clock.
            self.sound_changed();
        }
        self.frames += 1;
        self.watch_training();
        self.watch_toy();
        self.poll_journal(now);
        for (arrival, asked) in self.loads.poll() {
            self.asked = asked;
            self.receive(arrival, now);
        }
        self.asked = None;
        if self.recording().is_none()
            && let Some(seconds) = self.recording_strip().map(|strip| strip.seconds())
        {
            // A picture is ready, though there is nothing to play yet.
            self.view.set_whole(seconds);
        }
        self.start_what_is_missing();
        self.follow_sound(now);
        let at = self.transport.position(now);
        // If the user has moved the view away from the playhead, leave it there.
        let follow = self.settings.follow_in_force();
        // Nor follow while the loop is being drawn.
        let still = now - self.drawing_loop < STILL_S;
        if self.transport.playing() && !still && (follow == Follow::Centred || self.view.contains(self.playhead)) {
            self.view.follow(follow, at);
        }
        self.playhead = at;
        self.keep_beside(now);
    }

    fn number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    /// The centre of a zoom by key: the playhead if it is visible, otherwise the middle.
    fn zoom_centre(&self, at: f64) -> f64 {
        if self.view.contains(at) { at } else { f64::midpoint(self.view.start(), self.view.end()) }
    }
}
