//! The last stage: features are aligned, and the alignment says how sure the match is.
//!
//! All candidates are aligned by the published aligner of 2016 with [`POOL`] frames in one, which costs a sixteenth. Those
//! that are best by this or by their codes are aligned frame by frame as pairs are, as far as that can be done without the
//! sound itself: our map at any tempo, and the published aligner beside it.

use super::pruning::Candidate;
use super::{Hit, Query, Thoroughness};
use crate::alignment::{self, dtw::pool, published};
use crate::error::{Error, Result};
use crate::features::{Features, FrameTimes};
use crate::hashing::Side;
use crate::index::{Analysis, Index};
use crate::job::Progress;
use crate::pair::FRAME_S;
use ndarray::Array2;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering as Atomic};

/// Frames averaged into one for the first alignment.
const POOL: usize = 4;
/// Best by the first alignment, and by their codes, that are aligned frame by frame.
const BEST_BY_FEATURES: usize = 6;
/// See [`BEST_BY_FEATURES`].
const BEST_BY_CODES: usize = 4;

/// Seconds of music that say half of what a long piece says. A slow half minute goes with much that it has nothing to do
/// with: of 350 searches for what was not there 31 found something, 25 of them an entry of less than 50 s, and 21 one of the
/// same six.
const HALF_SURE_S: f64 = 20.0;

/// How much an alignment of so much music says, 0..1.
fn weight(query: &Analysis, entry: &Analysis) -> f64 {
    let shorter = query.seconds().min(entry.seconds());
    shorter / (shorter + HALF_SURE_S)
}

/// A candidate with what its alignment says.
#[derive(Debug, Clone)]
pub(super) struct Aligned {
    pub(super) candidate: Candidate,
    pub(super) thoroughness: Option<Thoroughness>,
    pub(super) score: Option<f64>,
    pub(super) confidence: Option<f64>,
    /// Semitones by which the query is moved.
    pub(super) key: i32,
}

impl Aligned {
    /// Thoroughly aligned ones by their scores, then the others by theirs, then those that have none by their codes.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let class = |hit: &Self| match hit.thoroughness {
            Some(Thoroughness::Full) => 0,
            Some(Thoroughness::Coarse) => 1,
            None => 2,
        };
        let score = |hit: &Self| hit.score.unwrap_or(f64::from(hit.candidate.hash));
        class(self)
            .cmp(&class(other))
            .then(score(self).total_cmp(&score(other)))
            .then(self.candidate.hash.total_cmp(&other.candidate.hash))
            .then(self.candidate.place.cmp(&other.candidate.place))
    }

    /// As it is given back; `query` is the kind of the query.
    pub(super) fn into_hit(self, rank: usize, query: Side, index: &Index) -> Result<Hit> {
        let entry = index.entry(self.candidate.place)?;
        // Where the entry is the only MIDI file of the two, it is what is moved.
        let transpose = if query == Side::Audio && entry.side == Side::Midi { -self.key } else { self.key };
        Ok(Hit {
            rank,
            place: self.candidate.place,
            entry,
            confidence: self.confidence,
            score: self.score,
            aligned: self.thoroughness,
            hash_distance: self.candidate.hash,
            embedding_distance: self.candidate.embedding.map(f32::sqrt),
            transpose,
        })
    }
}

