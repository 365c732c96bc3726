//! Training hash networks: the data, the duration, and the progress. The window's version of `antiphon train hash`.

use super::command::Command;
use super::learning_curves::{self, Curve};
use super::loading::file_name;
use super::model::{Model, TrainingForm, TrainingPreset};
use super::theme::{self, Palette};
use crate::training::Measured;
use egui::{Button, ComboBox, DragValue, Grid, Label, RichText, Ui};

const PRESETS: [(TrainingPreset, &str, &str); 3] = [
    (TrainingPreset::Antiphon, "Antiphon", "Small and fast, 32 bits; each step against all of the batch's other works"),
    (TrainingPreset::Gen1, "Generation 1", "As published in 2015: 16 bits"),
    (TrainingPreset::Gen2, "Generation 2", "As published in 2016: 32 bits"),
];

/// Shows it.
pub(super) fn show(ui: &mut Ui, model: &Model, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    ui.label(RichText::new("Train hash networks").size(18.0).strong());
    let about = "Two networks learn to give the same bits to the same moment of a MIDI file and of a recording.";
    ui.label(RichText::new(about).color(palette.faint));
    ui.add_space(6.0);
    let mut form = model.settings().training.clone();
    ui.add_enabled_ui(!model.trains(), |ui| fields(ui, &mut form, out));
    if form != model.settings().training {
        out.push(Command::Training(form));
    }
    ui.horizontal(|ui| {
        let Some(entry) = Command::Train.entry() else { return };
        let text = if model.trains() { "Stop" } else { "Start" };
        let button = ui.add_enabled((entry.enabled)(model), Button::new(text).min_size([72.0, 28.0].into()));
        let button = button.on_hover_text(entry.tooltip_text(ui.ctx(), model.settings()));
        if button.accessible_name(format!("{text} training")).clicked() {
            out.push(Command::Train);
        }
        let state = match (model.trains(), model.measured().last()) {
            (true, None) => "Reading the data and taking the first steps…".to_owned(),
            (_, Some(last)) => line(last, model.trains()),
            (false, None) if model.settings().training.complete() => String::new(),
            (false, None) => "Choose a data set and where to write the model.".to_owned(),
        };
        ui.add(Label::new(RichText::new(state).color(palette.faint)).wrap());
    });
    ui.add_space(6.0);
    curves(ui, model.measured(), &palette);
}

fn fields(ui: &mut Ui, form: &mut TrainingForm, out: &mut Vec<Command>) {
    Grid::new("training").num_columns(2).spacing([12.0, 6.0]).show(ui, |ui| {
        ui.label("Data sets");
        ui.horizontal_wrapped(|ui| {
            let mut gone = None;
            for (index, folder) in form.folders.iter().enumerate() {
                let name = file_name(folder);
                let button = ui.button(format!("{name} ×")).on_hover_text(format!("Leave out {}", folder.display()));
                if button.accessible_name(format!("Leave out {name}")).clicked() {
                    gone = Some(index);
                }
            }
            if let Some(index) = gone {
                form.folders.remove(index);
            }
            let add = ui.button("Add…").on_hover_text("A folder that `antiphon dataset` wrote");
            if add.accessible_name("Add a data set").clicked() {
                out.push(Command::ChooseTrainingData);
            }
        });
        ui.end_row();
        ui.label("Model to write");
        ui.horizontal(|ui| {
            let name = if form.output.as_os_str().is_empty() { "Choose…".into() } else { file_name(&form.output) };
            let button = ui.button(name).on_hover_text(form.output.display().to_string());
            if button.accessible_name("Choose the model to write").clicked() {
                out.push(Command::ChooseTrainingOutput);
            }
        });
        ui.end_row();
        let label = ui.label("Networks");
        let shown = PRESETS.iter().find(|preset| preset.0 == form.preset).map_or("", |preset| preset.1);
        let combo = ComboBox::from_id_salt("preset").selected_text(shown).show_ui(ui, |ui| {
            for (preset, name, about) in PRESETS {
                ui.selectable_value(&mut form.preset, preset, name).on_hover_text(about);
            }
        });
        combo.response.labelled_by(label.id);
        ui.end_row();
        let label = ui.label("Minutes at most");
        ui.add(DragValue::new(&mut form.minutes).range(0.1..=10_000.0).speed(0.5)).labelled_by(label.id);
        ui.end_row();
        let label = ui.label("Seed");
        ui.add(DragValue::new(&mut form.seed)).labelled_by(label.id);
        ui.end_row();
    });
}

/// Describes the last validation in words.
fn line(last: &Measured, runs: bool) -> String {
    let left = match (runs, last.seconds_left / 60.0) {
        (false, _) => String::new(),
        (true, minutes) if minutes < 1.0 => format!(", {:.0} s left", last.seconds_left),
        (true, minutes) => format!(", {minutes:.0} min left"),
    };
    let Measured { step, loss, bc, ms_per_step, .. } = last;
    format!("Step {step}: loss {loss:.3}, overlap (BC) {bc:.3}, {ms_per_step:.0} ms a step{left}")
}

/// Loss and overlap over the steps, side by side.
fn curves(ui: &mut Ui, measured: &[Measured], palette: &Palette) {
    let points = |value: fn(&Measured) -> f64| measured.iter().map(|m| [m.step as f64, value(m)]).collect();
    let (loss, overlap) = (points(|m| m.loss), points(|m| m.bc));
    let curves = [
        Curve { name: "Loss", colour: palette.midi, points: loss, share: false },
        Curve {
            name: "Overlap of validation distances (BC)",
            colour: palette.recording,
            points: overlap,
            share: false,
        },
    ];
    learning_curves::show(ui, "steps", &curves);
}
