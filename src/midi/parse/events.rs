//! The events of one track, including ones that violate the standard.
//!
//! An event that can't be read literally can mean several things: a byte too large, a byte too few, a wrong length,
//! bytes that are not an event. Each is tried, and the one after which reading stays in step the longest is taken.

use super::Warnings;
use crate::midi::track::{Event, EventKind, Track, meta};
use midly::live::LiveEvent;
use std::collections::BTreeMap;
use std::ops::Range;

/// The marker at the start of a track chunk.
pub(super) const MARKER: [u8; 4] = *b"MTrk";

/// The most bytes of a number under the standard: 28 bits.
const NUMBER_BYTES: usize = 4;

/// More bytes than this are not a number: it bounds the work on a file of nothing else.
const LONGEST_NUMBER: usize = 32;

/// Longest delta time that four bytes hold; a longer one is treated as damage.
const MAX_DELTA: u64 = (1 << 28) - 1;

/// No two events of a song are this many ticks apart, but bytes that are not events may look as if they were.
const HUGE_DELTA: u64 = 1 << 21;

/// Longest text or system message that other readers (mido) accept.
const MAX_DATA: usize = 1_000_000;

/// Events examined to decide whether reading is in step, and the score of each one that a song could have.
const AHEAD: u32 = 12;
const WHOLE: u32 = 2;
const IN_STEP: u32 = AHEAD * WHOLE;

/// Unreadable bytes that are searched for the next event, and how often each byte of a track is searched on average:
/// beyond that, damage is not music.
const SEARCH_BYTES: usize = 2048;
const SEARCHES: usize = 4;

/// Where the parts of an event are, counted from the first byte of its delta time.
#[derive(Debug, Clone, Copy)]
struct Shape {
    delta: u64,
    status: u8,
    /// Type of a meta event.
    kind: u8,
    /// The data, without status, type and length.
    data: (usize, usize),
    /// Bytes of the whole event.
    used: usize,
    odd: bool,
}

impl Shape {
    fn is_end(&self) -> bool {
        (self.status, self.kind) == (0xFF, meta::END_OF_TRACK)
    }

    /// The same event with another length of its data.
    fn with_length(self, length: usize) -> Self {
        Self { data: (self.data.0, length), used: self.data.0 + length, odd: true, ..self }
    }

    fn running(&self, before: Option<u8>) -> Option<u8> {
        // Strictly, a meta event ends running status. Many files continue it, and every player follows them.
        if self.status < 0xF0 { Some(self.status) } else { before }
    }
}

/// A variable-length number, even if longer than the standard allows, and how many bytes it has.
fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value: u64 = 0;
    for (i, byte) in bytes.iter().take(LONGEST_NUMBER).enumerate() {
        value = value.checked_mul(128).map_or(u64::MAX, |value| value | u64::from(byte & 0x7F));
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
    }
    None
}

fn data_bytes(status: u8) -> usize {
    match status & 0xF0 {
        0xC0 | 0xD0 => 1,
        _ => 2,
    }
}

/// The length that the standard gives a meta event, if it does.
fn meta_bytes(kind: u8) -> Option<usize> {
    Some(match kind {
        meta::END_OF_TRACK => 0,
        meta::CHANNEL_PREFIX | meta::PORT => 1,
        meta::SEQUENCE_NUMBER | meta::KEY_SIGNATURE => 2,
        meta::TEMPO => 3,
        meta::TIME_SIGNATURE => 4,
        meta::SMPTE_OFFSET => 5,
        _ => return None,
    })
}

/// The event at the beginning of `bytes`, which are not empty; `None` if it can't be one.
fn shape(bytes: &[u8], running: Option<u8>) -> Option<Shape> {
    let (delta, delta_bytes) = number(bytes)?;
    let first = *bytes.get(delta_bytes)?;
    let (status, at) = if first < 0x80 { (running?, delta_bytes) } else { (first, delta_bytes + 1) };
    let plain = |from: usize, length: usize, odd: bool| Shape {
        delta,
        status,
        kind: 0,
        data: (from, length),
        // A length may be any number: one that is too large for the bytes is refused below.
        used: from.saturating_add(length),
        odd,
    };
    let mut found = match status {
        0xF0 | 0xF7 => {
            let (length, digits) = number(&bytes[at..])?;
            plain(at + digits, usize::try_from(length).ok()?, digits > NUMBER_BYTES)
        }
        0xFF => {
            let kind = *bytes.get(at)?;
            // A file may be cut right after the type of the last event.
            let cut = (kind == meta::END_OF_TRACK && bytes.len() == at + 1).then_some((0, 0));
            let (length, digits) = cut.or_else(|| number(&bytes[at + 1..]))?;
            let odd = kind > 0x7F || digits > NUMBER_BYTES;
            Shape { kind, ..plain(at + 1 + digits, usize::try_from(length).ok()?, odd) }
        }
        // Messages that only occur on a cable: time code, song position, clock, active sensing.
        0xF1 | 0xF3 => plain(at, 1, true),
        0xF2 => plain(at, 2, true),
        0xF4.. => plain(at, 0, true),
        _ => {
            let length = data_bytes(status);
            let high = |data: &[u8]| data.iter().any(|&byte| byte > 0x7F);
            plain(at, length, bytes.get(at..at + length).is_none_or(high))
        }
    };
    found.odd |= delta_bytes > NUMBER_BYTES || delta > MAX_DELTA;
    let end = found.data.0.checked_add(found.data.1)?;
    (end <= bytes.len()).then_some(found)
}

