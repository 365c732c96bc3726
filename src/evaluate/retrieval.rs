//! Whether the right recording is found among many: the rank curve of the papers (spec F).
//!
//! Queries are the MIDI files of a folder. The database holds the recordings beside them (`x.ogg` for `x.mid`), and
//! decoys: other recordings, and renderings of other MIDI files. If a query has no recording, its own rendering with
//! the decoys' soundfont must be found. How entries are compared is a separate question: by hash sequences
//! ([`hash_retrieval`]), or by the vector of the whole ([`embedding_retrieval`]); both search the same database.
//!
//! Each query is also tried in the other eleven keys. An answer in another key has eleven more chances to look good by
//! accident, so its score is raised by a fraction of itself, the *handicap*.

mod codes;
mod vectors;

pub use codes::hash_retrieval;
pub(super) use vectors::Embedder;
pub use vectors::{embedding_held_out, embedding_retrieval};

use super::analysed::log_spectrum;
use super::{Report, each};
use crate::dataset::other_works;
use crate::embedding::Distances;
use crate::error::{Error, Result};
use crate::features::{self, FRAME_S, LogSpectrum, WIDE_BINS, WIDE_FIRST_NOTE};
use crate::files::{below, is_audio_name, name_key, same_place, sides, stem};
use crate::job::Progress;
use crate::midi::Midi;
use crate::synth::SoundFont;
use ndarray::{Array2, ArrayView2};
use rand::{RngExt as _, SeedableRng as _, seq::SliceRandom as _};
use rand_pcg::Pcg64;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Keys in which a query is tried, in semitones above the written one.
const KEYS: std::ops::RangeInclusive<i32> = -5..=6;
/// An entry with fewer frames is not usable: it has fewer than 30 codes of 8 frames (spec E).
const FEWEST_FRAMES: usize = 240;

/// What is searched, and how.
#[derive(Debug)]
pub struct RetrievalParams<'a> {
    /// MIDI files, with or without recordings of the same name beside them.
    pub folder: &'a Path,
    /// Folders of recordings and MIDI files that are not the right answers.
    pub decoys: &'a [PathBuf],
    /// Most MIDI files drawn from the decoys' folders.
    pub renderings: usize,
    /// Seed of the draw and of the keys.
    pub seed: u64,
    /// Soundfont of the queries.
    pub font: &'a SoundFont,
    /// Soundfont of the renderings in the database: a different one.
    pub other_font: &'a SoundFont,
    /// Share of the queries' own renderings that is transposed to another key, to choose a handicap on; recordings
    /// stay.
    pub transposed: f64,
    /// Handicaps of answers in another key, as fractions of the score.
    pub handicaps: &'a [f64],
    /// Where log magnitudes are kept.
    pub cache: Option<&'a Path>,
}

/// The results of the searches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retrieval {
    /// Recordings in the database.
    pub recordings: usize,
    /// Renderings in the database.
    pub renderings: usize,
    /// Decoys left out because they are the same work as a query, by their bytes, title or melodies, or named in `pairs.csv`.
    pub same_work: usize,
    /// Entries left out because they have fewer than 30 codes.
    pub too_short: usize,
    /// Each method of comparison, with each handicap.
    pub systems: Vec<RankCurve>,
}

/// Ranks of the right answers under one method of comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankCurve {
    /// The method.
    pub system: String,
    /// Handicap of answers in another key; `None` if only the written key was tried.
    pub handicap: Option<f64>,
    /// Share of the queries whose right answer is first.
    pub first: f64,
    /// Share within the first 10.
    pub within_10: f64,
    /// Share within the first 100.
    pub within_100: f64,
    /// Share within the first hundredth of the database, its first twentieth, its first tenth; at least 1 answer.
    pub within_1_percent: f64,
    /// See [`within_1_percent`](Self::within_1_percent).
    pub within_5_percent: f64,
    /// See [`within_1_percent`](Self::within_1_percent).
    pub within_10_percent: f64,
    /// Mean of 1 / rank.
    pub mean_reciprocal_rank: f64,
    /// The smallest number of answers that hold the right one for more than 95 % of the queries.
    pub n95: usize,
    /// Bhattacharyya coefficient of the scores of right and of wrong answers; lower is better.
    pub bc: f64,
    /// Their histograms.
    pub distances: Distances,
    /// The queries.
    pub queries: Vec<Ranked>,
}

