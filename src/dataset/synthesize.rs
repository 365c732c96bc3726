//! Training pairs without recordings: MIDI files rendered twice, once unchanged and once as a recording would differ.

use super::take::{Arrangement, Cut};
use super::transcription::{Sounding, Transcription};
use super::works::{self, Source, Sources};
use super::{Dataset, Made, Pair, Split, Work, effects};
use crate::audio::{ANALYSIS_RATE, Waveform};
use crate::error::{Error, Result};
use crate::features::{self, CqtParams, FRAME_S, Spectrum, WIDE_BINS, WIDE_FIRST_NOTE};
use crate::job::Progress;
use crate::midi::Midi;
use crate::synth::{self, SoundFont};
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A soundfont and its name in `dataset.json`.
#[derive(Debug, Clone)]
pub struct Font {
    /// The path it was read from, or `bundled`.
    pub name: String,
    /// The font.
    pub font: SoundFont,
}

impl Font {
    /// Reads a soundfont file; without a path, the bundled font.
    ///
    /// # Errors
    /// As [`SoundFont::open`].
    pub fn open(path: Option<&Path>) -> Result<Self> {
        match path {
            Some(path) => Ok(Self { name: path.to_string_lossy().into_owned(), font: SoundFont::open(path)? }),
            None => Ok(Self { name: "bundled".into(), font: SoundFont::bundled()? }),
        }
    }
}

/// What [`synthesize`] is to make.
#[derive(Debug, Clone)]
pub struct Synthesis {
    /// MIDI files, and folders with MIDI files below them.
    pub sources: Vec<PathBuf>,
    /// Files and folders of MIDI: music that is the same as one of these is left out.
    pub hold_out: Vec<PathBuf>,
    /// Plays the MIDI side.
    pub midi_font: Font,
    /// Play the recording side in training and validation; at least one.
    pub audio_fonts: Vec<Font>,
    /// Plays the recording side in the test split; without one, the others do.
    pub test_font: Option<Font>,
    /// Longest part of a work, in seconds.
    pub seconds: f64,
    /// Pairs per work, each from another part and with another recording.
    pub variants: usize,
    /// How many works are drawn; all if there are no more.
    pub limit: Option<usize>,
    /// Seed of every draw: the same seed makes the same bytes.
    pub seed: u64,
}

/// Works with less music than this, in seconds, are left out.
const SHORTEST_S: f64 = 8.0;
/// The same, in notes.
const FEWEST_NOTES: usize = 16;
/// Range of allowed lengths, in seconds.
const SECONDS: std::ops::RangeInclusive<f64> = 10.0..=600.0;
/// How many times a part that holds next to nothing is drawn again.
const DRAWS: usize = 6;
/// Below this level (RMS relative to full scale) a sound counts as silent.
const SILENT: f32 = 1e-5;
/// Number of pairs after which the document is rewritten, so that part of a long run can be used.
const SAVED_EVERY: usize = 100;

/// Renders pairs into `folder`. Existing pairs are kept, so that an interrupted run can continue.
///
/// # Errors
/// [`Error::Limit`] and [`Error::Dataset`] if the request is impossible or does not fit the contents of the folder;
/// [`Error::Nothing`] if there are no MIDI files; [`Error::Io`]; [`Error::Cancelled`]. A work that can't be used is not
/// an error: it is reported with the reason.
pub fn synthesize(what: &Synthesis, folder: &Path, progress: &Progress) -> Result<Made> {
    super::or_nothing(folder, || synthesized(what, folder, progress))
}

