//! A tiny set is learned; an interrupted training resumes as if it had not been interrupted; impossible options are
//! refused.

use super::task::Standing;
use super::*;
use crate::dataset::{Dataset, Pair, Split, Work};
use crate::encoder::Side;
use crate::error::{Error, Result};
use crate::features::WIDE_BINS;
use crate::hashing::{Architecture, HashModel};
use crate::job::Progress;
use crate::network::{Layer, tensors};
use ndarray::Array2;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A data set with this many training works, half of which are also validated on: it shows whether they are learned.
/// Chords change every 8 frames; the recording has other levels, an overtone and noise.
pub(super) fn data(works: usize, frames: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("pairs")).expect("a folder");
    let entries: Vec<Work> = (0..works + works / 2)
        .map(|index| {
            let mut rng = Pcg64::seed_from_u64((index % works) as u64);
            let (mut midi, mut audio) =
                (Array2::from_elem((frames, WIDE_BINS), -9.0), Array2::from_elem((frames, WIDE_BINS), -6.0));
            for chord in 0..frames.div_ceil(8) {
                for note in (0..4).map(|_| rng.random_range(0..WIDE_BINS)).collect::<Vec<_>>() {
                    for frame in chord * 8..(chord * 8 + 8).min(frames) {
                        midi[[frame, note]] = 0.0;
                        audio[[frame, note]] = -0.5;
                        if note + 12 < WIDE_BINS {
                            audio[[frame, note + 12]] = -1.5;
                        }
                    }
                }
            }
            audio.mapv_inplace(|v: f32| v + rng.random_range(-0.4..0.4));
            let roll = midi.mapv(|v: f32| if v == 0.0 { 90.0 } else { 0.0 });
            let id = format!("{index:032x}");
            let pair = Pair { midi, audio, roll, midi_time: (0..frames).map(|i| i as f32).collect() };
            Dataset::store(folder.path(), &id, 0, &pair, &Value::Null).expect("stored");
            let split = if index < works { Split::Train } else { Split::Valid };
            let (path, title) = (PathBuf::from("a.mid"), format!("{index}"));
            Work {
                id,
                path,
                title,
                group: index,
                split,
                frames: vec![frames],
                recordings: Vec::new(),
                skipped: None,
                warning: None,
            }
        })
        .collect();
    Dataset::new(folder.path(), Value::Null, entries).save().expect("saved");
    folder
}

pub(super) fn options() -> Options {
    let mut layers = vec![Layer::Flatten];
    for time in [3, 3] {
        let convolution = Layer::Convolution { time, pitch: 1, filters: 48 };
        layers.extend([convolution, Layer::Relu, Layer::Pool { time: 2, pitch: 1 }]);
    }
    layers.extend([Layer::Dense { units: 32 }, Layer::Tanh]);
    Options {
        architecture: Architecture { name: "small".into(), layers, ..Architecture::antiphon() },
        rate: 3e-3,
        batch: 16,
        crop_frames: 48,
        transpose: 0,
        steps: 400,
        validate_every: 100,
        ..Options::antiphon()
    }
}

fn train(
    data: &tempfile::TempDir,
    options: &Options,
    output: &Path,
    progress: &Progress,
) -> Result<(HashModel, Vec<Measured>)> {
    train_on(Processor::Cpu, data, options, output, progress)
}

pub(super) fn train_on(
    processor: Processor,
    data: &tempfile::TempDir,
    options: &Options,
    output: &Path,
    progress: &Progress,
) -> Result<(HashModel, Vec<Measured>)> {
    let mut lines = Vec::new();
    let folders = [data.path().to_path_buf()];
    let mut report = |m: &Measured| lines.push(m.clone());
    let model = train_hash(&folders, options, output, processor, progress, &mut report)?;
    Ok((model, lines))
}

