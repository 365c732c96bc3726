//! Training pairs from real recordings: each is aligned with its MIDI file, and kept if the aligner accepts the two
//! (spec C6, C8).

use super::synthesize::{Font, log_constant_q};
use super::works::{Source, Sources};
use super::{Dataset, Made, Pair, Split, Work};
use crate::alignment::{ACCEPTED, Preset};
use crate::audio::{ANALYSIS_RATE, AudioTime, Keep};
use crate::error::{Error, Result};
use crate::export;
use crate::features::{self, FRAME_S, WIDE_BINS, WIDE_FIRST_NOTE};
use crate::files::list::{self, LeftOut};
use crate::files::{MIDI, below, ends_in, found, is_audio_name, is_midi_name, stem};
use crate::job::Progress;
use crate::midi::Midi;
use crate::pair::{self, MidiSide};
use crate::synth;
use crate::verdict;
use ndarray::s;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What [`align`] is to make pairs from.
#[derive(Debug, Clone)]
pub struct Recordings {
    /// Folders of recordings with a MIDI file of the same name beside each, and lists of pairs: files of JSON lines
    /// with `midi` and `audio`, relative to the list, and optionally `split`.
    pub sources: Vec<PathBuf>,
    /// Files and folders of MIDI: music that is the same as one of these is left out.
    pub hold_out: Vec<PathBuf>,
    /// Plays the MIDI side.
    pub midi_font: Font,
    /// The split of all works. If not given, it is taken from the list; works that are the same music go into one
    /// split, the latest if there are several (test after development after validation after training). It is drawn if
    /// the lists say nothing.
    pub split: Option<Split>,
    /// Seed of that draw.
    pub seed: u64,
}

/// Fewest frames that are worth a pair: 5 s.
const FEWEST_FRAMES: usize = 108;

/// Aligns recordings with their MIDI files and stores the accepted pairs in `folder`, with the MIDI synthesised as
/// aligned: from its first note to the end of the shorter side. Existing pairs are kept.
///
/// # Errors
/// As [`synthesize`](super::synthesize()); a pair that is not accepted is not an error: it is reported with its
/// confidence.
pub fn align(what: &Recordings, folder: &Path, progress: &Progress) -> Result<Made> {
    super::or_nothing(folder, || aligned(what, folder, progress))
}

fn aligned(what: &Recordings, folder: &Path, progress: &Progress) -> Result<Made> {
    let parameters = json!({
        "made_by": "align",
        "sources": what.sources,
        "hold_out": what.hold_out,
        "midi_soundfont": what.midi_font.name,
        "split": what.split,
        "seed": what.seed,
    });
    super::continues(folder, &parameters)?;
    let mut recordings: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    let mut listed: BTreeMap<PathBuf, Split> = BTreeMap::new();
    let mut unread = Vec::new();
    for source in &what.sources {
        let (lines, left_out) = pairs(source)?;
        unread.extend(left_out.into_iter().map(|place| (source.clone(), place)));
        for Line { midi, audio, split } in lines {
            if let Some(split) = split {
                let known = listed.entry(midi.clone()).or_insert(split);
                *known = split.max(*known);
            }
            recordings.entry(midi).or_default().push(audio);
        }
    }
    if recordings.is_empty() {
        return Err(Error::nothing(format!("no recordings with a MIDI file of the same name in {:?}", what.sources)));
    }
    let midis: Vec<PathBuf> = recordings.keys().cloned().collect();
    let found = Sources::find(&midis, &what.hold_out, what.seed, &progress.part(0.0, 0.05))?;
    let mut of_group: BTreeMap<usize, Split> = BTreeMap::new();
    for source in &found.works {
        if let Some(&split) = listed.get(&source.path) {
            let known = of_group.entry(source.group).or_insert(split);
            *known = split.max(*known);
        }
    }
    let split = |source: &Source| what.split.or(of_group.get(&source.group).copied()).unwrap_or(source.split);
    let entry = |source: &Source| Work { split: split(source), ..source.entry() };
    let mut entries: Vec<Work> = found.works.iter().map(entry).collect();
    Dataset::new(folder, parameters.clone(), entries.clone()).save()?;
    let (mut made, mut kept) = (0, 0);
    let mut skipped = [unread, found.skipped].concat();
    let count = found.works.len();
    for (number, work) in entries.iter_mut().enumerate() {
        let progress =
            progress.part(0.05 + 0.95 * number as f32 / count as f32, 0.05 + 0.95 * (number + 1) as f32 / count as f32);
        let mut loaded = None;
        for audio in recordings.get(&work.path).into_iter().flatten() {
            let variant = work.frames.len();
            let there = Dataset::new(folder, Value::Null, Vec::new());
            // Recordings before this one may have been rejected: the pair itself says which one it belongs to.
            let is_this = there.made_by(work, variant).is_ok_and(|made_by| made_by["audio"] == json!(audio));
            if let (true, Ok(pair)) = (is_this, there.load(work, variant)) {
                let made_by = there.made_by(work, variant).unwrap_or_default();
                work.warning = joined(work.warning.take(), made_by["warning"].as_str());
                work.frames.push(pair.midi_time.len());
                work.recordings.push(audio.clone());
                kept += 1;
                continue;
            }
            let outcome = (|| {
                let midi = match &loaded {
                    Some(midi) => midi,
                    None => loaded.insert(pair::load_midi(&work.path, &what.midi_font.font, &progress.part(0.0, 0.3))?),
                };
                real_pair(midi, audio, &what.midi_font, &progress.part(0.3, 1.0))
            })();
            match outcome {
                Ok((pair, made_by)) => {
                    work.warning = joined(work.warning.take(), made_by["warning"].as_str());
                    Dataset::store(folder, &work.id, variant, &pair, &made_by)?;
                    work.frames.push(pair.midi_time.len());
                    work.recordings.push(audio.clone());
                    made += 1;
                }
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => {
                    work.skipped = Some(error.reason(&work.path));
                    skipped.push((audio.clone(), error.reason(audio)));
                }
            }
        }
    }
    Dataset::new(folder, parameters, entries).save()?;
    progress.step(1, 1)?;
    Ok(Made { dataset: Dataset::open(folder)?, made, kept, copies: found.copies, held_out: found.held_out, skipped })
}