fn synthesized(what: &Synthesis, folder: &Path, progress: &Progress) -> Result<Made> {
    what.check()?;
    let there = super::continues(folder, &what.parameters())?;
    let found = Sources::find(&what.sources, &what.hold_out, what.seed, &progress.part(0.0, 0.05))?;
    // In the order of the draw, so that a partial run is a fair sample; the document is in the order of the paths.
    let mut drawn: Vec<usize> = (0..found.works.len()).collect();
    drawn.sort_by_key(|&i| works::number(&found.works[i].id, what.seed ^ 0x5EED));
    drawn.truncate(what.limit.unwrap_or(usize::MAX));
    let mut listed = drawn.clone();
    listed.sort_unstable();

    // Results of an earlier run are in the document from the start: somebody may be learning from it.
    let before = there.as_ref().map_or(&[][..], Dataset::all_works);
    let before: BTreeMap<&str, &Work> = before.iter().map(|work| (&work.id[..], work)).collect();
    let entry = |&number: &usize| {
        let entry = found.works[number].entry();
        let made = before.get(&entry.id[..]).map_or(&[][..], |work| &work.frames[..]);
        Work { frames: made.iter().copied().take(what.variants).collect(), ..entry }
    };
    let entries: Vec<Work> = listed.iter().map(entry).collect();
    let data = Mutex::new(Dataset::new(folder, what.parameters(), entries));
    let save = || data.lock().map_or(Ok(()), |data| data.save());
    save()?;
    let (made, kept, ended) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let progress = progress.part(0.05, 1.0);
    let each = |&number: &usize| -> Result<()> {
        let source = &found.works[number];
        let mut frames = Vec::new();
        let mut skipped = None;
        let mut midi = None;
        for variant in 0..what.variants {
            let before = ended.load(Ordering::Relaxed);
            progress.step(before, drawn.len())?;
            // Progress within works that are rendered at the same time can't be told apart: only finished works advance
            // it.
            let before = before as f32 / drawn.len() as f32;
            let work = source.entry();
            if let Ok(pair) = Dataset::new(folder, Value::Null, Vec::new()).load(&work, variant) {
                kept.fetch_add(1, Ordering::Relaxed);
                frames.push(pair.midi_time.len());
                continue;
            }
            let outcome = (|| {
                let midi = match &mut midi {
                    Some(midi) => midi,
                    none => none.insert(Midi::read(&source.path)?),
                };
                what.render(midi, source, &found.works, variant, &progress.part(before, before))
            })();
            match outcome {
                Ok((pair, made_by)) => {
                    // A full disk ends the run; it has nothing to do with the work.
                    Dataset::store(folder, &source.id, variant, &pair, &made_by)?;
                    frames.push(pair.midi_time.len());
                    if (made.fetch_add(1, Ordering::Relaxed) + 1) % SAVED_EVERY == 0 {
                        save()?;
                    }
                }
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => {
                    skipped = Some(error.reason(&source.path));
                    break;
                }
            }
        }
        if let (Ok(mut data), Ok(entry)) = (data.lock(), listed.binary_search(&number)) {
            data.set(entry, frames, skipped);
        }
        progress.step(ended.fetch_add(1, Ordering::Relaxed) + 1, drawn.len())
    };
    let outcome = drawn.par_iter().with_max_len(1).try_for_each(each);
    save()?;
    outcome?;
    let dataset = Dataset::open(folder)?;
    let mut skipped = found.skipped;
    skipped.extend(dataset.all_works().iter().filter_map(|w| Some((w.path.clone(), w.skipped.clone()?))));
    let (made, kept) = (made.into_inner(), kept.into_inner());
    Ok(Made { dataset, made, kept, copies: found.copies, held_out: found.held_out, skipped })
}

impl Synthesis {
    fn check(&self) -> Result<()> {
        let limit = |what, value: String, limit: &str| Err(Error::Limit { what, value, limit: limit.into() });
        if !SECONDS.contains(&self.seconds) {
            return limit("length of a pair", format!("{} s", self.seconds), "10 to 600 s");
        }
        if !(1..=1000).contains(&self.variants) {
            return limit("variants", self.variants.to_string(), "1 to 1000");
        }
        if self.audio_fonts.is_empty() {
            return limit("audio soundfonts", "0".into(), "1 or more");
        }
        if let Some(test) = &self.test_font
            && self.audio_fonts.iter().any(|font| font.name == test.name)
        {
            return limit("test soundfont", format!("{:?}", test.name), "those that training does not use");
        }
        Ok(())
    }

    /// Everything that the bytes of a pair depend on. Not the limit and the number of variants: raising them leaves the
    /// other pairs unchanged.
    fn parameters(&self) -> Value {
        let names = |fonts: &[Font]| -> Vec<String> { fonts.iter().map(|font| font.name.clone()).collect() };
        json!({
            "made_by": "synthesize",
            "sources": self.sources,
            "hold_out": self.hold_out,
            "midi_soundfont": self.midi_font.name,
            "audio_soundfonts": names(&self.audio_fonts),
            "test_soundfont": self.test_font.as_ref().map(|font| &font.name),
            "seconds": self.seconds,
            "seed": self.seed,
        })
    }

    fn audio_font(&self, split: Split, random: &mut Pcg64) -> &Font {
        // Drawn in any case, so that the remaining draws are the same with and without a test font.
        let drawn = &self.audio_fonts[random.random_range(0..self.audio_fonts.len())];
        self.test_font.as_ref().filter(|_| split == Split::Test).unwrap_or(drawn)
    }

