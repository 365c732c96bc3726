//! Pairs are loaded and aligned before the curator gets to them.

use super::super::super::loading::{ReadyPair, ToRead, file_name};
use super::super::{Candidate, LoadedMidi, Model, ProgrammeKey, Retry};
use super::Ready;
use crate::error::{Error, Result};
use std::sync::Arc;

/// The number of items prepared ahead.
pub(super) const AHEAD: usize = 3;
/// The number of earlier items kept ready, for undo.
const BEHIND: usize = 2;

/// Why an item is not prepared that the user has given up.
const CANCELLED: &str = "Not read: it was cancelled";

impl Model {
    /// Takes in a prepared pair.
    pub(in super::super) fn take_pair(&mut self, index: usize, outcome: Result<Box<ReadyPair>>, now: f64) {
        let pair = match outcome {
            Ok(pair) => pair,
            Err(error) => {
                self.with_queue(|curating| {
                    curating.failed.insert(index, words(&error));
                });
                return self.report(&error, Retry::Item(index));
            }
        };
        let telling_s = pair.telling_s();
        let current = self.curating().is_some_and(|curating| curating.queue.current() == Some(index));
        // The number of the candidate that already stands in for it.
        let id = self.candidates.first().filter(|_| current).map(|candidate| candidate.id);
        let id = id.unwrap_or_else(|| self.number());
        let ReadyPair { midi, mut recording, aligned, material } = *pair;
        let number = self.known_midi(&midi).unwrap_or_else(|| self.number());
        let mut candidate = Candidate::new(id, recording.side.path.clone());
        candidate.sound = recording.sound.take();
        (candidate.recording, candidate.aligned) = (Some(Arc::new(recording)), Some(Arc::new(aligned)));
        if let Some(material) = material {
            let sample_rate = material.sample_rate();
            let what = ProgrammeKey { midi: Some(number), candidate: Some(id), aligned: true, sample_rate };
            self.keep_material(what, material);
        }
        let Some(curating) = &mut self.curating else { return };
        curating.ready.push(Ready { index, midi: (number, midi), candidate, telling_s });
        if current {
            let ready = &curating.ready[curating.ready.len() - 1];
            let correction = self.candidates.first().map(|candidate| candidate.correction.clone()).unwrap_or_default();
            let mut candidate = ready.candidate.clone();
            candidate.correction = correction;
            self.midi_path = Some(ready.midi.1.side.path.clone());
            self.midi = Some(ready.midi.clone());
            (self.candidates, self.selected) = (vec![candidate], Some(0));
            self.update_length(now);
            self.view.fit();
            self.arrive(now);
        }
    }

    fn known_midi(&self, midi: &Arc<LoadedMidi>) -> Option<u64> {
        let ready = &self.curating()?.ready;
        ready.iter().find(|ready| Arc::ptr_eq(&ready.midi.1, midi)).map(|ready| ready.midi.0)
    }

    /// Prepares the selected item, then the next ones, and writes pending decisions.
    pub(in super::super) fn prepare_items(&mut self) {
        let sample_rate = self.sound.sample_rate();
        let font_path = self.settings.soundfont.clone();
        let Some(curating) = &mut self.curating else { return };
        if !self.loads.writes_journal()
            && curating.failed_at.is_none()
            && let Some(batch) = curating.journal.batch()
        {
            self.loads.write_journal(batch);
        }
        let current = curating.queue.current();
        let ahead = curating.queue.ahead(AHEAD);
        let wanted: Vec<usize> = current.into_iter().chain(ahead.iter().map(|&(_, index)| index)).collect();
        let mut behind = BEHIND;
        let keep: Vec<bool> = curating
            .ready
            .iter()
            .rev()
            .map(|ready| {
                let wanted = wanted.contains(&ready.index);
                let kept = wanted || behind > 0;
                behind = behind.saturating_sub(usize::from(!wanted));
                kept
            })
            .collect();
        let mut keep = keep.into_iter().rev();
        curating.ready.retain(|_| keep.next().unwrap_or(true));
        let missing = |index: &usize| {
            !curating.failed.contains_key(index) && curating.ready.iter().all(|ready| ready.index != *index)
        };
        let Some(next) = wanted.iter().copied().find(missing) else { return };
        match self.loads.pairing() {
            // The curator is waiting for this one.
            Some(other) if other != next && Some(next) == current => {}
            Some(_) => return,
            None => {}
        }
        let item = curating.queue.items().item(next);
        let same_font = |midi: &&Arc<LoadedMidi>| midi.font_path == font_path;
        let midis = || curating.ready.iter().map(|ready| &ready.midi.1).filter(same_font);
        let known = midis().find(|midi| midi.side.path == item.midi).cloned();
        let font = midis().find_map(|midi| midi.font.clone());
        let recording = item.recording();
        self.loads.load_pair(next, ToRead { midi: item.midi, recording, known, font_path, font, sample_rate });
    }

    /// Stops waiting for a pair.
    pub(in super::super) fn give_item_up(&mut self, index: usize) {
        self.with_queue(|curating| {
            curating.failed.insert(index, CANCELLED.into());
        });
    }

    /// Gives up the selected item and the next ones, as far as they are not prepared; returns how many.
    pub(in super::super) fn give_up_ahead(&mut self) -> usize {
        let Some(curating) = &mut self.curating else { return 0 };
        let ahead = curating.queue.ahead(AHEAD).into_iter().map(|(_, index)| index);
        let wanted = curating.queue.current().into_iter().chain(ahead);
        let ready = &curating.ready;
        for index in wanted.filter(|index| ready.iter().all(|ready| ready.index != *index)) {
            curating.failed.insert(index, CANCELLED.into());
        }
        curating.failed.len()
    }

    pub(in super::super) fn retry_items(&mut self) {
        self.with_queue(|curating| curating.failed.clear());
    }

    pub(in super::super) fn retry_item(&mut self, index: usize) {
        self.with_queue(|curating| {
            curating.failed.remove(&index);
        });
    }
}

/// What an error says of a pair, with the name of the file but not its folders.
fn words(error: &Error) -> String {
    let Some(path) = error.path() else { return error.to_string() };
    format!("{}: {}", file_name(path), error.reason(path))
}
