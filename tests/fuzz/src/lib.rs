//! What must hold whatever bytes a file has: one module for each reader, with a function that panics if it doesn't.
//!
//! `cargo fuzz` looks for bytes for which it does not hold (README, "Fuzzing"); the integration tests try the few that are
//! kept in `corpus`.

pub mod alignment;
pub mod audio;
pub mod catalogue;
pub mod checkpoint;
pub mod dataset;
pub mod decisions;
pub mod index;
pub mod journal;
pub mod midi;
pub mod model;
pub mod pairs;
pub mod results;
pub mod session;
pub mod settings;
pub mod soundfont;
pub mod table;

use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder for one input, in memory where the system has that.
pub struct Folder {
    inside: TempDir,
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Folder {
    /// Creates it; it goes when it is dropped.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let inside = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self { inside: inside.expect("a folder") }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.inside.path()
    }

    /// Writes a file in it, and the folders that it lies in.
    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        if std::fs::write(&path, bytes).is_err() {
            std::fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder in memory");
            std::fs::write(&path, bytes).expect("written to memory");
        }
        path
    }
}

/// A file of the tests.
pub fn sample(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // In the tests this is the repository, for `cargo fuzz` the folder of the targets.
    let data = [here.join("tests/data"), here.join("../data")].into_iter().find(|data| data.is_dir());
    data.expect("the files of the tests").join("samples/0.1.0").join(name)
}

/// The first byte, which says what the rest is.
pub fn kind(bytes: &[u8], kinds: u8) -> Option<(u8, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((first % kinds, rest))
}

/// MD5 in hexadecimal.
pub fn md5(bytes: impl AsRef<[u8]>) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// A safetensors file of a line of metadata, a line of tensors and their bytes, so that lengths and quotes are right
/// whatever a mutation changes.
pub fn safetensors(parts: &[u8]) -> Vec<u8> {
    let mut parts = parts.splitn(3, |&byte| byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (metadata, tensors, data) = (String::from_utf8_lossy(part()), part(), part());
    let mut header = json!({ "__metadata__": { "antiphon": metadata } });
    // With tensors that are no JSON the header is none either.
    let header = match serde_json::from_slice::<Map<String, Value>>(tensors) {
        Ok(named) => {
            header.as_object_mut().expect("an object").extend(named);
            header.to_string().into_bytes()
        }
        Err(_) => tensors.to_vec(),
    };
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    file
}
