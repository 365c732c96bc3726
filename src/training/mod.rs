//! How are the networks learned?
//!
//! [`train_hash`] learns a [`HashModel`] from the pairs of data sets: batches of random crops, both sides moved by the
//! same random number of semitones; an [`Objective`]; an optimiser; every some steps a validation on works that are not
//! learned from, whose Bhattacharyya coefficient says which parameters are kept and when to stop (spec D). [`Options`]
//! are data: the papers' two generations, and ours.
//!
//! The same seed gives the same numbers, whatever the number of threads and however often it was interrupted, unless
//! minutes and not steps say when it ends. What it writes, each file whole or not at all:
//!
//! | file | when |
//! |---|---|
//! | the model | whenever it is the best so far |
//! | `training.jsonl` beside it, a [`Measured`] a line | at each validation |
//! | `<model>.checkpoint` beside it | at each validation, and when cancelled; removed at the end |

mod ahead;
mod batches;
mod checkpoint;
mod colour;
mod embedding;
#[cfg(feature = "gpu")]
mod gpu;
mod learner;
mod losses;
mod start;

pub use embedding::{Distinction, EmbeddingMeasured, EmbeddingOptions, train_embedding};
pub use learner::Processor;
pub use losses::Objective;
pub use start::Start;

use crate::error::{Error, Result};
use crate::export;
use crate::hashing::{Architecture, CodePair, HashModel, Separation, Side, TrainingRecord, codes};
use crate::job::Progress;
use crate::network::{Optimiser, Rule, Trace};
use ahead::{Ahead, Source};
use batches::{Batch, Examples};
use checkpoint::Standing;
use learner::Learner;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Pairs and frames of each that a validation looks at, at most.
const VALIDATION: (usize, usize) = (256, 512);
/// A coefficient must be below this share of the best one to be worth more patience (spec D).
const BETTER: f64 = 0.99;

/// What is learned, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The networks.
    pub architecture: Architecture,
    /// What is made small.
    pub objective: Objective,
    /// How gradients become steps.
    pub rule: Rule,
    /// Learning rate.
    pub rate: f32,
    /// Whether the rate falls to 0 along a cosine.
    pub decay: bool,
    /// Crops in a batch, each of another pair.
    pub batch: usize,
    /// Frames of a crop.
    pub crop_frames: usize,
    /// Semitones that crops are moved by at most, either way; 6 at most.
    pub transpose: usize,
    /// How strongly the timbre of the audio side is changed at random, anew for each crop: 0 (not at all) to 1.
    #[serde(default)]
    pub recolour: f32,
    /// Steps at most.
    pub steps: u64,
    /// Minutes at most, over all runs.
    pub minutes: Option<f64>,
    /// Steps between validations: an epoch.
    pub validate_every: u64,
    /// Steps after which it ends; each time it gets better it may go on that much longer (spec D).
    pub patience: u64,
    /// Of the first parameters, the crops and their order.
    pub seed: u64,
    /// What the first parameters are. After anything but [`Start::Random`] the networks are that model's.
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
        let refuse = |what, value: String, limit: &str| Err(Error::Limit { what, value, limit: limit.into() });
        if !(2..=4096).contains(&self.batch) {
            return refuse("batch", self.batch.to_string(), "2 ..= 4096 crops");
        }
        if !(16..=65_536).contains(&self.crop_frames) {
            return refuse("crop", self.crop_frames.to_string(), "16 ..= 65536 frames");
        }
        if self.transpose > 6 {
            return refuse("transposition", self.transpose.to_string(), "0 ..= 6 semitones");
        }
        if !(0.0..=1.0).contains(&self.recolour) {
            return refuse("recolouring", self.recolour.to_string(), "0 ..= 1");
        }
        if !(self.rate > 0.0 && self.rate <= 10.0) {
            return refuse("learning rate", self.rate.to_string(), "above 0, at most 10");
        }
        if self.steps == 0 || self.validate_every == 0 {
            return refuse("steps", self.steps.min(self.validate_every).to_string(), "1 or more");
        }
        if self.minutes.is_some_and(|m| !(m > 0.0 && m.is_finite())) {
            return refuse("minutes", format!("{:?}", self.minutes.unwrap_or_default()), "above 0");
        }
        if let Objective::Contrastive { temperature, .. } = self.objective
            && !(0.02..=10.0).contains(&temperature)
        {
            return refuse("temperature", temperature.to_string(), "0.02 ..= 10");
        }
        Ok(())
    }

    /// How far the training is, 0..=1.
    fn fraction(&self, standing: &Standing) -> f64 {
        let time = self.minutes.map_or(0.0, |minutes| standing.seconds / (60.0 * minutes));
        (standing.step as f64 / self.steps as f64).max(time).min(1.0)
    }

    fn rate_at(&self, fraction: f64) -> f32 {
        if self.decay { self.rate * 0.5 * (1.0 + (std::f64::consts::PI * fraction).cos()) as f32 } else { self.rate }
    }
}

