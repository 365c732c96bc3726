//! Parse → write → parse, for anything a file may contain.

use super::{file, quarter, track};
use antiphon::midi::Midi;
use proptest::prelude::*;

/// An event, by full or by running status; few keys and channels, so that notes overlap.
fn event() -> impl Strategy<Value = Vec<u8>> {
    let channel = prop::sample::select(vec![0u8, 1, 9]);
    let data = 0u8..128;
    prop_oneof![
        6 => (channel.clone(), 60u8..64, prop::sample::select(vec![0u8, 1, 64, 127])).prop_map(|(c, k, v)| vec![0x90 | c, k, v]),
        3 => (channel.clone(), 60u8..64, data.clone()).prop_map(|(c, k, v)| vec![0x80 | c, k, v]),
        2 => (60u8..64, data.clone()).prop_map(|(k, v)| vec![k, v]),
        1 => (channel.clone(), prop::sample::select(vec![0xA0u8, 0xB0, 0xE0]), data.clone(), data.clone())
            .prop_map(|(c, s, a, b)| vec![s | c, a, b]),
        1 => (channel, prop::sample::select(vec![0xC0u8, 0xD0]), data).prop_map(|(c, s, a)| vec![s | c, a]),
        1 => (0u32..16_777_216).prop_map(super::tempo),
        1 => (any::<u8>(), 0u8..8).prop_map(|(n, d)| vec![0xFF, 0x58, 4, n, d, 24, 8]),
        1 => (0u8..128, prop::collection::vec(any::<u8>(), 0..5)).prop_map(|(kind, data)| {
            [&[0xFF, kind, data.len() as u8], &data[..]].concat()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..5).prop_map(|data| [&[0xF0, data.len() as u8], &data[..]].concat()),
        1 => (0xF1u8..0xFF).prop_map(|status| vec![status]),
    ]
}

fn files() -> impl Strategy<Value = Vec<u8>> {
    let delta = prop_oneof![Just(0u32), 1u32..200, 0u32..100_000];
    let tracks = prop::collection::vec(prop::collection::vec((delta, event()), 0..40), 0..5);
    let division = prop_oneof![
        (1u16..32_768).prop_map(quarter),
        (prop::sample::select(vec![24i8, 25, 29, 30]), 1u8..).prop_map(|(frames, ticks)| [(-frames) as u8, ticks]),
    ];
    (0u16..3, division, tracks).prop_map(|(format, division, tracks)| {
        let contents: Vec<_> = tracks
            .iter()
            .map(|events| track(&events.iter().map(|(delta, event)| (*delta, &event[..])).collect::<Vec<_>>()))
            .collect();
        file(format, division, &contents)
    })
}

proptest! {
    #[test]
    fn writing_keeps_notes_messages_tempos_metre_and_beats(bytes in files()) {
        let Ok(midi) = Midi::parse(&bytes) else { return Ok(()) };
        let written = midi.to_bytes();
        let again = Midi::parse(&written).expect("our own file");
        prop_assert_eq!(again.notes(), midi.notes());
        prop_assert_eq!(again.messages(), midi.messages());
        prop_assert_eq!(again.tempos(), midi.tempos());
        prop_assert_eq!(again.time_signatures(), midi.time_signatures());
        prop_assert_eq!(again.beats(), midi.beats());
        prop_assert_eq!(again.to_bytes(), written);
    }

    #[test]
    fn notes_are_sorted_have_length_and_are_told_to_the_synthesiser(bytes in files()) {
        let Ok(midi) = Midi::parse(&bytes) else { return Ok(()) };
        for note in midi.notes() {
            prop_assert!(note.end > note.start && note.end_tick > note.start_tick && note.velocity > 0);
            let told = midi
                .messages()
                .iter()
                .any(|m| m.command == 0x90 && m.time == note.start && (m.channel, m.data1) == (note.channel, note.pitch));
            prop_assert!(told);
        }
        prop_assert!(midi.notes().is_sorted_by_key(|note| (note.start_tick, note.pitch)));
        prop_assert!(midi.messages().is_sorted_by(|a, b| a.time <= b.time));
        prop_assert!(midi.beats().is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn any_bytes_give_a_file_or_an_error(start in files(), at in any::<prop::sample::Index>(), noise in prop::collection::vec(any::<u8>(), 1..20)) {
        let mut bytes = start;
        let at = at.index(bytes.len());
        bytes.splice(at..(at + noise.len()).min(bytes.len()), noise);
        if let Ok(midi) = Midi::parse(&bytes) {
            let again = Midi::parse(&midi.to_bytes()).expect("our own file");
            prop_assert_eq!(again.notes(), midi.notes());
        }
    }
}
