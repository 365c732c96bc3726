//! [`Task`]: what the [`Trainer`](super::trainer::Trainer) needs to know about a kind of network to train it.

use super::Objective;
use super::batch::Batch;
use crate::encoder::{Branch, Side};
use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::network::Network;
use crate::network::Rule;
use ndarray::{Array2, ArrayView2};
use rand_pcg::Pcg64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One score is much better than another if it is this share of it, or the reverse (spec D).
const BETTER: f64 = 0.99;

/// The network of one side, as seen by the trainer.
pub(super) trait Learnable: Clone + Send + Sync {
    /// What [`gradients`](Self::gradients) needs to know about a sequence's pass through the network.
    type Trace: Send + Sync;

    /// Groups of parameters, each with its own optimiser: the prefixes of their names in a checkpoint.
    const GROUPS: &[&str];

    /// The parameters, group by group.
    fn groups(&self) -> Vec<&[f32]>;

    /// See [`groups`](Self::groups).
    fn groups_mut(&mut self) -> Vec<&mut [f32]>;

    /// The traces of a batch, computed on all cores.
    fn traces(&self, inputs: &[Array2<f32>]) -> Vec<Self::Trace>;

    /// The outputs, (steps × values) for each sequence.
    fn outputs_of(traces: &[Self::Trace]) -> Vec<ArrayView2<'_, f32>>;

    /// The gradient of each group, given that of the outputs, on all cores; the same sums however many cores there are.
    fn gradients(&self, traces: &[Self::Trace], d_outputs: &[Array2<f32>]) -> Vec<Vec<f32>>;

    /// The layers, if the network consists of nothing else: what a graphics card can train.
    #[cfg(feature = "gpu")]
    fn layers(&self) -> Option<&Network>;
}

/// A training: a model and its file, the batches it learns from, and what counts as good.
pub(super) trait Task: Sync {
    type Network: Learnable;
    type Model: Clone + Send + Sync;
    /// The result of a validation: a line of `training.jsonl`, with `step`.
    type Measured: Serialize + DeserializeOwned;

    /// The format that a checkpoint declares, and the one it declared in the program's first version.
    const CHECKPOINT: [&str; 2];

    fn schedule(&self) -> Schedule;

    fn objective(&self) -> Objective;

    /// Options and data as JSON text: what must be the same to resume from a checkpoint.
    fn made_with(&self) -> String;

    /// A batch, its inputs standardised as `model` says.
    fn batch(&self, model: &Self::Model, rng: &mut Pcg64) -> Batch;

    /// Measures the outputs (MIDI, audio) of the validation's batch; the score decides which parameters are kept.
    /// Writes what the model's record tells about its validation.
    fn measure(
        &self,
        model: &mut Self::Model,
        outputs: [Vec<ArrayView2<'_, f32>>; 2],
        groups: &[usize],
        reached: &Reached,
    ) -> Result<(f64, Self::Measured)>;

    /// Writes the record of the training into the model, except what [`measure`](Self::measure) writes.
    fn record(&self, model: &mut Self::Model, standing: &Standing);

    fn branch(model: &Self::Model, side: Side) -> &Branch<Self::Network>;

    fn branch_mut(model: &mut Self::Model, side: Side) -> &mut Branch<Self::Network>;

    fn load(path: &Path) -> Result<Self::Model>;

    fn to_bytes(model: &Self::Model) -> Result<Vec<u8>>;
}

/// Which of two scores is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Best {
    Lowest,
    Highest,
}

impl Best {
    /// Whether `score` is better than `other`.
    pub(crate) fn is(self, score: f64, other: f64) -> bool {
        match self {
            Self::Lowest => score < other,
            Self::Highest => score > other,
        }
    }

    /// Whether it is so much better that it deserves more patience.
    pub(crate) fn is_much(self, score: f64, other: f64) -> bool {
        match self {
            Self::Lowest => score < BETTER * other,
            Self::Highest => BETTER * score > other,
        }
    }
}

/// How long a training takes, and at which rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pub rule: Rule,
    pub rate: f32,
    /// Whether the rate falls to 0 along a cosine.
    pub decay: bool,
    pub steps: u64,
    /// Maximum number of minutes, over all runs.
    pub minutes: Option<f64>,
    /// Steps between validations.
    pub validate_every: u64,
    /// Steps after which it ends; each improvement extends it by that many (spec D).
    pub patience: Option<u64>,
    pub best: Best,
    /// Seed of the batches.
    pub seed: u64,
    /// Whether the model has learned before: if so, it is validated first, and kept unless it improves.
    pub continues: bool,
}

impl Schedule {
    pub(crate) fn check(&self) -> Result<()> {
        if !(self.rate > 0.0 && self.rate <= 10.0) {
            return refuse("learning rate", self.rate.to_string(), "above 0, at most 10");
        }
        if self.steps == 0 || self.validate_every == 0 {
            return refuse("steps", self.steps.min(self.validate_every).to_string(), "1 or more");
        }
        if let Some(minutes) = self.minutes
            && !(minutes > 0.0 && minutes.is_finite())
        {
            return refuse("minutes", format!("{minutes:?}"), "above 0");
        }
        Ok(())
    }

    /// The progress of the training, 0..=1.
    pub(crate) fn fraction(&self, standing: &Standing) -> f64 {
        let time = self.minutes.map_or(0.0, |minutes| standing.seconds / (60.0 * minutes));
        (standing.step as f64 / self.steps as f64).max(time).min(1.0)
    }

    pub(crate) fn rate_at(&self, fraction: f64) -> f32 {
        if self.decay { self.rate * 0.5 * (1.0 + (std::f64::consts::PI * fraction).cos()) as f32 } else { self.rate }
    }
}

/// The error for an option outside its limits.
pub(super) fn refuse(what: &'static str, value: String, limit: &str) -> Result<()> {
    Err(Error::Limit { what, value, limit: limit.into() })
}

/// The state of a training, apart from its weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Steps taken.
    pub step: u64,
    /// Step after which it ends, unless it improves; `None` if it continues to the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// Best score so far and its step.
    pub best: Option<(f64, u64)>,
    /// Sum of the losses since the last validation, and the number of steps.
    pub loss: (f64, u64),
    /// Seconds taken so far.
    pub seconds: f64,
}

/// How far a training has come when it validates, and how fast it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    pub step: u64,
    /// Mean over the batches since the last validation.
    pub loss: f64,
    pub rate: f32,
    pub seconds: f64,
    /// Milliseconds per step, batch included, since the last validation; 0 before the first step.
    pub ms_per_step: f64,
    /// Seconds left, at this pace and if it doesn't end early; 0 before the first step.
    pub seconds_left: f64,
}
