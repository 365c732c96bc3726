//! A stretch of a file behind a header of our own, presented as a file.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use symphonia::core::io::MediaSource;

/// Bytes of a header, then those of a file in `body`. Nothing is copied but what is read.
pub(super) struct Splice {
    header: Vec<u8>,
    inner: Box<dyn MediaSource>,
    body: Range<u64>,
    position: u64,
    /// Whether the file must be sought before the next read of it.
    moved: bool,
}

impl Splice {
    pub(super) fn new(header: Vec<u8>, inner: Box<dyn MediaSource>, body: Range<u64>) -> Self {
        Self { header, inner, body, position: 0, moved: true }
    }

    /// The number of bytes presented.
    pub(super) fn length(&self) -> u64 {
        self.header.len() as u64 + (self.body.end - self.body.start)
    }
}

impl Read for Splice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let in_header = self.header.get(self.position as usize..).unwrap_or_default();
        let read = if in_header.is_empty() {
            let left = self.length().saturating_sub(self.position).min(buffer.len() as u64) as usize;
            if std::mem::take(&mut self.moved) && left > 0 {
                let at = self.body.start + (self.position - self.header.len() as u64);
                self.inner.seek(SeekFrom::Start(at))?;
            }
            self.inner.read(&mut buffer[..left])?
        } else {
            let read = in_header.len().min(buffer.len());
            buffer[..read].copy_from_slice(&in_header[..read]);
            read
        };
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Splice {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.length().checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        self.moved = true;
        Ok(self.position)
    }
}

impl MediaSource for Splice {
    fn is_seekable(&self) -> bool {
        self.inner.is_seekable()
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    proptest! {
        #[test]
        fn a_splice_reads_as_the_bytes_it_stands_for(
            header in proptest::collection::vec(any::<u8>(), 0..20),
            file in proptest::collection::vec(any::<u8>(), 0..60),
            (a, b) in (0usize..60, 0usize..60),
            steps in proptest::collection::vec((0u64..90, 0usize..40), 0..12),
        ) {
            let body = a.min(b).min(file.len())..a.max(b).min(file.len());
            let whole = [&header[..], &file[body.clone()]].concat();
            let range = body.start as u64..body.end as u64;
            let mut splice = Splice::new(header, Box::new(Cursor::new(file)), range);
            prop_assert_eq!(splice.length(), whole.len() as u64);
            let mut all = Vec::new();
            splice.read_to_end(&mut all).unwrap();
            prop_assert_eq!(&all, &whole);
            for (at, count) in steps {
                splice.seek(SeekFrom::Start(at)).unwrap();
                let mut piece = Vec::new();
                splice.by_ref().take(count as u64).read_to_end(&mut piece).unwrap();
                let from = (at as usize).min(whole.len());
                prop_assert_eq!(&piece, &whole[from..(from + count).min(whole.len())]);
            }
        }
    }
}
