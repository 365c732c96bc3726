//! Axis labels: round steps, times and names of notes.

/// Steps that are easy to count in, in seconds.
const STEPS: [f64; 18] =
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

/// The smallest round step that puts at most `most` ticks on `seconds`.
pub(crate) fn tick_step(seconds: f64, most: usize) -> f64 {
    let least = seconds / most.max(1) as f64;
    STEPS.into_iter().find(|&step| step >= least).unwrap_or_else(|| (least / 3600.0).ceil() * 3600.0)
}

/// Minutes and seconds with as many decimals as `step` needs: `1:05`, `1:05.25`.
pub fn clock_text(seconds: f64, step: f64) -> String {
    let decimals = if step >= 1.0 {
        0
    } else if step >= 0.1 {
        1
    } else if step >= 0.01 {
        2
    } else {
        3
    };
    let sign = if seconds < 0.0 { "-" } else { "" };
    let scale = 10_f64.powi(decimals);
    // Rounded before it is split up, so that 59.96 s is 1:00.0 and not 0:60.0.
    let units = (seconds.abs() * scale).round();
    let minutes = (units / (60.0 * scale)).floor();
    let rest = (units - minutes * 60.0 * scale) / scale;
    let width = if decimals == 0 { 2 } else { 3 + decimals as usize };
    format!("{sign}{minutes:.0}:{rest:0width$.decimals$}", decimals = decimals as usize)
}

/// Name of a MIDI note, C4 being 60: `C#4`.
pub(crate) fn note_name(note: u8) -> String {
    const NAMES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
    format!("{}{}", NAMES[usize::from(note % 12)], i32::from(note) / 12 - 1)
}

/// Whether a note is a black key.
pub fn is_black(note: u8) -> bool {
    matches!(note % 12, 1 | 3 | 6 | 8 | 10)
}

/// Frequency of a MIDI note in Hz, A4 being 440 Hz.
pub fn hertz(note: f64) -> f64 {
    440.0 * ((note - 69.0) / 12.0).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few_enough() {
        assert!((tick_step(240.0, 10) - 30.0).abs() < 1e-9);
        assert!((tick_step(1.0, 10) - 0.1).abs() < 1e-9);
        assert!((tick_step(100_000.0, 10) - 10_800.0).abs() < 1e-9);
    }

    #[test]
    fn times_read_as_a_clock() {
        assert_eq!(clock_text(65.0, 1.0), "1:05");
        assert_eq!(clock_text(65.25, 0.05), "1:05.25");
        assert_eq!(clock_text(59.96, 0.1), "1:00.0");
        assert_eq!(clock_text(-1.5, 0.5), "-0:01.5");
        assert_eq!(clock_text(42.31, 0.001), "0:42.310");
    }

    #[test]
    fn notes_have_their_names() {
        assert_eq!([note_name(60), note_name(69), note_name(22)], ["C4", "A4", "A#0"]);
        assert!((hertz(69.0) - 440.0).abs() < 1e-9 && is_black(61) && !is_black(64));
    }
}
