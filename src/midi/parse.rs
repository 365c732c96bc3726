//! Bytes to tracks: tolerant where a player would be, with a warning for whatever was wrong.

use super::MAX_BYTES;
use super::tempo::DEFAULT_MICROS_PER_QUARTER;
use super::track::{Event, EventKind, Track, meta};
use crate::error::{Error, Result};
use midly::{EventBytemapIter, TrackEventKind};
use std::path::PathBuf;

/// A note names its track by 16 bits, and so does the header of a file.
const MAX_TRACKS: usize = 65_535;

/// What a file holds, in the one form that the rest of the crate knows: tracks side by side, ticks of a quarter note.
pub(super) struct Parsed {
    pub(super) ticks_per_quarter: u16,
    pub(super) tracks: Vec<Track>,
    pub(super) warnings: Warnings,
}

/// What was wrong with a file, kept short.
#[derive(Debug, Clone, Default)]
pub(super) struct Warnings(Vec<String>);

impl Warnings {
    const MOST: usize = 50;

    pub(super) fn add(&mut self, warning: String) {
        match self.0.len() {
            0..Self::MOST => self.0.push(warning),
            Self::MOST => self.0.push("and more of this kind".into()),
            _ => {}
        }
    }

    pub(super) fn all(&self) -> &[String] {
        &self.0
    }
}

/// How the header says that ticks are counted.
enum Division {
    Quarter(u16),
    /// Ticks of a quarter note at a tempo (µs) that make the ticks last what the SMPTE division says, exactly.
    Smpte(u16, u32),
}

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed> {
    if bytes.is_empty() {
        return Err(broken("the file is empty"));
    }
    if bytes.len() > MAX_BYTES {
        return Err(broken(format!("{} bytes are more than the limit of {MAX_BYTES}", bytes.len())));
    }
    let mut warnings = Warnings::default();
    let start = find(bytes, *b"MThd").ok_or_else(|| broken("it has no header (MThd)"))?;
    let bytes = if bytes.starts_with(b"RIFF") {
        riff_data(bytes, start)
    } else {
        if start > 0 {
            warnings.add(format!("{start} bytes before the header were skipped"));
        }
        &bytes[start..]
    };
    let length = bytes.get(4..8).map_or(0, be_u32).max(6) as usize;
    let (Some(header), Some(body)) = (bytes.get(8..14), bytes.get(8 + length..)) else {
        return Err(broken(format!("the header claims {length} bytes, {} follow", bytes.len().saturating_sub(8))));
    };
    let format = u16::from_be_bytes([header[0], header[1]]);
    let announced = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let division = division(header[4], header[5])?;
    if format > 2 {
        warnings.add(format!("type {format} is outside 0..=2; read as type 1"));
    }

    let mut tracks = read_tracks(body, &mut warnings);
    if tracks.len() != announced {
        warnings.add(format!("the header announces {announced} tracks, the file has {}", tracks.len()));
    }
    let ticks_per_quarter = match division {
        Division::Quarter(ticks) => ticks,
        Division::Smpte(ticks, micros) => {
            fix_tempo(&mut tracks, micros);
            ticks
        }
    };
    if format == 2 {
        play_in_turn(&mut tracks, matches!(division, Division::Quarter(_)));
    }
    Ok(Parsed { ticks_per_quarter, tracks, warnings })
}

fn broken(reason: impl Into<String>) -> Error {
    Error::Midi { reason: reason.into(), path: PathBuf::new() }
}

fn be_u32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

fn find(bytes: &[u8], what: [u8; 4]) -> Option<usize> {
    bytes.windows(4).position(|window| window == what)
}

/// The MIDI file inside a RIFF file (RMID), which starts at `start`: as long as its `data` chunk says.
fn riff_data(bytes: &[u8], start: usize) -> &[u8] {
    let length = start
        .checked_sub(8)
        .filter(|&chunk| &bytes[chunk..chunk + 4] == b"data")
        .map(|chunk| bytes[chunk + 4..start].iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte)));
    let rest = &bytes[start..];
    &rest[..length.unwrap_or(rest.len()).min(rest.len())]
}

