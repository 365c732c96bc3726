//! Where are the beats of a recording?
//!
//! [`tempo`] finds the period at which the onset strength repeats, and [`track`] the chain of frames that lie one
//! period apart and on strong onsets: Ellis, "Beat tracking by dynamic programming", 2007. Details and constants are
//! those of librosa 0.11, which the golden tests compare with. Generation 1 gives the tracker the MIDI's tempo.

use realfft::RealFftPlanner;
use std::f64::consts::PI;

/// Longest period considered, in seconds: the window of the autocorrelation.
const WINDOW_S: f64 = 8.0;
/// Tempo considered most likely, in beats a minute.
const USUAL_BPM: f64 = 120.0;
/// Highest tempo considered, in beats a minute.
const FASTEST_BPM: f64 = 320.0;
/// Weight of a steady tempo relative to strong onsets (librosa's `tightness`).
const TIGHTNESS: f64 = 100.0;

/// Tempo, in beats a minute, of an onset strength sampled every `frame_s` seconds; `None` if there are no onsets or too
/// few frames.
///
/// The autocorrelation is taken in windows of 8 s around every frame, relative to their energy, and averaged. The tempo
/// maximises its logarithm plus a log-normal prior around 120 a minute with a standard deviation of one octave; its
/// period is a whole number of frames.
pub fn tempo(onset_strength: &[f32], frame_s: f64) -> Option<f64> {
    let window_frames = (WINDOW_S / frame_s) as usize;
    if onset_strength.is_empty() || window_frames < 2 {
        return None;
    }
    let periodicity = mean_autocorrelation(onset_strength, window_frames)?;
    let bpm = |lag: usize| 60.0 / (frame_s * lag as f64);
    let likelihood = |lag: usize| {
        let octaves = (bpm(lag) / USUAL_BPM).log2();
        (1e6 * periodicity[lag].max(0.0)).ln_1p() - 0.5 * octaves * octaves
    };
    let lags = (1..window_frames).filter(|&lag| bpm(lag) < FASTEST_BPM);
    // The first of equal values wins, as in `argmax`.
    lags.map(|lag| (lag, likelihood(lag))).reduce(|a, b| if b.1 > a.1 { b } else { a }).map(|(lag, _)| bpm(lag))
}

/// Mean over all frames of the autocorrelation in a Hann window around the frame, each divided by its value at lag 0;
/// lags `0..window_frames`. `None` if there are no onsets.
fn mean_autocorrelation(strength: &[f32], window_frames: usize) -> Option<Vec<f64>> {
    let half = window_frames / 2;
    // Ramps to 0 beyond both ends.
    let ramp = |i: usize| i as f32 / half as f32;
    let (first, last) = (*strength.first()?, *strength.last()?);
    let rising = (0..half).map(|i| first * ramp(i));
    let falling = (0..half).rev().map(|i| last * ramp(i));
    let padded: Vec<f32> = rising.chain(strength.iter().copied()).chain(falling).collect();
    let window: Vec<f32> =
        (0..window_frames).map(|n| (0.5 - 0.5 * (2.0 * PI * n as f64 / window_frames as f64).cos()) as f32).collect();

    // The inverse transform is linear, so one is enough for the mean of the power spectra.
    let size = (2 * window_frames).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let fft = planner.plan_fft_forward(size);
    let (mut frame, mut spectrum, mut scratch) = (fft.make_input_vec(), fft.make_output_vec(), fft.make_scratch_vec());
    let mut mean = vec![0.0_f64; spectrum.len()];
    let mut sounding = false;
    for excerpt in padded.windows(window_frames).take(strength.len()) {
        for ((value, sample), window) in frame.iter_mut().zip(excerpt).zip(&window) {
            *value = sample * window;
        }
        frame[window_frames..].fill(0.0);
        let energy: f32 = frame.iter().map(|v| v * v).sum();
        if energy > f32::MIN_POSITIVE {
            sounding = true;
            fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch).expect("buffers made by the plan");
            let scale = 1.0 / energy;
            for (mean, bin) in mean.iter_mut().zip(&spectrum) {
                *mean += f64::from(bin.norm_sqr() * scale);
            }
        }
    }
    let inverse = RealFftPlanner::<f64>::new().plan_fft_inverse(size);
    let mut spectrum: Vec<_> = mean.iter().map(|&power| realfft::num_complex::Complex::new(power, 0.0)).collect();
    let mut autocorrelation = inverse.make_output_vec();
    inverse.process(&mut spectrum, &mut autocorrelation).expect("buffers of the plan's size");
    let scale = 1.0 / (size as f64 * strength.len() as f64);
    autocorrelation.truncate(window_frames);
    for value in &mut autocorrelation {
        *value *= scale;
    }
    sounding.then_some(autocorrelation)
}

