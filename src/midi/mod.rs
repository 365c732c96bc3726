//! Which notes does a MIDI file contain, when do they sound, and which messages does a synthesiser receive?
//!
//! A [`Midi`] is a file in one normal form: parallel tracks, ticks that are fractions of a quarter note, and one tempo
//! map for all tracks. Other forms are converted to it when a file is parsed, without moving a note:
//!
//! - **SMPTE time** becomes metrical time: a tempo is chosen at which the ticks last exactly as long as before.
//! - **Type 2** (pieces of their own in one file) becomes type 1: the tracks follow each other, each from the default
//!   tempo and metre.
//! - **RMID** and bytes before the header are unwrapped; a **track cut short** or damaged is read as far as possible,
//!   past any wrong byte, length or marker.
//! - **Notes that never end** end with their track; **notes without length** get one tick.
//! - **Drum kits** of XG, GS and GM2 on channels other than 9 are drums ([`Note::drums`]).
//!
//! Anything odd is listed in [`Midi::warnings`]. A file without notes is no error here; the aligner refuses it.
//!
//! Which note-off ends which note, and where the beats are, follows `pretty_midi` 0.2.11, the reader behind the papers
//! and the Lakh MIDI Dataset, with these differences: tempos and time signatures are taken from all tracks (there: the
//! first), the program is that of the channel at the start of the note (there: that of the track at its end), hanging
//! notes are kept (there: dropped), and if there are two time signatures at one tick, the last counts.
//!
//! ```
//! use antiphon::midi::{Midi, MidiTime};
//!
//! // Type 0, one track, 96 ticks a quarter note: middle C for a quarter note, by running status.
//! let bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x0b\0\x90\x3c\x40\x60\x3c\0\0\xff\x2f\0";
//! let midi = Midi::parse(bytes)?;
//! let note = midi.notes()[0];
//! assert_eq!((note.pitch, note.start, note.end), (60, MidiTime(0.0), MidiTime(0.5)));
//! assert_eq!(midi.bar_and_beat(MidiTime(0.5)), (1, 2.0));
//! # Ok::<(), antiphon::Error>(())
//! ```

mod drums;
mod meter;
mod parse;
mod tempo;
pub(crate) mod track;
mod write;

use crate::error::{Error, Result};
use drums::DrumParts;
use meter::{Bar, Meter};
use midly::MidiMessage;
use parse::{Parsed, Warnings};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use tempo::TempoMap;
use track::{Event, EventKind, Track, meta, pair_notes, starts_note};

/// Maximum file size: the largest files in use have a few million notes, about 20 MB.
const MAX_BYTES: usize = 64 << 20;

/// Longest piece, in seconds: 100 hours. More is a corrupt delta time, and would cost memory later.
pub(crate) const MAX_SECONDS: f64 = 100.0 * 3600.0;

/// The drum channel of General MIDI.
pub(crate) const DRUM_CHANNEL: u8 = 9;

/// A moment of a MIDI file, in seconds of its own tempo map.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MidiTime(pub f64);

/// One sounding note.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Note {
    /// When it starts.
    pub start: MidiTime,
    /// When it ends; later than `start`.
    pub end: MidiTime,
    /// Start in ticks from the beginning of the file.
    pub start_tick: u64,
    /// End in ticks.
    pub end_tick: u64,
    /// Track of the file, from 0.
    pub track: u16,
    /// Channel, 0–15.
    pub channel: u8,
    /// Whether a drum kit plays it: on channel 9, and on those where XG, GS or GM2 asks for one.
    pub drums: bool,
    /// MIDI note number, 0–127.
    pub pitch: u8,
    /// 1–127.
    pub velocity: u8,
    /// General MIDI program in force when it starts, 0–127.
    pub program: u8,
}

impl Note {
    /// Whether a drum kit plays it.
    pub fn is_drum(&self) -> bool {
        self.drums
    }
}

/// A tempo, in force from `tick` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TempoChange {
    /// First tick at this tempo.
    pub tick: u64,
    /// Microseconds per quarter note, 1..=16 777 215.
    pub micros_per_quarter: u32,
}

/// A time signature, in force from `tick` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSignature {
    /// First tick.
    pub tick: u64,
    /// Beats per bar.
    pub numerator: u8,
    /// Note value of a beat: 2, 4, 8 …
    pub denominator: u16,
}

