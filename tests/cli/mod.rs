//! The command line as scripts see it: exit codes, documents, files, and one clear line for bad input.

mod align;
mod collect;
mod curate;
mod dataset;
mod hash;
mod index;
mod odd_input;
mod output;
mod popular;
mod training;
mod verdict;

use std::path::Path;
use std::process::{Command, Output};

const DEMO_MIDI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/song.mid");
const RIGHT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/recording-2.ogg");
const WRONG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/recording-1.ogg");

fn antiphon(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_antiphon"))
        .args(arguments)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("UTF-8").to_string()
}

/// Whether a line only reports the progress of a command, as happens every ten seconds.
fn is_progress(line: &str) -> bool {
    let percent = line.strip_prefix("antiphon: ").and_then(|rest| rest.split_once(" %, "));
    percent.is_some_and(|(percent, _)| percent.parse::<u32>().is_ok())
}

/// One line on stderr that says `what`, nothing on stdout, exit code 1.
fn fails(arguments: &[&str], what: &str) {
    let output = antiphon(arguments);
    let message = text(&output.stderr);
    // A busy machine takes its time.
    let message = message.lines().filter(|line| !is_progress(line)).collect::<Vec<_>>().join("\n");
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
    assert_eq!(message.lines().count(), 1, "{arguments:?}: {message}");
    assert!(message.contains(what), "{arguments:?}: {message:?} lacks {what:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
}

#[test]
fn the_demo_is_aligned_and_everything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = path(folder.path(), "new/out");
    let output = antiphon(&["align", DEMO_MIDI, RIGHT, "--json", "--listen", "-o", &out]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["format"], "alignment/1");
    assert_eq!(document["accepted"], true, "confidence {}", document["confidence"]);
    assert_eq!(document["transpose"], 0);

    let knots: Vec<[f64; 2]> = serde_json::from_value(document["path"].clone()).expect("pairs");
    assert!(knots.windows(2).all(|k| k[0][0] < k[1][0] && k[0][1] < k[1][1]), "strictly increasing");
    let map = antiphon::alignment::warp::TimeMap::new(
        knots.iter().map(|k| (antiphon::midi::MidiTime(k[0]), antiphon::audio::AudioTime(k[1]))),
    )
    .expect("a map");
    let truth = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/truth.csv")).expect("truth");
    let mut errors: Vec<f64> = truth
        .lines()
        .filter_map(|line| {
            let (m, a) = line.split_once(',')?;
            Some((m.parse::<f64>().ok()?, a.parse::<f64>().ok()?))
        })
        .map(|(m, a)| (map.to_audio(antiphon::midi::MidiTime(m)).0 - a).abs())
        .collect();
    errors.sort_by(f64::total_cmp);
    assert!(errors.len() > 20);
    let median = errors[errors.len() / 2];
    assert!(median < 0.03, "median error {median} s");

    for name in ["aligned.mid", "alignment.json", "alignment.csv", "alignment.png", "listen.wav"] {
        assert!(Path::new(&out).join(name).metadata().is_ok_and(|m| m.len() > 100), "{name}");
    }
    assert_eq!(std::fs::read_dir(&out).expect("listed").count(), 5, "nothing half-written is left");
    let aligned = antiphon::midi::Midi::read(&Path::new(&out).join("aligned.mid")).expect("MIDI");
    let original = antiphon::midi::Midi::read(Path::new(DEMO_MIDI)).expect("MIDI");
    assert!(aligned.notes().len() as f64 > 0.98 * original.notes().len() as f64);
}

#[test]
fn a_wrong_recording_is_not_accepted() {
    let output = antiphon(&["align", DEMO_MIDI, WRONG]);
    assert!(output.status.success());
    assert!(text(&output.stdout).starts_with("no match"), "{}", text(&output.stdout));
}

#[test]
fn the_published_presets_run() {
    for preset in ["gen1", "gen2"] {
        let output = antiphon(&["align", DEMO_MIDI, RIGHT, "--json", "--preset", preset]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(document["parameters"]["preset"], preset);
    }
}

#[test]
fn features_are_an_npy_of_48_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = path(folder.path(), "f.npy");
    assert!(antiphon(&["features", DEMO_MIDI, "-o", &out]).status.success());
    let bytes = std::fs::read(&out).expect("written");
    assert_eq!(&bytes[..6], b"\x93NUMPY");
    assert!(text(&bytes[..128]).contains(", 48)"));
}

