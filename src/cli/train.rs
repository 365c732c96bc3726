//! `antiphon train`.

use super::progress;
use antiphon::error::{Error, Result};
use antiphon::hashing::{InputScaling, MidiInput};
use antiphon::training::{self, Measured, Objective, Options, Processor, Start};
use clap::{Args, Subcommand, ValueEnum};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is learned.
#[derive(Debug, Subcommand)]
pub(super) enum Train {
    /// Networks that give the same bits to the same moment of a MIDI file and of a recording.
    Hash(TrainHash),
    /// Networks that give a whole MIDI file and its recording the same vector.
    Embed(super::embed::TrainEmbed),
    /// The judge that says whether a MIDI file and a recording are the same music.
    Verdict(super::verdict::TrainVerdict),
}

impl Train {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Hash(command) => command.run(),
            Self::Embed(command) => command.run(),
            Self::Verdict(command) => command.run(),
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum PresetName {
    Antiphon,
    Gen1,
    Gen2,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ObjectiveName {
    /// The papers' loss.
    Hinge,
    /// Each step against all steps of the batch's other works.
    Contrastive,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScalingName {
    Papers,
    FrameMean,
    Standardised,
}

/// Arguments of `antiphon train hash`. What is not given is the preset's.
#[derive(Debug, Args)]
pub(super) struct TrainHash {
    /// Data sets to learn from (folders that `antiphon dataset` wrote).
    #[arg(long, required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// The model to write (safetensors). `training.jsonl` and, until it ends, a checkpoint lie beside it; run again after
    /// an interruption, it goes on.
    #[arg(short, long)]
    output: PathBuf,
    /// Networks and settings.
    #[arg(long, value_enum, default_value = "antiphon")]
    preset: PresetName,
    /// A network of your own: a JSON file as `architecture` in a model's metadata.
    #[arg(long, value_name = "JSON")]
    architecture: Option<PathBuf>,
    /// Go on learning from a model, or from the `bundled` one, with its networks, instead of from random parameters.
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["architecture", "roll", "scaling"])]
    from: Option<PathBuf>,
    /// The loss.
    #[arg(long, value_enum)]
    objective: Option<ObjectiveName>,
    /// Temperature of the contrastive loss.
    #[arg(long)]
    temperature: Option<f32>,
    /// Show the MIDI side as a piano roll, without a synthesiser.
    #[arg(long)]
    roll: bool,
    /// How inputs are scaled.
    #[arg(long, value_enum)]
    scaling: Option<ScalingName>,
    /// Steps at most.
    #[arg(long)]
    steps: Option<u64>,
    /// Minutes at most, over all runs.
    #[arg(long)]
    minutes: Option<f64>,
    /// Crops in a batch.
    #[arg(long)]
    batch: Option<usize>,
    /// Frames of a crop.
    #[arg(long)]
    crop: Option<usize>,
    /// Learning rate.
    #[arg(long)]
    rate: Option<f32>,
    /// How strongly the timbre of the audio side is changed at random, anew for each crop: 0 to 1.
    #[arg(long, value_name = "STRENGTH")]
    recolour: Option<f32>,
    /// Seed of the first parameters and of the batches.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Learn on the graphics card.
    #[cfg(feature = "gpu")]
    #[arg(long)]
    gpu: bool,
    /// Print the training record as one JSON document.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

/// Networks that a user wrote down.
pub(super) fn architecture<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(|source| Error::Io { action: "read", source, path: path.into() })?;
    serde_json::from_slice(&text).map_err(|error| Error::Model { reason: error.to_string(), path: path.into() })
}

/// What `--from` says.
pub(super) fn start(from: Option<&Path>) -> Start {
    match from {
        None => Start::Random,
        Some(path) if path == Path::new("bundled") => Start::Bundled,
        Some(path) => Start::Model(path.into()),
    }
}

/// The published losses have none.
pub(super) fn set_temperature(wanted: Option<f32>, objective: &mut Objective) {
    if let (Some(wanted), Objective::Contrastive { temperature, .. }) = (wanted, objective) {
        *temperature = wanted;
    }
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
        let mut options = match self.preset {
            PresetName::Antiphon => Options::antiphon(),
            PresetName::Gen1 => Options::gen1(),
            PresetName::Gen2 => Options::gen2(),
        };
        if let Some(path) = &self.architecture {
            options.architecture = architecture(path)?;
        }
        match self.objective {
            Some(ObjectiveName::Hinge) if !matches!(options.objective, Objective::Hinge { .. }) => {
                options.objective = Options::gen2().objective;
            }
            Some(ObjectiveName::Contrastive) => options.objective = Options::antiphon().objective,
            _ => {}
        }
        set_temperature(self.temperature, &mut options.objective);
        if self.roll {
            options.architecture.midi_input = MidiInput::PianoRoll;
        }
        match self.scaling {
            Some(ScalingName::Papers) => options.architecture.scaling = InputScaling::Papers,
            Some(ScalingName::FrameMean) => options.architecture.scaling = InputScaling::FrameMean,
            Some(ScalingName::Standardised) => options.architecture.scaling = InputScaling::Standardised,
            None => {}
        }
        if let Some(steps) = self.steps {
            options.steps = steps;
            // Asked for so many steps, it doesn't stop before because of those that the preset would take.
            options.patience = options.patience.min(steps);
        }
        options.minutes = self.minutes;
        options.batch = self.batch.unwrap_or(options.batch);
        options.crop_frames = self.crop.unwrap_or(options.crop_frames);
        options.rate = self.rate.unwrap_or(options.rate);
        options.recolour = self.recolour.unwrap_or(options.recolour);
        options.seed = self.seed;
        options.start = start(self.from.as_deref());
        Ok(options)
    }

    fn run(self) -> Result<ExitCode> {
        let options = self.options()?;
        let processor = self.processor();
        let progress = progress(self.quiet);
        let quiet = self.quiet;
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
        let model = training::train_hash(&self.data, &options, &self.output, processor, &progress, &mut report)?;
        let record = model.record();
        if self.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "training/1",
                "model": self.output.to_string_lossy(),
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
                self.output
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
