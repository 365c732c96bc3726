//! Tables, in whichever dialect: pairs to be judged, and decisions.

use super::Folder;
use antiphon::curation::{Items, export};
use antiphon::files::Kind;
use antiphon::job::Progress;

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let path = folder.put("t.csv", bytes);
    Kind::of(&path).expect("it can be read");
    if let Ok(items) = Items::read(&path, &Progress::silent()) {
        for index in 0..items.len() {
            assert_eq!(items.find(items.id(index)), Some(index));
        }
    }
    if let Ok((records, _)) = export::read(&path) {
        let again = folder.put("again.csv", export::csv(&records).as_bytes());
        assert_eq!(export::read(&again).expect("our own table").0.len(), records.len());
    }
}
