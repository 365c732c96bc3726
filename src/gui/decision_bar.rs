//! The bar below the strips: a button with its key for each decision, and the note.

use super::command::{Command, Curate};
use super::icon::Icon;
use super::model::{Curating, Model};
use super::theme;
use crate::curation::{Reason, State};
use egui::{Button, RichText, TextEdit, Ui, vec2};

/// See the module. Keeps how often the user has asked for the note field.
#[derive(Default)]
pub(super) struct DecisionBar {
    asked: u64,
}

impl DecisionBar {
    /// Shows it.
    pub(super) fn show(&mut self, ui: &mut Ui, model: &Model, curating: &Curating, out: &mut Vec<Command>) {
        let palette = theme::palette(ui);
        let state = curating.queue().current().map(|index| curating.queue().state(index)).filter(|_| !model.blind());
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            let decisions = [
                (Command::Confirm, State::Confirmed),
                (Command::Reject, State::Rejected),
                (Command::Unsure, State::Unsure),
                (Command::Skip, State::Skipped),
            ];
            for (command, of) in decisions {
                let Some(entry) = command.entry() else { continue };
                let key = entry.key_text(ui.ctx(), model.settings());
                let (icon, colour) = super::queue_panel::sign(of, &palette);
                let button = Button::new(format!("      {}  {key}", entry.name)).min_size(vec2(0.0, 28.0));
                let button = button.selected(state == Some(of));
                let response = ui.add_enabled((entry.enabled)(model), button);
                let side = vec2(12.0, 12.0);
                let at = egui::Rect::from_center_size(response.rect.left_center() + vec2(15.0, 0.0), side);
                if let Some(icon) = icon {
                    icon.paint(ui.painter(), at, colour);
                }
                let response = response.on_hover_text(entry.tooltip_text(ui.ctx(), model.settings()));
                if response.accessible_name(entry.name).clicked() {
                    out.push(command);
                }
            }
            if let Some(entry) = Command::RejectWith.entry() {
                let why = Button::new("Why…").selected(curating.choosing_reason()).min_size(vec2(0.0, 28.0));
                let why = ui.add_enabled((entry.enabled)(model), why);
                let why = why.on_hover_text(entry.tooltip_text(ui.ctx(), model.settings()));
                if why.accessible_name(entry.name).clicked() {
                    out.push(Command::RejectWith);
                }
            }
            if curating.choosing_reason() {
                for (number, reason) in Reason::ALL.into_iter().enumerate() {
                    let button = ui.button(format!("{} {}", number + 1, reason.words()));
                    if button.accessible_name(format!("Reject: {}", reason.words())).clicked() {
                        out.push(Command::Curate(Curate::Reject(reason)));
                    }
                }
                return;
            }
            if let Some(entry) = Command::Flag.entry() {
                let flag = Icon::Flag.toggle(ui, curating.flag());
                let flag = flag.on_hover_text(entry.tooltip_text(ui.ctx(), model.settings()));
                if flag.accessible_name(entry.name).clicked() {
                    out.push(Command::Flag);
                }
            }
            if let Some(reason) = curating.record().and_then(|record| record.reason).filter(|_| !model.blind()) {
                ui.label(RichText::new(reason.words()).color(palette.bad));
            }
            let mut note = curating.note().to_owned();
            let field = TextEdit::singleline(&mut note)
                .hint_text("Note (N)")
                .desired_width((ui.available_size_before_wrap().x - 12.0).max(120.0));
            let field = ui.add(field);
            let field = field.accessible_name("Note about this pair");
            if self.asked != curating.note_asked() {
                self.asked = curating.note_asked();
                field.request_focus();
            }
            if field.changed() {
                out.push(Command::Curate(Curate::Write(note)));
            }
        });
    }
}
