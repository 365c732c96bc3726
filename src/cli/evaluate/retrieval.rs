//! The common part of `antiphon evaluate hash pairs`, `evaluate embed pairs` and `evaluate embed dataset`: what to
//! search, and how to report the ranks.

use super::finish;
use crate::cli::flags::{AudioFont, Cache, Draw, Json, MidiFont, Picture, Quiet};
use crate::cli::output::or_no_folder;
use antiphon::error::{Error, Result};
use antiphon::evaluate::{RankCurve, Report, Retrieval, RetrievalParams};
use antiphon::job::Progress;
use antiphon::picture;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The most queries named.
const NAMED: usize = 30;

/// What to search.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// Folder of MIDI files, with recordings of the same name beside them; if there is none, a rendering of the MIDI
    /// file is searched for.
    folder: PathBuf,
    /// Search among the recordings and MIDI files of this folder too; may be given several times.
    #[arg(long, value_name = "DIR")]
    decoys: Vec<PathBuf>,
    /// Number of MIDI files to draw from the folders of decoys and to render.
    #[arg(long, default_value_t = 400)]
    renderings: usize,
    #[command(flatten)]
    draw: Draw,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    audio_font: AudioFont,
    /// Share of the renderings searched for that are transposed to another key, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    transposed: f64,
    /// Share by which an answer in another key must be better; may be given several times.
    #[arg(long, default_values_t = [0.1])]
    handicap: Vec<f64>,
    #[command(flatten)]
    kept: Cache,
    #[command(flatten)]
    said: Said,
}

/// How to report the results.
#[derive(Debug, Args)]
pub(super) struct Said {
    #[command(flatten)]
    picture: Picture,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    terminal: Quiet,
}

impl Search {
    /// Searches and reports the results.
    pub(super) fn run(
        &self,
        search: impl FnOnce(&RetrievalParams<'_>, &Progress) -> Result<Report<Retrieval>>,
    ) -> Result<ExitCode> {
        or_no_folder(self.kept.cache.as_slice(), || self.run_with(search))
    }

    fn run_with(
        &self,
        search: impl FnOnce(&RetrievalParams<'_>, &Progress) -> Result<Report<Retrieval>>,
    ) -> Result<ExitCode> {
        let progress = self.said.progress();
        let (font, other_font) = (self.font.open()?, self.audio_font.open()?);
        self.kept.create()?;
        let params = RetrievalParams {
            folder: &self.folder,
            decoys: &self.decoys,
            renderings: self.renderings,
            seed: self.draw.seed,
            font: &font,
            other_font: &other_font,
            transposed: self.transposed,
            handicaps: &self.handicap,
            cache: self.kept.cache.as_deref(),
        };
        let report = search(&params, &progress)?;
        let parameters = json!({
            "decoys": self.decoys.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
            "seed": self.draw.seed, "soundfont": font.name(), "audio_soundfont": other_font.name(),
            "transposed": self.transposed,
        });
        self.said.report(&self.folder, &parameters, &report)
    }
}

impl Said {
    pub(super) fn progress(&self) -> Progress {
        self.terminal.progress()
    }

    /// Prints the results, and draws the curves if requested.
    pub(super) fn report(&self, folder: &Path, parameters: &Value, report: &Report<Retrieval>) -> Result<ExitCode> {
        let found = report.done.first().ok_or_else(|| Error::nothing("nothing to search in"))?;
        self.picture.write(|| {
            let curve = |c: &RankCurve| (title(c), c.queries.iter().map(|query| query.rank).collect());
            let curves: Vec<(String, Vec<usize>)> = found.systems.iter().map(curve).collect();
            picture::rank_curves_png(&curves, found.recordings + found.renderings)
        })?;
        if self.report.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "evaluation/1",
                "folder": folder.to_string_lossy(),
                "parameters": parameters,
                "results": found,
            });
            answer!("{document:#}");
        } else {
            answer!(
                "{} queries among {} recordings and {} renderings; left out: {} of the same works, {} too short",
                found.systems.first().map_or(0, |curve| curve.queries.len()),
                found.recordings,
                found.renderings,
                found.same_work,
                found.too_short
            );
            found.systems.iter().for_each(print);
        }
        Ok(finish(report))
    }
}

fn title(curve: &RankCurve) -> String {
    match curve.handicap {
        None => curve.system.clone(),
        Some(handicap) => format!("{}, 12 keys, handicap {handicap}", curve.system),
    }
}

pub(super) fn print(curve: &RankCurve) {
    let percent = |part: f64| format!("{:.1} %", 100.0 * part);
    answer!(
        "{}: first {}, within 10 {}, within 100 {}; within 1 % {}, 5 % {}, 10 % {} of the database; MRR {:.3}, N95 {}{}",
        title(curve),
        percent(curve.first),
        percent(curve.within_10),
        percent(curve.within_100),
        percent(curve.within_1_percent),
        percent(curve.within_5_percent),
        percent(curve.within_10_percent),
        curve.mean_reciprocal_rank,
        curve.n95,
        if curve.distances.matching.is_empty() { String::new() } else { format!(", BC {:.3}", curve.bc) }
    );
    // Of a long list, show only the wrong answers, and not all of those.
    let wrong = |q: &&antiphon::evaluate::Ranked| curve.queries.len() <= NAMED || q.rank > 1;
    for q in curve.queries.iter().filter(wrong).take(NAMED) {
        answer!(
            "  {:>12} rank {:4}, score {:.2} {}, best other {:.2} {}",
            q.query,
            q.rank,
            q.score,
            if q.key == 0 { String::new() } else { format!("({:+} semitones)", q.key) },
            q.best_wrong_score,
            q.best_wrong
        );
    }
}
