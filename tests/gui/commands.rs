//! The table of commands: keys, palette, undo, and the manual.

use super::{add, aligned, empty, pair, window};
use antiphon::gui::{App, Arrival, Command, Follow, Menu, Model, Settings, TABLE, Theme, plain_text, taken};
use antiphon::picture::ColorMap;
use antiphon::playback::mixer::Listen;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use std::collections::BTreeSet;

#[test]
fn every_command_has_a_name_a_tooltip_and_keys_of_its_own() {
    let mut names = BTreeSet::new();
    for entry in TABLE.iter() {
        assert!(!entry.name.is_empty() && entry.tooltip.len() > 4, "{:?}", entry.command);
        assert!(names.insert(entry.name), "{} twice", entry.name);
        let id = match &entry.command {
            Command::ColorMap(map) => format!("{map:?}"),
            command => format!("{command:?}"),
        };
        assert_eq!(entry.id, id);
        for key in entry.shortcuts {
            let other = taken(&Settings::default(), entry.id, key).map(|other| other.name);
            assert_eq!(other, None, "{} of {}", plain_text(key), entry.name);
        }
    }
}

/// The manual's table of keys equals this one; `UPDATE_MANUAL=1 cargo test manual` writes it.
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
    assert!(Command::ColorMap(ColorMap::Magma).is_on(model) && model.overlay().is_none());
    // While it is open, letters are text.
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
    harness.get_by_label("Key of Follow the playhead").scroll_to_me();
    harness.run_steps(20);
    harness.get_by_label("Key of Follow the playhead").click();
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::F);
    assert!(harness.state().model().status().contains("“Fit” already"), "{}", harness.state().model().status());
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
        Command::ColorMap(ColorMap::Magma),
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
        // A new change makes undone ones unreachable.
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

/// Sets everything a user can set that undo must not touch, differently for each `n`.
fn set_what_is_no_step(model: &mut Model, n: u16) {
    let named = |what: &str| std::path::PathBuf::from(format!("/none/{what}-{n}"));
    let form = antiphon::gui::SearchForm { filter: format!("filter {n}"), ..model.settings().search.clone() };
    let mut panels = model.settings().panels;
    (panels.list_width, panels.inspector_width) = (200.0 + f32::from(n), 300.0 + f32::from(n));
    let training = antiphon::gui::TrainingForm { output: named("model"), ..model.settings().training.clone() };
    let tabs = [Command::SearchTab, Command::TrainTab, Command::ToyTab, Command::EmbeddingTab];
    for command in [
        Command::UseIndex(named("index")),
        Command::UseHashModel(Some(named("hash"))),
        Command::UseEmbeddingModel(Some(named("embedding"))),
        Command::UseSoundFont(Some(named("font"))),
        Command::SearchHow(form),
        Command::Training(training),
        Command::ToyProblem(antiphon::gui::ToyForm { seed: n.into(), ..model.settings().toy.clone() }),
        Command::CompareSplit(antiphon::dataset::Split::Valid),
        Command::Curate(antiphon::gui::Curate::Threshold(0.3 + f32::from(n) / 100.0)),
        Command::Resize(panels),
        tabs[usize::from(n) % tabs.len()].clone(),
    ] {
        model.apply(command, 0.0);
    }
}

fn settings_of(model: &Model) -> serde_json::Map<String, serde_json::Value> {
    let mut settings = serde_json::to_value(model.settings()).unwrap().as_object().unwrap().clone();
    // Two toggles share an object with widths.
    let panels = settings.remove("panels").unwrap().as_object().unwrap().clone();
    settings.extend(panels.into_iter().map(|(name, value)| (format!("panels.{name}"), value)));
    settings
}

fn differing(a: &Model, before: &serde_json::Map<String, serde_json::Value>) -> BTreeSet<String> {
    settings_of(a).into_iter().filter(|(name, value)| before.get(name) != Some(value)).map(|(name, _)| name).collect()
}

