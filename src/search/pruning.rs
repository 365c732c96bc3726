//! The two stages that prune very many entries.

use super::Query;
use crate::error::Result;
use crate::hashing::{self, HashDtw, HashSequence};
use crate::index::Index;
use crate::job::Progress;
use rayon::prelude::*;
use std::collections::HashSet;

/// Fewer codes than this are no evidence (spec E).
const FEWEST_CODES: usize = 30;
/// Share by which an answer in another key must be better: with eleven more chances, it looks good by accident more
/// often.
const HANDICAP: f32 = 0.1;

/// An entry that may be the right one, in one key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) place: usize,
    /// Semitones by which the query is moved.
    pub(super) key: i32,
    /// Squared distance of the embeddings.
    pub(super) embedding: Option<f32>,
    /// Score of the codes.
    pub(super) hash: f32,
}

/// The factor applied to an answer in another key.
fn handicap(key: i32) -> f32 {
    if key == 0 { 1.0 } else { 1.0 + HANDICAP }
}

/// Every entry in every key; with the distance, if its embedding is compared.
pub(super) fn all(index: &Index, query: &Query, keys: &[i32], progress: &Progress) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    by_embedding(index, query, keys, progress, |key, distances| {
        candidates.extend(index.places().map(|place| {
            let embedding = distances.get(place).copied().filter(|distance| distance.is_finite());
            Candidate { place, key, embedding, hash: f32::INFINITY }
        }));
    })?;
    Ok(candidates)
}

/// Squared distances of the entries' embeddings from those of the query, key by key.
fn by_embedding(
    index: &Index,
    query: &Query,
    keys: &[i32],
    progress: &Progress,
    mut take: impl FnMut(i32, &[f32]),
) -> Result<()> {
    let of_keys = keys.par_iter().map(|&key| {
        progress.step(0, 1)?;
        Ok(index.embedder().rows(&query.analysis, key))
    });
    let of_keys = of_keys.collect::<Result<Vec<_>>>()?;
    for (at, (&key, rows)) in keys.iter().zip(of_keys).enumerate() {
        let part = progress.part(at as f32 / keys.len() as f32, (at + 1) as f32 / keys.len() as f32);
        take(key, &index.embedding_distances(rows.view(), &part)?);
    }
    Ok(())
}

/// The `count` nearest by embedding, over all keys. Among equals, the first wins.
pub(super) fn nearest(
    index: &Index,
    query: &Query,
    keys: &[i32],
    count: usize,
    progress: &Progress,
) -> Result<Vec<Candidate>> {
    let mut best: Vec<(f32, u32, i32)> = Vec::new();
    by_embedding(index, query, keys, progress, |key, distances| {
        let there = distances.iter().enumerate().filter(|(_, distance)| distance.is_finite());
        best.extend(there.map(|(place, &distance)| (distance, place as u32, key)));
        keep_first(&mut best, count, |a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    })?;
    let candidate = |(distance, place, key): (f32, u32, i32)| Candidate {
        place: place as usize,
        key,
        embedding: Some(distance),
        hash: f32::INFINITY,
    };
    Ok(best.into_iter().map(candidate).collect())
}

/// The candidates whose codes are nearest, each entry in its best key, best first.
pub(super) fn by_codes(
    index: &Index,
    query: &Query,
    keys: &[i32],
    candidates: Vec<Candidate>,
    count: usize,
    progress: &Progress,
) -> Result<Vec<Candidate>> {
    let mut scored = Vec::with_capacity(candidates.len());
    progress.step(0, 1)?;
    let in_keys = query.in_keys(index)?;
    let of_keys =
        keys.iter().filter_map(|key| in_keys.iter().find(|in_key| in_key.key == *key).map(|found| &found.codes));
    let of_keys: Vec<&HashSequence> = of_keys.collect();
    for (at, (&key, codes)) in keys.iter().zip(of_keys).enumerate() {
        let part = progress.part(at as f32 / keys.len() as f32, (at + 1) as f32 / keys.len() as f32);
        let long_enough = |candidate: &&Candidate| candidate.key == key && index.steps(candidate.place) >= FEWEST_CODES;
        let mut of_key: Vec<Candidate> = candidates.par_iter().filter(long_enough).copied().collect();
        part.step(0, 1)?;
        let places: Vec<usize> = of_key.iter().map(|candidate| candidate.place).collect();
        let sequences = index.codes_of(&places)?;
        let sequences: Vec<&[u32]> = sequences.iter().map(AsRef::as_ref).collect();
        let scores = hashing::scores_of(codes, &sequences, HashDtw::for_bits(codes.bits()), &part)?;
        for (candidate, score) in of_key.iter_mut().zip(scores) {
            candidate.hash = score;
        }
        scored.append(&mut of_key);
    }
    let weighed = |candidate: &Candidate| candidate.hash * handicap(candidate.key);
    let order =
        |a: &Candidate, b: &Candidate| weighed(a).total_cmp(&weighed(b)).then((a.place, a.key).cmp(&(b.place, b.key)));
    // An entry may occur once for each key.
    keep_first(&mut scored, count.saturating_mul(keys.len()), order);
    scored.sort_unstable_by(order);
    let mut seen = HashSet::new();
    scored.retain(|candidate| seen.insert(candidate.place));
    scored.truncate(count);
    Ok(scored)
}

/// Keeps the first `count` by an ordering, themselves in any order.
fn keep_first<T>(all: &mut Vec<T>, count: usize, order: impl Fn(&T, &T) -> std::cmp::Ordering) {
    if count == 0 {
        all.clear();
    } else if count < all.len() {
        all.select_nth_unstable_by(count - 1, order);
        all.truncate(count);
    }
}