/// Aligns the candidates, which come best first by their codes; gives them best first. What was `known` before is not
/// aligned again: at any tempo is also in any key.
pub(super) fn align(
    index: &Index,
    query: &Query,
    candidates: Vec<Candidate>,
    known: &[Aligned],
    progress: &Progress,
) -> Result<Vec<Aligned>> {
    let mut keys: BTreeMap<i32, Features> = BTreeMap::new();
    for candidate in &candidates {
        keys.entry(candidate.key).or_insert_with(|| coarse(&query.analysis, candidate.key));
    }
    let done = AtomicUsize::new(0);
    let coarsely = |candidate: Candidate| -> Result<Aligned> {
        progress.part(0.0, 0.3).step(done.fetch_add(1, Atomic::Relaxed), candidates.len())?;
        let mut aligned = Aligned { candidate, thoroughness: None, score: None, confidence: None, key: candidate.key };
        let Some(entry) = index.analysis(candidate.place, Side::Audio) else { return Ok(aligned) };
        let inside = progress.part(0.3, 0.3);
        let found = published::gen2(&keys[&candidate.key], &coarse(&entry, 0), &inside)?;
        aligned.thoroughness = Some(Thoroughness::Coarse);
        let confidence = found.confidence * weight(&query.analysis, &entry);
        (aligned.score, aligned.confidence) = (Some(found.score), Some(confidence));
        Ok(aligned)
    };
    let mut all = candidates.par_iter().with_max_len(1).map(|c| coarsely(*c)).collect::<Result<Vec<Aligned>>>()?;
    for aligned in all.iter_mut().take(BEST_BY_CODES).filter(|hit| hit.thoroughness.is_some()) {
        aligned.thoroughness = Some(Thoroughness::Full);
    }
    all.sort_by(|a, b| {
        let score = |hit: &Aligned| hit.score.unwrap_or(f64::INFINITY);
        score(a).total_cmp(&score(b)).then(a.candidate.place.cmp(&b.candidate.place))
    });
    for aligned in all.iter_mut().take(BEST_BY_FEATURES).filter(|hit| hit.thoroughness.is_some()) {
        aligned.thoroughness = Some(Thoroughness::Full);
    }
    let known = known.iter().filter(|hit| hit.thoroughness == Some(Thoroughness::Full));
    let known: HashMap<usize, &Aligned> = known.map(|hit| (hit.candidate.place, hit)).collect();
    let features = query.analysis.features(0);
    let magnitudes = query.analysis.log.mapv(f32::exp);
    let done = AtomicUsize::new(0);
    let thoroughly = |hit: &mut Aligned| -> Result<()> {
        progress.part(0.3, 1.0).step(done.fetch_add(1, Atomic::Relaxed), BEST_BY_CODES + BEST_BY_FEATURES)?;
        if let Some(known) = known.get(&hit.candidate.place) {
            (hit.score, hit.confidence, hit.key) = (known.score, known.confidence, known.key);
            return Ok(());
        }
        let Some(entry) = index.analysis(hit.candidate.place, Side::Audio) else { return Ok(()) };
        let (score, key) = thorough(&magnitudes, &features, &entry, &progress.part(1.0, 1.0))?;
        let score = 1.0 - (1.0 - score) * weight(&query.analysis, &entry);
        (hit.score, hit.confidence) = (Some(score), Some((2.0 * (1.0 - score)).clamp(0.0, 1.0)));
        hit.key = key;
        Ok(())
    };
    let best = all.par_iter_mut().with_max_len(1).filter(|hit| hit.thoroughness == Some(Thoroughness::Full));
    best.try_for_each(thoroughly)?;
    all.sort_by(Aligned::order);
    Ok(all)
}

/// Score of the pair, and the semitones by which the query is to be moved.
fn thorough(query: &Array2<f32>, features: &Features, entry: &Analysis, progress: &Progress) -> Result<(f64, i32)> {
    let other = entry.window(0).mapv(f32::exp);
    let found = alignment::align_features(query, &other, FRAME_S, &progress.part(0.0, 0.7));
    let (mut score, key) = match found {
        Ok(found) => found,
        // A side that is silent is no match.
        Err(Error::Empty(_)) => return Ok((1.0, 0)),
        Err(error) => return Err(error),
    };
    if key == 0 {
        score -= published::gen2(features, &entry.features(0), progress)?.confidence / 2.0;
    }
    Ok((score, key))
}

/// Features with [`POOL`] frames in one, of the music moved up by `key` semitones.
fn coarse(analysis: &Analysis, key: i32) -> Features {
    let frames = pool(analysis.features(key).frames.view(), POOL);
    Features { frames, times: FrameTimes::Regular(FRAME_S * POOL as f64) }
}
