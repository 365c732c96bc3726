//! `antiphon evaluate embed`.

use super::retrieval::{Said, Search};
use crate::cli::flags::{Draw, Models, OfSplit};
use crate::cli::help::examples;
use antiphon::embedding::EmbeddingModel;
use antiphon::error::Result;
use antiphon::evaluate;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to measure about embeddings.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum EvaluateEmbed {
    /// Rank the right recording of each MIDI file among many others.
    #[command(after_help = examples(&[
        "antiphon evaluate embed pairs pairs --decoys others --png ranks.png",
        "antiphon evaluate embed pairs pairs --decoys others --model embed.safetensors --cache analysed",
    ]))]
    Pairs(Pairs),
    /// Rank a clip of each work's recording among the clips of all works of a data set.
    #[command(after_help = examples(&["antiphon evaluate embed dataset rendered --model embed.safetensors"]))]
    Dataset(OnDataset),
}

impl EvaluateEmbed {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Pairs(command) => command.run(),
            Self::Dataset(command) => command.run(),
        }
    }
}

/// Arguments of `antiphon evaluate embed pairs`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Pairs {
    #[command(flatten)]
    models: Models,
    #[command(flatten)]
    search: Search,
}

impl Pairs {
    fn run(self) -> Result<ExitCode> {
        let models = self.models.load(EmbeddingModel::load, EmbeddingModel::bundled)?;
        self.search.run(|params, progress| evaluate::embedding_retrieval(params, &models, progress))
    }
}

/// Arguments of `antiphon evaluate embed dataset`.
#[derive(Debug, Args)]
pub(in crate::cli) struct OnDataset {
    /// The data set: a folder that `antiphon dataset` wrote.
    folder: PathBuf,
    #[command(flatten)]
    models: Models,
    #[command(flatten)]
    works: OfSplit,
    /// Also try the MIDI in the other keys; an answer there must be better by this share. May be given several times.
    #[arg(long)]
    handicap: Vec<f64>,
    #[command(flatten)]
    draw: Draw,
    #[command(flatten)]
    said: Said,
}

impl OnDataset {
    fn run(self) -> Result<ExitCode> {
        let models = self.models.load(EmbeddingModel::load, EmbeddingModel::bundled)?;
        let (split, progress) = (self.works.split, self.said.progress());
        let report =
            evaluate::embedding_held_out(&self.folder, split, &models, &self.handicap, self.draw.seed, &progress)?;
        self.said.report(&self.folder, &json!({ "split": split, "seed": self.draw.seed }), &report)
    }
}
