use super::super::mixer::{Listen, rms};
use super::super::source::Source;
use super::*;

const RATE: u32 = 48_000;

fn samples(hertz: f32, seconds: f32) -> Vec<f32> {
    let wave = |i: usize| (std::f32::consts::TAU * hertz * i as f32 / RATE as f32).sin() * 0.1;
    (0..(seconds * RATE as f32) as usize).map(wave).collect()
}

fn sine(hertz: f32, seconds: f32) -> Source {
    Source::samples(samples(hertz, seconds).into())
}

fn playing(midi: Option<Source>, recording: Option<Source>, seconds: f32) -> Engine {
    let mut engine = Engine::new(RATE);
    order(&mut engine, EngineOrder::Load(Box::new(Programme::plain(midi, recording, seconds.into(), RATE))));
    engine
}

fn engine(midi_hertz: f32, recording_hertz: f32, seconds: f32) -> Engine {
    playing(Some(sine(midi_hertz, seconds)), Some(sine(recording_hertz, seconds)), seconds)
}

fn order(engine: &mut Engine, order: EngineOrder) {
    assert!(engine.obey(order).is_none());
}

fn render(engine: &mut Engine, frames: usize) -> Vec<f32> {
    let mut out = vec![0.0; 2 * frames];
    engine.render(&mut out);
    out
}

fn channel(interleaved: &[f32], side: usize) -> Vec<f32> {
    interleaved.iter().skip(side).step_by(2).copied().collect()
}

/// Peak of everything above 4 kHz, in dB full scale: a click of height h shows as about h / 2, a sine of 250 Hz not at
/// all (high-pass of 511 taps, Blackman window).
fn splash(signal: &[f32]) -> f32 {
    use std::f32::consts::{PI, TAU};
    const TAPS: usize = 511;
    let middle = (TAPS / 2) as f32;
    let cut = 4000.0 / RATE as f32;
    let mut taps: Vec<f32> = (0..TAPS)
        .map(|i| {
            let (t, along) = (i as f32 - middle, i as f32 / (TAPS - 1) as f32);
            let low = if t == 0.0 { 2.0 * cut } else { (TAU * cut * t).sin() / (PI * t) };
            low * (0.42 - 0.5 * (TAU * along).cos() + 0.08 * (2.0 * TAU * along).cos())
        })
        .collect();
    let sum: f32 = taps.iter().sum();
    for tap in &mut taps {
        *tap /= -sum;
    }
    taps[TAPS / 2] += 1.0;
    let peak =
        signal.windows(TAPS).map(|w| w.iter().zip(&taps).map(|(s, t)| s * t).sum::<f32>().abs()).fold(1e-9, f32::max);
    20.0 * peak.log10()
}

#[test]
fn split_keeps_each_source_in_its_own_ear() {
    let silent = || Source::samples(Arc::new(vec![0.0; 8]));
    for (side, midi, recording) in [(0, sine(300.0, 2.0), silent()), (1, silent(), sine(700.0, 2.0))] {
        let mut engine = playing(Some(midi), Some(recording), 2.0);
        order(&mut engine, EngineOrder::Play(1));
        let out = render(&mut engine, RATE as usize);
        let (heard, leaked) = (rms(&channel(&out, side)), rms(&channel(&out, 1 - side)));
        assert!(heard > 0.05);
        assert!(20.0 * (leaked.max(1e-12) / heard).log10() <= -60.0, "{leaked} against {heard}");
    }
}

#[test]
fn nothing_clicks_at_start_stop_seek_flip_loop_and_nudge() {
    let mut engine = engine(200.0, 250.0, 4.0);
    let mut out = render(&mut engine, 5000);
    for next in [
        EngineOrder::Play(1),
        EngineOrder::Seek(77_777, 2),
        EngineOrder::Mix(Mix { listen: Listen::Midi, ..Mix::default() }),
        EngineOrder::Mix(Mix { split: false, ..Mix::default() }),
        // Wraps several times.
        EngineOrder::Loop(Some((80_000, 83_111)), 3),
        EngineOrder::Loop(Some((10_000, 12_500)), 4),
        EngineOrder::Offset(480),
        EngineOrder::Loop(None, 5),
        EngineOrder::Mix(Mix { midi_muted: true, ..Mix::default() }),
        EngineOrder::Pause(6),
    ] {
        order(&mut engine, next);
        out.extend(render(&mut engine, 12_345));
    }
    for side in 0..2 {
        let click = splash(&channel(&out, side));
        assert!(click <= -60.0, "side {side}: {click} dB");
    }
    // The meter does detect a click: the same sound cut off without a fade.
    let mut cut = channel(&out, 0);
    cut.truncate(12_030);
    cut.extend(vec![0.0; 4000]);
    assert!(splash(&cut) > -50.0);
}

