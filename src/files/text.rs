//! Text as other programs write it: with a byte order mark, or in UTF-16.

use crate::error::{Error, Result};
use std::borrow::Cow;
use std::io::{BufRead, Chain, Cursor, Read};
use std::path::Path;

/// The byte order marks of UTF-16, little end first.
const UTF16: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];
/// The byte order mark of UTF-8.
const UTF8: &[u8] = b"\xef\xbb\xbf";
/// Longest UTF-16 text that is read, in bytes: it is converted to UTF-8 as a whole.
const LONGEST_UTF16: u64 = 256 << 20;

/// Bytes that were read ahead, and the rest.
pub(crate) type Opened<R> = Chain<Cursor<Vec<u8>>, R>;

/// A text without its byte order mark, in UTF-8 if it was in UTF-16.
pub(crate) fn unmarked(text: &[u8]) -> Cow<'_, [u8]> {
    match UTF16.iter().position(|mark| text.starts_with(mark)) {
        Some(number) => {
            let unit = if number == 0 { u16::from_le_bytes } else { u16::from_be_bytes };
            let units: Vec<u16> = text[2..].chunks_exact(2).map(|two| unit([two[0], two[1]])).collect();
            String::from_utf16_lossy(&units).into_bytes().into()
        }
        None => text.strip_prefix(UTF8).unwrap_or(text).into(),
    }
}

/// Reads up to `count` bytes of `from` ahead into `head`, and removes the byte order mark. UTF-16 is read to its end.
///
/// # Errors
/// [`Error::Io`]; [`Error::List`] if UTF-16 is too long.
pub(crate) fn look_ahead(head: &mut Vec<u8>, from: &mut impl Read, count: u64, path: &Path) -> Result<()> {
    from.take(count).read_to_end(head).map_err(Error::io("read", path))?;
    if UTF16.iter().any(|mark| head.starts_with(mark)) {
        from.take(LONGEST_UTF16).read_to_end(head).map_err(Error::io("read", path))?;
        if head.len() as u64 > LONGEST_UTF16 {
            let reason = format!("UTF-16 of more than {LONGEST_UTF16} bytes: save it as UTF-8");
            return Err(Error::List { reason, path: path.to_path_buf() });
        }
        *head = unmarked(head).into_owned();
    } else if head.starts_with(UTF8) {
        head.drain(..UTF8.len());
    }
    Ok(())
}

/// A reader of the text without its byte order mark.
///
/// # Errors
/// Those of [`look_ahead`].
pub(crate) fn open<R: BufRead>(mut from: R, path: &Path) -> Result<Opened<R>> {
    let mut head = Vec::new();
    look_ahead(&mut head, &mut from, UTF8.len() as u64, path)?;
    Ok(Cursor::new(head).chain(from))
}
