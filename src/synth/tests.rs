use super::*;
use proptest::prelude::*;

const ON: u8 = 0x90;
const OFF: u8 = 0x80;

fn score(messages: &[(f64, u8, u8, u8, u8)]) -> Score {
    Score::from_messages(messages.iter().copied())
}

fn font() -> SoundFont {
    SoundFont::bundled().unwrap()
}

fn voice(score: Score, rate: u32) -> Voice {
    Voice::new(&font(), rate, Arc::new(score)).unwrap()
}

fn play(voice: &mut Voice, samples: usize, speed: f64) -> Vec<f32> {
    let (mut left, mut right) = (vec![0.0; samples], vec![0.0; samples]);
    voice.render(&mut left, &mut right, speed);
    left
}

fn loudness(samples: &[f32]) -> f32 {
    (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).sqrt()
}

/// First sample that is not silence. A woodblock starts at once; its first samples are small.
fn onset(samples: &[f32]) -> usize {
    samples.iter().position(|x| x.abs() > 1e-4).expect("a note sounds")
}

/// Frequency of the strongest periodicity from 60 to 1000 Hz, by autocorrelation with parabolic interpolation.
fn pitch_hz(samples: &[f32], rate: u32) -> f64 {
    let correlation = |lag: usize| -> f64 {
        samples.iter().zip(&samples[lag..]).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
            / (samples.len() - lag) as f64
    };
    let lags = rate as usize / 1000..rate as usize / 60;
    let values: Vec<f64> = lags.clone().map(correlation).collect();
    let highest = values.iter().copied().fold(f64::MIN, f64::max);
    // The first peak close to the highest: later ones are multiples of the period.
    let at = (1..values.len() - 1)
        .find(|&i| values[i] > 0.9 * highest && values[i] >= values[i - 1] && values[i] >= values[i + 1])
        .unwrap();
    let (a, b, c) = (values[at - 1], values[at], values[at + 1]);
    let lag = (lags.start + at) as f64 + 0.5 * (a - c) / (a - 2.0 * b + c);
    f64::from(rate) / lag
}

fn cents(a: f64, b: f64) -> f64 {
    1200.0 * (a / b).log2()
}

#[test]
fn a_note_sounds_at_its_time_at_every_rate_and_speed() {
    // The sample's own silence before its attack, measured once: a note at 0.
    for rate in [16_000, 22_050, 44_100, 48_000, 96_000] {
        let own = onset(&play(&mut voice(score(&[(0.0, 9, ON, 76, 127)]), rate), rate as usize / 10, 1.0)) as f64;
        for speed in [0.25, 0.5, 0.77, 1.0, 1.9, 4.0] {
            for seconds in [0.1, 0.123_456, 0.333_3] {
                let mut voice = voice(score(&[(seconds, 9, ON, 76, 127)]), rate);
                let heard = onset(&play(&mut voice, (1.5 * f64::from(rate)) as usize, speed)) as f64 - own;
                let late_ms = 1000.0 * (heard / f64::from(rate) - seconds / speed);
                assert!(late_ms.abs() < 1.0, "{late_ms} ms at {rate} Hz, speed {speed}");
            }
        }
    }
}

#[test]
fn an_analysed_note_sounds_within_a_millisecond() {
    let at = |s: f64| {
        render_mono(&score(&[(s, 9, ON, 76, 127), (2.0, 9, OFF, 76, 0)]), &font(), 22_050, &Progress::silent())
    };
    let own = onset(&at(0.0).unwrap().samples) as f64;
    for seconds in [0.25, 0.271_828, 1.001] {
        let heard = (onset(&at(seconds).unwrap().samples) as f64 - own) / 22_050.0;
        assert!((heard - seconds).abs() < 0.001, "{heard} for {seconds}");
    }
}

#[test]
fn speed_can_change_between_any_two_samples() {
    // 0.1 s of score at speed 1, then 0.1 s of score at speed 0.5: the note is due after 0.3 s.
    let mut voice = voice(score(&[(0.2, 9, ON, 76, 127)]), 44_100);
    let mut samples = play(&mut voice, 4410, 1.0);
    for piece in [1, 7, 100, 13_000] {
        samples.extend(play(&mut voice, piece, 0.5));
    }
    let late = onset(&samples) as f64 / 44_100.0 - 0.3;
    assert!((-0.0005..0.004).contains(&late), "{late} s");
}

