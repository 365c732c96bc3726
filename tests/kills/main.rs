//! Commands that are killed at random moments, and commands that the disk has no room for: nothing is lost, and run
//! again they come to the same result as undisturbed.
//!
//! `ANTIPHON_KILLS=1000 cargo test --test kills killed` kills each command as often; ordinarily it is a few times.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod full;
mod moments;

use antiphon::dataset::{Dataset, Pair, Split, Work};
use antiphon::features::WIDE_BINS;
use antiphon::job::Progress;
use antiphon::midi::Midi;
use antiphon::synth::{SoundFont, render};
use ndarray::Array2;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program, without a display.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_antiphon"));
    command.args(arguments).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET");
    command
}

/// Runs it to its end.
fn succeeds(arguments: &[&str]) {
    let output = program(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// Whatever is below a folder: relative paths and bytes. Nothing if there is no folder.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().to_path_buf();
                found.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Makes a folder hold these files and no others.
fn put(folder: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    if folder.exists() {
        std::fs::remove_dir_all(folder).unwrap();
    }
    std::fs::create_dir(folder).unwrap();
    for (name, bytes) in files {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}

/// Lines that several threads wrote come in any order.
fn in_order(bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "the last line is cut short");
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    lines.sort_unstable();
    lines.concat()
}

/// Lines as values, without what a clock says.
fn without_time(bytes: &[u8]) -> Vec<Value> {
    let mut lines: Vec<Value> = bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    for line in lines.iter_mut().filter_map(Value::as_object_mut) {
        line.retain(|name, _| {
            !["at", "seconds", "seconds_left", "ms_per_step", "frames_per_s"].contains(&name.as_str())
        });
    }
    lines
}

fn wav(path: &Path, samples: impl IntoIterator<Item = f32>) {
    let (bits_per_sample, sample_format) = (16, hound::SampleFormat::Int);
    let spec = hound::WavSpec { channels: 1, sample_rate: 22_050, bits_per_sample, sample_format };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in samples {
        writer.write_sample((sample.clamp(-1.0, 1.0) * 32_000.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// A second and a half of a tone.
fn tone(path: &Path, number: u32) {
    let frequency = 0.05 + 0.01 * number as f32;
    wav(path, (0..30_000).map(|i| (i as f32 * frequency).sin() * (0.3 - i as f32 / 2e5)));
}

/// A MIDI file of 64 quarter notes, other ones for each number, above a bass; and its sound.
fn tune(number: u32) -> (Vec<u8>, Vec<f32>) {
    let mut random = Pcg64::seed_from_u64(number.into());
    let mut track = Vec::new();
    for _ in 0..64 {
        let (high, low) = (random.random_range(60..84), random.random_range(36..56));
        let length = if random.random() { 96 } else { 48 };
        track.extend([0, 0x90, high, 90, 0, 0x90, low, 80, length, 0x80, high, 0, 0, 0x80, low, 0]);
    }
    track.extend(b"\0\xff\x2f\0");
    let mut midi = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk".to_vec();
    midi.extend((track.len() as u32).to_be_bytes());
    midi.extend(track);
    let (score, font) = (Midi::parse(&midi).unwrap(), SoundFont::bundled().unwrap());
    let wave = render(&score, &font, 22_050, &Progress::silent()).unwrap();
    (midi, wave.samples)
}

/// An index in `index` of four tones; two of them have changed since, and there are four more: what `index add` then
/// does writes a segment, removes entries of the one before, and merges the rest.
fn index_to_add_to(folder: &Path) -> Vec<String> {
    let (music, index) = (folder.join("music"), path(folder, "work/index"));
    std::fs::create_dir(&music).unwrap();
    let file = |number: u32| music.join(format!("{number}.wav"));
    for number in 0..4 {
        tone(&file(number), number);
    }
    let music = path(&music, "");
    succeeds(&["index", "build", &music, "--index", &index, "--embedding", "statistics", "--quiet"]);
    for number in 2..8 {
        tone(&file(number), number + 10);
    }
    ["index", "add", &music, "--index", &index, "--quiet"].map(str::to_owned).to_vec()
}

/// An index of two tones and a tune, and six queries.
fn queries(folder: &Path) -> Vec<String> {
    let (music, queries) = (folder.join("music"), folder.join("queries"));
    std::fs::create_dir(&music).unwrap();
    std::fs::create_dir(&queries).unwrap();
    tone(&music.join("1.wav"), 1);
    tone(&music.join("2.wav"), 2);
    let (midi, sound) = tune(0);
    std::fs::write(queries.join("tune.mid"), midi).unwrap();
    wav(&music.join("tune.wav"), sound);
    for number in 3..8 {
        tone(&queries.join(format!("{number}.wav")), number);
    }
    let (music, index) = (path(&music, ""), path(folder, "index"));
    succeeds(&["index", "build", &music, "--index", &index, "--embedding", "statistics", "--quiet"]);
    let (queries, out) = (path(&queries, ""), path(folder, "work/out"));
    ["match", "--index", &index, "-o", &out, "--write-aligned", "--quiet", &queries].map(str::to_owned).to_vec()
}

/// Three songs under equal names on both sides.
fn collection(folder: &Path) -> Vec<String> {
    for side in ["midi", "audio"] {
        std::fs::create_dir(folder.join(side)).unwrap();
    }
    for (number, name) in (0..).zip(["Alpha - First song", "Bravo - Second tune", "Charlie - Third air"]) {
        let (midi, sound) = tune(number);
        std::fs::write(folder.join(format!("midi/{name}.mid")), midi).unwrap();
        wav(&folder.join(format!("audio/{name}.wav")), sound);
    }
    let (midi, audio, list) = (path(folder, "midi"), path(folder, "audio"), path(folder, "work/pairs.jsonl"));
    ["collect", "--midi", &midi, "--audio", &audio, "-o", &list, "--quiet"].map(str::to_owned).to_vec()
}

/// Eight works whose sides are identical, and a training that leaves checkpoints.
fn training(folder: &Path) -> Vec<String> {
    const FRAMES: usize = 64;
    let data = folder.join("data");
    std::fs::create_dir_all(data.join("pairs")).unwrap();
    let work = |index: usize| {
        let value = |(t, b): (usize, usize)| -(((t / 8 * 31 + b * 17 + index * 13) % 23) as f32) / 3.0;
        let midi = Array2::from_shape_fn((FRAMES, WIDE_BINS), value);
        let id = format!("{index:032x}");
        let pair = Pair { audio: midi.clone(), roll: midi.clone(), midi, midi_time: vec![0.0; FRAMES] };
        Dataset::store(&data, &id, 0, &pair, &Value::Null).unwrap();
        let (path, title) = (PathBuf::from("a.mid"), index.to_string());
        let split = [Split::Train, Split::Train, Split::Valid, Split::Test][index % 4];
        let (recordings, skipped) = (Vec::new(), None);
        Work { id, path, title, group: index, split, frames: vec![FRAMES], recordings, skipped, warning: None }
    };
    Dataset::new(&data, Value::Null, (0..8).map(work).collect()).save().unwrap();
    let (data, model) = (path(&data, ""), path(folder, "work/hash.safetensors"));
    ["train", "hash", "--data", &data, "-o", &model, "--steps", "150", "--batch", "2", "--crop", "32", "--quiet"]
        .map(str::to_owned)
        .to_vec()
}

/// The numbers of a model: what comes after the header, which says how long the training took.
fn numbers(model: &[u8]) -> Vec<u8> {
    let header = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    model[8 + header..].to_vec()
}
