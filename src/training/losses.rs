//! The losses of training, with their gradients at the outputs of both networks.
//!
//! Outputs are one matrix per crop, (steps × bits); step `t` of crop `k` is the same moment on both sides.

use ndarray::{Array2, ArrayView2, Axis, s};
use rand::RngExt;
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The loss that training minimises.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The papers' loss (spec D): mean over matching steps of ‖f − g‖² + α · mean over others of max(0, m − ‖f − g‖)² +
    /// β · mean over matching steps of ‖f‖² + ‖g‖². Sums over bits, not means; "+" before α, which some printings lack.
    /// The others are crop `k` and the one that a random derangement assigns to it.
    Hinge {
        /// α.
        alpha: f32,
        /// m.
        margin: f32,
        /// β; 0 in the first generation.
        beta: f32,
    },
    /// Each step must be nearer to its match than to all steps of the batch's other works (`InfoNCE`, van den Oord et al.
    /// 2018): cross entropy of the cosine similarities over the temperature, both ways. Two small terms push outputs to ±1
    /// and each bit to be on half the time.
    Contrastive {
        /// Divisor of the similarities.
        temperature: f32,
        /// Weight of the mean of (1 − |output|)².
        saturation: f32,
        /// Weight of the mean over bits and sides of (mean output)².
        balance: f32,
    },
}

/// Value and gradients.
#[derive(Debug)]
pub(crate) struct Loss {
    pub value: f64,
    pub d_midi: Vec<Array2<f32>>,
    pub d_audio: Vec<Array2<f32>>,
}

/// Keeps the gradient of a distance finite at 0 (spec D).
pub(super) const EPSILON: f32 = 1e-12;
/// Rows of the similarity matrix that one task takes: fixed, so that sums don't depend on the number of threads.
const ROWS: usize = 64;

impl Objective {
    /// Computes the loss of a batch. Crops of one group are the same work and never treated as different.
    pub(crate) fn loss(
        self,
        midi: &[ArrayView2<f32>],
        audio: &[ArrayView2<f32>],
        groups: &[usize],
        rng: &mut Pcg64,
    ) -> Loss {
        match self {
            Self::Hinge { alpha, margin, beta } => hinge(midi, audio, groups, (alpha, margin, beta), rng),
            Self::Contrastive { temperature, saturation, balance } => {
                let mut loss = contrastive(midi, audio, groups, temperature);
                for (outputs, gradients) in [(midi, &mut loss.d_midi), (audio, &mut loss.d_audio)] {
                    loss.value += spread(outputs, gradients, saturation, balance);
                }
                loss
            }
        }
    }
}

fn hinge(
    midi: &[ArrayView2<f32>],
    audio: &[ArrayView2<f32>],
    groups: &[usize],
    (alpha, margin, beta): (f32, f32, f32),
    rng: &mut Pcg64,
) -> Loss {
    let mut d_midi: Vec<Array2<f32>> = midi.iter().map(|f| Array2::zeros(f.dim())).collect();
    let mut d_audio: Vec<Array2<f32>> = audio.iter().map(|g| Array2::zeros(g.dim())).collect();
    let mut value = 0.0;
    let steps: usize = midi.iter().zip(audio).map(|(f, g)| f.nrows().min(g.nrows())).sum();
    let share = 1.0 / steps.max(1) as f32;
    for k in 0..midi.len() {
        for t in 0..midi[k].nrows().min(audio[k].nrows()) {
            for b in 0..midi[k].ncols() {
                let (f, g) = (midi[k][[t, b]], audio[k][[t, b]]);
                value += f64::from(share * ((f - g) * (f - g) + beta * (f * f + g * g)));
                d_midi[k][[t, b]] += 2.0 * share * (f - g + beta * f);
                d_audio[k][[t, b]] += 2.0 * share * (g - f + beta * g);
            }
        }
    }
    let others: Vec<(usize, usize)> =
        derangement(midi.len(), rng).into_iter().enumerate().filter(|&(k, o)| groups[k] != groups[o]).collect();
    let steps: usize = others.iter().map(|&(k, o)| midi[k].nrows().min(audio[o].nrows())).sum();
    let share = alpha / steps.max(1) as f32;
    for (k, o) in others {
        for t in 0..midi[k].nrows().min(audio[o].nrows()) {
            let difference = &midi[k].row(t) - &audio[o].row(t);
            let distance = (difference.dot(&difference) + EPSILON).sqrt();
            let missing = margin - distance;
            if missing > 0.0 {
                value += f64::from(share * missing * missing);
                let scale = -2.0 * share * missing / distance;
                d_midi[k].row_mut(t).scaled_add(scale, &difference);
                d_audio[o].row_mut(t).scaled_add(-scale, &difference);
            }
        }
    }
    Loss { value, d_midi, d_audio }
}

