//! The corruption benchmark of Raffel and Ellis, "Optimizing DTW-Based Audio-to-MIDI Alignment and Matching" (ICASSP
//! 2016; spec B, OPT): a MIDI file is aligned with a rendering of itself that was distorted in a known way.

use super::{Errors, Report, each, rendering};
use crate::alignment::Preset;
use crate::alignment::warp::TimeMap;
use crate::audio::{ANALYSIS_RATE, AudioTime};
use crate::error::{Error, Result};
use crate::files::{below, sides};
use crate::job::Progress;
use crate::midi::{Message, Midi, MidiTime};
use crate::pair::{AudioSide, MidiSide};
use crate::synth::{self, Score, SoundFont};
use crate::verdict;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Normal, StandardNormal};
use rand_pcg::Pcg64;
use std::path::{Path, PathBuf};

/// How strongly files are distorted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corruption {
    /// σ of the smooth time warp: its constant part has half of it as standard deviation, in seconds.
    pub warp_s: f64,
    /// Probability that an instrument (a channel) is left out; never all of them.
    pub dropped: f64,
    /// σ of the velocity factor, which has mean 1.
    pub velocity: f64,
}

impl Corruption {
    /// The paper's easy set.
    pub const EASY: Self = Self { warp_s: 5.0, dropped: 0.1, velocity: 0.2 };
    /// The paper's hard set.
    pub const HARD: Self = Self { warp_s: 20.0, dropped: 0.5, velocity: 1.0 };
}

/// Shortest and longest file used, in seconds.
const SECONDS: std::ops::RangeInclusive<f64> = 30.0..=600.0;
/// Seconds between the moments at which a map is compared with the truth.
const MOMENT_S: f64 = 0.1;

/// Draws `pieces` MIDI files below `folder` with `seed`, distorts each by `how` and aligns the file with the rendering
/// of the distorted version, both with `font`. Files that can't be read, are shorter than 30 s or longer than 10
/// minutes are skipped.
///
/// # Errors
/// [`Error::Nothing`] if there is no MIDI file; [`Error::Cancelled`].
pub fn corruption(
    folder: &Path,
    (pieces, seed): (usize, u64),
    how: Corruption,
    font: &SoundFont,
    presets: &[Preset],
    progress: &Progress,
) -> Result<Report<Errors>> {
    let (mut paths, _) = sides(below(folder));
    if paths.is_empty() {
        return Err(Error::nothing("no MIDI files").at(folder));
    }
    paths.shuffle(&mut Pcg64::seed_from_u64(seed));
    paths.truncate(pieces);
    let piece = |path: &PathBuf, progress: &Progress| -> Result<Vec<Errors>> {
        let midi = Midi::read(path)?;
        if !SECONDS.contains(&midi.end().0) {
            let value = format!("{:.0} s", midi.end().0);
            return Err(Error::Limit { what: "length", value, limit: "30 to 600 s".into() });
        }
        let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
        // Each file has random numbers of its own, independent of what runs beside it.
        let of_name = name.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte));
        let distortion = Distortion::new(&midi, how, &mut Pcg64::seed_from_u64(seed ^ of_name));
        let wave = synth::render_mono(&distortion.score, font, ANALYSIS_RATE, progress)?;
        let midi = MidiSide::new(path.clone(), midi, font, progress)?;
        let audio = AudioSide::new(path.clone(), rendering(wave), progress)?;
        let moments = distortion.moments();
        let align = |&preset: &Preset| {
            let found = verdict::align(&midi, &audio, preset, progress)?;
            let errors: Vec<f64> = moments.iter().map(|(m, a)| found.map.to_audio(*m).0 - a.0).collect();
            Ok(Errors::new(name.clone(), preset, &errors, &found))
        };
        presets.iter().map(align).collect()
    };
    let report = each(&paths, progress, piece)?;
    Ok(Report { done: report.done.into_iter().flatten().collect(), skipped: report.skipped })
}

/// A MIDI file distorted, and where its moments went.
#[derive(Debug, Clone)]
pub(crate) struct Distortion {
    /// The score that sounds.
    pub score: Score,
    /// Stretches of MIDI time that remain, in order.
    kept: Vec<(f64, f64)>,
    /// Time within the remaining stretches → time in the distorted file.
    warp: TimeMap,
}

