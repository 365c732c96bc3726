//! The toy problems of feed-forward attention: a long sequence, two marked numbers in it, and their sum or product to
//! be found.
//!
//! Raffel and Ellis, "Feed-Forward Networks with Attention Can Solve Some Long-Term Memory Problems", 2015: a network
//! without recurrence solves them at any length, because a learned weighting of the steps finds the two that matter. A
//! plain mean over the steps solves them only while the sequences are short. [`Run`] trains one network as published;
//! [`table`] reproduces the paper's Table 1.
//!
//! ```
//! use antiphon::{job::Progress, toy::{Lengths, Pooling, Problem, Run, Task}};
//! let task = Task { problem: Problem::Addition, pooling: Pooling::Attention, lengths: Lengths::Near(50) };
//! let mut run = Run::new(task, 0.003, 1);
//! run.epoch(20, &Progress::silent())?; // a published epoch has 1,000 updates
//! assert!(run.epochs()[0].accuracy < 1.0);
//! # antiphon::Result::Ok(())
//! ```

mod data;
mod network;
mod steps;
pub mod table;

use crate::error::{Error, Result};
use crate::job::Progress;
use network::{Adam, Network};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Updates in a published epoch.
pub const EPOCH_UPDATES: u64 = 1000;
/// Sequences in an update.
const BATCH: u64 = 100;
/// Sequences whose gradients are summed by one thread; fixed, so that the number of threads changes nothing.
const SUMMED_TOGETHER: u64 = 5;
/// An answer counts as right if its error is less than this.
const RIGHT_WITHIN: f32 = 0.04;

/// What to compute from the two marked numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Problem {
    /// ½ + (a + b)/4 of numbers in −1..1.
    Addition,
    /// a · b of numbers in 0..1.
    Multiplication,
}

/// How the steps become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// A weighted mean, weights from a softmax over tanh(w·h + b).
    Attention,
    /// The plain mean.
    Unweighted,
}

/// How long the sequences are, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lengths {
    /// From this to a tenth more, padded to that; the padding is not marked as such.
    Near(usize),
    /// Anything in between, one length per update, no padding.
    Varied {
        /// Shortest.
        shortest: usize,
        /// Longest.
        longest: usize,
    },
}

/// Shortest and longest sequences allowed.
pub(crate) const STEPS: std::ops::RangeInclusive<usize> = 20..=100_000;

/// One of the problems, with a network and lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The problem.
    pub problem: Problem,
    /// The kind of network.
    pub pooling: Pooling,
    /// How long the sequences are.
    pub lengths: Lengths,
}

impl Task {
    /// # Errors
    /// [`Error::Limit`] if a length is outside [`STEPS`].
    pub(crate) fn check(&self) -> Result<()> {
        let (shortest, longest) = match self.lengths {
            Lengths::Near(length) => (length, length),
            Lengths::Varied { shortest, longest } => (shortest, longest),
        };
        for length in [shortest, longest] {
            if !STEPS.contains(&length) || shortest > longest {
                let limit = format!("{}..={} steps", STEPS.start(), STEPS.end());
                return Err(Error::Limit { what: "length of the sequences", value: length.to_string(), limit });
            }
        }
        Ok(())
    }
}

/// The results of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Share of the 1,000 held-out sequences answered to within .04.
    pub accuracy: f64,
    /// Mean squared error over the epoch's training sequences.
    pub loss: f64,
    /// Seconds spent training and testing.
    pub seconds: f64,
}

/// A network being trained on a task. It can be saved after any epoch and resumed: the numbers are the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    task: Task,
    learning_rate: f32,
    seed: u64,
    network: Network,
    optimiser: Adam,
    updates: u64,
    epochs: Vec<Epoch>,
}

impl Run {
    /// A fresh network. The paper tries learning rates .01, .003, .001 and .0003.
    pub fn new(task: Task, learning_rate: f32, seed: u64) -> Self {
        let network = Network::new(task.pooling, &mut Pcg64Mcg::seed_from_u64(seed));
        let optimiser = Adam::new(&network);
        Self { task, learning_rate, seed, network, optimiser, updates: 0, epochs: Vec::new() }
    }

    /// The results so far.
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// Whether the last epoch answered every held-out sequence.
    pub fn solved(&self) -> bool {
        self.epochs.last().is_some_and(|epoch| epoch.accuracy >= 1.0)
    }

    /// How many parameters the network has: 10,602 with attention, 10,501 without.
    pub fn parameter_count(&self) -> usize {
        self.network.parameter_count()
    }

    /// Whether a run read from a file can be resumed.
    fn is_sound(&self) -> bool {
        self.task.check().is_ok() && self.network.is_sound() && self.optimiser.fits(&self.network)
    }

