//! The aligned MIDI file: the same notation, played as the recording plays it.
//!
//! [`retime`] leaves the ticks of all events unchanged relative to each other, so bars, the order of notes, and
//! controllers keep their places in the score, and writes a new tempo map: a tick sounds at the second of the recording
//! to which the [`TimeMap`] maps it, within 1 ms. The tempo map is sparse: changes that stay within that millisecond
//! are left out. How few remain depends on how smooth the map is; [`TimeMap::simplified`] smooths one.
//!
//! What else has to change, and how (in part after `pretty_midi.adjust_times`, spec B):
//!
//! - **Notes** are kept if they lie wholly inside the span and at 0 or later in the recording. Those that the recording
//!   skips (squeezed to less than a fiftieth of their length, relative to the mean of the span) are dropped.
//! - **Before the first tick** of the span: everything in force there (programs, controllers, bends, pressure) is sent
//!   at that tick; names, keys and system messages go to tick 0.
//! - **The beginning**: if the recording starts earlier than the span, whole bars of lead-in are put before it, at
//!   about the tempo of the first bar. If that is too short for half a bar, the first bar is cut short (a pickup) and
//!   the time signature is written again at the first full bar, so that bar lines keep their places.
//! - **Music that only the recording has**: where time would have to stand still for longer than the slowest legal
//!   tempo allows, empty bars are inserted. An event inside such a stretch (it has no place in the recording) stays at
//!   its beginning.
//! - **Time signatures** and keys stay in place; SMPTE offsets are dropped, as they refer to another clock.

mod fit;

use super::warp::TimeMap;
use crate::audio::AudioTime;
use crate::error::{Error, Result};
use crate::midi::track::{Event, EventKind, Pair, Track, meta, pair_notes};
use crate::midi::{MAX_SECONDS, Midi, MidiTime};
use fit::{MAX_MICROS_PER_QUARTER, Point, fit};
use midly::MidiMessage;
use std::collections::HashSet;

/// A hundredth of the promised millisecond is kept for rounding.
const TOLERANCE_S: f64 = 0.000_99;

/// A note that becomes shorter by this factor, relative to the mean of the span, is not played in the recording.
const SKIPPED: f64 = 50.0;

/// Moves `midi` onto the clock of the recording: `map.to_audio(midi.time_at(tick))` seconds at every tick of `span`,
/// within 1 ms (see the [module](self) for what else changes). Times beyond the file count as its beginning and end.
///
/// ```
/// # use antiphon::alignment::{retime::retime, warp::TimeMap};
/// # use antiphon::audio::AudioTime;
/// # use antiphon::midi::{Midi, MidiTime};
/// # let bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x0b\0\x90\x3c\x40\x60\x3c\0\0\xff\x2f\0";
/// let midi = Midi::parse(bytes)?; // one note, 0 to 0.5 s
/// let map = TimeMap::new([(MidiTime(0.0), AudioTime(2.0)), (MidiTime(1.0), AudioTime(3.2))])?;
/// let aligned = retime(&midi, &map, (MidiTime(0.0), midi.end()))?;
/// let note = aligned.notes()[0];
/// assert!((note.start.0 - 2.0).abs() < 0.001 && (note.end.0 - 2.6).abs() < 0.001);
/// # Ok::<(), antiphon::Error>(())
/// ```
///
/// # Errors
/// [`Error::Nothing`] if no note is left; [`Error::Limit`] if the span is not a number, if the recording would be
/// longer than 100 hours, or if the map asks for more than 100 000 tempo changes.
pub fn retime(midi: &Midi, map: &TimeMap, span: (MidiTime, MidiTime)) -> Result<Midi> {
    let clock = Clock { midi, map };
    let (first, last) = clock.ticks(span)?;
    let mean_s =
        (clock.seconds(last) - clock.seconds(first)) / (midi.time_at(last as f64).0 - midi.time_at(first as f64).0);
    let kept: Vec<Vec<Pair>> = midi
        .tracks()
        .iter()
        .map(|track| {
            let played = |pair: &Pair| {
                let (on, off) = (track.events[pair.on].tick, track.events[pair.off].tick);
                let before_s = midi.time_at(off as f64).0 - midi.time_at(on as f64).0;
                on >= first && off <= last && (clock.seconds(off) - clock.seconds(on)) * SKIPPED > before_s * mean_s
            };
            pair_notes(&track.events).0.into_iter().filter(played).collect()
        })
        .collect();
    if kept.iter().all(Vec::is_empty) {
        return Err(Error::nothing("no note lies wholly inside the aligned part"));
    }

    let opening = Opening::new(&clock, first, last);
    let (points, places) = clock.points(first, last, opening.ticks);
    let mut conductor: Vec<Event> = fit(&points, midi.ticks_per_quarter(), TOLERANCE_S)?
        .into_iter()
        .map(|change| Event { tick: change.tick, kind: EventKind::tempo(change.micros_per_quarter) })
        .collect();
    conductor.extend(signatures(midi, &places, &opening, (first, last)));

    let chased = chased(midi.tracks(), first);
    let mut tracks = Vec::with_capacity(kept.len());
    for ((track, pairs), chased) in midi.tracks().iter().zip(kept).zip(chased) {
        let mut moved = moved(track, &pairs, &chased, &places, (first, last));
        // The conductor's events come first at their ticks; the sort is stable.
        moved.events.splice(0..0, conductor.drain(..));
        moved.events.sort_by_key(|event| event.tick);
        moved.end_tick = moved.events.last().map_or(0, |event| event.tick).max(moved.end_tick);
        tracks.push(moved);
    }
    Midi::from_tracks(midi.ticks_per_quarter(), tracks)
}

