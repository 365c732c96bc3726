//! Results that a command goes on with: the matches of a collection, a toy table and its run in work.

use super::{Folder, kind};
use antiphon::job::Progress;
use antiphon::search::merge;
use antiphon::toy::table::{Cell, ToyTable};
use antiphon::toy::{Lengths, Pooling, Problem, Task};

const TASK: Task = Task { problem: Problem::Addition, pooling: Pooling::Attention, lengths: Lengths::Near(50) };

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let Some((what, rest)) = kind(bytes, 3) else { return };
    if what == 0 {
        let path = folder.put("matches/matches.jsonl", rest);
        if let Ok(summary) = merge(&[path.parent().expect("a folder").into()], &folder.path().join("out")) {
            assert!(summary.matched <= summary.searched);
        }
        return;
    }
    let none: &[u8] = br#"{"antiphon":"0","format":"toy-table/1","runs":[]}"#;
    folder.put("toy/runs.json", if what == 1 { rest } else { none });
    folder.put("toy/running.json", if what == 1 { b"" } else { rest });
    let Ok(mut table) = ToyTable::open(&folder.path().join("toy")) else { return };
    assert!(table.best(TASK).is_none_or(|best| best.task == TASK));
    // A run in work is taken up, and has no epoch left.
    let cell = Cell { task: TASK, learning_rates: vec![0.003], most_epochs: 0 };
    table.fill(&[cell], 1, &Progress::silent(), |_, _, _, _| panic!("nothing to train")).expect("written to memory");
}
