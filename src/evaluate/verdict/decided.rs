//! Pairs that people have decided, for a judge to learn from: aligned anew, with the evidence of today's networks.

use super::{kept, see, song};
use crate::collect;
use crate::curation::{Decision, Item, Items, Reason, Record, sample};
use crate::error::{Error, Result};
use crate::evaluate::each;
use crate::files::{md5_of, stem};
use crate::job::Progress;
use crate::midi::Midi;
use crate::pair::MidiSide;
use crate::synth::SoundFont;
use crate::verdict::{self, Evidence, Fingerprints, LabelledPair, Models, Sight, Traits};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// A pair that was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The record that holds for it.
    pub record: Record,
    /// The MIDI file.
    pub midi: PathBuf,
    /// The recording.
    pub audio: PathBuf,
    /// Whether the two belong together.
    pub same: bool,
}

/// Records that hold but teach nothing, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LeftOut {
    /// Decided as unsure.
    pub unsure: usize,
    /// Left for later, or only noted.
    pub undecided: usize,
    /// Neither shown nor heard.
    pub unseen: usize,
    /// Rejected although it may well be the same music: another version, a wrong key, timing, a part, a bad file.
    pub other_reasons: usize,
    /// Neither the journal nor the queue says where the files are.
    pub without_files: usize,
}

/// Decided pairs with their evidence.
#[derive(Debug, Clone)]
pub struct DecidedPairs {
    /// The pairs; each has the weight that the journal's sample of the queue gives it.
    pub pairs: Vec<LabelledPair>,
    /// The networks.
    pub models: Fingerprints,
    /// Mean number of wrong recordings that a MIDI file was compared with.
    pub entries: usize,
    /// What they stand for.
    pub sample: sample::Sample,
    /// Files that could not be used, with the reason, one per pair.
    pub skipped: Vec<(PathBuf, String)>,
    /// Songs by the names of their files.
    named: HashMap<String, String>,
}

impl Decided {
    /// Splits the records that hold, one per item and with paths relative to `base`, into those that teach something
    /// and the rest. Confirmed pairs belong together. Rejected ones do not, unless the reason is about something else.
    pub fn of(records: &[Record], base: &Path, queues: &[&Items]) -> (Vec<Self>, LeftOut) {
        let mut left_out = LeftOut::default();
        let mut decided = Vec::new();
        for record in records {
            let reason_is_music = matches!(record.reason, None | Some(Reason::WrongSong | Reason::Other));
            let (same, counter) = match record.decision() {
                Some(Decision::Confirmed | Decision::Rejected) if record.unseen => (None, &mut left_out.unseen),
                Some(Decision::Rejected) if !reason_is_music => (None, &mut left_out.other_reasons),
                Some(Decision::Unsure) => (None, &mut left_out.unsure),
                Some(Decision::Skipped) | None => (None, &mut left_out.undecided),
                Some(decision) => (Some(decision == Decision::Confirmed), &mut left_out.without_files),
            };
            let files = files(record, base, queues);
            match same.zip(files) {
                Some((same, (midi, audio))) => decided.push(Self { record: record.clone(), midi, audio, same }),
                None => *counter += 1,
            }
        }
        (decided, left_out)
    }
}

/// The files named by the record, or else by the queue.
fn files(record: &Record, base: &Path, queues: &[&Items]) -> Option<(PathBuf, PathBuf)> {
    let written = || Some((base.join(record.midi.as_ref()?), base.join(record.audio.as_ref()?)));
    let listed = || {
        let item = queues.iter().find_map(|items| Some(items.item(items.find(&record.item)?)))?;
        (!item.midi.as_os_str().is_empty() && !item.audio.as_os_str().is_empty()).then_some((item.midi, item.audio))
    };
    let (midi, audio) = written().or_else(listed)?;
    let recording = Item { audio, ..Item::default() }.recording();
    Some((midi, recording))
}

/// The evidence of one pair with the MD5s of its files, or the file that can't be used.
type Seen = core::result::Result<(LabelledPair, [String; 2]), (PathBuf, String)>;

