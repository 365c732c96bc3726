//! The toy problem being learned.

use super::Model;
use crate::toy::Epoch;
use std::sync::mpsc::Receiver;

/// The state of the toy problem.
#[derive(Default)]
pub(super) struct Toys {
    epochs: Vec<Epoch>,
    reports: Option<Receiver<Epoch>>,
}

impl Model {
    /// The results of the toy problem's epochs so far.
    pub fn toy_epochs(&self) -> &[Epoch] {
        &self.toys.epochs
    }

    /// Whether a toy problem is being learned.
    pub fn toy_runs(&self) -> bool {
        self.loads.toy_runs()
    }

    /// Starts from scratch, or stops.
    pub(super) fn toggle_toy(&mut self) {
        if self.toy_runs() {
            self.loads.stop_toy();
            self.say(format!("Stopped after {} epochs", self.toys.epochs.len()));
        } else {
            self.toys.epochs.clear();
            self.toys.reports = Some(self.loads.learn_toy(&self.settings.toy));
            self.say("A toy problem is begun".into());
        }
    }

    /// Takes in the results of the epochs.
    pub(super) fn watch_toy(&mut self) {
        if let Some(reports) = &self.toys.reports {
            self.toys.epochs.extend(reports.try_iter());
        }
    }

    pub(super) fn end_toy(&mut self, solved: bool) {
        self.watch_toy();
        let word = if solved { "solved" } else { "not solved" };
        self.say(format!("The toy problem is {word} after {} epochs", self.toys.epochs.len()));
    }

    /// Adds the result of an epoch, for tests that supply the outcomes of jobs.
    pub fn receive_epoch(&mut self, epoch: Epoch) {
        self.toys.epochs.push(epoch);
    }
}
