//! The window: see and hear whether a MIDI file and a recording match.
//!
//! - [`Model`]: everything shown; [`Model::apply`] and [`Model::receive`] are the only code that changes it.
//! - [`Command`]: everything the user can ask for; [`TABLE`] lists the named ones.
//! - Panels read the model, draw, and push commands: strips, matrix, candidates, transport, jobs.
//! - [`App`]: the thin shell. `logic` collects and applies, `show` draws. Tests drive both without a display.

mod attention_strip;
mod audit_panel;
mod button;
mod candidates_panel;
mod command;
mod curves_panel;
mod decision_bar;
mod distances_plot;
mod embedding_panel;
mod embedding_section;
mod filters_panel;
mod gestures;
mod hearing_panel;
mod heatmap;
mod icon;
mod jobs_panel;
mod keys;
mod learning_curves;
mod loading;
mod loop_bar;
mod matrix_panel;
mod menu_bar;
mod model;
mod palette;
mod queue_panel;
mod read_out;
mod screenshot;
mod search_panel;
mod settings;
mod sheets;
mod shortcut_sheet;
mod strip_marks;
mod theme;
mod timeline;
mod toy_panel;
mod train_panel;
mod transport_panel;
mod verdict_panel;

pub use command::{Command, Curate, Entry, Failure, Hover, Menu, Shortcut, TABLE};
pub use keys::{plain_text, shortcut_text, shortcuts, taken};
pub use loading::{
    Arrival, Bookmark, Expanded, ExportOrder, Exported, OpenedQueue, Prepared, ReadyPair, Running, WakeUp,
};
pub use model::{
    Aligned, Candidate, Compared, Curating, EmbeddedPair, Hashed, HitOrder, IndexForm, LayerOutput,
    LoadedEmbeddingModel, LoadedHashModel, LoadedMidi, LoadedRecording, Model, Overlay, Problem, Recover, Recovery,
    Rescue, SearchForm, Searched, State, ToyForm, TrainingForm, TrainingPreset, Unit,
};
pub use settings::{Panels, Settings, Tab, Theme};
pub use timeline::{Follow, PitchView, TimeView};

use crate::error::{Error, Result};
use crate::job::Job;
use crate::playback::device::Sound;
use audit_panel::AuditPanel;
use decision_bar::DecisionBar;
use egui::{self, Align2, CentralPanel, Context, Panel, RichText, ThemePreference, Ui, UiBuilder, ViewportCommand};
use embedding_panel::EmbeddingPanel;
use filters_panel::FiltersPanel;
use matrix_panel::MatrixPanel;
use palette::Palette;
use queue_panel::QueuePanel;
use screenshot::Screenshot;
use search_panel::SearchPanel;
use shortcut_sheet::ShortcutSheet;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

/// How to open the window.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// MIDI file to open.
    pub midi: Option<PathBuf>,
    /// Recordings to open; the first one is selected.
    pub recordings: Vec<PathBuf>,
    /// Pairs to judge, and where the decisions go: by default beside the pairs.
    pub queue: Option<(PathBuf, Option<PathBuf>)>,
    /// Soundfont, instead of the one in the settings.
    pub soundfont: Option<PathBuf>,
    /// Theme, instead of the one in the settings.
    pub theme: Option<Theme>,
    /// The index to search, instead of the last one.
    pub index: Option<PathBuf>,
    /// The tab to show, instead of the last one.
    pub tab: Option<Tab>,
    /// Save a picture of the window once everything is drawn, then close it. The settings are neither read nor written.
    pub screenshot: Option<PathBuf>,
    /// Size of the window in points; 1280 × 800 by default.
    pub size: Option<(f32, f32)>,
    /// When the program was started, for [`Times`].
    pub started: Option<Instant>,
}

/// How long the window took to open and draw, in seconds from the start of the program.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Times {
    /// Until the first frame was on the screen.
    pub window_s: f64,
    /// Until a picture of a recording was visible.
    pub picture_s: Option<f64>,
    /// Until there was nothing left to compute.
    pub everything_s: f64,
}

