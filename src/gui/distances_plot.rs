//! How far codes are apart where they belong together and where they don't.

use super::theme::Palette;
use crate::hashing::Separation;
use eframe::egui::Ui;
use eframe::egui::accesskit::Role;
use egui_plot::{Bar, BarChart, Legend, Plot};

/// Shows both distributions of Hamming distances, as shares of their steps, with their overlap. `name` says of what.
pub(super) fn show(ui: &mut Ui, name: &str, separation: &Separation, height: f32, palette: &Palette) {
    let bc = separation.coefficient();
    let (near, far) = separation.means();
    ui.label(format!("{name}: overlap (BC) {bc:.3}, {near:.1} and {far:.1} bits apart on average"));
    let bars = |counts: &[u64]| -> Vec<Bar> {
        let sum = counts.iter().sum::<u64>().max(1) as f64;
        counts.iter().enumerate().map(|(bits, &n)| Bar::new(bits as f64, n as f64 / sum).width(0.9)).collect()
    };
    let matching = BarChart::new("belong together", bars(&separation.matching)).color(palette.good.gamma_multiply(0.7));
    let different = BarChart::new("do not", bars(&separation.different)).color(palette.bad.gamma_multiply(0.6));
    let plot = Plot::new(("distances", name))
        .height(height)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .x_axis_label("bits apart")
        .y_axis_label("share of steps")
        .legend(Legend::default());
    let shown = plot.show(ui, |plot| {
        plot.bar_chart(different);
        plot.bar_chart(matching);
    });
    let label = format!("Distances of the codes, {name}");
    shown.response.widget_info(|| eframe::egui::WidgetInfo {
        current_text_value: Some(format!("overlap {bc:.3}, {near:.1} and {far:.1} bits")),
        ..eframe::egui::WidgetInfo::labeled(Role::Image, true, label.clone())
    });
}
