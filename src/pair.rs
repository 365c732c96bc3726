//! One MIDI file and one recording: loaded, prepared, aligned. What the command line and the window both call.

use crate::alignment::{Alignment, Preset};
use crate::audio::{Keep, Recording};
use crate::error::Result;
use crate::features::Features;
use crate::job::Progress;
use crate::midi::Midi;
use crate::synth::SoundFont;
use std::path::{Path, PathBuf};

/// A MIDI file ready to be aligned.
#[derive(Debug, Clone)]
pub struct MidiSide {
    /// Where it was read.
    pub path: PathBuf,
    /// The file.
    pub midi: Midi,
    /// Constant-Q features of its synthesis, hop 1024 at 22 050 Hz.
    pub features: Features,
}

/// A recording ready to be aligned.
#[derive(Debug, Clone)]
pub struct AudioSide {
    /// Where it was read.
    pub path: PathBuf,
    /// The decoded file.
    pub recording: Recording,
    /// Constant-Q features, hop 1024 at 22 050 Hz.
    pub features: Features,
}

/// Reads, synthesises and analyses a MIDI file.
pub fn load_midi(path: &Path, font: &SoundFont, progress: &Progress) -> Result<MidiSide> {
    let _ = (path, font, progress);
    unimplemented!()
}

/// Decodes and analyses a recording.
pub fn load_audio(path: &Path, keep: Keep, progress: &Progress) -> Result<AudioSide> {
    let _ = (path, keep, progress);
    unimplemented!()
}

/// Aligns the two.
pub fn align(midi: &MidiSide, audio: &AudioSide, preset: Preset, progress: &Progress) -> Result<Alignment> {
    let _ = (midi, audio, preset, progress);
    unimplemented!()
}
