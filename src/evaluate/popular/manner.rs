//! How a recording differs from the file it plays: drums, lead, tempo, tuning, key, room, compression.

use super::structure::Piece;
use crate::alignment::warp::TimeMap;
use crate::audio::AudioTime;
use crate::dataset::{melody, sing};
use crate::error::Result;
use crate::midi::{Message, Midi, MidiTime};
use crate::synth::Score;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_distr::{Distribution as _, StandardNormal};
use rand_pcg::Pcg64;
use serde::Serialize;

/// A recording's drums, compared with the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Drums {
    /// As the file has them.
    AsWritten,
    /// 6 dB louder than everything else.
    Louder,
    /// None.
    LeftOut,
}

/// A recording's melody-like channel, compared with the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lead {
    /// As the file has it, or there is none.
    AsWritten,
    /// By a voice that slides into its notes and has vibrato.
    Sung,
    /// By another General MIDI program, 0–127.
    Moved(u8),
}

/// How the recording differs, each aspect drawn independently.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manner {
    /// The drums.
    pub drums: Drums,
    /// The melody.
    pub lead: Lead,
    /// Overall tempo relative to the file's if it drifts, 0.94–1.06, with a random walk within 4 % of that; `null` if
    /// it is the file's own.
    pub tempo: Option<f64>,
    /// Detuning of everything except drums, in cents.
    pub cents: f64,
    /// Transposition of everything except drums, in semitones.
    pub semitones: i32,
    /// Whether it sounds as if in a room, with noise and a fader.
    pub room: bool,
    /// Whether it is compressed to 32 kbit/s.
    pub compressed: bool,
}

/// The drum channel.
const DRUMS: u8 = 9;
/// General MIDI's "Voice Oohs".
const VOICE: u8 = 53;
/// Programs that a lead is arranged for.
const LEADS: [u8; 12] = [0, 4, 11, 22, 24, 27, 40, 56, 65, 73, 75, 81];
/// Range of the overall tempo, and how far the walk strays from it.
const TEMPO: std::ops::RangeInclusive<f64> = 0.94..=1.06;
const WALK: f64 = 0.04;
/// Seconds between the steps of the walk.
const STEP_S: f64 = 1.0;

impl Manner {
    pub(super) fn draw(random: &mut Pcg64) -> Self {
        let lead = match random.random_range(0..3) {
            0 => Lead::AsWritten,
            1 => Lead::Sung,
            _ => Lead::Moved(*LEADS.choose(random).unwrap_or(&0)),
        };
        let semitones = random.random_range(1..=3) * if random.random_bool(0.5) { 1 } else { -1 };
        Self {
            drums: [Drums::AsWritten, Drums::Louder, Drums::LeftOut][random.random_range(0..3)],
            lead,
            tempo: Some(random.random_range(TEMPO)).filter(|_| random.random_bool(0.5)),
            cents: random.random_range(-50.0..=50.0),
            semitones: if random.random_bool(0.25) { semitones } else { 0 },
            room: random.random_bool(0.5),
            compressed: random.random_bool(0.5),
        }
    }

    /// Time of the music played → time of the recording, over `seconds`.
    pub(super) fn clock(&self, seconds: f64, random: &mut Pcg64) -> Result<TimeMap> {
        let Some(tempo) = self.tempo else {
            return TimeMap::new([0.0, seconds.max(1.0)].map(|s| (MidiTime(s), AudioTime(s))));
        };
        // The tempo's logarithm moves at a speed that itself wanders, by 0.2 % a second.
        let (mut place, mut speed): (f64, f64) = (0.0, 0.0);
        let mut knots = vec![(MidiTime(0.0), AudioTime(0.0))];
        let mut audio_s = 0.0;
        for i in 0..(seconds / STEP_S).ceil().max(1.0) as usize {
            audio_s += STEP_S / (tempo * place.exp());
            knots.push((MidiTime((i + 1) as f64 * STEP_S), AudioTime(audio_s)));
            speed = 0.9 * speed + 0.000_9 * normal(random);
            place += speed;
            if place.abs() > WALK {
                (place, speed) = (place.clamp(-WALK, WALK), 0.0);
            }
        }
        TimeMap::new(knots)
    }

    /// The pieces of `midi`, and of another work if they are foreign, as the recording plays them by `clock`.
    pub(super) fn score(
        &self,
        pieces: &[Piece],
        (midi, other): (&Midi, Option<&Midi>),
        clock: &TimeMap,
        random: &mut Pcg64,
    ) -> Score {
        let lead = melody(midi);
        let mut events: Vec<Event> = Vec::new();
        let mut from_s = 0.0;
        for piece in pieces {
            let (source, lead) = if piece.foreign { (other, None) } else { (Some(midi), lead) };
            if let Some(source) = source {
                self.play(&source.transposed(self.semitones), lead, piece, from_s, &mut events, random);
            }
            from_s += piece.seconds();
        }
        // It is as long as the pieces, whatever sounds at their end.
        events.push((from_s, 0, 0x80, 0, 0));
        let at = |seconds: f64| clock.to_audio(MidiTime(seconds)).0;
        Score::from_messages(events.into_iter().map(|(s, channel, command, a, b)| (at(s), channel, command, a, b)))
    }

