//! The same files read by `pretty_midi` (see `tests/data/midi/HOW.md`).

use antiphon::midi::Midi;
use serde::Deserialize;

const TOLERANCE_S: f64 = 1e-9;

#[derive(Deserialize)]
struct Case {
    name: String,
    midi: String,
    /// Start, end, pitch, velocity, program, drum.
    notes: Vec<(f64, f64, u8, u8, u8, bool)>,
    /// Seconds, quarters per minute.
    tempi: Vec<(f64, f64)>,
    beats: Vec<f64>,
    ticks: Vec<(u64, f64)>,
    end: f64,
}

fn cases() -> Vec<(Case, Midi)> {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../data/midi/pretty_midi.json")).expect("the recipe's JSON");
    let parsed = |case: Case| {
        let hex = |i: usize| u8::from_str_radix(&case.midi[i..i + 2], 16).expect("hex");
        let bytes: Vec<u8> = (0..case.midi.len()).step_by(2).map(hex).collect();
        let midi = Midi::parse(&bytes).expect("pretty_midi read it too");
        (case, midi)
    };
    cases.into_iter().map(parsed).collect()
}

#[test]
fn notes_are_those_of_pretty_midi() {
    for (case, midi) in cases() {
        // Notes of zero length, which last one tick here, are missing there.
        let struck = midi.warnings().iter().any(|warning| warning.contains("notes without length"));
        let mut ours: Vec<_> = (midi.notes().iter())
            .filter(|n| !struck || n.end_tick > n.start_tick + 1)
            .map(|n| (n.start.0, n.end.0, n.pitch, n.velocity, n.program, n.is_drum()))
            .collect();
        ours.sort_by(|a, b| (a.0, a.2, a.1, a.3).partial_cmp(&(b.0, b.2, b.1, b.3)).expect("numbers"));
        assert_eq!(ours.len(), case.notes.len(), "{}", case.name);
        for (our, their) in ours.iter().zip(&case.notes) {
            assert!((our.0 - their.0).abs() < TOLERANCE_S && (our.1 - their.1).abs() < TOLERANCE_S, "{}", case.name);
            assert_eq!((our.2, our.3, our.4, our.5), (their.2, their.3, their.4, their.5), "{}", case.name);
        }
    }
}

#[test]
fn tempos_and_ticks_are_those_of_pretty_midi() {
    for (case, midi) in cases() {
        // It lists tempos that another at the same tick replaces at once.
        let lasting: Vec<_> = (0..case.tempi.len())
            .filter(|&i| case.tempi.get(i + 1).is_none_or(|next| next.0 - case.tempi[i].0 > TOLERANCE_S))
            .map(|i| case.tempi[i])
            .collect();
        assert_eq!(midi.tempos().len(), lasting.len(), "{}", case.name);
        for (our, their) in midi.tempos().iter().zip(lasting) {
            assert!((midi.time_at(our.tick as f64).0 - their.0).abs() < TOLERANCE_S, "{}", case.name);
            assert!((6e7 / f64::from(our.micros_per_quarter) - their.1).abs() < 1e-6, "{}", case.name);
        }
        for (tick, seconds) in case.ticks {
            assert!((midi.time_at(tick as f64).0 - seconds).abs() < TOLERANCE_S, "{}: tick {tick}", case.name);
            assert!((midi.tick_at(antiphon::midi::MidiTime(seconds)) - tick as f64).abs() < 1e-4, "{}", case.name);
        }
    }
}

#[test]
fn beats_are_those_of_pretty_midi() {
    for (case, midi) in cases() {
        let inside = |&beat: &f64| beat < case.end - TOLERANCE_S * (1.0 + case.end);
        let theirs: Vec<f64> = case.beats.iter().copied().filter(inside).collect();
        let ours: Vec<f64> = midi.beats().iter().map(|beat| beat.0).collect();
        assert_eq!(ours.len(), theirs.len(), "{}", case.name);
        for (our, their) in ours.iter().zip(&theirs) {
            assert!((our - their).abs() < TOLERANCE_S, "{}: {our} and {their}", case.name);
        }
    }
}
