//! WAV files as recorders, pipes and editors leave them, read to the end of what is there.
//!
//! Sizes may be placeholders (0 of a recorder that crashed, 2 GiB or 4 GiB of a pipe), 64 bits long (RF64 and BW64, EBU
//! Tech 3306, ITU-R BS.2088), or wrong; chunks may lack their pad byte; the format may be written in 14, 18, 20 or 40
//! bytes, with fewer valid bits than a sample has room for. We find the samples and describe them to Symphonia by a
//! header of our own.

use super::Tags;
use super::tags;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// Most chunks that are visited.
const MAX_CHUNKS: usize = 1000;

/// Largest LIST chunk that is read, and how far a chunk is searched for where a size leads nowhere.
const MAX_INFO_BYTES: u64 = 1 << 20;
const SEARCH_BYTES: u64 = 1 << 20;
const MAX_SEARCHES: usize = 16;

/// How far from the end a chunk behind samples of unknown length is searched for.
const TRAILER_BYTES: u64 = 1 << 16;

/// More than this behind the samples that is no chunk is sound. Our choice: no editor pads its files by as much.
const MAX_PADDING_BYTES: u64 = 1 << 16;

/// Sizes near 2 GiB and 4 GiB stand for "unknown", as a pipe can't go back to write the true ones.
const PLACEHOLDERS: [Range<u64>; 2] = [0x7fff_0000..0x8000_1000, 0xffff_0000..0x1_0000_0000];

/// Largest length that RF64 gives in earnest.
const MAX_LONG_SIZE: u64 = 1 << 48;

/// Format tags (RFC 2361).
const PCM: u16 = 1;
const ADPCM: [u16; 2] = [2, 0x11];
const FLOAT: u16 = 3;
const LOGARITHMIC: [u16; 2] = [6, 7];
const MPEG: [u16; 2] = [0x50, 0x55];
const AAC: [u16; 2] = [0xff, 0x1600];
const EXTENSIBLE: u16 = 0xfffe;

/// What [`EXTENSIBLE`] puts behind the tag of the format proper: the rest of a GUID.
const GUID_REST: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

/// The warning where the header stops before the sound does and how much it says takes a decoder to know.
const GOES_ON: &str = "the header says less sound than there is";

/// Formats that are not read, by their tags.
#[rustfmt::skip]
const NAMES: &[(u16, &str)] = &[
    (0x08, "DTS"), (0x31, "GSM 6.10"), (0x61, "ADPCM of Duck"), (0x65, "G.722 ADPCM"), (0x45, "G.726 ADPCM"), (0x64, "G.726 ADPCM"),
    (0x28f, "G.722 ADPCM"), (0x92, "AC-3"), (0x160, "Windows Media Audio"), (0x161, "Windows Media Audio"), (0x162, "Windows Media Audio"),
    (0x163, "Windows Media Audio"), (0x270, "ATRAC3"), (0x2000, "AC-3"), (0x2001, "DTS"), (0x566f, "Vorbis"), (0x674f, "Vorbis"),
    (0x6750, "Vorbis"), (0x6751, "Vorbis"), (0x676f, "Vorbis"), (0x6770, "Vorbis"), (0x6771, "Vorbis"), (0xa109, "Speex"), (0xf1ac, "FLAC"),
];

/// The samples of a WAV file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wave {
    /// The header to present instead of the file's own; empty if the data is a file of its own kind.
    pub(super) header: Vec<u8>,
    /// Where the data lies in the file.
    pub(super) data: Range<u64>,
    /// How long it should be, if the header gives no mere placeholder.
    pub(super) announced_s: Option<f64>,
    /// What LIST INFO says.
    pub(super) tags: Tags,
    pub(super) warning: Option<String>,
}

/// Whether a file that begins with `head` is a WAV file.
pub(super) fn is_wave(head: &[u8]) -> bool {
    [b"RIFF", b"RF64", b"BW64"].iter().any(|kind| head.starts_with(*kind))
        && [Some(&b"WAVE"[..]), Some(b"RMP3")].contains(&head.get(8..12))
}

