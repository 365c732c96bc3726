//! Every integration test, in one binary: it links once.
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
