//! On burn's CPU: losses, gradients and steps equal those of our own networks; a training learns, and resumes on
//! either.

use super::*;
use crate::encoder::Side;
use crate::hashing::{Architecture, HashModel};
use crate::job::Progress;
use crate::network::Layer;
use crate::training::task::Learnable;
use crate::training::tests::{cancelled_after, data, options, train_on};
use crate::training::{Measured, Options, Processor, checkpoint};
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

const CONTRASTIVE: Objective = Objective::Contrastive { temperature: 0.3, saturation: 0.2, balance: 0.7 };
const HINGE: Objective = Objective::Hinge { alpha: 5.33, margin: 2.5, beta: 0.05 };
const ADAM: Rule = Rule::Adam { beta1: 0.9, beta2: 0.999 };

fn model(layers: Vec<Layer>) -> HashModel {
    HashModel::new(Architecture { layers, ..Architecture::antiphon() }, 3).expect("a model")
}

fn optimisers(rule: Rule, model: &HashModel) -> [Optimiser; 2] {
    Side::BOTH.map(|side| Optimiser::new(rule, model.network(side).parameters().len()))
}

fn networks(model: &HashModel) -> [&Network; 2] {
    Side::BOTH.map(|side| model.network(side))
}

/// Updates the model and the optimisers to the card's state; returns the loss not yet reported.
fn settle(gpu: &mut Gpu, model: &mut HashModel, optimisers: &mut [Optimiser; 2]) -> f64 {
    let (parameters, loss) = gpu.settle(optimisers).expect("read");
    for (side, parameters) in Side::BOTH.into_iter().zip(parameters) {
        model.branch_mut(side).network.parameters_mut().copy_from_slice(&parameters);
    }
    loss
}

fn noise(seed: u64) -> Array2<f32> {
    let mut rng = Pcg64::seed_from_u64(seed);
    Array2::from_shape_fn((13, 48), |_| rng.random_range(-1.0..1.0))
}

fn near(got: &[f32], expected: &[f32]) -> bool {
    let most = expected.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
    got.len() == expected.len() && got.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-4 * most)
}

/// Compares loss and gradients of both on the same crops.
fn check(layers: Vec<Layer>, objective: Objective) {
    let name = format!("{layers:?} {objective:?}");
    let model = model(layers);
    let (midi, audio): (Vec<_>, Vec<_>) = (0..5).map(|i| (noise(i), noise(10 + i))).unzip();
    let groups = vec![7, 2, 7 + (1 << 40), 4, 2];
    let traces = [(Side::Midi, &midi), (Side::Audio, &audio)].map(|(s, inputs)| model.network(s).trace_batch(inputs));
    let rng = Pcg64::seed_from_u64(1);
    let loss =
        objective.loss(&Network::outputs_of(&traces[0]), &Network::outputs_of(&traces[1]), &groups, &mut rng.clone());
    let expected = [
        model.network(Side::Midi).gradient_batch(&traces[0], &loss.d_midi),
        model.network(Side::Audio).gradient_batch(&traces[1], &loss.d_audio),
    ]
    .concat();
    assert!(expected.iter().any(|v| v.abs() > 1e-3), "{name}: no gradient");

    let gpu = Gpu::new(Device::flex(), objective, networks(&model), &optimisers(ADAM, &model));
    let (value, gradient) = gpu.gradient((Batch { midi, audio, groups }, rng));
    let value = f64::from(value.into_scalar::<f32>());
    assert!((value - loss.value).abs() < 1e-4 * (1.0 + loss.value), "{name}: {value} {}", loss.value);
    assert!(near(&gradient.try_to_vec_as::<f32>().expect("numbers"), &expected), "{name}: another gradient");
}

#[test]
fn losses_and_gradients_are_those_of_the_cores() {
    let end = [Layer::Dense { units: 8 }, Layer::Tanh];
    let convolution = |time, pitch, filters| Layer::Convolution { time, pitch, filters };
    let pool = |time, pitch| Layer::Pool { time, pitch };
    for objective in [CONTRASTIVE, HINGE] {
        let networks = [
            vec![],
            vec![Layer::Dense { units: 6 }, Layer::LeakyRelu { slope: 0.1 }],
            vec![Layer::Flatten, convolution(5, 1, 6), Layer::Relu, pool(2, 1), convolution(2, 1, 5), Layer::Tanh],
            vec![convolution(5, 12, 3), Layer::Relu, pool(2, 2), convolution(3, 3, 4), Layer::Relu, pool(2, 2)],
            vec![convolution(3, 3, 2), convolution(4, 2, 3), Layer::Tanh, pool(3, 5), Layer::Flatten],
            vec![pool(4, 1), convolution(1, 7, 2), Layer::Tanh],
        ];
        for layers in networks {
            check([layers.as_slice(), &end].concat(), objective);
        }
    }
}

