//! [`Trainer`]: the course of a training, whatever is trained.

use super::ahead::{Ahead, Source};
use super::batch::Batch;
use super::checkpoint;
use super::learner::{Learner, Processor};
use super::task::{Learnable, Reached, Schedule, Standing, Task};
use crate::encoder::Side;
use crate::error::{Error, Result};
use crate::files;
use crate::job::Progress;
use crate::network::Optimiser;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A training in progress: takes steps, validates, keeps the best model, leaves a checkpoint.
pub(super) struct Trainer<'a, T: Task> {
    task: &'a T,
    schedule: Schedule,
    model: T::Model,
    validation: Batch,
    /// Those of the MIDI side's groups of parameters, then of the audio side's.
    optimisers: Vec<Optimiser>,
    learner: Learner,
    standing: Standing,
    output: &'a Path,
}

impl<'a, T: Task> Trainer<'a, T> {
    /// Starts with `model`, or resumes from the checkpoint next to `output`.
    ///
    /// # Errors
    /// [`Error::Model`] for a checkpoint that is damaged or from another training; [`Error::Training`] if there is no
    /// such processor; [`Error::Io`].
    pub(crate) fn new(
        task: &'a T,
        model: T::Model,
        validation: Batch,
        output: &'a Path,
        processor: Processor,
    ) -> Result<Self> {
        let schedule = task.schedule();
        let groups = Side::BOTH.into_iter().flat_map(|side| T::branch(&model, side).network.groups());
        let mut trainer = Self {
            optimisers: groups.map(|group| Optimiser::new(schedule.rule, group.len())).collect(),
            learner: Learner::Cpu,
            standing: Standing { patience: schedule.patience, ..Standing::default() },
            task,
            schedule,
            model,
            validation,
            output,
        };
        trainer.resume()?;
        trainer.learner = Learner::new::<T>(processor, task.objective(), &trainer.model, &trainer.optimisers)?;
        Ok(trainer)
    }

    fn log(&self) -> PathBuf {
        self.output.with_file_name("training.jsonl")
    }

