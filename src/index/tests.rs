//! An index from its creation to its damage.

use super::writer::Writer;
use super::*;
use crate::features::WIDE_BINS;
use crate::hashing::Side;
use crate::job::Progress;
use crate::synth::SoundFont;
use std::fs;

pub(super) fn silent() -> Progress {
    Progress::silent()
}

pub(super) fn font() -> SoundFont {
    SoundFont::bundled().expect("the bundled font")
}

/// A few seconds of two alternating tones.
pub(super) fn wav(path: &Path, seconds: f64, pitch: f64) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22_050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("a file");
    for i in 0..(seconds * 22_050.0) as usize {
        let t = i as f64 / 22_050.0;
        let tone = 2.0_f64.powf((pitch + f64::from((t * 2.0) as u32 % 5) * 2.0) / 12.0) * 220.0;
        writer.write_sample((8000.0 * (t * tone * std::f64::consts::TAU).sin()) as i16).expect("written");
    }
    writer.finalize().expect("written");
}

pub(super) fn begun(folder: &Path) -> PathBuf {
    let index = folder.join("index");
    create(&index, &HashModel::bundled().expect("a model"), &Embedder::Statistics, &font()).expect("created");
    index
}

pub(super) fn add_all(index: &Path, music: &Path) -> Added {
    let sources = Sources { paths: vec![music.to_path_buf()], kinds: Kinds::Both, ..Sources::default() };
    add(index, &sources, &font(), &silent()).expect("added")
}

pub(super) fn synthetic(folder: &Path, entries: usize) -> PathBuf {
    let index = folder.join("synthetic");
    synthesize(&index, entries, None, 1, &silent()).expect("made");
    index
}

/// Every file of an index but the lock.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    walk.filter(|f| f.file_type().is_file() && f.file_name() != "lock").map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn files_are_added_kept_replaced_renamed_and_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let music = folder.path().join("music");
    fs::create_dir(&music).expect("a folder");
    wav(&music.join("a.wav"), 6.0, 0.0);
    wav(&music.join("b.wav"), 3.0, 3.0);
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/song.mid"), music.join("c.mid")).expect("copied");
    fs::copy(music.join("a.wav"), music.join("z.wav")).expect("copied");
    fs::write(music.join("broken.mp3"), [0x55; 999]).expect("written");
    fs::write(music.join("notes.txt"), "not music").expect("written");
    let index = begun(folder.path());
    let first = add_all(&index, &music);
    assert_eq!((first.added, first.copies, first.skipped.len()), (3, 1, 1), "{first:?}");
    assert!(first.skipped[0].0.ends_with("broken.mp3"));
    let opened = Index::open(&index).expect("opens");
    assert_eq!(opened.counts().entries, 3);
    let entries: Vec<Entry> = opened.places().map(|place| opened.entry(place).expect("whole")).collect();
    assert_eq!(entries.iter().map(|e| e.side).collect::<Vec<_>>(), [Side::Audio, Side::Audio, Side::Midi]);
    assert!((entries[0].seconds - 6.0).abs() < 0.01);
    let again = Analysis::of(&music.join("a.wav"), &font(), &silent()).expect("decodes");
    assert_eq!(opened.codes(0), again.codes(opened.hash_model(), 0).expect("codes").codes());
    let levels = opened.analysis(0, Side::Audio).expect("levels");
    assert_eq!(levels.log.rows().dim(), again.log.rows().dim());
    let own = opened.embedding_distances(Embedder::Statistics.rows(&again, 0).view(), &silent()).expect("distances");
    assert!(own[0] < 1e-4 && own[1] > own[0] && own[2] > own[0], "{own:?}");

    let second = add_all(&index, &music);
    assert_eq!((second.added, second.kept, second.copies, second.renamed), (0, 3, 1, 0), "{second:?}");
    wav(&music.join("b.wav"), 3.5, 3.0);
    fs::rename(music.join("c.mid"), music.join("d.mid")).expect("renamed");
    let third = add_all(&index, &music);
    assert_eq!((third.added, third.replaced, third.kept, third.renamed), (1, 1, 1, 1), "{third:?}");
    let now = Index::open(&index).expect("opens");
    assert_eq!(now.counts().entries, 3);
    let names: Vec<PathBuf> = now.places().map(|place| now.entry(place).expect("whole").path).collect();
    assert!(names.iter().any(|name| name.ends_with("d.mid")) && !names.iter().any(|name| name.ends_with("c.mid")));
    assert!(verify(&index, &silent()).expect("read").is_empty());

    let (removed, missing) = remove(&index, &[music.join("a.wav"), "nothing".into()], &silent()).expect("removed");
    assert_eq!((removed, missing), (1, vec![PathBuf::from("nothing")]));
    assert_eq!(remove(&index, std::slice::from_ref(&music), &silent()).expect("removed").0, 2);
    assert_eq!(Index::open(&index).expect("opens").places().count(), 0);
    // The index opened earlier is still complete.
    assert_eq!(opened.entry(0).expect("whole"), entries[0]);
    assert!(verify(&index, &silent()).expect("read").is_empty());
}

