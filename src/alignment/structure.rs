//! Where the two sides run together, and where one of them jumps: a verse that is cut, a chorus that is repeated, other
//! music before, between and after.
//!
//! The recording is explained from its first frame to its last. At each frame it is at some frame of the MIDI, or at
//! none. An explained frame gains by how much more alike the two are than unrelated frames, in standard deviations; a
//! step off the diagonal costs a little, and a jump costs as much as some seconds of music gain. So nothing that sounds
//! on both sides is left out for nothing, and a path through the wrong verse loses what it can't explain. A jump counts
//! only if it is [sure](super::lines): the music after it must be explained better there than on the line left behind,
//! all along, and the music before it must not be explained as well by the line it leads to. (Jumps in a dynamic
//! program over both time axes: Fremerey, Müller and Clausen, "Handling repeats and jumps in score-performance
//! synchronization", ISMIR 2010. Gains, states and costs are our choice.)

use super::coarse::stretch;
use super::dtw::pool;
use super::lines::{Costs, Line, Stretch, best_around, certainty, changes, density, lines};
use super::segments;
use crate::error::Result;
use crate::job::Progress;
use ndarray::{Array2, ArrayView1, ArrayView2, s};

/// Most cells of the matrix: longer pairs are examined more coarsely.
const MAX_CELLS: usize = 4_000_000;
/// Frames averaged for the search over tempo ratios and for the path.
const SURVEY_POOL: usize = 8;
const PATH_POOL: usize = 4;
/// Tempo ratios tried, a sixth of an octave apart: 0.71 … 1.41 times the MIDI's own.
const RATIOS: std::ops::RangeInclusive<i32> = -3..=3;
/// Cost of a jump: the gain of this many seconds, at one standard deviation.
const JUMP_S: f64 = 12.0;
/// The same during the search for stretches that may belong together.
const CANDIDATE_JUMP_S: f64 = 5.0;
/// The most that leaving out the beginning or the end of the MIDI costs, in the same measure.
const LEFT_OUT_S: f64 = 12.0;
/// A jump counts if this many standard errors support it, on both sides of it (this, and how much attacks and ends
/// count, was chosen on 80 works of `evaluate align popular --seed 1`, 28 of them with a jump),
const SURE: f64 = 2.0;
/// this many if the recording begins or ends somewhere within the MIDI,
const SURE_OF_A_PART: f64 = 4.0;
/// and if each stretch gains this share of what all gain, per second.
const AS_GOOD: f64 = 0.5;
/// If a jump does not count, jumps this many times as expensive are tried, up to the next number of times.
const DEARER: f32 = 1.5;
const REPEATS: usize = 7;
/// Weight of the attacks, relative to deviations of a frame.
const ATTACKS: f32 = 0.5;
/// Both sides count as beginning and ending together if they do so within this many seconds.
const ENDS_S: f64 = 3.0;
/// Half width of the window in which the best line is determined, in seconds.
pub(super) const AROUND_S: f64 = 3.0;
/// How clearly the attacks of the MIDI are heard along a map (seconds of the MIDI, of the recording): moments of the
/// recording, and by how much more clearly than around them.
pub(super) type Heard<'a> = dyn Fn(&[(f64, f64)]) -> Vec<(f64, f32)> + 'a;
/// The least that a frame must gain to be explained at all, in standard deviations: the best path through unrelated
/// music finds about this much.
const BY_CHANCE: f32 = 0.3;
/// What a step off the diagonal costs, in standard deviations of a frame.
const STEP: f32 = 1.5;
/// MIDI seconds per second of the recording that anybody plays.
const PLAYED: std::ops::RangeInclusive<f64> = 0.4..=2.5;
/// Runs shorter than this say nothing, in seconds of the recording.
const SHORTEST_S: f64 = 4.0;
/// If the MIDI continues less than this ahead of, or behind, its expected place, in its seconds, that is not a jump:
/// the tempo does something that a line does not follow.
const TEMPO_S: f64 = 2.5;

/// A stretch in which both sides run together: frames of the MIDI and of the recording, increasing in both.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) knots: Vec<(f64, f64)>,
    /// Its gain in deviations × seconds.
    pub(crate) gain: f64,
    /// How surely the recording jumps to it, in standard errors; the first one needs no jump.
    pub(crate) sure: f64,
}

/// The best explanation of the recording.
#[derive(Debug, Clone)]
pub(crate) struct Structure {
    /// In the order of the recording.
    pub(crate) runs: Vec<Run>,
    /// Gain of all runs after paying for jumps, per second of the recording.
    pub(crate) gain: f64,
    /// The tempo at which it was found: recording frames per MIDI frame.
    ratio: f64,
    spread: Spread,
    /// What the best path through both sides gains around each moment of the recording, in deviations, whether the map
    /// takes it or not, and the seconds between moments.
    pub(crate) around: (Vec<f32>, f64),
}

