use super::super::engine::{Engine, EngineOrder};
use super::super::measure::{RATE, hertz, moments};
use super::super::mixer::Mix;
use super::*;
use crate::synth::render_stereo;

fn sine(hertz: f32, sample_rate: u32, frames: usize) -> Vec<f32> {
    (0..frames).map(|i| (std::f32::consts::TAU * hertz * i as f32 / sample_rate as f32).sin() * 0.5).collect()
}

#[test]
fn resampling_keeps_time_and_shape() {
    for (from, to) in [(44_100, 48_000), (48_000, 44_100), (8_000, 48_000)] {
        let there =
            resample(&Arc::new(sine(440.0, from, from as usize)), (from, to), &Progress::silent()).expect("resampled");
        assert_eq!(there.len(), to as usize);
        let wanted = sine(440.0, to, to as usize);
        let edge = 2000;
        for i in edge..there.len() - edge {
            assert!((there[i] - wanted[i]).abs() < 2e-3, "{from} -> {to}, sample {i}");
        }
    }
}

#[test]
fn speeds_are_steps_within_the_range() {
    let speed = |wanted| Rendition::default().at_speed(wanted).speed;
    for (wanted, nearest) in [(0.01, 0.25), (0.26, 0.25), (0.98, 1.0), (1.0, 1.0), (7.0, 2.0)] {
        assert!((speed(wanted) - nearest).abs() < 1e-12);
    }
}

/// A MIDI file of (millisecond, channel message), with one millisecond per tick.
fn midi(messages: &[(u32, [u8; 3])]) -> Arc<Midi> {
    let mut track = Vec::new();
    let mut before = 0;
    for (at, message) in messages {
        let wait = at - before;
        before = *at;
        track.extend([(wait >> 14 & 0x7f) as u8 | 0x80, (wait >> 7 & 0x7f) as u8 | 0x80, (wait & 0x7f) as u8]);
        let length = if message[0] & 0xf0 == 0xc0 { 2 } else { 3 };
        track.extend(&message[..length]);
    }
    track.extend([0, 0xff, 0x2f, 0]);
    let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\x01\xf4MTrk".to_vec();
    bytes.extend((track.len() as u32).to_be_bytes());
    bytes.extend(track);
    Arc::new(Midi::parse(&bytes).expect("parsed"))
}

/// What each ear hears of a rendition: MIDI on the left, recording on the right.
fn heard(material: &Material, rendition: Rendition) -> [Vec<f32>; 2] {
    let prepared = material.programme(rendition, 0.0, &Progress::silent()).expect("prepared");
    if let Some(stretch) = prepared.stretch {
        stretch.run(&Progress::silent()).expect("stretched");
    }
    let frames = prepared.programme.frames() as usize;
    let mut engine = Engine::new(RATE);
    for order in [EngineOrder::Mix(Mix::default()), EngineOrder::Load(Box::new(prepared.programme))] {
        assert!(engine.obey(order).is_none());
    }
    // The mix takes effect before anything sounds.
    engine.render(&mut [0.0; 4_000]);
    assert!(engine.obey(EngineOrder::Play(1)).is_none());
    let mut out = vec![0.0; 2 * frames];
    engine.render(&mut out);
    [0, 1].map(|side| out.iter().skip(side).step_by(2).copied().collect())
}

/// A hop of the features: the precision of the alignment itself.
const HOP_S: f64 = 1024.0 / 22_050.0;

