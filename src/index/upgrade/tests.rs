//! Codes and vectors of other models, from the levels that an index keeps.

use super::*;
use crate::embedding::EmbeddingModel;
use crate::features::WIDE_BINS;
use crate::hashing::Side;
use crate::index::tests::{add_all, begun, files, font, silent, synthetic, wav};
use crate::index::{EmbeddingKind, levels, remove, synthesize, writer};
use half::f16;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/samples/0.1.0/models").join(name)
}

/// Small models that no index here begins with.
fn others() -> (HashModel, Embedder) {
    let embedding = EmbeddingModel::load(&sample("embedding.safetensors")).expect("a model");
    (HashModel::load(&sample("hash.safetensors")).expect("a model"), Embedder::Model(Box::new(embedding)))
}

/// An index of two recordings and a MIDI file; a third recording was removed.
fn of_music(folder: &Path) -> PathBuf {
    let music = folder.join("music");
    fs::create_dir(&music).expect("a folder");
    // More than one window, so that the whole is a row of its own.
    for (name, seconds, pitch) in [("a.wav", 70.0, 0.0), ("b.wav", 3.0, 3.0), ("gone.wav", 2.0, 5.0)] {
        wav(&music.join(name), seconds, pitch);
    }
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/song.mid"), music.join("c.mid")).expect("copied");
    let index = begun(folder);
    assert_eq!(add_all(&index, &music).added, 4);
    assert_eq!(remove(&index, &[music.join("gone.wav")], &silent()).expect("removed").0, 1);
    index
}

/// An index of many entries of a second each, enough for several segments of an upgrade.
fn of_many(folder: &Path) -> PathBuf {
    let (index, other) = (begun(folder), folder.join("other"));
    synthesize(&other, 1200, None, 3, &silent()).expect("made");
    let from = Index::open(&other).expect("opens");
    let record = |place: usize| writer::Record {
        entry: from.entry(place).expect("whole"),
        embeddings: ndarray::Array2::from_elem((1, 96), place as f32),
        codes: from.codes(place)[..3].to_vec(),
        levels: (0..24 * WIDE_BINS).map(|at| ((at * 7 + at / WIDE_BINS * place) % 251) as u8).collect(),
    };
    let records: Vec<_> = (0..1200).map(record).collect();
    let mut writer = Writer::open(&index).expect("the lock");
    writer.write(&records, &[]).expect("written");
    writer.write(&[], &[("00000001".into(), 5)]).expect("written");
    index
}

/// What an entry is: its MD5, its line, its levels, its codes and its embeddings.
type Bytes = (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u32>, Vec<u16>);

fn entries(index: &Path) -> Vec<Bytes> {
    let opened = Index::open(index).expect("opens");
    let bytes = |place| {
        let (segment, entry) = opened.locate(place);
        let (id, line, levels) = (segment.id(entry), segment.line(entry), segment.levels(entry));
        (id.to_vec(), line.to_vec(), levels.to_vec(), segment.codes(entry).to_vec(), segment.halves(entry).to_vec())
    };
    opened.places().map(bytes).collect()
}

/// Every file of an index but the lock, with its content.
fn contents(index: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files(index).into_iter().map(|path| (path.clone(), fs::read(path).expect("read"))).collect()
}

/// A progress that cancels itself beyond that fraction.
fn cancelled_at(fraction: f32) -> Progress {
    let itself = Arc::new(OnceLock::<Progress>::new());
    let inside = Arc::clone(&itself);
    let progress = Progress::new(move || {
        if let Some(progress) = inside.get()
            && progress.fraction() > fraction
        {
            progress.cancel();
        }
    });
    itself.set(progress.clone()).expect("set once");
    progress
}

