//! What a file is by its name, and when two names are the same.

use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization as _;

/// Extensions of recordings, in lower case; letter case does not matter.
#[rustfmt::skip]
pub const AUDIO: &[&str] = &[
    "wav", "wave", "aif", "aiff", "aifc", "caf", "flac", "mp3", "ogg", "oga", "opus", "m4a", "mp4", "aac", "alac", "mka",
    "mkv", "webm",
];
/// Extensions of MIDI files, in lower case; letter case does not matter.
pub const MIDI: &[&str] = &["mid", "midi", "kar", "rmi", "smf"];
/// Extensions of sessions.
pub(crate) const SESSION: &[&str] = &["json"];
/// Extensions of soundfonts.
pub const SOUNDFONT: &[&str] = &["sf2"];
/// Extensions of files with decisions, journals excluded.
const DECISIONS: &[&str] = &["csv", "tsv", "json", "jams"];
/// Extensions of files with pairs or decisions.
pub const LISTS: &[&str] = &["jsonl", "ndjson", "json", "csv", "tsv", "txt", "jams"];
/// Extensions of files that are examined before they are opened: their names do not say what they are.
pub(crate) const DOCUMENTS: &[&str] =
    &["json", "jsonl", "ndjson", "csv", "tsv", "txt", "jams", "safetensors", "sf2", "npy", "png"];

/// Whether a file's extension is one of `endings`, which are in lower case.
pub(crate) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|is| endings.iter().any(|ending| is.eq_ignore_ascii_case(ending)))
}

/// Whether macOS keeps what it knows about another file in this one, by its name: `._Song.mid`.
pub(crate) fn is_apple_double(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"._"))
}

/// Whether a file's extension is `ending`, in any letter case.
pub(crate) fn ends_in(path: &Path, ending: &str) -> bool {
    has_ending(path, &[ending])
}

/// Whether a file is a recording by its name.
pub fn is_audio_name(path: &Path) -> bool {
    has_ending(path, AUDIO)
}

/// Whether a file is MIDI by its name. [`is_midi`](super::is_midi) examines its content.
pub fn is_midi_name(path: &Path) -> bool {
    has_ending(path, MIDI)
}

/// Whether a file is a recording or MIDI by its name.
pub(crate) fn is_sound_name(path: &Path) -> bool {
    is_audio_name(path) || is_midi_name(path)
}

/// Where the MIDI file and the recording stand in a row of a table without a header; `None` in any other row.
pub(crate) fn sides_of(row: &[String]) -> Option<[usize; 2]> {
    let place = |is: fn(&Path) -> bool| row.iter().position(|field| is(Path::new(field.trim())));
    place(is_midi_name).zip(place(is_audio_name)).map(<[usize; 2]>::from)
}

/// Whether a file holds decisions and is not a journal, by its name.
pub fn is_decisions_name(path: &Path) -> bool {
    has_ending(path, DECISIONS)
}

/// Whether a file is examined before it is opened.
pub fn is_document_name(path: &Path) -> bool {
    has_ending(path, DOCUMENTS)
}

/// A name in the form in which names are compared: NFC, since some systems write `ä` as one character and others as an
/// `a` and two dots. Letter case stays.
pub fn name_key(name: &str) -> String {
    if name.is_ascii() { name.to_owned() } else { name.nfc().collect() }
}

/// A text in the form in which it is searched: like [`name_key`], in lower case.
pub(crate) fn search_key(text: &str) -> String {
    name_key(text).to_lowercase()
}

/// The name of a file without its extension, [as names are compared](name_key).
pub fn stem(path: &Path) -> String {
    name_key(&path.file_stem().unwrap_or_default().to_string_lossy())
}

/// Whether two files have the same name in the same folder, whatever their extensions.
pub(crate) fn same_place(a: &Path, b: &Path) -> bool {
    let key = |path: &Path| -> PathBuf { path.with_file_name(stem(path)) };
    key(a) == key(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_case_of_an_ending_does_not_matter() {
        for name in ["a.MP3", "a.WebM", "a.b.flac", "x/.hidden.Aifc"] {
            assert!(is_audio_name(Path::new(name)) && !is_midi_name(Path::new(name)), "{name}");
        }
        for name in ["a.MID", "a.Kar", "a.smf", "a.rMi"] {
            assert!(is_midi_name(Path::new(name)) && !is_audio_name(Path::new(name)), "{name}");
        }
        for name in ["mp3", ".mp3", "a.mp", "a.mp33", "a", ""] {
            assert!(!is_sound_name(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn every_ending_is_written_in_lower_case_and_stands_once() {
        let all: Vec<&str> = [AUDIO, MIDI, DOCUMENTS].concat();
        let unique: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(unique.len(), all.len());
        assert!(all.iter().all(|ending| ending.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())));
        for endings in [SESSION, SOUNDFONT, DECISIONS, LISTS] {
            assert!(endings.iter().all(|ending| DOCUMENTS.contains(ending)), "{endings:?}");
        }
    }

    #[test]
    fn composed_and_decomposed_names_are_the_same() {
        let (one, two) = ("x/De\u{301}ja\u{300} vu.mid", "x/D\u{e9}j\u{e0} vu.ogg");
        assert!(same_place(Path::new(one), Path::new(two)));
        assert!(!same_place(Path::new("y/D\u{e9}j\u{e0} vu.ogg"), Path::new(one)));
        assert_eq!(stem(Path::new(one)), "D\u{e9}j\u{e0} vu");
        // A different letter or letter case makes a different name.
        assert!(!same_place(Path::new("a.mid"), Path::new("A.ogg")));
        assert!(!same_place(Path::new("a.mid"), Path::new("\u{e4}.ogg")));
    }
}
