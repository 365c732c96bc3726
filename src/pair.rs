//! One MIDI file and one recording: loaded, prepared, aligned. Both the command line and the window call this.
//!
//! ```no_run
//! use antiphon::{alignment::Preset, audio::Keep, job::Progress, pair, synth::SoundFont};
//! # use std::path::Path;
//! let progress = Progress::silent();
//! let midi = pair::load_midi(Path::new("song.mid"), &SoundFont::bundled()?, &progress)?;
//! let audio = pair::load_audio(Path::new("song.mp3"), Keep::Analysis, &progress)?;
//! let alignment = pair::align(&midi, &audio, Preset::Antiphon, &progress)?;
//! println!("confidence {:.2}", alignment.confidence);
//! # antiphon::Result::Ok(())
//! ```

use crate::alignment::{self, Alignment, AudioInput, MidiInput, Preset, published};
use crate::audio::{self, ANALYSIS_RATE, AudioTime, Keep, Recording, Waveform};
use crate::error::{Error, Result};
use crate::features::onsets::Onsets;
use crate::features::{self, CqtParams, FRAME_S, Features, HOP, Spectrum};
use crate::job::Progress;
use crate::midi::{Midi, MidiTime};
use crate::synth::{self, SoundFont};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// A MIDI file ready to be aligned.
#[derive(Debug, Clone)]
pub struct MidiSide {
    /// The path it was read from.
    pub path: PathBuf,
    /// The file.
    pub midi: Midi,
    /// Constant-Q features of its synthesis.
    pub features: Features,
    /// With extra bins at both ends; empty if built from features.
    spectrum: Spectrum,
    /// Its synthesis.
    wave: Waveform,
}

/// A recording ready to be aligned.
#[derive(Debug, Clone)]
pub struct AudioSide {
    /// The path it was read from.
    pub path: PathBuf,
    /// The decoded file.
    pub recording: Recording,
    /// Cents by which it is tuned above A4 = 440 Hz, and at which it is analysed; see [`features::tuning()`].
    pub tuning: f64,
    /// Constant-Q features, [`HOP`] apart unless set otherwise.
    pub features: Features,
    /// Empty if built from features.
    spectrum: Spectrum,
    onsets: Option<Onsets>,
    seconds: f64,
}

impl MidiSide {
    /// Prepares a parsed file: synthesises and analyses it.
    ///
    /// # Errors
    /// [`Error::Nothing`] if it has no notes; those of [`synth::render`] and [`features::constant_q`].
    pub fn new(path: PathBuf, midi: Midi, font: &SoundFont, progress: &Progress) -> Result<Self> {
        Self::at_hop(path, midi, font, HOP, progress)
    }

    /// Like [`MidiSide::new`], with frames `hop_samples` apart. Both sides of a pair need the same.
    ///
    /// # Errors
    /// Those of [`MidiSide::new`].
    pub fn at_hop(
        path: PathBuf,
        midi: Midi,
        font: &SoundFont,
        hop_samples: usize,
        progress: &Progress,
    ) -> Result<Self> {
        if midi.notes().is_empty() {
            return Err(Error::nothing("the MIDI file has no notes").at(&path));
        }
        let wave = synth::render(&midi, font, ANALYSIS_RATE, &progress.part(0.0, 0.9))?;
        let params = CqtParams { hop_samples, ..CqtParams::wide() };
        let spectrum = Spectrum::of(&wave, &params, &progress.part(0.9, 1.0))?;
        Ok(Self { path, midi, features: spectrum.features(0), spectrum, wave })
    }

    /// Whether it was synthesised and analysed rather than built from features.
    pub fn analysed(&self) -> bool {
        !self.spectrum.is_empty()
    }

    /// The wide spectrum of its synthesis, 48 bins plus the margin for moving it; empty if built from features.
    pub fn spectrum(&self) -> &Spectrum {
        &self.spectrum
    }

    /// Drops its sound, which takes most of the memory and which only gen1 needs.
    pub(crate) fn without_sound(mut self) -> Self {
        self.wave.samples = Vec::new();
        self
    }

    /// A side that can be shown but not aligned: its features are given and nothing is synthesised.
    pub fn from_features(path: PathBuf, midi: Midi, features: Features) -> Self {
        let wave = Waveform { samples: Vec::new(), sample_rate: ANALYSIS_RATE };
        Self { path, midi, features, spectrum: Spectrum::empty(), wave }
    }
}

