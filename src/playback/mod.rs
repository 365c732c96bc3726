//! Listening: how do a MIDI file and a recording sound at the same musical moment?
//!
//! - [`Programme`]: what is played. The recording as it is, and the MIDI moved to the recording's time; made in a job.
//! - [`Engine`]: plays a programme into a buffer. Pure: no device, no clock, no allocation while it plays.
//! - [`mixer`]: fold-down, pan law, balance, fades, limiter.
//! - [`Transport`]: play, pause and seek as the window sees them, and where the playhead is.
//! - `device` (feature `gui`): the only place that knows a sound device.
//!
//! All times are seconds of the recording (of the MIDI, when there is no recording). Our own design; the rules for the
//! mix (mono before panning, constant power, level match, 10 ms fades) come from comparing two sources by ear.

#[cfg(feature = "gui")]
pub mod device;
mod engine;
pub mod mixer;
mod programme;
mod transport;

pub use engine::{Clock, Engine, Order};
pub use programme::{Programme, Source, resample};
pub use transport::Transport;
