//! Which entries of an [index](crate::index) are the same music as a file?
//!
//! A cascade: each stage costs about a hundred times as much per entry as the one before and examines about a hundredth
//! as many (thesis 2016, spec H):
//!
//! | stage | compares | of 1,000,000 entries |
//! |---|---|---|
//! | embedding | one vector per window, exactly: every row is read | keeps 100,000 |
//! | hash | codes, by dynamic time warping of their Hamming distances | keeps 250 |
//! | alignment | how well one explains the other, frame by frame, for the most probable ones | says how sure it is |
//!
//! The last stage is the [`verdict`] based on what an index keeps. If nothing is confident, the query is tried in the
//! other eleven keys. Either side may be a recording or a MIDI file.
//!
//! ```no_run
//! use antiphon::{index::Index, job::Progress, search::{Query, SearchOptions, search}, synth::SoundFont};
//! # use std::path::Path;
//! let progress = Progress::silent();
//! let index = Index::open(Path::new("music.index"))?;
//! let query = Query::open(Path::new("song.mid"), &SoundFont::bundled()?, &progress)?;
//! for hit in search(&index, &query, &SearchOptions::default(), &progress)?.hits {
//!     println!("{:.2} {:?}", hit.confidence.unwrap_or(0.0), hit.entry.path);
//! }
//! # antiphon::Result::Ok(())
//! ```

mod aligning;
mod collection;
mod pruning;
mod ranks;

pub use collection::{MatchSummary, Matching, Shard, match_files, merge};
pub(crate) use ranks::{Ranks, ranks};

use crate::alignment::{Term, Verdict};
use crate::error::{Error, Result};
use crate::hashing::Side;
use crate::index::{Analysis, Entry, Index};
use crate::job::Progress;
use crate::pair::MidiSide;
use crate::synth::SoundFont;
use crate::verdict::{self, InKey, Judge};
use aligning::Aligned;
use pruning::Candidate;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Confidence above which a pair counts as a match (spec B). A search demands more: see [`Found::threshold`].
pub(crate) const CONFIDENT: f64 = crate::alignment::ACCEPTED;

/// A file to search for.
#[derive(Debug, Clone)]
pub struct Query {
    path: PathBuf,
    analysis: Analysis,
    in_keys: InKeys,
}

/// Codes in every key, with the fingerprint of the model that made them: computed once.
type InKeys = Arc<Mutex<Option<(String, Arc<Vec<InKey>>)>>>;

impl Query {
    /// Decodes and analyses a recording, or synthesises a MIDI file.
    ///
    /// # Errors
    /// Those of [`Analysis::of`].
    pub fn open(path: &Path, font: &SoundFont, progress: &Progress) -> Result<Self> {
        let analysis = Analysis::of(path, font, progress)?;
        Ok(Self { path: path.to_path_buf(), analysis, in_keys: InKeys::default() })
    }

    /// Builds it from a MIDI file that has already been synthesised.
    ///
    /// # Errors
    /// [`Error::Nothing`] if it was built from features alone.
    pub fn of_midi(midi: &MidiSide) -> Result<Self> {
        if !midi.analysed() {
            return Err(Error::nothing("the MIDI file was not synthesised").at(&midi.path));
        }
        let analysis = Analysis::from_log(Side::Midi, midi.spectrum().logarithm());
        Ok(Self { path: midi.path.clone(), analysis, in_keys: InKeys::default() })
    }

    /// Its codes in every key, computed by the model of an index.
    fn in_keys(&self, index: &Index) -> Result<Arc<Vec<InKey>>> {
        let model = &index.hash_record().model.md5;
        // A thread that panicked has stored either everything or nothing.
        let mut known = self.in_keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, codes)) = known.as_ref().filter(|known| known.0 == *model) {
            return Ok(Arc::clone(codes));
        }
        let keys: Vec<i32> = verdict::KEYS.collect();
        let of = |key: i32| Ok(InKey { key, codes: self.analysis.codes(index.hash_model(), key)? });
        let codes = Arc::new(keys.into_par_iter().map(of).collect::<Result<Vec<_>>>()?);
        *known = Some((model.clone(), Arc::clone(&codes)));
        Ok(codes)
    }

    /// The path it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a recording or a MIDI file.
    pub fn side(&self) -> Side {
        self.analysis.side()
    }

    /// Its duration.
    pub fn seconds(&self) -> f64 {
        self.analysis.seconds()
    }
}

