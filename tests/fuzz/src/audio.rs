//! Feeds bytes as a file to the audio decoder.

use antiphon::audio::{Keep, decode_bytes};
use antiphon::job::Progress;

/// See the module.
pub fn check(bytes: &[u8]) {
    if let Ok(recording) = decode_bytes(bytes.to_vec(), Keep::Listening, &Progress::silent()) {
        assert!(recording.mono.samples.iter().all(|sample| sample.is_finite()));
        let stereo = recording.stereo.expect("asked for");
        assert_eq!(stereo.left.len(), stereo.right.len());
        assert!(!stereo.left.is_empty());
        let seconds = stereo.left.len() as f64 / f64::from(stereo.sample_rate);
        assert!((recording.mono.seconds() - seconds).abs() < 0.001);
    }
}
