//! How is the embedding learned?
//!
//! [`train_embedding`] learns an [`EmbeddingModel`] from the pairs of data sets, each as a whole: a clip of 30 to 60 s of
//! the recording and the MIDI of that and more, at another tempo; where they correspond is not told (spec G).

mod songs;

use super::{Objective, Rule, Start};
use crate::embedding::{
    Distances, EmbeddingArchitecture, EmbeddingModel, EmbeddingRecord, EmbeddingTrace, squared_distance, unit_length,
};
use crate::error::{Error, Result};
use crate::export;
use crate::hashing::Side;
use crate::job::Progress;
use crate::network::{Optimiser, tensors};
use ndarray::{Array1, Array2, ArrayView2};
use rand::SeedableRng;
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use songs::{Batch, Draw, Songs};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

const FORMAT: &str = "embedding-training/1";
const SIDES: [(&str, Side); 2] = [("midi", Side::Midi), ("audio", Side::Audio)];
/// Sequences whose gradients are summed by one task: fixed, so that sums don't depend on the number of threads.
const SUMMED_TOGETHER: usize = 4;

/// What is learned, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingOptions {
    /// The networks.
    pub architecture: EmbeddingArchitecture,
    /// What is made small.
    pub objective: Objective,
    /// How gradients become steps.
    pub rule: Rule,
    /// Learning rate.
    pub rate: f32,
    /// Whether the rate falls to 0 along a cosine.
    pub decay: bool,
    /// Songs in a batch.
    pub batch: usize,
    /// Shortest and longest clip of a recording, in frames.
    pub clip_frames: (usize, usize),
    /// Semitones that both sides are moved by at most, either way; 6 at most.
    pub transpose: usize,
    /// Semitones that the recording is moved by against the MIDI at most, either way, in half of the clips: vectors of a
    /// song in another key become alike.
    #[serde(default, skip_serializing_if = "is_none")]
    pub key_shift: usize,
    /// How strongly the timbre of the audio side is changed at random, anew for each clip: 0 (not at all) to 1.
    #[serde(default)]
    pub recolour: f32,
    /// The MIDI is played up to this many times as fast or as slow.
    pub tempo: f32,
    /// Steps at most.
    pub steps: u64,
    /// Minutes at most, over all runs.
    pub minutes: Option<f64>,
    /// Steps between validations.
    pub validate_every: u64,
    /// Of the first parameters and the batches.
    pub seed: u64,
    /// What the first parameters are. After anything but [`Start::Random`] the networks are that model's.
    #[serde(default)]
    pub start: Start,
}

impl EmbeddingOptions {
    /// Ours: `InfoNCE` at temperature .1, Adam 10⁻³ with cosine decay, batches of 96: each song is told from 95 others.
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
        let refuse = |what, value: String, limit: &str| Err(Error::Limit { what, value, limit: limit.into() });
        if !(2..=4096).contains(&self.batch) {
            return refuse("batch", self.batch.to_string(), "2 ..= 4096 songs");
        }
        let (least, most) = self.clip_frames;
        if least < 64 || least > most || most > 65_536 {
            return refuse("clip", format!("{least} to {most}"), "64 ..= 65536 frames, the shortest first");
        }
        if self.transpose > songs::MOST_TRANSPOSED {
            return refuse("transposition", self.transpose.to_string(), "0 ..= 6 semitones");
        }
        if self.key_shift > songs::MOST_TRANSPOSED {
            return refuse("key shift", self.key_shift.to_string(), "0 ..= 6 semitones");
        }
        if !(0.0..=1.0).contains(&self.recolour) {
            return refuse("recolouring", self.recolour.to_string(), "0 ..= 1");
        }
        if !(1.0..=4.0).contains(&self.tempo) {
            return refuse("tempo ratio", self.tempo.to_string(), "1 ..= 4");
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
        Ok(())
    }
}

/// An option that is not used is not written: records and checkpoints stay as they were.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_none(option: &usize) -> bool {
    *option == 0
}

