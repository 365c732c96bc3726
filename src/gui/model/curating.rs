//! Curation: the queue, decisions, notes, and the pairs prepared ahead.
//!
//! While a queue is open its current item is the MIDI and the only candidate. Decisions go to the journal, and the
//! state of an item is what the journal says. Undo and redo of decisions are journal lines too.

mod deciding;
mod preparing;
mod rescuing;
#[cfg(test)]
mod tests;

use super::super::command::{Command, Curate};
use super::super::loading::{Bookmark, OpenedQueue, file_name};
use super::history::DECISION;
use super::{Candidate, LoadedMidi, Model, Retry};
use crate::curation::evaluate::{AtThreshold, ScoredDecisions};
use crate::curation::export::judgements;
use crate::curation::{Act, Arrangement, Correction, Decision, Journal, Queue, Record, State};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A prepared pair, in the form the model uses.
struct Ready {
    index: usize,
    midi: (u64, Arc<LoadedMidi>),
    candidate: Candidate,
    telling_s: f64,
}

/// An open queue. Panels read it.
#[expect(clippy::struct_excessive_bools, reason = "independent states of the selected item")]
pub struct Curating {
    queue: Queue,
    journal: Journal,
    judged: ScoredDecisions,
    threshold: AtThreshold,
    /// When the item was selected.
    since: f64,
    note: String,
    flag: bool,
    /// The note or correction has changed since the journal was last written.
    dirty: bool,
    choosing_reason: bool,
    note_asked: u64,
    /// Oldest first.
    ready: Vec<Ready>,
    failed: BTreeMap<usize, String>,
    /// The selected item plays as soon as it is ready.
    arriving: bool,
    decided_at: VecDeque<f64>,
    /// When writing failed, until the next attempt.
    failed_at: Option<f64>,
    /// Why the journal is read-only.
    obstacle: Option<String>,
    /// The frame in which the selected item was first shown, if it has been.
    came: Option<u64>,
}

/// Decisions can't be saved, and the curator is asked what to do.
#[derive(Debug, Clone)]
pub struct Rescue {
    /// The system's error message.
    pub why: String,
    /// The command that waits for the answer.
    pub then: Option<Command>,
}

impl Curating {
    /// The queue of items.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The journal of decisions.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The effect of the threshold in the settings, judged by the decisions so far.
    pub fn at_threshold(&self) -> &AtThreshold {
        &self.threshold
    }

    /// Why the journal is read-only; `None` if decisions can be made.
    pub fn obstacle(&self) -> Option<&str> {
        self.obstacle.as_deref()
    }

    /// The note about the selected item.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Whether the selected item is flagged.
    pub fn flag(&self) -> bool {
        self.flag
    }

    /// Whether a digit chooses a reason.
    pub fn choosing_reason(&self) -> bool {
        self.choosing_reason
    }

    /// Goes up whenever the curator asks to write a note.
    pub fn note_asked(&self) -> u64 {
        self.note_asked
    }

    /// Why the pair of an item can't be judged: a file of it can't be read.
    pub fn failure(&self, index: usize) -> Option<&str> {
        self.failed.get(&index).map(String::as_str)
    }

    /// The id of the selected item.
    pub fn item(&self) -> Option<&str> {
        self.queue.current().map(|index| self.queue.items().id(index))
    }

    /// The journal's record of the selected item.
    pub fn record(&self) -> Option<&Record> {
        self.journal.table().current(self.item()?)
    }

    /// Decisions per hour, measured over the most recent ones.
    pub fn rate(&self) -> Option<f64> {
        let (first, last) = self.decided_at.front().zip(self.decided_at.back())?;
        let between = self.decided_at.len() - 1;
        (between > 1).then(|| between as f64 / (last - first).max(1.0) * 3600.0)
    }

