//! The few paths on which a recording can go through the MIDI without a jump, and where it changes from one to another.
//!
//! A search in which jumps are cheap finds stretches that belong together. Each is followed to both ends of the
//! recording, as if there were no jump: a *line*. Two more lines start where both sides begin and end where both end.
//! In music made of loops many stretches lie on the same line. The gain of a jump is how much better its line explains
//! the music than the line left, from the jump to the next one, and how much worse before it: moment by moment, so that
//! a few seconds that happen to be alike prove nothing.

use ndarray::Array2;

/// What a step off the diagonal costs, in standard deviations of a frame.
const STEP: f32 = 1.5;
/// A line stays this close to its mean tempo: a fixed number of seconds, plus a share of the time since its course was
/// known.
const NEAR_S: f64 = 1.0;
const NEAR_SHARE: f64 = 0.04;
/// Lines this close, in seconds, are the same,
const SAME_S: f64 = 0.5;
/// if they are in this share of the moments that both have, and these make up at least the next share of the lighter
/// one.
const SAME_SHARE: f64 = 0.9;
const SHARED: f64 = 0.6;
/// An end of a stretch is weak if it gains less than this share of the whole.
const WEAK: f32 = 0.3;
/// Most lines that are kept.
const MOST: usize = 16;

/// A path through both sides.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Row of the MIDI at each column of the recording; `None` before the MIDI has begun and after it has ended.
    pub(super) rows: Vec<Option<usize>>,
    /// What it gains there, without paying for steps off the diagonal.
    pub(super) gains: Vec<f32>,
}

/// A part of a line, from a column to a column, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) line: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// The price of not going on, in deviations × columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Costs {
    /// The price of a change of line.
    pub(super) jump: f32,
    /// The most that left-out music costs: a part is a part.
    pub(super) left_out: f32,
    /// First and last row with sound.
    pub(super) sounding: (usize, usize),
}

impl Costs {
    /// The price of beginning at a row, and of ending there: a deviation for each row left out.
    fn ends(&self, row: usize) -> (f32, f32) {
        let cost = |rows: usize| (rows as f32).min(self.left_out);
        (cost(row.saturating_sub(self.sounding.0)), cost(self.sounding.1.saturating_sub(row)))
    }
}

/// Where a line is known to go: the cell (row, column) it passes through, and by how many rows it may miss it.
#[derive(Debug, Clone, Copy)]
struct Through {
    cell: (usize, usize),
    within: usize,
}

impl Line {
    /// The line through `cells` (row, column), continued from their ends.
    fn new(gains: &Array2<f32>, cells: &[(usize, usize)], (slope, step_s): (f64, f64)) -> Self {
        let mut rows = vec![None; gains.nrows()];
        let (Some(&first), Some(&last)) = (cells.first(), cells.last()) else { return Self::of(gains, rows) };
        let known = |cell| Through { cell, within: 0 };
        let before = extend(gains, known(first), false, (slope, step_s));
        let after = extend(gains, known(last), true, (slope, step_s));
        for &(row, column) in before.iter().chain(&after).chain(cells) {
            rows[column] = Some(row);
        }
        Self::of(gains, rows)
    }

    fn of(gains: &Array2<f32>, rows: Vec<Option<usize>>) -> Self {
        let gain = |(j, row): (usize, &Option<usize>)| row.map_or(0.0, |i| gains[[j, i]]);
        let gains = rows.iter().enumerate().map(gain).collect();
        Self { rows, gains }
    }

    /// Its cells (row, column) between two columns.
    pub(super) fn cells(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        (from..=to).filter_map(|j| self.rows[j].map(|i| (i, j))).collect()
    }

