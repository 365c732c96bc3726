//! Features computed directly from the notes, without a synthesiser: milliseconds where synthesis takes seconds.
//!
//! The cross-modal variant of Raffel's hashing (NIPS 2015; thesis): `pretty_midi`'s piano roll at the frame times,
//! summed over all instruments but drums, cut to the range of the transform, with rows of unit length.

use super::{BINS, FIRST_NOTE, Features, FrameTimes};
use crate::midi::{Midi, Note};
use ndarray::{Array2, Axis};

/// Most frames that are made: at 46 ms, 54 hours.
const MOST_FRAMES: usize = 1 << 22;

/// Piano roll: summed velocity of all notes but drums, (frames × 48) from MIDI note 36, rows of unit length (spec A).
///
/// Row `i` is the mean over `i × frame_s` to `(i + 1) × frame_s` seconds, each note weighted by the part of the frame
/// in which it sounds (`pretty_midi` samples the same mean every 10 ms). Rows without a note are 0. The rows reach the
/// end of the file, but there are at most 2^22.
///
/// # Panics
/// If `frame_s` is not positive.
pub fn piano_roll(midi: &Midi, frame_s: f64) -> Features {
    roll(midi.notes(), midi.end().0, frame_s)
}

fn roll(notes: &[Note], end_s: f64, frame_s: f64) -> Features {
    assert!(frame_s > 0.0, "frames of {frame_s} s");
    let frames = ((end_s / frame_s).ceil() as usize).min(MOST_FRAMES);
    let notes = notes.iter().filter(|note| !note.is_drum());
    let notes = notes.map(|note| (note.start.0, note.end.0, note.pitch, note.velocity));
    let mut roll = summed_velocity(notes, frames, frame_s, FIRST_NOTE, BINS);
    for mut row in roll.axis_iter_mut(Axis(0)) {
        let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        if norm > 0.0 {
            row.mapv_inplace(|v| v / norm);
        }
    }
    Features { frames: roll, times: FrameTimes::Regular(frame_s) }
}

/// Summed velocity (frames × bins) of notes given as start and end in seconds, pitch, velocity; each is weighted by the
/// part of a frame in which it sounds.
pub(crate) fn summed_velocity(
    notes: impl IntoIterator<Item = (f64, f64, u8, u8)>,
    frames: usize,
    frame_s: f64,
    first_note: u8,
    bins: usize,
) -> Array2<f32> {
    let mut roll = Array2::<f32>::zeros((frames, bins));
    for (start, end, pitch, velocity) in notes {
        let Some(bin) = pitch.checked_sub(first_note).map(usize::from).filter(|&bin| bin < bins) else {
            continue;
        };
        let (start, end) = ((start / frame_s).max(0.0), end / frame_s);
        for frame in start as usize..(end.ceil() as usize).min(frames) {
            let share = end.min((frame + 1) as f64) - start.max(frame as f64);
            roll[[frame, bin]] += f32::from(velocity) * share.max(0.0) as f32;
        }
    }
    roll
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::MidiTime;
    use proptest::prelude::*;

    fn note(start: f64, end: f64, pitch: u8, velocity: u8) -> Note {
        let (start, end) = (MidiTime(start), MidiTime(end));
        Note { start, end, start_tick: 0, end_tick: 1, track: 0, channel: 0, pitch, velocity, program: 0 }
    }

    #[test]
    fn velocities_add_up_and_rows_have_unit_length() {
        let notes = [note(0.0, 1.0, 36, 30), note(0.0, 0.5, 40, 40), note(0.0, 0.5, 36, 20), note(1.0, 2.0, 83, 100)];
        let roll = roll(&notes, 3.0, 0.5).frames;
        assert_eq!(roll.dim(), (6, 48));
        let norm = (50.0_f32 * 50.0 + 40.0 * 40.0).sqrt();
        assert!((roll[[0, 0]] - 50.0 / norm).abs() < 1e-6 && (roll[[0, 4]] - 40.0 / norm).abs() < 1e-6);
        assert_eq!((roll[[1, 0]], roll[[2, 47]], roll[[3, 47]]), (1.0, 1.0, 1.0));
        assert!(roll.row(4).iter().all(|&v| v == 0.0));
    }

    #[test]
    fn a_note_counts_for_its_part_of_a_frame() {
        // A quarter of the frame versus a whole one.
        let roll = roll(&[note(0.75, 1.0, 50, 100), note(0.0, 1.0, 60, 100)], 1.0, 1.0).frames;
        assert!((roll[[0, 14]] / roll[[0, 24]] - 0.25).abs() < 1e-6);
    }

    #[test]
    fn drums_and_notes_out_of_range_do_not_count() {
        let drum = Note { channel: 9, ..note(0.0, 1.0, 50, 100) };
        let roll = roll(&[drum, note(0.0, 1.0, 35, 100), note(0.0, 1.0, 84, 100)], 1.0, 0.1).frames;
        assert!(roll.iter().all(|&v| v == 0.0));
    }

    #[test]
    fn no_notes_and_absurd_lengths_are_safe() {
        assert_eq!(roll(&[], 0.0, 0.1).frames.dim(), (0, 48));
        assert_eq!(roll(&[], f64::NAN, 0.1).frames.dim(), (0, 48));
        assert_eq!(roll(&[note(0.0, 1e300, 40, 1)], 1e300, 1e6).frames.nrows(), MOST_FRAMES);
    }

    proptest! {
        #[test]
        fn every_row_has_unit_length_or_is_silent(
            notes in prop::collection::vec((0.0_f64..10.0, 0.01_f64..3.0, 0_u8..128, 1_u8..128), 0..30),
        ) {
            let notes: Vec<Note> = notes.iter().map(|&(start, len, pitch, v)| note(start, start + len, pitch, v)).collect();
            for row in roll(&notes, 13.0, 1024.0 / 22_050.0).frames.rows() {
                let norm = row.dot(&row);
                prop_assert!(norm == 0.0 || (norm - 1.0).abs() < 1e-5);
            }
        }
    }
}
