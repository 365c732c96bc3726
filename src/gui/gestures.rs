//! What the pointer does on a time axis and on a pitch axis.

use super::command::Command;
use super::model::Model;
use super::timeline::PitchView;
use eframe::egui::{EventFilter, PointerButton, Pos2, Rect, Response, Ui, Vec2};

/// Seek by click and drag, pan by the middle or right button and by sideways scrolling, zoom by the wheel and by
/// pinching. Returns the moment under the pointer.
pub(super) fn time_gestures(
    ui: &Ui,
    response: &Response,
    rect: Rect,
    model: &Model,
    out: &mut Vec<Command>,
) -> Option<f64> {
    if response.has_focus() {
        // Arrows move the playhead, not the focus.
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

/// Where the left button has just gone down, or has moved to while it is down. Holding it still is neither: the playhead
/// goes on from there.
pub(super) fn pressed_or_moved(ui: &Ui, response: &Response) -> Option<Pos2> {
    let pressed = response.contains_pointer() && ui.input(|i| i.pointer.primary_pressed());
    let moved = response.dragged_by(PointerButton::Primary) && response.drag_delta() != Vec2::ZERO;
    if pressed || moved { ui.input(|i| i.pointer.interact_pos()) } else { None }
}

/// On a strip: pan the pitch by the middle or right button; on its piano keys (`keys`) zoom it by the wheel.
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
