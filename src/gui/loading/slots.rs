//! Jobs of which at most one runs at a time: a new job in a slot drops, and so cancels, the old one.

use super::super::command::Command;
use super::{Arrival, Running, Tasks};
use crate::error::{Error, Result};
use crate::job::{Job, Progress};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// The slots. Jobs that end in the same frame arrive in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Midi,
    Recording,
    Aligned,
    Stretch,
    Programme,
    ChooseFiles,
    ChooseSoundFont,
    Expand,
    Session,
    ChooseSaveTo,
    Save,
    ChooseExportTo,
    Export,
    HashModel,
    Hashed,
    Layer,
    Training,
    Quality,
    ChooseDataToMeasure,
    ChooseHashModel,
    ChooseFiltersTo,
    ChooseTrainingData,
    ChooseTrainingOutput,
    EmbeddingModel,
    ChooseEmbeddingModel,
    Embedded,
    ChoosePairs,
    Compared,
    Index,
    ChooseIndex,
    ChooseToIndex,
    ChooseIndexTo,
    Added,
    Found,
    Toy,
    Queue,
    Arranged,
    Pair,
    Journal,
    Corrected,
    ChooseDecisionsTo,
    ChooseQueueFile,
    ChooseJournalTo,
    Autosave,
}

/// The number of slots.
pub(super) const SLOTS: usize = Slot::Autosave as usize + 1;

/// The jobs about one candidate.
pub(super) const OF_CANDIDATE: [Slot; 6] =
    [Slot::Recording, Slot::Aligned, Slot::Hashed, Slot::Layer, Slot::Embedded, Slot::Corrected];

/// Dialogs: they show their own progress.
const DIALOGS: [Slot; 17] = [
    Slot::ChooseFiles,
    Slot::ChooseSoundFont,
    Slot::ChooseSaveTo,
    Slot::ChooseExportTo,
    Slot::ChooseDataToMeasure,
    Slot::ChooseHashModel,
    Slot::ChooseFiltersTo,
    Slot::ChooseTrainingData,
    Slot::ChooseTrainingOutput,
    Slot::ChooseEmbeddingModel,
    Slot::ChoosePairs,
    Slot::ChooseIndex,
    Slot::ChooseToIndex,
    Slot::ChooseIndexTo,
    Slot::ChooseDecisionsTo,
    Slot::ChooseQueueFile,
    Slot::ChooseJournalTo,
];

impl Slot {
    pub(super) fn is_dialog(self) -> bool {
        DIALOGS.contains(&self)
    }

    /// Whether the jobs panel shows it: not jobs that must not be stopped, nor those the user can see anyway.
    fn is_shown(self) -> bool {
        !self.is_dialog() && self != Self::Journal && self != Self::Autosave
    }
}

/// A job in its slot.
pub(super) struct Task {
    slot: Slot,
    id: u64,
    /// The candidate or item it is about, or 0.
    about: u64,
    job: Job<Arrival>,
    /// What arrives when it ends without an answer: it panicked, or its thread could not be started.
    lost: Box<dyn Fn(Error) -> Arrival + Send>,
    /// The command that asked for it.
    asked: Option<Command>,
}

