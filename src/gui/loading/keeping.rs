//! The jobs that look into folders, keep sessions and export.

use super::super::model::{Aligned, LoadedMidi, LoadedRecording};
use super::{Arrival, Loads, Slot, file_name, kind_of};
use crate::audio::Stereo;
use crate::error::Result;
use crate::export;
use crate::files::{self, Kind, Links, SESSION, is_audio_name, is_midi_name, walk};
use crate::job::Progress;
use crate::picture::{ColorMap, Panel, Tone, alignment_png, panel_png};
use crate::session::{FileRef, Session};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What was found in folders.
pub struct Expanded {
    /// What was named, as what it is, and the MIDI files and recordings of folders, sorted.
    pub files: Vec<(Kind, PathBuf)>,
    /// Names of what in folders is neither.
    pub skipped: Vec<String>,
    /// What else there is to say.
    pub remarks: Vec<String>,
}

/// What is to be exported of the pair that is looked at.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "one box to tick for each")]
pub struct ExportOrder {
    /// One picture of everything.
    pub page: bool,
    /// Pictures of single panels.
    pub panels: BTreeSet<Panel>,
    /// 1 or 2: pixels of a picture a point.
    pub scale: u32,
    /// The map as a table.
    pub csv: bool,
    /// The MIDI on the recording's clock.
    pub midi: bool,
    /// MIDI left, recording right.
    pub listen: bool,
}

impl Default for ExportOrder {
    fn default() -> Self {
        Self { page: true, panels: BTreeSet::new(), scale: 1, csv: true, midi: true, listen: false }
    }
}

/// Where files were exported to, and how many.
pub struct Exported {
    /// The folder.
    pub folder: PathBuf,
    /// The files in it, by name.
    pub files: Vec<String>,
}

/// A pair as an export needs it.
pub(in super::super) struct ToExport {
    pub(in super::super) midi: Arc<LoadedMidi>,
    pub(in super::super) recording: Arc<LoadedRecording>,
    pub(in super::super) aligned: Arc<Aligned>,
    pub(in super::super) sound: Option<Arc<Stereo>>,
    pub(in super::super) colours: (ColorMap, Tone),
}

impl Loads {
    /// Looks into folders for MIDI files and recordings, and into documents for what they are.
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

    /// Writes a session, first as it is, then with the hashes of its files: those of long recordings take their time.
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

    /// Writes what was asked for into a folder.
    pub(in super::super) fn export(&mut self, order: ExportOrder, pair: ToExport, folder: PathBuf) {
        let name = format!("Exporting to {}", file_name(&folder));
        self.start(Slot::Export, 0, Arrival::Exported, name, move |progress| {
            let (midi, audio, alignment) = (&pair.midi.side, &pair.recording.side, &pair.aligned.alignment);
            let stem = files::stem(&audio.path);
            files::create_folder(&folder)?;
            let mut files = Vec::new();
            let mut write = |what: &str, bytes: &[u8]| -> Result<()> {
                let name = format!("{stem} - {what}");
                files::write(&folder.join(&name), bytes)?;
                files.push(name);
                Ok(())
            };
            if order.page {
                let picture = alignment_png(midi, audio, alignment, order.scale, &progress.part(0.0, 0.2))?;
                write("alignment.png", &export::png(&picture)?)?;
            }
            for (i, &panel) in order.panels.iter().enumerate() {
                let from = 0.2 + 0.4 * i as f32 / order.panels.len() as f32;
                let part = progress.part(from, from + 0.4 / order.panels.len() as f32);
                let picture = panel_png(panel, midi, audio, alignment, pair.colours, order.scale, &part)?;
                write(&format!("{}.png", panel.name()), &export::png(&picture)?)?;
            }
            if order.csv {
                write("alignment.csv", export::csv(alignment).as_bytes())?;
            }
            if order.midi {
                write("aligned.mid", &export::aligned_midi(midi, audio, alignment)?.to_bytes())?;
            }
            if order.listen
                && let Some(font) = &pair.midi.font
            {
                let part = progress.part(0.6, 0.95);
                let sound = export::listen(midi, pair.sound.as_deref(), alignment, font, &part)?;
                write("listen.wav", &export::wav(&sound, &progress.part(0.95, 1.0))?)?;
            }
            Ok(Exported { folder, files })
        });
    }
}

/// Hashes the files that are not known yet, and says whether there were any. One that is gone by now is kept by its name.
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
