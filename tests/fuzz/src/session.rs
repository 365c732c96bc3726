//! A session: read, its files looked for, written again.

use super::Folder;
use antiphon::files::Kind;
use antiphon::job::Progress;
use antiphon::session::Session;

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let path = folder.put("s.json", bytes);
    drop(Kind::of(&path));
    let Ok(session) = Session::read(&path) else { return };
    assert!(!session.summary().is_empty());
    let opened = Session::open(&path, &Progress::silent()).expect("it was read");
    assert_eq!(opened.session.recordings.len(), session.recordings.len());
    let again = folder.path().join("again.json");
    if session.save(&again).is_ok() {
        let saved = Session::read(&again).expect("our own file");
        assert!(saved.same_as(&session), "{saved:?}\n{session:?}");
    }
}
