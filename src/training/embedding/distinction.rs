//! [`Distinction`]: how well vectors show which recording belongs to a MIDI file.

use crate::embedding::{Distances, squared_distance};
use ndarray::Array1;
use serde::{Deserialize, Serialize};

/// How well vectors distinguish the pairs of a set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distinction {
    /// Number of pairs.
    pub pairs: usize,
    /// Bhattacharyya coefficient of the histograms (20 bins from the smallest to the largest distance) of matching and
    /// other pairs; lower is better.
    pub bc: f64,
    /// Mean reciprocal rank of the right recording among all, for each MIDI file.
    pub mrr: f64,
    /// Share of MIDI files whose right recording comes first.
    pub first: f64,
}

impl Distinction {
    /// Computed for pairs `i` of MIDI file `i` and recording `i`; those of one group are the same music.
    ///
    /// # Panics
    /// If there are not equally many of each.
    pub fn of(midi: &[Array1<f32>], audio: &[Array1<f32>], groups: &[usize]) -> Self {
        Self::with_distances(midi, audio, groups).0
    }

    pub(super) fn with_distances(midi: &[Array1<f32>], audio: &[Array1<f32>], groups: &[usize]) -> (Self, Distances) {
        assert!(midi.len() == audio.len() && midi.len() == groups.len(), "pairs");
        let (mut matching, mut other, mut mrr, mut first) = (Vec::new(), Vec::new(), 0.0, 0.0);
        for (i, query) in midi.iter().enumerate() {
            let right = squared_distance(query.view(), audio[i].view()).sqrt();
            matching.push(right);
            let others = audio.iter().zip(groups).filter(|(_, group)| **group != groups[i]);
            let distances: Vec<f32> = others.map(|(a, _)| squared_distance(query.view(), a.view()).sqrt()).collect();
            let before = distances.iter().filter(|d| **d <= right).count();
            mrr += 1.0 / (before + 1) as f64;
            first += f64::from(u8::from(before == 0));
            other.extend(distances);
        }
        let count = midi.len().max(1) as f64;
        let distances = Distances::of(&matching, &other);
        let bc = distances.coefficient();
        (Self { pairs: midi.len(), bc, mrr: mrr / count, first: first / count }, distances)
    }
}
