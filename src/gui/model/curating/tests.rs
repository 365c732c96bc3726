//! What happens to decisions when the disk or a job fails.

use super::super::super::command::{Command, Curate};
use super::super::super::loading::{Arrival, OpenedQueue};
use super::super::super::settings::Settings;
use super::super::{Model, Overlay};
use crate::curation::{Decision, Item, Items, Journal, Queue, Record};
use crate::error::Error;
use crate::job::Progress;
use crate::playback::device::Sound;
use std::path::Path;
use std::sync::Arc;

/// A queue of pairs that do not exist, which can be skipped.
fn curating(folder: &Path) -> Model {
    let mut model = Model::new(Settings::default(), Sound::silent("this is a test"), Arc::new(|| {}));
    let items = (0..6).map(|i| Item { id: i.to_string(), midi: "none.mid".into(), ..Item::default() });
    let journal = Journal::open(&folder.join("decisions.jsonl"), "ann").unwrap();
    let queue = Queue::new(Arc::new(Items::from_list(items)), journal.table(), &Progress::silent()).unwrap();
    model.receive(Arrival::Queue(Ok(Box::new(OpenedQueue { queue, journal, item: None, obstacle: None }))), 0.0);
    model
}

fn items_of(path: &Path) -> Vec<String> {
    Journal::read(path).unwrap().0.into_iter().map(|record| record.item).collect()
}

fn unwritten(model: &Model) -> usize {
    model.curating().unwrap().journal().unwritten()
}

#[test]
fn quitting_with_decisions_that_can_not_be_saved_asks_and_takes_another_place() {
    let folder = tempfile::tempdir().unwrap();
    for leave in [Command::Quit, Command::CloseQueue, Command::Open(vec!["/none/other.mid".into()])] {
        let mut model = curating(folder.path());
        let good = model.curating().unwrap().journal().fill_disk();
        model.apply(Command::Skip, 1.0);
        model.apply(leave.clone(), 2.0);
        assert_eq!(model.overlay(), Some(Overlay::Journal), "{leave:?}");
        assert!(!model.quit() && model.curates() && unwritten(&model) == 1, "{leave:?}");
        assert!(!model.rescue().unwrap().why.is_empty());
        // Staying keeps everything; a second request to leave asks again.
        model.apply(Command::Close, 3.0);
        assert!(!model.quit() && model.curates() && model.rescue().is_none());
        model.apply(leave.clone(), 4.0);
        model.apply(Command::Curate(Curate::TryJournal), 5.0);
        assert!(!model.quit() && model.curates(), "the disk is still full");
        let other = folder.path().join(format!("{}.jsonl", leave == Command::Quit));
        drop(std::fs::remove_file(&other));
        model.apply(Command::Curate(Curate::JournalTo(other.clone())), 6.0);
        assert!(model.quit() == (leave == Command::Quit) && (model.quit() || !model.curates()), "{leave:?} has waited");
        assert_eq!(items_of(&other), ["0"]);
        drop(good);
        model.leave();
        drop(std::fs::remove_file(folder.path().join("decisions.jsonl")));
    }
}

#[test]
fn once_there_is_room_again_they_are_saved_and_given_up_they_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("decisions.jsonl");
    let mut model = curating(folder.path());
    let good = model.curating().unwrap().journal().fill_disk();
    model.apply(Command::Skip, 1.0);
    model.apply(Command::Quit, 2.0);
    model.curating().unwrap().journal().free_disk(good);
    model.apply(Command::Curate(Curate::TryJournal), 3.0);
    assert!(model.quit() && model.overlay().is_none());
    assert_eq!(items_of(&journal), ["0"]);
    drop(model);
    let mut model = curating(folder.path());
    let _good = model.curating().unwrap().journal().fill_disk();
    model.apply(Command::Skip, 1.0);
    model.apply(Command::Quit, 2.0);
    model.apply(Command::Curate(Curate::Abandon), 3.0);
    assert!(model.quit() && model.curating().is_none());
    assert_eq!(items_of(&journal), ["0"]);
}

#[test]
fn a_session_that_takes_the_place_of_the_queue_rescues_its_decisions() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path());
    model.keep_in(folder.path().join("data"));
    let _good = model.curating().unwrap().journal().fill_disk();
    model.apply(Command::Skip, 1.0);
    model.close_queue(2.0);
    assert_eq!(items_of(&folder.path().join("data/rescued-decisions-1.jsonl")), ["0"]);
    assert!(model.problems().iter().any(|problem| problem.text.contains("rescued-decisions-1.jsonl")));
}

#[test]
fn a_writer_that_panics_is_an_error_with_retry_and_loses_no_decision() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = curating(folder.path());
    model.with_queue(|curating| curating.journal.push(Record::new("0", Decision::Skipped)));
    let batch = model.curating.as_mut().unwrap().journal.batch().unwrap();
    model.loads.break_journal(batch);
    // The pairs can't be read either; this is about other problems.
    let failed = |model: &Model| model.problems().iter().find(|p| p.text.contains("internal error")).cloned();
    while failed(&model).is_none() {
        model.collect(2.0);
        std::thread::yield_now();
    }
    let problem = failed(&model).unwrap();
    assert!(problem.text.contains("Saving decisions") && problem.can_retry(), "{}", problem.text);
    assert_eq!(unwritten(&model), 1);
    model.apply(Command::Retry(problem.id), 3.0);
    while unwritten(&model) > 0 {
        model.collect(3.0);
        std::thread::yield_now();
    }
    assert_eq!(items_of(&folder.path().join("decisions.jsonl")), ["0"]);
}

#[test]
fn a_job_that_panics_is_an_error_and_retry_asks_for_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::new(Settings::default(), Sound::silent("this is a test"), Arc::new(|| {}));
    let command = Command::Open(vec![folder.path().to_path_buf()]);
    // As the job of this command would, if it had a bug.
    model.loads.asked_by(Some(command.clone()));
    model.loads.break_expanding();
    model.loads.asked_by(None);
    while model.problems().is_empty() {
        model.collect(0.0);
        std::thread::yield_now();
    }
    let problem = model.problems()[0].clone();
    assert!(problem.text.contains("internal error in \"Looking into folders\": on purpose"), "{}", problem.text);
    assert!(problem.can_retry());
    std::fs::write(folder.path().join("a.wav"), b"").unwrap();
    model.apply(Command::Retry(problem.id), 1.0);
    while model.candidates().is_empty() {
        model.collect(1.0);
        std::thread::yield_now();
    }
    // Cancelling is still not an error.
    let known = model.problems().len();
    model.receive(Arrival::Session(Err(Error::Cancelled)), 2.0);
    assert_eq!(model.problems().len(), known);
}
