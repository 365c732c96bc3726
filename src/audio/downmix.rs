//! Folds any number of channels to two, and to one.
//!
//! Stereo follows ITU-R BS.775-3 annex 4: centre and surrounds at −3 dB, low-frequency effects left out. The gains of a
//! side are scaled so that they never add up to more than 1: a full-scale 5.1 file doesn't clip. Channels without a
//! known position go to both sides as their mean. Mono is the mean of the two sides; for one or two channels, and for
//! channels without a position, that is the mean of the channels.

use std::f32::consts::FRAC_1_SQRT_2;
use symphonia::core::audio::{Channels, Position};

/// Beyond this a float sample counts as garbage: sums and Fourier transforms of it would overflow. Our choice, 120 dB
/// above full scale.
const MAX_MAGNITUDE: f32 = 1e6;

const LEFT: Position = Position::FRONT_LEFT.union(Position::FRONT_LEFT_WIDE).union(Position::FRONT_LEFT_CENTER);
const RIGHT: Position = Position::FRONT_RIGHT.union(Position::FRONT_RIGHT_WIDE).union(Position::FRONT_RIGHT_CENTER);
const LEFT_SURROUND: Position = Position::REAR_LEFT
    .union(Position::SIDE_LEFT)
    .union(Position::TOP_FRONT_LEFT)
    .union(Position::TOP_REAR_LEFT)
    .union(Position::TOP_SIDE_LEFT)
    .union(Position::BOTTOM_FRONT_LEFT);
const RIGHT_SURROUND: Position = Position::REAR_RIGHT
    .union(Position::SIDE_RIGHT)
    .union(Position::TOP_FRONT_RIGHT)
    .union(Position::TOP_REAR_RIGHT)
    .union(Position::TOP_SIDE_RIGHT)
    .union(Position::BOTTOM_FRONT_RIGHT);
const LOW_FREQUENCY: Position = Position::LFE1.union(Position::LFE2);

/// The gains of each channel, and the last block that was folded.
pub(super) struct Downmix {
    channels: Channels,
    gains: Vec<[f32; 2]>,
    left: Vec<f32>,
    right: Vec<f32>,
    pub(super) mono: Vec<f32>,
    /// How many samples of float files were not usable numbers so far.
    pub(super) not_numbers: u64,
}

impl Downmix {
    pub(super) fn new() -> Self {
        Self {
            channels: Channels::None,
            gains: Vec::new(),
            left: Vec::new(),
            right: Vec::new(),
            mono: Vec::new(),
            not_numbers: 0,
        }
    }

    /// Folds one block: `planes` has one vector per channel, in the order of `channels`, all equally long. Samples that
    /// are not usable numbers become 0.
    pub(super) fn fold(&mut self, planes: &mut [Vec<f32>], channels: &Channels) {
        if self.channels != *channels || self.gains.len() != planes.len() {
            self.channels = channels.clone();
            self.gains = gains(channels, planes.len());
        }
        for plane in planes.iter_mut() {
            self.not_numbers += silence_not_numbers(plane);
        }
        let frames = planes.first().map_or(0, Vec::len);
        for side in [&mut self.left, &mut self.right, &mut self.mono] {
            side.clear();
            side.resize(frames, 0.0);
        }
        for (plane, &[to_left, to_right]) in planes.iter().zip(&self.gains) {
            mix_into(&mut self.left, plane, to_left);
            mix_into(&mut self.right, plane, to_right);
        }
        for ((mono, left), right) in self.mono.iter_mut().zip(&self.left).zip(&self.right) {
            *mono = 0.5 * (left + right);
        }
    }
}

fn mix_into(sum: &mut [f32], plane: &[f32], gain: f32) {
    if gain != 0.0 {
        for (sum, &sample) in sum.iter_mut().zip(plane) {
            *sum += gain * sample;
        }
    }
}

fn silence_not_numbers(plane: &mut [f32]) -> u64 {
    let mut count = 0;
    for sample in plane {
        // Also false for NaN.
        let usable = sample.abs() <= MAX_MAGNITUDE;
        count += u64::from(!usable);
        *sample = if usable { *sample } else { 0.0 };
    }
    count
}

/// Gain to the left and to the right, for each of `count` channels.
fn gains(channels: &Channels, count: usize) -> Vec<[f32; 2]> {
    let mean = vec![[1.0 / count as f32; 2]; count];
    let mut gains: Vec<[f32; 2]> = match channels {
        Channels::Positioned(positions) if channels.count() == count => positions.iter().map(gain_of).collect(),
        _ if count == 2 => vec![[1.0, 0.0], [0.0, 1.0]],
        _ => return mean,
    };
    for side in 0..2 {
        let sum: f32 = gains.iter().map(|gain| gain[side]).sum();
        if sum == 0.0 {
            // Nothing but a left channel, or nothing but effects.
            return mean;
        }
        if sum > 1.0 || count == 1 {
            for gain in &mut gains {
                gain[side] /= sum;
            }
        }
    }
    gains
}

