//! The alignment's verdict on itself, where not to trust it, and facts about the two files.

use super::command::Command;
use super::embedding_section;
use super::icon::Icon;
use super::loading::file_name;
use super::model::{Aligned, Model};
use super::theme::{self, Palette};
use crate::alignment::Verdict;
use crate::picture::axis::clock_text;
use egui::{Button, Grid, Label, RichText, ScrollArea, Ui};

/// Shows the verdict below the matrix.
pub(super) fn show(ui: &mut Ui, model: &Model, palette: &Palette, out: &mut Vec<Command>) {
    if model.blind() {
        ui.add_space(2.0);
        ui.label(RichText::new("The confidence is hidden: blind").color(palette.faint));
    } else if let Some(aligned) = model.aligned() {
        verdict(ui, aligned, palette);
    }
    ScrollArea::vertical().auto_shrink([false, true]).show(ui, |ui| {
        if let Some(aligned) = model.aligned() {
            segments(ui, aligned, out);
            stretches(ui, aligned, palette, out);
        }
        embedding_section::show(ui, model, palette);
        facts(ui, model, palette);
    });
}

fn verdict(ui: &mut Ui, aligned: &Aligned, palette: &Palette) {
    let alignment = &aligned.alignment;
    ui.add_space(2.0);
    let (icon, word, colour) = match alignment.verdict() {
        Verdict::Match => (Icon::Good, "a match", palette.good),
        Verdict::NoMatch => (Icon::Bad, "not a match", palette.bad),
        Verdict::CantTell => (Icon::Warning, "can't tell", palette.warning),
    };
    ui.horizontal(|ui| {
        icon.show(ui, 16.0, colour);
        ui.label(RichText::new(format!("{:.2}", alignment.confidence)).color(colour).size(20.0).strong());
        ui.label(format!("confidence: {word}"));
    });
    for remark in &alignment.remarks {
        ui.label(RichText::new(remark).color(palette.faint).font(theme::small()));
    }
}

/// The segments, if the recording jumps: click one to go there.
fn segments(ui: &mut Ui, aligned: &Aligned, out: &mut Vec<Command>) {
    if !aligned.alignment.segments.jump() {
        return;
    }
    let spans = aligned.alignment.segments.spans();
    ui.label(format!("The recording plays {} segments of the MIDI:", spans.len()));
    for span in spans {
        let [(a0, a1), (m0, m1)] =
            [span.audio, span.midi].map(|(from, to)| (clock_text(from, 1.0), clock_text(to, 1.0)));
        let text = RichText::new(format!("{a0} – {a1}: {m0} – {m1} of the MIDI")).font(theme::small());
        if ui.add(Button::new(text).small()).on_hover_text("Go there").clicked() {
            out.push(Command::Seek(span.audio.0));
        }
    }
}

/// The unreliable stretches: click one to go there.
fn stretches(ui: &mut Ui, aligned: &Aligned, palette: &Palette, out: &mut Vec<Command>) {
    let unreliable = &aligned.alignment.unreliable;
    if unreliable.is_empty() {
        return;
    }
    let seconds: f64 = unreliable.iter().map(|(from, to)| to - from).sum();
    let stretches = match unreliable.len() {
        1 => "1 stretch".to_owned(),
        n => format!("{n} stretches"),
    };
    ui.label(RichText::new(format!("{stretches} ({seconds:.0} s) should not be trusted:")).color(palette.warning));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(4.0, 4.0);
        for &(from, to) in unreliable {
            let text = format!("{} – {}", clock_text(from, 0.1), clock_text(to, 0.1));
            let button = ui.add(Button::new(RichText::new(text).font(theme::small())).small());
            if button.on_hover_text("Go there").clicked() {
                out.push(Command::Seek(from));
            }
        }
    });
}

/// Facts about the files.
fn facts(ui: &mut Ui, model: &Model, palette: &Palette) {
    ui.add_space(10.0);
    Grid::new("facts").num_columns(2).spacing([10.0, 3.0]).show(ui, |ui| {
        let mut line = |what: &str, value: String| {
            if !value.is_empty() {
                ui.label(RichText::new(what).color(palette.faint).font(theme::small()));
                ui.add(Label::new(RichText::new(value).font(theme::small())).wrap());
                ui.end_row();
            }
        };
        if let Some(recording) = model.recording() {
            let heard = &recording.side.recording;
            let tags = &heard.tags;
            let title = [&tags.artist, &tags.title, &tags.album, &tags.year].into_iter().flatten();
            line("Recording", title.cloned().collect::<Vec<_>>().join(" · "));
            let channels = match heard.channels {
                1 => "mono".to_owned(),
                2 => "stereo".to_owned(),
                n => format!("{n} channels"),
            };
            let length = clock_text(recording.seconds(), 1.0);
            line("Sound", format!("{length}, {}, {} Hz, {channels}", heard.codec, heard.source_rate));
            line("Warning", heard.warning.clone().unwrap_or_default());
        }
        if let Some(midi) = model.midi() {
            let file = &midi.side.midi;
            let notes = file.notes().len();
            let tempos = match file.tempos().len() {
                0 | 1 => "one tempo".to_owned(),
                n => format!("{n} tempos"),
            };
            line("MIDI", format!("{}, {notes} notes, {tempos}", clock_text(file.end().0, 1.0)));
            line("Warning", file.warnings().join("; "));
            line("Soundfont", midi.font_path.as_deref().map_or_else(|| "bundled (Fluid R3)".to_owned(), file_name));
        }
        if let Some(aligned) = model.aligned() {
            if let Some(hashed) = model.hashed() {
                let apart = hashed.separation.coefficient();
                line("Hash", format!("{:.2} bits a step apart; overlap with other moments {apart:.2}", hashed.score));
            }
            let curves = &aligned.curves;
            let (low, high) = curves.tempo_range();
            line("Tempo", format!("× {:.2} of the MIDI's, from {low:.2} to {high:.2}", curves.whole_tempo()));
        }
    });
}
