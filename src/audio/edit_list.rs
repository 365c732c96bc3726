//! Which part of an MP4 track is meant to be heard.
//!
//! An AAC encoder puts about 1024 or 2112 samples before the music and pads its last packet. MP4 says so in an edit
//! list (ISO/IEC 14496-12, 8.6.6): "present this much media from this media time on". iTunes and Nero say so in a
//! comment, `iTunSMPB`. Symphonia applies neither, so we read the boxes `moov/mvhd`, `moov/trak/{tkhd, edts/elst,
//! mdia/mdhd}` and `moov/udta/meta/ilst/----` ourselves.

use std::io::{Read, Seek, SeekFrom};

/// Most boxes that are visited. A fragmented file has two per fragment at the top level, but `moov` comes before those.
const MAX_BOXES: usize = 10_000;

/// Deepest nesting that is followed: `moov/udta/meta/ilst/----` and what is in it.
const MAX_DEPTH: usize = 6;

/// Boxes that are entered, and the largest of the others that are read: covers and tables of samples are not.
const PARENTS: [&[u8; 4]; 8] = [b"moov", b"trak", b"edts", b"mdia", b"udta", b"meta", b"ilst", b"----"];
const MAX_BOX_BYTES: u64 = 4096;

/// Longest delay and padding that `iTunSMPB` may give, and how far the sum of what it gives may be from the length of
/// the track, in samples. Our choice: encoders add up to about 2,600 and 2,100; a packet has 1,024 or 2,048.
const MAX_ADDED: u64 = 1 << 13;
const LENGTH_SLACK: u64 = 4096;

/// A picture larger than this is passed over, and how many of them at most.
const LARGE_COVER: u64 = 1 << 20;
const MAX_COVERS: usize = 16;

/// The part of one track to present.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edit {
    pub(super) track_id: u32,
    /// Media time of the first sample to present.
    pub(super) start_s: f64,
    /// How much to present from there, if the list says so.
    pub(super) length_s: Option<f64>,
}

/// Reads the edits of every track that has exactly one, in the file that begins at `start` of `source`. Anything
/// unexpected means no edit.
pub(super) fn read(source: &mut (impl Read + Seek), start: u64) -> Vec<Edit> {
    child(&Walk::through(source, start).kept, *b"moov").map(edits).unwrap_or_default()
}

/// Where the pictures begin that are too large to be read on the way to the tags.
pub(super) fn large_covers(source: &mut (impl Read + Seek), start: u64) -> Vec<u64> {
    Walk::through(source, start).covers
}

/// What is found on the way through the boxes of a file.
struct Walk {
    left: usize,
    /// The boxes that matter, without what is large.
    kept: Vec<u8>,
    /// Where large pictures begin.
    covers: Vec<u64>,
}

impl Walk {
    fn through(source: &mut (impl Read + Seek), start: u64) -> Self {
        let mut walk = Self { left: MAX_BOXES, kept: Vec::new(), covers: Vec::new() };
        // `None` means that the file ended.
        let _end: Option<()> = walk.boxes(source, start..u64::MAX, 0);
        walk
    }

    /// Copies the boxes of `within` that matter to `kept`, without what is large.
    fn boxes(&mut self, source: &mut (impl Read + Seek), within: std::ops::Range<u64>, depth: usize) -> Option<()> {
        let mut position = within.start;
        while self.left > 0 && position < within.end {
            self.left -= 1;
            source.seek(SeekFrom::Start(position)).ok()?;
            let mut head = [0; 8];
            source.read_exact(&mut head).ok()?;
            let kind: [u8; 4] = head[4..].try_into().ok()?;
            let (mut size, mut head_bytes) = (u64::from(be_u32(&head, 0)?), 8);
            if size == 1 {
                let mut large = [0; 8];
                source.read_exact(&mut large).ok()?;
                (size, head_bytes) = (u64::from_be_bytes(large), 16);
            }
            // A box of size 0 extends to the end of the file.
            let end = if size == 0 { within.end } else { position.checked_add(size)?.min(within.end) };
            let body = position + head_bytes;
            if end < body {
                return None;
            }
            if &kind == b"covr" && end - body > LARGE_COVER && self.covers.len() < MAX_COVERS {
                self.covers.push(position);
            }
            let at = self.kept.len();
            self.kept.extend([0, 0, 0, 0]);
            self.kept.extend(kind);
            let whole = if PARENTS.contains(&&kind) && depth < MAX_DEPTH {
                // `meta` has a version in front of its children, but not in files of QuickTime.
                let mut next = [0; 8];
                let versioned = &kind == b"meta" && source.read_exact(&mut next).is_ok() && next[..4] == [0; 4];
                self.boxes(source, body + if versioned { 4 } else { 0 }..end, depth + 1)
            } else if end - body <= MAX_BOX_BYTES && depth > 0 {
                source.take(end - body).read_to_end(&mut self.kept).ok().map(drop)
            } else {
                // Of a long list of edits, the first tell enough.
                (&kind == b"elst").then(|| source.take(MAX_BOX_BYTES).read_to_end(&mut self.kept).ok()).map(drop)
            };
            let kept_bytes = (self.kept.len() - at) as u32;
            self.kept[at..at + 4].copy_from_slice(&kept_bytes.to_be_bytes());
            if &kind == b"moov" {
                return whole;
            }
            position = end;
        }
        Some(())
    }
}