#[test]
fn position_follows_orders_and_stops_at_the_end() {
    let mut engine = engine(200.0, 250.0, 1.0);
    let clock = engine.clock();
    order(&mut engine, EngineOrder::Seek(40_000, 1));
    render(&mut engine, 100);
    assert_eq!((clock.position(), clock.serial(), clock.playing()), (40_000, 1, false));
    order(&mut engine, EngineOrder::Play(2));
    render(&mut engine, 1000);
    assert_eq!((clock.position(), clock.serial(), clock.playing()), (41_000, 2, true));
    let out = render(&mut engine, 20_000);
    assert_eq!((clock.position(), clock.playing()), (48_000, false));
    assert!(out[2 * 10_000..].iter().all(|&s| s == 0.0));
    assert_eq!(clock.rendered(), 21_100);
}

#[test]
fn a_seek_while_playing_is_acknowledged_only_when_it_is_done() {
    let mut engine = engine(200.0, 250.0, 2.0);
    let clock = engine.clock();
    order(&mut engine, EngineOrder::Play(1));
    render(&mut engine, 4000);
    order(&mut engine, EngineOrder::Seek(50_000, 2));
    render(&mut engine, 100);
    assert_eq!(clock.serial(), 1);
    render(&mut engine, 1000);
    assert_eq!(clock.serial(), 2);
    assert!((50_000..51_100).contains(&clock.position()));
}

#[test]
fn loading_while_playing_hands_the_old_programme_back_and_keeps_the_place() {
    let mut playing = engine(200.0, 250.0, 2.0);
    order(&mut playing, EngineOrder::Play(1));
    render(&mut playing, 10_000);
    order(&mut playing, EngineOrder::Load(Box::new(Programme::plain(Some(sine(90.0, 2.0)), None, 2.0, RATE))));
    let out = render(&mut playing, 10_000);
    assert!(playing.take_retired().is_some());
    assert!(playing.clock().position() >= 19_000);
    assert!(splash(&channel(&out, 0)) <= -60.0);
}

#[test]
fn loud_sources_stay_within_full_scale() {
    let loud = || Source::samples(samples(200.0, 1.0).into_iter().map(|s| s * 30.0).collect::<Vec<_>>().into());
    let mut engine = playing(Some(loud()), Some(loud()), 1.0);
    order(&mut engine, EngineOrder::Mix(Mix { split: false, ..Mix::default() }));
    order(&mut engine, EngineOrder::Play(1));
    let out = render(&mut engine, 40_000);
    assert!(out.iter().all(|s| s.abs() <= 1.0) && out.iter().any(|s| s.abs() > 0.9));
}

/// A recording whose samples encode their position: sample i has the height i / frames / 2. Fades only lower it.
fn ramp(frames: usize) -> Engine {
    let height = (0..frames).map(|i| i as f32 / frames as f32 * 0.5).collect::<Vec<_>>().into();
    let mut engine = playing(None, Some(Source::samples(height)), frames as f32 / RATE as f32);
    order(&mut engine, EngineOrder::Mix(Mix { listen: Listen::Recording, split: false, ..Mix::default() }));
    render(&mut engine, 1000);
    engine
}

/// The factor for the ramp's recording alone on its way to the left ear.
const MIDDLE: f32 = std::f32::consts::FRAC_1_SQRT_2;

#[test]
fn a_loop_that_is_changed_while_playing_never_sounds_outside() {
    const FRAMES: usize = 480_000;
    const BUFFER: usize = 512;
    let mut engine = ramp(FRAMES);
    order(&mut engine, EngineOrder::Play(1));
    let mut random = 12_345_u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let place = |sample: f32| sample / MIDDLE * 2.0 * FRAMES as f32;
    for serial in 2..22 {
        let start = next(400_000);
        let end = start + 2_400 + next(20_000);
        order(&mut engine, EngineOrder::Loop(Some((start, end)), serial));
        // One buffer in which the old position fades out; from then on only the loop.
        render(&mut engine, BUFFER);
        let mut longest = 0.0_f32;
        for _ in 0..40 {
            for sample in channel(&render(&mut engine, BUFFER), 0) {
                longest = longest.max(place(sample));
                assert!(place(sample) < end as f32 + 8.0, "loop {start}..{end} sounds at {}", place(sample));
            }
            let at = engine.clock().position();
            assert!((start..=end).contains(&at), "loop {start}..{end} is at {at}");
        }
        assert!(longest > start as f32, "the loop {start}..{end} is heard");
    }
}

#[test]
fn a_loop_lasts_exactly_as_long_as_it_should_and_off_is_off_at_once() {
    let mut engine = ramp(480_000);
    order(&mut engine, EngineOrder::Play(1));
    order(&mut engine, EngineOrder::Loop(Some((100_000, 110_000)), 2));
    render(&mut engine, 10_000);
    let first = engine.clock().position();
    render(&mut engine, 10_000);
    assert_eq!(engine.clock().position(), first);
    order(&mut engine, EngineOrder::Loop(None, 3));
    render(&mut engine, 20_000);
    assert_eq!(engine.clock().position(), first + 20_000);
    // Editing an edge with the playhead inside does not rewind.
    order(&mut engine, EngineOrder::Loop(Some((first + 15_000, first + 60_000)), 4));
    render(&mut engine, 100);
    assert_eq!(engine.clock().position(), first + 20_100);
}

