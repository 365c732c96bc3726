//! The evidence for or against a pair, each piece with a plain name.

use super::traits::{Amount, InKey, Traits};
use crate::alignment::{Alignment, Explained, Findings};
use crate::audio::AudioTime;
use crate::embedding::squared_distance;
use crate::error::Result;
use crate::hashing::{HashDtw, HashSequence, scores_of};
use crate::job::Progress;
use ndarray::Array2;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A kind of evidence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// Its name.
    pub(crate) name: &'static str,
    /// 1 if more of it can only speak for a pair, −1 if only against it.
    pub(crate) sign: i8,
    /// Its typical value for unrelated music, if less music makes it say less; none if the amount of music does not
    /// matter.
    pub(crate) chance: Option<f64>,
    /// Its meaning.
    pub(crate) meaning: &'static str,
}

const fn kind(name: &'static str, sign: i8, chance: Option<f64>, meaning: &'static str) -> Kind {
    Kind { name, sign, chance, meaning }
}

/// The name of the amount of music: seconds in which something sounds, of the side with less.
const MUSIC: &str = "music";
/// This much music gives evidence its full weight; a part of it gives the square root of its share. Of 132 true pairs
/// of popular songs, 57 of which last half a minute to one and a half, this raises the share above all but 0.1 % of the
/// wrong ones by 2 to 3 in a hundred.
const PLENTY_S: f64 = 120.0;
/// Less than this did not occur in training: it counts as this much.
const LEAST_S: f64 = 30.0;

/// All kinds of evidence. What is measured against something that can't be right means the same for all kinds of music.
pub(crate) const TERMS: [Kind; 14] = [
    kind("codes", -1, Some(14.4), "distance of the hash codes in the best of twelve keys, in bits a step"),
    kind("codes against chance", 1, Some(0.0), "how much less that is than of the MIDI backwards, in bits a step"),
    kind(
        "codes along the map",
        1,
        Some(0.0),
        "how much nearer codes are at moments that are put together than at any, in deviations",
    ),
    kind("embedding", -1, None, "distance of the vectors of the whole and of the nearest windows"),
    kind("cost against null", 1, Some(0.0), "1 less the cost of the path as a share of that of the MIDI backwards"),
    kind(
        "attacks",
        1,
        Some(0.0),
        "logarithm of the agreement of attacks as a multiple of that of chords in a wrong key",
    ),
    kind("published", 1, Some(0.0), "confidence of the aligner of 2016"),
    kind("gain", 1, Some(0.0), "how much more alike the sides are along the map than elsewhere, in deviations"),
    kind("explained", 1, None, "share of the recording in which the map gains something"),
    kind(
        "structure against null",
        1,
        Some(0.0),
        "what the MIDI explains of the recording, jumps allowed, less what it explains backwards",
    ),
    kind("tempo", -1, None, "how far the tempo is from the MIDI's, |ln|"),
    kind("jumps", -1, None, "logarithm of 1 and the jumps of the recording in the MIDI"),
    kind("unevenness", -1, None, "change of the log tempo from one stretch of seconds to the next"),
    kind("other key", -1, None, "1 where the MIDI was moved to another key"),
];

/// What is known about a pair. Unknown values are NaN and say nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    values: [f64; TERMS.len()],
    /// Seconds in which something sounds, and how varied its moments are: of the side with less.
    pub(crate) seconds: f64,
    /// See [`seconds`](Self::seconds).
    pub(crate) variety: f64,
    /// Notes of the MIDI file other than drums, if known.
    pub(crate) notes: Option<usize>,
}

impl Evidence {
    /// Evidence of nothing but the amount of music.
    pub(crate) fn new(amounts: [Amount; 2], notes: Option<usize>) -> Self {
        Self {
            values: [f64::NAN; TERMS.len()],
            seconds: amounts[0].seconds.min(amounts[1].seconds),
            variety: amounts[0].variety.min(amounts[1].variety),
            notes,
        }
    }

    /// Builds it from names and values that were [known](Self::known) before; it assumes that there was enough music.
    pub(crate) fn of_terms(terms: &BTreeMap<String, f64>) -> Self {
        let plenty = Amount { seconds: f64::INFINITY, variety: f64::INFINITY };
        let mut evidence = Self::new([plenty; 2], None);
        for (name, value) in terms {
            evidence.set(name, *value);
        }
        evidence
    }

