//! `antiphon hash` and `antiphon evaluate hash pairs`.

use super::{DEMO_MIDI, RIGHT, WRONG, antiphon, fails, path, text};
use antiphon::hashing::{Architecture, HashModel, MidiFeatures};

#[test]
fn codes_are_an_npy_of_u32_and_a_summary() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = path(folder.path(), "codes.npy");
    let output = antiphon(&["hash", DEMO_MIDI, "--tpaa", "-o", &out]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&summary["format"], &summary["bits"]), (&"hash/1".into(), &32.into()));
    let steps = summary["steps"].as_u64().expect("a number") as usize;
    let bytes = std::fs::read(&out).expect("written");
    assert_eq!(&bytes[..6], b"\x93NUMPY");
    assert!(text(&bytes[..128]).contains(&format!("'<u4', 'fortran_order': False, 'shape': ({steps},)")));
    assert!(steps > 30 && (bytes.len() - 4 * steps).is_multiple_of(64), "{steps} steps, {} bytes", bytes.len());
    fails(&["hash", &path(folder.path(), "missing.mid"), "--tpaa"], "can't read");

    // Without a model, by the bundled one.
    let learned = path(folder.path(), "learned.npy");
    let output = antiphon(&["hash", DEMO_MIDI, "-o", &learned]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&summary["model"], &summary["bits"]), (&"bundled".into(), &32.into()));
    assert!(std::fs::read(&learned).expect("written") != bytes, "the baseline's codes");
}

#[test]
fn the_demo_recording_is_found_and_a_second_run_uses_what_the_first_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pairs, decoys, cache) =
        (folder.path().join("pairs"), folder.path().join("decoys"), path(folder.path(), "cache"));
    for made in [&pairs, &decoys] {
        std::fs::create_dir(made).expect("a folder");
    }
    let copies = [(DEMO_MIDI, pairs.join("a.mid")), (RIGHT, pairs.join("a.ogg")), (WRONG, decoys.join("b.ogg"))];
    for (from, to) in &copies {
        std::fs::copy(from, to).expect("copied");
    }
    // The same bytes as the query: kept out.
    std::fs::copy(DEMO_MIDI, decoys.join("same.mid")).expect("copied");
    let (pairs, decoys) = (path(&pairs, ""), path(&decoys, ""));
    let arguments = ["evaluate", "hash", "pairs", &pairs, "--decoys", &decoys, "--cache", &cache, "--json"];
    let output = antiphon(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let results = &document["results"];
    assert_eq!((&results["recordings"], &results["renderings"]), (&2.into(), &0.into()));
    assert_eq!(results["same_work"], 1);
    for system in results["systems"].as_array().expect("a list") {
        assert_eq!(system["queries"][0]["rank"], 1, "{system}");
        assert_eq!(system["queries"][0]["best_wrong"], "b");
    }
    assert!(text(&output.stdout).contains("\"bundled model\""));
    assert_eq!(std::fs::read_dir(&cache).expect("listed").count(), 3);
    assert_eq!(text(&antiphon(&arguments).stdout), text(&output.stdout));

    // A model of the other input is shown the queries' piano rolls.
    let architecture = Architecture { midi_input: MidiFeatures::PianoRoll, ..Architecture::antiphon() };
    let roll = path(folder.path(), "roll.safetensors");
    let bytes = HashModel::new(architecture, 1).and_then(|model| model.to_bytes()).expect("a model");
    std::fs::write(&roll, bytes).expect("written");
    let output = antiphon(&[&arguments[..], &["--model", &roll]].concat());
    assert!(output.status.success() && text(&output.stdout).contains("\"roll\""), "{}", text(&output.stderr));

    // The same search, by embeddings.
    let output = antiphon(&["evaluate", "embed", "pairs", &pairs, "--decoys", &decoys, "--cache", &cache, "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let results = &document["results"];
    assert_eq!((&results["recordings"], &results["same_work"]), (&2.into(), &1.into()));
    let systems = results["systems"].as_array().expect("a list");
    let name = |system: &serde_json::Value| (system["system"].to_string(), system["handicap"].as_f64());
    let baseline = [("\"mean and deviation\"".to_owned(), None), ("\"mean and deviation\"".to_owned(), Some(0.1))];
    assert!(baseline.iter().all(|wanted| systems.iter().any(|system| name(system) == *wanted)), "{systems:?}");
    assert!(systems.iter().all(|system| system["queries"][0]["best_wrong"] == "b"));
}

#[test]
fn a_folder_without_midi_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    fails(&["evaluate", "hash", "pairs", &path(folder.path(), "")], "no MIDI files");
}