/// Where the right answer to a query stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// The MIDI file.
    pub query: String,
    /// Place of its recording, from 1; wrong answers with the same score come before it.
    pub rank: usize,
    /// Score of the recording.
    pub score: f32,
    /// Semitones by which the MIDI file was transposed to find it.
    pub key: i32,
    /// The best wrong answer.
    pub best_wrong: String,
    /// Its score.
    pub best_wrong_score: f32,
}

impl RankCurve {
    /// Summarises ranks among `entries` entries, and scores of right and of wrong answers.
    pub(super) fn new(
        (system, handicap): (String, Option<f64>),
        entries: usize,
        queries: Vec<Ranked>,
        (right, wrong): (&[f32], &[f32]),
    ) -> Self {
        let count = queries.len().max(1) as f64;
        let within = |n: usize| queries.iter().filter(|q| q.rank <= n).count() as f64 / count;
        let percent = |n: usize| within((entries * n / 100).max(1));
        let mut ranks: Vec<usize> = queries.iter().map(|q| q.rank).collect();
        ranks.sort_unstable();
        let n95 = ranks.iter().copied().find(|&n| within(n) > 0.95).unwrap_or(0);
        let distances = Distances::of(right, wrong);
        Self {
            system,
            handicap,
            first: within(1),
            within_10: within(10),
            within_100: within(100),
            within_1_percent: percent(1),
            within_5_percent: percent(5),
            within_10_percent: percent(10),
            mean_reciprocal_rank: queries.iter().map(|q| 1.0 / q.rank as f64).sum::<f64>() / count,
            n95,
            bc: distances.coefficient(),
            distances,
            queries,
        }
    }
}

/// The source of a database entry.
struct Source {
    path: PathBuf,
    /// The query that it answers.
    answers: Option<usize>,
    /// Semitones by which it is transposed.
    key: i32,
}

/// An entry with the data it is compared by.
struct Entry<T> {
    name: String,
    /// The query that it answers.
    answers: Option<usize>,
    recording: bool,
    seen: T,
}

/// A query: its name and the answer to it.
type Query = (String, usize);

/// The queries, analysed, and the sources of the database.
struct Search<'a> {
    params: &'a RetrievalParams<'a>,
    queries: Vec<Query>,
    midis: Vec<PathBuf>,
    /// For each query, (frames × 60).
    logs: Vec<LogSpectrum>,
    sources: Vec<Source>,
    same_work: usize,
}

/// The database, and the files that could not be used.
struct Database<T> {
    entries: Vec<Entry<T>>,
    too_short: usize,
    skipped: Vec<(PathBuf, Error)>,
}

impl<'a> Search<'a> {
    /// # Errors
    /// [`Error::Nothing`] if there is no MIDI file; the error of the first MIDI file that can't be used;
    /// [`Error::Cancelled`].
    fn new(params: &'a RetrievalParams<'a>, progress: &Progress) -> Result<Self> {
        let (midis, recordings) = sides(below(params.folder));
        let (sources, same_work) = sources(params, &midis, &recordings, &progress.part(0.0, 0.5))?;
        let analysed =
            each(&midis, &progress.part(0.5, 1.0), |path, p| log_spectrum(path, params.font, params.cache, p))?;
        if analysed.done.len() < midis.len() || midis.is_empty() {
            let first = analysed.skipped.into_iter().next().map(|(_, error)| error);
            let none = || Error::nothing("no MIDI files").at(params.folder);
            return Err(first.unwrap_or_else(none));
        }
        let queries = midis.iter().enumerate().map(|(answer, path)| (stem(path), answer)).collect();
        Ok(Self { params, queries, midis, logs: analysed.done, sources, same_work })
    }

    /// The piano roll of each query (frames × 60), as a [`Pair`](crate::dataset::Pair) holds it.
    ///
    /// # Errors
    /// As [`Midi::read`].
    fn rolls(&self) -> Result<Vec<Array2<f32>>> {
        let roll = |path: &PathBuf| {
            let midi = Midi::read(path)?;
            let frames = (midi.end().0 / FRAME_S).ceil() as usize;
            let notes = midi.notes().iter().filter(|note| !note.is_drum());
            let notes = notes.map(|note| (note.start.0, note.end.0, note.pitch, note.velocity));
            Ok(features::summed_velocity(notes, frames, FRAME_S, WIDE_FIRST_NOTE, WIDE_BINS))
        };
        self.midis.iter().map(roll).collect()
    }

