//! [`MatrixPanel`]: how similar every moment of the MIDI is to every moment of the recording, with the path, and how
//! reliable the alignment considers itself.

use super::command::{Command, Curate, Failure, Hover};
use super::gestures::{Axis, arrows, pressed_or_moved};
use super::heatmap::{Heatmap, Matrix};
use super::model::{Aligned, LoadedRecording, Model};
use super::read_out::describe;
use super::read_out::spoken;
use super::strip_marks::{playhead, unreliable};
use super::theme::{self, Palette};
use super::verdict_panel;
use crate::alignment::warp::TimeMap;
use crate::audio::AudioTime;
use crate::job::Job;
use crate::picture::accumulated;
use crate::picture::axis::{clock_text, tick_step};
use egui::{
    Align, Align2, Button, Color32, EventFilter, Layout, Painter, PointerButton, Pos2, Rect, RichText, Role, Sense,
    Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};
use ndarray::Array2;
use std::ops::Range;
use std::sync::Arc;

/// Space for the time labels to the left of and below the matrix.
const AXIS_WIDTH: f32 = 34.0;
const AXIS_HEIGHT: f32 = 18.0;

/// See the module. Keeps the picture and the zoom.
#[derive(Default)]
pub(super) struct MatrixPanel {
    heatmap: Option<Heatmap>,
    accumulated: Accumulated,
    /// Seconds shown of the recording and of the MIDI; `None` shows everything.
    zoomed: Option<(Range<f64>, Range<f64>)>,
    /// The anchor being dragged.
    dragged: Option<usize>,
    arrows_taken: bool,
}

/// The accumulated matrix of the current alignment: absent, being computed, or ready.
#[derive(Default)]
struct Accumulated {
    of: Option<Arc<Aligned>>,
    job: Option<Job<Arc<Array2<f32>>>>,
    made: Option<Arc<Array2<f32>>>,
    /// The number of retries the user had requested when the job was started.
    attempt: u64,
}

impl Accumulated {
    /// Returns the matrix if it is ready; otherwise starts computing it. A failure is reported once.
    fn get(
        &mut self,
        ui: &Ui,
        aligned: &Arc<Aligned>,
        recording: &Arc<LoadedRecording>,
        attempt: u64,
        out: &mut Vec<Command>,
    ) -> Option<Arc<Array2<f32>>> {
        let failed = self.job.is_none() && self.made.is_none();
        if self.of.as_ref().is_none_or(|of| !Arc::ptr_eq(of, aligned)) || (failed && self.attempt != attempt) {
            let (features, audio, wake) = (Arc::clone(&aligned.features), Arc::clone(recording), ui.ctx().clone());
            let job = Job::start(
                "Accumulating the distance matrix",
                move || wake.request_repaint(),
                move |progress| {
                    accumulated(&features.frames.view(), &audio.frames().view(), theme::ACCUMULATED_SIDE, progress)
                        .map(Arc::new)
                },
            );
            *self = Self { of: Some(Arc::clone(aligned)), job: Some(job), made: None, attempt };
        }
        if let Some(outcome) = self.job.as_mut().and_then(Job::poll) {
            if let Err(error) = &outcome {
                out.push(Command::Failed(Failure::Picture, format!("Accumulating the distance matrix: {error}")));
            }
            (self.job, self.made) = (None, outcome.ok());
        }
        self.made.clone()
    }
}

/// Converts between seconds and screen positions.
struct Plot {
    rect: Rect,
    audio: Range<f64>,
    midi: Range<f64>,
}

impl Plot {
    fn x(&self, audio_s: f64) -> f32 {
        let along = (audio_s - self.audio.start) / (self.audio.end - self.audio.start).max(1e-9);
        self.rect.left() + along as f32 * self.rect.width()
    }

    fn y(&self, midi_s: f64) -> f32 {
        let along = (midi_s - self.midi.start) / (self.midi.end - self.midi.start).max(1e-9);
        self.rect.bottom() - along as f32 * self.rect.height()
    }

    fn audio_s(&self, x: f32) -> f64 {
        let along = f64::from((x - self.rect.left()) / self.rect.width());
        self.audio.start + along * (self.audio.end - self.audio.start)
    }

