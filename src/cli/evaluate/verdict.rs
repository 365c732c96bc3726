//! `antiphon evaluate verdict`.

use super::finish;
use crate::cli::flags::{AudioFont, Cache, Json, MidiFont, Picture, Quiet};
use antiphon::error::{Error, Result};
use antiphon::evaluate::{self, VerdictData, VerdictReport};
use antiphon::picture::{Reliability, ReliabilityBin, reliability_png};
use antiphon::verdict::{Bin, Judge};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `antiphon evaluate verdict`.
#[derive(Debug, Args)]
pub(in crate::cli) struct EvaluateVerdict {
    /// Folder of MIDI files and recordings of the same names (`P24.ogg` for `P24.mid` and, a second version,
    /// `P24b.mid`).
    folder: PathBuf,
    /// Compare with the recordings of this folder too, which belong to none of the MIDI files; may be given several
    /// times.
    #[arg(long, value_name = "DIR")]
    decoys: Vec<PathBuf>,
    #[command(flatten)]
    kept: Cache,
    /// Draw this many of the MIDI files, and render a recording of each: needs --audio-soundfont and --cache.
    #[arg(long, value_name = "N", requires_all = ["audio_soundfont", "cache"])]
    made: Option<usize>,
    #[command(flatten)]
    audio_font: AudioFont,
    /// Wrong recordings to compare each MIDI file with in full: the nearest by codes.
    #[arg(long, default_value_t = 10, value_name = "N")]
    nearest: usize,
    /// Other recordings to compare it with in full, drawn to represent all the rest.
    #[arg(long, default_value_t = 2, value_name = "N")]
    others: usize,
    /// Take the kinds of songs from this table: columns `id` and `midi_kind`, `kind` or `instrumentation`.
    #[arg(long, value_name = "CSV")]
    kinds: Option<PathBuf>,
    /// Use this judge, written by `antiphon train verdict`, instead of the bundled one.
    #[arg(long, value_name = "JSON")]
    judge: Option<PathBuf>,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    picture: Picture,
    #[command(flatten)]
    terminal: Quiet,
}

impl EvaluateVerdict {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let font = self.font.open()?;
        let judge = match &self.judge {
            Some(path) => Judge::load(path)?,
            None => Judge::bundled()?.clone(),
        };
        self.kept.create()?;
        let made = match self.made {
            Some(works) => Some((works, self.audio_font.open()?)),
            None => None,
        };
        let kinds = self.kinds.as_deref().map_or_else(|| Ok(BTreeMap::new()), evaluate::kinds)?;
        let data = VerdictData {
            folder: self.folder.clone(),
            decoys: self.decoys,
            made,
            cache: self.kept.cache,
            nearest: self.nearest,
            others: self.others,
            kinds,
        };
        let report = evaluate::verdict(&data, &font, &progress)?;
        let found = report.done.first().ok_or_else(|| Error::nothing("nothing was compared"))?;
        let summaries = VerdictReport::all(&found.pairs, &judge);
        self.picture.write(|| {
            let all = summaries.iter().filter(|report| report.kind == "all").map(reliability);
            reliability_png(&all.collect::<Vec<_>>())
        })?;
        if self.report.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "evaluation/1",
                "folder": self.folder.to_string_lossy(),
                "parameters": { "nearest": self.nearest, "others": self.others, "soundfont": font.name(),
                    "judge": judge.version(), "models": found.models, "entries": found.entries },
                "results": { "summaries": summaries, "pairs": found.pairs },
            });
            answer!("{document}");
        } else {
            summaries.iter().for_each(show);
        }
        Ok(finish(&report))
    }
}

/// The calibration plot of a report.
fn reliability(report: &VerdictReport) -> Reliability<'_> {
    let quality = &report.quality;
    let (sight, auc, error) = (report.sight.name(), quality.auc, quality.calibration_error);
    let bin = |bin: &Bin| ReliabilityBin { said: bin.said, was: bin.was, counts: bin.counts };
    Reliability {
        title: format!("{sight}: AUC {auc:.3}, calibration error {error:.3}"),
        bins: quality.reliability.iter().map(bin).collect(),
        shares: report.shares.each_ref().map(Vec::as_slice),
    }
}

/// Prints how well a judge does on some pairs.
pub(in crate::cli) fn show(report: &VerdictReport) {
    let quality = &report.quality;
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    answer!(
        "{} {}: {} true, {} wrong; AUC {:.4}, accepted at 1 % false {}, at 0.1 % {}; Brier {:.4}, calibration error {:.3}; \
         match {}, can't tell {} of the true; {:.0} wrong ones a match",
        report.sight.name(),
        report.kind,
        quality.pairs.0,
        quality.pairs.1,
        quality.auc,
        percent(quality.accepted_at_1_percent),
        percent(quality.accepted_at_0_1_percent),
        quality.brier,
        quality.calibration_error,
        report.accepted,
        report.cant_tell,
        report.falsely_accepted
    );
    if report.kind == "all" && report.sight.name() == "pair" {
        for (midi, audio) in &report.false_names {
            answer!("  wrong, a match: {midi} and {audio}");
        }
        for (midi, audio, probability) in &report.missed {
            answer!("  true, no match: {midi} and {audio}, {probability:.2}");
        }
    }
}
