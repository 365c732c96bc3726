//! Sums over the steps of a sequence, and their gradient, without computing every hidden unit at every step.
//!
//! At a step without a marker, hidden unit d is leaky(aᵈ·v + cᵈ): two lines in the value v that meet at a knee. Between
//! neighbouring knees all units are linear, and so is every weighted sum of them, such as the attention's logit. Once
//! the values are sorted, T steps take T operations and a search for each of the 100 knees instead of 100 · T
//! operations. The four marked steps and the padding are computed unit by unit.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the instruction set found")]
#![expect(clippy::needless_range_loop, reason = "several arrays go side by side, by hidden unit or step")]

use super::data::{Example, Step};

/// Hidden units of each layer.
pub(super) const D: usize = 100;

/// Slope of the leaky rectifier below 0.
const SLOPE: f32 = 0.01;
/// Partial sums accumulated side by side.
const LANES: usize = 16;

/// First layer and attention, prepared for any number of sequences.
pub(super) struct Steps<'a> {
    layer: Layer<'a>,
    /// Ascending by value.
    knees: Vec<Knee>,
    /// The logit of the attention between the knees; `None` for a plain mean.
    logit: Option<Vec<Line>>,
}

/// The parameters that apply to a step.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    /// Weights of the value.
    pub(super) value: &'a [f32; D],
    /// Weights of the marker.
    pub(super) marker: &'a [f32; D],
    /// Biases.
    pub(super) bias: &'a [f32; D],
    /// Weights and bias of the attention.
    pub(super) attention: Option<(&'a [f32; D], f32)>,
}

/// Gradient of the parameters in [`Layer`].
pub(super) struct LayerGradient {
    pub(super) value: [f32; D],
    pub(super) marker: [f32; D],
    pub(super) bias: [f32; D],
    pub(super) attention: [f32; D],
    pub(super) attention_bias: f32,
}

/// Where a hidden unit crosses 0, and its slopes on both sides.
struct Knee {
    at: f32,
    unit: usize,
    below: f64,
    above: f64,
}

/// slope · v + offset.
#[derive(Clone, Copy)]
struct Line {
    slope: f32,
    offset: f32,
}

/// Sums of weights, and of weights times values.
type Moments = [f64; 2];

/// The weighted mean of the hidden states of a sequence, with what the backward pass needs.
pub(super) struct Pooled {
    pub(super) means: [f32; D],
    /// Sum of the weights.
    total: f32,
    /// Index of the first step beyond each knee.
    splits: [usize; D],
    /// For the unmarked steps: tanh of the logit and weight; empty without attention.
    activations: Vec<f32>,
    weights: Vec<f32>,
    /// Sums of the weights up to each knee, and over all steps.
    moments: [Moments; D + 1],
    /// The marked steps: hidden states, tanh of the logit, weight.
    marked: Vec<([f32; D], f32, f32)>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(layer: Layer<'a>) -> Self {
        let slope = f64::from(SLOPE);
        let mut knees: Vec<Knee> = (0..D)
            .map(|unit| {
                let (a, c) = (layer.value[unit], layer.bias[unit]);
                let (at, below, above) = if a > 0.0 {
                    (-c / a, slope, 1.0)
                } else if a < 0.0 {
                    (-c / a, 1.0, slope)
                } else {
                    // Constant: a knee that every value is beyond.
                    (f32::NEG_INFINITY, slope, if c > 0.0 { 1.0 } else { slope })
                };
                Knee { at, unit, below, above }
            })
            .collect();
        knees.sort_unstable_by(|a, b| a.at.total_cmp(&b.at));
        let mut steps = Self { layer, knees, logit: None };
        steps.logit = layer.attention.map(|(weights, bias)| steps.lines(weights, bias));
        steps
    }

    /// bias + Σ weightᵈ · hiddenᵈ of an unmarked step, as a line in its value before, between and after the knees.
    fn lines(&self, weights: &[f32; D], bias: f32) -> Vec<Line> {
        let layer = self.layer;
        let part = |knee: &Knee| {
            let weight = f64::from(weights[knee.unit]);
            (weight * f64::from(layer.value[knee.unit]), weight * f64::from(layer.bias[knee.unit]))
        };
        let (mut slope, mut offset) = (0.0, f64::from(bias));
        for knee in &self.knees {
            let (by_value, constant) = part(knee);
            slope += knee.below * by_value;
            offset += knee.below * constant;
        }
        let mut lines = Vec::with_capacity(D + 1);
        lines.push(Line { slope: slope as f32, offset: offset as f32 });
        for knee in &self.knees {
            let (by_value, constant) = part(knee);
            slope += (knee.above - knee.below) * by_value;
            offset += (knee.above - knee.below) * constant;
            lines.push(Line { slope: slope as f32, offset: offset as f32 });
        }
        lines
    }