#[test]
fn codes_and_vectors_are_those_of_the_kept_levels_and_the_rest_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = of_music(folder.path());
    let (was, before) = (entries(&index), Index::open(&index).expect("opens"));
    let (hash, embedder) = others();
    let done = upgrade(&index, &hash, &embedder, &silent()).expect("upgraded");
    assert_eq!(done, Upgraded { entries: 3, codes: true, embeddings: true, resumed: 0, dropped: 1 });

    let (is, after) = (entries(&index), Index::open(&index).expect("opens"));
    assert_eq!((was.len(), is.len()), (3, 3));
    for ((was, is), place) in was.iter().zip(&is).zip(after.places()) {
        assert_eq!((&was.0, &was.1, &was.2), (&is.0, &is.1, &is.2));
        let analysis = after.analysis(place, after.entry(place).expect("whole").side).expect("levels");
        assert_eq!(is.3, analysis.codes(&hash, 0).expect("codes").codes());
        let rows: Vec<u16> =
            embedder.rows(&analysis, 0).into_iter().map(|value| f16::from_f32(value).to_bits()).collect();
        assert_eq!(is.4, rows);
        assert!(was.3 != is.3 && was.4 != is.4);
    }
    assert_eq!(is[0].4.len(), 128 * 4, "three windows and the whole");
    assert_eq!((after.hash_record().bits, after.embedding_record().kind), (16, EmbeddingKind::Model));
    assert_eq!((after.parameters(), after.counts().removed), (before.parameters(), 0));
    assert_eq!(verify(&index, &silent()).expect("read"), []);
    // Nothing of the old is left: `index.json`, two models, a segment.
    assert_eq!(files(&index).len(), 1 + 2 + 9, "{:?}", files(&index));
    // Who has the old one open goes on with it.
    let query = Embedder::Statistics.rows(&before.analysis(1, Side::Audio).expect("levels"), 0);
    let own = before.embedding_distances(query.view(), &silent()).expect("distances");
    assert!(own[1] < 1e-2 && own[0] > own[1], "{own:?}");

    let contents_before = contents(&index);
    fs::create_dir(index.join("segments/00000001")).expect("a folder");
    fs::write(index.join("segments/00000001/codes.u32"), "old").expect("written");
    fs::write(index.join("upgrade.json"), "{").expect("written");
    let again = upgrade(&index, &hash, &embedder, &silent()).expect("nothing to do");
    assert_eq!(again, Upgraded { entries: 3, ..Upgraded::default() });
    assert_eq!(contents(&index), contents_before);
    // It grows with its new models.
    wav(&folder.path().join("music/d.wav"), 4.0, 1.0);
    assert_eq!(add_all(&index, &folder.path().join("music")).added, 2);
    assert_eq!(verify(&index, &silent()).expect("read"), []);
}

#[test]
fn what_is_by_the_same_model_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = of_music(folder.path());
    let (first, (hash, embedder)) = (entries(&index), others());
    let done = upgrade(&index, &HashModel::bundled().expect("a model"), &embedder, &silent()).expect("upgraded");
    assert!(done.embeddings && !done.codes);
    let second = entries(&index);
    assert!(first.iter().zip(&second).all(|(was, is)| was.3 == is.3 && was.4 != is.4));
    let done = upgrade(&index, &hash, &embedder, &silent()).expect("upgraded");
    assert!(done.codes && !done.embeddings);
    assert!(second.iter().zip(&entries(&index)).all(|(was, is)| was.3 != is.3 && was.4 == is.4));
    // Rows of another length.
    let done = upgrade(&index, &hash, &Embedder::Statistics, &silent()).expect("upgraded");
    assert!(done.embeddings && !done.codes);
    assert_eq!(entries(&index)[0].4.len(), 96 * 4);
    assert_eq!(verify(&index, &silent()).expect("read"), []);
}

#[test]
fn a_stopped_upgrade_goes_on_and_ends_as_an_undisturbed_one() {
    let (folder, undisturbed) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (index, other) = (of_many(folder.path()), of_many(undisturbed.path()));
    let (hash, embedder) = others();
    upgrade(&other, &hash, &embedder, &silent()).expect("upgraded");
    let (expected, before) = (entries(&other), contents(&index));

    let stop = |fraction| match upgrade(&index, &hash, &embedder, &cancelled_at(fraction)) {
        Err(Error::Cancelled) => {}
        other => panic!("{other:?}"),
    };
    stop(0.6);
    let now = contents(&index);
    assert!(before.iter().all(|file| now.contains(file)), "a file of the index has changed");
    assert!(index.join("upgrade.json").exists());
    assert_eq!(verify(&index, &silent()).expect("read"), []);
    // Killed in the middle of a segment and of a model.
    fs::create_dir(index.join("segments/00000099.part")).expect("a folder");
    let model = index.join("models/0123456789abcdef0123456789abcdef.safetensors.77.part");
    fs::write(&model, "half").expect("written");
    stop(0.9);
    let done = upgrade(&index, &hash, &embedder, &silent()).expect("upgraded");
    assert!(done.resumed > 900 && done.resumed < done.entries, "{done:?}");
    assert_eq!((done.entries, done.dropped), (1199, 1));
    assert!(entries(&index) == expected, "another end");
    assert!(!model.exists() && !index.join("upgrade.json").exists());
    assert_eq!(fs::read_dir(index.join("models")).expect("listed").count(), 2);
    let segments = Index::open(&index).expect("opens").segment_count();
    assert_eq!(fs::read_dir(index.join("segments")).expect("listed").count(), segments);
    assert_eq!(verify(&index, &silent()).expect("read"), []);
}

