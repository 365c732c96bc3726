//! The window, driven by label and key, without a display.

mod commands;
mod curating;
mod embeddings;
mod hearing;
mod keeping;
mod networks;
mod pair;
mod searching;
mod snapshots;

use antiphon::gui::{App, Arrival, Command, Curate, Model, Settings, State, Theme, shortcuts};
use antiphon::job::Progress;
use antiphon::picture::alignment_png;
use antiphon::playback::device::Sound;
use antiphon::playback::mixer::Listen;
use antiphon::{Error, gui};
use egui::{self, Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use std::path::PathBuf;
use std::sync::Arc;

const NAME: &str = "/music/A recording of the same tune with a rather long name (remastered 2011).flac";

/// An empty model.
fn empty(theme: Theme) -> Model {
    let settings = Settings { theme, ..Settings::default() };
    Model::new(settings, Sound::silent("this is a test"), Arc::new(|| {}))
}

/// A model with one aligned pair, nothing left to load.
fn aligned(theme: Theme) -> Model {
    let mut model = empty(theme);
    add(&mut model, NAME, 40);
    model.apply(Command::Select(0), 0.0);
    model.apply(Command::Start, 0.0);
    model
}

fn add(model: &mut Model, name: &str, bars: u32) {
    let id = model.add(PathBuf::from(name));
    pair::bring(model, id, pair::pair(bars, name));
}

fn window(model: Model) -> Harness<'static, App> {
    Harness::builder().with_size(vec2(1280.0, 800.0)).build_eframe(|creation| App::new(&creation.egui_ctx, model))
}

/// Runs frames until the pictures, which are drawn on threads of their own, are ready.
fn settle(harness: &mut Harness<'static, App>) {
    for _ in 0..2000 {
        harness.step();
        if harness.state().drawn() {
            break;
        }
        std::thread::yield_now();
    }
    harness.run_steps(4);
}

#[test]
fn space_plays_and_pauses_even_when_a_button_has_the_focus() {
    let mut harness = window(aligned(Theme::Dark));
    harness.run_steps(2);
    harness.get_by_label("Left and right").focus();
    harness.run_steps(2);
    let split = harness.state().model().settings().mix.split;
    harness.key_press(Key::Space);
    harness.run_steps(3);
    assert!(harness.state().model().transport().playing());
    harness.key_press(Key::Space);
    harness.run_steps(3);
    assert!(!harness.state().model().transport().playing());
    assert_eq!(harness.state().model().settings().mix.split, split);
}

#[test]
fn keys_do_what_the_table_says() {
    let mut harness = window(aligned(Theme::Dark));
    let press = |harness: &mut Harness<'static, App>, modifiers, key| {
        harness.key_press_modifiers(modifiers, key);
        harness.run_steps(8);
    };
    press(&mut harness, Modifiers::NONE, Key::ArrowUp);
    assert!(!harness.state().model().view().is_fit());
    press(&mut harness, Modifiers::NONE, Key::F);
    assert!(harness.state().model().view().is_fit());
    press(&mut harness, Modifiers::SHIFT, Key::ArrowRight);
    let at = |harness: &Harness<'static, App>| harness.state().model().transport().position(0.0);
    assert!((at(&harness) - 1.0).abs() < 1e-6);
    press(&mut harness, Modifiers::NONE, Key::ArrowRight);
    assert!((at(&harness) - 1.1).abs() < 1e-6);
    press(&mut harness, Modifiers::NONE, Key::End);
    assert!((at(&harness) - harness.state().model().transport().seconds()).abs() < 1e-6);
    press(&mut harness, Modifiers::NONE, Key::Num1);
    assert_eq!(harness.state().model().settings().mix.listen, Listen::Midi);
    press(&mut harness, Modifiers::NONE, Key::B);
    assert_eq!(harness.state().model().settings().mix.listen, Listen::Recording);
    press(&mut harness, Modifiers::NONE, Key::F1);
    assert!(harness.query_by_label("Key of Back 0.1 s").is_some());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.query_by_label("Key of Back 0.1 s").is_none());
}

