//! Comparisons with librosa and numba: the output of the recipes in `tests/data/golden/HOW.md`.

mod beats;
mod cqt;
mod dtw;

use antiphon::audio::Waveform;
use std::path::PathBuf;

/// A synthesised piano, a synthesised band and a recording of an orchestra.
const CASES: [&str; 3] = ["piano", "band", "recording"];

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden").join(name)
}

fn waveform(case: &str) -> Waveform {
    let mut reader = hound::WavReader::open(file(&format!("{case}.wav"))).expect("a golden file");
    let sample_rate = reader.spec().sample_rate;
    let samples = reader.samples::<i16>().map(|s| f32::from(s.expect("a sample")) / 32_768.0).collect();
    Waveform { samples, sample_rate }
}

/// The values and shape of a little-endian f32 array in C order, as numpy's version 1 format stores them.
fn npy(name: &str) -> (Vec<f32>, Vec<usize>) {
    let bytes = std::fs::read(file(name)).expect("a golden file");
    assert!(bytes.starts_with(b"\x93NUMPY\x01"), "{name} is not npy version 1");
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + header_len]).expect("an ASCII header");
    assert!(header.contains("'<f4'") && header.contains("'fortran_order': False"), "{header}");
    let shape = header.split(['(', ')']).nth(1).expect("a shape");
    let shape: Vec<usize> = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let values: Vec<f32> = bytes[10 + header_len..].as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    assert_eq!(values.len(), shape.iter().product::<usize>());
    (values, shape)
}
