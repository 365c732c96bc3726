//! What Antiphon writes for others: the alignment as a document, a table, a MIDI file, audio and arrays.
//!
//! The formats are those of the manual in the README, which scripts rely on. Every file is written next to its
//! destination and then renamed, so that no half-written file ever appears under its name.

mod artefact;

pub use artefact::{Artefact, Exported, write_artefacts};

use crate::alignment::warp::TimeMap;
use crate::alignment::{ACCEPTED, Alignment, Played, Preset, Segment, retime};
use crate::audio::{AudioTime, Original, Stereo};
use crate::error::{Error, Result};
use crate::files::{found, parse_json};
use crate::job::Progress;
use crate::midi::{Midi, MidiTime};
use crate::pair::{AudioSide, MidiSide};
use crate::synth::{self, Score, SoundFont};
use ndarray::Array2;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Frames of audio between two checks for cancellation.
const CHECKED_EVERY: usize = 1 << 18;

/// Seconds that each stage of a whole job took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// Decoding and resampling the recording.
    pub decode: f64,
    /// Synthesising the MIDI and computing its features.
    pub synthesize: f64,
    /// Features and onsets of the recording.
    pub features: f64,
    /// The alignment itself.
    pub align: f64,
}

/// The document `alignment/1`. Its `seconds` are null if nothing was measured.
pub fn document(
    midi: &MidiSide,
    audio: &AudioSide,
    alignment: &Alignment,
    preset: Preset,
    soundfont: Option<&str>,
    seconds: Option<Seconds>,
) -> Value {
    let knots: Vec<[f64; 2]> = alignment.map.knots().map(|(m, a)| [m.0, a.0]).collect();
    let (first, last) = (knots[0], knots[knots.len() - 1]);
    json!({
        "antiphon": env!("CARGO_PKG_VERSION"),
        "format": "alignment/1",
        "midi": midi.path.to_string_lossy(),
        "audio": audio.path.to_string_lossy(),
        "confidence": alignment.confidence,
        "score": alignment.score,
        "accepted": alignment.accepted(),
        "verdict": alignment.verdict(),
        "threshold": alignment.judgement.as_ref().map_or(ACCEPTED, |judgement| judgement.threshold),
        "prior": alignment.judgement.as_ref().map(|judgement| judgement.prior),
        "judge": alignment.judgement.as_ref().map(|judgement| &judgement.judge),
        "evidence": alignment.judgement.as_ref().map(|judgement| &judgement.evidence),
        "frame_s": audio.features.times.seconds(1.0),
        "transpose": alignment.transpose,
        "tuning": audio.tuning,
        "path": knots,
        "span": { "midi": [first[0], last[0]], "audio": [first[1], last[1]] },
        "segments": segments(alignment),
        "unreliable": alignment.unreliable,
        "remarks": alignment.remarks,
        "warning": warning(midi.midi.warning().as_deref(), audio.recording.warning.as_deref()),
        "parameters": { "preset": preset, "soundfont": soundfont },
        "seconds": seconds,
    })
}

