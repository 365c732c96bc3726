//! [`FiltersPanel`]: inside the hash networks. Shows the first-layer filters of both, the output of one for the loaded
//! pair, and how well the codes separate matching from other pairs.

use super::command::Command;
use super::distances_plot::Histograms;
use super::model::{LoadedHashModel, Model, Unit};
use super::theme::{self, Palette};
use crate::features::CqtParams;
use crate::hashing::{Filter, Side, strongest};
use crate::midi::MidiTime;
use crate::picture::axis::{clock_text, note_name};
use crate::picture::{FilterSheet, filter_sheet};
use egui::accesskit::Role;
use egui::{
    Align2, Button, ColorImage, ComboBox, Context, DragValue, Label, Rect, RichText, ScrollArea, Sense, Stroke,
    StrokeKind, TextureHandle, TextureOptions, Ui, WidgetInfo, pos2, vec2,
};
use std::sync::Arc;

/// Filters per row of the texture.
const COLUMNS: usize = 16;
/// Size of a filter in points, and space for its number.
const TILE: (f32, f32) = (36.0, 62.0);
const NUMBER: f32 = 14.0;
/// The number of moments listed, and their minimum distance in seconds.
const MOMENTS: usize = 8;
const APART_S: f64 = 2.0;
/// How many seconds before a moment playback starts.
const BEFORE_S: f64 = 1.0;

/// See the module. Keeps the pictures of the filters.
#[derive(Default)]
pub(super) struct FiltersPanel {
    pictures: Option<Pictures>,
}

struct Pictures {
    of: Arc<LoadedHashModel>,
    shared: bool,
    sides: [(TextureHandle, FilterSheet); 2],
}

const SIDES: [(Side, &str); 2] = [(Side::Midi, "MIDI"), (Side::Audio, "Recording")];

impl FiltersPanel {
    /// Shows them.
    pub(super) fn show(&mut self, ui: &mut Ui, model: &Model, out: &mut Vec<Command>) {
        let palette = theme::palette(ui);
        let Some(networks) = model.hash_model() else {
            self.pictures = None;
            return none(ui, model, &palette, out);
        };
        head(ui, model, networks, &palette, out);
        ui.separator();
        self.prepare(ui.ctx(), model, networks);
        let details = (ui.available_width() * 0.36).clamp(240.0, 460.0);
        let height = ui.available_height();
        ui.horizontal_top(|ui| {
            let each = (ui.available_width() - details - 24.0) / 2.0;
            for (index, (side, name)) in SIDES.into_iter().enumerate() {
                ui.vertical(|ui| {
                    ui.set_width(each);
                    ui.set_height(height);
                    let colour = if side == Side::Midi { palette.midi } else { palette.recording };
                    let count = networks.filters(side).len();
                    ui.label(RichText::new(format!("{name}: {count} filters")).color(colour).strong());
                    ScrollArea::vertical().id_salt(name).auto_shrink([false, false]).show(ui, |ui| {
                        // The frame of the top row is drawn outside it.
                        ui.add_space(2.0);
                        self.grid(ui, model, networks, (index, side, name), &palette, out);
                    });
                });
            }
            ui.vertical(|ui| {
                ui.set_width(details);
                ScrollArea::vertical().id_salt("details").auto_shrink([false, false]).show(ui, |ui| {
                    self.details(ui, model, networks, &palette, out);
                });
            });
        });
    }

    /// Makes the textures when the model or the scale has changed: at most a hundred thousand pixels.
    fn prepare(&mut self, ctx: &Context, model: &Model, networks: &Arc<LoadedHashModel>) {
        let shared = model.settings().shared_scale;
        if self.pictures.as_ref().is_some_and(|made| Arc::ptr_eq(&made.of, networks) && made.shared == shared) {
            return;
        }
        let sides = SIDES.map(|(side, name)| {
            let sheet = filter_sheet(networks.filters(side).iter().map(|f| &f.weights), COLUMNS, 1, shared);
            let size = [sheet.image.width() as usize, sheet.image.height() as usize];
            let image = ColorImage::from_rgba_unmultiplied(size, sheet.image.as_raw());
            (ctx.load_texture(format!("{name} filters"), image, TextureOptions::NEAREST), sheet)
        });
        self.pictures = Some(Pictures { of: Arc::clone(networks), shared, sides });
    }

