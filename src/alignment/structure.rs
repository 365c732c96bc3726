//! Where the two sides run together, and where one of them jumps: a verse that is cut, a chorus that comes again, other
//! music before, between and after.
//!
//! The recording is explained from its first frame to its last. At each frame it is at some frame of the MIDI, or at none.
//! A frame that is explained gains by how much more alike the two are than frames that have nothing to do with each other,
//! in standard deviations; a step off the diagonal costs a little, a jump costs as much as some seconds of music gain. So
//! what sounds on both sides is not left out for nothing, and a path through the wrong verse loses what it can't explain.
//! (Jumps in a dynamic program over both time axes: Fremerey, Müller and Clausen, "Handling repeats and jumps in
//! score-performance synchronization", ISMIR 2010. Gains, states and costs are our choice.)

use super::Segment;
use super::dtw::pool;
use super::rough::stretch;
use crate::error::Result;
use crate::job::Progress;
use ndarray::{Array2, ArrayView2, s};

/// Cells of the matrix at most: longer pairs are looked at more coarsely.
const MAX_CELLS: usize = 4_000_000;
/// Frames averaged for the search over tempo ratios and for the path.
const SURVEY_POOL: usize = 8;
const PATH_POOL: usize = 4;
/// Tempo ratios tried, a sixth of an octave apart: 0.71 … 1.41 times the MIDI's own.
const RATIOS: std::ops::RangeInclusive<i32> = -3..=3;
/// What a jump costs: the gain of so many seconds, at one standard deviation.
const JUMP_S: f64 = 12.0;
/// What a frame must gain to be explained at all, in standard deviations: the best path through music that has nothing to do
/// with the recording finds about this much.
const BY_CHANCE: f32 = 0.3;
/// What a step off the diagonal costs, in standard deviations of a frame.
const STEP: f32 = 1.5;
/// MIDI seconds a second of the recording that anybody plays.
const PLAYED: std::ops::RangeInclusive<f64> = 0.4..=2.5;
/// Runs shorter than this say nothing, in seconds of the recording.
const SHORTEST_S: f64 = 4.0;

/// A stretch in which both sides go on together: frames of the MIDI and of the recording, increasing in both.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) knots: Vec<(f64, f64)>,
    /// Its gain in deviations × seconds.
    pub(crate) gain: f64,
}

/// What explains the recording best.
#[derive(Debug, Clone)]
pub(crate) struct Structure {
    /// In the order of the recording.
    pub(crate) runs: Vec<Run>,
    /// Gain of all, jumps paid, a second of the recording.
    pub(crate) gain: f64,
    /// The tempo at which it was found: recording frames a MIDI frame.
    ratio: f64,
    spread: Spread,
}

/// What explains the recording at the MIDI's own tempo, coarsely: gains a second. The right key explains at least 1.14 times
/// as much as any other, and mostly 1.4 times (52 works of ASAP, seven popular songs).
pub(crate) fn gain_in_key(midi: ArrayView2<'_, f32>, audio: ArrayView2<'_, f32>, frame_s: f64) -> f64 {
    let mut pool_by = 2 * SURVEY_POOL;
    while (midi.nrows() / pool_by).max(1) * (audio.nrows() / pool_by).max(1) > MAX_CELLS {
        pool_by *= 2;
    }
    explain(midi, audio, 1.0, pool_by, frame_s).1 / (audio.nrows() as f64 * frame_s)
}

impl Structure {
    /// Whether the recording jumps in the MIDI.
    pub(crate) fn jumps(&self) -> bool {
        self.runs.len() > 1
    }

    /// The runs in seconds.
    pub(crate) fn segments(&self, frame_s: f64) -> Vec<Segment> {
        let of = |run: &Run| {
            let ((m0, a0), (m1, a1)) = (run.knots[0], run.knots[run.knots.len() - 1]);
            Segment { midi: (m0 * frame_s, m1 * frame_s), audio: (a0 * frame_s, a1 * frame_s) }
        };
        self.runs.iter().map(of).collect()
    }

