//! Histograms of matching and other distances: of codes in bits, of embeddings in Euclidean distance.

use super::theme::Palette;
use crate::embedding::Distances;
use crate::hashing::Separation;
use crate::picture::axis::tick_step;
use egui::accesskit::Role;
use egui::{Color32, Label, Stroke, Ui, WidgetInfo};
use egui_plot::{Bar, BarChart, Legend, Plot, VLine, uniform_grid_spacer};

/// Two histograms over the same bins.
pub(super) struct Histograms<'a> {
    /// What they show, e.g. `Distances of the codes`.
    what: &'static str,
    /// The title above them.
    title: String,
    matching: &'a [u64],
    different: &'a [u64],
    /// Middle of the first bin, and width of each.
    bins: (f64, f64),
    axis: &'static str,
    counted: &'static str,
    /// The text for screen readers.
    value: String,
    /// A distance to mark.
    mark: Option<f64>,
}

impl<'a> Histograms<'a> {
    /// Hamming distances of codes.
    pub(super) fn of_codes(name: &str, separation: &'a Separation) -> Self {
        let bc = separation.coefficient();
        let (near, far) = separation.means();
        Self {
            what: "Distances of the codes",
            title: format!("{name}: overlap (BC) {bc:.3}, {near:.1} and {far:.1} bits apart on average"),
            matching: &separation.matching,
            different: &separation.different,
            bins: (0.0, 1.0),
            axis: "bits apart",
            counted: "share of steps",
            value: format!("overlap {bc:.3}, {near:.1} and {far:.1} bits"),
            mark: None,
        }
    }

    /// Euclidean distances of embeddings.
    pub(super) fn of_embeddings(name: &str, distances: &'a Distances) -> Self {
        let bc = distances.coefficient();
        let (near, far) = distances.means();
        let width = f64::from(distances.bin_width());
        Self {
            what: "Distances of the embeddings",
            title: format!("{name}: overlap (BC) {bc:.3}, {near:.2} and {far:.2} apart on average"),
            matching: &distances.matching,
            different: &distances.different,
            bins: (f64::from(distances.least) + width / 2.0, width),
            axis: "distance",
            counted: "share of pairs",
            value: format!("overlap {bc:.3}, {near:.2} and {far:.2}"),
            mark: None,
        }
    }

    /// Marks a distance with a line.
    pub(super) fn marked(self, mark: Option<f64>) -> Self {
        Self { mark, ..self }
    }

    /// Shows both, each normalised to shares of its own total, with their overlap. `name` distinguishes plots.
    pub(super) fn show(&self, ui: &mut Ui, name: &str, height: f32, palette: &Palette) {
        ui.add(Label::new(&self.title).wrap());
        let (first, width) = self.bins;
        let bars = |counts: &[u64], colour: Color32| -> Vec<Bar> {
            let sum = counts.iter().sum::<u64>().max(1) as f64;
            let bar = |(bin, &n): (usize, &u64)| {
                // Translucent: the two overlap.
                let bar = Bar::new(first + bin as f64 * width, n as f64 / sum).width(0.9 * width);
                bar.fill(colour.gamma_multiply(0.5)).stroke(Stroke::new(1.0, colour))
            };
            counts.iter().enumerate().map(bar).collect()
        };
        let matching = BarChart::new("belong together", bars(self.matching, palette.good)).color(palette.good);
        let different = BarChart::new("do not", bars(self.different, palette.bad)).color(palette.bad);
        let plot = Plot::new(("distances", name))
            .height(height)
            .allow_scroll(false)
            .allow_drag(false)
            .allow_zoom(false)
            .allow_boxed_zoom(false)
            .allow_double_click_reset(false)
            .include_y(0.0)
            .x_grid_spacer(uniform_grid_spacer(|input| {
                let step = tick_step(input.bounds.1 - input.bounds.0, 5);
                [5.0 * step, step, step / 5.0]
            }))
            // All the decimals that the value has: 0.5 is not 0, and 1.5 is not 2.
            .x_axis_formatter(|mark, _| ((100.0 * mark.value).round() / 100.0).to_string())
            .x_axis_label(self.axis)
            .y_axis_label(self.counted)
            .legend(Legend::default());
        let shown = plot.show(ui, |plot| {
            plot.bar_chart(different);
            plot.bar_chart(matching);
            if let Some(mark) = self.mark {
                plot.vline(VLine::new("this pair", mark).color(palette.text).width(2.0));
            }
        });
        let label = format!("{}, {name}", self.what);
        shown.response.widget_info(|| WidgetInfo {
            current_text_value: Some(self.value.clone()),
            ..WidgetInfo::labeled(Role::Image, true, label.clone())
        });
    }
}
