//! How good an aligner is on pairs whose truth is known: the figures of the papers and the README.
//!
//! - [`asap`] and [`vienna`]: a score and human performances of it, with known moments.
//! - [`corruption()`]: MIDI files against renderings of themselves, distorted in a known way (spec B, OPT).
//! - [`pairs()`]: recordings with their MIDI, and every wrong combination: is the confidence worth anything?
//! - [`cut()`]: recordings that hold a part of the MIDI.
//! - [`clock()`]: recordings of popular music whose MIDI runs on their own clock.
//! - [`popular()`]: popular MIDI files against renderings that differ in structure, tempo, lead and sound.
//! - [`hash_retrieval`], [`embedding_retrieval`], [`embedding_held_out`]: is the right recording found among many?
//! - [`embedding_matrix()`]: how far are all MIDI files of a set from all its recordings?
//! - [`cascade()`]: does an index search find the right entry, and nothing if there is none?
//! - [`verdict()`]: does the verdict distinguish pairs from others?
//! - [`separation()`]: do codes distinguish matching moments from others?
//!
//! [`Errors`] and [`Summary`] summarise the first three, [`auc`] the last.

mod analysed;
mod cascade;
mod clips;
mod clock;
mod corruption;
mod cut;
mod embedding_matrix;
mod pairs;
mod performances;
mod popular;
mod retrieval;
mod separation;
mod verdict;
mod warned;

pub use cascade::{CascadeQuality, cascade};
pub use clock::{ClockErrors, ClockSummary, clock};
pub use corruption::{Corruption, corruption, kendall_tau};
pub use cut::cut;
pub use embedding_matrix::{EmbeddingMatrix, PairSource, Sounding, embedding_matrix};
pub use pairs::{Combination, auc, pairs};
pub use performances::{asap, vienna};
pub use popular::{Drums, Edit, Jumps, Lead, Manner, PopularErrors, PopularSummary, WorkMeasures, popular};
pub use retrieval::{
    RankCurve, Ranked, Retrieval, RetrievalParams, embedding_held_out, embedding_retrieval, hash_retrieval,
};
pub use separation::{CodeQuality, separation};
pub use verdict::{
    Decided, DecidedPairs, LeftOut, VerdictData, VerdictPairs, VerdictReport, kinds, see_decided, verdict,
};
pub use warned::Warned;

use crate::alignment::{Alignment, Preset};
use crate::audio::{ANALYSIS_RATE, Recording, Tags, Waveform};
use crate::error::{Error, Result};
use crate::job::Progress;
use rayon::prelude::*;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Errors of one piece, in seconds unless stated otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Errors {
    /// Name of the piece.
    pub name: String,
    /// The aligner.
    pub preset: Preset,
    /// Number of moments compared.
    pub moments: usize,
    /// Median of |error|.
    pub median_s: f64,
    /// Share of moments within 50 ms.
    pub within_50_ms: f64,
    /// Share of moments within 100 ms.
    pub within_100_ms: f64,
    /// Mean of |error|, each clipped at 0.5 s (spec B, OPT).
    pub mean_clipped_s: f64,
    /// The aligner's score; lower is better.
    pub score: f64,
    /// The aligner's confidence.
    pub confidence: f64,
}

impl Errors {
    /// Summarises `errors` (any sign). A piece without moments gives zeros.
    pub fn new(name: String, preset: Preset, errors: &[f64], found: &Alignment) -> Self {
        let mut sizes: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let share = |limit: f64| sizes.iter().filter(|e| **e <= limit).count() as f64 / sizes.len().max(1) as f64;
        Self {
            name,
            preset,
            moments: sizes.len(),
            median_s: sizes.get(sizes.len() / 2).copied().unwrap_or(0.0),
            within_50_ms: share(0.05),
            within_100_ms: share(0.1),
            mean_clipped_s: sizes.iter().map(|e| e.min(0.5)).sum::<f64>() / sizes.len().max(1) as f64,
            score: found.score,
            confidence: found.confidence,
        }
    }

    /// Whether the aligner lost the piece: median above 100 ms.
    pub fn lost(&self) -> bool {
        self.median_s > 0.1
    }
}

