//! Whether the [verdict](mod@crate::verdict) distinguishes pairs from others: real ones, and variants made from them.
//!
//! Songs are the unit, not files: `P24b.mid` is a second version of `P24.mid` and belongs to `P24.ogg` too. Each MIDI
//! file also comes transposed to another key, each recording also as a part of it. Wrong pairs always include the
//! hardest ones, the nearest by codes; some of the others are drawn and stand for all, and codes are compared for all
//! of them.

mod decided;
mod kept;
mod report;

pub use decided::{Decided, DecidedPairs, LeftOut, see_decided};
pub use report::{VerdictReport, kinds};

use super::{Report, each};
use crate::alignment::{Preset, dtw::pool, explained, published};
use crate::dataset::number;
use crate::error::{Error, Result};
use crate::features::{FRAME_S, Features, FrameTimes};
use crate::files::{below, sides, stem};
use crate::job::Progress;
use crate::midi::Midi;
use crate::pair::{self, AudioSide, MidiSide};
use crate::synth::SoundFont;
use crate::verdict::{self, CodeMatch, Evidence, Fingerprints, LabelledPair, Models, Sight, Traits};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Seconds of a part of a recording.
const PART_S: std::ops::Range<f64> = 30.0..90.0;
/// Most semitones by which a MIDI file is transposed, to act as one written in another key.
const MOVED: i32 = 5;
/// Wrong recordings that a transposed file, or a part of a recording, is compared with in full: this many of the
/// nearest and of the drawn ones.
const FEWER: usize = 1;

/// What is compared, and how.
#[derive(Debug, Clone)]
pub struct VerdictData {
    /// MIDI files and recordings, with the same names if they belong together.
    pub folder: PathBuf,
    /// Folders of recordings without MIDI files.
    pub decoys: Vec<PathBuf>,
    /// Instead of recordings in the folder: how many works are drawn from its MIDI files, and the soundfont for making
    /// their recordings, as [`popular`](super::popular()) makes them.
    pub made: Option<(usize, SoundFont)>,
    /// Where analysed recordings are kept.
    pub cache: Option<PathBuf>,
    /// Wrong recordings that each MIDI file is compared with in full: the nearest by codes,
    pub nearest: usize,
    /// and others, drawn at random.
    pub others: usize,
    /// What kind of pair a song is, by its name.
    pub kinds: BTreeMap<String, String>,
}

/// All the compared pairs.
#[derive(Debug, Clone)]
pub struct VerdictPairs {
    /// The pairs, with their evidence.
    pub pairs: Vec<LabelledPair>,
    /// Recordings that each MIDI file was compared with by codes.
    pub entries: usize,
    /// The networks.
    pub models: Fingerprints,
}

struct MidiItem {
    song: String,
    name: String,
    moved: i32,
    side: MidiSide,
    traits: Traits,
}

struct AudioItem {
    path: PathBuf,
    song: String,
    /// The frames of a part.
    part: Option<(usize, usize)>,
    traits: Traits,
}

/// A pair to be compared: the MIDI file, its rank, the number of pairs that it stands for, and its codes.
struct Wanted {
    midi: usize,
    rank: usize,
    weight: f64,
    /// Whether all its evidence is gathered, or only its codes.
    whole: bool,
    codes: CodeMatch,
}

/// `P24` of `P24b`: the song of a file.
fn song(name: &str) -> String {
    let cut = name.trim_end_matches(|c: char| c.is_ascii_lowercase());
    if cut.ends_with(|c: char| c.is_ascii_digit()) { cut.into() } else { name.into() }
}

