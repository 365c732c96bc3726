//! The content of a collection, kept so that one file can be looked up among very many.
//!
//! An [`Index`] is a folder. For each recording or MIDI file it keeps what a [search](crate::search) compares: one
//! vector for each window of 45 s and one for the whole, a code for each 0.37 s, and log magnitudes of each frame at
//! one byte each, so that no file is decoded again. The layout is that of `format`; files are mapped, so opening an
//! index takes no longer with a million entries.
//!
//! | an entry keeps | bytes |
//! |---|---|
//! | vectors | 256 (128 values of 2 bytes) for each 22.5 s, and for the whole |
//! | codes | 4 for each 0.37 s |
//! | levels | 60 for each 46 ms |
//! | the rest | 48 and its line of JSON, some 300 |
//!
//! A song of four minutes takes 316 kB, a clip of 45 s without levels 1 kB.
//!
//! | question | answer |
//! |---|---|
//! | How is one created? | [`create`], then [`add`]; [`remove`] |
//! | What is in it? | [`Index::open`], [`Index::entry`], [`Index::counts`] |
//! | Is it intact? | [`verify()`] |
//! | How does it get codes and vectors of other models? | [`upgrade()`] |
//! | How does a search scale? | [`synthesize`] creates an index of any size |
//!
//! A [search](crate::search) needs no more than `seam` lists, so that an index can also be kept elsewhere. One process
//! writes while others read: see `writer`.

mod analysis;
mod build;
mod entry;
mod format;
mod levels;
mod mapped;
mod scan;
mod seam;
mod segment;
#[cfg(target_arch = "x86_64")]
mod simd_avx2;
#[cfg(target_arch = "x86_64")]
mod simd_avx512;
mod synthetic;
mod upgrade;
mod verify;
mod writer;

pub use analysis::{Analysis, Embedder};
pub use build::{Added, Kinds, Sources, add, begin, create, remove, sound_files, take_back};
pub use entry::{About, Catalogue, Entry};
pub use format::{Counts, EmbeddingKind, EmbeddingRecord, FileRecord, HashRecord, Parameters};
pub use scan::ScanKernel;
pub use synthetic::synthesize;
pub use upgrade::{Upgraded, upgrade};
pub use verify::{Fault, verify};

use crate::embedding::EmbeddingModel;
use crate::error::{Error, Result};
use crate::files::md5_of;
use crate::hashing::HashModel;
use format::Manifest;
use segment::Segment;
use std::path::{Path, PathBuf};

#[cfg(target_endian = "big")]
compile_error!("files of an index are little-endian and mapped as they are");

/// How many times opening an index is retried if a writer replaces it meanwhile.
const TRIES: usize = 8;

/// An index, open for reading: it stays as it was when it was opened, whatever is written meanwhile.
#[derive(Debug)]
pub struct Index {
    folder: PathBuf,
    manifest: Manifest,
    segments: Vec<Segment>,
    /// The first position of each segment, and the end.
    starts: Vec<usize>,
    hash: HashModel,
    embedder: Embedder,
}

impl Index {
    /// Opens the index in a folder.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Index`] if it is newer than this program, or damaged as far as sizes and offsets show;
    /// [`verify()`] checks every byte. [`Error::Model`] if a model in it is damaged.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut manifest = Manifest::read(folder)?;
        for _ in 1..TRIES {
            match Self::open_as(folder, &manifest) {
                Err(error) => {
                    // Merged away since `index.json` was read? Then the new one names other segments.
                    let now = Manifest::read(folder)?;
                    if now == manifest {
                        return Err(error);
                    }
                    manifest = now;
                }
                opened => return opened,
            }
        }
        Self::open_as(folder, &manifest)
    }

    fn open_as(folder: &Path, manifest: &Manifest) -> Result<Self> {
        let models = folder.join("models");
        let hash = HashModel::load(&checked(&models, &manifest.hash.model)?)?;
        let embedder = match (&manifest.embedding.kind, &manifest.embedding.model) {
            (EmbeddingKind::Statistics, _) => Embedder::Statistics,
            (EmbeddingKind::Model, Some(model)) => {
                Embedder::Model(Box::new(EmbeddingModel::load(&checked(&models, model)?)?))
            }
            (EmbeddingKind::Model, None) => {
                let reason = "its embeddings are those of a model that it doesn't name".into();
                return Err(Error::Index { reason, path: folder.to_path_buf() });
            }
        };
        if embedder.dimension() != manifest.embedding.dimension || hash.bits() as u32 != manifest.hash.bits {
            let reason = format!(
                "its models have {} values and {} bits, {} and {} expected",
                embedder.dimension(),
                hash.bits(),
                manifest.embedding.dimension,
                manifest.hash.bits
            );
            return Err(Error::Index { reason, path: folder.to_path_buf() });
        }
        let open = |record| Segment::open(folder, record, manifest.embedding.dimension);
        let segments = manifest.segments.iter().map(open).collect::<Result<Vec<_>>>()?;
        let mut starts = vec![0];
        for segment in &segments {
            starts.push(starts[starts.len() - 1] + segment.len());
        }
        if starts[starts.len() - 1] > u32::MAX as usize {
            let (value, limit) = (starts[starts.len() - 1].to_string(), "0..=4294967295".into());
            return Err(Error::Limit { what: "number of entries", value, limit });
        }
        Ok(Self { folder: folder.to_path_buf(), manifest: manifest.clone(), segments, starts, hash, embedder })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How much it holds.
    pub fn counts(&self) -> Counts {
        self.manifest.counts
    }

    /// The parameters it was created with.
    pub fn parameters(&self) -> &Parameters {
        &self.manifest.parameters
    }

    /// A fingerprint that changes whenever the index changes.
    pub fn fingerprint(&self) -> &str {
        &self.manifest.checksum
    }

    /// Number of segments.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    fn locate(&self, place: usize) -> (&Segment, usize) {
        let segment = self.starts.partition_point(|&start| start <= place) - 1;
        (&self.segments[segment], place - self.starts[segment])
    }
}

/// The path of a model's file, once its content is confirmed to be what was written.
fn checked(folder: &Path, record: &FileRecord) -> Result<PathBuf> {
    let plain = Path::new(&record.name).file_name().is_some_and(|name| name == record.name.as_str());
    let path = folder.join(&record.name);
    if !plain {
        return Err(Error::Index {
            reason: format!("a model is called {:?}", record.name),
            path: folder.to_path_buf(),
        });
    }
    let (md5, bytes) = md5_of(&path, || Ok(()))?;
    if (md5.as_str(), bytes) != (record.md5.as_str(), record.bytes) {
        return Err(Error::Index { reason: "the model is another than the index was made with".into(), path });
    }
    Ok(path)
}

#[cfg(test)]
mod tests;
