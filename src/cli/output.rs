//! Folders that a command makes for its output.

use antiphon::error::Result;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Runs `work`, which may create `folders` and those above them. If it fails, those that are new and empty are removed;
/// anything written remains, so that the work can be resumed.
pub(super) fn or_no_folder<T>(folders: &[PathBuf], work: impl FnOnce() -> Result<T>) -> Result<T> {
    let missing = missing(folders);
    let outcome = work();
    if outcome.is_err() {
        for folder in &missing {
            // Not created, or not empty: both are fine.
            drop(std::fs::remove_dir(folder));
        }
    }
    outcome
}

/// Those of `folders`, and of the folders above them, that do not exist, the deepest first.
fn missing(folders: &[PathBuf]) -> Vec<&Path> {
    let is_missing = |path: &&Path| {
        // A path that ends in `..` is not a folder of its own.
        let is_named = path.file_name().is_some();
        is_named && path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
    };
    let mut missing: Vec<&Path> = folders.iter().flat_map(|folder| folder.ancestors()).filter(is_missing).collect();
    missing.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use antiphon::error::Error;

    #[test]
    fn only_new_and_empty_folders_go() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("old")).unwrap();
        let folders = [at("new/deep/er"), at("old"), at("old/new"), at("full/up")];
        let outcome: Result<()> = or_no_folder(&folders, || {
            for folder in &folders {
                std::fs::create_dir_all(folder).unwrap();
            }
            std::fs::write(at("full/kept"), b"x").unwrap();
            Err(Error::Cancelled)
        });
        assert!(matches!(outcome, Err(Error::Cancelled)));
        assert!(!at("new").exists() && at("old").exists() && !at("old/new").exists());
        assert!(at("full/kept").exists() && !at("full/up").exists());
    }

    #[test]
    fn what_succeeds_keeps_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new");
        or_no_folder(std::slice::from_ref(&new), || {
            std::fs::create_dir(&new).unwrap();
            Ok(())
        })
        .unwrap();
        assert!(new.exists());
    }
}
