//! [`SearchPanel`]: what an index holds of the open music. The query, the stages, and the ranked hits with bars for
//! their scores; the arrow keys play one after the other.

use super::command::Command;
use super::gestures::{Axis, arrows};
use super::icon::Icon;
use super::loading::file_name;
use super::model::{HitOrder, Model, SearchForm, Searched, hit_name};
use super::theme::{self, Palette};
use crate::features::FRAME_S;
use crate::hashing::Side;
use crate::search::{Hit, Stage, StageName};
use egui::accesskit::Role;
use egui::{
    Align2, Button, Checkbox, Color32, DragValue, EventFilter, Label, Rect, Response, RichText, ScrollArea, Sense,
    Stroke, StrokeKind, TextEdit, Ui, WidgetInfo, pos2, vec2,
};
use egui_plot::{Line, Plot, PlotPoints};

/// Columns: their sort order, their names, and their shares of the width.
const COLUMNS: [(HitOrder, &str, f32); 6] = [
    (HitOrder::Rank, "#", 0.06),
    (HitOrder::Name, "Recording", 0.42),
    (HitOrder::Rank, "Confidence", 0.16),
    (HitOrder::Hash, "Codes", 0.14),
    (HitOrder::Embedding, "Vectors", 0.13),
    (HitOrder::Length, "Length", 0.09),
];
/// Typical distance in bits of the codes of unrelated music: the end of the bar.
const FAR_CODES: f32 = 16.0;
/// Distance of unrelated unit vectors: √2, the end of the bar.
const FAR_VECTORS: f32 = std::f32::consts::SQRT_2;
const ROW_HEIGHT: f32 = 22.0;
/// Height of a stage's bar.
const STAGE_HEIGHT: f32 = 18.0;

/// See the module. Remembers the row that was last scrolled into view.
#[derive(Default)]
pub(super) struct SearchPanel {
    arrows_taken: bool,
    shown_row: Option<usize>,
    /// How far the list was scrolled, in points.
    scrolled: f32,
}

impl SearchPanel {
    /// Whether the panel uses the arrow keys: the list has the focus.
    pub(super) fn arrows_taken(&self) -> bool {
        self.arrows_taken
    }

    /// Shows it.
    pub(super) fn show(&mut self, ui: &mut Ui, model: &Model, out: &mut Vec<Command>) {
        let palette = theme::palette(ui);
        self.arrows_taken = false;
        head(ui, model, &palette, out);
        ui.separator();
        let Some(searched) = model.found() else { return nothing(ui, model, &palette) };
        let side = (ui.available_width() * 0.27).clamp(200.0, 380.0);
        let height = ui.available_height();
        ui.horizontal_top(|ui| {
            ui.vertical(|ui| {
                ui.set_width((ui.available_width() - side - 16.0).max(240.0));
                ui.set_height(height);
                self.hits(ui, model, searched, &palette, out);
            });
            ui.vertical(|ui| {
                ui.set_width(side);
                ScrollArea::vertical().id_salt("stages").auto_shrink([false, false]).show(ui, |ui| {
                    // Leave room for the scroll bar.
                    ui.set_max_width(side - 14.0);
                    stages(ui, searched, &palette);
                    ui.add_space(8.0);
                    curve(ui, searched, &palette);
                });
            });
        });
    }

    fn hits(&mut self, ui: &mut Ui, model: &Model, searched: &Searched, palette: &Palette, out: &mut Vec<Command>) {
        let width = ui.available_width() - 14.0;
        filter(ui, model, searched, palette, out);
        columns(ui, model, width, out);
        let rows = model.hit_count();
        let area = ui.available_rect_before_wrap();
        let list = ui.interact(area, ui.scope_id().with("hits"), Sense::focusable_noninteractive());
        let mut scroll = ScrollArea::vertical().id_salt("hit rows").auto_shrink([false, false]);
        if let Some(row) = model.hit_row().filter(|row| self.shown_row != Some(*row)) {
            // Scroll it into view, unless it is already visible.
            self.shown_row = Some(row);
            let pitch = ROW_HEIGHT + ui.spacing().item_spacing.y;
            let top = self.scrolled;
            let at = row as f32 * pitch;
            if at < top || at + pitch > top + area.height() {
                scroll = scroll.vertical_scroll_offset((at - area.height() / 2.0).max(0.0));
            }
        }
        let shown = scroll.show_rows(ui, ROW_HEIGHT, rows, |ui, range| {
            for row in range {
                let Some(hit) = model.hit(row) else { continue };
                let response = line(ui, hit, model.hit_row() == Some(row), width, palette);
                if response.clicked() {
                    list.request_focus();
                    out.push(Command::LookAtHit(row));
                }
                if response.double_clicked() {
                    out.push(Command::OpenHit);
                }
            }
        });
        self.scrolled = shown.state.clamped_offset().y;
        self.keys(ui, model, &list, rows, out);
        let value = model.hit_row().and_then(|row| model.hit(row)).map_or_else(|| format!("{rows} hits"), described);
        list.widget_info(|| WidgetInfo {
            current_text_value: Some(value.clone()),
            ..WidgetInfo::labeled(Role::List, true, "Hits")
        });
    }

