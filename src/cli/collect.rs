//! `antiphon collect`.

use super::flags::{Draw, Json, MidiFont, Quiet};
use super::output::or_no_folder;
use super::terminal::{skipped_for, warned};
use antiphon::collect::{self, Collected, Collecting, FunnelSide, TEXT_SCORE};
use antiphon::error::Result;
use antiphon::export;
use antiphon::picture::{FunnelChart, funnel_png};
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `antiphon collect`.
#[derive(Debug, Args)]
pub(super) struct Collect {
    /// MIDI files, or folders of them; may be given several times.
    #[arg(long, required = true, num_args = 1.., value_name = "DIR")]
    midi: Vec<PathBuf>,
    /// Recordings, or folders of them; may be given several times.
    #[arg(long, required = true, num_args = 1.., value_name = "DIR")]
    audio: Vec<PathBuf>,
    /// Take the names of recordings from this list of `path`, `artist`, `title` (JSON or a table). Tags and paths supply
    /// what is missing.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Write the list of pairs to this file: JSON lines. Run again after an interruption to resume.
    #[arg(short, long, value_name = "LIST")]
    output: PathBuf,
    /// Minimum score (BM25) of the words of artist and title, unless the titles are equal.
    #[arg(long, value_name = "SCORE", default_value_t = TEXT_SCORE)]
    text_score: f32,
    /// Also try this many recordings for each MIDI file by its title alone.
    #[arg(long, value_name = "N", default_value_t = 0)]
    by_title: usize,
    #[command(flatten)]
    draw: Draw,
    /// Draw how many files remain after each step.
    #[arg(long, value_name = "PNG")]
    funnel: Option<PathBuf>,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    terminal: Quiet,
}

impl Collect {
    pub(super) fn run(self) -> Result<ExitCode> {
        let folder = self.output.parent().map(Path::to_path_buf);
        or_no_folder(folder.as_slice(), || self.collect())
    }

    fn collect(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let font = self.font.open()?;
        let what = Collecting {
            midi: self.midi,
            audio: self.audio,
            catalogue: self.catalogue,
            text_score: self.text_score,
            by_title: self.by_title,
            seed: self.draw.seed,
            font: &font,
        };
        let found = collect::collect(&what, &self.output, &progress)?;
        for (path, warning) in &found.warned {
            warned(path, Some(warning));
        }
        for (path, reason) in &found.skipped {
            skipped_for(path, reason);
        }
        if let Some(path) = &self.funnel {
            antiphon::files::write(path, &export::png(&picture(&found))?)?;
        }
        if self.report.json {
            answer!("{:#}", document(&what, &found));
        } else {
            print(&found);
        }
        Ok(if found.skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}

fn document(what: &Collecting<'_>, found: &Collected) -> Value {
    let splits: Map<String, Value> = found
        .splits
        .iter()
        .map(|(split, (songs, pairs))| (split.name().to_owned(), json!({ "songs": songs, "pairs": pairs })))
        .collect();
    let skipped: Vec<Value> = found
        .skipped
        .iter()
        .map(|(path, reason)| json!({ "path": path.to_string_lossy(), "reason": reason }))
        .collect();
    let warnings: Vec<Value> = found
        .warned
        .iter()
        .map(|(path, warning)| json!({ "path": path.to_string_lossy(), "warning": warning }))
        .collect();
    json!({
        "antiphon": env!("CARGO_PKG_VERSION"),
        "format": "collect/1",
        "parameters": {
            "text_score": what.text_score,
            "by_title": what.by_title,
            "seed": what.seed,
            "soundfont": what.font.name(),
        },
        "funnel": found.funnel,
        "splits": splits,
        "aligned_now": found.aligned_now,
        "warnings": warnings,
        "skipped": skipped,
    })
}

fn print(found: &Collected) {
    let funnel = &found.funnel;
    for (name, side) in [("MIDI files", funnel.midi), ("recordings", funnel.audio)] {
        let FunnelSide { files, unique, named, titled, matched, aligned } = side;
        let share = 100.0 * named as f64 / unique.max(1) as f64;
        answer!(
            "{name}: {files} found, {unique} different, {named} named ({share:.1} %), {titled} with a title, \
             {matched} matched, {aligned} aligned"
        );
    }
    answer!(
        "pairs: {} whose names match, {} accepted ({} aligned now), of {} songs",
        funnel.candidates,
        funnel.accepted,
        found.aligned_now,
        funnel.songs
    );
    let splits: Vec<String> = found
        .splits
        .iter()
        .map(|(split, (songs, pairs))| format!("{}: {songs} songs, {pairs} pairs", split.name()))
        .collect();
    if !splits.is_empty() {
        answer!("{}", splits.join("; "));
    }
}

fn picture(found: &Collected) -> image::RgbaImage {
    let steps = |side: FunnelSide| {
        [
            ("files", side.files),
            ("different, readable", side.unique),
            ("with a title", side.titled),
            ("with artist and title", side.named),
            ("whose name the other side has", side.matched),
            ("aligned and accepted", side.aligned),
        ]
    };
    let (midi, audio) = (steps(found.funnel.midi), steps(found.funnel.audio));
    let pairs =
        [("names match", found.funnel.candidates), ("accepted", found.funnel.accepted), ("songs", found.funnel.songs)];
    funnel_png(&[
        FunnelChart { title: "MIDI files", steps: &midi },
        FunnelChart { title: "recordings", steps: &audio },
        FunnelChart { title: "pairs", steps: &pairs },
    ])
}
