//! Finds which MIDI files belong to which recordings, as far as names suggest it and sound confirms it: the source of
//! training pairs (spec C).
//!
//! [`collect`] follows the thesis: files → each content once → those that have a name (`names`) → those whose name a
//! recording shares (`text`) → those that align (`journal` keeps the outcomes) → songs, each in one split (`groups`).
//! The result is a list of pairs, which a queue, `dataset align` and scripts read. Differences from the thesis: pairs
//! are aligned as their names matched, not all combinations of a group; songs are groups of accepted pairs; and small
//! collections are not cut off by a score that was chosen among a million.
//!
//! ```no_run
//! use antiphon::{collect::{Collecting, collect}, job::Progress, synth::SoundFont};
//! # use std::path::Path;
//! let font = SoundFont::bundled()?;
//! let what = Collecting::new(vec!["midis".into()], vec!["recordings".into()], &font);
//! let found = collect(&what, Path::new("pairs.jsonl"), &Progress::silent())?;
//! println!("{} pairs of {} songs", found.funnel.accepted, found.funnel.songs);
//! # antiphon::Result::Ok(())
//! ```

mod bm25;
mod files;
mod groups;
mod journal;
mod letters;
mod names;
mod text;

pub(crate) use names::title;
pub(crate) use text::FoundBy;

use crate::alignment::{self, Preset};
use crate::audio::Keep;
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::export;
use crate::files::{absolute, create_folder, md5_of, portable, sweep, write};
use crate::index::Catalogue;
use crate::job::Progress;
use crate::pair;
use crate::synth::SoundFont;
use crate::verdict;
use files::{AudioFile, MidiFile, Skipped};
use groups::Marks;
use journal::{Alignments, Key, Line, Outcome};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use text::{Cut, Folded, Found, TextIndex};

/// The published cut of the text match (spec C4).
pub const TEXT_SCORE: f32 = 20.0;

/// What [`collect`] is to search, and how.
#[derive(Debug, Clone)]
pub struct Collecting<'a> {
    /// MIDI files, and folders that contain them.
    pub midi: Vec<PathBuf>,
    /// Recordings, and folders that contain them.
    pub audio: Vec<PathBuf>,
    /// Gives the names of recordings: a list of `path`, `artist` and `title`. Tags and paths supply
    /// what is missing.
    pub catalogue: Option<PathBuf>,
    /// The BM25 score of the words of artist and title must be above this, unless the titles are equal.
    pub text_score: f32,
    /// For each MIDI file, this many more recordings are tried whose title has all the words of its own, whoever the
    /// artist is.
    pub by_title: usize,
    /// Seed of the splits.
    pub seed: u64,
    /// Plays the MIDI files.
    pub font: &'a SoundFont,
}

impl<'a> Collecting<'a> {
    /// The published settings.
    pub fn new(midi: Vec<PathBuf>, audio: Vec<PathBuf>, font: &'a SoundFont) -> Self {
        Self { midi, audio, catalogue: None, text_score: TEXT_SCORE, by_title: 0, seed: 0, font }
    }
}

/// How many files of one side are left after each step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FunnelSide {
    /// Files found.
    pub files: usize,
    /// Those that could be read; for MIDI files, each content once.
    pub unique: usize,
    /// Those with artist and title.
    pub named: usize,
    /// Those with at least a title.
    pub titled: usize,
    /// Those with a candidate on the other side.
    pub matched: usize,
    /// Those with an accepted pair.
    pub aligned: usize,
}

/// The way from files to pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Funnel {
    /// MIDI files.
    pub midi: FunnelSide,
    /// Recordings.
    pub audio: FunnelSide,
    /// Pairs whose names match.
    pub candidates: usize,
    /// Those of them that were aligned and accepted.
    pub accepted: usize,
    /// Groups of accepted pairs that are the same work.
    pub songs: usize,
}

/// What a run found.
#[derive(Debug)]
pub struct Collected {
    /// How many were left after each step.
    pub funnel: Funnel,
    /// Songs and pairs of each split.
    pub splits: BTreeMap<Split, (usize, usize)>,
    /// Pairs that this run aligned; the others were in the journal.
    pub aligned_now: usize,
    /// Files whose names match although something is wrong with them, with what it is: each once.
    pub warned: Vec<(PathBuf, String)>,
    /// Files that could not be used, with the reason.
    pub skipped: Vec<(PathBuf, String)>,
}

