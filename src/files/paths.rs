//! Paths as they are written in files that name other files: journals, lists, sessions and catalogues.

use super::names::name_key;
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

/// The path that a list in `folder` names. Lists come from other systems, so a file that isn't where the text says is
/// looked for as a `file:` URL, with `\` between the names, and with its letters composed or decomposed; one on a drive
/// of Windows also below `folder`, by as much of its path as fits. If none is there, the path as this system writes it.
pub(crate) fn found(folder: &Path, text: &str) -> PathBuf {
    let as_it_is = folder.join(text);
    if text.is_empty() || as_it_is.exists() {
        return as_it_is;
    }
    let url = of_url(text);
    let native = url.as_deref().unwrap_or(text);
    let slashes = if MAIN_SEPARATOR == '/' { native.replace('\\', "/") } else { native.to_owned() };
    let mut places = vec![folder.join(&slashes)];
    if let (Some(decoded), None) = (percent_decoded(&slashes), &url) {
        places.push(folder.join(decoded));
    }
    if let Some(names) = of_other_system(&slashes) {
        let starts = std::iter::once(0).chain(names.match_indices('/').map(|(at, _)| at + 1));
        places.extend(starts.map(|at| folder.join(&names[at..])));
    }
    places.iter().find_map(|place| in_any_form(place)).unwrap_or_else(|| places.swap_remove(0))
}

/// The path of a `file:` URL, or of the local storage of Label Studio.
fn of_url(text: &str) -> Option<String> {
    let stored = text.split_once("/data/local-files/?d=").map(|(_, path)| path);
    let path = match stored {
        Some(path) => path,
        None if text.get(..5)?.eq_ignore_ascii_case("file:") => {
            let path = &text[5..];
            match path.strip_prefix("//") {
                // `file://localhost/…`; an empty name means the same.
                Some(named) => &named[named.find('/')?..],
                None => path,
            }
        }
        None => return None,
    };
    let path = percent_decoded(path).unwrap_or_else(|| path.to_owned());
    // `/C:/Music`
    let drive = path.strip_prefix('/').filter(|path| drive(path).is_some());
    Some(drive.map(str::to_owned).unwrap_or(path))
}

/// The text with `%20` and the like replaced; nothing if there are none or they are not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts.by_ref() {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        match code {
            Some(byte) => bytes.push(byte),
            None => bytes.push(b'%'),
        }
        bytes.extend(&part.as_bytes()[if code.is_some() { 2 } else { 0 }..]);
    }
    String::from_utf8(bytes).ok().filter(|decoded| decoded != text)
}

/// What follows `C:` or `C:/`.
fn drive(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(|c: char| c.is_ascii_alphabetic())?.strip_prefix(':')?;
    rest.strip_prefix('/').or(Some(rest).filter(|rest| rest.starts_with('\\') || rest.is_empty()))
}

/// The names of a path with a drive (`C:/Music/a.mp3`) or a server (`//server/music/a.mp3`), where there are none.
fn of_other_system(path: &str) -> Option<&str> {
    if cfg!(windows) { None } else { drive(path).or_else(|| path.strip_prefix("//")) }
}

/// The path if it is there, or one whose names differ only in how their letters are composed.
fn in_any_form(path: &Path) -> Option<PathBuf> {
    if path.exists() {
        return Some(path.to_path_buf());
    }
    if path.to_str()?.is_ascii() {
        return None;
    }
    let mut there = PathBuf::new();
    for part in path.components() {
        let next = there.join(part);
        if next.exists() {
            there = next;
            continue;
        }
        let wanted = name_key(part.as_os_str().to_str()?);
        let folder = if there.as_os_str().is_empty() { Path::new(".") } else { &there };
        let names = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
        let mut same = names.filter(|name| name.to_str().is_some_and(|name| name_key(name) == wanted));
        there.push(same.next()?);
    }
    Some(there)
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

    #[test]
    fn files_are_found_as_other_systems_name_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("Mu\u{308}ll er/1")).expect("folders");
        // Decomposed, as macOS writes them.
        let (song, kana, plain) = ("Mu\u{308}ll er/1/e\u{301}.mid", "\u{30ab}\u{3099}.mid", "a b#%.mid");
        for name in [song, kana, plain] {
            std::fs::write(at(name), "").expect("written");
        }
        let root = folder.path().to_str().expect("UTF-8");
        for (text, name) in [
            (song, song),
            ("M\u{fc}ll er/1/\u{e9}.mid", song),
            ("M\u{fc}ll er\\1\\\u{e9}.mid", song),
            (".\\Mu\u{308}ll er\\..\\a b#%.mid", plain),
            ("\u{30ac}.mid", kana),
            ("a%20b%23%25.mid", plain),
            ("C:\\Music\\M\u{fc}ll er\\1\\\u{e9}.mid", song),
            ("d:/a b#%.mid", plain),
            ("\\\\server\\music\\a b#%.mid", plain),
            ("file:///C:/Music/a%20b%23%25.mid", plain),
            ("/data/local-files/?d=M%C3%BCll%20er/1/%C3%A9.mid", song),
            (&format!("file://{root}/a%20b%23%25.mid"), plain),
            (&format!("FILE://localhost{root}/M%C3%BCll%20er/1/%C3%A9.mid"), song),
            (&format!("file:{root}/%E3%82%AC.mid"), kana),
        ] {
            let found = found(folder.path(), text);
            assert!(found.is_file(), "{text}: {found:?}");
            assert_eq!(found.canonicalize().expect("there"), at(name).canonicalize().expect("there"), "{text}");
        }
        for (text, path) in
            [("", at("")), ("none\\a.mid", at("none/a.mid")), ("file:///x%20y/\u{e9}", "/x y/\u{e9}".into())]
        {
            assert_eq!(found(folder.path(), text), path, "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_with_a_backslash_or_percent_is_taken_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a\\b.mid", "a%20b.mid"] {
            std::fs::write(folder.path().join(name), "").expect("written");
            assert_eq!(found(folder.path(), name), folder.path().join(name));
        }
    }
}
