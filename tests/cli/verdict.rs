//! `antiphon train verdict` and `antiphon evaluate verdict`, on songs that are made for it.

use super::popular::song;
use super::{antiphon, fails, path, text, wav};
use antiphon::job::Progress;
use antiphon::midi::Midi;
use antiphon::synth::{self, SoundFont};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Songs that differ, of half a minute, and the sound of each.
fn write_songs(folder: &Path, count: usize) {
    let font = SoundFont::bundled().expect("the bundled soundfont");
    for number in 0..count {
        let bytes = song(14, 3 * number + 1);
        std::fs::write(folder.join(format!("S{number}.mid")), &bytes).expect("written");
        let midi = Midi::parse(&bytes).expect("MIDI");
        let wave = synth::render(&midi, &font, 22_050, &Progress::silent()).expect("rendered");
        let samples: Vec<i16> = wave.samples.iter().map(|x| (x * 8000.0) as i16).collect();
        std::fs::write(folder.join(format!("S{number}.wav")), wav(&samples)).expect("written");
    }
}

/// A line of a journal about a MIDI file and a recording of so many songs.
fn line(midi: usize, audio: usize, decision: &str, more: &Value) -> String {
    let mut line = json!({
        "at": format!("2026-11-29T09:{midi:02}:{audio:02}.000Z"), "curator": "ann", "item": format!("{midi}|{audio}"),
        "decision": decision, "midi": format!("S{midi}.mid"), "audio": format!("S{audio}.wav"), "order": "best",
    });
    for (name, value) in more.as_object().expect("an object") {
        line[name] = value.clone();
    }
    format!("{line}\n")
}

const SONGS: usize = 22;

#[test]
fn journals_teach_a_judge_and_stand_for_their_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| path(folder.path(), name);
    write_songs(folder.path(), SONGS);
    let (mut journal, mut queue) = (String::new(), String::new());
    for number in 0..SONGS {
        let next = (number + 1) % SONGS;
        for (audio, confidence) in
            [(number, 0.95), (next, 0.15), ((number + 2) % SONGS, 0.12), ((number + 3) % SONGS, 0.55)]
        {
            let row = json!({ "item": format!("{number}|{audio}"), "midi": format!("S{number}.mid"),
                "audio": format!("S{audio}.wav"), "confidence": confidence, "judge": "1f6c02ab pair" });
            let _infallible = writeln!(queue, "{row}");
        }
        let judged = |confidence: f64| json!({ "confidence": confidence, "judge": "1f6c02ab pair" });
        journal += &line(number, number, "confirmed", &judged(0.95));
        journal += &line(number, next, "rejected", &judged(0.15));
    }
    // What is taken back, left open, rejected for something else, or gone teaches nothing.
    journal += &line(0, 3, "rejected", &json!({}));
    journal += &line(0, 3, "undone", &json!({}));
    journal += &line(1, 4, "unsure", &json!({}));
    journal += &line(2, 2, "rejected", &json!({ "item": "timing", "reason": "timing-off" }));
    journal += &line(50, 51, "confirmed", &json!({}));
    // The last word holds: it was confirmed by mistake.
    journal = line(5, 6, "confirmed", &json!({ "confidence": 0.15 })) + &journal;
    let (journal_file, list, judge) = (at("decisions.jsonl"), at("list.jsonl"), at("judge.json"));
    std::fs::write(&journal_file, &journal).expect("written");
    std::fs::write(&list, &queue).expect("written");
    let (cache, document) = (at("kept"), at("data.json"));
    let train = ["train", "verdict", "--journal", &journal_file, "--cache", &cache, "--quiet", "-o", &judge];
    let output = antiphon(&[&train[..], &["--queue", &list]].concat());
    let (said, messages) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "a file is gone: {messages}");
    assert!(
        messages.contains("1 decided pairs can't be used, the first: can't read") && messages.contains("S50.mid"),
        "{messages}"
    );
    assert!(
        messages.contains("none of the 22 items of \"list.jsonl\" with a confidence of 0.5 to 0.6 by judge 1f6c02ab"),
        "{messages}"
    );
    assert!(said.contains("journals: 22 confirmed, 22 rejected; left out 1 unsure"), "{said}");
    assert!(said.contains("confidences: 44 by 1f6c02ab\n"), "{said}");
    let learned: Value = serde_json::from_slice(&std::fs::read(&judge).expect("a judge")).expect("JSON");
    let of_journals = &learned["training"]["journals"];
    assert_eq!((&of_journals["files"][0], &of_journals["unreadable"]), (&"decisions.jsonl".into(), &1.into()));
    assert_eq!((&of_journals["left_out"]["other_reasons"], &of_journals["left_out"]["unsure"]), (&1.into(), &1.into()));
    assert_eq!(learned["training"]["pairs"], json!([22, 22]));
    // 66 items by 44 decisions: of the low tenth half were decided, of the high one all.
    let strata = of_journals["strata"].as_array().expect("a list");
    let weights: Vec<Option<f64>> = strata.iter().map(|stratum| stratum["weight"].as_f64()).collect();
    assert!(
        matches!(weights[..], [Some(low), None, Some(high)] if (low - 4.0 / 3.0).abs() < 1e-9 && (high - 2.0 / 3.0).abs() < 1e-9),
        "{strata:?}"
    );
    for sight in ["pair", "codes", "sound"] {
        let crossed = &learned["sights"][sight]["crossed"];
        assert_eq!(crossed["pairs"], json!([22, 22]), "{sight}");
    }
    assert!(learned["sights"]["pair"]["crossed"]["auc"].as_f64().expect("a number") > 0.95, "{learned:#}");

    // Without the queue each counts once, and it is said that this is no fair sample; a random one is.
    let output = antiphon(&[&train[..], &["--json"]].concat());
    let alone: Value = serde_json::from_slice(&output.stdout).expect("a judge");
    assert_eq!(alone["training"]["journals"]["apart"], 44);
    assert!(text(&output.stderr).contains("44 decided pairs are in no queue"), "{}", text(&output.stderr));
    assert_ne!(alone["version"], learned["version"]);

    // Together with a document of `evaluate verdict`, of the same songs.
    let here = path(folder.path(), "");
    let output = antiphon(&[
        "evaluate",
        "verdict",
        &here,
        "--cache",
        &cache,
        "--nearest",
        "1",
        "--others",
        "0",
        "--json",
        "--quiet",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    std::fs::write(&document, &output.stdout).expect("written");
    let output = antiphon(&[&train[..], &["--queue", &list, "--data", &document, "--json"]].concat());
    let both: Value = serde_json::from_slice(&output.stdout).expect("a judge");
    assert_eq!((&both["training"]["data"], &both["training"]["songs"]), (&json!(["data"]), &22.into()));
    assert_eq!(both["training"]["journals"]["confirmed"], 22);
}

#[test]
fn too_few_decisions_are_refused_before_the_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, judge) = (path(folder.path(), "decisions.jsonl"), path(folder.path(), "judge.json"));
    let lines: String =
        (0..40).map(|i| line(i, i, if i < 19 { "confirmed" } else { "rejected" }, &json!({}))).collect();
    std::fs::write(&journal, lines).expect("written");
    let train = ["train", "verdict", "--journal", &journal, "-o", &judge, "--quiet"];
    fails(&train, "number of pairs 19 that belong together is outside 20 or more");
    assert!(!Path::new(&judge).exists());
    assert_eq!(antiphon(&["train", "verdict", "-o", &judge]).status.code(), Some(1));
}
