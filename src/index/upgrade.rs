//! How an index gets codes and embeddings of other models, without its files.
//!
//! An index keeps the levels of each entry, so that nothing is decoded again. New segments are written beside the old,
//! and `index.json` is replaced once all are there: until then the index is what it was, also for those who search it
//! meanwhile. Each finished segment is noted in `upgrade.json`, from which an upgrade that was stopped or killed goes
//! on. Any other writer removes that, with its segments: it may change what they were made from.

use super::analysis::{Analysis, Embedder};
use super::build::{FILES_AT_ONCE, SEGMENT_BYTES, SEGMENT_ENTRIES};
use super::format::{Manifest, recorded};
use super::segment::Segment;
use super::writer::{Renewed, SegmentWriter, Writer};
use super::{Index, verify};
use crate::error::{Error, Result};
use crate::hashing::HashModel;
use crate::job::Progress;
use rayon::prelude::*;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What [`upgrade()`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upgraded {
    /// Entries of the index.
    pub entries: usize,
    /// Whether their codes are new; otherwise they were of this model already.
    pub codes: bool,
    /// Whether their embeddings are new; otherwise they were of this model already.
    pub embeddings: bool,
    /// Entries that an upgrade that was stopped had made.
    pub resumed: usize,
    /// Removed entries that no longer take up space.
    pub dropped: usize,
}

/// Makes the codes and embeddings of all entries anew with these models, from the levels that the index keeps; those
/// whose model stays the same are kept. Ids, metadata and levels stay as they are, byte for byte; removed entries are
/// dropped. If both models are those of the index, nothing is changed.
///
/// Levels are rounded to 0.63 dB, so a few bits differ from those that [`add`](super::add) computes of the sound.
///
/// # Errors
/// [`Error::Io`]; [`Error::Index`] if the index is damaged, keeps no levels of an entry, or is being written to;
/// [`Error::Limit`] for a model that can't be used; [`Error::Cancelled`]. The index is what it was, unless the error comes
/// of the last step, in which small segments are merged.
pub fn upgrade(folder: &Path, hash: &HashModel, embedder: &Embedder, progress: &Progress) -> Result<Upgraded> {
    let (hash_record, embedding, models) = recorded(hash, embedder)?;
    let mut writer = Writer::open_unswept(folder)?;
    let (entries, dropped) = (writer.manifest.counts.entries as usize, writer.manifest.counts.removed as usize);
    let (codes, embeddings) = (writer.manifest.hash != hash_record, writer.manifest.embedding != embedding);
    if !codes && !embeddings {
        // One that was killed at its very end may have left what it had replaced.
        writer.sweep(None)?;
        return Ok(Upgraded { entries, ..Upgraded::default() });
    }
    // What is copied gets new checksums, which must not hide damage.
    if let Some(fault) = verify(folder, &progress.part(0.0, 0.1))?.into_iter().next() {
        return Err(Error::Index { reason: format!("damaged: {}", fault.reason), path: fault.path });
    }
    let index = Index::open(folder)?;
    let places: Vec<usize> = index.places().collect();
    let has_levels = |&place: &usize| {
        let (segment, entry) = index.locate(place);
        segment.frames(entry) > 0
    };
    let without = places.iter().filter(|place| !has_levels(place)).count();
    if without > 0 {
        let reason = format!("{without} of {entries} entries have no features to make codes and vectors from");
        return Err(Error::Index { reason, path: folder.to_path_buf() });
    }
    let begun = writer.unfinished_upgrade().filter(|begun| {
        let open = |record| Segment::open(folder, record, embedding.dimension).is_ok();
        (&begun.hash, &begun.embedding) == (&hash_record, &embedding)
            && begun.counts.entries as usize <= entries
            && begun.segments.iter().all(open)
    });
    let resumed = begun.as_ref().map_or(0, |begun| begun.counts.entries as usize);
    let now = &writer.manifest;
    let next = begun.unwrap_or_else(|| Manifest {
        upgrade_of: Some(now.checksum.clone()),
        hash: hash_record,
        embedding,
        segments: Vec::new(),
        ..now.clone()
    });
    writer.begin_upgrade(next, &models)?;
    let new = Models { hash: codes.then_some(hash), embedder: embeddings.then_some(embedder) };
    renew(&index, &places, resumed, &new, &mut writer, &progress.part(0.1, 0.95))?;
    // Some systems can't remove what is mapped.
    drop(index);
    writer.finish_upgrade()?;
    writer.compact(&progress.part(0.95, 1.0))?;
    progress.step(1, 1)?;
    Ok(Upgraded { entries, codes, embeddings, resumed, dropped })
}

/// The models that are new.
struct Models<'a> {
    hash: Option<&'a HashModel>,
    embedder: Option<&'a Embedder>,
}

/// Writes segments of the entries at these places, but for the first `resumed`.
fn renew(
    index: &Index,
    places: &[usize],
    resumed: usize,
    models: &Models<'_>,
    writer: &mut Writer,
    progress: &Progress,
) -> Result<()> {
    let done = AtomicUsize::new(resumed);
    let analyse = |&place: &usize| -> Result<Renewed> {
        progress.step(done.load(Ordering::Relaxed), places.len())?;
        let (segment, entry) = index.locate(place);
        let analysis = Analysis::from_levels(segment.entry(entry)?.side, segment.levels(entry));
        let codes = models.hash.map(|model| analysis.codes(model, 0)).transpose()?;
        let embeddings = models.embedder.map(|embedder| embedder.rows(&analysis, 0));
        done.fetch_add(1, Ordering::Relaxed);
        Ok(Renewed { embeddings, codes: codes.map(|codes| codes.codes().to_vec()) })
    };
    let mut segment: Option<SegmentWriter> = None;
    let mut chunks = places[resumed..].chunks(FILES_AT_ONCE).peekable();
    while let Some(chunk) = chunks.next() {
        let made: Vec<Result<Renewed>> = chunk.par_iter().with_max_len(1).map(analyse).collect();
        let mut outcome = Ok(());
        for (&place, made) in chunk.iter().zip(made) {
            let renewed = match made {
                Ok(renewed) => renewed,
                Err(error) => {
                    // What comes before it is finished work.
                    outcome = Err(error);
                    break;
                }
            };
            let (from, entry) = index.locate(place);
            let mut writing = segment.take().map_or_else(|| writer.segment(), Ok)?;
            writing.renew(from, entry, &renewed)?;
            segment = Some(writing);
        }
        let last = outcome.is_err() || chunks.peek().is_none();
        if let Some(written) = segment.take_if(|segment| last || segment.is_full(SEGMENT_ENTRIES, SEGMENT_BYTES)) {
            writer.manifest.segments.push(written.finish()?);
            writer.keep_upgrade()?;
        }
        outcome?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