    fn grid(
        &self,
        ui: &mut Ui,
        model: &Model,
        networks: &LoadedHashModel,
        (index, side, name): (usize, Side, &str),
        palette: &Palette,
        out: &mut Vec<Command>,
    ) {
        let filters = networks.filters(side);
        if filters.is_empty() {
            ui.label(RichText::new("The first layer does not convolve.").color(palette.faint));
            return;
        }
        ui.spacing_mut().item_spacing = vec2(6.0, 4.0);
        ui.horizontal_wrapped(|ui| {
            for (channel, filter) in filters.iter().enumerate() {
                let (rect, response) = ui.allocate_exact_size(vec2(TILE.0, TILE.1 + NUMBER), Sense::click());
                let chosen = model.layer() == 0 && model.unit() == Some(Unit { side, channel });
                response.widget_info(|| WidgetInfo {
                    current_text_value: Some(numbers(filter)),
                    selected: Some(chosen),
                    ..WidgetInfo::labeled(Role::Button, true, format!("{name} filter {channel}"))
                });
                if response.clicked() {
                    out.extend([Command::LookAtLayer(0), Command::LookAtUnit(Some(Unit { side, channel }))]);
                }
                if !ui.is_rect_visible(rect) {
                    continue;
                }
                let picture = rect.with_max_y(rect.top() + TILE.1);
                self.picture(ui, picture, index, channel);
                let (width, colour) = match (chosen, response.has_focus() || response.hovered()) {
                    (true, _) => (2.0, palette.text),
                    (false, true) => (2.0, palette.faint),
                    (false, false) => (1.0, palette.line),
                };
                ui.painter().rect_stroke(picture, 0.0, Stroke::new(width, colour), StrokeKind::Outside);
                let text = if dead(model, networks, Unit { side, channel }).is_some() {
                    format!("{channel} dead")
                } else {
                    channel.to_string()
                };
                let colour = if text.ends_with('d') { palette.warning } else { palette.faint };
                ui.painter().text(rect.center_bottom(), Align2::CENTER_BOTTOM, text, theme::small(), colour);
                response.on_hover_text(numbers(filter));
            }
        });
    }

    fn picture(&self, ui: &Ui, rect: Rect, side: usize, channel: usize) {
        let Some((texture, sheet)) = self.pictures.as_ref().map(|made| &made.sides[side]) else { return };
        let Some(&[left, top, width, height]) = sheet.places.get(channel) else { return };
        let (wide, high) = (sheet.image.width() as f32, sheet.image.height() as f32);
        let uv = Rect::from_min_size(
            pos2(left as f32 / wide, top as f32 / high),
            vec2(width as f32 / wide, height as f32 / high),
        );
        ui.painter().image(texture.id(), rect, uv, theme::LIGHT);
    }

    /// The selected filter enlarged, the moments at which it is strongest, and the distances of the codes.
    fn details(
        &self,
        ui: &mut Ui,
        model: &Model,
        networks: &LoadedHashModel,
        palette: &Palette,
        out: &mut Vec<Command>,
    ) {
        layers(ui, model, networks, out);
        match model.unit() {
            None => {
                ui.label(
                    RichText::new("Choose a filter to see it large and to hear where it is strongest.")
                        .color(palette.faint),
                );
            }
            Some(unit) => {
                if model.layer() == 0 {
                    self.large(ui, networks, unit, palette);
                }
                if let Some(why) = dead(model, networks, unit) {
                    ui.label(RichText::new(format!("Dead: {why}")).color(palette.warning));
                }
                moments(ui, model, unit, palette, out);
            }
        }
        ui.add_space(8.0);
        if let Some(hashed) = model.hashed() {
            Histograms::of_codes("this pair", &hashed.separation).show(ui, "this pair", 180.0, palette);
        }
        for quality in model.quality() {
            let name = format!("{}, {} works", quality.system, quality.works);
            Histograms::of_codes(&name, &quality.histograms).show(ui, &name, 150.0, palette);
        }
        let measure = ui.button("Measure on a data set…");
        if measure.on_hover_text("Distances of the codes on the validation works of a data set").clicked() {
            out.push(Command::ChooseDataToMeasure);
        }
        let record = networks.model.record();
        if record.steps > 0 {
            let bc = record.validation_bc;
            let works = record.valid_works;
            ui.label(format!("{works} validation works: overlap (BC) {bc:.3}"));
        }
    }

