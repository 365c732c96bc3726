//! What a judge decided about a pair, and on what evidence.

use serde::{Deserialize, Serialize};

/// Whether a MIDI file and a recording are the same music.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// They are.
    #[serde(rename = "match")]
    Match,
    /// They are not.
    #[serde(rename = "no match")]
    NoMatch,
    /// There is too little evidence, or it contradicts itself.
    #[serde(rename = "can't tell")]
    CantTell,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Match => "match",
            Self::NoMatch => "no match",
            Self::CantTell => "can't tell",
        })
    }
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// Its name.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// What it adds to the log odds, relative to the mean of true and wrong pairs.
    pub contribution: f64,
}

/// A judge's verdict on a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Match, no match, or can't tell.
    pub verdict: Verdict,
    /// The probability that they are the same music, if [`prior`](Self::prior) is the share of such pairs among all
    /// that are tried.
    pub probability: f64,
    /// Above this it is a match.
    pub threshold: f64,
    /// Below this it is no match; between the two it can't tell.
    pub doubtful: f64,
    /// See [`probability`](Self::probability).
    pub prior: f64,
    /// Which judge: the version of its weights, and what it could see.
    pub judge: String,
    /// The evidence it used.
    pub evidence: Vec<Term>,
}
