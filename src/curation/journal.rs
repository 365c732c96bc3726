//! [`Journal`]: every decision, a line each, on the disk before it counts.
//!
//! Lines are only ever added, each followed by an `fsync`. A process that is killed leaves at most one line without its
//! end: that was never acknowledged, and is moved to a file beside (`<journal>.torn`) when the journal is opened again.
//! One process at a time works with a journal: it holds the lock of the file. What can't be written, because the disk is
//! full, is kept and written with what comes next.

use super::table::Table;
use super::{Act, Record, utc};
use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Longest line that is read, in bytes: a note is some hundred.
const LONGEST: u64 = 1 << 20;
/// Longest note that is kept, in bytes.
const LONGEST_NOTE: usize = 100_000;
/// Damaged lines that are named.
const NAMED: usize = 20;

/// See the module.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    curator: String,
    table: Table,
    /// Entries of the lines of this curator that hold, oldest first: what can be taken back.
    done: Vec<u32>,
    /// What was taken back and can be done again.
    undone: Vec<Record>,
    tail: Option<Tail>,
    /// Lines that are not on the disk.
    pending: Vec<u8>,
    pending_lines: usize,
    written: usize,
    remarks: Vec<String>,
}

/// The open end of the file.
#[derive(Debug)]
struct Tail {
    file: File,
    path: PathBuf,
    /// The length up to which the file is known to be whole, after a write that failed.
    whole: Option<u64>,
}

impl Tail {
    fn append(&mut self, lines: &[u8]) -> std::io::Result<()> {
        if let Some(whole) = self.whole {
            self.file.set_len(whole)?;
            self.whole = None;
        }
        let before = self.file.metadata()?.len();
        let outcome = self.file.write_all(lines).and_then(|()| self.file.sync_data());
        if outcome.is_err() {
            // What of it was written is not known: it goes before anything else is. If that can't be done now, then later.
            self.whole = self.file.set_len(before).err().map(|_| before);
        }
        outcome
    }
}

/// Lines on their way to the disk, for a thread that may wait for it. See [`Journal::batch`].
#[derive(Debug)]
pub struct Batch {
    tail: Tail,
    lines: Vec<u8>,
    count: usize,
    outcome: std::io::Result<()>,
}

impl Batch {
    /// Writes them, and waits for the disk.
    pub fn write(&mut self) {
        self.outcome = self.tail.append(&self.lines);
    }
}

impl Journal {
    /// Opens a journal to go on with, or begins one. `curator` is who decides from now on.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Journal`] when another process works with it.
    pub fn open(path: &Path, curator: &str) -> Result<Self> {
        let new = !path.exists();
        let options = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = options.map_err(Error::io("open the journal", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let reason = "another Antiphon works with it; close that first, or use a journal of your own and merge";
                return Err(Error::Journal { reason: reason.into(), path: path.to_path_buf() });
            }
            // Some network drives have no locks. Two at once are then up to the people.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
        }
        if new && let Some(folder) = path.parent() {
            // The name of a new file is on the disk once its folder is. Not every system can do that to a folder.
            drop(File::open(folder).and_then(|folder| folder.sync_all()));
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
            // Whole, but for its end: somebody has edited the file.
            tail.append(b"\n").map_err(Error::io("write", path))?;
        }
        remarks.extend(lines.remarks);
        let mut journal = Self {
            path: path.to_path_buf(),
            curator: curator.to_owned(),
            table: Table::default(),
            done: Vec::new(),
            undone: Vec::new(),
            tail: Some(tail),
            pending: Vec::new(),
            pending_lines: 0,
            written: 0,
            remarks,
        };
        for record in lines.records {
            journal.written += 1;
            journal.fold(record);
        }
        Ok(journal)
    }

    /// Reads the lines of a journal without working with it, and what is to be said of them: damaged lines are left out and
    /// named.
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

    /// Who decides.
    pub fn curator(&self) -> &str {
        &self.curator
    }

    /// Where every item stands.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// What was found when it was opened: damaged lines, one that was half-written.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Lines that are on the disk.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Lines that are not.
    pub fn unwritten(&self) -> usize {
        self.pending_lines
    }

    /// Whether there is anything to take back.
    pub fn can_undo(&self) -> bool {
        !self.done.is_empty()
    }

    /// Whether there is anything to do again.
    pub fn can_redo(&self) -> bool {
        !self.undone.is_empty()
    }

