//! Attention strips: how much each moment of a side counts in its embedding, drawn below its strip.

use super::command::{Command, Hover};
use super::gestures::{cursor_by_keys, time_gestures};
use super::loop_bar;
use super::model::Model;
use super::read_out::{describe, spoken};
use super::strip_marks::{crosshair, head};
use super::theme::{self, Palette};
use crate::features::FRAME_S;
use crate::hashing::Side;
use egui::{Align2, Mesh, Rect, Role, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2};

/// The strip's name, and that of its widget.
pub(super) fn name(side: Side) -> &'static str {
    if side == Side::Midi { "MIDI attention" } else { "Recording attention" }
}

/// Height of one strip.
pub(super) fn height(model: &Model) -> f32 {
    let there = model.embedding_model().is_some() || model.embedded().is_some();
    if model.settings().attention && there { theme::ATTENTION_HEIGHT } else { 0.0 }
}

/// Draws the strip and returns what the pointer is over.
pub(super) fn show(
    ui: &Ui,
    rect: Rect,
    side: Side,
    model: &Model,
    palette: &Palette,
    out: &mut Vec<Command>,
) -> Option<Hover> {
    let name = name(side);
    let response = ui.interact(rect, ui.scope_id().with(name), Sense::click_and_drag());
    let painter = ui.painter();
    painter.rect_filled(rect, 0.0, palette.empty);
    let now = model.transport().position(ui.input(|i| i.time));
    if let Some(pair) = model.embedded() {
        let colour = if side == Side::Midi { palette.midi } else { palette.recording };
        let (embedded, most) = (pair.side(side), pair.counts_most(side));
        let mut mesh = Mesh::default();
        for column in 0..rect.width().ceil() as usize {
            let x = rect.left() + column as f32;
            let frame = |x: f32| frame_at(model, side, model.view().time(rect, x));
            let (Some(from), Some(to)) = (frame(x), frame(x + 1.0)) else { continue };
            let part = embedded.attention.get(from..to.max(from + 1).min(embedded.attention.len()));
            let Some(weight) = part.and_then(|part| part.iter().copied().reduce(f32::max)) else { continue };
            let top = rect.bottom() - (weight / most).min(1.0) * rect.height();
            mesh.add_colored_rect(Rect::from_min_max(pos2(x, top), pos2(x + 1.0, rect.bottom())), colour);
        }
        painter.with_clip_rect(rect.intersect(painter.clip_rect())).add(Shape::mesh(mesh));
        let at = pos2(rect.left() - 6.0, rect.center().y);
        painter.text(at, Align2::RIGHT_BOTTOM, "attention", theme::small(), palette.text);
        let scale = format!("0 – {:.1}", most * embedded.attention.len() as f32);
        painter.text(at, Align2::RIGHT_TOP, scale, theme::small(), palette.faint);
    }
    let edge = if response.has_focus() {
        Stroke::new(2.0, ui.visuals().selection.stroke.color)
    } else {
        theme::outline(palette)
    };
    painter.rect_stroke(rect, 0.0, edge, StrokeKind::Outside);
    crosshair(painter, rect, model, palette.faint);
    loop_bar::mark(painter, rect, model);
    head(ui, rect, model);
    let time = time_gestures(ui, &response, rect, model, out);
    cursor_by_keys(ui, &response, model, false, out);
    let cursor = model.hover().filter(|_| response.has_focus());
    response.widget_info(|| {
        let at = cursor.map_or(now, |cursor| cursor.audio_s);
        let words = cursor.map_or_else(|| spoken(model, now), |cursor| describe(&cursor, model));
        let counts = text_at(model, side, at).unwrap_or_else(|| "nothing to hear here".into());
        WidgetInfo {
            current_text_value: Some(format!("{words}, {counts}")),
            ..WidgetInfo::labeled(Role::Image, true, name)
        }
    });
    time.map(|audio_s| Hover { audio_s, midi_s: None, note: None })
}

/// How much a second of the recording counts on a side, e.g. `attention × 1.8`, relative to uniform attention.
pub(super) fn text_at(model: &Model, side: Side, audio_s: f64) -> Option<String> {
    let embedded = model.embedded()?.side(side);
    let weight = embedded.attention.get(frame_at(model, side, audio_s)?)?;
    Some(format!("attention × {:.1}", weight * embedded.attention.len() as f32))
}

/// The frame of a side at a given second of the recording.
fn frame_at(model: &Model, side: Side, audio_s: f64) -> Option<usize> {
    let seconds = if side == Side::Midi { model.midi_time(audio_s)?.0 } else { audio_s };
    // Frame i is centred on its moment in time.
    let frame = (seconds / FRAME_S + 0.5).floor();
    (frame >= 0.0).then_some(frame as usize)
}
