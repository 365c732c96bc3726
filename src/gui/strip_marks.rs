//! Marks on a strip and beside it: piano keys, beats and onsets, unreliable stretches, crosshair, playhead.

use super::model::Model;
use super::theme::{self, Palette};
use super::timeline::{PitchView, TimeView};
use crate::features::CqtParams;
use crate::picture::axis::{clock_text, is_black, note_name};
use egui::{Align2, Color32, Painter, Rect, Shape, Stroke, Ui, pos2};

/// Draws the piano keys and the names of the Cs.
pub(super) fn gutter(painter: &Painter, rect: Rect, pitch: &PitchView, lit: Option<u8>, palette: &Palette) {
    let keys = keys_of(rect);
    let first = CqtParams::default().first_note;
    painter.rect_filled(keys, 0.0, palette.white_key);
    let clipped = painter.with_clip_rect(keys.intersect(painter.clip_rect()));
    // The names of all white keys if they fit, else only of the Cs.
    let every_key = f64::from(rect.height()) / (pitch.high() - pitch.low()) >= 14.0;
    let mut last_label = f32::INFINITY;
    for bin in pitch.low().floor() as usize..pitch.high().ceil() as usize {
        let note = first.saturating_add(bin as u8);
        let (bottom, top) = (pitch.y(rect, bin as f64), pitch.y(rect, bin as f64 + 1.0));
        let key = Rect::from_min_max(pos2(keys.left(), top), pos2(keys.right(), bottom));
        if lit == Some(note) {
            clipped.rect_filled(key, 0.0, theme::PATH);
        } else if is_black(note) {
            clipped.rect_filled(key.with_max_x(keys.left() + keys.width() * 0.62), 0.0, palette.black_key);
        }
        let named = note.is_multiple_of(12) || (every_key && !is_black(note));
        if named && bottom <= rect.bottom() + 1.0 && bottom >= rect.top() + 10.0 {
            clipped.hline(keys.x_range(), bottom, theme::outline(palette));
            if last_label - bottom > 12.0 {
                let at = pos2(keys.left() - 4.0, bottom - 1.0);
                painter.text(at, Align2::RIGHT_BOTTOM, note_name(note), theme::small(), palette.faint);
                last_label = bottom;
            }
        }
    }
    painter.rect_stroke(keys, 0.0, theme::outline(palette), egui::StrokeKind::Outside);
}

/// The area of a strip's piano keys.
pub(super) fn keys_of(rect: Rect) -> Rect {
    let right = rect.left() - 2.0;
    Rect::from_min_max(pos2(right - theme::KEYS_WIDTH, rect.top()), pos2(right, rect.bottom()))
}

/// Draws beats, bars and note onsets, if they are far enough apart to be distinguished.
pub(super) fn marks(painter: &Painter, rect: Rect, model: &Model) {
    let Some(aligned) = model.aligned() else { return };
    let (view, settings) = (model.view(), model.settings());
    let room = |count: usize| f64::from(rect.width()) / count.max(1) as f64;
    if settings.beats {
        let beats = part(&aligned.curves.beats, view, |beat| beat.0);
        let bars = beats.iter().filter(|beat| beat.1).count();
        for &(at, bar) in beats {
            if room(beats.len()) >= 7.0 || (bar && room(bars) >= 14.0) {
                let colour = if bar { theme::BAR } else { theme::BEAT };
                painter.vline(view.x(rect, at), rect.y_range(), Stroke::new(1.0, colour));
            }
        }
    }
    if settings.onsets {
        let onsets = part(&aligned.curves.onsets, view, |&at| at);
        let long = if room(onsets.len()) >= 14.0 { rect.height() } else { 10.0 };
        if room(onsets.len()) >= 2.5 {
            for &at in onsets {
                let x = view.x(rect, at);
                painter.vline(x, rect.bottom() - long..=rect.bottom(), Stroke::new(3.0, theme::MARK_RIM));
                painter.vline(x, rect.bottom() - long..=rect.bottom(), Stroke::new(1.0, theme::ONSET));
            }
        }
    }
}

