//! Analysed recordings, kept on disk: decoding and analysing is most of the work of a second run.

use crate::audio::{ANALYSIS_RATE, Keep, Recording, Waveform};
use crate::error::{Error, Result};
use crate::features::onsets::{HOP_SAMPLES, Onsets};
use crate::features::{FRAME_S, LogSpectrum, Spectrum};
use crate::files::{self, ends_in, md5_of};
use crate::job::Progress;
use crate::pair::{self, AudioSide};
use half::f16;
use ndarray::{Array2, s};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::path::{Path, PathBuf};

/// Names of the two matrices, raised when their numbers change.
const MAGNITUDES: &str = "log_magnitudes/1";
const LEVELS: &str = "onset_levels/1";
/// Extension of kept recordings.
pub(super) const ENDING: &str = "sound";

/// Returns a recording: read from `cache` if it is there, otherwise stored there. A file that was [kept](keep) is one,
/// too.
///
/// # Errors
/// Those of decoding and analysing; [`Error::Cancelled`].
pub(super) fn recording(path: &Path, cache: Option<&Path>, progress: &Progress) -> Result<AudioSide> {
    let kept: Option<PathBuf> = if ends_in(path, ENDING) {
        Some(path.to_path_buf())
    } else if let Some(folder) = cache {
        let (md5, _) = md5_of(path, || progress.step(0, 1))?;
        Some(folder.join(format!("{md5}.{ENDING}")))
    } else {
        None
    };
    if let Some([log, levels]) = kept.as_deref().and_then(read) {
        let onsets = Onsets::from_levels(levels, HOP_SAMPLES as f64 / f64::from(ANALYSIS_RATE));
        return Ok(AudioSide::from_analysis(path.into(), silent(), LogSpectrum::from_rows(log).magnitudes(), onsets));
    }
    let side = pair::load_audio(path, Keep::Analysis, progress)?;
    if let Some(kept) = &kept {
        keep(&side, kept)?;
    }
    Ok(side)
}

/// Stores the analysis of a recording.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn keep(side: &AudioSide, path: &Path) -> Result<()> {
    let log = side.spectrum().logarithm().into_rows();
    let Some(onsets) = side.onsets() else { return Ok(()) };
    let halves =
        |rows: &Array2<f32>| -> Vec<u8> { rows.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect() };
    let (magnitudes, levels) = (halves(&log), halves(&onsets.levels));
    let view = |rows: &Array2<f32>, bytes| TensorView::new(Dtype::F16, vec![rows.nrows(), rows.ncols()], bytes);
    let refused = |error: safetensors::SafeTensorError| Error::Internal(format!("a recording can't be kept: {error}"));
    let views = [
        (MAGNITUDES, view(&log, &magnitudes).map_err(refused)?),
        (LEVELS, view(&onsets.levels, &levels).map_err(refused)?),
    ];
    files::write(path, &safetensors::serialize(views, None).map_err(refused)?)
}

/// Reads a stored analysis; `None` if it is missing, damaged or of another version: it is then made again.
fn read(path: &Path) -> Option<[Array2<f32>; 2]> {
    let bytes = std::fs::read(path).ok()?;
    let tensors = SafeTensors::deserialize(&bytes).ok()?;
    let of = |name: &str| {
        let tensor = tensors.tensor(name).ok().filter(|tensor| tensor.dtype() == Dtype::F16)?;
        let &[rows, columns] = tensor.shape() else { return None };
        let values = tensor.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect();
        Array2::from_shape_vec((rows, columns), values).ok().filter(|m| m.iter().all(|x| x.is_finite()))
    };
    Some([of(MAGNITUDES)?, of(LEVELS)?])
}

/// A recording with only its analysis, without sound.
fn silent() -> Recording {
    super::super::rendering(Waveform { samples: Vec::new(), sample_rate: ANALYSIS_RATE })
}

/// The part of a recording between two frames of its features.
pub(super) fn part(side: &AudioSide, (from, to): (usize, usize)) -> Option<AudioSide> {
    let onsets = side.onsets()?;
    let of_onsets = |frame: usize| ((frame as f64 * FRAME_S / onsets.frame_s) as usize).min(onsets.frames());
    let levels = onsets.levels.slice(s![of_onsets(from)..of_onsets(to), ..]).to_owned();
    let onsets = Onsets::from_levels(levels, onsets.frame_s);
    let magnitudes = side.spectrum().magnitudes().slice(s![from..to, ..]).to_owned();
    Some(AudioSide::from_analysis(side.path.clone(), silent(), Spectrum::from_magnitudes(magnitudes), onsets))
}
