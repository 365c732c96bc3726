//! Writes decisions in formats that others read (tables, documents, JAMS, lists of pairs, a Lakh tree), and reads them
//! back.
//!
//! Paths in a file are relative to the folder that the file is in.

pub use super::places::moved;
use super::places::track_folder;
use super::table::Table;
use super::{Act, Correction, Decision, Item, Journal, Reason, Record, jams};
use crate::alignment::Preset;
use crate::audio::{self, AudioTime, Keep};
use crate::error::{Error, Result};
use crate::export::{self, Artefact, Exported};
use crate::files::csv::{self, Rows, field};
use crate::files::list::LeftOut;
use crate::files::{Layout, Links, create_folder, ends_in, found, md5, md5_of, parse_json, walk, write};
use crate::job::Progress;
use crate::midi::MidiTime;
use crate::pair;
use crate::synth::SoundFont;
use crate::verdict;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Largest document that is read, in bytes.
const LARGEST: u64 = 2 << 30;
const COLUMNS: [&str; 19] = [
    "item",
    "decision",
    "reason",
    "note",
    "flag",
    "curator",
    "at",
    "confidence",
    "score",
    "midi",
    "audio",
    "map",
    "correction",
    "blind",
    "seconds",
    "antiphon",
    "unseen",
    "judge",
    "order",
];
/// Prefix of the names of score parts in the header of a table.
const PART: &str = "part.";

/// Every curator's last word on every item, in the order in which the items were first judged. This is what is
/// exported.
pub fn judgements(table: &Table) -> Vec<Record> {
    let mut judgements = Vec::new();
    for entry in table.entries() {
        let curators: BTreeSet<&str> = entry.records.iter().map(|record| record.curator.as_str()).collect();
        judgements.extend(curators.into_iter().filter_map(|curator| entry.of(curator)).cloned());
    }
    judgements
}

/// A table with one row per decision.
pub fn csv(records: &[Record]) -> String {
    let parts: BTreeSet<&str> = records.iter().flat_map(|record| record.parts.keys()).map(String::as_str).collect();
    let header =
        COLUMNS.iter().map(|name| (*name).to_owned()).chain(parts.iter().map(|part| field(&format!("{PART}{part}"))));
    let mut table = header.collect::<Vec<_>>().join(",") + "\n";
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    for record in records {
        let correction = record.correction.as_ref().and_then(|correction| serde_json::to_string(correction).ok());
        let mut row: Vec<String> = vec![
            field(&record.item),
            record.decision().map_or("", Decision::name).to_owned(),
            record.reason.map_or("", Reason::name).to_owned(),
            field(&record.note),
            record.flag.to_string(),
            field(&record.curator),
            field(&record.at),
            number(record.confidence),
            number(record.score),
            field(record.midi.as_deref().unwrap_or_default()),
            field(record.audio.as_deref().unwrap_or_default()),
            field(record.map.as_deref().unwrap_or_default()),
            field(&correction.unwrap_or_default()),
            record.blind.to_string(),
            record.seconds.to_string(),
            field(&record.antiphon),
            record.unseen.to_string(),
            field(record.judge.as_deref().unwrap_or_default()),
            field(record.order.as_deref().unwrap_or_default()),
        ];
        row.extend(parts.iter().map(|part| number(record.parts.get(*part).copied())));
        table += &row.join(",");
        table.push('\n');
    }
    table
}

/// The document `curation/1`.
pub fn document(records: &[Record]) -> Value {
    json!({ "antiphon": env!("CARGO_PKG_VERSION"), "format": "curation/1", "decisions": records })
}

/// Writes a JAMS document for each decision into a folder, with the duration of the recording, which is decoded for it.
/// Paths of `records` are relative to the folder. Returns the recordings that can't be read, with the reason: the
/// duration is that of the decision then, or 0.
///
/// # Errors
/// [`Error::Io`], [`Error::Cancelled`].
pub fn write_jams(records: &[Record], folder: &Path, progress: &Progress) -> Result<Vec<(PathBuf, Error)>> {
    create_folder(folder)?;
    let mut lengths: BTreeMap<PathBuf, Option<f64>> = BTreeMap::new();
    let mut unread = Vec::new();
    for (number, record) in records.iter().enumerate() {
        let share = |i: usize| i as f32 / records.len() as f32;
        let progress = progress.part(share(number), share(number + 1));
        progress.step(0, 1)?;
        let audio = record.audio.as_ref().map(|audio| found(folder, audio));
        let path = audio.map(|audio| Item { audio, ..Item::default() }.recording());
        if let Some(path) = path.clone().filter(|path| !lengths.contains_key(path)) {
            let seconds = match audio::decode(&path, Keep::Analysis, &progress) {
                Ok(recording) => Some(recording.mono.seconds()),
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => {
                    unread.push((path.clone(), error));
                    None
                }
            };
            lengths.insert(path, seconds);
        }
        let seconds = path.and_then(|path| lengths[&path]);
        // An item's id may hold anything, so its hash names the file.
        let name = md5(format!("{}\n{}", record.item, record.curator));
        let text = serde_json::to_string_pretty(&jams::document(record, seconds)).unwrap_or_default();
        write(&folder.join(format!("{name}.jams")), text.as_bytes())?;
    }
    progress.step(1, 1)?;
    Ok(unread)
}

