//! One query of four minutes against indexes of growing size, generated from the seed: seconds for each stage.
//!
//! `cargo bench --no-default-features --bench search [-- ENTRIES…]`, by default 10,000 and 100,000 entries; a million
//! need 0.9 GB of disk and a few minutes to make. Wall seconds, best of five; the index has been read once before.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "tune.rs"]
mod tune;

use antiphon::index::{self, Index};
use antiphon::job::{Job, Progress};
use antiphon::pair::MidiSide;
use antiphon::search::{Keys, Query, SearchOptions, search};
use antiphon::synth::SoundFont;
use std::sync::Arc;
use std::time::Instant;
use tune::tune;

fn main() {
    let progress = Progress::silent();
    let asked: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![10_000, 100_000] } else { asked };
    let font = SoundFont::bundled().expect("the bundled font");
    let midi = MidiSide::new("tune.mid".into(), tune(240), &font, &progress).expect("a tune");
    let query = Query::of_midi(&midi).expect("synthesised");
    for entries in sizes {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("index");
        index::synthesize(&path, entries, None, 0, &progress).expect("made");
        let start = Instant::now();
        let index = Arc::new(Index::open(&path).expect("opens"));
        println!("{entries} entries: opened in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
        let cases =
            [("default", false, Keys::Written), ("exhaustive", true, Keys::Written), ("12 keys", false, Keys::All)];
        for (name, exhaustive, keys) in cases {
            let options = SearchOptions { exhaustive, keys, ..SearchOptions::default() };
            let run = || {
                let start = Instant::now();
                let found = search(&index, &query, &options, &progress).expect("not cancelled");
                (start.elapsed().as_secs_f64(), found.stages)
            };
            let best = (0..5).map(|_| run()).min_by(|a, b| a.0.total_cmp(&b.0)).expect("five");
            let stages: Vec<String> = best
                .1
                .iter()
                .map(|s| format!("{:?} {} of {} in {:.1} ms", s.name, s.kept, s.looked_at, s.seconds * 1e3))
                .collect();
            println!("  {name}: {:.1} ms; {}", best.0 * 1e3, stages.join(", "));
        }
        // How long a search continues after it was asked to stop.
        let (index, query) = (Arc::clone(&index), query.clone());
        let job = Job::start(
            "search",
            || {},
            move |progress| {
                let options = SearchOptions { exhaustive: true, keys: Keys::All, ..SearchOptions::default() };
                search(&index, &query, &options, progress).map(drop)
            },
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
        let told = Instant::now();
        job.progress().cancel();
        drop(job.join());
        println!("  stopped within {:.1} ms", told.elapsed().as_secs_f64() * 1e3);
    }
}