/// An accepted pair: a line of the list.
#[derive(Debug, Clone, Serialize)]
struct Pair {
    midi: PathBuf,
    audio: PathBuf,
    confidence: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    judge: Option<String>,
    score: f64,
    transpose: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    artist: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    midi_md5: String,
    audio_md5: String,
    found_by: FoundBy,
    text_score: f32,
    song: usize,
    split: Split,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// A pair whose names match.
struct Candidate {
    midi: usize,
    found: Found,
    key: Key,
}

/// Both sides, and the candidates by MIDI file, then in the order they were found.
struct Candidates {
    midi: Vec<MidiFile>,
    audio: Vec<AudioFile>,
    pairs: Vec<Candidate>,
}

/// Writes the accepted pairs to `list`, one JSON object per line: `midi` and `audio` (relative to the list),
/// `confidence`, `judge`, `score`, `transpose`, `artist`, `title`, `midi_md5`, `audio_md5`, `found_by`, `text_score`,
/// `song` and `split`. The outcome of each pair is kept in `<list>.alignments`, so that an interrupted run can
/// continue, and a run with more files aligns only the new ones.
///
/// # Errors
/// [`Error::Io`]; [`Error::Nothing`] if a side has no files; [`Error::Catalogue`]; [`Error::List`] if the journal was
/// made with another soundfont, is damaged, or is in use; [`Error::Cancelled`]. Files that can't be used are in
/// [`Collected::skipped`].
pub fn collect(what: &Collecting<'_>, list: &Path, progress: &Progress) -> Result<Collected> {
    let mut skipped = Skipped::new();
    let list = absolute(list)?;
    let catalogue = what.catalogue.as_deref().map_or_else(|| Ok(Catalogue::default()), Catalogue::read)?;
    let unread = what.catalogue.iter().flat_map(|path| catalogue.left_out().map(|place| (path.clone(), place)));
    skipped.extend(unread);
    let midi = files::below(&what.midi, true, &mut skipped)?;
    let audio = files::below(&what.audio, false, &mut skipped)?;
    let folder = list.parent().unwrap_or(Path::new(""));
    create_folder(folder)?;
    let parameters = json!({ "soundfont": what.font.name(), "preset": Preset::Antiphon });
    let mut journal = Alignments::open(&list, &parameters)?;
    sweep(&list);
    let mut funnel = Funnel::default();
    (funnel.midi.files, funnel.audio.files) = (midi.files.len(), audio.files.len());
    let mut find = || -> Result<(Candidates, usize)> {
        let midi = files::midi_files(&midi, &mut skipped, &progress.part(0.0, 0.1))?;
        let audio = files::recordings(&audio, &catalogue, &mut skipped, &progress.part(0.1, 0.15))?;
        let candidates = candidates(midi, audio, what, &mut skipped, &progress.part(0.15, 0.2))?;
        let aligned_now = align(&candidates, what.font, &mut journal, &mut skipped, &progress.part(0.2, 1.0))?;
        Ok((candidates, aligned_now))
    };
    let (candidates, aligned_now) = match find() {
        Ok(found) => found,
        Err(error) => {
            journal.take_back();
            return Err(error);
        }
    };
    let pairs = accepted(&candidates, &journal, what.seed, &mut skipped);
    let warned = odd(&candidates, &journal);
    // A recording that can't be used counts once, however many MIDI files it was tried with.
    skipped.sort();
    skipped.dedup();
    let mut text = String::new();
    for pair in &pairs {
        let (midi, audio) = (portable(&pair.midi, folder), portable(&pair.audio, folder));
        // Absolute UTF-8 paths are valid JSON strings.
        let line = serde_json::to_string(&Pair { midi, audio, ..pair.clone() }).unwrap_or_default();
        text.push_str(&line);
        text.push('\n');
    }
    write(&list, text.as_bytes())?;
    fill(&mut funnel, &candidates, &pairs);
    let mut songs: BTreeMap<Split, (BTreeSet<usize>, usize)> = BTreeMap::new();
    for pair in &pairs {
        let (of_split, count) = songs.entry(pair.split).or_default();
        of_split.insert(pair.song);
        *count += 1;
    }
    let splits = songs.into_iter().map(|(split, (songs, count))| (split, (songs.len(), count))).collect();
    progress.step(1, 1)?;
    Ok(Collected { funnel, splits, aligned_now, warned, skipped })
}

/// Pairs whose names match, each content of a recording once.
fn candidates(
    midi: Vec<MidiFile>,
    audio: Vec<AudioFile>,
    what: &Collecting<'_>,
    skipped: &mut Skipped,
    progress: &Progress,
) -> Result<Candidates> {
    let index = TextIndex::new(audio.iter().map(|file| Folded::new(&file.name)).collect());
    let cut = Cut { score: what.text_score, by_title: what.by_title };
    let looked = AtomicUsize::new(0);
    let found: Vec<Vec<Found>> = midi
        .par_iter()
        .map(|file| {
            progress.part(0.0, 0.5).step(looked.fetch_add(1, Ordering::Relaxed), midi.len())?;
            Ok(index.find(&Folded::new(&file.name), cut))
        })
        .collect::<Result<_>>()?;
    let wanted: BTreeSet<usize> = found.iter().flatten().map(|found| found.recording).collect();
    let wanted: Vec<usize> = wanted.into_iter().collect();
    let hashed = AtomicUsize::new(0);
    let md5s: Vec<Result<String>> = wanted
        .par_iter()
        .with_max_len(1)
        .map(|&at| {
            let done = hashed.fetch_add(1, Ordering::Relaxed);
            let (md5, _) = md5_of(&audio[at].path, || progress.part(0.5, 1.0).step(done, wanted.len()))?;
            Ok(md5)
        })
        .collect();
    let mut contents: BTreeMap<usize, String> = BTreeMap::new();
    for (at, md5) in wanted.into_iter().zip(md5s) {
        match md5 {
            Ok(md5) => drop(contents.insert(at, md5)),
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => skipped.push((audio[at].path.clone(), error.reason(&audio[at].path))),
        }
    }
    let mut pairs = Vec::new();
    for (at, found) in found.into_iter().enumerate() {
        let mut seen = BTreeSet::new();
        for found in found {
            let Some(md5) = contents.get(&found.recording) else { continue };
            if seen.insert(md5) {
                pairs.push(Candidate { midi: at, found, key: (midi[at].md5.clone(), md5.clone()) });
            }
        }
    }
    Ok(Candidates { midi, audio, pairs })
}

/// Aligns the pairs that are not in the journal, synthesising each MIDI file once; returns how many there were.
fn align(
    candidates: &Candidates,
    font: &SoundFont,
    journal: &mut Alignments,
    skipped: &mut Skipped,
    progress: &Progress,
) -> Result<usize> {
    let left: Vec<&Candidate> = candidates.pairs.iter().filter(|pair| journal.of(&pair.key).is_none()).collect();
    let by_midi: Vec<&[&Candidate]> = left.chunk_by(|a, b| a.midi == b.midi).collect();
    let ended = AtomicUsize::new(0);
    let shared = Mutex::new((journal, skipped));
    by_midi.par_iter().with_max_len(1).try_for_each(|pairs| {
        let file = &candidates.midi[pairs[0].midi];
        // Progress within pairs that run at the same time can't be told apart, so it stands still meanwhile.
        let here = || {
            let before = ended.load(Ordering::Relaxed) as f32 / left.len() as f32;
            progress.part(before, before)
        };
        let side = match pair::load_midi(&file.path, font, &here()) {
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            side => side,
        };
        for pair in *pairs {
            let audio = &candidates.audio[pair.found.recording];
            let outcome = side.as_ref().map_err(ToString::to_string).map_or_else(
                |reason| Ok(Outcome::Skipped { skipped: reason }),
                |side| {
                    let recording = pair::load_audio(&audio.path, Keep::Analysis, &here())?;
                    let found = verdict::align(side, &recording, Preset::Antiphon, &here())?;
                    Ok(Outcome::Aligned {
                        confidence: found.confidence,
                        judge: found.judgement.as_ref().map(|judgement| judgement.judge.clone()),
                        score: found.score,
                        transpose: found.transpose,
                        warning: recording.recording.warning.clone(),
                    })
                },
            );
            // A thread that panicked has either written its line or not: the journal is as good as before.
            let mut shared = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                // What the system refuses now may be available next time.
                Err(error @ Error::Io { .. }) => {
                    shared.1.push((audio.path.clone(), error.reason(&audio.path)));
                    continue;
                }
                Err(error) => Outcome::Skipped { skipped: error.reason(&audio.path) },
            };
            let text = |path: &Path| path.to_string_lossy().into_owned();
            shared.0.add(Line {
                midi_md5: pair.key.0.clone(),
                audio_md5: pair.key.1.clone(),
                midi: text(&file.path),
                audio: text(&audio.path),
                found_by: pair.found.by,
                text_score: pair.found.score,
                outcome,
            })?;
            drop(shared);
            progress.step(ended.fetch_add(1, Ordering::Relaxed) + 1, left.len())?;
        }
        Ok(())
    })?;
    Ok(left.len())
}

