//! The fast kernel against the obvious one: the whole matrix in `f64`, cell by cell, exactly as the recurrence is
//! written.

use super::*;
use ndarray::Array2;
use proptest::prelude::*;

/// Numbers that look random but are multiples of 1/64, so that sums are exact and ties happen.
fn coarse_costs(rows: usize, columns: usize, seed: u64) -> Array2<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    Array2::from_shape_simple_fn((rows, columns), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 59) as f32 / 64.0
    })
}

/// Accumulated costs and moves (0 start, 1 diagonal, 2 vertical, 3 horizontal).
fn obvious(costs: &Array2<f32>, corridor: &Corridor, params: &DtwParams) -> (Array2<f64>, Array2<u8>) {
    let steps = params.steps;
    let [diagonal, vertical, horizontal, penalty, factor] =
        [steps.diagonal, steps.vertical, steps.horizontal, steps.penalty, steps.factor].map(f64::from);
    let mut total = Array2::from_elem(costs.dim(), f64::INFINITY);
    let mut moves = Array2::zeros(costs.dim());
    for ((i, j), &cost) in costs.indexed_iter() {
        let cost = f64::from(cost);
        let begins = match params.start {
            PathStart::Edges => i == 0 || j == 0,
            PathStart::Corner => i == 0 && j == 0,
        };
        if !corridor.row(i).contains(&j) {
            continue;
        }
        if begins {
            total[(i, j)] = diagonal * cost;
            continue;
        }
        let before = |di: usize, dj: usize| {
            if i < di || j < dj { f64::INFINITY } else { total[(i - di, j - dj)] }
        };
        let candidates = [
            before(1, 1) + diagonal * cost,
            before(1, 0) * factor + penalty + vertical * cost,
            before(0, 1) * factor + penalty + horizontal * cost,
        ];
        let mut best = 0;
        for k in 1..3 {
            if candidates[k] < candidates[best] {
                best = k;
            }
        }
        total[(i, j)] = candidates[best];
        moves[(i, j)] = best as u8 + 1;
    }
    (total, moves)
}

pub(crate) fn obvious_path(costs: &Array2<f32>, corridor: &Corridor, params: &DtwParams) -> (Vec<(usize, usize)>, f64) {
    let (total, moves) = obvious(costs, corridor, params);
    let (rows, columns) = costs.dim();
    let least = rows.min(columns);
    let gully = match params.end {
        End::Corner => usize::MAX,
        End::Gully(gully) if gully < 1.0 => (gully * least as f64) as usize,
        End::Gully(_) => least - 1,
    };
    let first_least = |cells: Vec<(usize, usize)>| {
        cells.into_iter().reduce(|best, cell| if total[cell] < total[best] { cell } else { best }).unwrap()
    };
    let in_column = first_least((gully.min(rows - 1)..rows).map(|i| (i, columns - 1)).collect());
    let in_row = first_least((gully.min(columns - 1)..columns).map(|j| (rows - 1, j)).collect());
    let mut cell = if total[in_row] > total[in_column] { in_column } else { in_row };
    let cost = total[cell];
    let mut path = vec![cell];
    while moves[cell] != 0 {
        cell = match moves[cell] {
            1 => (cell.0 - 1, cell.1 - 1),
            2 => (cell.0 - 1, cell.1),
            _ => (cell.0, cell.1 - 1),
        };
        path.push(cell);
    }
    path.reverse();
    (path, cost)
}

fn rows_of(costs: &Array2<f32>) -> impl FnMut(usize, Range<usize>, &mut [f32]) + '_ {
    move |row, columns, out| out.iter_mut().zip(columns).for_each(|(cost, j)| *cost = costs[(row, j)])
}

