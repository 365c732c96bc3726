//! `antiphon index`.

use super::flags::{Draw, IndexFolder, Json, MidiFont, Quiet};
use super::help::examples;
use super::output::or_no_folder;
use super::terminal::{skipped, warned};
use antiphon::embedding::EmbeddingModel;
use antiphon::error::{Error, Result};
use antiphon::hashing::HashModel;
use antiphon::index::{self, Added, Catalogue, Embedder, Index, Kinds, Sources, Upgraded};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to do with an index.
#[derive(Debug, Subcommand)]
pub(super) enum IndexCommand {
    /// Build an index of recordings and MIDI files, or resume building one.
    #[command(after_help = examples(&[
        "antiphon index build recordings --index music.index",
        "antiphon index build recordings --index music.index --catalogue songs.jsonl",
    ]))]
    Build(Build),
    /// Add recordings and MIDI files to an index.
    #[command(after_help = examples(&["antiphon index add new-recordings --index music.index"]))]
    Add(Add),
    /// Remove entries from an index.
    #[command(after_help = examples(&["antiphon index remove recordings/song.mp3 --index music.index"]))]
    Remove(Remove),
    /// Make the codes and vectors of an index anew with other models, from the features that it keeps.
    #[command(after_help = examples(&[
        "antiphon index upgrade --index music.index",
        "antiphon index upgrade --index music.index --model hash.safetensors --embedding embedding.safetensors",
    ]))]
    Upgrade(Upgrade),
    /// Show what an index holds.
    #[command(after_help = examples(&[
        "antiphon index info --index music.index",
        "antiphon index info --index music.index --entries > entries.jsonl",
    ]))]
    Info(Info),
    /// Verify every byte of an index, and name what is damaged.
    #[command(after_help = examples(&["antiphon index verify --index music.index"]))]
    Verify(Verify),
    /// Make an index of any size without music, to measure searches on.
    #[command(after_help = examples(&["antiphon index synthesize -o large.index --entries 1000000"]))]
    Synthesize(Synthesize),
}

impl IndexCommand {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Build(command) => command.run(),
            Self::Add(command) => command.run(),
            Self::Remove(command) => command.run(),
            Self::Upgrade(command) => command.run(),
            Self::Info(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Synthesize(command) => command.run(),
        }
    }
}

/// The models of an index.
#[derive(Debug, Args)]
struct Models {
    /// Hash with this trained model, instead of the bundled one.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Embed with this trained model, or by `statistics`, means and deviations of the features, instead of the bundled
    /// model.
    #[arg(long, value_name = "MODEL|statistics")]
    embedding: Option<PathBuf>,
}

impl Models {
    fn open(&self) -> Result<(HashModel, Embedder)> {
        let hash = self.model.as_deref().map_or_else(HashModel::bundled, HashModel::load)?;
        let embedder = match self.embedding.as_deref() {
            None => Embedder::standard()?,
            Some(name) if name == Path::new("statistics") => Embedder::Statistics,
            Some(path) => Embedder::Model(Box::new(EmbeddingModel::load(path)?)),
        };
        Ok((hash, embedder))
    }
}

/// Arguments of `antiphon index build`.
#[derive(Debug, Args)]
pub(super) struct Build {
    #[command(flatten)]
    models: Models,
    #[command(flatten)]
    add: Add,
}

impl Build {
    fn run(self) -> Result<ExitCode> {
        let folder = self.add.folder.index.clone();
        or_no_folder(std::slice::from_ref(&folder), || self.build())
    }

    fn build(self) -> Result<ExitCode> {
        let (hash, embedder) = self.models.open()?;
        // Report problems with the sources before making a folder.
        let sources = self.add.sources()?;
        let begun = index::begin(&self.add.folder.index, &hash, &embedder, &self.add.font.open()?)?;
        self.add.run_with(&sources, begun)
    }
}

