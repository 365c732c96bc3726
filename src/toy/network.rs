//! The network of the toy problems (spec I, "Model") with its gradient; [`steps`](super::steps) sums the hidden states.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the instruction set found")]

use super::Pooling;
use super::data::Example;
use super::steps::{D, Layer, Pooled, Steps, leaky, slope};
use pulp::{Arch, Simd, WithSimd};
use rand_distr::{Distribution, Normal};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

// The position of each parameter in the flat vector.
const VALUE: usize = 0;
const MARKER: usize = D;
const BIAS: usize = 2 * D;
const DENSE: usize = 3 * D; // row i: what hidden unit i gives to each unit of the second layer
const DENSE_BIAS: usize = DENSE + D * D;
const OUTPUT: usize = DENSE_BIAS + D;
const OUTPUT_BIAS: usize = OUTPUT + D;
const ATTENTION: usize = OUTPUT_BIAS + 1;
const ATTENTION_BIAS: usize = ATTENTION + D;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Network {
    pooling: Pooling,
    parameters: Vec<f32>,
}

impl Network {
    /// Weights drawn from N(0, 1/fan-in), biases 0.
    pub(super) fn new(pooling: Pooling, rng: &mut Pcg64Mcg) -> Self {
        let mut parameters = vec![0.0; Self::size(pooling)];
        let mut draw = |range: std::ops::Range<usize>, fan_in: usize| {
            let normal = Normal::new(0.0, (fan_in as f32).sqrt().recip()).expect("a positive deviation");
            parameters[range].fill_with(|| normal.sample(rng));
        };
        draw(VALUE..BIAS, 2);
        draw(DENSE..DENSE_BIAS, D);
        draw(OUTPUT..OUTPUT_BIAS, D);
        if pooling == Pooling::Attention {
            draw(ATTENTION..ATTENTION_BIAS, D);
        }
        Self { pooling, parameters }
    }

    fn size(pooling: Pooling) -> usize {
        match pooling {
            Pooling::Attention => ATTENTION_BIAS + 1,
            Pooling::Unweighted => ATTENTION,
        }
    }

    /// How many parameters there are.
    pub(super) fn parameter_count(&self) -> usize {
        self.parameters.len()
    }

    /// Whether parameters read from a file are those that the network needs.
    pub(super) fn is_sound(&self) -> bool {
        self.parameters.len() == Self::size(self.pooling) && self.parameters.iter().all(|p| p.is_finite())
    }

    /// Prepares the network for sequences: valid for any number of them until the parameters change.
    pub(super) fn ready(&self) -> Ready<'_> {
        let p = &self.parameters;
        let layer = Layer {
            value: row(p, VALUE),
            marker: row(p, MARKER),
            bias: row(p, BIAS),
            attention: (self.pooling == Pooling::Attention).then(|| (row(p, ATTENTION), p[ATTENTION_BIAS])),
        };
        Ready { parameters: p, steps: Steps::new(layer) }
    }
}

/// A [`Network`] prepared for sequences.
pub(super) struct Ready<'a> {
    parameters: &'a [f32],
    steps: Steps<'a>,
}