/// Means over pieces, and how many were lost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The aligner.
    pub preset: Preset,
    /// Number of pieces.
    pub pieces: usize,
    /// Mean of the medians.
    pub median_s: f64,
    /// Mean share within 50 ms.
    pub within_50_ms: f64,
    /// Mean share within 100 ms.
    pub within_100_ms: f64,
    /// Mean of the clipped means.
    pub mean_clipped_s: f64,
    /// Pieces whose median is above 100 ms.
    pub lost: usize,
    /// Pieces with a confidence above .5.
    pub accepted: usize,
    /// Kendall's τ of score and clipped mean error over the pieces: 1 if the score orders them as the error does.
    pub score_error_tau: f64,
}

impl Summary {
    /// Summarises the pieces that were aligned by `preset`.
    pub fn new(pieces: &[Errors], preset: Preset) -> Self {
        let pieces: Vec<&Errors> = pieces.iter().filter(|piece| piece.preset == preset).collect();
        let all = |value: fn(&Errors) -> f64| pieces.iter().map(|p| value(p)).collect::<Vec<f64>>();
        let mean =
            |value: fn(&Errors) -> f64| pieces.iter().map(|p| value(p)).sum::<f64>() / pieces.len().max(1) as f64;
        Self {
            preset,
            pieces: pieces.len(),
            median_s: mean(|p| p.median_s),
            within_50_ms: mean(|p| p.within_50_ms),
            within_100_ms: mean(|p| p.within_100_ms),
            mean_clipped_s: mean(|p| p.mean_clipped_s),
            lost: pieces.iter().filter(|p| p.lost()).count(),
            accepted: pieces.iter().filter(|p| p.confidence > crate::alignment::ACCEPTED).count(),
            score_error_tau: kendall_tau(&all(|p| p.score), &all(|p| p.mean_clipped_s)),
        }
    }
}

/// The results of a batch, and the files it skipped with the reason.
#[derive(Debug)]
pub struct Report<T> {
    /// Results, in the order of the files.
    pub done: Vec<T>,
    /// Files that could not be used.
    pub skipped: Vec<(PathBuf, Error)>,
}

/// A rendering in place of a recording, for data sets that come without sound.
fn rendering(mono: Waveform) -> Recording {
    Recording {
        mono,
        original: None,
        tags: Tags::default(),
        source_rate: ANALYSIS_RATE,
        channels: 1,
        codec: "rendering".into(),
        warning: None,
    }
}

/// Runs `work` on each file, on all cores. A file that fails is skipped and reported; a cancel ends the whole batch.
fn each<T: Send>(
    paths: &[PathBuf],
    progress: &Progress,
    work: impl Fn(&PathBuf, &Progress) -> Result<T> + Sync,
) -> Result<Report<T>> {
    let ended = AtomicUsize::new(0);
    let results: Vec<Result<T>> = paths
        .par_iter()
        .with_max_len(1)
        .map(|path| {
            let before = ended.load(Ordering::Relaxed) as f32 / paths.len() as f32;
            // Progress within files that run at the same time can't be told apart: only finished files advance it.
            let here = progress.part(before, before);
            let result = here.step(0, 1).and_then(|()| work(path, &here));
            progress.step(ended.fetch_add(1, Ordering::Relaxed) + 1, paths.len())?;
            result
        })
        .collect();
    let mut report = Report { done: Vec::new(), skipped: Vec::new() };
    for (path, result) in paths.iter().zip(results) {
        match result {
            Ok(result) => report.done.push(result),
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => report.skipped.push((path.clone(), error)),
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(errors: &[f64]) -> Errors {
        let map = crate::alignment::warp::TimeMap::identity();
        let found = Alignment {
            segments: map.clone().into(),
            map,
            costs: Vec::new(),
            score: 0.6,
            confidence: 0.8,
            transpose: 0,
            unreliable: Vec::new(),
            remarks: Vec::new(),
            findings: None,
            judgement: None,
        };
        Errors::new("x".into(), Preset::Gen2, errors, &found)
    }

    #[test]
    fn errors_are_clipped_and_counted() {
        let errors = of(&[0.01, -0.04, 0.08, 3.0]);
        assert!((errors.within_50_ms - 0.5).abs() < 1e-12);
        assert!((errors.within_100_ms - 0.75).abs() < 1e-12);
        assert!((errors.mean_clipped_s - (0.01 + 0.04 + 0.08 + 0.5) / 4.0).abs() < 1e-12);
        assert!(!errors.lost());
    }
}