    /// What the MIDI backwards explains at the same tempo, a second of the recording: what music of the same sound explains
    /// that has nothing to do with it.
    pub(crate) fn gain_backwards(&self, midi: ArrayView2<'_, f32>, audio: ArrayView2<'_, f32>, frame_s: f64) -> f64 {
        let mut pool_by = SURVEY_POOL;
        while (midi.nrows() / pool_by).max(1) * (audio.nrows() / pool_by).max(1) > MAX_CELLS {
            pool_by *= 2;
        }
        explain(midi.slice(s![..;-1, ..]), audio, self.ratio, pool_by, frame_s).1 / (audio.nrows() as f64 * frame_s)
    }

    /// What a map gains, a second of the recording: `knots` in seconds of the MIDI and the recording.
    pub(crate) fn gain_along(
        &self,
        knots: &[(f64, f64)],
        midi: ArrayView2<'_, f32>,
        audio: ArrayView2<'_, f32>,
        frame_s: f64,
    ) -> f64 {
        let (gains, _) = self.gains_along(knots, midi, audio, frame_s);
        gains.iter().sum::<f64>() / gains.len().max(1) as f64
    }

    /// What a map gains at each moment of the recording, in deviations, and the seconds between moments. A tempo other than
    /// its usual one costs what it costs a run; where it goes at a tempo that no band plays, or stands still, or does not go
    /// at all, nothing is gained.
    pub(crate) fn gains_along(
        &self,
        knots: &[(f64, f64)],
        midi: ArrayView2<'_, f32>,
        audio: ArrayView2<'_, f32>,
        frame_s: f64,
    ) -> (Vec<f64>, f64) {
        /// Half width over which the tempo is read, in moments: about a second.
        const AROUND: usize = 5;
        let (x, y) = (pool(midi, PATH_POOL), pool(audio, PATH_POOL));
        let step_s = PATH_POOL as f64 * frame_s;
        let mut gains = vec![0.0; y.nrows()];
        let (Some(&first), Some(&last)) = (knots.first(), knots.last()) else { return (gains, step_s) };
        let begin = ((first.1 / step_s).ceil().max(0.0) as usize).min(y.nrows());
        let end = ((last.1 / step_s).ceil().max(0.0) as usize).clamp(begin, y.nrows());
        let mut k = 1;
        let places: Vec<f64> = (begin..end)
            .map(|j| {
                let at = (j as f64 + 0.5) * step_s;
                while k + 1 < knots.len() && knots[k].1 < at {
                    k += 1;
                }
                let ((m0, a0), (m1, a1)) = (knots[k - 1], knots[k]);
                (m0 + (m1 - m0) * ((at - a0) / (a1 - a0)).clamp(0.0, 1.0)) / step_s
            })
            .collect();
        let speed = |n: usize| {
            let (from, to) = (n.saturating_sub(AROUND), (n + AROUND).min(places.len() - 1));
            (places[to] - places[from]) / (to - from).max(1) as f64
        };
        let speeds: Vec<f64> = (0..places.len()).map(speed).collect();
        let mut sorted = speeds.clone();
        sorted.sort_by(f64::total_cmp);
        let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(1.0).max(1e-3);
        for (n, (&place, &speed)) in places.iter().zip(&speeds).enumerate() {
            if PLAYED.contains(&speed) && (0.5..=2.0).contains(&(speed / usual)) {
                let i = (place.max(0.0) as usize).min(x.nrows() - 1);
                let gain = f64::from(self.spread.gain(x.row(i).dot(&y.row(begin + n))));
                gains[begin + n] = gain - f64::from(STEP) * (speed / usual - 1.0).abs();
            }
        }
        (gains, step_s)
    }

