//! `antiphon embed`, `antiphon train embed` and `antiphon evaluate embed`.

use super::retrieval::{Said, Search, SplitName, compared};
use super::train::PresetName;
use super::{progress, soundfont};
use antiphon::audio::Keep;
use antiphon::dataset::Split;
use antiphon::embedding::EmbeddingModel;
use antiphon::error::{Error, Result};
use antiphon::evaluate;
use antiphon::export;
use antiphon::hashing::Side;
use antiphon::pair;
use antiphon::training::{self, EmbeddingMeasured, EmbeddingOptions};
use clap::{Args, Subcommand};
use ndarray::{Array2, Axis};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Arguments of `antiphon embed`.
#[derive(Debug, Args)]
pub(super) struct Embed {
    /// A recording or a MIDI file.
    file: PathBuf,
    /// A trained model, instead of the bundled one.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Where the embedding goes: f32, (1 × 128).
    #[arg(short, long, value_name = "NPY")]
    output: Option<PathBuf>,
    /// Where the attention goes: f32, (1 × frames), adding up to 1.
    #[arg(long, value_name = "NPY")]
    attention: Option<PathBuf>,
    /// Soundfont (SF2) to synthesise a MIDI file with.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Embed {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let model = self.model.as_deref().map_or_else(EmbeddingModel::bundled, EmbeddingModel::load)?;
        let started = Instant::now();
        let (side, log) = if antiphon::files::is_midi(&self.file) {
            let midi = pair::load_midi(&self.file, &soundfont(self.soundfont.as_ref())?, &progress)?;
            (Side::Midi, midi.spectrum().logarithm())
        } else {
            (Side::Audio, pair::load_audio(&self.file, Keep::Analysis, &progress)?.spectrum().logarithm())
        };
        if log.is_empty() {
            return Err(Error::nothing("no frames to embed").at(&self.file));
        }
        let features_s = started.elapsed().as_secs_f64();
        let embedded = model.embed(side, log.window(0));
        let embedding_s = started.elapsed().as_secs_f64() - features_s;
        if let Some(output) = &self.output {
            antiphon::files::write(output, &export::npy(&embedded.vector.clone().insert_axis(Axis(0))))?;
        }
        if let Some(output) = &self.attention {
            let row = Array2::from_shape_vec((1, embedded.attention.len()), embedded.attention.clone());
            antiphon::files::write(output, &export::npy(&row.expect("one row")))?;
        }
        let most = embedded.attention.iter().copied().fold(0.0f32, f32::max) * log.frames() as f32;
        answer!(
            "{:#}",
            json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "embedding/1",
                "file": self.file.to_string_lossy(),
                "side": side,
                "model": self.model.as_ref().map_or("bundled".into(), |path| path.to_string_lossy()),
                "frames": log.frames(),
                "seconds": { "features": features_s, "embedding": embedding_s },
                "attention_most": most,
                "embedding": embedded.vector.to_vec(),
            })
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// What is measured of embeddings.
#[derive(Debug, Subcommand)]
pub(super) enum EvaluateEmbed {
    /// Rank of the right recording of each MIDI file among many.
    Pairs(Pairs),
    /// Rank of a clip of each work's recording among those of all works, on a data set.
    Dataset(OnDataset),
}

impl EvaluateEmbed {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Pairs(command) => command.run(),
            Self::Dataset(command) => command.run(),
        }
    }
}

/// Arguments of `antiphon evaluate embed pairs`.
#[derive(Debug, Args)]
pub(super) struct Pairs {
    #[command(flatten)]
    search: Search,
    /// A trained model, beside the bundled one and mean and deviation; may be given several times.
    #[arg(long)]
    model: Vec<PathBuf>,
}

impl Pairs {
    fn run(self) -> Result<ExitCode> {
        let models = compared(&self.model, EmbeddingModel::load, EmbeddingModel::bundled)?;
        self.search.run(|params, progress| evaluate::embedding_retrieval(params, &models, progress))
    }
}

/// Arguments of `antiphon evaluate embed dataset`.
#[derive(Debug, Args)]
pub(super) struct OnDataset {
    /// The data set (a folder that `antiphon dataset` wrote).
    folder: PathBuf,
    /// A trained model, beside the bundled one and mean and deviation; may be given several times.
    #[arg(long)]
    model: Vec<PathBuf>,
    /// Which works.
    #[arg(long, value_enum, default_value = "test")]
    split: SplitName,
    /// Try the MIDI in the other keys too; an answer there must be better by this part. May be given several times.
    #[arg(long)]
    handicap: Vec<f64>,
    /// Seed of the clips' lengths and places.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    said: Said,
}

