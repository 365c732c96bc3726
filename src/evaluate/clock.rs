//! Pairs whose MIDI runs on the recording's own clock: the MIDI itself gives the time in the recording, except for one
//! constant per song. Transcriptions that were tapped along with a recording are like this (POP909's are).

use super::warned::{Warned, within};
use super::{Report, each};
use crate::alignment::{Alignment, Preset};
use crate::audio::{AudioTime, Keep};
use crate::error::{Error, Result};
use crate::features::FRAME_S;
use crate::files::{below, name_key, sides, stem};
use crate::job::Progress;
use crate::midi::{Midi, MidiTime};
use crate::pair;
use crate::synth::SoundFont;
use crate::verdict;
use ndarray::{Array2, Axis, Zip, s};
use serde::Serialize;
use std::path::Path;

/// Seconds between the moments at which warnings are judged.
const MOMENT_S: f64 = 0.1;
/// Onsets that are closer than this, in seconds, count as one.
const CHORD_S: f64 = 1e-3;
/// Width of the bin that most onsets fall into, in seconds: they determine the offset to the last few ms.
const BIN_S: f64 = 0.1;
/// How far these onsets may be from the offset that the sound gives, in seconds: two frames.
const NEAR_S: f64 = 0.1;
/// At least this share of the onsets has to be in the bin.
const ENOUGH: f64 = 0.1;
/// At least this share of the MIDI lies in the recording.
const OVERLAP: f64 = 0.8;
/// An onset further off than this, in seconds, is lost, and so is a song with more than this share of such onsets.
const LOST_S: f64 = 2.0;
const LOST_SHARE: f64 = 0.1;
/// An error above this, in seconds, deserves a warning.
const WRONG_S: f64 = 0.1;

/// Errors of one song whose MIDI runs on the recording's clock, in seconds unless stated otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClockErrors {
    /// Name of the song.
    pub name: String,
    /// The aligner.
    pub preset: Preset,
    /// How far the recording's clock is ahead of the MIDI's.
    pub offset_s: f64,
    /// How much better the sounds of both sides agree at this offset than at the best other one, at least 1 s away: at
    /// 0 there is no difference, and then nothing else here can be trusted.
    pub offset_margin: f64,
    /// Number of moments of the MIDI at which notes begin, as far as they lie in the recording.
    pub onsets: usize,
    /// Share of them within 50 ms.
    pub within_50_ms: f64,
    /// Share of them within 100 ms.
    pub within_100_ms: f64,
    /// Median of |error|.
    pub median_s: f64,
    /// Share of them further off than 1 s.
    pub beyond_1_s: f64,
    /// Whether more than a tenth of them are further off than 2 s.
    pub lost: bool,
    /// Whether the aligner takes the two for a pair.
    pub accepted: bool,
    /// The aligner's confidence.
    pub confidence: f64,
    /// Share of the recording, from the first note to the last, that the aligner reports as unreliable.
    pub unreliable: f64,
    /// Tenths of a second of it that are more than 100 ms off, and whether they are reported as unreliable.
    pub warned: Warned,
    /// Share of the unreliable ones that are off; `null` if there are none.
    pub precision: Option<f64>,
    /// Share of those off that are reported as unreliable; `null` if there are none.
    pub recall: Option<f64>,
}

