//! What the networks know about one file: its codes, in every key if it is a MIDI file, its vectors, and how much music
//! it contains.

use crate::alignment::contrast;
use crate::embedding::{self, EmbeddingModel};
use crate::error::Result;
use crate::features::{FRAME_S, LogSpectrum};
use crate::hashing::{HashModel, HashSequence, Side};
use crate::job::Progress;
use crate::pair::{AudioSide, MidiSide};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

/// Keys in which a MIDI file is tried, in semitones.
pub(crate) const KEYS: std::ops::RangeInclusive<i32> = -5..=6;

/// The networks that a judge uses.
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

/// How much music a file contains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Amount {
    /// Seconds in which something sounds.
    pub(crate) seconds: f64,
    /// How varied its moments are: 0 for a steady tone.
    pub(crate) variety: f64,
}

/// What is known about a file.
#[derive(Debug, Clone)]
pub(crate) struct Traits {
    side: Side,
    /// [`FRAME_S`] apart; wide for a MIDI file.
    log: LogSpectrum,
    /// Codes in each of its keys: only one for a recording.
    pub(crate) codes: Vec<InKey>,
    pub(crate) amount: Amount,
}

impl Traits {
    /// The traits of a MIDI file.
    pub(crate) fn of_midi(midi: &MidiSide, models: &Models, progress: &Progress) -> Result<Self> {
        Self::new(Side::Midi, midi.spectrum().logarithm(), models, progress)
    }

    /// The traits of a recording.
    pub(crate) fn of_audio(audio: &AudioSide, models: &Models, progress: &Progress) -> Result<Self> {
        Self::new(Side::Audio, audio.spectrum().logarithm(), models, progress)
    }

    fn new(side: Side, log: LogSpectrum, models: &Models, progress: &Progress) -> Result<Self> {
        let log = log.at_usual_rate();
        let keys = if log.is_wide() { KEYS } else { 0..=0 };
        let in_key = |key| {
            progress.step(0, 1)?;
            let codes = HashSequence::of(&models.hash, side, log.window(key), FRAME_S)?;
            Ok(InKey { key, codes })
        };
        let keys: Vec<i32> = keys.collect();
        let codes = keys.into_par_iter().map(in_key).collect::<Result<Vec<_>>>()?;
        let amount = amount(log.window(0));
        Ok(Self { side, log, codes, amount })
    }

    /// Its vectors in a key: one for each window of some seconds, then the whole.
    pub(crate) fn vectors(&self, key: i32, model: &EmbeddingModel) -> Array2<f32> {
        let frames = self.log.window(key);
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

/// The amount of music in natural log magnitudes, (frames × 48), [`FRAME_S`] apart.
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
