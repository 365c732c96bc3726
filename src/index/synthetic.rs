//! An index of any size without music in it, to see how a search scales.

use super::build::{create, take_back};
use super::writer::{Record, Writer};
use super::{About, Embedder, Entry};
use crate::embedding::{self, EmbeddingArchitecture, EmbeddingModel, unit_length};
use crate::error::Result;
use crate::features::FRAME_S;
use crate::hashing::{HashModel, Side};
use crate::job::Progress;
use crate::synth::SoundFont;
use ndarray::{Array1, Array2};
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, StandardNormal};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Entries made at a time.
const BATCH: usize = 16_384;
/// Entries per segment.
const SEGMENT: usize = 262_144;
/// Shortest and longest sequence: clips of 30 to 60 s at 0.37 s a code.
const CODES: std::ops::RangeInclusive<usize> = 81..=160;
/// Seconds of a code.
const CODE_S: f64 = 8.0 * FRAME_S;
/// Codes of a sequence at most: ten hours.
const MOST_CODES: f64 = 97_000.0;
/// Deviation of the noise that sets the vector of a window apart from that of the whole, on each value.
const WINDOWS_APART: f32 = 0.075;
/// Share of the bits that change from one code to the next: music lingers.
const CHANGE: f64 = 0.12;
/// Directions that account for most of the variance of embeddings.
const DIRECTIONS: usize = 24;

/// Begins an index in `folder` and fills it with `entries` sequences that sound of nothing: codes of 32 bits, each
/// differing from the one before by some of its bits, and embeddings of 128 values and unit length that vary mostly in 24
/// directions. They are clips, of 81 to 160 codes and one vector, or songs that last `seconds`, a fifth more or less, with a vector
/// for each window, near that of the whole, as songs have them. There are no levels, so nothing can be aligned. The same seed makes the same index.
///
/// # Errors
/// As for [`create`]; [`Error::Cancelled`](crate::Error::Cancelled).
pub fn synthesize(folder: &Path, entries: usize, seconds: Option<f64>, seed: u64, progress: &Progress) -> Result<()> {
    let hash = HashModel::bundled()?;
    let model = EmbeddingModel::new(EmbeddingArchitecture::antiphon(), seed)?;
    create(folder, &hash, &Embedder::Model(Box::new(model)), &SoundFont::bundled()?)?;
    let outcome = fill(folder, entries, seconds, seed, progress);
    if outcome.is_err() {
        take_back(folder);
    }
    outcome
}

fn fill(folder: &Path, entries: usize, seconds: Option<f64>, seed: u64, progress: &Progress) -> Result<()> {
    let mut writer = Writer::open(folder)?;
    let mut random = Pcg64::seed_from_u64(seed);
    let dimension = crate::embedding::EMBEDDED;
    let directions =
        Array2::from_shape_simple_fn((DIRECTIONS, dimension), || StandardNormal.sample(&mut random)) as Array2<f32>;
    for segment in (0..entries).step_by(SEGMENT) {
        let mut file = writer.segment()?;
        let end = (segment + SEGMENT).min(entries);
        for batch in (segment..end).step_by(BATCH) {
            progress.step(batch, entries)?;
            let made: Vec<Record> = (batch..(batch + BATCH).min(end))
                .into_par_iter()
                .map(|number| record(number, seconds, seed, &directions))
                .collect();
            for record in &made {
                file.push(record)?;
            }
        }
        writer.manifest.segments.push(file.finish()?);
        writer.commit()?;
    }
    progress.step(1, 1)
}

fn record(number: usize, seconds: Option<f64>, seed: u64, directions: &Array2<f32>) -> Record {
    let mut random = Pcg64::new(u128::from(seed) << 64 | number as u128, 0xA02B_DBF7_BB3C_0A7A_C28F_A16A_64AB_F96F);
    let steps = match seconds {
        None => random.random_range(CODES),
        Some(seconds) => (seconds * random.random_range(0.8..1.2) / CODE_S).ceil().clamp(1.0, MOST_CODES) as usize,
    };
    let mut code = random.next_u32();
    let mut codes = Vec::with_capacity(steps);
    for _ in 0..steps {
        codes.push(code);
        let flips = (0..32).filter(|_| random.random_bool(CHANGE)).fold(0, |flips, bit| flips | 1 << bit);
        code ^= flips;
    }
    let weights = Array1::from_shape_simple_fn(DIRECTIONS, || -> f32 { StandardNormal.sample(&mut random) });
    let noise = Array1::from_shape_simple_fn(directions.ncols(), || -> f32 { StandardNormal.sample(&mut random) });
    let mut vector = weights.dot(directions) + noise;
    unit_length(&mut vector);
    // The windows of a song first, then the whole, as an index keeps them.
    let windows =
        if seconds.is_some() { embedding::windows((steps as f64 * CODE_S / FRAME_S) as usize).len() } else { 1 };
    let mut embeddings = Array2::zeros((if windows > 1 { windows + 1 } else { 1 }, vector.len()));
    for mut row in embeddings.rows_mut() {
        row.assign(&vector);
        if windows > 1 {
            let apart = Array1::from_shape_simple_fn(row.len(), || -> f32 { StandardNormal.sample(&mut random) });
            let mut of_window = &row + &(apart * WINDOWS_APART);
            unit_length(&mut of_window);
            row.assign(&of_window);
        }
    }
    if windows > 1 {
        embeddings.row_mut(windows).assign(&vector);
    }
    let mut id = [0; 16];
    random.fill_bytes(&mut id);
    let entry = Entry {
        md5: crate::files::hex(&id),
        side: Side::Audio,
        path: PathBuf::from(format!("/synthetic/{number:08}.mp3")),
        bytes: 0,
        modified_ns: None,
        seconds: steps as f64 * CODE_S,
        tuning: None,
        warning: None,
        about: About { title: Some(format!("Synthetic {number}")), ..About::default() },
    };
    Record { entry, embeddings, codes, levels: Vec::new() }
}
