//! Stretches of a file and bytes of our own, presented as a file.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use symphonia::core::io::MediaSource;

/// A part of what is presented.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    File(Range<u64>),
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(range) => range.end.saturating_sub(range.start),
        }
    }
}

/// Pieces in succession. Nothing is copied but what is read.
pub(super) struct Splice {
    inner: Box<dyn MediaSource>,
    pieces: Vec<Piece>,
    position: u64,
    /// Where the file stands, if that is known.
    inner_position: Option<u64>,
}

impl Splice {
    pub(super) fn new(inner: Box<dyn MediaSource>, pieces: Vec<Piece>) -> Self {
        Self { inner, pieces, position: 0, inner_position: None }
    }

    /// The number of bytes presented.
    pub(super) fn length(&self) -> u64 {
        self.pieces.iter().map(Piece::length).sum()
    }
}

impl Read for Splice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut into = self.position;
        for piece in &self.pieces {
            let length = piece.length();
            if into >= length {
                into -= length;
                continue;
            }
            let wanted = (length - into).min(buffer.len() as u64) as usize;
            let read = match piece {
                Piece::Bytes(bytes) => {
                    buffer[..wanted].copy_from_slice(&bytes[into as usize..into as usize + wanted]);
                    wanted
                }
                Piece::File(range) => {
                    let at = range.start + into;
                    if self.inner_position != Some(at) {
                        self.inner.seek(SeekFrom::Start(at))?;
                    }
                    self.inner_position = None;
                    let read = self.inner.read(&mut buffer[..wanted])?;
                    self.inner_position = Some(at + read as u64);
                    read
                }
            };
            self.position += read as u64;
            return Ok(read);
        }
        Ok(0)
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
            file in proptest::collection::vec(any::<u8>(), 60),
            parts in proptest::collection::vec((any::<bool>(), 0usize..60, 0usize..60), 0..5),
            steps in proptest::collection::vec((0u64..200, 0usize..80), 0..12),
        ) {
            let (mut whole, mut pieces) = (Vec::<u8>::new(), Vec::new());
            for (own, a, b) in parts {
                let range = a.min(b)..a.max(b);
                whole.extend(&file[range.clone()]);
                pieces.push(if own {
                    Piece::Bytes(file[range].to_vec())
                } else {
                    Piece::File(range.start as u64..range.end as u64)
                });
            }
            let mut splice = Splice::new(Box::new(Cursor::new(file)), pieces);
            prop_assert_eq!(splice.length(), whole.len() as u64);
            let mut all = Vec::new();
            splice.read_to_end(&mut all).expect("memory");
            prop_assert_eq!(&all, &whole);
            for (at, count) in steps {
                splice.seek(SeekFrom::Start(at)).expect("memory");
                let mut piece = Vec::new();
                splice.by_ref().take(count as u64).read_to_end(&mut piece).expect("memory");
                let from = (at as usize).min(whole.len());
                prop_assert_eq!(&piece, &whole[from..(from + count).min(whole.len())]);
            }
        }
    }
}
