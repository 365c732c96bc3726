//! [`Layout`]: how a list is written, judged by its content.

use super::json;
use super::names::ends_in;
use super::text;
use crate::error::{Error, Result};
use serde::de::IgnoredAny;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

/// Longest line that is examined, in bytes.
const LONGEST: u64 = 16 << 20;

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Rows of fields under a header.
    Table,
    /// JSON lines.
    Lines,
    /// One JSON document.
    Document,
}

impl Layout {
    /// Examines the first two lines of a file that are not blank. The name decides only where they do not.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::List`] if it is in UTF-16 and too long.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let opened = File::open(path).map_err(Error::io("read", path))?;
        let mut reader = text::open(BufReader::new(opened), path)?;
        let (first, second) = (line(&mut reader, path)?, line(&mut reader, path)?);
        let is_json = |line: &[u8]| line.starts_with(b"{") || line.starts_with(b"[");
        let whole = |line: &[u8]| line.starts_with(b"{") && json::parse::<IgnoredAny>(line).is_ok();
        let named_lines = ["jsonl", "ndjson"].into_iter().any(|ending| ends_in(path, ending));
        Ok(match (first.as_slice(), second.as_slice()) {
            (b"", _) | (_, b"") if named_lines && !first.starts_with(b"[") => Self::Lines,
            ([b'[', ..], _) | (_, b"") if is_json(&first) || ends_in(path, "json") => Self::Document,
            (first, second) if whole(first) || whole(second) => Self::Lines,
            (first, _) if is_json(first) => Self::Document,
            _ => Self::Table,
        })
    }
}

/// The next line that is not blank, without the blanks around it; nothing at the end.
fn line(reader: &mut impl BufRead, path: &Path) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    while line.is_empty() {
        let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line).map_err(Error::io("read", path))?;
        if read == 0 {
            break;
        }
        line = line.trim_ascii().to_vec();
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_decides_and_the_name_where_it_does_not() {
        use Layout::{Document, Lines, Table};
        let folder = tempfile::tempdir().expect("a folder");
        for (names, text, layout) in [
            (&["a.jsonl", "a.json", "a.txt"][..], "\u{feff}{\"a\": NaN}\n\n{\"a\": 2}\n", Lines),
            (&["a.jsonl", "a.json", "a.txt"], "{\"a\": \n{\"a\": 2}\n{\"a\": 3}", Lines),
            (&["a.jsonl", "a.json", "a.csv"], "\n [{\"a\": 1},\n{\"a\": 2}]", Document),
            (&["a.jsonl", "a.json", "a.csv"], "{\n  \"a\": 1\n}\n", Document),
            (&["a.json", "a.txt"], "{\"a\": 1}\n", Document),
            (&["a.jsonl", "a.ndjson"], "{\"a\": 1}\n", Lines),
            (&["a.jsonl"], "", Lines),
            (&["a.json"], "7", Document),
            (&["a.jsonl", "a.json", "a.csv", "a.txt", "a"], "a\tb\n1\t2\n", Table),
            (&["a.csv", "a.txt", "a"], "a,b", Table),
            (&["a.csv", "a.txt"], "", Table),
        ] {
            for name in names {
                let path = folder.path().join(name);
                std::fs::write(&path, text).expect("written");
                assert_eq!(Layout::of(&path).expect("read"), layout, "{name} {text:?}");
            }
        }
        let utf16: Vec<u8> = "\u{feff}{\"a\": 1}\n{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(folder.path().join("a.json"), utf16).expect("written");
        assert_eq!(Layout::of(&folder.path().join("a.json")).expect("read"), Lines);
    }
}
