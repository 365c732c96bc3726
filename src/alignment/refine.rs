//! Turns a rough map into one that is accurate to a few milliseconds: each chord of the MIDI finds its own attack.
//!
//! The notes are gathered into *chords* (notes that begin together). A chord predicts which bands of the spectrum get
//! louder when it is struck; how well the recording's flux agrees is its score at each frame around the rough map's
//! prediction. A Viterbi search picks one moment for each chord so that the agreement is high and the tempo between
//! neighbours stays close to the rough map's. (Our choice; a note-level relative of the two-stage methods of Ewert,
//! Müller and Grosche, ICASSP 2009.)

use super::warp;
use crate::error::Result;
use crate::features::onsets::{self, BANDS, Onsets};
use crate::job::Progress;
use crate::midi::Note;

/// Notes that begin together.
#[derive(Debug, Clone)]
pub(crate) struct Chord {
    /// MIDI seconds.
    pub(crate) midi_s: f64,
    /// Bands of the spectrum that its attack excites, unit length.
    template: [f32; BANDS],
    /// Bands that sound from here to the next chord, centred, unit length.
    sounding: [f32; BANDS],
    /// How closely the chord is followed, in 0..=1; louder chords more.
    weight: f32,
}

/// Parameters of [`refine`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct RefineParams {
    /// How far from the rough map an attack is searched for, in seconds.
    pub(crate) radius_s: f64,
    /// Deviation from the rough map's interval between neighbours that costs ½, as a share of the interval.
    pub(crate) tempo_deviation: f64,
    /// The same for intervals near zero, in seconds: how much a player spreads a chord.
    pub(crate) timing_deviation_s: f64,
    /// Weight of the agreement relative to the tempo term.
    pub(crate) agreement_weight: f32,
    /// Weight of a frame that sounds like its chord.
    pub(crate) sound_weight: f32,
    /// Half width over which the rough map is smoothed before its tempo is read, in seconds of MIDI time.
    pub(crate) smoothing_s: f64,
    /// The most that an interval of any length costs.
    pub(crate) jump: f32,
}

impl RefineParams {
    /// For the pass around the rough map.
    pub(crate) fn first_pass() -> Self {
        Self {
            radius_s: 0.4,
            tempo_deviation: 0.25,
            timing_deviation_s: 0.02,
            agreement_weight: 1.4,
            sound_weight: 0.5,
            smoothing_s: 1.0,
            jump: 5.0,
        }
    }

    /// For the pass around the first pass, whose tempo is more reliable.
    pub(crate) fn second_pass() -> Self {
        Self { radius_s: 0.3, tempo_deviation: 0.3, smoothing_s: 0.5, ..Self::first_pass() }
    }

    /// The same if the tempo is as even as a machine's: a clear attack elsewhere is another note's.
    pub(crate) fn even(self) -> Self {
        Self {
            radius_s: 0.25,
            tempo_deviation: 0.06,
            timing_deviation_s: 0.015,
            smoothing_s: 2.0 * self.smoothing_s,
            jump: 8.0,
            ..self
        }
    }
}

/// A chord with its time in the recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attack {
    /// MIDI seconds.
    pub(crate) midi_s: f64,
    /// Audio seconds.
    pub(crate) audio_s: f64,
    /// How clearly the recording shows it: cosine of template and flux.
    pub(crate) agreement: f32,
}

/// Gathers `notes` (sorted by start) that begin within 25 ms of the first of them; drums only if there is nothing else.
pub(crate) fn chords(notes: &[Note]) -> Vec<Chord> {
    const SPREAD_S: f64 = 0.025;
    let mut chords: Vec<Chord> = Vec::new();
    let mut i = 0;
    while i < notes.len() {
        let start = notes[i].start.0;
        let mut template = [0.0; BANDS];
        let (mut sum, mut loudness) = (0.0, 0.0);
        while i < notes.len() && notes[i].start.0 <= start + SPREAD_S {
            let note = &notes[i];
            let strength = f32::from(note.velocity) / 127.0;
            if !note.is_drum() {
                onsets::add_harmonics(&mut template, note.pitch, strength);
                sum += note.start.0 * f64::from(strength);
                loudness += strength;
            }
            i += 1;
        }
        let length = template.iter().map(|x| x * x).sum::<f32>().sqrt();
        if length > 0.0 {
            for x in &mut template {
                *x /= length;
            }
            let midi_s = sum / f64::from(loudness);
            chords.push(Chord { midi_s, template, sounding: sounding(&notes[..i], midi_s), weight: loudness.min(1.0) });
        }
    }
    chords
}

