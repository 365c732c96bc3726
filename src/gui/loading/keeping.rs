//! The jobs that search folders, save sessions and export.

use super::super::model::{Aligned, LoadedMidi, LoadedRecording};
use super::{Arrival, Slot, Tasks, file_name, kind_of};
use crate::alignment::Preset;
use crate::audio::Original;
use crate::error::Result;
use crate::export::{self, Artefact, write_artefacts};
use crate::files::{self, Kind, Links, SESSION, is_audio_name, is_midi_name, walk};
use crate::job::Progress;
use crate::picture::{ColorMap, Tone};
use crate::session::{FileRef, Session};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What was found in folders.
pub struct Expanded {
    /// The named files with their kinds, and the MIDI files and recordings found in folders, sorted.
    pub files: Vec<(Kind, PathBuf)>,
    /// Names of the files in folders that are neither.
    pub skipped: Vec<String>,
    /// Further remarks for the user.
    pub remarks: Vec<String>,
}

/// What to export of the selected pair.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportOrder {
    /// The files.
    pub artefacts: BTreeSet<Artefact>,
    /// Pixels per point of a picture: 1 or 2.
    pub scale: u32,
}

impl Default for ExportOrder {
    fn default() -> Self {
        Self { artefacts: [Artefact::Midi, Artefact::Table, Artefact::Page].into(), scale: 1 }
    }
}

/// The folder and the names of the exported files.
pub struct Exported {
    /// The folder.
    pub folder: PathBuf,
    /// The names of the files in it.
    pub files: Vec<String>,
}

/// The parts of a pair that an export needs.
pub(in super::super) struct ToExport {
    pub(in super::super) midi: Arc<LoadedMidi>,
    pub(in super::super) recording: Arc<LoadedRecording>,
    pub(in super::super) aligned: Arc<Aligned>,
    pub(in super::super) sound: Option<Original>,
    pub(in super::super) colours: (ColorMap, Tone),
}

impl Tasks {
    /// Searches folders for MIDI files and recordings, and determines the kinds of documents.
    pub(in super::super) fn expand(&mut self, paths: Vec<PathBuf>) {
        self.start(Slot::Expand, 0, Arrival::Expanded, "Looking into folders".into(), move |progress| {
            let (mut files, mut skipped, mut remarks) = (Vec::new(), Vec::new(), Vec::new());
            for path in paths {
                let kind = kind_of(&path);
                if kind == Kind::Alignment {
                    let [midi, audio] = export::pair_of(&path)?;
                    remarks.push(format!("{}: its pair is aligned again", file_name(&path)));
                    files.extend([(Kind::Midi, midi), (Kind::Audio, audio)]);
                }
                if kind != Kind::Folder {
                    files.push((kind, path));
                    continue;
                }
                for path in walk(&path, Links::LeftOut).flatten() {
                    progress.step(0, 1)?;
                    match () {
                        () if is_midi_name(&path) => files.push((Kind::Midi, path)),
                        () if is_audio_name(&path) => files.push((Kind::Audio, path)),
                        () => skipped.push(file_name(&path)),
                    }
                }
            }
            Ok(Expanded { files, skipped, remarks })
        });
    }

    /// Reads a session and looks for its files.
    pub(in super::super) fn open_session(&mut self, path: PathBuf) {
        let name = format!("Opening {}", file_name(&path));
        self.start(Slot::Session, 0, Arrival::Session, name, move |progress| Session::open(&path, progress));
    }

    /// Writes a session, with the hashes of its files.
    pub(in super::super) fn save_session(&mut self, mut session: Session, path: PathBuf) {
        let name = format!("Saving {}", file_name(&path));
        self.start(Slot::Save, 0, Arrival::Saved, name, move |progress| {
            know_contents(&mut session, progress)?;
            session.save(&path)?;
            Ok((path, session))
        });
    }

    /// Writes a session, first without and then with the hashes of its files: hashing long recordings takes time.
    pub(in super::super) fn autosave(&mut self, mut session: Session, path: PathBuf) {
        self.start(Slot::Autosave, 0, Arrival::SavedBeside, "Saving beside".into(), move |progress| {
            if let Some(folder) = path.parent() {
                files::create_folder(folder)?;
            }
            session.save(&path)?;
            if know_contents(&mut session, progress)? {
                session.save(&path)?;
            }
            Ok(session)
        });
    }

    /// Stops an autosave.
    pub(in super::super) fn drop_autosave(&mut self) {
        self.stop(&[Slot::Autosave]);
    }

    /// Whether an autosave is being written.
    pub(in super::super) fn autosaving(&self) -> bool {
        self.runs(Slot::Autosave)
    }

    /// Asks where to save the session.
    pub(in super::super) fn choose_session_file(&mut self) {
        let dialog = rfd::AsyncFileDialog::new()
            .set_title("Save the session")
            .add_filter("Session", SESSION)
            .set_file_name("session.antiphon.json")
            .save_file();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseSaveTo, Arrival::SaveTo, dialog);
    }

    /// Asks for a folder to export to.
    pub(in super::super) fn choose_export_folder(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Export to a folder").pick_folder();
        let dialog = async { dialog.await.map(|file| vec![file]) };
        self.ask(Slot::ChooseExportTo, Arrival::ExportTo, dialog);
    }

    /// Writes the ordered artefacts into a folder.
    pub(in super::super) fn export(&mut self, order: ExportOrder, pair: ToExport, folder: PathBuf) {
        let name = format!("Exporting to {}", file_name(&folder));
        self.start(Slot::Export, 0, Arrival::Exported, name, move |progress| {
            let audio = &pair.recording.side;
            let of = export::Exported {
                midi: &pair.midi.side,
                audio,
                alignment: &pair.aligned.alignment,
                preset: Preset::default(),
                font: pair.midi.font.as_ref(),
                sound: pair.sound.as_ref(),
                seconds: None,
                span: None,
                colours: pair.colours,
                scale: order.scale,
            };
            let stem = files::stem(&audio.path);
            let name = |what: &str| format!("{stem} - {what}");
            let files = write_artefacts(order.artefacts, &of, &folder, name, progress)?;
            Ok(Exported { folder, files })
        });
    }
}

/// Hashes the files without a known hash and returns whether there were any. A file that has vanished keeps its name.
fn know_contents(session: &mut Session, progress: &Progress) -> Result<bool> {
    let mut any = false;
    let list = session.queue.as_mut().map(|queue| &mut queue.source).filter(|list| list.path.is_file());
    let files = session.midi.iter_mut().chain(&mut session.recordings).chain(list);
    for used in files.filter(|used| used.md5.is_none()) {
        if let Ok(known) = FileRef::of(&used.path, progress) {
            (*used, any) = (known, true);
        }
        progress.step(0, 1)?;
    }
    Ok(any)
}
