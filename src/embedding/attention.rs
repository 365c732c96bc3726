//! Feed-forward attention: turns the steps of a sequence into one vector, whatever their number.
//!
//! Raffel and Ellis 2015: a logit for each step, a softmax over the steps, a weighted mean. Sequences keep their own
//! length; nothing is padded, so nothing needs a mask.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

/// How much a step counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// The logit is tanh(w·h + b) (first generation, spec G). Its range bounds the ratio of two weights by e² = 7.4.
    Scalar,
    /// The logit is v·tanh(W h + b) (second generation).
    Hidden {
        /// Rows of W.
        units: usize,
    },
}

impl Attention {
    /// Number of parameters for steps of `width` values.
    pub(super) fn size(self, width: usize) -> usize {
        match self {
            Self::Scalar => width + 1,
            // Units come from a file.
            Self::Hidden { units } => (width + 2).saturating_mul(units),
        }
    }
}

/// An attention with its parameters. `Scalar`: w, b. `Hidden`: W (width × units), b, v.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pooling {
    attention: Attention,
    width: usize,
    pub parameters: Vec<f32>,
}

/// What [`Pooling::backward`] needs.
#[derive(Debug)]
pub(crate) struct Pooled {
    /// The weight of each step; they add up to 1.
    pub weights: Array1<f32>,
    /// The weighted mean of the steps.
    pub mean: Array1<f32>,
    /// `Scalar`: the logits (steps × 1); `Hidden`: tanh(W h + b), (steps × units).
    inner: Array2<f32>,
}

impl Pooling {
    /// Weights drawn from N(0, 1 / fan-in), biases 0 (spec G).
    pub(crate) fn new(attention: Attention, width: usize, seed: u64) -> Self {
        let mut rng = Pcg64::seed_from_u64(seed);
        let mut draw = |count: usize, fan_in: usize| -> Vec<f32> {
            let scale = 1.0 / (fan_in.max(1) as f32).sqrt();
            let normal = |_| -> f32 { StandardNormal.sample(&mut rng) };
            (0..count).map(normal).map(|drawn| scale * drawn).collect()
        };
        let parameters = match attention {
            Attention::Scalar => [draw(width, width), vec![0.0]].concat(),
            Attention::Hidden { units } => [draw(width * units, width), vec![0.0; units], draw(units, units)].concat(),
        };
        Self { attention, width, parameters }
    }

    /// The same with learned parameters; `None` if their number is wrong or one is not finite.
    pub(crate) fn with_parameters(attention: Attention, width: usize, parameters: Vec<f32>) -> Option<Self> {
        let fits = parameters.len() == attention.size(width) && parameters.iter().all(|p| p.is_finite());
        fits.then_some(Self { attention, width, parameters })
    }

    /// `Hidden`'s W, b and v.
    fn parts(&self, units: usize) -> (ArrayView2<'_, f32>, ArrayView1<'_, f32>, ArrayView1<'_, f32>) {
        let (matrix, rest) = self.parameters.split_at(self.width * units);
        let matrix = ArrayView2::from_shape((self.width, units), matrix).expect("as many as there are");
        (matrix, ArrayView1::from(&rest[..units]), ArrayView1::from(&rest[units..]))
    }

    /// Pools `steps`, (steps × width).
    ///
    /// # Panics
    /// If the width differs, or there are no steps.
    pub(crate) fn forward(&self, steps: ArrayView2<f32>) -> Pooled {
        assert_eq!(steps.ncols(), self.width, "width of the steps");
        assert!(steps.nrows() > 0, "no steps to pool");
        let (inner, logits) = match self.attention {
            Attention::Scalar => {
                let w = ArrayView1::from(&self.parameters[..self.width]);
                let logits = (steps.dot(&w) + self.parameters[self.width]).mapv_into(f32::tanh);
                (logits.clone().insert_axis(ndarray::Axis(1)), logits)
            }
            Attention::Hidden { units } => {
                let (matrix, bias, v) = self.parts(units);
                let inner = (steps.dot(&matrix) + bias).mapv_into(f32::tanh);
                let logits = inner.dot(&v);
                (inner, logits)
            }
        };
        let largest = logits.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let mut weights = logits.mapv_into(|logit| (logit - largest).exp());
        weights /= weights.sum();
        let mean = weights.dot(&steps);
        Pooled { weights, mean, inner }
    }

