//! Antiphon finds the recording a MIDI file belongs to, aligns the two, and lets a person judge the match.
//!
//! It is a library with a command line and a window: whatever these do is a call of this crate. It implements Colin Raffel's
//! "Accelerating Large-Scale Sequence Retrieval with Convolutional Networks" (2015) and the aligners of the Lakh MIDI Dataset, beside an
//! aligner of its own.
//!
//! ```
//! use antiphon::alignment::{Preset, Verdict};
//! use antiphon::audio::{AudioTime, Keep};
//! use antiphon::{demo, job::Progress, pair, synth::SoundFont, verdict};
//!
//! # let folder = tempfile::tempdir()?;
//! // A song and three recordings that the program carries; the first is of the song.
//! let demo = demo::unpack(folder.path())?;
//! let progress = Progress::silent();
//!
//! // The MIDI file is synthesised, the recording decoded; both become constant-Q features.
//! let midi = pair::load_midi(&demo.midi, &SoundFont::bundled()?, &progress)?;
//! let audio = pair::load_audio(&demo.recordings[0], Keep::Analysis, &progress)?;
//!
//! // Which moment is which, and whether the two are the same music at all.
//! let alignment = verdict::align(&midi, &audio, Preset::Antiphon, &progress)?;
//! assert_eq!(alignment.verdict(), Verdict::Match);
//! println!("10 s into the recording, the MIDI file is at {:.2} s", alignment.map.to_midi(AudioTime(10.0)).0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The concepts, in the order in which data pass through them
//!
//! | concept | where |
//! |---|---|
//! | Two clocks, two types: [`MidiTime`](midi::MidiTime), [`AudioTime`](audio::AudioTime); a [`TimeMap`](alignment::warp::TimeMap) leads from one to the other | [`midi`], [`audio`], [`alignment`] |
//! | A MIDI file becomes sound, and both sounds a [`Spectrum`](features::Spectrum): 48 semitones, a frame each 46 ms | [`synth`], [`features`] |
//! | A pair is aligned: a path through the matrix of distances (DTW), then attack by attack, with jumps where a recording repeats or leaves out | [`pair`], [`alignment`] |
//! | Networks give the same moment of both sides the same code, compared by Hamming distance, and a whole sequence one vector (its embedding) | [`hashing`], [`embedding`], [`encoder`], [`network`] |
//! | They are learned from pairs that are rendered, or aligned | [`dataset`], [`training`], [`toy`] |
//! | One confidence, a probability: from the map, the codes, the vectors and how much music there is | [`verdict`] |
//! | A collection is kept as vectors, codes and levels, and searched in a cascade of the three | [`index`], [`search`] |
//! | Pairs by their names; pairs as people have judged them | [`collect`], [`curation`] |
//! | What is heard, seen and written | [`playback`], [`picture`], [`export`], [`session`] |
//! | How good all that is | [`evaluate`] |
//!
//! # Conventions
//!
//! Matrices are frames × bins, row-major, `f32`. Times are seconds. Long work takes a [`Progress`](job::Progress), which can cancel it. What can
//! fail returns [`Error`]; data never cause a panic. Results do not depend on the number of threads or on the processor.
//!
//! # Sources
//!
//! "Spec D" and the like in the documentation name the published system that a constant or a rule is taken from:
//!
//! | spec | what | published in |
//! |---|---|---|
//! | A | synthesis, constant-Q, beats, normalisation | Raffel, Ellis: Large-scale content-based matching of MIDI and audio files, ISMIR 2015; Raffel's thesis, Columbia 2016 |
//! | B | DTW with a gully and a penalty, confidence | Raffel, Ellis: Optimizing DTW-based audio-to-MIDI alignment and matching, ICASSP 2016 |
//! | C | pairs by their names, splits by song | ISMIR 2015; the thesis |
//! | D | cross-modal hashing | Raffel, Ellis: Accelerating multimodal sequence retrieval with convolutional networks, NIPS workshop 2015; the thesis |
//! | E | hash sequences, Hamming DTW | the same |
//! | F, G | pruning; attention that embeds a whole sequence | Raffel, Ellis: Pruning subsequence search with attention-based embedding, ICASSP 2016 |
//! | H, J | the cascade; the files of the Lakh MIDI Dataset | the thesis; <https://colinraffel.com/projects/lmd> |
//! | I | the toy problems | Raffel, Ellis: Feed-forward networks with attention can solve some long-term memory problems, arXiv 1512.08756 |
//!
//! Generation 1 is the systems of 2015, generation 2 those of 2016; they differ in their constants.
//!
//! # Features of the crate
//!
//! `gui` (default) is the window and the sound device; without it the crate is the library and its command line. `gpu` learns hash networks on a
//! graphics card.

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

// Tells the tests if memory is allocated where it must not be.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;
