//! Kinds of odd files found in the wild: each is read as it was meant, and a warning says what was done.

use super::{file, quarter, tempo, track, variable};
use antiphon::midi::{Midi, MidiTime};

/// A scale of 20 notes of 96 ticks with gaps of 20, without its end.
fn scale(channel: u8) -> Vec<u8> {
    (0..20).flat_map(|i| [20, 0x90 | channel, 50 + i, 80, 96, 0x80 | channel, 50 + i, 0]).collect()
}

const END: [u8; 4] = [0, 0xFF, 0x2F, 0];

fn ended(events: &[u8]) -> Vec<u8> {
    [events, &END].concat()
}

fn read(bytes: &[u8]) -> Midi {
    let midi = Midi::parse(bytes).expect("readable");
    strict(&midi.to_bytes());
    midi
}

fn one(events: Vec<u8>) -> Midi {
    read(&file(0, quarter(96), &[events]))
}

/// Start and end tick and pitch of every note.
fn notes(midi: &Midi) -> Vec<(u64, u64, u8)> {
    midi.notes().iter().map(|note| (note.start_tick, note.end_tick, note.pitch)).collect()
}

/// Reads a file as the strictest of other readers do (`mido`, `pretty_midi`), and stops at anything they refuse.
fn strict(bytes: &[u8]) {
    assert_eq!(&bytes[..8], b"MThd\0\0\0\x06");
    assert!(bytes[12] < 0x80 && bytes[12..14] != [0, 0]);
    let count = usize::from(bytes[10]) << 8 | usize::from(bytes[11]);
    let mut rest = &bytes[14..];
    for _ in 0..count {
        assert_eq!(&rest[..4], b"MTrk");
        let length = rest[4..8].iter().fold(0, |n, &byte| n << 8 | usize::from(byte));
        let mut chunk = &rest[8..8 + length];
        rest = &rest[8 + length..];
        let mut running = None;
        let number = |chunk: &mut &[u8]| {
            let digits = 1 + chunk.iter().position(|byte| *byte < 0x80).expect("a number");
            assert!(digits <= 4);
            let value = chunk[..digits].iter().fold(0, |n, byte| n << 7 | usize::from(byte & 0x7F));
            *chunk = &chunk[digits..];
            value
        };
        loop {
            number(&mut chunk);
            let mut status = chunk[0];
            if status < 0x80 {
                status = running.expect("a status");
            } else {
                chunk = &chunk[1..];
            }
            running = (status < 0xF0).then_some(status);
            let (kind, length) = match status {
                0xFF => {
                    let kind = chunk[0];
                    chunk = &chunk[1..];
                    (kind, number(&mut chunk))
                }
                0xF0 | 0xF7 => (0, number(&mut chunk)),
                0xC0..=0xDF => (0, 1),
                0x80..=0xEF => (0, 2),
                _ => panic!("status {status:#x}"),
            };
            let (data, behind) = chunk.split_at(length);
            chunk = behind;
            match (status, kind) {
                (0xFF, 0x2F) => break,
                (0xFF, 0x51) => assert!(data.len() == 3 && data != [0, 0, 0]),
                (0xFF, 0x54) => assert!(data.len() == 5 && data[0] < 0x80),
                (0xFF, 0x58) => assert!(data.len() == 4 && data[0] > 0 && data[1] <= 7),
                (0xFF, 0x59) => assert!(data.len() == 2 && (-7..=7).contains(&(data[0] as i8)) && data[1] < 2),
                (0xFF, 0x00) => assert!(data.len() != 1),
                (0xFF, 0x20) => assert!(!data.is_empty()),
                (0xFF, kind) => assert!(kind < 0x80),
                (0xF0 | 0xF7, _) => assert!(data.strip_suffix(&[0xF7]).unwrap_or(data).iter().all(|&byte| byte < 0x80)),
                _ => assert!(data.iter().all(|&byte| byte < 0x80)),
            }
        }
        assert!(chunk.is_empty());
    }
    assert!(rest.is_empty());
}

