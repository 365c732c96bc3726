//! Files are written whole or not at all.

use crate::error::{Error, Result};
use std::path::Path;

/// Writes `bytes` next to `path`, then renames: the file is either complete or absent.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let beside = path.with_file_name(name);
    let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|source| {
        // The half-written file is worthless; failing to remove it is not the error to report.
        drop(std::fs::remove_file(&beside));
        Error::Io { action: "write", source, path: path.to_path_buf() }
    })
}

/// Creates a folder and its parents.
///
/// # Errors
/// [`Error::Io`].
pub fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(Error::io("create the folder", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("taken");
        std::fs::create_dir_all(target.join("inside")).expect("a folder in the way");
        assert!(matches!(write(&target, b"x"), Err(Error::Io { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    }
}
