//! [`Kind`]: what a file is, judged by its content, so that whatever Antiphon has written opens again as what it is.

use super::csv::Rows;
use super::json;
use super::layout::Layout;
use super::names::{LISTS, ends_in, has_ending, is_midi_name, sides_of};
use super::text::{self, unmarked};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

/// Longest header of a safetensors file that is read, in bytes.
const LONGEST_HEADER: u64 = 16 << 20;
/// Longest line that is read, and largest document that is read as a whole, in bytes.
const LONGEST_LINE: u64 = 16 << 20;
const LARGEST: u64 = 64 << 20;

/// What a file or folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A MIDI file, recognised by its first bytes.
    Midi,
    /// Audio, or anything unrecognised: a decoder says more.
    Audio,
    /// A session of the window.
    Session,
    /// Pairs of MIDI files and recordings: a search, a list, a table, a Lakh tree.
    Pairs,
    /// Exported decisions: `curation/1`, a table with decisions, JAMS.
    Decisions,
    /// A journal of decisions.
    Journal,
    /// An `alignment/1` document.
    Alignment,
    /// A time map as a table: `audio_s,midi_s,cost`.
    TimeMap,
    /// A hash model.
    HashModel,
    /// An embedding model.
    EmbeddingModel,
    /// An index.
    Index,
    /// A soundfont.
    SoundFont,
    /// A picture.
    Picture,
    /// An array (npy).
    Array,
    /// A folder of anything else.
    Folder,
    /// A document or table that is not one of Antiphon's.
    Unknown,
}

impl Kind {
    /// Examines a file or folder. Documents are read to the end, since their format may be given anywhere in them.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn of(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(match () {
                () if path.join("match_scores.json").is_file() => Self::Pairs,
                () if path.join("index.json").is_file() => Self::Index,
                () => Self::Folder,
            });
        }
        let io = |source| Error::Io { action: "read", source, path: path.to_path_buf() };
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(io)?);
        let mut head = [0; 16];
        let known = read_up_to(&mut reader, &mut head).map_err(io)?;
        let head = &head[..known];
        if begins_as_midi(head) {
            return Ok(Self::Midi);
        }
        if is_riff(head, b"sfbk") {
            return Ok(Self::SoundFont);
        }
        if head.starts_with(b"\x89PNG") {
            return Ok(Self::Picture);
        }
        if head.starts_with(b"\x93NUMPY") {
            return Ok(Self::Array);
        }
        let all = std::io::Cursor::new(head.to_vec()).chain(reader);
        if ends_in(path, "safetensors") {
            return model(all).map_err(io);
        }
        let text = unmarked(head);
        let text = text.trim_ascii_start();
        if !has_ending(path, LISTS) && !text.starts_with(b"{") && !text.starts_with(b"[") {
            return Ok(Self::Audio);
        }
        match Layout::of(path)? {
            _ if head.is_empty() => Ok(Self::Unknown),
            Layout::Table => table(path, all),
            layout => document(path, layout, text::open(all, path)?),
        }
    }
}

/// Whether a file is MIDI, by its first bytes, or by its name if it can't be read.
pub fn is_midi(path: &Path) -> bool {
    let mut head = [0; 12];
    match File::open(path).and_then(|mut file| read_up_to(&mut file, &mut head)) {
        Ok(known) if known >= 4 => begins_as_midi(&head[..known]),
        _ => is_midi_name(path),
    }
}

fn begins_as_midi(head: &[u8]) -> bool {
    head.starts_with(b"MThd") || is_riff(head, b"RMID")
}

fn is_riff(head: &[u8], of: &[u8]) -> bool {
    head.starts_with(b"RIFF") && head.get(8..12) == Some(of)
}

/// Fills `buffer` as far as there is data.
fn read_up_to(reader: &mut impl std::io::Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// The top-level keys of a document, and its format.
#[derive(Default)]
struct Top {
    names: BTreeSet<String>,
    format: Option<Value>,
    list: bool,
}

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> core::result::Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Top;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> core::result::Result<Top, A::Error> {
                let mut top = Top::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "format" {
                        top.format = Some(map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                    top.names.insert(name);
                }
                Ok(top)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> core::result::Result<Top, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Top { list: true, ..Top::default() })
            }
        }
        from.deserialize_any(Names)
    }
}

