//! Whether the right recording is found among many: the rank curve of the papers (spec F).
//!
//! Queries are the MIDI files of a folder. The database holds the recordings beside them (`x.ogg` for `x.mid`), and decoys:
//! other recordings, and renderings of other MIDI files. Where a query has no recording, its own rendering with the decoys'
//! soundfont is what must be found.
//!
//! Each query is also tried in the other eleven keys. An answer in another key has eleven more chances to look good by
//! accident, so its score is raised by a part of itself, the *handicap*.

use super::analysed::{log_magnitudes, of_kind};
use super::{Report, each, files, stem};
use crate::alignment::{dtw::pool, published};
use crate::dataset::FRAME_S;
use crate::dataset::{BINS, other_works};
use crate::error::{Error, Result};
use crate::features::{self, Features, FrameTimes};
use crate::hashing::{HashBlocks, HashDtw, HashModel, HashSequence, MidiInput, Side, Tpaa};
use crate::job::Progress;
use crate::synth::SoundFont;
use ndarray::{Array2, ArrayView2, s};
use rand::{RngExt as _, SeedableRng as _, seq::SliceRandom as _};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Keys in which a query is tried, in semitones above the written one.
const KEYS: std::ops::RangeInclusive<i32> = -5..=6;
/// Fewer codes than this tell nothing (spec E).
const FEWEST_CODES: usize = 30;
/// Frames of one code of the baseline, and of most models.
const FRAMES: usize = 8;
/// Bins that a query is compared in: of the 60 kept, those that its key moves into notes 36 to 83.
const SEEN: usize = 48;
const AUDIO: &[&str] = &["ogg", "mp3", "flac", "wav", "opus", "m4a"];
const MIDI: &[&str] = &["mid", "midi"];

/// What is searched, and how.
#[derive(Debug)]
pub struct RetrievalParams<'a> {
    /// MIDI files, with or without recordings of the same name beside them.
    pub folder: &'a Path,
    /// Folders of recordings and MIDI files that are not what is looked for.
    pub decoys: &'a [PathBuf],
    /// Models to compare, with their names.
    pub models: &'a [(String, HashModel)],
    /// MIDI files that are drawn from the decoys' folders at most.
    pub renderings: usize,
    /// Seed of the draw and of the keys.
    pub seed: u64,
    /// Soundfont of the queries.
    pub font: &'a SoundFont,
    /// Soundfont of what is rendered for the database: another one.
    pub other_font: &'a SoundFont,
    /// Part of the queries' own renderings that is put into another key, to choose a handicap on; recordings stay.
    pub transposed: f64,
    /// Handicaps of answers in another key, as parts of the score.
    pub handicaps: &'a [f64],
    /// Features are compared too, so many frames averaged into one; once for each number.
    pub pooled: &'a [usize],
    /// Where log magnitudes are kept.
    pub cache: Option<&'a Path>,
}

/// What was found.
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
    /// Each way to compare, with each handicap.
    pub systems: Vec<RankCurve>,
}

/// Ranks of the right answers, by one way to compare.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankCurve {
    /// The way.
    pub system: String,
    /// Handicap of answers in another key; none where only the written key was tried.
    pub handicap: Option<f64>,
    /// Part of the queries whose right answer is first.
    pub first: f64,
    /// Part within the first 10.
    pub within_10: f64,
    /// Part within the first 100.
    pub within_100: f64,
    /// Mean of 1 / rank.
    pub mean_reciprocal_rank: f64,
    /// The smallest number of answers that hold the right one for more than 95 % of the queries.
    pub n95: usize,
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
    /// Semitones that the MIDI file was moved by to find it.
    pub key: i32,
    /// The best wrong answer.
    pub best_wrong: String,
    /// Its score.
    pub best_wrong_score: f32,
}

