//! How an index is created, grows and shrinks.
//!
//! [`add`] goes through files in the order of their paths, a batch at a time on all cores, and writes its results
//! whenever there is enough for a segment. If it is stopped or killed, it loses less than a minute's work: run again,
//! it skips what is already there.

use super::analysis::{Analysis, Embedder};
use super::entry::{Catalogue, Entry};
use super::format::{Manifest, ModelFile, Parameters, recorded};
use super::writer::{Record, Writer};
use super::{Index, levels};
use crate::audio::ANALYSIS_RATE;
use crate::error::{Error, Result};
use crate::features::{HOP, WIDE_BINS, WIDE_FIRST_NOTE};
use crate::files::{self, Links, absolute, is_sound_name, md5_of, walk};
use crate::hashing::{HashModel, Side};
use crate::job::Progress;
use crate::synth::SoundFont;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

/// Files processed before existing entries are checked again; enough for all cores.
pub(super) const FILES_AT_ONCE: usize = 64;
/// A segment is written when there are this many entries,
pub(super) const SEGMENT_ENTRIES: usize = 512;
/// or this many bytes of levels, which are 3½ hours of sound.
pub(super) const SEGMENT_BYTES: usize = 64 << 20;

/// Where files come from.
#[derive(Debug, Default)]
pub struct Sources {
    /// Recordings and MIDI files, and folders, which are searched for both by file extension.
    pub paths: Vec<PathBuf>,
    /// What is known about them; if there are no paths, its files are the sources.
    pub catalogue: Option<Catalogue>,
    /// Which of the files in folders are taken.
    pub kinds: Kinds,
    /// Treats the syntheses of MIDI files as recordings, to measure searches when there are too few recordings.
    pub as_recordings: bool,
}

/// Which files of the folders among the sources go into an index. A file that is a source itself always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kinds {
    /// Recordings; MIDI files only if there is no recording at all, or if the index has some already.
    #[default]
    RecordingsFirst,
    /// Recordings.
    Recordings,
    /// MIDI files.
    Midi,
    /// Recordings and MIDI files.
    Both,
}

impl Kinds {
    /// Takes the files of this kind; returns how many are left out.
    fn pick(self, files: &mut Vec<PathBuf>, named: &HashSet<PathBuf>) -> usize {
        let count = files.len();
        let recordings = files.iter().any(|path| !files::is_midi_name(path));
        files.retain(|path| {
            named.contains(path)
                || match self {
                    Self::RecordingsFirst => !recordings || !files::is_midi_name(path),
                    Self::Recordings => !files::is_midi_name(path),
                    Self::Midi => files::is_midi_name(path),
                    Self::Both => true,
                }
        });
        count - files.len()
    }
}

/// What [`add`] did.
#[derive(Debug, Default)]
pub struct Added {
    /// Files that were analysed and added to the index.
    pub added: usize,
    /// Of these, files that replace their former content.
    pub replaced: usize,
    /// Files that were already there, unchanged.
    pub kept: usize,
    /// Files that were already there under another path, or for which the catalogue has changed.
    pub renamed: usize,
    /// Files of folders that are not of the [kinds](Sources::kinds) taken.
    pub other_kind: usize,
    /// Files left out because they are copies of another.
    pub copies: usize,
    /// Seconds of sound analysed.
    pub seconds: f64,
    /// Files that are in the index although something was wrong with them, with what it was.
    pub warned: Vec<(PathBuf, String)>,
    /// Files that could not be used, with the reason.
    pub skipped: Vec<(PathBuf, Error)>,
}

/// Creates an index in `folder`, which must not hold one yet. MIDI files will be synthesised with `font`.
///
/// # Errors
/// [`Error::Index`] if there is one; [`Error::Limit`] for a model that can't be used; [`Error::Io`].
pub fn create(folder: &Path, hash: &HashModel, embedder: &Embedder, font: &SoundFont) -> Result<()> {
    let (manifest, models) = planned(hash, embedder, font)?;
    Writer::create(folder, manifest, &models).map(drop)
}

/// Removes an index without segments, with its models and its lock; the folder stays. Returns whether it was one. Lets
/// whatever fails before its first entry leave nothing behind.
pub fn take_back(folder: &Path) -> bool {
    Writer::open(folder).is_ok_and(Writer::take_back)
}

