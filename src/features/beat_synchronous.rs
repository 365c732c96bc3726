//! Generation 1's time base: one row per beat, at 240 beats a minute or more.
//!
//! Beat periods are halved until the tempo reaches 240 ([`double_until`]), the magnitudes between two beats are
//! averaged, and only then are the logarithm and the norm taken ([`beat_synchronous()`]; spec A). A beat then lasts a
//! quarter of a second at most, and two performances of one piece have the same number of rows whatever their tempo, as
//! long as the beats are right.

use super::{Features, FrameTimes, log_normalize};
use ndarray::{Array2, Axis, s};

/// Most beats that are made: at 240 a minute, 48 days.
const MOST_BEATS: usize = 1 << 24;

/// Mean tempo of beats (seconds, rising) in beats a minute; `None` for fewer than two.
pub fn mean_tempo(beats: &[f64]) -> Option<f64> {
    let span = beats.last()? - beats.first()?;
    let bpm = 60.0 * (beats.len() - 1) as f64 / span;
    (bpm.is_finite() && bpm > 0.0).then_some(bpm)
}

/// Doubles the number of beats (seconds, rising) until the mean tempo is at least `bpm`: each doubling puts a beat
/// midway between every two. Fewer than two beats stay unchanged.
///
/// ```
/// use antiphon::features::{double_until, mean_tempo};
/// let beats = double_until(&[0.0, 0.5, 1.0, 2.0], 240.0);
/// assert_eq!(beats, [0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 1.25, 1.5, 1.75, 2.0]);
/// assert_eq!(mean_tempo(&beats), Some(360.0));
/// ```
pub fn double_until(beats: &[f64], bpm: f64) -> Vec<f64> {
    let mut parts = 1_usize;
    if let Some(tempo) = mean_tempo(beats) {
        while tempo * (parts as f64) < bpm && (beats.len() - 1) * parts < MOST_BEATS {
            parts *= 2;
        }
    }
    let between = beats.windows(2).flat_map(|pair| {
        let (beat, next) = (pair[0], pair[1]);
        (0..parts).map(move |part| beat + (next - beat) * part as f64 / parts as f64)
    });
    between.chain(beats.last().copied()).collect()
}

/// Features between beats: the mean of the magnitudes (frames × bins, `frame_s` seconds apart) from each beat to the
/// next, then [`log_normalize`]. Row `i` spans beat `i` (seconds, rising) to beat `i + 1`, so there is one row fewer
/// than there are beats. Beats after the end of the magnitudes have no rows; two beats in the same frame yield that
/// frame.
pub fn beat_synchronous(magnitudes: &Array2<f32>, frame_s: f64, beats: &[f64]) -> Features {
    let frames = magnitudes.nrows();
    // Beats from the tracker lie on frames, up to rounding.
    let frame = |beat: f64| (beat / frame_s + 1e-6) as usize;
    let rows = beats.windows(2).take_while(|pair| frame(pair[0]) < frames).count();
    let mut means = Array2::zeros((rows, magnitudes.ncols()));
    for (mut mean, pair) in means.axis_iter_mut(Axis(0)).zip(beats.windows(2)) {
        let first = frame(pair[0]);
        let end = frame(pair[1]).clamp(first + 1, frames);
        for row in magnitudes.slice(s![first..end, ..]).rows() {
            mean += &row;
        }
        mean /= (end - first) as f32;
    }
    Features { frames: log_normalize(&means), times: FrameTimes::At(beats[..rows].to_vec()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    #[test]
    fn the_mean_is_taken_before_the_logarithm() {
        let magnitudes = array![[1.0_f32, 0.0], [3.0, 2.0], [8.0, 8.0], [0.5, 1.0]];
        let features = beat_synchronous(&magnitudes, 0.5, &[0.0, 1.0, 1.5, 2.0]);
        assert_eq!(features.frames, log_normalize(&array![[2.0, 1.0], [8.0, 8.0], [0.5, 1.0]]));
        assert_eq!(features.times, FrameTimes::At(vec![0.0, 1.0, 1.5]));
    }

    #[test]
    fn beats_outside_and_between_frames_are_safe() {
        let magnitudes = Array2::<f32>::ones((3, 2));
        let rows = |beats: &[f64]| beat_synchronous(&magnitudes, 1.0, beats).frames.nrows();
        assert_eq!(rows(&[]), 0);
        assert_eq!(rows(&[1.0]), 0);
        assert_eq!(rows(&[0.2, 0.4, 0.6, 5.0, 9.0]), 3);
        assert_eq!(rows(&[7.0, 8.0]), 0);
        assert_eq!(rows(&[-2.0, 1.0]), 1);
        assert_eq!(beat_synchronous(&Array2::zeros((0, 48)), 1.0, &[0.0, 1.0]).frames.dim(), (0, 48));
    }

    #[test]
    fn fewer_than_two_beats_have_no_tempo() {
        assert_eq!(mean_tempo(&[]), None);
        assert_eq!(mean_tempo(&[1.0]), None);
        assert_eq!(mean_tempo(&[1.0, 1.0]), None);
        assert_eq!(double_until(&[], 240.0), Vec::<f64>::new());
        assert_eq!(double_until(&[3.0], 240.0), [3.0]);
        assert_eq!(double_until(&[3.0, 3.0], 240.0), [3.0, 3.0]);
    }

    #[test]
    fn an_absurd_span_does_not_fill_the_memory() {
        assert!(double_until(&[0.0, 1e15], 240.0).len() <= MOST_BEATS + 1);
    }

    proptest! {
        #[test]
        fn doubling_reaches_the_tempo_and_no_more_than_it_must(
            gaps in prop::collection::vec(0.05_f64..3.0, 1..40), bpm in 60.0_f64..480.0,
        ) {
            let beats: Vec<f64> = gaps.iter().scan(0.0, |t, gap| { *t += gap; Some(*t) }).collect();
            let doubled = double_until(&beats, bpm);
            if let Some(before) = mean_tempo(&beats) {
                let after = mean_tempo(&doubled).expect("two beats or more");
                prop_assert!(after >= bpm * (1.0 - 1e-9));
                prop_assert!(after < 2.0 * bpm || doubled.len() == beats.len(), "{before} to {after}");
            }
            prop_assert!(doubled.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(beats.iter().all(|beat| doubled.contains(beat)));
        }
    }
}
