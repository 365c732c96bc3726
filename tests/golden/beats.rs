use super::{CASES, file, npy, waveform};
use antiphon::features::{CqtParams, beats, constant_q, mel_onset_strength, onset_strength};
use antiphon::job::Progress;
use serde_json::Value;

const HOP: usize = 512;
const FRAME_S: f64 = HOP as f64 / 22_050.0;

/// F-measure of beats that agree within 70 ms, as in MIREX: harmonic mean of precision and recall.
fn f_measure(truth: &[f64], found: &[f64]) -> f64 {
    // Both increase: taking the first free partner within reach finds as many pairs as possible.
    let mut rest = found.iter().peekable();
    let mut hits = 0;
    for &beat in truth {
        while rest.next_if(|&&b| b < beat - 0.07).is_some() {}
        hits += usize::from(rest.next_if(|&&b| b <= beat + 0.07).is_some());
    }
    2.0 * f64::from(hits as u32) / (truth.len() + found.len()) as f64
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().filter_map(Value::as_f64).collect()
}

fn golden() -> Value {
    serde_json::from_slice(&std::fs::read(file("beats.json")).expect("a golden file")).expect("JSON")
}

fn envelope(case: &str, kind: &str) -> Vec<f32> {
    let wave = waveform(case);
    if kind == "mel" {
        return mel_onset_strength(&wave, HOP, &Progress::silent()).expect("onset strength");
    }
    let params = CqtParams { hop_samples: HOP, ..CqtParams::default() };
    onset_strength(&constant_q(&wave, &params, &Progress::silent()).expect("magnitudes"), FRAME_S)
}

#[test]
fn onset_strength_is_that_of_librosa() {
    for (kind, limit) in [("cqt", 0.1), ("mel", 0.001)] {
        for case in CASES {
            let (theirs, _) = npy(&format!("{case}_onset_{kind}.npy"));
            let ours = envelope(case, kind);
            assert_eq!(ours.len(), theirs.len());
            let square = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
            let error = square(&mut ours.iter().zip(&theirs).map(|(a, b)| a - b)) / square(&mut theirs.iter().copied());
            eprintln!("{case} {kind}: relative error {error:.5}");
            assert!(error < limit, "{case} {kind}: relative error {error}");
        }
    }
}

/// The tracker alone: librosa's onset strength in, librosa's tempo and beats out.
#[test]
fn the_same_onset_strength_gives_the_same_tempo_and_beats() {
    let golden = golden();
    for kind in ["cqt", "mel"] {
        for case in CASES {
            let expected = &golden[case][kind];
            let (strength, _) = npy(&format!("{case}_onset_{kind}.npy"));
            let tempo = beats::tempo(&strength, FRAME_S).expect("a tempo");
            let bpm = expected["tempo"].as_f64().expect("a number");
            assert!((tempo - bpm).abs() < 1e-6 * bpm, "{case} {kind}: {tempo} for {bpm}");
            for (told, name) in [(None, "beats"), (Some(240.0), "beats_at_240")] {
                let (ours, theirs) = (beats::track(&strength, FRAME_S, told), numbers(&expected[name]));
                assert_eq!(ours.len(), theirs.len(), "{case} {kind} {name}\n{ours:?}\n{theirs:?}");
                assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-6), "{case} {kind} {name}");
            }
        }
    }
}

/// Our whole chain, from the samples on, against librosa's default: onset strength of the mel spectrum.
#[test]
fn tempo_and_beats_are_within_two_hundredths_of_librosa() {
    let golden = golden();
    for case in CASES {
        let expected = &golden[case]["mel"];
        let strength = envelope(case, "mel");
        let tempo = beats::tempo(&strength, FRAME_S).expect("a tempo");
        let bpm = expected["tempo"].as_f64().expect("a number");
        assert!((tempo / bpm - 1.0).abs() < 0.02, "{case}: {tempo} for {bpm}");
        let (ours, theirs) = (beats::track(&strength, FRAME_S, None), numbers(&expected["beats"]));
        let agreement = f_measure(&theirs, &ours);
        assert!(agreement >= 0.98, "{case}: {agreement}");
        if !golden[case]["true_beats"].is_null() {
            let truth = numbers(&golden[case]["true_beats"]);
            let (ours, theirs) = (f_measure(&truth, &ours), f_measure(&truth, &theirs));
            eprintln!("{case}: F against the MIDI's beats {ours:.3}, librosa {theirs:.3}");
            assert!((ours - theirs).abs() <= 0.02, "{case}: {ours} for {theirs}");
        }
    }
}

/// Generation 1's onset strength, from the transform. The median over its bins is sensitive: librosa's own pruning of
/// its filters (`sparsity`) changes it by 3 to 7 %, and may thereby move one of the twenty beats.
#[test]
fn beats_of_the_transform_are_those_of_librosa_but_for_one() {
    let golden = golden();
    for case in CASES {
        let expected = &golden[case]["cqt"];
        let strength = envelope(case, "cqt");
        for (told, name) in [(None, "beats"), (Some(240.0), "beats_at_240")] {
            let agreement = f_measure(&numbers(&expected[name]), &beats::track(&strength, FRAME_S, told));
            eprintln!("{case}, {name}: F against librosa's beats {agreement:.3}");
            assert!(agreement >= 0.94, "{case} {name}: {agreement}");
        }
    }
}