    fn midi_s(&self, y: f32) -> f64 {
        let along = f64::from((self.rect.bottom() - y) / self.rect.height());
        self.midi.start + along * (self.midi.end - self.midi.start)
    }
}

impl MatrixPanel {
    /// Draws the matrix and returns what the pointer is over.
    pub(super) fn show(&mut self, ui: &mut Ui, model: &Model, out: &mut Vec<Command>) -> Option<Hover> {
        let palette = theme::palette(ui);
        let settings = model.settings();
        let title = match (shows_hamming(model), settings.accumulated) {
            (true, _) => "Hamming distance",
            (false, true) => "Accumulated distance",
            (false, false) => "Distance matrix",
        };
        ui.horizontal(|ui| {
            ui.label(RichText::new(title).strong());
            if model.hashed().is_some() {
                ui.label(RichText::new("— features").font(theme::small()).color(theme::PATH));
                ui.label(RichText::new("— hash").font(theme::small()).color(theme::HASH_PATH));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                for (command, sign) in [(Command::Accumulated, "Σ"), (Command::HammingMatrix, "01")] {
                    let Some(entry) = command.entry() else { continue };
                    let button = Button::new(sign).small().selected(command.is_on(model));
                    let button = ui.add(button).on_hover_text(entry.tooltip_text(ui.ctx(), settings));
                    if button.accessible_name(entry.name).clicked() {
                        out.push(command);
                    }
                }
            });
        });
        let side = (ui.available_width() - AXIS_WIDTH).min(ui.available_height() - AXIS_HEIGHT - 120.0).max(80.0);
        let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), side + AXIS_HEIGHT), Sense::hover());
        let rect =
            Rect::from_min_size(pos2(area.left() + AXIS_WIDTH, area.top()), vec2(area.width() - AXIS_WIDTH, side));
        ui.painter().rect_filled(rect, 0.0, palette.empty);
        let response = ui.interact(rect, ui.scope_id().with("matrix"), Sense::click_and_drag());
        let mut hover = None;
        let mut value = "nothing to show yet".to_owned();
        if let (Some(aligned), Some(recording)) = (model.aligned(), model.recording()) {
            let whole =
                (recording.strip.seconds(), aligned.features.times.seconds(aligned.features.frames.nrows() as f64));
            hover = self.gestures(ui, &response, rect, whole, model, out);
            let (audio, midi) = self.zoomed.clone().unwrap_or((0.0..whole.0, 0.0..whole.1));
            let plot = Plot { rect, audio, midi };
            self.picture(ui, &plot, aligned, model, out);
            axes(ui.painter(), &plot, &palette);
            overlay(ui.painter(), &plot, aligned, model, ui.input(|i| i.time));
            cursor_by_keys(ui, &response, &plot, model, out);
            value = match model.hover().filter(|_| response.has_focus()) {
                Some(cursor) => describe(&cursor, model),
                None => value_of(model, aligned, ui.input(|i| i.time)),
            };
        } else {
            (self.heatmap, self.zoomed) = (None, None);
            let text = match (model.midi(), model.recording()) {
                (Some(_), Some(_)) => "Waiting for the alignment",
                _ if model.midi_path().is_some() && model.candidate().is_some() => "Waiting for both files",
                _ => "Needs a MIDI file and a recording",
            };
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::small(), palette.faint);
        }
        let edge = if response.has_focus() {
            Stroke::new(2.0, ui.visuals().selection.stroke.color)
        } else {
            theme::outline(&palette)
        };
        ui.painter().rect_stroke(rect, 0.0, edge, StrokeKind::Outside);
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(value.clone()),
            ..WidgetInfo::labeled(Role::Image, true, "Distance matrix")
        });
        self.arrows_taken = response.has_focus();
        verdict_panel::show(ui, model, &palette, out);
        hover
    }

    /// Whether the panel uses the arrow keys.
    pub(super) fn arrows_taken(&self) -> bool {
        self.arrows_taken
    }

    /// Whether the visible picture is complete.
    pub(super) fn complete(&self) -> bool {
        self.heatmap.as_ref().is_none_or(Heatmap::complete) && self.accumulated.job.is_none()
    }

    fn picture(&mut self, ui: &Ui, plot: &Plot, aligned: &Arc<Aligned>, model: &Model, out: &mut Vec<Command>) {
        let Some(recording) = model.recording() else { return };
        let step = aligned.features.times.seconds(1.0).max(1e-6);
        // Cells per second of the recording and of the MIDI, and where the first begins: frames are centred on their
        // moments.
        let (mut rates, mut begins) = ((1.0 / recording.strip.frame_s, 1.0 / step), (0.5, 0.5));
        let mut matrix = Matrix::Similarity { midi: Arc::clone(&aligned.features), audio: Arc::clone(recording) };
        if let Some(hashed) = model.hashed().filter(|_| shows_hamming(model)) {
            matrix = Matrix::Grid(Arc::clone(&hashed.near));
            // Of long pairs a cell is several steps wide and high.
            let share = |cells: usize, steps: usize| cells as f64 / steps.max(1) as f64;
            let across = share(hashed.near.ncols(), hashed.audio.len());
            let up = share(hashed.near.nrows(), hashed.midi.len());
            (rates, begins) = ((across / hashed.audio.step_s(), up / hashed.midi.step_s()), (0.0, 0.0));
        } else if model.settings().accumulated {
            // The plain matrix stands in until the accumulated one is ready.
            if let Some(grid) = self.accumulated.get(ui, aligned, recording, model.picture_attempts(), out) {
                let share = |cells: usize, frames: usize| cells as f64 / frames.max(1) as f64;
                let across = share(grid.ncols(), recording.frames().nrows());
                let up = share(grid.nrows(), aligned.features.frames.nrows());
                (rates, begins) = ((rates.0 * across, rates.1 * up), (0.5 * across, 0.5 * up));
                matrix = Matrix::Grid(grid);
            }
        } else {
            self.accumulated = Accumulated::default();
        }
        let map = (model.settings().color_map, model.settings().tone);
        let heatmap =
            self.heatmap.get_or_insert_with(|| Heatmap::new("Drawing the distance matrix", matrix.clone(), map));
        heatmap.set(&matrix, map, model.picture_attempts());
        let across = |s: f64| s * rates.0 + begins.0;
        let up = |s: f64| s * rates.1 + begins.1;
        let (a, m) = (&plot.audio, &plot.midi);
        heatmap.paint(ui.painter(), plot.rect, across(a.start)..across(a.end), up(m.start)..up(m.end), out);
    }

    /// Handles gestures: zoom by wheel and pinch, pan by the middle or right button, fit by a double click, seek by
    /// click or drag.
    fn gestures(
        &mut self,
        ui: &Ui,
        response: &egui::Response,
        rect: Rect,
        whole: (f64, f64),
        model: &Model,
        out: &mut Vec<Command>,
    ) -> Option<Hover> {
        if response.has_focus() {
            let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        }
        let (audio, midi) = self.zoomed.clone().unwrap_or((0.0..whole.0, 0.0..whole.1));
        let plot = Plot { rect, audio, midi };
        let anchors = model.correction().map(|correction| correction.anchors.as_slice()).unwrap_or_default();
        if anchor_gestures(ui, response, &plot, anchors, &mut self.dragged, out) {
            // The gesture was about an anchor, not a seek.
        } else if response.double_clicked() {
            self.zoomed = None;
        } else if let Some(pointer) = pressed_or_moved(ui, response) {
            out.push(Command::Seek(plot.audio_s(pointer.x)));
        }
        let drag = response.drag_delta();
        if drag != vec2(0.0, 0.0) && !response.dragged_by(PointerButton::Primary) && self.zoomed.is_some() {
            let (dx, dy) = (
                f64::from(drag.x / rect.width()) * (plot.audio.end - plot.audio.start),
                f64::from(drag.y / rect.height()) * (plot.midi.end - plot.midi.start),
            );
            self.zoomed = Some((moved(&plot.audio, -dx, whole.0), moved(&plot.midi, dy, whole.1)));
        }
        let pointer = response.hover_pos().filter(|_| response.contains_pointer())?;
        let (audio_s, midi_s) = (plot.audio_s(pointer.x), plot.midi_s(pointer.y));
        let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta(), i.zoom_delta()));
        let factor = f64::from(pinch) * (f64::from(scroll.y) * 0.005).exp();
        if (factor - 1.0).abs() > 1e-6 {
            let audio = zoomed(&plot.audio, factor, audio_s, whole.0);
            let midi = zoomed(&plot.midi, factor, midi_s, whole.1);
            let everything = audio.end - audio.start >= whole.0 && midi.end - midi.start >= whole.1;
            self.zoomed = (!everything).then_some((audio, midi));
        }
        Some(Hover { audio_s, midi_s: Some(midi_s), note: None })
    }
}