#[test]
fn a_loop_may_end_after_the_sources_and_is_never_too_short() {
    let mut engine = ramp(48_000);
    let clock = engine.clock();
    order(&mut engine, EngineOrder::Loop(Some((40_000, 60_000)), 1));
    order(&mut engine, EngineOrder::Seek(40_000, 2));
    order(&mut engine, EngineOrder::Play(3));
    let out = render(&mut engine, 19_000);
    assert!(clock.playing());
    assert_eq!(clock.position(), 59_000);
    assert!(channel(&out, 0)[8_000..].iter().all(|&s| s == 0.0));
    render(&mut engine, 1_500);
    assert_eq!(clock.position(), 40_500);
    // 10 samples become 50 ms.
    order(&mut engine, EngineOrder::Loop(Some((1_000, 1_010)), 4));
    let positions: Vec<u64> = (0..200)
        .map(|_| {
            render(&mut engine, 100);
            clock.position()
        })
        .collect();
    assert!(positions[10..].iter().all(|at| (1_000..=3_400).contains(at)));
    assert!(positions.iter().any(|&at| at > 3_300));
}

#[test]
fn the_playhead_of_a_late_device_stays_in_the_loop() {
    let mut engine = ramp(480_000);
    let clock = engine.clock();
    clock.set_latency(4_000);
    order(&mut engine, EngineOrder::Loop(Some((100_000, 103_000)), 1));
    order(&mut engine, EngineOrder::Play(2));
    render(&mut engine, 1_000);
    // Nothing of the loop has been heard yet: the playhead waits at its start.
    assert_eq!(clock.heard(), 100_000);
    for _ in 0..50 {
        render(&mut engine, 700);
        assert!((100_000..103_000).contains(&clock.heard()));
    }
    assert_eq!((clock.position() + 3_000 - 100_000 - 4_000 % 3_000) % 3_000 + 100_000, clock.heard());
}

#[test]
fn a_nudge_moves_the_midi_by_exact_samples() {
    let mut pulse = vec![0.0; 48_000];
    pulse[20_000] = 0.5;
    let heard = |offset: i64| {
        let source = || Some(Source::samples(pulse.clone().into()));
        let mut engine = playing(source(), source(), 1.0);
        order(&mut engine, EngineOrder::Play(1));
        render(&mut engine, 3_000);
        order(&mut engine, EngineOrder::Offset(offset));
        let out = render(&mut engine, 30_000);
        let at = |side| channel(&out, side).iter().position(|s| s.abs() > 0.1).expect("a pulse") as i64;
        at(0) - at(1)
    };
    for offset in [0, 48, -48, 480, -4_800, 1] {
        assert_eq!(heard(offset), offset);
    }
}

#[test]
fn another_programme_begins_once_its_sound_is_made() {
    use super::super::stretch::{Pace, Stretch};
    let mut playing = engine(200.0, 250.0, 4.0);
    let clock = playing.clock();
    order(&mut playing, EngineOrder::Play(1));
    render(&mut playing, 10_000);
    let pace = Pace { map: None, speed: 1.0, sample_rate: RATE };
    let work = Stretch::new(samples(300.0, 4.0).into(), pace, 4 * RATE as usize, 0);
    let next = Programme::plain(None, Some(Source::ahead(work.output())), 4.0, RATE);
    order(&mut playing, EngineOrder::Load(Box::new(next)));
    let out = render(&mut playing, 10_000);
    assert!(playing.take_retired().is_none() && clock.position() == 20_000);
    assert!(rms(&channel(&out, 0)[9_000..]) > 0.05);
    work.run(&crate::job::Progress::silent()).expect("made");
    let out = render(&mut playing, 10_000);
    assert!(playing.take_retired().is_some() && clock.position() == 30_000);
    assert!(rms(&channel(&out, 0)[1_000..]) < 1e-6 && rms(&channel(&out, 1)[1_000..]) > 0.05);
    // Playback waits for a position that is not made yet, and reports that it waits.
    let work = Stretch::new(samples(300.0, 4.0).into(), Pace { map: None, speed: 1.0, sample_rate: RATE }, 192_000, 0);
    let mut waiting = playing_one(Source::ahead(work.output()));
    order(&mut waiting, EngineOrder::Play(1));
    render(&mut waiting, 5_000);
    assert!(waiting.clock().waiting() && waiting.clock().position() == 0);
    work.run(&crate::job::Progress::silent()).expect("made");
    render(&mut waiting, 5_000);
    assert!(!waiting.clock().waiting() && waiting.clock().position() == 5_000);
}

/// An engine that holds a recording of 4 s, stopped.
fn playing_one(recording: Source) -> Engine {
    let mut engine = playing(None, Some(recording), 4.0);
    render(&mut engine, 100);
    engine
}