#[test]
fn steps_and_memory_are_those_of_the_cores() {
    for rule in [Rule::RmsProp { rho: 0.65 }, ADAM, Rule::Nesterov { momentum: 0.9 }] {
        let mut model = model(vec![Layer::Dense { units: 2 }]);
        let mut there = model.clone();
        let mut optimisers = optimisers(rule, &model);
        let mut gpu: Option<Gpu> = None;
        let mut resumed = optimisers.clone();
        for (step, rate) in [1e-2, 5e-3, 1e-2, 2e-3].into_iter().enumerate() {
            // Halfway it is read back and continues.
            if step % 2 == 0 {
                if let Some(mut gpu) = gpu.take() {
                    assert!(settle(&mut gpu, &mut there, &mut resumed).abs() < 1e-9);
                }
                gpu = Some(Gpu::new(Device::flex(), HINGE, networks(&there), &resumed));
            }
            let gradients = [noise(step as u64), noise(9 + step as u64)].map(|g| g.into_raw_vec_and_offset().0);
            let count = model.network(Side::Midi).parameters().len();
            for ((side, gradient), optimiser) in Side::BOTH.into_iter().zip(&gradients).zip(&mut optimisers) {
                optimiser.step(model.branch_mut(side).network.parameters_mut(), &gradient[..count], rate);
            }
            let both = gradients.iter().flat_map(|g| &g[..count]).copied().collect();
            gpu.as_mut()
                .expect("made")
                .update(Tensor::from_data(TensorData::new(both, [2, count]), &Device::flex()), rate);
        }
        settle(&mut gpu.expect("made"), &mut there, &mut resumed);
        for (index, side) in Side::BOTH.into_iter().enumerate() {
            assert!(near(there.network(side).parameters(), model.network(side).parameters()), "{rule:?}");
            let ((steps, first, second), expected) = (resumed[index].memory(), optimisers[index].memory());
            assert!(steps == expected.0 && near(first, expected.1) && near(second, expected.2), "{rule:?}");
        }
    }
}

#[test]
fn a_tiny_set_is_learned_there() {
    let data = data(24, 96);
    let options = Options { steps: 200, ..options() };
    let output = data.path().join("model");
    let (model, lines) = train_on(Processor::Flex, &data, &options, &output, &Progress::silent()).expect("trained");
    let last = lines.last().expect("validated");
    assert!(last.bc < 0.2 && last.distances.0 + 5.0 < last.distances.1, "{last:?}");
    assert_eq!((model.record().steps, lines.len()), (200, 2));
}

#[test]
fn a_training_goes_on_on_another_processor_and_stays_near() {
    let data = data(6, 64);
    let options = Options { steps: 60, validate_every: 20, batch: 5, rate: 1e-3, ..options() };
    let whole = data.path().join("whole");
    let (_, expected) = train_on(Processor::Cpu, &data, &options, &whole, &Progress::silent()).expect("trained");
    for (before, after) in [(Processor::Flex, Processor::Cpu), (Processor::Cpu, Processor::Flex)] {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("model");
        let stopped = train_on(before, &data, &options, &output, &cancelled_after(35));
        assert!(matches!(stopped, Err(Error::Cancelled)));
        assert!(checkpoint::place(&output).exists());
        train_on(after, &data, &options, &output, &Progress::silent()).expect("trained");
        let log = std::fs::read_to_string(folder.path().join("training.jsonl")).expect("a log");
        let read: Vec<Measured> = log.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
        assert_eq!(read.iter().map(|m| m.step).collect::<Vec<_>>(), [20, 40, 60]);
        for (got, expected) in read.iter().zip(&expected) {
            assert!((got.loss - expected.loss).abs() < 0.02 * expected.loss, "{got:?} {expected:?}");
        }
    }
}

#[test]
fn without_a_card_one_line_says_so() {
    let error = open(DeviceKind::DiscreteGpu(99)).expect_err("so many cards").to_string();
    assert!(error.starts_with("no graphics card that can compute"), "{error}");
}