impl RankCurve {
    /// Sums up ranks.
    pub(super) fn new(system: String, handicap: Option<f64>, queries: Vec<Ranked>) -> Self {
        let count = queries.len().max(1) as f64;
        let within = |n: usize| queries.iter().filter(|q| q.rank <= n).count() as f64 / count;
        let mut ranks: Vec<usize> = queries.iter().map(|q| q.rank).collect();
        ranks.sort_unstable();
        let n95 = ranks.iter().copied().find(|&n| within(n) > 0.95).unwrap_or(0);
        Self {
            system,
            handicap,
            first: within(1),
            within_10: within(10),
            within_100: within(100),
            mean_reciprocal_rank: queries.iter().map(|q| 1.0 / q.rank as f64).sum::<f64>() / count,
            n95,
            queries,
        }
    }
}

/// What a database entry is made of.
struct Source {
    path: PathBuf,
    /// The query that it answers.
    answers: Option<usize>,
    /// Semitones that it is moved by.
    key: i32,
}

/// A way to make codes.
enum Hasher<'a> {
    /// A trained model, with its name.
    Model(&'a str, &'a HashModel),
    /// Thresholds are the file's own means: nothing is learned.
    Tpaa,
}

impl Hasher<'_> {
    fn name(&self) -> String {
        match self {
            Self::Model(name, _) => (*name).to_owned(),
            Self::Tpaa => "TPAA".into(),
        }
    }

    /// Codes of (frames × 48) natural log magnitudes.
    fn hash(&self, side: Side, log: ArrayView2<'_, f32>) -> Result<HashSequence> {
        match self {
            Self::Model(_, model) => HashSequence::of(model, side, log, FRAME_S),
            Self::Tpaa => {
                let features = published_features(log);
                Tpaa::trained_on([features.view()])?.hash(features.view(), FRAME_S)
            }
        }
    }
}

/// An entry as it is compared.
struct Entry {
    name: String,
    answers: Option<usize>,
    recording: bool,
    /// By each hasher.
    codes: Vec<HashSequence>,
    /// By features, for each granularity and query.
    scores: Vec<Vec<f32>>,
}

