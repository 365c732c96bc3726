//! Paths as they are written in files that name other files: journals, lists, sessions and catalogues.

use crate::error::{Error, Result};
use std::path::{Component, MAIN_SEPARATOR, Path, PathBuf};

/// `path` as a file in `folder` writes it so that other systems can read it too: relative to the folder, with `/`
/// between the names. Both paths are absolute, or both relative to the same place.
pub(crate) fn portable(path: &Path, folder: &Path) -> PathBuf {
    let path = relative(path, folder);
    // Where `/` is the separator, `\` is part of a name.
    match path.to_str() {
        Some(text) if MAIN_SEPARATOR != '/' => text.replace(MAIN_SEPARATOR, "/").into(),
        _ => path,
    }
}

/// `path` relative to `folder`; unchanged if they have no root in common.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let (path_parts, folder_parts): (Vec<_>, Vec<_>) = (path.components().collect(), folder.components().collect());
    let shared = path_parts.iter().zip(&folder_parts).take_while(|(a, b)| a == b).count();
    // Sharing only the root does not make them neighbours: a relative path would break when either moves.
    if shared < 2 {
        return path.to_path_buf();
    }
    let up = folder_parts[shared..].iter().map(|_| Component::ParentDir);
    up.chain(path_parts[shared..].iter().copied()).collect()
}

/// Removes `.`, and `..` together with the name before it.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// The path from the root, with only `.` and `..` resolved.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    let whole = std::path::absolute(path).map_err(Error::io("find", path))?;
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    Ok(plain)
}

/// Paths as JSON: a string, or an array of bytes if the name is not UTF-8.
pub(crate) mod any_path {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use std::path::{Path, PathBuf};

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(crate) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        let written = match path.to_str() {
            Some(text) => Written::Text(text.into()),
            None => of_bytes(path),
        };
        written.serialize(to)
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(match Written::deserialize(from)? {
            Written::Text(text) => text.into(),
            Written::Bytes(bytes) => path_of(bytes),
        })
    }

    #[cfg(unix)]
    fn of_bytes(path: &Path) -> Written {
        use std::os::unix::ffi::OsStrExt as _;
        Written::Bytes(path.as_os_str().as_bytes().to_vec())
    }

    #[cfg(unix)]
    fn path_of(bytes: Vec<u8>) -> PathBuf {
        use std::os::unix::ffi::OsStringExt as _;
        std::ffi::OsString::from_vec(bytes).into()
    }

    #[cfg(not(unix))]
    fn of_bytes(path: &Path) -> Written {
        Written::Text(path.to_string_lossy().into())
    }

    #[cfg(not(unix))]
    fn path_of(bytes: Vec<u8>) -> PathBuf {
        String::from_utf8_lossy(&bytes).into_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_seen_from_the_file() {
        let of = |path: &str, folder: &str| portable(Path::new(path), Path::new(folder)).to_string_lossy().into_owned();
        assert_eq!(of("/home/a/x.mid", "/home/a"), "x.mid");
        assert_eq!(of("/home/a/b/x.mid", "/home/a"), "b/x.mid");
        assert_eq!(of("/home/c/x.mid", "/home/a/b"), "../../c/x.mid");
        // Only the root in common.
        assert_eq!(of("/music/x.mid", "/home/a"), "/music/x.mid");
    }

    #[test]
    fn dots_are_resolved_where_a_name_stands_before() {
        assert_eq!(plain(Path::new("a/./b/../c")), Path::new("a/c"));
        assert_eq!(plain(Path::new("../a/..")), Path::new(".."));
        let here = std::env::current_dir().expect("a folder");
        assert_eq!(absolute(Path::new("a/../b")).expect("a path"), here.join("b"));
    }
}
