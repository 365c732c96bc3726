//! What the targets share: a folder in memory for readers that take a path, and inputs that a mutation leaves whole.

use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A folder of this process, in memory where the system has that.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Creates it, and removes those that ended runs have left behind.
    pub fn of(target: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let begin = format!("antiphon-fuzz-{target}-");
        for left in std::fs::read_dir(&base).into_iter().flatten().flatten() {
            let name = left.file_name().to_string_lossy().into_owned();
            let ended = name.strip_prefix(&begin).is_some_and(|id| !Path::new("/proc").join(id).exists());
            if ended && Path::new("/proc/self").exists() {
                drop(std::fs::remove_dir_all(left.path()));
            }
        }
        let path = base.join(format!("{begin}{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder in memory");
        Self { path }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file in it, and the folders that it lies in.
    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path.join(name);
        if std::fs::write(&path, bytes).is_err() {
            std::fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder in memory");
            std::fs::write(&path, bytes).expect("written to memory");
        }
        path
    }
}

/// A file of the tests.
pub fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/samples/0.1.0").join(name)
}

/// The first byte, which says what the rest is.
pub fn kind(bytes: &[u8], kinds: u8) -> Option<(u8, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((first % kinds, rest))
}

/// MD5 in hexadecimal.
pub fn md5(bytes: impl AsRef<[u8]>) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
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

/// libFuzzer's hook aborts at any panic. Those of other crates are contained by the library: this reports them and goes
/// on, and what is not contained still ends the run.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
}
