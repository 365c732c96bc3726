//! Which part of a MIDI file is the music, if the file is much longer than the recording: a note that somebody left an
//! hour after the end, a piece that begins late, a second one after a long silence.

use crate::midi::Note;
use ndarray::Array2;
use std::ops::Range;

/// Longer than any silence within a piece, in seconds.
const SILENCE_S: f64 = 60.0;

/// A file this many times as long as the recording contains more than the recording: tempo ratios up to this are tried.
const LONGEST: f64 = 2.2;

/// Sound this close to the notes, before or after, belongs to them, in seconds.
const RELEASE_S: f64 = 3.0;

/// The seconds of the MIDI file that can be in a recording of `audio_s` seconds: of the parts between long silences,
/// the run with the most notes that is not too long for it. `None` if that is all of the file.
pub(crate) fn music(notes: &[Note], audio_s: f64) -> Option<Range<f64>> {
    // By start, end and number of notes.
    let mut parts: Vec<(f64, f64, usize)> = Vec::new();
    for note in notes {
        match parts.last_mut() {
            Some(part) if note.start.0 - part.1 < SILENCE_S => *part = (part.0, part.1.max(note.end.0), part.2 + 1),
            _ => parts.push((note.start.0, note.end.0, 1)),
        }
    }
    let longest = (LONGEST * audio_s).max(SILENCE_S);
    if parts.len() < 2 || parts[parts.len() - 1].1 - parts[0].0 <= longest {
        return None;
    }
    let mut best = (0, 0.0..0.0);
    let (mut from, mut count) = (0, 0);
    for part in &parts {
        count += part.2;
        // One part may be too long; it is still the only one there.
        while part.1 - parts[from].0 > longest && parts[from].0 < part.0 {
            count -= parts[from].2;
            from += 1;
        }
        if count > best.0 {
            best = (count, parts[from].0..part.1);
        }
    }
    Some(best.1.start - RELEASE_S..best.1.end + RELEASE_S)
}

/// The rows of a MIDI file, `frame_s` apart, with silence before `music`, and without what comes after it.
pub(crate) fn alone(rows: &Array2<f32>, music: &Range<f64>, frame_s: f64) -> Array2<f32> {
    let row = |seconds: f64| ((seconds / frame_s).max(0.0) as usize).min(rows.nrows());
    let (from, to) = (row(music.start), row(music.end));
    let mut alone = rows.slice(ndarray::s![..to, ..]).to_owned();
    alone.slice_mut(ndarray::s![..from, ..]).fill(0.0);
    alone
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::MidiTime;

    fn notes(parts: &[(f64, usize)]) -> Vec<Note> {
        let starts = parts.iter().flat_map(|&(from, count)| (0..count).map(move |i| from + 0.5 * i as f64));
        let note = |start: f64| Note {
            start: MidiTime(start),
            end: MidiTime(start + 0.5),
            start_tick: 0,
            end_tick: 1,
            track: 0,
            drums: false,
            channel: 0,
            pitch: 60,
            velocity: 80,
            program: 0,
        };
        starts.map(note).collect()
    }

    #[test]
    fn a_note_an_hour_later_is_not_the_music() {
        assert_eq!(music(&notes(&[(0.0, 120), (3600.0, 1)]), 60.0), Some(-3.0..63.0));
        assert_eq!(music(&notes(&[(0.0, 1), (3600.0, 120)]), 60.0), Some(3597.0..3663.0));
        assert_eq!(music(&notes(&[(0.0, 1), (3600.0, 120), (9000.0, 2)]), 60.0), Some(3597.0..3663.0));
    }

    #[test]
    fn what_the_recording_can_hold_is_all_music() {
        assert_eq!(music(&notes(&[(0.0, 120), (3600.0, 100)]), 3650.0), None);
        assert_eq!(music(&notes(&[(0.0, 1000)]), 10.0), None);
        assert_eq!(music(&notes(&[(0.0, 10), (100.0, 120), (200.0, 20), (9000.0, 130)]), 100.0), Some(-3.0..213.0));
        assert_eq!(music(&[], 10.0), None);
    }

    #[test]
    fn rows_keep_their_moments() {
        let rows = Array2::from_shape_fn((10, 2), |(i, _)| i as f32 + 1.0);
        let found = alone(&rows, &(3.0..7.0), 1.0);
        assert_eq!(found.column(0).to_vec(), [0.0, 0.0, 0.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(alone(&rows, &(-3.0..70.0), 1.0), rows);
    }
}
