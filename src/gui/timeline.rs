//! [`TimeView`]: the part of the time axis that is shown. All strips share one, so that they always agree.

use super::theme;
use crate::picture::axis::{clock_text, tick_step};
use egui::{Align2, Painter, Rect, pos2};
use serde::{Deserialize, Serialize};

/// The closest zoom in seconds: frames of 46 ms are then wide bars.
const SHORTEST_S: f64 = 0.25;

/// How the view moves with the playhead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Follow {
    /// It does not move.
    Off,
    /// It turns a page when the playhead leaves it.
    #[default]
    Page,
    /// The playhead stays in the middle.
    Centred,
}

impl Follow {
    /// The next mode in the cycle.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Off => Self::Page,
            Self::Page => Self::Centred,
            Self::Centred => Self::Off,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Page => "page",
            Self::Centred => "centred",
        }
    }
}

/// The part of the recording's time that is shown, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TimeView {
    start: f64,
    shown: f64,
    whole: f64,
}

impl TimeView {
    /// A view of all `seconds`.
    pub fn new(seconds: f64) -> Self {
        Self { start: 0.0, shown: seconds, whole: seconds }
    }

    /// First second shown.
    pub fn start(&self) -> f64 {
        self.start
    }

    /// Last second shown.
    pub fn end(&self) -> f64 {
        self.start + self.shown
    }

    /// The number of seconds shown.
    pub fn shown(&self) -> f64 {
        self.shown
    }

    /// Whether everything is shown.
    pub fn is_fit(&self) -> bool {
        self.shown >= self.whole
    }

    /// Sets the length. A view of everything remains one.
    pub fn set_whole(&mut self, seconds: f64) {
        if self.is_fit() {
            *self = Self::new(seconds);
        } else {
            self.whole = seconds;
            self.settle();
        }
    }

    /// Whether a moment is visible.
    pub fn contains(&self, time: f64) -> bool {
        (self.start..=self.end()).contains(&time)
    }

    /// Shows everything.
    pub fn fit(&mut self) {
        *self = Self::new(self.whole);
    }

    /// Zooms in by `factor`; `around` stays where it is.
    pub fn zoom(&mut self, factor: f64, around: f64) {
        if self.whole <= 0.0 || !(factor.is_finite() && factor > 0.0) {
            return;
        }
        let shown = (self.shown / factor).clamp(SHORTEST_S.min(self.whole), self.whole);
        self.start = around - (around - self.start) * shown / self.shown;
        self.shown = shown;
        self.settle();
    }

    /// Shows this part, as far as it exists.
    pub fn show(&mut self, start: f64, end: f64) {
        if end > start && self.whole > 0.0 {
            self.shown = (end - start).clamp(SHORTEST_S.min(self.whole), self.whole);
            self.start = start;
            self.settle();
        }
    }

    /// Moves by `seconds`.
    pub fn pan(&mut self, seconds: f64) {
        self.start += seconds;
        self.settle();
    }

    /// Follows the playhead.
    pub fn follow(&mut self, how: Follow, playhead: f64) {
        match how {
            Follow::Off => {}
            Follow::Page => self.reveal(playhead),
            Follow::Centred => {
                self.start = playhead - self.shown / 2.0;
                self.settle();
            }
        }
    }

    /// Turns to the page with `time`, unless it is already visible.
    pub fn reveal(&mut self, time: f64) {
        if !self.contains(time) {
            // A little of the previous page stays visible.
            self.start = time - self.shown * 0.05;
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.start = self.start.clamp(0.0, (self.whole - self.shown).max(0.0));
    }

    /// The x coordinate of a moment.
    pub fn x(&self, rect: Rect, time: f64) -> f32 {
        if self.shown <= 0.0 {
            return rect.left();
        }
        rect.left() + ((time - self.start) / self.shown * f64::from(rect.width())) as f32
    }

    /// The moment at `x`.
    pub fn time(&self, rect: Rect, x: f32) -> f64 {
        self.start + f64::from((x - rect.left()) / rect.width().max(1.0)) * self.shown
    }

    /// Seconds per point of the screen.
    pub fn seconds_a_point(&self, rect: Rect) -> f64 {
        self.shown / f64::from(rect.width().max(1.0))
    }
}

/// The fewest bins shown: an octave.
const FEWEST_BINS: f64 = 12.0;

/// The bins that the strips show, lowest first. Both strips share one view, so that they always agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PitchView {
    low: f64,
    shown: f64,
    whole: f64,
}

impl Default for PitchView {
    fn default() -> Self {
        let whole = crate::features::CqtParams::default().bins as f64;
        Self { low: 0.0, shown: whole, whole }
    }
}

impl PitchView {
    /// Lowest bin shown.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Upper end of the highest bin shown.
    pub fn high(&self) -> f64 {
        self.low + self.shown
    }

    /// Zooms in by `factor`; `around` stays where it is.
    pub fn zoom(&mut self, factor: f64, around: f64) {
        if factor.is_finite() && factor > 0.0 {
            let shown = (self.shown / factor).clamp(FEWEST_BINS, self.whole);
            self.low = around - (around - self.low) * shown / self.shown;
            self.shown = shown;
            self.pan(0.0);
        }
    }