/// The spectrum just after `midi_s`: the harmonics of the notes held, older ones weaker.
fn sounding(begun: &[Note], midi_s: f64) -> [f32; BANDS] {
    const LOOK_BACK: usize = 64;
    let mut bands = [0.0; BANDS];
    for note in begun.iter().rev().take(LOOK_BACK) {
        if !note.is_drum() && note.end.0 > midi_s + 0.03 {
            let age = (midi_s - note.start.0).max(0.0);
            onsets::add_harmonics(&mut bands, note.pitch, f32::from(note.velocity) / 127.0 * 0.6f32.powf(age as f32));
        }
    }
    // Levels are compressed, so their prediction is too.
    for x in &mut bands {
        *x = (4.0 * *x).ln_1p();
    }
    let mean = bands.iter().sum::<f32>() / BANDS as f32;
    for x in &mut bands {
        *x -= mean;
    }
    let length = bands.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 1e-3 {
        for x in &mut bands {
            *x /= length;
        }
    }
    bands
}

/// Finds the attack of every chord near `rough` (MIDI seconds → audio seconds).
pub(crate) fn refine(
    chords: &[Chord],
    rough: &dyn Fn(f64) -> f64,
    onsets: &Onsets,
    params: &RefineParams,
    progress: &Progress,
) -> Result<Vec<Attack>> {
    if chords.is_empty() {
        return Ok(Vec::new());
    }
    let step_s = onsets.frame_s;
    let radius = (params.radius_s / step_s).round() as isize;
    let states = (2 * radius + 1) as usize;
    // The frame of state 0 of each chord.
    let first: Vec<isize> = chords.iter().map(|c| (rough(c.midi_s) / step_s).round() as isize - radius).collect();
    let smooth = |m: f64| {
        let w = params.smoothing_s;
        (rough(m - w) + 2.0 * rough(m - w / 2.0) + 2.0 * rough(m) + 2.0 * rough(m + w / 2.0) + rough(m + w)) / 8.0
    };
    let smoothed: Vec<f64> = chords.iter().map(|c| smooth(c.midi_s)).collect();

    let mut cost: Vec<f32> = vec![0.0; states];
    let mut came_from: Vec<u16> = vec![0; states * chords.len()];
    let mut agreements: Vec<f32> = vec![0.0; states * chords.len()];
    let mut next = vec![0.0f32; states];
    let mut change = vec![0.0f32; states];
    let mut lowest = vec![(0.0f32, 0usize); states];
    for (k, chord) in chords.iter().enumerate() {
        if k % 64 == 0 {
            progress.step(k, chords.len())?;
        }
        let agreement = &mut agreements[k * states..(k + 1) * states];
        for (state, value) in agreement.iter_mut().enumerate() {
            *value = agreement_at(chord, onsets, first[k] + state as isize);
        }
        let gain = params.agreement_weight * chord.weight;
        // Sound before the attack counts for the previous chord, sound after it for this one. The sums over the
        // stretches between attacks split into one term per attack.
        let mut sum = 0.0;
        for (state, slot) in change.iter_mut().enumerate() {
            *slot = sum;
            let frame = first[k] + state as isize;
            if k > 0 && frame >= 0 && (frame as usize) < onsets.frames() {
                let row = onsets.timbre.row(frame as usize);
                let row = row.as_slice().unwrap_or(&[]);
                let both = row.iter().zip(chords[k - 1].sounding.iter().zip(&chord.sounding));
                sum += both.map(|(x, (before, after))| x * (before - after)).sum::<f32>() * params.sound_weight;
            }
        }
        if k == 0 {
            for (c, a) in cost.iter_mut().zip(agreement.iter()) {
                *c = -gain * a;
            }
            continue;
        }
        // The interval in frames that the smoothed rough map expects, and the deviation that costs ½.
        let expected = ((smoothed[k] - smoothed[k - 1]) / step_s).max(0.0);
        let deviation = (params.tempo_deviation * expected).hypot(params.timing_deviation_s / step_s) as f32;
        let shift = (first[k] - first[k - 1]) as f32 - expected as f32;
        let reach = ((2.0 * params.jump).sqrt() * deviation).ceil() as isize;
        let mut low = (f32::INFINITY, 0usize);
        for (slot, (from, c)) in lowest.iter_mut().zip(cost.iter().enumerate()) {
            if *c < low.0 {
                low = (*c, from);
            }
            *slot = low;
        }
        for (state, slot) in next.iter_mut().enumerate() {
            // Interval error of coming from `from`: (state − from) + shift, in frames.
            let centre = (state as f32 + shift).round() as isize;
            let from_lo = (centre - reach).clamp(0, states as isize - 1) as usize;
            let from_hi = (centre + reach).clamp(0, states as isize - 1) as usize;
            // Forward jumps of any size cost the same: a fermata, a held trill.
            let latest = (state as isize + (first[k] - first[k - 1])).min(states as isize - 1);
            let (mut best, mut best_from) = if latest >= 0 {
                (lowest[latest as usize].0 + params.jump, lowest[latest as usize].1)
            } else {
                (f32::INFINITY, from_lo)
            };
            for (from, c) in cost.iter().enumerate().take(from_hi + 1).skip(from_lo) {
                let error = (state as f32 - from as f32 + shift) / deviation;
                let total = c + 0.5 * error * error;
                if total < best {
                    (best, best_from) = (total, from);
                }
            }
            *slot = best - gain * agreement[state] - change[state];
            came_from[k * states + state] = best_from as u16;
        }
        std::mem::swap(&mut cost, &mut next);
    }

    let mut state = (0..states).min_by(|&a, &b| cost[a].total_cmp(&cost[b])).unwrap_or(0);
    let mut attacks = Vec::with_capacity(chords.len());
    for k in (0..chords.len()).rev() {
        let row = &agreements[k * states..(k + 1) * states];
        let peak = row[state];
        let offset = if state > 0 && state + 1 < states { vertex(row[state - 1], peak, row[state + 1]) } else { 0.0 };
        let frame = (first[k] + state as isize) as f64 + f64::from(offset);
        attacks.push(Attack { midi_s: chords[k].midi_s, audio_s: frame * step_s, agreement: peak });
        state = usize::from(came_from[k * states + state]);
    }
    attacks.reverse();
    Ok(attacks)
}