    fn large(&self, ui: &mut Ui, networks: &LoadedHashModel, unit: Unit, palette: &Palette) {
        let (index, name) = if unit.side == Side::Midi { (0, "MIDI") } else { (1, "Recording") };
        let Some(filter) = networks.filters(unit.side).get(unit.channel) else { return };
        ui.label(RichText::new(format!("{name} filter {}", unit.channel)).strong());
        let (area, _) = ui.allocate_exact_size(vec2(ui.available_width().min(300.0), 230.0), Sense::hover());
        let rect = Rect::from_min_max(pos2(area.left() + 34.0, area.top()), pos2(area.right(), area.bottom() - 16.0));
        self.picture(ui, rect, index, unit.channel);
        ui.painter().rect_stroke(rect, 0.0, theme::outline(palette), StrokeKind::Outside);
        let (frames, bins) = filter.weights.dim();
        // A filter that spans all bins has fixed notes; a smaller one may lie anywhere.
        let first = CqtParams::default().first_note;
        for bin in 0..bins {
            let note = first.saturating_add(bin as u8);
            let y = rect.bottom() - (bin as f32 + 0.5) / bins as f32 * rect.height();
            if bins == CqtParams::default().bins && note.is_multiple_of(12) {
                let at = pos2(rect.left() - 4.0, y);
                ui.painter().text(at, Align2::RIGHT_CENTER, note_name(note), theme::small(), palette.faint);
            }
        }
        let width = format!("{frames} frames × {bins} bins, {:.0} ms", frames as f64 * crate::features::FRAME_S * 1e3);
        ui.painter().text(
            rect.center_bottom() + vec2(0.0, 2.0),
            Align2::CENTER_TOP,
            width,
            theme::small(),
            palette.faint,
        );
        ui.label(RichText::new(numbers(filter)).font(theme::small()));
    }
}

/// The text shown without a model.
fn none(ui: &mut Ui, model: &Model, palette: &Palette, out: &mut Vec<Command>) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.3);
        if !model.running().is_empty() {
            ui.label(RichText::new("Reading the hash model").color(palette.faint));
            return;
        }
        ui.label(RichText::new("There is no hash model.").size(20.0));
        ui.label(RichText::new("Choose one (safetensors), or train one.").color(palette.faint));
        ui.add_space(12.0);
        if ui.button("Hash model…").clicked() {
            out.push(Command::ChooseHashModel);
        }
    });
}

/// The model, and what can be done with its filters.
fn head(ui: &mut Ui, model: &Model, networks: &LoadedHashModel, palette: &Palette, out: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        let hash = &networks.model;
        let name = networks.path.as_deref().map_or_else(|| "shipped model".into(), super::loading::file_name);
        ui.label(RichText::new(name).strong());
        let parameters =
            [Side::Midi, Side::Audio].map(|side| hash.network(side).parameters().len()).iter().sum::<usize>();
        let record = hash.record();
        let trained = if record.steps > 0 {
            format!(", {} pairs of {} works, {} steps", record.pairs, record.works, record.step)
        } else {
            ", not trained".to_owned()
        };
        let text = format!(
            "{}, {} bits a step of {} frames, {:.2} million parameters{trained}",
            hash.architecture().name,
            hash.bits(),
            hash.downsampling(),
            parameters as f64 / 1e6
        );
        ui.add(Label::new(RichText::new(text).color(palette.faint)).wrap());
    });
    ui.horizontal_wrapped(|ui| {
        for command in [Command::SharedScale, Command::Activations, Command::ExportFilters, Command::ChooseHashModel] {
            let Some(entry) = command.entry() else { continue };
            let button = Button::new(entry.name).selected(command.is_on(model));
            let button = ui.add_enabled((entry.enabled)(model), button);
            if button.on_hover_text(entry.tooltip_text(ui.ctx(), model.settings())).clicked() {
                out.push(command);
            }
        }
        if networks.path.is_some() && ui.button("Shipped model").on_hover_text("The one of the program").clicked() {
            out.push(Command::UseHashModel(None));
        }
    });
}

