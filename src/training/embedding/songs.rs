//! [`Songs`]: the pairs in memory, pooled as the network sees them, and the batches drawn from them.

use crate::dataset::{Dataset, Split, Work};
use crate::embedding::{EmbeddingModel, WINDOW_FRAMES, pool_frames};
use crate::encoder::{INPUT_BINS, InputScaling, Levels, Side, least_one};
use crate::error::{Error, Result};
use crate::features::FRAME_S;
use crate::job::Progress;
use crate::training::batch::{Batch, MOST_TRANSPOSED};
use crate::training::colour::Colour;
use ndarray::{Array2, ArrayView2, s};
use rand::seq::index;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The first bin of the highest window.
const HIGHEST: usize = 2 * MOST_TRANSPOSED;
/// How often the MIDI side shows the whole work; otherwise it shows a section around the recording's.
const WHOLE: f64 = 0.5;

/// One side of a pair: log magnitudes, (pooled frames × 60), not below the scaling's floor.
struct Recorded {
    pooled: Array2<f32>,
    levels: Levels,
}

impl Recorded {
    fn new(frames: &Array2<f32>, scaling: InputScaling, pooled_frames: usize) -> Self {
        let levels = Levels::of(scaling, frames.view());
        let floor = scaling.floor(&levels);
        let floored = frames.mapv(|v| v.max(floor));
        Self { pooled: pool_frames(floored.view(), pooled_frames), levels }
    }
}

struct Song {
    group: usize,
    midi: Recorded,
    audio: Recorded,
}

/// The songs to learn from, and those that decide which parameters are kept.
pub(super) struct Songs {
    train: Vec<Song>,
    valid: Vec<Song>,
    pooled_frames: usize,
    /// Number of works learned from, and of works validated on.
    pub works: (usize, usize),
}

/// How a batch is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw {
    pub songs: usize,
    /// Shortest and longest clip of the recording, in frames.
    pub clip_frames: (usize, usize),
    pub transposed: usize,
    /// Most semitones by which the recording is moved against the MIDI, in half of the clips.
    pub key_shift: usize,
    /// Strength of the audio side's [`Colour`].
    pub recolour: f32,
    /// The MIDI is played up to this many times faster or slower.
    pub tempo: f32,
}

