//! The MIDI as the recording plays it: repeats are written out, omissions are gone.

use super::clock;
use super::segments::Segments;
use super::warp::TimeMap;
use crate::audio::AudioTime;
use crate::error::Result;
use crate::midi::track::{Event, EventKind, Track, meta, pair_notes};
use crate::midi::{Midi, MidiTime};
use midly::{MidiMessage, PitchBend};
use std::collections::BTreeMap;

/// Other music between two segments lasting this long, in seconds, becomes a rest. In a shorter gap the jump is
/// somewhere inside.
const REST_S: f64 = 1.5;
/// How far a jump may be moved, in seconds of the MIDI, to lie on a bar line on both of its sides.
const TO_BAR_S: f64 = 0.7;
/// How close to a bar line the side it leaves must then come.
const AT_BAR_S: f64 = 0.12;

/// A MIDI file as a recording plays it.
#[derive(Debug, Clone)]
pub struct Played {
    /// The file. Where the recording jumps, a marker gives the old and the new place.
    pub midi: Midi,
    /// Its time ↔ the recording's.
    pub map: TimeMap,
}

/// A part of the written file.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// First tick, and one past the last.
    from: u64,
    to: u64,
    /// New place of the first tick.
    place: u64,
}

/// Writes out what the recording plays. The first segment begins with the file and the last one ends with it: leaving
/// out what the recording does not reach is up to the caller.
///
/// Notes are cut where the recording jumps. Programs, controllers, tempo, metre and key are restored to their values in
/// the MIDI at the target of the jump.
///
/// # Errors
/// [`Error::Midi`](crate::Error::Midi) if it would last longer than a MIDI file may.
pub(super) fn unfold(midi: &Midi, segments: &Segments) -> Result<Played> {
    let pieces = pieces(midi, segments);
    let mut tracks = vec![Track::default(); midi.tracks().len()];
    for (number, piece) in pieces.iter().enumerate() {
        if let Some(before) = number.checked_sub(1).map(|before| pieces[before]) {
            conduct(&mut tracks[0], midi, &before, piece);
            restore(&mut tracks, midi, &before, piece);
        }
        for (out, track) in tracks.iter_mut().zip(midi.tracks()) {
            copy(out, track, piece, number == 0);
        }
    }
    for track in &mut tracks {
        track.events.sort_by_key(|event| event.tick);
        track.end_tick = track.events.last().map_or(0, |event| event.tick).max(track.end_tick);
    }
    let played = Midi::from_tracks(midi.ticks_per_quarter(), tracks)?;
    let mut knots = Vec::new();
    for (piece, map) in pieces.iter().zip(segments.maps()) {
        let (from, to) = (midi.time_at(piece.from as f64), midi.time_at(piece.to as f64));
        let begins = played.time_at(piece.place as f64).0 - from.0;
        let inside = map.knots().filter(|(time, _)| *time > from && *time < to);
        let ends = |time: MidiTime| (time, map.to_audio(time));
        let all = [ends(from)].into_iter().chain(inside).chain([ends(to)]);
        knots.extend(all.map(|(MidiTime(m), a)| (MidiTime(m + begins), a)));
    }
    Ok(Played { map: TimeMap::new(knots)?, midi: played })
}

/// The parts of the file that the segments play.
fn pieces(midi: &Midi, segments: &Segments) -> Vec<Piece> {
    let (spans, maps) = (segments.spans(), segments.maps());
    let end = midi.tracks().iter().map(|track| track.end_tick).max().unwrap_or(0);
    let tick = |seconds: f64| (midi.tick_at(MidiTime(seconds)).round().max(0.0) as u64).min(end);
    let mut pieces = vec![Piece { from: 0, to: end, place: 0 }];
    for (number, pair) in spans.windows(2).enumerate() {
        let gap_s = pair[1].audio.0 - pair[0].audio.1;
        let (to, from, rest_s) = if gap_s < REST_S {
            let middle = AudioTime(pair[0].audio.1 + 0.5 * gap_s);
            let (to, from) = on_bars(midi, maps[number].to_midi(middle).0, maps[number + 1].to_midi(middle).0);
            (to, from, 0.0)
        } else {
            (pair[0].midi.1, pair[1].midi.0, gap_s)
        };
        if let Some(last) = pieces.last_mut() {
            last.to = tick(to).max(last.from);
            let tempo = midi.tempos().iter().take_while(|change| change.tick < last.to).last();
            let quarter_s = 1e-6 * f64::from(tempo.map_or(500_000, |tempo| tempo.micros_per_quarter));
            let rest = (rest_s / quarter_s * f64::from(midi.ticks_per_quarter())).round() as u64;
            let place = last.place + (last.to - last.from) + rest;
            pieces.push(Piece { from: tick(from), to: end, place });
        }
    }
    pieces
}

