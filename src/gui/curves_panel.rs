//! Local cost, tempo ratio and distance of the hash bits, below the strips and on the same time axis.

use super::command::{Command, Hover};
use super::gestures::{cursor_by_keys, time_gestures};
use super::loop_bar;
use super::model::{Aligned, Hashed, Model};
use super::read_out::{curve_text, describe, shows_bits, spoken};
use super::strip_marks::{crosshair, head, unreliable};
use super::theme::{self, Palette};
use egui::{Align2, Color32, Mesh, Painter, Pos2, Rect, Role, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2};

/// What a row draws.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    Cost,
    Tempo,
    Hamming,
}

/// Height of all visible rows.
pub(super) fn height(model: &Model) -> f32 {
    let hamming = if shows_bits(model) { theme::HAMMING_HEIGHT } else { 0.0 };
    hamming + if model.settings().curves { theme::CURVES_HEIGHT } else { 0.0 }
}

/// The visible rows, from the top.
fn rows(rect: Rect, model: &Model) -> Vec<(Row, Rect)> {
    let mut rows = Vec::new();
    let mut top = rect.top();
    if shows_bits(model) {
        rows.push((Row::Hamming, rect.with_max_y(top + theme::HAMMING_HEIGHT - 4.0)));
        top += theme::HAMMING_HEIGHT;
    }
    if model.settings().curves {
        let middle = top + (rect.bottom() - top) * 0.45;
        rows.push((Row::Cost, rect.with_min_y(top).with_max_y(middle - 2.0)));
        rows.push((Row::Tempo, rect.with_min_y(middle + 2.0)));
    }
    rows
}

/// Draws the rows and returns what the pointer is over.
pub(super) fn show(ui: &Ui, rect: Rect, model: &Model, palette: &Palette, out: &mut Vec<Command>) -> Option<Hover> {
    let rect = rect.with_max_y(rect.bottom() - 2.0);
    let response = ui.interact(rect, ui.scope_id().with("curves"), Sense::click_and_drag());
    let now = model.transport().position(ui.input(|i| i.time));
    for (row, part) in rows(rect, model) {
        ui.painter().rect_filled(part, 0.0, palette.empty);
        let clipped = ui.painter().with_clip_rect(part);
        let (name, scale) = match row {
            Row::Cost => ("cost", model.aligned().map(|a| format!("0 – {:.2}", a.curves.highest_cost()))),
            Row::Tempo => ("tempo", model.aligned().map(|a| format!("× {:.2}", a.curves.whole_tempo()))),
            Row::Hamming => ("bits apart", model.hashed().map(|hashed| format!("0 – {}", hashed.bits()))),
        };
        match (row, model.aligned(), model.hashed()) {
            (Row::Cost, Some(aligned), _) => cost(&clipped, part, aligned, model, palette.warning),
            (Row::Tempo, Some(aligned), _) => tempo(&clipped, part, aligned, model, palette),
            (Row::Hamming, _, Some(hashed)) => hamming(&clipped, part, hashed, model, palette),
            _ => {}
        }
        let at = pos2(part.left() - 6.0, part.center().y);
        ui.painter().text(at, Align2::RIGHT_BOTTOM, name, theme::small(), palette.text);
        ui.painter().text(at, Align2::RIGHT_TOP, scale.unwrap_or_default(), theme::small(), palette.faint);
        for &(from, to) in model.aligned().map_or(&[][..], |aligned| &aligned.alignment.unreliable) {
            unreliable(ui.painter(), part, model.view().x(part, from), model.view().x(part, to));
        }
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

/// Feature frames are centred on their moments in time.
const CENTRED: f64 = -0.5;

/// For each pixel column, the frames that fall into it; frame `i` begins at `(i + begins) × frame_s`.
fn columns<'a, T>(
    rect: Rect,
    model: &'a Model,
    values: &'a [T],
    frame_s: f64,
    begins: f64,
) -> impl Iterator<Item = (f32, &'a [T])> {
    (0..rect.width().ceil() as usize).filter_map(move |column| {
        let x = rect.left() + column as f32;
        let frame = |x: f32| (model.view().time(rect, x) / frame_s - begins).floor().max(0.0) as usize;
        let (from, to) = (frame(x), frame(x + 1.0));
        Some((x, values.get(from..to.max(from + 1).min(values.len())).filter(|part| !part.is_empty())?))
    })
}

/// Draws bars from the bottom: the highest cost in each column.
fn cost(painter: &Painter, rect: Rect, aligned: &Aligned, model: &Model, colour: Color32) {
    let highest = aligned.curves.highest_cost();
    let mut mesh = Mesh::default();
    for (x, part) in columns(rect, model, &aligned.curves.cost, aligned.curves.frame_s, CENTRED) {
        let most = part.iter().copied().fold(f32::NAN, f32::max);
        if most.is_finite() {
            let top = rect.bottom() - (most / highest).clamp(0.0, 1.0) * rect.height();
            mesh.add_colored_rect(Rect::from_min_max(pos2(x, top), pos2(x + 1.0, rect.bottom())), colour);
        }
    }
    painter.add(Shape::mesh(mesh));
}

/// Draws bars from the bottom: the most differing bits in each column, and a line at half of all bits, where unrelated
/// codes lie.
fn hamming(painter: &Painter, rect: Rect, hashed: &Hashed, model: &Model, palette: &Palette) {
    let mut mesh = Mesh::default();
    let bits = hashed.bits() as f32;
    for (x, part) in columns(rect, model, &hashed.hamming, hashed.audio.step_s(), 0.0) {
        if let Some(most) = part.iter().flatten().copied().reduce(f32::max) {
            let top = rect.bottom() - most / bits * rect.height();
            mesh.add_colored_rect(Rect::from_min_max(pos2(x, top), pos2(x + 1.0, rect.bottom())), palette.recording);
        }
    }
    painter.add(Shape::mesh(mesh));
    painter.hline(rect.x_range(), rect.center().y, theme::outline(palette));
}

/// Draws the tempo ratio relative to its overall value, which is the middle line; the edges are half and double.
fn tempo(painter: &Painter, rect: Rect, aligned: &Aligned, model: &Model, palette: &Palette) {
    let curves = &aligned.curves;
    let whole = curves.whole_tempo();
    let y = |ratio: f32| {
        let octaves = (ratio.max(1e-6) / whole).log2().clamp(-1.0, 1.0);
        rect.center().y - octaves * (rect.height() / 2.0 - 2.0)
    };
    painter.hline(rect.x_range(), y(whole), theme::outline(palette));
    let points: Vec<Pos2> = columns(rect, model, &curves.tempo, curves.frame_s, CENTRED)
        .map(|(x, part)| pos2(x + 0.5, y(part.iter().sum::<f32>() / part.len() as f32)))
        .collect();
    painter.add(Shape::line(points, Stroke::new(1.5, palette.midi)));
}