/// A channel message for a synthesiser, at its time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Message {
    /// When.
    pub time: MidiTime,
    /// Channel, 0–15.
    pub channel: u8,
    /// Whether a drum kit is on the channel.
    pub drums: bool,
    /// Status nibble: 0x80 note off, 0x90 note on, 0xA0 …, 0xE0 pitch bend.
    pub command: u8,
    /// First data byte.
    pub data1: u8,
    /// Second data byte, 0 if the message has none.
    pub data2: u8,
}

/// A MIDI file in memory.
#[derive(Debug, Clone)]
pub struct Midi {
    tracks: Vec<Track>,
    tempo: TempoMap,
    meter: Meter,
    notes: Vec<Note>,
    messages: Vec<Message>,
    end: MidiTime,
    warnings: Warnings,
}

impl Midi {
    /// Reads a file of at most 64 MiB.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Midi`] as in [`parse`](Self::parse), with the path.
    pub fn read(path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            // One byte more than allowed shows that there is more.
            .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
            .map_err(Error::io("read", path))?;
        Self::parse(&bytes).map_err(|error| error.at(path))
    }

    /// Parses the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Midi`] if there is no header, if the header gives ticks no length (division 0), or if the piece would
    /// last more than 100 hours. Lesser damage is a [warning](Self::warnings).
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let Parsed { ticks_per_quarter, tracks, warnings } = parse::parse(bytes)?;
        Self::assemble(ticks_per_quarter, tracks, warnings)
    }

    /// Makes a file from these tracks; `ticks_per_quarter` is in 1..=32767.
    pub(crate) fn from_tracks(ticks_per_quarter: u16, tracks: Vec<Track>) -> Result<Self> {
        Self::assemble(ticks_per_quarter, tracks, Warnings::default())
    }

    fn assemble(ticks_per_quarter: u16, mut tracks: Vec<Track>, mut warnings: Warnings) -> Result<Self> {
        let mut tempo = TempoMap::new(ticks_per_quarter, tempo_changes(&tracks));
        let last_s = |tracks: &[Track], tempo: &TempoMap| {
            tempo.seconds(tracks.iter().map(|track| track.end_tick).max().unwrap_or(0) as f64)
        };
        if last_s(&tracks, &tempo) > MAX_SECONDS {
            let limit = tempo.tick(MAX_SECONDS) as u64;
            for (number, track) in (1..).zip(&mut tracks) {
                for (tick, delta) in track.close_up(limit) {
                    let hours = (tempo.seconds(tick as f64) - tempo.seconds((tick - delta) as f64)) / 3600.0;
                    warnings.add(format!("track {number}: a wait of {hours:.1} hours was left out"));
                }
                // A note that sounded all the while has no length left.
                let struck = track.strike();
                if struck > 0 {
                    warnings.add(parse::struck(number, struck));
                }
            }
            tempo = TempoMap::new(ticks_per_quarter, tempo_changes(&tracks));
        }
        let last_s = last_s(&tracks, &tempo);
        if last_s > MAX_SECONDS {
            let hours = last_s / 3600.0;
            let reason = format!("it lasts {hours:.1} hours, the limit is {:.0}", MAX_SECONDS / 3600.0);
            return Err(Error::Midi { reason, path: PathBuf::new() });
        }
        let meter = Meter::new(ticks_per_quarter, time_signatures(&tracks));
        let drums = DrumParts::new(&tracks);
        let notes = notes(&tracks, &tempo, &drums);
        let messages = messages(&tracks, &tempo, &drums);
        let end = notes.iter().map(|note| note.end.0).reduce(f64::max).unwrap_or(last_s);
        Ok(Self { tracks, tempo, meter, notes, messages, end: MidiTime(end), warnings })
    }

    /// The bytes of a standard MIDI file with the same events at the same ticks, including texts and system messages:
    /// type 0 for one track, else type 1, with running status.
    pub fn to_bytes(&self) -> Vec<u8> {
        write::write(self.tempo.ticks_per_quarter(), &self.tracks)
    }

    /// What was wrong with the file, one line each; empty if all was well.
    pub fn warnings(&self) -> &[String] {
        self.warnings.all()
    }

    /// The same in one line for a person; `None` if all was well.
    pub fn warning(&self) -> Option<String> {
        /// For a file that is damaged all over, a few are enough.
        const MOST: usize = 5;
        let all = self.warnings();
        let more = all.len().saturating_sub(MOST);
        let more = (more > 0).then(|| format!("and {more} more"));
        let said: Vec<&str> = all.iter().take(MOST).map(String::as_str).chain(more.as_deref()).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// All notes, by start, then pitch.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// All messages for a synthesiser, by tick; at equal ticks in the order of the file, track after track. A note-on
    /// of velocity 0 is given as note-off. System messages are not included.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// End of the last note (or of the file, if it has none).
    pub fn end(&self) -> MidiTime {
        self.end
    }

    /// Ticks per quarter note.
    pub fn ticks_per_quarter(&self) -> u16 {
        self.tempo.ticks_per_quarter()
    }

    /// Tempo changes by tick; the first is at tick 0 (120 a minute if the file has none there). Events of all tracks
    /// count; repeats of a tempo, and tempos of 0 µs, are left out.
    pub fn tempos(&self) -> &[TempoChange] {
        self.tempo.changes()
    }

    /// Time signatures by tick, of all tracks; empty if the file has none.
    pub fn time_signatures(&self) -> &[TimeSignature] {
        self.meter.signatures()
    }

    /// The name of each track, empty if it has none. Bytes that are not UTF-8 are read as Latin-1.
    pub fn track_names(&self) -> Vec<String> {
        let name = |track: &Track| {
            track.events.iter().find_map(|event| match &event.kind {
                EventKind::Meta { kind: meta::TRACK_NAME, data } => Some(text(data)),
                _ => None,
            })
        };
        self.tracks.iter().map(|track| name(track).unwrap_or_default()).collect()
    }

    /// Texts that are neither names nor lyrics, track after track: where karaoke files describe themselves.
    pub fn texts(&self) -> Vec<String> {
        let events = self.tracks.iter().flat_map(|track| &track.events);
        let texts = events.filter_map(|event| match &event.kind {
            EventKind::Meta { kind: meta::TEXT, data } => Some(text(data)),
            _ => None,
        });
        texts.collect()
    }

    /// Markers with their times, track after track: names of parts, rehearsal letters, jumps of an aligned file.
    pub fn markers(&self) -> Vec<(MidiTime, String)> {
        let events = self.tracks.iter().flat_map(|track| &track.events);
        let markers = events.filter_map(|event| match &event.kind {
            EventKind::Meta { kind: meta::MARKER, data } => Some((self.time_at(event.tick as f64), text(data))),
            _ => None,
        });
        markers.collect()
    }

    /// Beats as `pretty_midi` defines them (spec A): from 0 to the last event, one note of the denominator each, or
    /// three in 6/8, 9/8, 12/8 …; a time signature always begins a beat. At most a million.
    pub fn beats(&self) -> Vec<MidiTime> {
        self.meter.beats(&self.tempo, self.last_event_s())
    }

    /// Seconds at a tick. Before 0 and after the last event the nearest tempo continues.
    pub fn time_at(&self, tick: f64) -> MidiTime {
        MidiTime(self.tempo.seconds(tick))
    }

    /// Tick (fractional) at a time; the inverse of [`time_at`](Self::time_at).
    pub fn tick_at(&self, time: MidiTime) -> f64 {
        self.tempo.tick(time.0)
    }

    /// Bar and beat, both from 1, the beat with its fraction and in notes of the signature's denominator. Times before
    /// 0 are in bar 1, beat 1. Without a time signature, bars have four quarters.
    pub fn bar_and_beat(&self, time: MidiTime) -> (u32, f64) {
        // A beat's own time must not round to the beat before it.
        let tick = (self.tick_at(time) + 1e-6).max(0.0);
        let bar = self.bar_at(tick);
        let beat_ticks = bar.ticks / f64::from(bar.signature.numerator);
        let beat = (tick - bar.start_tick) / beat_ticks;
        (bar.number, 1.0 + (beat * 1e6).round() / 1e6)
    }

    /// The bar around a tick, which may be negative.
    pub(crate) fn bar_at(&self, tick: f64) -> Bar {
        self.meter.bar_at(tick)
    }

    /// The tracks in normal form: every note-on has its note-off, and ticks count from the beginning of the file.
    pub(crate) fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The same file with every note except drums moved by `semitones`; notes that leave 0..=127 move back by an
    /// octave.
    #[must_use]
    pub fn transposed(&self, semitones: i32) -> Self {
        let mut midi = self.clone();
        let drums = DrumParts::new(&self.tracks);
        for (number, track) in midi.tracks.iter_mut().enumerate() {
            // A note that began as a drum ends as one, whatever comes in between.
            let mut struck = vec![false; track.events.len()];
            for pair in pair_notes(&track.events).0 {
                if let EventKind::Channel { channel, .. } = track.events[pair.on].kind {
                    let drums = drums.at(channel, (track.events[pair.on].tick, number, pair.on));
                    (struck[pair.on], struck[pair.off]) = (drums, struck[pair.off] || drums);
                }
            }
            for (index, event) in track.events.iter_mut().enumerate() {
                if let EventKind::Channel { channel, message } = &mut event.kind
                    && !struck[index]
                    && !drums.at(*channel, (event.tick, number, index))
                    && let MidiMessage::NoteOn { key, .. }
                    | MidiMessage::NoteOff { key, .. }
                    | MidiMessage::Aftertouch { key, .. } = message
                {
                    *key = moved(key.as_int(), semitones).into();
                }
            }
        }
        for message in midi.messages.iter_mut().filter(|m| !m.drums && m.command <= 0xA0) {
            message.data1 = moved(message.data1, semitones);
        }
        for note in midi.notes.iter_mut().filter(|note| !note.is_drum()) {
            note.pitch = moved(note.pitch, semitones);
        }
        sort_notes(&mut midi.notes);
        midi
    }

    /// The end according to `pretty_midi.get_end_time`: the last of the notes, of the bends and controllers of channels
    /// that have notes, of tempos, signatures, keys, texts and lyrics.
    fn last_event_s(&self) -> f64 {
        let ticks = self.tracks.iter().filter_map(|track| {
            let (mut sounding, mut last) = ([false; 16], [0; 17]);
            for event in &track.events {
                match &event.kind {
                    EventKind::Channel { channel, message } => {
                        let channel = usize::from(*channel);
                        sounding[channel] |= starts_note(*message).is_some();
                        if let MidiMessage::Controller { .. } | MidiMessage::PitchBend { .. } = message {
                            last[channel] = event.tick;
                        }
                    }
                    EventKind::Meta { kind: meta::TEXT | meta::LYRIC | meta::KEY_SIGNATURE, .. } => {
                        last[16] = event.tick;
                    }
                    _ => {}
                }
            }
            (0..17).filter(|&i| i == 16 || sounding[i]).map(|i| last[i]).max()
        });
        let changes = self.tempos().last().map(|change| change.tick);
        let signatures = self.time_signatures().last().map(|signature| signature.tick);
        let notes = self.notes.iter().map(|note| note.end_tick);
        self.tempo.seconds(ticks.chain(changes).chain(signatures).chain(notes).max().unwrap_or(0) as f64)
    }
}

