//! [`Session`]: what was open, to be resumed another day, on another machine, or in a moved folder.
//!
//! A session is a small JSON file. Paths are relative to it and come with the MD5 of each file's contents, so that
//! files that have moved are found again and files that have changed are named.

use crate::error::{Error, Result};
use crate::files::{self, Links, SESSION, found, has_ending, md5_of, parse_json, plain, portable, walk};
use crate::job::Progress;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The format version that is written, and the newest that is read.
pub(crate) const FORMAT: u32 = 1;

/// Most files examined in the search for a missing one.
const SEARCHED: usize = 20_000;

/// A file that a session needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// In the file: relative to the session where possible. In memory: absolute.
    pub path: PathBuf,
    /// Its length, if known.
    pub bytes: Option<u64>,
    /// MD5 of its contents in hexadecimal, if known.
    pub md5: Option<String>,
}

/// The queue under review.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueRef {
    /// The source of its pairs: a file, or the folder of a tree.
    pub source: FileRef,
    /// The journal of decisions.
    pub journal: FileRef,
    /// The selected item.
    pub item: Option<String>,
    /// Order and filter, in the queue's own format.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub arrangement: serde_json::Value,
}

/// The state that is saved; see the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// `FORMAT`.
    pub format: u32,
    /// When it was written, in seconds since 1970.
    pub saved_s: u64,
    /// The MIDI file.
    pub midi: Option<FileRef>,
    /// The recordings, in the order of the list.
    pub recordings: Vec<FileRef>,
    /// Which of them is selected.
    pub selected: Option<usize>,
    /// Position of the playhead, in seconds.
    pub playhead_s: f64,
    /// First and last second shown, unless all are.
    pub view_s: Option<(f64, f64)>,
    /// Lowest and highest bin shown, unless all are.
    pub bins: Option<(f64, f64)>,
    /// The queue under review, if one is open.
    #[serde(default)]
    pub queue: Option<QueueRef>,
}

/// A session whose files have been located.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The path it was read from.
    pub path: PathBuf,
    /// Its content, with absolute paths.
    pub session: Session,
    /// What the user should know: files that have moved, changed or are missing.
    pub remarks: Vec<String>,
}

impl FileRef {
    /// Describes a file by its length and the hash of its contents.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Cancelled`].
    pub fn of(path: &Path, progress: &Progress) -> Result<Self> {
        let (md5, bytes) = md5_of(path, || progress.step(0, 1))?;
        Ok(Self { path: path.to_path_buf(), bytes: Some(bytes), md5: Some(md5) })
    }
}

/// Whether a file is treated as a session, judging by its name.
pub fn is_session(path: &Path) -> bool {
    has_ending(path, SESSION)
}

/// The path of a session's autosave: next to it.
pub fn autosave_of(session: &Path) -> PathBuf {
    let mut name = session.file_name().unwrap_or_default().to_os_string();
    name.push(".autosave");
    session.with_file_name(name)
}

/// The current time, in seconds since 1970.
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

impl Session {
    /// Whether both have the same content, apart from when they were written.
    pub fn same_as(&self, other: &Self) -> bool {
        *self == Self { saved_s: self.saved_s, ..other.clone() }
    }

    /// Writes it to `file`, whole or not at all, with paths relative to its folder.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Session`] if a path is not Unicode.
    pub fn save(&self, file: &Path) -> Result<()> {
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut written = self.clone();
        for used in written.files_mut() {
            used.path = portable(&used.path, folder);
        }
        let text = serde_json::to_string_pretty(&written)
            .map_err(|error| Error::Session { reason: error.to_string(), path: file.to_path_buf() })?;
        files::write(file, text.as_bytes())
    }

    /// Reads it without locating its files; their paths are made absolute.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Session`] if it is not a session, or of a newer format.
    pub fn read(file: &Path) -> Result<Self> {
        let bad = |reason: String| Error::Session { reason, path: file.to_path_buf() };
        let text = std::fs::read(file).map_err(Error::io("read", file))?;
        let mut session: Self = parse_json(&text).map_err(|error| bad(error.to_string()))?;
        if session.format > FORMAT {
            return Err(bad(format!("format {} is newer than {FORMAT}, the newest known", session.format)));
        }
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        for used in session.files_mut() {
            used.path = plain(&match used.path.to_str() {
                Some(text) => found(&folder, text),
                None => folder.join(&used.path),
            });
        }
        Ok(session)
    }

