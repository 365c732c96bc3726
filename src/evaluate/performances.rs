//! Scores against human performances of them, with known moments. The sound is a rendering of the performance.

use super::{Errors, Report, each, rendering};
use crate::alignment::Preset;
use crate::audio::{ANALYSIS_RATE, AudioTime};
use crate::error::{Error, Result};
use crate::files::{below, ends_in, is_midi_name, stem};
use crate::job::Progress;
use crate::midi::track::{Event, EventKind, Track};
use crate::midi::{Midi, MidiTime};
use crate::pair::{self, AudioSide, MidiSide};
use crate::synth::{self, SoundFont};
use crate::verdict;
use midly::MidiMessage;
use midly::num::u7;
use std::path::{Path, PathBuf};

/// Evaluates on ASAP: each folder with a `midi_score.mid` and a performance MIDI, beats of both in `…_annotations.txt`.
/// The performance is rendered with `audio_font`, the score synthesised with `midi_font`; each beat is a moment.
///
/// Folders whose two files don't have the same number of beats are skipped: the truth is unknown there.
///
/// # Errors
/// [`Error::Nothing`] if there is no such folder; [`Error::Cancelled`].
pub fn asap(
    folder: &Path,
    midi_font: &SoundFont,
    audio_font: &SoundFont,
    presets: &[Preset],
    progress: &Progress,
) -> Result<Report<Errors>> {
    let is_score = |path: &Path| path.file_name().is_some_and(|name| name == "midi_score.mid");
    let scores: Vec<PathBuf> = below(folder).into_iter().filter(|path| is_score(path)).collect();
    if scores.is_empty() {
        return Err(Error::nothing("no midi_score.mid").at(folder));
    }
    let piece = |score: &PathBuf, progress: &Progress| -> Result<Vec<Errors>> {
        let here = score.parent().unwrap_or(folder);
        let is_midi = |path: &&PathBuf| is_midi_name(path) && !is_score(path);
        let near = below(here);
        let performance =
            near.iter().find(is_midi).ok_or_else(|| Error::nothing("no performance beside the score").at(score))?;
        let annotations = |path: &Path| path.with_file_name(format!("{}_annotations.txt", stem(path)));
        let (score_beats, performance_beats) = (beats(&annotations(score))?, beats(&annotations(performance))?);
        if score_beats.len() != performance_beats.len() {
            let (of_score, played) = (score_beats.len(), performance_beats.len());
            let reason = format!("{of_score} beats in the score, {played} in the performance");
            return Err(Error::Pair { reason, path: performance.clone() });
        }
        let midi = pair::load_midi(score, midi_font, progress)?;
        let moments = score_beats.into_iter().map(MidiTime).zip(performance_beats.into_iter().map(AudioTime));
        let name = here.strip_prefix(folder).unwrap_or(here).to_string_lossy().into_owned();
        let known = Known { name, performance: performance.clone(), moments: moments.collect() };
        known.errors(&midi, &Midi::read(performance)?, audio_font, presets, progress)
    };
    Ok(flat(each(&scores, progress, piece)?))
}

/// Evaluates on Vienna 4×22 and other folders of match files (version 1.0.0) with the MIDI files that they name. The
/// score that the match file describes is synthesised with `midi_font` at 120 beats a minute throughout, the
/// performance rendered with `audio_font`; each onset of the score is a moment: the mean of the times at which its
/// notes were played.
///
/// # Errors
/// [`Error::Nothing`] if there is no match file; [`Error::Cancelled`].
pub fn vienna(
    folder: &Path,
    midi_font: &SoundFont,
    audio_font: &SoundFont,
    presets: &[Preset],
    progress: &Progress,
) -> Result<Report<Errors>> {
    let all = below(folder);
    let matches: Vec<PathBuf> = all.iter().filter(|p| ends_in(p, "match")).cloned().collect();
    if matches.is_empty() {
        return Err(Error::nothing("no match files").at(folder));
    }
    let piece = |path: &PathBuf, progress: &Progress| -> Result<Vec<Errors>> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let matched =
            Match::parse(&text).ok_or_else(|| Error::List { reason: "not a match file".into(), path: path.clone() })?;
        let performance = all
            .iter()
            .find(|p| p.file_name().is_some_and(|name| *name == *matched.midi_file))
            .ok_or_else(|| Error::nothing(format!("no file {:?}, its performance", matched.midi_file)).at(path))?;
        let performed = Midi::read(performance)?;
        matched.check(&performed).map_err(|error| error.at(path))?;
        let midi = MidiSide::new(path.clone(), matched.score()?, midi_font, progress)?;
        let known = Known { name: stem(path), performance: performance.clone(), moments: matched.moments() };
        known.errors(&midi, &performed, audio_font, presets, progress)
    };
    Ok(flat(each(&matches, progress, piece)?))
}