/// Reads the chunks of the WAV file at `within` of `source`, or tells why its sound can't be read.
///
/// Behind `before_tags` only tags of other kinds follow.
pub(super) fn read(
    source: &mut (impl Read + Seek),
    within: Range<u64>,
    before_tags: u64,
) -> io::Result<Result<Wave, String>> {
    let mut chunks = Chunks { source, end: within.end, before_tags, searches: 0 };
    let mut riff_end = 0;
    if let Some(head) = chunks.bytes(within.start, 8)? {
        // A placeholder ends nowhere near the end of the file.
        riff_end = within.start + 8 + u64::from(le_u32(&head, 4));
    }
    let (mut long_size, mut format) = (None, None);
    if chunks.up_to(within.start + 8, 4)? == b"RMP3" {
        // An older way to wrap MPEG layer III has no format chunk.
        format = Some([&MPEG[1].to_le_bytes()[..], &[1, 0], &[0; 12]].concat());
    }
    let mut data: Option<Data> = None;
    let mut tags = Tags::default();
    let mut position = within.start + 12;
    for _ in 0..MAX_CHUNKS {
        let Some((kind, size)) = chunks.head(position)? else { break };
        let (body, mut end) = (position + 8, position + 8 + size);
        match &kind {
            b"ds64" => long_size = chunks.bytes(body, 16)?.map(|body| le_u64(&body, 8)),
            b"fmt " if format.is_none() => format = Some(chunks.up_to(body, size.min(64))?),
            b"LIST" => {
                let list = chunks.up_to(body, size.min(MAX_INFO_BYTES))?;
                tags::add_riff_info(&mut tags, &list);
            }
            b"data" if data.is_none() => {
                let long = long_size.filter(|_| size == u64::from(u32::MAX));
                let found = chunks.data(body, long.unwrap_or(size), riff_end)?;
                end = found.range.end;
                data = Some(found);
            }
            _ => {}
        }
        let Some(next) = chunks.next(body, end, data.is_some())? else { break };
        position = next;
    }
    let (Some(format), Some(data)) = (format, data) else {
        return Ok(Err("malformed, a WAV file without a format or data chunk".into()));
    };
    let start = chunks.up_to(data.range.start, 1 << 16)?;
    Ok(Wave::new(&format, data, &start, tags))
}

/// Where the samples lie, and how many bytes there should be.
struct Data {
    range: Range<u64>,
    claimed: Option<u64>,
    /// Whether the header stops before the sound does.
    goes_on: bool,
}

/// A file as a sequence of chunks.
struct Chunks<'a, S> {
    source: &'a mut S,
    end: u64,
    before_tags: u64,
    searches: usize,
}

