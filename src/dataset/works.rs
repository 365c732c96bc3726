//! Finds MIDI files, decides which of them are the same music, and what each is used for.

use super::fingerprint::{self, Fingerprint};
use super::{Split, Work, mix};
use crate::error::{Error, Result};
use crate::files::{self, below, is_midi, md5, name_key};
use crate::job::Progress;
use crate::midi::Midi;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A MIDI file that was read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// MD5 of its bytes.
    pub(super) id: String,
    pub(super) path: PathBuf,
    pub(super) title: String,
    /// Works of one group are the same music.
    pub(super) group: usize,
    pub(super) split: Split,
    /// What is odd about it.
    warning: Option<String>,
    fingerprint: Fingerprint,
}

impl Source {
    /// Its entry in the document, without pairs.
    pub(super) fn entry(&self) -> Work {
        Work {
            id: self.id.clone(),
            path: self.path.clone(),
            title: self.title.clone(),
            group: self.group,
            split: self.split,
            frames: Vec::new(),
            recordings: Vec::new(),
            skipped: None,
            warning: self.warning.clone(),
        }
    }
}

/// The files found below some folders.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// One per content, in the order of their paths.
    pub(super) works: Vec<Source>,
    /// Files that can't be used, with the reason.
    pub(super) skipped: Vec<(PathBuf, String)>,
    /// Files whose bytes equal those of an earlier file.
    pub(super) copies: usize,
    /// Files that are the same music as a held-out one.
    pub(super) held_out: usize,
}

/// MIDI files below `from`, each content once, without music that is the same as a file below `held`; and the number of
/// files left out for that.
pub(crate) fn other_works(from: &[PathBuf], held: &[PathBuf], progress: &Progress) -> Result<(Vec<PathBuf>, usize)> {
    match Sources::find(from, held, 0, progress) {
        Ok(found) => Ok((found.works.into_iter().map(|work| work.path).collect(), found.held_out)),
        Err(Error::Nothing { .. }) => Ok((Vec::new(), 0)),
        Err(error) => Err(error),
    }
}

/// Shares of the works for validation and test (spec C7 has other shares: it has more works).
const VALID: f64 = 0.05;
const TEST: f64 = 0.05;

impl Sources {
    /// Reads all MIDI files of `from` (files, and folders with everything below them), leaves out music that is the
    /// same as a file of `hold_out`, then groups and splits the rest, by `seed` and content only.
    pub(super) fn find(from: &[PathBuf], hold_out: &[PathBuf], seed: u64, progress: &Progress) -> Result<Self> {
        let (mut works, skipped, copies) = read_all(&files(from)?, &progress.part(0.0, 0.9))?;
        let (kept_out, unread, _) = read_all(&files(hold_out)?, &progress.part(0.9, 1.0))?;
        if works.is_empty() && skipped.is_empty() {
            return Err(Error::nothing(format!("no MIDI files below {from:?}")));
        }
        if let Some((path, reason)) = unread.into_iter().next() {
            // The held-out files must be known: a leak is worse than a stop.
            return Err(Error::Dataset { reason: format!("a file that is held out can't be read: {reason}"), path });
        }
        let count = works.len();
        works.extend(kept_out);
        let groups = groups(&works);
        let held: std::collections::BTreeSet<usize> = groups[count..].iter().copied().collect();
        // A group is identified by its smallest id: files that come later or from elsewhere don't change a draw.
        let mut names: BTreeMap<usize, &str> = BTreeMap::new();
        for (work, &group) in works.iter().zip(&groups).take(count) {
            let name = names.entry(group).or_insert(&work.id);
            *name = (*name).min(&work.id);
        }
        let splits: BTreeMap<usize, Split> = names.iter().map(|(&group, name)| (group, draw(name, seed))).collect();
        works.truncate(count);
        for (work, group) in works.iter_mut().zip(groups) {
            work.group = group;
            work.split = splits[&group];
        }
        works.retain(|work| !held.contains(&work.group));
        let held_out = count - works.len();
        Ok(Self { works, skipped, copies, held_out })
    }
}

/// The split of the group with this name.
fn draw(name: &str, seed: u64) -> Split {
    let at = (number(name, seed) >> 11) as f64 / (1_u64 << 53) as f64;
    if at < VALID {
        Split::Valid
    } else if at < VALID + TEST {
        Split::Test
    } else {
        Split::Train
    }
}

/// A number that depends only on a text and a seed.
pub(crate) fn number(text: &str, seed: u64) -> u64 {
    text.bytes().fold(mix(seed), |hash, byte| mix(hash ^ u64::from(byte)))
}

type Read = (Vec<Source>, Vec<(PathBuf, String)>, usize);

