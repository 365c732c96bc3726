//! A first map at any tempo and in any key: roughly which moment is which.
//!
//! The published aligners add a penalty to every step that is not diagonal, so they work only if both sides run at
//! nearly the same tempo. Here the MIDI's frames are first stretched to the recording's length; then steps are weighted
//! (2 diagonal, 1.5 otherwise, per frame moved ¾ or 1) instead of penalised, and the path goes from corner to corner.
//! Two hypotheses are tried, and the cheaper one is taken:
//!
//! - *whole*: both sides hold the same music from end to end;
//! - *part*: one side holds a part of the other, at one of several tempo ratios.
//!
//! Twelve transpositions are tried on pooled frames. Long pairs go from coarse to fine: a path on pooled frames, then a
//! corridor around it on frames half as long. (Our choice; the multi-scale idea is from Müller, Mattes and Kurth, "An
//! efficient multiscale approach to audio synchronization", ISMIR 2006.)

use super::coarse::{knots, stretch, unit};
use super::dtw::{Corridor, DtwParams, End, Path, PathStart, StepCosts, dtw_features_16bit, pool};
use super::steady::{slopes, steady, usual_slope};
use super::structure;
use crate::error::{Error, Result};
use crate::features::KEY_MARGIN;
use crate::job::Progress;
use ndarray::{Array2, ArrayView1, ArrayView2, s};

/// Transpositions tried, in semitones.
const TRANSPOSITIONS: std::ops::RangeInclusive<i32> = -5..=6;
/// Longest side, in frames, of the matrix that is searched without a corridor.
const COARSEST_FRAMES: usize = 3000;
/// Half width of the corridor around a coarser path, in frames of the finer one.
const CORRIDOR_FRAMES: usize = 24;
/// Frames averaged for the search over transpositions and parts: 186 ms.
const SURVEY_POOL: usize = 4;
/// Tempo ratios of the *part* hypothesis, a whole tone of a scale of speeds apart: 0.45 … 2.2.
const PART_RATIOS: std::ops::RangeInclusive<i32> = -7..=7;
/// A part is searched for in the key found, rather than in the written one, if its path costs less than this share.
const CLEARLY_CHEAPER: f64 = 0.9;
/// A transposition is applied if it explains this many times as much of the recording as the written key.
const CLEARLY_MORE: f64 = 1.1;
/// One that gains this much per second, and the next number times as much as the written key, needs no other evidence.
const SURE_GAIN: f64 = 0.6;
const SURELY_MORE: f64 = 1.25;
/// Below this share of the cost of a path that can't be right, *part* is not even tried.
const SURELY_WHOLE: f64 = 0.5;
/// *Part* is taken if its path costs less than this share of *whole*'s.
const PART_CHEAPER: f64 = 0.75;

/// What [`rough`] found.
#[derive(Debug, Clone)]
pub(crate) struct Rough {
    /// MIDI seconds, audio seconds; strictly increasing in both.
    pub(crate) knots: Vec<(f64, f64)>,
    /// The same under the assumption that the tempo ratio hardly changes; these may leave out both ends. At the ratio
    /// of the rough map and, if that differs, at the MIDI's own tempo.
    pub(crate) steady: Vec<Vec<(f64, f64)>>,
    /// Semitones by which the MIDI is to be transposed.
    pub(crate) transpose: i32,
    /// Mean cosine distance along the path.
    pub(crate) cost: f64,
    /// The same for paths that can't be right: those of the reversed MIDI.
    pub(crate) null_cost: f64,
    /// The MIDI's frames as compared, in the key chosen: (frames × bins), rows of unit length.
    pub(crate) midi: Array2<f32>,
    /// The recording's frames, likewise.
    pub(crate) audio: Array2<f32>,
    /// Whether one side holds only a part of the other.
    pub(crate) part: bool,
    /// Number of levels from coarse to fine; more than one if the pair was aligned that way.
    pub(crate) levels: usize,
}