/// Compares MIDI files and recordings.
///
/// # Errors
/// [`Error::Nothing`] if either is missing; [`Error::Cancelled`].
pub fn verdict(data: &VerdictData, font: &SoundFont, progress: &Progress) -> Result<Report<VerdictPairs>> {
    let models = Models::bundled()?;
    let (midi_files, recordings, mut skipped) = sources(data, &progress.part(0.0, 0.1))?;
    if midi_files.is_empty() || recordings.is_empty() {
        return Err(Error::nothing("no MIDI files with recordings").at(&data.folder));
    }
    let names: Vec<PathBuf> = midi_files.iter().map(|(path, _)| path.clone()).collect();
    let midis = each(&names, &progress.part(0.1, 0.2), |path, p| {
        let place = names.iter().position(|other| other == path).unwrap_or(0);
        let midi = match &midi_files[place].1 {
            Some(midi) => midi.clone(),
            None => Midi::read(path)?,
        };
        let mut random = Pcg64::seed_from_u64(number(&stem(path), 0));
        let by = random.random_range(1..=2 * MOVED);
        let by = if by <= MOVED { by } else { MOVED - by };
        let item = |moved: i32| {
            let midi = if moved == 0 { midi.clone() } else { midi.transposed(moved) };
            let side = MidiSide::new(path.clone(), midi, font, p)?.without_sound();
            let traits = Traits::of_midi(&side, &models, p)?;
            Ok(MidiItem { song: song(&stem(path)), name: stem(path), moved, side, traits })
        };
        Ok([item(0)?, item(by)?])
    })?;
    let audios = each(&recordings, &progress.part(0.2, 0.4), |path, p| {
        let side = kept::recording(path, data.cache.as_deref(), p)?;
        let frames = side.features.frames.nrows();
        let mut random = Pcg64::seed_from_u64(number(&stem(path), 1));
        let length = ((random.random_range(PART_S) / FRAME_S) as usize).min(frames);
        let from = random.random_range(0..=frames - length);
        let item = |part: Option<(usize, usize)>| {
            let cut = part.and_then(|part| kept::part(&side, part));
            let traits = Traits::of_audio(cut.as_ref().unwrap_or(&side), &models, p)?;
            Ok(AudioItem { path: path.clone(), song: song(&stem(path)), part, traits })
        };
        Ok([item(None)?, item(Some((from, from + length)))?])
    })?;
    skipped.extend(midis.skipped);
    skipped.extend(audios.skipped);
    let midis: Vec<MidiItem> = midis.done.into_iter().flatten().collect();
    let audios: Vec<AudioItem> = audios.done.into_iter().flatten().collect();
    let wanted = wanted(data, &midis, &audios, &progress.part(0.4, 0.45))?;

    let places: Vec<PathBuf> = (0..audios.len()).map(|place| PathBuf::from(place.to_string())).collect();
    let compared = each(&places, &progress.part(0.45, 1.0), |place, p| {
        let place = places.iter().position(|other| other == place).unwrap_or(0);
        let audio = &audios[place];
        let mut side = None;
        let mut pairs = Vec::with_capacity(wanted[place].len());
        for one in &wanted[place] {
            p.step(0, 1)?;
            let midi = &midis[one.midi];
            let mut pair = labelled(midi, audio, one, data);
            let mut found = Evidence::new([midi.traits.amount, audio.traits.amount], None);
            found.add_codes(&one.codes);
            pair.see(Sight::Codes, &found);
            if one.whole {
                if side.is_none() {
                    let whole = kept::recording(&audio.path, data.cache.as_deref(), p)?;
                    side = Some(match audio.part {
                        Some(part) => kept::part(&whole, part).unwrap_or(whole),
                        None => whole,
                    });
                }
                if let Some(side) = &side {
                    let sides = ((&midi.side, &midi.traits), (side, &audio.traits));
                    see(&mut pair, sides, &one.codes, &models, p)?;
                }
            }
            pairs.push(pair);
        }
        Ok(pairs)
    })?;
    skipped.extend(compared.skipped.into_iter().map(|(place, error)| {
        let place = places.iter().position(|other| *other == place).unwrap_or(0);
        (audios[place].path.clone(), error)
    }));
    let pairs = compared.done.into_iter().flatten().collect();
    let models = Fingerprints::of(&models.hash, &models.embedding)?;
    let entries = audios.iter().filter(|audio| audio.part.is_none()).count();
    Ok(Report { done: vec![VerdictPairs { pairs, entries, models }], skipped })
}

type Sources = (Vec<(PathBuf, Option<Midi>)>, Vec<PathBuf>, Vec<(PathBuf, Error)>);