#[test]
fn another_writer_sweeps_a_stopped_upgrade_and_other_models_begin_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = of_many(folder.path());
    let (hash, embedder) = others();
    let before = contents(&index);
    let stop = || {
        let stopped = upgrade(&index, &hash, &embedder, &cancelled_at(0.6));
        assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
    };
    stop();
    drop(Writer::open(&index).expect("the lock"));
    assert_eq!(contents(&index), before);

    stop();
    let done = upgrade(&index, &hash, &Embedder::Statistics, &silent()).expect("upgraded");
    assert_eq!((done.resumed, done.codes, done.embeddings), (0, true, false));
    assert_eq!(fs::read_dir(index.join("models")).expect("listed").count(), 1);

    // What can't be read, or lists what isn't there, is not gone on with.
    let stop = || {
        let stopped = upgrade(&index, &hash, &embedder, &cancelled_at(0.6));
        assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
        index.join("upgrade.json")
    };
    fs::write(stop(), "{").expect("written");
    let unfinished = fs::read_to_string(stop()).expect("read");
    let name = Manifest::read_file(&index.join("upgrade.json")).expect("whole").segments[0].name.clone();
    assert!(unfinished.contains("upgrade_of"));
    fs::remove_dir_all(index.join("segments").join(name)).expect("removed");
    assert_eq!(upgrade(&index, &hash, &embedder, &silent()).expect("upgraded").resumed, 0);
    assert_eq!(verify(&index, &silent()).expect("read"), []);
}

#[test]
fn damage_is_named_and_nothing_is_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = of_music(folder.path());
    let (hash, embedder) = others();
    let refused = || match upgrade(&index, &hash, &embedder, &silent()) {
        Err(Error::Index { reason, path }) => (reason, path),
        other => panic!("{other:?}"),
    };
    for file in files(&index).into_iter().filter(|file| !file.ends_with("index.json")) {
        let whole = fs::read(&file).expect("read");
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 4;
        fs::write(&file, &damaged).expect("written");
        let before = contents(&index);
        let (reason, path) = refused();
        assert!(reason.starts_with("damaged: ") && path == file, "{reason}: {path:?}, not {file:?}");
        assert_eq!(contents(&index), before);
        fs::write(&file, &whole).expect("written");
    }
    let lock = Writer::open(&index).expect("the lock");
    assert!(refused().0.contains("another process"));
    drop(lock);
    let manifest = index.join("index.json");
    let text = fs::read_to_string(&manifest).expect("read");
    fs::write(&manifest, text.replace("index/2", "index/1")).expect("written");
    assert_eq!(refused(), ("its format is \"index/1\", \"index/2\" is read".into(), manifest));
}

#[test]
fn an_index_without_levels_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = synthetic(folder.path(), 5);
    let (hash, embedder) = others();
    let message = upgrade(&index, &hash, &embedder, &silent()).expect_err("no levels").to_string();
    assert!(message.contains("5 of 5 entries have no features to make codes and vectors from"), "{message}");
    assert_eq!(Index::open(&index).expect("opens").counts().entries, 5);
}

/// The README says how much.
#[test]
fn codes_of_levels_are_nearly_those_of_the_sound() {
    let hash = HashModel::bundled().expect("a model");
    let embedder = Embedder::standard().expect("a model");
    for name in ["song.mid", "recording-1.ogg", "recording-2.ogg", "recording-3.ogg"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo").join(name);
        let sound = Analysis::of(&path, &font(), &silent()).expect("decodes");
        let kept = Analysis::from_levels(sound.side(), &levels::to_bytes(sound.log.rows().view()));
        let [a, b] = [&sound, &kept].map(|analysis| analysis.codes(&hash, 0).expect("codes"));
        let different: u32 = a.codes().iter().zip(b.codes()).map(|(a, b)| (a ^ b).count_ones()).sum();
        let share = f64::from(different) / (a.len() as f64 * f64::from(a.bits()));
        let [a, b] = [&sound, &kept].map(|analysis| embedder.rows(analysis, 0));
        let apart = (&a - &b).rows().into_iter().map(|row| row.dot(&row).sqrt()).fold(0.0, f32::max);
        assert!(share < 0.004 && apart < 0.004, "{name}: {share}, {apart}");
    }
}
