//! One performance of a part of a MIDI file: which part, how fast, and how a recording of it would differ.
//!
//! Both sides follow the same [`Cut`], so a frame is the same musical moment in both. The MIDI side plays the file
//! unchanged; the recording side differs as real recordings do (the constants are our choice, from trials).

use super::effects::{Effects, normal};
use super::mastering::Mastering;
use super::voice::{DRUMS, Event, melody, sing};
use crate::alignment::warp::TimeMap;
use crate::audio::AudioTime;
use crate::error::Result;
use crate::midi::{Message, Midi, MidiTime, Note};
use crate::synth::Score;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_pcg::Pcg64;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Seconds between the knots of the warp.
const KNOT_S: f64 = 0.5;
/// Earlier than everything: for state that holds from the beginning.
const BEFORE_S: f64 = -1e6;
/// Programs that sustain: organs, strings, choirs, pads.
const SUSTAINED: [u8; 12] = [16, 19, 48, 49, 50, 51, 52, 53, 54, 89, 91, 94];
/// Programs that any part may be arranged for.
const USUAL: [u8; 15] = [0, 4, 6, 11, 19, 24, 26, 32, 40, 42, 48, 52, 56, 68, 73];
/// Programs that sing: choirs and voices, and instruments that slide and sustain like one.
const VOICES: [u8; 10] = [52, 53, 53, 54, 85, 85, 40, 65, 66, 81];
/// How much louder a voice is than it would be as an instrument.
const SUNG_DB: std::ops::Range<f64> = 0.0..8.0;

/// A part of a file and the clock that it is played by.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    /// Seconds of the file → seconds of both sides.
    pub(super) clock: TimeMap,
    /// Length of both sides.
    pub(super) seconds: f64,
    /// MIDI seconds per second, on average.
    pub(super) rate: f64,
}

impl Cut {
    /// Draws a part of at most `seconds`. `steady`: at the file's own tempo.
    pub(super) fn draw(midi: &Midi, seconds: f64, steady: bool, random: &mut Pcg64) -> Result<Self> {
        let first = midi.notes().first().map_or(0.0, |note| note.start.0);
        let length = (midi.end().0 - first).max(1e-3);
        // At the file's tempo, somewhat off it, or far from it.
        let (most, sway) = match random.random_range(0..20) {
            _ if steady => (1.0, 0.0),
            0..5 => (1.0_f64, 0.03),
            5..16 => (4.0 / 3.0, 0.15),
            _ => (2.0, 0.15),
        };
        let rate = most.powf(random.random_range(-1.0..=1.0));
        let seconds = seconds.min(length / rate);
        let slack = (length - seconds * rate).max(0.0);
        let start = first + slack * random.random_range(0.0..=1.0);
        // The tempo sways around its mean: three waves of 8 to 40 s.
        let depth = sway * random.random_range(0.0..=1.0_f64) / 1.5;
        let waves: Vec<(f64, f64, f64)> = (0..3)
            .map(|_| {
                let period = random.random_range(8.0..40.0_f64);
                (
                    depth * normal(random),
                    std::f64::consts::TAU / period,
                    random.random_range(0.0..std::f64::consts::TAU),
                )
            })
            .collect();
        let speed =
            |t: f64| waves.iter().map(|(a, w, phase)| a * (w * t + phase).sin()).sum::<f64>().clamp(-0.5, 0.5).exp();
        let count = (seconds / KNOT_S).ceil() as usize + 2;
        let mut passed = vec![0.0];
        for i in 0..count {
            passed.push(passed[i] + KNOT_S * speed((i as f64 + 0.5) * KNOT_S));
        }
        // The whole part is played, whatever the sway.
        let at_end = passed.last().copied().unwrap_or(1.0) / (count as f64 * KNOT_S);
        let knots = passed.iter().enumerate();
        let knots = knots.map(|(i, p)| (MidiTime(start + rate * p / at_end), AudioTime(i as f64 * KNOT_S)));
        Ok(Self { clock: TimeMap::new(knots)?, seconds, rate })
    }