/// Moves attacks from the place the flux gives to the place where the sound rises.
pub(crate) fn to_rises(attacks: &mut [Attack], chords: &[Chord], onsets: &Onsets) {
    for (attack, chord) in attacks.iter_mut().zip(chords) {
        let rise = half_rise(chord, onsets, attack.audio_s / onsets.frame_s);
        attack.audio_s = rise.map_or(attack.audio_s + onsets::LEAD_S, |frame| frame * onsets.frame_s);
    }
}

/// When the bands of a chord have risen half way, near `frame`, in frames; `None` if nothing rises clearly.
///
/// A window centred on a sudden attack contains half of it, whatever sounded before: this avoids the lead of the
/// compressed flux, which grows as the attack gets softer.
fn half_rise(chord: &Chord, onsets: &Onsets, frame: f64) -> Option<f64> {
    const BEFORE: isize = 5;
    const AFTER: isize = 6;
    // The rise must make up at least this share of the level after it.
    const CLEAR: f32 = 0.3;
    let first = frame.round() as isize - BEFORE;
    if first < 0 || first + BEFORE + AFTER >= onsets.frames() as isize {
        return None;
    }
    let mut curve = [0.0f32; (BEFORE + AFTER + 1) as usize];
    for (i, level) in curve.iter_mut().enumerate() {
        let row = onsets.levels.row(first as usize + i);
        *level = row.iter().zip(&chord.template).map(|(x, t)| t * x.exp_m1()).sum();
    }
    // From the lowest level before to the highest after.
    let middle = BEFORE as usize;
    let (mut low, mut high) = (middle, middle);
    for i in 0..curve.len() {
        if i < middle && curve[i] < curve[low] {
            low = i;
        } else if i > middle && curve[i] > curve[high] {
            high = i;
        }
    }
    if curve[high] <= 0.0 || curve[high] - curve[low] < CLEAR * curve[high] {
        return None;
    }
    let half = 0.5 * (curve[low] + curve[high]);
    let k = (low..high).find(|&k| curve[k] < half && curve[k + 1] >= half)?;
    let share = (half - curve[k]) / (curve[k + 1] - curve[k]);
    Some((first + k as isize) as f64 + f64::from(share))
}

