//! Files that are wrong, cut short, huge or hostile.

use super::{file, quarter, tempo, track, variable};
use antiphon::midi::{Midi, MidiTime};

const ON: &[u8] = &[0x90, 60, 64];
const OFF: &[u8] = &[0x80, 60, 0];

fn reason(bytes: &[u8]) -> String {
    Midi::parse(bytes).expect_err("not readable").to_string()
}

fn one_note() -> Vec<u8> {
    track(&[(0, ON), (96, OFF)])
}

#[test]
fn what_is_no_midi_file_is_refused_in_one_line() {
    assert_eq!(reason(b""), "can't read MIDI: the file is empty: \"\"");
    assert_eq!(reason(b"Dear diary"), "can't read MIDI: it has no header (MThd): \"\"");
    assert_eq!(reason(b"MThd\0\0\0\x06\0"), "can't read MIDI: the header claims 6 bytes, 1 follow: \"\"");
}

#[test]
fn the_path_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mid");
    std::fs::write(&path, "text").expect("written");
    assert!(Midi::read(&path).expect_err("text").to_string().ends_with("a.mid\""));
    assert!(Midi::read(&folder.path().join("none.mid")).expect_err("missing").to_string().starts_with("can't read: "));
}

#[test]
fn a_file_without_notes_is_read() {
    for bytes in [file(1, quarter(96), &[]), file(0, quarter(96), &[vec![]]), file(0, quarter(96), &[track(&[])])] {
        let midi = Midi::parse(&bytes).expect("a header is enough");
        assert!(midi.notes().is_empty() && midi.messages().is_empty() && midi.beats().is_empty());
        assert_eq!(midi.end(), MidiTime(0.0));
        assert!(Midi::parse(&midi.to_bytes()).is_ok());
    }
}

#[test]
fn a_file_cut_anywhere_keeps_what_came_before() {
    let whole = file(1, quarter(96), &[one_note(), track(&[(0, ON), (96, OFF), (0, ON), (96, OFF)])]);
    for length in 0..whole.len() {
        if let Ok(midi) = Midi::parse(&whole[..length]) {
            assert!(midi.notes().len() <= 3);
            // After the first track, an incomplete file is never silent.
            assert!(length < 14 || !midi.warnings().is_empty(), "{length} bytes");
        } else {
            assert!(length < 14);
        }
    }
    let cut = Midi::parse(&whole[..whole.len() - 8]).expect("read as far as it goes");
    // The last note is struck, and the file ends there.
    assert_eq!(cut.notes().len(), 3);
    assert_eq!(cut.warnings()[0], "track 2 is cut short: 12 bytes of 20");
}

#[test]
fn malformed_events_are_skipped_and_the_rest_is_read() {
    let contents = track(&[
        (0, ON),
        (10, &[0xFE]),
        (10, &[0xF1, 3]),
        (10, &[0xFF, 0x59, 1, 0]),
        (10, &[0xFF, 0x54, 5, 99, 99, 99, 99, 99]),
        (56, OFF),
        (0, ON),
        (4, OFF),
    ]);
    let midi = Midi::parse(&file(0, quarter(96), &[contents])).expect("readable");
    let spans: Vec<_> = midi.notes().iter().map(|note| (note.start_tick, note.end_tick)).collect();
    assert_eq!(spans, [(0, 96), (96, 100)]);
    let expected = [
        "track 1: 1 SMPTE offsets that say nothing were dropped",
        "track 1: 1 key signatures that say nothing were dropped",
        "track 1: 2 malformed events were skipped",
    ];
    assert_eq!(midi.warnings(), expected);
}

#[test]
fn an_event_without_status_ends_its_track_only() {
    let lost = [&variable(0)[..], &[60, 64, 0, 60, 0]].concat();
    let midi = Midi::parse(&file(1, quarter(96), &[lost, one_note()])).expect("readable");
    assert_eq!(midi.notes().len(), 1);
    assert_eq!(midi.warnings(), ["track 1: unreadable after 0 of 6 bytes"]);
}

#[test]
fn wrong_chunk_lengths_and_garbage_between_tracks_lose_no_track() {
    let mut long = file(1, quarter(96), &[one_note(), one_note()]);
    long[14 + 4..14 + 8].copy_from_slice(&1000u32.to_be_bytes());
    assert_eq!(Midi::parse(&long).expect("readable").notes().len(), 2);

    let mut bytes = file(1, quarter(96), &[one_note()]);
    bytes.extend([0xFF; 37]);
    bytes.extend(&file(1, quarter(96), &[one_note()])[14..]);
    bytes.extend(*b"bye");
    let midi = Midi::parse(&bytes).expect("readable");
    assert_eq!(midi.notes().len(), 2);
    assert_eq!(midi.warnings()[0], "37 bytes that belong to no track were skipped");
    assert!(midi.warnings().iter().any(|w| w == "3 bytes at the end were ignored"));
}

