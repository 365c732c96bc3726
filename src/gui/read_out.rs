//! The line below the strips: what the pointer is over, on both clocks.

use super::command::Hover;
use super::model::{Aligned, Model};
use super::theme::{self, Palette};
use crate::features::CqtParams;
use crate::picture::Strip;
use crate::picture::axis::{clock_text, hertz, note_name};
use egui::{Align, Label, Layout, Rect, RichText, Ui, UiBuilder};

/// The range of a strip in decibels: its darkest value is this far below the loudest moment (spec A: 80).
const FLOOR_DB: f32 = 80.0;

/// Draws one line below the strips: what the pointer is over, on both clocks.
pub(super) fn read_out(ui: &mut Ui, rect: Rect, model: &Model, palette: &Palette) {
    let text = model.hover().map(|hover| describe(&hover, model)).unwrap_or_default();
    let line = rect.with_min_x(rect.left() + theme::GUTTER_WIDTH);
    let help = "Click to seek · wheel to zoom · drag with the right button to move · F to show all";
    let (text, colour) = match text {
        text if !text.is_empty() => (text, palette.text),
        _ if model.playable() => (help.to_owned(), palette.faint),
        _ => return,
    };
    let mut ui = ui.new_child(UiBuilder::new().max_rect(line).layout(Layout::left_to_right(Align::Center)));
    ui.add(Label::new(RichText::new(text).font(theme::small()).color(colour)).truncate());
}

/// Both clocks, bar and beat, note and value at a position.
pub(super) fn describe(hover: &Hover, model: &Model) -> String {
    let mut parts = Vec::new();
    if model.recording().is_some() {
        parts.push(format!("Recording {}", clock_text(hover.audio_s, 0.01)));
    }
    let midi_time = hover.midi_s.map(crate::midi::MidiTime).or_else(|| model.midi_time(hover.audio_s));
    if let (Some(time), Some(midi)) = (midi_time, model.midi()) {
        let (bar, beat) = midi.side.midi.bar_and_beat(time);
        parts.push(format!("MIDI {}, bar {bar}, beat {beat:.1}", clock_text(time.0, 0.01)));
    }
    if let Some(note) = hover.note {
        parts.push(format!("{} ({:.0} Hz)", note_name(note), hertz(f64::from(note))));
        let bin = usize::from(note.saturating_sub(CqtParams::default().first_note));
        let level = |strip: &Strip| {
            let frame = (hover.audio_s / strip.frame_s).round().max(0.0) as usize;
            strip.values.get([frame, bin]).map(|value| value * FLOOR_DB).filter(|db| *db <= 0.0)
        };
        let text = |db: Option<f32>| db.map_or("–".to_owned(), |db| format!("{db:.0}"));
        let heard = model.recording().and_then(|recording| level(&recording.strip));
        let written = model.aligned().and_then(|aligned| level(&aligned.strip));
        if heard.is_some() || written.is_some() {
            parts.push(format!("recording {} dB, MIDI {} dB", text(heard), text(written)));
        }
    }
    if let (Some(hashed), None) = (model.hashed(), hover.note) {
        let apart = match hover.midi_s {
            Some(midi_s) => {
                hashed.midi.at(midi_s).zip(hashed.audio.at(hover.audio_s)).map(|(a, b)| (a ^ b).count_ones() as f32)
            }
            None => hashed.hamming_at(hover.audio_s),
        };
        parts.extend(apart.map(|bits| format!("{bits:.0} of {} bits apart", hashed.bits())));
    }
    if let (Some(aligned), None) = (model.aligned(), hover.note) {
        match (hover.midi_s, model.recording()) {
            (Some(midi_s), Some(recording)) => {
                let up = (midi_s / aligned.features.times.seconds(1.0).max(1e-6)).round().max(0.0) as usize;
                let across = (hover.audio_s / recording.strip.frame_s).round().max(0.0) as usize;
                if up < aligned.features.frames.nrows() && across < recording.frames().nrows() {
                    let near = aligned.features.frames.row(up).dot(&recording.frames().row(across));
                    parts.push(format!("distance {:.2}", 1.0 - near));
                }
            }
            _ => parts.extend(curve_text(aligned, hover.audio_s)),
        }
    }
    parts.join("   ·   ")
}

/// Local cost and tempo ratio at a moment, e.g. `cost 0.18, tempo × 1.02`.
pub(super) fn curve_text(aligned: &Aligned, audio_s: f64) -> Option<String> {
    let (cost, tempo) = aligned.curves.at(audio_s)?;
    let cost = if cost.is_nan() { "cost –".to_owned() } else { format!("cost {cost:.2}") };
    Some(format!("{cost}, tempo × {tempo:.2}"))
}

/// The position of the playhead, for screen readers.
pub(super) fn spoken(model: &Model, at: f64) -> String {
    let midi = model.midi_time(at).map(|midi| format!(", MIDI {}", clock_text(midi.0, 0.1))).unwrap_or_default();
    format!("audio {}{midi}", clock_text(at, 0.1))
}

/// Whether hash bits are shown: the setting is on, and a model computes them.
pub(super) fn shows_bits(model: &Model) -> bool {
    model.settings().hash_bits && (model.hash_model().is_some() || model.hashed().is_some())
}
