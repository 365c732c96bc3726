//! Results that a command goes on with: the matches of a collection, a toy table and its run in work.
#![no_main]

use antiphon::job::Progress;
use antiphon::search::merge;
use antiphon::toy::table::{Cell, ToyTable};
use antiphon::toy::{Lengths, Pooling, Problem, Task};
use antiphon_fuzz::{Folder, kind};
use std::sync::LazyLock;

static FOLDER: LazyLock<Folder> = LazyLock::new(|| Folder::of("results"));
const TASK: Task = Task { problem: Problem::Addition, pooling: Pooling::Attention, lengths: Lengths::Near(50) };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((what, rest)) = kind(bytes, 3) else { return };
    if what == 0 {
        let path = FOLDER.put("matches/matches.jsonl", rest);
        if let Ok(summary) = merge(&[path.parent().expect("a folder").into()], &FOLDER.path().join("out")) {
            assert!(summary.matched <= summary.searched);
        }
        return;
    }
    let none: &[u8] = br#"{"antiphon":"0","format":"toy-table/1","runs":[]}"#;
    FOLDER.put("toy/runs.json", if what == 1 { rest } else { none });
    FOLDER.put("toy/running.json", if what == 1 { b"" } else { rest });
    let Ok(mut table) = ToyTable::open(&FOLDER.path().join("toy")) else { return };
    assert!(table.best(TASK).is_none_or(|best| best.task == TASK));
    // A run in work is taken up, and has no epoch left.
    let cell = Cell { task: TASK, learning_rates: vec![0.003], most_epochs: 0 };
    table.fill(&[cell], 1, &Progress::silent(), |_, _, _, _| panic!("nothing to train")).expect("written to memory");
});