/// Like [`create`], but an existing index is accepted if it was created with the same models and soundfont. Returns
/// whether it created one.
///
/// # Errors
/// Those of [`create`]; [`Error::Index`] if the existing index was created with other models or another soundfont.
pub fn begin(folder: &Path, hash: &HashModel, embedder: &Embedder, font: &SoundFont) -> Result<bool> {
    if !folder.join("index.json").exists() {
        create(folder, hash, embedder, font)?;
        return Ok(true);
    }
    let (planned, _) = planned(hash, embedder, font)?;
    let there = Manifest::read(folder)?;
    let differs = [
        ("hash model", there.hash != planned.hash),
        ("embedding", there.embedding != planned.embedding),
        ("soundfont", there.parameters != planned.parameters),
    ];
    match differs.iter().find(|(_, differs)| *differs) {
        None => Ok(false),
        Some((what, _)) => {
            let reason = format!("it was begun with another {what}; give the same, or another folder");
            Err(Error::Index { reason, path: folder.to_path_buf() })
        }
    }
}

/// The manifest of an index created with these, and the files of its models.
fn planned(hash: &HashModel, embedder: &Embedder, font: &SoundFont) -> Result<(Manifest, Vec<ModelFile>)> {
    let (hash, embedding, models) = recorded(hash, embedder)?;
    let parameters = Parameters {
        sample_rate: ANALYSIS_RATE,
        hop: HOP,
        first_note: WIDE_FIRST_NOTE,
        bins: WIDE_BINS,
        soundfont: font.name().into(),
    };
    let manifest = Manifest {
        antiphon: String::new(),
        format: String::new(),
        checksum: String::new(),
        upgrade_of: None,
        parameters,
        hash,
        embedding,
        counts: super::Counts::default(),
        next_segment: 1,
        segments: Vec::new(),
    };
    Ok((manifest, models))
}

/// The files below `paths`, absolute and sorted, each once; and what can't be listed. Files that are named explicitly
/// are taken whatever their extensions.
pub fn sound_files(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<(PathBuf, Error)>) {
    let (mut found, mut skipped) = (Vec::new(), Vec::new());
    for path in paths {
        let start = match absolute(path) {
            Ok(start) => start,
            Err(error) => {
                skipped.push((path.clone(), error));
                continue;
            }
        };
        for file in walk(&start, Links::Followed) {
            match file {
                Ok(file) if file == start || is_sound_name(&file) => found.push(file),
                Ok(_) => {}
                Err(error) => skipped.push((error.path().unwrap_or(path).to_path_buf(), error)),
            }
        }
    }
    found.sort();
    found.dedup();
    (found, skipped)
}

/// Where an entry is, and the file that it was made from.
struct Known {
    segment: String,
    place: u32,
    /// Its position in the index that was opened.
    global: usize,
    entry: Entry,
}

/// What is to be done with a file.
enum Look {
    /// Nothing: size and modification time are those of its entry.
    Unchanged,
    /// It depends on the content, whose MD5 this is.
    Content(String),
}

/// Adds files to the index in `folder`.
///
/// # Errors
/// [`Error::Io`] and [`Error::Index`] if the index can't be read or written, or another process is writing to it;
/// [`Error::Limit`] if the soundfont is not that of the index; [`Error::Cancelled`], after finished work is written.
/// Files that can't be read are not errors but [skipped](Added::skipped).
pub fn add(folder: &Path, sources: &Sources, font: &SoundFont, progress: &Progress) -> Result<Added> {
    let mut writer = Writer::open(folder)?;
    let index = Index::open(folder)?;
    if index.parameters().soundfont != font.name() {
        let limit = format!("{:?}, with which the index was begun", index.parameters().soundfont);
        return Err(Error::Limit { what: "soundfont", value: format!("{:?}", font.name()), limit });
    }
    let mut report = Added::default();
    let mut known = known(&index)?;
    let files = match &sources.catalogue {
        Some(catalogue) if sources.paths.is_empty() => catalogue.paths().map(Path::to_path_buf).collect(),
        _ => {
            let (mut files, skipped) = sound_files(&sources.paths);
            report.skipped = skipped;
            let named = sources.paths.iter().filter_map(|path| absolute(path).ok()).collect();
            let has_midi = || known.entries.iter().any(|known| known.entry.side == Side::Midi);
            let kinds = match sources.kinds {
                Kinds::RecordingsFirst if sources.as_recordings || has_midi() => Kinds::Both,
                kinds => kinds,
            };
            report.other_kind = kinds.pick(&mut files, &named);
            files
        }
    };
    let mut batch = Batch::default();
    let mut done = 0;
    for chunk in files.chunks(FILES_AT_ONCE) {
        let ended = Ended { progress, done: AtomicUsize::new(done), total: files.len() + 1 };
        let outcome = add_some(chunk, &index, sources, font, &mut known, &mut batch, &mut report, &ended);
        done += chunk.len();
        let last = done == files.len() || outcome.is_err();
        if last || batch.records.len() >= SEGMENT_ENTRIES || batch.bytes >= SEGMENT_BYTES {
            batch.write(&mut writer)?;
        }
        outcome?;
    }
    drop(index);
    writer.compact(&progress.part(1.0, 1.0))?;
    progress.step(1, 1)?;
    Ok(report)
}

