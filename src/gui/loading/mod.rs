//! From paths to what the window shows: the jobs, one slot per purpose.

mod curating;
mod embedding;
mod hashing;
mod keeping;
mod kinds;
mod searching;
mod slots;

pub(super) use curating::ToRead;
pub use curating::{Bookmark, OpenedQueue, ReadyPair};
pub(super) use embedding::ToEmbed;
pub(super) use hashing::ToHash;
pub(super) use keeping::ToExport;
pub use keeping::{Expanded, ExportOrder, Exported};
use kinds::kind_of;
pub(super) use kinds::{effects, file_name};

use slots::{OF_CANDIDATE, SLOTS, Slot, Task, answer};

use super::command::Command;
use super::model::{
    Aligned, Compared, EmbeddedPair, Hashed, LayerOutput, LoadedEmbeddingModel, LoadedHashModel, LoadedMidi,
    LoadedRecording, Searched,
};
use crate::alignment::{Alignment, Preset};
use crate::audio::{self, Keep, Original};
use crate::curation::{Arrangement, Batch};
use crate::error::Result;
use crate::evaluate::{CodeQuality, PairSource};
use crate::features::{BINS, Features};
use crate::files;
use crate::index::{Added, Index};
use crate::job::Progress;
use crate::pair::{self, AudioSide};
use crate::picture::{Curves, Strip, transposed};
use crate::playback::{Material, Programme, Rendition, Stretch, from_audio};
use crate::session::{Opened, Session};
use crate::synth::SoundFont;
use crate::verdict;
use ndarray::Array2;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Called from a job when there is something new: requests a frame.
pub type WakeUp = Arc<dyn Fn() + Send + Sync>;

/// The outcome of a finished job. Tests make these themselves.
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
    /// The output of a layer for this candidate and the MIDI.
    Layer(u64, Result<LayerOutput>),
    /// The embedding model.
    EmbeddingModel(Result<Arc<LoadedEmbeddingModel>>),
    /// An embedding model from the dialog.
    ChosenEmbeddingModel(Result<Vec<PathBuf>>),
    /// The embeddings of this candidate and the MIDI.
    Embedded(u64, Result<EmbeddedPair>),
    /// Pairs to compare, from the dialog.
    ChosenPairs(Result<PairSource>),
    /// The pairs that were compared, and what was left out.
    Compared(Result<(Compared, Vec<String>)>),
    /// The index to search.
    Index(Result<Arc<Index>>),
    /// An index, or what to add to it, from a dialog.
    ChosenIndex(Result<Vec<PathBuf>>),
    #[expect(missing_docs, reason = "the line above")]
    ToIndex(Result<Vec<PathBuf>>),
    /// Another place for an index, from the dialog.
    IndexTo(Result<Vec<PathBuf>>),
    /// What was added to the index.
    Added(Result<Added>),
    /// The result of a search.
    Found(Result<Searched>),
    /// Whether the toy problem was solved.
    Toy(Result<bool>),
    /// How well the codes separate matching from other pairs on a data set.
    Quality(Result<Vec<CodeQuality>>),
    /// A data set to evaluate on, from the dialog.
    DataToMeasure(Result<Vec<PathBuf>>),
    /// Where the trained model was written.
    Trained(Result<PathBuf>),
    /// A hash model from the dialog.
    ChosenModel(Result<Vec<PathBuf>>),
    /// The folder to write filters to, from the dialog.
    FiltersTo(Result<Vec<PathBuf>>),
    /// A data set to learn from, from the dialog.
    TrainingData(Result<Vec<PathBuf>>),
    /// Where to write a trained model, from the dialog.
    TrainingOutput(Result<Vec<PathBuf>>),
    /// The queue to judge.
    Queue(Result<Box<OpenedQueue>>),
    /// The queue in another order.
    Arranged(Result<(Vec<u32>, Arrangement)>),
    /// The pair of this item.
    Pair(usize, Result<Box<ReadyPair>>),
    /// Decisions that were written, or that could not be.
    Journal(Result<Batch>),
    /// This candidate, realigned between anchors.
    Corrected(u64, Result<Aligned>),
    /// The folder to write decisions to, from the dialog.
    DecisionsTo(Result<Vec<PathBuf>>),
    /// Another journal, from the dialog.
    JournalTo(Result<Vec<PathBuf>>),
    /// A list of matches, from the dialog.
    QueueFile(Result<Vec<PathBuf>>),
    /// Stretching ended: its sound goes to the device, so there is nothing to take in.
    Stretched(Result<()>),
    /// The programme to play, with the recording of the candidate at the device's sample rate.
    Programme(Result<Prepared>),
    /// Files from the dialog.
    Files(Result<Vec<PathBuf>>),
    /// A soundfont from the dialog.
    SoundFont(Result<Vec<PathBuf>>),
    /// The files of dropped folders.
    Expanded(Result<Expanded>),
    /// A session.
    Session(Result<Opened>),
    /// The file to save the session to, from the dialog.
    SaveTo(Result<Vec<PathBuf>>),
    /// The session as saved, with the hashes of its files.
    Saved(Result<(PathBuf, Session)>),
    /// The session as autosaved, with the hashes of its files.
    SavedBeside(Result<Session>),
    /// The folder to export to, from the dialog.
    ExportTo(Result<Vec<PathBuf>>),
    /// The exported files.
    Exported(Result<Exported>),
}

