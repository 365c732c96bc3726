//! Which moment of a rendered recording is which moment of its MIDI file: known by construction.

use super::structure::Piece;
use crate::alignment::warp::TimeMap;
use crate::audio::AudioTime;
use crate::midi::{MidiTime, Note};

/// A stretch of the file that the recording plays. A stretch that is played twice makes two different spans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    /// Seconds of the file.
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    /// Where it begins in the music played, before the tempo drifts, in seconds.
    score: f64,
}

/// A place where the recording continues somewhere else in the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Jump {
    /// When, in seconds of the recording.
    pub(super) at: f64,
    /// The moment of the file it leaves.
    pub(super) from_s: f64,
    /// The moment of the file it goes to.
    pub(super) to_s: f64,
}

/// What the recording plays when.
#[derive(Debug, Clone)]
pub(super) struct Truth {
    /// In the order of the recording.
    pub(super) spans: Vec<Span>,
    /// Time of the music played, before the tempo drifts → time of the recording.
    clock: TimeMap,
    /// Length of the recording.
    pub(super) seconds: f64,
}

/// Moments closer than this, in seconds, count as one.
const CLOSE_S: f64 = 1e-6;
/// A reported jump this near, in seconds, counts as the true one.
const NEAR_S: f64 = 2.0;
/// Notes of two stretches this near, in seconds, count as the same.
const SAME_S: f64 = 0.05;
/// Two stretches are the same music if at least this share of their notes are the same.
const SAME_SHARE: f64 = 0.9;
/// Jumps count as equally wide within this many seconds.
const SAME_WIDTH_S: f64 = 0.5;

impl Truth {
    /// `clock` maps the time of the music played, one piece after the other, to that of the recording.
    pub(super) fn new(pieces: &[Piece], clock: TimeMap) -> Self {
        let own = pieces.iter().filter(|piece| !piece.foreign);
        let mut ends: Vec<f64> = own.flat_map(|piece| [piece.from_s, piece.to_s]).collect();
        ends.sort_by(f64::total_cmp);
        let (mut spans, mut score_s) = (Vec::new(), 0.0);
        for piece in pieces {
            let mut from_s = piece.from_s;
            let inside = ends.iter().filter(|&&at| at > piece.from_s + CLOSE_S && at < piece.to_s - CLOSE_S);
            for to_s in inside.copied().chain([piece.to_s]).filter(|_| !piece.foreign) {
                if to_s > from_s + CLOSE_S {
                    spans.push(Span { from_s, to_s, score: score_s + from_s - piece.from_s });
                    from_s = to_s;
                }
            }
            score_s += piece.seconds();
        }
        let seconds = clock.to_audio(MidiTime(score_s)).0;
        Self { spans, clock, seconds }
    }

    /// The span that is played at a moment of the recording, and the moment of the file; `None` if it plays something
    /// else.
    pub(super) fn at(&self, audio_s: f64) -> Option<(usize, f64)> {
        let score_s = self.clock.to_midi(AudioTime(audio_s)).0;
        let number = self.spans.partition_point(|span| span.score <= score_s).checked_sub(1)?;
        let span = self.spans[number];
        let midi_s = span.from_s + score_s - span.score;
        (midi_s < span.to_s).then_some((number, midi_s))
    }

    /// The recording's moment for a moment of the file inside a span.
    #[cfg(test)]
    pub(super) fn audio_of(&self, span: usize, midi_s: f64) -> f64 {
        let span = self.spans[span];
        self.clock.to_audio(MidiTime(span.score + midi_s - span.from_s)).0
    }

    /// The spans that a strictly increasing map can hold: the heaviest chain that advances in the file as it does in
    /// the recording. If something is played twice, it holds one copy: the one with the smaller `cost`, given by span.
    pub(super) fn chain(&self, cost: &[usize]) -> Vec<bool> {
        // For each span: the weight of the best chain that ends with it, in ms so that copies weigh the same; cost; the
        // previous span.
        let mut best: Vec<(u64, i64, Option<usize>)> = Vec::with_capacity(self.spans.len());
        for (i, span) in self.spans.iter().enumerate() {
            let (weight, cost) = ((1000.0 * (span.to_s - span.from_s)).round() as u64, cost[i] as i64);
            let before = (0..i).filter(|&j| self.spans[j].to_s <= span.from_s + CLOSE_S);
            let before = before.max_by_key(|&j| (best[j].0, -best[j].1));
            let (more, more_cost) = before.map_or((0, 0), |j| (best[j].0, best[j].1));
            best.push((weight + more, cost + more_cost, before));
        }
        let mut held = vec![false; best.len()];
        let mut at = (0..best.len()).max_by_key(|&i| (best[i].0, -best[i].1));
        while let Some(i) = at {
            held[i] = true;
            at = best[i].2;
        }
        held
    }

    /// Places where it continues somewhere else in the file.
    pub(super) fn jumps(&self) -> Vec<Jump> {
        let between = self.spans.windows(2);
        let jumps = between.filter(|pair| (pair[1].from_s - pair[0].to_s).abs() > CLOSE_S);
        jumps
            .map(|pair| {
                let at = self.clock.to_audio(MidiTime(pair[1].score)).0;
                Jump { at, from_s: pair[0].to_s, to_s: pair[1].from_s }
            })
            .collect()
    }
}

impl Jump {
    /// Whether a jump of an alignment is this one: within 2 s of it, or as wide and at a place where it makes no
    /// difference, because the bars in between are the same music on both sides of the jump. `notes` are those of the
    /// file.
    pub(super) fn is(&self, reported: &Self, notes: &[Note]) -> bool {
        let later = reported.at - self.at;
        if later.abs() <= NEAR_S {
            return true;
        }
        let width = |jump: &Self| jump.to_s - jump.from_s;
        if (width(reported) - width(self)).abs() > SAME_WIDTH_S {
            return false;
        }
        let first = later.min(0.0);
        same_music(notes, self.from_s + first, self.to_s + first, later.abs())
    }
}

