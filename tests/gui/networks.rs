//! What the hash networks show: bits and their distances beside the features, filters, training.

use super::{aligned, empty, settle, window};
use antiphon::evaluate::CodeQuality;
use antiphon::gui::{
    App, Arrival, Command, Hashed, LayerOutput, LoadedHashModel, Model, Tab, Theme, TrainingForm, Unit,
};
use antiphon::hashing::{Architecture, HashModel, Side};
use antiphon::job::Progress;
use antiphon::training::Measured;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use ndarray::Array2;

fn networks() -> HashModel {
    HashModel::new(Architecture::antiphon(), 1).unwrap()
}

/// An aligned pair with its hash sequences, made from its features.
fn hashed(theme: Theme) -> Model {
    let mut model = aligned(theme);
    let networks = networks();
    let (aligned, recording) = (model.aligned().unwrap().clone(), model.recording().unwrap().clone());
    let (midi, audio) = (aligned.features.frames.view(), recording.frames().view());
    let hashed = Hashed::new(&networks, midi, audio, &aligned.alignment, &Progress::silent()).unwrap();
    let id = model.candidate().unwrap().id;
    model.receive(Arrival::HashModel(Ok(LoadedHashModel::new(networks, None))), 0.0);
    model.receive(Arrival::Hashed(id, Ok(hashed)), 0.0);
    model
}

/// Adds codes, the results of a training, and a selected filter, for a person to look at.
pub(super) fn looked_into(model: &mut Model) {
    let networks = networks();
    let (aligned, recording) = (model.aligned().unwrap().clone(), model.recording().unwrap().clone());
    let (midi, audio) = (aligned.features.frames.view(), recording.frames().view());
    let hashed = Hashed::new(&networks, midi, audio, &aligned.alignment, &Progress::silent()).unwrap();
    let id = model.candidate().unwrap().id;
    let layers = antiphon::hashing::seen_layers(&networks);
    let output = |side, frames| {
        antiphon::hashing::layer_output(&networks, side, frames, antiphon::features::FRAME_S, &layers[0])
    };
    let ((midi, step_s), (audio, _)) = (output(Side::Midi, midi), output(Side::Audio, audio));
    let output = LayerOutput { layer: 0, outputs: [midi, audio], step_s };
    model.receive(Arrival::HashModel(Ok(LoadedHashModel::new(networks, None))), 0.0);
    model.receive(Arrival::Hashed(id, Ok(hashed)), 0.0);
    model.receive(Arrival::Layer(id, Ok(output)), 0.0);
    model.apply(Command::LookAtUnit(Some(Unit { side: Side::Audio, channel: 3 })), 0.0);
    model.apply(Command::Activations, 0.0);
    for step in 1..12_u32 {
        let at = f64::from(step);
        let (step, loss, bc) = (u64::from(step) * 200, 3.5 / at.sqrt(), 0.4 + 0.5 / at);
        let measured = Measured {
            step,
            steps: 2400,
            loss,
            bc,
            distances: (9.0, 15.0),
            rate: 1e-3,
            seconds: 30.0,
            ms_per_step: 80.0,
            frames_per_s: 1000.0,
            seconds_left: 90.0,
        };
        model.receive_measured(measured);
    }
}

fn press(harness: &mut Harness<'static, App>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(4);
}

fn value(harness: &Harness<'static, App>, label: &str) -> String {
    harness.get_by_role_and_label(Role::Image, label).accesskit_node().value().unwrap_or_default()
}

#[test]
fn both_sides_have_codes_of_the_same_moments() {
    let model = hashed(Theme::Dark);
    let hashed = model.hashed().unwrap();
    assert_eq!((hashed.bits(), hashed.midi_bits.values.ncols()), (32, 32));
    assert_eq!(hashed.midi_bits.values.nrows(), hashed.audio.len());
    assert_eq!(hashed.near.dim(), (hashed.midi.len(), hashed.audio.len()));
    // The differing bits are those of the rasters, wherever the MIDI has something.
    let mut compared: u64 = 0;
    for (step, apart) in hashed.hamming.iter().enumerate() {
        let (midi, audio) = (hashed.midi_bits.values.row(step), hashed.audio_bits.values.row(step));
        let counted = midi.iter().zip(audio).filter(|(a, b)| (*a - *b).abs() > 0.5).count();
        if let Some(apart) = apart {
            assert_eq!(*apart as usize, counted, "step {step}");
            compared += 1;
        }
    }
    assert!(compared > hashed.audio.len() as u64 / 2);
    let (first, last) = (hashed.path[0], hashed.path[hashed.path.len() - 1]);
    assert!(first.0 < last.0 && first.1 < last.1 && hashed.path.is_sorted());
    assert_eq!(hashed.separation.matching.iter().sum::<u64>(), 3 * compared);
    assert!((0.0..=1.0).contains(&hashed.separation.coefficient()));
}