#[test]
fn nothing_fires_while_somebody_types() {
    struct Field {
        model: Model,
        text: String,
        fired: Vec<Command>,
    }
    let field = Field { model: aligned(Theme::Dark), text: String::new(), fired: Vec::new() };
    let mut harness = Harness::new_ui_state(
        |ui: &mut egui::Ui, field: &mut Field| {
            shortcuts(ui.ctx(), &field.model, false, &mut field.fired);
            let label = ui.label("Note");
            ui.text_edit_singleline(&mut field.text).labelled_by(label.id);
        },
        field,
    );
    harness.get_by_role(egui::accesskit::Role::TextInput).focus();
    harness.run();
    for key in [Key::B, Key::P, Key::Space, Key::Num1, Key::F, Key::J, Key::ArrowLeft, Key::Home] {
        harness.key_press(key);
    }
    harness.get_by_role(egui::accesskit::Role::TextInput).type_text("b p 1 f j");
    harness.run();
    assert_eq!(harness.state().fired, []);
    assert_eq!(harness.state().text, "b p 1 f j");
    // A key with Ctrl is a command everywhere, and outside the field the same keys fire.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    harness.run();
    assert_eq!(harness.state().fired, [Command::ChooseFiles]);
    harness.key_press(Key::Tab);
    harness.run();
    harness.key_press(Key::Escape);
    harness.run();
    harness.key_press(Key::P);
    harness.run();
    assert_eq!(harness.state().fired, [Command::ChooseFiles, Command::Split]);
}

#[test]
fn painted_panels_have_a_label_and_say_where_they_are() {
    let mut harness = window(aligned(Theme::Light));
    harness.run_steps(3);
    for label in
        ["Recording constant-Q", "MIDI constant-Q", "Distance matrix", "Time ruler", "Local cost and tempo ratio"]
    {
        assert!(harness.query_by_role_and_label(egui::accesskit::Role::Image, label).is_some(), "{label}");
    }
    let value = |harness: &Harness<'static, App>| {
        harness.get_by_role_and_label(egui::accesskit::Role::Image, "Distance matrix").value().unwrap_or_default()
    };
    assert!(value(&harness).contains("audio 0:00.0"), "{}", value(&harness));
    harness.get_by_label("Recording constant-Q").click();
    harness.run_steps(3);
    let middle = harness.state().model().transport().seconds() / 2.0;
    assert!((harness.state().model().transport().position(0.0) - middle).abs() < 1.0);
    assert!(!value(&harness).contains("audio 0:00.0"), "{}", value(&harness));
}

#[test]
fn a_click_in_the_matrix_moves_both_clocks() {
    let mut harness = window(aligned(Theme::Dark));
    harness.run_steps(3);
    harness.get_by_role_and_label(egui::accesskit::Role::Image, "Distance matrix").click();
    harness.run_steps(3);
    let model = harness.state().model();
    let at = model.transport().position(0.0);
    assert!((at - model.transport().seconds() / 2.0).abs() < 1.0);
    let midi = model.midi_time(at).unwrap();
    assert!((model.aligned().unwrap().alignment.map.to_audio(midi).0 - at).abs() < 1e-6);
}

#[test]
fn where_the_recording_jumps_both_clocks_jump_and_the_segments_are_listed() {
    let mut model = empty(Theme::Dark);
    let id = model.add("recording.wav".into());
    pair::bring(&mut model, id, pair::jumping("recording.wav"));
    model.apply(Command::Select(0), 0.0);
    let midi_s = |at: f64| model.midi_time(at).unwrap().0;
    assert!((midi_s(7.9) - 23.9).abs() < 1e-9 && (midi_s(8.1) - 0.1).abs() < 1e-9);
    // Anchors on both sides of a jump don't cross, whatever the MIDI says.
    for (midi_s, audio_s) in [(20.0, 4.1), (3.0, 11.1), (2.0, 12.0)] {
        model.apply(Command::Curate(Curate::AddAnchor(midi_s, audio_s)), 0.0);
    }
    assert_eq!(model.correction().unwrap().anchors, [[20.0, 4.1], [3.0, 11.1]]);
    model.apply(Command::ForgetAnchors, 0.0);
    let mut harness = window(model);
    settle(&mut harness);
    harness.get_by_label("The recording plays 2 segments of the MIDI:");
    harness.get_by_label("0:08 – 0:16: 0:00 – 0:08 of the MIDI").click();
    harness.run_steps(3);
    assert!((harness.state().model().transport().position(0.0) - 8.0).abs() < 1e-9);
}

#[test]
fn what_goes_wrong_is_a_line_that_can_be_dismissed_or_tried_again() {
    let mut model = empty(Theme::Dark);
    let id = model.add(PathBuf::from("/music/broken.mp3"));
    let error = || Error::Decode { reason: "no frames".into(), path: PathBuf::from("/music/broken.mp3") };
    model.receive(Arrival::Recording(id, Err(error())), 0.0);
    let mut harness = window(model);
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("can't decode audio: no frames").is_some());
    harness.get_by_label("Dismiss").click();
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("can't decode audio: no frames").is_none());
    // Cancelling is not an error.
    harness.state_mut().model_mut().receive(Arrival::Recording(id, Err(Error::Cancelled)), 0.0);
    assert_eq!(harness.state().model().problems().len(), 0);
}

