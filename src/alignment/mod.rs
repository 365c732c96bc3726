//! Which moment of a recording is which moment of a MIDI file.

mod anchored;
pub mod distance;
pub mod dtw;
pub(crate) mod follow;
pub mod published;
pub(crate) mod refine;
pub mod retime;
pub(crate) mod rough;
mod steady;
pub mod warp;

pub(crate) use anchored::{anchored, moved};
pub(crate) use rough::KEY_MARGIN;

use crate::audio::AudioTime;
use crate::error::Result;
use crate::features::Features;
use crate::features::onsets::{self, Onsets};
use crate::job::Progress;
use crate::midi::{MidiTime, Note};
use follow::Followed;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use warp::TimeMap;

/// Pairs with a confidence above it count as matches (spec B: `c > .5`).
pub const ACCEPTED: f64 = 0.5;

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
    /// Whether the pair counts as a match: confidence above [`ACCEPTED`].
    pub fn accepted(&self) -> bool {
        self.confidence > ACCEPTED
    }

    /// Adds the confidence of an independent aligner: two that half believe in a pair are believed together. The published
    /// one sees what ours misses, and the other way round: it needs equal tempo but no attacks.
    pub(crate) fn supported_by(&mut self, confidence: f64) {
        self.score -= confidence / 2.0;
        self.confidence = (2.0 * (1.0 - self.score)).clamp(0.0, 1.0);
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
    for note in notes.iter_mut().filter(|note| !note.is_drum()) {
        note.pitch = (i32::from(note.pitch) + rough.transpose).clamp(0, 127) as u8;
    }
    let chords = refine::chords(&notes);
    // The same in a key that can't be right.
    for note in notes.iter_mut().filter(|note| !note.is_drum()) {
        note.pitch = if note.pitch >= 64 { note.pitch - 6 } else { note.pitch + 6 };
    }
    let wrong = refine::chords(&notes);
    let Followed { mut attacks, evidence, knots } =
        follow::follow(&chords, &wrong, &rough, audio.onsets, &progress.part(0.6, 1.0))?;
    let score = score(rough.cost / rough.null_cost, evidence, rough.transpose != 0);
    for (attack, chord) in attacks.iter_mut().zip(&chords) {
        let rise = refine::half_rise(chord, audio.onsets, attack.audio_s / audio.onsets.frame_s);
        attack.audio_s = rise.map_or(attack.audio_s + onsets::LEAD_S, |frame| frame * audio.onsets.frame_s);
    }
    let knots = follow::increasing(&attacks).unwrap_or(knots);
    let map = TimeMap::new(knots.into_iter().map(|(m, a)| (MidiTime(m), AudioTime(a))))?;
    let local = |MidiTime(m): MidiTime, AudioTime(a): AudioTime| {
        let row =
            |rows: &Array2<f32>, seconds: f64| ((seconds / frame_s).round().max(0.0) as usize).min(rows.nrows() - 1);
        let (i, j) = (row(&rough.midi, m), row(&rough.audio, a));
        (1.0 - rough.midi.row(i).dot(&rough.audio.row(j))).clamp(0.0, 1.0)
    };
    let costs: Vec<f32> = map.knots().map(|(m, a)| local(m, a)).collect();
    let unreliable = unreliable(&map, audio.magnitudes.nrows() as f64 * frame_s, rough.null_cost, local);
    let mut remarks = Vec::new();
    if rough.transpose != 0 {
        remarks.push(format!("the MIDI was moved by {:+} semitones", rough.transpose));
    }
    if rough.part {
        remarks.push("one side holds a part of the other only".into());
    }
    if rough.levels > 1 {
        remarks.push(format!("aligned coarse to fine, in {} levels", rough.levels));
    }
    Ok(Alignment {
        map,
        costs,
        score,
        confidence: (2.0 * (1.0 - score)).clamp(0.0, 1.0),
        transpose: rough.transpose,
        unreliable,
        remarks,
    })
}

/// Score and transposition of a pair of which only constant-Q magnitudes are there: `midi` has [`KEY_MARGIN`] bins more at
/// each end than `audio`. As [`align`] without the evidence of attacks; see [`Alignment::supported_by`].
pub(crate) fn align_features(
    midi: &Array2<f32>,
    audio: &Array2<f32>,
    frame_s: f64,
    progress: &Progress,
) -> Result<(f64, i32)> {
    let rough = rough::rough(midi, audio, frame_s, progress)?;
    Ok((score(rough.cost / rough.null_cost, 1.0, rough.transpose != 0), rough.transpose))
}