impl Tasks {
    /// Starts `work`; its outcome arrives as `arrival`.
    pub(super) fn start<T: Send + 'static>(
        &mut self,
        slot: Slot,
        about: u64,
        arrival: impl Fn(Result<T>) -> Arrival + Clone + Send + 'static,
        name: String,
        work: impl FnOnce(&Progress) -> Result<T> + Send + 'static,
    ) {
        self.started += 1;
        let wake = Arc::clone(&self.wake);
        let answered = arrival.clone();
        let job = Job::start(name, move || wake(), move |progress| Ok(answered(work(progress))));
        let lost = Box::new(move |error| arrival(Err(error)));
        let asked = self.asked.clone();
        self.running[slot as usize] = Some(Task { slot, id: self.started, about, job, lost, asked });
    }

    /// Opens a dialog and waits for it in a job. Call it on the window's thread: some systems require dialogs to be
    /// made there.
    pub(super) fn ask(
        &mut self,
        slot: Slot,
        arrival: fn(Result<Vec<PathBuf>>) -> Arrival,
        dialog: impl Future<Output = Option<Vec<rfd::FileHandle>>> + Send + 'static,
    ) {
        self.start(slot, 0, arrival, "Choosing".into(), move |progress| answer(dialog, progress));
    }

    pub(super) fn runs(&self, slot: Slot) -> bool {
        self.running[slot as usize].is_some()
    }

    /// What the job in a slot is about.
    pub(super) fn about(&self, slot: Slot) -> Option<u64> {
        self.running[slot as usize].as_ref().map(|task| task.about)
    }

    /// Asks the job in a slot to stop; its outcome still arrives.
    pub(super) fn ask_to_stop(&self, slot: Slot) {
        if let Some(task) = &self.running[slot as usize] {
            task.job.progress().cancel();
        }
    }

    /// Waits for the job in a slot to end.
    pub(super) fn finish(&mut self, slot: Slot) -> Option<Arrival> {
        let Task { job, lost, .. } = self.running[slot as usize].take()?;
        Some(job.join().unwrap_or_else(lost))
    }

    /// Records this command as the origin of the jobs started from now on. Returns the previous one.
    pub(in super::super) fn asked_by(&mut self, command: Option<Command>) -> Option<Command> {
        std::mem::replace(&mut self.asked, command)
    }

    /// Stops jobs; nothing of them arrives.
    pub(super) fn stop(&mut self, slots: &[Slot]) {
        for &slot in slots {
            self.running[slot as usize] = None;
        }
    }

    /// Stops jobs about a candidate.
    pub(super) fn stop_about(&mut self, slots: &[Slot], about: u64) {
        for &slot in slots {
            self.running[slot as usize].take_if(|task| task.about == about);
        }
    }

    /// Whether a dialog is open.
    pub(in super::super) fn choosing(&self) -> bool {
        self.running.iter().flatten().any(|task| task.slot.is_dialog())
    }

    /// The running jobs, oldest first, without dialogs and autosaves.
    pub(in super::super) fn running(&self) -> Vec<Running> {
        let shown = self.running.iter().flatten().filter(|task| task.slot.is_shown());
        let row = |task: &Task| Running {
            id: task.id,
            name: task.job.name().to_owned(),
            fraction: task.job.progress().fraction(),
        };
        let mut rows: Vec<Running> = shown.map(row).collect();
        rows.sort_by_key(|row| row.id);
        rows
    }

    /// The slot of the job with this number, if the user may stop it, and what the job is about.
    pub(super) fn find(&self, id: u64) -> Option<(Slot, u64)> {
        let mut shown = self.running.iter().flatten().filter(|task| task.slot.is_shown());
        shown.find(|task| task.id == id).map(|task| (task.slot, task.about))
    }

    /// What has arrived since the last call, and the command that asked for it.
    pub(in super::super) fn poll(&mut self) -> Vec<(Arrival, Option<Command>)> {
        let mut arrivals = Vec::new();
        for slot in &mut self.running {
            let Some(task) = slot else { continue };
            let Some(outcome) = task.job.poll() else { continue };
            arrivals.push((outcome.unwrap_or_else(|error| (task.lost)(error)), task.asked.take()));
            *slot = None;
        }
        arrivals
    }
}

#[cfg(test)]
impl Tasks {
    /// Starts a write of decisions that panics.
    pub(in super::super) fn break_journal(&mut self, batch: crate::curation::Batch) {
        self.start(Slot::Journal, 0, Arrival::Journal, "Saving decisions".into(), move |_| {
            let _held = batch;
            panic!("on purpose");
        });
    }

    /// Starts a search of folders that panics.
    pub(in super::super) fn break_expanding(&mut self) {
        self.start(Slot::Expand, 0, Arrival::Expanded, "Looking into folders".into(), |_| panic!("on purpose"));
    }
}

/// Waits for the dialog's answer, and gives up when the job is cancelled.
pub(super) fn answer(
    dialog: impl Future<Output = Option<Vec<rfd::FileHandle>>> + Send,
    progress: &Progress,
) -> Result<Vec<PathBuf>> {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut dialog = std::pin::pin!(dialog);
    loop {
        if let Poll::Ready(files) = dialog.as_mut().poll(&mut Context::from_waker(&waker)) {
            let files = files.ok_or(Error::Cancelled)?;
            return Ok(files.into_iter().map(|file| file.path().to_path_buf()).collect());
        }
        progress.step(0, 1)?;
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
}
