//! `antiphon curate`.

use super::flags::{Json, MidiFont, Quiet, one_of};
use super::help::examples;
use super::output::or_no_folder;
use super::terminal::warned;
use antiphon::curation::evaluate::{Agreement, ScoredDecisions, Share, agreement, merge};
use antiphon::curation::{Act, Decision, Journal, Order, Reason, Record, State, Table, export};
use antiphon::error::{Error, Result};
use antiphon::files::Kind;
use antiphon::job::Progress;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longest line that `decide --lines` reads, in bytes.
const LONGEST: u64 = 1 << 20;
/// The most disagreements listed without `--json`.
const LISTED: usize = 20;

/// What to do with journals of decisions.
#[derive(Debug, Subcommand)]
pub(super) enum Curate {
    /// Report counts, precision and recall at a threshold, and the agreement of curators.
    #[command(after_help = examples(&["antiphon curate report ann.jsonl bob.jsonl --threshold 0.7"]))]
    Report(Report),
    /// Export decisions as tables, documents, lists and trees.
    #[command(after_help = examples(&[
        "antiphon curate export pairs.decisions.jsonl --csv decisions.csv",
        "antiphon curate export pairs.decisions.jsonl --pairs confirmed.jsonl --aligned tree",
    ]))]
    Export(Box<Export>),
    /// Merge journals into one, and list where they disagree.
    #[command(after_help = examples(&["antiphon curate merge ann.jsonl bob.jsonl -o both.jsonl"]))]
    Merge(Merge),
    /// Record decisions from a script: each is on the disk once it is acknowledged.
    #[command(after_help = examples(&[
        "antiphon curate decide pairs.decisions.jsonl --item song-12 --decision rejected --reason wrong-key",
        "antiphon curate decide pairs.decisions.jsonl --lines",
    ]))]
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

/// The files to read.
#[derive(Debug, Args)]
struct Journals {
    /// Journals of decisions; also exported tables and documents.
    #[arg(required = true)]
    journals: Vec<PathBuf>,
}

/// Arguments of `antiphon curate report`.
#[derive(Debug, Args)]
pub(super) struct Report {
    #[command(flatten)]
    of: Journals,
    /// Accept pairs with a confidence above this.
    #[arg(long, default_value_t = 0.5)]
    threshold: f64,
    #[command(flatten)]
    printed: Json,
}

impl Report {
    fn run(self) -> Result<ExitCode> {
        let (journals, code) = read_all(&self.of.journals)?;
        let table: Table = merge(&journals).into_iter().collect();
        let records: Vec<Record> = table.records().cloned().collect();
        let judged = ScoredDecisions::of(&records);
        let (at, roc) = (judged.at(self.threshold), judged.roc());
        let agreements = agreements(&journals, &table);
        let count = |decision: Option<Decision>| records.iter().filter(|record| record.decision() == decision).count();
        let seconds: f64 = records.iter().map(|record| record.seconds).sum();
        let flagged = records.iter().filter(|record| record.flag).count();
        if self.printed.json {
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

/// The agreement of every pair of curators; if there is only one curator, that of two journals.
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
        // Two passes by one person.
        found.push(("first".into(), "second".into(), agreement(a, b)));
    }
    found
}

/// Reads all records, with paths relative to the folder of the first file. Damaged lines are reported: exit code 2.
pub(super) fn read_all(paths: &[PathBuf]) -> Result<(Vec<Vec<Record>>, ExitCode)> {
    let home = folder_of(&paths[0]);
    let mut journals = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for path in paths {
        let is_journal = match Kind::of(path).unwrap_or(Kind::Unknown) {
            Kind::Journal => true,
            Kind::Decisions | Kind::Folder => false,
            _ => !antiphon::files::is_decisions_name(path),
        };
        let (records, remarks) = if is_journal { Journal::read(path)? } else { export::read(path)? };
        for remark in remarks {
            message!("antiphon: {remark}: {path:?}");
            code = ExitCode::from(2);
        }
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
    /// Write a table: one row for each decision.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the document `curation/1`.
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// Write a JAMS document for each decision.
    #[arg(long, value_name = "DIR")]
    jams: Option<PathBuf>,
    /// Write the confirmed pairs as JSON lines, for `dataset align`.
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// Write a Lakh tree of the confirmed MIDI files, with `match_scores.json`.
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
    /// Write the same tree with the MIDI files aligned as corrected, and the time map as a table beside each.
    #[arg(long, value_name = "DIR")]
    aligned: Option<PathBuf>,
}

/// Arguments of `antiphon curate export`.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    of: Journals,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    terminal: Quiet,
}

impl Export {
    fn run(self) -> Result<ExitCode> {
        let Outputs { jams, tree, aligned, .. } = &self.outputs;
        let folders: Vec<PathBuf> = [jams, tree, aligned].into_iter().flatten().cloned().collect();
        or_no_folder(&folders, || self.write())
    }