/// How well a set of pairs is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distinction {
    /// Pairs.
    pub pairs: usize,
    /// Bhattacharyya coefficient of the histograms (20 bins from the least to the largest distance) of matching and other
    /// pairs; lower is better.
    pub bc: f64,
    /// Mean reciprocal rank of the right recording among all, for each MIDI file.
    pub mrr: f64,
    /// Share of MIDI files whose right recording comes first.
    pub first: f64,
}

impl Distinction {
    /// Of pairs `i`: MIDI file `i` and recording `i`; those of one group are the same music.
    ///
    /// # Panics
    /// If there are not as many of each.
    pub fn of(midi: &[Array1<f32>], audio: &[Array1<f32>], groups: &[usize]) -> Self {
        Self::with_distances(midi, audio, groups).0
    }

    fn with_distances(midi: &[Array1<f32>], audio: &[Array1<f32>], groups: &[usize]) -> (Self, Distances) {
        assert!(midi.len() == audio.len() && midi.len() == groups.len(), "pairs");
        let (mut matching, mut other, mut mrr, mut first) = (Vec::new(), Vec::new(), 0.0, 0.0);
        for (i, query) in midi.iter().enumerate() {
            let right = squared_distance(query.view(), audio[i].view()).sqrt();
            matching.push(right);
            let others = audio.iter().zip(groups).filter(|(_, group)| **group != groups[i]);
            let distances: Vec<f32> = others.map(|(a, _)| squared_distance(query.view(), a.view()).sqrt()).collect();
            let before = distances.iter().filter(|d| **d <= right).count();
            mrr += 1.0 / (before + 1) as f64;
            first += f64::from(u8::from(before == 0));
            other.extend(distances);
        }
        let count = midi.len().max(1) as f64;
        let distances = Distances::of(&matching, &other);
        let bc = distances.coefficient();
        (Self { pairs: midi.len(), bc, mrr: mrr / count, first: first / count }, distances)
    }
}

/// What a validation found: a line of `training.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingMeasured {
    /// Steps taken.
    pub step: u64,
    /// Mean loss of the batches since the last line.
    pub loss: f64,
    /// On the validation works.
    pub validation: Distinction,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Milliseconds of a step, batch included, since the last line.
    pub ms_per_step: f64,
    /// Seconds that are left at this pace.
    pub seconds_left: f64,
}

/// Where a training stands, beside its weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Standing {
    step: u64,
    /// Highest mean reciprocal rank so far, and its step.
    best: Option<(f64, u64)>,
    loss: (f64, u64),
    seconds: f64,
}

#[derive(Serialize, Deserialize)]
struct Checkpoint {
    format: String,
    /// Options and data as JSON text: what must be the same to go on.
    made_with: String,
    standing: Standing,
    steps_of_optimisers: [u64; 6],
}

/// Learns a model from the data sets in `folders` and writes it to `output`, with `training.jsonl` and a checkpoint beside
/// it, as [`train_hash`](super::train_hash) does. The model kept has the highest mean reciprocal rank on the validation
/// works.
///
/// # Errors
/// As [`train_hash`](super::train_hash).
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
    let options = &EmbeddingOptions { architecture: model.architecture().clone(), ..options.clone() };
    let songs = Songs::load(folders, &model, options.clip_frames.0, &progress.part(0.0, 0.02))?;
    if !options.start.has_learned() {
        songs.standardise(&mut model);
    }
    let sizes = SIDES.map(|(_, side)| model.branch(side).network.parameters().map(<[f32]>::len)).concat();
    let mut trainer = Trainer {
        optimisers: sizes.iter().map(|&count| Optimiser::new(options.rule, count)).collect(),
        validation: songs.validation(&model),
        standing: Standing::default(),
        record: EmbeddingRecord {
            antiphon: env!("CARGO_PKG_VERSION").into(),
            options: json!(options),
            data: folders.iter().map(|folder| songs::name(folder)).collect(),
            works: songs.works.0,
            valid_works: songs.works.1,
            ..EmbeddingRecord::default()
        },
        songs: &songs,
        options,
        model,
        output,
    };
    trainer.resume()?;
    trainer.run(&progress.part(0.02, 1.0), report)
}