/// Regression: the window searched a different index from the one it named, and added to it.
#[test]
fn undo_leaves_the_index_that_was_opened_meanwhile() {
    let mut model = aligned(Theme::Dark);
    model.apply(Command::UseIndex("/none/a.index".into()), 0.0);
    model.apply(Command::ZoomIn, 1.0);
    model.apply(Command::UseIndex("/none/b.index".into()), 2.0);
    model.apply(Command::SearchTab, 3.0);
    model.apply(Command::Undo, 4.0);
    assert!(model.view().is_fit());
    assert_eq!(model.settings().index.as_deref(), Some(std::path::Path::new("/none/b.index")));
    assert!(Command::SearchTab.is_on(&model), "a tab is no step");
    assert!(!model.can_undo());
}

#[test]
fn undo_touches_only_what_its_command_has_changed() {
    for entry in TABLE.iter() {
        let (files, decisions) =
            (entry.id.starts_with("Choose") || entry.id.starts_with("Save"), entry.menu == Menu::Curate);
        let work =
            ["Train", "Toy", "Search", "SearchByRecording", "OpenHit", "Quit", "Undo", "Redo", "Export", "AddToIndex"];
        let dialogs = ["CompareFolder", "CompareDataSet", "ExportFilters"];
        if files
            || decisions
            || work.contains(&entry.id)
            || dialogs.contains(&entry.id)
            || !(entry.enabled)(&aligned(Theme::Dark))
        {
            continue;
        }
        let mut model = aligned(Theme::Dark);
        set_what_is_no_step(&mut model, 1);
        let before = settings_of(&model);
        model.apply(entry.command.clone(), 10.0);
        let changed = differing(&model, &before);
        let steps = model.can_undo();
        // Other settings change in the meantime, some of them to their old values.
        set_what_is_no_step(&mut model, 2);
        let (meanwhile, view) = (settings_of(&model), *model.view());
        model.apply(Command::Undo, 20.0);
        let undone = differing(&model, &meanwhile);
        let expected = if steps { changed.clone() } else { BTreeSet::new() };
        assert_eq!(undone, expected, "{}", entry.name);
        for name in &undone {
            assert_eq!(settings_of(&model)[name], before[name], "{}: {name}", entry.name);
        }
        if steps && !undone.is_empty() {
            assert_eq!(*model.view(), view, "{} has not moved the view", entry.name);
        }
        model.apply(Command::Redo, 30.0);
        assert_eq!(differing(&model, &meanwhile), BTreeSet::new(), "{}", entry.name);
    }
}

#[test]
fn the_first_start_is_not_undone_into_emptiness() {
    let mut model = empty(Theme::Dark);
    model.apply(Command::Open(vec!["/music/none.mid".into(), "/music/none.wav".into()]), 0.0);
    assert!(!model.can_undo());
    model.apply(Command::Split, 1.0);
    while model.can_undo() {
        model.apply(Command::Undo, 2.0);
    }
    assert_eq!((model.candidates().len(), model.midi_path().is_some()), (1, true));
}

#[test]
fn opened_files_are_taken_out_again_and_brought_back_with_what_was_made_of_them() {
    let mut model = aligned(Theme::Dark);
    let names = |m: &Model| m.candidates().iter().map(|c| c.path.clone()).collect::<Vec<_>>();
    let before = names(&model);
    model.apply(Command::Open(vec!["/music/no such file.wav".into()]), 0.0);
    assert_eq!(model.candidates().len(), 2);
    model.apply(Command::Undo, 0.0);
    assert_eq!((names(&model), model.selected()), (before.clone(), Some(0)));
    assert!(model.aligned().is_some());
    model.apply(Command::Redo, 0.0);
    assert_eq!(model.candidates().len(), 2);
    model.apply(Command::Undo, 0.0);

    // Another MIDI file: the old one returns with its alignment, the new one is read again.
    let midi = model.midi_path().unwrap().to_path_buf();
    model.apply(Command::Open(vec!["/music/no such file.mid".into()]), 0.0);
    assert_ne!(model.midi_path(), Some(midi.as_path()));
    model.receive(Arrival::Midi(Ok(pair::pair(8, "/music/none.wav").midi)), 0.0);
    assert!(model.aligned().is_none());
    model.apply(Command::Undo, 0.0);
    assert_eq!(model.midi_path(), Some(midi.as_path()));
    assert!(model.aligned().is_some() && model.midi().is_some());
    model.apply(Command::Redo, 0.0);
    assert!(model.aligned().is_none());
}