/// Ticks of the MIDI file on the clock of the recording.
struct Clock<'a> {
    midi: &'a Midi,
    map: &'a TimeMap,
}

impl Clock<'_> {
    fn seconds(&self, tick: u64) -> f64 {
        self.map.to_audio(self.midi.time_at(tick as f64)).0
    }

    /// First and last tick inside the span, the file, and the recording.
    fn ticks(&self, (from, to): (MidiTime, MidiTime)) -> Result<(u64, u64)> {
        if from.0.is_nan() || to.0.is_nan() {
            let value = format!("from {} s to {} s", from.0, to.0);
            return Err(Error::Limit { what: "span of MIDI time", value, limit: "the numbers".into() });
        }
        let end_tick = self.midi.tracks().iter().map(|track| track.end_tick).max().unwrap_or(0);
        let from = from.0.max(self.map.to_midi(AudioTime(0.0)).0).max(0.0);
        // A span that was computed from a tick means that tick, whatever the last digit is.
        let mut first = (self.midi.tick_at(MidiTime(from)) - 1e-6).ceil().max(0.0) as u64;
        let last = ((self.midi.tick_at(to) + 1e-6).floor().max(0.0) as u64).min(end_tick);
        if self.seconds(first) < -1e-9 {
            first += 1;
        }
        if first >= last {
            return Err(Error::nothing(format!("the aligned part has no length: {from} s to {} s", to.0)));
        }
        let end_s = self.seconds(last);
        if end_s > MAX_SECONDS {
            let limit = format!("0..={:.0} h", MAX_SECONDS / 3600.0);
            return Err(Error::Limit {
                what: "end of the aligned part",
                value: format!("{:.1} h", end_s / 3600.0),
                limit,
            });
        }
        Ok((first, last))
    }

    /// Where the new tempo map has to be at which time, and where the old ticks go.
    fn points(&self, first: u64, last: u64, lead_in: u64) -> (Vec<Point>, Places) {
        let knots = self.map.knots().flat_map(|(time, _)| {
            let tick = self.midi.tick_at(time).clamp(first as f64, last as f64);
            [tick.floor() as u64, tick.ceil() as u64]
        });
        let tempos = self.midi.tempos().iter().map(|change| change.tick.clamp(first, last));
        let mut ticks: Vec<u64> = knots.chain(tempos).chain([first, last]).collect();
        ticks.sort_unstable();
        ticks.dedup();

        let quarter = f64::from(self.midi.ticks_per_quarter());
        let slowest_s = f64::from(MAX_MICROS_PER_QUARTER) * 1e-6 / quarter;
        let mut places = Places(vec![(first, lead_in)]);
        let mut points = vec![Point { tick: 0, seconds: 0.0 }];
        let (mut before, mut before_s) = (first, self.seconds(first));
        for tick in ticks {
            let seconds = self.seconds(tick).max(0.0);
            if seconds - before_s > (tick - before) as f64 * slowest_s {
                let bar = self.midi.bar_at(tick as f64).ticks.max(1.0);
                // About 120 quarters a minute; a stretch without music has no tempo of its own.
                let bars = ((seconds - before_s) * 2.0 * quarter / bar).ceil();
                places.0.push((tick, places.of(tick) + (bars * bar).round() as u64));
            }
            let place = places.of(tick);
            if place > 0 {
                points.push(Point { tick: place, seconds });
            }
            (before, before_s) = (tick, seconds);
        }
        (points, places)
    }
}

