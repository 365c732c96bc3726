//! The effect of rooms, microphones and machines on a sound: plain functions on the buffer, and gains on the bins.

use crate::error::{Error, Result};
use rand::RngExt as _;
use rand_distr::{Distribution as _, StandardNormal};
use rand_pcg::Pcg64;
use realfft::RealFftPlanner;
use realfft::num_complex::Complex;
use serde::Serialize;
use std::f64::consts::TAU;

/// Everything that happens to the sound of a recording; the constants are our choice, from trials.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Effects {
    /// Depth and rate (s, Hz) of a chorus.
    chorus: Option<(f64, f64)>,
    /// Seconds until the reverberation is 60 dB down, 0 for none.
    pub(super) reverb_s: f64,
    /// Level of the reverberation against the sound itself.
    wet_db: f64,
    /// Level of another work's sound.
    pub(super) added_db: Option<f64>,
    /// Level of noise that swells and fades like a hall's.
    ambience_db: Option<f64>,
    /// Level of the sound above steady noise.
    noise_db: f64,
    /// Share of the previous sample in each sample of the noise: its colour, 0 is white.
    noise_colour: f64,
    /// Standard deviation of a slow fader.
    fader_db: f64,
    /// Gain in front of a soft limit.
    drive_db: Option<f64>,
    /// Gain of the highest bin against the lowest.
    tilt_db: f64,
    /// Depth, waves over all bins, and phase of an equaliser.
    equaliser: [(f64, f64, f64); 3],
    /// First and last bin in the pass band; beyond them 12 dB an octave.
    band: (f64, f64),
}

impl Effects {
    /// Draws the effects; `sustained`: large rooms and choruses, as for strings and choirs.
    pub(crate) fn draw(sustained: bool, random: &mut Pcg64) -> Self {
        let often = if sustained { 0.7 } else { 0.1 };
        let chorus =
            random.random_bool(often).then(|| (random.random_range(0.5e-3..3e-3), random.random_range(0.2..1.5)));
        let reverb_s = match random.random_bool(0.25) {
            _ if sustained => random.random_range(1.5..4.5),
            true => 0.0,
            false => random.random_range(0.1..2.0),
        };
        let depth = random.random_range(0.0..4.0_f64);
        Self {
            chorus,
            reverb_s,
            wet_db: random.random_range(-15.0..if sustained { 3.0 } else { 0.0 }),
            added_db: random.random_bool(0.12).then(|| random.random_range(-25.0..-10.0)),
            ambience_db: random.random_bool(0.15).then(|| random.random_range(-30.0..-12.0)),
            noise_db: random.random_range(15.0..50.0),
            noise_colour: random.random_range(0.0..0.98),
            fader_db: if random.random_bool(0.3) { random.random_range(0.0..6.0) } else { 0.0 },
            drive_db: random.random_bool(0.2).then(|| random.random_range(0.0..12.0)),
            tilt_db: random.random_range(-12.0..=12.0),
            equaliser: std::array::from_fn(|_| {
                (depth * normal(random), random.random_range(0.5..4.0), random.random_range(0.0..TAU))
            }),
            band: (
                if random.random_bool(0.2) { random.random_range(0.0..20.0) } else { 0.0 },
                if random.random_bool(0.2) { random.random_range(35.0..60.0) } else { 60.0 },
            ),
        }
    }

    /// The sound as it would be recorded; `other` is mixed in at its level. `rate` is in Hz.
    pub(crate) fn apply(&self, sound: &mut [f32], other: Option<&[f32]>, rate: f64, random: &mut Pcg64) -> Result<()> {
        if let Some((depth_s, hz)) = self.chorus {
            chorus(sound, depth_s * rate, hz / rate);
        }
        if self.reverb_s > 0.0 {
            reverb(sound, (self.reverb_s * rate) as usize, gain(self.wet_db), random)?;
        }
        if self.fader_db > 0.0 {
            fade(sound, rate, self.fader_db, random);
        }
        let level = rms(sound);
        if let (Some(other), Some(db)) = (other, self.added_db) {
            let factor = level * gain(db) / rms(other).max(1e-9);
            for (x, o) in sound.iter_mut().zip(other) {
                *x += factor * o;
            }
        }
        if let Some(db) = self.ambience_db {
            let mut ambience = noise(sound.len(), 0.9, random);
            fade(&mut ambience, rate, 6.0, random);
            add(sound, &ambience, level * gain(db));
        }
        let hiss = noise(sound.len(), self.noise_colour as f32, random);
        add(sound, &hiss, level * gain(-self.noise_db));
        if let Some(db) = self.drive_db {
            // Driven until its mean level is so far below the limit that only louder parts are distorted.
            let drive = gain(db) * 0.1 / level.max(1e-9);
            for x in sound.iter_mut() {
                *x = (*x * drive).tanh() / drive;
            }
        }
        Ok(())
    }

