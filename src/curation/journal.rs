//! [`Journal`]: every decision, one line each, on the disk before it counts.
//!
//! Lines are only ever appended, each followed by an `fsync`. A killed process leaves at most one incomplete line: it
//! was never acknowledged, and is moved to a separate file (`<journal>.torn`) when the journal is opened again. Only
//! one process at a time can work with a journal: it holds a lock on the file. Lines that can't be written, because the
//! disk is full or their writer has panicked, are kept and written with the next ones, or
//! [elsewhere](Journal::move_to). A journal that can't be written can still be [read](Journal::look).

use super::places::moved;
use super::table::Table;
use super::{Act, Record, utc};
use crate::error::{Error, Result};
use crate::files::parse_json;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Longest line that is read, in bytes: a note is a few hundred.
const LONGEST: u64 = 1 << 20;
/// Longest note that is kept, in bytes.
const LONGEST_NOTE: usize = 100_000;
/// Most damaged lines that are reported one by one.
const NAMED: usize = 20;

/// See the module.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    curator: String,
    table: Table,
    /// Entries of this curator's lines that hold, oldest first: these can be undone.
    done: Vec<u32>,
    /// Records that were undone and can be redone.
    undone: Vec<Record>,
    /// The end of the file; `None` if it is read-only. A batch on its way holds it, too.
    tail: Option<Arc<Mutex<Tail>>>,
    /// Lines that are not on the disk.
    pending: Vec<u8>,
    /// Lines of the batch that is on its way, until it is settled.
    sent: Option<Sent>,
    /// How many lines are not on the disk, on their way or not.
    unwritten: usize,
    written: usize,
    remarks: Vec<String>,
}

/// Lines on their way to the disk, and their number.
#[derive(Debug)]
struct Sent {
    lines: Arc<Vec<u8>>,
    count: usize,
}

/// The open end of the file.
#[derive(Debug)]
struct Tail {
    file: File,
    path: PathBuf,
    /// The length up to which the file is known to be whole, after a write that failed or never came back.
    whole: Option<u64>,
}

impl Tail {
    fn append(&mut self, lines: &[u8]) -> std::io::Result<()> {
        if let Some(whole) = self.whole {
            self.file.set_len(whole)?;
        }
        let before = self.file.metadata()?.len();
        // How much of a write reached the disk is unknown until all of it has: the remains are removed before anything
        // else is written.
        self.whole = Some(before);
        self.file.write_all(lines).and_then(|()| self.file.sync_data())?;
        self.whole = None;
        Ok(())
    }

    /// Removes the remains of a failed write.
    fn mend(&mut self) -> std::io::Result<()> {
        if let Some(whole) = self.whole {
            self.file.set_len(whole)?;
            self.whole = None;
        }
        Ok(())
    }
}

/// Lines on their way to the disk, for a thread that can wait for it. See `Journal::batch`. A batch that is dropped
/// without being settled, because its thread has panicked, is written again.
#[derive(Debug)]
pub struct Batch {
    tail: Arc<Mutex<Tail>>,
    lines: Arc<Vec<u8>>,
    outcome: std::io::Result<()>,
}

impl Batch {
    /// Writes them, and waits for the disk.
    pub fn write(&mut self) {
        let mut tail = locked(&self.tail);
        self.outcome = tail.append(&self.lines);
        if self.outcome.is_err() {
            // If that can't be done now, it is done before the next lines.
            drop(tail.mend());
        }
    }
}

/// A panic while the lock was held leaves nothing half-changed: [`Tail::append`] cuts off the remains.
fn locked(tail: &Mutex<Tail>) -> std::sync::MutexGuard<'_, Tail> {
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a journal's file exclusively for one process.
fn open_locked(path: &Path, options: &mut OpenOptions) -> Result<File> {
    let file = options.open(path).map_err(Error::io("open the journal", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let reason = "another Antiphon works with it; close that first, or use a journal of your own and merge";
            return Err(Error::Journal { reason: reason.into(), path: path.to_path_buf() });
        }
        // Some network drives have no locks. Avoiding two processes at once is then up to the people.
        Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
    }
    Ok(file)
}

/// The name of a new file is on the disk once its folder is. Not every system can sync a folder.
fn sync_folder_of(path: &Path) {
    if let Some(folder) = path.parent() {
        drop(File::open(folder).and_then(|folder| folder.sync_all()));
    }
}

