//! Audio files of every kind, good and bad, through the public interface.

mod bad_files;
mod formats;
mod odd_files;
mod pcm;

use antiphon::Result;
use antiphon::audio::{Keep, Recording, decode, decode_bytes};
use antiphon::job::Progress;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/audio").join(name)
}

pub(crate) fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(data(name)).expect("a file of the repository")
}

fn listen(path: &Path) -> Result<Recording> {
    decode(path, Keep::Listening, &Progress::silent())
}

fn listen_to_bytes(bytes: &[u8]) -> Result<Recording> {
    decode_bytes(bytes.to_vec(), Keep::Listening, &Progress::silent())
}

/// The reason why `bytes`, which must not decode, are refused.
fn refusal(bytes: &[u8]) -> String {
    listen_to_bytes(bytes).expect_err("these bytes are no audio").to_string()
}

/// A RIFF chunk.
fn chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = [kind.as_slice(), &(body.len() as u32).to_le_bytes(), body].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

/// A WAV file with any format tag: 1 is integer, 3 is float.
pub(crate) fn wav(format: u16, bits: u16, channels: u16, rate: u32, samples: &[u8]) -> Vec<u8> {
    let block = channels.wrapping_mul(bits / 8);
    let mut fmt = Vec::new();
    for word in [format, channels] {
        fmt.extend(word.to_le_bytes());
    }
    for word in [rate, rate.wrapping_mul(u32::from(block))] {
        fmt.extend(word.to_le_bytes());
    }
    for word in [block, bits] {
        fmt.extend(word.to_le_bytes());
    }
    chunk(*b"RIFF", &[b"WAVE".to_vec(), chunk(*b"fmt ", &fmt), chunk(*b"data", samples)].concat())
}