/// Handles gestures on anchors: a click with Alt sets one; the left button drags an existing one, the right button
/// deletes it. Returns whether the pointer did any of these.
fn anchor_gestures(
    ui: &Ui,
    response: &egui::Response,
    plot: &Plot,
    anchors: &[[f64; 2]],
    dragged: &mut Option<usize>,
    out: &mut Vec<Command>,
) -> bool {
    let (pointer, alt) = ui.input(|i| (i.pointer.interact_pos(), i.modifiers.alt));
    let (pressed, down) = ui.input(|i| (i.pointer.primary_pressed(), i.pointer.primary_down()));
    let Some(pointer) = pointer else { return false };
    let near = || {
        let away = |anchor: &[f64; 2]| pos2(plot.x(anchor[1]), plot.y(anchor[0])).distance(pointer);
        let places = anchors.iter().map(away).enumerate().filter(|(_, away)| *away <= theme::ANCHOR_REACH);
        places.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(index, _)| index)
    };
    if !down {
        *dragged = None;
    }
    if let Some(index) = *dragged {
        if response.drag_delta() != vec2(0.0, 0.0) {
            out.push(Command::Curate(Curate::MoveAnchor(index, plot.midi_s(pointer.y), plot.audio_s(pointer.x))));
        }
        return true;
    }
    if !response.contains_pointer() {
        return false;
    }
    let hit = near();
    if response.secondary_clicked()
        && let Some(index) = hit
    {
        out.push(Command::Curate(Curate::RemoveAnchor(index)));
        return true;
    }
    if pressed && hit.is_some() {
        *dragged = hit;
        return true;
    }
    if pressed && alt {
        out.push(Command::Curate(Curate::AddAnchor(plot.midi_s(pointer.y), plot.audio_s(pointer.x))));
        return true;
    }
    // While Alt is down, no other gesture applies.
    alt && down
}

