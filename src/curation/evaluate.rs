//! Judges the judges: how good the aligner's confidence is according to the decisions so far, and how far two curators
//! agree.

use super::{Decision, Record};
use serde::Serialize;
use std::collections::BTreeMap;

/// Normal quantile of a 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// A share, with its 95 % interval (Wilson 1927: valid for few cases and near 0 and 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// The share; `None` if there are no cases.
    pub value: Option<f64>,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Number of cases.
    pub of: usize,
}

impl Share {
    /// `part` of `of`.
    pub fn of(part: usize, of: usize) -> Self {
        if of == 0 {
            return Self { value: None, low: 0.0, high: 1.0, of };
        }
        let n = of as f64;
        let p = part as f64 / n;
        let z2 = Z * Z / n;
        let centre = (p + z2 / 2.0) / (1.0 + z2);
        let half = Z / (1.0 + z2) * (p * (1.0 - p) / n + z2 / (4.0 * n)).sqrt();
        Self { value: Some(p), low: (centre - half).max(0.0), high: (centre + half).min(1.0), of }
    }
}

/// The effect of a threshold on the decided pairs: those with a confidence above it are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtThreshold {
    /// The threshold.
    pub threshold: f64,
    /// Accepted, and confirmed.
    pub true_positives: usize,
    /// Accepted, and rejected by a person.
    pub false_positives: usize,
    /// Confirmed, and not accepted.
    pub false_negatives: usize,
    /// Neither.
    pub true_negatives: usize,
    /// The share of the accepted pairs that are right.
    pub precision: Share,
    /// The share of the right pairs that are accepted.
    pub recall: Share,
}

/// Receiver operating characteristic of the confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Roc {
    /// Share of the wrong and of the right pairs at or above each confidence, `[false positive rate, true positive rate]`,
    /// from (0, 0) to (1, 1).
    pub points: Vec<[f64; 2]>,
    /// Area under the curve: how often a right pair has more confidence than a wrong one. `None` unless there are both.
    pub auc: Option<f64>,
    /// Its standard error (Hanley and `McNeil` 1982).
    pub auc_error: Option<f64>,
}

/// The decisions that say whether a pair is right (confirmed and rejected), with their confidence. The shares hold for
/// pairs as they were drawn: an order by confidence shows different pairs from a random or stratified one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoredDecisions {
    /// Confidence and whether the pair is right, most confident first.
    cases: Vec<(f64, bool)>,
}

impl ScoredDecisions {
    /// Gathers them.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let right = |record: &Record| match record.decision()? {
            Decision::Confirmed => Some(true),
            Decision::Rejected => Some(false),
            Decision::Unsure | Decision::Skipped => None,
        };
        let cases = records.into_iter().filter_map(|record| Some((record.confidence?, right(record)?)));
        let mut cases: Vec<(f64, bool)> = cases.filter(|case| case.0.is_finite()).collect();
        cases.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self { cases }
    }

    /// Updates it after the record that holds for an item has changed.
    pub fn change(&mut self, before: Option<&Record>, after: Option<&Record>) {
        let case = |record: Option<&Record>| Self::of(record).cases.first().copied();
        if let Some(gone) = case(before)
            && let Some(at) = self.cases.iter().position(|case| *case == gone)
        {
            self.cases.remove(at);
        }
        if let Some(new) = case(after) {
            self.cases.insert(self.cases.partition_point(|case| case.0 > new.0), new);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// The effect of a threshold.
    pub fn at(&self, threshold: f64) -> AtThreshold {
        let accepted = self.cases.partition_point(|case| case.0 > threshold);
        let right = |cases: &[(f64, bool)]| cases.iter().filter(|case| case.1).count();
        let (true_positives, false_negatives) = (right(&self.cases[..accepted]), right(&self.cases[accepted..]));
        AtThreshold {
            threshold,
            true_positives,
            false_positives: accepted - true_positives,
            false_negatives,
            true_negatives: self.cases.len() - accepted - false_negatives,
            precision: Share::of(true_positives, accepted),
            recall: Share::of(true_positives, true_positives + false_negatives),
        }
    }

    /// All thresholds at once.
    pub fn roc(&self) -> Roc {
        let right = self.cases.iter().filter(|case| case.1).count();
        let wrong = self.cases.len() - right;
        let share = |part: usize, of: usize| if of == 0 { 0.0 } else { part as f64 / of as f64 };
        let mut points = vec![[0.0, 0.0]];
        let (mut hits, mut alarms, mut area) = (0, 0, 0.0);
        for tied in self.cases.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let of_them = tied.iter().filter(|case| case.1).count();
            let (before, alarms_now) = (hits, alarms + tied.len() - of_them);
            hits += of_them;
            area += (share(alarms_now, wrong) - share(alarms, wrong)) * share(before + hits, right) / 2.0;
            alarms = alarms_now;
            points.push([share(alarms, wrong), share(hits, right)]);
        }
        let auc = (right > 0 && wrong > 0).then_some(area);
        let error = auc.map(|a| {
            let (q1, q2) = (a / (2.0 - a), 2.0 * a * a / (1.0 + a));
            let spread = a * (1.0 - a) + (right as f64 - 1.0) * (q1 - a * a) + (wrong as f64 - 1.0) * (q2 - a * a);
            (spread.max(0.0) / (right as f64 * wrong as f64)).sqrt()
        });
        Roc { points, auc, auc_error: error }
    }
}