impl Journal {
    /// Opens a journal to continue it, or creates one. `curator` is the one who decides from now on.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Journal`] if another process is working with it.
    pub fn open(path: &Path, curator: &str) -> Result<Self> {
        let new = !path.exists();
        let mut file = open_locked(path, OpenOptions::new().read(true).append(true).create(true))?;
        if new {
            sync_folder_of(path);
        }
        let mut remarks = Vec::new();
        let lines = Lines::read(&mut file, path)?;
        let mut tail = Tail { file, path: path.to_path_buf(), whole: None };
        if let Some((torn, from)) = lines.torn {
            let aside = beside(path, "torn");
            let mut kept =
                OpenOptions::new().append(true).create(true).open(&aside).map_err(Error::io("write", &aside))?;
            let kept_it = kept.write_all(&torn).and_then(|()| kept.write_all(b"\n")).and_then(|()| kept.sync_data());
            kept_it.map_err(Error::io("write", &aside))?;
            tail.file.set_len(from).map_err(Error::io("write", path))?;
            remarks.push(format!("the last line was not written to its end: it is kept in {}", aside.display()));
        } else if lines.unended {
            // Complete except for the newline: somebody has edited the file.
            tail.append(b"\n").map_err(Error::io("write", path))?;
        }
        remarks.extend(lines.remarks);
        let mut journal = Self::holding(path, curator, remarks, lines.records);
        journal.tail = Some(Arc::new(Mutex::new(tail)));
        Ok(journal)
    }