#[test]
fn midi_files_beside_recordings_are_added_only_on_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let (index, music) = (begun(folder.path()), folder.path().join("music"));
    fs::create_dir(&music).expect("a folder");
    wav(&music.join("song.wav"), 2.0, 0.0);
    let midi = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x0c\0\x90\x3c\x40\x83\x60\x3c\0\0\xff\x2f\0";
    fs::write(music.join("song.mid"), midi).expect("written");
    let add = |paths: &[PathBuf], kinds| {
        let sources = Sources { paths: paths.to_vec(), kinds, ..Sources::default() };
        let added = add(&index, &sources, &font(), &silent()).expect("added");
        (added.added, added.kept, added.other_kind)
    };
    let all = std::slice::from_ref(&music);
    assert_eq!(add(all, Kinds::RecordingsFirst), (1, 0, 1));
    assert_eq!(add(all, Kinds::Recordings), (0, 1, 1));
    // A file that is named is asked for.
    assert_eq!(add(&[music.clone(), music.join("song.mid")], Kinds::Recordings), (1, 1, 0));
    assert_eq!(add(all, Kinds::Midi), (0, 1, 1));
    assert_eq!(add(all, Kinds::Both), (0, 2, 0));
    // An index that has MIDI files goes on with them.
    assert_eq!(add(all, Kinds::RecordingsFirst), (0, 2, 0));
}

#[test]
fn a_catalogue_says_what_files_are() {
    let folder = tempfile::tempdir().expect("a folder");
    wav(&folder.path().join("x.wav"), 2.0, 0.0);
    let list = folder.path().join("list.jsonl");
    fs::write(&list, r#"{"path": "x.wav", "artist": "A", "id": "TRAAAAA128F0000000"}"#).expect("written");
    let index = begun(folder.path());
    let sources = || Sources { catalogue: Some(Catalogue::read(&list).expect("valid")), ..Sources::default() };
    assert_eq!(add(&index, &sources(), &font(), &silent()).expect("added").added, 1);
    assert_eq!(Index::open(&index).expect("opens").entry(0).expect("whole").id(), "TRAAAAA128F0000000");
    fs::write(&list, r#"{"path": "x.wav", "title": "T", "id": "TRAAAAA128F0000001"}"#).expect("written");
    assert_eq!(add(&index, &sources(), &font(), &silent()).expect("added").renamed, 1);
    let opened = Index::open(&index).expect("opens");
    let entry = opened.entry(opened.places().next().expect("one")).expect("whole");
    assert_eq!((entry.id(), entry.about.artist.as_deref()), ("TRAAAAA128F0000001", Some("A")));
    let (removed, _) = remove(&index, &["TRAAAAA128F0000001".into()], &silent()).expect("removed");
    assert_eq!(removed, 1);
}

#[test]
fn what_a_killed_writer_left_is_swept_and_a_cancelled_one_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let music = folder.path().join("music");
    fs::create_dir(&music).expect("a folder");
    wav(&music.join("a.wav"), 2.0, 0.0);
    let index = begun(folder.path());
    let segments = index.join("segments");
    for left in ["00000001.part", "00000001", "00000009"] {
        fs::create_dir(segments.join(left)).expect("a folder");
        fs::write(segments.join(left).join("codes.u32"), [1, 2, 3]).expect("written");
    }
    fs::write(index.join("index.json.77.part"), "{").expect("written");
    let cancelled = Progress::silent();
    cancelled.cancel();
    let sources = Sources { paths: vec![music.clone()], ..Sources::default() };
    assert!(matches!(add(&index, &sources, &font(), &cancelled), Err(Error::Cancelled)));
    assert_eq!(fs::read_dir(&segments).expect("listed").count(), 0);
    assert_eq!(add_all(&index, &music).added, 1);
    assert!(verify(&index, &silent()).expect("read").is_empty());
}

#[test]
fn one_writes_and_others_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = synthetic(folder.path(), 40);
    let writer = Writer::open(&index).expect("the lock");
    let message = Writer::open(&index).expect_err("taken").to_string();
    assert!(message.contains("another process"), "{message}");
    assert_eq!(Index::open(&index).expect("opens").counts().entries, 40);
    drop(writer);
    assert!(Writer::open(&index).is_ok());
    let before = Index::open(&index).expect("opens");
    let line = before.entry(39).expect("whole");
    let names: Vec<PathBuf> = (0..30).map(|place| before.entry(place).expect("whole").md5.into()).collect();
    assert_eq!(remove(&index, &names, &silent()).expect("removed").0, 30);
    let after = Index::open(&index).expect("opens");
    // More than a quarter is gone, so it was rewritten; the old one is still mapped.
    assert_eq!((after.counts().entries, after.counts().removed, after.places().count()), (10, 0, 10));
    assert_eq!(after.entry(9).expect("whole"), line);
    assert_eq!(before.entry(39).expect("whole"), line);
    assert_eq!(after.codes(9), before.codes(39));
}

