//! `antiphon align` and `antiphon features`.

use super::flags::{Hop, Json, MidiFont, PresetName, Quiet};
use super::output::or_no_folder;
use super::terminal::{print, warned};
use antiphon::audio::{self, Keep};
use antiphon::curation::{AlignedList, Aligning, Items, align_list};
use antiphon::error::{Error, Result};
use antiphon::export::{self, Artefact, Exported, Seconds, write_artefacts};
use antiphon::midi::Midi;
use antiphon::pair::{AudioSide, MidiSide};
use antiphon::verdict;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Arguments of `antiphon align`.
#[derive(Debug, Args)]
#[command(mut_arg("json", |arg| arg.requires("audio")), mut_arg("hop", |arg| arg.requires("audio")))]
pub(super) struct Align {
    /// The MIDI file; or a list of pairs to align (JSON lines, JSON, a table, a Lakh tree).
    #[arg(value_name = "MIDI|LIST")]
    midi: PathBuf,
    /// The recording; leave it out for a list.
    audio: Option<PathBuf>,
    #[command(flatten)]
    report: Json,
    /// Write aligned.mid, alignment.json, alignment.csv and alignment.png to this folder. For a list: write a line for
    /// each pair to this file; run again after an interruption to resume.
    #[arg(short, long, value_name = "DIR|FILE", required_unless_present = "audio")]
    output: Option<PathBuf>,
    /// With a list: also write the path of each pair.
    #[arg(long, conflicts_with = "audio")]
    paths: bool,
    /// With -o: also write listen.wav, the MIDI left and the recording right.
    #[arg(long, requires_all = ["output", "audio"])]
    listen: bool,
    /// Aligner.
    #[arg(long, value_enum, default_value = "antiphon")]
    preset: PresetName,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    frames: Hop,
    #[command(flatten)]
    terminal: Quiet,
}

impl Align {
    pub(super) fn run(mut self) -> Result<ExitCode> {
        let Some(audio) = self.audio.take() else { return self.align_list() };
        let folder = self.output.clone();
        or_no_folder(folder.as_slice(), || self.align(audio))
    }

    fn align_list(self) -> Result<ExitCode> {
        if antiphon::files::is_midi(&self.midi) {
            return Err(Error::nothing("no recording was named beside").at(&self.midi));
        }
        let progress = self.terminal.progress();
        let items = Items::read(&self.midi, &progress.part(0.0, 0.01))?;
        let font = self.font.open()?;
        let how = Aligning { font: &font, preset: self.preset.into(), paths: self.paths };
        let out = self.output.unwrap_or_default();
        let found = align_list(&items, &how, &out, &progress.part(0.01, 1.0))?;
        for remark in items.remarks() {
            message!("antiphon: {remark}: {:?}", self.midi);
        }
        for (item, warning) in &found.warned {
            message!("antiphon: {warning}: {item}");
        }
        for (item, reason) in &found.skipped {
            message!("antiphon: skipped: {item}: {reason}");
        }
        let AlignedList { aligned, accepted, skipped, .. } = found;
        answer!("{aligned} pairs aligned, {accepted} of them matches; {} skipped", skipped.len());
        let whole = skipped.is_empty() && items.remarks().is_empty();
        Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }

    fn align(self, audio: PathBuf) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        if let Some(folder) = &self.output {
            // Fail before the work, not after it, if the folder can't be written.
            antiphon::files::create_folder(folder)?;
        }
        let font = self.font.open()?;
        let mut seconds = Seconds::default();
        let mut lap = Instant::now();
        let mut split = || {
            let spent = lap.elapsed().as_secs_f64();
            lap = Instant::now();
            spent
        };
        let hop = self.frames.samples();
        let midi = Midi::read(&self.midi)?;
        split();
        let midi = MidiSide::at_hop(self.midi, midi, &font, hop, &progress.part(0.0, 0.4))?;
        warned(&midi.path, midi.midi.warning().as_deref());
        seconds.synthesize = split();
        let keep = if self.listen { Keep::Listening } else { Keep::Analysis };
        let recording = audio::decode(&audio, keep, &progress.part(0.4, 0.6))?;
        seconds.decode = split();
        warned(&audio, recording.warning.as_deref());
        let audio = AudioSide::at_hop(audio, recording, hop, &progress.part(0.6, 0.7))?;
        seconds.features = split();
        let preset = self.preset.into();
        let alignment = verdict::align(&midi, &audio, preset, &progress.part(0.7, 0.9))?;
        seconds.align = split();

        let pair = Exported {
            midi: &midi,
            audio: &audio,
            alignment: &alignment,
            preset,
            font: Some(&font),
            sound: audio.recording.original.as_ref(),
            seconds: Some(seconds),
            span: None,
            colours: Default::default(),
            scale: 1,
        };
        if let Some(folder) = &self.output {
            let wanted = [Artefact::Midi, Artefact::Document, Artefact::Table, Artefact::Page];
            let wanted = wanted.into_iter().chain(self.listen.then_some(Artefact::Listen));
            write_artefacts(wanted, &pair, folder, str::to_owned, &progress.part(0.9, 1.0))?;
        }
        progress.step(1, 1)?;
        if self.report.json {
            let document = export::document(&midi, &audio, &alignment, preset, Some(font.name()), Some(seconds));
            print(format_args!("{document:#}\n"));
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
    /// Write the array to this file: f32, (frames × 48), rows of unit length.
    #[arg(short, long, value_name = "NPY")]
    output: PathBuf,
    #[command(flatten)]
    frames: Hop,
    #[command(flatten)]
    font: MidiFont,
    #[command(flatten)]
    terminal: Quiet,
}

impl Features {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = self.terminal.progress();
        let hop = self.frames.samples();
        let features = if antiphon::files::is_midi(&self.file) {
            let midi = Midi::read(&self.file)?;
            warned(&self.file, midi.warning().as_deref());
            MidiSide::at_hop(self.file, midi, &self.font.open()?, hop, &progress)?.features
        } else {
            let recording = audio::decode(&self.file, Keep::Analysis, &progress.part(0.0, 0.6))?;
            warned(&self.file, recording.warning.as_deref());
            AudioSide::at_hop(self.file, recording, hop, &progress.part(0.6, 0.9))?
                .features_at_440(&progress.part(0.9, 1.0))?
                .into_owned()
        };
        antiphon::files::write(&self.output, &export::npy(&features.frames))?;
        Ok(ExitCode::SUCCESS)
    }
}
