//! Gradients against differences, chunks against single sequences, shapes.

use super::*;
use proptest::prelude::*;
use rand::RngExt;

fn noise(frames: usize, bins: usize, seed: u64) -> Array2<f32> {
    let mut rng = Pcg64::seed_from_u64(seed);
    Array2::from_shape_fn((frames, bins), |_| rng.random_range(-1.0..1.0))
}

/// Σ (output · direction), in f64 where it matters: a loss whose gradient at the output is `direction`.
fn loss(network: &Network, inputs: &[Array2<f32>], directions: &[Array2<f32>]) -> f64 {
    let each = inputs.iter().zip(directions).map(|(input, direction)| {
        let out = network.forward(input.view());
        out.iter().zip(direction).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    });
    each.sum()
}

fn check(bins: usize, layers: &[Layer]) {
    let network = Network::new(bins, layers, 5).expect("a network");
    let inputs = [noise(7, bins, 1), noise(4, bins, 2), noise(1, bins, 3)];
    let directions: Vec<Array2<f32>> = inputs
        .iter()
        .enumerate()
        .map(|(i, input)| noise(input.nrows().div_ceil(network.downsampling()), network.outputs(), 10 + i as u64))
        .collect();
    let traces = network.trace_batch(&inputs);
    let gradient = network.gradient_batch(&traces, &directions);
    let mut wrong = 0;
    for (at, &got) in gradient.iter().enumerate() {
        // Small enough not to step over the kinks of pooling and ReLU often; cases that do are counted, not hidden.
        let moved = |by: f32| {
            let mut network = network.clone();
            network.parameters[at] += by;
            loss(&network, &inputs, &directions)
        };
        let difference = (moved(2e-3) - moved(-2e-3)) / 4e-3;
        let tolerance = 5e-3 * (1.0 + difference.abs());
        wrong += usize::from((difference - f64::from(got)).abs() > tolerance);
    }
    assert!(wrong * 50 <= gradient.len(), "{layers:?}: {wrong} of {} differ", gradient.len());
}

#[test]
fn gradients_of_smooth_layers_are_the_differences() {
    check(5, &[Layer::Dense { units: 4 }, Layer::Tanh, Layer::Dense { units: 3 }, Layer::Tanh]);
    check(5, &[Layer::Convolution { time: 3, pitch: 4, filters: 3 }, Layer::Tanh]);
    check(
        6,
        &[
            Layer::Convolution { time: 2, pitch: 3, filters: 2 },
            Layer::Tanh,
            Layer::Convolution { time: 3, pitch: 2, filters: 3 },
        ],
    );
    check(
        4,
        &[
            Layer::Flatten,
            Layer::Convolution { time: 5, pitch: 1, filters: 3 },
            Layer::Tanh,
            Layer::Convolution { time: 2, pitch: 1, filters: 2 },
        ],
    );
}

#[test]
fn gradients_through_pools_and_kinks_are_the_differences() {
    check(
        5,
        &[
            Layer::Convolution { time: 3, pitch: 3, filters: 3 },
            Layer::Relu,
            Layer::Pool { time: 2, pitch: 2 },
            Layer::Dense { units: 3 },
        ],
    );
    check(
        4,
        &[
            Layer::Convolution { time: 2, pitch: 2, filters: 2 },
            Layer::Pool { time: 3, pitch: 1 },
            Layer::Tanh,
            Layer::Dense { units: 2 },
        ],
    );
    check(4, &[Layer::Dense { units: 6 }, Layer::LeakyRelu { slope: 0.1 }, Layer::Dense { units: 2 }]);
    check(
        4,
        &[
            Layer::Flatten,
            Layer::Convolution { time: 3, pitch: 1, filters: 5 },
            Layer::Relu,
            Layer::Pool { time: 2, pitch: 1 },
            Layer::Flatten,
            Layer::Dense { units: 2 },
            Layer::Tanh,
        ],
    );
}

