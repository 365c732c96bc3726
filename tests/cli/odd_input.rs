//! Files at the edge of what exists: each is aligned, or refused in one line without writing anything.

use super::{DEMO_MIDI, RIGHT, antiphon, path, text};
use std::path::Path;

/// A MIDI file with these track bodies (without end of track).
fn midi(kind: u8, division: [u8; 2], tracks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"MThd\0\0\0\x06\0".to_vec();
    bytes.push(kind);
    bytes.extend((tracks.len() as u16).to_be_bytes());
    bytes.extend(division);
    for track in tracks {
        bytes.extend(b"MTrk");
        bytes.extend((track.len() as u32 + 4).to_be_bytes());
        bytes.extend(track);
        bytes.extend([0, 0xFF, 0x2F, 0]);
    }
    bytes
}

/// `count` notes of 96 ticks, one after another.
fn scale(count: usize) -> Vec<u8> {
    (0..count).flat_map(|i| [0, 0x90, 48 + (i * 7 % 25) as u8, 80, 96, 0x80, 48 + (i * 7 % 25) as u8, 0]).collect()
}

fn wav(channels: u16, sample_rate: u32, float: bool, sample: impl Fn(f64) -> f64) -> Vec<u8> {
    let sample_format = if float { hound::SampleFormat::Float } else { hound::SampleFormat::Int };
    let bits_per_sample = if float { 32 } else { 16 };
    let spec = hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("in memory");
    for i in 0..3 * sample_rate {
        let value = sample(f64::from(i) / f64::from(sample_rate));
        for _ in 0..channels {
            if float {
                writer.write_sample(value as f32).expect("in memory");
            } else {
                writer.write_sample((value.clamp(-1.0, 1.0) * 32_767.0) as i16).expect("in memory");
            }
        }
    }
    writer.finalize().expect("in memory");
    bytes.into_inner()
}

/// Aligns, and checks that the outcome is whole: everything written, or one line and nothing else.
fn whole(folder: &Path, midi: &str, audio: &str, wanted: Option<&str>) {
    let out = path(folder, "out");
    let output = antiphon(&["align", midi, audio, "--quiet", "-o", &out]);
    let message = text(&output.stderr);
    let left = std::fs::read_dir(&out).map_or(0, Iterator::count);
    match wanted {
        None => {
            assert_eq!(output.status.code(), Some(0), "{midi} {audio}: {message}");
            assert_eq!(left, 4, "{midi} {audio}: {message}");
            std::fs::remove_dir_all(&out).expect("removed");
        }
        Some(part) => {
            assert_eq!(output.status.code(), Some(1), "{midi} {audio}: {message}");
            assert_eq!(message.lines().count(), 1, "{midi} {audio}: {message}");
            assert!(message.contains(part), "{midi} {audio}: {message:?} lacks {part:?}");
            assert_eq!(left, 0, "{midi} {audio}: {message}");
        }
    }
}

/// Only where the system keeps settings below a folder that can be set.
#[test]
#[cfg(target_os = "linux")]
fn a_log_is_written_where_help_says_when_it_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_antiphon"))
            .args(arguments)
            .env("XDG_CONFIG_HOME", folder.path())
            .output()
            .expect("the program starts")
    };
    let missing = path(folder.path(), "missing.wav");
    let fails = ["hash", missing.as_str()];
    assert_eq!(run(&fails).status.code(), Some(1));
    let log = folder.path().join("antiphon/log");
    assert!(!log.exists(), "a command writes none unless it is asked to");
    assert_eq!(run(&[fails[0], fails[1], "--log", "debug"]).status.code(), Some(1));
    let file = std::fs::read_dir(&log).expect("a log").next().expect("a file").expect("an entry").path();
    let lines = std::fs::read_to_string(file).expect("read");
    assert!(lines.contains("Antiphon starts") && lines.contains("missing.wav"), "{lines}");
    let help = text(&run(&["--help"]).stdout);
    assert!(help.contains(log.to_str().expect("UTF-8")), "{help}");
    assert_eq!(run(&[fails[0], fails[1], "--log", "loud"]).status.code(), Some(1));
    // If there is no place for it, work goes on.
    std::fs::remove_dir_all(&log).expect("removed");
    std::fs::write(&log, b"").expect("in the way");
    let output = run(&[fails[0], fails[1], "--log", "info"]);
    assert!(text(&output.stderr).contains("there is no log"), "{}", text(&output.stderr));
}

