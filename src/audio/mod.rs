//! Audio files: turns a file's sound into numbers that we can analyse and play.
//!
//! [`decode`] reads WAV (RF64 and BW64 too), AIFF, CAF, FLAC, MP3, Ogg Vorbis, Opus, M4A (AAC-LC, ALAC), ADTS and
//! Matroska/WebM. The container is recognised by its content, never by the file's name; what is known and not read is
//! named in the error. The result is mono at [`ANALYSIS_RATE`] and, on demand, the mono mix at the file's own rate.
//!
//! The modules, in the order in which a packet meets them: `extent` says which bytes of the file Symphonia sees (`riff`
//! finds the samples of WAV files whose headers are odd, `covers` leaves out large pictures, `splice` presents what is
//! left as a file); `stream` opens the container, picks the first audio track that has a decoder and finds out which
//! samples the encoder added (`edit_list` reads that from MP4 files), whether MPEG audio is there at all (`frames`) and
//! whether a live stream is whole (`matroska`); `decoding` runs the packets; `output` takes the blocks and keeps account
//! of losses; `downmix` folds the channels; `resample` converts to the analysis rate on the fly, so that the original is
//! never in memory unless it was asked for; `tags` reads names.
//!
//! Time 0 is the first sample that the encoder was given: the padding of MP3, AAC and Opus encoders is cut off, and the
//! delay of the resampler is compensated.
//!
//! Demuxers and decoders are Symphonia's, Opus is libopus, the resampler is rubato's.

mod covers;
mod decoding;
mod downmix;
mod edit_list;
mod extent;
mod frames;
mod matroska;
mod output;
mod resample;
mod riff;
mod splice;
mod stream;
mod tags;

use crate::error::Result;
use crate::job::Progress;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Cursor};
use std::path::Path;
use std::sync::Arc;
use symphonia::core::io::MediaSource;

/// Sample rate of everything that is analysed, in Hz (spec A).
pub const ANALYSIS_RATE: u32 = 22_050;

/// A moment of a recording, in seconds from its first sample.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AudioTime(pub f64);

/// Mono samples in −1..1 (louder is possible in float files).
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    /// One value per sample.
    pub samples: Vec<f32>,
    /// Samples per second.
    pub sample_rate: u32,
}

impl Waveform {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate)
    }
}

/// The mono mix of a file at its own rate, which is what is played. Copies share their samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Original {
    /// One value per sample.
    pub samples: Arc<Vec<f32>>,
    /// Samples per second.
    pub sample_rate: u32,
}

/// Two channels, for listening.
#[derive(Debug, Clone, PartialEq)]
pub struct Stereo {
    /// Left channel.
    pub left: Vec<f32>,
    /// Right channel, as long as the left; a mono file has the same samples in both.
    pub right: Vec<f32>,
    /// Samples per second.
    pub sample_rate: u32,
}

/// What the file's own tags say.
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

/// Which samples the caller wants to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Mono at [`ANALYSIS_RATE`] only: what a batch needs, a quarter of the memory.
    Analysis,
    /// Also the mono mix at the file's own rate, for listening.
    Listening,
}

/// A decoded file.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Mono mix at [`ANALYSIS_RATE`].
    pub mono: Waveform,
    /// The mix at its own rate; `None` with [`Keep::Analysis`].
    pub original: Option<Original>,
    /// Artist, title and the like.
    pub tags: Tags,
    /// The file's own sample rate, in Hz.
    pub source_rate: u32,
    /// The file's own channel count.
    pub channels: usize,
    /// Short name of the codec: `mp3`, `flac`.
    pub codec: String,
    /// What was wrong with the file, if it could still be used: "cut short: 41.2 of 240.0 s decoded".
    pub warning: Option<String>,
}

/// The most samples that one recording may keep, over all its channels: 24 hours of mono at [`ANALYSIS_RATE`] (7.6 GB).
/// Our choice: far beyond any recording of music, and a limit for files that would fill the memory.
const MAX_KEPT_SAMPLES: usize = 24 * 3600 * ANALYSIS_RATE as usize;

/// Decodes a file. See the module for the formats.
///
/// # Errors
/// [`Io`] if the file can't be read, [`Decode`] if it holds no sample that we can decode, [`Cancelled`] after a cancel.
/// Damage that leaves something to hear is not an error but a [warning](Recording::warning).
///
/// [`Io`]: crate::Error::Io
/// [`Decode`]: crate::Error::Decode
/// [`Cancelled`]: crate::Error::Cancelled
///
/// ```no_run
/// # fn main() -> antiphon::Result<()> {
/// use antiphon::audio::{Keep, decode};
/// let recording = decode("song.mp3".as_ref(), Keep::Analysis, &antiphon::job::Progress::silent())?;
/// println!("{:.1} s of {}", recording.mono.seconds(), recording.codec);
/// # Ok(())
/// # }
/// ```
pub fn decode(path: &Path, keep: Keep, progress: &Progress) -> Result<Recording> {
    decoding::run(&|| opened(path), path, keep, MAX_KEPT_SAMPLES, progress)
}

/// Reads the tags of a file, without decoding its sound.
///
/// # Errors
/// As [`decode`], as far as the head of the file shows.
pub fn read_tags(path: &Path) -> Result<Tags> {
    decoding::read_tags(&|| opened(path), path)
}

fn opened(path: &Path) -> io::Result<Box<dyn MediaSource>> {
    if std::fs::metadata(path)?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Box::new(File::open(path)?))
}

/// Decodes a file that is already in memory. Errors and result are those of [`decode`]; the path in an error is empty.
///
/// ```
/// use antiphon::{audio, job::Progress};
/// let text = b"these are no samples".to_vec();
/// assert!(audio::decode_bytes(text, audio::Keep::Analysis, &Progress::silent()).is_err());
/// ```
pub fn decode_bytes(bytes: Vec<u8>, keep: Keep, progress: &Progress) -> Result<Recording> {
    let bytes: Arc<[u8]> = bytes.into();
    let open = || -> io::Result<Box<dyn MediaSource>> { Ok(Box::new(Cursor::new(Arc::clone(&bytes)))) };
    decoding::run(&open, Path::new(""), keep, MAX_KEPT_SAMPLES, progress)
}
