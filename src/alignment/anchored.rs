//! An alignment corrected by a person: some moments are known to belong together, and everything between them is
//! aligned again.
//!
//! Between two anchors the MIDI is stretched to the recording's length and matched from corner to corner, as for the
//! [`rough`](super::rough) map; then each chord finds its own attack ([`refine`](super::refine::refine)). The ends of
//! the old map stay where they are, unless an anchor says otherwise.

use super::coarse::{knots, stretch};
use super::refine::{self, Chord, RefineParams};
use super::rough::coarse_to_fine;
use super::segments::Segments;
use super::warp::TimeMap;
use super::{Alignment, follow, warp};
use crate::audio::AudioTime;
use crate::error::{Error, Result};
use crate::features::Features;
use crate::features::onsets::Onsets;
use crate::job::Progress;
use crate::midi::{MidiTime, Note};
use ndarray::{ArrayView2, s};

/// A tempo ratio beyond which an end of the old map is discarded: nobody plays like that.
const STEEPEST: f64 = 6.0;
/// Attacks closer to an anchor than this, in seconds, give way to it.
const NEAR_S: f64 = 0.04;

/// Aligns again between `anchors`, which are in the order of the recording; within each segment they must increase in
/// the MIDI, too. Segments without an anchor stay unchanged. `midi` and `audio` have rows of unit length at regular
/// times, the MIDI in the recording's key; with `attacks` (notes in that key, onsets) chords are refined.
pub(crate) fn anchored(
    old: &Alignment,
    anchors: &[(MidiTime, AudioTime)],
    midi: &Features,
    audio: &Features,
    attacks: Option<(&[Note], &Onsets)>,
    progress: &Progress,
) -> Result<Alignment> {
    let refused =
        |value: String| Error::Limit { what: "anchor", value, limit: "increasing moments of both files".into() };
    if anchors.iter().any(|(m, a)| !m.0.is_finite() || !a.0.is_finite() || m.0 < 0.0 || a.0 < 0.0) {
        return Err(refused("that is no moment".into()));
    }
    let segment = |anchor: &(MidiTime, AudioTime)| old.segments.at(anchor.1);
    let crosses = |pair: &&[(MidiTime, AudioTime)]| {
        pair[1].1 <= pair[0].1 || (segment(&pair[0]) == segment(&pair[1]) && pair[1].0 <= pair[0].0)
    };
    if let Some(pair) = anchors.windows(2).find(crosses) {
        return Err(refused(format!("at {:.3} s of the MIDI and {:.3} s of the recording", pair[1].0.0, pair[1].1.0)));
    }
    if anchors.is_empty() {
        return Ok(old.clone());
    }
    let chords = attacks.map(|(notes, onsets)| (refine::chords(notes), onsets));
    let count = old.segments.maps().len();
    let mut maps = Vec::with_capacity(count);
    for (number, map) in old.segments.maps().iter().enumerate() {
        let of_segment = anchors.iter().filter(|anchor| segment(anchor) == number);
        let fixed: Vec<(f64, f64)> = of_segment.map(|(m, a)| (m.0, a.0)).collect();
        let progress = progress.part(number as f32 / count as f32, (number + 1) as f32 / count as f32);
        let chords = chords.as_ref().map(|(chords, onsets)| (chords.as_slice(), *onsets));
        maps.push(anchored_map(map, &fixed, midi, audio, (chords, count > 1), &progress)?);
    }
    let frame_s = midi.times.seconds(1.0);
    let cost = |(MidiTime(m), AudioTime(a)): (MidiTime, AudioTime)| {
        let row = |features: &Features, seconds: f64| {
            ((seconds / frame_s).round().max(0.0) as usize).min(features.frames.nrows().saturating_sub(1))
        };
        let (i, j) = (row(midi, m), row(audio, a));
        (1.0 - midi.frames.row(i).dot(&audio.frames.row(j))).clamp(0.0, 1.0)
    };
    let costs = maps.iter().flat_map(TimeMap::knots).map(cost).collect();
    let mut remarks: Vec<String> =
        old.remarks.iter().filter(|remark| !remark.starts_with(CORRECTED)).cloned().collect();
    remarks.push(format!("{CORRECTED} at {} moments by a person", anchors.len()));
    Ok(Alignment { costs, remarks, ..of_maps(old, maps)? })
}

/// The alignment with other maps for its segments.
fn of_maps(old: &Alignment, mut maps: Vec<TimeMap>) -> Result<Alignment> {
    if maps.len() == 1 {
        let map = maps.remove(0);
        return Ok(Alignment { segments: map.clone().into(), map, ..old.clone() });
    }
    let segments = Segments::new(maps).unwrap_or_else(|| old.segments.clone());
    Ok(Alignment { map: segments.increasing()?, segments, ..old.clone() })
}

