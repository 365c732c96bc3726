//! MIDI files: notes, tempo and time signatures; read, moved in time, written.

use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;

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
    /// Channel, 0–15; channel 9 is drums.
    pub channel: u8,
    /// MIDI note number, 0–127.
    pub pitch: u8,
    /// 1–127.
    pub velocity: u8,
    /// General MIDI program in force when it starts, 0–127.
    pub program: u8,
}

impl Note {
    /// Whether it is on the drum channel.
    pub fn is_drum(&self) -> bool {
        self.channel == 9
    }
}

/// A tempo that holds from `tick` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TempoChange {
    /// First tick at this tempo.
    pub tick: u64,
    /// Microseconds a quarter note, 1..=16 777 215.
    pub micros_per_quarter: u32,
}

/// A time signature that holds from `tick` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSignature {
    /// First tick.
    pub tick: u64,
    /// Beats a bar.
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
    /// Status nibble: 0x80 note off, 0x90 note on, 0xA0 …, 0xE0 pitch bend.
    pub command: u8,
    /// First data byte.
    pub data1: u8,
    /// Second data byte, 0 where the message has one.
    pub data2: u8,
}

/// A MIDI file in memory.
#[derive(Debug, Clone)]
pub struct Midi {}

impl Midi {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let _ = path;
        unimplemented!()
    }

    /// Parses the bytes of a file.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let _ = bytes;
        unimplemented!()
    }

    /// The bytes of a standard MIDI file with the same events.
    pub fn to_bytes(&self) -> Vec<u8> {
        unimplemented!()
    }

    /// All notes, by start, then pitch.
    pub fn notes(&self) -> &[Note] {
        unimplemented!()
    }

    /// Everything a synthesiser is to be told, in order.
    pub fn messages(&self) -> &[Message] {
        unimplemented!()
    }

    /// End of the last note (or of the file, where it has none).
    pub fn end(&self) -> MidiTime {
        unimplemented!()
    }

    /// Tempo changes by tick; the first is at tick 0.
    pub fn tempos(&self) -> &[TempoChange] {
        unimplemented!()
    }

    /// Time signatures by tick.
    pub fn time_signatures(&self) -> &[TimeSignature] {
        unimplemented!()
    }

    /// Beats as `pretty_midi` defines them (spec A).
    pub fn beats(&self) -> Vec<MidiTime> {
        unimplemented!()
    }

    /// Seconds at a tick.
    pub fn time_at(&self, tick: f64) -> MidiTime {
        let _ = tick;
        unimplemented!()
    }

    /// Tick (fractional) at a time.
    pub fn tick_at(&self, time: MidiTime) -> f64 {
        let _ = time;
        unimplemented!()
    }

    /// Bar and beat, both from 1, the beat with its fraction.
    pub fn bar_and_beat(&self, time: MidiTime) -> (u32, f64) {
        let _ = time;
        unimplemented!()
    }

    /// The same file with every note but drums moved by `semitones`; notes that leave 0..=127 move back by an octave.
    #[must_use]
    pub fn transposed(&self, semitones: i32) -> Self {
        let _ = semitones;
        unimplemented!()
    }
}