    /// The heaviest chain of runs that increases on both sides, in seconds: where runs overlap in the MIDI the later one is
    /// cut.
    pub(crate) fn chain(&self, frame_s: f64) -> Vec<(f64, f64)> {
        let ends = |run: &Run| (run.knots[0].0, run.knots[run.knots.len() - 1].0);
        let mut best: Vec<(f64, Option<usize>)> = Vec::with_capacity(self.runs.len());
        for (at, run) in self.runs.iter().enumerate() {
            let (start, end) = ends(run);
            let mut chosen = (run.gain, None);
            for (before, other) in self.runs[..at].iter().enumerate() {
                let overlap = (ends(other).1 - start).max(0.0);
                let share = 1.0 - overlap / (end - start).max(1e-9);
                let value = best[before].0 + run.gain * share;
                if share > 0.0 && value > chosen.0 {
                    chosen = (value, Some(before));
                }
            }
            best.push(chosen);
        }
        let mut at = (0..best.len()).max_by(|&a, &b| best[a].0.total_cmp(&best[b].0));
        let mut chain = Vec::new();
        while let Some(run) = at {
            chain.push(run);
            at = best[run].1;
        }
        chain.reverse();
        let mut knots: Vec<(f64, f64)> = Vec::new();
        for run in chain {
            for &(midi, audio) in &self.runs[run].knots {
                if knots.last().is_none_or(|&(m, a)| midi * frame_s > m + 1e-6 && audio * frame_s > a + 1e-6) {
                    knots.push((midi * frame_s, audio * frame_s));
                }
            }
        }
        knots
    }
}

/// Explains `audio` by `midi` (frames × bins, rows of unit length, frames `frame_s` apart).
pub(crate) fn structure(
    midi: ArrayView2<'_, f32>,
    audio: ArrayView2<'_, f32>,
    frame_s: f64,
    progress: &Progress,
) -> Result<Structure> {
    let cells = |pool_by: usize| (midi.nrows() / pool_by).max(1) * (audio.nrows() / pool_by).max(1);
    let coarser = |mut pool_by: usize| {
        while cells(pool_by) > MAX_CELLS {
            pool_by *= 2;
        }
        pool_by
    };
    let survey = coarser(SURVEY_POOL);
    let mut best = (f64::NEG_INFINITY, 1.0);
    let count = RATIOS.count();
    for (i, step) in RATIOS.enumerate() {
        progress.step(i, 2 * count)?;
        let ratio = 2f64.powf(f64::from(step) / 6.0);
        let (_, gain, _) = explain(midi, audio, ratio, survey, frame_s);
        if gain > best.0 {
            best = (gain, ratio);
        }
    }
    progress.step(1, 2)?;
    let (mut runs, gain, spread) = explain(midi, audio, best.1, coarser(PATH_POOL), frame_s);
    runs.retain(|run| (run.knots[run.knots.len() - 1].1 - run.knots[0].1) * frame_s >= SHORTEST_S);
    progress.step(1, 1)?;
    Ok(Structure { runs, gain: gain / (audio.nrows() as f64 * frame_s), ratio: best.1, spread })
}

/// The runs at a tempo of `ratio` recording frames a MIDI frame, in frames of both sides, and their gain in deviations ×
/// seconds.
fn explain(
    midi: ArrayView2<'_, f32>,
    audio: ArrayView2<'_, f32>,
    ratio: f64,
    pool_by: usize,
    frame_s: f64,
) -> (Vec<Run>, f64, Spread) {
    let y = pool(audio, pool_by);
    let rows = ((midi.nrows() as f64 * ratio / pool_by as f64).round() as usize).max(2);
    let x = stretch(pool(midi, pool_by).view(), rows);
    let step_s = pool_by as f64 * frame_s;
    let (paths, spread) = search(x.view(), y.view(), (JUMP_S / step_s) as f32);
    let scale = (midi.nrows() - 1) as f64 / (rows - 1) as f64;
    let centre = (pool_by as f64 - 1.0) / 2.0;
    let mut total = 0.0;
    let mut runs = Vec::with_capacity(paths.len());
    for (number, (cells, gain)) in paths.into_iter().enumerate() {
        let gain = f64::from(gain) * step_s;
        total += if number == 0 { gain } else { gain - JUMP_S };
        let knots = super::rough::knots(&cells);
        let knots = knots.into_iter().map(|(i, j)| (i * scale, j * pool_by as f64 + centre)).collect();
        runs.push(Run { knots, gain });
    }
    (runs, total, spread)
}

