//! The network of the toy problems (spec I, "Model") with its gradient, worked out step by step.
//!
//! The first layer has two inputs, so a matrix product would spend its time on memory. Here a block of 64 steps goes
//! through layer, attention and sum while it is in the cache, a lane of the vector registers for each step; the hidden
//! states are worked out again on the way back instead of being kept.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the instruction set found")]
#![expect(clippy::needless_range_loop, reason = "several arrays go side by side, by hidden unit or lane")]
#![expect(clippy::large_stack_arrays, reason = "a block of hidden states, 26 kB: it has to stay in the cache")]

use super::Pooling;
use super::data::{BLOCK, Example};
use pulp::{Arch, Simd, WithSimd};
use rand_distr::{Distribution, Normal};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

/// Hidden units of each layer.
const D: usize = 100;
/// Slope of the leaky rectifier below 0.
const SLOPE: f32 = 0.01;
/// Partial sums kept side by side.
const LANES: usize = 16;

// Where each parameter lies in the flat vector.
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

/// Partial sums of one number for each hidden unit.
type Sums = [[f32; LANES]; D];

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

    /// Whether the parameters read from a file are what the network needs.
    pub(super) fn is_sound(&self) -> bool {
        self.parameters.len() == Self::size(self.pooling) && self.parameters.iter().all(|p| p.is_finite())
    }

    /// The answer to a sequence.
    pub(super) fn answer(&self, example: &Example) -> f32 {
        Arch::new().dispatch(Answer(self, example))
    }

    /// Adds the gradient of the squared error of `example`, times `scale`, to `gradient`. Returns the squared error.
    pub(super) fn add_gradient(&self, example: &Example, scale: f32, gradient: &mut [f32]) -> f32 {
        assert_eq!(gradient.len(), self.parameters.len(), "gradient and parameters");
        Arch::new().dispatch(AddGradient { network: self, example, scale, gradient })
    }

    /// The hidden states of a block for unit `d`.
    #[inline(always)]
    fn hidden(&self, d: usize, values: &[f32; BLOCK], markers: &[f32; BLOCK]) -> [f32; BLOCK] {
        let p = &self.parameters;
        let (value, marker, bias) = (p[VALUE + d], p[MARKER + d], p[BIAS + d]);
        let mut hidden = [0.0; BLOCK];
        for l in 0..BLOCK {
            let x = value.mul_add(values[l], marker.mul_add(markers[l], bias));
            hidden[l] = leaky(x);
        }
        hidden
    }

    #[inline(always)]
    fn forward(&self, example: &Example) -> Forward {
        let p = &self.parameters;
        let mut weights = Vec::new();
        let mut context: Sums = [[0.0; LANES]; D];
        let mut total = example.steps;
        if self.pooling == Pooling::Attention {
            weights = vec![0.0; example.values.len()];
            total = 0.0;
        }
        let mut kept = [[0.0; BLOCK]; D];
        for (b, (values, markers, counts)) in blocks(example).enumerate() {
            let mut weight = *counts;
            if self.pooling == Pooling::Attention {
                let mut logits = [p[ATTENTION_BIAS]; BLOCK];
                for d in 0..D {
                    kept[d] = self.hidden(d, values, markers);
                    let w = p[ATTENTION + d];
                    for l in 0..BLOCK {
                        logits[l] = w.mul_add(kept[d][l], logits[l]);
                    }
                }
                for l in 0..BLOCK {
                    let e = tanh(logits[l]);
                    weight[l] *= exp(e);
                    weights[b * BLOCK + l] = e;
                }
                total += weight.iter().sum::<f32>();
                for d in 0..D {
                    accumulate(&mut context[d], &weight, &kept[d]);
                }
            } else {
                for d in 0..D {
                    let hidden = self.hidden(d, values, markers);
                    accumulate(&mut context[d], &weight, &hidden);
                }
            }
        }
        let mut means = [0.0; D];
        for d in 0..D {
            means[d] = context[d].iter().sum::<f32>() / total;
        }
        let mut second = [0.0; D];
        second.copy_from_slice(&p[DENSE_BIAS..OUTPUT]);
        for i in 0..D {
            let row: &[f32; D] = row(p, DENSE + i * D);
            for j in 0..D {
                second[j] = means[i].mul_add(row[j], second[j]);
            }
        }
        let mut answer = p[OUTPUT_BIAS];
        for j in 0..D {
            second[j] = leaky(second[j]);
            answer = p[OUTPUT + j].mul_add(second[j], answer);
        }
        Forward { attention: weights, total, means, second, answer: leaky(answer) }
    }

    #[inline(always)]
    fn backward(&self, example: &Example, forward: &Forward, scale: f32, gradient: &mut [f32]) {
        let p = &self.parameters;
        // A leaky rectifier keeps the sign, so what came out says which slope it was.
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
                changes[j] = forward.means[i].mul_add(by_second[j], changes[j]);
                products[j] = weights[j] * by_second[j];
            }
            by_mean[i] = products.iter().sum();
        }

        // Of the sums Σ weight · hidden / total, by the hidden states and by the logits.
        let along_mean: f32 = by_mean.iter().zip(&forward.means).map(|(g, m)| g * m).sum();
        let inverse = forward.total.recip();
        let mut sums: [Sums; 4] = [[[0.0; LANES]; D]; 4];
        let mut by_attention_bias = [0.0; LANES];
        let mut kept = [[0.0; BLOCK]; D];
        for (b, (values, markers, counts)) in blocks(example).enumerate() {
            let mut share = [0.0; BLOCK];
            let mut by_logit = [0.0; BLOCK];
            if self.pooling == Pooling::Attention {
                let mut along = [0.0; BLOCK];
                for d in 0..D {
                    kept[d] = self.hidden(d, values, markers);
                    for l in 0..BLOCK {
                        along[l] = by_mean[d].mul_add(kept[d][l], along[l]);
                    }
                }
                for l in 0..BLOCK {
                    let e = forward.attention[b * BLOCK + l];
                    share[l] = counts[l] * exp(e) * inverse;
                    by_logit[l] = share[l] * (along[l] - along_mean) * (1.0 - e * e);
                }
                for l in 0..BLOCK {
                    by_attention_bias[l % LANES] += by_logit[l];
                }
            } else {
                for l in 0..BLOCK {
                    share[l] = counts[l] * inverse;
                }
            }
            for d in 0..D {
                let (from_mean, from_attention) =
                    (by_mean[d], if self.pooling == Pooling::Attention { p[ATTENTION + d] } else { 0.0 });
                let hidden = if self.pooling == Pooling::Attention { kept[d] } else { self.hidden(d, values, markers) };
                let mut change = [0.0; BLOCK];
                for l in 0..BLOCK {
                    let by_hidden = from_mean.mul_add(share[l], from_attention * by_logit[l]);
                    change[l] = by_hidden * slope(hidden[l]);
                }
                accumulate(&mut sums[0][d], &change, values);
                accumulate(&mut sums[1][d], &change, markers);
                for l in 0..BLOCK {
                    sums[2][d][l % LANES] += change[l];
                }
                if self.pooling == Pooling::Attention {
                    accumulate(&mut sums[3][d], &by_logit, &hidden);
                }
            }
        }
        for (sums, first) in sums.iter().zip([VALUE, MARKER, BIAS, ATTENTION]) {
            if first < gradient.len() {
                for d in 0..D {
                    gradient[first + d] += sums[d].iter().sum::<f32>();
                }
            }
        }
        if self.pooling == Pooling::Attention {
            gradient[ATTENTION_BIAS] += by_attention_bias.iter().sum::<f32>();
        }
    }
}

