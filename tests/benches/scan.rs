//! The first stage of a search alone: a million embeddings of 128 values against one, by each kernel, on one core.
//!
//! `cargo bench --no-default-features --bench scan`. Times are CPU seconds of this thread, best and median of nine.
//! faiss runs alongside, if the Python named by `PYTHON` has it.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "peer/mod.rs"]
mod peer;

use antiphon::index::ScanKernel;
use half::f16;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use std::time::Instant;

const ROWS: usize = 1_000_000;

/// CPU seconds of this thread, which other work on the machine disturbs least; wall time where Linux can't report them.
fn cpu_s(start: Instant) -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = text.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

fn main() {
    let mut random = Pcg64::seed_from_u64(0);
    let mut value = || random.random_range(-1.0..1.0_f32);
    for dimension in [128, 96] {
        let faiss = peer::seconds(&["faiss", &ROWS.to_string(), &dimension.to_string()]);
        let rows: Vec<u16> = (0..ROWS * dimension).map(|_| f16::from_f32(value()).to_bits()).collect();
        for asked in [1, 8] {
            let queries: Vec<f32> = (0..asked * dimension).map(|_| value()).collect();
            let mut out = vec![0.0; ROWS];
            for kernel in ScanKernel::available() {
                let start = Instant::now();
                let mut seconds: Vec<f64> = (0..9)
                    .map(|_| {
                        let from = cpu_s(start);
                        kernel.nearest(&rows, dimension, &queries, &mut out);
                        cpu_s(start) - from
                    })
                    .collect();
                seconds.sort_by(f64::total_cmp);
                let rate = |s: f64| (rows.len() * 2) as f64 / s / 1e9;
                println!(
                    "{ROWS} × {dimension}, {asked} queries, {kernel:?}: best {:.1} ms ({:.1} GB/s), median {:.1} ms",
                    seconds[0] * 1e3,
                    rate(seconds[0]),
                    seconds[4] * 1e3
                );
                if let Some(faiss) = faiss.filter(|_| asked == 1) {
                    println!("    faiss {:.1} ms: {:.1} ×", faiss * 1e3, faiss / seconds[0]);
                }
            }
        }
    }
}
