//! Bytes to tracks: as tolerant as a player, with a warning for whatever was wrong.
//!
//! One odd field costs that field and no more. A chunk whose length is wrong ends where its track ends; a track whose
//! marker is broken is found by its contents; what an event lacks is made up if the events after it are then in step
//! (see [`events`]).

mod events;

use super::MAX_BYTES;
use super::tempo::DEFAULT_MICROS_PER_QUARTER;
use super::track::{Event, EventKind, Track, meta, starts_note};
use crate::error::{Error, Result};
use events::{Contents, MARKER, whole_track};
use std::path::PathBuf;

/// A note identifies its track by 16 bits, and so does the header of a file.
const MAX_TRACKS: usize = 65_535;

/// Bytes of the header after its marker and length.
const HEADER_BYTES: usize = 6;

/// The contents of a file, in the one form that the rest of the crate knows: parallel tracks, ticks per quarter note.
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

/// How the header defines ticks.
#[derive(Clone, Copy)]
enum Division {
    Quarter(u16),
    /// Ticks per quarter note, and a tempo (µs) at which ticks last exactly as long as the SMPTE division says.
    Smpte(u16, u32),
    /// The header gives ticks no length.
    None,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed> {
    if bytes.is_empty() {
        return Err(broken("the file is empty"));
    }
    if bytes.len() > MAX_BYTES {
        return Err(broken(format!("{} bytes are more than the limit of {MAX_BYTES}", bytes.len())));
    }
    let mut warnings = Warnings::default();
    let bytes = unwrapped(bytes, &mut warnings)?;
    let Some(header) = bytes.get(8..8 + HEADER_BYTES) else {
        let length = bytes.get(4..8).map_or(HEADER_BYTES as u32, be_u32);
        return Err(broken(format!("the header claims {length} bytes, {} follow", bytes.len().saturating_sub(8))));
    };
    let body = &bytes[body_start(bytes, &mut warnings)..];
    let format = u16::from_be_bytes([header[0], header[1]]);
    let announced = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let division = division(header[4], header[5]);
    if format > 2 {
        warnings.add(format!("type {format} is outside 0..=2; read as type 1"));
    }

    let mut tracks = read_tracks(body, announced, &mut warnings);
    if tracks.len() != announced {
        warnings.add(format!("the header announces {announced} tracks, the file has {}", tracks.len()));
    }
    let ticks_per_quarter = match division {
        Division::Quarter(ticks) => ticks,
        Division::Smpte(ticks, micros) => {
            fix_tempo(&mut tracks, micros);
            ticks
        }
        Division::None => {
            let ticks = usual_ticks(&tracks);
            warnings.add(format!("the header gives ticks no length; read as {ticks} a quarter note"));
            ticks
        }
    };
    if format == 2 {
        play_in_turn(&mut tracks, !matches!(division, Division::Smpte(..)));
    }
    Ok(Parsed { ticks_per_quarter, tracks, warnings })
}

/// The warning for notes that [`Track::strike`] has lengthened.
pub(super) fn struck(track: usize, count: usize) -> String {
    format!("track {track}: {count} notes without length were given one tick")
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

/// The file from its header on, without whatever a RIFF file (RMID) or a mail program put around it.
fn unwrapped<'a>(bytes: &'a [u8], warnings: &mut Warnings) -> Result<&'a [u8]> {
    let Some(start) = find(bytes, *b"MThd") else {
        // The header stands before the first track, whatever its own marker looks like.
        let start = find(bytes, MARKER).and_then(|track| track.checked_sub(8 + HEADER_BYTES));
        let start = start.ok_or_else(|| broken("it has no header (MThd)"))?;
        warnings.add("the marker of the header (MThd) is broken".into());
        return Ok(&bytes[start..]);
    };
    if bytes.starts_with(b"RIFF") {
        return Ok(riff_data(bytes, start, warnings));
    }
    if start > 0 {
        warnings.add(format!("{start} bytes before the header were skipped"));
    }
    Ok(&bytes[start..])
}