#[test]
fn bits_lie_under_the_strips_and_their_matrix_beside_the_features() {
    let mut harness = window(hashed(Theme::Dark));
    settle(&mut harness);
    for label in ["Recording hash bits", "MIDI hash bits"] {
        assert!(harness.query_by_role_and_label(Role::Image, label).is_some(), "{label}");
    }
    let strip = harness.get_by_label("MIDI constant-Q").rect();
    let bits = harness.get_by_label("MIDI hash bits").rect();
    assert!((strip.left() - bits.left()).abs() < 0.5 && (strip.width() - bits.width()).abs() < 0.5);
    assert!(bits.top() > strip.bottom());
    harness.hover_at(bits.center());
    harness.run_steps(3);
    let at = harness.state().model().hover().unwrap().audio_s;
    let apart = harness.state().model().hashed().unwrap().hamming_at(at).unwrap();
    assert!(harness.query_by_label_contains(&format!("{apart:.0} of 32 bits apart")).is_some());

    assert!(harness.query_by_label("Hamming distance").is_none());
    press(&mut harness, Modifiers::SHIFT, Key::Y);
    settle(&mut harness);
    assert!(harness.query_by_label("Hamming distance").is_some());
    press(&mut harness, Modifiers::NONE, Key::H);
    assert!(harness.query_by_label("MIDI hash bits").is_none());
}

#[test]
fn another_model_makes_old_codes_void() {
    let mut model = hashed(Theme::Dark);
    assert!(model.hashed().is_some());
    model.receive(Arrival::HashModel(Ok(LoadedHashModel::new(networks(), None))), 0.0);
    assert!(model.hashed().is_none() && model.hash_model().is_some());
    model.apply(Command::UseHashModel(None), 0.0);
    assert!(model.hash_model().is_none());
}

#[test]
fn a_model_that_cannot_be_read_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.safetensors");
    std::fs::write(&path, b"not a model").unwrap();
    let mut model = aligned(Theme::Dark);
    model.apply(Command::UseHashModel(Some(path)), 0.0);
    while !model.running().is_empty() {
        model.collect(0.0);
        std::thread::yield_now();
    }
    model.collect(0.0);
    assert!(model.running().is_empty());
    assert_eq!(model.problems().len(), 1);
    assert!(model.problems()[0].text.contains("broken.safetensors") && model.problems()[0].can_retry());
}

#[test]
fn a_filter_is_chosen_and_its_strongest_moments_are_played() {
    let mut harness = window(hashed(Theme::Light));
    press(&mut harness, Modifiers::COMMAND, Key::Num2);
    assert_eq!(harness.state().model().settings().tab, Tab::Filters);
    assert!(harness.query_by_label_contains("antiphon, 32 bits a step of 8 frames").is_some());
    harness.get_by_label("Recording filter 3").click();
    harness.run_steps(3);
    let unit = Unit { side: Side::Audio, channel: 3 };
    assert_eq!(harness.state().model().unit(), Some(unit));
    let steps = harness.state().model().recording().unwrap().frames().nrows();
    let step_s = antiphon::features::FRAME_S;
    let mut outputs = [Array2::zeros((steps, 128)), Array2::zeros((steps, 128))];
    outputs[1][[200, 3]] = 2.0;
    outputs[1][[700, 3]] = 3.0;
    let id = harness.state().model().candidate().unwrap().id;
    let output = LayerOutput { layer: 0, outputs, step_s };
    harness.state_mut().model_mut().receive(Arrival::Layer(id, Ok(output)), 0.0);
    harness.run_steps(3);
    // A different filter has no output at all.
    assert!(harness.query_by_label("Dead: nothing comes out of it in this pair").is_none());
    let text = antiphon::picture::axis::clock_text(700.5 * step_s, 0.1);
    harness.get_by_label(&format!("Go to {text}")).click();
    harness.run_steps(3);
    let at = harness.state().model().transport().position(0.0);
    assert!((at - 700.5 * step_s).abs() < 1e-6, "{at}");
    harness.get_by_label(&format!("Play {text}")).click();
    harness.run_steps(2);
    assert!(harness.state().model().transport().playing());
    harness.get_by_label("Recording filter 4").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("Dead: nothing comes out of it in this pair").is_some());
    assert!(harness.query_by_role_and_label(Role::Image, "Distances of the codes, this pair").is_some());
    // The other layers, by their units.
    harness.state_mut().model_mut().apply(Command::LookAtLayer(5), 0.0);
    assert_eq!(harness.state().model().unit(), Some(Unit { side: Side::Audio, channel: 0 }));
    harness.state_mut().model_mut().apply(Command::LookAtUnit(Some(Unit { side: Side::Audio, channel: 32 })), 0.0);
    assert_eq!(harness.state().model().unit(), None);
}

