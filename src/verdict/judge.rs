//! What was learned of pairs, and how it judges the next one.

use super::evidence::{Evidence, TERMS};
use super::logistic::{log_odds, probability};
use super::quality::Quality;
use crate::alignment::{Judgement, Term, Verdict};
use crate::embedding::EmbeddingModel;
use crate::error::{Error, Result};
use crate::files::md5;
use crate::hashing::HashModel;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static BUNDLED: &str = include_str!("../../assets/models/verdict.json");

/// What a judge file says it is.
pub(super) const FORMAT: &str = "verdict/1";

/// What a judge can see of a pair. Each has weights of its own; all give probabilities of the same meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sight {
    /// Both files, aligned.
    Pair,
    /// What an index keeps of one of them: its codes, vectors and levels, but not its attacks.
    Index,
    /// Codes and vectors only.
    Codes,
    /// Both files, aligned, without networks: where these are others than the judge knows.
    Sound,
}

impl Sight {
    pub(crate) const ALL: [Self; 4] = [Self::Pair, Self::Index, Self::Codes, Self::Sound];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            Self::Index => "index",
            Self::Codes => "codes",
            Self::Sound => "sound",
        }
    }
}

/// What a term is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Worth {
    pub(super) name: String,
    /// Over true and wrong pairs that were learned from, which weigh the same together.
    pub(super) mean: f64,
    pub(super) deviation: f64,
    /// Log odds a deviation.
    pub(super) weight: f64,
    /// Beyond these nothing was learned: more counts as much as this.
    pub(super) least: f64,
    pub(super) most: f64,
}

/// What was learned for one [`Sight`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Weights {
    /// Log odds, at a prior of one half, of a pair whose terms are all at their means.
    pub(super) bias: f64,
    pub(super) terms: Vec<Worth>,
    /// On songs that were not learned from.
    pub(super) crossed: Quality,
}

/// How much there must be to tell by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Least {
    /// Seconds in which something sounds, of either file.
    pub(super) seconds: f64,
    /// How different its moments are: 0 for a steady tone.
    pub(super) variety: f64,
    /// Notes of the MIDI file that are not of drums.
    pub(super) notes: usize,
}

/// Fingerprints of the networks whose codes and vectors were learned from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fingerprints {
    /// Of the hash model's file: MD5.
    pub hash: String,
    /// Of the embedding model's.
    pub embedding: String,
}

/// A learned judge: see the [module](super).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    pub(super) antiphon: String,
    pub(super) format: String,
    /// Of this file's weights.
    pub(super) version: String,
    pub(super) models: Fingerprints,
    /// Of all pairs that are tried, so many are taken to belong together.
    pub(super) prior: f64,
    /// A match above it.
    pub(super) threshold: f64,
    /// No match below it.
    pub(super) doubtful: f64,
    /// The same of the best of a search, in log odds at a prior of one half.
    pub(super) search: SearchRule,
    pub(super) least: Least,
    pub(super) sights: BTreeMap<Sight, Weights>,
    /// What it was learned from.
    pub(super) training: serde_json::Value,
}

/// When a search accepts what it found: it asks of many entries at once, so more must speak for one of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct SearchRule {
    /// Log odds, at a prior of one half, that a hit among so many
    pub(super) odds: f64,
    /// entries needs; each doubling of the entries adds a part of
    pub(super) entries: f64,
    /// its logarithm.
    pub(super) slope: f64,
}

impl Fingerprints {
    /// Of two models, as they would be written.
    ///
    /// # Errors
    /// [`Error::Model`] when one can't be written.
    pub fn of(hash: &HashModel, embedding: &EmbeddingModel) -> Result<Self> {
        Ok(Self { hash: md5(&hash.to_bytes()?), embedding: md5(&embedding.to_bytes()?) })
    }

    /// Of the models that come with the program.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn bundled() -> Result<Self> {
        Self::of(&HashModel::bundled()?, &EmbeddingModel::bundled()?)
    }
}

impl SearchRule {
    /// The probability, at `prior`, above which the best of so many entries is accepted.
    fn threshold(self, entries: usize, prior: f64) -> f64 {
        let more = (entries.max(1) as f64 / self.entries).log2().max(-4.0);
        probability(self.odds + self.slope * more * std::f64::consts::LN_2 + log_odds(prior))
    }
}

