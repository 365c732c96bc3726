//! JSON as other programs write it: with a byte order mark, in UTF-16, with `NaN` and `Infinity` (Python does), which
//! are read as `null`; and JSON lines, where a bad line does not keep the others from being read.

use super::text::{self, Opened, unmarked};
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use std::io::{BufRead, Read, Take};
use std::path::{Path, PathBuf};

/// What stands for a number that is none, longest first.
const NO_NUMBERS: [&[u8]; 4] = [b"-Infinity", b"Infinity", b"-NaN", b"NaN"];

/// Parses JSON as other programs write it: a byte order mark, UTF-16, `NaN` and `Infinity` are minded.
///
/// # Errors
/// What serde says of it.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    let text = unmarked(text);
    serde_json::from_slice(&text).or_else(|error| match without_nan(&text) {
        Some(text) => serde_json::from_slice(&text),
        None => Err(error),
    })
}

/// The text with `null` for each number that is none; nothing if there is no such number.
pub(crate) fn without_nan(text: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut from, mut at, mut quoted) = (Vec::new(), 0, 0, false);
    while at < text.len() {
        match text[at] {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            b'-' | b'I' | b'N' if !quoted => {
                if let Some(word) = NO_NUMBERS.iter().find(|word| text[at..].starts_with(word)) {
                    out.extend(&text[from..at]);
                    out.extend(b"null");
                    at += word.len();
                    from = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    (from > 0).then(|| {
        out.extend(&text[from..]);
        out
    })
}

/// Reads values that stand one on a line.
pub(crate) struct Lines<R> {
    from: Opened<R>,
    path: PathBuf,
    longest: u64,
    line: Vec<u8>,
    /// The number of the line read last; the first is 1.
    pub(crate) number: usize,
    /// Bytes read so far.
    pub(crate) bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// # Errors
    /// Those of reading the first bytes.
    pub(crate) fn new(from: R, path: &Path, longest: u64) -> Result<Self> {
        let from = text::open(from, path)?;
        Ok(Self { from, path: path.to_path_buf(), longest, line: Vec::new(), number: 0, bytes: 0 })
    }

    /// The next line that is not blank: its value, or what is wrong with it. `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<core::result::Result<T, String>>> {
        loop {
            let length = self.read()?;
            if length == 0 {
                return Ok(None);
            }
            if length > self.longest {
                self.pass_over()?;
                return Ok(Some(Err(format!("longer than {} bytes", self.longest))));
            }
            let text = self.line.trim_ascii();
            if !text.is_empty() {
                // Whoever names the line knows its number.
                let reason = |error: serde_json::Error| error.to_string().replace("at line 1 column", "at column");
                return Ok(Some(parse(text).map_err(reason)));
            }
        }
    }

    /// Reads a line, or its beginning if it is too long.
    fn read(&mut self) -> Result<u64> {
        self.line.clear();
        let mut limited: Take<&mut Opened<R>> = self.from.by_ref().take(self.longest + 1);
        let length = limited.read_until(b'\n', &mut self.line).map_err(Error::io("read", &self.path))? as u64;
        self.number += usize::from(length > 0);
        self.bytes += length;
        Ok(length)
    }

    /// Goes to the end of a line that is too long.
    fn pass_over(&mut self) -> Result<()> {
        while self.line.last() != Some(&b'\n') && self.read()? > 0 {
            self.number -= 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn all(text: &[u8], longest: u64) -> Vec<(usize, core::result::Result<Value, String>)> {
        let mut lines = Lines::new(text, Path::new("list.jsonl"), longest).unwrap();
        std::iter::from_fn(|| lines.next().unwrap().map(|value| (lines.number, value))).collect()
    }

    #[test]
    fn documents_of_other_programs_are_parsed() {
        let utf16 = |text: &str, of: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(of).collect::<Vec<u8>>();
        let text = "\u{feff}{\"a\": \"\u{fc}\"}";
        for bytes in [text.as_bytes().to_vec(), utf16(text, u16::to_le_bytes), utf16(text, u16::to_be_bytes)] {
            assert_eq!(parse::<Value>(&bytes).unwrap(), json!({"a": "\u{fc}"}));
        }
        let text = br#"{"NaN": [NaN, -Infinity, Infinity,-NaN], "a\"NaN": "Infinity, \\", "b": -1}"#;
        let value = json!({"NaN": [null, null, null, null], "a\"NaN": "Infinity, \\", "b": -1});
        assert_eq!(parse::<Value>(text).unwrap(), value);
        for bad in [&b"{\"a\": NaNs}"[..], b"{\"a\": NaN", b"", b"\xef\xbb\xbf"] {
            assert!(parse::<Value>(bad).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn a_bad_line_leaves_the_others() {
        let text = format!("\u{feff}{{\"a\": NaN}}\r\n\n x\n[\"{}\"]\n2\n{{\"a\": ", "y".repeat(50));
        let lines = all(text.as_bytes(), 20);
        let numbers: Vec<usize> = lines.iter().map(|line| line.0).collect();
        assert_eq!(numbers, [1, 3, 4, 5, 6]);
        assert_eq!((&lines[0].1, &lines[3].1), (&Ok(json!({"a": null})), &Ok(json!(2))));
        assert!(lines[1].1.as_ref().unwrap_err().starts_with("expected value"));
        assert_eq!(lines[2].1, Err("longer than 20 bytes".into()));
        assert!(lines[4].1.as_ref().unwrap_err().starts_with("EOF"));
    }

    proptest! {
        #[test]
        fn what_is_json_stays_as_it_is(words in prop::collection::vec("[a\"\\\\NaInfity-]{0,12}", 0..8)) {
            let text = serde_json::to_vec(&words).unwrap();
            prop_assert_eq!(without_nan(&text), None);
            prop_assert_eq!(parse::<Vec<String>>(&text).unwrap(), words);
        }
    }
}
