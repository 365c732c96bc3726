//! Which moment of a recording is which moment of a MIDI file.

pub mod dtw;
pub mod warp;
#[cfg(test)]
pub(crate) mod refine;

use serde::{Deserialize, Serialize};
use warp::TimeMap;

/// Which aligner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Ours: tempo-normalised, refined on onsets.
    #[default]
    Antiphon,
    /// Raffel's system of 2015: beat-synchronous, gully .95, penalty the 90th percentile (spec B).
    Gen1,
    /// Raffel's "gold standard" of 2016, used for the Lakh MIDI Dataset: gully .96, penalty the median (spec B).
    Gen2,
}

/// An aligned pair.
#[derive(Debug, Clone)]
pub struct Alignment {
    /// MIDI time ↔ audio time.
    pub map: TimeMap,
    /// Local cosine cost at each knot of [`map`](Self::map), in 0..=1.
    pub costs: Vec<f32>,
    /// Normalised cost of the path; lower is better.
    pub score: f64,
    /// `clip(2(1 − score), 0, 1)`.
    pub confidence: f64,
    /// Semitones that the MIDI was moved by before it was aligned.
    pub transpose: i32,
    /// Stretches of audio time in which the map should not be trusted: repeats skipped or added, other music, silence.
    pub unreliable: Vec<(f64, f64)>,
    /// What the user should know: `aligned coarse to fine: …`.
    pub remarks: Vec<String>,
}

impl Alignment {
    /// Whether the pair counts as a match: confidence above .5 (spec B).
    pub fn accepted(&self) -> bool {
        self.confidence > 0.5
    }
}
