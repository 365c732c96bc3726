//! Where the recording goes in the MIDI: straight on, back to an earlier chorus, or past a verse.

use super::warp::TimeMap;
use crate::audio::AudioTime;
use crate::error::Result;
use crate::midi::MidiTime;
use serde::Serialize;

/// A stretch in which both sides run together. Between one and the next the recording jumps in the MIDI.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Segment {
    /// Its first and last second of the MIDI.
    pub midi: (f64, f64),
    /// Of the recording.
    pub audio: (f64, f64),
}

/// The segments of a recording, in its order, at least one; each has a map of its own. There is one if the music is
/// played as written, and more if the recording leaves out a verse, or repeats a chorus, whose seconds of the MIDI then
/// occur again.
#[derive(Debug, Clone, PartialEq)]
pub struct Segments(Vec<TimeMap>);

impl From<TimeMap> for Segments {
    fn from(map: TimeMap) -> Self {
        Self(vec![map])
    }
}

impl Segments {
    /// Takes `maps` in the order of the recording, each beginning no earlier than the previous one ends; `None` if
    /// there are none.
    pub fn new(maps: Vec<TimeMap>) -> Option<Self> {
        (!maps.is_empty()).then_some(Self(maps))
    }

    /// Whether the recording jumps in the MIDI.
    pub fn jump(&self) -> bool {
        self.0.len() > 1
    }

    /// The heaviest [`chain`] of them that increases on both sides, by seconds of the recording.
    pub(super) fn increasing(&self) -> Result<TimeMap> {
        let knots = |map: &TimeMap| map.knots().map(|(m, a)| (m.0, a.0)).collect();
        let weight = |map: &TimeMap| span(map).audio.1 - span(map).audio.0;
        let runs: Vec<_> = self.0.iter().map(|map| (knots(map), weight(map))).collect();
        TimeMap::new(chain(&runs).into_iter().map(|(m, a)| (MidiTime(m), AudioTime(a))))
    }

    /// The beginning and end of each.
    pub fn spans(&self) -> Vec<Segment> {
        self.0.iter().map(span).collect()
    }

    /// The map of each.
    pub fn maps(&self) -> &[TimeMap] {
        &self.0
    }

    /// The index of the segment that a moment of the recording belongs to; between two segments, the earlier one.
    pub(crate) fn at(&self, time: AudioTime) -> usize {
        self.0.partition_point(|map| span(map).audio.0 <= time.0).saturating_sub(1)
    }

    /// The moment of the MIDI that is played at a moment of the recording. Between segments and at both ends it
    /// continues as [`TimeMap::to_midi`] does.
    pub fn to_midi(&self, time: AudioTime) -> MidiTime {
        self.0[self.at(time)].to_midi(time)
    }

    /// The moments of the recording at which a moment of the MIDI is played: none if it is left out. Without jumps
    /// there is always exactly one.
    pub fn to_audio(&self, time: MidiTime) -> Vec<AudioTime> {
        if let [map] = self.0.as_slice() {
            return vec![map.to_audio(time)];
        }
        let plays = |map: &&TimeMap| {
            let (from, to) = span(map).midi;
            (from..=to).contains(&time.0)
        };
        self.0.iter().filter(plays).map(|map| map.to_audio(time)).collect()
    }
}

fn span(map: &TimeMap) -> Segment {
    let mut knots = map.knots();
    let first = knots.next().unwrap_or_default();
    let last = knots.next_back().unwrap_or(first);
    Segment { midi: (first.0.0, last.0.0), audio: (first.1.0, last.1.0) }
}