    /// The value of a term; NaN if it is not known.
    pub fn value(&self, name: &str) -> f64 {
        if name == MUSIC {
            return self.seconds;
        }
        TERMS.iter().position(|kind| kind.name == name).map_or(f64::NAN, |at| self.values[at])
    }

    /// The value of a term as a judge weighs it: with little music, nearer to its value by chance.
    pub(super) fn weighed(&self, name: &str) -> f64 {
        let value = self.value(name);
        let Some(chance) = TERMS.iter().find(|kind| kind.name == name).and_then(|kind| kind.chance) else {
            return value;
        };
        chance + (value - chance) * (self.seconds.clamp(LEAST_S, PLENTY_S) / PLENTY_S).sqrt()
    }

    /// Sets a term, whose name is in [`TERMS`].
    pub(crate) fn set(&mut self, name: &str, value: f64) {
        if name == MUSIC {
            self.seconds = value;
        }
        if let Some(at) = TERMS.iter().position(|kind| kind.name == name) {
            self.values[at] = value;
        }
    }

    /// Names and values of the known terms.
    pub fn known(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        let all = TERMS.iter().zip(self.values).map(|(kind, value)| (kind.name, value));
        all.chain([(MUSIC, self.seconds)]).filter(|(_, value)| value.is_finite())
    }

    pub(crate) fn add_codes(&mut self, codes: &CodeMatch) {
        self.set("codes", codes.distance);
        self.set("codes against chance", codes.against_chance);
    }

    /// Adds the evidence of an alignment of ours.
    pub(crate) fn add_findings(&mut self, found: &Findings, transpose: i32) {
        self.set("cost against null", 1.0 - found.cost_share);
        self.set("attacks", found.attacks.max(0.01).ln());
        self.set("published", found.published);
        self.set("gain", found.gain);
        self.set("explained", found.explained);
        self.set("structure against null", found.structure - found.structure_backwards);
        self.set("tempo", found.tempo.ln().abs());
        self.set("jumps", (1.0 + found.jumps as f64).ln());
        self.set("unevenness", found.unevenness);
        self.set("other key", f64::from(u8::from(transpose != 0)));
    }

    /// Adds the evidence of what an index keeps, and the score of the aligner of 2016 with several frames averaged into
    /// one.
    pub(crate) fn add_explained(&mut self, found: &Explained, published: f64, key: i32) {
        self.set("published", published);
        self.set("gain", found.gain);
        self.set("explained", found.share);
        self.set("structure against null", found.structure - found.structure_backwards);
        self.set("jumps", (1.0 + found.jumps as f64).ln());
        self.set("other key", f64::from(u8::from(key != 0)));
    }
}

/// How near codes are, and in which key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CodeMatch {
    /// Semitones by which the first is moved.
    pub(crate) key: i32,
    /// Bits per step; with a handicap in a key other than the written one.
    pub(crate) distance: f64,
    /// See [`TERMS`].
    pub(crate) against_chance: f64,
}

/// Share by which an answer in another key must be better: with eleven more chances, it looks good by accident more
/// often.
const HANDICAP: f32 = 0.1;

/// Compares codes of one file in several keys with those of others.
///
/// # Errors
/// [`Error::Cancelled`](crate::Error::Cancelled).
pub(crate) fn code_matches(moved: &[InKey], others: &[&[u32]], progress: &Progress) -> Result<Vec<CodeMatch>> {
    let of_key = |in_key: &InKey| -> Result<[Vec<f32>; 2]> {
        let of = &in_key.codes;
        let backwards = HashSequence::new(of.codes().iter().rev().copied().collect(), of.bits(), of.step_s())?;
        let params = HashDtw::for_bits(of.bits());
        Ok([scores_of(of, others, params, progress)?, scores_of(&backwards, others, params, progress)?])
    };
    let scores = moved.par_iter().map(of_key).collect::<Result<Vec<[Vec<f32>; 2]>>>()?;
    let one = |at: usize| {
        let of = |n: usize| scores[n][0][at] * if moved[n].key == 0 { 1.0 } else { 1.0 + HANDICAP };
        let best = (0..moved.len()).min_by(|&a, &b| of(a).total_cmp(&of(b))).unwrap_or(0);
        let backwards = scores.iter().map(|of_key| f64::from(of_key[1][at])).sum::<f64>() / moved.len().max(1) as f64;
        let distance = f64::from(of(best));
        CodeMatch { key: moved[best].key, distance, against_chance: backwards - distance }
    };
    Ok((0..others.len()).map(one).collect())
}

