//! Log magnitudes of files, kept on disk: the input of the retrieval figures takes long to render and seconds to read
//! back.

use crate::audio::{self, ANALYSIS_RATE, Keep};
use crate::error::{Error, Result};
use crate::features::{self, CqtParams, LogSpectrum, Spectrum, WIDE_BINS};
use crate::files;
use crate::job::Progress;
use crate::midi::Midi;
use crate::synth::{self, SoundFont};
use half::f16;
use ndarray::Array2;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::path::Path;

/// Name of the matrix in a cache file, with the version of its contents: raised when the numbers change.
const TENSOR: &str = "log_magnitudes/2";

/// The wide spectrum of a recording, or of the synthesis of a MIDI file with `font`: read from `cache` if it is there,
/// otherwise stored there.
///
/// # Errors
/// Those of reading, decoding and synthesising; [`Error::Nothing`] if a MIDI file has no notes; [`Error::Cancelled`].
pub(super) fn log_spectrum(
    path: &Path,
    font: &SoundFont,
    cache: Option<&Path>,
    progress: &Progress,
) -> Result<LogSpectrum> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let is_midi = files::is_midi(path);
    let by = if is_midi { font.name() } else { "" };
    let key = files::md5([TENSOR.as_bytes(), by.as_bytes(), &bytes].concat());
    let kept = cache.map(|folder| folder.join(format!("{key}.safetensors")));
    if let Some(matrix) = kept.as_deref().and_then(read) {
        return Ok(LogSpectrum::from_rows(matrix));
    }
    let wave = if is_midi {
        let midi = Midi::parse(&bytes).map_err(|error| error.at(path))?;
        if midi.notes().is_empty() {
            return Err(Error::nothing("the MIDI file has no notes").at(path));
        }
        synth::render(&midi, font, ANALYSIS_RATE, &progress.part(0.0, 0.8))?
    } else {
        audio::decode(path, Keep::Analysis, &progress.part(0.0, 0.8))?.mono
    };
    let cents = if is_midi { 0.0 } else { features::tuning(&wave) };
    let params = CqtParams { cents, ..CqtParams::wide() };
    let matrix = Spectrum::of(&wave, &params, &progress.part(0.8, 1.0))?.into_logarithm().into_rows();
    if let Some(kept) = &kept {
        files::write(kept, &bytes_of(&matrix, path)?)?;
    }
    // What a second run would read: half floats.
    Ok(LogSpectrum::from_rows(matrix.mapv(|x| f16::from_f32(x).to_f32())))
}

fn bytes_of(matrix: &Array2<f32>, path: &Path) -> Result<Vec<u8>> {
    let halves: Vec<u8> = matrix.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F16, vec![matrix.nrows(), matrix.ncols()], &halves);
    let metadata = HashMap::from([("path".to_owned(), path.to_string_lossy().into_owned())]);
    view.and_then(|view| safetensors::serialize([(TENSOR, view)], Some(metadata)))
        .map_err(Error::internal("a matrix can't be kept"))
}

/// Reads a cache file; `None` if it is missing, damaged or of another version: it is then made again.
fn read(path: &Path) -> Option<Array2<f32>> {
    let bytes = std::fs::read(path).ok()?;
    let tensors = SafeTensors::deserialize(&bytes).ok()?;
    let tensor = tensors.tensor(TENSOR).ok().filter(|tensor| tensor.dtype() == Dtype::F16)?;
    let &[frames, WIDE_BINS] = tensor.shape() else { return None };
    let values: Vec<f32> = tensor.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect();
    Array2::from_shape_vec((frames, WIDE_BINS), values).ok().filter(|matrix| matrix.iter().all(|x| x.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_reads_what_the_first_one_gave_and_a_damaged_file_is_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let font = SoundFont::bundled().expect("the bundled font");
        let midi = folder.path().join("a.mid");
        let notes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x0d\0\x90\x45\x60\x60\x80\x45\0\0\xff\x2f\0\0";
        std::fs::write(&midi, notes).expect("written");
        let cache = folder.path().join("cache");
        std::fs::create_dir(&cache).expect("a folder");
        let analyse = || log_spectrum(&midi, &font, Some(&cache), &Progress::silent()).expect("a note").into_rows();
        let first = analyse();
        assert!(first.nrows() > 5 && first.ncols() == WIDE_BINS);
        let kept = files_of(&cache);
        assert_eq!(kept.len(), 1);
        assert_eq!(read(&kept[0]).expect("whole"), first);
        let bytes = std::fs::read(&kept[0]).expect("read");
        std::fs::write(&kept[0], &bytes[..bytes.len() / 2]).expect("written");
        assert_eq!(analyse(), first);
        assert_eq!(std::fs::read(&kept[0]).expect("read"), bytes);
    }

    fn files_of(folder: &Path) -> Vec<std::path::PathBuf> {
        crate::files::below(folder)
    }
}
