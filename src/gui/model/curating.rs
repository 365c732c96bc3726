//! Curation: the queue, decisions, notes, and the pairs that are prepared ahead.
//!
//! While a queue is open its current item is the MIDI and the only candidate. Decisions go to the journal: what is said
//! of an item is what the journal says. Undo and redo of decisions are its lines, too.

use super::super::command::{Command, Curate};
use super::super::loading::{OpenedQueue, ReadyPair, ToRead, file_name, journal_of};
use super::history::DECISION;
use super::{Again, Candidate, Heard, LoadedMidi, Model};
use crate::curation::evaluate::{AtThreshold, Judged};
use crate::curation::export::judgements;
use crate::curation::{Act, Correction, Decision, Filter, Item, Journal, Order, Queue, Reason, Record, State};
use crate::error::Result;
use crate::session::relative;
use md5::{Digest as _, Md5};
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Items that are prepared ahead.
const AHEAD: usize = 3;
/// Items kept ready behind: for undo.
const BEHIND: usize = 2;
/// What could not be written is tried again after so many seconds.
const TRY_AGAIN_S: f64 = 5.0;
/// The rate is that of so many decisions.
const RATE_OF: usize = 30;

/// A pair that is ready, as the model takes it in.
struct Ready {
    index: usize,
    midi: (u64, Arc<LoadedMidi>),
    candidate: Candidate,
    telling_s: f64,
}

/// An open queue. Panels read it.
#[expect(clippy::struct_excessive_bools, reason = "independent states of the item that is looked at")]
pub struct Curating {
    queue: Queue,
    journal: Journal,
    judged: Judged,
    threshold: AtThreshold,
    /// When the item that is looked at came.
    since: f64,
    note: String,
    flag: bool,
    /// Note or correction have changed and are not in the journal.
    dirty: bool,
    choosing_reason: bool,
    note_asked: u64,
    /// Oldest first.
    ready: Vec<Ready>,
    failed: BTreeSet<usize>,
    /// The item that is looked at is heard as soon as it is there.
    arriving: bool,
    decided_at: VecDeque<f64>,
    /// When writing failed, until it is tried again.
    failed_at: Option<f64>,
}

impl Curating {
    /// What there is to judge.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// What was decided.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What the threshold of the settings does, by the decisions so far.
    pub fn at_threshold(&self) -> &AtThreshold {
        &self.threshold
    }

    /// The note about the item that is looked at.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Whether it has a flag.
    pub fn flag(&self) -> bool {
        self.flag
    }

    /// Whether a figure chooses a reason.
    pub fn choosing_reason(&self) -> bool {
        self.choosing_reason
    }

    /// Goes up whenever somebody wants to write a note.
    pub fn note_asked(&self) -> u64 {
        self.note_asked
    }

    /// The id of the item that is looked at.
    pub fn item(&self) -> Option<&str> {
        self.queue.current().map(|index| self.queue.items().id(index))
    }

    /// What the journal says of it.
    pub fn record(&self) -> Option<&Record> {
        self.journal.table().current(self.item()?)
    }

    /// Decisions an hour, from the first to the last of the latest ones.
    pub fn rate(&self) -> Option<f64> {
        let (first, last) = self.decided_at.front().zip(self.decided_at.back())?;
        let between = self.decided_at.len() - 1;
        (between > 1).then(|| between as f64 / (last - first).max(1.0) * 3600.0)
    }

