//! The output of `antiphon evaluate align popular`.

use super::super::finish;
use super::EvaluateAlign;
use super::clock::{name, per_cent};
use antiphon::alignment::Preset;
use antiphon::evaluate::{PopularErrors, PopularSummary, Report};
use serde_json::json;
use std::process::ExitCode;

impl EvaluateAlign {
    pub(super) fn popular(&self, report: &Report<PopularErrors>, presets: &[Preset]) -> ExitCode {
        let summaries: Vec<_> = presets.iter().flat_map(|preset| PopularSummary::all(&report.done, *preset)).collect();
        let plain = report.done.iter().filter(|work| work.manner.compressed && !work.mp3).count();
        if plain > 0 {
            message!("antiphon: no ffmpeg: {} works were not compressed", plain / presets.len().max(1));
        }
        if self.report.json {
            self.print(&json!({ "summaries": summaries, "works": report.done }));
            return finish(report);
        }
        answer!(
            "{:>7} {:>7} {:>7} {:>5} {:>6} {:>7} {:>7} {:>7} {:>6}  work",
            "≤ 50 ms",
            "≤ 100",
            "> 2 s",
            "lost",
            "conf.",
            "prec.",
            "recall",
            "edit",
            "jumps"
        );
        for work in &report.done {
            let seconds = &work.seconds;
            answer!(
                "{:>7} {:>7} {:>7} {:>5} {:6.2} {:>7} {:>7} {:>7} {:>6}  {}{}",
                per_cent(Some(seconds.within_50_ms)),
                per_cent(Some(seconds.within_100_ms)),
                per_cent(Some(seconds.beyond_2_s)),
                if seconds.lost { "lost" } else { "" },
                work.confidence,
                per_cent(seconds.warned.precision()),
                per_cent(seconds.warned.recall()),
                format!("{:?}", work.edit).to_lowercase(),
                format!("{}/{}", work.jumps.found, work.jumps.true_ones),
                self.of(work.preset),
                work.name
            );
        }
        for s in &summaries {
            answer!(
                "{} {}: n = {}, {:.1} % within 50 ms, {:.1} % within 100 ms, lost {} ({} where the notes are the same), accepted {}, unreliable {}: precision {}, recall {}, of other notes {}, {}; jumps: {} of {} found, {} works with one",
                name(s.preset),
                s.kind,
                s.works,
                100.0 * s.within_50_ms,
                100.0 * s.within_100_ms,
                s.lost,
                s.lost_alike,
                s.accepted,
                per_cent(Some(s.warned.share())),
                per_cent(s.precision),
                per_cent(s.recall),
                per_cent(s.precision_of_others),
                per_cent(s.recall_of_others),
                s.jumps.found,
                s.jumps.true_ones,
                s.with_jumps
            );
        }
        finish(report)
    }
}
