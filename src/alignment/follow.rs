//! Chooses the right rough map, and finds the attacks that show it.
//!
//! The free path and the best map at a [steady](super::steady) tempo are followed chord by chord. The free one agrees
//! with more attacks, right or wrong, because it may go anywhere. So the steady one is taken if it explains as much, or
//! if it explains a good part and the attacks found along it keep a tempo as even as a machine's: that does not happen
//! by accident. If loud drums and voices hide the attacks, the map that [explains](super::structure) more of the sound
//! is taken.

use super::findings;
use super::refine::{Attack, Chord, RefineParams, refine};
use super::warp;
use crate::error::Result;
use crate::features::onsets::Onsets;
use crate::job::Progress;

/// Explaining this share of what the free map explains counts as just as much.
const AS_MUCH: f64 = 0.97;
/// A steady map replaces a plainer one if it gains this many times as much.
const CLEARLY_MORE: f64 = 1.1;
/// A steady map with an even tempo is taken if it gains this share of what the free one gains, since the free one
/// follows every accident.
const GOOD_SHARE: f64 = 0.9;
/// Jumps [as sure](super::structure) as this, in standard errors, need no more support than that a map with them
/// explains no less.
const JUMPS_SURE: f64 = 5.0;
/// A map with less sure jumps must explain more of something than the best map without any: this many times as much of
/// the sound, if a chorus is repeated,
const JUMPS_GAIN: f64 = 1.05;
/// or this many times as much of the attacks, if a verse is left out. (Chosen on ASAP and on `evaluate align popular`,
/// seeds 0 to 2, where 68 such maps are to be weighed.)
const JUMPS_EXPLAIN: f64 = 1.03;
/// "No less" means this share of the sound, since the other map need not pay for jumps,
const JUMPS_COST: f64 = 0.85;
/// and this share of the attacks, if they say anything.
const JUMPS_HOLD: f64 = 0.9;
/// Attacks that explain less than this say nothing. In ASAP they explain .24 to 1.7, in thirteen popular recordings .26
/// at most.
const TELLING: f64 = 0.3;
/// Attacks that explain this much can show where a recording jumps.
const CLEARLY_TELLING: f64 = 0.3;
/// Explaining this share counts as a good part.
const GOOD_PART: f64 = 0.3;
/// [Unevenness](findings::unevenness) below which a tempo is even. Human performances in ASAP have .02 (études) to .3
/// with a mean of .1; sequences .004 to .035.
const EVEN: f64 = 0.06;

/// The chosen map, followed.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    /// One for each chord.
    pub(crate) attacks: Vec<Attack>,
    /// Mean agreement of the attacks as a multiple of that of chords that can't be right, on the better of the two
    /// maps.
    pub(crate) evidence: f64,
    /// The rough map that was followed.
    pub(crate) knots: Vec<(f64, f64)>,
    /// Whether it is the one with jumps.
    pub(crate) jumps: bool,
}

/// A map that may be right.
#[derive(Debug, Clone)]
pub(crate) struct Hypothesis {
    /// MIDI seconds, audio seconds; strictly increasing in both.
    pub(crate) knots: Vec<(f64, f64)>,
    /// How much of the recording it explains: see [`structure`](super::structure).
    pub(crate) gain: f64,
}

/// All the maps that may be right.
#[derive(Debug, Clone)]
pub(crate) struct Hypotheses {
    /// The path that may go at any tempo.
    pub(crate) free: Hypothesis,
    /// Those at a tempo that hardly changes, the plainest first; at least one.
    pub(crate) steady: Vec<Hypothesis>,
    /// The one in which the recording jumps.
    pub(crate) jumping: Option<Jumping>,
}

/// A map with jumps.
#[derive(Debug, Clone)]
pub(crate) struct Jumping {
    pub(crate) map: Hypothesis,
    /// How much it explains as a share of what the best other map explains.
    pub(crate) share: f64,
    /// How sure its least sure jump is, in standard errors.
    pub(crate) sure: f64,
}

