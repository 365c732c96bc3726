//! Hamming DTW of one query against many sequences: cells per second on one core, for each kernel; and the cost of a
//! pair by hash sequences and by features.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --no-default-features --bench hash_dtw`. The setup of the first cases, 2,048
//! sequences of 200 codes against a query of 500, some of them planted, is also run by numba, if the Python named by
//! `PYTHON` has it.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "peer/mod.rs"]
mod peer;

use antiphon::alignment::published;
use antiphon::features::{Features, FrameTimes};
use antiphon::hashing::{HashBlocks, HashDtw, HashSequence, Kernel, hash_dtw, least_score};
use antiphon::job::Progress;
use ndarray::Array2;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use std::time::Instant;

const STEP_S: f64 = 8.0 * 1024.0 / 22_050.0;

/// CPU seconds of all threads, which other work on the machine disturbs least; wall time where Linux can't report them.
fn cpu_s(start: Instant) -> f64 {
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    };
    let all: Option<Vec<f64>> =
        std::fs::read_dir("/proc/self/task").ok().and_then(|list| list.map(of_thread).collect());
    all.map_or_else(|| start.elapsed().as_secs_f64(), |all| all.iter().sum::<f64>() / 1e9)
}

/// The best and the median time in seconds of nine batches, each of a tenth of a second or more.
fn seconds(mut run: impl FnMut() -> f64) -> [f64; 2] {
    let start = Instant::now();
    let sum = run();
    let mut batch = |repeats: usize| {
        let from = cpu_s(start);
        for _ in 0..repeats {
            assert!((run() - sum).abs() < 1e-6, "runs differ");
        }
        cpu_s(start) - from
    };
    // The thread's clock advances by milliseconds at a time: a single run may appear to take none.
    let mut repeats = 1;
    while batch(repeats) < 0.1 {
        repeats *= 2;
    }
    let mut all: Vec<f64> = (0..9).map(|_| batch(repeats) / repeats as f64).collect();
    all.sort_by(f64::total_cmp);
    [all[0], all[4]]
}

/// Words on the command line select the cases whose names contain one of them.
fn wanted(name: &str) -> bool {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).peekable();
    words.peek().is_none() || words.any(|word| name.contains(&word))
}

fn report(name: &str, cells: usize, run: impl FnMut() -> f64) {
    if !wanted(name) {
        return;
    }
    let [best, median] = seconds(run);
    let rate = |seconds: f64| cells as f64 / seconds / 1e9;
    println!("{name:48} best {:6.3} Gcell/s, median {:6.3} Gcell/s", rate(best), rate(median));
}

fn sum(scores: &[f32]) -> f64 {
    scores.iter().map(|&score| f64::from(score)).sum()
}

fn sequence(codes: Vec<u32>, bits: u32) -> HashSequence {
    HashSequence::new(codes, bits, STEP_S).expect("valid")
}

/// Random sequences, of which every 97th is a warped and noisy copy of the query.
fn database(query: &[u32], lengths: &[usize], bits: u32, random: &mut Pcg64) -> Vec<HashSequence> {
    let one = |(k, &length): (usize, &usize)| {
        let code = |j: usize| {
            if k.is_multiple_of(97) {
                query[(j * 5 / 2).min(query.len() - 1)] ^ 1 << random.random_range(0..bits)
            } else {
                random.next_u32() >> (32 - bits)
            }
        };
        sequence((0..length).map(code).collect(), bits)
    };
    lengths.iter().enumerate().map(one).collect()
}

fn main() {
    let progress = Progress::silent();
    let mut random = Pcg64::seed_from_u64(0);
    for bits in [32, 16] {
        let params = HashDtw::for_bits(bits);
        let query: Vec<u32> = (0..500).map(|_| random.next_u32() >> (32 - bits)).collect();
        let equal = vec![200; 2048];
        let mixed: Vec<usize> = (0..2048).map(|_| random.random_range(80..800)).collect();
        for (what, lengths) in [("2048 of 200", &equal), ("2048 of 80 to 800", &mixed)] {
            let sequences = database(&query, lengths, bits, &mut random);
            let cells = query.len() * lengths.iter().sum::<usize>();
            let blocks = HashBlocks::new(&sequences).expect("same bits");
            let asked = sequence(query.clone(), bits);
            for kernel in Kernel::available() {
                let run = || sum(&blocks.scores_by(kernel, &asked, params, &progress).expect("not cancelled"));
                report(&format!("{bits} bits, {what}, {kernel:?}"), cells, run);
            }
            if bits == 32 && what == "2048 of 200" {
                if wanted("32 bits, 2048 of 200, numba")
                    && let Some(seconds) = peer::seconds(&["numba", "500", "200", "2048"])
                {
                    println!("{:48} best {:6.3} Gcell/s", "32 bits, 2048 of 200, numba", cells as f64 / seconds / 1e9);
                }
                let bound = || sequences.iter().map(|s| f64::from(least_score(&query, s.codes(), params))).sum();
                report(&format!("{bits} bits, {what}, bound"), cells, bound);
            }
        }
    }

    if !wanted("pair") {
        return;
    }
    // The cost of a pair of three minutes: frames of 46 ms, codes of eight frames.
    let (frames, steps) = (3_900, 488);
    let features = |random: &mut Pcg64| {
        let mut rows = Array2::from_shape_simple_fn((frames, 48), || -random.random::<f32>());
        for mut row in rows.rows_mut() {
            let length = row.dot(&row).sqrt();
            row /= length;
        }
        Features { frames: rows, times: FrameTimes::Regular(STEP_S / 8.0) }
    };
    let (x, y) = (features(&mut random), features(&mut random));
    let by_features = seconds(|| published::gen2(&x, &y, &progress).expect("a path").score)[0];
    let query: Vec<u32> = (0..steps).map(|_| random.next_u32()).collect();
    let others = database(&query, &vec![steps; 320], 32, &mut random);
    let one = seconds(|| f64::from(hash_dtw(&query, others[1].codes(), HashDtw::GEN2)))[0];
    let blocks = HashBlocks::new(&others).expect("same bits");
    let asked = sequence(query, 32);
    let many = seconds(|| sum(&blocks.scores(&asked, HashDtw::GEN2, &progress).expect("not cancelled")))[0] / 320.0;
    println!(
        "a pair of {frames} × {frames} frames by features {:.1} ms; of {steps} × {steps} codes {:.3} ms alone ({:.0} ×), {:.4} ms among many ({:.0} ×)",
        by_features * 1e3,
        one * 1e3,
        by_features / one,
        many * 1e3,
        by_features / many
    );
}
