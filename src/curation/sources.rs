//! [`Items`]: the pairs to be judged, read from searches, lists, tables and Lakh trees.
//!
//! Stored compactly, since there may be millions: all texts are in one buffer, the numbers in columns.

use super::export;
use super::item::Item;
use super::places::track_folder;
use crate::error::{Error, Result};
use crate::files::list::{self, LeftOut};
use crate::files::{Kind, csv, found, is_midi_name, name_key, parse_json, search_key};
use crate::job::Progress;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// Numbers that a search may give for a pair in addition to its confidence.
const PARTS: [&str; 4] = ["score", "hash_distance", "embedding_distance", "transpose"];
/// Largest `match_scores.json`, in bytes.
const LARGEST: u64 = 2 << 30;

/// See the module.
#[derive(Debug, Default)]
pub struct Items {
    /// The folder that relative paths start from.
    base: PathBuf,
    /// For each item, the lengths of its four texts (u32) and the texts: id, MIDI, recording, title.
    texts: Vec<u8>,
    starts: Vec<u64>,
    /// NaN if none is known.
    confidences: Vec<f32>,
    /// The judges that the source names, and for each item the number of its judge, from 1.
    judges: Vec<String>,
    judged_by: Vec<u8>,
    parts: [Vec<f32>; PARTS.len()],
    /// Hash of the id and index, sorted.
    by_id: Vec<(u64, u32)>,
    /// The file or folder it was read from.
    source: PathBuf,
    /// What could not be read of it.
    remarks: Vec<String>,
}

impl Items {
    /// Reads the pairs to be judged: JSON lines (`match`, `collect`, lists of pairs) with `midi` (or `query`), `audio`
    /// (or `path`) and `confidence`; a document `search/1`, an exported `curation/1`, or a list of objects, tasks of
    /// Label Studio too; a table with a header, or of a MIDI file and a recording in each row; a Lakh tree, given as
    /// its folder or its `match_scores.json`. The content tells which, not the name. Paths are relative to the file.
    /// Repeated pairs are left out, and rows that can't be read, which [`remarks`](Self::remarks) name.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::List`] with the line if no pair can be read, [`Error::Nothing`] if there is none,
    /// [`Error::Cancelled`].
    pub fn read(path: &Path, progress: &Progress) -> Result<Self> {
        let scores = path.join("match_scores.json");
        let (file, tree) = if path.is_dir() { (scores, true) } else { (path.to_path_buf(), false) };
        let base = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut items = Self { base, source: path.to_path_buf(), ..Self::default() };
        let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        // A missing file is the first thing to say.
        std::fs::metadata(&file).map_err(Error::io("read", &file))?;
        let decided = !tree && matches!(Kind::of(&file)?, Kind::Decisions | Kind::Journal);
        let reading = progress.part(0.0, 0.8);
        let mut left_out = LeftOut::default();
        if decided {
            items.read_decisions(&file)?;
        } else if tree || name == "match_scores.json" {
            items.read_tree(&document(&file)?, &file, &reading)?;
        } else {
            list::read(&file, &mut left_out, |place, row| {
                if place.number.is_multiple_of(1024) {
                    reading.step((place.share * 1e4) as usize, 10_000)?;
                }
                // The output of `match` begins with its settings.
                let header =
                    place.number == 1 && row.get("format").is_some_and(Value::is_string) && !row.contains_key("hits");
                Ok(if header { Ok(()) } else { items.push_row(row) })
            })?;
        }
        if items.starts.is_empty() {
            return Err(left_out.error(&file).unwrap_or_else(|| Error::nothing("no pairs").at(&file)));
        }
        items.remarks.extend(left_out.remarks());
        items.index(&progress.part(0.8, 1.0))?;
        Ok(items)
    }

