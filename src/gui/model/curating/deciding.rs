//! Decisions about the selected item, and the journal that keeps them.

use super::super::{Model, Retry};
use super::Curating;
use crate::alignment::warp::TimeMap;
use crate::curation::{Act, Correction, Decision, Item, Reason, Record};
use crate::error::Error;
use crate::files::{Md5, portable};
use std::path::Path;

/// Seconds until a failed write is tried again.
const TRY_AGAIN_S: f64 = 5.0;
/// The rate is measured over this many decisions.
const RATE_OF: usize = 30;

impl Model {
    /// Writes a line about the selected item to the journal.
    pub(super) fn write_down(&mut self, act: Act, reason: Option<Reason>, now: f64) {
        let threshold = f64::from(self.settings.threshold);
        let offset_ms = self.offset_ms;
        let aligned = self.aligned().cloned();
        let correction = self.candidates.first().map(|candidate| candidate.correction.clone()).unwrap_or_default();
        let blind = self.blind();
        let Some(curating) = &mut self.curating else { return };
        let Some(index) = curating.queue.current() else { return };
        if !curating.journal.is_open() {
            curating.dirty = false;
            return;
        }
        let mut item: Item = curating.queue.items().item(index);
        let before = curating.record().cloned();
        let home = curating.journal.path().parent().map(Path::to_path_buf).unwrap_or_default();
        let place = |path: &Path| {
            let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
            Some(portable(&absolute(path), &absolute(&home)).to_string_lossy().into_owned())
        };
        let heard = aligned.as_deref().map(|aligned| &aligned.alignment);
        let score = item.parts.remove("score").or_else(|| heard.map(|alignment| alignment.score));
        let correction = Correction { offset_ms, ..correction };
        let mut record = Record::new(item.id.clone(), Decision::Skipped);
        (record.act, record.reason, record.note, record.flag) = (act, reason, curating.note.clone(), curating.flag);
        record.confidence = item.confidence.or_else(|| heard.map(|alignment| alignment.confidence));
        record.judge = match item.confidence {
            Some(_) => item.judge.clone(),
            None => heard.and_then(|alignment| Some(alignment.judgement.as_ref()?.judge.clone())),
        };
        record.order = Some(curating.queue.order().name().to_owned());
        (record.score, record.parts) = (score, item.parts.clone());
        record.map = heard.map(|alignment| {
            let mut hasher = Md5::default();
            for (midi, audio) in alignment.segments.maps().iter().flat_map(TimeMap::knots) {
                hasher.update(midi.0.to_le_bytes());
                hasher.update(audio.0.to_le_bytes());
            }
            hasher.finish()
        });
        record.correction = (!correction.is_none()).then_some(correction);
        (record.midi, record.audio) = (place(&item.midi), place(&item.recording()));
        (record.blind, record.seconds) = (blind, now - curating.since);
        record.unseen = curating.came.is_none();
        curating.journal.push(record);
        curating.dirty = false;
        curating.failed_at = None;
        curating.settle(index, before.as_ref(), threshold);
        self.history.decided(now);
        self.touch();
    }

    pub(super) fn decide(&mut self, decision: Decision, reason: Option<Reason>, now: f64) {
        if !self.curates() {
            return;
        }
        if self.only_looks() {
            return self.ask_for_journal(None);
        }
        let seen = self.seen();
        // Skipping is no judgement, so it does not require the item to have been seen.
        if decision != Decision::Skipped
            && let Seen::No(why) = seen
        {
            return self.say(why.into());
        }
        if decision == Decision::Confirmed && seen == Seen::Broken {
            return self.say("Not confirmed: this pair can't be read. Reject, unsure or skip".into());
        }
        self.write_down(Act::Decided(decision), reason, now);
        self.leave_item(now);
        let Some(curating) = &mut self.curating else { return };
        let name = curating.queue.current().map(|index| curating.queue.items().name(index)).unwrap_or_default();
        curating.decided_at.push_back(now);
        if curating.decided_at.len() > RATE_OF {
            curating.decided_at.pop_front();
        }
        curating.choosing_reason = false;
        let more = curating.queue.advance();
        let reason = reason.map(|reason| format!(" ({})", reason.words())).unwrap_or_default();
        let unseen = if seen == Seen::Yes { "" } else { ", neither shown nor heard" };
        let said = format!("{}{reason}{unseen}: {name}", capital(decision.name()));
        if more {
            let next = self.place_words();
            self.look_at_item(now);
            self.say(format!("{said}. {next}"));
        } else {
            self.say(format!("{said}. Nothing is left to decide"));
        }
    }

