//! `antiphon embed`.

use super::flags::{MidiFont, Model, Quiet};
use super::terminal::warned;
use antiphon::audio::Keep;
use antiphon::embedding::EmbeddingModel;
use antiphon::error::{Error, Result};
use antiphon::export;
use antiphon::hashing::Side;
use antiphon::pair;
use clap::Args;
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
    #[command(flatten)]
    trained: Model,
    /// Write the embedding to this file: f32, (1 × 128).
    #[arg(short, long, value_name = "NPY")]
    output: Option<PathBuf>,
    /// Write the attention to this file: f32, (1 × frames), adding up to 1.
    #[arg(long, value_name = "NPY")]
    attention: Option<PathBuf>,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    terminal: Quiet,
}

impl Embed {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let model = self.trained.load(EmbeddingModel::load, EmbeddingModel::bundled)?;
        let started = Instant::now();
        let (side, log) = if antiphon::files::is_midi(&self.file) {
            let midi = pair::load_midi(&self.file, &self.font.open()?, &progress)?;
            warned(&self.file, midi.midi.warning().as_deref());
            (Side::Midi, midi.spectrum().logarithm())
        } else {
            let audio = pair::load_audio(&self.file, Keep::Analysis, &progress)?;
            warned(&self.file, audio.recording.warning.as_deref());
            (Side::Audio, audio.spectrum().logarithm())
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
                "model": self.trained.model.as_ref().map_or("bundled".into(), |path| path.to_string_lossy()),
                "frames": log.frames(),
                "seconds": { "features": features_s, "embedding": embedding_s },
                "attention_most": most,
                "embedding": embedded.vector.to_vec(),
            })
        );
        Ok(ExitCode::SUCCESS)
    }
}
