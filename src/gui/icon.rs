//! Small drawings next to text: no font is certain to have them.

use egui::{Button, Color32, Painter, Pos2, Rect, Response, Sense, Shape, Stroke, Ui, Vec2, pos2, vec2};

/// What an icon shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    Start,
    Play,
    Pause,
    End,
    Good,
    Bad,
    Warning,
    Unsure,
    Skipped,
    Flag,
    Rising,
    Falling,
}

/// Side of an icon in points.
const SIDE: f32 = 12.0;

impl Icon {
    /// Draws it into a square.
    pub(super) fn paint(self, painter: &Painter, rect: Rect, colour: Color32) {
        let at = |x: f32, y: f32| pos2(rect.left() + x * rect.width(), rect.top() + y * rect.height());
        let fill = |points: Vec<Pos2>| {
            painter.add(Shape::convex_polygon(points, colour, Stroke::NONE));
        };
        let bar = |from: f32, to: f32| fill(vec![at(from, 0.08), at(to, 0.08), at(to, 0.92), at(from, 0.92)]);
        let line = Stroke::new(rect.width() * 0.16, colour);
        match self {
            Self::Play => fill(vec![at(0.15, 0.02), at(0.95, 0.5), at(0.15, 0.98)]),
            Self::Pause => {
                bar(0.12, 0.40);
                bar(0.60, 0.88);
            }
            Self::Start => {
                bar(0.08, 0.24);
                fill(vec![at(0.95, 0.08), at(0.30, 0.5), at(0.95, 0.92)]);
            }
            Self::End => {
                bar(0.76, 0.92);
                fill(vec![at(0.05, 0.08), at(0.70, 0.5), at(0.05, 0.92)]);
            }
            Self::Good => {
                painter.line(vec![at(0.08, 0.55), at(0.38, 0.85), at(0.92, 0.18)], line);
            }
            Self::Bad => {
                painter.line_segment([at(0.15, 0.15), at(0.85, 0.85)], line);
                painter.line_segment([at(0.15, 0.85), at(0.85, 0.15)], line);
            }
            Self::Unsure => {
                // A tilde: perhaps.
                painter.line(vec![at(0.06, 0.6), at(0.3, 0.36), at(0.7, 0.64), at(0.94, 0.4)], line);
            }
            Self::Skipped => {
                painter.line(vec![at(0.15, 0.15), at(0.5, 0.5), at(0.15, 0.85)], line);
                painter.line(vec![at(0.5, 0.15), at(0.85, 0.5), at(0.5, 0.85)], line);
            }
            Self::Rising => fill(vec![at(0.5, 0.2), at(0.95, 0.8), at(0.05, 0.8)]),
            Self::Falling => fill(vec![at(0.5, 0.8), at(0.95, 0.2), at(0.05, 0.2)]),
            Self::Flag => {
                painter.line_segment([at(0.2, 0.04), at(0.2, 0.98)], line);
                fill(vec![at(0.2, 0.06), at(0.95, 0.32), at(0.2, 0.6)]);
            }
            Self::Warning => {
                let outline = Stroke::new(rect.width() * 0.1, colour);
                painter.add(Shape::closed_line(vec![at(0.5, 0.06), at(0.98, 0.92), at(0.02, 0.92)], outline));
                painter.line_segment([at(0.5, 0.36), at(0.5, 0.62)], outline);
                painter.circle_filled(at(0.5, 0.77), rect.width() * 0.06, colour);
            }
        }
    }

    /// Shows the icon next to text.
    pub(super) fn show(self, ui: &mut Ui, side: f32, colour: Color32) {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
        self.paint(ui.painter(), rect, colour);
    }

    /// A toggle button with the icon at its centre.
    pub(super) fn toggle(self, ui: &mut Ui, on: bool) -> Response {
        let response = ui.add(Button::new("").selected(on).min_size(vec2(28.0, 28.0)));
        let colour = ui.style().interact_selectable(&response, on).fg_stroke.color;
        self.paint(ui.painter(), Rect::from_center_size(response.rect.center(), Vec2::splat(SIDE)), colour);
        response
    }

    /// A button with the icon at its centre.
    pub(super) fn button(self, ui: &mut Ui, enabled: bool) -> Response {
        let response = ui.add_enabled(enabled, Button::new("").min_size(vec2(34.0, 26.0)));
        let colour = ui.style().interact(&response).fg_stroke.color;
        let colour = if enabled { colour } else { colour.gamma_multiply(0.4) };
        self.paint(ui.painter(), Rect::from_center_size(response.rect.center(), Vec2::splat(SIDE)), colour);
        response
    }
}