    /// Plays one piece from `from_s` on.
    fn play(
        &self,
        midi: &Midi,
        lead: Option<u8>,
        piece: &Piece,
        from_s: f64,
        events: &mut Vec<Event>,
        random: &mut Pcg64,
    ) {
        let place = |time: MidiTime| from_s + (time.0 - piece.from_s).clamp(0.0, piece.seconds());
        for channel in 0..16 {
            self.begin(channel, from_s, events);
        }
        let lead = lead.filter(|_| self.lead != Lead::AsWritten);
        let program = if let Lead::Moved(program) = self.lead { program } else { VOICE };
        if let Some(channel) = lead {
            events.push((from_s, channel, 0xC0, program, 0));
        }
        let mut open = [[0_u32; 128]; 16];
        for message in midi.messages().iter().filter(|m| m.time.0 < piece.to_s) {
            let &Message { time, channel, command, data1, data2 } = message;
            let is_lead = lead == Some(channel);
            let open = &mut open[usize::from(channel & 0x0F)][usize::from(data1 & 0x7F)];
            let before = time.0 < piece.from_s;
            let value = match (command, data1) {
                (0x90, _) => {
                    if before || (channel == DRUMS && self.drums == Drums::LeftOut) {
                        continue;
                    }
                    *open += 1;
                    data2
                }
                (0x80, _) => {
                    if *open == 0 {
                        continue;
                    }
                    *open -= 1;
                    data2
                }
                // Banks belong to another font.
                (0xB0, 0 | 32) => continue,
                (0xC0, _) if is_lead => continue,
                (0xE0, _) if is_lead && self.lead == Lead::Sung => continue,
                (0xA0 | 0xD0, _) if before => continue,
                (0xB0, 7) => self.volume(channel, data2),
                _ => data2,
            };
            events.push((place(time), channel, command, data1, value));
        }
        for (channel, keys) in open.iter().enumerate() {
            for (key, count) in keys.iter().enumerate() {
                events.extend((0..*count).map(|_| (place(MidiTime(piece.to_s)), channel as u8, 0x80, key as u8, 0)));
            }
        }
        if let Some(channel) = lead.filter(|_| self.lead == Lead::Sung) {
            let notes = midi.notes().iter().filter(|n| n.channel == channel);
            for note in notes.filter(|n| (piece.from_s..piece.to_s).contains(&n.start.0)) {
                sing(channel, place(note.start), place(note.end), events, random);
            }
        }
    }

    /// Sets a channel to a synthesiser's state at power-on, with the tuning of the recording.
    fn begin(&self, channel: u8, at_s: f64, events: &mut Vec<Event>) {
        let mut set = |number: u8, value: u8| events.push((at_s, channel, 0xB0, number, value));
        for (number, value) in [(121, 0), (7, self.volume(channel, 100)), (10, 64), (11, 127), (64, 0)] {
            set(number, value);
        }
        let cents = if channel == DRUMS { 0.0 } else { self.cents };
        let tuning = ((1.0 + cents / 100.0) * 8192.0).round().clamp(0.0, 16383.0) as u16;
        // Registered parameters: bend range, fine and coarse tuning.
        for (number, coarse, fine) in [(0, 2, 0), (1, (tuning >> 7) as u8, (tuning & 0x7F) as u8), (2, 64, 0)] {
            for (entry, value) in [(101, 0), (100, number), (6, coarse), (38, fine)] {
                set(entry, value);
            }
        }
        set(101, 127);
        set(100, 127);
        events.push((at_s, channel, 0xC0, 0, 0));
        events.push((at_s, channel, 0xE0, 0, 64));
    }

    /// Louder drums mean that everything else is softer: nothing can exceed full scale. 40 log₁₀ of a volume controller
    /// is its level in dB (General MIDI level 2).
    fn volume(&self, channel: u8, value: u8) -> u8 {
        let softer = if self.drums == Drums::Louder && channel != DRUMS { 10f64.powf(-6.0 / 40.0) } else { 1.0 };
        (f64::from(value) * softer).round() as u8
    }
}

/// Seconds, channel, command, data.
type Event = (f64, u8, u8, u8, u8);

fn normal(random: &mut Pcg64) -> f64 {
    StandardNormal.sample(random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn plain() -> Manner {
        Manner {
            drums: Drums::AsWritten,
            lead: Lead::AsWritten,
            tempo: None,
            cents: 0.0,
            semitones: 0,
            room: false,
            compressed: false,
        }
    }

    #[test]
    fn a_drifting_tempo_stays_within_its_bounds_and_is_drawn_by_the_seed() {
        for seed in 0..20 {
            let manner = Manner { tempo: Some(0.94), ..plain() };
            let make = || manner.clock(300.0, &mut Pcg64::seed_from_u64(seed)).unwrap();
            assert_eq!(make(), make());
            let knots: Vec<_> = make().knots().collect();
            for pair in knots.windows(2) {
                let tempo = (pair[1].0.0 - pair[0].0.0) / (pair[1].1.0 - pair[0].1.0);
                assert!((0.94 * 0.96..0.94 * 1.042).contains(&tempo), "{tempo}");
            }
        }
    }

    #[test]
    fn every_manner_is_drawn() {
        let all: Vec<Manner> = (0..60).map(|seed| Manner::draw(&mut Pcg64::seed_from_u64(seed))).collect();
        assert!(all.iter().any(|m| m.drums == Drums::LeftOut) && all.iter().any(|m| m.lead == Lead::Sung));
        let moved = all.iter().filter(|m| m.semitones != 0).count();
        assert!((5..25).contains(&moved), "{moved} of 60");
        assert!(all.iter().all(|m| m.semitones.abs() <= 3 && m.cents.abs() <= 50.0));
    }
}
