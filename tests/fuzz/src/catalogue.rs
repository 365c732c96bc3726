//! What files are called: JSON lines, a table, and the journal of alignments beside a list that is collected.

use super::{Folder, kind};
use antiphon::collect::{Collecting, collect};
use antiphon::files::Kind;
use antiphon::index::Catalogue;
use antiphon::job::Progress;
use antiphon::synth::SoundFont;
use std::sync::LazyLock;

static FONT: LazyLock<SoundFont> = LazyLock::new(|| SoundFont::bundled().expect("a font"));

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let Some((what, rest)) = kind(bytes, 3) else { return };
    if what == 0 {
        let path = folder.put("c.jsonl", rest);
        drop(Kind::of(&path));
        if let Ok(catalogue) = Catalogue::read(&path) {
            assert!(catalogue.paths().all(|path| path.is_absolute() && catalogue.about(path).is_some()));
        }
        return;
    }
    folder.put("x.mid", b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x0b\0\x90\x3c\x40\x60\x3c\0\0\xff\x2f\0");
    folder.put(
        "x.wav",
        b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x02\0\0\0\0\0",
    );
    let at = |name: &str| folder.path().join(name);
    let mut what_to = Collecting::new(vec![at("x.mid")], vec![at("x.wav")], &FONT);
    drop(std::fs::remove_file(at("list.jsonl.alignments")));
    if what == 1 {
        what_to.catalogue = Some(folder.put("c.csv", rest));
    } else {
        folder.put("list.jsonl.alignments", rest);
    }
    // Both are read before the first step.
    let progress = Progress::silent();
    progress.cancel();
    assert!(collect(&what_to, &at("list.jsonl"), &progress).is_err());
}
