//! A judge's verdicts on labelled pairs.

use crate::alignment::Verdict;
use crate::error::{Error, Result};
use crate::files::csv::Rows;
use crate::verdict::{Judge, Judged, LabelledPair, Quality, Sight};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::Path;

/// Pairs of a kind, or all, as a judge sees them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerdictReport {
    /// What the judge sees.
    pub sight: Sight,
    /// The kind of pair, or `all`.
    pub kind: String,
    /// How well its probabilities separate right from wrong.
    pub quality: Quality,
    /// Shares of the true pairs, and of the wrong ones, whose probability at a prior of one half lies in each twentieth.
    pub shares: [Vec<f64>; 2],
    /// True pairs that are called a match.
    pub accepted: usize,
    /// Number of true pairs that it can't tell about.
    pub cant_tell: usize,
    /// Number of wrong pairs called a match, counted with all the pairs that they stand for,
    pub falsely_accepted: f64,
    /// and their names.
    pub false_names: Vec<(String, String)>,
    /// True pairs that are not accepted, and their probabilities.
    pub missed: Vec<(String, String, f64)>,
}

impl VerdictReport {
    /// Reports on all pairs, then kind by kind, for each way of seeing that has evidence. Kinds with only true or only
    /// wrong pairs are measured against all wrong ones.
    pub fn all(pairs: &[LabelledPair], judge: &Judge) -> Vec<Self> {
        let kinds: BTreeSet<&str> = pairs.iter().map(|pair| pair.kind.as_str()).collect();
        let sights = [Sight::Pair, Sight::Index, Sight::Codes, Sight::Sound];
        let of = |sight: Sight| {
            let all = Self::of(pairs, judge, sight, "all");
            let kinds = kinds.iter().filter_map(move |kind| Self::of(pairs, judge, sight, kind));
            all.into_iter().chain(kinds)
        };
        sights.into_iter().flat_map(of).collect()
    }

    fn of(pairs: &[LabelledPair], judge: &Judge, sight: Sight, kind: &str) -> Option<Self> {
        let is_one = |pair: &&LabelledPair| kind == "all" || pair.kind == kind;
        let mut judged = Vec::new();
        let (mut accepted, mut cant_tell, mut falsely_accepted) = (0, 0, 0.0);
        let (mut false_names, mut missed) = (Vec::new(), Vec::new());
        for pair in pairs.iter().filter(is_one) {
            let Some(evidence) = pair.seen(sight) else { continue };
            let judgement = judge.judge(sight, &evidence);
            judged.push(Judged { same: pair.same, probability: judge.balanced(&judgement), weight: pair.weight });
            let names = (pair.midi.clone(), pair.audio.clone());
            match (pair.same, judgement.verdict) {
                (true, Verdict::Match) => accepted += 1,
                (true, verdict) => {
                    cant_tell += usize::from(verdict == Verdict::CantTell);
                    missed.push((names.0, names.1, judgement.probability));
                }
                (false, Verdict::Match) => {
                    falsely_accepted += pair.weight;
                    false_names.push(names);
                }
                _ => {}
            }
        }
        let quality = Quality::of(&judged)?;
        let kind = kind.to_owned();
        let shares = [true, false].map(|same| shares(&judged, same));
        Some(Self { sight, kind, quality, shares, accepted, cant_tell, falsely_accepted, false_names, missed })
    }
}

/// Number of parts in the range of probabilities.
const PARTS: usize = 20;

fn shares(judged: &[Judged], same: bool) -> Vec<f64> {
    let mut shares = vec![0.0; PARTS];
    let of_side = || judged.iter().filter(|pair| pair.same == same);
    let total: f64 = of_side().map(|pair| pair.weight).sum();
    for pair in of_side() {
        shares[((pair.probability * PARTS as f64) as usize).min(PARTS - 1)] += pair.weight / total;
    }
    shares
}

/// Reads kinds of songs from a table with a header line that names `id` and one of `midi_kind`, `kind` or
/// `instrumentation`.
///
/// # Errors
/// [`Error::Io`]; [`Error::List`] if these columns are missing.
pub fn kinds(table: &Path) -> Result<BTreeMap<String, String>> {
    let opened = std::fs::File::open(table).map_err(Error::io("read", table))?;
    let mut rows = Rows::new(BufReader::new(opened), table);
    let header = rows.next()?.unwrap_or_default();
    let find = |names: &[&str]| names.iter().find_map(|name| header.iter().position(|column| column == name));
    let (Some(id), Some(kind)) = (find(&["id"]), find(&["midi_kind", "kind", "instrumentation"])) else {
        let reason = "it has no column \"id\", or none \"midi_kind\", \"kind\" or \"instrumentation\"".into();
        return Err(Error::List { reason, path: table.to_path_buf() });
    };
    let mut kinds = BTreeMap::new();
    while let Some(fields) = rows.next()? {
        kinds.extend(fields.get(id).cloned().zip(fields.get(kind).cloned()));
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_each_side_by_what_pairs_stand_for() {
        let pair = |same, probability, weight| Judged { same, probability, weight };
        let judged = [pair(true, 1.0, 1.0), pair(true, 0.12, 3.0), pair(false, 0.0, 99.0), pair(false, 0.5, 1.0)];
        let (right, wrong) = (shares(&judged, true), shares(&judged, false));
        assert_eq!((right[19], right[2], wrong[0], wrong[10]), (0.25, 0.75, 0.99, 0.01));
        assert!([right, wrong].iter().all(|side| (side.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    }

    #[test]
    fn kinds_are_read_from_a_table_with_quotes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pairs.csv");
        std::fs::write(&path, "id,title,midi_kind\nP1,\"one, two\",band\nP2,x,piano\n").expect("written");
        let found = kinds(&path).expect("a table");
        assert_eq!(found["P1"], "band");
        assert_eq!(found["P2"], "piano");
        std::fs::write(&path, "name,kind\na,b\n").expect("written");
        assert!(matches!(kinds(&path), Err(Error::List { .. })));
    }
}