/// The visible marks.
fn part<'a, T>(sorted: &'a [T], view: &TimeView, at: impl Fn(&T) -> f64) -> &'a [T] {
    let from = sorted.partition_point(|mark| at(mark) < view.start());
    let to = sorted.partition_point(|mark| at(mark) <= view.end());
    &sorted[from..to.max(from)]
}

/// Draws hatching over an unreliable stretch, with a bar along its top: visible on every colour, and not by colour
/// alone.
pub(super) fn unreliable(painter: &Painter, rect: Rect, from_x: f32, to_x: f32) {
    let part = rect.with_min_x(from_x).with_max_x(to_x).intersect(rect);
    if !part.is_positive() {
        return;
    }
    let painter = painter.with_clip_rect(part.intersect(painter.clip_rect()));
    painter.rect_filled(part, 0.0, theme::UNRELIABLE);
    let step = 9.0;
    // The lines of all stretches share one grid, which stays in place while the view moves by whole steps.
    let (mut x, end) = ((part.left() - part.height()) / step, part.right() / step);
    x = x.floor();
    while x <= end {
        let foot = pos2(x * step, part.bottom());
        painter.line_segment([foot, pos2(foot.x + part.height(), part.top())], Stroke::new(1.0, theme::HATCH));
        x += 1.0;
    }
    painter.rect_filled(part.with_max_y(part.top() + 3.0), 0.0, theme::UNRELIABLE_EDGE);
}

/// Draws a dashed line where the recording jumps in the MIDI, with a label of the jump's start and target.
pub(super) fn jumps(painter: &Painter, rect: Rect, model: &Model) {
    let Some(segments) = model.segments().filter(|segments| segments.jump()) else { return };
    let painter = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
    for pair in segments.spans().windows(2) {
        let x = model.view().x(rect, pair[1].audio.0);
        if !rect.x_range().contains(x) {
            continue;
        }
        let ends = [pos2(x, rect.top()), pos2(x, rect.bottom())];
        for (width, colour) in [(3.0, theme::DARK), (1.0, theme::LIGHT)] {
            painter.add(Shape::dashed_line(&ends, Stroke::new(width, colour), 5.0, 4.0));
        }
        let words = format!("{} to {}", clock_text(pair[0].midi.1, 1.0), clock_text(pair[1].midi.0, 1.0));
        let text = painter.layout_no_wrap(words, theme::small(), theme::LIGHT);
        let place = Rect::from_min_size(pos2(x + 3.0, rect.top() + 4.0), text.size()).expand(1.0);
        painter.rect_filled(place, 2.0, theme::DARK);
        painter.galley(place.min + egui::vec2(1.0, 1.0), text, theme::LIGHT);
    }
}

/// Draws the pointer's position in time, in every panel with a time axis.
pub(super) fn crosshair(painter: &Painter, rect: Rect, model: &Model, colour: Color32) {
    let Some(hover) = model.hover() else { return };
    let x = model.view().x(rect, hover.audio_s);
    if rect.x_range().contains(x) {
        painter.vline(x, rect.y_range(), Stroke::new(1.0, colour));
    }
}

/// Draws the pointer's pitch, in both strips.
pub(super) fn pitch_crosshair(painter: &Painter, rect: Rect, model: &Model) {
    if let Some(note) = model.hover().and_then(|hover| hover.note) {
        let bin = f64::from(note.saturating_sub(CqtParams::default().first_note)) + 0.5;
        let y = model.pitch().y(rect, bin);
        if rect.y_range().contains(y) {
            painter.hline(rect.x_range(), y, Stroke::new(1.0, theme::CROSSHAIR));
        }
    }
}

/// Draws the playhead within part of the time axis.
pub(super) fn head(ui: &Ui, rect: Rect, model: &Model) {
    let x = model.view().x(rect, model.transport().position(ui.input(|i| i.time)));
    if model.playable() && rect.x_range().contains(x) {
        playhead(ui.painter(), x, rect.top(), rect.bottom());
    }
}

/// Draws a light line beside a dark one: visible on every colour.
pub(super) fn playhead(painter: &Painter, x: f32, top: f32, bottom: f32) {
    let x = painter.round_to_pixel_center(x);
    painter.vline(x, top..=bottom, Stroke::new(1.0, theme::LIGHT));
    painter.vline(x + 1.0, top..=bottom, Stroke::new(1.0, theme::DARK));
}