/// Follows `chords` along the best of `maps`. `wrong` holds the same chords in a key that can't be right.
pub(crate) fn follow(
    chords: &[Chord],
    wrong: &[Chord],
    maps: &Hypotheses,
    onsets: &Onsets,
    progress: &Progress,
) -> Result<Followed> {
    let first = RefineParams::first_pass();
    let along = |chords: &[Chord], knots: &[(f64, f64)], params: &RefineParams, progress: Progress| {
        refine(chords, &interpolated(knots), onsets, params, &progress)
    };
    let (free_map, mut steady_map) = (&maps.free, &maps.steady[0]);
    for other in &maps.steady[1..] {
        if other.gain > CLEARLY_MORE * steady_map.gain {
            steady_map = other;
        }
    }
    let free = along(chords, &free_map.knots, &first, progress.part(0.0, 0.2))?;
    let null_free = mean_agreement(&along(wrong, &free_map.knots, &first, progress.part(0.2, 0.3))?);
    let mut steady = along(chords, &steady_map.knots, &first, progress.part(0.3, 0.4))?;
    let null_steady = mean_agreement(&along(wrong, &steady_map.knots, &first, progress.part(0.4, 0.5))?);
    let null = null_free.max(null_steady);
    let by_free = explained(&free, &free_map.knots, null);
    let mut by_steady = explained(&steady, &steady_map.knots, null);
    let evidence = (mean_agreement(&free) / null_free).max(mean_agreement(&steady) / null_steady);
    let mut jumps = false;
    if let Some(Jumping { map, share, sure }) = maps.jumping.as_ref().filter(|jumping| jumping.share > JUMPS_COST) {
        let found = along(chords, &map.knots, &first, progress.part(0.5, 0.6))?;
        let by_it = explained(&found, &map.knots, null);
        let others = by_free.max(by_steady);
        let says_nothing = others.max(by_it) < CLEARLY_TELLING;
        jumps = (*sure >= JUMPS_SURE || *share >= JUMPS_GAIN) && (says_nothing || by_it >= JUMPS_HOLD * others)
            || by_it >= JUMPS_EXPLAIN * others.max(0.0);
        if jumps {
            (steady_map, steady, by_steady) = (map, found, by_it);
        }
    }
    let (telling, uneven) = (by_free.max(by_steady) >= TELLING, unevenness(&steady));
    let (take_steady, even) = if jumps {
        // A jump is a change of tempo, too.
        (true, uneven < 2.0 * EVEN)
    } else if telling {
        // The recording of a person who plays evenly is even on both maps.
        let even = by_steady > GOOD_PART * by_free && uneven < EVEN.min(0.5 * unevenness(&free));
        (even || by_steady > AS_MUCH * by_free, even)
    } else {
        // If loud drums and voices hide the attacks, the sound decides.
        let sounds = steady_map.gain > GOOD_SHARE * free_map.gain;
        (sounds, sounds && uneven < EVEN)
    };
    let (knots, mut attacks) = if take_steady { (&steady_map.knots, steady) } else { (&free_map.knots, free) };
    let mut second = RefineParams::second_pass();
    if even {
        second = second.even();
        attacks = along(chords, knots, &first.even(), progress.part(0.6, 0.8))?;
    }
    if let Some(closer) = increasing(&attacks) {
        attacks = along(chords, &closer, &second, progress.part(0.8, 1.0))?;
    }
    Ok(Followed { attacks, evidence, knots: knots.clone(), jumps })
}

/// By how much the chords agree better than `null` along a map, summed over the chords within it and divided by the
/// number of all.
fn explained(attacks: &[Attack], knots: &[(f64, f64)], null: f64) -> f64 {
    let (Some(first), Some(last)) = (knots.first(), knots.last()) else { return 0.0 };
    let within = attacks.iter().filter(|a| (first.0 - 0.05..=last.0 + 0.05).contains(&a.midi_s));
    within.map(|a| f64::from(a.agreement) - null).sum::<f64>() / attacks.len().max(1) as f64
}

/// See [`findings::unevenness`]; infinite if the attacks make no map.
fn unevenness(attacks: &[Attack]) -> f64 {
    increasing(attacks).map_or(f64::INFINITY, |map| findings::unevenness(&map))
}

fn mean_agreement(attacks: &[Attack]) -> f64 {
    attacks.iter().map(|a| f64::from(a.agreement)).sum::<f64>() / attacks.len().max(1) as f64
}

/// Attacks that advance on both clocks; `None` when fewer than two do.
pub(crate) fn increasing(attacks: &[Attack]) -> Option<Vec<(f64, f64)>> {
    let mut knots: Vec<(f64, f64)> = Vec::with_capacity(attacks.len());
    for attack in attacks {
        if knots.last().is_none_or(|&(m, a)| attack.midi_s > m + 1e-6 && attack.audio_s > a + 1e-6) {
            knots.push((attack.midi_s, attack.audio_s));
        }
    }
    (knots.len() >= 2).then_some(knots)
}

/// The piecewise linear function through `knots`, extended with the slope of the whole.
fn interpolated(knots: &[(f64, f64)]) -> impl Fn(f64) -> f64 + '_ {
    move |x| warp::interpolate(knots, x, |k| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attacks(tempo: impl Fn(f64) -> f64) -> Vec<Attack> {
        let mut audio_s = 1.0;
        (0..200)
            .map(|i| {
                let midi_s = f64::from(i) * 0.5;
                audio_s += 0.5 * tempo(midi_s);
                Attack { midi_s, audio_s, agreement: if i < 100 { 3.0 } else { 1.0 } }
            })
            .collect()
    }

    #[test]
    fn an_even_tempo_is_told_from_a_free_one() {
        assert!(unevenness(&attacks(|_| 1.3)) < 1e-9);
        assert!(unevenness(&attacks(|s| 1.0 + 0.05 * (s / 20.0).sin())) < EVEN);
        assert!(unevenness(&attacks(|s| 1.0 + 0.5 * (s / 3.0).sin())) > EVEN);
    }

    #[test]
    fn chords_outside_the_map_explain_nothing() {
        let attacks = attacks(|_| 1.0);
        let whole = [(0.0, 1.0), (100.0, 101.0)];
        let half = [(0.0, 1.0), (49.6, 51.0)];
        assert!((explained(&attacks, &whole, 2.0) - 0.0).abs() < 1e-9);
        assert!((explained(&attacks, &half, 2.0) - 0.5).abs() < 1e-9);
        assert!(explained(&attacks, &[], 2.0).abs() < 1e-9);
    }

    #[test]
    fn attacks_that_go_back_are_left_out() {
        let attack = |midi_s, audio_s| Attack { midi_s, audio_s, agreement: 1.0 };
        let map = increasing(&[attack(0.0, 1.0), attack(1.0, 0.5), attack(2.0, 2.0)]).unwrap();
        assert_eq!(map, [(0.0, 1.0), (2.0, 2.0)]);
        assert!(increasing(&[attack(0.0, 1.0), attack(1.0, 0.5)]).is_none());
    }
}
