//! What does a moment sound like, in a few bits?

mod network;
mod separation;

pub use network::{Architecture, HashModel, INPUT_BINS, InputScaling, MidiInput, Side, TrainingRecord};
pub(crate) use network::{Levels, codes, least_one, scale_roll};
pub use separation::{CodePair, Separation};
