//! Manual corrections of an alignment: anchors on its path, between which it is realigned, and the part of the
//! recording in which it is valid. The offset belongs to the transport.

use super::super::loading::file_name;
use super::{Aligned, Model, Retry};
use crate::alignment::Segments;
use crate::audio::AudioTime;
use crate::curation::Correction;
use crate::error::Result;
use crate::picture::axis::clock_text;
use std::sync::Arc;

/// The minimum distance between anchors, in seconds.
const APART_S: f64 = 0.05;

impl Model {
    /// How the selected alignment was corrected, apart from the offset.
    pub fn correction(&self) -> Option<&Correction> {
        self.candidate().map(|candidate| &candidate.correction)
    }

    /// Changes the correction, and realigns if the anchors have moved.
    pub(super) fn change_correction(&mut self, change: impl FnOnce(&mut Correction)) {
        if self.aligned().is_none() {
            return;
        }
        let Some(candidate) = self.selected.and_then(|index| self.candidates.get_mut(index)) else { return };
        let before = candidate.correction.clone();
        change(&mut candidate.correction);
        if candidate.correction == before {
            return;
        }
        let moved = candidate.correction.anchors != before.anchors;
        self.mark_changed();
        if moved {
            self.align_again();
        }
    }

    /// Realigns the selected candidate between its anchors; without any, its original alignment returns.
    pub(super) fn align_again(&mut self) {
        let Some(midi) = self.midi().cloned() else { return };
        let Some(candidate) = self.selected.and_then(|index| self.candidates.get_mut(index)) else { return };
        let (Some(recording), Some(aligned)) = (candidate.recording.clone(), candidate.aligned.clone()) else { return };
        let base = Arc::clone(candidate.base.get_or_insert(aligned));
        let (id, correction) = (candidate.id, candidate.correction.clone());
        if correction.anchors.is_empty() {
            self.loads.drop_correction();
            self.realigned(id, base);
        } else {
            self.loads.correct(id, midi, recording, &base.alignment, &correction);
        }
    }

    pub(super) fn take_correction(&mut self, id: u64, outcome: Result<Aligned>) {
        match outcome {
            Ok(aligned) => {
                self.realigned(id, Arc::new(aligned));
                if let Some(candidate) = self.candidates.iter().find(|candidate| candidate.id == id) {
                    let count = candidate.correction.anchors.len();
                    let plural = if count == 1 { "" } else { "s" };
                    self.say(format!("{} is aligned through {count} anchor{plural}", file_name(&candidate.path)));
                }
            }
            Err(error) => self.report(&error, Retry::Correction),
        }
    }

    /// Replaces the alignment of a pair and discards what was made from the old one.
    fn realigned(&mut self, id: u64, aligned: Arc<Aligned>) {
        let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.id == id) else { return };
        (candidate.aligned, candidate.hashed) = (Some(aligned), None);
        self.forget_material(id);
    }

    pub(super) fn add_anchor(&mut self, midi_s: f64, audio_s: f64) {
        let (Some(correction), Some(segments)) = (self.correction(), self.uncorrected()) else { return };
        let segment = |audio_s: f64| segments.at(AudioTime(audio_s));
        let fits = |&[m, a]: &[f64; 2]| {
            let apart = (midi_s - m).abs() >= APART_S && (midi_s < m) == (audio_s < a);
            (audio_s - a).abs() >= APART_S && (apart || segment(audio_s) != segment(a))
        };
        if midi_s < 0.0 || audio_s < 0.0 || !correction.anchors.iter().all(fits) {
            self.say("An anchor there would cross another".into());
            return;
        }
        self.change_correction(|correction| {
            let at = correction.anchors.partition_point(|anchor| anchor[1] < audio_s);
            correction.anchors.insert(at, [midi_s, audio_s]);
        });
        let (audio, midi) = (clock_text(audio_s, 0.01), clock_text(midi_s, 0.01));
        self.say(format!("Anchor at {audio} of the recording and {midi} of the MIDI"));
    }

    /// How the recording plays the MIDI without the correction: decides which segment an anchor belongs to.
    fn uncorrected(&self) -> Option<Segments> {
        let candidate = self.candidate()?;
        let base = candidate.base.as_ref().or(candidate.aligned.as_ref())?;
        Some(base.alignment.segments.clone())
    }

    /// Moves an anchor as far as its neighbours permit: in the recording, the ones before and after it; in the MIDI,
    /// those in its own segment.
    pub(super) fn move_anchor(&mut self, index: usize, midi_s: f64, audio_s: f64) {
        let ends = [self.midi().map_or(0.0, |midi| midi.side.midi.end().0), self.transport.seconds()];
        let Some(segments) = self.uncorrected() else { return };
        let starts: Vec<f64> = segments.spans().iter().map(|span| span.audio.0).collect();
        self.change_correction(|correction| {
            let anchors = &mut correction.anchors;
            let Some(&[_, at]) = anchors.get(index) else { return };
            let own = segments.at(AudioTime(at));
            let neighbour = |other: Option<&[f64; 2]>, end: [f64; 2]| match other {
                Some(anchor) if segments.at(AudioTime(anchor[1])) == own => *anchor,
                Some(anchor) => [end[0], anchor[1]],
                None => end,
            };
            let before = neighbour(index.checked_sub(1).and_then(|i| anchors.get(i)), [-APART_S; 2]);
            let after = neighbour(anchors.get(index + 1), ends.map(|end| end + APART_S));
            // The anchor stays in its segment.
            let from = if own == 0 { before[1] } else { before[1].max(starts[own]) };
            let to = starts.get(own + 1).map_or(after[1], |&start| after[1].min(start));
            let (before, after) = ([before[0], from], [after[0], to]);
            if let Some(anchor) = anchors.get_mut(index) {
                for (side, wanted) in [midi_s, audio_s].into_iter().enumerate() {
                    let (low, high) = (before[side] + APART_S, after[side] - APART_S);
                    if low <= high {
                        anchor[side] = wanted.clamp(low, high);
                    }
                }
            }
        });
    }

    /// Anchors the moments heard together at the playhead, with the offset, to each other.
    pub(super) fn anchor_here(&mut self, now: f64) {
        let at = self.transport.position(now);
        if let Some(midi) = self.midi_time(at - self.offset_ms / 1000.0) {
            self.nudge(None);
            self.add_anchor(midi.0, at);
        }
    }

    /// Makes the loop the part in which the alignment is valid; a second time makes all of it valid again.
    pub(super) fn span_of_loop(&mut self) {
        let Some((start, end)) = self.region() else { return };
        let same = self.correction().is_some_and(|correction| correction.span == Some([start, end]));
        self.change_correction(|correction| correction.span = (!same).then_some([start, end]));
        let words = || format!("Valid from {} to {}", clock_text(start, 0.01), clock_text(end, 0.01));
        self.say(if same { "All of it is valid".into() } else { words() });
    }
}