/// The MIDI file inside a RIFF file, starting at `start`: as long as its `data` chunk says, if that is possible.
fn riff_data<'a>(bytes: &'a [u8], start: usize, warnings: &mut Warnings) -> &'a [u8] {
    let le_u32 = |at: usize| bytes[at..at + 4].iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte));
    let rest = &bytes[start..];
    let Some(chunk) = start.checked_sub(8).filter(|&chunk| &bytes[chunk..chunk + 4] == b"data") else { return rest };
    let length = le_u32(chunk + 4);
    // Chunks are padded to an even length, though not by every writer.
    let follows = |end: usize| {
        let fits = |at: usize| is_name(&rest[at..at + 4]) && le_u32(start + at + 4) <= rest.len() - at - 8;
        end + 8 > rest.len() || fits(end)
    };
    if length <= rest.len() && (follows(length) || follows(length + length % 2)) {
        return &rest[..length];
    }
    warnings.add(format!("the RIFF file says that it holds {length} bytes of MIDI; {} follow", rest.len()));
    rest
}

/// Whether these bytes can name a chunk.
fn is_name(id: &[u8]) -> bool {
    id.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
}

/// Where the chunks after the header begin: where its length says, unless no track is there and the first is elsewhere.
fn body_start(bytes: &[u8], warnings: &mut Warnings) -> usize {
    let length = be_u32(&bytes[4..8]) as usize;
    let said = 8 + length.max(HEADER_BYTES);
    let first = || find(&bytes[8 + HEADER_BYTES..], MARKER).map(|at| 8 + HEADER_BYTES + at);
    if length != HEADER_BYTES
        && (length < HEADER_BYTES || said > bytes.len() || !(said == bytes.len() || bytes[said..].starts_with(&MARKER)))
    {
        warnings.add(format!("the header claims {length} bytes, it has {HEADER_BYTES}"));
        return first().unwrap_or(8 + HEADER_BYTES);
    }
    said
}

fn division(high: u8, low: u8) -> Division {
    if high < 0x80 {
        return match u16::from_be_bytes([high, low]) {
            0 => Division::None,
            ticks => Division::Quarter(ticks),
        };
    }
    // The standard knows 24, 25, 29 and 30 frames a second; there are files with 40 and 50. 29 stands for 30
    // drop-frame: 30 000 / 1001 frames a second.
    let (frames, micros_per_second) = match high.wrapping_neg() {
        29 => (30, 1_001_000),
        frames => (u16::from(frames), 1_000_000),
    };
    match frames * u16::from(low) {
        0 => Division::None,
        ticks if ticks % 2 == 0 => Division::Smpte(ticks / 2, micros_per_second / 2),
        ticks => Division::Smpte(ticks, micros_per_second),
    }
}

/// The most likely ticks per quarter note if the header does not say: of the numbers in use, the one at which chords
/// follow each other about four times a second.
fn usual_ticks(tracks: &[Track]) -> u16 {
    const IN_USE: [u16; 9] = [24, 48, 96, 120, 192, 240, 384, 480, 960];
    const SECONDS_A_CHORD: f64 = 0.25;
    let events = || tracks.iter().flat_map(|track| &track.events);
    let is_note =
        |event: &&Event| matches!(event.kind, EventKind::Channel { message, .. } if starts_note(message).is_some());
    let mut onsets: Vec<u64> = events().filter(is_note).map(|event| event.tick).collect();
    onsets.sort_unstable();
    onsets.dedup();
    let mut steps: Vec<u64> = onsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_unstable();
    let micros = events().find_map(|event| match &event.kind {
        EventKind::Meta { kind: meta::TEMPO, data } => Some(be_u32(data)),
        _ => None,
    });
    let quarter_s = f64::from(micros.unwrap_or(DEFAULT_MICROS_PER_QUARTER).max(1)) * 1e-6;
    let wanted = steps.get(steps.len() / 2).map_or(480.0, |&step| step as f64 * quarter_s / SECONDS_A_CHORD);
    let distance = |ticks: &u16| (f64::from(*ticks) / wanted).ln().abs();
    IN_USE.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("there are some")
}

