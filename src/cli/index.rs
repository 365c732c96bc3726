//! `antiphon index`.

use super::output::or_no_folder;
use super::{progress, soundfont};
use antiphon::embedding::EmbeddingModel;
use antiphon::error::{Error, Result};
use antiphon::hashing::HashModel;
use antiphon::index::{self, Added, Catalogue, Embedder, Index, Sources};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is done with an index.
#[derive(Debug, Subcommand)]
pub(super) enum IndexCommand {
    /// Begin an index, or go on with one, and add recordings and MIDI files.
    Build(Build),
    /// Add recordings and MIDI files to an index.
    Add(Add),
    /// Remove entries.
    Remove(Remove),
    /// Say what is in an index.
    Info(Info),
    /// Read every byte of an index and name what is damaged.
    Verify(Verify),
    /// Make an index of any size, with no music in it, to measure searches on.
    Synthesize(Synthesize),
}

impl IndexCommand {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Build(command) => command.run(),
            Self::Add(command) => command.run(),
            Self::Remove(command) => command.run(),
            Self::Info(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Synthesize(command) => command.run(),
        }
    }
}

/// Arguments of `antiphon index build`.
#[derive(Debug, Args)]
pub(super) struct Build {
    #[command(flatten)]
    add: Add,
    /// A trained hash model [default: the bundled one].
    #[arg(long)]
    model: Option<PathBuf>,
    /// A trained embedding model, or `statistics`: means and deviations of the features.
    #[arg(long, value_name = "MODEL|statistics")]
    embedding: Option<PathBuf>,
}

impl Build {
    fn run(self) -> Result<ExitCode> {
        let folder = self.add.index.clone();
        or_no_folder(std::slice::from_ref(&folder), || self.build())
    }

    fn build(self) -> Result<ExitCode> {
        let hash = self.model.as_deref().map_or_else(HashModel::bundled, HashModel::load)?;
        let embedder = match self.embedding.as_deref() {
            None => Embedder::standard()?,
            Some(name) if name == Path::new("statistics") => Embedder::Statistics,
            Some(path) => Embedder::Model(Box::new(EmbeddingModel::load(path)?)),
        };
        // What is wrong with the sources is said before a folder is made.
        let sources = self.add.sources()?;
        let begun = index::begin(&self.add.index, &hash, &embedder, &soundfont(self.add.soundfont.as_ref())?)?;
        self.add.run_with(&sources, begun)
    }
}

/// Arguments of `antiphon index add`.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// Recordings and MIDI files, and folders with such below them.
    #[arg(required_unless_present = "catalogue")]
    sources: Vec<PathBuf>,
    /// The index: a folder.
    #[arg(long, value_name = "DIR")]
    index: PathBuf,
    /// What is known of the files: a JSON object a line, with the fields of a Million Song Dataset entry and `path`.
    #[arg(long, value_name = "JSONL")]
    catalogue: Option<PathBuf>,
    /// Soundfont (SF2) to synthesise MIDI files with.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// Take the syntheses of MIDI files as recordings, to measure searches on.
    #[arg(long)]
    as_recordings: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Add {
    fn sources(&self) -> Result<Sources> {
        let catalogue = self.catalogue.as_deref().map(Catalogue::read).transpose()?;
        Ok(Sources { paths: self.sources.clone(), catalogue, as_recordings: self.as_recordings })
    }

    fn run(self) -> Result<ExitCode> {
        let sources = self.sources()?;
        self.run_with(&sources, false)
    }

    /// Adds to the index, which was `begun` for this or was there before.
    fn run_with(self, sources: &Sources, begun: bool) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let outcome =
            soundfont(self.soundfont.as_ref()).and_then(|font| index::add(&self.index, sources, &font, &progress));
        let taken_back = begun && index::take_back(&self.index);
        let Added { added, replaced, kept, renamed, copies, seconds, skipped } = outcome?;
        for (path, error) in &skipped {
            super::skipped(path, error);
        }
        if taken_back {
            let reason = "no recording or MIDI file could be added".into();
            return Err(Error::Index { reason, path: self.index });
        }
        answer!(
            "{added} added ({:.1} h of sound; {replaced} in place of what they were), {kept} there already, {renamed} renamed, \
             {copies} copies left out, {} skipped; {} entries",
            seconds / 3600.0,
            skipped.len(),
            Index::open(&self.index)?.counts().entries
        );
        Ok(if skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}

/// Arguments of `antiphon index remove`.
#[derive(Debug, Args)]
pub(super) struct Remove {
    /// MD5 or catalogue id of an entry, path of its file, or of a folder above it.
    #[arg(required = true)]
    names: Vec<PathBuf>,
    /// The index.
    #[arg(long, value_name = "DIR")]
    index: PathBuf,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Remove {
    fn run(self) -> Result<ExitCode> {
        let (removed, missing) = index::remove(&self.index, &self.names, &progress(self.quiet))?;
        for name in &missing {
            message!("antiphon: not in the index: {name:?}");
        }
        answer!("{removed} removed; {} entries", Index::open(&self.index)?.counts().entries);
        Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}

/// Arguments of `antiphon index info`.
#[derive(Debug, Args)]
pub(super) struct Info {
    /// The index.
    #[arg(long, value_name = "DIR")]
    index: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// List the entries too, one JSON object a line.
    #[arg(long, conflicts_with = "json")]
    entries: bool,
}

impl Info {
    fn run(self) -> Result<ExitCode> {
        let index = Index::open(&self.index)?;
        let (counts, hash, embedding) = (index.counts(), index.hash_record(), index.embedding_record());
        if self.json {
            let document = json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "index-info/1",
                "index": self.index.to_string_lossy(),
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
    /// The index.
    #[arg(long, value_name = "DIR")]
    index: PathBuf,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Verify {
    fn run(self) -> Result<ExitCode> {
        let faults = index::verify(&self.index, &progress(self.quiet))?;
        for fault in &faults {
            message!("antiphon: {}: {:?}", fault.reason, fault.path);
        }
        if faults.is_empty() {
            answer!("whole: {} entries", Index::open(&self.index)?.counts().entries);
            Ok(ExitCode::SUCCESS)
        } else {
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Arguments of `antiphon index synthesize`.
#[derive(Debug, Args)]
pub(super) struct Synthesize {
    /// The index to begin.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Number of entries.
    #[arg(long, default_value_t = 1_000_000)]
    entries: usize,
    /// Seed of all that is drawn.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Synthesize {
    fn run(self) -> Result<ExitCode> {
        or_no_folder(std::slice::from_ref(&self.output), || {
            index::synthesize(&self.output, self.entries, self.seed, &progress(self.quiet))
        })?;
        answer!("{} entries, {:.1} MB", self.entries, Index::open(&self.output)?.counts().bytes as f64 / 1e6);
        Ok(ExitCode::SUCCESS)
    }
}