impl Distortion {
    /// Distorts `midi`: a smooth random warp of the times; the first and the last tenth cut off (each in half of all
    /// files) and a hundredth somewhere between (in a tenth); instruments left out; programs one up or down; velocities
    /// changed.
    pub(crate) fn new(midi: &Midi, how: Corruption, random: &mut Pcg64) -> Self {
        let end = midi.end().0;
        let from = if random.random_bool(0.5) { 0.1 * end } else { 0.0 };
        let to = if random.random_bool(0.5) { 0.9 * end } else { end };
        let mut kept = vec![(from, to)];
        if random.random_bool(0.1) {
            let cut = random.random_range(0.1 * end..0.89 * end);
            kept = vec![(from, cut), (cut + 0.01 * end, to)];
        }
        let warp = smooth_warp(kept.iter().map(|(a, b)| b - a).sum(), how.warp_s, random);

        let mut used: Vec<u8> = midi.messages().iter().filter(|m| m.command == 0x90).map(|m| m.channel).collect();
        used.sort_unstable();
        used.dedup();
        let mut left: Vec<u8> = used.iter().copied().filter(|_| !random.random_bool(how.dropped)).collect();
        if left.is_empty() && !used.is_empty() {
            left.push(used[random.random_range(0..used.len())]);
        }
        let program_steps: [i16; 16] = std::array::from_fn(|_| if random.random_bool(0.5) { 1 } else { -1 });
        let program = |channel: u8, program: u8| {
            let step = if channel == 9 { 0 } else { program_steps[usize::from(channel)] };
            (i16::from(program) + step).clamp(0, 127) as u8
        };
        let mut messages: Vec<(f64, u8, u8, u8, u8)> =
            left.iter().map(|&channel| (0.0, channel, 0xC0, program(channel, 0), 0)).collect();
        let mut sounding = [[0u32; 128]; 16];
        let place = |seconds: f64| warp.to_audio(MidiTime(within(&kept, seconds))).0.max(0.0);
        for &Message { time, channel, command, data1, data2 } in midi.messages() {
            if !left.contains(&channel) {
                continue;
            }
            let open = &mut sounding[usize::from(channel)][usize::from(data1 & 0x7F)];
            let starts = command == 0x90 && data2 > 0;
            let ends = command == 0x80 || (command == 0x90 && data2 == 0);
            if starts && !kept.iter().any(|(a, b)| (*a..*b).contains(&time.0)) || ends && *open == 0 {
                continue;
            }
            let (data1, data2) = match command {
                0xC0 => (program(channel, data1), data2),
                0x90 if starts => {
                    *open += 1;
                    let factor: f64 = 1.0 + how.velocity * random_normal(random);
                    (data1, (f64::from(data2) * factor).round().clamp(1.0, 127.0) as u8)
                }
                _ => {
                    *open -= u32::from(ends);
                    (data1, data2)
                }
            };
            messages.push((place(time.0), channel, command, data1, data2));
        }
        Self { score: Score::from_messages(messages), kept, warp }
    }

    /// Where a moment of the file went; `None` if it was cut off.
    pub(crate) fn place(&self, time: MidiTime) -> Option<AudioTime> {
        let is_kept = self.kept.iter().any(|(a, b)| (*a..=*b).contains(&time.0));
        is_kept.then(|| self.warp.to_audio(MidiTime(within(&self.kept, time.0))))
    }

    /// Every tenth of a second that was kept.
    fn moments(&self) -> Vec<(MidiTime, AudioTime)> {
        let end = self.kept.last().map_or(0.0, |kept| kept.1);
        let times = (0..(end / MOMENT_S) as usize).map(|i| MidiTime(i as f64 * MOMENT_S));
        times.filter_map(|time| Some((time, self.place(time)?))).collect()
    }
}

fn random_normal(random: &mut Pcg64) -> f64 {
    StandardNormal.sample(random)
}

/// How much of the remaining time comes before `seconds`.
fn within(kept: &[(f64, f64)], seconds: f64) -> f64 {
    kept.iter().map(|(a, b)| (seconds.min(*b) - a).max(0.0)).sum()
}

