//! Tables as text (RFC 4180): a row a line, fields with commas, quotes or line ends in quotes.

use crate::error::{Error, Result};
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// Longest row that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Reads row by row.
pub(crate) struct Rows<R> {
    from: R,
    path: PathBuf,
    /// The number of the row that was read last, the header being 1.
    pub(super) number: usize,
}

impl<R: BufRead> Rows<R> {
    pub(crate) fn new(from: R, path: &Path) -> Self {
        Self { from, path: path.to_path_buf(), number: 0 }
    }

    /// The next row that is not empty; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<String>>> {
        loop {
            let mut raw = Vec::new();
            // A row goes on while a quote is open.
            let mut open = true;
            while open {
                let left = (LONGEST + 1).saturating_sub(raw.len()) as u64;
                let mut piece = self.from.by_ref().take(left);
                let read = piece.read_until(b'\n', &mut raw).map_err(Error::io("read", &self.path))?;
                if raw.len() > LONGEST {
                    return Err(self.bad(format!("longer than {LONGEST} bytes")));
                }
                open = raw.iter().fold(false, |open, &byte| open ^ (byte == b'"'));
                if read == 0 {
                    break;
                }
            }
            if raw.is_empty() {
                return Ok(None);
            }
            self.number += 1;
            let text = String::from_utf8(raw).map_err(|_| self.bad("not UTF-8".into()))?;
            let text = text.strip_prefix('\u{feff}').filter(|_| self.number == 1).unwrap_or(&text);
            let text = text.trim_end_matches(['\n', '\r']);
            if !text.is_empty() {
                return Ok(Some(fields(text)));
            }
        }
    }

    pub(crate) fn bad(&self, reason: String) -> Error {
        Error::List { reason: format!("row {}: {reason}", self.number.max(1)), path: self.path.clone() }
    }
}

use std::io::Read as _;

fn fields(row: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = row.chars().peekable();
    while let Some(character) = characters.next() {
        let field = fields.len() - 1;
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                fields[field].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields[field].push(other),
        }
    }
    fields
}

/// A field as a table has it.
pub(super) fn field(text: &str) -> String {
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

    fn all(text: &str) -> Vec<Vec<String>> {
        let mut rows = Rows::new(text.as_bytes(), Path::new("table.csv"));
        std::iter::from_fn(|| rows.next().unwrap()).collect()
    }

    #[test]
    fn quotes_commas_and_line_ends_are_parts_of_fields() {
        let text = "\u{feff}a,b\r\n\r\n\"1,\"\"2\"\"\n3\",\n,\"x\"";
        assert_eq!(all(text), [vec!["a", "b"], vec!["1,\"2\"\n3", ""], vec!["", "x"]]);
    }

    #[test]
    fn a_row_without_an_end_is_refused() {
        let text = format!("a\n\"{}", "x".repeat(3 << 20));
        let mut rows = Rows::new(text.as_bytes(), Path::new("table.csv"));
        rows.next().unwrap();
        assert!(rows.next().unwrap_err().to_string().contains("longer than 1048576 bytes"));
        let mut rows = Rows::new(&[b'a', 0xff, b'\n'][..], Path::new("table.csv"));
        assert!(rows.next().unwrap_err().to_string().contains("row 1: not UTF-8"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec(prop::collection::vec("[a,\"\n \r☃]{1,6}", 1..4), 1..5)) {
            let text: String = rows.iter().map(|row| {
                let fields: Vec<String> = row.iter().map(|text| field(text)).collect();
                fields.join(",") + "\n"
            }).collect();
            prop_assert_eq!(all(&text), rows);
        }
    }
}
