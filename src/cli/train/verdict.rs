//! `antiphon train verdict`.

use crate::cli::curate::{folder_of, read_all};
use crate::cli::evaluate::verdict::show;
use crate::cli::flags::{Cache, Json, MidiFont, Quiet};
use crate::cli::terminal::print;
use antiphon::curation::evaluate::merge;
use antiphon::curation::sample::unknown;
use antiphon::curation::{Items, Record, Table};
use antiphon::error::{Error, Result};
use antiphon::evaluate::{self, Decided, DecidedPairs, LeftOut, VerdictReport};
use antiphon::verdict::{self, Fingerprints, LabelledPair, TrainParams};
use clap::Args;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `antiphon train verdict`.
#[derive(Debug, Args)]
#[command(mut_arg("soundfont", |arg| arg.requires("journal")), mut_arg("cache", |arg| arg.requires("journal")))]
pub(in crate::cli) struct TrainVerdict {
    /// Learn from labelled pairs with their evidence: documents of `antiphon evaluate verdict --json`.
    #[arg(long, required_unless_present = "journal", num_args = 1.., value_name = "JSON")]
    data: Vec<PathBuf>,
    /// Learn from journals of curators: confirmed pairs are true, rejected pairs wrong. They are realigned.
    #[arg(long, num_args = 1.., value_name = "JOURNAL")]
    journal: Vec<PathBuf>,
    /// The complete lists that the journals belong to: decisions are weighted to represent all their pairs.
    #[arg(long, num_args = 1.., value_name = "LIST", requires = "journal")]
    queue: Vec<PathBuf>,
    #[command(flatten)]
    kept: Cache,
    #[command(flatten)]
    font: MidiFont,
    /// Write the judge to this file.
    #[arg(short, long, value_name = "JSON")]
    output: PathBuf,
    #[command(flatten)]
    report: Json,
    #[command(flatten)]
    terminal: Quiet,
}

impl TrainVerdict {
    pub(super) fn run(self) -> Result<ExitCode> {
        let (mut pairs, mut params) = self.documents()?;
        let mut code = ExitCode::SUCCESS;
        if !self.journal.is_empty() {
            let taught = self.journals(&pairs, &mut code)?;
            let DecidedPairs { pairs: decided, models, entries, .. } = &taught.found;
            let params = params.get_or_insert_with(|| TrainParams {
                models: models.clone(),
                data: Vec::new(),
                entries: *entries,
                journals: Value::Null,
            });
            if params.models != *models {
                let reason =
                    "its codes and vectors are of other models than the bundled ones, which journals are learned with";
                return Err(Error::List { reason: reason.into(), path: self.data[0].clone() });
            }
            params.journals = taught.found.summary(&self.journal, &self.queue, taught.left_out);
            for (pair, names) in &mut pairs {
                let of = |name: &str| taught.found.song(name).map(str::to_owned);
                pair.songs = (
                    of(&names.0).unwrap_or_else(|| pair.songs.0.clone()),
                    of(&names.1).unwrap_or_else(|| pair.songs.1.clone()),
                );
            }
            if !self.report.json {
                say(&taught);
            }
            pairs.extend(decided.iter().map(|pair| (pair.clone(), Default::default())));
        }
        let params = params.ok_or_else(|| Error::nothing("no pairs to learn from"))?;
        let pairs: Vec<LabelledPair> = pairs.into_iter().map(|(pair, _)| pair).collect();
        let judge = verdict::train(&pairs, &params)?;
        let text = judge.to_json();
        antiphon::files::write(&self.output, text.as_bytes())?;
        if self.report.json {
            print(format_args!("{text}"));
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
            VerdictReport::all(&pairs, &judge).iter().for_each(show);
        }
        Ok(code)
    }

    /// The pairs of all documents, with the names of their songs in those documents.
    fn documents(&self) -> Result<(Vec<Named>, Option<TrainParams>)> {
        let mut pairs: Vec<Named> = Vec::new();
        let mut params: Option<TrainParams> = None;
        for path in &self.data {
            let (of_file, models, entries) = read(path)?;
            let name = antiphon::files::stem(path);
            let params = params.get_or_insert_with(|| TrainParams {
                models: models.clone(),
                data: Vec::new(),
                entries,
                journals: Value::Null,
            });
            if params.models != models {
                let reason = format!("its codes and vectors are of other models than those of {:?}", self.data[0]);
                return Err(Error::List { reason, path: path.clone() });
            }
            params.data.push(name.clone());
            params.entries = params.entries.max(entries);
            // Songs of two files may have the same name.
            pairs.extend(of_file.into_iter().map(|mut pair| {
                let of_all = (format!("{name} {}", pair.songs.0), format!("{name} {}", pair.songs.1));
                let names = std::mem::replace(&mut pair.songs, of_all);
                pair.kind = format!("{name}, {}", pair.kind);
                (pair, names)
            }));
        }
        Ok((pairs, params))
    }

