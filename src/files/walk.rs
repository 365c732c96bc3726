//! Finding the files below a folder.

use super::names::{is_apple_double, is_audio_name, is_midi_name};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// How links to files and folders are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// As what they lead to.
    Followed,
    /// They are left out.
    LeftOut,
}

/// The files below a folder, folder by folder and by name, or the file itself; errors for what can't be listed. What
/// macOS keeps about files on foreign disks in others (`._Song.mid`) is passed over.
pub(crate) fn walk(from: &Path, links: Links) -> impl Iterator<Item = Result<PathBuf>> {
    let start = from.to_path_buf();
    let found = walkdir::WalkDir::new(from).follow_links(links == Links::Followed).sort_by_file_name();
    found.into_iter().filter_map(move |found| match found {
        Ok(found) if found.depth() > 0 && is_apple_double(found.path()) => None,
        Ok(found) => found.file_type().is_file().then(|| Ok(found.into_path())),
        Err(error) => {
            let path = error.path().unwrap_or(&start).to_path_buf();
            let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other("a loop of links"));
            Some(Err(Error::Io { action: "list", source, path }))
        }
    })
}

/// All files below a folder, sorted, links followed. Anything that can't be listed is left out.
pub(crate) fn below(folder: &Path) -> Vec<PathBuf> {
    walk(folder, Links::Followed).filter_map(Result::ok).collect()
}

/// The MIDI files and the recordings of a list, judged by their names.
pub(crate) fn sides(files: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (midis, rest): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| is_midi_name(path));
    (midis, rest.into_iter().filter(|path| is_audio_name(path)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::names::{AUDIO, MIDI};
    use super::*;

    #[test]
    fn sides_are_told_by_every_ending_in_any_letter_case() {
        let of = |endings: &[&str]| -> Vec<PathBuf> {
            endings.iter().flat_map(|e| [format!("x.{e}"), format!("x.{}", e.to_uppercase())]).map(Into::into).collect()
        };
        let (midis, recordings) = (of(MIDI), of(AUDIO));
        let others = ["x.csv", "x.json", "x.txt", "x", "mid", "x.sound"].map(PathBuf::from).to_vec();
        assert_eq!(sides([recordings.clone(), others, midis.clone()].concat()), (midis, recordings));
    }

    #[test]
    fn what_macos_keeps_beside_files_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("a/__MACOSX")).expect("folders");
        for name in ["Song.mid", "._Song.mid", "._Song.ogg", "a/._x.flac", "a/.y.mid", "a/__MACOSX/._z.mid", "a/z._"] {
            std::fs::write(at(name), "").expect("written");
        }
        assert_eq!(below(folder.path()), [at("Song.mid"), at("a/.y.mid"), at("a/z._")]);
        // Who names one means it.
        assert_eq!(below(&at("._Song.mid")), [at("._Song.mid")]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_or_left_out_and_loops_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("b/c")).expect("folders");
        for name in ["b/c/x", "a"] {
            std::fs::write(at(name), "").expect("written");
        }
        std::os::unix::fs::symlink(at("a"), at("b/link")).expect("linked");
        std::os::unix::fs::symlink(at("b"), at("b/c/loop")).expect("linked");
        let plain: Vec<PathBuf> = walk(folder.path(), Links::LeftOut).map(|found| found.expect("listed")).collect();
        assert_eq!(plain, [at("a"), at("b/c/x")]);
        assert_eq!(below(folder.path()), [at("a"), at("b/c/x"), at("b/link")]);
        let (_, errors): (Vec<_>, Vec<_>) = walk(folder.path(), Links::Followed).partition(Result::is_ok);
        let error = errors.into_iter().next().expect("a loop").expect_err("refused").to_string();
        assert!(error.starts_with("can't list: a loop of links") && error.contains("loop\""), "{error}");
        assert_eq!(below(&at("a")), [at("a")]);
        assert!(below(&at("none")).is_empty());
    }
}
