//! The sequences (spec I, "Data"; after Hochreiter and Schmidhuber, 1997).

use super::{Lengths, Problem, Task};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A sequence of two features with its target. Neither the problem nor the network depends on the order of the steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Example {
    /// Values of the steps whose marker is 0, ascending.
    pub(super) plain: Vec<f32>,
    /// The marked steps and the padding.
    pub(super) marked: Vec<Step>,
    pub(super) target: f32,
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) value: f32,
    pub(super) marker: f32,
    /// How often it occurs: padded steps are all alike.
    pub(super) count: f32,
}

/// A stream of random numbers: fresh training sequences for each update, or the held-out ones.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    /// The sequences of an update, counted from 0.
    Training(u64),
    /// The sequences used for testing.
    Test,
}

/// The generator of sequence `index` of a stream: each sequence has its own, so that any number of threads makes the
/// same.
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

/// Number of sequences used for testing.
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
    let lowest = match problem {
        Problem::Addition => -1.0,
        Problem::Multiplication => 0.0,
    };
    let mut plain: Vec<f32> = (0..length).map(|_| rng.random_range(lowest..1.0f32)).collect();
    let first = rng.random_range(1..=9usize);
    let mut second = rng.random_range(1..=(padded / 2 - 2));
    if second == first {
        second += 1;
    }
    let (a, b) = (plain[first], plain[second]);
    let target = match problem {
        Problem::Addition => 0.5 + (a + b) / 4.0,
        Problem::Multiplication => a * b,
    };
    let mut marks = [(0, -1.0), (first, 1.0), (second, 1.0), (length - 1, -1.0)];
    marks.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
    let taken_out = marks.into_iter().map(|(at, marker)| Step { value: plain.swap_remove(at), marker, count: 1.0 });
    let mut marked: Vec<Step> = taken_out.collect();
    if padded > length {
        marked.push(Step { value: 0.0, marker: 0.0, count: (padded - length) as f32 });
    }
    Example { plain: sorted(&plain, lowest), marked, target }
}

/// The values, drawn uniformly from `lowest`..1, ascending: once distributed over equal intervals they are nearly
/// sorted.
fn sorted(values: &[f32], lowest: f32) -> Vec<f32> {
    let intervals = values.len();
    let scale = intervals as f32 / (1.0 - lowest);
    let interval = |value: f32| (((value - lowest) * scale) as usize).min(intervals - 1);
    let mut firsts = vec![0u32; intervals + 1];
    for &value in values {
        firsts[interval(value) + 1] += 1;
    }
    for i in 1..intervals {
        firsts[i + 1] += firsts[i];
    }
    let mut sorted = vec![0.0; values.len()];
    for &value in values {
        let next = &mut firsts[interval(value)];
        sorted[*next as usize] = value;
        *next += 1;
    }
    // Insertion sort.
    for i in 1..sorted.len() {
        let value = sorted[i];
        let mut at = i;
        while at > 0 && sorted[at - 1] > value {
            sorted[at] = sorted[at - 1];
            at -= 1;
        }
        sorted[at] = value;
    }
    sorted
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
                let length = made.plain.len() + 4;
                let padding: f32 = made.marked[4..].iter().map(|step| step.count).sum();
                assert!((50..55).contains(&length) && padding + length as f32 == 55.0);
                lengths.push(length);
                assert!(made.plain.is_sorted() && made.plain.iter().all(|v| (-1.0..1.0).contains(v)));
                let of = |marker: f32| -> Vec<f32> {
                    made.marked.iter().filter(|step| step.marker == marker).map(|step| step.value).collect()
                };
                assert_eq!(of(-1.0).len(), 2);
                let [a, b] = of(1.0)[..] else { panic!("two steps are marked: {made:?}") };
                let wanted = if problem == Problem::Addition { 0.5 + (a + b) / 4.0 } else { a * b };
                assert_eq!(made.target, wanted);
            }
        }
        lengths.sort_unstable();
        lengths.dedup();
        assert_eq!(lengths, [50, 51, 52, 53, 54]);
    }

    #[test]
    fn lengths_of_the_varied_task_are_one_an_update_and_a_hundred_in_the_test() {
        let task = task(Problem::Addition, Lengths::Varied { shortest: 50, longest: 10_000 });
        let steps = |example: Example| {
            assert_eq!(example.marked.len(), 4, "no padding");
            example.plain.len() + 4
        };
        let same: Vec<usize> = (0..5).map(|i| steps(training(task, 1, 9, i))).collect();
        assert!(same.iter().all(|s| *s == same[0]));
        assert!(steps(training(task, 1, 10, 0)) != same[0]);
        assert_eq!(steps(test(task, 1, 0)), 50);
        assert_eq!(steps(test(task, 1, 999)), 10_000);
        assert_eq!(steps(test(task, 1, 10)), steps(test(task, 1, 19)));
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
