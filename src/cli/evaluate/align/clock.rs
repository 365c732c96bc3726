//! The output of `antiphon evaluate align clock`.

use super::super::finish;
use super::EvaluateAlign;
use antiphon::alignment::Preset;
use antiphon::evaluate::{ClockErrors, ClockSummary, Report};
use serde_json::json;
use std::process::ExitCode;

/// A share as a percentage; a dash if there is nothing to take a share of.
pub(super) fn per_cent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".into(), |share| format!("{:.1}%", 100.0 * share))
}

pub(super) fn name(preset: Preset) -> String {
    format!("{preset:?}").to_lowercase()
}

impl EvaluateAlign {
    pub(super) fn clock(&self, report: &Report<ClockErrors>, presets: &[Preset]) -> ExitCode {
        let summaries: Vec<_> = presets.iter().map(|preset| ClockSummary::new(&report.done, *preset)).collect();
        if self.report.json {
            self.print(&json!({ "summaries": summaries, "songs": report.done }));
            return finish(report);
        }
        answer!(
            "{:>9} {:>7} {:>9} {:>7} {:>7} {:>7} {:>5} {:>6} {:>7} {:>7} {:>7}  song",
            "offset s",
            "margin",
            "median ms",
            "≤ 50 ms",
            "≤ 100",
            "> 1 s",
            "lost",
            "conf.",
            "unrel.",
            "prec.",
            "recall"
        );
        for song in &report.done {
            answer!(
                "{:9.3} {:>7} {:9.1} {:>7} {:>7} {:>7} {:>5} {:6.2} {:>7} {:>7} {:>7}  {}{}",
                song.offset_s,
                per_cent(Some(song.offset_margin)),
                1000.0 * song.median_s,
                per_cent(Some(song.within_50_ms)),
                per_cent(Some(song.within_100_ms)),
                per_cent(Some(song.beyond_1_s)),
                if song.lost { "lost" } else { "" },
                song.confidence,
                per_cent(Some(song.unreliable)),
                per_cent(song.precision),
                per_cent(song.recall),
                self.of(song.preset),
                song.name
            );
        }
        for s in &summaries {
            answer!(
                "{}: n = {}, {:.1} % within 50 ms, {:.1} % within 100 ms, {:.1} % beyond 1 s, lost {}, accepted {}, unreliable {:.1} %: precision {}, recall {}",
                name(s.preset),
                s.songs,
                100.0 * s.within_50_ms,
                100.0 * s.within_100_ms,
                100.0 * s.beyond_1_s,
                s.lost,
                s.accepted,
                100.0 * s.unreliable,
                per_cent(s.precision),
                per_cent(s.recall)
            );
        }
        finish(report)
    }

    /// The prefix of a work's name if there are several aligners.
    pub(super) fn of(&self, preset: Preset) -> String {
        if self.preset.len() > 1 { format!("{} ", name(preset)) } else { String::new() }
    }
}
