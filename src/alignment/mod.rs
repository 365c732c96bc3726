//! Maps each moment of a recording to the matching moment of a MIDI file.

mod anchored;
mod coarse;
pub mod distance;
pub mod dtw;
mod findings;
pub(crate) mod follow;
mod judgement;
mod lines;
mod music;
pub mod published;
pub(crate) mod refine;
pub mod retime;
pub(crate) mod rough;
mod segments;
mod steady;
mod structure;
mod unfold;
pub mod warp;

pub(crate) use anchored::{anchored, moved};
pub use findings::Findings;
pub(crate) use findings::{Explained, explained};
pub use judgement::{Judgement, Term, Verdict};
pub(crate) use music::{alone, music};
pub(crate) use rough::contrast;
pub use segments::{Segment, Segments};
pub use unfold::Played;

use crate::audio::AudioTime;
use crate::error::Result;
use crate::features::onsets::Onsets;
use crate::features::{Features, Spectrum};
use crate::job::Progress;
use crate::midi::{Midi, MidiTime, Note};
use follow::{Followed, Hypotheses, Hypothesis, Jumping};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use warp::TimeMap;

/// Pairs with a confidence above it count as matches (spec B: `c > .5`).
pub const ACCEPTED: f64 = 0.5;

/// Which aligner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Ours: tempo-normalised, refined on onsets.
    #[default]
    Antiphon,
    /// Raffel's system of 2015: beat-synchronous, gully .95, penalty the 90th percentile (spec B).
    Gen1,
    /// Raffel's "gold standard" of 2016, used for the Lakh MIDI Dataset: gully .96, penalty the median (spec B).
    Gen2,
}

/// What [`align`] needs from a MIDI file.
#[derive(Debug, Clone, Copy)]
pub struct MidiInput<'a> {
    /// All notes, sorted by start.
    pub notes: &'a [Note],
    /// The [wide](crate::features::CqtParams::wide) spectrum of its synthesis: the recording may be in another key.
    pub spectrum: &'a Spectrum,
}

/// What [`align`] needs from a recording.
#[derive(Debug, Clone, Copy)]
pub struct AudioInput<'a> {
    /// Its spectrum, of [`BINS`](crate::features::BINS) bins, with frames as far apart as those of the MIDI side.
    pub spectrum: &'a Spectrum,
    /// Its onsets.
    pub onsets: &'a Onsets,
}

/// An aligned pair.
#[derive(Debug, Clone)]
pub struct Alignment {
    /// MIDI time ↔ audio time.
    pub map: TimeMap,
    /// Local cosine cost at each knot of all [`segments`](Self::segments), in 0..=1.
    pub costs: Vec<f32>,
    /// Normalised cost of the path; lower is better.
    pub score: f64,
    /// `clip(2(1 − score), 0, 1)`; with a [`judgement`](Self::judgement), the probability that it gives.
    pub confidence: f64,
    /// Semitones by which the MIDI was transposed before it was aligned.
    pub transpose: i32,
    /// Stretches of audio time in which the map should not be trusted: repeats skipped or added, other music, silence.
    pub unreliable: Vec<(f64, f64)>,
    /// The stretches in which both sides run together. [`map`](Self::map) follows the heaviest chain of them that
    /// increases on both sides; [`played`](Self::played) follows them all.
    pub segments: Segments,
    /// What the user should know, such as `aligned coarse to fine: …`.
    pub remarks: Vec<String>,
    /// What our aligner measured for and against the pair; `None` from a published aligner.
    pub findings: Option<Findings>,
    /// Whether the two belong together, on all the evidence; `None` before [`verdict`](crate::verdict) was asked, and
    /// for the published aligners.
    pub judgement: Option<Judgement>,
}

impl Alignment {
    /// Whether the pair counts as a match: confidence above [`ACCEPTED`].
    pub fn accepted(&self) -> bool {
        self.verdict() == Verdict::Match
    }

    /// Match, no match, or too little to tell; a published aligner always decides.
    pub fn verdict(&self) -> Verdict {
        match &self.judgement {
            Some(judgement) => judgement.verdict,
            None if self.confidence > ACCEPTED => Verdict::Match,
            None => Verdict::NoMatch,
        }
    }