#[test]
fn a_tiny_set_is_learned() {
    let data = data(24, 96);
    let output = data.path().join("model.safetensors");
    let (model, lines) = train(&data, &options(), &output, &Progress::silent()).expect("trained");
    let last = lines.last().expect("validated");
    assert!(last.bc < 0.05 && last.distances.0 + 8.0 < last.distances.1, "{last:?}");
    assert_eq!((model.record().works, model.record().pairs, model.record().valid_works), (24, 24, 12));
    assert_eq!(model.record().steps, 400);
    let log = std::fs::read_to_string(data.path().join("training.jsonl")).expect("a log");
    let read: Vec<Measured> = log.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    assert_eq!(read.iter().map(|m| m.step).collect::<Vec<_>>(), [100, 200, 300, 400]);
    assert!(!checkpoint::place(&output).exists());
    assert_eq!(HashModel::load(&output).expect("loaded").record().step, model.record().step);
}

#[test]
fn the_published_loss_learns_the_same_from_the_piano_roll() {
    let data = data(24, 96);
    let mut options = options();
    options.architecture.midi_input = crate::hashing::MidiFeatures::PianoRoll;
    options.objective = Options::gen1().objective;
    options.rule = Options::gen1().rule;
    (options.rate, options.steps) = (1e-3, 600);
    let (_, lines) = train(&data, &options, &data.path().join("m"), &Progress::silent()).expect("trained");
    let last = lines.last().expect("validated");
    assert!(last.bc < 0.3, "{last:?}");
}

/// A progress that cancels once the training has advanced this many times.
pub(super) fn cancelled_after(moves: usize) -> Progress {
    let cell = std::sync::Arc::new(std::sync::OnceLock::<Progress>::new());
    let (inside, count) = (std::sync::Arc::clone(&cell), AtomicUsize::new(0));
    let progress = Progress::new(move || {
        if let Some(progress) = inside.get()
            && count.fetch_add(1, Ordering::Relaxed) >= moves
        {
            progress.cancel();
        }
    });
    drop(cell.set(progress.clone()));
    progress
}

#[test]
fn what_was_interrupted_goes_on_as_if_it_had_not_been() {
    let data = data(6, 64);
    let options = Options { steps: 40, validate_every: 10, batch: 5, ..options() };
    let whole = data.path().join("whole");
    let (model, lines) = train(&data, &options, &whole, &Progress::silent()).expect("trained");

    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("model");
    let mut cancels = 0;
    let resumed = loop {
        match train(&data, &options, &output, &cancelled_after(35)) {
            Err(Error::Cancelled) => cancels += 1,
            other => break other.expect("trained"),
        }
        assert!(cancels < 9, "it doesn't move on");
    };
    assert!(cancels > 0, "it was interrupted");
    for side in [Side::Midi, Side::Audio] {
        assert_eq!(resumed.0.network(side).parameters(), model.network(side).parameters(), "bit for bit");
    }
    let log = std::fs::read_to_string(folder.path().join("training.jsonl")).expect("a log");
    let read: Vec<Measured> = log.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    assert_eq!(read.len(), lines.len());
    for (a, b) in read.iter().zip(&lines) {
        assert_eq!((a.step, a.bc), (b.step, b.bc));
        // Sums that went through the text of a checkpoint: all but the last digit.
        assert!((a.loss - b.loss).abs() < 1e-9, "{} {}", a.loss, b.loss);
    }
}

#[test]
fn a_checkpoint_of_another_training_or_damaged_is_refused_and_stays() {
    let data = data(6, 64);
    let options = Options { steps: 40, batch: 5, ..options() };
    let output = data.path().join("model");
    assert!(matches!(train(&data, &options, &output, &cancelled_after(30)), Err(Error::Cancelled)));
    let place = checkpoint::place(&output);
    let bytes = std::fs::read(&place).expect("a checkpoint");

    let other = Options { rate: 1e-4, ..options.clone() };
    let error = train(&data, &other, &output, &Progress::silent()).expect_err("refused").to_string();
    assert!(error.contains("other options or data"), "{error}");
    assert_eq!(std::fs::read(&place).expect("still there"), bytes);

    std::fs::write(&place, &bytes[..bytes.len() / 2]).expect("written");
    let error = train(&data, &options, &output, &Progress::silent()).expect_err("refused").to_string();
    assert!(error.contains("not a whole safetensors file"), "{error}");
}

