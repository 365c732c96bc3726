//! Retrieval by hash sequences, by their Hamming DTW, and by the features themselves.

use super::super::Report;
use super::{KEYS, Retrieval, RetrievalParams, Search, curves, published_features};
use crate::alignment::{dtw::pool, published};
use crate::error::Result;
use crate::features::{FRAME_S, Features, FrameTimes, LogSpectrum, wide_window};
use crate::hashing::{HashBlocks, HashDtw, HashModel, HashSequence, MidiFeatures, Side, Tpaa};
use crate::job::Progress;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

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

    /// Whether its input is a piano roll of the MIDI file.
    fn sees_roll(&self) -> bool {
        matches!(self, Self::Model(_, model) if model.architecture().midi_input == MidiFeatures::PianoRoll)
    }

    /// Codes of (frames × 48) natural log magnitudes, or of whatever else the side takes as input.
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

/// The data an entry is compared by.
struct Seen {
    /// Codes by each hasher.
    codes: Vec<HashSequence>,
    /// Scores by features, for each granularity and query.
    scores: Vec<Vec<f32>>,
}

/// Searches for the right recording of each MIDI file by the codes of `models` (with their names), by those of TPAA,
/// and by features, once for each number in `pooled`: that many frames averaged into one.
///
/// # Errors
/// [`Error::Nothing`](crate::Error::Nothing) if there is no MIDI file or nothing to search;
/// [`Error::Cancelled`](crate::Error::Cancelled).
pub fn hash_retrieval(
    params: &RetrievalParams<'_>,
    models: &[(String, HashModel)],
    pooled: &[usize],
    progress: &Progress,
) -> Result<Report<Retrieval>> {
    let named = models.iter().map(|(name, model)| Hasher::Model(name, model));
    let hashers: Vec<Hasher<'_>> = named.chain([Hasher::Tpaa]).collect();
    let search = Search::new(params, &progress.part(0.0, 0.1))?;
    let rolls = if hashers.iter().any(Hasher::sees_roll) { search.rolls()? } else { Vec::new() };
    // By granularity and query; only in the written key, since the others would take hours.
    let coarsened: Vec<Vec<Features>> = pooled
        .iter()
        .map(|&factor| search.logs.par_iter().map(|log| coarse(log.window(0), factor)).collect())
        .collect();
    let database = search.database(&progress.part(0.1, 0.9), |log, p| {
        let scores = pooled.iter().zip(&coarsened).map(|(&factor, queries)| {
            let entry = coarse(log, factor);
            let score = |query: &Features| {
                p.step(0, 1)?;
                Ok(published::gen2(query, &entry, p)?.score as f32)
            };
            queries.iter().map(score).collect::<Result<Vec<f32>>>()
        });
        Ok(Seen {
            codes: hashers.iter().map(|hasher| hasher.hash(Side::Audio, log)).collect::<Result<_>>()?,
            scores: scores.collect::<Result<_>>()?,
        })
    })?;
    let entries = &database.entries;
    let mut systems = Vec::new();
    let count = hashers.len() * search.queries.len();
    for (place, hasher) in hashers.iter().enumerate() {
        let codes: Vec<HashSequence> = entries.iter().map(|entry| entry.seen.codes[place].clone()).collect();
        let blocks = HashBlocks::new(&codes)?;
        let dtw = HashDtw::for_bits(blocks.bits());
        let of_query = |(number, seen): (usize, &Array2<f32>)| {
            let at = 0.9 + 0.1 * (place * search.queries.len() + number) as f32 / count as f32;
            let of_key =
                |key| blocks.scores(&hasher.hash(Side::Midi, wide_window(seen, key))?, dtw, &progress.part(at, at));
            KEYS.map(of_key).collect::<Result<Vec<Vec<f32>>>>()
        };
        let queries: Vec<&Array2<f32>> = if hasher.sees_roll() {
            rolls.iter().collect()
        } else {
            search.logs.iter().map(LogSpectrum::rows).collect()
        };
        let scores = queries.into_iter().enumerate().map(of_query).collect::<Result<Vec<_>>>()?;
        systems.extend(curves(&hasher.name(), &scores, entries, &search.queries, params.handicaps));
    }
    for (place, factor) in pooled.iter().enumerate() {
        let of_query =
            |query: usize| vec![entries.iter().map(|entry| entry.seen.scores[place][query]).collect::<Vec<f32>>()];
        let scores: Vec<_> = (0..search.queries.len()).map(of_query).collect();
        let system = format!("features every {:.0} ms", 1000.0 * FRAME_S * *factor as f64);
        systems.extend(curves(&system, &scores, entries, &search.queries, params.handicaps));
    }
    progress.step(1, 1)?;
    Ok(database.report(search.same_work, systems))
}

fn coarse(log: ArrayView2<'_, f32>, factor: usize) -> Features {
    let frames = published_features(log);
    let frames = if factor == 1 { frames } else { pool(frames.view(), factor.max(1)) };
    Features { frames, times: FrameTimes::Regular(FRAME_S * factor as f64) }
}
