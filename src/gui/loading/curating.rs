//! The jobs of curation: opening and arranging a queue, preparing pairs ahead of the curator, writing the journal, and
//! realigning between anchors.

use super::super::model::{Aligned, LoadedMidi, LoadedRecording};
use super::{Arrival, Exported, Slot, Tasks, file_name};
use crate::alignment::{Alignment, Preset};
use crate::audio::{AudioTime, Keep};
use crate::curation::{
    Arrangement, Batch, Correction, Items, Journal, Queue, Record, arrange, export, telling_s, user_name,
};
use crate::files::{Kind, LISTS, create_folder, write};
use crate::midi::MidiTime;
use crate::pair;
use crate::playback::Material;
use crate::synth::SoundFont;
use crate::verdict;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The curator's place in a queue.
#[derive(Debug, Clone, Default)]
pub struct Bookmark {
    /// The item, by its id.
    pub item: Option<String>,
    /// The arrangement that was shown.
    pub arrangement: Arrangement,
}

/// A queue to judge, and where the decisions are kept.
pub struct OpenedQueue {
    /// The items to judge.
    pub queue: Queue,
    /// Where decisions go.
    pub journal: Journal,
    /// The item to start with, by its id.
    pub item: Option<String>,
    /// Why the journal is read-only, if it is.
    pub obstacle: Option<String>,
}

/// A pair, ready to be shown and played.
pub struct ReadyPair {
    /// The MIDI file.
    pub midi: Arc<LoadedMidi>,
    /// The recording.
    pub recording: LoadedRecording,
    /// Their alignment.
    pub aligned: Aligned,
    /// What is played, at the device's sample rate.
    pub material: Option<Arc<Material>>,
}

impl ReadyPair {
    /// Where to start listening, in seconds.
    pub fn telling_s(&self) -> f64 {
        telling_s(&self.aligned.curves.cost, self.aligned.curves.frame_s)
    }
}

/// What is needed to read a pair.
pub(in super::super) struct ToRead {
    pub(in super::super) midi: PathBuf,
    pub(in super::super) recording: PathBuf,
    /// The MIDI file, if it is already loaded.
    pub(in super::super) known: Option<Arc<LoadedMidi>>,
    pub(in super::super) font_path: Option<PathBuf>,
    pub(in super::super) font: Option<SoundFont>,
    /// The device's sample rate, if there is a device.
    pub(in super::super) sample_rate: Option<u32>,
}

/// The default journal of a source: the source itself if it is a journal, a file in it if it is a folder, otherwise a
/// file beside it.
fn journal_of(source: &Path, kind: Kind) -> PathBuf {
    match kind {
        Kind::Journal => source.to_path_buf(),
        _ if source.is_dir() => source.join("decisions.jsonl"),
        _ => source.with_extension("decisions.jsonl"),
    }
}

/// Opens a journal for writing, or else read-only, with the reason.
fn open_journal(path: &Path) -> (Journal, Option<String>) {
    match Journal::open(path, &user_name()) {
        Ok(journal) => (journal, None),
        Err(error) => (Journal::look(path, &user_name()), Some(error.to_string())),
    }
}

impl Tasks {
    /// Reads the queue and opens the journal, by default the one beside it. Decisions in the source are copied into the
    /// journal.
    pub(in super::super) fn open_queue(&mut self, source: PathBuf, journal: Option<PathBuf>, bookmark: Bookmark) {
        let name = format!("Reading {}", file_name(&source));
        self.start(Slot::Queue, 0, Arrival::Queue, name, move |progress| {
            let kind = Kind::of(&source)?;
            let items = Arc::new(Items::read(&source, &progress.part(0.0, 0.8))?);
            let (mut journal, obstacle) = open_journal(&journal.unwrap_or_else(|| journal_of(&source, kind)));
            if kind == Kind::Decisions {
                let folder = |path: &Path| path.parent().map(Path::to_path_buf).unwrap_or_default();
                let (decided, _) = export::read(&source)?;
                journal.import(export::moved(&decided, &folder(&source), &folder(journal.path())));
                // What can't be written now is kept, and reported if it can't be written later either.
                drop(journal.flush());
            }
            let mut queue = Queue::new(items, journal.table(), &progress.part(0.8, 0.9))?;
            let Bookmark { item, arrangement } = bookmark;
            if arrangement != *queue.arrangement() {
                let shown = arrange(queue.items(), queue.states(), &arrangement, &progress.part(0.9, 1.0))?;
                queue.show(shown, arrangement);
            }
            Ok(Box::new(OpenedQueue { queue, journal, item, obstacle }))
        });
    }

    /// Rearranges the queue.
    pub(in super::super) fn arrange(&mut self, queue: &Queue, arrangement: Arrangement) {
        let (items, states) = (Arc::clone(queue.items()), queue.states().to_vec());
        self.start(Slot::Arranged, 0, Arrival::Arranged, "Arranging the queue".into(), move |progress| {
            Ok((arrange(&items, &states, &arrangement, progress)?, arrangement))
        });
    }

