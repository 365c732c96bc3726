//! Heads of files without their large pictures.
//!
//! A cover of 40 MB is read into memory by most readers on their way to the artist, and Symphonia refuses an Ogg file
//! with one. We write such heads anew, with all that is small. MP4 has its covers among the boxes (`edit_list`).

use std::io::{self, Read, Seek, SeekFrom};

/// A head larger than this is written anew, without items larger than that. Our choice: what remains is text.
const LARGE_HEAD: u64 = 1 << 20;
const LARGE_ITEM: u64 = 1 << 16;

/// Largest head that is written anew.
const MAX_SLIM: usize = 32 << 20;

/// Most items of a head that are looked at, and that are kept.
const MAX_ITEMS: usize = 10_000;

/// Most pages of Ogg that are looked at: 64 KB each, so a head of up to 1.3 GB.
const MAX_PAGES: usize = 20_000;

/// The ID3 tag in front of `end` without large frames (`ID3v2.3.0`, 3.3; `ID3v2.4.0`, 4), if it is large and simple.
pub(super) fn slim_id3v2(source: &mut (impl Read + Seek), end: u64) -> io::Result<Option<Vec<u8>>> {
    if end <= LARGE_HEAD {
        return Ok(None);
    }
    let mut head = [0; 10];
    source.seek(SeekFrom::Start(0))?;
    source.read_exact(&mut head)?;
    let version = head[3];
    // What is unsynchronised or has an extended header has other sizes.
    if !(3..=4).contains(&version) || head[5] & 0xc0 != 0 {
        return Ok(None);
    }
    let seven_bits = |bytes: &[u8]| bytes.iter().fold(0, |size, &byte| size << 7 | u64::from(byte & 0x7f));
    let tag_end = (10 + seven_bits(&head[6..])).min(end);
    let (mut position, mut frames) = (10, Vec::new());
    for _ in 0..MAX_ITEMS {
        let Some(frame) = read(source, position, 10, tag_end)?.filter(|frame| frame[0] != 0) else { break };
        let size = if version == 4 { seven_bits(&frame[4..8]) } else { be_u32(&frame, 4).into() };
        if size <= LARGE_ITEM && frames.len() <= MAX_SLIM {
            let Some(body) = read(source, position + 10, size, tag_end)? else { break };
            frames.extend(frame);
            frames.extend(body);
        }
        position += 10 + size;
    }
    let size = frames.len() as u32;
    let sizes = [size >> 21, size >> 14, size >> 7, size].map(|bits| (bits & 0x7f) as u8);
    Ok(Some([&head[..5], &[0], &sizes, &frames].concat()))
}

/// The head of the FLAC file at `start` without pictures and padding (RFC 9639, 8.1), and where its frames begin, if the
/// head is large.
pub(super) fn slim_flac(source: &mut (impl Read + Seek), start: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
    const PADDING: u8 = 1;
    const PICTURE: u8 = 6;
    let (mut slim, mut position, mut last_kept) = (b"fLaC".to_vec(), start + 4, None);
    for _ in 0..MAX_ITEMS {
        let Some(head) = read(source, position, 4, u64::MAX)? else { return Ok(None) };
        let size = u64::from(be_u32(&head, 0) & 0xff_ffff);
        let kind = head[0] & 0x7f;
        if kind != PADDING && kind != PICTURE {
            if slim.len() > MAX_SLIM {
                return Ok(None);
            }
            let Some(body) = read(source, position + 4, size, u64::MAX)? else { return Ok(None) };
            last_kept = Some(slim.len());
            slim.extend([kind, head[1], head[2], head[3]]);
            slim.extend(body);
        }
        position += 4 + size;
        if head[0] & 0x80 != 0 {
            let Some(last) = last_kept.filter(|_| position - start > LARGE_HEAD) else { return Ok(None) };
            slim[last] |= 0x80;
            return Ok(Some((slim, position)));
        }
    }
    Ok(None)
}

