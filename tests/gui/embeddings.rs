//! What the embedding networks show: attention, the two vectors, sets of pairs; and the toy problems.

use super::{add, aligned, empty, pair, settle, window};
use antiphon::embedding::{EmbeddingModel, EmbeddingTrainingRecord};
use antiphon::evaluate::{EmbeddingMatrix, PairSource, Sounding};
use antiphon::gui::{App, Arrival, Command, Compared, EmbeddedPair, LoadedEmbeddingModel, Model, Tab, Theme, ToyForm};
use antiphon::hashing::Side;
use antiphon::toy::{Epoch, Pooling};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use ndarray::Array2;
use std::path::PathBuf;
use std::sync::Arc;

/// An aligned pair with its embeddings, made from its features.
pub(super) fn embedded(theme: Theme) -> Model {
    let mut model = aligned(theme);
    let networks = EmbeddingModel::bundled().unwrap();
    let (of_midi, recording) = (model.aligned().unwrap().clone(), model.recording().unwrap().clone());
    let midi = networks.embed(Side::Midi, of_midi.features.frames.view());
    let audio = networks.embed(Side::Audio, recording.frames().view());
    let id = model.candidate().unwrap().id;
    model.receive(Arrival::EmbeddingModel(Ok(Arc::new(LoadedEmbeddingModel { model: networks, path: None }))), 0.0);
    model.receive(Arrival::Embedded(id, Ok(EmbeddedPair::new(midi, audio))), 0.0);
    model
}

/// A set of pairs with small distances where they match.
pub(super) fn compared(count: usize) -> Compared {
    let side = |ending: &str| -> Vec<Sounding> {
        let path = |group: usize| PathBuf::from(format!("/music/song {group}.{ending}"));
        (0..count).map(|group| Sounding { name: format!("song {group}"), path: Some(path(group)), group }).collect()
    };
    let distance = |(row, column): (usize, usize)| {
        let noise = ((row * 37 + column * 101) % 23) as f32 / 100.0;
        if row == column { 0.3 + noise } else { 1.2 + 2.0 * noise }
    };
    let distances = Array2::from_shape_fn((count, count), distance);
    Compared::new("pairs".into(), false, EmbeddingMatrix { midi: side("mid"), audio: side("ogg"), distances })
}

fn press(harness: &mut Harness<'static, App>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(4);
}

fn value(harness: &Harness<'static, App>, label: &str) -> String {
    harness.get_by_role_and_label(Role::Image, label).accesskit_node().value().unwrap_or_default()
}

#[test]
fn what_is_listened_to_lies_under_both_strips_and_a_click_goes_there() {
    let mut harness = window(embedded(Theme::Dark));
    settle(&mut harness);
    for (strip, attention) in [("Recording constant-Q", "Recording attention"), ("MIDI constant-Q", "MIDI attention")] {
        let (strip, below) = (harness.get_by_label(strip).rect(), harness.get_by_label(attention).rect());
        assert!((strip.left() - below.left()).abs() < 0.5 && (strip.width() - below.width()).abs() < 0.5);
        assert!(below.top() > strip.bottom() && below.height() > 10.0, "{attention}");
    }
    harness.get_by_label("MIDI attention").click();
    harness.run_steps(3);
    let model = harness.state().model();
    let middle = model.transport().seconds() / 2.0;
    assert!((model.transport().position(0.0) - middle).abs() < 1.0);
    for attention in ["Recording attention", "MIDI attention"] {
        assert!(value(&harness, attention).contains("attention × "), "{}", value(&harness, attention));
    }
    press(&mut harness, Modifiers::SHIFT, Key::A);
    assert!(harness.query_by_label("MIDI attention").is_none());
    assert!(!harness.state().model().settings().attention);
}