/// A map through `fixed` moments (MIDI, recording), aligned again between them and the ends of the `old` one. `part`:
/// the map covers only part of the MIDI, and so do its chords.
fn anchored_map(
    old: &TimeMap,
    fixed: &[(f64, f64)],
    midi: &Features,
    audio: &Features,
    (chords, part): (Option<(&[Chord], &Onsets)>, bool),
    progress: &Progress,
) -> Result<TimeMap> {
    let Some((&first, &last)) = fixed.first().zip(fixed.last()) else { return Ok(old.clone()) };
    let frame_s = midi.times.seconds(1.0);
    let old_knots: Vec<(f64, f64)> = old.knots().map(|(MidiTime(m), AudioTime(a))| (m, a)).collect();
    let plausible = |from: (f64, f64), to: (f64, f64)| {
        let (of_midi, of_audio) = (to.0 - from.0, to.1 - from.1);
        of_midi > 2.0 * frame_s
            && of_audio > 2.0 * frame_s
            && (1.0 / STEEPEST..STEEPEST).contains(&(of_audio / of_midi))
    };
    let mut corners = fixed.to_vec();
    let ends = (old_knots[0], old_knots[old_knots.len() - 1]);
    if plausible(ends.0, first) {
        corners.insert(0, ends.0);
    }
    if plausible(last, ends.1) {
        corners.push(ends.1);
    }
    let mut found: Vec<(f64, f64)> = Vec::new();
    for (number, pair) in corners.windows(2).enumerate() {
        let share = |i: usize| 0.7 * i as f32 / (corners.len() - 1) as f32;
        let progress = progress.part(share(number), share(number + 1));
        found.extend(between(midi.frames.view(), audio.frames.view(), (pair[0], pair[1]), frame_s, &progress)?);
    }
    found.extend(corners.last());
    if found.len() < 2 {
        // One anchor and no end that fits: the old map, shifted there.
        let by = first.1 - old.to_audio(MidiTime(first.0)).0;
        found = old_knots.iter().map(|&(m, a)| (m, a + by)).collect();
    }
    if let Some((chords, onsets)) = chords {
        let (begins, ends) = (found[0].0, found[found.len() - 1].0);
        let inside = |chord: &&Chord| !part || (begins..=ends).contains(&chord.midi_s);
        let chords: Vec<Chord> = chords.iter().filter(inside).cloned().collect();
        let along = |m: f64| warp::interpolate(&found, m, |k| k);
        let mut struck =
            refine::refine(&chords, &along, onsets, &RefineParams::second_pass(), &progress.part(0.7, 1.0))?;
        refine::to_rises(&mut struck, &chords, onsets);
        found = follow::increasing(&struck).unwrap_or(found);
    }
    through(&found, fixed)
}

const CORRECTED: &str = "corrected";

/// Knots from one corner up to the next, but without it, in seconds.
fn between(
    midi: ArrayView2<'_, f32>,
    audio: ArrayView2<'_, f32>,
    corners: ((f64, f64), (f64, f64)),
    frame_s: f64,
    progress: &Progress,
) -> Result<Vec<(f64, f64)>> {
    let (from, to) = corners;
    let rows = |start: f64, end: f64, count: usize| {
        let first = ((start / frame_s).round().max(0.0) as usize).min(count.saturating_sub(1));
        first..((end / frame_s).round() as usize + 1).clamp(first + 1, count.max(first + 1))
    };
    let (of_midi, of_audio) = (rows(from.0, to.0, midi.nrows()), rows(from.1, to.1, audio.nrows()));
    if of_midi.len() < 3 || of_audio.len() < 3 {
        return Ok(vec![from]);
    }
    let x = stretch(midi.slice(s![of_midi, ..]), of_audio.len());
    let (path, _) = coarse_to_fine(x.view(), audio.slice(s![of_audio, ..]), progress)?;
    let (height, width) = ((x.nrows() - 1) as f64, (x.nrows() - 1) as f64);
    let seconds = |(i, j): (f64, f64)| (from.0 + (to.0 - from.0) * i / height, from.1 + (to.1 - from.1) * j / width);
    let inside = knots(&path.cells).into_iter().map(seconds);
    let inside = inside.filter(|&(m, a)| m > from.0 && a > from.1 && m < to.0 && a < to.1);
    Ok(std::iter::once(from).chain(inside).collect())
}

/// A map through all anchors, and through the knots that agree with them.
fn through(knots: &[(f64, f64)], anchors: &[(f64, f64)]) -> Result<TimeMap> {
    let agrees = |&(m, a): &(f64, f64)| {
        let next = anchors.partition_point(|anchor| anchor.0 < m);
        let after = next.checked_sub(1).and_then(|i| anchors.get(i));
        let far = |anchor: &(f64, f64)| (m - anchor.0).abs() > NEAR_S && (a - anchor.1).abs() > NEAR_S;
        after.is_none_or(|anchor| far(anchor) && a > anchor.1)
            && anchors.get(next).is_none_or(|anchor| far(anchor) && a < anchor.1)
    };
    let mut all: Vec<(f64, f64)> = knots.iter().filter(|knot| agrees(knot)).chain(anchors).copied().collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    TimeMap::new(all.into_iter().map(|(m, a)| (MidiTime(m), AudioTime(a))))
}