impl ClockErrors {
    fn new(
        (name, preset): (String, Preset),
        midi: &Midi,
        audio_s: f64,
        diagonal: &Diagonal,
        found: &Alignment,
    ) -> Self {
        let ahead = |seconds: f64| found.map.to_audio(MidiTime(seconds)).0 - seconds;
        let all = onsets(midi);
        let near = |ahead: &f64| (ahead - diagonal.offset_s).abs() <= NEAR_S;
        let near: Vec<f64> = all.iter().map(|&seconds| ahead(seconds)).filter(near).collect();
        let enough = near.len() as f64 >= ENOUGH * all.len() as f64;
        let offset_s = if enough { densest(near) } else { diagonal.offset_s };
        let inside = |seconds: &&f64| (0.0..=audio_s).contains(&(**seconds + offset_s));
        let mut sizes: Vec<f64> = all.iter().filter(inside).map(|&s| (ahead(s) - offset_s).abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let share = |limit: f64| sizes.iter().filter(|e| **e <= limit).count() as f64 / sizes.len().max(1) as f64;
        let mut warned = Warned::default();
        let from = (all.first().copied().unwrap_or(0.0) + offset_s).max(0.0);
        let to = (midi.end().0 + offset_s).min(audio_s);
        for i in 0..((to - from) / MOMENT_S).max(0.0) as usize {
            let seconds = from + i as f64 * MOMENT_S;
            let error = seconds - found.map.to_midi(AudioTime(seconds)).0 - offset_s;
            warned.count(error.abs() > WRONG_S, within(&found.unreliable, seconds));
        }
        Self {
            name,
            preset,
            offset_s,
            offset_margin: diagonal.margin,
            onsets: sizes.len(),
            within_50_ms: share(0.05),
            within_100_ms: share(0.1),
            median_s: sizes.get(sizes.len() / 2).copied().unwrap_or(0.0),
            beyond_1_s: 1.0 - share(1.0),
            lost: 1.0 - share(LOST_S) > LOST_SHARE,
            accepted: found.accepted(),
            confidence: found.confidence,
            unreliable: warned.share(),
            precision: warned.precision(),
            recall: warned.recall(),
            warned,
        }
    }
}

/// Means over songs, and how many were lost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClockSummary {
    /// The aligner.
    pub preset: Preset,
    /// Number of songs.
    pub songs: usize,
    /// Mean share within 50 ms.
    pub within_50_ms: f64,
    /// Mean share within 100 ms.
    pub within_100_ms: f64,
    /// Mean of the medians.
    pub median_s: f64,
    /// Mean share further off than 1 s.
    pub beyond_1_s: f64,
    /// Songs with more than a tenth further off than 2 s.
    pub lost: usize,
    /// Songs that the aligner takes for pairs.
    pub accepted: usize,
    /// Mean share reported as unreliable.
    pub unreliable: f64,
    /// Of all songs' unreliable tenths of a second, the share that are off.
    pub precision: Option<f64>,
    /// Of all songs' tenths of a second that are off, the share reported as unreliable.
    pub recall: Option<f64>,
}

impl ClockSummary {
    /// Summarises the songs that were aligned by `preset`.
    pub fn new(songs: &[ClockErrors], preset: Preset) -> Self {
        let songs: Vec<&ClockErrors> = songs.iter().filter(|song| song.preset == preset).collect();
        let mean =
            |value: fn(&ClockErrors) -> f64| songs.iter().map(|s| value(s)).sum::<f64>() / songs.len().max(1) as f64;
        let warned = songs.iter().fold(Warned::default(), |sum, song| sum.plus(song.warned));
        Self {
            preset,
            songs: songs.len(),
            within_50_ms: mean(|s| s.within_50_ms),
            within_100_ms: mean(|s| s.within_100_ms),
            median_s: mean(|s| s.median_s),
            beyond_1_s: mean(|s| s.beyond_1_s),
            lost: songs.iter().filter(|s| s.lost).count(),
            accepted: songs.iter().filter(|s| s.accepted).count(),
            unreliable: mean(|s| s.unreliable),
            precision: warned.precision(),
            recall: warned.recall(),
        }
    }
}