/// The keys in which a query is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keys {
    /// As written, and in the other eleven if nothing is confident.
    #[default]
    WhenUnsure,
    /// Only as written.
    Written,
    /// In all twelve.
    All,
}

/// How an index is searched.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchOptions {
    /// Number of hits returned.
    pub top: usize,
    /// Whether the codes of all entries are compared.
    pub exhaustive: bool,
    /// Entries kept by their embeddings; a tenth of all, at least 1,000, if `None`.
    pub keep_embedding: Option<usize>,
    /// Entries kept by their codes; one in 4,000, at least 25, if `None`.
    pub keep_hash: Option<usize>,
    /// The keys to try.
    pub keys: Keys,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { top: 10, exhaustive: false, keep_embedding: None, keep_hash: None, keys: Keys::default() }
    }
}

impl SearchOptions {
    /// Entries kept by embedding and by hash, out of this many.
    pub(crate) fn kept(&self, entries: usize) -> (usize, usize) {
        let by_embedding =
            if self.exhaustive { entries } else { self.keep_embedding.unwrap_or((entries / 10).max(1000)) };
        let by_embedding = by_embedding.min(entries);
        (by_embedding, self.keep_hash.unwrap_or((entries / 4000).max(25)).max(self.top).min(by_embedding))
    }
}

/// How thoroughly a hit was aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Thoroughness {
    /// With 4 frames averaged into one: in documents of earlier versions.
    Coarse,
    /// Frame by frame.
    Full,
}

/// An entry that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Its rank, counted from 1.
    pub rank: usize,
    /// Its position in the index, for [`Index::entry`].
    pub place: usize,
    /// What is known about it.
    pub entry: Entry,
    /// The probability, in 0..=1, that the two are the same music, for any pair that is tried; none if there is nothing
    /// to judge by.
    pub confidence: Option<f64>,
    /// A match if the confidence is above [`Found::threshold`]: among many entries one always looks best.
    pub verdict: Option<Verdict>,
    /// The judge that gave the confidence, and the evidence it saw.
    pub judge: Option<String>,
    /// The evidence behind the confidence.
    pub evidence: Vec<Term>,
    /// Normalised cost of the alignment, lower is better.
    pub score: Option<f64>,
    /// How it was aligned.
    pub aligned: Option<Thoroughness>,
    /// Mean cost per step of the best path through the codes, in bits: lower is better.
    pub hash_distance: f32,
    /// Euclidean distance of the nearest embeddings; none if the entry has none.
    pub embedding_distance: Option<f32>,
    /// Semitones by which the MIDI file, or else the query, is moved to fit.
    pub transpose: i32,
}

impl Hit {
    /// Whether it is a match.
    pub fn accepted(&self) -> bool {
        self.verdict == Some(Verdict::Match)
    }
}

/// The stages of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// Vectors.
    Embedding,
    /// Codes.
    Hash,
    /// Features.
    Alignment,
}

/// What a stage did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// Which stage.
    pub name: StageName,
    /// Entries (times keys) that it examined.
    #[serde(rename = "in")]
    pub looked_at: usize,
    /// Entries that it kept.
    pub kept: usize,
    /// Keys in which the query was tried.
    pub keys: usize,
    /// Its duration.
    pub seconds: f64,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The best hits, best first.
    pub hits: Vec<Hit>,
    /// What each stage did; the written key comes first, then the other keys.
    pub stages: Vec<Stage>,
    /// What the user should know.
    pub remarks: Vec<String>,
    /// Confidence above which a hit is a match, among this many entries.
    pub threshold: f64,
    /// Share of the pairs tried that are assumed to belong together, on which the confidence is based.
    pub prior: f64,
}

