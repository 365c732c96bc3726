//! Tables as text (RFC 4180), in the dialects that spreadsheets write: one row per line; quoted fields may contain
//! separators, quotes or line breaks.
//!
//! Fields are separated by commas, semicolons or tabs, whichever is most frequent in the header, or by what a line
//! `sep=` before it says. Lines end in LF, CR LF or CR; text is UTF-8, UTF-16 with a byte order mark or, if it is
//! neither, Windows-1252. Rows without any text are skipped. Parsed by `csv-core`; `csv` itself does not limit the
//! length of a row or count empty lines.

use super::text::{Opened, look_ahead};
use crate::error::{Error, Result};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::io::{BufRead, Cursor, Read as _};
use std::path::{Path, PathBuf};

/// Longest row that is read, in bytes.
const LONGEST: usize = 1 << 20;
/// Bytes examined to detect the dialect.
const HEAD: u64 = 1 << 16;
/// The characters of Windows-1252 from 0x80 to 0x9f, where Latin-1 has only control codes; the rest is equal.
const WINDOWS: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// Reads a table row by row.
pub(crate) struct Rows<R> {
    /// The bytes read to detect the dialect, and the rest.
    from: Opened<R>,
    path: PathBuf,
    parser: Reader,
    line_end: u8,
    begun: bool,
    /// The number of the row read last; the first is 1.
    pub(crate) number: usize,
}

impl<R: BufRead> Rows<R> {
    pub(crate) fn new(from: R, path: &Path) -> Self {
        let from = Cursor::new(Vec::new()).chain(from);
        Self { from, path: path.to_path_buf(), parser: Reader::new(), line_end: b'\n', begun: false, number: 0 }
    }

    /// The next row that is not empty; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<String>>> {
        if !self.begun {
            self.begin()?;
        }
        while let Some(row) = self.row()? {
            if row.iter().any(|field| !field.trim().is_empty()) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Detects the dialect.
    fn begin(&mut self) -> Result<()> {
        self.begun = true;
        let (head, rest) = self.from.get_mut();
        let head = head.get_mut();
        look_ahead(head, rest, HEAD, &self.path)?;
        let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.contains(&b'\r') {
            self.line_end = b'\r';
        }
        let said = head.get(..4).filter(|sep| sep.eq_ignore_ascii_case(b"sep=")).and_then(|_| head.get(4).copied());
        let ends = |at: usize| head.get(at).is_none_or(|byte| matches!(byte, b'\r' | b'\n'));
        let delimiter = if let Some(delimiter) = said.filter(|byte| byte.is_ascii() && ends(5)) {
            let end = head.iter().position(|&byte| byte == self.line_end).map_or(head.len(), |at| at + 1);
            head.drain(..end);
            self.number = 1;
            delimiter
        } else {
            let mut lines = head.split(|byte| matches!(byte, b'\r' | b'\n'));
            most_frequent(lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default())
        };
        self.parser = ReaderBuilder::new().delimiter(delimiter).build();
        Ok(())
    }

    /// The next row, empty ones too.
    fn row(&mut self) -> Result<Option<Vec<String>>> {
        let (mut fields, mut ends, mut length, mut count, mut raw) = (vec![0; 256], vec![0; 32], 0, 0, 0);
        self.parser.reset();
        loop {
            // A row goes on while a quote is open.
            let mut line = Vec::new();
            let left = (LONGEST + 1 - raw) as u64;
            self.from
                .by_ref()
                .take(left)
                .read_until(self.line_end, &mut line)
                .map_err(Error::io("read", &self.path))?;
            if raw == 0 && !line.is_empty() {
                self.number += 1;
            }
            raw += line.len();
            if raw > LONGEST {
                return Err(self.bad(format!("longer than {LONGEST} bytes")));
            }
            if line.iter().all(|byte| matches!(byte, b'\r' | b'\n')) && raw == line.len() {
                return Ok((raw > 0).then(Vec::new));
            }
            let mut from = &line[..];
            loop {
                let (result, read, written, ended) =
                    self.parser.read_record(from, &mut fields[length..], &mut ends[count..]);
                (from, length, count) = (&from[read..], length + written, count + ended);
                match result {
                    ReadRecordResult::OutputFull => fields.resize(2 * fields.len(), 0),
                    ReadRecordResult::OutputEndsFull => ends.resize(2 * ends.len(), 0),
                    // An empty row within the last line means that there are no more.
                    ReadRecordResult::InputEmpty => break,
                    ReadRecordResult::Record => return Ok(Some(texts(&fields[..length], &ends[..count]))),
                    ReadRecordResult::End => return Ok(None),
                }
            }
        }
    }

    pub(crate) fn bad(&self, reason: String) -> Error {
        Error::List { reason: format!("row {}: {reason}", self.number.max(1)), path: self.path.clone() }
    }
}

/// The fields of a row, split at `ends`.
fn texts(row: &[u8], ends: &[usize]) -> Vec<String> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let fields = starts.zip(ends).map(|(start, &end)| &row[start..end]);
    if std::str::from_utf8(row).is_ok() {
        return fields.map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    }
    let letter = |&byte: &u8| match byte {
        0x80..=0x9f => WINDOWS.chars().nth(usize::from(byte - 0x80)).unwrap_or_default(),
        byte => char::from(byte),
    };
    fields.map(|field| field.iter().map(letter).collect()).collect()
}

