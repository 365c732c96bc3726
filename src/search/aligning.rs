//! The last stage: the [verdict] says which candidate is the right one, and how sure that is.
//!
//! Codes are already there, so all candidates are judged by them first. The [`CLOSER`] most probable ones are then
//! examined frame by frame, as far as that can be done without the sound itself: how much of each the other explains,
//! and the score of the published aligner of 2016 with [`POOL`] frames averaged into one. That costs some hundredths of
//! a second each.

use super::pruning::Candidate;
use super::{Hit, Query, Thoroughness};
use crate::alignment::{Judgement, Verdict, dtw::pool, explained, published};
use crate::error::{Error, Result};
use crate::features::{FRAME_S, Features, FrameTimes};
use crate::hashing::{HashSequence, Side};
use crate::index::{Analysis, Index};
use crate::job::Progress;
use crate::verdict::{self, Amount, CodeMatch, Evidence, InKey, Judge, Sight};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering as Atomic};

/// Frames averaged into one for the published aligner.
const POOL: usize = 4;
/// How many of the most probable by their codes are examined frame by frame.
const CLOSER: usize = 6;

/// A candidate with its judgement.
#[derive(Debug, Clone)]
pub(super) struct Aligned {
    pub(super) candidate: Candidate,
    pub(super) thoroughness: Option<Thoroughness>,
    pub(super) score: Option<f64>,
    pub(super) judgement: Option<Judgement>,
    /// Semitones by which the query is moved.
    pub(super) key: i32,
}

impl Aligned {
    /// Orders those that were examined closely by their probability, then the others by theirs, then those without one
    /// by their codes.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let class = |hit: &Self| match hit.thoroughness {
            Some(Thoroughness::Full) => 0,
            Some(Thoroughness::Coarse) => 1,
            None => 2,
        };
        let probability = |hit: &Self| hit.probability().unwrap_or(0.0);
        class(self)
            .cmp(&class(other))
            .then(probability(other).total_cmp(&probability(self)))
            .then(self.candidate.hash.total_cmp(&other.candidate.hash))
            .then(self.candidate.place.cmp(&other.candidate.place))
    }

    /// The probability that the two are the same music.
    pub(super) fn probability(&self) -> Option<f64> {
        self.judgement.as_ref().map(|judgement| judgement.probability)
    }

    /// Whether it is accepted as the best of all entries.
    pub(super) fn accepted(&self, threshold: f64) -> bool {
        self.thoroughness == Some(Thoroughness::Full)
            && self.judgement.as_ref().is_some_and(|j| j.verdict == Verdict::Match && j.probability > threshold)
    }

    /// Converts it to a hit; `query` is the kind of the query.
    pub(super) fn into_hit(self, rank: usize, query: Side, threshold: f64, index: &Index) -> Result<Hit> {
        let entry = index.entry(self.candidate.place)?;
        // If the entry is the only MIDI file of the two, it is the one that is moved.
        let transpose = if query == Side::Audio && entry.side == Side::Midi { -self.key } else { self.key };
        let accepted = self.accepted(threshold);
        let verdict = self.judgement.as_ref().map(|judgement| match judgement.verdict {
            // Sure enough for one pair, but not for the best of many.
            Verdict::Match if !accepted => Verdict::CantTell,
            verdict => verdict,
        });
        let confidence = self.probability();
        let (judge, evidence) = self.judgement.map(|judgement| (judgement.judge, judgement.evidence)).unzip();
        Ok(Hit {
            rank,
            place: self.candidate.place,
            entry,
            confidence,
            verdict,
            judge,
            evidence: evidence.unwrap_or_default(),
            score: self.score,
            aligned: self.thoroughness,
            hash_distance: self.candidate.hash,
            embedding_distance: self.candidate.embedding.map(f32::sqrt),
            transpose,
        })
    }
}

