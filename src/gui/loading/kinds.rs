//! What a file is, by its name, and what opening it will do.

use super::curating::is_queue;
use crate::files::Kind;
use std::path::{Path, PathBuf};

/// The name of a file without its folders.
pub(in super::super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

pub(super) const MIDI_EXTENSIONS: &[&str] = &["mid", "midi", "kar", "rmi", "smf"];
pub(super) const AUDIO_EXTENSIONS: &[&str] = &[
    "wav", "aif", "aiff", "flac", "mp3", "ogg", "oga", "opus", "m4a", "mp4", "aac", "alac", "caf", "mka", "mkv", "webm",
];

/// What opening these will do, in words: `replace the MIDI file song.mid`, `add 2 recordings`.
pub(in super::super) fn effects(paths: &[PathBuf], midi: Option<&Path>) -> Vec<String> {
    let count = |test: &dyn Fn(&PathBuf) -> bool| paths.iter().filter(|path| test(path)).count();
    // No file is opened to find out: this is asked in every frame.
    let folder = |path: &PathBuf| path.extension().is_none() && path.is_dir();
    let midis = count(&|path| is_midi(path));
    let documents = count(&|path| is_document(path));
    let folders = count(&folder);
    let mut effects = Vec::new();
    if let Some(list) = paths.iter().find(|path| is_queue(path)) {
        return vec![format!("judge the pairs of {}", file_name(list))];
    }
    if let Some(document) = paths.iter().find(|path| is_document(path)) {
        // What is in it is known once it is opened.
        effects.push(format!("open {}", file_name(document)));
    }
    match (midis, midi) {
        (0, _) => {}
        (_, Some(old)) => effects.push(format!("replace the MIDI file {}", file_name(old))),
        (_, None) => effects.push("open the MIDI file".to_owned()),
    }
    match paths.len() - midis - documents - folders {
        0 => {}
        1 => effects.push("add 1 recording".to_owned()),
        n => effects.push(format!("add {n} recordings")),
    }
    if folders > 0 {
        effects.push("add what is in the folder".to_owned());
    }
    effects
}

/// Whether a file is looked into before it is opened: its name does not say what it is.
pub(in super::super) fn is_document(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ["json", "jsonl", "csv", "jams", "safetensors", "sf2", "npy", "png"].contains(&extension.as_str())
}

/// What a file that a person has named is. One that can't be read is left to what opens it, and to its message.
pub(super) fn kind_of(path: &Path) -> Kind {
    let by_name = if is_midi(path) { Kind::Midi } else { Kind::Audio };
    if is_document(path) || path.is_dir() { Kind::of(path).unwrap_or(Kind::Pairs) } else { by_name }
}

/// Whether a file of a folder is taken as a recording: by its name.
pub(super) fn is_audio(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    AUDIO_EXTENSIONS.contains(&extension.as_str())
}

/// Whether a file is taken as MIDI; everything else is taken as a recording.
pub(in super::super) fn is_midi(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    MIDI_EXTENSIONS.contains(&extension.as_str())
}