/// MIDI files, recordings, and files that can't be used.
fn sources(data: &VerdictData, progress: &Progress) -> Result<Sources> {
    let (mut midis, mut recordings, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    if let Some((works, font)) = &data.made {
        let Some(folder) = &data.cache else {
            return Err(Error::nothing("no folder to keep the recordings in that are made"));
        };
        let made = super::popular::renderings(&data.folder, (*works, 0), font, progress, |place, midi, wave, p| {
            let name = format!("made{place}");
            let path = folder.join(format!("{name}.{}", kept::ENDING));
            kept::keep(&AudioSide::new(path.clone(), super::rendering(wave), p)?, &path)?;
            Ok((PathBuf::from(name), midi.clone(), path))
        })?;
        skipped = made.skipped;
        for (name, midi, path) in made.done {
            midis.push((name, Some(midi)));
            recordings.push(path);
        }
    } else {
        let (of_midi, of_sound) = sides(below(&data.folder));
        midis.extend(of_midi.into_iter().map(|path| (path, None)));
        recordings = of_sound;
    }
    for folder in &data.decoys {
        recordings.extend(sides(below(folder)).1);
    }
    Ok((midis, recordings, skipped))
}

/// For each recording, the MIDI files that it is compared with.
fn wanted(
    data: &VerdictData,
    midis: &[MidiItem],
    audios: &[AudioItem],
    progress: &Progress,
) -> Result<Vec<Vec<Wanted>>> {
    let codes: Vec<&[u32]> = audios.iter().map(|audio| audio.traits.codes[0].codes.codes()).collect();
    let rows = midis.par_iter().map(|midi| verdict::code_matches(&midi.traits.codes, &codes, progress));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let mut wanted: Vec<Vec<Wanted>> = audios.iter().map(|_| Vec::new()).collect();
    for (at, (midi, row)) in midis.iter().zip(&rows).enumerate() {
        let mut random = Pcg64::seed_from_u64(number(&midi.name, 2));
        for parts in [false, true] {
            if parts && midi.moved != 0 {
                continue;
            }
            let few = parts || midi.moved != 0;
            let (near, far) =
                if few { (data.nearest.min(FEWER), data.others.min(FEWER)) } else { (data.nearest, data.others) };
            let of_kind = (0..audios.len()).filter(|&place| audios[place].part.is_some() == parts);
            let (right, mut wrong): (Vec<usize>, Vec<usize>) =
                of_kind.partition(|&place| audios[place].song == midi.song);
            wrong.sort_by(|&a, &b| row[a].distance.total_cmp(&row[b].distance));
            let mut add = |place: usize, rank: usize, weight: f64, whole: bool| {
                wanted[place].push(Wanted { midi: at, rank, weight, whole, codes: row[place] });
            };
            for place in right {
                let nearer = wrong.iter().filter(|&&other| row[other].distance < row[place].distance).count();
                add(place, 1 + nearer, 1.0, true);
            }
            for (number, &place) in wrong.iter().take(near).enumerate() {
                add(place, 1 + number, 1.0, true);
            }
            let mut rest: Vec<(usize, usize)> = wrong.into_iter().enumerate().skip(near).collect();
            rest.shuffle(&mut random);
            let stands_for = rest.len() as f64 / far.min(rest.len()).max(1) as f64;
            for (number, &(rank, place)) in rest.iter().enumerate() {
                if number < far {
                    add(place, 1 + rank, stands_for, true);
                } else {
                    add(place, 1 + rank, 1.0, false);
                }
            }
        }
    }
    Ok(wanted)
}

fn labelled(midi: &MidiItem, audio: &AudioItem, wanted: &Wanted, data: &VerdictData) -> LabelledPair {
    let form = match (midi.moved, audio.part) {
        (0, None) => "whole",
        (_, None) => "moved",
        _ => "part",
    };
    let kind = data.kinds.get(&midi.song).map_or_else(|| form.to_owned(), |kind| format!("{form} {kind}"));
    LabelledPair {
        midi: if midi.moved == 0 { midi.name.clone() } else { format!("{} {:+}", midi.name, midi.moved) },
        audio: if audio.part.is_some() { format!("{} part", stem(&audio.path)) } else { stem(&audio.path) },
        songs: (midi.song.clone(), audio.song.clone()),
        kind,
        same: midi.song == audio.song,
        rank: wanted.rank,
        weight: wanted.weight,
        decided: false,
        evidence: BTreeMap::new(),
    }
}

/// Number of frames averaged into one when an index is searched.
const POOL: usize = 4;

/// Gathers the evidence of a pair as an index sees it, and with everything available.
fn see(
    pair: &mut LabelledPair,
    ((midi, midi_traits), (audio, audio_traits)): ((&MidiSide, &Traits), (&AudioSide, &Traits)),
    codes: &CodeMatch,
    models: &Models,
    progress: &Progress,
) -> Result<()> {
    let alignment = pair::align(midi, audio, Preset::Antiphon, progress)?;
    let found = verdict::evidence(midi_traits, audio_traits, midi, models, &alignment, progress)?;
    let embedding = found.value("embedding");
    pair.see(Sight::Pair, &found);

    if !audio.analysed() {
        return Ok(());
    }
    let (of_midi, of_audio) = (midi.spectrum(), audio.spectrum());
    let by_index = explained(of_midi.magnitudes(), of_audio.magnitudes(), codes.key, FRAME_S, progress)?;
    let coarse = |features: &Features| Features {
        frames: pool(features.frames.view(), POOL),
        times: FrameTimes::Regular(POOL as f64 * FRAME_S),
    };
    let published =
        published::gen2(&coarse(&of_midi.logarithm().features(codes.key)), &coarse(&audio.features), progress)?;
    let mut found = Evidence::new([midi_traits.amount, audio_traits.amount], None);
    found.add_codes(codes);
    found.set("embedding", embedding);
    found.add_explained(&by_index, published.confidence, codes.key);
    let in_key = midi_traits.codes.iter().find(|in_key| in_key.key == codes.key);
    if let Some(in_key) = in_key {
        let still = &audio_traits.codes[0].codes;
        found.set("codes along the map", verdict::along(&in_key.codes, still, verdict::by_runs(&by_index)));
    }
    pair.see(Sight::Index, &found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_of_their_song() {
        assert_eq!(song("P24b"), "P24");
        assert_eq!(song("P24"), "P24");
        assert_eq!(song("hymn"), "hymn");
    }
}
