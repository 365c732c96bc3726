//! How well codes distinguish matching moments from others, on a split of a data set (spec D, "Objective"; the
//! histogram is that of ISMIR 2015, figure 3).

use super::Report;
use crate::dataset::{Dataset, Pair, Split, Work};
use crate::error::{Error, Result};
use crate::features::{log_normalize, wide_window};
use crate::hashing::{CodePair, HashModel, MidiFeatures, Separation, Side, Tpaa};
use crate::job::Progress;
use ndarray::Array2;
use rayon::prelude::*;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Pairs of the training split from which thresholds are computed.
const THRESHOLD_PAIRS: usize = 200;

/// The quality of one way to make codes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CodeQuality {
    /// `tpaa`, or the model's file.
    pub system: String,
    /// Bits of a code.
    pub bits: usize,
    /// Works and pairs examined.
    pub works: usize,
    /// See [`works`](Self::works).
    pub pairs: usize,
    /// Bhattacharyya coefficient of the two distributions: lower is better.
    pub bc: f64,
    /// Whether most codes are identical.
    pub collapsed: bool,
    /// Mean distance of matching steps, and of steps of different works.
    pub means: (f64, f64),
    /// Numbers of step pairs, by distance.
    pub histograms: Separation,
}

/// A way to make codes.
enum Coder<'a> {
    Tpaa { midi: Tpaa, audio: Tpaa },
    Model(&'a HashModel),
}

/// The 48 bins that codes are made of.
fn seen(frames: &Array2<f32>) -> Array2<f32> {
    wide_window(frames, 0).to_owned()
}

fn published(log_magnitudes: &Array2<f32>) -> Array2<f32> {
    log_normalize(&seen(log_magnitudes).mapv_into(f32::exp))
}

impl Coder<'_> {
    fn bits(&self) -> usize {
        if let Self::Model(model) = self { model.bits() } else { 32 }
    }

    fn codes(&self, pair: &Pair, group: usize) -> Result<CodePair> {
        let (midi, audio) = match self {
            Self::Tpaa { midi, audio } => {
                let code = |tpaa: &Tpaa, frames| -> Result<Vec<u32>> {
                    Ok(tpaa.hash(published(frames).view(), 1.0)?.codes().to_vec())
                };
                (code(midi, &pair.midi)?, code(audio, &pair.audio)?)
            }
            Self::Model(model) => {
                let roll = model.architecture().midi_input == MidiFeatures::PianoRoll;
                let midi = seen(if roll { &pair.roll } else { &pair.midi });
                (model.hash(Side::Midi, midi.view()), model.hash(Side::Audio, seen(&pair.audio).view()))
            }
        };
        Ok(CodePair { group, midi, audio })
    }
}

/// Thresholds are the means over pairs of the training split, or of `split` if there are none, separately for each
/// side.
fn tpaa(data: &Dataset, split: Split) -> Result<Coder<'static>> {
    let split = if data.works(Split::Train).next().is_some() { Split::Train } else { split };
    let (mut midi, mut audio) = (Vec::new(), Vec::new());
    // A pair that can't be read is reported where it is examined.
    for pair in data.works(split).take(THRESHOLD_PAIRS).filter_map(|work| data.load(work, 0).ok()) {
        midi.push(published(&pair.midi));
        audio.push(published(&pair.audio));
    }
    let trained = |frames: &[Array2<f32>]| Tpaa::trained_on(frames.iter().map(|frames| frames.view()));
    Ok(Coder::Tpaa { midi: trained(&midi)?, audio: trained(&audio)? })
}