/// New places of ticks: each old tick from which a new place applies, with its new tick.
struct Places(Vec<(u64, u64)>);

impl Places {
    /// For a tick of the span.
    fn of(&self, tick: u64) -> u64 {
        let i = self.0.partition_point(|&(from, _)| from <= tick).saturating_sub(1);
        let (from, place) = self.0[i];
        place + tick.saturating_sub(from)
    }
}

/// What comes before the first tick of the span.
struct Opening {
    /// Ticks of lead-in.
    ticks: u64,
    /// Tick at which the first full bar begins, if that is not tick 0 of the new file.
    full_bar: Option<u64>,
}

impl Opening {
    fn new(clock: &Clock<'_>, first: u64, last: u64) -> Self {
        let bar = clock.midi.bar_at(first as f64);
        let into_bar = first as f64 - bar.start_tick;
        let lead_s = clock.seconds(first).max(0.0);
        let one_bar_on = (first + bar.ticks.round().max(1.0) as u64).min(last);
        let tick_s = (clock.seconds(one_bar_on) - lead_s) / (one_bar_on - first) as f64;
        let quarter = f64::from(clock.midi.ticks_per_quarter());
        // Between 1200 and 4 quarters a minute, whatever the map says there.
        let wanted = lead_s / tick_s.clamp(0.05 / quarter, 15.0 / quarter);
        let bars = ((wanted - into_bar) / bar.ticks).round().max(0.0);
        let whole = into_bar + bars * bar.ticks;
        // Below a tenth of a millisecond the lead-in is rounding error; it is taken from the tolerance.
        let short = lead_s < 1e-4;
        if (short && whole < 0.5) || (!short && whole >= 1.0 && (0.5..=2.0).contains(&(whole / wanted))) {
            return Self { ticks: whole.round() as u64, full_bar: None };
        }
        let next_bar = if into_bar < 0.5 { first } else { (bar.start_tick + bar.ticks).round() as u64 };
        let ticks = if short { 0 } else { wanted.round().max(1.0) as u64 };
        Self { ticks, full_bar: Some(next_bar) }
    }
}

/// Time signatures at their new places.
fn signatures(midi: &Midi, places: &Places, opening: &Opening, (first, last): (u64, u64)) -> Vec<Event> {
    let event = |tick, numerator, denominator| Event { tick, kind: EventKind::time_signature(numerator, denominator) };
    let in_force = midi.bar_at(first as f64).signature;
    let mut events = Vec::new();
    if opening.full_bar.is_some() || !midi.time_signatures().is_empty() {
        events.push(event(0, in_force.numerator, in_force.denominator));
    }
    let later = midi.time_signatures().iter().filter(|s| s.tick > first && s.tick <= last);
    if let Some(full_bar) = opening.full_bar.filter(|&tick| tick <= last)
        && !later.clone().any(|s| s.tick <= full_bar)
        && places.of(full_bar) > 0
    {
        events.push(event(places.of(full_bar), in_force.numerator, in_force.denominator));
    }
    events.extend(later.map(|s| event(places.of(s.tick), s.numerator, s.denominator)));
    events
}