#[test]
fn the_two_vectors_are_shown_with_what_their_distance_is_worth() {
    let mut model = embedded(Theme::Light);
    let distance = model.embedded().unwrap().distance;
    let mut harness = window(embedded(Theme::Light));
    harness.run_steps(4);
    let title = format!("Embedding: {distance:.2} apart");
    assert!(harness.query_by_label(&title).is_some());
    assert!(value(&harness, "Embeddings of both sides").starts_with(&format!("distance {distance:.3}")));
    // It has a rank among the distances of a set.
    model.receive(Arrival::Compared(Ok((compared(6), Vec::new()))), 0.0);
    let mut harness = window(model);
    harness.run_steps(4);
    let said = value(&harness, "Embeddings of both sides");
    assert!(said.contains("Of pairs, ") && said.contains("% of what doesn't"), "{said}");
    harness.get_by_label(&title).click();
    harness.run_steps(20);
    assert!(harness.query_by_label("Embeddings of both sides").is_none());
}

#[test]
fn a_cell_names_its_pair_and_opens_it() {
    let mut model = embedded(Theme::Dark);
    assert!(model.compared().is_some_and(|compared| compared.loaded && compared.matrix.audio.len() == 1));
    model.receive(Arrival::Compared(Ok((compared(8), vec!["a.mid".into()]))), 0.0);
    assert!(model.problems()[0].text.contains("a.mid"));
    let mut harness = window(model);
    press(&mut harness, Modifiers::COMMAND, Key::Num4);
    settle(&mut harness);
    assert_eq!(harness.state().model().settings().tab, Tab::Embedding);
    let rect = harness.get_by_label("Embedding distances").rect();
    // MIDI files go upwards, recordings to the right.
    harness.hover_at(rect.left_bottom() + egui::vec2(2.5 * rect.width() / 8.0, -5.5 * rect.height() / 8.0));
    harness.run_steps(3);
    let said = value(&harness, "Embedding distances");
    assert!(said.ends_with(": MIDI song 5, recording song 2"), "{said}");
    harness.hover_at(rect.left_bottom() + egui::vec2(3.5 * rect.width() / 8.0, -3.5 * rect.height() / 8.0));
    harness.run_steps(3);
    assert!(value(&harness, "Embedding distances").contains("belong together: MIDI song 3, recording song 3"));
    assert!(value(&harness, "Rank curve").contains("first 100.0 %, within 10 100.0 %, MRR 1.000"));
    assert!(value(&harness, "Distances of the embeddings, pairs").starts_with("overlap 0.000"));

    // With the keyboard: one up, and open.
    harness.get_by_label("Embedding distances").focus();
    harness.run_steps(2);
    harness.remove_cursor();
    press(&mut harness, Modifiers::NONE, Key::ArrowUp);
    assert!(value(&harness, "Embedding distances").contains("MIDI song 4, recording song 3"));
    press(&mut harness, Modifiers::NONE, Key::Enter);
    while !harness.state().model().running().is_empty() {
        harness.step();
        std::thread::yield_now();
    }
    harness.run_steps(2);
    let model = harness.state().model();
    assert_eq!(model.settings().tab, Tab::Audit);
    assert_eq!(model.candidate().unwrap().path.to_string_lossy(), "/music/song 3.ogg");
    // Neither exists.
    let said = |name: &str| model.problems().iter().any(|problem| problem.text.contains(name));
    assert!(said("song 4.mid") && said("song 3.ogg"), "{:?}", model.problems());
    harness.state_mut().model_mut().apply(Command::CompareLoaded, 0.0);
    assert!(harness.state().model().compared().is_none_or(|compared| compared.loaded));
}

#[test]
fn a_pair_that_is_loaded_is_not_read_again_and_one_without_recording_opens_its_midi() {
    let mut model = embedded(Theme::Dark);
    add(&mut model, "/music/other.wav", 12);
    let midi = model.midi_path().unwrap().to_path_buf();
    let count = model.candidates().len();
    model.apply(Command::OpenPair(midi.clone(), Some("/music/other.wav".into())), 0.0);
    assert_eq!((model.candidates().len(), model.selected()), (count, Some(1)));
    assert!(model.midi().is_some() && model.aligned().is_some());
    model.apply(Command::EmbeddingTab, 0.0);
    model.apply(Command::OpenPair("/music/rendered.mid".into(), None), 0.0);
    assert_eq!((model.candidates().len(), model.settings().tab), (count, Tab::Embedding));
    assert!(model.status().contains("rendered"), "{}", model.status());
}

