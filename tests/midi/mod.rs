//! MIDI files as bytes: reading, writing, and moving them onto the clock of a recording.

mod damage;
mod forms;
mod golden;
mod odd;
mod retime;
mod round_trip;

/// A file of `format` with these contents of its track chunks.
pub(crate) fn file(format: u16, division: [u8; 2], tracks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"MThd\0\0\0\x06".to_vec();
    bytes.extend(format.to_be_bytes());
    bytes.extend((tracks.len() as u16).to_be_bytes());
    bytes.extend(division);
    for track in tracks {
        bytes.extend(b"MTrk");
        bytes.extend((track.len() as u32).to_be_bytes());
        bytes.extend(track);
    }
    bytes
}

/// Ticks per quarter note as the header stores them.
pub(crate) fn quarter(ticks: u16) -> [u8; 2] {
    ticks.to_be_bytes()
}

/// A variable-length number.
pub(crate) fn variable(value: u32) -> Vec<u8> {
    let mut bytes = vec![(value & 0x7F) as u8];
    let mut rest = value >> 7;
    while rest > 0 {
        bytes.insert(0, (rest & 0x7F) as u8 | 0x80);
        rest >>= 7;
    }
    bytes
}

/// The contents of a track: (delta, event) each, with its end.
pub(crate) fn track(events: &[(u32, &[u8])]) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        events.iter().flat_map(|(delta, event)| [variable(*delta), event.to_vec()].concat()).collect();
    bytes.extend([0, 0xFF, 0x2F, 0]);
    bytes
}

/// A tempo event.
pub(crate) fn tempo(micros_per_quarter: u32) -> Vec<u8> {
    [&[0xFF, 0x51, 3], &micros_per_quarter.to_be_bytes()[1..]].concat()
}