/// The definition, with a loop for each index.
fn plain_convolution(
    input: &Array2<f32>,
    channels: usize,
    weights: ArrayView2<f32>,
    time: usize,
    pitch: usize,
) -> Array2<f32> {
    let (frames, bins, filters) = (input.nrows(), input.ncols() / channels, weights.ncols());
    Array2::from_shape_fn((frames, bins * filters), |(t, column)| {
        let (bin, filter) = (column / filters, column % filters);
        let mut sum = 0.0;
        for dt in 0..time {
            for dp in 0..pitch {
                // ⌈(k − 1) / 2⌉ before.
                let (at, b) = ((t + dt).wrapping_sub(time / 2), (bin + dp).wrapping_sub(pitch / 2));
                if at < frames && b < bins {
                    for c in 0..channels {
                        sum += input[[at, b * channels + c]] * weights[[(dt * pitch + dp) * channels + c, filter]];
                    }
                }
            }
        }
        sum
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn convolution_is_its_definition(time in 1_usize..6, pitch in 1_usize..13, filters in 1_usize..4, bins in 1_usize..14, frames in 0_usize..40, seed in 0_u64..99) {
        let layers = [Layer::Convolution { time, pitch, filters }];
        let network = Network::new(bins, &layers, seed).expect("a network");
        let input = noise(frames, bins, seed);
        let got = network.forward(input.view());
        let plain = plain_convolution(&input, 1, network.weights(0).expect("weights"), time, pitch);
        prop_assert!((&got - &plain).iter().all(|d| d.abs() < 1e-4));

        let flat = [Layer::Flatten, Layer::Convolution { time, pitch: 1, filters }];
        let network = Network::new(bins, &flat, seed).expect("a network");
        let got = network.forward(input.view());
        let plain = plain_convolution(&input, bins, network.weights(1).expect("weights"), time, 1);
        prop_assert!((&got - &plain).iter().all(|d| d.abs() < 1e-4));
    }

    #[test]
    fn pooling_is_its_definition(time in 1_usize..4, pitch in 1_usize..4, bins in 1_usize..9, frames in 0_usize..12) {
        let network = Network::new(bins, &[Layer::Pool { time, pitch }], 0).expect("a network");
        let input = noise(frames, bins, 4);
        let got = network.forward(input.view());
        prop_assert_eq!(got.dim(), (frames.div_ceil(time), bins.div_ceil(pitch)));
        for ((t, p), v) in got.indexed_iter() {
            let part = input.slice(s![t * time..((t + 1) * time).min(frames), p * pitch..((p + 1) * pitch).min(bins)]);
            prop_assert_eq!(v.to_bits(), part.fold(f32::NEG_INFINITY, |a, &b| a.max(b)).to_bits());
        }
    }
}

#[test]
fn a_batch_is_its_sequences_and_does_not_depend_on_threads() {
    let layers = [
        Layer::Convolution { time: 3, pitch: 3, filters: 4 },
        Layer::Relu,
        Layer::Pool { time: 2, pitch: 2 },
        Layer::Dense { units: 5 },
        Layer::Tanh,
    ];
    let network = Network::new(6, &layers, 1).expect("a network");
    let inputs: Vec<Array2<f32>> = (0..19).map(|i| noise(3 + i % 5, 6, i as u64)).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let traces = network.trace_batch(&inputs);
            let outputs: Vec<Array2<f32>> =
                traces.iter().flat_map(|t| t.outputs().into_iter().map(|o| o.to_owned()).collect::<Vec<_>>()).collect();
            let gradient = network.gradient_batch(&traces, &outputs);
            (outputs, gradient)
        })
    };
    let (outputs, gradient) = run(1);
    assert_eq!(outputs.len(), inputs.len());
    for (input, output) in inputs.iter().zip(&outputs) {
        assert!((&network.forward(input.view()) - output).iter().all(|d| d.abs() < 1e-5));
    }
    assert_eq!(run(3), (outputs, gradient), "bit for bit");
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |bins, layers: &[Layer]| Network::new(bins, layers, 0).expect_err("refused").to_string();
    assert!(refused(0, &[]).contains("input bins 0 is outside 1 ..= 65536"));
    assert!(refused(4, &[Layer::Pool { time: 0, pitch: 1 }]).contains("pooled frames 0"));
    let huge = [Layer::Dense { units: 65_536 }, Layer::Dense { units: 65_536 }];
    assert!(refused(4, &huge).contains("number of parameters"));
    let few = Network::with_parameters(4, &[Layer::Dense { units: 2 }], vec![0.0; 9]).expect_err("refused");
    assert_eq!(few.to_string(), "number of parameters 9 is outside 10, what the layers need");
    let nan = Network::with_parameters(4, &[Layer::Dense { units: 2 }], vec![f32::NAN; 10]).expect_err("refused");
    assert!(nan.to_string().contains("parameter NaN"), "{nan}");
}
