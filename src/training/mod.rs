//! How are the networks learned?
//!
//! They are learned from the pairs of data sets: [`train_hash`] learns a [`HashModel`](crate::hashing::HashModel) from
//! short crops whose moments correspond, [`train_embedding`] an [`EmbeddingModel`](crate::embedding::EmbeddingModel)
//! from whole pieces. Both take the same course: batches drawn at random, an [`Objective`], an optimiser; at intervals
//! a validation on works that are not learned from, which decides which parameters are kept. [`Options`] and
//! [`EmbeddingOptions`] are data: the papers' two generations, and ours.
//!
//! The same seed gives the same numbers, whatever the number of threads and however often training was interrupted,
//! unless it ends after a number of minutes rather than steps. It writes these files, each whole or not at all:
//!
//! | file | when |
//! |---|---|
//! | the model | whenever it is the best so far |
//! | `training.jsonl` next to it, a [`Measured`] or [`EmbeddingMeasured`] per line | at each validation |
//! | `<model>.checkpoint` next to it | at each validation, and when cancelled; removed at the end |

mod ahead;
mod batch;
mod checkpoint;
mod colour;
mod embedding;
#[cfg(feature = "gpu")]
mod gpu;
mod hash;
mod learner;
mod losses;
mod start;
mod task;
mod trainer;

pub use embedding::{Distinction, EmbeddingMeasured, EmbeddingOptions, train_embedding};
pub use hash::{Measured, Options, train_hash};
pub use learner::Processor;
pub use losses::Objective;
pub use start::Start;

#[cfg(test)]
mod goldens;
#[cfg(test)]
mod tests;
