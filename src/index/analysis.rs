//! The analysis of a file: all that a search needs of its sound.

use crate::audio::{self, ANALYSIS_RATE, Keep, Tags};
use crate::embedding::{self, EmbeddingModel};
use crate::error::{Error, Result};
use crate::features::{self, BINS, CqtParams, FRAME_S, Features, LogSpectrum, Spectrum, WIDE_BINS};
use crate::files;
use crate::hashing::{HashModel, HashSequence, MidiFeatures, Side};
use crate::job::Progress;
use crate::midi::Midi;
use crate::synth::{self, SoundFont};
use crate::verdict::{self, Amount};
use ndarray::{Array2, ArrayView2, s};
use std::path::Path;

/// A file analysed for indexing or searching.
#[derive(Debug, Clone)]
pub struct Analysis {
    pub(crate) side: Side,
    /// With extra bins at both ends.
    pub(crate) log: LogSpectrum,
    pub(crate) seconds: f64,
    pub(crate) tags: Tags,
    pub(crate) warning: Option<String>,
}

impl Analysis {
    /// Decodes a recording, or synthesises a MIDI file with `font`.
    ///
    /// # Errors
    /// Those of reading, decoding and synthesising; [`Error::Nothing`] without notes or samples; [`Error::Cancelled`].
    pub fn of(path: &Path, font: &SoundFont, progress: &Progress) -> Result<Self> {
        let (side, wave, tags, warning) = if files::is_midi(path) {
            let midi = Midi::read(path)?;
            if midi.notes().is_empty() {
                return Err(Error::nothing("the MIDI file has no notes").at(path));
            }
            let wave = synth::render(&midi, font, ANALYSIS_RATE, &progress.part(0.0, 0.8))?;
            (Side::Midi, wave, Tags::default(), None)
        } else {
            let recording = audio::decode(path, Keep::Analysis, &progress.part(0.0, 0.8))?;
            (Side::Audio, recording.mono, recording.tags, recording.warning)
        };
        let cents = if side == Side::Audio { features::tuning(&wave) } else { 0.0 };
        let params = CqtParams { cents, ..CqtParams::wide() };
        let spectrum = Spectrum::of(&wave, &params, &progress.part(0.8, 1.0))?;
        if spectrum.is_empty() {
            return Err(Error::nothing("the recording has no samples").at(path));
        }
        Ok(Self { side, log: spectrum.into_logarithm(), seconds: wave.seconds(), tags, warning })
    }

    /// Builds it from levels kept in an index.
    pub(crate) fn from_levels(side: Side, bytes: &[u8]) -> Self {
        Self::from_log(side, LogSpectrum::from_rows(super::levels::from_bytes(bytes, WIDE_BINS)))
    }

    /// Builds it from a wide spectrum.
    pub(crate) fn from_log(side: Side, log: LogSpectrum) -> Self {
        let seconds = log.frames() as f64 * FRAME_S;
        Self { side, log, seconds, tags: Tags::default(), warning: None }
    }

    /// Whether it is a recording or a MIDI file.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Its duration.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// The 48 bins from note 36 on, of the music moved up by `key` semitones, −6 to 6.
    pub(crate) fn window(&self, key: i32) -> ArrayView2<'_, f32> {
        self.log.window(key)
    }

    /// How much music there is in it.
    pub(crate) fn amount(&self) -> Amount {
        verdict::amount(self.window(0))
    }

    /// Its codes when moved up by `key` semitones.
    pub(crate) fn codes(&self, model: &HashModel, key: i32) -> Result<HashSequence> {
        HashSequence::of(model, self.side, self.window(key), FRAME_S)
    }

    /// Its features as in the papers (spec A) when moved up by `key` semitones.
    pub(crate) fn features(&self, key: i32) -> Features {
        self.log.features(key)
    }
}

/// How a sequence is turned into the vectors that prune a search.
#[derive(Debug, Clone)]
pub enum Embedder {
    /// Mean and deviation of each bin: the papers' baseline, 96 values.
    Statistics,
    /// A trained model, 128 values.
    Model(Box<EmbeddingModel>),
}

impl Embedder {
    /// The embedder of a new index unless another is chosen.
    ///
    /// # Errors
    /// Those of [`EmbeddingModel::bundled`].
    pub fn standard() -> Result<Self> {
        Ok(Self::Model(Box::new(EmbeddingModel::bundled()?)))
    }

    /// Number of values in a vector.
    pub fn dimension(&self) -> usize {
        match self {
            Self::Statistics => 2 * BINS,
            Self::Model(_) => embedding::EMBEDDED,
        }
    }

    /// One row for each window of a file and, if there are several, a last one for the whole, with the music moved up
    /// by `key` semitones: (rows × dimension).
    pub(crate) fn rows(&self, of: &Analysis, key: i32) -> Array2<f32> {
        let frames = of.window(key);
        let features = matches!(self, Self::Statistics).then(|| of.features(key));
        let mut windows = embedding::windows(frames.nrows());
        if windows.len() > 1 {
            windows.push(0..frames.nrows());
        }
        let mut rows = Array2::zeros((windows.len(), self.dimension()));
        for (window, mut row) in windows.into_iter().zip(rows.rows_mut()) {
            let part = s![window, ..];
            match (self, &features) {
                (Self::Model(model), _) => row.assign(&model.embed(of.side, frames.slice(part)).vector),
                (Self::Statistics, Some(features)) => {
                    row.assign(&ndarray::Array1::from(embedding::statistics(features.frames.slice(part))));
                }
                (Self::Statistics, None) => {}
            }
        }
        rows
    }
}

/// Refuses a model whose MIDI side takes an input that an index doesn't keep.
///
/// # Errors
/// [`Error::Limit`].
pub(crate) fn check_model(model: &HashModel) -> Result<()> {
    if model.architecture().midi_input == MidiFeatures::PianoRoll {
        let limit = "models whose MIDI side sees the constant-Q transform".into();
        return Err(Error::Limit { what: "model", value: "that sees a piano roll".into(), limit });
    }
    if model.bits() != 16 && model.bits() != 32 {
        let value = format!("of {} bits", model.bits());
        return Err(Error::Limit { what: "model", value, limit: "16 or 32 bits".into() });
    }
    Ok(())
}