/// The heaviest chain of `runs` that increases on both sides: knots (MIDI, recording) in the order of the recording;
/// each run comes with its weight. If two overlap in the MIDI, the later one is cut, and weighs less.
pub(super) fn chain(runs: &[(Vec<(f64, f64)>, f64)]) -> Vec<(f64, f64)> {
    let ends = |run: &[(f64, f64)]| (run[0].0, run[run.len() - 1].0);
    let mut best: Vec<(f64, Option<usize>)> = Vec::with_capacity(runs.len());
    for (at, (run, weight)) in runs.iter().enumerate() {
        let (start, end) = ends(run);
        let mut chosen = (*weight, None);
        for (before, (other, _)) in runs[..at].iter().enumerate() {
            let overlap = (ends(other).1 - start).max(0.0);
            let share = 1.0 - overlap / (end - start).max(1e-9);
            let value = best[before].0 + weight * share;
            if share > 0.0 && value > chosen.0 {
                chosen = (value, Some(before));
            }
        }
        best.push(chosen);
    }
    let mut at = (0..best.len()).max_by(|&a, &b| best[a].0.total_cmp(&best[b].0));
    let mut chosen = Vec::new();
    while let Some(run) = at {
        chosen.push(run);
        at = best[run].1;
    }
    let mut knots: Vec<(f64, f64)> = Vec::new();
    for &run in chosen.iter().rev() {
        for &(midi, audio) in &runs[run].0 {
            if knots.last().is_none_or(|&(m, a)| midi > m + 1e-6 && audio > a + 1e-6) {
                knots.push((midi, audio));
            }
        }
    }
    knots
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// From and to.
    type Ends = (f64, f64);

    /// Segments that run at one tempo: seconds of the MIDI and of the recording, from and to.
    pub(crate) fn straight(spans: &[(Ends, Ends)]) -> Segments {
        let map = |&(midi, audio): &(Ends, Ends)| {
            TimeMap::new([(MidiTime(midi.0), AudioTime(audio.0)), (MidiTime(midi.1), AudioTime(audio.1))]).unwrap()
        };
        Segments::new(spans.iter().map(map).collect()).unwrap()
    }

    #[test]
    fn a_chorus_that_comes_again_is_heard_twice_and_a_verse_that_is_cut_never() {
        // The recording plays 0–20, repeats 10–20, then plays 40–50 after five seconds of other music.
        let segments =
            straight(&[((0.0, 20.0), (1.0, 21.0)), ((10.0, 20.0), (21.0, 31.0)), ((40.0, 50.0), (36.0, 46.0))]);
        let heard = |m: f64| segments.to_audio(MidiTime(m)).into_iter().map(|a| a.0).collect::<Vec<_>>();
        assert_eq!(heard(15.0), [16.0, 26.0]);
        assert_eq!(heard(5.0), [6.0]);
        assert_eq!(heard(30.0), [0.0; 0]);
        let written = |a: f64| segments.to_midi(AudioTime(a)).0;
        for (at, wanted) in [(0.0, -1.0), (20.0, 19.0), (22.0, 11.0), (33.0, 22.0), (40.0, 44.0)] {
            assert!((written(at) - wanted).abs() < 1e-9, "{at}");
        }
        assert_eq!(segments.spans()[2], Segment { midi: (40.0, 50.0), audio: (36.0, 46.0) });
    }

    #[test]
    fn one_segment_is_its_map() {
        let segments = straight(&[((0.0, 20.0), (1.0, 21.0))]);
        assert!(!segments.jump());
        assert_eq!(segments.to_audio(MidiTime(30.0)), [AudioTime(31.0)]);
        assert_eq!(segments.to_midi(AudioTime(0.0)), MidiTime(-1.0));
        assert!(Segments::new(Vec::new()).is_none());
    }

    #[test]
    fn the_chain_keeps_what_weighs_more() {
        let run = |m: (f64, f64), a: (f64, f64)| (vec![(m.0, a.0), (m.1, a.1)], a.1 - a.0);
        // First the end, for a while, and then everything.
        let found = chain(&[run((60.0, 80.0), (0.0, 20.0)), run((0.0, 80.0), (20.0, 100.0))]);
        assert_eq!(found, [(0.0, 20.0), (80.0, 100.0)]);
        // A repeated chorus: only the new part of its second run is kept.
        let found = chain(&[run((0.0, 50.0), (0.0, 50.0)), run((30.0, 80.0), (50.0, 100.0))]);
        assert_eq!(found, [(0.0, 0.0), (50.0, 50.0), (80.0, 100.0)]);
        assert!(chain(&[]).is_empty());
    }
}