/// How well the bytes can be read as events: [`IN_STEP`] if [`AHEAD`] of them follow, or as many as the track has left.
fn in_step(mut bytes: &[u8], mut running: Option<u8>) -> u32 {
    let mut score = 0;
    for _ in 0..AHEAD {
        if bytes.is_empty() {
            return IN_STEP;
        }
        let Some(next) = shape(bytes, running) else { return score };
        bytes = &bytes[next.used..];
        if next.is_end() {
            return if next.data.1 == 0 { IN_STEP } else { score + 1 };
        }
        running = next.running(running);
        // Files with one byte out of range have many.
        let song = !next.odd || next.status < 0xF0 && next.delta < HUGE_DELTA;
        score += if song { WHOLE } else { 1 };
    }
    score
}

/// Where in `bytes` there is a track without a marker, readable to its end without a fault: the marker, the length, or
/// both may be missing or broken. In an `alien` chunk, which has a name, it must have notes. At most `left` bytes may
/// be read.
pub(super) fn whole_track(bytes: &[u8], alien: bool, left: &mut usize) -> Option<Range<usize>> {
    let mut contents = |start: usize, end: usize| {
        let (mut rest, mut running, mut notes) = (bytes.get(start..end)?, None, false);
        while let Some(next) = shape(rest, running).filter(|next| !next.odd) {
            *left = left.checked_sub(next.used)?;
            rest = &rest[next.used..];
            if next.is_end() {
                return (next.data.1 == 0 && (notes || !alien)).then(|| start..end - rest.len());
            }
            notes |= next.status & 0xF0 == 0x90;
            running = next.running(running);
        }
        None
    };
    for start in [8, 4] {
        let length = bytes.get(start - 4..start).map(|length| super::be_u32(length) as usize);
        let end = length.and_then(|length| start.checked_add(length)).filter(|end| *end <= bytes.len());
        if let Some(found) = end.and_then(|end| contents(start, end)).filter(|found| Some(found.end) == end) {
            return Some(found);
        }
    }
    (0..bytes.len().min(12)).find_map(|start| contents(start, bytes.len()))
}

/// The contents of a track chunk, and what was wrong with it.
#[derive(Debug, Default)]
pub(super) struct Contents {
    track: Track,
    /// The number of bytes that belong to the track.
    pub(super) used: usize,
    /// Whether the track has an end.
    pub(super) ended: bool,
    late: bool,
    /// How often each repair was made, by its message.
    mended: BTreeMap<&'static str, usize>,
    /// How many more bytes may be searched.
    searches_left: usize,
    /// The position at which reading stopped early, and the number of bytes.
    pub(super) unreadable: Option<(usize, usize)>,
}

impl Contents {
    /// Reads the events of a track from `bytes`, the most it can have. If that is not `sure`, the track ends where it
    /// says.
    pub(super) fn read(bytes: &[u8], sure: bool) -> Self {
        let mut found = Self { searches_left: SEARCHES * bytes.len(), ..Self::default() };
        let (mut tick, mut running) = (0u64, None);
        while found.used < bytes.len() {
            let rest = &bytes[found.used..];
            // Some writers store a wrong length; after the end of a track, only the next track can follow.
            if found.ended && (!sure || rest.starts_with(&MARKER)) {
                break;
            }
            let Some(event) = found.next(rest, running) else {
                let skip = if found.ended { None } else { found.next_event(rest) };
                if let Some(skip) = skip {
                    *found.mended.entry("bytes that are no event were skipped").or_default() += skip;
                } else if !found.ended || rest.iter().any(|&byte| byte != 0) {
                    found.unreadable = Some((found.used, bytes.len()));
                }
                found.used += skip.unwrap_or(rest.len());
                continue;
            };
            tick = tick.saturating_add(found.delta(&event, rest));
            running = event.running(running);
            found.late |= found.ended && event.status != 0xFF;
            if event.is_end() {
                found.ended = true;
            } else if let Some(kind) = found.kind(&event, rest) {
                found.track.events.push(Event { tick, kind });
            }
            found.used += event.used;
        }
        found.track.end_tick = tick;
        found
    }