    /// The MIDI as the recording plays it: in its key, with repeats written out and omissions left out, and where all
    /// of that lies in the recording.
    ///
    /// # Errors
    /// [`Error::Midi`](crate::Error::Midi) if it would last longer than a MIDI file may.
    pub fn played(&self, midi: &Midi) -> Result<Played> {
        let in_key = if self.transpose == 0 { midi.clone() } else { midi.transposed(self.transpose) };
        if self.segments.jump() {
            unfold::unfold(&in_key, &self.segments)
        } else {
            Ok(Played { midi: in_key, map: self.map.clone() })
        }
    }

    /// Adds the confidence of an independent aligner: a pair that both half believe in is believed. The published
    /// aligner sees what ours misses, and vice versa: it needs equal tempo but no attacks.
    fn supported_by(&mut self, confidence: f64) {
        if let Some(findings) = &mut self.findings {
            findings.published = confidence;
        }
        self.score -= confidence / 2.0;
        self.confidence = (2.0 * (1.0 - self.score)).clamp(0.0, 1.0);
    }
}

/// Aligns by our own method: a rough map at any tempo, then the attack of each chord. The published aligner of
/// [2016](published::gen2) is asked too: its path is one of those that are tried, and its confidence counts.
///
/// [`pair::align`](crate::pair::align) does the same from files.
///
/// # Errors
/// [`Error::Nothing`](crate::Error::Nothing) when a side has no frames, [`Error::Cancelled`](crate::Error::Cancelled).
///
/// # Panics
/// When the spectra differ in the distance of their frames, or have other numbers of bins than [`MidiInput`] and
/// [`AudioInput`] ask for.
///
/// ```
/// use antiphon::alignment::{self, AudioInput, MidiInput};
/// use antiphon::audio::{ANALYSIS_RATE, AudioTime};
/// use antiphon::features::{CqtParams, Spectrum, onsets::Onsets};
/// use antiphon::{demo, job::Progress, midi::Midi, synth};
///
/// # let folder = tempfile::tempdir()?;
/// let progress = Progress::silent();
/// let midi = Midi::read(&demo::unpack(folder.path())?.midi)?;
/// let mut wave = synth::render(&midi, &synth::SoundFont::bundled()?, ANALYSIS_RATE, &progress)?;
/// let wide = Spectrum::of(&wave, &CqtParams::wide(), &progress)?;
///
/// // The "recording" is the synthesis itself, after a second of silence.
/// wave.samples.splice(0..0, vec![0.0; ANALYSIS_RATE as usize]);
/// let spectrum = Spectrum::of(&wave, &CqtParams::default(), &progress)?;
/// let onsets = Onsets::new(&wave, 0.0, &progress)?;
///
/// let midi = MidiInput { notes: midi.notes(), spectrum: &wide };
/// let audio = AudioInput { spectrum: &spectrum, onsets: &onsets };
/// let alignment = alignment::align(midi, audio, &progress)?;
/// assert!((alignment.map.to_midi(AudioTime(11.0)).0 - 10.0).abs() < 0.05);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn align(midi: MidiInput<'_>, audio: AudioInput<'_>, progress: &Progress) -> Result<Alignment> {
    let frame_s = audio.spectrum.frame_s();
    assert_eq!(midi.spectrum.frame_s().to_bits(), frame_s.to_bits(), "seconds between frames of both sides");
    // Notes a long silence away from the music, and the silence, are left out.
    let music = music(midi.notes, frame_s * audio.spectrum.magnitudes().nrows() as f64);
    let within = |rows: &Array2<f32>| music.as_ref().map(|music| alone(rows, music, frame_s));
    let spectrum = within(midi.spectrum.magnitudes()).map(|magnitudes| midi.spectrum.with(magnitudes));
    let is_music = |note: &&Note| music.as_ref().is_none_or(|music| music.contains(&note.start.0));
    let notes: Vec<Note> = midi.notes.iter().filter(is_music).copied().collect();
    let (mut x, y) = (midi.spectrum.features(0), audio.spectrum.features(0));
    if let Some(frames) = within(&x.frames) {
        x.frames = frames;
    }
    let midi = MidiInput { notes: &notes, spectrum: spectrum.as_ref().unwrap_or(midi.spectrum) };
    let second = published::gen2(&x, &y, &progress.part(0.0, 0.3))?;
    let knots = knots_of(&second, &x, &y);
    let mut alignment = from_inputs(midi, audio, knots, frame_s, &progress.part(0.3, 1.0))?;
    // It was found in the written key.
    if alignment.transpose == 0 {
        alignment.supported_by(second.confidence);
    }
    Ok(alignment)
}

