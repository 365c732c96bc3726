//! [`AuditPanel`]: the recording and the MIDI as constant-Q strips on one time axis.

use super::attention_strip;
use super::command::{Command, Hover};
use super::curves_panel;
use super::gestures::{cursor_by_keys, pitch_gestures, time_gestures};
use super::heatmap::{Heatmap, Matrix};
use super::loop_bar;
use super::model::{Model, State, Unit};
use super::read_out::{describe, read_out, shows_bits, spoken};
use super::settings::Panels;
use super::strip_marks::{crosshair, gutter, head, jumps, keys_of, marks, pitch_crosshair, unreliable};
use super::theme::{self, Palette};
use super::timeline::ruler;
use crate::features::CqtParams;
use crate::hashing::Side as HashSide;
use egui::{
    Align2, CursorIcon, Label, Mesh, Painter, Rect, Response, RichText, Role, Sense, Shape, Stroke, Ui, UiBuilder,
    WidgetInfo, pos2, vec2,
};
use std::sync::Arc;

/// One of the two strips.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Recording,
    Midi,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Recording => "Recording constant-Q",
            Self::Midi => "MIDI constant-Q",
        }
    }

    /// The hash network that takes this side as its input.
    fn network(self) -> HashSide {
        if self == Self::Midi { HashSide::Midi } else { HashSide::Audio }
    }

    fn bits_name(self) -> &'static str {
        match self {
            Self::Recording => "Recording hash bits",
            Self::Midi => "MIDI hash bits",
        }
    }
}

/// See the module. Holds nothing but pictures.
#[derive(Default)]
pub(super) struct AuditPanel {
    recording: Option<Heatmap>,
    midi: Option<Heatmap>,
    recording_bits: Option<Heatmap>,
    midi_bits: Option<Heatmap>,
    arrows_taken: bool,
}

impl AuditPanel {
    /// Draws the strips and returns what the pointer is over.
    pub(super) fn show(&mut self, ui: &mut Ui, model: &Model, out: &mut Vec<Command>) -> Option<Hover> {
        let palette = theme::palette(ui);
        let area = ui.available_rect_before_wrap();
        ui.allocate_rect(area, Sense::hover());
        let inner = Rect::from_min_max(pos2(area.left() + theme::GUTTER_WIDTH, area.top()), area.max);
        let ruler_rect = Rect::from_min_size(inner.min, vec2(inner.width(), theme::RULER_HEIGHT));
        let readout = Rect::from_min_max(pos2(area.left(), area.bottom() - theme::TITLE_HEIGHT), area.max);
        let loop_rect = ruler_rect
            .translate(vec2(0.0, theme::RULER_HEIGHT + 2.0))
            .with_max_y(ruler_rect.bottom() + 2.0 + theme::LOOP_HEIGHT);
        let strips_top = loop_rect.bottom() + 2.0;
        let curves = curves_panel::height(model);
        let bits = if shows_bits(model) { theme::BITS_HEIGHT } else { 0.0 };
        if bits <= 0.0 {
            (self.recording_bits, self.midi_bits) = (None, None);
        }
        let high = readout.top() - strips_top - curves;
        let first = (high * model.settings().panels.recording_share).round();

        ruler(ui.painter(), ruler_rect, model.view(), &palette);
        head(ui, ruler_rect.with_min_y(ruler_rect.bottom() - 8.0), model);
        loop_bar::show(ui, loop_rect, model, &palette, out);
        let ruler_response = ui.interact(ruler_rect, ui.scope_id().with("ruler"), Sense::click_and_drag());
        ruler_response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Time ruler"));
        let mut hover = time_gestures(ui, &ruler_response, ruler_rect, model, out).map(|audio_s| Hover {
            audio_s,
            midi_s: None,
            note: None,
        });
        cursor_by_keys(ui, &ruler_response, model, false, out);
        for (index, side) in [Side::Recording, Side::Midi].into_iter().enumerate() {
            let (top, each) = if index == 0 { (strips_top, first) } else { (strips_top + first, high - first) };
            let title = Rect::from_min_size(pos2(area.left(), top), vec2(area.width(), theme::TITLE_HEIGHT));
            let rect = Rect::from_min_max(
                pos2(inner.left(), title.bottom()),
                pos2(inner.right(), (top + each - theme::GAP).max(title.bottom() + 8.0)),
            );
            Self::title(ui, title, side, model, &palette);
            let listened = attention_strip::height(model);
            let (rect, below) = (rect.with_max_y(rect.bottom() - listened), rect);
            if listened > 0.0 {
                let below = below.with_min_y(rect.bottom() + 3.0);
                hover = attention_strip::show(ui, below, side.network(), model, &palette, out).or(hover);
            }
            let room = (rect.height() - bits).max(8.0);
            if bits > 0.0 {
                hover = self.bits(ui, rect.with_min_y(rect.top() + room + 3.0), side, model, &palette, out).or(hover);
            }
            hover = self.strip(ui, rect.with_max_y(rect.top() + room), side, model, &palette, out).or(hover);
        }
        divider(ui, inner, strips_top, first, high, model, out);
        if curves > 0.0 {
            let rect =
                Rect::from_min_max(pos2(inner.left(), readout.top() - curves), pos2(inner.right(), readout.top()));
            hover = curves_panel::show(ui, rect, model, &palette, out).or(hover);
        }
        read_out(ui, readout, model, &palette);
        let focused = ui.memory(egui::Memory::focused);
        let strips = [Side::Recording, Side::Midi];
        let own = ["ruler", "curves"].into_iter().chain(strips.map(Side::name)).chain(strips.map(Side::bits_name));
        let own = own.chain(strips.map(|side| attention_strip::name(side.network())));
        self.arrows_taken = own.into_iter().any(|name| focused == Some(ui.scope_id().with(name)));
        hover
    }

