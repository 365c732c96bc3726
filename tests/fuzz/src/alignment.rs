//! The document of an alignment: the pair that it is about.

use super::Folder;
use antiphon::export::pair_of;
use antiphon::files::Kind;

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    folder.put("x.mid", b"MThd");
    folder.put("x.wav", b"RIFF");
    let path = folder.put("a.json", bytes);
    Kind::of(&path).expect("it can be read");
    if let Ok(pair) = pair_of(&path) {
        assert!(pair.iter().all(|path| path.is_file()));
    }
}
