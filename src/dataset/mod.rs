//! Training pairs on disk: the same musical moments seen from a MIDI file and from a recording of it.
//!
//! A data set is a folder: `dataset.json` (format `dataset/1`: all parameters, one entry per work) and one file per
//! pair, `pairs/<id>-<variant>.safetensors`. A [`Dataset`] opens one; a [`Pair`] is what a network learns from. Works,
//! not segments, are split into training, validation and test (spec C7): files with the same bytes, title or melodies
//! are one.
//!
//! [`synthesize()`] makes pairs from MIDI alone: each file is rendered unchanged, and again with the differences that a
//! recording of it would have. [`align`] makes them from recordings that have a MIDI file, if the aligner accepts the
//! two.
//!
//! Matrices are frames × [`WIDE_BINS`](crate::features::WIDE_BINS), row = time, from MIDI note
//! [`WIDE_FIRST_NOTE`](crate::features::WIDE_FIRST_NOTE): six semitones more at either end than the 48 bins from C2 of
//! spec A, so that a window of 48 can slide by −6…+6 semitones and transpose both sides alike.
//!
//! ```no_run
//! use antiphon::dataset::{Dataset, Split};
//! # use std::path::Path;
//! let data = Dataset::open(Path::new("pairs"))?;
//! for work in data.works(Split::Train) {
//!     for variant in 0..work.variants() {
//!         let pair = data.load(work, variant)?;
//!         assert_eq!(pair.midi.dim(), pair.audio.dim());
//!     }
//! }
//! # antiphon::Result::Ok(())
//! ```

pub(crate) mod compressed;
mod effects;
mod fingerprint;
mod mastering;
mod recordings;
mod store;
mod synthesize;
mod take;
mod transcription;
mod voice;
mod works;

pub(crate) use effects::Effects;
pub use recordings::{Recordings, align};
pub use store::{Dataset, Pair, Split, Work};
pub use synthesize::{Font, Synthesis, synthesize};
pub(crate) use voice::{melody, sing};
pub(crate) use works::{number, other_works, read as read_midi};

use crate::error::{Error, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The result of a run.
#[derive(Debug)]
pub struct Made {
    /// The data set as it is now.
    pub dataset: Dataset,
    /// Pairs that were made.
    pub made: usize,
    /// Pairs that were there already.
    pub kept: usize,
    /// MIDI files whose bytes equal those of another.
    pub copies: usize,
    /// MIDI files that are the same music as a held-out one.
    pub held_out: usize,
    /// Files that could not be used, with the reason.
    pub skipped: Vec<(PathBuf, String)>,
}

/// The data set that a folder holds, created with the same parameters; `None` if the folder is new.
fn continues(folder: &Path, parameters: &Value) -> Result<Option<Dataset>> {
    let path = Dataset::document_of(folder);
    if !path.exists() {
        return Ok(None);
    }
    let there = Dataset::open(folder)?;
    let (old, new) = (there.parameters().as_object(), parameters.as_object());
    let names = old.into_iter().chain(new).flat_map(|map| map.keys());
    let value = |of: &Value, name: &String| of.get(name).cloned().unwrap_or_default();
    for name in names {
        let (was, is) = (value(there.parameters(), name), value(parameters, name));
        if was != is {
            return Err(Error::Dataset {
                reason: format!("it was begun with {name} {was}, now {is} is asked for"),
                path,
            });
        }
    }
    Ok(Some(there))
}

/// Makes pairs in `folder`. If it fails before there are any, in a folder that was not a data set, nothing is left
/// behind to continue from: neither the document nor the folder of the pairs.
fn or_nothing(folder: &Path, make: impl FnOnce() -> Result<Made>) -> Result<Made> {
    let (document, pairs) = (Dataset::document_of(folder), Dataset::pairs_of(folder));
    let new = !document.exists() && !pairs.exists();
    let outcome = make();
    // A folder with pairs in it is not removed.
    if new && outcome.is_err() && std::fs::remove_dir(pairs).is_ok() {
        drop(std::fs::remove_file(document));
    }
    outcome
}

/// Derives one number from another, well mixed (the finaliser of Murmur 3, after a step of Weyl's sequence).
fn mix(x: u64) -> u64 {
    let mut x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    x = (x ^ (x >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    x ^ (x >> 33)
}
