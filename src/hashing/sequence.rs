//! [`HashSequence`]: codes in time.

use super::{HashModel, Side};
use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2};

/// A code for every step of a piece of music.
#[derive(Debug, Clone, PartialEq)]
pub struct HashSequence {
    codes: Vec<u32>,
    bits: u32,
    step_s: f64,
}

impl HashSequence {
    /// Step `i` covers `i × step_s` to `(i + 1) × step_s` seconds. Bit `b` of a code is output `b` of the network.
    ///
    /// # Errors
    /// [`Error::Limit`] if the number of bits is not 16 or 32, if a code has more, or if the step is not a positive
    /// number of seconds.
    pub fn new(codes: Vec<u32>, bits: u32, step_s: f64) -> Result<Self> {
        let limit = |what, value: String, limit: &str| Err(Error::Limit { what, value, limit: limit.into() });
        if bits != 16 && bits != 32 {
            return limit("number of bits", bits.to_string(), "16 or 32");
        }
        if let Some(code) = codes.iter().find(|&&code| u64::from(code) >> bits != 0) {
            return limit("code", format!("{code:#x}"), "16 bits");
        }
        if !(step_s.is_finite() && step_s > 0.0) {
            return limit("step", format!("{step_s} s"), "positive numbers of seconds");
        }
        Ok(Self { codes, bits, step_s })
    }

    /// Codes of a whole file: `log_magnitudes` are natural logarithms of constant-Q magnitudes, (frames × 48),
    /// `frame_s` seconds apart, like those of a [`LogSpectrum`](crate::features::LogSpectrum), or a piano roll if the
    /// model's MIDI side takes one.
    ///
    /// # Errors
    /// [`Error::Limit`] for any other number of bins, and those of [`HashSequence::new`].
    pub fn of(model: &HashModel, side: Side, log_magnitudes: ArrayView2<'_, f32>, frame_s: f64) -> Result<Self> {
        let bins = log_magnitudes.ncols();
        if bins != super::INPUT_BINS {
            let limit = super::INPUT_BINS.to_string();
            return Err(Error::Limit { what: "number of bins", value: bins.to_string(), limit });
        }
        let step_s = model.downsampling() as f64 * frame_s;
        Self::new(model.hash(side, log_magnitudes), model.bits() as u32, step_s)
    }

    /// The codes, one per step.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Bits per code: 16 or 32.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Seconds from step to step.
    pub fn step_s(&self) -> f64 {
        self.step_s
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The code at a moment; none before the first or after the last step.
    pub fn at(&self, seconds: f64) -> Option<u32> {
        let step = (seconds / self.step_s).floor();
        if step >= 0.0 { self.codes.get(step as usize).copied() } else { None }
    }

    /// The bits as shown in a picture: (steps × bits) of 0 and 1, bit 0 first.
    pub fn raster(&self) -> Array2<f32> {
        Array2::from_shape_fn((self.len(), self.bits as usize), |(step, bit)| (self.codes[step] >> bit & 1) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_must_fit_their_bits() {
        assert!(HashSequence::new(vec![0xffff], 16, 0.4).is_ok());
        assert!(HashSequence::new(vec![u32::MAX], 32, 0.4).is_ok());
        for (code, bits, step_s) in [(0x10000, 16, 0.4), (0, 31, 0.4), (0, 32, 0.0), (0, 32, f64::NAN)] {
            assert!(matches!(HashSequence::new(vec![code], bits, step_s), Err(Error::Limit { .. })), "{code} {bits}");
        }
    }

    #[test]
    fn a_moment_belongs_to_the_step_that_covers_it() {
        let sequence = HashSequence::new(vec![1, 2], 32, 0.5).expect("valid");
        let at = [-0.1, 0.0, 0.49, 0.5, 0.99, 1.0, f64::NAN].map(|seconds| sequence.at(seconds));
        assert_eq!(at, [None, Some(1), Some(1), Some(2), Some(2), None, None]);
    }

    #[test]
    fn a_raster_has_a_row_a_step() {
        let raster = HashSequence::new(vec![0b101, 0x8000], 16, 0.5).expect("valid").raster();
        assert_eq!(raster.dim(), (2, 16));
        let set: Vec<(usize, usize)> = raster.indexed_iter().filter(|(_, v)| **v > 0.5).map(|(at, _)| at).collect();
        assert_eq!(set, [(0, 0), (0, 2), (1, 15)]);
    }
}