// Compiled once for each instruction set; what they call is inlined into them for that.

struct Answer<'a>(&'a Network, &'a Example);

impl WithSimd for Answer<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        self.0.forward(self.1).answer
    }
}

struct AddGradient<'a> {
    network: &'a Network,
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

/// What the way back needs.
struct Forward {
    /// tanh of the attention's logit for each step; empty without attention.
    attention: Vec<f32>,
    /// Sum of the weights.
    total: f32,
    means: [f32; D],
    second: [f32; D],
    answer: f32,
}

type Block = [f32; BLOCK];

fn blocks(example: &Example) -> impl Iterator<Item = (&Block, &Block, &Block)> {
    let (values, rest) = example.values.as_chunks::<BLOCK>();
    assert!(rest.is_empty(), "a sequence in whole blocks");
    let (markers, counts) = (example.markers.as_chunks::<BLOCK>().0, example.counts.as_chunks::<BLOCK>().0);
    values.iter().zip(markers).zip(counts).map(|((v, m), c)| (v, m, c))
}

fn row(parameters: &[f32], first: usize) -> &[f32; D] {
    parameters[first..].first_chunk().expect("a row of the matrix")
}

#[inline(always)]
fn accumulate(sums: &mut [f32; LANES], a: &Block, b: &Block) {
    for part in 0..BLOCK / LANES {
        for l in 0..LANES {
            sums[l] = a[part * LANES + l].mul_add(b[part * LANES + l], sums[l]);
        }
    }
}

#[inline(always)]
fn leaky(x: f32) -> f32 {
    if x > 0.0 { x } else { SLOPE * x }
}

#[inline(always)]
fn slope(x: f32) -> f32 {
    if x > 0.0 { 1.0 } else { SLOPE }
}

/// e^x to a few ulp, in operations that vectorise (the usual reduction to |r| ≤ ln 2 / 2; Cody and Waite, 1980).
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// 1.5 · 2²³: adding it leaves the nearest whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let whole = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let k = whole - ROUND;
    let r = k.mul_add(-0.693_359_4, x);
    let r = k.mul_add(2.121_944_4e-4, r);
    let mut series = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = r.mul_add(series, factor);
    }
    series * f32::from_bits((whole.to_bits() << 23).wrapping_add(0x3F80_0000))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
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
    use super::super::{Lengths, Problem, Task, data};
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
        for i in 0..example.values.len() {
            let (v, m) = (f64::from(example.values[i]), f64::from(example.markers[i]));
            for _ in 0..example.counts[i] as usize {
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
                let (fast, slow) = (f64::from(network.answer(&example)), obvious(&network, &example));
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
            let error = network.add_gradient(&example, 1.0, &mut gradient);
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

    #[test]
    fn exp_and_tanh_are_those_of_the_standard_library() {
        for i in -2000..2000 {
            let x = i as f32 / 100.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-6, "{x}");
            assert!((tanh(x) - x.tanh()).abs() < 1e-6, "{x}");
        }
        assert!(exp(1000.0).is_finite() && exp(-1000.0) >= 0.0);
    }
}