/// Whether the matrix is that of the hash sequences: selected, and available.
fn shows_hamming(model: &Model) -> bool {
    model.settings().hamming_matrix && model.hashed().is_some()
}

/// Moves a crosshair over the matrix with the arrow keys; Enter seeks there.
fn cursor_by_keys(ui: &Ui, response: &egui::Response, plot: &Plot, model: &Model, out: &mut Vec<Command>) {
    let Some(keys) = arrows(ui, response) else { return };
    if let Some(hover) = model.hover().filter(|_| keys.enter) {
        out.push(Command::Seek(hover.audio_s));
    }
    if !keys.moves() {
        return;
    }
    let at = model.transport().position(ui.input(|i| i.time));
    let midi_of = |audio_s: f64| model.midi_time(audio_s).map_or(0.0, |time| time.0);
    let start = model.hover().unwrap_or(Hover { audio_s: at, midi_s: None, note: None });
    let midi_s = start.midi_s.unwrap_or_else(|| midi_of(start.audio_s));
    let step = |axis, at, part: &Range<f64>| keys.step(axis, at, part.end - part.start).clamp(part.start, part.end);
    let (audio_s, midi_s) = (step(Axis::Across, start.audio_s, &plot.audio), step(Axis::Up, midi_s, &plot.midi));
    out.push(Command::Hover(Some(Hover { audio_s, midi_s: Some(midi_s), note: None })));
}