    fn count(&mut self, what: &'static str) {
        *self.mended.entry(what).or_default() += 1;
    }

    /// The next event, read literally or as it was meant.
    fn next(&mut self, rest: &[u8], running: Option<u8>) -> Option<Shape> {
        const WRONG_LENGTH: &str = "events have a wrong length";
        let found = shape(rest, running);
        let score = |event: &Shape| in_step(&rest[event.used..], event.running(running));
        let fine = |event: &Shape| match event.status {
            0xFF => meta_bytes(event.kind).is_none_or(|length| length == event.data.1),
            0xF0 => rest[..event.used].ends_with(&[0xF7]),
            _ => !event.odd,
        };
        if let Some(event) = found
            && (fine(&event) || (event.status >= 0xF0 && score(&event) == IN_STEP))
        {
            return found;
        }
        let (delta, delta_bytes) = number(rest)?;
        let status = found.map(|event| event.status).or_else(|| rest.get(delta_bytes).copied())?;
        let mut meant: Vec<(Shape, &'static str)> = Vec::new();
        match (status, found) {
            (..0xF0, Some(event)) => {
                let shorter = (0..event.data.1).rev().map(|length| event.with_length(length));
                meant.extend(shorter.map(|event| (event, "messages with bytes missing were completed")));
            }
            (0xF0, _) => meant.extend(self.until_f7(rest, delta, delta_bytes + 1).map(|event| (event, WRONG_LENGTH))),
            (0xFF, _) => {
                let kind = *rest.get(delta_bytes + 1)?;
                let (_, digits) = rest.get(delta_bytes + 2..).and_then(number).unwrap_or((0, 0));
                let from = delta_bytes + 2 + digits;
                let event = Shape { delta, status, kind, data: (from, 0), used: from, odd: true };
                meant.extend(meta_bytes(kind).map(|length| (event.with_length(length), WRONG_LENGTH)));
            }
            _ => {}
        }
        let mut best = (found.as_ref().map_or(0, score), found, None);
        for (event, what) in meant {
            if event.used <= rest.len() && (score(&event) > best.0 || best.1.is_none()) {
                best = (score(&event), Some(event), Some(what));
            }
        }
        if let Some(what) = best.2 {
            self.count(what);
        }
        best.1
    }

    /// A system message whose length is wrong or missing, up to its F7; its status is the byte before `at`.
    fn until_f7(&mut self, rest: &[u8], delta: u64, at: usize) -> Option<Shape> {
        /// The first bytes of such messages: Kawai, Roland, Korg, Yamaha, Casio, and the universal ones.
        const SENDERS: [u8; 7] = [0x40, 0x41, 0x42, 0x43, 0x44, 0x7E, 0x7F];
        let most = SEARCH_BYTES.min(self.searches_left);
        let found = rest.get(at..)?.iter().take(most).position(|&byte| byte == 0xF7);
        self.searches_left -= found.unwrap_or(most).min(most);
        let end = at + found? + 1;
        // If the length is missing, what was read as the length is data.
        let (_, digits) = number(&rest[at..])?;
        let named = |from: usize| rest[from..end].first().is_some_and(|first| SENDERS.contains(first));
        let from = if at + digits < end && (named(at + digits) || !named(at)) { at + digits } else { at };
        Some(Shape { delta, status: 0xF0, kind: 0, data: (from, end - from), used: end, odd: true })
    }

    /// The distance to the next event that is followed by others; it has a status byte of its own.
    fn next_event(&mut self, rest: &[u8]) -> Option<usize> {
        let mut best = (AHEAD / 2, None);
        let most = rest.len().min(SEARCH_BYTES).min(self.searches_left);
        for skip in 1..most {
            let score = in_step(&rest[skip..], None);
            if score > best.0 {
                best = (score, Some(skip));
            }
            if score >= IN_STEP {
                break;
            }
        }
        self.searches_left -= best.1.filter(|_| best.0 >= IN_STEP).unwrap_or(most);
        best.1
    }

    fn delta(&mut self, event: &Shape, rest: &[u8]) -> u64 {
        let digits = number(rest).map_or(0, |(_, digits)| digits);
        if event.delta > MAX_DELTA {
            self.count("delta times too long for a file were taken as 0");
            return 0;
        }
        if digits > NUMBER_BYTES {
            self.count("delta times have more than 4 bytes");
        }
        event.delta
    }

    /// The event in a form that outlives the bytes of the file; `None` for one without meaning, or that other readers
    /// refuse.
    fn kind(&mut self, event: &Shape, rest: &[u8]) -> Option<EventKind> {
        let mut data = &rest[event.data.0..event.data.0 + event.data.1];
        if event.status == 0xFF {
            data = &data[..meta_bytes(event.kind).unwrap_or(usize::MAX).min(data.len())];
        }
        let refused = match event.status {
            0xFF => refused(event.kind, data),
            0xF0 | 0xF7 if bare(data).iter().any(|&byte| byte > 0x7F) => {
                Some("system messages with bytes above 127 were dropped")
            }
            0xF1..=0xF6 | 0xF8.. => Some("malformed events were skipped"),
            _ => None,
        };
        let long = data.len() > MAX_DATA && event.status >= 0xF0;
        if let Some(why) = refused.or(long.then_some("texts and system messages over a million bytes were dropped")) {
            self.count(why);
            return None;
        }
        Some(match event.status {
            0xF0 => EventKind::SysEx(data.into()),
            0xF7 => EventKind::Escape(data.into()),
            0xFF => EventKind::Meta { kind: event.kind, data: data.into() },
            status => self.channel_message(status, data)?,
        })
    }

    fn channel_message(&mut self, status: u8, data: &[u8]) -> Option<EventKind> {
        // The missing byte is the velocity of a note or the position of a controller: take the middle.
        let mut bytes = [status, 64, 64];
        bytes[1..=data.len()].copy_from_slice(data);
        for (i, byte) in bytes.iter_mut().enumerate().skip(1).filter(|(_, byte)| **byte > 0x7F) {
            // Levels are clipped. A clipped key or program would be a different one.
            let level = i == 2 || status & 0xF0 == 0xD0;
            *byte = if level { 0x7F } else { *byte & 0x7F };
            self.count("data bytes above 127 were brought into range");
        }
        match LiveEvent::parse(&bytes[..=data_bytes(status)]) {
            Ok(LiveEvent::Midi { channel, message }) => Some(EventKind::Channel { channel: channel.as_int(), message }),
            _ => None,
        }
    }

    /// The track, in which all notes have an end; warns of what was wrong.
    pub(super) fn into_track(mut self, number: usize, warnings: &mut Warnings) -> Track {
        if let Some((at, length)) = self.unreadable {
            warnings.add(format!("track {number}: unreadable after {at} of {length} bytes"));
        }
        for (what, count) in self.mended {
            warnings.add(format!("track {number}: {count} {what}"));
        }
        if self.late {
            warnings.add(format!("track {number}: there are events after its end"));
        }
        let struck = self.track.strike();
        if struck > 0 {
            warnings.add(super::struck(number, struck));
        }
        let hanging = self.track.end_hanging_notes();
        if hanging > 0 {
            warnings.add(format!("track {number}: {hanging} notes never end; they were ended with the track"));
        }
        self.track
    }
}

/// The data of a system message without its ends: the part that other readers (mido) require to be below 128.
fn bare(data: &[u8]) -> &[u8] {
    let data = data.strip_prefix(&[0xF0]).unwrap_or(data);
    data.strip_suffix(&[0xF7]).unwrap_or(data)
}

/// Why a meta event is dropped, if it is: it has no meaning, and other readers refuse a file because of it.
fn refused(kind: u8, data: &[u8]) -> Option<&'static str> {
    let fine = match kind {
        meta::SEQUENCE_NUMBER => matches!(data.len(), 0 | 2..),
        meta::CHANNEL_PREFIX => !data.is_empty(),
        meta::TEMPO => data.len() >= 3 && data[..3] != [0, 0, 0],
        meta::SMPTE_OFFSET => data.len() >= 5 && data[0] < 0x80 && data[1] < 60 && data[2] < 60 && data[3] < 60,
        meta::TIME_SIGNATURE => data.len() >= 4 && data[0] > 0 && data[1] <= 7,
        meta::KEY_SIGNATURE => data.len() >= 2 && (-7..=7).contains(&(data[0] as i8)) && data[1] <= 1,
        kind => kind <= 0x7F,
    };
    let why = match kind {
        meta::TEMPO => "tempo events without a tempo were dropped",
        meta::SMPTE_OFFSET => "SMPTE offsets that say nothing were dropped",
        meta::TIME_SIGNATURE => "time signatures that say nothing were dropped",
        meta::KEY_SIGNATURE => "key signatures that say nothing were dropped",
        _ => "malformed events were skipped",
    };
    (!fine).then_some(why)
}
