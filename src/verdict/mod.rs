//! Whether a MIDI file and a recording are the same music: one verdict from everything that is known.
//!
//! The alignment says how well the best map explains the recording; networks that have heard much music say how near
//! the two are by their codes and vectors. Each of these is a piece of [`Evidence`], most of them measured against
//! something that can't be right: the MIDI backwards, other keys, chords half an octave off. A [`Judge`] has learned
//! from labelled pairs what each is worth, and gives a probability that means what it says. If there is too little
//! music, it gives no verdict.
//!
//! | question | answer |
//! |---|---|
//! | Align and judge two files? | [`align`], which commands and the window call |
//! | What is a pair judged by? | [`Judgement::evidence`](crate::alignment::Judgement) |
//! | How is a judge trained? | [`train()`] |
//! | How good is it? | [`Quality`] |
//!
//! ```no_run
//! use antiphon::{alignment::{Preset, Verdict}, audio::Keep, job::Progress, pair, synth::SoundFont, verdict};
//! # use std::path::Path;
//! let progress = Progress::silent();
//! let midi = pair::load_midi(Path::new("song.mid"), &SoundFont::bundled()?, &progress)?;
//! let audio = pair::load_audio(Path::new("song.mp3"), Keep::Analysis, &progress)?;
//! let alignment = verdict::align(&midi, &audio, Preset::Antiphon, &progress)?;
//! assert_eq!(alignment.verdict(), Verdict::Match);
//! # antiphon::Result::Ok(())
//! ```

mod evidence;
mod judge;
mod logistic;
mod quality;
mod train;
mod traits;

pub use evidence::Evidence;
pub(crate) use evidence::{CodeMatch, along, by_runs, code_matches, vector_distance};
pub use judge::{Fingerprints, Judge, Sight};
pub use quality::{Bin, Judged, Quality};
pub use train::{LabelledPair, TrainParams, enough, train};
pub(crate) use traits::{Amount, InKey, KEYS, Models, Traits, amount};

use crate::alignment::{Alignment, Preset, Verdict};
use crate::error::Result;
use crate::job::Progress;
use crate::pair::{self, AudioSide, MidiSide};

/// A tempo that differs from the MIDI's by more than this is another version's, |ln|.
const OTHER_TEMPO: f64 = 0.1;

/// Aligns the two as [`pair::align`] does, and judges the pair. The published presets keep their own formula.
///
/// # Errors
/// Those of [`pair::align`].
///
/// # Panics
/// Like [`pair::align`].
pub fn align(midi: &MidiSide, audio: &AudioSide, preset: Preset, progress: &Progress) -> Result<Alignment> {
    let mut alignment = pair::align(midi, audio, preset, &progress.part(0.0, 0.8))?;
    if preset == Preset::Antiphon {
        let models = Models::bundled()?;
        let here = progress.part(0.8, 1.0);
        let midi_traits = Traits::of_midi(midi, &models, &here)?;
        let audio_traits = Traits::of_audio(audio, &models, &here)?;
        let found = evidence(&midi_traits, &audio_traits, midi, &models, &alignment, &here)?;
        judge(&mut alignment, Judge::bundled()?, &found, audio.seconds());
    }
    Ok(alignment)
}

/// What is known about an aligned pair.
pub(crate) fn evidence(
    midi: &Traits,
    audio: &Traits,
    side: &MidiSide,
    models: &Models,
    alignment: &Alignment,
    progress: &Progress,
) -> Result<Evidence> {
    let notes = side.midi.notes().iter().filter(|note| !note.is_drum()).count();
    let mut found = Evidence::new([midi.amount, audio.amount], Some(notes));
    if let Some(findings) = &alignment.findings {
        found.add_findings(findings, alignment.transpose);
    }
    if let Some(codes) = audio.codes.first() {
        let matches = code_matches(&midi.codes, &[codes.codes.codes()], progress)?;
        if let Some(codes) = matches.first() {
            found.add_codes(codes);
            let (x, y) = (midi.vectors(codes.key, &models.embedding), audio.vectors(0, &models.embedding));
            found.set("embedding", vector_distance(&x, &y));
        }
    }
    found.set("codes along the map", evidence::along_map(midi, audio, alignment));
    Ok(found)
}

/// Adds the judgement to the alignment of a recording of `audio_s` seconds, and notes what a listener would notice
/// about a version.
fn judge(alignment: &mut Alignment, judge: &Judge, found: &Evidence, audio_s: f64) {
    let judgement = judge.judge(Sight::Pair, found);
    alignment.confidence = judgement.probability;
    match judgement.verdict {
        Verdict::Match => alignment.remarks.extend(version(alignment)),
        // Whatever the map aligns, it is not the same music.
        Verdict::NoMatch => alignment.unreliable = vec![(0.0, audio_s)],
        Verdict::CantTell => {}
    }
    if judgement.verdict == Verdict::CantTell && !judge.enough(found) {
        alignment.remarks.push("there is too little music to tell by".into());
    }
    alignment.judgement = Some(judgement);
}

/// What makes a match another version of the music than the MIDI file's: key, structure, tempo.
fn version(alignment: &Alignment) -> Option<String> {
    let mut what = Vec::new();
    if alignment.transpose != 0 {
        what.push("key".to_owned());
    }
    if alignment.segments.jump() {
        what.push("structure".to_owned());
    }
    // Across a jump there is no tempo.
    let longest = alignment.segments.spans().into_iter().max_by(|a, b| length(a.audio).total_cmp(&length(b.audio)));
    if longest.is_some_and(|span| (length(span.audio) / length(span.midi)).ln().abs() > OTHER_TEMPO) {
        what.push("tempo".to_owned());
    }
    (!what.is_empty()).then(|| format!("the recording is of another version: it differs in {}", list(&what)))
}

/// The length of a span in seconds.
fn length((from, to): (f64, f64)) -> f64 {
    to - from
}

/// Joins words: `a, b and c`.
fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