/// Searches an index for a file. The same query finds the same in the same index on any number of cores.
///
/// # Errors
/// [`Error::Nothing`] if the index is empty; [`Error::Index`] if an entry that is found is damaged;
/// [`Error::Cancelled`].
pub fn search(index: &Index, query: &Query, options: &SearchOptions, progress: &Progress) -> Result<Found> {
    let entries = index.counts().entries as usize;
    if entries == 0 {
        return Err(Error::nothing("the index has no entries").at(index.folder()));
    }
    let kept = options.kept(entries);
    let judge = Judge::bundled()?;
    let (threshold, prior) = (judge.search_threshold(entries), judge.prior());
    let mut found = Found { hits: Vec::new(), stages: Vec::new(), remarks: Vec::new(), threshold, prior };
    let others: Vec<i32> = (-5..=6).filter(|&key| key != 0).collect();
    let how = (options, kept);
    let mut aligned = pass(index, query, &[0], how, &[], &mut found, &progress.part(0.0, 0.5))?;
    let can_align = aligned.iter().any(|hit| hit.thoroughness.is_some());
    let confident = aligned.iter().any(|hit| hit.accepted(threshold));
    let unsure = options.keys == Keys::WhenUnsure && can_align && !confident;
    if options.keys == Keys::All || unsure {
        let more = pass(index, query, &others, how, &aligned, &mut found, &progress.part(0.5, 1.0))?;
        aligned.extend(more);
        aligned.sort_by(Aligned::order);
        // An entry is listed only in its best key.
        let mut seen = std::collections::HashSet::new();
        aligned.retain(|hit| seen.insert(hit.candidate.place));
    }
    if !can_align {
        found.remarks.push("the index keeps nothing to align: hits are ranked by their codes".into());
    }
    for (at, hit) in aligned.into_iter().take(options.top).enumerate() {
        found.hits.push(hit.into_hit(at + 1, query.side(), threshold, index)?);
    }
    progress.step(1, 1)?;
    Ok(found)
}

/// The three stages in the given keys, some of which may already be `known`; best first.
fn pass(
    index: &Index,
    query: &Query,
    keys: &[i32],
    (options, (by_embedding, by_hash)): (&SearchOptions, (usize, usize)),
    known: &[Aligned],
    found: &mut Found,
    progress: &Progress,
) -> Result<Vec<Aligned>> {
    let mut stage = |name, looked_at, kept, since: Instant| {
        let seconds = since.elapsed().as_secs_f64();
        found.stages.push(Stage { name, looked_at, kept, keys: keys.len(), seconds });
    };
    let entries = index.counts().entries as usize;
    let since = Instant::now();
    let candidates: Vec<Candidate> = if options.exhaustive || by_embedding >= entries {
        pruning::all(index, query, keys, &progress.part(0.0, 0.1))?
    } else {
        pruning::nearest(index, query, keys, by_embedding, &progress.part(0.0, 0.1))?
    };
    stage(StageName::Embedding, entries * keys.len(), candidates.len(), since);

    let since = Instant::now();
    let looked_at = candidates.len();
    let candidates = pruning::by_codes(index, query, keys, candidates, by_hash, &progress.part(0.1, 0.5))?;
    stage(StageName::Hash, looked_at, candidates.len(), since);

    let since = Instant::now();
    let aligned = aligning::align(index, query, candidates, known, &progress.part(0.5, 1.0))?;
    let thorough = aligned.iter().filter(|hit| hit.thoroughness == Some(Thoroughness::Full)).count();
    if aligned.iter().any(|hit| hit.thoroughness.is_some()) {
        stage(StageName::Alignment, aligned.len(), thorough, since);
    }
    Ok(aligned)
}

impl Found {
    /// The document `search/1`.
    pub fn document(&self, query: &Path) -> Value {
        let hits = self.hits.iter().map(|hit| {
            json!({
                "rank": hit.rank,
                "id": hit.entry.id(),
                "md5": hit.entry.md5,
                "path": hit.entry.path.to_string_lossy(),
                "title": hit.entry.about.title,
                "artist": hit.entry.about.artist,
                "seconds": hit.entry.seconds,
                "confidence": hit.confidence,
                "verdict": hit.verdict,
                "accepted": hit.accepted(),
                "judge": hit.judge,
                "evidence": hit.evidence,
                "score": hit.score,
                "aligned": hit.aligned,
                // JSON has no infinite numbers.
                "hash_distance": hit.hash_distance,
                "embedding_distance": hit.embedding_distance,
                "transpose": hit.transpose,
            })
        });
        json!({
            "antiphon": env!("CARGO_PKG_VERSION"),
            "format": "search/1",
            "query": query.to_string_lossy(),
            "hits": hits.collect::<Vec<Value>>(),
            "threshold": self.threshold,
            "prior": self.prior,
            "stages": self.stages,
            "remarks": self.remarks,
        })
    }
}

#[cfg(test)]
mod tests;
