//! Formats that came after the samples of 0.1.0: judges and what they learn from, lists of alignments, checkpoints.

use super::learning::{embedding_goes_on, hash_goes_on};
use super::{copied_from, json, json_lines, later, silent};
use antiphon::alignment::Preset;
use antiphon::curation::{Act, Aligning, Decision, Items, Journal, align_list};
use antiphon::synth::SoundFont;
use antiphon::verdict::{Judge, LabelledPair, Sight, TrainParams, train};

#[test]
fn later_documents_say_their_formats() {
    let header = |name: &str| json_lines(&later(name)).swap_remove(0);
    for (document, format) in [
        (json(&later("verdict/pairs.json")), "evaluation/1"),
        (json(&later("verdict/judge.json")), "verdict/1"),
        (header("list/aligned.jsonl"), "alignment-list/1"),
    ] {
        assert_eq!((&document["format"], &document["antiphon"]), (&format.into(), &"0.1.0".into()));
    }
}

#[test]
fn a_later_judge_is_read_and_its_pairs_are_learned_from() {
    let judge = Judge::load(&later("verdict/judge.json")).unwrap();
    assert_eq!((judge.version(), judge.prior(), judge.threshold()), ("b8a36cd2", 0.5, 0.5));
    let sights: Vec<Sight> = judge.crossed().map(|(sight, _)| sight).collect();
    assert_eq!(sights, [Sight::Pair, Sight::Index, Sight::Codes, Sight::Sound]);

    let mut document = json(&later("verdict/pairs.json"));
    let pairs: Vec<LabelledPair> = serde_json::from_value(document["results"]["pairs"].take()).unwrap();
    assert_eq!((pairs.len(), pairs.iter().filter(|pair| pair.same).count()), (147, 21));
    let models = serde_json::from_value(document["parameters"]["models"].take()).unwrap();
    let params = TrainParams { models, data: vec!["pairs".into()], entries: 7, journals: serde_json::Value::Null };
    let again = train(&pairs, &params).unwrap();
    assert_eq!(again.crossed().count(), 4);
    let codes = |judge: &Judge| judge.crossed().map(|(_, quality)| quality.auc).sum::<f64>();
    assert!((codes(&again) - codes(&judge)).abs() < 0.1, "{} and {}", codes(&again), codes(&judge));
}

#[test]
fn a_later_list_of_alignments_is_not_aligned_again() {
    let (_folder, list) = copied_from(&later("list"), "list");
    let items = Items::read(&list.join("pairs.jsonl"), &silent()).unwrap();
    let font = SoundFont::bundled().unwrap();
    let how = Aligning { font: &font, preset: Preset::Antiphon, paths: false };
    let before = std::fs::read(list.join("aligned.jsonl")).unwrap();
    // The files that the list names are not there: nothing could be aligned.
    let found = align_list(&items, &how, &list.join("aligned.jsonl"), &silent()).unwrap();
    assert_eq!((found.aligned, found.accepted, found.skipped.len()), (2, 1, 1), "{found:?}");
    assert_eq!(std::fs::read(list.join("aligned.jsonl")).unwrap(), before);
}

#[test]
fn a_later_journal_says_which_judge_and_which_order() {
    let (records, remarks) = Journal::read(&later("curation/decisions.jsonl")).unwrap();
    assert_eq!((records.len(), remarks), (2, Vec::new()));
    let said = records.iter().map(|record| (record.judge.as_deref().unwrap(), record.order.as_deref().unwrap()));
    assert_eq!(said.collect::<Vec<_>>(), [("1f6c02ab pair", "stratified"), ("1f6c02ab index", "best")]);
    assert_eq!([&records[0], &records[1]].map(|record| record.unseen), [false, true]);
    assert_eq!(records[1].act, Act::Decided(Decision::Skipped));
}

#[test]
fn trainings_with_later_checkpoints_go_on() {
    let (folder, training) = copied_from(&later("training/hash"), "hash");
    hash_goes_on(folder.path(), &training);
    let (folder, training) = copied_from(&later("training/embedding"), "embedding");
    embedding_goes_on(folder.path(), &training);
}
