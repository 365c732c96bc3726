//! What `antiphon evaluate hash pairs`, `evaluate embed pairs` and `evaluate embed dataset` have in common: what is searched,
//! and how what was found is said.

use super::output::or_no_folder;
use super::{progress, soundfont};
use antiphon::dataset::Split;
use antiphon::error::{Error, Result};
use antiphon::evaluate::{RankCurve, Report, Retrieval, RetrievalParams};
use antiphon::export;
use antiphon::job::Progress;
use antiphon::picture;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Queries named at most.
const NAMED: usize = 30;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SplitName {
    Train,
    Valid,
    Develop,
    Test,
}

impl From<SplitName> for Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Valid => Self::Valid,
            SplitName::Develop => Self::Develop,
            SplitName::Test => Self::Test,
        }
    }
}

/// What is searched.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// MIDI files, with recordings of the same name beside them; where there is none, the MIDI file's rendering is looked for.
    folder: PathBuf,
    /// A folder of recordings and MIDI files to search among; may be given several times.
    #[arg(long, value_name = "DIR")]
    decoys: Vec<PathBuf>,
    /// How many MIDI files are drawn from the decoys' folders.
    #[arg(long, default_value_t = 400)]
    renderings: usize,
    /// Seed of the draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Soundfont (SF2) of the MIDI side.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// Soundfont (SF2) that decoys are rendered with: another one than the MIDI side's.
    #[arg(long)]
    audio_soundfont: Option<PathBuf>,
    /// Part of the renderings looked for that is put into another key.
    #[arg(long, default_value_t = 0.0)]
    transposed: f64,
    /// Part by which an answer in another key must be better; may be given several times.
    #[arg(long, default_values_t = [0.1])]
    handicap: Vec<f64>,
    /// Where log magnitudes are kept for the next run.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    said: Said,
}

/// How what was found is said.
#[derive(Debug, Args)]
pub(super) struct Said {
    /// Write the rank curves as a picture.
    #[arg(long, value_name = "PNG")]
    png: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Search {
    /// Searches and says what was found.
    pub(super) fn run(
        &self,
        search: impl FnOnce(&RetrievalParams<'_>, &Progress) -> Result<Report<Retrieval>>,
    ) -> Result<ExitCode> {
        or_no_folder(self.cache.as_slice(), || self.run_with(search))
    }

    fn run_with(
        &self,
        search: impl FnOnce(&RetrievalParams<'_>, &Progress) -> Result<Report<Retrieval>>,
    ) -> Result<ExitCode> {
        let progress = self.said.progress();
        let (font, other_font) = (soundfont(self.soundfont.as_ref())?, soundfont(self.audio_soundfont.as_ref())?);
        if let Some(cache) = &self.cache {
            antiphon::files::create_folder(cache)?;
        }
        let params = RetrievalParams {
            folder: &self.folder,
            decoys: &self.decoys,
            renderings: self.renderings,
            seed: self.seed,
            font: &font,
            other_font: &other_font,
            transposed: self.transposed,
            handicaps: &self.handicap,
            cache: self.cache.as_deref(),
        };
        let report = search(&params, &progress)?;
        let parameters = json!({
            "decoys": self.decoys.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
            "seed": self.seed, "soundfont": font.name(), "audio_soundfont": other_font.name(),
            "transposed": self.transposed,
        });
        self.said.report(&self.folder, &parameters, &report)
    }
}

impl Said {
    pub(super) fn progress(&self) -> Progress {
        progress(self.quiet)
    }

    /// Prints, and draws the curves where that was asked for.
    pub(super) fn report(&self, folder: &Path, parameters: &Value, report: &Report<Retrieval>) -> Result<ExitCode> {
        let found = report.done.first().ok_or_else(|| Error::nothing("nothing to search in"))?;
        if let Some(path) = &self.png {
            let curve = |c: &RankCurve| (title(c), c.queries.iter().map(|query| query.rank).collect());
            let curves: Vec<(String, Vec<usize>)> = found.systems.iter().map(curve).collect();
            let image = picture::rank_curves_png(&curves, found.recordings + found.renderings);
            antiphon::files::write(path, &export::png(&image)?)?;
        }
        if self.json {
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
        Ok(super::evaluate::finish(report))
    }
}

/// Models with the names of their files, and the bundled one.
pub(super) fn compared<T>(
    paths: &[PathBuf],
    load: impl Fn(&Path) -> Result<T>,
    bundled: impl Fn() -> Result<T>,
) -> Result<Vec<(String, T)>> {
    let name = |path: &PathBuf| antiphon::files::stem(path);
    let mut models: Vec<(String, T)> = paths.iter().map(|path| Ok((name(path), load(path)?))).collect::<Result<_>>()?;
    models.push(("bundled model".into(), bundled()?));
    Ok(models)
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
    // Of a long list only what went wrong, and of that not all.
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
