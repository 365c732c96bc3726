//! `antiphon evaluate align clock` and `… popular`.

use super::{antiphon, path, text, wav};
use antiphon::job::Progress;
use antiphon::midi::Midi;
use antiphon::synth::{self, SoundFont};
use std::path::Path;

pub(super) const FONT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/soundfont/FluidR3Compact_GM.sf2");

/// Bars of 2 s on three channels: a melody that depends on `seed`, a low note per bar, drums.
pub(super) fn song(bars: usize, seed: usize) -> Vec<u8> {
    let mut events: Vec<(usize, [u8; 3])> = Vec::new();
    let mut note = |channel: u8, start: usize, ticks: usize, key: usize| {
        events.push((start, [0x90 + channel, key as u8, 80]));
        events.push((start + ticks, [0x80 + channel, key as u8, 0]));
    };
    for bar in 0..bars {
        for quarter in 0..4 {
            let at = 96 * (4 * bar + quarter);
            note(0, at, 90, 60 + (bar * bar + seed * quarter + (bar + seed) * quarter * 3) % 17);
            note(9, at, 48, if quarter % 2 == 0 { 36 } else { 38 });
        }
        note(1, 96 * 4 * bar, 380, 40 + (bar * (5 + seed)) % 12);
    }
    super::midi_of(events, None)
}

fn document(arguments: &[&str]) -> serde_json::Value {
    let output = antiphon(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// Writes a song and its own sound, `late` seconds late.
fn write_pair(folder: &Path, name: &str, late: f64) {
    let bytes = song(12, 3);
    std::fs::write(folder.join(format!("{name}.mid")), &bytes).expect("written");
    let midi = Midi::parse(&bytes).expect("MIDI");
    let font = SoundFont::bundled().expect("the bundled soundfont");
    let wave = synth::render(&midi, &font, 22_050, &Progress::silent()).expect("rendered");
    let mut samples = vec![0; (late * 22_050.0) as usize];
    samples.extend(wave.samples.iter().map(|x| (x * 8000.0) as i16));
    std::fs::write(folder.join(format!("{name}.wav")), wav(&samples)).expect("written");
}

#[test]
fn a_pair_on_one_clock_is_measured_against_it() {
    let folder = tempfile::tempdir().expect("a folder");
    write_pair(folder.path(), "one", 1.5);
    std::fs::write(folder.path().join("two.mid"), b"no MIDI").expect("written");
    std::fs::write(folder.path().join("two.wav"), wav(&[0; 100])).expect("written");
    let here = path(folder.path(), "");
    let found = document(&["evaluate", "align", "clock", &here, "--only", "one", "--json", "--quiet"]);
    assert_eq!((&found["format"], &found["results"]["summaries"][0]["songs"]), (&"evaluation/1".into(), &1.into()));
    let song = &found["results"]["songs"][0];
    assert_eq!((&song["name"], &song["lost"]), (&"one".into(), &false.into()));
    assert!((song["offset_s"].as_f64().expect("a number") - 1.5).abs() < 0.05, "{song}");
    assert!(song["within_100_ms"].as_f64().expect("a number") > 0.9, "{song}");

    // Without the filter the broken one is named, and the other is still measured.
    let output = antiphon(&["evaluate", "align", "clock", &here, "--preset", "gen2"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("two.mid"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("n = 1"), "{}", text(&output.stdout));
}

#[test]
fn popular_works_are_made_and_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, seed) in [("a.mid", 1), ("b.mid", 2)] {
        std::fs::write(folder.path().join(name), song(46, seed)).expect("written");
    }
    let here = path(folder.path(), "");
    let arguments =
        ["evaluate", "align", "popular", &here, "--works", "2", "--audio-soundfont", FONT, "--json", "--quiet"];
    let found = document(&arguments);
    let results = &found["results"];
    let edits: Vec<_> = results["works"].as_array().expect("works").iter().map(|work| work["edit"].clone()).collect();
    assert_eq!(edits, ["control", "cut"]);
    for work in results["works"].as_array().expect("works") {
        let share = work["seconds"]["within_100_ms"].as_f64().expect("a number");
        assert!(
            (0.0..=1.0).contains(&share) && work["seconds"]["known_s"].as_f64().expect("a number") > 40.0,
            "{work}"
        );
    }
    let summaries = results["summaries"].as_array().expect("summaries");
    let true_jumps = |kind: &str| {
        let of_kind = summaries.iter().find(|summary| summary["kind"] == kind).expect("of this kind");
        of_kind["jumps"]["true_ones"].as_u64()
    };
    assert_eq!((true_jumps("control"), true_jumps("edited"), true_jumps("cut")), (Some(0), Some(1), Some(1)));
    let missing = antiphon(&["evaluate", "align", "popular", &here]);
    assert!(text(&missing.stderr).contains("--audio-soundfont"), "{}", text(&missing.stderr));
}