    /// Items made elsewhere; those with a repeated id are left out.
    pub fn from_list(items: impl IntoIterator<Item = Item>) -> Self {
        let mut made = Self::default();
        for item in items {
            made.push(&item);
        }
        // It does not report, so it can't be cancelled.
        drop(made.index(&Progress::silent()));
        made
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// What could not be read of the source, and where: bad rows, which were left out.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The file or folder they were read from.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// An item. Its files are looked for as other systems name them.
    ///
    /// # Panics
    /// If the index is out of range.
    pub fn item(&self, index: usize) -> Item {
        let [_, midi, audio, _] = self.texts(index);
        Item { midi: found(&self.base, midi), audio: found(&self.base, audio), ..self.written(index) }
    }

    /// An item with the paths that the source gives.
    fn written(&self, index: usize) -> Item {
        let [id, midi, audio, title] = self.texts(index);
        let part = |column: &Vec<f32>| column.get(index).copied().filter(|value| value.is_finite()).map(f64::from);
        let parts = PARTS.iter().zip(&self.parts);
        Item {
            id: id.to_owned(),
            midi: midi.into(),
            audio: audio.into(),
            title: title.to_owned(),
            confidence: self.confidence(index).map(f64::from),
            judge: self.judge(index).map(str::to_owned),
            parts: parts.filter_map(|(name, column)| Some(((*name).to_owned(), part(column)?))).collect(),
        }
    }

    /// The id of an item.
    pub fn id(&self, index: usize) -> &str {
        self.texts(index)[0]
    }

    /// A short name for people: its title, or its files.
    pub fn name(&self, index: usize) -> String {
        let [_, midi, audio, title] = self.texts(index);
        let last = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned();
        if title.is_empty() { format!("{} · {}", last(audio), last(midi)) } else { title.to_owned() }
    }

    /// The confidence of an item.
    pub fn confidence(&self, index: usize) -> Option<f32> {
        self.confidences.get(index).copied().filter(|value| value.is_finite())
    }

    /// Which judge gave it; `None` if the source does not say.
    pub fn judge(&self, index: usize) -> Option<&str> {
        let number = usize::from(*self.judged_by.get(index)?);
        self.judges.get(number.checked_sub(1)?).map(String::as_str)
    }

    /// Whether one of its texts contains `wanted`, given in lower case.
    pub(super) fn matches(&self, index: usize, wanted: &str) -> bool {
        self.texts(index).iter().any(|text| search_key(text).contains(wanted))
    }

    /// The item with this id.
    pub fn find(&self, id: &str) -> Option<usize> {
        let (id, hash) = (name_key(id), hash_of(id));
        let from = self.by_id.partition_point(|entry| entry.0 < hash);
        let same = self.by_id[from..].iter().take_while(|entry| entry.0 == hash);
        same.map(|entry| entry.1 as usize).find(|&index| name_key(self.id(index)) == id)
    }

    /// Memory used, in bytes.
    pub fn bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(|column| column.capacity() * 4).sum();
        self.texts.capacity()
            + self.starts.capacity() * 8
            + self.confidences.capacity() * 4
            + self.judged_by.capacity()
            + parts
            + self.by_id.capacity() * size_of::<(u64, u32)>()
    }

    fn texts(&self, index: usize) -> [&str; 4] {
        let from = self.starts[index] as usize;
        let mut at = from + 16;
        let mut texts = [""; 4];
        for (i, text) in texts.iter_mut().enumerate() {
            let length = &self.texts[from + 4 * i..from + 4 * i + 4];
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
            *text = std::str::from_utf8(&self.texts[at..at + length]).unwrap_or_default();
            at += length;
        }
        texts
    }

    fn push(&mut self, item: &Item) {
        let (midi, audio) = (item.midi.to_string_lossy(), item.audio.to_string_lossy());
        let texts = [item.id.as_str(), &midi, &audio, &item.title];
        self.starts.push(self.texts.len() as u64);
        for text in texts {
            self.texts.extend((text.len() as u32).to_le_bytes());
        }
        for text in texts {
            self.texts.extend(text.as_bytes());
        }
        let count = self.starts.len();
        self.confidences.push(item.confidence.map_or(f32::NAN, |value| value as f32));
        if let Some(judge) = &item.judge {
            let known = self.judges.iter().position(|known| known == judge);
            let number = known.unwrap_or_else(|| {
                // Judges beyond what a byte can number share the last number.
                if self.judges.len() < usize::from(u8::MAX) {
                    self.judges.push(judge.clone());
                }
                self.judges.len() - 1
            });
            self.judged_by.resize(count - 1, 0);
            self.judged_by.push(number as u8 + 1);
        }
        for (name, column) in PARTS.iter().zip(&mut self.parts) {
            if let Some(&value) = item.parts.get(*name) {
                // A column begins with the first item that has a value.
                column.resize(count - 1, f32::NAN);
                column.push(value as f32);
            }
        }
    }