#[test]
fn answers_about_a_candidate_that_is_gone_are_dropped() {
    let mut model = aligned(Theme::Dark);
    let gone = model.candidates()[0].id;
    model.apply(Command::Remove(0), 0.0);
    model.receive(Arrival::Recording(gone, Ok(pair::pair(4, NAME).recording)), 0.0);
    assert!(model.candidates().is_empty() && model.problems().is_empty());
}

#[test]
fn a_new_midi_file_makes_old_alignments_void() {
    let mut model = aligned(Theme::Dark);
    assert!(matches!(model.state(&model.candidates()[0]), State::Aligned(_)));
    model.receive(Arrival::Midi(Ok(pair::pair(8, NAME).midi)), 0.0);
    assert!(model.aligned().is_none());
}

#[test]
fn the_next_candidate_is_heard_at_the_same_musical_moment() {
    let mut model = empty(Theme::Dark);
    let (one, two) = ("/music/one.wav", "/music/two.wav");
    let (first, second) = (model.add(one.into()), model.add(two.into()));
    pair::bring(&mut model, first, pair::pair(20, one));
    let mut other = pair::pair(20, two);
    let knots = other.alignment.map.knots().map(|(midi, audio)| (midi, antiphon::audio::AudioTime(audio.0 * 0.9)));
    other.alignment.map = antiphon::alignment::warp::TimeMap::new(knots.collect::<Vec<_>>()).unwrap();
    other.alignment.segments = other.alignment.map.clone().into();
    let alignment = gui::Aligned::new(other.alignment, &other.midi, &other.recording);
    model.receive(Arrival::Recording(second, Ok(other.recording)), 0.0);
    model.receive(Arrival::Aligned(second, Ok(alignment)), 0.0);
    model.apply(Command::Select(0), 0.0);
    model.apply(Command::Seek(20.0), 0.0);
    let moment = model.midi_time(20.0).unwrap();
    model.apply(Command::NextCandidate, 0.0);
    assert_eq!(model.selected(), Some(1));
    assert!((model.transport().position(0.0) - 18.0).abs() < 1e-3);
    assert!((model.midi_time(model.transport().position(0.0)).unwrap().0 - moment.0).abs() < 1e-6);
    model.apply(Command::NextCandidate, 0.0);
    assert_eq!(model.selected(), Some(1));
}

#[test]
fn an_empty_window_says_what_to_do() {
    let mut harness = window(empty(Theme::Light));
    harness.run_steps(2);
    assert!(harness.query_by_label_contains("Drop a MIDI file").is_some());
    assert!(harness.query_by_label("Open files…").is_some());
}

#[test]
fn a_cancelled_job_is_gone_and_stays_away() {
    // A file that takes a long time to read: an hour of silence, 8 kHz.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 8, sample_format: hound::SampleFormat::Int };
    let mut file = hound::WavWriter::create(&path, spec).unwrap();
    for _ in 0..8000 * 3600 {
        file.write_sample(0_i8).unwrap();
    }
    file.finalize().unwrap();
    let mut harness = window(empty(Theme::Dark));
    harness.state_mut().model_mut().apply(Command::Open(vec![path]), 0.0);
    harness.run_steps(2);
    assert!(harness.query_by_label("Reading long.wav").is_some());
    harness.get_by_label("Cancel").click();
    harness.run_steps(8);
    let model = harness.state().model();
    assert!(model.running().is_empty() && model.problems().is_empty());
    assert_eq!(model.state(&model.candidates()[0]), State::Halted);
}

#[test]
fn the_picture_of_an_alignment_has_its_path_and_its_size() {
    let pair = pair::pair(20, NAME);
    for scale in [1, 2] {
        let (midi, audio) = (&pair.midi.side, &pair.recording.side);
        let picture = alignment_png(midi, audio, &pair.alignment, scale, &Progress::silent()).unwrap();
        assert_eq!((picture.width(), picture.height()), (800 * scale, 990 * scale));
        // The path is the only pure white line inside the matrix, from its lower left to its upper right.
        let white = |x: u32, y: u32| picture.get_pixel(x * scale, y * scale).0 == [255; 4];
        let inside = (460..930).filter(|&y| (80..780).any(|x| white(x, y))).count();
        assert!(inside > 440, "{inside} rows of 470 have a piece of the path");
        picture.save(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("alignment_{scale}.png"))).unwrap();
    }
    let stopped = Progress::silent();
    stopped.cancel();
    assert!(alignment_png(&pair.midi.side, &pair.recording.side, &pair.alignment, 1, &stopped).is_err());
}

