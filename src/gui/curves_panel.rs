//! Local cost and tempo ratio under the strips, on their time axis.

use super::audit_panel::spoken;
use super::command::{Command, Hover};
use super::gestures::{cursor_by_keys, time_gestures};
use super::loop_bar;
use super::model::{Aligned, Model};
use super::read_out::{curve_text, describe};
use super::strip_marks::{crosshair, head, unreliable};
use super::theme::{self, Palette};
use eframe::egui::{
    Align2, Color32, Mesh, Painter, Pos2, Rect, Role, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2,
};

/// Shows both and returns what the pointer is at.
pub(super) fn show(ui: &Ui, rect: Rect, model: &Model, palette: &Palette, out: &mut Vec<Command>) -> Option<Hover> {
    let rect = rect.with_max_y(rect.bottom() - 2.0);
    let middle = rect.top() + rect.height() * 0.45;
    let parts = [rect.with_max_y(middle - 2.0), rect.with_min_y(middle + 2.0)];
    let response = ui.interact(rect, ui.scope_id().with("curves"), Sense::click_and_drag());
    let now = model.transport().position(ui.input(|i| i.time));
    let scales = model.aligned().map(|aligned| {
        [format!("0 – {:.2}", aligned.curves.highest_cost()), format!("× {:.2}", aligned.curves.whole_tempo())]
    });
    for (i, (part, name)) in parts.iter().zip(["cost", "tempo"]).enumerate() {
        ui.painter().rect_filled(*part, 0.0, palette.empty);
        let at = pos2(part.left() - 6.0, part.center().y);
        ui.painter().text(at, Align2::RIGHT_BOTTOM, name, theme::small(), palette.text);
        if let Some(scales) = &scales {
            ui.painter().text(at, Align2::RIGHT_TOP, &scales[i], theme::small(), palette.faint);
        }
    }
    if let Some(aligned) = model.aligned() {
        let painter = ui.painter();
        cost(&painter.with_clip_rect(parts[0]), parts[0], aligned, model, palette.warning);
        tempo(&painter.with_clip_rect(parts[1]), parts[1], aligned, model, palette);
        for part in parts {
            for &(from, to) in &aligned.alignment.unreliable {
                unreliable(painter, part, model.view().x(part, from), model.view().x(part, to));
            }
        }
    }
    for part in parts {
        loop_bar::mark(ui.painter(), part, model);
        crosshair(ui.painter(), part, model, palette.faint);
        head(ui, part, model);
        let edge = if response.has_focus() {
            Stroke::new(2.0, ui.visuals().selection.stroke.color)
        } else {
            theme::outline(palette)
        };
        ui.painter().rect_stroke(part, 0.0, edge, StrokeKind::Outside);
    }
    let time = time_gestures(ui, &response, rect, model, out);
    cursor_by_keys(ui, &response, model, false, out);
    let cursor = model.hover().filter(|_| response.has_focus());
    response.widget_info(|| {
        let values = model.aligned().and_then(|aligned| curve_text(aligned, now)).unwrap_or_default();
        let value = cursor.map(|at| describe(&at, model));
        WidgetInfo {
            current_text_value: Some(value.unwrap_or_else(|| format!("{}, {values}", spoken(model, now)))),
            ..WidgetInfo::labeled(Role::Image, true, "Local cost and tempo ratio")
        }
    });
    time.map(|audio_s| Hover { audio_s, midi_s: None, note: None })
}

/// For each pixel column the frames that fall into it.
fn columns<'a>(
    rect: Rect,
    model: &'a Model,
    values: &'a [f32],
    frame_s: f64,
) -> impl Iterator<Item = (f32, &'a [f32])> {
    (0..rect.width().ceil() as usize).filter_map(move |column| {
        let x = rect.left() + column as f32;
        let frame = |x: f32| (model.view().time(rect, x) / frame_s).round().max(0.0) as usize;
        let (from, to) = (frame(x), frame(x + 1.0));
        Some((x, values.get(from..to.max(from + 1).min(values.len())).filter(|part| !part.is_empty())?))
    })
}

/// Bars from the bottom: the most costly frame of each column.
fn cost(painter: &Painter, rect: Rect, aligned: &Aligned, model: &Model, colour: Color32) {
    let highest = aligned.curves.highest_cost();
    let mut mesh = Mesh::default();
    for (x, part) in columns(rect, model, &aligned.curves.cost, aligned.curves.frame_s) {
        let most = part.iter().copied().fold(f32::NAN, f32::max);
        if most.is_finite() {
            let top = rect.bottom() - (most / highest).clamp(0.0, 1.0) * rect.height();
            mesh.add_colored_rect(Rect::from_min_max(pos2(x, top), pos2(x + 1.0, rect.bottom())), colour);
        }
    }
    painter.add(Shape::mesh(mesh));
}

/// A line around the tempo ratio of the whole, which stands in the middle; half and double at the edges.
fn tempo(painter: &Painter, rect: Rect, aligned: &Aligned, model: &Model, palette: &Palette) {
    let curves = &aligned.curves;
    let whole = curves.whole_tempo();
    let y = |ratio: f32| {
        let octaves = (ratio.max(1e-6) / whole).log2().clamp(-1.0, 1.0);
        rect.center().y - octaves * (rect.height() / 2.0 - 2.0)
    };
    painter.hline(rect.x_range(), y(whole), theme::outline(palette));
    let points: Vec<Pos2> = columns(rect, model, &curves.tempo, curves.frame_s)
        .map(|(x, part)| pos2(x + 0.5, y(part.iter().sum::<f32>() / part.len() as f32)))
        .collect();
    painter.add(Shape::line(points, Stroke::new(1.5, palette.midi)));
}
