//! Onset strength: how much does the sound rise at each moment?
//!
//! The rise of every band from frame to frame, with falls counted as 0, and then the median over the bands, as
//! librosa's `onset_strength(aggregate=np.median)` computes it. There are two spectra: the constant-Q transform, which
//! generation 1 uses ([`onset_strength()`]; spec A), and librosa's own default for beat tracking, 128 mel bands in
//! decibels ([`mel_onset_strength`]), which hears drums above the top of the transform and is the better of the two
//! when there is no MIDI to give the tempo.

use super::normalize::log10;
use crate::audio::Waveform;
use crate::error::{Error, Result};
use crate::job::Progress;
use ndarray::Array2;
use realfft::RealFftPlanner;
use std::f64::consts::PI;

/// Half of librosa's analysis window of 2048 samples at 22 050 Hz: a rise shows in the frame that first contains it,
/// so onsets are moved later by this much, in whole frames.
const FRAMING_S: f64 = 1024.0 / 22_050.0;
/// Samples in the window of a mel spectrum, at any sample rate (librosa's default).
const WINDOW: usize = 2048;
/// Bands of a mel spectrum (librosa's default).
const MEL_BANDS: usize = 128;

/// Onset strength of constant-Q magnitudes (frames × bins), one value per frame, `frame_s` seconds apart. Magnitudes
/// are linear, as in generation 1.
pub fn onset_strength(magnitudes: &Array2<f32>, frame_s: f64) -> Vec<f32> {
    median_rise(magnitudes, (FRAMING_S / frame_s + 1e-6) as usize)
}

/// Onset strength of a waveform from its mel spectrum, one value every `hop_samples`, as librosa's beat tracker
/// computes it by default (there with a hop of 512 at 22 050 Hz).
///
/// # Errors
/// [`Error::Limit`] for a hop of 0; [`Error::Cancelled`].
pub fn mel_onset_strength(wave: &Waveform, hop_samples: usize, progress: &Progress) -> Result<Vec<f32>> {
    if hop_samples == 0 {
        let (value, limit) = ("0 samples".into(), "1 sample or more".into());
        return Err(Error::Limit { what: "onset strength hop", value, limit });
    }
    let mut levels = mel_powers(wave, hop_samples, progress)?;
    levels.mapv_inplace(|power| 10.0 * log10(power.max(1e-10)));
    let loudest = levels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    levels.mapv_inplace(|level| level.max(loudest - 80.0));
    Ok(median_rise(&levels, WINDOW / (2 * hop_samples)))
}

/// Median over the bands of the rise of each since the frame before, moved later by `delay` frames.
fn median_rise(levels: &Array2<f32>, delay: usize) -> Vec<f32> {
    let (frames, bands) = levels.dim();
    let mut strength = vec![0.0; frames];
    if bands == 0 {
        return strength;
    }
    let mut rises = vec![0.0_f32; bands];
    for frame in 1..frames.saturating_sub(delay) {
        for ((rise, now), before) in rises.iter_mut().zip(levels.row(frame)).zip(levels.row(frame - 1)) {
            *rise = (now - before).max(0.0);
        }
        let (below, &mut upper, _) = rises.select_nth_unstable_by(bands / 2, f32::total_cmp);
        strength[frame + delay] =
            if bands % 2 == 1 { upper } else { f32::midpoint(below.iter().copied().fold(0.0, f32::max), upper) };
    }
    strength
}

/// Power in mel bands (frames × bands), frames centred on multiples of the hop.
fn mel_powers(wave: &Waveform, hop_samples: usize, progress: &Progress) -> Result<Array2<f32>> {
    let frames = if wave.samples.is_empty() { 0 } else { 1 + wave.samples.len() / hop_samples };
    let bands = mel_bands(f64::from(wave.sample_rate));
    let window: Vec<f32> =
        (0..WINDOW).map(|n| (0.5 - 0.5 * (2.0 * PI * n as f64 / WINDOW as f64).cos()) as f32).collect();
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let (mut frame, mut spectrum, mut scratch) = (fft.make_input_vec(), fft.make_output_vec(), fft.make_scratch_vec());
    let mut powers = vec![0.0_f32; spectrum.len()];
    let mut mel = Array2::zeros((frames, MEL_BANDS));
    for (i, mut row) in mel.rows_mut().into_iter().enumerate() {
        if i % 512 == 0 {
            progress.step(i, frames)?;
        }
        let first = (i * hop_samples) as i64 - WINDOW as i64 / 2;
        for ((value, window), index) in frame.iter_mut().zip(&window).zip(first..) {
            let sample = usize::try_from(index).ok().and_then(|i| wave.samples.get(i)).copied().unwrap_or(0.0);
            *value = window * super::fir::sound(sample);
        }
        fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch).expect("buffers made by the plan");
        for (power, bin) in powers.iter_mut().zip(&spectrum) {
            *power = bin.norm_sqr();
        }
        for (value, (first, weights)) in row.iter_mut().zip(&bands) {
            *value = weights.iter().zip(&powers[*first..]).map(|(w, p)| w * p).sum();
        }
    }
    Ok(mel)
}