/// A rendition of a pair, ready to be played.
pub struct Prepared {
    /// The programme to play.
    pub programme: Box<Programme>,
    /// The rendition it plays.
    pub rendition: Rendition,
    /// What it was made from, to be reused for the next one.
    pub material: Arc<Material>,
    /// Stretching that has to run while it plays.
    pub stretch: Option<Stretch>,
}

/// A running job, for the jobs panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// For `Command::Cancel`.
    pub id: u64,
    /// What it does.
    pub name: String,
    /// Its progress, 0..=1.
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

/// See the module.
pub(super) struct Tasks {
    wake: WakeUp,
    started: u64,
    running: [Option<Task>; SLOTS],
    /// The command being obeyed.
    asked: Option<Command>,
    /// The picture of the recording being read.
    early: Arc<OnceLock<Arc<Strip>>>,
}

impl Tasks {
    pub(super) fn new(wake: WakeUp) -> Self {
        Self { wake, started: 0, running: std::array::from_fn(|_| None), asked: None, early: Arc::default() }
    }

    /// Reads a MIDI file; the soundfont is loaded already, or is loaded first.
    pub(super) fn load_midi(&mut self, path: PathBuf, font_path: Option<PathBuf>, font: Option<SoundFont>) {
        // What was computed for the old MIDI is useless.
        self.stop(&[Slot::Aligned, Slot::Programme, Slot::Stretch, Slot::Embedded]);
        self.drop_hashing();
        let name = format!("Reading {}", file_name(&path));
        self.start(Slot::Midi, 0, Arrival::Midi, name, move |progress| {
            let font = match (font, &font_path) {
                (Some(font), _) => font,
                (None, Some(path)) => SoundFont::open(path)?,
                (None, None) => SoundFont::bundled()?,
            };
            let side = pair::load_midi(&path, &font, progress)?;
            Ok(LoadedMidi::new(side, Some(font), font_path))
        });
    }

    /// Stops reading the MIDI and everything that depends on it.
    pub(super) fn drop_midi(&mut self) {
        self.stop(&[Slot::Midi, Slot::Aligned, Slot::Embedded]);
        self.drop_hashing();
        self.stop(&[Slot::Programme, Slot::Stretch]);
    }

    pub(super) fn load_recording(&mut self, candidate: u64, path: PathBuf) {
        let name = format!("Reading {}", file_name(&path));
        let early = Arc::new(OnceLock::new());
        self.early = Arc::clone(&early);
        let wake = Arc::clone(&self.wake);
        self.start(
            Slot::Recording,
            candidate,
            move |found| Arrival::Recording(candidate, found),
            name,
            move |progress| {
                let recording = audio::decode(&path, Keep::Listening, &progress.part(0.0, 0.6))?;
                let seen = |features: &Features| {
                    early.get_or_init(|| Arc::new(Strip::of(features)));
                    wake();
                };
                let side = AudioSide::shown_early(path, recording, seen, &progress.part(0.6, 1.0))?;
                let mut loaded = LoadedRecording::new(side);
                if let Some(strip) = early.get() {
                    // The same strip, so that it is not drawn twice.
                    loaded.strip = Arc::clone(strip);
                }
                Ok(loaded)
            },
        );
    }

    pub(super) fn align(&mut self, candidate: u64, midi: Arc<LoadedMidi>, recording: Arc<LoadedRecording>) {
        let name = format!("Aligning {}", file_name(&recording.side.path));
        self.start(
            Slot::Aligned,
            candidate,
            move |found| Arrival::Aligned(candidate, found),
            name,
            move |progress| {
                let alignment =
                    verdict::align(&midi.side, &recording.side, Preset::default(), &progress.part(0.0, 0.95))?;
                Ok(Aligned::new(alignment, &midi, &recording))
            },
        );
    }

    /// Prepares a MIDI file, a recording or both for playing. `at` is the second of the recording that will be heard
    /// first.
    pub(super) fn prepare(
        &mut self,
        midi: Option<Arc<LoadedMidi>>,
        aligned: Option<Arc<Aligned>>,
        recording: Option<Original>,
        sample_rate: u32,
        rendition: Rendition,
        at: f64,
    ) {
        self.start(Slot::Programme, 0, Arrival::Programme, "Preparing to play".into(), move |progress| {
            let alignment = aligned.as_deref().map(|aligned| &aligned.alignment);
            let font = midi.as_deref().and_then(|midi| midi.font.clone());
            let played = match (midi.as_deref(), alignment) {
                (Some(midi), Some(alignment)) => Some(alignment.played(&midi.side.midi)?),
                _ => None,
            };
            let (unfolded, map) = played.map(|played| (Arc::new(played.midi), Arc::new(played.map))).unzip();
            let written = || midi.as_deref().map(|midi| Arc::new(midi.side.midi.clone()));
            let heard = unfolded.or_else(written).zip(font);
            let part = progress.part(0.0, 0.8);
            let material = Material::new(heard, recording.as_ref(), map, sample_rate, &part)?;
            prepared(Arc::new(material), rendition, at, &progress.part(0.8, 1.0))
        });
    }