fn moved(pitch: u8, semitones: i32) -> u8 {
    let pitch = i64::from(pitch) + i64::from(semitones);
    match pitch {
        0..=127 => pitch as u8,
        // The nearest octave inside: 0..=11 from below, 116..=127 from above.
        ..0 => pitch.rem_euclid(12) as u8,
        _ => (116 + (pitch - 116) % 12) as u8,
    }
}

fn sort_notes(notes: &mut [Note]) {
    notes.sort_by_key(|note| (note.start_tick, note.pitch));
}

fn text(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|&b| b as char).collect(), String::from);
    text.trim_end_matches('\0').into()
}

/// Payloads of one kind of meta event, by tick; at equal ticks in the order of the file.
fn meta_events(tracks: &[Track], wanted: u8) -> Vec<(u64, &[u8])> {
    let mut found: Vec<(u64, &[u8])> = tracks
        .iter()
        .flat_map(|track| &track.events)
        .filter_map(|event| match &event.kind {
            EventKind::Meta { kind, data } if *kind == wanted => Some((event.tick, &data[..])),
            _ => None,
        })
        .collect();
    found.sort_by_key(|&(tick, _)| tick);
    found
}

fn tempo_changes(tracks: &[Track]) -> Vec<TempoChange> {
    let changes = meta_events(tracks, meta::TEMPO).into_iter();
    changes
        .filter_map(|(tick, data)| match *data.first_chunk()? {
            [0, 0, 0] => None,
            [a, b, c] => Some(TempoChange { tick, micros_per_quarter: u32::from_be_bytes([0, a, b, c]) }),
        })
        .collect()
}