/// How clearly each chord is heard where a map puts it: seconds of the recording, and by how much the chord agrees
/// better there than in the seconds around, weighted by loudness. `knots` are in seconds of the MIDI and the recording.
pub(crate) fn heard(chords: &[Chord], knots: &[(f64, f64)], onsets: &Onsets) -> Vec<(f64, f32)> {
    /// Half widths of the place itself and of its surroundings, in frames, and the step between the frames examined
    /// around it.
    const THERE: isize = 9;
    const AROUND: isize = 42;
    const EVERY: usize = 3;
    let (Some(first), Some(last)) = (knots.first(), knots.last()) else { return Vec::new() };
    let inside = chords.iter().filter(|chord| (first.0..=last.0).contains(&chord.midi_s));
    let heard = inside.map(|chord| {
        let audio_s = warp::interpolate(knots, chord.midi_s, |k| k);
        let frame = (audio_s / onsets.frame_s).round() as isize;
        let at = |offset: isize| agreement_at(chord, onsets, frame + offset);
        let there = (-THERE..=THERE).map(at).fold(0.0_f32, f32::max);
        let around = (-AROUND..=AROUND).step_by(EVERY).map(at).sum::<f32>();
        (audio_s, chord.weight * (there - around / (2 * AROUND / EVERY as isize + 1) as f32))
    });
    heard.collect()
}

/// Agreement of a chord's template with the flux at `frame`; 0 outside the recording.
fn agreement_at(chord: &Chord, onsets: &Onsets, frame: isize) -> f32 {
    if frame < 0 || frame as usize >= onsets.frames() {
        return 0.0;
    }
    let row = onsets.flux.row(frame as usize);
    let dot: f32 = row.iter().zip(&chord.template).map(|(x, t)| x * t).sum();
    (dot / (BANDS as f32).sqrt()).min(8.0)
}

