//! Converts a mono signal to the analysis rate while it is being decoded.
//!
//! rubato's FFT resampler: both rates are whole multiples of their greatest common divisor, so one block of input is
//! exactly one block of output. Its filter is linear-phase, a windowed sinc as long as the block (Blackman-Harris
//! squared); the delay of half a block is cut off, so sample `n` of the input lies at `n · out / in` of the output.

use crate::error::{Error, Result};
use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// Fewest input frames in a block, also the length of the filter: at 44.1 kHz the transition band is then about 250 Hz
/// wide, with its stop band beginning at the new Nyquist frequency. Longer blocks are no faster.
const BLOCK_FRAMES: usize = 2048;

/// Converts a stream of mono samples from one rate to another.
pub(super) struct Resampler {
    /// `None` if both rates are equal.
    fft: Option<Fft<f32>>,
    ratio: f64,
    pending: Vec<f32>,
    block: Vec<f32>,
    /// Output frames of the filter's delay that are still to be dropped.
    delay: usize,
    frames_in: usize,
    out: Vec<f32>,
}

impl Resampler {
    pub(super) fn new(rate_in: u32, rate_out: u32) -> Result<Self> {
        let (rate_in, rate_out) = (rate_in as usize, rate_out as usize);
        let mut resampler = Self {
            fft: None,
            ratio: rate_out as f64 / rate_in as f64,
            pending: Vec::new(),
            block: Vec::new(),
            delay: 0,
            frames_in: 0,
            out: Vec::new(),
        };
        if rate_in != rate_out {
            let unit = rate_in / gcd(rate_in, rate_out);
            // An even number of units makes both blocks even, so that half a block is a whole number of frames.
            let frames = unit * BLOCK_FRAMES.div_ceil(unit).next_multiple_of(2);
            let fft = Fft::new(rate_in, rate_out, frames, 1, FixedSync::Both).map_err(|error| unsupported(&error))?;
            resampler.delay = fft.output_delay();
            resampler.block = vec![0.0; fft.output_frames_max()];
            resampler.fft = Some(fft);
        }
        Ok(resampler)
    }

    /// Number of output samples so far.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn push(&mut self, samples: &[f32]) -> Result<()> {
        self.frames_in += samples.len();
        let Some(fft) = &self.fft else {
            self.out.extend_from_slice(samples);
            return Ok(());
        };
        let block = fft.input_frames_next();
        let mut rest = samples;
        while self.pending.len() + rest.len() >= block {
            let (now, later) = rest.split_at(block - self.pending.len());
            self.pending.extend_from_slice(now);
            self.run_block()?;
            rest = later;
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// The whole signal: `frames_in · ratio` samples, rounded up. `dropped` frames at the end of the input are left out.
    pub(super) fn finish(mut self, dropped: usize) -> Result<Vec<f32>> {
        let length = ((self.frames_in - dropped.min(self.frames_in)) as f64 * self.ratio).ceil() as usize;
        if let Some(fft) = &self.fft {
            let block = fft.input_frames_next();
            while self.out.len() < length {
                self.pending.resize(block, 0.0);
                self.run_block()?;
            }
        }
        self.out.truncate(length);
        Ok(self.out)
    }

    /// Resamples the pending block, which is full.
    fn run_block(&mut self) -> Result<()> {
        let Some(fft) = &mut self.fft else { return Ok(()) };
        let frames_out = self.block.len();
        let input = SequentialSlice::new(&self.pending, 1, self.pending.len()).map_err(|error| unsupported(&error))?;
        let mut output =
            SequentialSlice::new_mut(&mut self.block, 1, frames_out).map_err(|error| unsupported(&error))?;
        let (_, made) = fft.process_into_buffer(&input, &mut output, None).map_err(|error| unsupported(&error))?;
        let late = self.delay.min(made);
        self.delay -= late;
        self.out.extend_from_slice(&self.block[late..made]);
        self.pending.clear();
        Ok(())
    }
}

/// rubato rejects only values that we would have had to compute wrongly; report it rather than panic.
fn unsupported(error: &impl ToString) -> Error {
    Error::Decode { reason: format!("can't resample: {}", error.to_string()), path: std::path::PathBuf::new() }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    const RATES: [u32; 9] = [8000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];

    fn resample(samples: &[f32], rate: u32) -> Vec<f32> {
        let mut resampler = Resampler::new(rate, 22_050).expect("a supported rate");
        // Odd pieces, so that blocks straddle them.
        for piece in samples.chunks(777) {
            resampler.push(piece).expect("finite samples");
        }
        resampler.finish(0).expect("finite samples")
    }

    fn sine(frequency: f64, rate: u32, frames: usize) -> Vec<f32> {
        (0..frames).map(|n| (TAU * frequency * n as f64 / f64::from(rate)).sin() as f32).collect()
    }

    fn rms(samples: &[f32]) -> f64 {
        (samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    #[test]
    fn length_is_the_input_s_in_seconds_rounded_up() {
        for rate in RATES {
            for frames in [1, 2, 1000, 12_345] {
                let expected = (frames as f64 * 22_050.0 / f64::from(rate)).ceil() as usize;
                assert_eq!(resample(&vec![0.5; frames], rate).len(), expected, "{frames} frames at {rate} Hz");
            }
        }
    }

    #[test]
    fn an_impulse_stays_at_its_time() {
        for rate in RATES {
            // A position that is a whole sample at either rate, so that the peak is a sample of the output.
            let unit = rate as usize / gcd(rate as usize, 22_050);
            let position = unit * (7919_usize.div_ceil(unit));
            let mut samples = vec![0.0; 40_000];
            samples[position] = 1.0;
            let out = resample(&samples, rate);
            let peak = (0..out.len()).max_by(|&a, &b| out[a].total_cmp(&out[b])).expect("not empty");
            assert_eq!(peak, position * 22_050 / rate as usize, "{rate} Hz");
            if peak > 300 && peak + 300 < out.len() {
                let asymmetry = (1..300).map(|k| (out[peak - k] - out[peak + k]).abs()).fold(0.0, f32::max);
                assert!(asymmetry < 1e-5, "{rate} Hz: the response is not symmetric by {asymmetry}");
            }
        }
    }

    #[test]
    fn a_sine_keeps_phase_and_level() {
        for rate in RATES {
            let out = resample(&sine(440.0, rate, rate as usize), rate);
            let ideal = sine(440.0, 22_050, out.len());
            let middle = 4000..out.len() - 4000;
            let error: Vec<f32> = middle.clone().map(|n| out[n] - ideal[n]).collect();
            let error_db = 20.0 * (rms(&error) / rms(&ideal[middle])).log10();
            assert!(error_db < -100.0, "{rate} Hz: error {error_db:.1} dB");
        }
    }

    #[test]
    fn what_is_above_the_new_nyquist_frequency_is_80_db_down() {
        for rate in [32_000, 44_100, 48_000, 96_000, 192_000] {
            for frequency in [11_100.0, 12_000.0, 15_000.0] {
                let out = resample(&sine(frequency, rate, rate as usize), rate);
                let level_db = 20.0 * (rms(&out[4000..out.len() - 4000]) * 2.0_f64.sqrt()).log10();
                assert!(level_db < -80.0, "{frequency} Hz at {rate} Hz: {level_db:.1} dB");
            }
        }
    }

    #[test]
    fn dropped_frames_shorten_the_end() {
        let mut resampler = Resampler::new(44_100, 22_050).expect("a supported rate");
        resampler.push(&vec![0.25; 10_000]).expect("finite samples");
        assert_eq!(resampler.finish(1000).expect("finite samples").len(), 4500);
    }
}
