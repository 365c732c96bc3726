//! Paths that lead out of a folder, and links that lead in circles: read as what they say, never written to.

use super::{silent, written};
use antiphon::collect::{Collecting, collect};
use antiphon::curation::{Decision, Record, export};
use antiphon::dataset::Dataset;
use antiphon::files::Kind;
use antiphon::index::{Catalogue, sound_files};
use antiphon::search::merge;
use antiphon::session::Session;
use antiphon::synth::SoundFont;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// All files below a folder.
fn below(folder: &Path) -> BTreeSet<PathBuf> {
    let found = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    found.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

const OUT: [&str; 4] = ["../../out", "/tmp/antiphon-out", "a/../../../out", "..\\..\\out"];

#[test]
fn a_catalogue_names_files_wherever_they_are_and_writes_nothing() {
    let lines = OUT.map(|path| serde_json::json!({ "path": path, "title": "x" }).to_string()).join("\n");
    let (folder, path) = written("deep/er/c.jsonl", lines.as_bytes());
    let catalogue = Catalogue::read(&path).unwrap();
    // Where `/` is the separator, `\` is part of a name. A path is an answer to what a file is called, no more.
    let named: BTreeSet<&Path> = catalogue.paths().collect();
    assert!(named.contains(folder.path().join("out").as_path()) && named.contains(Path::new("/tmp/antiphon-out")));
    assert!(named.iter().all(|path| path.is_absolute() && !path.components().any(|part| part.as_os_str() == "..")));
    assert_eq!(below(folder.path()), [path].into());
}

#[test]
fn decisions_on_hostile_names_are_written_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base");
    std::fs::create_dir(&base).unwrap();
    for (name, bytes) in [("x.mid", b"MThd".as_slice()), ("x.wav", b"RIFF")] {
        std::fs::write(base.join(name), bytes).unwrap();
    }
    let hash = "0123456789abcdef0123456789abcdef";
    let items = OUT.iter().flat_map(|out| [(*out).to_owned(), format!("{hash}|{out}"), format!("{out}|{hash}")]);
    let records: Vec<Record> = items
        .map(|item| {
            let record = Record::new(item, Decision::Confirmed);
            Record { curator: OUT[0].into(), midi: Some("x.mid".into()), audio: Some("x.wav".into()), ..record }
        })
        .collect();
    let before = below(folder.path());
    let out = folder.path().join("tree");
    let tree =
        export::write_tree(&records, &base, &out, |_, midi, _, _| Ok(std::fs::read(midi).unwrap()), &silent()).unwrap();
    assert_eq!((tree.written, tree.skipped.len()), (records.len(), 0));
    export::write_jams(&records, &out, &silent()).unwrap();
    let new: Vec<PathBuf> = below(folder.path()).difference(&before).cloned().collect();
    assert!(new.len() > 2 && new.iter().all(|path| path.starts_with(&out)), "{new:?}");
    assert!(!Path::new("/tmp/antiphon-out").exists());
}

#[test]
fn matches_of_hostile_tracks_are_summed_up_where_asked() {
    let mut lines = String::from("{\"format\": \"matches/1\"}\n");
    for track in OUT {
        let found = serde_json::json!({ "confidence": 0.9, "hash_distance": 1.0, "midi": track, "path": track, "score": 0.1,
            "track": track, "transpose": 0, "accepted": true });
        lines += &serde_json::json!({ "path": track, "md5": track, "matches": [found] }).to_string();
        lines.push('\n');
    }
    let (folder, path) = written("deep/er/matches.jsonl", lines.as_bytes());
    let out = folder.path().join("merged");
    merge(&[path.parent().unwrap().into()], &out).unwrap();
    let expected = [path, out.join("match_scores.json"), out.join("report.json")];
    assert_eq!(below(folder.path()), expected.into());
}

#[test]
fn ids_in_a_data_set_and_paths_in_a_session_stay_names() {
    let document = |id: &str| {
        serde_json::json!({ "format": "dataset/1", "first_note": 30, "bins": 60, "frame_s": 1024.0 / 22_050.0, "works": [{
            "id": id, "path": id, "title": id, "group": 0, "split": "train", "frames": [1] }] })
    };
    for id in OUT {
        let (folder, _) = written("dataset.json", document(id).to_string().as_bytes());
        assert!(Dataset::open(folder.path()).unwrap_err().to_string().contains("is not an MD5"));
    }
    let file = |path: &str| serde_json::json!({ "path": path, "bytes": 1, "md5": "0" });
    let session = serde_json::json!({ "format": 1, "saved_s": 0, "midi": file(OUT[0]), "recordings": OUT.map(file),
        "selected": 9, "playhead_s": -1.0, "view_s": null, "bins": null });
    let (folder, path) = written("deep/er/s.json", session.to_string().as_bytes());
    let opened = Session::open(&path, &silent()).unwrap();
    // They are looked for there, and said to be missing.
    assert_eq!(opened.session.midi.unwrap().path, folder.path().join("out"));
    assert_eq!(opened.remarks.len(), 1 + OUT.len());
    assert_eq!(below(folder.path()), [path].into());
}

#[cfg(unix)]
#[test]
fn links_in_circles_end_and_are_named() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("music/deep")).unwrap();
    std::fs::write(at("music/deep/x.wav"), crate::audio::wav(1, 16, 1, 8000, &[0; 1600])).unwrap();
    std::fs::write(at("music/x.mid"), "MThd").unwrap();
    symlink(at("music"), at("music/deep/up")).unwrap();
    symlink(at("music/b"), at("music/a")).unwrap();
    symlink(at("music/a"), at("music/b")).unwrap();
    symlink(at("music/self.wav"), at("music/self.wav")).unwrap();

    let (found, wrong) = sound_files(&[at("music")]);
    assert_eq!(found.iter().filter(|path| path.ends_with("x.wav")).count(), 1, "{found:?}");
    assert!(wrong.iter().any(|(path, _)| path.ends_with("up")), "{wrong:?}");
    assert!(Kind::of(&at("music/self.wav")).is_err());
    let font = SoundFont::bundled().unwrap();
    let all = vec![at("music")];
    let collected = collect(&Collecting::new(all.clone(), all, &font), &at("list.jsonl"), &silent());
    let skipped = collected.unwrap().skipped;
    assert!(skipped.iter().any(|(path, _)| path.ends_with("up")), "{skipped:?}");
}
