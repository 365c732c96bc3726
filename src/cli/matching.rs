//! `antiphon match`.

use super::flags::{Cascade, MidiFont, Quiet, Top};
use super::output::or_no_folder;
use super::terminal::{skipped, skipped_for, warned};
use antiphon::error::{Error, Result};
use antiphon::index::{Index, sound_files};
use antiphon::search::{self, MatchSummary, Matching, Shard};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `antiphon match`.
#[derive(Debug, Args)]
pub(super) struct Match {
    /// MIDI files or recordings, or folders of them; with `--merge`, folders that earlier runs wrote.
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    /// Folder of the index.
    #[arg(long, value_name = "DIR", required_unless_present = "merge")]
    index: Option<PathBuf>,
    /// Write the matches to this folder. Run again after an interruption to resume.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Do only part I of N of the work.
    #[arg(long, value_name = "I/N", value_parser = parse_shard, conflicts_with = "merge")]
    shard: Option<Shard>,
    /// Also write the MIDI files of matches on the clock of their recordings.
    #[arg(long, conflicts_with = "merge")]
    write_aligned: bool,
    /// Merge the parts of earlier runs.
    #[arg(long)]
    merge: bool,
    #[command(flatten)]
    hits: Top,
    #[command(flatten)]
    cascade: Cascade,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    terminal: Quiet,
}

fn parse_shard(text: &str) -> core::result::Result<Shard, String> {
    let parse = || {
        let (number, of) = text.split_once('/')?;
        Some(Shard { number: number.parse().ok()?, of: of.parse().ok()? })
    };
    let fine = |shard: &Shard| (1..=shard.of).contains(&shard.number);
    parse().filter(fine).ok_or_else(|| format!("{text:?} is not I/N, I from 1 to N"))
}

impl Match {
    pub(super) fn run(self) -> Result<ExitCode> {
        let folder = self.output.clone();
        or_no_folder(std::slice::from_ref(&folder), || self.match_all())
    }

    fn match_all(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        if self.merge {
            return Ok(report(&search::merge(&self.sources, &self.output)?, 0));
        }
        let folder = self.index.ok_or_else(|| Error::nothing("no index was named"))?;
        let index = Index::open(&folder)?;
        let font = self.font.open()?;
        let (files, unlisted) = sound_files(&self.sources);
        for (path, error) in &unlisted {
            skipped(path, error);
        }
        if files.is_empty() {
            return Err(Error::nothing(format!("no MIDI file or recording in {:?}", self.sources)));
        }
        let how = Matching {
            index: &index,
            options: self.cascade.options(self.hits.top),
            font: &font,
            shard: self.shard.unwrap_or(Shard::ALL),
            write_aligned: self.write_aligned,
        };
        Ok(report(&search::match_files(&files, &how, &self.output, &progress)?, unlisted.len()))
    }
}

fn report(summary: &MatchSummary, unlisted: usize) -> ExitCode {
    for (path, warning) in &summary.warned {
        warned(path.as_ref(), Some(warning));
    }
    for (path, reason) in summary.skipped.iter().chain(&summary.unwritten) {
        skipped_for(path.as_ref(), reason);
    }
    for (track, count) in &summary.decoys {
        message!("antiphon: matched by {count} files, so perhaps by anything: {track}");
    }
    answer!(
        "{} files searched for, {} skipped; {} with a match, {} pairs with {} entries",
        summary.searched,
        summary.skipped.len() + unlisted,
        summary.matched,
        summary.pairs,
        summary.entries
    );
    let whole = summary.skipped.is_empty() && summary.unwritten.is_empty() && unlisted == 0;
    if whole { ExitCode::SUCCESS } else { ExitCode::from(2) }
}
