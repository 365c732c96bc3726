//! How well probabilities separate true pairs from wrong ones, and whether they mean what they say.

use serde::{Deserialize, Serialize};

/// A pair that was judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Whether the two belong together.
    pub same: bool,
    /// The probability it was given, at a prior of one half.
    pub probability: f64,
    /// The number of pairs it stands for.
    pub weight: f64,
}

/// Pairs whose probabilities lie in the same tenth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Share of all pairs, where true and wrong ones weigh the same.
    pub share: f64,
    /// Mean probability.
    pub said: f64,
    /// Share of true pairs.
    pub was: f64,
    /// Number of true pairs and of wrong ones.
    #[serde(default)]
    pub counts: (usize, usize),
}

/// How good probabilities are. True and wrong pairs weigh the same in total, which is a prior of one half.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Number of true pairs and of wrong ones.
    pub pairs: (usize, usize),
    /// How often, given a true and a wrong pair, the true one has the higher probability.
    pub auc: f64,
    /// Share of the true pairs above all but 1 % of the wrong ones.
    pub accepted_at_1_percent: f64,
    /// Share of the true pairs above all but 0.1 % of the wrong ones.
    pub accepted_at_0_1_percent: f64,
    /// Mean squared error of the probability.
    pub brier: f64,
    /// Mean difference between predicted and actual shares, over tenths.
    pub calibration_error: f64,
    /// The tenths, without empty ones.
    pub reliability: Vec<Bin>,
}

impl Quality {
    /// Computes it for pairs of both kinds; none if one is missing.
    pub fn of(pairs: &[Judged]) -> Option<Self> {
        let total = |same: bool| pairs.iter().filter(|p| p.same == same).map(|p| p.weight).sum::<f64>();
        let (right, wrong) = (total(true), total(false));
        if right <= 0.0 || wrong <= 0.0 {
            return None;
        }
        let share = |pair: &Judged| pair.weight / if pair.same { right } else { wrong } / 2.0;
        let truth = |pair: &Judged| f64::from(u8::from(pair.same));
        let brier = pairs.iter().map(|p| share(p) * (p.probability - truth(p)).powi(2)).sum();
        let mut reliability = Vec::new();
        let mut calibration_error = 0.0;
        for tenth in 0..10 {
            let is_in = |p: &&Judged| ((p.probability * 10.0) as usize).min(9) == tenth;
            let sum =
                |value: &dyn Fn(&Judged) -> f64| pairs.iter().filter(is_in).map(|p| share(p) * value(p)).sum::<f64>();
            let weight = sum(&|_| 1.0);
            if weight > 0.0 {
                let count = |same: bool| pairs.iter().filter(is_in).filter(|p| p.same == same).count();
                let bin = Bin {
                    share: weight,
                    said: sum(&|p| p.probability) / weight,
                    was: sum(&truth) / weight,
                    counts: (count(true), count(false)),
                };
                calibration_error += weight * (bin.said - bin.was).abs();
                reliability.push(bin);
            }
        }
        let count = |same: bool| pairs.iter().filter(|p| p.same == same).count();
        Some(Self {
            pairs: (count(true), count(false)),
            auc: auc(pairs),
            accepted_at_1_percent: accepted(pairs, 0.01),
            accepted_at_0_1_percent: accepted(pairs, 0.001),
            brier,
            calibration_error,
            reliability,
        })
    }
}

/// Area under the ROC curve; equal probabilities count half.
fn auc(pairs: &[Judged]) -> f64 {
    let mut sorted: Vec<&Judged> = pairs.iter().collect();
    sorted.sort_by(|a, b| a.probability.total_cmp(&b.probability));
    let (mut below, mut wins, mut right) = (0.0, 0.0, 0.0);
    for equal in sorted.chunk_by(|a, b| a.probability.total_cmp(&b.probability).is_eq()) {
        let of = |same: bool| equal.iter().filter(|p| p.same == same).map(|p| p.weight).sum::<f64>();
        let (of_right, of_wrong) = (of(true), of(false));
        wins += of_right * (below + of_wrong / 2.0);
        below += of_wrong;
        right += of_right;
    }
    wins / (right * below).max(f64::MIN_POSITIVE)
}

/// Share of the true pairs above the probability that this share of the wrong ones exceeds.
fn accepted(pairs: &[Judged], false_accepts: f64) -> f64 {
    let least = threshold(pairs, false_accepts);
    let of = |least: f64| pairs.iter().filter(|p| p.same && p.probability > least).map(|p| p.weight).sum::<f64>();
    // The sum of nothing is −0.
    of(least).max(0.0) / of(f64::NEG_INFINITY).max(f64::MIN_POSITIVE)
}

/// The least probability that no more than this share of the wrong pairs exceeds.
pub(super) fn threshold(pairs: &[Judged], false_accepts: f64) -> f64 {
    let mut wrong: Vec<&Judged> = pairs.iter().filter(|p| !p.same).collect();
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let allowed = false_accepts * wrong.iter().map(|p| p.weight).sum::<f64>();
    let mut above = 0.0;
    for pair in wrong {
        above += pair.weight;
        if above > allowed {
            return pair.probability;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(of: &[(bool, f64)]) -> Vec<Judged> {
        of.iter().map(|&(same, probability)| Judged { same, probability, weight: 1.0 }).collect()
    }

    #[test]
    fn a_perfect_judge_a_blind_one_and_one_that_is_too_sure() {
        let perfect = Quality::of(&pairs(&[(true, 1.0), (true, 1.0), (false, 0.0)])).expect("both");
        assert!((perfect.auc - 1.0).abs() < 1e-12 && perfect.brier < 1e-12 && perfect.calibration_error < 1e-12);
        assert!((perfect.accepted_at_0_1_percent - 1.0).abs() < 1e-12);
        let blind = Quality::of(&pairs(&[(true, 0.5), (false, 0.5), (false, 0.5)])).expect("both");
        assert!((blind.auc - 0.5).abs() < 1e-12 && (blind.brier - 0.25).abs() < 1e-12);
        assert!(blind.calibration_error < 1e-12 && blind.accepted_at_1_percent < 1e-12);
        let sure = Quality::of(&pairs(&[(true, 0.95), (false, 0.95)])).expect("both");
        assert!((sure.calibration_error - 0.45).abs() < 1e-12);
        assert_eq!(sure.reliability.iter().map(|bin| bin.counts).collect::<Vec<_>>(), [(1, 1)]);
        assert!(Quality::of(&pairs(&[(true, 0.9)])).is_none());
    }

    #[test]
    fn a_pair_that_stands_for_many_counts_as_many() {
        let mut of = pairs(&[(true, 0.9), (true, 0.6), (false, 0.7), (false, 0.1)]);
        of[3].weight = 999.0;
        let quality = Quality::of(&of).expect("both");
        assert!((quality.accepted_at_1_percent - 1.0).abs() < 1e-12);
        of[3].weight = 1.0;
        assert!((Quality::of(&of).expect("both").accepted_at_1_percent - 0.5).abs() < 1e-12);
    }
}
