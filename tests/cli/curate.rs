//! `antiphon curate`: decisions by scripts, reports, exports that are read back, and a process that is killed.

use super::{DEMO_MIDI, RIGHT, WRONG, antiphon, fails, path, text};
use antiphon::curation::{Decision, Items, Journal, Table};
use antiphon::job::Progress;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

fn decide(journal: &str, curator: &str, item: &str, decision: &str, more: &[&str]) {
    let arguments = ["curate", "decide", journal, "--curator", curator, "--item", item, "--decision", decision];
    let output = antiphon(&[&arguments, more].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = path(folder.path(), "decisions.jsonl");
    let mut process = Command::new(env!("CARGO_BIN_EXE_antiphon"))
        .args(["curate", "decide", &journal, "--lines", "--curator", "ann"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = process.stdin.take().expect("its input");
    let mut answers = BufReader::new(process.stdout.take().expect("its output")).lines();
    for i in 0..57 {
        writeln!(input, r#"{{"item": "{i}", "decision": "{}"}}"#, Decision::ALL[i % 4].name()).expect("written");
        let answer = answers.next().expect("an answer").expect("read");
        assert_eq!(answer, format!("{i}: {}", Decision::ALL[i % 4].name()));
    }
    // One more is on its way: it has not been acknowledged.
    input.write_all(br#"{"item": "57", "decision": "confi"#).expect("written");
    // On Unix this is SIGKILL.
    process.kill().expect("killed");
    process.wait().expect("ended");
    let journal = Journal::open(Path::new(&journal), "ann").expect("the lock is free again");
    assert_eq!(journal.written(), 57);
    for i in 0..57 {
        let record = journal.table().current(&i.to_string()).expect("a decision");
        assert_eq!(record.decision(), Some(Decision::ALL[i % 4]));
    }
}

#[test]
fn a_second_process_on_one_journal_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = path(folder.path(), "decisions.jsonl");
    let held = Journal::open(Path::new(&journal), "ann").expect("opened");
    let arguments = ["curate", "decide", &journal, "--item", "a", "--decision", "confirmed"];
    fails(&arguments, "another Antiphon works with it");
    drop(held);
    // A process that another test has just started also holds the lock, until it has become another program.
    assert!((0..100).any(|_| antiphon(&arguments).status.success()));
    assert_eq!(text(&antiphon(&[&arguments[..5], &["--decision", "undone"]].concat()).stdout), "a: unreviewed\n");
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_full_is_said_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = path(folder.path(), "decisions.jsonl");
    // Files may not grow beyond 512 bytes: the third decision does not fit.
    let script =
        r#"ulimit -f 1; trap '' XFSZ; exec "$0" curate decide "$1" --item "$2" --decision confirmed --note "$3""#;
    let note = "x".repeat(150);
    let outputs: Vec<_> = (0..3)
        .map(|i| {
            let arguments = [env!("CARGO_BIN_EXE_antiphon"), &journal, &i.to_string(), &note];
            Command::new("sh").arg("-c").arg(script).args(arguments).output().expect("a shell")
        })
        .collect();
    let failed = outputs.iter().position(|output| !output.status.success()).expect("it does not fit");
    let message = text(&outputs[failed].stderr);
    assert!(message.contains("can't write the journal") && message.lines().count() == 1, "{message}");
    let (records, remarks) = Journal::read(Path::new(&journal)).expect("a journal");
    assert!(records.len() == failed && remarks.is_empty(), "{failed}: {remarks:?}");
}

#[test]
fn a_report_has_counts_precision_recall_and_the_agreement() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ann, bob, both) =
        (path(folder.path(), "ann.jsonl"), path(folder.path(), "bob.jsonl"), path(folder.path(), "both.jsonl"));
    for (i, of_ann, of_bob) in [
        (0, "confirmed", "confirmed"),
        (1, "confirmed", "rejected"),
        (2, "rejected", "rejected"),
        (3, "unsure", "skipped"),
    ] {
        let (item, confidence) = (format!("song {i}"), (0.9 - 0.2 * f64::from(i)).to_string());
        decide(&ann, "ann", &item, of_ann, &["--confidence", &confidence, "--reason", "wrong-key"]);
        decide(&bob, "bob", &item, of_bob, &["--confidence", &confidence]);
    }
    let output = antiphon(&["curate", "report", &ann, "--json", "--threshold", "0.6"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(report["format"], "curation-report/1");
    assert_eq!((&report["decisions"]["confirmed"], &report["decisions"]["unsure"]), (&2.into(), &1.into()));
    assert_eq!((&report["at_threshold"]["precision"]["value"], &report["roc"]["auc"]), (&1.0.into(), &1.0.into()));
    let said = text(&antiphon(&["curate", "report", &ann, &bob]).stdout);
    assert!(said.contains("ann and bob: 3 items by both, 1 disagreements, κ 0.400"), "{said}");
    assert!(said.contains("song 1: confirmed (wrong key) / rejected"), "{said}");
    let output = antiphon(&["curate", "merge", &ann, &bob, "-o", &both]);
    assert!(output.status.success() && text(&output.stdout).contains("1 disagreements"), "{}", text(&output.stderr));
    assert_eq!(Journal::read(Path::new(&both)).expect("a journal").0.len(), 8);
    fails(&["curate", "merge", &ann, &bob, "-o", &both], "it exists");
    fails(&["curate", "report", &path(folder.path(), "missing.jsonl")], "can't read the journal");
}

#[test]
fn damaged_lines_are_named_and_the_rest_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = path(folder.path(), "decisions.jsonl");
    decide(&journal, "ann", "a", "confirmed", &[]);
    let mut lines = std::fs::read(&journal).expect("read");
    lines.splice(0..0, *b"{broken\n");
    std::fs::write(&journal, lines).expect("written");
    let output = antiphon(&["curate", "report", &journal]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("line 1 is left out"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("1 confirmed"), "{}", text(&output.stdout));
}

#[test]
fn exports_are_equal_when_they_are_read_again_and_confirmed_pairs_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| path(folder.path(), name);
    let journal = at("decisions.jsonl");
    let files = |audio| vec!["--midi", DEMO_MIDI, "--audio", audio, "--note", "a, \"b\"\nc", "--flag"];
    decide(&journal, "ann", "right", "confirmed", &files(RIGHT));
    decide(&journal, "ann", "wrong", "rejected", &files(WRONG));
    let (csv, document, jams, pairs) = (at("out/a.csv"), at("out/a.json"), at("out/jams"), at("out/pairs.jsonl"));
    std::fs::create_dir(folder.path().join("out")).expect("a folder");
    let (tree, aligned) = (at("tree"), at("aligned"));
    let arguments =
        ["curate", "export", &journal, "--csv", &csv, "--document", &document, "--jams", &jams, "--pairs", &pairs];
    let output = antiphon(&[&arguments[..], &["--tree", &tree, "--aligned", &aligned, "--quiet"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let export = |name: &str| antiphon::curation::export::read(Path::new(name)).expect("an export").0;
    let table: Table = Journal::read(Path::new(&journal)).expect("a journal").0.into_iter().collect();
    let original = antiphon::curation::export::judgements(&table);
    let home = |records: Vec<_>, of: &str| antiphon::curation::export::moved(&records, Path::new(of), folder.path());
    assert_eq!(home(export(&csv), &at("out")), original);
    assert_eq!(home(export(&document), &at("out")), original);
    let mut from_jams = home(export(&jams), &jams);
    from_jams.sort_by(|a, b| a.at.cmp(&b.at));
    assert_eq!(from_jams, original);
    // The decision holds for the whole recording, which is as long as it is.
    let seconds = antiphon::audio::decode(Path::new(RIGHT), antiphon::audio::Keep::Analysis, &Progress::silent());
    let seconds = seconds.expect("a recording").mono.seconds();
    let of_right = std::fs::read_dir(&jams).expect("a folder").map(|file| {
        let text = std::fs::read(file.expect("listed").path()).expect("read");
        serde_json::from_slice::<serde_json::Value>(&text).expect("JSON")
    });
    let of_right = of_right.into_iter().find(|jams| jams["file_metadata"]["identifiers"]["antiphon_item"] == "right");
    let of_right = of_right.expect("a document");
    for length in [&of_right["file_metadata"]["duration"], &of_right["annotations"][0]["duration"]] {
        assert!(seconds > 10.0 && (length.as_f64().expect("a number") - seconds).abs() < 1e-9, "{length} {seconds}");
    }
    // Each can be a queue again, too.
    for (name, count) in [(&csv, 2), (&document, 2), (&pairs, 1), (&tree, 1)] {
        let items = Items::read(Path::new(name), &Progress::silent()).expect("a list");
        assert_eq!(items.len(), count, "{name}");
        assert!(items.item(0).midi.is_file(), "{name}");
    }
    let scores = std::fs::read_to_string(folder.path().join("aligned/match_scores.json")).expect("scores");
    let scores: serde_json::Value = serde_json::from_str(&scores).expect("JSON");
    let (track, of_track) = scores.as_object().expect("an object").iter().next().expect("a track");
    let md5 = of_track.as_object().expect("an object").keys().next().expect("a MIDI file");
    assert_eq!((track.len(), md5.len()), (32, 32));
    let place = folder.path().join("aligned").join(&track[..2]).join(track);
    let midi = antiphon::midi::Midi::read(&place.join(format!("{md5}.mid"))).expect("MIDI");
    assert!(midi.notes().len() > 100);
    assert!(
        std::fs::read_to_string(place.join(format!("{md5}.csv"))).expect("a map").starts_with("audio_s,midi_s,cost\n")
    );
    // What is confirmed becomes training data.
    let data = at("data");
    let output = antiphon(&["dataset", "align", &pairs, "-o", &data, "--quiet"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        antiphon(&["curate", "export", &journal]).status.code(),
        Some(1),
        "it must be said what is to be written"
    );
}
