//! What the networks know of one file: its codes, in every key where it is a MIDI file, its vectors, and how much music there
//! is.

use crate::alignment::{KEY_MARGIN, contrast};
use crate::embedding::{self, EmbeddingModel};
use crate::error::Result;
use crate::hashing::{HashModel, HashSequence, Side};
use crate::job::Progress;
use crate::pair::{AudioSide, FRAME_S, MidiSide};
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

/// Keys that a MIDI file is tried in, in semitones.
pub(crate) const KEYS: std::ops::RangeInclusive<i32> = -5..=6;

/// The networks that a judge listens with.
#[derive(Debug, Clone)]
pub(crate) struct Models {
    pub(crate) hash: HashModel,
    pub(crate) embedding: EmbeddingModel,
}

impl Models {
    pub(crate) fn bundled() -> Result<Self> {
        Ok(Self { hash: HashModel::bundled()?, embedding: EmbeddingModel::bundled()? })
    }
}

/// Codes of a file in one key.
#[derive(Debug, Clone)]
pub(crate) struct InKey {
    /// Semitones by which it was moved.
    pub(crate) key: i32,
    pub(crate) codes: HashSequence,
}

/// How much music there is in a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Amount {
    /// Seconds in which something sounds.
    pub(crate) seconds: f64,
    /// How different its moments are: 0 for a steady tone.
    pub(crate) variety: f64,
}

/// What is known of a file.
#[derive(Debug, Clone)]
pub(crate) struct Traits {
    side: Side,
    /// Natural log magnitudes, (frames × 48 or, of a MIDI file, 60), [`FRAME_S`] apart.
    log: Array2<f32>,
    /// In each of its keys: one for a recording.
    pub(crate) codes: Vec<InKey>,
    pub(crate) amount: Amount,
}

impl Traits {
    /// Of a MIDI file.
    pub(crate) fn of_midi(midi: &MidiSide, models: &Models, progress: &Progress) -> Result<Self> {
        Self::new(Side::Midi, midi.wide_log_magnitudes(), midi.features.times.seconds(1.0), models, progress)
    }

    /// Of a recording.
    pub(crate) fn of_audio(audio: &AudioSide, models: &Models, progress: &Progress) -> Result<Self> {
        Self::new(Side::Audio, audio.log_magnitudes(), audio.features.times.seconds(1.0), models, progress)
    }

    fn new(side: Side, log: Array2<f32>, frame_s: f64, models: &Models, progress: &Progress) -> Result<Self> {
        let log = at_models_rate(log, frame_s);
        let wide = log.ncols() > crate::hashing::INPUT_BINS;
        let keys = if wide { KEYS } else { 0..=0 };
        let in_key = |key| {
            progress.step(0, 1)?;
            let codes = HashSequence::of(&models.hash, side, window(&log, key), FRAME_S)?;
            Ok(InKey { key, codes })
        };
        let keys: Vec<i32> = keys.collect();
        let codes = keys.into_par_iter().map(in_key).collect::<Result<Vec<_>>>()?;
        let amount = amount(window(&log, 0));
        Ok(Self { side, log, codes, amount })
    }

    /// Its vectors in a key: one for each window of some seconds, then the whole.
    pub(crate) fn vectors(&self, key: i32, model: &EmbeddingModel) -> Array2<f32> {
        let frames = window(&self.log, key);
        let mut windows = embedding::windows(frames.nrows());
        windows.push(0..frames.nrows());
        let mut rows = Array2::zeros((windows.len(), embedding::EMBEDDED));
        for (window, mut row) in windows.into_iter().zip(rows.rows_mut()) {
            if !window.is_empty() {
                row.assign(&model.embed(self.side, frames.slice(s![window, ..])).vector);
            }
        }
        rows
    }
}

/// The bins that the networks see, of the music moved up by `key` semitones.
fn window(log: &Array2<f32>, key: i32) -> ArrayView2<'_, f32> {
    let margin = (log.ncols() - crate::hashing::INPUT_BINS) / 2;
    debug_assert!(margin == 0 || margin == KEY_MARGIN);
    let from = margin.saturating_add_signed(-key as isize).min(2 * margin);
    log.slice(s![.., from..from + crate::hashing::INPUT_BINS])
}

/// Frames as far apart as those that the networks learned from: the nearest ones.
fn at_models_rate(log: Array2<f32>, frame_s: f64) -> Array2<f32> {
    if (frame_s / FRAME_S - 1.0).abs() < 1e-6 || log.nrows() == 0 {
        return log;
    }
    let count = ((log.nrows() as f64 * frame_s / FRAME_S).ceil() as usize).max(1);
    let nearest = |i: usize| ((i as f64 * FRAME_S / frame_s).round() as usize).min(log.nrows() - 1);
    let rows: Vec<usize> = (0..count).map(nearest).collect();
    log.select(Axis(0), &rows)
}

/// Of natural log magnitudes, (frames × 48), [`FRAME_S`] apart.
pub(crate) fn amount(log: ArrayView2<'_, f32>) -> Amount {
    let rows = contrast(&log.mapv(f32::exp));
    let sounding: Vec<_> = rows.outer_iter().filter(|row| row.iter().any(|x| *x != 0.0)).collect();
    let mut sum = vec![0.0_f64; log.ncols()];
    for row in &sounding {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    let count = sounding.len().max(1) as f64;
    let length = sum.iter().map(|x| (x / count).powi(2)).sum::<f64>();
    Amount { seconds: sounding.len() as f64 * FRAME_S, variety: (1.0 - length).clamp(0.0, 1.0) }
}
