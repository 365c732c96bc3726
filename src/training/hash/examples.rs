//! [`Examples`]: the pairs in memory, and the batches drawn from them.

use crate::dataset::{Dataset, Pair, Split, Work};
use crate::encoder::{INPUT_BINS, InputScaling, Levels, Side, least_one, scale_roll};
use crate::error::{Error, Result};
use crate::features::{FRAME_S, WIDE_BINS};
use crate::hashing::HashModel;
use crate::job::Progress;
use crate::training::batch::{Batch, MOST_TRANSPOSED};
use crate::training::colour::Colour;
use half::f16;
use half::slice::HalfFloatSliceExt as _;
use ndarray::{Array2, s};
use rand::seq::index;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most pairs over which inputs are standardised.
const STANDARDISED: usize = 512;

/// One side of a pair: the data kept, and what its scaling needs to know.
struct Recorded {
    /// Frames × 60.
    values: Vec<f16>,
    bins: usize,
    levels: Levels,
}

impl Recorded {
    fn new(frames: &Array2<f32>, scaling: InputScaling) -> Self {
        let values = frames.iter().map(|v| f16::from_f32(*v)).collect();
        Self { values, bins: frames.ncols(), levels: Levels::of(scaling, frames.view()) }
    }

    /// Some frames, 48 bins from bin `from`, as stored except for their colour.
    fn crop(&self, frames: std::ops::Range<usize>, from: usize, colour: Option<&Colour>) -> Array2<f32> {
        if let Some(colour) = colour {
            let mut all = Array2::zeros((frames.len(), self.bins));
            let values = &self.values[frames.start * self.bins..frames.end * self.bins];
            values.convert_to_f32_slice(all.as_slice_mut().expect("contiguous"));
            colour.apply(all.view_mut());
            return all.slice_move(s![.., from..from + INPUT_BINS]);
        }
        let mut crop = Array2::zeros((frames.len(), INPUT_BINS));
        for (frame, mut row) in frames.zip(crop.rows_mut()) {
            let at = frame * self.bins + from;
            self.values[at..at + INPUT_BINS].convert_to_f32_slice(row.as_slice_mut().expect("contiguous"));
        }
        crop
    }
}

/// A pair in memory.
struct Example {
    group: usize,
    frames: usize,
    midi: Recorded,
    audio: Recorded,
}

impl Example {
    fn side(&self, side: Side) -> &Recorded {
        if side == Side::Midi { &self.midi } else { &self.audio }
    }
}

/// The examples to learn from, and those that decide when to stop.
pub(super) struct Examples {
    train: Vec<Example>,
    valid: Vec<Example>,
    sees_roll: bool,
    scaling: InputScaling,
    /// Number of works learned from, and of works that decide when to stop.
    pub works: (usize, usize),
}

/// How a batch is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw {
    pub crops: usize,
    pub frames: usize,
    /// Semitones, either way.
    pub transposed: usize,
    /// Strength of the audio side's [`Colour`].
    pub recolour: f32,
}

