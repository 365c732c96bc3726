//! Hash and embedding models, the judge, and networks that a person has written down.

use super::{Folder, kind, safetensors};
use antiphon::embedding::{EmbeddingArchitecture, EmbeddingModel};
use antiphon::files::Kind;
use antiphon::hashing::{Architecture, HashModel, Side};
use antiphon::verdict::Judge;
use ndarray::Array2;
use serde_json::Value;

fn hashes(folder: &Folder, model: &HashModel) {
    let frames = Array2::from_shape_fn((40, 48), |(i, j)| ((i * 31 + j * 17) % 23) as f32 / -3.0);
    for side in [Side::Midi, Side::Audio] {
        assert_eq!(model.hash(side, frames.view()).len(), 40_usize.div_ceil(model.downsampling()));
    }
    let bytes = model.to_bytes().expect("what was read can be written");
    let again = HashModel::load(&folder.put("again.safetensors", &bytes)).expect("our own file");
    assert_eq!(again.to_bytes().expect("written"), bytes);
}

fn embeds(folder: &Folder, model: &EmbeddingModel) {
    let frames = Array2::from_shape_fn((70, 48), |(i, j)| ((i * 31 + j * 17) % 23) as f32 / -3.0);
    for side in [Side::Midi, Side::Audio] {
        assert_eq!(model.embed(side, frames.view()).vector.len(), 128);
    }
    let bytes = model.to_bytes().expect("what was read can be written");
    let again = EmbeddingModel::load(&folder.put("again.safetensors", &bytes)).expect("our own file");
    assert_eq!(again.to_bytes().expect("written"), bytes);
}

/// Networks of the largest size that is allowed take seconds and a gigabyte: those are not what is looked for here.
fn is_small(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() <= 64.0),
        Value::Array(values) => values.iter().all(is_small),
        Value::Object(fields) => fields.values().all(is_small),
        _ => true,
    }
}

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let Some((what, rest)) = kind(bytes, 6) else { return };
    match what {
        0 | 1 => {
            let whole = if what == 0 { rest.to_vec() } else { safetensors(rest) };
            let path = folder.put("model.safetensors", &whole);
            let known = Kind::of(&path);
            if let Ok(model) = HashModel::load(&path) {
                assert_eq!(known.expect("readable"), Kind::HashModel);
                hashes(&folder, &model);
            } else if let Ok(model) = EmbeddingModel::load(&path) {
                assert_eq!(known.expect("readable"), Kind::EmbeddingModel);
                embeds(&folder, &model);
            }
        }
        2 | 3 => {
            if let Ok(judge) = Judge::load(&folder.put("judge.json", rest)) {
                for entries in [0, 1, 1_000_000] {
                    assert!(
                        (0.0..=1.0).contains(&judge.search_threshold(entries)),
                        "{}",
                        judge.search_threshold(entries)
                    );
                }
                let again = Judge::load(&folder.put("judge.json", judge.to_json().as_bytes())).expect("our own file");
                assert_eq!(again.to_json(), judge.to_json());
            }
        }
        _ if !serde_json::from_slice(rest).is_ok_and(|value| is_small(&value)) => {}
        4 => {
            let Ok(architecture) = serde_json::from_slice::<Architecture>(rest) else { return };
            if let Ok(model) = HashModel::new(architecture, 1) {
                hashes(&folder, &model);
            }
        }
        _ => {
            let Ok(architecture) = serde_json::from_slice::<EmbeddingArchitecture>(rest) else { return };
            if let Ok(model) = EmbeddingModel::new(architecture, 1) {
                embeds(&folder, &model);
            }
        }
    }
}