    fn place(&self, time: MidiTime) -> f64 {
        self.clock.to_audio(time).0
    }

    /// Notes that begin inside, with their new times.
    pub(super) fn notes<'a>(&'a self, midi: &'a Midi) -> impl Iterator<Item = (f64, f64, &'a Note)> {
        let placed = midi.notes().iter().map(|note| (self.place(note.start), self.place(note.end), note));
        placed.filter(|&(start, _, _)| (0.0..self.seconds).contains(&start))
    }

    /// The unchanged file, by this clock.
    pub(super) fn score(&self, midi: &Midi) -> Score {
        self.score_of(midi, |_| true)
    }

    /// The channels of it that `plays` accepts.
    pub(super) fn score_of(&self, midi: &Midi, plays: impl Fn(u8) -> bool) -> Score {
        let messages = midi.messages().iter().filter(|m| plays(m.channel));
        let messages = messages.map(|m| (self.place(m.time), m.channel, m.command, m.data1, m.data2));
        self.ended(messages.filter(|m| m.0 < self.seconds).collect())
    }

    /// A score of exactly this length: it ends with its last note message.
    pub(super) fn ended(&self, mut messages: Vec<Event>) -> Score {
        messages.push((self.seconds, 0, 0x80, 0, 0));
        Score::from_messages(messages)
    }
}

/// A recording's drums, compared with the file's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Drums {
    AsWritten,
    /// Louder than everything else by this many dB.
    Louder(f64),
    LeftOut,
    /// On the file's beats, if it has none.
    PutIn,
}

/// Who sings the melody, if the file has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Singer {
    /// Nobody.
    Nobody,
    /// A voice; the file's instrument is silent.
    Instead,
    /// A voice together with the file's instrument, this many octaves higher.
    Over(i8),
}

/// How the recording differs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Arrangement {
    /// Detuning of everything except drums, in cents.
    pub(super) cents: f64,
    /// Standard deviation of the onsets, in seconds.
    pub(super) jitter_s: f64,
    /// Standard deviation of the logarithm of the velocities.
    pub(super) velocity: f64,
    /// Probability that an instrument is left out.
    pub(super) dropped: f64,
    /// Whether all instruments are sustaining ones.
    pub(super) sustained: bool,
    /// Whether there are drums.
    pub(super) drums: Drums,
    /// Whether an instrument is doubled by another.
    pub(super) doubled: bool,
    /// Whether the melody is sung.
    pub(super) singer: Singer,
    /// The effects applied to the sound.
    pub(super) effects: Effects,
    /// The mastering applied last.
    pub(super) mastering: Mastering,
}

/// How a channel's part is changed.
#[derive(Debug, Clone, Copy)]
struct Part {
    from: u8,
    to: u8,
    transpose: i16,
    sung: bool,
}

impl Arrangement {
    pub(super) fn draw(random: &mut Pcg64) -> Self {
        let sustained = random.random_bool(0.15);
        Self {
            // Half of the recordings are slightly off, the others by anything up to a quarter tone.
            cents: if random.random_bool(0.5) { 15.0 } else { 50.0 } * random.random_range(-1.0..=1.0),
            jitter_s: random.random_range(0.0..=0.03),
            velocity: random.random_range(0.1..=0.5),
            dropped: [0.0, 0.1, 0.3][random.random_range(0..3)],
            sustained,
            drums: match random.random_range(0..10) {
                0..4 => Drums::AsWritten,
                4..7 => Drums::Louder(random.random_range(3.0..12.0)),
                7..9 => Drums::LeftOut,
                _ => Drums::PutIn,
            },
            doubled: random.random_bool(0.2),
            singer: match random.random_range(0..20) {
                0..7 => Singer::Instead,
                7..10 => Singer::Over(random.random_range(-1..=1)),
                _ => Singer::Nobody,
            },
            effects: Effects::draw(sustained, random),
            mastering: Mastering::draw(random),
        }
    }

