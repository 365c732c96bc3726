//! How a judge is learned from labelled pairs.

use super::evidence::{Evidence, TERMS};
use super::judge::{FORMAT, Fingerprints, Judge, Least, SearchRule, Sight, Weights, Worth};
use super::logistic::{Example, Logistic, log_odds, probability};
use super::quality::{Judged, Quality, threshold};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Songs are divided into this many parts; each is judged by what was learned from the others.
const PARTS: usize = 10;
/// Minimum number of true pairs, and of wrong ones, to learn a judge from.
pub(crate) const FEWEST: usize = 20;
/// The share of wrong pairs that may be accepted.
const FALSE_ACCEPTS: f64 = 0.001;
/// The share of searches for missing music that may be accepted.
const FALSE_SEARCHES: f64 = 0.01;
/// A probability below one of these is no match: the first that leaves no more than
const DOUBTFUL: [f64; 7] = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4];
/// this share of the true pairs in doubt.
const IN_DOUBT: f64 = 0.04;
/// Limits on the share of all pairs tried that are assumed to belong together.
const PRIORS: std::ops::RangeInclusive<f64> = 0.005..=0.5;

/// A pair labelled as belonging together or not, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelledPair {
    /// Name of the MIDI file, and how it was altered.
    pub midi: String,
    /// Name of the recording, and how it was altered.
    pub audio: String,
    /// The songs of the two.
    pub songs: (String, String),
    /// The kind of pair: which music, whole or cut, in its key or moved.
    pub kind: String,
    /// Whether they belong together.
    pub same: bool,
    /// Rank of the recording among the wrong ones, by codes; for the right one, where it would rank among these. 0 if
    /// unknown.
    pub rank: usize,
    /// The number of pairs it stands for.
    pub weight: f64,
    /// Whether a person has decided it in a queue: the recordings that it was not compared with are unknown, and its
    /// weight applies to all that is seen of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decided: bool,
    /// What can be seen of it: names and values.
    pub evidence: BTreeMap<Sight, BTreeMap<String, f64>>,
}

/// Parameters of a judge's training.
#[derive(Debug, Clone)]
pub struct TrainParams {
    /// The networks that made the codes and vectors in the evidence.
    pub models: Fingerprints,
    /// Names of the data learned from.
    pub data: Vec<String>,
    /// Entries that each MIDI file was compared with.
    pub entries: usize,
    /// Which curators' journals were learned from, and how they were weighed; null for none. Stored with the rest.
    pub journals: Value,
}

/// The terms that are weighed, for what can be seen.
fn terms(sight: Sight) -> Vec<&'static str> {
    let networks = ["codes", "codes against chance", "codes along the map", "embedding"];
    let attacks = ["cost against null", "attacks", "tempo", "unevenness"];
    let is_in = |name: &&str| match sight {
        Sight::Pair => true,
        Sight::Index => !attacks.contains(name),
        Sight::Codes => networks[..2].contains(name),
        Sight::Sound => !networks.contains(name),
    };
    TERMS.iter().map(|kind| kind.name).filter(is_in).collect()
}

/// Evidence of a pair as numbers in the order of `terms`; none if it was not seen that way.
fn values(pair: &LabelledPair, sight: Sight, terms: &[&str]) -> Option<Vec<f64>> {
    let seen = pair.seen(sight)?;
    terms.iter().map(|term| Some(seen.weighed(term)).filter(|value| value.is_finite())).collect()
}

/// Checks whether this many true pairs and wrong ones are enough to learn from.
///
/// # Errors
/// [`Error::Limit`] for fewer than 20 of either.
pub fn enough(right: usize, wrong: usize) -> Result<()> {
    for (same, count) in [(true, right), (false, wrong)] {
        if count < FEWEST {
            let what = if same { "number of true pairs" } else { "number of wrong pairs" };
            return Err(Error::Limit { what, value: count.to_string(), limit: format!("{FEWEST} or more") });
        }
    }
    Ok(())
}