/// A jump from one second of the MIDI to another, moved to bar lines if it is near one on both sides.
fn on_bars(midi: &Midi, from: f64, to: f64) -> (f64, f64) {
    let bar_line = |seconds: f64| {
        let tick = midi.tick_at(MidiTime(seconds.max(0.0)));
        let bar = midi.bar_at(tick);
        let line = if tick - bar.start_tick < 0.5 * bar.ticks { bar.start_tick } else { bar.start_tick + bar.ticks };
        midi.time_at(line).0
    };
    let line = bar_line(to);
    let left_at = bar_line(from + line - to);
    let agrees = (line - to).abs() <= TO_BAR_S && (from + line - to - left_at).abs() <= AT_BAR_S;
    if agrees { (left_at, line) } else { (from, to) }
}

/// Marks where the recording jumps, and restores tempo and metre.
fn conduct(track: &mut Track, midi: &Midi, before: &Piece, piece: &Piece) {
    let mut push = |tick, kind| track.events.push(Event { tick, kind });
    let at = |tick: u64| clock(midi.time_at(tick as f64).0);
    let words = format!("jump from {} to {}", at(before.to), at(piece.from));
    push(piece.place, EventKind::Meta { kind: meta::MARKER, data: words.into_bytes().into() });
    let tempo = midi.tempos().iter().take_while(|change| change.tick <= piece.from).last();
    push(piece.place, EventKind::tempo(tempo.map_or(500_000, |tempo| tempo.micros_per_quarter)));
    let bar = midi.bar_at(piece.from as f64);
    let signature = || EventKind::time_signature(bar.signature.numerator, bar.signature.denominator);
    push(piece.place, signature());
    // Within a bar: the next bar line stays where it is.
    let next = (bar.start_tick + bar.ticks).round() as u64;
    let changes = midi.time_signatures().iter().any(|change| (piece.from + 1..=next).contains(&change.tick));
    if (piece.from as f64 - bar.start_tick) >= 0.5 && next < piece.to && !changes {
        push(piece.place + (next - piece.from), signature());
    }
}

/// The kinds of state that a channel (or, with its number plus 16, a track) remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Memory {
    Controller(u8),
    Program,
    Bend,
    Pressure,
    Key,
}

/// What is in force before a tick, and the track that set it.
fn memory(tracks: &[Track], before: u64) -> BTreeMap<(usize, Memory), (usize, &EventKind)> {
    let mut events: Vec<(u64, usize, &EventKind)> = Vec::new();
    for (number, track) in tracks.iter().enumerate() {
        let earlier = track.events.iter().take_while(|event| event.tick < before);
        events.extend(earlier.map(|event| (event.tick, number, &event.kind)));
    }
    // The sort is stable, so the order of the file is kept.
    events.sort_by_key(|&(tick, number, _)| (tick, number));
    let mut found = BTreeMap::new();
    for (_, number, kind) in events {
        let what = match kind {
            EventKind::Channel { message: MidiMessage::Controller { controller, .. }, .. } => match controller.as_int()
            {
                // Numbered parameters and resets take effect by their order; nobody sends them anew in the middle of a
                // song.
                6 | 38 | 96..=101 | 120..=127 => continue,
                number => Memory::Controller(number),
            },
            EventKind::Channel { message: MidiMessage::ProgramChange { .. }, .. } => Memory::Program,
            EventKind::Channel { message: MidiMessage::PitchBend { .. }, .. } => Memory::Bend,
            EventKind::Channel { message: MidiMessage::ChannelAftertouch { .. }, .. } => Memory::Pressure,
            EventKind::Meta { kind: meta::KEY_SIGNATURE, .. } => Memory::Key,
            _ => continue,
        };
        let whose = match kind {
            EventKind::Channel { channel, .. } => usize::from(*channel),
            _ => 16 + number,
        };
        found.insert((whose, what), (number, kind));
    }
    found
}

