//! The folder: `dataset.json` and one safetensors file per pair.

use crate::error::{Error, Result};
use crate::features::{FRAME_S, WIDE_BINS, WIDE_FIRST_NOTE};
use crate::files;
use half::f16;
use half::slice::HalfFloatSliceExt as _;
use ndarray::Array2;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The format named in `dataset.json`.
pub(crate) const FORMAT: &str = "dataset/1";

/// What a work is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The weights are learned from it.
    Train,
    /// It decides when to stop and which model to keep.
    Valid,
    /// Choices made by hand are tried on it: thresholds, stages, options. Only lists of pairs have one (spec C7).
    Develop,
    /// It is used only once, for the reported figures.
    Test,
}

impl Split {
    /// Its name in documents and lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Develop => "develop",
            Self::Test => "test",
        }
    }
}

/// One MIDI file of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// MD5 of the file's bytes, in hexadecimal.
    pub id: String,
    /// Where it was read from.
    pub path: PathBuf,
    /// Its name without the parts that distinguish copies; works with the same title are in one split.
    pub title: String,
    /// Works of one group count as the same music: by MD5, title or notes. They are in one split.
    pub group: usize,
    /// What it is used for.
    pub split: Split,
    /// Frames of each variant that has been made.
    pub frames: Vec<usize>,
    /// The recording of each variant; empty if the audio side was rendered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<PathBuf>,
    /// Why there is no pair of it, or not one for every variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// What is odd about its files, which are used all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl Work {
    /// Number of pairs made of it.
    pub fn variants(&self) -> usize {
        self.frames.len()
    }
}

/// Both sides of the same moments: row `i` of each matrix is the same moment of the music.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// (frames × [`WIDE_BINS`]) natural logarithm of the constant-Q magnitudes of the synthesised MIDI, not normalised,
    /// not below `ln 1e-10` (spec A before its logarithm, floor and norm).
    pub midi: Array2<f32>,
    /// The same for the recording.
    pub audio: Array2<f32>,
    /// (frames × [`WIDE_BINS`]) piano roll: summed velocity (1–127 per note) of all notes except drums, each weighted
    /// by the part of the frame in which it sounds; rows not normalised.
    pub roll: Array2<f32>,
    /// Time on the MIDI file's own clock at each frame, in seconds: if its tempo differs from the recording's, this is
    /// the warp.
    pub midi_time: Vec<f32>,
}

impl Pair {
    /// The bytes of its file; `made_by` records how it was made.
    fn to_bytes(&self, made_by: &Value) -> core::result::Result<Vec<u8>, String> {
        let frames = self.midi_time.len();
        let halves =
            |matrix: &Array2<f32>| -> Vec<u8> { matrix.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect() };
        let matrices = [("midi", halves(&self.midi)), ("audio", halves(&self.audio)), ("roll", halves(&self.roll))];
        let times: Vec<u8> = self.midi_time.iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut tensors = BTreeMap::new();
        for (name, bytes) in &matrices {
            let view = TensorView::new(Dtype::F16, vec![frames, WIDE_BINS], bytes);
            tensors.insert(*name, view.map_err(|error| format!("{name}: {error}"))?);
        }
        let view = TensorView::new(Dtype::F32, vec![frames], &times);
        tensors.insert("midi_time", view.map_err(|error| format!("midi_time: {error}"))?);
        // A single entry: we can't control the order of entries in the file, and the same pair must give the same
        // bytes.
        let metadata = HashMap::from([("antiphon".to_owned(), made_by.to_string())]);
        safetensors::serialize(tensors, Some(metadata)).map_err(|error| error.to_string())
    }

    fn from_bytes(bytes: &[u8]) -> core::result::Result<Self, String> {
        let tensors =
            SafeTensors::deserialize(bytes).map_err(|error| format!("not a whole safetensors file: {error}"))?;
        let time = tensors.tensor("midi_time").map_err(|_| "no tensor midi_time".to_owned())?;
        let &[frames] = time.shape() else {
            return Err(format!("midi_time has {} dimensions, 1 expected", time.shape().len()));
        };
        if time.dtype() != Dtype::F32 {
            return Err(format!("midi_time is {}, F32 expected", time.dtype()));
        }
        let numbers = time.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let midi_time: Vec<f32> = numbers.collect();
        let matrix = |name: &str| {
            let tensor = tensors.tensor(name).map_err(|_| format!("no tensor {name}"))?;
            if (tensor.dtype(), tensor.shape()) != (Dtype::F16, &[frames, WIDE_BINS]) {
                let (kind, shape) = (tensor.dtype(), tensor.shape());
                return Err(format!("{name} is {kind} {shape:?}, F16 [{frames}, {WIDE_BINS}] expected"));
            }
            let halves: Vec<f16> = tensor.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]])).collect();
            let values = halves.to_f32_vec();
            match values.iter().position(|x| !x.is_finite()) {
                Some(at) => Err(format!("{name} holds {} at frame {}", values[at], at / WIDE_BINS)),
                None => Array2::from_shape_vec((frames, WIDE_BINS), values).map_err(|error| format!("{name}: {error}")),
            }
        };
        if let Some(at) = midi_time.iter().position(|x| !x.is_finite()) {
            return Err(format!("midi_time holds {} at frame {at}", midi_time[at]));
        }
        Ok(Self { midi: matrix("midi")?, audio: matrix("audio")?, roll: matrix("roll")?, midi_time })
    }
}