    /// The file as the recording plays it, by the clock of `cut`.
    pub(super) fn score(&self, midi: &Midi, cut: &Cut, random: &mut Pcg64) -> Score {
        cut.ended(self.events(midi, cut, random))
    }

    pub(super) fn events(&self, midi: &Midi, cut: &Cut, random: &mut Pcg64) -> Vec<Event> {
        let has_drums = midi.notes().iter().any(Note::is_drum);
        let used: BTreeSet<u8> = midi.notes().iter().filter(|n| !n.is_drum()).map(|n| n.channel).collect();
        let used: Vec<u8> = used.into_iter().collect();
        let mut left: Vec<u8> = used.iter().copied().filter(|_| !random.random_bool(self.dropped)).collect();
        let melody = melody(midi).filter(|_| self.singer != Singer::Nobody);
        // A recording with a singer keeps the melody audible.
        left.extend(melody.filter(|channel| !left.contains(channel)));
        if left.is_empty() {
            left.extend(used.choose(random));
        }
        let mut drums: Vec<u8> = Vec::new();
        if has_drums && (self.drums != Drums::LeftOut || left.is_empty()) {
            drums.push(DRUMS);
        }
        let instead = melody.filter(|_| self.singer == Singer::Instead);
        let part = |&channel: &u8| Part { from: channel, to: channel, transpose: 0, sung: instead == Some(channel) };
        let mut parts: Vec<Part> = left.iter().chain(&drums).map(part).collect();
        let mut free = (0..16).filter(|c| *c != DRUMS && !used.contains(c));
        if self.doubled
            && let (Some(&from), Some(to)) = (left.choose(random), free.next())
        {
            let transpose = [0, 0, 12, -12][random.random_range(0..4)];
            parts.push(Part { from, to, transpose, sung: false });
        }
        if let Singer::Over(octaves) = self.singer
            && let (Some(from), Some(to)) = (melody, free.next())
        {
            parts.push(Part { from, to, transpose: 12 * i16::from(octaves), sung: true });
        }
        let mut events: Vec<Event> = Vec::new();
        let mut programs: BTreeMap<(u8, u8), u8> = BTreeMap::new();
        for part in parts {
            self.add_part(midi, cut, part, &mut programs, &mut events, random);
        }
        if !has_drums && self.drums == Drums::PutIn {
            add_beat(midi, cut, &mut events, random);
        }
        events
    }

