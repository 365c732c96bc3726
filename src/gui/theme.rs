//! The only place where colours and sizes of the window are defined.

use egui::{self, Color32, CornerRadius, FontId, Margin, Stroke, Theme, Visuals};

/// Height of the time ruler.
pub(super) const RULER_HEIGHT: f32 = 22.0;
/// Width of the column of note names and piano keys left of a strip.
pub(super) const GUTTER_WIDTH: f32 = 52.0;
/// Width of the piano keys in it.
pub(super) const KEYS_WIDTH: f32 = 14.0;
/// Height of the title line above a painted panel.
pub(super) const TITLE_HEIGHT: f32 = 20.0;
/// Height of local cost and tempo ratio together.
pub(super) const CURVES_HEIGHT: f32 = 92.0;
/// Height of the distance of the hash bits below them.
pub(super) const HAMMING_HEIGHT: f32 = 40.0;
/// Height of the hash bits below a strip: slightly more than one point per bit.
pub(super) const BITS_HEIGHT: f32 = 40.0;
/// Height of the attention strip of the embedding network, below a strip.
pub(super) const ATTENTION_HEIGHT: f32 = 24.0;
/// Height of the bars of one embedding.
pub(super) const EMBEDDING_HEIGHT: f32 = 26.0;
/// Space between panels.
pub(super) const GAP: f32 = 8.0;
/// Cells along a side of the accumulated matrix: it fits into one texture.
pub(super) const ACCUMULATED_SIDE: usize = 1024;
/// Width of the command palette.
pub(super) const PALETTE_WIDTH: f32 = 460.0;
/// Height of the transport.
pub(super) const TRANSPORT_HEIGHT: f32 = 80.0;
/// Height of its first row.
pub(super) const TRANSPORT_ROW: f32 = 46.0;
/// Height of the bar in which a loop is drawn.
pub(super) const LOOP_HEIGHT: f32 = 12.0;

/// The font of painted panels.
pub(super) fn small() -> FontId {
    FontId::proportional(11.0)
}

/// The font of the transport's clocks: with digits of equal width they do not jitter.
pub(super) fn clock_font() -> FontId {
    FontId::monospace(15.0)
}

/// Colours that egui's own visuals lack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    /// Behind a picture that is not ready yet.
    pub(super) empty: Color32,
    /// Text on panels, and the weaker kind.
    pub(super) text: Color32,
    pub(super) faint: Color32,
    /// Lines of rulers and frames.
    pub(super) line: Color32,
    /// Keys of the piano gutter.
    pub(super) white_key: Color32,
    pub(super) black_key: Color32,
    /// Match, no match, a warning.
    pub(super) good: Color32,
    pub(super) bad: Color32,
    pub(super) warning: Color32,
    /// The MIDI and the recording, wherever they are distinguished.
    pub(super) midi: Color32,
    pub(super) recording: Color32,
}

/// Lines drawn over a picture: in both tones, so that one of them is visible on every colour.
pub(super) const LIGHT: Color32 = Color32::from_rgb(255, 255, 255);
pub(super) const DARK: Color32 = Color32::from_rgb(0, 0, 0);
/// The crosshair: weaker than the playhead.
pub(super) const CROSSHAIR: Color32 = Color32::from_rgba_premultiplied(170, 170, 170, 170);
/// The path over the distance matrix.
pub(super) const PATH: Color32 = Color32::from_rgb(255, 120, 70);
/// The path of the hash sequences over it.
pub(super) const HASH_PATH: Color32 = Color32::from_rgb(80, 220, 235);
/// The output of a filter, drawn over a strip, with its fill.
pub(super) const ACTIVATION: Color32 = Color32::from_rgb(255, 255, 255);
pub(super) const ACTIVATION_FILL: Color32 = Color32::from_rgba_premultiplied(70, 70, 70, 70);
/// Over unreliable stretches: a veil, hatching, and the bar along the top.
pub(super) const UNRELIABLE: Color32 = Color32::from_rgba_premultiplied(14, 7, 6, 92);
pub(super) const HATCH: Color32 = Color32::from_rgba_premultiplied(150, 62, 46, 150);
pub(super) const UNRELIABLE_EDGE: Color32 = Color32::from_rgb(232, 84, 60);
/// Beats and bars; note onsets with their rim.
pub(super) const BEAT: Color32 = Color32::from_rgba_premultiplied(52, 52, 52, 52);
pub(super) const BAR: Color32 = Color32::from_rgba_premultiplied(118, 118, 118, 118);
pub(super) const ONSET: Color32 = Color32::from_rgb(255, 214, 120);
pub(super) const MARK_RIM: Color32 = Color32::from_rgba_premultiplied(0, 0, 0, 120);
/// The loop, the shade outside it, and the shade over parts of the matrix.
pub(super) const LOOP: Color32 = Color32::from_rgb(90, 170, 250);
pub(super) const OUTSIDE: Color32 = Color32::from_rgba_premultiplied(0, 0, 0, 90);
pub(super) const SHADE: Color32 = Color32::from_rgba_premultiplied(0, 0, 0, 110);
/// Over the window while files are held over it.
pub(super) const CURTAIN: Color32 = Color32::from_rgba_premultiplied(0, 0, 0, 190);

