//! The commands. Results go to stdout, progress and messages to stderr; exit code 0 all done, 1 failed, 2 done in part.

/// Prints a line of the result, as `println!` does. Where nobody reads any more (`| head`), the process ends: code 2, done in part.
macro_rules! answer {
    ($($text:tt)*) => { $crate::cli::print(format_args!("{}\n", format_args!($($text)*))) };
}

/// Prints a line for the person at the terminal. That it can't be shown is no reason to stop.
macro_rules! message {
    ($($text:tt)*) => {{
        $crate::cli::ticker::said();
        drop(std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{}\n", format_args!($($text)*))));
    }};
}

mod align;
mod collect;
mod curate;
mod dataset;
mod embed;
mod evaluate;
mod hash;
mod index;
mod matching;
mod output;
mod retrieval;
mod search;
mod ticker;
mod toy;
mod train;
mod verdict;

use antiphon::error::{Error, Result};
use antiphon::job::Progress;
use antiphon::log;
use antiphon::synth::SoundFont;
use clap::{Args, Parser, Subcommand};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Finds the recording a MIDI file belongs to, aligns the two, and lets you judge the match by ear and eye.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = where_the_log_lies())]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Write a log, with what is at this level or above [default: info for the window, none for commands].
    #[arg(long, global = true, value_name = "LEVEL", value_parser = log::LEVELS)]
    log: Option<String>,
    #[command(flatten)]
    window: Window,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Align a MIDI file with a recording.
    Align(align::Align),
    /// Write the constant-Q features of a recording or MIDI file as an npy array.
    Features(align::Features),
    /// Hash sequence of a recording or MIDI file: a code for each step of 0.37 s.
    Hash(hash::Hash),
    /// Embed a whole recording or MIDI file in one vector.
    Embed(embed::Embed),
    /// An index of recordings or MIDI files, to be searched.
    #[command(subcommand)]
    Index(index::IndexCommand),
    /// Look for a MIDI file or a recording in an index.
    Search(search::Search),
    /// Match a collection against an index.
    Match(matching::Match),
    /// Collect pairs of MIDI files and recordings by their names and their sound.
    Collect(collect::Collect),
    /// Make training pairs.
    #[command(subcommand)]
    Dataset(dataset::Dataset),
    /// Learn from data sets.
    #[command(subcommand)]
    Train(train::Train),
    /// Measure on a data set.
    #[command(subcommand)]
    Evaluate(evaluate::Evaluate),
    /// The toy problems of feed-forward attention.
    #[command(subcommand)]
    Toy(toy::Toy),
    /// Decisions of people about matches.
    #[command(subcommand)]
    Curate(curate::Curate),
}

/// What the window opens with; with nothing, the demo.
#[derive(Debug, Args)]
struct Window {
    /// A MIDI file and recordings, in any order.
    files: Vec<PathBuf>,
    /// Soundfont (SF2) to synthesise with.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// Pairs to be judged: a search, a list (JSON lines, JSON, CSV), or a Lakh tree.
    #[arg(long, value_name = "LIST", conflicts_with = "files")]
    queue: Option<PathBuf>,
    /// Where the decisions go [default: LIST.decisions.jsonl].
    #[arg(long, value_name = "FILE", requires = "queue")]
    journal: Option<PathBuf>,
    /// Save a picture of the window once everything is aligned, and leave.
    #[arg(long, value_name = "PNG")]
    screenshot: Option<PathBuf>,
    /// Size of the window in points.
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = parse_size)]
    size: Option<(f32, f32)>,
    /// The index that is searched in the window.
    #[arg(long, value_name = "DIR")]
    index: Option<PathBuf>,
    /// What the middle of the window shows.
    #[arg(long, value_parser = ["audit", "search", "filters", "train", "embedding", "toy"])]
    tab: Option<String>,
    /// Theme, instead of the one in the settings.
    #[arg(long, value_parser = ["dark", "light", "system"])]
    theme: Option<String>,
}

fn parse_size(text: &str) -> core::result::Result<(f32, f32), String> {
    let parse = || {
        let (width, height) = text.split_once('x')?;
        Some((width.parse().ok()?, height.parse().ok()?))
    };
    parse()
        .filter(|(w, h)| (200.0..=16384.0).contains(w) && (200.0..=16384.0).contains(h))
        .ok_or_else(|| format!("{text:?} is not WIDTHxHEIGHT, each 200 to 16384"))
}

/// Writes to stdout at once. There is no way back to the command from a closed pipe or a full disk: what it wrote to files
/// before is whole.
fn print(text: std::fmt::Arguments<'_>) {
    ticker::answered();
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = stdout.write_fmt(text).and_then(|()| stdout.flush()) {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            std::process::exit(2);
        }
        message!("antiphon: could not write the result: {error}");
        std::process::exit(1);
    }
}

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    let started = Instant::now();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version are answers, not failures; bad usage is 1, as the manual says.
        Err(error) => {
            drop(error.print());
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    start_log(&arguments);
    let outcome = match arguments.command {
        Some(Command::Align(command)) => command.run(),
        Some(Command::Features(command)) => command.run(),
        Some(Command::Hash(command)) => command.run(),
        Some(Command::Embed(command)) => command.run(),
        Some(Command::Index(command)) => command.run(),
        Some(Command::Search(command)) => command.run(),
        Some(Command::Match(command)) => command.run(),
        Some(Command::Collect(command)) => command.run(),
        Some(Command::Dataset(command)) => command.run(),
        Some(Command::Train(command)) => command.run(),
        Some(Command::Evaluate(command)) => command.run(),
        Some(Command::Toy(command)) => command.run(),
        Some(Command::Curate(command)) => command.run(),
        None => open_window(arguments.window, started),
    };
    match outcome {
        Ok(code) => code,
        Err(Error::Cancelled) => {
            message!("antiphon: cancelled");
            ExitCode::FAILURE
        }
        Err(error) => {
            tracing::error!(%error, "failed");
            message!("antiphon: {error}");
            ExitCode::FAILURE
        }
    }
}

