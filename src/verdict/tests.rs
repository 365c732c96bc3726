//! The verdict on music that the program holds or makes.

use super::*;
use crate::audio::{ANALYSIS_RATE, Keep, Recording, Tags, Waveform};
use crate::midi::Midi;
use crate::synth::{self, SoundFont};
use std::path::{Path, PathBuf};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo");

fn silent() -> Progress {
    Progress::silent()
}

fn font() -> SoundFont {
    SoundFont::bundled().expect("the bundled font")
}

fn song() -> Midi {
    Midi::read(&Path::new(DEMO).join("song.mid")).expect("the demo")
}

fn side(midi: Midi) -> MidiSide {
    MidiSide::new(PathBuf::from("x.mid"), midi, &font(), &silent()).expect("notes")
}

fn recording(mono: Waveform) -> AudioSide {
    let recording = Recording {
        mono,
        original: None,
        tags: Tags::default(),
        source_rate: ANALYSIS_RATE,
        channels: 1,
        codec: "made".into(),
        warning: None,
    };
    AudioSide::new(PathBuf::from("x.wav"), recording, &silent()).expect("samples")
}

fn rendering(midi: &Midi) -> Waveform {
    synth::render(midi, &font(), ANALYSIS_RATE, &silent()).expect("a sound")
}

/// A file of (channel, pitch, beats), one after another, at two beats a second.
fn notes(notes: &[(u8, u8, u8)]) -> Midi {
    let mut track = Vec::new();
    for &(channel, pitch, beats) in notes {
        track.extend([0, 0x90 | channel, pitch, 100]);
        // 64 ticks a beat: a length of two bytes.
        let ticks = u16::from(beats) * 64;
        track.extend([0x80 | (ticks >> 7) as u8, (ticks & 0x7F) as u8, 0x80 | channel, pitch, 0]);
    }
    track.extend([0, 0xFF, 0x2F, 0]);
    let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x40MTrk".to_vec();
    bytes.extend((track.len() as u32).to_be_bytes());
    bytes.extend(track);
    Midi::parse(&bytes).expect("a MIDI file")
}

#[test]
fn the_demo_belongs_to_its_recording_and_to_no_other() {
    let midi = side(song());
    for (name, verdict) in [
        ("recording-1.ogg", Verdict::NoMatch),
        ("recording-2.ogg", Verdict::Match),
        ("recording-3.ogg", Verdict::NoMatch),
    ] {
        let audio = pair::load_audio(&Path::new(DEMO).join(name), Keep::Analysis, &silent()).expect("the demo");
        let found = align(&midi, &audio, Preset::Antiphon, &silent()).expect("aligned");
        let judgement = found.judgement.clone().expect("judged");
        assert_eq!((found.verdict(), found.accepted()), (verdict, verdict == Verdict::Match), "{name}: {judgement:?}");
        assert!((found.confidence - judgement.probability).abs() < 1e-12 && judgement.evidence.len() > 5);
        let whole = [(0.0, audio.recording.mono.seconds())];
        assert_eq!(found.unreliable == whole, verdict == Verdict::NoMatch, "{name}: {:?}", found.unreliable);
        let sum: f64 = judgement.evidence.iter().map(|term| term.contribution).sum();
        assert!(sum.is_finite(), "{judgement:?}");
    }
}

#[test]
fn another_key_is_a_match_that_says_so_and_presets_keep_their_formula() {
    let audio = recording(rendering(&song().transposed(3)));
    let midi = side(song());
    let found = align(&midi, &audio, Preset::Antiphon, &silent()).expect("aligned");
    assert_eq!((found.verdict(), found.transpose), (Verdict::Match, 3), "{:?}", found.judgement);
    assert!(found.remarks.iter().any(|remark| remark.contains("another version")), "{:?}", found.remarks);
    let published = align(&midi, &audio, Preset::Gen2, &silent()).expect("aligned");
    assert!(published.judgement.is_none() && published.confidence < 0.5);
    assert!((published.confidence - (2.0 * (1.0 - published.score)).clamp(0.0, 1.0)).abs() < 1e-12);
}

