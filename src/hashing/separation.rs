//! [`Separation`]: how well codes separate matching moments from others.

use crate::encoder::bhattacharyya;
use serde::Serialize;

/// Codes of both sides of one pair: entry `i` of each is the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodePair {
    /// Pairs of one group are the same music, so they are never compared as different.
    pub group: usize,
    /// Of the MIDI file.
    pub midi: Vec<u32>,
    /// Of the recording.
    pub audio: Vec<u32>,
}

/// Histograms of Hamming distances between steps that match and steps of other works (spec D, "Objective").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Separation {
    /// Step pairs that match, by distance 0..=bits.
    pub matching: Vec<u64>,
    /// Step pairs of different works, by distance 0..=bits.
    pub different: Vec<u64>,
    /// How often the most frequent code of a side occurs, and how many codes that side has.
    #[serde(skip)]
    most_frequent: (usize, usize),
}

/// How many other works each is compared with: enough wrong pairs for a smooth tail of the histogram.
const OTHERS: usize = 8;

impl Separation {
    /// Computes them for codes of `bits` bits. Step `i` is compared with step `i` of the same pair, and of up to eight
    /// others of another group.
    pub fn of(pairs: &[CodePair], bits: usize) -> Self {
        let mut separation = Self { matching: vec![0; bits + 1], different: vec![0; bits + 1], most_frequent: (0, 0) };
        let add = |counts: &mut [u64], midi: &[u32], audio: &[u32]| {
            for (a, b) in midi.iter().zip(audio) {
                counts[((a ^ b).count_ones() as usize).min(bits)] += 1;
            }
        };
        for (index, pair) in pairs.iter().enumerate() {
            add(&mut separation.matching, &pair.midi, &pair.audio);
            let after = pairs[index + 1..].iter().chain(&pairs[..index]);
            for other in after.filter(|other| other.group != pair.group).take(OTHERS) {
                add(&mut separation.different, &pair.midi, &other.audio);
            }
        }
        let sides: [fn(&CodePair) -> &[u32]; 2] = [|pair| &pair.midi, |pair| &pair.audio];
        for side in sides {
            let mut codes: Vec<u32> = pairs.iter().flat_map(|pair| side(pair).iter().copied()).collect();
            codes.sort_unstable();
            let most = codes.chunk_by(|a, b| a == b).map(<[u32]>::len).max().unwrap_or(0);
            if most * separation.most_frequent.1.max(1) >= separation.most_frequent.0 * codes.len() {
                separation.most_frequent = (most, codes.len());
            }
        }
        separation
    }

    /// Bhattacharyya coefficient Σ √(p q) of the two distributions: 0 if they don't overlap, 1 if they are equal; lower
    /// is better. 1 if there is nothing to compare.
    pub fn coefficient(&self) -> f64 {
        bhattacharyya(&self.matching, &self.different)
    }

    /// Whether the codes collapsed: more than half of a side's codes are identical. The published guard (more than 1 %
    /// of matching and 0.001 % of different steps at distance 0) assumes 16 bits; with good 32-bit codes, hardly any
    /// different steps have equal codes.
    pub fn collapsed(&self) -> bool {
        self.most_frequent.0 * 2 > self.most_frequent.1
    }

    /// Mean distance of matching and of different steps.
    pub fn means(&self) -> (f64, f64) {
        let mean = |counts: &[u64]| {
            let sum: f64 = counts.iter().enumerate().map(|(distance, &n)| distance as f64 * n as f64).sum();
            sum / counts.iter().sum::<u64>().max(1) as f64
        };
        (mean(&self.matching), mean(&self.different))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(group: usize, midi: &[u32], audio: &[u32]) -> CodePair {
        CodePair { group, midi: midi.to_vec(), audio: audio.to_vec() }
    }

    #[test]
    fn histograms_count_what_matches_and_what_does_not() {
        let pairs = [pair(0, &[0b0000, 0b1111], &[0b0001, 0b1111]), pair(1, &[0b0011, 0b0101], &[0b0011, 0b0101])];
        let found = Separation::of(&pairs, 4);
        assert_eq!(found.matching, [3, 1, 0, 0, 0]);
        // 0000–0011, 1111–0101; 0011–0001, 0101–1111.
        assert_eq!(found.different, [0, 1, 3, 0, 0]);
        assert!((found.coefficient() - (0.25_f64 * 0.25).sqrt()).abs() < 1e-12);
        assert_eq!(found.means(), (0.25, 1.75));
        assert!(!found.collapsed());
    }

    #[test]
    fn the_same_work_is_no_other_and_nothing_is_the_worst() {
        let same = [pair(4, &[1, 2], &[1, 2]), pair(4, &[7, 7], &[7, 7])];
        let found = Separation::of(&same, 8);
        assert_eq!(found.different.iter().sum::<u64>(), 0);
        assert!((found.coefficient() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn one_code_for_everything_is_a_collapse() {
        let found = Separation::of(&[pair(0, &[5, 5, 5, 6], &[1, 2, 3, 4]), pair(1, &[5, 5], &[2, 3])], 4);
        assert!(found.collapsed());
    }

    proptest! {
        #[test]
        fn the_coefficient_lies_between_0_and_1(codes in prop::collection::vec((any::<u16>(), any::<u16>()), 1..40)) {
            let pairs: Vec<CodePair> = codes
                .iter()
                .enumerate()
                .map(|(group, (a, b))| pair(group, &[u32::from(*a)], &[u32::from(*b)]))
                .collect();
            let coefficient = Separation::of(&pairs, 16).coefficient();
            prop_assert!((0.0..=1.0 + 1e-12).contains(&coefficient));
        }
    }
}