#[test]
fn small_segments_are_merged() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = synthetic(folder.path(), 0);
    let other = folder.path().join("other");
    synthesize(&other, 20, None, 3, &silent()).expect("made");
    let from = Index::open(&other).expect("opens");
    let mut writer = Writer::open(&index).expect("the lock");
    for place in 0..20 {
        let entry = from.entry(place).expect("whole");
        let embeddings = ndarray::Array2::from_elem((1, 128), place as f32);
        let codes = from.codes(place).to_vec();
        let record = writer::Record { entry, embeddings, codes, levels: vec![7; WIDE_BINS * place] };
        writer.write(&[record], &[]).expect("written");
    }
    assert_eq!(Index::open(&index).expect("opens").segment_count(), 20);
    writer.remove(&[("00000003".into(), 0)]);
    writer.compact(&silent()).expect("merged");
    let merged = Index::open(&index).expect("opens");
    assert_eq!((merged.segment_count(), merged.counts().entries), (1, 19));
    let (last, before) = (merged.entry(18).expect("whole"), from.entry(19).expect("whole"));
    assert_eq!((last, merged.codes(18)), (before, from.codes(19)));
    assert_eq!(merged.analysis(18, Side::Audio).expect("levels").log.frames(), 19);
    assert!(verify(&index, &silent()).expect("read").is_empty());
}

#[test]
fn an_entry_is_as_far_as_its_whole_and_its_nearest_window() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = synthetic(folder.path(), 0);
    let other = folder.path().join("other");
    synthesize(&other, 4, None, 3, &silent()).expect("made");
    let from = Index::open(&other).expect("opens");
    // Entries of zero, one and two windows: the last row of several is the whole.
    let rows =
        |values: &[f32]| ndarray::Array2::from_shape_fn((values.len(), 128), |(row, _)| values[row] / 128_f32.sqrt());
    let records = [vec![], vec![3.0], vec![0.0, 5.0, 2.0], vec![-1.0, 7.0, 9.0]];
    let records: Vec<writer::Record> = records
        .iter()
        .enumerate()
        .map(|(place, values)| writer::Record {
            entry: from.entry(place).expect("whole"),
            embeddings: rows(values),
            codes: from.codes(place).to_vec(),
            levels: Vec::new(),
        })
        .collect();
    Writer::open(&index).expect("the lock").write(&records, &[]).expect("written");
    let opened = Index::open(&index).expect("opens");
    let distances = |query: &[f32]| opened.embedding_distances(rows(query).view(), &silent()).expect("not cancelled");
    let near = |got: &[f32], expected: &[f32]| got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.02 * b.max(1.0));
    let one = distances(&[4.0]);
    assert!(
        one[0].is_infinite() && near(&one[1..], &[1.0, f32::midpoint(4.0, 1.0), f32::midpoint(25.0, 9.0)]),
        "{one:?}"
    );
    let three = distances(&[4.0, 6.0, 1.0]);
    let expected = [f32::midpoint(4.0, 1.0), f32::midpoint(1.0, 1.0), f32::midpoint(64.0, 1.0)];
    assert!(three[0].is_infinite() && near(&three[1..], &expected), "{three:?}");
}

