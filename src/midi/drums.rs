//! Which channel plays a drum kit, and when.
//!
//! General MIDI has drums on channel 9. Its extensions allow kits on other channels: XG by bank 127 or 126 and by a
//! system message for the mode of a part, GM2 by bank 120, GS by a system message that makes a part a rhythm part.

use super::track::{EventKind, Track};
use super::{DRUM_CHANNEL, Position};
use midly::MidiMessage;

/// For each channel, the positions at which it becomes a drum kit or ceases to be one.
pub(super) struct DrumParts([Vec<(Position, bool)>; 16]);

/// What a message says about drums.
enum Said {
    /// The bank of a channel, by its coarse number.
    Bank(usize, u8),
    /// Whether a part is a rhythm part.
    Part(usize, bool),
}

impl DrumParts {
    pub(super) fn new(tracks: &[Track]) -> Self {
        let mut said: Vec<(Position, Said)> = Vec::new();
        let (mut roland, mut yamaha) = (false, false);
        for (number, track) in tracks.iter().enumerate() {
            for (index, event) in track.events.iter().enumerate() {
                let what = match &event.kind {
                    EventKind::Channel { channel, message: MidiMessage::Controller { controller, value } } => {
                        (controller.as_int() == 0).then(|| Said::Bank(usize::from(*channel), value.as_int()))
                    }
                    EventKind::SysEx(data) => {
                        roland |= matches!(data[..], [0x41, _, 0x42, 0x12, 0x40, 0, 0x7F, 0, ..]);
                        yamaha |= matches!(data[..], [0x43, 0x10..=0x1F, 0x4C, 0, 0, 0x7E, 0, ..]);
                        part(data)
                    }
                    _ => None,
                };
                said.extend(what.map(|what| ((event.tick, number, index), what)));
            }
        }
        said.sort_unstable_by_key(|&(position, _)| position);
        let mut parts: [bool; 16] = std::array::from_fn(|channel| channel == usize::from(DRUM_CHANNEL));
        let mut banks = [None; 16];
        let mut changes: [Vec<(Position, bool)>; 16] = Default::default();
        for (position, what) in said {
            let channel = match what {
                Said::Bank(channel, bank) => {
                    banks[channel] = match bank {
                        120 => Some(true),
                        // On a Sound Canvas these are the sounds of the MT-32 and its successors.
                        126 | 127 if yamaha || !roland => Some(true),
                        121 => Some(false),
                        _ => None,
                    };
                    channel
                }
                Said::Part(channel, drums) => {
                    parts[channel] = drums;
                    channel
                }
            };
            changes[channel].push((position, banks[channel].unwrap_or(parts[channel])));
        }
        Self(changes)
    }

    /// Whether an event at `position` on `channel` is for drums.
    pub(super) fn at(&self, channel: u8, position: Position) -> bool {
        let changes = &self.0[usize::from(channel)];
        let before = changes.partition_point(|&(when, _)| when <= position);
        before.checked_sub(1).map_or(channel == DRUM_CHANNEL, |i| changes[i].1)
    }
}

/// What a system message says about a part: GS "use for rhythm part", XG "part mode".
fn part(data: &[u8]) -> Option<Said> {
    match *data {
        [0x41, _, 0x42, 0x12, 0x40, block @ 0x10..=0x1F, 0x15, map, ..] => {
            // Blocks are numbered from channel 9, then from 0.
            let channel = match block & 0x0F {
                0 => 9,
                low @ 1..=9 => low - 1,
                high => high,
            };
            Some(Said::Part(channel.into(), map > 0))
        }
        [0x43, 0x10..=0x1F, 0x4C, 0x08, part @ 0..=15, 0x07, mode, ..] => Some(Said::Part(part.into(), mode > 0)),
        _ => None,
    }
}
