//! A journal of decisions: read, continued, undone, told again.

use super::Folder;
use antiphon::curation::evaluate::{ScoredDecisions, agreement, merge};
use antiphon::curation::{Decision, Journal, Record, export};
use antiphon::files::Kind;

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let path = folder.put("j.jsonl", bytes);
    drop(Kind::of(&path));
    let (records, remarks) = Journal::read(&path).expect("a journal is always read");
    // What is not blank is a record or a remark; of many damaged lines the last remark counts the rest.
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
    assert!(records.len() + remarks.len() == lines || remarks.len() == 21 || remarks.len() == 22);

    let mut journal = Journal::open(&path, "fuzz").expect("continued");
    assert_eq!(journal.written(), records.len());
    journal.decide(Record::new("an item", Decision::Confirmed)).expect("written");
    let before = journal.table().clone();
    journal.decide(Record::new("an item", Decision::Rejected)).expect("written");
    assert!(journal.undo().expect("written").is_some());
    assert_eq!(*journal.table(), before);
    while journal.can_undo() {
        journal.undo().expect("written");
    }
    drop(journal);
    let (again, remarks) = Journal::read(&path).expect("read");
    assert!(again.len() >= records.len() + 3 && again[..records.len()] == records);
    assert!(!remarks.iter().any(|remark| remark.contains("not written to its end")), "{remarks:?}");

    let (told, _) = export::read(&path).expect("read");
    drop(ScoredDecisions::of(&told).roc());
    let agreed = agreement(&told, &told);
    assert!(agreed.disagreements <= agreed.items.len());
    assert!(merge(&[records.clone(), records.clone()]).len() <= records.len());
    let table = folder.put("j.csv", export::csv(&told).as_bytes());
    assert_eq!(export::read(&table).expect("our own table").0.len(), told.len());
    let document = folder.put("j.json", export::document(&told).to_string().as_bytes());
    assert_eq!(export::read(&document).expect("our own document").0, told);
}
