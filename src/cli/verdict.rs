//! `antiphon train verdict`.

use antiphon::error::{Error, Result};
use antiphon::evaluate::VerdictReport;
use antiphon::export;
use antiphon::verdict::{self, Fingerprints, LabelledPair, TrainParams};
use clap::Args;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `antiphon train verdict`.
#[derive(Debug, Args)]
pub(super) struct TrainVerdict {
    /// Labelled pairs with their evidence: documents of `antiphon evaluate verdict --json`.
    #[arg(long, required = true, num_args = 1.., value_name = "JSON")]
    data: Vec<PathBuf>,
    /// The judge to write.
    #[arg(short, long, value_name = "JSON")]
    output: PathBuf,
    /// Print the judge.
    #[arg(long)]
    json: bool,
}

impl TrainVerdict {
    pub(super) fn run(self) -> Result<ExitCode> {
        let mut pairs: Vec<LabelledPair> = Vec::new();
        let mut params: Option<TrainParams> = None;
        for path in &self.data {
            let (of_file, models, entries) = read(path)?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let params =
                params.get_or_insert_with(|| TrainParams { models: models.clone(), data: Vec::new(), entries });
            if params.models != models {
                let reason = format!("its codes and vectors are of other models than those of {:?}", self.data[0]);
                return Err(Error::List { reason, path: path.clone() });
            }
            params.data.push(name.clone());
            params.entries = params.entries.max(entries);
            // Songs of two files may have the same name.
            pairs.extend(of_file.into_iter().map(|mut pair| {
                pair.songs = (format!("{name} {}", pair.songs.0), format!("{name} {}", pair.songs.1));
                pair.kind = format!("{name}, {}", pair.kind);
                pair
            }));
        }
        let params = params.ok_or_else(|| Error::Empty("no pairs to learn from".into()))?;
        let judge = verdict::train(&pairs, &params)?;
        let text = judge.to_json();
        export::write(&self.output, text.as_bytes())?;
        if self.json {
            super::print(format_args!("{text}"));
        } else {
            for (sight, quality) in judge.crossed() {
                answer!(
                    "{}: on songs not learned from: AUC {:.4}, accepted at 1 % false {:.1} %, at 0.1 % {:.1} %, Brier {:.4}, \
                     calibration error {:.3}",
                    sight.name(),
                    quality.auc,
                    100.0 * quality.accepted_at_1_percent,
                    100.0 * quality.accepted_at_0_1_percent,
                    quality.brier,
                    quality.calibration_error
                );
            }
            answer!("as learned from all:");
            VerdictReport::all(&pairs, &judge).iter().for_each(super::evaluate::verdict::show);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Pairs, models and entries of a document.
fn read(path: &Path) -> Result<(Vec<LabelledPair>, Fingerprints, usize)> {
    let refused = |reason: String| Error::List { reason, path: path.to_path_buf() };
    let bytes = std::fs::read(path).map_err(|source| Error::Io { action: "read", source, path: path.into() })?;
    let mut document: Value = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
    let pairs = serde_json::from_value(document["results"]["pairs"].take());
    let pairs = pairs.map_err(|error| refused(format!("no document of `evaluate verdict --json`: {error}")))?;
    let parameters = &document["parameters"];
    let models = serde_json::from_value(parameters["models"].clone()).map_err(|error| refused(error.to_string()))?;
    Ok((pairs, models, parameters["entries"].as_u64().unwrap_or(1) as usize))
}
