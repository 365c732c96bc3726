//! Feeds bytes to the MIDI reader, and what it reads to the writer, the metre, and the aligned file.

use antiphon::alignment::retime::retime;
use antiphon::alignment::warp::TimeMap;
use antiphon::audio::AudioTime;
use antiphon::midi::{Midi, MidiTime};

/// See the module.
pub fn check(bytes: &[u8]) {
    let Ok(midi) = Midi::parse(bytes) else { return };
    same_after_writing(&midi);
    assert!(midi.notes().iter().all(|note| note.end_tick > note.start_tick && note.end >= note.start));
    assert!(midi.messages().is_sorted_by(|a, b| a.time <= b.time));
    assert!(midi.beats().is_sorted_by(|a, b| a < b));
    let end = midi.end().0;
    assert!((midi.time_at(midi.tick_at(midi.end())).0 - end).abs() <= 1e-6 * (1.0 + end));
    assert!(midi.bar_and_beat(midi.end()).0 >= 1);
    // Keys that fold back into the range may meet, and then end each other: only how many there are is the same.
    let transposed = midi.transposed(i32::from(bytes[bytes.len() - 1]) - 128);
    let again = Midi::parse(&transposed.to_bytes()).expect("our own file");
    assert_eq!(again.messages().len(), transposed.messages().len());

    // The first half faster and from inside the recording, then a jump, then slower; the end is left out.
    let knots = [(0.0, -0.1), (0.5, 0.3), (0.501, 0.6), (1.0, 1.3)];
    let knots = knots.map(|(m, a)| (MidiTime(m * (end + 0.1)), AudioTime(a * (end + 0.1))));
    let map = TimeMap::new(knots).expect("increasing");
    if let Ok(aligned) = retime(&midi, &map, (MidiTime(0.0), MidiTime(end * 0.9))) {
        assert!(!aligned.notes().is_empty() && aligned.notes().len() <= midi.notes().len());
        same_after_writing(&aligned);
    }
}

fn same_after_writing(midi: &Midi) {
    let again = Midi::parse(&midi.to_bytes()).expect("our own file");
    let ticks = |midi: &Midi| -> Vec<_> {
        midi.notes().iter().map(|n| (n.start_tick, n.end_tick, n.pitch, n.channel)).collect()
    };
    assert_eq!(ticks(midi).len(), ticks(&again).len());
    same_messages(&again, midi);
    assert_eq!(midi.tempos(), again.tempos());
    assert_eq!(midi.time_signatures(), again.time_signatures());
}

/// Says the first that differs: there may be thousands.
fn same_messages(again: &Midi, midi: &Midi) {
    let (again, midi) = (again.messages(), midi.messages());
    if let Some(at) = again.iter().zip(midi).position(|(again, midi)| again != midi) {
        panic!("message {at} was {:?}, is {:?}", midi[at], again[at]);
    }
    assert_eq!(again.len(), midi.len());
}