/// A corridor between two random staircases.
fn random_corridor(rows: usize, columns: usize, seed: u64) -> Corridor {
    let jitter = coarse_costs(rows, 2, seed);
    let mut before = 0..1;
    let ranges = (0..rows).map(|row| {
        let middle = ((row + 1) * columns).div_ceil(rows);
        let reach = |k: usize| (jitter[(row, k)] * 40.0) as usize;
        let end = if row + 1 == rows { columns } else { (middle + reach(0)).min(columns) }.max(before.end);
        let start = middle.saturating_sub(reach(1) + 2).clamp(before.start, before.end.min(end - 1));
        before = if row == 0 { 0..end } else { start..end };
        before.clone()
    });
    Corridor::new(ranges.collect(), columns).expect("legal by construction")
}

fn step_costs() -> impl Strategy<Value = StepCosts> {
    let weight = prop::sample::select(vec![1.0_f32, 1.5, 2.0]);
    let penalty = prop::sample::select(vec![0.0_f32, 0.125, 0.5]);
    let weighted = (weight.clone(), weight.clone(), weight, penalty.clone()).prop_map(
        |(diagonal, vertical, horizontal, penalty)| StepCosts { diagonal, vertical, horizontal, penalty, factor: 1.0 },
    );
    prop_oneof![penalty.prop_map(StepCosts::penalty), weighted]
}

fn params() -> impl Strategy<Value = DtwParams> {
    let start = prop::sample::select(vec![PathStart::Edges, PathStart::Corner]);
    let end = prop_oneof![Just(End::Corner), (0.0..1.1).prop_map(End::Gully)];
    (start, end, step_costs()).prop_map(|(start, end, steps)| DtwParams { start, end, steps })
}

/// Unit rows that look like features: a slow drift with noise. Every seventh row or so is zero.
pub(crate) fn features(frames: usize, bins: usize, seed: u64) -> Array2<f32> {
    let noise = coarse_costs(frames, bins, seed);
    let mut rows = Array2::from_shape_fn((frames, bins), |(i, d)| {
        let drift = 0.5 + 0.5 * (i as f32 * 0.03 + d as f32).sin();
        -(drift + noise[(i, d)])
    });
    for (i, mut row) in rows.rows_mut().into_iter().enumerate() {
        let norm = row.dot(&row).sqrt();
        row.mapv_inplace(|value| if noise[(i, 0)] < 0.06 { 0.0 } else { value / norm });
    }
    rows
}