/// Sends what is in force at the beginning of a piece, if the previous one left another state.
fn restore(tracks: &mut [Track], midi: &Midi, before: &Piece, piece: &Piece) {
    let (left, wanted) = (memory(midi.tracks(), before.to), memory(midi.tracks(), piece.from));
    for (&(whose, what), &(track, kind)) in &left {
        if !wanted.contains_key(&(whose, what))
            && let Some(kind) = initial(kind)
        {
            tracks[track].events.push(Event { tick: piece.place, kind });
        }
    }
    for (key, &(track, kind)) in &wanted {
        if left.get(key).is_none_or(|(_, other)| *other != kind) {
            tracks[track].events.push(Event { tick: piece.place, kind: kind.clone() });
        }
    }
}

/// The same message with General MIDI's initial value.
fn initial(kind: &EventKind) -> Option<EventKind> {
    let EventKind::Channel { channel, message } = kind else { return None };
    let message = match *message {
        MidiMessage::Controller { controller, .. } => {
            let value = match controller.as_int() {
                7 => 100,
                10 => 64,
                11 => 127,
                91 => 40,
                _ => 0,
            };
            MidiMessage::Controller { controller, value: value.into() }
        }
        MidiMessage::ProgramChange { .. } => MidiMessage::ProgramChange { program: 0.into() },
        MidiMessage::PitchBend { .. } => MidiMessage::PitchBend { bend: PitchBend::from_int(0) },
        MidiMessage::ChannelAftertouch { .. } => MidiMessage::ChannelAftertouch { vel: 0.into() },
        other => other,
    };
    Some(EventKind::Channel { channel: *channel, message })
}

/// Copies the events of a track inside a piece; with `first`, also those of the track as a whole.
fn copy(out: &mut Track, track: &Track, piece: &Piece, first: bool) {
    let place = |tick: u64| piece.place + (tick - piece.from);
    let inside = |tick: u64| (piece.from..piece.to).contains(&tick);
    let mut sounding = vec![false; track.events.len()];
    let mut cut = Vec::new();
    for pair in pair_notes(&track.events).0 {
        let (on, off) = (&track.events[pair.on], &track.events[pair.off]);
        if !inside(on.tick) {
            continue;
        }
        sounding[pair.on] = true;
        if off.tick <= piece.to {
            sounding[pair.off] = true;
        } else if let EventKind::Channel { channel, message: MidiMessage::NoteOn { key, .. } } = on.kind {
            cut.push((channel, key));
        }
    }
    for (event, sounding) in track.events.iter().zip(sounding) {
        let wanted = match event.kind {
            EventKind::Channel { message: MidiMessage::NoteOn { .. } | MidiMessage::NoteOff { .. }, .. } => sounding,
            EventKind::Meta { kind: meta::SMPTE_OFFSET, .. } => false,
            EventKind::Meta { kind: meta::TEMPO | meta::TIME_SIGNATURE, .. } => inside(event.tick),
            EventKind::Meta { kind, .. } if !first && meta::OF_TRACK.contains(&kind) => false,
            // Events at the very end of the file are part of it.
            _ => inside(event.tick) || (event.tick == piece.to && event.tick == track.end_tick),
        };
        if wanted {
            out.events.push(Event { tick: place(event.tick), kind: event.kind.clone() });
        }
    }
    cut.sort_unstable();
    cut.dedup();
    let off = |(channel, key)| EventKind::Channel { channel, message: MidiMessage::NoteOff { key, vel: 64.into() } };
    out.events.extend(cut.into_iter().map(|note| Event { tick: place(piece.to), kind: off(note) }));
    out.end_tick = place(track.end_tick.clamp(piece.from, piece.to)).max(out.end_tick);
}

#[cfg(test)]
mod tests {
    use super::super::segments::tests::straight;
    use super::*;

