//! `antiphon hash` and `antiphon evaluate hash`.

use super::retrieval::{Search, SplitName, compared};
use super::{progress, soundfont};
use antiphon::audio::Keep;
use antiphon::dataset::Split;
use antiphon::error::Result;
use antiphon::evaluate::{self, CodeQuality};
use antiphon::export;
use antiphon::features::{self, FRAME_S};
use antiphon::hashing::{HashModel, HashSequence, MidiInput, Side, Tpaa};
use antiphon::pair;
use antiphon::picture::{self, Histogram};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `antiphon hash`.
#[derive(Debug, Args)]
pub(super) struct Hash {
    /// A recording or a MIDI file.
    file: PathBuf,
    /// Where the codes go: u32, one a step.
    #[arg(short, long, value_name = "NPY")]
    output: Option<PathBuf>,
    /// The baseline that learns nothing: 8 frames a step, bits are bins louder than their own mean over the file.
    #[arg(long, conflicts_with = "model")]
    tpaa: bool,
    /// A trained model, instead of the bundled one.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Soundfont (SF2) to synthesise a MIDI file with.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Hash {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let (model, name) = match &self.model {
            _ if self.tpaa => (None, "tpaa".into()),
            Some(path) => (Some(HashModel::load(path)?), path.to_string_lossy()),
            None => (Some(HashModel::bundled()?), "bundled".into()),
        };
        let is_midi = antiphon::files::is_midi(&self.file);
        let (side, features, input) = if is_midi {
            let midi = pair::load_midi(&self.file, &soundfont(self.soundfont.as_ref())?, &progress)?;
            let by_roll = |model: &HashModel| model.architecture().midi_input == MidiInput::PianoRoll;
            let input = if model.as_ref().is_some_and(by_roll) {
                features::piano_roll(&midi.midi, FRAME_S).frames
            } else {
                midi.spectrum().logarithm().window(0).to_owned()
            };
            (Side::Midi, midi.features, input)
        } else {
            let audio = pair::load_audio(&self.file, Keep::Analysis, &progress)?;
            let input = audio.spectrum().logarithm().window(0).to_owned();
            (Side::Audio, audio.features, input)
        };
        let sequence = match &model {
            Some(model) => HashSequence::of(model, side, input.view(), FRAME_S)?,
            None => Tpaa::trained_on([features.frames.view()])?.hash(features.frames.view(), FRAME_S)?,
        };
        if let Some(output) = &self.output {
            antiphon::files::write(output, &export::npy_codes(sequence.codes()))?;
        }
        let mut different = sequence.codes().to_vec();
        different.sort_unstable();
        different.dedup();
        answer!(
            "{:#}",
            json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "hash/1",
                "file": self.file.to_string_lossy(),
                "side": side,
                "model": name,
                "bits": sequence.bits(),
                "step_s": sequence.step_s(),
                "steps": sequence.len(),
                "different_codes": different.len(),
            })
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// What is measured of hash sequences.
#[derive(Debug, Subcommand)]
pub(super) enum EvaluateHash {
    /// Rank of the right recording of each MIDI file among many.
    Pairs(Pairs),
    /// Bhattacharyya coefficient and histograms of matching and other steps, on a data set.
    Dataset(OnDataset),
}

impl EvaluateHash {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Pairs(command) => command.run(),
            Self::Dataset(command) => command.run(),
        }
    }
}

/// Arguments of `antiphon evaluate hash dataset`.
#[derive(Debug, Args)]
pub(super) struct OnDataset {
    /// The data set (a folder that `antiphon dataset` wrote).
    folder: PathBuf,
    /// A trained model, beside the bundled one and the baseline that learns nothing; may be given several times.
    #[arg(long, value_name = "MODEL")]
    model: Vec<PathBuf>,
    /// Which works.
    #[arg(long, value_enum, default_value = "test")]
    split: SplitName,
    /// Draw the histograms.
    #[arg(long)]
    png: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl OnDataset {
    fn run(self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let split = Split::from(self.split);
        let models = compared(&self.model, HashModel::load, HashModel::bundled)?;
        let report = evaluate::separation(&self.folder, split, &models, &progress)?;
        if let Some(path) = &self.png {
            let histograms: Vec<Histogram> = report.done.iter().map(histogram).collect();
            antiphon::files::write(path, &export::png(&picture::histograms_png(&histograms))?)?;
        }
        if self.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "evaluation/1",
                "folder": self.folder.to_string_lossy(),
                "parameters": { "split": split },
                "results": report.done,
            });
            answer!("{document:#}");
        } else {
            for found in &report.done {
                answer!(
                    "{}: BC {:.4}, {} pairs of {} works, {} bits, mean distance {:.2} matching, {:.2} different{}",
                    found.system,
                    found.bc,
                    found.pairs,
                    found.works,
                    found.bits,
                    found.means.0,
                    found.means.1,
                    if found.collapsed { ", collapsed" } else { "" }
                );
            }
        }
        Ok(super::evaluate::finish(&report))
    }
}

fn histogram(found: &CodeQuality) -> Histogram<'_> {
    Histogram {
        title: format!("{}: BC {:.3}", found.system, found.bc),
        matching: &found.histograms.matching,
        different: &found.histograms.different,
    }
}

/// Arguments of `antiphon evaluate hash pairs`.
#[derive(Debug, Args)]
pub(super) struct Pairs {
    #[command(flatten)]
    search: Search,
    /// A trained model, beside the bundled one and the baseline that learns nothing; may be given several times.
    #[arg(long)]
    model: Vec<PathBuf>,
    /// Compare the features too, so many frames averaged into one; may be given several times, 1 takes long.
    #[arg(long, value_name = "FRAMES")]
    features: Vec<usize>,
}

impl Pairs {
    fn run(self) -> Result<ExitCode> {
        let models = compared(&self.model, HashModel::load, HashModel::bundled)?;
        self.search.run(|params, progress| evaluate::hash_retrieval(params, &models, &self.features, progress))
    }
}
