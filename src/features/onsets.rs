//! How strongly each pitch begins at each moment: the input of the fine alignment.
//!
//! A note's attack is sharper in time in its upper harmonics than at its fundamental, where a filter that resolves
//! semitones is a quarter of a second long. So the recording is analysed with one short window (93 ms), its spectrum
//! gathered in bands a semitone wide, compressed, and differenced in time: the half-wave rectified *spectral flux* per
//! band. The onset strength of a pitch is then a weighted sum of the flux at its harmonics. (This choice is ours; the
//! idea of pitch-wise onset features for fine alignment is from Ewert, Müller and Grosche, "High resolution audio
//! synchronization using chroma onset features", ICASSP 2009.)

use crate::audio::Waveform;
use crate::error::{Error, Result};
use crate::job::Progress;
use ndarray::Array2;
use realfft::RealFftPlanner;

/// Lowest band, a MIDI note number.
pub(crate) const FIRST_BAND: usize = 40;
/// Number of semitone bands; the highest is 9.4 kHz.
pub(crate) const BANDS: usize = 80;
/// Samples between frames, at the analysis rate: 11.6 ms.
pub(crate) const HOP_SAMPLES: usize = 256;
/// Samples of the window at the analysis rate: 93 ms.
const WINDOW_SAMPLES: usize = 2048;
/// Frames between which the flux is taken: 23 ms, the rise time of the windowed attack.
const LAG_FRAMES: usize = 2;
/// How early the flux peaks before an attack, in seconds: the window's edge reaches the attack before its centre does,
/// and the compression lets even the little that it sees count. Measured on piano tones of three soundfonts.
pub(crate) const LEAD_S: f64 = 0.014;
/// Strength of the logarithmic compression: levels this many times below the reference still count.
const COMPRESSION: f32 = 300.0;

/// Flux of each band at each frame: (frames × bands), non-negative, with a local mean of 1.
#[derive(Debug, Clone)]
pub struct Onsets {
    /// (frames × [`BANDS`]).
    pub(crate) flux: Array2<f32>,
    /// Compressed level of each band, rows centred and of unit length: (frames × [`BANDS`]).
    pub(crate) timbre: Array2<f32>,
    /// Level of each band, compressed as `ln(1 + x)`: (frames × [`BANDS`]).
    pub(crate) levels: Array2<f32>,
    /// Seconds between frames.
    pub(crate) frame_s: f64,
}

impl Onsets {
    /// Analyses a recording that is tuned `cents` above 440 Hz.
    ///
    /// # Errors
    /// [`Error::Cancelled`], or what the Fourier transform says.
    pub fn new(wave: &Waveform, cents: f64, progress: &Progress) -> Result<Self> {
        let levels = band_levels(wave, cents, progress)?;
        Ok(Self::from_levels(levels, HOP_SAMPLES as f64 / f64::from(wave.sample_rate)))
    }

    /// Builds it from the [`levels`](Self::levels) of a recording that was analysed before.
    pub(crate) fn from_levels(levels: Array2<f32>, frame_s: f64) -> Self {
        let flux = local_contrast(&flux(&levels));
        let timbre = centred_rows(levels.clone());
        Self { flux, timbre, levels, frame_s }
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.flux.nrows()
    }
}

/// Semitone offsets of the first harmonics and the weight of each.
const HARMONICS: [(usize, f32); 6] = [(0, 1.0), (12, 0.9), (19, 0.7), (24, 0.6), (28, 0.4), (31, 0.3)];

/// Adds the harmonics of `pitch`, scaled by `weight`, to a template over the bands.
pub(crate) fn add_harmonics(template: &mut [f32; BANDS], pitch: u8, weight: f32) {
    for (offset, share) in HARMONICS {
        let band = usize::from(pitch) + offset;
        if (FIRST_BAND..FIRST_BAND + BANDS).contains(&band) {
            template[band - FIRST_BAND] += weight * share;
        }
    }
}

