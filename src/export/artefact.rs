//! Everything that can be exported for an aligned pair, in one list.

use super::{Seconds, aligned_midi, aligned_part, csv, document, listen, png, wav};
use crate::alignment::{Alignment, Preset};
use crate::audio::{AudioTime, Original};
use crate::error::{Error, Result};
use crate::files;
use crate::job::Progress;
use crate::pair::{AudioSide, MidiSide};
use crate::picture::{ColorMap, Panel, Tone, alignment_png, panel_png};
use crate::synth::SoundFont;
use std::path::Path;

/// A file that can be made from an aligned pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Artefact {
    /// The MIDI on the recording's clock.
    Midi,
    /// The document `alignment/1`.
    Document,
    /// The time map as a table.
    Table,
    /// One picture of everything.
    Page,
    /// Audio: the MIDI on the left, the recording on the right.
    Listen,
    /// The picture of one panel.
    Panel(Panel),
}

/// An aligned pair, ready to be exported.
#[derive(Debug, Clone, Copy)]
pub struct Exported<'a> {
    /// The MIDI file.
    pub midi: &'a MidiSide,
    /// The recording.
    pub audio: &'a AudioSide,
    /// How the two correspond.
    pub alignment: &'a Alignment,
    /// The aligner that found it.
    pub preset: Preset,
    /// The soundfont that the MIDI is synthesised with; the window may have none.
    pub font: Option<&'a SoundFont>,
    /// The recording to listen to, if it was kept.
    pub sound: Option<&'a Original>,
    /// How long the stages took, if that was measured.
    pub seconds: Option<Seconds>,
    /// The part of the recording that the MIDI is cut to; `None` for all of it.
    pub span: Option<(AudioTime, AudioTime)>,
    /// Colours of the panels.
    pub colours: (ColorMap, Tone),
    /// Pixels of a picture per point.
    pub scale: u32,
}

impl Artefact {
    /// All artefacts, in the order in which they are offered.
    pub fn all() -> impl Iterator<Item = Self> {
        let one = [Self::Midi, Self::Document, Self::Table, Self::Listen, Self::Page];
        one.into_iter().chain(Panel::ALL.into_iter().map(Self::Panel))
    }

    /// Its file name.
    pub fn file_name(self) -> String {
        match self {
            Self::Midi => "aligned.mid".into(),
            Self::Document => "alignment.json".into(),
            Self::Table => "alignment.csv".into(),
            Self::Page => "alignment.png".into(),
            Self::Listen => "listen.wav".into(),
            Self::Panel(panel) => format!("{}.png", panel.name()),
        }
    }

    /// A label for the person who chooses.
    pub fn label(self) -> String {
        match self {
            Self::Midi => "MIDI on the recording's clock".into(),
            Self::Document => "Alignment with its evidence (JSON)".into(),
            Self::Table => "Time map (CSV)".into(),
            Self::Page => "One picture of everything (PNG)".into(),
            Self::Listen => "Sound: MIDI left, recording right (WAV)".into(),
            Self::Panel(panel) => format!("Picture: {} (PNG)", panel.name()),
        }
    }

    /// The contents of its file.
    ///
    /// # Errors
    /// Those of `aligned_midi`, [`listen`], [`wav`] and [`alignment_png`].
    pub fn bytes(self, of: &Exported<'_>, progress: &Progress) -> Result<Vec<u8>> {
        let Exported { midi, audio, alignment, .. } = *of;
        Ok(match self {
            Self::Midi => match of.span {
                None => aligned_midi(midi, audio, alignment)?.to_bytes(),
                Some(span) => aligned_part(midi, alignment, span)?.to_bytes(),
            },
            Self::Document => {
                let document = document(midi, audio, alignment, of.preset, of.font.map(SoundFont::name), of.seconds);
                format!("{document:#}\n").into_bytes()
            }
            Self::Table => csv(alignment).into_bytes(),
            Self::Page => png(&alignment_png(midi, audio, alignment, of.scale, progress)?)?,
            Self::Listen => {
                let font = of.font.ok_or_else(|| Error::nothing("no soundfont to listen with"))?;
                let sound = listen(midi, of.sound, alignment, font, &progress.part(0.0, 0.9))?;
                wav(&sound, &progress.part(0.9, 1.0))?
            }
            Self::Panel(panel) => png(&panel_png(panel, midi, audio, alignment, of.colours, of.scale, progress)?)?,
        })
    }
}

/// Writes `artefacts` into a folder, each under the name that `name` derives from its own [name](Artefact::file_name);
/// returns the names written, in that order. All are made before the first is written, so that a failure leaves nothing
/// behind.
///
/// # Errors
/// Those of [`Artefact::bytes`]; [`Error::Io`].
pub fn write_artefacts(
    artefacts: impl IntoIterator<Item = Artefact>,
    of: &Exported<'_>,
    folder: &Path,
    name: impl Fn(&str) -> String,
    progress: &Progress,
) -> Result<Vec<String>> {
    let wanted: Vec<Artefact> = artefacts.into_iter().collect();
    let share = 1.0 / wanted.len().max(1) as f32;
    let mut made = Vec::new();
    for (i, artefact) in wanted.into_iter().enumerate() {
        let part = progress.part(i as f32 * share, (i + 1) as f32 * share);
        made.push((name(&artefact.file_name()), artefact.bytes(of, &part)?));
    }
    files::create_folder(folder)?;
    made.into_iter()
        .map(|(name, bytes)| {
            files::write(&folder.join(&name), &bytes)?;
            Ok(name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_artefacts_share_a_name() {
        let names: Vec<String> = Artefact::all().map(Artefact::file_name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert_eq!(Artefact::all().map(Artefact::label).collect::<BTreeSet<_>>().len(), names.len());
    }
}
