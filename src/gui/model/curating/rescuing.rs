//! Decisions that can't be written: they are kept, and leaving the queue never loses them without asking.

use super::super::super::command::{Command, Curate};
use super::super::super::loading::file_name;
use super::super::{Model, Overlay, Retry};
use super::Rescue;
use crate::error::Result;
use std::path::{Path, PathBuf};

impl Model {
    /// Whether the journal of the queue is read-only.
    pub(in super::super) fn only_looks(&self) -> bool {
        self.curating().is_some_and(|curating| curating.obstacle.is_some())
    }

    /// Writes pending decisions before a command that leaves the queue. If that fails, asks what to do; the command
    /// then waits for the answer.
    pub(in super::super) fn asks_before(&mut self, command: &Command, now: f64) -> bool {
        let leaves = matches!(
            command,
            Command::Quit
                | Command::CloseQueue
                | Command::Open(_)
                | Command::Take(_)
                | Command::OpenPair(..)
                | Command::Recover(_)
                | Command::Curate(Curate::Open(..))
        );
        if !leaves || self.curating.is_none() {
            return false;
        }
        self.leave_item(now);
        match self.write_decisions() {
            Ok(()) => false,
            Err(error) => {
                self.ask_for_journal(Some((error.to_string(), command.clone())));
                true
            }
        }
    }

    /// Writes pending decisions and waits until they are written.
    fn write_decisions(&mut self) -> Result<()> {
        let batch = self.loads.finish_journal();
        let Some(curating) = &mut self.curating else { return Ok(()) };
        if let Some(batch) = batch {
            // If writing them failed, they are written once more here.
            drop(curating.journal.settle(batch));
        }
        curating.journal.flush()
    }

    /// Asks for another journal: because of an error (`why`, and the command that waits), or because this one is
    /// read-only.
    pub(in super::super) fn ask_for_journal(&mut self, why: Option<(String, Command)>) {
        let obstacle = || self.curating().and_then(|curating| curating.obstacle.clone()).unwrap_or_default();
        let (why, then) = why.map_or_else(|| (obstacle(), None), |(why, then)| (why, Some(then)));
        self.say(format!("Decisions can't be saved: {why}"));
        self.rescue = Some(Rescue { why, then });
        self.overlay = Some(Overlay::Journal);
    }

    /// Continues in another file.
    pub(super) fn move_journal(&mut self, file: &Path, now: f64) {
        drop(self.write_decisions());
        let Some(curating) = &mut self.curating else { return };
        if let Err(error) = curating.journal.move_to(file) {
            let again = Command::Curate(Curate::JournalTo(file.to_path_buf()));
            return self.report(&error, Retry::Asked(Box::new(again)));
        }
        (curating.obstacle, curating.failed_at) = (None, None);
        let remarks = curating.journal.remarks().to_vec();
        for remark in remarks {
            self.report_text(remark, Retry::No);
        }
        self.problems.retain(|problem| !matches!(problem.retry, Retry::Journal));
        self.touch();
        self.say(format!("Decisions go to {} now", file_name(file)));
        self.go_on(now);
    }

    pub(super) fn try_journal(&mut self, now: f64) {
        match self.write_decisions() {
            Ok(()) => {
                self.problems.retain(|problem| !matches!(problem.retry, Retry::Journal));
                self.go_on(now);
            }
            Err(error) => {
                if let Some(rescue) = &mut self.rescue {
                    rescue.why = error.to_string();
                }
                self.say(format!("Decisions can't be saved: {error}"));
            }
        }
    }

    /// Gives up the unwritten decisions, as the curator has chosen.
    pub(super) fn abandon_decisions(&mut self, now: f64) {
        if let Some(curating) = self.curating.take() {
            tracing::warn!(lines = curating.journal.unwritten(), "decisions were given up");
            self.loads.drop_queue();
            self.history.forget_but(|_| false);
            self.play(false, now);
            (self.midi, self.midi_path, self.selected) = (None, None, None);
            self.candidates.clear();
            self.update_length(now);
        }
        self.go_on(now);
    }

    /// Carries out the command that was waiting for the decisions.
    fn go_on(&mut self, now: f64) {
        let rescue = self.rescue.take();
        if self.overlay == Some(Overlay::Journal) {
            self.overlay = None;
        }
        if let Some(command) = rescue.and_then(|rescue| rescue.then) {
            self.apply(command, now);
        }
    }

    /// Saves what can't be written to the autosave folder when the queue closes without asking, because something else
    /// replaced it.
    pub(in super::super) fn rescue_decisions(&mut self) {
        let folder = self.rescue_folder();
        let Some(curating) = &mut self.curating else { return };
        let lines = curating.journal.unwritten();
        if lines == 0 || !curating.journal.is_open() {
            return;
        }
        let name = |n: usize| format!("rescued-decisions-{n}.jsonl");
        let moved = folder.and_then(|folder| {
            std::fs::create_dir_all(&folder).ok()?;
            let file: PathBuf = (1..1000).map(|n| folder.join(name(n))).find(|file| !file.exists())?;
            curating.journal.move_to(&file).ok().map(|()| file)
        });
        let text = match moved {
            Some(file) => format!("the journal could not be written: all its decisions are in {file:?}"),
            None => format!("{lines} decisions could not be written anywhere and are lost"),
        };
        self.report_text(text, Retry::No);
    }
}
