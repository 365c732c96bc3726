//! The compressed formats, on the files of `tests/data/audio`.

use super::{bytes_of, data, listen, listen_to_bytes};
use antiphon::audio::{ANALYSIS_RATE, Keep, Recording, decode};
use antiphon::job::Progress;
use std::f64::consts::TAU;

const CLICKS_S: [f64; 3] = [0.5, 1.0, 1.6];

struct Expected {
    name: &'static str,
    codec: &'static str,
    rate: u32,
    channels: usize,
    /// How far the length may be off.
    length_slack_s: f64,
    tagged: bool,
}

const fn expect(name: &'static str, codec: &'static str, rate: u32, channels: usize) -> Expected {
    Expected { name, codec, rate, channels, length_slack_s: 0.001, tagged: true }
}

const FILES: [Expected; 14] = [
    expect("cbr.mp3", "mp3", 44_100, 2),
    expect("vbr.mp3", "mp3", 44_100, 2),
    Expected { length_slack_s: 0.06, tagged: false, ..expect("bare.mp3", "mp3", 44_100, 2) },
    expect("vorbis.ogg", "vorbis", 44_100, 2),
    expect("opus.opus", "opus", 48_000, 2),
    expect("aac.m4a", "aac", 44_100, 2),
    expect("faststart.m4a", "aac", 44_100, 2),
    Expected { length_slack_s: 0.06, ..expect("aac.mka", "aac", 44_100, 2) },
    Expected { length_slack_s: 0.06, tagged: false, ..expect("aac.aac", "aac", 44_100, 2) },
    Expected { length_slack_s: 0.03, ..expect("opus.webm", "opus", 48_000, 2) },
    expect("opus.mp4", "opus", 48_000, 2),
    expect("alac.m4a", "alac", 11_025, 1),
    expect("flac.flac", "flac", 8000, 1),
    expect("pcm.aiff", "pcm_s8", 8000, 1),
];

/// Time of the loudest sample around each click.
fn clicks_s(samples: &[f32], rate: u32) -> Vec<f64> {
    let rate = f64::from(rate);
    let loudest = |click: f64| {
        let around = ((click - 0.06) * rate) as usize..((click + 0.06) * rate) as usize;
        around.max_by(|&a, &b| samples[a].abs().total_cmp(&samples[b].abs())).expect("a range")
    };
    CLICKS_S.iter().map(|&click| loudest(click) as f64 / rate).collect()
}

/// Power of `samples` at a frequency, in dB of full scale.
fn level_db(samples: &[f32], frequency: f64, rate: f64) -> f64 {
    let sum = |phase: f64| -> f64 {
        let wave = |n: usize| (TAU * frequency * n as f64 / rate + phase).cos();
        samples.iter().enumerate().map(|(n, &x)| f64::from(x) * wave(n)).sum()
    };
    20.0 * (2.0 * sum(0.0).hypot(sum(TAU / 4.0)) / samples.len() as f64).log10()
}

fn assert_is_the_signal(recording: &Recording, name: &str, clicks_slack_s: f64) {
    let mono = &recording.mono;
    for (found, click) in clicks_s(&mono.samples, mono.sample_rate).into_iter().zip(CLICKS_S) {
        assert!((found - click).abs() < clicks_slack_s, "{name}: click at {found:.4} s, not {click}");
    }
    // 2048 samples around 0.75 and 1.3 s, where the sweep passes 875 and 1370 Hz: there is more of it than of the
    // frequencies a third above and below.
    for middle_s in [0.75, 1.3] {
        let middle = (middle_s * f64::from(ANALYSIS_RATE)) as usize;
        let frequency = 200.0 + 900.0 * middle_s;
        let piece = &mono.samples[middle - 1024..middle + 1024];
        let level = |ratio: f64| level_db(piece, frequency * ratio, f64::from(ANALYSIS_RATE));
        let (there, above, below) = (level(1.0), level(1.3), level(0.7));
        assert!(there > -36.0 && there > above + 10.0 && there > below + 10.0, "{name}: {there} {above} {below} dB");
    }
}

