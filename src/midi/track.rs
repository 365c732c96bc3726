//! The contents of a track, and which of its events make a note.

use midly::MidiMessage;

/// Meta event types that we read ourselves.
pub(crate) mod meta {
    pub(crate) const SEQUENCE_NUMBER: u8 = 0x00;
    pub(crate) const TEXT: u8 = 0x01;
    pub(crate) const TRACK_NAME: u8 = 0x03;
    pub(crate) const LYRIC: u8 = 0x05;
    pub(crate) const MARKER: u8 = 0x06;
    pub(crate) const CHANNEL_PREFIX: u8 = 0x20;
    pub(crate) const PORT: u8 = 0x21;
    pub(crate) const END_OF_TRACK: u8 = 0x2F;
    pub(crate) const TEMPO: u8 = 0x51;
    pub(crate) const SMPTE_OFFSET: u8 = 0x54;
    pub(crate) const TIME_SIGNATURE: u8 = 0x58;
    pub(crate) const KEY_SIGNATURE: u8 = 0x59;
    /// Names, copyright, programs and devices by name, channel, port, and what programs write for their own use: they
    /// apply to a track as a whole, wherever they occur in it.
    pub(crate) const OF_TRACK: [u8; 9] =
        [SEQUENCE_NUMBER, 0x02, TRACK_NAME, 0x04, 0x08, 0x09, CHANNEL_PREFIX, PORT, 0x7F];
}

/// An event without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EventKind {
    Channel {
        channel: u8,
        message: MidiMessage,
    },
    /// Type byte and payload. End of track is not one of them: a [`Track`] knows its end.
    Meta {
        kind: u8,
        data: Box<[u8]>,
    },
    SysEx(Box<[u8]>),
    Escape(Box<[u8]>),
}

impl EventKind {
    pub(crate) fn tempo(micros_per_quarter: u32) -> Self {
        Self::Meta { kind: meta::TEMPO, data: micros_per_quarter.to_be_bytes()[1..].into() }
    }

    /// A time signature; the metronome clicks once a beat (once a dotted beat in compound metre).
    pub(crate) fn time_signature(numerator: u8, denominator: u16) -> Self {
        let compound = numerator > 3 && numerator.is_multiple_of(3);
        let clocks = ((96 / denominator.max(1)).max(1) * if compound { 3 } else { 1 }).min(255) as u8;
        let exponent = denominator.max(1).trailing_zeros() as u8;
        Self::Meta { kind: meta::TIME_SIGNATURE, data: [numerator, exponent, clocks, 8].into() }
    }
}

/// An event at its tick from the beginning of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) tick: u64,
    pub(crate) kind: EventKind,
}

/// A track: events by tick, in file order if ticks are equal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Track {
    pub(crate) events: Vec<Event>,
    /// Where the track ends; no event is later.
    pub(crate) end_tick: u64,
}

/// A note as the indices of its two events in the track. One note-off may end several notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) on: usize,
    pub(crate) off: usize,
}

/// Whether the message starts a note; a note-on of velocity 0 ends one.
pub(crate) fn starts_note(message: MidiMessage) -> Option<u8> {
    match message {
        MidiMessage::NoteOn { key, vel } if vel > 0 => Some(key.as_int()),
        _ => None,
    }
}

/// Whether the message ends notes of a key.
pub(crate) fn ends_note(message: MidiMessage) -> Option<u8> {
    match message {
        MidiMessage::NoteOff { key, .. } => Some(key.as_int()),
        MidiMessage::NoteOn { key, vel } if vel == 0 => Some(key.as_int()),
        _ => None,
    }
}

/// The notes of a track, and the note-ons that nothing ends.
///
/// The rule is that of `pretty_midi` 0.2.11, so that both see the same notes: a note-off ends every open note of its
/// key and channel in its track that started at an earlier tick. Notes that start at the tick of the note-off stay open
/// when it ended an earlier one (the key was struck again), otherwise they have no length and are dropped.
pub(crate) fn pair_notes(events: &[Event]) -> (Vec<Pair>, Vec<usize>) {
    let mut pairs = Vec::new();
    // For each channel that is used: the open note-ons of each key.
    let mut open: [Vec<Vec<usize>>; 16] = Default::default();
    for (index, event) in events.iter().enumerate() {
        let EventKind::Channel { channel, message } = event.kind else { continue };
        if let Some(key) = starts_note(message) {
            let keys = &mut open[usize::from(channel)];
            keys.resize(128, Vec::new());
            keys[usize::from(key)].push(index);
        } else if let Some(key) = ends_note(message)
            && let Some(started) = open[usize::from(channel)].get_mut(usize::from(key))
        {
            let before = pairs.len();
            pairs
                .extend(started.iter().filter(|&&on| events[on].tick != event.tick).map(|&on| Pair { on, off: index }));
            if pairs.len() > before {
                started.retain(|&on| events[on].tick == event.tick);
            } else {
                started.clear();
            }
        }
    }
    let mut hanging: Vec<usize> = open.into_iter().flatten().flatten().collect();
    hanging.sort_unstable();
    (pairs, hanging)
}