    /// Trains for `updates` batches of 100 fresh sequences, then tests. If cancelled, it leaves the run unchanged.
    ///
    /// # Errors
    /// Those of `Task::check`; [`Error::Cancelled`].
    pub fn epoch(&mut self, updates: u64, progress: &Progress) -> Result<Epoch> {
        self.task.check()?;
        let started = Instant::now();
        let mut next = self.clone();
        let mut loss = 0.0;
        for update in 0..updates {
            progress.step(update as usize, updates as usize)?;
            loss += next.update();
        }
        let network = next.network.ready();
        let right: usize = (0..data::TESTED)
            .into_par_iter()
            .map(|index| {
                let example = data::test(self.task, self.seed, index);
                usize::from((network.answer(&example) - example.target).abs() < RIGHT_WITHIN)
            })
            .sum();
        progress.step(updates as usize, updates as usize)?;
        let epoch = Epoch {
            accuracy: right as f64 / data::TESTED as f64,
            loss: loss / updates.max(1) as f64,
            seconds: started.elapsed().as_secs_f64(),
        };
        next.epochs.push(epoch);
        *self = next;
        Ok(epoch)
    }

    /// One batch. Returns its mean squared error.
    fn update(&mut self) -> f64 {
        let network = self.network.ready();
        let parts: Vec<(f64, Vec<f32>)> = (0..BATCH / SUMMED_TOGETHER)
            .into_par_iter()
            .map(|part| {
                let mut gradient = vec![0.0; self.network.parameter_count()];
                let mut loss = 0.0;
                for index in part * SUMMED_TOGETHER..(part + 1) * SUMMED_TOGETHER {
                    let example = data::training(self.task, self.seed, self.updates, index);
                    loss += f64::from(network.add_gradient(&example, 1.0 / BATCH as f32, &mut gradient));
                }
                (loss, gradient)
            })
            .collect();
        let mut gradient = vec![0.0; self.network.parameter_count()];
        let mut loss = 0.0;
        for (part_loss, part) in parts {
            loss += part_loss;
            gradient.iter_mut().zip(part).for_each(|(sum, g)| *sum += g);
        }
        self.optimiser.update(&mut self.network, &gradient, self.learning_rate);
        self.updates += 1;
        loss / BATCH as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(pooling: Pooling) -> Task {
        Task { problem: Problem::Addition, pooling, lengths: Lengths::Near(20) }
    }

    #[test]
    fn short_sums_are_learned() {
        let mut run = Run::new(task(Pooling::Attention), 0.003, 1);
        let first = run.epoch(20, &Progress::silent()).unwrap();
        let last = run.epoch(600, &Progress::silent()).unwrap();
        assert!(first.accuracy < 0.5 && last.accuracy > 0.8, "{first:?} {last:?}");
        assert!(last.loss < 0.2 * first.loss);
    }

    #[test]
    fn a_run_written_down_goes_on_as_if_it_had_not_been() {
        let mut through = Run::new(task(Pooling::Unweighted), 0.001, 9);
        through.epoch(5, &Progress::silent()).unwrap();
        let text = serde_json::to_string(&through).unwrap();
        let mut again: Run = serde_json::from_str(&text).unwrap();
        assert!(again.is_sound());
        through.epoch(5, &Progress::silent()).unwrap();
        again.epoch(5, &Progress::silent()).unwrap();
        assert_eq!(through.network, again.network);
        let accuracies = |run: &Run| run.epochs.iter().map(|e| (e.accuracy, e.loss)).collect::<Vec<_>>();
        assert_eq!(accuracies(&through), accuracies(&again));
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let trained = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut run = Run::new(task(Pooling::Attention), 0.003, 4);
                run.epoch(10, &Progress::silent()).unwrap();
                run.network
            })
        };
        assert_eq!(trained(1), trained(3));
    }

    #[test]
    fn cancelled_it_is_as_before() {
        let mut run = Run::new(task(Pooling::Attention), 0.003, 4);
        let before = run.clone();
        let progress = Progress::silent();
        progress.cancel();
        assert!(matches!(run.epoch(10, &progress), Err(Error::Cancelled)));
        assert_eq!(run, before);
    }

    #[test]
    fn lengths_out_of_range_are_refused() {
        let far = Lengths::Varied { shortest: 50, longest: 10_000_000 };
        for lengths in [Lengths::Near(5), far, Lengths::Varied { shortest: 90, longest: 50 }] {
            let task = Task { problem: Problem::Addition, pooling: Pooling::Attention, lengths };
            assert!(matches!(task.check(), Err(Error::Limit { .. })), "{lengths:?}");
        }
    }
}
