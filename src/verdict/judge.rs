//! A judge: what was learned from pairs, and how it judges the next one.

use super::evidence::{Evidence, TERMS};
use super::logistic::{log_odds, probability};
use super::quality::Quality;
use crate::alignment::{Judgement, Term, Verdict};
use crate::embedding::EmbeddingModel;
use crate::error::{Error, Result};
use crate::files::{md5, parse_json};
use crate::hashing::HashModel;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static BUNDLED: &str = include_str!("../../assets/models/verdict.json");

/// The format that a judge file declares.
pub(super) const FORMAT: &str = "verdict/1";

/// What a judge can see of a pair. Each kind has its own weights; all give probabilities with the same meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sight {
    /// Both files, aligned.
    Pair,
    /// What an index keeps of one of them: its codes, vectors and levels, but not its attacks.
    Index,
    /// Only codes and vectors.
    Codes,
    /// Both files, aligned, without networks: if these are not the ones the judge knows.
    Sound,
}

impl Sight {
    pub(crate) const ALL: [Self; 4] = [Self::Pair, Self::Index, Self::Codes, Self::Sound];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            Self::Index => "index",
            Self::Codes => "codes",
            Self::Sound => "sound",
        }
    }
}

/// The weight of a term.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Worth {
    pub(super) name: String,
    /// Mean over the true and wrong pairs learned from, both kinds weighing the same in total.
    pub(super) mean: f64,
    pub(super) deviation: f64,
    /// Log odds per standard deviation.
    pub(super) weight: f64,
    /// Bounds of what was learned from: values beyond them count as the bound.
    pub(super) least: f64,
    pub(super) most: f64,
}

/// The weights learned for one [`Sight`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Weights {
    /// Log odds, at a prior of one half, of a pair whose terms are all at their means.
    pub(super) bias: f64,
    pub(super) terms: Vec<Worth>,
    /// Quality on songs that were not learned from.
    pub(super) crossed: Quality,
}

/// The least music needed for a judgement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Least {
    /// Seconds in which something sounds, in either file.
    pub(super) seconds: f64,
    /// How varied its moments are: 0 for a steady tone.
    pub(super) variety: f64,
    /// Notes of the MIDI file other than drums.
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
    /// Version of this file's weights.
    pub(super) version: String,
    pub(super) models: Fingerprints,
    /// Share of all pairs tried that are assumed to belong together.
    pub(super) prior: f64,
    /// Probability above which a pair is a match.
    pub(super) threshold: f64,
    /// Probability below which a pair is no match.
    pub(super) doubtful: f64,
    /// The same for the best of a search, in log odds at a prior of one half.
    pub(super) search: SearchRule,
    pub(super) least: Least,
    pub(super) sights: BTreeMap<Sight, Weights>,
    /// What it was learned from.
    pub(super) training: serde_json::Value,
}

/// When a search accepts what it found: it examines many entries at once, so the evidence for one of them must be
/// stronger.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct SearchRule {
    /// Log odds, at a prior of one half, that a hit among this many
    pub(super) odds: f64,
    /// entries needs; each doubling of the entries adds a share of
    pub(super) entries: f64,
    /// its logarithm.
    pub(super) slope: f64,
}

impl Fingerprints {
    /// Fingerprints of two models, as they would be written.
    ///
    /// # Errors
    /// [`Error::Model`] if one can't be written.
    pub fn of(hash: &HashModel, embedding: &EmbeddingModel) -> Result<Self> {
        Ok(Self { hash: md5(&hash.to_bytes()?), embedding: md5(&embedding.to_bytes()?) })
    }

    /// Fingerprints of the models that come with the program.
    ///
    /// # Errors
    /// Those of [`of`](Self::of).
    pub fn bundled() -> Result<Self> {
        Self::of(&HashModel::bundled()?, &EmbeddingModel::bundled()?)
    }
}

impl SearchRule {
    /// The probability, at `prior`, above which the best of this many entries is accepted.
    fn threshold(self, entries: usize, prior: f64) -> f64 {
        let more = (entries.max(1) as f64 / self.entries).log2().max(-4.0);
        probability(self.odds + self.slope * more * std::f64::consts::LN_2 + log_odds(prior))
    }
}

impl Judge {
    /// The judge that comes with the program (`assets/models/HOW.md` says what it learned from). Parsed once.
    ///
    /// # Errors
    /// None in a sound build; the signature is that of [`load`](Self::load), so that a caller can use either.
    pub fn bundled() -> Result<&'static Self> {
        static PARSED: OnceLock<core::result::Result<Judge, String>> = OnceLock::new();
        let parsed = PARSED.get_or_init(|| Self::parse(BUNDLED.as_bytes()));
        parsed.as_ref().map_err(|reason| Error::Model { reason: reason.clone(), path: PathBuf::new() })
    }

    /// Reads a file that [`train`](super::train()) wrote.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Model`] if it is of another kind or version, or contains NaN.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(Error::io("read", path))?;
        Self::parse(&text).map_err(|reason| Error::Model { reason, path: path.to_path_buf() })
    }

    fn parse(text: &[u8]) -> core::result::Result<Self, String> {
        let judge: Self = parse_json(text).map_err(|error| error.to_string())?;
        if judge.format != FORMAT {
            return Err(format!("its format is {:?}, {FORMAT:?} is read", judge.format));
        }
        let share = |value: f64| (0.0..=1.0).contains(&value);
        if !(judge.prior > 0.0 && judge.prior < 1.0 && share(judge.threshold) && share(judge.doubtful)) {
            let Self { prior, threshold, doubtful, .. } = judge;
            return Err(format!("no probabilities: a prior of {prior}, bounds {threshold} and {doubtful}"));
        }
        if judge.search.entries <= 0.0 {
            return Err(format!("a search of {} entries", judge.search.entries));
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

    /// The contents of its file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// A few characters that change with the weights.
    pub(super) fn digest(&self) -> String {
        let weights = serde_json::to_string(&(&self.sights, self.prior, &self.models)).unwrap_or_default();
        md5(weights.as_bytes()).chars().take(8).collect()
    }

    /// Its quality for each kind of sight, on songs that it had not learned from.
    pub fn crossed(&self) -> impl Iterator<Item = (Sight, &Quality)> {
        self.sights.iter().map(|(sight, weights)| (*sight, &weights.crossed))
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Share of the pairs tried that its probabilities assume to belong together.
    pub fn prior(&self) -> f64 {
        self.prior
    }

    /// Probability above which a pair is a match.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The probability above which the best of a search among this many entries is accepted.
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

    /// Log odds of a pair, at a prior of one half, and what each term contributes.
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

    /// Whether there is enough music for a judgement.
    pub(super) fn enough(&self, evidence: &Evidence) -> bool {
        evidence.seconds >= self.least.seconds
            && evidence.variety >= self.least.variety
            && evidence.notes.is_none_or(|notes| notes >= self.least.notes)
    }

    /// Judges a pair by its evidence.
    pub fn judge(&self, sight: Sight, evidence: &Evidence) -> Judgement {
        let (odds, terms) = self.odds(sight, evidence);
        let enough = self.enough(evidence);
        // If there is nothing to judge by, the prior stands.
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