/// Writes pictures of the window into the target folder, for a person to look at.
#[test]
#[ignore = "makes pictures to look at"]
fn pictures_of_the_window() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut model = aligned(theme);
        let (a, b) = (model.add("/music/Another one.mp3".into()), model.add("/music/third.ogg".into()));
        for id in [a, b] {
            model.receive(Arrival::Recording(id, Err(Error::Cancelled)), 0.0);
        }
        model.receive(
            Arrival::Recording(b, Err(Error::Decode { reason: "no frames".into(), path: "/music/third.ogg".into() })),
            0.0,
        );
        model.apply(Command::Seek(31.0), 0.0);
        let mut harness = window(model);
        settle(&mut harness);
        let strip = harness.get_by_label("Recording constant-Q").rect().center();
        harness.hover_at(strip);
        settle(&mut harness);
        harness.render().unwrap().save(folder.join(format!("window_{name}.png"))).unwrap();
        harness.key_press(Key::F1);
        harness.run_steps(3);
        harness.render().unwrap().save(folder.join(format!("sheet_{name}.png"))).unwrap();
        let mut harness = window(empty(theme));
        harness.run_steps(3);
        harness.render().unwrap().save(folder.join(format!("empty_{name}.png"))).unwrap();
        for (size, place) in [(vec2(1280.0, 800.0), "small"), (vec2(1920.0, 1080.0), "large")] {
            for tab in
                [Command::AuditTab, Command::EmbeddingTab, Command::ToyTab, Command::TrainTab, Command::FiltersTab]
            {
                let mut model = embeddings::embedded(theme);
                networks::looked_into(&mut model);
                if tab != Command::AuditTab {
                    model.receive(Arrival::Compared(Ok((embeddings::compared(100), Vec::new()))), 0.0);
                }
                for (accuracy, loss) in [(0.21, 0.02), (0.64, 0.004), (0.98, 0.0006), (1.0, 0.0002)] {
                    model.receive_epoch(antiphon::toy::Epoch { accuracy, loss, seconds: 1.5 });
                }
                model.apply(tab.clone(), 0.0);
                let mut harness =
                    Harness::builder().with_size(size).build_eframe(|creation| App::new(&creation.egui_ctx, model));
                settle(&mut harness);
                harness.render().unwrap().save(folder.join(format!("{tab:?}_{name}_{place}.png"))).unwrap();
            }
        }
    }
}

#[test]
fn a_recording_is_seen_before_it_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("noise.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22_050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(&path, spec).unwrap();
    let mut state = 1_u32;
    for _ in 0..22_050 * 20 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        file.write_sample((state >> 18) as i16 - 8192).unwrap();
    }
    file.finalize().unwrap();
    let mut model = empty(Theme::Dark);
    model.apply(Command::Open(vec![path]), 0.0);
    let mut early = None;
    while model.recording().is_none() {
        model.collect(0.0);
        early = early.or_else(|| model.recording_strip().cloned());
        std::thread::yield_now();
    }
    // The early picture is the one that stays.
    let whole = Arc::clone(&model.recording().unwrap().strip);
    assert!(early.is_none_or(|early| Arc::ptr_eq(&early, &whole)));
    assert!((whole.seconds() - 20.0).abs() < 0.1);
}

#[test]
fn tab_goes_from_the_upper_left_to_the_lower_right() {
    let mut harness = window(aligned(Theme::Dark));
    harness.run_steps(3);
    let order = ["File", "Open…", "Recording constant-Q", "MIDI constant-Q", "Accumulated matrix", "Play", "Split"];
    let mut seen: Vec<&str> = Vec::new();
    for _ in 0..40 {
        harness.key_press(Key::Tab);
        harness.run_steps(2);
        let focused =
            order.iter().find(|label| harness.query_all_by_label(label).any(|node| node.accesskit_node().is_focused()));
        seen.extend(focused.filter(|label| !seen.contains(label)));
    }
    let expected: Vec<&str> = order.into_iter().filter(|label| seen.contains(label)).collect();
    assert!(seen.len() >= 6 && seen == expected, "{seen:?}");
}