    /// What the journals teach in addition to `pairs`. Anything unusable is reported, and makes the exit code 2.
    fn journals(&self, pairs: &[Named], code: &mut ExitCode) -> Result<Taught> {
        let (journals, of_journals) = read_all(&self.journal)?;
        *code = of_journals;
        let progress = self.terminal.progress();
        let queues = self.queue.iter().map(|path| Items::read(path, &progress.part(0.0, 0.02)));
        let queues = queues.collect::<Result<Vec<Items>>>()?;
        for items in &queues {
            for remark in items.remarks() {
                message!("antiphon: {remark}: {:?}", items.source());
                *code = ExitCode::from(2);
            }
        }
        let queues: Vec<&Items> = queues.iter().collect();
        let table: Table = merge(&journals).into_iter().collect();
        let records: Vec<Record> = table.records().cloned().collect();
        let (decided, left_out) = Decided::of(&records, &folder_of(&self.journal[0]), &queues);
        // Check this before the work, which may take hours.
        let count = |same: bool| {
            pairs.iter().filter(|(pair, _)| pair.same == same).count()
                + decided.iter().filter(|pair| pair.same == same).count()
        };
        verdict::enough(count(true), count(false))?;
        self.kept.create()?;
        let font = self.font.open()?;
        let progress = progress.part(0.02, 1.0);
        let found = evaluate::see_decided(&decided, &queues, self.kept.cache.as_deref(), &font, &progress)?;
        if let Some((path, reason)) = found.skipped.first() {
            message!("antiphon: {} decided pairs can't be used, the first: {reason}: {path:?}", found.skipped.len());
            *code = ExitCode::from(2);
        }
        for part in unknown(&found.sample.strata) {
            message!("antiphon: {part}");
        }
        if found.sample.unfair > 0 {
            message!(
                "antiphon: {} decided pairs are in no queue under the same judge, and were not drawn at random: each counts once, and \
                 what they stand for is not known",
                found.sample.unfair
            );
        }
        Ok(Taught { found, left_out })
    }
}

/// A labelled pair of a document, and the names of its songs in that document.
type Named = (LabelledPair, (String, String));

/// What journals teach.
struct Taught {
    found: DecidedPairs,
    left_out: LeftOut,
}

/// Prints a summary for people.
fn say(taught: &Taught) {
    let (confirmed, rejected) = taught.found.counts();
    let LeftOut { unsure, undecided, unseen, other_reasons, without_files } = taught.left_out;
    answer!(
        "journals: {confirmed} confirmed, {rejected} rejected; left out {unsure} unsure, {undecided} undecided, {unseen} unseen, \
         {other_reasons} rejected for other reasons than the music, {without_files} without files"
    );
    let judges = taught.found.judges().into_iter();
    let judges = judges.map(|(judge, pairs)| format!("{pairs} by {}", judge.unwrap_or("a judge that is not named")));
    answer!("confidences: {}", judges.collect::<Vec<_>>().join(", "));
    for stratum in taught.found.sample.strata.iter().filter(|stratum| stratum.decided > 0) {
        let range = stratum.confidence.map_or("none".to_owned(), |[from, to]| format!("{from:.1} to {to:.1}"));
        answer!(
            "  {}, {}, confidence {range}: {} of {} decided, each counts {:.2}",
            stratum.queue,
            stratum.judge.as_deref().unwrap_or("a judge that is not named"),
            stratum.decided,
            stratum.items,
            stratum.weight.unwrap_or(1.0)
        );
    }
}

/// Reads the pairs, models and number of entries of a document.
fn read(path: &Path) -> Result<(Vec<LabelledPair>, Fingerprints, usize)> {
    let refused = |reason: String| Error::List { reason, path: path.to_path_buf() };
    let bytes = std::fs::read(path).map_err(|source| Error::Io { action: "read", source, path: path.into() })?;
    let mut document: Value = antiphon::files::parse_json(&bytes).map_err(|error| refused(error.to_string()))?;
    let pairs = serde_json::from_value(document["results"]["pairs"].take());
    let pairs = pairs.map_err(|error| refused(format!("no document of `evaluate verdict --json`: {error}")))?;
    let parameters = &document["parameters"];
    let models = serde_json::from_value(parameters["models"].clone()).map_err(|error| refused(error.to_string()))?;
    Ok((pairs, models, parameters["entries"].as_u64().unwrap_or(1) as usize))
}