    /// The cells of a stretch without weak ends, and their gain: in unrelated music a line gains what it finds by
    /// zigzagging, and pays for the steps. `gains` are those that it was made from.
    pub(super) fn best_part(&self, from: usize, to: usize, gains: &Array2<f32>) -> (Vec<(usize, usize)>, f32) {
        let cells = self.cells(from, to);
        let least = WEAK * cells.iter().map(|&(i, j)| gains[[j, i]]).sum::<f32>() / cells.len().max(1) as f32;
        let (mut best, mut sum, mut begin) = ((f32::NEG_INFINITY, 0..0), 0.0, 0);
        for (n, &(row, column)) in cells.iter().enumerate() {
            if sum <= 0.0 {
                (sum, begin) = (0.0, n);
            }
            let off = n > begin && cells[n - 1].0 + 1 != row;
            sum += gains[[column, row]] - least - if off { STEP } else { 0.0 };
            if sum > best.0 {
                best = (sum, begin..n + 1);
            }
        }
        let gain = best.0 + least * best.1.len() as f32;
        (cells[best.1].to_vec(), gain)
    }

    fn is_like(&self, other: &Self, step_s: f64) -> bool {
        let mine = self.rows.iter().flatten().count();
        let both = self.rows.iter().zip(&other.rows).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
        let (mut shared, mut near) = (0, 0);
        for (a, b) in both {
            shared += 1;
            near += usize::from(a.abs_diff(b) as f64 * step_s <= SAME_S);
        }
        f64::from(shared) >= SHARED * mine as f64 && near as f64 >= SAME_SHARE * f64::from(shared)
    }
}

/// The lines through `stretches` (row, column) and from corner to corner, heaviest first. `ends` are the first and last
/// row and column with sound, each accurate to `within` rows.
pub(super) fn lines(
    gains: &Array2<f32>,
    stretches: &[Vec<(usize, usize)>],
    ends: [(usize, usize); 2],
    within: usize,
    step_s: f64,
) -> Vec<Line> {
    let (mut rows, mut columns) = (0, 0);
    for cells in stretches {
        let (first, last) = (cells[0], cells[cells.len() - 1]);
        rows += last.0 - first.0;
        columns += last.1 - first.1;
    }
    let tempo = (rows.max(1) as f64 / columns.max(1) as f64, step_s);
    let mut all: Vec<Line> = stretches.iter().map(|cells| Line::new(gains, cells, tempo)).collect();
    for (cell, forward) in [(ends[0], true), (ends[1], false)] {
        let mut rows = vec![None; gains.nrows()];
        for (row, column) in extend(gains, Through { cell, within }, forward, tempo) {
            rows[column] = Some(row);
        }
        all.push(Line::of(gains, rows));
    }
    let weight = |line: &Line| line.gains.iter().sum::<f32>();
    all.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    let mut kept: Vec<Line> = Vec::new();
    for line in all {
        if kept.len() < MOST && !kept.iter().any(|other| line.is_like(other, step_s)) {
            kept.push(line);
        }
    }
    kept
}

/// The best cells (row, column) from a cell, excluding it, to the end of either side.
fn extend(
    gains: &Array2<f32>,
    Through { cell, within }: Through,
    forward: bool,
    (slope, step_s): (f64, f64),
) -> Vec<(usize, usize)> {
    let (columns, rows) = gains.dim();
    let count = if forward { columns - 1 - cell.1 } else { cell.1 };
    let sign = if forward { 1.0 } else { -1.0 };
    let column = |n: usize| if forward { cell.1 + n } else { cell.1 - n };
    let half = |n: usize| within as isize + (NEAR_S / step_s + NEAR_SHARE * n as f64).ceil() as isize;
    // Row of state 0.
    let low = |n: usize| (cell.0 as f64 + sign * slope * n as f64).round() as isize - half(n);
    let widest = 2 * half(count) as usize + 1;
    let (mut before, mut now) = (vec![f32::NEG_INFINITY; widest], vec![f32::NEG_INFINITY; widest]);
    let centre = half(0) as usize;
    before[centre - within..=centre + within].fill(0.0);
    let mut moves = Array2::<u8>::zeros((count + 1, widest));
    let mut last = 0;
    for n in 1..=count {
        now.fill(f32::NEG_INFINITY);
        let mut reached = false;
        for state in 0..=2 * half(n) {
            let row = low(n) + state;
            if row < 0 || row >= rows as isize {
                continue;
            }
            let mut best = (f32::NEG_INFINITY, 0);
            for (step, cost) in [(1_u8, 0.0), (0, STEP), (2, STEP)] {
                let step_rows = if forward { isize::from(step) } else { -isize::from(step) };
                let from = row - step_rows - low(n - 1);
                if (0..=2 * half(n - 1)).contains(&from) && before[from as usize] - cost > best.0 {
                    best = (before[from as usize] - cost, step);
                }
            }
            if best.0 > f32::NEG_INFINITY {
                reached = true;
                now[state as usize] = best.0 + gains[[column(n), row as usize]];
                moves[[n, state as usize]] = best.1;
            }
        }
        if !reached {
            break;
        }
        std::mem::swap(&mut before, &mut now);
        last = n;
    }
    let mut state = (0..widest).max_by(|&a, &b| before[a].total_cmp(&before[b])).unwrap_or(0) as isize;
    let mut cells = Vec::with_capacity(last);
    for n in (1..=last).rev() {
        let row = low(n) + state;
        cells.push((row as usize, column(n)));
        let step = isize::from(moves[[n, state as usize]]);
        state = if forward { row - step } else { row + step } - low(n - 1);
    }
    cells.reverse();
    cells
}

