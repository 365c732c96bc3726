//! Listening: how do a MIDI file and a recording sound at the same musical moment?
//!
//! - [`Material`]: a pair at the rate of the device, matched in level. [`Rendition`]: whose clock, how fast, at which
//!   pitch. [`Programme`]: both combined, ready to be played; made in a job.
//! - [`Engine`]: plays a programme into a buffer. Pure: no device, no clock, no allocation while it plays.
//! - [`Stretch`]: makes stretched sound ahead of the playhead, on a thread of its own.
//! - [`mixer`]: fold-down, pan law, balance, fades, limiter.
//! - [`Transport`]: play, pause, seek and loop as the window sees them, and where the playhead is.
//! - `feed` and `device` (feature `gui`): orders on their way to the audio thread, and the only place that deals with a
//!   sound device.
//!
//! The MIDI is never stretched: its events are moved and it is synthesised again. The recording is stretched where
//! necessary, and otherwise unaltered. The rules for the mix (mono before panning, constant power, level match, 10 ms
//! fades) come from experience in comparing two sources by ear.

#[cfg(feature = "gui")]
pub mod device;
mod engine;
#[cfg(feature = "gui")]
mod feed;
pub mod mixer;
mod programme;
mod source;
mod stretch;
mod transport;

pub use engine::{Clock, Engine, EngineOrder};
pub use programme::{Material, Prepared, Programme, Rendition, SPEED_STEP, SPEEDS, Warp, from_audio, to_audio};
pub use source::Source;
pub use stretch::{Ahead, Stretch};
pub use transport::Transport;

#[cfg(test)]
mod measure;
