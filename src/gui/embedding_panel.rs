//! [`EmbeddingPanel`]: many pairs, one vector per side. Shows how far every MIDI file is from every recording, how much
//! matching and other distances overlap, and how high the right recording ranks.

use super::command::Command;
use super::distances_plot::Histograms;
use super::gestures::{Axis, arrows};
use super::heatmap::{Heatmap, Matrix};
use super::model::{Compared, Model};
use super::theme::{self, Palette};
use crate::dataset::Split;
use crate::picture::Tone;
use egui::accesskit::Role;
use egui::{
    Align2, Button, ComboBox, Label, Rect, Response, RichText, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    pos2, vec2,
};
use egui_plot::{GridInput, GridMark, HoverPosition, Line, Plot, PlotPoints};
use std::sync::Arc;

const SPLITS: [(Split, &str); 3] =
    [(Split::Test, "test works"), (Split::Valid, "validation works"), (Split::Train, "training works")];
/// Space for the axis labels.
const AXIS: f32 = 18.0;
/// The largest cells, and the size from which cells show their number.
const LARGEST: f32 = 120.0;
const NUMBERED: f32 = 40.0;

/// See the module. Keeps the picture, and the cell the keyboard is on.
#[derive(Default)]
pub(super) struct EmbeddingPanel {
    heatmap: Option<Heatmap>,
    cell: Option<(usize, usize)>,
    arrows_taken: bool,
}

impl EmbeddingPanel {
    /// Whether the panel uses the arrow keys: the matrix has the focus.
    pub(super) fn arrows_taken(&self) -> bool {
        self.arrows_taken
    }

    /// Whether the picture is complete, or none is needed.
    pub(super) fn complete(&self) -> bool {
        self.heatmap.as_ref().is_none_or(Heatmap::complete)
    }

    /// Shows it.
    pub(super) fn show(&mut self, ui: &mut Ui, model: &Model, out: &mut Vec<Command>) {
        let palette = theme::palette(ui);
        self.arrows_taken = false;
        head(ui, model, &palette, out);
        ui.separator();
        let Some(compared) = model.compared() else {
            (self.heatmap, self.cell) = (None, None);
            return nothing(ui, model, &palette);
        };
        let details = (ui.available_width() * 0.38).clamp(260.0, 520.0);
        let height = ui.available_height();
        ui.horizontal_top(|ui| {
            ui.vertical(|ui| {
                ui.set_width((ui.available_width() - details - 16.0).max(160.0));
                ui.set_height(height);
                self.matrix(ui, model, compared, &palette, out);
            });
            ui.vertical(|ui| {
                ui.set_width(details);
                ScrollArea::vertical().id_salt("distances").auto_shrink([false, false]).show(ui, |ui| {
                    // Leave room for the scroll bar.
                    ui.set_max_width(details - 14.0);
                    worth(ui, model, compared, height, &palette);
                });
            });
        });
    }

