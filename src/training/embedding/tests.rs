//! A tiny set is learned; an interrupted training resumes as if it had not been interrupted; impossible options are
//! refused.

use super::super::tests::data;
use super::*;
use crate::error::Error;
use crate::network::{Layer, tensors};
use std::sync::atomic::{AtomicUsize, Ordering};

fn options() -> EmbeddingOptions {
    let mut front = vec![Layer::Flatten];
    front.extend([Layer::Convolution { time: 3, pitch: 1, filters: 32 }, Layer::Relu]);
    let head = vec![Layer::Dense { units: 128 }, Layer::Tanh];
    EmbeddingOptions {
        architecture: EmbeddingArchitecture {
            name: "small".into(),
            front,
            head,
            pooled_frames: 2,
            ..EmbeddingArchitecture::antiphon()
        },
        rate: 3e-3,
        batch: 12,
        clip_frames: (96, 128),
        transpose: 0,
        tempo: 1.2,
        steps: 120,
        validate_every: 20,
        ..EmbeddingOptions::antiphon()
    }
}

#[test]
fn a_tiny_set_is_learned() {
    let folder = data(12, 160);
    let output = folder.path().join("m.safetensors");
    let mut lines = Vec::new();
    let folders = [folder.path().to_path_buf()];
    let model =
        train_embedding(&folders, &options(), &output, &Progress::silent(), &mut |m| lines.push(m.clone())).unwrap();
    assert!(lines[lines.len() - 1].loss < 0.5 * lines[0].loss, "{lines:?}");
    assert!(model.record().validation_mrr > 0.9, "{lines:?}");
    assert_eq!(lines.len(), 6);
    // Not the whole record: the last digit of its fractions may change on the way through text.
    assert_eq!(EmbeddingModel::load(&output).unwrap().record().step, model.record().step);
    assert!(!folder.path().join("m.safetensors.checkpoint").exists());
}

#[test]
fn interrupted_it_goes_on_to_the_same_numbers() {
    let folder = data(6, 160);
    let folders = [folder.path().to_path_buf()];
    let options = EmbeddingOptions { steps: 20, validate_every: 5, batch: 4, ..options() };
    let (through, again) = (folder.path().join("a/m.safetensors"), folder.path().join("b/m.safetensors"));
    for path in [&through, &again] {
        std::fs::create_dir(path.parent().unwrap()).unwrap();
    }
    train_embedding(&folders, &options, &through, &Progress::silent(), &mut |_| ()).unwrap();

    // Cancelled after a few steps, not at the end of a validation.
    let calls = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&calls);
    let seen = std::sync::Arc::new(std::sync::OnceLock::<Progress>::new());
    let inside = std::sync::Arc::clone(&seen);
    let progress = Progress::new(move || {
        if counted.fetch_add(1, Ordering::Relaxed) == 20
            && let Some(progress) = inside.get()
        {
            progress.cancel();
        }
    });
    drop(seen.set(progress.clone()));
    let first = train_embedding(&folders, &options, &again, &progress, &mut |_| ());
    assert!(matches!(first, Err(Error::Cancelled)), "{first:?}");
    train_embedding(&folders, &options, &again, &Progress::silent(), &mut |_| ()).unwrap();

    let parameters = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        tensors::read(&bytes).unwrap().0
    };
    assert_eq!(parameters(&through), parameters(&again));
    let steps = |path: &Path| {
        let text = std::fs::read_to_string(path.with_file_name("training.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<EmbeddingMeasured>(line).unwrap());
        lines.map(|m| (m.step, m.loss.to_bits(), m.validation)).collect::<Vec<_>>()
    };
    assert_eq!(steps(&through), steps(&again));
}

#[test]
fn another_trainings_checkpoint_is_refused() {
    let folder = data(4, 160);
    let folders = [folder.path().to_path_buf()];
    let output = folder.path().join("m.safetensors");
    let options = EmbeddingOptions { steps: 4, validate_every: 2, batch: 4, ..options() };
    let cancelled = Progress::silent();
    cancelled.cancel();
    // Loading is cancelled before there is a checkpoint, so one is made by hand.
    assert!(train_embedding(&folders, &options, &output, &cancelled, &mut |_| ()).is_err());
    std::fs::write(folder.path().join("m.safetensors.checkpoint"), b"half").unwrap();
    let error = train_embedding(&folders, &options, &output, &Progress::silent(), &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("not a whole safetensors file"), "{error}");
}

#[test]
fn options_out_of_range_are_refused() {
    for wrong in [
        EmbeddingOptions { batch: 1, ..options() },
        EmbeddingOptions { clip_frames: (200, 100), ..options() },
        EmbeddingOptions { transpose: 7, ..options() },
        EmbeddingOptions { tempo: 0.5, ..options() },
        EmbeddingOptions { rate: f32::NAN, ..options() },
        EmbeddingOptions { minutes: Some(-1.0), ..options() },
    ] {
        let error = train_embedding(&[], &wrong, Path::new("m"), &Progress::silent(), &mut |_| ()).unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{error}");
    }
}

#[test]
fn distinction_of_what_is_told_apart_and_what_is_not() {
    let at = |x: f32| Array1::from(vec![x, 0.0]);
    let apart: Vec<Array1<f32>> = (0..10).map(|i| at(i as f32 * 10.0)).collect();
    let groups: Vec<usize> = (0..10).collect();
    let found = Distinction::of(&apart, &apart, &groups);
    assert_eq!((found.mrr, found.first, found.bc), (1.0, 1.0, 0.0));
    let same = vec![at(1.0); 10];
    let found = Distinction::of(&same, &same, &groups);
    assert_eq!((found.first, found.bc), (0.0, 1.0));
    assert!((found.mrr - 0.1).abs() < 1e-9, "ties count against it");
}

#[test]
fn it_goes_on_from_a_model_and_keeps_that_unless_it_gets_better() {
    let folder = data(12, 160);
    let folders = [folder.path().to_path_buf()];
    let train = |options: &EmbeddingOptions, name: &str| {
        let mut lines = Vec::new();
        let output = folder.path().join(name);
        let model = train_embedding(&folders, options, &output, &Progress::silent(), &mut |m| lines.push(m.clone()));
        (model.unwrap(), lines)
    };
    let (before, _) = train(&EmbeddingOptions { steps: 1, ..options() }, "learned");
    let from = |rate, steps| {
        let start = Start::Model(folder.path().join("learned"));
        EmbeddingOptions { start, rate, steps, validate_every: steps, ..options() }
    };
    let (better, lines) = train(&from(3e-3, 100), "more");
    assert_eq!(lines.iter().map(|line| line.step).collect::<Vec<_>>(), [0, 100]);
    assert!((lines[0].validation.mrr - before.record().validation_mrr).abs() < 1e-9, "{lines:?}");
    assert!(lines[1].validation.mrr > lines[0].validation.mrr && lines[0].seconds_left == 0.0, "{lines:?}");
    assert_eq!(better.architecture(), before.architecture());

    let (kept, lines) = train(&from(1.0, 5), "worse");
    assert!(lines[1].validation.mrr < lines[0].validation.mrr, "{lines:?}");
    assert_eq!(kept.record().step, 0);
    let steps = Array2::from_shape_fn((96, 48), |(t, b)| -((t * b % 17) as f32));
    assert_eq!(kept.embed(Side::Audio, steps.view()).vector, before.embed(Side::Audio, steps.view()).vector);
}
