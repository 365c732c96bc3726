//! Whether a recording that holds only a part of the MIDI is aligned as the whole recording is.

use super::{Errors, Report, each};
use crate::alignment::Preset;
use crate::audio::{self, AudioTime, Keep, Recording, Waveform};
use crate::error::{Error, Result};
use crate::files::{below, sides, stem};
use crate::job::Progress;
use crate::pair::{self, AudioSide};
use crate::synth::SoundFont;
use crate::verdict;
use std::ops::Range;
use std::path::Path;

/// Seconds between the moments compared.
const STEP_S: f64 = 0.5;

/// Aligns each MIDI file of a folder with its recording (`X.mid`, `X.ogg`) cut in two ways: the first 60 %, and 45 s
/// from the middle. Errors are differences from the alignment of the whole recording, which is taken as the truth.
///
/// # Errors
/// [`Error::Nothing`] if there is no pair; [`Error::Cancelled`].
pub fn cut(folder: &Path, font: &SoundFont, presets: &[Preset], progress: &Progress) -> Result<Report<Errors>> {
    let (mut midis, recordings) = sides(below(folder));
    let recording = |midi: &Path| recordings.iter().find(|path| stem(path) == stem(midi));
    midis.retain(|midi| recording(midi).is_some());
    if midis.is_empty() {
        return Err(Error::nothing("no MIDI files with recordings").at(folder));
    }
    let rows = each(&midis, progress, |midi_path, p| {
        let Some(audio_path) = recording(midi_path) else { return Ok(Vec::new()) };
        let midi = pair::load_midi(midi_path, font, p)?;
        let recording = audio::decode(audio_path, Keep::Analysis, p)?;
        let seconds = recording.mono.samples.len() as f64 / f64::from(recording.mono.sample_rate);
        let whole = AudioSide::new(audio_path.clone(), recording.clone(), p)?;
        let middle = 0.5 * seconds - 22.5;
        let parts = [("first 60 %", 0.0..0.6 * seconds), ("45 s", middle.max(0.0)..(middle + 45.0).min(seconds))];
        let mut rows = Vec::new();
        for preset in presets {
            let truth = verdict::align(&midi, &whole, *preset, p)?;
            for (name, span) in &parts {
                let part = AudioSide::new(audio_path.clone(), part(&recording, span), p)?;
                let found = verdict::align(&midi, &part, *preset, p)?;
                let moments = (0..((span.end - span.start) / STEP_S) as usize).map(|i| i as f64 * STEP_S);
                let errors: Vec<f64> =
                    moments.map(|t| found.map.to_audio(truth.map.to_midi(AudioTime(span.start + t))).0 - t).collect();
                rows.push(Errors::new(format!("{}, {name}", stem(midi_path)), *preset, &errors, &found));
            }
        }
        Ok(rows)
    })?;
    Ok(Report { done: rows.done.into_iter().flatten().collect(), skipped: rows.skipped })
}

/// A section of a recording, in seconds.
fn part(recording: &Recording, span: &Range<f64>) -> Recording {
    let Waveform { samples, sample_rate } = &recording.mono;
    let at = |seconds: f64| ((seconds * f64::from(*sample_rate)) as usize).min(samples.len());
    let mono = Waveform { samples: samples[at(span.start)..at(span.end)].to_vec(), sample_rate: *sample_rate };
    Recording { mono, ..recording.clone() }
}
