//! Feeds bytes as a file to the audio decoder.
//!
//! From the root of the repository, for ten minutes, with the files of the tests as seeds:
//!
//!     cp tests/data/audio/*.* corpus-audio/
//!     cargo +nightly fuzz run --fuzz-dir tests/fuzz audio corpus-audio -- -max_total_time=600 -max_len=30000 -rss_limit_mb=4096 -timeout=20
//!
//! Without a nightly compiler: RUSTC_BOOTSTRAP=1 in the environment does the same with the stable one.
#![no_main]

use antiphon::audio::{Keep, decode_bytes};
use antiphon::job::Progress;

libfuzzer_sys::fuzz_target!(init: antiphon_fuzz::report_panics(), |bytes: &[u8]| {
    if let Ok(recording) = decode_bytes(bytes.to_vec(), Keep::Listening, &Progress::silent()) {
        assert!(recording.mono.samples.iter().all(|sample| sample.is_finite()));
        let stereo = recording.stereo.expect("asked for");
        assert_eq!(stereo.left.len(), stereo.right.len());
        assert!(!stereo.left.is_empty());
        let seconds = stereo.left.len() as f64 / f64::from(stereo.sample_rate);
        assert!((recording.mono.seconds() - seconds).abs() < 0.001);
    }
});
