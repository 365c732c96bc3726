//! Whether a stream that announces itself by sync bits alone is there at all.
//!
//! Twelve bits say where a frame of MPEG audio or ADTS begins; any megabyte of anything has hundreds of such places, and
//! a reader that takes the first for music turns a transport stream or a program into a second of noise. In a stream,
//! frames follow each other.

use std::io::{self, Read, Seek, SeekFrom};

/// How much of a file is searched for its first frames. Symphonia's probe goes as far.
const SEARCH_BYTES: u64 = 1 << 20;

/// This many alike in succession are no accident.
const RUN: usize = 4;

/// Longest run of frames.
const RUN_BYTES: u64 = 1 << 14;

/// Whether frames follow each other somewhere near `start`, as far as the file goes.
pub(super) fn follow_each_other(source: &mut (impl Read + Seek), start: u64) -> io::Result<bool> {
    let mut bytes = Vec::new();
    source.seek(SeekFrom::Start(start))?;
    // Nearly always they are at the start.
    for search in [1 << 15, SEARCH_BYTES] {
        let wanted = search + RUN_BYTES;
        source.by_ref().take(wanted - bytes.len() as u64).read_to_end(&mut bytes)?;
        let more_follows = bytes.len() as u64 == wanted;
        if (0..bytes.len()).any(|at| bytes[at] == 0xff && is_run(&bytes, at, more_follows)) {
            return Ok(true);
        }
        if !more_follows {
            break;
        }
    }
    Ok(false)
}

/// Whether frames that are alike follow each other from `at` on; at the end of a file two will do.
fn is_run(bytes: &[u8], mut at: usize, more_follows: bool) -> bool {
    let mut first = None;
    for count in 0..RUN {
        let Some(head) = bytes.get(at..at + 6) else { return count >= 2 && !more_follows };
        let Some((alike, length)) = frame(head) else { return false };
        if *first.get_or_insert(alike) != alike {
            return false;
        }
        at += length;
    }
    true
}

/// What all frames of a stream have in common, and the length of this one.
fn frame(head: &[u8]) -> Option<([u8; 2], usize)> {
    /// kbit/s of MPEG-1 layers I, II and III, and of MPEG-2 layers I, and II and III (ISO/IEC 11172-3, 2.4.2.3).
    #[rustfmt::skip]
    const KBITS: [[usize; 15]; 5] = [
        [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    const RATES: [usize; 3] = [44_100, 48_000, 32_000];
    if head[0] != 0xff || head[1] < 0xe0 {
        return None;
    }
    let (version, layer) = (head[1] >> 3 & 3, head[1] >> 1 & 3);
    if layer == 0 {
        // ADTS (ISO/IEC 13818-7, 6.2): profile, rate and the first bit of the channels stay.
        let length = usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5] >> 5);
        let sound = head[1] >= 0xf0 && head[2] >> 2 & 15 < 13 && length > 7;
        return sound.then_some(([head[1], head[2] & 0xfd], length));
    }
    let (mpeg1, one) = (version == 3, layer == 3);
    let row = match (mpeg1, layer) {
        (true, layer) => 3 - usize::from(layer),
        (false, 3) => 3,
        (false, _) => 4,
    };
    let kbits = *KBITS[row].get(usize::from(head[2] >> 4)).filter(|&&kbits| kbits > 0)?;
    let rate = RATES.get(usize::from(head[2] >> 2 & 3))?
        >> match version {
            3 => 0,
            2 => 1,
            0 => 2,
            _ => return None,
        };
    let padding = usize::from(head[2] >> 1 & 1);
    let length = match (one, layer == 1 && !mpeg1) {
        (true, _) => (12_000 * kbits / rate + padding) * 4,
        (false, half) => (if half { 72_000 } else { 144_000 }) * kbits / rate + padding,
    };
    // The bit for a checksum may change, and so may the bit rate.
    Some(([head[1] & 0xfe, head[2] & 0x0c], length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn followed(bytes: &[u8]) -> bool {
        follow_each_other(&mut Cursor::new(bytes), 0).expect("memory")
    }

    /// A frame of 128 kbit/s at 44.1 kHz without padding: 417 bytes.
    fn mp3_frame() -> Vec<u8> {
        [&[0xff, 0xfb, 0x90, 0x64][..], &[0x55; 413]].concat()
    }

    #[test]
    fn lengths_are_those_of_the_standards() {
        for (head, length) in [
            ([0xff, 0xfb, 0x90, 0x64, 0, 0], 417),
            ([0xff, 0xfb, 0x92, 0x64, 0, 0], 418),
            ([0xff, 0xfd, 0xa4, 0x00, 0, 0], 576),
            ([0xff, 0xff, 0x40, 0x00, 0, 0], 136),
            ([0xff, 0xf3, 0x80, 0x00, 0, 0], 208),
            ([0xff, 0xe3, 0x80, 0x00, 0, 0], 417),
            ([0xff, 0xf5, 0x80, 0x00, 0, 0], 417),
            ([0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f], 371),
        ] {
            assert_eq!(frame(&head).map(|(_, length)| length), Some(length), "{head:x?}");
        }
        for head in [
            [0xff, 0xfb, 0xf0, 0, 0, 0],
            [0xff, 0xfb, 0x0c, 0, 0, 0],
            [0xff, 0xeb, 0x90, 0, 0, 0],
            [0xff, 0xf1, 0x50, 0x80, 0, 0x7f],
            [0xfe, 0xfb, 0x90, 0, 0, 0],
        ] {
            assert_eq!(frame(&head), None, "{head:x?}");
        }
    }

    #[test]
    fn four_frames_are_a_stream_and_so_are_two_that_end_the_file() {
        let frames = |count: usize| mp3_frame().repeat(count);
        assert!(followed(&[&[0x11; 1000][..], &frames(4), &[0x11; 1000]].concat()));
        assert!(!followed(&[&[0x11; 1000][..], &frames(3), &[0x11; 1000]].concat()));
        assert!(followed(&frames(2)) && !followed(&frames(1)) && followed(&frames(3)[..1200]));
        let mut changed = [frames(4), vec![0x11; 1000]].concat();
        changed[417 + 2] = 0x94;
        assert!(!followed(&changed), "the rate changes");
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_outcome(bytes in proptest::collection::vec(prop_oneof![Just(0xff), any::<u8>()], 0..400)) {
            followed(&bytes);
        }
    }
}