    /// Arrow keys play one hit after the other, Enter opens it.
    fn keys(&mut self, ui: &Ui, model: &Model, list: &Response, rows: usize, out: &mut Vec<Command>) {
        self.arrows_taken = list.has_focus();
        if !list.has_focus() {
            return;
        }
        let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(list.id, filter));
        ui.painter().rect_stroke(list.rect, 2.0, ui.visuals().selection.stroke, StrokeKind::Outside);
        let Some(keys) = arrows(ui, list) else { return };
        if keys.moves() && rows > 0 {
            let by = -keys.presses_along(Axis::Up);
            let at = model.hit_row().map_or(if by < 0.0 { rows as f64 } else { -1.0 }, |row| row as f64);
            out.push(Command::LookAtHit((at + by).clamp(0.0, (rows - 1) as f64) as usize));
        }
        if keys.enter {
            out.push(Command::OpenHit);
        }
    }
}

/// Describes a hit in words.
fn described(hit: &Hit) -> String {
    let confidence = hit.confidence.map_or("not aligned".into(), |c| format!("confidence {c:.2}"));
    format!("{}, {}, {confidence}, {:.1} bits apart", hit.rank, hit_name(hit), hit.hash_distance)
}

/// The query, the index and the search settings.
fn head(ui: &mut Ui, model: &Model, palette: &Palette, out: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Index").color(palette.faint));
        match model.index() {
            Some(index) => {
                let counts = index.counts();
                ui.label(RichText::new(file_name(index.folder())).strong())
                    .on_hover_text(index.folder().display().to_string());
                let sound = format!("{} entries, {:.1} hours", counts.entries, counts.frames as f64 * FRAME_S / 3600.0);
                ui.label(RichText::new(sound).color(palette.faint));
            }
            None => {
                ui.label(RichText::new("none is open").color(palette.faint));
            }
        }
        for command in [Command::ChooseIndex, Command::AddToIndex] {
            let Some(entry) = command.entry() else { continue };
            let button = ui.add_enabled((entry.enabled)(model), Button::new(entry.name));
            if button.on_hover_text(entry.tooltip_text(ui.ctx(), model.settings())).clicked() {
                out.push(command);
            }
        }
    });
    let mut form = model.settings().search.clone();
    ui.horizontal_wrapped(|ui| {
        let Some(entry) = Command::Search.entry() else { return };
        let text = if model.searches() { "Stop" } else { "Search" };
        let button = ui.add_enabled((entry.enabled)(model), Button::new(text).min_size([84.0, 28.0].into()));
        let button = button.on_hover_text(entry.tooltip_text(ui.ctx(), model.settings()));
        if button.accessible_name(format!("{text} the index")).clicked() {
            out.push(Command::Search);
        }
        if let Some(entry) = Command::SearchByRecording.entry() {
            let button = ui.add_enabled((entry.enabled)(model), Button::new("By the recording"));
            if button.on_hover_text(entry.tooltip_text(ui.ctx(), model.settings())).clicked() {
                out.push(Command::SearchByRecording);
            }
        }
        let label = ui.label("Hits");
        ui.add(DragValue::new(&mut form.top).range(1..=super::model::MOST_HITS).speed(5)).labelled_by(label.id);
        ui.add(Checkbox::new(&mut form.exhaustive, "Compare all codes"))
            .on_hover_text("No entry is left out because of its embedding: slower");
        ui.add(Checkbox::new(&mut form.all_keys, "All keys"))
            .on_hover_text("Try all twelve keys, and not only where nothing is confident");
        let query = model.midi_path().or_else(|| model.candidate().map(|candidate| candidate.path.as_path()));
        let text = query.map_or("open a MIDI file or a recording to look for".to_owned(), |path| {
            format!("for {}", file_name(path))
        });
        ui.label(RichText::new(text).color(palette.faint));
    });
    if form != model.settings().search {
        out.push(Command::SearchHow(form));
    }
}

/// The text shown when there are no hits.
fn nothing(ui: &mut Ui, model: &Model, palette: &Palette) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.3);
        let (title, next) = match (model.searches(), model.index().is_some()) {
            (true, _) => ("Searching…", "Its progress is below; it can be stopped at any time."),
            (false, true) => ("Nothing has been looked for yet.", "Open a MIDI file and press Search."),
            (false, false) => {
                ("No index is open.", "Choose one, or add a folder of recordings: then an index is made of them.")
            }
        };
        ui.label(RichText::new(title).size(20.0));
        ui.label(RichText::new(next).color(palette.faint));
    });
}

