//! MIDI files moved onto the clock of a recording.

use super::{file, quarter, tempo, track, variable};
use antiphon::alignment::retime::retime;
use antiphon::alignment::warp::TimeMap;
use antiphon::audio::AudioTime;
use antiphon::midi::{Midi, MidiTime, Note};
use proptest::prelude::*;

const MILLISECOND: f64 = 0.001;

fn map(knots: impl IntoIterator<Item = (f64, f64)>) -> TimeMap {
    TimeMap::new(knots.into_iter().map(|(m, a)| (MidiTime(m), AudioTime(a)))).expect("increasing")
}

fn whole(midi: &Midi) -> (MidiTime, MidiTime) {
    (MidiTime(0.0), MidiTime(midi.end().0 + 1.0))
}

/// Bars of 4/4 at 120, a note per quarter; 96 ticks per quarter.
fn march(bars: u32) -> Midi {
    let mut contents = [variable(0), vec![0xFF, 0x58, 4, 4, 2, 24, 8], variable(0), vec![0xC0, 7]].concat();
    for i in 0..bars * 4 {
        let key = 48 + (i % 24) as u8;
        contents.extend(
            [variable(0), vec![0x90, key, 64], variable(90), vec![0x80, key, 0], variable(6), vec![0xB0, 1, 1]]
                .concat(),
        );
    }
    contents.extend([0, 0xFF, 0x2F, 0]);
    Midi::parse(&file(0, quarter(96), &[contents])).expect("a MIDI file")
}

fn assert_on_the_clock(retimed: &[Note], kept: &[&Note], map: &TimeMap) {
    assert_eq!(retimed.len(), kept.len());
    for (new, old) in retimed.iter().zip(kept) {
        assert_eq!(
            (new.pitch, new.velocity, new.channel, new.track),
            (old.pitch, old.velocity, old.channel, old.track)
        );
        assert_eq!(new.program, old.program);
        for (new, old) in [(new.start, old.start), (new.end, old.end)] {
            let wanted = map.to_audio(old).0;
            assert!((new.0 - wanted).abs() <= MILLISECOND, "{} s is not {wanted} s", new.0);
        }
    }
}

#[test]
fn a_late_recording_gets_whole_bars_before_it() {
    let midi = march(4);
    let map = map([(0.0, 4.3), (8.0, 12.3)]);
    let retimed = retime(&midi, &map, whole(&midi)).expect("aligned");
    assert_on_the_clock(retimed.notes(), &midi.notes().iter().collect::<Vec<_>>(), &map);
    assert_eq!(retimed.notes()[0].start_tick, 2 * 384);
    assert_eq!(retimed.bar_and_beat(retimed.notes()[0].start).0, 3);
    assert_eq!(retimed.time_signatures().len(), 1);
    assert_eq!(retimed.tempos().len(), 2);
}

#[test]
fn a_start_too_short_for_half_a_bar_becomes_a_pickup() {
    let midi = march(4);
    let map = map([(0.0, 0.5), (8.0, 8.5)]);
    let retimed = retime(&midi, &map, whole(&midi)).expect("aligned");
    assert_on_the_clock(retimed.notes(), &midi.notes().iter().collect::<Vec<_>>(), &map);
    let ticks: Vec<u64> = retimed.time_signatures().iter().map(|s| s.tick).collect();
    assert_eq!(ticks, [0, 96]);
    assert_eq!(retimed.bar_and_beat(retimed.notes()[0].start), (2, 1.0));
}

#[test]
fn what_was_before_the_recording_goes_and_its_programs_stay() {
    let midi = march(4);
    // The recording begins in the middle of the third bar.
    let map = map([(0.0, -5.0), (8.0, 3.0)]);
    let retimed = retime(&midi, &map, whole(&midi)).expect("aligned");
    let kept: Vec<_> = midi.notes().iter().filter(|note| note.start.0 >= 5.0).collect();
    assert_on_the_clock(retimed.notes(), &kept, &map);
    assert_eq!(retimed.messages()[0].command, 0xC0);
    // Half of the third bar remains, then the fourth.
    let ticks: Vec<u64> = retimed.time_signatures().iter().map(|s| s.tick).collect();
    assert_eq!(ticks, [0, 192]);
}

#[test]
fn only_the_last_of_what_was_in_force_is_sent_again() {
    let (on, off): (&[u8], &[u8]) = (&[0x90, 60, 64], &[0x80, 60, 0]);
    let first = track(&[
        (0, b"\xFF\x03\x01a"),
        (0, &[0xB0, 7, 1]),
        (48, &[0xB0, 7, 2]),
        (0, &[0xE0, 0, 0x50]),
        (0, on),
        (48, off),
        (96, on),
        (96, off),
    ]);
    let second = track(&[(24, &[0xC0, 9]), (0, &[0xB0, 7, 3]), (40, &[0xC0, 10]), (0, b"\xF0\x02\x01\xF7")]);
    let midi = Midi::parse(&file(1, quarter(96), &[first, second])).expect("a MIDI file");
    let retimed = retime(&midi, &TimeMap::identity(), (MidiTime(0.75), MidiTime(2.0))).expect("aligned");
    let told: Vec<_> = retimed.messages().iter().map(|m| (m.command, m.data1, m.data2)).collect();
    assert_eq!(told, [(0xB0, 7, 2), (0xE0, 0, 0x50), (0xC0, 10, 0), (0x90, 60, 64), (0x80, 60, 0)]);
    assert_eq!(retimed.track_names()[0], "a");
    assert_eq!(retimed.notes()[0].program, 10);
}

