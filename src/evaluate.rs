//! How good is an aligner on pairs whose truth is known: the figures of the papers and the README.
//!
//! Three kinds of data: [`asap`] (score and human performance, beats of both), [`pairs`] (recordings with their MIDI, and
//! every wrong combination), and [`Errors`] to sum up any of them.

use crate::alignment::Preset;
use crate::audio::{ANALYSIS_RATE, Keep, Recording, Tags};
use crate::error::{Error, Result};
use crate::job::Progress;
use crate::midi::{Midi, MidiTime};
use crate::pair::{self, AudioSide};
use crate::synth::{self, SoundFont};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Errors of one piece, in seconds where not said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Errors {
    /// Name of the piece.
    pub name: String,
    /// Moments compared.
    pub moments: usize,
    /// Median of |error|.
    pub median_s: f64,
    /// Share of moments within 50 ms.
    pub within_50_ms: f64,
    /// Share of moments within 100 ms.
    pub within_100_ms: f64,
    /// Mean of |error|, each clipped at 0.5 s (spec B, OPT).
    pub mean_clipped_s: f64,
    /// The aligner's confidence.
    pub confidence: f64,
}

impl Errors {
    /// Sums up `errors` (any sign). A piece without moments gives zeros.
    pub fn new(name: String, errors: &[f64], confidence: f64) -> Self {
        let mut sizes: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let share = |limit: f64| sizes.iter().filter(|e| **e <= limit).count() as f64 / sizes.len().max(1) as f64;
        Self {
            name,
            moments: sizes.len(),
            median_s: sizes.get(sizes.len() / 2).copied().unwrap_or(0.0),
            within_50_ms: share(0.05),
            within_100_ms: share(0.1),
            mean_clipped_s: sizes.iter().map(|e| e.min(0.5)).sum::<f64>() / sizes.len().max(1) as f64,
            confidence,
        }
    }

    /// Whether the aligner lost the piece: median above 100 ms.
    pub fn lost(&self) -> bool {
        self.median_s > 0.1
    }
}

/// Means over pieces, and how many were lost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Number of pieces.
    pub pieces: usize,
    /// Mean of the medians.
    pub median_s: f64,
    /// Mean share within 50 ms.
    pub within_50_ms: f64,
    /// Mean share within 100 ms.
    pub within_100_ms: f64,
    /// Mean of the clipped means.
    pub mean_clipped_s: f64,
    /// Pieces whose median is above 100 ms.
    pub lost: usize,
    /// Pieces with a confidence above .5.
    pub accepted: usize,
}

impl Summary {
    /// Sums up pieces.
    pub fn new(pieces: &[Errors]) -> Self {
        let mean = |value: fn(&Errors) -> f64| pieces.iter().map(value).sum::<f64>() / pieces.len().max(1) as f64;
        Self {
            pieces: pieces.len(),
            median_s: mean(|p| p.median_s),
            within_50_ms: mean(|p| p.within_50_ms),
            within_100_ms: mean(|p| p.within_100_ms),
            mean_clipped_s: mean(|p| p.mean_clipped_s),
            lost: pieces.iter().filter(|p| p.lost()).count(),
            accepted: pieces.iter().filter(|p| p.confidence > 0.5).count(),
        }
    }
}

/// What a batch did, and what it skipped with the reason.
#[derive(Debug)]
pub struct Report<T> {
    /// Results, in the order of the files.
    pub done: Vec<T>,
    /// Files that could not be used.
    pub skipped: Vec<(PathBuf, Error)>,
}

/// A recording that is a rendering of `midi` with `font`: for data sets that come without sound.
///
/// # Errors
/// As [`synth::render`].
pub fn rendering(midi: &Midi, font: &SoundFont, progress: &Progress) -> Result<Recording> {
    let mono = synth::render(midi, font, ANALYSIS_RATE, progress)?;
    Ok(Recording {
        mono,
        stereo: None,
        tags: Tags::default(),
        source_rate: ANALYSIS_RATE,
        channels: 1,
        codec: "rendering".into(),
        warning: None,
    })
}

/// The first column of an ASAP annotation file: seconds of each beat.
fn beats(path: &Path) -> Result<Vec<f64>> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    let first = |line: &str| line.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    Ok(text.lines().filter_map(first).collect())
}

/// ASAP: each folder with a `midi_score.mid` and a performance MIDI, beats of both in `…_annotations.txt`. The
/// performance is rendered with `audio_font`, the score synthesised with `midi_font`; each beat is a moment.
///
/// Folders whose two files don't have the same number of beats are skipped: there the truth is unknown.
///
/// # Errors
/// [`Error::Empty`] when there is no such folder; [`Error::Cancelled`].
pub fn asap(
    folder: &Path,
    midi_font: &SoundFont,
    audio_font: &SoundFont,
    preset: Preset,
    progress: &Progress,
) -> Result<Report<Errors>> {
    let is_score = |path: &Path| path.file_name().is_some_and(|name| name == "midi_score.mid");
    let scores: Vec<PathBuf> = files(folder).into_iter().filter(|path| is_score(path)).collect();
    if scores.is_empty() {
        return Err(Error::Empty(format!("no midi_score.mid below {folder:?}")));
    }
    let piece = |score: &PathBuf, progress: &Progress| -> Result<Errors> {
        let here = score.parent().unwrap_or(folder);
        let is_midi = |path: &&PathBuf| path.extension().is_some_and(|e| e == "mid") && !is_score(path);
        let near = files(here);
        let performance = near
            .iter()
            .find(is_midi)
            .ok_or_else(|| Error::Empty(format!("no performance beside the score: {score:?}")))?;
        let annotations = |path: &Path| path.with_file_name(format!("{}_annotations.txt", stem(path)));
        let (score_beats, performance_beats) = (beats(&annotations(score))?, beats(&annotations(performance))?);
        if score_beats.len() != performance_beats.len() {
            return Err(Error::Empty(format!(
                "{} beats in the score, {} in the performance: {score:?}",
                score_beats.len(),
                performance_beats.len()
            )));
        }
        let midi = pair::load_midi(score, midi_font, &progress.part(0.0, 0.4))?;
        let recording = rendering(&Midi::read(performance)?, audio_font, &progress.part(0.4, 0.8))?;
        let audio = AudioSide::new(performance.clone(), recording, &progress.part(0.8, 0.9))?;
        let alignment = pair::align(&midi, &audio, preset, &progress.part(0.9, 1.0))?;
        let errors: Vec<f64> = score_beats
            .iter()
            .zip(&performance_beats)
            .map(|(&m, &a)| alignment.map.to_audio(MidiTime(m)).0 - a)
            .collect();
        let name = here.strip_prefix(folder).unwrap_or(here).to_string_lossy().into_owned();
        Ok(Errors::new(name, &errors, alignment.confidence))
    };
    each(&scores, progress, piece)
}