    fn matrix(
        &mut self,
        ui: &mut Ui,
        model: &Model,
        compared: &Arc<Compared>,
        palette: &Palette,
        out: &mut Vec<Command>,
    ) {
        let (rows, columns) = compared.matrix.distances.dim();
        ui.label(RichText::new(format!("{}: {rows} × {columns}", compared.name)).strong());
        let line = ui.text_style_height(&egui::TextStyle::Body);
        let room = ui.available_size() - vec2(AXIS, AXIS + line + 8.0);
        // Cells are square if there are many of them; a single row gets enough height to be seen.
        let cell = (room.x / columns.max(1) as f32).min(room.y / rows.max(1) as f32).clamp(1.0, LARGEST);
        let size = vec2(cell * columns as f32, (cell * rows as f32).max(40.0)).min(room);
        let (area, _) = ui.allocate_exact_size(size + vec2(AXIS, AXIS), Sense::hover());
        let rect = Rect::from_min_size(pos2(area.left() + AXIS, area.top()), size);
        let response = ui.interact(rect, ui.scope_id().with("embedding matrix"), Sense::click());
        let matrix = Matrix::Grid(Arc::clone(&compared.grid));
        // Small distances are rare: no range of values is dark by default.
        let map = (model.settings().color_map, Tone { dark: 0.0, ..model.settings().tone });
        let heatmap = self.heatmap.get_or_insert_with(|| Heatmap::new("Embedding distances", matrix.clone(), map));
        heatmap.set(&matrix, map, model.picture_attempts());
        heatmap.paint(ui.painter(), rect, 0.0..columns as f64, 0.0..rows as f64, out);
        let edge = if response.has_focus() {
            Stroke::new(2.0, ui.visuals().selection.stroke.color)
        } else {
            theme::outline(palette)
        };
        ui.painter().rect_stroke(rect, 0.0, edge, StrokeKind::Outside);
        let below = pos2(rect.center().x, rect.bottom() + 3.0);
        ui.painter().text(below, Align2::CENTER_TOP, "recordings", theme::small(), palette.faint);
        let galley = ui.painter().layout_no_wrap("MIDI files".into(), theme::small(), palette.faint);
        let beside = pos2(area.left(), rect.center().y + galley.size().x / 2.0);
        let turned = egui::epaint::TextShape::new(beside, galley, palette.faint);
        ui.painter().add(turned.with_angle(-std::f32::consts::FRAC_PI_2));

        if cell >= NUMBERED {
            numbers(ui, rect, compared);
        }
        self.point(ui, &response, rect, (rows, columns));
        let cell = self.cell;
        let text =
            cell.map_or_else(|| "Point at a cell to see its pair, press it to open it".into(), |at| name(compared, at));
        if let Some((row, column)) = cell {
            let size = vec2(rect.width() / columns as f32, rect.height() / rows as f32);
            let corner = pos2(rect.left() + column as f32 * size.x, rect.bottom() - (row + 1) as f32 * size.y);
            let around = Rect::from_min_size(corner, size);
            ui.painter().rect_stroke(around, 0.0, Stroke::new(2.0, theme::LIGHT), StrokeKind::Outside);
            ui.painter().rect_stroke(around.expand(2.0), 0.0, Stroke::new(1.0, theme::DARK), StrokeKind::Outside);
            let asked = response.clicked() || arrows(ui, &response).is_some_and(|keys| keys.enter);
            let midi = &compared.matrix.midi[row];
            if let Some(midi) = midi.path.clone().filter(|_| asked) {
                out.push(Command::OpenPair(midi, compared.matrix.audio[column].path.clone()));
            }
        }
        self.arrows_taken = response.has_focus();
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(text.clone()),
            ..WidgetInfo::labeled(Role::Image, true, "Embedding distances")
        });
        ui.add(
            Label::new(RichText::new(&text).color(if cell.is_some() { palette.text } else { palette.faint }))
                .truncate(),
        );
    }

    /// Updates the cell that the pointer or the arrow keys point at.
    fn point(&mut self, ui: &Ui, response: &Response, rect: Rect, (rows, columns): (usize, usize)) {
        self.cell = self.cell.filter(|(row, column)| *row < rows && *column < columns);
        let at = |pointer: egui::Pos2| {
            let along = (pointer - rect.min) / rect.size();
            let column = ((along.x * columns as f32) as usize).min(columns.saturating_sub(1));
            let row = (((1.0 - along.y) * rows as f32) as usize).min(rows.saturating_sub(1));
            (row, column)
        };
        if let Some(pointer) = response.hover_pos().filter(|pointer| rect.contains(*pointer)) {
            self.cell = Some(at(pointer));
        } else if !response.has_focus() {
            self.cell = None;
        }
        if response.has_focus() {
            // While the matrix has the focus, it receives the arrow keys itself.
            let filter =
                egui::EventFilter { horizontal_arrows: true, vertical_arrows: true, ..egui::EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        }
        if let Some(keys) = arrows(ui, response).filter(super::gestures::Arrows::moves) {
            let (row, column) = self.cell.unwrap_or_default();
            let step = |axis, from: usize, count: usize| {
                let moved = keys.presses_along(axis) + from as f64;
                moved.clamp(0.0, count.saturating_sub(1) as f64) as usize
            };
            self.cell = Some((step(Axis::Up, row, rows), step(Axis::Across, column, columns)));
        }
    }
}