/// A time map over `seconds`: each moment plus the inverse Fourier transform of a random spectrum that decays as e⁻ᵏ,
/// one value per second. It starts at 0 or later.
fn smooth_warp(seconds: f64, sigma_s: f64, random: &mut Pcg64) -> TimeMap {
    const TERMS: usize = 24;
    let n = (seconds.ceil() as usize).max(2);
    let length = 2.0 * (n - 1) as f64;
    let normal = Normal::new(0.0, sigma_s.max(0.0)).ok();
    let spectrum: Vec<f64> =
        (0..TERMS.min(n)).map(|k| n as f64 * normal.map_or(0.0, |d| d.sample(random)) * (-(k as f64)).exp()).collect();
    let offset = |i: usize| {
        let wave = |(k, x): (usize, &f64)| {
            let weight = if k == 0 { 1.0 } else { 2.0 };
            weight * x * (std::f64::consts::TAU * k as f64 * i as f64 / length).cos()
        };
        spectrum.iter().enumerate().map(wave).sum::<f64>() / length
    };
    let knots: Vec<(f64, f64)> = (0..=n).map(|i| (i as f64, i as f64 + offset(i))).collect();
    let first = knots[0].1.min(0.0);
    let shifted = knots.into_iter().map(|(m, a)| (MidiTime(m), AudioTime(a - first)));
    // The map drops knots that would go back; two always remain: a warp that goes backwards throughout would need an
    // offset that falls by a second each second.
    TimeMap::new(shifted).unwrap_or_else(|_| TimeMap::identity())
}

/// Kendall's rank correlation τ-b of two lists of equal length, in −1..=1; 0 if one of them is constant.
///
/// ```
/// use antiphon::evaluate::kendall_tau;
/// assert_eq!(kendall_tau(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]), 1.0);
/// assert_eq!(kendall_tau(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
/// ```
pub fn kendall_tau(x: &[f64], y: &[f64]) -> f64 {
    let (mut agree, mut x_differs, mut y_differs) = (0i64, 0i64, 0i64);
    for i in 0..x.len().min(y.len()) {
        for j in 0..i {
            let (a, b) = (x[i].total_cmp(&x[j]) as i64, y[i].total_cmp(&y[j]) as i64);
            agree += a * b;
            x_differs += a * a;
            y_differs += b * b;
        }
    }
    let scale = (x_differs as f64 * y_differs as f64).sqrt();
    if scale > 0.0 { agree as f64 / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale() -> Midi {
        let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\0".to_vec();
        for i in 0..120u8 {
            let key = 40 + i % 40;
            bytes.extend([0, 0x90 + i % 3, key, 80, 0x60, 0x80 + i % 3, key, 0]);
        }
        bytes.extend([0, 0xFF, 0x2F, 0]);
        let size = (bytes.len() - 22) as u32;
        bytes[18..22].copy_from_slice(&size.to_be_bytes());
        Midi::parse(&bytes).unwrap()
    }

    #[test]
    fn the_same_seed_distorts_in_the_same_way() {
        let make = |seed| Distortion::new(&scale(), Corruption::HARD, &mut Pcg64::seed_from_u64(seed));
        let (a, b, c) = (make(1), make(1), make(2));
        assert_eq!(a.moments(), b.moments());
        assert_ne!(a.moments(), c.moments());
    }

    #[test]
    fn truth_advances_and_starts_at_zero_or_later() {
        for seed in 0..50 {
            let distortion = Distortion::new(&scale(), Corruption::EASY, &mut Pcg64::seed_from_u64(seed));
            let moments = distortion.moments();
            assert!(moments.len() > 400, "{} of 600 tenths of a second kept", moments.len());
            assert!(moments[0].1.0 >= -1e-9);
            for pair in moments.windows(2) {
                // What lies before a cut and what lies after it come at the same moment.
                assert!(pair[1].1.0 >= pair[0].1.0 - 1e-9, "seed {seed}: {pair:?}");
            }
            assert!(distortion.score.seconds() > 40.0);
        }
    }

    #[test]
    fn without_distortion_only_cuts_are_left() {
        let none = Corruption { warp_s: 0.0, dropped: 0.0, velocity: 0.0 };
        let midi = scale();
        for seed in 0..20 {
            let distortion = Distortion::new(&midi, none, &mut Pcg64::seed_from_u64(seed));
            for (m, a) in distortion.moments() {
                assert!((within(&distortion.kept, m.0) - a.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn one_instrument_is_always_left() {
        let all = Corruption { dropped: 1.0, ..Corruption::EASY };
        for seed in 0..10 {
            assert!(Distortion::new(&scale(), all, &mut Pcg64::seed_from_u64(seed)).score.seconds() > 30.0);
        }
    }

    #[test]
    fn ties_count_for_neither_side() {
        let tau = kendall_tau(&[1.0, 1.0, 2.0], &[1.0, 2.0, 3.0]);
        assert!((tau - 2.0 / 6f64.sqrt()).abs() < 1e-12, "{tau}");
        assert!(kendall_tau(&[1.0, 1.0], &[1.0, 2.0]).abs() < 1e-12);
    }
}
