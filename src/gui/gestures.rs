//! Pointer gestures on a time axis and on a pitch axis.

use super::command::{Command, Hover};
use super::model::Model;
use super::timeline::PitchView;
use crate::features::{CqtParams, FRAME_S};
use egui::{Event, EventFilter, Key, Modifiers, PointerButton, Pos2, Rect, Response, Ui, Vec2};

/// An arrow key moves the crosshair by this share of the visible range; with Shift by ten times as much.
const STEP: f64 = 0.01;
/// Handles gestures on a time axis: click and drag to seek, middle or right button or sideways scrolling to pan, wheel
/// or pinch to zoom. Returns the moment under the pointer.
pub(super) fn time_gestures(
    ui: &Ui,
    response: &Response,
    rect: Rect,
    model: &Model,
    out: &mut Vec<Command>,
) -> Option<f64> {
    if response.has_focus() {
        // Arrow keys move the crosshair, not the focus.
        let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    }
    if !model.playable() {
        return None;
    }
    let view = model.view();
    if let Some(pointer) = pressed_or_moved(ui, response) {
        out.push(Command::Seek(view.time(rect, pointer.x)));
    }
    if response.dragged_by(PointerButton::Middle) || response.dragged_by(PointerButton::Secondary) {
        out.push(Command::Pan(-f64::from(response.drag_delta().x) * view.seconds_a_point(rect)));
    }
    let pointer = response.hover_pos().filter(|_| response.contains_pointer())?;
    let time = view.time(rect, pointer.x);
    let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta(), i.zoom_delta()));
    if scroll.x != 0.0 {
        out.push(Command::Pan(-f64::from(scroll.x) * view.seconds_a_point(rect)));
    }
    let factor = f64::from(pinch) * (f64::from(scroll.y) * 0.005).exp();
    if (factor - 1.0).abs() > 1e-6 {
        out.push(Command::Zoom { factor, around: time });
    }
    Some(time)
}

/// Where the left button was just pressed, or where the pointer moved while it is down. Holding it still is neither, so
/// that the playhead runs on.
pub(super) fn pressed_or_moved(ui: &Ui, response: &Response) -> Option<Pos2> {
    let pressed = response.contains_pointer() && ui.input(|i| i.pointer.primary_pressed());
    let moved = response.dragged_by(PointerButton::Primary) && response.drag_delta() != Vec2::ZERO;
    if pressed || moved { ui.input(|i| i.pointer.interact_pos()) } else { None }
}

/// Handles gestures on a strip: middle or right button to pan the pitch; on its piano keys (`keys`) the wheel zooms it.
pub(super) fn pitch_gestures(
    ui: &Ui,
    response: &Response,
    keys: &Response,
    rect: Rect,
    model: &Model,
    out: &mut Vec<Command>,
) {
    let pitch = model.pitch();
    let up = |dy: f32| f64::from(dy / rect.height().max(1.0)) * (pitch.high() - pitch.low());
    let dragged = |r: &Response| r.dragged_by(PointerButton::Middle) || r.dragged_by(PointerButton::Secondary);
    if (dragged(response) || keys.dragged()) && pitch.high() - pitch.low() < PitchView::default().high() {
        let dy = response.drag_delta().y + keys.drag_delta().y;
        if dy != 0.0 {
            out.push(Command::PanPitch(up(dy)));
        }
    }
    if let Some(pointer) = keys.hover_pos().filter(|_| keys.contains_pointer()) {
        let scroll = ui.input(|i| i.smooth_scroll_delta().y);
        if scroll != 0.0 {
            let factor = (f64::from(scroll) * 0.005).exp();
            out.push(Command::ZoomPitch { factor, around: pitch.bin(rect, pointer.y) });
        }
    }
}

/// The axis an arrow key moves along.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Across,
    Up,
}