    /// Resumes from the checkpoint. Lines of the log that were written after it will be written again.
    fn resume(&mut self) -> Result<()> {
        let path = checkpoint::place(self.output);
        for written in [&path, self.output, &self.log()] {
            files::sweep(written);
        }
        let resumed = checkpoint::resume(&path, self.task, &mut self.model, &mut self.optimisers)?;
        let log = self.log();
        let Some(standing) = resumed else {
            return files::write(&log, b"");
        };
        let text = match std::fs::read_to_string(&log) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io("read", &log)(error)),
        };
        let earlier = |line: &&str| {
            let line: Option<Value> = serde_json::from_str(line).ok();
            let step = line.as_ref().and_then(|line| line["step"].as_u64());
            step.is_some_and(|step| step <= standing.step)
                && line.is_some_and(|line| serde_json::from_value::<T::Measured>(line).is_ok())
        };
        let kept: String = text.lines().filter(earlier).flat_map(|line| [line, "\n"]).collect();
        self.standing = standing;
        files::write(&log, kept.as_bytes())
    }

    fn save_checkpoint(&self) -> Result<()> {
        checkpoint::save(&checkpoint::place(self.output), self.task, &self.standing, &self.model, &self.optimisers)
    }

    /// Takes the remaining steps. Returns the best model.
    ///
    /// # Errors
    /// [`Error::Training`] if the numbers overflow; [`Error::Io`]; [`Error::Cancelled`], which leaves a checkpoint.
    pub(crate) fn run(mut self, progress: &Progress, report: &mut dyn FnMut(&T::Measured)) -> Result<T::Model> {
        let source = Source { task: self.task, model: self.model.clone() };
        rayon::in_place_scope(|scope| {
            let batches = Ahead::new(scope, &source, self.standing.step, self.learner.ahead());
            self.steps(batches, progress, report)
        })?;
        progress.step(1, 1)?;
        self.finish()
    }

    fn steps(
        &mut self,
        mut batches: Ahead<'_, '_, T>,
        progress: &Progress,
        report: &mut dyn FnMut(&T::Measured),
    ) -> Result<()> {
        let (before, start) = (self.standing.seconds, Instant::now());
        let mut since = (self.standing.step, Instant::now());
        loop {
            self.standing.seconds = before + start.elapsed().as_secs_f64();
            let fraction = self.schedule.fraction(&self.standing);
            let impatient = self.standing.patience.is_some_and(|patience| self.standing.step >= patience);
            let ended = fraction >= 1.0 || impatient;
            let first = self.schedule.continues && self.standing.best.is_none();
            let due = self.standing.step > since.0 && self.standing.step.is_multiple_of(self.schedule.validate_every);
            if first || due || (ended && self.standing.loss.1 > 0) {
                self.settle()?;
                let (steps, ms) = (self.standing.step - since.0, 1000.0 * since.1.elapsed().as_secs_f64());
                let measured = self.validate(if steps > 0 { ms / steps as f64 } else { 0.0 })?;
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
            let (rate, objective) = (self.schedule.rate_at(fraction), self.task.objective());
            let loss = self.learner.step::<T>(&mut self.model, &mut self.optimisers, objective, batches.draw(), rate);
            self.standing.step += 1;
            self.standing.loss.1 += 1;
            self.add_loss(loss)?;
        }
    }

    /// Updates the model and the optimisers to the current state.
    fn settle(&mut self) -> Result<()> {
        let loss = self.learner.settle::<T>(&mut self.model, &mut self.optimisers);
        self.add_loss(loss)
    }

    fn add_loss(&mut self, loss: f64) -> Result<()> {
        if !loss.is_finite() {
            let (step, rate) = (self.standing.step, self.schedule.rate_at(self.schedule.fraction(&self.standing)));
            let reason = format!("the loss is {loss} at step {step}: the learning rate {rate} is too high");
            return Err(Error::Training(reason));
        }
        self.standing.loss.0 += loss;
        Ok(())
    }

    /// Keeps the model if it is the best so far, appends to the log, and writes the checkpoint, in this order: whatever
    /// a kill leaves undone is done again.
    fn validate(&mut self, ms_per_step: f64) -> Result<T::Measured> {
        let fraction = self.schedule.fraction(&self.standing);
        let Standing { step, loss: (loss, count), seconds, .. } = self.standing;
        let reached = Reached {
            step,
            loss: loss / count.max(1) as f64,
            rate: self.schedule.rate_at(fraction),
            seconds,
            ms_per_step,
            seconds_left: if fraction > 0.0 { seconds * (1.0 / fraction - 1.0) } else { 0.0 },
        };
        let Batch { midi, audio, groups } = &self.validation;
        let traces = [(Side::Midi, midi), (Side::Audio, audio)]
            .map(|(side, inputs)| T::branch(&self.model, side).network.traces(inputs));
        let outputs = traces.each_ref().map(|traces| T::Network::outputs_of(traces));
        let (score, measured) = self.task.measure(&mut self.model, outputs, groups, &reached)?;

        let (before, best) = (self.standing.best.map(|(score, _)| score), self.schedule.best);
        if before.is_none_or(|before| best.is(score, before)) {
            let much_better = before.is_none_or(|before| best.is_much(score, before));
            if let (true, Some(patience), Some(more)) =
                (much_better, &mut self.standing.patience, self.schedule.patience)
            {
                *patience = patience.saturating_add(more);
            }
            self.standing.best = Some((score, step));
            self.write_model(self.model.clone())?;
        }
        let log = self.log();
        let mut text = std::fs::read_to_string(&log).map_err(Error::io("read", &log))?;
        text += &json!(measured).to_string();
        text.push('\n');
        files::write(&log, text.as_bytes())?;
        self.standing.loss = (0.0, 0);
        self.save_checkpoint()?;
        Ok(measured)
    }

    fn write_model(&self, mut model: T::Model) -> Result<T::Model> {
        self.task.record(&mut model, &self.standing);
        files::write(self.output, &T::to_bytes(&model).map_err(|error| error.at(self.output))?)?;
        Ok(model)
    }

    /// The best model with the record of the whole training; the checkpoint is no longer needed.
    fn finish(self) -> Result<T::Model> {
        let model = self.write_model(T::load(self.output)?)?;
        let path = checkpoint::place(self.output);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
            _ => Ok(model),
        }
    }
}
