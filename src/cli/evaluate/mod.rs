//! `antiphon evaluate`.

mod align;
mod embed;
mod hash;
mod retrieval;
mod search;
pub(super) mod verdict;

use super::help::examples;
use super::terminal::skipped;
use antiphon::error::Result;
use antiphon::evaluate::Report;
use clap::Subcommand;
use std::process::ExitCode;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(super) enum Evaluate {
    /// Measure how well pairs are aligned, and which are accepted.
    #[command(after_help = examples(&[
        "antiphon evaluate align pairs recordings",
        "antiphon evaluate align asap asap-dataset --audio-soundfont other.sf2 --preset gen2 --preset antiphon",
    ]))]
    Align(align::EvaluateAlign),
    /// Measure how well codes tell moments and recordings apart.
    #[command(subcommand, after_help = examples(&["antiphon evaluate hash dataset rendered --png histograms.png"]))]
    Hash(hash::EvaluateHash),
    /// Measure how well embeddings tell recordings apart.
    #[command(subcommand, after_help = examples(&["antiphon evaluate embed dataset rendered --png ranks.png"]))]
    Embed(embed::EvaluateEmbed),
    /// Measure how well the search of an index finds what the index holds.
    #[command(after_help = examples(&["antiphon evaluate search midis --index music.index --png ranks.png"]))]
    Search(search::EvaluateSearch),
    /// Measure how well the verdict tells pairs from others.
    ///
    /// With `--json`, the document has the evidence of every pair: `antiphon train verdict` learns from it.
    #[command(after_help = examples(&[
        "antiphon evaluate verdict pairs --decoys others --cache analysed --png calibration.png",
        "antiphon evaluate verdict pairs --decoys others --cache analysed --json > popular.json",
    ]))]
    Verdict(verdict::EvaluateVerdict),
}

impl Evaluate {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Align(command) => command.run(),
            Self::Hash(command) => command.run(),
            Self::Embed(command) => command.run(),
            Self::Search(command) => command.run(),
            Self::Verdict(command) => command.run(),
        }
    }
}

/// Names what was skipped; the exit code is 2 if anything was.
fn finish<T>(report: &Report<T>) -> ExitCode {
    for (path, error) in &report.skipped {
        skipped(path, error);
    }
    if report.skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}
