//! From MIDI to sound, with a soundfont: whole files offline, or live under a time map.

use crate::audio::{Stereo, Waveform};
use crate::error::Result;
use crate::job::Progress;
use crate::midi::Midi;
use std::path::Path;
use std::sync::Arc;

/// A loaded SF2 soundfont. Cheap to clone.
#[derive(Clone)]
pub struct SoundFont {
    inner: Arc<rustysynth::SoundFont>,
}

impl SoundFont {
    /// The one that comes with the program; loaded once, then shared.
    pub fn bundled() -> Result<Self> {
        unimplemented!()
    }

    /// Reads an SF2 file.
    pub fn open(path: &Path) -> Result<Self> {
        let _ = path;
        unimplemented!()
    }

    /// Its name, as the file gives it.
    pub fn name(&self) -> &str {
        self.inner.get_info().get_bank_name()
    }
}

/// Renders to mono at `sample_rate` without reverb and chorus: what is analysed (spec A: 11 025 or 22 050 Hz).
pub fn render(midi: &Midi, font: &SoundFont, sample_rate: u32, progress: &Progress) -> Result<Waveform> {
    let _ = (midi, font, sample_rate, progress);
    unimplemented!()
}

/// Renders to stereo with reverb and chorus: what is listened to. `score` says when each message sounds.
pub fn render_stereo(score: &Score, font: &SoundFont, sample_rate: u32, progress: &Progress) -> Result<Stereo> {
    let _ = (score, font, sample_rate, progress);
    unimplemented!()
}

/// Messages with the second at which each is to sound, sorted: a MIDI file under a time map.
#[derive(Debug, Clone, Default)]
pub struct Score {}

impl Score {
    /// The messages of `midi`, each at the second that `time` gives for it (it must not decrease).
    pub fn new(midi: &Midi, time: impl Fn(crate::midi::MidiTime) -> f64) -> Self {
        let _ = (midi, &time);
        unimplemented!()
    }

    /// Seconds until the last note has ended (without its release).
    pub fn seconds(&self) -> f64 {
        unimplemented!()
    }
}

/// A synthesiser that plays a [`Score`] in real time: for the audio thread. It allocates when made, not when it plays.
pub struct Voice {}

impl Voice {
    /// Makes one; not for the audio thread.
    pub fn new(font: &SoundFont, sample_rate: u32, score: Arc<Score>) -> Result<Self> {
        let _ = (font, sample_rate, score);
        unimplemented!()
    }

    /// Silences everything and goes to `seconds` of the score, with the programs and controllers that hold there.
    pub fn seek(&mut self, seconds: f64) {
        let _ = seconds;
        unimplemented!()
    }

    /// Plays the next `left.len()` samples at `speed` (1 = as scored), to the sample.
    pub fn render(&mut self, left: &mut [f32], right: &mut [f32], speed: f64) {
        let _ = (left, right, speed);
        unimplemented!()
    }
}