    /// The weighted mean of the hidden states, or the plain one.
    #[inline(always)]
    pub(super) fn pool(&self, example: &Example) -> Pooled {
        let plain = &example.plain[..];
        let mut splits = [0; D];
        let mut from = 0;
        for (split, knee) in splits.iter_mut().zip(&self.knees) {
            from += plain[from..].partition_point(|v| *v <= knee.at);
            *split = from;
        }
        let (mut activations, mut weights) = (Vec::new(), Vec::new());
        let moments = if let Some(logit) = &self.logit {
            activations = along(logit, &splits, plain);
            weights = vec![0.0; plain.len()];
            for (activation, weight) in activations.iter_mut().zip(&mut weights) {
                *activation = tanh(*activation);
                *weight = exp(*activation);
            }
            moments(&splits, plain, |i| weights[i])
        } else {
            moments(&splits, plain, |_| 1.0)
        };

        let mut total = moments[D][0];
        let mut sums = self.by_unit(&moments, |unit, [zeroth, first]| {
            f64::from(self.layer.bias[unit]) * zeroth + f64::from(self.layer.value[unit]) * first
        });
        let mut marked = Vec::with_capacity(example.marked.len());
        for step in &example.marked {
            let hidden = self.layer.hidden(step);
            let (mut activation, mut weight) = (0.0, step.count);
            if let Some((weights, bias)) = self.layer.attention {
                activation = tanh(bias + dot(weights, &hidden));
                weight *= exp(activation);
            }
            total += f64::from(weight);
            for d in 0..D {
                sums[d] = weight.mul_add(hidden[d], sums[d]);
            }
            marked.push((hidden, activation, weight));
        }
        let inverse = total.recip() as f32;
        let means = sums.map(|sum| sum * inverse);
        Pooled { means, total: total as f32, splits, activations, weights, moments, marked }
    }

    /// The gradient of a loss whose gradient at the mean is `by_mean`.
    #[inline(always)]
    pub(super) fn gradient(&self, example: &Example, pooled: &Pooled, by_mean: &[f32; D]) -> LayerGradient {
        let plain = &example.plain[..];
        let inverse = pooled.total.recip();
        let along_mean = dot(by_mean, &pooled.means);
        let from_attention = self.layer.attention.map_or([0.0; D], |(weights, _)| *weights);

        // Through the hidden states each step counts with its share; through its logit, with its deviation from the
        // mean.
        let scale = f64::from(inverse);
        let shares = pooled.moments.map(|[zeroth, first]| [zeroth * scale, first * scale]);
        let mut by_logits = [[0.0; 2]; D + 1];
        if self.layer.attention.is_some() {
            let mut by_logit = along(&self.lines(by_mean, -along_mean), &pooled.splits, plain);
            for ((by, weight), e) in by_logit.iter_mut().zip(&pooled.weights).zip(&pooled.activations) {
                *by *= weight * inverse * (1.0 - e * e);
            }
            by_logits = moments(&pooled.splits, plain, |i| by_logit[i]);
        }
        let mut gradient = LayerGradient {
            value: self.by_unit(&shares, |unit, [_, first]| first * f64::from(by_mean[unit])),
            marker: [0.0; D],
            bias: self.by_unit(&shares, |unit, [zeroth, _]| zeroth * f64::from(by_mean[unit])),
            attention: self.by_unit(&by_logits, |unit, [zeroth, first]| {
                f64::from(self.layer.bias[unit]) * zeroth + f64::from(self.layer.value[unit]) * first
            }),
            attention_bias: by_logits[D][0] as f32,
        };
        let value = self.by_unit(&by_logits, |unit, [_, first]| first * f64::from(from_attention[unit]));
        let bias = self.by_unit(&by_logits, |unit, [zeroth, _]| zeroth * f64::from(from_attention[unit]));
        for d in 0..D {
            gradient.value[d] += value[d];
            gradient.bias[d] += bias[d];
        }

        for (step, (hidden, activation, weight)) in example.marked.iter().zip(&pooled.marked) {
            let share = weight * inverse;
            let mut by_logit = 0.0;
            if self.layer.attention.is_some() {
                by_logit = share * (dot(by_mean, hidden) - along_mean) * (1.0 - activation * activation);
            }
            for d in 0..D {
                let change = by_mean[d].mul_add(share, from_attention[d] * by_logit) * slope(hidden[d]);
                gradient.value[d] += change * step.value;
                gradient.marker[d] += change * step.marker;
                gradient.bias[d] += change;
                gradient.attention[d] += by_logit * hidden[d];
            }
            gradient.attention_bias += by_logit;
        }
        gradient
    }

