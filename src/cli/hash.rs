//! `antiphon hash`.

use super::flags::{MidiFont, Model, Quiet};
use super::terminal::warned;
use antiphon::audio::Keep;
use antiphon::error::Result;
use antiphon::export;
use antiphon::features::{self, FRAME_S};
use antiphon::hashing::{HashModel, HashSequence, MidiFeatures, Side, Tpaa};
use antiphon::pair;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `antiphon hash`.
#[derive(Debug, Args)]
pub(super) struct Hash {
    /// A recording or a MIDI file.
    file: PathBuf,
    /// Write the codes to this file: u32, one for each step.
    #[arg(short, long, value_name = "NPY")]
    output: Option<PathBuf>,
    /// Hash by the baseline that learns nothing (TPAA): 8 frames per step; bits are bins louder than their file
    /// mean.
    #[arg(long, conflicts_with = "model")]
    tpaa: bool,
    #[command(flatten)]
    trained: Model,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    terminal: Quiet,
}

impl Hash {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let (model, name) = match &self.trained.model {
            _ if self.tpaa => (None, "tpaa".into()),
            Some(path) => (Some(HashModel::load(path)?), path.to_string_lossy()),
            None => (Some(HashModel::bundled()?), "bundled".into()),
        };
        let is_midi = antiphon::files::is_midi(&self.file);
        let (side, features, input) = if is_midi {
            let midi = pair::load_midi(&self.file, &self.font.open()?, &progress)?;
            warned(&self.file, midi.midi.warning().as_deref());
            let by_roll = |model: &HashModel| model.architecture().midi_input == MidiFeatures::PianoRoll;
            let input = if model.as_ref().is_some_and(by_roll) {
                features::piano_roll(&midi.midi, FRAME_S).frames
            } else {
                midi.spectrum().logarithm().window(0).to_owned()
            };
            (Side::Midi, midi.features, input)
        } else {
            let audio = pair::load_audio(&self.file, Keep::Analysis, &progress)?;
            warned(&self.file, audio.recording.warning.as_deref());
            let input = audio.spectrum().logarithm().window(0).to_owned();
            (Side::Audio, audio.features, input)
        };
        let sequence = match &model {
            Some(model) => HashSequence::of(model, side, input.view(), FRAME_S)?,
            None => Tpaa::trained_on([features.frames.view()])?.hash(features.frames.view(), FRAME_S)?,
        };
        if let Some(output) = &self.output {
            antiphon::files::write(output, &export::npy_codes(sequence.codes()))?;
        }
        let mut different = sequence.codes().to_vec();
        different.sort_unstable();
        different.dedup();
        answer!(
            "{:#}",
            json!({
                "antiphon": env!("CARGO_PKG_VERSION"),
                "format": "hash/1",
                "file": self.file.to_string_lossy(),
                "side": side,
                "model": name,
                "bits": sequence.bits(),
                "step_s": sequence.step_s(),
                "steps": sequence.len(),
                "different_codes": different.len(),
            })
        );
        Ok(ExitCode::SUCCESS)
    }
}
