//! Verifies that every byte of an index is what was written.

use super::format::{FileRecord, Manifest};
use super::segment::Segment;
use super::{Index, checked};
use crate::error::{Error, Result};
use crate::files::md5_of;
use crate::job::Progress;
use std::path::{Path, PathBuf};

/// A fault in a file of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads every file of an index, computes its checksum, and checks every entry. No faults mean that it is what was
/// written.
///
/// # Errors
/// [`Error::Io`] and [`Error::Index`] if `index.json` can't be read; [`Error::Cancelled`].
pub fn verify(folder: &Path, progress: &Progress) -> Result<Vec<Fault>> {
    let manifest = Manifest::read(folder)?;
    let mut faults = Vec::new();
    let mut fault = |path: PathBuf, reason: String| faults.push(Fault { path, reason });
    for model in manifest.models() {
        if let Err(error) = checked(&folder.join("models"), model) {
            fault(folder.join("models").join(&model.name), error.to_string());
        }
    }
    let mut done = 0;
    let total = manifest.counts.bytes >> 20;
    for record in &manifest.segments {
        let inside = folder.join("segments").join(&record.name);
        for file in &record.files {
            let path = inside.join(&file.name);
            match check(&path, file, || {
                done += 1;
                progress.step(done, total as usize)
            }) {
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => fault(path, error.to_string()),
                Ok(Some(reason)) => fault(path, reason),
                Ok(None) => {}
            }
        }
        match Segment::open(folder, record, manifest.embedding.dimension) {
            Err(error) => fault(inside, error.to_string()),
            Ok(segment) => {
                for entry in 0..segment.len() {
                    if entry % 1024 == 0 {
                        progress.step(done, total as usize)?;
                    }
                    if let Err(error) = segment.entry(entry) {
                        fault(inside.join("entries.jsonl"), error.to_string());
                        break;
                    }
                }
                if !segment.embeddings_are_finite() {
                    fault(inside.join("embeddings.f16"), "a value is not a number".into());
                }
            }
        }
    }
    if faults.is_empty()
        && let Err(error) = Index::open(folder)
    {
        faults.push(Fault { path: folder.to_path_buf(), reason: error.to_string() });
    }
    Ok(faults)
}

/// How a file differs from its record.
fn check(path: &Path, record: &FileRecord, step: impl FnMut() -> Result<()>) -> Result<Option<String>> {
    let (md5, bytes) = md5_of(path, step)?;
    if bytes != record.bytes {
        return Ok(Some(format!("{bytes} bytes, {} were written", record.bytes)));
    }
    Ok((md5 != record.md5).then(|| "its content is not what was written (MD5)".into()))
}
