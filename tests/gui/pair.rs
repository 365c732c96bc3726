//! A pair with a known alignment: a MIDI file made here, and a recording that plays it with a changing tempo.

use antiphon::alignment::warp::TimeMap;
use antiphon::alignment::{Alignment, Segments};
use antiphon::audio::{AudioTime, Original, Recording, Tags, Waveform};
use antiphon::features::{Features, FrameTimes, piano_roll};
use antiphon::gui::{Aligned, Arrival, LoadedMidi, LoadedRecording, Model};
use antiphon::midi::{Midi, MidiTime};
use antiphon::pair::{AudioSide, MidiSide};
use ndarray::Array2;
use std::path::PathBuf;
use std::sync::Arc;

/// Seconds from one frame to the next, hop 1024 at 22 050 Hz.
pub(super) use antiphon::features::FRAME_S;

/// A tune of `bars` bars at 120 beats a minute: a bass, chords and a melody.
pub(super) fn tune(bars: u32) -> Midi {
    const TICKS: u32 = 480;
    let mut events: Vec<(u32, [u8; 3])> = Vec::new();
    let mut note = |at: u32, long: u32, pitch: u8| {
        events.push((at, [0x90, pitch, 90]));
        events.push((at + long - 10, [0x80, pitch, 0]));
    };
    for bar in 0..bars {
        let root = [48, 45, 41, 43][bar as usize % 4];
        let start = bar * 4 * TICKS;
        note(start, 4 * TICKS, root);
        for third in [root + 12, root + 16, root + 19] {
            note(start, 2 * TICKS, third);
            note(start + 2 * TICKS, 2 * TICKS, third);
        }
        for eighth in 0..8 {
            let step = (bar * 5 + eighth * 3) % 7;
            note(start + eighth * TICKS / 2, TICKS / 2, root + 24 + [0, 2, 4, 5, 7, 9, 11][step as usize]);
        }
    }
    events.sort_by_key(|&(at, [status, ..])| (at, status));
    let mut track = Vec::new();
    let mut before = 0;
    for (at, message) in events {
        let delta = at - before;
        if delta >= 128 {
            track.push(0x80 | (delta >> 7) as u8);
        }
        track.push(delta as u8 & 0x7f);
        track.extend(message);
        before = at;
    }
    track.extend([0, 0xff, 0x2f, 0]);
    let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk".to_vec();
    bytes.extend((track.len() as u32).to_be_bytes());
    bytes.extend(track);
    Midi::parse(&bytes).unwrap()
}

/// The time map from the MIDI to the recording: it starts 1.5 s later and its tempo sways by 20 %.
fn map(seconds: f64) -> TimeMap {
    let knots = (0..=(seconds / 0.25) as u32).map(|i| {
        let midi = f64::from(i) * 0.25;
        (MidiTime(midi), AudioTime(1.5 + 1.1 * midi + (midi * 0.2).sin()))
    });
    TimeMap::new(knots).unwrap()
}

/// The frames of `midi` at the times of the recording, with some noise and a first overtone.
fn heard(midi: &Features, map: &TimeMap, seconds: f64) -> Features {
    let mut state = 7_u32;
    let rows = (seconds / FRAME_S) as usize;
    let mut frames = Array2::zeros((rows, midi.frames.ncols()));
    for (i, mut row) in frames.rows_mut().into_iter().enumerate() {
        let at = map.to_midi(AudioTime(i as f64 * FRAME_S)).0 / FRAME_S;
        for bin in 0..row.len() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 8) as f32 / (1 << 24) as f32 * 0.12;
            let from =
                |bin: usize| if at >= 0.0 { midi.frames.get([at as usize, bin]).copied().unwrap_or(0.0) } else { 0.0 };
            row[bin] = noise + from(bin) + if bin >= 12 { 0.4 * from(bin - 12) } else { 0.0 };
        }
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    Features { frames, times: FrameTimes::Regular(FRAME_S) }
}

/// The two files, already read, and their alignment.
pub(super) struct Pair {
    pub midi: LoadedMidi,
    pub recording: LoadedRecording,
    pub alignment: Alignment,
}

/// A pair of `bars` bars (2 s each), with a recording called `name`.
pub(super) fn pair(bars: u32, name: &str) -> Pair {
    let midi = tune(bars);
    let features = piano_roll(&midi, FRAME_S);
    let map = map(midi.end().0);
    let seconds = map.to_audio(midi.end()).0 + 1.0;
    let audio = heard(&features, &map, seconds);
    let side = MidiSide::from_features(PathBuf::from("/music/A tune made for the tests.mid"), midi, features);
    let recording = Recording {
        mono: Waveform { samples: vec![0.0; (seconds * 22_050.0) as usize], sample_rate: 22_050 },
        original: Some(Original { samples: Arc::new(vec![0.0; 100]), sample_rate: 44_100 }),
        tags: Tags::default(),
        source_rate: 44_100,
        channels: 2,
        codec: "wav".into(),
        warning: None,
    };
    let audio = AudioSide::from_features(PathBuf::from(name), recording, audio);
    let knots = map.knots().len();
    let alignment = Alignment {
        segments: map.clone().into(),
        map,
        costs: vec![0.1; knots],
        score: 0.54,
        confidence: 0.92,
        transpose: 0,
        unreliable: vec![(0.0, 1.5)],
        remarks: Vec::new(),
        findings: None,
        judgement: None,
    };
    Pair { midi: LoadedMidi::new(side, None, None), recording: LoadedRecording::new(audio), alignment }
}

/// The same pair, except that the recording plays the MIDI from 16 s on, and then from 0 to 8 s.
pub(super) fn jumping(name: &str) -> Pair {
    let pair = pair(12, name);
    let map = |midi: [f64; 2], audio: [f64; 2]| {
        TimeMap::new([0, 1].map(|end| (MidiTime(midi[end]), AudioTime(audio[end])))).unwrap()
    };
    let segments = Segments::new(vec![map([16.0, 24.0], [0.0, 8.0]), map([0.0, 8.0], [8.0, 16.0])]).unwrap();
    let alignment = Alignment { map: segments.maps()[0].clone(), segments, ..pair.alignment };
    Pair { alignment, ..pair }
}

/// Supplies a pair to a model in which its recording is candidate `id`, as jobs would.
pub(super) fn bring(model: &mut Model, id: u64, pair: Pair) {
    let Pair { midi, recording, alignment } = pair;
    let aligned = Aligned::new(alignment, &midi, &recording);
    model.receive(Arrival::Midi(Ok(midi)), 0.0);
    model.receive(Arrival::Recording(id, Ok(recording)), 0.0);
    model.receive(Arrival::Aligned(id, Ok(aligned)), 0.0);
}

/// The same to a model that has the MIDI.
pub(super) fn bring_recording(model: &mut Model, id: u64, pair: Pair) {
    let aligned = Aligned::new(pair.alignment, &pair.midi, &pair.recording);
    model.receive(Arrival::Recording(id, Ok(pair.recording)), 0.0);
    model.receive(Arrival::Aligned(id, Ok(aligned)), 0.0);
}