/// Opens the window and returns when it is closed; after a screenshot, returns the times it took.
///
/// # Errors
/// [`Error::Window`] if there is no display, or the system refuses a window.
pub fn run(launch: Launch) -> Result<Option<Times>> {
    if cfg!(target_os = "linux") {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !set("DISPLAY") && !set("WAYLAND_DISPLAY") && !set("WAYLAND_SOCKET") {
            return Err(Error::Window("no display (DISPLAY and WAYLAND_DISPLAY are not set)".into()));
        }
    }
    let (width, height) = launch.size.unwrap_or((1280.0, 800.0));
    let viewport = egui::ViewportBuilder::default()
        .with_title("Antiphon")
        .with_app_id("antiphon")
        .with_inner_size([width, height])
        .with_min_inner_size([800.0, 520.0])
        .with_drag_and_drop(true);
    let options = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    let (outcome, finished) = channel();
    eframe::run_native(
        "antiphon",
        options,
        Box::new(move |creation| Ok(Box::new(App::launch(&creation.egui_ctx, launch, outcome)))),
    )
    .map_err(|error| Error::Window(error.to_string()))?;
    finished.try_recv().map_or(Ok(None), |outcome| outcome.map(Some))
}

/// Panel sizes in the last frame.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sizes {
    /// Width of the inspector.
    inspector: f32,
    /// Height of the jobs panel.
    jobs: f32,
    /// Height of the transport.
    transport: f32,
    /// Height of the decision bar.
    decisions: f32,
}

/// The shell around the [`Model`]. See the module.
pub struct App {
    model: Model,
    commands: Vec<Command>,
    audit: AuditPanel,
    matrix: MatrixPanel,
    filters: FiltersPanel,
    embedding: EmbeddingPanel,
    search: SearchPanel,
    queue: QueuePanel,
    decisions: DecisionBar,
    palette: Palette,
    sheet: ShortcutSheet,
    export: ExportOrder,
    sizes: Sizes,
    /// Where the pointer was in the last frame: the arrow keys move the crosshair until the pointer moves.
    pointed: Option<Hover>,
    /// Whether a slider or a picture has the focus and receives the arrow keys.
    arrows_taken: bool,
    settings_file: Option<PathBuf>,
    /// The job that is saving the settings.
    saving: Option<Job<()>>,
    /// Saving them failed, and the failure was reported.
    unsaved: bool,
    saved: Settings,
    /// The settings at the start: with the options of the command line, and as stored in the file.
    given: Settings,
    kept: Settings,
    screenshot: Option<(Screenshot, Sender<Result<Times>>)>,
    started: Instant,
    /// The times measured so far.
    times: Option<Times>,
}

impl App {
    /// Creates the shell around a model.
    pub fn new(ctx: &Context, model: Model) -> Self {
        theme::install(ctx);
        ctx.set_zoom_factor(model.settings().ui_scale);
        let saved = model.settings().clone();
        Self {
            model,
            commands: Vec::new(),
            audit: AuditPanel::default(),
            matrix: MatrixPanel::default(),
            filters: FiltersPanel::default(),
            embedding: EmbeddingPanel::default(),
            search: SearchPanel::default(),
            queue: QueuePanel::default(),
            decisions: DecisionBar::default(),
            palette: Palette::default(),
            sheet: ShortcutSheet::default(),
            export: ExportOrder::default(),
            sizes: Sizes::default(),
            pointed: None,
            arrows_taken: false,
            settings_file: None,
            saving: None,
            unsaved: false,
            given: saved.clone(),
            kept: saved.clone(),
            saved,
            screenshot: None,
            started: Instant::now(),
            times: None,
        }
    }