fn where_the_log_lies() -> String {
    let folder =
        log::folder().map_or_else(|| "nowhere: this system has no place for it".into(), |f| f.display().to_string());
    format!(
        "The log of the window, and of commands with --log, lies in {folder}. Antiphon sends nothing over the network."
    )
}

/// Begins the log that is asked for, and that of the window in any case; one for a picture of it leaves no trace.
fn start_log(arguments: &Arguments) {
    let window = arguments.command.is_none() && arguments.window.screenshot.is_none();
    let level = arguments.log.as_deref().or(window.then_some("info"));
    let (Some(level), Some(folder)) = (level, log::folder()) else { return };
    if let Err(error) = log::start(&folder, level) {
        // Nobody is kept from their work by that.
        message!("antiphon: there is no log: {error}");
    }
}

#[cfg(feature = "gui")]
fn open_window(window: Window, started: Instant) -> Result<ExitCode> {
    use antiphon::gui::{Launch, Tab, Theme};

    let is_midi = |path: &PathBuf| antiphon::files::is_midi(path);
    let (midi, recordings): (Vec<PathBuf>, Vec<PathBuf>) = window.files.into_iter().partition(is_midi);
    let mut launch = Launch {
        midi: midi.into_iter().next(),
        recordings,
        queue: window.queue.map(|queue| (queue, window.journal)),
        soundfont: window.soundfont,
        theme: window.theme.as_deref().map(|name| match name {
            "dark" => Theme::Dark,
            "light" => Theme::Light,
            _ => Theme::System,
        }),
        tab: window.tab.as_deref().map(|name| match name {
            "filters" => Tab::Filters,
            "train" => Tab::Train,
            "embedding" => Tab::Embedding,
            "toy" => Tab::Toy,
            "search" => Tab::Search,
            _ => Tab::Audit,
        }),
        index: window.index,
        screenshot: window.screenshot,
        size: window.size,
        started: Some(started),
    };
    if launch.midi.is_none() && launch.recordings.is_empty() && launch.queue.is_none() {
        let folder = directories::ProjectDirs::from("", "", "antiphon")
            .map_or_else(std::env::temp_dir, |dirs| dirs.cache_dir().to_path_buf());
        let demo = antiphon::demo::unpack(&folder.join("demo"))?;
        (launch.midi, launch.recordings) = (Some(demo.midi), demo.recordings);
    }
    match antiphon::gui::run(launch) {
        Err(error @ Error::Window(_)) => {
            message!("antiphon: {error}; `antiphon align MIDI AUDIO` works without a window");
            Ok(ExitCode::FAILURE)
        }
        outcome => {
            if let Some(times) = outcome? {
                let picture = times.picture_s.map(|s| format!("first picture after {s:.2} s, ")).unwrap_or_default();
                message!("window after {:.2} s, {picture}everything after {:.2} s", times.window_s, times.everything_s);
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(not(feature = "gui"))]
#[expect(clippy::unnecessary_wraps, reason = "as the one that opens a window")]
fn open_window(_: Window, _: Instant) -> Result<ExitCode> {
    message!("antiphon: built without a window; `antiphon align MIDI AUDIO` works without one");
    Ok(ExitCode::FAILURE)
}

/// Names a file that was skipped, last and once.
fn skipped(path: &std::path::Path, error: &Error) {
    skipped_for(path, &error.reason(path));
}

/// Names a file that was skipped for a reason that does not name it.
fn skipped_for(path: &std::path::Path, reason: &str) {
    message!("antiphon: skipped: {reason}: {path:?}");
}

/// The soundfont chosen, or the bundled one.
fn soundfont(path: Option<&PathBuf>) -> Result<SoundFont> {
    path.map_or_else(SoundFont::bundled, |path| SoundFont::open(path))
}

/// A progress that draws a bar on a terminal, says a line now and then where there is none, unless `quiet`, and that Ctrl-C
/// cancels.
fn progress(quiet: bool) -> Progress {
    let on_terminal = std::io::stderr().is_terminal();
    let bar = if quiet || !on_terminal { indicatif::ProgressBar::hidden() } else { indicatif::ProgressBar::new(1000) };
    let seen = std::sync::Arc::new(std::sync::OnceLock::<Progress>::new());
    let inside = std::sync::Arc::clone(&seen);
    let progress = Progress::new(move || {
        if let Some(progress) = inside.get() {
            bar.set_position((progress.fraction() * 1000.0) as u64);
            if progress.fraction() >= 1.0 {
                bar.finish_and_clear();
            }
        }
    });
    // Set once, right here; the handler can be set once a process, and one command runs a process.
    drop(seen.set(progress.clone()));
    let cancel = progress.clone();
    drop(ctrlc::set_handler(move || cancel.cancel()));
    if !quiet && !on_terminal {
        ticker::start(&progress);
    }
    progress
}