#[test]
fn every_format_gives_the_signal_at_its_time_and_its_tags() {
    for Expected { name, codec, rate, channels, length_slack_s, tagged } in FILES {
        let recording = listen(&data(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            (recording.codec.as_str(), recording.source_rate, recording.channels),
            (codec, rate, channels),
            "{name}"
        );
        assert_eq!(recording.warning, None, "{name}");
        let length_s = recording.mono.seconds();
        assert!((length_s - 2.0).abs() <= length_slack_s, "{name}: {length_s} s");
        // These don't declare the encoder's padding at the front: up to 1105 samples of LAME, 1024 of ffmpeg's AAC.
        let untold = ["bare.mp3", "aac.aac", "aac.mka"].contains(&name);
        assert_is_the_signal(&recording, name, if untold { 0.027 } else { 0.001 });
        let original = recording.original.as_ref().expect("asked for");
        let whole = (original.samples.len() as f64 / f64::from(rate) - length_s).abs() < 1e-4;
        assert!(original.sample_rate == rate && whole, "{name}");
        for (in_mono, in_original) in
            clicks_s(&recording.mono.samples, ANALYSIS_RATE).into_iter().zip(clicks_s(&original.samples, rate))
        {
            assert!((in_mono - in_original).abs() < 0.0002, "{name}: both rates are apart");
        }
        let tags = recording.tags;
        let [artist, title, album, year] =
            [tags.artist, tags.title, tags.album, tags.year].map(Option::unwrap_or_default);
        if tagged {
            assert_eq!([&*artist, &*album, &*year], ["Artist", "Album", "1999"], "{name}");
            // ffmpeg puts the title of Matroska into the header of the segment, which Symphonia doesn't show.
            let titled = !["aac.mka", "opus.webm"].contains(&name);
            assert_eq!(title, if titled { "Title" } else { "" }, "{name}");
        }
    }
}

#[test]
fn analysis_keeps_the_mono_mix_only() {
    let listening = listen(&data("vbr.mp3")).expect("decodes");
    let analysis = decode(&data("vbr.mp3"), Keep::Analysis, &Progress::silent()).expect("decodes");
    assert!(analysis.original.is_none());
    assert_eq!(analysis.mono, listening.mono);
}

#[test]
fn the_sound_of_a_video_is_found() {
    let recording = listen(&data("video.mp4")).expect("decodes");
    assert_eq!(recording.codec, "aac");
    assert_is_the_signal(&recording, "video.mp4", 0.001);
}

#[test]
fn high_efficiency_aac_gives_its_core_with_a_warning() {
    let mut bytes = bytes_of("aac.m4a");
    // Our encoder makes plain AAC; claim that its band is to be replicated to 88.2 kHz.
    let (plain, claimed) = ([0x12, 0x10, 0x56, 0xe5, 0x00], [0x2a, 0x10, 0x88, 0x00, 0x00]);
    let at = bytes.windows(5).position(|window| window == plain).expect("ffmpeg's description");
    bytes[at..at + 5].copy_from_slice(&claimed);
    let recording = listen_to_bytes(&bytes).expect("decodes");
    assert_is_the_signal(&recording, "aac.m4a", 0.001);
    assert!(recording.warning.is_some_and(|warning| warning.starts_with("high-efficiency AAC")));
}

#[test]
fn a_wrong_extension_does_not_matter() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, as_name) in [("cbr.mp3", "a.wav"), ("opus.opus", "b.mp3"), ("aac.m4a", "c.flac"), ("flac.flac", "d")] {
        let path = folder.path().join(as_name);
        std::fs::copy(data(name), &path).expect("room for a copy");
        assert_is_the_signal(&listen(&path).expect("decodes"), name, 0.001);
    }
}

#[test]
fn two_ogg_streams_in_a_chain_follow_each_other() {
    for name in ["vorbis.ogg", "opus.opus"] {
        let once = bytes_of(name);
        let recording = listen_to_bytes(&[once.clone(), once].concat()).expect("decodes");
        assert!((recording.mono.seconds() - 4.0).abs() < 0.002, "{name}: {} s", recording.mono.seconds());
        let second = &recording.mono.samples[2 * ANALYSIS_RATE as usize..];
        for (found, click) in clicks_s(second, ANALYSIS_RATE).into_iter().zip(CLICKS_S) {
            assert!((found - click).abs() < 0.001, "{name}: click at {found:.4} s of the second stream");
        }
    }
}

#[test]
fn progress_ends_at_the_end_and_a_cancel_stops() {
    let progress = Progress::silent();
    decode(&data("cbr.mp3"), Keep::Analysis, &progress).expect("decodes");
    assert!(progress.fraction() > 0.9, "{}", progress.fraction());
    progress.cancel();
    let outcome = decode(&data("cbr.mp3"), Keep::Analysis, &progress);
    assert!(matches!(outcome, Err(antiphon::Error::Cancelled)));
}