    /// How many of the next items are ready to be seen and heard.
    pub fn ready_ahead(&self) -> usize {
        let ahead = self.queue.ahead(preparing::AHEAD);
        ahead.iter().filter(|(_, index)| self.ready.iter().any(|ready| ready.index == *index)).count()
    }

    fn settle(&mut self, index: usize, before: Option<&Record>, threshold: f64) {
        let after = self.journal.table().current(self.queue.items().id(index)).cloned();
        self.queue.set(index, after.as_ref());
        self.judged.change(before, after.as_ref());
        self.threshold = self.judged.at(threshold);
    }
}

impl Model {
    /// The open queue.
    pub fn curating(&self) -> Option<&Curating> {
        self.curating.as_deref()
    }

    /// Whether there is an item to judge.
    pub fn curates(&self) -> bool {
        self.curating().is_some_and(|curating| curating.queue.current().is_some())
    }

    /// Whether scores and earlier decisions are hidden.
    pub fn blind(&self) -> bool {
        self.settings.blind && self.curating.is_some()
    }

    pub(super) fn obey_curation(&mut self, command: Command, now: f64) {
        match command {
            Command::Confirm => self.decide(Decision::Confirmed, None, now),
            Command::Reject => self.decide(Decision::Rejected, None, now),
            Command::Unsure => self.decide(Decision::Unsure, None, now),
            Command::Skip => self.decide(Decision::Skipped, None, now),
            Command::RejectWith => self.choose_reason(),
            Command::Flag => self.flag(now),
            Command::Note => self.with_queue(|curating| curating.note_asked += 1),
            Command::Blind => self.settings.blind = !self.settings.blind,
            Command::ChooseQueue => self.loads.choose_queue(),
            Command::CloseQueue => self.close_queue(now),
            Command::ChooseJournal => self.loads.choose_journal(),
            Command::ExportDecisions => self.loads.choose_decisions_folder(),
            Command::Anchor => self.anchor_here(now),
            Command::ForgetAnchors => self.change_correction(|correction| correction.anchors.clear()),
            Command::Span => self.span_of_loop(),
            Command::Curate(order) => self.obey_order(order, now),
            _ => {}
        }
    }

    fn obey_order(&mut self, order: Curate, now: f64) {
        match order {
            Curate::Open(source, journal) => self.open_queue(source, journal, Bookmark::default()),
            Curate::ExportTo(folder) => {
                self.leave_item(now);
                if let Some(curating) = &self.curating {
                    let home = curating.journal.path().parent().map(Path::to_path_buf).unwrap_or_default();
                    self.loads.export_decisions(judgements(curating.journal.table()), home, folder);
                }
            }
            Curate::Reject(reason) => self.decide(Decision::Rejected, Some(reason), now),
            Curate::NoReason => self.with_queue(|curating| curating.choosing_reason = false),
            Curate::JournalTo(file) => self.move_journal(&file, now),
            Curate::TryJournal => self.try_journal(now),
            Curate::Abandon => self.abandon_decisions(now),
            Curate::Write(_) if self.only_looks() => self.ask_for_journal(None),
            Curate::Write(note) => self.with_queue(|curating| (curating.note, curating.dirty) = (note, true)),
            Curate::Arrange(arrangement) => self.arrange(arrangement),
            Curate::GoTo(place) => {
                self.leave_item(now);
                self.with_queue(|curating| curating.queue.go_to_place(place));
                self.look_at_item(now);
            }
            Curate::Threshold(threshold) => {
                self.settings.threshold = threshold.clamp(0.0, 1.0);
                let threshold = f64::from(self.settings.threshold);
                self.with_queue(|curating| curating.threshold = curating.judged.at(threshold));
            }
            Curate::AddAnchor(midi_s, audio_s) => self.add_anchor(midi_s, audio_s),
            Curate::MoveAnchor(index, midi_s, audio_s) => self.move_anchor(index, midi_s, audio_s),
            Curate::RemoveAnchor(index) => self.change_correction(|correction| {
                if index < correction.anchors.len() {
                    correction.anchors.remove(index);
                }
            }),
        }
    }

