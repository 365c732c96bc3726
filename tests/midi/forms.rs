//! The forms that MIDI files come in.

use super::{file, quarter, tempo, track};
use antiphon::midi::{Message, Midi, MidiTime, TempoChange, TimeSignature};

const ON: &[u8] = &[0x90, 60, 64];
const OFF: &[u8] = &[0x80, 60, 0];

fn parse(bytes: &[u8]) -> Midi {
    Midi::parse(bytes).expect("a MIDI file")
}

fn spans(midi: &Midi) -> Vec<(u64, u64)> {
    midi.notes().iter().map(|note| (note.start_tick, note.end_tick)).collect()
}

#[test]
fn tempos_and_metres_of_all_tracks_count() {
    let first = track(&[(0, &tempo(400_000)), (96, &tempo(300_000))]);
    let second = track(&[(48, &tempo(200_000)), (0, &[0xFF, 0x58, 4, 6, 3, 36, 8]), (0, ON), (96, OFF)]);
    let midi = parse(&file(1, quarter(96), &[first, second]));
    let tempos = [(0, 400_000), (48, 200_000), (96, 300_000)];
    assert_eq!(midi.tempos(), tempos.map(|(tick, micros_per_quarter)| TempoChange { tick, micros_per_quarter }));
    assert_eq!(midi.time_signatures(), [TimeSignature { tick: 48, numerator: 6, denominator: 8 }]);
    assert_eq!(midi.notes()[0].start, MidiTime(0.2));
    assert!((midi.end().0 - (0.2 + 0.1 + 0.15)).abs() < 1e-12);
}

#[test]
fn type_2_plays_its_tracks_in_turn() {
    let piece = |micros| track(&[(0, &tempo(micros)), (0, ON), (96, OFF), (96, &[0xB0, 7, 1])]);
    let plain = track(&[(0, ON), (96, OFF)]);
    let midi = parse(&file(2, quarter(96), &[piece(1_000_000), plain, piece(250_000)]));
    let starts: Vec<f64> = midi.notes().iter().map(|note| note.start.0).collect();
    assert_eq!(starts, [0.0, 2.0, 2.5]);
    assert_eq!(midi.end(), MidiTime(2.75));
    assert_eq!(parse(&midi.to_bytes()).notes(), midi.notes());
}

#[test]
fn smpte_ticks_last_what_the_division_says() {
    // Frames per second, ticks per frame, and the seconds of 3000 ticks. 29 means 29.97.
    for (frames, ticks, seconds) in [(25, 40, 3.0), (24, 100, 1.25), (30, 80, 1.25), (25, 1, 120.0), (29, 100, 1.001)] {
        let contents = track(&[(0, &tempo(123_456)), (0, ON), (3000, OFF)]);
        let midi = parse(&file(0, [(-frames_i8(frames)) as u8, ticks], &[contents]));
        assert!((midi.end().0 - seconds).abs() < 1e-12, "{frames} × {ticks}: {:?}", midi.end());
        assert_eq!(spans(&midi), [(0, 3000)]);
        let again = parse(&midi.to_bytes());
        assert_eq!(again.notes(), midi.notes());
    }
}

fn frames_i8(frames: u8) -> i8 {
    frames as i8
}

#[test]
fn running_status_goes_on_after_a_meta_event() {
    let contents = track(&[(0, ON), (96, &[60, 0]), (0, &[0xFF, 1, 1, b'x']), (0, &[62, 64]), (96, &[62, 0])]);
    assert_eq!(spans(&parse(&file(0, quarter(96), &[contents]))), [(0, 96), (96, 192)]);
}

#[test]
fn rmid_and_bytes_before_the_header_are_unwrapped() {
    let plain = file(0, quarter(96), &[track(&[(0, ON), (96, OFF)])]);
    let length = (plain.len() as u32).to_le_bytes();
    let rmid = [b"RIFF", &length[..], b"RMIDdata", &length, &plain, b"LIST\x04\0\0\0INFO"].concat();
    assert_eq!(parse(&rmid).notes(), parse(&plain).notes());
    assert!(parse(&rmid).warnings().is_empty());
    let junk = [&[0; 128][..], &plain].concat();
    assert_eq!(parse(&junk).notes(), parse(&plain).notes());
    assert_eq!(parse(&junk).warnings(), ["128 bytes before the header were skipped"]);
}

