//! `antiphon dataset` as a script sees it.

use super::{DEMO_MIDI, RIGHT, WRONG, antiphon, fails, path, text};

#[test]
fn pairs_are_made_once_and_what_can_not_be_used_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let midis = path(folder.path(), "midi");
    std::fs::create_dir(&midis).expect("a folder");
    std::fs::copy(DEMO_MIDI, folder.path().join("midi/song.mid")).expect("copied");
    std::fs::copy(DEMO_MIDI, folder.path().join("midi/song_0.mid")).expect("copied");
    std::fs::write(folder.path().join("midi/cut.mid"), b"MThd").expect("written");
    let out = path(folder.path(), "out");
    let arguments = ["dataset", "synthesize", &midis, "-o", &out, "--seconds", "12", "--variants", "2", "--quiet"];

    let output = antiphon(&arguments);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("2 pairs made, 0 there already"), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("1 copies, 0 held out, 1 skipped"), "{}", text(&output.stdout));
    let message = text(&output.stderr);
    assert!(
        message.starts_with("antiphon: skipped: can't read MIDI") && message.matches("cut.mid").count() == 1,
        "{message}"
    );
    assert_eq!(message.matches("cut.mid").count(), 1, "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");

    let again = antiphon(&arguments);
    assert!(text(&again.stdout).starts_with("0 pairs made, 2 there already"), "{}", text(&again.stdout));
    let document = std::fs::read(folder.path().join("out/dataset.json")).expect("written");
    let document: serde_json::Value = serde_json::from_slice(&document).expect("JSON");
    assert_eq!((&document["format"], &document["bins"]), (&"dataset/1".into(), &60.into()));
    let work = &document["works"][0];
    assert_eq!(work["frames"].as_array().expect("frames").len(), 2);
    let file = folder.path().join(format!("out/pairs/{}-1.safetensors", work["id"].as_str().expect("an id")));
    assert!(file.is_file(), "{file:?}");

    fails(&["dataset", "synthesize", &midis, "-o", &out, "--seconds", "12", "--seed", "5"], "seed 0, now 5");
    let held = ["dataset", "synthesize", DEMO_MIDI, "-o", &path(folder.path(), "none"), "--hold-out", &midis];
    std::fs::remove_file(folder.path().join("midi/cut.mid")).expect("removed");
    let output = antiphon(&held);
    assert!(text(&output.stdout).contains("0 copies, 1 held out"), "{}", text(&output.stdout));
}

#[test]
fn an_accepted_recording_becomes_a_pair_and_a_wrong_one_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = |audio: &str| serde_json::json!({ "midi": DEMO_MIDI, "audio": audio }).to_string();
    std::fs::write(folder.path().join("pairs.jsonl"), format!("{}\n{}\n", line(WRONG), line(RIGHT))).expect("written");
    let (list, out) = (path(folder.path(), "pairs.jsonl"), path(folder.path(), "out"));
    for made in ["1 pairs made, 0 there already", "0 pairs made, 1 there already"] {
        let output = antiphon(&["dataset", "align", &list, "-o", &out, "--split", "test"]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with(made), "{}", text(&output.stdout));
        assert!(text(&output.stdout).contains("1 test"), "{}", text(&output.stdout));
        assert!(text(&output.stderr).contains("confidence") && text(&output.stderr).contains("recording-1.ogg"));
    }
}

#[test]
fn nothing_to_use_and_bad_numbers_get_one_clear_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let (empty, out) = (path(folder.path(), ""), path(folder.path(), "out"));
    fails(&["dataset", "synthesize", &empty, "-o", &out], "no MIDI files");
    fails(&["dataset", "align", &empty, "-o", &out], "no recordings");
    fails(&["dataset", "synthesize", DEMO_MIDI, "-o", &out, "--seconds", "0"], "outside 10 to 600 s");
    fails(&["dataset", "synthesize", "no such folder", "-o", &out], "no such folder");
    fails(&["dataset", "synthesize", DEMO_MIDI, "-o", &out, "--audio-soundfont", DEMO_MIDI], "not a soundfont");
    assert!(!folder.path().join("out").exists());
}
