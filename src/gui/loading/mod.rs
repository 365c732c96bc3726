//! From paths to what the window shows: the jobs, one slot a purpose. A new job in a slot drops, and so cancels, the
//! old one; what it would have answered is never seen.

mod curating;
mod embedding;
mod hashing;
mod keeping;
mod kinds;
mod searching;

pub use curating::{OpenedQueue, ReadyPair};
pub(super) use curating::{ToRead, is_queue, journal_of};
pub(super) use embedding::ToEmbed;
pub(super) use hashing::ToHash;
pub(super) use keeping::ToExport;
pub use keeping::{Expanded, ExportOrder, Exported};
use kinds::{AUDIO_EXTENSIONS, MIDI_EXTENSIONS, is_audio};
pub(super) use kinds::{effects, file_name, is_midi};

use super::model::{
    Aligned, Compared, EmbeddedPair, Hashed, LayerOutput, LoadedEmbeddingModel, LoadedHashModel, LoadedMidi,
    LoadedRecording, Searched,
};
use crate::alignment::{Alignment, Preset};
use crate::audio::{self, Keep, Stereo};
use crate::curation::{Batch, Filter, Order};
use crate::error::{Error, Result};
use crate::evaluate::{CodeQuality, PairSource};
use crate::features::Features;
use crate::index::{Added, Index};
use crate::job::{Job, Progress};
use crate::pair::{self, AudioSide};
use crate::picture::{Curves, Strip, transposed};
use crate::playback::{Material, Programme, Rendition, Stretch, from_audio};
use crate::session::{Opened, Session};
use crate::synth::SoundFont;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

/// Called from a job when there is something new: asks for a frame.
pub type WakeUp = Arc<dyn Fn() + Send + Sync>;

/// What a finished job brings. Tests make these themselves.
pub enum Arrival {
    /// The MIDI file.
    Midi(Result<LoadedMidi>),
    /// The recording of this candidate.
    Recording(u64, Result<LoadedRecording>),
    /// The alignment of this candidate with the MIDI.
    Aligned(u64, Result<Aligned>),
    /// The hash model.
    HashModel(Result<LoadedHashModel>),
    /// The hash sequences of this candidate and the MIDI.
    Hashed(u64, Result<Hashed>),
    /// What comes out of a layer for this candidate and the MIDI.
    Layer(u64, Result<LayerOutput>),
    /// The embedding model.
    EmbeddingModel(Result<Arc<LoadedEmbeddingModel>>),
    /// An embedding model from the dialog.
    ChosenEmbeddingModel(Result<Vec<PathBuf>>),
    /// The embeddings of this candidate and the MIDI.
    Embedded(u64, Result<EmbeddedPair>),
    /// Pairs to compare, from the dialog.
    ChosenPairs(Result<PairSource>),
    /// Pairs that were compared, and what was left out.
    Compared(Result<(Compared, Vec<String>)>),
    /// The index that is searched.
    Index(Result<Arc<Index>>),
    /// An index, or what is to be added to it, from a dialog.
    ChosenIndex(Result<Vec<PathBuf>>),
    #[expect(missing_docs, reason = "the line above")]
    ToIndex(Result<Vec<PathBuf>>),
    /// What was added to the index.
    Added(Result<Added>),
    /// What a search has found.
    Found(Result<Searched>),
    /// Whether the toy problem was solved.
    Toy(Result<bool>),
    /// How well codes tell what belongs together, on a data set.
    Quality(Result<Vec<CodeQuality>>),
    /// A data set to measure on, from the dialog.
    DataToMeasure(Result<Vec<PathBuf>>),
    /// Where the trained model was written.
    Trained(Result<PathBuf>),
    /// A hash model from the dialog.
    ChosenModel(Result<Vec<PathBuf>>),
    /// The folder to write filters to.
    FiltersTo(Result<Vec<PathBuf>>),
    /// A data set to learn from.
    TrainingData(Result<Vec<PathBuf>>),
    /// Where a trained model is to be written.
    TrainingOutput(Result<Vec<PathBuf>>),
    /// What is to be judged.
    Queue(Result<Box<OpenedQueue>>),
    /// The queue in another order.
    Arranged(Result<(Vec<u32>, Order, Filter)>),
    /// The pair of this item.
    Pair(usize, Result<Box<ReadyPair>>),
    /// Decisions that were written, or could not be.
    Journal(Result<Batch>),
    /// This candidate, aligned again between anchors.
    Corrected(u64, Result<Aligned>),
    /// The folder to write decisions to.
    DecisionsTo(Result<Vec<PathBuf>>),
    /// A list of matches from the dialog.
    QueueFile(Result<Vec<PathBuf>>),
    /// What is to be played, with the recording of the candidate at the rate of the device.
    Programme(Result<Prepared>),
    /// Files from the dialog.
    Files(Result<Vec<PathBuf>>),
    /// A soundfont from the dialog.
    SoundFont(Result<Vec<PathBuf>>),
    /// The files of dropped folders.
    Expanded(Result<Expanded>),
    /// A session.
    Session(Result<Opened>),
    /// The file to save the session to.
    SaveTo(Result<Vec<PathBuf>>),
    /// The session as it was saved, with the hashes of its files.
    Saved(Result<(PathBuf, Session)>),
    /// The session as it was saved beside, with the hashes of its files.
    SavedBeside(Result<Session>),
    /// The folder to export to.
    ExportTo(Result<Vec<PathBuf>>),
    /// What was exported.
    Exported(Result<Exported>),
}

