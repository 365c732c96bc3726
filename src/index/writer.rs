//! [`Writer`]: the one process that changes an index.
//!
//! Every batch becomes a segment: written under another name, synced to disk, renamed, and only then listed in
//! `index.json`, which is replaced as a whole. A process that is killed leaves an unlisted segment, which the next
//! writer removes. Readers keep the segments that they have mapped, whatever happens to the names.

use super::Entry;
use super::format::{FileRecord, Manifest, ModelFile, SegmentRecord};
use super::segment::{Column, Segment};
use crate::error::{Error, Result};
use crate::features::WIDE_BINS;
use crate::files::{self, Md5};
use crate::job::Progress;
use half::f16;
use std::borrow::Cow;
use std::fs::{File, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Segments with fewer entries than this are merged with others.
const SMALL_ENTRIES: u64 = 65_536;
/// This many small segments are tolerated.
const FEW_SMALL: usize = 16;
/// The manifest of an upgrade as far as it has got.
const UPGRADE: &str = "upgrade.json";

/// The data written for an entry.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) entry: Entry,
    /// (rows × dimension).
    pub(crate) embeddings: ndarray::Array2<f32>,
    pub(crate) codes: Vec<u32>,
    /// Frames of [`WIDE_BINS`] bytes.
    pub(crate) levels: Vec<u8>,
}

/// What is new about an entry whose codes or embeddings are by another model.
#[derive(Debug)]
pub(crate) struct Renewed {
    /// (rows × dimension).
    pub(crate) embeddings: Option<ndarray::Array2<f32>>,
    pub(crate) codes: Option<Vec<u32>>,
}

/// Holds the lock of an index.
#[derive(Debug)]
pub(crate) struct Writer {
    folder: PathBuf,
    pub(crate) manifest: Manifest,
    _lock: File,
}

/// Takes the lock; it is released when the file is dropped or the process dies.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = File::options().create(true).append(true).open(&path).map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let reason = "another process is writing to it".into();
            Err(Error::Index { reason, path: folder.to_path_buf() })
        }
        Err(TryLockError::Error(source)) => Err(Error::Io { action: "lock", source, path }),
    }
}

impl Writer {
    /// Creates an index in a folder that holds none.
    pub(crate) fn create(folder: &Path, mut manifest: Manifest, models: &[ModelFile]) -> Result<Self> {
        files::create_folder(&folder.join("segments"))?;
        let lock = lock(folder)?;
        if folder.join("index.json").exists() {
            let reason = "there is an index already; `index add` adds to it".into();
            return Err(Error::Index { reason, path: folder.to_path_buf() });
        }
        manifest.next_segment = 1;
        let mut writer = Self { folder: folder.to_path_buf(), manifest, _lock: lock };
        match writer.begin(models) {
            Ok(()) => Ok(writer),
            Err(error) => {
                writer.take_back();
                Err(error)
            }
        }
    }

    fn begin(&mut self, models: &[ModelFile]) -> Result<()> {
        self.write_models(models)?;
        self.commit()
    }

    fn write_models(&self, models: &[ModelFile]) -> Result<()> {
        let folder = self.folder.join("models");
        files::create_folder(&folder)?;
        for (record, bytes) in models {
            let path = folder.join(&record.name);
            files::sweep(&path);
            files::write(&path, bytes)?;
        }
        Ok(())
    }

    /// Removes an index without segments, but not its folder. Returns whether it was one.
    pub(crate) fn take_back(self) -> bool {
        if !self.manifest.segments.is_empty() {
            return false;
        }
        // Something went wrong before; a failing removal is not the error to report. What makes it an index goes first.
        drop(std::fs::remove_file(self.folder.join("index.json")));
        let models = self.folder.join("models");
        for model in self.manifest.models() {
            drop(std::fs::remove_file(models.join(&model.name)));
        }
        for folder in [models, self.segments()] {
            drop(std::fs::remove_dir(folder));
        }
        drop(std::fs::remove_file(self.folder.join("lock")));
        true
    }