/// What a validation found: a line of `training.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Steps taken.
    pub step: u64,
    /// Steps that there will be at most.
    pub steps: u64,
    /// Mean loss of the batches since the last line.
    pub loss: f64,
    /// Bhattacharyya coefficient on the validation works; 1 where the codes have collapsed.
    pub bc: f64,
    /// Mean Hamming distance of matching and of different steps.
    pub distances: (f64, f64),
    /// Learning rate.
    pub rate: f32,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Milliseconds of a step, batch included, since the last line.
    pub ms_per_step: f64,
    /// Frames of both sides that were learned from in a second.
    pub frames_per_s: f64,
    /// Seconds that are left, at this pace and if it doesn't end early.
    pub seconds_left: f64,
}

/// Learns a model from the data sets in `folders` on `processor` and writes it to `output`, with `training.jsonl` and a checkpoint
/// beside it; goes on from a checkpoint where there is one. `report` is called at each validation; a model that it starts
/// from is validated first, and kept unless it gets better. Returns the model with
/// the lowest coefficient.
///
/// # Errors
/// [`Error::Limit`] for options outside their limits; those of reading data sets; [`Error::Training`] where there is too
/// little to learn from, the numbers overflow or there is no such processor; [`Error::Model`] for a checkpoint that is damaged or of other options or
/// data; [`Error::Io`]; [`Error::Cancelled`], which leaves a checkpoint.
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
    let options = &Options { architecture: model.architecture().clone(), ..options.clone() };
    let data = Examples::load(folders, &model, options.crop_frames, &progress.part(0.0, 0.02))?;
    if !options.start.has_learned() {
        data.standardise(&mut model, options.seed);
    }
    let mut trainer = Trainer::new(options, &data, model, output);
    let names = folders.iter().map(|folder| batches::name(folder)).collect();
    trainer.record = TrainingRecord {
        antiphon: env!("CARGO_PKG_VERSION").into(),
        options: json!(options),
        data: names,
        works: data.works.0,
        pairs: data.pairs(),
        valid_works: data.works.1,
        ..TrainingRecord::default()
    };
    trainer.resume()?;
    trainer.learner = Learner::new(processor, options, &trainer.model, &trainer.optimisers)?;
    trainer.run(&progress.part(0.02, 1.0), report)
}

struct Trainer<'a> {
    options: &'a Options,
    data: &'a Examples,
    validation: Batch,
    model: HashModel,
    optimisers: [Optimiser; 2],
    learner: Learner,
    standing: Standing,
    record: TrainingRecord,
    output: &'a Path,
}

impl<'a> Trainer<'a> {
    fn new(options: &'a Options, data: &'a Examples, model: HashModel, output: &'a Path) -> Self {
        let optimiser = |side| Optimiser::new(options.rule, model.network(side).parameters().len());
        Self {
            validation: data.validation(&model, VALIDATION.0, VALIDATION.1),
            optimisers: [optimiser(Side::Midi), optimiser(Side::Audio)],
            learner: Learner::Cpu,
            standing: Standing { step: 0, patience: options.patience, best: None, loss: (0.0, 0), seconds: 0.0 },
            record: TrainingRecord::default(),
            options,
            data,
            model,
            output,
        }
    }