/// Whether two stretches of the file, `seconds` long, have the same notes.
pub(super) fn same_music(notes: &[Note], a_s: f64, b_s: f64, seconds: f64) -> bool {
    let stretch = |from: f64| -> Vec<(u8, u8, f64)> {
        let inside = notes.iter().filter(|note| (from..from + seconds).contains(&note.start.0));
        inside.map(|note| (note.channel, note.pitch, note.start.0 - from)).collect()
    };
    let (a, b) = (stretch(a_s), stretch(b_s));
    let found = |from: &[(u8, u8, f64)], among: &[(u8, u8, f64)]| {
        let is_there =
            |x: &&(u8, u8, f64)| among.iter().any(|y| (y.0, y.1) == (x.0, x.1) && (y.2 - x.2).abs() <= SAME_S);
        from.iter().filter(is_there).count()
    };
    (found(&a, &b) + found(&b, &a)) as f64 >= SAME_SHARE * (a.len() + b.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn own(from_s: f64, to_s: f64) -> Piece {
        Piece { foreign: false, from_s, to_s }
    }

    fn truth(pieces: &[Piece]) -> Truth {
        Truth::new(pieces, TimeMap::identity())
    }

    fn midi_at(truth: &Truth, audio_s: f64) -> Option<f64> {
        truth.at(audio_s).map(|(_, midi_s)| (midi_s * 1e6).round() / 1e6)
    }

    #[test]
    fn a_cut_goes_on_behind_it() {
        let truth = truth(&[own(0.0, 40.0), own(60.0, 100.0)]);
        assert_eq!([10.0, 39.9, 40.0, 79.5].map(|at| midi_at(&truth, at)), [10.0, 39.9, 60.0, 99.5].map(Some));
        assert_eq!(midi_at(&truth, 80.0), None);
        assert_eq!(truth.jumps(), [Jump { at: 40.0, from_s: 40.0, to_s: 60.0 }]);
        assert_eq!(truth.chain(&[0, 0]), [true, true]);
        assert!((truth.seconds - 80.0).abs() < 1e-9);
    }

    #[test]
    fn a_repeat_is_there_twice_and_a_chain_holds_either_copy() {
        let truth = truth(&[own(0.0, 60.0), own(40.0, 100.0)]);
        assert_eq!(truth.spans.len(), 4);
        assert_eq!([45.0, 65.0, 80.5].map(|at| midi_at(&truth, at)), [45.0, 45.0, 60.5].map(Some));
        assert_eq!(truth.jumps(), [Jump { at: 60.0, from_s: 60.0, to_s: 40.0 }]);
        assert_eq!(truth.chain(&[0, 5, 0, 0]), [true, false, true, true]);
        assert_eq!(truth.chain(&[0, 0, 5, 0]), [true, true, false, true]);
        assert!((truth.audio_of(1, 50.0) - 50.0).abs() < 1e-9 && (truth.audio_of(2, 50.0) - 70.0).abs() < 1e-9);
    }

    #[test]
    fn an_intro_is_nowhere_in_the_file() {
        let truth = truth(&[Piece { foreign: true, from_s: 7.0, to_s: 27.0 }, own(0.0, 50.0)]);
        assert_eq!([0.0, 19.9].map(|at| midi_at(&truth, at)), [None, None]);
        assert_eq!([20.0, 50.0].map(|at| midi_at(&truth, at)), [0.0, 30.0].map(Some));
        assert!(truth.jumps().is_empty());
    }

    #[test]
    fn drift_moves_every_moment() {
        let knots = [(0.0, 0.0), (50.0, 60.0), (80.0, 90.0)].map(|(m, a)| (MidiTime(m), AudioTime(a)));
        let truth = Truth::new(&[own(0.0, 40.0), own(60.0, 100.0)], TimeMap::new(knots).unwrap());
        assert_eq!([30.0, 54.0, 70.0].map(|at| midi_at(&truth, at)), [25.0, 65.0, 80.0].map(Some));
        assert!((truth.jumps()[0].at - 48.0).abs() < 1e-9);
        assert!((truth.seconds - 90.0).abs() < 1e-9);
    }

    #[test]
    fn a_jump_between_identical_bars_is_found_where_it_makes_no_difference() {
        // Bars of 2 s: the music from 20 to 40 s is the same every 10 s, the rest is not.
        let note = |start: f64, pitch: u8| Note {
            start: MidiTime(start),
            end: MidiTime(start + 0.4),
            start_tick: 0,
            end_tick: 1,
            track: 0,
            channel: 0,
            pitch,
            velocity: 80,
            program: 0,
        };
        let pitch = |i: usize| if (40..80).contains(&i) { 40 + (i % 20) as u8 } else { 60 + (i % 37) as u8 };
        let notes: Vec<Note> = (0..120).map(|i| note(0.5 * i as f64, pitch(i))).collect();
        let jump = Jump { at: 30.0, from_s: 30.0, to_s: 40.0 };
        let moved = |by: f64| Jump { at: 30.0 + by, from_s: 30.0 + by, to_s: 40.0 + by };
        assert!(jump.is(&moved(1.5), &notes));
        assert!(jump.is(&moved(-8.0), &notes), "20 to 30 s sounds as 30 to 40 s does");
        assert!(!jump.is(&moved(-14.0), &notes) && !jump.is(&moved(6.0), &notes));
        assert!(!jump.is(&Jump { to_s: 52.0, ..moved(-8.0) }, &notes), "another width");
    }
}