/// The best explanation of the recording: stretches of lines, in the order of the recording. A change to no line, and
/// back from it, costs half as much as a change of line.
pub(super) fn changes(lines: &[Line], costs: Costs) -> Vec<Stretch> {
    const BEGIN: u8 = u8::MAX;
    let jump = costs.jump;
    let none = lines.len();
    let columns = lines.first().map_or(0, |line| line.gains.len());
    let mut values = vec![f32::NEG_INFINITY; none + 1];
    let mut from = Array2::<u8>::zeros((columns, none + 1));
    let mut end = (f32::NEG_INFINITY, 0, 0);
    for j in 0..columns {
        let best = (0..none).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(none);
        let (top, nowhere) = (values[best], values[none]);
        for (k, line) in lines.iter().enumerate() {
            let mut reached = (values[k], k as u8);
            let begun = line.rows[j].map_or(f32::NEG_INFINITY, |row| -costs.ends(row).0);
            for other in [(top - jump, best as u8), (nowhere - jump / 2.0, none as u8), (begun, BEGIN)] {
                if other.0 > reached.0 {
                    reached = other;
                }
            }
            values[k] = reached.0 + line.gains[j];
            from[[j, k]] = reached.1;
            let ended = line.rows[j].map_or(f32::NEG_INFINITY, |row| values[k] - costs.ends(row).1);
            if ended > end.0 {
                end = (ended, j, k);
            }
        }
        from[[j, none]] = none as u8;
        if top - jump / 2.0 > nowhere {
            values[none] = top - jump / 2.0;
            from[[j, none]] = best as u8;
        }
    }
    let mut stretches: Vec<Stretch> = Vec::new();
    if end.0 == f32::NEG_INFINITY {
        return stretches;
    }
    let mut at = end.2;
    for j in (0..=end.1).rev() {
        match stretches.last_mut() {
            _ if at == none || lines[at].rows[j].is_none() => {}
            Some(last) if last.line == at => last.from = j,
            _ => stretches.push(Stretch { line: at, from: j, to: j }),
        }
        if from[[j, at]] == BEGIN {
            break;
        }
        at = usize::from(from[[j, at]]);
    }
    stretches.reverse();
    stretches
}

/// The mean gain of stretches.
pub(super) fn density(lines: &[Line], stretches: &[Stretch]) -> f64 {
    let gains = |s: &Stretch| lines[s.line].gains[s.from..=s.to].iter().map(|&x| f64::from(x)).sum::<f64>();
    let columns: usize = stretches.iter().map(|s| s.to + 1 - s.from).sum();
    stretches.iter().map(gains).sum::<f64>() / columns.max(1) as f64
}