    fn made_with(&self) -> String {
        let TrainingRecord { data, works, pairs, valid_works, .. } = &self.record;
        json!({ "options": self.options, "data": data, "works": works, "pairs": pairs, "valid_works": valid_works })
            .to_string()
    }

    fn log(&self) -> PathBuf {
        self.output.with_file_name("training.jsonl")
    }

    /// Goes on from the checkpoint. Lines of the log that were written after it will be written again.
    fn resume(&mut self) -> Result<()> {
        let path = checkpoint::place(self.output);
        let made_with = self.made_with();
        let resumed = checkpoint::resume(&path, &made_with, &mut self.model, &mut self.optimisers)?;
        let log = self.log();
        let Some(standing) = resumed else {
            return export::write(&log, b"");
        };
        let text = match std::fs::read_to_string(&log) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io("read", &log)(error)),
        };
        let earlier =
            |line: &&str| serde_json::from_str::<Measured>(line).is_ok_and(|measured| measured.step <= standing.step);
        let kept: String = text.lines().filter(earlier).flat_map(|line| [line, "\n"]).collect();
        self.standing = standing;
        export::write(&log, kept.as_bytes())
    }

    fn save_checkpoint(&self) -> Result<()> {
        let path = checkpoint::place(self.output);
        checkpoint::save(&path, &self.made_with(), &self.standing, &self.model, &self.optimisers)
    }

    fn run(mut self, progress: &Progress, report: &mut dyn FnMut(&Measured)) -> Result<HashModel> {
        let source = Source { data: self.data, options: self.options, model: self.model.clone() };
        rayon::in_place_scope(|scope| {
            let batches = Ahead::new(scope, &source, self.standing.step, self.learner.ahead());
            self.steps(batches, progress, report)
        })?;
        progress.step(1, 1)?;
        self.finish()
    }

    fn steps(
        &mut self,
        mut batches: Ahead<'_, '_>,
        progress: &Progress,
        report: &mut dyn FnMut(&Measured),
    ) -> Result<()> {
        let before = self.standing.seconds;
        let start = Instant::now();
        let mut since = (self.standing.step, Instant::now());
        loop {
            self.standing.seconds = before + start.elapsed().as_secs_f64();
            let fraction = self.options.fraction(&self.standing);
            let ended = fraction >= 1.0 || self.standing.step >= self.standing.patience;
            let first = self.options.start.has_learned() && self.standing.best.is_none();
            let due = self.standing.step > since.0 && self.standing.step.is_multiple_of(self.options.validate_every);
            if first || due || (ended && self.standing.loss.1 > 0) {
                self.settle()?;
                let mut measured = self.validate()?;
                let steps = self.standing.step - since.0;
                if steps > 0 {
                    measured.ms_per_step = 1000.0 * since.1.elapsed().as_secs_f64() / steps as f64;
                    let frames = 2 * self.options.batch.min(self.data.pairs()) * self.options.crop_frames;
                    measured.frames_per_s = 1000.0 * frames as f64 / measured.ms_per_step.max(1e-9);
                }
                measured.seconds_left =
                    if fraction > 0.0 { self.standing.seconds * (1.0 / fraction - 1.0) } else { 0.0 };
                self.keep(&measured)?;
                report(&measured);
                since = (self.standing.step, Instant::now());
            }
            if ended {
                return Ok(());
            }
            if let Err(cancelled) = progress.step((fraction * 1e6) as usize, 1_000_000) {
                self.settle()?;
                self.save_checkpoint()?;
                return Err(cancelled);
            }
            let rate = self.options.rate_at(fraction);
            let loss = self.learner.step(&mut self.model, &mut self.optimisers, self.options, batches.draw(), rate);
            self.standing.step += 1;
            self.standing.loss.1 += 1;
            self.add_loss(loss)?;
        }
    }

    /// Brings the model and the optimisers to where the training stands.
    fn settle(&mut self) -> Result<()> {
        let loss = self.learner.settle(&mut self.model, &mut self.optimisers);
        self.add_loss(loss)
    }

    fn add_loss(&mut self, loss: f64) -> Result<()> {
        if !loss.is_finite() {
            let (step, rate) = (self.standing.step, self.options.rate_at(self.options.fraction(&self.standing)));
            let reason = format!("the loss is {loss} at step {step}: the learning rate {rate} is too high");
            return Err(Error::Training(reason));
        }
        self.standing.loss.0 += loss;
        Ok(())
    }

    fn validate(&self) -> Result<Measured> {
        let Batch { midi, audio, groups } = &self.validation;
        let side = |side: Side, inputs: &[Array2<f32>]| -> Vec<Vec<u32>> {
            let traces = self.model.network(side).trace_batch(inputs);
            outputs(&traces).into_iter().map(codes).collect()
        };
        let pairs: Vec<CodePair> = side(Side::Midi, midi)
            .into_iter()
            .zip(side(Side::Audio, audio))
            .zip(groups)
            .map(|((midi, audio), &group)| CodePair { group, midi, audio })
            .collect();
        let separation = Separation::of(&pairs, self.model.bits());
        if separation.different.iter().sum::<u64>() == 0 {
            return Err(Error::Training("all validation works are one and the same: nothing to tell apart".into()));
        }
        let bc = if separation.collapsed() { 1.0 } else { separation.coefficient() };
        let (sum, count) = self.standing.loss;
        Ok(Measured {
            step: self.standing.step,
            steps: self.options.steps,
            loss: sum / count.max(1) as f64,
            bc,
            distances: separation.means(),
            rate: self.options.rate_at(self.options.fraction(&self.standing)),
            seconds: self.standing.seconds,
            ms_per_step: 0.0,
            frames_per_s: 0.0,
            seconds_left: 0.0,
        })
    }

    /// Keeps the model if it is the best so far, adds to the log, and writes the checkpoint, in this order: what a kill
    /// leaves undone is done again.
    fn keep(&mut self, measured: &Measured) -> Result<()> {
        let best = self.standing.best.map_or(f64::INFINITY, |(bc, _)| bc);
        if measured.bc < best {
            if measured.bc < BETTER * best {
                self.standing.patience = self.standing.patience.saturating_add(self.options.patience);
            }
            self.standing.best = Some((measured.bc, measured.step));
            self.write_model(self.model.clone(), self.standing.best)?;
        }
        let log = self.log();
        let mut text = std::fs::read_to_string(&log).map_err(Error::io("read", &log))?;
        text += &json!(measured).to_string();
        text.push('\n');
        export::write(&log, text.as_bytes())?;
        self.standing.loss = (0.0, 0);
        self.save_checkpoint()
    }

    fn write_model(&self, mut model: HashModel, best: Option<(f64, u64)>) -> Result<HashModel> {
        let (validation_bc, step) = best.unwrap_or((1.0, 0));
        let (steps, seconds) = (self.standing.step, self.standing.seconds);
        model.set_record(TrainingRecord { step, steps, seconds, validation_bc, ..self.record.clone() });
        export::write(self.output, &model.to_bytes().map_err(|error| error.at(self.output))?)?;
        Ok(model)
    }

    /// The best model with the record of the whole training; the checkpoint has done its work.
    fn finish(self) -> Result<HashModel> {
        let model = self.write_model(HashModel::load(self.output)?, self.standing.best)?;
        let path = checkpoint::place(self.output);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
            _ => Ok(model),
        }
    }
}

fn outputs(traces: &[Trace]) -> Vec<ArrayView2<'_, f32>> {
    traces.iter().flat_map(Trace::outputs).collect()
}

#[cfg(test)]
mod goldens;
#[cfg(test)]
mod tests;
