//! A data set is made, learned from and measured on, as a script would do it.

use super::{antiphon, fails, path, text};
use antiphon::dataset::{Dataset, Pair, Split, Work};
use antiphon::embedding::{EmbeddingArchitecture, EmbeddingModel};
use antiphon::features::WIDE_BINS;
use ndarray::Array2;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A few works of this many frames, whose sides are identical.
fn data(folder: &Path, works: usize, frames: usize) -> String {
    let data = folder.join("data");
    std::fs::create_dir_all(data.join("pairs")).expect("a folder");
    let work = |index: usize| {
        let value = |(t, b): (usize, usize)| -(((t / 8 * 31 + b * 17 + index * 13) % 23) as f32) / 3.0;
        let midi = Array2::from_shape_fn((frames, WIDE_BINS), value);
        let id = format!("{index:032x}");
        let pair = Pair { audio: midi.clone(), roll: midi.clone(), midi, midi_time: vec![0.0; frames] };
        Dataset::store(&data, &id, 0, &pair, &Value::Null).expect("stored");
        let (path, title) = (PathBuf::from("a.mid"), index.to_string());
        let split = [Split::Train, Split::Train, Split::Valid, Split::Test][index % 4];
        let (recordings, skipped) = (Vec::new(), None);
        Work { id, path, title, group: index, split, frames: vec![frames], recordings, skipped, warning: None }
    };
    let works = (0..works).map(work).collect();
    Dataset::new(&data, Value::Null, works).save().expect("saved");
    path(folder, "data")
}

#[test]
fn a_model_is_learned_and_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = data(folder.path(), 12, 160);
    let model = path(folder.path(), "hash.safetensors");
    let train = ["train", "hash", "--data", &data, "-o", &model, "--steps", "8", "--batch", "4", "--json"];
    let output = antiphon(&train);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("step 8: loss "), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&document["format"], &document["record"]["pairs"]), (&"training/1".into(), &6.into()));
    assert_eq!(document["record"]["options"]["architecture"]["name"], "antiphon");
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["data", "hash.safetensors", "training.jsonl"], "no checkpoint is left");

    let png = path(folder.path(), "bc.png");
    let output = antiphon(&["evaluate", "hash", "dataset", &data, "--model", &model, "--json", "--png", &png]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let results = document["results"].as_array().expect("a list");
    let systems: Vec<&Value> = results.iter().map(|found| &found["system"]).collect();
    assert_eq!(systems, ["tpaa", "hash", "bundled model"]);
    assert!(results.iter().all(|found| found["bc"].as_f64().is_some_and(|bc| (0.0..=1.0).contains(&bc))));
    assert!(std::fs::read(&png).expect("a picture").starts_with(b"\x89PNG"));
}

#[test]
fn bad_input_is_one_line_and_leaves_the_model_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = data(folder.path(), 12, 160);
    let model = path(folder.path(), "hash.safetensors");
    let empty = path(folder.path(), "nothing");
    fails(&["train", "hash", "--data", &empty, "-o", &model, "--quiet"], "can't read");
    fails(
        &["train", "hash", "--data", &data, "-o", &model, "--crop", "999", "--quiet"],
        "0 works of 999 frames or more",
    );
    fails(&["train", "hash", "--data", &data, "-o", &model, "--batch", "1", "--quiet"], "batch 1 is outside");
    std::fs::write(&model, b"not a model").expect("written");
    fails(&["evaluate", "hash", "dataset", &data, "--model", &model, "--quiet"], "not a whole safetensors file");
    assert_eq!(std::fs::read(&model).expect("still there"), b"not a model");
}

#[test]
fn an_embedding_is_learned_and_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = data(folder.path(), 12, 700);
    let model = path(folder.path(), "mine.safetensors");
    let networks = path(folder.path(), "networks.json");
    std::fs::write(&networks, b"[\"flatten\"]").expect("written");
    let train = ["train", "embed", "--data", &data, "-o", &model, "--steps", "2", "--batch", "4", "--quiet"];
    let of_mine = [&train[..], &["--architecture", &networks]].concat();
    fails(&of_mine, "networks.json");
    let mut mine = EmbeddingArchitecture::antiphon();
    mine.name = "mine".into();
    std::fs::write(&networks, serde_json::to_vec(&mine).expect("JSON")).expect("written");
    let output = antiphon(&of_mine);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(*EmbeddingModel::load(Path::new(&model)).expect("a model").architecture(), mine);

    let png = path(folder.path(), "ranks.png");
    let evaluate = ["evaluate", "embed", "dataset", &data, "--model", &model];
    let output = antiphon(&[&evaluate[..], &["--handicap", "0.1", "--json", "--png", &png]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let systems = document["results"]["systems"].as_array().expect("systems");
    let names: Vec<&str> = systems.iter().filter_map(|system| system["system"].as_str()).collect();
    assert_eq!(names, ["mine", "mine", "bundled model", "bundled model", "mean and deviation", "mean and deviation"]);
    for system in systems {
        assert_eq!(system["queries"].as_array().map(Vec::len), Some(3), "{system}");
        let part = |name: &str| system[name].as_f64().expect(name);
        assert!(part("first") <= part("within_10") && part("within_1_percent") <= part("within_10_percent"));
        assert!((0.0..=1.0).contains(&part("bc")));
    }
    // With equal sides, and nothing learned, each clip is nearest to its own work.
    assert_eq!(systems[4]["n95"], 1);
    assert!(std::fs::read(&png).expect("a picture").starts_with(b"\x89PNG"));
    fails(&["evaluate", "embed", "dataset", &data, "--split", "train", "--model", &data], "can't read");
}