/// The position of the vertex of the parabola through three neighbours, in −½..=½ of a step from the middle one.
fn vertex(left: f32, middle: f32, right: f32) -> f32 {
    let curvature = left - 2.0 * middle + right;
    if curvature < -1e-6 { (0.5 * (left - right) / curvature).clamp(-0.5, 0.5) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{ANALYSIS_RATE, Waveform};
    use crate::midi::MidiTime;

    fn note(start: f64, pitch: u8, channel: u8) -> Note {
        let (start, end) = (MidiTime(start), MidiTime(start + 0.4));
        Note { start, end, start_tick: 0, end_tick: 1, track: 0, channel, pitch, velocity: 90, program: 0 }
    }

    /// Plucked notes at `(seconds, pitch)`: four harmonics that die away within a third of a second.
    fn plucked(notes: &[(f64, u8)], seconds: f64) -> Waveform {
        let rate = f64::from(ANALYSIS_RATE);
        let mut samples = vec![0.0f32; (seconds * rate) as usize];
        for &(start, pitch) in notes {
            let hertz = 440.0 * 2f64.powf((f64::from(pitch) - 69.0) / 12.0);
            let first = (start * rate) as usize;
            for (i, sample) in samples[first..].iter_mut().take(rate as usize).enumerate() {
                let t = i as f64 / rate;
                let wave: f64 =
                    (1..=4).map(|h| (std::f64::consts::TAU * hertz * f64::from(h) * t).sin() / f64::from(h)).sum();
                *sample += (0.2 * wave * (-t / 0.1).exp()) as f32;
            }
        }
        Waveform { samples, sample_rate: ANALYSIS_RATE }
    }

    /// Pitches that don't repeat soon, half a second apart in MIDI time.
    fn melody(count: usize) -> Vec<(f64, u8)> {
        (0..count).map(|i| (0.5 + 0.5 * i as f64, 55 + (i * 7 % 23) as u8)).collect()
    }

    #[test]
    fn chords_are_heard_where_they_are() {
        let melody = melody(30);
        let onsets = Onsets::new(&plucked(&melody, 16.0), 0.0, &Progress::silent()).unwrap();
        let notes: Vec<Note> = melody.iter().map(|&(m, pitch)| note(m, pitch, 0)).collect();
        let chords = chords(&notes);
        let mean = |ahead: f64| {
            let heard = heard(&chords, &[(0.0, ahead), (16.0, 16.0 + ahead)], &onsets);
            heard.iter().map(|(_, gain)| f64::from(*gain)).sum::<f64>() / heard.len() as f64
        };
        // Between the attacks, and on those of other notes.
        let (right, between, others) = (mean(0.0), mean(0.25), mean(1.5).max(mean(-2.0)));
        assert!(right > 3.0 * between.max(0.1) && right > 1.2 * others, "{right} {between} {others}");
        assert!(heard(&chords, &[], &onsets).is_empty());
    }

    #[test]
    fn attacks_are_found_though_the_rough_map_is_off() {
        let melody = melody(30);
        // Played at half again the length, with a swing unknown to the rough map, and 80 ms off throughout.
        let played = |m: f64| 1.5 * m + 0.05 * (m / 2.0).sin();
        let heard: Vec<(f64, u8)> = melody.iter().map(|&(m, pitch)| (played(m), pitch)).collect();
        let wave = plucked(&heard, 25.0);
        let onsets = Onsets::new(&wave, 0.0, &Progress::silent()).unwrap();
        let notes: Vec<Note> = melody.iter().map(|&(m, pitch)| note(m, pitch, 0)).collect();
        let chords = chords(&notes);
        let found =
            refine(&chords, &|m| 1.5 * m + 0.08, &onsets, &RefineParams::first_pass(), &Progress::silent()).unwrap();
        assert_eq!(found.len(), 30);
        for (attack, chord) in found.iter().zip(&chords) {
            let rise = half_rise(chord, &onsets, attack.audio_s / onsets.frame_s).map(|frame| frame * onsets.frame_s);
            let truth = played(attack.midi_s);
            assert!((attack.audio_s + onsets::LEAD_S - truth).abs() < 0.03, "{} {truth}", attack.audio_s);
            assert!(rise.is_none_or(|rise| (rise - truth).abs() < 0.015), "{rise:?} {truth}");
        }
    }

    #[test]
    fn notes_that_begin_together_are_one_chord_and_drums_are_left_out() {
        let notes = [note(1.0, 60, 0), note(1.01, 64, 0), note(1.02, 38, 9), note(2.0, 42, 9), note(3.0, 67, 0)];
        let chords = chords(&notes);
        assert_eq!(chords.len(), 2);
        assert!((chords[0].midi_s - 1.005).abs() < 1e-9 && (chords[1].midi_s - 3.0).abs() < 1e-9);
        let length: f32 = chords[0].template.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5);
    }

    #[test]
    fn chords_in_the_right_key_agree_more_than_in_a_wrong_one() {
        let melody = melody(20);
        let onsets = Onsets::new(&plucked(&melody, 12.0), 0.0, &Progress::silent()).unwrap();
        let agreement = |shift: u8| {
            let notes: Vec<Note> = melody.iter().map(|&(m, pitch)| note(m, pitch + shift, 0)).collect();
            let found = refine(&chords(&notes), &|m| m, &onsets, &RefineParams::first_pass(), &Progress::silent());
            found.unwrap().iter().map(|a| f64::from(a.agreement)).sum::<f64>()
        };
        assert!(agreement(0) > 1.5 * agreement(6), "{} {}", agreement(0), agreement(6));
    }
}