/// Looks for the right recording of each MIDI file.
///
/// # Errors
/// [`Error::Empty`] when there is no MIDI file or nothing to search in; [`Error::Cancelled`].
pub fn retrieval(params: &RetrievalParams<'_>, progress: &Progress) -> Result<Report<Retrieval>> {
    let by_roll = params.models.iter().find(|(_, model)| model.architecture().midi_input == MidiInput::PianoRoll);
    if let Some((name, _)) = by_roll {
        let limit = "models whose MIDI side sees the constant-Q transform".into();
        return Err(Error::Limit { what: "model", value: format!("{name}, which sees a piano roll"), limit });
    }
    let models = params.models.iter().map(|(name, model)| Hasher::Model(name, model));
    let hashers: Vec<Hasher<'_>> = models.chain([Hasher::Tpaa]).collect();
    let all = files(params.folder);
    let midis = of_kind(&all, MIDI);
    let (sources, same_work) = sources(params, &all, &midis, &progress.part(0.0, 0.05))?;

    let queries =
        each(&midis, &progress.part(0.05, 0.1), |path, p| log_magnitudes(path, params.font, params.cache, p))?;
    if queries.done.len() < midis.len() || midis.is_empty() {
        let first = queries.skipped.into_iter().next().map(|(_, error)| error);
        let none = || Error::Empty(format!("no MIDI files in {:?}", params.folder));
        return Err(first.unwrap_or_else(none));
    }
    // By granularity and query; in the written key only, for the others would take hours.
    let pooled: Vec<Vec<Features>> = params
        .pooled
        .iter()
        .map(|&factor| queries.done.par_iter().map(|log| coarse(window(log, 0), factor)).collect())
        .collect();

    let paths: Vec<PathBuf> = sources.iter().map(|source| source.path.clone()).collect();
    let entries = each(&paths, &progress.part(0.1, 0.9), |path, p| {
        let source = &sources[paths.binary_search(path).unwrap_or(0)];
        let log = log_magnitudes(path, params.other_font, params.cache, p)?;
        let log = window(&log, source.key);
        if log.nrows() < FEWEST_CODES * FRAMES {
            return Ok(None);
        }
        let scores = params.pooled.iter().zip(&pooled).map(|(&factor, queries)| {
            let entry = coarse(log, factor);
            let score = |query: &Features| {
                p.step(0, 1)?;
                Ok(published::gen2(query, &entry, &Progress::silent())?.score as f32)
            };
            queries.iter().map(score).collect::<Result<Vec<f32>>>()
        });
        Ok(Some(Entry {
            name: stem(path),
            answers: source.answers,
            recording: !of_kind(std::slice::from_ref(path), AUDIO).is_empty(),
            codes: hashers.iter().map(|hasher| hasher.hash(Side::Audio, log)).collect::<Result<_>>()?,
            scores: scores.collect::<Result<_>>()?,
        }))
    })?;
    let found = entries.done.len();
    let database: Vec<Entry> = entries.done.into_iter().flatten().collect();
    if database.is_empty() {
        return Err(Error::Empty("nothing to search in".into()));
    }
    let names: Vec<String> = midis.iter().map(|path| stem(path)).collect();
    let mut systems = Vec::new();
    for (place, hasher) in hashers.iter().enumerate() {
        let codes: Vec<HashSequence> = database.iter().map(|entry| entry.codes[place].clone()).collect();
        let blocks = HashBlocks::new(&codes)?;
        let dtw = HashDtw::for_bits(blocks.bits());
        let of_query = |log: &Array2<f32>| {
            let of_key =
                |key| blocks.scores(&hasher.hash(Side::Midi, window(log, key))?, dtw, &progress.part(0.9, 0.9));
            KEYS.map(of_key).collect::<Result<Vec<Vec<f32>>>>()
        };
        let scores = queries.done.iter().map(of_query).collect::<Result<Vec<_>>>()?;
        systems.extend(curves(&hasher.name(), &scores, &database, &names, params.handicaps));
    }
    for (place, factor) in params.pooled.iter().enumerate() {
        let of_query =
            |query: usize| vec![database.iter().map(|entry| entry.scores[place][query]).collect::<Vec<f32>>()];
        let scores: Vec<_> = (0..names.len()).map(of_query).collect();
        let system = format!("features every {:.0} ms", 1000.0 * FRAME_S * *factor as f64);
        systems.extend(curves(&system, &scores, &database, &names, params.handicaps));
    }
    progress.step(1, 1)?;
    let recordings = database.iter().filter(|entry| entry.recording).count();
    let result = Retrieval {
        recordings,
        renderings: database.len() - recordings,
        same_work,
        too_short: found - database.len(),
        systems,
    };
    Ok(Report { done: vec![result], skipped: entries.skipped })
}

/// The database, by path, and how many decoys were left out because they are the same work as a query.
fn sources(
    params: &RetrievalParams<'_>,
    all: &[PathBuf],
    midis: &[PathBuf],
    progress: &Progress,
) -> Result<(Vec<Source>, usize)> {
    let mut random = Pcg64::seed_from_u64(params.seed);
    let recordings = of_kind(all, AUDIO);
    let mut sources = Vec::new();
    for (query, midi) in midis.iter().enumerate() {
        let own = recordings.iter().find(|path| path.with_extension("") == midi.with_extension(""));
        let other_key = random.random_bool(params.transposed.clamp(0.0, 1.0));
        let key = random.random_range(1..12) - 6;
        let key = if own.is_none() && other_key { if key >= 0 { key + 1 } else { key } } else { 0 };
        sources.push(Source { path: own.unwrap_or(midi).clone(), answers: Some(query), key });
    }
    let lone = |path: &&PathBuf| !sources.iter().any(|source| source.path == **path);
    let mut decoys: Vec<PathBuf> = recordings.iter().filter(lone).cloned().collect();
    for folder in params.decoys {
        decoys.extend(of_kind(&files(folder), AUDIO));
    }
    let (mut drawn, mut same_work) = other_works(params.decoys, &[params.folder.to_path_buf()], progress)?;
    drawn.shuffle(&mut random);
    let named = std::fs::read_to_string(params.folder.join("pairs.csv")).unwrap_or_default();
    let named: BTreeSet<&str> = named.split([',', ';', '\n', '"']).map(str::trim).collect();
    let count = drawn.len();
    drawn.retain(|path| !named.contains(path.file_name().unwrap_or_default().to_string_lossy().as_ref()));
    same_work += count - drawn.len();
    drawn.truncate(params.renderings);
    decoys.extend(drawn);
    sources.extend(decoys.into_iter().map(|path| Source { path, answers: None, key: 0 }));
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources.dedup_by(|a, b| a.path == b.path);
    Ok((sources, same_work))
}