/// As [`align`], with the knots of the published aligner, in seconds, and without its confidence.
fn from_inputs(
    midi: MidiInput<'_>,
    audio: AudioInput<'_>,
    published: Vec<(f64, f64)>,
    frame_s: f64,
    progress: &Progress,
) -> Result<Alignment> {
    let (midi_magnitudes, audio_magnitudes) = (midi.spectrum.magnitudes(), audio.spectrum.magnitudes());
    let rough = rough::rough(midi_magnitudes, audio_magnitudes, frame_s, &progress.part(0.0, 0.5))?;
    let mut notes = midi.notes.to_vec();
    for note in notes.iter_mut().filter(|note| !note.is_drum()) {
        note.pitch = (i32::from(note.pitch) + rough.transpose).clamp(0, 127) as u8;
    }
    let chords = refine::chords(&notes);
    let heard = |knots: &[(f64, f64)]| refine::heard(&chords, knots, audio.onsets);
    let structure =
        structure::structure(rough.midi.view(), rough.audio.view(), frame_s, &heard, &progress.part(0.5, 0.6))?;
    let gain = |knots: &[(f64, f64)]| structure.gain_along(knots, rough.midi.view(), rough.audio.view(), frame_s);
    let hypothesis = |knots: Vec<(f64, f64)>| Hypothesis { gain: gain(&knots), knots };
    let chain = Some(structure.chain(frame_s)).filter(|chain| chain.len() >= 2).map(hypothesis);
    let free = hypothesis(rough.knots.clone());
    // It was found in the written key.
    let published = Some(published).filter(|knots| rough.transpose == 0 && knots.len() >= 2);
    let mut steady: Vec<Hypothesis> = rough.steady.iter().cloned().chain(published).map(hypothesis).collect();
    let jumping = if structure.jumps() {
        let best = steady.iter().chain([&free]).map(|other| other.gain).fold(1e-9, f64::max);
        chain.map(|map| Jumping { map, share: structure.gain / best, sure: structure.sure() })
    } else {
        steady.extend(chain);
        None
    };
    let hypotheses = Hypotheses { free, steady, jumping };
    // The same in a key that can't be right.
    for note in notes.iter_mut().filter(|note| !note.is_drum()) {
        note.pitch = if note.pitch >= 64 { note.pitch - 6 } else { note.pitch + 6 };
    }
    let wrong = refine::chords(&notes);
    let Followed { mut attacks, evidence, knots, jumps } =
        follow::follow(&chords, &wrong, &hypotheses, audio.onsets, &progress.part(0.6, 1.0))?;
    let score = score(rough.cost / rough.null_cost, evidence, rough.transpose != 0);
    refine::to_rises(&mut attacks, &chords, audio.onsets);
    let segments = if jumps {
        let runs = structure.runs(frame_s);
        let outer = |number: usize| (number == 0, number + 1 == runs.len());
        let map = |(number, run): (usize, &Vec<_>)| within(run, outer(number), &chords, audio.onsets, progress);
        Segments::new(runs.iter().enumerate().map(map).collect::<Result<_>>()?)
    } else {
        None
    };
    let map = match &segments {
        Some(segments) => segments.increasing()?,
        None => time_map(&follow::increasing(&attacks).unwrap_or(knots))?,
    };
    let segments = segments.unwrap_or_else(|| map.clone().into());
    let local = |MidiTime(m): MidiTime, AudioTime(a): AudioTime| {
        let row =
            |rows: &Array2<f32>, seconds: f64| ((seconds / frame_s).round().max(0.0) as usize).min(rows.nrows() - 1);
        let (i, j) = (row(&rough.midi, m), row(&rough.audio, a));
        (1.0 - rough.midi.row(i).dot(&rough.audio.row(j))).clamp(0.0, 1.0)
    };
    let costs: Vec<f32> = segments.maps().iter().flat_map(TimeMap::knots).map(|(m, a)| local(m, a)).collect();
    let chosen: Vec<(f64, f64)> = segments.maps().iter().flat_map(seconds).collect();
    let (gains, step_s) = structure.gains_along(&chosen, rough.midi.view(), rough.audio.view(), frame_s);
    let audio_s = audio_magnitudes.nrows() as f64 * frame_s;
    let unreliable = unreliable(&gains, step_s, &structure.around, audio_s);
    // Only a single map increases on both sides all the way.
    let chain: Vec<(f64, f64)> = seconds(&map).collect();
    let found = Findings {
        cost_share: rough.cost / rough.null_cost,
        attacks: evidence,
        published: 0.0,
        gain: gains.iter().sum::<f64>() / gains.len().max(1) as f64,
        explained: findings::explained_share(&gains, step_s),
        structure: structure.gain,
        structure_backwards: structure.gain_backwards(rough.midi.view(), rough.audio.view(), frame_s),
        unevenness: findings::unevenness(&chain),
        tempo: findings::tempo(&chain),
        jumps: segments.maps().len() - 1,
        part: rough.part,
    };
    let mut remarks = Vec::new();
    if rough.transpose != 0 {
        remarks.push(format!("the MIDI was moved by {:+} semitones", rough.transpose));
    }
    for jump in segments.spans().windows(2) {
        let (at, from, to) = (clock(jump[1].audio.0), clock(jump[0].midi.1), clock(jump[1].midi.0));
        remarks.push(format!("at {at} the recording goes on at {to} of the MIDI instead of {from}"));
    }
    if rough.part && !jumps {
        remarks.push("one side holds a part of the other only".into());
    }
    if rough.levels > 1 {
        remarks.push(format!("aligned coarse to fine, in {} levels", rough.levels));
    }
    Ok(Alignment {
        map,
        costs,
        score,
        confidence: (2.0 * (1.0 - score)).clamp(0.0, 1.0),
        transpose: rough.transpose,
        unreliable,
        segments,
        remarks,
        findings: Some(found),
        judgement: None,
    })
}

