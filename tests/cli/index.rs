//! `antiphon index`, `antiphon search` and `antiphon match`.

use super::{DEMO_MIDI, RIGHT, WRONG, antiphon, fails, path, text, wav};
use antiphon::curation::Items;
use antiphon::index::Index;
use antiphon::job::Progress;
use antiphon::verdict::Judge;
use std::path::Path;
use std::process::{Command, Stdio};

/// An index of two recordings in `folder`, and a file that is not one.
fn built(folder: &Path) -> String {
    let music = folder.join("music");
    std::fs::create_dir(&music).expect("a folder");
    std::fs::copy(RIGHT, music.join("right.ogg")).expect("copied");
    std::fs::copy(WRONG, music.join("wrong.ogg")).expect("copied");
    std::fs::write(music.join("broken.mp3"), [0x55; 500]).expect("written");
    let index = path(folder, "index");
    let music = path(&music, "");
    let output = antiphon(&["index", "build", &music, "--index", &index, "--embedding", "statistics", "--quiet"]);
    let (said, skipped) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{skipped}");
    assert!(said.starts_with("2 added") && said.contains("1 skipped; 2 entries"), "{said}");
    assert!(
        skipped.starts_with("antiphon: skipped: can't decode audio") && skipped.matches("broken.mp3").count() == 1,
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
    // The judge that gave the confidence is also known for a queue of them.
    let items = Items::read(&Path::new(&out).join("matches.jsonl"), &Progress::silent()).expect("a list");
    let version = Judge::bundled().expect("a judge").version().to_owned();
    assert!(items.judge(0).is_some_and(|judge| judge.starts_with(&version)), "{:?}", items.judge(0));
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

#[test]
fn an_index_gets_other_models_without_its_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = built(folder.path());
    std::fs::remove_dir_all(folder.path().join("music")).expect("removed");
    let found = || {
        let output = antiphon(&["search", DEMO_MIDI, "--index", &index, "--json", "--quiet"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        let first = &document["hits"][0];
        assert!(first["path"].as_str().expect("text").ends_with("right.ogg") && first["accepted"] == true, "{first}");
        first["confidence"].as_f64().expect("a number")
    };
    let info = || {
        let output = antiphon(&["index", "info", "--index", &index, "--json"]);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("one JSON document")
    };
    let (before, was) = (found(), info());
    let upgrade = |more: &[&str]| {
        let output = antiphon(&[&["index", "upgrade", "--index", &index, "--quiet"], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let said = upgrade(&[]);
    assert_eq!(said, "2 entries have new vectors, 0 of them by a run that was stopped; 0 removed ones dropped\n");
    let is = info();
    assert_eq!((&was["embedding"]["kind"], &is["embedding"]["kind"]), (&"statistics".into(), &"model".into()));
    assert_eq!((&was["hash"], &was["parameters"]), (&is["hash"], &is["parameters"]));
    assert!((found() - before).abs() < 0.1, "{before}, then {}", found());
    assert!(text(&antiphon(&["index", "verify", "--index", &index]).stdout).starts_with("whole: 2 entries"));
    let said = upgrade(&[]);
    assert_eq!(said, "nothing to do: codes and vectors are by these models already; 2 entries\n");
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/samples/0.1.0/models");
    let said = upgrade(&["--model", &path(&models, "hash.safetensors"), "--embedding", "statistics"]);
    assert!(said.starts_with("2 entries have new codes and vectors"), "{said}");
    assert_eq!(info()["hash"]["bits"], 16);

    let empty = path(folder.path(), "synthetic");
    assert!(antiphon(&["index", "synthesize", "-o", &empty, "--entries", "5", "--quiet"]).status.success());
    fails(&["index", "upgrade", "--index", &empty], "5 of 5 entries have no features");
    let embeddings = Path::new(&empty).join("segments/00000001/embeddings.f16");
    let bytes = std::fs::read(&embeddings).expect("read");
    std::fs::write(&embeddings, &bytes[..99]).expect("written");
    fails(&["index", "upgrade", "--index", &empty], "embeddings.f16");
    let help = text(&antiphon(&["index", "upgrade", "--help"]).stdout);
    assert!(help.contains("antiphon index upgrade --index music.index"), "{help}");
}

#[test]
fn what_is_known_to_be_there_is_found_and_what_is_not_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = built(folder.path());
    let queries = folder.path().join("queries");
    std::fs::create_dir(&queries).expect("a folder");
    // The right entry is the one of the same name.
    std::fs::copy(DEMO_MIDI, queries.join("right.mid")).expect("copied");
    let two_notes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x15\0\x90\x45\x60\x8f\0\x80\x45\0\0\x90\x47\x60\x8f\0\x80\x47\0\0\xff\x2f\0";
    std::fs::write(queries.join("none.mid"), two_notes).expect("written");
    let queries = path(&queries, "");
    let output = antiphon(&["evaluate", "search", &queries, "--index", &index, "--json", "--quiet"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let found = &document["results"];
    let counts = ["entries", "with_answer", "without_answer", "accepted"].map(|name| found[name].as_u64());
    assert_eq!(counts, [2, 1, 1, 1].map(Some), "{document:#}");
    let hit = &found["systems"][2]["queries"][0];
    let score = |name: &str| hit[name].as_f64().expect("a number");
    assert!(score("score") + 0.15 < score("best_wrong_score"), "{hit}");
    assert_eq!((&found["false_accepts"], &found["lost"]), (&serde_json::json!([]), &serde_json::json!([0, 0])));
    let cascade = &found["systems"][2];
    assert_eq!((&cascade["system"], &cascade["first"]), (&"cascade".into(), &1.0.into()));
}

/// Writers are killed, refused and go on; readers see the index before or after, never between.
#[test]
fn a_writer_is_killed_another_goes_on_and_readers_never_see_half_of_it() {
    const FILES: usize = 720;
    const FIRST_SEGMENT: usize = 512;
    let folder = tempfile::tempdir().expect("a folder");
    let music = folder.path().join("music");
    std::fs::create_dir(&music).expect("a folder");
    for file in 0..FILES {
        let tone: Vec<i16> =
            (0..15_000).map(|i| (8000.0 * (f64::from(i) * (0.05 + file as f64 * 1e-4)).sin()) as i16).collect();
        std::fs::write(music.join(format!("{file:03}.wav")), wav(&tone)).expect("written");
    }
    let (index, music) = (path(folder.path(), "index"), path(&music, ""));
    let arguments = ["index", "build", &music, "--index", &index, "--embedding", "statistics", "--quiet"];
    let begin = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_antiphon"));
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
    };
    let entries = || Index::open(Path::new(&index)).map(|open| open.counts().entries as usize);
    let mut first = begin();
    // Nobody can read what has not been started.
    while !Path::new(&index).join("index.json").exists() {
        assert!(first.try_wait().expect("asked").is_none(), "it ended before it had begun");
    }
    fails(&arguments, "another process is writing to it");
    while entries().expect("whole at any moment") == 0 {
        assert!(first.try_wait().expect("asked").is_none(), "it ended before its first segment");
    }
    // On Unix this is SIGKILL.
    first.kill().expect("killed");
    first.wait().expect("ended");
    assert_eq!(entries().expect("whole"), FIRST_SEGMENT);
    let before = Index::open(Path::new(&index)).expect("whole");
    let mut second = begin();
    let ended = loop {
        let seen = entries().expect("whole at any moment");
        assert!([FIRST_SEGMENT, FILES].contains(&seen), "{seen} entries");
        if let Some(ended) = second.try_wait().expect("asked") {
            break ended;
        }
    };
    assert!(ended.success());
    assert_eq!((entries().expect("whole"), before.counts().entries as usize), (FILES, FIRST_SEGMENT));
    let verified = text(&antiphon(&["index", "verify", "--index", &index]).stdout);
    assert!(verified.starts_with(&format!("whole: {FILES} entries")), "{verified}");
}
