//! [`AuditPanel`]: the recording and the MIDI as constant-Q strips on one time axis.

use super::command::{Command, Hover};
use super::heatmap::{Heatmap, Matrix};
use super::model::{Model, State};
use super::theme::{self, Palette};
use super::timeline::ruler;
use crate::features::CqtParams;
use crate::picture::Strip;
use crate::picture::axis::{clock_text, hertz, is_black, note_name};
use eframe::egui::{
    Align2, EventFilter, Label, Painter, PointerButton, Pos2, Rect, Response, RichText, Role, Sense, Stroke, Ui,
    UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};
use std::sync::Arc;

/// Which of the two strips.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Recording,
    Midi,
}

/// See the module. Keeps only pictures.
#[derive(Default)]
pub(super) struct AuditPanel {
    recording: Option<Heatmap>,
    midi: Option<Heatmap>,
}

impl AuditPanel {
    /// Shows the strips and returns what the pointer is at.
    pub(super) fn show(&mut self, ui: &mut Ui, model: &Model, out: &mut Vec<Command>) -> Option<Hover> {
        let palette = theme::palette(ui);
        let area = ui.available_rect_before_wrap();
        ui.allocate_rect(area, Sense::hover());
        let inner = Rect::from_min_max(pos2(area.left() + theme::GUTTER_WIDTH, area.top()), area.max);
        let ruler_rect = Rect::from_min_size(inner.min, vec2(inner.width(), theme::RULER_HEIGHT));
        let readout = Rect::from_min_max(pos2(area.left(), area.bottom() - theme::TITLE_HEIGHT), area.max);
        let strips_top = ruler_rect.bottom() + 2.0;
        let each = (readout.top() - strips_top) / 2.0;

        ruler(ui.painter(), ruler_rect, model.view(), &palette);
        head(ui, ruler_rect.with_min_y(ruler_rect.bottom() - 8.0), model);
        let ruler_response = ui.interact(ruler_rect, ui.scope_id().with("ruler"), Sense::click_and_drag());
        ruler_response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Time ruler"));
        let mut hover = time_gestures(ui, &ruler_response, ruler_rect, model, out).map(|audio_s| Hover {
            audio_s,
            midi_s: None,
            note: None,
        });
        for (index, side) in [Side::Recording, Side::Midi].into_iter().enumerate() {
            let top = strips_top + index as f32 * each;
            let title = Rect::from_min_size(pos2(area.left(), top), vec2(area.width(), theme::TITLE_HEIGHT));
            let rect = Rect::from_min_max(
                pos2(inner.left(), title.bottom()),
                pos2(inner.right(), (top + each - theme::GAP).max(title.bottom() + 8.0)),
            );
            Self::title(ui, title, side, model, &palette);
            hover = self.strip(ui, rect, side, model, &palette, out).or(hover);
        }
        read_out(ui, readout, model, &palette);
        hover
    }

    /// Whether the pictures in sight are there.
    pub(super) fn complete(&self) -> bool {
        [&self.recording, &self.midi].into_iter().flatten().all(Heatmap::complete)
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
        let mut ui = ui.new_child(
            UiBuilder::new().max_rect(rect).layout(eframe::egui::Layout::left_to_right(eframe::egui::Align::Center)),
        );
        ui.label(RichText::new(kind).color(colour).strong());
        if known {
            // The note is short and always fits; the name takes what is left.
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
        let (shown, slot, name) = match side {
            Side::Recording => (model.recording().map(|r| &r.strip), &mut self.recording, "Recording constant-Q"),
            Side::Midi => {
                let strip = model.aligned().map(|a| &a.strip).or_else(|| model.midi().map(|m| &m.strip));
                (strip, &mut self.midi, "MIDI constant-Q")
            }
        };
        let response = ui.interact(rect, ui.scope_id().with(name), Sense::click_and_drag());
        let painter = ui.painter();
        painter.rect_filled(rect, 0.0, palette.empty);
        if let Some(strip) = shown {
            let matrix = Matrix::Strip(Arc::clone(strip));
            let map = (model.settings().color_map, model.settings().tone);
            let heatmap = slot.get_or_insert_with(|| Heatmap::new(name, matrix.clone(), map));
            heatmap.set(&matrix, map);
            // Frame i is centred on its moment: its cell begins half a frame before.
            let frame = |time: f64| time / strip.frame_s + 0.5;
            let (start, end) = (model.view().start(), model.view().end());
            heatmap.paint(painter, rect, frame(start)..frame(end), 0.0..strip.values.ncols() as f64);
            gutter(painter, rect, strip.values.ncols(), model.hover().and_then(|h| h.note), palette);
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
                let part = rect.with_min_x(model.view().x(rect, from)).with_max_x(model.view().x(rect, to));
                painter.rect_filled(part.intersect(rect), 0.0, theme::UNRELIABLE);
            }
        }
        let edge = if response.has_focus() {
            Stroke::new(2.0, ui.visuals().selection.stroke.color)
        } else {
            theme::outline(palette)
        };
        painter.rect_stroke(rect, 0.0, edge, eframe::egui::StrokeKind::Outside);
        crosshair(painter, rect, shown, model);
        head(ui, rect, model);

        let time = time_gestures(ui, &response, rect, model, out);
        let hover =
            time.map(|audio_s| Hover { audio_s, midi_s: None, note: shown.and_then(|s| note_at(rect, s, &response)) });
        let at = model.transport().position(ui.input(|i| i.time));
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(format!("playhead at {}", clock_text(at, 0.1))),
            ..WidgetInfo::labeled(Role::Image, true, name)
        });
        hover
    }
}

