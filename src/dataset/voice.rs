//! The melody of a file, and how a voice sings it.

use crate::midi::Midi;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use std::f64::consts::TAU;

/// The drum channel.
pub(super) const DRUMS: u8 = 9;

/// Seconds, channel, command, data.
pub(super) type Event = (f64, u8, u8, u8, u8);

/// Seconds between the bends of a voice.
const BEND_S: f64 = 0.01;

/// The channel most like a melody: one voice, in a singer's range, in much of the piece; one whose track name says so
/// comes first.
pub(crate) fn melody(midi: &Midi) -> Option<u8> {
    const NAMES: [&str; 6] = ["melod", "vocal", "vox", "voice", "lead", "sing"];
    let names: Vec<String> = midi.track_names().iter().map(|name| name.to_lowercase()).collect();
    let all = midi.notes().iter().filter(|note| !note.is_drum()).count();
    let of = |channel: u8| {
        let notes: Vec<_> = midi.notes().iter().filter(|note| note.channel == channel).collect();
        let count = notes.len() as f64;
        let mean = notes.iter().map(|note| f64::from(note.pitch)).sum::<f64>() / count.max(1.0);
        let together = notes.windows(2).filter(|n| n[1].start.0 < n[0].end.0 - 0.1).count() as f64;
        let fits = notes.len() * 20 >= all.max(1) && together < 0.15 * count && (52.0..88.0).contains(&mean);
        let track = notes.first().and_then(|note| names.get(usize::from(note.track)));
        let named = track.is_some_and(|track| NAMES.iter().any(|name| track.contains(name)));
        fits.then_some((named, notes.len(), channel))
    };
    (0..16).filter(|channel| *channel != DRUMS).filter_map(of).max().map(|(_, _, channel)| channel)
}

/// Bends a note as a voice would: from below into the pitch, then vibrato.
pub(crate) fn sing(channel: u8, start_s: f64, end_s: f64, events: &mut Vec<Event>, random: &mut Pcg64) {
    let mut random = Pcg64::seed_from_u64(random.random());
    let (below, slide_s) = (random.random_range(20.0..120.0), random.random_range(0.04..0.12));
    let (depth, hz) = (random.random_range(15.0..40.0), random.random_range(5.0..6.5));
    for i in 0..((end_s - start_s) / BEND_S) as usize {
        let after = i as f64 * BEND_S;
        let slide = below * (1.0 - after / slide_s).max(0.0);
        // Vibrato sets in after .15 s and is full at .45 s.
        let vibrato = depth * ((after - 0.15) / 0.3).clamp(0.0, 1.0) * (TAU * hz * after).sin();
        // The range is 2 semitones either way.
        let bend = ((1.0 + (vibrato - slide) / 200.0) * 8192.0).round().clamp(0.0, 16383.0) as u16;
        events.push((start_s + after, channel, 0xE0, (bend & 0x7F) as u8, (bend >> 7) as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_slides_up_to_its_pitch() {
        let mut events = Vec::new();
        sing(3, 1.0, 1.1, &mut events, &mut Pcg64::seed_from_u64(1));
        let bend = |event: &Event| u16::from(event.3) | u16::from(event.4) << 7;
        assert_eq!(events.len(), 10);
        assert!(bend(&events[0]) < bend(&events[5]) && events.iter().all(|event| bend(event) <= 8192));
    }
}