    /// Gain of a bin of `bins`, as a natural logarithm: equaliser, tilt and band limits.
    pub(super) fn log_gain(&self, bin: usize, bins: usize) -> f32 {
        let (bin, at) = (bin as f64, bin as f64 / bins as f64);
        let waves: f64 = self.equaliser.iter().map(|(db, waves, phase)| db * (TAU * waves * at + phase).cos()).sum();
        let beyond = (self.band.0 - bin).max(bin - self.band.1).max(0.0);
        let db = waves + self.tilt_db * (at - 0.5) - beyond;
        (db * std::f64::consts::LN_10 / 20.0) as f32
    }
}

fn gain(db: f64) -> f32 {
    10f64.powf(db / 20.0) as f32
}

/// Root mean square.
pub(super) fn rms(sound: &[f32]) -> f32 {
    let energy: f64 = sound.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    (energy / sound.len().max(1) as f64).sqrt() as f32
}

/// Adds `other`, scaled to `level`.
fn add(sound: &mut [f32], other: &[f32], level: f32) {
    let factor = level / rms(other).max(1e-9);
    for (x, o) in sound.iter_mut().zip(other) {
        *x += factor * o;
    }
}

/// Noise; each sample keeps `colour` (0..1) of the previous one.
fn noise(count: usize, colour: f32, random: &mut Pcg64) -> Vec<f32> {
    let mut last = 0.0;
    let mut next = || {
        last = colour * last + random.random_range(-1.0..1.0_f32);
        last
    };
    (0..count).map(|_| next()).collect()
}

/// Adds two voices to the sound, their delays swaying by `depth` samples in opposite directions, at `cycles` per
/// sample.
fn chorus(sound: &mut [f32], depth: f64, cycles: f64) {
    let dry = sound.to_vec();
    for (i, x) in sound.iter_mut().enumerate() {
        let angle = TAU * cycles * i as f64;
        let mut sum = dry[i];
        for (delay, phase) in [(1.5, 0.0), (2.5, 2.0)] {
            let at = i as f64 - depth * (delay + (angle + phase).sin());
            if at >= 0.0 {
                let (whole, part) = (at as usize, at.fract() as f32);
                sum += 0.7 * (dry[whole] * (1.0 - part) + dry[(whole + 1).min(i)] * part);
            }
        }
        *x = sum;
    }
}

/// Adds the convolution with noise of energy 1 that decays by 60 dB over `length` samples, times `wet`.
fn reverb(sound: &mut [f32], length: usize, wet: f32, random: &mut Pcg64) -> Result<()> {
    let length = length.max(1);
    let mut room = noise(length, random.random_range(0.0..0.8), random);
    for (i, x) in room.iter_mut().enumerate() {
        *x *= 10f32.powf(-3.0 * i as f32 / length as f32);
    }
    let norm = (room.iter().map(|x| x * x).sum::<f32>()).sqrt().max(1e-9);
    for x in &mut room {
        *x *= wet / norm;
    }
    let tail = convolve(sound, &room)?;
    for (x, t) in sound.iter_mut().zip(tail) {
        *x += t;
    }
    Ok(())
}

