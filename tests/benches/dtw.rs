//! Path DTW on 48-dimensional features, with distances computed on the fly: cells per second on one core.
//!
//! `cargo bench --no-default-features --bench dtw`. The peer is numba on a precomputed distance matrix.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use antiphon::alignment::dtw::{Corridor, DtwParams, dtw, dtw_features, dtw_features_16bit};
use antiphon::job::Progress;
use ndarray::Array2;
use std::ops::Range;
use std::sync::LazyLock;
use std::time::Instant;

fn features(frames: usize, seed: u64) -> Array2<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut rows = Array2::from_shape_simple_fn((frames, 48), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    });
    for mut row in rows.rows_mut() {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    rows
}

/// CPU seconds of this thread, which other work on the machine disturbs least; wall time where Linux can't report them.
fn cpu_s() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

/// Prints the best and the median of nine batches of runs.
fn measure(name: &str, cells: usize, mut run: impl FnMut() -> f64) {
    // Words on the command line select the cases whose names contain one of them.
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).peekable();
    if words.peek().is_some() && !words.any(|word| name.contains(&word)) {
        return;
    }
    let cost = run();
    // Batches of about a fifth of a second, because the thread's clock may advance by milliseconds at a time.
    let repeats = 200_000_000_usize.div_ceil(cells);
    let mut batch = || {
        let start = cpu_s();
        for _ in 0..repeats {
            assert!((run() - cost).abs() < 1e-9, "runs differ");
        }
        (cpu_s() - start) / repeats as f64
    };
    let mut seconds: Vec<f64> = (0..9).map(|_| batch()).collect();
    seconds.sort_by(f64::total_cmp);
    let rate = |seconds: f64| cells as f64 / seconds / 1e9;
    let [best, median] = [seconds[0], seconds[4]];
    println!(
        "{name:32} best {:7.2} ms, {:.3} Gcell/s; median {:7.2} ms, {:.3} Gcell/s; cost {cost:.4}",
        best * 1e3,
        rate(best),
        median * 1e3,
        rate(median)
    );
}

fn main() {
    let progress = Progress::silent();
    let params = DtwParams::published(0.96, 0.24);
    for (rows, columns) in [(2000, 2000), (5168, 5168), (5000, 8000)] {
        let (x, mut y) = (features(rows, 1), features(columns, 2));
        for (i, mut row) in y.rows_mut().into_iter().enumerate() {
            row *= 0.3;
            row += &x.row(i * rows / columns);
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
        let whole = Corridor::full(rows, columns);
        measure(&format!("features {rows} × {columns}"), rows * columns, || {
            dtw_features(x.view(), y.view(), &whole, &params, &progress).expect("a path").cost
        });
        measure(&format!("16-bit features {rows} × {columns}"), rows * columns, || {
            dtw_features_16bit(x.view(), y.view(), &whole, &params, &progress).expect("a path").cost
        });
        let diagonal: Vec<(usize, usize)> = (0..rows).map(|i| (i, i * columns / rows)).collect();
        let corridor = Corridor::around(&diagonal, (1, 1), (rows, columns), 150);
        measure(&format!("corridor in {rows} × {columns}"), corridor.cells(), || {
            dtw_features(x.view(), y.view(), &corridor, &params, &progress).expect("a path").cost
        });
        if rows == 2000 {
            let distances = 1.0 - x.dot(&y.t());
            let row = |row: usize, columns: Range<usize>, out: &mut [f32]| {
                out.copy_from_slice(&distances.row(row).to_slice().expect("row-major")[columns]);
            };
            measure(&format!("matrix given {rows} × {columns}"), rows * columns, || {
                dtw(row, &whole, &params, &progress).expect("a path").cost
            });
        }
    }
}
