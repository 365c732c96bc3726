//! The demonstration: files to try the program with, for users without files of their own.
//!
//! A MIDI file and three recordings, one of them of the same piece, are embedded in the program itself; [`unpack`]
//! writes them where the user can open them. The recordings are synthetic: `assets/demo/HOW.md` tells how they were
//! made.

use crate::error::Result;
use crate::files;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the demonstration's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// The MIDI file.
    pub midi: PathBuf,
    /// The recordings to choose from; the first is of the same piece.
    pub recordings: Vec<PathBuf>,
}

const MIDI: (&str, &[u8]) = ("song.mid", include_bytes!("../assets/demo/song.mid"));

const RECORDINGS: [(&str, &[u8]); 3] = [
    ("recording-2.ogg", include_bytes!("../assets/demo/recording-2.ogg")),
    ("recording-1.ogg", include_bytes!("../assets/demo/recording-1.ogg")),
    ("recording-3.ogg", include_bytes!("../assets/demo/recording-3.ogg")),
];

const LICENCE: (&str, &[u8]) = ("LICENSE", include_bytes!("../assets/demo/LICENSE"));

/// Writes the files into `folder`, which is created if it isn't there. Files already there with the right content are
/// kept.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if the folder can't be created or a file can't be written.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let demo = antiphon::demo::unpack(&folder.path().join("demo"))?;
/// assert_eq!(demo.recordings.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn unpack(folder: &Path) -> Result<Demo> {
    files::create_folder(folder)?;
    write(folder, LICENCE)?;
    let midi = write(folder, MIDI)?;
    let recordings = RECORDINGS.into_iter().map(|file| write(folder, file)).collect::<Result<_>>()?;
    Ok(Demo { midi, recordings })
}

fn write(folder: &Path, (name, bytes): (&str, &[u8])) -> Result<PathBuf> {
    let path = folder.join(name);
    if !fs::read(&path).is_ok_and(|there| there == bytes) {
        files::write(&path, bytes)?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::warp::TimeMap;
    use crate::audio::{AudioTime, Keep, decode};
    use crate::job::Progress;
    use crate::midi::{Midi, MidiTime};

    #[test]
    fn every_file_can_be_read_by_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let demo = unpack(&folder.path().join("made on demand")).unwrap();
        assert!(Midi::read(&demo.midi).unwrap().notes().len() > 1000);
        for path in &demo.recordings {
            let recording = decode(path, Keep::Analysis, &Progress::silent()).unwrap();
            assert!(recording.warning.is_none() && recording.mono.seconds() > 60.0, "{path:?}");
        }
    }

    #[test]
    fn a_damaged_file_is_written_again_and_a_whole_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let demo = unpack(folder.path()).unwrap();
        let written = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        let before = written(&demo.recordings[0]);
        fs::write(&demo.midi, b"cut short").unwrap();
        assert_eq!(unpack(folder.path()).unwrap(), demo);
        assert_eq!(fs::read(&demo.midi).unwrap(), MIDI.1);
        assert_eq!(written(&demo.recordings[0]), before);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = unpack(&file.join("demo")).unwrap_err().to_string();
        assert!(error.starts_with("can't create the folder"), "{error}");
    }

    #[test]
    fn the_true_warp_fits_the_midi_and_the_right_recording() {
        let knots = include_str!("../assets/demo/truth.csv").lines().skip(1).map(|line| {
            let (midi, audio) = line.split_once(',').unwrap();
            (MidiTime(midi.parse().unwrap()), AudioTime(audio.parse().unwrap()))
        });
        let truth = TimeMap::new(knots).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let demo = unpack(folder.path()).unwrap();
        let midi = Midi::read(&demo.midi).unwrap();
        let recording = decode(&demo.recordings[0], Keep::Analysis, &Progress::silent()).unwrap();
        let end = truth.to_audio(midi.end()).0;
        assert!((end - 5.0..end + 5.0).contains(&recording.mono.seconds()), "{end} s");
        // Silence before the first note, sound from it on.
        let first = truth.to_audio(midi.notes()[0].start).0;
        let rms = |from: f64, to: f64| {
            let at = |s: f64| (s * f64::from(recording.mono.sample_rate)) as usize;
            let samples = &recording.mono.samples[at(from)..at(to)];
            (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).sqrt()
        };
        assert!(rms(first, first + 0.3) > 10.0 * rms(0.0, first - 0.1));
    }
}