/// A random permutation of a single cycle: nothing stays in its place (Sattolo 1986).
pub(super) fn derangement(count: usize, rng: &mut Pcg64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, rng.random_range(0..last));
    }
    order
}

/// All steps stacked, each scaled to unit length, with their original lengths.
fn unit_rows(outputs: &[ArrayView2<f32>]) -> (Array2<f32>, Vec<f32>) {
    let mut rows = ndarray::concatenate(Axis(0), outputs).unwrap_or_default();
    let norms: Vec<f32> = rows.rows().into_iter().map(|row| (row.dot(&row) + EPSILON).sqrt()).collect();
    for (mut row, norm) in rows.rows_mut().into_iter().zip(&norms) {
        row /= *norm;
    }
    (rows, norms)
}

/// The gradient through [`unit_rows`], split into crops.
fn d_unit_rows(
    rows: &Array2<f32>,
    norms: &[f32],
    mut d_rows: Array2<f32>,
    crops: &[ArrayView2<f32>],
) -> Vec<Array2<f32>> {
    for ((mut d, row), norm) in d_rows.rows_mut().into_iter().zip(rows.rows()).zip(norms) {
        let along = d.dot(&row);
        d.scaled_add(-along, &row);
        d /= *norm;
    }
    let mut at = 0;
    let part = |crop: &ArrayView2<f32>| {
        at += crop.nrows();
        d_rows.slice(s![at - crop.nrows()..at, ..]).to_owned()
    };
    crops.iter().map(part).collect()
}

fn contrastive(midi: &[ArrayView2<f32>], audio: &[ArrayView2<f32>], groups: &[usize], temperature: f32) -> Loss {
    let (u, u_norms) = unit_rows(midi);
    let (v, v_norms) = unit_rows(audio);
    assert_eq!(u.dim(), v.dim(), "steps of both sides");
    let group: Vec<usize> = midi.iter().zip(groups).flat_map(|(f, &g)| std::iter::repeat_n(g, f.nrows())).collect();
    let count = u.nrows();

    // e^((similarity − 1) / temperature): at most 1, so rows need no centring. 0 if the two are the same work.
    let starts: Vec<usize> = (0..count).step_by(ROWS).collect();
    let mut blocks: Vec<(Array2<f32>, Vec<f32>, Vec<f32>)> = starts
        .par_iter()
        .map(|&from| {
            let part = u.slice(s![from..(from + ROWS).min(count), ..]);
            let mut e = part.dot(&v.t());
            let mut columns = vec![0.0_f32; count];
            let mut rows = Vec::with_capacity(e.nrows());
            for (i, mut row) in e.rows_mut().into_iter().enumerate() {
                let mine = group[from + i];
                let mut sum = 0.0;
                for (j, e) in row.iter_mut().enumerate() {
                    let other = group[j] != mine || j == from + i;
                    *e = if other { ((*e - 1.0) / temperature).exp() } else { 0.0 };
                    sum += *e;
                    columns[j] += *e;
                }
                rows.push(sum);
            }
            (e, rows, columns)
        })
        .collect();
    let mut columns = vec![0.0_f32; count];
    for (_, _, part) in &blocks {
        columns.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
    }
    let share = 0.5 / count.max(1) as f32;
    let parts: Vec<(f64, Array2<f32>, Array2<f32>)> = blocks
        .par_iter_mut()
        .zip(&starts)
        .map(|((e, rows, _), &from)| {
            let mut value = 0.0;
            for ((i, mut row), sum) in e.rows_mut().into_iter().enumerate().zip(rows.iter()) {
                let mine = from + i;
                // A match that is far enough away rounds to 0.
                let hit = row[mine].max(f32::MIN_POSITIVE);
                value += f64::from(share * (sum.ln() + columns[mine].ln() - 2.0 * hit.ln()));
                row.iter_mut()
                    .zip(&columns)
                    .for_each(|(e, column)| *e *= share / temperature * (1.0 / sum + 1.0 / column));
                row[mine] -= 2.0 * share / temperature;
            }
            (value, e.dot(&v), e.t().dot(&u.slice(s![from..from + e.nrows(), ..])))
        })
        .collect();
    let mut value = 0.0;
    let (mut d_u, mut d_v) = (Array2::zeros(u.dim()), Array2::zeros(v.dim()));
    for ((part, rows, all), from) in parts.iter().zip(&starts) {
        value += part;
        d_u.slice_mut(s![*from..from + rows.nrows(), ..]).assign(rows);
        d_v += all;
    }
    Loss { value, d_midi: d_unit_rows(&u, &u_norms, d_u, midi), d_audio: d_unit_rows(&v, &v_norms, d_v, audio) }
}

