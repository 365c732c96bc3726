//! Music that is longer than any: ten million notes, a day.

use super::{MB, peak, silent, written};
use crate::audio::wav;
use crate::midi::{file, quarter, tempo, track, variable};
use antiphon::Error;
use antiphon::audio::{Keep, decode_bytes};
use antiphon::midi::Midi;
use antiphon::pair;
use antiphon::synth::SoundFont;

/// Notes in running status, three bytes for each beginning and end: one key after another, or all on one key.
fn notes(count: usize, keys: usize, ends: bool) -> Vec<u8> {
    let mut events = vec![0, 0x90];
    for note in 0..count {
        let key = (note % keys) as u8;
        // The first delta time stands before the status.
        events.extend_from_slice(if note == 0 { &[] } else { &[0] });
        events.extend([key, 64]);
        if ends {
            events.extend([1, key, 0]);
        }
    }
    events.extend([1, 0xff, 0x2f, 0]);
    file(0, quarter(96), &[events])
}

#[test]
fn ten_million_notes_are_read_in_memory_by_the_note() {
    // As many as 64 MiB hold, in running status.
    const COUNT: usize = 10_000_000;
    let bytes = notes(COUNT, 128, true);
    let (midi, most) = peak(|| Midi::parse(&bytes).unwrap());
    assert_eq!(midi.notes().len(), COUNT);
    assert!(most < 400 * COUNT, "{} bytes a note", most / COUNT);
}

#[test]
fn notes_that_pile_up_on_a_key_are_matched_in_steps_by_the_note() {
    // Were each compared with those that sound, this would take 10^11 steps.
    const COUNT: usize = 500_000;
    for ends in [true, false] {
        let bytes = notes(COUNT, 1, ends);
        let (midi, most) = peak(|| Midi::parse(&bytes).unwrap());
        assert_eq!(midi.notes().len(), COUNT);
        assert!(most < 400 * COUNT, "{} bytes a note", most / COUNT);
    }
}

#[test]
fn a_note_a_day_later_costs_no_day() {
    let font = SoundFont::bundled().unwrap();
    // At 60 quarters a minute of a tick each, a tick is a second.
    let slow = tempo(1_000_000);
    for hours in [24_u32, 99] {
        let on = [0x90, 60, 64];
        let bytes = file(0, quarter(1), &[track(&[(0, &slow), (hours * 3600, &on), (1, &[0x80, 60, 0])])]);
        let (midi, most) = peak(|| Midi::parse(&bytes).unwrap());
        assert!((midi.notes()[0].start.0 - f64::from(hours) * 3600.0).abs() < 1e-6);
        // A beat a second takes 16 bytes while the list grows.
        assert!(most < 16 * MB, "{hours} hours: {most} bytes");
        let (beats, most) = peak(|| midi.beats().len());
        assert!(beats <= 1_000_000 && most < 16 * MB, "{beats} beats, {most} bytes");
        let (_folder, path) = written("day.mid", &bytes);
        let (refused, most) = peak(|| pair::load_midi(&path, &font, &silent()).unwrap_err());
        assert!(matches!(refused, Error::Limit { .. }) && most < 32 * MB, "{refused}, {most} bytes");
    }
    // A beat every microsecond for as long: a million of them are kept.
    let quick = tempo(1);
    let bytes = file(0, quarter(1), &[track(&[(0, &quick), ((1 << 28) - 1, &[0x90, 60, 64]), (1, &[0x80, 60, 0])])]);
    let (midi, most) = peak(|| Midi::parse(&bytes).unwrap());
    assert!(midi.beats().len() <= 1_000_000 && most < 32 * MB, "{most} bytes");
    assert_eq!(variable((1 << 28) - 1).len(), 4);
}

#[test]
fn a_header_of_a_day_costs_what_is_there() {
    // Eight bits at 8 kHz: 691 MB for a day, of which a second is there.
    let mut bytes = wav(1, 8, 1, 8000, &[128; 8000]);
    let (at, day) = (bytes.windows(4).position(|part| part == b"data").unwrap() + 4, 24 * 3600 * 8000_u32);
    bytes[at..at + 4].copy_from_slice(&day.to_le_bytes());
    bytes[4..8].copy_from_slice(&(day + 36).to_le_bytes());
    let (recording, most) = peak(|| decode_bytes(bytes, Keep::Listening, &silent()).unwrap());
    assert!((recording.mono.seconds() - 1.0).abs() < 0.01);
    assert!(recording.warning.is_some(), "a day is missing without a word");
    assert!(most < 8 * MB, "{most} bytes");
}
