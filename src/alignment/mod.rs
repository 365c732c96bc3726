//! Which moment of a recording is which moment of a MIDI file.

pub mod distance;
pub mod dtw;
pub mod published;
pub(crate) mod refine;
pub mod retime;
pub(crate) mod rough;
pub mod warp;

use crate::audio::AudioTime;
use crate::error::Result;
use crate::features::onsets::{self, Onsets};
use crate::job::Progress;
use crate::midi::{MidiTime, Note};
use ndarray::Array2;
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

/// What the aligner needs of a MIDI file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MidiInput<'a> {
    /// All notes, by start.
    pub(crate) notes: &'a [Note],
    /// Constant-Q magnitudes of its synthesis, with [`KEY_MARGIN`] bins more at each end than the recording's.
    pub(crate) magnitudes: &'a Array2<f32>,
}

/// What the aligner needs of a recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AudioInput<'a> {
    /// Constant-Q magnitudes.
    pub(crate) magnitudes: &'a Array2<f32>,
    /// Its onsets.
    pub(crate) onsets: &'a Onsets,
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

/// Aligns by our own method: a [rough](rough::rough) map at any tempo, then the attack of every chord.
pub(crate) fn align(
    midi: MidiInput<'_>,
    audio: AudioInput<'_>,
    frame_s: f64,
    progress: &Progress,
) -> Result<Alignment> {
    let rough = rough::rough(midi.magnitudes, audio.magnitudes, frame_s, &progress.part(0.0, 0.6))?;
    let mut notes = midi.notes.to_vec();
    for note in &mut notes {
        if !note.is_drum() {
            note.pitch = (i32::from(note.pitch) + rough.transpose).clamp(0, 127) as u8;
        }
    }
    let chords = refine::chords(&notes);
    let first = refine::RefineParams::first_pass();
    let mut attacks =
        refine::refine(&chords, &interpolated(&rough.knots), audio.onsets, &first, &progress.part(0.6, 0.85))?;
    if attacks.len() >= 2 {
        let knots = increasing(&attacks);
        let second = refine::RefineParams::second_pass();
        attacks = refine::refine(&chords, &interpolated(&knots), audio.onsets, &second, &progress.part(0.85, 1.0))?;
    }
    let knots = increasing(&attacks);
    let knots = if knots.len() >= 2 { knots } else { rough.knots.clone() };
    let lead = onsets::LEAD_S;
    let map = TimeMap::new(knots.iter().map(|&(m, a)| (MidiTime(m), AudioTime(a + lead))))?;
    let score = rough.cost / rough.null_cost.max(1e-9);
    let costs = vec![0.0; map.knots().len()];
    Ok(Alignment {
        map,
        costs,
        score,
        confidence: (2.0 * (1.0 - score)).clamp(0.0, 1.0),
        transpose: rough.transpose,
        unreliable: Vec::new(),
        remarks: Vec::new(),
    })
}

/// Attacks that advance on both clocks.
fn increasing(attacks: &[refine::Attack]) -> Vec<(f64, f64)> {
    let mut knots: Vec<(f64, f64)> = Vec::with_capacity(attacks.len());
    for attack in attacks {
        if knots.last().is_none_or(|&(m, a)| attack.midi_s > m && attack.audio_s > a) {
            knots.push((attack.midi_s, attack.audio_s));
        }
    }
    knots
}

/// The piecewise linear function through `knots`, going on with the slope of the whole.
fn interpolated(knots: &[(f64, f64)]) -> impl Fn(f64) -> f64 + '_ {
    move |x| warp::interpolate(knots, x, |k| k)
}
