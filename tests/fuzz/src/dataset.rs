//! A data set: its document, and one of its pairs.

use super::{Folder, kind, safetensors};
use antiphon::dataset::{Dataset, Split};

const ID: &str = "0123456789abcdef0123456789abcdef";

/// See the module.
pub fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let Some((what, rest)) = kind(bytes, 3) else { return };
    let document = format!(
        "{{\"format\":\"dataset/1\",\"first_note\":30,\"bins\":60,\"frame_s\":{},\"works\":[{{\"id\":\"{ID}\",\
         \"path\":\"a.mid\",\"title\":\"a\",\"group\":0,\"split\":\"train\",\"frames\":[3]}}]}}",
        1024.0 / 22050.0
    );
    let (document, pair) = match what {
        0 => (rest.to_vec(), Vec::new()),
        1 => (document.into_bytes(), rest.to_vec()),
        _ => (document.into_bytes(), safetensors(rest)),
    };
    folder.put("dataset.json", &document);
    folder.put(&format!("pairs/{ID}-0.safetensors"), &pair);
    let Ok(data) = Dataset::open(folder.path()) else {
        assert_eq!(what, 0);
        return;
    };
    for split in [Split::Train, Split::Valid, Split::Develop, Split::Test] {
        for work in data.works(split) {
            drop(data.made_by(work, 0));
            if let Ok(pair) = data.load(work, 0) {
                assert_eq!((pair.midi.dim(), pair.midi_time.len()), (pair.audio.dim(), pair.midi.nrows()));
                assert!(pair.midi.iter().chain(&pair.audio).chain(&pair.roll).all(|value| value.is_finite()));
            }
        }
    }
    if what == 0 {
        data.save().expect("written to memory");
        let again = Dataset::open(folder.path()).expect("our own file");
        assert_eq!(again.all_works().len(), data.all_works().len());
    }
}