/// Counts the finished files. Progress can't distinguish those that are processed at the same time.
struct Ended<'a> {
    progress: &'a Progress,
    done: AtomicUsize,
    total: usize,
}

impl Ended<'_> {
    /// A progress fixed at the current position.
    fn here(&self) -> Progress {
        let at = self.done.load(Ordering::Relaxed) as f32 / self.total as f32;
        self.progress.part(at, at)
    }
}

/// What is to be written next.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    replaced: Vec<(String, u32)>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, record: Record) {
        self.bytes += record.levels.len();
        self.records.push(record);
    }

    fn write(&mut self, writer: &mut Writer) -> Result<()> {
        if !self.records.is_empty() || !self.replaced.is_empty() {
            writer.write(&self.records, &self.replaced)?;
        }
        *self = Self::default();
        Ok(())
    }
}

/// Entries by path and by content.
#[derive(Default)]
struct KnownFiles {
    entries: Vec<Known>,
    by_path: HashMap<PathBuf, usize>,
    by_md5: HashMap<String, usize>,
    /// Contents seen in this run, with the path that stands for them.
    seen: HashMap<String, PathBuf>,
}

fn known(index: &Index) -> Result<KnownFiles> {
    let mut known = KnownFiles::default();
    for (segment, start) in index.segments.iter().zip(&index.starts) {
        for place in (0..segment.len()).filter(|&place| !segment.is_removed(place)) {
            let entry = segment.entry(place)?;
            known.by_path.insert(entry.path.clone(), known.entries.len());
            known.by_md5.insert(entry.md5.clone(), known.entries.len());
            let (segment, global) = (segment.record.name.clone(), start + place);
            known.entries.push(Known { segment, place: place as u32, global, entry });
        }
    }
    Ok(known)
}

fn stamp(path: &Path) -> Option<(u64, Option<u64>)> {
    let metadata = std::fs::metadata(path).ok()?;
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Some((metadata.len(), since.and_then(|since| u64::try_from(since.as_nanos()).ok())))
}