#[test]
fn a_data_byte_above_127_costs_no_note() {
    let whole = one(ended(&scale(0)));
    for (at, value) in [(3, 128), (3, 255), (7, 200), (2, 178), (6, 178)] {
        let mut events = scale(0);
        events[at] = value;
        let midi = one(ended(&events));
        assert_eq!(notes(&midi), notes(&whole), "byte {at} is {value}");
        assert_eq!(midi.warnings(), ["track 1: 1 data bytes above 127 were brought into range"]);
    }
    // All velocities of a track.
    let mut events = scale(0);
    events.chunks_mut(8).for_each(|note| note[3] = 255);
    let midi = one(ended(&events));
    assert_eq!(notes(&midi), notes(&whole));
    assert!(midi.notes().iter().all(|note| note.velocity == 127));
    // Program, controller, pressure, bend, aftertouch: in front, in the middle, and at the end.
    let messages: [&[u8]; 8] = [
        &[0, 0xC0, 200],
        &[0, 0xB0, 7, 200],
        &[0, 0xB0, 200, 7],
        &[0, 0xD0, 255],
        &[0, 0xE0, 255, 64],
        &[0, 0xE0, 0, 255],
        &[0, 0xA0, 60, 129],
        &[0, 0xA0, 188, 1],
    ];
    for message in messages {
        for place in [0, 80, 160] {
            let mut events = scale(0);
            events.splice(place..place, message.iter().copied());
            assert_eq!(notes(&one(ended(&events))), notes(&whole), "{message:?} at {place}");
        }
    }
    let program = one(ended(&[&[0, 0xC0, 0xA8][..], &scale(0)].concat()));
    assert!(program.notes().iter().all(|note| note.program == 40));
}

#[test]
fn delta_times_of_any_length_are_read() {
    let late = [&[0x80, 0x80, 0x80, 0x80, 0x80, 20][..], &scale(0)[1..]].concat();
    let midi = one(ended(&late));
    assert_eq!(notes(&midi), notes(&one(ended(&scale(0)))));
    assert_eq!(midi.warnings(), ["track 1: 1 delta times have more than 4 bytes"]);
    let endless = [&[0xFF; 12][..], &[0x7F], &scale(0)[1..]].concat();
    assert_eq!(one(ended(&endless)).notes().len(), 20);
}

#[test]
fn a_wait_that_no_file_has_is_left_out() {
    let mut events = scale(0);
    events.splice(80..81, variable(0x0FFF_FFFF));
    let midi = one(ended(&events));
    assert_eq!(midi.notes().len(), 20);
    assert!(midi.end().0 < 20.0, "{:?}", midi.end());
    assert_eq!(midi.warnings(), ["track 1: a wait of 388.4 hours was left out"]);
}

#[test]
fn a_wrong_length_of_a_track_costs_nothing() {
    let whole = file(1, quarter(96), &[ended(&scale(0)), ended(&scale(1)), ended(&scale(2))]);
    let expected = notes(&read(&whole));
    assert_eq!(expected.len(), 60);
    for track in 0..3 {
        let at = 14 + 4 + track * (8 + 164);
        for length in [0, 1, 7, 100, 163, 165, 170, 200, 400, 0x7FFF_FFFF, u32::MAX] {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
            let midi = read(&bytes);
            assert_eq!(notes(&midi), expected, "track {track} of {length} bytes: {:?}", midi.warnings());
            let said = format!("track {}: its length is given as {length} bytes, it has 164", track + 1);
            assert_eq!(midi.warnings(), [said]);
        }
    }
}

#[test]
fn a_track_without_an_end_is_whole() {
    let bytes = file(1, quarter(96), &[scale(0), ended(&scale(1))]);
    let midi = read(&bytes);
    assert_eq!(midi.notes().len(), 40);
    assert_eq!(midi.warnings(), ["track 1 has no end"]);
    let mut wrong = bytes;
    wrong[18..22].copy_from_slice(&5u32.to_be_bytes());
    assert_eq!(read(&wrong).notes().len(), 40);
}

#[test]
fn tracks_with_a_broken_or_missing_marker_and_those_behind_are_found() {
    let whole = file(1, quarter(96), &[ended(&scale(0)), ended(&scale(1)), ended(&scale(2))]);
    let expected = notes(&read(&whole));
    for at in [14, 14 + 172, 14 + 344] {
        for marker in [*b"MTrx", *b"\0\0\0\0", *b"mtrk", *b"\xFFTrk"] {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&marker);
            let midi = read(&bytes);
            assert_eq!(notes(&midi), expected, "{marker:?} at {at}: {:?}", midi.warnings());
            assert!(midi.warning().is_some());
        }
        for gone in [4, 8] {
            let mut bytes = whole.clone();
            bytes.drain(at..at + gone);
            let midi = read(&bytes);
            assert_eq!(notes(&midi), expected, "without {gone} bytes at {at}: {:?}", midi.warnings());
            assert!(midi.warning().is_some());
        }
        // Part of a marker appears twice.
        let mut bytes = whole.clone();
        bytes.splice(at + 4..at + 4, *b"rk");
        let midi = read(&bytes);
        assert!(midi.notes().len() >= 59, "twice at {at}: {:?}", midi.warnings());
        assert!(midi.warning().is_some());
    }
}

