//! Constant-Q transform: how loud is each semitone at each moment?
//!
//! A bin is the inner product of the signal with a Hann-windowed complex exponential of `Q` periods, centred on the
//! frame. Its magnitude is scaled as in librosa's `cqt(scale=True)`, so that a sine of a given level gives about
//! `√length / 2` times its amplitude in every bin: filters have unit L1 norm, times the square root of their length in
//! samples at the rate of the waveform.
//!
//! Sources: Brown 1991 for the transform; Schörkhuber and Klapuri 2010 for treating each octave at its own rate; spec A
//! for the constants: `Q = 1 / (2^(1/12) − 1) = 16.8`, no tuning estimate. (Since 0.10, librosa uses Q = 17.3 at
//! `filter_scale=1`; the golden tests compare with both.)
//!
//! Cost: a [`Plan`] halves the sample rate until an octave of bins only just fits, and takes inner products there in
//! the time domain. At 12 bins an octave the filters are then at most 90 samples long, so that a frame of 48 bins costs
//! some 8 000 multiplications: less than one FFT of the length that the lowest bin needs. Each block of frames goes
//! through all rates while it is in the cache, on as many cores as rayon has.

use super::CqtParams;
use super::fir::{BANK_BINS, BLOCK, Halves, Stretch, Tap, filter, halve, sound};
use crate::audio::Waveform;
use crate::error::{Error, Result};
use crate::job::Progress;
use ndarray::Array2;
use rayon::prelude::*;
use std::f64::consts::PI;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Share of a sample rate that is flat and free of aliases after halving; above it is the filter's slope. With 0.403 an
/// octave that ends at B5 (its main lobe at 1105 Hz) fits into 2756 Hz, an eighth of 22 050.
const PASSBAND: f64 = 0.403;
/// How far down aliases are, in dB; the passband is flat to the same degree. This is what 32-bit sums can use.
const ALIAS_DB: f64 = 100.0;
/// Samples of the waveform that one task takes through all rates: 1 MiB.
const TASK_SAMPLES: usize = 1 << 18;
/// Positions between two samples on which filters may be centred, if the hop doesn't divide evenly.
const POSITIONS: u64 = 16;

/// Magnitudes of the constant-Q transform: (frames × bins), with frame `i` centred on sample `i × hop` and silence
/// beyond both ends. There are `1 + samples / hop` frames, none for an empty waveform. Samples that are not finite
/// count as 0.
///
/// # Errors
/// [`Error::Limit`] for a hop, a number of bins or a sample rate of 0, more than 96 bins an octave, more than 100
/// cents, or a top bin whose band reaches beyond half the sample rate; [`Error::Cancelled`].
///
/// # Example
/// ```
/// use antiphon::{audio::Waveform, features::{CqtParams, constant_q}, job::Progress};
/// let a4 = |n: u32| (n as f32 * std::f32::consts::TAU * 440.0 / 22_050.0).sin();
/// let wave = Waveform { samples: (0..22_050).map(a4).collect(), sample_rate: 22_050 };
/// let magnitudes = constant_q(&wave, &CqtParams::default(), &Progress::silent())?;
/// assert_eq!(magnitudes.dim(), (1 + 22_050 / 1024, 48));
/// // A4 is MIDI note 69, bin 69 − 36.
/// let row = magnitudes.row(10);
/// assert!(row.iter().all(|&m| m <= row[33]));
/// # antiphon::Result::Ok(())
/// ```
pub fn constant_q(wave: &Waveform, params: &CqtParams, progress: &Progress) -> Result<Array2<f32>> {
    let plan = Plan::new(wave.sample_rate, params)?;
    if wave.samples.is_empty() {
        return Ok(Array2::zeros((0, params.bins)));
    }
    let frames = 1 + wave.samples.len() / params.hop_samples;
    let task_frames = (TASK_SAMPLES / params.hop_samples).max(1);
    let mut magnitudes = vec![0.0_f32; frames * params.bins];
    let done = AtomicUsize::new(0);
    progress.step(0, frames)?;
    magnitudes.par_chunks_mut(task_frames * params.bins).enumerate().try_for_each_init(
        Room::default,
        |room, (task, rows)| {
            plan.transform(&wave.samples, task * task_frames, rows, room);
            let rows = rows.len() / params.bins;
            progress.step(done.fetch_add(rows, Ordering::Relaxed) + rows, frames)
        },
    )?;
    Ok(matrix(frames, params.bins, magnitudes))
}

