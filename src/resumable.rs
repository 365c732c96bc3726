//! Long work that goes on where it was interrupted: a file of JSON lines, a header first, only ever added to.
//!
//! A line is written in one call, so that it is there or not; one that a kill has cut short is taken out when the file is
//! opened again, and its work done anew.

use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

/// An open file of results; no other process has it.
#[derive(Debug)]
pub(crate) struct Resumable {
    file: File,
    path: PathBuf,
}

impl Resumable {
    /// Opens the file, or begins it with `header`, and gives the lines that are in it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::List`] when it was begun with another header, is damaged before its end, or another process
    /// works with it.
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
                let found: Value = serde_json::from_slice(&text).map_err(bad)?;
                if found != *header {
                    return Err(refused(format!("it was begun with {found}, now {header} is asked for")));
                }
            } else {
                lines.push(serde_json::from_slice(&text).map_err(bad)?);
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

    /// Adds a line.
    pub(crate) fn add(&self, line: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(line).map_err(|error| {
            let reason = error.to_string();
            Error::List { reason, path: self.path.clone() }
        })?;
        (&self.file).write_all(format!("{text}\n").as_bytes()).map_err(Error::io("write", &self.path))
    }

    /// Removes the file: there is nothing in it to go on from.
    pub(crate) fn remove(self) {
        drop(std::fs::remove_file(&self.path));
    }
}
