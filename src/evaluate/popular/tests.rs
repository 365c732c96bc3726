use super::structure::bar_lines;
use super::*;
use std::collections::BTreeMap;

/// `bars` bars of four quarters at 120 a minute on three channels: a melody, chords, drums. 96 ticks a quarter.
fn song(bars: usize) -> Midi {
    let mut events: Vec<(usize, [u8; 3])> = Vec::new();
    let mut note = |channel: u8, start: usize, ticks: usize, key: u8| {
        events.push((start, [0x90 + channel, key, 80]));
        events.push((start + ticks, [0x80 + channel, key, 0]));
    };
    for bar in 0..bars {
        for quarter in 0..4 {
            let at = 96 * (4 * bar + quarter);
            note(0, at, 90, 60 + ((bar * 7 + quarter * 5) % 13) as u8);
            note(9, at, 48, if quarter % 2 == 0 { 36 } else { 38 });
        }
        for key in [40, 44, 47] {
            note(1, 96 * 4 * bar, 380, key + (bar * 5 % 12) as u8);
        }
    }
    events.sort_unstable();
    let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\0".to_vec();
    let mut now = 0;
    for (tick, message) in events {
        let delta = tick - now;
        assert!(delta < 128);
        bytes.push(delta as u8);
        bytes.extend(message);
        now = tick;
    }
    bytes.extend([0, 0xFF, 0x2F, 0]);
    let size = (bytes.len() - 22) as u32;
    bytes[18..22].copy_from_slice(&size.to_be_bytes());
    Midi::parse(&bytes).unwrap()
}

fn random(seed: u64) -> Pcg64 {
    Pcg64::seed_from_u64(seed)
}

#[test]
fn bar_lines_are_two_seconds_apart() {
    let lines = bar_lines(&song(60));
    assert_eq!(lines.len(), 61);
    assert!(lines.windows(2).take(59).all(|pair| (pair[1] - pair[0] - 2.0).abs() < 1e-9));
}

#[test]
fn edits_are_drawn_by_the_seed_and_as_long_as_they_should_be() {
    let (midi, other) = (song(60), song(50));
    let is_line = |seconds: f64| (seconds / 2.0 - (seconds / 2.0).round()).abs() < 1e-6;
    let mut off = 0;
    for seed in 0..60 {
        for edit in Edit::ALL {
            let make = || Structure::draw(edit, &midi, Some(&other), &mut random(seed)).unwrap();
            let drawn = make();
            assert_eq!(drawn, make());
            let seconds: f64 = drawn.pieces.iter().map(structure::Piece::seconds).sum();
            let bars = seconds / 2.0;
            match edit {
                Edit::Cut => {
                    off += usize::from(drawn.off_bars);
                    assert!((35.0..=53.0).contains(&bars), "{bars}");
                    assert_eq!(is_line(drawn.pieces[0].to_s), !drawn.off_bars);
                }
                Edit::Repeat => assert!((67.0..=85.0).contains(&bars) && is_line(drawn.pieces[1].from_s)),
                Edit::Intro => assert!((67.0..=77.0).contains(&bars) && drawn.pieces[0].foreign),
                Edit::Fade => assert!(drawn.fade_s >= 4.0 && (32.0..52.0).contains(&bars)),
                Edit::Part => assert!((23.0..=49.0).contains(&bars) && is_line(drawn.pieces[0].from_s)),
                Edit::Control => {}
            }
        }
    }
    assert!((8..35).contains(&off), "{off} of 60 cuts are off the bar lines");
    assert!(Structure::draw(Edit::Cut, &song(15), None, &mut random(0)).is_err());
    assert!(Structure::draw(Edit::Intro, &midi, None, &mut random(0)).is_err());
}

