//! Lists and names the files of both sides, before any is searched for on the other.

use super::names::Name;
use crate::audio::{self, Tags};
use crate::dataset::read_midi;
use crate::error::{Error, Result};
use crate::files::{absolute, is_midi, is_midi_name};
use crate::index::{Catalogue, sound_files};
use crate::job::Progress;
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Files that can't be used, with the reason.
pub(super) type Skipped = Vec<(PathBuf, String)>;

/// A MIDI file: the one among its copies whose path says most.
#[derive(Debug, Clone)]
pub(super) struct MidiFile {
    pub(super) path: PathBuf,
    pub(super) md5: String,
    pub(super) name: Name,
    /// What is odd about it.
    pub(super) warning: Option<String>,
}

/// A recording.
#[derive(Debug, Clone)]
pub(super) struct AudioFile {
    pub(super) path: PathBuf,
    pub(super) name: Name,
}

/// Files of one side.
#[derive(Debug)]
pub(super) struct Listed {
    roots: Vec<PathBuf>,
    pub(super) files: Vec<PathBuf>,
}

/// MIDI files by path, each content once.
pub(super) fn midi_files(listed: &Listed, skipped: &mut Skipped, progress: &Progress) -> Result<Vec<MidiFile>> {
    let Listed { roots, files } = listed;
    let done = AtomicUsize::new(0);
    let read: Vec<Result<MidiFile>> = files
        .par_iter()
        .with_max_len(1)
        .map(|path| {
            progress.step(done.fetch_add(1, Ordering::Relaxed), files.len())?;
            let (md5, midi) = read_midi(path)?;
            let (name, warning) = (Name::of_midi(&seen_from(roots, path), &midi), midi.warning());
            Ok(MidiFile { path: path.clone(), md5, name, warning })
        })
        .collect();
    let mut unique: Vec<MidiFile> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (path, read) in files.iter().zip(read) {
        match read {
            Ok(file) => match places.get(&file.md5) {
                Some(&at) if says(&file.name) > says(&unique[at].name) => unique[at] = file,
                Some(_) => {}
                None => {
                    places.insert(file.md5.clone(), unique.len());
                    unique.push(file);
                }
            },
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => skipped.push((path.clone(), error.reason(path))),
        }
    }
    unique.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(unique)
}

/// Recordings by path, named by the catalogue, their tags or their paths, in this order.
pub(super) fn recordings(
    listed: &Listed,
    catalogue: &Catalogue,
    skipped: &mut Skipped,
    progress: &Progress,
) -> Result<Vec<AudioFile>> {
    let Listed { roots, files } = listed;
    let done = AtomicUsize::new(0);
    let read: Vec<Result<Tags>> = files
        .par_iter()
        .with_max_len(1)
        .map(|path| {
            progress.step(done.fetch_add(1, Ordering::Relaxed), files.len())?;
            audio::read_tags(path)
        })
        .collect();
    let mut found = Vec::new();
    for (path, tags) in files.iter().zip(read) {
        match tags {
            Ok(tags) => {
                let name = Name::of_tags(&tags, &seen_from(roots, path));
                let (artist, title) =
                    catalogue.about(path).map(|about| (about.artist.clone(), about.title.clone())).unwrap_or_default();
                let name = Name { artist: artist.or(name.artist), title: title.or(name.title) };
                found.push(AudioFile { path: path.clone(), name });
            }
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => skipped.push((path.clone(), error.reason(path))),
        }
    }
    Ok(found)
}

/// How much of a name is known.
fn says(name: &Name) -> usize {
    usize::from(name.artist.is_some()) + 2 * usize::from(name.title.is_some())
}

/// The files of one side, MIDI or not, below `folders`.
///
/// # Errors
/// [`Error::Io`] if a folder does not exist, [`Error::Nothing`] if there are no files.
pub(super) fn below(folders: &[PathBuf], midi: bool, skipped: &mut Skipped) -> Result<Listed> {
    let mut roots = Vec::new();
    for folder in folders {
        std::fs::metadata(folder).map_err(Error::io("read", folder))?;
        roots.push(absolute(folder)?);
    }
    let (mut files, unlisted) = sound_files(folders);
    skipped.extend(unlisted.into_iter().map(|(path, error)| (path.clone(), error.reason(&path))));
    files.retain(|path| is_of_midi(path) == midi);
    if files.is_empty() {
        return Err(Error::nothing(format!("no {} below {folders:?}", if midi { "MIDI files" } else { "recordings" })));
    }
    // A list of pairs is text.
    files.retain(|path| {
        let is_text = path.to_str().is_some();
        if !is_text {
            skipped.push((path.clone(), "its name is not UTF-8, which a list of pairs can't hold".into()));
        }
        is_text
    });
    Ok(Listed { roots, files })
}

/// Decides by the name if that tells, so that broken files are reported on their own side.
fn is_of_midi(path: &Path) -> bool {
    is_midi_name(path) || (path.extension().is_none() && is_midi(path))
}

/// The path from the nearest of the folders that were searched; for a file that was given itself, its name.
fn seen_from(roots: &[PathBuf], path: &Path) -> PathBuf {
    let rests = roots.iter().filter_map(|root| path.strip_prefix(root).ok());
    let rest = rests.min_by_key(|rest| rest.components().count());
    let rest = rest.filter(|rest| !rest.as_os_str().is_empty()).map(Path::to_path_buf);
    rest.unwrap_or_else(|| path.file_name().unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_copies_the_one_with_the_better_name_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x0b\0\x90\x3c\x40\x60\x3c\0\0\xff\x2f\0";
        for name in ["1.mid", "Abba/Waterloo.mid", "waterloo.mid", "broken.mid"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, if name == "broken.mid" { &bytes[..4] } else { bytes }).expect("written");
        }
        let mut skipped = Skipped::new();
        let root = [folder.path().to_path_buf()];
        let listed = below(&root, true, &mut skipped).expect("listed");
        let files = midi_files(&listed, &mut skipped, &Progress::silent()).expect("read");
        assert_eq!((files.len(), listed.files.len(), skipped.len()), (1, 4, 1));
        assert_eq!(files[0].name.artist.as_deref(), Some("Abba"));
        assert!(skipped[0].0.ends_with("broken.mid"));
        assert!(matches!(below(&root, false, &mut skipped), Err(Error::Nothing { .. })));
    }
}
