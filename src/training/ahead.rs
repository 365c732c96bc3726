//! [`Ahead`]: the batches of upcoming steps, made on other threads while a step is taken.

use super::batch::Drawn;
use super::task::Task;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use rayon::Scope;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

/// What batches are drawn from.
pub(super) struct Source<'a, T: Task> {
    pub task: &'a T,
    /// Determines how inputs are standardised; its parameters don't matter.
    pub model: T::Model,
}

impl<T: Task> Source<'_, T> {
    /// The batch of a step, counted from 1.
    fn draw(&self, step: u64) -> Drawn {
        let seed = self.task.schedule().seed;
        // Each step has its own generator, so that resuming an interrupted training requires only the step's number.
        let mut rng = Pcg64::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ step);
        (self.task.batch(&self.model, &mut rng), rng)
    }
}

/// Hands out the batches of successive steps. They are the same no matter how many are made ahead.
pub(super) struct Ahead<'s, 'scope, T: Task> {
    scope: &'s Scope<'scope>,
    source: &'scope Source<'scope, T>,
    waiting: VecDeque<Receiver<Drawn>>,
    /// How many are made ahead.
    depth: usize,
    /// The step whose batch is started next.
    next: u64,
    /// The last step.
    steps: u64,
}

impl<'s, 'scope, T: Task> Ahead<'s, 'scope, T> {
    /// Starts after step `step`.
    pub(crate) fn new(scope: &'s Scope<'scope>, source: &'scope Source<'scope, T>, step: u64, depth: usize) -> Self {
        Self { scope, source, waiting: VecDeque::new(), depth, next: step + 1, steps: source.task.schedule().steps }
    }

    /// The batch of the next step.
    pub(crate) fn draw(&mut self) -> Drawn {
        while self.waiting.len() < self.depth && self.next <= self.steps {
            let (source, step) = (self.source, self.next);
            let (sender, receiver) = sync_channel(1);
            // If the training ended early, nobody waits for the last ones.
            self.scope.spawn(move |_| drop(sender.send(source.draw(step))));
            self.waiting.push_back(receiver);
            self.next += 1;
        }
        let Some(receiver) = self.waiting.pop_front() else {
            self.next += 1;
            return self.source.draw(self.next - 1);
        };
        loop {
            match receiver.try_recv() {
                Ok(drawn) => return drawn,
                Err(TryRecvError::Disconnected) => panic!("a batch's thread ended without one"),
                // A thread that makes batches itself must not sleep: there may be no other.
                Err(TryRecvError::Empty) if rayon::yield_now().is_some() => {}
                Err(TryRecvError::Empty) => return receiver.recv().expect("a batch's thread ended without one"),
            }
        }
    }
}
