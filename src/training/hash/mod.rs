//! How are the hash networks learned?
//!
//! [`train_hash`] learns a [`HashModel`] from the pairs of data sets: batches of random crops, both sides moved by the
//! same random number of semitones. The Bhattacharyya coefficient on the validation works decides which parameters are
//! kept and when to stop (spec D).

mod examples;

use super::batch::{self, Batch, MOST_TRANSPOSED};
use super::learner::Processor;
use super::losses::Objective;
use super::start::Start;
use super::task::{Best, Learnable, Reached, Schedule, Standing, Task, refuse};
use super::trainer::Trainer;
use crate::encoder::{Branch, Side};
use crate::error::{Error, Result};
use crate::hashing::{Architecture, CodePair, HashModel, Separation, TrainingRecord, codes};
use crate::job::Progress;
use crate::network::{Network, Rule, Trace};
use examples::{Draw, Examples};
use ndarray::{Array2, ArrayView2};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Most pairs, and frames of each, that a validation examines.
const VALIDATION: (usize, usize) = (256, 512);

/// What to learn, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The networks.
    pub architecture: Architecture,
    /// The loss to minimise.
    pub objective: Objective,
    /// The rule that turns gradients into steps.
    pub rule: Rule,
    /// Learning rate.
    pub rate: f32,
    /// Whether the rate falls to 0 along a cosine.
    pub decay: bool,
    /// Crops in a batch, each from a different pair.
    pub batch: usize,
    /// Frames per crop.
    pub crop_frames: usize,
    /// Most semitones by which crops are moved, either way; at most 6.
    pub transpose: usize,
    /// How strongly the timbre of the audio side is randomly changed, afresh for each crop: 0 (not at all) to 1.
    #[serde(default)]
    pub recolour: f32,
    /// Maximum number of steps.
    pub steps: u64,
    /// Maximum number of minutes, over all runs.
    pub minutes: Option<f64>,
    /// Steps between validations: an epoch.
    pub validate_every: u64,
    /// Steps after which it ends; each improvement extends it by that many (spec D).
    pub patience: u64,
    /// Seed of the initial parameters, the crops and their order.
    pub seed: u64,
    /// The initial parameters. With anything but [`Start::Random`] the networks are that model's.
    #[serde(default)]
    pub start: Start,
}

impl Options {
    /// As published for the first generation (spec D): `RMSProp` 10⁻³, ρ .65, α 8, m 4, batches of 50 crops of 100.
    pub fn gen1() -> Self {
        Self {
            architecture: Architecture::gen1(),
            objective: Objective::Hinge { alpha: 8.0, margin: 4.0, beta: 0.0 },
            rule: Rule::RmsProp { rho: 0.65 },
            rate: 1e-3,
            decay: false,
            batch: 50,
            crop_frames: 100,
            transpose: 6,
            recolour: 0.0,
            steps: 100_000,
            minutes: None,
            validate_every: 100,
            patience: 1000,
            seed: 0,
            start: Start::Random,
        }
    }

    /// As published for the second generation (spec D): `RMSProp` 10⁻⁵, ρ .26, α 5.33, m 4, β .05.
    pub fn gen2() -> Self {
        Self {
            architecture: Architecture::gen2(),
            objective: Objective::Hinge { alpha: 5.33, margin: 4.0, beta: 0.05 },
            rule: Rule::RmsProp { rho: 0.26 },
            rate: 1e-5,
            ..Self::gen1()
        }
    }

    /// Ours: `InfoNCE` at temperature .1, Adam 10⁻³ with cosine decay, batches of 64 crops of 96 frames.
    pub fn antiphon() -> Self {
        Self {
            architecture: Architecture::antiphon(),
            objective: Objective::Contrastive { temperature: 0.1, saturation: 0.1, balance: 0.1 },
            rule: Rule::Adam { beta1: 0.9, beta2: 0.999 },
            rate: 1e-3,
            decay: true,
            batch: 64,
            crop_frames: 96,
            steps: 14_000,
            validate_every: 200,
            patience: 14_000,
            ..Self::gen1()
        }
    }