struct Trainer<'a> {
    options: &'a EmbeddingOptions,
    songs: &'a Songs,
    validation: Batch,
    model: EmbeddingModel,
    /// Of front, attention and head of the MIDI side, then of the audio side.
    optimisers: Vec<Optimiser>,
    standing: Standing,
    record: EmbeddingRecord,
    output: &'a Path,
}

impl Trainer<'_> {
    fn log(&self) -> PathBuf {
        self.output.with_file_name("training.jsonl")
    }

    fn checkpoint(&self) -> PathBuf {
        super::checkpoint::place(self.output)
    }

    fn made_with(&self) -> String {
        let EmbeddingRecord { data, works, valid_works, .. } = &self.record;
        json!({ "options": self.options, "data": data, "works": works, "valid_works": valid_works }).to_string()
    }

    fn save_checkpoint(&self) -> Result<()> {
        let path = self.checkpoint();
        let refused = |reason: String| Error::Model { reason, path: path.clone() };
        let mut file = BTreeMap::new();
        let mut put = |name: String, values: &[f32]| file.insert(name, (vec![values.len()], values.to_vec()));
        let mut steps_of_optimisers = [0; 6];
        let mut model = self.model.clone();
        for (index, (name, side)) in SIDES.into_iter().enumerate() {
            for (group, parameters) in model.branch_mut(side).network.parameters_mut().into_iter().enumerate() {
                let (steps, first, second) = self.optimisers[3 * index + group].memory();
                steps_of_optimisers[3 * index + group] = steps;
                put(format!("{name}.{group}.parameters"), parameters);
                put(format!("{name}.{group}.first"), first);
                put(format!("{name}.{group}.second"), second);
            }
        }
        let (made_with, standing) = (self.made_with(), self.standing.clone());
        let metadata = Checkpoint { format: FORMAT.into(), made_with, standing, steps_of_optimisers };
        let metadata = serde_json::to_string(&metadata).map_err(|error| refused(error.to_string()))?;
        export::write(&path, &tensors::write(&file, metadata).map_err(refused)?)
    }

    /// Goes on from the checkpoint, if there is one. Lines of the log that were written after it will be written again.
    fn resume(&mut self) -> Result<()> {
        let (path, log) = (self.checkpoint(), self.log());
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return export::write(&log, b""),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        self.put_back(&bytes).map_err(|reason| Error::Model { reason, path })?;
        let text = match std::fs::read_to_string(&log) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io("read", &log)(error)),
        };
        let earlier =
            |line: &&str| serde_json::from_str::<EmbeddingMeasured>(line).is_ok_and(|m| m.step <= self.standing.step);
        let kept: String = text.lines().filter(earlier).flat_map(|line| [line, "\n"]).collect();
        export::write(&log, kept.as_bytes())
    }

    fn put_back(&mut self, bytes: &[u8]) -> core::result::Result<(), String> {
        let (mut file, metadata) = tensors::read(bytes)?;
        let metadata: Checkpoint = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
        if metadata.format != FORMAT {
            return Err(format!("its format is {:?}, {FORMAT:?} is read", metadata.format));
        }
        if metadata.made_with != self.made_with() {
            let reason =
                "a training with other options or data was interrupted here: name another model, or remove this";
            return Err(reason.into());
        }
        let mut numbers = |name: String| file.remove(&name).map(|(_, v)| v).ok_or_else(|| format!("no tensor {name}"));
        for (index, (name, side)) in SIDES.into_iter().enumerate() {
            for (group, parameters) in self.model.branch_mut(side).network.parameters_mut().into_iter().enumerate() {
                let at = 3 * index + group;
                let kept = numbers(format!("{name}.{group}.parameters"))?;
                if kept.len() != parameters.len() {
                    return Err(format!("{name}.{group}.parameters has another size than its layers"));
                }
                parameters.copy_from_slice(&kept);
                let (first, second) =
                    (numbers(format!("{name}.{group}.first"))?, numbers(format!("{name}.{group}.second"))?);
                let resumed = self.optimisers[at].clone().resumed(metadata.steps_of_optimisers[at], first, second);
                self.optimisers[at] =
                    resumed.ok_or_else(|| format!("the optimiser's memory of {name}.{group} has another size"))?;
            }
        }
        self.standing = metadata.standing;
        Ok(())
    }

    fn run(mut self, progress: &Progress, report: &mut dyn FnMut(&EmbeddingMeasured)) -> Result<EmbeddingModel> {
        let (before, start) = (self.standing.seconds, Instant::now());
        let mut since = (self.standing.step, Instant::now());
        loop {
            self.standing.seconds = before + start.elapsed().as_secs_f64();
            let time = self.options.minutes.map_or(0.0, |minutes| self.standing.seconds / (60.0 * minutes));
            let fraction = (self.standing.step as f64 / self.options.steps as f64).max(time).min(1.0);
            let ended = fraction >= 1.0;
            let first = self.options.start.has_learned() && self.standing.best.is_none();
            let due = self.standing.step > since.0 && self.standing.step.is_multiple_of(self.options.validate_every);
            if first || due || (ended && self.standing.loss.1 > 0) {
                let steps = self.standing.step - since.0;
                let ms = 1000.0 * since.1.elapsed().as_secs_f64();
                let (validation, distances) = self.validate();
                let measured = EmbeddingMeasured {
                    step: self.standing.step,
                    loss: self.standing.loss.0 / self.standing.loss.1.max(1) as f64,
                    validation,
                    seconds: self.standing.seconds,
                    ms_per_step: if steps > 0 { ms / steps as f64 } else { 0.0 },
                    seconds_left: if fraction > 0.0 { self.standing.seconds * (1.0 / fraction - 1.0) } else { 0.0 },
                };
                self.keep(&measured, distances)?;
                report(&measured);
                since = (self.standing.step, Instant::now());
            }
            if ended {
                break;
            }
            if let Err(cancelled) = progress.step((fraction * 1e6) as usize, 1_000_000) {
                self.save_checkpoint()?;
                return Err(cancelled);
            }
            let falling = 0.5 * (1.0 + (std::f64::consts::PI * fraction).cos()) as f32;
            self.step(self.options.rate * if self.options.decay { falling } else { 1.0 })?;
        }
        progress.step(1, 1)?;
        let best = EmbeddingModel::load(self.output)?;
        // It may have been found before an interruption.
        self.record.validation_distances = best.record().validation_distances.clone();
        let model = self.write_model(best)?;
        let path = self.checkpoint();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
            _ => Ok(model),
        }
    }

    /// One batch.
    fn step(&mut self, rate: f32) -> Result<()> {
        let &EmbeddingOptions { batch, clip_frames, transpose, key_shift, recolour, tempo, seed, .. } = self.options;
        // A generator of its own for each step: an interrupted training needs to know no more than the step's number.
        let mut rng = Pcg64::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (self.standing.step + 1));
        let draw = Draw { songs: batch, clip_frames, transposed: transpose, key_shift, recolour, tempo };
        let Batch { midi, audio, groups } = self.songs.batch(&self.model, draw, &mut rng);
        let traces = [self.traces(Side::Midi, &midi), self.traces(Side::Audio, &audio)];
        let [f, g] = traces.each_ref().map(|traces| traces.iter().map(EmbeddingTrace::output).collect::<Vec<_>>());
        let loss = self.options.objective.loss(&f, &g, &groups, &mut rng);
        if !loss.value.is_finite() {
            let step = self.standing.step + 1;
            let reason = format!("the loss is {} at step {step}: the learning rate {rate} is too high", loss.value);
            return Err(Error::Training(reason));
        }
        for (index, ((_, side), d_outputs)) in SIDES.into_iter().zip([&loss.d_midi, &loss.d_audio]).enumerate() {
            let gradients = self.gradients(side, &traces[index], d_outputs);
            let parameters = self.model.branch_mut(side).network.parameters_mut();
            let optimisers = &mut self.optimisers[3 * index..];
            for ((parameters, gradient), optimiser) in parameters.into_iter().zip(&gradients).zip(optimisers) {
                optimiser.step(parameters, gradient, rate);
            }
        }
        self.standing.step += 1;
        self.standing.loss.0 += loss.value;
        self.standing.loss.1 += 1;
        Ok(())
    }

    fn traces(&self, side: Side, inputs: &[Array2<f32>]) -> Vec<EmbeddingTrace> {
        let branch = &self.model.branch(side).network;
        inputs.par_iter().map(|input| branch.trace(input.view())).collect()
    }

    fn gradients(&self, side: Side, traces: &[EmbeddingTrace], d_outputs: &[Array2<f32>]) -> [Vec<f32>; 3] {
        let branch = &self.model.branch(side).network;
        let parts: Vec<[Vec<f32>; 3]> = traces
            .par_chunks(SUMMED_TOGETHER)
            .zip(d_outputs.par_chunks(SUMMED_TOGETHER))
            .map(|(traces, d_outputs)| {
                let mut sums = branch.parameters().map(<[f32]>::len).map(|count| vec![0.0; count]);
                for (trace, d_output) in traces.iter().zip(d_outputs) {
                    branch.gradient(trace, d_output.view(), &mut sums);
                }
                sums
            })
            .collect();
        let mut sums = branch.parameters().map(<[f32]>::len).map(|count| vec![0.0; count]);
        for part in parts {
            for (sum, part) in sums.iter_mut().zip(part) {
                sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
            }
        }
        sums
    }

    fn validate(&self) -> (Distinction, Distances) {
        let Batch { midi, audio, groups } = &self.validation;
        let vectors = |side, inputs: &[Array2<f32>]| -> Vec<Array1<f32>> {
            let vector = |output: ArrayView2<f32>| {
                let mut vector = output.row(0).to_owned();
                if self.options.architecture.unit_length {
                    unit_length(&mut vector);
                }
                vector
            };
            self.traces(side, inputs).iter().map(|trace| vector(trace.output())).collect()
        };
        Distinction::with_distances(&vectors(Side::Midi, midi), &vectors(Side::Audio, audio), groups)
    }

    /// Keeps the model if it is the best so far, adds to the log, and writes the checkpoint, in this order: what a kill
    /// leaves undone is done again.
    fn keep(&mut self, measured: &EmbeddingMeasured, distances: Distances) -> Result<()> {
        if self.standing.best.is_none_or(|(mrr, _)| measured.validation.mrr > mrr) {
            self.standing.best = Some((measured.validation.mrr, measured.step));
            self.record.seconds = measured.seconds;
            self.record.validation_distances = distances;
            self.write_model(self.model.clone())?;
        }
        let log = self.log();
        let mut text = std::fs::read_to_string(&log).map_err(Error::io("read", &log))?;
        text += &json!(measured).to_string();
        text.push('\n');
        export::write(&log, text.as_bytes())?;
        self.standing.loss = (0.0, 0);
        self.save_checkpoint()
    }

    fn write_model(&self, mut model: EmbeddingModel) -> Result<EmbeddingModel> {
        let (validation_mrr, step) = self.standing.best.unwrap_or_default();
        let seconds = self.standing.seconds;
        model.set_record(EmbeddingRecord { step, seconds, validation_mrr, ..self.record.clone() });
        export::write(self.output, &model.to_bytes().map_err(|error| error.at(self.output))?)?;
        Ok(model)
    }
}

#[cfg(test)]
mod tests;