/// The confirmed pairs, JSON lines with `midi` and `audio`: what `antiphon dataset align` reads.
pub fn pair_list(records: &[Record]) -> String {
    let mut list = String::new();
    for record in confirmed(records) {
        let (midi, audio, confidence) = (&record.midi, &record.audio, record.confidence);
        list += &json!({ "midi": midi, "audio": audio, "confidence": confidence, "item": record.item }).to_string();
        list.push('\n');
    }
    list
}

/// The confirmed records that have both files, each item once; an item on which curators disagree is left out.
pub(crate) fn confirmed(records: &[Record]) -> impl Iterator<Item = &Record> {
    let refused: BTreeSet<&str> = records
        .iter()
        .filter(|record| record.decision() == Some(Decision::Rejected))
        .map(|record| record.item.as_str())
        .collect();
    let mut seen = BTreeSet::new();
    records.iter().filter(move |record| {
        record.decision() == Some(Decision::Confirmed)
            && record.midi.is_some()
            && record.audio.is_some()
            && !refused.contains(record.item.as_str())
            && seen.insert(record.item.clone())
    })
}

/// What [`write_tree`] wrote.
#[derive(Debug)]
pub struct Tree {
    /// Pairs in it.
    pub written: usize,
    /// MIDI files that were used although something is wrong with them or their recordings, with what it is.
    pub warned: Vec<(PathBuf, String)>,
    /// Those that could not be used, with the reason.
    pub skipped: Vec<(PathBuf, Error)>,
}

/// Writes the confirmed pairs as a Lakh tree: `match_scores.json` and `<X>/<Y>/<Z>/<TRACKID>/<md5>.mid`. Track ids and
/// hashes are those of the item if it has them (`<md5>|<id>`), else the hashes of the files. `make` gives the bytes to
/// write for a pair: the MIDI file unchanged, or aligned. Paths of `records` are relative to `base`.
///
/// # Errors
/// [`Error::Io`], [`Error::Cancelled`]; a pair that can't be used is reported and left out.
pub fn write_tree(
    records: &[Record],
    base: &Path,
    folder: &Path,
    mut make: impl FnMut(&Record, &Path, &Path, &Progress) -> Result<Vec<u8>>,
    progress: &Progress,
) -> Result<Tree> {
    create_folder(folder)?;
    let mut scores: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    let mut tree = Tree { written: 0, warned: Vec::new(), skipped: Vec::new() };
    let pairs: Vec<&Record> = confirmed(records).collect();
    for (number, record) in pairs.iter().enumerate() {
        let share = |i: usize| i as f32 / pairs.len() as f32;
        let progress = progress.part(share(number), share(number + 1));
        progress.step(0, 1)?;
        let (Some(midi), Some(audio)) = (&record.midi, &record.audio) else { continue };
        let (midi, audio) = (found(base, midi), found(base, audio));
        let outcome = (|| {
            let (md5, track) = names(record, &midi, &audio, &progress)?;
            let place = folder.join(track_folder(&track)).join(format!("{md5}.mid"));
            let bytes = make(record, &midi, &audio, &progress)?;
            if let Some(folder) = place.parent() {
                create_folder(folder)?;
            }
            write(&place, &bytes)?;
            Ok((md5, track))
        })();
        match outcome {
            Ok((md5, track)) => {
                scores.entry(track).or_default().insert(md5, record.confidence.unwrap_or(1.0));
                tree.written += 1;
            }
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => tree.skipped.push((midi, error)),
        }
    }
    let text = serde_json::to_string_pretty(&scores).unwrap_or_default();
    write(&folder.join("match_scores.json"), text.as_bytes())?;
    Ok(tree)
}