#[test]
fn midi_files_at_the_edge() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut at_10_hours = vec![0x82, 0x8F, 0xB8, 0x00, 0x90, 60, 80, 96, 0x80, 60, 0];
    at_10_hours.splice(0..0, scale(4));
    let tempo_0 = [vec![0, 0xFF, 0x51, 3, 0, 0, 0], scale(40)].concat();
    let many: Vec<u8> = (0..1_000_000).flat_map(|_| [0, 0xB0, 7, 100]).chain(scale(40)).collect();
    let cases: [(&str, Vec<u8>, Option<&str>); 9] = [
        ("one note", midi(0, [0, 96], &[scale(1)]), Some("no note lies wholly")),
        ("type 2", midi(2, [0, 96], &[scale(20), scale(20)]), None),
        ("smpte", midi(0, [0xE8, 40], &[scale(60)]), None),
        ("tempo 0", midi(0, [0, 96], &[tempo_0]), None),
        ("a million events", midi(0, [0, 96], &[many]), None),
        ("truncated", midi(0, [0, 96], &[scale(60)])[..300].to_vec(), None),
        ("ten hours", midi(0, [0, 96], &[at_10_hours]), Some("outside")),
        ("drums only", midi(0, [0, 96], &[vec![0, 0x99, 36, 90, 96, 0x89, 36, 0]]), Some("no note lies wholly")),
        ("corrupt", [&midi(0, [0, 96], &[])[..], &[0xFF; 500]].concat(), Some("notes")),
    ];
    for (name, bytes, wanted) in cases {
        let file = path(folder.path(), &format!("{name}.mid"));
        std::fs::write(&file, bytes).expect("written");
        whole(folder.path(), &file, RIGHT, wanted);
    }
}

#[test]
fn recordings_at_the_edge() {
    let folder = tempfile::tempdir().expect("a folder");
    let tone = |s: f64| 0.4 * (std::f64::consts::TAU * 440.0 * s).sin() * (1.0 - s % 0.5);
    let cases = [
        ("clipped", wav(1, 22_050, false, |s| 8.0 * tone(s))),
        ("five and one", wav(6, 44_100, false, tone)),
        ("8 kHz", wav(1, 8_000, false, tone)),
        ("192 kHz", wav(2, 192_000, false, tone)),
        ("float", wav(2, 48_000, true, |s| 3.0 * tone(s))),
        ("truncated", wav(1, 44_100, false, tone)[..90_001].to_vec()),
    ];
    for (name, bytes) in cases {
        let file = path(folder.path(), &format!("{name}.wav"));
        std::fs::write(&file, bytes).expect("written");
        whole(folder.path(), DEMO_MIDI, &file, None);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_utf_8_is_aligned() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.ogg"));
    std::fs::copy(RIGHT, &file).expect("copied");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_antiphon"))
        .args(["align", DEMO_MIDI])
        .arg(&file)
        .args(["--json", "--quiet"])
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_result_that_nobody_reads_ends_quietly_and_a_full_disk_is_named() {
    let hash = |file| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_antiphon"));
        command.args(["hash", file, "--tpaa", "--quiet"]);
        command
    };
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = hash(DEMO_MIDI).stdout(writer).output().expect("the program starts");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), String::new()));

    // A message that is not read changes nothing.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = hash("missing.mid").stderr(writer).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(1));

    #[cfg(target_os = "linux")]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("a disk without room");
        let output = hash(DEMO_MIDI).stdout(full).output().expect("the program starts");
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.starts_with("antiphon: could not write the result: No space left"), "{said}");
    }
}