/// Compressed level of each band: (frames × bands). Frame `i` is centred on sample `i × hop`.
fn band_levels(wave: &Waveform, cents: f64, progress: &Progress) -> Result<Array2<f32>> {
    if wave.samples.is_empty() {
        return Err(Error::nothing("the recording has no samples"));
    }
    let rate = f64::from(wave.sample_rate);
    let frames = 1 + wave.samples.len() / HOP_SAMPLES;
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW_SAMPLES);
    let (mut input, mut spectrum) = (fft.make_input_vec(), fft.make_output_vec());
    let mut scratch = fft.make_scratch_vec();
    let window: Vec<f32> = (0..WINDOW_SAMPLES)
        .map(|i| (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / WINDOW_SAMPLES as f64).cos()) as f32)
        .collect();
    let bands = band_weights(rate, cents);
    let mut levels = Array2::<f32>::zeros((frames, BANDS));
    let mut power = vec![0.0f32; spectrum.len()];
    for (frame, mut row) in levels.outer_iter_mut().enumerate() {
        if frame % 256 == 0 {
            progress.step(frame, frames)?;
        }
        let centre = frame * HOP_SAMPLES;
        for (i, (x, w)) in input.iter_mut().zip(&window).enumerate() {
            let at = (centre + i).checked_sub(WINDOW_SAMPLES / 2);
            *x = at.and_then(|at| wave.samples.get(at)).map_or(0.0, |s| s * w);
        }
        fft.process_with_scratch(&mut input, &mut spectrum, &mut scratch)
            .map_err(Error::internal("the spectrum can't be computed"))?;
        for (p, c) in power.iter_mut().zip(&spectrum) {
            *p = c.norm_sqr();
        }
        for (value, (first, weights)) in row.iter_mut().zip(&bands) {
            let sum: f32 = weights.iter().zip(&power[*first..]).map(|(w, p)| w * p).sum();
            *value = sum.sqrt();
        }
    }
    let reference = loud_level(&levels);
    if reference > 0.0 {
        let gain = COMPRESSION / reference;
        levels.mapv_inplace(|x| (x * gain).ln_1p());
    }
    Ok(levels)
}

/// The first spectral bin of each band and the weights from there: triangles a semitone wide, at least two bins.
fn band_weights(rate: f64, cents: f64) -> Vec<(usize, Vec<f32>)> {
    let bin_hz = rate / WINDOW_SAMPLES as f64;
    let last = WINDOW_SAMPLES / 2;
    (0..BANDS)
        .map(|band| {
            let centre_hz = 440.0 * 2f64.powf(((band + FIRST_BAND) as f64 - 69.0 + cents / 100.0) / 12.0);
            let half_hz = (centre_hz * (2f64.powf(1.0 / 12.0) - 1.0)).max(1.5 * bin_hz);
            let first = (((centre_hz - half_hz) / bin_hz).ceil().max(0.0) as usize).min(last);
            let end = (((centre_hz + half_hz) / bin_hz).floor() as usize).clamp(first, last);
            let weights = (first..=end)
                .map(|k| (1.0 - (k as f64 * bin_hz - centre_hz).abs() / half_hz).max(0.0) as f32)
                .collect();
            (first, weights)
        })
        .collect()
}

/// The level that 2 % of all values exceed: what counts as loud in this file.
fn loud_level(levels: &Array2<f32>) -> f32 {
    let mut sample: Vec<f32> = levels.iter().copied().step_by(7).filter(|x| x.is_finite()).collect();
    if sample.is_empty() {
        return 0.0;
    }
    let at = sample.len() - 1 - sample.len() / 50;
    *sample.select_nth_unstable_by(at, f32::total_cmp).1
}

/// Half-wave rectified difference over [`LAG_FRAMES`], centred between the two frames.
fn flux(levels: &Array2<f32>) -> Array2<f32> {
    let frames = levels.nrows();
    let mut flux = Array2::zeros(levels.raw_dim());
    let before = LAG_FRAMES / 2;
    for frame in 0..frames {
        let (early, late) = (frame.saturating_sub(before), (frame + LAG_FRAMES - before).min(frames - 1));
        for band in 0..levels.ncols() {
            flux[[frame, band]] = (levels[[late, band]] - levels[[early, band]]).max(0.0);
        }
    }
    flux
}

/// Divides by the mean over all bands and ± 1 s, so that a quiet passage counts as much as a loud one.
fn local_contrast(flux: &Array2<f32>) -> Array2<f32> {
    const RADIUS_FRAMES: usize = 86;
    let totals: Vec<f64> = flux.outer_iter().map(|row| f64::from(row.sum())).collect();
    let mut sums = vec![0.0; totals.len() + 1];
    for (i, total) in totals.iter().enumerate() {
        sums[i + 1] = sums[i] + total;
    }
    let overall = sums[totals.len()] / (totals.len().max(1) * BANDS) as f64;
    let mut scaled = flux.clone();
    for (i, mut row) in scaled.outer_iter_mut().enumerate() {
        let (from, to) = (i.saturating_sub(RADIUS_FRAMES), (i + RADIUS_FRAMES + 1).min(totals.len()));
        let mean = (sums[to] - sums[from]) / ((to - from) * BANDS) as f64;
        // The floor keeps the noise of a silent passage from counting as music.
        let scale = (mean + 0.1 * overall).max(1e-9) as f32;
        row.mapv_inplace(|x| x / scale);
    }
    scaled
}

/// Each row minus its mean, scaled to unit length; a row without contrast is zero.
fn centred_rows(mut levels: Array2<f32>) -> Array2<f32> {
    for mut row in levels.outer_iter_mut() {
        let mean = row.sum() / BANDS as f32;
        row.mapv_inplace(|x| x - mean);
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        let scale = if length > 1e-3 { 1.0 / length } else { 0.0 };
        row.mapv_inplace(|x| x * scale);
    }
    levels
}