fn flat(report: Report<Vec<Errors>>) -> Report<Errors> {
    Report { done: report.done.into_iter().flatten().collect(), skipped: report.skipped }
}

/// A performance and its known moments.
struct Known {
    name: String,
    performance: PathBuf,
    moments: Vec<(MidiTime, AudioTime)>,
}

impl Known {
    fn errors(
        self,
        midi: &MidiSide,
        performed: &Midi,
        font: &SoundFont,
        presets: &[Preset],
        progress: &Progress,
    ) -> Result<Vec<Errors>> {
        let recording = rendering(synth::render(performed, font, ANALYSIS_RATE, progress)?);
        let audio = AudioSide::new(self.performance, recording, progress)?;
        let align = |&preset: &Preset| {
            let alignment = verdict::align(midi, &audio, preset, progress)?;
            let error = |&(m, AudioTime(a)): &(MidiTime, AudioTime)| alignment.map.to_audio(m).0 - a;
            let errors: Vec<f64> = self.moments.iter().map(error).collect();
            Ok(Errors::new(self.name.clone(), preset, &errors, &alignment))
        };
        presets.iter().map(align).collect()
    }
}

/// The first column of an ASAP annotation file: seconds of each beat.
fn beats(path: &Path) -> Result<Vec<f64>> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    let first = |line: &str| line.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    Ok(text.lines().filter_map(first).collect())
}

/// A note of the score, and when it was played.
#[derive(Debug, Clone, PartialEq)]
struct ScoreNote {
    pitch: u8,
    /// Beats from the first bar.
    onset: f64,
    offset: f64,
    /// Seconds; `None` if the player left it out.
    played_s: Option<f64>,
}

/// The contents of a match file.
#[derive(Debug, Clone, PartialEq)]
struct Match {
    midi_file: String,
    notes: Vec<ScoreNote>,
}

impl Match {
    /// Parses a match file; `None` if a line that matters is missing or malformed.
    fn parse(text: &str) -> Option<Self> {
        let info = |name: &str| {
            let start = format!("info({name},");
            text.lines().find_map(|line| Some(line.strip_prefix(&start)?.split_once(')')?.0))
        };
        let seconds_per_tick =
            info("midiClockRate")?.parse::<f64>().ok()? / 1e6 / info("midiClockUnits")?.parse::<f64>().ok()?;
        let mut notes = Vec::new();
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("snote(") else { continue };
            // `id,[C,#],5,1:1,0,3/16,0.0000,1.5000,[v1,staff1])-note(n0,73,227,661,108,0,0).`
            let (score, played) = rest.split_once(")-")?;
            let (_, rest) = score.split_once(",[")?;
            let (name, rest) = rest.split_once("],")?;
            let fields: Vec<&str> = rest.splitn(7, ',').collect();
            let [octave, _, _, _, onset, offset, ..] = fields[..] else { return None };
            let played_s = match played.strip_prefix("note(") {
                Some(note) => Some(note.split(',').nth(2)?.parse::<f64>().ok()? * seconds_per_tick),
                None => None,
            };
            notes.push(ScoreNote {
                pitch: pitch(name, octave.parse().ok()?)?,
                onset: onset.parse().ok().filter(|x: &f64| x.is_finite())?,
                offset: offset.parse().ok().filter(|x: &f64| x.is_finite())?,
                played_s,
            });
        }
        (!notes.is_empty()).then(|| Self { midi_file: info("midiFileName").unwrap_or_default().to_owned(), notes })
    }

    /// Checks that `performed` is the performance meant: nearly all notes are where the match file has them.
    fn check(&self, performed: &Midi) -> Result<()> {
        let is_there = |pitch: u8, seconds: f64| {
            performed.notes().iter().any(|note| note.pitch == pitch && (note.start.0 - seconds).abs() < 0.005)
        };
        let played = self.notes.iter().filter_map(|note| Some(is_there(note.pitch, note.played_s?)));
        let (found, all) = played.fold((0, 0), |(found, all), there| (found + usize::from(there), all + 1));
        if 100 * found < 95 * all {
            let reason = format!("{found} of {all} notes are in its performance, 95 % are needed");
            return Err(Error::Pair { reason, path: PathBuf::new() });
        }
        Ok(())
    }

    fn first_onset(&self) -> f64 {
        self.notes.iter().map(|note| note.onset).fold(f64::INFINITY, f64::min)
    }

    const BEAT_S: f64 = 0.5;

    /// The score at an even tempo.
    fn score(&self) -> Result<Midi> {
        const TICKS: f64 = 480.0;
        let first = self.first_onset();
        let tick = |beat: f64| ((beat - first) * TICKS).round().max(0.0) as u64;
        let mut events: Vec<(u64, bool, u8)> = Vec::new();
        for note in &self.notes {
            // A grace note has no length in the score: it gets an eighth of a beat.
            let end = note.offset.max(note.onset + 0.125);
            events.push((tick(note.onset), true, note.pitch));
            events.push((tick(end), false, note.pitch));
        }
        // Ends before beginnings.
        events.sort_unstable();
        let velocity = u7::new(72);
        let message = |on: bool, pitch: u8| {
            let key = u7::new(pitch);
            if on { MidiMessage::NoteOn { key, vel: velocity } } else { MidiMessage::NoteOff { key, vel: velocity } }
        };
        let end_tick = events.last().map_or(0, |event| event.0);
        let events = events
            .into_iter()
            .map(|(tick, on, pitch)| Event {
                tick,
                kind: EventKind::Channel { channel: 0, message: message(on, pitch) },
            })
            .collect();
        Midi::from_tracks(TICKS as u16, vec![Track { events, end_tick }])
    }

    /// Each onset of the score that was played, in order.
    fn moments(&self) -> Vec<(MidiTime, AudioTime)> {
        let first = self.first_onset();
        let mut played: Vec<(f64, f64)> = self.notes.iter().filter_map(|n| Some((n.onset, n.played_s?))).collect();
        played.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mean = |chord: &[(f64, f64)]| chord.iter().map(|n| n.1).sum::<f64>() / chord.len() as f64;
        played
            .chunk_by(|a, b| (a.0 - b.0).abs() < 1e-6)
            .map(|chord| (MidiTime((chord[0].0 - first) * Self::BEAT_S), AudioTime(mean(chord))))
            .collect()
    }
}