#[test]
fn headers_of_other_lengths_and_repeated_ones_are_read() {
    let whole = file(1, quarter(96), &[ended(&scale(0)), ended(&scale(1))]);
    let expected = notes(&read(&whole));
    for length in [0, 3, 7, 100, 0xFFFF_FFFF_u32] {
        let mut bytes = whole.clone();
        bytes[4..8].copy_from_slice(&length.to_be_bytes());
        let midi = read(&bytes);
        assert_eq!(notes(&midi), expected);
        assert_eq!(midi.warnings(), [format!("the header claims {length} bytes, it has 6")]);
    }
    let longer = [b"MThd\0\0\0\x08", &whole[8..14], b"\x01\x02", &whole[14..]].concat();
    assert_eq!((notes(&read(&longer)), read(&longer).warning()), (expected.clone(), None));
    let twice = [&whole[..14], &whole].concat();
    assert_eq!(notes(&read(&twice)), expected);
    assert_eq!(read(&twice).warnings(), ["a second header among the tracks was skipped"]);
    let other = [&whole[..], &whole].concat();
    assert_eq!(notes(&read(&other)), expected);
    assert_eq!(read(&other).warnings(), ["a second file after the first is ignored"]);
    let marker = [b"MThx", &whole[4..]].concat();
    assert_eq!(notes(&read(&marker)), expected);
    assert_eq!(read(&marker).warnings(), ["the marker of the header (MThd) is broken"]);
}

#[test]
fn riff_files_of_wrong_sizes_are_unwrapped() {
    let plain = file(1, quarter(96), &[ended(&scale(0)), ended(&scale(1))]);
    let size = plain.len() as u32;
    for said in [0, 1, 14, 60, size - 1, size + 1, 0xFFFF_FFFF] {
        let bytes = [b"RIFF", &said.to_le_bytes()[..], b"RMIDdata", &said.to_le_bytes(), &plain].concat();
        let midi = read(&bytes);
        assert_eq!(notes(&midi), notes(&read(&plain)), "{said} bytes: {:?}", midi.warnings());
    }
    // Padded, with a list behind it.
    let odd = [&plain[..], &[0]].concat();
    let list = b"LIST\x04\0\0\0INFO";
    let bytes =
        [b"RIFF", &[0; 4][..], b"RMIDdata", &size.to_le_bytes(), &odd[..plain.len() + plain.len() % 2], list].concat();
    assert_eq!((notes(&read(&bytes)), read(&bytes).warning()), (notes(&read(&plain)), None));
}

#[test]
fn smpte_divisions_are_frames_by_ticks_a_second() {
    for (frames, ticks, seconds) in
        [(40_u8, 144_u8, 1.0), (50, 20, 5.76), (60, 96, 1.0), (128, 45, 1.0), (29, 192, 1.001)]
    {
        let contents = track(&[(0, &tempo(123_456)), (0, &[0x90, 60, 64]), (5760, &[0x80, 60, 0])]);
        let midi = read(&file(0, [frames.wrapping_neg(), ticks], &[contents]));
        assert!((midi.end().0 - seconds).abs() < 1e-9, "{frames} × {ticks}: {:?}", midi.end());
        assert_eq!(midi.warning(), None);
    }
}

#[test]
fn a_division_of_0_is_made_up_from_the_notes() {
    for division in [[0, 0], [0xE7, 0]] {
        let midi = read(&file(0, division, &[ended(&scale(0))]));
        assert_eq!(midi.notes().len(), 20);
        // A note every 116 ticks: about four a second.
        assert_eq!(midi.ticks_per_quarter(), 240);
        assert_eq!(midi.warnings(), ["the header gives ticks no length; read as 240 a quarter note"]);
    }
}