/// Both sides of an accepted alignment, with the record of how they were made.
fn real_pair(midi: &MidiSide, path: &Path, font: &Font, progress: &Progress) -> Result<(Pair, Value)> {
    let audio = pair::load_audio(path, Keep::Analysis, &progress.part(0.0, 0.4))?;
    let alignment = verdict::align(midi, &audio, Preset::Antiphon, &progress.part(0.4, 0.8))?;
    if !alignment.accepted() {
        let reason = format!("confidence {:.2}, accepted is above {ACCEPTED}", alignment.confidence);
        return Err(Error::Pair { reason, path: midi.path.clone() });
    }
    let aligned: Midi = export::aligned_midi(midi, &audio, &alignment)?;
    let wave = synth::render(&aligned, &font.font, ANALYSIS_RATE, &progress.part(0.8, 0.9))?;
    let of_midi = log_constant_q(&wave, 0.0, &progress.part(0.9, 0.95))?;
    let of_audio = log_constant_q(&audio.recording.mono, audio.tuning, &progress.part(0.95, 1.0))?;
    let first = aligned.notes().first().map_or(0.0, |note| note.start.0);
    let from = (first / FRAME_S).ceil() as usize;
    let to = ((aligned.end().0 / FRAME_S) as usize).min(of_midi.nrows()).min(of_audio.nrows());
    if to < from + FEWEST_FRAMES {
        let seconds = to.saturating_sub(from) as f64 * FRAME_S;
        let reason = format!("the aligned part is {seconds:.1} s long, 5 s are needed");
        return Err(Error::Pair { reason, path: midi.path.clone() });
    }
    let notes = aligned.notes().iter().filter(|note| !note.is_drum());
    let notes = notes.map(|note| (note.start.0, note.end.0, note.pitch, note.velocity));
    let roll = features::summed_velocity(notes, to, FRAME_S, WIDE_FIRST_NOTE, WIDE_BINS);
    let made_by = json!({
        "midi": midi.path,
        "audio": path,
        "confidence": alignment.confidence,
        "transpose": alignment.transpose,
        "tuning": audio.tuning,
        "first_frame": from,
        "soundfont": font.name,
        "warning": audio.recording.warning,
    });
    let pair = Pair {
        midi: of_midi.slice(s![from..to, ..]).to_owned(),
        audio: of_audio.slice(s![from..to, ..]).to_owned(),
        roll: roll.slice(s![from.., ..]).to_owned(),
        midi_time: (from..to).map(|i| alignment.map.to_midi(AudioTime(i as f64 * FRAME_S)).0 as f32).collect(),
    };
    Ok((pair, made_by))
}

/// What is odd about a MIDI file and its recordings, each once.
fn joined(known: Option<String>, recording: Option<&str>) -> Option<String> {
    match (known, recording) {
        (Some(known), Some(odd)) if !known.contains(odd) => Some(format!("{known}; {odd}")),
        (known, odd) => known.or_else(|| odd.map(str::to_owned)),
    }
}

