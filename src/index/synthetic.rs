//! An index of any size without music in it: how does a search grow?

use super::build::{create, take_back};
use super::writer::{Record, Writer};
use super::{About, Embedder, Entry};
use crate::embedding::{EmbeddingArchitecture, EmbeddingModel, unit_length};
use crate::error::Result;
use crate::hashing::{HashModel, Side};
use crate::job::Progress;
use crate::synth::SoundFont;
use ndarray::{Array1, Array2};
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, StandardNormal};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Entries that are made at a time.
const BATCH: usize = 16_384;
/// Entries of a segment.
const SEGMENT: usize = 262_144;
/// Shortest and longest sequence: clips of 30 to 60 s at 0.37 s a code.
const CODES: std::ops::RangeInclusive<usize> = 81..=160;
/// Part of the bits that change from one code to the next: music stays for a while.
const CHANGE: f64 = 0.12;
/// Directions that hold most of what embeddings vary by.
const DIRECTIONS: usize = 24;

/// Begins an index in `folder` and fills it with `entries` sequences that sound of nothing: 81 to 160 codes of 32 bits, each
/// differing from the one before by some of its bits, and embeddings of 128 values and unit length that vary mostly in 24
/// directions. There are no levels, so nothing can be aligned. The same seed makes the same index.
///
/// # Errors
/// As for [`create`]; [`Error::Cancelled`](crate::Error::Cancelled).
pub fn synthesize(folder: &Path, entries: usize, seed: u64, progress: &Progress) -> Result<()> {
    let hash = HashModel::bundled()?;
    let model = EmbeddingModel::new(EmbeddingArchitecture::antiphon(), seed)?;
    create(folder, &hash, &Embedder::Model(Box::new(model)), &SoundFont::bundled()?)?;
    let outcome = fill(folder, entries, seed, progress);
    if outcome.is_err() {
        take_back(folder);
    }
    outcome
}

fn fill(folder: &Path, entries: usize, seed: u64, progress: &Progress) -> Result<()> {
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
                .map(|number| record(number, seed, &directions))
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

fn record(number: usize, seed: u64, directions: &Array2<f32>) -> Record {
    let mut random = Pcg64::new(u128::from(seed) << 64 | number as u128, 0xA02B_DBF7_BB3C_0A7A_C28F_A16A_64AB_F96F);
    let steps = random.random_range(CODES);
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
    let mut id = [0; 16];
    random.fill_bytes(&mut id);
    let entry = Entry {
        md5: crate::files::hex(&id),
        side: Side::Audio,
        path: PathBuf::from(format!("/synthetic/{number:08}.mp3")),
        bytes: 0,
        modified_ns: None,
        seconds: steps as f64 * 8.0 * crate::features::FRAME_S,
        tuning: None,
        warning: None,
        about: About { title: Some(format!("Synthetic {number}")), ..About::default() },
    };
    Record { entry, embeddings: vector.insert_axis(ndarray::Axis(0)), codes, levels: Vec::new() }
}
