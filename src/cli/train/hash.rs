//! `antiphon train hash`.

use super::Learning;
use crate::cli::flags::{Json, PresetName, Quiet};
use antiphon::error::Result;
use antiphon::hashing::{InputScaling, MidiFeatures};
use antiphon::training::{self, Measured, Objective, Options, Processor};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ObjectiveName {
    /// The papers' loss.
    Hinge,
    /// Each step against all steps of the other works in the batch.
    Contrastive,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScalingName {
    /// To frames of unit length, as in the papers.
    Papers,
    /// To mean 0 in each frame: neither gain nor loudness matters.
    FrameMean,
    /// To mean 0 and deviation 1 in each bin: equalisation doesn't matter either.
    Standardised,
}

/// Arguments of `antiphon train hash`. Anything not given comes from the preset.
#[derive(Debug, Args)]
pub(in crate::cli) struct TrainHash {
    #[command(flatten)]
    learning: Learning,
    /// Loss.
    #[arg(long, value_enum)]
    objective: Option<ObjectiveName>,
    /// Show the MIDI side as a piano roll, without a synthesiser.
    #[arg(long, conflicts_with = "from")]
    roll: bool,
    /// Scaling of the inputs.
    #[arg(long, value_enum, conflicts_with = "from")]
    scaling: Option<ScalingName>,
    /// Frames in a crop.
    #[arg(long, value_name = "FRAMES")]
    crop: Option<usize>,
    /// Learn on the graphics card.
    #[cfg(feature = "gpu")]
    #[arg(long)]
    gpu: bool,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    terminal: Quiet,
}

impl TrainHash {
    #[cfg_attr(not(feature = "gpu"), expect(clippy::unused_self, reason = "there is no choice"))]
    fn processor(&self) -> Processor {
        #[cfg(feature = "gpu")]
        if self.gpu {
            return Processor::Gpu;
        }
        Processor::Cpu
    }

    fn options(&self) -> Result<Options> {
        let mut options = match self.learning.preset {
            PresetName::Antiphon => Options::antiphon(),
            PresetName::Gen1 => Options::gen1(),
            PresetName::Gen2 => Options::gen2(),
        };
        self.learning.set_architecture(&mut options.architecture)?;
        match self.objective {
            Some(ObjectiveName::Hinge) if !matches!(options.objective, Objective::Hinge { .. }) => {
                options.objective = Options::gen2().objective;
            }
            Some(ObjectiveName::Contrastive) => options.objective = Options::antiphon().objective,
            _ => {}
        }
        self.learning.set_temperature(&mut options.objective);
        if self.roll {
            options.architecture.midi_input = MidiFeatures::PianoRoll;
        }
        match self.scaling {
            Some(ScalingName::Papers) => options.architecture.scaling = InputScaling::Papers,
            Some(ScalingName::FrameMean) => options.architecture.scaling = InputScaling::FrameMean,
            Some(ScalingName::Standardised) => options.architecture.scaling = InputScaling::Standardised,
            None => {}
        }
        if let Some(steps) = self.learning.steps {
            options.steps = steps;
            // The preset's patience is meant for the preset's number of steps.
            options.patience = options.patience.min(steps);
        }
        options.minutes = self.learning.minutes;
        options.batch = self.learning.batch.unwrap_or(options.batch);
        options.crop_frames = self.crop.unwrap_or(options.crop_frames);
        options.rate = self.learning.rate.unwrap_or(options.rate);
        options.recolour = self.learning.recolour.unwrap_or(options.recolour);
        options.seed = self.learning.draw.seed;
        options.start = self.learning.start();
        Ok(options)
    }

    pub(super) fn run(self) -> Result<ExitCode> {
        let options = self.options()?;
        let processor = self.processor();
        let progress = self.terminal.progress();
        let quiet = self.terminal.quiet;
        let mut report = |m: &Measured| {
            if !quiet {
                message!(
                    "step {}: loss {:.4}, BC {:.4}, distances {:.1} and {:.1}, {:.1} ms a step, {:.0} frames/s, {:.0} min left",
                    m.step,
                    m.loss,
                    m.bc,
                    m.distances.0,
                    m.distances.1,
                    m.ms_per_step,
                    m.frames_per_s,
                    m.seconds_left / 60.0
                );
            }
        };
        let model = training::train_hash(
            &self.learning.data,
            &options,
            &self.learning.output,
            processor,
            &progress,
            &mut report,
        )?;
        let record = model.record();
        if self.report.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "training/1",
                "model": self.learning.output.to_string_lossy(),
                "record": record,
            });
            answer!("{document:#}");
        } else {
            answer!(
                "BC {:.4} on {} validation works at step {} of {}, learned from {} pairs of {} works in {:.0} s: {:?}",
                record.validation_bc,
                record.valid_works,
                record.step,
                record.steps,
                record.pairs,
                record.works,
                record.seconds,
                self.learning.output
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