/// The score from two comparisons with what can't be right: the cost of the path as a share of that of the MIDI
/// backwards, and the agreement of the attacks as a multiple of that of the same chords half an octave off.
///
/// Unrelated music has about 1 for both, whatever its style, because both sides of each comparison share it. True pairs
/// have less of the first (sustained sound, at any tempo) or more of the second (rhythm and pitch of the attacks), mostly
/// both, so the two are added. Evidence against a pair counts as none. See [`Alignment::supported_by`] for the rest.
fn score(cost_share: f64, agreement_multiple: f64, transposed: bool) -> f64 {
    // A confidence of ½ at .3 of added evidence: chosen on the 9 true and 72 wrong pairs that the README names.
    const HALF_EVIDENCE: f64 = 0.3;
    // Of twelve keys one always wins: it must win by more to mean something.
    let half = if transposed { 2.0 * HALF_EVIDENCE } else { HALF_EVIDENCE };
    if !cost_share.is_finite() || !agreement_multiple.is_finite() {
        return 1.0;
    }
    let evidence = ((1.0 - cost_share) + (agreement_multiple - 1.0)).max(0.0);
    1.0 - evidence / (4.0 * half)
}

/// Stretches of audio time, longer than a second, where the two sides are hardly more alike than unrelated music and
/// less alike than elsewhere in the pair, or
/// where the map goes on beyond its knots.
fn unreliable(
    map: &TimeMap,
    audio_s: f64,
    null_cost: f64,
    local: impl Fn(MidiTime, AudioTime) -> f32,
) -> Vec<(f64, f64)> {
    const STEP_S: f64 = 0.05;
    const RADIUS: usize = 30;
    const SHORTEST_S: f64 = 1.0;
    const STANDS_OUT: f64 = 1.3;
    const HIGHEST_LIMIT: f64 = 0.95;
    let knots: Vec<f64> = map.knots().map(|(_, AudioTime(a))| a).collect();
    let (first, last) = (knots[0], knots[knots.len() - 1]);
    let steps = (audio_s / STEP_S) as usize;
    let at = |i: usize| i as f64 * STEP_S;
    let costs: Vec<f64> = (0..steps)
        .map(|i| {
            if at(i) < first - SHORTEST_S || at(i) > last + 2.0 * SHORTEST_S {
                1.0
            } else {
                f64::from(local(map.to_midi(AudioTime(at(i))), AudioTime(at(i))))
            }
        })
        .collect();
    let mut sums = vec![0.0; steps + 1];
    for (i, cost) in costs.iter().enumerate() {
        sums[i + 1] = sums[i] + cost;
    }
    // Backwards through repetitive music a path finds likeness everywhere, so its cost alone is too strict a bound: a
    // stretch must also stand out from the rest of this pair.
    let mut sorted: Vec<f64> = costs.iter().copied().filter(|cost| *cost < 1.0).collect();
    sorted.sort_by(f64::total_cmp);
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let limit = null_cost.max(STANDS_OUT * usual).min(HIGHEST_LIMIT);
    let mut runs: Vec<(f64, f64)> = Vec::new();
    for i in 0..steps {
        let (from, to) = (i.saturating_sub(RADIUS), (i + RADIUS + 1).min(steps));
        if (sums[to] - sums[from]) / (to - from) as f64 > limit {
            match runs.last_mut() {
                Some(run) if at(i) - run.1 < 1.5 * STEP_S => run.1 = at(i) + STEP_S,
                _ => runs.push((at(i), at(i) + STEP_S)),
            }
        }
    }
    runs.retain(|run| run.1 - run.0 > SHORTEST_S);
    runs
}

/// The result of a published system in our form: knots at the middle of every run of steps on one side.
pub(crate) fn from_published(
    found: &published::PublishedAlignment,
    midi: &Features,
    audio: &Features,
) -> Result<Alignment> {
    let path = &found.path;
    let mut knots = Vec::with_capacity(path.cells.len());
    let mut costs = Vec::with_capacity(path.cells.len());
    for (&(i, j), &cost) in path.cells.iter().zip(&path.costs) {
        let knot = (midi.times.seconds(i as f64), audio.times.seconds(j as f64));
        // Raffel's tools keep the first of the steps that share a moment and go on from there.
        if knots.last().is_none_or(|&(m, a): &(f64, f64)| knot.0 > m && knot.1 > a) {
            knots.push(knot);
            costs.push(cost);
        }
    }
    let map = TimeMap::new(knots.into_iter().map(|(m, a)| (MidiTime(m), AudioTime(a))))?;
    Ok(Alignment {
        costs,
        map,
        score: found.score,
        confidence: found.confidence,
        transpose: 0,
        unreliable: Vec::new(),
        remarks: found.remark.iter().cloned().collect(),
    })
}