/// Adds the terms that keep bits away from 0 and in balance, for one side; returns their value.
fn spread(outputs: &[ArrayView2<f32>], gradients: &mut [Array2<f32>], saturation: f32, balance: f32) -> f64 {
    let steps: usize = outputs.iter().map(ArrayView2::nrows).sum();
    let bits = outputs.first().map_or(0, ArrayView2::ncols);
    let share = 1.0 / (steps * bits).max(1) as f32;
    let mut value = 0.0;
    let mut mean = vec![0.0_f32; bits];
    for row in outputs.iter().flat_map(|output| output.rows()) {
        mean.iter_mut().zip(row).for_each(|(sum, v)| *sum += v / steps as f32);
    }
    for mean in &mean {
        value += f64::from(balance * mean * mean / bits as f32);
    }
    for (output, gradient) in outputs.iter().zip(gradients) {
        for (row, mut d_row) in output.rows().into_iter().zip(gradient.rows_mut()) {
            for ((v, d), mean) in row.iter().zip(d_row.iter_mut()).zip(&mean) {
                let missing = 1.0 - v.abs();
                value += f64::from(saturation * share * missing * missing);
                *d += 2.0 * share * (balance * mean - saturation * missing * v.signum());
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn crops(seed: u64) -> Vec<Array2<f32>> {
        let mut rng = Pcg64::seed_from_u64(seed);
        [3, 2, 3, 1].map(|steps| Array2::from_shape_fn((steps, 4), |_| rng.random_range(-0.95..0.95))).to_vec()
    }

    fn views(crops: &[Array2<f32>]) -> Vec<ArrayView2<'_, f32>> {
        crops.iter().map(|crop| crop.view()).collect()
    }

    const GROUPS: [usize; 4] = [7, 2, 7, 4];
    const CONTRASTIVE: Objective = Objective::Contrastive { temperature: 0.3, saturation: 0.2, balance: 0.7 };
    const HINGE: Objective = Objective::Hinge { alpha: 5.33, margin: 2.5, beta: 0.05 };

    fn value(objective: Objective, midi: &[Array2<f32>], audio: &[Array2<f32>]) -> f64 {
        objective.loss(&views(midi), &views(audio), &GROUPS, &mut Pcg64::seed_from_u64(1)).value
    }

    #[test]
    fn gradients_are_the_differences() {
        for objective in [CONTRASTIVE, HINGE] {
            let (midi, audio) = (crops(1), crops(2));
            let loss = objective.loss(&views(&midi), &views(&audio), &GROUPS, &mut Pcg64::seed_from_u64(1));
            for crop in 0..4 {
                for at in 0..midi[crop].len() {
                    let moved = |of_midi: bool, by: f32| {
                        let (mut midi, mut audio) = (midi.clone(), audio.clone());
                        let side = if of_midi { &mut midi } else { &mut audio };
                        side[crop].as_slice_mut().expect("contiguous")[at] += by;
                        value(objective, &midi, &audio)
                    };
                    for (of_midi, gradients) in [(true, &loss.d_midi), (false, &loss.d_audio)] {
                        let difference = (moved(of_midi, 1e-3) - moved(of_midi, -1e-3)) / 2e-3;
                        let got = f64::from(gradients[crop].as_slice().expect("contiguous")[at]);
                        assert!(
                            (difference - got).abs() < 2e-3 * (1.0 + difference.abs()),
                            "{objective:?}: {difference} {got}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_hinge_is_its_formula() {
        let row = |v: [f32; 2]| Array2::from_shape_vec((1, 2), v.to_vec()).expect("two");
        let (midi, audio) = (vec![row([1.0, 0.0]), row([0.0, 1.0])], vec![row([1.0, 1.0]), row([0.0, 1.0])]);
        let objective = Objective::Hinge { alpha: 2.0, margin: 1.5, beta: 0.1 };
        let got = objective.loss(&views(&midi), &views(&audio), &[0, 1], &mut Pcg64::seed_from_u64(0)).value;
        // Matching: 1 and 0. Others: √2 and 1 apart, .5 − … short of 1.5. Lengths: 1 + 2 and 1 + 1.
        let missing = (1.5 - 2.0_f64.sqrt()).powi(2) + 0.25;
        assert!((got - (0.5 + 2.0 * missing / 2.0 + 0.1 * 5.0 / 2.0)).abs() < 1e-5, "{got}");
    }

    #[test]
    fn the_contrastive_loss_is_the_plain_sum() {
        let (midi, audio) = (crops(3), crops(4));
        let temperature = 0.3;
        let unit = |crops: &[Array2<f32>]| -> Vec<(usize, Vec<f64>)> {
            let rows = crops.iter().zip(GROUPS).flat_map(|(crop, group)| {
                crop.rows()
                    .into_iter()
                    .map(move |row| {
                        let norm = row.iter().map(|v| f64::from(v * v)).sum::<f64>().sqrt();
                        (group, row.iter().map(|v| f64::from(*v) / norm).collect())
                    })
                    .collect::<Vec<_>>()
            });
            rows.collect()
        };
        let (u, v) = (unit(&midi), unit(&audio));
        let similarity = |i: usize, j: usize| u[i].1.iter().zip(&v[j].1).map(|(a, b)| a * b).sum::<f64>() / temperature;
        let mut expected = 0.0;
        for i in 0..u.len() {
            let all = |of: &dyn Fn(usize) -> f64| -> f64 {
                (0..u.len()).filter(|&j| j == i || u[i].0 != v[j].0).map(|j| of(j).exp()).sum()
            };
            let (row, column) = (all(&|j| similarity(i, j)), all(&|j| similarity(j, i)));
            expected += (row.ln() + column.ln() - 2.0 * similarity(i, i)) / (2.0 * u.len() as f64);
        }
        let plain = Objective::Contrastive { temperature: 0.3, saturation: 0.0, balance: 0.0 };
        let got = value(plain, &midi, &audio);
        assert!((got - expected).abs() < 1e-4, "{got} {expected}");
    }

    #[test]
    fn a_derangement_leaves_nothing_in_place() {
        let mut rng = Pcg64::seed_from_u64(9);
        for count in 2..20 {
            let order = derangement(count, &mut rng);
            assert!(order.iter().enumerate().all(|(k, o)| k != *o), "{order:?}");
        }
    }
}