/// An opened data set.
#[derive(Debug, Clone)]
pub struct Dataset {
    folder: PathBuf,
    parameters: Value,
    works: Vec<Work>,
}

/// `dataset.json`.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    parameters: Value,
    first_note: u8,
    bins: usize,
    frame_s: f64,
    works: Vec<Work>,
}

impl Dataset {
    /// Reads `dataset.json` of a folder; pairs are read one by one.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Dataset`] if the file is not one of ours, is damaged or newer, or has other bins or
    /// frames.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = Self::document_of(folder);
        let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let damaged = |reason: String| Error::Dataset { reason, path: path.clone() };
        let value: Value = files::parse_json(text.as_bytes()).map_err(|error| damaged(error.to_string()))?;
        match value.get("format").and_then(Value::as_str) {
            Some(FORMAT) => {}
            Some(other) => return Err(damaged(format!("its format is {other:?}, {FORMAT:?} is read"))),
            None => return Err(damaged(format!("it names no format, {FORMAT:?} is read"))),
        }
        let document: Document = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        if (document.first_note, document.bins) != (WIDE_FIRST_NOTE, WIDE_BINS)
            || (document.frame_s - FRAME_S).abs() > 1e-9
        {
            let Document { first_note, bins, frame_s, .. } = document;
            let found = format!("{bins} bins from note {first_note}, frames of {frame_s:.4} s");
            return Err(damaged(format!("{found}; {WIDE_BINS} from {WIDE_FIRST_NOTE}, {FRAME_S:.4} s are read")));
        }
        // An id becomes a file name, so it must not lead out of the folder.
        if let Some(work) = document.works.iter().find(|work| !is_id(&work.id)) {
            return Err(damaged(format!("the id {:?} is not an MD5 in hexadecimal", work.id)));
        }
        Ok(Self { folder: folder.to_path_buf(), parameters: document.parameters, works: document.works })
    }

    /// A data set yet to be written: [`save`](Self::save) writes its document.
    pub fn new(folder: &Path, parameters: Value, works: Vec<Work>) -> Self {
        Self { folder: folder.to_path_buf(), parameters, works }
    }

    /// Creates its folders if they are missing and writes `dataset.json` atomically.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self) -> Result<()> {
        let document = json!({
            "antiphon": env!("CARGO_PKG_VERSION"),
            "format": FORMAT,
            "parameters": self.parameters,
            "first_note": WIDE_FIRST_NOTE,
            "bins": WIDE_BINS,
            "frame_s": FRAME_S,
            "works": self.works,
        });
        files::create_folder(&Self::pairs_of(&self.folder))?;
        files::write(&Self::document_of(&self.folder), format!("{document:#}\n").as_bytes())
    }

    /// The parameters it was made with.
    pub fn parameters(&self) -> &Value {
        &self.parameters
    }

    /// The works of a split that have pairs, in the order of the document.
    pub fn works(&self, split: Split) -> impl Iterator<Item = &Work> {
        self.works.iter().filter(move |work| work.split == split && work.variants() > 0)
    }

    /// All works, including skipped ones.
    pub fn all_works(&self) -> &[Work] {
        &self.works
    }

    /// Reads both sides of a variant of a work.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Dataset`] if the file is cut short, is of another kind, or holds values that are not
    /// numbers.
    pub fn load(&self, work: &Work, variant: usize) -> Result<Pair> {
        let path = Self::pair_of(&self.folder, &work.id, variant);
        let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
        Pair::from_bytes(&bytes).map_err(|reason| Error::Dataset { reason, path })
    }

    /// How a variant of a work was made: its recording or soundfont and everything that was drawn at random.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn made_by(&self, work: &Work, variant: usize) -> Result<Value> {
        let path = Self::pair_of(&self.folder, &work.id, variant);
        let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
        let read = || {
            let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| error.to_string())?;
            let text = metadata.metadata().as_ref().and_then(|entries| entries.get("antiphon")).ok_or("no metadata")?;
            serde_json::from_str(text).map_err(|error| error.to_string())
        };
        read().map_err(|reason| Error::Dataset { reason, path: path.clone() })
    }

    /// Writes a pair below `folder` atomically; `made_by` is kept in the file's metadata.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Dataset`] if its parts differ in length.
    pub fn store(folder: &Path, id: &str, variant: usize, pair: &Pair, made_by: &Value) -> Result<()> {
        let path = Self::pair_of(folder, id, variant);
        let bytes = pair.to_bytes(made_by).map_err(|reason| Error::Dataset { reason, path: path.clone() })?;
        files::write(&path, &bytes)
    }

    /// Records the outcome for the work at `entry`.
    pub(super) fn set(&mut self, entry: usize, frames: Vec<usize>, skipped: Option<String>) {
        if let Some(work) = self.works.get_mut(entry) {
            (work.frames, work.skipped) = (frames, skipped);
        }
    }

    /// The path of a data set's document.
    pub(crate) fn document_of(folder: &Path) -> PathBuf {
        folder.join("dataset.json")
    }

    /// The path of the folder of pairs.
    pub(crate) fn pairs_of(folder: &Path) -> PathBuf {
        folder.join("pairs")
    }

    fn pair_of(folder: &Path, id: &str, variant: usize) -> PathBuf {
        Self::pairs_of(folder).join(format!("{id}-{variant}.safetensors"))
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn work(frames: usize) -> Work {
        Work {
            id: ID.into(),
            path: "a.mid".into(),
            title: "a".into(),
            group: 0,
            split: Split::Valid,
            frames: vec![frames],
            recordings: Vec::new(),
            skipped: None,
            warning: None,
        }
    }

    fn pair(frames: usize) -> Pair {
        let matrix = |from: f32| Array2::from_shape_fn((frames, WIDE_BINS), |(i, j)| from - (i * 3 + j) as f32 / 8.0);
        let midi_time = (0..frames).map(|i| i as f32 * 0.05).collect();
        Pair { midi: matrix(0.0), audio: matrix(2.0), roll: matrix(90.0), midi_time }
    }

    fn stored(frames: usize) -> (tempfile::TempDir, Dataset) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(Dataset::pairs_of(folder.path())).expect("a folder");
        Dataset::store(folder.path(), ID, 0, &pair(frames), &json!({"seed": 1})).expect("stored");
        Dataset::new(folder.path(), json!({"seed": 1}), vec![work(frames)]).save().expect("saved");
        let data = Dataset::open(folder.path()).expect("opened");
        (folder, data)
    }

    #[test]
    fn what_is_stored_is_loaded() {
        let (_folder, data) = stored(7);
        assert_eq!((data.works(Split::Valid).count(), data.works(Split::Train).count()), (1, 0));
        assert_eq!(data.parameters()["seed"], 1);
        let work = data.works(Split::Valid).next().expect("one");
        // All values are multiples of an eighth, which a half float holds.
        assert_eq!(data.load(work, 0).expect("loaded"), pair(7));
        assert_eq!(data.made_by(work, 0).expect("metadata")["seed"], 1);
        assert!(matches!(data.load(work, 1), Err(Error::Io { .. })));
    }

    #[test]
    fn a_document_of_another_kind_is_refused_with_its_reason() {
        let (folder, _) = stored(1);
        let path = Dataset::document_of(folder.path());
        let whole = std::fs::read_to_string(&path).expect("read");
        for (from, to, reason) in [
            ("dataset/1", "dataset/2", "\"dataset/2\""),
            ("\"bins\": 60", "\"bins\": 48", "48 bins"),
            (ID, "../../../../etc/passwd", "not an MD5"),
            ("\"format\"", "\"kind\"", "names no format"),
            ("\"valid\"", "\"best\"", "best"),
        ] {
            std::fs::write(&path, whole.replace(from, to)).expect("written");
            let error = Dataset::open(folder.path()).expect_err(reason);
            assert!(matches!(error, Error::Dataset { .. }) && error.to_string().contains(reason), "{error}");
        }
        std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
        assert!(matches!(Dataset::open(folder.path()), Err(Error::Dataset { .. })));
    }

    #[test]
    fn a_pair_that_is_not_finite_or_of_other_shape_is_refused() {
        let (folder, data) = stored(2);
        let store = |pair: &Pair| Dataset::store(folder.path(), ID, 0, pair, &Value::Null);
        let mut broken = pair(2);
        broken.audio[[1, 5]] = f32::NAN;
        store(&broken).expect("stored");
        let error = data.load(&data.works[0], 0).expect_err("not finite").to_string();
        assert!(error.contains("audio holds NaN at frame 1"), "{error}");
        assert!(store(&Pair { midi: Array2::zeros((3, WIDE_BINS)), ..pair(2) }).is_err());
    }

    proptest! {
        #[test]
        fn a_damaged_pair_is_an_error_and_not_a_panic(cut in 0_usize..3000, at in 0_usize..3000, value: u8) {
            let mut bytes = pair(3).to_bytes(&Value::Null).expect("bytes");
            prop_assert!(Pair::from_bytes(&bytes[..cut.min(bytes.len() - 1)]).is_err());
            let at = at % bytes.len();
            bytes[at] = value;
            // Either result is right; the property is that there is one.
            drop(Pair::from_bytes(&bytes));
        }
    }
}