    /// Reads and aligns a pair; `index` is its item.
    pub(in super::super) fn load_pair(&mut self, index: usize, what: ToRead) {
        let name = format!("Preparing {}", file_name(&what.recording));
        self.start(
            Slot::Pair,
            index as u64,
            move |pair| Arrival::Pair(index, pair),
            name,
            move |progress| {
                let midi = if let Some(midi) = what.known {
                    midi
                } else {
                    let font = match (what.font, &what.font_path) {
                        (Some(font), _) => font,
                        (None, Some(path)) => SoundFont::open(path)?,
                        (None, None) => SoundFont::bundled()?,
                    };
                    let side = pair::load_midi(&what.midi, &font, &progress.part(0.0, 0.3))?;
                    Arc::new(LoadedMidi::new(side, Some(font), what.font_path))
                };
                let side = pair::load_audio(&what.recording, Keep::Listening, &progress.part(0.3, 0.6))?;
                let recording = LoadedRecording::new(side);
                let alignment =
                    verdict::align(&midi.side, &recording.side, Preset::default(), &progress.part(0.6, 0.85))?;
                let aligned = Aligned::new(alignment, &midi, &recording);
                let material = match (what.sample_rate, &midi.font) {
                    (Some(rate), Some(font)) => {
                        let played = aligned.alignment.played(&midi.side.midi)?;
                        let (heard, map) = (Some((Arc::new(played.midi), font.clone())), Some(Arc::new(played.map)));
                        let part = progress.part(0.85, 1.0);
                        Some(Arc::new(Material::new(heard, recording.sound.as_ref(), map, rate, &part)?))
                    }
                    _ => None,
                };
                Ok(Box::new(ReadyPair { midi, recording, aligned, material }))
            },
        );
    }

    /// The item whose pair is being read.
    pub(in super::super) fn pairing(&self) -> Option<usize> {
        self.about(Slot::Pair).map(|item| item as usize)
    }

    /// Stops all jobs of the queue.
    pub(in super::super) fn drop_queue(&mut self) {
        self.stop(&[Slot::Pair, Slot::Arranged]);
    }

    /// Writes decisions in a job: a frame must not wait for a disk.
    pub(in super::super) fn write_journal(&mut self, mut batch: Batch) {
        self.start(Slot::Journal, 0, Arrival::Journal, "Saving decisions".into(), move |_| {
            batch.write();
            Ok(batch)
        });
    }

    /// Waits for the running write of decisions to end.
    pub(in super::super) fn finish_journal(&mut self) -> Option<Batch> {
        match self.finish(Slot::Journal)? {
            Arrival::Journal(batch) => batch.ok(),
            _ => None,
        }
    }

    /// Whether decisions are being written.
    pub(in super::super) fn writes_journal(&self) -> bool {
        self.runs(Slot::Journal)
    }

    /// Realigns a candidate between its anchors.
    pub(in super::super) fn correct(
        &mut self,
        candidate: u64,
        midi: Arc<LoadedMidi>,
        recording: Arc<LoadedRecording>,
        base: &Alignment,
        correction: &Correction,
    ) {
        let (base, correction) = (base.clone(), correction.clone());
        self.start(
            Slot::Corrected,
            candidate,
            move |found| Arrival::Corrected(candidate, found),
            "Aligning between anchors".into(),
            move |progress| {
                let anchors: Vec<_> = correction.anchors.iter().map(|&[m, a]| (MidiTime(m), AudioTime(a))).collect();
                // The offset is audible already: the device applies it.
                let found = pair::correct(&midi.side, &recording.side, &base, &anchors, 0.0, progress)?;
                Ok(Aligned::new(found, &midi, &recording))
            },
        );
    }

    /// Asks for another file to write decisions to.
    pub(in super::super) fn choose_journal(&mut self) {
        let dialog = rfd::AsyncFileDialog::new()
            .set_title("Go on in another journal")
            .add_filter("Journal", &["jsonl"])
            .set_file_name("decisions.jsonl")
            .save_file();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseJournalTo, Arrival::JournalTo, dialog);
    }

    /// Asks for a folder to write decisions to.
    pub(in super::super) fn choose_decisions_folder(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Export decisions to a folder").pick_folder();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseDecisionsTo, Arrival::DecisionsTo, dialog);
    }

    /// Writes the decisions in every format. Paths in `records` are relative to `home`.
    pub(in super::super) fn export_decisions(&mut self, records: Vec<Record>, home: PathBuf, folder: PathBuf) {
        let name = format!("Exporting to {}", file_name(&folder));
        self.start(Slot::Export, 0, Arrival::Exported, name, move |progress| {
            create_folder(&folder)?;
            let moved = export::moved(&records, &home, &folder);
            let document = serde_json::to_string_pretty(&export::document(&moved)).unwrap_or_default();
            for (name, text) in [
                ("decisions.csv", export::csv(&moved)),
                ("decisions.json", document),
                ("confirmed.jsonl", export::pair_list(&moved)),
            ] {
                progress.step(0, 1)?;
                write(&folder.join(name), text.as_bytes())?;
            }
            let jams = folder.join("jams");
            // A recording that can't be read has no duration there.
            drop(export::write_jams(&export::moved(&records, &home, &jams), &jams, progress)?);
            let files = ["decisions.csv", "decisions.json", "confirmed.jsonl", "jams"].map(str::to_owned).to_vec();
            Ok(Exported { folder, files })
        });
    }

    /// Asks for a list, table or tree.
    pub(in super::super) fn choose_queue(&mut self) {
        let dialog = rfd::AsyncFileDialog::new()
            .set_title("Open a list of matches to judge")
            .add_filter("Lists, tables, trees, decisions", LISTS)
            .pick_file();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseQueueFile, Arrival::QueueFile, dialog);
    }
}
