//! Files are written whole or not at all.

use crate::error::{Error, Result};
use std::path::Path;

/// How a file is called until it is whole: with this and the number of the process.
const PART: &str = ".part";

/// Writes `bytes` next to `path`, then renames: the file is either complete or absent.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}{PART}", std::process::id()));
    let beside = path.with_file_name(name);
    let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|source| {
        // The half-written file is worthless; failing to remove it is not the error to report.
        drop(std::fs::remove_file(&beside));
        Error::Io { action: "write", source, path: path.to_path_buf() }
    })
}

/// Removes what killed processes have left beside `path`, which they were about to [`write()`]. For work that is run again:
/// where processes can be told, those of one that still runs stay.
pub(crate) fn sweep(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let of_path = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    for found in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = found.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(&*of_path).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(PART));
        if process.is_some_and(|process| process.parse::<u32>().is_ok() && !Path::new("/proc").join(process).exists()) {
            // It is in nobody's way.
            drop(std::fs::remove_file(found.path()));
        }
    }
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

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kept =
            vec!["m".into(), "m.part".into(), "m.x.part".into(), "m.9.parts".into(), "mm.4294967295.part".into()];
        if Path::new("/proc/self").exists() {
            kept.push(format!("m.{}.part", std::process::id()));
        }
        for name in kept.iter().map(String::as_str).chain(["m.4294967295.part", "m.4294967294.part"]) {
            std::fs::write(folder.path().join(name), b"x").expect("written");
        }
        sweep(&folder.path().join("m"));
        let names = std::fs::read_dir(folder.path()).expect("listed").flatten();
        let mut left: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        left.sort_unstable();
        kept.sort_unstable();
        assert_eq!(left, kept);
    }
}
