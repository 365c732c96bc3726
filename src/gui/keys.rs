//! Keys: which command a key triggers, keys as text, and rebinding through the settings.

use super::command::{Command, Curate, Entry, Shortcut, TABLE};
use super::model::{Curating, Model};
use super::settings::Settings;
use crate::curation::Reason;
use egui::{Context, Event, Key, KeyboardShortcut, Modifiers};

/// The keys that choose a reason.
const FIGURES: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

impl Entry {
    /// The keys in force.
    pub fn keys(&self, settings: &Settings) -> Vec<Shortcut> {
        match settings.keys.get(self.id).and_then(|text| parse(text)) {
            Some(bound) => vec![bound],
            None => self.shortcuts.to_vec(),
        }
    }

    /// Its first key as text, empty if it has none.
    pub fn key_text(&self, ctx: &Context, settings: &Settings) -> String {
        self.keys(settings).first().map(|key| shortcut_text(ctx, key)).unwrap_or_default()
    }

    /// The tooltip with the key.
    pub fn tooltip_text(&self, ctx: &Context, settings: &Settings) -> String {
        match self.key_text(ctx, settings) {
            keys if keys.is_empty() => self.tooltip.to_owned(),
            keys => format!("{} ({keys})", self.tooltip),
        }
    }
}

/// The command that already has this key, other than the one with `id`.
pub fn taken(settings: &Settings, id: &str, key: &Shortcut) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.id != id && entry.keys(settings).contains(key))
}

/// A key in the system's notation: `Ctrl+O`, `⌘O`.
pub fn shortcut_text(ctx: &Context, &(modifiers, key): &Shortcut) -> String {
    if key == Key::Questionmark {
        return "?".to_owned();
    }
    ctx.format_shortcut(&KeyboardShortcut::new(modifiers, key))
}

/// A key in the notation of the settings and the manual, the same on every system: `Ctrl+Shift+Z`, `Space`.
pub fn plain_text(&(modifiers, key): &Shortcut) -> String {
    if key == Key::Questionmark {
        return "?".to_owned();
    }
    let held = [(modifiers.command || modifiers.ctrl, "Ctrl+"), (modifiers.alt, "Alt+"), (modifiers.shift, "Shift+")];
    held.iter().filter(|(on, _)| *on).map(|(_, name)| *name).chain([key.name()]).collect()
}

/// The inverse of [`plain_text`].
fn parse(text: &str) -> Option<Shortcut> {
    if text == "?" {
        return Some((Modifiers::SHIFT, Key::Questionmark));
    }
    let mut modifiers = Modifiers::NONE;
    let mut rest = text;
    for (name, held) in [("Ctrl+", Modifiers::COMMAND), ("Alt+", Modifiers::ALT), ("Shift+", Modifiers::SHIFT)] {
        if let Some(after) = rest.strip_prefix(name) {
            (modifiers, rest) = (modifiers | held, after);
        }
    }
    Some((modifiers, Key::from_name(rest)?))
}

/// The key pressed in this frame, for a user who is binding one; Escape cancels.
pub(super) fn pressed(ctx: &Context) -> Option<Shortcut> {
    ctx.input_mut(|input| {
        let at = input.events.iter().position(|event| matches!(event, Event::Key { pressed: true, .. }))?;
        let Event::Key { key, modifiers, .. } = input.events.remove(at) else { return None };
        let held = Modifiers {
            alt: modifiers.alt,
            shift: modifiers.shift,
            command: modifiers.command || modifiers.ctrl,
            ..Modifiers::NONE
        };
        Some((held, key))
    })
}

/// Whether a key would interfere with typing: it has no command key.
fn types_or_moves_the_cursor((modifiers, _): Shortcut) -> bool {
    !(modifiers.command || modifiers.ctrl || modifiers.alt)
}

/// Whether a key is a letter, digit or symbol (WCAG 2.1, 2.1.4): those can be turned off.
fn is_character((modifiers, key): Shortcut) -> bool {
    types_or_moves_the_cursor((modifiers, key))
        && key != Key::Space
        && key.symbol_or_name().chars().count() == 1
        && !matches!(key, Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown)
}

/// Takes the keys of commands out of this frame's events before the widgets see them, so that a focused button does not
/// also react to Space. While a text field has the focus, or a menu or sheet is open, keys without a command key are
/// left alone; while a slider has the focus (`arrows_taken`), so are the arrow keys.
pub fn shortcuts(ctx: &Context, model: &Model, arrows_taken: bool, out: &mut Vec<Command>) {
    let busy = ctx.text_edit_focused() || ctx.any_popup_open() || model.overlay().is_some();
    let settings = model.settings();
    ctx.input_mut(|input| {
        input.events.retain(|event| {
            let Event::Key { key, pressed: true, modifiers, repeat, .. } = event else { return true };
            if model.curating().is_some_and(Curating::choosing_reason) && !busy && settings.single_keys {
                if *repeat {
                    // The key that asked for the reason is still down.
                    return false;
                }
                // A digit gives the reason; any other key leaves the rejection without one.
                let reason = FIGURES.iter().position(|figure| figure == key).and_then(|at| Reason::ALL.get(at));
                out.push(Command::Curate(reason.map_or(Curate::NoReason, |&reason| Curate::Reject(reason))));
                return false;
            }
            let arrow = matches!(key, Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown);
            let found = TABLE.iter().find(|entry| {
                entry.keys(settings).into_iter().any(|(held, wanted)| {
                    wanted == *key
                        && modifiers.matches_exact(held)
                        && !(busy && types_or_moves_the_cursor((held, wanted)))
                        && !(arrow && arrows_taken)
                        && (settings.single_keys || !is_character((held, wanted)))
                })
            });
            let Some(entry) = found else { return true };
            if (entry.enabled)(model) && (!repeat || entry.command.repeats()) {
                out.push(entry.command.clone());
            }
            false
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_table_survives_the_settings_file() {
        for entry in TABLE.iter() {
            for key in entry.shortcuts {
                assert_eq!(parse(&plain_text(key)).as_ref(), Some(key), "{}", entry.name);
            }
        }
        assert_eq!(parse("Ctrl+Nonsense"), None);
    }

    #[test]
    fn letters_and_signs_are_characters_and_space_is_none() {
        for key in [Key::B, Key::Num1, Key::Period, Key::Minus] {
            assert!(is_character((Modifiers::NONE, key)), "{key:?}");
        }
        for key in [Key::Space, Key::F1, Key::Home, Key::PageDown, Key::ArrowLeft] {
            assert!(!is_character((Modifiers::NONE, key)), "{key:?}");
        }
        assert!(!is_character((Modifiers::COMMAND, Key::B)));
    }
}