/// Aligns each MIDI file of a folder with the recording of the same name (`X.mid`, `X.mp3`), where the two share a
/// clock; only those named in `only`, or all if it is empty.
///
/// The offset of each song is the one at which the features of both sides agree best, independently of any aligner, to
/// a frame; within 100 ms of it, the one at which the aligner has most onsets. So an aligner that is a few hundredths
/// of a second late throughout is not penalised; one that is a verse late throughout is lost.
///
/// # Errors
/// [`Error::Nothing`] if there is no pair; [`Error::Cancelled`].
pub fn clock(
    folder: &Path,
    only: &[String],
    font: &SoundFont,
    presets: &[Preset],
    progress: &Progress,
) -> Result<Report<ClockErrors>> {
    let (mut midis, recordings) = sides(below(folder));
    let recording = |midi: &Path| recordings.iter().find(|path| stem(path) == stem(midi));
    let wanted = |path: &Path| only.is_empty() || only.iter().any(|name| name_key(name) == stem(path));
    midis.retain(|path| wanted(path) && recording(path).is_some());
    if midis.is_empty() {
        return Err(Error::nothing("no MIDI files with recordings").at(folder));
    }
    let report = each(&midis, progress, |path, p| {
        let Some(audio_path) = recording(path) else { return Ok(Vec::new()) };
        let midi = pair::load_midi(path, font, p)?;
        let audio = pair::load_audio(audio_path, Keep::Analysis, p)?;
        let diagonal = Diagonal::new(&midi.features.frames, &audio.features.frames);
        let audio_s = audio.seconds();
        let errors = |&preset: &Preset| {
            let found = verdict::align(&midi, &audio, preset, p)?;
            Ok(ClockErrors::new((stem(path), preset), &midi.midi, audio_s, &diagonal, &found))
        };
        presets.iter().map(errors).collect::<Result<Vec<_>>>()
    })?;
    Ok(Report { done: report.done.into_iter().flatten().collect(), skipped: report.skipped })
}

/// The offset at which two sides on one clock sound most alike.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Diagonal {
    offset_s: f64,
    margin: f64,
}

impl Diagonal {
    /// Tries every offset, in frames, at which [`OVERLAP`] of the MIDI lies in the recording: the mean product of the
    /// features of both sides after subtracting their means over time.
    fn new(midi: &Array2<f32>, audio: &Array2<f32>) -> Self {
        let above_mean = |frames: &Array2<f32>| match frames.mean_axis(Axis(0)) {
            Some(mean) => frames - &mean,
            None => frames.clone(),
        };
        let (midi, audio) = (above_mean(midi), above_mean(audio));
        let (rows, audio_rows) = (midi.nrows() as isize, audio.nrows() as isize);
        let least = ((OVERLAP * rows.min(audio_rows) as f64) as isize).max(1);
        let agreement = |offset: isize| {
            let (from, to) = ((-offset).max(0), rows.min(audio_rows - offset));
            let part = midi.slice(s![from..to, ..]);
            let other = audio.slice(s![from + offset..to + offset, ..]);
            let sum: f64 = Zip::from(&part).and(&other).fold(0.0, |sum, a, b| sum + f64::from(a * b));
            sum / (to - from) as f64
        };
        let tried: Vec<(isize, f64)> = (least - rows..=audio_rows - least)
            .filter(|offset| rows.min(audio_rows - offset) - (-offset).max(0) >= least)
            .map(|offset| (offset, agreement(offset)))
            .collect();
        let best = tried.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0));
        let is_other = |offset: isize| (offset - best.0).abs() as f64 * FRAME_S >= 1.0;
        let other = tried.iter().filter(|(offset, _)| is_other(*offset)).map(|(_, a)| *a).fold(0.0, f64::max);
        Self { offset_s: best.0 as f64 * FRAME_S, margin: 1.0 - other / best.1.max(1e-9) }
    }
}

/// The moments at which notes begin, in seconds; notes that begin together count once.
fn onsets(midi: &Midi) -> Vec<f64> {
    let mut onsets: Vec<f64> = midi.notes().iter().map(|note| note.start.0).collect();
    onsets.sort_by(f64::total_cmp);
    onsets.dedup_by(|later, earlier| *later - *earlier < CHORD_S);
    onsets
}

