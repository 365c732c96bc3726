//! Writes tracks as the bytes of a standard MIDI file.

use super::track::{Event, EventKind, Track, meta};
use midly::num::{u15, u28};
use midly::{Format, Header, MetaMessage, Timing, TrackEvent, TrackEventKind};

/// Longest delta time that a file can hold; longer ones are bridged by empty text events.
const MAX_DELTA_TICKS: u64 = (1 << 28) - 1;

/// A file of type 0 for one track, otherwise of type 1.
pub(super) fn write(ticks_per_quarter: u16, tracks: &[Track]) -> Vec<u8> {
    let format = if tracks.len() == 1 { Format::SingleTrack } else { Format::Parallel };
    let header = Header::new(format, Timing::Metrical(u15::new(ticks_per_quarter)));
    let tracks: Vec<_> = tracks.iter().map(timed).collect();
    let mut bytes = Vec::new();
    // A track of 4 GB or an event of 256 MB, more than a parsed file can have, is all that midly refuses.
    midly::write(&header, &tracks, &mut bytes).expect("a file that was read can be written");
    bytes
}

/// The events with delta times, and the end of the track.
fn timed(track: &Track) -> Vec<TrackEvent<'_>> {
    let mut events = Vec::with_capacity(track.events.len() + 1);
    let mut now = 0;
    let mut push = |tick: u64, kind| {
        while tick - now > MAX_DELTA_TICKS {
            now += MAX_DELTA_TICKS;
            let bridge = TrackEventKind::Meta(MetaMessage::Unknown(meta::TEXT, &[]));
            events.push(TrackEvent { delta: u28::new(MAX_DELTA_TICKS as u32), kind: bridge });
        }
        events.push(TrackEvent { delta: u28::new((tick - now) as u32), kind });
        now = tick;
    };
    for Event { tick, kind } in &track.events {
        let kind = match kind {
            EventKind::Channel { channel, message } => {
                TrackEventKind::Midi { channel: (*channel).into(), message: *message }
            }
            EventKind::Meta { kind, data } => TrackEventKind::Meta(MetaMessage::Unknown(*kind, data)),
            EventKind::SysEx(data) => TrackEventKind::SysEx(data),
            EventKind::Escape(data) => TrackEventKind::Escape(data),
        };
        push(*tick, kind);
    }
    push(track.end_tick, TrackEventKind::Meta(MetaMessage::EndOfTrack));
    events
}