/// How well the MIDI explains the recording at its own tempo, coarsely: gain per second. The right key explains at
/// least 1.14 times as much as any other, and mostly 1.4 times (52 works of ASAP, seven popular songs).
pub(crate) fn gain_in_key(midi: ArrayView2<'_, f32>, audio: ArrayView2<'_, f32>, frame_s: f64) -> f64 {
    let mut pool_by = 2 * SURVEY_POOL;
    while (midi.nrows() / pool_by).max(1) * (audio.nrows() / pool_by).max(1) > MAX_CELLS {
        pool_by *= 2;
    }
    Compared::new(midi, audio, 1.0, pool_by, frame_s).explained().1 / (audio.nrows() as f64 * frame_s)
}

impl Structure {
    /// Whether the recording jumps in the MIDI.
    pub(crate) fn jumps(&self) -> bool {
        self.runs.len() > 1
    }

    /// How sure the least sure of the jumps is, in standard errors.
    pub(crate) fn sure(&self) -> f64 {
        self.runs.iter().skip(1).map(|run| run.sure).fold(f64::INFINITY, f64::min)
    }

    /// The runs, in seconds of the MIDI and the recording.
    pub(crate) fn runs(&self, frame_s: f64) -> Vec<Vec<(f64, f64)>> {
        let seconds = |run: &Run| run.knots.iter().map(|&(m, a)| (m * frame_s, a * frame_s)).collect();
        self.runs.iter().map(seconds).collect()
    }

    /// What the reversed MIDI explains at the same tempo, per second of the recording: this is what unrelated music of
    /// the same sound explains.
    pub(crate) fn gain_backwards(&self, midi: ArrayView2<'_, f32>, audio: ArrayView2<'_, f32>, frame_s: f64) -> f64 {
        let mut pool_by = SURVEY_POOL;
        while (midi.nrows() / pool_by).max(1) * (audio.nrows() / pool_by).max(1) > MAX_CELLS {
            pool_by *= 2;
        }
        let backwards = midi.slice(s![..;-1, ..]);
        let (_, gain) = Compared::new(backwards, audio, self.ratio, pool_by, frame_s).explained();
        gain / (audio.nrows() as f64 * frame_s)
    }

    /// What a map gains per second of the recording; `knots` in seconds of the MIDI and the recording.
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

    /// What a map gains at each moment of the recording, in deviations, and the seconds between moments. A tempo other
    /// than its usual one costs as much as it costs a run; where the map moves at a tempo that no band plays, stands
    /// still, or does not exist, nothing is gained.
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

    /// The heaviest [chain](segments::chain) of runs that increases on both sides, in seconds.
    pub(crate) fn chain(&self, frame_s: f64) -> Vec<(f64, f64)> {
        let runs: Vec<_> = self.runs(frame_s).into_iter().zip(self.runs.iter().map(|run| run.gain)).collect();
        segments::chain(&runs)
    }
}

/// Explains `audio` by `midi` (frames × bins, rows of unit length, frames `frame_s` apart). `heard` tells how clearly
/// the attacks of the MIDI are heard along a map (seconds of the MIDI, of the recording): moments of the recording, and
/// by how much more clearly than around them.
pub(crate) fn structure(
    midi: ArrayView2<'_, f32>,
    audio: ArrayView2<'_, f32>,
    frame_s: f64,
    heard: &Heard<'_>,
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
        let (_, gain) = Compared::new(midi, audio, ratio, survey, frame_s).explained();
        if gain > best.0 {
            best = (gain, ratio);
        }
    }
    progress.step(1, 2)?;
    let compared = Compared::new(midi, audio, best.1, coarser(PATH_POOL), frame_s);
    let (mut runs, gain, around) = compared.explained_by_lines(heard);
    runs.retain(|run| (run.knots[run.knots.len() - 1].1 - run.knots[0].1) * frame_s >= SHORTEST_S);
    let runs = joined(runs, best.1, frame_s);
    progress.step(1, 1)?;
    Ok(Structure {
        runs,
        gain: gain / (audio.nrows() as f64 * frame_s),
        ratio: best.1,
        spread: compared.spread,
        around: (around, compared.step_s()),
    })
}

