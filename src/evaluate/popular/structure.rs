//! Which parts of a MIDI file its recording holds, and in which order: edits of structure, on and off bar lines.

use crate::error::{Error, Result};
use crate::midi::Midi;
use rand::RngExt as _;
use rand_pcg::Pcg64;
use serde::Serialize;
use std::ops::RangeInclusive;

/// What a recording does with the structure of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Nothing: it plays the file from beginning to end.
    Control,
    /// It leaves out 8 to 24 bars.
    Cut,
    /// It plays 8 to 24 bars twice.
    Repeat,
    /// It begins with 8 to 16 bars of another work.
    Intro,
    /// It fades out and ends before the file does.
    Fade,
    /// It holds 40 to 80 % of the file.
    Part,
}

impl Edit {
    /// Every edit except the control.
    pub const ALL: [Self; 5] = [Self::Cut, Self::Repeat, Self::Intro, Self::Fade, Self::Part];
}

/// A stretch of a file, in its seconds, that is played from its beginning to its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    /// Whether it comes from another work.
    pub(super) foreign: bool,
    pub(super) from_s: f64,
    pub(super) to_s: f64,
}

impl Piece {
    pub(super) fn seconds(&self) -> f64 {
        self.to_s - self.from_s
    }
}

/// The pieces played, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Structure {
    pub(super) pieces: Vec<Piece>,
    /// Whether the ends of a cut are off the bar lines.
    pub(super) off_bars: bool,
    /// Seconds of fade-out at the end, 0 for none.
    pub(super) fade_s: f64,
}

/// Bars of a cut and of a repeat.
const BARS: RangeInclusive<usize> = 8..=24;
/// Bars of an intro.
const INTRO_BARS: RangeInclusive<usize> = 8..=16;
/// At most this share of the bars is cut or repeated.
const MOST: f64 = 0.4;
/// Bars that remain before and after a cut or a repeat.
const MARGIN: usize = 2;
/// How often a cut is off the bar lines.
const OFF_BARS: f64 = 1.0 / 3.0;
/// Where a recording that fades out ends, as a share of the file; and the seconds of the fade-out.
const FADED_AT: std::ops::Range<f64> = 0.55..0.85;
const FADE_S: std::ops::Range<f64> = 4.0..12.0;
/// Share of the bars that a part holds.
const PART: RangeInclusive<f64> = 0.4..=0.8;

impl Structure {
    /// Draws where the edit is made; `other` is the work that an intro is taken from.
    ///
    /// # Errors
    /// [`Error::Nothing`] if there are too few bars, or no other work for an intro.
    pub(super) fn draw(edit: Edit, midi: &Midi, other: Option<&Midi>, random: &mut Pcg64) -> Result<Self> {
        let lines = bar_lines(midi);
        let (bars, end) = (lines.len() - 1, lines[lines.len() - 1]);
        let piece = |from_s: f64, to_s: f64| Piece { foreign: false, from_s, to_s };
        let mut drawn = Self { pieces: Vec::new(), off_bars: false, fade_s: 0.0 };
        // First and last bar line of a stretch in the middle.
        let stretch = |random: &mut Pcg64| {
            let most = (*BARS.end()).min((MOST * bars as f64) as usize);
            if most < *BARS.start() {
                let limit = format!("{:.0} or more", (*BARS.start() as f64 / MOST).ceil());
                return Err(Error::Limit { what: "number of bars", value: bars.to_string(), limit });
            }
            let count = random.random_range(*BARS.start()..=most);
            let from = random.random_range(MARGIN..=bars - MARGIN - count);
            Ok((from, from + count))
        };
        drawn.pieces = match edit {
            Edit::Control => vec![piece(0.0, end)],
            Edit::Cut => {
                let (from, to) = stretch(random)?;
                let (mut a, mut b) = (lines[from], lines[to]);
                drawn.off_bars = random.random_bool(OFF_BARS);
                if drawn.off_bars {
                    let mut beside = |at: usize| random.random_range(0.15..0.85) * (lines[at + 1] - lines[at]);
                    (a, b) = (a + beside(from), b + beside(to));
                }
                vec![piece(0.0, a), piece(b, end)]
            }
            Edit::Repeat => {
                let (from, to) = stretch(random)?;
                vec![piece(0.0, lines[to]), piece(lines[from], end)]
            }
            Edit::Intro => {
                let other = other.map(bar_lines).filter(|other| other.len() > *INTRO_BARS.start());
                let other = other.ok_or_else(|| Error::nothing("no other work with bars for an intro"))?;
                let most = (*INTRO_BARS.end()).min(other.len() - 1);
                let count = random.random_range(*INTRO_BARS.start()..=most);
                let from = random.random_range(0..other.len() - count);
                let intro = Piece { foreign: true, from_s: other[from], to_s: other[from + count] };
                vec![intro, piece(lines[0], end)]
            }
            Edit::Fade => {
                drawn.fade_s = random.random_range(FADE_S);
                vec![piece(0.0, end * random.random_range(FADED_AT))]
            }
            Edit::Part => {
                let count = ((random.random_range(PART) * bars as f64).round() as usize).clamp(1, bars);
                let from = random.random_range(0..=bars - count);
                vec![piece(lines[from], lines[from + count])]
            }
        };
        Ok(drawn)
    }
}

/// Seconds of the bar lines from the bar of the first note to the end of the last note; at least two.
pub(super) fn bar_lines(midi: &Midi) -> Vec<f64> {
    let end = midi.end().0;
    let first = midi.notes().first().map_or(0, |note| note.start_tick);
    let mut tick = midi.bar_at(first as f64).start_tick;
    let mut lines = Vec::new();
    while midi.time_at(tick).0 < end - 1e-6 {
        lines.push(midi.time_at(tick).0);
        let bar = midi.bar_at(tick + 1e-6);
        let next = tick + bar.ticks.max(1.0);
        // A time signature begins a bar, even if it comes early.
        let early = midi.time_signatures().iter().map(|s| s.tick as f64).find(|&s| s > tick + 1e-6 && s < next);
        tick = early.unwrap_or(next);
    }
    lines.push(end);
    if lines.len() < 2 {
        lines.insert(0, 0.0);
    }
    lines
}