    /// Opens a journal read-only: one that can't be written, or that another process is working with. It takes no
    /// decisions until it is [moved](Self::move_to). One that can't be read at all is empty, and a remark says why.
    pub fn look(path: &Path, curator: &str) -> Self {
        match Self::read(path) {
            Ok((records, remarks)) => Self::holding(path, curator, remarks, records),
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Self::holding(path, curator, Vec::new(), Vec::new())
            }
            Err(error) => {
                Self::holding(path, curator, vec![format!("no decision of it could be read: {error}")], Vec::new())
            }
        }
    }

    fn holding(path: &Path, curator: &str, remarks: Vec<String>, records: Vec<Record>) -> Self {
        let mut journal = Self {
            path: path.to_path_buf(),
            curator: curator.to_owned(),
            table: Table::default(),
            done: Vec::new(),
            undone: Vec::new(),
            tail: None,
            pending: Vec::new(),
            sent: None,
            unwritten: 0,
            written: records.len(),
            remarks,
        };
        for record in records {
            journal.fold(record);
        }
        journal
    }

    /// Reads the lines of a journal without opening it for work, with remarks: damaged lines are left out and reported.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read(path: &Path) -> Result<(Vec<Record>, Vec<String>)> {
        let mut file = File::open(path).map_err(Error::io("read the journal", path))?;
        let mut lines = Lines::read(&mut file, path)?;
        if lines.torn.is_some() {
            lines.remarks.push("the last line was not written to its end".into());
        }
        Ok((lines.records, lines.remarks))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where every item stands.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Problems found on opening: damaged lines, or one that was half-written.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Number of lines on the disk.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Number of lines not yet on the disk.
    pub fn unwritten(&self) -> usize {
        self.unwritten
    }

    /// Whether it takes decisions, that is, whether it is not read-only.
    pub fn is_open(&self) -> bool {
        self.tail.is_some()
    }

    /// Whether there is anything to undo.
    pub fn can_undo(&self) -> bool {
        !self.done.is_empty()
    }

    /// Whether there is anything to redo.
    pub fn can_redo(&self) -> bool {
        !self.undone.is_empty()
    }

    /// The item that the next undo, or the next redo if `again`, is about.
    pub fn next_item(&self, again: bool) -> Option<&str> {
        if again {
            return self.undone.last().map(|record| record.item.as_str());
        }
        self.done.last().map(|&number| self.table.numbered(number).item.as_str())
    }

    /// Takes in a record and writes it; it is on the disk when this returns `Ok`. The journal adds the curator.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be written: it is kept and holds, and is written with the next one, or by
    /// `flush`. [`Error::Journal`] if it is about no item.
    pub fn decide(&mut self, record: Record) -> Result<()> {
        if record.item.is_empty() {
            return Err(Error::Journal { reason: "a decision on no item".into(), path: self.path.clone() });
        }
        self.push(record);
        self.flush()
    }

    /// As [`decide`](Self::decide), to be written later.
    pub(crate) fn push(&mut self, record: Record) {
        self.undone.clear();
        self.add(record);
    }

    /// Undoes the curator's last line and writes that. Returns the line.
    ///
    /// # Errors
    /// As [`decide`](Self::decide).
    pub fn undo(&mut self) -> Result<Option<Record>> {
        let undone = self.push_undo();
        self.flush()?;
        Ok(undone)
    }

    /// As [`undo`](Self::undo), to be written later.
    pub(crate) fn push_undo(&mut self) -> Option<Record> {
        let number = *self.done.last()?;
        let item = self.table.numbered(number).item.clone();
        let last = self.table.entry(&item)?.of(&self.curator)?.clone();
        let mut line = Record::new(item, super::Decision::Skipped);
        line.act = Act::Undone;
        self.add(line);
        self.undone.push(last.clone());
        Some(last)
    }

    /// Redoes what was undone last, to be written later. Returns the line.
    pub fn push_redo(&mut self) -> Option<Record> {
        let record = Record { at: utc(SystemTime::now()), ..self.undone.pop()? };
        self.add(record.clone());
        Some(record)
    }

    fn add(&mut self, mut record: Record) {
        record.curator.clone_from(&self.curator);
        let note = record.note.floor_char_boundary(LONGEST_NOTE);
        record.note.truncate(note);
        // JSON has only finite numbers.
        record.seconds = if record.seconds.is_finite() { record.seconds } else { 0.0 };
        self.add_as_it_is(record);
    }

    fn add_as_it_is(&mut self, record: Record) {
        if let Ok(line) = serde_json::to_vec(&record) {
            self.pending.extend(line);
            self.pending.push(b'\n');
            self.unwritten += 1;
        }
        self.fold(record);
    }

    /// Takes in exported decisions unchanged: those whose combination of item, curator and time is new to the file.
    /// They are written with the next one, or by `flush`. Returns how many there were.
    pub fn import(&mut self, records: impl IntoIterator<Item = Record>) -> usize {
        let key = |record: &Record| (record.item.clone(), record.curator.clone(), record.at.clone());
        // Decisions that have since been undone are known, too, and stay undone.
        let lines = Self::read(&self.path).map(|(lines, _)| lines).unwrap_or_default();
        let mut known: BTreeSet<_> = lines.iter().map(key).collect();
        let mut taken = 0;
        for record in records {
            if known.insert(key(&record)) {
                self.add_as_it_is(record);
                taken += 1;
            }
        }
        taken
    }

    /// Continues in a new file: all lines so far, including those not on the disk yet, with paths relative to its
    /// folder. The old file stays as it is. Lines in it that can't be read now are left there, and a remark says so.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Journal`] if lines are on their way. Nothing has changed then.
    pub fn move_to(&mut self, path: &Path) -> Result<()> {
        let refused = |reason: &str| Error::Journal { reason: reason.into(), path: path.to_path_buf() };
        self.recover();
        if self.sent.is_some() {
            return Err(refused("decisions are being written; try again"));
        }
        if let Some(tail) = &self.tail {
            // The remains of a failed write are not copied.
            drop(locked(tail).mend());
        }
        let (old, remarks) = match Self::read(&self.path) {
            Ok((records, mut remarks)) => {
                if !remarks.is_empty() {
                    remarks.push(format!("these lines stay in {}", self.path.display()));
                }
                (records, remarks)
            }
            Err(_) if self.written == 0 => (Vec::new(), Vec::new()),
            Err(error) => {
                let lines = self.written;
                (Vec::new(), vec![format!("{lines} earlier lines stay in {}: {error}", self.path.display())])
            }
        };
        let new = serde_json::Deserializer::from_slice(&self.pending)
            .into_iter::<Record>()
            .filter_map(core::result::Result::ok);
        let records: Vec<Record> = old.into_iter().chain(new).collect();
        let folder = |path: &Path| path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut lines = Vec::new();
        for record in moved(&records, &folder(&self.path), &folder(path)) {
            if let Ok(line) = serde_json::to_vec(&record) {
                lines.extend(line);
                lines.push(b'\n');
            }
        }
        if path.exists() {
            return Err(refused("there is a file already; choose a new name"));
        }
        let file = open_locked(path, OpenOptions::new().read(true).append(true).create_new(true))?;
        let mut tail = Tail { file, path: path.to_path_buf(), whole: None };
        if let Err(source) = tail.append(&lines) {
            // A missing file is as good as an empty one.
            drop(std::fs::remove_file(path));
            return Err(Error::Io { action: "write the journal", source, path: path.to_path_buf() });
        }
        sync_folder_of(path);
        self.path = path.to_path_buf();
        self.tail = Some(Arc::new(Mutex::new(tail)));
        (self.written, self.unwritten) = (records.len(), 0);
        self.pending.clear();
        self.remarks = remarks;
        Ok(())
    }

    fn fold(&mut self, record: Record) {
        let mine = record.curator == self.curator;
        let undone = record.act == Act::Undone;
        let (number, taken_back) = self.table.take(record);
        if mine && !undone {
            self.done.push(number);
        } else if mine
            && taken_back.is_some()
            && let Some(at) = self.done.iter().rposition(|&done| done == number)
        {
            self.done.remove(at);
        }
    }

    /// Writes the lines that are not on the disk yet.
    ///
    /// # Errors
    /// [`Error::Io`]: the lines are kept.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let Some(mut batch) = self.batch() else { return Ok(()) };
        batch.write();
        self.settle(batch)
    }

    /// Returns the lines to write, for a thread that can wait for the disk; hand them back to [`settle`](Self::settle).
    /// `None` if there are none, or they are already on their way. Lines whose batch was lost with its thread are
    /// returned again.
    pub(crate) fn batch(&mut self) -> Option<Batch> {
        self.recover();
        if self.pending.is_empty() || self.sent.is_some() {
            return None;
        }
        let tail = Arc::clone(self.tail.as_ref()?);
        let lines = Arc::new(std::mem::take(&mut self.pending));
        self.sent = Some(Sent { lines: Arc::clone(&lines), count: self.unwritten });
        Some(Batch { tail, lines, outcome: Ok(()) })
    }

    /// Takes back the lines of a batch that nobody holds any more.
    fn recover(&mut self) {
        let lost = |sent: &mut Sent| Arc::strong_count(&sent.lines) == 1;
        if let Some(sent) = self.sent.take_if(lost) {
            self.keep(&sent.lines);
        }
    }

    /// Lines that have come since go after these.
    fn keep(&mut self, lines: &[u8]) {
        self.pending.splice(0..0, lines.iter().copied());
    }

    /// Takes back a batch, and keeps what could not be written for the next time.
    ///
    /// # Errors
    /// [`Error::Io`] with the system's message.
    pub(crate) fn settle(&mut self, batch: Batch) -> Result<()> {
        // A batch made before the journal was moved no longer belongs to it.
        let Some(sent) = self.sent.take_if(|sent| Arc::ptr_eq(&sent.lines, &batch.lines)) else { return Ok(()) };
        if let Err(source) = batch.outcome {
            self.keep(&sent.lines);
            let path = locked(&batch.tail).path.clone();
            return Err(Error::Io { action: "write the journal", source, path });
        }
        self.written += sent.count;
        self.unwritten -= sent.count;
        Ok(())
    }
}