/// For each track, the events before `first` that are still in force there, in order.
fn chased(tracks: &[Track], first: u64) -> Vec<Vec<usize>> {
    let mut before: Vec<(u64, usize, usize)> = Vec::new();
    for (number, track) in tracks.iter().enumerate() {
        let events = track.events.iter().enumerate().take_while(|(_, event)| event.tick < first);
        before.extend(events.map(|(index, event)| (event.tick, number, index)));
    }
    before.sort_unstable();
    let mut chased = vec![Vec::new(); tracks.len()];
    let mut seen = HashSet::new();
    for &(_, number, index) in before.iter().rev() {
        let wanted = match &tracks[number].events[index].kind {
            EventKind::Channel { channel, message } => match message {
                // Numbered parameters and resets take effect by their order.
                MidiMessage::Controller { controller, .. } if matches!(controller.as_int(), 6 | 38 | 96..=101 | 120..=127) => {
                    true
                }
                MidiMessage::Controller { controller, .. } => seen.insert((usize::from(*channel), controller.as_int())),
                MidiMessage::ProgramChange { .. } => seen.insert((usize::from(*channel), 128)),
                MidiMessage::PitchBend { .. } => seen.insert((usize::from(*channel), 129)),
                MidiMessage::ChannelAftertouch { .. } => seen.insert((usize::from(*channel), 130)),
                MidiMessage::NoteOn { .. } | MidiMessage::NoteOff { .. } | MidiMessage::Aftertouch { .. } => false,
            },
            // Only one key is in force in a track.
            EventKind::Meta { kind: meta::KEY_SIGNATURE, .. } => seen.insert((16 + number, 0)),
            EventKind::Meta { .. } => belongs_to_start(&tracks[number].events[index].kind),
            EventKind::SysEx(_) | EventKind::Escape(_) => true,
        };
        if wanted {
            chased[number].push(index);
        }
    }
    for track in &mut chased {
        track.reverse();
    }
    chased
}

/// Whether it concerns the whole track or file: names, copyright, keys, ports, system messages.
fn belongs_to_start(kind: &EventKind) -> bool {
    match kind {
        EventKind::Channel { .. } => false,
        EventKind::Meta { kind, .. } => meta::OF_TRACK.contains(kind) || *kind == meta::KEY_SIGNATURE,
        EventKind::SysEx(_) | EventKind::Escape(_) => true,
    }
}

/// The part of a track inside the span at its new ticks, without tempos and time signatures.
fn moved(track: &Track, notes: &[Pair], chased: &[usize], places: &Places, (first, last): (u64, u64)) -> Track {
    let mut played = vec![false; track.events.len()];
    for pair in notes {
        (played[pair.on], played[pair.off]) = (true, true);
    }
    let mut events: Vec<Event> = Vec::new();
    let mut push = |event: &Event| {
        let to_start = event.tick <= first && belongs_to_start(&event.kind);
        let tick = if to_start { 0 } else { places.of(event.tick.max(first)) };
        events.push(Event { tick, kind: event.kind.clone() });
    };
    for &index in chased {
        push(&track.events[index]);
    }
    for (event, played) in track.events.iter().zip(played) {
        let wanted = match event.kind {
            EventKind::Channel { message: MidiMessage::NoteOn { .. } | MidiMessage::NoteOff { .. }, .. } => played,
            EventKind::Meta { kind: meta::TEMPO | meta::TIME_SIGNATURE | meta::SMPTE_OFFSET, .. } => false,
            _ => true,
        };
        if wanted && (first..=last).contains(&event.tick) {
            push(event);
        }
    }
    Track { events, end_tick: places.of(track.end_tick.clamp(first, last)) }
}