impl Ready<'_> {
    /// The answer to a sequence.
    pub(super) fn answer(&self, example: &Example) -> f32 {
        Arch::new().dispatch(Answer(self, example))
    }

    /// Adds the gradient of the squared error of `example`, times `scale`, to `gradient`. Returns the squared error.
    pub(super) fn add_gradient(&self, example: &Example, scale: f32, gradient: &mut [f32]) -> f32 {
        assert_eq!(gradient.len(), self.parameters.len(), "gradient and parameters");
        Arch::new().dispatch(AddGradient { network: self, example, scale, gradient })
    }

    #[inline(always)]
    fn forward(&self, example: &Example) -> Forward {
        let p = self.parameters;
        let pooled = self.steps.pool(example);
        let mut second = [0.0; D];
        second.copy_from_slice(&p[DENSE_BIAS..OUTPUT]);
        for i in 0..D {
            let row: &[f32; D] = row(p, DENSE + i * D);
            for j in 0..D {
                second[j] = pooled.means[i].mul_add(row[j], second[j]);
            }
        }
        let mut answer = p[OUTPUT_BIAS];
        for j in 0..D {
            second[j] = leaky(second[j]);
            answer = p[OUTPUT + j].mul_add(second[j], answer);
        }
        Forward { pooled, second, answer: leaky(answer) }
    }

    #[inline(always)]
    fn backward(&self, example: &Example, forward: &Forward, scale: f32, gradient: &mut [f32]) {
        let p = self.parameters;
        // A leaky rectifier keeps the sign, so its output shows which slope applied.
        let by_answer = scale * 2.0 * (forward.answer - example.target) * slope(forward.answer);
        gradient[OUTPUT_BIAS] += by_answer;
        let mut by_second = [0.0; D];
        for j in 0..D {
            gradient[OUTPUT + j] += by_answer * forward.second[j];
            by_second[j] = by_answer * p[OUTPUT + j] * slope(forward.second[j]);
            gradient[DENSE_BIAS + j] += by_second[j];
        }
        let mut by_mean = [0.0; D];
        for i in 0..D {
            let weights: &[f32; D] = row(p, DENSE + i * D);
            let changes = &mut gradient[DENSE + i * D..DENSE + (i + 1) * D];
            let mut products = [0.0; D];
            for j in 0..D {
                changes[j] = forward.pooled.means[i].mul_add(by_second[j], changes[j]);
                products[j] = weights[j] * by_second[j];
            }
            by_mean[i] = products.iter().sum();
        }
        let layer = self.steps.gradient(example, &forward.pooled, &by_mean);
        let parts =
            [(VALUE, &layer.value), (MARKER, &layer.marker), (BIAS, &layer.bias), (ATTENTION, &layer.attention)];
        for (first, part) in parts {
            if first < gradient.len() {
                gradient[first..first + D].iter_mut().zip(part).for_each(|(sum, g)| *sum += g);
            }
        }
        if let Some(bias) = gradient.get_mut(ATTENTION_BIAS) {
            *bias += layer.attention_bias;
        }
    }
}

// Compiled once for each instruction set; the functions they call are inlined for that.

struct Answer<'a>(&'a Ready<'a>, &'a Example);

impl WithSimd for Answer<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        self.0.forward(self.1).answer
    }
}

struct AddGradient<'a> {
    network: &'a Ready<'a>,
    example: &'a Example,
    scale: f32,
    gradient: &'a mut [f32],
}

impl WithSimd for AddGradient<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let forward = self.network.forward(self.example);
        self.network.backward(self.example, &forward, self.scale, self.gradient);
        (forward.answer - self.example.target).powi(2)
    }
}

/// What the backward pass needs.
struct Forward {
    pooled: Pooled,
    second: [f32; D],
    answer: f32,
}

fn row(parameters: &[f32], first: usize) -> &[f32; D] {
    parameters[first..].first_chunk().expect("a row of the matrix")
}

/// Adam (Kingma and Ba, 2015) with β₁ = .9, β₂ = .999.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Adam {
    mean: Vec<f32>,
    square: Vec<f32>,
    updates: i32,
}

impl Adam {
    pub(super) fn new(network: &Network) -> Self {
        let zeros = vec![0.0; network.parameters.len()];
        Self { mean: zeros.clone(), square: zeros, updates: 0 }
    }

    /// Whether it belongs to `network`.
    pub(super) fn fits(&self, network: &Network) -> bool {
        self.mean.len() == network.parameters.len() && self.square.len() == network.parameters.len()
    }

