//! How is the embedding learned?
//!
//! [`train_embedding`] learns an [`EmbeddingModel`] from the pairs of data sets, each as a whole: a clip of 30 to 60 s
//! of the recording, and the MIDI of at least that, at another tempo; where they correspond is not given (spec G).

mod distinction;
mod songs;

pub use distinction::Distinction;

use super::batch::{self, Batch, MOST_TRANSPOSED};
use super::learner::Processor;
use super::losses::Objective;
use super::start::Start;
use super::task::{Best, Learnable, Reached, Schedule, Standing, Task, refuse};
use super::trainer::Trainer;
use crate::embedding::{
    AttentionNetwork, EmbeddingArchitecture, EmbeddingModel, EmbeddingTrace, EmbeddingTrainingRecord, unit_length,
};
use crate::encoder::{Branch, Side};
use crate::error::Result;
use crate::job::Progress;
#[cfg(feature = "gpu")]
use crate::network::Network;
use crate::network::Rule;
use ndarray::{Array1, Array2, ArrayView2};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use songs::{Draw, Songs};
use std::path::{Path, PathBuf};

/// Sequences whose gradients are summed by one task: fixed, so that sums don't depend on the number of threads.
const SUMMED_TOGETHER: usize = 4;

/// What to learn, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingOptions {
    /// The networks.
    pub architecture: EmbeddingArchitecture,
    /// The loss to minimise.
    pub objective: Objective,
    /// The rule that turns gradients into steps.
    pub rule: Rule,
    /// Learning rate.
    pub rate: f32,
    /// Whether the rate falls to 0 along a cosine.
    pub decay: bool,
    /// Songs in a batch.
    pub batch: usize,
    /// Shortest and longest clip of a recording, in frames.
    pub clip_frames: (usize, usize),
    /// Most semitones by which both sides are moved, either way; at most 6.
    pub transpose: usize,
    /// Most semitones by which the recording is moved against the MIDI, either way, in half of the clips: vectors of a
    /// song in different keys become alike.
    #[serde(default, skip_serializing_if = "is_none")]
    pub key_shift: usize,
    /// How strongly the timbre of the audio side is randomly changed, afresh for each clip: 0 (not at all) to 1.
    #[serde(default)]
    pub recolour: f32,
    /// The MIDI is played up to this many times faster or slower.
    pub tempo: f32,
    /// Maximum number of steps.
    pub steps: u64,
    /// Maximum number of minutes, over all runs.
    pub minutes: Option<f64>,
    /// Steps between validations.
    pub validate_every: u64,
    /// Seed of the initial parameters and the batches.
    pub seed: u64,
    /// The initial parameters. With anything but [`Start::Random`] the networks are that model's.
    #[serde(default)]
    pub start: Start,
}

impl EmbeddingOptions {
    /// Ours: `InfoNCE` at temperature .1, Adam 10⁻³ with cosine decay, batches of 96: each song is distinguished from
    /// 95 others.
    pub fn antiphon() -> Self {
        Self {
            architecture: EmbeddingArchitecture::antiphon(),
            objective: Objective::Contrastive { temperature: 0.1, saturation: 0.0, balance: 0.0 },
            rule: Rule::Adam { beta1: 0.9, beta2: 0.999 },
            rate: 1e-3,
            decay: true,
            batch: 96,
            clip_frames: (646, 1292),
            transpose: 6,
            key_shift: 0,
            recolour: 0.0,
            tempo: 1.6,
            steps: 20_000,
            minutes: None,
            validate_every: 100,
            seed: 0,
            start: Start::Random,
        }
    }

    /// As published for the first generation (spec G): accelerated gradient 10⁻⁴, momentum .997, α .935, m 1.
    pub fn gen1() -> Self {
        Self {
            architecture: EmbeddingArchitecture::gen1(),
            objective: Objective::Hinge { alpha: 0.935, margin: 1.0, beta: 0.0 },
            rule: Rule::Nesterov { momentum: 0.997 },
            rate: 1e-4,
            decay: false,
            batch: 20,
            ..Self::antiphon()
        }
    }

    /// As published for the second generation (spec G): `RMSProp` 5·10⁻⁶, ρ .999, α 3.342, m 1.055.
    pub fn gen2() -> Self {
        Self {
            architecture: EmbeddingArchitecture::gen2(),
            objective: Objective::Hinge { alpha: 3.342, margin: 1.055, beta: 0.0 },
            rule: Rule::RmsProp { rho: 0.999 },
            rate: 5e-6,
            validate_every: 200,
            ..Self::gen1()
        }
    }