/// What no path has: it has not been there.
const NEVER: f32 = f32::NEG_INFINITY;
/// (MIDI row, recording row) between jumps, and the gain in deviations × frames.
type Piece = (Vec<(usize, usize)>, f32);

/// How a cell is reached.
const DIAGONAL: u8 = 0;
const FASTER: u8 = 1;
const SLOWER: u8 = 2;
const BEGIN: u8 = 3;
const JUMP: u8 = 4;
const BACK: u8 = 5;

/// The best path: pieces of (MIDI row, recording row) between jumps, each with its gain in deviations × frames. Neither side
/// goes more than twice as fast as the other.
fn search(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, jump: f32) -> (Vec<Piece>, Spread) {
    let (rows, columns) = (x.nrows(), y.nrows());
    let mut gains = y.dot(&x.t());
    let spread = Spread::of(&gains);
    gains.mapv_inplace(|similarity| spread.gain(similarity) - BY_CHANCE);
    let mut from = Array2::<u8>::zeros((columns, rows));
    // The best row of each frame, and which frame was the last one explained where one is at none.
    let mut best_row = vec![0_usize; columns];
    let mut left_at = vec![0_usize; columns];
    let mut two_before = vec![NEVER; rows];
    let (mut before, mut now) = (vec![NEVER; rows], vec![NEVER; rows]);
    let (mut none, mut none_since) = (NEVER, 0);
    let mut end = (NEVER, 0, 0);
    for j in 0..columns {
        let best = if j == 0 { NEVER } else { before[best_row[j - 1]] };
        // From anywhere: a beginning costs nothing, a jump what it costs.
        let (elsewhere, how) = [(best - jump, JUMP), (none - jump / 2.0, BACK)]
            .into_iter()
            .fold((0.0, BEGIN), |a, b| if b.0 > a.0 { b } else { a });
        let gain = gains.row(j);
        let gain_before = gains.row(j.saturating_sub(1));
        let mut top = (NEVER, 0);
        for i in 0..rows {
            let mut reached = (elsewhere, how);
            if i > 0 {
                if before[i - 1] > reached.0 {
                    reached = (before[i - 1], DIAGONAL);
                }
                let slower = two_before[i - 1] + gain_before[i] - STEP;
                if slower > reached.0 {
                    reached = (slower, SLOWER);
                }
                if i > 1 && before[i - 2] - STEP > reached.0 {
                    reached = (before[i - 2] - STEP, FASTER);
                }
            }
            now[i] = reached.0 + gain[i];
            from[[j, i]] = reached.1;
            if now[i] > top.0 {
                top = (now[i], i);
            }
        }
        best_row[j] = top.1;
        left_at[j] = none_since;
        if j > 0 && best - jump / 2.0 > none {
            (none, none_since) = (best - jump / 2.0, j - 1);
        }
        if top.0 > end.0 {
            end = (top.0, j, top.1);
        }
        std::mem::swap(&mut two_before, &mut before);
        std::mem::swap(&mut before, &mut now);
    }
    let mut pieces = Vec::new();
    let (mut j, mut i) = (end.1, end.2);
    let mut cells = Vec::new();
    let mut sum = 0.0;
    loop {
        cells.push((i, j));
        sum += gains[[j, i]] + BY_CHANCE;
        let how = from[[j, i]];
        match how {
            DIAGONAL => (j, i) = (j - 1, i - 1),
            FASTER => (j, i, sum) = (j - 1, i - 2, sum - STEP),
            SLOWER => {
                cells.push((i, j - 1));
                sum += gains[[j - 1, i]] + BY_CHANCE - STEP;
                (j, i) = (j - 2, i - 1);
            }
            _ => {
                cells.reverse();
                pieces.push((std::mem::take(&mut cells), std::mem::take(&mut sum)));
                (j, i) = match how {
                    JUMP => (j - 1, best_row[j - 1]),
                    BACK => (left_at[j], best_row[left_at[j]]),
                    _ => break,
                };
            }
        }
    }
    pieces.reverse();
    (pieces, spread)
}

