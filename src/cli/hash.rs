//! `antiphon hash` and `antiphon evaluate hash`.

use super::{progress, soundfont};
use antiphon::audio::Keep;
use antiphon::dataset::{FRAME_S, Split};
use antiphon::error::{Error, Result};
use antiphon::evaluate::{self, CodeQuality, RankCurve, RetrievalParams};
use antiphon::export;
use antiphon::features;
use antiphon::hashing::{HashModel, HashSequence, MidiInput, Side, Tpaa};
use antiphon::pair;
use antiphon::picture::{self, Histogram};
use clap::{Args, Subcommand, ValueEnum};
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
    #[arg(long, conflicts_with = "model", required_unless_present = "model")]
    tpaa: bool,
    /// A trained model.
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
        let model = self.model.as_deref().map(HashModel::load).transpose()?;
        let is_midi = pair::is_midi(&self.file);
        let (side, features, input) = if is_midi {
            let midi = pair::load_midi(&self.file, &soundfont(self.soundfont.as_ref())?, &progress)?;
            let by_roll = |model: &HashModel| model.architecture().midi_input == MidiInput::PianoRoll;
            let input = if model.as_ref().is_some_and(by_roll) {
                features::piano_roll(&midi.midi, FRAME_S).frames
            } else {
                midi.log_magnitudes()
            };
            (Side::Midi, midi.features, input)
        } else {
            let audio = pair::load_audio(&self.file, Keep::Analysis, &progress)?;
            let input = audio.log_magnitudes();
            (Side::Audio, audio.features, input)
        };
        let sequence = match &model {
            Some(model) => HashSequence::of(model, side, input.view(), FRAME_S)?,
            None => Tpaa::trained_on([features.frames.view()])?.hash(features.frames.view(), FRAME_S)?,
        };
        if let Some(output) = &self.output {
            export::write(output, &export::npy_codes(sequence.codes()))?;
        }
        let mut different = sequence.codes().to_vec();
        different.sort_unstable();
        different.dedup();
        println!(
            "{:#}",
            json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "hash/1",
                "file": self.file.to_string_lossy(),
                "side": side,
                "model": self.model.as_ref().map_or("tpaa".into(), |path| path.to_string_lossy()),
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SplitName {
    Train,
    Valid,
    Test,
}

/// Arguments of `antiphon evaluate hash dataset`.
#[derive(Debug, Args)]
pub(super) struct OnDataset {
    /// The data set (a folder that `antiphon dataset` wrote).
    folder: PathBuf,
    /// A model; may be given several times. The baseline that learns nothing is measured beside them.
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
        let split = match self.split {
            SplitName::Train => Split::Train,
            SplitName::Valid => Split::Valid,
            SplitName::Test => Split::Test,
        };
        let load = |path: &PathBuf| Ok((path.to_string_lossy().into_owned(), HashModel::load(path)?));
        let models: Vec<(String, HashModel)> = self.model.iter().map(load).collect::<Result<_>>()?;
        let report = evaluate::separation(&self.folder, split, &models, &progress)?;
        if let Some(path) = &self.png {
            let histograms: Vec<Histogram> = report.done.iter().map(histogram).collect();
            export::write(path, &export::png(&picture::histograms_png(&histograms))?)?;
        }
        if self.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "evaluation/1",
                "folder": self.folder.to_string_lossy(),
                "parameters": { "split": split },
                "results": report.done,
            });
            println!("{document:#}");
        } else {
            for found in &report.done {
                println!(
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
    /// MIDI files, with recordings of the same name beside them; where there is none, the MIDI file's rendering is looked for.
    folder: PathBuf,
    /// A folder of recordings and MIDI files to search among; may be given several times.
    #[arg(long, value_name = "DIR")]
    decoys: Vec<PathBuf>,
    /// A trained model; may be given several times.
    #[arg(long)]
    model: Vec<PathBuf>,
    /// How many MIDI files are drawn from the decoys' folders.
    #[arg(long, default_value_t = 400)]
    renderings: usize,
    /// Seed of the draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Soundfont (SF2) of the MIDI side.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// Soundfont (SF2) that decoys are rendered with: another one than the MIDI side's.
    #[arg(long)]
    audio_soundfont: Option<PathBuf>,
    /// Part of the renderings looked for that is put into another key.
    #[arg(long, default_value_t = 0.0)]
    transposed: f64,
    /// Part by which an answer in another key must be better; may be given several times.
    #[arg(long, default_values_t = [0.1])]
    handicap: Vec<f64>,
    /// Compare the features too, so many frames averaged into one; may be given several times, 1 takes long.
    #[arg(long, value_name = "FRAMES")]
    features: Vec<usize>,
    /// Where log magnitudes are kept for the next run.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Write the rank curves as a picture.
    #[arg(long, value_name = "PNG")]
    png: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Pairs {
    fn run(self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let (font, other_font) = (soundfont(self.soundfont.as_ref())?, soundfont(self.audio_soundfont.as_ref())?);
        if let Some(cache) = &self.cache {
            export::create_folder(cache)?;
        }
        let named = |path: &PathBuf| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, HashModel::load(path)?))
        };
        let models = self.model.iter().map(named).collect::<Result<Vec<_>>>()?;
        let params = RetrievalParams {
            models: &models,
            folder: &self.folder,
            decoys: &self.decoys,
            renderings: self.renderings,
            seed: self.seed,
            font: &font,
            other_font: &other_font,
            transposed: self.transposed,
            handicaps: &self.handicap,
            pooled: &self.features,
            cache: self.cache.as_deref(),
        };
        let report = evaluate::retrieval(&params, &progress)?;
        let found = report.done.first().ok_or_else(|| Error::Empty("nothing to search in".into()))?;
        if let Some(path) = &self.png {
            let curve = |c: &RankCurve| (title(c), c.queries.iter().map(|query| query.rank).collect());
            let curves: Vec<(String, Vec<usize>)> = found.systems.iter().map(curve).collect();
            let image = picture::rank_curves_png(&curves, found.recordings + found.renderings);
            export::write(path, &export::png(&image)?)?;
        }
        if self.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "evaluation/1",
                "folder": self.folder.to_string_lossy(),
                "parameters": {
                    "decoys": self.decoys.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
                    "seed": self.seed, "soundfont": font.name(), "audio_soundfont": other_font.name(),
                    "transposed": self.transposed,
                },
                "results": found,
            });
            println!("{document:#}");
        } else {
            println!(
                "{} recordings and {} renderings; left out: {} of the same works, {} too short",
                found.recordings, found.renderings, found.same_work, found.too_short
            );
            found.systems.iter().for_each(print);
        }
        Ok(super::evaluate::finish(&report))
    }
}

fn title(curve: &RankCurve) -> String {
    match curve.handicap {
        None => curve.system.clone(),
        Some(handicap) => format!("{}, 12 keys, handicap {handicap}", curve.system),
    }
}

pub(super) fn print(curve: &RankCurve) {
    let percent = |part: f64| format!("{:.1} %", 100.0 * part);
    println!(
        "{}: first {}, within 10 {}, within 100 {}, MRR {:.3}, N95 {}",
        title(curve),
        percent(curve.first),
        percent(curve.within_10),
        percent(curve.within_100),
        curve.mean_reciprocal_rank,
        curve.n95
    );
    // Of a long list only what went wrong.
    for q in curve.queries.iter().filter(|q| curve.queries.len() <= 30 || q.rank > 1) {
        println!(
            "  {:>12} rank {:4}, score {:.2} {}, best other {:.2} {}",
            q.query,
            q.rank,
            q.score,
            if q.key == 0 { String::new() } else { format!("({:+} semitones)", q.key) },
            q.best_wrong_score,
            q.best_wrong
        );
    }
}
