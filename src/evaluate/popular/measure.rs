//! Compares an alignment with the truth: which seconds are right, whether the song is lost, whether it warns and jumps
//! where it should.

use super::super::warned::{Warned, within};
use super::truth::{Jump, Truth, same_music};
use crate::alignment::{Alignment, Segment};
use crate::midi::Note;
use serde::Serialize;

/// Seconds between the moments at which a map is compared with the truth.
pub(super) const MOMENT_S: f64 = 0.1;
/// A moment further off than this, in seconds, is lost, and so is a work with more than this share of such moments.
const LOST_S: f64 = 2.0;
const LOST_SHARE: f64 = 0.1;
/// Half width over which notes are compared, in seconds.
const AROUND_S: f64 = 1.0;
/// An error above this, in seconds, deserves a warning.
const WRONG_S: f64 = 0.1;

/// What was measured on one work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkMeasures {
    /// Seconds of the recording that are in the file.
    pub known_s: f64,
    /// Share of them at which the map is within 50 ms.
    pub within_50_ms: f64,
    /// Share of them at which the map is within 100 ms.
    pub within_100_ms: f64,
    /// Share of those that a strictly increasing map can hold at which the map is more than 2 s off.
    pub beyond_2_s: f64,
    /// Whether that is more than a tenth.
    pub lost: bool,
    /// Share of the moments more than 2 s off at which the file has the same notes where the map goes: nothing that
    /// sounds distinguishes the two.
    pub alike: f64,
    /// Tenths of a second of the recording that are more than 100 ms off or not in the file, and whether they are
    /// reported as unreliable.
    pub warned: Warned,
    /// The same, without those at which the file has the same notes where the map goes.
    pub warned_of_others: Warned,
}

/// Jumps of the recording, and those that an alignment reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Jumps {
    /// Jumps of the recording.
    pub true_ones: usize,
    /// Those of them that are reported.
    pub found: usize,
    /// Number reported in total.
    pub reported: usize,
}

/// Compares at each tenth of a second of the recording, from `first_s` on: `midi_at` gives the alignment's moment of
/// the file, which has these `notes`. The error is in seconds of the file.
pub(super) fn seconds(
    truth: &Truth,
    first_s: f64,
    midi_at: impl Fn(f64) -> f64,
    unreliable: &[(f64, f64)],
    notes: &[Note],
) -> WorkMeasures {
    let count = ((truth.seconds - first_s) / MOMENT_S).max(0.0) as usize;
    let (mut known, mut near, mut nearer) = (0_usize, 0, 0);
    let mut moments = vec![0; truth.spans.len()];
    let mut lost = vec![0; truth.spans.len()];
    let (mut warned, mut warned_of_others) = (Warned::default(), Warned::default());
    let (mut beyond, mut all_alike) = (0_usize, 0_usize);
    for audio_s in (0..count).map(|i| first_s + i as f64 * MOMENT_S) {
        let here = truth.at(audio_s).map(|(span, midi_s)| (span, (midi_at(audio_s) - midi_s).abs()));
        let mut alike = false;
        if let Some((span, error)) = here {
            known += 1;
            near += usize::from(error <= 0.1);
            nearer += usize::from(error <= 0.05);
            moments[span] += 1;
            if error > LOST_S {
                lost[span] += 1;
                beyond += 1;
                alike = truth.at(audio_s).is_some_and(|(_, midi_s)| {
                    same_music(notes, midi_s - AROUND_S, midi_at(audio_s) - AROUND_S, 2.0 * AROUND_S)
                });
                all_alike += usize::from(alike);
            }
        }
        let (wrong, called) = (here.is_none_or(|(_, error)| error > WRONG_S), within(unreliable, audio_s));
        warned.count(wrong, called);
        if !alike {
            warned_of_others.count(wrong, called);
        }
    }
    let held = truth.chain(&lost);
    let sum = |counts: &[usize]| counts.iter().zip(&held).filter(|(_, held)| **held).map(|(n, _)| n).sum::<usize>();
    let beyond_2_s = sum(&lost) as f64 / sum(&moments).max(1) as f64;
    let share = |n: usize| n as f64 / known.max(1) as f64;
    WorkMeasures {
        known_s: known as f64 * MOMENT_S,
        within_50_ms: share(nearer),
        within_100_ms: share(near),
        beyond_2_s,
        lost: beyond_2_s > LOST_SHARE,
        alike: all_alike as f64 / beyond.max(1) as f64,
        warned,
        warned_of_others,
    }
}

/// Counts the jumps; `notes` are those of the file.
pub(super) fn jumps(truth: &Truth, reported: &[Jump], notes: &[Note]) -> Jumps {
    let true_ones = truth.jumps();
    let found = true_ones.iter().filter(|jump| reported.iter().any(|other| jump.is(other, notes))).count();
    Jumps { true_ones: true_ones.len(), found, reported: reported.len() }
}

/// The jumps that an alignment reports: from the end of a segment to the beginning of the next.
pub(super) fn jumps_of(found: &Alignment) -> Vec<Jump> {
    let jump = |pair: &[Segment]| Jump { at: pair[1].audio.0, from_s: pair[0].midi.1, to_s: pair[1].midi.0 };
    found.segments.spans().windows(2).map(jump).collect()
}