#[test]
fn the_shipped_model_is_there_when_it_is_asked_for() {
    let mut harness = window(empty(Theme::Dark));
    harness.run_steps(2);
    assert!(harness.state().model().hash_model().is_none());
    press(&mut harness, Modifiers::COMMAND, Key::Num2);
    while harness.state().model().hash_model().is_none() {
        harness.step();
        std::thread::yield_now();
    }
    harness.run_steps(2);
    assert!(harness.query_by_label("shipped model").is_some());
    assert!(harness.query_by_label("MIDI filter 0").is_some());
    press(&mut harness, Modifiers::COMMAND, Key::Num1);
    assert!(harness.query_by_label_contains("Drop a MIDI file").is_some());
}

#[test]
fn codes_are_measured_on_a_data_set_and_shown_beside_those_of_the_pair() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = hashed(Theme::Dark);
    model.apply(Command::MeasureOn(folder.path().to_path_buf()), 0.0);
    while !model.running().is_empty() {
        model.collect(0.0);
        std::thread::yield_now();
    }
    assert!(model.problems()[0].text.contains("dataset.json"), "{:?}", model.problems());
    let histograms = model.hashed().unwrap().separation.clone();
    let quality = CodeQuality {
        system: "tpaa".into(),
        bits: 32,
        works: 7,
        pairs: 9,
        bc: histograms.coefficient(),
        collapsed: false,
        means: histograms.means(),
        histograms,
    };
    model.receive(Arrival::Quality(Ok(vec![quality])), 0.0);
    model.apply(Command::FiltersTab, 0.0);
    let mut harness = window(model);
    harness.run_steps(3);
    let said = value(&harness, "Distances of the codes, tpaa, 7 works");
    assert_eq!(said, value(&harness, "Distances of the codes, this pair"));
    assert!(said.starts_with("overlap 0.") || said.starts_with("overlap 1."), "{said}");
}

#[test]
fn filters_are_exported_as_pictures_and_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = hashed(Theme::Dark);
    model.apply(Command::ExportFiltersTo(folder.path().to_path_buf()), 0.0);
    while !model.running().is_empty() {
        model.collect(0.0);
        std::thread::yield_now();
    }
    assert!(model.problems().is_empty(), "{:?}", model.problems());
    for side in ["midi", "recording"] {
        let picture = image::open(folder.path().join(format!("{side} filters.png"))).unwrap();
        // Sixteen per row, each 5 frames and a gap of one cell, cells of 8 pixels.
        assert_eq!(picture.width(), (16 * 6 + 1) * 8);
        let array = std::fs::read(folder.path().join(format!("{side} filters.npy"))).unwrap();
        assert!(String::from_utf8_lossy(&array[..128]).contains("(128, 240)"));
    }
}

#[test]
fn a_training_is_started_watched_and_fails_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = window(empty(Theme::Dark));
    press(&mut harness, Modifiers::COMMAND, Key::Num3);
    assert!(harness.query_by_label("Choose a data set and where to write the model.").is_some());
    harness.get_by_label("Start training").click();
    harness.run_steps(2);
    assert!(!harness.state().model().trains());

    let form = TrainingForm {
        folders: vec![folder.path().to_path_buf()],
        output: folder.path().join("mine.safetensors"),
        minutes: 1.0,
        ..TrainingForm::default()
    };
    harness.state_mut().model_mut().apply(Command::Training(form), 0.0);
    harness.run_steps(2);
    harness.get_by_label("Start training").click();
    harness.run_steps(3);
    while harness.state().model().trains() {
        harness.step();
        std::thread::yield_now();
    }
    // The folder contains no data set.
    let problems = harness.state().model().problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].text.contains("dataset.json"), "{}", problems[0].text);

    for (step, loss, bc) in [(200, 3.5, 0.8), (400, 2.25, 0.512)] {
        let measured = Measured {
            step,
            steps: 1000,
            loss,
            bc,
            distances: (9.0, 15.0),
            rate: 1e-3,
            seconds: 30.0,
            ms_per_step: 80.0,
            frames_per_s: 1000.0,
            seconds_left: 90.0,
        };
        harness.state_mut().model_mut().receive_measured(measured);
    }
    harness.run_steps(3);
    assert!(harness.query_by_label("Step 400: loss 2.250, overlap (BC) 0.512, 80 ms a step").is_some());
    assert_eq!(value(&harness, "Loss over the steps"), "2.250");
    assert_eq!(value(&harness, "Overlap of validation distances (BC) over the steps"), "0.512");
}
