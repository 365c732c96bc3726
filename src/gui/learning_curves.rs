//! The progress of a training: curves side by side, over steps or epochs.

use egui::accesskit::Role;
use egui::{Color32, Ui, WidgetInfo};
use egui_plot::{Line, Plot, PlotPoints, Points};

/// A curve to draw.
pub(super) struct Curve<'a> {
    /// What it is.
    pub(super) name: &'a str,
    pub(super) colour: Color32,
    pub(super) points: Vec<[f64; 2]>,
    /// Whether values are fractions: the axis then goes from 0 to 1.
    pub(super) share: bool,
}

/// Shows the curves; `over` names the unit of the x axis.
pub(super) fn show(ui: &mut Ui, over: &str, curves: &[Curve<'_>]) {
    let width = (ui.available_width() - ui.spacing().item_spacing.x) / curves.len().max(1) as f32;
    let height = (ui.available_height() - 30.0).clamp(120.0, 420.0);
    ui.horizontal(|ui| {
        for curve in curves {
            ui.vertical(|ui| {
                ui.set_width(width - 4.0);
                ui.label(curve.name);
                let mut plot = Plot::new(curve.name)
                    .height(height)
                    .allow_scroll(false)
                    .allow_drag(false)
                    .allow_zoom(false)
                    .allow_boxed_zoom(false)
                    .allow_double_click_reset(false)
                    .x_axis_label(over);
                // From 0, where the untrained network is; a curve without points still gets an axis.
                plot = plot.include_x(0.0).include_y(0.0);
                if curve.share || curve.points.is_empty() {
                    plot = plot.include_y(1.0);
                }
                if curve.points.is_empty() {
                    plot = plot.include_x(1.0);
                }
                let drawn = plot.show(ui, |plot| {
                    let points = || PlotPoints::from(curve.points.clone());
                    plot.line(Line::new(curve.name, points()).color(curve.colour).width(2.0));
                    // A line of one point is invisible.
                    plot.points(Points::new(curve.name, points()).color(curve.colour).radius(2.5));
                });
                let value = curve.points.last().map_or("nothing yet".to_owned(), |[_, y]| format!("{y:.3}"));
                drawn.response.widget_info(|| WidgetInfo {
                    current_text_value: Some(value.clone()),
                    ..WidgetInfo::labeled(Role::Image, true, format!("{} over the {over}", curve.name))
                });
            });
        }
    });
}