/// A way of hearing a pair, ready to be played.
pub struct Prepared {
    /// What is to be played.
    pub programme: Box<Programme>,
    /// Which way of hearing it that is.
    pub rendition: Rendition,
    /// What it was made from, for the next one.
    pub material: Arc<Material>,
    /// Work that has to run while it plays.
    pub stretch: Option<Stretch>,
}

/// Work that goes on, for the jobs panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// For `Command::Cancel`.
    pub id: u64,
    /// What is done.
    pub name: String,
    /// How far it is, 0..=1.
    pub fraction: f32,
}

/// What a cancelled job was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    Midi,
    Candidate(u64),
    Item(usize),
    Other,
}

struct Task<T> {
    id: u64,
    about: u64,
    job: Job<T>,
}

/// The slots. See the module.
pub(super) struct Loads {
    wake: WakeUp,
    started: u64,
    midi: Option<Task<LoadedMidi>>,
    recording: Option<Task<LoadedRecording>>,
    /// The picture of the recording that is read.
    early: Arc<OnceLock<Arc<Strip>>>,
    aligned: Option<Task<Aligned>>,
    programme: Option<Task<Prepared>>,
    stretch: Option<Task<()>>,
    files: Option<Task<Vec<PathBuf>>>,
    soundfont: Option<Task<Vec<PathBuf>>>,
    expand: Option<Task<Expanded>>,
    session: Option<Task<Opened>>,
    save_to: Option<Task<Vec<PathBuf>>>,
    save: Option<Task<(PathBuf, Session)>>,
    autosave: Option<Task<Session>>,
    export_to: Option<Task<Vec<PathBuf>>>,
    export: Option<Task<Exported>>,
    hash_model: Option<Task<LoadedHashModel>>,
    hashed: Option<Task<Hashed>>,
    layer: Option<Task<LayerOutput>>,
    training: Option<Task<PathBuf>>,
    quality: Option<Task<Vec<CodeQuality>>>,
    data_to_measure: Option<Task<Vec<PathBuf>>>,
    choose_model: Option<Task<Vec<PathBuf>>>,
    filters_to: Option<Task<Vec<PathBuf>>>,
    training_data: Option<Task<Vec<PathBuf>>>,
    training_output: Option<Task<Vec<PathBuf>>>,
    embedding_model: Option<Task<LoadedEmbeddingModel>>,
    choose_embedding_model: Option<Task<Vec<PathBuf>>>,
    embedded: Option<Task<EmbeddedPair>>,
    pairs: Option<Task<PairSource>>,
    compared: Option<Task<(Compared, Vec<String>)>>,
    index: Option<Task<Arc<Index>>>,
    choose_index: Option<Task<Vec<PathBuf>>>,
    choose_to_index: Option<Task<Vec<PathBuf>>>,
    added: Option<Task<Added>>,
    found: Option<Task<Searched>>,
    toy: Option<Task<bool>>,
    queue: Option<Task<Box<OpenedQueue>>>,
    arranged: Option<Task<(Vec<u32>, Order, Filter)>>,
    pair: Option<Task<Box<ReadyPair>>>,
    journal: Option<Task<Batch>>,
    corrected: Option<Task<Aligned>>,
    queue_file: Option<Task<Vec<PathBuf>>>,
    decisions_to: Option<Task<Vec<PathBuf>>>,
}

