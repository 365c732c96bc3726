//! The log: what the window does and what fails, in one file per day next to the settings. It never leaves the machine.
//!
//! Every module reports with the macros of `tracing`; unless [`start`] is called, as in tests and in programs that use
//! the library, nothing is written. The last `KEPT` days are kept.

use crate::error::{Error, Result};
use std::backtrace::Backtrace;
use std::path::{Path, PathBuf};
use tracing::level_filters::LevelFilter;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Days whose log is kept.
pub(crate) const KEPT: usize = 14;
/// The log levels, from nothing to everything.
pub const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The folder of the log, next to the settings, if the system has a place for it.
pub fn folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "antiphon").map(|dirs| dirs.config_dir().join("log"))
}

/// Starts writing messages at `level` or above (one of [`LEVELS`]; warnings at most from other libraries) to today's
/// file in `folder`, and panics with their backtrace. Once per process.
///
/// # Errors
/// [`Error::Limit`] for an unknown level; [`Error::Io`] if the folder can't be written; [`Error::Log`] if the process
/// already has a log.
pub fn start(folder: &Path, level: &str) -> Result<()> {
    let unknown = |_| Error::Limit { what: "log level", value: level.to_owned(), limit: LEVELS.join(", ") };
    let level: LevelFilter = level.parse().map_err(unknown)?;
    if level == LevelFilter::OFF {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("antiphon")
        .filename_suffix("log")
        .max_log_files(KEPT)
        .build(folder)
        .map_err(|error| Error::Log(format!("{error}: {folder:?}")))?;
    let wanted = Targets::new().with_target("antiphon", level).with_default(level.min(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_thread_names(true).with_writer(file);
    tracing_subscriber::registry()
        .with(lines.with_filter(wanted))
        .try_init()
        .map_err(|error| Error::Log(error.to_string()))?;
    log_panics();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), os = std::env::consts::OS, "Antiphon starts");
    Ok(())
}

/// Logs panics with their backtrace; stderr still gets them too.
fn log_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let backtrace = Backtrace::force_capture();
        tracing::error!("{panic}\n{backtrace}");
        before(panic);
    }));
}