/// The accepted pairs, with their songs and splits, ordered by the paths of MIDI files, then of recordings.
fn accepted(candidates: &Candidates, journal: &Alignments, seed: u64, skipped: &mut Skipped) -> Vec<Pair> {
    let (mut pairs, mut marks) = (Vec::new(), Vec::new());
    for Candidate { midi, found, key } in &candidates.pairs {
        let (midi, audio) = (&candidates.midi[*midi], &candidates.audio[found.recording]);
        let (confidence, judge, score, transpose, warning) = match journal.of(key) {
            Some(Outcome::Aligned { confidence, judge, score, transpose, warning })
                if *confidence > alignment::ACCEPTED =>
            {
                (*confidence, judge.clone(), *score, *transpose, warning.clone())
            }
            Some(Outcome::Skipped { skipped: reason }) => {
                skipped.push((audio.path.clone(), reason.clone()));
                continue;
            }
            _ => continue,
        };
        marks.push(Marks {
            midi: key.0.clone(),
            audio: key.1.clone(),
            titles: [&midi.name, &audio.name].map(|name| Folded::new(name).title.join(" ")),
        });
        pairs.push(Pair {
            midi: midi.path.clone(),
            audio: audio.path.clone(),
            confidence,
            judge,
            score,
            transpose,
            artist: audio.name.artist.clone().or_else(|| midi.name.artist.clone()),
            title: audio.name.title.clone().or_else(|| midi.name.title.clone()),
            midi_md5: key.0.clone(),
            audio_md5: key.1.clone(),
            found_by: found.by,
            text_score: found.score,
            song: 0,
            split: Split::Train,
            warning: export::warning(midi.warning.as_deref(), warning.as_deref()),
        });
    }
    for (pair, (song, split)) in pairs.iter_mut().zip(groups::songs(&marks, seed)) {
        (pair.song, pair.split) = (song, split);
    }
    pairs.sort_by(|a, b| (&a.midi, &a.audio).cmp(&(&b.midi, &b.audio)));
    pairs
}