impl Loads {
    pub(super) fn new(wake: WakeUp) -> Self {
        Self {
            wake,
            started: 0,
            midi: None,
            recording: None,
            early: Arc::default(),
            aligned: None,
            programme: None,
            stretch: None,
            files: None,
            soundfont: None,
            expand: None,
            session: None,
            save_to: None,
            save: None,
            autosave: None,
            export_to: None,
            export: None,
            hash_model: None,
            hashed: None,
            layer: None,
            training: None,
            quality: None,
            data_to_measure: None,
            choose_model: None,
            filters_to: None,
            training_data: None,
            training_output: None,
            embedding_model: None,
            choose_embedding_model: None,
            embedded: None,
            pairs: None,
            compared: None,
            index: None,
            choose_index: None,
            choose_to_index: None,
            added: None,
            found: None,
            toy: None,
            queue: None,
            arranged: None,
            pair: None,
            journal: None,
            corrected: None,
            queue_file: None,
            decisions_to: None,
        }
    }

    fn start<T: Send + 'static>(
        &mut self,
        about: u64,
        name: String,
        work: impl FnOnce(&Progress) -> Result<T> + Send + 'static,
    ) -> Task<T> {
        self.started += 1;
        let wake = Arc::clone(&self.wake);
        Task { id: self.started, about, job: Job::start(name, move || wake(), work) }
    }

    /// Reads a MIDI file, with a soundfont that is loaded already or is to be loaded first.
    pub(super) fn load_midi(&mut self, path: PathBuf, font_path: Option<PathBuf>, font: Option<SoundFont>) {
        // What was computed for the old MIDI is of no use.
        (self.aligned, self.programme, self.stretch, self.embedded) = (None, None, None, None);
        self.drop_hashing();
        let name = format!("Reading {}", file_name(&path));
        self.midi = Some(self.start(0, name, move |progress| {
            let font = match (font, &font_path) {
                (Some(font), _) => font,
                (None, Some(path)) => SoundFont::open(path)?,
                (None, None) => SoundFont::bundled()?,
            };
            let side = pair::load_midi(&path, &font, progress)?;
            Ok(LoadedMidi::new(side, Some(font), font_path))
        }));
    }

    /// Stops reading the MIDI and what depends on it.
    pub(super) fn drop_midi(&mut self) {
        (self.midi, self.aligned, self.embedded) = (None, None, None);
        self.drop_hashing();
        (self.programme, self.stretch) = (None, None);
    }

    pub(super) fn load_recording(&mut self, candidate: u64, path: PathBuf) {
        let name = format!("Reading {}", file_name(&path));
        let early = Arc::new(OnceLock::new());
        self.early = Arc::clone(&early);
        let wake = Arc::clone(&self.wake);
        self.recording = Some(self.start(candidate, name, move |progress| {
            let recording = audio::decode(&path, Keep::Listening, &progress.part(0.0, 0.6))?;
            let seen = |features: &Features| {
                early.get_or_init(|| Arc::new(Strip::of(features)));
                wake();
            };
            let side = AudioSide::shown_early(path, recording, seen, &progress.part(0.6, 1.0))?;
            let mut loaded = LoadedRecording::new(side);
            if let Some(strip) = early.get() {
                // The same, so that it is not drawn twice.
                loaded.strip = Arc::clone(strip);
            }
            Ok(loaded)
        }));
    }

    pub(super) fn align(&mut self, candidate: u64, midi: Arc<LoadedMidi>, recording: Arc<LoadedRecording>) {
        let name = format!("Aligning {}", file_name(&recording.side.path));
        self.aligned = Some(self.start(candidate, name, move |progress| {
            let alignment = pair::align(&midi.side, &recording.side, Preset::default(), &progress.part(0.0, 0.95))?;
            Ok(Aligned::new(alignment, &midi, &recording))
        }));
    }

    /// Makes what is to be played of a MIDI file, a recording or both. `at` is the second of the recording to be heard
    /// first.
    pub(super) fn prepare(
        &mut self,
        midi: Option<Arc<LoadedMidi>>,
        aligned: Option<Arc<Aligned>>,
        recording: Option<Arc<Stereo>>,
        sample_rate: u32,
        rendition: Rendition,
        at: f64,
    ) {
        self.programme = Some(self.start(0, "Preparing to play".into(), move |progress| {
            let alignment = aligned.as_deref().map(|aligned| &aligned.alignment);
            let font = midi.as_deref().and_then(|midi| midi.font.clone());
            let played = midi.as_deref().zip(font).map(|(midi, font)| {
                let transpose = alignment.map_or(0, |alignment| alignment.transpose);
                (Arc::new(midi.side.midi.transposed(transpose)), font)
            });
            let map = alignment.map(|alignment| Arc::new(alignment.map.clone()));
            let part = progress.part(0.0, 0.8);
            let material = Material::new(played, recording.as_deref(), map, sample_rate, &part)?;
            prepared(Arc::new(material), rendition, at, &progress.part(0.8, 1.0))
        }));
    }

    /// As [`prepare`](Self::prepare), where only the way of hearing is another.
    pub(super) fn prepare_again(&mut self, material: Arc<Material>, rendition: Rendition, at: f64) {
        self.programme = Some(
            self.start(0, "Preparing to play".into(), move |progress| prepared(material, rendition, at, progress)),
        );
    }

    /// Makes stretched sound while it plays, or stops making it.
    pub(super) fn stretch(&mut self, work: Option<Stretch>) {
        self.stretch =
            work.map(|work| self.start(0, "Stretching the recording".into(), move |progress| work.run(progress)));
    }

    /// Asks for files. Call it on the thread of the window: some systems want their dialogs made there.
    pub(super) fn choose_files(&mut self) {
        let dialog = rfd::AsyncFileDialog::new()
            .set_title("Open a MIDI file, recordings, or both")
            .add_filter("MIDI, audio and sessions", &[MIDI_EXTENSIONS, AUDIO_EXTENSIONS, &["json"]].concat())
            .add_filter("All files", &["*"])
            .pick_files();
        self.files = Some(self.start(0, "Choosing files".into(), move |progress| answer(dialog, progress)));
    }

    /// Asks for a soundfont.
    pub(super) fn choose_soundfont(&mut self) {
        let dialog =
            rfd::AsyncFileDialog::new().set_title("Choose a soundfont").add_filter("SF2", &["sf2", "SF2"]).pick_file();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.soundfont = Some(self.start(0, "Choosing a soundfont".into(), move |progress| answer(dialog, progress)));
    }

    /// Whether a dialog is open.
    pub(super) fn choosing(&self) -> bool {
        let dialogs = [&self.files, &self.soundfont, &self.save_to, &self.export_to, &self.choose_model];
        let others = [
            &self.queue_file,
            &self.choose_index,
            &self.choose_to_index,
            &self.decisions_to,
            &self.data_to_measure,
            &self.filters_to,
            &self.training_data,
            &self.training_output,
        ];
        dialogs.into_iter().chain(others).any(Option::is_some)
            || self.choose_embedding_model.is_some()
            || self.pairs.is_some()
    }

    pub(super) fn midi_runs(&self) -> bool {
        self.midi.is_some()
    }

    /// The picture of the recording that is read, once it is there, and its candidate.
    pub(super) fn early(&self) -> Option<(u64, &Arc<Strip>)> {
        Some((self.reading()?, self.early.get()?))
    }

    /// The candidate whose recording is read.
    pub(super) fn reading(&self) -> Option<u64> {
        self.recording.as_ref().map(|task| task.about)
    }

    /// The candidate that is aligned.
    pub(super) fn aligning(&self) -> Option<u64> {
        self.aligned.as_ref().map(|task| task.about)
    }

    pub(super) fn preparing(&self) -> bool {
        self.programme.is_some()
    }

    /// Stops everything about a candidate.
    pub(super) fn drop_candidate(&mut self, candidate: u64) {
        self.recording.take_if(|task| task.about == candidate);
        self.aligned.take_if(|task| task.about == candidate);
        self.hashed.take_if(|task| task.about == candidate);
        self.layer.take_if(|task| task.about == candidate);
        self.embedded.take_if(|task| task.about == candidate);
        self.corrected.take_if(|task| task.about == candidate);
    }

    /// Stops aligning between anchors.
    pub(super) fn drop_correction(&mut self) {
        self.corrected = None;
    }

    /// What runs, oldest first. Dialogs are not shown: they are their own progress.
    pub(super) fn running(&self) -> Vec<Running> {
        fn row<T: Send + 'static>(task: Option<&Task<T>>) -> Option<Running> {
            task.map(|t| Running { id: t.id, name: t.job.name().to_owned(), fraction: t.job.progress().fraction() })
        }
        let mut rows: Vec<Running> = [
            row(self.midi.as_ref()),
            row(self.recording.as_ref()),
            row(self.aligned.as_ref()),
            row(self.programme.as_ref()),
            row(self.stretch.as_ref()),
            row(self.expand.as_ref()),
            row(self.session.as_ref()),
            row(self.save.as_ref()),
            row(self.export.as_ref()),
            row(self.hash_model.as_ref()),
            row(self.hashed.as_ref()),
            row(self.layer.as_ref()),
            row(self.training.as_ref()),
            row(self.quality.as_ref()),
            row(self.embedding_model.as_ref()),
            row(self.embedded.as_ref()),
            row(self.compared.as_ref()),
            row(self.index.as_ref()),
            row(self.added.as_ref()),
            row(self.found.as_ref()),
            row(self.toy.as_ref()),
            row(self.queue.as_ref()),
            row(self.arranged.as_ref()),
            row(self.pair.as_ref()),
            row(self.corrected.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect();
        rows.sort_by_key(|row| row.id);
        rows
    }

    /// Stops the job with this number and says what it was about.
    pub(super) fn cancel(&mut self, id: u64) -> Option<Stopped> {
        fn cut<T>(slot: &mut Option<Task<T>>, id: u64) -> Option<u64> {
            slot.take_if(|task| task.id == id).map(|task| task.about)
        }
        if cut(&mut self.midi, id).is_some() {
            return Some(Stopped::Midi);
        }
        if self.training.as_ref().is_some_and(|task| task.id == id) {
            // It writes its checkpoint before it ends.
            self.stop_training();
            return Some(Stopped::Other);
        }
        if let Some(item) = cut(&mut self.pair, id) {
            return Some(Stopped::Item(item as usize));
        }
        let of_candidate = cut(&mut self.recording, id).or_else(|| cut(&mut self.aligned, id));
        if let Some(candidate) = of_candidate
            .or_else(|| cut(&mut self.hashed, id))
            .or_else(|| cut(&mut self.layer, id))
            .or_else(|| cut(&mut self.embedded, id))
        {
            return Some(Stopped::Candidate(candidate));
        }
        cut(&mut self.stretch, id)
            .or_else(|| cut(&mut self.programme, id))
            .or_else(|| cut(&mut self.expand, id))
            .or_else(|| cut(&mut self.session, id))
            .or_else(|| cut(&mut self.save, id))
            .or_else(|| cut(&mut self.export, id))
            .or_else(|| cut(&mut self.hash_model, id))
            .or_else(|| cut(&mut self.quality, id))
            .or_else(|| cut(&mut self.embedding_model, id))
            .or_else(|| cut(&mut self.compared, id))
            .or_else(|| cut(&mut self.index, id))
            .or_else(|| cut(&mut self.added, id))
            .or_else(|| cut(&mut self.found, id))
            .or_else(|| cut(&mut self.toy, id))
            .or_else(|| cut(&mut self.queue, id))
            .or_else(|| cut(&mut self.arranged, id))
            .or_else(|| cut(&mut self.corrected, id))
            .map(|_| Stopped::Other)
    }

    /// What has come in since the last call.
    pub(super) fn poll(&mut self) -> Vec<Arrival> {
        fn take<T: Send + 'static>(slot: &mut Option<Task<T>>) -> Option<(u64, Result<T>)> {
            let task = slot.as_mut()?;
            let outcome = task.job.poll()?;
            let about = task.about;
            *slot = None;
            Some((about, outcome))
        }
        let mut arrivals = Vec::new();
        arrivals.extend(take(&mut self.midi).map(|(_, outcome)| Arrival::Midi(outcome)));
        arrivals.extend(take(&mut self.recording).map(|(about, outcome)| Arrival::Recording(about, outcome)));
        arrivals.extend(take(&mut self.aligned).map(|(about, outcome)| Arrival::Aligned(about, outcome)));
        // Its outcome is the sound itself; one that was stopped is silence.
        drop(take(&mut self.stretch));
        arrivals.extend(take(&mut self.programme).map(|(_, outcome)| Arrival::Programme(outcome)));
        arrivals.extend(take(&mut self.files).map(|(_, outcome)| Arrival::Files(outcome)));
        arrivals.extend(take(&mut self.soundfont).map(|(_, outcome)| Arrival::SoundFont(outcome)));
        arrivals.extend(take(&mut self.expand).map(|(_, outcome)| Arrival::Expanded(outcome)));
        arrivals.extend(take(&mut self.session).map(|(_, outcome)| Arrival::Session(outcome)));
        arrivals.extend(take(&mut self.save_to).map(|(_, outcome)| Arrival::SaveTo(outcome)));
        arrivals.extend(take(&mut self.save).map(|(_, outcome)| Arrival::Saved(outcome)));
        arrivals.extend(take(&mut self.export_to).map(|(_, outcome)| Arrival::ExportTo(outcome)));
        arrivals.extend(take(&mut self.export).map(|(_, outcome)| Arrival::Exported(outcome)));
        arrivals.extend(take(&mut self.hash_model).map(|(_, outcome)| Arrival::HashModel(outcome)));
        arrivals.extend(take(&mut self.hashed).map(|(about, outcome)| Arrival::Hashed(about, outcome)));
        arrivals.extend(take(&mut self.layer).map(|(about, outcome)| Arrival::Layer(about, outcome)));
        arrivals.extend(take(&mut self.training).map(|(_, outcome)| Arrival::Trained(outcome)));
        arrivals.extend(take(&mut self.quality).map(|(_, outcome)| Arrival::Quality(outcome)));
        arrivals.extend(take(&mut self.data_to_measure).map(|(_, outcome)| Arrival::DataToMeasure(outcome)));
        arrivals.extend(take(&mut self.choose_model).map(|(_, outcome)| Arrival::ChosenModel(outcome)));
        arrivals.extend(take(&mut self.filters_to).map(|(_, outcome)| Arrival::FiltersTo(outcome)));
        arrivals.extend(take(&mut self.training_data).map(|(_, outcome)| Arrival::TrainingData(outcome)));
        arrivals.extend(take(&mut self.training_output).map(|(_, outcome)| Arrival::TrainingOutput(outcome)));
        arrivals.extend(take(&mut self.embedding_model).map(|(_, o)| Arrival::EmbeddingModel(o.map(Arc::new))));
        arrivals.extend(take(&mut self.choose_embedding_model).map(|(_, o)| Arrival::ChosenEmbeddingModel(o)));
        arrivals.extend(take(&mut self.embedded).map(|(about, outcome)| Arrival::Embedded(about, outcome)));
        arrivals.extend(take(&mut self.pairs).map(|(_, outcome)| Arrival::ChosenPairs(outcome)));
        arrivals.extend(take(&mut self.compared).map(|(_, outcome)| Arrival::Compared(outcome)));
        arrivals.extend(take(&mut self.index).map(|(_, outcome)| Arrival::Index(outcome)));
        arrivals.extend(take(&mut self.choose_index).map(|(_, outcome)| Arrival::ChosenIndex(outcome)));
        arrivals.extend(take(&mut self.choose_to_index).map(|(_, outcome)| Arrival::ToIndex(outcome)));
        arrivals.extend(take(&mut self.added).map(|(_, outcome)| Arrival::Added(outcome)));
        arrivals.extend(take(&mut self.found).map(|(_, outcome)| Arrival::Found(outcome)));
        arrivals.extend(take(&mut self.toy).map(|(_, outcome)| Arrival::Toy(outcome)));
        arrivals.extend(take(&mut self.queue).map(|(_, outcome)| Arrival::Queue(outcome)));
        arrivals.extend(take(&mut self.arranged).map(|(_, outcome)| Arrival::Arranged(outcome)));
        arrivals.extend(take(&mut self.pair).map(|(about, outcome)| Arrival::Pair(about as usize, outcome)));
        arrivals.extend(take(&mut self.journal).map(|(_, outcome)| Arrival::Journal(outcome)));
        arrivals.extend(take(&mut self.corrected).map(|(about, outcome)| Arrival::Corrected(about, outcome)));
        arrivals.extend(take(&mut self.decisions_to).map(|(_, outcome)| Arrival::DecisionsTo(outcome)));
        arrivals.extend(take(&mut self.queue_file).map(|(_, outcome)| Arrival::QueueFile(outcome)));
        arrivals.extend(take(&mut self.autosave).map(|(_, outcome)| Arrival::SavedBeside(outcome)));
        arrivals
    }
}