    /// As [`prepare`](Self::prepare), when only the rendition has changed.
    pub(super) fn prepare_again(&mut self, material: Arc<Material>, rendition: Rendition, at: f64) {
        self.start(Slot::Programme, 0, Arrival::Programme, "Preparing to play".into(), move |progress| {
            prepared(material, rendition, at, progress)
        });
    }

    /// Stretches sound while it plays; `None` stops it.
    pub(super) fn stretch(&mut self, work: Option<Stretch>) {
        self.stop(&[Slot::Stretch]);
        if let Some(work) = work {
            let name = "Stretching the recording".into();
            self.start(Slot::Stretch, 0, Arrival::Stretched, name, move |progress| work.run(progress));
        }
    }

    /// Asks for files. Call it on the window's thread: some systems require dialogs to be made there.
    pub(super) fn choose_files(&mut self) {
        let dialog = rfd::AsyncFileDialog::new()
            .set_title("Open a MIDI file, recordings, or both")
            .add_filter("MIDI, audio and sessions", &[files::MIDI, files::AUDIO, files::SESSION].concat())
            .add_filter("All files", &["*"])
            .pick_files();
        self.ask(Slot::ChooseFiles, Arrival::Files, dialog);
    }

    /// Asks for a soundfont.
    pub(super) fn choose_soundfont(&mut self) {
        let dialog =
            rfd::AsyncFileDialog::new().set_title("Choose a soundfont").add_filter("SF2", files::SOUNDFONT).pick_file();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseSoundFont, Arrival::SoundFont, dialog);
    }

    pub(super) fn midi_runs(&self) -> bool {
        self.runs(Slot::Midi)
    }

    /// The picture of the recording being read, once it is ready, and its candidate.
    pub(super) fn early(&self) -> Option<(u64, &Arc<Strip>)> {
        Some((self.reading()?, self.early.get()?))
    }

    /// The candidate whose recording is being read.
    pub(super) fn reading(&self) -> Option<u64> {
        self.about(Slot::Recording)
    }

    /// The candidate being aligned.
    pub(super) fn aligning(&self) -> Option<u64> {
        self.about(Slot::Aligned)
    }

    pub(super) fn preparing(&self) -> bool {
        self.runs(Slot::Programme)
    }

    /// Stops all jobs about a candidate.
    pub(super) fn drop_candidate(&mut self, candidate: u64) {
        self.stop_about(&OF_CANDIDATE, candidate);
    }

    /// Stops realigning between anchors.
    pub(super) fn drop_correction(&mut self) {
        self.stop(&[Slot::Corrected]);
    }

    /// Stops the job with this number and returns what it was about.
    pub(super) fn cancel(&mut self, id: u64) -> Option<Stopped> {
        let (slot, about) = self.find(id)?;
        if slot == Slot::Training {
            // It writes its checkpoint before it ends.
            self.stop_training();
            return Some(Stopped::Other);
        }
        self.stop(&[slot]);
        Some(match slot {
            Slot::Midi => Stopped::Midi,
            Slot::Pair => Stopped::Item(about as usize),
            Slot::Corrected => Stopped::Other,
            slot if OF_CANDIDATE.contains(&slot) => Stopped::Candidate(about),
            _ => Stopped::Other,
        })
    }
}

fn prepared(material: Arc<Material>, rendition: Rendition, at: f64, progress: &Progress) -> Result<Prepared> {
    let at = from_audio(material.map(), rendition.warp, at);
    let made = material.programme(rendition, at, progress)?;
    Ok(Prepared { programme: Box::new(made.programme), rendition, material, stretch: made.stretch })
}

impl Aligned {
    /// Prepares the drawable parts of an alignment.
    pub fn new(alignment: Alignment, midi: &LoadedMidi, recording: &LoadedRecording) -> Self {
        let features = Arc::new(transposed(&midi.side.features, alignment.transpose));
        let (frames, frame_s) = (recording.strip.values.nrows(), recording.strip.frame_s);
        let strip = Arc::new(Strip::in_audio_time(&features, &alignment.segments, frames, frame_s));
        let curves = Curves::new(&alignment.segments, &midi.side.midi, &features, recording.frames(), frame_s);
        Self { alignment, features, strip, curves }
    }

    /// The alignment alone, without what is drawn of it.
    pub(super) fn bare(&self) -> Self {
        let empty = Features { frames: Array2::zeros((0, BINS)), times: self.features.times.clone() };
        let strip = Strip { values: Array2::zeros((0, BINS)), frame_s: self.strip.frame_s };
        let curves = self.curves.emptied();
        Self { alignment: self.alignment.clone(), features: Arc::new(empty), strip: Arc::new(strip), curves }
    }
}
