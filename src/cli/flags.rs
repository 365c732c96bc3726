//! Flags shared by several commands: the name, help and meaning of each are defined once. A command flattens those it
//! has; where one depends on the command's own flags (`requires`), the command says so with `mut_arg`.

use super::terminal;
use antiphon::alignment::Preset;
use antiphon::dataset::Split;
use antiphon::error::Result;
use antiphon::export;
use antiphon::features::HOP;
use antiphon::index::Index;
use antiphon::job::Progress;
use antiphon::search::{Keys, SearchOptions};
use antiphon::synth::SoundFont;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// What to show while a command works.
#[derive(Debug, Args)]
pub(super) struct Quiet {
    /// Show no progress.
    #[arg(long)]
    pub(super) quiet: bool,
}

impl Quiet {
    pub(super) fn progress(&self) -> Progress {
        terminal::progress(self.quiet)
    }
}

/// How to print the result.
#[derive(Debug, Args)]
pub(super) struct Json {
    /// Print the result as one JSON document.
    #[arg(long)]
    pub(super) json: bool,
}

/// Where to draw the result.
#[derive(Debug, Args)]
pub(super) struct Picture {
    /// Draw the result as a picture: histograms, rank curves or calibration.
    #[arg(long, value_name = "PNG")]
    png: Option<PathBuf>,
}

impl Picture {
    /// Writes the picture made by `draw`, if one is requested.
    pub(super) fn write(&self, draw: impl FnOnce() -> image::RgbaImage) -> Result<()> {
        self.png.as_ref().map_or(Ok(()), |path| antiphon::files::write(path, &export::png(&draw())?))
    }
}

/// The soundfont for MIDI files.
#[derive(Debug, Args)]
pub(super) struct MidiFont {
    /// Synthesise MIDI files with this soundfont (SF2), instead of the bundled one.
    #[arg(long, value_name = "SF2")]
    pub(super) soundfont: Option<PathBuf>,
}

impl MidiFont {
    pub(super) fn open(&self) -> Result<SoundFont> {
        open(self.soundfont.as_deref())
    }
}

/// The soundfont for rendered recordings.
#[derive(Debug, Args)]
pub(super) struct AudioFont {
    /// Render recordings with this soundfont (SF2), different from the MIDI side's.
    #[arg(long, value_name = "SF2")]
    audio_soundfont: Option<PathBuf>,
}

impl AudioFont {
    pub(super) fn open(&self) -> Result<SoundFont> {
        open(self.audio_soundfont.as_deref())
    }
}

/// The soundfont chosen, or the bundled one.
fn open(path: Option<&Path>) -> Result<SoundFont> {
    path.map_or_else(SoundFont::bundled, SoundFont::open)
}

/// The source of random choices.
#[derive(Debug, Args)]
pub(super) struct Draw {
    /// Seed of everything drawn at random.
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
}

/// The index to use.
#[derive(Debug, Args)]
pub(super) struct IndexFolder {
    /// Folder of the index.
    #[arg(long, value_name = "DIR")]
    pub(super) index: PathBuf,
}

impl IndexFolder {
    pub(super) fn open(&self) -> Result<Index> {
        Index::open(&self.index)
    }
}

/// The model to use.
#[derive(Debug, Args)]
pub(super) struct Model {
    /// Use this trained model, instead of the bundled one.
    #[arg(long)]
    pub(super) model: Option<PathBuf>,
}

impl Model {
    pub(super) fn load<T>(
        &self,
        load: impl FnOnce(&Path) -> Result<T>,
        bundled: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.model.as_deref().map_or_else(bundled, load)
    }
}

/// Models to compare.
#[derive(Debug, Args)]
pub(super) struct Models {
    /// Measure this trained model too, beside the bundled one and the baseline; may be given several times.
    #[arg(long)]
    model: Vec<PathBuf>,
}

