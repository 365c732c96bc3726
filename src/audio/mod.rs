//! Audio files: decode anything to what we analyse and what we listen to.

use crate::error::Result;
use crate::job::Progress;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Sample rate of everything that is analysed, in Hz (spec A).
pub const ANALYSIS_RATE: u32 = 22_050;

/// A moment of a recording, in seconds from its first sample.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AudioTime(pub f64);

/// Mono samples in −1..1 (louder is possible in float files).
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    /// One value a sample.
    pub samples: Vec<f32>,
    /// Samples a second.
    pub sample_rate: u32,
}

impl Waveform {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate)
    }
}

/// Two channels at the file's own rate, for listening.
#[derive(Debug, Clone, PartialEq)]
pub struct Stereo {
    /// Left channel.
    pub left: Vec<f32>,
    /// Right channel, as long as the left; a mono file has the same samples in both.
    pub right: Vec<f32>,
    /// Samples a second.
    pub sample_rate: u32,
}

/// What the file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tags {
    /// Performer.
    pub artist: Option<String>,
    /// Title of the track.
    pub title: Option<String>,
    /// Album or release.
    pub album: Option<String>,
    /// Year or date, as written.
    pub year: Option<String>,
}

/// Which samples a caller wants kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Mono at [`ANALYSIS_RATE`] only: what a batch needs, a quarter of the memory.
    Analysis,
    /// Also the original stereo, for listening.
    Listening,
}

/// A decoded file.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Mono mix at [`ANALYSIS_RATE`].
    pub mono: Waveform,
    /// The original at its own rate; `None` with [`Keep::Analysis`].
    pub stereo: Option<Stereo>,
    /// Artist, title and the like.
    pub tags: Tags,
    /// The file's own sample rate, in Hz.
    pub source_rate: u32,
    /// The file's own channel count.
    pub channels: usize,
    /// Short name of the codec: `mp3`, `flac`.
    pub codec: String,
    /// What was wrong with the file though it could be used: "cut short: 41.2 of 240.0 s decoded".
    pub warning: Option<String>,
}

/// Decodes a file. See the module for what is read.
pub fn decode(path: &Path, keep: Keep, progress: &Progress) -> Result<Recording> {
    let _ = (path, keep, progress);
    unimplemented!()
}