    /// The item that the next taking back, or doing `again`, is about.
    pub fn next_item(&self, again: bool) -> Option<&str> {
        if again {
            return self.undone.last().map(|record| record.item.as_str());
        }
        self.done.last().map(|&number| self.table.numbered(number).item.as_str())
    }

    /// Takes a record in and writes it; it is on the disk when this returns `Ok`. The journal says who decided.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be written: it is kept and holds, and is written with the next, or by
    /// [`flush`](Self::flush).
    pub fn decide(&mut self, record: Record) -> Result<()> {
        self.push(record);
        self.flush()
    }

    /// As [`decide`](Self::decide), to be written later.
    pub fn push(&mut self, record: Record) {
        self.undone.clear();
        self.add(record);
    }

    /// Takes the curator's last line back and writes that. Returns the line.
    ///
    /// # Errors
    /// As [`decide`](Self::decide).
    pub fn undo(&mut self) -> Result<Option<Record>> {
        let undone = self.push_undo();
        self.flush()?;
        Ok(undone)
    }

    /// As [`undo`](Self::undo), to be written later.
    pub fn push_undo(&mut self) -> Option<Record> {
        let number = *self.done.last()?;
        let item = self.table.numbered(number).item.clone();
        let last = self.table.entry(&item)?.of(&self.curator)?.clone();
        let mut line = Record::new(item, super::Decision::Skipped);
        line.act = Act::Undone;
        self.add(line);
        self.undone.push(last.clone());
        Some(last)
    }

    /// Does again what was taken back last, and writes that. Returns the line.
    ///
    /// # Errors
    /// As [`decide`](Self::decide).
    pub fn redo(&mut self) -> Result<Option<Record>> {
        let done = self.push_redo();
        self.flush()?;
        Ok(done)
    }

    /// As [`redo`](Self::redo), to be written later.
    pub fn push_redo(&mut self) -> Option<Record> {
        let record = Record { at: utc(SystemTime::now()), ..self.undone.pop()? };
        self.add(record.clone());
        Some(record)
    }

    fn add(&mut self, mut record: Record) {
        record.curator.clone_from(&self.curator);
        let note = record.note.floor_char_boundary(LONGEST_NOTE);
        record.note.truncate(note);
        // JSON has no others.
        record.seconds = if record.seconds.is_finite() { record.seconds } else { 0.0 };
        if let Ok(line) = serde_json::to_vec(&record) {
            self.pending.extend(line);
            self.pending.push(b'\n');
            self.pending_lines += 1;
        }
        self.fold(record);
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

    /// Writes what is not on the disk yet.
    ///
    /// # Errors
    /// [`Error::Io`]: it is kept.
    pub fn flush(&mut self) -> Result<()> {
        let Some(mut batch) = self.batch() else { return Ok(()) };
        batch.write();
        self.settle(batch)
    }

    /// What is to be written, for a thread that may wait for the disk; give it back to [`settle`](Self::settle). `None`
    /// when there is nothing, or it is on its way.
    pub fn batch(&mut self) -> Option<Batch> {
        if self.pending.is_empty() {
            return None;
        }
        let tail = self.tail.take()?;
        let lines = std::mem::take(&mut self.pending);
        Some(Batch { tail, lines, count: self.pending_lines, outcome: Ok(()) })
    }

    /// Takes the end of the file back, and keeps what could not be written for the next time.
    ///
    /// # Errors
    /// [`Error::Io`] with what the system said.
    pub fn settle(&mut self, batch: Batch) -> Result<()> {
        let Batch { tail, mut lines, count, outcome } = batch;
        let path = tail.path.clone();
        self.tail = Some(tail);
        if let Err(source) = outcome {
            // What has come since stands behind it.
            lines.append(&mut self.pending);
            self.pending = lines;
            return Err(Error::Io { action: "write the journal", source, path });
        }
        self.written += count;
        self.pending_lines -= count;
        Ok(())
    }
}

/// `<file>.<what>`.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(what);
    path.with_file_name(name)
}

/// What a file holds.
struct Lines {
    records: Vec<Record>,
    /// A last line that is not whole, and where it begins.
    torn: Option<(Vec<u8>, u64)>,
    /// The last line is whole and has no end.
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
                // The rest of a line that is none of ours; of a torn one the beginning is kept.
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
                    serde_json::from_slice::<Record>(text).map_err(|error| error.to_string())
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