    /// Reads it and locates its files: one that is not in its place is searched for below the session's folder, by
    /// length and contents.
    ///
    /// # Errors
    /// Those of [`Session::read`]; [`Error::Cancelled`].
    pub fn open(file: &Path, progress: &Progress) -> Result<Opened> {
        let mut session = Self::read(file)?;
        let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut remarks = Vec::new();
        for used in session.files_mut() {
            let name = used.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Ok(there) = std::fs::metadata(&used.path) {
                if used.bytes.is_some_and(|bytes| bytes != there.len()) {
                    remarks.push(format!("{name} has changed since the session was saved"));
                }
            } else if let Some(found) = search(&folder, used, progress)? {
                remarks.push(format!("{name} was found as {}", found.display()));
                used.path = found;
            } else {
                remarks.push(format!("{name} is missing"));
            }
        }
        Ok(Opened { path: file.to_path_buf(), session, remarks })
    }

    fn files_mut(&mut self) -> impl Iterator<Item = &mut FileRef> {
        let of_queue = self.queue.iter_mut().flat_map(|queue| [&mut queue.source, &mut queue.journal]);
        self.midi.iter_mut().chain(&mut self.recordings).chain(of_queue)
    }

    /// Describes it in a few words: `song.mid with 3 recordings`.
    pub fn summary(&self) -> String {
        let midi = self.midi.as_ref().and_then(|midi| midi.path.file_name());
        let midi = midi.map_or("no MIDI file".into(), |name| name.to_string_lossy());
        match self.recordings.len() {
            1 => format!("{midi} with 1 recording"),
            n => format!("{midi} with {n} recordings"),
        }
    }
}

/// Finds a file with the same contents below `folder`.
fn search(folder: &Path, wanted: &FileRef, progress: &Progress) -> Result<Option<PathBuf>> {
    let Some(md5) = &wanted.md5 else { return Ok(None) };
    for path in walk(folder, Links::LeftOut).flatten().take(SEARCHED) {
        progress.step(0, 1)?;
        let same_length = std::fs::metadata(&path).is_ok_and(|there| Some(there.len()) == wanted.bytes);
        if same_length && md5_of(&path, || progress.step(0, 1)).is_ok_and(|(found, _)| found == *md5) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(folder: &Path) -> Session {
        let silent = Progress::silent();
        std::fs::write(folder.join("song.mid"), b"a score").expect("written");
        std::fs::create_dir_all(folder.join("takes")).expect("made");
        std::fs::write(folder.join("takes/one.wav"), b"a sound").expect("written");
        Session {
            format: FORMAT,
            saved_s: 7,
            midi: Some(FileRef::of(&folder.join("song.mid"), &silent).expect("there")),
            recordings: vec![FileRef::of(&folder.join("takes/one.wav"), &silent).expect("there")],
            selected: Some(0),
            playhead_s: 12.5,
            view_s: Some((3.0, 40.0)),
            bins: None,
            queue: None,
        }
    }

    #[test]
    fn what_is_saved_is_opened_and_a_moved_folder_stays_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::create_dir_all(&old).expect("made");
        let saved = session(&old);
        saved.save(&old.join("s.json")).expect("saved");
        let opened = Session::open(&old.join("s.json"), &Progress::silent()).expect("opened");
        assert_eq!((opened.session, opened.remarks), (saved, Vec::<String>::new()));
        std::fs::rename(&old, &new).expect("moved");
        let opened = Session::open(&new.join("s.json"), &Progress::silent()).expect("opened");
        assert_eq!(opened.session.recordings[0].path, new.join("takes/one.wav"));
        assert!(opened.remarks.is_empty());
    }

    #[test]
    fn files_that_moved_changed_or_went_are_found_or_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        session(here).save(&here.join("s.json")).expect("saved");
        std::fs::create_dir_all(here.join("deeper")).expect("made");
        std::fs::rename(here.join("takes/one.wav"), here.join("deeper/renamed.wav")).expect("moved");
        std::fs::write(here.join("song.mid"), b"another score").expect("written");
        let opened = Session::open(&here.join("s.json"), &Progress::silent()).expect("opened");
        assert_eq!(opened.session.recordings[0].path, here.join("deeper/renamed.wav"));
        assert!(opened.remarks[0].contains("song.mid has changed"), "{:?}", opened.remarks);
        assert!(opened.remarks[1].contains("one.wav was found as"), "{:?}", opened.remarks);
        std::fs::remove_file(here.join("deeper/renamed.wav")).expect("removed");
        let opened = Session::open(&here.join("s.json"), &Progress::silent()).expect("opened");
        assert!(opened.remarks[1].contains("one.wav is missing"));
    }

    #[test]
    fn what_is_no_session_is_refused_in_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("s.json");
        for text in ["", "{}", "[1]", r#"{"format": 99, "saved_s": 0, "recordings": [], "playhead_s": 0}"#] {
            std::fs::write(&file, text).expect("written");
            let error = Session::open(&file, &Progress::silent()).expect_err("no session").to_string();
            assert!(!error.contains('\n') && error.contains("s.json"), "{error}");
        }
    }
}