/// One cell of the confusion table of [`pairs`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Combination {
    /// The MIDI file.
    pub midi: String,
    /// The recording.
    pub audio: String,
    /// Whether they belong together.
    pub same: bool,
    /// The aligner's confidence.
    pub confidence: f64,
}

/// Every MIDI file of a folder with every recording of it; `X.mid` belongs to `X.ogg` (or `.mp3`, `.flac`, `.wav`).
///
/// # Errors
/// [`Error::Empty`] when there is no pair; [`Error::Cancelled`].
pub fn pairs(folder: &Path, font: &SoundFont, preset: Preset, progress: &Progress) -> Result<Report<Combination>> {
    let all = files(folder);
    let has = |path: &&PathBuf, kinds: &[&str]| kinds.iter().any(|k| path.extension().is_some_and(|e| e == *k));
    let midis: Vec<PathBuf> = all.iter().filter(|p| has(p, &["mid", "midi"])).cloned().collect();
    let audios: Vec<PathBuf> =
        all.iter().filter(|p| has(p, &["ogg", "mp3", "flac", "wav", "opus", "m4a"])).cloned().collect();
    if midis.is_empty() || audios.is_empty() {
        return Err(Error::Empty(format!("no MIDI files with recordings in {folder:?}")));
    }
    let loaded = each(&audios, &progress.part(0.0, 0.3), |path, p| pair::load_audio(path, Keep::Analysis, p))?;
    let rows = each(&midis, &progress.part(0.3, 1.0), |path, p| {
        let midi = pair::load_midi(path, font, p)?;
        loaded
            .done
            .iter()
            .map(|audio| {
                let alignment = pair::align(&midi, audio, preset, p)?;
                Ok(Combination {
                    midi: stem(path),
                    audio: stem(&audio.path),
                    same: stem(path) == stem(&audio.path),
                    confidence: alignment.confidence,
                })
            })
            .collect::<Result<Vec<_>>>()
    })?;
    let skipped = loaded.skipped.into_iter().chain(rows.skipped).collect();
    Ok(Report { done: rows.done.into_iter().flatten().collect(), skipped })
}

/// Area under the ROC curve: how often a true pair has the higher confidence of a true and a false one; ties count half.
pub fn auc(combinations: &[Combination]) -> f64 {
    let of = |same: bool| combinations.iter().filter(move |c| c.same == same).map(|c| c.confidence);
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

/// Runs `work` on each file. A file that fails is skipped and named; a cancel ends it all.
fn each<T>(
    paths: &[PathBuf],
    progress: &Progress,
    mut work: impl FnMut(&PathBuf, &Progress) -> Result<T>,
) -> Result<Report<T>> {
    let mut report = Report { done: Vec::new(), skipped: Vec::new() };
    let share = 1.0 / paths.len().max(1) as f32;
    for (i, path) in paths.iter().enumerate() {
        match work(path, &progress.part(i as f32 * share, (i + 1) as f32 * share)) {
            Ok(result) => report.done.push(result),
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => report.skipped.push((path.clone(), error)),
        }
    }
    Ok(report)
}

/// All files below a folder, sorted. What can't be listed is left out: there is nothing in it to evaluate.
fn files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name();
    walk.into_iter()
        .filter_map(|e| e.ok().filter(|e| e.file_type().is_file()).map(walkdir::DirEntry::into_path))
        .collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_clipped_and_counted() {
        let errors = Errors::new("x".into(), &[0.01, -0.04, 0.08, 3.0], 1.0);
        assert!((errors.within_50_ms - 0.5).abs() < 1e-12);
        assert!((errors.within_100_ms - 0.75).abs() < 1e-12);
        assert!((errors.mean_clipped_s - (0.01 + 0.04 + 0.08 + 0.5) / 4.0).abs() < 1e-12);
        assert!(!errors.lost());
    }

    #[test]
    fn auc_of_a_perfect_and_a_blind_judge() {
        let cell = |same, confidence| Combination { midi: "m".into(), audio: "a".into(), same, confidence };
        assert!((auc(&[cell(true, 0.9), cell(false, 0.1), cell(false, 0.2)]) - 1.0).abs() < 1e-12);
        assert!((auc(&[cell(true, 0.5), cell(false, 0.5)]) - 0.5).abs() < 1e-12);
    }
}
