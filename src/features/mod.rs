//! The features that are compared: matrices of frames × bins, row = time, row-major `f32`, the same everywhere in the
//! crate.
//!
//! | question | answer |
//! |---|---|
//! | How loud is each semitone at each moment? | [`constant_q`] |
//! | What do aligners see of it? | [`log_normalize`]; both at once: [`features`] |
//! | What do networks, data sets and indexes share of it, in any key? | [`Spectrum`] and its [logarithm](LogSpectrum) |
//! | Where does something begin? | [`onset_strength()`] of a transform, [`mel_onset_strength`] of a waveform |
//! | Where are the beats? | [`beats::track`], at a given tempo or at [`beats::tempo`] |
//! | One row per beat, for generation 1? | [`double_until`] for the beats, [`beat_synchronous()`] for the rows |
//! | A MIDI file without a synthesiser? | [`piano_roll()`] |
//! | How far is a recording from A4 = 440 Hz? | [`tuning()`] |
//!
//! Constants are those of spec A, the systems of Raffel 2015 and 2016; the two generations differ only in their time
//! base:
//!
//! | | hop at 22 050 Hz | at 11 025 Hz | rows |
//! |---|---|---|---|
//! | generation 1 | 512 | 256 | from beat to beat |
//! | generation 2 | 1024 | 512 | frames of 46.4 ms |
//!
//! ```
//! use antiphon::{audio::Waveform, features::*, job::Progress};
//! # let wave = Waveform { samples: vec![0.1; 22_050], sample_rate: 22_050 };
//! let progress = Progress::silent();
//! let generation_2 = features(&wave, &CqtParams::default(), &progress)?;
//!
//! let magnitudes = constant_q(&wave, &CqtParams { hop_samples: 512, ..CqtParams::default() }, &progress)?;
//! let frame_s = 512.0 / 22_050.0;
//! let beats = beats::track(&onset_strength(&magnitudes, frame_s), frame_s, None);
//! let generation_1 = beat_synchronous(&magnitudes, frame_s, &double_until(&beats, 240.0));
//! # antiphon::Result::Ok(())
//! ```

mod beat_synchronous;
pub mod beats;
mod cqt;
mod fir;
mod normalize;
mod onset_strength;
mod piano_roll;
mod spectrum;
mod tuning;

pub use beat_synchronous::{beat_synchronous, double_until, mean_tempo};
pub use cqt::constant_q;
pub use normalize::log_normalize;
pub use onset_strength::{mel_onset_strength, onset_strength};
pub use piano_roll::piano_roll;
pub(crate) use piano_roll::summed_velocity;
pub(crate) use spectrum::wide_window;
pub use spectrum::{BINS, FIRST_NOTE, FRAME_S, HOP, KEY_MARGIN, LogSpectrum, Spectrum, WIDE_BINS, WIDE_FIRST_NOTE};
pub use tuning::tuning;

pub mod onsets;

use crate::audio::Waveform;
use crate::error::Result;
use crate::job::Progress;
use ndarray::Array2;

/// Constant-Q parameters; the defaults are the spec's: 48 bins from C2, 12 an octave, Q 16.8, hop 1024 at 22 050 Hz.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CqtParams {
    /// Samples between frames at the waveform's own rate.
    pub hop_samples: usize,
    /// MIDI note of the lowest bin.
    pub first_note: u8,
    /// Number of bins.
    pub bins: usize,
    /// Bins per octave.
    pub bins_per_octave: usize,
    /// Cents by which all bins are moved up, to the [`tuning()`] of a recording: −100 to 100.
    pub cents: f64,
}

impl Default for CqtParams {
    fn default() -> Self {
        Self { hop_samples: HOP, first_note: FIRST_NOTE, bins: BINS, bins_per_octave: 12, cents: 0.0 }
    }
}

/// The times of a matrix's rows.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameTimes {
    /// Row `i` is at `i` times this many seconds.
    Regular(f64),
    /// Row `i` starts at the `i`-th of these seconds (beat-synchronous features).
    At(Vec<f64>),
}

impl FrameTimes {
    /// Seconds of (fractional) row `i`.
    pub fn seconds(&self, row: f64) -> f64 {
        match self {
            Self::Regular(step) => row * step,
            Self::At(times) => match times.len() {
                0 => 0.0,
                1 => times[0],
                n => {
                    let i = (row.max(0.0) as usize).min(n - 2);
                    times[i] + (row - i as f64) * (times[i + 1] - times[i])
                }
            },
        }
    }
}

/// Rows of unit length and their times: the input of the published aligners and networks.
#[derive(Debug, Clone)]
pub struct Features {
    /// (frames × bins), rows L2-normalised.
    pub frames: Array2<f32>,
    /// The times of the rows.
    pub times: FrameTimes,
}

/// [`constant_q`] then [`log_normalize`]; row `i` is at `i × hop / sample rate` seconds.
pub fn features(wave: &Waveform, params: &CqtParams, progress: &Progress) -> Result<Features> {
    let frames = log_normalize(&constant_q(wave, params, progress)?);
    Ok(Features { frames, times: FrameTimes::Regular(params.hop_samples as f64 / f64::from(wave.sample_rate)) })
}
