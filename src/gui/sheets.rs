//! Sheets over the window: what to export, recovery after a crash, decisions that can't be saved, and information about
//! the program.

use super::command::{Command, Curate};
use super::loading::{ExportOrder, file_name};
use super::model::{Model, Recover};
use super::settings::Settings;
use super::theme;
use crate::export::Artefact;
use crate::index::Kinds;
use crate::session::now_s;
use egui::{Align2, Button, Context, Key, Modifiers, RichText, Window};

/// Asks what to export. Keeps the choice for next time.
pub(super) fn export(ctx: &Context, order: &mut ExportOrder, out: &mut Vec<Command>) {
    let mut open = true;
    let window = Window::new("Export").open(&mut open).collapsible(false).resizable(false);
    window.anchor(Align2::CENTER_CENTER, [0.0, 0.0]).show(ctx, |ui| {
        for artefact in Artefact::all() {
            let mut wanted = order.artefacts.contains(&artefact);
            if ui.checkbox(&mut wanted, artefact.label()).changed() {
                if wanted {
                    order.artefacts.insert(artefact);
                } else {
                    order.artefacts.remove(&artefact);
                }
            }
        }
        ui.horizontal(|ui| {
            ui.label("Size of pictures");
            for scale in [1, 2] {
                ui.radio_value(&mut order.scale, scale, format!("{scale}×"));
            }
        });
        ui.add_space(6.0);
        if ui.add_enabled(!order.artefacts.is_empty(), Button::new("Choose a folder…")).clicked() {
            out.push(Command::ExportTo(order.clone(), None));
        }
    });
    if !open || ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
        out.push(Command::Close);
    }
}

/// Offers the work left by a crash alongside the saved session. Both are kept until the user chooses one.
pub(super) fn recovery(ctx: &Context, model: &Model, out: &mut Vec<Command>) {
    let Some(left) = model.recovery() else { return };
    let now = now_s();
    let window = Window::new("Work was left unsaved").collapsible(false).resizable(false);
    window.anchor(Align2::CENTER_CENTER, [0.0, 0.0]).show(ctx, |ui| {
        ui.set_max_width(420.0);
        let faint = theme::palette(ui).faint;
        ui.label("The window did not close in order. Nothing is deleted until you choose.");
        ui.add_space(8.0);
        let mut line = |title: String, what: String, choice| {
            if ui.button(title).clicked() {
                out.push(Command::Recover(choice));
            }
            ui.label(RichText::new(what).color(faint));
            ui.add_space(6.0);
        };
        line(
            format!("Restore the work of {}", ago(now, left.session.saved_s)),
            left.session.summary(),
            Recover::Autosave,
        );
        if let Some((file, saved_s)) = &left.saved {
            line(format!("Open what was saved {}", ago(now, *saved_s)), file_name(file), Recover::Saved);
        } else {
            line("Go on without it".into(), "The unsaved work is deleted".into(), Recover::Neither);
        }
    });
}

/// Asks what to do when decisions can't be saved: use another journal, retry, or continue without them.
pub(super) fn journal(ctx: &Context, model: &Model, out: &mut Vec<Command>) {
    let (Some(rescue), Some(curating)) = (model.rescue(), model.curating()) else { return };
    let count = curating.journal().unwritten();
    let decisions = if count == 1 { "1 decision".to_owned() } else { format!("{count} decisions") };
    let window = Window::new("Decisions can’t be saved").collapsible(false).resizable(false);
    window.anchor(Align2::CENTER_CENTER, [0.0, 0.0]).show(ctx, |ui| {
        ui.set_max_width(460.0);
        let faint = theme::palette(ui).faint;
        ui.label(if curating.obstacle().is_some() {
            "You can look at the pairs and listen to them. To decide, choose another journal: it begins with the decisions \
             shown here."
                .to_owned()
        } else {
            format!("Not on the disk: {decisions}. Another journal takes them, with all those before.")
        });
        ui.label(RichText::new(&rescue.why).color(faint));
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            if ui.button("Another journal…").clicked() {
                out.push(Command::ChooseJournal);
            }
            if curating.obstacle().is_none() && ui.button("Try again").clicked() {
                out.push(Command::Curate(Curate::TryJournal));
            }
            match &rescue.then {
                Some(Command::Quit) if ui.button(format!("Quit without {decisions}")).clicked() => {
                    out.push(Command::Curate(Curate::Abandon));
                }
                Some(then) if *then != Command::Quit && ui.button(format!("Go on without {decisions}")).clicked() => {
                    out.push(Command::Curate(Curate::Abandon));
                }
                _ => {}
            }
            let stay = if curating.obstacle().is_some() { "Only look" } else { "Stay" };
            if ui.button(stay).clicked() {
                out.push(Command::Close);
            }
        });
    });
    if ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
        out.push(Command::Close);
    }
}

