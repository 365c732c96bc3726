//! The checkpoint of an interrupted training: everything that determines the numbers to come.
//!
//! Random numbers are not stored: those of a step follow from the seed and the step's number.

use super::task::{Learnable, Standing, Task};
use crate::encoder::{Branch, Side};
use crate::error::{Error, Result};
use crate::files;
use crate::network::{Optimiser, tensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Serialize, Deserialize)]
struct Metadata {
    /// Version of the program. Early checkpoints of embeddings lacked it, and the standardisation of the inputs.
    #[serde(default)]
    antiphon: String,
    format: String,
    /// See [`Task::made_with`].
    made_with: String,
    standing: Standing,
    steps_of_optimisers: Vec<u64>,
}

/// The path of a model's checkpoint: next to it.
pub(super) fn place(model: &Path) -> PathBuf {
    let mut name = model.file_name().unwrap_or_default().to_os_string();
    name.push(".checkpoint");
    model.with_file_name(name)
}

/// Writes it whole or not at all.
pub(super) fn save<T: Task>(
    path: &Path,
    task: &T,
    standing: &Standing,
    model: &T::Model,
    optimisers: &[Optimiser],
) -> Result<()> {
    let refused = |reason: String| Error::Model { reason, path: path.to_path_buf() };
    let mut file = BTreeMap::new();
    let mut put = |name: String, values: &[f32]| file.insert(name, (vec![values.len()], values.to_vec()));
    let mut each = optimisers.iter();
    for side in Side::BOTH {
        let (name, Branch { network, mean, deviation }) = (side.name(), T::branch(model, side));
        put(format!("{name}.mean"), mean);
        put(format!("{name}.deviation"), deviation);
        for ((group, parameters), optimiser) in T::Network::GROUPS.iter().zip(network.groups()).zip(&mut each) {
            let (_, first, second) = optimiser.memory();
            put(format!("{name}.{group}parameters"), parameters);
            put(format!("{name}.{group}first"), first);
            put(format!("{name}.{group}second"), second);
        }
    }
    let metadata = Metadata {
        antiphon: env!("CARGO_PKG_VERSION").into(),
        format: T::CHECKPOINT[0].into(),
        made_with: task.made_with(),
        standing: standing.clone(),
        steps_of_optimisers: optimisers.iter().map(|optimiser| optimiser.memory().0).collect(),
    };
    let metadata = serde_json::to_string(&metadata).map_err(|error| refused(error.to_string()))?;
    files::write(path, &tensors::write(&file, metadata).map_err(refused)?)
}

/// Resumes from one by restoring what it holds. `None` if there is none.
///
/// # Errors
/// [`Error::Io`]; [`Error::Model`] for one that is damaged, or from a training with other options or data.
pub(super) fn resume<T: Task>(
    path: &Path,
    task: &T,
    model: &mut T::Model,
    optimisers: &mut [Optimiser],
) -> Result<Option<Standing>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    put_back(&bytes, task, model, optimisers)
        .map(Some)
        .map_err(|reason| Error::Model { reason, path: path.to_path_buf() })
}

fn put_back<T: Task>(
    bytes: &[u8],
    task: &T,
    model: &mut T::Model,
    optimisers: &mut [Optimiser],
) -> core::result::Result<Standing, String> {
    let (mut file, metadata) = tensors::read(bytes)?;
    let metadata: Metadata = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    if !T::CHECKPOINT.contains(&metadata.format.as_str()) {
        return Err(format!("its format is {:?}, {:?} is read", metadata.format, T::CHECKPOINT[0]));
    }
    if metadata.made_with != task.made_with() {
        return Err(
            "a training with other options or data was interrupted here: name another model, or remove this".into()
        );
    }
    if metadata.steps_of_optimisers.len() != optimisers.len() {
        return Err(format!("{} optimisers, {} expected", metadata.steps_of_optimisers.len(), optimisers.len()));
    }
    let mut each = optimisers.iter_mut().zip(metadata.steps_of_optimisers);
    for side in Side::BOTH {
        let (name, Branch { network, mean, deviation }) = (side.name(), T::branch_mut(model, side));
        for (part, values) in [("mean", mean), ("deviation", deviation)] {
            if let Some((_, kept)) = file.remove(&format!("{name}.{part}")) {
                put_into(values, &kept).ok_or_else(|| format!("{name}.{part} has {} values", kept.len()))?;
            }
        }
        for ((group, parameters), (optimiser, steps)) in
            T::Network::GROUPS.iter().zip(network.groups_mut()).zip(&mut each)
        {
            let mut numbers = |part: &str| {
                let name = format!("{name}.{group}{part}");
                file.remove(&name).map(|(_, values)| values).ok_or_else(|| format!("no tensor {name}"))
            };
            put_into(parameters, &numbers("parameters")?)
                .ok_or_else(|| format!("{name}.{group}parameters has another size than its layers"))?;
            let resumed = optimiser.clone().resumed(steps, numbers("first")?, numbers("second")?);
            *optimiser = resumed.ok_or_else(|| format!("the optimiser's memory of {name}.{group} has another size"))?;
        }
    }
    Ok(metadata.standing)
}

/// `None` if sizes differ.
fn put_into(values: &mut [f32], kept: &[f32]) -> Option<()> {
    (values.len() == kept.len()).then(|| values.copy_from_slice(kept))
}
