//! The toy problems of feed-forward attention, learned before the user's eyes. The window's version of `antiphon toy`.

use super::command::Command;
use super::learning_curves::{self, Curve};
use super::model::{Model, ToyForm};
use super::theme;
use crate::toy::table::{Published, published};
use crate::toy::{Epoch, Pooling, Problem, STEPS};
use egui::{Button, Checkbox, ComboBox, DragValue, Grid, Label, RichText, Ui};

const PROBLEMS: [(Problem, &str); 2] = [(Problem::Addition, "Addition"), (Problem::Multiplication, "Multiplication")];
const POOLINGS: [(Pooling, &str); 2] =
    [(Pooling::Attention, "Attention"), (Pooling::Unweighted, "The plain mean of all steps")];
/// The learning rates that the paper tries.
const RATES: [f32; 4] = [0.01, 0.003, 0.001, 0.0003];

/// Shows it.
pub(super) fn show(ui: &mut Ui, model: &Model, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    ui.label(RichText::new("Toy problems of attention").size(18.0).strong());
    let about = "A long sequence of numbers, two of them marked: a network without memory learns to add or multiply the two, \
                 because it learns which steps to look at. With the plain mean it can't where sequences are long.";
    ui.add(Label::new(RichText::new(about).color(palette.faint)).wrap());
    ui.add_space(6.0);
    let mut form = model.settings().toy.clone();
    ui.add_enabled_ui(!model.toy_runs(), |ui| fields(ui, &mut form));
    if form != model.settings().toy {
        out.push(Command::ToyProblem(form));
    }
    ui.horizontal(|ui| {
        let Some(entry) = Command::Toy.entry() else { return };
        let text = if model.toy_runs() { "Stop" } else { "Start" };
        let button = ui.add(Button::new(text).min_size([72.0, 28.0].into()));
        let button = button.on_hover_text(entry.tooltip_text(ui.ctx(), model.settings()));
        if button.accessible_name(format!("{text} the toy problem")).clicked() {
            out.push(Command::Toy);
        }
        let epochs = model.toy_epochs();
        let state = match (epochs.last(), model.toy_runs()) {
            (Some(last), runs) => line(last, epochs.len(), runs),
            (None, true) => "The first epoch: 1,000 batches of 100 sequences…".to_owned(),
            (None, false) => String::new(),
        };
        ui.add(Label::new(RichText::new(state).color(palette.faint)).wrap());
    });
    if let Some(paper) = published(model.settings().toy.task()) {
        let paper = match paper {
            Published::Epochs(1) => "The paper: solved after 1 epoch.".to_owned(),
            Published::Epochs(epochs) => format!("The paper: solved after {epochs} epochs."),
            Published::Accuracy(share) => format!("The paper: {:.1} % right after 100 epochs.", 100.0 * share),
        };
        ui.label(RichText::new(paper).color(palette.faint));
    }
    ui.add_space(6.0);
    let points = |value: fn(&Epoch) -> f64| -> Vec<[f64; 2]> {
        (1..).zip(model.toy_epochs()).map(|(at, epoch)| [f64::from(at), value(epoch)]).collect()
    };
    let loss = points(|epoch| epoch.loss);
    let accuracy = points(|epoch| epoch.accuracy);
    let curves = [
        Curve { name: "Loss", colour: palette.midi, points: loss, share: false },
        Curve { name: "Share of right answers", colour: palette.recording, points: accuracy, share: true },
    ];
    learning_curves::show(ui, "epochs", &curves);
}

fn fields(ui: &mut Ui, form: &mut ToyForm) {
    Grid::new("toy").num_columns(2).spacing([12.0, 6.0]).show(ui, |ui| {
        let label = ui.label("Problem");
        choice(ui, "problem", &PROBLEMS, &mut form.problem).labelled_by(label.id);
        ui.end_row();
        let label = ui.label("Steps become one by");
        choice(ui, "pooling", &POOLINGS, &mut form.pooling).labelled_by(label.id);
        ui.end_row();
        let label = ui.label("Steps of a sequence");
        ui.horizontal(|ui| {
            let length = DragValue::new(&mut form.length).range(STEPS).speed(10);
            ui.add_enabled(!form.varied, length).labelled_by(label.id);
            ui.add(Checkbox::new(&mut form.varied, "50 to 10,000"));
        });
        ui.end_row();
        let label = ui.label("Learning rate");
        let rates = RATES.map(|rate| (rate, rate.to_string()));
        let shown = form.learning_rate.to_string();
        let combo = ComboBox::from_id_salt("rate").selected_text(shown).show_ui(ui, |ui| {
            for (rate, name) in rates {
                ui.selectable_value(&mut form.learning_rate, rate, name);
            }
        });
        combo.response.labelled_by(label.id);
        ui.end_row();
        let label = ui.label("Seed");
        ui.add(DragValue::new(&mut form.seed)).labelled_by(label.id);
        ui.end_row();
    });
}

fn choice<T: Copy + PartialEq>(ui: &mut Ui, id: &str, choices: &[(T, &str)], chosen: &mut T) -> egui::Response {
    let shown = choices.iter().find(|choice| choice.0 == *chosen).map_or("", |choice| choice.1);
    let combo = ComboBox::from_id_salt(id).selected_text(shown).width(200.0).show_ui(ui, |ui| {
        for (value, name) in choices {
            ui.selectable_value(chosen, *value, *name);
        }
    });
    combo.response
}

/// Describes the last epoch in words.
fn line(last: &Epoch, epochs: usize, runs: bool) -> String {
    let end = match (runs, last.accuracy >= 1.0) {
        (true, _) => "",
        (false, true) => ", solved",
        (false, false) => ", stopped",
    };
    let Epoch { accuracy, loss, seconds } = last;
    format!("Epoch {epochs}: {:.1} % right, loss {loss:.5}, {seconds:.1} s{end}", 100.0 * accuracy)
}
