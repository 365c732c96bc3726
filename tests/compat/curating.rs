//! Lists to judge, the journal of decisions, and exports made from it.

use super::{FIRST, RECORDING, SECOND, copied, json, sample, silent};
use antiphon::curation::{Act, Correction, Decision, Items, Journal, Reason, Record, Table, export};
use std::collections::BTreeMap;
use std::fs::canonicalize;
use std::path::Path;

fn table() -> Table {
    let (records, remarks) = Journal::read(&sample("curation/decisions.jsonl")).unwrap();
    assert_eq!((records.len(), remarks), (9, Vec::new()));
    records.into_iter().collect()
}

#[test]
fn a_journal_of_0_1_0_says_where_every_item_stands() {
    let table = table();
    let a = table.current("a").unwrap();
    assert_eq!((a.decision(), a.curator.as_str()), (Some(Decision::Confirmed), "ann"));
    assert_eq!((a.at.as_str(), a.antiphon.as_str()), ("2026-11-29T09:00:00.125Z", "0.1.0"));
    assert_eq!((a.note.as_str(), a.flag, a.blind), ("the bridge, \"twice\"", true, true));
    assert_eq!((a.confidence, a.score, a.seconds), (Some(0.875), Some(0.25), 12.25));
    let parts = [("embedding_distance", 0.5), ("hash_distance", 3.25), ("transpose", -2.0)];
    assert_eq!(a.parts, BTreeMap::from(parts.map(|(name, value)| (name.to_owned(), value))));
    assert_eq!(a.map.as_deref(), Some("00112233445566778899aabbccddeeff"));
    // The judge behind a confidence and the order of the queue were not recorded then.
    assert_eq!((a.judge.as_deref(), a.order.as_deref()), (None, None));
    let correction = Correction { offset_ms: -12.5, anchors: vec![[1.0, 1.5], [2.0, 2.75]], span: Some([0.5, 9.5]) };
    assert_eq!(a.correction, Some(correction));
    assert_eq!(a.midi.as_deref(), Some(format!("../{FIRST}").as_str()));
    assert_eq!(a.audio.as_deref(), Some(format!("../{RECORDING}").as_str()));

    let b = table.entry("b").unwrap();
    // What was undone is gone; the last decision is by another curator.
    let said: Vec<_> = b.records.iter().map(Record::decision).collect();
    assert_eq!(said, [Decision::Unsure, Decision::Rejected].map(Some));
    let of_bob = b.of("bob").unwrap();
    assert_eq!((of_bob.reason, of_bob.note.as_str()), (Some(Reason::OtherVersion), "live"));
    assert_eq!(b.of("ann").unwrap().decision(), Some(Decision::Unsure));

    assert_eq!(table.current("c").unwrap().decision(), Some(Decision::Skipped));
    let d = table.current("d").unwrap();
    assert_eq!((d.act, d.note.as_str(), d.flag), (Act::Noted, "ask Bob", true));
    let (e, f) = (table.current("e").unwrap(), table.current("f").unwrap());
    assert_eq!((e.decision(), e.note.as_str(), e.confidence), (Some(Decision::Confirmed), "by a script", Some(0.75)));
    assert_eq!((f.decision(), f.reason), (Some(Decision::Rejected), Some(Reason::BadMidi)));
    assert_eq!(table.curators(), ["ann", "bob", "curator"]);
}

#[test]
fn a_journal_of_0_1_0_is_gone_on_with_and_taken_back() {
    let (_folder, curation) = copied("curation");
    let path = curation.join("decisions.jsonl");
    let before = std::fs::read(&path).unwrap();
    let mut journal = Journal::open(&path, "ann").unwrap();
    assert_eq!((journal.written(), journal.remarks().len()), (9, 0));
    let taken_back: Vec<String> = (0..3).map(|_| journal.undo().unwrap().unwrap().item).collect();
    assert_eq!(taken_back, ["d", "c", "b"]);
    // Bob's decision on it stays.
    assert_eq!(journal.table().current("b").unwrap().curator, "bob");
    journal.decide(Record::new("g", Decision::Unsure)).unwrap();
    drop(journal);
    assert!(std::fs::read(&path).unwrap().starts_with(&before), "lines are only added");
    let journal = Journal::open(&path, "ann").unwrap();
    assert_eq!(journal.written(), 13);
    assert!(journal.table().current("c").is_none() && journal.table().current("d").is_none());
    assert_eq!(journal.table().current("g").unwrap().decision(), Some(Decision::Unsure));
    assert_eq!(journal.next_item(false), Some("g"));
}