/// Asks which files go into which index.
pub(super) fn index(ctx: &Context, model: &Model, out: &mut Vec<Command>) {
    let Some(form) = model.index_form() else { return };
    let (mut changed, mut open) = (form.clone(), true);
    let window = Window::new("Add to an index").open(&mut open).collapsible(false).resizable(false);
    window.anchor(Align2::CENTER_CENTER, [0.0, 0.0]).show(ctx, |ui| {
        ui.set_max_width(460.0);
        let faint = theme::palette(ui).faint;
        let path = |ui: &mut egui::Ui, path: &std::path::Path| {
            ui.add(egui::Label::new(path.display().to_string()).truncate()).on_hover_text(path.display().to_string());
        };
        ui.label(RichText::new("From").color(faint));
        for folder in &form.folders {
            path(ui, folder);
        }
        ui.horizontal(|ui| {
            for (kinds, name) in [
                (Kinds::Recordings, "Recordings"),
                (Kinds::Midi, "MIDI files"),
                (Kinds::Both, "Recordings and MIDI files"),
            ] {
                ui.radio_value(&mut changed.kinds, kinds, name);
            }
        });
        ui.add_space(8.0);
        ui.label(RichText::new(if model.index_exists() { "To the index" } else { "To a new index" }).color(faint));
        path(ui, &form.index);
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            if ui.button("Add").clicked() {
                out.push(Command::Index(form.clone()));
            }
            if ui.button("New index elsewhere…").clicked() {
                out.push(Command::ChooseIndexTo);
            }
            if ui.button("Cancel").clicked() {
                out.push(Command::Close);
            }
        });
    });
    if changed != *form {
        out.push(Command::IndexForm(changed));
    }
    if !open || ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
        out.push(Command::Close);
    }
}

/// Shows the name and version of the program, and where its files are.
pub(super) fn about(ctx: &Context, out: &mut Vec<Command>) {
    let mut open = true;
    let window = Window::new("About Antiphon").open(&mut open).collapsible(false).resizable(false);
    window.anchor(Align2::CENTER_CENTER, [0.0, 0.0]).show(ctx, |ui| {
        ui.set_max_width(460.0);
        let faint = theme::palette(ui).faint;
        ui.label(RichText::new(format!("Antiphon {}", env!("CARGO_PKG_VERSION"))).strong());
        ui.label(env!("CARGO_PKG_DESCRIPTION"));
        ui.label(
            RichText::new("© The Antiphon developers. Licensed under MIT or Apache-2.0, as you prefer.").color(faint),
        );
        ui.add_space(8.0);
        for (what, place) in [("Settings", Settings::file()), ("Log", crate::log::folder())] {
            let Some(place) = place else { continue };
            let place = place.display().to_string();
            ui.horizontal(|ui| {
                if ui.small_button("Copy").on_hover_text(format!("Copy the path: {what}")).clicked() {
                    ctx.copy_text(place.clone());
                }
                ui.label(format!("{what}: {place}"));
            });
        }
        ui.label(RichText::new("Antiphon sends nothing over the network.").color(faint));
    });
    if !open || ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
        out.push(Command::Close);
    }
}

/// How long ago a moment was, in words.
fn ago(now: u64, then: u64) -> String {
    let (minutes, words) = (now.saturating_sub(then) / 60, |n: u64, unit: &str| match n {
        1 => format!("1 {unit} ago"),
        n => format!("{n} {unit}s ago"),
    });
    match minutes {
        0 => "just now".into(),
        1..=59 => words(minutes, "minute"),
        60..=2879 => words(minutes / 60, "hour"),
        _ => words(minutes / 1440, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_past_are_in_words() {
        assert_eq!(ago(100, 90), "just now");
        assert_eq!(ago(4000, 3940), "1 minute ago");
        assert_eq!(ago(10_000, 0), "2 hours ago");
        assert_eq!(ago(0, 10_000), "just now");
        assert_eq!(ago(864_000, 0), "10 days ago");
    }
}
