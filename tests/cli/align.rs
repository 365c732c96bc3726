//! `antiphon align` when the recording jumps in the MIDI, and on a whole list.

use super::popular::song;
use super::{DEMO_MIDI, RIGHT, WRONG, antiphon, path, text, wav};
use antiphon::job::Progress;
use antiphon::midi::{Midi, MidiTime};
use antiphon::synth::{self, SoundFont};

#[test]
fn a_part_that_is_played_twice_is_twice_in_the_aligned_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = song(46, 1);
    let midi = Midi::parse(&bytes).expect("MIDI");
    let wave = synth::render(&midi, &SoundFont::bundled().expect("the font"), 22_050, &Progress::silent());
    let samples: Vec<i16> = wave.expect("rendered").samples.iter().map(|x| (x * 8000.0) as i16).collect();
    // Bars of 2 s: the part from 30 to 60 s is repeated.
    let at = |seconds: usize| seconds * 22_050;
    let played = [&samples[..at(60)], &samples[at(30)..]].concat();
    let [score, recording, out] = ["song.mid", "song.wav", "out"].map(|name| path(folder.path(), name));
    std::fs::write(&score, &bytes).expect("written");
    std::fs::write(&recording, wav(&played)).expect("written");
    let output = antiphon(&["align", &score, &recording, "--json", "-o", &out]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");

    let segments = document["segments"].as_array().expect("segments");
    assert_eq!(segments.len(), 2, "{:?}", document["remarks"]);
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let (left, goes_on) = (number(&segments[0]["midi"][1]), number(&segments[1]["midi"][0]));
    assert!((left - 60.0).abs() < 1.0 && (goes_on - 30.0).abs() < 1.0, "{left} {goes_on}");
    assert!(segments.iter().all(|segment| segment["path"].as_array().is_some_and(|path| path.len() > 20)));

    let aligned = Midi::read(&folder.path().join("out/aligned.mid")).expect("aligned.mid");
    let markers: Vec<String> = aligned.markers().into_iter().map(|(_, words)| words).collect();
    assert_eq!(markers, ["jump from 1:00 to 0:30"]);
    // Everything the recording plays is there once, each note at its second.
    let melody =
        |midi: &Midi| midi.notes().iter().filter(|n| n.channel == 0).map(|n| (n.pitch, n.start)).collect::<Vec<_>>();
    let written = melody(&midi);
    let mut wanted: Vec<(u8, f64)> = Vec::new();
    wanted.extend(written.iter().filter(|note| note.1 < MidiTime(60.0)).map(|&(pitch, at)| (pitch, at.0)));
    wanted.extend(written.iter().filter(|note| note.1 >= MidiTime(30.0)).map(|&(pitch, at)| (pitch, at.0 + 30.0)));
    let found = melody(&aligned);
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(&wanted) {
        assert!(found.0 == wanted.0 && (found.1.0 - wanted.1).abs() < 0.05, "{found:?} {wanted:?}");
    }

    let table = std::fs::read_to_string(folder.path().join("out/alignment.csv")).expect("alignment.csv");
    assert_eq!(table.lines().next(), Some("audio_s,midi_s,cost,segment"));
    assert!(table.lines().nth(1).is_some_and(|line| line.ends_with(",1")));
    assert!(table.lines().last().is_some_and(|line| line.ends_with(",2")));
}

#[test]
fn a_list_of_pairs_is_aligned_and_goes_on_where_it_was_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let [list, out] = ["pairs.csv", "alignments.jsonl"].map(|name| path(folder.path(), name));
    let table = format!("midi,audio\n{DEMO_MIDI},{RIGHT}\n{DEMO_MIDI},{WRONG}\n{DEMO_MIDI},nowhere.ogg\n");
    std::fs::write(&list, table).expect("written");
    let output = antiphon(&["align", &list, "-o", &out, "--quiet"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "2 pairs aligned, 1 of them matches; 1 skipped\n");
    assert!(text(&output.stderr).contains("nowhere.ogg"), "{}", text(&output.stderr));
    let read = || std::fs::read_to_string(&out).expect("the lines");
    let lines = |text: &str| {
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<serde_json::Value>>()
    };
    let whole = read();
    let found = lines(&whole);
    assert_eq!((found.len(), &found[0]["format"]), (4, &"alignment-list/1".into()));
    let right = found.iter().find(|line| line["audio"] == RIGHT).expect("the right one");
    assert_eq!((&right["format"], &right["accepted"]), (&"alignment/1".into(), &true.into()));
    assert!(right["path"].is_null() && right["segments"][0]["midi"].is_array());
    assert!(found.iter().any(|line| line["skipped"].is_string()));

    // Killed in the middle of a line: the other lines stay as they are.
    let cut = whole.trim_end().rfind('\n').expect("lines") + 20;
    std::fs::write(&out, &whole[..cut]).expect("written");
    let output = antiphon(&["align", &list, "-o", &out, "--quiet"]);
    assert_eq!(text(&output.stdout), "2 pairs aligned, 1 of them matches; 1 skipped\n");
    let again = read();
    let kept: Vec<&str> = whole.lines().take(3).collect();
    assert_eq!(again.lines().take(3).collect::<Vec<_>>(), kept);
    assert_eq!(lines(&again).len(), 4);

    let output = antiphon(&["align", &list, "-o", &out, "--preset", "gen2"]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("it was begun with"));
    let output = antiphon(&["align", DEMO_MIDI, "-o", &out]);
    assert!(
        output.status.code() == Some(1)
            && text(&output.stderr).starts_with("antiphon: no recording was named beside: ")
    );
}