/// A confirmed pair, aligned with its curator's corrections.
#[derive(Debug)]
pub struct AlignedPair {
    /// The MIDI file on the recording's clock: all of it, or the part in the span that was set.
    pub midi: Vec<u8>,
    /// The time map, `audio_s,midi_s,cost`, as CSV.
    pub map: Vec<u8>,
    /// What is odd about the two files.
    pub warning: Option<String>,
}

/// Aligns the two files of a record, with the corrections in that record.
///
/// # Errors
/// As [`verdict::align`] and [`pair::correct`].
pub fn aligned(
    record: &Record,
    midi: &Path,
    audio: &Path,
    font: &SoundFont,
    progress: &Progress,
) -> Result<AlignedPair> {
    let midi = pair::load_midi(midi, font, &progress.part(0.0, 0.3))?;
    let audio = pair::load_audio(audio, Keep::Analysis, &progress.part(0.3, 0.6))?;
    let mut alignment = verdict::align(&midi, &audio, Preset::default(), &progress.part(0.6, 0.9))?;
    let mut span = None;
    if let Some(correction) = &record.correction {
        let anchors: Vec<_> = correction.anchors.iter().map(|&[m, a]| (MidiTime(m), AudioTime(a))).collect();
        let offset_s = correction.offset_ms / 1000.0;
        alignment = pair::correct(&midi, &audio, &alignment, &anchors, offset_s, &progress.part(0.9, 1.0))?;
        span = correction.span.map(|[from, to]| (AudioTime(from), AudioTime(to)));
    }
    let of = Exported {
        midi: &midi,
        audio: &audio,
        alignment: &alignment,
        preset: Preset::default(),
        font: Some(font),
        sound: None,
        seconds: None,
        span,
        colours: Default::default(),
        scale: 1,
    };
    let [midi, map] = [Artefact::Midi, Artefact::Table].map(|artefact| artefact.bytes(&of, progress));
    let warning = export::warning(of.midi.midi.warning().as_deref(), of.audio.recording.warning.as_deref());
    Ok(AlignedPair { midi: midi?, map: map?, warning })
}

/// As [`write_tree`] with aligned MIDI files, `<md5>.mid`, and their time maps beside them, `<md5>.csv`.
///
/// # Errors
/// As [`write_tree`].
pub fn write_aligned_tree(
    records: &[Record],
    base: &Path,
    folder: &Path,
    font: &SoundFont,
    progress: &Progress,
) -> Result<Tree> {
    let mut maps: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    let mut warned = Vec::new();
    let align = |record: &Record, midi: &Path, audio: &Path, progress: &Progress| {
        let made = aligned(record, midi, audio, font, progress)?;
        warned.extend(made.warning.map(|warning| (midi.to_path_buf(), warning)));
        let (md5, track) = names(record, midi, audio, progress)?;
        maps.insert(folder.join(track_folder(&track)).join(format!("{md5}.csv")), made.map);
        Ok(made.midi)
    };
    let mut tree = write_tree(records, base, folder, align, progress)?;
    tree.warned = warned;
    for (place, map) in &maps {
        write(place, map)?;
    }
    Ok(tree)
}

/// Hash of the MIDI file and id of the track.
fn names(record: &Record, midi: &Path, audio: &Path, progress: &Progress) -> Result<(String, String)> {
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
    let is_md5 = |text: &str| text.len() == 32 && text.chars().all(|c| c.is_ascii_hexdigit());
    let of_item = record.item.split_once('|').filter(|(md5, track)| is_md5(md5) && is_name(track));
    if let Some((md5, track)) = of_item {
        return Ok((md5.to_owned(), track.to_owned()));
    }
    let hash = |path: &Path| Ok(md5_of(path, || progress.step(0, 1))?.0);
    Ok((hash(midi)?, hash(audio)?))
}