#[test]
fn another_model_makes_old_embeddings_void_and_one_that_cannot_be_read_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.safetensors");
    std::fs::write(&path, b"not a model").unwrap();
    let mut model = embedded(Theme::Dark);
    assert!(model.embedded().is_some());
    model.apply(Command::UseEmbeddingModel(Some(path)), 0.0);
    assert!(model.embedded().is_none() && model.compared().is_none());
    while !model.running().is_empty() {
        model.collect(0.0);
        std::thread::yield_now();
    }
    model.collect(0.0);
    assert_eq!(model.problems().len(), 1);
    assert!(model.problems()[0].text.contains("broken.safetensors") && model.problems()[0].can_retry());
}

#[test]
fn a_set_that_is_none_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = window(embedded(Theme::Dark));
    press(&mut harness, Modifiers::COMMAND, Key::Num4);
    assert!(harness.query_by_label("Compare a folder of pairs…").is_some());
    assert!(harness.query_by_label("Compare a data set…").is_some());
    for source in [
        PairSource::Folder(folder.path().into()),
        PairSource::Split(folder.path().into(), antiphon::dataset::Split::Test),
    ] {
        harness.state_mut().model_mut().apply(Command::Compare(source), 0.0);
        assert!(harness.state().model().comparing());
        while harness.state().model().comparing() {
            harness.step();
            std::thread::yield_now();
        }
    }
    let problems: Vec<&str> = harness.state().model().problems().iter().map(|p| p.text.as_str()).collect();
    assert!(problems[0].contains("0 pairs to compare") && problems[1].contains("dataset.json"), "{problems:?}");
}

#[test]
fn a_toy_problem_is_learned_while_one_looks() {
    let mut harness = window(empty(Theme::Light));
    press(&mut harness, Modifiers::COMMAND, Key::Num5);
    assert_eq!(harness.state().model().settings().tab, Tab::Toy);
    assert!(harness.query_by_label("The paper: solved after 1 epoch.").is_some());
    let form = ToyForm { length: 5000, pooling: Pooling::Unweighted, ..ToyForm::default() };
    harness.state_mut().model_mut().apply(Command::ToyProblem(form), 0.0);
    harness.run_steps(2);
    assert!(harness.query_by_label("The paper: solved after 8 epochs.").is_some());

    harness.get_by_label("Start the toy problem").click();
    harness.run_steps(3);
    assert!(harness.state().model().toy_runs());
    assert!(harness.query_by_label("Learning a toy problem").is_some());
    press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::Y);
    assert!(!harness.state().model().toy_runs());
    assert!(harness.query_by_label("Start the toy problem").is_some());
    for (accuracy, loss) in [(0.25, 0.02), (1.0, 0.0001)] {
        harness.state_mut().model_mut().receive_epoch(Epoch { accuracy, loss, seconds: 1.5 });
    }
    harness.run_steps(3);
    assert!(harness.query_by_label("Epoch 2: 100.0 % right, loss 0.00010, 1.5 s, solved").is_some());
    assert_eq!(value(&harness, "Share of right answers over the epochs"), "1.000");
    assert_eq!(value(&harness, "Loss over the epochs"), "0.000");
}

/// A record without distances is from before they were stored.
#[test]
fn without_known_distances_the_next_step_is_said() {
    let mut model = embedded(Theme::Dark);
    let record = EmbeddingTrainingRecord::default();
    assert!(record.validation_distances.matching.is_empty());
    model.receive(Arrival::Compared(Ok((compared(3), Vec::new()))), 0.0);
    let known = model.known_distances().map(|(of, _)| of);
    assert_eq!(known.as_deref(), Some("pairs"));
    // A new MIDI file: nothing made from the old one is left.
    model.receive(Arrival::Midi(Ok(pair::pair(8, "/music/none.wav").midi)), 0.0);
    assert!(model.embedded().is_none());
    model.apply(Command::UseEmbeddingModel(None), 0.0);
    assert!(model.compared().is_none());
}
