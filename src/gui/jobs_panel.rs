//! Running jobs, with a way to stop them, and problems, with a way to copy them and to retry. Never modal.

use super::command::Command;
use super::icon::Icon;
use super::model::Model;
use super::theme;
use egui::accesskit::Live;
use egui::{Align, Label, Layout, ProgressBar, RichText, Ui, vec2};

/// The most lines shown; further problems are hidden and appear as others are dismissed.
const LINES: usize = 5;

/// Whether there is anything to show.
pub(super) fn wanted(model: &Model) -> bool {
    !model.running().is_empty() || !model.problems().is_empty()
}

/// Shows a line for each job and problem.
pub(super) fn show(ui: &mut Ui, model: &Model, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    let running = model.running();
    let several = running.len() > 1 || model.waits();
    for (index, running) in running.iter().enumerate() {
        let line = vec2(ui.available_width(), ui.spacing().interact_size.y);
        ui.allocate_ui_with_layout(line, Layout::right_to_left(Align::Center), |ui| {
            if ui.small_button("Cancel").on_hover_text(format!("Stop: {}", running.name)).clicked() {
                out.push(Command::Cancel(running.id));
            }
            if several
                && index == 0
                && let Some(entry) = Command::CancelAll.entry()
                && ui.small_button(entry.name).on_hover_text(entry.tooltip_text(ui.ctx(), model.settings())).clicked()
            {
                out.push(Command::CancelAll);
            }
            let bar = ProgressBar::new(running.fraction).desired_width(160.0).desired_height(10.0);
            ui.add(bar).accessible_name(format!("Progress of {}", running.name));
            ui.label(RichText::new(format!("{:>3.0} %", running.fraction * 100.0)).color(palette.faint));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Label::new(&running.name).truncate()));
        });
    }
    for problem in model.problems().iter().rev().take(LINES) {
        let line = vec2(ui.available_width(), ui.spacing().interact_size.y);
        ui.allocate_ui_with_layout(line, Layout::right_to_left(Align::Center), |ui| {
            if ui.small_button("Dismiss").clicked() {
                out.push(Command::Dismiss(problem.id));
            }
            if ui.small_button("Copy").on_hover_text("Copy the message").clicked() {
                ui.ctx().copy_text(problem.text.clone());
            }
            if problem.can_retry() && ui.small_button("Retry").clicked() {
                out.push(Command::Retry(problem.id));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                Icon::Warning.show(ui, 12.0, palette.warning);
                let line = ui.add(Label::new(&problem.text).truncate()).on_hover_text(&problem.text);
                ui.ctx().accesskit_node_builder(line.id, |node| node.set_live(Live::Assertive));
            });
        });
    }
    let hidden = model.problems().len().saturating_sub(LINES);
    if hidden > 0 {
        ui.label(RichText::new(format!("and {hidden} more")).color(palette.faint));
    }
}