/// MIDI note number of `C,#` in octave 5 (`C,n` in octave 4 is 60).
fn pitch(name: &str, octave: i32) -> Option<u8> {
    let (step, accidental) = name.split_once(',')?;
    let step = match step {
        "C" => 0,
        "D" => 2,
        "E" => 4,
        "F" => 5,
        "G" => 7,
        "A" => 9,
        "B" => 11,
        _ => return None,
    };
    let alter = match accidental {
        "n" => 0,
        "#" => 1,
        "##" | "x" => 2,
        "b" => -1,
        "bb" => -2,
        _ => return None,
    };
    let number = 12i32.checked_mul(octave.checked_add(1)?)? + step + alter;
    u8::try_from(number).ok().filter(|number| *number < 128)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "info(matchFileVersion,1.0.0).
info(midiFileName,x.mid).
info(midiClockUnits,480).
info(midiClockRate,500000).
snote(n1,[C,#],5,1:1,0,1/4,-1.0000,0.0000,[v1,staff1])-note(n0,73,480,661,108,0,0).
snote(n2,[E,n],4,1:1,0,1/4,-1.0000,0.0000,[v3,staff2])-note(n1,64,500,1168,84,0,0).
snote(n3,[A,b],3,1:2,0,1/4,0.0000,1.0000,[v3,staff2])-deletion.
snote(n4,[B,n],3,1:3,0,0,1.0000,1.0000,[v3,staff2,grace])-note(n3,59,1920,1993,60,0,0).
insertion-note(n4,60,2000,2100,20,0,0).
";

    #[test]
    fn match_file_gives_score_and_moments() {
        let matched = Match::parse(TEXT).unwrap();
        assert_eq!(matched.midi_file, "x.mid");
        let score = matched.score().unwrap();
        let notes: Vec<(u8, f64, f64)> = score.notes().iter().map(|n| (n.pitch, n.start.0, n.end.0)).collect();
        assert_eq!(notes, [(64, 0.0, 0.5), (73, 0.0, 0.5), (56, 0.5, 1.0), (59, 1.0, 1.0625)]);
        let moments: Vec<(f64, f64)> = matched.moments().iter().map(|(m, a)| (m.0, a.0)).collect();
        assert_eq!(moments.len(), 2);
        assert!((moments[0].1 - 490.0 / 960.0).abs() < 1e-9 && moments[0].0.abs() < 1e-9);
        assert!((moments[1].0 - 1.0).abs() < 1e-9 && (moments[1].1 - 2.0).abs() < 1e-9);
    }

    #[test]
    fn malformed_match_files_are_refused() {
        assert_eq!(Match::parse(""), None);
        assert_eq!(Match::parse(&TEXT.replace("[C,#],5", "[H,#],5")), None);
        assert_eq!(Match::parse(&TEXT.replace("[C,#],5", "[C,#],99999999999")), None);
        assert_eq!(Match::parse(&TEXT.replace("-1.0000,0.0000", "-1.0000")), None);
        assert_eq!(Match::parse(&TEXT.replace("info(midiClockUnits,480).", "")), None);
    }

    #[test]
    fn a_performance_of_something_else_is_refused() {
        let matched = Match::parse(TEXT).unwrap();
        let other = Midi::from_tracks(480, vec![Track::default()]).unwrap();
        assert!(matched.check(&other).is_err());
    }
}
