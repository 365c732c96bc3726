//! Files are read back unchanged or refused with a reason; shapes are those of the papers.

use super::*;
use proptest::prelude::*;
use safetensors::SafeTensors;
use std::collections::HashMap;

fn small() -> HashModel {
    let layers = vec![
        Layer::Flatten,
        Layer::Convolution { time: 3, pitch: 1, filters: 4 },
        Layer::Relu,
        Layer::Pool { time: 2, pitch: 1 },
        Layer::Dense { units: 16 },
        Layer::Tanh,
    ];
    let architecture = Architecture { name: "small".into(), layers, ..Architecture::antiphon() };
    let mut model = HashModel::new(architecture, 3).expect("a model");
    model.branch_mut(Side::Midi).mean[7] = 0.123_456_79;
    model.branch_mut(Side::Audio).deviation[47] = 3.3e-5;
    let record = TrainingRecord { step: 7, validation_bc: 0.25, ..TrainingRecord::default() };
    model.set_record(record);
    model
}

fn frames(count: usize) -> Array2<f32> {
    Array2::from_shape_fn((count, INPUT_BINS), |(t, b)| ((t * 31 + b * 17) % 23) as f32 / 3.0 - 9.0)
}

fn refusal(bytes: &[u8]) -> String {
    HashModel::from_bytes(bytes).map(|_| ()).expect_err("refused")
}

#[test]
fn what_is_saved_is_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let model = small();
    std::fs::write(&path, model.to_bytes().expect("bytes")).expect("written");
    let loaded = HashModel::load(&path).expect("loaded");
    assert_eq!((loaded.architecture(), loaded.record()), (model.architecture(), model.record()));
    for side in [Side::Midi, Side::Audio] {
        assert_eq!(loaded.network(side).parameters(), model.network(side).parameters());
        assert_eq!(loaded.branch(side).mean, model.branch(side).mean);
        assert_eq!(loaded.branch(side).deviation, model.branch(side).deviation);
        assert_eq!(loaded.hash(side, frames(9).view()), model.hash(side, frames(9).view()));
    }
    assert_eq!(loaded.to_bytes().expect("bytes"), model.to_bytes().expect("bytes"));
    assert_ne!(model.hash(Side::Midi, frames(9).view()), model.hash(Side::Audio, frames(9).view()));
}

#[test]
fn the_published_shapes_have_the_published_sizes() {
    for (architecture, parameters, bits, downsampling, bytes) in [
        (Architecture::gen1(), 5.02e6, 16, 4, 60),
        (Architecture::gen2(), 10.6e6, 32, 8, 50),
        (Architecture::antiphon(), 0.31e6, 32, 8, 50),
    ] {
        let model = HashModel::new(architecture, 0).expect("a model");
        let count = model.network(Side::Audio).parameters().len() as f64;
        assert!((count / parameters - 1.0).abs() < 0.02, "{}: {count}", model.architecture().name);
        assert_eq!((model.bits(), model.downsampling(), model.architecture().bits()), (bits, downsampling, bits));
        assert_eq!(model.hash(Side::Midi, frames(17).view()).len(), 17_usize.div_ceil(downsampling));
        assert!(bytes > 0);
    }
    let gen1 = HashModel::new(Architecture::gen1(), 0).expect("a model").first_kernels(Side::Midi);
    assert_eq!((gen1.len(), gen1[0].dim()), (16, (5, 12)));
    let ours = HashModel::new(Architecture::antiphon(), 0).expect("a model");
    assert_eq!(ours.first_kernels(Side::Midi)[127].dim(), (5, INPUT_BINS));
    assert_eq!(ours.activations(Side::Audio, frames(20).view(), 2).dim(), (20, 128));
}

#[test]
fn gain_changes_no_code() {
    for scaling in [InputScaling::Papers, InputScaling::FrameMean, InputScaling::Standardised] {
        let architecture = Architecture { scaling, ..Architecture::antiphon() };
        let model = HashModel::new(architecture, 1).expect("a model");
        let louder = frames(64) + 2.0;
        let (a, b) = (model.outputs(Side::Audio, frames(64).view()), model.outputs(Side::Audio, louder.view()));
        assert!((&a - &b).iter().all(|d| d.abs() < 1e-3), "{scaling:?}");
    }
}

#[test]
fn bits_are_signs() {
    let outputs = ndarray::array![[0.5_f32, -0.5, 0.1], [0.0, f32::NAN, 1.0]];
    assert_eq!(codes(outputs.view()), [0b101, 0b100]);
}

/// A file whose metadata was changed by replacing one text with another.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let bytes = small().to_bytes().expect("bytes");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("whole");
    let text = header.metadata().as_ref().expect("metadata")["antiphon"].clone();
    assert!(text.contains(from), "{from} is not in {text}");
    let tensors = SafeTensors::deserialize(&bytes).expect("whole");
    let metadata = HashMap::from([("antiphon".to_owned(), text.replace(from, to))]);
    safetensors::serialize(tensors.tensors(), Some(metadata)).expect("bytes")
}

#[test]
fn another_kind_of_file_is_refused_with_its_reason() {
    assert!(refusal(b"").contains("not a whole safetensors file"));
    assert!(refusal(&changed("hash-model/1", "hash-model/2")).contains("\"hash-model/2\""));
    assert!(refusal(&changed("\"format\"", "\"kind\"")).contains("names no format"));
    assert!(refusal(&changed("\"filters\":4", "\"filters\":5")).contains("number of parameters"));
    assert!(refusal(&changed("\"filters\":4", "\"filters\":4000000000")).contains("filters 4000000000 is outside"));
    assert!(refusal(&changed("\"time\":3", "\"time\":1")).contains("number of parameters"));
    assert!(refusal(&changed("\"flatten\",", "")).contains("number of parameters"));
    assert!(refusal(&changed("\"tanh\"", "\"sigmoid\"")).contains("sigmoid"));
    assert!(refusal(&changed("0.12345679,", "")).contains("midi mean has 47 values"));
    assert!(refusal(&changed("0.000033", "-1.0")).contains("audio deviation holds -1"));

    let mut model = small();
    model.branch_mut(Side::Audio).network.parameters_mut()[5] = f32::NAN;
    assert!(model.to_bytes().expect_err("refused").to_string().contains("audio.1.weights is not finite"));
    // The same file with a parameter that is NaN: the last four bytes are one.
    let mut bytes = small().to_bytes().expect("bytes");
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(refusal(&bytes).contains("is not finite"));
}

proptest! {
    #[test]
    fn a_damaged_file_is_an_error_and_not_a_panic(cut in 0_usize..9000, at in 0_usize..9000, value: u8) {
        let mut bytes = small().to_bytes().expect("bytes");
        prop_assert!(HashModel::from_bytes(&bytes[..cut.min(bytes.len() - 1)]).is_err());
        let at = at % bytes.len();
        bytes[at] = value;
        // Either result is right; the property is that there is one.
        drop(HashModel::from_bytes(&bytes));
    }
}

#[test]
fn the_bundled_model_is_sound_small_and_says_how_it_was_trained() {
    assert!(BUNDLED.len() <= 8 << 20, "{} bytes", BUNDLED.len());
    let model = HashModel::bundled().expect("a model");
    assert_eq!((model.bits(), model.downsampling()), (32, 8));
    let record = model.record();
    assert!(record.steps > 0 && record.works > 0 && record.validation_bc < 0.6, "{record:?}");
    let codes = model.hash(Side::Audio, frames(160).view());
    assert!(codes.iter().any(|code| *code != codes[0]));
}
