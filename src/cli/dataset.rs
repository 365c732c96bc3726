//! `antiphon dataset`.

use super::output::or_no_folder;
use super::progress;
use antiphon::dataset::{self, Font, Made, Recordings, Split, Synthesis};
use antiphon::error::Result;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// Where training pairs come from.
#[derive(Debug, Subcommand)]
pub(super) enum Dataset {
    /// Render MIDI files twice: as they are, and as a recording would differ.
    Synthesize(Synthesize),
    /// Align recordings with their MIDI files and keep the accepted pairs.
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

/// Arguments of `antiphon dataset synthesize`.
#[derive(Debug, Args)]
pub(super) struct Synthesize {
    /// MIDI files, and folders with MIDI files below them.
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    /// The folder of the data set.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Soundfont (SF2) of the MIDI side.
    #[arg(long, value_name = "SF2")]
    soundfont: Option<PathBuf>,
    /// Soundfont of the recording side; may be given several times [default: that of the MIDI side].
    #[arg(long, value_name = "SF2")]
    audio_soundfont: Vec<PathBuf>,
    /// Soundfont of the recording side in the test split.
    #[arg(long, value_name = "SF2")]
    test_soundfont: Option<PathBuf>,
    /// Leave out all music that this MIDI file, or a file of this folder, holds; may be given several times.
    #[arg(long, value_name = "FOLDER")]
    hold_out: Vec<PathBuf>,
    /// Longest part of a work that is rendered.
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Pairs of each work.
    #[arg(long, default_value_t = 1)]
    variants: usize,
    /// Draw so many works.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Seed of every draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Synthesize {
    fn run(self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let midi_font = Font::open(self.soundfont.as_deref())?;
        let mut audio_fonts: Vec<Font> =
            self.audio_soundfont.iter().map(|path| Font::open(Some(path))).collect::<Result<_>>()?;
        if audio_fonts.is_empty() {
            audio_fonts.push(midi_font.clone());
        }
        let test_font = self.test_soundfont.as_ref().map(|path| Font::open(Some(path))).transpose()?;
        let what = Synthesis {
            sources: self.sources,
            hold_out: self.hold_out,
            midi_font,
            audio_fonts,
            test_font,
            seconds: self.seconds,
            variants: self.variants,
            limit: self.limit,
            seed: self.seed,
        };
        let made =
            or_no_folder(std::slice::from_ref(&self.output), || dataset::synthesize(&what, &self.output, &progress))?;
        Ok(report(&made))
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SplitName {
    Train,
    Valid,
    Develop,
    Test,
}

/// Arguments of `antiphon dataset align`.
#[derive(Debug, Args)]
pub(super) struct Align {
    /// Folders of recordings with a MIDI file of the same name beside each; JSON lines with `midi`, `audio` and perhaps `split`.
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    /// The folder of the data set.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Soundfont (SF2) of the MIDI side.
    #[arg(long, value_name = "SF2")]
    soundfont: Option<PathBuf>,
    /// Leave out all music that this MIDI file, or a file of this folder, holds; may be given several times.
    #[arg(long, value_name = "FOLDER")]
    hold_out: Vec<PathBuf>,
    /// Put all works in this split [default: that of the list, or else drawn for each].
    #[arg(long, value_enum)]
    split: Option<SplitName>,
    /// Seed of the draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Align {
    fn run(self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let split = self.split.map(|split| match split {
            SplitName::Train => Split::Train,
            SplitName::Valid => Split::Valid,
            SplitName::Develop => Split::Develop,
            SplitName::Test => Split::Test,
        });
        let midi_font = Font::open(self.soundfont.as_deref())?;
        let (sources, hold_out, seed) = (self.sources, self.hold_out, self.seed);
        let what = Recordings { sources, hold_out, midi_font, split, seed };
        let made = or_no_folder(std::slice::from_ref(&self.output), || dataset::align(&what, &self.output, &progress))?;
        Ok(report(&made))
    }
}

/// Says what was made and what was not.
fn report(made: &Made) -> ExitCode {
    for (path, reason) in &made.skipped {
        super::skipped_for(path, reason);
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
