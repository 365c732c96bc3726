//! [`Task`]: what the [`Trainer`](super::trainer::Trainer) must know of a kind of network to learn it.

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

/// A score that is much better than another has this share of it, or the other way round (spec D).
const BETTER: f64 = 0.99;

/// The network of one side, as steps are taken with it.
pub(super) trait Learnable: Clone + Send + Sync {
    /// What [`gradients`](Self::gradients) must know of a sequence's way through the network.
    type Trace: Send + Sync;

    /// Groups of parameters, each with an optimiser of its own: what their names in a checkpoint begin with.
    const GROUPS: &[&str];

    /// The parameters, group by group.
    fn groups(&self) -> Vec<&[f32]>;

    /// See [`groups`](Self::groups).
    fn groups_mut(&mut self) -> Vec<&mut [f32]>;

    /// Of a batch, on all cores.
    fn traces(&self, inputs: &[Array2<f32>]) -> Vec<Self::Trace>;

    /// What came out, (steps × values) for each sequence.
    fn outputs_of(traces: &[Self::Trace]) -> Vec<ArrayView2<'_, f32>>;

    /// Of each group, given that of the outputs, on all cores; the same sums whatever their number.
    fn gradients(&self, traces: &[Self::Trace], d_outputs: &[Array2<f32>]) -> Vec<Vec<f32>>;

    /// The layers, if they are all there is to it: what a graphics card can learn.
    #[cfg(feature = "gpu")]
    fn layers(&self) -> Option<&Network>;
}

/// A training: a model and its file, the batches it learns from, what is good.
pub(super) trait Task: Sync {
    type Network: Learnable;
    type Model: Clone + Send + Sync;
    /// What a validation found: a line of `training.jsonl`, with `step`.
    type Measured: Serialize + DeserializeOwned;

    /// What a checkpoint says it is, and what it said in the program's first version.
    const CHECKPOINT: [&str; 2];

    fn schedule(&self) -> Schedule;

    fn objective(&self) -> Objective;

    /// Options and data as JSON text: what must be the same to go on from a checkpoint.
    fn made_with(&self) -> String;

    /// A batch, its inputs standardised as `model` says.
    fn batch(&self, model: &Self::Model, rng: &mut Pcg64) -> Batch;

    /// What the outputs (MIDI, audio) of the validation's batch say; the score is what decides which parameters are kept.
    /// What the model's record tells of its validation is put there.
    fn measure(
        &self,
        model: &mut Self::Model,
        outputs: [Vec<ArrayView2<'_, f32>>; 2],
        groups: &[usize],
        reached: &Reached,
    ) -> Result<(f64, Self::Measured)>;

    /// Writes the record of the training into the model, but for what [`measure`](Self::measure) puts there.
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

    /// Whether it is by so much that it is worth more patience.
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
    /// At most, over all runs.
    pub minutes: Option<f64>,
    /// Steps between validations.
    pub validate_every: u64,
    /// Steps after which it ends; each time it gets better it may go on that much longer (spec D).
    pub patience: Option<u64>,
    pub best: Best,
    /// Of the batches.
    pub seed: u64,
    /// Whether the model has learned before: it is validated first, and kept unless it gets better.
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

    /// How far the training is, 0..=1.
    pub(crate) fn fraction(&self, standing: &Standing) -> f64 {
        let time = self.minutes.map_or(0.0, |minutes| standing.seconds / (60.0 * minutes));
        (standing.step as f64 / self.steps as f64).max(time).min(1.0)
    }

    pub(crate) fn rate_at(&self, fraction: f64) -> f32 {
        if self.decay { self.rate * 0.5 * (1.0 + (std::f64::consts::PI * fraction).cos()) as f32 } else { self.rate }
    }
}

/// An option is outside its limits.
pub(super) fn refuse(what: &'static str, value: String, limit: &str) -> Result<()> {
    Err(Error::Limit { what, value, limit: limit.into() })
}

/// Where a training stands, beside its weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Steps taken.
    pub step: u64,
    /// Step after which it ends, unless it gets better; `None` if it goes on to the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// Best score so far and its step.
    pub best: Option<(f64, u64)>,
    /// Sum of the losses since the last validation, and of how many steps.
    pub loss: (f64, u64),
    /// Seconds that it took so far.
    pub seconds: f64,
}

/// How far a training has come when it validates, and how fast it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    pub step: u64,
    /// Mean of the batches since the last validation.
    pub loss: f64,
    pub rate: f32,
    pub seconds: f64,
    /// Batch included, since the last validation; 0 before the first step.
    pub ms_per_step: f64,
    /// At this pace and if it doesn't end early; 0 before the first step.
    pub seconds_left: f64,
}
