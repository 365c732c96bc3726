//! How the pair is played: loop, speed, which side is warped, offset, mute, clicks. The second row of the transport.

use super::button::press;
use super::command::Command;
use super::model::Model;
use super::theme::{self, Palette};
use crate::playback::{SPEED_STEP, SPEEDS};
use egui::{Label, RichText, Slider, Ui};

/// Shows the row. Returns whether a slider has the focus and therefore needs the arrow keys.
pub(super) fn show(ui: &mut Ui, model: &Model, palette: &Palette, out: &mut Vec<Command>) -> bool {
    let (mix, rendition) = (model.settings().mix, model.settings().rendition);
    ui.spacing_mut().item_spacing.x = 3.0;
    press(ui, model, Command::Loop, "Loop", "Loop", Command::Loop.is_on(model), out);
    press(ui, model, Command::LoopIn, "In", "Loop in", false, out);
    press(ui, model, Command::LoopOut, "Out", "Loop out", false, out);
    press(ui, model, Command::LoopUnreliable, "Unreliable", "Loop the unreliable stretch", false, out);
    ui.add_space(8.0);

    let label = ui.label(RichText::new("Speed").color(palette.faint));
    press(ui, model, Command::Slower, "−", "Slower", false, out);
    let mut speed = rendition.speed;
    ui.spacing_mut().slider_width = 80.0;
    let slider = ui
        .add(Slider::new(&mut speed, SPEEDS).step_by(SPEED_STEP).fixed_decimals(2).suffix("×").logarithmic(true))
        .labelled_by(label.id)
        .on_hover_text("How fast it is played. Double click: as fast as it is.");
    if slider.double_clicked() {
        out.push(Command::NormalSpeed);
    } else if slider.changed() {
        out.push(Command::Speed(speed));
    }
    press(ui, model, Command::Faster, "+", "Faster", false, out);
    press(ui, model, Command::NormalSpeed, "1×", "Normal speed", false, out);
    press(ui, model, Command::Varispeed, "Tape", "Pitch follows speed", rendition.varispeed, out);
    ui.add_space(8.0);
    let stretched = Command::WarpSide.is_on(model);
    press(ui, model, Command::WarpSide, "On MIDI time", "Stretch the recording", stretched, out);
    ui.add_space(8.0);

    ui.label(RichText::new("Offset").color(palette.faint));
    press(ui, model, Command::Earlier, "−", "MIDI 10 ms earlier", false, out);
    let offset = format!("{:+.0} ms", model.offset_ms());
    let offset_label = ui.add_sized([58.0, 20.0], Label::new(RichText::new(&offset).font(theme::small())));
    offset_label.accessible_name(format!("Offset {offset}"));
    press(ui, model, Command::Later, "+", "MIDI 10 ms later", false, out);
    press(ui, model, Command::NoOffset, "0", "No offset", false, out);
    ui.add_space(8.0);
    press(ui, model, Command::MuteMidi, "Mute MIDI", "Mute the MIDI", mix.midi_muted, out);
    press(ui, model, Command::MuteRecording, "Mute rec.", "Mute the recording", mix.recording_muted, out);
    let clicks = format!("Clicks: {}", mix.click.name());
    press(ui, model, Command::Click, &clicks, &clicks, Command::Click.is_on(model), out);
    if model.waits_for_sound() {
        ui.label(RichText::new("stretching…").font(theme::small()).color(palette.warning));
    }
    slider.has_focus()
}