/// Two people's records of the same item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Both<'a> {
    /// The first.
    pub a: &'a Record,
    /// The second.
    pub b: &'a Record,
}

/// How far two curators agree on the items that both confirmed, rejected or were unsure about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement<'a> {
    /// Items that both have decided: first those on which they disagree, the gravest disagreement first (confirmed
    /// against rejected), then by item.
    pub items: Vec<Both<'a>>,
    /// How many of them disagree.
    pub disagreements: usize,
    /// Share of agreement.
    pub observed: Share,
    /// Cohen's κ (1960): agreement beyond that of two curators who give each decision as often but at random. `None` if
    /// both decided no item, or both only ever gave one answer.
    pub kappa: Option<f64>,
}

/// Compares two curators' decisions on the same items.
pub fn agreement<'a>(
    a: impl IntoIterator<Item = &'a Record>,
    b: impl IntoIterator<Item = &'a Record>,
) -> Agreement<'a> {
    const CLASSES: [Decision; 3] = [Decision::Confirmed, Decision::Rejected, Decision::Unsure];
    let class = |record: &Record| CLASSES.iter().position(|&class| Some(class) == record.decision());
    let by_item: BTreeMap<&str, &Record> = b.into_iter().map(|record| (record.item.as_str(), record)).collect();
    let mut items = Vec::new();
    let mut counts = [[0_usize; 3]; 3];
    for a in a {
        let Some(&b) = by_item.get(a.item.as_str()) else { continue };
        let (Some(of_a), Some(of_b)) = (class(a), class(b)) else { continue };
        counts[of_a][of_b] += 1;
        items.push((of_a, of_b, Both { a, b }));
    }
    let grave = |of_a: usize, of_b: usize| match (of_a, of_b) {
        (0, 1) | (1, 0) => 0,
        (a, b) if a == b => 2,
        _ => 1,
    };
    items.sort_by(|x, y| (grave(x.0, x.1), &x.2.a.item).cmp(&(grave(y.0, y.1), &y.2.a.item)));
    let total = items.len();
    let agreed: usize = (0..3).map(|i| counts[i][i]).sum();
    let by_chance: f64 = (0..3)
        .map(|i| {
            let (of_a, of_b) = (counts[i].iter().sum::<usize>(), counts.iter().map(|row| row[i]).sum::<usize>());
            of_a as f64 * of_b as f64 / (total.max(1) as f64).powi(2)
        })
        .sum();
    let observed = agreed as f64 / total.max(1) as f64;
    let kappa = (total > 0 && by_chance < 1.0 - 1e-12).then(|| (observed - by_chance) / (1.0 - by_chance));
    Agreement {
        items: items.into_iter().map(|(_, _, both)| both).collect(),
        disagreements: total - agreed,
        observed: Share::of(agreed, total),
        kappa,
    }
}

/// Merges several journals into one, ordered by time. Lines that occur in several, because they were copied, are taken
/// once.
pub fn merge(journals: &[Vec<Record>]) -> Vec<Record> {
    let mut merged: Vec<Record> = Vec::new();
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for journal in journals {
        let mut here: BTreeMap<String, usize> = BTreeMap::new();
        for record in journal {
            let line = serde_json::to_string(record).unwrap_or_default();
            let count = here.entry(line.clone()).or_default();
            *count += 1;
            let known = taken.entry(line).or_default();
            if *count > *known {
                *known = *count;
                merged.push(record.clone());
            }
        }
    }
    merged.sort_by(|a, b| a.at.cmp(&b.at));
    merged
}

#[cfg(test)]
mod tests {
    use super::super::Act::{Decided, Undone};
    use super::super::Table;
    use super::*;

    fn judged(cases: &[(f64, Decision)]) -> ScoredDecisions {
        let records: Vec<Record> = cases
            .iter()
            .enumerate()
            .map(|(i, &(confidence, decision))| Record {
                confidence: Some(confidence),
                ..Record::new(i.to_string(), decision)
            })
            .collect();
        ScoredDecisions::of(&records)
    }