#[test]
fn at_speed_zero_time_stands_still_and_notes_hold() {
    let mut voice = voice(score(&[(0.0, 0, 0xC0, 19, 0), (0.0, 0, ON, 60, 100), (1.0, 0, OFF, 60, 0)]), 22_050);
    play(&mut voice, 22_050 / 2, 1.0);
    let held = play(&mut voice, 3 * 22_050, 0.0);
    assert!(loudness(&held[2 * 22_050..]) > 0.01);
    assert!((voice.seconds() - 0.5).abs() < 1e-9);
}

#[test]
fn a_seek_into_a_note_is_silent_and_later_notes_sound() {
    let notes = [(0.0, 0, ON, 60, 100), (2.0, 0, OFF, 60, 0), (2.5, 9, ON, 76, 127), (3.0, 9, OFF, 76, 0)];
    let mut voice = voice(score(&notes), 44_100);
    play(&mut voice, 44_100, 1.0);
    voice.seek(1.5);
    let samples = play(&mut voice, 2 * 44_100, 1.0);
    assert!(loudness(&samples[..44_100 - 100]) < 1e-6);
    let heard = onset(&samples) as f64 / 44_100.0;
    assert!((heard - 1.0).abs() < 0.004, "{heard}");
}

#[test]
fn a_seek_back_plays_the_same_again() {
    let mut voice = voice(
        score(&[(0.0, 0, 0xC0, 40, 0), (0.1, 0, ON, 70, 100), (0.4, 0, ON, 74, 90), (0.9, 0, OFF, 70, 0)]),
        44_100,
    );
    let first = play(&mut voice, 44_100, 1.0);
    voice.seek(0.0);
    assert_eq!(first, play(&mut voice, 44_100, 1.0));
}

#[test]
fn a_seek_finds_program_controllers_bend_and_bend_range() {
    // The same state reached once by playing and once by seeking; both hear only the note at 2 s.
    let setup = |at: f64| {
        [
            (at, 2, 0xC0, 73, 0),
            (at, 2, 0xB0, 7, 90),
            (at, 2, 0xB0, 101, 0),
            (at, 2, 0xB0, 100, 0),
            (at, 2, 0xB0, 6, 12),
            (at, 2, 0xE0, 0, 96),
            (at, 2, 0xB0, 10, 20),
            (2.0, 2, ON, 60, 100),
            (3.0, 2, OFF, 60, 0),
        ]
    };
    let mut sought = voice(score(&setup(0.5)), 44_100);
    sought.seek(2.0);
    let mut direct = voice(score(&setup(2.0)), 44_100);
    direct.seek(2.0);
    let heard = play(&mut sought, 44_100, 1.0);
    assert_eq!(heard, play(&mut direct, 44_100, 1.0));
    // Half of the bend range of 12 up from middle C.
    let hz = pitch_hz(&heard[20_000..40_000], 44_100);
    assert!(cents(hz, 261.626 * 2_f64.sqrt()).abs() < 20.0, "{hz}");
}

#[test]
fn an_octave_up_is_twice_the_frequency() {
    for (program, key) in [(73, 69), (0, 57), (48, 60)] {
        let hz = |key| {
            let note = [(0.0, 0, 0xC0, program, 0), (0.0, 0, ON, key, 100), (2.0, 0, OFF, key, 0)];
            let sound = render_mono(&score(&note), &font(), 22_050, &Progress::silent()).unwrap();
            pitch_hz(&sound.samples[6000..26_000], 22_050)
        };
        let (low, high) = (hz(key), hz(key + 12));
        assert!(cents(low, 440.0 * 2_f64.powf((f64::from(key) - 69.0) / 12.0)).abs() < 25.0, "{program}: {low}");
        assert!(cents(high, 2.0 * low).abs() < 25.0, "{program}: {low} {high}");
    }
}

#[test]
fn all_notes_off_ends_in_silence() {
    let notes = [(0.0, 0, 0xC0, 19, 0), (0.0, 0, ON, 60, 100), (0.0, 0, ON, 64, 100), (1.0, 0, 0xB0, 123, 0)];
    let samples = play(&mut voice(score(&notes), 44_100), 8 * 44_100, 1.0);
    assert!(loudness(&samples[22_050..44_100]) > 0.01);
    assert!(loudness(&samples[7 * 44_100..]) < 1e-5);
}

#[test]
fn more_notes_than_voices_is_fine() {
    let mut notes = Vec::new();
    for channel in 0..16 {
        for key in 0..128 {
            notes.push((f64::from(key) * 1e-3, channel, ON, key, 127));
        }
    }
    let samples = play(&mut voice(score(&notes), 22_050), 22_050, 1.0);
    assert!(samples.iter().all(|x| x.is_finite()) && loudness(&samples) > 0.01);
}