/// Joins those of `runs` between which a tempo of `ratio` recording frames per MIDI frame leads from one to the next
/// within [`TEMPO_S`].
fn joined(runs: Vec<Run>, ratio: f64, frame_s: f64) -> Vec<Run> {
    let mut all: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        let begin = run.knots[0];
        match all.last_mut() {
            Some(last)
                if {
                    let end = last.knots[last.knots.len() - 1];
                    ((begin.0 - end.0) - (begin.1 - end.1) / ratio).abs() * frame_s < TEMPO_S
                } =>
            {
                // If the second one begins before the end of the first, neither is the better guide.
                let at = last.knots.partition_point(|knot| knot.0 < begin.0 && knot.1 < begin.1);
                last.knots.truncate(at.max(1));
                let end = last.knots[last.knots.len() - 1];
                last.knots.extend(run.knots.into_iter().filter(|knot| knot.0 > end.0 && knot.1 > end.1));
                last.gain += run.gain;
            }
            _ => all.push(run),
        }
    }
    all
}

/// Both sides at one tempo, and how much more alike their frames are than by chance.
struct Compared {
    /// (recording × MIDI), in deviations.
    gains: Array2<f32>,
    spread: Spread,
    /// Frames of the MIDI per row, and of the recording per column.
    scale: f64,
    pool_by: usize,
    frame_s: f64,
    /// First and last row and column with sound.
    ends: [(usize, usize); 2],
}

impl Compared {
    /// Compares at a tempo of `ratio` recording frames per MIDI frame, with `pool_by` frames averaged.
    fn new(midi: ArrayView2<'_, f32>, audio: ArrayView2<'_, f32>, ratio: f64, pool_by: usize, frame_s: f64) -> Self {
        let y = pool(audio, pool_by);
        let rows = ((midi.nrows() as f64 * ratio / pool_by as f64).round() as usize).max(2);
        let x = stretch(pool(midi, pool_by).view(), rows);
        let mut gains = y.dot(&x.t());
        let spread = Spread::of(&gains);
        gains.mapv_inplace(|similarity| spread.gain(similarity) - BY_CHANCE);
        let sounds = |rows: &Array2<f32>| {
            let is_loud = |row: &ArrayView1<'_, f32>| row.iter().any(|x| x.abs() > 1e-3);
            let first = rows.outer_iter().position(|row| is_loud(&row)).unwrap_or(0);
            let silent = rows.outer_iter().rev().position(|row| is_loud(&row)).unwrap_or(0);
            (first, rows.nrows() - 1 - silent)
        };
        let (midi_ends, audio_ends) = (sounds(&x), sounds(&y));
        let scale = (midi.nrows() - 1) as f64 / (rows - 1) as f64;
        let ends = [(midi_ends.0, audio_ends.0), (midi_ends.1, audio_ends.1)];
        Self { gains, spread, scale, pool_by, frame_s, ends }
    }

    /// Seconds per column.
    fn step_s(&self) -> f64 {
        self.pool_by as f64 * self.frame_s
    }

    /// The runs, in frames of both sides, and their gain in deviations × seconds.
    fn explained(&self) -> (Vec<Run>, f64) {
        let paths = search(&self.gains, (JUMP_S / self.step_s()) as f32);
        self.summed(paths.into_iter().map(|piece| (piece, f64::INFINITY)))
    }

    /// Pieces as runs, with how sure the jumps to them are.
    fn summed(&self, paths: impl Iterator<Item = (Piece, f64)>) -> (Vec<Run>, f64) {
        let mut total = 0.0;
        let mut runs = Vec::new();
        for (number, ((cells, gain), sure)) in paths.enumerate() {
            let gain = f64::from(gain) * self.step_s();
            total += if number == 0 { gain } else { gain - JUMP_S };
            runs.push(Run { knots: self.knots(&cells), gain, sure });
        }
        (runs, total)
    }

    /// Cells in frames of both sides.
    fn knots(&self, cells: &[(usize, usize)]) -> Vec<(f64, f64)> {
        let centre = (self.pool_by as f64 - 1.0) / 2.0;
        let knots = super::coarse::knots(cells).into_iter();
        knots.map(|(i, j)| (i * self.scale, j * self.pool_by as f64 + centre)).collect()
    }