fn edits(moov: &[u8]) -> Vec<Edit> {
    let Some(movie_scale) = child(moov, *b"mvhd").and_then(timescale) else { return Vec::new() };
    let tracks = || boxes(moov).filter(|(kind, _)| kind == b"trak").map(|(_, trak)| trak);
    let mut edits: Vec<Edit> = tracks().filter_map(|trak| edit_of(trak, movie_scale)).collect();
    // The comment is about the only track, if that has no edit list that says more.
    if let (Some(trak), None) = (tracks().next(), tracks().nth(1))
        && edits.iter().all(|edit| edit.start_s == 0.0)
        && let Some(edit) = smpb(moov).and_then(|text| edit_of_smpb(trak, &text))
    {
        edits = vec![edit];
    }
    edits
}

/// The text of the comment `iTunSMPB`: hexadecimal numbers.
fn smpb(moov: &[u8]) -> Option<String> {
    let items = child(child(child(moov, *b"udta")?, *b"meta")?, *b"ilst")?;
    let named = |item| {
        text_of(item, *b"mean", 4) == Some(b"com.apple.iTunes") && text_of(item, *b"name", 4) == Some(b"iTunSMPB")
    };
    let (_, item) = boxes(items).find(|(kind, item)| kind == b"----" && named(item))?;
    String::from_utf8(text_of(item, *b"data", 8)?.to_vec()).ok()
}

/// The body of a child without the `skip` bytes of its own header.
fn text_of(item: &[u8], kind: [u8; 4], skip: usize) -> Option<&[u8]> {
    child(item, kind)?.get(skip..)
}

/// The edit that the comment describes: a word of zeros, the delay, the padding, and the length of the music in samples.
fn edit_of_smpb(trak: &[u8], text: &str) -> Option<Edit> {
    let mut numbers = text.trim_matches('\0').split_ascii_whitespace().map(|word| u64::from_str_radix(word, 16).ok());
    let (_zero, delay, padding, length) = (numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??);
    if delay > MAX_ADDED || padding > MAX_ADDED || length == 0 {
        return None;
    }
    let track_id = track_id(trak)?;
    let mdhd = child(child(trak, *b"mdia")?, *b"mdhd")?;
    let duration = if mdhd.first()? == &1 { be_u64(mdhd, 24)? } else { be_u32(mdhd, 16)?.into() };
    // High-efficiency AAC may be counted in samples of its core, or of what it gives: twice as many.
    let total = length.checked_add(delay + padding)?;
    let double = [1, 2].into_iter().find(|times| total.abs_diff(duration.saturating_mul(*times)) <= LENGTH_SLACK)?;
    let rate = timescale(mdhd)? * double as f64;
    Some(Edit { track_id, start_s: delay as f64 / rate, length_s: Some(length as f64 / rate) })
}

fn track_id(trak: &[u8]) -> Option<u32> {
    let tkhd = child(trak, *b"tkhd")?;
    be_u32(tkhd, if tkhd.first()? == &1 { 20 } else { 12 })
}