    fn check(&self) -> Result<()> {
        if !(2..=4096).contains(&self.batch) {
            return refuse("batch", self.batch.to_string(), "2 ..= 4096 crops");
        }
        if !(16..=65_536).contains(&self.crop_frames) {
            return refuse("crop", self.crop_frames.to_string(), "16 ..= 65536 frames");
        }
        if self.transpose > MOST_TRANSPOSED {
            return refuse("transposition", self.transpose.to_string(), "0 ..= 6 semitones");
        }
        if !(0.0..=1.0).contains(&self.recolour) {
            return refuse("recolouring", self.recolour.to_string(), "0 ..= 1");
        }
        self.schedule().check()?;
        if let Objective::Contrastive { temperature, .. } = self.objective
            && !(0.02..=10.0).contains(&temperature)
        {
            return refuse("temperature", temperature.to_string(), "0.02 ..= 10");
        }
        Ok(())
    }

    pub(super) fn schedule(&self) -> Schedule {
        Schedule {
            rule: self.rule,
            rate: self.rate,
            decay: self.decay,
            steps: self.steps,
            minutes: self.minutes,
            validate_every: self.validate_every,
            patience: Some(self.patience),
            best: Best::Lowest,
            seed: self.seed,
            continues: self.start.has_learned(),
        }
    }
}

/// The result of a validation: a line of `training.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Steps taken.
    pub step: u64,
    /// Maximum number of steps.
    pub steps: u64,
    /// Mean loss of the batches since the last line.
    pub loss: f64,
    /// Bhattacharyya coefficient on the validation works; 1 if the codes have collapsed.
    pub bc: f64,
    /// Mean Hamming distances of matching and of different steps.
    pub distances: (f64, f64),
    /// Learning rate.
    pub rate: f32,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Milliseconds per step, batch included, since the last line.
    pub ms_per_step: f64,
    /// Frames of both sides learned from per second.
    pub frames_per_s: f64,
    /// Seconds left, at this pace and if it doesn't end early.
    pub seconds_left: f64,
}

/// Learns a model from the data sets in `folders` on `processor` and writes it to `output`, with `training.jsonl` and a
/// checkpoint next to it; resumes from a checkpoint if there is one. `report` is called at each validation; a model
/// that it starts from is validated first, and kept unless it improves. Returns the model with the lowest coefficient.
///
/// # Errors
/// [`Error::Limit`] for options outside their limits; those of reading data sets; [`Error::Training`] if there is too
/// little to learn from, the numbers overflow or there is no such processor; [`Error::Model`] for a checkpoint that is
/// damaged or from other options or data; [`Error::Io`]; [`Error::Cancelled`], which leaves a checkpoint.
pub fn train_hash(
    folders: &[PathBuf],
    options: &Options,
    output: &Path,
    processor: Processor,
    progress: &Progress,
    report: &mut dyn FnMut(&Measured),
) -> Result<HashModel> {
    options.check()?;
    let random = || HashModel::new(options.architecture.clone(), options.seed);
    let mut model = options.start.model(random, HashModel::bundled, HashModel::load)?;
    let options = Options { architecture: model.architecture().clone(), ..options.clone() };
    let examples = Examples::load(folders, &model, options.crop_frames, &progress.part(0.0, 0.02))?;
    if !options.start.has_learned() {
        examples.standardise(&mut model, options.seed);
    }
    let record = TrainingRecord {
        antiphon: env!("CARGO_PKG_VERSION").into(),
        options: json!(options),
        data: folders.iter().map(|folder| batch::name(folder)).collect(),
        works: examples.works.0,
        pairs: examples.pairs(),
        valid_works: examples.works.1,
        ..TrainingRecord::default()
    };
    let validation = examples.validation(&model, VALIDATION.0, VALIDATION.1);
    let task = HashTask { options, examples, record };
    Trainer::new(&task, model, validation, output, processor)?.run(&progress.part(0.02, 1.0), report)
}

struct HashTask {
    options: Options,
    examples: Examples,
    /// The part of the record that is known before the first step.
    record: TrainingRecord,
}