fn matrix(frames: usize, bins: usize, values: Vec<f32>) -> Array2<f32> {
    Array2::from_shape_vec((frames, bins), values).expect("frames × bins values were made")
}

/// Everything that depends only on the parameters.
struct Plan {
    hop_samples: u64,
    bins: usize,
    /// Half-band coefficients from each rate to the next lower one.
    halvings: Vec<Vec<f32>>,
    banks: Vec<FilterBank>,
}

/// Up to twelve neighbouring bins that are filtered at the same rate.
struct FilterBank {
    first_bin: usize,
    bins: usize,
    /// How many times the sample rate was halved.
    level: usize,
    /// Taps before the one on the frame's centre.
    before: usize,
    /// Taps for each position of the centre between two samples; only one if the hop divides evenly.
    positions: Vec<Vec<Tap>>,
}

/// Buffers of one worker.
#[derive(Default)]
struct Room {
    levels: Vec<Stretch>,
    halves: Halves,
    starts: Vec<usize>,
    magnitudes: Vec<[f32; BANK_BINS]>,
}

impl Plan {
    fn new(sample_rate: u32, params: &CqtParams) -> Result<Self> {
        let limit = |what, value: String, limit: &str| Err(Error::Limit { what, value, limit: limit.into() });
        let &CqtParams { hop_samples, first_note, bins, bins_per_octave, cents } = params;
        if hop_samples == 0 {
            return limit("constant-Q hop", "0 samples".into(), "1 sample or more");
        }
        if bins == 0 {
            return limit("constant-Q bins", "0".into(), "1 or more");
        }
        if !(1..=96).contains(&bins_per_octave) {
            return limit("constant-Q bins per octave", bins_per_octave.to_string(), "1..=96");
        }
        if !(-100.0..=100.0).contains(&cents) {
            return limit("constant-Q tuning", format!("{cents} cents"), "-100..=100");
        }
        if sample_rate == 0 {
            return limit("sample rate", "0 Hz".into(), "1 Hz or more");
        }
        let rate = f64::from(sample_rate);
        let q = 1.0 / (2.0_f64.powf(1.0 / bins_per_octave as f64) - 1.0);
        let lowest = 440.0 * 2.0_f64.powf((f64::from(first_note) - 69.0 + cents / 100.0) / 12.0);
        let frequency = |bin: usize| lowest * 2.0_f64.powf(bin as f64 / bins_per_octave as f64);
        // The main lobe of a Hann window of Q periods ends two Q-ths above the centre.
        let upper_edge = |bin: usize| frequency(bin) * (1.0 + 2.0 / q);
        if upper_edge(bins - 1) > rate / 2.0 {
            let (value, nyquist) = (format!("{:.0} Hz", upper_edge(bins - 1)), rate / 2.0);
            return limit("upper end of the top constant-Q bin", value, &format!("0..={nyquist} Hz"));
        }
        let level_of = |bin: usize| (PASSBAND * rate / upper_edge(bin)).log2().floor().max(0.0) as usize;

        let mut banks = Vec::new();
        let mut end = bins;
        while end > 0 {
            let level = level_of(end - 1);
            let mut first_bin = end - 1;
            while first_bin > 0 && end - first_bin < BANK_BINS && level_of(first_bin - 1) == level {
                first_bin -= 1;
            }
            let frequencies: Vec<f64> = (first_bin..end).map(frequency).collect();
            banks.push(FilterBank::new(first_bin, &frequencies, q, level, rate, hop_samples as u64));
            end = first_bin;
        }
        let lowest_level = banks.iter().map(|bank| bank.level).max().unwrap_or(0);
        let halvings = (0..lowest_level)
            .map(|level| {
                // Only what the bins below need is kept: the first halvings, far above the top bin, are cheap.
                let top = (0..bins).rev().find(|&bin| level_of(bin) > level).unwrap_or(0);
                half_band(upper_edge(top) / (rate / f64::from(1_u32 << level)))
            })
            .collect();
        Ok(Self { hop_samples: hop_samples as u64, bins, halvings, banks })
    }

