//! The losses of [`Objective`] as tensor operations.

use crate::training::losses::{EPSILON, Objective, derangement};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand_pcg::Pcg64;
use std::collections::BTreeMap;

/// The targets for the outputs of a batch.
pub(super) enum Targets {
    /// See [`Objective::Hinge`].
    Hinge {
        margin: f32,
        beta: f32,
        /// The other crop that each is compared with.
        order: Vec<i32>,
        /// α for each crop whose counterpart is of another work, divided by their number; else 0.
        weights: Vec<f32>,
    },
    /// See [`Objective::Contrastive`].
    Contrastive {
        temperature: f32,
        saturation: f32,
        balance: f32,
        /// A small number that identifies the work of each crop.
        works: Vec<f32>,
    },
}

impl Targets {
    /// Draws them for crops of these groups, with the random numbers that [`Objective::loss`] would take.
    pub(crate) fn draw(objective: Objective, groups: &[usize], rng: &mut Pcg64) -> Self {
        match objective {
            Objective::Hinge { alpha, margin, beta } => {
                let order = derangement(groups.len(), rng);
                let other = |(k, &o): (usize, &usize)| groups[k] != groups[o];
                let count = order.iter().enumerate().filter(|&pair| other(pair)).count();
                let share = alpha / count.max(1) as f32;
                let weights = order.iter().enumerate().map(|pair| if other(pair) { share } else { 0.0 }).collect();
                Self::Hinge { margin, beta, order: order.into_iter().map(|o| o as i32).collect(), weights }
            }
            Objective::Contrastive { temperature, saturation, balance } => {
                let mut numbers = BTreeMap::new();
                let number = |group| {
                    let next = numbers.len();
                    *numbers.entry(group).or_insert(next) as f32
                };
                Self::Contrastive { temperature, saturation, balance, works: groups.iter().map(number).collect() }
            }
        }
    }

    /// The loss of outputs (2 × crops × steps × bits).
    pub(crate) fn loss(self, outputs: Tensor<4>, device: &Device) -> Tensor<1> {
        let [_, crops, steps, bits] = outputs.dims();
        let rows = crops * steps;
        let outputs = outputs.reshape([2, rows, bits]);
        match self {
            Self::Hinge { margin, beta, order, weights } => {
                let (f, g) = sides(outputs.clone());
                let order = Tensor::<1, Int>::from_data(TensorData::new(order, [crops]), device);
                let others = g.clone().reshape([crops, steps * bits]).select(0, order).reshape([rows, bits]);
                let near = squares(f.clone() - g).sum() / rows as f32 + squares(outputs).sum() * (beta / rows as f32);
                let distance = (squares(f - others).sum_dim(1) + EPSILON).sqrt();
                let missing = relu(-distance + margin).reshape([crops, steps]);
                let weights = Tensor::<2>::from_data(TensorData::new(weights, [crops, 1]), device) / steps as f32;
                near + (squares(missing) * weights).sum()
            }
            Self::Contrastive { temperature, saturation, balance, works } => {
                let lengths = (squares(outputs.clone()).sum_dim(2) + EPSILON).sqrt();
                let (u, v) = sides(outputs.clone() / lengths);
                let works: Vec<f32> = works.into_iter().flat_map(|work| std::iter::repeat_n(work, steps)).collect();
                let works = Tensor::<2>::from_data(TensorData::new(works, [rows, 1]), device);
                // 1 if the works differ and for the match itself, else 0.
                let others = (works.clone() - works.transpose()).abs().clamp_max(1.0) + Tensor::eye(rows, device);
                // See `losses::contrastive`.
                let matching = (u.clone() * v.clone()).sum() - rows as f32;
                let near = ((u.matmul(v.transpose()) - 1.0) / temperature).exp() * others;
                let sums = near.clone().sum_dim(1).log().sum() + near.sum_dim(0).log().sum();
                let value = (sums - matching * (2.0 / temperature)) * (0.5 / rows as f32);
                // Means over both sides are half the sum of those of each side.
                let missing = squares(outputs.clone().abs() - 1.0).mean() * (2.0 * saturation);
                value + missing + squares(outputs.mean_dim(1)).mean() * (2.0 * balance)
            }
        }
    }
}

fn squares<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    values.clone() * values
}

/// MIDI and audio.
fn sides(both: Tensor<3>) -> (Tensor<2>, Tensor<2>) {
    (both.clone().narrow(0, 0, 1).squeeze_dim(0), both.narrow(0, 1, 1).squeeze_dim(0))
}
