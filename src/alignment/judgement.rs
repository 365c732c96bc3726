//! What was judged of a pair, and by what.

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
    /// There is too little to tell by, or what there is contradicts itself.
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
    /// What it is called.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// What it adds to the log odds, compared with the mean of true and wrong pairs.
    pub contribution: f64,
}

/// What a judge says of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Match, no match, or can't tell.
    pub verdict: Verdict,
    /// The probability that they are the same music, if [`prior`](Self::prior) of all pairs that are tried are.
    pub probability: f64,
    /// A match above it.
    pub threshold: f64,
    /// No match below it; what lies between can't be told.
    pub doubtful: f64,
    /// See [`probability`](Self::probability).
    pub prior: f64,
    /// Which judge: the version of its weights, and what it could see.
    pub judge: String,
    /// What it went by.
    pub evidence: Vec<Term>,
}
