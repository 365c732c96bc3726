//! Data sets, models and trainings, and the output of models for a recording.

use super::{RECORDING, SECOND, TOO_SHORT, copied, json, json_lines, npy, sample, silent};
use antiphon::audio::Keep;
use antiphon::dataset::{self, Dataset, Font, Pair, Split, Synthesis, Work};
use antiphon::embedding::{EmbeddingArchitecture, EmbeddingModel, squared_distance};
use antiphon::features::{FRAME_S, WIDE_BINS};
use antiphon::hashing::{Architecture, HashModel, HashSequence, Side};
use antiphon::pair::{self, AudioSide};
use antiphon::toy::Task;
use antiphon::toy::table::{Cell, ToyTable};
use antiphon::training::{
    EmbeddingMeasured, EmbeddingOptions, Measured, Options, Processor, train_embedding, train_hash,
};
use ndarray::{Array1, Array2};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn recording() -> AudioSide {
    pair::load_audio(&sample(RECORDING), Keep::Analysis, &silent()).unwrap()
}

fn floats(name: &str) -> (Vec<f32>, Vec<usize>) {
    let (values, shape) = npy(&sample(name), "<f4");
    (values.into_iter().map(f32::from_le_bytes).collect(), shape)
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_value(json(&sample(name))).unwrap()
}

#[test]
fn features_of_0_1_0_are_those_of_today() {
    let ((was, shape), is) = (floats("arrays/features.npy"), recording().features.frames);
    assert_eq!(shape, [is.nrows(), is.ncols()]);
    let mean = was.iter().zip(&is).map(|(was, is)| (was - is).abs()).sum::<f32>() / was.len() as f32;
    assert!(mean < 1e-3, "{mean}");
}

#[test]
fn a_hash_model_of_0_1_0_gives_the_codes_that_it_gave() {
    let model = HashModel::load(&sample("models/hash.safetensors")).unwrap();
    assert_eq!((model.bits(), model.downsampling()), (16, 8));
    assert_eq!(*model.architecture(), read::<Architecture>("models/hash.json"));
    let record = model.record();
    assert_eq!((record.antiphon.as_str(), record.data.as_slice()), ("0.1.0", ["data".to_owned()].as_slice()));
    assert_eq!((record.works, record.pairs, record.valid_works), (4, 4, 2));
    assert_eq!((record.step, record.steps, record.validation_bc), (200, 300, 0.109_375));
    assert_eq!(record.options["seed"], 5);

    let codes = HashSequence::of(&model, Side::Audio, recording().spectrum().logarithm().window(0), FRAME_S).unwrap();
    let (was, shape) = npy(&sample("arrays/codes.npy"), "<u4");
    assert_eq!((shape, codes.len()), (vec![32], 32));
    let different: u32 =
        was.into_iter().map(u32::from_le_bytes).zip(codes.codes()).map(|(was, is)| (was ^ is).count_ones()).sum();
    assert!(different <= 32 * 16 / 50, "{different} bits differ");
}

#[test]
fn an_embedding_model_of_0_1_0_gives_the_vector_that_it_gave() {
    let model = EmbeddingModel::load(&sample("models/embedding.safetensors")).unwrap();
    assert_eq!(*model.architecture(), read::<EmbeddingArchitecture>("models/embedding.json"));
    let record = model.record();
    assert_eq!((record.antiphon.as_str(), record.works, record.valid_works), ("0.1.0", 4, 2));
    assert_eq!((record.step, record.validation_mrr), (100, 0.75));
    assert_eq!(record.validation_distances.matching.iter().sum::<u64>(), 2);
    assert_eq!(record.options["tempo"].as_f64(), Some(1.25));

    let embedded = model.embed(Side::Audio, recording().spectrum().logarithm().window(0));
    let ((vector, shape), (attention, frames)) = (floats("arrays/embedding.npy"), floats("arrays/attention.npy"));
    assert_eq!((shape, frames), (vec![1, 128], vec![1, embedded.attention.len()]));
    let distance = squared_distance(Array1::from(vector).view(), embedded.vector.view()).sqrt();
    assert!(distance < 0.01, "{distance}");
    let apart: f32 = attention.iter().zip(&embedded.attention).map(|(was, is)| (was - is).abs()).sum();
    assert!(apart < 0.01, "{apart}");
}

