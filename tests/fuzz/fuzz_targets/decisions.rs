//! Decisions as documents: `curation/1` and JAMS.
#![no_main]

use antiphon::curation::export;
use antiphon::files::Kind;
use antiphon_fuzz::{Folder, kind};
use std::sync::LazyLock;

static FOLDER: LazyLock<Folder> = LazyLock::new(|| Folder::of("decisions"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((what, rest)) = kind(bytes, 2) else { return };
    let path = FOLDER.put(["d.json", "d.jams"][usize::from(what)], rest);
    drop(Kind::of(&path));
    let Ok(records) = export::read(&path) else { return };
    let document = FOLDER.put("again.json", export::document(&records).to_string().as_bytes());
    assert_eq!(export::read(&document).expect("our own document"), records);
    let folder = FOLDER.path().join("jams");
    drop(std::fs::remove_dir_all(&folder));
    export::write_jams(&records, &folder).expect("written to memory");
    export::read(&folder).expect("our own documents");
});
