//! `antiphon train verdict` and `antiphon evaluate verdict`, on songs made for the purpose.

use super::popular::{FONT, song};
use super::{antiphon, fails, path, text, wav};
use antiphon::evaluate::VerdictReport;
use antiphon::job::Progress;
use antiphon::midi::Midi;
use antiphon::synth::{self, SoundFont};
use antiphon::verdict::{Judge, LabelledPair, Sight};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Different songs of half a minute, and the sound of each.
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

/// A journal line about a MIDI file and a recording, given by the numbers of their songs.
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
    // Anything undone, left open, rejected for other reasons, or missing teaches nothing.
    journal += &line(0, 3, "rejected", &json!({}));
    journal += &line(0, 3, "undone", &json!({}));
    journal += &line(1, 4, "unsure", &json!({}));
    journal += &line(2, 2, "rejected", &json!({ "item": "timing", "reason": "timing-off" }));
    journal += &line(50, 51, "confirmed", &json!({}));
    // The last decision counts: it was confirmed by mistake.
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
    // 66 items by 44 decisions: half of the low tenth were decided, all of the high one.
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

    // Without the queue each counts once, and the output says that this is no fair sample; a random one is.
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
    fails(&train, "number of true pairs 19 is outside 20 or more");
    assert!(!Path::new(&judge).exists());
    assert_eq!(antiphon(&["train", "verdict", "-o", &judge]).status.code(), Some(1));
}

/// A root, its third, and a melody of (tick, length, interval).
type Bar = (usize, usize, Vec<(usize, usize, usize)>);

/// A tune of a minute and a half or more with little in common with that of another seed: melody, broken chords, bass
/// and drums over chords of its own, at a tempo of its own, no note quite on its beat.
fn tune(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x0123_4567);
    let mut random = |count: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % count
    };
    let tempo = 60_000_000 / (84 + random(50) as u32);
    let step = [32, 48, 64, 96][random(4)];
    let groove: [u8; 8] = std::array::from_fn(|_| [0, 36, 38, 42, 42][random(5)]);
    let mut bar = || -> Bar {
        let (root, third) = (random(12), 3 + random(2));
        let (mut melody, mut at) = (Vec::new(), 0);
        while at < 384 {
            let length = [24, 48, 48, 96, 96, 144][random(6)].min(384 - at);
            melody.push((at, length, [0, third, 7, 12, 2, 9][random(6)]));
            at += length;
        }
        (root, third, melody)
    };
    let parts: [Vec<Bar>; 3] = std::array::from_fn(|_| (0..8).map(|_| bar()).collect());
    let mut events: Vec<(usize, [u8; 3])> = Vec::new();
    let mut note = |channel: u8, start: usize, length: usize, key: usize| {
        let (start, velocity) = (start + random(16), 50 + random(60) as u8);
        events.push((start, [0x90 + channel, key as u8, velocity]));
        events.push((start + length.saturating_sub(16).max(4), [0x80 + channel, key as u8, 0]));
    };
    for (number, (root, third, melody)) in [0, 1, 0, 2, 1, 0].iter().flat_map(|&part| &parts[part]).enumerate() {
        let at = 384 * number;
        for (from, length, interval) in melody {
            note(0, at + from, *length, 62 + root + interval);
        }
        for (place, from) in (0..384).step_by(step).enumerate() {
            note(1, at + from, step, 48 + root + [0, *third, 7, 12][place % 4]);
        }
        note(2, at, 188, 36 + root);
        note(2, at + 192, 188, 36 + (root + 7) % 12);
        for (place, key) in groove.iter().enumerate().filter(|(_, key)| **key > 0) {
            note(9, at + 48 * place, 40, usize::from(*key));
        }
    }
    super::midi_of(events, Some(tempo))
}

/// The bundled judge on renderings that differ from their MIDI files as recordings do, half of them in structure: a
/// change of networks, aligner or judge must not break this.
#[test]
fn the_bundled_judge_tells_renderings_from_those_of_other_tunes() {
    let folder = tempfile::tempdir().expect("a folder");
    let tunes = folder.path().join("tunes");
    std::fs::create_dir(&tunes).expect("a folder");
    for seed in 0..5 {
        std::fs::write(tunes.join(format!("{seed}.mid")), tune(seed)).expect("written");
    }
    let (cache, png) = (path(folder.path(), "made"), path(folder.path(), "reliability.png"));
    let tunes = path(&tunes, "");
    let evaluate =
        ["evaluate", "verdict", &tunes, "--made", "4", "--audio-soundfont", FONT, "--cache", &cache, "--quiet"];
    let output = antiphon(&[&evaluate[..], &["--nearest", "1", "--others", "1", "--png", &png, "--json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(std::fs::read(&png).expect("a picture").starts_with(b"\x89PNG"));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let pairs: Vec<LabelledPair> = serde_json::from_value(document["results"]["pairs"].clone()).expect("pairs");
    let judged = |judge: &Judge, sight: Sight| {
        VerdictReport::all(&pairs, judge).into_iter().find(|r| r.sight == sight && r.kind == "all").expect("a report")
    };
    let bundled = Judge::bundled().expect("a sound build");
    for sight in [Sight::Pair, Sight::Index] {
        let report = judged(bundled, sight);
        // Each pair as it is, in another key, and with part of its recording; two wrong ones for each.
        assert_eq!(report.quality.pairs, (12, 24), "{sight:?}");
        assert_eq!((report.accepted, &report.false_names[..]), (12, &[][..]), "{sight:?}: {report:?}");
        assert!(report.quality.auc > 0.99 && report.quality.brier < 0.1, "{sight:?}: {report:?}");
        assert_eq!(
            document["results"]["summaries"]
                .as_array()
                .expect("a list")
                .iter()
                .find(|summary| { summary["kind"] == "all" && summary["sight"] == sight.name() })
                .expect("a summary")["accepted"],
            12
        );
    }
    let codes = judged(bundled, Sight::Codes);
    assert!(codes.quality.auc > 0.99 && codes.false_names.is_empty() && codes.accepted >= 9, "{codes:?}");

    // A judge that has learned the opposite is exposed.
    let mut wrong: Value = serde_json::from_str(&bundled.to_json()).expect("JSON");
    for term in wrong["sights"]["pair"]["terms"].as_array_mut().expect("a list") {
        term["weight"] = (-term["weight"].as_f64().expect("a number")).into();
    }
    let file = folder.path().join("wrong.json");
    std::fs::write(&file, wrong.to_string()).expect("written");
    let report = judged(&Judge::load(&file).expect("a judge"), Sight::Pair);
    assert!(report.quality.auc < 0.01 && report.accepted == 0 && report.false_names.len() > 12, "{report:?}");
}