/// Compressed levels for comparison: log of the gain-normalised magnitude, minus most of the row's mean, rows of unit
/// length. A silent row is zero: it is at distance 1 from everything.
pub(crate) fn contrast(magnitudes: &Array2<f32>) -> Array2<f32> {
    const COMPRESSION: f32 = 30.0;
    const MEAN_SHARE: f32 = 0.7;
    /// Rows that are so much quieter than the loudest, 80 dB, are silence.
    const SILENCE: f32 = 1e-4;
    let of_row = |row: ArrayView1<'_, f32>| row.iter().copied().filter(|x| x.is_finite()).fold(0.0, f32::max);
    let loudest = magnitudes.outer_iter().map(of_row).fold(0.0, f32::max);
    // The usual level is that of all rows; of a little music in a long silence it is that of the music.
    let sounds = |row: &ArrayView1<'_, f32>| of_row(*row) > SILENCE * loudest;
    let mostly_silent = 4 * magnitudes.outer_iter().filter(sounds).count() < magnitudes.nrows();
    let sounding = magnitudes.outer_iter().filter(|row| !mostly_silent || sounds(row));
    let mut sorted: Vec<f32> = sounding.flat_map(|row| row.into_iter().copied().filter(|x| x.is_finite())).collect();
    if sorted.is_empty() {
        return Array2::zeros(magnitudes.raw_dim());
    }
    let at = sorted.len() * 95 / 100;
    let loud = *sorted.select_nth_unstable_by(at, f32::total_cmp).1;
    let gain = if loud > 0.0 { COMPRESSION / loud } else { 0.0 };
    let mut rows = magnitudes.mapv(|x| if x.is_finite() { (x * gain).ln_1p() } else { 0.0 });
    for mut row in rows.outer_iter_mut() {
        let mean = MEAN_SHARE * row.sum() / row.len().max(1) as f32;
        let loudest = row.fold(0.0f32, |a, &b| a.max(b));
        row.mapv_inplace(|x| x - mean);
        let length = row.dot(&row).sqrt();
        // 0.05 is a level 55 dB below the loud ones.
        let scale = if loudest > 0.05 && length > 0.0 { 1.0 / length } else { 0.0 };
        row.mapv_inplace(|x| x * scale);
    }
    rows
}

/// The rows from the first to the last that is not silent.
fn sounding_rows(rows: &Array2<f32>) -> std::ops::Range<usize> {
    let sounds = |row: ndarray::ArrayView1<'_, f32>| row.iter().any(|x| *x != 0.0);
    let first = rows.outer_iter().position(sounds).unwrap_or(0);
    let last = rows.outer_iter().enumerate().filter(|(_, row)| sounds(*row)).last().map_or(0, |(i, _)| i + 1);
    first..last
}

