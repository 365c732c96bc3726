//! A session: read, its files looked for, written again.
#![no_main]

use antiphon::files::Kind;
use antiphon::job::Progress;
use antiphon::session::Session;
use antiphon_fuzz::Folder;
use std::sync::LazyLock;

static FOLDER: LazyLock<Folder> = LazyLock::new(|| Folder::of("session"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.put("s.json", bytes);
    drop(Kind::of(&path));
    let Ok(session) = Session::read(&path) else { return };
    assert!(!session.summary().is_empty());
    let opened = Session::open(&path, &Progress::silent()).expect("it was read");
    assert_eq!(opened.session.recordings.len(), session.recordings.len());
    let again = FOLDER.path().join("again.json");
    if session.save(&again).is_ok() {
        let saved = Session::read(&again).expect("our own file");
        assert!(saved.same_as(&session), "{saved:?}\n{session:?}");
    }
});