/// The data that the trainings of the samples learned from, by the formula of `parts.py data`.
fn data(folder: &Path) -> PathBuf {
    const FRAMES: usize = 700;
    let data = folder.join("data");
    std::fs::create_dir_all(data.join("pairs")).unwrap();
    let work = |index: usize| {
        let value = |(t, b): (usize, usize)| -(((t / 8 * 31 + b * 17 + index * 13) % 23) as f32) / 3.0;
        let midi = Array2::from_shape_fn((FRAMES, WIDE_BINS), value);
        let id = format!("{index:032x}");
        let pair = Pair { audio: midi.clone(), roll: midi.clone(), midi, midi_time: vec![0.0; FRAMES] };
        Dataset::store(&data, &id, 0, &pair, &Value::Null).unwrap();
        let split = [Split::Train, Split::Train, Split::Valid, Split::Test][index % 4];
        let (path, title) = (PathBuf::from("a.mid"), index.to_string());
        let (recordings, skipped) = (Vec::new(), None);
        Work { id, path, title, group: index, split, frames: vec![FRAMES], recordings, skipped, warning: None }
    };
    Dataset::new(&data, Value::Null, (0..8).map(work).collect()).save().unwrap();
    data
}

/// The steps at which lines of `training.jsonl` were written.
fn logged(training: &Path) -> Vec<Value> {
    json_lines(&training.join("training.jsonl")).into_iter().map(|line| line["step"].clone()).collect()
}

#[test]
fn a_training_of_hash_networks_that_0_1_0_began_goes_on() {
    let (folder, training) = copied("training/hash");
    hash_goes_on(folder.path(), &training);
}

/// A training of hash networks in `training`, interrupted at step 200, goes on with data made in `folder`.
pub(super) fn hash_goes_on(folder: &Path, training: &Path) {
    let line = &json_lines(&training.join("training.jsonl"))[0];
    let measured: Measured = serde_json::from_value(line.clone()).unwrap();
    assert_eq!((measured.step, measured.steps, measured.bc), (200, 300, 0.109_375));
    assert_eq!(measured.distances, (2.695_312_5, 6.648_437_5));

    let output = training.join("hash.safetensors");
    let options = HashModel::load(&output).unwrap().record().options.clone();
    let options: Options = serde_json::from_value(options).unwrap();
    let (data, mut steps) = (data(folder), Vec::new());
    let mut report = |measured: &Measured| steps.push(measured.step);
    let model = train_hash(&[data], &options, &output, Processor::Cpu, &silent(), &mut report).unwrap();
    // If it had started over, it would be measured at step 200 first.
    assert_eq!((steps, model.record().steps), (vec![300], 300));
    assert_eq!(logged(training), [200, 300]);
    assert!(!training.join("hash.safetensors.checkpoint").exists());
}

#[test]
fn a_training_of_embedding_networks_that_0_1_0_began_goes_on() {
    let (folder, training) = copied("training/embedding");
    embedding_goes_on(folder.path(), &training);
}

/// A training of embedding networks in `training`, interrupted at step 100, goes on with data made in `folder`.
pub(super) fn embedding_goes_on(folder: &Path, training: &Path) {
    let line = &json_lines(&training.join("training.jsonl"))[0];
    let measured: EmbeddingMeasured = serde_json::from_value(line.clone()).unwrap();
    assert_eq!((measured.step, measured.validation.pairs, measured.validation.mrr), (100, 2, 0.75));

    let output = training.join("embedding.safetensors");
    let options = EmbeddingModel::load(&output).unwrap().record().options.clone();
    let options: EmbeddingOptions = serde_json::from_value(options).unwrap();
    let (data, mut steps) = (data(folder), Vec::new());
    let mut report = |measured: &EmbeddingMeasured| steps.push(measured.step);
    train_embedding(&[data], &options, &output, &silent(), &mut report).unwrap();
    assert_eq!(steps, [150]);
    assert_eq!(logged(training), [100, 150]);
    assert!(!training.join("embedding.safetensors.checkpoint").exists());
}