/// The kind of a JSON document, or of JSON lines by the first line that can be read.
fn document(path: &Path, layout: Layout, reader: impl BufRead) -> Result<Kind> {
    let top: Option<Top> = if layout == Layout::Lines {
        let mut lines = json::Lines::new(reader, path, LONGEST_LINE)?;
        loop {
            match lines.next()? {
                Some(Ok(top)) => break Some(top),
                Some(Err(_)) => {}
                None => break None,
            }
        }
    } else {
        let whole = serde_json::Deserializer::from_reader(reader).into_iter().next();
        // What is not quite JSON is read as a whole.
        let small = std::fs::metadata(path).is_ok_and(|there| there.len() <= LARGEST);
        whole.and_then(core::result::Result::ok).or_else(|| {
            let text = std::fs::read(path).ok().filter(|_| small)?;
            json::parse(&text).ok()
        })
    };
    // A truncated document is read, and refused, as what its name says.
    let Some(top) = top else {
        let lines = ends_in(path, "jsonl");
        return Ok(if lines { Kind::Pairs } else { Kind::Unknown });
    };
    Ok(of_top(path, &top))
}

fn of_top(path: &Path, top: &Top) -> Kind {
    let has = |name: &str| top.names.contains(name);
    match &top.format {
        Some(Value::Number(_)) if has("recordings") => return Kind::Session,
        Some(Value::String(format)) => match format.split('/').next() {
            Some("alignment") => return Kind::Alignment,
            Some("curation") => return Kind::Decisions,
            Some("search" | "matches") => return Kind::Pairs,
            _ => {}
        },
        _ => {}
    }
    let scores = path.file_name().is_some_and(|name| name == "match_scores.json");
    let pair = ["midi", "midi_path", "query"].iter().any(|name| has(name))
        && ["audio", "audio_path", "recording", "path", "hits"].iter().any(|name| has(name));
    match () {
        () if has("annotations") && has("file_metadata") => Kind::Decisions,
        () if has("decision") && has("item") && has("at") => Kind::Journal,
        // `data` holds a task of Label Studio.
        () if pair || top.list || scores || has("data") => Kind::Pairs,
        () => Kind::Unknown,
    }
}

/// The kind of a table, by its header.
fn table(path: &Path, reader: impl BufRead) -> Result<Kind> {
    let header = match Rows::new(reader, path).next() {
        Err(Error::List { .. }) => None,
        header => header?,
    };
    if header.as_deref().is_some_and(|row| sides_of(row).is_some()) {
        return Ok(Kind::Pairs);
    }
    let names: BTreeSet<String> = header.into_iter().flatten().map(|name| name.trim().to_lowercase()).collect();
    let has = |name: &str| names.contains(name);
    Ok(match () {
        () if has("decision") && has("item") => Kind::Decisions,
        () if has("audio_s") && has("midi_s") => Kind::TimeMap,
        () if ["midi", "midi_path", "query"].into_iter().any(has) => Kind::Pairs,
        () => Kind::Unknown,
    })
}

/// The kind of a safetensors file, by the format in its metadata.
fn model(mut reader: impl std::io::Read) -> std::io::Result<Kind> {
    let mut length = [0; 8];
    reader.read_exact(&mut length)?;
    let mut header = Vec::new();
    reader.take(u64::from_le_bytes(length).min(LONGEST_HEADER)).read_to_end(&mut header)?;
    let header: Value = serde_json::from_slice(&header).unwrap_or_default();
    let entry = header["__metadata__"]["antiphon"].as_str().unwrap_or_default();
    let format = serde_json::from_str::<Value>(entry).unwrap_or_default();
    Ok(match format["format"].as_str().and_then(|format| format.split('/').next()) {
        Some("hash-model") => Kind::HashModel,
        Some("embedding-model") => Kind::EmbeddingModel,
        _ => Kind::Unknown,
    })
}
