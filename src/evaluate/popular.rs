//! Popular music whose truth is known because it was generated: MIDI files as people share them, against renderings
//! that differ as recordings of popular music do, half of them in their structure.

mod manner;
mod measure;
mod structure;
mod truth;

pub use manner::{Drums, Lead, Manner};
pub use measure::{Jumps, WorkMeasures};
pub use structure::Edit;

use super::warned::Warned;
use super::{Report, each, rendering};
use crate::alignment::warp::TimeMap;
use crate::alignment::{ACCEPTED, Preset};
use crate::audio::{ANALYSIS_RATE, AudioTime, Waveform};
use crate::dataset::{Effects, compressed, number};
use crate::error::{Error, Result};
use crate::files::{below, sides};
use crate::job::Progress;
use crate::midi::{Midi, MidiTime};
use crate::pair::{AudioSide, MidiSide};
use crate::synth::{self, SoundFont};
use crate::verdict;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use structure::Structure;
use truth::Truth;

/// Lengths of the files that are used, in seconds.
const SECONDS: std::ops::RangeInclusive<f64> = 90.0..=360.0;
/// Fewest parts (each a channel of a track) and fewest notes in a file.
const FEWEST_PARTS: usize = 3;
const FEWEST_NOTES: usize = 300;
/// Files read at a time while works are drawn.
const AT_A_TIME: usize = 64;
/// Bit rate of the MP3, in kbit/s.
const KBIT: u32 = 32;
/// Level at the end of a fade-out.
const FADED_DB: f64 = -40.0;

/// What was measured on one work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PopularErrors {
    /// The file, below the folder.
    pub name: String,
    /// The aligner.
    pub preset: Preset,
    /// What the recording changes in the structure.
    pub edit: Edit,
    /// Whether a cut is off the bar lines.
    pub off_bars: bool,
    /// How else the recording differs.
    pub manner: Manner,
    /// Whether it went through an MP3 of 32 kbit/s: if that was drawn, and `ffmpeg` is available.
    pub mp3: bool,
    /// By how many cents the recording was found to be tuned high.
    pub tuning: f64,
    /// Right and wrong seconds.
    pub seconds: WorkMeasures,
    /// The aligner's confidence.
    pub confidence: f64,
    /// Semitones by which the aligner transposed the MIDI.
    pub transpose: i32,
    /// Jumps of the recording, and those reported.
    pub jumps: Jumps,
}

/// Works of one kind of edit, or of all, summarised.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PopularSummary {
    /// The aligner.
    pub preset: Preset,
    /// `control`, `drifting` (controls at a drifting tempo), `edited`, or one edit.
    pub kind: String,
    /// Number of works.
    pub works: usize,
    /// Mean share of the seconds within 50 ms.
    pub within_50_ms: f64,
    /// Mean share of the seconds within 100 ms.
    pub within_100_ms: f64,
    /// Works with more than a tenth more than 2 s off, within what an increasing map can hold.
    pub lost: usize,
    /// Those of them where nearly all of that (nine tenths) is where the file has the same notes.
    pub lost_alike: usize,
    /// Works with a confidence above .5.
    pub accepted: usize,
    /// Tenths of a second of all works: wrong ones, and those reported as unreliable.
    pub warned: Warned,
    /// Share of the unreliable ones that are wrong.
    pub precision: Option<f64>,
    /// Share of the wrong ones that are reported as unreliable.
    pub recall: Option<f64>,
    /// The same, without the moments at which the file has the same notes where the map goes.
    pub warned_of_others: Warned,
    /// Precision of these.
    pub precision_of_others: Option<f64>,
    /// Recall of these.
    pub recall_of_others: Option<f64>,
    /// Jumps of all works.
    pub jumps: Jumps,
    /// Works for which a jump is reported.
    pub with_jumps: usize,
}

impl PopularSummary {
    /// Summarises the works that were aligned by `preset`: controls, those of them whose tempo drifts, edited ones,
    /// these by edit, and all by how far they are detuned. Kinds without works are left out.
    pub fn all(works: &[PopularErrors], preset: Preset) -> Vec<Self> {
        let of = |kind: &str, is_one: &dyn Fn(&PopularErrors) -> bool| {
            let works: Vec<&PopularErrors> =
                works.iter().filter(|work| work.preset == preset && is_one(work)).collect();
            (!works.is_empty()).then(|| Self::new(kind, preset, &works))
        };
        let edited = |work: &PopularErrors| work.edit != Edit::Control;
        let kinds = [
            of("control", &|work| !edited(work)),
            of("drifting", &|work| !edited(work) && work.manner.tempo.is_some()),
            of("edited", &edited),
        ];
        let edits = Edit::ALL.map(|edit| of(&format!("{edit:?}").to_lowercase(), &|work| work.edit == edit));
        let cents = [(0.0, 10.0), (10.0, 30.0), (30.0, 51.0)];
        let detuned = cents.map(|(from, to): (f64, f64)| {
            let kind = format!("{from:.0} to {:.0} cents", to.min(50.0));
            of(&kind, &|work| (from..to).contains(&work.manner.cents.abs()))
        });
        kinds.into_iter().chain(edits).chain(detuned).flatten().collect()
    }