    fn add_part(
        &self,
        midi: &Midi,
        cut: &Cut,
        Part { from, to, transpose, sung }: Part,
        programs: &mut BTreeMap<(u8, u8), u8>,
        events: &mut Vec<Event>,
        random: &mut Pcg64,
    ) {
        let is_drums = from == DRUMS;
        let voice = VOICES[random.random_range(0..VOICES.len())];
        let mut program = |old: u8, random: &mut Pcg64| {
            if is_drums {
                return old;
            }
            if sung {
                return voice;
            }
            *programs.entry((to, old)).or_insert_with(|| self.program(old, random))
        };
        // 40 log10 of a volume controller is its level in dB (General MIDI level 2).
        let mut level_db = 4.0 * normal(random);
        // Louder drums mean that everything else is softer: nothing can exceed full scale.
        if let (Drums::Louder(db), false) = (self.drums, is_drums) {
            level_db -= db;
        }
        if sung {
            level_db += random.random_range(SUNG_DB);
        }
        let gain = 10f64.powf(level_db / 40.0);
        let volume = |value: u8| (f64::from(value) * gain).round().clamp(1.0, 127.0) as u8;
        events.push((BEFORE_S, to, 0xB0, 7, volume(100)));
        events.push((BEFORE_S, to, 0xC0, program(0, random), 0));
        if !is_drums {
            let tuning = ((1.0 + self.cents / 100.0) * 8192.0).round().clamp(0.0, 16383.0) as u16;
            let entry =
                [(101, 0), (100, 1), (6, (tuning >> 7) as u8), (38, (tuning & 0x7F) as u8), (101, 127), (100, 127)];
            events.extend(entry.map(|(number, value)| (BEFORE_S, to, 0xB0, number, value)));
        }
        for &Message { time, channel, command, data1, data2 } in midi.messages().iter().filter(|m| m.channel == from) {
            debug_assert_eq!(channel, from);
            let (data1, data2) = match (command, data1) {
                // Notes are placed below; banks belong to another font.
                (0x80 | 0x90, _) | (0xB0, 0 | 32) => continue,
                // A voice has its own bends, in the usual range.
                (0xE0, _) | (0xB0, 6 | 38 | 98..=101) if sung => continue,
                (0xC0, old) => (program(old, random), 0),
                (0xB0, 7) => (7, volume(data2)),
                _ => (data1, data2),
            };
            events.push((cut.place(time), to, command, data1, data2));
        }
        events.retain(|event| event.0 < cut.seconds);

        // Start, end, pitch, velocity; jitter moves a whole note.
        let mut notes: Vec<(f64, f64, u8, u8)> = Vec::new();
        for (start, end, note) in cut.notes(midi).filter(|(_, _, note)| note.channel == from) {
            let moved = self.jitter_s * normal(random);
            let pitch = i16::from(note.pitch) + transpose;
            let velocity = f64::from(note.velocity) * (self.velocity * normal(random)).exp();
            if let Ok(pitch @ 0..=127) = u8::try_from(pitch) {
                let start = (start + moved).clamp(0.0, cut.seconds);
                notes.push((start, (end + moved).max(start + 0.01), pitch, velocity.round().clamp(1.0, 127.0) as u8));
            }
        }
        notes.sort_by(|a, b| a.2.cmp(&b.2).then(a.0.total_cmp(&b.0)));
        for i in 0..notes.len() {
            let (start, mut end, pitch, velocity) = notes[i];
            // Repeating a key ends the note before it, so that its end does not end the new one.
            if let Some(next) = notes.get(i + 1).filter(|next| next.2 == pitch) {
                end = end.min(next.0);
            }
            if end > start && start < cut.seconds {
                events.push((end.min(cut.seconds), to, 0x80, pitch, 0));
                events.push((start, to, 0x90, pitch, velocity));
                if sung {
                    sing(to, start, end.min(cut.seconds), events, random);
                }
            }
        }
    }

    fn program(&self, old: u8, random: &mut Pcg64) -> u8 {
        if self.sustained {
            return SUSTAINED[random.random_range(0..SUSTAINED.len())];
        }
        match random.random_range(0..100) {
            0..30 => old,
            30..85 => (old & !7) + random.random_range(0..8),
            _ => USUAL[random.random_range(0..USUAL.len())],
        }
    }
}

/// Bass drum, snare and hi-hat on the file's beats.
fn add_beat(midi: &Midi, cut: &Cut, events: &mut Vec<Event>, random: &mut Pcg64) {
    let beats: Vec<f64> = midi.beats().into_iter().map(|beat| cut.place(beat)).collect();
    let loud = random.random_range(50..110);
    let mut hit = |time: f64, key: u8| {
        if (0.0..cut.seconds).contains(&time) {
            events.push((time, DRUMS, 0x90, key, loud));
            events.push(((time + 0.1).min(cut.seconds), DRUMS, 0x80, key, 0));
        }
    };
    for (i, beat) in beats.windows(2).enumerate() {
        hit(beat[0], if i % 2 == 0 { 36 } else { 38 });
        hit(beat[0], 42);
        hit(0.5 * (beat[0] + beat[1]), 42);
    }
}