    /// Whether the panel uses the arrow keys: a picture has the focus.
    pub(super) fn arrows_taken(&self) -> bool {
        self.arrows_taken
    }

    /// Whether any part of a recording is visible.
    pub(super) fn has_picture(&self) -> bool {
        self.recording.as_ref().is_some_and(Heatmap::begun)
    }

    /// Whether the visible pictures are complete.
    pub(super) fn complete(&self) -> bool {
        let pictures = [&self.recording, &self.midi, &self.recording_bits, &self.midi_bits];
        pictures.into_iter().flatten().all(Heatmap::complete)
    }

    fn title(ui: &mut Ui, rect: Rect, side: Side, model: &Model, palette: &Palette) {
        let (kind, name, colour) = match side {
            Side::Recording => ("Recording", model.recording_name(), palette.recording),
            Side::Midi => ("MIDI", model.midi_name(), palette.midi),
        };
        let known = match side {
            Side::Recording => model.candidate().is_some(),
            Side::Midi => model.midi_path().is_some(),
        };
        let note = match (side, model.aligned(), model.recording(), model.midi()) {
            (Side::Midi, Some(aligned), ..) if aligned.alignment.transpose != 0 => {
                format!("in the recording's time, moved by {:+} semitones", aligned.alignment.transpose)
            }
            (Side::Midi, Some(_), ..) => "in the recording's time".to_owned(),
            (Side::Midi, None, Some(_), Some(_)) => "in its own time, not aligned yet".to_owned(),
            _ => String::new(),
        };
        let mut ui =
            ui.new_child(UiBuilder::new().max_rect(rect).layout(egui::Layout::left_to_right(egui::Align::Center)));
        ui.label(RichText::new(kind).color(colour).strong());
        if known {
            // The note is short and always fits; the name takes the remaining width.
            let room = (ui.available_width() - note.chars().count() as f32 * 6.5 - 16.0).max(40.0);
            ui.scope(|ui| {
                ui.set_max_width(room);
                ui.add(Label::new(name).truncate());
            });
        }
        if !note.is_empty() {
            ui.label(RichText::new(note).color(palette.faint).font(theme::small()));
        }
    }