/// Computes the score from two comparisons with what can't be right: the cost of the path as a share of the cost with
/// the MIDI reversed, and the agreement of the attacks as a multiple of that of the same chords half an octave off.
///
/// Unrelated music has about 1 for both, whatever its style, because both sides of each comparison share the style.
/// True pairs have less of the first (sustained sound, at any tempo) or more of the second (rhythm and pitch of the
/// attacks), mostly both, so the two are added. Evidence against a pair counts as none. See [`Alignment::supported_by`]
/// for the rest.
fn score(cost_share: f64, agreement_multiple: f64, transposed: bool) -> f64 {
    // A confidence of ½ at .3 of added evidence: chosen on the 9 true and 72 wrong pairs that the README lists.
    const HALF_EVIDENCE: f64 = 0.3;
    // One of twelve keys always wins, so it must win by more to mean anything.
    let half = if transposed { 2.0 * HALF_EVIDENCE } else { HALF_EVIDENCE };
    if !cost_share.is_finite() || !agreement_multiple.is_finite() {
        return 1.0;
    }
    let evidence = ((1.0 - cost_share) + (agreement_multiple - 1.0)).max(0.0);
    1.0 - evidence / (4.0 * half)
}

/// Stretches of audio time, longer than a second, in which the two sides are hardly more alike than unrelated music, or
/// which the map leaves out, or which another path through both sides explains clearly better. `gains` are those of the
/// map, in deviations, `step_s` apart; `around` holds the best ones. If the whole map gains little, nothing is
/// reliable.
fn unreliable(gains: &[f64], step_s: f64, around: &(Vec<f32>, f64), audio_s: f64) -> Vec<(f64, f64)> {
    /// Half width of the window, in seconds.
    const RADIUS_S: f64 = 2.0;
    const SHORTEST_S: f64 = 1.0;
    /// The least that a window gains, and the least that a pair gains: of 49 popular recordings 42 gain more along the
    /// map of their own MIDI file, and none of the 49 along that of another.
    const WINDOW: f64 = 0.3;
    const PAIR: f64 = 0.42;
    /// Another path that gains this much more is the right one.
    const MORE: f64 = 0.5;
    let mut sums = vec![0.0; gains.len() + 1];
    for (i, gain) in gains.iter().enumerate() {
        sums[i + 1] = sums[i] + gain;
    }
    if sums[gains.len()] < PAIR * gains.len() as f64 {
        return vec![(0.0, audio_s)];
    }
    let mean = |i: usize, radius_s: f64| {
        let radius = (radius_s / step_s).round() as usize;
        let (from, to) = (i.saturating_sub(radius), (i + radius + 1).min(gains.len()));
        (sums[to] - sums[from]) / (to - from) as f64
    };
    let (best, best_step_s) = around;
    let mut runs: Vec<(f64, f64)> = Vec::new();
    for i in 0..gains.len() {
        let at = (i as f64 * step_s / best_step_s) as usize;
        let best = best.get(at).map_or(f64::NEG_INFINITY, |&best| f64::from(best));
        if mean(i, RADIUS_S) < WINDOW || best - mean(i, structure::AROUND_S) > MORE {
            let (start, end) = (i as f64 * step_s, ((i + 1) as f64 * step_s).min(audio_s));
            match runs.last_mut() {
                Some(run) if start - run.1 < 1e-6 => run.1 = end,
                _ => runs.push((start, end)),
            }
        }
    }
    runs.retain(|run| run.1 - run.0 > SHORTEST_S);
    runs
}