/// The head of the Opus or Vorbis file at `start` without large comments (RFC 3533; RFC 7845, 5; Vorbis I, 4.2), and
/// where its sound begins, if the head is large.
pub(super) fn slim_ogg(source: &mut (impl Read + Seek), start: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
    let Some(first) = Page::read(source, start)? else { return Ok(None) };
    let Some(identification) = read(source, first.body, first.bytes.min(8), u64::MAX)? else { return Ok(None) };
    // Vorbis has its code books behind the comments.
    let packets = match &identification[..] {
        b"OpusHead" => 1,
        [1, b'v', b'o', b'r', b'b', b'i', b's', ..] => 2,
        _ => return Ok(None),
    };
    let mut pages =
        Pages { source, serial: first.serial, position: first.body + first.bytes, pieces: Vec::new(), seen: 0 };
    let mut slim = Vec::new();
    for number in 0..packets {
        let packet = if number == 0 { pages.comments()? } else { pages.rest_of_packet()? };
        let Some(packet) = packet else { return Ok(None) };
        slim.push(packet);
    }
    // Sound begins on a page of its own.
    if !pages.pieces.is_empty() || pages.position - start <= LARGE_HEAD {
        return Ok(None);
    }
    let end = pages.position;
    let Some(mut head) = read(source, start, first.body + first.bytes - start, u64::MAX)? else { return Ok(None) };
    write_pages(&mut head, &slim, first.serial);
    Ok(Some((head, end)))
}

/// The head of a page, and where its content lies.
struct Page {
    serial: u32,
    lacing: Vec<u8>,
    body: u64,
    bytes: u64,
}

impl Page {
    fn read(source: &mut (impl Read + Seek), at: u64) -> io::Result<Option<Self>> {
        let Some(head) = read(source, at, 27, u64::MAX)?.filter(|head| head.starts_with(b"OggS\0")) else {
            return Ok(None);
        };
        let count = u64::from(head[26]);
        let Some(lacing) = read(source, at + 27, count, u64::MAX)? else { return Ok(None) };
        let bytes = lacing.iter().map(|&length| u64::from(length)).sum();
        let serial = u32::from_le_bytes([head[14], head[15], head[16], head[17]]);
        Ok(Some(Self { serial, lacing, body: at + 27 + count, bytes }))
    }
}

/// The packets of a stream that has its file to itself.
struct Pages<'a, S> {
    source: &'a mut S,
    serial: u32,
    /// Where the next page begins.
    position: u64,
    /// What is left of the current page: where each stretch of a packet lies, how long it is, and whether it ends its
    /// packet.
    pieces: Vec<(u64, u64, bool)>,
    seen: usize,
}

