//! Whether a file of Matroska without sizes, as a live stream leaves it, ends where an element ends.
//!
//! A stream can't know how long it will be: its segment and its clusters have unknown sizes (RFC 8794, 6.2), and its end
//! is that of the file. If its last element is whole, nothing is missing that we could know of.

use std::io::{BufReader, Read, Seek, SeekFrom};

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;

/// Most elements that are passed over: a day of packets of 20 ms, and their clusters.
const MAX_ELEMENTS: usize = 5_000_000;

/// Whether the segment is of unknown size and the file ends with a whole element.
pub(super) fn ends_whole(source: &mut (impl Read + Seek), bytes: u64) -> bool {
    let mut reader = BufReader::with_capacity(1 << 16, source);
    if reader.seek(SeekFrom::Start(0)).is_err() {
        return false;
    }
    let (mut position, mut live) = (0, false);
    for _ in 0..MAX_ELEMENTS {
        if position >= bytes {
            return live && position == bytes;
        }
        let Some((id, id_bytes)) = number(&mut reader, true) else { return false };
        let Some((size, size_bytes)) = number(&mut reader, false) else { return false };
        position += id_bytes + size_bytes;
        let unknown = size == (1 << (7 * size_bytes)) - 1;
        match u32::try_from(id) {
            Ok(SEGMENT) if unknown => live = true,
            // Clusters are entered, whether they have a size or not: what is in them has one.
            Ok(CLUSTER) if live => {}
            Ok(EBML | _) if !unknown => {
                let Some(after) = position.checked_add(size) else { return false };
                position = after;
                if i64::try_from(size).map_or(true, |size| reader.seek_relative(size).is_err()) {
                    return false;
                }
            }
            _ => return false,
        }
    }
    false
}

/// A variable-length number and how many bytes it takes; an identifier keeps its length marker.
fn number(reader: &mut impl Read, keep_marker: bool) -> Option<(u64, u64)> {
    let mut first = [0];
    reader.read_exact(&mut first).ok()?;
    // The leading zeros count the bytes that follow, seven at most.
    let bytes = first[0].leading_zeros() as usize + 1;
    if bytes > 8 {
        return None;
    }
    let mut rest = [0; 7];
    reader.read_exact(&mut rest[..bytes - 1]).ok()?;
    let marker = if keep_marker { 0 } else { 0x80_u8 >> (bytes - 1) };
    let start = u64::from(first[0] & !marker);
    Some((rest[..bytes - 1].iter().fold(start, |value, &byte| value << 8 | u64::from(byte)), bytes as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    /// A stream: header, segment and clusters without sizes, two blocks each.
    fn live() -> Vec<u8> {
        let unknown = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let cluster =
            [&CLUSTER.to_be_bytes()[..], &unknown, b"\xe7\x81\0", b"\xa3\x84abcd", b"\xa3\x40\x03xyz"].concat();
        [&EBML.to_be_bytes()[..], b"\x84head", &SEGMENT.to_be_bytes(), &unknown, &cluster, &cluster].concat()
    }

    #[test]
    fn a_live_stream_ends_whole_between_elements_only() {
        let whole = live();
        let cut_at = |length: usize| ends_whole(&mut Cursor::new(&whole[..length]), length as u64);
        let clean: Vec<usize> = (1..=whole.len()).filter(|&length| cut_at(length)).collect();
        assert_eq!(clean, [21, 33, 36, 42, 48, 60, 63, 69, 75]);
    }

    #[test]
    fn a_segment_with_a_size_is_judged_by_that() {
        let mut file = live();
        file[13..21].copy_from_slice(&(0x0100_0000_0000_0000_u64 + 54).to_be_bytes());
        assert!(!ends_whole(&mut Cursor::new(&file), file.len() as u64));
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_outcome(mut bytes in proptest::collection::vec(any::<u8>(), 0..100), at in 0usize..100) {
            ends_whole(&mut Cursor::new(&bytes), bytes.len() as u64);
            bytes.splice(0..0, live().into_iter().take(at));
            ends_whole(&mut Cursor::new(&bytes), bytes.len() as u64);
        }
    }
}
