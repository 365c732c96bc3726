//! [`Colour`]: a different timbre for a crop of a recording, drawn afresh each time it is shown.
//!
//! A pair is rendered once, with one soundfont; networks that see it a hundred times learn that soundfont. What another
//! instrument, microphone or room would change is cheap to imitate on log magnitudes: gains of the bins, harmonics an
//! octave or two higher that are stronger or weaker, and notes that ring on. The constants are our choice.

use ndarray::ArrayViewMut2;
use rand::RngExt as _;
use rand_pcg::Pcg64;
use std::f32::consts::{LN_10, TAU};

/// Semitones to the second, third, fourth and fifth harmonic.
const HARMONICS: [usize; 4] = [12, 19, 24, 28];
/// The least that is left of a bin when a harmonic is removed from it.
const LEAST: f32 = 0.1;

/// The changes made to log magnitudes (natural, frames × bins of a semitone).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Colour {
    /// Added to each bin.
    gains: Vec<f32>,
    /// Amplitude of each harmonic of [`HARMONICS`] that is added, or removed if negative.
    harmonics: [f32; 4],
    /// The most that a bin can fall from one frame to the next.
    fall: Option<f32>,
}

impl Colour {
    /// Draws one of `strength` 0 (none) to 1, for `bins` bins and frames of `frame_s` seconds.
    pub(crate) fn draw(strength: f32, bins: usize, frame_s: f32, random: &mut Pcg64) -> Self {
        let db = LN_10 / 20.0 * strength;
        let waves: [(f32, f32, f32); 3] = std::array::from_fn(|_| {
            (db * random.random_range(-4.0..=4.0), random.random_range(0.3..3.0), random.random_range(0.0..TAU))
        });
        let gains = (0..bins).map(|bin| {
            let at = bin as f32 / bins as f32;
            let smooth: f32 = waves.iter().map(|(depth, waves, phase)| depth * (TAU * waves * at + phase).cos()).sum();
            smooth + db * random.random_range(-3.0..=3.0)
        });
        let gains = gains.collect();
        let harmonics = std::array::from_fn(|_| {
            let size = strength * 10f32.powf(random.random_range(-30.0..=-6.0) / 20.0);
            if random.random_bool(0.5) { size } else { -size }
        });
        // From notes that stop at once to 60 dB in four seconds.
        let fall = random
            .random_bool(f64::from(0.5 * strength))
            .then(|| frame_s * LN_10 * 3.0 / 10f32.powf(random.random_range(-1.0..=0.6)));
        Self { gains, harmonics, fall }
    }

    /// Colours consecutive frames in place.
    ///
    /// # Panics
    /// If they do not have as many bins as it was drawn for.
    pub(crate) fn apply(&self, mut frames: ArrayViewMut2<f32>) {
        assert_eq!(frames.ncols(), self.gains.len(), "bins");
        let mut linear = vec![0.0; self.gains.len()];
        let mut before: Option<Vec<f32>> = None;
        for mut row in frames.rows_mut() {
            for (to, from) in linear.iter_mut().zip(&row) {
                *to = from.exp();
            }
            for (bin, v) in row.iter_mut().enumerate() {
                let sources = HARMONICS.iter().zip(&self.harmonics).filter(|(up, _)| bin >= **up);
                let harmonics: f32 = sources.map(|(up, amount)| amount * linear[bin - up]).sum();
                if linear[bin] > 0.0 {
                    *v += (harmonics / linear[bin]).max(LEAST - 1.0).ln_1p() + self.gains[bin];
                }
            }
            if let Some(fall) = self.fall {
                if let Some(before) = &before {
                    row.iter_mut().zip(before).for_each(|(v, before)| *v = v.max(before - fall));
                }
                before = Some(row.to_vec());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use rand::SeedableRng as _;

    fn plain() -> Colour {
        Colour { gains: vec![0.0; 60], harmonics: [0.0; 4], fall: None }
    }

    #[test]
    fn harmonics_are_added_and_taken_out() {
        let mut frames = Array2::from_elem((1, 60), -20.0);
        frames[[0, 10]] = 0.0;
        frames[[0, 29]] = 0.5f32.ln();
        let mut stronger = frames.clone();
        Colour { harmonics: [0.5, 0.0, 0.0, 0.0], ..plain() }.apply(stronger.view_mut());
        assert!((stronger[[0, 22]].exp() - 0.5).abs() < 1e-5, "{}", stronger[[0, 22]].exp());
        assert!(stronger[[0, 10]].abs() < 1e-6, "the note itself stays");
        let mut weaker = frames.clone();
        Colour { harmonics: [0.0, -0.25, 0.0, 0.0], ..plain() }.apply(weaker.view_mut());
        assert!((weaker[[0, 29]].exp() - 0.25).abs() < 1e-5, "half of .5 is left");
        Colour { harmonics: [0.0, -1.0, 0.0, 0.0], ..plain() }.apply(frames.view_mut());
        assert!((frames[[0, 29]].exp() - 0.5 * LEAST).abs() < 1e-5, "never all of it");
    }

    #[test]
    fn notes_ring_on() {
        let mut frames = Array2::from_elem((4, 60), -5.0);
        frames[[0, 3]] = 0.0;
        Colour { fall: Some(2.0), ..plain() }.apply(frames.view_mut());
        assert_eq!(frames.column(3).to_vec(), [0.0, -2.0, -4.0, -5.0]);
        assert_eq!(frames.column(4).to_vec(), [-5.0; 4]);
    }

    #[test]
    fn no_strength_changes_nothing_and_full_strength_stays_in_bounds() {
        let mut random = Pcg64::seed_from_u64(3);
        let frames = Array2::from_shape_fn((40, 60), |(t, bin)| -(((t * 7 + bin * 13) % 90) as f32) / 10.0);
        for _ in 0..50 {
            let mut same = frames.clone();
            Colour::draw(0.0, 60, 0.046, &mut random).apply(same.view_mut());
            assert_eq!(same, frames);
            let mut coloured = frames.clone();
            Colour::draw(1.0, 60, 0.046, &mut random).apply(coloured.view_mut());
            assert!(coloured.iter().all(|v| v.is_finite()));
            assert!(coloured != frames);
        }
        // Silence stays silent.
        let mut silence = Array2::from_elem((3, 60), f32::NEG_INFINITY);
        Colour::draw(1.0, 60, 0.046, &mut random).apply(silence.view_mut());
        assert!(silence.iter().all(|v| *v == f32::NEG_INFINITY));
    }
}
