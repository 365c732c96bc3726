//! Named tensors and one text: the files of models and of interrupted trainings (safetensors).

use super::{Layer, Network};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, HashMap};

/// The one entry of the file's metadata. Several would be stored in arbitrary order.
const ENTRY: &str = "antiphon";

/// A tensor: its shape and its numbers, row by row.
pub(crate) type Tensor = (Vec<usize>, Vec<f32>);

/// Returns the bytes of a file.
///
/// # Errors
/// The name of a tensor that is not finite: the result of a failed training is not kept.
pub(crate) fn write(tensors: &BTreeMap<String, Tensor>, metadata: String) -> Result<Vec<u8>, String> {
    let mut bytes = BTreeMap::new();
    for (name, (shape, values)) in tensors {
        if values.iter().any(|v| !v.is_finite()) {
            return Err(format!("{name} is not finite"));
        }
        let little_endian: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        bytes.insert(name, (shape.clone(), little_endian));
    }
    let mut views = BTreeMap::new();
    for (name, (shape, bytes)) in &bytes {
        views.insert(*name, TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|error| error.to_string())?);
    }
    let metadata = HashMap::from([(ENTRY.to_owned(), metadata)]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
}

/// Reads the output of [`write()`]. Sizes come from the data itself, never from the claims of a header.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(bytes: &[u8]) -> Result<(BTreeMap<String, Tensor>, String), String> {
    let whole = |error| format!("not a whole safetensors file: {error}");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(whole)?;
    let file = SafeTensors::deserialize(bytes).map_err(whole)?;
    let metadata = header.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
    let metadata = metadata.ok_or_else(|| format!("its metadata has no entry {ENTRY}"))?.clone();
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(format!("{name} is {}, F32 expected", view.dtype()));
        }
        let number = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let values: Vec<f32> = view.data().chunks_exact(4).map(number).collect();
        if values.iter().any(|v| !v.is_finite()) {
            return Err(format!("{name} is not finite"));
        }
        tensors.insert(name.to_owned(), (view.shape().to_vec(), values));
    }
    Ok((tensors, metadata))
}

impl Network {
    /// Weights and biases of each layer, named `prefix.0.weights` and so on.
    pub(crate) fn tensors(&self, prefix: &str) -> impl Iterator<Item = (String, Tensor)> {
        self.parts().flat_map(move |(index, weights, biases)| {
            let shape = vec![weights.len() / biases.len(), biases.len()];
            [
                (format!("{prefix}.{index}.weights"), (shape, weights.to_vec())),
                (format!("{prefix}.{index}.biases"), (vec![biases.len()], biases.to_vec())),
            ]
        })
    }

    /// Makes a network from what [`tensors`](Self::tensors) named. The file's content is counted before anything is
    /// allocated.
    ///
    /// # Errors
    /// Which tensor is missing or has a shape that does not fit the layers.
    pub(crate) fn from_tensors(
        bins: usize,
        layers: &[Layer],
        prefix: &str,
        tensors: &BTreeMap<String, Tensor>,
    ) -> Result<Self, String> {
        let mut parameters = Vec::new();
        for index in 0..layers.len() {
            for part in ["weights", "biases"] {
                if let Some((_, values)) = tensors.get(&format!("{prefix}.{index}.{part}")) {
                    parameters.extend_from_slice(values);
                }
            }
        }
        let network = Self::with_parameters(bins, layers, parameters).map_err(|error| format!("{prefix}: {error}"))?;
        for (name, (shape, _)) in network.tensors(prefix) {
            let (found, _) = tensors.get(&name).ok_or_else(|| format!("no tensor {name}"))?;
            if *found != shape {
                return Err(format!("{name} is {found:?}, {shape:?} expected"));
            }
        }
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let tensors = BTreeMap::from([
            ("a.weights".to_owned(), (vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, -6.5])),
            ("b".to_owned(), (vec![1], vec![0.25])),
        ]);
        let bytes = write(&tensors, "{}".into()).unwrap();
        assert_eq!(read(&bytes).unwrap(), (tensors.clone(), "{}".to_owned()));
        assert_eq!(write(&tensors, "{}".into()).unwrap(), bytes, "the same bytes each time");
    }

    #[test]
    fn what_is_cut_or_no_number_is_refused() {
        let tensor = |v: f32| BTreeMap::from([("a".to_owned(), (vec![2], vec![1.0, v]))]);
        assert!(write(&tensor(f32::NAN), String::new()).unwrap_err().contains("a is not finite"));
        let mut bytes = write(&tensor(2.0), String::new()).unwrap();
        for cut in [0, 4, 20, bytes.len() - 1] {
            assert!(read(&bytes[..cut]).is_err(), "{cut} bytes");
        }
        let last = bytes.len() - 4;
        bytes[last..].copy_from_slice(&f32::INFINITY.to_le_bytes());
        assert!(read(&bytes).unwrap_err().contains("a is not finite"));
        assert!(read(b"text").is_err());
    }
}
