//! How long a frame of the window takes while a distance matrix of 5,000 × 8,000 frames is panned and zoomed, and how
//! much memory that takes. Limits: 4 ms per frame, 4 times the matrix as f32.
#![expect(clippy::print_stdout, reason = "it reports")]

use antiphon::alignment::Alignment;
use antiphon::alignment::warp::TimeMap;
use antiphon::audio::{AudioTime, Recording, Tags, Waveform};
use antiphon::features::FRAME_S;
use antiphon::features::{Features, FrameTimes};
use antiphon::gui::{Aligned, App, Arrival, Command, LoadedMidi, LoadedRecording, Model, Settings};
use antiphon::midi::{Midi, MidiTime};
use antiphon::pair::{AudioSide, MidiSide};
use antiphon::playback::device::Sound;
use egui::accesskit::Role;
use egui::{Event, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, TouchPhase, Ui, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use ndarray::Array2;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

const MIDI_FRAMES: usize = 5_000;
const FRAMES: usize = 8_000;
/// The window, with a stopwatch.
struct Timed {
    app: App,
    frames_ms: Vec<f64>,
}

impl eframe::App for Timed {
    fn logic(&mut self, ctx: &egui::Context, _: &mut eframe::Frame) {
        self.app.logic(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        let start = Instant::now();
        self.app.show(ui);
        self.frames_ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
}

fn unit_rows(rows: usize, seed: u32) -> Features {
    let mut state = seed;
    let mut frames = Array2::from_shape_fn((rows, 48), |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        -((state >> 8) as f32 / (1 << 24) as f32)
    });
    for mut row in frames.rows_mut() {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    Features { frames, times: FrameTimes::Regular(FRAME_S) }
}

fn model() -> Model {
    let note = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk\0\0\0\x0c\0\x90\x3c\x40\x83\x60\x80\x3c\0\0\xff\x2f\0";
    let midi = Midi::parse(note).expect("a note");
    let midi =
        LoadedMidi::new(MidiSide::from_features("score.mid".into(), midi, unit_rows(MIDI_FRAMES, 1)), None, None);
    let recording = Recording {
        mono: Waveform { samples: vec![0.0; (FRAMES as f64 * FRAME_S * 22_050.0) as usize], sample_rate: 22_050 },
        original: None,
        tags: Tags::default(),
        source_rate: 22_050,
        channels: 1,
        codec: "wav".into(),
        warning: None,
    };
    let path = PathBuf::from("recording.wav");
    let recording = LoadedRecording::new(AudioSide::from_features(path.clone(), recording, unit_rows(FRAMES, 2)));
    let knots = (0..=4_000).map(|i| {
        let along = f64::from(i) / 4_000.0;
        (MidiTime(along * MIDI_FRAMES as f64 * FRAME_S), AudioTime(along * FRAMES as f64 * FRAME_S))
    });
    let map = TimeMap::new(knots).expect("increasing");
    let costs = vec![0.1; map.knots().len()];
    let unreliable = (0..12).map(|i| (f64::from(i) * 30.0, f64::from(i) * 30.0 + 4.0)).collect();
    let remarks = Vec::new();
    let alignment = Alignment {
        segments: map.clone().into(),
        map,
        costs,
        score: 0.5,
        confidence: 1.0,
        transpose: 0,
        unreliable,
        remarks,
        findings: None,
        judgement: None,
    };
    let aligned = Aligned::new(alignment, &midi, &recording);
    let mut model = Model::new(Settings::default(), Sound::silent("a bench"), Arc::new(|| {}));
    let id = model.add(path);
    model.receive(Arrival::Midi(Ok(midi)), 0.0);
    model.receive(Arrival::Recording(id, Ok(recording)), 0.0);
    model.receive(Arrival::Aligned(id, Ok(aligned)), 0.0);
    model.apply(Command::Select(0), 0.0);
    model
}

/// Peak memory use so far, in MB; on Linux only.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0) / 1024.0
}

fn report(what: &str, harness: &mut Harness<'static, Timed>) {
    let mut frames = std::mem::take(&mut harness.state_mut().frames_ms);
    frames.sort_by(f64::total_cmp);
    let at = |share: f64| frames[((frames.len() - 1) as f64 * share) as usize];
    let (count, over) = (frames.len(), frames.iter().filter(|ms| **ms > 4.0).count());
    let line = format!("median {:.2}, 99 % {:.2}, worst {:.2}", at(0.5), at(0.99), at(1.0));
    println!("{what:<26} {count:4} frames, ms: {line}; over 4 ms: {over}");
}

fn main() {
    let model = model();
    let before = peak_mb();
    let mut harness = Harness::builder()
        .with_size(vec2(1920.0, 1080.0))
        .build_eframe(|creation| Timed { app: App::new(&creation.egui_ctx, model), frames_ms: Vec::new() });
    while !harness.state().app.drawn() {
        harness.step();
    }
    report("until everything is drawn", &mut harness);

    harness.state_mut().app.model_mut().apply(Command::Zoom { factor: 12.0, around: 100.0 }, 0.0);
    for frame in 0..400 {
        let by = if frame % 200 < 100 { 1.2 } else { -1.2 };
        harness.state_mut().app.model_mut().apply(Command::Pan(by), f64::from(frame));
        harness.step();
    }
    report("moving the strips", &mut harness);

    let matrix = harness.get_by_role_and_label(Role::Image, "Distance matrix").rect();
    harness.hover_at(matrix.center());
    for _ in 0..40 {
        let (unit, phase, source) = (MouseWheelUnit::Point, TouchPhase::Move, MouseWheelSource::Trackpad);
        let (delta, modifiers) = (vec2(0.0, 12.0), Modifiers::NONE);
        let wheel = Event::MouseWheel { unit, delta, phase, source, modifiers };
        harness.input_mut().events.push(wheel);
        harness.step();
    }
    report("zooming the matrix", &mut harness);

    let (pos, button, modifiers) = (matrix.center(), PointerButton::Secondary, Modifiers::NONE);
    harness.input_mut().events.push(Event::PointerButton { pos, button, pressed: true, modifiers });
    for frame in 0..400 {
        let turn = frame as f32 * 0.05;
        let pos = matrix.center() + vec2(turn.cos(), turn.sin()) * matrix.width() * 0.4;
        harness.input_mut().events.push(Event::PointerMoved(pos));
        harness.step();
    }
    report("moving the matrix", &mut harness);
    let whole = (MIDI_FRAMES * FRAMES * 4) as f64 / 1_048_576.0;
    let used = peak_mb() - before;
    println!("memory {used:.0} MB beside the features; the matrix as f32 is {whole:.0} MB: {:.2} times", used / whole);
}
