//! What a file may cost: memory is counted as it is allocated, not as it is claimed, and nothing is written elsewhere than
//! where it was asked for. `tests/fuzz` looks for what is not thought of here.

mod claims;
mod counting;
mod music;
mod places;

use antiphon::job::Progress;
use counting::peak;
use std::path::PathBuf;
use tempfile::TempDir;

const MB: usize = 1_000_000;

fn silent() -> Progress {
    Progress::silent()
}

/// A file with these bytes, in a folder of its own.
fn written(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}
