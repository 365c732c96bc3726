//! The kind of a file, judged by its name, and what opening it will do.

use crate::files::{Kind, LISTS, has_ending, is_document_name, is_midi_name};
use std::path::{Path, PathBuf};

/// The name of a file without its folders.
pub(in super::super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Describes what opening these files will do: `replace the MIDI file song.mid`, `add 2 recordings`.
pub(in super::super) fn effects(paths: &[PathBuf], midi: Option<&Path>) -> Vec<String> {
    let count = |test: &dyn Fn(&PathBuf) -> bool| paths.iter().filter(|path| test(path)).count();
    // No file is opened to find out: this runs in every frame.
    let folder = |path: &PathBuf| path.extension().is_none() && path.is_dir();
    let midis = count(&|path| is_midi_name(path));
    let documents = count(&|path| is_document_name(path));
    let folders = count(&folder);
    let mut effects = Vec::new();
    if let Some(list) = paths.iter().find(|path| is_queue(path)) {
        return vec![format!("judge the pairs of {}", file_name(list))];
    }
    if let Some(document) = paths.iter().find(|path| is_document_name(path)) {
        // Its contents are known only once it is opened.
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

/// The kind of a file named by the user. An unreadable one is left to the code that opens it, and to its error message.
pub(super) fn kind_of(path: &Path) -> Kind {
    let by_name = if is_midi_name(path) { Kind::Midi } else { Kind::Audio };
    if is_document_name(path) || path.is_dir() { Kind::of(path).unwrap_or(Kind::Pairs) } else { by_name }
}

/// Whether opening a file opens a queue, by its name.
fn is_queue(path: &Path) -> bool {
    // A document or JAMS may be anything.
    let list = has_ending(path, LISTS) && !has_ending(path, &["json", "jams"]);
    list || path.file_name().is_some_and(|name| name == "match_scores.json") || path.join("match_scores.json").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_search_is_pairs_and_no_session() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("found.json");
        let search = r#"{"antiphon": "0.1.0", "query": "a.mid", "hits": [{"path": "b.ogg"}], "format": "search/1"}"#;
        std::fs::write(&file, search).expect("written");
        assert_eq!(kind_of(&file), Kind::Pairs);
        std::fs::write(&file, r#"{"format": 1, "saved_s": 7, "recordings": []}"#).expect("written");
        assert_eq!(kind_of(&file), Kind::Session);
    }
}