/// Sorted by item and curator, with paths relative to the folder of the journal.
fn ordered(records: &[Record], from: &Path) -> Vec<Record> {
    let mut records = export::moved(records, from, &sample("curation"));
    records.sort_by(|a, b| (&a.item, &a.curator).cmp(&(&b.item, &b.curator)));
    records
}

#[test]
fn exports_of_0_1_0_say_what_the_journal_says() {
    let curation = sample("curation");
    let expected = ordered(&export::judgements(&table()), &curation);
    assert_eq!(expected.len(), 7);
    for (name, folder) in
        [("decisions.csv", &curation), ("decisions.json", &curation), ("jams", &curation.join("jams"))]
    {
        let (read, _) = export::read(&curation.join(name)).unwrap();
        assert_eq!(ordered(&read, folder), expected, "{name}");
    }
}

/// Ids and confidences.
fn listed(items: &Items) -> Vec<(String, Option<f64>)> {
    (0..items.len()).map(|index| items.item(index)).map(|item| (item.id, item.confidence)).collect()
}

fn same_file(a: &Path, b: &Path) {
    assert_eq!(canonicalize(a).unwrap(), canonicalize(b).unwrap());
}

#[test]
fn a_table_of_0_1_0_is_a_queue() {
    let items = Items::read(&sample("queue/list.csv"), &silent()).unwrap();
    let expected = [("a", 0.875), ("b", 0.375), ("c", 0.125)].map(|(id, c)| (id.to_owned(), Some(c)));
    assert_eq!(listed(&items), expected);
    let b = items.item(1);
    assert_eq!(b.title, "Ann Other – Second, or a tune");
    assert_eq!(b.parts, BTreeMap::from([("hash_distance".to_owned(), 7.5)]));
    same_file(&b.midi, &sample(SECOND));
    same_file(&b.recording(), &sample(RECORDING));
    assert!(items.item(2).parts.is_empty());
}

#[test]
fn a_search_of_0_1_0_is_a_queue() {
    let path = sample("queue/search.json");
    let (items, document) = (Items::read(&path, &silent()).unwrap(), json(&path));
    let hits = document["hits"].as_array().unwrap();
    assert_eq!((items.len(), hits.len()), (2, 2));
    for (index, hit) in hits.iter().enumerate() {
        let item = items.item(index);
        assert_eq!(item.audio.file_name(), Path::new(hit["path"].as_str().unwrap()).file_name());
        // Stored as f32.
        assert!((item.confidence.unwrap() - hit["confidence"].as_f64().unwrap()).abs() < 1e-6, "{item:?}");
        for name in ["score", "hash_distance", "embedding_distance", "transpose"] {
            assert!((item.parts[name] - hit[name].as_f64().unwrap()).abs() < 1e-6, "{name}: {item:?}");
        }
    }
    assert_eq!(items.item(1).title, "Ann Other – First Tune");
}

#[test]
fn pairs_and_trees_of_0_1_0_are_queues() {
    let pairs = Items::read(&sample("curation/pairs.jsonl"), &silent()).unwrap();
    assert_eq!(listed(&pairs), [("a", 0.875), ("e", 0.75)].map(|(id, c)| (id.to_owned(), Some(c))));
    same_file(&pairs.item(1).midi, &sample(SECOND));

    let collected = Items::read(&sample("collect/pairs.jsonl"), &silent()).unwrap();
    assert_eq!((collected.len(), collected.item(0).title.as_str()), (1, "Ann Other – First Tune"));
    same_file(&collected.item(0).midi, &sample(FIRST));
    same_file(&collected.item(0).recording(), &sample(RECORDING));

    let tree = Items::read(&sample("curation/tree"), &silent()).unwrap();
    let (first, second) = (tree.item(0), tree.item(1));
    assert_eq!((tree.len(), first.confidence, second.confidence), (2, Some(0.875), Some(0.75)));
    assert_eq!(std::fs::read(first.midi).unwrap(), std::fs::read(sample(FIRST)).unwrap());
    assert_eq!(std::fs::read(second.midi).unwrap(), std::fs::read(sample(SECOND)).unwrap());

    let matched = Items::read(&sample("match/match_scores.json"), &silent()).unwrap();
    let id = "0e831a39ed7ea460ee23b438fcc01c55";
    assert_eq!(listed(&matched), [(format!("{id}|{id}"), Some(1.0))]);

    // Each item once, whoever has judged it, including those without files.
    let judged = Items::read(&sample("curation/decisions.json"), &silent()).unwrap();
    assert_eq!((0..judged.len()).map(|index| judged.id(index)).collect::<String>(), "abcdef");
}