    fn new(kind: &str, preset: Preset, works: &[&PopularErrors]) -> Self {
        let mean =
            |value: fn(&WorkMeasures) -> f64| works.iter().map(|w| value(&w.seconds)).sum::<f64>() / works.len() as f64;
        let count = |is: fn(&PopularErrors) -> bool| works.iter().filter(|work| is(work)).count();
        let sum = |of: fn(&WorkMeasures) -> Warned| {
            works.iter().fold(Warned::default(), |sum, work| sum.plus(of(&work.seconds)))
        };
        let (warned, others) = (sum(|s| s.warned), sum(|s| s.warned_of_others));
        let jumps = works.iter().fold(Jumps::default(), |sum, work| Jumps {
            true_ones: sum.true_ones + work.jumps.true_ones,
            found: sum.found + work.jumps.found,
            reported: sum.reported + work.jumps.reported,
        });
        Self {
            preset,
            kind: kind.into(),
            works: works.len(),
            within_50_ms: mean(|s| s.within_50_ms),
            within_100_ms: mean(|s| s.within_100_ms),
            lost: count(|w| w.seconds.lost),
            lost_alike: count(|w| w.seconds.lost && w.seconds.alike >= 0.9),
            accepted: count(|w| w.confidence > ACCEPTED),
            warned,
            precision: warned.precision(),
            recall: warned.recall(),
            warned_of_others: others,
            precision_of_others: others.precision(),
            recall_of_others: others.recall(),
            jumps,
            with_jumps: count(|w| w.jumps.reported > 0),
        }
    }
}

/// Draws `works` MIDI files below `folder` with `seed` and aligns each, synthesised with `midi_font`, with a rendering
/// by `audio_font` that differs in a known way; every second one also in its structure, cycling through the edits.
///
/// Usable files can be read, last 1.5 to 6 minutes, and have at least 3 parts and 300 notes. Drawn files that are too
/// short to edit are skipped.
///
/// # Errors
/// [`Error::Nothing`] if there is no such file; [`Error::Cancelled`].
pub fn popular(
    folder: &Path,
    (works, seed): (usize, u64),
    midi_font: &SoundFont,
    audio_font: &SoundFont,
    presets: &[Preset],
    progress: &Progress,
) -> Result<Report<PopularErrors>> {
    // One extra, so that the last has another work to take an intro from.
    let drawn = draw(folder, works.saturating_add(1), seed, &progress.part(0.0, 0.05))?;
    let paths: Vec<PathBuf> = drawn.iter().take(works).map(|(path, _)| path.clone()).collect();
    let report = each(&paths, &progress.part(0.05, 1.0), |path, progress| {
        let place = paths.iter().position(|other| other == path).unwrap_or(0);
        let Work { name, edit, made, mp3, wave } = work(folder, &drawn, place, seed, audio_font, progress)?;
        let audio = AudioSide::new(path.clone(), rendering(wave), progress)?;
        let midi = MidiSide::new(path.clone(), drawn[place].1.clone(), midi_font, progress)?;
        let errors = |&preset: &Preset| {
            let found = verdict::align(&midi, &audio, preset, progress)?;
            let midi_at = |audio_s: f64| found.segments.to_midi(AudioTime(audio_s)).0;
            Ok(PopularErrors {
                name: name.clone(),
                preset,
                edit,
                off_bars: made.structure.off_bars,
                manner: made.manner.clone(),
                mp3,
                tuning: audio.tuning,
                seconds: measure::seconds(&made.truth, made.first_s, midi_at, &found.unreliable, midi.midi.notes()),
                confidence: found.confidence,
                transpose: found.transpose,
                jumps: measure::jumps(&made.truth, &measure::jumps_of(&found), midi.midi.notes()),
            })
        };
        presets.iter().map(errors).collect::<Result<Vec<_>>>()
    })?;
    Ok(Report { done: report.done.into_iter().flatten().collect(), skipped: report.skipped })
}

/// One of the drawn files with the recording made from it.
struct Work {
    name: String,
    edit: Edit,
    made: Made,
    mp3: bool,
    wave: Waveform,
}

fn work(
    folder: &Path,
    drawn: &[(PathBuf, Midi)],
    place: usize,
    seed: u64,
    font: &SoundFont,
    progress: &Progress,
) -> Result<Work> {
    let (path, midi) = &drawn[place];
    let other = (drawn.len() > 1).then(|| &drawn[(place + 1) % drawn.len()].1);
    let edit = if place.is_multiple_of(2) { Edit::Control } else { Edit::ALL[place / 2 % Edit::ALL.len()] };
    let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
    // Each file has random numbers of its own, independent of what runs beside it.
    let mut random = Pcg64::seed_from_u64(number(&name, seed));
    let made = Made::new(edit, midi, other, &mut random)?;
    let mp3 = made.manner.compressed && compressed::is_there();
    let wave = made.sound(midi, other, font, mp3.then(|| place.to_string()).as_deref(), &mut random, progress)?;
    Ok(Work { name, edit, made, mp3, wave })
}