/// Learns a judge from pairs.
///
/// # Errors
/// [`Error::Limit`] for fewer than 20 true pairs, or fewer than 20 wrong ones.
pub fn train(pairs: &[LabelledPair], params: &TrainParams) -> Result<Judge> {
    let count = |same: bool| pairs.iter().filter(|pair| pair.same == same).count();
    enough(count(true), count(false))?;
    let mut sights = BTreeMap::new();
    let mut crossed_odds: BTreeMap<Sight, Vec<(&LabelledPair, f64)>> = BTreeMap::new();
    for sight in Sight::ALL {
        let Some((weights, crossed)) = of_sight(pairs, sight) else { continue };
        crossed_odds.insert(sight, crossed);
        sights.insert(sight, weights);
    }
    let pair_odds = crossed_odds.get(&Sight::Pair).or_else(|| crossed_odds.get(&Sight::Sound));
    let at = |odds: &[(&LabelledPair, f64)]| log_odds(threshold(&judged(odds), FALSE_ACCEPTS).clamp(1e-9, 1.0 - 1e-9));
    // The prior at which one half accepts as many wrong pairs as allowed.
    let prior = round(probability(-pair_odds.map_or(0.0, |odds| at(odds))).clamp(*PRIORS.start(), *PRIORS.end()));
    let odds: Vec<f64> = pair_odds.into_iter().flatten().filter(|(pair, _)| pair.same).map(|(_, odds)| *odds).collect();
    let doubtful = |doubtful: &f64| {
        let between =
            |odds: &&f64| (*doubtful..=crate::alignment::ACCEPTED).contains(&probability(**odds + log_odds(prior)));
        odds.iter().filter(between).count() as f64 <= IN_DOUBT * odds.len() as f64
    };
    let doubtful = DOUBTFUL.into_iter().find(|one| doubtful(one)).unwrap_or(DOUBTFUL[DOUBTFUL.len() - 1]);
    let search = crossed_odds.get(&Sight::Index).or(pair_odds).map_or(10.0, |odds| best_wrong(odds));
    let songs: BTreeSet<&String> = pairs.iter().filter(|pair| pair.same).map(|pair| &pair.songs.0).collect();
    let mut training = json!({
        "data": params.data,
        "songs": songs.len(),
        "pairs": [count(true), count(false)],
        "parts": PARTS,
        "false_accepts": FALSE_ACCEPTS,
        "false_searches": FALSE_SEARCHES,
        "terms": TERMS.iter().map(|kind| (kind.name, kind.meaning)).collect::<BTreeMap<_, _>>(),
    });
    if !params.journals.is_null() {
        training["journals"] = params.journals.clone();
    }
    let mut judge = Judge {
        antiphon: env!("CARGO_PKG_VERSION").into(),
        format: FORMAT.into(),
        version: String::new(),
        models: params.models.clone(),
        prior,
        threshold: crate::alignment::ACCEPTED,
        doubtful,
        search: SearchRule { odds: search, entries: params.entries as f64, slope: 1.0 },
        least: Least { seconds: 5.0, variety: 0.25, notes: 10 },
        sights,
        training,
    };
    judge.version = judge.digest();
    Ok(judge)
}

/// Weights, and the log odds of each pair by what was learned from other songs.
fn of_sight(pairs: &[LabelledPair], sight: Sight) -> Option<(Weights, Vec<(&LabelledPair, f64)>)> {
    let terms = terms(sight);
    let signs: Vec<i8> =
        terms.iter().map(|name| TERMS.iter().find(|kind| kind.name == *name).map_or(0, |kind| kind.sign)).collect();
    let seen: Vec<(&LabelledPair, Example)> = pairs
        .iter()
        .filter(|pair| pair.weight > 0.0)
        .filter_map(|pair| {
            let values = values(pair, sight, &terms)?;
            // The codes of all are known: no pair stands for others, except those that people have decided.
            let weight = if sight == Sight::Codes && !pair.decided { 1.0 } else { pair.weight };
            Some((pair, Example { values, same: pair.same, weight }))
        })
        .collect();
    let bounds: Vec<(f64, f64)> = (0..terms.len()).map(|at| bounds(&seen, at)).collect();
    let clamped = |example: &Example| Example {
        values: example.values.iter().zip(&bounds).map(|(v, (least, most))| v.clamp(*least, *most)).collect(),
        ..*example
    };
    let examples: Vec<(&LabelledPair, Example)> =
        seen.iter().map(|(pair, example)| (*pair, clamped(example))).collect();
    let all: Vec<Example> = examples.iter().map(|(_, example)| example.clone()).collect();
    let fitted = Logistic::fit(&all, &signs)?;
    let songs: BTreeSet<&String> = examples.iter().flat_map(|(pair, _)| [&pair.songs.0, &pair.songs.1]).collect();
    let part: BTreeMap<&String, usize> = songs.into_iter().enumerate().map(|(at, song)| (song, at % PARTS)).collect();
    let mut crossed: Vec<(&LabelledPair, f64)> = Vec::new();
    for number in 0..PARTS {
        let is_in = |song: &String| part.get(song) == Some(&number);
        let others = examples.iter().filter(|(pair, _)| !is_in(&pair.songs.0) && !is_in(&pair.songs.1));
        let others: Vec<Example> = others.map(|(_, example)| example.clone()).collect();
        // If nothing can be learned without a part, that part is judged by what was learned from all.
        let learned = Logistic::fit(&others, &signs).unwrap_or_else(|| fitted.clone());
        let here = examples.iter().filter(|(pair, _)| is_in(&pair.songs.0));
        crossed.extend(here.map(|(pair, example)| (*pair, learned.odds(&example.values))));
    }
    let weight = |at: usize| Worth {
        name: terms[at].into(),
        mean: fitted.mean[at],
        deviation: fitted.deviation[at],
        weight: fitted.weight[at],
        least: bounds[at].0,
        most: bounds[at].1,
    };
    let weights = Weights {
        bias: fitted.bias,
        terms: (0..terms.len()).map(weight).collect(),
        crossed: Quality::of(&judged(&crossed))?,
    };
    Some((weights, crossed))
}