/// The arrow keys that a painted panel with the focus received in this frame.
pub(super) struct Arrows {
    /// Presses, right and up positive, left and down negative, each with its modifiers.
    presses: Vec<(Axis, f64, Modifiers)>,
    /// Enter was pressed.
    pub(super) enter: bool,
}

impl Arrows {
    /// Whether any was pressed.
    pub(super) fn moves(&self) -> bool {
        !self.presses.is_empty()
    }

    /// The place they lead to from `at` on a time axis that shows `shown` seconds.
    pub(super) fn step(&self, axis: Axis, at: f64, shown: f64) -> f64 {
        let presses = self.presses.iter().filter(|press| press.0 == axis);
        presses.fold(at, |at, (_, sign, held)| {
            let share = if held.shift { 10.0 * STEP } else { STEP };
            at + sign * if held.command { FRAME_S } else { share * shown }
        })
    }

    /// The number of presses to the right or upwards, minus those in the opposite direction.
    pub(super) fn presses_along(&self, axis: Axis) -> f64 {
        self.presses.iter().filter(|press| press.0 == axis).map(|press| press.1).sum()
    }

    /// The note they lead to from another.
    fn note(&self, from: u8, lowest: u8, highest: u8) -> u8 {
        (f64::from(from) + self.presses_along(Axis::Up)).clamp(f64::from(lowest), f64::from(highest)) as u8
    }
}

/// The arrow keys and Enter, if this panel has the focus: the commands then don't get them (see
/// [`shortcuts`](super::keys::shortcuts)).
pub(super) fn arrows(ui: &Ui, response: &Response) -> Option<Arrows> {
    if !response.has_focus() {
        return None;
    }
    ui.input(|input| {
        let mut arrows = Arrows { presses: Vec::new(), enter: false };
        for event in &input.events {
            let Event::Key { key, pressed: true, modifiers, .. } = event else { continue };
            match key {
                Key::ArrowLeft => arrows.presses.push((Axis::Across, -1.0, *modifiers)),
                Key::ArrowRight => arrows.presses.push((Axis::Across, 1.0, *modifiers)),
                Key::ArrowDown => arrows.presses.push((Axis::Up, -1.0, *modifiers)),
                Key::ArrowUp => arrows.presses.push((Axis::Up, 1.0, *modifiers)),
                Key::Enter => arrows.enter = true,
                _ => {}
            }
        }
        Some(arrows)
    })
}

/// Moves the crosshair on the shared time axis: left and right in time, with `pitch` also up and down by notes; Enter
/// seeks there.
pub(super) fn cursor_by_keys(ui: &Ui, response: &Response, model: &Model, pitch: bool, out: &mut Vec<Command>) {
    let Some(keys) = arrows(ui, response) else { return };
    if let Some(hover) = model.hover().filter(|_| keys.enter) {
        out.push(Command::Seek(hover.audio_s));
    }
    if !keys.moves() || !model.playable() {
        return;
    }
    let view = model.view();
    let at = model.hover().map_or_else(|| model.transport().position(ui.input(|i| i.time)), |hover| hover.audio_s);
    let audio_s = keys.step(Axis::Across, at, view.shown()).clamp(0.0, model.transport().seconds());
    // The view follows.
    if audio_s < view.start() {
        out.push(Command::Pan(audio_s - view.start()));
    } else if audio_s > view.end() {
        out.push(Command::Pan(audio_s - view.end()));
    }
    let (low, high) = (model.pitch().low().ceil() as u8, model.pitch().high().floor() as u8);
    let first = CqtParams::default().first_note;
    let (lowest, highest) = (first.saturating_add(low), first.saturating_add(high).saturating_sub(1));
    let middle = u8::midpoint(lowest, highest);
    let from = model.hover().and_then(|hover| hover.note).unwrap_or(middle);
    let note = pitch.then(|| keys.note(from, lowest, highest));
    out.push(Command::Hover(Some(Hover { audio_s, midi_s: None, note })));
}