/// Makes recordings from `works` drawn files, as [`popular`] does: `each` receives the number of a work, its MIDI file
/// and its sound.
///
/// # Errors
/// As [`popular`].
pub(super) fn renderings<T: Send>(
    folder: &Path,
    (works, seed): (usize, u64),
    font: &SoundFont,
    progress: &Progress,
    keep: impl Fn(usize, &Midi, Waveform, &Progress) -> Result<T> + Sync,
) -> Result<Report<T>> {
    let drawn = draw(folder, works.saturating_add(1), seed, &progress.part(0.0, 0.05))?;
    let paths: Vec<PathBuf> = drawn.iter().take(works).map(|(path, _)| path.clone()).collect();
    each(&paths, &progress.part(0.05, 1.0), |path, progress| {
        let place = paths.iter().position(|other| other == path).unwrap_or(0);
        let work = work(folder, &drawn, place, seed, font, progress)?;
        keep(place, &drawn[place].1, work.wave, progress)
    })
}

/// The first `count` usable files in a random order of all files.
fn draw(folder: &Path, count: usize, seed: u64, progress: &Progress) -> Result<Vec<(PathBuf, Midi)>> {
    let (mut paths, _) = sides(below(folder));
    paths.shuffle(&mut Pcg64::seed_from_u64(seed));
    let mut drawn = Vec::new();
    for paths in paths.chunks(AT_A_TIME) {
        progress.step(drawn.len(), count)?;
        // Damaged files are among those that people share; they are not drawn.
        let read = |path: &PathBuf| Some((path.clone(), Midi::read(path).ok().filter(is_usable)?));
        drawn.extend(paths.par_iter().filter_map(read).collect::<Vec<_>>());
        if drawn.len() >= count {
            break;
        }
    }
    if drawn.is_empty() {
        let (from, to) = (SECONDS.start() / 60.0, SECONDS.end() / 60.0);
        return Err(Error::nothing(format!(
            "no MIDI file of {from} to {to} minutes with {FEWEST_PARTS} parts and {FEWEST_NOTES} notes"
        ))
        .at(folder));
    }
    drawn.truncate(count);
    Ok(drawn)
}

fn is_usable(midi: &Midi) -> bool {
    let parts: BTreeSet<(u16, u8)> = midi.notes().iter().map(|note| (note.track, note.channel)).collect();
    SECONDS.contains(&midi.end().0) && midi.notes().len() >= FEWEST_NOTES && parts.len() >= FEWEST_PARTS
}

/// A recording to be made, and its known truth.
struct Made {
    structure: Structure,
    manner: Manner,
    truth: Truth,
    clock: TimeMap,
    /// When its first note sounds.
    first_s: f64,
}

impl Made {
    fn new(edit: Edit, midi: &Midi, other: Option<&Midi>, random: &mut Pcg64) -> Result<Self> {
        let structure = Structure::draw(edit, midi, other, random)?;
        let manner = Manner::draw(random);
        let seconds = structure.pieces.iter().map(structure::Piece::seconds).sum();
        let clock = manner.clock(seconds, random)?;
        let truth = Truth::new(&structure.pieces, clock.clone());
        let mut played = 0.0;
        let firsts = structure.pieces.iter().filter_map(|piece| {
            let source = if piece.foreign { other } else { Some(midi) };
            let notes = source.map_or(&[][..], Midi::notes);
            let first = notes.iter().find(|note| (piece.from_s..piece.to_s).contains(&note.start.0));
            played += piece.seconds();
            first.map(|note| played - piece.to_s + note.start.0)
        });
        let first = firsts.reduce(f64::min).unwrap_or(0.0);
        let first_s = clock.to_audio(MidiTime(first)).0;
        Ok(Self { structure, manner, truth, clock, first_s })
    }

    /// Renders it; `mp3` names its temporary files if it is compressed.
    fn sound(
        &self,
        midi: &Midi,
        other: Option<&Midi>,
        font: &SoundFont,
        mp3: Option<&str>,
        random: &mut Pcg64,
        progress: &Progress,
    ) -> Result<Waveform> {
        let score = self.manner.score(&self.structure.pieces, (midi, other), &self.clock, random);
        let mut wave = synth::render_mono(&score, font, ANALYSIS_RATE, progress)?;
        if self.manner.room {
            Effects::draw(false, random).apply(&mut wave.samples, None, f64::from(ANALYSIS_RATE), random)?;
        }
        let fading = (self.structure.fade_s * f64::from(ANALYSIS_RATE)) as usize;
        let from = wave.samples.len().saturating_sub(fading);
        for (i, x) in wave.samples[from..].iter_mut().enumerate() {
            *x *= 10f64.powf(FADED_DB / 20.0 * i as f64 / fading as f64) as f32;
        }
        match mp3 {
            Some(name) => compressed::mp3(&wave, KBIT, name, progress),
            None => Ok(wave),
        }
    }
}

#[cfg(test)]
mod tests;
