//! Matches a whole collection against an index: every match of every file, as in the Lakh MIDI Dataset (spec H, J).
//!
//! Each finished file is a line of `matches.jsonl`, so a run that was stopped can be resumed, and shards that ran
//! elsewhere are [merged](merge) by reading their lines together. `match_scores.json` and `report.json` are made from
//! the lines.

use super::{CONFIDENT, Hit, Query, SearchOptions, search};
use crate::alignment::Preset;
use crate::audio::Keep;
use crate::error::{Error, Result};
use crate::export;
use crate::files::{self, ends_in, is_midi, md5_of, parse_json};
use crate::hashing::Side;
use crate::index::Index;
use crate::job::Progress;
use crate::pair;
use crate::resumable::append_line;
use crate::synth::SoundFont;
use crate::verdict;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The format that the first line of `matches.jsonl` declares.
const FORMAT: &str = "matches/1";
/// An entry is called a decoy if more files than this match it, and
const DECOY_MATCHES: usize = 10;
/// more than this share of all files.
const DECOY_PART: f64 = 0.01;

/// One of several runs that share the work: file `k` of the sorted list is processed by run `k mod of + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Its number, counted from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl Shard {
    /// All of the work.
    pub const ALL: Self = Self { number: 1, of: 1 };

    /// The name of the file with its lines.
    fn file(self) -> String {
        if self == Self::ALL { "matches.jsonl".into() } else { format!("matches.{}-{}.jsonl", self.number, self.of) }
    }
}

/// How a collection is matched.
#[derive(Debug)]
pub struct Matching<'a> {
    /// The index to search.
    pub index: &'a Index,
    /// How it is searched.
    pub options: SearchOptions,
    /// Soundfont of MIDI files.
    pub font: &'a SoundFont,
    /// Which part of the files to process.
    pub shard: Shard,
    /// Also write each matched MIDI file on the clock of its recording, which must still be where it was indexed.
    pub write_aligned: bool,
}

/// The result of the matching, over all runs that the lines are from.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MatchSummary {
    /// Files searched for.
    pub searched: usize,
    /// Of these, files with a match.
    pub matched: usize,
    /// Matching pairs of a file and an entry.
    pub pairs: usize,
    /// Entries with a match.
    pub entries: usize,
    /// Files that were searched for although something was wrong with them, with what it was.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub warned: BTreeMap<String, String>,
    /// Files that could not be used, with the reason.
    pub skipped: BTreeMap<String, String>,
    /// Matches whose aligned MIDI file could not be written, as file and entry, with the reason.
    pub unwritten: BTreeMap<String, String>,
    /// Entries matched by so many files that anything may match them, with the number of files.
    pub decoys: BTreeMap<String, usize>,
}

/// A line of `matches.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    /// MD5 of the file's bytes; empty if it could not be read.
    md5: String,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    /// What was wrong with the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    #[serde(default)]
    matches: Vec<Match>,
}

/// A hit, with what goes into `match_scores.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Match {
    /// Recording: catalogue id, or MD5.
    track: String,
    midi: String,
    path: String,
    confidence: f64,
    /// The judge that gave the confidence; absent in lines of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    judge: Option<String>,
    /// Whether it is a match; absent in lines of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
    score: f64,
    hash_distance: f32,
    transpose: i32,
    /// Why the aligned MIDI file could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unwritten: Option<String>,
}