/// What was wrong with the files, in one line.
pub(crate) fn warning(midi: Option<&str>, recording: Option<&str>) -> Option<String> {
    let midi = midi.map(|warning| format!("MIDI: {warning}"));
    let all: Vec<String> = midi.into_iter().chain(recording.map(str::to_owned)).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// The table `audio_s,midi_s,cost`, a line for each knot of the map. Where the recording jumps there is a fourth
/// column, `segment`, counted from 1, and the knots are those of all segments: `midi_s` jumps back or ahead from one to
/// the next.
pub(crate) fn csv(alignment: &Alignment) -> String {
    let jump = alignment.segments.jump();
    let mut table = String::from(if jump { "audio_s,midi_s,cost,segment\n" } else { "audio_s,midi_s,cost\n" });
    let knots = alignment.segments.maps().iter().enumerate();
    let knots = knots.flat_map(|(number, map)| map.knots().map(move |knot| (number + 1, knot)));
    for ((segment, (MidiTime(m), AudioTime(a))), cost) in knots.zip(&alignment.costs) {
        // Writing to a string can't fail.
        let _infallible = write!(table, "{a:.6},{m:.6},{cost:.4}");
        if jump {
            let _infallible = write!(table, ",{segment}");
        }
        table.push('\n');
    }
    table
}

/// The segments. If the recording jumps, each has its own path; otherwise the document's `path` is the only one.
fn segments(alignment: &Alignment) -> Vec<Value> {
    let path = |map: &TimeMap| map.knots().map(|(m, a)| [m.0, a.0]).collect::<Vec<_>>();
    let spans = alignment.segments.spans().into_iter().zip(alignment.segments.maps());
    let value = |(span, map): (Segment, &TimeMap)| {
        let mut value = json!({ "midi": span.midi, "audio": span.audio });
        if alignment.segments.jump() {
            value["path"] = json!(path(map));
        }
        value
    };
    spans.map(value).collect()
}

/// The MIDI in the recording's timing and key, with the notes that the recording reaches. If the recording jumps, the
/// MIDI is as it is [played](Alignment::played), with a marker at each jump.
///
/// # Errors
/// Those of [`retime::retime`].
pub(crate) fn aligned_midi(midi: &MidiSide, audio: &AudioSide, alignment: &Alignment) -> Result<Midi> {
    aligned_part(midi, alignment, (AudioTime(0.0), AudioTime(audio.seconds())))
}

/// Like [`aligned_midi`], but with only what lies between two moments of the recording.
///
/// # Errors
/// Those of [`retime::retime`].
pub(crate) fn aligned_part(midi: &MidiSide, alignment: &Alignment, span: (AudioTime, AudioTime)) -> Result<Midi> {
    let Played { midi, map } = alignment.played(&midi.midi)?;
    let (first, last) = (map.to_midi(span.0), map.to_midi(span.1));
    let span = (MidiTime(first.0.max(0.0)), MidiTime(last.0.min(midi.end().0 + 1e-6)));
    retime::retime(&midi, &map, span)
}

/// The MIDI file and the recording that a document `alignment/1` is about. Its paths may be relative to the current
/// folder or to the document's own.
///
/// # Errors
/// [`Error::Io`]; [`Error::List`] if it names no files, or files that do not exist.
pub fn pair_of(document: &Path) -> Result<[PathBuf; 2]> {
    let bad = |reason: String| Error::List { reason, path: document.to_path_buf() };
    let text = std::fs::read(document).map_err(Error::io("read", document))?;
    let value: Value = parse_json(&text).map_err(|error| bad(error.to_string()))?;
    let folder = document.parent().unwrap_or(Path::new(""));
    let find = |side: &str| {
        let text = value[side].as_str().ok_or_else(|| bad(format!("it names no {side}")))?;
        let path = PathBuf::from(text);
        let name = text.rsplit(['/', '\\']).next().unwrap_or_default();
        let places = [path.clone(), found(folder, text), found(folder, name)];
        let there = places.into_iter().find(|place| place.is_file());
        there.ok_or_else(|| bad(format!("its {side} is neither there nor beside it: {path:?}")))
    };
    Ok([find("midi")?, find("audio")?])
}

/// The listening test: the MIDI, warped to the recording's time, on the left; the recording, unaltered, on the right;
/// both equally loud. At the recording's own sample rate if the synthesiser supports it, else at 44 100 Hz.
///
/// # Errors
/// [`Error::Nothing`] if the recording was loaded without its listening samples; those of synthesising.
pub fn listen(
    midi: &MidiSide,
    original: Option<&Original>,
    alignment: &Alignment,
    font: &SoundFont,
    progress: &Progress,
) -> Result<Stereo> {
    let missing = || Error::nothing("the recording was loaded without its listening samples");
    let original = original.ok_or_else(missing)?;
    let Played { midi, map } = alignment.played(&midi.midi)?;
    let score = Score::new(&midi, |time| map.to_audio(time).0);
    let rate = original.sample_rate.clamp(16_000, 192_000);
    let rendered = synth::render_stereo(&score, font, rate, &progress.part(0.0, 0.9))?;
    let mut left: Vec<f32> = rendered.left.iter().zip(&rendered.right).map(|(l, r)| 0.5 * (l + r)).collect();
    progress.step(92, 100)?;
    let mut right = original.samples.to_vec();
    progress.step(94, 100)?;
    if original.sample_rate != rendered.sample_rate {
        // The synthesiser can't go below 16 kHz; then the recording's samples are held instead: this is a listening
        // aid.
        let ratio = f64::from(original.sample_rate) / f64::from(rendered.sample_rate);
        let count = (right.len() as f64 / ratio) as usize;
        right = (0..count).map(|i| right[((i as f64 * ratio) as usize).min(right.len() - 1)]).collect();
    }
    left.resize(right.len(), 0.0);
    let level = |x: &[f32]| (x.iter().map(|&v| f64::from(v * v)).sum::<f64>() / x.len().max(1) as f64).sqrt();
    for side in [&mut left, &mut right] {
        let peak = side.iter().fold(0.0f32, |a, &b| a.max(b.abs()));
        // −20 dB RMS, but never over full scale.
        let gain = (0.1 / level(side).max(1e-9)) as f32;
        let gain = gain.min(0.99 / peak.max(1e-9));
        for x in side.iter_mut() {
            *x *= gain;
        }
        progress.step(98, 100)?;
    }
    Ok(Stereo { left, right, sample_rate: rendered.sample_rate })
}

/// A 16-bit WAV file.
///
/// # Errors
/// [`Error::Limit`] if it would be longer than the format allows; [`Error::Cancelled`].
pub fn wav(sound: &Stereo, progress: &Progress) -> Result<Vec<u8>> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: sound.sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let too_long = |_| Error::Limit {
        what: "sound",
        value: format!("of {} samples", sound.left.len()),
        limit: "what a WAV file holds (4 GiB)".into(),
    };
    let mut writer = hound::WavWriter::new(&mut bytes, spec).map_err(too_long)?;
    for (frame, (l, r)) in sound.left.iter().zip(&sound.right).enumerate() {
        if frame % CHECKED_EVERY == 0 {
            progress.step(frame, sound.left.len())?;
        }
        for x in [l, r] {
            writer.write_sample((x.clamp(-1.0, 1.0) * 32767.0).round() as i16).map_err(too_long)?;
        }
    }
    writer.finalize().map_err(too_long)?;
    Ok(bytes.into_inner())
}

