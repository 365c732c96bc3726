//! `antiphon evaluate search`.

use super::{finish, retrieval};
use crate::cli::flags::{Cascade, IndexFolder, Json, MidiFont, Picture, Quiet};
use antiphon::error::{Error, Result};
use antiphon::evaluate::{self, RankCurve};
use antiphon::index::sound_files;
use antiphon::picture;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `antiphon evaluate search`.
#[derive(Debug, Args)]
pub(in crate::cli) struct EvaluateSearch {
    /// MIDI files, or folders of them. Entries with the same bytes or the same name (`x.ogg` for `x.mid`) are right; a
    /// file without one has no answer.
    #[arg(required = true)]
    queries: Vec<PathBuf>,
    #[command(flatten)]
    folder: IndexFolder,
    #[command(flatten)]
    cascade: Cascade,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    picture: Picture,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    terminal: Quiet,
}

impl EvaluateSearch {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let index = self.folder.open()?;
        let (files, _) = sound_files(&self.queries);
        let queries: Vec<PathBuf> = files.into_iter().filter(|file| antiphon::files::is_midi(file)).collect();
        let font = self.font.open()?;
        let report = evaluate::cascade(&index, &queries, &font, &self.cascade.options(10), &progress)?;
        let found = report.done.first().ok_or_else(|| Error::nothing("nothing was searched for"))?;
        self.picture.write(|| {
            let curve = |c: &RankCurve| (c.system.clone(), c.queries.iter().map(|query| query.rank).collect());
            let curves: Vec<(String, Vec<usize>)> = found.systems.iter().map(curve).collect();
            picture::rank_curves_png(&curves, found.entries)
        })?;
        if self.report.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "evaluation/1",
                "index": self.folder.index.to_string_lossy(),
                "parameters": { "soundfont": font.name(), "options": format!("{:?}", self.cascade.options(10)) },
                "results": found,
            });
            answer!("{document:#}");
        } else {
            answer!(
                "{} entries; {} queries with an answer, of which {} were lost by embeddings and {} by codes, {} accepted; \
                 {} without, of which {} falsely accepted",
                found.entries,
                found.with_answer,
                found.lost.0,
                found.lost.1,
                found.accepted,
                found.without_answer,
                found.false_accepts.len()
            );
            found.systems.iter().for_each(retrieval::print);
            for (query, hit, confidence) in found.false_accepts.iter().chain(&found.wrong_accepts) {
                answer!("  accepted: {hit} for {query}, confidence {confidence:.2}");
            }
        }
        Ok(finish(&report))
    }
}