/// A time in the form people read: `1:07`.
fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// The map of one segment, from the attacks of its chords: from where its `run` (seconds of the MIDI and the recording)
/// begins to where it ends, except at the `outer` ends, which are the first and the last attack.
fn within(
    run: &[(f64, f64)],
    outer: (bool, bool),
    chords: &[refine::Chord],
    onsets: &Onsets,
    progress: &Progress,
) -> Result<TimeMap> {
    /// A run begins and ends late or early by about this many seconds.
    const ABOUT_S: f64 = 0.5;
    let (first, last) = (run[0], run[run.len() - 1]);
    let from = chords.partition_point(|chord| chord.midi_s < first.0 - ABOUT_S);
    let to = chords.partition_point(|chord| chord.midi_s <= last.0 + ABOUT_S).max(from);
    let chords = &chords[from..to];
    // Part of what the caller shows as one step; it can still be cancelled.
    let progress = progress.part(1.0, 1.0);
    let along = |knots: &[(f64, f64)], params| {
        refine::refine(chords, &|m| warp::interpolate(knots, m, |k| k), onsets, &params, &progress)
    };
    let closer = follow::increasing(&along(run, refine::RefineParams::first_pass())?);
    let mut attacks = along(closer.as_deref().unwrap_or(run), refine::RefineParams::second_pass())?;
    refine::to_rises(&mut attacks, chords, onsets);
    attacks.retain(|attack| {
        (outer.0 || attack.audio_s > first.1) && (outer.1 || attack.audio_s < last.1) && attack.audio_s >= 0.0
    });
    let Some(mut knots) = follow::increasing(&attacks) else { return time_map(run) };
    let struck = time_map(&knots)?;
    let end = |at: f64| (struck.to_midi(AudioTime(at)).0, at);
    if !outer.0 {
        knots.insert(0, end(first.1));
    }
    if !outer.1 {
        knots.push(end(last.1));
    }
    time_map(&knots)
}

/// A map through `knots` in seconds of the MIDI and the recording.
fn time_map(knots: &[(f64, f64)]) -> Result<TimeMap> {
    TimeMap::new(knots.iter().map(|&(m, a)| (MidiTime(m), AudioTime(a))))
}

/// The knots of a map, in seconds of the MIDI and the recording.
fn seconds(map: &TimeMap) -> impl Iterator<Item = (f64, f64)> + '_ {
    map.knots().map(|(m, a)| (m.0, a.0))
}

/// The path of a published system, in seconds: the centres of runs on one side.
fn knots_of(found: &published::PublishedAlignment, midi: &Features, audio: &Features) -> Vec<(f64, f64)> {
    let knots = coarse::knots(&found.path.cells).into_iter();
    knots.map(|(i, j)| (midi.times.seconds(i), audio.times.seconds(j))).collect()
}

/// The result of a published system in our form: knots at the middle of each run of steps on one side.
pub(crate) fn from_published(
    found: &published::PublishedAlignment,
    midi: &Features,
    audio: &Features,
) -> Result<Alignment> {
    let path = &found.path;
    let mut knots = Vec::with_capacity(path.cells.len());
    let mut costs = Vec::with_capacity(path.cells.len());
    for (&(i, j), &cost) in path.cells.iter().zip(&path.costs) {
        let knot = (midi.times.seconds(i as f64), audio.times.seconds(j as f64));
        // Raffel's tools keep the first of the steps that share a moment and continue from there.
        if knots.last().is_none_or(|&(m, a): &(f64, f64)| knot.0 > m && knot.1 > a) {
            knots.push(knot);
            costs.push(cost);
        }
    }
    let map = TimeMap::new(knots.into_iter().map(|(m, a)| (MidiTime(m), AudioTime(a))))?;
    Ok(Alignment {
        costs,
        score: found.score,
        confidence: found.confidence,
        transpose: 0,
        unreliable: Vec::new(),
        segments: map.clone().into(),
        map,
        remarks: found.remark.iter().cloned().collect(),
        findings: None,
        judgement: None,
    })
}