    fn launch(ctx: &Context, launch: Launch, outcome: Sender<Result<Times>>) -> Self {
        let settings_file = Settings::file().filter(|_| launch.screenshot.is_none());
        let (kept, remark) = settings_file.as_deref().map(Settings::load).unwrap_or_default();
        let mut settings = kept.clone();
        settings.soundfont = launch.soundfont.or(settings.soundfont.take());
        settings.theme = launch.theme.unwrap_or(settings.theme);
        settings.tab = launch.tab.unwrap_or(settings.tab);
        settings.index = launch.index.or(settings.index.take());
        let (wake, wake_sound) = (ctx.clone(), ctx.clone());
        let sound = Sound::open(move || wake_sound.request_repaint());
        let model = Model::new(settings, sound, std::sync::Arc::new(move || wake.request_repaint()));
        let mut app = Self::new(ctx, model);
        if launch.screenshot.is_none()
            && let Some(dirs) = directories::ProjectDirs::from("", "", "antiphon")
        {
            app.model.keep_in(dirs.data_local_dir().to_path_buf());
        }
        app.settings_file = settings_file;
        (app.given, app.kept) = (app.saved.clone(), kept);
        app.commands.extend(remark.map(|remark| Command::Failed(Failure::Settings, remark)));
        app.started = launch.started.unwrap_or(app.started);
        app.screenshot = launch.screenshot.map(|path| (Screenshot::new(path), outcome));
        let files: Vec<PathBuf> = launch.midi.into_iter().chain(launch.recordings).collect();
        if let Some((source, journal)) = launch.queue {
            app.commands.push(Command::Curate(Curate::Open(source, journal)));
        } else if !files.is_empty() {
            app.commands.push(Command::Open(files));
        }
        app
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The model, for tests that supply the outcomes of jobs.
    pub fn model_mut(&mut self) -> &mut Model {
        &mut self.model
    }

    /// Whether no job is running and the visible pictures are complete.
    pub fn drawn(&self) -> bool {
        // Hidden panels are not drawn.
        let seen = match self.model.settings().tab {
            Tab::Audit => self.audit.complete() && self.matrix.complete(),
            Tab::Embedding => self.embedding.complete(),
            Tab::Filters | Tab::Train | Tab::Toy | Tab::Search => true,
        };
        self.model.idle() && seen
    }

    /// Takes in everything that has arrived and obeys the commands. Called before every frame.
    pub fn logic(&mut self, ctx: &Context) {
        let now = ctx.input(|i| i.time);
        let dropped: Vec<PathBuf> =
            ctx.input(|i| i.raw.dropped_files.iter().map(|file| file.path().to_path_buf()).collect());
        if !dropped.is_empty() {
            self.commands.push(Command::Open(dropped));
        }
        self.model.collect(now);
        for command in std::mem::take(&mut self.commands) {
            self.model.apply(command, now);
        }
        let theme: ThemePreference = self.model.settings().theme.into();
        if ctx.options(|options| options.theme_preference) != theme {
            ctx.set_theme(theme);
        }
        if (ctx.zoom_factor() - self.model.settings().ui_scale).abs() > 1e-3 {
            ctx.set_zoom_factor(self.model.settings().ui_scale);
        }
        theme::reduce_motion(ctx, self.model.settings().reduced_motion);
        if self.model.transport().playing() {
            ctx.request_repaint();
        }
        if let Some(seconds) = self.model.sound().wants_poll_in() {
            // Keep looking for a lost device, even if nothing moves.
            ctx.request_repaint_after(std::time::Duration::from_secs_f64(seconds));
        }
        if self.model.quit() {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        } else if ctx.input(|i| i.viewport().close_requested()) {
            // The window's close button does what the command does: asks if decisions would be lost.
            self.model.apply(Command::Quit, now);
            if !self.model.quit() {
                ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            }
        }
        if self.screenshot.is_some() {
            self.take_screenshot(ctx);
        }
    }

    fn take_screenshot(&mut self, ctx: &Context) {
        let ready = self.drawn();
        let passed = self.started.elapsed().as_secs_f64();
        // The previous frame is on the screen by now: the first call comes before any frame.
        let first = self.times.is_none();
        let times = self.times.get_or_insert_default();
        if !first && times.window_s <= 0.0 {
            times.window_s = passed;
        }
        if times.picture_s.is_none() && self.audit.has_picture() {
            times.picture_s = Some(passed);
        }
        if ready && !first && times.everything_s <= 0.0 {
            times.everything_s = passed;
        }
        if let Some((screenshot, outcome)) = &mut self.screenshot
            && let Some(result) = screenshot.step(ctx, ready)
        {
            let times = *times;
            drop(outcome.send(result.map(|()| times)));
        }
    }

    /// Draws everything.
    pub fn show(&mut self, ui: &mut Ui) {
        let commands = &mut self.commands;
        let before = commands.len();
        shortcuts(ui.ctx(), &self.model, self.arrows_taken, commands);
        let frame = theme::panel_frame(ui);
        Panel::top("menu").frame(frame.inner_margin(egui::Margin::symmetric(8, 3))).show(ui, |ui| {
            menu_bar::show(ui, &self.model, commands);
        });
        // From left to right and from top to bottom, so that Tab follows the order on the screen. Panels are laid out
        // from the outside in, so the sizes of the later ones are those of the previous frame.
        let whole = ui.available_rect_before_wrap();
        let transport_height = self.sizes.transport.max(theme::TRANSPORT_HEIGHT);
        let edge = whole.bottom() - transport_height - self.sizes.jobs - self.sizes.decisions;
        let mut body = ui.new_child(UiBuilder::new().id_salt("body").max_rect(whole.with_max_y(edge)));
        let mut sizes = Sizes::default();
        let mut hover = None;
        let curating = self.model.curating();
        let empty = curating.is_none() && self.model.midi_path().is_none() && self.model.candidates().is_empty();
        let mut panels = self.model.settings().panels;
        if !empty && panels.list {
            let list = Panel::left("candidates")
                .frame(frame)
                .default_size(panels.list_width)
                .size_range(140.0..=420.0)
                .show(&mut body, |ui| match curating {
                    Some(curating) => self.queue.show(ui, &self.model, curating, commands),
                    None => candidates_panel::show(ui, &self.model, commands),
                });
            panels.list_width = list.response.rect.width();
        }
        let rest = body.available_rect_before_wrap();
        let tab = self.model.settings().tab;
        let inspector = !empty && panels.inspector && tab == Tab::Audit;
        let taken = if inspector { self.sizes.inspector } else { 0.0 };
        let middle = rest.with_max_x((rest.right() - taken).max(rest.left() + 40.0));
        let mut strips = body.new_child(UiBuilder::new().id_salt("strips").max_rect(middle));
        CentralPanel::default().frame(frame).show(&mut strips, |ui| match tab {
            Tab::Filters => self.filters.show(ui, &self.model, commands),
            Tab::Train => train_panel::show(ui, &self.model, commands),
            Tab::Embedding => self.embedding.show(ui, &self.model, commands),
            Tab::Toy => toy_panel::show(ui, &self.model, commands),
            Tab::Search => self.search.show(ui, &self.model, commands),
            Tab::Audit if empty => welcome(ui, commands),
            Tab::Audit => hover = self.audit.show(ui, &self.model, commands).or(hover),
        });
        if inspector {
            let inspector = Panel::right("matrix")
                .frame(frame)
                .default_size(panels.inspector_width)
                .size_range(200.0..=700.0)
                .show(&mut body, |ui| hover = self.matrix.show(ui, &self.model, commands).or(hover));
            sizes.inspector = inspector.response.rect.width();
            panels.inspector_width = sizes.inspector;
        }
        let mut bottom = ui.new_child(UiBuilder::new().id_salt("bottom").max_rect(whole.with_min_y(edge)));
        if jobs_panel::wanted(&self.model) {
            let jobs = Panel::top("jobs").frame(frame).resizable(false).show_separator_line(false);
            let jobs = jobs.show(&mut bottom, |ui| jobs_panel::show(ui, &self.model, commands));
            sizes.jobs = jobs.response.rect.height();
            bottom.painter().hline(whole.x_range(), edge, bottom.visuals().widgets.noninteractive.bg_stroke);
        }
        if let Some(curating) = curating {
            // Always next to the strips, whatever jobs are running.
            let bar = Panel::bottom("decisions").frame(frame).resizable(false).show_separator_line(true);
            let bar = bar.show(&mut bottom, |ui| self.decisions.show(ui, &self.model, curating, commands));
            sizes.decisions = bar.response.rect.height();
        }
        let transport = Panel::bottom("transport").frame(frame.inner_margin(egui::Margin::symmetric(8, 0)));
        (self.arrows_taken, sizes.transport) = transport
            .exact_size(transport_height)
            .show(&mut bottom, |ui| transport_panel::show(ui, &self.model, commands))
            .inner;
        if sizes != self.sizes {
            self.sizes = sizes;
            ui.ctx().request_discard("a panel has another size");
        }
        self.arrows_taken |= self.audit.arrows_taken() || self.matrix.arrows_taken() || self.embedding.arrows_taken();
        self.arrows_taken |= self.search.arrows_taken();
        if hover != self.pointed {
            self.pointed = hover;
            commands.push(Command::Hover(hover));
        }
        // Only once the drag is over: the first frames measure the panels before they have settled.
        if !ui.ctx().input(|i| i.pointer.any_down()) && panels_differ(&panels, &self.model.settings().panels) {
            commands.push(Command::Resize(panels));
        }
        match self.model.overlay() {
            Some(Overlay::Palette) => self.palette.show(ui.ctx(), &self.model, commands),
            Some(Overlay::Shortcuts) => self.sheet.show(ui.ctx(), &self.model, commands),
            Some(Overlay::Export) => sheets::export(ui.ctx(), &mut self.export, commands),
            Some(Overlay::Recovery) => sheets::recovery(ui.ctx(), &self.model, commands),
            Some(Overlay::Journal) => sheets::journal(ui.ctx(), &self.model, commands),
            Some(Overlay::Index) => sheets::index(ui.ctx(), &self.model, commands),
            Some(Overlay::About) => sheets::about(ui.ctx(), commands),
            None => {}
        }
        curtain(ui.ctx(), &self.model);
        if commands.len() > before {
            // The commands are obeyed before the next frame.
            ui.ctx().request_repaint();
        }
    }

    /// Writes the settings if they have changed: in a thread, since a frame must not wait for a disk.
    fn save_settings(&mut self, wake: &Context) {
        if let Some(outcome) = self.saving.as_mut().and_then(Job::poll) {
            self.saving = None;
            match outcome {
                Ok(()) => self.unsaved = false,
                // Reporting it once is enough: every change would fail again.
                Err(error) if !std::mem::replace(&mut self.unsaved, true) => {
                    self.commands
                        .push(Command::Failed(Failure::Settings, format!("the settings are not saved: {error}")));
                }
                Err(_) => {}
            }
        }
        if self.saving.is_some() {
            return;
        }
        let settings = self.model.settings().clone();
        if let Some(file) = self.settings_file.clone()
            && settings != self.saved
        {
            self.saved = settings.clone();
            // Options of the command line apply to this run only.
            let mut settings = settings;
            if settings.theme == self.given.theme {
                settings.theme = self.kept.theme;
            }
            if settings.soundfont == self.given.soundfont {
                settings.soundfont.clone_from(&self.kept.soundfont);
            }
            let wake = wake.clone();
            let done = move || wake.request_repaint();
            self.saving = Some(Job::start("Saving the settings", done, move |_| settings.save(&file)));
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _: &mut eframe::Frame) {
        self.logic(ctx);
        // Not during a drag: a slider would write the file sixty times a second.
        if !ctx.input(|i| i.pointer.any_down()) {
            self.save_settings(ctx);
        }
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        self.show(ui);
    }

    fn on_exit(&mut self) {
        // The last change may still be in the middle of being saved.
        drop(self.saving.take().map(Job::join));
        self.model.leave();
    }
}

/// Whether a panel's width has changed by more than rounding.
fn panels_differ(a: &Panels, b: &Panels) -> bool {
    (a.list_width - b.list_width).abs() > 1.0 || (a.inspector_width - b.inspector_width).abs() > 1.0
}

/// The text of an empty window.
fn welcome(ui: &mut Ui, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.3);
        ui.label(RichText::new("Is this MIDI file this recording?").size(24.0));
        ui.add_space(8.0);
        let next = "Drop a MIDI file and one or more recordings anywhere in this window.";
        ui.label(RichText::new(next).color(palette.faint));
        ui.add_space(12.0);
        if ui.button("Open files…").clicked() {
            out.push(Command::ChooseFiles);
        }
    });
}

/// Explains, while files are held over the window, what dropping them will do. It is the same everywhere: the system
/// reports which files are held, but (winit 0.30) not where, so the result depends on the files and not on the panel.
fn curtain(ctx: &Context, model: &Model) {
    let held = ctx.input(|i| i.raw.hovered_files.clone());
    if held.is_empty() {
        return;
    }
    let paths: Vec<PathBuf> = held.iter().filter_map(|file| file.path.clone()).collect();
    let text = match loading::effects(&paths, model.midi_path()) {
        effects if effects.is_empty() => "Drop to open".to_owned(),
        effects => format!("Drop to {}", effects.join(" and ")),
    };
    let painter = ctx.layer_painter(egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("curtain")));
    let rect = ctx.content_rect();
    painter.rect_filled(rect, 0.0, theme::CURTAIN);
    painter.text(rect.center(), Align2::CENTER_CENTER, text, egui::FontId::proportional(24.0), theme::LIGHT);
}
