//! A file's own tags: ID3, Vorbis comments, MP4 items and Matroska tags through Symphonia, RIFF INFO by hand.

use super::Tags;
use std::io::{Read, Seek, SeekFrom};
use symphonia::core::meta::{MetadataContainer, MetadataRevision, StandardTag, Tag};

/// Longest text kept from a tag, in characters. Our choice.
const MAX_TEXT_CHARS: usize = 1000;

/// Largest LIST chunk that is read.
const MAX_INFO_BYTES: u64 = 1 << 20;

/// Most chunks of a WAV file that are visited.
const MAX_CHUNKS: usize = 1000;

/// Takes what `revision` has and `tags` lacks.
pub(super) fn add_revision(tags: &mut Tags, revision: &MetadataRevision) {
    let per_track = revision.per_track.iter().map(|track| &track.metadata);
    for MetadataContainer { tags: found, .. } in std::iter::once(&revision.media).chain(per_track) {
        for tag in found {
            add_tag(tags, tag);
        }
    }
    // The album artist of a sampler is better than nobody.
    let album_artist = revision.media.tags.iter().find_map(|tag| match &tag.std {
        Some(StandardTag::AlbumArtist(name)) => Some(name),
        _ => None,
    });
    if let Some(name) = album_artist {
        fill(&mut tags.artist, name);
    }
}

fn add_tag(tags: &mut Tags, tag: &Tag) {
    match &tag.std {
        Some(StandardTag::Artist(text) | StandardTag::Performer(text)) => fill(&mut tags.artist, text),
        Some(StandardTag::TrackTitle(text)) => fill(&mut tags.title, text),
        Some(StandardTag::Album(text)) => fill(&mut tags.album, text),
        Some(StandardTag::RecordingDate(text) | StandardTag::ReleaseDate(text)) => fill(&mut tags.year, text),
        Some(StandardTag::RecordingYear(year) | StandardTag::ReleaseYear(year)) => {
            fill(&mut tags.year, &year.to_string());
        }
        Some(_) => {}
        // Matroska has no standard name for some of what ffmpeg writes. A target may come first: `ALBUM@DATE`.
        None => match tag.raw.key.rsplit('@').next() {
            Some("ARTIST") => fill(&mut tags.artist, &tag.raw.value.to_string()),
            Some("TITLE") => fill(&mut tags.title, &tag.raw.value.to_string()),
            Some("ALBUM") => fill(&mut tags.album, &tag.raw.value.to_string()),
            Some("DATE" | "YEAR") => fill(&mut tags.year, &tag.raw.value.to_string()),
            _ => {}
        },
    }
}

fn fill(slot: &mut Option<String>, text: &str) {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if slot.is_none() && !text.is_empty() {
        *slot = Some(text.chars().take(MAX_TEXT_CHARS).collect());
    }
}

/// The LIST INFO chunk of a WAV file (Multimedia Programming Interface and Data Specifications 1.0, 1991), wherever it
/// is. Symphonia 0.6.1 parses the chunk but loses it.
pub(super) fn read_riff_info(source: &mut (impl Read + Seek)) -> Tags {
    let mut tags = Tags::default();
    // `None` means that the file ended.
    let _end: Option<()> = walk_riff(source, &mut tags);
    tags
}

fn walk_riff(source: &mut (impl Read + Seek), tags: &mut Tags) -> Option<()> {
    let mut head = [0; 12];
    source.seek(SeekFrom::Start(0)).ok()?;
    source.read_exact(&mut head).ok()?;
    if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
        return None;
    }
    let mut position = 12_u64;
    for _ in 0..MAX_CHUNKS {
        source.seek(SeekFrom::Start(position)).ok()?;
        let mut head = [0; 8];
        source.read_exact(&mut head).ok()?;
        let size = u64::from(le_u32(&head, 4)?);
        if &head[..4] == b"LIST" {
            let mut body = Vec::new();
            source.take(size.min(MAX_INFO_BYTES)).read_to_end(&mut body).ok()?;
            if let Some(items) = body.strip_prefix(b"INFO") {
                add_info(tags, items);
            }
        }
        // Chunks are padded to an even length.
        position += 8 + size.next_multiple_of(2);
    }
    Some(())
}

fn add_info(tags: &mut Tags, mut items: &[u8]) {
    while let Some(size) = le_u32(items, 4).map(|size| size as usize)
        && let Some(text) = items.get(8..8 + size)
    {
        // The standard leaves the encoding open: UTF-8 if it is valid, else Latin-1.
        let text = std::str::from_utf8(text)
            .map_or_else(|_| text.iter().map(|&byte| char::from(byte)).collect(), ToOwned::to_owned);
        match &items[..4] {
            b"IART" => fill(&mut tags.artist, &text),
            b"INAM" => fill(&mut tags.title, &text),
            b"IPRD" => fill(&mut tags.album, &text),
            b"ICRD" => fill(&mut tags.year, &text),
            _ => {}
        }
        items = items.get(8 + size.next_multiple_of(2)..).unwrap_or_default();
    }
}

fn le_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let mut chunk = [kind.as_slice(), &(body.len() as u32).to_le_bytes(), body].concat();
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    }

    #[test]
    fn riff_info_is_found_behind_the_samples_and_in_latin_1() {
        let info = [
            b"INFO".to_vec(),
            chunk(*b"IART", b"Bj\xf6rk\0"),
            chunk(*b"INAM", b"J\xc3\xb3ga"),
            chunk(*b"ICRD", b"1997"),
        ];
        let body = [b"WAVE".to_vec(), chunk(*b"data", &[0; 7]), chunk(*b"LIST", &info.concat())].concat();
        let file = chunk(*b"RIFF", &body);
        let tags = read_riff_info(&mut Cursor::new(&file));
        assert_eq!(tags.artist.as_deref(), Some("Björk"));
        assert_eq!(tags.title.as_deref(), Some("Jóga"));
        assert_eq!((tags.album, tags.year.as_deref()), (None, Some("1997")));
        for length in 0..file.len() {
            read_riff_info(&mut Cursor::new(&file[..length]));
        }
    }

    #[test]
    fn the_first_text_that_says_something_wins() {
        let mut slot = None;
        for text in [" \0", "first", "second"] {
            fill(&mut slot, text);
        }
        assert_eq!(slot.as_deref(), Some("first"));
    }
}
