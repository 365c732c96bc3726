//! [`Ahead`]: the batches of the steps to come, made on other threads while a step is taken.

use super::Options;
use super::batches::{Batch, Draw, Examples};
use crate::hashing::HashModel;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use rayon::Scope;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

/// A batch, and the random numbers that follow those it was drawn with: for the loss of the same step.
pub(super) type Drawn = (Batch, Pcg64);

/// What batches are drawn from.
pub(super) struct Source<'a> {
    pub data: &'a Examples,
    pub options: &'a Options,
    /// Says how inputs are standardised; its parameters don't matter.
    pub model: HashModel,
}

impl Source<'_> {
    /// The batch of a step, from 1.
    fn draw(&self, step: u64) -> Drawn {
        let Options { batch, crop_frames, transpose, recolour, seed, .. } = *self.options;
        // A generator of its own for each step: an interrupted training needs to know no more than the step's number.
        let mut rng = Pcg64::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ step);
        let draw = Draw { crops: batch, frames: crop_frames, transposed: transpose, recolour };
        (self.data.batch(&self.model, draw, &mut rng), rng)
    }
}

/// Hands out the batches of successive steps. They are the same however many are made ahead.
pub(super) struct Ahead<'s, 'scope> {
    scope: &'s Scope<'scope>,
    source: &'scope Source<'scope>,
    waiting: VecDeque<Receiver<Drawn>>,
    /// How many are made ahead.
    depth: usize,
    /// The step whose batch is begun next.
    next: u64,
}

impl<'s, 'scope> Ahead<'s, 'scope> {
    /// Begins after step `step`.
    pub fn new(scope: &'s Scope<'scope>, source: &'scope Source<'scope>, step: u64, depth: usize) -> Self {
        Self { scope, source, waiting: VecDeque::new(), depth, next: step + 1 }
    }

    /// The batch of the next step.
    pub fn draw(&mut self) -> Drawn {
        while self.waiting.len() < self.depth && self.next <= self.source.options.steps {
            let (source, step) = (self.source, self.next);
            let (sender, receiver) = sync_channel(1);
            // Nobody waits for the last ones where the training ended before.
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
                // One of the threads that make batches itself must not sleep: there may be no other.
                Err(TryRecvError::Empty) if rayon::yield_now().is_some() => {}
                Err(TryRecvError::Empty) => return receiver.recv().expect("a batch's thread ended without one"),
            }
        }
    }
}