/// The separator of a header's fields.
fn most_frequent(header: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b'\t', 0), (b';', 0), (b',', 0)];
    for &byte in header {
        quoted ^= byte == b'"';
        for (delimiter, count) in counts.iter_mut().filter(|_| !quoted) {
            *count += usize::from(*delimiter == byte);
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| delimiter)
}

/// Parses a number with a decimal point or comma.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    text.parse().or_else(|_| text.replacen(',', ".", 1).parse()).ok()
}

/// A field, quoted as needed in a table with commas.
pub(crate) fn field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: impl AsRef<[u8]>) -> Vec<Vec<String>> {
        let mut rows = Rows::new(text.as_ref(), Path::new("table.csv"));
        std::iter::from_fn(|| rows.next().unwrap()).collect()
    }

    #[test]
    fn quotes_commas_and_line_ends_are_parts_of_fields() {
        let text = "\u{feff}a,b\r\n\r\n\"1,\"\"2\"\"\n3\",\n,\"x\"";
        assert_eq!(all(text), [vec!["a", "b"], vec!["1,\"2\"\n3", ""], vec!["", "x"]]);
        // A quote within a field stands for itself: inches.
        assert_eq!(all("a,b\n12\" mix,7\" mix\nx,y\n"), [["a", "b"], ["12\" mix", "7\" mix"], ["x", "y"]]);
    }

    #[test]
    fn tables_are_read_as_spreadsheets_write_them() {
        let utf16 = |units: &mut dyn Iterator<Item = u16>, of: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(0xfeff).chain(units).flat_map(of).collect()
        };
        let tabs = "a\tb\r\n1\tF\u{fc}r\u{1f3b5}\r\n";
        for (bytes, second) in [
            (b"a;b\n1;0,91\n".to_vec(), "0,91"),
            (b"a;b\r\n1;\"x;y\"\r\n".to_vec(), "x;y"),
            (b"\"a,c,d\";b\n1;2\n".to_vec(), "2"),
            (b"a\tb\n1\tx,y;z\n".to_vec(), "x,y;z"),
            (b"\r\n\r\na;b\r\n1;x,y\r\n".to_vec(), "x,y"),
            (b"a,b\r1,2".to_vec(), "2"),
            (b"a,b\r1,2\r".to_vec(), "2"),
            (b"sep=;\r\na;b\r\n1;2,5\r\n".to_vec(), "2,5"),
            (b"\xef\xbb\xbfSEP=|\na|b\n1|2\n".to_vec(), "2"),
            (b"sep=,\ra,b\r1,2\r".to_vec(), "2"),
            (b"a,b\n1,F\xfcr \x93Elise\x94\n".to_vec(), "F\u{fc}r “Elise”"),
            (utf16(&mut tabs.encode_utf16(), u16::to_le_bytes), "F\u{fc}r\u{1f3b5}"),
            (utf16(&mut tabs.encode_utf16(), u16::to_be_bytes), "F\u{fc}r\u{1f3b5}"),
            (b"a,b\n\n,,\n 1,2\n , \n".to_vec(), "2"),
        ] {
            let rows = all(&bytes);
            assert_eq!(rows.len(), 2, "{rows:?}");
            assert_eq!((rows[0].len(), rows[1][0].trim(), rows[1][1].as_str()), (2, "1", second), "{rows:?}");
        }
    }

    #[test]
    fn rows_are_counted_as_a_spreadsheet_counts_them() {
        for text in [
            "a,b\n\n\"1\n2\",3\nx,y",
            "a,b\r\n\r\n\"1\r\n2\",3\r\nx,y\r\n",
            "a,b\r\r\"1\r2\",3\rx,y",
            "sep=,\na,b\n1,2\nx,y",
        ] {
            let mut rows = Rows::new(text.as_bytes(), Path::new("table.csv"));
            while rows.next().unwrap().is_some_and(|row| row[0] != "x") {}
            assert_eq!(rows.number, 4, "{text:?}");
        }
    }

    #[test]
    fn a_row_without_an_end_is_refused() {
        let text = format!("a\n\"{}", "x".repeat(3 << 20));
        let mut rows = Rows::new(text.as_bytes(), Path::new("table.csv"));
        rows.next().unwrap();
        assert!(rows.next().unwrap_err().to_string().contains("row 2: longer than 1048576 bytes"));
    }

    #[test]
    fn a_comma_may_be_a_decimal_point() {
        for (text, value) in [("0,91", Some(0.91)), (" -1.5 ", Some(-1.5)), ("1,234,5", None), ("", None), ("x", None)]
        {
            assert_eq!(number(text), value, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec(prop::collection::vec("[a,;\"\n \r☃]{1,6}", 1..4), 1..5)) {
            let header = vec!["header,".to_owned()];
            let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
            let text: String = rows.iter().map(|row| {
                let fields: Vec<String> = row.iter().map(|text| field(text)).collect();
                fields.join(",") + "\n"
            }).collect();
            let said: Vec<Vec<String>> =
                rows.into_iter().filter(|row| row.iter().any(|field| !field.trim().is_empty())).collect();
            prop_assert_eq!(all(&text), said);
        }

        #[test]
        fn any_bytes_are_a_table_or_an_error(bytes in prop::collection::vec(prop::sample::select(b"\xff\xfe\xef\xbb\xbfsep=,;\t\"\r\na\x00".to_vec()), 0..40)) {
            let mut rows = Rows::new(&bytes[..], Path::new("table.csv"));
            while let Ok(Some(_)) = rows.next() {}
        }
    }
}
