//! `antiphon curate`.

use super::output::or_no_folder;
use super::progress;
use antiphon::curation::evaluate::{Agreement, Judged, Share, agreement, merge};
use antiphon::curation::{Decision, Journal, Reason, Record, State, Table, export};
use antiphon::error::{Error, Result};
use antiphon::job::Progress;
use antiphon::synth::SoundFont;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longest line that `decide --lines` reads, in bytes.
const LONGEST: u64 = 1 << 20;
/// Disagreements that are listed without `--json`.
const LISTED: usize = 20;

/// Decisions of people about matches.
#[derive(Debug, Subcommand)]
pub(super) enum Curate {
    /// Counts, precision and recall at a threshold, agreement of curators.
    Report(Report),
    /// Write decisions as a table, documents, lists and trees.
    Export(Box<Export>),
    /// Make one journal of several, and say where they disagree.
    Merge(Merge),
    /// Decide by a script: on the disk when it is acknowledged.
    Decide(Box<Decide>),
}

impl Curate {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Report(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Merge(command) => command.run(),
            Self::Decide(command) => command.run(),
        }
    }
}

/// Arguments of `antiphon curate report`.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// Journals of decisions; also exported tables and documents.
    #[arg(required = true)]
    journals: Vec<PathBuf>,
    /// Pairs with a confidence above it are accepted.
    #[arg(long, default_value_t = 0.5)]
    threshold: f64,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

impl Report {
    fn run(self) -> Result<ExitCode> {
        let (journals, code) = read_all(&self.journals)?;
        let table: Table = merge(&journals).into_iter().collect();
        let records: Vec<Record> = table.records().cloned().collect();
        let judged = Judged::of(&records);
        let (at, roc) = (judged.at(self.threshold), judged.roc());
        let agreements = agreements(&journals, &table);
        let count = |decision: Option<Decision>| records.iter().filter(|record| record.decision() == decision).count();
        let seconds: f64 = records.iter().map(|record| record.seconds).sum();
        let flagged = records.iter().filter(|record| record.flag).count();
        if self.json {
            let counts: serde_json::Map<String, Value> =
                Decision::ALL.iter().map(|&d| (d.name().to_owned(), count(Some(d)).into())).collect();
            let pairs: Vec<Value> = agreements
                .iter()
                .map(|(a, b, found)| {
                    let disagreements = &found.items[..found.disagreements];
                    json!({
                        "curators": [a, b],
                        "items": found.items.len(),
                        "observed": found.observed,
                        "kappa": found.kappa,
                        "disagreements": disagreements,
                    })
                })
                .collect();
            answer!(
                "{}",
                json!({
                    "antiphon": env!("CARGO_PKG_VERSION"),
                    "format": "curation-report/1",
                    "items": records.len(),
                    "decisions": counts,
                    "flagged": flagged,
                    "seconds": seconds,
                    "curators": table.curators(),
                    "at_threshold": at,
                    "roc": roc,
                    "agreement": pairs,
                })
            );
            return Ok(code);
        }
        let mut text = String::new();
        for decision in Decision::ALL {
            let _infallible = write!(text, "{} {}  ", count(Some(decision)), decision.name());
        }
        answer!("{text}{flagged} flagged");
        if seconds > 0.0 {
            answer!("{:.0} an hour", records.len() as f64 / seconds * 3600.0);
        }
        answer!(
            "of {} confirmed or rejected pairs with a confidence, accepting those above {}:",
            judged.len(),
            at.threshold
        );
        answer!("  precision {}", shown(at.precision));
        answer!("  recall    {}", shown(at.recall));
        if let (Some(auc), Some(error)) = (roc.auc, roc.auc_error) {
            answer!("  area under the ROC curve {auc:.3} ± {:.3}", 1.96 * error);
        }
        for (a, b, found) in &agreements {
            print_agreement(a, b, found);
        }
        Ok(code)
    }
}

fn shown(share: Share) -> String {
    match share.value {
        Some(value) => format!("{value:.3} ({:.3} to {:.3}, of {})", share.low, share.high, share.of),
        None => "– (of none)".into(),
    }
}

fn print_agreement(a: &str, b: &str, found: &Agreement<'_>) {
    let kappa = found.kappa.map_or("–".into(), |kappa| format!("{kappa:.3}"));
    answer!("{a} and {b}: {} items by both, {} disagreements, κ {kappa}", found.items.len(), found.disagreements);
    for both in found.items[..found.disagreements].iter().take(LISTED) {
        let said = |record: &Record| {
            let reason = record.reason.map(|reason| format!(" ({})", reason.words())).unwrap_or_default();
            format!("{}{reason}", record.decision().map_or("noted", Decision::name))
        };
        answer!("  {}: {} / {}", both.a.item, said(both.a), said(both.b));
    }
    if found.disagreements > LISTED {
        answer!("  and {} more (--json has all)", found.disagreements - LISTED);
    }
}

