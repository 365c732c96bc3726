//! Which bytes of a file a reader of its format may see.
//!
//! Others tag every kind of file with ID3 and APE; readers of FLAC, MP4 and WAV stumble over them. What is in front or
//! behind is left out for those; a WAV file gets a header that says how long it is (`riff`), and large pictures are
//! passed over (`covers`).

use super::splice::Piece;
use super::{Tags, covers, edit_list, riff};
use crate::files::{Foreign, HEAD_BYTES, foreign};
use std::io::{self, Read, Seek, SeekFrom};

/// Most tags that are passed over at either end.
const MAX_TAGS: usize = 16;

/// What to present of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Extent {
    pub(super) pieces: Vec<Piece>,
    /// Where the first byte of the sound's own format lies in the file.
    pub(super) start: u64,
    /// Whether tags were left out that only a look at the whole file finds.
    pub(super) tags_outside: bool,
    /// Tags that were read on the way.
    pub(super) tags: Tags,
    /// How long the sound should be, where the presented header doesn't say.
    pub(super) announced_s: Option<f64>,
    /// Whether the end of the body is the end of the sound, and no sign that something is missing.
    pub(super) ends_with_file: bool,
    pub(super) warning: Option<String>,
}

/// Examines a file of `bytes` bytes; `Err` in the result tells why it can't be read as a recording.
pub(super) fn find(source: &mut (impl Read + Seek), bytes: u64) -> io::Result<Result<Extent, String>> {
    let start = behind_id3v2(source, bytes)?;
    let mut head = Vec::new();
    source.seek(SeekFrom::Start(start))?;
    source.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    match foreign(&head) {
        Some(Foreign::Sound(what)) => {
            return Ok(Err(format!("{what}, which Antiphon does not read; convert it to WAV or FLAC")));
        }
        Some(Foreign::Other(what)) => return Ok(Err(format!("{what}, not a recording"))),
        None => {}
    }
    let mut extent = Extent {
        pieces: Vec::new(),
        start,
        tags_outside: false,
        tags: Tags::default(),
        announced_s: None,
        ends_with_file: false,
        warning: None,
    };
    let end = before_tags(source, start, bytes)?;
    if riff::is_wave(&head) {
        let wave = match riff::read(source, start..bytes, end)? {
            Ok(wave) => wave,
            Err(reason) => return Ok(Err(reason)),
        };
        extent.ends_with_file = !wave.header.is_empty();
        extent.tags_outside = start > 0 || end < bytes;
        extent.start = wave.data.start;
        extent.pieces = vec![Piece::Bytes(wave.header), Piece::File(wave.data)];
        (extent.tags, extent.announced_s, extent.warning) = (wave.tags, wave.announced_s, wave.warning);
    } else if head.get(4..8) == Some(b"ftyp") {
        // A large cover gets a name that no reader knows; nothing moves, since tables of the file point into it.
        let mut from = start;
        for cover in edit_list::large_covers(source, start) {
            extent.pieces.extend([Piece::File(from..cover + 4), Piece::Bytes(b"cov-".to_vec())]);
            from = cover + 8;
        }
        extent.pieces.push(Piece::File(from..end));
    } else {
        // Tags behind FLAC are in the way of its reader, which expects a frame. They are read all the same.
        let flac = head.starts_with(b"fLaC");
        extent.tags_outside = flac && end < bytes;
        let mut from = 0;
        if let Some(tag) = covers::slim_id3v2(source, start)? {
            extent.pieces.push(Piece::Bytes(tag));
            from = start;
        }
        let slim = if flac { covers::slim_flac(source, start)? } else { covers::slim_ogg(source, start)? };
        if let Some((head, body)) = slim {
            extent.pieces.extend([Piece::File(from..start), Piece::Bytes(head)]);
            from = body;
        }
        extent.pieces.push(Piece::File(from..if flac { end } else { bytes }));
    }
    Ok(Ok(extent))
}

/// Where the ID3 tags at the start of a file end (`ID3v2.4.0`, 3.1). A size that leads out of the file is no size.
fn behind_id3v2(source: &mut (impl Read + Seek), bytes: u64) -> io::Result<u64> {
    let mut start = 0;
    for _ in 0..MAX_TAGS {
        let mut head = [0; 10];
        source.seek(SeekFrom::Start(start))?;
        if let Err(error) = source.read_exact(&mut head) {
            return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(start) } else { Err(error) };
        }
        if !head.starts_with(b"ID3") || head[6..].iter().any(|&byte| byte > 0x7f) {
            break;
        }
        let size = head[6..].iter().fold(0, |size, &byte| size << 7 | u64::from(byte));
        let footer = if head[5] & 0x10 == 0 { 0 } else { 10 };
        let end = start + 10 + size + footer;
        if end >= bytes {
            break;
        }
        start = end;
    }
    Ok(start)
}

/// Where the ID3, APE and Lyrics3 tags at the end of a file begin.
fn before_tags(source: &mut (impl Read + Seek), start: u64, bytes: u64) -> io::Result<u64> {
    let mut end = bytes;
    for _ in 0..MAX_TAGS {
        let from = end.saturating_sub(128).max(start);
        let mut tail = Vec::new();
        source.seek(SeekFrom::Start(from))?;
        source.by_ref().take(end - from).read_to_end(&mut tail)?;
        let Some(tag_bytes) = tag_at_end(&tail) else { break };
        match end.checked_sub(tag_bytes) {
            Some(before) if before > start => end = before,
            _ => break,
        }
    }
    Ok(end)
}

/// The length of the tag that ends where `tail` ends.
fn tag_at_end(tail: &[u8]) -> Option<u64> {
    if tail.len() == 128 && tail.starts_with(b"TAG") {
        return Some(128);
    }
    // APEv2: a footer of 32 bytes, whose size excludes a header of as many.
    if let Some(footer) = tail.len().checked_sub(32).map(|at| &tail[at..])
        && footer.starts_with(b"APETAGEX")
    {
        let number =
            |at: usize| u64::from(u32::from_le_bytes([footer[at], footer[at + 1], footer[at + 2], footer[at + 3]]));
        return Some(number(12) + if number(20) >> 31 == 1 { 32 } else { 0 });
    }
    // Lyrics3 v2.00: six digits of size before the mark.
    let sized = tail.strip_suffix(b"LYRICS200")?;
    let digits = std::str::from_utf8(sized.get(sized.len().checked_sub(6)?..)?).ok()?;
    Some(digits.parse::<u64>().ok()? + 15)
}
