//! How much of the music a MIDI file contains: people write down all of it, a singer's accompaniment, or what two hands
//! play.

use super::take::Cut;
use super::voice::melody;
use super::voice::{DRUMS, Event};
use crate::midi::{Midi, Note};
use crate::synth::Score;
use rand::RngExt as _;
use rand_pcg::Pcg64;
use serde::Serialize;
use std::collections::BTreeSet;

/// Number of instruments, including drums, from which a work counts as a band's.
const BAND: usize = 3;
/// Notes that begin within this many seconds are one chord.
const TOGETHER_S: f64 = 0.04;
/// Lowest note of a right hand's melody and highest of a left hand's bass.
const MELODY: u8 = 55;
const BASS: u8 = 57;
/// Most notes of a chord between the two.
const INNER: usize = 3;

/// What the MIDI side contains.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Transcription {
    /// All of the file.
    AsWritten,
    /// All except this channel: the melody is left to a singer.
    Without(u8),
    /// Melody, bass and this share of the chords in between, on a piano; no drums.
    Piano(f64),
}

/// Start, end, pitch, velocity.
pub(super) type Sounding = (f64, f64, u8, u8);

impl Transcription {
    /// Draws one for a band's music; other works stay as written.
    pub(super) fn draw(midi: &Midi, random: &mut Pcg64) -> Self {
        let channels: BTreeSet<u8> = midi.notes().iter().map(|note| note.channel).collect();
        let (drawn, chords) = (random.random_range(0..100), random.random_range(0.0..0.7));
        match drawn {
            _ if channels.len() < BAND => Self::AsWritten,
            0..15 => Self::Piano(chords),
            15..25 => melody(midi).map_or(Self::AsWritten, Self::Without),
            _ => Self::AsWritten,
        }
    }

    /// The score played by the clock of `cut`, and its notes without drums.
    pub(super) fn score(self, midi: &Midi, cut: &Cut, random: &mut Pcg64) -> (Score, Vec<Sounding>) {
        let all = cut.notes(midi).filter(|(_, _, note)| !note.is_drum());
        match self {
            Self::AsWritten => (cut.score(midi), all.map(sounding).collect()),
            Self::Without(channel) => {
                let rest = all.filter(|(_, _, note)| note.channel != channel).map(sounding).collect();
                (cut.score_of(midi, |c| c != channel), rest)
            }
            Self::Piano(chords) => {
                let notes = reduced(all.collect(), melody(midi), chords, random);
                let mut events: Vec<Event> = vec![(0.0, 0, 0xC0, 0, 0)];
                for &(start, end, pitch, velocity) in &notes {
                    events.push((end, 0, 0x80, pitch, 0));
                    events.push((start, 0, 0x90, pitch, velocity));
                }
                (cut.ended(events), notes)
            }
        }
    }
}

fn sounding((start, end, note): (f64, f64, &Note)) -> Sounding {
    (start, end, note.pitch, note.velocity)
}

/// Reduces the notes that begin together to the melody's, else the highest; the lowest; and perhaps some in between.
fn reduced(mut notes: Vec<(f64, f64, &Note)>, melody: Option<u8>, chords: f64, random: &mut Pcg64) -> Vec<Sounding> {
    debug_assert!(melody != Some(DRUMS));
    notes.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.2.pitch.cmp(&a.2.pitch)));
    let mut kept: Vec<Sounding> = Vec::new();
    let mut rest = &notes[..];
    while let Some(&(from, ..)) = rest.first() {
        let count = rest.iter().take_while(|note| note.0 < from + TOGETHER_S).count();
        let (chord, after) = rest.split_at(count);
        rest = after;
        let is_melody =
            |note: &&(f64, f64, &Note)| note.2.pitch >= MELODY && melody.is_none_or(|c| note.2.channel == c);
        let highest = chord.iter().filter(is_melody).max_by_key(|note| note.2.pitch);
        let lowest = chord.iter().filter(|note| note.2.pitch <= BASS).min_by_key(|note| note.2.pitch);
        let mut pitches = BTreeSet::new();
        let mut keep = |&(start, end, note): &(f64, f64, &Note), softer: f64| {
            if pitches.insert(note.pitch) {
                kept.push((
                    start,
                    end,
                    note.pitch,
                    (f64::from(note.velocity) * softer).round().clamp(1.0, 127.0) as u8,
                ));
            }
        };
        if let Some(note) = highest {
            keep(note, 1.0);
        }
        if let Some(note) = lowest {
            keep(note, 0.8);
        }
        if random.random_bool(chords) {
            let between = chord.iter().filter(|note| melody != Some(note.2.channel));
            between.take(INNER).for_each(|note| keep(note, 0.7));
        }
    }
    // Repeating a key ends the note before it.
    kept.sort_by(|a, b| a.2.cmp(&b.2).then(a.0.total_cmp(&b.0)));
    for i in 1..kept.len() {
        let (pitch, start) = (kept[i].2, kept[i].0);
        if kept[i - 1].2 == pitch {
            kept[i - 1].1 = kept[i - 1].1.min(start);
        }
    }
    kept.retain(|note| note.1 > note.0);
    kept.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::MidiTime;
    use rand::SeedableRng as _;

    fn note(start: f64, channel: u8, pitch: u8) -> Note {
        let (start, end) = (MidiTime(start), MidiTime(start + 1.0));
        Note { start, end, start_tick: 0, end_tick: 1, pitch, velocity: 90, channel, program: 0, track: 0 }
    }

    #[test]
    fn a_reduction_has_melody_and_bass_and_what_was_asked_of_the_chords() {
        let notes: Vec<Note> = (0..8)
            .flat_map(|i| [(3, 72 + i), (1, 64), (1, 67), (2, 84), (4, 40)].map(|(c, p)| note(f64::from(i), c, p)))
            .collect();
        let timed = || notes.iter().map(|n| (n.start.0, n.end.0, n)).collect::<Vec<_>>();
        let mut random = Pcg64::seed_from_u64(1);
        let least = reduced(timed(), Some(3), 0.0, &mut random);
        let pitches: BTreeSet<u8> = least.iter().map(|note| note.2).collect();
        assert_eq!(pitches, (72..80).chain([40]).collect());
        let without = reduced(timed(), None, 0.0, &mut random);
        assert!(without.iter().all(|note| [84, 40].contains(&note.2)), "the highest stands for the melody");
        let more = reduced(timed(), Some(3), 1.0, &mut random);
        assert!(more.len() > least.len());
        for same in [40, 64, 67] {
            let held: Vec<_> = more.iter().filter(|note| note.2 == same).collect();
            assert!(held.windows(2).all(|n| n[0].1 <= n[1].0), "a key is let go before it is struck again");
        }
    }
}