fn obvious_distances(x: &Array2<f32>, y: &Array2<f32>) -> Array2<f32> {
    let distance = |(i, j)| {
        let product: f64 = x.row(i).iter().zip(y.row(j)).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        (1.0 - product).max(0.0) as f32
    };
    Array2::from_shape_fn((x.nrows(), y.nrows()), distance)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn path_and_cost_are_those_of_the_obvious_version(
        (rows, columns) in (1_usize..100, 1_usize..420), seed: u64, params in params(), whole: bool,
    ) {
        let costs = coarse_costs(rows, columns, seed);
        let corridor =
            if whole { Corridor::full(rows, columns) } else { random_corridor(rows, columns, seed) };
        let (cells, cost) = obvious_path(&costs, &corridor, &params);
        if let Ok(path) = dtw(rows_of(&costs), &corridor, &params, &Progress::silent()) {
            prop_assert_eq!(path.cells, cells);
            prop_assert!((path.cost - cost).abs() < 1e-9, "{} and {}", path.cost, cost);
        } else {
            prop_assert!(!cost.is_finite());
        }
    }

    #[test]
    fn features_give_the_path_of_their_distances(
        (rows, columns, bins) in (1_usize..140, 1_usize..300, 1_usize..60), seed: u64, params in params(), whole: bool,
    ) {
        let (x, y) = (features(rows, bins, seed), features(columns, bins, !seed));
        let corridor = if whole { Corridor::full(rows, columns) } else { random_corridor(rows, columns, seed) };
        let (_, cost) = obvious_path(&obvious_distances(&x, &y), &corridor, &params);
        if let Ok(path) = dtw_features(x.view(), y.view(), &corridor, &params, &Progress::silent()) {
            // Distances differ in the last bits, so another path can be equally good; then its cost is the same.
            prop_assert!((path.cost - cost).abs() <= 1e-5 * (1.0 + cost), "{} and {}", path.cost, cost);
            prop_assert!(path.cells.iter().all(|&(i, j)| corridor.row(i).contains(&j)));
        } else {
            prop_assert!(!cost.is_finite());
        }
    }

    #[test]
    fn sixteen_bits_give_nearly_the_cheapest_path(
        (rows, columns, bins) in (1_usize..140, 1_usize..300, 1_usize..60), seed: u64, params in params(),
    ) {
        let (x, y) = (features(rows, bins, seed), features(columns, bins, !seed));
        let whole = Corridor::full(rows, columns);
        let exact = dtw_features(x.view(), y.view(), &whole, &params, &Progress::silent()).unwrap();
        let fast = dtw_features_16bit(x.view(), y.view(), &whole, &params, &Progress::silent()).unwrap();
        // Each cell of both paths is off by less than 2.2e-4, and weighs at most 2.
        let margin = 4.4e-4 * (exact.cells.len() + fast.cells.len()) as f64;
        prop_assert!((fast.cost - exact.cost).abs() < margin, "{} and {}", fast.cost, exact.cost);
    }

    #[test]
    fn path_is_connected_and_monotone_and_stays_in_the_corridor(
        (rows, columns) in (1_usize..80, 1_usize..200), seed: u64, params in params(),
    ) {
        let costs = coarse_costs(rows, columns, seed);
        let corridor = random_corridor(rows, columns, seed);
        if let Ok(path) = dtw(rows_of(&costs), &corridor, &params, &Progress::silent()) {
            for pair in path.cells.windows(2) {
                let step = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
                prop_assert!([(0, 1), (1, 0), (1, 1)].contains(&step));
            }
            prop_assert!(path.cells.iter().all(|&(i, j)| corridor.row(i).contains(&j)));
            prop_assert_eq!(path.costs.len(), path.cells.len());
        }
    }

    #[test]
    fn no_random_walk_from_corner_to_corner_is_cheaper(
        (rows, columns) in (1_usize..60, 1_usize..60), seed: u64, steps in step_costs(),
    ) {
        let costs = coarse_costs(rows, columns, seed);
        let params = DtwParams { steps, ..DtwParams::default() };
        let path = dtw(rows_of(&costs), &Corridor::full(rows, columns), &params, &Progress::silent()).unwrap();
        let dice = coarse_costs(1, rows + columns, !seed);
        let mut cells = vec![(0, 0)];
        while cells[cells.len() - 1] != (rows - 1, columns - 1) {
            let (i, j) = cells[cells.len() - 1];
            let (down, right) = (i + 1 < rows, j + 1 < columns);
            let throw = (dice[(0, cells.len())] * 64.0) as usize % 3;
            cells.push(match throw {
                0 if down && right => (i + 1, j + 1),
                1 if down => (i + 1, j),
                _ if right => (i, j + 1),
                _ => (i + 1, j),
            });
        }
        let walked: Vec<f32> = cells.iter().map(|&cell| costs[cell]).collect();
        prop_assert!(path.cost <= total(&cells, &walked, &steps) + 1e-9);
    }

    #[test]
    fn a_multiplied_cost_is_close_to_the_obvious_one(
        (rows, columns) in (1_usize..70, 1_usize..200), seed: u64,
    ) {
        let costs = coarse_costs(rows, columns, seed);
        let steps = StepCosts { factor: 1.03, penalty: 0.1, ..StepCosts::default() };
        let params = DtwParams { steps, ..DtwParams::published(0.9, 0.1) };
        let whole = Corridor::full(rows, columns);
        let (_, cost) = obvious_path(&costs, &whole, &params);
        let path = dtw(rows_of(&costs), &whole, &params, &Progress::silent()).unwrap();
        prop_assert!((path.cost - cost).abs() <= 1e-5 * cost + 1e-9, "{} and {}", path.cost, cost);
    }
}