#[test]
fn events_of_a_wrong_length_keep_the_track_in_step() {
    let whole = notes(&one(ended(&scale(0))));
    let cases: [&[u8]; 6] = [
        // A tempo of two bytes, according to its length, and one that extends beyond the track.
        &[0, 0xFF, 0x51, 2, 7, 0xA1, 0x20],
        &[0, 0xFF, 0x51, 0xFF, 0x7F, 7, 0xA1, 0x20],
        &[0, 0xFF, 0x59, 4, 0, 0],
        // System messages without a length, and with one that is too long.
        &[0, 0xF0, 0x7E, 0x7F, 9, 1, 0xF7],
        &[0, 0xF0, 60, 0x7E, 0x7F, 9, 1, 0xF7],
        // Messages that only occur on a cable.
        &[0, 0xF8, 0, 0xFE, 0, 0xF2, 1, 2, 0, 0xF6],
    ];
    for case in cases {
        let midi = one(ended(&[case, &scale(0)].concat()));
        assert_eq!(notes(&midi), whole, "{case:?}: {:?}", midi.warnings());
        assert!(midi.warning().is_some(), "{case:?}");
    }
}

#[test]
fn running_status_goes_on_after_meta_events_and_system_messages() {
    for between in [&[0xFF, 1, 1, b'x'][..], &[0xF0, 2, 1, 0xF7], &[0xF7, 1, 5]] {
        let midi = one([&[0, 0x90, 60, 64, 96][..], between, &[0, 60, 0, 0, 62, 64, 96, 62, 0], &END].concat());
        assert_eq!(notes(&midi), [(0, 96, 60), (96, 192, 62)]);
    }
}

