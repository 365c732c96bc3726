//! A training that was interrupted: all that decides the numbers to come.
//!
//! Random numbers are not kept: those of a step follow from the seed and the step's number.

use crate::error::{Error, Result};
use crate::export;
use crate::hashing::{HashModel, Side};
use crate::network::{Optimiser, tensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FORMAT: &str = "training/1";

/// Where a training stands, beside its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Steps taken.
    pub step: u64,
    /// Step after which it ends, unless it gets better.
    pub patience: u64,
    /// Lowest coefficient so far, its step, and the loss of validation that went with the patience.
    pub best: Option<(f64, u64)>,
    /// Sum of the losses since the last validation, and of how many steps.
    pub loss: (f64, u64),
    /// Seconds that it took so far.
    pub seconds: f64,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    antiphon: String,
    format: String,
    /// Options and data as JSON text: what must be the same to go on.
    made_with: String,
    standing: Standing,
    steps_of_optimisers: [u64; 2],
}

/// Where the checkpoint of a model lies: beside it.
pub(super) fn place(model: &Path) -> PathBuf {
    let mut name = model.file_name().unwrap_or_default().to_os_string();
    name.push(".checkpoint");
    model.with_file_name(name)
}

const SIDES: [(&str, Side); 2] = [("midi", Side::Midi), ("audio", Side::Audio)];

/// Writes it, whole or not at all.
pub(super) fn save(
    path: &Path,
    made_with: &str,
    standing: &Standing,
    model: &HashModel,
    optimisers: &[Optimiser; 2],
) -> Result<()> {
    let refused = |reason: String| Error::Model { reason, path: path.to_path_buf() };
    let mut file = BTreeMap::new();
    let mut put = |name: String, values: &[f32]| file.insert(name, (vec![values.len()], values.to_vec()));
    let mut steps_of_optimisers = [0; 2];
    for (((name, side), optimiser), steps) in SIDES.into_iter().zip(optimisers).zip(&mut steps_of_optimisers) {
        let (count, first, second) = optimiser.memory();
        *steps = count;
        put(format!("{name}.parameters"), model.network(side).parameters());
        put(format!("{name}.mean"), &model.branch(side).mean);
        put(format!("{name}.deviation"), &model.branch(side).deviation);
        put(format!("{name}.first"), first);
        put(format!("{name}.second"), second);
    }
    let metadata = Metadata {
        antiphon: env!("CARGO_PKG_VERSION").into(),
        format: FORMAT.into(),
        made_with: made_with.into(),
        standing: standing.clone(),
        steps_of_optimisers,
    };
    let metadata = serde_json::to_string(&metadata).map_err(|error| refused(error.to_string()))?;
    export::write(path, &tensors::write(&file, metadata).map_err(refused)?)
}

/// Goes on from one: puts back what it holds. `None` where there is none.
///
/// # Errors
/// [`Error::Io`]; [`Error::Model`] for one that is damaged, or of a training with other options or data.
pub(super) fn resume(
    path: &Path,
    made_with: &str,
    model: &mut HashModel,
    optimisers: &mut [Optimiser; 2],
) -> Result<Option<Standing>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    put_back(&bytes, made_with, model, optimisers)
        .map(Some)
        .map_err(|reason| Error::Model { reason, path: path.to_path_buf() })
}

fn put_back(
    bytes: &[u8],
    made_with: &str,
    model: &mut HashModel,
    optimisers: &mut [Optimiser; 2],
) -> core::result::Result<Standing, String> {
    let (mut file, metadata) = tensors::read(bytes)?;
    let metadata: Metadata = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    if metadata.format != FORMAT {
        return Err(format!("its format is {:?}, {FORMAT:?} is read", metadata.format));
    }
    if metadata.made_with != made_with {
        return Err(
            "a training with other options or data was interrupted here: name another model, or remove this".into()
        );
    }
    let mut numbers = |name: String| file.remove(&name).map(|(_, v)| v).ok_or_else(|| format!("no tensor {name}"));
    for (((name, side), optimiser), steps) in SIDES.into_iter().zip(optimisers).zip(metadata.steps_of_optimisers) {
        let [parameters, mean, deviation, first, second] =
            ["parameters", "mean", "deviation", "first", "second"].map(|part| numbers(format!("{name}.{part}")));
        let branch = model.branch_mut(side);
        let (parameters, mean, deviation) = (parameters?, mean?, deviation?);
        if (parameters.len(), mean.len(), deviation.len())
            != (branch.network.parameters().len(), branch.mean.len(), branch.deviation.len())
        {
            return Err(format!("tensors of the {name} side have other sizes than its layers"));
        }
        branch.network.parameters_mut().copy_from_slice(&parameters);
        (branch.mean, branch.deviation) = (mean, deviation);
        let resumed = optimiser.clone().resumed(steps, first?, second?);
        *optimiser = resumed.ok_or_else(|| format!("the optimiser's memory of the {name} side has another size"))?;
    }
    Ok(metadata.standing)
}