#[cfg(test)]
mod tests {
    use super::super::structure::Piece;
    use super::*;
    use crate::alignment::warp::TimeMap;
    use crate::midi::MidiTime;

    fn truth(pieces: &[(f64, f64)]) -> Truth {
        let pieces: Vec<Piece> = pieces.iter().map(|&(from_s, to_s)| Piece { foreign: false, from_s, to_s }).collect();
        Truth::new(&pieces, TimeMap::identity())
    }

    #[test]
    fn a_map_that_is_the_truth_is_all_right() {
        for pieces in [&[(0.0, 100.0)][..], &[(0.0, 40.0), (60.0, 100.0)], &[(0.0, 60.0), (40.0, 100.0)]] {
            let truth = truth(pieces);
            let found = seconds(&truth, 0.0, |at| truth.at(at).map_or(-1.0, |(_, midi_s)| midi_s), &[], &[]);
            assert!((found.within_50_ms - 1.0).abs() < 1e-12 && !found.lost, "{found:?}");
            assert_eq!((found.warned.wrong, found.warned.moments), (0, (10.0 * truth.seconds).round() as usize));
        }
    }

    #[test]
    fn a_map_shifted_by_a_verse_is_lost() {
        let truth = truth(&[(0.0, 100.0)]);
        let found = seconds(&truth, 0.0, |at| if at < 80.0 { at } else { at + 16.0 }, &[(80.0, 90.0)], &[]);
        assert!(found.lost && (found.beyond_2_s - 0.2).abs() < 0.01, "{found:?}");
        assert!((found.within_100_ms - 0.8).abs() < 0.01);
        assert_eq!((found.warned.precision(), found.warned.both), (Some(1.0), 100));
        assert!(found.warned.recall().is_some_and(|recall| (recall - 0.5).abs() < 0.01));
    }

    #[test]
    fn an_increasing_map_through_either_copy_of_a_repeat_is_not_lost() {
        let truth = truth(&[(0.0, 60.0), (40.0, 100.0)]);
        let first = |at: f64| if at < 80.0 { at.min(60.0) } else { at - 20.0 };
        let second = |at: f64| if at < 60.0 { at.min(40.0) } else { at - 20.0 };
        for map in [&first as &dyn Fn(f64) -> f64, &second] {
            let found = seconds(&truth, 0.0, map, &[], &[]);
            assert!(!found.lost && found.beyond_2_s < 1e-9, "{found:?}");
            assert!((found.within_100_ms - 100.0 / 120.0).abs() < 0.01);
        }
    }

    #[test]
    fn what_is_not_in_the_file_is_to_be_warned_of() {
        let pieces = [(true, 0.0, 20.0), (false, 0.0, 80.0)];
        let pieces = pieces.map(|(foreign, from_s, to_s)| Piece { foreign, from_s, to_s });
        let truth = Truth::new(&pieces, TimeMap::identity());
        let found = seconds(&truth, 0.0, |at| at - 20.0, &[(0.0, 25.0)], &[]);
        assert!((found.within_50_ms - 1.0).abs() < 1e-12 && (found.known_s - 80.0).abs() < 0.15);
        assert_eq!((found.warned.recall(), found.warned.precision()), (Some(1.0), Some(0.8)));
    }

    #[test]
    fn where_the_notes_are_the_same_nothing_tells_one_verse_from_another() {
        let note = |pitch: u8, at: f64| Note {
            start: MidiTime(at),
            end: MidiTime(at + 0.4),
            start_tick: 0,
            end_tick: 1,
            pitch,
            velocity: 80,
            channel: 0,
            track: 0,
            program: 0,
        };
        // Two verses of 32 s with the same notes, then another.
        let verse = |n: u8, of: u32| {
            (0..64_u32).map(move |i| note(40 + (i * of % 31) as u8, 32.0 * f64::from(n) + 0.5 * f64::from(i)))
        };
        let notes: Vec<Note> = verse(0, 7).chain(verse(1, 7)).chain(verse(2, 11)).collect();
        let truth = truth(&[(32.0, 64.0)]);
        let first = seconds(&truth, 0.0, |at| at, &[], &notes);
        assert!(first.lost && first.alike > 0.9, "{first:?}");
        assert!(first.warned.wrong > 300 && first.warned_of_others.wrong < 30);
        let third = seconds(&truth, 0.0, |at| at + 64.0, &[], &notes);
        assert!(third.lost && third.alike < 0.1, "{third:?}");
        assert_eq!(third.warned_of_others, third.warned);
    }

    #[test]
    fn jumps_are_counted() {
        let truth = truth(&[(0.0, 40.0), (60.0, 100.0)]);
        let reported = [41.0, 70.0].map(|at| Jump { at, from_s: 41.0, to_s: 61.0 });
        assert_eq!(jumps(&truth, &reported, &[]), Jumps { true_ones: 1, found: 1, reported: 2 });
        assert_eq!(jumps(&truth, &[], &[]), Jumps { true_ones: 1, found: 0, reported: 0 });
    }
}
