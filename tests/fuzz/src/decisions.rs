//! Decisions as documents: `curation/1` and JAMS.

use super::{Folder, kind};
use antiphon::curation::export;
use antiphon::files::Kind;
use antiphon::job::Progress;

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let Some((what, rest)) = kind(bytes, 2) else { return };
    let path = folder.put(["d.json", "d.jams"][usize::from(what)], rest);
    drop(Kind::of(&path));
    let Ok((records, _)) = export::read(&path) else { return };
    let document = folder.put("again.json", export::document(&records).to_string().as_bytes());
    assert_eq!(export::read(&document).expect("our own document").0, records);
    let jams = folder.path().join("jams");
    export::write_jams(&records, &jams, &Progress::silent()).expect("written to memory");
    export::read(&jams).expect("our own documents");
}