    #[test]
    fn wilsons_interval_is_that_of_the_book() {
        // Newcombe 1998, table I: 81 of 263 has .2553 to .3662; 15 of 148 .0624 to .1605; 0 of 20 0 to .1611.
        for (part, of, low, high) in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)] {
            let share = Share::of(part, of);
            assert!((share.low - low).abs() < 1e-4 && (share.high - high).abs() < 1e-4, "{share:?}");
        }
        assert_eq!(Share::of(0, 0).value, None);
    }

    #[test]
    fn a_threshold_splits_what_was_decided() {
        use Decision::{Confirmed, Rejected, Skipped, Unsure};
        let cases =
            [(0.9, Confirmed), (0.8, Rejected), (0.7, Confirmed), (0.7, Unsure), (0.4, Confirmed), (0.2, Rejected)];
        let judged = judged(&[&cases[..], &[(f64::NAN, Confirmed), (0.99, Skipped)]].concat());
        assert_eq!(judged.len(), 5);
        let at = judged.at(0.5);
        let counts = (at.true_positives, at.false_positives, at.false_negatives, at.true_negatives);
        assert_eq!(counts, (2, 1, 1, 1));
        assert_eq!((at.precision.value, at.recall.value), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
        // Accepted is above the threshold, not at it.
        assert_eq!(judged.at(0.9).precision.value, None);
        assert_eq!(judged.at(-1.0).recall.value, Some(1.0));
    }

    #[test]
    fn the_area_is_the_share_of_pairs_in_the_right_order() {
        use Decision::{Confirmed, Rejected};
        let cases: Vec<(f64, Decision)> =
            (0..60).map(|i| (f64::from(i * 7 % 20) / 20.0, if i % 3 == 0 { Confirmed } else { Rejected })).collect();
        let of = |wanted| cases.iter().filter(move |case| case.1 == wanted).map(|case| case.0);
        let wins: f64 = of(Confirmed)
            .flat_map(|right| {
                of(Rejected).map(move |wrong| {
                    if right > wrong {
                        1.0
                    } else if f64::total_cmp(&right, &wrong).is_eq() {
                        0.5
                    } else {
                        0.0
                    }
                })
            })
            .sum();
        let roc = judged(&cases).roc();
        assert!((roc.auc.unwrap() - wins / (20.0 * 40.0)).abs() < 1e-12, "{:?}", roc.auc);
        assert_eq!((roc.points[0], *roc.points.last().unwrap()), ([0.0, 0.0], [1.0, 1.0]));
        assert!(roc.points.is_sorted());
        assert_eq!(judged(&cases[..1]).roc().auc, None);
    }

    #[test]
    fn kappa_is_cohens() {
        use Decision::{Confirmed, Rejected, Skipped, Unsure};
        // 20 both yes, 15 both no, 5 no/yes, 10 yes/no: observed .7, by chance .5, κ .4.
        let mut a = Vec::new();
        let mut b = Vec::new();
        for (count, of_a, of_b) in
            [(20, Confirmed, Confirmed), (15, Rejected, Rejected), (5, Confirmed, Rejected), (10, Rejected, Confirmed)]
        {
            for _ in 0..count {
                let item = format!("{:02}", a.len());
                a.push(Record::new(item.clone(), of_a));
                b.push(Record::new(item, of_b));
            }
        }
        a.push(Record::new("only a", Confirmed));
        a.push(Record::new("skipped", Skipped));
        b.push(Record::new("skipped", Confirmed));
        let found = agreement(&a, &b);
        assert!((found.kappa.unwrap() - 0.4).abs() < 1e-12);
        assert_eq!((found.items.len(), found.disagreements), (50, 15));
        assert!(found.items[..15].iter().all(|both| both.a.decision() != both.b.decision()));
        for record in &mut b {
            record.act = Decided(Unsure);
        }
        assert_eq!(agreement(&b, &b).kappa, None);
    }

    #[test]
    fn merging_takes_copies_once_and_keeps_what_was_taken_back() {
        let at = |second: u32, curator: &str, item: &str, act| Record {
            at: format!("2026-01-01T00:00:{second:02}.000Z"),
            curator: curator.into(),
            act,
            ..Record::new(item, Decision::Skipped)
        };
        let ann = vec![
            at(1, "ann", "x", Decided(Decision::Confirmed)),
            at(5, "ann", "x", Undone),
            at(7, "ann", "y", Decided(Decision::Rejected)),
        ];
        let bob = vec![at(2, "bob", "x", Decided(Decision::Rejected))];
        let merged = merge(&[ann.clone(), bob, ann[..2].to_vec()]);
        assert_eq!(merged.len(), 4);
        assert!(merged.is_sorted_by(|a, b| a.at <= b.at));
        let table: Table = merged.into_iter().collect();
        assert_eq!(table.current("x").unwrap().curator, "bob");
        assert_eq!(table.current("y").unwrap().decision(), Some(Decision::Rejected));
    }
}
