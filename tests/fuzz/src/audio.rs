//! Feeds bytes as a file to the audio decoder.

use antiphon::audio::{Keep, decode_bytes};
use antiphon::job::Progress;

/// See the module.
pub fn check(bytes: &[u8]) {
    if let Ok(recording) = decode_bytes(bytes.to_vec(), Keep::Listening, &Progress::silent()) {
        assert!(recording.mono.samples.iter().all(|sample| sample.is_finite()));
        let original = recording.original.expect("asked for");
        assert!(!original.samples.is_empty());
        let seconds = original.samples.len() as f64 / f64::from(original.sample_rate);
        assert!((recording.mono.seconds() - seconds).abs() < 0.001);
    }
}