impl Models {
    /// Loads the models, named by their files, and the bundled one.
    pub(super) fn load<T>(
        &self,
        load: impl Fn(&Path) -> Result<T>,
        bundled: impl FnOnce() -> Result<T>,
    ) -> Result<Vec<(String, T)>> {
        let named = |path: &PathBuf| Ok((antiphon::files::stem(path), load(path)?));
        let mut models: Vec<(String, T)> = self.model.iter().map(named).collect::<Result<_>>()?;
        models.push(("bundled model".into(), bundled()?));
        Ok(models)
    }
}

/// Where decoded recordings are kept.
#[derive(Debug, Args)]
pub(super) struct Cache {
    /// Keep analysed recordings in this folder: a second run decodes nothing.
    #[arg(long, value_name = "DIR")]
    pub(super) cache: Option<PathBuf>,
}

impl Cache {
    /// Creates the folder if there is none.
    pub(super) fn create(&self) -> Result<()> {
        self.cache.as_deref().map_or(Ok(()), antiphon::files::create_folder)
    }
}

/// Time between frames.
#[derive(Debug, Args)]
pub(super) struct Hop {
    /// Samples between frames at 22,050 Hz, 64 to 8192.
    #[arg(long, value_name = "SAMPLES", default_value_t = HOP as u16, value_parser = clap::value_parser!(u16).range(64..=8192))]
    hop: u16,
}

impl Hop {
    pub(super) fn samples(&self) -> usize {
        usize::from(self.hop)
    }
}

/// The length of a list of hits.
#[derive(Debug, Args)]
pub(super) struct Top {
    /// Best hits to list for each file.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(super) top: usize,
}

/// How to search an index.
#[derive(Debug, Args)]
pub(super) struct Cascade {
    /// Compare the codes of all entries, whatever their embeddings.
    #[arg(long)]
    exhaustive: bool,
    /// Entries to keep by their embeddings [default: a tenth of all, at least 1000].
    #[arg(long, value_name = "N")]
    keep_embedding: Option<usize>,
    /// Entries to keep by their codes, and to align [default: one of 4000, at least 25].
    #[arg(long, value_name = "N")]
    keep_hash: Option<usize>,
    /// Keys to try the query in.
    #[arg(long, value_enum, default_value = "when-unsure")]
    keys: KeysName,
}

impl Cascade {
    pub(super) fn options(&self, top: usize) -> SearchOptions {
        let (keep_embedding, keep_hash) = (self.keep_embedding, self.keep_hash);
        SearchOptions { top, exhaustive: self.exhaustive, keep_embedding, keep_hash, keys: self.keys.into() }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KeysName {
    /// As written, and in the other eleven if no hit is confident.
    WhenUnsure,
    /// As written only.
    Written,
    /// In all twelve.
    All,
}

impl From<KeysName> for Keys {
    fn from(name: KeysName) -> Self {
        match name {
            KeysName::WhenUnsure => Self::WhenUnsure,
            KeysName::Written => Self::Written,
            KeysName::All => Self::All,
        }
    }
}

/// The works of a data set to measure.
#[derive(Debug, Args)]
pub(super) struct OfSplit {
    /// Works to measure.
    #[arg(long, default_value = "test", value_parser = split())]
    pub(super) split: Split,
}

pub(super) fn split() -> impl TypedValueParser<Value = Split> {
    one_of([Split::Train, Split::Valid, Split::Develop, Split::Test], |split| split.name())
}

/// Ours and the published systems, for aligners and for networks.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum PresetName {
    /// Antiphon's own.
    Antiphon,
    /// As in Raffel 2015.
    Gen1,
    /// As in Raffel 2016, of the Lakh MIDI Dataset.
    Gen2,
}

impl From<PresetName> for Preset {
    fn from(name: PresetName) -> Self {
        match name {
            PresetName::Antiphon => Self::Antiphon,
            PresetName::Gen1 => Self::Gen1,
            PresetName::Gen2 => Self::Gen2,
        }
    }
}

/// Parses one of the names in `all`; for any other word, the error lists them.
pub(super) fn one_of<T, const N: usize>(all: [T; N], name: fn(&T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.each_ref().map(name)).map(move |word| {
        let found = all.iter().find(|one| name(one) == word);
        found.cloned().expect("one of the possible values")
    })
}
