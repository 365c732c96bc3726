//! [`Palette`]: a field to type part of a command's name into, and the matching commands, best first.

use super::command::{Command, Entry, TABLE};
use super::model::Model;
use super::theme;
use egui::{self, Align2, Button, Context, Key, Modifiers, RichText, ScrollArea, TextEdit, Window};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};

/// See the module. Keeps the typed text.
#[derive(Default)]
pub(super) struct Palette {
    query: String,
    /// The line that Enter selects.
    at: usize,
}

/// The matching commands, best first; all in menu order if nothing is typed.
fn fitting(query: &str) -> Vec<&'static Entry> {
    struct Named(&'static Entry);
    impl AsRef<str> for Named {
        fn as_ref(&self) -> &str {
            self.0.name
        }
    }
    let pattern = Pattern::parse(query, CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    pattern.match_list(TABLE.iter().map(Named), &mut matcher).into_iter().map(|(Named(entry), _)| entry).collect()
}

impl Palette {
    /// Shows the palette while it is open.
    pub(super) fn show(&mut self, ctx: &Context, model: &Model, out: &mut Vec<Command>) {
        let fitting = fitting(&self.query);
        self.at = self.at.min(fitting.len().saturating_sub(1));
        let (down, up, enter, escape) = ctx.input_mut(|i| {
            let mut taken = |key| i.consume_key(Modifiers::NONE, key);
            (taken(Key::ArrowDown), taken(Key::ArrowUp), taken(Key::Enter), taken(Key::Escape))
        });
        if down {
            self.at = (self.at + 1).min(fitting.len().saturating_sub(1));
        } else if up {
            self.at = self.at.saturating_sub(1);
        }
        let mut chosen = fitting.get(self.at).copied().filter(|_| enter);
        let rect = ctx.content_rect();
        let window = Window::new("Command palette")
            .title_bar(false)
            .resizable(false)
            .anchor(Align2::CENTER_TOP, [0.0, rect.height() * 0.12])
            .fixed_size([theme::PALETTE_WIDTH, rect.height() * 0.6]);
        window.show(ctx, |ui| {
            let field = TextEdit::singleline(&mut self.query)
                .hint_text("Find a command")
                .desired_width(f32::INFINITY)
                .margin(egui::Margin::symmetric(8, 6));
            let field = ui.add(field).accessible_name("Find a command");
            field.request_focus();
            if field.changed() {
                self.at = 0;
            }
            ui.add_space(2.0);
            ScrollArea::vertical().auto_shrink([false, true]).show(ui, |ui| {
                for (index, entry) in fitting.iter().enumerate() {
                    let faint = theme::palette(ui).faint;
                    let keys = RichText::new(entry.key_text(ctx, model.settings())).color(faint);
                    let button = Button::new(entry.name)
                        .shortcut_text(keys)
                        .selected(index == self.at)
                        .frame_when_inactive(index == self.at)
                        .min_size(egui::vec2(ui.available_width(), 0.0));
                    let line = ui.add_enabled((entry.enabled)(model), button).on_hover_text(entry.tooltip);
                    if index == self.at && (down || up || field.changed()) {
                        line.scroll_to_me(None);
                    }
                    if line.clicked() {
                        chosen = Some(entry);
                    }
                }
                if fitting.is_empty() {
                    ui.label(RichText::new("No command has such a name").color(theme::palette(ui).faint));
                }
            });
        });
        let chosen = chosen.filter(|entry| (entry.enabled)(model));
        if escape || chosen.is_some() {
            *self = Self::default();
            out.push(Command::Close);
            out.extend(chosen.map(|entry| entry.command.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_letters_of_a_name_find_it() {
        assert_eq!(fitting("zmp").first().map(|entry| entry.id), Some("ZoomPitchIn"));
        assert_eq!(fitting("light").first().map(|entry| entry.id), Some("ThemeLight"));
        assert_eq!(fitting("").len(), TABLE.len());
        assert!(fitting("qqqq").is_empty());
    }
}