impl Task for HashTask {
    type Network = Network;
    type Model = HashModel;
    type Measured = Measured;

    const CHECKPOINT: [&str; 2] = ["hash-checkpoint/1", "training/1"];

    fn schedule(&self) -> Schedule {
        self.options.schedule()
    }

    fn objective(&self) -> Objective {
        self.options.objective
    }

    fn made_with(&self) -> String {
        let TrainingRecord { data, works, pairs, valid_works, .. } = &self.record;
        json!({ "options": self.options, "data": data, "works": works, "pairs": pairs, "valid_works": valid_works })
            .to_string()
    }

    fn batch(&self, model: &HashModel, rng: &mut Pcg64) -> Batch {
        let Options { batch, crop_frames, transpose, recolour, .. } = self.options;
        let draw = Draw { crops: batch, frames: crop_frames, transposed: transpose, recolour };
        self.examples.batch(model, draw, rng)
    }

    fn measure(
        &self,
        model: &mut HashModel,
        [midi, audio]: [Vec<ArrayView2<'_, f32>>; 2],
        groups: &[usize],
        reached: &Reached,
    ) -> Result<(f64, Measured)> {
        let pairs: Vec<CodePair> = midi
            .into_iter()
            .zip(audio)
            .zip(groups)
            .map(|((midi, audio), &group)| CodePair { group, midi: codes(midi), audio: codes(audio) })
            .collect();
        let separation = Separation::of(&pairs, model.bits());
        if separation.different.iter().sum::<u64>() == 0 {
            return Err(Error::Training("all validation works are one and the same: nothing to tell apart".into()));
        }
        let bc = if separation.collapsed() { 1.0 } else { separation.coefficient() };
        let &Reached { step, loss, rate, seconds, ms_per_step, seconds_left } = reached;
        let frames = 2 * self.options.batch.min(self.examples.pairs()) * self.options.crop_frames;
        let measured = Measured {
            step,
            steps: self.options.steps,
            loss,
            bc,
            distances: separation.means(),
            rate,
            seconds,
            ms_per_step,
            frames_per_s: if ms_per_step > 0.0 { 1000.0 * frames as f64 / ms_per_step } else { 0.0 },
            seconds_left,
        };
        Ok((bc, measured))
    }

    fn record(&self, model: &mut HashModel, standing: &Standing) {
        let (validation_bc, step) = standing.best.unwrap_or((1.0, 0));
        let (steps, seconds) = (standing.step, standing.seconds);
        model.set_record(TrainingRecord { step, steps, seconds, validation_bc, ..self.record.clone() });
    }

    fn branch(model: &HashModel, side: Side) -> &Branch<Network> {
        model.branch(side)
    }

    fn branch_mut(model: &mut HashModel, side: Side) -> &mut Branch<Network> {
        model.branch_mut(side)
    }

    fn load(path: &Path) -> Result<HashModel> {
        HashModel::load(path)
    }

    fn to_bytes(model: &HashModel) -> Result<Vec<u8>> {
        model.to_bytes()
    }
}

impl Learnable for Network {
    type Trace = Trace;

    const GROUPS: &[&str] = &[""];

    fn groups(&self) -> Vec<&[f32]> {
        vec![self.parameters()]
    }

    fn groups_mut(&mut self) -> Vec<&mut [f32]> {
        vec![self.parameters_mut()]
    }

    fn traces(&self, inputs: &[Array2<f32>]) -> Vec<Trace> {
        self.trace_batch(inputs)
    }

    fn outputs_of(traces: &[Trace]) -> Vec<ArrayView2<'_, f32>> {
        traces.iter().flat_map(Trace::outputs).collect()
    }

    fn gradients(&self, traces: &[Trace], d_outputs: &[Array2<f32>]) -> Vec<Vec<f32>> {
        vec![self.gradient_batch(traces, d_outputs)]
    }

    #[cfg(feature = "gpu")]
    fn layers(&self) -> Option<&Network> {
        Some(self)
    }
}
