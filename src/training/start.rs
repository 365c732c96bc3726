//! [`Start`]: where a training begins.

use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The initial parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Drawn with the seed; the networks are those of the options.
    #[default]
    Random,
    /// Those of the model that comes with the program, with its networks and its standardisation.
    Bundled,
    /// Those of a model in a file, likewise.
    Model(PathBuf),
}

impl Start {
    /// The model to start with.
    pub(super) fn model<T>(
        &self,
        random: impl FnOnce() -> Result<T>,
        bundled: impl FnOnce() -> Result<T>,
        load: impl FnOnce(&Path) -> Result<T>,
    ) -> Result<T> {
        match self {
            Self::Random => random(),
            Self::Bundled => bundled(),
            Self::Model(path) => load(path),
        }
    }

    /// Whether something was learned before: if so, it is validated first, and kept unless it improves.
    pub(super) fn has_learned(&self) -> bool {
        *self != Self::Random
    }
}
