//! `antiphon train`.

mod embed;
mod hash;
mod verdict;

use super::flags::{Draw, PresetName};
use super::help::examples;
use antiphon::error::{Error, Result};
use antiphon::training::{Objective, Start};
use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to train.
#[derive(Debug, Subcommand)]
pub(super) enum Train {
    /// Train networks to give a moment of a MIDI file and of its recording the same code.
    #[command(after_help = examples(&[
        "antiphon train hash --data rendered real -o hash.safetensors --minutes 60",
        "antiphon train hash --data real --from bundled -o hash.safetensors --steps 3000",
    ]))]
    Hash(hash::TrainHash),
    /// Train networks to give a whole MIDI file and its recording the same vector.
    #[command(after_help = examples(&[
        "antiphon train embed --data rendered real -o embed.safetensors --minutes 60",
        "antiphon train embed --data real --from bundled -o embed.safetensors --steps 3000",
    ]))]
    Embed(embed::TrainEmbed),
    /// Train the judge to tell whether a MIDI file and a recording are the same music.
    #[command(after_help = examples(&[
        "antiphon train verdict --data popular.json -o judge.json",
        "antiphon train verdict --journal pairs.decisions.jsonl --queue pairs.jsonl --cache analysed -o judge.json",
    ]))]
    Verdict(verdict::TrainVerdict),
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

/// Flags common to both kinds of networks. Anything not given comes from the preset.
#[derive(Debug, Args)]
struct Learning {
    /// Data sets to learn from: folders that `antiphon dataset` wrote.
    #[arg(long, required = true, num_args = 1.., value_name = "DIR")]
    data: Vec<PathBuf>,
    /// Write the model to this file (safetensors). `training.jsonl` and, until training ends, a checkpoint lie beside
    /// it; run again after an interruption to resume.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// Networks and settings.
    #[arg(long, value_enum, default_value = "antiphon")]
    preset: PresetName,
    /// Train networks of your own: a JSON file like `architecture` in a model's metadata.
    #[arg(long, value_name = "JSON")]
    architecture: Option<PathBuf>,
    /// Continue from a model, or from the `bundled` one, with its networks, instead of from random parameters.
    #[arg(long, value_name = "MODEL", conflicts_with = "architecture")]
    from: Option<PathBuf>,
    /// Temperature of the contrastive loss.
    #[arg(long)]
    temperature: Option<f32>,
    /// Maximum number of steps.
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Maximum minutes, over all runs.
    #[arg(long)]
    minutes: Option<f64>,
    /// Examples in a batch: crops for `train hash`, songs for `train embed`.
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Learning rate.
    #[arg(long)]
    rate: Option<f32>,
    /// Change the timbre of the audio side at random, anew for each example, this strongly: 0 to 1.
    #[arg(long, value_name = "STRENGTH")]
    recolour: Option<f32>,
    #[command(flatten)]
    draw: Draw,
}

impl Learning {
    /// Replaces the preset's networks with those described in the user's file.
    fn set_architecture<T: DeserializeOwned>(&self, architecture: &mut T) -> Result<()> {
        let Some(path) = &self.architecture else { return Ok(()) };
        let text = std::fs::read(path).map_err(|source| Error::Io { action: "read", source, path: path.into() })?;
        let written = antiphon::files::parse_json(&text);
        *architecture = written.map_err(|error| Error::Model { reason: error.to_string(), path: path.into() })?;
        Ok(())
    }

    /// Sets the temperature; the published losses have none.
    fn set_temperature(&self, objective: &mut Objective) {
        if let (Some(wanted), Objective::Contrastive { temperature, .. }) = (self.temperature, objective) {
            *temperature = wanted;
        }
    }

    /// The start that `--from` selects.
    fn start(&self) -> Start {
        match &self.from {
            None => Start::Random,
            Some(path) if path == Path::new("bundled") => Start::Bundled,
            Some(path) => Start::Model(path.into()),
        }
    }
}
