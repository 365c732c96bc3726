//! Samples as stored: every width, rate and channel count of WAV and AIFF.

use super::{chunk, listen_to_bytes, wav};
use antiphon::audio::ANALYSIS_RATE;
use std::f64::consts::TAU;

const RATES: [u32; 7] = [8000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000];

/// Half a second of a sine at 440 Hz and half of full scale.
fn sine(rate: u32) -> Vec<f64> {
    (0..rate / 2).map(|n| 0.5 * (TAU * 440.0 * f64::from(n) / f64::from(rate)).sin()).collect()
}

/// One sample as WAV stores it.
fn stored(x: f64, format: u16, bits: u16) -> Vec<u8> {
    match (format, bits) {
        (1, 8) => vec![(x * 127.0 + 128.0).round() as u8],
        (1, 16) => ((x * 32_767.0).round() as i16).to_le_bytes().to_vec(),
        (1, 24) => ((x * 8_388_607.0).round() as i32).to_le_bytes()[..3].to_vec(),
        (1, 32) => ((x * 2_147_483_647.0).round() as i32).to_le_bytes().to_vec(),
        (3, 32) => (x as f32).to_le_bytes().to_vec(),
        (3, 64) => x.to_le_bytes().to_vec(),
        _ => unreachable!("not used here"),
    }
}

fn interleaved(samples: &[f64], channels: u16, format: u16, bits: u16) -> Vec<u8> {
    samples.iter().flat_map(|&x| stored(x, format, bits).repeat(usize::from(channels))).collect()
}

/// Greatest distance from the sine at the analysis rate, away from the ends.
fn error_of(mono: &[f32]) -> f64 {
    let ideal = |n: usize| 0.5 * (TAU * 440.0 * n as f64 / f64::from(ANALYSIS_RATE)).sin();
    (3000..mono.len() - 3000).map(|n| (f64::from(mono[n]) - ideal(n)).abs()).fold(0.0, f64::max)
}

#[test]
fn every_rate_width_and_channel_count_of_wav_gives_the_same_sine() {
    let widths = [(1, 8, 0.012), (1, 16, 5e-5), (1, 24, 1e-5), (1, 32, 1e-5), (3, 32, 1e-5), (3, 64, 1e-5)];
    for (number, rate) in RATES.into_iter().enumerate() {
        for (format, bits, tolerance) in widths {
            let channels = [1, 2, 6][number % 3];
            let name = format!("format {format}, {bits} bit, {channels} channels, {rate} Hz");
            let file = wav(format, bits, channels, rate, &interleaved(&sine(rate), channels, format, bits));
            let recording = listen_to_bytes(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((recording.source_rate, recording.channels), (rate, usize::from(channels)), "{name}");
            let seconds = f64::from(rate / 2) / f64::from(rate);
            assert_eq!(recording.mono.samples.len(), (seconds * 22_050.0).ceil() as usize, "{name}");
            assert_eq!(recording.warning, None, "{name}");
            let error = error_of(&recording.mono.samples);
            assert!(error < tolerance, "{name}: off by {error}");
            assert_eq!(recording.original.expect("asked for").samples.len(), rate as usize / 2, "{name}");
        }
    }
}

#[test]
fn hound_and_we_agree_on_16_bit_stereo() {
    let mut file = std::io::Cursor::new(Vec::new());
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 22_050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::new(&mut file, spec).expect("a valid format");
    for n in -500_i16..500 {
        writer.write_sample(n * 60).expect("memory");
        writer.write_sample(n * -20).expect("memory");
    }
    writer.finalize().expect("memory");
    let recording = listen_to_bytes(file.get_ref()).expect("decodes");
    let original = recording.original.expect("asked for");
    for (at, n) in (-500_i16..500).enumerate() {
        let (left, right) = (f32::from(n * 60) / 32_768.0, f32::from(n * -20) / 32_768.0);
        assert!((original.samples[at] - 0.5 * (left + right)).abs() < 1e-7);
        assert!((recording.mono.samples[at] - original.samples[at]).abs() < 1e-7);
    }
}

/// An 80-bit float of AIFF, for whole numbers.
fn extended(value: u32) -> [u8; 10] {
    let mut bytes = [0; 10];
    let shift = value.leading_zeros();
    bytes[..2].copy_from_slice(&(16_383 + 31 - shift as u16).to_be_bytes());
    bytes[2..6].copy_from_slice(&(value << shift).to_be_bytes());
    bytes
}

fn be_chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    [kind.as_slice(), &(body.len() as u32).to_be_bytes(), body].concat()
}