/// Writes the distance into each cell, readable on every colour.
fn numbers(ui: &Ui, rect: Rect, compared: &Compared) {
    let (rows, columns) = compared.matrix.distances.dim();
    let size = vec2(rect.width() / columns as f32, rect.height() / rows as f32);
    for ((row, column), distance) in compared.matrix.distances.indexed_iter() {
        let at = pos2(rect.left() + (column as f32 + 0.5) * size.x, rect.bottom() - (row as f32 + 0.5) * size.y);
        let text = format!("{distance:.2}");
        let rim = [vec2(1.0, 1.0), vec2(-1.0, 0.0)].map(|by| (by, theme::DARK));
        for (by, colour) in rim.into_iter().chain([(vec2(0.0, 0.0), theme::LIGHT)]) {
            ui.painter().text(at + by, Align2::CENTER_CENTER, &text, theme::small(), colour);
        }
    }
}

/// Describes a cell in words.
fn name(compared: &Compared, (row, column): (usize, usize)) -> String {
    let matrix = &compared.matrix;
    let together = if matrix.belongs(row, column) { ", belong together" } else { "" };
    let (midi, audio) = (&matrix.midi[row].name, &matrix.audio[column].name);
    format!("{:.3}{together}: MIDI {midi}, recording {audio}", matrix.distances[[row, column]])
}

/// The model, and what can be compared.
fn head(ui: &mut Ui, model: &Model, palette: &Palette, out: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        let Some(loaded) = model.embedding_model() else {
            ui.label(RichText::new("No embedding model yet").color(palette.faint));
            return;
        };
        let name = loaded.path.as_deref().map_or_else(|| "shipped model".into(), super::loading::file_name);
        ui.label(RichText::new(name).strong());
        let (networks, record) = (&loaded.model, loaded.model.record());
        let text = format!(
            "{}, 128 values, {:.2} million parameters, {} works, {} steps, MRR {:.2} among {} validation works",
            networks.architecture().name,
            networks.parameter_count() as f64 / 1e6,
            record.works,
            record.step,
            record.validation_mrr,
            record.valid_works
        );
        ui.add(Label::new(RichText::new(text).color(palette.faint)).wrap());
    });
    ui.horizontal_wrapped(|ui| {
        for command in
            [Command::CompareFolder, Command::CompareDataSet, Command::CompareLoaded, Command::ChooseEmbeddingModel]
        {
            let Some(entry) = command.entry() else { continue };
            let able = (entry.enabled)(model) && (model.embedding_model().is_some() || !compares(&command));
            let button = ui.add_enabled(able, Button::new(entry.name));
            if button.on_hover_text(entry.tooltip_text(ui.ctx(), model.settings())).clicked() {
                out.push(command.clone());
            }
            if command == Command::CompareDataSet {
                split(ui, model, out);
            }
        }
        if model.embedding_model().is_some_and(|loaded| loaded.path.is_some())
            && ui.button("Shipped embedding model").on_hover_text("The one of the program").clicked()
        {
            out.push(Command::UseEmbeddingModel(None));
        }
    });
}

fn compares(command: &Command) -> bool {
    matches!(command, Command::CompareFolder | Command::CompareDataSet)
}

/// Lets the user choose which works of a data set are compared.
fn split(ui: &mut Ui, model: &Model, out: &mut Vec<Command>) {
    let chosen = model.settings().compared_split;
    let shown = SPLITS.iter().find(|split| split.0 == chosen).map_or("", |split| split.1);
    let combo = ComboBox::from_id_salt("split").selected_text(shown).show_ui(ui, |ui| {
        for (split, name) in SPLITS {
            if ui.selectable_label(split == chosen, name).clicked() {
                out.push(Command::CompareSplit(split));
            }
        }
    });
    combo.response.on_hover_text("Works of the data set that are compared");
}

