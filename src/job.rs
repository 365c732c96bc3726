//! Long-running work: how it reports, and how it is stopped.
//!
//! Every long computation of the library takes a [`Progress`] and calls [`Progress::step`] about every 10 ms of work. A
//! [`Job`] runs one on a named thread of its own; dropping the job cancels it. A panic in the work ends the job with
//! [`Error::Panicked`], never silently. Nothing here knows about a window: the window passes a `wake` callback that
//! requests a repaint.

use crate::error::{Error, Result};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

struct Shared {
    permille: AtomicU32,
    cancelled: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// Passed to long computations, to report and to ask whether to go on. Clones and [parts](Progress::part) share one
/// state.
#[derive(Clone)]
pub struct Progress {
    shared: Arc<Shared>,
    from: f32,
    to: f32,
}

impl Progress {
    /// Reports to nobody; for tests and scripts.
    pub fn silent() -> Self {
        Self::new(|| {})
    }

    /// Calls `wake` whenever the fraction has moved by a thousandth or more.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let shared = Shared { permille: AtomicU32::new(0), cancelled: AtomicBool::new(false), wake: Box::new(wake) };
        Self { shared: Arc::new(shared), from: 0.0, to: 1.0 }
    }

    /// A view of the share `from..to` (fractions of this one) of the work, for a stage of a longer computation.
    #[must_use]
    pub fn part(&self, from: f32, to: f32) -> Self {
        let width = self.to - self.from;
        Self { shared: Arc::clone(&self.shared), from: self.from + from * width, to: self.from + to * width }
    }

    /// Reports `done` of `total` and returns [`Error::Cancelled`] once the work is cancelled. Call it once per block of
    /// about 10 ms of work: cancelling takes effect no faster.
    pub fn step(&self, done: usize, total: usize) -> Result<()> {
        if self.shared.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        let fraction = if total == 0 { 1.0 } else { (done as f32 / total as f32).min(1.0) };
        let permille = ((self.from + fraction * (self.to - self.from)) * 1000.0) as u32;
        if self.shared.permille.swap(permille, Ordering::Relaxed) != permille {
            (self.shared.wake)();
        }
        Ok(())
    }

    /// How far the work is, in 0..=1.
    pub fn fraction(&self) -> f32 {
        self.shared.permille.load(Ordering::Relaxed) as f32 / 1000.0
    }

    /// Asks the work to stop at its next step.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the work was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Progress({:.3})", self.fraction())
    }
}

/// Work on a thread of its own. Dropping it cancels it.
#[derive(Debug)]
pub struct Job<T> {
    name: String,
    progress: Progress,
    result: Receiver<Result<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Job<T> {
    /// Starts `work` on a thread called `name`. `wake` is called as the work progresses and when it ends.
    pub fn start(
        name: impl Into<String>,
        wake: impl Fn() + Send + Sync + 'static,
        work: impl FnOnce(&Progress) -> Result<T> + Send + 'static,
    ) -> Self {
        let name = name.into();
        let progress = Progress::new(wake);
        let (sender, result) = sync_channel(1);
        let refused = sender.clone();
        let inside = progress.clone();
        let job = name.clone();
        let spawned = std::thread::Builder::new().name(name.clone()).spawn(move || {
            tracing::debug!(job, "started");
            // What the work has half-changed is dropped with it: it is visible only through the outcome.
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&inside)))
                .unwrap_or_else(|panic| Err(Error::Panicked { job: job.clone(), message: message_of(&*panic) }));
            match &outcome {
                Ok(_) => tracing::debug!(job, "done"),
                Err(Error::Cancelled) => tracing::debug!(job, "cancelled"),
                Err(error) => tracing::warn!(job, %error, "failed"),
            }
            // If the job was dropped, the receiver is gone, and nobody wants the result.
            drop(sender.send(outcome));
            (inside.shared.wake)();
        });
        let thread = match spawned {
            Ok(thread) => Some(thread),
            Err(source) => {
                tracing::error!(job = name, error = %source, "no thread");
                drop(refused.send(Err(Error::Thread { job: name.clone(), source })));
                None
            }
        };
        Self { name, progress, result, thread }
    }

    /// The name it was started with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its progress, to show or to cancel.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The result once it is available; `None` while the work goes on. Returns the result only once, then `None`.
    pub fn poll(&mut self) -> Option<Result<T>> {
        // Every thread sends a result: if there is none, the work goes on, or the result was taken.
        self.result.try_recv().ok()
    }

    /// Waits for the end and returns the result; [`Error::Cancelled`] if [`poll`](Self::poll) has already returned it.
    pub fn join(mut self) -> Result<T> {
        let outcome = self.result.recv().unwrap_or(Err(Error::Cancelled));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        outcome
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.progress.cancel();
    }
}

/// The message of a panic, if it was text.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancel_ends_a_running_loop() {
        let job = Job::start(
            "endless",
            || {},
            |progress| -> Result<()> {
                loop {
                    progress.step(0, 1)?;
                }
            },
        );
        job.progress().cancel();
        assert!(matches!(job.join(), Err(Error::Cancelled)));
    }

    #[test]
    fn dropping_cancels() {
        let job = Job::start(
            "endless",
            || {},
            |progress| -> Result<()> {
                loop {
                    progress.step(0, 1)?;
                }
            },
        );
        let progress = job.progress().clone();
        drop(job);
        assert!(progress.is_cancelled());
    }

    #[test]
    fn parts_map_to_the_whole() {
        let progress = Progress::silent();
        progress.part(0.5, 1.0).part(0.0, 0.5).step(1, 1).expect("not cancelled");
        assert!((progress.fraction() - 0.75).abs() < 1e-3);
    }

    #[test]
    fn a_panicking_job_is_an_error_that_says_so() {
        for say in [|| panic!("on purpose"), || panic!("{} purpose", "on")] as [fn(); 2] {
            let job = Job::start(
                "broken",
                || {},
                move |_| -> Result<()> {
                    say();
                    Ok(())
                },
            );
            let error = job.join().expect_err("it panicked");
            assert!(
                matches!(&error, Error::Panicked { job, message } if job == "broken" && message == "on purpose"),
                "{error}"
            );
        }
        let mut job = Job::start("broken", || {}, |_| -> Result<()> { panic!("on purpose") });
        let outcome = loop {
            if let Some(outcome) = job.poll() {
                break outcome;
            }
            std::thread::yield_now();
        };
        assert!(matches!(outcome, Err(Error::Panicked { .. })));
        assert!(job.poll().is_none(), "the answer comes once");
    }
}
