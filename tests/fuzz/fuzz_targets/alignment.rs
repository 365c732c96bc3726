//! The document of an alignment: the pair that it is about.
#![no_main]

use antiphon::export::pair_of;
use antiphon::files::Kind;
use antiphon_fuzz::Folder;
use std::sync::LazyLock;

static FOLDER: LazyLock<Folder> = LazyLock::new(|| {
    let folder = Folder::of("alignment");
    folder.put("x.mid", b"MThd");
    folder.put("x.wav", b"RIFF");
    folder
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.put("a.json", bytes);
    Kind::of(&path).expect("it can be read");
    if let Ok(pair) = pair_of(&path) {
        assert!(pair.iter().all(|path| path.is_file()));
    }
});
