//! Pairs to be judged: JSON lines, documents, the scores of a Lakh tree.

use super::{Folder, kind};
use antiphon::curation::{Items, Queue, Table};
use antiphon::files::Kind;
use antiphon::job::Progress;
use std::sync::Arc;

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let Some((what, rest)) = kind(bytes, 3) else { return };
    let path = folder.put(["l.jsonl", "l.json", "match_scores.json"][usize::from(what)], rest);
    drop(Kind::of(&path));
    let Ok(items) = Items::read(&path, &Progress::silent()) else { return };
    for index in 0..items.len() {
        let item = items.item(index);
        assert_eq!(items.find(&item.id), Some(index));
        assert!(item.confidence.is_none_or(f64::is_finite) && item.parts.values().all(|value| value.is_finite()));
        assert!(item.judge.is_none() || item.confidence.is_some());
        drop(items.name(index));
    }
    let count = items.len();
    let queue = Queue::new(Arc::new(items), &Table::default(), &Progress::silent()).expect("never cancelled");
    assert_eq!(queue.shown().len(), count);
}
