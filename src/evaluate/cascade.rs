//! Whether the cascade of a [search](crate::search) finds files known to be in an index, and nothing for others.
//!
//! A query's right entries are those with the same bytes, and those whose files have the same name: `x.ogg` for
//! `x.mid`.

use super::{RankCurve, Ranked, Report};
use crate::error::{Error, Result};
use crate::files::{md5_of, stem};
use crate::index::{Entry, Index};
use crate::job::Progress;
use crate::search::{Query, Ranks, SearchOptions, ranks};
use crate::synth::SoundFont;
use rayon::prelude::*;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The results of the searches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CascadeQuality {
    /// Number of entries in the index.
    pub entries: usize,
    /// Queries with a right entry.
    pub with_answer: usize,
    /// Queries without.
    pub without_answer: usize,
    /// Ranks by embeddings alone, by codes alone, and by the cascade; a right entry that was pruned has rank 1,000,000,
    /// as in the thesis.
    pub systems: Vec<RankCurve>,
    /// Queries whose right entry was lost by the first stage, and those of the rest whose entry was lost by the second.
    pub lost: (usize, usize),
    /// Queries whose right entry is first and above the threshold.
    pub accepted: usize,
    /// Queries without a right entry that have a hit above the threshold, with that hit.
    pub false_accepts: Vec<(String, String, f64)>,
    /// Queries with a right entry that have a wrong hit above the threshold and before all right ones.
    pub wrong_accepts: Vec<(String, String, f64)>,
}

/// Selects one of several ranks.
type RankOf = fn(&Ranks) -> Option<usize>;

/// Rank of pruned entries.
const PRUNED: usize = 1_000_000;

/// Searches for each file.
///
/// # Errors
/// [`Error::Nothing`] if there are no files; [`Error::Index`] if an entry is damaged; [`Error::Cancelled`].
pub fn cascade(
    index: &Index,
    files: &[PathBuf],
    font: &SoundFont,
    options: &SearchOptions,
    progress: &Progress,
) -> Result<Report<CascadeQuality>> {
    if files.is_empty() {
        return Err(Error::nothing("no files to search for"));
    }
    let read = |(number, place): (usize, usize)| -> Result<(usize, Entry)> {
        if number.is_multiple_of(1024) {
            progress.step(0, 1)?;
        }
        Ok((place, index.entry(place)?))
    };
    let known: Vec<(usize, Entry)> = index.places().enumerate().map(read).collect::<Result<_>>()?;
    let ended = AtomicUsize::new(0);
    let one = |file: &PathBuf| -> Result<(bool, Ranks)> {
        let before = ended.load(Ordering::Relaxed) as f32 / files.len() as f32;
        let here = progress.part(before, before);
        here.step(0, 1)?;
        let (md5, _) = md5_of(file, || Ok(()))?;
        let right = known.iter().filter(|(_, entry)| entry.md5 == md5 || stem(&entry.path) == stem(file));
        let right: Vec<usize> = right.map(|(place, _)| *place).collect();
        let found = ranks(index, &Query::open(file, font, &here)?, &right, options, &here);
        progress.step(ended.fetch_add(1, Ordering::Relaxed) + 1, files.len())?;
        Ok((!right.is_empty(), found?))
    };
    let all: Vec<Result<(bool, Ranks)>> = files.par_iter().with_max_len(1).map(one).collect();
    let mut skipped = Vec::new();
    let mut answered: Vec<(String, Ranks)> = Vec::new();
    let mut quality = CascadeQuality {
        entries: index.counts().entries as usize,
        with_answer: 0,
        without_answer: 0,
        systems: Vec::new(),
        lost: (0, 0),
        accepted: 0,
        false_accepts: Vec::new(),
        wrong_accepts: Vec::new(),
    };
    for (file, outcome) in files.iter().zip(all) {
        match outcome {
            Ok((has_answer, ranks)) => {
                let first = ranks.found.hits.first().filter(|hit| hit.accepted());
                let named = first.map(|hit| (stem(file), stem(&hit.entry.path), hit.confidence.unwrap_or(0.0)));
                if has_answer {
                    if ranks.cascade == Some(1) {
                        quality.accepted += usize::from(first.is_some());
                    } else {
                        quality.wrong_accepts.extend(named);
                    }
                    quality.lost.0 += usize::from(!ranks.kept.0);
                    quality.lost.1 += usize::from(ranks.kept.0 && !ranks.kept.1);
                    answered.push((stem(file), ranks));
                } else {
                    quality.without_answer += 1;
                    quality.false_accepts.extend(named);
                }
            }
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => skipped.push((file.clone(), error)),
        }
    }
    quality.with_answer = answered.len();
    let systems: [(&str, RankOf); 3] =
        [("embedding", |r| r.embedding), ("codes", |r| r.hash), ("cascade", |r| r.cascade)];
    for (name, rank) in systems {
        let ranked = answered.iter().map(|(query, ranks)| {
            let wrong = ranks.found.hits.iter().find(|hit| Some(hit.rank) != ranks.cascade);
            let right = ranks.found.hits.iter().find(|hit| Some(hit.rank) == ranks.cascade);
            Ranked {
                query: query.clone(),
                rank: rank(ranks).unwrap_or(PRUNED),
                score: right.and_then(|hit| hit.score).map_or(f32::MAX, |score| score as f32),
                key: right.map_or(0, |hit| hit.transpose),
                best_wrong: wrong.map_or_else(String::new, |hit| stem(&hit.entry.path)),
                best_wrong_score: wrong.and_then(|hit| hit.score).map_or(f32::MAX, |score| score as f32),
            }
        });
        quality.systems.push(RankCurve::new((name.into(), None), quality.entries, ranked.collect(), (&[], &[])));
    }
    Ok(Report { done: vec![quality], skipped })
}