/// The 48 bins from note 36 on, of music moved up by `key` semitones.
fn window(log: &Array2<f32>, key: i32) -> ArrayView2<'_, f32> {
    let middle = (BINS - SEEN) / 2;
    let from = middle.saturating_add_signed(-key as isize).min(BINS - SEEN);
    log.slice(s![.., from..from + SEEN])
}

/// The papers' features (spec A) of natural log magnitudes.
fn published_features(log: ArrayView2<'_, f32>) -> Array2<f32> {
    features::log_normalize(&log.mapv(f32::exp))
}

fn coarse(log: ArrayView2<'_, f32>, factor: usize) -> Features {
    let frames = published_features(log);
    let frames = if factor == 1 { frames } else { pool(frames.view(), factor.max(1)) };
    Features { frames, times: FrameTimes::Regular(FRAME_S * factor as f64) }
}

/// One curve for the written key and, where others were tried, one for each handicap. Scores are by query, key and entry.
fn curves(
    system: &str,
    scores: &[Vec<Vec<f32>>],
    database: &[Entry],
    names: &[String],
    handicaps: &[f64],
) -> Vec<RankCurve> {
    let curve = |handicap: Option<f64>| {
        let ranked = |(query, keys): (usize, &Vec<Vec<f32>>)| {
            let best = |entry: usize| {
                // One key only is the written one.
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
            for (place, entry) in database.iter().enumerate() {
                let found = best(place);
                if entry.answers != Some(query) {
                    wrong.push((found.0, place));
                } else if found.0 < right.0 {
                    right = found;
                }
            }
            let best_wrong = wrong.iter().min_by(|a, b| a.0.total_cmp(&b.0));
            Ranked {
                query: names[query].clone(),
                rank: 1 + wrong.iter().filter(|(score, _)| *score <= right.0).count(),
                score: right.0,
                key: right.1,
                best_wrong: best_wrong.map(|(_, place)| database[*place].name.clone()).unwrap_or_default(),
                best_wrong_score: best_wrong.map_or(f32::INFINITY, |(score, _)| *score),
            }
        };
        RankCurve::new(system.into(), handicap, scores.iter().enumerate().map(ranked).collect())
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
        let curve = RankCurve::new("x".into(), None, [1, 1, 4, 50].map(ranked).to_vec());
        assert_eq!((curve.first, curve.within_10, curve.within_100, curve.n95), (0.5, 0.75, 1.0, 50));
        assert!((curve.mean_reciprocal_rank - (1.0 + 1.0 + 0.25 + 0.02) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn another_key_must_win_by_its_handicap() {
        let entry =
            |answers| Entry { name: "e".into(), answers, recording: true, codes: Vec::new(), scores: Vec::new() };
        let database = [entry(Some(0)), entry(None)];
        // The right one is best a semitone up, at 10; the wrong one scores 10.5 as written.
        let keys = KEYS.map(|key| if key == 1 { vec![10.0, 20.0] } else { vec![20.0, 10.5] }).collect();
        let curves = curves("x", &[keys], &database, &["q".into()], &[0.0, 0.1]);
        let found: Vec<(usize, i32)> = curves.iter().map(|c| (c.queries[0].rank, c.queries[0].key)).collect();
        assert_eq!(found, [(2, 0), (1, 1), (2, 1)]);
    }

    #[test]
    fn a_window_moves_the_music() {
        let log = Array2::from_shape_fn((1, BINS), |(_, bin)| bin as f32);
        // Note 36 is bin 6; moved up by 5 semitones, note 31 sounds there.
        assert_eq!((window(&log, 0)[[0, 0]], window(&log, 5)[[0, 0]], window(&log, -5)[[0, 0]]), (6.0, 1.0, 11.0));
        assert_eq!(window(&log, 6).ncols(), SEEN);
    }
}