    /// Whether the curator has seen the item: it was on the screen before the key was pressed.
    fn seen(&self) -> Seen {
        let Some(curating) = self.curating() else { return Seen::No("") };
        let broken = curating.queue.current().is_some_and(|index| curating.failure(index).is_some());
        match curating.came {
            None if broken => Seen::Broken,
            None => Seen::No("Not decided: this pair is still being read"),
            // It arrived in one frame and was drawn at its end; a key pressed in the next is obeyed in the one after
            // that.
            Some(came) if self.frames < came + 2 => Seen::No("Not decided: this pair has only just come"),
            Some(_) => Seen::Yes,
        }
    }

    /// The position and name of the item, e.g. `3 of 500: name`, without anything that blind mode hides.
    pub(super) fn place_words(&self) -> String {
        let Some(queue) = self.curating().map(Curating::queue) else { return String::new() };
        let name = queue.current().map(|index| queue.items().name(index)).unwrap_or_default();
        format!("{} of {}: {name}", queue.place() + 1, queue.shown().len())
    }

    pub(super) fn choose_reason(&mut self) {
        self.with_queue(|curating| curating.choosing_reason = !curating.choosing_reason);
        if self.curating().is_some_and(Curating::choosing_reason) {
            let reasons: Vec<String> =
                Reason::ALL.iter().enumerate().map(|(i, reason)| format!("{} {}", i + 1, reason.words())).collect();
            self.say(format!("Why? {}", reasons.join(", ")));
        }
    }

    pub(super) fn flag(&mut self, now: f64) {
        if self.only_looks() {
            return self.ask_for_journal(None);
        }
        let Some(curating) = &mut self.curating else { return };
        curating.flag = !curating.flag;
        let (flag, act) = (curating.flag, curating.record().map_or(Act::Noted, |record| record.act));
        let reason = curating.record().and_then(|record| record.reason);
        self.write_down(act, reason, now);
        self.say(if flag { "Flagged".into() } else { "No flag".into() });
    }

    /// Undoes or redoes the last line of the journal, and goes to its item.
    pub(in super::super) fn undo_decision(&mut self, again: bool, now: f64) -> bool {
        let threshold = f64::from(self.settings.threshold);
        if self.only_looks() {
            self.ask_for_journal(None);
            return false;
        }
        let Some(curating) = &mut self.curating else { return false };
        let Some(item) = curating.journal.next_item(again) else { return false };
        let before = curating.journal.table().current(item).cloned();
        let changed = if again { curating.journal.push_redo() } else { curating.journal.push_undo() };
        let Some(record) = changed else { return false };
        curating.failed_at = None;
        let words = record.decision().map_or("note", Decision::name);
        let index = curating.queue.items().find(&record.item);
        if let Some(index) = index {
            curating.settle(index, before.as_ref(), threshold);
            curating.queue.go_to(index);
            if !again {
                curating.decided_at.pop_back();
            }
        }
        let name = index.map(|index| curating.queue.items().name(index)).unwrap_or(record.item.clone());
        self.look_at_item(now);
        if !again && !record.note.is_empty() {
            // Undo takes back the decision, not the text of the note.
            self.with_queue(|curating| curating.note.clone_from(&record.note));
        }
        let what = if again { "Done again" } else { "Undone" };
        self.say(format!("{what}: {words}, {name}"));
        self.touch();
        true
    }

    /// Takes in the result of writing decisions.
    pub(in super::super) fn journal_written(&mut self, batch: crate::curation::Batch, now: f64) {
        let Some(curating) = &mut self.curating else { return };
        match curating.journal.settle(batch) {
            Ok(()) => self.problems.retain(|problem| !matches!(problem.retry, Retry::Journal)),
            Err(error) => {
                curating.failed_at = Some(now);
                let kept = curating.journal.unwritten();
                if !self.problems.iter().any(|problem| matches!(problem.retry, Retry::Journal)) {
                    let kept =
                        if kept == 1 { "1 decision is kept".into() } else { format!("{kept} decisions are kept") };
                    let text = format!("{error}. {kept}, to be written as soon as that can be done");
                    self.report_text(text, Retry::Journal);
                }
            }
        }
    }

    /// The writer itself was lost: its lines are written again.
    pub(in super::super) fn journal_not_written(&mut self, error: &Error, now: f64) {
        self.with_queue(|curating| curating.failed_at = Some(now));
        if !self.problems.iter().any(|problem| matches!(problem.retry, Retry::Journal)) {
            self.report(error, Retry::Journal);
        }
    }

    /// Allows another attempt at writing after a failure, once it is due.
    pub(in super::super) fn poll_journal(&mut self, now: f64) {
        self.with_queue(|curating| {
            curating.failed_at.take_if(|failed_at| now - *failed_at > TRY_AGAIN_S);
        });
    }

    pub(in super::super) fn retry_journal(&mut self) {
        self.with_queue(|curating| curating.failed_at = None);
    }
}

/// Whether the curator has seen an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Yes,
    /// It can't be read, so there is nothing more to see.
    Broken,
    /// Not yet, and the message that says so.
    No(&'static str),
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}
