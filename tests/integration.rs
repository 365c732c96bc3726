//! All integration tests in one binary, which links only once.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod audio;
mod bounds;
mod cli;
mod compat;
mod corpus;
mod dependencies;
mod face;
mod golden;
#[cfg(feature = "gui")]
mod gui;
mod layering;
mod midi;
