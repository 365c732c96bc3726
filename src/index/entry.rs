//! What is known about an entry, and the catalogues that provide it.

use crate::audio::Tags;
use crate::error::{Error, Result};
use crate::files::list::{self, Fields, LeftOut};
use crate::files::{absolute, any_path, csv, found, name_key};
use crate::hashing::Side;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
    /// What a line of a catalogue says.
    fn of(fields: &Fields) -> Self {
        Self {
            artist: text(fields, "artist"),
            release: text(fields, "release"),
            title: text(fields, "title"),
            id: text(fields, "id"),
            duration: number(fields, "duration"),
            sample_rate: number(fields, "sample_rate"),
            audio_md5: text(fields, "audio_md5"),
            seven_digital_id: number(fields, "7digitalid").map(|id| id as i64),
            year: number(fields, "year").map(|year| year as i64),
        }
    }

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
    /// Files and what is said of them, by their paths as [names are compared](name_key).
    about: BTreeMap<PathBuf, (PathBuf, About)>,
    left_out: LeftOut,
}

impl Catalogue {
    /// Reads JSON lines (or a list of objects) with the fields of [`About`] and `path`, or a table with such columns.
    /// The content tells which, not the name. Paths are relative to the catalogue's folder. Lines that can't be read
    /// are left out, and [`remarks`](Self::remarks) name them.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Catalogue`] with the line if none can be read.
    pub fn read(file: &Path) -> Result<Self> {
        let folder = absolute(file)?.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut read = Self::default();
        let Self { about, left_out } = &mut read;
        list::read(file, left_out, |_, fields| {
            let Some(path) = text(fields, "path") else { return Ok(Err("missing field `path`".into())) };
            let path = absolute(&found(&folder, &path))?;
            about.insert(key(&path), (path, About::of(fields)));
            Ok(Ok(()))
        })?;
        match read.left_out.first() {
            Some((line, reason)) if read.about.is_empty() => {
                Err(Error::Catalogue { line, reason: reason.into(), path: file.to_path_buf() })
            }
            _ => Ok(read),
        }
    }

    /// What it says about a file.
    pub fn about(&self, path: &Path) -> Option<&About> {
        self.about.get(&key(path)).map(|(_, about)| about)
    }

    /// Its files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.about.values().map(|(path, _)| path.as_path())
    }

    /// The lines that could not be read.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = String> {
        self.left_out.places()
    }

    /// What could not be read of it.
    pub fn remarks(&self) -> Vec<String> {
        self.left_out.remarks()
    }
}

fn key(path: &Path) -> PathBuf {
    path.to_str().map_or_else(|| path.to_path_buf(), |text| name_key(text).into())
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) if name != "path" => Some(number.to_string()),
        _ => None,
    }
}

/// In a table, numbers are text, perhaps with a decimal comma.
fn number(fields: &Fields, name: &str) -> Option<f64> {
    match fields.get(name)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => csv::number(text),
        _ => None,
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
        std::fs::write(&file, "\n{\"path\": 3}\n").expect("written");
        let message = Catalogue::read(&file).expect_err("a number for a path").to_string();
        assert!(message.starts_with("can't read catalogue: line 2:"), "{message}");
        std::fs::write(&file, "{\"path\": 3}\n{\"path\": \"b.mp3\"}\n{\"path\": ").expect("written");
        let catalogue = Catalogue::read(&file).expect("a line");
        assert_eq!((catalogue.paths().count(), catalogue.remarks().len()), (1, 2));
        assert!(catalogue.remarks()[1].starts_with("left out: line 3: EOF"), "{:?}", catalogue.remarks());
    }

    #[test]
    fn tables_and_json_lines_are_the_same_catalogue() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("c.csv"), "Title,path,more,artist\n\"Air, \"\"on G\"\"\",a/1.ogg,x,Bach\n,b.ogg,,\n")
            .expect("written");
        std::fs::write(
            at("c.jsonl"),
            "{\"path\": \"a/1.ogg\", \"artist\": \"Bach\", \"title\": \"Air, \\\"on G\\\"\"}\n{\"path\": \"b.ogg\"}\n",
        )
        .expect("written");
        let list = "\u{feff}[{\"path\": \"a\\\\1.ogg\", \"artist\": \"Bach\", \"title\": \"Air, \\\"on G\\\"\", \"duration\": NaN},
            {\"path\": \"b.ogg\"}]";
        std::fs::write(at("c.txt"), list).expect("written");
        std::fs::create_dir(at("a")).expect("a folder");
        std::fs::write(at("a/1.ogg"), "").expect("written");
        let read = |name: &str| Catalogue::read(&at(name)).expect("a catalogue");
        let (table, lines, list) = (read("c.csv"), read("c.jsonl"), read("c.txt"));
        for path in ["a/1.ogg", "b.ogg"] {
            let path = absolute(&at(path)).expect("a path");
            assert_eq!(table.about(&path), lines.about(&path), "{path:?}");
            assert_eq!(table.about(&path), list.about(&path), "{path:?}");
            assert!(table.about(&path).is_some());
        }
        std::fs::write(at("c.csv"), "artist,title\na,b\n").expect("written");
        let error = Catalogue::read(&at("c.csv")).expect_err("no path").to_string();
        assert!(error.contains("line 2: missing field `path`"), "{error}");
    }

    #[test]
    fn names_in_a_catalogue_are_compared_in_one_form() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("e\u{301}.ogg"), "").expect("written");
        std::fs::write(at("c.csv"), "path;year;duration\n\u{e9}.ogg;1999;12,5\nO\u{308}.ogg;x;\n;1;2\n")
            .expect("written");
        let catalogue = Catalogue::read(&at("c.csv")).expect("a table");
        for path in ["e\u{301}.ogg", "\u{e9}.ogg"] {
            let about = catalogue.about(&at(path)).expect("known");
            assert_eq!((about.year, about.duration), (Some(1999), Some(12.5)));
        }
        assert_eq!(catalogue.about(&at("\u{d6}.ogg")), Some(&About::default()));
        assert!(catalogue.paths().any(Path::is_file));
        assert_eq!(catalogue.remarks(), ["left out: row 4: missing field `path`"]);
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