/// The first `sound.len()` samples of the convolution, by overlapped transforms.
fn convolve(sound: &[f32], response: &[f32]) -> Result<Vec<f32>> {
    let size = (2 * response.len()).next_power_of_two().max(1 << 14);
    let block = size - response.len() + 1;
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let failed = |error: realfft::FftError| Error::Internal(format!("a transform of {size} samples failed: {error}"));
    let transform = |values: &[f32]| -> Result<Vec<Complex<f32>>> {
        let mut room = forward.make_input_vec();
        room[..values.len()].copy_from_slice(values);
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut room, &mut spectrum).map_err(failed)?;
        Ok(spectrum)
    };
    let response = transform(response)?;
    let mut result = vec![0.0_f32; sound.len()];
    let mut out = inverse.make_output_vec();
    for (number, part) in sound.chunks(block).enumerate() {
        let mut spectrum = transform(part)?;
        for (s, r) in spectrum.iter_mut().zip(&response) {
            *s *= r;
        }
        inverse.process(&mut spectrum, &mut out).map_err(failed)?;
        for (x, o) in result[number * block..].iter_mut().zip(&out) {
            *x += o / size as f32;
        }
    }
    Ok(result)
}

/// Applies a wandering level: a random point every two seconds, straight lines in between.
fn fade(sound: &mut [f32], rate: f64, db: f64, random: &mut Pcg64) {
    let step = ((2.0 * rate) as usize).max(1);
    let mut from = gain(db * normal(random));
    for part in sound.chunks_mut(step) {
        let to = gain((db * normal(random)).clamp(-3.0 * db, db));
        for (i, x) in part.iter_mut().enumerate() {
            *x *= from + (to - from) * i as f32 / step as f32;
        }
        from = to;
    }
}

/// A draw from the normal distribution with mean 0 and deviation 1.
pub(super) fn normal(random: &mut Pcg64) -> f64 {
    StandardNormal.sample(random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn random(seed: u64) -> Pcg64 {
        Pcg64::seed_from_u64(seed)
    }

    #[test]
    fn convolution_equals_its_definition() {
        for (samples, taps) in [(1, 1), (5000, 3), (20_000, 900), (700, 5000)] {
            let (sound, response) = (noise(samples, 0.3, &mut random(1)), noise(taps, 0.0, &mut random(2)));
            let fast = convolve(&sound, &response).expect("transformed");
            let step = (samples / 50).max(1);
            for i in (0..samples).step_by(step) {
                let slow: f64 = (0..taps.min(i + 1)).map(|k| f64::from(response[k]) * f64::from(sound[i - k])).sum();
                assert!((f64::from(fast[i]) - slow).abs() < 1e-3, "{samples} × {taps}, {i}: {} for {slow}", fast[i]);
            }
        }
    }

    #[test]
    fn everything_at_once_stays_finite_and_audible() {
        for seed in 0..20 {
            let mut random = random(seed);
            let effects = Effects::draw(seed % 2 == 0, &mut random);
            let mut sound: Vec<f32> = (0..22_050).map(|i| 0.2 * (i as f32 * 0.05).sin()).collect();
            let before = rms(&sound);
            effects.apply(&mut sound, Some(&vec![0.1; 22_050]), 22_050.0, &mut random).expect("applied");
            assert!(sound.iter().all(|x| x.is_finite()));
            assert!((0.02..30.0).contains(&(rms(&sound) / before)), "seed {seed}: {} from {before}", rms(&sound));
            assert!((0..60).all(|bin| effects.log_gain(bin, 60).abs() < 12.0));
        }
    }

    #[test]
    fn silence_stays_silence_but_for_nothing() {
        let mut random = random(3);
        let effects = Effects::draw(true, &mut random);
        let mut sound = vec![0.0; 5000];
        effects.apply(&mut sound, None, 22_050.0, &mut random).expect("applied");
        assert!(sound.iter().all(|x| x.abs() < 1e-6));
    }

    #[test]
    fn a_chorus_reads_no_sample_before_its_time() {
        let mut sound = vec![0.0; 2000];
        sound[1000] = 1.0;
        chorus(&mut sound, 40.0, 1e-4);
        assert!(sound[..1000].iter().all(|&x| x == 0.0));
        assert!(sound[1001..].iter().any(|&x| x > 0.1));
    }
}