#[test]
fn bytes_that_are_no_event_are_skipped() {
    let mut events = scale(0);
    events.splice(80..80, [0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
    let midi = one(ended(&events));
    assert!(midi.notes().len() >= 19, "{:?}", midi.warnings());
    assert!(midi.warning().is_some());
}

#[test]
fn what_others_refuse_is_dropped_and_said() {
    let bad: [&[u8]; 10] = [
        &[0xFF, 0x59, 2, 9, 0],
        &[0xFF, 0x59, 2, 0, 2],
        &[0xFF, 0x58, 4, 4, 8, 24, 8],
        &[0xFF, 0x58, 4, 0, 2, 24, 8],
        &[0xFF, 0x58, 2, 4, 2],
        &[0xFF, 0x51, 3, 0, 0, 0],
        &[0xFF, 0x54, 5, 0x80, 0, 0, 0, 0],
        &[0xFF, 0x00, 1, 0],
        &[0xFF, 0x20, 0],
        &[0xF0, 3, 0x41, 0x90, 0xF7],
    ];
    for event in bad {
        let midi = one(ended(&[&[0][..], event, &scale(0)].concat()));
        assert_eq!(midi.notes().len(), 20, "{event:?}");
        assert_eq!(midi.warnings().len(), 1, "{event:?}: {:?}", midi.warnings());
    }
    let texts = one(ended(&[&b"\0\xFF\x01\x04\xE9\xFF\0x"[..], &scale(0)].concat()));
    assert_eq!((texts.warning(), texts.texts().len()), (None, 1));
}

#[test]
fn a_repeated_note_may_begin_before_the_last_one_ends() {
    let on: &[u8] = &[0x90, 60, 64];
    let off: &[u8] = &[0x80, 60, 0];
    let usual = one(track(&[(0, on), (96, off), (0, on), (96, off)]));
    let early = one(track(&[(0, on), (96, on), (0, off), (96, off)]));
    assert_eq!((early.notes(), early.messages(), early.warning()), (usual.notes(), usual.messages(), None));
    // The same in two tracks of one channel.
    let read = |tracks: &[Vec<u8>]| read(&file(1, quarter(96), tracks));
    let (first, second) = (track(&[(96, on), (96, off)]), track(&[(0, on), (96, off)]));
    let played: Vec<_> = read(&[first, second]).messages().iter().map(|m| (m.time, m.command)).collect();
    assert_eq!(played, usual.messages().iter().map(|m| (m.time, m.command)).collect::<Vec<_>>());
}

#[test]
fn notes_without_length_are_struck() {
    let events: Vec<u8> = (0..20).flat_map(|i| [20, 0x99, 35 + i, 80, 0, 0x89, 35 + i, 0]).collect();
    let midi = one(ended(&events));
    assert_eq!(midi.notes().len(), 20);
    assert!(midi.notes().iter().all(|note| note.end_tick == note.start_tick + 1));
    assert_eq!(midi.warnings(), ["track 1: 20 notes without length were given one tick"]);
    assert_eq!(Midi::parse(&midi.to_bytes()).expect("readable").notes(), midi.notes());
    assert_eq!(Midi::parse(&midi.to_bytes()).expect("readable").warning(), None);
}

#[test]
fn drum_kits_of_xg_gs_and_gm2_are_drums_on_any_channel() {
    let drums = |before: &[u8], channel: u8| {
        let midi = one(ended(&[before, &scale(channel)].concat()));
        assert_eq!(midi.notes().len(), 20);
        let count = midi.notes().iter().filter(|note| note.is_drum()).count();
        assert!(count == 0 || midi.transposed(3).notes()[0].pitch == midi.notes()[0].pitch);
        assert_eq!(midi.messages().iter().filter(|m| m.command == 0x90 && m.drums).count(), count);
        count
    };
    let bank = |channel: u8, bank: u8| [0, 0xB0 | channel, 0, bank, 0, 0xC0 | channel, 0];
    let roland = |block: u8, map: u8| [0, 0xF0, 10, 0x41, 0x10, 0x42, 0x12, 0x40, block, 0x15, map, 0, 0xF7];
    let yamaha = |part: u8, mode: u8| [0, 0xF0, 8, 0x43, 0x10, 0x4C, 8, part, 7, mode, 0xF7];
    let reset: &[u8] = &[0, 0xF0, 10, 0x41, 0x10, 0x42, 0x12, 0x40, 0, 0x7F, 0, 0x41, 0xF7];
    assert_eq!((drums(&[], 9), drums(&[], 4)), (20, 0));
    // XG: kits in banks 127 and 126, or by the mode of the part. GM2: bank 120.
    for kit in [127, 126, 120] {
        assert_eq!((drums(&bank(4, kit), 4), drums(&bank(4, kit), 5)), (20, 0));
    }
    assert_eq!((drums(&yamaha(4, 2), 4), drums(&yamaha(4, 0), 4)), (20, 0));
    // And back again.
    assert_eq!(drums(&[bank(4, 127), bank(4, 0)].concat(), 4), 0);
    assert_eq!((drums(&bank(9, 121), 9), drums(&bank(9, 0), 9)), (0, 20));
    // GS numbers its parts from channel 9, which is 0.
    assert_eq!((drums(&roland(0x1A, 2), 10), drums(&roland(0x1A, 2), 9)), (20, 20));
    assert_eq!((drums(&roland(0x11, 1), 0), drums(&roland(0x10, 0), 9)), (20, 0));
    assert_eq!(drums(&[&roland(0x1A, 2)[..], &bank(10, 0)].concat(), 10), 20);
    // In GS, bank 127 holds the sounds of an older device.
    assert_eq!(drums(&[reset, &bank(4, 127)].concat(), 4), 0);
}

#[test]
fn a_note_an_hour_later_leaves_the_others_where_they_are() {
    let late = [scale(0), variable(3600 * 192), vec![0x90, 60, 80, 96, 0x80, 60, 0]].concat();
    let midi = one(ended(&late));
    assert_eq!(notes(&midi)[..20], notes(&one(ended(&scale(0)))));
    assert_eq!((midi.notes().len(), midi.warning()), (21, None));
    assert!(midi.end() > MidiTime(3600.0));
}

/// Whichever byte of a file is changed, the file is read, and every reader can read the output.
#[test]
fn any_byte_may_be_wrong() {
    let whole = file(1, quarter(96), &[ended(&scale(0)), ended(&[&[0][..], &tempo(400_000), &scale(1)].concat())]);
    let (mut kept, mut tried) = (0, 0);
    for at in 8..whole.len() {
        for value in [0, 0x40, 0x7F, 0x80, 0x90, 0xF0, 0xFF] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            let Ok(midi) = Midi::parse(&bytes) else { continue };
            strict(&midi.to_bytes());
            (kept, tried) = (kept + midi.notes().len(), tried + 40);
        }
    }
    // On average, one wrong byte costs at most one note.
    assert!(tried - kept < tried / 40, "{kept} notes of {tried}");
}
