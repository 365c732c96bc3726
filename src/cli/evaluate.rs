//! `antiphon evaluate`.

use super::align::PresetName;
use super::{progress, soundfont};
use antiphon::error::Result;
use antiphon::evaluate::{self, Report, Summary};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(super) enum Evaluate {
    /// How well pairs are aligned, and which are taken for pairs.
    Align(EvaluateAlign),
}

impl Evaluate {
    pub(super) fn run(self) -> Result<ExitCode> {
        let Self::Align(command) = self;
        command.run()
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Data {
    /// Folders of the ASAP data set: score, performance, beats.
    Asap,
    /// A folder of recordings with a MIDI file of the same name each: all combinations.
    Pairs,
}

/// Arguments of `antiphon evaluate align`.
#[derive(Debug, Args)]
pub(super) struct EvaluateAlign {
    /// What the folder holds.
    #[arg(value_enum)]
    data: Data,
    /// The folder.
    folder: PathBuf,
    /// Which aligner.
    #[arg(long, value_enum, default_value = "antiphon")]
    preset: PresetName,
    /// Soundfont (SF2) of the MIDI side.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// Soundfont (SF2) that performances are rendered with: another one than the MIDI side's.
    #[arg(long, required_if_eq("data", "asap"))]
    audio_soundfont: Option<PathBuf>,
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
        match self.data {
            Data::Asap => {
                let other = soundfont(self.audio_soundfont.as_ref())?;
                let report = evaluate::asap(&self.folder, &font, &other, self.preset.into(), &progress)?;
                let summary = Summary::new(&report.done);
                if self.json {
                    self.print(&json!({ "summary": summary, "pieces": report.done }));
                } else {
                    println!(
                        "{:>9} {:>7} {:>7} {:>9} {:>6}  piece",
                        "median ms", "≤ 50 ms", "≤ 100", "mean s", "conf."
                    );
                    for p in &report.done {
                        let (near, far) = (100.0 * p.within_50_ms, 100.0 * p.within_100_ms);
                        let median = 1000.0 * p.median_s;
                        println!(
                            "{median:9.1} {near:6.1}% {far:6.1}% {:9.3} {:6.2}  {}",
                            p.mean_clipped_s, p.confidence, p.name
                        );
                    }
                    println!(
                        "n = {}: median {:.1} ms, {:.1} % within 50 ms, {:.1} % within 100 ms, mean clipped {:.4} s, lost {}, accepted {}",
                        summary.pieces,
                        1000.0 * summary.median_s,
                        100.0 * summary.within_50_ms,
                        100.0 * summary.within_100_ms,
                        summary.mean_clipped_s,
                        summary.lost,
                        summary.accepted
                    );
                }
                Ok(finish(&report))
            }
            Data::Pairs => {
                let report = evaluate::pairs(&self.folder, &font, self.preset.into(), &progress)?;
                let accepted = |same: bool| report.done.iter().filter(|c| c.same == same && c.confidence > 0.5).count();
                let count = |same: bool| report.done.iter().filter(|c| c.same == same).count();
                let auc = evaluate::auc(&report.done);
                if self.json {
                    self.print(&json!({
                        "auc": auc, "true": count(true), "false": count(false),
                        "accepted_true": accepted(true), "accepted_false": accepted(false),
                        "combinations": report.done,
                    }));
                } else {
                    for row in report.done.chunk_by(|a, b| a.midi == b.midi) {
                        let cells: Vec<String> = row
                            .iter()
                            .map(|c| format!("{:.2}{}", c.confidence, if c.same { "*" } else { " " }))
                            .collect();
                        println!("{:>12}  {}", row[0].midi, cells.join(" "));
                    }
                    println!(
                        "AUC {auc:.3}; accepted at confidence > 0.5: {} of {} true, {} of {} false",
                        accepted(true),
                        count(true),
                        accepted(false),
                        count(false)
                    );
                }
                Ok(finish(&report))
            }
        }
    }

    fn print(&self, results: &Value) {
        let document = json!({
            "antiphon": env!("CARGO_PKG_VERSION"),
            "format": "evaluation/1",
            "folder": self.folder.to_string_lossy(),
            "parameters": { "preset": antiphon::alignment::Preset::from(self.preset) },
            "results": results,
        });
        println!("{document:#}");
    }
}

/// Names what was skipped; 2 when something was.
fn finish<T>(report: &Report<T>) -> ExitCode {
    for (path, error) in &report.skipped {
        eprintln!("antiphon: skipped: {error}: {path:?}");
    }
    if report.skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}