/// Onsets of the sound are where the truth says that the notes are: the loudest rise of a frame of 10 ms.
#[test]
fn notes_sound_where_the_truth_says() {
    let (midi, other) = (song(50), song(48));
    let font = SoundFont::bundled().unwrap();
    for (seed, edit) in [(1, Edit::Control), (2, Edit::Cut), (3, Edit::Repeat), (4, Edit::Intro)] {
        let mut random = random(seed);
        let mut made = Made::new(edit, &midi, Some(&other), &mut random).unwrap();
        (made.manner.room, made.manner.lead, made.manner.drums) = (false, Lead::AsWritten, Drums::Louder);
        let wave = made.sound(&midi, Some(&other), &font, None, &mut random, &Progress::silent()).unwrap();
        assert!((wave.seconds() - made.truth.seconds).abs() < 0.01);
        let frames: Vec<f32> =
            wave.samples.chunks(220).map(|frame| frame.iter().map(|x| x * x).sum::<f32>().sqrt()).collect();
        let at = |seconds: f64| (seconds * f64::from(ANALYSIS_RATE) / 220.0).round() as usize;
        let (mut near, mut all) = (0, 0);
        for (number, span) in made.truth.spans.iter().enumerate() {
            for beat in
                (0..).map(|i| 0.5 * f64::from(i)).skip_while(|b| *b < span.from_s).take_while(|b| *b < span.to_s)
            {
                let place = at(made.truth.audio_of(number, beat));
                let mean = |from: usize, to: usize| {
                    let frames = &frames[from.min(frames.len())..to.min(frames.len())];
                    frames.iter().sum::<f32>() / frames.len().max(1) as f32
                };
                all += 1;
                near +=
                    usize::from(mean(place, place + 5) > 1.1 * mean(place.saturating_sub(6), place.saturating_sub(1)));
            }
        }
        assert!(all > 40 && near * 10 >= all * 8, "{edit:?}: {near} of {all} beats rise");
    }
}

#[test]
fn only_files_of_the_right_size_are_usable() {
    assert!(is_usable(&song(60)));
    assert!(!is_usable(&song(40)), "80 s");
    assert!(!is_usable(&song(200)), "400 s");
}

#[test]
fn a_summary_tells_controls_and_edits_apart() {
    let work = |edit: Edit, lost: bool| PopularErrors {
        name: "x".into(),
        preset: Preset::Gen2,
        edit,
        off_bars: false,
        manner: Manner { cents: -12.0, tempo: (!lost).then_some(1.02), ..Manner::draw(&mut random(0)) },
        mp3: false,
        tuning: 0.0,
        seconds: WorkMeasures {
            known_s: 100.0,
            within_50_ms: 0.5,
            within_100_ms: 0.9,
            beyond_2_s: 0.0,
            lost,
            alike: 1.0,
            warned: Warned::default(),
            warned_of_others: Warned::default(),
        },
        confidence: 0.7,
        transpose: 0,
        jumps: Jumps { true_ones: 1, found: 0, reported: 0 },
    };
    let works = [work(Edit::Control, false), work(Edit::Control, true), work(Edit::Cut, true), work(Edit::Part, false)];
    let summaries = PopularSummary::all(&works, Preset::Gen2);
    let counts: BTreeMap<&str, (usize, usize)> = summaries.iter().map(|s| (&s.kind[..], (s.works, s.lost))).collect();
    let wanted = [
        ("control", (2, 1)),
        ("drifting", (1, 0)),
        ("edited", (2, 1)),
        ("cut", (1, 1)),
        ("part", (1, 0)),
        ("10 to 30 cents", (4, 2)),
    ];
    assert_eq!(counts, wanted.into_iter().collect());
    assert!(summaries.iter().all(|s| s.lost_alike == s.lost));
    assert!(PopularSummary::all(&works, Preset::Gen1).is_empty());
}

#[test]
fn the_tuning_of_a_rendering_is_measured_and_drums_have_none() {
    let (midi, font) = (song(50), SoundFont::bundled().unwrap());
    for (seed, cents) in [(1, -40.0), (2, -33.0), (3, -22.0), (4, 0.0), (5, 21.0), (6, 38.0)] {
        let mut random = random(seed);
        let mut made = Made::new(Edit::Control, &midi, None, &mut random).unwrap();
        (made.manner.cents, made.manner.semitones) = (cents, 0);
        let wave = made.sound(&midi, None, &font, None, &mut random, &Progress::silent()).unwrap();
        let found = crate::features::tuning(&wave);
        assert!((found - cents).abs() < 6.0, "{cents}: {found}, {:?}", made.manner);
    }
    let beats = midi.messages().iter().filter(|m| m.channel == 9);
    let events = beats.map(|m| (m.time.0, m.channel, m.command, m.data1, m.data2));
    let score = synth::Score::from_messages(events);
    let wave = synth::render_mono(&score, &font, ANALYSIS_RATE, &Progress::silent()).unwrap();
    assert!(crate::features::tuning(&wave).abs() < 1e-9);
}