#[test]
fn the_same_seed_makes_the_same_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    for index in [&a, &b] {
        synthesize(index, 50, None, 9, &silent()).expect("made");
    }
    for (one, other) in files(&a).iter().zip(files(&b)) {
        assert_eq!(fs::read(one).expect("read"), fs::read(&other).expect("read"), "{other:?}");
    }
    let opened = Index::open(&a).expect("opens");
    assert!(opened.places().all(|place| (81..=160).contains(&opened.codes(place).len())));
    // Four minutes, a fifth more or less: a vector for each window of 45 s, then the whole.
    let songs = folder.path().join("songs");
    synthesize(&songs, 20, Some(240.0), 9, &silent()).expect("made");
    let opened = Index::open(&songs).expect("opens");
    for place in opened.places() {
        assert!((517..=776).contains(&opened.codes(place).len()), "{}", opened.codes(place).len());
        let (segment, entry) = opened.locate(place);
        assert!((8..=13).contains(&segment.rows(entry).len()), "{}", segment.rows(entry).len());
    }
}

#[test]
fn a_file_cut_short_is_refused_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = synthetic(folder.path(), 12);
    for file in files(&index) {
        let whole = fs::read(&file).expect("read");
        for length in [0, 1, 7, whole.len() / 2, whole.len().saturating_sub(1)] {
            if length < whole.len() {
                fs::write(&file, &whole[..length]).expect("written");
                assert!(Index::open(&index).is_err(), "{file:?} of {length} bytes");
                if !file.ends_with("index.json") {
                    let faults = verify(&index, &silent()).expect("index.json is whole");
                    assert!(faults.iter().any(|fault| fault.path == file), "{file:?}: {faults:?}");
                }
            }
        }
        fs::remove_file(&file).expect("removed");
        assert!(Index::open(&index).is_err(), "{file:?} missing");
        fs::write(&file, [whole.as_slice(), b"\0"].concat()).expect("written");
        assert!(Index::open(&index).is_err(), "{file:?} longer");
        fs::write(&file, whole).expect("written");
    }
    assert!(Index::open(&index).is_ok());
}

#[test]
fn a_flipped_byte_is_named_and_nothing_panics() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = synthetic(folder.path(), 6);
    let query = ndarray::Array2::zeros((1, 128));
    for file in files(&index) {
        let whole = fs::read(&file).expect("read");
        let step = if file.starts_with(index.join("models")) { whole.len() / 7 } else { (whole.len() / 40).max(1) };
        for at in (0..whole.len()).step_by(step) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x81;
            fs::write(&file, &damaged).expect("written");
            let opened = Index::open(&index);
            if file.ends_with("index.json") {
                assert!(opened.is_err(), "byte {at} of {file:?}");
                continue;
            }
            if let Ok(opened) = opened {
                for place in opened.places() {
                    drop(opened.entry(place));
                    assert!(opened.codes(place).len() < 1000);
                }
                opened.embedding_distances(query.view(), &silent()).expect("not cancelled");
            }
        }
        if !file.ends_with("index.json") && !whole.is_empty() {
            let faults = verify(&index, &silent()).expect("index.json is whole");
            assert!(faults.iter().any(|fault| fault.path == file), "{file:?}: {faults:?}");
        }
        fs::write(&file, whole).expect("written");
    }
}

#[test]
fn a_newer_index_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = synthetic(folder.path(), 1);
    let path = index.join("index.json");
    let text = fs::read_to_string(&path).expect("read");
    fs::write(&path, text.replace("index/2", "index/3")).expect("written");
    let message = Index::open(&index).expect_err("newer").to_string();
    assert!(message.contains("\"index/3\", \"index/2\" is read"), "{message}");
    let missing = Index::open(&folder.path().join("nothing")).expect_err("missing").to_string();
    assert!(missing.starts_with("can't open"), "{missing}");
}

#[test]
fn another_soundfont_or_model_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = begun(folder.path());
    let again = create(&index, &HashModel::bundled().expect("a model"), &Embedder::Statistics, &font());
    assert!(matches!(again, Err(Error::Index { .. })));
    let mut architecture = crate::hashing::Architecture::antiphon();
    architecture.midi_input = crate::hashing::MidiFeatures::PianoRoll;
    let roll = HashModel::new(architecture, 0).expect("a model");
    let refused = create(&folder.path().join("other"), &roll, &Embedder::Statistics, &font());
    assert!(matches!(refused, Err(Error::Limit { .. })));
}