#[test]
fn a_live_voice_sounds_like_the_offline_render() {
    let mut notes = vec![(0.0, 0, 0xC0, 0, 0), (0.0, 1, 0xC0, 48, 0)];
    for i in 0..24_u8 {
        let at = f64::from(i) * 0.117;
        notes.extend([(at, 0, ON, 48 + i, 90), (at + 0.3, 0, OFF, 48 + i, 0), (at, 9, ON, 35 + i, 80)]);
    }
    notes.extend([(0.2, 1, ON, 55, 80), (2.5, 1, OFF, 55, 0), (3.0, 0, OFF, 0, 0)]);
    let score = score(&notes);
    let offline = render_stereo(&score, &font(), 44_100, &Progress::silent()).unwrap();
    let mut live = voice(score, 44_100);
    let mut samples = Vec::new();
    for piece in [1, 511, 64, 480, 1000, 3].into_iter().cycle() {
        if samples.len() + piece > offline.left.len() {
            break;
        }
        samples.extend(play(&mut live, piece, 1.0));
    }
    let difference: Vec<f32> = samples.iter().zip(&offline.left).map(|(a, b)| a - b).collect();
    assert!(samples.len() > 3 * 44_100);
    assert!(loudness(&difference) < 1e-3 * loudness(&samples), "{}", loudness(&difference));
}

#[test]
fn a_midi_file_sounds_by_its_tempo_map() {
    // 96 ticks a quarter; 0.5 s a quarter, from tick 96 on 1 s. A woodblock at tick 144: 0.5 + 0.5 s.
    let track: &[u8] = b"\x60\xff\x51\x03\x0f\x42\x40\x30\x99\x4c\x7f\x60\x89\x4c\x00\x00\xff\x2f\x00";
    let header = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk";
    let file = [header.as_slice(), &(track.len() as u32).to_be_bytes(), track].concat();
    let sound = render(&Midi::parse(&file).unwrap(), &font(), 22_050, &Progress::silent()).unwrap();
    assert!((sound.seconds() - 2.0).abs() < 0.001, "{}", sound.seconds());
    let heard = onset(&sound.samples) as f64 / 22_050.0;
    assert!((0.999..1.005).contains(&heard), "{heard}");
}

#[test]
fn rendering_is_deterministic_and_as_long_as_the_score() {
    let score = score(&[(0.0, 0, ON, 60, 100), (0.5, 3, ON, 40, 70), (1.25, 0, OFF, 60, 0), (1.3, 3, OFF, 40, 0)]);
    let once = || render_mono(&score, &font(), 22_050, &Progress::silent()).unwrap();
    assert_eq!(once(), once());
    assert_eq!(once().samples.len(), (1.3_f64 * 22_050.0).ceil() as usize);
}

#[test]
fn pan_does_not_change_what_is_analysed() {
    let panned = |pan| {
        let notes = [(0.0, 0, 0xB0, 10, pan), (0.0, 0, ON, 60, 100), (0.5, 0, OFF, 60, 0)];
        render_mono(&score(&notes), &font(), 22_050, &Progress::silent()).unwrap()
    };
    assert_eq!(panned(0), panned(127));
}

#[test]
fn a_drum_bank_select_keeps_the_kit() {
    let hit = |bank: Option<u8>| {
        let bank = bank.map(|b| (0.0, 9, 0xB0, 0, b));
        let rest = [(0.0, 9, 0xC0, 25, 0), (0.0, 9, ON, 36, 120), (0.5, 9, OFF, 36, 0)];
        let score = Score::from_messages(bank.into_iter().chain(rest));
        render_mono(&score, &font(), 22_050, &Progress::silent()).unwrap()
    };
    assert_eq!(hit(Some(127)), hit(None));
    assert_ne!(hit(None), {
        let standard = [(0.0, 9, ON, 36, 120), (0.5, 9, OFF, 36, 0)];
        render_mono(&score(&standard), &font(), 22_050, &Progress::silent()).unwrap()
    });
}

#[test]
fn ten_hours_and_odd_rates_are_refused_with_the_limit() {
    let long = score(&[(0.0, 0, ON, 60, 100), (36_000.0, 0, OFF, 60, 0)]);
    let refusal = |r: Result<Waveform>| r.unwrap_err().to_string();
    let error = refusal(render_mono(&long, &font(), 22_050, &Progress::silent()));
    assert_eq!(error, "score length 36000 s is outside 0..=10800 s that can be rendered");
    let short = score(&[(0.0, 0, ON, 60, 100)]);
    for rate in [0, 11_025, 200_000, u32::MAX] {
        let error = refusal(render_mono(&short, &font(), rate, &Progress::silent()));
        assert_eq!(error, format!("sample rate for synthesis {rate} Hz is outside 16000..=192000 Hz"));
    }
}