/// Two journals against each other; of one, or of more than two, its curators.
fn agreements<'a>(journals: &'a [Vec<Record>], table: &'a Table) -> Vec<(String, String, Agreement<'a>)> {
    let curators = table.curators();
    let mut found = Vec::new();
    for (i, a) in curators.iter().enumerate() {
        for b in &curators[i + 1..] {
            let of = |curator: &'a str| table.entries().filter_map(move |entry| entry.of(curator));
            found.push(((*a).to_owned(), (*b).to_owned(), agreement(of(a), of(b))));
        }
    }
    if let ([a, b], true) = (journals, found.is_empty()) {
        // Two passes of one person.
        found.push(("first".into(), "second".into(), agreement(a, b)));
    }
    found
}

/// The lines of all, with paths that are meant from the folder of the first. Damaged lines are said: exit code 2.
pub(super) fn read_all(paths: &[PathBuf]) -> Result<(Vec<Vec<Record>>, ExitCode)> {
    let home = folder_of(&paths[0]);
    let mut journals = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for path in paths {
        let is_journal = !antiphon::files::is_decisions_name(path);
        let records = if is_journal && !path.is_dir() {
            let (records, remarks) = Journal::read(path)?;
            for remark in remarks {
                message!("antiphon: {remark}: {path:?}");
                code = ExitCode::from(2);
            }
            records
        } else {
            export::read(path)?
        };
        journals.push(export::moved(&records, &folder_of(path), &home));
    }
    Ok((journals, code))
}

pub(super) fn folder_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.to_path_buf() } else { path.parent().unwrap_or(Path::new("")).to_path_buf() }
}

/// Arguments of `antiphon curate export`.
#[derive(Debug, Args)]
#[group(required = true, multiple = true, id = "outputs")]
pub(super) struct Outputs {
    /// A table, a row a decision.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// The document `curation/1`.
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// A JAMS document for each decision.
    #[arg(long, value_name = "DIR")]
    jams: Option<PathBuf>,
    /// The confirmed pairs, JSON lines: for `dataset align`.
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// A Lakh tree of the confirmed MIDI files, with `match_scores.json`.
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
    /// The same with the MIDI files aligned as corrected, and the time map as a table beside each.
    #[arg(long, value_name = "DIR")]
    aligned: Option<PathBuf>,
}

/// Arguments of `antiphon curate export`.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Journals of decisions; also exported tables and documents.
    #[arg(required = true)]
    journals: Vec<PathBuf>,
    #[command(flatten)]
    outputs: Outputs,
    /// Soundfont (SF2) to synthesise with, for `--aligned`.
    #[arg(long, value_name = "SF2")]
    soundfont: Option<PathBuf>,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Export {
    fn run(self) -> Result<ExitCode> {
        let Outputs { jams, tree, aligned, .. } = &self.outputs;
        let folders: Vec<PathBuf> = [jams, tree, aligned].into_iter().flatten().cloned().collect();
        or_no_folder(&folders, || self.write())
    }

    fn write(&self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let (journals, mut code) = read_all(&self.journals)?;
        let home = folder_of(&self.journals[0]);
        let table: Table = merge(&journals).into_iter().collect();
        let records = export::judgements(&table);
        let to = |path: &Path| export::moved(&records, &home, &folder_of(path));
        let outputs = &self.outputs;
        let mut trees = Vec::new();
        if let Some(path) = &outputs.csv {
            antiphon::files::write(path, export::csv(&to(path)).as_bytes())?;
        }
        if let Some(path) = &outputs.document {
            let text = serde_json::to_string_pretty(&export::document(&to(path))).unwrap_or_default();
            antiphon::files::write(path, text.as_bytes())?;
        }
        if let Some(path) = &outputs.jams {
            export::write_jams(&export::moved(&records, &home, path), path)?;
        }
        if let Some(path) = &outputs.pairs {
            antiphon::files::write(path, export::pair_list(&to(path)).as_bytes())?;
        }
        if let Some(folder) = &outputs.tree {
            let copy = |_: &Record, midi: &Path, _: &Path, _: &Progress| {
                std::fs::read(midi).map_err(|source| Error::Io { action: "read", source, path: midi.to_path_buf() })
            };
            trees.push(export::write_tree(&records, &home, folder, copy, &progress)?);
        }
        if let Some(folder) = &outputs.aligned {
            let font = self.soundfont.as_ref().map_or_else(SoundFont::bundled, |path| SoundFont::open(path))?;
            trees.push(export::write_aligned_tree(&records, &home, folder, &font, &progress)?);
        }
        for tree in &trees {
            name_skipped(tree, &mut code);
        }
        Ok(code)
    }
}

fn name_skipped(tree: &export::Tree, code: &mut ExitCode) {
    for (path, error) in &tree.skipped {
        message!("antiphon: left out: {}: {path:?}", error.reason(path));
        *code = ExitCode::from(2);
    }
    answer!("{} pairs", tree.written);
}

