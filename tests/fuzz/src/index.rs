//! The index of the samples with one of its files replaced: `index.json`, or a column of a segment. Sizes, ends and
//! checksums in `index.json` are made to fit, so that a search reads what was put in.

use super::{Folder, kind, md5, sample};
use antiphon::index::{Index, remove, verify};
use antiphon::job::Progress;
use antiphon::midi::Midi;
use antiphon::pair;
use antiphon::search::{Keys, Query, SearchOptions, search};
use antiphon::synth::SoundFont;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Each file of the index, by its name.
static FILES: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let mut files = BTreeMap::new();
    let mut folders = vec![sample("index")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the samples").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path();
                let name = path.strip_prefix(sample("index")).expect("below").to_str().expect("a name").to_owned();
                files.insert(name, std::fs::read(&path).expect("the samples"));
            }
        }
    }
    files
});

static QUERY: LazyLock<Query> = LazyLock::new(|| {
    let folder = Folder::new();
    // Eight chords of half a second each.
    let mut track = Vec::new();
    for chord in 0..8_u8 {
        for third in [0, 4, 7] {
            track.extend([0, 0x90, 48 + 5 * chord % 12 + third, 90]);
        }
        for third in [0, 4, 7] {
            track.extend([if third == 0 { 96 } else { 0 }, 0x80, 48 + 5 * chord % 12 + third, 0]);
        }
    }
    track.extend([0, 0xff, 0x2f, 0]);
    let mut file = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk".to_vec();
    file.extend((track.len() as u32).to_be_bytes());
    file.extend(track);
    assert_eq!(Midi::parse(&file).expect("a MIDI file").notes().len(), 24);
    let font = SoundFont::bundled().expect("a font");
    let midi = pair::load_midi(&folder.put("query.mid", &file), &font, &Progress::silent()).expect("a MIDI file");
    Query::of_midi(&midi).expect("synthesised")
});

/// Column, segment (of five entries and of one), the name of what it counts, and the column of its ends.
const COLUMNS: [(&str, usize, &str, &str); 9] = [
    ("ids.bin", 0, "", ""),
    ("lines.u64", 0, "", ""),
    ("rows.u64", 0, "", ""),
    ("steps.u64", 0, "", ""),
    ("frames.u64", 0, "", ""),
    ("entries.jsonl", 1, "", "lines.u64"),
    ("embeddings.f16", 1, "embeddings", "rows.u64"),
    ("codes.u32", 1, "codes", "steps.u64"),
    ("levels.u8", 1, "frames", "frames.u64"),
];

/// `index.json` with its checksum.
fn sealed(mut document: Value) -> Vec<u8> {
    let zeros = "0".repeat(32);
    document["checksum"] = json!(zeros);
    let text = document.to_string();
    text.replacen(&zeros, &md5(&text), 1).into_bytes()
}

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let Some((what, rest)) = kind(bytes, 12) else { return };
    let mut files = FILES.clone();
    let mut document: Value = serde_json::from_slice(&files["index.json"]).expect("a sample");
    match what {
        0 => drop(files.insert("index.json".into(), rest.to_vec())),
        1 | 2 => {
            let Ok(mutated) = serde_json::from_slice::<Value>(rest) else { return };
            if mutated.is_object() {
                files.insert("index.json".into(), sealed(mutated));
            }
        }
        column => {
            let (name, segment, count, ends) = COLUMNS[usize::from(column) - 3];
            let record = &mut document["segments"][segment];
            let folder = format!("segments/{}/", record["name"].as_str().expect("a name"));
            let mut patch = |name: &str, bytes: &[u8]| {
                files.insert(format!("{folder}{name}"), bytes.to_vec());
                let list = record["files"].as_array_mut().expect("files");
                let file = list.iter_mut().find(|file| file["name"] == name).expect("every column");
                (file["bytes"], file["md5"]) = (json!(bytes.len()), json!(md5(bytes)));
            };
            patch(name, rest);
            let width = match name {
                "embeddings.f16" => 256,
                "codes.u32" => 4,
                "levels.u8" => 60,
                _ => 1,
            };
            let length = rest.len() as u64 / width;
            if !ends.is_empty() {
                patch(ends, &[0, length].map(u64::to_le_bytes).concat());
            }
            if !count.is_empty() {
                record[count] = json!(length);
            }
            files.insert("index.json".into(), sealed(document));
        }
    }
    for (name, bytes) in &files {
        folder.put(name, bytes);
    }
    let silent = Progress::silent();
    if let Ok(index) = Index::open(folder.path()) {
        for place in index.places() {
            drop(index.entry(place));
        }
        let options = SearchOptions { keys: Keys::Written, ..SearchOptions::default() };
        if let Ok(found) = search(&index, &QUERY, &options, &silent) {
            assert!(found.hits.len() <= options.top);
        }
    }
    drop(verify(folder.path(), &silent));
    if bytes[0] >= 128 {
        drop(remove(folder.path(), &["First Tune.mid".into(), "/nowhere".into()], &silent));
    }
}