/// First spectral bin and weights of each band: triangles of unit area, evenly spaced on Slaney's mel scale (Auditory
/// Toolbox, 1998: linear to 1000 Hz, logarithmic above) from 0 Hz to half the sample rate.
fn mel_bands(rate: f64) -> Vec<(usize, Vec<f32>)> {
    // 15 mel at 1000 Hz; above, 27 mel for a factor of 6.4.
    let hertz = |mel: f64| if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * 6.4_f64.powf((mel - 15.0) / 27.0) };
    let nyquist = rate / 2.0;
    let top =
        if nyquist < 1000.0 { nyquist * 3.0 / 200.0 } else { 15.0 + 27.0 * (nyquist / 1000.0).ln() / 6.4_f64.ln() };
    let edge = |i: usize| hertz(top * i as f64 / (MEL_BANDS + 1) as f64);
    let bin_hz = rate / WINDOW as f64;
    let band = |band: usize| {
        let (low, centre, high) = (edge(band), edge(band + 1), edge(band + 2));
        let first = (low / bin_hz).ceil() as usize;
        let last = ((high / bin_hz) as usize).min(WINDOW / 2);
        let weight = |bin: usize| {
            let f = bin as f64 * bin_hz;
            let triangle = ((f - low) / (centre - low)).min((high - f) / (high - centre)).max(0.0);
            (triangle * 2.0 / (high - low)) as f32
        };
        (first, (first..=last).map(weight).collect())
    };
    (0..MEL_BANDS).map(band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_median_rise_is_moved_by_two_frames_at_the_papers_hop() {
        let magnitudes =
            array![[0.0_f32, 0.0, 0.0], [3.0, 1.0, 2.0], [0.0, 5.0, 2.5], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]];
        assert_eq!(onset_strength(&magnitudes, 512.0 / 22_050.0), [0.0, 0.0, 0.0, 2.0, 0.5]);
        assert_eq!(onset_strength(&magnitudes, 1.0), [0.0, 2.0, 0.5, 0.0, 0.0]);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_middle_of_two() {
        let magnitudes = array![[0.0_f32, 0.0, 0.0, 0.0], [4.0, 1.0, 2.0, 9.0]];
        assert_eq!(onset_strength(&magnitudes, 1.0), [0.0, 3.0]);
    }

    #[test]
    fn nothing_and_silence_have_no_onsets() {
        assert!(onset_strength(&Array2::zeros((0, 48)), 0.02).is_empty());
        assert_eq!(onset_strength(&Array2::zeros((2, 0)), 0.02), [0.0, 0.0]);
        let silent = Waveform { samples: vec![0.0; 3000], sample_rate: 22_050 };
        let strength = mel_onset_strength(&silent, 512, &Progress::silent()).expect("a valid hop");
        assert_eq!(strength, [0.0; 6]);
        let empty = Waveform { samples: vec![], sample_rate: 22_050 };
        assert!(mel_onset_strength(&empty, 512, &Progress::silent()).expect("a valid hop").is_empty());
        assert!(mel_onset_strength(&empty, 0, &Progress::silent()).is_err());
    }

    #[test]
    fn a_click_is_an_onset_where_it_is() {
        let mut wave = Waveform { samples: vec![0.0; 22_050], sample_rate: 22_050 };
        wave.samples[10_240] = 1.0;
        let strength = mel_onset_strength(&wave, 512, &Progress::silent()).expect("a valid hop");
        let (frame, _) = strength.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("frames");
        // This is librosa's answer too: between digital silence and a click the window's flank rises most.
        assert!((20..=21).contains(&frame), "{frame}");
    }
}