#[test]
fn an_empty_score_renders_to_nothing() {
    let nothing = Score::default();
    assert!(render_mono(&nothing, &font(), 22_050, &Progress::silent()).unwrap().samples.is_empty());
    let mut voice = voice(nothing, 44_100);
    voice.seek(f64::NAN);
    voice.seek(1e9);
    assert!(loudness(&play(&mut voice, 1000, f64::NAN)) < 1e-9);
}

#[test]
fn rendering_can_be_cancelled() {
    let progress = Progress::silent();
    progress.cancel();
    let score = score(&[(0.0, 0, ON, 60, 100), (9.0, 0, OFF, 60, 0)]);
    assert!(matches!(render_mono(&score, &font(), 22_050, &progress), Err(Error::Cancelled)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_message_breaks_the_voice(
        messages in prop::collection::vec((-1.0..1.0, 0..16_u8, 0x80..=0xFF_u8, 0..=255_u8, 0..=255_u8), 0..400),
        tuning in 0..128_u8,
    ) {
        // Every channel as high as bend and tuning go.
        let high = (0..16).flat_map(|c| {
            [(101, 0), (100, 0), (6, 127), (101, 0), (100, 2), (6, tuning)].map(|(n, v)| (-2.0, c, 0xB0, n, v)).into_iter()
                .chain([(-1.5, c, 0xE0, 127, 127), (0.0, c, ON, 127, 100), (0.0, c, ON, 108, 100)])
        });
        let mut voice = voice(Score::from_messages(high.chain(messages)), 22_050);
        let samples = play(&mut voice, 22_050, 1.0);
        prop_assert!(!voice.broken() && samples.iter().all(|x| x.is_finite()));
    }
}

/// A file of one track at 96 ticks a quarter: `before`, then a beat on `channel`.
fn beat(before: &[u8], channel: u8) -> Midi {
    let hits =
        (0..8).flat_map(|i| [48, 0x90 | channel, if i % 2 == 0 { 36 } else { 38 }, 100, 0, 0x80 | channel, 36, 0]);
    let track: Vec<u8> = before.iter().copied().chain(hits).chain([0, 0xFF, 0x2F, 0]).collect();
    let length = (track.len() as u32).to_be_bytes();
    Midi::parse(&[b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk", &length[..], &track].concat()).unwrap()
}

#[test]
fn kits_of_xg_and_gs_sound_like_the_drum_channel() {
    let sound = |midi: &Midi| render(midi, &font(), 22_050, &Progress::silent()).unwrap().samples;
    let usual = sound(&beat(&[0, 0xC9, 0], 9));
    assert!(loudness(&usual) > 0.01);
    assert_eq!(sound(&beat(&[0, 0xB4, 0, 127, 0, 0xC4, 0], 4)), usual);
    let rhythm_part = [0, 0xF0, 10, 0x41, 0x10, 0x42, 0x12, 0x40, 0x1A, 0x15, 2, 0, 0xF7, 0, 0xCA, 0];
    assert_eq!(sound(&beat(&rhythm_part, 10)), usual);
    // And back: bank 0 is a piano again, and so is channel 9 if the file says so.
    let piano = sound(&beat(&[0, 0xC4, 0], 4));
    assert_ne!(piano, usual);
    assert_eq!(sound(&beat(&[0, 0xB4, 0, 127, 0, 0xB4, 0, 0, 0, 0xC4, 0], 4)), piano);
    assert_eq!(sound(&beat(&[0, 0xB9, 0, 121, 0, 0xC9, 0], 9)), piano);
}

#[test]
fn a_seek_into_a_kit_plays_the_kit() {
    let score = |before: &[u8], channel| Score::new(&beat(before, channel), |time| time.0);
    let after_seek = |score: Score| {
        let mut voice = voice(score, 22_050);
        voice.seek(1.1);
        play(&mut voice, 22_050, 1.0)
    };
    let usual = after_seek(score(&[0, 0xC9, 0], 9));
    assert!(loudness(&usual) > 0.01);
    assert_eq!(after_seek(score(&[0, 0xB4, 0, 127, 0, 0xC4, 0], 4)), usual);
}
