//! [`Strip`]: frames at a regular step on the recording's clock.

use crate::alignment::warp::TimeMap;
use crate::audio::AudioTime;
use crate::features::{Features, FrameTimes};
use ndarray::{Array2, s};

/// Constant-Q frames (frames × bins) on the recording's clock, frame `i` at `i × frame_s` seconds.
#[derive(Debug, Clone)]
pub struct Strip {
    /// The frames, rows of unit length.
    pub values: Array2<f32>,
    /// Seconds from one frame to the next.
    pub frame_s: f64,
}

impl Strip {
    /// The frames as they are. Features that do not come at a regular step are taken at the step of the first two.
    pub fn of(features: &Features) -> Self {
        let frame_s = match &features.times {
            FrameTimes::Regular(step) => *step,
            FrameTimes::At(_) => (features.times.seconds(1.0) - features.times.seconds(0.0)).max(1e-3),
        };
        Self { values: features.frames.clone(), frame_s }
    }

    /// The frames of a MIDI file where the recording has the same moment: `frames` frames of `frame_s` seconds of the
    /// recording's clock, each with the largest value of the MIDI frames that fall into it; dark where the MIDI has
    /// nothing. Drums and key as in `midi`; see [`transposed`].
    pub fn in_audio_time(midi: &Features, map: &TimeMap, frames: usize, frame_s: f64) -> Self {
        let mut values = Array2::zeros((frames, midi.frames.ncols()));
        let row_at = |audio_s: f64| row_of(&midi.times, midi.frames.nrows(), map.to_midi(AudioTime(audio_s)).0);
        let mut from = row_at(-0.5 * frame_s);
        for (i, mut out) in values.rows_mut().into_iter().enumerate() {
            let to = row_at((i as f64 + 0.5) * frame_s);
            let (a, b) = (from.round() as i64, (to.round() as i64).max(from.round() as i64 + 1));
            for row in a.max(0)..b.min(midi.frames.nrows() as i64) {
                out.zip_mut_with(&midi.frames.row(row as usize), |o: &mut f32, &v: &f32| *o = o.max(v));
            }
            from = to;
        }
        Self { values, frame_s }
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.values.nrows() as f64 * self.frame_s
    }
}

/// Fractional row at a time; before the first and after the last it goes on outside the matrix.
fn row_of(times: &FrameTimes, rows: usize, seconds: f64) -> f64 {
    match times {
        FrameTimes::Regular(step) => seconds / step,
        FrameTimes::At(at) => {
            let after = at.partition_point(|&t| t <= seconds);
            if after == 0 {
                return -1.0;
            }
            if after >= at.len() {
                return rows as f64 - if seconds > times.seconds(rows as f64) { 0.0 } else { 1.0 };
            }
            (after - 1) as f64 + (seconds - at[after - 1]) / (at[after] - at[after - 1])
        }
    }
}

/// The features of the same music moved by `semitones`, one bin each; bins that move in from outside are empty.
#[must_use]
pub fn transposed(features: &Features, semitones: i32) -> Features {
    let (rows, bins) = features.frames.dim();
    let shift = (semitones.unsigned_abs() as usize).min(bins);
    let mut frames = Array2::zeros((rows, bins));
    let (from, to) = if semitones >= 0 { (0..bins - shift, shift..bins) } else { (shift..bins, 0..bins - shift) };
    frames.slice_mut(s![.., to]).assign(&features.frames.slice(s![.., from]));
    Features { frames, times: features.times.clone() }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;
    use crate::midi::MidiTime;
    use ndarray::array;

    fn ramp(rows: usize, step: f64) -> Features {
        Features { frames: Array2::from_shape_fn((rows, 2), |(i, _)| i as f32 + 1.0), times: FrameTimes::Regular(step) }
    }

    #[test]
    fn identity_changes_nothing() {
        let midi = ramp(10, 0.5);
        let strip = Strip::in_audio_time(&midi, &TimeMap::identity(), 10, 0.5);
        assert_eq!(strip.values, midi.frames);
    }

    #[test]
    fn frames_land_where_the_recording_has_them_and_ridges_stay() {
        // The MIDI starts 2 s into the recording and runs twice as fast there.
        let map = TimeMap::new([(MidiTime(0.0), AudioTime(2.0)), (MidiTime(8.0), AudioTime(6.0))]).expect("two knots");
        let mut midi = ramp(16, 0.5);
        midi.frames[[7, 1]] = 100.0;
        let strip = Strip::in_audio_time(&midi, &map, 16, 0.5);
        assert!(strip.values.slice(s![..4, 0]).iter().all(|&v| v == 0.0));
        assert!(strip.values[[4, 0]] >= 1.0);
        assert_eq!(strip.values.column(1).iter().filter(|&&v| v == 100.0).count(), 1);
        assert!(strip.values.slice(s![13.., 0]).iter().all(|&v| v == 0.0));
    }

    #[test]
    fn transposing_moves_bins_and_leaves_the_edge_empty() {
        let features = Features { frames: array![[1.0, 2.0, 3.0]], times: FrameTimes::Regular(1.0) };
        assert_eq!(transposed(&features, 1).frames, array![[0.0, 1.0, 2.0]]);
        assert_eq!(transposed(&features, -2).frames, array![[3.0, 0.0, 0.0]]);
        assert_eq!(transposed(&features, 9).frames, array![[0.0, 0.0, 0.0]]);
    }
}
