//! A file's own tags: ID3, Vorbis comments, MP4 items and Matroska tags through Symphonia, RIFF INFO by hand (`riff` finds it).

use super::Tags;
use symphonia::core::meta::{Metadata, MetadataContainer, MetadataRevision, StandardTag, Tag};

/// Longest text kept from a tag, in characters. Our choice.
const MAX_TEXT_CHARS: usize = 1000;

/// Takes what all of `metadata` has and `tags` lacks.
pub(super) fn add_all(tags: &mut Tags, metadata: &mut Metadata<'_>) {
    while let Some(revision) = metadata.pop() {
        add_revision(tags, &revision);
    }
    if let Some(revision) = metadata.current() {
        add_revision(tags, revision);
    }
}

/// Takes what `revision` has and `tags` lacks.
fn add_revision(tags: &mut Tags, revision: &MetadataRevision) {
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

/// Takes the items of a LIST chunk of a WAV file, if it is INFO (Multimedia Programming Interface and Data
/// Specifications 1.0, 1991). Symphonia 0.6.1 parses the chunk but loses it.
pub(super) fn add_riff_info(tags: &mut Tags, list: &[u8]) {
    if let Some(items) = list.strip_prefix(b"INFO") {
        add_info(tags, items);
    }
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

    fn chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let mut chunk = [kind.as_slice(), &(body.len() as u32).to_le_bytes(), body].concat();
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    }

    #[test]
    fn riff_info_is_read_in_utf_8_and_latin_1_and_cut_anywhere() {
        let list = [
            b"INFO".to_vec(),
            chunk(*b"IART", b"Bj\xf6rk\0"),
            chunk(*b"INAM", b"J\xc3\xb3ga"),
            chunk(*b"ICRD", b"1997"),
        ]
        .concat();
        let read = |list: &[u8]| {
            let mut tags = Tags::default();
            add_riff_info(&mut tags, list);
            tags
        };
        let tags = read(&list);
        assert_eq!(tags.artist.as_deref(), Some("Björk"));
        assert_eq!(tags.title.as_deref(), Some("Jóga"));
        assert_eq!((tags.album, tags.year.as_deref()), (None, Some("1997")));
        for length in 0..list.len() {
            read(&list[..length]);
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