fn time_signatures(tracks: &[Track]) -> Vec<TimeSignature> {
    let mut signatures: Vec<TimeSignature> = Vec::new();
    for (tick, data) in meta_events(tracks, meta::TIME_SIGNATURE) {
        if let [numerator @ 1..=255, exponent @ 0..16, ..] = *data {
            signatures.pop_if(|last| last.tick == tick);
            signatures.push(TimeSignature { tick, numerator, denominator: 1 << exponent });
        }
    }
    signatures
}

/// Tick, track, index in the track: sorted, they give the order in which events are played.
type Position = (u64, usize, usize);

fn notes(tracks: &[Track], tempo: &TempoMap, drums: &DrumParts) -> Vec<Note> {
    // Program changes of each channel in the order in which a synthesiser receives them.
    let mut programs: [Vec<(Position, u8)>; 16] = Default::default();
    for (number, track) in tracks.iter().enumerate() {
        for (index, Event { tick, kind }) in track.events.iter().enumerate() {
            if let EventKind::Channel { channel, message: MidiMessage::ProgramChange { program } } = kind {
                programs[usize::from(*channel)].push(((*tick, number, index), program.as_int()));
            }
        }
    }
    for changes in &mut programs {
        changes.sort_unstable();
    }
    let mut notes = Vec::new();
    for (number, track) in tracks.iter().enumerate() {
        for pair in pair_notes(&track.events).0 {
            let (on, end_tick) = (&track.events[pair.on], track.events[pair.off].tick);
            let EventKind::Channel { channel, message: MidiMessage::NoteOn { key, vel } } = on.kind else { continue };
            let changes = &programs[usize::from(channel)];
            let before = changes.partition_point(|(when, _)| *when < (on.tick, number, pair.on));
            notes.push(Note {
                start: MidiTime(tempo.seconds(on.tick as f64)),
                end: MidiTime(tempo.seconds(end_tick as f64)),
                start_tick: on.tick,
                end_tick,
                track: number as u16,
                channel,
                drums: drums.at(channel, (on.tick, number, pair.on)),
                pitch: key.as_int(),
                velocity: vel.as_int(),
                program: before.checked_sub(1).map_or(0, |i| changes[i].1),
            });
        }
    }
    sort_notes(&mut notes);
    notes
}

