//! [`Command`]: everything that a person can ask of the window, and the table of those that have a name.
//!
//! Menus, tooltips, shortcuts and the shortcut sheet all read [`TABLE`]. Nothing but a command changes the
//! [`Model`].

use super::model::Model;
use super::settings::Theme;
use crate::picture::ColorMap;
use crate::playback::mixer::Listen;
use eframe::egui::{Context, Event, Key, Modifiers};
use std::path::PathBuf;

/// What is asked. The first group stands in the [`TABLE`]; the second comes from pointers and dialogs and carries data.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the table names and explains each")]
pub enum Command {
    ChooseFiles,
    ChooseSoundFont,
    Quit,
    PlayPause,
    Back,
    Forward,
    BackSecond,
    ForwardSecond,
    BackFrame,
    ForwardFrame,
    Start,
    End,
    HearMidi,
    HearRecording,
    HearBoth,
    Flip,
    Split,
    ZoomIn,
    ZoomOut,
    Fit,
    Follow,
    NextCandidate,
    PreviousCandidate,
    ThemeSystem,
    ThemeDark,
    ThemeLight,
    Viridis,
    Magma,
    Cividis,
    Grey,
    ShortcutSheet,

    /// Take these files in: MIDI files replace the MIDI, everything else becomes a candidate.
    Open(Vec<PathBuf>),
    /// Play the MIDI with this soundfont, `None` for the bundled one.
    UseSoundFont(Option<PathBuf>),
    /// Look at this candidate (index in the list).
    Select(usize),
    /// Take this candidate out of the list.
    Remove(usize),
    /// Go to this second of the recording.
    Seek(f64),
    /// −1 MIDI, +1 recording.
    Balance(f32),
    /// Show `factor` times less of the time, with this second staying where it is.
    Zoom {
        factor: f64,
        around: f64,
    },
    /// Move what is shown by this many seconds.
    Pan(f64),
    /// The pointer is at this place, or nowhere.
    Hover(Option<Hover>),
    /// Stop the work with this number.
    Cancel(u64),
    /// Try again what went wrong (number of the problem).
    Retry(u64),
    /// Forget the problem with this number.
    Dismiss(u64),
}

/// What the pointer is at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hover {
    /// Second of the recording.
    pub audio_s: f64,
    /// Second of the MIDI, where the panel has an axis for it: the matrix.
    pub midi_s: Option<f64>,
    /// MIDI note, where the panel has an axis for it: the strips.
    pub note: Option<u8>,
}

/// Where a command stands in the menus and in the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// Files and programs.
    File,
    /// Playing.
    Listen,
    /// What is shown.
    View,
    /// Help.
    Help,
}

impl Menu {
    /// All menus, left to right.
    pub const ALL: [Self; 4] = [Self::File, Self::Listen, Self::View, Self::Help];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Listen => "Listen",
            Self::View => "View",
            Self::Help => "Help",
        }
    }
}

/// A key with what is held down.
pub type Shortcut = (Modifiers, Key);

/// A named command.
#[derive(Debug)]
pub struct Entry {
    /// What it does.
    pub command: Command,
    /// Its menu.
    pub menu: Menu,
    /// What the menu says.
    pub name: &'static str,
    /// One sentence more.
    pub tooltip: &'static str,
    /// Keys; the first is shown in menus.
    pub shortcuts: &'static [Shortcut],
    /// Whether it can be done now.
    pub enabled: fn(&Model) -> bool,
}

const NONE: Modifiers = Modifiers::NONE;
const SHIFT: Modifiers = Modifiers::SHIFT;
const COMMAND: Modifiers = Modifiers::COMMAND;

const fn always(_: &Model) -> bool {
    true
}

macro_rules! entries {
    ($($command:ident $menu:ident $name:literal, $tooltip:literal, [$($shortcut:expr),*], $enabled:expr;)*) => {
        &[$(Entry {
            command: Command::$command,
            menu: Menu::$menu,
            name: $name,
            tooltip: $tooltip,
            shortcuts: &[$($shortcut),*],
            enabled: $enabled,
        }),*]
    };
}