#[test]
fn the_cost_of_a_long_path_is_exact_to_seven_digits() {
    let frames = 12_000;
    let local = |row: usize, column: usize| {
        let hash = (row * 7919 + column).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        hash as f32 / (1 << 24) as f32
    };
    let fill = |row: usize, columns: Range<usize>, out: &mut [f32]| {
        out.iter_mut().zip(columns).for_each(|(cost, column)| *cost = local(row, column));
    };
    let near = |row: usize| row.saturating_sub(11)..(row + 12).min(frames);
    let corridor = Corridor::new((0..frames).map(near).collect(), frames).unwrap();
    let params = DtwParams { steps: StepCosts::penalty(0.3), ..DtwParams::default() };
    let path = dtw(fill, &corridor, &params, &Progress::silent()).unwrap();
    // The recurrence over two rows in f64.
    let mut before = vec![f64::INFINITY; frames + 1];
    before[0] = 0.0;
    for i in 0..frames {
        let mut row = vec![f64::INFINITY; frames + 1];
        for j in corridor.row(i) {
            let straight = before[j + 1].min(row[j]) + f64::from(0.3_f32);
            row[j + 1] = f64::from(local(i, j)) + before[j].min(straight);
        }
        before = row;
    }
    let cost = before[frames];
    assert!((path.cost - cost).abs() < 1e-7 * cost, "{} and {cost}", path.cost);
}

#[test]
fn nan_and_infinity_bar_a_cell() {
    let costs = ndarray::arr2(&[[0.0, f32::NAN, 0.0], [f32::INFINITY, 0.5, 0.0], [0.0, f32::NAN, 0.0]]);
    let path = dtw(rows_of(&costs), &Corridor::full(3, 3), &DtwParams::default(), &Progress::silent()).unwrap();
    assert_eq!(path.cells, [(0, 0), (1, 1), (2, 2)]);
}

#[test]
fn a_walled_corner_and_bad_step_costs_are_errors_not_paths() {
    let mut costs = Array2::from_elem((4, 4), 1.0);
    for i in 0..4 {
        costs[(i, 2)] = f32::INFINITY;
    }
    let whole = Corridor::full(4, 4);
    let walled = dtw(rows_of(&costs), &whole, &DtwParams::default(), &Progress::silent());
    assert!(matches!(walled, Err(Error::Limit { .. })));
    for penalty in [-1.0, f32::NAN] {
        let params = DtwParams::published(0.9, penalty);
        assert!(matches!(dtw(rows_of(&costs), &whole, &params, &Progress::silent()), Err(Error::Limit { .. })));
    }
    let none = dtw(rows_of(&costs), &Corridor::full(0, 4), &DtwParams::default(), &Progress::silent());
    assert!(matches!(none, Err(Error::Nothing { .. })));
}

#[test]
fn features_that_cannot_be_compared_are_refused() {
    let (x, y, silent) = (features(9, 12, 1), features(8, 12, 2), Progress::silent());
    let params = DtwParams::default();
    let refused = |outcome: Result<Path>| matches!(outcome, Err(Error::Limit { .. }));
    assert!(refused(dtw_features(x.view(), features(8, 11, 2).view(), &Corridor::full(9, 8), &params, &silent)));
    assert!(refused(dtw_features(x.view(), y.view(), &Corridor::full(8, 9), &params, &silent)));
    assert!(refused(dtw_features(x.view(), (&y * f32::NAN).view(), &Corridor::full(9, 8), &params, &silent)));
    assert!(refused(dtw_features_16bit(x.view(), (&y * 2.0).view(), &Corridor::full(9, 8), &params, &silent)));
}

#[test]
fn cancel_ends_the_search() {
    let progress = Progress::silent();
    progress.cancel();
    let costs = coarse_costs(10, 10, 1);
    let cancelled = dtw(rows_of(&costs), &Corridor::full(10, 10), &DtwParams::default(), &progress);
    assert!(matches!(cancelled, Err(Error::Cancelled)));
}
