//! Music for the benches, of any length.

use antiphon::midi::Midi;

/// Chords and runs, eight notes per second.
pub(crate) fn tune(seconds: u32) -> Midi {
    let mut track = Vec::new();
    for eighth in 0..seconds * 4 {
        let pitches = [48 + eighth / 16 * 5 % 12, 60 + eighth * 7 % 19];
        for (status, delta) in [(0x90, 0_u8), (0x80, 120)] {
            for (i, pitch) in pitches.iter().enumerate() {
                track.extend([if i == 0 { delta } else { 0 }, status, *pitch as u8, 80]);
            }
        }
        // The rest of the quarter of a second: 240 ticks at 480 per quarter note.
        track.extend([120, 0xb0, 64, 0]);
    }
    track.extend([0, 0xff, 0x2f, 0]);
    let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk".to_vec();
    bytes.extend((track.len() as u32).to_be_bytes());
    bytes.extend(track);
    Midi::parse(&bytes).expect("a tune")
}