    /// For each unit, `what` of the moments of all unmarked steps: those below its knee times the slope below, the
    /// others times the slope above.
    #[inline(always)]
    fn by_unit(&self, moments: &[Moments; D + 1], what: impl Fn(usize, Moments) -> f64) -> [f32; D] {
        let mut of = [0.0; D];
        let all = moments[D];
        for (knee, below) in self.knees.iter().zip(moments) {
            let sum = |k: usize| knee.below * below[k] + knee.above * (all[k] - below[k]);
            of[knee.unit] = what(knee.unit, [sum(0), sum(1)]) as f32;
        }
        of
    }
}

impl Layer<'_> {
    #[inline(always)]
    fn hidden(&self, step: &Step) -> [f32; D] {
        let mut hidden = [0.0; D];
        for d in 0..D {
            let x = self.value[d].mul_add(step.value, self.marker[d].mul_add(step.marker, self.bias[d]));
            hidden[d] = leaky(x);
        }
        hidden
    }
}

/// The lines at the values; `splits` is where one line gives way to the next.
#[inline(always)]
fn along(lines: &[Line], splits: &[usize; D], values: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    let mut from = 0;
    for (line, &to) in lines.iter().zip(splits.iter().chain([&values.len()])) {
        for (out, value) in out[from..to].iter_mut().zip(&values[from..to]) {
            *out = line.slope.mul_add(*value, line.offset);
        }
        from = to;
    }
    out
}

/// Sums of weights, and of weights times values, of the steps up to each split and of all.
#[inline(always)]
fn moments(splits: &[usize; D], values: &[f32], weight: impl Fn(usize) -> f32) -> [Moments; D + 1] {
    let mut moments = [[0.0; 2]; D + 1];
    let (mut zeroth, mut first) = (0.0, 0.0);
    let mut from = 0;
    for (moments, &to) in moments.iter_mut().zip(splits.iter().chain([&values.len()])) {
        let mut sums = [[0.0; LANES]; 2];
        let whole = from + (to - from) / LANES * LANES;
        for i in (from..whole).step_by(LANES) {
            for l in 0..LANES {
                let w = weight(i + l);
                sums[0][l] += w;
                sums[1][l] = w.mul_add(values[i + l], sums[1][l]);
            }
        }
        for i in whole..to {
            let w = weight(i);
            sums[0][i - whole] += w;
            sums[1][i - whole] = w.mul_add(values[i], sums[1][i - whole]);
        }
        zeroth += f64::from(sums[0].iter().sum::<f32>());
        first += f64::from(sums[1].iter().sum::<f32>());
        *moments = [zeroth, first];
        from = to;
    }
    moments
}

#[inline(always)]
fn dot(a: &[f32; D], b: &[f32; D]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[inline(always)]
pub(super) fn leaky(x: f32) -> f32 {
    if x > 0.0 { x } else { SLOPE * x }
}

#[inline(always)]
pub(super) fn slope(x: f32) -> f32 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_tanh_are_those_of_the_standard_library() {
        for i in -2000..2000 {
            let x = i as f32 / 100.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-6, "{x}");
            assert!((tanh(x) - x.tanh()).abs() < 1e-6, "{x}");
        }
        assert!(exp(1000.0).is_finite() && exp(-1000.0) >= 0.0);
    }

    /// Units that rise, that fall, that are constant, and that meet in one knee.
    #[test]
    fn between_the_knees_sums_of_units_are_lines() {
        let (mut value, marker, mut bias, mut weights) = ([0.0; D], [0.0; D], [0.0; D], [0.0; D]);
        for d in 0..D {
            value[d] = [0.7, -0.4, 0.0, 1.4, -0.0][d % 5] * (1 + d / 10) as f32;
            bias[d] = [0.35, 0.1, -0.2, 0.7, 0.3][d % 5] * (1 + d / 20) as f32;
            weights[d] = (d as f32 * 0.61).sin();
        }
        let steps = Steps::new(Layer { value: &value, marker: &marker, bias: &bias, attention: None });
        let values: Vec<f32> = (-300..=300).map(|i| i as f32 / 100.0).collect();
        let mut splits = [0; D];
        for (split, knee) in splits.iter_mut().zip(&steps.knees) {
            *split = values.iter().filter(|v| **v <= knee.at).count();
        }
        for (v, along) in values.iter().zip(along(&steps.lines(&weights, 0.25), &splits, &values)) {
            let sum: f32 = (0..D).map(|d| weights[d] * leaky(value[d] * v + bias[d])).sum::<f32>() + 0.25;
            assert!((along - sum).abs() < 1e-3, "{v}: {along} {sum}");
        }
    }
}
