//! Optimisers: from a gradient to a step.

use serde::{Deserialize, Serialize};

/// How a gradient becomes a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// `RMSProp` as in Lasagne: r ← ρ r + (1 − ρ) g², step η g / √(r + 10⁻⁶) (spec D).
    RmsProp {
        /// ρ.
        rho: f32,
    },
    /// Adam (Kingma and Ba 2015), ε = 10⁻⁸.
    Adam {
        /// Decay of the mean.
        beta1: f32,
        /// Decay of the mean square.
        beta2: f32,
    },
    /// Nesterov's accelerated gradient as in Lasagne: v ← μ v − η g, step μ v − η g (spec G).
    Nesterov {
        /// μ.
        momentum: f32,
    },
}

/// A rule and its state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Optimiser {
    rule: Rule,
    steps: u64,
    /// `RMSProp`: r; Adam: the mean; Nesterov: v.
    first: Vec<f32>,
    /// Adam: the mean square; else empty.
    second: Vec<f32>,
}

impl Optimiser {
    /// Starts for that many parameters.
    pub(crate) fn new(rule: Rule, parameters: usize) -> Self {
        let second = if matches!(rule, Rule::Adam { .. }) { parameters } else { 0 };
        Self { rule, steps: 0, first: vec![0.0; parameters], second: vec![0.0; second] }
    }

    /// Its rule.
    #[cfg(feature = "gpu")]
    pub(crate) fn rule(&self) -> Rule {
        self.rule
    }

    /// Steps taken and state, for a checkpoint.
    pub(crate) fn memory(&self) -> (u64, &[f32], &[f32]) {
        (self.steps, &self.first, &self.second)
    }

    /// Resumes from a checkpoint; `None` if it does not match this rule and size.
    pub(crate) fn resumed(self, steps: u64, first: Vec<f32>, second: Vec<f32>) -> Option<Self> {
        let fits = first.len() == self.first.len() && second.len() == self.second.len();
        fits.then_some(Self { rule: self.rule, steps, first, second })
    }

    /// Changes `parameters` by one step of `rate` (η) against `gradient`.
    ///
    /// # Panics
    /// If lengths differ from each other or from earlier ones.
    pub(crate) fn step(&mut self, parameters: &mut [f32], gradient: &[f32], rate: f32) {
        assert!(parameters.len() == self.first.len() && gradient.len() == self.first.len(), "number of parameters");
        self.steps += 1;
        let each = parameters.iter_mut().zip(gradient).zip(&mut self.first);
        match self.rule {
            Rule::RmsProp { rho } => {
                for ((p, g), r) in each {
                    *r = rho * *r + (1.0 - rho) * g * g;
                    *p -= rate * g / (*r + 1e-6).sqrt();
                }
            }
            Rule::Adam { beta1, beta2 } => {
                // The corrections for starting at 0, moved out of the loop.
                let steps = self.steps.min(1 << 30) as i32;
                let root = (1.0 - beta2.powi(steps)).sqrt();
                let (rate, epsilon) = (rate * root / (1.0 - beta1.powi(steps)), 1e-8 * root);
                for (((p, g), m), v) in each.zip(&mut self.second) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    *p -= rate * *m / (v.sqrt() + epsilon);
                }
            }
            Rule::Nesterov { momentum } => {
                for ((p, g), v) in each {
                    *v = momentum * *v - rate * g;
                    *p += momentum * *v - rate * g;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(rule: Rule, gradients: &[f32]) -> Vec<f32> {
        let mut optimiser = Optimiser::new(rule, 1);
        let mut p = [1.0_f32];
        gradients
            .iter()
            .map(|g| {
                optimiser.step(&mut p, &[*g], 0.1);
                p[0]
            })
            .collect()
    }

    #[test]
    fn steps_are_those_of_the_formulas() {
        let near = |got: &[f32], expected: &[f32]| got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
        // r = .35·4 = 1.4, then .65·1.4 + .35 = 1.26.
        let rms = after(Rule::RmsProp { rho: 0.65 }, &[2.0, 1.0]);
        assert!(
            near(&rms, &[1.0 - 0.2 / 1.4_f32.sqrt(), 1.0 - 0.2 / 1.4_f32.sqrt() - 0.1 / 1.26_f32.sqrt()]),
            "{rms:?}"
        );
        // The first step of Adam is η, whatever the gradient; the second by hand: m̂ = (.18 + .1)/.19, v̂ = .004996/.001999.
        let adam = after(Rule::Adam { beta1: 0.9, beta2: 0.999 }, &[2.0, 1.0]);
        let second = 0.1 * (0.28 / 0.19) / (0.004_996_f32 / 0.001_999).sqrt();
        assert!(near(&adam, &[0.9, 0.9 - second]), "{adam:?}");
        // v = −.2, step .9·(−.2) − .2; then v = −.18 − .1.
        let nag = after(Rule::Nesterov { momentum: 0.9 }, &[2.0, 1.0]);
        assert!(near(&nag, &[0.62, 0.62 - 0.252 - 0.1]), "{nag:?}");
    }

    #[test]
    fn every_rule_finds_the_bottom_of_a_bowl() {
        for (rule, rate) in [
            (Rule::RmsProp { rho: 0.9 }, 0.01),
            (Rule::Adam { beta1: 0.9, beta2: 0.999 }, 0.05),
            (Rule::Nesterov { momentum: 0.9 }, 0.01),
        ] {
            let mut optimiser = Optimiser::new(rule, 2);
            let mut p = [3.0_f32, -2.0];
            for _ in 0..2000 {
                let gradient = [p[0] - 1.0, 10.0 * (p[1] - 0.5)];
                optimiser.step(&mut p, &gradient, rate);
            }
            assert!((p[0] - 1.0).abs() < 0.02 && (p[1] - 0.5).abs() < 0.02, "{rule:?}: {p:?}");
        }
    }
}