/// What is odd about the files of pairs that were aligned.
fn odd(candidates: &Candidates, journal: &Alignments) -> Vec<(PathBuf, String)> {
    let mut odd = BTreeSet::new();
    for Candidate { midi, found, key } in &candidates.pairs {
        let (midi, audio) = (&candidates.midi[*midi], &candidates.audio[found.recording]);
        odd.extend(midi.warning.clone().map(|warning| (midi.path.clone(), warning)));
        if let Some(Outcome::Aligned { warning: Some(warning), .. }) = journal.of(key) {
            odd.insert((audio.path.clone(), warning.clone()));
        }
    }
    odd.into_iter().collect()
}

fn fill(funnel: &mut Funnel, candidates: &Candidates, pairs: &[Pair]) {
    let Candidates { midi, audio, pairs: tried } = candidates;
    let named = |name: &names::Name| name.artist.is_some() && name.title.is_some();
    let distinct = |paths: Vec<&Path>| paths.into_iter().collect::<BTreeSet<_>>().len();
    funnel.midi = FunnelSide {
        unique: midi.len(),
        named: midi.iter().filter(|file| named(&file.name)).count(),
        titled: midi.iter().filter(|file| file.name.title.is_some()).count(),
        matched: distinct(tried.iter().map(|pair| midi[pair.midi].path.as_path()).collect()),
        aligned: distinct(pairs.iter().map(|pair| pair.midi.as_path()).collect()),
        ..funnel.midi
    };
    funnel.audio = FunnelSide {
        unique: audio.len(),
        named: audio.iter().filter(|file| named(&file.name)).count(),
        titled: audio.iter().filter(|file| file.name.title.is_some()).count(),
        matched: distinct(tried.iter().map(|pair| audio[pair.found.recording].path.as_path()).collect()),
        aligned: distinct(pairs.iter().map(|pair| pair.audio.as_path()).collect()),
        ..funnel.audio
    };
    funnel.candidates = tried.len();
    funnel.accepted = pairs.len();
    funnel.songs = pairs.iter().map(|pair| pair.song).collect::<BTreeSet<_>>().len();
}
