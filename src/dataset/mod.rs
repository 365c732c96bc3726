//! Training pairs on disk: the same musical moments seen from a MIDI file and from a recording of it.
//!
//! A data set is a folder: `dataset.json` (format `dataset/1`: all parameters, an entry a work) and a file a pair,
//! `pairs/<id>-<variant>.safetensors`. A [`Dataset`] opens one, a [`Pair`] is what a network learns from. Works, not
//! segments, are split into training, validation and test (spec C7).
//!
//! Matrices are frames × [`BINS`], row = time, from MIDI note [`FIRST_NOTE`]: six semitones more at either end than the
//! 48 bins from C2 of spec A, so that a window of 48 can slide by −6…+6 semitones and transpose both sides alike.
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

mod store;

pub use store::{BINS, Dataset, FIRST_NOTE, FORMAT, Pair, Split, Work};