#[cfg(test)]
impl Journal {
    /// Substitutes a handle that can't write, to simulate a full disk. Returns the working one.
    pub(crate) fn fill_disk(&self) -> File {
        let mut tail = locked(self.tail.as_ref().expect("open"));
        let full = File::open(&tail.path).expect("there");
        std::mem::replace(&mut tail.file, full)
    }

    /// Restores the working handle: there is room again.
    pub(crate) fn free_disk(&self, good: File) {
        locked(self.tail.as_ref().expect("open")).file = good;
    }
}

/// `<file>.<what>`.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(what);
    path.with_file_name(name)
}

/// The contents of a file.
struct Lines {
    records: Vec<Record>,
    /// A last line that is incomplete, and where it begins.
    torn: Option<(Vec<u8>, u64)>,
    /// Whether the last line is complete but has no newline.
    unended: bool,
    remarks: Vec<String>,
}

impl Lines {
    fn read(file: &mut File, path: &Path) -> Result<Self> {
        let io = |source| Error::Io { action: "read the journal", source, path: path.to_path_buf() };
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let mut reader = BufReader::new(file);
        let mut lines = Self { records: Vec::new(), torn: None, unended: false, remarks: Vec::new() };
        let (mut at, mut number, mut damaged) = (0_u64, 0_usize, 0_usize);
        let mut line = Vec::new();
        loop {
            line.clear();
            number += 1;
            let mut length = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line).map_err(io)? as u64;
            if length == 0 {
                break;
            }
            let mut ended = line.last() == Some(&b'\n');
            let too_long = !ended && length == LONGEST;
            while !ended && length >= LONGEST {
                // The rest of a line that is not ours; of a torn one the beginning is kept.
                let mut rest = Vec::new();
                let more = reader.by_ref().take(LONGEST).read_until(b'\n', &mut rest).map_err(io)?;
                length += more as u64;
                ended = rest.last() == Some(&b'\n');
                if more == 0 {
                    break;
                }
            }
            let text = line.trim_ascii();
            if !text.is_empty() {
                let record = if too_long {
                    Err(format!("longer than {LONGEST} bytes"))
                } else {
                    parse_json::<Record>(text).map_err(|error| error.to_string())
                };
                match record {
                    Ok(record) => {
                        lines.unended = !ended;
                        lines.records.push(record);
                    }
                    Err(_) if !ended => lines.torn = Some((line.clone(), at)),
                    Err(reason) => {
                        damaged += 1;
                        if damaged <= NAMED {
                            lines.remarks.push(format!("line {number} is left out: {reason}"));
                        }
                    }
                }
            }
            at += length;
        }
        if damaged > NAMED {
            lines.remarks.push(format!("and {} more damaged lines", damaged - NAMED));
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests;
