//! A soundfont, and a chord and a drum played with it.

use super::Folder;
use antiphon::job::Progress;
use antiphon::midi::Midi;
use antiphon::synth::{SoundFont, render};

/// Three notes, the last of the drums, in half a second.
static CHORD: &[u8] = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x22\0\xc0\x05\0\x90\x24\x40\0\x60\x40\0\x99\x26\x64\x40\x80\x24\0\0\x80\x60\0\0\x89\x26\0\0\xff\x2f\0";

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let Ok(font) = SoundFont::open(&folder.put("font.sf2", bytes)) else { return };
    assert!(font.presets().is_sorted());
    let midi = Midi::parse(CHORD).expect("a MIDI file");
    assert_eq!(midi.notes().len(), 3);
    if let Ok(sound) = render(&midi, &font, 22_050, &Progress::silent()) {
        assert!(sound.seconds() < 3.0);
    }
}