    /// Fills `rows` (frames × bins), of which the first is frame `first_frame`.
    fn transform(&self, samples: &[f32], first_frame: usize, rows: &mut [f32], room: &mut Room) {
        let frames = first_frame..first_frame + rows.len() / self.bins;
        self.decimate(samples, frames.clone(), room);
        for bank in &self.banks {
            let stretch = &room.levels[bank.level];
            for (position, taps) in bank.positions.iter().enumerate() {
                let at = |frame: usize| bank.centre(frame as u64 * self.hop_samples);
                let mine = frames.clone().filter(|&frame| at(frame).1 == position);
                room.starts.clear();
                room.starts
                    .extend(mine.clone().map(|frame| (at(frame).0 - bank.before as i64 - stretch.first) as usize));
                room.magnitudes.resize(room.starts.len(), [0.0; BANK_BINS]);
                filter(taps, &stretch.samples, &room.starts, &mut room.magnitudes);
                for (frame, magnitudes) in mine.zip(&room.magnitudes) {
                    let row = &mut rows[(frame - first_frame) * self.bins..][..self.bins];
                    row[bank.first_bin..][..bank.bins].copy_from_slice(&magnitudes[..bank.bins]);
                }
            }
        }
    }

    /// The signal at every rate, as far as the frames need it.
    fn decimate(&self, samples: &[f32], frames: std::ops::Range<usize>, room: &mut Room) {
        let lowest_level = self.halvings.len();
        room.levels.resize_with(lowest_level + 1, Stretch::default);
        let mut below: Option<(i64, i64)> = None;
        for level in (0..=lowest_level).rev() {
            // What the filters at this rate read, and what the halving below reads. (The first halving reads the
            // waveform in place.)
            let banks = self.banks.iter().filter(|bank| bank.level == level);
            let spans = banks.map(|bank| bank.span(&frames, self.hop_samples));
            let halving = below.filter(|_| level > 0).map(|(first, end)| {
                let reach = 2 * self.halvings[level].len() as i64 - 1;
                (2 * first - reach, 2 * (end - 1) + reach + 1)
            });
            let (first, end) = spans.chain(halving).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((0, 0));
            let len = ((end - first) as usize).next_multiple_of(BLOCK);
            room.levels[level].first = first;
            room.levels[level].samples.resize(len, 0.0);
            below = Some((first, first + len as i64));
        }
        let Stretch { first, samples: full_rate } = &mut room.levels[0];
        for (index, sample) in (*first..).zip(full_rate) {
            *sample = usize::try_from(index).ok().and_then(|i| samples.get(i)).map_or(0.0, |&v| sound(v));
        }
        for (level, coefficients) in self.halvings.iter().enumerate() {
            let (above, below) = room.levels.split_at_mut(level + 1);
            let (input, first) = match &above[level] {
                Stretch { first, samples } if level > 0 => (samples.as_slice(), *first),
                _ => (samples, 0),
            };
            halve(coefficients, input, first, &mut below[0], &mut room.halves);
        }
    }
}

impl FilterBank {
    fn new(first_bin: usize, frequencies: &[f64], q: f64, level: usize, full_rate: f64, hop_samples: u64) -> Self {
        let rate = full_rate / f64::from(1_u32 << level);
        let longest = q * rate / frequencies[0];
        let before = (longest / 2.0) as usize;
        let uneven = (1_u64 << level) >> hop_samples.trailing_zeros().min(level as u32);
        let positions = uneven.min(POSITIONS);
        let taps = |position: u64| {
            let centre = before as f64 + position as f64 / positions as f64;
            let mut taps = vec![[0.0; 2 * BANK_BINS]; 2 * before + 1 + usize::from(positions > 1)];
            for (bin, &frequency) in frequencies.iter().enumerate() {
                let length = q * rate / frequency;
                let window = |tap: usize| {
                    let phase = (tap as f64 - centre) / length;
                    if phase.abs() < 0.5 { 0.5 + 0.5 * (2.0 * PI * phase).cos() } else { 0.0 }
                };
                let norm: f64 = (0..taps.len()).map(window).sum();
                let scale = (q * full_rate / frequency).sqrt() / norm;
                for (t, tap) in taps.iter_mut().enumerate() {
                    let (sin, cos) = (2.0 * PI * frequency / rate * (t as f64 - centre)).sin_cos();
                    tap[bin] = (scale * window(t) * cos) as f32;
                    tap[bin + BANK_BINS] = (scale * window(t) * sin) as f32;
                }
            }
            taps
        };
        let positions = (0..positions).map(taps).collect();
        Self { first_bin, bins: frequencies.len(), level, before, positions }
    }