    fn with_queue(&mut self, change: impl FnOnce(&mut Curating)) {
        if let Some(curating) = &mut self.curating {
            change(curating);
        }
    }

    /// Opens a queue; decisions go to `journal`, by default beside the source.
    pub fn open_queue(&mut self, source: PathBuf, journal: Option<PathBuf>, bookmark: Bookmark) {
        let same_source = self.curating().is_some_and(|curating| curating.queue.items().source() == source);
        let same_journal = self.curating().is_some_and(|curating| Some(curating.journal.path()) == journal.as_deref());
        if same_source || same_journal {
            // The open queue itself holds the lock.
            self.finish_journal();
            self.loads.drop_queue();
            self.curating = None;
        }
        self.loads.open_queue(source, journal, bookmark);
    }

    /// Takes in a queue, replacing everything.
    pub(super) fn take_queue(&mut self, opened: OpenedQueue, now: f64) {
        self.close_queue(now);
        let OpenedQueue { mut queue, journal, item, obstacle } = opened;
        if !queue.items().remarks().is_empty() {
            let source = file_name(queue.items().source());
            self.report_text(format!("{source}: {}", queue.items().remarks().join("; ")), Retry::No);
        }
        for remark in journal.remarks() {
            self.report_text(format!("{remark}: {}", file_name(journal.path())), Retry::No);
        }
        let index = item.and_then(|id| queue.items().find(&id));
        let stays = index.is_some_and(|index| queue.go_to(index));
        if !stays && queue.current().is_some_and(|index| queue.state(index) != State::Unreviewed) {
            queue.advance();
        }
        let judged = ScoredDecisions::of(journal.table().records());
        let threshold = judged.at(f64::from(self.settings.threshold));
        let source = queue.items().source().to_path_buf();
        self.say(format!(
            "{}: {} to judge, {} judged",
            file_name(&source),
            queue.items().len(),
            queue.counts().decided()
        ));
        self.remember_file(&source);
        self.curating = Some(Box::new(Curating {
            queue,
            journal,
            judged,
            threshold,
            since: now,
            note: String::new(),
            flag: false,
            dirty: false,
            choosing_reason: false,
            note_asked: 0,
            ready: Vec::new(),
            failed: BTreeMap::new(),
            arriving: false,
            decided_at: VecDeque::new(),
            failed_at: None,
            obstacle,
            came: None,
        }));
        self.touch();
        self.look_at_item(now);
        if self.only_looks() {
            self.ask_for_journal(None);
        }
    }

    /// Closes the queue after writing the decisions.
    pub(super) fn close_queue(&mut self, now: f64) {
        if self.curating.is_none() {
            return;
        }
        self.leave_item(now);
        self.finish_journal();
        self.rescue_decisions();
        self.loads.drop_queue();
        self.curating = None;
        self.history.forget_but(|_| false);
        self.touch();
    }

    /// Writes the unwritten decisions and waits for it: for the end of the program.
    pub(super) fn finish_journal(&mut self) {
        let batch = self.loads.finish_journal();
        let Some(curating) = &mut self.curating else { return };
        let outcome = match batch {
            Some(batch) => curating.journal.settle(batch).and_then(|()| curating.journal.flush()),
            None => curating.journal.flush(),
        };
        if let Err(error) = outcome {
            self.report(&error, Retry::Journal);
        }
    }