#[test]
fn aiff_of_every_width_gives_the_same_sine() {
    for (rate, bits, tolerance) in [(8000, 8_u16, 0.012), (44_100, 16, 5e-5), (48_000, 24, 1e-5), (96_000, 32, 1e-5)] {
        let samples = sine(rate);
        let body: Vec<u8> = samples
            .iter()
            .flat_map(|&x| {
                let mut bytes = if bits == 8 { vec![(x * 127.0).round() as i8 as u8] } else { stored(x, 1, bits) };
                bytes.reverse();
                bytes.repeat(2)
            })
            .collect();
        let frames = (samples.len() as u32).to_be_bytes();
        let common = [&2_u16.to_be_bytes()[..], &frames, &bits.to_be_bytes(), &extended(rate)].concat();
        let sound = [vec![0; 8], body].concat();
        let form = [b"AIFF".to_vec(), be_chunk(*b"COMM", &common), be_chunk(*b"SSND", &sound)].concat();
        let recording = listen_to_bytes(&be_chunk(*b"FORM", &form)).expect("decodes");
        assert_eq!((recording.source_rate, recording.channels, recording.warning), (rate, 2, None));
        let error = error_of(&recording.mono.samples);
        assert!(error < tolerance, "{bits} bit: off by {error}");
    }
}

#[test]
fn riff_info_gives_the_tags_of_a_wav_file() {
    let info =
        [b"INFO".to_vec(), chunk(*b"IART", b"Artist"), chunk(*b"INAM", b"Title"), chunk(*b"ICRD", b"1999")].concat();
    let mut file = wav(1, 16, 1, 22_050, &[0; 200]);
    file.extend(chunk(*b"LIST", &info));
    let tags = listen_to_bytes(&file).expect("decodes").tags;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.wav");
    std::fs::write(&path, &file).expect("written");
    assert_eq!(antiphon::audio::read_tags(&path).expect("read"), tags, "without decoding");
    assert_eq!([tags.artist, tags.title, tags.year].map(Option::unwrap_or_default), ["Artist", "Title", "1999"]);
}

#[test]
fn one_sample_silence_and_clipping_are_ordinary_recordings() {
    let one = listen_to_bytes(&wav(1, 16, 1, 44_100, &[0, 64])).expect("decodes");
    assert_eq!((one.mono.samples.len(), one.original.expect("asked for").samples[0]), (1, 0.5));
    let silent = listen_to_bytes(&wav(1, 16, 2, 44_100, &vec![0; 44_100])).expect("decodes");
    assert!(silent.mono.samples.iter().all(|&x| x == 0.0) && silent.warning.is_none());
    let clipped: Vec<f64> = sine(22_050).iter().map(|x| (x * 100.0).clamp(-1.0, 1.0)).collect();
    let clipped = listen_to_bytes(&wav(1, 16, 1, 22_050, &interleaved(&clipped, 1, 1, 16))).expect("decodes");
    assert!(clipped.mono.samples.iter().all(|x| x.abs() <= 1.0) && clipped.warning.is_none());
}

#[test]
fn what_is_no_number_is_silenced_and_counted() {
    let mut samples = vec![0.25_f32; 1000];
    (samples[10], samples[20], samples[30]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY);
    let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    let recording = listen_to_bytes(&wav(3, 32, 1, 22_050, &bytes)).expect("decodes");
    assert_eq!((recording.mono.samples[10], recording.mono.samples[11]), (0.0, 0.25));
    assert_eq!(recording.warning.as_deref(), Some("3 samples were no finite numbers and are silent now"));
}