/// Searches the index for each file; see the module for the contents of `out` afterwards. The summary covers all lines
/// in `out`; that of a shard is returned but not written, since that is left to the merge.
///
/// # Errors
/// [`Error::Limit`] for an impossible shard; [`Error::Index`] if `out` holds the lines of another search;
/// [`Error::Io`]; [`Error::Cancelled`], after which the same call resumes. Files that can't be used are in the
/// [summary](MatchSummary::skipped).
pub fn match_files(files: &[PathBuf], how: &Matching<'_>, out: &Path, progress: &Progress) -> Result<MatchSummary> {
    let Shard { number, of } = how.shard;
    if number == 0 || number > of {
        let limit = format!("1 to {of}");
        return Err(Error::Limit { what: "shard", value: number.to_string(), limit });
    }
    files::create_folder(out)?;
    let path = out.join(how.shard.file());
    let header = header(how);
    // Locked first: a line that looks truncated may be another process's, on its way.
    let file = File::options().create(true).append(true).open(&path).map_err(Error::io("write", &path))?;
    file.try_lock().map_err(|_| {
        let reason = "another process is writing to it".into();
        Error::Index { reason, path: path.clone() }
    })?;
    let done: HashSet<String> = lines_of(&path, Some(&header))?.into_iter().map(|line| line.path).collect();
    let write = |file: &File, line: &Value| append_line(file, &line.to_string()).map_err(Error::io("write", &path));
    if file.metadata().map_err(Error::io("read", &path))?.len() == 0 {
        write(&file, &header)?;
    }
    let name = |file: &Path| file.to_string_lossy().into_owned();
    let mine = files.iter().enumerate().filter(|(at, _)| at % of == number - 1).map(|(_, file)| file);
    let left: Vec<&PathBuf> = mine.filter(|file| !done.contains(&name(file))).collect();
    let writer = Mutex::new(file);
    let ended = AtomicUsize::new(0);
    let outcome = left.par_iter().with_max_len(1).try_for_each(|file| {
        let before = ended.load(Ordering::Relaxed) as f32 / left.len() as f32;
        let here = progress.part(before, before);
        let line = match one(file, how, out, &here) {
            Ok(line) => line,
            Err(error) if ends_the_run(&error) => return Err(error),
            Err(error) => {
                let (md5, skipped) = (String::new(), Some(error.reason(file)));
                Line { md5, path: name(file), skipped, warning: None, matches: Vec::new() }
            }
        };
        // A thread that panicked has written its line or not: the file is as good as before.
        let writer = writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        write(&writer, &json!(line))?;
        drop(writer);
        progress.step(ended.fetch_add(1, Ordering::Relaxed) + 1, left.len())
    });
    if outcome.is_err() && done.is_empty() && ended.into_inner() == 0 {
        // There is nothing to resume from.
        drop(std::fs::remove_file(&path));
    }
    outcome?;
    if how.shard == Shard::ALL { merge(&[out.to_path_buf()], out) } else { Ok(summary(&lines_of(&path, None)?).1) }
}

/// What must be equal for a run to be resumed.
fn header(how: &Matching<'_>) -> Value {
    let SearchOptions { top, exhaustive, keep_embedding, keep_hash, keys } = &how.options;
    json!({
        "antiphon": env!("CARGO_PKG_VERSION"),
        "format": FORMAT,
        "index": how.index.fingerprint(),
        "soundfont": how.font.name(),
        "options": {
            "top": top, "exhaustive": exhaustive, "keep_embedding": keep_embedding, "keep_hash": keep_hash,
            "keys": format!("{keys:?}"),
        },
    })
}

/// Whether the other files would fare no better: a line that says so would keep the file from being searched for again
/// when there is room.
fn ends_the_run(error: &Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match error {
        Error::Io { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge),
        error => matches!(error, Error::Cancelled),
    }
}

/// Searches for one file.
fn one(file: &Path, how: &Matching<'_>, out: &Path, progress: &Progress) -> Result<Line> {
    let (md5, _) = md5_of(file, || progress.step(0, 1))?;
    let query = Query::open(file, how.font, progress)?;
    let found = search(how.index, &query, &how.options, progress)?;
    let mut matches = Vec::new();
    for hit in &found.hits {
        let (Some(confidence), Some(score)) = (hit.confidence, hit.score) else { continue };
        let (track, midi) = match query.side() {
            Side::Midi => (hit.entry.id().to_owned(), md5.clone()),
            Side::Audio => (md5.clone(), hit.entry.md5.clone()),
        };
        let mut unwritten = None;
        if how.write_aligned && hit.accepted() {
            let to = out.join("aligned").join(place(&track)).join(format!("{midi}.mid"));
            match write_aligned(file, hit, how, &to, progress) {
                Err(error) if ends_the_run(&error) => return Err(error),
                outcome => unwritten = outcome.err().map(|error| error.to_string()),
            }
        }
        matches.push(Match {
            track,
            midi,
            path: hit.entry.path.to_string_lossy().into_owned(),
            confidence,
            judge: hit.judge.clone(),
            accepted: Some(hit.accepted()),
            score,
            hash_distance: hit.hash_distance,
            transpose: hit.transpose,
            unwritten,
        });
    }
    let warning = query.warning().map(str::to_owned);
    Ok(Line { md5, path: file.to_string_lossy().into_owned(), skipped: None, warning, matches })
}