fn filter(ui: &mut Ui, model: &Model, searched: &Searched, palette: &Palette, out: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        let text = format!("{} hits for {}", searched.found.hits.len(), file_name(&searched.query));
        ui.label(RichText::new(text).strong());
        let label = ui.label(RichText::new("Filter").color(palette.faint));
        let mut form = model.settings().search.clone();
        let edit = TextEdit::singleline(&mut form.filter).desired_width(160.0).hint_text("title, artist, path");
        ui.add(edit).labelled_by(label.id);
        if form.filter != model.settings().search.filter {
            out.push(Command::SearchHow(form));
        }
        if model.hit_count() < searched.found.hits.len() {
            ui.label(RichText::new(format!("{} shown", model.hit_count())).color(palette.faint));
        }
    });
    for remark in &searched.found.remarks {
        ui.add(Label::new(RichText::new(remark).color(palette.warning)).wrap());
    }
}

/// The column headings: click one to sort by it, again to reverse the order.
fn columns(ui: &mut Ui, model: &Model, width: f32, out: &mut Vec<Command>) {
    let form = &model.settings().search;
    let (rect, _) = ui.allocate_exact_size(vec2(width, ROW_HEIGHT), Sense::hover());
    let mut left = rect.left();
    for (column, (order, name, share)) in COLUMNS.into_iter().enumerate() {
        let cell = Rect::from_min_size(pos2(left, rect.top()), vec2(width * share - 4.0, ROW_HEIGHT));
        left += width * share;
        // Rank and confidence give the same order: only one of them shows the arrow.
        let sorted = form.order == order && column != 2;
        let id = ui.scope_id().with(("hit column", column));
        let response = ui.interact(cell, id, Sense::click()).on_hover_text(format!("Sort by {}", name.to_lowercase()));
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, sorted, format!("Sort by {name}")));
        let colour = ui.style().interact(&response).text_color();
        let left = cell.left_center() + vec2(if column == 0 { 4.0 } else { 0.0 }, 0.0);
        let written = ui.painter().text(left, Align2::LEFT_CENTER, name, theme::small(), colour);
        if sorted {
            let icon = if form.reversed { Icon::Falling } else { Icon::Rising };
            let beside = Rect::from_center_size(written.right_center() + vec2(9.0, 0.0), vec2(8.0, 8.0));
            icon.paint(ui.painter(), beside, colour);
        }
        if response.clicked() {
            let reversed = form.order == order && !form.reversed;
            out.push(Command::SearchHow(SearchForm { order, reversed, ..form.clone() }));
        }
    }
}

/// Draws one hit.
fn line(ui: &mut Ui, hit: &Hit, chosen: bool, width: f32, palette: &Palette) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(width, ROW_HEIGHT), Sense::click());
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    if chosen {
        painter.rect_filled(rect, 3.0, ui.visuals().selection.bg_fill);
    } else if response.hovered() {
        painter.rect_filled(rect, 3.0, ui.visuals().widgets.hovered.weak_bg_fill);
    }
    let text_colour = if chosen { ui.visuals().selection.stroke.color } else { palette.text };
    let mut left = rect.left();
    let mut cells = COLUMNS.map(|(_, _, share)| {
        let cell = Rect::from_min_size(pos2(left, rect.top()), vec2(width * share - 4.0, ROW_HEIGHT));
        left += width * share;
        cell
    });
    cells[0] = cells[0].translate(vec2(4.0, 0.0));
    let write = |cell: Rect, text: String, colour: Color32| {
        let painter = painter.with_clip_rect(cell.intersect(painter.clip_rect()));
        painter.text(cell.left_center(), Align2::LEFT_CENTER, text, theme::small(), colour);
    };
    write(cells[0], hit.rank.to_string(), text_colour);
    let key = if hit.transpose == 0 { String::new() } else { format!("  ({:+} semitones)", hit.transpose) };
    write(cells[1], format!("{}{key}", hit_name(hit)), text_colour);
    let bar = |cell: Rect, part: f32, text: String, colour: Color32| {
        let whole = cell.shrink2(vec2(0.0, 6.0)).with_max_x(cell.left() + cell.width() * 0.55);
        painter.rect_filled(whole, 2.0, palette.empty);
        let filled = whole.with_max_x(whole.left() + whole.width() * part.clamp(0.0, 1.0));
        painter.rect_filled(filled, 2.0, colour);
        let beside = Rect::from_min_max(pos2(whole.right() + 5.0, cell.top()), cell.max);
        write(beside, text, text_colour);
    };
    if let Some(confidence) = hit.confidence {
        // Not by colour alone: the icon shows it too.
        let (icon, colour) = if hit.accepted() { (Icon::Good, palette.good) } else { (Icon::Bad, palette.bad) };
        bar(cells[2], confidence as f32, format!("{confidence:.2}"), colour);
        let side = vec2(10.0, 10.0);
        let colour = if chosen { text_colour } else { colour };
        icon.paint(&painter, Rect::from_center_size(cells[2].right_center() - vec2(14.0, 0.0), side), colour);
    }
    bar(cells[3], 1.0 - hit.hash_distance / FAR_CODES, format!("{:.1}", hit.hash_distance), palette.recording);
    if let Some(distance) = hit.embedding_distance {
        bar(cells[4], 1.0 - distance / FAR_VECTORS, format!("{distance:.2}"), palette.midi);
    }
    let seconds = hit.entry.seconds.round().max(0.0) as u64;
    write(cells[5], format!("{}:{:02}", seconds / 60, seconds % 60), text_colour);
    let text = described(hit);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, &text));
    response.on_hover_text(hit.entry.path.display().to_string())
}

