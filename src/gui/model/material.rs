//! What the jobs make of files, ready to be drawn and heard.

use crate::alignment::Alignment;
use crate::audio::Stereo;
use crate::features::Features;
use crate::pair::{AudioSide, MidiSide};
use crate::picture::Strip;
use crate::synth::SoundFont;
use ndarray::Array2;
use std::path::PathBuf;
use std::sync::Arc;

/// A MIDI file as the window needs it.
pub struct LoadedMidi {
    /// The file and its features.
    pub side: MidiSide,
    /// What it is played with; without one it is only shown.
    pub font: Option<SoundFont>,
    /// Where that was read; `None` for the bundled one.
    pub font_path: Option<PathBuf>,
    /// Its features on its own clock.
    pub strip: Arc<Strip>,
}

impl LoadedMidi {
    /// Prepares what is drawn.
    pub fn new(side: MidiSide, font: Option<SoundFont>, font_path: Option<PathBuf>) -> Self {
        let strip = Arc::new(Strip::of(&side.features));
        Self { side, font, font_path, strip }
    }
}

/// A recording as the window needs it.
pub struct LoadedRecording {
    /// The file and its features; its stereo sound is in `sound`.
    pub side: AudioSide,
    /// The sound at its own rate; the model takes it out.
    pub sound: Option<Arc<Stereo>>,
    /// Its features.
    pub strip: Arc<Strip>,
}

impl LoadedRecording {
    /// Prepares what is drawn and heard.
    pub fn new(mut side: AudioSide) -> Self {
        let sound = side.recording.stereo.take().map(Arc::new);
        let strip = Arc::new(Strip::of(&side.features));
        Self { side, sound, strip }
    }

    /// Its features (frames × bins), rows of unit length.
    pub fn frames(&self) -> &Array2<f32> {
        &self.side.features.frames
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.side.recording.mono.seconds()
    }
}

/// An alignment as the window needs it. Made by [`Aligned::new`].
pub struct Aligned {
    /// The alignment.
    pub alignment: Alignment,
    /// The MIDI's features in the key of the recording.
    pub features: Arc<Features>,
    /// The same on the recording's clock.
    pub strip: Arc<Strip>,
    /// What it is worth from moment to moment.
    pub curves: crate::picture::Curves,
}