    /// Sorts the ids, and drops repeated items.
    fn index(&mut self, progress: &Progress) -> Result<()> {
        progress.step(0, 3)?;
        self.by_id = (0..self.len()).map(|index| (hash_of(self.id(index)), index as u32)).collect();
        self.by_id.sort_unstable();
        progress.step(2, 3)?;
        let mut again = std::collections::BTreeSet::new();
        for pair in self.by_id.windows(2) {
            if pair[0].0 == pair[1].0 && name_key(self.id(pair[0].1 as usize)) == name_key(self.id(pair[1].1 as usize))
            {
                again.insert(pair[1].1 as usize);
            }
        }
        if !again.is_empty() {
            let kept: Vec<Item> =
                (0..self.len()).filter(|index| !again.contains(index)).map(|index| self.written(index)).collect();
            let mut fresh = Self {
                base: std::mem::take(&mut self.base),
                source: std::mem::take(&mut self.source),
                remarks: std::mem::take(&mut self.remarks),
                ..Self::default()
            };
            for item in &kept {
                fresh.push(item);
            }
            *self = fresh;
            self.by_id = (0..self.len()).map(|index| (hash_of(self.id(index)), index as u32)).collect();
            self.by_id.sort_unstable();
        }
        progress.step(3, 3)
    }

    /// Reads the items that decisions are about: exported ones, or the lines of a journal. One without its files can
    /// still be judged, by its id.
    fn read_decisions(&mut self, file: &Path) -> Result<()> {
        let (records, remarks) = export::read(file)?;
        self.remarks = remarks;
        for record in records {
            let path = |path: Option<String>| path.map(PathBuf::from).unwrap_or_default();
            let parts = record.parts.into_iter().chain(record.score.map(|score| ("score".to_owned(), score)));
            self.push(&Item {
                id: record.item,
                midi: path(record.midi),
                audio: path(record.audio),
                title: String::new(),
                confidence: record.confidence,
                judge: record.judge,
                parts: parts.collect(),
            });
        }
        Ok(())
    }

    /// Reads `match_scores.json` beside the tree it describes: `<X>/<Y>/<Z>/<TRACKID>/<md5>.mid` for ids of the Million
    /// Song Dataset (retrieval specification, J), `<first two>/<id>/<md5>.mid` for others.
    fn read_tree(&mut self, text: &[u8], file: &Path, progress: &Progress) -> Result<()> {
        let scores: BTreeMap<String, BTreeMap<String, Option<f64>>> =
            parse_json(text).map_err(|error| list_error(file, error.to_string()))?;
        let count = scores.len();
        for (number, (track, matches)) in scores.iter().enumerate() {
            if number % 1024 == 0 {
                progress.step(number, count)?;
            }
            let folder = track_folder(track);
            for (md5, &confidence) in matches {
                self.push(&Item {
                    id: format!("{md5}|{track}"),
                    midi: format!("{folder}/{md5}.mid").into(),
                    audio: folder.as_str().into(),
                    title: String::new(),
                    confidence: confidence.filter(|value| value.is_finite()),
                    judge: None,
                    parts: BTreeMap::new(),
                });
            }
        }
        Ok(())
    }

