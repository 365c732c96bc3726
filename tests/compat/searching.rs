//! An index, the hits found in it, and a collection matched against it.

use super::{FIRST, FOURTH, RECORDING, SECOND, THIRD, TOO_SHORT, copied, json, sample, silent, stays};
use antiphon::embedding::EmbeddingModel;
use antiphon::hashing::{HashModel, Side};
use antiphon::index::{Catalogue, Embedder, EmbeddingKind, Index, Kinds, Sources, add, begin, upgrade, verify};
use antiphon::search::{self, Keys, Query, SearchOptions};
use antiphon::synth::SoundFont;
use std::path::Path;

fn font() -> SoundFont {
    SoundFont::bundled().unwrap()
}

fn same_name(path: &Path, name: &str) -> bool {
    path.file_name() == Path::new(name).file_name()
}

#[test]
fn an_index_of_0_1_0_is_whole_and_knows_its_entries() {
    let index = Index::open(&sample("index")).unwrap();
    let counts = index.counts();
    assert_eq!((counts.entries, counts.removed, index.segment_count()), (5, 1, 2));
    // 27 codes for ten seconds, 32 of the recording, 162 of the minute; 5 of the removed entry.
    assert_eq!((counts.embeddings, counts.codes, counts.frames), (6, 281, 2238));
    let parameters = index.parameters();
    assert_eq!((parameters.sample_rate, parameters.hop, parameters.first_note), (22_050, 1024, 30));
    assert_eq!((index.hash_record().bits, index.hash_record().downsampling), (16, 8));
    let embedding = index.embedding_record();
    assert_eq!((embedding.kind, embedding.dimension), (EmbeddingKind::Model, 128));
    assert_eq!(index.hash_model().architecture().name, "tiny");

    let entries: Vec<_> = index.places().map(|place| index.entry(place).unwrap()).collect();
    for (entry, name) in entries.iter().zip([FIRST, RECORDING, SECOND, THIRD, FOURTH]) {
        assert!(same_name(&entry.path, name), "{entry:?}");
        assert_eq!(entry.bytes, std::fs::metadata(sample(name)).unwrap().len());
        let side = if name == RECORDING { Side::Audio } else { Side::Midi };
        assert_eq!((entry.side, entry.md5.len(), entry.modified_ns.is_some()), (side, 32, true));
    }
    let (recording, about) = (&entries[1], &entries[1].about);
    assert_eq!((recording.id(), recording.seconds), ("TRABCDE128F4272969", 11.8));
    let words = [&about.artist, &about.release, &about.title, &about.audio_md5].map(|text| text.as_deref().unwrap());
    assert_eq!(words, ["Ann Other", "Tunes", "First Tune", "8"]);
    assert_eq!((about.duration, about.sample_rate), (Some(201.5), Some(22_050.0)));
    assert_eq!((about.seven_digital_id, about.year), (Some(26), Some(1981)));
    assert_eq!(entries[2].about.title.as_deref(), Some("Second Tune"));

    assert_eq!(verify(&sample("index"), &silent()).unwrap(), Vec::new());
}

#[test]
fn what_an_index_of_0_1_0_holds_is_found_in_it() {
    let index = Index::open(&sample("index")).unwrap();
    let options = SearchOptions { keys: Keys::Written, ..SearchOptions::default() };
    for name in [THIRD, RECORDING] {
        let query = Query::open(&sample(name), &font(), &silent()).unwrap();
        let found = search::search(&index, &query, &options, &silent()).unwrap();
        let (first, second) = (&found.hits[0], &found.hits[1]);
        assert!(same_name(&first.entry.path, name), "{found:?}");
        assert!(first.confidence > second.confidence && first.score < second.score, "{found:?}");
        if name == THIRD {
            assert!(first.confidence > Some(0.9), "{found:?}");
            let now = found.document(&sample(name));
            assert_eq!(now["format"], "search/1");
            stays(&json(&sample("queue/search.json")), &now, "search/1");
        }
    }
}