/// Seek by click and drag, pan by the middle or right button and by sideways scrolling, zoom by the wheel and by
/// pinching. Returns the moment under the pointer.
fn time_gestures(ui: &Ui, response: &Response, rect: Rect, model: &Model, out: &mut Vec<Command>) -> Option<f64> {
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

/// The note under the pointer.
fn note_at(rect: Rect, strip: &Strip, response: &Response) -> Option<u8> {
    let pointer = response.hover_pos()?;
    let bins = strip.values.ncols();
    let bin = ((rect.bottom() - pointer.y) / rect.height() * bins as f32).floor();
    (bin >= 0.0 && (bin as usize) < bins).then(|| CqtParams::default().first_note.saturating_add(bin as u8))
}

/// Piano keys and the names of the Cs.
fn gutter(painter: &Painter, rect: Rect, bins: usize, lit: Option<u8>, palette: &Palette) {
    let keys = Rect::from_min_max(
        pos2(rect.left() - theme::KEYS_WIDTH - 2.0, rect.top()),
        pos2(rect.left() - 2.0, rect.bottom()),
    );
    let first = CqtParams::default().first_note;
    let height = rect.height() / bins.max(1) as f32;
    painter.rect_filled(keys, 0.0, palette.white_key);
    let mut last_label = f32::INFINITY;
    for bin in 0..bins {
        let note = first.saturating_add(bin as u8);
        let bottom = rect.bottom() - bin as f32 * height;
        let key = Rect::from_min_max(pos2(keys.left(), bottom - height), pos2(keys.right(), bottom));
        if lit == Some(note) {
            painter.rect_filled(key, 0.0, theme::PATH);
        } else if is_black(note) {
            painter.rect_filled(key.with_max_x(keys.left() + keys.width() * 0.62), 0.0, palette.black_key);
        }
        if note % 12 == 0 {
            painter.hline(keys.x_range(), bottom, theme::outline(palette));
            if last_label - bottom > 12.0 || last_label.is_infinite() {
                let at = pos2(keys.left() - 4.0, bottom - 1.0);
                painter.text(at, Align2::RIGHT_BOTTOM, note_name(note), theme::small(), palette.faint);
                last_label = bottom;
            }
        }
    }
    painter.rect_stroke(keys, 0.0, theme::outline(palette), eframe::egui::StrokeKind::Outside);
}

/// Where the pointer is, in every strip.
fn crosshair(painter: &Painter, rect: Rect, strip: Option<&Arc<Strip>>, model: &Model) {
    let Some(hover) = model.hover() else { return };
    let stroke = Stroke::new(1.0, theme::CROSSHAIR);
    let x = model.view().x(rect, hover.audio_s);
    if rect.x_range().contains(x) {
        painter.vline(x, rect.y_range(), stroke);
    }
    if let (Some(note), Some(strip)) = (hover.note, strip) {
        let bin = f32::from(note.saturating_sub(CqtParams::default().first_note)) + 0.5;
        let y = rect.bottom() - bin / strip.values.ncols() as f32 * rect.height();
        painter.hline(rect.x_range(), y, stroke);
    }
}

/// The playhead in a part of the time axis.
fn head(ui: &Ui, rect: Rect, model: &Model) {
    let x = model.view().x(rect, model.transport().position(ui.input(|i| i.time)));
    if model.playable() && rect.x_range().contains(x) {
        playhead(ui.painter(), x, rect.top(), rect.bottom());
    }
}

/// A light line beside a dark one: visible on every colour.
pub(super) fn playhead(painter: &Painter, x: f32, top: f32, bottom: f32) {
    let x = painter.round_to_pixel_center(x);
    painter.vline(x, top..=bottom, Stroke::new(1.0, theme::LIGHT));
    painter.vline(x + 1.0, top..=bottom, Stroke::new(1.0, theme::DARK));
}

/// One line below the strips: what the pointer is at, in both clocks.
fn read_out(ui: &mut Ui, rect: Rect, model: &Model, palette: &Palette) {
    let text = model.hover().map(|hover| describe(&hover, model)).unwrap_or_default();
    let line = rect.with_min_x(rect.left() + theme::GUTTER_WIDTH);
    if text.is_empty() {
        let help = "Click to seek · wheel to zoom · drag with the right button to move · F to show all";
        let shown = if model.playable() { help } else { "" };
        ui.painter().text(line.left_center(), Align2::LEFT_CENTER, shown, theme::small(), palette.faint);
    } else {
        ui.painter().text(line.left_center(), Align2::LEFT_CENTER, text, theme::small(), palette.text);
    }
}

/// Both clocks, bar and beat, note and value at a place.
pub(super) fn describe(hover: &Hover, model: &Model) -> String {
    let mut parts = Vec::new();
    if model.recording().is_some() {
        parts.push(format!("Recording {}", clock_text(hover.audio_s, 0.01)));
    }
    let midi_time = hover.midi_s.map(crate::midi::MidiTime).or_else(|| model.midi_time(hover.audio_s));
    if let (Some(time), Some(midi)) = (midi_time, model.midi()) {
        let (bar, beat) = midi.side.midi.bar_and_beat(time);
        parts.push(format!("MIDI {}, bar {bar}, beat {beat:.1}", clock_text(time.0, 0.01)));
    }
    if let Some(note) = hover.note {
        parts.push(format!("{} ({:.0} Hz)", note_name(note), hertz(f64::from(note))));
    }
    parts.join("   ·   ")
}

/// What stands in a strip without a picture.
fn waiting_text(side: Side, model: &Model) -> String {
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