    /// Opens an index for writing and removes what a killed writer left.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let writer = Self::open_unswept(folder)?;
        writer.sweep(None)?;
        Ok(writer)
    }

    /// Opens an index for writing; what a killed writer left stays.
    pub(crate) fn open_unswept(folder: &Path) -> Result<Self> {
        // Before a lock file is put into a folder that isn't ours.
        Manifest::read(folder)?;
        let lock = lock(folder)?;
        Ok(Self { folder: folder.to_path_buf(), manifest: Manifest::read(folder)?, _lock: lock })
    }

    /// What a stopped upgrade of this index, as it is now, has got to.
    pub(crate) fn unfinished_upgrade(&self) -> Option<Manifest> {
        let begun = Manifest::read_file(&self.folder.join(UPGRADE)).ok()?;
        (begun.upgrade_of.as_ref() == Some(&self.manifest.checksum)).then_some(begun)
    }

    /// From now on this writer's manifest is one that will take the place of `index.json`, which stays as it is until
    /// [`finish_upgrade`](Self::finish_upgrade). Removes what a killed writer left, but not what `manifest` lists.
    pub(crate) fn begin_upgrade(&mut self, manifest: Manifest, models: &[ModelFile]) -> Result<()> {
        self.sweep(Some(&manifest))?;
        self.write_models(models)?;
        self.manifest = manifest;
        self.keep_upgrade()
    }

    /// Lets a later upgrade go on from here.
    pub(crate) fn keep_upgrade(&mut self) -> Result<()> {
        let text = self.manifest.seal()?;
        files::write(&self.folder.join(UPGRADE), text.as_bytes())
    }

    /// Replaces `index.json`, and removes the segments and models that it no longer lists.
    pub(crate) fn finish_upgrade(&mut self) -> Result<()> {
        self.manifest.upgrade_of = None;
        self.commit()?;
        // What can't be removed now (on some systems, because a search has mapped it) is swept by the next writer.
        drop(self.sweep(None));
        Ok(())
    }

    fn segments(&self) -> PathBuf {
        self.folder.join("segments")
    }

    /// Removes what was to become `index.json`, and segments and models that neither `index.json` lists nor the manifest
    /// of an upgrade that goes on; if none does, that manifest, too.
    pub(crate) fn sweep(&self, upgrade: Option<&Manifest>) -> Result<()> {
        files::sweep(&self.folder.join("index.json"));
        let listed = || std::iter::once(&self.manifest).chain(upgrade);
        let path = self.folder.join(UPGRADE);
        if upgrade.is_none() && path.exists() {
            std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
        for (path, name) in entries_of(&self.segments())? {
            let ours = name.trim_end_matches(".part").bytes().all(|b| b.is_ascii_digit());
            if ours && !listed().flat_map(|manifest| &manifest.segments).any(|segment| segment.name == name) {
                std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
            }
        }
        for (path, name) in entries_of(&self.folder.join("models"))? {
            // Also what was to become a model.
            let ours = name.split_once(".safetensors").is_some_and(|(md5, _)| files::unhex(md5).is_some());
            if ours && !listed().flat_map(Manifest::models).any(|model| model.name == name) {
                std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Replaces `index.json`.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let text = self.manifest.seal()?;
        let path = self.folder.join("index.json");
        files::write(&path, text.as_bytes())?;
        // Best effort: the rename is in the folder's own pages.
        drop(File::open(&self.folder).and_then(|folder| folder.sync_all()));
        Ok(())
    }

    /// Begins a segment; it counts only once it is finished.
    pub(crate) fn segment(&mut self) -> Result<SegmentWriter> {
        let name = format!("{:08}", self.manifest.next_segment);
        self.manifest.next_segment += 1;
        SegmentWriter::new(&self.segments(), name, self.manifest.embedding.dimension)
    }

    /// Writes a batch as a segment, and removes the entries (segment, position) that it replaces.
    pub(crate) fn write(&mut self, records: &[Record], replaced: &[(String, u32)]) -> Result<()> {
        if !records.is_empty() {
            let mut segment = self.segment()?;
            for record in records {
                segment.push(record)?;
            }
            self.manifest.segments.push(segment.finish()?);
        }
        self.remove(replaced);
        self.commit()
    }

    /// Marks entries as removed; takes effect with [`commit`](Self::commit).
    pub(crate) fn remove(&mut self, entries: &[(String, u32)]) {
        for segment in &mut self.manifest.segments {
            segment.removed.extend(entries.iter().filter(|(name, _)| *name == segment.name).map(|(_, place)| *place));
            segment.removed.sort_unstable();
            segment.removed.dedup();
        }
    }

    /// Merges small segments if there are many, and those of which more than a quarter was removed.
    pub(crate) fn compact(&mut self, progress: &Progress) -> Result<()> {
        let is_small = |s: &SegmentRecord| s.entries < SMALL_ENTRIES;
        let is_thin = |s: &SegmentRecord| s.removed.len() as u64 * 4 > s.entries;
        let many = self.manifest.segments.iter().filter(|s| is_small(s)).count() > FEW_SMALL;
        let (merged, kept): (Vec<SegmentRecord>, Vec<SegmentRecord>) =
            self.manifest.segments.iter().cloned().partition(|s| (many && is_small(s)) || is_thin(s));
        if merged.is_empty() {
            return Ok(());
        }
        let mut writer = self.segment()?;
        let total: u64 = merged.iter().map(|s| s.entries).sum();
        let mut done = 0;
        for record in &merged {
            let segment = Segment::open(&self.folder, record, self.manifest.embedding.dimension)?;
            for entry in (0..segment.len()).filter(|&entry| !segment.is_removed(entry)) {
                if entry % 256 == 0 {
                    progress.step(done + entry, total as usize)?;
                }
                writer.copy(&segment, entry)?;
            }
            done += segment.len();
        }
        let written = writer.finish()?;
        self.manifest.segments = kept;
        if written.entries > 0 {
            self.manifest.segments.push(written);
        }
        self.commit()?;
        for record in &merged {
            // What can't be removed now (on some systems, because it is mapped) is swept by the next writer.
            drop(std::fs::remove_dir_all(self.segments().join(&record.name)));
        }
        self.sweep(None)
    }
}

/// What lies in a folder, with its names.
fn entries_of(folder: &Path) -> Result<impl Iterator<Item = (PathBuf, String)>> {
    let list = std::fs::read_dir(folder).map_err(Error::io("list", folder))?;
    Ok(list.flatten().map(|found| (found.path(), found.file_name().to_string_lossy().into_owned())))
}

/// A file whose checksum is computed as it is written.
#[derive(Debug)]
struct ColumnFile {
    file: BufWriter<File>,
    path: PathBuf,
    hasher: Md5,
    bytes: u64,
}

impl ColumnFile {
    fn new(path: PathBuf) -> Result<Self> {
        let file = File::create(&path).map_err(Error::io("write", &path))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 17, file), path, hasher: Md5::default(), bytes: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(Error::io("write", &self.path))
    }

    fn finish(self, name: &str) -> Result<FileRecord> {
        let failed = |source| Error::Io { action: "write", source, path: self.path.clone() };
        let file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        Ok(FileRecord { name: name.into(), bytes: self.bytes, md5: self.hasher.finish() })
    }
}

/// A segment that is being written. If it isn't finished, because the disk is full, nothing of it remains.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    folder: PathBuf,
    name: String,
    stride: usize,
    /// In the order of [`Column::ALL`].
    columns: Vec<ColumnFile>,
    record: SegmentRecord,
}