#[test]
fn a_click_track_meets_its_own_rendering_stretched_by_a_known_curve() {
    let times: Vec<f64> = (1..14).map(f64::from).collect();
    let strokes: Vec<(u32, [u8; 3])> =
        (1..14).flat_map(|second| [(second * 1000, [0x99, 76, 110]), (second * 1000 + 60, [0x89, 76, 0])]).collect();
    let midi = midi(&strokes);
    let font = SoundFont::bundled().expect("bundled");
    let written = render_stereo(&Score::new(&midi, |t| t.0), &font, RATE, &Progress::silent()).expect("rendered");
    // Tempo between 0.68 and 1.32 of the written one, and a late start.
    let played = |t: f64| 0.5 + t + 0.4 * (0.8 * t).sin();
    let knots = (-20..320).map(|i| f64::from(i) * 0.05);
    let there = TimeMap::new(knots.clone().map(|t| (MidiTime(t), AudioTime(played(t))))).expect("increasing");
    let back = TimeMap::new(knots.map(|t| (MidiTime(played(t)), AudioTime(t)))).expect("increasing");
    let pace = Pace { map: Some(Arc::new(back)), speed: 1.0, sample_rate: RATE };
    let frames = 15 * RATE as usize;
    let performance = Stretch::new(written.left.into(), pace, frames, 0);
    performance.run(&Progress::silent()).expect("stretched");
    let mut left = vec![0.0; frames];
    performance.output().copy(0, &mut left);
    let recording = Original { samples: Arc::new(left), sample_rate: RATE };

    let font = Some((midi, font));
    let material =
        Material::new(font, Some(&recording), Some(Arc::new(there)), RATE, &Progress::silent()).expect("made");
    for (warp, speed) in
        [(Warp::Midi, 1.0), (Warp::Midi, 0.5), (Warp::Midi, 2.0), (Warp::Recording, 1.0), (Warp::Recording, 0.75)]
    {
        for varispeed in [false, true] {
            let [left, right] = heard(&material, Rendition { warp, speed, varispeed });
            let wanted: Vec<f64> = (times.iter())
                .map(|&t| if warp == Warp::Midi { played(t) / speed } else { t / speed })
                .filter(|t| t + 0.3 < left.len() as f64 / f64::from(RATE))
                .collect();
            assert!(wanted.len() >= 12);
            let (midi, recording) = (moments(&left, &wanted, 0.2), moments(&right, &wanted, 0.2));
            for ((midi, recording), wanted) in midi.iter().zip(&recording).zip(&wanted) {
                let apart = (midi - recording).abs();
                assert!(apart < HOP_S, "{warp:?} {speed} {varispeed}: {midi} s and {recording} s at {wanted} s");
                assert!((midi - wanted).abs() < HOP_S, "{warp:?} {speed} {varispeed}: {midi} s instead of {wanted} s");
            }
        }
    }
}

#[test]
fn on_a_tape_pitch_follows_speed_and_otherwise_it_stays() {
    let midi = midi(&[(0, [0xc0, 80, 0]), (0, [0x90, 69, 100]), (6_000, [0x80, 69, 0])]);
    let font = SoundFont::bundled().expect("bundled");
    let left = sine(440.0, RATE, 6 * RATE as usize);
    let recording = Original { samples: Arc::new(left), sample_rate: RATE };
    let identity = Some(Arc::new(TimeMap::identity()));
    let material =
        Material::new(Some((midi, font)), Some(&recording), identity, RATE, &Progress::silent()).expect("made");
    let steady = |wave: &[f32], near: f64| hertz(&wave[RATE as usize / 2..][..3 * RATE as usize / 2], near);
    let [written, _] = heard(&material, Rendition::default());
    let written = steady(&written, 440.0);
    for speed in [0.25, 0.5, 1.5, 2.0] {
        for varispeed in [true, false] {
            let factor = if varispeed { speed } else { 1.0 };
            let [left, right] = heard(&material, Rendition { warp: Warp::Midi, speed, varispeed });
            assert_eq!(left.len(), (6.0 / speed * f64::from(RATE)) as usize);
            for (wave, hertz) in [(left, written), (right, 440.0)] {
                let cents = 1200.0 * (steady(&wave, hertz * factor) / (hertz * factor)).log2();
                assert!(cents.abs() < 5.0, "speed {speed}, tape {varispeed}, {hertz} Hz: {cents} cents off");
            }
        }
    }
}

#[test]
fn a_stretched_recording_is_made_once() {
    let left = sine(300.0, RATE, RATE as usize);
    let recording = Original { samples: Arc::new(left), sample_rate: RATE };
    let material = Material::new(None, Some(&recording), None, RATE, &Progress::silent()).expect("made");
    let slow = Rendition::default().at_speed(0.5);
    let prepared = |rendition| material.programme(rendition, 0.0, &Progress::silent()).expect("prepared");
    let work = prepared(slow).stretch.expect("to be made");
    work.run(&Progress::silent()).expect("made");
    assert!(prepared(slow).stretch.is_none());
    // One that was stopped is made again.
    let slower = Rendition::default().at_speed(0.25);
    let work = prepared(slower).stretch.expect("to be made");
    let stopped = Progress::silent();
    stopped.cancel();
    assert!(work.run(&stopped).is_err());
    assert!(prepared(slower).stretch.is_some());
    assert!(prepared(Rendition::default()).stretch.is_none());
}