#[test]
fn too_little_music_is_never_a_match() {
    let tune = [60, 64, 67, 72, 62, 65, 69, 74, 59, 62, 67, 71, 60, 64, 67, 72];
    let beats = [36, 42, 38, 42, 36, 36, 38, 46, 36, 42, 38, 42, 36, 36, 38, 46];
    let little = [
        ("one note", notes(&[(0, 60, 30)])),
        ("a steady tone", notes(&[(0, 69, 60); 12])),
        ("half a second", notes(&[(0, 60, 1)])),
        ("drums alone", notes(&beats.map(|pitch| (9, pitch, 1)).repeat(4))),
        ("four seconds", notes(&tune[..8].iter().map(|&pitch| (0, pitch, 1)).collect::<Vec<_>>())),
    ];
    for (what, midi) in little {
        let audio = recording(rendering(&midi));
        match align(&side(midi), &audio, Preset::Antiphon, &silent()) {
            Ok(found) => {
                assert_eq!(found.verdict(), Verdict::CantTell, "{what}: {:?}", found.judgement);
                assert!(!found.accepted() && found.confidence <= 0.5, "{what}");
                assert!(found.remarks.iter().any(|remark| remark.contains("too little music")), "{what}");
            }
            // What is too short to be aligned can't be judged either.
            Err(error) => assert!(matches!(error, crate::Error::Nothing { .. }), "{what}: {error}"),
        }
    }
}

#[test]
fn the_bundled_judge_has_learned_with_the_bundled_networks() {
    let judge = Judge::bundled().expect("a sound build");
    let models = Fingerprints::bundled().expect("a sound build");
    assert!(judge.knows_codes(&models.hash), "learn it again: assets/models/HOW.md says how");
    assert!(judge.knows_vectors(&models.embedding), "learn it again: assets/models/HOW.md says how");
    for (sight, quality) in judge.crossed() {
        assert!(quality.auc > 0.9, "{sight:?}: {quality:?}");
    }
    let copy: Judge = serde_json::from_str(&judge.to_json()).expect("its own text");
    assert_eq!(copy, *judge);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("judge.json");
    std::fs::write(&path, judge.to_json().replace("verdict/1", "verdict/9")).expect("written");
    assert!(matches!(Judge::load(&path), Err(crate::Error::Model { .. })));
}

#[test]
fn a_judge_of_what_is_no_probability_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("judge.json");
    let text = Judge::bundled().expect("a sound build").to_json();
    let whole: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for (field, wrong) in
        [("/prior", 0.0), ("/prior", 1.0), ("/threshold", 1.5), ("/doubtful", -0.5), ("/search/entries", 0.0)]
    {
        let mut document = whole.clone();
        *document.pointer_mut(field).expect("a field") = wrong.into();
        std::fs::write(&path, document.to_string()).expect("written");
        let error = Judge::load(&path).expect_err(field).to_string();
        assert!(error.contains(&wrong.to_string()), "{field}: {error}");
    }
}

#[test]
fn a_search_among_more_asks_for_more() {
    let judge = Judge::bundled().expect("a sound build");
    let thresholds = [1, 100, 10_000, 1_000_000].map(|entries| judge.search_threshold(entries));
    assert!(thresholds.windows(2).all(|pair| pair[0] <= pair[1] && pair[1] < 1.0), "{thresholds:?}");
    assert!(thresholds[0] >= judge.threshold());
}

#[test]
fn words_are_listed_as_people_do() {
    let words = |count: usize| list(&["a", "b", "c"].map(str::to_owned)[..count]);
    assert_eq!([words(0), words(1), words(2), words(3)], ["", "a", "a and b", "a, b and c"]);
}
