//! `antiphon search`.

use super::flags::{Cascade, IndexFolder, Json, MidiFont, Quiet, Top};
use super::terminal::warned;
use antiphon::error::Result;
use antiphon::index::Entry;
use antiphon::search::{self, Found, Query};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Arguments of `antiphon search`.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// The MIDI file or recording to search for.
    query: PathBuf,
    #[command(flatten)]
    folder: IndexFolder,
    #[command(flatten)]
    hits: Top,
    #[command(flatten)]
    cascade: Cascade,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    terminal: Quiet,
}

impl Search {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let since = Instant::now();
        let index = self.folder.open()?;
        let opened_s = since.elapsed().as_secs_f64();
        let query = Query::open(&self.query, &self.font.open()?, &progress.part(0.0, 0.3))?;
        warned(&self.query, query.warning());
        let analysed_s = since.elapsed().as_secs_f64() - opened_s;
        let found = search::search(&index, &query, &self.cascade.options(self.hits.top), &progress.part(0.3, 1.0))?;
        if self.report.json {
            answer!("{:#}", found.document(&self.query));
        } else {
            show(&found);
            message!(
                "index opened in {opened_s:.3} s, query analysed in {analysed_s:.3} s, searched in {:.3} s",
                since.elapsed().as_secs_f64() - opened_s - analysed_s
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The artist and title, or else the file's name.
fn called(entry: &Entry) -> String {
    match (&entry.about.artist, &entry.about.title) {
        (Some(artist), Some(title)) => format!("{artist}: {title}"),
        (None, Some(title)) => title.clone(),
        _ => entry.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

fn show(found: &Found) {
    for hit in &found.hits {
        let confidence = hit.confidence.map_or("   –".into(), |c| format!("{c:.2}"));
        let embedding = hit.embedding_distance.map_or("–".into(), |d| format!("{d:.3}"));
        let key = if hit.transpose == 0 { String::new() } else { format!(", {:+} semitones", hit.transpose) };
        answer!(
            "{:4}  {confidence}  {}  (codes {:.2}, embedding {embedding}{key})  {:?}",
            hit.rank,
            called(&hit.entry),
            hit.hash_distance,
            hit.entry.path
        );
    }
    for stage in &found.stages {
        let name = format!("{:?}", stage.name).to_lowercase();
        message!("{name}: {} of {} in {} keys, {:.3} s", stage.kept, stage.looked_at, stage.keys, stage.seconds);
    }
    for remark in &found.remarks {
        message!("antiphon: {remark}");
    }
}
