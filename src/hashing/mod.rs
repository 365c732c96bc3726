//! How far apart are two pieces of music if each moment is a few bits?
//!
//! A [`HashSequence`] holds a code of 16 or 32 bits for every step of a few tenths of a second. Two moments that sound
//! alike have codes that differ in few bits: their Hamming distance is small. A recording and its MIDI file are
//! compared by dynamic time warping over these distances, hundreds of times faster than over features (spec E; Raffel,
//! ISMIR 2015; thesis, 2016).
//!
//! | question | answer |
//! |---|---|
//! | How far apart are two sequences? | [`hash_dtw`] |
//! | Which steps correspond? | [`hash_dtw_path`] |
//! | How far apart is one from each of many? | [`HashBlocks`], some 20 times faster than one by one |
//! | How far apart are they at least? | [`least_score`], sound where the published pruning is not |
//! | What is there to see? | [`HashSequence::raster`], [`hamming_matrix`] |
//! | Codes without learning? | [`Tpaa`] |
//! | Learned codes? | [`HashModel`], the networks of an [`Architecture`]; [`HashSequence::of`] |
//! | How well do codes separate what matches from what doesn't? | [`Separation`] |
//! | What is inside the networks? | [`filters()`], [`layer_output`], [`strongest`] |
//!
//! ```
//! use antiphon::{hashing::*, job::Progress};
//! let recording = HashSequence::new(vec![3, 5, 7, 1, 9], 16, 0.37)?;
//! let midi = HashSequence::new(vec![3, 5, 5, 7, 1, 9], 16, 0.37)?;
//! let score = hash_dtw(midi.codes(), recording.codes(), HashDtw::GEN1);
//! // The path may begin at the MIDI's second code: five cells, the first of which differs by two bits.
//! assert_eq!(score, 2.0 / 5.0);
//! let many = HashBlocks::new(&[recording.clone(), midi.clone()])?;
//! assert_eq!(many.scores(&midi, HashDtw::GEN1, &Progress::silent())?, [score, 0.0]);
//! # antiphon::Result::Ok(())
//! ```

mod blocks;
mod bound;
mod dtw;
mod filters;
mod network;
mod separation;
mod sequence;
#[cfg(target_arch = "x86_64")]
mod simd_avx2;
#[cfg(target_arch = "x86_64")]
mod simd_avx512;
#[cfg(target_arch = "aarch64")]
mod simd_neon;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod sweep;
mod tpaa;

pub(crate) use crate::encoder::INPUT_BINS;
pub use crate::encoder::{InputScaling, Side};
pub(crate) use blocks::scores_of;
pub use blocks::{HashBlocks, Kernel};
pub use bound::least_score;
pub use dtw::{HashDtw, HashPath, hamming_matrix, hash_dtw, hash_dtw_path};
pub use filters::{Filter, SeenLayer, filters, layer_output, seen_layers, strongest};
pub(crate) use network::codes;
pub use network::{Architecture, HashModel, MidiFeatures, TrainingRecord};
pub use separation::{CodePair, Separation};
pub use sequence::HashSequence;
pub use tpaa::Tpaa;
