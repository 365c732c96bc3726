//! The menus, built from the table, and the latest status on the right.

use super::command::{Command, Menu, TABLE};
use super::loading::file_name;
use super::model::Model;
use super::theme;
use crate::picture::Tone;
use egui::accesskit::Live;
use egui::{Align, Button, Label, Layout, MenuBar, RichText, Slider, Ui};

/// Shows the menus.
pub(super) fn show(ui: &mut Ui, model: &Model, out: &mut Vec<Command>) {
    MenuBar::new().ui(ui, |ui| {
        for menu in Menu::ALL {
            ui.menu_button(menu.title(), |ui| {
                let mut last = None;
                for entry in TABLE.iter().filter(|entry| entry.menu == menu) {
                    // Related choices stay together.
                    if last.is_some_and(|last| group(last) != group(&entry.command)) {
                        ui.separator();
                    }
                    last = Some(&entry.command);
                    let button = Button::new(entry.name).shortcut_text(entry.key_text(ui.ctx(), model.settings()));
                    let button = button.selected(entry.command.is_on(model));
                    if ui.add_enabled((entry.enabled)(model), button).on_hover_text(entry.tooltip).clicked() {
                        out.push(entry.command.clone());
                        ui.close();
                    }
                }
                if menu == Menu::File {
                    ui.separator();
                    let font = model.settings().soundfont.as_deref().map_or("bundled".into(), file_name);
                    ui.label(RichText::new(format!("Soundfont: {font}")).color(theme::palette(ui).faint));
                }
                if menu == Menu::File && !model.settings().recent.is_empty() {
                    ui.separator();
                    ui.menu_button("Open recent", |ui| {
                        for path in &model.settings().recent {
                            let button = ui.button(file_name(path)).on_hover_text(path.display().to_string());
                            if button.clicked() {
                                out.push(Command::Open(vec![path.clone()]));
                                ui.close();
                            }
                        }
                    });
                }
                if menu == Menu::Colours {
                    ui.separator();
                    contrast(ui, model.settings().tone, out);
                }
            });
        }
        ui.separator();
        for command in [
            Command::AuditTab,
            Command::SearchTab,
            Command::FiltersTab,
            Command::TrainTab,
            Command::EmbeddingTab,
            Command::ToyTab,
        ] {
            let Some(entry) = command.entry() else { continue };
            let tab = ui.add(Button::selectable(command.is_on(model), entry.name));
            let tab = tab.on_hover_text(entry.tooltip_text(ui.ctx(), model.settings()));
            if tab.accessible_name(format!("{} tab", entry.name)).clicked() {
                out.push(command);
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let faint = theme::palette(ui).faint;
            let said = ui.add(Label::new(RichText::new(model.status()).color(faint)).truncate());
            ui.ctx().accesskit_node_builder(said.id, |node| node.set_live(Live::Polite));
        });
    });
}

/// The group of a command: commands of one group stay together in a menu.
fn group(command: &Command) -> u8 {
    match command {
        Command::ThemeSystem | Command::ThemeDark | Command::ThemeLight => 1,
        Command::ColorMap(_) => 2,
        Command::Invert | Command::Brighter | Command::Darker | Command::PlainContrast => 3,
        Command::Beats | Command::Onsets | Command::Curves | Command::Accumulated => 4,
        Command::HashBits
        | Command::HammingMatrix
        | Command::Activations
        | Command::SharedScale
        | Command::Attention => 16,
        Command::AuditTab
        | Command::FiltersTab
        | Command::TrainTab
        | Command::EmbeddingTab
        | Command::ToyTab
        | Command::SearchTab => 17,
        Command::ChooseIndex
        | Command::AddToIndex
        | Command::Search
        | Command::SearchByRecording
        | Command::OpenHit => 24,
        Command::ChooseHashModel | Command::ExportFilters | Command::ChooseEmbeddingModel => 18,
        Command::CompareFolder | Command::CompareDataSet | Command::CompareLoaded => 19,
        Command::ChooseQueue | Command::CloseQueue | Command::ChooseJournal | Command::ExportDecisions => 23,
        Command::About => 25,
        Command::Flag | Command::Note => 20,
        Command::Blind => 21,
        Command::Anchor | Command::ForgetAnchors | Command::Span => 22,
        Command::CandidateList | Command::Inspector => 5,
        Command::NextCandidate | Command::PreviousCandidate => 6,
        Command::LargerText | Command::SmallerText | Command::NormalText => 7,
        Command::ChooseSoundFont | Command::BundledSoundFont => 8,
        Command::SaveSession | Command::SaveSessionAs | Command::Export => 12,
        Command::Quit => 9,
        Command::Start
        | Command::End
        | Command::Back
        | Command::Forward
        | Command::BackSecond
        | Command::ForwardSecond
        | Command::BackFrame
        | Command::ForwardFrame => 10,
        Command::HearMidi | Command::HearRecording | Command::HearBoth | Command::Flip | Command::Split => 11,
        Command::Loop | Command::LoopIn | Command::LoopOut | Command::LoopUnreliable => 13,
        Command::Slower | Command::Faster | Command::NormalSpeed | Command::Varispeed => 14,
        Command::Earlier
        | Command::Later
        | Command::LittleEarlier
        | Command::LittleLater
        | Command::MuchEarlier
        | Command::MuchLater
        | Command::NoOffset => 15,
        _ => 0,
    }
}

/// Sliders for the same settings as the contrast commands.
fn contrast(ui: &mut Ui, tone: Tone, out: &mut Vec<Command>) {
    let mut changed = tone;
    ui.horizontal(|ui| {
        let label = ui.label("Gamma");
        ui.add(Slider::new(&mut changed.gamma, 0.2..=5.0).logarithmic(true).fixed_decimals(2)).labelled_by(label.id);
    });
    ui.horizontal(|ui| {
        let label = ui.label("Dark share");
        let slider = Slider::new(&mut changed.dark, 0.0..=0.9).custom_formatter(|v, _| format!("{:.0} %", v * 100.0));
        ui.add(slider).labelled_by(label.id).on_hover_text("Share of the values shown as the darkest colour");
    });
    if changed != tone {
        out.push(Command::Contrast(changed));
    }
}