#[test]
fn half_the_hop_is_twice_the_frames_and_aligns_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = |hop: &str| {
        let out = path(folder.path(), "features.npy");
        assert!(antiphon(&["features", DEMO_MIDI, "-o", &out, "--hop", hop]).status.success());
        std::fs::metadata(&out).expect("written").len()
    };
    let (whole, half) = (rows("1024") as f64, rows("512") as f64);
    assert!((half / whole - 2.0).abs() < 0.01, "{whole} and {half} bytes");

    let output = antiphon(&["align", DEMO_MIDI, RIGHT, "--json", "--quiet", "--hop", "512"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let frame_s = document["frame_s"].as_f64().expect("a number");
    assert!((frame_s - 512.0 / 22_050.0).abs() < 1e-12);
    assert_eq!(document["accepted"], true, "confidence {}", document["confidence"]);
    let refused = antiphon(&["align", DEMO_MIDI, RIGHT, "--hop", "7"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("64..=8192"), "{}", text(&refused.stderr));
}

#[test]
fn bad_files_get_one_clear_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let make = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).expect("written");
        path(folder.path(), name)
    };
    let midi = std::fs::read(DEMO_MIDI).expect("the demo");
    let empty = make("empty.mid", b"");
    let words = make("words.mid", b"this is not a MIDI file");
    let header = make("header.mid", &midi[..14]);
    let division_0 = make("division.mid", b"MThd\0\0\0\x06\0\0\0\x01\0\0MTrk\0\0\0\x04\0\xff\x2f\0");
    let no_notes = make("no notes.mid", b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x04\0\xff\x2f\0");
    for file in [&empty, &words] {
        fails(&["align", file, RIGHT], "can't read MIDI");
    }
    for file in [&header, &no_notes, &division_0] {
        fails(&["align", file, RIGHT], "mid\"");
    }
    let noise = make("noise.mp3", &[0x55; 5000]);
    let silence = make("silence.wav", &wav(&vec![0; 44_100]));
    let one_sample = make("one.wav", &wav(&[1000]));
    fails(&["align", DEMO_MIDI, &make("empty.mp3", b"")], "can't decode audio");
    fails(&["align", DEMO_MIDI, &noise], "can't decode audio");
    fails(&["align", DEMO_MIDI, &silence], "silent");
    fails(&["align", DEMO_MIDI, &one_sample], "");
    fails(&["align", DEMO_MIDI, &path(folder.path(), "missing.ogg")], "can't read");
    fails(&["align", &path(folder.path(), "missing.mid"), RIGHT], "can't read");
}

#[test]
fn an_output_folder_in_the_way_of_a_file_is_said_before_the_work() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("taken"), b"").expect("written");
    let out = path(folder.path(), "taken/out");
    fails(&["align", DEMO_MIDI, RIGHT, "-o", &out], "can't create the folder");
}

#[cfg(feature = "gui")]
#[cfg(target_os = "linux")]
#[test]
fn without_a_display_one_line_names_the_other_way() {
    fails(&[DEMO_MIDI, RIGHT], "antiphon align");
}

#[test]
fn bad_usage_is_exit_code_1_and_help_is_0() {
    assert_eq!(antiphon(&["align"]).status.code(), Some(1));
    assert_eq!(antiphon(&["--help"]).status.code(), Some(0));
}

/// A MIDI file of one track, 96 ticks per quarter note: channel messages at their ticks, and microseconds per quarter.
fn midi_of(mut events: Vec<(usize, [u8; 3])>, tempo: Option<u32>) -> Vec<u8> {
    events.sort_unstable();
    let mut track = Vec::new();
    if let Some(tempo) = tempo {
        track.extend([0, 0xFF, 0x51, 3]);
        track.extend(&tempo.to_be_bytes()[1..]);
    }
    let mut now = 0;
    for (tick, message) in events {
        if tick - now > 127 {
            track.push(0x80 | ((tick - now) >> 7) as u8);
        }
        track.push(((tick - now) & 127) as u8);
        track.extend(message);
        now = tick;
    }
    track.extend([0, 0xFF, 0x2F, 0]);
    let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk".to_vec();
    bytes.extend((track.len() as u32).to_be_bytes());
    bytes.extend(track);
    bytes
}

fn wav(samples: &[i16]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22_050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("in memory");
    for &sample in samples {
        writer.write_sample(sample).expect("in memory");
    }
    writer.finalize().expect("in memory");
    bytes.into_inner()
}
