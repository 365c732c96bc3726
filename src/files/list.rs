//! Lists: rows with named fields, as a table, as JSON lines or as a JSON document. The content tells which, not the
//! name. A row that can't be read is [left out](LeftOut), and the others are read.

use super::csv::Rows;
use super::json;
use super::layout::Layout;
use super::names::{is_sound_name, sides_of};
use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::fmt::Display;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Longest line, and largest document, in bytes.
const LONGEST_LINE: u64 = 16 << 20;
const LARGEST: u64 = 2 << 30;
/// Places that are named; more are counted.
const NAMED: usize = 20;
/// Fields that name files, in lower case.
const FILES: [&str; 7] = ["midi", "midi_path", "query", "audio", "audio_path", "recording", "path"];

/// A row: the names of its fields are in lower case if it is one of a table, and the fields are text then.
pub(crate) type Fields = Map<String, Value>;

/// Rows of a list that are passed over because they can't be read, so that the others open.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftOut {
    /// Number of the first, and what is wrong with it.
    first: Option<(usize, String)>,
    named: Vec<String>,
    count: usize,
}

impl LeftOut {
    /// Takes note of a `row`, `line` or `entry` by its number, and of what is wrong with it.
    pub(crate) fn note(&mut self, name: &str, number: usize, reason: impl Display) {
        self.count += 1;
        if self.count <= NAMED {
            self.named.push(format!("{name} {number}: {reason}"));
        }
        self.first.get_or_insert_with(|| (number, reason.to_string()));
    }

    /// The number of the first, and what is wrong with it.
    pub(crate) fn first(&self) -> Option<(usize, &str)> {
        self.first.as_ref().map(|(number, reason)| (*number, reason.as_str()))
    }

    /// An error that names the first, for a list of which nothing can be read; nothing if none was left out.
    pub(crate) fn error(&self, path: &Path) -> Option<Error> {
        self.named.first().map(|reason| Error::List { reason: reason.clone(), path: path.to_path_buf() })
    }

    /// What was left out, one line each: `row 3: no path`.
    pub(crate) fn places(&self) -> impl Iterator<Item = String> {
        let more = self.count - self.named.len();
        self.named.iter().cloned().chain((more > 0).then(|| format!("{more} more")))
    }

    /// What a user is told, one line each.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.places().map(|place| format!("left out: {place}")).collect()
    }
}

/// Where a row stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Its row or line in the file, or its place in the document; the first is 1.
    pub(crate) number: usize,
    /// The share of the file that is read, 0 to 1, where that is known.
    pub(crate) share: f32,
}

/// Reads a list, and gives each row to `take`. The inner error of `take` says what is wrong with a row: that goes to
/// `left_out`. A table needs no header if each row has a MIDI file and a recording. Of an object with `decisions`, these
/// are the rows.
///
/// # Errors
/// [`Error::Io`]; [`Error::List`] if it is not a list; those of `take`.
pub(crate) fn read(
    path: &Path,
    left_out: &mut LeftOut,
    mut take: impl FnMut(Place, &Fields) -> Result<core::result::Result<(), String>>,
) -> Result<()> {
    let refused = |reason: String| Error::List { reason, path: path.to_path_buf() };
    let file = File::open(path).map_err(Error::io("read", path))?;
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    let reader = BufReader::with_capacity(1 << 18, file);
    match Layout::of(path)? {
        Layout::Lines => {
            let mut lines = json::Lines::new(reader, path, LONGEST_LINE)?;
            while let Some(fields) = lines.next::<Fields>()? {
                let place = Place { number: lines.number, share: lines.bytes as f32 / length.max(1) as f32 };
                let taken = match fields {
                    Ok(fields) => take(place, &fields)?,
                    Err(reason) => Err(reason),
                };
                taken.unwrap_or_else(|reason| left_out.note("line", place.number, reason));
            }
        }
        Layout::Document if length > LARGEST => {
            return Err(refused(format!("{length} bytes are more than {LARGEST}; JSON lines have no limit")));
        }
        Layout::Document => {
            let text = std::fs::read(path).map_err(Error::io("read", path))?;
            let (name, rows) = match json::parse(&text).map_err(|error| refused(error.to_string()))? {
                Value::Array(rows) => ("entry", rows),
                Value::Object(mut row) => match row.get_mut("decisions").map(Value::take) {
                    Some(Value::Array(rows)) => ("decision", rows),
                    _ => ("entry", vec![Value::Object(row)]),
                },
                _ => return Err(refused("neither an object nor a list".into())),
            };
            for (number, row) in (1..).zip(&rows) {
                let place = Place { number, share: number as f32 / rows.len() as f32 };
                let taken = row.as_object().map_or_else(|| Ok(Err("not an object".into())), |row| take(place, row))?;
                taken.unwrap_or_else(|reason| left_out.note(name, number, reason));
            }
        }
        Layout::Table => {
            let mut rows = Rows::new(reader, path);
            let Some(mut header) = rows.next()? else { return Ok(()) };
            let mut first = None;
            if let Some([midi, audio]) = sides_of(&header) {
                let mut names = vec![String::new(); header.len()];
                (names[midi], names[audio]) = ("midi".into(), "audio".into());
                first = Some(std::mem::replace(&mut header, names));
            }
            for name in &mut header {
                *name = name.trim().to_lowercase();
            }
            while let Some(texts) = first.take().map_or_else(|| rows.next(), |row| Ok(Some(row)))? {
                let number = rows.number;
                let (count, lost) = (texts.len(), texts.iter().skip(header.len()).any(|text| !text.trim().is_empty()));
                let named = header.iter().zip(texts).filter(|(_, text)| !text.trim().is_empty());
                let fields: Fields = named.map(|(name, text)| (name.clone(), text.into())).collect();
                if lost && !files_stand_where_they_should(&fields) {
                    left_out.note("row", number, format_args!("{count} fields under a header of {}", header.len()));
                    continue;
                }
                if lost {
                    left_out.note("row", number, format_args!("all but {} of {count} fields", header.len()));
                }
                take(Place { number, share: 0.0 }, &fields)?
                    .unwrap_or_else(|reason| left_out.note("row", number, reason));
            }
        }
    }
    Ok(())
}

