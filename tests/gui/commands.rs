//! The table of commands: keys, palette, undo, and the manual.

use super::{add, aligned, window};
use antiphon::gui::{App, Command, Follow, Settings, TABLE, Theme, plain_text, taken};
use antiphon::playback::mixer::Listen;
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use std::collections::BTreeSet;

#[test]
fn every_command_has_a_name_a_tooltip_and_keys_of_its_own() {
    let mut names = BTreeSet::new();
    for entry in TABLE {
        assert!(!entry.name.is_empty() && entry.tooltip.len() > 4, "{:?}", entry.command);
        assert!(names.insert(entry.name), "{} twice", entry.name);
        assert_eq!(entry.id, format!("{:?}", entry.command));
        for key in entry.shortcuts {
            let other = taken(&Settings::default(), entry.id, key).map(|other| other.name);
            assert_eq!(other, None, "{} of {}", plain_text(key), entry.name);
        }
    }
}

/// The manual's table of keys is this one; `UPDATE_MANUAL=1 cargo test manual` writes it.
#[test]
fn the_manual_lists_every_key() {
    let rows = TABLE.iter().filter(|entry| !entry.shortcuts.is_empty()).map(|entry| {
        let keys: Vec<String> = entry.shortcuts.iter().map(|key| format!("`{}`", plain_text(key))).collect();
        format!("| {} | {} | {} |\n", keys.join(" "), entry.name, entry.tooltip)
    });
    let table: String = std::iter::once("| key | command | does |\n|---|---|---|\n".to_owned()).chain(rows).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let manual = std::fs::read_to_string(path).unwrap();
    let (start, end) = ("<!-- keys -->\n", "<!-- /keys -->");
    let from = manual.find(start).expect("a place for the keys") + start.len();
    let to = manual.find(end).expect("its end");
    if std::env::var_os("UPDATE_MANUAL").is_some() {
        std::fs::write(path, format!("{}{table}{}", &manual[..from], &manual[to..])).unwrap();
    } else {
        assert_eq!(&manual[from..to], table);
    }
}

fn press(harness: &mut Harness<'static, App>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(4);
}

#[test]
fn the_palette_finds_a_command_by_a_part_of_its_name() {
    let mut harness = window(aligned(Theme::Dark));
    harness.run_steps(2);
    press(&mut harness, Modifiers::COMMAND, Key::K);
    harness.get_by_label("Find a command").type_text("magm");
    harness.run_steps(3);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let model = harness.state().model();
    assert!(Command::Magma.is_on(model) && model.overlay().is_none());
    // While it is open a letter is a letter.
    press(&mut harness, Modifiers::COMMAND, Key::K);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    assert_eq!(harness.state().model().settings().mix.listen, Listen::Both);
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    assert_eq!(harness.state().model().settings().mix.listen, Listen::Midi);
}

#[test]
fn every_named_command_is_in_a_menu_under_its_name() {
    let mut harness = window(aligned(Theme::Light));
    harness.run_steps(2);
    for menu in antiphon::gui::Menu::ALL {
        harness.get_by_label(menu.title()).click();
        harness.run_steps(3);
        for entry in TABLE.iter().filter(|entry| entry.menu == menu) {
            assert!(harness.query_all_by_label_contains(entry.name).next().is_some(), "{}", entry.name);
        }
        press(&mut harness, Modifiers::NONE, Key::Escape);
    }
}

#[test]
fn a_key_is_bound_by_pressing_it_and_a_taken_one_is_refused() {
    let mut harness = window(aligned(Theme::Dark));
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::F1);
    harness.get_by_label("Key of Follow the playhead").click();
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::F);
    assert!(harness.state().model().said().contains("“Fit” already"), "{}", harness.state().model().said());
    assert!(harness.state().model().settings().keys.is_empty());
    harness.get_by_label("Key of Follow the playhead").click();
    harness.run_steps(2);
    press(&mut harness, Modifiers::ALT, Key::M);
    assert_eq!(harness.state().model().settings().keys.get("Follow").map(String::as_str), Some("Alt+M"));
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::ALT, Key::M);
    assert_eq!(harness.state().model().settings().follow, Follow::Centred);
}

#[test]
fn letters_can_be_turned_off() {
    let mut model = aligned(Theme::Dark);
    model.apply(Command::SingleKeys, 0.0);
    let mut harness = window(model);
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    assert_eq!(harness.state().model().settings().mix.listen, Listen::Both);
    press(&mut harness, Modifiers::NONE, Key::Space);
    assert!(harness.state().model().transport().playing());
}

#[test]
fn what_changes_state_is_undone_and_done_again() {
    let mut model = aligned(Theme::Dark);
    add(&mut model, "/music/other.wav", 12);
    for command in [
        Command::Split,
        Command::Magma,
        Command::ZoomIn,
        Command::ZoomPitchIn,
        Command::Select(1),
        Command::Remove(1),
        Command::Remove(0),
    ] {
        let state = |m: &antiphon::gui::Model| {
            let names: Vec<_> = m.candidates().iter().map(|c| c.path.clone()).collect();
            (m.settings().clone(), *m.view(), *m.pitch(), m.candidate().map(|c| c.id), names)
        };
        let before = state(&model);
        model.apply(command.clone(), 100.0);
        let after = state(&model);
        assert_ne!(before, after, "{command:?}");
        model.apply(Command::Undo, 100.0);
        assert_eq!(state(&model), before, "{command:?}");
        model.apply(Command::Redo, 100.0);
        assert_eq!(state(&model), after, "{command:?}");
        // A new change makes what was taken back unreachable.
        model.apply(Command::Undo, 100.0);
        model.apply(command, 100.0);
        assert!(!model.can_redo());
    }
    while model.can_undo() {
        model.apply(Command::Undo, 200.0);
    }
    assert_eq!(model.candidates().len(), 2);
    assert!(model.view().is_fit() && model.settings().mix.split);
}

#[test]
fn a_turn_of_the_wheel_is_one_change() {
    let mut model = aligned(Theme::Dark);
    let before = *model.view();
    for turn in 0..20 {
        model.apply(Command::Zoom { factor: 1.05, around: 20.0 }, f64::from(turn) * 0.02);
    }
    model.apply(Command::Undo, 1.0);
    assert_eq!(*model.view(), before);
    assert!(!model.can_undo());
}