    fn check(&self) -> Result<()> {
        if !(2..=4096).contains(&self.batch) {
            return refuse("batch", self.batch.to_string(), "2 ..= 4096 songs");
        }
        let (least, most) = self.clip_frames;
        if least < 64 || least > most || most > 65_536 {
            return refuse("clip", format!("{least} to {most}"), "64 ..= 65536 frames, the shortest first");
        }
        if self.transpose > MOST_TRANSPOSED {
            return refuse("transposition", self.transpose.to_string(), "0 ..= 6 semitones");
        }
        if self.key_shift > MOST_TRANSPOSED {
            return refuse("key shift", self.key_shift.to_string(), "0 ..= 6 semitones");
        }
        if !(0.0..=1.0).contains(&self.recolour) {
            return refuse("recolouring", self.recolour.to_string(), "0 ..= 1");
        }
        if !(1.0..=4.0).contains(&self.tempo) {
            return refuse("tempo ratio", self.tempo.to_string(), "1 ..= 4");
        }
        self.schedule().check()
    }

    fn schedule(&self) -> Schedule {
        Schedule {
            rule: self.rule,
            rate: self.rate,
            decay: self.decay,
            steps: self.steps,
            minutes: self.minutes,
            validate_every: self.validate_every,
            patience: None,
            best: Best::Highest,
            seed: self.seed,
            continues: self.start.has_learned(),
        }
    }
}

/// An unused option is not written, so that records and checkpoints stay the same.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_none(option: &usize) -> bool {
    *option == 0
}

/// The result of a validation: a line of `training.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingMeasured {
    /// Steps taken.
    pub step: u64,
    /// Mean loss of the batches since the last line.
    pub loss: f64,
    /// Measured on the validation works.
    pub validation: Distinction,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Milliseconds per step, batch included, since the last line.
    pub ms_per_step: f64,
    /// Seconds left at this pace.
    pub seconds_left: f64,
}

/// Learns a model from the data sets in `folders` and writes it to `output`, with `training.jsonl` and a checkpoint
/// next to it, as [`train_hash`](super::train_hash) does. The model kept is the one with the highest mean reciprocal
/// rank on the validation works. It is learned on the CPU: the graphics card has kernels only for layers over crops of
/// one length, neither for attention nor for clips that differ in length.
///
/// # Errors
/// Those of [`train_hash`](super::train_hash).
pub fn train_embedding(
    folders: &[PathBuf],
    options: &EmbeddingOptions,
    output: &Path,
    progress: &Progress,
    report: &mut dyn FnMut(&EmbeddingMeasured),
) -> Result<EmbeddingModel> {
    options.check()?;
    let random = || EmbeddingModel::new(options.architecture.clone(), options.seed);
    let mut model = options.start.model(random, EmbeddingModel::bundled, EmbeddingModel::load)?;
    let options = EmbeddingOptions { architecture: model.architecture().clone(), ..options.clone() };
    let songs = Songs::load(folders, &model, options.clip_frames.0, &progress.part(0.0, 0.02))?;
    if !options.start.has_learned() {
        songs.standardise(&mut model);
    }
    let record = EmbeddingTrainingRecord {
        antiphon: env!("CARGO_PKG_VERSION").into(),
        options: json!(options),
        data: folders.iter().map(|folder| batch::name(folder)).collect(),
        works: songs.works.0,
        valid_works: songs.works.1,
        ..EmbeddingTrainingRecord::default()
    };
    let validation = songs.validation(&model);
    let task = EmbeddingTask { options, songs, record };
    Trainer::new(&task, model, validation, output, Processor::Cpu)?.run(&progress.part(0.02, 1.0), report)
}

struct EmbeddingTask {
    options: EmbeddingOptions,
    songs: Songs,
    /// The part of the record that is known before the first step.
    record: EmbeddingTrainingRecord,
}

impl Task for EmbeddingTask {
    type Network = AttentionNetwork;
    type Model = EmbeddingModel;
    type Measured = EmbeddingMeasured;

    const CHECKPOINT: [&str; 2] = ["embedding-checkpoint/1", "embedding-training/1"];

    fn schedule(&self) -> Schedule {
        self.options.schedule()
    }

