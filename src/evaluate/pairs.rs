//! Whether the confidence separates right pairs from wrong ones.

use super::{Report, each};
use crate::alignment::Preset;
use crate::audio::Keep;
use crate::error::{Error, Result};
use crate::files::{below, sides, stem};
use crate::job::Progress;
use crate::pair;
use crate::synth::SoundFont;
use crate::verdict;
use serde::Serialize;
use std::path::Path;

/// One cell of the confusion table of [`pairs`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Combination {
    /// The MIDI file.
    pub midi: String,
    /// The recording.
    pub audio: String,
    /// The aligner.
    pub preset: Preset,
    /// Whether they belong together.
    pub same: bool,
    /// The aligner's confidence.
    pub confidence: f64,
}

/// Aligns every MIDI file of a folder with every recording in it; `X.mid` belongs to `X.ogg`.
///
/// # Errors
/// [`Error::Nothing`] if there is no pair; [`Error::Cancelled`].
pub fn pairs(folder: &Path, font: &SoundFont, presets: &[Preset], progress: &Progress) -> Result<Report<Combination>> {
    let (midis, audios) = sides(below(folder));
    if midis.is_empty() || audios.is_empty() {
        return Err(Error::nothing("no MIDI files with recordings").at(folder));
    }
    let loaded = each(&audios, &progress.part(0.0, 0.3), |path, p| pair::load_audio(path, Keep::Analysis, p))?;
    let rows = each(&midis, &progress.part(0.3, 1.0), |path, p| {
        let midi = pair::load_midi(path, font, p)?;
        let cells = presets.iter().flat_map(|preset| loaded.done.iter().map(move |audio| (*preset, audio)));
        cells
            .map(|(preset, audio)| {
                let alignment = verdict::align(&midi, audio, preset, p)?;
                Ok(Combination {
                    midi: stem(path),
                    audio: stem(&audio.path),
                    preset,
                    same: stem(path) == stem(&audio.path),
                    confidence: alignment.confidence,
                })
            })
            .collect::<Result<Vec<_>>>()
    })?;
    let skipped = loaded.skipped.into_iter().chain(rows.skipped).collect();
    Ok(Report { done: rows.done.into_iter().flatten().collect(), skipped })
}

/// Area under the ROC curve: how often the true one of a true and a false pair has the higher confidence; ties count
/// half. Only for `preset`.
pub fn auc(combinations: &[Combination], preset: Preset) -> f64 {
    let of =
        |same: bool| combinations.iter().filter(move |c| c.same == same && c.preset == preset).map(|c| c.confidence);
    let (mut wins, mut all) = (0.0, 0.0);
    for right in of(true) {
        for wrong in of(false) {
            wins += if right > wrong {
                1.0
            } else if right < wrong {
                0.0
            } else {
                0.5
            };
            all += 1.0;
        }
    }
    wins / f64::max(all, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_of_a_perfect_and_a_blind_judge() {
        let cell = |same, confidence| Combination {
            midi: "m".into(),
            audio: "a".into(),
            preset: Preset::Gen2,
            same,
            confidence,
        };
        assert!((auc(&[cell(true, 0.9), cell(false, 0.1), cell(false, 0.2)], Preset::Gen2) - 1.0).abs() < 1e-12);
        assert!((auc(&[cell(true, 0.5), cell(false, 0.5)], Preset::Gen2) - 0.5).abs() < 1e-12);
    }
}
