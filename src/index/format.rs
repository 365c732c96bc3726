//! The layout of an index on disk, version 2.
//!
//! ```text
//! index.json            what follows, with sizes and checksums; replaced as a whole, so a reader sees one state or the next
//! lock                  locked by the process that writes
//! upgrade.json          while an upgrade is under way or was stopped: the `index.json` to come, as far as it has got
//! models/<md5>.safetensors
//! segments/<n>/         never changed once `index.json` names it
//!   ids.bin             16 bytes an entry: MD5 of the file it was made from
//!   entries.jsonl       a line an entry: an `Entry`
//!   lines.u64           where each line begins, and the end
//!   embeddings.f16      rows of `dimension` values, filled up with zeros to a multiple of 16
//!   rows.u64            the first row of each entry, and the end: long files have several, the last for the whole
//!   codes.u32           codes of each entry, one entry after the other
//!   steps.u64           the first code of each entry, and the end
//!   levels.u8           frames of 60 bytes: log magnitudes of MIDI notes 30 to 89
//!   frames.u64          the first frame of each entry, and the end
//! ```
//!
//! Numbers are little-endian. Codes lie one after another and not side by side as the kernel needs them: the second
//! stage of a search compares a few out of very many, in any order, so 32 of them are rearranged just before.

use super::analysis::{Embedder, check_model};
use crate::error::{Error, Result};
use crate::files;
use crate::hashing::HashModel;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The format that `index.json` declares.
const FORMAT: &str = "index/2";
/// Its maximum size: a name for each of 10 million removed entries, and the segments.
const MOST_BYTES: u64 = 256 << 20;
/// Placeholder for the checksum until it is known.
const NO_CHECKSUM: &str = "00000000000000000000000000000000";

/// `index.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub antiphon: String,
    pub format: String,
    /// MD5 of the document with 32 zeros in place of the checksum.
    pub checksum: String,
    /// In `upgrade.json`, the checksum of the `index.json` that it will replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_of: Option<String>,
    pub parameters: Parameters,
    pub hash: HashRecord,
    pub embedding: EmbeddingRecord,
    pub counts: Counts,
    /// The name of the next segment.
    pub next_segment: u64,
    pub segments: Vec<SegmentRecord>,
}

/// What was computed and how; fixed when an index is created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Sample rate of the analysis, in Hz.
    pub sample_rate: u32,
    /// Samples between frames.
    pub hop: usize,
    /// MIDI note of the lowest bin kept.
    pub first_note: u8,
    /// Bins kept.
    pub bins: usize,
    /// Soundfont with which MIDI files were synthesised.
    pub soundfont: String,
}

/// Where the codes come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HashRecord {
    /// The model's file.
    pub model: FileRecord,
    /// Bits per code.
    pub bits: u32,
    /// Frames per code.
    pub downsampling: usize,
}

/// Where the embeddings come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingRecord {
    /// A model, or means and deviations of the features.
    pub kind: EmbeddingKind,
    /// The model's file.
    pub model: Option<FileRecord>,
    /// Number of values in an embedding.
    pub dimension: usize,
}

/// What an embedding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingKind {
    /// The output of a trained model.
    Model,
    /// The baseline: mean and deviation of each bin.
    Statistics,
}

/// How much an index holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Entries that can be found.
    pub entries: u64,
    /// Entries that were removed but still take up space.
    pub removed: u64,
    /// Embeddings, including those of removed entries.
    pub embeddings: u64,
    /// Codes, including those of removed entries.
    pub codes: u64,
    /// Frames of features, including those of removed entries.
    pub frames: u64,
    /// Bytes of all segments.
    pub bytes: u64,
}

/// A file and what its content must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its name in its folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// MD5 of its content.
    pub md5: String,
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SegmentRecord {
    pub name: String,
    pub entries: u64,
    pub embeddings: u64,
    pub codes: u64,
    pub frames: u64,
    /// Positions of removed entries, ascending.
    pub removed: Vec<u32>,
    pub files: Vec<FileRecord>,
}

