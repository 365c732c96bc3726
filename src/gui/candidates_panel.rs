//! The list on the left: the MIDI, and the recordings that may match it.

use super::command::Command;
use super::icon::Icon;
use super::loading::file_name;
use super::model::{Model, State};
use super::theme::{self, Palette};
use egui::{Align, Button, Label, Layout, RichText, ScrollArea, Ui, vec2};

/// Shows the list.
pub(super) fn show(ui: &mut Ui, model: &Model, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    ui.label(RichText::new("MIDI").color(palette.midi).strong());
    match model.midi_path() {
        Some(path) => {
            ui.add(Label::new(file_name(path)).truncate()).on_hover_text(path.display().to_string());
            warning(ui, model.midi().and_then(|midi| midi.side.midi.warning()), &palette);
        }
        None => {
            ui.label(RichText::new("None yet. Drop one here.").color(palette.faint));
        }
    }
    ui.separator();
    ui.horizontal(|ui| {
        ui.label(RichText::new("Recordings").color(palette.recording).strong());
        if model.several() {
            let count = format!("{}", model.candidates().len());
            ui.label(RichText::new(count).color(palette.faint));
        }
    });
    if model.candidates().is_empty() {
        ui.label(RichText::new("None yet. Drop some here.").color(palette.faint));
    }
    let button_height = ui.spacing().interact_size.y + 2.0 * ui.spacing().item_spacing.y;
    ScrollArea::vertical().max_height(ui.available_height() - button_height).auto_shrink([false, true]).show(
        ui,
        |ui| {
            for index in 0..model.candidates().len() {
                row(ui, model, index, &palette, out);
            }
        },
    );
    ui.add_space(4.0);
    if ui.button("Open…").on_hover_text("Choose a MIDI file, recordings, or both").clicked() {
        out.push(Command::ChooseFiles);
    }
}

/// What is odd about a file that is used all the same, in one line.
pub(super) fn warning(ui: &mut Ui, text: Option<String>, palette: &Palette) {
    if let Some(text) = text {
        let line = Label::new(RichText::new(&text).font(theme::small()).color(palette.warning)).truncate();
        ui.add(line).on_hover_text(text);
    }
}

fn row(ui: &mut Ui, model: &Model, index: usize, palette: &Palette, out: &mut Vec<Command>) {
    let candidate = &model.candidates()[index];
    let (icon, text, colour) = match model.state(candidate) {
        State::Aligned(confidence) if confidence > crate::alignment::ACCEPTED => {
            (Some(Icon::Good), format!("{confidence:.2}"), palette.good)
        }
        State::Aligned(confidence) => (Some(Icon::Bad), format!("{confidence:.2}"), palette.bad),
        State::Waiting => (None, "waiting".into(), palette.faint),
        State::Reading => (None, "reading".into(), palette.faint),
        State::NoMidi => (None, "ready".into(), palette.faint),
        State::Aligning => (None, "aligning".into(), palette.faint),
        State::Halted => (Some(Icon::Warning), "try again".into(), palette.warning),
    };
    ui.push_id(candidate.path.as_os_str(), |ui| {
        let line = vec2(ui.available_width(), ui.spacing().interact_size.y);
        ui.allocate_ui_with_layout(line, Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(text).color(colour));
            if let Some(icon) = icon {
                icon.show(ui, 10.0, colour);
            }
            let selected = model.selected() == Some(index);
            let name = file_name(&candidate.path);
            let button = Button::selectable(selected, name).truncate();
            let room = ui.available_size_before_wrap();
            let response = ui
                .with_layout(
                    Layout::left_to_right(Align::Center).with_main_justify(true).with_main_align(Align::Min),
                    |ui| {
                        ui.set_max_width(room.x);
                        ui.add(button)
                    },
                )
                .inner
                .on_hover_text(candidate.path.display().to_string());
            if response.clicked() {
                out.push(Command::Select(index));
            }
            response.context_menu(|ui| {
                if ui.button("Remove from the list").clicked() {
                    out.push(Command::Remove(index));
                    ui.close();
                }
            });
        });
        let odd = candidate.recording.as_ref().and_then(|recording| recording.side.recording.warning.clone());
        warning(ui, odd, palette);
    });
}