fn messages(tracks: &[Track], tempo: &TempoMap, drums: &DrumParts) -> Vec<Message> {
    let mut messages: Vec<(Position, Message)> = Vec::new();
    let events = tracks.iter().enumerate().flat_map(|(number, track)| {
        track.events.iter().enumerate().map(move |(index, event)| ((event.tick, number, index), &event.kind))
    });
    for (position, kind) in events {
        let &EventKind::Channel { channel, message } = kind else { continue };
        let (command, data1, data2) = match message {
            MidiMessage::NoteOn { key, vel } if vel > 0 => (0x90, key.as_int(), vel.as_int()),
            MidiMessage::NoteOff { key, vel } | MidiMessage::NoteOn { key, vel } => (0x80, key.as_int(), vel.as_int()),
            MidiMessage::Aftertouch { key, vel } => (0xA0, key.as_int(), vel.as_int()),
            MidiMessage::Controller { controller, value } => (0xB0, controller.as_int(), value.as_int()),
            MidiMessage::ProgramChange { program } => (0xC0, program.as_int(), 0),
            MidiMessage::ChannelAftertouch { vel } => (0xD0, vel.as_int(), 0),
            MidiMessage::PitchBend { bend } => {
                let bend = bend.0.as_int();
                (0xE0, (bend & 0x7F) as u8, (bend >> 7) as u8)
            }
        };
        let time = MidiTime(tempo.seconds(position.0 as f64));
        let drums = drums.at(channel, position);
        messages.push((position, Message { time, channel, drums, command, data1, data2 }));
    }
    messages.sort_unstable_by_key(|&(position, _)| position);
    // The end of a note in one track must not end what another track begins at its tick.
    let mut begun: HashMap<(u8, u8), Position> = HashMap::new();
    let mut tick = 0;
    let mut late = false;
    for (position, message) in &mut messages {
        if position.0 != tick {
            tick = position.0;
            begun.clear();
        }
        let key = (message.channel, message.data1);
        match message.command {
            0x90 => drop(begun.entry(key).or_insert(*position)),
            0x80 if let Some(&first) = begun.get(&key) => (*position, late) = (first, true),
            _ => {}
        }
    }
    if late {
        messages.sort_by_key(|&(position, message)| (position, message.command == 0x90));
    }
    messages.into_iter().map(|(_, message)| message).collect()
}
