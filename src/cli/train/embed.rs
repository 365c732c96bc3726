//! `antiphon train embed`.

use super::Learning;
use crate::cli::flags::{Json, PresetName, Quiet};
use antiphon::error::Result;
use antiphon::training::{self, EmbeddingMeasured, EmbeddingOptions};
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `antiphon train embed`. Anything not given comes from the preset.
#[derive(Debug, Args)]
pub(in crate::cli) struct TrainEmbed {
    #[command(flatten)]
    learning: Learning,
    /// Play the MIDI up to this many times as fast or as slowly.
    #[arg(long, value_name = "RATIO")]
    tempo: Option<f32>,
    /// Transpose the recording by up to this many semitones relative to the MIDI in half of the clips, 0 to 6, so that
    /// vectors depend less on the key [default: 0].
    #[arg(long, value_name = "SEMITONES")]
    key_shift: Option<usize>,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    terminal: Quiet,
}

impl TrainEmbed {
    fn options(&self) -> Result<EmbeddingOptions> {
        let mut options = match self.learning.preset {
            PresetName::Antiphon => EmbeddingOptions::antiphon(),
            PresetName::Gen1 => EmbeddingOptions::gen1(),
            PresetName::Gen2 => EmbeddingOptions::gen2(),
        };
        self.learning.set_architecture(&mut options.architecture)?;
        self.learning.set_temperature(&mut options.objective);
        options.steps = self.learning.steps.unwrap_or(options.steps);
        options.minutes = self.learning.minutes;
        options.batch = self.learning.batch.unwrap_or(options.batch);
        options.rate = self.learning.rate.unwrap_or(options.rate);
        options.tempo = self.tempo.unwrap_or(options.tempo);
        options.recolour = self.learning.recolour.unwrap_or(options.recolour);
        options.key_shift = self.key_shift.unwrap_or(options.key_shift);
        options.seed = self.learning.draw.seed;
        options.start = self.learning.start();
        Ok(options)
    }

    pub(super) fn run(self) -> Result<ExitCode> {
        let (options, progress, quiet) = (self.options()?, self.terminal.progress(), self.terminal.quiet);
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
        let model =
            training::train_embedding(&self.learning.data, &options, &self.learning.output, &progress, &mut report)?;
        let record = model.record();
        if self.report.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "embedding-training/1",
                "model": self.learning.output.to_string_lossy(),
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
                self.learning.output
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