/// Aligns the pair with all that the files hold, and writes the MIDI on the recording's clock.
fn write_aligned(file: &Path, hit: &Hit, how: &Matching<'_>, to: &Path, progress: &Progress) -> Result<()> {
    let (midi, audio) = if is_midi(file) { (file, hit.entry.path.as_path()) } else { (hit.entry.path.as_path(), file) };
    let midi = pair::load_midi(midi, how.font, progress)?;
    let audio = pair::load_audio(audio, Keep::Analysis, progress)?;
    let alignment = verdict::align(&midi, &audio, Preset::Antiphon, progress)?;
    let aligned = export::aligned_midi(&midi, &audio, &alignment)?;
    if let Some(folder) = to.parent() {
        files::create_folder(folder)?;
    }
    files::sweep(to);
    files::write(to, &aligned.to_bytes())
}

/// The folder of a track's files: `<X>/<Y>/<Z>/<id>` for ids of the Million Song Dataset, as in Lakh; else `<first
/// two>/<id>`.
fn place(track: &str) -> PathBuf {
    // An id is arbitrary text from a catalogue: anything that could lead elsewhere is dropped.
    let plain: String = track.chars().map(|c| if c.is_alphanumeric() || "-_ ".contains(c) { c } else { '_' }).collect();
    let letters: Vec<String> = plain.chars().map(String::from).collect();
    let is_msd = plain.len() == 18 && plain.starts_with("TR") && plain.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_msd {
        [&letters[2], &letters[3], &letters[4], &plain].iter().collect()
    } else {
        [&letters[..letters.len().min(2)].concat(), &plain].iter().collect()
    }
}

/// The lines of a file without the header, which must be `expected`; none if there is no file. A truncated line at the
/// end is removed from the file if a header is expected: it will be written again.
fn lines_of(path: &Path, expected: Option<&Value>) -> Result<Vec<Line>> {
    let refused = |reason: String| Error::Index { reason, path: path.to_path_buf() };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let (mut reader, mut text, mut lines, mut whole) = (BufReader::new(file), Vec::new(), Vec::new(), 0);
    for number in 0.. {
        text.clear();
        reader.read_until(b'\n', &mut text).map_err(Error::io("read", path))?;
        if text.last() != Some(&b'\n') {
            break;
        }
        whole += text.len() as u64;
        if number == 0 {
            let found: Value = parse_json(&text).map_err(|error| refused(error.to_string()))?;
            if found["format"] != FORMAT {
                return Err(refused(format!("its format is {}, {FORMAT:?} is read", found["format"])));
            }
            if expected.is_some_and(|expected| *expected != found) {
                return Err(refused(
                    "it holds the matches of another search: give the same options and index, or another folder".into(),
                ));
            }
        } else {
            lines.push(parse_json(&text).map_err(|e| refused(format!("line {}: {e}", number + 1)))?);
        }
    }
    if expected.is_some() && !text.is_empty() {
        let file = File::options().write(true).open(path).map_err(Error::io("write", path))?;
        file.set_len(whole).map_err(Error::io("write", path))?;
    }
    Ok(lines)
}

type Scores = BTreeMap<String, BTreeMap<String, f64>>;

