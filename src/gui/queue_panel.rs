//! The queue on the left: the items to judge, the progress so far, and the effect of a threshold.

use super::candidates_panel::warning;
use super::command::{Command, Curate};
use super::icon::Icon;
use super::loading::file_name;
use super::model::{Curating, Model};
use super::theme::{self, Palette};
use crate::curation::evaluate::Share;
use crate::curation::{Arrangement, Order, State};
use egui::{Align, Button, ComboBox, Label, Layout, RichText, ScrollArea, Slider, TextEdit, Ui, vec2};

/// See the module. Keeps the typed text until it is searched for.
#[derive(Default)]
pub(super) struct QueuePanel {
    wanted: String,
    shown: Option<usize>,
}

impl QueuePanel {
    /// Shows the queue.
    pub(super) fn show(&mut self, ui: &mut Ui, model: &Model, curating: &Curating, out: &mut Vec<Command>) {
        let palette = theme::palette(ui);
        let queue = curating.queue();
        ui.horizontal(|ui| {
            ui.label(RichText::new("Queue").strong());
            let source = queue.items().source();
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if let Some(entry) = Command::CloseQueue.entry() {
                    let close = ui.small_button("Close").on_hover_text(entry.tooltip);
                    if close.accessible_name(entry.name).clicked() {
                        out.push(Command::CloseQueue);
                    }
                }
                let name = Label::new(RichText::new(file_name(source)).color(palette.faint)).truncate();
                ui.add(name).on_hover_text(source.display().to_string());
            });
        });
        self.choices(ui, model, curating, out);
        let row = ui.spacing().interact_size.y;
        let said = remark(model, curating);
        let counts_height = 150.0 + if said.is_some() { row } else { 0.0 };
        let list = ScrollArea::vertical().max_height((ui.available_height() - counts_height).max(3.0 * row));
        let place = queue.place();
        let mut list = list.auto_shrink([false, false]).id_salt("queue");
        if self.shown != Some(place) {
            // Scroll the selected item into view, with a few before it.
            self.shown = Some(place);
            let step = row + ui.spacing().item_spacing.y;
            list = list.vertical_scroll_offset((place as f32 - 3.0).max(0.0) * step);
        }
        list.show_rows(ui, row, queue.shown().len(), |ui, rows| {
            for place in rows {
                line(ui, model, curating, place, &palette, out);
            }
        });
        warning(ui, said, &palette);
        ui.separator();
        counts(ui, model, curating, &palette);
        threshold(ui, model, curating, &palette, out);
    }

    fn choices(&mut self, ui: &mut Ui, model: &Model, curating: &Curating, out: &mut Vec<Command>) {
        let queue = curating.queue();
        let (mut order, mut filter) = (queue.order(), queue.filter().clone());
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            let half = (ui.available_width() - 4.0) / 2.0;
            if !model.blind() {
                let orders = [
                    ("Best first", Order::Best),
                    ("Uncertain first", Order::Uncertain { threshold: model.settings().threshold }),
                    ("Stratified", Order::Stratified { seed: 0 }),
                    ("Random", Order::Random { seed: 0 }),
                    ("As listed", Order::Listed),
                ];
                let kind = |order: &Order| std::mem::discriminant(order);
                let name = orders.iter().find(|(_, one)| kind(one) == kind(&order)).map_or("", |(name, _)| name);
                let combo = ComboBox::from_id_salt("order").selected_text(name).width(half).show_ui(ui, |ui| {
                    for (name, one) in orders {
                        if ui.selectable_label(kind(&one) == kind(&order), name).clicked() {
                            order = one;
                        }
                    }
                });
                combo.response.accessible_name("Order of the queue");
            }
            let name = filter.state.map_or("All", State::name);
            let combo = ComboBox::from_id_salt("state").selected_text(name).width(half).show_ui(ui, |ui| {
                ui.selectable_value(&mut filter.state, None, "All");
                for state in State::ALL {
                    ui.selectable_value(&mut filter.state, Some(state), state.name());
                }
            });
            combo.response.accessible_name("Which are shown");
        });
        ui.horizontal(|ui| {
            ui.checkbox(&mut filter.flagged, "Flagged");
            let field = TextEdit::singleline(&mut self.wanted).hint_text("Search").desired_width(ui.available_width());
            let field = ui.add(field);
            let field = field.accessible_name("Search in the queue");
            if field.lost_focus() {
                filter.text.clone_from(&self.wanted);
            }
        });
        if order != queue.order() || filter != *queue.filter() {
            out.push(Command::Curate(Curate::Arrange(Arrangement { order, filter })));
        }
    }
}

/// Why the selected pair can't be judged, or what is odd about its files.
fn remark(model: &Model, curating: &Curating) -> Option<String> {
    let failure = curating.queue().current().and_then(|index| curating.failure(index));
    let midi = model.midi().and_then(|midi| midi.side.midi.warning());
    let recording = model.recording().and_then(|recording| recording.side.recording.warning.as_deref());
    failure.map(str::to_owned).or_else(|| crate::export::warning(midi.as_deref(), recording))
}