/// Walks the chunks; garbage is skipped to the next track, unless it is a track.
fn read_tracks(all: &[u8], announced: usize, warnings: &mut Warnings) -> Vec<Track> {
    /// How often, on average, each byte may be read in the search for tracks without a marker.
    const SEARCHES: usize = 16;
    let mut tracks: Vec<Track> = Vec::new();
    let mut left = SEARCHES * all.len();
    // Searched for once: a file may consist of nothing but tracks without a marker.
    let markers: Vec<usize> = (0..all.len()).filter(|&at| all[at..].starts_with(&MARKER)).collect();
    let marker_in = |rest: &[u8]| {
        let from = all.len() - rest.len();
        markers.get(markers.partition_point(|&at| at < from)).map_or(rest.len(), |at| at - from)
    };
    let mut body = all;
    while body.len() >= 8 {
        let number = tracks.len() + 1;
        // Part of a marker that appears twice; read as a length, it would be over a gigabyte.
        let again = (2..=4).find(|&count| body.starts_with(&MARKER) && body[4..].starts_with(&MARKER[4 - count..]));
        if let Some(count) = again.filter(|count| body.len() >= count + 8) {
            warnings.add(format!("track {number}: its marker (MTrk) stands there twice"));
            body = &body[count..];
        }
        let (id, length) = (&body[..4], be_u32(&body[4..8]) as usize);
        let fits = length <= body.len() - 8;
        if tracks.len() == MAX_TRACKS {
            warnings.add(format!("tracks after the first {MAX_TRACKS} are ignored"));
            return tracks;
        }
        if id == MARKER || again.is_some() {
            let chunk = &body[8..];
            let extent = extent(chunk, length, || marker_in(chunk));
            let found = Contents::read(&chunk[..extent.limit], extent.sure);
            if extent.sure || found.ended {
                if !extent.sure && found.used != length {
                    let bytes = found.used;
                    warnings.add(format!("track {number}: its length is given as {length} bytes, it has {bytes}"));
                }
                if !found.ended && found.used > 0 && found.unreadable.is_none() {
                    warnings.add(format!("track {number} has no end"));
                }
            } else if length > chunk.len() && extent.limit == chunk.len() {
                warnings.add(format!("track {number} is cut short: {} bytes of {length}", chunk.len()));
            } else {
                warnings.add(format!("track {number}: its length is given as {length} bytes, and it has no end"));
            }
            body = &chunk[found.used..];
            tracks.push(found.into_track(number, warnings));
        } else if id == b"MThd" {
            if tracks.len() >= announced {
                warnings.add("a second file after the first is ignored".into());
                return tracks;
            }
            warnings.add("a second header among the tracks was skipped".into());
            body = &body[(8 + HEADER_BYTES).min(body.len())..];
        } else {
            let alien = is_name(id) && fits;
            let skip = if alien { 8 + length } else { marker_in(body) };
            if let Some(found) = whole_track(&body[..skip], alien, &mut left) {
                warnings.add(format!("track {number} has no marker (MTrk)"));
                tracks.push(Contents::read(&body[found.clone()], true).into_track(number, warnings));
                body = &body[found.end..];
                continue;
            }
            // Others may put chunks of their own into a file.
            if !alien || id.iter().zip(&MARKER).filter(|(a, b)| a.eq_ignore_ascii_case(b)).count() >= 2 {
                warnings.add(format!("{skip} bytes that belong to no track were skipped"));
            }
            body = &body[skip..];
        }
    }
    if body.iter().any(|&byte| byte != 0) {
        warnings.add(format!("{} bytes at the end were ignored", body.len()));
    }
    tracks
}

/// How far a track can extend.
struct Extent {
    limit: usize,
    /// Whether the length it declares is confirmed by the bytes there.
    sure: bool,
}

/// `chunk` is everything after the length, `next` the position of the next marker in it.
fn extent(chunk: &[u8], length: usize, next: impl FnOnce() -> usize) -> Extent {
    if let (Some(inside), Some(behind)) = (chunk.get(..length), chunk.get(length..)) {
        let next_fits = || {
            let said = behind.get(4..8).map_or(0, be_u32) as usize;
            behind.len() >= 8 && is_name(&behind[..4]) && said <= behind.len() - 8
        };
        let ends = inside.ends_with(&[0xFF, meta::END_OF_TRACK, 0]);
        if behind.is_empty() || ends || behind.starts_with(&MARKER) || behind.starts_with(b"MThd") || next_fits() {
            return Extent { limit: length, sure: true };
        }
    }
    Extent { limit: next(), sure: false }
}

/// Replaces the tempo of SMPTE files: tempo events don't move their ticks, so they are removed, and the one that the
/// division requires is inserted.
fn fix_tempo(tracks: &mut [Track], micros_per_quarter: u32) {
    for track in &mut *tracks {
        track.events.retain(|event| !matches!(event.kind, EventKind::Meta { kind: meta::TEMPO, .. }));
    }
    if let Some(first) = tracks.first_mut() {
        first.events.insert(0, Event { tick: 0, kind: EventKind::tempo(micros_per_quarter) });
    }
}

/// Type 2: the tracks are separate pieces. They are put one after the other, each with the default tempo and metre.
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
