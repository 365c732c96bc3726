//! What can go wrong, in terms that a caller can act on.
//!
//! Messages are lower case, name the value and the limit that it violated, and put the path last, so that users can
//! send the first half without showing where their files are.

use std::fmt;
use std::path::{Path, PathBuf};

/// Every error of the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused: missing file, no permission, full disk.
    #[error("can't {action}: {source}: {path:?}")]
    Io {
        /// What was tried, as a verb phrase: `read`, `write`, `create the folder`.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
        /// The file or folder.
        path: PathBuf,
    },
    /// The file is not audio that we can decode.
    #[error("can't decode audio: {reason}: {path:?}")]
    Decode {
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The file is not a MIDI file that we can read.
    #[error("can't read MIDI: {reason}: {path:?}")]
    Midi {
        /// What is wrong with it.
        reason: String,
        /// The file; empty when the bytes came from memory.
        path: PathBuf,
    },
    /// The file is not a soundfont that we can play.
    #[error("can't read soundfont: {reason}: {path:?}")]
    SoundFont {
        /// What is wrong with it.
        reason: String,
        /// The file; empty when it is the bundled one.
        path: PathBuf,
    },
    /// The file is not a session that we can open.
    #[error("can't open session: {reason}: {path:?}")]
    Session {
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The file is not a journal of decisions that we can work with.
    #[error("can't use journal: {reason}: {path:?}")]
    Journal {
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The file or folder is not a list of pairs, or of decisions, that we can read.
    #[error("can't read list: {reason}: {path:?}")]
    List {
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The folder or file is not a data set that we can read.
    #[error("can't read data set: {reason}: {path:?}")]
    Dataset {
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// The file is not a model that we can use.
    #[error("can't read model: {reason}: {path:?}")]
    Model {
        /// What is wrong with it.
        reason: String,
        /// The file; empty if there is none yet.
        path: PathBuf,
    },
    /// The folder is not an index that we can search or write.
    #[error("can't use index: {reason}: {path:?}")]
    Index {
        /// What is wrong with it.
        reason: String,
        /// The folder or file.
        path: PathBuf,
    },
    /// A line of a catalogue can't be read.
    #[error("can't read catalogue: line {line}: {reason}: {path:?}")]
    Catalogue {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A training run can't begin or continue.
    #[error("can't train: {0}")]
    Training(String),
    /// A value lies outside what is supported.
    #[error("{what} {value} is outside {limit}")]
    Limit {
        /// What was given.
        what: &'static str,
        /// The value, with its unit.
        value: String,
        /// The range or set that is allowed, with its unit.
        limit: String,
    },
    /// There is nothing to work on: no files, no notes, no frames, silence.
    #[error("{what}{}", Place(path))]
    Nothing {
        /// What is missing.
        what: String,
        /// Where it was looked for; empty when that is no file or folder.
        path: PathBuf,
    },
    /// A MIDI file and a recording can't be used as a pair.
    #[error("can't use the pair: {reason}{}", Place(path))]
    Pair {
        /// What is wrong with it.
        reason: String,
        /// One of its files; empty when the pair came from memory.
        path: PathBuf,
    },
    /// Something happened that can't happen: a bug in Antiphon, not in the data.
    #[error("internal error: {0} (a bug in Antiphon: please report it, with the log)")]
    Internal(String),
    /// No window can be opened: there is no display, or the system refused.
    #[error("can't open a window: {0}")]
    Window(String),
    /// The log can't be written.
    #[error("can't write the log: {0}")]
    Log(String),
    /// Work on a thread of its own panicked: a bug in Antiphon, not in the data. The log has the backtrace.
    #[error("internal error in {job:?}: {message} (a bug in Antiphon: please report it, with the log)")]
    Panicked {
        /// The name of the job.
        job: String,
        /// What the panic said.
        message: String,
    },
    /// The operating system gave no thread to work on.
    #[error("can't start {job:?}: {source}")]
    Thread {
        /// The name of the job.
        job: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The work was cancelled. A normal outcome, never shown as a failure.
    #[error("cancelled")]
    Cancelled,
}

/// A path after a message; nothing if there is none.
struct Place<'a>(&'a Path);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_os_str().is_empty() { Ok(()) } else { write!(f, ": {:?}", self.0) }
    }
}

/// The result of every fallible call of the library.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// An [`Error::Io`] for `path`; meant for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, source, path }
    }

    /// An [`Error::Nothing`] that names no file; [`at`](Self::at) adds one.
    pub fn nothing(what: impl Into<String>) -> Self {
        Self::Nothing { what: what.into(), path: PathBuf::new() }
    }

    /// An [`Error::Internal`]; meant for `map_err`.
    pub(crate) fn internal<E: fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Internal(format!("{doing}: {error}"))
    }

    /// The file or folder it is about, if it names one: the message ends with it.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. }
            | Self::Decode { path, .. }
            | Self::Midi { path, .. }
            | Self::SoundFont { path, .. }
            | Self::Session { path, .. }
            | Self::Journal { path, .. }
            | Self::List { path, .. }
            | Self::Dataset { path, .. }
            | Self::Model { path, .. }
            | Self::Index { path, .. }
            | Self::Catalogue { path, .. }
            | Self::Nothing { path, .. }
            | Self::Pair { path, .. } => (!path.as_os_str().is_empty()).then_some(path),
            Self::Training(_)
            | Self::Limit { .. }
            | Self::Internal(_)
            | Self::Window(_)
            | Self::Log(_)
            | Self::Panicked { .. }
            | Self::Thread { .. }
            | Self::Cancelled => None,
        }
    }

    /// Its message for use beside the name of `file`: without that path, but with the path of any other file.
    pub fn reason(&self, file: &Path) -> String {
        let text = self.to_string();
        match self.path() {
            Some(path) if path == file => text.strip_suffix(&Place(path).to_string()).unwrap_or(&text).to_owned(),
            _ => text,
        }
    }

    /// The same error, with `path` if it named none.
    #[must_use]
    pub fn at(mut self, file: &Path) -> Self {
        if let Self::Midi { path, .. }
        | Self::SoundFont { path, .. }
        | Self::Decode { path, .. }
        | Self::Model { path, .. }
        | Self::Nothing { path, .. }
        | Self::Pair { path, .. } = &mut self
            && path.as_os_str().is_empty()
        {
            *path = file.to_path_buf();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_comes_last_and_is_not_overwritten() {
        let bare = Error::Midi { reason: "no header".into(), path: PathBuf::new() };
        let named = bare.at(Path::new("a.mid")).at(Path::new("b.mid"));
        assert_eq!(named.to_string(), "can't read MIDI: no header: \"a.mid\"");
    }

    #[test]
    fn nothing_says_what_is_missing_and_where() {
        let nothing = Error::nothing("no MIDI files with recordings");
        assert_eq!((nothing.to_string().as_str(), nothing.path()), ("no MIDI files with recordings", None));
        let nothing = nothing.at(Path::new("songs"));
        assert_eq!(nothing.to_string(), "no MIDI files with recordings: \"songs\"");
        assert_eq!(nothing.path(), Some(Path::new("songs")));
    }

    #[test]
    fn bugs_and_pairs_are_called_what_they_are() {
        let bug = Error::internal("a picture can't be written as PNG")("no pixels").to_string();
        assert!(bug.starts_with("internal error: a picture can't be written as PNG: no pixels (a bug"), "{bug}");
        let pair = Error::Pair { reason: "confidence 0.31, accepted is above 0.5".into(), path: "a.mid".into() };
        assert_eq!(pair.to_string(), "can't use the pair: confidence 0.31, accepted is above 0.5: \"a.mid\"");
        assert_eq!(pair.path(), Some(Path::new("a.mid")));
    }

    #[test]
    fn a_reason_leaves_out_the_path_that_stands_beside_it_and_no_other() {
        let error = || Error::io("read", Path::new("a \"b\".mid"))(std::io::ErrorKind::NotFound.into());
        let bare = "can't read: entity not found";
        assert_eq!(error().reason(Path::new("a \"b\".mid")), bare);
        assert_eq!(error().reason(Path::new("c.mid")), format!("{bare}: {:?}", "a \"b\".mid"));
        assert_eq!(Error::nothing("silence").reason(Path::new("c.mid")), "silence");
        // Every error that has a path ends with it.
        let (path, reason) = (PathBuf::from("x"), String::from("r"));
        for error in [
            Error::Decode { reason: reason.clone(), path: path.clone() },
            Error::Midi { reason: reason.clone(), path: path.clone() },
            Error::SoundFont { reason: reason.clone(), path: path.clone() },
            Error::Session { reason: reason.clone(), path: path.clone() },
            Error::Journal { reason: reason.clone(), path: path.clone() },
            Error::List { reason: reason.clone(), path: path.clone() },
            Error::Dataset { reason: reason.clone(), path: path.clone() },
            Error::Model { reason: reason.clone(), path: path.clone() },
            Error::Index { reason: reason.clone(), path: path.clone() },
            Error::Catalogue { line: 3, reason: reason.clone(), path: path.clone() },
            Error::Nothing { what: reason.clone(), path: path.clone() },
            Error::Pair { reason, path: path.clone() },
        ] {
            assert_eq!(error.to_string(), format!("{}: \"x\"", error.reason(&path)));
        }
    }
}