    /// Items that are ready to be seen and heard, beside the one that is looked at.
    pub fn ready_ahead(&self) -> usize {
        let ahead = self.queue.ahead(AHEAD);
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

    /// Whether there is an item to decide about.
    pub fn curates(&self) -> bool {
        self.curating().is_some_and(|curating| curating.queue.current().is_some())
    }

    /// Whether score and earlier decisions are hidden.
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
            Curate::Open(source, journal) => self.open_queue(source, journal, None),
            Curate::ExportTo(folder) => {
                self.leave_item(now);
                if let Some(curating) = &self.curating {
                    let home = curating.journal.path().parent().map(Path::to_path_buf).unwrap_or_default();
                    self.loads.export_decisions(judgements(curating.journal.table()), home, folder);
                }
            }
            Curate::Reject(reason) => self.decide(Decision::Rejected, Some(reason), now),
            Curate::NoReason => self.with_queue(|curating| curating.choosing_reason = false),
            Curate::Write(note) => self.with_queue(|curating| (curating.note, curating.dirty) = (note, true)),
            Curate::Arrange(order, filter) => self.arrange(order, filter),
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

    /// Opens a queue; decisions go to `journal`, or beside the source.
    pub fn open_queue(&mut self, source: PathBuf, journal: Option<PathBuf>, item: Option<String>) {
        let journal = journal.unwrap_or_else(|| journal_of(&source));
        let mine = self.curating().is_some_and(|curating| curating.journal.path() == journal);
        if mine {
            // It holds the lock itself.
            self.finish_journal();
            self.loads.drop_queue();
            self.curating = None;
        }
        self.loads.open_queue(source, journal, item);
    }

    /// Takes a queue in, in place of everything.
    pub(super) fn take_queue(&mut self, opened: OpenedQueue, now: f64) {
        self.close_queue(now);
        let OpenedQueue { mut queue, journal, item } = opened;
        for remark in journal.remarks() {
            self.report_text(format!("{remark}: {}", file_name(journal.path())), Again::No);
        }
        let index = item.and_then(|id| queue.items().find(&id));
        let stays = index.is_some_and(|index| queue.go_to(index));
        if !stays && queue.current().is_some_and(|index| queue.state(index) != State::Unreviewed) {
            queue.advance();
        }
        let judged = Judged::of(journal.table().records());
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
            failed: BTreeSet::new(),
            arriving: false,
            decided_at: VecDeque::new(),
            failed_at: None,
        }));
        self.touch();
        self.look_at_item(now);
    }

    /// Closes the queue; what was decided is written first.
    pub(super) fn close_queue(&mut self, now: f64) {
        if self.curating.is_none() {
            return;
        }
        self.leave_item(now);
        self.finish_journal();
        self.loads.drop_queue();
        self.curating = None;
        self.history.forget_but(|_| false);
        self.touch();
    }

    /// Writes what is not written, and waits for it: for the end of the program.
    pub(super) fn finish_journal(&mut self) {
        let batch = self.loads.finish_journal();
        let Some(curating) = &mut self.curating else { return };
        let outcome = match batch {
            Some(batch) => curating.journal.settle(batch).and_then(|()| curating.journal.flush()),
            None => curating.journal.flush(),
        };
        if let Err(error) = outcome {
            self.report(&error, Again::Journal);
        }
    }

    /// Shows the item of the queue, or waits for it.
    fn look_at_item(&mut self, now: f64) {
        self.play(false, now);
        self.history.forget_but(|what| what == DECISION);
        let Some(curating) = &mut self.curating else { return };
        let record = curating.record().cloned();
        curating.note = record.as_ref().map(|record| record.note.clone()).unwrap_or_default();
        curating.flag = record.as_ref().is_some_and(|record| record.flag);
        (curating.since, curating.dirty, curating.choosing_reason, curating.arriving) = (now, false, false, true);
        self.resume = false;
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

    /// Plays the item from its most telling moment, once it is there.
    fn arrive(&mut self, now: f64) {
        let Some(curating) = &mut self.curating else { return };
        let index = curating.queue.current();
        let ready = curating.ready.iter().find(|ready| Some(ready.index) == index).map(|ready| ready.telling_s);
        let Some(telling_s) = ready.filter(|_| curating.arriving) else { return };
        curating.arriving = false;
        self.playhead = self.transport.seek(telling_s, now);
        self.view.reveal(self.playhead);
        self.resume = true;
        self.prepare_to_play();
        if self.sound.clock().is_none() {
            // By the clock, until there is a device.
            self.play(true, now);
        }
        self.go_to_place(now);
        if self.correction().is_some_and(|correction| !correction.anchors.is_empty())
            && self.candidate().is_some_and(|candidate| candidate.base.is_none())
        {
            self.align_again();
        }
    }

    /// Keeps what was written or corrected about an item that is left without a decision.
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

    /// A line about the item that is looked at.
    fn write_down(&mut self, act: Act, reason: Option<Reason>, now: f64) {
        let threshold = f64::from(self.settings.threshold);
        let offset_ms = self.offset_ms;
        let aligned = self.aligned().cloned();
        let correction = self.candidates.first().map(|candidate| candidate.correction.clone()).unwrap_or_default();
        let blind = self.blind();
        let Some(curating) = &mut self.curating else { return };
        let Some(index) = curating.queue.current() else { return };
        let mut item: Item = curating.queue.items().item(index);
        let before = curating.record().cloned();
        let home = curating.journal.path().parent().map(Path::to_path_buf).unwrap_or_default();
        let place = |path: &Path| {
            let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
            Some(relative(&absolute(path), &absolute(&home)).to_string_lossy().into_owned())
        };
        let heard = aligned.as_deref().map(|aligned| &aligned.alignment);
        let score = item.parts.remove("score").or_else(|| heard.map(|alignment| alignment.score));
        let correction = Correction { offset_ms, ..correction };
        let mut record = Record::new(item.id.clone(), Decision::Skipped);
        (record.act, record.reason, record.note, record.flag) = (act, reason, curating.note.clone(), curating.flag);
        record.confidence = item.confidence.or_else(|| heard.map(|alignment| alignment.confidence));
        (record.score, record.parts) = (score, item.parts.clone());
        record.map = heard.map(|alignment| {
            let mut hasher = Md5::new();
            for (midi, audio) in alignment.map.knots() {
                hasher.update(midi.0.to_le_bytes());
                hasher.update(audio.0.to_le_bytes());
            }
            hasher.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
        });
        record.correction = (!correction.is_none()).then_some(correction);
        (record.midi, record.audio) = (place(&item.midi), place(&item.recording()));
        (record.blind, record.seconds) = (blind, now - curating.since);
        curating.journal.push(record);
        curating.dirty = false;
        curating.failed_at = None;
        curating.settle(index, before.as_ref(), threshold);
        self.history.decided(now);
        self.touch();
    }

    fn decide(&mut self, decision: Decision, reason: Option<Reason>, now: f64) {
        if !self.curates() {
            return;
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
        let said = format!("{}{reason}: {name}", capital(decision.name()));
        if more {
            let next = self.place_words();
            self.look_at_item(now);
            self.say(format!("{said}. {next}"));
        } else {
            self.say(format!("{said}. Nothing is left to decide"));
        }
    }

    /// `3 of 500: name`, without what blindness hides.
    fn place_words(&self) -> String {
        let Some(queue) = self.curating().map(Curating::queue) else { return String::new() };
        let name = queue.current().map(|index| queue.items().name(index)).unwrap_or_default();
        format!("{} of {}: {name}", queue.place() + 1, queue.shown().len())
    }

    fn choose_reason(&mut self) {
        self.with_queue(|curating| curating.choosing_reason = !curating.choosing_reason);
        if self.curating().is_some_and(Curating::choosing_reason) {
            let reasons: Vec<String> =
                Reason::ALL.iter().enumerate().map(|(i, reason)| format!("{} {}", i + 1, reason.words())).collect();
            self.say(format!("Why? {}", reasons.join(", ")));
        }
    }

    fn flag(&mut self, now: f64) {
        let Some(curating) = &mut self.curating else { return };
        curating.flag = !curating.flag;
        let (flag, act) = (curating.flag, curating.record().map_or(Act::Noted, |record| record.act));
        let reason = curating.record().and_then(|record| record.reason);
        self.write_down(act, reason, now);
        self.say(if flag { "Flagged".into() } else { "No flag".into() });
    }

    pub(super) fn step_item(&mut self, by: isize, now: f64) {
        self.leave_item(now);
        if self.curating.as_mut().is_some_and(|curating| curating.queue.step(by)) {
            self.look_at_item(now);
            self.say(self.place_words());
        }
    }

    /// Takes back the last line of the journal, or does it again, and goes to its item.
    pub(super) fn undo_decision(&mut self, again: bool, now: f64) -> bool {
        let threshold = f64::from(self.settings.threshold);
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
            // Taken back is the decision, not what was written.
            self.with_queue(|curating| curating.note.clone_from(&record.note));
        }
        let what = if again { "Done again" } else { "Undone" };
        self.say(format!("{what}: {words}, {name}"));
        self.touch();
        true
    }

    fn arrange(&mut self, order: Order, filter: Filter) {
        if let Some(curating) = &self.curating {
            self.loads.arrange(&curating.queue, order, filter);
        }
    }

    pub(super) fn arranged(&mut self, shown: Vec<u32>, order: Order, filter: Filter, now: f64) {
        self.leave_item(now);
        let Some(curating) = &mut self.curating else { return };
        let before = curating.queue.current();
        curating.queue.show(shown, order, filter);
        let count = curating.queue.shown().len();
        if curating.queue.current() != before {
            self.look_at_item(now);
        }
        self.say(format!("{count} in the queue"));
    }

    /// A pair is ready.
    pub(super) fn take_pair(&mut self, index: usize, outcome: Result<Box<ReadyPair>>, now: f64) {
        let pair = match outcome {
            Ok(pair) => pair,
            Err(error) => {
                self.with_queue(|curating| {
                    curating.failed.insert(index);
                });
                return self.report(&error, Again::Item(index));
            }
        };
        let telling_s = pair.telling_s();
        let current = self.curating().is_some_and(|curating| curating.queue.current() == Some(index));
        // The number of the candidate that stands for it already.
        let id = self.candidates.first().filter(|_| current).map(|candidate| candidate.id);
        let id = id.unwrap_or_else(|| self.number());
        let ReadyPair { midi, mut recording, aligned, material } = *pair;
        let number = self.known_midi(&midi).unwrap_or_else(|| self.number());
        let mut candidate = Candidate::new(id, recording.side.path.clone());
        candidate.sound = recording.sound.take();
        (candidate.recording, candidate.aligned) = (Some(Arc::new(recording)), Some(Arc::new(aligned)));
        if let Some(material) = material {
            let sample_rate = material.sample_rate();
            let what = Heard { midi: Some(number), candidate: Some(id), aligned: true, sample_rate };
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

    /// Gets the item that is looked at ready, then the next ones, and writes what is to be written.
    pub(super) fn prepare_items(&mut self) {
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
            !curating.failed.contains(index) && curating.ready.iter().all(|ready| ready.index != *index)
        };
        let Some(next) = wanted.iter().copied().find(missing) else { return };
        match self.loads.pairing() {
            // Somebody waits for this one.
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

    /// Decisions were written, or not.
    pub(super) fn journal_written(&mut self, batch: crate::curation::Batch, now: f64) {
        let Some(curating) = &mut self.curating else { return };
        match curating.journal.settle(batch) {
            Ok(()) => self.problems.retain(|problem| !matches!(problem.retry, Again::Journal)),
            Err(error) => {
                curating.failed_at = Some(now);
                let kept = curating.journal.unwritten();
                if !self.problems.iter().any(|problem| matches!(problem.retry, Again::Journal)) {
                    let text = format!("{error}. {kept} decisions are kept and written as soon as they can be");
                    self.report_text(text, Again::Journal);
                }
            }
        }
    }

    /// Tries again what could not be written.
    pub(super) fn poll_journal(&mut self, now: f64) {
        self.with_queue(|curating| {
            curating.failed_at.take_if(|failed_at| now - *failed_at > TRY_AGAIN_S);
        });
    }

    pub(super) fn retry_journal(&mut self) {
        self.with_queue(|curating| curating.failed_at = None);
    }

    pub(super) fn give_item_up(&mut self, index: usize) {
        self.with_queue(|curating| {
            curating.failed.insert(index);
        });
    }

    pub(super) fn retry_item(&mut self, index: usize) {
        self.with_queue(|curating| {
            curating.failed.remove(&index);
        });
    }

    /// Note or correction of the item have changed.
    pub(super) fn mark_changed(&mut self) {
        self.with_queue(|curating| curating.dirty = true);
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}
