//! What happens to a mix before people hear it: a compressor, and a low bit rate.

use super::compressed;
use super::effects::rms;
use crate::audio::Waveform;
use crate::error::Result;
use crate::job::Progress;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_pcg::Pcg64;
use serde::Serialize;

/// Bit rates, in kbit/s per channel.
const KBIT: [u32; 5] = [24, 32, 40, 48, 64];
/// Time that a compressor takes to respond to a louder sound, and to a softer one, in seconds.
const ATTACK_S: std::ops::Range<f64> = 0.002..0.04;
const RELEASE_S: std::ops::Range<f64> = 0.05..0.5;

/// Turns down loud passages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Compressor {
    /// Level above which it works, in dB above the mean level.
    above_db: f64,
    /// Compression ratio: dB of input per dB of output beyond that level.
    ratio: f64,
    attack_s: f64,
    release_s: f64,
}

/// Compressor and bit rate, each drawn independently; the constants are our choice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Mastering {
    compressor: Option<Compressor>,
    /// Bit rate of the MP3 it goes through if `ffmpeg` is available, in kbit/s.
    pub(super) kbit: Option<u32>,
}

impl Mastering {
    pub(super) fn draw(random: &mut Pcg64) -> Self {
        let compressor = Compressor {
            above_db: random.random_range(-12.0..6.0),
            ratio: random.random_range(2.0..10.0),
            attack_s: random.random_range(ATTACK_S),
            release_s: random.random_range(RELEASE_S),
        };
        let kbit = KBIT.choose(random).copied();
        Self {
            compressor: Some(compressor).filter(|_| random.random_bool(0.4)),
            kbit: kbit.filter(|_| random.random_bool(0.25)),
        }
    }

    /// The sound after both; `name` distinguishes the works of one process.
    pub(super) fn apply(&self, mut sound: Waveform, name: &str, progress: &Progress) -> Result<Waveform> {
        if let Some(compressor) = self.compressor {
            compressor.apply(&mut sound.samples, f64::from(sound.sample_rate));
        }
        match self.kbit.filter(|_| compressed::is_there()) {
            Some(kbit) => compressed::mp3(&sound, kbit, name, progress),
            None => Ok(sound),
        }
    }
}

impl Compressor {
    fn apply(&self, sound: &mut [f32], rate: f64) {
        let threshold = f64::from(rms(sound)) * 10f64.powf(self.above_db / 20.0);
        if threshold <= 0.0 {
            return;
        }
        let keep = |seconds: f64| (-1.0 / (seconds * rate)).exp();
        let (attack, release) = (keep(self.attack_s), keep(self.release_s));
        let exponent = 1.0 / self.ratio - 1.0;
        let mut level = 0.0_f64;
        for x in sound {
            let now = f64::from(x.abs());
            let kept = if now > level { attack } else { release };
            level = now + kept * (level - now);
            if level > threshold {
                *x *= (level / threshold).powf(exponent) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn tone(count: usize) -> Vec<f32> {
        (0..count).map(|i| 0.5 * (i as f32 * 0.2).sin()).collect()
    }

    #[test]
    fn a_compressor_brings_loud_and_soft_together() {
        let mut sound = tone(44_100);
        sound[22_050..].iter_mut().for_each(|x| *x *= 0.1);
        let ratio = |sound: &[f32]| rms(&sound[11_025..22_050]) / rms(&sound[33_075..]);
        let before = ratio(&sound);
        Compressor { above_db: -12.0, ratio: 4.0, attack_s: 0.005, release_s: 0.05 }.apply(&mut sound, 22_050.0);
        assert!((9.9..10.1).contains(&before) && ratio(&sound) < 6.0, "{before} became {}", ratio(&sound));
        let mut silence = vec![0.0; 100];
        Compressor { above_db: 0.0, ratio: 4.0, attack_s: 0.005, release_s: 0.05 }.apply(&mut silence, 22_050.0);
        assert!(silence.iter().all(|x| *x == 0.0));
    }

    #[test]
    fn all_that_is_drawn_leaves_a_sound_of_the_same_length() {
        let mut random = Pcg64::seed_from_u64(3);
        let all: Vec<Mastering> = (0..40).map(|_| Mastering::draw(&mut random)).collect();
        assert!(all.iter().any(|m| m.kbit.is_some()) && all.iter().any(|m| m.compressor.is_some()));
        for mastering in all.into_iter().take(10) {
            let sound = Waveform { samples: tone(22_050), sample_rate: 22_050 };
            let after = mastering.apply(sound, "mastering", &Progress::silent()).expect("applied");
            assert!(after.samples.len().abs_diff(22_050) <= 2400, "{}", after.samples.len());
            assert!(rms(&after.samples) > 0.02 && after.samples.iter().all(|x| x.is_finite()));
        }
    }
}