/// The gain of the best line around each column, over `radius` to each side.
pub(super) fn best_around(lines: &[Line], radius: usize) -> Vec<f32> {
    let columns = lines.first().map_or(0, |line| line.gains.len());
    let mut best = vec![f32::NEG_INFINITY; columns];
    for line in lines {
        let mut sums = vec![0.0_f32; columns + 1];
        for (j, gain) in line.gains.iter().enumerate() {
            sums[j + 1] = sums[j] + gain;
        }
        for (j, best) in best.iter_mut().enumerate() {
            let (from, to) = (j.saturating_sub(radius), (j + radius + 1).min(columns));
            *best = best.max((sums[to] - sums[from]) / (to - from) as f32);
        }
    }
    best
}

/// How surely the recording leaves the line of `a` for that of `b`: the lesser of the evidence that `b` isn't on the
/// line of `a`, and that `a` isn't on that of `b`. See [`sureness`].
pub(super) fn certainty(lines: &[Line], a: Stretch, b: Stretch, step_s: f64) -> f64 {
    let against = |stretch: Stretch, other: usize| {
        let (own, other) = (&lines[stretch.line].gains, &lines[other].gains);
        let range = stretch.from..=stretch.to;
        let differences: Vec<f32> = own[range.clone()].iter().zip(&other[range]).map(|(x, y)| x - y).collect();
        sureness(&differences, step_s)
    };
    against(b, a.line).min(against(a, b.line))
}