impl<S: Read + Seek> Pages<'_, S> {
    /// Turns to the next page. `None` where there is none of this stream.
    fn turn(&mut self) -> io::Result<Option<()>> {
        self.seen += 1;
        let page = Page::read(self.source, self.position)?;
        let Some(page) = page.filter(|page| page.serial == self.serial && self.seen <= MAX_PAGES) else {
            return Ok(None);
        };
        let mut at = page.body;
        let (mut from, mut length) = (at, 0);
        for &lace in &page.lacing {
            length += u64::from(lace);
            at += u64::from(lace);
            if lace < 255 {
                self.pieces.push((from, length, true));
                (from, length) = (at, 0);
            }
        }
        if length > 0 {
            self.pieces.push((from, length, false));
        }
        self.pieces.reverse();
        self.position = page.body + page.bytes;
        Ok(Some(()))
    }

    /// Takes up to `count` bytes of the current packet, or passes over them without `keep`. The flag says whether the
    /// packet ended.
    fn take(&mut self, mut count: u64, keep: Option<&mut Vec<u8>>) -> io::Result<Option<bool>> {
        let mut kept = Vec::new();
        let mut ended = false;
        while count > 0 && !ended {
            let Some((at, length, last)) = self.pieces.pop() else {
                if self.turn()?.is_none() {
                    return Ok(None);
                }
                continue;
            };
            let taken = length.min(count);
            if keep.is_some() {
                let Some(bytes) = read(self.source, at, taken, u64::MAX)? else { return Ok(None) };
                kept.extend(bytes);
            }
            count -= taken;
            ended = last && taken == length;
            if taken < length {
                self.pieces.push((at + taken, length - taken, last));
            }
        }
        if let Some(keep) = keep {
            keep.extend(kept);
        }
        Ok(Some(ended))
    }

    /// A little-endian length of the current packet.
    fn length(&mut self) -> io::Result<Option<u32>> {
        let mut bytes = Vec::new();
        self.take(4, Some(&mut bytes))?;
        Ok(bytes.try_into().ok().map(u32::from_le_bytes))
    }

    /// The packet of comments, without those that are large.
    fn comments(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut packet = Vec::new();
        if self.take(7, Some(&mut packet))?.is_none() {
            return Ok(None);
        }
        let vorbis = packet.starts_with(b"\x03vorbis");
        if !vorbis {
            self.take(1, Some(&mut packet))?;
        }
        let Some(vendor) = self.length()?.filter(|&bytes| u64::from(bytes) <= LARGE_ITEM) else { return Ok(None) };
        packet.extend(vendor.to_le_bytes());
        self.take(vendor.into(), Some(&mut packet))?;
        let Some(count) = self.length()?.filter(|&count| count as usize <= MAX_ITEMS) else { return Ok(None) };
        let (mut items, mut kept, mut ended) = (Vec::new(), 0_u32, false);
        for _ in 0..count {
            let Some(bytes) = self.length()?.filter(|_| !ended && items.len() <= MAX_SLIM) else { return Ok(None) };
            let large = u64::from(bytes) > LARGE_ITEM;
            if !large {
                kept += 1;
                items.extend(bytes.to_le_bytes());
            }
            let Some(end) = self.take(bytes.into(), (!large).then_some(&mut items))? else { return Ok(None) };
            ended = end;
        }
        packet.extend(kept.to_le_bytes());
        packet.extend(items);
        if vorbis {
            packet.push(1);
        }
        // A framing bit, or padding.
        while !ended {
            let Some(end) = self.take(u64::MAX, None)? else { return Ok(None) };
            ended = end;
        }
        Ok(Some(packet))
    }

    /// All that is left of the current packet, if it isn't large itself.
    fn rest_of_packet(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut packet = Vec::new();
        Ok(self.take(LARGE_HEAD, Some(&mut packet))?.filter(|ended| *ended).map(|_| packet))
    }
}

/// Adds pages with `packets` to `head`, numbered from 1.
fn write_pages(head: &mut Vec<u8>, packets: &[Vec<u8>], serial: u32) {
    let mut laces: Vec<u8> = Vec::new();
    for packet in packets {
        laces.extend(std::iter::repeat_n(255, packet.len() / 255));
        laces.push((packet.len() % 255) as u8);
    }
    let content = packets.concat();
    let (mut at, mut continued) = (0, false);
    for (number, page_laces) in laces.chunks(255).enumerate() {
        let bytes = page_laces.iter().map(|&lace| usize::from(lace)).sum::<usize>();
        let from = head.len();
        // A page on which no packet ends has no position.
        let position = if page_laces.iter().any(|&lace| lace < 255) { 0_u64 } else { u64::MAX };
        head.extend(b"OggS\0");
        head.push(continued.into());
        head.extend(position.to_le_bytes());
        head.extend(serial.to_le_bytes());
        head.extend((number as u32 + 1).to_le_bytes());
        head.extend([0; 4]);
        head.push(page_laces.len() as u8);
        head.extend(page_laces);
        head.extend(&content[at..at + bytes]);
        let checksum = checksum(&head[from..]).to_le_bytes();
        head[from + 22..from + 26].copy_from_slice(&checksum);
        at += bytes;
        continued = page_laces.last() == Some(&255);
    }
}

/// The checksum of a page (RFC 3533, 6): CRC-32 with the polynomial 0x04c11db7, most significant bit first.
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 })
    })
}

/// `count` bytes at `at`, if there are as many before `end`. Memory grows with what is there, not with `count`.
fn read(source: &mut (impl Read + Seek), at: u64, count: u64, end: u64) -> io::Result<Option<Vec<u8>>> {
    if at.checked_add(count).is_none_or(|after| after > end) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    source.seek(SeekFrom::Start(at))?;
    source.by_ref().take(count).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 == count))
}

fn be_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