/// The median of the values in the fullest [`BIN_S`]; 0 if there are none.
fn densest(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (mut best, mut from) = (0..0, 0);
    for to in 0..values.len() {
        while values[to] - values[from] > BIN_S {
            from += 1;
        }
        if to + 1 - from > best.len() {
            best = from..to + 1;
        }
    }
    values.get(usize::midpoint(best.start, best.end)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::warp::TimeMap;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_pcg::Pcg64;

    /// One note every half second, for `seconds` seconds.
    fn song(seconds: usize) -> Midi {
        let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\0".to_vec();
        for i in 0..2 * seconds {
            bytes.extend([0, 0x90, 40 + (i % 40) as u8, 80, 0x60, 0x80, 40 + (i % 40) as u8, 0]);
        }
        bytes.extend([0, 0xFF, 0x2F, 0]);
        let size = (bytes.len() - 22) as u32;
        bytes[18..22].copy_from_slice(&size.to_be_bytes());
        Midi::parse(&bytes).unwrap()
    }

    /// Against a sound that is `late` seconds late.
    fn errors(late: f64, knots: &[(f64, f64)], unreliable: Vec<(f64, f64)>) -> ClockErrors {
        let map = TimeMap::new(knots.iter().map(|&(m, a)| (MidiTime(m), AudioTime(a)))).unwrap();
        let found = Alignment {
            segments: map.clone().into(),
            map,
            costs: Vec::new(),
            score: 0.6,
            confidence: 0.8,
            transpose: 0,
            unreliable,
            remarks: Vec::new(),
            findings: None,
            judgement: None,
        };
        let diagonal = Diagonal { offset_s: late + 0.02, margin: 0.5 };
        ClockErrors::new(("x".into(), Preset::Gen2), &song(100), 120.0, &diagonal, &found)
    }

    #[test]
    fn a_constant_offset_is_no_error() {
        let errors = errors(3.3, &[(0.0, 3.3), (100.0, 103.3)], Vec::new());
        assert!((errors.offset_s - 3.3).abs() < 1e-9);
        assert!((errors.within_50_ms - 1.0).abs() < 1e-12 && !errors.lost && errors.accepted);
        assert_eq!((errors.onsets, errors.warned.wrong, errors.recall), (200, 0, None));
    }

    #[test]
    fn a_verse_away_is_lost_and_does_not_move_the_offset() {
        // 55 % right, then 16 s off: the mean would lie in between.
        let errors = errors(1.0, &[(0.0, 1.0), (55.0, 56.0), (55.1, 72.0), (100.0, 116.9)], vec![(70.0, 90.0)]);
        assert!((errors.offset_s - 1.0).abs() < 1e-6, "{}", errors.offset_s);
        assert!(errors.lost && (errors.beyond_1_s - 0.445).abs() < 0.01, "{errors:?}");
        assert!((errors.within_50_ms - 0.555).abs() < 0.01);
        assert_eq!(errors.precision, Some(1.0));
        assert!(errors.recall.is_some_and(|recall| (recall - 20.0 / 45.0).abs() < 0.02), "{errors:?}");
    }

    #[test]
    fn a_verse_late_throughout_is_lost() {
        let errors = errors(1.0, &[(0.0, 17.0), (100.0, 117.0)], Vec::new());
        assert!(errors.lost && errors.within_100_ms < 1e-12 && (errors.offset_s - 1.02).abs() < 1e-9, "{errors:?}");
    }

    #[test]
    fn the_sound_says_the_offset() {
        let mut random = Pcg64::seed_from_u64(5);
        let audio = Array2::from_shape_simple_fn((400, 12), || random.random_range(0.0..1.0_f32));
        for late in [0_usize, 23] {
            let midi = audio.slice(s![late..late + 350, ..]).to_owned();
            let found = Diagonal::new(&midi, &audio);
            assert!((found.offset_s - late as f64 * FRAME_S).abs() < 1e-9 && found.margin > 0.3, "{found:?}");
        }
        let found = Diagonal::new(&audio, &audio.slice(s![30.., ..]).to_owned());
        assert!((found.offset_s + 30.0 * FRAME_S).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn what_lies_beyond_the_recording_is_not_judged() {
        let errors = errors(50.0, &[(0.0, 50.0), (100.0, 150.0)], Vec::new());
        assert_eq!(errors.onsets, 141);
    }

    #[test]
    fn the_fullest_bin_wins() {
        assert!(densest(Vec::new()).abs() < 1e-12);
        assert!((densest(vec![9.0, 0.52, 0.5, 3.0, 0.51, 3.2]) - 0.51).abs() < 1e-12);
    }
}
