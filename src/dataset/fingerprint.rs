//! Recognises the same music under another name, in another key, arrangement or tempo.
//!
//! A [`Fingerprint`] is the set of melodic turns of a file: seven successive intervals of the upper line of each
//! instrument, of the upper line of all and of the bass. Intervals don't change with the key, nor, without durations,
//! with the tempo; an arrangement keeps the melody in one line or another. Turns of few different intervals (scales,
//! repeated notes, broken chords) are left out, and so are those that many works have. The measure is how much of the
//! smaller set the other contains. (The idea is that of n-gram fingerprints over an inverted index, as in Yang and
//! Tsai, TISMIR 2021.)

use crate::midi::Note;
use std::collections::{BTreeMap, HashMap};

/// Intervals of a turn.
const TURN: usize = 7;
/// Fewest different intervals for a turn to be distinctive.
const DIFFERENT: usize = 4;
/// Most turns kept from a file: those with the smallest hashes.
const MOST_TURNS: usize = 1 << 14;
/// A turn found in more files than this is common property.
const COMMON: usize = 40;
/// Notes that start within this many seconds start together.
const TOGETHER_S: f64 = 0.035;
/// Files with at least this many turns in common,
const SHARED: usize = 16;
/// making up this share of the smaller set, are the same music.
const SHARED_PART: f64 = 0.1;

/// Melodic turns of a file, sorted hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<u64>);

impl Fingerprint {
    /// Takes notes sorted by start.
    pub(super) fn new(notes: &[Note]) -> Self {
        let mut lines: BTreeMap<(u16, u8), Vec<Note>> = BTreeMap::new();
        for note in notes.iter().filter(|note| !note.is_drum()) {
            lines.entry((note.track, note.channel)).or_default().push(*note);
        }
        let all: Vec<Note> = notes.iter().filter(|note| !note.is_drum()).copied().collect();
        let mut turns = Vec::new();
        for line in lines.values().chain([&all]) {
            add_turns(&outer_line(line, u8::max), &mut turns);
        }
        add_turns(&outer_line(&all, u8::min), &mut turns);
        turns.sort_unstable();
        turns.dedup();
        turns.truncate(MOST_TURNS);
        Self(turns)
    }
}

/// The highest or lowest (`outer`) of each group of notes that start together, in order.
fn outer_line(notes: &[Note], outer: fn(u8, u8) -> u8) -> Vec<u8> {
    let mut line: Vec<u8> = Vec::new();
    let mut start = f64::NEG_INFINITY;
    for note in notes {
        match line.last_mut() {
            Some(last) if note.start.0 - start < TOGETHER_S => *last = outer(*last, note.pitch),
            _ => {
                start = note.start.0;
                line.push(note.pitch);
            }
        }
    }
    line
}

fn add_turns(line: &[u8], turns: &mut Vec<u64>) {
    let steps: Vec<i16> = line.windows(2).map(|w| i16::from(w[1]) - i16::from(w[0])).collect();
    for turn in steps.windows(TURN) {
        let mut sorted = [0; TURN];
        sorted.copy_from_slice(turn);
        sorted.sort_unstable();
        if 1 + sorted.windows(2).filter(|w| w[0] != w[1]).count() < DIFFERENT {
            continue;
        }
        let hash = turn.iter().fold(0, |hash, &step| super::mix(hash ^ u64::from(step.cast_unsigned())));
        turns.push(hash);
    }
}

/// Pairs of files (by index, the smaller first) that are the same music, sorted.
pub(super) fn same(files: &[Fingerprint]) -> Vec<(usize, usize)> {
    let mut index: Vec<(u64, u32)> = Vec::with_capacity(files.iter().map(|file| file.0.len()).sum());
    for (number, file) in (0..).zip(files) {
        index.extend(file.0.iter().map(|&turn| (turn, number)));
    }
    index.sort_unstable();
    let mut sizes = vec![0usize; files.len()];
    let mut shared: HashMap<(u32, u32), usize> = HashMap::new();
    for having in index.chunk_by(|a, b| a.0 == b.0).filter(|having| having.len() <= COMMON) {
        for (i, &(_, a)) in having.iter().enumerate() {
            sizes[a as usize] += 1;
            for &(_, b) in &having[i + 1..] {
                *shared.entry((a, b)).or_default() += 1;
            }
        }
    }
    let mut found: Vec<(usize, usize)> = shared
        .into_iter()
        .map(|((a, b), count)| (a as usize, b as usize, count))
        .filter(|&(a, b, count)| {
            let smaller = sizes[a].min(sizes[b]);
            count >= SHARED && count as f64 >= SHARED_PART * smaller as f64
        })
        .map(|(a, b, _)| (a, b))
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::MidiTime;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_pcg::Pcg64;

    fn melody(seed: u64, transpose: i16, tempo: f64) -> Vec<Note> {
        let mut random = Pcg64::seed_from_u64(seed);
        let note = |i: usize, pitch: u8| {
            let (start, end) = (MidiTime(i as f64 * tempo), MidiTime((i + 1) as f64 * tempo));
            Note { start, end, start_tick: 0, end_tick: 1, track: 0, channel: 0, pitch, velocity: 80, program: 0 }
        };
        (0..200).map(|i| note(i, (random.random_range(50..80_i16) + transpose) as u8)).collect()
    }

    #[test]
    fn another_key_and_tempo_are_the_same_music_and_another_melody_is_not() {
        let files = [melody(1, 0, 0.5), melody(2, 0, 0.5), melody(1, 5, 0.2)].map(|notes| Fingerprint::new(&notes));
        assert_eq!(same(&files), [(0, 2)]);
        assert_eq!(files[0], files[2]);
    }

    #[test]
    fn an_accompaniment_hides_nothing() {
        let plain = melody(3, 0, 0.5);
        let mut played = plain.clone();
        for (i, note) in plain.iter().enumerate() {
            // A second instrument above the melody.
            played.push(Note { channel: 1, pitch: 90 + (i * i % 7) as u8, ..*note });
        }
        played.sort_by(|a, b| a.start.0.total_cmp(&b.start.0));
        assert_eq!(same(&[plain, played].map(|notes| Fingerprint::new(&notes))), [(0, 1)]);
    }

    #[test]
    fn what_everybody_plays_is_no_evidence() {
        let scale: Vec<Note> =
            melody(1, 0, 0.5).into_iter().enumerate().map(|(i, n)| Note { pitch: 40 + (i % 40) as u8, ..n }).collect();
        let files: Vec<Fingerprint> = (0..3).map(|_| Fingerprint::new(&scale)).collect();
        assert!(same(&files).is_empty());
        let many: Vec<Fingerprint> = (0..=COMMON).map(|_| Fingerprint::new(&melody(1, 0, 0.5))).collect();
        assert!(same(&many).is_empty());
    }
}