    /// Shows the current item of the queue, or waits for it.
    fn look_at_item(&mut self, now: f64) {
        self.play(false, now);
        self.history.forget_but(|what| what == DECISION);
        let Some(curating) = &mut self.curating else { return };
        let record = curating.record().cloned();
        curating.note = record.as_ref().map(|record| record.note.clone()).unwrap_or_default();
        curating.flag = record.as_ref().is_some_and(|record| record.flag);
        (curating.since, curating.dirty, curating.choosing_reason, curating.arriving) = (now, false, false, true);
        self.resume = false;
        curating.came = None;
        let Some(index) = curating.queue.current() else {
            (self.midi, self.midi_path, self.selected) = (None, None, None);
            self.candidates.clear();
            return self.update_length(now);
        };
        let item = curating.queue.items().item(index);
        let ready = curating.ready.iter().find(|ready| ready.index == index);
        self.loads.drop_midi();
        self.candidates.clear();
        if let Some(ready) = ready {
            self.midi_path = Some(ready.midi.1.side.path.clone());
            self.midi = Some(ready.midi.clone());
            self.candidates.push(ready.candidate.clone());
        } else {
            (self.midi, self.midi_path) = (None, Some(item.midi.clone()));
            let id = self.number();
            self.candidates.push(Candidate::new(id, item.audio.clone()));
        }
        self.selected = Some(0);
        self.forget_place(now);
        self.update_length(now);
        self.view.fit();
        if let Some(correction) = record.and_then(|record| record.correction) {
            self.put_offset(correction.offset_ms);
            self.candidates[0].correction = Correction { offset_ms: 0.0, ..correction };
            self.with_queue(|curating| curating.dirty = false);
        }
        self.arrive(now);
    }

    /// Plays the item from its most telling moment, once it is ready.
    fn arrive(&mut self, now: f64) {
        let Some(curating) = &mut self.curating else { return };
        let index = curating.queue.current();
        let ready = curating.ready.iter().find(|ready| Some(ready.index) == index).map(|ready| ready.telling_s);
        let Some(telling_s) = ready.filter(|_| curating.arriving) else { return };
        (curating.arriving, curating.came) = (false, Some(self.frames));
        self.playhead = self.transport.seek(telling_s, now);
        self.view.reveal(self.playhead);
        self.resume = true;
        self.prepare_to_play();
        if self.sound.clock().is_none() {
            // Run by the clock until there is a device.
            self.play(true, now);
        }
        self.go_to_place(now);
        if self.correction().is_some_and(|correction| !correction.anchors.is_empty())
            && self.candidate().is_some_and(|candidate| candidate.base.is_none())
        {
            self.align_again();
        }
    }

    /// Keeps the note or correction of an item that is left without a decision.
    fn leave_item(&mut self, now: f64) {
        let Some(curating) = &mut self.curating else { return };
        let index = curating.queue.current();
        if let (Some(index), Some(candidate)) = (index, self.candidates.first())
            && let Some(ready) = curating.ready.iter_mut().find(|ready| ready.index == index)
            && ready.candidate.id == candidate.id
        {
            ready.candidate = candidate.clone();
        }
        if curating.dirty {
            let act = curating.record().map_or(Act::Noted, |record| record.act);
            let reason = curating.record().and_then(|record| record.reason);
            self.write_down(act, reason, now);
        }
    }

    pub(super) fn step_item(&mut self, by: isize, now: f64) {
        self.leave_item(now);
        if self.curating.as_mut().is_some_and(|curating| curating.queue.step(by)) {
            self.look_at_item(now);
            self.say(self.place_words());
        }
    }

    fn arrange(&mut self, arrangement: Arrangement) {
        if let Some(curating) = &self.curating {
            self.loads.arrange(&curating.queue, arrangement);
        }
    }

    pub(super) fn arranged(&mut self, shown: Vec<u32>, arrangement: Arrangement, now: f64) {
        self.leave_item(now);
        let Some(curating) = &mut self.curating else { return };
        let before = curating.queue.current();
        curating.queue.show(shown, arrangement);
        let count = curating.queue.shown().len();
        if curating.queue.current() != before {
            self.look_at_item(now);
        }
        self.touch();
        self.say(format!("{count} in the queue"));
    }

    /// Marks the item's note or correction as changed.
    pub(super) fn mark_changed(&mut self) {
        self.with_queue(|curating| curating.dirty = true);
    }
}
