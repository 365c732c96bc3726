//! What decided pairs stand for. A queue judged from its best end shows few wrong pairs, one judged around a threshold
//! only hard ones: each decision is weighted by the inverse of the share of its tenth of the confidences that was
//! decided, so that together they stand for the whole queue. If nothing was decided in a tenth, nothing is known about
//! it.

use super::{Items, Order, Record};
use serde::Serialize;
use std::collections::BTreeMap;

/// Number of parts in the confidence range.
const PARTS: usize = 10;
/// A decision counts at most this many times as much as one of a fair sample; otherwise the only one in a large tenth
/// would decide everything.
const MOST: f64 = 10.0;
/// Tolerance for equal confidences, which are kept in single precision.
const SAME: f64 = 1e-6;

/// A tenth of a queue's confidences given by one judge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stratum {
    /// The name of the queue's file.
    pub queue: String,
    /// The version of the judge that gave the confidences; `None` if the queue does not say.
    pub judge: Option<String>,
    /// Lowest and highest confidence; `None` for items without one.
    pub confidence: Option<[f64; 2]>,
    /// How many items the queue has there.
    pub items: usize,
    /// How many of them were decided.
    pub decided: usize,
    /// How much each of these counts; `None` if there are none.
    pub weight: Option<f64>,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// The weight of each record; one on average over those of a queue.
    pub weights: Vec<f64>,
    /// For each record, the version of the judge that gave its confidence, if it or its queue says so.
    pub judges: Vec<Option<String>>,
    /// The parts of the queues.
    pub strata: Vec<Stratum>,
    /// Number of records that count 1 each because they are in no queue, or because the queue now has a different
    /// confidence from another judge.
    pub apart: usize,
    /// How many of them were not drawn at random: nothing can be said about what they stand for.
    pub unfair: usize,
}

/// The version of a judge as named in a list: `1f6c02ab` of `1f6c02ab pair`. Its probabilities mean the same whatever
/// it saw of a pair.
pub(crate) fn version(judge: &str) -> &str {
    judge.split_whitespace().next().unwrap_or(judge)
}

/// Weights records by how much of their queues was decided. If a queue was judged in a random order, all count the
/// same.
pub(crate) fn weigh(records: &[&Record], queues: &[&Items]) -> Sample {
    let places: Vec<Option<(usize, usize)>> = records.iter().map(|record| place(record, queues)).collect();
    let mut sample = Sample { weights: vec![1.0; records.len()], ..Sample::default() };
    let random = |record: &Record| record.order.as_deref() == Some(Order::Random { seed: 0 }.name());
    for (number, queue) in queues.iter().enumerate() {
        // The records of this queue, with their part of it.
        let here = |(at, place): (usize, &Option<(usize, usize)>)| {
            place.filter(|place| place.0 == number).map(|(_, index)| (at, key(queue, index)))
        };
        let decided: Vec<(usize, Key<'_>)> = places.iter().enumerate().filter_map(here).collect();
        let mut counts: BTreeMap<Key<'_>, [usize; 2]> = BTreeMap::new();
        for index in 0..queue.len() {
            counts.entry(key(queue, index)).or_default()[0] += 1;
        }
        for (_, key) in &decided {
            counts.entry(*key).or_default()[1] += 1;
        }
        let fair = decided.iter().all(|(at, _)| random(records[*at]));
        let (all, known) = counts
            .values()
            .filter(|count| count[1] > 0)
            .fold((0, 0), |(items, known), count| (items + count[0], known + count[1]));
        let weight = |[items, decided]: [usize; 2]| {
            let share = items as f64 / decided as f64;
            (decided > 0).then(|| if fair { 1.0 } else { (share * known as f64 / all as f64).min(MOST) })
        };
        for (at, key) in &decided {
            sample.weights[*at] = weight(counts[key]).unwrap_or(1.0);
        }
        let name = queue.source().file_name().unwrap_or_default().to_string_lossy().into_owned();
        sample.strata.extend(counts.into_iter().map(|((judge, part), count)| Stratum {
            queue: name.clone(),
            judge: judge.map(str::to_owned),
            confidence: (part < PARTS).then(|| [part, part + 1].map(|edge| edge as f64 / PARTS as f64)),
            items: count[0],
            decided: count[1],
            weight: weight(count),
        }));
    }
    for (record, place) in records.iter().zip(&places) {
        let listed = place.and_then(|(number, index)| queues[number].judge(index));
        sample.judges.push(record.judge.as_deref().or(listed).map(|judge| version(judge).to_owned()));
        sample.apart += usize::from(place.is_none());
        sample.unfair += usize::from(place.is_none() && !random(record));
    }
    sample
}

/// The judge of an item's confidence, and the tenth it lies in; items without any form an extra part.
type Key<'a> = (Option<&'a str>, usize);