/// Arguments of `antiphon index add`.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// Recordings and MIDI files, or folders of them.
    #[arg(required_unless_present = "catalogue")]
    sources: Vec<PathBuf>,
    #[command(flatten)]
    folder: IndexFolder,
    /// Take metadata of the files from this list (JSON or a table) with the fields of a Million Song Dataset entry and
    /// `path`.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    #[command(flatten)]
    font: MidiFont,
    /// Which files of folders to add; without this, the recordings; MIDI files only if there is
    /// no recording, or if the index has some already.
    #[arg(long, value_enum)]
    take: Option<Take>,
    /// Index the syntheses of MIDI files as if they were recordings, to measure searches on.
    #[arg(long)]
    as_recordings: bool,
    #[command(flatten)]
    terminal: Quiet,
}

/// Which files of folders to add.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Take {
    /// Recordings.
    Recordings,
    /// MIDI files.
    Midi,
    /// Recordings and MIDI files.
    Both,
}

impl Add {
    fn sources(&self) -> Result<Sources> {
        let catalogue = self.catalogue.as_deref().map(Catalogue::read).transpose()?;
        let kinds = match self.take {
            None => Kinds::RecordingsFirst,
            Some(Take::Recordings) => Kinds::Recordings,
            Some(Take::Midi) => Kinds::Midi,
            Some(Take::Both) => Kinds::Both,
        };
        Ok(Sources { paths: self.sources.clone(), catalogue, kinds, as_recordings: self.as_recordings })
    }

    fn run(self) -> Result<ExitCode> {
        let sources = self.sources()?;
        self.run_with(&sources, false)
    }

