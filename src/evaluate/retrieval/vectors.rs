//! Retrieval by the vector of a whole sequence, and by those of its windows.

use super::super::Report;
use super::super::clips::Clips;
use super::{Database, Entry, KEYS, Query, RankCurve, Retrieval, RetrievalParams, Search, curves, published_features};
use crate::dataset::Split;
use crate::embedding::{EmbeddingModel, squared_distance, statistics, windows};
use crate::error::Result;
use crate::features::wide_window;
use crate::hashing::Side;
use crate::job::Progress;
use ndarray::{Array1, Array2, ArrayView2, s};
use rayon::prelude::*;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A way to make a vector of a sequence.
pub(in super::super) enum Embedder<'a> {
    /// A trained model, with its name.
    Model(&'a str, &'a EmbeddingModel),
    /// Mean and deviation of each bin (spec G): nothing is learned.
    Statistics,
}

impl<'a> Embedder<'a> {
    /// The embedders of `models` and the baseline.
    fn all(models: &'a [(String, EmbeddingModel)]) -> Vec<Self> {
        models.iter().map(|(name, model)| Self::Model(name, model)).chain([Self::Statistics]).collect()
    }

    fn name(&self) -> &str {
        match self {
            Self::Model(name, _) => name,
            Self::Statistics => "mean and deviation",
        }
    }

    /// The vector of (frames × 48) natural log magnitudes.
    pub(in super::super) fn vector(&self, side: Side, log: ArrayView2<'_, f32>) -> Array1<f32> {
        match self {
            Self::Model(_, model) => model.embed(side, log).vector,
            Self::Statistics => statistics(published_features(log).view()).into(),
        }
    }
}

/// Vectors of a sequence: one of the whole, and one of each window.
struct Vectors {
    whole: Array1<f32>,
    windows: Vec<Array1<f32>>,
}

impl Vectors {
    fn of(embedder: &Embedder<'_>, side: Side, log: ArrayView2<'_, f32>) -> Self {
        let whole = embedder.vector(side, log);
        let parts = windows(log.nrows());
        if parts.len() == 1 {
            return Self { windows: vec![whole.clone()], whole };
        }
        let windows = parts.into_iter().map(|part| embedder.vector(side, log.slice(s![part, ..]))).collect();
        Self { whole, windows }
    }

    /// The vectors of a query in all keys, or in the written one.
    fn in_keys(embedder: &Embedder<'_>, log: &Array2<f32>, several: bool) -> Vec<Self> {
        let keys = if several { KEYS } else { 0..=0 };
        keys.map(|key| Self::of(embedder, Side::Midi, wide_window(log, key))).collect()
    }
}

/// A way to compare a query with an entry.
type Way = fn(&Vectors, &Vectors) -> f32;

/// Distance between the whole sequences.
fn by_whole(query: &Vectors, entry: &Vectors) -> f32 {
    squared_distance(query.whole.view(), entry.whole.view()).sqrt()
}

/// Distance between the two nearest windows.
fn by_windows(query: &Vectors, entry: &Vectors) -> f32 {
    let each = query.windows.iter().flat_map(|a| entry.windows.iter().map(move |b| (a, b)));
    each.map(|(a, b)| squared_distance(a.view(), b.view())).fold(f32::INFINITY, f32::min).sqrt()
}

/// Root mean square of [`by_whole`] and [`by_windows`]: the distance that an index uses.
fn by_both(query: &Vectors, entry: &Vectors) -> f32 {
    by_whole(query, entry).hypot(by_windows(query, entry)) / std::f32::consts::SQRT_2
}

