//! Logistic regression: weights that turn numbers into log odds.

/// Strength of the pull towards weights of 0, on standardised values and classes that weigh 1 each. It keeps weights
/// finite if the classes are separable.
const RIDGE: f64 = 0.002;
/// Maximum number of Newton steps, and the change below which they end.
const STEPS: usize = 60;
const SMALL: f64 = 1e-8;

/// Weights of standardised values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Logistic {
    pub(super) mean: Vec<f64>,
    pub(super) deviation: Vec<f64>,
    pub(super) weight: Vec<f64>,
    pub(super) bias: f64,
}

/// An example to learn from.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub(super) values: Vec<f64>,
    pub(super) same: bool,
    /// The number of examples it stands for.
    pub(super) weight: f64,
}

impl Logistic {
    /// Learns from examples, where the true and the wrong ones weigh the same in total: the odds are those of a prior
    /// of one half. Weights can't contradict the known meaning of a value: `sign` of each value is 1 if more of it can
    /// only speak for a pair, −1 if only against, 0 if it may be either.
    ///
    /// None without examples of both classes.
    pub(super) fn fit(examples: &[Example], sign: &[i8]) -> Option<Self> {
        let sum = |same: bool| examples.iter().filter(|e| e.same == same).map(|e| e.weight).sum::<f64>();
        let totals = [sum(false), sum(true)];
        if totals.iter().any(|total| *total <= 0.0) {
            return None;
        }
        let share: Vec<f64> = examples.iter().map(|e| e.weight / totals[usize::from(e.same)] / 2.0).collect();
        let count = sign.len();
        let moment = |value: &dyn Fn(f64) -> f64, at: usize| -> f64 {
            examples.iter().zip(&share).map(|(e, share)| share * value(e.values[at])).sum()
        };
        let mean: Vec<f64> = (0..count).map(|at| moment(&|v| v, at)).collect();
        let deviation: Vec<f64> = (0..count)
            .map(|at| moment(&|v| (v - mean[at]).powi(2), at).sqrt())
            .map(|d| if d > 1e-9 { d } else { 1.0 })
            .collect();
        let rows: Vec<Vec<f64>> = examples
            .iter()
            .map(|e| (0..count).map(|at| (e.values[at] - mean[at]) / deviation[at]).chain([1.0]).collect())
            .collect();
        let mut free = vec![true; count];
        // A weight of the wrong sign is set to 0 and the rest are learned again, the worst one first.
        loop {
            let weights = newton(&rows, examples, &share, &free);
            let wrong = |at: &usize| free[*at] && f64::from(sign[*at]) * weights[*at] < 0.0;
            match (0..count).filter(wrong).max_by(|&a, &b| weights[a].abs().total_cmp(&weights[b].abs())) {
                Some(at) => free[at] = false,
                None => {
                    return Some(Self { mean, deviation, bias: weights[count], weight: weights[..count].to_vec() });
                }
            }
        }
    }

    /// Log odds.
    pub(super) fn odds(&self, values: &[f64]) -> f64 {
        self.bias + (0..values.len()).map(|at| self.contribution(at, values[at])).sum::<f64>()
    }

    /// The contribution of one value; 0 if it isn't known.
    pub(super) fn contribution(&self, at: usize, value: f64) -> f64 {
        if value.is_finite() { self.weight[at] * (value - self.mean[at]) / self.deviation[at] } else { 0.0 }
    }
}

