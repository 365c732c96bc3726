use super::super::Decision;
use super::*;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("decisions.jsonl");
    (folder, path)
}

fn decided(item: &str, decision: Decision) -> Record {
    Record::new(item, decision)
}

#[test]
fn what_is_decided_is_there_when_it_is_opened_again() {
    let (_folder, path) = folder();
    let mut journal = Journal::open(&path, "ann").unwrap();
    for i in 0..57 {
        journal.decide(decided(&i.to_string(), Decision::ALL[i % 4])).unwrap();
    }
    // As a kill would: nothing is closed in order.
    std::mem::forget(std::mem::take(&mut journal.table));
    drop(journal);
    let journal = Journal::open(&path, "ann").unwrap();
    assert_eq!((journal.written(), journal.unwritten(), journal.table().records().count()), (57, 0, 57));
    assert_eq!(journal.table().current("56").unwrap().decision(), Some(Decision::Confirmed));
    assert!(journal.remarks().is_empty());
}

#[test]
fn taking_back_and_doing_again_go_to_any_depth_and_outlive_the_process() {
    let (_folder, path) = folder();
    let mut journal = Journal::open(&path, "ann").unwrap();
    let states = |journal: &Journal| -> Vec<_> {
        ["a", "b"].map(|item| journal.table().current(item).and_then(Record::decision)).to_vec()
    };
    let mut seen = vec![states(&journal)];
    for (item, decision) in [("a", Decision::Confirmed), ("b", Decision::Rejected), ("a", Decision::Unsure)] {
        journal.decide(decided(item, decision)).unwrap();
        seen.push(states(&journal));
    }
    drop(journal);
    let mut journal = Journal::open(&path, "ann").unwrap();
    for before in seen.iter().rev().skip(1) {
        assert!(journal.undo().unwrap().is_some());
        assert_eq!(states(&journal), *before);
    }
    assert!(journal.undo().unwrap().is_none() && !journal.can_undo());
    for after in &seen[1..] {
        assert!(journal.redo().unwrap().is_some());
        assert_eq!(states(&journal), *after);
    }
    assert!(!journal.can_redo());
    journal.undo().unwrap();
    journal.decide(decided("c", Decision::Skipped)).unwrap();
    assert!(!journal.can_redo(), "a new decision makes what was taken back unreachable");
    // Only ever added to.
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3 + 3 + 3 + 1 + 1);
}

#[test]
fn a_line_cut_anywhere_is_set_aside_and_the_others_hold() {
    let (_folder, path) = folder();
    let mut journal = Journal::open(&path, "ann").unwrap();
    journal.decide(decided("a", Decision::Confirmed)).unwrap();
    journal.decide(decided("b", Decision::Rejected)).unwrap();
    drop(journal);
    let whole = std::fs::read(&path).unwrap();
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for cut in first..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        drop(std::fs::remove_file(beside(&path, "torn")));
        let mut journal = Journal::open(&path, "ann").unwrap();
        assert_eq!(journal.table().current("a").unwrap().decision(), Some(Decision::Confirmed), "cut at {cut}");
        let torn = cut > first && cut < whole.len() - 1;
        assert_eq!(journal.remarks().len(), usize::from(torn), "cut at {cut}");
        if torn {
            let aside = std::fs::read(beside(&path, "torn")).unwrap();
            assert_eq!(aside[..aside.len() - 1], whole[first..cut]);
        }
        journal.decide(decided("c", Decision::Unsure)).unwrap();
        drop(journal);
        let (records, remarks) = Journal::read(&path).unwrap();
        assert_eq!(records.last().unwrap().item, "c", "cut at {cut}");
        assert!(remarks.is_empty(), "cut at {cut}: {remarks:?}");
    }
}

#[test]
fn damaged_and_hostile_lines_are_named_and_left_where_they_are() {
    let (_folder, path) = folder();
    let good = serde_json::to_string(&decided("a", Decision::Confirmed)).unwrap();
    let mut bytes = format!("{good}\nnot a line\n\n[1, 2]\n{{\"at\": 7}}\n").into_bytes();
    bytes.extend([0xff, 0, 0xfe, b'\n']);
    bytes.extend(std::iter::repeat_n(b'[', 3 << 20));
    bytes.extend(b"\n{\"item\": \"");
    bytes.extend(std::iter::repeat_n(b'x', 100_000));
    bytes.extend(format!("\"}}\n{}\n", good.replace("\"a\"", "\"b\"")).bytes());
    std::fs::write(&path, &bytes).unwrap();
    let journal = Journal::open(&path, "ann").unwrap();
    assert_eq!(journal.table().records().count(), 2);
    assert_eq!(journal.remarks().len(), 6, "{:?}", journal.remarks());
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_second_one_is_refused_and_reading_is_not() {
    let (_folder, path) = folder();
    let mut journal = Journal::open(&path, "ann").unwrap();
    journal.decide(decided("a", Decision::Confirmed)).unwrap();
    let error = Journal::open(&path, "bob").unwrap_err().to_string();
    assert!(error.contains("another Antiphon works with it"), "{error}");
    assert_eq!(Journal::read(&path).unwrap().0.len(), 1);
    drop(journal);
    assert!(Journal::open(&path, "bob").is_ok());
}

#[test]
fn what_can_not_be_written_is_kept_and_written_with_the_next() {
    let (_folder, path) = folder();
    let mut journal = Journal::open(&path, "ann").unwrap();
    journal.decide(decided("a", Decision::Confirmed)).unwrap();
    // A handle that can't write stands for a disk that is full.
    let good = journal.tail.as_mut().unwrap().file.try_clone().unwrap();
    journal.tail.as_mut().unwrap().file = File::open(&path).unwrap();
    let error = journal.decide(decided("b", Decision::Rejected)).unwrap_err().to_string();
    assert!(error.starts_with("can't write the journal"), "{error}");
    assert!(journal.decide(decided("c", Decision::Unsure)).is_err());
    assert_eq!((journal.written(), journal.unwritten()), (1, 2));
    assert_eq!(journal.table().current("b").unwrap().decision(), Some(Decision::Rejected));
    journal.tail.as_mut().unwrap().file = good;
    journal.flush().unwrap();
    assert_eq!((journal.written(), journal.unwritten()), (3, 0));
    let items: Vec<String> = Journal::read(&path).unwrap().0.into_iter().map(|record| record.item).collect();
    assert_eq!(items, ["a", "b", "c"]);
}

#[test]
fn half_of_a_failed_write_is_taken_out_before_the_next() {
    let (_folder, path) = folder();
    let mut journal = Journal::open(&path, "ann").unwrap();
    journal.decide(decided("a", Decision::Confirmed)).unwrap();
    let tail = journal.tail.as_mut().unwrap();
    tail.whole = Some(tail.file.metadata().unwrap().len());
    tail.file.write_all(b"{\"at\": \"20").unwrap();
    journal.decide(decided("b", Decision::Rejected)).unwrap();
    assert_eq!(Journal::read(&path).unwrap().0.len(), 2);
}