    /// Shows these bins, as far as they exist.
    pub fn show(&mut self, low: f64, high: f64) {
        if high > low {
            (self.low, self.shown) = (low, (high - low).clamp(FEWEST_BINS, self.whole));
            self.pan(0.0);
        }
    }

    /// Moves up by `bins`.
    pub fn pan(&mut self, bins: f64) {
        self.low = (self.low + bins).clamp(0.0, self.whole - self.shown);
    }

    /// The y coordinate of the lower edge of a bin.
    pub fn y(&self, rect: Rect, bin: f64) -> f32 {
        rect.bottom() - ((bin - self.low) / self.shown * f64::from(rect.height())) as f32
    }

    /// The bin at `y`, as a fraction.
    pub fn bin(&self, rect: Rect, y: f32) -> f64 {
        self.low + f64::from((rect.bottom() - y) / rect.height().max(1.0)) * self.shown
    }
}

/// Draws ticks and times along the top of the strips.
pub(super) fn ruler(painter: &Painter, rect: Rect, view: &TimeView, palette: &theme::Palette) {
    painter.hline(rect.x_range(), rect.bottom() - 0.5, theme::outline(palette));
    if view.shown() <= 0.0 {
        return;
    }
    let step = tick_step(view.shown(), (rect.width() / 80.0) as usize);
    let first = (view.start() / step).ceil() as i64;
    let last = (view.end() / step).floor() as i64;
    for tick in first..=last {
        let time = tick as f64 * step;
        let x = view.x(rect, time);
        painter.vline(x, rect.bottom() - 6.0..=rect.bottom(), theme::outline(palette));
        // The first and the last label stay inside the ruler.
        let (align, x) = if x - rect.left() < 16.0 {
            (Align2::LEFT_CENTER, x.max(rect.left()))
        } else if rect.right() - x < 16.0 {
            (Align2::RIGHT_CENTER, x.min(rect.right()))
        } else {
            (Align2::CENTER_CENTER, x)
        };
        painter.text(pos2(x, rect.top() + 7.0), align, clock_text(time, step), theme::small(), palette.faint);
    }
    for tick in first * 5 - 5..=last * 5 + 5 {
        let x = view.x(rect, tick as f64 * step / 5.0);
        if rect.x_range().contains(x) {
            painter.vline(x, rect.bottom() - 3.0..=rect.bottom(), theme::outline(palette));
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;
    use egui::vec2;

    const RECT: Rect = Rect { min: pos2(100.0, 0.0), max: pos2(1100.0, 10.0) };

    #[test]
    fn places_and_moments_are_inverse() {
        let mut view = TimeView::new(200.0);
        view.zoom(4.0, 60.0);
        assert_eq!(RECT.size(), vec2(1000.0, 10.0));
        for time in [view.start(), 50.0, 60.0, view.end()] {
            assert!((view.time(RECT, view.x(RECT, time)) - time).abs() < 1e-3);
        }
    }

    #[test]
    fn zoom_keeps_the_moment_under_the_pointer() {
        let mut view = TimeView::new(200.0);
        view.zoom(2.0, 80.0);
        let before = view.x(RECT, 80.0);
        view.zoom(3.0, 80.0);
        assert!((view.x(RECT, 80.0) - before).abs() < 1e-2);
        view.zoom(1e-9, 80.0);
        assert!(view.is_fit());
        view.zoom(1e9, 80.0);
        assert!((view.shown() - SHORTEST_S).abs() < 1e-9);
    }

    #[test]
    fn pitch_zoom_keeps_the_note_and_stays_inside() {
        let mut pitch = PitchView::default();
        let rect = Rect::from_min_size(pos2(0.0, 50.0), vec2(10.0, 480.0));
        pitch.zoom(2.0, 30.0);
        assert!((pitch.bin(rect, pitch.y(rect, 30.0)) - 30.0).abs() < 1e-4);
        pitch.zoom(1e9, 30.0);
        assert!((pitch.high() - pitch.low() - FEWEST_BINS).abs() < 1e-9);
        pitch.pan(1e9);
        assert!((pitch.high() - 48.0).abs() < 1e-9);
        pitch.zoom(1e-9, 0.0);
        assert_eq!(pitch, PitchView::default());
    }

    #[test]
    fn view_stays_within_the_whole() {
        let mut view = TimeView::new(100.0);
        view.zoom(4.0, 50.0);
        view.pan(1e6);
        assert!((view.end() - 100.0).abs() < 1e-9);
        view.pan(-1e6);
        assert_eq!(view.start(), 0.0);
    }

    #[test]
    fn pages_turn_only_when_the_playhead_leaves() {
        let mut view = TimeView::new(100.0);
        view.zoom(4.0, 0.0);
        view.follow(Follow::Page, 24.0);
        assert_eq!(view.start(), 0.0);
        view.follow(Follow::Page, 26.0);
        assert!(view.start() > 20.0 && view.start() < 26.0);
        view.follow(Follow::Centred, 50.0);
        assert!((view.start() + view.shown() / 2.0 - 50.0).abs() < 1e-9);
    }
}
