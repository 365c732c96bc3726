//! [`Strip`]: frames at regular intervals on the recording's clock.

use crate::alignment::Segments;
use crate::audio::AudioTime;
use crate::features::{Features, FrameTimes};
use ndarray::{Array2, ArrayView1, s};

/// Constant-Q frames (frames × bins) on the recording's clock, for display, frame `i` at `i × frame_s` seconds.
///
/// The features are decibels below the loudest moment, scaled to rows of unit length, so that silence would look as
/// bright as a chord. For display each row is scaled back by its lowest bin, which is at the floor in all but the
/// densest sounds: −1 is the floor, 0 the loudest moment. Rows without negative values (piano rolls) stay unchanged.
#[derive(Debug, Clone)]
pub struct Strip {
    /// The frames.
    pub values: Array2<f32>,
    /// Seconds from one frame to the next.
    pub frame_s: f64,
}

impl Strip {
    /// The frames of a recording, or of a MIDI file on its own clock. Features at irregular intervals are resampled at
    /// the interval of the first two.
    pub fn of(features: &Features) -> Self {
        let frame_s = match &features.times {
            FrameTimes::Regular(step) => *step,
            FrameTimes::At(_) => (features.times.seconds(1.0) - features.times.seconds(0.0)).max(1e-3),
        };
        let mut values = features.frames.clone();
        for mut row in values.rows_mut() {
            let lowest = lowest(&row.view());
            if lowest < 0.0 {
                row /= -lowest;
            }
        }
        Self { values, frame_s }
    }

    /// The frames of a MIDI file at the recording's corresponding moments: `frames` frames of `frame_s` seconds of the
    /// recording's clock, each with the largest value of the MIDI frames that fall into it; dark where the MIDI has
    /// nothing.
    pub(crate) fn in_audio_time(midi: &Features, played: &Segments, frames: usize, frame_s: f64) -> Self {
        let seen = Self::of(midi).values;
        let dark = seen.iter().copied().fold(0.0, f32::min);
        let mut values = Array2::from_elem((frames, seen.ncols()), dark);
        for (i, mut out) in values.rows_mut().into_iter().enumerate() {
            // Both ends through one map: a jump has no duration.
            let map = &played.maps()[played.at(AudioTime(i as f64 * frame_s))];
            let row_at = |frame: f64| row_of(&midi.times, seen.nrows(), map.to_midi(AudioTime(frame * frame_s)).0);
            let (from, to) = (row_at(i as f64 - 0.5), row_at(i as f64 + 0.5));
            let (a, b) = (from.round() as i64, (to.round() as i64).max(from.round() as i64 + 1));
            for row in a.max(0)..b.min(seen.nrows() as i64) {
                out.zip_mut_with(&seen.row(row as usize), |o: &mut f32, &v: &f32| *o = o.max(v));
            }
        }
        Self { values, frame_s }
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.values.nrows() as f64 * self.frame_s
    }
}

/// Fractional row at a time; extrapolated before the first and after the last.
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

fn lowest(row: &ArrayView1<f32>) -> f32 {
    row.iter().copied().fold(f32::INFINITY, f32::min)
}

/// The features of the same music moved by `semitones`, one bin each, with rows of unit length again. Bins that move in
/// from outside are as quiet as the quietest of their row.
#[must_use]
pub fn transposed(features: &Features, semitones: i32) -> Features {
    if semitones == 0 {
        return features.clone();
    }
    let (rows, bins) = features.frames.dim();
    let shift = (semitones.unsigned_abs() as usize).min(bins);
    let (from, to) = if semitones > 0 { (0..bins - shift, shift..bins) } else { (shift..bins, 0..bins - shift) };
    let mut frames = Array2::zeros((rows, bins));
    for (row, mut moved) in features.frames.rows().into_iter().zip(frames.rows_mut()) {
        moved.fill(lowest(&row));
        moved.slice_mut(s![to.clone()]).assign(&row.slice(s![from.clone()]));
        let norm = moved.dot(&moved).sqrt();
        if norm > 0.0 {
            moved /= norm;
        }
    }
    Features { frames, times: features.times.clone() }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;
    use crate::alignment::warp::TimeMap;
    use crate::midi::MidiTime;
    use ndarray::array;

    fn ramp(rows: usize, step: f64) -> Features {
        Features { frames: Array2::from_shape_fn((rows, 2), |(i, _)| i as f32 + 1.0), times: FrameTimes::Regular(step) }
    }

    #[test]
    fn identity_changes_nothing() {
        let midi = ramp(10, 0.5);
        let strip = Strip::in_audio_time(&midi, &TimeMap::identity().into(), 10, 0.5);
        assert_eq!(strip.values, midi.frames);
    }

    #[test]
    fn frames_land_where_the_recording_has_them_and_ridges_stay() {
        // The MIDI starts 2 s into the recording and runs twice as fast there.
        let map = TimeMap::new([(MidiTime(0.0), AudioTime(2.0)), (MidiTime(8.0), AudioTime(6.0))]).expect("two knots");
        let mut midi = ramp(16, 0.5);
        midi.frames[[7, 1]] = 100.0;
        let strip = Strip::in_audio_time(&midi, &map.into(), 16, 0.5);
        assert!(strip.values.slice(s![..4, 0]).iter().all(|&v| v == 0.0));
        assert!(strip.values[[4, 0]] >= 1.0);
        assert_eq!(strip.values.column(1).iter().filter(|&&v| v == 100.0).count(), 1);
        assert!(strip.values.slice(s![13.., 0]).iter().all(|&v| v == 0.0));
    }

    #[test]
    fn transposing_moves_bins_and_fills_the_edge_with_the_quietest() {
        let features = Features { frames: array![[-0.1, -0.2, -0.3]], times: FrameTimes::Regular(1.0) };
        let moved = transposed(&features, 1).frames;
        let norm = 0.14_f32.sqrt();
        assert!((&moved - &array![[-0.3 / norm, -0.1 / norm, -0.2 / norm]]).iter().all(|d| d.abs() < 1e-6));
        assert_eq!(transposed(&features, 0).frames, features.frames);
        let gone = transposed(&features, -9).frames;
        assert!(gone.iter().all(|&v| (v + 3.0_f32.sqrt().recip()).abs() < 1e-6));
    }

    #[test]
    fn silence_is_dark_and_the_loudest_bin_is_bright() {
        // −80 dB everywhere, then one bin at 0 dB; unit rows.
        let silence = -(4.0_f32.sqrt().recip());
        let quiet = -(3.0_f32.sqrt().recip());
        let frames = array![[silence, silence, silence, silence], [quiet, 0.0, quiet, quiet]];
        let features = Features { frames, times: FrameTimes::Regular(1.0) };
        assert_eq!(Strip::of(&features).values, array![[-1.0, -1.0, -1.0, -1.0], [-1.0, 0.0, -1.0, -1.0]]);
        let later =
            TimeMap::new([(MidiTime(0.0), AudioTime(1.0)), (MidiTime(5.0), AudioTime(6.0))]).expect("two knots");
        let strip = Strip::in_audio_time(&features, &later.into(), 4, 1.0);
        assert_eq!(strip.values.column(1).to_vec(), [-1.0, -1.0, 0.0, -1.0]);
    }
}