#[test]
fn messages_keep_the_order_of_the_file_where_ticks_are_equal() {
    let first = track(&[(0, &[0xC0, 5]), (0, ON), (96, OFF), (0, &[0xB0, 121, 0])]);
    let second = track(&[(96, &[0x91, 72, 1]), (0, &[0xE1, 1, 0x41]), (96, &[0x91, 72, 0])]);
    let midi = parse(&file(1, quarter(96), &[first, second]));
    let told: Vec<_> = midi.messages().iter().map(|m| (m.channel, m.command, m.data1, m.data2)).collect();
    let expected = [
        (0, 0xC0, 5, 0),
        (0, 0x90, 60, 64),
        (0, 0x80, 60, 0),
        (0, 0xB0, 121, 0),
        (1, 0x90, 72, 1),
        (1, 0xE0, 1, 0x41),
        (1, 0x80, 72, 0),
    ];
    assert_eq!(told, expected);
    let last = Message { time: MidiTime(1.0), channel: 1, drums: false, command: 0x80, data1: 72, data2: 0 };
    assert_eq!(midi.messages()[6], last);
}

#[test]
fn the_program_is_that_of_the_channel_when_the_note_starts() {
    let notes = track(&[(0, ON), (96, OFF), (0, ON), (96, OFF)]);
    let programs = track(&[(0, &[0xB0, 0, 1]), (0, &[0xC0, 30]), (96, &[0xC0, 31])]);
    let midi = parse(&file(1, quarter(96), &[programs, notes]));
    let found: Vec<u8> = midi.notes().iter().map(|note| note.program).collect();
    assert_eq!(found, [30, 31]);
    assert_eq!(midi.messages()[0].command, 0xB0, "the bank stays before its program");
}

#[test]
fn texts_and_system_messages_are_written_again() {
    let title = b"\xFF\x03\x05Titel";
    let copyright = b"\xFF\x02\x07(c) me\xE9";
    let events: [(u32, &[u8]); 5] =
        [(0, title), (0, copyright), (3, b"\xF0\x05\x7E\x7F\x09\x01\xF7"), (0, ON), (96, OFF)];
    let bytes = file(0, quarter(96), &[track(&events)]);
    let midi = parse(&bytes);
    assert_eq!(midi.to_bytes(), bytes);
    assert_eq!(midi.track_names(), ["Titel"]);
}

#[test]
fn notes_that_never_end_end_with_their_track() {
    let midi = parse(&file(0, quarter(96), &[track(&[(0, ON), (0, &[0x90, 64, 1]), (96, OFF), (96, &[0xB0, 7, 1])])]));
    assert_eq!(spans(&midi), [(0, 96), (0, 192)]);
    assert_eq!(midi.warnings(), ["track 1: 1 notes never end; they were ended with the track"]);
    assert!(parse(&midi.to_bytes()).warnings().is_empty());
}

#[test]
fn transposition_spares_drums_and_stays_in_range() {
    let contents = track(&[
        (0, ON),
        (0, &[0x99, 36, 1]),
        (0, &[0x90, 120, 1]),
        (0, &[0xA0, 60, 9]),
        (96, OFF),
        (0, &[0x89, 36, 0]),
        (0, &[0x80, 120, 0]),
    ]);
    let midi = parse(&file(0, quarter(96), &[contents]));
    let pitches = |semitones| midi.transposed(semitones).notes().iter().map(|note| note.pitch).collect::<Vec<_>>();
    assert_eq!(pitches(11), [36, 71, 119]);
    assert_eq!(pitches(-61), [11, 36, 59]);
    assert_eq!(midi.transposed(i32::MAX).notes().len(), 3);
    let up = midi.transposed(2);
    assert_eq!(parse(&up.to_bytes()).notes(), up.notes());
    assert_eq!(parse(&up.to_bytes()).messages(), up.messages());
}

#[test]
fn bar_and_beat_follow_the_signatures() {
    // A quarter of pickup, then 3/4.
    let metre = track(&[(0, &[0xFF, 0x58, 4, 1, 2, 24, 8]), (96, &[0xFF, 0x58, 4, 3, 2, 24, 8]), (0, ON), (2000, OFF)]);
    let midi = parse(&file(0, quarter(96), &[metre]));
    assert_eq!(midi.bar_and_beat(MidiTime(-3.0)), (1, 1.0));
    assert_eq!(midi.bar_and_beat(MidiTime(0.25)), (1, 1.5));
    assert_eq!(midi.bar_and_beat(MidiTime(0.5)), (2, 1.0));
    assert_eq!(midi.bar_and_beat(MidiTime(2.5)), (3, 2.0));
}