/// Summarises lines: files with the same bytes count once.
fn summary(lines: &[Line]) -> (Scores, MatchSummary) {
    let mut scores = Scores::new();
    let mut summary = MatchSummary::default();
    let mut seen = BTreeSet::new();
    let mut with_match = BTreeSet::new();
    for line in lines {
        if let Some(reason) = &line.skipped {
            summary.skipped.insert(line.path.clone(), reason.clone());
            continue;
        }
        seen.insert(&line.md5);
        summary.warned.extend(line.warning.clone().map(|warning| (line.path.clone(), warning)));
        for found in line.matches.iter().filter(|found| found.accepted.unwrap_or(found.confidence > CONFIDENT)) {
            with_match.insert(&line.md5);
            if let Some(reason) = &found.unwritten {
                summary.unwritten.insert(format!("{} and {}", line.path, found.path), reason.clone());
            }
            scores.entry(found.track.clone()).or_default().insert(found.midi.clone(), found.confidence);
        }
    }
    (summary.searched, summary.matched) = (seen.len(), with_match.len());
    summary.pairs = scores.values().map(BTreeMap::len).sum();
    summary.entries = scores.len();
    let limit = DECOY_MATCHES.max((DECOY_PART * seen.len() as f64) as usize);
    let many = scores.iter().filter(|(_, midis)| midis.len() > limit);
    summary.decoys = many.map(|(track, midis)| (track.clone(), midis.len())).collect();
    (scores, summary)
}

/// Reads the lines of all runs in `folders` and writes `match_scores.json` and `report.json` to `out`: the same however
/// the work was shared.
///
/// # Errors
/// [`Error::Io`]; [`Error::Index`] if lines are damaged or come from different searches; [`Error::Nothing`] if there
/// are none.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<MatchSummary> {
    let mut files = Vec::new();
    for folder in folders {
        let list = std::fs::read_dir(folder).map_err(Error::io("list", folder))?;
        files.extend(list.flatten().map(|found| found.path()).filter(|path| {
            let begins = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("matches."));
            begins && ends_in(path, "jsonl")
        }));
    }
    files.sort();
    files.dedup();
    let mut lines = Vec::new();
    let mut header: Option<Value> = None;
    for path in &files {
        let mut first = String::new();
        let file = File::open(path).map_err(Error::io("read", path))?;
        BufReader::new(file).read_line(&mut first).map_err(Error::io("read", path))?;
        let found: Value = parse_json(first.as_bytes()).unwrap_or_default();
        if header.as_ref().is_some_and(|header| *header != found) {
            let reason = format!("it holds the matches of another search than {:?}", files[0]);
            return Err(Error::Index { reason, path: path.clone() });
        }
        header = Some(found);
        lines.extend(lines_of(path, None)?);
    }
    if files.is_empty() {
        return Err(Error::nothing(format!("no matches*.jsonl in {folders:?}")));
    }
    let (scores, summary) = summary(&lines);
    files::create_folder(out)?;
    let [to_scores, to_report] = ["match_scores.json", "report.json"].map(|name| out.join(name));
    files::sweep(&to_scores);
    files::write(&to_scores, json!(scores).to_string().as_bytes())?;
    let report = json!({ "antiphon": env!("CARGO_PKG_VERSION"), "format": "match/1", "summary": summary });
    files::sweep(&to_report);
    files::write(&to_report, format!("{report:#}").as_bytes())?;
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_as_in_lakh() {
        assert_eq!(place("TRABCDE128F4272969"), Path::new("A/B/C/TRABCDE128F4272969"));
        assert_eq!(place("0cc175b9c0f1b6a8"), Path::new("0c/0cc175b9c0f1b6a8"));
        assert_eq!(place("../../etc"), Path::new("__/______etc"));
        assert_eq!(place("x"), Path::new("x/x"));
    }

    #[test]
    fn an_entry_that_many_files_match_is_a_decoy_and_copies_count_once() {
        let line = |n: usize, confidence| Line {
            md5: format!("{n:032x}"),
            path: format!("{n}.mid"),
            skipped: None,
            warning: None,
            matches: vec![Match {
                track: "t".into(),
                midi: format!("{n:032x}"),
                path: "t.mp3".into(),
                accepted: None,
                confidence,
                judge: None,
                score: 0.5,
                hash_distance: 4.0,
                transpose: 0,
                unwritten: None,
            }],
        };
        let mut lines: Vec<Line> = (0..12).map(|n| line(n, 0.9)).collect();
        lines.extend([line(3, 0.9), line(40, 0.5)]);
        let (scores, found) = summary(&lines);
        assert_eq!((found.searched, found.matched, found.pairs, found.entries), (13, 12, 12, 1));
        assert_eq!(found.decoys["t"], 12);
        assert!(!scores["t"].contains_key(&format!("{:032x}", 40)));
    }
}