/// The text for screen readers.
fn value_of(model: &Model, aligned: &Aligned, now: f64) -> String {
    let at = model.transport().position(now);
    let cost = aligned.curves.at(at).map(|(cost, _)| cost).filter(|cost| cost.is_finite());
    let cost = cost.map(|cost| format!(", cost {cost:.2}")).unwrap_or_default();
    format!("{}{cost}", spoken(model, at))
}

/// A part of `0..whole`, `factor` times shorter, in which `around` stays in place.
fn zoomed(part: &Range<f64>, factor: f64, around: f64, whole: f64) -> Range<f64> {
    let shown = part.end - part.start;
    let to_show = (shown / factor).clamp(whole.min(0.5), whole);
    let start = around - (around - part.start) * to_show / shown;
    moved(&(start..start + to_show), 0.0, whole)
}

fn moved(part: &Range<f64>, by: f64, whole: f64) -> Range<f64> {
    let shown = part.end - part.start;
    let start = (part.start + by).clamp(0.0, (whole - shown).max(0.0));
    start..start + shown
}

fn axes(painter: &Painter, plot: &Plot, palette: &Palette) {
    let rect = plot.rect;
    let step = tick_step(plot.audio.end - plot.audio.start, (rect.width() / 64.0) as usize);
    for tick in (plot.audio.start / step).ceil() as i64..=(plot.audio.end / step).floor() as i64 {
        let (x, text) = (plot.x(tick as f64 * step), clock_text(tick as f64 * step, step));
        painter.vline(x, rect.bottom()..=rect.bottom() + 4.0, theme::outline(palette));
        let align = if rect.right() - x < 14.0 { Align2::RIGHT_TOP } else { Align2::CENTER_TOP };
        painter.text(pos2(x, rect.bottom() + 4.0), align, text, theme::small(), palette.faint);
    }
    let step = tick_step(plot.midi.end - plot.midi.start, (rect.height() / 40.0) as usize);
    for tick in (plot.midi.start / step).ceil() as i64..=(plot.midi.end / step).floor() as i64 {
        let (y, text) = (plot.y(tick as f64 * step), clock_text(tick as f64 * step, step));
        painter.hline(rect.left() - 4.0..=rect.left(), y, theme::outline(palette));
        let align = if rect.bottom() - y < 6.0 { Align2::RIGHT_BOTTOM } else { Align2::RIGHT_CENTER };
        let y = if y - rect.top() < 6.0 { rect.top() + 5.0 } else { y };
        painter.text(pos2(rect.left() - 5.0, y), align, text, theme::small(), palette.faint);
    }
}