/// Reads decisions back: a journal (JSON lines), a table, a document `curation/1`, a JAMS document or a folder of
/// these; and says what was left out, since it could not be read. The content tells which it is. Paths stay as they are
/// in the file.
///
/// # Errors
/// [`Error::Io`]; [`Error::List`] with the row if none can be read.
pub fn read(path: &Path) -> Result<(Vec<Record>, Vec<String>)> {
    if path.is_dir() {
        let (mut records, mut remarks) = (Vec::new(), Vec::new());
        for file in walk(path, Links::LeftOut).flatten().filter(|file| ends_in(file, "jams")) {
            let (read, left_out) = read(&file)?;
            records.extend(read);
            let name = file.strip_prefix(path).unwrap_or(&file).display();
            remarks.extend(left_out.into_iter().map(|remark| format!("{name}: {remark}")));
        }
        return Ok((records, remarks));
    }
    let bad = |reason: String| Error::List { reason, path: path.to_path_buf() };
    match Layout::of(path)? {
        Layout::Table => return read_csv(path),
        Layout::Lines => {
            let (lines, remarks) = Journal::read(path)?;
            let table: Table = lines.into_iter().collect();
            return Ok((judgements(&table), remarks));
        }
        Layout::Document => {}
    }
    let length = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
    if length > LARGEST {
        return Err(bad(format!("{length} bytes are more than {LARGEST}")));
    }
    let text = std::fs::read(path).map_err(Error::io("read", path))?;
    let mut document: Value = parse_json(&text).map_err(|error| bad(error.to_string()))?;
    if ends_in(path, "jams") || document.get("annotations").is_some() {
        return jams::records(&document).map_err(bad).map(|records| (records, Vec::new()));
    }
    match document["format"].as_str() {
        Some("curation/1") => {}
        Some(other) => return Err(bad(format!("format {other:?} is not \"curation/1\""))),
        None => return Err(bad("no document \"curation/1\"".into())),
    }
    let Value::Array(rows) = document["decisions"].take() else { return Err(bad("no `decisions`".into())) };
    let (mut records, mut left_out) = (Vec::new(), LeftOut::default());
    for (number, row) in rows.into_iter().enumerate() {
        match serde_json::from_value(row) {
            Ok(record) => records.push(record),
            Err(error) => left_out.note("decision", number + 1, error),
        }
    }
    told(records, &left_out, path)
}

/// The decisions that were read, and what was left out.
fn told(records: Vec<Record>, left_out: &LeftOut, path: &Path) -> Result<(Vec<Record>, Vec<String>)> {
    match left_out.error(path).filter(|_| records.is_empty()) {
        Some(error) => Err(error),
        None => Ok((records, left_out.remarks())),
    }
}

fn read_csv(path: &Path) -> Result<(Vec<Record>, Vec<String>)> {
    let file = std::fs::File::open(path).map_err(Error::io("read", path))?;
    let mut rows = Rows::new(BufReader::new(file), path);
    let Some(header) = rows.next()? else { return Ok((Vec::new(), Vec::new())) };
    let (mut records, mut left_out) = (Vec::new(), LeftOut::default());
    while let Some(fields) = rows.next()? {
        let row: BTreeMap<&str, &str> =
            header.iter().map(String::as_str).zip(fields.iter().map(String::as_str)).collect();
        match record_of(&row) {
            Ok(record) => records.push(record),
            Err(reason) => left_out.note("row", rows.number, reason),
        }
    }
    told(records, &left_out, path)
}

fn record_of(row: &BTreeMap<&str, &str>) -> core::result::Result<Record, String> {
    let text = |name: &str| row.get(name).copied().filter(|text| !text.is_empty());
    let number = |name: &str| {
        let number = text(name).map(|text| csv::number(text).ok_or_else(|| format!("{name} {text:?} is no number")));
        number.transpose().map(|number| number.filter(|value| value.is_finite()))
    };
    let truth = |name: &str| match text(name) {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(other) => Err(format!("{name} {other:?} is neither true nor false")),
    };
    let owned = |name: &str| text(name).map(str::to_owned);
    let decision = text("decision").map(|name| Decision::named(name).ok_or(format!("unknown decision {name:?}")));
    let correction = text("correction").map(|text| serde_json::from_str::<Correction>(text).map_err(|e| e.to_string()));
    let mut parts = BTreeMap::new();
    for name in row.keys().filter_map(|name| name.strip_prefix(PART)) {
        if let Some(value) = number(&format!("{PART}{name}"))? {
            parts.insert(name.to_owned(), value);
        }
    }
    Ok(Record {
        at: owned("at").unwrap_or_default(),
        curator: owned("curator").unwrap_or_default(),
        item: owned("item").ok_or("no item")?,
        act: decision.transpose()?.map_or(Act::Noted, Act::Decided),
        reason: text("reason").map(|name| Reason::named(name).unwrap_or(Reason::Other)),
        note: owned("note").unwrap_or_default(),
        flag: truth("flag")?,
        confidence: number("confidence")?,
        judge: owned("judge"),
        order: owned("order"),
        score: number("score")?,
        parts,
        map: owned("map"),
        correction: correction.transpose()?,
        midi: owned("midi"),
        audio: owned("audio"),
        blind: truth("blind")?,
        unseen: truth("unseen")?,
        seconds: number("seconds")?.unwrap_or(0.0),
        antiphon: owned("antiphon").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