/// Checkpoints of version 0.1.0 had the names that `train --json` prints.
#[test]
fn a_checkpoint_has_a_name_of_its_own_and_goes_on_under_the_old_one() {
    let data = data(6, 64);
    let options = Options { steps: 40, batch: 5, ..options() };
    let output = data.path().join("model");
    assert!(matches!(train(&data, &options, &output, &cancelled_after(30)), Err(Error::Cancelled)));
    let place = checkpoint::place(&output);
    let (tensors, metadata) = tensors::read(&std::fs::read(&place).expect("a checkpoint")).expect("whole");
    let mut metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    assert_eq!(metadata["format"], "hash-checkpoint/1");
    let named = |metadata: &mut Value, format: &str| {
        metadata["format"] = format.into();
        std::fs::write(&place, tensors::write(&tensors, metadata.to_string()).expect("bytes")).expect("written");
    };

    named(&mut metadata, "embedding-checkpoint/1");
    let error = train(&data, &options, &output, &Progress::silent()).expect_err("refused").to_string();
    assert!(error.contains("its format is \"embedding-checkpoint/1\", \"hash-checkpoint/1\" is read"), "{error}");

    named(&mut metadata, "training/1");
    let (_, lines) = train(&data, &options, &output, &Progress::silent()).expect("goes on");
    assert!(metadata["standing"]["step"].as_u64().is_some_and(|step| step > 0));
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn what_cannot_be_learned_from_is_refused_with_its_reason() {
    let data = data(4, 40);
    let refused = |options: &Options, output: &str| {
        train(&data, options, &data.path().join(output), &Progress::silent()).expect_err("refused").to_string()
    };
    let error = refused(&options(), "model");
    assert!(error.contains("0 works of 48 frames or more to learn from, 2 are needed"), "{error}");
    let short = Options { crop_frames: 32, batch: 4, ..options() };
    assert!(refused(&Options { batch: 1, ..short.clone() }, "model").contains("batch 1 is outside 2 ..= 4096 crops"));
    assert!(refused(&Options { rate: f32::NAN, ..short.clone() }, "model").contains("learning rate NaN is outside"));
    assert!(refused(&Options { transpose: 7, ..short.clone() }, "model").contains("transposition 7"));
    assert!(refused(&short, "missing/model").contains("can't write"));
}

proptest! {
    #[test]
    fn the_rate_falls_and_ends_at_0(step in 0_u64..1000) {
        let options = Options { steps: 1000, ..Options::antiphon() };
        let at = |step| {
            let standing = Standing { step, ..Standing::default() };
            options.schedule().rate_at(options.schedule().fraction(&standing))
        };
        prop_assert!(at(step + 1) < at(step) && at(1000) < 1e-9);
    }
}

#[test]
fn it_goes_on_from_a_model_and_keeps_that_unless_it_gets_better() {
    let data = data(24, 96);
    let learned = data.path().join("learned.safetensors");
    let (before, _) =
        train(&data, &Options { steps: 100, ..options() }, &learned, &Progress::silent()).expect("trained");
    let from = |rate, steps| {
        let start = Start::Model(learned.clone());
        // Another architecture is requested: the model's is used.
        Options { start, rate, steps, validate_every: steps, architecture: Architecture::antiphon(), ..options() }
    };
    let output = data.path().join("more.safetensors");
    let (better, lines) = train(&data, &from(1e-3, 200), &output, &Progress::silent()).expect("trained");
    assert_eq!(lines.iter().map(|line| line.step).collect::<Vec<_>>(), [0, 200]);
    assert!((lines[0].bc - before.record().validation_bc).abs() < 1e-9, "{lines:?}");
    assert!(lines[1].bc < lines[0].bc, "{lines:?}");
    assert_eq!((better.record().step, better.architecture()), (200, before.architecture()));

    let (kept, lines) = train(&data, &from(1.0, 10), &output, &Progress::silent()).expect("trained");
    assert!(lines[1].bc > lines[0].bc, "{lines:?}");
    assert_eq!(kept.record().step, 0);
    let codes = |model: &HashModel| {
        model.hash(Side::Midi, Array2::from_shape_fn((96, 48), |(t, b)| -((t * b % 17) as f32)).view())
    };
    assert_eq!(codes(&kept), codes(&before));

    let missing = Options { start: Start::Model(data.path().join("none")), ..options() };
    assert!(
        train(&data, &missing, &output, &Progress::silent())
            .is_err_and(|error| error.to_string().contains("can't read"))
    );
}