    /// Eight bars of 4/4 at 120: a note of a bar each, C2 and up, on program 10 + bar; the fifth bar bends.
    fn song() -> Midi {
        let channel = |message| EventKind::Channel { channel: 0, message };
        let mut events =
            vec![Event { tick: 0, kind: EventKind::Meta { kind: meta::TRACK_NAME, data: (*b"lead").into() } }];
        for bar in 0..8_u8 {
            let tick = u64::from(bar) * 1920;
            let key = (36 + bar).into();
            let mut push = |tick, message| events.push(Event { tick, kind: channel(message) });
            push(tick, MidiMessage::ProgramChange { program: (10 + bar).into() });
            if bar == 4 {
                push(tick, MidiMessage::PitchBend { bend: PitchBend::from_int(2000) });
            }
            push(tick, MidiMessage::NoteOn { key, vel: 80.into() });
            push(tick + 1920, MidiMessage::NoteOff { key, vel: 0.into() });
        }
        events.sort_by_key(|event| event.tick);
        Midi::from_tracks(480, vec![Track { events, end_tick: 8 * 1920 }]).unwrap()
    }

    fn bars(midi: &Midi) -> Vec<(u8, u8, f64)> {
        midi.notes().iter().map(|note| (note.pitch - 36, note.program - 10, note.start.0)).collect()
    }

    #[test]
    fn what_comes_again_is_written_out_and_what_is_left_out_is_gone() {
        // Bars 0–3 (2 s each), 1–3 again, then 6 and 7; the recording begins a second later and runs at the same speed.
        let segments = straight(&[((0.1, 7.9), (1.1, 8.9)), ((2.3, 7.8), (9.3, 14.8)), ((12.2, 16.0), (15.2, 19.0))]);
        let played = unfold(&song(), &segments).unwrap();
        let wanted = [0, 1, 2, 3, 1, 2, 3, 6, 7];
        let wanted: Vec<_> = wanted.iter().enumerate().map(|(i, &bar)| (bar, bar, 2.0 * i as f64)).collect();
        assert_eq!(bars(&played.midi), wanted);
        for time in [0.5, 7.0, 9.0, 15.5] {
            assert!((played.map.to_audio(MidiTime(time)).0 - time - 1.0).abs() < 1e-6, "{time}");
        }
        let markers: Vec<_> = played.midi.markers();
        assert_eq!(
            markers,
            [(MidiTime(8.0), "jump from 0:08 to 0:02".into()), (MidiTime(14.0), "jump from 0:08 to 0:12".into())]
        );
        assert_eq!(played.midi.track_names(), ["lead"]);
        // The file reads back as it was written.
        let again = Midi::parse(&played.midi.to_bytes()).unwrap();
        assert_eq!(bars(&again), wanted);
        assert!(again.warnings().is_empty());
    }

    #[test]
    fn bends_and_programs_are_put_back_where_the_recording_jumps_back() {
        // To the end of bar 5, and from the middle of bar 1 on, off the bar lines.
        let segments = straight(&[((0.0, 12.0), (0.0, 12.0)), ((3.0, 16.0), (12.0, 25.0))]);
        let played = unfold(&song(), &segments).unwrap().midi;
        let bends: Vec<_> =
            played.messages().iter().filter(|m| m.command == 0xE0).map(|m| (m.time.0, m.data2)).collect();
        assert_eq!(bends, [(8.0, 79), (12.0, 64), (17.0, 79)]);
        let notes = bars(&played);
        // The note of bar 1 began before the jump: the first one after it is that of bar 2.
        assert_eq!(notes[6], (2, 2, 13.0));
        // Bar lines are those of the written file.
        for bar_line in [13.0, 15.0] {
            assert!((played.bar_and_beat(MidiTime(bar_line)).1 - 1.0).abs() < 1e-9, "{bar_line}");
        }
    }

    #[test]
    fn other_music_between_two_segments_is_a_rest() {
        let segments = straight(&[((0.0, 8.0), (0.0, 8.0)), ((8.0, 16.0), (18.0, 26.0))]);
        let played = unfold(&song(), &segments).unwrap();
        assert_eq!(bars(&played.midi)[4], (4, 4, 18.0));
        assert!((played.midi.notes()[3].end.0 - 8.0).abs() < 1e-9);
        assert!((played.map.to_midi(AudioTime(20.0)).0 - 20.0).abs() < 1e-6);
    }

    #[test]
    fn notes_are_cut_at_a_jump() {
        let segments = straight(&[((0.0, 5.0), (0.0, 5.0)), ((12.0, 16.0), (5.0, 9.0))]);
        let played = unfold(&song(), &segments).unwrap().midi;
        let cut = played.notes()[2];
        assert_eq!((cut.pitch, cut.end), (38, MidiTime(5.0)));
        assert_eq!(played.notes().len(), 5);
    }
}