#[test]
fn an_index_of_0_1_0_grows_without_being_built_again() {
    let (_folder, folder) = copied("index");
    let catalogue = Some(Catalogue::read(&sample("catalogue/catalogue.jsonl")).unwrap());
    let kinds = Kinds::Both;
    let sources = Sources { paths: vec![sample("music")], catalogue, kinds, ..Sources::default() };
    let added = add(&folder, &sources, &font(), &silent()).unwrap();
    // Files that were moved are recognised by their contents; the removed one is new.
    assert_eq!((added.added, added.renamed, added.kept, added.skipped.len()), (1, 5, 0, 0), "{added:?}");
    let index = Index::open(&folder).unwrap();
    let mut paths: Vec<_> = index.places().map(|place| index.entry(place).unwrap().path).collect();
    paths.sort();
    assert_eq!(paths, [FIRST, RECORDING, FOURTH, SECOND, THIRD, TOO_SHORT].map(sample));
    assert_eq!(verify(&folder, &silent()).unwrap(), Vec::new());
    let again = add(&folder, &sources, &font(), &silent()).unwrap();
    assert_eq!((again.added, again.renamed, again.kept), (0, 0, 6), "{again:?}");
}

#[test]
fn an_index_of_0_1_0_gets_the_models_of_today_without_its_files() {
    let (_folder, folder) = copied("index");
    let paths = |index: &Index| index.places().map(|place| index.entry(place).unwrap()).collect::<Vec<_>>();
    let before = paths(&Index::open(&folder).unwrap());
    let (hash, embedder) = (HashModel::bundled().unwrap(), Embedder::standard().unwrap());
    let done = upgrade(&folder, &hash, &embedder, &silent()).unwrap();
    assert_eq!((done.entries, done.codes, done.embeddings, done.dropped), (5, true, true, 1));
    let index = Index::open(&folder).unwrap();
    assert_eq!((paths(&index), index.hash_record().bits), (before, 32));
    assert_eq!(verify(&folder, &silent()).unwrap(), Vec::new());
    let query = Query::open(&sample(THIRD), &font(), &silent()).unwrap();
    let options = SearchOptions { keys: Keys::Written, ..SearchOptions::default() };
    let found = search::search(&index, &query, &options, &silent()).unwrap();
    assert!(same_name(&found.hits[0].entry.path, THIRD) && found.hits[0].confidence > Some(0.9), "{found:?}");
}

#[test]
fn an_index_of_0_1_0_is_gone_on_with_by_the_command_that_began_it() {
    let hash = HashModel::load(&sample("models/hash.safetensors")).unwrap();
    let embedding = EmbeddingModel::load(&sample("models/embedding.safetensors")).unwrap();
    let (_folder, folder) = copied("index");
    begin(&folder, &hash, &Embedder::Model(Box::new(embedding)), &font()).unwrap();
    let other = begin(&folder, &hash, &Embedder::Statistics, &font()).unwrap_err();
    assert!(other.to_string().contains("another embedding"), "{other}");
}

#[test]
fn matches_of_0_1_0_are_put_together_as_they_were() {
    let (folder, matches) = copied("match");
    let out = folder.path().join("merged");
    let summary = search::merge(&[matches], &out).unwrap();
    assert_eq!((summary.searched, summary.matched, summary.pairs, summary.entries), (2, 1, 1, 1));
    let reasons: Vec<_> = summary.skipped.values().collect();
    assert!(reasons.len() == 1 && reasons[0].starts_with("can't decode audio"), "{reasons:?}");
    assert_eq!(json(&out.join("match_scores.json")), json(&sample("match/match_scores.json")));
    let (was, is) = (json(&sample("match/report.json")), json(&out.join("report.json")));
    stays(&was, &is, "match/1");
    assert_eq!(is["summary"], was["summary"]);
}
