//! `antiphon evaluate hash`.

use super::finish;
use super::retrieval::Search;
use crate::cli::flags::{Json, Models, OfSplit, Picture, Quiet};
use crate::cli::help::examples;
use antiphon::error::Result;
use antiphon::evaluate::{self, CodeQuality};
use antiphon::hashing::HashModel;
use antiphon::picture::{self, Histogram};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to measure about hash sequences.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum EvaluateHash {
    /// Rank the right recording of each MIDI file among many others.
    #[command(after_help = examples(&[
        "antiphon evaluate hash pairs pairs --decoys others --png ranks.png",
        "antiphon evaluate hash pairs pairs --decoys others --model hash.safetensors --cache analysed",
    ]))]
    Pairs(Pairs),
    /// Compare the distances of matching and other steps of a data set: Bhattacharyya coefficient and histograms.
    #[command(after_help = examples(&[
        "antiphon evaluate hash dataset rendered --model hash.safetensors --png histograms.png",
    ]))]
    Dataset(OnDataset),
}

impl EvaluateHash {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Pairs(command) => command.run(),
            Self::Dataset(command) => command.run(),
        }
    }
}

/// Arguments of `antiphon evaluate hash dataset`.
#[derive(Debug, Args)]
pub(in crate::cli) struct OnDataset {
    /// The data set: a folder that `antiphon dataset` wrote.
    folder: PathBuf,
    #[command(flatten)]
    models: Models,
    #[command(flatten)]
    works: OfSplit,
    #[command(flatten)]
    picture: Picture,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    terminal: Quiet,
}

impl OnDataset {
    fn run(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let split = self.works.split;
        let models = self.models.load(HashModel::load, HashModel::bundled)?;
        let report = evaluate::separation(&self.folder, split, &models, &progress)?;
        self.picture.write(|| picture::histograms_png(&report.done.iter().map(histogram).collect::<Vec<_>>()))?;
        if self.report.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "evaluation/1",
                "folder": self.folder.to_string_lossy(),
                "parameters": { "split": split },
                "results": report.done,
            });
            answer!("{document:#}");
        } else {
            for found in &report.done {
                answer!(
                    "{}: BC {:.4}, {} pairs of {} works, {} bits, mean distance {:.2} matching, {:.2} different{}",
                    found.system,
                    found.bc,
                    found.pairs,
                    found.works,
                    found.bits,
                    found.means.0,
                    found.means.1,
                    if found.collapsed { ", collapsed" } else { "" }
                );
            }
        }
        Ok(finish(&report))
    }
}

fn histogram(found: &CodeQuality) -> Histogram<'_> {
    Histogram {
        title: format!("{}: BC {:.3}", found.system, found.bc),
        matching: &found.histograms.matching,
        different: &found.histograms.different,
    }
}

/// Arguments of `antiphon evaluate hash pairs`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Pairs {
    #[command(flatten)]
    models: Models,
    /// Also compare the features, averaging this many frames into one; may be given several times, 1 takes long.
    #[arg(long, value_name = "FRAMES")]
    features: Vec<usize>,
    #[command(flatten)]
    search: Search,
}

impl Pairs {
    fn run(self) -> Result<ExitCode> {
        let models = self.models.load(HashModel::load, HashModel::bundled)?;
        self.search.run(|params, progress| evaluate::hash_retrieval(params, &models, &self.features, progress))
    }
}