/// The text shown when there is nothing to compare.
fn nothing(ui: &mut Ui, model: &Model, palette: &Palette) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.3);
        let (title, next) = if model.comparing() || !model.running().is_empty() {
            ("Being computed…", "")
        } else {
            ("Nothing is compared yet.", "Compare a folder of pairs or a data set, or open a MIDI file and recordings.")
        };
        ui.label(RichText::new(title).size(20.0));
        ui.label(RichText::new(next).color(palette.faint));
    });
}

/// How informative the distances are: their distributions and the rank curve.
fn worth(ui: &mut Ui, model: &Model, compared: &Compared, room: f32, palette: &Palette) {
    // Where there is room, two plots with their captions fit without scrolling.
    let height = (room / 2.0 - 80.0).clamp(150.0, 340.0);
    let own = model.embedded().map(|embedded| f64::from(embedded.distance));
    if compared.matrix.midi.len() > 1 {
        Histograms::of_embeddings(&compared.name, &compared.spread).marked(own).show(
            ui,
            &compared.name,
            height,
            palette,
        );
        ui.add_space(8.0);
        ranks(ui, compared, height, palette);
    } else if let Some((of, known)) = model.known_distances() {
        Histograms::of_embeddings(&of, known).marked(own).show(ui, &of, height, palette);
    } else {
        let text = "One MIDI file has no distribution. Compare a folder of pairs or a data set to see one.";
        ui.add(Label::new(RichText::new(text).color(palette.faint)).wrap());
    }
}

/// The share of MIDI files whose recording is among the first `n`, over `n`.
fn ranks(ui: &mut Ui, compared: &Compared, height: f32, palette: &Palette) {
    let mut ranks = compared.ranks.clone();
    ranks.sort_unstable();
    let count = ranks.len().max(1) as f64;
    let within = |n: usize| 100.0 * ranks.iter().filter(|rank| **rank <= n).count() as f64 / count;
    let mrr = ranks.iter().map(|rank| 1.0 / *rank as f64).sum::<f64>() / count;
    let text = format!(
        "Right recording first {:.1} %, within 10 {:.1} %, MRR {mrr:.3}, {} MIDI files among {} recordings",
        within(1),
        within(10),
        ranks.len(),
        compared.matrix.audio.len()
    );
    ui.add(Label::new(&text).wrap());
    let most = compared.matrix.audio.len().max(2);
    let points: Vec<[f64; 2]> = (1..=most)
        .flat_map(|n| {
            let at = (n as f64).log10();
            // A step: the previous share holds up to this rank.
            let before = (n > 1).then(|| [at, within(n - 1) / 100.0]);
            before.into_iter().chain([[at, within(n) / 100.0]])
        })
        .collect();
    let plot = Plot::new("embedding ranks")
        .height(height)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .include_y(0.0)
        .include_y(1.0)
        .include_x(0.0)
        .x_grid_spacer(decades)
        .x_axis_formatter(|mark, _| format!("{:.0}", 10.0_f64.powf(mark.value)))
        .y_axis_formatter(|mark, _| format!("{:.0} %", 100.0 * mark.value))
        .label_formatter(|at| match at {
            HoverPosition::NearDataPoint { position, .. } => {
                Some(format!("within {:.0}: {:.1} %", 10.0_f64.powf(position.x), 100.0 * position.y))
            }
            HoverPosition::Elsewhere { .. } => None,
        })
        .x_axis_label("rank of the right recording, at most");
    let shown = plot.show(ui, |plot| {
        plot.line(Line::new("found", PlotPoints::from(points)).color(palette.recording).width(2.0));
    });
    shown.response.widget_info(|| WidgetInfo {
        current_text_value: Some(text.clone()),
        ..WidgetInfo::labeled(Role::Image, true, "Rank curve")
    });
}

/// 1, 2, 5, 10, 20, 50, …
fn decades(input: GridInput) -> Vec<GridMark> {
    let (from, to) = input.bounds;
    let first = from.floor().max(0.0) as i32;
    (first..=to.ceil().max(0.0) as i32)
        .flat_map(|power| {
            let base = f64::from(power);
            [(0.0, 1.0), (2.0_f64.log10(), 0.3), (5.0_f64.log10(), 0.3)]
                .map(|(above, step_size)| GridMark { value: base + above, step_size })
        })
        .collect()
}