fn key(items: &Items, index: usize) -> Key<'_> {
    let tenth = |confidence: f32| ((confidence * PARTS as f32) as usize).min(PARTS - 1);
    (items.judge(index).map(version), items.confidence(index).map_or(PARTS, tenth))
}

/// The queue that a record comes from, and its place there; `None` if the queue's confidence is from another judge than
/// the one under which the pair was decided.
fn place(record: &Record, queues: &[&Items]) -> Option<(usize, usize)> {
    let found = queues.iter().enumerate().find_map(|(number, items)| Some((number, items.find(&record.item)?)))?;
    let (items, index) = (queues[found.0], found.1);
    let judges = (items.judge(index).map(version), record.judge.as_deref().map(version));
    let same = match (items.confidence(index), record.confidence) {
        // The record's confidence is that of the alignment that was heard: the queue has none to be ordered by.
        (None, _) => true,
        (Some(_), _) if judges.0.is_some() && judges.1.is_some() => judges.0 == judges.1,
        // If the judge is not named, as in older journals and lists, equal numbers count as the same judge.
        (Some(listed), Some(noted)) => (f64::from(listed) - noted).abs() < SAME,
        (Some(_), None) => record.judge.is_none(),
    };
    same.then_some(found)
}

/// Remarks on the parts about which nothing is known; adjoining ones are combined.
pub fn unknown(strata: &[Stratum]) -> Vec<String> {
    let mut said: Vec<(&Stratum, f64, usize)> = Vec::new();
    for stratum in strata.iter().filter(|stratum| stratum.decided == 0) {
        let [from, to] = stratum.confidence.unwrap_or([2.0, 2.0]);
        match said.last_mut() {
            Some((first, end, items))
                if (&first.queue, &first.judge) == (&stratum.queue, &stratum.judge) && (*end - from).abs() < SAME =>
            {
                (*end, *items) = (to, *items + stratum.items);
            }
            _ => said.push((stratum, to, stratum.items)),
        }
    }
    let words = |(first, to, items): (&Stratum, f64, usize)| {
        let range = first.confidence.map_or("no confidence".to_owned(), |[from, _]| {
            let judge = first.judge.as_ref().map_or("a judge that is not named".to_owned(), |of| format!("judge {of}"));
            format!("a confidence of {from:.1} to {to:.1} by {judge}")
        });
        format!(
            "none of the {items} items of {:?} with {range} was decided: nothing is known of such pairs",
            first.queue
        )
    };
    said.into_iter().map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Decision, Item};
    use super::*;

    /// Items of which ten lie in each tenth.
    fn queue(judge: Option<&str>) -> Items {
        Items::from_list((0..100).map(|i| Item {
            id: i.to_string(),
            confidence: Some((f64::from(i) + 0.5) / 100.0),
            judge: judge.map(str::to_owned),
            ..Item::default()
        }))
    }

    fn decided(i: usize, order: &str, judge: Option<&str>) -> Record {
        Record {
            confidence: Some((i as f64 + 0.5) / 100.0),
            judge: judge.map(str::to_owned),
            order: Some(order.into()),
            ..Record::new(i.to_string(), Decision::Confirmed)
        }
    }

    fn weighed(records: &[Record], queue: &Items) -> Sample {
        weigh(&records.iter().collect::<Vec<_>>(), &[queue])
    }

    #[test]
    fn what_was_judged_from_the_best_end_stands_for_the_whole_of_each_tenth() {
        // All ten of the best tenth, five of the next, one of the one below.
        let records: Vec<Record> =
            (90..100).chain(85..90).chain([79]).map(|i| decided(i, "best", Some("1f6c02ab pair"))).collect();
        let sample = weighed(&records, &queue(Some("1f6c02ab index")));
        // 30 items by 16 decisions: each counts by its share, and all 16 together.
        let expected = [1.0, 2.0, 10.0].map(|share| share * 16.0 / 30.0);
        for (place, expected) in
            [(0, expected[0]), (9, expected[0]), (10, expected[1]), (14, expected[1]), (15, expected[2])]
        {
            assert!((sample.weights[place] - expected).abs() < 1e-12, "{place}: {:?}", sample.weights);
        }
        assert!((sample.weights.iter().sum::<f64>() - 16.0).abs() < 1e-9);
        assert_eq!((sample.apart, sample.unfair, sample.strata.len()), (0, 0, 10));
        assert!(sample.judges.iter().all(|judge| judge.as_deref() == Some("1f6c02ab")));
        let best = &sample.strata[9];
        assert_eq!(
            (best.judge.as_deref(), best.confidence, best.items, best.decided),
            (Some("1f6c02ab"), Some([0.9, 1.0]), 10, 10)
        );
        // Nothing is made up about the rest.
        assert!(sample.strata[..7].iter().all(|stratum| stratum.decided == 0 && stratum.weight.is_none()));
        assert_eq!(
            unknown(&sample.strata),
            [
                "none of the 70 items of \"\" with a confidence of 0.0 to 0.7 by judge 1f6c02ab was decided: nothing is known of \
              such pairs"
            ]
        );
    }

    #[test]
    fn a_random_order_counts_each_once_and_one_that_is_not_known_is_weighed() {
        let some = [3, 14, 15, 92, 65, 35];
        let records = some.map(|i| decided(i, "random", Some("a pair")));
        assert_eq!(weighed(&records, &queue(Some("a pair"))).weights, [1.0; 6]);
        let records = some.map(|i| Record { order: None, ..decided(i, "", Some("a pair")) });
        let weights = weighed(&records, &queue(Some("a pair"))).weights;
        // Two of one tenth count half as much each as those that are alone in theirs.
        assert!(
            (weights[1] - weights[0] / 2.0).abs() < 1e-12 && (weights[1] - weights[2]).abs() < 1e-12,
            "{weights:?}"
        );
    }

    #[test]
    fn confidences_of_different_judges_are_never_put_together() {
        let new = queue(Some("new pair"));
        // Decided under an older judge, or before judges were recorded, with numbers that differ from today's.
        let mut older = decided(50, "best", None);
        older.confidence = Some(0.93);
        let records = [
            decided(51, "best", Some("old pair")),
            older,
            decided(52, "best", Some("new codes")),
            decided(53, "best", None),
        ];
        let sample = weighed(&records, &new);
        assert_eq!((sample.apart, sample.unfair), (2, 2));
        // The last does not name its judge, but its number is the same as the queue's.
        assert_eq!(sample.judges, [Some("old"), None, Some("new"), Some("new")].map(|judge| judge.map(str::to_owned)));
        let of: Vec<usize> = sample.strata.iter().map(|stratum| stratum.decided).collect();
        assert_eq!(of, [0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
        assert_eq!(sample.weights, [1.0; 4]);
        // A queue of two judges has two of each tenth.
        let both = Items::from_list((0..40).map(|i| Item {
            id: i.to_string(),
            confidence: Some(0.95),
            judge: (i < 10).then(|| "new pair".to_owned()),
            ..Item::default()
        }));
        let records = [0, 1, 2, 3, 20]
            .map(|i| Record { confidence: Some(0.95), ..decided(i, "best", (i < 10).then_some("new pair")) });
        let sample = weighed(&records, &both);
        let of = |judge: Option<&str>| sample.strata.iter().find(|s| s.judge.as_deref() == judge).expect("a part");
        assert_eq!((of(None).items, of(None).decided, of(Some("new")).items, of(Some("new")).decided), (30, 1, 10, 4));
        assert!(
            (sample.weights[4] / sample.weights[0] - 12.0).abs() < 1e-12 || (sample.weights[4] - MOST).abs() < 1e-12
        );
    }

    #[test]
    fn what_is_in_no_queue_counts_once_and_is_said() {
        let records = [decided(5, "best", None), decided(6, "random", None)];
        let sample = weigh(&records.iter().collect::<Vec<_>>(), &[]);
        assert_eq!((sample.weights, sample.apart, sample.unfair), (vec![1.0; 2], 2, 1));
        // One decision of a queue of a thousand does not count a thousand times.
        let large = Items::from_list((0..1000).map(|i| Item {
            id: i.to_string(),
            confidence: Some(if i < 20 { 0.95 } else { 0.15 }),
            ..Item::default()
        }));
        let mut records: Vec<Record> = (0..21).map(|i| decided(i, "best", None)).collect();
        records
            .iter_mut()
            .enumerate()
            .for_each(|(i, record)| record.confidence = Some(if i < 20 { 0.95 } else { 0.15 }));
        let weights = weighed(&records, &large).weights;
        assert!((weights[20] - MOST).abs() < 1e-12 && weights[0] < 0.1, "{weights:?}");
    }
}
