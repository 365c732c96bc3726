//! The loop: a bar below the time ruler, where the user drags to set it, and its edges on the strips.

use super::command::Command;
use super::model::Model;
use super::theme::{self, Palette};
use crate::picture::axis::clock_text;
use egui::accesskit::Role;
use egui::{CursorIcon, Painter, PointerButton, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo};

/// How near the pointer must be to grab an edge, in points.
const REACH: f32 = 6.0;
/// A drag shorter than this, in points, is a click.
const SHORTEST: f32 = 3.0;

/// Shows the bar: dragging makes a loop, dragging an edge moves it, a double click turns it off.
pub(super) fn show(ui: &Ui, rect: Rect, model: &Model, palette: &Palette, out: &mut Vec<Command>) {
    let response = ui.interact(rect, ui.scope_id().with("loop bar"), Sense::click_and_drag());
    let on = model.transport().region().is_some();
    let label = match model.region() {
        Some((start, end)) => {
            let state = if on { "on" } else { "off" };
            format!("Loop bar, from {} to {}, {state}", clock_text(start, 0.01), clock_text(end, 0.01))
        }
        None => "Loop bar, no loop".to_owned(),
    };
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, label.clone()));
    let painter = ui.painter_at(rect);
    painter.rect_stroke(rect, 2.0, theme::outline(palette), StrokeKind::Inside);
    let view = model.view();
    let edges = model.region().map(|(start, end)| (view.x(rect, start), view.x(rect, end)));
    if let Some((left, right)) = edges {
        let part = Rect::from_x_y_ranges(left..=right, rect.y_range());
        if on {
            painter.rect_filled(part, 2.0, theme::LOOP);
        } else {
            painter.rect_stroke(part, 2.0, Stroke::new(1.0, theme::LOOP), StrokeKind::Inside);
        }
    }
    if !model.playable() {
        return;
    }
    let held = |x: f32| {
        let (start, end) = model.region()?;
        let (left, right) = edges?;
        if (x - right).abs() < REACH {
            return Some(start);
        }
        ((x - left).abs() < REACH).then_some(end)
    };
    if response.hover_pos().is_some_and(|pointer| held(pointer.x).is_some()) {
        ui.ctx().set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
    let anchor = response.id.with("anchor");
    if response.drag_started_by(PointerButton::Primary)
        && let Some(origin) = ui.input(|i| i.pointer.press_origin())
    {
        let other = held(origin.x).unwrap_or_else(|| view.time(rect, origin.x));
        ui.data_mut(|data| data.insert_temp(anchor, other));
    }
    if response.dragged_by(PointerButton::Primary)
        && let (Some(pointer), Some(other)) =
            (response.interact_pointer_pos(), ui.data(|data| data.get_temp::<f64>(anchor)))
        && (pointer.x - view.x(rect, other)).abs() >= SHORTEST
    {
        out.push(Command::SetLoop(Some((other, view.time(rect, pointer.x)))));
    }
    if response.double_clicked() {
        out.push(Command::SetLoop(None));
    }
    response.on_hover_text("Drag to loop a part; drag its edges; double click to go on");
}

/// Draws the edges of the loop on a strip, and a shade over everything outside it.
pub(super) fn mark(painter: &Painter, rect: Rect, model: &Model) {
    let Some((start, end)) = model.transport().region() else { return };
    let (left, right) = (model.view().x(rect, start), model.view().x(rect, end));
    for (from, to) in [(rect.left(), left.min(rect.right())), (right.max(rect.left()), rect.right())] {
        if to > from {
            painter.rect_filled(Rect::from_x_y_ranges(from..=to, rect.y_range()), 0.0, theme::OUTSIDE);
        }
    }
    for x in [left, right] {
        if rect.x_range().contains(x) {
            painter.vline(x, rect.y_range(), Stroke::new(2.0, theme::LOOP));
        }
    }
}