/// A line of a list of pairs.
#[derive(Debug, PartialEq)]
struct Line {
    midi: PathBuf,
    audio: PathBuf,
    split: Option<Split>,
}

/// The pairs of a folder or a list, and what of the list was left out.
fn pairs(source: &Path) -> Result<(Vec<Line>, Vec<String>)> {
    if source.is_dir() {
        return Ok((beside(source), Vec::new()));
    }
    let base = source.parent().unwrap_or(Path::new(""));
    let (mut lines, mut left_out) = (Vec::new(), LeftOut::default());
    list::read(source, &mut left_out, |_, fields| {
        let file = |name: &str| {
            let text = fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(|text| found(base, text)).ok_or_else(|| format!("missing field `{name}`"))
        };
        let split = fields.get("split").filter(|split| !split.is_null());
        let split = split.map(|split| Split::deserialize(split).map_err(|error| error.to_string())).transpose();
        let line = || Ok(Line { midi: file("midi")?, audio: file("audio")?, split: split? });
        Ok(line().map(|line| lines.push(line)))
    })?;
    match left_out.places().next().filter(|_| lines.is_empty()) {
        Some(reason) => Err(Error::Dataset { reason, path: source.to_path_buf() }),
        None => Ok((lines, left_out.places().collect())),
    }
}

/// Recordings below a folder that have a MIDI file of the same name beside them.
fn beside(folder: &Path) -> Vec<Line> {
    let (recordings, rest): (Vec<_>, Vec<_>) = below(folder).into_iter().partition(|path| is_audio_name(path));
    // If there are several kinds of MIDI file under one name, the first in the list of kinds.
    let kind = |path: &Path| MIDI.iter().position(|&ending| ends_in(path, ending));
    let mut midis: BTreeMap<(PathBuf, String), PathBuf> = BTreeMap::new();
    let key = |path: &Path| (path.parent().unwrap_or(Path::new("")).to_path_buf(), stem(path));
    for midi in rest.into_iter().filter(|path| is_midi_name(path)) {
        let known = midis.entry(key(&midi)).or_insert_with(|| midi.clone());
        if kind(&midi) < kind(known) {
            *known = midi;
        }
    }
    let with_midi = |audio: PathBuf| Some(Line { midi: midis.get(&key(&audio))?.clone(), audio, split: None });
    recordings.into_iter().filter_map(with_midi).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_index_takes_finds_its_midi_in_any_case_and_form() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let pairs_of = [
            ("1.webm", "1.mid"),
            ("2.WebM", "2.Midi"),
            ("3.aifc", "3.KAR"),
            ("4.mp4", "4.smf"),
            ("D\u{e9}j\u{e0}.mp3", "De\u{301}ja\u{300}.RMI"),
        ];
        for (audio, midi) in pairs_of {
            std::fs::write(at(audio), b"x").expect("written");
            std::fs::write(at(midi), b"x").expect("written");
        }
        let found = pairs(folder.path()).expect("a folder").0;
        assert_eq!(found, pairs_of.map(|(audio, midi)| Line { midi: at(midi), audio: at(audio), split: None }));
        // Of two kinds under one name, the first in the list of kinds counts, not the first in the alphabet.
        std::fs::write(at("1.kar"), b"x").expect("written");
        assert_eq!(pairs(folder.path()).expect("a folder").0[0].midi, at("1.mid"));
    }

    #[test]
    fn recordings_find_their_midi_by_name_and_lists_their_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["a.mid", "a.ogg", "a.mp3", "b.ogg", "c.mid", "notes.txt"] {
            std::fs::write(at(name), b"x").expect("written");
        }
        let found = pairs(folder.path()).expect("a folder").0;
        let line = |midi: &str, audio: &str, split| Line { midi: at(midi), audio: at(audio), split };
        assert_eq!(found, [line("a.mid", "a.mp3", None), line("a.mid", "a.ogg", None)]);

        let list = "{\"midi\": \"c.mid\", \"audio\": \"b.ogg\", \"more\": 1}\n\n\
                    {\"midi\": \"a.mid\", \"audio\": \"a.ogg\", \"split\": \"develop\"}\n";
        std::fs::write(at("list.jsonl"), list).expect("written");
        let expected = [line("c.mid", "b.ogg", None), line("a.mid", "a.ogg", Some(Split::Develop))];
        assert_eq!(pairs(&at("list.jsonl")).expect("a list").0, expected);
        std::fs::write(at("list.jsonl"), "{\"midi\": \"c.mid\"}").expect("written");
        let error = pairs(&at("list.jsonl")).expect_err("no recording").to_string();
        assert!(error.contains("line 1: missing field `audio`"), "{error}");
    }
}
