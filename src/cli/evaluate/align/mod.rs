//! `antiphon evaluate align`.

mod clock;
mod popular;

use super::finish;
use crate::cli::flags::{AudioFont, Draw, Json, MidiFont, PresetName, Quiet};
use antiphon::alignment::Preset;
use antiphon::error::Result;
use antiphon::evaluate::{self, Combination, Corruption, Errors, Report, Summary};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Data {
    /// Folders of the ASAP data set: score, performance, beats.
    Asap,
    /// Match files with their MIDI files: the Vienna 4×22 corpus.
    Vienna,
    /// Any MIDI files, against renderings of themselves, mildly distorted.
    Easy,
    /// As `easy`, strongly distorted.
    Hard,
    /// Recordings, each with a MIDI file of its name: all combinations.
    Pairs,
    /// As `pairs`: the first 60 % of each recording, and 45 s of it, against the alignment of the whole.
    Cut,
    /// As `pairs`, with MIDI files on the recordings' clock: each recording with its own, measured against that clock.
    Clock,
    /// MIDI files of popular music, against renderings with a different structure, tempo, lead and sound.
    Popular,
}

/// Arguments of `antiphon evaluate align`.
#[derive(Debug, Args)]
#[command(mut_arg("audio_soundfont", |arg| {
    arg.required_if_eq_any([("data", "asap"), ("data", "vienna"), ("data", "popular")])
}))]
pub(in crate::cli) struct EvaluateAlign {
    /// What the folder holds.
    #[arg(value_enum)]
    data: Data,
    /// Folder of the data.
    folder: PathBuf,
    /// Aligner; may be given several times.
    #[arg(long, value_enum, default_values = ["antiphon"])]
    preset: Vec<PresetName>,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    audio_font: AudioFont,
    /// MIDI files to draw (easy, hard).
    #[arg(long, default_value_t = 200)]
    pieces: usize,
    #[command(flatten)]
    draw: Draw,
    /// Works to draw (popular).
    #[arg(long, default_value_t = 100)]
    works: usize,
    /// Measure only these songs: names of files without their extension (clock).
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    terminal: Quiet,
}

impl EvaluateAlign {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let font = self.font.open()?;
        let presets: Vec<Preset> = self.preset.iter().copied().map(Preset::from).collect();
        let other = || self.audio_font.open();
        let corruption =
            |how| evaluate::corruption(&self.folder, (self.pieces, self.draw.seed), how, &font, &presets, &progress);
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
                let draw = (self.works, self.draw.seed);
                let report = evaluate::popular(&self.folder, draw, &font, &other()?, &presets, &progress)?;
                Ok(self.popular(&report, &presets))
            }
        }
    }

    fn errors(&self, report: &Report<Errors>, presets: &[Preset]) -> ExitCode {
        let summaries: Vec<Summary> = presets.iter().map(|preset| Summary::new(&report.done, *preset)).collect();
        if self.report.json {
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
        if self.report.json {
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
            "parameters": { "presets": presets, "pieces": self.pieces, "works": self.works, "seed": self.draw.seed,
                "only": self.only },
            "results": results,
        });
        answer!("{document:#}");
    }
}