#[test]
fn arrow_keys_move_the_crosshair_of_a_picture_with_the_focus() {
    let mut harness = window(aligned(Theme::Dark));
    harness.run_steps(3);
    let value = |harness: &Harness<'static, App>, label: &str| {
        harness.get_by_role_and_label(Role::Image, label).accesskit_node().value().unwrap_or_default()
    };
    for (label, seconds, other) in [
        ("Recording constant-Q", "Recording 0:", "C"),
        ("Local cost and tempo ratio", "Recording 0:", "cost"),
        ("Distance matrix", "Recording 0:", "distance"),
    ] {
        harness.get_by_role_and_label(Role::Image, label).focus();
        harness.run_steps(3);
        press(&mut harness, Modifiers::SHIFT, Key::ArrowRight);
        press(&mut harness, Modifiers::NONE, Key::ArrowUp);
        let (at, playhead) = {
            let model = harness.state().model();
            (model.hover().expect("a crosshair").audio_s, model.transport().position(0.0))
        };
        assert!(at > playhead + 0.5, "{label}: {at} and {playhead}");
        let said = value(&harness, label);
        assert!(said.contains(seconds) && said.contains(other), "{label}: {said}");
        press(&mut harness, Modifiers::NONE, Key::Enter);
        let playhead = harness.state().model().transport().position(0.0);
        assert!((playhead - at).abs() < 1e-6, "{label}: {playhead} and {at}");
    }
    let hover = harness.state().model().hover().expect("a crosshair");
    let midi_s = hover.midi_s.expect("a moment of the MIDI");
    press(&mut harness, Modifiers::NONE, Key::ArrowDown);
    let moved = harness.state().model().hover().expect("a crosshair");
    assert!(moved.midi_s.is_some_and(|to| to < midi_s) && (moved.audio_s - hover.audio_s).abs() < 1e-9);
    // The pointer takes over.
    harness.hover_at(harness.get_by_label("MIDI constant-Q").rect().center());
    harness.run_steps(3);
    assert!(harness.state().model().hover().is_some_and(|hover| hover.midi_s.is_none()));
}