/// The alignment with the MIDI moved `offset_s` seconds later.
pub(crate) fn moved(alignment: &Alignment, offset_s: f64) -> Result<Alignment> {
    let later = |map: &TimeMap| TimeMap::new(map.knots().map(|(m, AudioTime(a))| (m, AudioTime(a + offset_s))));
    of_maps(alignment, alignment.segments.maps().iter().map(later).collect::<Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::dtw::tests::features;
    use crate::features::FrameTimes;
    use ndarray::Array2;

    const FRAME_S: f64 = 0.05;

    fn rows(frames: Array2<f32>) -> Features {
        Features { frames, times: FrameTimes::Regular(FRAME_S) }
    }

    fn alignment(knots: &[(f64, f64)]) -> Alignment {
        let map = TimeMap::new(knots.iter().map(|&(m, a)| (MidiTime(m), AudioTime(a)))).unwrap();
        Alignment {
            segments: map.clone().into(),
            map,
            costs: vec![0.5; knots.len()],
            score: 0.8,
            confidence: 0.4,
            transpose: 0,
            unreliable: Vec::new(),
            remarks: Vec::new(),
            findings: None,
            judgement: None,
        }
    }

    /// Where the recording has a moment of the MIDI: twice as slow from 10 s on.
    fn truth(m: f64) -> f64 {
        if m < 10.0 { m + 3.0 } else { 13.0 + 2.0 * (m - 10.0) }
    }

    fn pair() -> (Features, Features) {
        let midi = features(400, 12, 5);
        let audio = Array2::from_shape_fn((860, 12), |(j, bin)| {
            let a = j as f64 * FRAME_S;
            let m = if a < 13.0 { a - 3.0 } else { 10.0 + (a - 13.0) / 2.0 };
            midi[[((m / FRAME_S).round().max(0.0) as usize).min(399), bin]]
        });
        (rows(midi), rows(audio))
    }

    fn worst(map: &TimeMap, moments: impl Iterator<Item = f64>) -> f64 {
        moments.map(|m| (map.to_audio(MidiTime(m)).0 - truth(m)).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn one_anchor_leads_a_map_that_went_astray_back_on_its_way() {
        let (midi, audio) = pair();
        // Right at both ends, and 6 s off in between.
        let old = alignment(&[(0.0, 3.0), (9.0, 18.0), (19.5, truth(19.5))]);
        assert!(worst(&old.map, (1..19).map(f64::from)) > 5.0);
        let anchors = [(MidiTime(10.0), AudioTime(truth(10.0)))];
        let found = anchored(&old, &anchors, &midi, &audio, None, &Progress::silent()).unwrap();
        assert!(worst(&found.map, (1..19).map(f64::from)) < 0.15, "{}", worst(&found.map, (1..19).map(f64::from)));
        assert!((found.map.to_audio(MidiTime(10.0)).0 - 13.0).abs() < 1e-9, "an anchor is met exactly");
        assert_eq!(found.costs.len(), found.map.knots().len());
        assert_eq!(found.remarks, ["corrected at 1 moments by a person"]);
        let again = anchored(&found, &anchors, &midi, &audio, None, &Progress::silent()).unwrap();
        assert_eq!(again.remarks.len(), 1);
    }

    #[test]
    fn ends_that_an_anchor_contradicts_are_given_up() {
        let (midi, audio) = pair();
        let old = alignment(&[(0.0, 30.0), (1.0, 31.0)]);
        let anchors = [(MidiTime(2.0), AudioTime(5.0)), (MidiTime(18.0), AudioTime(29.0))];
        let found = anchored(&old, &anchors, &midi, &audio, None, &Progress::silent()).unwrap();
        assert!(worst(&found.map, (2..18).map(f64::from)) < 0.15);
        let moved_there = anchored(&old, &anchors[..1], &midi, &audio, None, &Progress::silent()).unwrap();
        assert_eq!(moved_there.map.to_audio(MidiTime(2.0)), AudioTime(5.0));
        let later = moved(&found, 0.25).unwrap();
        assert!((later.map.to_audio(MidiTime(2.0)).0 - 5.25).abs() < 1e-9);
    }

    #[test]
    fn anchors_that_cross_are_refused_and_none_change_nothing() {
        let (midi, audio) = pair();
        let old = alignment(&[(0.0, 3.0), (19.5, 32.0)]);
        let at = |m: f64, a: f64| (MidiTime(m), AudioTime(a));
        for anchors in [[at(5.0, 9.0), at(6.0, 8.0)], [at(5.0, 9.0), at(5.0, 10.0)], [at(5.0, 6.0), at(f64::NAN, 8.0)]]
        {
            assert!(anchored(&old, &anchors, &midi, &audio, None, &Progress::silent()).is_err());
        }
        let same = anchored(&old, &[], &midi, &audio, None, &Progress::silent()).unwrap();
        assert_eq!(same.map, old.map);
    }
}
