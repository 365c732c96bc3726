//! `antiphon evaluate`.

mod clock;
mod popular;
pub(super) mod verdict;

use super::align::PresetName;
use super::{progress, soundfont};
use antiphon::alignment::Preset;
use antiphon::error::Result;
use antiphon::evaluate::{self, Combination, Corruption, Errors, Report, Summary};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(super) enum Evaluate {
    /// How well pairs are aligned, and which are taken for pairs.
    Align(EvaluateAlign),
    /// How well codes tell moments, and recordings, apart.
    #[command(subcommand)]
    Hash(super::hash::EvaluateHash),
    /// How well embeddings tell recordings apart.
    #[command(subcommand)]
    Embed(super::embed::EvaluateEmbed),
    /// How well the search of an index finds what is in it.
    Search(super::search::EvaluateSearch),
    /// Whether pairs are told from others.
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Data {
    /// Folders of the ASAP data set: score, performance, beats.
    Asap,
    /// Match files with their MIDI files: the Vienna 4×22 corpus.
    Vienna,
    /// Any MIDI files, against renderings of themselves, mildly distorted.
    Easy,
    /// The same, strongly distorted.
    Hard,
    /// A folder of recordings with a MIDI file of the same name each: all combinations.
    Pairs,
    /// The same: the first 60 % of each recording, and 45 s of it, against the alignment of the whole.
    Cut,
    /// The same, where the MIDI runs on the recording's clock: each with its own, against that clock.
    Clock,
    /// MIDI files of popular music, against renderings with other structure, tempo, lead and sound.
    Popular,
}

/// Arguments of `antiphon evaluate align`.
#[derive(Debug, Args)]
pub(super) struct EvaluateAlign {
    /// What the folder holds.
    #[arg(value_enum)]
    data: Data,
    /// The folder.
    folder: PathBuf,
    /// Which aligner; may be given several times.
    #[arg(long, value_enum, default_values = ["antiphon"])]
    preset: Vec<PresetName>,
    /// Soundfont (SF2) of the MIDI side.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// Soundfont (SF2) that performances are rendered with: another one than the MIDI side's.
    #[arg(long, required_if_eq_any([("data", "asap"), ("data", "vienna"), ("data", "popular")]))]
    audio_soundfont: Option<PathBuf>,
    /// How many MIDI files are drawn (easy, hard).
    #[arg(long, default_value_t = 200)]
    pieces: usize,
    /// Seed of the draw and of the distortions (easy, hard, popular).
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many works are drawn (popular).
    #[arg(long, default_value_t = 100)]
    works: usize,
    /// Only these songs: names of files without what follows the dot (clock).
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl EvaluateAlign {
    fn run(self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let font = soundfont(self.soundfont.as_ref())?;
        let presets: Vec<Preset> = self.preset.iter().copied().map(Preset::from).collect();
        let other = || soundfont(self.audio_soundfont.as_ref());
        let corruption =
            |how| evaluate::corruption(&self.folder, (self.pieces, self.seed), how, &font, &presets, &progress);
        match self.data {
            Data::Asap => {
                let report = evaluate::asap(&self.folder, &font, &other()?, &presets, &progress)?;
                Ok(self.errors(&report, &presets))
            }
            Data::Vienna => {
                let report = evaluate::vienna(&self.folder, &font, &other()?, &presets, &progress)?;
                Ok(self.errors(&report, &presets))
            }
            Data::Easy => Ok(self.errors(&corruption(Corruption::EASY)?, &presets)),
            Data::Hard => Ok(self.errors(&corruption(Corruption::HARD)?, &presets)),
            Data::Cut => {
                let report = evaluate::cut(&self.folder, &font, &presets, &progress)?;
                Ok(self.errors(&report, &presets))
            }
            Data::Pairs => {
                let report = evaluate::pairs(&self.folder, &font, &presets, &progress)?;
                Ok(self.pairs(&report, &presets))
            }
            Data::Clock => {
                let report = evaluate::clock(&self.folder, &self.only, &font, &presets, &progress)?;
                Ok(self.clock(&report, &presets))
            }
            Data::Popular => {
                let draw = (self.works, self.seed);
                let report = evaluate::popular(&self.folder, draw, &font, &other()?, &presets, &progress)?;
                Ok(self.popular(&report, &presets))
            }
        }
    }

    fn errors(&self, report: &Report<Errors>, presets: &[Preset]) -> ExitCode {
        let summaries: Vec<Summary> = presets.iter().map(|preset| Summary::new(&report.done, *preset)).collect();
        if self.json {
            self.print(&json!({ "summaries": summaries, "pieces": report.done }));
        } else {
            answer!("{:>9} {:>7} {:>7} {:>7} {:>6}  piece", "median ms", "≤ 50 ms", "≤ 100", "mean s", "conf.");
            for p in &report.done {
                let (near, far) = (100.0 * p.within_50_ms, 100.0 * p.within_100_ms);
                let preset = if presets.len() > 1 { format!("{:?} ", p.preset).to_lowercase() } else { String::new() };
                answer!(
                    "{:9.1} {near:6.1}% {far:6.1}% {:7.3} {:6.2}  {preset}{}",
                    1000.0 * p.median_s,
                    p.mean_clipped_s,
                    p.confidence,
                    p.name
                );
            }
            for s in &summaries {
                answer!(
                    "{}: n = {}, median {:.1} ms, {:.1} % within 50 ms, {:.1} % within 100 ms, mean clipped {:.4} s, lost {}, accepted {}, τ of score and error {:.2}",
                    format!("{:?}", s.preset).to_lowercase(),
                    s.pieces,
                    1000.0 * s.median_s,
                    100.0 * s.within_50_ms,
                    100.0 * s.within_100_ms,
                    s.mean_clipped_s,
                    s.lost,
                    s.accepted,
                    s.score_error_tau
                );
            }
        }
        finish(report)
    }

    fn pairs(&self, report: &Report<Combination>, presets: &[Preset]) -> ExitCode {
        let summary = |preset: Preset| {
            let count = |same: bool, least: f64| {
                let is_one = |c: &&Combination| c.preset == preset && c.same == same && c.confidence > least;
                report.done.iter().filter(is_one).count()
            };
            let auc = evaluate::auc(&report.done, preset);
            let (right, wrong) = (count(true, -1.0), count(false, -1.0));
            (preset, auc, right, wrong, count(true, 0.5), count(false, 0.5))
        };
        let summaries: Vec<_> = presets.iter().map(|preset| summary(*preset)).collect();
        if self.json {
            let document = |&(preset, auc, right, wrong, accepted_right, accepted_wrong): &_| {
                json!({ "preset": preset, "auc": auc, "true": right, "false": wrong,
                    "accepted_true": accepted_right, "accepted_false": accepted_wrong })
            };
            let summaries: Vec<Value> = summaries.iter().map(document).collect();
            self.print(&json!({ "summaries": summaries, "combinations": report.done }));
        } else {
            for row in report.done.chunk_by(|a, b| a.midi == b.midi && a.preset == b.preset) {
                let cell = |c: &Combination| format!("{:.2}{}", c.confidence, if c.same { "*" } else { " " });
                let cells: Vec<String> = row.iter().map(cell).collect();
                answer!("{:>12}  {}", row[0].midi, cells.join(" "));
            }
            for (preset, auc, right, wrong, accepted_right, accepted_wrong) in summaries {
                answer!(
                    "{}: AUC {auc:.3}; accepted at confidence > 0.5: {accepted_right} of {right} true, {accepted_wrong} of {wrong} false",
                    format!("{preset:?}").to_lowercase()
                );
            }
        }
        finish(report)
    }

    fn print(&self, results: &Value) {
        let presets: Vec<Preset> = self.preset.iter().copied().map(Preset::from).collect();
        let document = json!({
            "antiphon": env!("CARGO_PKG_VERSION"),
            "format": "evaluation/1",
            "folder": self.folder.to_string_lossy(),
            "parameters": { "presets": presets, "pieces": self.pieces, "works": self.works, "seed": self.seed,
                "only": self.only },
            "results": results,
        });
        answer!("{document:#}");
    }
}

/// Names what was skipped; 2 when something was.
pub(super) fn finish<T>(report: &Report<T>) -> ExitCode {
    for (path, error) in &report.skipped {
        super::skipped(path, error);
    }
    if report.skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}
