//! [`EmbeddingMatrix`]: how far all MIDI files of a set are from all its recordings, with one vector for each. This is
//! the talk's picture of about 100 × 100, with its dark diagonal.

use super::analysed::log_spectrum;
use super::clips::Clips;
use super::retrieval::Embedder;
use super::{Report, each};
use crate::dataset::Split;
use crate::embedding::{Distances, EmbeddingModel, squared_distance};
use crate::error::{Error, Result};
use crate::features::wide_window;
use crate::files::{below, same_place, sides, stem};
use crate::hashing::Side;
use crate::job::Progress;
use crate::synth::SoundFont;
use ndarray::{Array1, Array2, ArrayView2};
use std::path::PathBuf;

/// Where pairs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairSource {
    /// Recordings with a MIDI file of the same name beside each.
    Folder(PathBuf),
    /// A split of a data set: all of the MIDI of each pair, and a clip of its audio side.
    Split(PathBuf, Split),
}

/// What a row or column stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sounding {
    /// Its name.
    pub name: String,
    /// Its file; `None` if it was rendered and not kept.
    pub path: Option<PathBuf>,
    /// Items of one group belong together.
    pub group: usize,
}

/// Euclidean distances of embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingMatrix {
    /// The MIDI files: rows.
    pub midi: Vec<Sounding>,
    /// The recordings: columns.
    pub audio: Vec<Sounding>,
    /// (MIDI files × recordings).
    pub distances: Array2<f32>,
}

impl EmbeddingMatrix {
    /// Builds the matrix from the embedded rows and columns, each with its vector.
    pub fn new(midi: Vec<(Sounding, Array1<f32>)>, audio: Vec<(Sounding, Array1<f32>)>) -> Self {
        let distance = |(i, j): (usize, usize)| squared_distance(midi[i].1.view(), audio[j].1.view()).sqrt();
        let distances = Array2::from_shape_fn((midi.len(), audio.len()), distance);
        let names = |side: Vec<(Sounding, Array1<f32>)>| side.into_iter().map(|(sounding, _)| sounding).collect();
        Self { midi: names(midi), audio: names(audio), distances }
    }

    /// Whether a row and a column belong together.
    pub fn belongs(&self, midi: usize, audio: usize) -> bool {
        self.midi[midi].group == self.audio[audio].group
    }

    /// Histograms of its cells.
    pub fn spread(&self) -> Distances {
        let (mut matching, mut different) = (Vec::new(), Vec::new());
        for ((row, column), distance) in self.distances.indexed_iter() {
            if self.belongs(row, column) { matching.push(*distance) } else { different.push(*distance) }
        }
        Distances::of(&matching, &different)
    }

    /// For each MIDI file with a recording here, how many recordings are at most as far away as that one: 1 means
    /// first.
    pub fn ranks(&self) -> Vec<usize> {
        let rank = |row: usize| {
            let columns = || self.distances.row(row).into_iter().enumerate();
            let own = columns().filter(|(column, _)| self.belongs(row, *column)).map(|(_, d)| *d).reduce(f32::min)?;
            Some(1 + columns().filter(|(column, d)| !self.belongs(row, *column) && **d <= own).count())
        };
        (0..self.midi.len()).filter_map(rank).collect()
    }
}

/// Embeds at most `most` pairs, evenly spaced. MIDI files are synthesised with `font`.
///
/// # Errors
/// As [`Dataset::open`](crate::dataset::Dataset::open); [`Error::Nothing`] if there are fewer than two pairs;
/// [`Error::Cancelled`].
pub fn embedding_matrix(
    source: &PairSource,
    model: &EmbeddingModel,
    font: &SoundFont,
    most: usize,
    progress: &Progress,
) -> Result<Report<EmbeddingMatrix>> {
    let embedder = Embedder::Model("", model);
    let embed = |side, log: ArrayView2<'_, f32>| embedder.vector(side, log);
    let (mut midi, mut audio) = (Vec::new(), Vec::new());
    let skipped = match source {
        PairSource::Split(folder, split) => {
            let clips = Clips::open(folder, *split, 0)?.thinned(most);
            let seen = clips.each(progress, |midi, audio| {
                (embed(Side::Midi, wide_window(midi, 0)), embed(Side::Audio, wide_window(audio, 0)))
            })?;
            for (clip, (of_midi, of_audio)) in seen.done {
                let (name, group) = (clip.name, clip.group);
                midi.push((Sounding { name: name.clone(), path: Some(clip.midi), group }, of_midi));
                audio.push((Sounding { name, path: clip.audio, group }, of_audio));
            }
            seen.skipped
        }
        PairSource::Folder(folder) => {
            let (mut midis, recordings) = sides(below(folder));
            let own = |midi: &PathBuf| recordings.iter().find(|recording| same_place(recording, midi));
            midis.retain(|midi| own(midi).is_some());
            let count = midis.len();
            if count > most {
                midis = (0..most).map(|i| midis[i * count / most].clone()).collect();
            }
            let seen = each(&midis, progress, |path, p| {
                let recording = own(path).unwrap_or(path).clone();
                let of_midi = embed(Side::Midi, log_spectrum(path, font, None, p)?.window(0));
                Ok((
                    path.clone(),
                    of_midi,
                    embed(Side::Audio, log_spectrum(&recording, font, None, p)?.window(0)),
                    recording,
                ))
            })?;
            for (group, (path, of_midi, of_audio, recording)) in seen.done.into_iter().enumerate() {
                let name = stem(&path);
                midi.push((Sounding { name: name.clone(), path: Some(path), group }, of_midi));
                audio.push((Sounding { name, path: Some(recording), group }, of_audio));
            }
            seen.skipped
        }
    };
    if midi.len() < 2 {
        let folder = match source {
            PairSource::Folder(folder) | PairSource::Split(folder, _) => folder,
        };
        return Err(Error::nothing(format!("{} pairs to compare, 2 are needed", midi.len())).at(folder));
    }
    Ok(Report { done: vec![EmbeddingMatrix::new(midi, audio)], skipped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagonal_is_what_belongs_together() {
        let sounding = |group: usize| Sounding { name: group.to_string(), path: None, group };
        let side = |values: [f32; 3]| -> Vec<(Sounding, Array1<f32>)> {
            values.iter().enumerate().map(|(group, v)| (sounding(group), Array1::from(vec![*v]))).collect()
        };
        // The third recording is nearer to the second MIDI file than the second recording is.
        let matrix = EmbeddingMatrix::new(side([0.0, 1.0, 2.0]), side([0.1, 1.4, 1.2]));
        assert!((matrix.distances[[0, 2]] - 1.2).abs() < 1e-6 && matrix.belongs(1, 1) && !matrix.belongs(0, 1));
        assert_eq!(matrix.ranks(), [1, 2, 2]);
        let spread = matrix.spread();
        assert_eq!((spread.matching.iter().sum::<u64>(), spread.different.iter().sum::<u64>()), (3, 6));
    }

    #[test]
    fn a_folder_without_pairs_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = PairSource::Folder(folder.path().to_path_buf());
        let (model, font) = (EmbeddingModel::bundled().expect("a model"), SoundFont::bundled().expect("a font"));
        let error = embedding_matrix(&source, &model, &font, 9, &Progress::silent()).expect_err("nothing there");
        assert!(error.to_string().contains("0 pairs to compare"), "{error}");
    }
}
