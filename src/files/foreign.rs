//! Files that are often taken for recordings, by content: sound in containers and codecs that are not read, and what is
//! no sound at all.

/// What a file is that is not read as a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// Sound, or film with sound, in a format that is not read: `a Wave64 file`.
    Sound(&'static str),
    /// Something else: `a picture (PNG)`.
    Other(&'static str),
}

use Foreign::{Other, Sound};

/// Where a signature stands, its bytes, and what has it. The first that fits wins.
#[rustfmt::skip]
const SIGNATURES: &[(usize, &[u8], Foreign)] = &[
    (0, b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", Sound("a Wave64 file")),
    (0, b"Creative Voice File\x1a", Sound("a VOC file")),
    (0, b"FLV\x01", Sound("a Flash video (FLV)")),
    (0, b"\x7f\xfe\x80\x01", Sound("a DTS stream")),
    (0, b"\xfe\x7f\x01\x80", Sound("a DTS stream")),
    (0, b"\x1f\xff\xe8\x00", Sound("a DTS stream")),
    (0, b"\xff\x1f\x00\xe8", Sound("a DTS stream")),
    (0, b"DTSHDHDR", Sound("a DTS-HD file")),
    (0, b"wvpk", Sound("a WavPack file")),
    (0, b"MAC ", Sound("a Monkey's Audio file (APE)")),
    (0, b"MPCK", Sound("a Musepack file")),
    (0, b"MP+", Sound("a Musepack file")),
    (0, b"TTA1", Sound("a True Audio file (TTA)")),
    (0, b"TTA2", Sound("a True Audio file (TTA)")),
    (0, b"OFR ", Sound("an OptimFROG file")),
    (0, b"tBaK", Sound("a TAK file")),
    (0, b"ajkg", Sound("a Shorten file")),
    (0, b".RMF", Sound("a RealMedia file")),
    (0, b".ra\xfd", Sound("a RealAudio file")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Sound("a Windows Media file (ASF, WMA)")),
    (0, b"DSD ", Sound("a DSD file (DSF)")),
    (0, b"FRM8", Sound("a DSD file (DFF)")),
    (0, b"#!AMR", Sound("an AMR file")),
    (0, b".snd", Sound("a Sun/NeXT file (AU)")),
    (0, b"NIST_1A", Sound("a NIST SPHERE file")),
    (0, b"ADIF", Sound("AAC in ADIF")),
    (0, b"\x00\x00\x01\xba", Sound("an MPEG program stream")),
    (0, b"\x00\x00\x01\xb3", Sound("an MPEG video stream")),
    (8, b"8SVX", Sound("an 8SVX file")),
    (28, b"Speex   ", Sound("a Speex file")),
    (0, b"IMPM", Sound("a tracker module")),
    (0, b"Extended Module: ", Sound("a tracker module")),
    (44, b"SCRM", Sound("a tracker module")),
    (1080, b"M.K.", Sound("a tracker module")),
    (0, b"PSID", Sound("a SID tune")),
    (0, b"RSID", Sound("a SID tune")),
    (0, b"MThd", Other("a MIDI file")),
    (0, b"%PDF", Other("a PDF document")),
    (0, b"PK\x03\x04", Other("a ZIP archive")),
    (0, b"Rar!\x1a\x07", Other("a RAR archive")),
    (0, b"7z\xbc\xaf\x27\x1c", Other("a 7-Zip archive")),
    (0, b"\x1f\x8b\x08", Other("a gzip archive")),
    (0, b"BZh", Other("a bzip2 archive")),
    (0, b"\xfd7zXZ\x00", Other("an xz archive")),
    (0, b"\x28\xb5\x2f\xfd", Other("a Zstandard archive")),
    (257, b"ustar", Other("a tar archive")),
    (0, b"\x89PNG", Other("a picture (PNG)")),
    (0, b"\xff\xd8\xff", Other("a picture (JPEG)")),
    (0, b"GIF8", Other("a picture (GIF)")),
    (0, b"II*\x00", Other("a picture (TIFF)")),
    (0, b"MM\x00*", Other("a picture (TIFF)")),
    (0, b"\x93NUMPY", Other("an array (npy)")),
    (0, b"SQLite format 3", Other("a database (SQLite)")),
    (0, b"\x00\x05\x16\x07", Other("an AppleDouble file, which macOS puts beside a file")),
    (0, b"version https://git-lfs", Other("a Git LFS pointer, whose file was not fetched")),
    (0, b"#EXTM3U", Other("a playlist (M3U)")),
    (0, b"[playlist]", Other("a playlist (PLS)")),
];

/// RIFF files by their form.
#[rustfmt::skip]
const RIFF_FORMS: &[(&[u8], Foreign)] = &[
    (b"AVI ", Sound("an AVI film")),
    (b"AVIX", Sound("an AVI film")),
    (b"QLCM", Sound("a QCP file")),
    (b"CDXA", Sound("a Video CD film")),
    (b"RMID", Other("a MIDI file")),
    (b"sfbk", Other("a soundfont")),
    (b"WEBP", Other("a picture (WebP)")),
    (b"CDDA", Other("a pointer to a track of a CD")),
];

/// How many bytes from its start (behind an ID3 tag) tell what a file is.
pub(crate) const HEAD_BYTES: usize = 8192;

/// What a file that begins with `head` is, if it is known and not read as a recording. A head shorter than
/// [`HEAD_BYTES`] is a whole file.
pub(crate) fn foreign(head: &[u8]) -> Option<Foreign> {
    if head.starts_with(b"RIFF")
        && let Some(&(_, what)) = RIFF_FORMS.iter().find(|(form, _)| head.get(8..12) == Some(form))
    {
        return Some(what);
    }
    let fits = |&&(at, signature, _): &&(usize, &[u8], Foreign)| {
        head.get(at..).is_some_and(|from| from.starts_with(signature))
    };
    if let Some(&(_, _, what)) = SIGNATURES.iter().find(fits) {
        return Some(what);
    }
    match () {
        // Packets of 188 bytes, each with a sync byte; 192 with a time code in front (M2TS).
        () if every(head, 0, 188) || every(head, 4, 192) => Some(Sound("an MPEG transport stream")),
        () if is_ac3(head) => Some(Sound("an AC-3 stream")),
        () if is_loas(head) => Some(Sound("AAC in LATM")),
        () => text(head).map(Other),
    }
}

/// Whether sync bytes of a transport stream stand at `first` and every `step` bytes on, eight times or to the end.
fn every(head: &[u8], first: usize, step: usize) -> bool {
    head.len() > 2 * step && head[first..].iter().step_by(step).take(8).all(|&byte| byte == 0x47)
}

/// AC-3 and E-AC-3 (ETSI TS 102 366): a sync word, and a second one where the first frame ends.
fn is_ac3(head: &[u8]) -> bool {
    /// Words of 16 bits in a frame at 48 kHz, by half the size code.
    const WORDS: [usize; 19] =
        [64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1152, 1280];
    if !head.starts_with(b"\x0b\x77") || head.len() < 6 {
        return false;
    }
    let words = if head[5] >> 3 > 10 {
        (usize::from(head[2] & 7) << 8 | usize::from(head[3])) + 1
    } else {
        let Some(&words) = WORDS.get(usize::from(head[4] & 63) / 2) else { return false };
        match head[4] >> 6 {
            0 => words,
            1 => words * 160 / 147 + usize::from(head[4] & 1),
            _ => words * 3 / 2,
        }
    };
    head.get(2 * words..).is_some_and(|from| from.starts_with(b"\x0b\x77"))
}

/// AAC in LOAS frames (ISO/IEC 14496-3, 1.7.2): eleven sync bits and a length, three times.
fn is_loas(head: &[u8]) -> bool {
    let mut at = 0;
    (0..3).all(|_| {
        let Some(&[a, b, c]) = head.get(at..at + 3) else { return false };
        at += 3 + (usize::from(b & 0x1f) << 8 | usize::from(c));
        a == 0x56 && b & 0xe0 == 0xe0
    })
}

/// Text, if all of `head` is text: at least a line of it.
fn text(head: &[u8]) -> Option<&'static str> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let is_text = match std::str::from_utf8(head) {
        Ok(_) => true,
        // A character may be cut at the end.
        Err(error) => error.error_len().is_none() && head.len() + 3 >= HEAD_BYTES,
    };
    let printable = |&byte: &u8| byte >= b' ' && byte != 0x7f || b"\t\r\n\x0c".contains(&byte);
    if head.is_empty() || !is_text || !head.iter().all(printable) {
        return None;
    }
    let start: Vec<u8> = head.trim_ascii_start().iter().take(14).map(u8::to_ascii_lowercase).collect();
    let html = start.starts_with(b"<!doctype html") || start.starts_with(b"<html") || start.starts_with(b"<head");
    Some(if html { "a web page (HTML)" } else { "text" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_names_its_kind() {
        for &(at, signature, what) in SIGNATURES {
            let head = [&vec![0xaa; at], signature, &[0xaa; 2000]].concat();
            assert_eq!(foreign(&head), Some(what), "{}", signature.escape_ascii());
        }
        for &(form, what) in RIFF_FORMS {
            assert_eq!(foreign(&[b"RIFF\0\0\0\0", form, b"LIST"].concat()), Some(what));
        }
    }

    #[test]
    fn streams_without_a_signature_are_known_by_their_rhythm() {
        let packet = |sync_at: usize, bytes: usize| {
            let mut packet = vec![0x99; bytes];
            packet[sync_at] = 0x47;
            packet.repeat(9)
        };
        assert_eq!(foreign(&packet(0, 188)), Some(Sound("an MPEG transport stream")));
        assert_eq!(foreign(&packet(4, 192)), Some(Sound("an MPEG transport stream")));
        assert_eq!(foreign(&packet(0, 187)), None);
        // 192 kbit/s at 48 kHz: 768 bytes.
        let mut ac3 = vec![0x99; 2000];
        ac3[..6].copy_from_slice(&[0x0b, 0x77, 1, 2, 0x14, 0x40]);
        assert_eq!(foreign(&ac3), None);
        ac3[768..770].copy_from_slice(&[0x0b, 0x77]);
        assert_eq!(foreign(&ac3), Some(Sound("an AC-3 stream")));
        let loas = [&[0x56, 0xe0, 0x10][..], &[0x99; 16]].concat().repeat(3);
        assert_eq!(foreign(&loas), Some(Sound("AAC in LATM")));
        assert_eq!(foreign(&loas[..38]), None);
    }

    #[test]
    fn text_is_text_in_any_language_and_recordings_are_not() {
        assert_eq!(foreign("Sehr geehrte Damen und Herren, anbei …".as_bytes()), Some(Other("text")));
        assert_eq!(foreign(b"\n<!DOCTYPE html><title>404</title>"), Some(Other("a web page (HTML)")));
        let long = "é".repeat(HEAD_BYTES);
        assert_eq!(foreign(&long.as_bytes()[..HEAD_BYTES]), Some(Other("text")));
        assert_eq!(foreign(&[b"a", &long.as_bytes()[..HEAD_BYTES - 1]].concat()), Some(Other("text")));
        for head in [
            &b""[..],
            b"RIFF\x24\0\0\0WAVEfmt ",
            b"fLaC\0\0\0\x22",
            b"OggS\0\x02",
            b"\xff\xfb\x90\x64",
            b"ID3\x03\0",
            b"\0\0\0\x20ftypM4A ",
            b"\x1a\x45\xdf\xa3",
            b"FORM\0\0\0\0AIFF",
            b"caff\0\x01",
            b"\0\0\0\0",
        ] {
            assert_eq!(foreign(head), None, "{}", head.escape_ascii());
        }
    }
}