    fn objective(&self) -> Objective {
        self.options.objective
    }

    fn made_with(&self) -> String {
        let EmbeddingTrainingRecord { data, works, valid_works, .. } = &self.record;
        json!({ "options": self.options, "data": data, "works": works, "valid_works": valid_works }).to_string()
    }

    fn batch(&self, model: &EmbeddingModel, rng: &mut Pcg64) -> Batch {
        let EmbeddingOptions { batch, clip_frames, transpose, key_shift, recolour, tempo, .. } = self.options;
        let draw = Draw { songs: batch, clip_frames, transposed: transpose, key_shift, recolour, tempo };
        self.songs.batch(model, draw, rng)
    }

    fn measure(
        &self,
        model: &mut EmbeddingModel,
        outputs: [Vec<ArrayView2<'_, f32>>; 2],
        groups: &[usize],
        reached: &Reached,
    ) -> Result<(f64, EmbeddingMeasured)> {
        let vector = |output: ArrayView2<f32>| {
            let mut vector = output.row(0).to_owned();
            if self.options.architecture.unit_length {
                unit_length(&mut vector);
            }
            vector
        };
        let [midi, audio] = outputs.map(|side| side.into_iter().map(vector).collect::<Vec<Array1<f32>>>());
        let (validation, validation_distances) = Distinction::with_distances(&midi, &audio, groups);
        model.set_record(EmbeddingTrainingRecord { validation_distances, ..model.record().clone() });
        let &Reached { step, loss, seconds, ms_per_step, seconds_left, .. } = reached;
        let measured = EmbeddingMeasured { step, loss, validation, seconds, ms_per_step, seconds_left };
        Ok((validation.mrr, measured))
    }

    fn record(&self, model: &mut EmbeddingModel, standing: &Standing) {
        let (validation_mrr, step) = standing.best.unwrap_or_default();
        let seconds = standing.seconds;
        let validation_distances = model.record().validation_distances.clone();
        model.set_record(EmbeddingTrainingRecord {
            step,
            seconds,
            validation_mrr,
            validation_distances,
            ..self.record.clone()
        });
    }

    fn branch(model: &EmbeddingModel, side: Side) -> &Branch<AttentionNetwork> {
        model.branch(side)
    }

    fn branch_mut(model: &mut EmbeddingModel, side: Side) -> &mut Branch<AttentionNetwork> {
        model.branch_mut(side)
    }

    fn load(path: &Path) -> Result<EmbeddingModel> {
        EmbeddingModel::load(path)
    }

    fn to_bytes(model: &EmbeddingModel) -> Result<Vec<u8>> {
        model.to_bytes()
    }
}

impl Learnable for AttentionNetwork {
    type Trace = EmbeddingTrace;

    /// Front, attention, head.
    const GROUPS: &[&str] = &["0.", "1.", "2."];

    fn groups(&self) -> Vec<&[f32]> {
        self.parameters().into()
    }

    fn groups_mut(&mut self) -> Vec<&mut [f32]> {
        self.parameters_mut().into()
    }

    fn traces(&self, inputs: &[Array2<f32>]) -> Vec<EmbeddingTrace> {
        inputs.par_iter().map(|input| self.trace(input.view())).collect()
    }

    fn outputs_of(traces: &[EmbeddingTrace]) -> Vec<ArrayView2<'_, f32>> {
        traces.iter().map(EmbeddingTrace::output).collect()
    }

    fn gradients(&self, traces: &[EmbeddingTrace], d_outputs: &[Array2<f32>]) -> Vec<Vec<f32>> {
        let zeros = || self.parameters().map(|group| vec![0.0; group.len()]);
        let parts: Vec<[Vec<f32>; 3]> = traces
            .par_chunks(SUMMED_TOGETHER)
            .zip(d_outputs.par_chunks(SUMMED_TOGETHER))
            .map(|(traces, d_outputs)| {
                let mut sums = zeros();
                for (trace, d_output) in traces.iter().zip(d_outputs) {
                    self.gradient(trace, d_output.view(), &mut sums);
                }
                sums
            })
            .collect();
        let mut sums = zeros();
        for part in parts {
            for (sum, part) in sums.iter_mut().zip(part) {
                sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
            }
        }
        sums.into()
    }

    #[cfg(feature = "gpu")]
    fn layers(&self) -> Option<&Network> {
        None
    }
}

#[cfg(test)]
mod tests;