impl Manifest {
    /// Reads that of a folder.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Index`] if it is damaged or newer.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        Self::read_file(&folder.join("index.json"))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub(crate) fn read_file(path: &Path) -> Result<Self> {
        let refused = |reason: String| Error::Index { reason, path: path.to_path_buf() };
        let mut text = String::new();
        let file = File::open(path).map_err(Error::io("open", path))?;
        file.take(MOST_BYTES).read_to_string(&mut text).map_err(Error::io("read", path))?;
        let value: serde_json::Value =
            files::parse_json(text.as_bytes()).map_err(|e| refused(format!("damaged: {e}")))?;
        match value.get("format").and_then(serde_json::Value::as_str) {
            Some(FORMAT) => {}
            Some(other) => return Err(refused(format!("its format is {other:?}, {FORMAT:?} is read"))),
            None => return Err(refused(format!("it names no format, {FORMAT:?} is read"))),
        }
        let checksum = value.get("checksum").and_then(serde_json::Value::as_str).unwrap_or_default();
        let blank = if checksum.len() == 32 { text.replacen(checksum, NO_CHECKSUM, 1) } else { String::new() };
        if files::md5(&blank) != checksum {
            return Err(refused("damaged: its checksum is another".into()));
        }
        let manifest: Self = serde_json::from_value(value).map_err(|e| refused(format!("damaged: {e}")))?;
        manifest.check().map_err(refused)?;
        Ok(manifest)
    }

    /// Checks the numbers so thoroughly that they need no further checks.
    fn check(&self) -> core::result::Result<(), String> {
        let within = |what: &str, value: usize, least: usize, most: usize| {
            let fine = (least..=most).contains(&value);
            if fine { Ok(()) } else { Err(format!("{what} {value} is outside {least}..={most}")) }
        };
        within("bits", self.hash.bits as usize, 1, 32)?;
        within("dimension", self.embedding.dimension, 1, 4096)?;
        within("bins", self.parameters.bins, crate::features::WIDE_BINS, crate::features::WIDE_BINS)?;
        within("downsampling", self.hash.downsampling, 1, 1 << 16)?;
        for segment in &self.segments {
            // A name becomes a path, and that of the next segment must be free.
            let digits = !segment.name.is_empty() && segment.name.bytes().all(|b| b.is_ascii_digit());
            if !digits || segment.name.parse().is_ok_and(|number: u64| number >= self.next_segment) {
                return Err(format!("a segment is called {:?}, the next {}", segment.name, self.next_segment));
            }
            let plain = |file: &&FileRecord| Path::new(&file.name).file_name().is_some_and(|name| name == &*file.name);
            if let Some(file) = segment.files.iter().find(|file| !plain(file)) {
                return Err(format!("a file of segment {} is called {:?}", segment.name, file.name));
            }
            let ascend = segment.removed.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascend || segment.removed.last().is_some_and(|&last| u64::from(last) >= segment.entries) {
                return Err(format!("segment {} has no such removed entries", segment.name));
            }
            if segment.entries > u64::from(u32::MAX) {
                return Err(format!("segment {} has {} entries, 2^32 − 1 are read", segment.name, segment.entries));
            }
        }
        match self.counted() {
            Some(counts) if counts == self.counts => Ok(()),
            Some(counts) => Err(format!("it counts {:?}, its segments hold {counts:?}", self.counts)),
            None => Err("its segments hold more than can be counted".into()),
        }
    }

    /// What the segments hold together; none if that is beyond 64 bits.
    fn counted(&self) -> Option<Counts> {
        let mut counts = Counts::default();
        let add = |sum: &mut u64, more: u64| sum.checked_add(more).map(|total| *sum = total);
        for segment in &self.segments {
            let removed = segment.removed.len() as u64;
            add(&mut counts.entries, segment.entries.checked_sub(removed)?)?;
            add(&mut counts.removed, removed)?;
            add(&mut counts.embeddings, segment.embeddings)?;
            add(&mut counts.codes, segment.codes)?;
            add(&mut counts.frames, segment.frames)?;
            for file in &segment.files {
                add(&mut counts.bytes, file.bytes)?;
            }
        }
        Some(counts)
    }

    /// The files of its models.
    pub(crate) fn models(&self) -> impl Iterator<Item = &FileRecord> {
        std::iter::once(&self.hash.model).chain(&self.embedding.model)
    }

    /// Updates the counts and the checksum, and returns the text.
    pub(crate) fn seal(&mut self) -> Result<String> {
        self.antiphon = env!("CARGO_PKG_VERSION").into();
        self.format = FORMAT.into();
        self.checksum = NO_CHECKSUM.into();
        let refused = |reason: String| Error::Index { reason, path: "index.json".into() };
        self.counts = self.counted().ok_or_else(|| refused("its segments hold more than can be counted".into()))?;
        let text = serde_json::to_string_pretty(self).map_err(|error| refused(error.to_string()))?;
        self.checksum = files::md5(&text);
        Ok(text.replacen(NO_CHECKSUM, &self.checksum, 1))
    }
}

/// A model's file record and its bytes.
pub(crate) type ModelFile = (FileRecord, Vec<u8>);

/// The records of the models that make codes and embeddings, and the files of these models.
///
/// # Errors
/// [`Error::Limit`] for a model that an index can't use; [`Error::Model`] for one that can't be written.
pub(crate) fn recorded(hash: &HashModel, embedder: &Embedder) -> Result<(HashRecord, EmbeddingRecord, Vec<ModelFile>)> {
    check_model(hash)?;
    let mut models = Vec::new();
    let mut named = |bytes: Vec<u8>| {
        let md5 = files::md5(&bytes);
        let record = FileRecord { name: format!("{md5}.safetensors"), bytes: bytes.len() as u64, md5 };
        models.push((record.clone(), bytes));
        record
    };
    let hash =
        HashRecord { bits: hash.bits() as u32, downsampling: hash.downsampling(), model: named(hash.to_bytes()?) };
    let (kind, model) = match embedder {
        Embedder::Statistics => (EmbeddingKind::Statistics, None),
        Embedder::Model(model) => (EmbeddingKind::Model, Some(named(model.to_bytes()?))),
    };
    let embedding = EmbeddingRecord { kind, model, dimension: embedder.dimension() };
    Ok((hash, embedding, models))
}

impl SegmentRecord {
    /// The record of one of its files.
    pub(crate) fn file(&self, name: &str) -> Option<&FileRecord> {
        self.files.iter().find(|file| file.name == name)
    }
}