impl Songs {
    /// Reads all pairs of the training and validation splits with at least `least_frames` frames.
    ///
    /// # Errors
    /// Those of [`Dataset::open`] and [`Dataset::load`]; [`Error::Training`] if there is too little to learn from.
    pub(crate) fn load(
        folders: &[PathBuf],
        model: &EmbeddingModel,
        least_frames: usize,
        progress: &Progress,
    ) -> Result<Self> {
        let architecture = model.architecture();
        let (scaling, pooled_frames) = (architecture.scaling, architecture.pooled_frames);
        let mut songs = Self { train: Vec::new(), valid: Vec::new(), pooled_frames, works: (0, 0) };
        for (index, folder) in folders.iter().enumerate() {
            let data = Dataset::open(folder)?;
            // A folder named twice is drawn from twice as often.
            let first = folders.iter().position(|other| other == folder).unwrap_or(index);
            let splits: &[Split] = if first == index { &[Split::Train, Split::Valid] } else { &[Split::Train] };
            let wanted: Vec<(&Work, usize)> = splits
                .iter()
                .flat_map(|&split| data.works(split))
                .flat_map(|work| {
                    (0..work.variants()).filter(|&v| work.frames[v] >= least_frames).map(move |v| (work, v))
                })
                .collect();
            let part = progress.part(index as f32 / folders.len() as f32, (index + 1) as f32 / folders.len() as f32);
            let done = AtomicUsize::new(0);
            let loaded: Vec<(Split, Song)> = wanted
                .par_iter()
                .map(|&(work, variant)| {
                    part.step(done.fetch_add(1, Ordering::Relaxed), wanted.len())?;
                    let pair = data.load(work, variant)?;
                    let side = |frames| Recorded::new(frames, scaling, pooled_frames);
                    // Groups of different folders are different works.
                    let song =
                        Song { group: work.group + (first << 32), midi: side(&pair.midi), audio: side(&pair.audio) };
                    Ok((work.split, song))
                })
                .collect::<Result<_>>()?;
            for (split, song) in loaded {
                if split == Split::Train { songs.train.push(song) } else { songs.valid.push(song) }
            }
        }
        let works = |songs: &[Song]| {
            let mut groups: Vec<usize> = songs.iter().map(|song| song.group).collect();
            groups.sort_unstable();
            groups.dedup();
            groups.len()
        };
        songs.works = (works(&songs.train), works(&songs.valid));
        if songs.works.0 < 2 || songs.works.1 < 2 {
            let (train, valid) = songs.works;
            let named = folders.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", ");
            return Err(Error::Training(format!(
                "{train} works of {least_frames} frames or more to learn from and {valid} to validate on, 2 of each are \
                 needed: {named}"
            )));
        }
        Ok(songs)
    }

    /// Sets the standardisation of both inputs: mean and deviation of each bin over the training frames, as the
    /// networks see them.
    pub(crate) fn standardise(&self, model: &mut EmbeddingModel) {
        let scaling = model.architecture().scaling;
        for side in Side::BOTH {
            let (mut sum, mut squares, mut count) = (vec![0.0; INPUT_BINS], vec![0.0; INPUT_BINS], 0.0);
            for song in &self.train {
                let recorded = if side == Side::Midi { &song.midi } else { &song.audio };
                let mut frames = window(recorded.pooled.view(), MOST_TRANSPOSED).to_owned();
                scaling.apply(&recorded.levels, MOST_TRANSPOSED, frames.view_mut());
                for row in frames.rows() {
                    for (bin, v) in row.iter().enumerate() {
                        sum[bin] += f64::from(*v);
                        squares[bin] += f64::from(v * v);
                    }
                    count += 1.0;
                }
            }
            let branch = model.branch_mut(side);
            for bin in 0..INPUT_BINS {
                let mean = sum[bin] / count;
                branch.mean[bin] = mean as f32;
                branch.deviation[bin] = least_one((squares[bin] / count - mean * mean).max(0.0).sqrt() as f32);
            }
        }
    }

    /// Random songs; for each a clip of the recording, and the MIDI of at least that at another tempo, in the same key.
    pub(crate) fn batch(&self, model: &EmbeddingModel, draw: Draw, rng: &mut Pcg64) -> Batch {
        let chosen = index::sample(rng, self.train.len(), draw.songs.min(self.train.len())).into_vec();
        let seeds: Vec<(usize, u64)> = chosen.into_iter().map(|at| (at, rng.random())).collect();
        let made: Vec<(usize, Array2<f32>, Array2<f32>)> = seeds
            .into_par_iter()
            .map(|(at, seed)| {
                let (song, mut rng) = (&self.train[at], Pcg64::seed_from_u64(seed));
                let frames = song.audio.pooled.nrows();
                let (least, most) = (draw.clip_frames.0 / self.pooled_frames, draw.clip_frames.1 / self.pooled_frames);
                let length = rng.random_range(least.min(frames)..=most.min(frames)).max(1);
                let start = rng.random_range(0..=frames - length);
                let from = rng.random_range(MOST_TRANSPOSED - draw.transposed..=MOST_TRANSPOSED + draw.transposed);
                let (mut first, mut last) = (0, frames);
                if !rng.random_bool(WHOLE) {
                    let more = least / 3;
                    first = start.saturating_sub(rng.random_range(0..=more));
                    last = (start + length + rng.random_range(0..=more)).min(frames);
                }
                let ratio = draw.tempo.powf(rng.random_range(-1.0..=1.0f32));
                let midi = resampled(song.midi.pooled.slice(s![first..last, ..]), ratio);
                let mut midi = window(midi.view(), from).to_owned();
                let mut audio = song.audio.pooled.slice(s![start..start + length, ..]).to_owned();
                if draw.recolour > 0.0 {
                    let frame_s = FRAME_S as f32 * self.pooled_frames as f32;
                    Colour::draw(draw.recolour, audio.ncols(), frame_s, &mut rng).apply(audio.view_mut());
                }
                let heard = if draw.key_shift > 0 && rng.random_bool(0.5) {
                    rng.random_range(from.saturating_sub(draw.key_shift)..=(from + draw.key_shift).min(HIGHEST))
                } else {
                    from
                };
                let mut audio = window(audio.view(), heard).to_owned();
                model.scale(Side::Midi, &song.midi.levels, from, midi.view_mut());
                model.scale(Side::Audio, &song.audio.levels, heard, audio.view_mut());
                (song.group, midi, audio)
            })
            .collect();
        unzipped(made)
    }

    /// All songs to validate on, always the same: 45 s of the recording, all of the MIDI.
    pub(crate) fn validation(&self, model: &EmbeddingModel) -> Batch {
        let made = self.valid.iter().map(|song| {
            let frames = song.audio.pooled.nrows();
            let length = (WINDOW_FRAMES / self.pooled_frames).min(frames);
            let start = (frames - length) / 2;
            let mut midi = window(song.midi.pooled.view(), MOST_TRANSPOSED).to_owned();
            let clip = song.audio.pooled.slice(s![start..start + length, ..]);
            let mut audio = window(clip, MOST_TRANSPOSED).to_owned();
            model.scale(Side::Midi, &song.midi.levels, MOST_TRANSPOSED, midi.view_mut());
            model.scale(Side::Audio, &song.audio.levels, MOST_TRANSPOSED, audio.view_mut());
            (song.group, midi, audio)
        });
        unzipped(made.collect())
    }
}