    /// Analyses each entry, (frames × 48) natural log magnitudes.
    ///
    /// # Errors
    /// [`Error::Nothing`] if there is nothing to search; [`Error::Cancelled`].
    fn database<T: Send>(
        &self,
        progress: &Progress,
        see: impl Fn(ArrayView2<'_, f32>, &Progress) -> Result<T> + Sync,
    ) -> Result<Database<T>> {
        let paths: Vec<PathBuf> = self.sources.iter().map(|source| source.path.clone()).collect();
        let entries = each(&paths, progress, |path, p| {
            let source = &self.sources[paths.binary_search(path).unwrap_or(0)];
            let log = log_spectrum(path, self.params.other_font, self.params.cache, p)?;
            let log = log.window(source.key);
            if log.nrows() < FEWEST_FRAMES {
                return Ok(None);
            }
            let recording = is_audio_name(path);
            Ok(Some(Entry { name: stem(path), answers: source.answers, recording, seen: see(log, p)? }))
        })?;
        let found = entries.done.len();
        let kept: Vec<Entry<T>> = entries.done.into_iter().flatten().collect();
        if kept.is_empty() {
            return Err(Error::nothing("no recordings to search in"));
        }
        Ok(Database { too_short: found - kept.len(), entries: kept, skipped: entries.skipped })
    }
}

impl<T> Database<T> {
    fn report(self, same_work: usize, systems: Vec<RankCurve>) -> Report<Retrieval> {
        let recordings = self.entries.iter().filter(|entry| entry.recording).count();
        let renderings = self.entries.len() - recordings;
        let found = Retrieval { recordings, renderings, same_work, too_short: self.too_short, systems };
        Report { done: vec![found], skipped: self.skipped }
    }
}

/// The database, by path, and how many decoys were left out because they are the same work as a query.
fn sources(
    params: &RetrievalParams<'_>,
    midis: &[PathBuf],
    recordings: &[PathBuf],
    progress: &Progress,
) -> Result<(Vec<Source>, usize)> {
    let mut random = Pcg64::seed_from_u64(params.seed);
    let mut sources = Vec::new();
    for (query, midi) in midis.iter().enumerate() {
        let own = recordings.iter().find(|path| same_place(path, midi));
        let other_key = random.random_bool(params.transposed.clamp(0.0, 1.0));
        let key = random.random_range(1..12) - 6;
        let key = if own.is_none() && other_key { if key >= 0 { key + 1 } else { key } } else { 0 };
        sources.push(Source { path: own.unwrap_or(midi).clone(), answers: Some(query), key });
    }
    let lone = |path: &&PathBuf| !sources.iter().any(|source| source.path == **path);
    let mut decoys: Vec<PathBuf> = recordings.iter().filter(lone).cloned().collect();
    for folder in params.decoys {
        decoys.extend(sides(below(folder)).1);
    }
    let (mut drawn, mut same_work) = other_works(params.decoys, &[params.folder.to_path_buf()], progress)?;
    drawn.shuffle(&mut random);
    let named = name_key(&std::fs::read_to_string(params.folder.join("pairs.csv")).unwrap_or_default());
    let named: BTreeSet<&str> = named.split([',', ';', '\n', '"']).map(str::trim).collect();
    let count = drawn.len();
    drawn.retain(|path| !named.contains(name_key(&path.file_name().unwrap_or_default().to_string_lossy()).as_str()));
    same_work += count - drawn.len();
    drawn.truncate(params.renderings);
    decoys.extend(drawn);
    sources.extend(decoys.into_iter().map(|path| Source { path, answers: None, key: 0 }));
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources.dedup_by(|a, b| a.path == b.path);
    Ok((sources, same_work))
}

/// The papers' features (spec A), computed from natural log magnitudes.
fn published_features(log: ArrayView2<'_, f32>) -> Array2<f32> {
    features::log_normalize(&log.mapv(f32::exp))
}

/// One curve for the written key and, where others were tried, one for each handicap. Scores are by query, key and entry.
fn curves<T>(
    system: &str,
    scores: &[Vec<Vec<f32>>],
    entries: &[Entry<T>],
    queries: &[Query],
    handicaps: &[f64],
) -> Vec<RankCurve> {
    let curve = |handicap: Option<f64>| {
        let (mut of_right, mut of_wrong) = (Vec::new(), Vec::new());
        let mut ranked = |((name, answer), keys): (&Query, &Vec<Vec<f32>>)| {
            let best = |entry: usize| {
                // A single key is the written one.
                let written = if keys.len() == 1 { 0..=0 } else { KEYS };
                let tried = written.zip(keys).map(|(key, scores)| (key, scores[entry]));
                let weighed = tried.filter_map(|(key, score)| match (key, handicap) {
                    (0, _) => Some((score, key)),
                    (_, Some(handicap)) => Some((score * (1.0 + handicap) as f32, key)),
                    (_, None) => None,
                });
                weighed.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f32::INFINITY, 0))
            };
            let mut right = (f32::INFINITY, 0);
            let mut wrong: Vec<(f32, usize)> = Vec::new();
            for (place, entry) in entries.iter().enumerate() {
                let found = best(place);
                if entry.answers != Some(*answer) {
                    wrong.push((found.0, place));
                } else if found.0 < right.0 {
                    right = found;
                }
            }
            let best_wrong = wrong.iter().min_by(|a, b| a.0.total_cmp(&b.0));
            of_right.push(right.0);
            of_wrong.extend(wrong.iter().map(|(score, _)| *score));
            Ranked {
                query: name.clone(),
                rank: 1 + wrong.iter().filter(|(score, _)| *score <= right.0).count(),
                score: right.0,
                key: right.1,
                best_wrong: best_wrong.map(|(_, place)| entries[*place].name.clone()).unwrap_or_default(),
                best_wrong_score: best_wrong.map_or(f32::INFINITY, |(score, _)| *score),
            }
        };
        let found = queries.iter().zip(scores).map(&mut ranked).collect();
        RankCurve::new((system.into(), handicap), entries.len(), found, (&of_right, &of_wrong))
    };
    let several = scores.iter().all(|keys| keys.len() > 1);
    let handicaps = handicaps.iter().filter(|_| several).map(|&handicap| curve(Some(handicap)));
    std::iter::once(curve(None)).chain(handicaps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_counts_ranks() {
        let ranked = |rank| Ranked {
            query: "q".into(),
            rank,
            score: 1.0,
            key: 0,
            best_wrong: "w".into(),
            best_wrong_score: 2.0,
        };
        let queries = [1, 1, 4, 50].map(ranked).to_vec();
        let curve = RankCurve::new(("x".into(), None), 80, queries, (&[1.0], &[2.0, 3.0]));
        assert_eq!((curve.first, curve.within_10, curve.within_100, curve.n95), (0.5, 0.75, 1.0, 50));
        // Of 80 entries: the first, the first 4, the first 8.
        assert_eq!((curve.within_1_percent, curve.within_5_percent, curve.within_10_percent), (0.5, 0.75, 0.75));
        assert!((curve.mean_reciprocal_rank - (1.0 + 1.0 + 0.25 + 0.02) / 4.0).abs() < 1e-12);
        assert!(curve.bc.abs() < 1e-12);
    }

    #[test]
    fn another_key_must_win_by_its_handicap() {
        let entry = |answers| Entry { name: "e".into(), answers, recording: true, seen: () };
        let entries = [entry(Some(0)), entry(None)];
        // The right one is best a semitone up, at 10; the wrong one scores 10.5 as written.
        let keys = KEYS.map(|key| if key == 1 { vec![10.0, 20.0] } else { vec![20.0, 10.5] }).collect();
        let curves = curves("x", &[keys], &entries, &[("q".into(), 0)], &[0.0, 0.1]);
        let found: Vec<(usize, i32)> = curves.iter().map(|c| (c.queries[0].rank, c.queries[0].key)).collect();
        assert_eq!(found, [(2, 0), (1, 1), (2, 1)]);
    }
}