#[test]
fn every_button_of_the_transport_is_inside_a_narrow_window() {
    for width in [800.0, 1000.0, 1280.0] {
        let model = aligned(Theme::Dark);
        let mut harness = Harness::builder()
            .with_size(egui::vec2(width, 600.0))
            .build_eframe(|creation| App::new(&creation.egui_ctx, model));
        harness.run_steps(4);
        for label in ["Clicks: off", "Mute the recording", "No offset", "Normal speed", "Follow: page"] {
            let rect = harness.get_by_label(label).rect();
            assert!(rect.right() <= width && rect.bottom() <= 600.0, "{label} at {rect:?} of {width}");
        }
    }
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

/// Everything a command can change.
fn state(model: &antiphon::gui::Model) -> String {
    let names: Vec<_> = model.candidates().iter().map(|candidate| &candidate.path).collect();
    let place = (model.transport().playing(), model.transport().position(0.0), model.selected(), model.quit());
    let heard = (model.transport().region(), model.offset_ms());
    let shown = (model.view(), model.pitch(), model.overlay());
    format!("{:?} {shown:?} {names:?} {place:?} {heard:?} {:?}", model.settings(), model.correction())
}

/// Each command, chosen from its menu by its name, changes something, unless it opens a dialog of the system.
#[test]
fn every_command_does_something_when_chosen_by_its_name() {
    let dialogs = [
        "ChooseFiles",
        "ChooseSoundFont",
        "SaveSession",
        "SaveSessionAs",
        "ChooseHashModel",
        "ExportFilters",
        "ChooseEmbeddingModel",
        "CompareFolder",
        "CompareDataSet",
        "ChooseIndex",
        "AddToIndex",
    ];
    // Commands that need more than a pair have tests of their own.
    let elsewhere = ["Train", "Toy", "CompareLoaded", "Search", "SearchByRecording", "OpenHit", "CancelAll"];
    let of_a_queue = [
        "ChooseQueue",
        "CloseQueue",
        "ChooseJournal",
        "ExportDecisions",
        "Confirm",
        "Reject",
        "RejectWith",
        "Unsure",
        "Skip",
        "Flag",
        "Note",
        "ForgetAnchors",
    ];
    let tried = |id| !dialogs.contains(&id) && !elsewhere.contains(&id) && !of_a_queue.contains(&id);
    for entry in TABLE.iter().filter(|entry| tried(entry.id)) {
        let mut model = aligned(Theme::Dark);
        add(&mut model, "/music/other.wav", 8);
        model.add("/music/next.wav".into());
        // A state in which every command changes something.
        let before = [
            Command::Select(1),
            Command::Seek(8.0),
            Command::SetLoop(Some((6.0, 9.0))),
            Command::Later,
            Command::Speed(0.5),
            Command::HearMidi,
            Command::ZoomIn,
            Command::ZoomPitchIn,
            Command::LargerText,
            Command::ColorMap(ColorMap::Magma),
            Command::Brighter,
            Command::UseSoundFont(Some("/none.sf2".into())),
        ];
        let elsewhere = [
            (Command::HearMidi, Command::HearBoth),
            (Command::LoopUnreliable, Command::Fit),
            (Command::ColorMap(ColorMap::Magma), Command::ColorMap(ColorMap::Grey)),
            (Command::ThemeDark, Command::ThemeLight),
            (Command::AuditTab, Command::FiltersTab),
        ];
        for command in before {
            model.apply(command, 0.0);
        }
        if let Some((_, other)) = elsewhere.iter().find(|(command, _)| *command == entry.command) {
            model.apply(other.clone(), 0.0);
        }
        if entry.command == Command::Redo {
            model.apply(Command::Undo, 0.0);
        }
        if entry.command == Command::BundledSoundFont {
            // Reading it would start a job on a file that does not exist.
            assert!((entry.enabled)(&model));
            continue;
        }
        assert!((entry.enabled)(&model), "{} is not enabled", entry.name);
        let mut harness = window(model);
        harness.run_steps(2);
        let before = state(harness.state().model());
        harness.get_by_label(entry.menu.title()).click();
        harness.run_steps(3);
        let items: Vec<_> = harness
            .query_all_by_role(egui::accesskit::Role::Button)
            .filter(|node| {
                node.accesskit_node().label().is_some_and(|label| {
                    // The name must be followed by its key, not by the rest of a longer name.
                    label
                        .strip_prefix(entry.name)
                        .is_some_and(|rest| !rest.trim_start().starts_with(char::is_lowercase))
                })
            })
            .map(|node| node.rect())
            .collect();
        assert!(!items.is_empty(), "{} is not in its menu", entry.name);
        let item = items[items.len() - 1].center();
        harness.hover_at(item);
        harness.run_steps(1);
        for pressed in [true, false] {
            let (button, modifiers) = (egui::PointerButton::Primary, Modifiers::NONE);
            harness.input_mut().events.push(egui::Event::PointerButton { pos: item, button, pressed, modifiers });
            harness.run_steps(1);
        }
        harness.run_steps(3);
        assert_ne!(before, state(harness.state().model()), "{}", entry.name);
    }
}