#[test]
fn data_sets_of_0_1_0_open_with_their_works_and_pairs() {
    let rendered = Dataset::open(&sample("dataset/synthesized")).unwrap();
    assert_eq!((&rendered.parameters()["made_by"], &rendered.parameters()["seed"]), (&"synthesize".into(), &2.into()));
    let works = rendered.all_works();
    let titles: Vec<&str> = works.iter().map(|work| work.title.as_str()).collect();
    assert_eq!(titles, ["ann other second tune", "ann other too short"]);
    assert!(works[1].frames.is_empty() && works[1].skipped.as_ref().unwrap().contains("too little music, 6 notes"));
    let work = rendered.works(Split::Train).next().unwrap();
    assert_eq!(work.id, "dc185b35fcb509e2a8b61889606bc963");
    assert_eq!(work.frames, [205, 200]);
    for variant in 0..work.variants() {
        let pair = rendered.load(work, variant).unwrap();
        assert_eq!((pair.midi.dim(), pair.midi_time.len()), ((work.frames[variant], WIDE_BINS), work.frames[variant]));
        assert!(pair.midi_time.is_sorted() && pair.roll.iter().any(|&velocity| velocity > 60.0));
        assert_eq!(rendered.made_by(work, variant).unwrap()["soundfont"], "bundled");
    }

    let aligned = Dataset::open(&sample("dataset/aligned")).unwrap();
    let work = aligned.works(Split::Valid).next().unwrap();
    assert_eq!((work.frames.as_slice(), work.recordings.len()), ([236].as_slice(), 1));
    assert!(work.recordings[0].ends_with("Ann Other - First Tune.wav"), "{work:?}");
    assert_eq!(aligned.load(work, 0).unwrap().audio.dim(), (236, WIDE_BINS));
    assert_eq!(aligned.made_by(work, 0).unwrap()["confidence"].as_f64(), Some(1.0));
}

#[test]
fn a_data_set_of_0_1_0_goes_on_with_the_pairs_that_it_has() {
    let (_folder, folder) = copied("dataset/synthesized");
    let font = Font::open(None).unwrap();
    // As named on the command line, relative to the folder of the sources.
    let source = |name: &str| PathBuf::from(format!("tests/data/samples/0.1.0/{name}"));
    let what = Synthesis {
        sources: vec![source(SECOND), source(TOO_SHORT)],
        hold_out: Vec::new(),
        midi_font: font.clone(),
        audio_fonts: vec![font],
        test_font: None,
        seconds: 10.0,
        variants: 2,
        limit: None,
        seed: 2,
    };
    let made = dataset::synthesize(&what, &folder, &silent()).unwrap();
    assert_eq!((made.made, made.kept, made.skipped.len()), (0, 2, 1), "{made:?}");
}

#[test]
fn a_toy_table_of_0_1_0_goes_on_with_the_run_in_work() {
    let (_folder, folder) = copied("toy");
    let running = json(&folder.join("running.json"));
    let task: Task = serde_json::from_value(running["task"].clone()).unwrap();
    let mut table = ToyTable::open(&folder).unwrap();
    assert_eq!(table.runs().len(), 3);
    assert_eq!((table.runs()[0].accuracy(), table.best(task)), (1.0, None));
    // One epoch is allowed and has been used: a run that started over would learn.
    let cell = Cell { task, learning_rates: vec![table.runs()[0].learning_rate], most_epochs: 1 };
    table.fill(&[cell], 1, &silent(), |_, _, _, _| panic!("the run was begun anew")).unwrap();
    let finished = table.best(task).unwrap();
    assert_eq!((finished.accuracy(), finished.epochs.len()), (0.953, 1));
}