/// Mean and standard deviation of all similarities: those of frames that have nothing to do with each other, for of the
/// others there are few.
#[derive(Debug, Clone, Copy)]
struct Spread {
    mean: f32,
    deviation: f32,
}

impl Spread {
    fn of(similarity: &Array2<f32>) -> Self {
        let count = similarity.len().max(1) as f64;
        let mean = similarity.iter().map(|&s| f64::from(s)).sum::<f64>() / count;
        let variance = similarity.iter().map(|&s| (f64::from(s) - mean).powi(2)).sum::<f64>() / count;
        Self { mean: mean as f32, deviation: (variance.sqrt() as f32).max(1e-6) }
    }

    fn gain(self, similarity: f32) -> f32 {
        (similarity - self.mean) / self.deviation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Axis, concatenate};

    const FRAME_S: f64 = 0.05;

    /// Spectra that change every eight frames and never come again, from the number `from` on; rows of unit length.
    fn music(frames: usize, from: u64) -> Array2<f32> {
        let mut rows = Array2::from_shape_fn((frames, 48), |(i, bin)| {
            let chord = (i / 8) as u64 + from;
            let mixed = (chord * 48 + bin as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            ((mixed >> 40) as f32 / (1 << 24) as f32).powi(4) - 0.2
        });
        for mut row in rows.outer_iter_mut() {
            let length = row.dot(&row).sqrt();
            row.mapv_inplace(|x| x / length);
        }
        rows
    }

    /// The segments, in seconds of the MIDI and of the recording.
    fn segments(midi: &Array2<f32>, audio: &Array2<f32>) -> Vec<Segment> {
        structure(midi.view(), audio.view(), FRAME_S, &Progress::silent()).unwrap().segments(FRAME_S)
    }

    fn near(segment: &Segment, midi: (f64, f64), audio: (f64, f64)) -> bool {
        let ends = [(segment.midi, midi), (segment.audio, audio)];
        ends.iter().all(|(found, wanted)| (found.0 - wanted.0).abs() < 1.0 && (found.1 - wanted.1).abs() < 1.0)
    }

    #[test]
    fn music_that_is_played_as_written_is_one_run_at_any_tempo() {
        let midi = music(2000, 1);
        for (audio, seconds) in
            [(midi.clone(), 100.0), (stretch(midi.view(), 2400), 120.0), (stretch(midi.view(), 1500), 75.0)]
        {
            let found = segments(&midi, &audio);
            assert!(found.len() == 1 && near(&found[0], (0.0, 100.0), (0.0, seconds)), "{found:?}");
        }
    }

    #[test]
    fn a_cut_a_repeat_and_other_music_are_found_where_they_are() {
        let midi = music(2400, 1);
        let part = |from: usize, to: usize| midi.slice(s![from..to, ..]);
        let cut = concatenate![Axis(0), part(0, 800), part(1400, 2400)];
        let found = segments(&midi, &cut);
        assert!(found.len() == 2, "{found:?}");
        assert!(near(&found[0], (0.0, 40.0), (0.0, 40.0)) && near(&found[1], (70.0, 120.0), (40.0, 90.0)), "{found:?}");

        let repeat = concatenate![Axis(0), part(0, 1600), part(800, 2400)];
        let found = segments(&midi, &repeat);
        assert!(found.len() == 2, "{found:?}");
        assert!(
            near(&found[0], (0.0, 80.0), (0.0, 80.0)) && near(&found[1], (40.0, 120.0), (80.0, 160.0)),
            "{found:?}"
        );

        // Where other music begins is told within a few seconds only: by chance some of it is alike.
        let other = music(600, 90_000);
        let found = segments(&midi, &concatenate![Axis(0), part(0, 1200), other, part(1200, 2400)]);
        let last = found[found.len() - 1];
        assert!(found.len() >= 2 && near(&found[0], (0.0, 60.0), (0.0, 60.0)), "{found:?}");
        assert!((last.midi.1 - 120.0).abs() < 1.0 && (last.audio.1 - 150.0).abs() < 1.0, "{found:?}");
        assert!(last.midi.0 < 61.0 && (last.audio.0 - last.midi.0 - 30.0).abs() < 1.0, "{found:?}");
    }

    #[test]
    fn a_chain_increases_on_both_sides_and_keeps_the_heavier_runs() {
        let midi = music(2400, 1);
        let part = |from: usize, to: usize| midi.slice(s![from..to, ..]);
        // The end comes first, for a while, and then everything.
        let audio = concatenate![Axis(0), part(1800, 2400), part(0, 2400)];
        let found = structure(midi.view(), audio.view(), FRAME_S, &Progress::silent()).unwrap();
        assert_eq!(found.runs.len(), 2, "{:?}", found.segments(FRAME_S));
        let chain = found.chain(FRAME_S);
        assert!(chain.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
        assert!(chain[0].0 < 1.0 && (chain[0].1 - 30.0).abs() < 1.0, "{:?}", chain[0]);
    }

    #[test]
    fn a_map_that_stands_still_or_leaves_music_out_gains_less() {
        let midi = music(2000, 1);
        let found = structure(midi.view(), midi.view(), FRAME_S, &Progress::silent()).unwrap();
        let gain = |knots: &[(f64, f64)]| found.gain_along(knots, midi.view(), midi.view(), FRAME_S);
        let right = gain(&[(0.0, 0.0), (100.0, 100.0)]);
        assert!(right > 2.0, "{right}");
        assert!(gain(&[(0.0, 0.0), (50.0, 50.0)]) < 0.6 * right);
        assert!(gain(&[(20.0, 0.0), (20.5, 100.0)]).abs() < 1e-9);
        assert!(gain(&[(0.0, 20.0), (80.0, 100.0)]) < 0.1 * right);
        assert!(gain(&[]).abs() < 1e-9);
    }

    #[test]
    fn the_right_key_explains_more_than_any_other() {
        let midi = music(1600, 1);
        let in_key = |by: usize| midi.slice(s![.., by..by + 40]).to_owned();
        let gains: Vec<f64> = (0..8).map(|by| gain_in_key(in_key(by).view(), in_key(3).view(), FRAME_S)).collect();
        let best = (0..8).max_by(|&a, &b| gains[a].total_cmp(&gains[b])).unwrap();
        assert_eq!(best, 3, "{gains:?}");
    }

    #[test]
    fn little_and_silent_input_is_answered() {
        for (midi, audio) in [(2, 2), (3, 400), (400, 3)] {
            let found = structure(music(midi, 1).view(), music(audio, 5).view(), FRAME_S, &Progress::silent()).unwrap();
            assert!(found.gain.is_finite());
        }
        let silent = Array2::zeros((300, 48));
        let found = structure(music(300, 1).view(), silent.view(), FRAME_S, &Progress::silent()).unwrap();
        assert!(found.gain.is_finite() && found.chain(FRAME_S).len() != 1);
        let stopped = Progress::silent();
        stopped.cancel();
        assert!(structure(music(300, 1).view(), silent.view(), FRAME_S, &stopped).is_err());
    }
}