/// Searches for the right recording of each MIDI file by the embeddings of `models` (with their names) and by mean and
/// deviation of the bins: of the wholes, by the two nearest windows, and by both. Scores are Euclidean distances.
///
/// # Errors
/// [`Error::Nothing`](crate::Error::Nothing) if there is no MIDI file or nothing to search;
/// [`Error::Cancelled`](crate::Error::Cancelled).
pub fn embedding_retrieval(
    params: &RetrievalParams<'_>,
    models: &[(String, EmbeddingModel)],
    progress: &Progress,
) -> Result<Report<Retrieval>> {
    let embedders = Embedder::all(models);
    let search = Search::new(params, &progress.part(0.0, 0.1))?;
    let database = search.database(&progress.part(0.1, 0.9), |log, _| {
        Ok(embedders.iter().map(|embedder| Vectors::of(embedder, Side::Audio, log)).collect::<Vec<_>>())
    })?;
    let begun = AtomicUsize::new(0);
    let queries: Vec<Vec<Vec<Vectors>>> = search
        .logs
        .par_iter()
        .map(|log| {
            progress.part(0.9, 1.0).step(begun.fetch_add(1, Ordering::Relaxed), search.logs.len())?;
            Ok(embedders
                .iter()
                .map(|embedder| Vectors::in_keys(embedder, log.rows(), !params.handicaps.is_empty()))
                .collect())
        })
        .collect::<Result<_>>()?;
    let systems = ranked(&embedders, &search.queries, &queries, &database.entries, params.handicaps);
    progress.step(1, 1)?;
    Ok(database.report(search.same_work, systems))
}

/// Searches for the recording of each work of a split: the query is the whole of its MIDI, on the MIDI's own clock
/// (frames between those of the pair are interpolated); the answer is a clip of 30 to 60 s of its audio side, at a
/// place determined by the seed and the work; the database is the clips of all works. Shorter pairs are left out.
///
/// # Errors
/// As [`Dataset::open`](crate::dataset::Dataset::open); [`Error::Nothing`](crate::Error::Nothing) if there are fewer
/// than two works; [`Error::Cancelled`](crate::Error::Cancelled).
pub fn embedding_held_out(
    folder: &Path,
    split: Split,
    models: &[(String, EmbeddingModel)],
    handicaps: &[f64],
    seed: u64,
    progress: &Progress,
) -> Result<Report<Retrieval>> {
    let embedders = Embedder::all(models);
    let clips = Clips::open(folder, split, seed)?;
    let seen = clips.each(&progress.part(0.0, 0.95), |midi, audio| {
        let query: Vec<Vec<Vectors>> =
            embedders.iter().map(|embedder| Vectors::in_keys(embedder, midi, !handicaps.is_empty())).collect();
        let answer: Vec<Vectors> =
            embedders.iter().map(|embedder| Vectors::of(embedder, Side::Audio, wide_window(audio, 0))).collect();
        (query, answer)
    })?;
    let (mut names, mut queries, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for (clip, (query, answer)) in seen.done {
        names.push((clip.name.clone(), clip.group));
        queries.push(query);
        let (answers, recording) = (Some(clip.group), clip.audio.is_some());
        entries.push(Entry { name: clip.name, answers, recording, seen: answer });
    }
    let systems = ranked(&embedders, &names, &queries, &entries, handicaps);
    progress.step(1, 1)?;
    Ok(Database { entries, too_short: clips.too_short, skipped: seen.skipped }.report(0, systems))
}

/// Curves of each embedder, by wholes and, if there are several windows, by windows and by both. Queries are by query,
/// embedder and key.
fn ranked(
    embedders: &[Embedder<'_>],
    names: &[Query],
    queries: &[Vec<Vec<Vectors>>],
    entries: &[Entry<Vec<Vectors>>],
    handicaps: &[f64],
) -> Vec<RankCurve> {
    let mut systems = Vec::new();
    for (place, embedder) in embedders.iter().enumerate() {
        let several = |vectors: &Vectors| vectors.windows.len() > 1;
        let windowed = entries.iter().any(|entry| several(&entry.seen[place]))
            || queries.iter().any(|query| query[place].iter().any(several));
        let ways: [(&str, Way); 3] = [("", by_whole), (", by windows", by_windows), (", by both", by_both)];
        for (way, distance) in &ways[..if windowed { 3 } else { 1 }] {
            let of_query = |query: &Vec<Vec<Vectors>>| -> Vec<Vec<f32>> {
                let of_key = |key: &Vectors| entries.iter().map(|entry| distance(key, &entry.seen[place])).collect();
                query[place].iter().map(of_key).collect()
            };
            let scores: Vec<Vec<Vec<f32>>> = queries.par_iter().map(of_query).collect();
            systems.extend(curves(&format!("{}{way}", embedder.name()), &scores, entries, names, handicaps));
        }
    }
    systems
}