#[expect(clippy::too_many_arguments, reason = "the state of one loop")]
fn add_some(
    files: &[PathBuf],
    index: &Index,
    sources: &Sources,
    font: &SoundFont,
    known: &mut KnownFiles,
    batch: &mut Batch,
    report: &mut Added,
    ended: &Ended<'_>,
) -> Result<()> {
    let look = |path: &PathBuf| -> Result<Look> {
        ended.here().step(0, 1)?;
        if let Some(&at) = known.by_path.get(path)
            && let entry = &known.entries[at].entry
            && entry.modified_ns.is_some()
            && stamp(path) == Some((entry.bytes, entry.modified_ns))
        {
            return Ok(Look::Unchanged);
        }
        Ok(Look::Content(md5_of(path, || ended.here().step(0, 1))?.0))
    };
    let looks: Vec<Result<Look>> = files.par_iter().with_max_len(1).map(look).collect();
    let mut new: Vec<(&PathBuf, String)> = Vec::new();
    for (path, look) in files.iter().zip(looks) {
        let about = sources.catalogue.as_ref().and_then(|catalogue| catalogue.about(path));
        let at_path = known.by_path.get(path).copied();
        let same = match look {
            Ok(Look::Unchanged) => at_path,
            Ok(Look::Content(md5)) => {
                if known.seen.get(&md5).is_some_and(|first| first != path) {
                    report.copies += 1;
                    continue;
                }
                known.seen.insert(md5.clone(), path.clone());
                let same = known.by_md5.get(&md5).copied();
                // The same bytes at a path that still exists: one of the two is a copy.
                if same.is_some_and(|at| known.entries[at].entry.path != *path && known.entries[at].entry.path.exists())
                {
                    report.copies += 1;
                    continue;
                }
                if same.is_none() {
                    new.push((path, md5));
                }
                same
            }
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => {
                report.skipped.push((path.clone(), error));
                continue;
            }
        };
        if let Some(at) = same {
            let was = &known.entries[at];
            let mut entry = was.entry.clone();
            entry.path.clone_from(path);
            (entry.bytes, entry.modified_ns) = stamp(path).unwrap_or((entry.bytes, entry.modified_ns));
            if let Some(about) = about {
                let mut said = about.clone();
                said.artist = said.artist.or(entry.about.artist);
                said.title = said.title.or(entry.about.title);
                said.release = said.release.or(entry.about.release);
                said.year = said.year.or(entry.about.year);
                entry.about = said;
            }
            if entry.path == was.entry.path && entry.about == was.entry.about {
                report.kept += 1;
            } else {
                report.renamed += 1;
                batch.replaced.push((was.segment.clone(), was.place));
                batch.push(record_of(index, was.global, entry));
            }
        }
    }

    let analyse = |(path, md5): &(&PathBuf, String)| -> Result<Record> {
        ended.here().step(0, 1)?;
        let about = sources.catalogue.as_ref().and_then(|catalogue| catalogue.about(path)).cloned();
        let (bytes, modified_ns) = stamp(path).unwrap_or_default();
        let analysis = Analysis::of(path, font, &ended.here());
        ended.done.fetch_add(1, Ordering::Relaxed);
        let mut analysis = analysis?;
        if sources.as_recordings {
            analysis.side = Side::Audio;
        }
        let entry = Entry {
            md5: md5.clone(),
            side: analysis.side,
            path: (*path).clone(),
            bytes,
            modified_ns,
            seconds: analysis.seconds,
            tuning: Some(analysis.log.cents()).filter(|cents| *cents != 0.0),
            warning: analysis.warning.clone(),
            about: about.unwrap_or_default().or(analysis.tags.clone()),
        };
        Ok(Record {
            entry,
            embeddings: index.embedder().rows(&analysis, 0),
            codes: analysis.codes(index.hash_model(), 0)?.codes().to_vec(),
            levels: levels::to_bytes(analysis.log.rows().view()),
        })
    };
    let made: Vec<Result<Record>> = new.par_iter().with_max_len(1).map(analyse).collect();
    let mut cancelled = false;
    for ((path, _), made) in new.iter().zip(made) {
        match made {
            Ok(record) => {
                report.added += 1;
                report.seconds += record.entry.seconds;
                if let Some(&at) = known.by_path.get(*path) {
                    report.replaced += 1;
                    batch.replaced.push((known.entries[at].segment.clone(), known.entries[at].place));
                }
                report.warned.extend(record.entry.warning.clone().map(|warning| ((*path).clone(), warning)));
                batch.push(record);
            }
            Err(Error::Cancelled) => cancelled = true,
            Err(error) => report.skipped.push(((*path).clone(), error)),
        }
    }
    if cancelled { Err(Error::Cancelled) } else { Ok(()) }
}

/// The record of an existing entry under another name.
fn record_of(index: &Index, global: usize, entry: Entry) -> Record {
    let (segment, place) = index.locate(global);
    let (rows, stride, dimension) = (segment.rows(place), segment.stride(), index.embedder().dimension());
    let value = |(row, column): (usize, usize)| {
        half::f16::from_bits(segment.embeddings()[(rows.start + row) * stride + column]).to_f32()
    };
    Record {
        entry,
        embeddings: ndarray::Array2::from_shape_fn((rows.len(), dimension), value),
        codes: segment.codes(place).to_vec(),
        levels: segment.levels(place).to_vec(),
    }
}

/// Removes entries from the index: by MD5, by a catalogue's id, or by the path of a file or of a folder above it.
/// Returns how many were removed and which names were not found.
///
/// # Errors
/// Those of [`add`].
pub fn remove(folder: &Path, names: &[PathBuf], progress: &Progress) -> Result<(usize, Vec<PathBuf>)> {
    let mut writer = Writer::open(folder)?;
    let index = Index::open(folder)?;
    let mut removed = Vec::new();
    let mut found = vec![false; names.len()];
    let paths = names.iter().map(|name| absolute(name)).collect::<Result<Vec<_>>>()?;
    for (number, segment) in index.segments.iter().enumerate() {
        progress.step(number, index.segments.len())?;
        for place in (0..segment.len()).filter(|&place| !segment.is_removed(place)) {
            let entry = segment.entry(place)?;
            let is_meant = |(name, path): (&PathBuf, &PathBuf)| {
                entry.path.starts_with(path) || name.as_os_str() == entry.md5.as_str() || name.as_os_str() == entry.id()
            };
            for (at, pair) in names.iter().zip(&paths).enumerate() {
                if is_meant(pair) {
                    found[at] = true;
                    removed.push((segment.record.name.clone(), place as u32));
                }
            }
        }
    }
    removed.sort();
    removed.dedup();
    drop(index);
    writer.remove(&removed);
    writer.commit()?;
    writer.compact(&progress.part(1.0, 1.0))?;
    let missing = names.iter().zip(found).filter(|(_, found)| !found).map(|(name, _)| name.clone()).collect();
    Ok((removed.len(), missing))
}
