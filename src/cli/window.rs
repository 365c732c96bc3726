//! `antiphon` without a command: the window.

use antiphon::error::Result;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// What the window opens with; the demo by default.
#[derive(Debug, Args)]
pub(super) struct Window {
    /// A MIDI file and recordings to open, in any order.
    files: Vec<PathBuf>,
    /// Pairs to judge: the result of a search, a list (JSON lines, JSON, a table), or a Lakh tree.
    #[arg(long, value_name = "LIST", conflicts_with = "files")]
    queue: Option<PathBuf>,
    /// Write the decisions to this file [default: LIST.decisions.jsonl].
    #[arg(long, value_name = "FILE", requires = "queue")]
    journal: Option<PathBuf>,
    /// Search this index in the window.
    #[arg(long, value_name = "DIR")]
    index: Option<PathBuf>,
    #[command(flatten)]
    font: super::flags::MidiFont,
    /// Tab to open.
    #[arg(long, value_enum)]
    tab: Option<TabName>,
    /// Theme, instead of the one in the settings.
    #[arg(long, value_enum)]
    theme: Option<ThemeName>,
    /// Size of the window in points.
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = parse_size)]
    size: Option<(f32, f32)>,
    /// Save a picture of the window once everything is aligned, and quit.
    #[arg(long, value_name = "PNG")]
    screenshot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TabName {
    Audit,
    Search,
    Filters,
    Train,
    Embedding,
    Toy,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ThemeName {
    Dark,
    Light,
    System,
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

impl Window {
    /// Whether the window opens only to take a picture.
    pub(super) fn is_for_a_picture(&self) -> bool {
        self.screenshot.is_some()
    }

    #[cfg(feature = "gui")]
    pub(super) fn open(self, started: Instant) -> Result<ExitCode> {
        use antiphon::error::Error;
        use antiphon::gui::Launch;

        let is_midi = |path: &PathBuf| antiphon::files::is_midi(path);
        let (midi, recordings): (Vec<PathBuf>, Vec<PathBuf>) = self.files.into_iter().partition(is_midi);
        let mut launch = Launch {
            midi: midi.into_iter().next(),
            recordings,
            queue: self.queue.map(|queue| (queue, self.journal)),
            soundfont: self.font.soundfont,
            theme: self.theme.map(Into::into),
            tab: self.tab.map(Into::into),
            index: self.index,
            screenshot: self.screenshot,
            size: self.size,
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
                    let picture =
                        times.picture_s.map(|s| format!("first picture after {s:.2} s, ")).unwrap_or_default();
                    let (window_s, everything_s) = (times.window_s, times.everything_s);
                    message!("window after {window_s:.2} s, {picture}everything after {everything_s:.2} s");
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }

    #[cfg(not(feature = "gui"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as the one that opens a window")]
    pub(super) fn open(self, _: Instant) -> Result<ExitCode> {
        message!("antiphon: built without a window; `antiphon align MIDI AUDIO` works without one");
        Ok(ExitCode::FAILURE)
    }
}

#[cfg(feature = "gui")]
impl From<TabName> for antiphon::gui::Tab {
    fn from(name: TabName) -> Self {
        match name {
            TabName::Audit => Self::Audit,
            TabName::Search => Self::Search,
            TabName::Filters => Self::Filters,
            TabName::Train => Self::Train,
            TabName::Embedding => Self::Embedding,
            TabName::Toy => Self::Toy,
        }
    }
}

#[cfg(feature = "gui")]
impl From<ThemeName> for antiphon::gui::Theme {
    fn from(name: ThemeName) -> Self {
        match name {
            ThemeName::Dark => Self::Dark,
            ThemeName::Light => Self::Light,
            ThemeName::System => Self::System,
        }
    }
}