/// Draws the path, unreliable stretches, the part that the strips show, playhead and crosshair.
fn overlay(painter: &Painter, plot: &Plot, aligned: &Aligned, model: &Model, now: f64) {
    let rect = plot.rect;
    let painter = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
    for &(from, to) in &aligned.alignment.unreliable {
        unreliable(&painter, rect, plot.x(from), plot.x(to));
    }
    let played = &aligned.alignment.segments;
    let knots = |map: &TimeMap| path_points(plot, map.knots().map(|(midi, audio)| (midi.0, audio.0)));
    let of_hashes = model.hashed().map(|hashed| path_points(plot, hashed.path.iter().copied()));
    let mut paths: Vec<(Vec<Pos2>, Color32)> = played.maps().iter().map(|map| (knots(map), theme::PATH)).collect();
    paths.extend(of_hashes.map(|points| (points, theme::HASH_PATH)));
    for jump in played.spans().windows(2) {
        let ends = [(jump[0].audio.1, jump[0].midi.1), (jump[1].audio.0, jump[1].midi.0)];
        let ends = ends.map(|(audio_s, midi_s)| pos2(plot.x(audio_s), plot.y(midi_s)));
        for (width, colour) in [(3.0, theme::DARK), (1.0, theme::PATH)] {
            painter.add(Shape::dashed_line(&ends, Stroke::new(width, colour), 4.0, 4.0));
        }
    }
    // The path that belongs to the current matrix is drawn on top.
    if !shows_hamming(model) {
        paths.reverse();
    }
    for (points, path_colour) in paths {
        for (width, colour) in [(3.5, theme::DARK), (1.5, path_colour)] {
            painter.add(Shape::line(points.clone(), Stroke::new(width, colour)));
        }
    }
    for &[midi_s, audio_s] in model.correction().map(|correction| correction.anchors.as_slice()).unwrap_or_default() {
        let place = pos2(plot.x(audio_s), plot.y(midi_s));
        painter.circle(place, theme::ANCHOR_RADIUS, theme::DARK, Stroke::new(2.0, theme::LOOP));
    }
    if let Some([start, end]) = model.correction().and_then(|correction| correction.span) {
        // The part where the alignment does not apply is shaded.
        for side in [rect.with_max_x(plot.x(start)), rect.with_min_x(plot.x(end))] {
            painter.rect_filled(side.intersect(rect), 0.0, theme::SHADE);
        }
    }
    let view = model.view();
    if !view.is_fit() {
        let sides = [rect.with_max_x(plot.x(view.start())), rect.with_min_x(plot.x(view.end()))];
        for side in sides {
            painter.rect_filled(side.intersect(rect), 0.0, theme::SHADE);
        }
    }
    if let Some((start, end)) = model.transport().region() {
        let corner = |s: f64| pos2(plot.x(s), plot.y(played.to_midi(AudioTime(s)).0));
        painter.rect_stroke(
            Rect::from_two_pos(corner(start), corner(end)),
            0.0,
            Stroke::new(2.0, theme::LOOP),
            StrokeKind::Outside,
        );
    }
    if let Some(hover) = model.hover() {
        let stroke = Stroke::new(1.0, theme::CROSSHAIR);
        let midi_s = hover.midi_s.unwrap_or_else(|| played.to_midi(AudioTime(hover.audio_s)).0);
        painter.vline(plot.x(hover.audio_s), rect.y_range(), stroke);
        painter.hline(rect.x_range(), plot.y(midi_s), stroke);
    }
    let at = model.transport().position(now);
    playhead(&painter, plot.x(at), rect.top(), rect.bottom());
    let y = painter.round_to_pixel_center(plot.y(played.to_midi(AudioTime(at)).0));
    painter.hline(rect.x_range(), y, Stroke::new(1.0, theme::LIGHT));
    painter.hline(rect.x_range(), y + 1.0, Stroke::new(1.0, theme::DARK));
}

/// The visible knots, at most one per pixel: a long path has tens of thousands.
fn path_points(plot: &Plot, knots: impl Iterator<Item = (f64, f64)>) -> Vec<Pos2> {
    let mut points: Vec<Pos2> = Vec::new();
    let mut last = None;
    for (midi_s, audio_s) in knots {
        let point = pos2(plot.x(audio_s), plot.y(midi_s));
        let far = points.last().is_none_or(|before| before.distance(point) >= 1.0);
        if far {
            points.push(point);
        }
        last = Some(point);
    }
    points.extend(last);
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zooming_keeps_the_place_and_stays_inside() {
        let part = zoomed(&(0.0..100.0), 4.0, 80.0, 100.0);
        assert!((part.end - part.start - 25.0).abs() < 1e-9 && part.end <= 100.0);
        assert!(((80.0 - part.start) / 25.0 - 0.8).abs() < 1e-9);
        let whole = zoomed(&part, 0.001, 80.0, 100.0);
        assert!(whole.start.abs() < 1e-9 && (whole.end - 100.0).abs() < 1e-9);
        let far = moved(&part, 1e9, 100.0);
        assert!((far.end - 100.0).abs() < 1e-9);
    }

    #[test]
    fn places_in_the_plot_are_inverse() {
        let rect = Rect::from_min_size(pos2(10.0, 20.0), vec2(300.0, 200.0));
        let plot = Plot { rect, audio: 5.0..65.0, midi: 0.0..40.0 };
        assert!((plot.audio_s(plot.x(42.0)) - 42.0).abs() < 1e-3);
        assert!((plot.midi_s(plot.y(17.0)) - 17.0).abs() < 1e-3);
        assert!(plot.y(40.0) < plot.y(0.0));
    }
}