/// Codes of TPAA and of each model on all pairs of a split. Pairs that can't be read are reported and left out.
///
/// # Errors
/// As [`Dataset::open`]; [`Error::Nothing`] if fewer than two works of the split can be read; [`Error::Cancelled`].
pub fn separation(
    folder: &Path,
    split: Split,
    models: &[(String, HashModel)],
    progress: &Progress,
) -> Result<Report<CodeQuality>> {
    let data = Dataset::open(folder)?;
    let wanted: Vec<(&Work, usize)> =
        data.works(split).flat_map(|work| (0..work.variants()).map(move |variant| (work, variant))).collect();
    if wanted.is_empty() {
        return Err(Error::nothing(format!("no {} works in the data set", json_name(split))).at(folder));
    }
    let mut coders = vec![("tpaa".to_owned(), tpaa(&data, split)?)];
    coders.extend(models.iter().map(|(name, model)| (name.clone(), Coder::Model(model))));

    let (done, coding) = (AtomicUsize::new(0), progress.part(0.0, 0.9));
    let results: Vec<Result<Vec<CodePair>>> = wanted
        .par_iter()
        .map(|&(work, variant)| {
            coding.step(done.fetch_add(1, Ordering::Relaxed), wanted.len())?;
            let pair = data.load(work, variant)?;
            coders.iter().map(|(_, coder)| coder.codes(&pair, work.group)).collect()
        })
        .collect();
    let mut skipped = Vec::new();
    let mut codes: Vec<Vec<CodePair>> = coders.iter().map(|_| Vec::new()).collect();
    for (&(work, variant), result) in wanted.iter().zip(results) {
        match result {
            Ok(made) => codes.iter_mut().zip(made).for_each(|(codes, made)| codes.push(made)),
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => skipped.push((PathBuf::from(format!("{}-{variant}", work.id)), error)),
        }
    }
    let mut groups: Vec<usize> = codes[0].iter().map(|pair| pair.group).collect();
    groups.sort_unstable();
    groups.dedup();
    if groups.len() < 2 {
        return Err(Error::nothing(format!("{} works to tell apart, 2 are needed", groups.len())).at(folder));
    }
    let quality = |((system, coder), codes): (&(String, Coder), &Vec<CodePair>)| {
        let histograms = Separation::of(codes, coder.bits());
        CodeQuality {
            system: system.clone(),
            bits: coder.bits(),
            works: groups.len(),
            pairs: codes.len(),
            bc: histograms.coefficient(),
            collapsed: histograms.collapsed(),
            means: histograms.means(),
            histograms,
        }
    };
    let mut qualities = Vec::new();
    for system in coders.iter().zip(&codes) {
        progress.part(0.9, 1.0).step(qualities.len(), coders.len())?;
        qualities.push(quality(system));
    }
    progress.step(1, 1)?;
    Ok(Report { done: qualities, skipped })
}

fn json_name(split: Split) -> &'static str {
    match split {
        Split::Train => "training",
        Split::Valid => "validation",
        Split::Develop => "development",
        Split::Test => "test",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::WIDE_BINS;
    use crate::hashing::Architecture;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_pcg::Pcg64;
    use serde_json::Value;

    /// Works of noise, the same on both sides; the last pair's file is cut short.
    fn data(works: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("pairs")).expect("a folder");
        let mut entries = Vec::new();
        for index in 0..works {
            let mut rng = Pcg64::seed_from_u64(index as u64);
            let midi = Array2::from_shape_fn((80, WIDE_BINS), |_| rng.random_range(-9.0..0.0));
            let id = format!("{index:032x}");
            let pair = Pair { audio: midi.clone(), roll: midi.clone(), midi, midi_time: vec![0.0; 80] };
            Dataset::store(folder.path(), &id, 0, &pair, &Value::Null).expect("stored");
            let (path, title) = (PathBuf::from("a.mid"), index.to_string());
            entries.push(Work {
                id,
                path,
                title,
                group: index,
                split: Split::Test,
                frames: vec![80],
                recordings: Vec::new(),
                skipped: None,
                warning: None,
            });
        }
        Dataset::new(folder.path(), Value::Null, entries).save().expect("saved");
        let last = folder.path().join(format!("pairs/{:032x}-0.safetensors", works - 1));
        let bytes = std::fs::read(&last).expect("read");
        std::fs::write(&last, &bytes[..bytes.len() / 2]).expect("written");
        folder
    }

    #[test]
    fn equal_sides_are_told_apart_and_a_damaged_pair_is_named() {
        let folder = data(5);
        let model = HashModel::new(Architecture::antiphon(), 0).expect("a model");
        let models = [("untrained".to_owned(), model)];
        let report = separation(folder.path(), Split::Test, &models, &Progress::silent()).expect("evaluated");
        assert_eq!(report.skipped.len(), 1);
        assert!(report.skipped[0].1.to_string().contains("not a whole safetensors file"));
        let [tpaa, untrained] = &report.done[..] else { panic!("two systems: {:?}", report.done) };
        // Equal sides have equal codes if both are coded alike; the two untrained networks are different.
        assert!(tpaa.histograms.matching[0] == 4 * 10 && tpaa.bc < 0.05, "{tpaa:?}");
        assert!(untrained.bc > 0.5 && untrained.works == 4, "{untrained:?}");

        let error = separation(folder.path(), Split::Valid, &models, &Progress::silent()).expect_err("nothing there");
        assert!(error.to_string().contains("no validation works"), "{error}");
    }
}