impl Examples {
    /// Reads all pairs of the training and validation splits that have at least `crop_frames` frames, in the form that
    /// `model` takes as input.
    ///
    /// # Errors
    /// Those of [`Dataset::open`] and [`Dataset::load`]; [`Error::Nothing`] if fewer than two works can be learned
    /// from, or none can decide when to stop.
    pub(crate) fn load(
        folders: &[PathBuf],
        model: &HashModel,
        crop_frames: usize,
        progress: &Progress,
    ) -> Result<Self> {
        let (sees_roll, scaling) = (model.sees_roll(Side::Midi), model.architecture().scaling);
        let mut examples = Self { train: Vec::new(), valid: Vec::new(), sees_roll, scaling, works: (0, 0) };
        for (index, folder) in folders.iter().enumerate() {
            let data = Dataset::open(folder)?;
            for split in [Split::Train, Split::Valid] {
                let part = index as f32 + if split == Split::Train { 0.0 } else { 0.95 };
                let share = 1.0 / folders.len() as f32;
                let until = index as f32 + if split == Split::Train { 0.95 } else { 1.0 };
                let progress = progress.part(part * share, until * share);
                // Group numbers of different folders are different works; a folder named twice is drawn from twice as
                // often.
                let first = folders.iter().position(|other| other == folder).unwrap_or(index);
                let offset = first << 32;
                let (loaded, works) = examples.load_split(&data, split, (crop_frames, offset), &progress)?;
                if split == Split::Train {
                    examples.train.extend(loaded);
                    examples.works.0 += if first == index { works } else { 0 };
                } else if first == index {
                    examples.valid.extend(loaded);
                    examples.works.1 += works;
                }
            }
        }
        let named = || folders.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", ");
        if examples.works.0 < 2 {
            let count = examples.works.0;
            let reason =
                format!("{count} works of {crop_frames} frames or more to learn from, 2 are needed: {}", named());
            return Err(Error::Training(reason));
        }
        if examples.works.1 < 2 {
            let count = examples.works.1;
            let reason =
                format!("{count} works of {crop_frames} frames or more to validate on, 2 are needed: {}", named());
            return Err(Error::Training(reason));
        }
        Ok(examples)
    }

    fn load_split(
        &self,
        data: &Dataset,
        split: Split,
        (crop_frames, offset): (usize, usize),
        progress: &Progress,
    ) -> Result<(Vec<Example>, usize)> {
        let works: Vec<&Work> = data.works(split).collect();
        let wanted: Vec<(&Work, usize)> = works
            .iter()
            .flat_map(|&work| (0..work.variants()).filter(|&v| work.frames[v] >= crop_frames).map(move |v| (work, v)))
            .collect();
        let done = AtomicUsize::new(0);
        let total = wanted.len();
        let examples: Vec<Example> = wanted
            .into_par_iter()
            .map(|(work, variant)| {
                progress.step(done.fetch_add(1, Ordering::Relaxed), total)?;
                let pair = data.load(work, variant)?;
                Ok(self.example(&pair, work.group + offset))
            })
            .collect::<Result<_>>()?;
        let mut groups: Vec<usize> = examples.iter().map(|example| example.group).collect();
        groups.sort_unstable();
        groups.dedup();
        Ok((examples, groups.len()))
    }

    fn example(&self, pair: &Pair, group: usize) -> Example {
        let midi = if self.sees_roll { &pair.roll } else { &pair.midi };
        Example {
            group,
            frames: pair.midi.nrows(),
            midi: Recorded::new(midi, self.scaling),
            audio: Recorded::new(&pair.audio, self.scaling),
        }
    }

    /// Pairs to learn from.
    pub(crate) fn pairs(&self) -> usize {
        self.train.len()
    }

    fn scaled(&self, example: &Example, side: Side, frames: std::ops::Range<usize>, from: usize) -> Array2<f32> {
        self.coloured(example, side, frames, from, None)
    }

    fn coloured(
        &self,
        example: &Example,
        side: Side,
        frames: std::ops::Range<usize>,
        from: usize,
        colour: Option<&Colour>,
    ) -> Array2<f32> {
        let recorded = example.side(side);
        let mut crop = recorded.crop(frames, from, colour);
        if side == Side::Midi && self.sees_roll {
            scale_roll(crop.view_mut());
        } else {
            self.scaling.apply(&recorded.levels, from, crop.view_mut());
        }
        crop
    }

    /// Sets the standardisation of both inputs: mean and deviation of each bin over the training frames, as the
    /// networks see them, transposed by any number of semitones (spec A: 1 if nothing varies).
    pub(crate) fn standardise(&self, model: &mut HashModel, seed: u64) {
        let mut rng = Pcg64::seed_from_u64(seed ^ 0x57A7);
        let count = self.train.len().min(STANDARDISED);
        let chosen = index::sample(&mut rng, self.train.len(), count).into_vec();
        let from: Vec<usize> = chosen.iter().map(|_| rng.random_range(0..=2 * MOST_TRANSPOSED)).collect();
        for side in Side::BOTH {
            let sums: Vec<(Vec<f64>, Vec<f64>, usize)> = chosen
                .par_iter()
                .zip(&from)
                .map(|(&at, &from)| {
                    let example = &self.train[at];
                    let frames = self.scaled(example, side, 0..example.frames, from);
                    let (mut sum, mut squares) = (vec![0.0; INPUT_BINS], vec![0.0; INPUT_BINS]);
                    for row in frames.rows() {
                        for (bin, v) in row.iter().enumerate() {
                            sum[bin] += f64::from(*v);
                            squares[bin] += f64::from(v * v);
                        }
                    }
                    (sum, squares, frames.nrows())
                })
                .collect();
            let count = sums.iter().map(|(_, _, n)| n).sum::<usize>().max(1) as f64;
            let branch = model.branch_mut(side);
            for bin in 0..INPUT_BINS {
                let mean = sums.iter().map(|(sum, _, _)| sum[bin]).sum::<f64>() / count;
                let square = sums.iter().map(|(_, squares, _)| squares[bin]).sum::<f64>() / count;
                branch.mean[bin] = mean as f32;
                branch.deviation[bin] = least_one((square - mean * mean).max(0.0).sqrt() as f32);
            }
        }
    }

    /// A batch of crops, or as many as there are pairs: random pairs, positions and colours of the audio side, and one
    /// transposition for both sides of a crop.
    pub(crate) fn batch(&self, model: &HashModel, draw: Draw, rng: &mut Pcg64) -> Batch {
        let Draw { crops, frames, transposed, recolour } = draw;
        let chosen = index::sample(rng, self.train.len(), crops.min(self.train.len())).into_vec();
        let reach = transposed.min(MOST_TRANSPOSED);
        let crops: Vec<(usize, usize, usize, Option<Colour>)> = chosen
            .into_iter()
            .map(|at| {
                let start = rng.random_range(0..=self.train[at].frames - frames);
                let from = rng.random_range(MOST_TRANSPOSED - reach..=MOST_TRANSPOSED + reach);
                let colour = (recolour > 0.0).then(|| Colour::draw(recolour, WIDE_BINS, FRAME_S as f32, rng));
                (at, start, from, colour)
            })
            .collect();
        let side = |side: Side| -> Vec<Array2<f32>> {
            crops
                .par_iter()
                .map(|(at, start, from, colour)| {
                    let colour = if side == Side::Audio { colour.as_ref() } else { None };
                    let mut crop = self.coloured(&self.train[*at], side, *start..start + frames, *from, colour);
                    model.branch(side).standardise(crop.view_mut());
                    crop
                })
                .collect()
        };
        let groups = crops.iter().map(|(at, ..)| self.train[*at].group).collect();
        Batch { midi: side(Side::Midi), audio: side(Side::Audio), groups }
    }

    /// Up to `most` crops of `frames` frames to validate on, always the same.
    pub(crate) fn validation(&self, model: &HashModel, most: usize, frames: usize) -> Batch {
        let step = self.valid.len().div_ceil(most).max(1);
        let chosen: Vec<&Example> = self.valid.iter().step_by(step).collect();
        let side = |side: Side| -> Vec<Array2<f32>> {
            chosen
                .par_iter()
                .map(|example| {
                    let length = frames.min(example.frames);
                    let start = (example.frames - length) / 2;
                    let mut crop = self.scaled(example, side, start..start + length, MOST_TRANSPOSED);
                    model.branch(side).standardise(crop.view_mut());
                    crop
                })
                .collect()
        };
        let groups = chosen.iter().map(|example| example.group).collect();
        Batch { midi: side(Side::Midi), audio: side(Side::Audio), groups }
    }
}
