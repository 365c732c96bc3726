//! What the hearing commands do, by key and by label, without a sound device.

use super::{add, aligned, window};
use antiphon::gui::{App, Command, Model, Settings, Theme};
use antiphon::playback::mixer::{Click, Mix};
use antiphon::playback::{Rendition, Warp};
use egui::{self, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

fn press(harness: &mut Harness<'static, App>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(4);
}

fn click(harness: &mut Harness<'static, App>, label: &str) {
    harness.get_by_label(label).click();
    harness.run_steps(4);
}

fn model<'a>(harness: &'a Harness<'static, App>) -> &'a Model {
    harness.state().model()
}

#[test]
fn each_control_of_the_row_and_its_key_do_the_same() {
    const NONE: Modifiers = Modifiers::NONE;
    const SHIFT: Modifiers = Modifiers::SHIFT;
    // Label, key, and the state it must change.
    type Seen = fn(&Model) -> String;
    let mix: Seen = |m| format!("{:?}", m.settings().mix);
    let rendition: Seen = |m| format!("{:?}", m.settings().rendition);
    let offset: Seen = |m| format!("{}", m.offset_ms());
    let region: Seen = |m| format!("{:?}", m.transport().region());
    let rows: [(&str, Modifiers, Key, Seen); 11] = [
        ("Mute the MIDI", NONE, Key::M, mix),
        ("Mute the recording", SHIFT, Key::M, mix),
        ("Clicks: off", SHIFT, Key::B, mix),
        ("Slower", NONE, Key::Minus, rendition),
        ("Faster", NONE, Key::Equals, rendition),
        ("Stretch the recording", NONE, Key::W, rendition),
        ("MIDI 10 ms earlier", NONE, Key::Comma, offset),
        ("MIDI 10 ms later", NONE, Key::Period, offset),
        ("Loop", NONE, Key::L, region),
        ("Loop out", NONE, Key::O, region),
        ("Loop the unreliable stretch", SHIFT, Key::L, region),
    ];
    for (label, modifiers, key, seen) in rows {
        let (mut pointed, mut typed) = (window(aligned(Theme::Dark)), window(aligned(Theme::Dark)));
        for harness in [&mut pointed, &mut typed] {
            harness.run_steps(2);
            press(harness, SHIFT, Key::ArrowRight);
        }
        let before = seen(model(&pointed));
        click(&mut pointed, label);
        press(&mut typed, modifiers, key);
        assert_ne!(seen(model(&pointed)), before, "{label}");
        assert_eq!(seen(model(&pointed)), seen(model(&typed)), "{label}");
    }
}

#[test]
fn offsets_add_up_are_limited_and_are_reset() {
    let mut harness = window(aligned(Theme::Dark));
    harness.run_steps(2);
    press(&mut harness, Modifiers::NONE, Key::Period);
    press(&mut harness, Modifiers::SHIFT, Key::Period);
    press(&mut harness, Modifiers::ALT, Key::Period);
    assert!((model(&harness).offset_ms() - 111.0).abs() < 1e-9);
    assert!(harness.query_by_label("Offset +111 ms").is_some());
    press(&mut harness, Modifiers::ALT, Key::Comma);
    press(&mut harness, Modifiers::SHIFT, Key::Comma);
    press(&mut harness, Modifiers::NONE, Key::Comma);
    press(&mut harness, Modifiers::NONE, Key::Comma);
    assert!((model(&harness).offset_ms() + 10.0).abs() < 1e-9);
    press(&mut harness, Modifiers::COMMAND, Key::Num0);
    assert!(model(&harness).offset_ms().abs() < 1e-9);
}

#[test]
fn speed_goes_in_steps_within_its_range_and_back_to_normal() {
    let mut harness = window(aligned(Theme::Dark));
    harness.run_steps(2);
    for _ in 0..30 {
        press(&mut harness, Modifiers::NONE, Key::Minus);
    }
    assert!((model(&harness).settings().rendition.speed - 0.25).abs() < 1e-9);
    click(&mut harness, "Normal speed");
    assert!((model(&harness).settings().rendition.speed - 1.0).abs() < 1e-9);
    click(&mut harness, "Pitch follows speed");
    assert!(model(&harness).settings().rendition.varispeed);
    press(&mut harness, Modifiers::COMMAND, Key::Z);
    assert!(!model(&harness).settings().rendition.varispeed);
    // Without a device the playhead follows the speed too.
    let mut model = aligned(Theme::Dark);
    model.apply(Command::Speed(0.5), 0.0);
    model.apply(Command::PlayPause, 0.0);
    model.collect(0.0);
    model.collect(2.0);
    assert!((model.transport().position(2.0) - 1.0).abs() < 1e-9);
}

#[test]
fn a_loop_is_set_by_keys_moves_the_playhead_in_and_lets_it_go() {
    let mut model = aligned(Theme::Dark);
    model.apply(Command::Seek(4.0), 0.0);
    model.apply(Command::LoopIn, 0.0);
    model.apply(Command::Seek(6.0), 0.0);
    model.apply(Command::LoopOut, 0.0);
    assert_eq!(model.transport().region(), Some((4.0, 6.0)));
    // Playback begins inside, and wraps round at the end.
    model.apply(Command::Seek(20.0), 0.0);
    model.apply(Command::PlayPause, 0.0);
    model.collect(0.5);
    assert!((model.transport().position(0.5) - 4.5).abs() < 1e-6);
    model.collect(3.0);
    assert!((model.transport().position(3.0) - 5.0).abs() < 1e-6);
    // Changed during playback: moves into it at once. Off: straight on.
    model.apply(Command::SetLoop(Some((10.0, 11.0))), 3.0);
    assert!((model.transport().position(3.0) - 10.0).abs() < 1e-6);
    model.apply(Command::Loop, 3.5);
    assert_eq!(model.transport().region(), None);
    assert!((model.transport().position(5.0) - 12.0).abs() < 1e-6);
    // On again: the last loop.
    model.apply(Command::Loop, 5.0);
    assert_eq!(model.transport().region(), Some((10.0, 11.0)));
    model.apply(Command::ZoomToLoop, 5.0);
    assert!((model.view().start() - 10.0).abs() < 1e-6 && (model.view().end() - 11.0).abs() < 1e-6);
    assert!(model.status().contains("Loop from"));
}

#[test]
fn a_loop_is_drawn_in_its_bar_and_its_edges_are_dragged() {
    let mut harness = window(aligned(Theme::Dark));
    harness.run_steps(3);
    let bar = |harness: &Harness<'static, App>| {
        let node = harness.get_by_label_contains("Loop bar");
        (node.rect(), node.accesskit_node().label().unwrap_or_default())
    };
    let (rect, label) = bar(&harness);
    assert_eq!(label, "Loop bar, no loop");
    let at = |share: f32| egui::pos2(rect.left() + share * rect.width(), rect.center().y);
    let drag = |harness: &mut Harness<'static, App>, from: f32, to: f32| {
        harness.hover_at(at(from));
        harness.run_steps(2);
        harness.drag_at(at(from));
        harness.run_steps(2);
        for i in 1..=5 {
            harness.hover_at(at(from + (to - from) * i as f32 / 5.0));
            harness.run_steps(2);
        }
        harness.drop_at(at(to));
        harness.run_steps(3);
    };
    let seconds = model(&harness).transport().seconds();
    let near = |harness: &Harness<'static, App>, from: f64, to: f64| {
        let (start, end) = model(harness).transport().region().expect("a loop");
        assert!((start / seconds - from).abs() < 0.01 && (end / seconds - to).abs() < 0.01, "{start} to {end}");
    };
    drag(&mut harness, 0.25, 0.5);
    near(&harness, 0.25, 0.5);
    drag(&mut harness, 0.5, 0.75);
    near(&harness, 0.25, 0.75);
    drag(&mut harness, 0.25, 0.4);
    near(&harness, 0.4, 0.75);
    assert!(bar(&harness).1.ends_with(", on"));
}

#[test]
fn another_recording_begins_without_loop_and_offset_but_with_the_mix() {
    let mut model = aligned(Theme::Dark);
    add(&mut model, "/music/Another.flac", 20);
    for command in [Command::Later, Command::Click, Command::WarpSide, Command::SetLoop(Some((1.0, 2.0)))] {
        model.apply(command, 0.0);
    }
    model.apply(Command::Select(1), 0.0);
    assert!(model.offset_ms().abs() < 1e-9 && model.region().is_none());
    assert_eq!(model.settings().mix.click, Click::Beats);
    assert_eq!(model.settings().rendition.warp, Warp::Recording);
}

#[test]
fn how_it_is_heard_is_remembered() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("settings.json");
    let mut model = aligned(Theme::Dark);
    for command in [Command::Speed(0.75), Command::Varispeed, Command::MuteMidi, Command::Click] {
        model.apply(command, 0.0);
    }
    model.settings().save(&file).expect("saved");
    let (kept, _) = Settings::load(&file);
    assert_eq!(kept.rendition, Rendition { speed: 0.75, varispeed: true, ..Rendition::default() });
    assert_eq!(kept.mix, Mix { midi_muted: true, click: Click::Beats, ..Mix::default() });
}