fn read_all(paths: &[PathBuf], progress: &Progress) -> Result<Read> {
    let done = AtomicUsize::new(0);
    let read: Vec<Result<Source>> = paths
        .par_iter()
        .with_max_len(1)
        .map(|path| {
            progress.step(done.fetch_add(1, Ordering::Relaxed), paths.len())?;
            let (id, midi) = read(path)?;
            let fingerprint = Fingerprint::new(midi.notes());
            let warning = midi.warning().map(|warning| format!("MIDI: {warning}"));
            let title = title(path);
            Ok(Source { id, path: path.clone(), title, group: 0, split: Split::Train, warning, fingerprint })
        })
        .collect();
    let (mut works, mut skipped, mut copies) = (Vec::new(), Vec::new(), 0);
    let mut seen = std::collections::HashSet::new();
    for (path, read) in paths.iter().zip(read) {
        match read {
            Ok(source) if seen.insert(source.id.clone()) => works.push(source),
            Ok(_) => copies += 1,
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => skipped.push((path.clone(), error.reason(path))),
        }
    }
    Ok((works, skipped, copies))
}

/// Reads a MIDI file; returns its MD5 in hexadecimal, and its contents.
///
/// # Errors
/// As [`Midi::read`]; [`Error::Nothing`] if the file has no notes.
pub(crate) fn read(path: &Path) -> Result<(String, Midi)> {
    let midi = Midi::read(path)?;
    if midi.notes().is_empty() {
        return Err(Error::nothing("the MIDI file has no notes").at(path));
    }
    // Reads the bytes again, from the system's cache: `read` has checked that the file is short enough.
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    Ok((md5(&bytes), midi))
}

/// All MIDI files among these paths, sorted, each once.
fn files(from: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in from {
        if path.is_dir() {
            found.extend(below(path).into_iter().filter(|path| is_midi(path)));
        } else if path.exists() {
            found.push(path.clone());
        } else {
            return Err(Error::io("read", path)(std::io::ErrorKind::NotFound.into()));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The name of a file without what distinguishes copies and versions: case, punctuation, numbers of tracks or parts,
/// `_0` and `(1)`. A name that says nothing without its folder (`167`, `1-1`) is prefixed with the folder's.
pub(super) fn title(path: &Path) -> String {
    let lower = |name: Option<&std::ffi::OsStr>| name_key(&name.unwrap_or_default().to_string_lossy()).to_lowercase();
    let stem = files::stem(path).to_lowercase();
    let mut words: Vec<&str> = stem.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let counts = |word: &str| {
        ["tracks", "track", "trk", "parts", "part", "tr"].iter().any(|unit| {
            let number = word.strip_suffix(unit).or_else(|| word.strip_prefix(unit));
            number.is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    // Systems append "(2)" to the name of a copy.
    if stem.ends_with(')') && words.len() > 1 && words.last().is_some_and(|word| is_number(word)) {
        words.pop();
    }
    while let [first, .., last] = words[..]
        && (counts(last) || ["0", "copy", "kar", "mid", "midi"].contains(&last))
        && !is_number(first)
    {
        words.pop();
    }
    let name = words.join(" ");
    if name.chars().any(char::is_alphabetic) && name.chars().count() > 3 {
        return name;
    }
    format!("{}/{stem}", lower(path.parent().and_then(Path::file_name)))
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit())
}

/// The work that represents everything `i` was joined with.
fn root(parent: &mut [usize], mut i: usize) -> usize {
    while parent[i] != i {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    i
}

/// A number for each work, the same for works that are the same music by content, title or notes.
fn groups(works: &[Source]) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..works.len()).collect();
    let mut join = |a: usize, b: usize| {
        let (a, b) = (root(&mut parent, a), root(&mut parent, b));
        parent[a.max(b)] = a.min(b);
    };
    let (mut by_id, mut by_title) = (HashMap::new(), HashMap::new());
    for (i, work) in works.iter().enumerate() {
        join(*by_id.entry(&work.id).or_insert(i), i);
        join(*by_title.entry(&work.title).or_insert(i), i);
    }
    let prints: Vec<Fingerprint> = works.iter().map(|work| work.fingerprint.clone()).collect();
    for (a, b) in fingerprint::same(&prints) {
        join(a, b);
    }
    (0..works.len()).map(|i| root(&mut parent, i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_lose_what_tells_copies_apart() {
        let title = |name: &str| title(&Path::new("Folder").join(name));
        for name in
            ["moon_1_0.mid", "Moon-1.MID", "moon 1 (2).mid", "moon_1_4tracks.mid", "moon_1 copy.mid", "moon 1_tr4.mid"]
        {
            assert_eq!(title(name), "moon 1", "{name}");
        }
        assert_eq!(title("op_27_2.mid"), "op 27 2");
        assert_eq!(title("167.mid"), "folder/167");
        assert_eq!(title("1_0.mid"), "folder/1_0");
        assert_ne!(title("sonata 2.mid"), title("sonata 3.mid"));
    }

    #[test]
    fn shares_of_the_splits_are_about_right_and_depend_on_the_seed() {
        let draws: Vec<Split> = (0..4000).map(|i| draw(&i.to_string(), 7)).collect();
        for (split, share) in [(Split::Valid, VALID), (Split::Test, TEST)] {
            let found = draws.iter().filter(|d| **d == split).count() as f64 / 4000.0;
            assert!((found - share).abs() < 0.015, "{split:?}: {found}");
        }
        assert!((0..4000).any(|i| draw(&i.to_string(), 8) != draws[i]));
    }
}
