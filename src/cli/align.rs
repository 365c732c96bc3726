//! `antiphon align` and `antiphon features`.

use super::output::or_no_folder;
use super::{progress, soundfont};
use antiphon::alignment::Preset;
use antiphon::audio::{self, Keep};
use antiphon::error::Result;
use antiphon::export::{self, Seconds};
use antiphon::midi::Midi;
use antiphon::pair::{self, AudioSide, MidiSide};
use antiphon::picture;
use antiphon::verdict;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum PresetName {
    /// Ours.
    Antiphon,
    /// Raffel 2015, beat-synchronous.
    Gen1,
    /// Raffel 2016, the Lakh MIDI Dataset's.
    Gen2,
}

impl From<PresetName> for Preset {
    fn from(name: PresetName) -> Self {
        match name {
            PresetName::Antiphon => Self::Antiphon,
            PresetName::Gen1 => Self::Gen1,
            PresetName::Gen2 => Self::Gen2,
        }
    }
}

/// Arguments of `antiphon align`.
#[derive(Debug, Args)]
pub(super) struct Align {
    /// The MIDI file.
    midi: PathBuf,
    /// The recording.
    audio: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Write aligned.mid, alignment.json, alignment.csv and alignment.png there.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// With -o: also listen.wav, the MIDI left and the recording right.
    #[arg(long, requires = "output")]
    listen: bool,
    /// Which aligner.
    #[arg(long, value_enum, default_value = "antiphon")]
    preset: PresetName,
    /// Soundfont (SF2) to synthesise with.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// Samples between frames at 22,050 Hz, 64 to 8192.
    #[arg(long, value_name = "SAMPLES", default_value_t = pair::HOP as u16, value_parser = clap::value_parser!(u16).range(64..=8192))]
    hop: u16,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Align {
    pub(super) fn run(self) -> Result<ExitCode> {
        let folder = self.output.clone();
        or_no_folder(folder.as_slice(), || self.align())
    }

    fn align(self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        if let Some(folder) = &self.output {
            // Known before the work, not after it, when it can't be written.
            export::create_folder(folder)?;
        }
        let font = soundfont(self.soundfont.as_ref())?;
        let mut seconds = Seconds::default();
        let mut lap = Instant::now();
        let mut split = || {
            let spent = lap.elapsed().as_secs_f64();
            lap = Instant::now();
            spent
        };
        let hop = usize::from(self.hop);
        let midi = Midi::read(&self.midi)?;
        split();
        let midi = MidiSide::at_hop(self.midi, midi, &font, hop, &progress.part(0.0, 0.4))?;
        seconds.synthesize = split();
        let keep = if self.listen { Keep::Listening } else { Keep::Analysis };
        let recording = audio::decode(&self.audio, keep, &progress.part(0.4, 0.6))?;
        seconds.decode = split();
        if let Some(warning) = &recording.warning {
            message!("antiphon: {warning}: {:?}", self.audio);
        }
        let audio = AudioSide::at_hop(self.audio, recording, hop, &progress.part(0.6, 0.7))?;
        seconds.features = split();
        let preset = self.preset.into();
        let alignment = verdict::align(&midi, &audio, preset, &progress.part(0.7, 0.9))?;
        seconds.align = split();

        let document = export::document(&midi, &audio, &alignment, preset, font.name(), seconds);
        let document = format!("{document:#}\n");
        if let Some(folder) = &self.output {
            let aligned = export::aligned_midi(&midi, &audio, &alignment)?;
            let image = picture::alignment_png(&midi, &audio, &alignment, 1, &progress.part(0.9, 0.95))?;
            let png = export::png(&image)?;
            let sound = if self.listen {
                let sound = export::listen(
                    &midi,
                    audio.recording.stereo.as_ref(),
                    &alignment,
                    &font,
                    &progress.part(0.95, 0.99),
                )?;
                Some(export::wav(&sound, &progress.part(0.99, 1.0))?)
            } else {
                None
            };
            export::write(&folder.join("aligned.mid"), &aligned.to_bytes())?;
            export::write(&folder.join("alignment.json"), document.as_bytes())?;
            export::write(&folder.join("alignment.csv"), export::csv(&alignment).as_bytes())?;
            export::write(&folder.join("alignment.png"), &png)?;
            if let Some(sound) = sound {
                export::write(&folder.join("listen.wav"), &sound)?;
            }
        }
        progress.step(1, 1)?;
        if self.json {
            super::print(format_args!("{document}"));
        } else {
            answer!("{}, confidence {:.2}, score {:.3}", alignment.verdict(), alignment.confidence, alignment.score);
            for remark in &alignment.remarks {
                answer!("{remark}");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Arguments of `antiphon features`.
#[derive(Debug, Args)]
pub(super) struct Features {
    /// A recording or a MIDI file.
    file: PathBuf,
    /// Where the array goes: f32, (frames × 48), rows of unit length.
    #[arg(short, long, value_name = "NPY")]
    output: PathBuf,
    /// Samples between frames at 22,050 Hz, 64 to 8192.
    #[arg(long, value_name = "SAMPLES", default_value_t = pair::HOP as u16, value_parser = clap::value_parser!(u16).range(64..=8192))]
    hop: u16,
    /// Soundfont (SF2) to synthesise a MIDI file with.
    #[arg(long)]
    soundfont: Option<PathBuf>,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Features {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = progress(self.quiet);
        let hop = usize::from(self.hop);
        let features = if pair::is_midi(&self.file) {
            let midi = Midi::read(&self.file)?;
            MidiSide::at_hop(self.file, midi, &soundfont(self.soundfont.as_ref())?, hop, &progress)?.features
        } else {
            let recording = audio::decode(&self.file, Keep::Analysis, &progress.part(0.0, 0.6))?;
            AudioSide::at_hop(self.file, recording, hop, &progress.part(0.6, 1.0))?.features
        };
        export::write(&self.output, &export::npy(&features.frames))?;
        Ok(ExitCode::SUCCESS)
    }
}
