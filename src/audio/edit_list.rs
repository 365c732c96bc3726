//! Which part of an MP4 track is meant to be heard.
//!
//! An AAC encoder puts about 1024 or 2112 samples before the music and pads its last packet. MP4 says so in an edit
//! list (ISO/IEC 14496-12, 8.6.6): "present this much media from this media time on". Symphonia doesn't apply it, so we
//! read the boxes `moov/mvhd`, `moov/trak/{tkhd, edts/elst, mdia/mdhd}` ourselves.

use std::io::{Read, Seek, SeekFrom};

/// Largest `moov` box that is read. An hour of AAC needs about 1 MB.
const MAX_MOOV_BYTES: u64 = 64 << 20;

/// Most boxes that are visited at the top level; a fragmented file has two per fragment, but `moov` comes before those.
const MAX_TOP_LEVEL_BOXES: usize = 1000;

/// The part of one track to present.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edit {
    pub(super) track_id: u32,
    /// Media time of the first sample to present.
    pub(super) start_s: f64,
    /// How much to present from there, if the list says so.
    pub(super) length_s: Option<f64>,
}

/// Reads the edits of every track that has exactly one, from the start of `source`. Anything unexpected means no edit.
pub(super) fn read(source: &mut (impl Read + Seek)) -> Vec<Edit> {
    find_moov(source).map(|moov| edits(&moov)).unwrap_or_default()
}

fn find_moov(source: &mut (impl Read + Seek)) -> Option<Vec<u8>> {
    let mut position = 0_u64;
    for _ in 0..MAX_TOP_LEVEL_BOXES {
        source.seek(SeekFrom::Start(position)).ok()?;
        let mut head = [0; 8];
        source.read_exact(&mut head).ok()?;
        let (mut size, mut head_bytes) = (u64::from(be_u32(&head, 0)?), 8);
        if size == 1 {
            let mut large = [0; 8];
            source.read_exact(&mut large).ok()?;
            (size, head_bytes) = (u64::from_be_bytes(large), 16);
        }
        if &head[4..] == b"moov" {
            let mut body = Vec::new();
            let body_bytes = if size == 0 { MAX_MOOV_BYTES } else { size.checked_sub(head_bytes)? };
            source.take(body_bytes.min(MAX_MOOV_BYTES)).read_to_end(&mut body).ok()?;
            return Some(body);
        }
        // A box of size 0 extends to the end of the file.
        if size < head_bytes {
            return None;
        }
        position = position.checked_add(size)?;
    }
    None
}

fn edits(moov: &[u8]) -> Vec<Edit> {
    let Some(movie_scale) = child(moov, *b"mvhd").and_then(timescale) else { return Vec::new() };
    boxes(moov).filter(|(kind, _)| kind == b"trak").filter_map(|(_, trak)| edit_of(trak, movie_scale)).collect()
}

fn edit_of(trak: &[u8], movie_scale: f64) -> Option<Edit> {
    let tkhd = child(trak, *b"tkhd")?;
    let track_id = be_u32(tkhd, if tkhd.first()? == &1 { 20 } else { 12 })?;
    let media_scale = timescale(child(child(trak, *b"mdia")?, *b"mdhd")?)?;
    let elst = child(child(trak, *b"edts")?, *b"elst")?;
    let long = elst.first()? == &1;
    let entry_bytes = if long { 20 } else { 12 };
    let mut spans = elst.get(8..)?.chunks_exact(entry_bytes).take(be_u32(elst, 4)? as usize).filter_map(|entry| {
        let (length, start) = if long {
            (be_u64(entry, 0)?, be_u64(entry, 8)? as i64)
        } else {
            (u64::from(be_u32(entry, 0)?), i64::from(be_u32(entry, 4)? as i32))
        };
        // A start of −1 is an empty edit: the track begins later than the movie. For us, time 0 is the first sample.
        (start >= 0).then_some((length, start))
    });
    let (length, start) = spans.next()?;
    // Several spans mean that the media is cut up; then everything from the first one on is presented.
    let whole = spans.next().is_none() && length > 0;
    Some(Edit { track_id, start_s: start as f64 / media_scale, length_s: whole.then(|| length as f64 / movie_scale) })
}

/// Ticks per second, from `mvhd` or `mdhd`, which begin alike.
fn timescale(header: &[u8]) -> Option<f64> {
    let ticks = be_u32(header, if header.first()? == &1 { 20 } else { 12 })?;
    (ticks > 0).then(|| f64::from(ticks))
}

fn child(parent: &[u8], wanted: [u8; 4]) -> Option<&[u8]> {
    boxes(parent).find(|(kind, _)| *kind == wanted).map(|(_, body)| body)
}

/// The consecutive boxes in `bytes`; ends at the first that doesn't fit.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = be_u32(bytes, 0)? as usize;
        let kind = bytes.get(4..8)?.try_into().ok()?;
        let body = bytes.get(8..size)?;
        bytes = &bytes[size..];
        Some((kind, body))
    })
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be_u64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes(), kind.as_slice(), body].concat()
    }

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    fn movie(elst: &[u32]) -> Vec<u8> {
        let trak = [
            boxed(*b"tkhd", &words(&[0, 0, 0, 7])),
            boxed(*b"edts", &boxed(*b"elst", &words(elst))),
            boxed(*b"mdia", &boxed(*b"mdhd", &words(&[0, 0, 0, 44_100]))),
        ]
        .concat();
        let moov = [boxed(*b"mvhd", &words(&[0, 0, 0, 1000])), boxed(*b"trak", &trak)].concat();
        [boxed(*b"ftyp", b"M4A "), boxed(*b"mdat", &[0; 99]), boxed(*b"moov", &moov)].concat()
    }

    #[test]
    fn one_span_gives_start_and_length() {
        let edits = read(&mut Cursor::new(movie(&[0, 1, 2500, 2112, 0x1_0000])));
        assert_eq!(edits, [Edit { track_id: 7, start_s: 2112.0 / 44_100.0, length_s: Some(2.5) }]);
    }

    #[test]
    fn empty_edits_are_skipped_and_several_spans_have_no_length() {
        let edits = read(&mut Cursor::new(movie(&[0, 2, 500, u32::MAX, 0x1_0000, 2500, 1024, 0x1_0000])));
        assert_eq!(edits[0].length_s, Some(2.5));
        let edits = read(&mut Cursor::new(movie(&[0, 2, 500, 0, 0x1_0000, 2500, 44_100, 0x1_0000])));
        assert_eq!((edits[0].start_s, edits[0].length_s), (0.0, None));
    }

    #[test]
    fn a_movie_without_edits_or_without_end_has_none() {
        assert!(read(&mut Cursor::new(movie(&[0, 0]))).is_empty());
        let whole = movie(&[0, 1, 2500, 2112, 0x1_0000]);
        for length in 0..whole.len() {
            read(&mut Cursor::new(&whole[..length]));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..190) {
            read(&mut Cursor::new(&bytes));
            let kinds = [b"moov", b"trak", b"edts", b"elst"];
            if bytes.len() >= at + 4 {
                bytes[at..at + 4].copy_from_slice(kinds[at % 4]);
            }
            read(&mut Cursor::new(&bytes));
        }
    }
}