impl OnDataset {
    fn run(self) -> Result<ExitCode> {
        let models = compared(&self.model, EmbeddingModel::load, EmbeddingModel::bundled)?;
        let (split, progress) = (Split::from(self.split), self.said.progress());
        let report = evaluate::embedding_held_out(&self.folder, split, &models, &self.handicap, self.seed, &progress)?;
        self.said.report(&self.folder, &json!({ "split": split, "seed": self.seed }), &report)
    }
}

/// Arguments of `antiphon train embed`. What is not given is the preset's.
#[derive(Debug, Args)]
pub(super) struct TrainEmbed {
    /// Data sets to learn from (folders that `antiphon dataset` wrote).
    #[arg(long, required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// The model to write (safetensors). `training.jsonl` and, until it ends, a checkpoint lie beside it; run again after
    /// an interruption, it goes on.
    #[arg(short, long)]
    output: PathBuf,
    /// Networks and settings.
    #[arg(long, value_enum, default_value = "antiphon")]
    preset: PresetName,
    /// Networks of your own: a JSON file as `architecture` in a model's metadata.
    #[arg(long, value_name = "JSON")]
    architecture: Option<PathBuf>,
    /// Go on learning from a model, or from the `bundled` one, with its networks, instead of from random parameters.
    #[arg(long, value_name = "MODEL", conflicts_with = "architecture")]
    from: Option<PathBuf>,
    /// Temperature of the contrastive loss.
    #[arg(long)]
    temperature: Option<f32>,
    /// Steps at most.
    #[arg(long)]
    steps: Option<u64>,
    /// Minutes at most, over all runs.
    #[arg(long)]
    minutes: Option<f64>,
    /// Songs in a batch.
    #[arg(long)]
    batch: Option<usize>,
    /// Learning rate.
    #[arg(long)]
    rate: Option<f32>,
    /// The MIDI is played up to this many times as fast or as slow.
    #[arg(long)]
    tempo: Option<f32>,
    /// How strongly the timbre of the audio side is changed at random, anew for each clip: 0 to 1.
    #[arg(long, value_name = "STRENGTH")]
    recolour: Option<f32>,
    /// Move the recording by up to so many semitones against the MIDI in half of the clips, 0 to 6, so that vectors mind the
    /// key less [default: 0].
    #[arg(long, value_name = "SEMITONES")]
    key_shift: Option<usize>,
    /// Seed of the first parameters and of the batches.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the training record as one JSON document.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl TrainEmbed {
    fn options(&self) -> Result<EmbeddingOptions> {
        let mut options = match self.preset {
            PresetName::Antiphon => EmbeddingOptions::antiphon(),
            PresetName::Gen1 => EmbeddingOptions::gen1(),
            PresetName::Gen2 => EmbeddingOptions::gen2(),
        };
        if let Some(path) = &self.architecture {
            options.architecture = super::train::architecture(path)?;
        }
        super::train::set_temperature(self.temperature, &mut options.objective);
        options.steps = self.steps.unwrap_or(options.steps);
        options.minutes = self.minutes;
        options.batch = self.batch.unwrap_or(options.batch);
        options.rate = self.rate.unwrap_or(options.rate);
        options.tempo = self.tempo.unwrap_or(options.tempo);
        options.recolour = self.recolour.unwrap_or(options.recolour);
        options.key_shift = self.key_shift.unwrap_or(options.key_shift);
        options.seed = self.seed;
        options.start = super::train::start(self.from.as_deref());
        Ok(options)
    }

    pub(super) fn run(self) -> Result<ExitCode> {
        let (options, progress, quiet) = (self.options()?, progress(self.quiet), self.quiet);
        let mut report = |m: &EmbeddingMeasured| {
            if !quiet {
                message!(
                    "step {}: loss {:.4}, validation MRR {:.3}, first {:.1} %, BC {:.3}, {:.0} ms a step, {:.0} min left",
                    m.step,
                    m.loss,
                    m.validation.mrr,
                    100.0 * m.validation.first,
                    m.validation.bc,
                    m.ms_per_step,
                    m.seconds_left / 60.0
                );
            }
        };
        let model = training::train_embedding(&self.data, &options, &self.output, &progress, &mut report)?;
        let record = model.record();
        if self.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "embedding-training/1",
                "model": self.output.to_string_lossy(),
                "record": record,
            });
            answer!("{document:#}");
        } else {
            answer!(
                "mean reciprocal rank {:.3} on {} validation works at step {}, learned from {} works in {:.0} s: {:?}",
                record.validation_mrr,
                record.valid_works,
                record.step,
                record.works,
                record.seconds,
                self.output
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