    /// Adds to the index, which was `begun` for this or existed before.
    fn run_with(self, sources: &Sources, begun: bool) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let outcome = self.font.open().and_then(|font| index::add(&self.folder.index, sources, &font, &progress));
        let taken_back = begun && index::take_back(&self.folder.index);
        let Added { added, replaced, kept, renamed, other_kind, copies, seconds, warned: odd, skipped: unread } =
            outcome?;
        let unlisted = sources.catalogue.as_ref().map(Catalogue::remarks).unwrap_or_default();
        for remark in &unlisted {
            warned(self.catalogue.as_deref().unwrap_or(Path::new("")), Some(remark));
        }
        for (path, warning) in &odd {
            warned(path, Some(warning));
        }
        for (path, error) in &unread {
            skipped(path, error);
        }
        if other_kind > 0 {
            message!("antiphon: left out, not of the kind that is added (see --take): {other_kind}");
        }
        if taken_back {
            let reason = "no recording or MIDI file could be added".into();
            return Err(Error::Index { reason, path: self.folder.index });
        }
        answer!(
            "{added} added ({:.1} h of sound; {replaced} in place of what they were), {kept} there already, {renamed} renamed, \
             {copies} copies left out, {} skipped; {} entries",
            seconds / 3600.0,
            unread.len(),
            self.folder.open()?.counts().entries
        );
        Ok(if unread.is_empty() && unlisted.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}

/// Arguments of `antiphon index remove`.
#[derive(Debug, Args)]
pub(super) struct Remove {
    /// Entries to remove: MD5 or catalogue id, path of the file, or of a folder above it.
    #[arg(required = true)]
    names: Vec<PathBuf>,
    #[command(flatten)]
    folder: IndexFolder,
    #[command(flatten)]
    terminal: Quiet,
}

impl Remove {
    fn run(self) -> Result<ExitCode> {
        let (removed, missing) = index::remove(&self.folder.index, &self.names, &self.terminal.progress())?;
        for name in &missing {
            message!("antiphon: not in the index: {name:?}");
        }
        answer!("{removed} removed; {} entries", self.folder.open()?.counts().entries);
        Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}

/// Arguments of `antiphon index upgrade`.
#[derive(Debug, Args)]
pub(super) struct Upgrade {
    #[command(flatten)]
    models: Models,
    #[command(flatten)]
    folder: IndexFolder,
    #[command(flatten)]
    terminal: Quiet,
}

impl Upgrade {
    fn run(self) -> Result<ExitCode> {
        let (hash, embedder) = self.models.open()?;
        let Upgraded { entries, codes, embeddings, resumed, dropped } =
            index::upgrade(&self.folder.index, &hash, &embedder, &self.terminal.progress())?;
        let new = match (codes, embeddings) {
            (true, true) => "codes and vectors",
            (true, false) => "codes",
            (false, true) => "vectors",
            (false, false) => {
                answer!("nothing to do: codes and vectors are by these models already; {entries} entries");
                return Ok(ExitCode::SUCCESS);
            }
        };
        answer!(
            "{entries} entries have new {new}, {resumed} of them by a run that was stopped; {dropped} removed ones dropped"
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// Arguments of `antiphon index info`.
#[derive(Debug, Args)]
pub(super) struct Info {
    #[command(flatten)]
    folder: IndexFolder,
    #[command(flatten)]
    report: Json,
    /// Also list the entries, one JSON object per line.
    #[arg(long, conflicts_with = "json")]
    entries: bool,
}

impl Info {
    fn run(self) -> Result<ExitCode> {
        let index = self.folder.open()?;
        let (counts, hash, embedding) = (index.counts(), index.hash_record(), index.embedding_record());
        if self.report.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "index-info/1",
                "index": self.folder.index.to_string_lossy(),
                "counts": counts,
                "segments": index.segment_count(),
                "parameters": index.parameters(),
                "hash": hash,
                "embedding": embedding,
            });
            answer!("{document:#}");
            return Ok(ExitCode::SUCCESS);
        }
        let all = (counts.entries + counts.removed).max(1);
        answer!(
            "{} entries, {} removed, {} segments, {:.1} MB: {} bytes an entry",
            counts.entries,
            counts.removed,
            index.segment_count(),
            counts.bytes as f64 / 1e6,
            counts.bytes / all
        );
        answer!(
            "{} embeddings of {} values ({}), {} codes of {} bits, {:.1} h of features",
            counts.embeddings,
            embedding.dimension,
            embedding.model.as_ref().map_or("statistics", |model| model.name.as_str()),
            counts.codes,
            hash.bits,
            counts.frames as f64 * antiphon::features::FRAME_S / 3600.0
        );
        answer!("codes by {}; MIDI files synthesised with {:?}", hash.model.name, index.parameters().soundfont);
        if self.entries {
            for place in index.places() {
                answer!("{}", json!(index.entry(place)?));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Arguments of `antiphon index verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    folder: IndexFolder,
    #[command(flatten)]
    terminal: Quiet,
}

impl Verify {
    fn run(self) -> Result<ExitCode> {
        let faults = index::verify(&self.folder.index, &self.terminal.progress())?;
        for fault in &faults {
            message!("antiphon: {}: {:?}", fault.reason, fault.path);
        }
        if faults.is_empty() {
            answer!("whole: {} entries", self.folder.open()?.counts().entries);
            Ok(ExitCode::SUCCESS)
        } else {
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Arguments of `antiphon index synthesize`.
#[derive(Debug, Args)]
pub(super) struct Synthesize {
    /// Write the index to this folder.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Number of entries.
    #[arg(long, default_value_t = 1_000_000)]
    entries: usize,
    /// Make songs of this length, give or take a fifth, instead of clips of 30 to 60 s.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u16).range(1..))]
    seconds: Option<u16>,
    #[command(flatten)]
    draw: Draw,
    #[command(flatten)]
    terminal: Quiet,
}

impl Synthesize {
    fn run(self) -> Result<ExitCode> {
        or_no_folder(std::slice::from_ref(&self.output), || {
            index::synthesize(
                &self.output,
                self.entries,
                self.seconds.map(f64::from),
                self.draw.seed,
                &self.terminal.progress(),
            )
        })?;
        answer!("{} entries, {:.1} MB", self.entries, Index::open(&self.output)?.counts().bytes as f64 / 1e6);
        Ok(ExitCode::SUCCESS)
    }
}