/// The range of all but one in two hundred of the values.
fn bounds(seen: &[(&LabelledPair, Example)], at: usize) -> (f64, f64) {
    let mut sorted: Vec<f64> = seen.iter().map(|(_, example)| example.values[at]).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return (0.0, 0.0) };
    let cut = last / 200;
    (sorted[cut], sorted[last - cut])
}

fn judged(odds: &[(&LabelledPair, f64)]) -> Vec<Judged> {
    let of = |&(pair, odds): &(&LabelledPair, f64)| Judged {
        same: pair.same,
        probability: probability(odds),
        weight: pair.weight,
    };
    odds.iter().map(of).collect()
}

/// The log odds that the best wrong answer to a query stays below, for all but [`FALSE_SEARCHES`] of the queries.
fn best_wrong(odds: &[(&LabelledPair, f64)]) -> f64 {
    let mut best: BTreeMap<&String, f64> = BTreeMap::new();
    // For a queue it is not known what else was compared: those pairs count only if there is nothing else.
    let decided_alone = odds.iter().all(|(pair, _)| pair.decided);
    // Searches are for whole recordings.
    let counts = |pair: &LabelledPair| !pair.same && !pair.part() && (decided_alone || !pair.decided);
    for (pair, odds) in odds.iter().filter(|(pair, _)| counts(pair)) {
        let known = best.entry(&pair.midi).or_insert(f64::NEG_INFINITY);
        *known = known.max(*odds);
    }
    let mut sorted: Vec<f64> = best.into_values().collect();
    sorted.sort_by(f64::total_cmp);
    let above = (FALSE_SEARCHES * sorted.len() as f64) as usize;
    sorted.len().checked_sub(1 + above).map_or(10.0, |at| sorted[at])
}

/// Rounds to one digit.
fn round(probability: f64) -> f64 {
    let unit = 10f64.powf(probability.log10().floor());
    (probability / unit).round().max(1.0) * unit
}

impl LabelledPair {
    /// Whether only a part of the recording was heard.
    fn part(&self) -> bool {
        self.audio.ends_with(" part")
    }

    /// Adds what can be seen of it.
    pub(crate) fn see(&mut self, sight: Sight, evidence: &Evidence) {
        let known = evidence.known().map(|(name, value)| (name.to_owned(), value));
        self.evidence.insert(sight, known.collect());
    }

    /// What was seen of it; none if it was not seen that way.
    pub(crate) fn seen(&self, sight: Sight) -> Option<Evidence> {
        let seen = self.evidence.get(&sight).or_else(|| {
            // Without networks the same is seen, but less of it.
            (sight == Sight::Sound).then(|| self.evidence.get(&Sight::Pair)).flatten()
        })?;
        Some(Evidence::of_terms(seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_pcg::Pcg64;

    /// True pairs have more of what speaks for them; `count` songs, each with three wrong recordings.
    fn pairs(count: usize) -> Vec<LabelledPair> {
        let mut random = Pcg64::seed_from_u64(5);
        let mut all = Vec::new();
        for song in 0..count {
            for other in 0..4 {
                let same = other == 0;
                let mut seen = BTreeMap::new();
                for kind in &TERMS {
                    let noise: f64 = random.random_range(-1.0..1.0);
                    let shift = f64::from(kind.sign) * if same { 0.8 } else { -0.8 };
                    seen.insert(kind.name.to_owned(), shift + noise);
                }
                all.push(LabelledPair {
                    midi: format!("{song}"),
                    audio: format!("{}", (song + other) % count),
                    songs: (format!("{song}"), format!("{}", (song + other) % count)),
                    kind: "made".into(),
                    same,
                    rank: other,
                    weight: 1.0,
                    decided: false,
                    evidence: BTreeMap::from([(Sight::Pair, seen.clone()), (Sight::Codes, seen)]),
                });
            }
        }
        all
    }

    fn params() -> TrainParams {
        TrainParams { models: Fingerprints::default(), data: vec!["made".into()], entries: 60, journals: Value::Null }
    }

    #[test]
    fn a_judge_is_learned_from_songs_it_is_not_measured_on() {
        let judge = train(&pairs(60), &params()).expect("enough");
        let quality = &judge.sights[&Sight::Pair].crossed;
        assert!(quality.auc > 0.99 && quality.pairs == (60, 180), "{quality:?}");
        assert!(PRIORS.contains(&judge.prior) && judge.search_threshold(1000) >= judge.search_threshold(10));
        assert!(judge.sights.contains_key(&Sight::Sound) && !judge.sights.contains_key(&Sight::Index));
    }

    #[test]
    fn too_few_pairs_teach_nothing() {
        let error = train(&pairs(19), &params()).expect_err("19 true ones");
        assert!(error.to_string().contains("20 or more"), "{error}");
    }

    #[test]
    fn the_same_pairs_make_the_same_judge() {
        let (one, other) =
            (train(&pairs(40), &params()).expect("a judge"), train(&pairs(40), &params()).expect("a judge"));
        assert_eq!(one.to_json(), other.to_json());
        assert!((round(0.0234) - 0.02).abs() < 1e-12 && (round(0.5) - 0.5).abs() < 1e-12);
    }
}