    pub(super) fn update(&mut self, network: &mut Network, gradient: &[f32], learning_rate: f32) {
        const BETAS: (f32, f32) = (0.9, 0.999);
        self.updates += 1;
        let correction = ((1.0 - BETAS.1.powi(self.updates)).sqrt()) / (1.0 - BETAS.0.powi(self.updates));
        let state = self.mean.iter_mut().zip(&mut self.square);
        for ((parameter, g), (mean, square)) in network.parameters.iter_mut().zip(gradient).zip(state) {
            *mean = BETAS.0 * *mean + (1.0 - BETAS.0) * g;
            *square = BETAS.1 * *square + (1.0 - BETAS.1) * g * g;
            *parameter -= learning_rate * correction * *mean / (square.sqrt() + 1e-8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::data::{self, Step};
    use super::super::{Lengths, Problem, Task};
    use super::*;
    use rand::SeedableRng;

    const POOLINGS: [Pooling; 2] = [Pooling::Attention, Pooling::Unweighted];

    fn network(pooling: Pooling) -> Network {
        Network::new(pooling, &mut Pcg64Mcg::seed_from_u64(3))
    }

    fn example(length: usize, index: u64) -> Example {
        let lengths = Lengths::Near(length);
        data::training(Task { problem: Problem::Addition, pooling: Pooling::Attention, lengths }, 1, 1, index)
    }

    /// The same network step by step in f64, with the padding written out.
    fn obvious(network: &Network, example: &Example) -> f64 {
        let p: Vec<f64> = network.parameters.iter().map(|p| f64::from(*p)).collect();
        let leaky = |x: f64| if x > 0.0 { x } else { 0.01 * x };
        let (mut sums, mut total) = (vec![0.0; D], 0.0);
        let plain = example.plain.iter().map(|&value| Step { value, marker: 0.0, count: 1.0 });
        for step in plain.chain(example.marked.iter().copied()) {
            let (v, m) = (f64::from(step.value), f64::from(step.marker));
            for _ in 0..step.count as usize {
                let h: Vec<f64> = (0..D).map(|d| leaky(p[d] * v + p[D + d] * m + p[2 * D + d])).collect();
                let weight = match network.pooling {
                    Pooling::Unweighted => 1.0,
                    Pooling::Attention => {
                        let logit = (0..D).map(|d| p[ATTENTION + d] * h[d]).sum::<f64>() + p[ATTENTION_BIAS];
                        logit.tanh().exp()
                    }
                };
                total += weight;
                sums.iter_mut().zip(&h).for_each(|(sum, h)| *sum += weight * h);
            }
        }
        let second = (0..D)
            .map(|j| leaky((0..D).map(|i| sums[i] / total * p[DENSE + i * D + j]).sum::<f64>() + p[DENSE_BIAS + j]));
        leaky(second.enumerate().map(|(j, s)| s * p[OUTPUT + j]).sum::<f64>() + p[OUTPUT_BIAS])
    }

    #[test]
    fn it_has_as_many_parameters_as_published() {
        assert_eq!(network(Pooling::Attention).parameter_count(), 10_602);
        assert_eq!(network(Pooling::Unweighted).parameter_count(), 10_501);
    }

    #[test]
    fn it_answers_as_the_obvious_version_does() {
        for pooling in POOLINGS {
            for (length, index) in [(50, 0), (64, 1), (128, 2), (700, 3)] {
                let (network, example) = (network(pooling), example(length, index));
                let (fast, slow) = (f64::from(network.ready().answer(&example)), obvious(&network, &example));
                assert!((fast - slow).abs() < 1e-5, "{pooling:?} {length}: {fast} {slow}");
            }
        }
    }

    #[test]
    fn the_gradient_is_what_differences_say() {
        for pooling in POOLINGS {
            let network = network(pooling);
            let example = example(80, 5);
            let mut gradient = vec![0.0; network.parameter_count()];
            let error = network.ready().add_gradient(&example, 1.0, &mut gradient);
            let loss = |network: &Network| (obvious(network, &example) - f64::from(example.target)).powi(2);
            assert!((f64::from(error) - loss(&network)).abs() < 1e-5);
            let largest = gradient.iter().fold(0.0f32, |a, g| a.max(g.abs()));
            for k in (0..D * 3).step_by(7).chain((DENSE..gradient.len()).step_by(31)).chain([OUTPUT_BIAS]) {
                let moved = |by: f32| {
                    let mut network = network.clone();
                    network.parameters[k] += by;
                    // What the addition really did, in f32.
                    (loss(&network), f64::from(network.parameters[k]))
                };
                let ((up, at_up), (down, at_down)) = (moved(1e-3), moved(-1e-3));
                let numeric = (up - down) / (at_up - at_down);
                assert!(
                    (numeric - f64::from(gradient[k])).abs() < 1e-4 * f64::from(largest).max(1.0),
                    "{pooling:?}, parameter {k}: {numeric} {}",
                    gradient[k]
                );
            }
        }
    }
}
