//! `antiphon search`.

use super::{progress, soundfont};
use antiphon::error::{Error, Result};
use antiphon::evaluate::{self, RankCurve};
use antiphon::export;
use antiphon::index::{Entry, Index, sound_files};
use antiphon::picture;
use antiphon::search::{self, Found, Keys, Query, SearchOptions};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// How an index is searched.
#[derive(Debug, Args)]
pub(super) struct Cascade {
    /// Compare the codes of all entries, whatever their embeddings.
    #[arg(long)]
    exhaustive: bool,
    /// Entries kept by their embeddings [default: a tenth of all, at least 1000].
    #[arg(long, value_name = "N")]
    keep_embedding: Option<usize>,
    /// Entries kept by their codes, to be aligned [default: one of 4000, at least 25].
    #[arg(long, value_name = "N")]
    keep_hash: Option<usize>,
    /// Keys in which the query is tried.
    #[arg(long, value_enum, default_value = "when-unsure")]
    keys: KeysName,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum KeysName {
    /// As written, and in the other eleven where nothing is confident.
    WhenUnsure,
    /// As written only.
    Written,
    /// In all twelve.
    All,
}

impl Cascade {
    pub(super) fn options(&self, top: usize) -> SearchOptions {
        let keys = match self.keys {
            KeysName::WhenUnsure => Keys::WhenUnsure,
            KeysName::Written => Keys::Written,
            KeysName::All => Keys::All,
        };
        let (keep_embedding, keep_hash) = (self.keep_embedding, self.keep_hash);
        SearchOptions { top, exhaustive: self.exhaustive, keep_embedding, keep_hash, keys }
    }
}

/// Arguments of `antiphon search`.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// A MIDI file or a recording.
    query: PathBuf,
    /// The index.
    #[arg(long, value_name = "DIR")]
    index: PathBuf,
    /// Hits to show.
    #[arg(long, default_value_t = 10, value_name = "N")]
    top: usize,
    #[command(flatten)]
    cascade: Cascade,
    /// Soundfont (SF2) to synthesise a MIDI file with.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Search {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let since = Instant::now();
        let index = Index::open(&self.index)?;
        let opened_s = since.elapsed().as_secs_f64();
        let query = Query::open(&self.query, &soundfont(self.soundfont.as_ref())?, &progress.part(0.0, 0.3))?;
        let analysed_s = since.elapsed().as_secs_f64() - opened_s;
        let found = search::search(&index, &query, &self.cascade.options(self.top), &progress.part(0.3, 1.0))?;
        if self.json {
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

/// Artist and title, or the file's name.
pub(super) fn called(entry: &Entry) -> String {
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

/// Arguments of `antiphon evaluate search`.
#[derive(Debug, Args)]
pub(super) struct EvaluateSearch {
    /// Files to search for, and folders with such below them. Entries of the same bytes or the same name (`x.ogg` for `x.mid`)
    /// are right; files without such have no answer.
    #[arg(required = true)]
    queries: Vec<PathBuf>,
    /// The index.
    #[arg(long, value_name = "DIR")]
    index: PathBuf,
    #[command(flatten)]
    cascade: Cascade,
    /// Soundfont (SF2) to synthesise the MIDI files with.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// Draw the rank curves.
    #[arg(long)]
    png: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl EvaluateSearch {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let index = Index::open(&self.index)?;
        let (files, _) = sound_files(&self.queries);
        let queries: Vec<PathBuf> = files.into_iter().filter(|file| antiphon::files::is_midi(file)).collect();
        let font = soundfont(self.soundfont.as_ref())?;
        let report = evaluate::cascade(&index, &queries, &font, &self.cascade.options(10), &progress)?;
        let found = report.done.first().ok_or_else(|| Error::nothing("nothing was searched for"))?;
        if let Some(path) = &self.png {
            let curve = |c: &RankCurve| (c.system.clone(), c.queries.iter().map(|query| query.rank).collect());
            let curves: Vec<(String, Vec<usize>)> = found.systems.iter().map(curve).collect();
            antiphon::files::write(path, &export::png(&picture::rank_curves_png(&curves, found.entries))?)?;
        }
        if self.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "evaluation/1",
                "index": self.index.to_string_lossy(),
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
            found.systems.iter().for_each(super::retrieval::print);
            for (query, hit, confidence) in found.false_accepts.iter().chain(&found.wrong_accepts) {
                answer!("  accepted: {hit} for {query}, confidence {confidence:.2}");
            }
        }
        Ok(super::evaluate::finish(&report))
    }
}
