//! The output of earlier versions can still be read: the samples of `tests/data/samples`, which its HOW.md describes.

mod curating;
mod later;
mod learning;
mod pairing;
mod searching;
mod sessions;

use antiphon::files::Kind;
use antiphon::job::Progress;
use serde_json::Value;
use std::mem::discriminant;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const FIRST: &str = "music/Ann Other - First Tune.mid";
const RECORDING: &str = "music/Ann Other - First Tune.wav";
const SECOND: &str = "music/Ann Other - Second Tune.mid";
const THIRD: &str = "music/Ann Other - Third Tune.mid";
const FOURTH: &str = "music/Ann Other - Fourth Tune.mid";
const TOO_SHORT: &str = "music/Ann Other - Too Short.mid";

/// A sample of version 0.1.0.
fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/samples/0.1.0").join(name)
}

/// A sample of a format that came after those of 0.1.0.
fn later(name: &str) -> PathBuf {
    sample("../0.1.0-later").join(name)
}

/// A writable copy of a sample, a file or a folder. It lies in a folder of the same name, as the sample does.
fn copied(name: &str) -> (TempDir, PathBuf) {
    copied_from(&sample(name), name)
}

/// A writable copy of a file or a folder, under that name.
fn copied_from(from: &Path, name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join(name);
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
    (folder, to)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The objects of a file of JSON lines.
fn json_lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn silent() -> Progress {
    Progress::silent()
}

/// Checks that every field of an old document still exists with the same type, for scripts that rely on it. `at` is its
/// path.
fn stays(was: &Value, is: &Value, at: &str) {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            for (name, value) in was {
                let found = is.get(name).unwrap_or_else(|| panic!("{at}.{name} is gone"));
                stays(value, found, &format!("{at}.{name}"));
            }
        }
        (Value::Array(was), Value::Array(is)) => {
            for (value, found) in was.iter().zip(is).take(1) {
                stays(value, found, &format!("{at}[0]"));
            }
        }
        // An optional field has no type.
        (Value::Null, _) | (_, Value::Null) => {}
        _ => assert_eq!(discriminant(was), discriminant(is), "{at} was {was}, is {is}"),
    }
}

/// The numbers of an npy file, as bytes, and its shape; `kind` is the expected type.
fn npy(path: &Path, kind: &str) -> (Vec<[u8; 4]>, Vec<usize>) {
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.starts_with(b"\x93NUMPY\x01"), "{path:?}");
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    assert!(header.contains(&format!("'{kind}'")) && header.contains("'fortran_order': False"), "{header}");
    let shape = header.split(['(', ')']).nth(1).unwrap();
    let shape: Vec<usize> = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let values = bytes[10 + length..].as_chunks::<4>().0.to_vec();
    assert_eq!(values.len(), shape.iter().product::<usize>());
    (values, shape)
}

#[test]
fn every_document_of_0_1_0_says_its_format_and_its_version() {
    for (name, format) in [
        ("documents/collect.json", "collect/1"),
        ("documents/curation-report.json", "curation-report/1"),
        ("documents/embedding.json", "embedding/1"),
        ("documents/hash.json", "hash/1"),
        ("documents/index-info.json", "index-info/1"),
        ("alignment/alignment.json", "alignment/1"),
        ("curation/decisions.json", "curation/1"),
        ("dataset/aligned/dataset.json", "dataset/1"),
        ("index/index.json", "index/2"),
        ("match/report.json", "match/1"),
        ("queue/search.json", "search/1"),
        ("toy/runs.json", "toy-table/1"),
    ] {
        let document = json(&sample(name));
        assert_eq!((&document["format"], &document["antiphon"]), (&format.into(), &"0.1.0".into()), "{name}");
    }
}

#[test]
fn files_of_0_1_0_are_known_for_what_they_are() {
    for (name, kind) in [
        (FIRST, Kind::Midi),
        (RECORDING, Kind::Audio),
        ("session/work.json", Kind::Session),
        ("session/unsaved.json.autosave", Kind::Session),
        ("queue/list.csv", Kind::Pairs),
        ("queue/search.json", Kind::Pairs),
        ("collect/pairs.jsonl", Kind::Pairs),
        ("match/match_scores.json", Kind::Pairs),
        ("curation/tree", Kind::Pairs),
        ("curation/decisions.csv", Kind::Decisions),
        ("curation/decisions.json", Kind::Decisions),
        ("curation/decisions.jsonl", Kind::Journal),
        ("alignment/alignment.json", Kind::Alignment),
        ("alignment/alignment.csv", Kind::TimeMap),
        ("models/hash.safetensors", Kind::HashModel),
        ("models/embedding.safetensors", Kind::EmbeddingModel),
        ("index", Kind::Index),
        ("arrays/features.npy", Kind::Array),
    ] {
        assert_eq!(Kind::of(&sample(name)).unwrap(), kind, "{name}");
    }
}