#[test]
fn tempo_0_and_metres_of_0_beats_are_ignored_with_a_warning() {
    let contents = track(&[
        (0, &tempo(0)),
        (0, &[0xFF, 0x58, 4, 0, 2, 24, 8]),
        (0, &[0xFF, 0x58, 4, 4, 77, 24, 8]),
        (0, ON),
        (96, OFF),
    ]);
    let midi = Midi::parse(&file(0, quarter(96), &[contents])).expect("readable");
    assert_eq!(midi.end(), MidiTime(0.5));
    assert!(midi.time_signatures().is_empty());
    assert_eq!(midi.warnings().len(), 2);
}

#[test]
fn a_hundred_hours_are_the_limit() {
    let long = |count: usize| {
        let events: Vec<(u32, &[u8])> = std::iter::repeat_n((0x0FFF_FFFF, ON), count).collect();
        file(0, quarter(24), &[track(&events)])
    };
    // 2^28 ticks of 1/48 s are 1553 hours: no file has such a pause.
    let midi = Midi::parse(&long(1)).expect("a wait too long is left out");
    assert_eq!((midi.notes().len(), midi.notes()[0].start), (1, MidiTime(0.0)));
    assert!(
        midi.warnings().iter().any(|w| w == "track 1: a wait of 1553.4 hours was left out"),
        "{:?}",
        midi.warnings()
    );
    assert_eq!(Midi::parse(&long(5000)).expect("readable").notes().len(), 5000);
    let ten_hours = track(&[(0, ON), (72_000 * 24, OFF)]);
    let midi = Midi::parse(&file(0, quarter(24), &[ten_hours])).expect("ten hours are fine");
    assert_eq!(midi.end(), MidiTime(36_000.0));
    assert_eq!(midi.beats().len(), 72_000);
}

#[test]
fn many_tracks_and_many_events_are_read() {
    let empty = vec![vec![]; 65_535];
    let midi = Midi::parse(&file(1, quarter(96), &empty)).expect("readable");
    assert_eq!(midi.track_names().len(), 65_535);
    assert!(midi.warnings().is_empty());

    let event: Vec<(u32, &[u8])> = [(1, ON), (1, OFF)].into_iter().cycle().take(1_000_000).collect();
    let midi = Midi::parse(&file(0, quarter(96), &[track(&event)])).expect("readable");
    assert_eq!((midi.notes().len(), midi.messages().len()), (500_000, 1_000_000));
}

#[test]
fn warnings_do_not_grow_without_bound() {
    let broken = vec![vec![0, 1, 2, 3]; 1000];
    assert_eq!(Midi::parse(&file(1, quarter(96), &broken)).expect("readable").warnings().len(), 51);
}

#[test]
fn a_length_beyond_all_numbers_costs_no_note() {
    // A system message and a text of 2^64 − 1 bytes, as ten digits of seven bits hold them.
    let most = [0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
    for event in [[0xF0].as_slice(), &[0xFF, 1]] {
        let huge = [event, &most].concat();
        let midi = Midi::parse(&file(0, quarter(96), &[track(&[(0, ON), (96, OFF), (0, &huge), (0, ON), (96, OFF)])]));
        let midi = midi.expect("the notes are there");
        assert_eq!((midi.notes()[0].start_tick, midi.notes()[0].end_tick), (0, 96), "{event:?}");
        assert!(!midi.warnings().is_empty(), "{event:?}");
    }
}

#[test]
fn a_note_that_sounds_through_a_wait_left_out_is_kept() {
    // 2^28 ticks of half a second are years: they are left out, and with them was the note.
    let midi = Midi::parse(&file(0, quarter(1), &[track(&[(10, ON), (0x0FFF_FFFF, OFF), (5, ON), (3, OFF)])]));
    let midi = midi.expect("what is left is short");
    let spans: Vec<_> = midi.notes().iter().map(|note| (note.start_tick, note.end_tick)).collect();
    assert_eq!(spans, [(10, 11), (15, 18)]);
    let warnings =
        ["track 1: a wait of 37282.7 hours was left out", "track 1: 1 notes without length were given one tick"];
    assert_eq!(midi.warnings(), warnings);
    assert_eq!(Midi::parse(&midi.to_bytes()).expect("our own file").notes().len(), 2);
}
