//! [`Item`]: a pair of a queue.

use crate::files::{is_apple_double, is_audio_name, same_place};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A pair that is to be judged.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Item {
    /// Its id in the journal.
    pub id: String,
    /// The MIDI file.
    pub midi: PathBuf,
    /// The recording; if a tree does not say which file it is, the folder of the track (see
    /// [`recording`](Self::recording)).
    pub audio: PathBuf,
    /// Its name in the source: artist and title.
    pub title: String,
    /// 0..=1, higher is better.
    pub confidence: Option<f64>,
    /// Which judge gave the confidence, and what it saw: `1f6c02ab pair`; for a published formula, its preset.
    pub judge: Option<String>,
    /// Other values from the search: `score`, `hash_distance`, `embedding_distance`, `transpose`.
    pub parts: BTreeMap<String, f64>,
}

impl Item {
    /// The recording: if only the folder of a track is known, the first audio file in it, or the one of that name
    /// beside it.
    pub fn recording(&self) -> PathBuf {
        if !self.audio.is_dir() && self.audio.extension().is_some() {
            return self.audio.clone();
        }
        let files_of = |folder: &Path| {
            let listed = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            let mut files: Vec<PathBuf> = listed.filter(|path| is_audio_name(path) && !is_apple_double(path)).collect();
            files.sort();
            files
        };
        let beside = |path: &PathBuf| path.is_file() && same_place(path, &self.audio);
        let inside = files_of(&self.audio).into_iter().next();
        let folder = self.audio.parent().unwrap_or(Path::new(""));
        let found = inside.or_else(|| files_of(folder).into_iter().find(beside));
        found.unwrap_or_else(|| self.audio.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recording_beside_a_track_is_found_whatever_its_kind_and_form() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["D\u{e9}j\u{e0}.AIFC", "D\u{e9}j\u{e0} 2.mp3", "D\u{e9}j\u{e0}.txt"] {
            std::fs::write(at(name), "").expect("written");
        }
        let item = |audio: &str| Item { audio: at(audio), ..Item::default() };
        assert_eq!(item("De\u{301}ja\u{300}").recording(), at("D\u{e9}j\u{e0}.AIFC"));
        assert_eq!(item("other").recording(), at("other"));
        std::fs::write(at("._D\u{e9}j\u{e0}.aif"), "").expect("written");
        assert_eq!(item("De\u{301}ja\u{300}").recording(), at("D\u{e9}j\u{e0}.AIFC"));
        // A file inside takes precedence over one beside.
        std::fs::create_dir(at("D\u{e9}j\u{e0}")).expect("a folder");
        std::fs::write(at("D\u{e9}j\u{e0}/take.webm"), "").expect("written");
        assert_eq!(item("D\u{e9}j\u{e0}").recording(), at("D\u{e9}j\u{e0}/take.webm"));
    }
}
