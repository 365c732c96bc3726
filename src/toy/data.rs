//! The sequences (spec I, "Data"; after Hochreiter and Schmidhuber, 1997).

use super::{Lengths, Problem, Task};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Steps worked on at once: a sequence is stored in whole blocks.
pub(super) const BLOCK: usize = 64;

/// A sequence of two features with its target.
///
/// `counts` says how often a step occurs: 1; for one step of zeros, how much padding there is; 0 for what fills the last
/// block. Padded steps are all alike, so they are worked out once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Example {
    pub(super) values: Vec<f32>,
    pub(super) markers: Vec<f32>,
    pub(super) counts: Vec<f32>,
    /// Steps with the padding.
    pub(super) steps: f32,
    pub(super) target: f32,
}

/// Which stream of random numbers: fresh training sequences for each update, and the held-out ones.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    /// The sequences of an update, counted from 0.
    Training(u64),
    /// The sequences tested on.
    Test,
}

/// The generator of sequence `index` of a stream: each sequence has its own, so that any number of threads makes the same.
fn generator(seed: u64, stream: Stream, index: u64) -> Pcg64Mcg {
    let (stream, update) = match stream {
        Stream::Training(update) => (1, update),
        Stream::Test => (2, 0),
    };
    let mut mixed = seed;
    for part in [stream, update, index] {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        mixed = mixed.wrapping_add(part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
    }
    Pcg64Mcg::seed_from_u64(mixed)
}

/// Training sequence `index` of an update.
pub(super) fn training(task: Task, seed: u64, update: u64, index: u64) -> Example {
    let mut rng = generator(seed, Stream::Training(update), index);
    match task.lengths {
        Lengths::Near(shortest) => near(task.problem, shortest, &mut rng),
        Lengths::Varied { shortest, longest } => {
            // One length for the whole update: no padding.
            let length = generator(seed, Stream::Training(update), u64::MAX).random_range(shortest..=longest);
            example(task.problem, length, length, &mut rng)
        }
    }
}

/// How many sequences are tested on.
pub(super) const TESTED: u64 = 1000;

/// Held-out sequence `index` of [`TESTED`].
pub(super) fn test(task: Task, seed: u64, index: u64) -> Example {
    let mut rng = generator(seed, Stream::Test, index);
    match task.lengths {
        Lengths::Near(shortest) => near(task.problem, shortest, &mut rng),
        Lengths::Varied { shortest, longest } => {
            // A hundred lengths from end to end, ten sequences each.
            let along = (index / 10) as f64 / 99.0;
            let length = (shortest as f64 + along * (longest - shortest) as f64).round() as usize;
            example(task.problem, length, length, &mut rng)
        }
    }
}

/// Between `shortest` and a tenth more, padded to that.
fn near(problem: Problem, shortest: usize, rng: &mut Pcg64Mcg) -> Example {
    let padded = (shortest * 11).div_ceil(10);
    let length = rng.random_range(shortest..padded.max(shortest + 1));
    example(problem, length, padded, rng)
}

fn example(problem: Problem, length: usize, padded: usize, rng: &mut Pcg64Mcg) -> Example {
    let padding = usize::from(padded > length);
    let stored = (length + padding).next_multiple_of(BLOCK);
    let mut values = vec![0.0; stored];
    let lowest = match problem {
        Problem::Addition => -1.0,
        Problem::Multiplication => 0.0,
    };
    values[..length].fill_with(|| rng.random_range(lowest..1.0f32));
    let first = rng.random_range(1..=9usize);
    let mut second = rng.random_range(1..=(padded / 2 - 2));
    if second == first {
        second += 1;
    }
    let mut markers = vec![0.0; stored];
    (markers[0], markers[length - 1]) = (-1.0, -1.0);
    (markers[first], markers[second]) = (1.0, 1.0);
    let mut counts = vec![0.0; stored];
    counts[..length].fill(1.0);
    if padding == 1 {
        counts[length] = (padded - length) as f32;
    }
    let (a, b) = (values[first], values[second]);
    let target = match problem {
        Problem::Addition => 0.5 + (a + b) / 4.0,
        Problem::Multiplication => a * b,
    };
    Example { values, markers, counts, steps: padded as f32, target }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "whole numbers and copies")]

    use super::*;

    fn task(problem: Problem, lengths: Lengths) -> Task {
        Task { problem, pooling: super::super::Pooling::Attention, lengths }
    }

    #[test]
    fn sequences_are_as_published() {
        let mut lengths = Vec::new();
        for index in 0..500 {
            for problem in [Problem::Addition, Problem::Multiplication] {
                let made = training(task(problem, Lengths::Near(50)), 7, 3, index);
                let length = made.counts.iter().filter(|c| **c == 1.0).count();
                let padding: f32 = made.counts.iter().filter(|c| **c > 1.0).sum();
                // 54 and one of padding: a count of one, as a step has.
                assert!((50..=55).contains(&length) && padding + length as f32 == 55.0 && made.steps == 55.0);
                lengths.push(length);
                let marked: Vec<usize> = (0..length).filter(|&i| made.markers[i] == 1.0).collect();
                assert_eq!(marked.len(), 2);
                assert!(marked[0] <= 10 && marked[1] <= 27, "{marked:?}");
                assert_eq!(made.markers[0], -1.0);
                assert_eq!(made.markers.iter().filter(|m| **m == -1.0).count(), 2);
                let (a, b) = (made.values[marked[0]], made.values[marked[1]]);
                let wanted = if problem == Problem::Addition { 0.5 + (a + b) / 4.0 } else { a * b };
                assert_eq!(made.target, wanted);
            }
        }
        lengths.sort_unstable();
        lengths.dedup();
        assert_eq!(lengths, [50, 51, 52, 53, 55], "54 steps and one of padding read as 55");
    }

    #[test]
    fn lengths_of_the_varied_task_are_one_an_update_and_a_hundred_in_the_test() {
        let task = task(Problem::Addition, Lengths::Varied { shortest: 50, longest: 10_000 });
        let same: Vec<f32> = (0..5).map(|i| training(task, 1, 9, i).steps).collect();
        assert!(same.iter().all(|s| *s == same[0]));
        assert!(training(task, 1, 10, 0).steps != same[0]);
        assert_eq!(test(task, 1, 0).steps, 50.0);
        assert_eq!(test(task, 1, 999).steps, 10_000.0);
        assert_eq!(test(task, 1, 10).steps, test(task, 1, 19).steps);
    }

    #[test]
    fn the_same_seed_makes_the_same_and_training_differs_from_test() {
        let task = task(Problem::Addition, Lengths::Near(100));
        assert_eq!(training(task, 5, 2, 1), training(task, 5, 2, 1));
        assert!(training(task, 5, 2, 1) != training(task, 6, 2, 1));
        assert!(training(task, 5, 2, 1) != training(task, 5, 3, 1));
        assert!(training(task, 5, 0, 1) != test(task, 5, 1));
    }
}