    fn write(&self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let (journals, mut code) = read_all(&self.of.journals)?;
        let home = folder_of(&self.of.journals[0]);
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
            for (path, error) in export::write_jams(&export::moved(&records, &home, path), path, &progress)? {
                message!("antiphon: its duration is not known: {}: {path:?}", error.reason(&path));
            }
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
            let font = self.font.open()?;
            trees.push(export::write_aligned_tree(&records, &home, folder, &font, &progress)?);
        }
        for tree in &trees {
            name_skipped(tree, &mut code);
        }
        Ok(code)
    }
}

fn name_skipped(tree: &export::Tree, code: &mut ExitCode) {
    for (path, warning) in &tree.warned {
        warned(path, Some(warning));
    }
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
    /// Write this journal; it must not exist.
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

/// What a script may do to an item.
const ACTS: [Act; 5] = [
    Act::Decided(Decision::Confirmed),
    Act::Decided(Decision::Rejected),
    Act::Decided(Decision::Unsure),
    Act::Decided(Decision::Skipped),
    Act::Undone,
];

fn act_name(act: Act) -> &'static str {
    match act {
        Act::Decided(decision) => decision.name(),
        Act::Noted => "noted",
        Act::Undone => "undone",
    }
}

/// The orders by their names; a journal has neither threshold nor seed.
const ORDERS: [Order; 5] = [
    Order::Listed,
    Order::Best,
    Order::Uncertain { threshold: 0.5 },
    Order::Stratified { seed: 0 },
    Order::Random { seed: 0 },
];

/// Arguments of `antiphon curate decide`.
#[derive(Debug, Args)]
pub(super) struct Decide {
    /// The journal; created if there is none.
    journal: PathBuf,
    /// The item to decide on.
    #[arg(long, required_unless_present = "lines")]
    item: Option<String>,
    /// The decision; `undone` takes the last one back.
    #[arg(long, value_parser = one_of(ACTS, |act| act_name(*act)), required_unless_present = "lines")]
    decision: Option<Act>,
    /// Reason for a rejection.
    #[arg(long, value_parser = one_of(Reason::ALL, |reason| reason.name()))]
    reason: Option<Reason>,
    /// Note, in your words.
    #[arg(long, default_value = "")]
    note: String,
    /// Flag the item.
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
    /// The judge that gave the confidence: `judge` of a list or document.
    #[arg(long)]
    judge: Option<String>,
    /// Order of the queue.
    #[arg(long, value_parser = one_of(ORDERS, |order| order.name()))]
    order: Option<Order>,
    /// Read JSON lines with `item` and `decision` from standard input instead, and acknowledge each once it is on disk.
    #[arg(long, conflicts_with = "item")]
    lines: bool,
    /// Name of the person who decides [default: your name on this system].
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
            record.reason = self.reason;
            (record.note, record.flag, record.confidence) = (self.note, self.flag, self.confidence);
            record.judge = self.judge;
            record.order = self.order.map(|order| order.name().to_owned());
            record.act = self.decision.unwrap_or(record.act);
            return decide(&mut journal, record);
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
            let row: Value = antiphon::files::parse_json(&line).map_err(|error| bad(error.to_string()))?;
            let text = |name: &str| row[name].as_str().map(str::to_owned);
            let mut record = Record::new(text("item").ok_or_else(|| bad("no item".into()))?, Decision::Skipped);
            record.reason = text("reason").as_deref().and_then(Reason::named);
            record.note = text("note").unwrap_or_default();
            (record.midi, record.audio, record.confidence) = (text("midi"), text("audio"), row["confidence"].as_f64());
            (record.judge, record.order) = (text("judge"), text("order"));
            let decision = text("decision").unwrap_or_default();
            let act = ACTS.into_iter().find(|act| act_name(*act) == decision);
            record.act = act.ok_or_else(|| {
                let reason = format!("unknown decision {decision:?}");
                Error::List { reason, path: journal.path().into() }
            })?;
            decide(&mut journal, record)?;
        }
    }
}

/// Records a decision and acknowledges it once it is on disk.
fn decide(journal: &mut Journal, record: Record) -> Result<ExitCode> {
    let item = record.item.clone();
    journal.decide(record)?;
    let state =
        journal.table().current(&item).and_then(Record::decision).map_or(State::Unreviewed.name(), Decision::name);
    answer!("{item}: {state}");
    Ok(ExitCode::SUCCESS)
}
