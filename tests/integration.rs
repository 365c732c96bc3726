//! One binary for all integration tests: it links once.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod layering;
mod golden;

//! Every integration test, in one binary.

mod audio;
