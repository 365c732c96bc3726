use super::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

fn frames(count: usize, seed: u64) -> Array2<f32> {
    let mut rng = Pcg64::seed_from_u64(seed);
    Array2::from_shape_fn((count, INPUT_BINS), |_| rng.random_range(-9.0..0.0))
}

fn small() -> EmbeddingModel {
    let front = vec![Layer::Flatten, Layer::Convolution { time: 3, pitch: 1, filters: 6 }, Layer::Relu];
    let architecture = EmbeddingArchitecture { front, head: head(&[5]), ..EmbeddingArchitecture::antiphon() };
    EmbeddingModel::new(architecture, 3).unwrap()
}

#[test]
fn published_sizes() {
    let gen1 = EmbeddingModel::new(EmbeddingArchitecture::gen1(), 0).unwrap();
    // 5·12·16 + 16, 384 + 1, 384·2048 + 2048, 2048² + 2048, 2048·128 + 128.
    assert_eq!(gen1.parameter_count(), 2 * (976 + 385 + 788_480 + 4_196_352 + 262_272));
    let ours = EmbeddingModel::new(EmbeddingArchitecture::antiphon(), 0).unwrap();
    assert!(ours.to_bytes().unwrap().len() < 4_000_000);
}

#[test]
fn any_length_gives_128_values_and_weights_that_add_up() {
    for architecture in [EmbeddingArchitecture::gen2(), EmbeddingArchitecture::antiphon()] {
        let model = EmbeddingModel::new(architecture, 1).unwrap();
        for count in [1, 3, 7, 100] {
            let embedded = model.embed(Side::Midi, frames(count, 1).view());
            assert_eq!(embedded.vector.len(), EMBEDDED);
            assert_eq!(embedded.attention.len(), count);
            assert!((embedded.attention.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            assert!(embedded.vector.iter().all(|v| v.is_finite()));
        }
    }
}

#[test]
fn gain_does_not_matter_and_the_same_input_gives_the_same() {
    let model = small();
    let quiet = frames(60, 4);
    let loud = quiet.mapv(|v| v + 3.0);
    let (a, b) = (model.embed(Side::Audio, quiet.view()), model.embed(Side::Audio, loud.view()));
    assert!(a.vector.iter().zip(&b.vector).all(|(a, b)| (a - b).abs() < 1e-4));
    assert_eq!(a, model.embed(Side::Audio, quiet.view()));
}

#[test]
fn the_gradient_is_what_differences_say() {
    let model = small();
    let network = &model.branch(Side::Midi).network;
    let input = model.input(Side::Midi, frames(30, 2).view());
    let mut rng = Pcg64::seed_from_u64(8);
    let d_output = Array2::from_shape_fn((1, EMBEDDED), |_| rng.random_range(-1.0..1.0f32));
    let trace = network.trace(input.view());
    let mut sums = network.parameters().map(|group| vec![0.0; group.len()]);
    network.gradient(&trace, d_output.view(), &mut sums);
    for (group, sums) in sums.iter().enumerate() {
        for at in (0..sums.len()).step_by(17) {
            let value = |by: f32| {
                let mut network = network.clone();
                network.parameters_mut()[group][at] += by;
                let trace = network.trace(input.view());
                trace.output().iter().zip(&d_output).map(|(v, d)| f64::from(v * d)).sum::<f64>()
            };
            let difference = (value(3e-3) - value(-3e-3)) / 6e-3;
            let got = f64::from(sums[at]);
            assert!((difference - got).abs() < 0.02 * (1.0 + difference.abs()), "{group} {at}: {difference} {got}");
        }
    }
}

#[test]
fn a_file_is_read_back_and_damage_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let model = small();
    let bytes = model.to_bytes().unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let read = EmbeddingModel::load(&path).unwrap();
    let input = frames(50, 9);
    assert_eq!(read.embed(Side::Midi, input.view()), model.embed(Side::Midi, input.view()));
    for cut in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        assert!(matches!(EmbeddingModel::load(&path), Err(Error::Model { .. })), "{cut} bytes");
    }
    let hash = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/hash.safetensors");
    let message = EmbeddingModel::load(&hash).unwrap_err().to_string();
    assert!(message.contains("hash-model/1"), "{message}");
}
