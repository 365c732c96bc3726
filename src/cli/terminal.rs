//! What the commands print: results on stdout, progress and messages on stderr.

use super::ticker;
use antiphon::error::Error;
use antiphon::job::Progress;
use std::io::{IsTerminal, Write};
use std::path::Path;

/// Prints a line of the result, as `println!` does. If nobody reads it any more (`| head`), the process ends with
/// code 2, done in part.
macro_rules! answer {
    ($($text:tt)*) => { $crate::cli::terminal::print(format_args!("{}\n", format_args!($($text)*))) };
}

/// Prints a line for the person at the terminal. If it can't be shown, work continues.
macro_rules! message {
    ($($text:tt)*) => { $crate::cli::terminal::tell(format_args!("{}\n", format_args!($($text)*))) };
}

/// Writes to stdout at once. A closed pipe or a full disk ends the process, as there is no way back to the command: the
/// files it has written so far are whole.
pub(super) fn print(text: std::fmt::Arguments<'_>) {
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

/// Implements `message!`.
pub(super) fn tell(text: std::fmt::Arguments<'_>) {
    ticker::said();
    drop(std::io::stderr().write_fmt(text));
}

/// Reports a skipped file, once, with the path last.
pub(super) fn skipped(path: &Path, error: &Error) {
    skipped_for(path, &error.reason(path));
}

/// Reports a problem with a file that is used all the same.
pub(super) fn warned(path: &Path, warning: Option<&str>) {
    if let Some(warning) = warning {
        message!("antiphon: {warning}: {path:?}");
    }
}

/// Reports a skipped file, for a reason that does not name it.
pub(super) fn skipped_for(path: &Path, reason: &str) {
    message!("antiphon: skipped: {reason}: {path:?}");
}

/// Creates a progress that Ctrl-C cancels. Unless `quiet`, it draws a bar on a terminal; elsewhere it prints a line now
/// and then.
pub(super) fn progress(quiet: bool) -> Progress {
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
    // Set once, right here; the handler can be set once per process, and a process runs one command.
    drop(seen.set(progress.clone()));
    let cancel = progress.clone();
    drop(ctrlc::set_handler(move || cancel.cancel()));
    if !quiet && !on_terminal {
        ticker::start(&progress);
    }
    progress
}
