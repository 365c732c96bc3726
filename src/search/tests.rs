//! Searches of small indexes, with and without music.

use super::*;
use crate::index::{self, Embedder, Sources};
use std::fs;
use std::path::PathBuf;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo");

fn silent() -> Progress {
    Progress::silent()
}

fn font() -> SoundFont {
    SoundFont::bundled().expect("the bundled font")
}

/// An index of some files of the demo.
fn demo(folder: &Path, files: &[&str]) -> Index {
    let index = folder.join("index");
    let model = crate::hashing::HashModel::bundled().expect("a model");
    index::create(&index, &model, &Embedder::Statistics, &font()).expect("created");
    let paths = files.iter().map(|name| Path::new(DEMO).join(name)).collect();
    index::add(&index, &Sources { paths, ..Sources::default() }, &font(), &silent()).expect("added");
    Index::open(&index).expect("opens")
}

#[test]
fn the_recording_of_a_midi_file_is_found_and_the_midi_file_of_a_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let recordings = demo(folder.path(), &["recording-1.ogg", "recording-2.ogg", "recording-3.ogg", "song.mid"]);
    let query = Query::open(&Path::new(DEMO).join("song.mid"), &font(), &silent()).expect("a MIDI file");
    let found = search(&recordings, &query, &SearchOptions::default(), &silent()).expect("found");
    let names: Vec<String> = found.hits.iter().map(|hit| hit.entry.path.to_string_lossy().into_owned()).collect();
    assert!(names[0].ends_with("song.mid") && names[1].ends_with("recording-2.ogg"), "{names:?}");
    assert!(found.hits[0].confidence.expect("aligned") > 0.9, "{:?}", found.hits[0]);
    assert_eq!(found.hits[0].transpose, 0);
    assert_eq!(found.hits.iter().map(|hit| hit.rank).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let names: Vec<StageName> = found.stages[..3].iter().map(|stage| stage.name).collect();
    assert_eq!(names, [StageName::Embedding, StageName::Hash, StageName::Alignment]);
    let document = found.document(query.path());
    assert_eq!((&document["format"], &document["hits"][0]["rank"]), (&"search/1".into(), &1.into()));
    assert_eq!(document["stages"][0]["in"], 4);

    let query = Query::open(&Path::new(DEMO).join("recording-2.ogg"), &font(), &silent()).expect("a recording");
    let found = search(&recordings, &query, &SearchOptions { top: 2, ..SearchOptions::default() }, &silent());
    let hits = found.expect("found").hits;
    assert!(hits[0].entry.path.ends_with("recording-2.ogg") && hits[1].entry.path.ends_with("song.mid"), "{hits:?}");
}

#[test]
fn music_in_another_key_is_found_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = demo(folder.path(), &["song.mid", "recording-1.ogg"]);
    let midi = crate::midi::Midi::read(&Path::new(DEMO).join("song.mid")).expect("the demo").transposed(-3);
    let moved = folder.path().join("moved.mid");
    fs::write(&moved, midi.to_bytes()).expect("written");
    let query = Query::open(&moved, &font(), &silent()).expect("a MIDI file");
    let options = SearchOptions { keys: Keys::All, ..SearchOptions::default() };
    let found = search(&index, &query, &options, &silent()).expect("found");
    assert!(found.hits[0].entry.path.ends_with("song.mid"), "{:?}", found.hits);
    assert_eq!(found.hits[0].transpose, 3);
    assert_eq!(found.stages.iter().map(|stage| stage.keys).collect::<Vec<_>>(), [1, 1, 1, 11, 11, 11]);
}