/// A PNG file.
///
/// # Errors
/// [`Error::Internal`] if it has no pixels.
pub fn png(picture: &image::RgbaImage) -> Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(Error::internal("a picture can't be written as PNG"))?;
    Ok(bytes.into_inner())
}

/// A `NumPy` array file (version 1.0) of a matrix, `f32`, rows first.
pub fn npy(matrix: &Array2<f32>) -> Vec<u8> {
    let mut bytes = npy_header("<f4", &format!("({}, {})", matrix.nrows(), matrix.ncols()));
    bytes.extend(matrix.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

/// A `NumPy` array file (version 1.0) of codes, `u32`.
pub fn npy_codes(codes: &[u32]) -> Vec<u8> {
    let mut bytes = npy_header("<u4", &format!("({},)", codes.len()));
    bytes.extend(codes.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

fn npy_header(kind: &str, shape: &str) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version and length are 10 bytes; the data start at a multiple of 64.
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn npy_data_begin_at_a_multiple_of_64() {
        let bytes = npy(&Array2::from_elem((3, 5), 0.5));
        let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + header) % 64, 0);
        assert_eq!(bytes.len(), 10 + header + 3 * 5 * 4);
        assert_eq!(bytes[bytes.len() - 4..], 0.5f32.to_le_bytes());
    }

    #[test]
    fn wav_holds_both_channels() {
        let sound = Stereo { left: vec![0.5; 10], right: vec![-0.5; 10], sample_rate: 8000 };
        let bytes = wav(&sound, &Progress::silent()).expect("short enough");
        let read: Vec<i16> =
            hound::WavReader::new(&bytes[..]).expect("a wav").samples().map(|x| x.expect("a sample")).collect();
        assert_eq!(read.len(), 20);
        assert!(read[0] > 16_000 && read[1] < -16_000);
    }
}