    fn strip(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        side: Side,
        model: &Model,
        palette: &Palette,
        out: &mut Vec<Command>,
    ) -> Option<Hover> {
        let name = side.name();
        let (shown, slot) = match side {
            Side::Recording => (model.recording_strip(), &mut self.recording),
            Side::Midi => {
                let strip = model.aligned().map(|a| &a.strip).or_else(|| model.midi().map(|m| &m.strip));
                (strip, &mut self.midi)
            }
        };
        let response = ui.interact(rect, ui.scope_id().with(name), Sense::click_and_drag());
        let keys = ui.interact(keys_of(rect), ui.scope_id().with((name, "keys")), Sense::drag());
        pitch_gestures(ui, &response, &keys, rect, model, out);
        let painter = ui.painter();
        painter.rect_filled(rect, 0.0, palette.empty);
        if let Some(strip) = shown {
            let matrix = Matrix::Strip(Arc::clone(strip));
            let map = (model.settings().color_map, model.settings().tone);
            let heatmap = slot.get_or_insert_with(|| Heatmap::new(name, matrix.clone(), map));
            heatmap.set(&matrix, map, model.picture_attempts());
            // Frame i is centred on its moment in time: its cell begins half a frame earlier.
            let frame = |time: f64| time / strip.frame_s + 0.5;
            let (start, end) = (model.view().start(), model.view().end());
            heatmap.paint(painter, rect, frame(start)..frame(end), model.pitch().low()..model.pitch().high(), out);
            gutter(painter, rect, model.pitch(), model.hover().and_then(|h| h.note), palette);
            marks(painter, rect, model);
            let unit = model.unit().filter(|unit| unit.side == side.network());
            if let Some(unit) = unit.filter(|_| model.settings().activations) {
                activations(painter, rect, unit, model);
            }
        } else {
            *slot = None;
            painter.text(
                rect.center(),
                Align2::CENTER_CENTER,
                waiting_text(side, model),
                theme::small(),
                palette.faint,
            );
        }
        if let (Some(aligned), Some(_)) = (model.aligned(), shown) {
            for &(from, to) in &aligned.alignment.unreliable {
                unreliable(painter, rect, model.view().x(rect, from), model.view().x(rect, to));
            }
            jumps(painter, rect, model);
        }
        let edge = if response.has_focus() {
            Stroke::new(2.0, ui.visuals().selection.stroke.color)
        } else {
            theme::outline(palette)
        };
        painter.rect_stroke(rect, 0.0, edge, egui::StrokeKind::Outside);
        crosshair(painter, rect, model, theme::CROSSHAIR);
        loop_bar::mark(ui.painter(), rect, model);
        pitch_crosshair(painter, rect, model);
        head(ui, rect, model);

        let time = time_gestures(ui, &response, rect, model, out);
        let hover = time.map(|audio_s| Hover {
            audio_s,
            midi_s: None,
            note: shown.and_then(|_| note_at(rect, model, &response)),
        });
        cursor_by_keys(ui, &response, model, true, out);
        let cursor = model.hover().filter(|_| response.has_focus());
        let at = model.transport().position(ui.input(|i| i.time));
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(match (failure(model), cursor) {
                (Some(failure), _) => failure.to_owned(),
                (None, Some(cursor)) => describe(&cursor, model),
                (None, None) => spoken(model, at),
            }),
            ..WidgetInfo::labeled(Role::Image, true, name)
        });
        hover
    }
}

impl AuditPanel {
    /// The hash bits of a side, bit 0 at the bottom.
    fn bits(
        &mut self,
        ui: &Ui,
        rect: Rect,
        side: Side,
        model: &Model,
        palette: &Palette,
        out: &mut Vec<Command>,
    ) -> Option<Hover> {
        let name = side.bits_name();
        let response = ui.interact(rect, ui.scope_id().with(name), Sense::click_and_drag());
        let painter = ui.painter();
        painter.rect_filled(rect, 0.0, palette.empty);
        let slot = if side == Side::Midi { &mut self.midi_bits } else { &mut self.recording_bits };
        if let Some(hashed) = model.hashed() {
            let strip = if side == Side::Midi { &hashed.midi_bits } else { &hashed.audio_bits };
            let map = (model.settings().color_map, model.settings().tone);
            let matrix = Matrix::Strip(Arc::clone(strip));
            let heatmap = slot.get_or_insert_with(|| Heatmap::new(name, matrix.clone(), map));
            heatmap.set(&matrix, map, model.picture_attempts());
            let (start, end) = (model.view().start() / strip.frame_s, model.view().end() / strip.frame_s);
            heatmap.paint(painter, rect, start..end, 0.0..f64::from(hashed.bits()), out);
            let at = pos2(rect.left() - 6.0, rect.center().y);
            let text = format!("{} bits", hashed.bits());
            painter.text(at, Align2::RIGHT_CENTER, text, theme::small(), palette.faint);
        } else {
            *slot = None;
        }
        let edge = if response.has_focus() {
            Stroke::new(2.0, ui.visuals().selection.stroke.color)
        } else {
            theme::outline(palette)
        };
        painter.rect_stroke(rect, 0.0, edge, egui::StrokeKind::Outside);
        crosshair(painter, rect, model, theme::CROSSHAIR);
        loop_bar::mark(painter, rect, model);
        head(ui, rect, model);
        let time = time_gestures(ui, &response, rect, model, out);
        cursor_by_keys(ui, &response, model, false, out);
        let cursor = model.hover().filter(|_| response.has_focus());
        let at = model.transport().position(ui.input(|i| i.time));
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(cursor.map_or_else(|| spoken(model, at), |cursor| describe(&cursor, model))),
            ..WidgetInfo::labeled(Role::Image, true, name)
        });
        time.map(|audio_s| Hover { audio_s, midi_s: None, note: None })
    }
}