/// Weights of the columns that are free, of which the last is the bias.
fn newton(rows: &[Vec<f64>], examples: &[Example], share: &[f64], free: &[bool]) -> Vec<f64> {
    let columns: Vec<usize> = (0..free.len()).filter(|&at| free[at]).chain([free.len()]).collect();
    let n = columns.len();
    let mut weights = vec![0.0; free.len() + 1];
    for _ in 0..STEPS {
        let mut gradient = vec![0.0; n];
        let mut curvature = vec![vec![0.0; n]; n];
        for ((row, example), share) in rows.iter().zip(examples).zip(share) {
            let p = probability(columns.iter().map(|&at| weights[at] * row[at]).sum());
            let (error, slope) = (share * (f64::from(u8::from(example.same)) - p), share * p * (1.0 - p));
            for (i, &a) in columns.iter().enumerate() {
                gradient[i] += error * row[a];
                for (cell, &b) in curvature[i].iter_mut().zip(&columns).take(i + 1) {
                    *cell += slope * row[a] * row[b];
                }
            }
        }
        for i in 0..n {
            // The bias is not regularised.
            if i + 1 < n {
                gradient[i] -= RIDGE * weights[columns[i]];
                curvature[i][i] += RIDGE;
            }
            curvature[i][i] += 1e-9;
        }
        let step = solve(curvature, gradient);
        // Far from the solution, a step may overshoot.
        let longest = step.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        let scale = if longest > 3.0 { 3.0 / longest } else { 1.0 };
        for (i, step) in step.iter().enumerate() {
            weights[columns[i]] += scale * step;
        }
        if longest < SMALL {
            break;
        }
    }
    weights
}

/// Solves a symmetric positive definite system, given by its lower half, by Cholesky decomposition.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let sum = a[i][j] - (0..j).map(|k| a[i][k] * a[j][k]).sum::<f64>();
            a[i][j] = if i == j { sum.max(1e-12).sqrt() } else { sum / a[j][j] };
        }
        b[i] = (b[i] - (0..i).map(|k| a[i][k] * b[k]).sum::<f64>()) / a[i][i];
    }
    for i in (0..n).rev() {
        b[i] = (b[i] - (i + 1..n).map(|k| a[k][i] * b[k]).sum::<f64>()) / a[i][i];
    }
    b
}

/// The probability for log odds.
pub(super) fn probability(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

/// Log odds of a probability.
pub(super) fn log_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_pcg::Pcg64;

    /// Examples whose log odds are `2 x − y + 0.5`, with a third value that says nothing; `true` as often as the odds
    /// say.
    fn examples(count: usize) -> Vec<Example> {
        let mut random = Pcg64::seed_from_u64(3);
        (0..count)
            .map(|_| {
                let values: Vec<f64> = (0..3).map(|_| random.random_range(-2.0..2.0)).collect();
                let same = random.random_range(0.0..1.0) < probability(2.0 * values[0] - values[1] + 0.5);
                Example { values, same, weight: 1.0 }
            })
            .collect()
    }

    #[test]
    fn the_odds_that_made_the_examples_are_found() {
        let examples = examples(4000);
        let fitted = Logistic::fit(&examples, &[0, 0, 0]).expect("both classes");
        let slope = |at: usize| fitted.weight[at] / fitted.deviation[at];
        assert!((slope(0) - 2.0).abs() < 0.3 && (slope(1) + 1.0).abs() < 0.2 && slope(2).abs() < 0.15, "{fitted:?}");
    }

    #[test]
    fn what_can_only_speak_for_a_pair_never_speaks_against_it() {
        let fitted = Logistic::fit(&examples(1000), &[1, 1, 0]).expect("both classes");
        assert!(fitted.weight[0] > 0.0 && fitted.weight[1].abs() < 1e-12, "{fitted:?}");
    }

    #[test]
    fn weights_stay_finite_where_the_classes_are_apart_and_unknown_values_say_nothing() {
        let example = |x: f64| Example { values: vec![x], same: x > 0.0, weight: 1.0 };
        let apart: Vec<Example> = [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0].map(example).to_vec();
        let fitted = Logistic::fit(&apart, &[1]).expect("both classes");
        assert!(fitted.weight[0].is_finite() && probability(fitted.odds(&[1.0])) > 0.9);
        assert!((fitted.odds(&[f64::NAN]) - fitted.bias).abs() < 1e-12);
        assert!(Logistic::fit(&apart[..3], &[1]).is_none());
    }
}