/// Beats in seconds, each on a frame, of an onset strength sampled every `frame_s` seconds; at `bpm` beats a minute, or
/// at the [`tempo`] found. Empty if there are no onsets. Beats before the first and after the last clear onset are
/// dropped.
pub fn track(onset_strength: &[f32], frame_s: f64, bpm: Option<f64>) -> Vec<f64> {
    let Some(bpm) = bpm.filter(|bpm| *bpm > 0.0 && bpm.is_finite()).or_else(|| tempo(onset_strength, frame_s)) else {
        return Vec::new();
    };
    let period = (60.0 / (frame_s * bpm)).round_ties_even().max(1.0);
    let Some(score) = local_score(onset_strength, period) else { return Vec::new() };
    let beats = trim(&score, best_chain(&score, period));
    beats.into_iter().map(|frame| frame as f64 * frame_s).collect()
}

/// Onset strength in units of its standard deviation, smoothed with a Gaussian of a thirty-second of a beat. `None` if
/// the strength never changes.
fn local_score(strength: &[f32], period: f64) -> Option<Vec<f64>> {
    let n = strength.len() as f64;
    let mean = strength.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let squares: f64 = strength.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum();
    let deviation = (squares / (n - 1.0)).sqrt();
    if !deviation.is_normal() {
        return None;
    }
    // Beyond 8 deviations, a quarter of a beat, the Gaussian is below 1e-13.
    let reach = ((period / 4.0).ceil() as i64).min(strength.len() as i64);
    let gaussian: Vec<f64> =
        (-reach..=reach).map(|k| (-0.5 * (k as f64 * 32.0 / period).powi(2)).exp() / deviation).collect();
    let at = |i: i64| usize::try_from(i).ok().and_then(|i| strength.get(i)).map_or(0.0, |&v| f64::from(v));
    let smooth = |i: i64| (i - reach..).zip(&gaussian).map(|(i, weight)| weight * at(i)).sum();
    Some((0..strength.len() as i64).map(smooth).collect())
}

/// Frames of the best chain of beats: the one with the highest sum of scores less a penalty for each step's deviation,
/// in log time, from the period.
fn best_chain(score: &[f64], period: f64) -> Vec<usize> {
    let nearest = (period / 2.0).round_ties_even().max(1.0) as usize;
    let farthest = ((2.0 * period) as usize).min(score.len());
    let penalties: Vec<f64> =
        (nearest..=farthest).map(|step| TIGHTNESS * (step as f64 / period).ln().powi(2)).collect();
    let threshold = 0.01 * score.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut total = Vec::with_capacity(score.len());
    let mut before: Vec<Option<usize>> = Vec::with_capacity(score.len());
    let mut started = false;
    for (frame, &here) in score.iter().enumerate() {
        let mut best: Option<(usize, f64)> = None;
        for (step, penalty) in (nearest..=frame.min(farthest)).zip(&penalties) {
            let value: f64 = total[frame - step] - penalty;
            if best.is_none_or(|(_, highest)| value > highest) {
                best = Some((frame - step, value));
            }
        }
        total.push(here + best.map_or(0.0, |(_, value)| value));
        // Frames before the first onset take no part in a chain.
        started |= here >= threshold;
        before.push(best.map(|(frame, _)| frame).filter(|_| started));
    }
    let mut chain: Vec<usize> = std::iter::successors(last_beat(&total), |&frame| before[frame]).collect();
    chain.reverse();
    chain
}

/// The last frame at which the total has a peak of at least half the median peak.
fn last_beat(total: &[f64]) -> Option<usize> {
    let last = total.len().checked_sub(1)?;
    let peak = |&i: &usize| i > 0 && total[i] > total[i - 1] && total[i] >= total[(i + 1).min(last)];
    let mut heights: Vec<f64> = (0..=last).filter(peak).map(|i| total[i]).collect();
    heights.sort_by(f64::total_cmp);
    let n = heights.len();
    let median = if n == 0 { 0.0 } else { f64::midpoint(heights[(n - 1) / 2], heights[n / 2]) };
    (0..=last).rev().filter(peak).find(|&i| total[i] >= 0.5 * median).or(Some(last))
}