impl Track {
    /// Moves note-offs so that a synthesiser plays the notes that a reader sees; returns how many notes had no length.
    ///
    /// A note that ends at the tick of its start is struck: its end moves on by a tick. A note-off that ends an earlier
    /// note (or none), and comes after a note-on of its key at the same tick, goes before it: it is not meant for the
    /// new note.
    pub(crate) fn strike(&mut self) -> usize {
        #[derive(Clone, Default)]
        struct Key {
            open: Vec<usize>,
            /// The tick of the last note-on, and the first note-on at that tick.
            tick: u64,
            first: Option<usize>,
            /// Note-offs that may still come at that tick for notes that ended there.
            spare: usize,
        }
        // For each channel that is used.
        let mut keys: [Vec<Key>; 16] = Default::default();
        // Tick, whether it follows the ends postponed to that tick, index, whether it follows those moved there.
        let mut places: Vec<(u64, bool, usize, bool)> = Vec::with_capacity(self.events.len());
        let (mut struck, mut moved) = (0, false);
        for (index, &Event { tick, ref kind }) in self.events.iter().enumerate() {
            let mut place = (tick, true, index, true);
            if let &EventKind::Channel { channel, message } = kind
                && let Some(number) = starts_note(message).or(ends_note(message))
            {
                let keys = &mut keys[usize::from(channel)];
                keys.resize(128, Key::default());
                let key = &mut keys[usize::from(number)];
                if starts_note(message).is_some() {
                    if key.first.is_none() || key.tick != tick {
                        (key.tick, key.first, key.spare) = (tick, Some(index), 0);
                    }
                    key.open.push(index);
                } else if let Some(first) = key.first.filter(|_| key.tick == tick) {
                    moved = true;
                    let earlier = key.open.partition_point(|&on| self.events[on].tick < tick);
                    if earlier > 0 {
                        key.spare = earlier - 1;
                        key.open.drain(..earlier);
                        place = (tick, true, first, false);
                    } else if key.spare > 0 || key.open.is_empty() {
                        key.spare = key.spare.saturating_sub(1);
                        place = (tick, true, first, false);
                    } else {
                        struck += key.open.len();
                        key.open.clear();
                        place = (tick + 1, false, index, true);
                    }
                } else {
                    key.open.clear();
                }
            }
            places.push(place);
        }
        if moved {
            let mut order: Vec<usize> = (0..places.len()).collect();
            order.sort_unstable_by_key(|&index| (places[index], index));
            let event = |&index: &usize| Event { tick: places[index].0, kind: self.events[index].kind.clone() };
            self.events = order.iter().map(event).collect();
            self.end_tick = self.end_tick.max(self.events.last().map_or(0, |event| event.tick));
        }
        struck
    }

    /// Sets delta times that lead beyond `limit` to 0, so that everything after them is earlier by that much; returns
    /// each with the tick that it led to.
    pub(crate) fn close_up(&mut self, limit: u64) -> Vec<(u64, u64)> {
        let (mut last, mut out, mut left_out) = (0, 0, Vec::new());
        for tick in self.events.iter_mut().map(|event| &mut event.tick).chain([&mut self.end_tick]) {
            let delta = *tick - last;
            last = *tick;
            if *tick - out > limit {
                out += delta;
                left_out.push((last, delta));
            }
            *tick -= out;
        }
        left_out
    }

