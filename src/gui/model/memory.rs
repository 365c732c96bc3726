//! Which recordings stay in memory: the selected one, its neighbour in the list and those selected last. The others
//! keep their alignment and their embedding, and give back what takes most of the memory: their sound, features,
//! codes and pictures. They are read again when they are selected.

use super::{Aligned, Candidate, Model};
use std::sync::Arc;

/// The most recordings kept in memory; one of four minutes takes about 70 MB.
const KEPT: usize = 4;
/// The most seconds kept in memory, unless the selected recording is longer by itself.
const KEPT_S: f64 = 1800.0;
/// The length assumed of a recording that has not been read yet, in seconds.
const USUAL_S: f64 = 240.0;
/// The most recordings that are read and wait for their alignment.
const AHEAD: usize = 2;

/// What the model knows of the order in which recordings were selected.
#[derive(Default)]
pub(super) struct Recent {
    /// Their numbers, the last selected first.
    ids: Vec<u64>,
    /// The selected recording is being read again: where its playhead goes, in seconds.
    place: Option<(u64, f64)>,
}

impl Model {
    /// Notes that this recording was selected.
    pub(super) fn note_selected(&mut self, id: u64) {
        self.recent.ids.retain(|&known| known != id);
        self.recent.ids.insert(0, id);
        self.recent.ids.truncate(KEPT);
        self.recent.place = None;
    }

    /// The numbers of the recordings to keep.
    pub(super) fn kept(&self) -> Vec<u64> {
        let (selected, mut left_s, mut kept) = (self.selected.unwrap_or(0), KEPT_S, Vec::with_capacity(KEPT));
        let by_id = |id: &u64| self.candidates.iter().find(|candidate| candidate.id == *id);
        let neighbours = self.candidates.iter().skip(selected);
        let order =
            neighbours.clone().take(2).chain(self.recent.ids.iter().filter_map(by_id)).chain(neighbours.skip(2));
        for candidate in order {
            if kept.len() < KEPT && !kept.contains(&candidate.id) {
                left_s -= candidate.seconds.unwrap_or(USUAL_S);
                if left_s < 0.0 && !kept.is_empty() {
                    break;
                }
                kept.push(candidate.id);
            }
        }
        kept
    }

    /// Whether more is to be made of this recording before it can be given back.
    fn unfinished(&self, candidate: &Candidate) -> bool {
        let embeds = self.embeds() && candidate.analysed && candidate.embedded.is_none();
        !candidate.halted && self.midi_path.is_some() && (candidate.aligned.is_none() || embeds)
    }

    /// The recording to be read next: the selected one, then those to be kept, then those to be aligned.
    pub(super) fn next_to_read(&self) -> Option<&Candidate> {
        let kept = self.kept();
        let wait = |c: &&Candidate| c.recording.is_some() && !kept.contains(&c.id) && self.unfinished(c);
        let full = self.candidates.iter().filter(wait).count() >= AHEAD;
        let wanted = |c: &&Candidate| kept.contains(&c.id) || (!full && self.unfinished(c));
        let order = self.candidate().into_iter().chain(&self.candidates);
        order.filter(|candidate| !candidate.halted && candidate.recording.is_none()).find(wanted)
    }

    /// Gives back the memory of all recordings but those to be kept.
    pub(super) fn give_back(&mut self) {
        let kept = self.kept();
        let mut gone = Vec::new();
        for (index, candidate) in self.candidates.iter().enumerate() {
            let held = candidate.recording.is_some() || candidate.hashed.is_some();
            if held && !kept.contains(&candidate.id) && !self.unfinished(candidate) {
                gone.push(index);
            }
        }
        for index in gone {
            let candidate = &mut self.candidates[index];
            (candidate.recording, candidate.sound, candidate.hashed) = (None, None, None);
            if let Some(aligned) = candidate.aligned.take() {
                (candidate.aligned, candidate.bare) = (Some(Arc::new(aligned.bare())), true);
            }
            let id = candidate.id;
            self.forget_material(id);
        }
    }

    /// Makes the pictures of an alignment again whose recording has been read again.
    pub(super) fn dress(&mut self, id: u64) {
        let Some(midi) = self.midi().cloned() else { return };
        let found = self.candidates.iter_mut().find(|candidate| candidate.id == id && candidate.bare);
        if let Some(candidate) = found
            && let (Some(aligned), Some(recording)) = (&candidate.aligned, &candidate.recording)
        {
            let aligned = Aligned::new(aligned.alignment.clone(), &midi, recording);
            (candidate.aligned, candidate.bare) = (Some(Arc::new(aligned)), false);
        }
    }

    /// The selected recording has to be read again: remembers where to return to.
    pub(super) fn return_to(&mut self, id: u64, seconds: f64) {
        self.recent.place = Some((id, seconds));
    }

    /// Returns to the place in a recording that has been read again.
    pub(super) fn return_to_place(&mut self, id: u64, now: f64) {
        let Some((_, seconds)) = self.recent.place.take_if(|(about, _)| *about == id) else { return };
        if self.candidate().is_some_and(|candidate| candidate.id == id) {
            self.playhead = self.transport.seek(seconds, now);
        }
    }
}
