//! [`Item`]: a pair of a queue.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Endings of recordings that are looked for.
const AUDIO: [&str; 10] = ["ogg", "mp3", "flac", "wav", "opus", "m4a", "aiff", "aif", "mka", "webm"];

/// A pair that is to be judged.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Item {
    /// What the journal calls it.
    pub id: String,
    /// The MIDI file.
    pub midi: PathBuf,
    /// The recording; where a tree does not say which file it is, the folder of the track (see
    /// [`recording`](Self::recording)).
    pub audio: PathBuf,
    /// What the source calls it: artist and title.
    pub title: String,
    /// 0..=1, higher is better.
    pub confidence: Option<f64>,
    /// Which judge gave the confidence, and what it saw: `1f6c02ab pair`; of a published formula its preset.
    pub judge: Option<String>,
    /// What else the search says: `score`, `hash_distance`, `embedding_distance`, `transpose`.
    pub parts: BTreeMap<String, f64>,
}

impl Item {
    /// The recording: where only the folder of a track is known, the first audio file in it or beside it under its name.
    pub fn recording(&self) -> PathBuf {
        let is_audio =
            |path: &Path| path.extension().is_some_and(|e| AUDIO.iter().any(|kind| e.eq_ignore_ascii_case(kind)));
        if self.audio.is_dir() || self.audio.extension().is_none() {
            let mut inside: Vec<PathBuf> =
                std::fs::read_dir(&self.audio).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            inside.sort();
            let beside = AUDIO.iter().map(|kind| self.audio.with_extension(kind));
            let found =
                inside.into_iter().filter(|path| is_audio(path)).chain(beside.filter(|path| path.is_file())).next();
            return found.unwrap_or_else(|| self.audio.clone());
        }
        self.audio.clone()
    }
}
