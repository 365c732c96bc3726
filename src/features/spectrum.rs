//! A constant-Q transform with the meaning of its rows and columns, shared by aligners, networks, data sets and
//! indexes.

use super::{CqtParams, Features, FrameTimes, constant_q, log_normalize};
use crate::audio::{ANALYSIS_RATE, Waveform};
use crate::error::Result;
use crate::job::Progress;
use ndarray::{Array2, ArrayView2, Axis, s};

/// Samples between frames at [`ANALYSIS_RATE`], unless set otherwise (spec A, generation 2).
pub const HOP: usize = 1024;
/// Seconds between frames [`HOP`] apart.
pub const FRAME_S: f64 = HOP as f64 / ANALYSIS_RATE as f64;
/// MIDI note of the lowest bin that aligners and networks see.
pub const FIRST_NOTE: u8 = 36;
/// Number of bins that aligners and networks see, a semitone each.
pub const BINS: usize = 48;
/// Extra bins of a wide spectrum at each end: the music can be read that many semitones up or down.
pub const KEY_MARGIN: usize = 6;
/// MIDI note of the lowest bin of a wide spectrum.
pub const WIDE_FIRST_NOTE: u8 = FIRST_NOTE - KEY_MARGIN as u8;
/// Bins of a wide spectrum.
pub const WIDE_BINS: usize = BINS + 2 * KEY_MARGIN;

/// Smallest magnitude whose logarithm is taken (spec A).
const QUIETEST: f32 = 1e-10;

/// Constant-Q magnitudes, (frames × bins).
///
/// ```
/// use antiphon::{audio::{ANALYSIS_RATE, Waveform}, features::*, job::Progress};
/// # let wave = Waveform { samples: vec![0.1; 22_050], sample_rate: ANALYSIS_RATE };
/// let wide = Spectrum::of(&wave, &CqtParams::wide(), &Progress::silent())?;
/// assert_eq!(wide.magnitudes().ncols(), WIDE_BINS);
/// // The 48 bins that a network sees of the same music a tone higher:
/// assert_eq!(wide.logarithm().window(2).ncols(), BINS);
/// # antiphon::Result::Ok(())
/// ```
#[derive(Debug, Clone)]
pub struct Spectrum {
    magnitudes: Array2<f32>,
    frame_s: f64,
    cents: f64,
}

/// Natural logarithms of constant-Q magnitudes, not below `ln 1e-10`, (frames × bins): the input of networks.
#[derive(Debug, Clone)]
pub struct LogSpectrum {
    rows: Array2<f32>,
    frame_s: f64,
    cents: f64,
}

impl CqtParams {
    /// With [`KEY_MARGIN`] extra bins at each end.
    pub fn wide() -> Self {
        Self { first_note: WIDE_FIRST_NOTE, bins: WIDE_BINS, ..Self::default() }
    }
}

impl Spectrum {
    /// The spectrum of a waveform; `params` have [`BINS`] or [`WIDE_BINS`] bins.
    ///
    /// # Errors
    /// Those of [`constant_q`].
    pub fn of(wave: &Waveform, params: &CqtParams, progress: &Progress) -> Result<Self> {
        debug_assert!(matches!((params.first_note, params.bins), (FIRST_NOTE, BINS) | (WIDE_FIRST_NOTE, WIDE_BINS)));
        let magnitudes = constant_q(wave, params, progress)?;
        let frame_s = params.hop_samples as f64 / f64::from(wave.sample_rate);
        Ok(Self { magnitudes, frame_s, cents: params.cents })
    }

    /// A spectrum without frames.
    pub(crate) fn empty() -> Self {
        Self::from_magnitudes(Array2::zeros((0, BINS)))
    }

    /// Builds it from magnitudes [`FRAME_S`] apart, (frames × [`BINS`] or [`WIDE_BINS`]).
    pub(crate) fn from_magnitudes(magnitudes: Array2<f32>) -> Self {
        debug_assert!(matches!(magnitudes.ncols(), BINS | WIDE_BINS));
        Self { magnitudes, frame_s: FRAME_S, cents: 0.0 }
    }

    /// Whether there are no frames.
    pub fn is_empty(&self) -> bool {
        self.magnitudes.nrows() == 0
    }

    /// Seconds between frames.
    pub fn frame_s(&self) -> f64 {
        self.frame_s
    }

    /// All bins, (frames × [`BINS`] or [`WIDE_BINS`]).
    pub fn magnitudes(&self) -> &Array2<f32> {
        &self.magnitudes
    }

    /// The [`BINS`] that aligners see of the music moved up by `key` semitones, or by as many as the margin allows.
    pub fn window(&self, key: i32) -> ArrayView2<'_, f32> {
        window(&self.magnitudes, key)
    }

    /// Whether the margin allows for moving the music up by `key` semitones.
    pub fn holds(&self, key: i32) -> bool {
        key.unsigned_abs() as usize <= margin(&self.magnitudes)
    }

    /// The features that the published aligners see of the music moved up by `key` semitones: [`log_normalize`].
    pub fn features(&self, key: i32) -> Features {
        Features { frames: log_normalize(&self.window(key).to_owned()), times: FrameTimes::Regular(self.frame_s) }
    }

    /// The logarithm, which networks see.
    pub fn logarithm(&self) -> LogSpectrum {
        self.clone().into_logarithm()
    }

    /// Like [`logarithm`](Self::logarithm), in place.
    pub fn into_logarithm(mut self) -> LogSpectrum {
        // NaN counts as silence.
        self.magnitudes.mapv_inplace(|m| if m > QUIETEST { m.min(f32::MAX).ln() } else { QUIETEST.ln() });
        LogSpectrum { rows: self.magnitudes, frame_s: self.frame_s, cents: self.cents }
    }
}

