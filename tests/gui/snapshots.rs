//! Pictures that reveal changes of the layout. `UPDATE_SNAPSHOTS=1 cargo test snapshots` takes them anew.

use super::embeddings::{compared, embedded};
use super::{NAME, aligned, empty, pair, settle};
use antiphon::Error;
use antiphon::gui::{App, Arrival, Command, Model, Theme};
use antiphon::toy::Epoch;
use egui::vec2;
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};

fn snapshot(model: Model, name: &str, results: &mut SnapshotResults) {
    let mut harness =
        Harness::builder().with_size(vec2(1000.0, 640.0)).build_eframe(|creation| App::new(&creation.egui_ctx, model));
    settle(&mut harness);
    // Drivers differ in the last bits at the edges of letters and lines.
    harness.snapshot_options(name, &SnapshotOptions::new().threshold(2.0).max_failed_pixels(2000));
    results.extend(harness.take_snapshot_results());
}

#[test]
fn snapshots_of_an_aligned_pair_in_both_themes() {
    let mut results = SnapshotResults::new();
    for (theme, name) in [(Theme::Dark, "pair_dark"), (Theme::Light, "pair_light")] {
        let mut model = aligned(theme);
        let broken = model.add("/music/broken.ogg".into());
        let error = Error::Decode { reason: "no frames".into(), path: "/music/broken.ogg".into() };
        model.receive(Arrival::Recording(broken, Err(error)), 0.0);
        model.apply(Command::Onsets, 0.0);
        model.apply(Command::Zoom { factor: 6.0, around: 4.0 }, 0.0);
        model.apply(Command::Seek(8.0), 0.0);
        snapshot(model, name, &mut results);
    }
}

#[test]
fn snapshot_of_the_accumulated_matrix_in_another_map() {
    let mut results = SnapshotResults::new();
    let mut model = aligned(Theme::Dark);
    for command in [
        Command::Accumulated,
        Command::ColorMap(antiphon::picture::ColorMap::Magma),
        Command::Invert,
        Command::CandidateList,
    ] {
        model.apply(command, 0.0);
    }
    snapshot(model, "accumulated_magma", &mut results);
}

#[test]
fn snapshot_of_an_empty_window_and_of_a_recording_without_midi() {
    let mut results = SnapshotResults::new();
    snapshot(empty(Theme::Light), "empty", &mut results);
    let mut model = empty(Theme::Dark);
    let id = model.add(NAME.into());
    model.receive(Arrival::Recording(id, Ok(pair::pair(8, NAME).recording)), 0.0);
    model.apply(Command::Select(0), 0.0);
    snapshot(model, "recording_alone", &mut results);
}

#[test]
fn snapshot_of_the_sheets() {
    let mut results = SnapshotResults::new();
    for (command, name) in
        [(Command::Palette, "palette"), (Command::ShortcutSheet, "shortcuts"), (Command::Export, "export")]
    {
        let mut model = aligned(Theme::Light);
        model.apply(command, 0.0);
        snapshot(model, name, &mut results);
    }
}

#[test]
fn snapshots_of_attention_of_a_matrix_of_pairs_and_of_a_toy_problem() {
    let mut results = SnapshotResults::new();
    snapshot(embedded(Theme::Dark), "attention", &mut results);
    let mut model = embedded(Theme::Light);
    model.receive(Arrival::Compared(Ok((compared(40), Vec::new()))), 0.0);
    model.apply(Command::EmbeddingTab, 0.0);
    snapshot(model, "embedding", &mut results);
    let mut model = empty(Theme::Dark);
    model.apply(Command::ToyTab, 0.0);
    for (accuracy, loss) in [(0.21, 0.02), (0.64, 0.004), (0.98, 0.0006), (1.0, 0.0002)] {
        model.receive_epoch(Epoch { accuracy, loss, seconds: 1.5 });
    }
    snapshot(model, "toy", &mut results);
}