/// The icon of a state, and its colour.
pub(super) fn sign(state: State, palette: &Palette) -> (Option<Icon>, egui::Color32) {
    match state {
        State::Unreviewed => (None, palette.faint),
        State::Confirmed => (Some(Icon::Good), palette.good),
        State::Rejected => (Some(Icon::Bad), palette.bad),
        State::Unsure => (Some(Icon::Unsure), palette.warning),
        State::Skipped => (Some(Icon::Skipped), palette.faint),
    }
}

fn line(ui: &mut Ui, model: &Model, curating: &Curating, place: usize, palette: &Palette, out: &mut Vec<Command>) {
    let queue = curating.queue();
    let Some(index) = queue.shown().get(place).map(|&index| index as usize) else { return };
    let (state, blind) = (queue.state(index), model.blind());
    let size = vec2(ui.available_width(), ui.spacing().interact_size.y);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let confidence = queue.items().confidence(index).filter(|_| !blind);
        let number = confidence.map_or("–".into(), |confidence| format!("{confidence:.2}"));
        ui.label(RichText::new(number).color(palette.faint));
        let (icon, colour) = sign(state, palette);
        match icon.filter(|_| !blind) {
            Some(icon) => icon.show(ui, 10.0, colour),
            None => ui.add_space(14.0),
        }
        if queue.flagged(index) {
            Icon::Flag.show(ui, 10.0, palette.warning);
        }
        let name = queue.items().name(index);
        let chosen = queue.place() == place;
        let room = ui.available_size_before_wrap();
        let button = Button::selectable(chosen, &name).truncate();
        let layout = Layout::left_to_right(Align::Center).with_main_justify(true).with_main_align(Align::Min);
        let response = ui
            .with_layout(layout, |ui| {
                ui.set_max_width(room.x);
                ui.add(button)
            })
            .inner;
        let spoken = match (blind, confidence) {
            (true, _) => name.clone(),
            (false, Some(confidence)) => format!("{name}, {}, confidence {confidence:.2}", state.name()),
            (false, None) => format!("{name}, {}", state.name()),
        };
        let failure = curating.failure(index);
        if let Some(failure) = failure {
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(failure));
        }
        if response.on_hover_text(failure.unwrap_or(&spoken)).accessible_name(spoken).clicked() {
            out.push(Command::Curate(Curate::GoTo(place)));
        }
    });
}

fn counts(ui: &mut Ui, model: &Model, curating: &Curating, palette: &Palette) {
    let counts = curating.queue().counts();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        ui.label(format!("{}/{}", counts.decided(), curating.queue().items().len())).on_hover_text("Decided, of all");
        for state in [State::Confirmed, State::Rejected, State::Unsure, State::Skipped] {
            let (icon, colour) = sign(state, palette);
            ui.add_space(4.0);
            if let Some(icon) = icon {
                icon.show(ui, 10.0, colour);
            }
            let count = ui.label(counts.of(state).to_string());
            let spoken = format!("{} {}", counts.of(state), state.name());
            ui.ctx().accesskit_node_builder(count.id, |node| node.set_value(spoken));
        }
    });
    let mut words = Vec::new();
    if let Some(rate) = curating.rate() {
        words.push(format!("{rate:.0} an hour"));
    }
    if counts.flagged > 0 {
        words.push(format!("{} flagged", counts.flagged));
    }
    if model.settings().blind {
        words.push("blind".into());
    }
    let journal = curating.journal();
    words.push(match journal.unwritten() {
        0 => format!("{} lines saved", journal.written()),
        n => format!("{} lines saved, {n} not yet", journal.written()),
    });
    let colour = if journal.unwritten() > 3 { palette.warning } else { palette.faint };
    let line = Label::new(RichText::new(words.join(" · ")).font(theme::small()).color(colour)).truncate();
    ui.add(line).on_hover_text(journal.path().display().to_string());
}

fn threshold(ui: &mut Ui, model: &Model, curating: &Curating, palette: &Palette, out: &mut Vec<Command>) {
    if model.blind() {
        return;
    }
    let mut threshold = model.settings().threshold;
    ui.horizontal(|ui| {
        let label = ui.label(RichText::new("Accept above").color(palette.faint));
        ui.spacing_mut().slider_width = (ui.available_width() - 60.0).max(40.0);
        let slider = ui.add(Slider::new(&mut threshold, 0.0..=1.0).fixed_decimals(2)).labelled_by(label.id);
        if slider.on_hover_text("What this threshold would do to the pairs that were decided").changed() {
            out.push(Command::Curate(Curate::Threshold(threshold)));
        }
    });
    let at = curating.at_threshold();
    let shown = |share: Share| match share.value {
        Some(value) => format!("{value:.2} ({:.2}–{:.2})", share.low, share.high),
        None => "–".into(),
    };
    for (what, share) in [("Precision", at.precision), ("Recall", at.recall)] {
        let text = format!("{what} {} of {}", shown(share), share.of);
        ui.label(RichText::new(text).font(theme::small()));
    }
}
