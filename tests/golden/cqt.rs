use super::{CASES, npy, waveform};
use antiphon::features::{CqtParams, constant_q, features, log_normalize};
use antiphon::job::Progress;
use ndarray::Array2;

fn librosa(name: &str) -> Array2<f32> {
    let (values, shape) = npy(name);
    Array2::from_shape_vec((shape[0], shape[1]), values).expect("a matrix")
}

/// Mean and minimum cosine similarity of the rows.
fn similarity(a: &Array2<f32>, b: &Array2<f32>) -> (f32, f32) {
    assert_eq!(a.dim(), b.dim());
    let rows: Vec<f32> = a.rows().into_iter().zip(b.rows()).map(|(a, b)| a.dot(&b)).collect();
    (rows.iter().sum::<f32>() / rows.len() as f32, rows.iter().copied().fold(1.0, f32::min))
}

#[test]
fn features_are_those_of_librosa() {
    for case in CASES {
        let ours = features(&waveform(case), &CqtParams::default(), &Progress::silent()).expect("features").frames;
        // librosa's filters are 3 % longer at `filter_scale=1`; at the papers' Q they differ only in rounding.
        for (name, mean_limit, least_limit) in [("cqt", 0.999, 0.985), ("cqt_papers", 0.9995, 0.985)] {
            let theirs = log_normalize(&librosa(&format!("{case}_{name}.npy")));
            let (mean, least) = similarity(&ours, &theirs);
            eprintln!("{case} {name}: mean cosine {mean:.6}, least {least:.6}");
            assert!(mean >= mean_limit && least >= least_limit, "{case} {name}: mean {mean}, least {least}");
        }
    }
}

#[test]
fn magnitudes_have_the_scale_of_librosa() {
    for case in CASES {
        let ours = constant_q(&waveform(case), &CqtParams::default(), &Progress::silent()).expect("magnitudes");
        let theirs = librosa(&format!("{case}_cqt_papers.npy"));
        let norm = |m: &Array2<f32>| m.iter().map(|v| v * v).sum::<f32>().sqrt();
        let error = norm(&(&ours - &theirs)) / norm(&theirs);
        eprintln!("{case}: relative error {error:.5}, level {:.5}", norm(&ours) / norm(&theirs));
        assert!(error < 0.012, "{case}: relative error {error}");
    }
}