/// The mean of `values` in standard errors, estimated from means over a second, since neighbouring values are alike.
fn sureness(values: &[f32], step_s: f64) -> f64 {
    const FEWEST: usize = 3;
    let size = ((1.0 / step_s).round() as usize).max(1);
    let mean_of = |values: &[f32]| values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64;
    let means: Vec<f64> = values.chunks_exact(size).map(mean_of).collect();
    if means.len() < FEWEST {
        return 0.0;
    }
    let count = means.len() as f64;
    let mean = means.iter().sum::<f64>() / count;
    let variance = means.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let covariance = means.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>() / (count - 1.0);
    let alike = (covariance / variance.max(1e-9)).clamp(0.0, 0.8);
    mean / (variance / count * (1.0 + alike) / (1.0 - alike)).sqrt().max(1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_S: f64 = 0.2;

    /// Gains of −0.3 except on the given diagonals: cells (row of the MIDI, column) between two columns, with a gain of
    /// 1.5.
    fn gains(rows: usize, columns: usize, diagonals: &[(isize, std::ops::Range<usize>)]) -> Array2<f32> {
        let mut gains = Array2::from_elem((columns, rows), -0.3);
        for (ahead, range) in diagonals {
            for j in range.clone() {
                if let Some(i) = j.checked_add_signed(*ahead).filter(|i| *i < rows) {
                    // Not quite even, like music.
                    gains[[j, i]] = 1.5 + 0.3 * ((j / 7) % 3) as f32;
                }
            }
        }
        gains
    }

    fn diagonal(ahead: isize, columns: std::ops::Range<usize>) -> Vec<(usize, usize)> {
        columns.filter_map(|j| Some((j.checked_add_signed(ahead)?, j))).collect()
    }

    fn costs(rows: usize) -> Costs {
        Costs { jump: 60.0, left_out: 60.0, sounding: (0, rows - 1) }
    }

    #[test]
    fn a_line_goes_on_to_both_ends_and_stretches_of_one_line_are_one() {
        let gains = gains(600, 600, &[(0, 0..600)]);
        let found = lines(&gains, &[diagonal(0, 100..200), diagonal(0, 400..500)], [(0, 0), (599, 599)], 5, STEP_S);
        assert_eq!(found.len(), 1);
        assert!((0..600).all(|j| found[0].rows[j] == Some(j)));
        let chosen = changes(&found, costs(600));
        assert_eq!(chosen, [Stretch { line: 0, from: 0, to: 599 }]);
    }

    #[test]
    fn a_cut_is_a_sure_change_of_line() {
        // Rows 200 to 299 are left out.
        let gains = gains(600, 500, &[(0, 0..200), (100, 200..500)]);
        let found = lines(&gains, &[diagonal(0, 0..200), diagonal(100, 200..500)], [(0, 0), (599, 499)], 5, STEP_S);
        let chosen = changes(&found, costs(600));
        assert_eq!(chosen.len(), 2);
        assert!(chosen[1].from.abs_diff(200) <= 1 && chosen[1].to == 499, "{chosen:?}");
        assert!(certainty(&found, chosen[0], chosen[1], STEP_S) > 10.0);
        let whole = density(&found, &chosen);
        assert!(chosen.iter().all(|one| density(&found, &[*one]) > 0.9 * whole));
        let around = best_around(&found, 15);
        assert!((0..500).all(|j| around[j] > if j.abs_diff(200) > 15 { 1.4 } else { 0.5 }), "one is right everywhere");
    }

    #[test]
    fn where_loops_sound_alike_nothing_speaks_for_a_jump() {
        // The same four bars throughout: every line is as good as every other.
        let loops: Vec<(isize, std::ops::Range<usize>)> = (-5..=5).map(|k| (40 * k, 0..400)).collect();
        let gains = gains(400, 400, &loops);
        let found = lines(&gains, &[diagonal(0, 0..200), diagonal(-80, 200..400)], [(0, 0), (399, 399)], 5, STEP_S);
        assert!(found.len() > 1);
        let chosen = changes(&found, costs(400));
        assert_eq!(chosen.len(), 1, "{chosen:?}");
        let line =
            |ahead: isize| found.iter().position(|line| line.rows[300] == 300_usize.checked_add_signed(ahead)).unwrap();
        let (here, there) =
            (Stretch { line: line(0), from: 0, to: 199 }, Stretch { line: line(-80), from: 200, to: 399 });
        assert!(certainty(&found, here, there, STEP_S) < 1.0);
    }

    #[test]
    fn of_two_ways_that_sound_alike_the_one_to_the_end_is_taken() {
        // A chorus of 100 rows comes at 100 and at 300; the recording plays the second one twice and then the end.
        let gains = gains(500, 600, &[(0, 0..400), (-300, 400..500), (-100, 400..600)]);
        let stretches = [diagonal(0, 0..400), diagonal(-300, 400..500), diagonal(-100, 400..600)];
        let found = lines(&gains, &stretches, [(0, 0), (499, 599)], 5, STEP_S);
        let chosen = changes(&found, costs(500));
        assert_eq!(chosen.len(), 2, "{chosen:?}");
        assert_eq!(found[chosen[1].line].rows[599], Some(499));
    }

    #[test]
    fn the_best_part_leaves_out_what_gains_nothing() {
        let gains = gains(300, 300, &[(0, 40..220)]);
        let found = lines(&gains, &[diagonal(0, 40..220)], [(0, 0), (299, 299)], 5, STEP_S);
        let (cells, gain) = found[0].best_part(0, 299, &gains);
        assert_eq!((cells[0], cells[cells.len() - 1]), ((40, 40), (219, 219)));
        assert!(gain > 180.0 * 1.4);
    }

    #[test]
    fn what_is_uneven_is_less_sure() {
        let even: Vec<f32> = (0..100).map(|i| 0.5 + 0.1 * (i % 3) as f32).collect();
        let uneven: Vec<f32> = (0..100).map(|i| if (i / 20) % 2 == 0 { 4.0 } else { -3.0 }).collect();
        assert!(sureness(&even, STEP_S) > 10.0);
        assert!(sureness(&uneven, STEP_S) < 2.0, "{}", sureness(&uneven, STEP_S));
        assert!(sureness(&even[..9], STEP_S).abs() < 1e-9, "less than three seconds say nothing");
    }

    #[test]
    fn no_lines_and_a_single_frame_are_answered() {
        assert!(changes(&[], costs(1)).is_empty() && best_around(&[], 3).is_empty());
        let gains = gains(2, 1, &[(0, 0..1)]);
        let found = lines(&gains, &[vec![(0, 0)]], [(0, 0), (1, 0)], 3, STEP_S);
        assert!(!changes(&found, costs(2)).is_empty());
    }
}