/// The output of the selected filter, as a curve from the bottom of a strip that reaches the top at its maximum.
fn activations(painter: &Painter, rect: Rect, unit: Unit, model: &Model) {
    let Some((output, values)) = model.layer_output().and_then(|output| Some((output, output.channel(unit)?))) else {
        return;
    };
    let (least, most) =
        values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let on_midi = unit.side == HashSide::Midi;
    let seconds = |x: f32| {
        let audio_s = model.view().time(rect, x);
        if on_midi { model.midi_time(audio_s).map(|time| time.0) } else { Some(audio_s) }
    };
    let step = |x: f32| seconds(x).map(|s| (s / output.step_s).floor().max(0.0) as usize);
    let mut points = Vec::new();
    let mut fill = Mesh::default();
    for column in 0..rect.width().ceil() as usize {
        let x = rect.left() + column as f32;
        let (Some(from), Some(to)) = (step(x), step(x + 1.0)) else { continue };
        let part = from..to.max(from + 1).min(values.len());
        let Some(value) = part.map(|i| values[i]).reduce(f32::max) else { continue };
        let y = rect.bottom() - (value - least) / (most - least).max(1e-9) * rect.height();
        points.push(pos2(x + 0.5, y));
        fill.add_colored_rect(Rect::from_min_max(pos2(x, y), pos2(x + 1.0, rect.bottom())), theme::ACTIVATION_FILL);
    }
    let painter = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
    painter.add(Shape::mesh(fill));
    painter.add(Shape::line(points.clone(), Stroke::new(3.0, theme::MARK_RIM)));
    painter.add(Shape::line(points, Stroke::new(1.0, theme::ACTIVATION)));
}

/// The note under the pointer.
fn note_at(rect: Rect, model: &Model, response: &Response) -> Option<u8> {
    let bin = model.pitch().bin(rect, response.hover_pos()?.y).floor();
    let inside = bin >= model.pitch().low().floor() && bin < model.pitch().high();
    inside.then(|| CqtParams::default().first_note.saturating_add(bin as u8))
}

/// Lets the user drag the edge between the strips.
fn divider(ui: &Ui, inner: Rect, top: f32, first: f32, high: f32, model: &Model, out: &mut Vec<Command>) {
    let y = top + first;
    let rect = Rect::from_min_max(pos2(inner.left(), y - theme::GAP), pos2(inner.right(), y));
    let response = ui.interact(rect, ui.scope_id().with("divider"), Sense::drag());
    if response.hovered() || response.dragged() {
        ui.ctx().set_cursor_icon(CursorIcon::ResizeVertical);
        ui.painter().hline(rect.x_range(), rect.center().y, ui.visuals().widgets.hovered.fg_stroke);
    }
    if response.dragged() && response.drag_delta().y != 0.0 {
        let recording_share = ((first + response.drag_delta().y) / high.max(1.0)).clamp(0.15, 0.85);
        out.push(Command::Resize(Panels { recording_share, ..model.settings().panels }));
    }
}

/// Why the selected pair of a queue can't be shown.
fn failure(model: &Model) -> Option<&str> {
    let curating = model.curating()?;
    curating.failure(curating.queue().current()?)
}

/// The text of a strip that has no picture yet.
fn waiting_text(side: Side, model: &Model) -> String {
    if let Some(failure) = failure(model) {
        return failure.to_owned();
    }
    match side {
        Side::Midi => match model.midi_path() {
            Some(_) => "Reading the MIDI file and playing it silently".into(),
            None => "Drop a MIDI file here".into(),
        },
        Side::Recording => match model.candidate().map(|candidate| model.state(candidate)) {
            None => "Drop a recording here".into(),
            Some(State::Halted) => "This recording is not read: see below, or press Try again in the list".into(),
            Some(_) => "Reading the recording".into(),
        },
    }
}