/// How much nearer codes are at moments that `to_moved` maps to each other (seconds of `still` to seconds of `moved`)
/// than at any two moments, in standard deviations: 0 if no moments are mapped, NaN without codes.
pub(crate) fn along(moved: &HashSequence, still: &HashSequence, to_moved: impl Fn(f64) -> Option<f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (step, code) in still.codes().iter().enumerate() {
        let at = (step as f64 + 0.5) * still.step_s();
        if let Some(other) = to_moved(at).and_then(|at| moved.at(at)) {
            sum += f64::from((code ^ other).count_ones());
            count += 1.0;
        }
    }
    let (mut all, mut squares, mut pairs) = (0.0, 0.0, 0.0);
    // A few thousand pairs are enough.
    for (step, code) in still.codes().iter().enumerate() {
        for other in moved.codes().iter().skip(step % EVERY).step_by(EVERY) {
            let distance = f64::from((code ^ other).count_ones());
            (all, squares, pairs) = (all + distance, squares + distance * distance, pairs + 1.0);
        }
    }
    if pairs < 1.0 {
        return f64::NAN;
    }
    if count < 1.0 {
        // Nothing is mapped: no better than chance.
        return 0.0;
    }
    let mean: f64 = all / pairs;
    (mean - sum / count) / (squares / pairs - mean * mean).max(1.0).sqrt()
}

/// One in this many pairs of steps is examined.
const EVERY: usize = 7;

/// Seconds of the MIDI at a moment of the recording, within the map.
pub(crate) fn by_map(alignment: &Alignment) -> impl Fn(f64) -> Option<f64> + '_ {
    let ends = alignment.map.knots().next().zip(alignment.map.knots().last());
    move |at| {
        let (first, last) = ends?;
        (first.1.0..=last.1.0).contains(&at).then(|| alignment.map.to_midi(AudioTime(at)).0)
    }
}

/// The same within the passages that explain it.
pub(crate) fn by_runs(found: &Explained) -> impl Fn(f64) -> Option<f64> + '_ {
    move |at| {
        let run = found.runs.iter().find(|run| run[0].1 <= at && at <= run[run.len() - 1].1)?;
        let next = run.partition_point(|knot| knot.1 < at).clamp(1, run.len().max(2) - 1);
        let (before, after) = (run.get(next - 1)?, run.get(next)?);
        let share = (at - before.1) / (after.1 - before.1).max(1e-9);
        Some(before.0 + (after.0 - before.0) * share.clamp(0.0, 1.0))
    }
}

/// Distance of two files' vectors, the last of which is that of the whole.
pub(crate) fn vector_distance(a: &Array2<f32>, b: &Array2<f32>) -> f64 {
    let (Some(n), Some(m)) = (a.nrows().checked_sub(1), b.nrows().checked_sub(1)) else { return f64::NAN };
    let whole = squared_distance(a.row(n), b.row(m));
    let nearest = (0..n.max(1)).flat_map(|i| (0..m.max(1)).map(move |j| (i, j)));
    let nearest = nearest.map(|(i, j)| squared_distance(a.row(i), b.row(j))).fold(f32::INFINITY, f32::min);
    f64::from(f32::midpoint(whole, nearest)).max(0.0).sqrt()
}

/// Codes of a MIDI file in the key that an alignment chose, with the recording's: see [`along`].
pub(crate) fn along_map(midi: &Traits, audio: &Traits, alignment: &Alignment) -> f64 {
    let in_key = midi.codes.iter().find(|in_key| in_key.key == alignment.transpose);
    in_key.zip(audio.codes.first()).map_or(f64::NAN, |(x, y)| along(&x.codes, &y.codes, by_map(alignment)))
}
