//! Both kinds of network take the steps that they have always taken: losses and scores recorded from an earlier
//! version.

use super::tests::data;
use super::*;
use crate::embedding::EmbeddingArchitecture;
use crate::hashing::{Architecture, MidiFeatures};
use crate::job::Progress;
use crate::network::{Layer, Rule};

/// Other processors add sums in a different order; another crop or another rate would change the second digit.
const NEAR: f64 = 1e-3;
/// The same for a score, which counts bits or ranks.
const NEAR_SCORE: f64 = 0.02;

/// Loss and score of each validation.
fn check(got: &[(f64, f64)], expected: &[(f64, f64)]) {
    let near = |(a, b): ((f64, f64), (f64, f64))| {
        (a.0 - b.0).abs() <= NEAR * b.0.abs().max(1.0) && (a.1 - b.1).abs() <= NEAR_SCORE * b.1.abs().max(1.0)
    };
    let same = got.len() == expected.len() && got.iter().copied().zip(expected.iter().copied()).all(near);
    assert!(same, "{got:?}, {expected:?} expected");
}

fn hash(change: impl FnOnce(&mut Options)) -> Vec<(f64, f64)> {
    let mut options = Options {
        batch: 6,
        crop_frames: 32,
        transpose: 3,
        recolour: 0.5,
        steps: 12,
        validate_every: 4,
        seed: 3,
        ..super::tests::options()
    };
    change(&mut options);
    let data = data(10, 64);
    let mut lines = Vec::new();
    let (folders, output) = ([data.path().to_path_buf()], data.path().join("model"));
    let mut report = |m: &Measured| lines.push((m.loss, m.distances.0));
    train_hash(&folders, &options, &output, Processor::Cpu, &Progress::silent(), &mut report).unwrap();
    lines
}

fn embedding(change: impl FnOnce(&mut EmbeddingOptions)) -> Vec<(f64, f64)> {
    let convolution = Layer::Convolution { time: 3, pitch: 1, filters: 32 };
    let architecture = EmbeddingArchitecture {
        name: "small".into(),
        front: vec![Layer::Flatten, convolution, Layer::Relu],
        head: vec![Layer::Dense { units: 128 }, Layer::Tanh],
        pooled_frames: 2,
        ..EmbeddingArchitecture::antiphon()
    };
    let mut options = EmbeddingOptions {
        architecture,
        batch: 6,
        clip_frames: (96, 128),
        transpose: 3,
        key_shift: 2,
        recolour: 0.5,
        tempo: 1.2,
        steps: 12,
        validate_every: 4,
        seed: 3,
        ..EmbeddingOptions::antiphon()
    };
    change(&mut options);
    let data = data(10, 160);
    let mut lines = Vec::new();
    let (folders, output) = ([data.path().to_path_buf()], data.path().join("model"));
    let mut report = |m: &EmbeddingMeasured| lines.push((m.loss, m.validation.mrr));
    train_embedding(&folders, &options, &output, &Progress::silent(), &mut report).unwrap();
    lines
}

#[test]
fn hash_networks_learn_what_they_learned() {
    check(&hash(|_| ()), &[(4.381_766_7, 15.1375), (3.955_227_2, 14.8625), (3.845_348_7, 14.85)]);
}

#[test]
fn hash_networks_of_the_papers_learn_what_they_learned() {
    let papers = |options: &mut Options| {
        options.architecture = Architecture { midi_input: MidiFeatures::PianoRoll, ..options.architecture.clone() };
        (options.objective, options.rule, options.rate) = (Options::gen1().objective, Options::gen1().rule, 1e-3);
    };
    check(&hash(papers), &[(36.297_740_4, 11.1125), (25.276_117_4, 9.35), (21.670_306_0, 9.05)]);
}

#[test]
fn embedding_networks_learn_what_they_learned() {
    check(&embedding(|_| ()), &[(1.883_168_5, 0.456_667), (1.858_399_1, 0.556_667), (1.819_489_5, 0.556_667)]);
}

#[test]
fn embedding_networks_of_the_papers_learn_what_they_learned() {
    let papers = |options: &mut EmbeddingOptions| {
        (options.objective, options.rule) = (EmbeddingOptions::gen1().objective, Rule::Nesterov { momentum: 0.9 });
        (options.rate, options.decay) = (1e-3, false);
    };
    check(&embedding(papers), &[(78.128_873_5, 0.44), (40.424_794_8, 0.45), (22.844_687_1, 0.466_667)]);
}
