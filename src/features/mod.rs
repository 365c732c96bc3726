//! What is compared: matrices of frames × bins, row = time, row-major `f32`, the same everywhere in this crate.

mod cqt;
mod fir;

pub use cqt::constant_q;

use crate::audio::Waveform;
use crate::error::Result;
use crate::job::Progress;
use crate::midi::Midi;
use ndarray::Array2;

/// Constant-Q parameters; the default is the spec's: 48 bins from C2, 12 an octave, Q 16.8, hop 1024 at 22 050 Hz.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CqtParams {
    /// Samples between frames at the waveform's own rate.
    pub hop_samples: usize,
    /// MIDI note of the lowest bin.
    pub first_note: u8,
    /// Number of bins.
    pub bins: usize,
    /// Bins an octave.
    pub bins_per_octave: usize,
}

impl Default for CqtParams {
    fn default() -> Self {
        Self { hop_samples: 1024, first_note: 36, bins: 48, bins_per_octave: 12 }
    }
}

/// When each row of a matrix happens.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameTimes {
    /// Row `i` is at `i` × this many seconds.
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

/// Rows of unit length with their times: the input of the published aligners and networks.
#[derive(Debug, Clone)]
pub struct Features {
    /// (frames × bins), rows L2-normalised.
    pub frames: Array2<f32>,
    /// When each row is.
    pub times: FrameTimes,
}

/// Magnitudes to features in the order of spec A: log against the maximum with a floor of 80, then unit rows.
pub fn log_normalize(magnitudes: &Array2<f32>) -> Array2<f32> {
    let _ = magnitudes;
    unimplemented!()
}

/// [`constant_q`] then [`log_normalize`].
pub fn features(wave: &Waveform, params: &CqtParams, progress: &Progress) -> Result<Features> {
    let _ = (wave, params, progress);
    unimplemented!()
}

/// Piano roll: summed velocity of all notes but drums, (frames × 48) from MIDI note 36, rows of unit length (spec A).
pub fn piano_roll(midi: &Midi, frame_s: f64) -> Features {
    let _ = (midi, frame_s);
    unimplemented!()
}
