//! What the aligner measured, as plain numbers that a judge can weigh.

use super::rough::{contrast, transposed};
use super::structure;
use crate::error::{Error, Result};
use crate::features::KEY_MARGIN;
use crate::job::Progress;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// What an alignment shows for or against a pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Cost of the rough path as a share of that with the MIDI reversed: 1 or more for unrelated music.
    pub cost_share: f64,
    /// Agreement of the attacks as a multiple of that of the same chords half an octave off: about 1 for unrelated
    /// music.
    pub attacks: f64,
    /// Confidence of the aligner of 2016 in the written key; 0 in any other.
    pub published: f64,
    /// How much more alike the two are along the map than unrelated moments: the mean over the recording, in standard
    /// deviations.
    pub gain: f64,
    /// Share of the recording in which the map gains something, measured over a few seconds.
    pub explained: f64,
    /// How much of the recording the MIDI explains at best, with jumps allowed but paid for, in deviations.
    pub structure: f64,
    /// The same with the MIDI reversed.
    pub structure_backwards: f64,
    /// Mean change of the log tempo from one stretch of a few seconds to the next.
    pub unevenness: f64,
    /// Seconds of the recording per second of the MIDI.
    pub tempo: f64,
    /// How often the recording jumps in the MIDI.
    pub jumps: usize,
    /// Whether one side holds only a part of the other.
    pub part: bool,
}

/// Half width of the window in which a map does or doesn't gain something, in seconds, and the least that counts as a
/// gain.
const RADIUS_S: f64 = 2.0;
const GAINS: f64 = 0.3;
/// Length of the stretches between which the tempo is compared, in seconds of the MIDI.
const STRETCH_S: f64 = 3.0;

/// Share of the moments, `step_s` apart, around which something is gained.
pub(super) fn explained_share(gains: &[f64], step_s: f64) -> f64 {
    let radius = (RADIUS_S / step_s).round() as usize;
    let mut sums = vec![0.0; gains.len() + 1];
    for (i, gain) in gains.iter().enumerate() {
        sums[i + 1] = sums[i] + gain;
    }
    let around = |i: usize| {
        let (from, to) = (i.saturating_sub(radius), (i + radius + 1).min(gains.len()));
        (sums[to] - sums[from]) / (to - from) as f64
    };
    (0..gains.len()).filter(|&i| around(i) > GAINS).count() as f64 / gains.len().max(1) as f64
}

/// Mean change of the log tempo of a map, strictly increasing on both sides, from one stretch to the next.
pub(super) fn unevenness(knots: &[(f64, f64)]) -> f64 {
    let (Some(first), Some(last)) = (knots.first(), knots.last()) else { return 0.0 };
    let stretches = (((last.0 - first.0) / STRETCH_S) as usize).max(3);
    let step = (last.0 - first.0) / stretches as f64;
    let at = |i: usize| super::warp::interpolate(knots, first.0 + step * i as f64, |k| k);
    let places: Vec<f64> = (0..=stretches).map(at).collect();
    let tempi: Vec<f64> = places.windows(2).map(|p| ((p[1] - p[0]) / step).max(0.02).ln()).collect();
    tempi.windows(2).map(|t| (t[1] - t[0]).abs()).sum::<f64>() / (tempi.len() - 1) as f64
}

/// Seconds of the recording per second of the MIDI, over a whole map.
pub(super) fn tempo(knots: &[(f64, f64)]) -> f64 {
    let (Some(first), Some(last)) = (knots.first(), knots.last()) else { return 1.0 };
    ((last.1 - first.1) / (last.0 - first.0).max(1e-9)).clamp(0.01, 100.0)
}

/// How well a MIDI file in one key explains a recording, without aligning the two.
#[derive(Debug, Clone)]
pub(crate) struct Explained {
    /// As [`Findings::gain`], along the best chain of stretches.
    pub(crate) gain: f64,
    /// As [`Findings::explained`].
    pub(crate) share: f64,
    /// As [`Findings::structure`].
    pub(crate) structure: f64,
    /// As [`Findings::structure_backwards`].
    pub(crate) structure_backwards: f64,
    /// As [`Findings::jumps`].
    pub(crate) jumps: usize,
    /// Where the two run together: seconds of the MIDI and of the recording.
    pub(crate) runs: Vec<Vec<(f64, f64)>>,
}

/// Explains a recording by a MIDI file, transposed by `semitones`: constant-Q magnitudes of both, the MIDI's with
/// [`KEY_MARGIN`] more bins at each end. Takes a few hundredths of a second for a song.
///
/// # Errors
/// [`Error::Nothing`] if a side makes no sound; [`Error::Cancelled`].
pub(crate) fn explained(
    midi: &Array2<f32>,
    audio: &Array2<f32>,
    semitones: i32,
    frame_s: f64,
    progress: &Progress,
) -> Result<Explained> {
    assert_eq!(midi.ncols(), audio.ncols() + 2 * KEY_MARGIN, "bins of the MIDI side");
    let window = transposed(midi.view(), audio.ncols(), semitones).to_owned();
    let (midi, audio) = (contrast(&window), contrast(audio));
    let silent = |rows: &Array2<f32>| rows.nrows() < 2 || rows.iter().all(|x| *x == 0.0);
    if silent(&midi) || silent(&audio) {
        return Err(Error::nothing("a side makes no sound"));
    }
    let found = structure::structure(midi.view(), audio.view(), frame_s, &|_| Vec::new(), progress)?;
    let seconds = |run: &structure::Run| run.knots.iter().map(|(m, a)| (m * frame_s, a * frame_s)).collect();
    let runs: Vec<Vec<(f64, f64)>> = found.runs.iter().map(seconds).collect();
    let mut gains: Vec<f64> = Vec::new();
    let mut step_s = frame_s;
    for run in &runs {
        let (of_run, step) = found.gains_along(run, midi.view(), audio.view(), frame_s);
        step_s = step;
        if gains.is_empty() {
            gains = of_run;
        } else {
            gains.iter_mut().zip(of_run).for_each(|(sum, gain)| *sum += gain);
        }
    }
    Ok(Explained {
        gain: gains.iter().sum::<f64>() / gains.len().max(1) as f64,
        share: explained_share(&gains, step_s),
        structure: found.gain,
        structure_backwards: found.gain_backwards(midi.view(), audio.view(), frame_s),
        jumps: runs.len().saturating_sub(1),
        runs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_even_and_a_map_that_hurries_and_waits_is_not() {
        let even: Vec<(f64, f64)> = (0..60).map(|i| (f64::from(i), 3.0 + 1.2 * f64::from(i))).collect();
        let mut at = 0.0;
        let uneven: Vec<(f64, f64)> = (0..60)
            .map(|i| {
                at += if i / 3 % 2 == 0 { 1.6 } else { 0.7 };
                (f64::from(i), at)
            })
            .collect();
        assert!(unevenness(&even) < 1e-9 && unevenness(&uneven) > 0.3, "{}", unevenness(&uneven));
        assert!((tempo(&even) - 1.2).abs() < 1e-9);
        assert!(unevenness(&[]).abs() < 1e-9 && unevenness(&[(0.0, 0.0), (0.1, 0.1)]).is_finite());
    }

    #[test]
    fn half_of_a_recording_that_gains_nothing_is_half_explained() {
        let gains: Vec<f64> = (0..400).map(|i| if i < 200 { 1.0 } else { 0.0 }).collect();
        assert!((explained_share(&gains, 0.2) - 0.5).abs() < 0.05);
        assert!(explained_share(&[], 0.2).abs() < 1e-9);
    }
}
