//! The checkpoint of a training, which goes on from it for a step and leaves one again.

use super::{Folder, kind, safetensors};
use antiphon::Error;
use antiphon::dataset::{Dataset, Pair, Split, Work};
use antiphon::features::WIDE_BINS;
use antiphon::hashing::{Architecture, InputScaling, MidiFeatures};
use antiphon::job::Progress;
use antiphon::network::Layer;
use antiphon::training::{Measured, Options, Processor, train_hash};
use ndarray::Array2;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::LazyLock;

/// A data set that is as small as one can be.
fn data(folder: &Folder) -> PathBuf {
    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join("pairs")).expect("a folder");
    let work = |index: usize| {
        let value = |(t, b): (usize, usize)| -(((t / 8 * 31 + b * 17 + index * 13) % 23) as f32) / 3.0;
        let midi = Array2::from_shape_fn((40, WIDE_BINS), value);
        let id = format!("{index:032x}");
        let pair = Pair { audio: midi.clone(), roll: midi.clone(), midi, midi_time: vec![0.0; 40] };
        Dataset::store(&data, &id, 0, &pair, &Value::Null).expect("stored");
        let split = if index < 2 { Split::Train } else { Split::Valid };
        let (path, title) = (PathBuf::from("a.mid"), index.to_string());
        Work {
            id,
            path,
            title,
            group: index,
            split,
            frames: vec![40],
            recordings: Vec::new(),
            skipped: None,
            warning: None,
        }
    };
    Dataset::new(&data, Value::Null, (0..4).map(work).collect()).save().expect("saved");
    data
}

fn train(folder: &Folder) -> Result<u64, Error> {
    let layers = vec![
        Layer::Flatten,
        Layer::Convolution { time: 1, pitch: 1, filters: 1 },
        Layer::Pool { time: 8, pitch: 1 },
        Layer::Dense { units: 2 },
        Layer::Tanh,
    ];
    let (midi_input, scaling) = (MidiFeatures::ConstantQ, InputScaling::FrameMean);
    let options = Options {
        architecture: Architecture { name: "least".into(), midi_input, scaling, layers },
        batch: 2,
        crop_frames: 16,
        steps: 300,
        validate_every: 1,
        patience: 50,
        seed: 1,
        ..Options::antiphon()
    };
    let progress = Progress::silent();
    let mut reached = 0;
    let mut report = |measured: &Measured| {
        reached = measured.step;
        // It ends at the next step, and leaves a checkpoint.
        progress.cancel();
    };
    let output = folder.path().join("model.safetensors");
    train_hash(&[data(folder)], &options, &output, Processor::Cpu, &progress, &mut report)?;
    Ok(reached)
}

/// What a checkpoint of this training says of its options and data, as text in JSON.
static MADE_WITH: LazyLock<String> = LazyLock::new(|| {
    let folder = Folder::new();
    assert!(matches!(train(&folder), Err(Error::Cancelled)));
    let bytes = std::fs::read(folder.path().join("model.safetensors.checkpoint")).expect("left");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    let metadata: Value =
        serde_json::from_str(header["__metadata__"]["antiphon"].as_str().expect("text")).expect("JSON");
    metadata["made_with"].to_string()
});

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let Some((what, rest)) = kind(bytes, 3) else { return };
    let made_with = MADE_WITH.as_str();
    let checkpoint = if what == 0 {
        rest.to_vec()
    } else {
        // A mutation need not spell out the options.
        let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let mut parts = String::from_utf8_lossy(&rest[..end]).replacen("\"MADE_WITH\"", made_with, 1).into_bytes();
        parts.extend(&rest[end..]);
        safetensors(&parts)
    };
    folder.put("model.safetensors.checkpoint", &checkpoint);
    match train(&folder) {
        // One that is damaged says so; of one that is not a step was taken.
        Err(Error::Model { .. } | Error::Cancelled | Error::Training(_)) | Ok(_) => {}
        Err(other) => panic!("{other}"),
    }
}