    /// Renders a variant of a work; also returns how it was made.
    fn render(
        &self,
        midi: &Midi,
        source: &Source,
        all: &[Source],
        variant: usize,
        progress: &Progress,
    ) -> Result<(Pair, Value)> {
        let mut random = Pcg64::seed_from_u64(works::number(&source.id, self.seed ^ super::mix(variant as u64 + 1)));
        let font = self.audio_font(source.split, &mut random);
        let cut = draw_cut(midi, self.seconds, &mut random)?;
        let arrangement = Arrangement::draw(&mut random);
        let mut transcription = Transcription::draw(midi, &mut random);
        let score = arrangement.score(midi, &cut, &mut random);
        let play = |score: &synth::Score, font: &Font| {
            let wave = synth::render_mono(score, &font.font, ANALYSIS_RATE, progress)
                .map_err(|e| e.at(Path::new(&font.name)))?;
            let level = effects::rms(&wave.samples);
            // Fonts lack presets, and files turn instruments down: a silent side teaches nothing.
            if level > SILENT {
                Ok(wave)
            } else {
                Err(Error::nothing(format!("no sound with the soundfont {:?}", font.name)))
            }
        };
        let (mut written, mut notes) = transcription.score(midi, &cut, &mut random);
        if notes.len() < FEWEST_NOTES {
            transcription = Transcription::AsWritten;
            (written, notes) = transcription.score(midi, &cut, &mut random);
        }
        let midi_wave = play(&written, &self.midi_font)?;
        let mut audio_wave = play(&score, font)?;
        let other = match arrangement.effects.added_db {
            Some(_) => other_work(source, all, &cut, &mut random)
                .map(|score| synth::render_mono(&score, &font.font, ANALYSIS_RATE, progress)),
            None => None,
        };
        let other = other.transpose()?.map(|wave| wave.samples);
        arrangement.effects.apply(&mut audio_wave.samples, other.as_deref(), f64::from(ANALYSIS_RATE), &mut random)?;
        let name = format!("{}-{variant}", source.id);
        let audio_wave = arrangement.mastering.apply(audio_wave, &name, progress)?;
        let mut audio = log_constant_q(&audio_wave, 0.0, progress)?;
        for (bin, mut column) in audio.columns_mut().into_iter().enumerate() {
            let gain = arrangement.effects.log_gain(bin, WIDE_BINS);
            column.mapv_inplace(|x| x + gain);
        }
        let made_by = json!({
            "work": source.path,
            "soundfont": font.name,
            "seconds": cut.seconds,
            "rate": cut.rate,
            "midi": transcription,
            "recording": arrangement,
        });
        Ok((pair(notes, &cut, log_constant_q(&midi_wave, 0.0, progress)?, audio), made_by))
    }
}

/// Draws a part with something in it.
fn draw_cut(midi: &Midi, seconds: f64, random: &mut Pcg64) -> Result<Cut> {
    let mut most = (0, 0.0);
    for _ in 0..DRAWS {
        let cut = Cut::draw(midi, seconds, false, random)?;
        let notes = cut.notes(midi).filter(|(_, _, note)| !note.is_drum()).count();
        if notes >= FEWEST_NOTES && cut.seconds >= SHORTEST_S {
            return Ok(cut);
        }
        if notes > most.0 || cut.seconds > most.1 {
            most = (notes, cut.seconds);
        }
    }
    let (notes, length) = most;
    let asked = format!("{FEWEST_NOTES} and {SHORTEST_S} s are needed");
    Err(Error::nothing(format!("too little music, {notes} notes in {length:.1} s; {asked}")))
}

/// A part of another work of the same split, as long as `cut`.
fn other_work(source: &Source, all: &[Source], cut: &Cut, random: &mut Pcg64) -> Option<synth::Score> {
    let others: Vec<&Source> =
        all.iter().filter(|other| other.split == source.split && other.group != source.group).collect();
    let midi = Midi::read(&others.choose(random)?.path).ok()?;
    Some(Cut::draw(&midi, cut.seconds, true, random).ok()?.score(&midi))
}

pub(super) fn log_constant_q(wave: &Waveform, cents: f64, progress: &Progress) -> Result<ndarray::Array2<f32>> {
    let spectrum = Spectrum::of(wave, &CqtParams { cents, ..CqtParams::wide() }, progress)?;
    Ok(spectrum.into_logarithm().into_rows())
}

/// Both sides of a part, over the frames that both have; `notes` are those of the MIDI side.
fn pair(
    notes: Vec<Sounding>,
    cut: &Cut,
    mut of_midi: ndarray::Array2<f32>,
    mut of_audio: ndarray::Array2<f32>,
) -> Pair {
    let frames = of_midi.nrows().min(of_audio.nrows());
    of_midi.slice_collapse(ndarray::s![..frames, ..]);
    of_audio.slice_collapse(ndarray::s![..frames, ..]);
    let roll = features::summed_velocity(notes, frames, FRAME_S, WIDE_FIRST_NOTE, WIDE_BINS);
    let times = (0..frames).map(|i| cut.clock.to_midi(crate::audio::AudioTime(i as f64 * FRAME_S)).0 as f32);
    Pair { midi: of_midi, audio: of_audio, roll, midi_time: times.collect() }
}

#[cfg(test)]
mod tests;