/// The bins of the MIDI, transposed by `semitones`, that correspond to the recording's.
pub(super) fn transposed(midi: ArrayView2<'_, f32>, bins: usize, semitones: i32) -> ArrayView2<'_, f32> {
    let first = (KEY_MARGIN as i32 - semitones).max(0) as usize;
    midi.slice_move(s![.., first..first + bins])
}

/// Weighted DTW from corner to corner.
fn corner_path(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, corridor: &Corridor, p: &Progress) -> Result<Path> {
    let steps = StepCosts { diagonal: 2.0, vertical: 1.5, horizontal: 1.5, ..StepCosts::default() };
    let params = DtwParams { start: PathStart::Corner, end: End::Corner, steps };
    dtw_features_16bit(x, y, corridor, &params, p)
}

fn mean(costs: &[f32]) -> f64 {
    costs.iter().map(|&c| f64::from(c)).sum::<f64>() / costs.len().max(1) as f64
}

/// Finds the rough map. `midi` (frames × ([`KEY_MARGIN`] + bins + [`KEY_MARGIN`])) and `audio` (frames × bins) are
/// constant-Q magnitudes with frames `frame_s` apart; the MIDI's lowest bin is [`KEY_MARGIN`] semitones lower.
pub(crate) fn rough(midi: &Array2<f32>, audio: &Array2<f32>, frame_s: f64, progress: &Progress) -> Result<Rough> {
    let bins = audio.ncols();
    assert_eq!(midi.ncols(), bins + 2 * KEY_MARGIN, "bins of the MIDI side");
    let (midi, audio) = (contrast(midi), contrast(audio));
    let (midi_span, audio_span) = (sounding_rows(&midi), sounding_rows(&audio));
    if midi_span.len() < 2 {
        return Err(Error::nothing("the MIDI file makes no sound in the range analysed"));
    }
    if audio_span.len() < 2 {
        return Err(Error::nothing("the recording is silent"));
    }
    let (all_midi, all_audio) = (midi, audio);
    let midi = all_midi.slice(s![midi_span.clone(), ..]);
    let audio = all_audio.slice(s![audio_span.clone(), ..]);

    // Survey: all keys, both hypotheses, on pooled frames.
    let survey = progress.part(0.0, 0.4);
    let pool_by = SURVEY_POOL.max(audio.nrows().max(midi.nrows()).div_ceil(COARSEST_FRAMES / 2));
    let (small_midi, small_audio) = (pool(midi, pool_by), pool(audio, pool_by));
    if small_midi.nrows() < 2 || small_audio.nrows() < 2 {
        let (m, a) = (midi.nrows(), audio.nrows());
        return Err(Error::nothing(format!(
            "{m} sounding MIDI frames and {a} of the recording: the shorter is too short"
        )));
    }
    let whole_cost = |semitones: i32, backwards: bool| -> Result<f64> {
        let window = transposed(small_midi.view(), bins, semitones);
        let mut x = stretch(window, small_audio.nrows());
        if backwards {
            x.invert_axis(ndarray::Axis(0));
        }
        let corridor = Corridor::full(x.nrows(), small_audio.nrows());
        Ok(mean(&corner_path(x.view(), small_audio.view(), &corridor, &survey)?.costs))
    };
    let gain = |semitones: i32| structure::gain_in_key(transposed(midi, bins, semitones), audio, frame_s);
    let untransposed = gain(0);
    let mut best = (CLEARLY_MORE * untransposed, 0);
    for semitones in TRANSPOSITIONS {
        survey.step((semitones - TRANSPOSITIONS.start()) as usize, 12)?;
        let found = if semitones == 0 { untransposed } else { gain(semitones) };
        if found > best.0 {
            best = (found, semitones);
        }
    }
    let as_written = whole_cost(0, false)?;
    let (mut transpose, mut whole) = (0, as_written);
    if best.1 != 0 {
        // If the two sides run at unrelated tempi, the gain says little, and the path from corner to corner must agree.
        let moved = whole_cost(best.1, false)?;
        if moved < as_written || (best.0 > SURE_GAIN && best.0 > SURELY_MORE * untransposed) {
            (transpose, whole) = (best.1, moved);
        }
    }

    let mut null_cost = whole_cost(transpose, true)?;
    let mut part = None;
    if whole > SURELY_WHOLE * null_cost {
        let survey_part = |semitones: i32, backwards: bool| {
            let mut window = transposed(small_midi.view(), bins, semitones).to_owned();
            if backwards {
                window.invert_axis(ndarray::Axis(0));
            }
            best_part(window.view(), small_audio.view(), &survey)
        };
        let mut found = (survey_part(0, false)?, 0);
        if transpose != 0 {
            let other = survey_part(transpose, false)?;
            if other.cost < CLEARLY_CHEAPER * found.0.cost {
                found = (other, transpose);
            }
        }
        // A part has more freedom than the whole, so it is measured against the best part of the reversed MIDI.
        let null = survey_part(found.1, true)?.cost;
        if found.0.cost / null < PART_CHEAPER * whole / null_cost {
            part = Some((found.0, found.1, null));
        }
    }
    let is_part = part.is_some();
    let (midi_rows, audio_rows) = if let Some((part, key, null)) = part {
        (transpose, null_cost) = (key, null);
        let fine = |range: &std::ops::Range<usize>, rows: usize| {
            (range.start * pool_by).min(rows - 2)..(range.end * pool_by).clamp(2, rows)
        };
        (fine(&part.midi, midi.nrows()), fine(&part.audio, audio.nrows()))
    } else {
        (0..midi.nrows(), 0..audio.nrows())
    };
    // The chosen hypothesis on the full frames.
    let midi = transposed(midi, bins, transpose);
    let x = stretch(midi.slice(s![midi_rows.clone(), ..]), audio_rows.len());
    let y = audio.slice(s![audio_rows.clone(), ..]);
    let (path, levels) = coarse_to_fine(x.view(), y, &progress.part(0.4, 0.8))?;
    let ratio = (midi_rows.len() - 1) as f64 / (audio_rows.len() - 1) as f64;
    let in_seconds =
        |(i, j): (f64, f64)| ((midi_span.start as f64 + i) * frame_s, (audio_span.start as f64 + j) * frame_s);
    let mut steady_maps = Vec::new();
    for slope in slopes(usual_slope(&path) / ratio) {
        let map = steady(midi, audio, slope, &progress.part(0.8, 1.0))?;
        steady_maps.push(map.into_iter().map(in_seconds).collect());
    }
    let midi_at = |row: f64| (midi_span.start as f64 + midi_rows.start as f64 + row * ratio) * frame_s;
    let audio_at = |column: f64| ((audio_span.start + audio_rows.start) as f64 + column) * frame_s;
    let knots = knots(&path.cells).into_iter().map(|(i, j)| (midi_at(i), audio_at(j))).collect();
    let mut midi = transposed(all_midi.view(), bins, transpose).to_owned();
    midi.outer_iter_mut().for_each(|mut row| unit(&mut row));
    let cost = mean(&path.costs);
    Ok(Rough { knots, steady: steady_maps, transpose, cost, null_cost, midi, audio: all_audio, part: is_part, levels })
}

/// The path from corner to corner, from pooled frames to full ones. Both sides have the same number of rows.
pub(super) fn coarse_to_fine(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    progress: &Progress,
) -> Result<(Path, usize)> {
    let mut factor = 1;
    while y.nrows().max(x.nrows()) / factor > COARSEST_FRAMES {
        factor *= 2;
    }
    let mut levels = 1;
    let (small_x, small_y) = (pool(x, factor), pool(y, factor));
    let corridor = Corridor::full(small_x.nrows(), small_y.nrows());
    let mut path = corner_path(small_x.view(), small_y.view(), &corridor, progress)?;
    while factor > 1 {
        factor /= 2;
        levels += 1;
        let (finer_x, finer_y) = (pool(x, factor), pool(y, factor));
        let shape = (finer_x.nrows(), finer_y.nrows());
        let corridor = Corridor::around(&path.cells, (2, 2), shape, CORRIDOR_FRAMES);
        path = corner_path(finer_x.view(), finer_y.view(), &corridor, progress)?;
    }
    Ok((path, levels))
}

/// The best part: rows of each side, and the mean cost.
#[derive(Debug, Clone)]
struct Part {
    midi: std::ops::Range<usize>,
    audio: std::ops::Range<usize>,
    cost: f64,
}

/// The best part: the side that is shorter at a tempo ratio is searched for whole inside the other.
fn best_part(midi: ArrayView2<'_, f32>, audio: ArrayView2<'_, f32>, progress: &Progress) -> Result<Part> {
    let mut best = Part { midi: 0..midi.nrows(), audio: 0..audio.nrows(), cost: f64::INFINITY };
    for step in PART_RATIOS {
        let ratio = 2f64.powf(f64::from(step) / 6.0);
        let stretched = stretch(midi, ((midi.nrows() as f64 * ratio) as usize).max(2));
        let back = |range: std::ops::Range<usize>| {
            let to_midi = |row: usize| ((row as f64 / ratio).round() as usize).min(midi.nrows());
            to_midi(range.start)..to_midi(range.end)
        };
        let (inner, outer) =
            if stretched.nrows() <= audio.nrows() { (stretched.view(), audio) } else { (audio, stretched.view()) };
        let (found, cost) = inside(inner, outer, progress)?;
        if cost < best.cost {
            best = if stretched.nrows() <= audio.nrows() {
                Part { midi: 0..midi.nrows(), audio: found, cost }
            } else {
                Part { midi: back(found), audio: 0..audio.nrows(), cost }
            };
        }
    }
    Ok(best)
}

/// Where in `outer` all of `inner` lies, and the mean cost of the path.
fn inside(
    inner: ArrayView2<'_, f32>,
    outer: ArrayView2<'_, f32>,
    progress: &Progress,
) -> Result<(std::ops::Range<usize>, f64)> {
    // At least half a column from row to row: the path can't begin on the left edge or end on the right one.
    let rows = inner.nrows();
    let ranges = (0..rows).map(|i| i / 2..outer.nrows() - (rows - 1 - i) / 2).collect();
    let corridor = Corridor::new(ranges, outer.nrows())?;
    let steps = StepCosts { diagonal: 2.0, vertical: 1.5, horizontal: 1.5, ..StepCosts::default() };
    let params = DtwParams { start: PathStart::Edges, end: End::Gully(0.5), steps };
    let path = dtw_features_16bit(inner, outer, &corridor, &params, progress)?;
    let (first, last) = (path.cells[0].1, path.cells[path.cells.len() - 1].1);
    Ok((first..last + 1, mean(&path.costs)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::CqtParams;

    const FRAME_S: f64 = 0.05;

    /// Magnitudes of two-note chords that change every eight frames and never recur, in all bins of the MIDI side.
    fn music(frames: usize) -> Array2<f32> {
        let bins = CqtParams::default().bins + 2 * KEY_MARGIN;
        Array2::from_shape_fn((frames, bins), |(i, bin)| {
            let chord = ((i / 8) as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let notes = [10 + (chord >> 40) % 40, 10 + (chord >> 50) % 40];
            if notes.contains(&(bin as u64)) { 1.0 } else { 0.001 }
        })
    }

    /// What a recording of `frames` of it sounds like, `semitones` higher.
    fn recording(midi: &Array2<f32>, frames: impl Iterator<Item = usize>, semitones: i32) -> Array2<f32> {
        let rows: Vec<usize> = frames.collect();
        let first = (KEY_MARGIN as i32 - semitones) as usize;
        midi.select(ndarray::Axis(0), &rows).slice(s![.., first..first + CqtParams::default().bins]).to_owned()
    }

    /// The largest difference, in frames, between `knots` and audio frame = `truth(MIDI frame)`.
    fn worst(knots: &[(f64, f64)], truth: impl Fn(f64) -> f64) -> f64 {
        assert!(knots.len() > 20, "{} knots", knots.len());
        knots.iter().map(|&(m, a)| (a / FRAME_S - truth(m / FRAME_S)).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn any_tempo_is_followed_and_its_ratio_is_found() {
        let midi = music(1200);
        let audio = recording(&midi, (0..1200).step_by(2), 0);
        let found = rough(&midi, &audio, FRAME_S, &Progress::silent()).unwrap();
        assert_eq!((found.transpose, found.part), (0, false));
        assert!(worst(&found.knots, |m| m / 2.0) < 4.0);
        assert!(worst(&found.steady[0], |m| m / 2.0) < 4.0);
        assert!(found.cost < 0.3 * found.null_cost, "{} {}", found.cost, found.null_cost);
    }

    #[test]
    fn another_key_is_found() {
        let midi = music(800);
        for semitones in [-5, 3, 6] {
            let audio = recording(&midi, 0..800, semitones);
            let found = rough(&midi, &audio, FRAME_S, &Progress::silent()).unwrap();
            assert_eq!(found.transpose, semitones);
            assert!(worst(&found.knots, |m| m) < 4.0);
        }
    }

    #[test]
    fn a_recording_of_a_part_is_found_in_the_midi_and_the_other_way_round() {
        let midi = music(1600);
        let audio = recording(&midi, 600..1000, 0);
        let found = rough(&midi, &audio, FRAME_S, &Progress::silent()).unwrap();
        assert!(found.part);
        assert!(worst(&found.knots, |m| m - 600.0) < 6.0);

        let audio = recording(&midi, 0..1600, 0);
        let part = midi.slice(s![600..1000, ..]).to_owned();
        let found = rough(&part, &audio, FRAME_S, &Progress::silent()).unwrap();
        assert!(found.part);
        assert!(worst(&found.knots, |m| m + 600.0) < 6.0);
    }

    #[test]
    fn a_long_pair_goes_from_coarse_to_fine() {
        let midi = music(4 * COARSEST_FRAMES);
        let audio = recording(&midi, 0..4 * COARSEST_FRAMES, 0);
        let found = rough(&midi, &audio, FRAME_S, &Progress::silent()).unwrap();
        assert_eq!(found.levels, 3);
        assert!(worst(&found.knots, |m| m) < 2.0);
    }

    #[test]
    fn silence_and_what_is_not_a_number_are_answered() {
        let (midi, bins) = (music(100), CqtParams::default().bins);
        let silent = Array2::zeros((100, bins));
        assert!(matches!(rough(&midi, &silent, FRAME_S, &Progress::silent()), Err(Error::Nothing { .. })));
        // Three frames against a minute: nothing is left of them when the minute is examined coarsely.
        let short = midi.slice(s![..3, ..]).to_owned();
        let audio = recording(&midi, 0..100, 0);
        assert!(matches!(rough(&short, &audio, FRAME_S, &Progress::silent()), Err(Error::Nothing { .. })));
        let mut audio = recording(&midi, 0..100, 0);
        audio[[50, 20]] = f32::NAN;
        let found = rough(&midi, &audio, FRAME_S, &Progress::silent()).unwrap();
        assert!(found.cost.is_finite() && found.knots.iter().all(|k| k.0.is_finite() && k.1.is_finite()));
    }
    #[test]
    fn an_hour_of_silence_behind_the_music_does_not_make_it_silent() {
        let music = music(100);
        let rows = contrast(&music);
        let mut long = Array2::zeros((8000, music.ncols()));
        long.slice_mut(s![..100, ..]).assign(&music);
        let found = contrast(&long);
        assert_eq!(found.slice(s![..100, ..]), rows);
        assert!(found.slice(s![100.., ..]).iter().all(|x| *x == 0.0));
    }
}