/// Drops beats at both ends where the score is below half the level of the beats: the root mean square of their scores,
/// smoothed with a Hann window over five beats.
fn trim(score: &[f64], beats: Vec<usize>) -> Vec<usize> {
    let at = |i: usize| i.checked_sub(2).and_then(|i| beats.get(i)).map_or(0.0, |&frame| score[frame]);
    // librosa's full convolution keeps the two values after the last beat, not the two before the first.
    let smooth = |i: usize| 0.5 * at(i + 1) + at(i + 2) + 0.5 * at(i + 3);
    let n = beats.len() + 2;
    let level = ((0..n).map(|i| smooth(i).powi(2)).sum::<f64>() / n as f64).sqrt();
    let clear = |value: &f64| *value > 0.5 * level;
    let first = score.iter().position(clear).unwrap_or(score.len());
    let last = score.iter().rposition(clear).unwrap_or(0);
    beats.into_iter().filter(|frame| (first..=last).contains(frame)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME_S: f64 = 512.0 / 22_050.0;

    /// Onsets at these seconds, each over three frames.
    fn strength(seconds: f64, onsets: impl Iterator<Item = f64>) -> Vec<f32> {
        let mut strength = vec![0.0; (seconds / FRAME_S) as usize];
        for onset in onsets {
            let frame = (onset / FRAME_S).round() as usize;
            for (frame, value) in (frame..).zip([1.0, 0.5, 0.2]) {
                if let Some(strength) = strength.get_mut(frame) {
                    *strength += value;
                }
            }
        }
        strength
    }

    fn clicks(bpm: f64, from: f64, to: f64) -> impl Iterator<Item = f64> {
        (0..).map(move |beat| from + f64::from(beat) * 60.0 / bpm).take_while(move |&t| t < to)
    }

    #[test]
    fn a_click_track_has_its_tempo_and_its_beats() {
        for bpm in [75.0, 100.0, 130.0, 160.0] {
            let strength = strength(30.0, clicks(bpm, 1.0, 29.0));
            let found = tempo(&strength, FRAME_S).expect("a tempo");
            assert!((found / bpm - 1.0).abs() < 0.04, "{found} for {bpm}");
            let truth: Vec<f64> = clicks(bpm, 1.0, 29.0).collect();
            let beats = track(&strength, FRAME_S, None);
            let hits = truth.iter().filter(|t| beats.iter().any(|b| (b - **t).abs() < 0.03)).count();
            assert!(hits * 100 >= truth.len() * 95, "{hits} of {} at {bpm}", truth.len());
            assert!(beats.len() <= truth.len());
        }
    }

    #[test]
    fn the_tempo_that_it_is_told_wins() {
        let beats = track(&strength(20.0, clicks(100.0, 0.0, 20.0)), FRAME_S, Some(200.0));
        let mean = (beats[beats.len() - 1] - beats[0]) / (beats.len() - 1) as f64;
        assert!((60.0 / mean - 200.0).abs() < 3.0, "{mean}");
    }

    #[test]
    fn beats_follow_a_slowly_changing_tempo() {
        let mut truth = vec![0.5];
        while truth[truth.len() - 1] < 28.0 {
            let t = truth[truth.len() - 1];
            truth.push(t + 0.5 + 0.004 * t);
        }
        let beats = track(&strength(30.0, truth.iter().copied()), FRAME_S, None);
        let hits = truth.iter().filter(|t| beats.iter().any(|b| (b - **t).abs() < 0.05)).count();
        assert!(hits * 10 >= truth.len() * 9, "{hits} of {}", truth.len());
    }

    #[test]
    fn silence_before_and_after_has_no_beats() {
        let beats = track(&strength(40.0, clicks(120.0, 10.0, 30.0)), FRAME_S, None);
        assert!(beats[0] > 9.5 && beats[beats.len() - 1] < 30.5, "{beats:?}");
    }

    #[test]
    fn nothing_to_track_gives_nothing() {
        for strength in [vec![], vec![1.0], vec![0.0; 500], vec![0.7; 500], vec![f32::NAN; 500]] {
            assert!(track(&strength, FRAME_S, Some(120.0)).is_empty());
            assert!(track(&strength, FRAME_S, None).is_empty());
        }
        assert_eq!(tempo(&[], FRAME_S), None);
        assert_eq!(tempo(&[0.0; 500], FRAME_S), None);
        assert_eq!(tempo(&[1.0; 500], 5.0), None);
    }

    #[test]
    fn a_tempo_that_is_none_is_not_taken() {
        let strength = strength(20.0, clicks(120.0, 0.0, 20.0));
        for bpm in [0.0, -3.0, f64::NAN, f64::INFINITY] {
            assert_eq!(track(&strength, FRAME_S, Some(bpm)), track(&strength, FRAME_S, None));
        }
        // Absurd but finite tempos must not panic.
        track(&strength, FRAME_S, Some(1e12));
        track(&strength, FRAME_S, Some(1e-12));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn beats_rise_and_lie_inside(strength in prop::collection::vec(0_f32..1.0, 0..400), bpm in 30.0..600.0) {
            let beats = track(&strength, FRAME_S, Some(bpm));
            prop_assert!(beats.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(beats.iter().all(|&b| b >= 0.0 && b < strength.len() as f64 * FRAME_S));
        }

        /// Checks that no chain of randomly chosen steps scores higher than the one found, up to the same last frame.
        #[test]
        fn no_other_chain_is_better(
            strength in prop::collection::vec(0_f32..1.0, 60..120),
            steps in prop::collection::vec(4_usize..17, 30),
        ) {
            let score = local_score(&strength, 8.0).expect("a changing strength");
            let value = |chain: &[usize]| -> f64 {
                let steps = chain.windows(2).map(|pair| TIGHTNESS * ((pair[1] - pair[0]) as f64 / 8.0).ln().powi(2));
                chain.iter().map(|&frame| score[frame]).sum::<f64>() - steps.sum::<f64>()
            };
            let found = best_chain(&score, 8.0);
            let mut other = vec![found[found.len() - 1]];
            for step in steps {
                let Some(frame) = other[other.len() - 1].checked_sub(step) else { break };
                other.push(frame);
            }
            other.reverse();
            // librosa's tracker always extends a chain while there is room, even where starting a new one would be
            // better.
            if other[0] < 4 {
                prop_assert!(value(&other) <= value(&found) + 1e-9);
            }
        }
    }
}