/// Judges the candidates and returns them best first. What is already `known` is not examined again in the same key.
pub(super) fn align(
    index: &Index,
    query: &Query,
    candidates: Vec<Candidate>,
    known: &[Aligned],
    progress: &Progress,
) -> Result<Vec<Aligned>> {
    let judge = Judge::bundled()?;
    let in_keys = query.in_keys(index)?;
    let places: Vec<usize> = candidates.iter().map(|candidate| candidate.place).collect();
    let sequences = index.codes_of(&places)?;
    let codes: Vec<&[u32]> = sequences.iter().map(AsRef::as_ref).collect();
    let matches = verdict::code_matches(&in_keys, &codes, &progress.part(0.0, 0.2))?;
    let knows_codes = judge.knows_codes(&index.hash_record().model.md5);
    let amount = query.analysis.amount();
    let step_s = in_keys.first().map_or(0.0, |in_key| in_key.codes.step_s());
    let by_codes = |(candidate, codes): (Candidate, &CodeMatch)| {
        let seconds = index.steps(candidate.place) as f64 * step_s;
        let mut found = Evidence::new([amount, Amount { seconds, ..amount }], None);
        found.add_codes(codes);
        let judgement = knows_codes.then(|| judge.judge(Sight::Codes, &found));
        Aligned { candidate, thoroughness: None, score: None, judgement, key: candidate.key }
    };
    let mut all: Vec<(Aligned, CodeMatch)> =
        candidates.into_iter().zip(&matches).map(|(candidate, codes)| (by_codes((candidate, codes)), *codes)).collect();
    let rank = |hit: &Aligned| hit.probability().unwrap_or(0.0);
    all.sort_by(|(a, _), (b, _)| rank(b).total_cmp(&rank(a)).then(a.candidate.hash.total_cmp(&b.candidate.hash)));

    let known = known.iter().filter(|hit| hit.thoroughness == Some(Thoroughness::Full));
    let known: HashMap<(usize, i32), &Aligned> = known.map(|hit| ((hit.candidate.place, hit.key), hit)).collect();
    let done = AtomicUsize::new(0);
    let closer = |(hit, codes): &mut (Aligned, CodeMatch)| -> Result<()> {
        progress.part(0.2, 1.0).step(done.fetch_add(1, Atomic::Relaxed), CLOSER)?;
        // Codes choose the key among all twelve, even if only the written one was requested.
        if let Some(known) = known.get(&(hit.candidate.place, codes.key)) {
            let candidate = hit.candidate;
            *hit = (*known).clone();
            hit.candidate.hash = candidate.hash.min(hit.candidate.hash);
            return Ok(());
        }
        let Some(entry) = index.analysis(hit.candidate.place, Side::Audio) else { return Ok(()) };
        let found =
            evidence(index, query, &in_keys, (hit.candidate, *codes), (&entry, amount), &progress.part(1.0, 1.0));
        let (found, score) = match found {
            Ok(found) => found,
            // A side that is silent is no match.
            Err(Error::Nothing { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        hit.judgement = Some(judge.judge(if knows_codes { Sight::Index } else { Sight::Sound }, &found));
        (hit.score, hit.thoroughness, hit.key) = (Some(score), Some(Thoroughness::Full), codes.key);
        Ok(())
    };
    all.par_iter_mut().with_max_len(1).take(CLOSER).try_for_each(closer)?;
    let mut all: Vec<Aligned> = all.into_iter().map(|(hit, _)| hit).collect();
    all.sort_by(Aligned::order);
    Ok(all)
}

/// The evidence for a candidate, and the published aligner's score.
fn evidence(
    index: &Index,
    query: &Query,
    in_keys: &[InKey],
    (candidate, codes): (Candidate, CodeMatch),
    (entry, amount): (&Analysis, Amount),
    progress: &Progress,
) -> Result<(Evidence, f64)> {
    let judge = Judge::bundled()?;
    let moved = query.analysis.log.magnitudes();
    let explained = explained(moved.magnitudes(), &entry.window(0).mapv(f32::exp), codes.key, FRAME_S, progress)?;
    let published = published::gen2(&coarse(&query.analysis, codes.key), &coarse(entry, 0), progress)?;
    let mut found = Evidence::new([amount, entry.amount()], None);
    found.add_codes(&codes);
    found.add_explained(&explained, published.confidence, codes.key);
    let known = index.embedding_record().model.as_ref();
    if known.is_some_and(|model| judge.knows_vectors(&model.md5)) {
        // The earlier comparison was in the candidate's key.
        let distance = match candidate.embedding {
            Some(squared) if candidate.key == codes.key => f64::from(squared).max(0.0).sqrt(),
            _ => {
                let (x, y) = (index.embedder().rows(&query.analysis, codes.key), index.embedder().rows(entry, 0));
                verdict::vector_distance(&x, &y)
            }
        };
        found.set("embedding", distance);
    }
    if let Some(in_key) = in_keys.iter().find(|in_key| in_key.key == codes.key) {
        let codes = index.codes_of(&[candidate.place])?.remove(0).into_owned();
        let of_entry = HashSequence::new(codes, in_key.codes.bits(), in_key.codes.step_s())?;
        found.set("codes along the map", verdict::along(&in_key.codes, &of_entry, verdict::by_runs(&explained)));
    }
    Ok((found, published.score))
}

/// Features with [`POOL`] frames averaged into one, of the music moved up by `key` semitones.
fn coarse(analysis: &Analysis, key: i32) -> Features {
    let frames = pool(analysis.features(key).frames.view(), POOL);
    Features { frames, times: FrameTimes::Regular(FRAME_S * POOL as f64) }
}
