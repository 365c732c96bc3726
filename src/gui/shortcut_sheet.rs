//! [`ShortcutSheet`]: every command with its keys, to read and to change.

use super::command::{Command, Menu, Shortcut, TABLE};
use super::keys;
use super::model::Model;
use super::theme;
use egui::{self, Align2, Button, Context, Grid, Key, Modifiers, RichText, ScrollArea, Ui, Window};

/// See the module.
#[derive(Default)]
pub(super) struct ShortcutSheet {
    /// The command (its `id`) waiting for a key.
    waiting: Option<&'static str>,
}

impl ShortcutSheet {
    /// Shows the sheet while it is open.
    pub(super) fn show(&mut self, ctx: &Context, model: &Model, out: &mut Vec<Command>) {
        if let Some(id) = self.waiting
            && let Some(key) = keys::pressed(ctx)
        {
            self.waiting = None;
            if key != (Modifiers::NONE, Key::Escape) {
                out.push(Command::Bind(id, Some(key)));
            }
        }
        let mut open = true;
        Window::new("Shortcuts")
            .open(&mut open)
            .collapsible(false)
            .resizable(false)
            .anchor(Align2::CENTER_CENTER, [0.0, 0.0])
            .show(ctx, |ui| {
                let palette = theme::palette(ui);
                ui.label(
                    RichText::new("Press a button, then the key that the command is to have.").color(palette.faint),
                );
                let mut single = model.settings().single_keys;
                if ui.checkbox(&mut single, "Letters, figures and signs are keys of commands").changed() {
                    out.push(Command::SingleKeys);
                }
                ui.label(RichText::new(model.status()).color(palette.warning));
                let high = ctx.content_rect().height() - 220.0;
                ScrollArea::vertical().max_height(high).min_scrolled_height(high).show(ui, |ui| {
                    ui.horizontal_top(|ui| {
                        for menus in [&Menu::ALL[..3], &Menu::ALL[3..]] {
                            ui.vertical(|ui| menus.iter().for_each(|&menu| self.group(ui, menu, model, out)));
                            ui.add_space(12.0);
                        }
                    });
                });
            });
        let escape = self.waiting.is_none() && ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape));
        if !open || escape {
            self.waiting = None;
            out.push(Command::Close);
        }
    }

    fn group(&mut self, ui: &mut Ui, menu: Menu, model: &Model, out: &mut Vec<Command>) {
        ui.add_space(4.0);
        ui.label(RichText::new(menu.title()).strong());
        let ctx = ui.ctx().clone();
        Grid::new(menu.title()).num_columns(3).spacing([10.0, 2.0]).show(ui, |ui| {
            for entry in TABLE.iter().filter(|entry| entry.menu == menu) {
                ui.label(entry.name).on_hover_text(entry.tooltip);
                let texts: Vec<String> =
                    entry.keys(model.settings()).iter().map(|key: &Shortcut| keys::shortcut_text(&ctx, key)).collect();
                let waits = self.waiting == Some(entry.id);
                let text = match texts.join(" or ") {
                    _ if waits => "press a key".to_owned(),
                    none if none.is_empty() => "–".to_owned(),
                    keys => keys,
                };
                let button =
                    Button::new(RichText::new(text).monospace()).selected(waits).min_size(egui::vec2(110.0, 0.0));
                if ui.add(button).accessible_name(format!("Key of {}", entry.name)).clicked() {
                    self.waiting = Some(entry.id);
                }
                if model.settings().keys.contains_key(entry.id) {
                    let reset = ui.small_button("Reset").on_hover_text("Give the command its own key again");
                    if reset.accessible_name(format!("Reset the key of {}", entry.name)).clicked() {
                        out.push(Command::Bind(entry.id, None));
                    }
                }
                ui.end_row();
            }
        });
    }
}
