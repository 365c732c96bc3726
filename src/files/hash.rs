//! MD5 of file contents, which identifies files wherever they lie.

use crate::error::{Error, Result};
use md5::Digest as _;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// MD5 of bytes that arrive in pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Md5(md5::Md5);

impl Md5 {
    pub(crate) fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes);
    }

    /// The digest in hexadecimal.
    pub(crate) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// MD5 of bytes, in hexadecimal.
pub(crate) fn md5(bytes: impl AsRef<[u8]>) -> String {
    let mut sum = Md5::default();
    sum.update(bytes);
    sum.finish()
}

/// MD5 of a file in hexadecimal, and its size in bytes; `step` is called for every MiB.
///
/// # Errors
/// [`Error::Io`]; errors of `step`.
pub(crate) fn md5_of(path: &Path, mut step: impl FnMut() -> Result<()>) -> Result<(String, u64)> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let (mut sum, mut block, mut bytes) = (Md5::default(), vec![0; 1 << 20], 0);
    loop {
        step()?;
        match file.read(&mut block).map_err(Error::io("read", path))? {
            0 => return Ok((sum.finish(), bytes)),
            count => {
                sum.update(&block[..count]);
                bytes += count as u64;
            }
        }
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string can't fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// The 16 bytes of an MD5 given in hexadecimal.
pub(crate) fn unhex(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1321, A.5.
    const KNOWN: [(&str, &str); 3] = [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
    ];

    #[test]
    fn hashes_are_those_of_the_standard() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        for (text, known) in KNOWN {
            assert_eq!(md5(text), known);
            std::fs::write(&path, text).expect("written");
            assert_eq!(md5_of(&path, || Ok(())).expect("read"), (known.to_owned(), text.len() as u64));
        }
        assert!(matches!(md5_of(&path, || Err(Error::Cancelled)), Err(Error::Cancelled)));
    }

    #[test]
    fn hexadecimal_is_read_again() {
        let bytes: [u8; 16] = std::array::from_fn(|i| 17 * i as u8);
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        for bad in ["", "00", &"g".repeat(32), &"+1".repeat(16), &"é".repeat(16)] {
            assert_eq!(unhex(bad), None, "{bad:?}");
        }
    }
}