fn edit_of(trak: &[u8], movie_scale: f64) -> Option<Edit> {
    let track_id = track_id(trak)?;
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
        let edits = read(&mut Cursor::new(movie(&[0, 1, 2500, 2112, 0x1_0000])), 0);
        assert_eq!(edits, [Edit { track_id: 7, start_s: 2112.0 / 44_100.0, length_s: Some(2.5) }]);
    }

    /// A track of `media` samples at 44.1 kHz that iTunes commented, with a cover in front of the comment.
    fn commented(media: u32, comment: &str) -> Vec<u8> {
        let item = [
            boxed(*b"mean", b"\0\0\0\0com.apple.iTunes"),
            boxed(*b"name", b"\0\0\0\0iTunSMPB"),
            boxed(*b"data", &[b"\0\0\0\x01\0\0\0\0", comment.as_bytes()].concat()),
        ];
        let items = [boxed(*b"covr", &[0x55; 10_000]), boxed(*b"----", &item.concat())].concat();
        let meta = [b"\0\0\0\0".to_vec(), boxed(*b"hdlr", &[0; 25]), boxed(*b"ilst", &items)].concat();
        let mdhd = boxed(*b"mdhd", &words(&[0, 0, 0, 44_100, media]));
        let trak = [boxed(*b"tkhd", &words(&[0, 0, 0, 7])), boxed(*b"mdia", &mdhd)].concat();
        let udta = boxed(*b"udta", &boxed(*b"meta", &meta));
        let moov = [boxed(*b"mvhd", &words(&[0, 0, 0, 1000])), boxed(*b"trak", &trak), udta].concat();
        [boxed(*b"ftyp", b"M4A "), boxed(*b"moov", &moov)].concat()
    }

    #[test]
    fn the_comment_of_itunes_is_an_edit_unless_it_is_absurd() {
        let edit = |media: u32, comment: &str| read(&mut Cursor::new(commented(media, comment)), 0).pop();
        let zeros = "00000000 00000000";
        let good = format!(" 00000000 00000840 000001C0 0000000000010000 {zeros}");
        // 2,112 + 448 + 65,536 samples.
        let expected = Edit { track_id: 7, start_s: 2112.0 / 44_100.0, length_s: Some(65_536.0 / 44_100.0) };
        assert_eq!(edit(68_096, &good), Some(expected));
        assert_eq!(edit(68_096 + 1024, &good), Some(expected));
        let half = Edit { track_id: 7, start_s: 1056.0 / 44_100.0, length_s: Some(32_768.0 / 44_100.0) };
        assert_eq!(edit(34_048, &good), Some(half), "counted after replication");
        assert_eq!(edit(100_000, &good), None, "of another file");
        for bad in [
            "",
            " 00000000 00000840",
            " 00000000 00000840 000001C0 0000000000000000",
            " 00000000 7FFFFFFF 000001C0 0000000000010000",
            " 00000000 00000840 FFFFFFFF 0000000000010000",
            " 00000000 00000840 000001C0 FFFFFFFFFFFFFFFF",
            " 00000000 0000084G 000001C0 0000000000010000",
            " 00000000 -0000840 000001C0 0000000000010000",
        ] {
            assert_eq!(edit(68_096, bad), None, "{bad}");
        }
    }

    #[test]
    fn empty_edits_are_skipped_and_several_spans_have_no_length() {
        let edits = read(&mut Cursor::new(movie(&[0, 2, 500, u32::MAX, 0x1_0000, 2500, 1024, 0x1_0000])), 0);
        assert_eq!(edits[0].length_s, Some(2.5));
        let edits = read(&mut Cursor::new(movie(&[0, 2, 500, 0, 0x1_0000, 2500, 44_100, 0x1_0000])), 0);
        assert_eq!((edits[0].start_s, edits[0].length_s), (0.0, None));
    }

    #[test]
    fn a_movie_without_edits_or_without_end_has_none() {
        assert!(read(&mut Cursor::new(movie(&[0, 0])), 0).is_empty());
        let whole = movie(&[0, 1, 2500, 2112, 0x1_0000]);
        for length in 0..whole.len() {
            read(&mut Cursor::new(&whole[..length]), 0);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..190) {
            read(&mut Cursor::new(&bytes), 0);
            let kinds = [b"moov", b"trak", b"edts", b"meta"];
            if bytes.len() >= at + 4 {
                bytes[at..at + 4].copy_from_slice(kinds[at % 4]);
            }
            read(&mut Cursor::new(&bytes), 0);
        }
    }
}
