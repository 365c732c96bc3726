//! A button for a command.

use super::command::Command;
use super::model::Model;
use egui::{Button, Ui, vec2};

/// A button for a command of the table, with the table's tooltip and enabled state.
pub(super) fn press(
    ui: &mut Ui,
    model: &Model,
    command: Command,
    text: &str,
    label: &str,
    on: bool,
    out: &mut Vec<Command>,
) {
    let Some(entry) = command.entry() else { return };
    let button = Button::new(text).selected(on).min_size(vec2(28.0, 26.0));
    let response =
        ui.add_enabled((entry.enabled)(model), button).on_hover_text(entry.tooltip_text(ui.ctx(), model.settings()));
    let response = response.accessible_name(label);
    if response.clicked() {
        out.push(command);
    }
}