impl Judge {
    /// The one that comes with the program (`assets/models/HOW.md` tells what it learned from). Parsed once.
    ///
    /// # Errors
    /// None in a sound build; the signature is that of [`load`](Self::load), so that a caller can take either.
    pub fn bundled() -> Result<&'static Self> {
        static PARSED: OnceLock<core::result::Result<Judge, String>> = OnceLock::new();
        let parsed = PARSED.get_or_init(|| Self::parse(BUNDLED));
        parsed.as_ref().map_err(|reason| Error::Model { reason: reason.clone(), path: PathBuf::new() })
    }

    /// Reads a file that [`train`](super::train()) wrote.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Model`] when it is of another kind or version, or holds what is no number.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        Self::parse(&text).map_err(|reason| Error::Model { reason, path: path.to_path_buf() })
    }

    fn parse(text: &str) -> core::result::Result<Self, String> {
        let judge: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if judge.format != FORMAT {
            return Err(format!("its format is {:?}, {FORMAT:?} is read", judge.format));
        }
        for (sight, weights) in &judge.sights {
            for term in &weights.terms {
                if !TERMS.iter().any(|known| known.name == term.name) {
                    return Err(format!("{} has a term {:?} that is not known", sight.name(), term.name));
                }
                if !(term.deviation > 0.0 && term.least <= term.most) {
                    return Err(format!("{} of {} can't be scaled", term.name, sight.name()));
                }
            }
        }
        Ok(judge)
    }

    /// The bytes of its file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// A few letters that change with the weights.
    pub(super) fn digest(&self) -> String {
        let weights = serde_json::to_string(&(&self.sights, self.prior, &self.models)).unwrap_or_default();
        md5(weights.as_bytes()).chars().take(8).collect()
    }

    /// How well it did, by what it sees, on songs that it had not learned from.
    pub fn crossed(&self) -> impl Iterator<Item = (Sight, &Quality)> {
        self.sights.iter().map(|(sight, weights)| (*sight, &weights.crossed))
    }

    /// Which it is.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Share of the pairs that are tried that its probabilities take to belong together.
    pub fn prior(&self) -> f64 {
        self.prior
    }

    /// A match above it.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The probability above which the best of a search among so many entries is accepted.
    pub fn search_threshold(&self, entries: usize) -> f64 {
        self.search.threshold(entries, self.prior).max(self.threshold)
    }

    /// Whether it learned from codes of the networks with this fingerprint.
    pub(crate) fn knows_codes(&self, hash: &str) -> bool {
        self.models.hash == hash
    }

    /// Whether it learned from vectors of the networks with this fingerprint.
    pub(crate) fn knows_vectors(&self, embedding: &str) -> bool {
        self.models.embedding == embedding
    }

    /// Log odds of a pair, at a prior of one half, and what each term adds.
    fn odds(&self, sight: Sight, evidence: &Evidence) -> (f64, Vec<Term>) {
        let Some(weights) = self.sights.get(&sight) else { return (f64::NEG_INFINITY, Vec::new()) };
        let term = |weight: &Worth| {
            let value = evidence.value(&weight.name);
            let inside = evidence.weighed(&weight.name).clamp(weight.least, weight.most);
            let contribution =
                if value.is_finite() { weight.weight * (inside - weight.mean) / weight.deviation } else { 0.0 };
            Term { name: weight.name.clone(), value, contribution }
        };
        let terms: Vec<Term> = weights.terms.iter().map(term).collect();
        (weights.bias + terms.iter().map(|term| term.contribution).sum::<f64>(), terms)
    }

    /// The probability of a judgement at a prior of one half.
    pub(crate) fn balanced(&self, judgement: &Judgement) -> f64 {
        probability(log_odds(judgement.probability.clamp(1e-12, 1.0 - 1e-12)) - log_odds(self.prior))
    }

    /// Whether there is enough music to tell by.
    pub(super) fn enough(&self, evidence: &Evidence) -> bool {
        evidence.seconds >= self.least.seconds
            && evidence.variety >= self.least.variety
            && evidence.notes.is_none_or(|notes| notes >= self.least.notes)
    }

    /// What is to be said of a pair by its evidence.
    pub fn judge(&self, sight: Sight, evidence: &Evidence) -> Judgement {
        let (odds, terms) = self.odds(sight, evidence);
        let enough = self.enough(evidence);
        // Nothing to tell by leaves what was known before.
        let probability = if enough { probability(odds + log_odds(self.prior)) } else { self.prior };
        let verdict = match probability {
            _ if !enough => Verdict::CantTell,
            p if p > self.threshold => Verdict::Match,
            p if p < self.doubtful => Verdict::NoMatch,
            _ => Verdict::CantTell,
        };
        Judgement {
            verdict,
            probability,
            threshold: self.threshold,
            doubtful: self.doubtful,
            prior: self.prior,
            judge: format!("{} {}", self.version, sight.name()),
            evidence: terms.into_iter().filter(|term| term.value.is_finite()).collect(),
        }
    }
}