    /// Where a sample of the waveform lies at the bank's rate: the sample at or before it, and the index of the
    /// position.
    fn centre(&self, sample: u64) -> (i64, usize) {
        let positions = self.positions.len() as u64;
        let rest = sample & ((1 << self.level) - 1);
        let nearest = (2 * rest * positions + (1 << self.level)) >> (self.level + 1);
        ((sample >> self.level) as i64 + i64::from(nearest == positions), (nearest % positions) as usize)
    }

    /// First sample and end of what the frames read, at the bank's rate.
    fn span(&self, frames: &std::ops::Range<usize>, hop_samples: u64) -> (i64, i64) {
        let (first, last) = (frames.start as u64, frames.end as u64 - 1);
        let start = |frame: u64| self.centre(frame * hop_samples).0 - self.before as i64;
        (start(first), start(last) + self.positions[0].len() as i64)
    }
}

/// Half-band filter that leaves `0..=top` (a share of the input's sample rate, below ¼) unchanged and keeps aliases out
/// of it: the coefficients at distances 1, 3, 5 …. Kaiser window; Kaiser's formulas for its shape and length.
fn half_band(top: f64) -> Vec<f32> {
    let beta = 0.1102 * (ALIAS_DB - 8.7);
    let length = (ALIAS_DB - 7.95) / (2.285 * 2.0 * PI * (0.5 - 2.0 * top));
    let count = (length / 4.0 + 0.5).ceil() as usize;
    let reach = (2 * count) as f64;
    // Modified Bessel function of the first kind, order 0, by its power series.
    let bessel = |x: f64| {
        let term = |term: &mut f64, k: usize| {
            *term *= (x / 2.0 / k as f64).powi(2);
            Some(*term)
        };
        1.0 + (1..50).scan(1.0, term).sum::<f64>()
    };
    let coefficients: Vec<f64> = (0..count)
        .map(|k| {
            let distance = (2 * k + 1) as f64;
            let sinc = (PI * distance / 2.0).sin() / (PI * distance);
            sinc * bessel(beta * (1.0 - (distance / reach).powi(2)).sqrt()) / bessel(beta)
        })
        .collect();
    // Unit gain at 0 Hz: the odd side taps sum to a quarter on each side.
    let sum: f64 = coefficients.iter().sum();
    coefficients.iter().map(|c| (c * 0.25 / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn transform(samples: &[f32], sample_rate: u32, params: &CqtParams) -> Array2<f32> {
        let wave = Waveform { samples: samples.to_vec(), sample_rate };
        constant_q(&wave, params, &Progress::silent()).expect("valid parameters")
    }

    /// The transform by its definition, at the full rate, in f64.
    fn transform_slowly(samples: &[f32], sample_rate: u32, params: &CqtParams) -> Array2<f32> {
        let (rate, per_octave) = (f64::from(sample_rate), params.bins_per_octave as f64);
        let q = 1.0 / (2.0_f64.powf(1.0 / per_octave) - 1.0);
        Array2::from_shape_fn((1 + samples.len() / params.hop_samples, params.bins), |(frame, bin)| {
            let note = f64::from(params.first_note) + 12.0 * bin as f64 / per_octave + params.cents / 100.0;
            let frequency = 440.0 * 2.0_f64.powf((note - 69.0) / 12.0);
            let length = q * rate / frequency;
            let reach = (length / 2.0) as i64;
            let (mut re, mut im, mut norm) = (0.0, 0.0, 0.0);
            for t in -reach..=reach {
                let window = 0.5 + 0.5 * (2.0 * PI * t as f64 / length).cos();
                norm += window;
                let index = usize::try_from((frame * params.hop_samples) as i64 + t);
                let sample = f64::from(index.ok().and_then(|i| samples.get(i)).copied().unwrap_or(0.0));
                let (sin, cos) = (2.0 * PI * frequency * t as f64 / rate).sin_cos();
                re += window * cos * sample;
                im += window * sin * sample;
            }
            (length.sqrt() / norm * f64::hypot(re, im)) as f32
        })
    }

    /// Decaying tones with overtones, one after another, over a little noise.
    fn music(len: usize, sample_rate: u32) -> Vec<f32> {
        let mut noise = 1_u32;
        (0..len)
            .map(|n| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let seconds = n as f64 / f64::from(sample_rate);
                let note = [45.0, 52.0, 60.0, 64.0, 71.0, 76.0][(seconds * 4.0) as usize % 6];
                let frequency = 440.0 * 2.0_f64.powf((note - 69.0) / 12.0);
                let tone: f64 = (1..20)
                    .map(f64::from)
                    .take_while(|h| h * frequency < f64::from(sample_rate) / 2.0)
                    .map(|h| (2.0 * PI * frequency * h * seconds).sin() / h)
                    .sum();
                (tone * (-4.0 * (seconds * 4.0).fract()).exp() * 0.3) as f32
                    + 1e-4 * (noise as i32 as f32 / i32::MAX as f32)
            })
            .collect()
    }

    fn assert_close(fast: &Array2<f32>, slow: &Array2<f32>, tolerance: f32) {
        assert_eq!(fast.dim(), slow.dim());
        let loudest = slow.iter().copied().fold(0.0, f32::max);
        for ((at, fast), slow) in fast.indexed_iter().zip(slow) {
            assert!((fast - slow).abs() <= tolerance * loudest, "{at:?}: {fast} for {slow}, loudest {loudest}");
        }
    }

    #[test]
    fn equals_its_definition_at_both_rates_of_the_papers() {
        for (rate, hop_samples) in [(22_050, 1024), (22_050, 512), (11_025, 512), (11_025, 256)] {
            let samples = music(rate as usize, rate);
            let params = CqtParams { hop_samples, ..CqtParams::default() };
            assert_close(&transform(&samples, rate, &params), &transform_slowly(&samples, rate, &params), 8e-4);
        }
    }

    #[test]
    fn equals_its_definition_at_hops_that_do_not_divide() {
        for hop_samples in [441, 735, 1000, 1] {
            let samples = music(if hop_samples == 1 { 600 } else { 9000 }, 22_050);
            let params = CqtParams { hop_samples, ..CqtParams::default() };
            assert_close(&transform(&samples, 22_050, &params), &transform_slowly(&samples, 22_050, &params), 1.5e-3);
        }
    }

    #[test]
    fn equals_its_definition_for_other_ranges() {
        let samples = music(8000, 22_050);
        for (first_note, bins, bins_per_octave, cents) in
            [(24, 84, 12, 0.0), (60, 7, 12, 37.5), (36, 144, 36, 0.0), (40, 100, 24, -50.0), (100, 20, 12, -8.0)]
        {
            let params = CqtParams { hop_samples: 512, first_note, bins, bins_per_octave, cents };
            assert_close(&transform(&samples, 22_050, &params), &transform_slowly(&samples, 22_050, &params), 8e-4);
        }
    }

    #[test]
    fn tasks_join_without_a_seam() {
        let samples = music(TASK_SAMPLES + 30_000, 22_050);
        let params = CqtParams::default();
        let whole = transform(&samples, 22_050, &params);
        // The same music moved by 100 frames: other frames lie at the border of the tasks.
        let moved = transform(&samples[100 * 1024..], 22_050, &params);
        for row in 10..moved.nrows() - 10 {
            for (a, b) in moved.row(row).iter().zip(whole.row(row + 100)) {
                assert!((a - b).abs() < 1e-4, "row {row}: {a} {b}");
            }
        }
    }

    #[test]
    fn a_high_tone_leaves_no_alias() {
        // Sweeps everything above the top bin's band; at most −90 dB of a full-scale sine may remain.
        let samples: Vec<f32> = (0..5 * 22_050_u32)
            .map(|n| {
                let t = f64::from(n) / 22_050.0;
                (2.0 * PI * (2500.0 * t + 800.0 * t * t)).sin() as f32
            })
            .collect();
        let magnitudes = transform(&samples, 22_050, &CqtParams::default());
        let full_scale = (16.8 * 22_050.0 / 987.77_f32).sqrt() / 2.0;
        for row in magnitudes.rows().into_iter().take(105).skip(3) {
            assert!(row.iter().all(|&m| m < full_scale * 1e-4), "{row}");
        }
    }

    #[test]
    fn empty_short_and_silent_waveforms_have_their_frames() {
        let params = CqtParams::default();
        assert_eq!(transform(&[], 22_050, &params).dim(), (0, 48));
        assert_eq!(transform(&[0.5], 22_050, &params).dim(), (1, 48));
        assert!(transform(&[0.5], 22_050, &params).iter().all(|&m| m > 0.0));
        let far_hop = CqtParams { hop_samples: 1 << 30, ..params };
        assert_eq!(transform(&[0.5; 100], 22_050, &far_hop).dim(), (1, 48));
        assert!(transform(&[0.0; 3000], 22_050, &params).iter().all(|&m| m == 0.0));
    }

    #[test]
    fn samples_that_are_not_finite_count_as_silence() {
        let mut samples = music(6000, 22_050);
        let params = CqtParams::default();
        samples[3000] = 0.0;
        let clean = transform(&samples, 22_050, &params);
        for broken in [f32::NAN, f32::INFINITY, f32::MAX] {
            samples[3000] = broken;
            assert_eq!(transform(&samples, 22_050, &params), clean);
        }
    }

    #[test]
    fn impossible_parameters_are_errors_that_name_the_limit() {
        let wave = Waveform { samples: vec![0.0; 100], sample_rate: 2000 };
        let with = |params| constant_q(&wave, &params, &Progress::silent()).expect_err("impossible").to_string();
        let base = CqtParams::default();
        assert_eq!(with(base), "upper end of the top constant-Q bin 1105 Hz is outside 0..=1000 Hz");
        assert_eq!(with(CqtParams { hop_samples: 0, ..base }), "constant-Q hop 0 samples is outside 1 sample or more");
        assert_eq!(with(CqtParams { bins: 0, ..base }), "constant-Q bins 0 is outside 1 or more");
        assert!(with(CqtParams { bins: usize::MAX, ..base }).contains("inf Hz"));
        assert!(with(CqtParams { bins_per_octave: 0, ..base }).contains("1..=96"));
        assert!(with(CqtParams { cents: f64::NAN, ..base }).contains("NaN cents is outside -100..=100"));
    }

    #[test]
    fn a_cancelled_transform_stops() {
        let progress = Progress::silent();
        progress.cancel();
        let wave = Waveform { samples: vec![0.0; 100], sample_rate: 22_050 };
        assert!(matches!(constant_q(&wave, &CqtParams::default(), &progress), Err(Error::Cancelled)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn magnitudes_follow_the_gain(gain in 1e-3_f32..100.0, len in 1_usize..20_000) {
            let samples = music(len, 22_050);
            let louder: Vec<f32> = samples.iter().map(|s| s * gain).collect();
            let params = CqtParams::default();
            let (plain, louder) = (transform(&samples, 22_050, &params), transform(&louder, 22_050, &params));
            let loudest = plain.iter().copied().fold(0.0, f32::max);
            for (plain, louder) in plain.iter().zip(&louder) {
                prop_assert!((plain * gain - louder).abs() <= 1e-5 * gain * loudest);
            }
        }

        #[test]
        fn a_shift_by_whole_frames_shifts_the_frames(frames in 1_usize..12, hop in prop::sample::select(vec![256_usize, 441, 1024])) {
            let samples = music(12_000, 22_050);
            let params = CqtParams { hop_samples: hop, ..CqtParams::default() };
            let shifted = [vec![0.0; frames * hop], samples.clone()].concat();
            let (plain, shifted) = (transform(&samples, 22_050, &params), transform(&shifted, 22_050, &params));
            let loudest = plain.iter().copied().fold(0.0, f32::max);
            for (row, plain) in plain.rows().into_iter().enumerate() {
                for (a, b) in plain.iter().zip(shifted.row(row + frames)) {
                    // A hop of 441 puts the frames on other positions between samples: 1/32 sample apart at most.
                    let tolerance = if hop == 441 { 5e-3 } else { 1e-5 };
                    prop_assert!((a - b).abs() <= loudest * tolerance);
                }
            }
        }
    }
}
