//! The toy problem that is being learned.

use super::Model;
use crate::toy::Epoch;
use std::sync::mpsc::Receiver;

/// What is kept of it.
#[derive(Default)]
pub(super) struct Toys {
    epochs: Vec<Epoch>,
    reports: Option<Receiver<Epoch>>,
}

impl Model {
    /// What the epochs of the toy problem have reached so far.
    pub fn toy_epochs(&self) -> &[Epoch] {
        &self.toys.epochs
    }

    /// Whether a toy problem is being learned.
    pub fn toy_runs(&self) -> bool {
        self.loads.toy_runs()
    }

    /// Begins from the start, or stops.
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

    /// Takes in what the epochs have reached.
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

    /// What an epoch reached, for tests that bring what the job would bring.
    pub fn receive_epoch(&mut self, epoch: Epoch) {
        self.toys.epochs.push(epoch);
    }
}
