//! Paths against numba (the published systems' kernel) and librosa, on features that both sides read from the same file.

use super::{file, npy};
use antiphon::alignment::dtw::{Corridor, DtwParams, StepCosts, dtw_features};
use antiphon::alignment::published::{PublishedAlignment, gen1, gen2};
use antiphon::features::{Features, FrameTimes};
use antiphon::job::Progress;
use ndarray::Array2;
use serde_json::Value;

fn features(name: &str) -> Features {
    let (values, shape) = npy(name);
    let frames = Array2::from_shape_vec((shape[0], shape[1]), values).unwrap();
    Features { frames, times: FrameTimes::Regular(0.046) }
}

fn golden(case: &str) -> Value {
    let all: Value = serde_json::from_slice(&std::fs::read(file("dtw.json")).unwrap()).unwrap();
    all[case].clone()
}

fn path(golden: &Value) -> Vec<(usize, usize)> {
    serde_json::from_value(golden["path"].clone()).unwrap()
}

fn is_that_of_numba(ours: &PublishedAlignment, case: &str) {
    let theirs = golden(case);
    let number = |key: &str| theirs[key].as_f64().unwrap();
    assert_eq!(ours.path.cells, path(&theirs), "{case}");
    // The distances differ in the last bit of f32.
    assert!((ours.path.cost - number("raw")).abs() < 1e-5, "{case}: {} and {}", ours.path.cost, number("raw"));
    assert!((f64::from(ours.penalty) - number("penalty")).abs() < 1e-6, "{case}: {}", ours.penalty);
    assert!((ours.score - number("score")).abs() < 1e-6, "{case}: {} and {}", ours.score, number("score"));
}

#[test]
fn published_paths_and_scores_are_those_of_numba() {
    let (x, y) = (features("dtw_x.npy"), features("dtw_y.npy"));
    is_that_of_numba(&gen1(&x, &y, &Progress::silent()).unwrap(), "gen1");
    is_that_of_numba(&gen2(&x, &y, &Progress::silent()).unwrap(), "gen2");
}

#[test]
fn paths_from_corner_to_corner_are_those_of_librosa() {
    let (x, y) = (features("dtw_x.npy").frames, features("dtw_y.npy").frames);
    let weights = StepCosts { diagonal: 2.0, vertical: 1.5, horizontal: 1.5, ..StepCosts::default() };
    for (case, steps) in [("corner_penalty", StepCosts::penalty(0.125)), ("corner_weights", weights)] {
        let whole = Corridor::full(x.nrows(), y.nrows());
        let params = DtwParams { steps, ..DtwParams::default() };
        let ours = dtw_features(x.view(), y.view(), &whole, &params, &Progress::silent()).unwrap();
        let theirs = golden(case);
        assert_eq!(ours.cells, path(&theirs), "{case}");
        // librosa doesn't weight the first cell.
        let first = f64::from(ours.costs[0]) * f64::from(steps.diagonal - 1.0);
        let cost = theirs["raw"].as_f64().unwrap();
        assert!((ours.cost - first - cost).abs() < 1e-5, "{case}: {} and {cost}", ours.cost);
    }
}
