//! `antiphon dataset`.

use super::flags::{Draw, MidiFont, Quiet, split};
use super::help::examples;
use super::output::or_no_folder;
use super::terminal::{skipped_for, warned};
use antiphon::dataset::{self, Font, Made, Recordings, Split, Synthesis};
use antiphon::error::Result;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// How to make training pairs.
#[derive(Debug, Subcommand)]
pub(super) enum Dataset {
    /// Render MIDI files twice: as they are, and with the differences of a recording.
    #[command(after_help = examples(&[
        "antiphon dataset synthesize midis -o rendered",
        "antiphon dataset synthesize midis -o rendered --audio-soundfont other.sf2 --hold-out test-midis",
    ]))]
    Synthesize(Synthesize),
    /// Align recordings with their MIDI files, and keep the accepted pairs.
    #[command(after_help = examples(&[
        "antiphon dataset align recordings -o real",
        "antiphon dataset align pairs.jsonl -o real --split test",
    ]))]
    Align(Align),
}

impl Dataset {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Synthesize(command) => command.run(),
            Self::Align(command) => command.run(),
        }
    }
}

/// Music to leave out.
#[derive(Debug, Args)]
struct HoldOut {
    /// Leave out all music of this MIDI file, or of the files in this folder; may be given several times.
    #[arg(long, value_name = "FOLDER")]
    hold_out: Vec<PathBuf>,
}

/// Arguments of `antiphon dataset synthesize`.
#[derive(Debug, Args)]
pub(super) struct Synthesize {
    /// MIDI files, or folders of them.
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    /// Write the data set to this folder.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    font: MidiFont,
    /// Render recordings with this soundfont (SF2); may be given several times [default: that of the MIDI side].
    #[arg(long, value_name = "SF2")]
    audio_soundfont: Vec<PathBuf>,
    /// Render the recordings of the test split with this soundfont (SF2).
    #[arg(long, value_name = "SF2")]
    test_soundfont: Option<PathBuf>,
    #[command(flatten)]
    without: HoldOut,
    /// Longest part of a work to render, in seconds.
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Pairs to render of each work.
    #[arg(long, default_value_t = 1)]
    variants: usize,
    /// Draw this many works.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    draw: Draw,
    #[command(flatten)]
    terminal: Quiet,
}

impl Synthesize {
    fn run(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let midi_font = Font::open(self.font.soundfont.as_deref())?;
        let mut audio_fonts: Vec<Font> =
            self.audio_soundfont.iter().map(|path| Font::open(Some(path))).collect::<Result<_>>()?;
        if audio_fonts.is_empty() {
            audio_fonts.push(midi_font.clone());
        }
        let test_font = self.test_soundfont.as_ref().map(|path| Font::open(Some(path))).transpose()?;
        let what = Synthesis {
            sources: self.sources,
            hold_out: self.without.hold_out,
            midi_font,
            audio_fonts,
            test_font,
            seconds: self.seconds,
            variants: self.variants,
            limit: self.limit,
            seed: self.draw.seed,
        };
        let made =
            or_no_folder(std::slice::from_ref(&self.output), || dataset::synthesize(&what, &self.output, &progress))?;
        Ok(report(&made))
    }
}

/// Arguments of `antiphon dataset align`.
#[derive(Debug, Args)]
pub(super) struct Align {
    /// Folders of recordings, each beside a MIDI file of its name; or lists with `midi`, `audio` and, if wanted,
    /// `split`.
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    /// Write the data set to this folder.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    without: HoldOut,
    /// Put all works into this split [default: that of the list, or else drawn for each].
    #[arg(long, value_parser = split())]
    split: Option<Split>,
    #[command(flatten)]
    draw: Draw,
    #[command(flatten)]
    terminal: Quiet,
}

impl Align {
    fn run(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let midi_font = Font::open(self.font.soundfont.as_deref())?;
        let (sources, hold_out, split, seed) = (self.sources, self.without.hold_out, self.split, self.draw.seed);
        let what = Recordings { sources, hold_out, midi_font, split, seed };
        let made = or_no_folder(std::slice::from_ref(&self.output), || dataset::align(&what, &self.output, &progress))?;
        Ok(report(&made))
    }
}

/// Reports what was made and what was left out.
fn report(made: &Made) -> ExitCode {
    for work in made.dataset.all_works() {
        warned(&work.path, work.warning.as_deref());
    }
    for (path, reason) in &made.skipped {
        skipped_for(path, reason);
    }
    let count = |split| made.dataset.works(split).count();
    let develop = Some(count(Split::Develop)).filter(|&works| works > 0);
    answer!(
        "{} pairs made, {} there already; works: {} train, {} valid, {}{} test",
        made.made,
        made.kept,
        count(Split::Train),
        count(Split::Valid),
        develop.map(|works| format!("{works} develop, ")).unwrap_or_default(),
        count(Split::Test)
    );
    answer!("left out: {} copies, {} held out, {} skipped", made.copies, made.held_out, made.skipped.len());
    if made.skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}