    /// Ends unended notes at the end of the track, which is a tick later if one of them starts there; returns how many
    /// there were. Afterwards every reader, and a synthesiser, sees the same notes.
    pub(crate) fn end_hanging_notes(&mut self) -> usize {
        let (_, hanging) = pair_notes(&self.events);
        let mut ends = Vec::new();
        for &on in &hanging {
            let Event { tick, kind: EventKind::Channel { channel, message } } = self.events[on] else { continue };
            self.end_tick = self.end_tick.max(tick + 1);
            if let MidiMessage::NoteOn { key, .. } = message {
                ends.push((channel, key));
            }
        }
        ends.sort_unstable();
        ends.dedup();
        let tick = self.end_tick;
        self.events.extend(ends.into_iter().map(|(channel, key)| Event {
            tick,
            kind: EventKind::Channel { channel, message: MidiMessage::NoteOff { key, vel: 64.into() } },
        }));
        hanging.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(tick: u64, key: u8, velocity: u8) -> Event {
        let message = MidiMessage::NoteOn { key: key.into(), vel: velocity.into() };
        Event { tick, kind: EventKind::Channel { channel: 0, message } }
    }

    fn off(tick: u64, key: u8) -> Event {
        let message = MidiMessage::NoteOff { key: key.into(), vel: 0.into() };
        Event { tick, kind: EventKind::Channel { channel: 0, message } }
    }

    #[test]
    fn one_note_off_ends_all_open_notes_of_its_key() {
        let (pairs, hanging) = pair_notes(&[on(0, 60, 1), on(5, 60, 2), off(9, 60), off(12, 60)]);
        assert_eq!(pairs, [Pair { on: 0, off: 2 }, Pair { on: 1, off: 2 }]);
        assert!(hanging.is_empty());
    }

    #[test]
    fn a_key_struck_again_at_the_tick_of_the_note_off_stays_open() {
        let events = [on(0, 60, 1), on(5, 60, 2), off(5, 60), on(9, 60, 0)];
        assert_eq!(pair_notes(&events).0, [Pair { on: 0, off: 2 }, Pair { on: 1, off: 3 }]);
    }

    #[test]
    fn notes_without_length_are_dropped() {
        assert_eq!(pair_notes(&[on(5, 60, 2), off(5, 60), off(9, 60)]), (vec![], vec![]));
    }

    /// The notes of events after [`Track::strike`]: start and end, in the order of their ends; and how many had no
    /// length.
    fn struck(events: Vec<Event>) -> (Vec<(u64, u64)>, usize) {
        let mut track = Track { end_tick: events.last().map_or(0, |event| event.tick), events };
        let count = track.strike();
        assert!(
            track.events.is_sorted_by_key(|event| event.tick) && track.end_tick >= track.events.last().unwrap().tick
        );
        let (pairs, hanging) = pair_notes(&track.events);
        assert!(hanging.is_empty());
        // A synthesiser that plays the events one by one sounds the same notes.
        for pair in &pairs {
            let key = |event: &Event| match event.kind {
                EventKind::Channel { message, .. } => ends_note(message),
                _ => None,
            };
            let off = &track.events[pair.off];
            let end = track.events[pair.on + 1..].iter().find(|event| key(event) == key(off));
            assert_eq!(end.map(|event| event.tick), Some(off.tick));
        }
        (pairs.iter().map(|pair| (track.events[pair.on].tick, track.events[pair.off].tick)).collect(), count)
    }

    #[test]
    fn a_note_without_length_is_struck_for_a_tick() {
        assert_eq!(struck(vec![on(5, 60, 2), off(5, 60)]), (vec![(5, 6)], 1));
        assert_eq!(struck(vec![on(5, 60, 2), on(5, 60, 0), on(6, 60, 2), off(6, 60)]), (vec![(5, 6), (6, 7)], 2));
        assert_eq!(struck(vec![on(5, 60, 2), on(5, 60, 3), off(5, 60), off(5, 60)]), (vec![(5, 6), (5, 6)], 2));
        assert_eq!(struck(vec![on(5, 60, 2), off(5, 60), on(5, 60, 2), off(5, 60)]), (vec![(5, 6), (5, 6)], 2));
    }

    #[test]
    fn a_note_struck_again_before_its_note_off_is_the_same_as_after_it() {
        let usual = struck(vec![on(0, 60, 1), off(5, 60), on(5, 60, 2), off(9, 60)]);
        assert_eq!(usual, (vec![(0, 5), (5, 9)], 0));
        assert_eq!(struck(vec![on(0, 60, 1), on(5, 60, 2), off(5, 60), off(9, 60)]), usual);
        // Doubled, each with a note-off of its own.
        let doubled = vec![on(0, 60, 1), on(0, 60, 1), on(5, 60, 2), off(5, 60), off(5, 60), off(9, 60)];
        assert_eq!(struck(doubled), (vec![(0, 5), (0, 5), (5, 9)], 0));
        // The new note has no length.
        let last = vec![on(0, 60, 1), on(5, 60, 2), off(5, 60), off(5, 60)];
        assert_eq!(struck(last), (vec![(0, 5), (5, 6)], 1));
        // A note-off that ends nothing does not end what comes after it.
        assert_eq!(struck(vec![off(5, 60), on(5, 60, 2), off(9, 60)]), (vec![(5, 9)], 0));
    }

    #[test]
    fn hanging_notes_end_with_their_track() {
        let mut track = Track { events: vec![on(0, 60, 1), on(3, 60, 1), on(4, 61, 1), on(10, 62, 1)], end_tick: 10 };
        assert_eq!(track.end_hanging_notes(), 4);
        let (pairs, hanging) = pair_notes(&track.events);
        assert_eq!((pairs.len(), hanging.len()), (4, 0));
        assert!(pairs.iter().all(|p| track.events[p.off].tick == 11));
        let repaired = track.clone();
        assert_eq!(track.end_hanging_notes(), 0);
        assert_eq!(track, repaired);
    }

    #[test]
    fn time_signature_bytes_are_those_of_the_standard() {
        let EventKind::Meta { data, .. } = EventKind::time_signature(6, 8) else { panic!("not a meta event") };
        assert_eq!(&data[..], [6, 3, 36, 8]);
    }
}