/// Every named command, in the order of the menus.
#[rustfmt::skip]
pub const TABLE: &[Entry] = entries! {
    ChooseFiles File "Open…", "Choose a MIDI file, recordings, or both", [(COMMAND, Key::O)], |m| !m.choosing();
    ChooseSoundFont File "Soundfont…", "Choose the SF2 file that the MIDI is played with", [], |m| !m.choosing();
    Quit File "Quit", "Close the window", [(COMMAND, Key::Q)], always;
    PlayPause Listen "Play or pause", "Play from the playhead, or stop there", [(NONE, Key::Space)], Model::playable;
    Back Listen "Back 0.1 s", "Move the playhead back by a tenth of a second", [(NONE, Key::ArrowLeft)], Model::playable;
    Forward Listen "Forward 0.1 s", "Move the playhead on by a tenth of a second", [(NONE, Key::ArrowRight)], Model::playable;
    BackSecond Listen "Back 1 s", "Move the playhead back by a second", [(SHIFT, Key::ArrowLeft)], Model::playable;
    ForwardSecond Listen "Forward 1 s", "Move the playhead on by a second", [(SHIFT, Key::ArrowRight)], Model::playable;
    BackFrame Listen "Back one frame", "Move the playhead back by a frame of the features (46 ms)", [(COMMAND, Key::ArrowLeft)], Model::playable;
    ForwardFrame Listen "Forward one frame", "Move the playhead on by a frame of the features (46 ms)", [(COMMAND, Key::ArrowRight)], Model::playable;
    Start Listen "To the start", "Move the playhead to the start", [(NONE, Key::Home)], Model::playable;
    End Listen "To the end", "Move the playhead to the end", [(NONE, Key::End)], Model::playable;
    HearMidi Listen "MIDI alone", "Hear only the MIDI", [(NONE, Key::Num1)], always;
    HearRecording Listen "Recording alone", "Hear only the recording", [(NONE, Key::Num2)], always;
    HearBoth Listen "Both", "Hear MIDI and recording together", [(NONE, Key::Num3)], always;
    Flip Listen "Flip", "Change between MIDI and recording at the same musical moment", [(NONE, Key::B)], always;
    Split Listen "Left and right", "MIDI in the left ear and recording in the right, or both in the middle", [(NONE, Key::P)], always;
    ZoomIn View "Zoom in", "Show less time, larger", [(NONE, Key::ArrowUp)], Model::playable;
    ZoomOut View "Zoom out", "Show more time, smaller", [(NONE, Key::ArrowDown)], Model::playable;
    Fit View "Fit", "Show everything", [(NONE, Key::F)], Model::playable;
    Follow View "Follow the playhead", "Not at all, page by page, or centred", [(NONE, Key::G)], always;
    NextCandidate View "Next candidate", "Look at the next recording in the list", [(NONE, Key::J), (NONE, Key::PageDown)], Model::several;
    PreviousCandidate View "Previous candidate", "Look at the recording before in the list", [(NONE, Key::K), (NONE, Key::PageUp)], Model::several;
    ThemeSystem View "System theme", "Dark or light as the system is", [], always;
    ThemeDark View "Dark theme", "Light text on dark", [], always;
    ThemeLight View "Light theme", "Dark text on light", [], always;
    Viridis View "Viridis", "Colours from violet over green to yellow", [], always;
    Magma View "Magma", "Colours from black over purple to cream", [], always;
    Cividis View "Cividis", "Colours from blue to yellow, made for colour-blind eyes", [], always;
    Grey View "Grey", "From black to white", [], always;
    ShortcutSheet Help "Shortcuts", "List every key", [(NONE, Key::F1), (SHIFT, Key::Questionmark)], always;
};

impl Command {
    /// Its line in the [`TABLE`], when it has one.
    pub fn entry(&self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.command == *self)
    }

    /// Whether what it sets is set already: its line in the menu is marked then.
    pub fn is_on(&self, model: &Model) -> bool {
        let settings = model.settings();
        match self {
            Self::ThemeSystem => settings.theme == Theme::System,
            Self::ThemeDark => settings.theme == Theme::Dark,
            Self::ThemeLight => settings.theme == Theme::Light,
            Self::HearMidi => settings.mix.listen == Listen::Midi,
            Self::HearRecording => settings.mix.listen == Listen::Recording,
            Self::HearBoth => settings.mix.listen == Listen::Both,
            Self::Split => settings.mix.split,
            other => other.color_map() == Some(settings.color_map),
        }
    }

    /// The colours that it sets.
    pub(super) fn color_map(&self) -> Option<ColorMap> {
        match self {
            Self::Viridis => Some(ColorMap::Viridis),
            Self::Magma => Some(ColorMap::Magma),
            Self::Cividis => Some(ColorMap::Cividis),
            Self::Grey => Some(ColorMap::Grey),
            _ => None,
        }
    }
}

impl Entry {
    /// Its first shortcut as text, empty without one.
    pub fn shortcut_text(&self, ctx: &Context) -> String {
        self.shortcuts.first().map(|shortcut| shortcut_text(ctx, shortcut)).unwrap_or_default()
    }

    /// The tooltip with the shortcut.
    pub fn tooltip_text(&self, ctx: &Context) -> String {
        match self.shortcut_text(ctx) {
            keys if keys.is_empty() => self.tooltip.to_owned(),
            keys => format!("{} ({keys})", self.tooltip),
        }
    }
}

/// A shortcut as text: `Ctrl+O`, `Space`.
pub fn shortcut_text(ctx: &Context, &(modifiers, key): &Shortcut) -> String {
    if key == Key::Questionmark {
        return "?".to_owned();
    }
    ctx.format_shortcut(&eframe::egui::KeyboardShortcut::new(modifiers, key))
}

/// Whether a shortcut would disturb somebody who types: it has no command key.
fn types_or_moves_the_cursor((modifiers, _): Shortcut) -> bool {
    !(modifiers.command || modifiers.ctrl || modifiers.alt)
}

/// Takes the shortcuts out of this frame's keys, before the widgets see them, so that a focused button does not also
/// react to Space. While a text field has the focus or a menu is open, keys without a command key are left alone; while
/// a slider has it (`arrows_taken`), so are the arrows.
pub fn shortcuts(ctx: &Context, model: &Model, arrows_taken: bool, out: &mut Vec<Command>) {
    let busy = ctx.text_edit_focused() || ctx.any_popup_open();
    ctx.input_mut(|input| {
        input.events.retain(|event| {
            let Event::Key { key, pressed: true, modifiers, .. } = event else { return true };
            let arrow = matches!(key, Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown);
            let found = TABLE.iter().find(|entry| {
                entry.shortcuts.iter().any(|&(held, wanted)| {
                    wanted == *key
                        && modifiers.matches_exact(held)
                        && !(busy && types_or_moves_the_cursor((held, wanted)))
                        && !(arrow && arrows_taken)
                })
            });
            let Some(entry) = found else { return true };
            if (entry.enabled)(model) {
                out.push(entry.command.clone());
            }
            false
        });
    });
}