/// Lets the user choose a layer and one of its channels.
fn layers(ui: &mut Ui, model: &Model, networks: &LoadedHashModel, out: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        let title = |index: usize| {
            networks.layers.get(index).map_or_else(String::new, |layer| format!("{}: {}", index + 1, layer.name))
        };
        let label = ui.label("Layer");
        let combo = ComboBox::from_id_salt("layer").selected_text(title(model.layer()));
        let combo = combo.show_ui(ui, |ui| {
            for index in 0..networks.layers.len() {
                if ui.selectable_label(model.layer() == index, title(index)).clicked() {
                    out.push(Command::LookAtLayer(index));
                }
            }
        });
        combo.response.labelled_by(label.id);
        let channels = networks.layers.get(model.layer()).map_or(0, |layer| layer.channels);
        for (side, name) in SIDES {
            let mut channel = model.unit().filter(|unit| unit.side == side).map_or(0, |unit| unit.channel);
            let chosen = model.unit().is_some_and(|unit| unit.side == side);
            if ui.add(Button::selectable(chosen, name)).clicked() {
                out.push(Command::LookAtUnit(Some(Unit { side, channel })));
            }
            let drag = DragValue::new(&mut channel).range(0..=channels.saturating_sub(1)).prefix("channel ");
            if chosen && ui.add(drag).changed() {
                out.push(Command::LookAtUnit(Some(Unit { side, channel })));
            }
        }
    });
}

/// The moments at which a filter is strongest: click one to hear it.
fn moments(ui: &mut Ui, model: &Model, unit: Unit, palette: &Palette, out: &mut Vec<Command>) {
    let found = model.layer_output().filter(|output| output.layer == model.layer());
    let Some((output, values)) = found.and_then(|output| Some((output, output.channel(unit)?))) else {
        let why = if model.aligned().is_some() { "Looking into the pair…" } else { "Needs an aligned pair." };
        ui.label(RichText::new(why).color(palette.faint));
        return;
    };
    let apart = (APART_S / output.step_s).ceil() as usize;
    let peaks = strongest(values.iter().copied(), apart, MOMENTS);
    ui.label(if peaks.is_empty() { "Always the same in this pair." } else { "Strongest in this pair:" });
    for (step, value) in peaks {
        let at = (step as f64 + 0.5) * output.step_s;
        // On the recording's clock.
        let audio_s = match (unit.side, model.segments()) {
            // Where it is first heard; moments that the recording leaves out have no place to go to.
            (Side::Midi, Some(segments)) => match segments.to_audio(MidiTime(at)).first() {
                Some(first) => first.0,
                None => continue,
            },
            _ => at,
        };
        ui.horizontal(|ui| {
            let text = clock_text(audio_s, 0.1);
            let go = ui.button(&text).on_hover_text("Go there").accessible_name(format!("Go to {text}"));
            if go.clicked() {
                out.push(Command::Seek(audio_s));
            }
            let heard = ui.button("Play").on_hover_text("Hear it").accessible_name(format!("Play {text}"));
            if heard.clicked() {
                out.push(Command::Seek((audio_s - BEFORE_S).max(0.0)));
                if !model.transport().playing() {
                    out.push(Command::PlayPause);
                }
            }
            ui.label(RichText::new(format!("{value:.2}")).color(palette.faint));
        });
    }
}

/// Why a first-layer filter has no effect, if that is so.
fn dead(model: &Model, networks: &LoadedHashModel, unit: Unit) -> Option<&'static str> {
    if model.layer() != 0 {
        return None;
    }
    if networks.filters(unit.side).get(unit.channel)?.flat {
        return Some("its weights hardly vary");
    }
    let output = model.layer_output().filter(|output| output.layer == 0)?;
    let values = output.channel(unit)?;
    values.iter().all(|value| *value <= 0.0).then_some("nothing comes out of it in this pair")
}

fn numbers(filter: &Filter) -> String {
    let Filter { min, max, mean, std, .. } = filter;
    format!("min {min:.3}, max {max:.3}, mean {mean:.4}, std {std:.3}")
}