fn gain_of(position: Position) -> [f32; 2] {
    match position {
        _ if LEFT.contains(position) => [1.0, 0.0],
        _ if RIGHT.contains(position) => [0.0, 1.0],
        _ if LEFT_SURROUND.contains(position) => [FRAC_1_SQRT_2, 0.0],
        _ if RIGHT_SURROUND.contains(position) => [0.0, FRAC_1_SQRT_2],
        _ if LOW_FREQUENCY.contains(position) => [0.0, 0.0],
        // Centre: in front, behind, above, below. A rear centre counts as a surround on both sides, at half its power.
        Position::REAR_CENTER => [0.5, 0.5],
        _ => [FRAC_1_SQRT_2; 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphonia::core::audio::layouts::{CHANNEL_LAYOUT_5P1, CHANNEL_LAYOUT_MONO, CHANNEL_LAYOUT_STEREO};

    fn fold(frame: &[f32], channels: &Channels) -> (f32, f32, f32) {
        let mut planes: Vec<Vec<f32>> = frame.iter().map(|&sample| vec![sample]).collect();
        let mut downmix = Downmix::new();
        downmix.fold(&mut planes, channels);
        (downmix.left[0], downmix.right[0], downmix.mono[0])
    }

    #[test]
    fn mono_goes_to_both_sides_unchanged() {
        assert_eq!(fold(&[0.5], &CHANNEL_LAYOUT_MONO), (0.5, 0.5, 0.5));
        assert_eq!(fold(&[0.5], &Channels::Discrete(1)), (0.5, 0.5, 0.5));
        assert_eq!(fold(&[0.5], &Channels::Positioned(Position::LFE1)), (0.5, 0.5, 0.5));
    }

    #[test]
    fn stereo_stays_as_it_is_and_mono_is_its_mean() {
        assert_eq!(fold(&[0.5, -0.25], &CHANNEL_LAYOUT_STEREO), (0.5, -0.25, 0.125));
        assert_eq!(fold(&[0.5, -0.25], &Channels::Discrete(2)), (0.5, -0.25, 0.125));
    }

    #[test]
    fn centre_and_surrounds_of_5_1_come_3_db_down_and_effects_not_at_all() {
        let (front, _, _) = fold(&[1.0, 0.0, 0.0, 0.0, 0.0, 0.0], &CHANNEL_LAYOUT_5P1);
        let (centre_left, centre_right, _) = fold(&[0.0, 0.0, 1.0, 0.0, 0.0, 0.0], &CHANNEL_LAYOUT_5P1);
        let (rear, other_side, _) = fold(&[0.0, 0.0, 0.0, 0.0, 1.0, 0.0], &CHANNEL_LAYOUT_5P1);
        assert!((centre_left / front - FRAC_1_SQRT_2).abs() < 1e-6 && (centre_left - centre_right).abs() < 1e-6);
        assert!((rear / front - FRAC_1_SQRT_2).abs() < 1e-6 && other_side == 0.0);
        assert_eq!(fold(&[0.0, 0.0, 0.0, 1.0, 0.0, 0.0], &CHANNEL_LAYOUT_5P1), (0.0, 0.0, 0.0));
        let (loud, _, mono) = fold(&[1.0; 6], &CHANNEL_LAYOUT_5P1);
        assert!((loud - 1.0).abs() < 1e-6 && (mono - 1.0).abs() < 1e-6, "full scale stays full scale");
    }

    #[test]
    fn channels_without_a_place_are_averaged() {
        assert_eq!(fold(&[1.0, 0.0, 0.0, 1.0], &Channels::Discrete(4)), (0.5, 0.5, 0.5));
    }

    #[test]
    fn what_is_no_number_becomes_silence_and_is_counted() {
        let mut downmix = Downmix::new();
        let mut planes = vec![vec![f32::NAN, 0.5, f32::INFINITY, 3e38], vec![0.5, 0.5, f32::NEG_INFINITY, 0.0]];
        downmix.fold(&mut planes, &CHANNEL_LAYOUT_STEREO);
        assert_eq!(downmix.left, [0.0, 0.5, 0.0, 0.0]);
        assert_eq!(downmix.mono, [0.25, 0.5, 0.0, 0.0]);
        assert_eq!(downmix.not_numbers, 4);
    }
}
