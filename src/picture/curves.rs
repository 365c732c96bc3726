//! [`Curves`]: how good the alignment is from moment to moment, and the marks that it moves to the recording's clock.

use super::colormap::Contrast;
use crate::alignment::Segments;
use crate::audio::AudioTime;
use crate::features::Features;
use crate::midi::Midi;
use ndarray::Array2;

/// Half of the window over which the tempo ratio is measured, in seconds of the recording.
const TEMPO_HALF_S: f64 = 1.0;
/// Notes that begin within this many seconds of each other are one chord.
const CHORD_S: f64 = 0.02;

/// Values at the frames of a recording, frame `i` at `i × frame_s` seconds, and marks in seconds of the recording.
pub struct Curves {
    /// Seconds from one frame to the next.
    pub frame_s: f64,
    /// Cosine distance between the recording's frame and the MIDI's at the same musical moment, 0..=1; NaN where the
    /// MIDI has nothing.
    pub cost: Vec<f32>,
    /// Seconds of the MIDI that pass per second of the recording.
    pub tempo: Vec<f32>,
    /// Beats of the MIDI, and whether a bar begins there.
    pub beats: Vec<(f64, bool)>,
    /// Where chords and notes of the MIDI begin.
    pub onsets: Vec<f64>,
    highest_cost: f32,
    whole_tempo: f32,
    tempo_range: (f32, f32),
}

impl Curves {
    /// The same without moments.
    #[cfg(feature = "gui")]
    pub(crate) fn emptied(&self) -> Self {
        let (cost, tempo, beats, onsets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { cost, tempo, beats, onsets, ..*self }
    }

    /// Measures the curves.
    pub fn new(played: &Segments, midi: &Midi, features: &Features, recording: &Array2<f32>, frame_s: f64) -> Self {
        let step = features.times.seconds(1.0).max(1e-6);
        let at = |i: usize| i as f64 * frame_s;
        let cost = (0..recording.nrows()).map(|i| {
            let row = (played.to_midi(AudioTime(at(i))).0 / step).round();
            let inside = row >= 0.0 && (row as usize) < features.frames.nrows();
            if inside { 1.0 - features.frames.row(row as usize).dot(&recording.row(i)) } else { f32::NAN }
        });
        let tempo = (0..recording.nrows()).map(|i| {
            let map = &played.maps()[played.at(AudioTime(at(i)))];
            let (before, after) = (AudioTime(at(i) - TEMPO_HALF_S), AudioTime(at(i) + TEMPO_HALF_S));
            ((map.to_midi(after).0 - map.to_midi(before).0) / (2.0 * TEMPO_HALF_S)) as f32
        });
        let mut beats: Vec<(f64, bool)> = Vec::new();
        for beat in midi.beats() {
            let (_, in_bar) = midi.bar_and_beat(beat);
            beats.extend(played.to_audio(beat).into_iter().map(|at| (at.0, (in_bar - 1.0).abs() < 0.01)));
        }
        beats.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut onsets: Vec<f64> = Vec::new();
        onsets.extend(midi.notes().iter().flat_map(|note| played.to_audio(note.start)).map(|at| at.0));
        onsets.sort_by(f64::total_cmp);
        let mut last = f64::NEG_INFINITY;
        onsets.retain(|&start| {
            let apart = start - last > CHORD_S;
            if apart {
                last = start;
            }
            apart
        });
        let (cost, tempo): (Vec<f32>, Vec<f32>) = (cost.collect(), tempo.collect());
        let highest_cost = Contrast::percentiles(cost.iter().copied(), 0.0, 0.995).high.max(0.05);
        let whole_tempo = Contrast::percentiles(tempo.iter().copied(), 0.0, 0.5).high.max(1e-3);
        let range = Contrast::percentiles(tempo.iter().copied(), 0.05, 0.95);
        let tempo_range = (range.low, range.high);
        Self { frame_s, cost, tempo, beats, onsets, highest_cost, whole_tempo, tempo_range }
    }

    /// The cost that a chart should extend to: the 99.5th percentile, at least 0.05.
    pub(crate) fn highest_cost(&self) -> f32 {
        self.highest_cost
    }

    /// The overall tempo ratio: the median.
    pub(crate) fn whole_tempo(&self) -> f32 {
        self.whole_tempo
    }

    /// The recording's tempo as a multiple of the MIDI's: 5th and 95th percentiles.
    pub fn tempo_range(&self) -> (f32, f32) {
        self.tempo_range
    }

    /// Local cost and tempo ratio at a moment.
    pub fn at(&self, audio_s: f64) -> Option<(f32, f32)> {
        let frame = (audio_s / self.frame_s).round().max(0.0) as usize;
        Some((*self.cost.get(frame)?, *self.tempo.get(frame)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::warp::TimeMap;
    use crate::features::FrameTimes;
    use crate::midi::MidiTime;

    #[test]
    fn a_recording_at_half_the_tempo_costs_nothing_and_says_so() {
        // One note at 0.5 s; every frame of both sides is the same.
        let bytes = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk\0\0\0\x0e\x83\x60\x90\x3c\x40\x83\x60\x80\x3c\0\0\xff\x2f\0";
        let midi = Midi::parse(bytes).expect("a note");
        let map = TimeMap::new([(MidiTime(0.0), AudioTime(1.0)), (MidiTime(4.0), AudioTime(9.0))]).expect("two knots");
        let frames = |rows| Array2::from_elem((rows, 1), 1.0_f32);
        let features = Features { frames: frames(40), times: FrameTimes::Regular(0.1) };
        let curves = Curves::new(&map.into(), &midi, &features, &frames(120), 0.1);
        let (cost, tempo) = curves.at(5.0).expect("inside");
        assert!(cost.abs() < 1e-6 && (tempo - 0.5).abs() < 1e-6);
        assert!(curves.at(0.2).expect("inside").0.is_nan());
        assert_eq!(curves.at(99.0), None);
        assert!(curves.onsets.len() == 1 && (curves.onsets[0] - 2.0).abs() < 1e-9);
        assert!(curves.beats[0].1 && (curves.beats[0].0 - 1.0).abs() < 1e-9);
    }
}
