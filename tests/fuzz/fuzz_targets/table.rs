//! Tables, in whichever dialect: pairs to be judged, and decisions.
#![no_main]

use antiphon::curation::{Items, export};
use antiphon::files::Kind;
use antiphon::job::Progress;
use antiphon_fuzz::Folder;
use std::sync::LazyLock;

static FOLDER: LazyLock<Folder> = LazyLock::new(|| Folder::of("table"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.put("t.csv", bytes);
    Kind::of(&path).expect("it can be read");
    if let Ok(items) = Items::read(&path, &Progress::silent()) {
        for index in 0..items.len() {
            assert_eq!(items.find(items.id(index)), Some(index));
        }
    }
    if let Ok(records) = export::read(&path) {
        let again = FOLDER.put("again.csv", export::csv(&records).as_bytes());
        assert_eq!(export::read(&again).expect("our own table").len(), records.len());
    }
});
