//! `antiphon index`, `antiphon search` and `antiphon match`.

use super::{DEMO_MIDI, RIGHT, WRONG, antiphon, fails, path, text};
use std::path::Path;

/// An index of two recordings in `folder`, and a file that is none.
fn built(folder: &Path) -> String {
    let music = folder.join("music");
    std::fs::create_dir(&music).expect("a folder");
    std::fs::copy(RIGHT, music.join("right.ogg")).expect("copied");
    std::fs::copy(WRONG, music.join("wrong.ogg")).expect("copied");
    std::fs::write(music.join("broken.mp3"), [0x55; 500]).expect("written");
    let index = path(folder, "index");
    let output = antiphon(&["index", "build", &path(&music, ""), "--index", &index, "--embedding", "statistics"]);
    let (said, skipped) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{skipped}");
    assert!(said.starts_with("2 added") && said.contains("1 skipped; 2 entries"), "{said}");
    assert!(
        skipped.starts_with("antiphon: skipped: can't decode audio") && skipped.contains("broken.mp3"),
        "{skipped}"
    );
    index
}

#[test]
fn a_midi_file_is_found_in_an_index_and_a_collection_is_matched() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = built(folder.path());
    let output = antiphon(&["search", DEMO_MIDI, "--index", &index, "--json", "--quiet"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["format"], "search/1");
    let hits = document["hits"].as_array().expect("a list");
    assert_eq!(hits.len(), 2);
    assert!(hits[0]["path"].as_str().expect("text").ends_with("right.ogg"), "{document:#}");
    for field in ["rank", "id", "confidence", "score", "hash_distance", "transpose"] {
        assert!(!hits[0][field].is_null(), "{field}: {document:#}");
    }
    for (stage, name) in document["stages"].as_array().expect("a list").iter().zip(["embedding", "hash", "alignment"]) {
        assert_eq!(stage["name"], name);
        assert!(stage["seconds"].is_number() && stage["in"].is_number() && stage["kept"].is_number());
    }
    let table = antiphon(&["search", DEMO_MIDI, "--index", &index, "--exhaustive", "--top", "1"]);
    assert_eq!(text(&table.stdout).lines().count(), 1, "{}", text(&table.stdout));

    let out = path(folder.path(), "out");
    let output = antiphon(&["match", DEMO_MIDI, "--index", &index, "-o", &out, "--quiet"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("1 files searched for, 0 skipped"), "{}", text(&output.stdout));
    for name in ["matches.jsonl", "match_scores.json", "report.json"] {
        assert!(Path::new(&out).join(name).exists(), "{name}");
    }
    let scores = std::fs::read(Path::new(&out).join("match_scores.json")).expect("written");
    let parts = path(folder.path(), "parts");
    for shard in ["1/2", "2/2"] {
        assert!(antiphon(&["match", DEMO_MIDI, "--index", &index, "-o", &parts, "--shard", shard]).status.success());
    }
    assert!(antiphon(&["match", "--merge", &parts, "-o", &parts]).status.success());
    assert_eq!(std::fs::read(Path::new(&parts).join("match_scores.json")).expect("written"), scores);
}

#[test]
fn an_index_tells_what_is_in_it_and_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = path(folder.path(), "index");
    assert!(antiphon(&["index", "synthesize", "-o", &index, "--entries", "50", "--quiet"]).status.success());
    let output = antiphon(&["index", "info", "--index", &index, "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&document["format"], &document["counts"]["entries"]), (&"index-info/1".into(), &50.into()));
    let listed = text(&antiphon(&["index", "info", "--index", &index, "--entries"]).stdout);
    assert!(listed.lines().count() == 53 && listed.contains("Synthetic 49"), "{listed}");
    assert!(text(&antiphon(&["index", "verify", "--index", &index]).stdout).starts_with("whole: 50 entries"));
    let removed = antiphon(&["index", "remove", "/synthetic/00000007.mp3", "nothing", "--index", &index]);
    assert_eq!((removed.status.code(), text(&removed.stdout)), (Some(2), "1 removed; 49 entries\n".into()));

    let codes = Path::new(&index).join("segments/00000001/codes.u32");
    let mut bytes = std::fs::read(&codes).expect("read");
    bytes[100] ^= 1;
    std::fs::write(&codes, &bytes).expect("written");
    fails(&["index", "verify", "--index", &index], "codes.u32");
    std::fs::write(&codes, &bytes[..100]).expect("written");
    fails(&["index", "info", "--index", &index], "codes.u32");
    fails(&["search", DEMO_MIDI, "--index", &index], "can't use index: 100 bytes");
    fails(&["index", "info", "--index", &path(folder.path(), "missing")], "can't open");
    fails(&["index", "build", RIGHT, "--index", &index], "another embedding");
    assert_eq!(antiphon(&["match", DEMO_MIDI, "--index", &index, "-o", "x", "--shard", "3/2"]).status.code(), Some(1));
}