/// Aligns decided pairs and gathers their evidence. `cache` keeps analysed recordings, as for
/// [`verdict`](super::verdict()).
///
/// # Errors
/// [`Error::Cancelled`]; files that can't be used are left out.
pub fn see_decided(
    decided: &[Decided],
    queues: &[&Items],
    cache: Option<&Path>,
    font: &SoundFont,
    progress: &Progress,
) -> Result<DecidedPairs> {
    let models = Models::bundled()?;
    let mut of_midi: BTreeMap<&PathBuf, Vec<usize>> = BTreeMap::new();
    for (place, pair) in decided.iter().enumerate() {
        of_midi.entry(&pair.midi).or_default().push(place);
    }
    let midis: Vec<PathBuf> = of_midi.keys().map(|path| (*path).clone()).collect();
    let seen = each(&midis, progress, |path, p| {
        let midi = unless_cancelled(open(path, font, &models, p))?;
        let mut seen: Vec<(usize, Seen)> = Vec::new();
        for &place in &of_midi[path] {
            let one = match &midi {
                Ok(midi) => unless_cancelled(one(&decided[place], midi, cache, &models, p))?
                    .map_err(|reason| (decided[place].audio.clone(), reason)),
                Err(reason) => Err((path.clone(), reason.clone())),
            };
            seen.push((place, one));
        }
        Ok(seen)
    })?;
    let mut seen: Vec<(usize, Seen)> = seen.done.into_iter().flatten().collect();
    seen.sort_by_key(|(place, _)| *place);
    let (mut pairs, mut marks, mut records, mut skipped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (place, seen) in seen {
        let of = &decided[place];
        match seen {
            Ok((pair, [midi, audio])) => {
                pairs.push(pair);
                records.push(&of.record);
                marks.push(([format!("midi {midi}"), called(&of.midi)], [format!("audio {audio}"), called(&of.audio)]));
            }
            Err(reason) => skipped.push(reason),
        }
    }
    let sample = sample::weigh(&records, queues);
    let songs = Songs::of(pairs.iter().map(|pair| pair.same).zip(&marks));
    for ((pair, (midi, audio)), weight) in pairs.iter_mut().zip(&marks).zip(&sample.weights) {
        pair.songs = (songs.song(&midi[0]), songs.song(&audio[0]));
        pair.weight = *weight;
    }
    let mut wrong: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| !pair.same) {
        wrong.entry(&pair.midi).or_default().insert(&pair.audio);
    }
    let entries = (wrong.values().map(BTreeSet::len).sum::<usize>() / wrong.len().max(1)).max(1);
    let named = marks.iter().flat_map(|(midi, audio)| [&midi[1], &audio[1]]);
    let named = named.map(|name| (name.clone(), songs.song(name))).collect();
    let models = Fingerprints::of(&models.hash, &models.embedding)?;
    Ok(DecidedPairs { pairs, models, entries, sample, skipped, named })
}

/// Turns a failure into words; a cancel, however, ends everything.
fn unless_cancelled<T>(result: Result<T>) -> Result<core::result::Result<T, String>> {
    match result {
        Err(Error::Cancelled) => Err(Error::Cancelled),
        result => Ok(result.map_err(|error| error.to_string())),
    }
}

/// Opens a MIDI file; returns what is known about it, and its MD5.
fn open(path: &Path, font: &SoundFont, models: &Models, progress: &Progress) -> Result<(MidiSide, Traits, String)> {
    let (md5, _) = md5_of(path, || progress.step(0, 1))?;
    let side = MidiSide::new(path.into(), Midi::read(path)?, font, progress)?.without_sound();
    let traits = Traits::of_midi(&side, models, progress)?;
    Ok((side, traits, md5))
}