impl<S: Read + Seek> Chunks<'_, S> {
    /// `count` bytes at `at`, or as many as there are.
    fn up_to(&mut self, at: u64, count: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if at < self.end {
            self.source.seek(SeekFrom::Start(at))?;
            self.source.by_ref().take(count.min(self.end - at)).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    /// `count` bytes at `at`, if there are as many.
    fn bytes(&mut self, at: u64, count: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(Some(self.up_to(at, count)?).filter(|bytes| bytes.len() as u64 == count))
    }

    /// Kind and size of the chunk at `at`.
    fn head(&mut self, at: u64) -> io::Result<Option<([u8; 4], u64)>> {
        Ok(self.bytes(at, 8)?.map(|head| ([head[0], head[1], head[2], head[3]], u64::from(le_u32(&head, 4)))))
    }

    /// Whether a chunk begins at `at`: its name can be printed and it ends within the file.
    fn is_chunk(&mut self, at: u64) -> io::Result<bool> {
        let Some((kind, size)) = self.head(at)? else { return Ok(false) };
        let named = kind.iter().all(|byte| (b' '..=b'~').contains(byte)) && kind[0] != b' ';
        // A pad byte may be missing at the end. The size of the samples is judged by itself.
        Ok(named && (&kind == b"data" || at + 8 + size <= self.end))
    }

    /// Where the chunk after the one at `body..end` begins.
    fn next(&mut self, body: u64, end: u64, data_found: bool) -> io::Result<Option<u64>> {
        // Chunks of odd size are padded with a byte, which many programs forget and some add to others.
        let padded = end + (end - body) % 2;
        for at in [padded, end, end + 1] {
            if self.head(at)?.is_some_and(|(kind, _)| [b"fmt ", b"data"].contains(&&kind)) {
                return Ok(Some(at));
            }
        }
        for at in [padded, end, end + 1] {
            if self.is_chunk(at)? {
                return Ok(Some(at));
            }
        }
        self.searches += 1;
        if data_found || self.searches > MAX_SEARCHES {
            return Ok(None);
        }
        for from in [end, body] {
            let piece = self.up_to(from, SEARCH_BYTES)?;
            let mut found = piece
                .windows(4)
                .enumerate()
                .filter(|(_, kind)| [b"fmt ", b"data"].contains(&(*kind).try_into().unwrap_or(b"    ")));
            if let Some((at, _)) = found.next() {
                return Ok(Some(from + at as u64));
            }
        }
        Ok(None)
    }

    /// Whether chunks follow each other from `at` to the end of the file.
    fn only_chunks_from(&mut self, mut at: u64) -> io::Result<bool> {
        for _ in 0..MAX_CHUNKS {
            if at >= self.before_tags {
                return Ok(true);
            }
            match self.head(at)? {
                Some((_, size)) if self.is_chunk(at)? => at += 8 + size + size % 2,
                _ => break,
            }
        }
        Ok(false)
    }

    /// Judges the `size` of the samples that begin at `body`, in a RIFF that ends at `riff_end`.
    fn data(&mut self, body: u64, size: u64, riff_end: u64) -> io::Result<Data> {
        let rest = self.end - body;
        if size > rest {
            let placeholder = PLACEHOLDERS.iter().any(|range| range.contains(&size)) || size > MAX_LONG_SIZE;
            // Where the outer size is that of the file, the file is whole.
            let whole = placeholder || riff_end.abs_diff(self.end) <= 1;
            let end = if whole { self.trailer(body)? } else { self.end };
            return Ok(Data { range: body..end, claimed: (!whole).then_some(size), goes_on: false });
        }
        let end = body + size;
        if size == 0 {
            let end = if self.only_chunks_from(body)? { body } else { self.trailer(body)? };
            return Ok(Data { range: body..end, claimed: None, goes_on: false });
        }
        let mut goes_on = self.end - end > MAX_PADDING_BYTES;
        for at in [end + size % 2, end] {
            goes_on = goes_on && !self.is_chunk(at)?;
        }
        if goes_on {
            let behind = self.end - end;
            // A size over 4 GiB that was written in 32 bits says the rest of the division.
            let wrapped = behind >= 1 << 32 && behind % (1 << 32) <= MAX_PADDING_BYTES;
            goes_on = wrapped || self.sounds(end)?;
        }
        Ok(Data { range: body..if goes_on { self.trailer(body)? } else { end }, claimed: Some(size), goes_on })
    }

    /// Whether there is anything but zeros behind `from`, as far as samples of it tell.
    fn sounds(&mut self, from: u64) -> io::Result<bool> {
        const PLACES: u64 = 16;
        for place in 0..PLACES {
            let at = from + (self.end - from) / PLACES * place;
            if self.up_to(at, MAX_PADDING_BYTES / PLACES)?.iter().any(|&byte| byte != 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where the file ends without the LIST or ID3 chunk behind samples of unknown length.
    fn trailer(&mut self, body: u64) -> io::Result<u64> {
        let from = self.before_tags.saturating_sub(TRAILER_BYTES).max(body);
        let piece = self.up_to(from, self.before_tags.saturating_sub(from))?;
        let is_last = |&at: &usize| {
            let Some(head) = piece.get(at..at + 8) else { return false };
            let left = (piece.len() - at - 8) as u64;
            let size = u64::from(le_u32(head, 4));
            [b"LIST", b"id3 ", b"ID3 "].iter().any(|kind| head.starts_with(*kind))
                && (size == left || size.next_multiple_of(2) == left)
        };
        Ok((0..piece.len()).find(is_last).map_or(self.before_tags.max(body), |at| from + at as u64))
    }
}

impl Wave {
    /// Describes `data`, of which `start` is the beginning, by the format chunk.
    fn new(format: &[u8], data: Data, start: &[u8], tags: Tags) -> Result<Self, String> {
        if format.len() < 14 {
            return Err(format!("malformed, a format chunk of {} bytes, at least 14 are needed", format.len()));
        }
        let word = |at| format.get(at..at + 2).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        let (mut tag, channels, rate, block, bits) = (word(0), word(2), le_u32(format, 4), word(12), word(14));
        if channels == 0 {
            return Err("0 channels are outside 1 to 64".into());
        }
        let mut mask = None;
        if tag == EXTENSIBLE {
            mask = format.get(20..24).map(|mask| le_u32(mask, 0));
            tag = match format.get(24..40) {
                Some(guid) if guid[2..] == GUID_REST => word(24),
                // The GUIDs of ambisonic files begin alike.
                Some(guid) if guid[4..] == [0x21, 7, 0xd3, 0x11, 0x86, 0x44, 0xc8, 0xc1, 0xca, 0, 0, 0] => word(24),
                Some(_) => return Err("unsupported, a WAV file whose format is given by an unknown GUID".into()),
                None => PCM,
            };
        }
        if data.range.is_empty() {
            return Err("there are no samples in it".into());
        }
        if tag == PCM && bits == 16 && is_dts(start) {
            return Err("DTS in a WAV file, which Antiphon does not read; convert it to WAV or FLAC".into());
        }
        let mut wave = Self { header: Vec::new(), data: data.range, announced_s: None, tags, warning: None };
        // How many bytes a sample of every channel takes.
        let frame = match tag {
            PCM | FLOAT => {
                let room = block / channels;
                let fits = block % channels == 0 && room > 0 && u32::from(room) * 8 >= u32::from(bits);
                channels.checked_mul(if fits { room } else { bits.div_ceil(8).max(1) })
            }
            tag if LOGARITHMIC.contains(&tag) => Some(channels),
            tag if ADPCM.contains(&tag) => {
                // Its blocks are counted by Symphonia.
                let there = wave.data.end - wave.data.start;
                wave.warning = data.goes_on.then(|| GOES_ON.to_owned());
                wave.header = header(format, data.claimed.unwrap_or_default().max(there));
                return Ok(wave);
            }
            tag if MPEG.contains(&tag) || AAC.contains(&tag) => {
                let there = wave.data.end - wave.data.start;
                wave.warning = match data.claimed {
                    Some(claimed) if claimed > there => {
                        Some(format!("cut short: {there} of {claimed} bytes of sound are there"))
                    }
                    _ => data.goes_on.then(|| GOES_ON.to_owned()),
                };
                return Ok(wave);
            }
            tag => {
                let name = NAMES.iter().find(|(known, _)| *known == tag).map(|(_, name)| (*name).to_owned());
                let name = name.unwrap_or_else(|| format!("an unknown format ({tag:#06x})"));
                return Err(format!("{name} in a WAV file, which Antiphon does not read; convert it to WAV or FLAC"));
            }
        };
        let frame = frame.ok_or_else(|| format!("{channels} channels are outside 1 to 64"))?;
        let room = frame / channels;
        if room > 8 {
            return Err(format!("unsupported, samples of {room} bytes; at most 8 can be read"));
        }
        let bits = room * 8;
        let seconds = |bytes: u64| (bytes / u64::from(frame)) as f64 / f64::from(rate);
        // Bytes that are no whole frame are none.
        wave.data.end -= (wave.data.end - wave.data.start) % u64::from(frame);
        wave.announced_s = data.claimed.map(seconds).filter(|seconds| seconds.is_finite());
        if data.goes_on {
            let (said_s, there_s) = (wave.announced_s.unwrap_or_default(), seconds(wave.data.end - wave.data.start));
            wave.warning = Some(format!("the header says {said_s:.1} s, but the file goes on to {there_s:.1} s"));
        }
        if wave.data.is_empty() {
            return Err("there are no samples in it".into());
        }
        let mut plain = Vec::new();
        let words = |plain: &mut Vec<u8>, words: &[u16]| plain.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        words(&mut plain, &[if mask.is_some() { EXTENSIBLE } else { tag }, channels]);
        plain.extend(rate.to_le_bytes());
        plain.extend(rate.wrapping_mul(u32::from(frame)).to_le_bytes());
        words(&mut plain, &[frame, bits]);
        if let Some(mask) = mask {
            words(&mut plain, &[22, bits]);
            plain.extend(mask.to_le_bytes());
            words(&mut plain, &[tag]);
            plain.extend(GUID_REST);
        } else if LOGARITHMIC.contains(&tag) {
            words(&mut plain, &[0]);
        }
        // The samples reach to the end of what is presented; how many there should be, we know ourselves.
        wave.header = header(&plain, u64::from(u32::MAX));
        Ok(wave)
    }
}

/// A header for `bytes` of samples.
fn header(format: &[u8], bytes: u64) -> Vec<u8> {
    let unknown = u32::MAX.to_le_bytes();
    let mut header = [b"RIFF", &unknown[..], b"WAVEfmt ", &(format.len() as u32).to_le_bytes(), format].concat();
    header.resize(header.len().next_multiple_of(2), 0);
    header.extend(b"data");
    header.extend(u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes());
    header
}

/// Whether samples are DTS in disguise, as on DTS CDs: two sync words of 14-bit frames at their usual distance.
fn is_dts(start: &[u8]) -> bool {
    let sync =
        |at: usize| start.get(at..at + 6).is_some_and(|at| at.starts_with(b"\xff\x1f\x00\xe8") && at[4] >> 4 == 15);
    (0..start.len().min(20_000)).any(|at| sync(at) && (at + 64..at + 16_384).any(sync))
}

fn le_u32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

fn le_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le_u32(bytes, at)) | u64::from(le_u32(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    /// A header of every chunk that is looked at, and samples.
    fn whole() -> Vec<u8> {
        let chunk = |kind: &[u8; 4], body: &[u8]| [kind, &(body.len() as u32).to_le_bytes()[..], body].concat();
        let format = [1, 0, 2, 0, 0x44, 0xac, 0, 0, 0x10, 0xb1, 2, 0, 4, 0, 16, 0];
        let (long, info) = (chunk(b"ds64", &[0; 28]), chunk(b"LIST", b"INFOIART\x02\0\0\0ab"));
        let samples = chunk(b"data", &[0x11; 40]);
        [b"RF64\0\0\0\0WAVE", &long[..], &chunk(b"fmt ", &format), &info, &samples, &info].concat()
    }

    proptest! {
        #[test]
        fn any_damage_leaves_samples_within_the_file(
            changes in proptest::collection::vec((0usize..170, prop_oneof![Just(0), Just(0xff), any::<u8>()]), 0..12),
            length in 12usize..170,
            tags in 0u64..40,
        ) {
            let mut file = whole();
            for (at, byte) in changes {
                if let Some(there) = file.get_mut(at) {
                    *there = byte;
                }
            }
            file.truncate(length);
            let end = file.len() as u64;
            if let Ok(wave) = read(&mut Cursor::new(&file), 0..end, end.saturating_sub(tags)).expect("memory") {
                prop_assert!(wave.data.start < wave.data.end && wave.data.end <= end);
                prop_assert!(wave.announced_s.is_none_or(f64::is_finite));
            }
        }
    }

    #[test]
    fn samples_are_found_in_what_the_damage_is_done_to() {
        let file = whole();
        let end = file.len() as u64;
        let wave = read(&mut Cursor::new(&file), 0..end, end).expect("memory").expect("a WAV file");
        assert_eq!(&file[wave.data.start as usize..wave.data.end as usize], [0x11; 40]);
        assert_eq!((wave.announced_s, wave.tags.artist.as_deref()), (Some(10.0 / 44_100.0), Some("ab")));
    }
}
