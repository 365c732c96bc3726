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

fn tail(journal: &Journal) -> std::sync::MutexGuard<'_, Tail> {
    locked(journal.tail.as_ref().unwrap())
}

fn items_of(path: &Path) -> Vec<String> {
    Journal::read(path).unwrap().0.into_iter().map(|record| record.item).collect()
}

#[test]
fn what_is_decided_is_there_when_it_is_opened_again() {
    let (_folder, path) = folder();
    let mut journal = Journal::open(&path, "ann").unwrap();
    for i in 0..57 {
        journal.decide(decided(&i.to_string(), Decision::ALL[i % 4])).unwrap();
    }
    // As after a kill: nothing is closed in order.
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
        assert!(journal.push_redo().is_some());
        assert_eq!(states(&journal), *after);
    }
    journal.flush().unwrap();
    assert!(!journal.can_redo());
    journal.undo().unwrap();
    journal.decide(decided("c", Decision::Skipped)).unwrap();
    assert!(!journal.can_redo(), "a new decision makes what was taken back unreachable");
    // Lines were only ever appended.
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
fn a_line_about_no_item_is_left_out_and_none_is_written() {
    // A table can't say it: one such line made the whole table of an export unreadable.
    let (_folder, path) = folder();
    let good = serde_json::to_string(&decided("a", Decision::Confirmed)).unwrap();
    std::fs::write(&path, format!("{}\n{good}\n", good.replace("\"a\"", "\"\""))).unwrap();
    let mut journal = Journal::open(&path, "ann").unwrap();
    assert!(journal.remarks()[0].starts_with("line 1 is left out: no item"), "{:?}", journal.remarks());
    let error = journal.decide(decided("", Decision::Confirmed)).unwrap_err().to_string();
    assert!(error.contains("a decision on no item"), "{error}");
    let told = super::super::export::judgements(journal.table());
    let table = path.with_extension("csv");
    std::fs::write(&table, super::super::export::csv(&told)).unwrap();
    assert_eq!(super::super::export::read(&table).unwrap().0.len(), 1);
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
    let good = journal.fill_disk();
    let error = journal.decide(decided("b", Decision::Rejected)).unwrap_err().to_string();
    assert!(error.starts_with("can't write the journal"), "{error}");
    assert!(journal.decide(decided("c", Decision::Unsure)).is_err());
    assert_eq!((journal.written(), journal.unwritten()), (1, 2));
    assert_eq!(journal.table().current("b").unwrap().decision(), Some(Decision::Rejected));
    journal.free_disk(good);
    journal.flush().unwrap();
    assert_eq!((journal.written(), journal.unwritten()), (3, 0));
    assert_eq!(items_of(&path), ["a", "b", "c"]);
}

#[test]
fn half_of_a_failed_write_is_taken_out_before_the_next() {
    let (_folder, path) = folder();
    let mut journal = Journal::open(&path, "ann").unwrap();
    journal.decide(decided("a", Decision::Confirmed)).unwrap();
    {
        let mut tail = tail(&journal);
        tail.whole = Some(tail.file.metadata().unwrap().len());
        tail.file.write_all(b"{\"at\": \"20").unwrap();
    }
    journal.decide(decided("b", Decision::Rejected)).unwrap();
    assert_eq!(Journal::read(&path).unwrap().0.len(), 2);
}

#[test]
fn a_writer_that_panics_loses_no_line_and_the_next_write_goes_on() {
    let (_folder, path) = folder();
    let mut journal = Journal::open(&path, "ann").unwrap();
    journal.decide(decided("a", Decision::Confirmed)).unwrap();
    // It panics before writing, in the middle of a line, and when everything is written but nobody knows.
    for (item, written) in [("b", 0.0), ("c", 0.5), ("d", 1.0)] {
        journal.push(decided(item, Decision::Rejected));
        let batch = journal.batch().unwrap();
        assert!(journal.batch().is_none(), "it is on its way");
        let writer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let mut tail = locked(&batch.tail);
            let before = tail.file.metadata().unwrap().len();
            if written > 0.0 {
                tail.whole = Some(before);
                tail.file.write_all(&batch.lines[..(batch.lines.len() as f64 * written) as usize]).unwrap();
            }
            panic!("on purpose");
        }));
        assert!(writer.is_err());
        assert_eq!(journal.unwritten(), 1, "{item} is kept");
        journal.flush().unwrap();
        assert_eq!(journal.unwritten(), 0);
    }
    assert_eq!(items_of(&path), ["a", "b", "c", "d"]);
    assert_eq!(journal.written(), 4);
    // Closing reports what is not on the disk.
    let good = journal.fill_disk();
    journal.push(decided("e", Decision::Unsure));
    drop(journal.batch());
    assert!(journal.flush().is_err());
    assert_eq!(journal.unwritten(), 1);
    journal.free_disk(good);
}

