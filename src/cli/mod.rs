//! The commands. Results go to stdout, progress and messages to stderr; exit code 0 all done, 1 failed, 2 done in part.

#[macro_use]
mod terminal;

mod align;
mod collect;
mod curate;
mod dataset;
mod embed;
mod evaluate;
mod flags;
mod hash;
mod help;
mod index;
mod matching;
mod output;
mod search;
mod ticker;
mod toy;
mod train;
mod window;

use antiphon::error::Error;
use antiphon::log;
use clap::{Parser, Subcommand};
use help::examples;
use std::process::ExitCode;
use std::time::Instant;

/// The position of the options of all commands: after each command's own.
const LAST: usize = 500;

/// Find the recording that a MIDI file belongs to, align the two, and judge the match by ear and eye.
///
/// Without a command, Antiphon opens its window: with the files named, or with the demo.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, help_template = help::template(&commands()), after_help = help::end())]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Write a log of this level and above [default: info for the window, none for commands].
    #[arg(long, global = true, value_name = "LEVEL", value_parser = log::LEVELS, display_order = LAST)]
    log: Option<String>,
    #[command(flatten)]
    window: window::Window,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Align a MIDI file with a recording, or every pair of a list.
    #[command(after_help = examples(&[
        "antiphon align song.mid song.mp3 -o aligned --listen",
        "antiphon align pairs.jsonl -o alignments.jsonl",
    ]))]
    Align(align::Align),
    /// Write the constant-Q features of a recording or MIDI file.
    #[command(after_help = examples(&["antiphon features song.mp3 -o song.npy"]))]
    Features(align::Features),
    /// Hash a recording or MIDI file: one code for each step of 0.37 s.
    #[command(after_help = examples(&["antiphon hash song.mid -o song.npy"]))]
    Hash(hash::Hash),
    /// Embed a recording or MIDI file: one vector for the whole file.
    #[command(after_help = examples(&["antiphon embed song.mp3 -o song.npy --attention attention.npy"]))]
    Embed(embed::Embed),
    /// Build and maintain an index of recordings or MIDI files.
    #[command(subcommand, after_help = examples(&[
        "antiphon index build recordings --index music.index",
        "antiphon index info --index music.index",
    ]))]
    Index(index::IndexCommand),
    /// Search an index for a MIDI file or a recording.
    #[command(after_help = examples(&[
        "antiphon search song.mid --index music.index",
        "antiphon search song.mid --index music.index --top 3 --json > hits.json",
    ]))]
    Search(search::Search),
    /// Match a whole collection against an index.
    #[command(after_help = examples(&[
        "antiphon match midis --index music.index -o matches --write-aligned",
        "antiphon match --merge part-1 part-2 -o matches",
    ]))]
    Match(matching::Match),
    /// Collect pairs of MIDI files and recordings by name and by sound.
    #[command(after_help = examples(&[
        "antiphon collect --midi midis --audio recordings -o pairs.jsonl --funnel funnel.png",
    ]))]
    Collect(collect::Collect),
    /// Make data sets of training pairs.
    #[command(subcommand, after_help = examples(&["antiphon dataset synthesize midis -o rendered"]))]
    Dataset(dataset::Dataset),
    /// Train hash networks, embedding networks or the judge.
    #[command(subcommand, after_help = examples(&["antiphon train hash --data rendered -o hash.safetensors"]))]
    Train(train::Train),
    /// Measure alignments, codes, embeddings, searches and verdicts.
    #[command(subcommand, after_help = examples(&["antiphon evaluate align pairs recordings"]))]
    Evaluate(evaluate::Evaluate),
    /// Train on the toy problems of feed-forward attention.
    #[command(subcommand, after_help = examples(&["antiphon toy addition --length 100"]))]
    Toy(toy::Toy),
    /// Report, export and merge decisions about matches.
    #[command(subcommand, after_help = examples(&["antiphon curate report pairs.decisions.jsonl"]))]
    Curate(curate::Curate),
}