fn division(high: u8, low: u8) -> Result<Division> {
    let value = u16::from_be_bytes([high, low]);
    if high < 0x80 {
        return match value {
            0 => Err(broken("0 ticks a quarter note, 1..=32767 are allowed")),
            ticks => Ok(Division::Quarter(ticks)),
        };
    }
    let frames = high.wrapping_neg();
    if !matches!(frames, 24 | 25 | 29 | 30) {
        return Err(broken(format!("{frames} SMPTE frames a second, 24, 25, 29 or 30 are allowed")));
    }
    // 29 stands for 30 drop-frame: 30 000 / 1001 frames a second.
    let (frames, micros_per_second) = if frames == 29 { (30, 1_001_000) } else { (u16::from(frames), 1_000_000) };
    match frames * u16::from(low) {
        0 => Err(broken("0 ticks a SMPTE frame, 1..=255 are allowed")),
        ticks if ticks % 2 == 0 => Ok(Division::Smpte(ticks / 2, micros_per_second / 2)),
        ticks => Ok(Division::Smpte(ticks, micros_per_second)),
    }
}

/// Walks the chunks. A chunk that claims too much is read as far as it goes; garbage is skipped to the next track.
fn read_tracks(mut body: &[u8], warnings: &mut Warnings) -> Vec<Track> {
    let mut tracks = Vec::new();
    while body.len() >= 8 {
        let (id, length) = (&body[..4], be_u32(&body[4..8]) as usize);
        if id == b"MTrk" {
            if tracks.len() == MAX_TRACKS {
                warnings.add(format!("tracks after the first {MAX_TRACKS} are ignored"));
                return tracks;
            }
            let chunk = &body[8..];
            if length > chunk.len() {
                warnings.add(format!("track {} is cut short: {} bytes of {length}", tracks.len() + 1, chunk.len()));
            }
            let (track, used) = read_track(&chunk[..length.min(chunk.len())], tracks.len() + 1, warnings);
            tracks.push(track);
            body = &chunk[used..];
        } else if id == b"MThd" {
            warnings.add("a second file after the first is ignored".into());
            return tracks;
        } else if id.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') && length <= body.len() - 8 {
            body = &body[8 + length..];
        } else {
            let skip = find(body, *b"MTrk").unwrap_or(body.len());
            warnings.add(format!("{skip} bytes that belong to no track were skipped"));
            body = &body[skip..];
        }
    }
    if body.iter().any(|&byte| byte != 0) {
        warnings.add(format!("{} bytes at the end were ignored", body.len()));
    }
    tracks
}

/// Reads the events of a track chunk; returns how many of its bytes are the track's.
fn read_track(chunk: &[u8], number: usize, warnings: &mut Warnings) -> (Track, usize) {
    let mut track = Track::default();
    let mut reader = EventBytemapIter::new(chunk);
    let (mut tick, mut status, mut ended, mut late, mut skipped) = (0, None, false, false, 0);
    let unread = loop {
        let unread = reader.unread();
        // Some writers leave a wrong length; after the end of a track the next one can only be that.
        if unread.is_empty() || (ended && unread.starts_with(b"MTrk")) {
            break unread;
        }
        // Strictly, a meta event ends running status. Many files go on with it, and every player follows them.
        if reader.running_status().is_none() {
            *reader.running_status_mut() = status;
        }
        if let Some(Ok((raw, event))) = reader.next() {
            tick += u64::from(event.delta.as_int());
            status = reader.running_status().or(status);
            late |= ended && !matches!(event.kind, TrackEventKind::Meta(_));
            match own(raw, event.kind) {
                EventKind::Meta { kind: meta::END_OF_TRACK, .. } => ended = true,
                kind => track.events.push(Event { tick, kind }),
            }
        } else if let Some((delta, rest)) = after_malformed(unread) {
            tick += u64::from(delta);
            skipped += 1;
            reader = EventBytemapIter::new(rest);
        } else {
            if !ended || unread.iter().any(|&byte| byte != 0) {
                warnings.add(format!(
                    "track {number}: unreadable after {} of {} bytes",
                    chunk.len() - unread.len(),
                    chunk.len()
                ));
            }
            break &[];
        }
    };
    if skipped > 0 {
        warnings.add(format!("track {number}: {skipped} malformed events were skipped"));
    }
    if late {
        warnings.add(format!("track {number}: there are events after its end"));
    }
    track.end_tick = tick;
    let hanging = track.end_hanging_notes();
    if hanging > 0 {
        warnings.add(format!("track {number}: {hanging} notes never end; they were ended with the track"));
    }
    (track, chunk.len() - unread.len())
}