    /// Adds the gradient of the parameters to `sum`, given that of the mean; returns that of the steps.
    ///
    /// # Panics
    /// If shapes don't fit.
    pub(crate) fn backward(
        &self,
        steps: ArrayView2<f32>,
        pooled: &Pooled,
        d_mean: ArrayView1<f32>,
        sum: &mut [f32],
    ) -> Array2<f32> {
        assert_eq!(sum.len(), self.parameters.len(), "parameters");
        let along = steps.dot(&d_mean);
        let d_logits = &pooled.weights * &(along - pooled.mean.dot(&d_mean));
        let mut d_steps = outer(pooled.weights.view(), d_mean);
        match self.attention {
            Attention::Scalar => {
                let d_inner = &d_logits * &pooled.inner.column(0).mapv(|e| 1.0 - e * e);
                let w = ArrayView1::from(&self.parameters[..self.width]);
                d_steps += &outer(d_inner.view(), w);
                add(&mut sum[..self.width], d_inner.dot(&steps).iter());
                sum[self.width] += d_inner.sum();
            }
            Attention::Hidden { units } => {
                let (matrix, _, v) = self.parts(units);
                let mut d_inner = outer(d_logits.view(), v);
                d_inner.zip_mut_with(&pooled.inner, |d, &e| *d *= 1.0 - e * e);
                d_steps += &d_inner.dot(&matrix.t());
                let (d_matrix, rest) = sum.split_at_mut(self.width * units);
                add(d_matrix, steps.t().dot(&d_inner).iter());
                add(&mut rest[..units], d_inner.sum_axis(ndarray::Axis(0)).iter());
                add(&mut rest[units..], d_logits.dot(&pooled.inner).iter());
            }
        }
        d_steps
    }
}

fn outer(rows: ArrayView1<f32>, columns: ArrayView1<f32>) -> Array2<f32> {
    let mut product = Array2::zeros((rows.len(), columns.len()));
    for (row, mut to) in rows.iter().zip(product.rows_mut()) {
        to.scaled_add(*row, &columns.slice(s![..]));
    }
    product
}

fn add<'a>(sums: &mut [f32], values: impl Iterator<Item = &'a f32>) {
    sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    const ATTENTIONS: [Attention; 2] = [Attention::Scalar, Attention::Hidden { units: 3 }];

    fn steps(count: usize, width: usize) -> Array2<f32> {
        let mut rng = Pcg64::seed_from_u64(count as u64);
        Array2::from_shape_fn((count, width), |_| rng.random_range(-1.0..1.0))
    }

    #[test]
    fn weights_add_up_to_one_and_the_mean_is_theirs() {
        for attention in ATTENTIONS {
            let steps = steps(7, 4);
            let pooled = Pooling::new(attention, 4, 2).forward(steps.view());
            assert!((pooled.weights.sum() - 1.0).abs() < 1e-6);
            for bin in 0..4 {
                let mean: f32 = (0..7).map(|i| pooled.weights[i] * steps[[i, bin]]).sum();
                assert!((pooled.mean[bin] - mean).abs() < 1e-6);
            }
        }
        let one = steps(1, 4);
        assert_eq!(Pooling::new(Attention::Scalar, 4, 2).forward(one.view()).mean, one.row(0));
    }

    #[test]
    fn the_first_generations_weights_are_nearly_equal_by_construction() {
        let mut pooling = Pooling::new(Attention::Scalar, 4, 2);
        pooling.parameters.fill(1000.0);
        let weights = pooling.forward(steps(50, 4).view()).weights;
        let (least, most) = weights.iter().fold((f32::MAX, 0.0f32), |(a, b), &w| (a.min(w), b.max(w)));
        assert!((most / least - 2.0f32.exp()).abs() < 0.01, "{}", most / least);
    }

    #[test]
    fn gradients_are_the_differences() {
        for attention in ATTENTIONS {
            let (pooling, steps) = (Pooling::new(attention, 4, 5), steps(6, 4));
            let d_mean = Array1::from(vec![0.3, -1.0, 0.5, 2.0]);
            let value = |pooling: &Pooling, steps: &Array2<f32>| {
                let mean = pooling.forward(steps.view()).mean;
                mean.iter().zip(&d_mean).map(|(m, d)| f64::from(m * d)).sum::<f64>()
            };
            let mut d_parameters = vec![0.0; pooling.parameters.len()];
            let pooled = pooling.forward(steps.view());
            let d_steps = pooling.backward(steps.view(), &pooled, d_mean.view(), &mut d_parameters);
            for (at, got) in d_parameters.iter().enumerate() {
                let moved = |by: f32| {
                    let mut pooling = pooling.clone();
                    pooling.parameters[at] += by;
                    value(&pooling, &steps)
                };
                let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                assert!((difference - f64::from(*got)).abs() < 1e-3, "{attention:?}, parameter {at}");
            }
            for at in 0..24 {
                let moved = |by: f32| {
                    let mut steps = steps.clone();
                    steps.as_slice_mut().unwrap()[at] += by;
                    value(&pooling, &steps)
                };
                let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                assert!((difference - f64::from(d_steps.as_slice().unwrap()[at])).abs() < 1e-3, "{attention:?}, {at}");
            }
        }
    }
}
