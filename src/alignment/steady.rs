//! A second hypothesis beside the [rough](super::rough) map: the tempo ratio hardly changes.
//!
//! If the two sides are hardly alike, an instrument is missing, or one side has been cut, a path that may change its
//! tempo at will wanders. Here the MIDI is stretched by one ratio, every step off the diagonal costs something, and
//! both ends are free: the published aligner (spec B) after tempo normalisation. Which of the two is right shows in the
//! attacks ([`follow`](super::follow::follow)).

use super::coarse::{knots, stretch};
use super::distance;
use super::dtw::{DtwParams, End, Path, PathStart, StepCosts, dtw_coarse_to_fine, pool};
use crate::error::Result;
use crate::job::Progress;
use ndarray::ArrayView2;

/// Largest matrix that is searched whole, in cells: ten minutes of both sides take 9 MB of moves.
const MAX_CELLS: usize = 36_000_000;
/// The penalty as a share of the median distance. Between .3 and 1 the benchmarks hardly change.
const PENALTY: f32 = 0.6;
/// Share of the shorter side that the path must reach.
const GULLY: f64 = 0.85;

/// Ratios that differ by less than this are the same.
const SAME_RATIO: f64 = 0.05;

/// The tempo ratios worth trying, in audio frames per MIDI frame: `usual`, that of most of the free path, and the
/// MIDI's own tempo. If a recording holds only a part of the MIDI, the free path is squeezed into it and its slope says
/// nothing.
pub(super) fn slopes(usual: f64) -> Vec<f64> {
    if usual.ln().abs() < SAME_RATIO { vec![usual] } else { vec![usual, 1.0] }
}

/// The map at a nearly constant tempo of `slope` audio frames per MIDI frame, in frames of the two sides (rows of unit
/// length).
pub(super) fn steady(
    midi: ArrayView2<'_, f32>,
    audio: ArrayView2<'_, f32>,
    slope: f64,
    progress: &Progress,
) -> Result<Vec<(f64, f64)>> {
    let rows = ((midi.nrows() as f64 * slope).round() as usize).max(2);
    let x = stretch(midi, rows);
    let (small_x, small_y) = (pool(x.view(), 4), pool(audio, 4));
    let median = distance::quantiles(small_x.view(), small_y.view(), &[0.5], &progress.part(0.0, 0.2))?[0] as f32;
    let params =
        DtwParams { start: PathStart::Edges, end: End::Gully(GULLY), steps: StepCosts::penalty(PENALTY * median) };
    let (path, _) = dtw_coarse_to_fine(x.view(), audio, &params, MAX_CELLS, &progress.part(0.2, 1.0))?;
    let scale = (midi.nrows() - 1) as f64 / (rows - 1) as f64;
    Ok(knots(&path.cells).into_iter().map(|(i, j)| (i * scale, j)).collect())
}

/// Columns per row: the median over windows of about 200 cells.
pub(super) fn usual_slope(path: &Path) -> f64 {
    let window = 200.min(path.cells.len() / 4).max(1);
    let slope = |cells: &[(usize, usize)]| {
        let (first, last) = (cells[0], cells[cells.len() - 1]);
        (last.1 - first.1) as f64 / (last.0 - first.0).max(1) as f64
    };
    let mut slopes: Vec<f64> = path.cells.windows(window + 1).step_by(window.div_ceil(8)).map(slope).collect();
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied().unwrap_or(1.0).clamp(0.2, 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// Frames whose loud bin wanders, so that no two stretches are alike.
    fn music(frames: usize) -> Array2<f32> {
        Array2::from_shape_fn((frames, 48), |(i, bin)| {
            let at = (i / 5) as u64;
            let note = (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % 48;
            f32::from(u8::from(note == bin as u64))
        })
    }

    #[test]
    fn a_cut_beginning_is_left_out() {
        let midi = music(600);
        let audio = midi.slice(ndarray::s![80.., ..]);
        // What a path from corner to corner makes of it: the cut squeezed into the first frames.
        let cells: Vec<(usize, usize)> = (0..80).map(|i| (i, 0)).chain((0..520).map(|j| (80 + j, j))).collect();
        let free = Path { costs: vec![0.0; cells.len()], cells, cost: 0.0 };
        let knots = steady(midi.view(), audio, usual_slope(&free), &Progress::silent()).unwrap();
        assert!((knots[0].0 - 80.0).abs() < 2.0 && knots[0].1 < 2.0, "{:?}", knots[0]);
        for (m, a) in knots {
            assert!((m - 80.0 - a).abs() < 2.0, "{m} {a}");
        }
    }

    #[test]
    fn the_usual_slope_is_that_of_most_of_the_path() {
        let cells: Vec<(usize, usize)> = (0..300).map(|i| (0, i)).chain((0..1000).map(|i| (i, 300 + 2 * i))).collect();
        let path = Path { costs: vec![0.0; cells.len()], cells, cost: 0.0 };
        assert!((usual_slope(&path) - 2.0).abs() < 1e-9);
    }
}