fn one(
    decided: &Decided,
    (midi, midi_traits, midi_md5): &(MidiSide, Traits, String),
    cache: Option<&Path>,
    models: &Models,
    progress: &Progress,
) -> Result<(LabelledPair, [String; 2])> {
    let (md5, _) = md5_of(&decided.audio, || progress.step(0, 1))?;
    let audio = kept::recording(&decided.audio, cache, progress)?;
    let traits = Traits::of_audio(&audio, models, progress)?;
    let mut pair = LabelledPair {
        midi: decided.midi.to_string_lossy().into_owned(),
        audio: decided.audio.to_string_lossy().into_owned(),
        songs: (String::new(), String::new()),
        kind: "decided".into(),
        same: decided.same,
        rank: 0,
        weight: 1.0,
        decided: true,
        evidence: BTreeMap::new(),
    };
    let codes = verdict::code_matches(&midi_traits.codes, &[traits.codes[0].codes.codes()], progress)?;
    let mut found = Evidence::new([midi_traits.amount, traits.amount], None);
    found.add_codes(&codes[0]);
    pair.see(Sight::Codes, &found);
    see(&mut pair, ((midi, midi_traits), (&audio, &traits)), &codes[0], models, progress)?;
    Ok((pair, [midi_md5.clone(), md5]))
}

/// The name of a file's song: its title, or the whole name without the letter of a version.
fn called(path: &Path) -> String {
    let name = song(&stem(path));
    collect::title(Path::new(&format!("{name}.mid"))).unwrap_or_else(|| name.to_lowercase())
}

impl DecidedPairs {
    /// The song of a decided pair that has this name; `None` if there is none.
    pub fn song(&self, name: &str) -> Option<&str> {
        self.named.get(&called(Path::new(&format!("{name}.mid")))).map(String::as_str)
    }

    /// How many belong together, and how many do not.
    pub fn counts(&self) -> (usize, usize) {
        let right = self.pairs.iter().filter(|pair| pair.same).count();
        (right, self.pairs.len() - right)
    }

    /// The judges that gave the confidences, and how many each gave: a version, or `None` if neither journal nor queue
    /// names it.
    pub fn judges(&self) -> BTreeMap<Option<&str>, usize> {
        let mut judges = BTreeMap::new();
        for judge in &self.sample.judges {
            *judges.entry(judge.as_deref()).or_default() += 1;
        }
        judges
    }

    /// The summary of the pairs in a judge's file.
    pub fn summary(&self, journals: &[PathBuf], queues: &[PathBuf], left_out: LeftOut) -> Value {
        let names = |paths: &[PathBuf]| -> Vec<String> {
            paths.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned()).collect()
        };
        let judges = self.judges().into_iter().map(|(judge, pairs)| json!({ "judge": judge, "pairs": pairs }));
        let (confirmed, rejected) = self.counts();
        json!({
            "files": names(journals),
            "queues": names(queues),
            "confirmed": confirmed,
            "rejected": rejected,
            "left_out": left_out,
            "unreadable": self.skipped.len(),
            "judges": judges.collect::<Vec<Value>>(),
            "apart": self.sample.apart,
            "strata": self.sample.strata,
        })
    }
}

/// Decides which files are of one song: equal ones, those with one name, and those that were confirmed to belong
/// together.
struct Songs<'a> {
    numbers: HashMap<&'a str, usize>,
    parent: Vec<usize>,
}

impl<'a> Songs<'a> {
    fn of(pairs: impl Iterator<Item = (bool, &'a ([String; 2], [String; 2]))>) -> Self {
        let mut songs = Self { numbers: HashMap::new(), parent: Vec::new() };
        for (same, (midi, audio)) in pairs {
            let of_midi = songs.join(&midi[0], &midi[1]);
            let of_audio = songs.join(&audio[0], &audio[1]);
            if same {
                songs.unite(of_midi, of_audio);
            }
        }
        songs
    }

    fn join(&mut self, a: &'a str, b: &'a str) -> usize {
        let [a, b] = [a, b].map(|mark| {
            let next = self.parent.len();
            let number = *self.numbers.entry(mark).or_insert(next);
            if number == next {
                self.parent.push(next);
            }
            number
        });
        self.unite(a, b);
        a
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    fn root(&self, mut at: usize) -> usize {
        while self.parent[at] != at {
            at = self.parent[at];
        }
        at
    }

    fn song(&self, mark: &str) -> String {
        self.numbers.get(mark).map_or_else(String::new, |&number| format!("decided {}", self.root(number)))
    }
}

#[cfg(test)]
mod tests;
