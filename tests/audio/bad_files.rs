//! Files that are empty, wrong, cut, damaged or inaccessible: one clear line, or whatever could be saved of them.

use super::{bytes_of, data, listen, listen_to_bytes, refusal, wav};
use antiphon::Error;

#[test]
fn what_holds_no_audio_is_refused_in_one_line() {
    assert_eq!(refusal(b""), "can't decode audio: the file is empty: \"\"");
    let text = "This is a letter, not a song. ".repeat(1000);
    assert_eq!(refusal(text.as_bytes()), "can't decode audio: text, not a recording: \"\"");
    assert_eq!(refusal(&vec![0; 100_000]), "can't decode audio: not a known audio format: \"\"");
    assert_eq!(refusal(&wav(1, 16, 2, 44_100, &[])), "can't decode audio: there are no samples in it: \"\"");
    for (name, length) in
        [("cbr.mp3", 200), ("vorbis.ogg", 3000), ("aac.m4a", 5000), ("flac.flac", 60), ("opus.webm", 300)]
    {
        let why = refusal(&bytes_of(name)[..length]);
        assert!(why.starts_with("can't decode audio: ") && why.lines().count() == 1, "{name}: {why}");
    }
}

#[test]
fn what_is_out_of_range_names_value_and_limit() {
    let slow = refusal(&wav(1, 16, 1, 1000, &[0; 100]));
    assert_eq!(slow, "can't decode audio: sample rate 1000 Hz is outside 4000 to 384000 Hz: \"\"");
    refusal(&wav(1, 16, 1, 0, &[0; 100]));
    refusal(&wav(1, 16, 0, 44_100, &[0; 100]));
    refusal(&wav(1, 8, 65_535, 44_100, &[0; 100]));
}

#[test]
fn a_file_cut_in_the_middle_gives_its_beginning_and_says_how_much() {
    for name in ["vbr.mp3", "cbr.mp3", "opus.opus", "faststart.m4a", "aac.mka", "opus.webm", "flac.flac", "pcm.aiff"] {
        let whole = bytes_of(name);
        let recording =
            listen_to_bytes(&whole[..whole.len() * 6 / 10]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let length_s = recording.mono.seconds();
        assert!((0.3..1.6).contains(&length_s), "{name}: {length_s} s");
        let warning = recording.warning.unwrap_or_default();
        // Ogg doesn't store its length at the front.
        let expected = if name == "opus.opus" {
            format!("damaged at {length_s:.1} s: the file ends early")
        } else {
            format!("cut short: {length_s:.1} of 2.0 s decoded")
        };
        assert_eq!(warning, expected, "{name}");
    }
    let mut cut = wav(1, 16, 1, 22_050, &vec![0; 2 * 22_050]);
    cut.truncate(44 + 2 * 11_025);
    assert_eq!(listen_to_bytes(&cut).expect("decodes").warning.as_deref(), Some("cut short: 0.5 of 1.0 s decoded"));
}

#[test]
fn every_cut_of_every_file_ends_in_an_outcome() {
    for name in ["vbr.mp3", "vorbis.ogg", "opus.opus", "faststart.m4a", "alac.m4a", "aac.mka", "opus.webm", "flac.flac"]
    {
        let whole = bytes_of(name);
        for length in (0..whole.len()).step_by(whole.len() / 12) {
            match listen_to_bytes(&whole[..length]) {
                Ok(recording) => assert!(recording.mono.seconds() < 2.1, "{name} cut at {length}"),
                Err(error) => assert!(matches!(error, Error::Decode { .. }), "{name} cut at {length}: {error}"),
            }
        }
    }
}

#[test]
fn a_damaged_middle_keeps_the_time_of_what_follows() {
    // The click at 1.6 s keeps its time although packets around 0.8 s are garbage. The MP3 reader skips to the next
    // frame without reporting how many it left out: there, the time of two frames is lost.
    for name in ["cbr.mp3", "faststart.m4a", "flac.flac"] {
        let mut bytes = bytes_of(name);
        let middle = bytes.len() * 4 / 10;
        bytes[middle..middle + 400].fill(0x55);
        let recording = listen_to_bytes(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let samples = &recording.mono.samples;
        let click = (30_000..40_000).max_by(|&a, &b| samples[a].abs().total_cmp(&samples[b].abs())).expect("a range");
        assert!(
            (click as f64 / 22_050.0 - 1.6).abs() < if name == "cbr.mp3" { 0.08 } else { 0.001 },
            "{name}: click at {} s",
            click as f64 / 22_050.0
        );
    }
}

#[test]
fn absurd_counts_in_the_tables_of_mp4_do_no_harm() {
    // Found by fuzzing: the reader adds such counts, and panics where overflow is checked.
    let mut bytes = bytes_of("alac.m4a");
    let table = bytes.windows(4).position(|window| window == b"stts").expect("a time-to-sample table");
    bytes[table + 12..table + 16].fill(0xff);
    assert!(listen_to_bytes(&bytes).expect("decodes").mono.seconds() > 0.3);
}

#[test]
fn a_path_that_can_t_be_read_is_named_last() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for path in [folder.path().to_path_buf(), folder.path().join("missing.mp3")] {
        let error = listen(&path).expect_err("no file");
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(error.to_string().ends_with(&format!("{path:?}")), "{error}");
    }
    let text = folder.path().join("song.mp3");
    std::fs::write(&text, "no song").expect("room for a few bytes");
    assert!(listen(&text).expect_err("no audio").to_string().ends_with(&format!("{text:?}")));
}

#[cfg(unix)]
#[test]
fn names_that_are_no_utf_8_are_read() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.mp3"));
    if std::fs::copy(data("cbr.mp3"), &path).is_ok() {
        assert!(listen(&path).is_ok());
        std::fs::write(&path, "no song").expect("room for a few bytes");
        assert!(listen(&path).expect_err("no audio").to_string().contains("caf"));
    }
}
