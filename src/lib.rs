//! Antiphon finds the recording a MIDI file belongs to, aligns the two, and lets a person judge the match.

pub mod alignment;
pub mod audio;
pub mod collect;
pub mod curation;
pub mod dataset;
pub mod demo;
pub mod embedding;
pub mod encoder;
pub mod error;

pub mod evaluate;
pub mod export;
pub mod features;
pub mod files;
#[cfg(feature = "gui")]
pub mod gui;
pub mod hashing;
pub mod index;
pub mod job;
pub mod log;
pub mod midi;
pub mod network;
pub mod pair;
pub mod picture;
pub mod playback;
mod resumable;
pub mod search;
pub mod session;
pub mod synth;
pub mod toy;
pub mod training;
pub mod verdict;

pub use error::{Error, Result};

// Tells the tests whether memory is taken where none may be.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;