impl AudioSide {
    /// Prepares a decoded recording.
    ///
    /// # Errors
    /// [`Error::Nothing`] if it has no samples; those of [`features::constant_q`].
    pub fn new(path: PathBuf, recording: Recording, progress: &Progress) -> Result<Self> {
        Self::at_hop(path, recording, HOP, progress)
    }

    /// Like [`AudioSide::new`], with frames `hop_samples` apart. Both sides of a pair need the same.
    ///
    /// # Errors
    /// Those of [`AudioSide::new`].
    pub fn at_hop(path: PathBuf, recording: Recording, hop_samples: usize, progress: &Progress) -> Result<Self> {
        Self::prepare(path, recording, hop_samples, |_| {}, progress)
    }

    /// Like [`AudioSide::new`]; passes the features to `seen` as soon as they are ready, within the first third of the
    /// work, so that a picture can be shown early.
    ///
    /// # Errors
    /// Those of [`AudioSide::new`].
    pub fn shown_early(
        path: PathBuf,
        recording: Recording,
        seen: impl FnOnce(&Features),
        progress: &Progress,
    ) -> Result<Self> {
        Self::prepare(path, recording, HOP, seen, progress)
    }

    fn prepare(
        path: PathBuf,
        recording: Recording,
        hop_samples: usize,
        seen: impl FnOnce(&Features),
        progress: &Progress,
    ) -> Result<Self> {
        let tuning = features::tuning(&recording.mono);
        let params = CqtParams { hop_samples, cents: tuning, ..CqtParams::default() };
        let spectrum = Spectrum::of(&recording.mono, &params, &progress.part(0.0, 0.3))?;
        if spectrum.is_empty() {
            return Err(Error::nothing("the recording has no samples").at(&path));
        }
        let features = spectrum.features(0);
        seen(&features);
        let onsets = Onsets::new(&recording.mono, tuning, &progress.part(0.3, 1.0))?;
        let seconds = recording.mono.seconds();
        Ok(Self { path, recording, tuning, features, spectrum, onsets: Some(onsets), seconds })
    }

    /// Whether it was analysed rather than built from features.
    pub fn analysed(&self) -> bool {
        !self.spectrum.is_empty()
    }

    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Drops the samples at the analysis rate, which only gen1 and an analysis at 440 Hz need again.
    #[cfg(feature = "gui")]
    pub(crate) fn without_samples(mut self) -> Self {
        self.recording.mono.samples = Vec::new();
        self
    }

    /// Its spectrum, 48 bins; empty if built from features.
    pub fn spectrum(&self) -> &Spectrum {
        &self.spectrum
    }

    /// Its onsets; none if built from features.
    pub(crate) fn onsets(&self) -> Option<&Onsets> {
        self.onsets.as_ref()
    }

    /// Builds it from an earlier analysis. It has no samples, so gen1 can't align it.
    pub(crate) fn from_analysis(path: PathBuf, recording: Recording, spectrum: Spectrum, onsets: Onsets) -> Self {
        // Nothing can be analysed again, at 440 Hz or otherwise.
        let seconds = recording.mono.seconds();
        Self { path, recording, tuning: 0.0, features: spectrum.features(0), spectrum, onsets: Some(onsets), seconds }
    }

    /// Its [`features`](Self::features) at 440 Hz whatever its tuning, as the published systems compute them.
    ///
    /// # Errors
    /// Those of [`features::constant_q`].
    pub fn features_at_440(&self, progress: &Progress) -> Result<Cow<'_, Features>> {
        if self.tuning == 0.0 {
            return Ok(Cow::Borrowed(&self.features));
        }
        let hop_samples = (self.features.times.seconds(1.0) * f64::from(ANALYSIS_RATE)).round() as usize;
        let params = CqtParams { hop_samples, ..CqtParams::default() };
        Ok(Cow::Owned(features::features(&self.recording.mono, &params, progress)?))
    }

    /// A side that can be shown but not aligned: its features are given and nothing is analysed.
    pub fn from_features(path: PathBuf, recording: Recording, features: Features) -> Self {
        let seconds = recording.mono.seconds();
        Self { path, recording, tuning: 0.0, features, spectrum: Spectrum::empty(), onsets: None, seconds }
    }
}

/// Reads, synthesises and analyses a MIDI file.
///
/// # Errors
/// Those of [`Midi::read`] and [`MidiSide::new`].
pub fn load_midi(path: &Path, font: &SoundFont, progress: &Progress) -> Result<MidiSide> {
    MidiSide::new(path.to_path_buf(), Midi::read(path)?, font, progress)
}