impl SegmentWriter {
    fn new(segments: &Path, name: String, dimension: usize) -> Result<Self> {
        let record = SegmentRecord {
            name: name.clone(),
            entries: 0,
            embeddings: 0,
            codes: 0,
            frames: 0,
            removed: Vec::new(),
            files: Vec::new(),
        };
        let (folder, stride) = (segments.to_path_buf(), dimension.next_multiple_of(super::segment::STRIDE));
        let mut writer = Self { folder, name, stride, columns: Vec::new(), record };
        let folder = writer.place();
        files::create_folder(&folder)?;
        for column in Column::ALL {
            writer.columns.push(ColumnFile::new(folder.join(column.name()))?);
        }
        for ends in Column::ENDS {
            writer.columns[ends as usize].write(&0_u64.to_le_bytes())?;
        }
        Ok(writer)
    }

    /// Where it is until it is finished.
    fn place(&self) -> PathBuf {
        self.folder.join(format!("{}.part", self.name))
    }

    /// Adds an entry.
    pub(crate) fn push(&mut self, record: &Record) -> Result<()> {
        let mut line = serde_json::to_vec(&record.entry).map_err(|error| Error::Index {
            reason: format!("an entry can't be written: {error}"),
            path: record.entry.path.clone(),
        })?;
        line.push(b'\n');
        let id = crate::files::unhex(&record.entry.md5).unwrap_or_default();
        self.raw(&id, &line, &self.halves(&record.embeddings), &record.codes, &record.levels)
    }