/// The funnel: how many entries each stage examined and kept, on a logarithmic scale.
fn stages(ui: &mut Ui, searched: &Searched, palette: &Palette) {
    let stages = &searched.found.stages;
    let seconds: f64 = stages.iter().map(|stage| stage.seconds).sum();
    ui.label(RichText::new(format!("Searched in {}", seconds_text(seconds))).strong());
    let most = stages.iter().map(|stage| stage.looked_at).max().unwrap_or(1).max(2);
    let width = ui.available_width();
    let share = |count: usize| ((count.max(1) as f32 + 1.0).ln() / (most as f32 + 1.0).ln()).clamp(0.02, 1.0);
    for stage in stages {
        let text = stage_text(stage);
        ui.label(RichText::new(&text).small().color(palette.faint));
        let (rect, response) = ui.allocate_exact_size(vec2(width, STAGE_HEIGHT), Sense::hover());
        let painter = ui.painter();
        let looked_at = rect.with_max_x(rect.left() + width * share(stage.looked_at));
        painter.rect_filled(looked_at, 2.0, palette.empty);
        painter.rect_stroke(looked_at, 2.0, Stroke::new(1.0, palette.line), StrokeKind::Inside);
        painter.rect_filled(rect.with_max_x(rect.left() + width * share(stage.kept)), 2.0, palette.midi);
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(text.clone()),
            ..WidgetInfo::labeled(Role::Image, true, "Stage of the search")
        });
    }
}

fn stage_text(stage: &Stage) -> String {
    let name = match stage.name {
        StageName::Embedding => "Vectors",
        StageName::Hash => "Codes",
        StageName::Alignment => "Alignment",
    };
    let keys = if stage.keys == 1 { String::new() } else { format!(", {} keys", stage.keys) };
    format!("{name}: {} of {}{keys}, {}", stage.kept, stage.looked_at, seconds_text(stage.seconds))
}

fn seconds_text(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}

/// The scores by rank: a right answer stands out from those that follow.
fn curve(ui: &mut Ui, searched: &Searched, palette: &Palette) {
    let hits = &searched.found.hits;
    let points = |value: fn(&Hit) -> Option<f64>| -> Vec<[f64; 2]> {
        let scored = hits.iter().take(1000).filter_map(|hit| Some((hit.rank, value(hit)?)));
        scored.map(|(rank, value)| [rank as f64, value]).collect()
    };
    let confidence = points(|hit| hit.confidence);
    let codes = points(|hit| Some(f64::from((1.0 - hit.hash_distance / FAR_CODES).clamp(0.0, 1.0))));
    ui.label("Scores by rank");
    let plot = Plot::new("scores by rank")
        .height(170.0)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .include_y(0.0)
        .include_y(1.0)
        .x_axis_label("rank");
    let shown = plot.show(ui, |plot| {
        plot.line(Line::new("codes", PlotPoints::from(codes)).color(palette.recording).width(1.5));
        plot.line(Line::new("confidence", PlotPoints::from(confidence)).color(palette.good).width(2.0));
    });
    let best = hits.first().map_or("no hits".to_owned(), described);
    shown.response.widget_info(|| WidgetInfo {
        current_text_value: Some(best.clone()),
        ..WidgetInfo::labeled(Role::Image, true, "Scores by rank")
    });
    let side = |side| hits.iter().filter(|hit| hit.entry.side == side).count();
    let text = format!("{} recordings and {} MIDI files among the hits", side(Side::Audio), side(Side::Midi));
    ui.label(RichText::new(text).small().color(palette.faint));
}