/// Whether a row with a comma too many, in a title perhaps, has it behind its files.
fn files_stand_where_they_should(fields: &Fields) -> bool {
    let files: Vec<&str> = FILES.iter().filter_map(|name| fields.get(*name)?.as_str()).collect();
    !files.is_empty() && files.iter().all(|file| is_sound_name(Path::new(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: impl AsRef<[u8]>) -> (Vec<(usize, String)>, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list");
        std::fs::write(&path, text).expect("written");
        let (mut rows, mut left_out) = (Vec::new(), LeftOut::default());
        read(&path, &mut left_out, |place, fields| {
            let midi = fields.get("midi").and_then(Value::as_str).map(str::to_owned);
            Ok(midi.ok_or_else(|| "no midi".to_owned()).map(|midi| rows.push((place.number, midi))))
        })
        .expect("a list");
        (rows, left_out.remarks())
    }

    #[test]
    fn a_bad_row_is_named_and_the_others_are_read() {
        let good = |numbers: [usize; 2]| numbers.map(|number| (number, format!("{number}.mid"))).to_vec();
        for (text, numbers, said) in [
            ("Midi,audio\n2.mid,2.ogg\n,3.ogg\n4.mid,4.ogg\n", [2, 4], "left out: row 3: no midi"),
            ("midi;audio\n\n3.mid;x\n4.mid;y\nz;;1\n", [3, 4], "left out: row 5: 3 fields under a header of 2"),
            ("midi,title\n2.mid,Hello, Goodbye\n3.mid,b\n", [2, 3], "left out: row 2: all but 2 of 3 fields"),
            (
                "{\"midi\": \"1.mid\"}\n{\"midi\": 2}\n{\"midi\": \"3.mid\", \"x\": NaN}",
                [1, 3],
                "left out: line 2: no midi",
            ),
            ("[{\"midi\": \"1.mid\"}, 7, {\"midi\": \"3.mid\"}]", [1, 3], "left out: entry 2: not an object"),
            (
                "{\"decisions\": [{}, {\"midi\": \"2.mid\"}, {\"midi\": \"3.mid\"}]}",
                [2, 3],
                "left out: decision 1: no midi",
            ),
        ] {
            assert_eq!(all(text), (good(numbers), vec![said.to_owned()]), "{text}");
        }
        let (rows, remarks) = all("{\"midi\": \"1.mid\"}\n{\"midi\": \"2.mi");
        assert_eq!((rows.len(), remarks.len()), (1, 1));
        assert!(remarks[0].starts_with("left out: line 2: EOF"), "{remarks:?}");
    }

    #[test]
    fn pairs_need_no_header() {
        let (rows, remarks) = all("C:\\a\\1.ogg\tb/1.MID\t.9\n2.ogg\t2.mid\n");
        assert_eq!((rows, remarks), (vec![(1, "b/1.MID".into()), (2, "2.mid".into())], Vec::new()));
    }

    #[test]
    fn the_first_places_are_named_and_all_are_counted() {
        let mut left_out = LeftOut::default();
        assert!(left_out.error(Path::new("x")).is_none() && left_out.remarks().is_empty());
        (1..=23).for_each(|number| left_out.note("row", number, "no audio"));
        let (error, remarks) = (left_out.error(Path::new("x")).expect("an error").to_string(), left_out.remarks());
        assert_eq!((error.as_str(), remarks.len()), ("can't read list: row 1: no audio: \"x\"", 21));
        assert_eq!(remarks[19..], ["left out: row 20: no audio", "left out: 3 more"]);
    }
}