fn unzipped(made: Vec<(usize, Array2<f32>, Array2<f32>)>) -> Batch {
    let mut batch = Batch { midi: Vec::new(), audio: Vec::new(), groups: Vec::new() };
    for (group, midi, audio) in made {
        batch.groups.push(group);
        batch.midi.push(midi);
        batch.audio.push(audio);
    }
    batch
}

/// The 48 bins from bin `from`.
fn window(frames: ArrayView2<'_, f32>, from: usize) -> ArrayView2<'_, f32> {
    frames.slice_move(s![.., from..from + INPUT_BINS])
}

/// `ratio` times as many rows, linearly interpolated.
fn resampled(rows: ArrayView2<f32>, ratio: f32) -> Array2<f32> {
    let count = ((rows.nrows() as f32 * ratio).round() as usize).max(1);
    let mut out = Array2::zeros((count, rows.ncols()));
    let scale = (rows.nrows() - 1) as f32 / (count.max(2) - 1) as f32;
    for (i, mut to) in out.rows_mut().into_iter().enumerate() {
        let at = i as f32 * scale;
        let low = (at as usize).min(rows.nrows() - 1);
        let high = (low + 1).min(rows.nrows() - 1);
        let share = at - low as f32;
        to.assign(&(&rows.row(low) * (1.0 - share) + &rows.row(high) * share));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_recordings_are_moved_against_their_midi() {
        let model = EmbeddingModel::new(crate::embedding::EmbeddingArchitecture::antiphon(), 1).unwrap();
        // Each bin of a side has its own level.
        let side = || {
            let frames = Array2::from_shape_fn((64, 2 * MOST_TRANSPOSED + INPUT_BINS), |(_, bin)| bin as f32);
            Recorded::new(&frames, model.architecture().scaling, 1)
        };
        let song = |group| Song { group, midi: side(), audio: side() };
        let songs = Songs { train: (0..40).map(song).collect(), valid: Vec::new(), pooled_frames: 1, works: (40, 0) };
        let draw = |key_shift, transposed| Draw {
            songs: 40,
            clip_frames: (32, 32),
            transposed,
            key_shift,
            recolour: 0.0,
            tempo: 1.0,
        };
        let shifted = |draw: Draw| {
            let batch = songs.batch(&model, draw, &mut Pcg64::seed_from_u64(2));
            let other = |(a, b): (&Array2<f32>, &Array2<f32>)| (a[[0, 0]] - b[[0, 0]]).abs() > 1e-4;
            batch.midi.iter().zip(&batch.audio).filter(|pair| other(*pair)).count()
        };
        assert_eq!(shifted(draw(0, 6)), 0);
        assert!((8..32).contains(&shifted(draw(3, 6))), "{}", shifted(draw(3, 6)));
    }

    #[test]
    fn another_tempo_keeps_both_ends() {
        let rows = Array2::from_shape_fn((10, 1), |(i, _)| i as f32);
        for (ratio, count) in [(0.5, 5), (1.0, 10), (2.0, 20)] {
            let out = resampled(rows.view(), ratio);
            assert_eq!(out.nrows(), count);
            assert!((out[[0, 0]], out[[count - 1, 0]]) == (0.0, 9.0), "{out:?}");
        }
        assert_eq!(resampled(rows.slice(s![..1, ..]), 2.0), ndarray::array![[0.0], [0.0]]);
    }
}