#[test]
fn a_full_disk_is_left_for_another_file_with_all_lines() {
    let (folder, path) = folder();
    let mut journal = Journal::open(&path, "ann").unwrap();
    let mut first = decided("a", Decision::Confirmed);
    first.midi = Some("songs/a.mid".into());
    journal.decide(first).unwrap();
    // The handle that is put aside has the lock.
    let good = journal.fill_disk();
    assert!(journal.decide(decided("b", Decision::Rejected)).is_err());
    // Neither onto another file nor into a folder that does not exist.
    assert!(journal.move_to(&path).is_err());
    assert!(journal.move_to(&folder.path().join("no folder/x.jsonl")).is_err());
    assert_eq!(journal.unwritten(), 1);
    std::fs::create_dir(folder.path().join("stick")).unwrap();
    let other = folder.path().join("stick/decisions.jsonl");
    journal.move_to(&other).unwrap();
    assert_eq!((journal.written(), journal.unwritten(), journal.path()), (2, 0, other.as_path()));
    journal.decide(decided("c", Decision::Unsure)).unwrap();
    assert_eq!((items_of(&other), items_of(&path)), (vec!["a".into(), "b".into(), "c".into()], vec!["a".to_owned()]));
    let read = Journal::read(&other).unwrap().0;
    assert_eq!(read[0].midi.as_deref(), Some("../songs/a.mid"), "paths are meant from the new folder");
    assert!(Journal::open(&other, "bob").is_err(), "it holds the lock of the new one");
    drop(good);
    drop(Journal::open(&path, "bob").expect("and not that of the old one"));
}

#[test]
fn a_journal_that_is_looked_at_takes_nothing_before_it_is_moved() {
    let (folder, path) = folder();
    let mut other = Journal::open(&path, "bob").unwrap();
    other.decide(decided("a", Decision::Confirmed)).unwrap();
    let mut journal = Journal::look(&path, "ann");
    assert!(!journal.is_open() && journal.remarks().is_empty());
    assert_eq!(journal.table().current("a").unwrap().decision(), Some(Decision::Confirmed));
    assert!(journal.batch().is_none());
    let mine = folder.path().join("mine.jsonl");
    journal.move_to(&mine).unwrap();
    journal.decide(decided("b", Decision::Rejected)).unwrap();
    assert_eq!((items_of(&mine), items_of(&path)), (vec!["a".into(), "b".into()], vec!["a".to_owned()]));
    // A missing file, and an unreadable one.
    assert!(Journal::look(&folder.path().join("none.jsonl"), "ann").remarks().is_empty());
    assert_eq!(Journal::look(folder.path(), "ann").remarks().len(), 1);
}

#[test]
fn exported_decisions_are_taken_in_once_and_as_they_are() {
    let (_folder, path) = folder();
    let theirs = |item: &str| Record {
        curator: "bob".into(),
        at: "2026-01-02T03:04:05Z".into(),
        ..decided(item, Decision::Confirmed)
    };
    let mut journal = Journal::open(&path, "ann").unwrap();
    assert_eq!(journal.import([theirs("a"), theirs("b"), theirs("a")]), 2);
    journal.flush().unwrap();
    assert_eq!(journal.table().current("a").unwrap().curator, "bob");
    assert!(!journal.can_undo(), "they are not ann's to take back");
    journal.decide(Record { curator: String::new(), ..decided("c", Decision::Unsure) }).unwrap();
    journal.undo().unwrap();
    assert_eq!(journal.import([theirs("a"), theirs("d")]), 1);
    assert_eq!(journal.import([Record { curator: "ann".into(), ..theirs("e") }]), 1);
    assert!(journal.can_undo());
}