const DARK_PALETTE: Palette = Palette {
    empty: Color32::from_rgb(16, 18, 22),
    text: Color32::from_rgb(222, 226, 232),
    faint: Color32::from_rgb(154, 162, 174),
    line: Color32::from_rgb(62, 68, 78),
    white_key: Color32::from_rgb(206, 210, 216),
    black_key: Color32::from_rgb(40, 44, 50),
    good: Color32::from_rgb(104, 204, 140),
    bad: Color32::from_rgb(240, 128, 110),
    warning: Color32::from_rgb(236, 182, 88),
    midi: Color32::from_rgb(122, 178, 250),
    recording: Color32::from_rgb(250, 176, 104),
};

const LIGHT_PALETTE: Palette = Palette {
    empty: Color32::from_rgb(226, 229, 234),
    text: Color32::from_rgb(28, 32, 38),
    faint: Color32::from_rgb(86, 94, 106),
    line: Color32::from_rgb(190, 196, 204),
    white_key: Color32::from_rgb(255, 255, 255),
    black_key: Color32::from_rgb(60, 64, 72),
    good: Color32::from_rgb(20, 112, 56),
    bad: Color32::from_rgb(176, 44, 28),
    warning: Color32::from_rgb(138, 88, 0),
    midi: Color32::from_rgb(22, 92, 178),
    recording: Color32::from_rgb(150, 76, 0),
};

/// The colours of the current theme.
pub(super) fn palette(ui: &egui::Ui) -> Palette {
    if ui.visuals().dark_mode { DARK_PALETTE } else { LIGHT_PALETTE }
}

/// A frame around painted panels.
pub(super) fn outline(palette: &Palette) -> Stroke {
    Stroke::new(1.0, palette.line)
}

/// Radius of an anchor on the path, in points, and how near the pointer must be to grab it.
pub(super) const ANCHOR_RADIUS: f32 = 4.5;
pub(super) const ANCHOR_REACH: f32 = 9.0;

/// Margins of the panels at the edges of the window.
pub(super) fn panel_frame(ui: &egui::Ui) -> egui::Frame {
    egui::Frame::new().fill(ui.visuals().panel_fill).inner_margin(Margin::same(GAP as i8))
}

/// Turns animations off if motion is reduced.
pub(super) fn reduce_motion(ctx: &egui::Context, reduced: bool) {
    let wanted = if reduced { 0.0 } else { egui::Style::default().animation_time };
    if (ctx.global_style().animation_time - wanted).abs() > f32::EPSILON {
        ctx.all_styles_mut(|style| style.animation_time = wanted);
    }
}

/// Sets up both themes; called once.
pub(super) fn install(ctx: &egui::Context) {
    ctx.options_mut(|options| options.zoom_with_keyboard = false);
    for theme in [Theme::Dark, Theme::Light] {
        let (mut visuals, colours, fill, raised) = match theme {
            Theme::Dark => {
                (Visuals::dark(), DARK_PALETTE, Color32::from_rgb(27, 30, 35), Color32::from_rgb(46, 51, 59))
            }
            Theme::Light => {
                (Visuals::light(), LIGHT_PALETTE, Color32::from_rgb(246, 247, 249), Color32::from_rgb(228, 231, 236))
            }
        };
        visuals.panel_fill = fill;
        visuals.window_fill = fill;
        visuals.override_text_color = Some(colours.text);
        visuals.weak_text_color = Some(colours.faint);
        visuals.widgets.noninteractive.bg_stroke = Stroke::new(1.0, colours.line);
        visuals.widgets.inactive.weak_bg_fill = raised;
        visuals.widgets.inactive.bg_fill = raised;
        for widget in [
            &mut visuals.widgets.noninteractive,
            &mut visuals.widgets.inactive,
            &mut visuals.widgets.hovered,
            &mut visuals.widgets.active,
            &mut visuals.widgets.open,
        ] {
            widget.corner_radius = CornerRadius::same(4);
        }
        ctx.style_mut_of(theme, |style| {
            style.visuals = visuals;
            style.spacing.item_spacing = egui::vec2(8.0, 6.0);
            style.spacing.button_padding = egui::vec2(8.0, 4.0);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.1).
    fn luminance(colour: Color32) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_is_readable_in_both_themes() {
        let ctx = egui::Context::default();
        install(&ctx);
        for (theme, colours) in [(Theme::Dark, DARK_PALETTE), (Theme::Light, LIGHT_PALETTE)] {
            let visuals = ctx.style_of(theme).visuals.clone();
            let texts = [
                ("text", colours.text),
                ("faint", colours.faint),
                ("good", colours.good),
                ("bad", colours.bad),
                ("warning", colours.warning),
                ("midi", colours.midi),
                ("recording", colours.recording),
            ];
            for (name, text) in texts {
                for (ground, fill) in [("panel", visuals.panel_fill), ("empty", colours.empty)] {
                    let ratio = contrast(text, fill);
                    assert!(ratio >= 4.5, "{theme:?}: {name} on {ground} has {ratio:.2}");
                }
            }
            let widgets = &visuals.widgets;
            let fills = [
                ("button", widgets.inactive.weak_bg_fill),
                ("hovered", widgets.hovered.weak_bg_fill),
                ("pressed", widgets.active.weak_bg_fill),
                ("selection", visuals.selection.bg_fill),
            ];
            for (name, fill) in fills {
                let ratio = contrast(colours.text, fill);
                assert!(ratio >= 4.5, "{theme:?}: text on {name} has {ratio:.2}");
            }
        }
    }
}
