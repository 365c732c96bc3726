//! Collected and aligned pairs.

use super::{FIRST, RECORDING, copied, json, json_lines, sample, silent, stays};
use antiphon::alignment::Preset;
use antiphon::alignment::warp::TimeMap;
use antiphon::audio::{AudioTime, Keep};
use antiphon::collect::{Collecting, collect};
use antiphon::dataset::{self, Font, Recordings, Split};
use antiphon::export::{self, Seconds};
use antiphon::midi::{Midi, MidiTime};
use antiphon::pair;
use antiphon::synth::SoundFont;
use serde_json::Value;
use std::path::{Path, PathBuf};

#[test]
fn what_0_1_0_has_aligned_is_not_aligned_again_by_a_collection() {
    let (_folder, collected) = copied("collect");
    let list = collected.join("pairs.jsonl");
    let font = SoundFont::bundled().unwrap();
    let what = Collecting {
        midi: vec![sample(FIRST)],
        audio: vec![sample(RECORDING)],
        catalogue: Some(sample("catalogue/catalogue.csv")),
        text_score: 0.0,
        by_title: 0,
        seed: 3,
        font: &font,
    };
    let found = collect(&what, &list, &silent()).unwrap();
    assert_eq!((found.aligned_now, found.funnel.accepted, found.skipped.len()), (0, 1, 0), "{found:?}");
    assert_eq!(found.splits[&Split::Valid], (1, 1));
    // Everything but the location of the files, which is relative to the list.
    let lines = |path: &Path| {
        let mut lines = json_lines(path);
        for line in &mut lines {
            (line["midi"], line["audio"]) = (Value::Null, Value::Null);
        }
        lines
    };
    assert_eq!(lines(&list), lines(&sample("collect/pairs.jsonl")));
}

#[test]
fn pairs_collected_by_0_1_0_become_a_data_set_with_their_split() {
    let folder = tempfile::tempdir().unwrap();
    let what = Recordings {
        sources: vec![sample("collect/pairs.jsonl")],
        hold_out: Vec::new(),
        midi_font: Font::open(None).unwrap(),
        split: None,
        seed: 4,
    };
    let made = dataset::align(&what, folder.path(), &silent()).unwrap();
    assert_eq!((made.made, made.skipped.len()), (1, 0), "{made:?}");
    assert_eq!(made.dataset.works(Split::Valid).count(), 1);
}

#[test]
fn an_alignment_of_0_1_0_is_a_map_that_its_table_and_its_midi_file_agree_with() {
    let was = json(&sample("alignment/alignment.json"));
    let files = export::pair_of(&sample("alignment/alignment.json")).unwrap();
    let canonical = |path: PathBuf| path.canonicalize().unwrap();
    assert_eq!(files.map(canonical), [FIRST, RECORDING].map(|name| canonical(sample(name))));
    assert_eq!((&was["accepted"], &was["transpose"]), (&true.into(), &0.into()));
    let path: Vec<[f64; 2]> = serde_json::from_value(was["path"].clone()).unwrap();
    let map = TimeMap::new(path.iter().map(|k| (MidiTime(k[0]), AudioTime(k[1])))).unwrap();
    // The recording begins half a second late and is a tenth slower.
    assert!((map.to_audio(MidiTime(5.0)).0 - 6.0).abs() < 0.05);
    let spans = [&was["span"]["midi"], &was["span"]["audio"]].map(|span| [&span[0], &span[1]].map(Value::as_f64));
    let (first, last) = (path[0], path[path.len() - 1]);
    assert_eq!(spans, [[Some(first[0]), Some(last[0])], [Some(first[1]), Some(last[1])]]);

    let table = std::fs::read_to_string(sample("alignment/alignment.csv")).unwrap();
    let mut rows = table.lines();
    assert_eq!(rows.next(), Some("audio_s,midi_s,cost"));
    let rows: Vec<Vec<f64>> = rows.map(|row| row.split(',').map(|field| field.parse().unwrap()).collect()).collect();
    assert_eq!(rows.len(), path.len());
    for (row, [midi_s, audio_s]) in rows.iter().zip(&path) {
        assert!((row[0] - audio_s).abs() < 1e-6 && (row[1] - midi_s).abs() < 1e-6, "{row:?}");
    }
    let aligned = Midi::read(&sample("alignment/aligned.mid")).unwrap();
    let original = Midi::read(&sample(FIRST)).unwrap();
    assert_eq!(aligned.notes().len(), original.notes().len());
    assert!((aligned.notes()[0].start.0 - first[1]).abs() < 0.01);
}

#[test]
fn an_alignment_still_has_every_field_that_it_had_in_0_1_0() {
    let font = SoundFont::bundled().unwrap();
    let midi = pair::load_midi(&sample(FIRST), &font, &silent()).unwrap();
    let audio = pair::load_audio(&sample(RECORDING), Keep::Analysis, &silent()).unwrap();
    let alignment = pair::align(&midi, &audio, Preset::Antiphon, &silent()).unwrap();
    let is = export::document(&midi, &audio, &alignment, Preset::Antiphon, Some(font.name()), Some(Seconds::default()));
    assert_eq!(is["format"], "alignment/1");
    stays(&json(&sample("alignment/alignment.json")), &is, "alignment/1");
    assert!(alignment.accepted());
}
