//! What is known about an entry, and the catalogues that provide it.

use crate::audio::Tags;
use crate::error::{Error, Result};
use crate::files::{absolute, any_path};
use crate::hashing::Side;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// Longest line of a catalogue that is read, in bytes.
const MOST_LINE: usize = 1 << 20;

/// A file in an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// MD5 of its bytes in hexadecimal, which identifies it.
    pub md5: String,
    /// A recording, or a MIDI file.
    pub side: Side,
    /// Its path when it was indexed.
    #[serde(with = "any_path")]
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was last modified, in nanoseconds since 1970, if the system could tell.
    pub modified_ns: Option<u64>,
    /// Its duration in seconds.
    pub seconds: f64,
    /// Cents by which it is tuned above A4 = 440 Hz, and at which it was analysed; none if it is in tune.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<f64>,
    /// A defect of the file: truncated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// What a catalogue or its tags say.
    #[serde(flatten)]
    pub about: About,
}

impl Entry {
    /// The catalogue's id, or the content's MD5 if there is none.
    pub fn id(&self) -> &str {
        self.about.id.as_deref().unwrap_or(&self.md5)
    }
}

/// The fields of a Million Song Dataset entry (spec J).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// Performer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// Album.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Name of the track.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The catalogue's name for it: `TR…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Length in seconds of the whole track, of which the file may be a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Rate at which the catalogue's maker analysed it, in Hz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<f64>,
    /// The catalogue's MD5 of the sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_md5: Option<String>,
    /// Number at 7digital.
    #[serde(rename = "7digitalid", skip_serializing_if = "Option::is_none")]
    pub seven_digital_id: Option<i64>,
    /// Year of the release; 0 if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<i64>,
}

impl About {
    /// Fills in what is unknown from the file's own tags.
    pub(crate) fn or(mut self, tags: Tags) -> Self {
        self.artist = self.artist.or(tags.artist);
        self.title = self.title.or(tags.title);
        self.release = self.release.or(tags.album);
        let year = tags.year.as_deref().and_then(|text| text.get(..4)).and_then(|text| text.parse().ok());
        self.year = self.year.or(year);
        self
    }
}

/// What is known about files, by their paths.
#[derive(Debug, Default)]
pub struct Catalogue {
    about: BTreeMap<PathBuf, About>,
}

impl Catalogue {
    /// Builds it from what is already known, by absolute paths.
    pub(crate) fn new(about: BTreeMap<PathBuf, About>) -> Self {
        Self { about }
    }

    /// Reads JSON lines with the fields of [`About`] and `path`, which is relative to the catalogue's folder.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Catalogue`] with the line that can't be read.
    pub fn read(file: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Line {
            path: PathBuf,
            #[serde(flatten)]
            about: About,
        }
        let folder = absolute(file)?.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut reader = BufReader::new(std::fs::File::open(file).map_err(Error::io("read", file))?);
        let mut about = BTreeMap::new();
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let refused = |reason: String| Error::Catalogue { line, reason, path: file.to_path_buf() };
            let mut limited = std::io::Read::take(&mut reader, MOST_LINE as u64);
            if limited.read_until(b'\n', &mut text).map_err(Error::io("read", file))? == 0 {
                break;
            }
            if text.len() == MOST_LINE {
                return Err(refused(format!("longer than {MOST_LINE} bytes")));
            }
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let parsed: Line = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
            about.insert(absolute(&folder.join(parsed.path))?, parsed.about);
        }
        Ok(Self { about })
    }

    /// What it says about a file.
    pub fn about(&self, path: &Path) -> Option<&About> {
        self.about.get(path)
    }

    /// Its files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.about.keys().map(PathBuf::as_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_has_the_fields_of_the_million_song_dataset() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("c.jsonl");
        let line = r#"{"path": "a/x.mp3", "artist": "Billy Idol", "release": "Don't Stop", "title": "Dancing With Myself",
            "id": "TRCZQLG128F427296A", "duration": 201.8, "sample_rate": 22050, "audio_md5": "8", "7digitalid": 26, "year": 1981}"#;
        std::fs::write(&file, line.replace('\n', "") + "\n\n{\"path\": \"b.mp3\"}\n").expect("written");
        let catalogue = Catalogue::read(&file).expect("valid");
        let about = catalogue.about(&absolute(&folder.path().join("a/x.mp3")).expect("a path")).expect("known");
        assert_eq!((about.seven_digital_id, about.year, about.duration), (Some(26), Some(1981), Some(201.8)));
        assert_eq!(catalogue.paths().count(), 2);
        std::fs::write(&file, "{\"path\": \"b.mp3\"}\n{\"path\": 3}\n").expect("written");
        let message = Catalogue::read(&file).expect_err("a number for a path").to_string();
        assert!(message.starts_with("can't read catalogue: line 2:"), "{message}");
    }

    #[test]
    fn tags_fill_what_is_missing() {
        let tags =
            Tags { artist: Some("tag".into()), title: Some("t".into()), album: None, year: Some("2009-03-01".into()) };
        let about = About { artist: Some("catalogue".into()), ..About::default() }.or(tags);
        assert_eq!(
            (about.artist.as_deref(), about.title.as_deref(), about.year),
            (Some("catalogue"), Some("t"), Some(2009))
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_utf_8_comes_back() {
        use std::os::unix::ffi::OsStringExt as _;
        let path: PathBuf = std::ffi::OsString::from_vec(b"/a/\xff.mp3".to_vec()).into();
        let entry = Entry {
            md5: "0".repeat(32),
            side: Side::Audio,
            path,
            bytes: 1,
            modified_ns: None,
            seconds: 1.0,
            tuning: Some(-12.5),
            warning: None,
            about: About::default(),
        };
        let text = serde_json::to_string(&entry).expect("JSON");
        assert_eq!(serde_json::from_str::<Entry>(&text).expect("an entry"), entry);
    }
}