    /// As [`explained`](Self::explained), but on a few lines and with sure jumps only between them. Also returns what
    /// the best line gains around each column, in deviations.
    fn explained_by_lines(&self, heard: &Heard<'_>) -> (Vec<Run>, f64, Vec<f32>) {
        let step_s = self.step_s();
        let columns = |seconds: f64| (seconds / step_s) as f32;
        let found = search(&self.gains, columns(CANDIDATE_JUMP_S));
        let stretches: Vec<Vec<(usize, usize)>> = found.into_iter().map(|(cells, _)| cells).collect();
        let mut lines = lines(&self.gains, &stretches, self.ends, columns(ENDS_S).round() as usize, step_s);
        let around = best_around(&lines, columns(AROUND_S).round() as usize);
        let last = self.gains.nrows() - 1;
        if lines.len() > 1 {
            for line in &mut lines {
                for (at, gain) in heard(&self.smooth(&line.cells(0, last))) {
                    if let Some(sum) = line.gains.get_mut((at / step_s).max(0.0) as usize) {
                        *sum += ATTACKS * gain;
                    }
                }
            }
        }
        let sounding = (self.ends[0].0, self.ends[1].0);
        let mut costs = Costs { jump: columns(JUMP_S), left_out: columns(LEFT_OUT_S), sounding };
        let mut chosen = changes(&lines, costs);
        let mut repeats = 0;
        while !self.is_believable(&lines, &chosen) {
            repeats += 1;
            costs.jump = if repeats < REPEATS { DEARER * costs.jump } else { f32::MAX };
            chosen = changes(&lines, costs);
        }
        let pieces = chosen.iter().enumerate().map(|(number, stretch)| {
            let (cells, gain) = lines[stretch.line].best_part(stretch.from, stretch.to, &self.gains);
            let by_chance = BY_CHANCE * cells.len() as f32;
            let before = number.checked_sub(1).map(|before| chosen[before]);
            let sure = before.map_or(f64::INFINITY, |before| certainty(&lines, before, *stretch, step_s));
            ((cells, gain + by_chance), sure)
        });
        let (runs, gain) = self.summed(pieces.filter(|((cells, _), _)| !cells.is_empty()));
        (runs, gain, around)
    }

    /// Whether all jumps are sure and all stretches gain something. Jumps away and back, or to a place after which most
    /// of the rest is never played, happen in songs of few chords, but hardly in recordings.
    fn is_believable(&self, lines: &[Line], chosen: &[Stretch]) -> bool {
        let back = (1..chosen.len()).any(|n| chosen[..n].iter().any(|before| before.line == chosen[n].line));
        let needed = if self.are_ends(lines, chosen) { SURE } else { SURE_OF_A_PART };
        let least = AS_GOOD * density(lines, chosen);
        let mut jumps = chosen.windows(2);
        let sure = jumps.all(|pair| certainty(lines, pair[0], pair[1], self.step_s()) >= needed);
        chosen.len() < 2 || !back && sure && chosen.iter().all(|one| density(lines, &[*one]) >= least)
    }

    /// Whether the first stretch begins where the MIDI begins, and the last one ends where it ends, within
    /// [`LEFT_OUT_S`].
    fn are_ends(&self, lines: &[Line], chosen: &[Stretch]) -> bool {
        let near = (LEFT_OUT_S / self.step_s()) as usize;
        let (Some(first), Some(last)) = (chosen.first(), chosen.last()) else { return false };
        let row = |stretch: &Stretch, column: usize| lines[stretch.line].rows[column];
        row(first, first.from).is_some_and(|row| row <= self.ends[0].0 + near)
            && row(last, last.to).is_some_and(|row| row + near >= self.ends[1].0)
    }

    /// A line in seconds of both sides, smoothed enough that its slope is a tempo.
    fn smooth(&self, cells: &[(usize, usize)]) -> Vec<(f64, f64)> {
        /// Half width, in columns: about two seconds.
        const AROUND: usize = 10;
        let mean = |n: usize| {
            let around = &cells[n.saturating_sub(AROUND)..(n + AROUND + 1).min(cells.len())];
            let count = around.len() as f64;
            let sum = around.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.0 as f64, sum.1 + cell.1 as f64));
            (sum.0 / count * self.scale * self.frame_s, (sum.1 / count + 0.5) * self.step_s())
        };
        let mut knots: Vec<(f64, f64)> = Vec::with_capacity(cells.len());
        for knot in (0..cells.len()).map(mean) {
            if knots.last().is_none_or(|last| knot.0 > last.0 + 1e-6 && knot.1 > last.1 + 1e-6) {
                knots.push(knot);
            }
        }
        knots
    }
}

/// The value of a state that no path has reached.
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

/// The best path: pieces of (MIDI row, recording row) between jumps, each with its gain in deviations × frames. Neither
/// side runs more than twice as fast as the other.
fn search(gains: &Array2<f32>, jump: f32) -> Vec<Piece> {
    let (columns, rows) = gains.dim();
    let mut from = Array2::<u8>::zeros((columns, rows));
    // The best row of each frame, and the last explained frame if the recording is at no row.
    let mut best_row = vec![0_usize; columns];
    let mut left_at = vec![0_usize; columns];
    let mut two_before = vec![NEVER; rows];
    let (mut before, mut now) = (vec![NEVER; rows], vec![NEVER; rows]);
    let (mut none, mut none_since) = (NEVER, 0);
    let mut end = (NEVER, 0, 0);
    for j in 0..columns {
        let best = if j == 0 { NEVER } else { before[best_row[j - 1]] };
        // From anywhere: a beginning is free, a jump costs its price.
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
    pieces
}

/// Mean and standard deviation of all similarities; these are nearly all of unrelated frames, as there are few others.
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
mod tests;