/// The commands alone, as the help lists them.
fn commands() -> clap::Command {
    Command::augment_subcommands(clap::Command::new("antiphon"))
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
        None => arguments.window.open(started),
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

/// Starts the log that is requested, and that of the window in any case; a window opened for a picture leaves no trace.
fn start_log(arguments: &Arguments) {
    let window = arguments.command.is_none() && !arguments.window.is_for_a_picture();
    let level = arguments.log.as_deref().or(window.then_some("info"));
    let (Some(level), Some(folder)) = (level, log::folder()) else { return };
    if let Err(error) = log::start(&folder, level) {
        // A missing log must not keep anybody from work.
        message!("antiphon: there is no log: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::try_parse_from(line.split_whitespace()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_right_ones() {
        for (line, words) in [
            ("antiphon --tab", "audit search filters train embedding toy"),
            ("antiphon --theme", "dark light system"),
            ("antiphon --log", "off error warn info debug trace"),
            ("antiphon align a.mid a.mp3 --preset", "antiphon gen1 gen2"),
            ("antiphon search a.mid --index i --keys", "when-unsure written all"),
            ("antiphon dataset align pairs -o out --split", "train valid develop test"),
            ("antiphon train hash --data d -o m --objective", "hinge contrastive"),
            ("antiphon train hash --data d -o m --scaling", "papers frame-mean standardised"),
            ("antiphon evaluate align", "asap vienna easy hard pairs cut clock popular"),
            ("antiphon curate decide j --item a --decision", "confirmed rejected unsure skipped undone"),
            (
                "antiphon curate decide j --item a --decision unsure --reason",
                "wrong-song other-version wrong-key timing-off partial bad-midi bad-audio other",
            ),
            ("antiphon curate decide j --item a --decision unsure --order", "listed best uncertain stratified random"),
        ] {
            let message = parse(&format!("{line} loud")).expect_err(line);
            let listed = words.replace(' ', ", ");
            assert!(message.contains(&format!("[possible values: {listed}]")), "{line}: {message}");
            for word in words.split(' ').filter(|_| line.contains(" --")) {
                assert!(parse(&format!("{line} {word}")).is_ok(), "{line} {word}");
            }
        }
    }

    #[test]
    fn flags_that_need_or_exclude_others_do_so_where_they_are_shared() {
        for (fine, wrong) in [
            ("align a.mid a.mp3 --json", "align list.jsonl -o out --json"),
            ("align a.mid a.mp3 --hop 512", "align list.jsonl -o out --hop 512"),
            ("align list.jsonl -o out", "align list.jsonl -o out --hop 63"),
            ("train verdict -o j --journal d --soundfont f", "train verdict -o j --data d --soundfont f"),
            ("train verdict -o j --journal d --cache c", "train verdict -o j --data d --cache c"),
            ("evaluate align asap d --audio-soundfont f", "evaluate align asap d"),
            ("evaluate align pairs d", "evaluate align popular d"),
            ("evaluate verdict d --made 5 --audio-soundfont f --cache c", "evaluate verdict d --made 5 --cache c"),
            ("train hash --data d -o m --from bundled", "train hash --data d -o m --from bundled --roll"),
            ("train hash --data d -o m --roll", "train hash --data d -o m --from m --scaling papers"),
            ("train embed --data d -o m --from m", "train embed --data d -o m --from m --architecture a"),
            ("hash a.mid --tpaa", "hash a.mid --tpaa --model m"),
            ("index info --index i --entries", "index info --index i --entries --json"),
        ] {
            assert!(parse(&format!("antiphon {fine}")).is_ok(), "{fine}");
            assert!(parse(&format!("antiphon {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_toy_problems_begin_with_seed_1() {
        for line in ["toy addition", "toy multiplication", "toy table -o t"] {
            let command = parse(&format!("antiphon {line}")).expect("fine").command;
            assert!(format!("{command:?}").contains("Draw { seed: 1 }"), "{command:?}");
        }
    }
}
