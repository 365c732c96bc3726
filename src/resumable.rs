//! Long work that resumes where it was interrupted: a file of JSON lines, beginning with a header, that is only ever
//! appended to.
//!
//! A line is written in one call, so that it is either there or not. One that the disk has no room for is removed at
//! once, one cut short by a kill when the file is opened again, and its work is redone.

use crate::error::{Error, Result};
use crate::files::parse_json;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

/// An open file of results, locked against other processes.
#[derive(Debug)]
pub(crate) struct Resumable {
    file: File,
    path: PathBuf,
}

impl Resumable {
    /// Opens the file, or creates it with `header`, and returns the lines in it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::List`] if it was created with another header, is damaged before its end, or is in use by
    /// another process.
    pub(crate) fn open<T: DeserializeOwned>(path: &Path, header: &Value) -> Result<(Self, Vec<T>)> {
        let refused = |reason: String| Error::List { reason, path: path.to_path_buf() };
        let options = File::options().create(true).read(true).append(true).open(path);
        let file = options.map_err(Error::io("write", path))?;
        file.try_lock().map_err(|_| refused("another process works with it".into()))?;
        let mut reader = BufReader::new(&file);
        let (mut lines, mut text, mut whole) = (Vec::new(), Vec::new(), 0);
        for number in 1.. {
            text.clear();
            reader.read_until(b'\n', &mut text).map_err(Error::io("read", path))?;
            if text.last() != Some(&b'\n') {
                break;
            }
            whole += text.len() as u64;
            let bad = |error: serde_json::Error| refused(format!("line {number}: {error}"));
            if number == 1 {
                let found: Value = parse_json(&text).map_err(bad)?;
                if found != *header {
                    return Err(refused(format!("it was begun with {found}, now {header} is asked for")));
                }
            } else {
                lines.push(parse_json(&text).map_err(bad)?);
            }
        }
        if !text.is_empty() {
            file.set_len(whole).map_err(Error::io("write", path))?;
        }
        let opened = Self { file, path: path.to_path_buf() };
        if whole == 0 {
            opened.add(header)?;
        }
        Ok((opened, lines))
    }

    /// Appends a line.
    pub(crate) fn add(&self, line: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(line).map_err(|error| {
            let reason = error.to_string();
            Error::List { reason, path: self.path.clone() }
        })?;
        append_line(&self.file, &text).map_err(Error::io("write", &self.path))
    }

    /// Removes the file: it holds nothing to resume from.
    pub(crate) fn remove(self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// Appends a line to a file that nobody else writes to. If there is no room for all of it, nothing of it remains: the
/// next line would be glued to it.
pub(crate) fn append_line(mut file: &File, text: &str) -> std::io::Result<()> {
    let whole = file.metadata()?.len();
    file.write_all(format!("{text}\n").as_bytes()).inspect_err(|_| drop(file.set_len(whole)))
}
