//! A file as a slice of bytes or numbers: the one place where files are mapped into memory.

#![expect(
    unsafe_code,
    reason = "mapping a file is unsafe where another process may change it; files of an index are never changed once named"
)]

use crate::error::{Error, Result};
use bytemuck::AnyBitPattern;
use memmap2::Mmap;
use std::fs::File;
use std::path::Path;

/// A file's bytes, read from disk as they are accessed.
#[derive(Debug)]
pub(crate) struct Mapped {
    /// `None` for an empty file.
    map: Option<Mmap>,
}

impl Mapped {
    /// # Errors
    /// [`Error::Io`]; [`Error::Index`] if the file is not `bytes` bytes long.
    pub(crate) fn open(path: &Path, bytes: u64) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        if length != bytes {
            let reason = format!("{length} bytes, {bytes} expected");
            return Err(Error::Index { reason, path: path.to_path_buf() });
        }
        if length == 0 {
            return Ok(Self { map: None });
        }
        // SAFETY: the file belongs to a segment that has already been given its name, and a writer never opens one
        // again: it writes new ones and unlinks the old, which leaves mapped pages intact. Numbers read are checked
        // before use.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io("map", path))?;
        Ok(Self { map: Some(map) })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    /// The numbers that the file holds; an incomplete number at the end is ignored.
    pub(crate) fn numbers<T: AnyBitPattern>(&self) -> &[T] {
        let bytes = self.bytes();
        let whole = bytes.len() / size_of::<T>() * size_of::<T>();
        // A map begins at a page boundary, so it is aligned for every number.
        bytemuck::try_cast_slice(&bytes[..whole]).unwrap_or_default()
    }
}