/// Decodes and analyses a recording.
///
/// # Errors
/// Those of [`audio::decode`] and [`AudioSide::new`].
pub fn load_audio(path: &Path, keep: Keep, progress: &Progress) -> Result<AudioSide> {
    let recording = audio::decode(path, keep, &progress.part(0.0, 0.6))?;
    AudioSide::new(path.to_path_buf(), recording, &progress.part(0.6, 1.0))
}

/// Aligns the two. The confidence is the aligner's own; [`verdict::align`](crate::verdict::align) also judges the pair
/// with the networks.
///
/// # Errors
/// [`Error::Nothing`] if a side is silent; [`Error::Cancelled`].
///
/// # Panics
/// If the two were analysed with different hops.
pub fn align(midi: &MidiSide, audio: &AudioSide, preset: Preset, progress: &Progress) -> Result<Alignment> {
    match preset {
        Preset::Antiphon => {
            let onsets = audio.onsets.as_ref().filter(|_| midi.analysed());
            let onsets = onsets.ok_or_else(|| Error::nothing("a side was made from features alone"))?;
            let midi = MidiInput { notes: midi.midi.notes(), spectrum: &midi.spectrum };
            let mut alignment = alignment::align(midi, AudioInput { spectrum: &audio.spectrum, onsets }, progress)?;
            if audio.tuning != 0.0 {
                let how = if audio.tuning > 0.0 { "high" } else { "low" };
                alignment.remarks.push(format!("the recording is tuned {:.0} cents {how}", audio.tuning.abs()));
            }
            Ok(alignment)
        }
        Preset::Gen2 => {
            let features = audio.features_at_440(progress)?;
            let found = published::gen2(&midi.features, &features, progress)?;
            alignment::from_published(&found, &midi.features, &features)
        }
        Preset::Gen1 => {
            let (midi_beats, audio_beats) = beat_features(midi, audio, progress)?;
            let found = published::gen1(&midi_beats, &audio_beats, progress)?;
            alignment::from_published(&found, &midi_beats, &audio_beats)
        }
    }
}

/// Realigns what lies between `anchors`, moments that a person knows to correspond (increasing in both), and moves the
/// MIDI `offset_s` seconds later.
///
/// # Errors
/// [`Error::Limit`] if the anchors cross; [`Error::Cancelled`].
pub fn correct(
    midi: &MidiSide,
    audio: &AudioSide,
    alignment: &Alignment,
    anchors: &[(MidiTime, AudioTime)],
    offset_s: f64,
    progress: &Progress,
) -> Result<Alignment> {
    let semitones = alignment.transpose;
    let mut notes = midi.midi.notes().to_vec();
    for note in notes.iter_mut().filter(|note| !note.is_drum()) {
        note.pitch = (i32::from(note.pitch) + semitones).clamp(0, 127) as u8;
    }
    let in_key = semitones != 0 && midi.analysed() && midi.spectrum.holds(semitones);
    let moved = in_key.then(|| midi.spectrum.features(semitones));
    let features = moved.as_ref().unwrap_or(&midi.features);
    let attacks = audio.onsets.as_ref().map(|onsets| (notes.as_slice(), onsets));
    let found = alignment::anchored(alignment, anchors, features, &audio.features, attacks, progress)?;
    if offset_s == 0.0 { Ok(found) } else { alignment::moved(&found, offset_s) }
}

/// Generation 1's beat-synchronous features of both sides: hop 512, the MIDI's beats doubled to 240 a minute or more,
/// the recording's beats tracked at that tempo (spec A).
fn beat_features(midi: &MidiSide, audio: &AudioSide, progress: &Progress) -> Result<(Features, Features)> {
    let params = CqtParams { hop_samples: HOP / 2, ..CqtParams::default() };
    let frame_s = FRAME_S / 2.0;
    let beats: Vec<f64> = midi.midi.beats().into_iter().map(|MidiTime(s)| s).collect();
    let midi_beats = features::double_until(&beats, 240.0);
    let midi_magnitudes = features::constant_q(&midi.wave, &params, progress)?;
    let audio_magnitudes = features::constant_q(&audio.recording.mono, &params, progress)?;
    let strength = features::onset_strength(&audio_magnitudes, frame_s);
    let audio_beats = features::beats::track(&strength, frame_s, features::mean_tempo(&midi_beats));
    Ok((
        features::beat_synchronous(&midi_magnitudes, frame_s, &midi_beats),
        features::beat_synchronous(&audio_magnitudes, frame_s, &audio_beats),
    ))
}