#[test]
fn music_that_only_the_recording_has_becomes_empty_bars() {
    let midi = march(4);
    let map = map([(0.0, 0.0), (4.0, 4.0), (4.001, 64.0), (8.0, 68.0)]);
    let retimed = retime(&midi, &map, whole(&midi)).expect("aligned");
    assert_on_the_clock(retimed.notes(), &midi.notes().iter().collect::<Vec<_>>(), &map);
    let later = retimed.notes().last().expect("notes");
    assert_eq!(later.start_tick % 384, 3 * 96, "bar lines stay");
}

#[test]
fn what_the_recording_skips_goes() {
    let midi = march(8);
    let map = map([(0.0, 0.0), (4.0, 4.0), (8.0, 4.001), (16.0, 12.001)]);
    let retimed = retime(&midi, &map, whole(&midi)).expect("aligned");
    let kept: Vec<_> = midi.notes().iter().filter(|note| note.end.0 <= 4.0 || note.start.0 >= 8.0).collect();
    assert_on_the_clock(retimed.notes(), &kept, &map);
}

#[test]
fn a_smooth_rubato_needs_tens_of_tempos() {
    // 240 s in steps of 46 ms, a tempo swing of ±10 % every 4 minutes.
    let midi = march(120);
    let swing = 240.0 / std::f64::consts::TAU;
    let knots = (0..5200).map(|i| f64::from(i) * 0.0464).map(|t| (t, t + 0.1 * swing * (t / swing).sin()));
    let map = map(knots);
    let retimed = retime(&midi, &map, whole(&midi)).expect("aligned");
    assert_on_the_clock(retimed.notes(), &midi.notes().iter().collect::<Vec<_>>(), &map);
    // A straight line of h seconds may deviate from this curve by 1 ms on both sides: h = 4 √(0.001 s ÷ curvature),
    // 2.5 s where it is steepest; no map could have fewer than about 74.
    assert!(retimed.tempos().len() <= 80, "{}", retimed.tempos().len());
}

#[test]
fn spans_without_notes_or_numbers_are_refused() {
    let midi = march(1);
    let identity = TimeMap::identity();
    let refused = |from, to| retime(&midi, &identity, (MidiTime(from), MidiTime(to))).expect_err("refused").to_string();
    assert!(refused(0.0, 0.2).contains("no note lies wholly inside"));
    assert!(refused(3.0, 1.0).contains("has no length"));
    assert!(refused(f64::NAN, 1.0).contains("span of MIDI time"));
    let far = map([(0.0, 0.0), (1.0, 1e6)]);
    assert!(retime(&midi, &far, whole(&midi)).expect_err("too long").to_string().contains("0..=100 h"));
    assert!(retime(&midi, &identity, (MidiTime(f64::NEG_INFINITY), MidiTime(f64::INFINITY))).is_ok());
}

/// Notes on two tracks with tempo changes and any division, at most a few minutes long.
fn pieces() -> impl Strategy<Value = Midi> {
    let note = (0u32..300, 1u32..300, 60u8..66, 0u8..2);
    let notes = prop::collection::vec(note, 1..60);
    let tempos = prop::collection::vec((0u32..2000, 200_000u32..1_500_000), 0..6);
    (1u16..1000, notes, tempos, 2u8..8)
        .prop_map(|(ticks, notes, tempos, numerator)| {
            let mut conductor = [variable(0), vec![0xFF, 0x58, 4, numerator, 2, 24, 8]].concat();
            for (delta, micros) in tempos {
                conductor.extend([variable(delta), tempo(micros)].concat());
            }
            let mut contents = Vec::new();
            for (wait, length, key, channel) in notes {
                contents.extend(
                    [
                        variable(wait / 50),
                        vec![0x90 | channel, key, 80],
                        variable(length),
                        vec![0x80 | channel, key, 0],
                    ]
                    .concat(),
                );
            }
            Midi::parse(&file(1, quarter(ticks), &[conductor, contents])).expect("a MIDI file")
        })
        .prop_filter("minutes", |midi| midi.end().0 < 1000.0)
}

/// Knots like those of an aligner: tempo ratios between 1/4 and 4, including noise.
fn maps() -> impl Strategy<Value = TimeMap> {
    let steps = prop::collection::vec((0.02..5.0, 0.25..4.0), 2..200);
    (-3.0..3.0, -20.0..20.0, steps).prop_map(|(mut midi, mut audio, steps): (f64, f64, Vec<(f64, f64)>)| {
        let mut knots = vec![(midi, audio)];
        for (step, slope) in steps {
            (midi, audio) = (midi + step, audio + step * slope);
            knots.push((midi, audio));
        }
        map(knots)
    })
}

proptest! {
    #[test]
    fn every_note_is_on_the_clock_of_the_recording(midi in pieces(), map in maps(), from in 0.0..0.5, to in 0.5..1.1) {
        let end = midi.end().0;
        let span = (MidiTime(end * from), MidiTime(end * to));
        let inside = |note: &&Note| {
            note.start.0 >= span.0.0 - 1e-9 && note.end.0 <= span.1.0 + 1e-9 && map.to_audio(note.start).0 >= -1e-9
        };
        let kept: Vec<_> = midi.notes().iter().filter(inside).collect();
        match retime(&midi, &map, span) {
            Ok(retimed) => {
                assert_on_the_clock(retimed.notes(), &kept, &map);
                let again = Midi::parse(&retimed.to_bytes()).expect("our own file");
                prop_assert_eq!(again.notes(), retimed.notes());
                prop_assert!(again.warnings().is_empty());
                // Positions in the score are preserved: all ticks move by the same amount.
                let shifts: Vec<_> = retimed.notes().iter().zip(&kept).map(|(n, o)| n.start_tick as i64 - o.start_tick as i64).collect();
                prop_assert!(shifts.iter().all(|shift| *shift == shifts[0]));
            }
            Err(error) => prop_assert!(kept.is_empty(), "{}", error),
        }
    }
}