/// Takes an entry of a synthetic index as the query: its codes can't be computed from sound, so the pruning is called
/// directly.
#[test]
fn pruning_keeps_what_the_obvious_way_puts_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("index");
    index::synthesize(&path, 3000, None, 5, &silent()).expect("made");
    let index = Index::open(&path).expect("opens");
    let query = Query::open(&Path::new(DEMO).join("song.mid"), &font(), &silent()).expect("a MIDI file");
    let nearest = pruning::nearest(&index, &query, &[0], 40, &silent()).expect("not cancelled");
    let rows = index.embedder().rows(&query.analysis, 0);
    let distances = index.embedding_distances(rows.view(), &silent()).expect("not cancelled");
    let mut order: Vec<usize> = (0..3000).collect();
    order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]).then(a.cmp(&b)));
    let mut kept: Vec<usize> = nearest.iter().map(|candidate| candidate.place).collect();
    kept.sort_unstable();
    order.truncate(40);
    order.sort_unstable();
    assert_eq!(kept, order);

    let codes = query.analysis.codes(index.hash_model(), 0).expect("codes");
    let score =
        |place: usize| crate::hashing::hash_dtw(codes.codes(), index.codes(place), crate::hashing::HashDtw::GEN2);
    let best = pruning::by_codes(&index, &query, &[0], nearest, 7, &silent()).expect("not cancelled");
    order.sort_by(|&a, &b| score(a).total_cmp(&score(b)).then(a.cmp(&b)));
    assert_eq!(best.iter().map(|candidate| candidate.place).collect::<Vec<_>>(), order[..7]);

    let options = SearchOptions { exhaustive: true, ..SearchOptions::default() };
    let found = search(&index, &query, &options, &silent()).expect("found");
    let least = (0..3000).map(score).fold(f32::INFINITY, f32::min);
    assert_eq!(found.hits[0].hash_distance.to_bits(), least.to_bits());
    assert_eq!((found.hits.len(), found.stages.len(), found.remarks.len()), (10, 2, 1));
    let near = found.hits.iter().map(|hit| hit.embedding_distance);
    assert!(near.eq(found.hits.iter().map(|hit| Some(distances[hit.place].sqrt()))), "nothing was pruned, all is said");
    let same = search(&index, &query, &options, &silent()).expect("found");
    assert_eq!(same.hits, found.hits);
    let cancelled = silent();
    cancelled.cancel();
    assert!(matches!(search(&index, &query, &options, &cancelled), Err(Error::Cancelled)));
}

#[test]
fn what_is_kept_grows_with_the_index() {
    let kept = |entries| SearchOptions::default().kept(entries);
    assert_eq!([kept(10), kept(900), kept(20_000), kept(994_960)], [(10, 10), (900, 25), (2000, 25), (99_496, 248)]);
    let exhaustive = SearchOptions { exhaustive: true, top: 500, ..SearchOptions::default() };
    assert_eq!(exhaustive.kept(1_000_000), (1_000_000, 500));
}

#[test]
fn an_empty_index_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = demo(folder.path(), &[]);
    let query = Query::open(&Path::new(DEMO).join("song.mid"), &font(), &silent()).expect("a MIDI file");
    let found = search(&index, &query, &SearchOptions::default(), &silent());
    assert!(matches!(found, Err(Error::Nothing { .. })));
}

#[test]
fn a_collection_goes_on_after_a_stop_and_shards_add_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = demo(folder.path(), &["recording-1.ogg", "recording-2.ogg"]);
    let (song, broken) = (folder.path().join("song.mid"), folder.path().join("broken.mid"));
    fs::copy(Path::new(DEMO).join("song.mid"), &song).expect("copied");
    fs::write(&broken, b"MThd").expect("written");
    let copy = folder.path().join("copy.mid");
    fs::copy(&song, &copy).expect("copied");
    let files: Vec<PathBuf> = vec![broken, copy, song];
    let font = font();
    let how = |shard| Matching {
        index: &index,
        options: SearchOptions::default(),
        font: &font,
        shard,
        write_aligned: shard == Shard::ALL,
    };
    let out = folder.path().join("out");
    let summary = match_files(&files, &how(Shard::ALL), &out, &silent()).expect("matched");
    assert_eq!((summary.searched, summary.skipped.len()), (1, 1), "{summary:?}");
    let scores = fs::read(out.join("match_scores.json")).expect("written");
    let lines = fs::read_to_string(out.join("matches.jsonl")).expect("written");
    assert_eq!(lines.lines().count(), 4);
    // Killed while writing the last line.
    fs::write(out.join("matches.jsonl"), &lines[..lines.len() - 5]).expect("written");
    let again = match_files(&files, &how(Shard::ALL), &out, &silent()).expect("matched");
    assert_eq!(again, summary);
    let other = Matching { options: SearchOptions { top: 3, ..SearchOptions::default() }, ..how(Shard::ALL) };
    assert!(matches!(match_files(&files, &other, &out, &silent()), Err(Error::Index { .. })));

    let parts = folder.path().join("parts");
    for number in 1..=2 {
        match_files(&files, &how(Shard { number, of: 2 }), &parts, &silent()).expect("matched");
    }
    let merged = merge(std::slice::from_ref(&parts), &folder.path().join("merged")).expect("merged");
    assert_eq!((merged.searched, merged.pairs), (summary.searched, summary.pairs));
    assert_eq!(fs::read(folder.path().join("merged/match_scores.json")).expect("written"), scores);
    let nothing = match_files(&files, &how(Shard { number: 3, of: 2 }), &parts, &silent());
    assert!(matches!(nothing, Err(Error::Limit { .. })));

    // If it is stopped before its first line, it leaves nothing to resume from.
    let (stopped, new) = (silent(), folder.path().join("new"));
    stopped.cancel();
    assert!(matches!(match_files(&files, &how(Shard::ALL), &new, &stopped), Err(Error::Cancelled)));
    assert_eq!(fs::read_dir(&new).expect("listed").count(), 0);
}
