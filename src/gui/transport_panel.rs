//! The transport: play, the position of the playhead on both clocks, what is heard and how.

use super::button::press;
use super::command::Command;
use super::hearing_panel;
use super::icon::Icon;
use super::model::Model;
use super::theme::{self, Palette};
use crate::picture::axis::clock_text;
use crate::playback::mixer::Listen;
use egui::{Align, Label, Layout, RichText, Slider, Ui, vec2};

/// Shows the transport. Returns whether a slider has the focus and needs the arrow keys, and the total height.
pub(super) fn show(ui: &mut Ui, model: &Model, out: &mut Vec<Command>) -> (bool, f32) {
    let palette = theme::palette(ui);
    let now = ui.input(|i| i.time);
    let mut arrows_taken = false;
    let row = vec2(ui.available_width(), theme::TRANSPORT_ROW);
    ui.allocate_ui_with_layout(row, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_height(theme::TRANSPORT_ROW);
        let playing = model.transport().playing();
        let (icon, label) = if playing { (Icon::Pause, "Pause") } else { (Icon::Play, "Play") };
        for (command, icon, label) in [
            (Command::Start, Icon::Start, "To the start"),
            (Command::PlayPause, icon, label),
            (Command::End, Icon::End, "To the end"),
        ] {
            let Some(entry) = command.entry() else { continue };
            let response =
                icon.button(ui, (entry.enabled)(model)).on_hover_text(entry.tooltip_text(ui.ctx(), model.settings()));
            if response.accessible_name(label).clicked() {
                out.push(command);
            }
        }
        ui.separator();
        clocks(ui, model, now, &palette);
        ui.separator();
        let mix = model.settings().mix;
        ui.spacing_mut().item_spacing.x = 3.0;
        for (command, name, listen) in [
            (Command::HearMidi, "MIDI", Listen::Midi),
            (Command::HearBoth, "Both", Listen::Both),
            (Command::HearRecording, "Recording", Listen::Recording),
        ] {
            press(ui, model, command, name, name, mix.listen == listen, out);
        }
        ui.add_space(8.0);
        press(ui, model, Command::Split, "L | R", "Left and right", mix.split, out);
        ui.add_space(8.0);
        let label = ui.label(RichText::new("Balance").color(palette.faint));
        let mut balance = mix.balance;
        // In the narrowest window only a short slider fits.
        ui.spacing_mut().slider_width = if row.x < 860.0 { 44.0 } else { 90.0 };
        let slider = ui
            .add_enabled(mix.listen == Listen::Both, Slider::new(&mut balance, -1.0..=1.0).show_value(false))
            .labelled_by(label.id)
            .on_hover_text("Left: more of the MIDI. Right: more of the recording. Double click: both alike.");
        if slider.double_clicked() {
            out.push(Command::Balance(0.0));
        } else if slider.changed() {
            out.push(Command::Balance(balance));
        }
        arrows_taken = slider.has_focus();
        ui.add_space(8.0);
        let follow = format!("Follow: {}", model.settings().follow.name());
        press(ui, model, Command::Follow, &follow, &follow, false, out);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| sound(ui, model, &palette));
    });
    // In a narrow window it takes an additional line.
    let hearing = ui.horizontal_wrapped(|ui| hearing_panel::show(ui, model, &palette, out));
    (arrows_taken || hearing.inner, theme::TRANSPORT_ROW + hearing.response.rect.height() + theme::GAP)
}

/// The position of the playhead: in the recording, in the MIDI, in bars and beats.
fn clocks(ui: &mut Ui, model: &Model, now: f64, palette: &Palette) {
    let at = model.transport().position(now);
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        ui.add_space(3.0);
        ui.horizontal(|ui| {
            ui.label(RichText::new(clock_text(at, 0.001)).font(theme::clock_font()));
            let length = format!("of {}", clock_text(model.transport().seconds(), 1.0));
            ui.label(RichText::new(length).font(theme::small()).color(palette.faint));
        });
        let musical = match (model.midi(), model.midi_time(at)) {
            (Some(midi), Some(time)) => {
                let (bar, beat) = midi.side.midi.bar_and_beat(time);
                format!("MIDI {}, bar {bar}, beat {beat:.1}", clock_text(time.0, 0.01))
            }
            _ => "MIDI –".to_owned(),
        };
        // Wide enough for every text, so that everything to its right stays in place.
        ui.allocate_ui_with_layout(vec2(170.0, 14.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(170.0);
            ui.label(RichText::new(musical).font(theme::small()).color(palette.midi));
        });
    });
}

fn sound(ui: &mut Ui, model: &Model, palette: &Palette) {
    let colour = if model.sound().is_silent() { palette.warning } else { palette.faint };
    let text = model.sound().describe();
    let label = Label::new(RichText::new(&text).color(colour).font(theme::small())).truncate();
    let explained = if model.sound().is_silent() {
        format!("{text}. Everything else works; the playhead goes by the clock.")
    } else {
        text
    };
    ui.add(label).on_hover_text(explained);
}