/// The event in a form that outlives the bytes of the file; `raw` is the event without its delta time.
fn own(raw: &[u8], kind: TrackEventKind<'_>) -> EventKind {
    match kind {
        TrackEventKind::Midi { channel, message } => EventKind::Channel { channel: channel.as_int(), message },
        TrackEventKind::SysEx(data) => EventKind::SysEx(data.into()),
        TrackEventKind::Escape(data) => EventKind::Escape(data.into()),
        // Status, type, length, data.
        TrackEventKind::Meta(_) => EventKind::Meta { kind: raw[1], data: variable_length(&raw[2..]).1.into() },
    }
}

/// A variable-length number of at most four bytes, and what follows it.
fn variable_length(bytes: &[u8]) -> (u32, &[u8]) {
    let mut value = 0;
    for (i, byte) in bytes.iter().take(4).enumerate() {
        value = value << 7 | u32::from(byte & 0x7F);
        if byte & 0x80 == 0 || i == 3 {
            return (value, &bytes[i + 1..]);
        }
    }
    (value, &[])
}

/// Delta time of an event that midly refuses and what follows it, where its length is known all the same: meta events
/// with odd contents, and messages that only a cable knows (time code, clock, active sensing).
fn after_malformed(unread: &[u8]) -> Option<(u32, &[u8])> {
    let (delta, rest) = variable_length(unread);
    let (&status, rest) = rest.split_first()?;
    let rest = match status {
        0xFF => {
            let (length, data) = variable_length(rest.get(1..)?);
            data.get(length as usize..)?
        }
        0xF1 | 0xF3 => rest.get(1..)?,
        0xF2 => rest.get(2..)?,
        0xF4..=0xF6 | 0xF8..=0xFE => rest,
        _ => return None,
    };
    Some((delta, rest))
}

/// SMPTE files have no tempo: tempo events don't move their ticks, so they go, and the one that the division asks for
/// comes.
fn fix_tempo(tracks: &mut [Track], micros_per_quarter: u32) {
    for track in &mut *tracks {
        track.events.retain(|event| !matches!(event.kind, EventKind::Meta { kind: meta::TEMPO, .. }));
    }
    if let Some(first) = tracks.first_mut() {
        first.events.insert(0, Event { tick: 0, kind: EventKind::tempo(micros_per_quarter) });
    }
}

/// Type 2: the tracks are pieces of their own. They are put one after the other, each from the default tempo and metre.
fn play_in_turn(tracks: &mut [Track], reset_tempo: bool) {
    let is = |wanted: u8| move |event: &Event| matches!(event.kind, EventKind::Meta { kind, .. } if kind == wanted);
    let any_metre = tracks.iter().any(|track| track.events.iter().any(is(meta::TIME_SIGNATURE)));
    let mut offset = 0;
    for track in tracks {
        for event in &mut track.events {
            event.tick += offset;
        }
        if offset > 0 {
            let defaults = [
                reset_tempo.then(|| EventKind::tempo(DEFAULT_MICROS_PER_QUARTER)),
                any_metre.then(|| EventKind::time_signature(4, 4)),
            ];
            let defaults = defaults.into_iter().flatten().map(|kind| Event { tick: offset, kind });
            track.events.splice(0..0, defaults);
        }
        track.end_tick += offset;
        offset = track.end_tick;
    }
}
