//! Lists and names the files of both sides, before any is searched for on the other.

use super::names::Name;
use crate::audio::{self, Tags};
use crate::dataset::read_midi;
use crate::error::{Error, Result};
use crate::files::csv::Rows;
use crate::files::{absolute, is_midi, is_midi_name, is_table_name};
use crate::index::{About, Catalogue, sound_files};
use crate::job::Progress;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::io::BufReader;
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
            Ok(MidiFile { path: path.clone(), md5, name: Name::of_midi(&seen_from(roots, path), &midi) })
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

/// Reads a catalogue: JSON lines as for an index, or a table with the columns `path`, `artist` and `title`, paths
/// relative to it.
///
/// # Errors
/// [`Error::Io`], [`Error::Catalogue`], [`Error::List`] with the row.
pub(super) fn catalogue(file: &Path) -> Result<Catalogue> {
    if !is_table_name(file) {
        return Catalogue::read(file);
    }
    let folder = absolute(file)?.parent().map(Path::to_path_buf).unwrap_or_default();
    let opened = std::fs::File::open(file).map_err(Error::io("read", file))?;
    let mut rows = Rows::new(BufReader::new(opened), file);
    let header: Vec<String> = rows.next()?.unwrap_or_default().iter().map(|name| name.trim().to_lowercase()).collect();
    let column = |wanted: &str| header.iter().position(|name| name == wanted);
    let path = column("path").ok_or_else(|| rows.bad("no column `path`".into()))?;
    let (artist, title) = (column("artist"), column("title"));
    let mut about = BTreeMap::new();
    while let Some(fields) = rows.next()? {
        let field = |at: Option<usize>| at.and_then(|at| fields.get(at)).filter(|text| !text.is_empty()).cloned();
        let place = field(Some(path)).ok_or_else(|| rows.bad("no path".into()))?;
        about.insert(
            absolute(&folder.join(place))?,
            About { artist: field(artist), title: field(title), ..About::default() },
        );
    }
    Ok(Catalogue::new(about))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_json_lines_are_the_same_catalogue() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("c.csv"), "Title,path,more,artist\n\"Air, \"\"on G\"\"\",a/1.ogg,x,Bach\n,b.ogg,,\n")
            .expect("written");
        std::fs::write(
            at("c.jsonl"),
            "{\"path\": \"a/1.ogg\", \"artist\": \"Bach\", \"title\": \"Air, \\\"on G\\\"\"}\n{\"path\": \"b.ogg\"}\n",
        )
        .expect("written");
        let (table, lines) = (catalogue(&at("c.csv")).expect("a table"), catalogue(&at("c.jsonl")).expect("lines"));
        for path in ["a/1.ogg", "b.ogg"] {
            let path = absolute(&at(path)).expect("a path");
            assert_eq!(table.about(&path), lines.about(&path), "{path:?}");
            assert!(table.about(&path).is_some());
        }
        std::fs::write(at("c.csv"), "artist,title\na,b\n").expect("written");
        let error = catalogue(&at("c.csv")).expect_err("no path").to_string();
        assert!(error.contains("row 1: no column `path`"), "{error}");
    }

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