impl LogSpectrum {
    /// Builds it from logarithms [`FRAME_S`] apart, (frames × [`BINS`] or [`WIDE_BINS`]).
    pub(crate) fn from_rows(rows: Array2<f32>) -> Self {
        debug_assert!(matches!(rows.ncols(), BINS | WIDE_BINS));
        Self { rows, frame_s: FRAME_S, cents: 0.0 }
    }

    /// Whether there are no frames.
    pub fn is_empty(&self) -> bool {
        self.rows.nrows() == 0
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.rows.nrows()
    }

    /// Seconds between frames.
    pub fn frame_s(&self) -> f64 {
        self.frame_s
    }

    /// Cents by which all bins were moved up, to the tuning of a recording.
    pub fn cents(&self) -> f64 {
        self.cents
    }

    /// All bins.
    pub fn rows(&self) -> &Array2<f32> {
        &self.rows
    }

    /// Like [`rows`](Self::rows), but by value.
    pub(crate) fn into_rows(self) -> Array2<f32> {
        self.rows
    }

    /// Whether it has bins beyond the [`BINS`] that networks see.
    pub(crate) fn is_wide(&self) -> bool {
        margin(&self.rows) > 0
    }

    /// The [`BINS`] that networks see of the music moved up by `key` semitones, or by as many as the margin allows.
    pub fn window(&self, key: i32) -> ArrayView2<'_, f32> {
        window(&self.rows, key)
    }

    /// The magnitudes, recovered from their logarithms.
    pub(crate) fn magnitudes(&self) -> Spectrum {
        Spectrum { magnitudes: self.rows.mapv(f32::exp), frame_s: self.frame_s, cents: self.cents }
    }

    /// The features that the published aligners see of the music moved up by `key` semitones.
    pub(crate) fn features(&self, key: i32) -> Features {
        let frames = log_normalize(&self.window(key).mapv(f32::exp));
        Features { frames, times: FrameTimes::Regular(self.frame_s) }
    }

    /// The same with frames [`FRAME_S`] apart: the nearest frame for each moment.
    pub(crate) fn at_usual_rate(self) -> Self {
        let ratio = FRAME_S / self.frame_s;
        if (ratio - 1.0).abs() < 1e-6 || self.is_empty() {
            return self;
        }
        let count = ((self.frames() as f64 / ratio).ceil() as usize).max(1);
        let rows: Vec<usize> =
            (0..count).map(|i| ((i as f64 * ratio).round() as usize).min(self.frames() - 1)).collect();
        Self { rows: self.rows.select(Axis(0), &rows), frame_s: FRAME_S, ..self }
    }
}

/// Bins that a matrix has beyond [`BINS`], at each end.
fn margin(rows: &Array2<f32>) -> usize {
    rows.ncols().saturating_sub(BINS) / 2
}

fn window(rows: &Array2<f32>, key: i32) -> ArrayView2<'_, f32> {
    let margin = margin(rows);
    let from = margin.saturating_add_signed(-key as isize).min(2 * margin);
    rows.slice(s![.., from..from + BINS])
}

/// The [`BINS`] of a wide matrix, (frames × [`WIDE_BINS`]), of the music moved up by `key` semitones, −6 to 6.
pub(crate) fn wide_window(rows: &Array2<f32>, key: i32) -> ArrayView2<'_, f32> {
    debug_assert_eq!(rows.ncols(), WIDE_BINS);
    window(rows, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_the_same_music_in_another_key() {
        let log = LogSpectrum::from_rows(Array2::from_shape_fn((1, WIDE_BINS), |(_, bin)| bin as f32));
        for (key, lowest) in [(0, 6.0), (6, 0.0), (-6, 12.0), (1, 5.0), (9, 0.0), (-9, 12.0)] {
            assert_eq!((log.window(key)[[0, 0]], log.window(key).ncols()), (lowest, BINS), "{key}");
        }
        let narrow = Spectrum::from_magnitudes(Array2::zeros((1, BINS)));
        assert!(narrow.holds(0) && !narrow.holds(1) && narrow.window(3).ncols() == BINS);
    }

    #[test]
    fn what_has_no_logarithm_is_silence_and_what_has_no_end_is_loud() {
        let mut magnitudes = Array2::zeros((1, BINS));
        for (bin, value) in [1.0, f32::NAN, f32::INFINITY, -1.0, 1e-12].into_iter().enumerate() {
            magnitudes[[0, bin]] = value;
        }
        let log = Spectrum::from_magnitudes(magnitudes).into_logarithm();
        let quietest = 1e-10_f32.ln();
        assert_eq!(log.rows().row(0).to_vec()[..6], [0.0, quietest, f32::MAX.ln(), quietest, quietest, quietest]);
    }

    #[test]
    fn a_finer_hop_is_brought_to_the_usual_one() {
        let fine = LogSpectrum {
            rows: Array2::from_shape_fn((10, BINS), |(frame, _)| frame as f32),
            frame_s: FRAME_S / 2.0,
            cents: 0.0,
        };
        let usual = fine.at_usual_rate();
        assert_eq!(usual.rows().column(0).to_vec(), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert!((usual.frame_s() - FRAME_S).abs() < 1e-12);
    }
}
