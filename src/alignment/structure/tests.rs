use super::*;
use crate::alignment::Segment;
use ndarray::{Axis, concatenate, s};

const FRAME_S: f64 = 0.05;

/// Spectra that change every eight frames and never recur, starting from number `from`; rows of unit length.
fn music(frames: usize, from: u64) -> Array2<f32> {
    let mut rows = Array2::from_shape_fn((frames, 48), |(i, bin)| {
        let chord = (i / 8) as u64 + from;
        let mixed = (chord * 48 + bin as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed >> 40) as f32 / (1 << 24) as f32).powi(4) - 0.2
    });
    for mut row in rows.outer_iter_mut() {
        let length = row.dot(&row).sqrt();
        row.mapv_inplace(|x| x / length);
    }
    rows
}

/// The segments, in seconds of the MIDI and of the recording.
fn segments(midi: &Array2<f32>, audio: &Array2<f32>) -> Vec<Segment> {
    let found = structure(midi.view(), audio.view(), FRAME_S, &|_| Vec::new(), &Progress::silent()).unwrap();
    let ends = |run: Vec<(f64, f64)>| (run[0], run[run.len() - 1]);
    let runs = found.runs(FRAME_S).into_iter().map(ends);
    runs.map(|((m0, a0), (m1, a1))| Segment { midi: (m0, m1), audio: (a0, a1) }).collect()
}

fn near(segment: &Segment, midi: (f64, f64), audio: (f64, f64)) -> bool {
    let ends = [(segment.midi, midi), (segment.audio, audio)];
    ends.iter().all(|(found, wanted)| (found.0 - wanted.0).abs() < 1.0 && (found.1 - wanted.1).abs() < 1.0)
}

#[test]
fn music_that_is_played_as_written_is_one_run_at_any_tempo() {
    let midi = music(2000, 1);
    for (audio, seconds) in
        [(midi.clone(), 100.0), (stretch(midi.view(), 2400), 120.0), (stretch(midi.view(), 1500), 75.0)]
    {
        let found = segments(&midi, &audio);
        assert!(found.len() == 1 && near(&found[0], (0.0, 100.0), (0.0, seconds)), "{found:?}");
    }
}

#[test]
fn a_cut_a_repeat_and_other_music_are_found_where_they_are() {
    let midi = music(2400, 1);
    let part = |from: usize, to: usize| midi.slice(s![from..to, ..]);
    let cut = concatenate![Axis(0), part(0, 800), part(1400, 2400)];
    let found = segments(&midi, &cut);
    assert!(found.len() == 2, "{found:?}");
    assert!(near(&found[0], (0.0, 40.0), (0.0, 40.0)) && near(&found[1], (70.0, 120.0), (40.0, 90.0)), "{found:?}");

    let repeat = concatenate![Axis(0), part(0, 1600), part(800, 2400)];
    let found = segments(&midi, &repeat);
    assert!(found.len() == 2, "{found:?}");
    assert!(near(&found[0], (0.0, 80.0), (0.0, 80.0)) && near(&found[1], (40.0, 120.0), (80.0, 160.0)), "{found:?}");

    // The start of other music can only be located within a few seconds: some of it is similar by chance.
    let other = music(600, 90_000);
    let found = segments(&midi, &concatenate![Axis(0), part(0, 1200), other, part(1200, 2400)]);
    let last = found[found.len() - 1];
    assert!(found.len() >= 2 && near(&found[0], (0.0, 60.0), (0.0, 60.0)), "{found:?}");
    assert!((last.midi.1 - 120.0).abs() < 1.0 && (last.audio.1 - 150.0).abs() < 1.0, "{found:?}");
    assert!(last.midi.0 < 61.0 && (last.audio.0 - last.midi.0 - 30.0).abs() < 1.0, "{found:?}");
}

#[test]
fn a_chain_increases_on_both_sides_and_keeps_the_heavier_runs() {
    let midi = music(2400, 1);
    let part = |from: usize, to: usize| midi.slice(s![from..to, ..]);
    // First the end, for a while, and then everything.
    let audio = concatenate![Axis(0), part(1800, 2400), part(0, 2400)];
    let found = structure(midi.view(), audio.view(), FRAME_S, &|_| Vec::new(), &Progress::silent()).unwrap();
    assert_eq!(found.runs.len(), 2, "{:?}", found.runs(FRAME_S));
    let chain = found.chain(FRAME_S);
    assert!(chain.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
    assert!(chain[0].0 < 1.0 && (chain[0].1 - 30.0).abs() < 1.0, "{:?}", chain[0]);
}

#[test]
fn a_map_that_stands_still_or_leaves_music_out_gains_less() {
    let midi = music(2000, 1);
    let found = structure(midi.view(), midi.view(), FRAME_S, &|_| Vec::new(), &Progress::silent()).unwrap();
    let gain = |knots: &[(f64, f64)]| found.gain_along(knots, midi.view(), midi.view(), FRAME_S);
    let right = gain(&[(0.0, 0.0), (100.0, 100.0)]);
    assert!(right > 2.0, "{right}");
    assert!(gain(&[(0.0, 0.0), (50.0, 50.0)]) < 0.6 * right);
    assert!(gain(&[(20.0, 0.0), (20.5, 100.0)]).abs() < 1e-9);
    assert!(gain(&[(0.0, 20.0), (80.0, 100.0)]) < 0.1 * right);
    assert!(gain(&[]).abs() < 1e-9);
}

#[test]
fn the_right_key_explains_more_than_any_other() {
    let midi = music(1600, 1);
    let in_key = |by: usize| midi.slice(s![.., by..by + 40]).to_owned();
    let gains: Vec<f64> = (0..8).map(|by| gain_in_key(in_key(by).view(), in_key(3).view(), FRAME_S)).collect();
    let best = (0..8).max_by(|&a, &b| gains[a].total_cmp(&gains[b])).unwrap();
    assert_eq!(best, 3, "{gains:?}");
}

#[test]
fn little_and_silent_input_is_answered() {
    for (midi, audio) in [(2, 2), (3, 400), (400, 3)] {
        let found =
            structure(music(midi, 1).view(), music(audio, 5).view(), FRAME_S, &|_| Vec::new(), &Progress::silent())
                .unwrap();
        assert!(found.gain.is_finite());
    }
    let silent = Array2::zeros((300, 48));
    let found = structure(music(300, 1).view(), silent.view(), FRAME_S, &|_| Vec::new(), &Progress::silent()).unwrap();
    assert!(found.gain.is_finite() && found.chain(FRAME_S).len() != 1);
    let stopped = Progress::silent();
    stopped.cancel();
    assert!(structure(music(300, 1).view(), silent.view(), FRAME_S, &|_| Vec::new(), &stopped).is_err());
}