/// Arguments of `antiphon curate merge`.
#[derive(Debug, Args)]
pub(super) struct Merge {
    /// Journals of decisions.
    #[arg(required = true, num_args = 2..)]
    journals: Vec<PathBuf>,
    /// The journal to write; must not exist.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Merge {
    fn run(self) -> Result<ExitCode> {
        if self.output.exists() {
            let reason = "it exists: a journal is only ever added to".to_owned();
            return Err(Error::Journal { reason, path: self.output });
        }
        let (journals, code) = read_all(&self.journals)?;
        let merged = export::moved(&merge(&journals), &folder_of(&self.journals[0]), &folder_of(&self.output));
        let lines: String =
            merged.iter().filter_map(|record| serde_json::to_string(record).ok()).map(|line| line + "\n").collect();
        antiphon::files::write(&self.output, lines.as_bytes())?;
        let table: Table = merged.into_iter().collect();
        for (a, b, found) in agreements(&journals, &table) {
            print_agreement(&a, &b, &found);
        }
        Ok(code)
    }
}

/// Arguments of `antiphon curate decide`.
#[derive(Debug, Args)]
pub(super) struct Decide {
    /// The journal; begun where there is none.
    journal: PathBuf,
    /// The item.
    #[arg(long, required_unless_present = "lines")]
    item: Option<String>,
    /// The decision; `undone` takes the last one back.
    #[arg(long, value_parser = ["confirmed", "rejected", "unsure", "skipped", "undone"], required_unless_present = "lines")]
    decision: Option<String>,
    /// Why it is rejected.
    #[arg(long, value_parser = Reason::ALL.map(Reason::name))]
    reason: Option<String>,
    /// In your words.
    #[arg(long, default_value = "")]
    note: String,
    /// Mark it.
    #[arg(long)]
    flag: bool,
    /// The MIDI file.
    #[arg(long, value_name = "FILE")]
    midi: Option<PathBuf>,
    /// The recording.
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// The confidence, 0 to 1.
    #[arg(long)]
    confidence: Option<f64>,
    /// Which judge gave it: `judge` of a list or document.
    #[arg(long)]
    judge: Option<String>,
    /// The order in which the queue is judged.
    #[arg(long, value_parser = ["listed", "best", "uncertain", "stratified", "random"])]
    order: Option<String>,
    /// Read JSON lines with `item` and `decision` instead, and acknowledge each when it is on the disk.
    #[arg(long, conflicts_with = "item")]
    lines: bool,
    /// Who decides [default: your name in this system].
    #[arg(long)]
    curator: Option<String>,
}

impl Decide {
    fn run(self) -> Result<ExitCode> {
        let curator = self.curator.clone().unwrap_or_else(antiphon::curation::user_name);
        let mut journal = Journal::open(&self.journal, &curator)?;
        for remark in journal.remarks() {
            message!("antiphon: {remark}: {:?}", self.journal);
        }
        if !self.lines {
            let folder = folder_of(&self.journal);
            let here = PathBuf::from("");
            let text = |path: &PathBuf| path.to_string_lossy().into_owned();
            let mut record = Record::new(self.item.unwrap_or_default(), Decision::Skipped);
            (record.midi, record.audio) = (self.midi.as_ref().map(text), self.audio.as_ref().map(text));
            let mut record = export::moved(&[record], &here, &folder).remove(0);
            record.reason = self.reason.as_deref().and_then(Reason::named);
            (record.note, record.flag, record.confidence) = (self.note, self.flag, self.confidence);
            (record.judge, record.order) = (self.judge, self.order);
            return decide(&mut journal, record, &self.decision.unwrap_or_default());
        }
        let mut input = std::io::stdin().lock();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = input.by_ref().take(LONGEST).read_until(b'\n', &mut line);
            if read.map_err(|source| Error::Io { action: "read", source, path: "standard input".into() })? == 0 {
                return Ok(ExitCode::SUCCESS);
            }
            let bad = |reason: String| Error::List { reason, path: "standard input".into() };
            let row: Value = serde_json::from_slice(&line).map_err(|error| bad(error.to_string()))?;
            let text = |name: &str| row[name].as_str().map(str::to_owned);
            let mut record = Record::new(text("item").ok_or_else(|| bad("no item".into()))?, Decision::Skipped);
            record.reason = text("reason").as_deref().and_then(Reason::named);
            record.note = text("note").unwrap_or_default();
            (record.midi, record.audio, record.confidence) = (text("midi"), text("audio"), row["confidence"].as_f64());
            (record.judge, record.order) = (text("judge"), text("order"));
            decide(&mut journal, record, &text("decision").unwrap_or_default())?;
        }
    }
}

/// Writes a decision and says so, once it is on the disk.
fn decide(journal: &mut Journal, mut record: Record, decision: &str) -> Result<ExitCode> {
    let item = record.item.clone();
    if decision == "undone" {
        record.act = antiphon::curation::Act::Undone;
    } else {
        let unknown = || Error::List { reason: format!("unknown decision {decision:?}"), path: journal.path().into() };
        record.act = antiphon::curation::Act::Decided(Decision::named(decision).ok_or_else(unknown)?);
    }
    journal.decide(record)?;
    let state =
        journal.table().current(&item).and_then(Record::decision).map_or(State::Unreviewed.name(), Decision::name);
    answer!("{item}: {state}");
    Ok(ExitCode::SUCCESS)
}