#[test]
fn what_was_mended_in_a_midi_file_is_said_once_on_stderr_and_in_the_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut events = scale(60);
    events[3] = 200;
    let file = path(folder.path(), "odd.mid");
    std::fs::write(&file, midi(0, [0, 96], &[events])).expect("written");
    let said = "track 1: 1 data bytes above 127 were brought into range";
    let line = format!("antiphon: {said}: {file:?}\n");
    let output = antiphon(&["align", &file, RIGHT, "--json", "--quiet"]);
    assert_eq!(text(&output.stderr), line);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["warning"], format!("MIDI: {said}"));
    let npy = path(folder.path(), "f.npy");
    for arguments in [vec!["hash", &file], vec!["embed", &file], vec!["features", &file, "-o", &npy]] {
        let output = antiphon(&[arguments, vec!["--quiet"]].concat());
        assert_eq!(text(&output.stderr), line);
    }
    let (list, out) = (path(folder.path(), "pairs.jsonl"), path(folder.path(), "aligned.jsonl"));
    let right = std::fs::canonicalize(RIGHT).expect("the demo");
    std::fs::write(&list, format!("{}\n", serde_json::json!({ "midi": file, "audio": right }))).expect("written");
    let output = antiphon(&["align", &list, "-o", &out, "--quiet"]);
    assert!(text(&output.stderr).starts_with(&format!("antiphon: MIDI: {said}: ")), "{}", text(&output.stderr));
    let lines = std::fs::read_to_string(&out).expect("lines");
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().expect("a line")).expect("JSON");
    assert_eq!(last["warning"], format!("MIDI: {said}"));
}

#[test]
fn lists_are_aligned_and_bad_rows_are_named_with_exit_code_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let [midi, audio] = [DEMO_MIDI, RIGHT].map(|path| std::fs::canonicalize(path).expect("the demo"));
    let (list, out) = (path(folder.path(), "list.txt"), path(folder.path(), "out.jsonl"));
    let url = format!("file://{}", audio.display().to_string().replace('-', "%2D"));
    let rows = format!("\u{feff}midi\taudio\r\n{}\t{url}\r\n\t\r\nonly.mid\r\n", midi.display());
    std::fs::write(&list, rows).expect("written");
    let output = antiphon(&["align", &list, "-o", &out, "--quiet"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), format!("antiphon: left out: row 4: missing field `audio`: {list:?}\n"));
    assert!(
        text(&output.stdout).starts_with("1 pairs aligned, 1 of them matches; 0 skipped"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_byte_order_mark_and_nan_lose_nothing_in_journals_sessions_and_documents() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| path(folder.path(), name);
    let marked = |name: &str| {
        let text = std::fs::read_to_string(at(name)).expect("read");
        std::fs::write(at(name), format!("\u{feff}{text}")).expect("written");
    };
    let journal = at("d.jsonl");
    for (item, decision) in [("a", "confirmed"), ("b", "rejected")] {
        let output = antiphon(&["curate", "decide", &journal, "--item", item, "--decision", decision]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    marked("d.jsonl");
    let output = antiphon(&["curate", "report", &journal]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(text(&output.stdout).starts_with("1 confirmed  1 rejected"), "{}", text(&output.stdout));
    let (csv, document) = (at("d.csv"), at("d.json"));
    let output = antiphon(&["curate", "export", &journal, "--csv", &csv, "--document", &document]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for name in ["d.csv", "d.json"] {
        marked(name);
        // The content tells what it is.
        let other = at(&format!("{name}.txt"));
        std::fs::rename(at(name), &other).expect("renamed");
        let output = antiphon(&["curate", "report", &other]);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{name}");
        assert!(text(&output.stdout).starts_with("1 confirmed  1 rejected"), "{}", text(&output.stdout));
    }
    std::fs::write(at("s.json"), "\u{feff}{\"format\": 1, \"saved_s\": 7, \"recordings\": [], \"playhead_s\": 2.5}")
        .expect("written");
    let session = antiphon::session::Session::read(Path::new(&at("s.json"))).expect("a session");
    assert_eq!(session.saved_s, 7);
    let midi = std::fs::canonicalize(DEMO_MIDI).expect("the demo");
    let alignment =
        serde_json::json!({ "format": "alignment/1", "midi": midi, "audio": midi, "score": "x" }).to_string();
    std::fs::write(at("a.json"), format!("\u{feff}{}", alignment.replace("\"x\"", "NaN"))).expect("written");
    assert_eq!(antiphon::export::pair_of(Path::new(&at("a.json"))).expect("a pair")[0], midi);
    assert_eq!(antiphon::files::Kind::of(Path::new(&at("a.json"))).expect("read"), antiphon::files::Kind::Alignment);
}