fn prepared(material: Arc<Material>, rendition: Rendition, at: f64, progress: &Progress) -> Result<Prepared> {
    let at = from_audio(material.map(), rendition.warp, at);
    let made = material.programme(rendition, at, progress)?;
    Ok(Prepared { programme: Box::new(made.programme), rendition, material, stretch: made.stretch })
}

impl Aligned {
    /// Prepares what is drawn of an alignment.
    pub fn new(alignment: Alignment, midi: &LoadedMidi, recording: &LoadedRecording) -> Self {
        let features = Arc::new(transposed(&midi.side.features, alignment.transpose));
        let (frames, frame_s) = (recording.strip.values.nrows(), recording.strip.frame_s);
        let strip = Arc::new(Strip::in_audio_time(&features, &alignment.map, frames, frame_s));
        let curves = Curves::new(&alignment.map, &midi.side.midi, &features, recording.frames(), frame_s);
        Self { alignment, features, strip, curves }
    }
}

/// Waits for a dialog, and gives up when the job is cancelled.
fn answer(
    dialog: impl Future<Output = Option<Vec<rfd::FileHandle>>> + Send,
    progress: &Progress,
) -> Result<Vec<PathBuf>> {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut dialog = std::pin::pin!(dialog);
    loop {
        if let Poll::Ready(files) = dialog.as_mut().poll(&mut Context::from_waker(&waker)) {
            let files = files.ok_or(Error::Cancelled)?;
            return Ok(files.into_iter().map(|file| file.path().to_path_buf()).collect());
        }
        progress.step(0, 1)?;
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
}