    /// Takes a row of any of the forms; one with `hits` is a whole search.
    fn push_row(&mut self, row: &Map<String, Value>) -> core::result::Result<(), String> {
        let text = |row: &Map<String, Value>, names: &[&str]| {
            names.iter().find_map(|name| match row.get(*name)? {
                Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            })
        };
        // The first that is bad is named, and those after it are taken.
        let mut bad = Ok(());
        let mut note = |name: &str, number: usize, outcome: core::result::Result<(), String>| {
            if let (Ok(()), Err(reason)) = (&bad, outcome) {
                bad = Err(format!("{name} {}: {reason}", number + 1));
            }
        };
        if let Some(Value::Array(hits)) = row.get("hits") {
            for (number, hit) in hits.iter().enumerate() {
                let Some(hit) = hit.as_object() else {
                    note("hit", number, Err("not an object".into()));
                    continue;
                };
                let mut whole = hit.clone();
                for name in ["query", "midi", "midi_md5"] {
                    if let (None, Some(value)) = (hit.get(name), row.get(name)) {
                        whole.insert(name.to_owned(), value.clone());
                    }
                }
                note("hit", number, self.push_row(&whole));
            }
            return bad;
        }
        if let Some(Value::Array(matches)) = row.get("matches") {
            for (number, found) in matches.iter().enumerate() {
                let Some(found) = found.as_object() else {
                    note("match", number, Err("not an object".into()));
                    continue;
                };
                let mut pair = found.clone();
                // The query is outside, the results inside; either may be the MIDI file.
                let sides = [row.get("path"), found.get("path")].map(|path| path.cloned().unwrap_or_default());
                let [outside, inside] =
                    sides.each_ref().map(|path| is_midi_name(Path::new(path.as_str().unwrap_or_default())));
                let [midi, audio] =
                    if inside && !outside { [1, 0] } else { [0, 1] }.map(|side: usize| sides[side].clone());
                for (name, value) in [
                    ("midi", Some(&midi)),
                    ("path", Some(&audio)),
                    ("midi_md5", row.get("md5")),
                    ("id", found.get("track")),
                ] {
                    pair.insert(name.to_owned(), value.cloned().unwrap_or_default());
                }
                note("match", number, self.push_row(&pair));
            }
            return bad;
        }
        let midi = text(row, &["midi", "midi_path", "query"]);
        if let (None, Some(Value::Object(task))) = (&midi, row.get("data")) {
            return self.push_row(task);
        }
        let midi = midi.ok_or("missing field `midi`")?;
        let audio = text(row, &["audio", "audio_path", "recording", "path"]).ok_or("missing field `audio`")?;
        let number = |name: &str| match row.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => csv::number(text),
            _ => None,
        };
        let score = number("score");
        let confidence = number("confidence").or_else(|| score.map(|score| (2.0 * (1.0 - score)).clamp(0.0, 1.0)));
        let of_audio = text(row, &["id", "audio_md5", "track_id"]);
        let of_midi = text(row, &["midi_md5", "md5"]);
        let made = || format!("{}|{}", of_midi.as_ref().unwrap_or(&midi), of_audio.as_ref().unwrap_or(&audio));
        let title: Vec<String> = ["artist", "title"].into_iter().filter_map(|name| text(row, &[name])).collect();
        let parts = PARTS.iter().filter_map(|name| Some(((*name).to_owned(), number(name)?)));
        // The published presets have no judge.
        let preset = || row.get("parameters")?.get("preset")?.as_str().filter(|preset| *preset != "antiphon");
        let judge = text(row, &["judge"]).or_else(|| preset().map(str::to_owned));
        self.push(&Item {
            id: text(row, &["item"]).unwrap_or_else(made),
            title: title.join(" – "),
            confidence: confidence.filter(|value| value.is_finite()),
            judge: judge.filter(|_| confidence.is_some()),
            parts: parts.filter(|(_, value)| value.is_finite()).collect(),
            midi: midi.into(),
            audio: audio.into(),
        });
        Ok(())
    }
}

fn list_error(file: &Path, reason: String) -> Error {
    Error::List { reason, path: file.to_path_buf() }
}

fn document(file: &Path) -> Result<Vec<u8>> {
    let length = std::fs::metadata(file).map_err(Error::io("read", file))?.len();
    if length > LARGEST {
        return Err(list_error(file, format!("{length} bytes are more than {LARGEST}; JSON lines have no limit")));
    }
    std::fs::read(file).map_err(Error::io("read", file))
}

/// Ids contain names of files, which are compared in one form.
fn hash_of(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name_key(id).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