    /// Rows of `stride` values as they are written.
    fn halves(&self, embeddings: &ndarray::Array2<f32>) -> Vec<u16> {
        let mut halves = Vec::with_capacity(embeddings.nrows() * self.stride);
        for row in embeddings.rows() {
            halves.extend(row.iter().map(|&v| f16::from_f32(v).to_bits()));
            halves.resize(halves.len().next_multiple_of(self.stride), 0);
        }
        halves
    }

    /// Copies an entry of another segment, with other codes or embeddings; what is none stays as it is.
    pub(crate) fn renew(&mut self, from: &Segment, entry: usize, new: &Renewed) -> Result<()> {
        let halves = match &new.embeddings {
            Some(embeddings) => Cow::Owned(self.halves(embeddings)),
            None => Cow::Borrowed(from.halves(entry)),
        };
        let codes = new.codes.as_deref().unwrap_or(from.codes(entry));
        self.raw(from.id(entry), from.line(entry), &halves, codes, from.levels(entry))
    }

    /// Whether it has as many entries as a segment should have, or as many bytes of levels.
    pub(crate) fn is_full(&self, entries: usize, bytes: usize) -> bool {
        self.record.entries >= entries as u64 || self.record.frames * WIDE_BINS as u64 >= bytes as u64
    }

    /// Copies an entry of another segment unchanged.
    fn copy(&mut self, from: &Segment, entry: usize) -> Result<()> {
        self.raw(from.id(entry), from.line(entry), from.halves(entry), from.codes(entry), from.levels(entry))
    }

    fn raw(&mut self, id: &[u8], line: &[u8], halves: &[u16], codes: &[u32], levels: &[u8]) -> Result<()> {
        let of_entry: [(Column, &[u8]); 5] = [
            (Column::Ids, id),
            (Column::Lines, line),
            (Column::Embeddings, bytemuck::cast_slice(halves)),
            (Column::Codes, bytemuck::cast_slice(codes)),
            (Column::Levels, levels),
        ];
        for (column, bytes) in of_entry {
            self.columns[column as usize].write(bytes)?;
        }
        self.record.entries += 1;
        self.record.embeddings += (halves.len() / self.stride) as u64;
        self.record.codes += codes.len() as u64;
        self.record.frames += (levels.len() / WIDE_BINS) as u64;
        let lines = self.columns[Column::Lines as usize].bytes;
        let ends = [lines, self.record.embeddings, self.record.codes, self.record.frames];
        for (column, end) in Column::ENDS.into_iter().zip(ends) {
            self.columns[column as usize].write(&end.to_le_bytes())?;
        }
        Ok(())
    }

    /// Syncs it to disk under its final name.
    pub(crate) fn finish(mut self) -> Result<SegmentRecord> {
        let columns = std::mem::take(&mut self.columns);
        self.record.files = columns
            .into_iter()
            .zip(Column::ALL)
            .map(|(file, column)| file.finish(column.name()))
            .collect::<Result<_>>()?;
        let to = self.folder.join(&self.name);
        std::fs::rename(self.place(), &to).map_err(Error::io("rename", &to))?;
        Ok(self.record.clone())
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        self.columns.clear();
        // A finished one has another name.
        drop(std::fs::remove_dir_all(self.place()));
    }
}
