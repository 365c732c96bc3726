//! Kinds of files that recorders, pipes, taggers and converters leave behind: nothing is missing, nothing is added, and
//! what can't be read is named.

use super::{bytes_of, chunk, data, listen, listen_to_bytes, refusal, wav};
use antiphon::audio::{Recording, Tags, read_tags};

/// 22,050 Hz, one channel, 1.5 s: silence, and from sample 11,025 on a tone.
fn samples() -> Vec<u8> {
    let tone = |n: i32| if n < 11_025 { 0 } else { 8000 + (n % 50) * 100 };
    (0..33_075).flat_map(|n| (tone(n) as i16).to_le_bytes()).collect()
}

fn plain_format() -> Vec<u8> {
    format(1, 2, 16)
}

/// A format chunk of 16 bytes: tag, bytes of a sample, bits.
fn format(tag: u16, block: u16, bits: u16) -> Vec<u8> {
    let words = |words: &[u16]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let rate = |rate: u32| rate.to_le_bytes().to_vec();
    [words(&[tag, 1]), rate(22_050), rate(22_050 * u32::from(block)), words(&[block, bits])].concat()
}

/// A chunk that claims to have `size` bytes, without a pad byte.
fn claimed(kind: [u8; 4], size: u32, body: &[u8]) -> Vec<u8> {
    [kind.as_slice(), &size.to_le_bytes(), body].concat()
}

fn riff(kind: [u8; 4], size: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    [kind.as_slice(), &size.to_le_bytes(), b"WAVE", &chunks.concat()].concat()
}

fn lengths(recording: &Recording) -> (usize, usize) {
    let first = recording.mono.samples.iter().position(|x| x.abs() > 0.05).expect("a tone");
    (recording.mono.samples.len(), first)
}

/// Everything is there, in its place, and nothing is said.
fn assert_whole(name: &str, file: &[u8]) {
    let recording = listen_to_bytes(file).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(lengths(&recording), (33_075, 11_025), "{name}");
    assert_eq!(recording.warning, None, "{name}");
    let reference = listen_to_bytes(&wav(1, 16, 1, 22_050, &samples())).expect("decodes");
    let pairs = recording.mono.samples.iter().zip(&reference.mono.samples);
    assert!(pairs.clone().all(|(a, b)| (a - b).abs() < 1e-6), "{name}: other samples");
}

#[test]
fn a_wav_file_whose_sizes_are_placeholders_is_read_to_its_end() {
    let (fmt, info) = (chunk(*b"fmt ", &plain_format()), chunk(*b"LIST", b"INFOIART\x06\0\0\0Artist"));
    for size in [0, u32::MAX, u32::MAX - 36, 0x7fff_ffff, 0x7fff_f000, 0x7fff_ffdb, 0x8000_0000] {
        for outer in [0, 4, u32::MAX, size.wrapping_add(36), 36 + 66_150] {
            for with_info in [false, true] {
                let mut chunks = vec![fmt.clone(), claimed(*b"data", size, &samples())];
                if with_info {
                    chunks.push(info.clone());
                }
                let file = riff(*b"RIFF", outer, &chunks);
                assert_whole(&format!("{size:#x} in {outer:#x}, info {with_info}"), &file);
                let tags = listen_to_bytes(&file).expect("decodes").tags;
                // What stands behind samples of unknown length is not looked at for names.
                assert!(tags == Tags::default() || with_info && tags.artist.as_deref() == Some("Artist"));
            }
        }
    }
}

#[test]
fn a_wav_file_that_is_cut_short_is_said_to_be() {
    let cut = |size: u32, outer: u32| {
        let data = claimed(*b"data", size, &samples()[..44_101]);
        let recording = listen_to_bytes(&riff(*b"RIFF", outer, &[chunk(*b"fmt ", &plain_format()), data]));
        let recording = recording.expect("decodes");
        (recording.mono.samples.len(), recording.warning.unwrap_or_default())
    };
    assert_eq!(cut(66_150, 66_186), (22_050, "cut short: 1.0 of 1.5 s decoded".into()));
    // A 3 GB recording of which little was copied is no placeholder.
    assert_eq!(cut(0xb000_0000, 0xb000_0024), (22_050, "cut short: 1.0 of 66956.7 s decoded".into()));
    // The outer size says that the file is whole.
    assert_eq!(cut(66_150, 36 + 44_101), (22_050, String::new()));
    let long = claimed(*b"ds64", 28, &[72_u64, 66_150, 33_075].map(u64::to_le_bytes).concat());
    let long = [long, vec![0; 4], chunk(*b"fmt ", &plain_format()), claimed(*b"data", u32::MAX, &samples()[..44_100])];
    let recording = listen_to_bytes(&riff(*b"RF64", u32::MAX, &long)).expect("decodes");
    assert_eq!(recording.warning.as_deref(), Some("cut short: 1.0 of 1.5 s decoded"));
}

#[test]
fn a_size_that_stops_before_the_sound_does_is_said_and_the_sound_is_read() {
    // A recorder wrote its header after half a second and crashed later; 100 s follow.
    let long: Vec<u8> = samples().repeat(67);
    let file = riff(*b"RIFF", 36 + 22_050, &[chunk(*b"fmt ", &plain_format()), claimed(*b"data", 22_050, &long)]);
    let recording = listen_to_bytes(&file).expect("decodes");
    assert_eq!(recording.mono.samples.len(), 67 * 33_075);
    assert_eq!(recording.warning.as_deref(), Some("the header says 0.5 s, but the file goes on to 100.5 s"));
    // Padding is no sound.
    let padded = [wav(1, 16, 1, 22_050, &samples()), vec![0; 200_000]].concat();
    assert_whole("padding", &padded);
}

#[test]
fn rf64_and_bw64_are_read_whatever_their_long_sizes_say() {
    for kind in [*b"RF64", *b"BW64"] {
        for size in [66_150_u64, 0, u64::MAX, 1 << 63] {
            let sizes = [size.wrapping_add(72), size, 33_075].map(u64::to_le_bytes).concat();
            let ds64 = chunk(*b"ds64", &[sizes, vec![0; 4]].concat());
            let (fmt, info) = (chunk(*b"fmt ", &plain_format()), chunk(*b"LIST", b"INFOIART\x06\0\0\0Artist"));
            let file = riff(kind, u32::MAX, &[ds64, fmt, claimed(*b"data", u32::MAX, &samples()), info]);
            assert_whole(&format!("{size:#x}"), &file);
        }
        let without = [chunk(*b"fmt ", &plain_format()), claimed(*b"data", u32::MAX, &samples())];
        assert_whole("without ds64", &riff(kind, u32::MAX, &without));
    }
}

/// The samples, wider by bytes of zeros.
fn widened(by: usize) -> Vec<u8> {
    samples().chunks(2).flat_map(|sample| [&vec![0; by][..], sample].concat()).collect()
}

#[test]
fn a_format_chunk_may_have_any_length_and_fewer_bits_than_room() {
    let guid = [1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
    let extensible = |block: u16, bits: u16, valid: u16, extra: u16| {
        let head = [extra.to_le_bytes(), valid.to_le_bytes(), [4, 0], [0, 0]].concat();
        [format(0xfffe, block, bits), head, guid.to_vec()].concat()
    };
    let longer = |by: &[u8]| [plain_format(), by.to_vec()].concat();
    for (name, fmt, by) in [
        ("14 bytes", plain_format()[..14].to_vec(), 0),
        ("18 bytes", longer(&[0, 0]), 0),
        ("20 bytes", longer(&[2, 0, 9, 9]), 0),
        ("40 bytes", longer(&[7; 24]), 0),
        ("12 bits in 16", format(1, 2, 12), 0),
        ("20 bits in 24", format(1, 3, 20), 1),
        ("24 bits in 32", format(1, 4, 24), 2),
        ("no block size", format(1, 0, 16), 0),
        ("no bits", format(1, 2, 0), 0),
        ("extensible", extensible(2, 16, 16, 22), 0),
        ("extensible without valid bits", extensible(2, 16, 0, 22), 0),
        ("extensible without the size of its extension", extensible(2, 16, 16, 0), 0),
        ("extensible, 20 bits in 24", extensible(3, 24, 20, 22), 1),
        ("extensible, 20 bits in 24, said twice", extensible(3, 20, 20, 22), 1),
        ("extensible, 24 bits in 32", extensible(4, 32, 24, 22), 2),
    ] {
        let data = widened(by);
        assert_whole(name, &riff(*b"RIFF", 0, &[chunk(*b"fmt ", &fmt), chunk(*b"data", &data)]));
    }
    let unknown = [format(0xfffe, 2, 16), vec![22, 0, 16, 0, 4, 0, 0, 0], vec![9; 16]].concat();
    let why = refusal(&riff(*b"RIFF", 0, &[chunk(*b"fmt ", &unknown), chunk(*b"data", &samples())]));
    assert_eq!(why, "can't decode audio: unsupported, a WAV file whose format is given by an unknown GUID: \"\"");
}

#[test]
fn chunks_of_wrong_sizes_are_passed_over() {
    let (fmt, sound) = (chunk(*b"fmt ", &plain_format()), chunk(*b"data", &samples()));
    for (name, odd) in [
        ("an odd chunk with its pad byte", chunk(*b"LIST", b"INFOIART\x05\0\0\0Bjork")),
        ("an odd chunk without", claimed(*b"LIST", 17, b"INFOIART\x05\0\0\0Bjork")),
        ("a pad byte too many", claimed(*b"JUNK", 4, b"12340")),
        ("too large a size", claimed(*b"JUNK", 0x1234_5678, &[0; 28])),
        ("too small a size", claimed(*b"bext", 600, &[0; 602])),
        ("an item larger than its list", claimed(*b"LIST", 14, b"INFOIART\xff\xff\0\0Bj")),
        ("a count of samples that is wrong", chunk(*b"fact", &[0xff; 4])),
    ] {
        assert_whole(name, &riff(*b"RIFF", 0, &[fmt.clone(), odd.clone(), sound.clone()]));
        assert_whole(name, &riff(*b"RIFF", u32::MAX, &[odd, fmt.clone(), sound.clone()]));
    }
    let odd_end = claimed(*b"data", 66_151, &[samples(), vec![7]].concat());
    assert_whole("half a sample", &riff(*b"RIFF", 0, &[fmt.clone(), odd_end]));
    let why = refusal(&riff(*b"RIFF", 0, &[fmt.clone(), chunk(*b"data", &[]), chunk(*b"LIST", b"INFO")]));
    assert_eq!(why, "can't decode audio: there are no samples in it: \"\"");
    assert!(refusal(&riff(*b"RIFF", 0, &[fmt])).contains("a WAV file without a format or data chunk"));
}

#[test]
fn every_cut_of_a_wav_file_ends_in_an_outcome() {
    let ds64 = chunk(*b"ds64", &[0xff; 28]);
    let file = riff(*b"RF64", 9, &[ds64, chunk(*b"fmt ", &plain_format()), chunk(*b"data", &samples()[..200])]);
    for length in 0..file.len() {
        let cut = &file[..length];
        assert!(listen_to_bytes(cut).map_or(true, |recording| recording.mono.samples.len() <= 100), "{length}");
    }
}

#[test]
fn mpeg_and_aac_in_wav_are_read_and_other_codecs_are_named() {
    let wrapped = |name: &str, tag: u16| {
        let fmt = [format(tag, 1, 0), vec![12, 0], vec![1, 0, 2, 0, 0, 0, 0x80, 4, 1, 0, 0x71, 5]].concat();
        riff(*b"RIFF", 0, &[chunk(*b"fmt ", &fmt), chunk(*b"fact", &[1; 4]), chunk(*b"data", &bytes_of(name))])
    };
    for (name, tag) in
        [("cbr.mp3", 0x55), ("vbr.mp3", 0x55), ("bare.mp3", 0x55), ("aac.aac", 0xff), ("aac.aac", 0x1600)]
    {
        let (inside, outside) = (listen_to_bytes(&wrapped(name, tag)), listen(&data(name)));
        let (inside, outside) = (inside.expect("decodes"), outside.expect("decodes"));
        assert_eq!(inside.mono, outside.mono, "{name}");
        assert_eq!((inside.codec, inside.warning), (outside.codec, None), "{name}");
    }
    let rmp3 = [b"RIFF\xff\xff\xff\xffRMP3".to_vec(), chunk(*b"data", &bytes_of("cbr.mp3"))].concat();
    assert_eq!(listen_to_bytes(&rmp3).expect("decodes").mono, listen(&data("cbr.mp3")).expect("decodes").mono);
    let mut cut = wrapped("bare.mp3", 0x55);
    cut.truncate(cut.len() - 5000);
    assert!(listen_to_bytes(&cut).expect("decodes").warning.is_some_and(|why| why.starts_with("cut short: ")));
    let gsm = refusal(&wrapped("cbr.mp3", 0x31));
    assert_eq!(
        gsm,
        "can't decode audio: GSM 6.10 in a WAV file, which Antiphon does not read; convert it to WAV or FLAC: \"\""
    );
    assert!(refusal(&wrapped("cbr.mp3", 0x1234)).contains("an unknown format (0x1234) in a WAV file"));
}

/// Sizes in ID3 have seven bits a byte.
fn seven_bits(size: usize) -> [u8; 4] {
    [size >> 21, size >> 14, size >> 7, size].map(|bits| bits as u8 & 0x7f)
}

fn id3v2(frames: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let frame = |&(kind, body): &(&[u8; 4], &[u8])| [kind, &seven_bits(body.len())[..], &[0, 0], body].concat();
    let body: Vec<u8> = frames.iter().flat_map(frame).collect();
    [b"ID3\x04\0\0", &seven_bits(body.len())[..], &body].concat()
}

/// Tags that programs put behind any file: ID3, APE with and without a header, Lyrics3.
fn tags_behind() -> Vec<(&'static str, Vec<u8>)> {
    let mut id3v1 = b"TAG".to_vec();
    id3v1.resize(128, b' ');
    let item = b"\x06\0\0\0\0\0\0\0Artist\0Sender";
    let ends = |flags: u32| {
        let numbers = [2000, item.len() as u32 + 32, 1, flags].map(u32::to_le_bytes).concat();
        [b"APETAGEX".to_vec(), numbers, vec![0; 8]].concat()
    };
    let ape = [ends(0xa000_0000), item.to_vec(), ends(0x8000_0000)].concat();
    let bare_ape = [item.to_vec(), ends(0)].concat();
    let lyrics = b"LYRICSBEGININD0000200LYR00004lala".to_vec();
    let lyrics = [&lyrics[..], format!("{:06}LYRICS200", lyrics.len()).as_bytes()].concat();
    let all = [&bare_ape[..], &lyrics, &id3v1].concat();
    vec![("ID3v1", id3v1), ("APE", ape), ("APE without header", bare_ape), ("Lyrics3", lyrics), ("all", all)]
}

#[test]
fn tags_around_any_format_take_nothing_away() {
    let front = id3v2(&[(b"TPE1", b"\x03Before")]);
    for name in ["flac.flac", "cbr.mp3", "vbr.mp3", "aac.m4a", "faststart.m4a", "alac.m4a", "opus.opus", "vorbis.ogg"] {
        let (file, alone) = (bytes_of(name), listen(&data(name)).expect("decodes"));
        for (kind, tag) in tags_behind() {
            for tagged in [[&file[..], &tag].concat(), [&front, &file[..], &tag].concat()] {
                let recording = listen_to_bytes(&tagged).unwrap_or_else(|error| panic!("{name}, {kind}: {error}"));
                assert_eq!(recording.mono, alone.mono, "{name}, {kind}");
                assert_eq!(recording.warning, None, "{name}, {kind}");
                assert!(recording.tags.artist.is_some(), "{name}, {kind}");
            }
        }
    }
    let (_, id3v1) = tags_behind().remove(0);
    assert_whole("WAV", &[front, wav(1, 16, 1, 22_050, &samples()), id3v1.clone()].concat());
    // A tag behind a file that was cut doesn't make it whole.
    let flac = bytes_of("flac.flac");
    let cut = listen_to_bytes(&[&flac[..flac.len() / 2], &id3v1].concat()).expect("decodes");
    assert!(cut.warning.is_some_and(|warning| warning.starts_with("cut short: ")));
}

#[test]
fn names_in_tags_behind_flac_are_read() {
    let mut tag = b"TAGA title".to_vec();
    tag.resize(33, 0);
    tag.extend(b"A performer");
    tag.resize(128, 0);
    // Without its own comments: streaminfo, then frames.
    let flac = bytes_of("flac.flac");
    let mut at = 4;
    while flac[at] & 0x80 == 0 {
        at += 4 + usize::from(flac[at + 2]) * 256 + usize::from(flac[at + 3]);
    }
    let frames = at + 4 + usize::from(flac[at + 2]) * 256 + usize::from(flac[at + 3]);
    let bare = [b"fLaC\x80", &flac[5..42], &flac[frames..], &tag].concat();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.flac");
    std::fs::write(&path, &bare).expect("written");
    let tags = read_tags(&path).expect("read");
    assert_eq!((tags.artist.as_deref(), tags.title.as_deref()), (Some("A performer"), Some("A title")));
    assert_eq!(listen(&path).expect("decodes").mono, listen(&data("flac.flac")).expect("decodes").mono);
}

/// `aac.m4a` as iTunes writes it: no edit list, and a comment with delay, padding and length.
fn itunes(delay: u32, padding: u32, length: u32) -> Vec<u8> {
    fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], &kind, body].concat()
    }
    let mut file = bytes_of("aac.m4a");
    // The edit list becomes free space.
    let edits = file.windows(4).position(|kind| kind == b"edts").expect("an edit list");
    file[edits..edits + 4].copy_from_slice(b"free");
    let text = format!(" 00000000 {delay:08X} {padding:08X} {length:016X}{}", " 00000000".repeat(8));
    let item = [
        boxed(*b"mean", b"\0\0\0\0com.apple.iTunes"),
        boxed(*b"name", b"\0\0\0\0iTunSMPB"),
        boxed(*b"data", &[b"\0\0\0\x01\0\0\0\0", text.as_bytes()].concat()),
    ];
    let item = boxed(*b"----", &item.concat());
    // `moov/udta/meta/ilst` are the last boxes of the file, one in the other.
    for kind in [b"moov", b"udta", b"meta", b"ilst"] {
        let at = file.windows(4).rposition(|window| window == kind).expect("a box") - 4;
        let size = u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(at + size as usize, file.len(), "ffmpeg's order of boxes");
        file[at..at + 4].copy_from_slice(&(size + item.len() as u32).to_be_bytes());
    }
    [file, item].concat()
}

#[test]
fn the_comment_of_itunes_gives_delay_and_length() {
    let edited = listen(&data("aac.m4a")).expect("decodes");
    let commented = listen_to_bytes(&itunes(1024, 888, 88_200)).expect("decodes");
    assert_eq!(commented.mono, edited.mono);
    assert_eq!(commented.warning, None);
    // Numbers that can't be true are left alone: everything decoded is there.
    let all = listen_to_bytes(&itunes(0, 0, 0)).expect("decodes").mono;
    assert!(all.samples.len() > edited.mono.samples.len() + 500);
    for (delay, padding, length) in
        [(u32::MAX, 0, 88_200), (1024, u32::MAX, 88_200), (1024, 888, 1), (1024, 888, u32::MAX)]
    {
        assert_eq!(listen_to_bytes(&itunes(delay, padding, length)).expect("decodes").mono, all);
    }
}

#[test]
fn a_live_stream_that_ends_with_a_whole_element_misses_nothing() {
    for name in ["opus.webm", "aac.mka"] {
        let mut file = bytes_of(name);
        let segment = file.windows(4).position(|id| id == [0x18, 0x53, 0x80, 0x67]).expect("a segment");
        file[segment + 4..segment + 12].copy_from_slice(&[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        // Without the length in the header: its identifier becomes one that no reader knows.
        let duration = file.windows(3).position(|id| id == [0x44, 0x89, 0x88]).expect("a duration");
        file[duration + 1] = 0x8a;
        let cues = file.windows(4).rposition(|id| id == [0x1c, 0x53, 0xbb, 0x6b]).expect("an index");
        let live = &file[..cues];
        let (recording, whole) = (listen_to_bytes(live).expect("decodes"), listen(&data(name)).expect("decodes"));
        assert_eq!(recording.warning, None, "{name}");
        assert_eq!(recording.mono, whole.mono, "{name}");
        let cut = listen_to_bytes(&live[..live.len() - 30]).expect("decodes");
        let warning = cut.warning.unwrap_or_default();
        assert!(warning.starts_with("damaged at ") && warning.ends_with("the file ends early"), "{name}: {warning}");
    }
}

#[test]
fn what_is_not_read_is_named_and_never_taken_for_something_else() {
    let sound = |file: &[u8], what: &str| {
        let expected =
            format!("can't decode audio: {what}, which Antiphon does not read; convert it to WAV or FLAC: \"\"");
        assert_eq!(refusal(file), expected);
    };
    // Every container carries whole MPEG frames, which a reader would find.
    let mp3 = bytes_of("bare.mp3");
    let carrying = |head: &[u8]| [head, &mp3].concat();
    sound(&carrying(b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"), "a Wave64 file");
    sound(&carrying(b"Creative Voice File\x1a"), "a VOC file");
    sound(&carrying(b"FLV\x01\x04\0\0\0\x09"), "a Flash video (FLV)");
    sound(&carrying(b"RIFF\0\0\0\0AVI LIST"), "an AVI film");
    sound(&carrying(b"wvpk\0\0\0\0"), "a WavPack file");
    sound(&carrying(b"MAC \x96\x0f"), "a Monkey's Audio file (APE)");
    sound(&carrying(b"\x7f\xfe\x80\x01"), "a DTS stream");
    sound(&[id3v2(&[(b"TPE1", b"\x03x")]), carrying(b"MPCK")].concat(), "a Musepack file");
    let mut transport = Vec::new();
    for payload in mp3.chunks(184) {
        transport.extend(b"\x47\x01\0\x10");
        transport.extend(payload);
        transport.resize(transport.len().next_multiple_of(188), 0xff);
    }
    sound(&transport, "an MPEG transport stream");
    for (file, what) in [
        (&b"MThd\0\0\0\x06"[..], "a MIDI file"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n", "a picture (PNG)"),
        (b"\xff\xd8\xff\xe0", "a picture (JPEG)"),
    ] {
        assert_eq!(refusal(&carrying(file)), format!("can't decode audio: {what}, not a recording: \"\""));
    }
    assert_eq!(refusal(b"<html><title>404</title>"), "can't decode audio: a web page (HTML), not a recording: \"\"");
}

#[test]
fn sync_bits_in_noise_are_no_music() {
    // A linear congruential generator (Numerical Recipes): a megabyte has hundreds of twelve bits that look like a frame.
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(1 << 20)
    .collect();
    assert_eq!(refusal(&noise), "can't decode audio: not a known audio format: \"\"");
    let behind = listen_to_bytes(&[&noise[..100_000], &bytes_of("cbr.mp3")].concat()).expect("decodes");
    assert!((behind.mono.seconds() - 2.0).abs() < 0.1, "{} s", behind.mono.seconds());
}

/// The checksum of a page of Ogg (RFC 3533, 6).
fn ogg_checksum(page: &[u8]) -> u32 {
    page.iter().fold(0_u32, |mut sum, &byte| {
        sum ^= u32::from(byte) << 24;
        for _ in 0..8 {
            sum = if sum & 0x8000_0000 == 0 { sum << 1 } else { sum << 1 ^ 0x04c1_1db7 };
        }
        sum
    })
}

/// A file of Opus or Vorbis with a comment of `bytes` bytes in front of its own.
fn ogg_with_a_cover(name: &str, bytes: usize) -> Vec<u8> {
    let file = bytes_of(name);
    let mut pages: Vec<&[u8]> = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let laces = usize::from(file[at + 26]);
        let length = 27 + laces + file[at + 27..at + 27 + laces].iter().map(|&lace| usize::from(lace)).sum::<usize>();
        pages.push(&file[at..at + length]);
        at += length;
    }
    // The packets behind the identification up to the sound, which begins on a page of its own.
    let (mut packets, mut packet, mut used) = (Vec::new(), Vec::new(), 1);
    let wanted = if name.ends_with("opus") { 1 } else { 2 };
    while packets.len() < wanted {
        let page = pages[used];
        let laces = usize::from(page[26]);
        let mut body = &page[27 + laces..];
        for &lace in &page[27..27 + laces] {
            packet.extend(&body[..usize::from(lace)]);
            body = &body[usize::from(lace)..];
            if lace < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
        used += 1;
    }
    let comments = &packets[0];
    let head = if wanted == 1 { 8 } else { 7 };
    let number = |at: usize| u32::from_le_bytes(comments[at..at + 4].try_into().expect("four bytes"));
    let items = head + 4 + number(head) as usize;
    let mut cover = b"METADATA_BLOCK_PICTURE=".to_vec();
    cover.resize(bytes, b'A');
    packets[0] = [
        &comments[..items],
        &(number(items) + 1).to_le_bytes(),
        &(bytes as u32).to_le_bytes(),
        &cover,
        &comments[items + 4..],
    ]
    .concat();
    let mut laces = Vec::new();
    for packet in &packets {
        laces.extend(std::iter::repeat_n(255_u8, packet.len() / 255));
        laces.push((packet.len() % 255) as u8);
    }
    let content = packets.concat();
    let (mut out, mut at) = (pages[0].to_vec(), 0);
    for (number, laces) in laces.chunks(255).enumerate() {
        let length = laces.iter().map(|&lace| usize::from(lace)).sum::<usize>();
        let ends = laces.iter().any(|&lace| lace < 255);
        let mut page = [b"OggS\0\0".as_slice(), &[if ends { 0 } else { 0xff }; 8], &pages[0][14..18]].concat();
        page[5] = u8::from(number > 0);
        page.extend((number as u32 + 1).to_le_bytes());
        page.extend([0; 4]);
        page.push(laces.len() as u8);
        page.extend(laces);
        page.extend(&content[at..at + length]);
        at += length;
        let sum = ogg_checksum(&page);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        out.extend(page);
    }
    out.extend(pages[used..].concat());
    out
}

#[test]
fn a_large_cover_is_passed_over_and_the_names_are_read() {
    let cover = vec![0x55; 20 << 20];
    let check = |name: &str, file: Vec<u8>| {
        let (recording, alone) = (listen_to_bytes(&file), listen(&data(name)).expect("decodes"));
        let recording = recording.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(recording.mono, alone.mono, "{name}");
        assert_eq!(recording.tags, alone.tags, "{name}");
        assert_eq!(recording.warning, None, "{name}");
    };
    for name in ["opus.opus", "vorbis.ogg"] {
        check(name, ogg_with_a_cover(name, 1000));
        check(name, ogg_with_a_cover(name, 20 << 20));
    }
    let picture = [b"\x03image/jpeg\0\x03\0", &cover[..]].concat();
    let mp3 = bytes_of("cbr.mp3");
    let own = 10 + mp3[6..10].iter().fold(0, |size, &byte| size << 7 | usize::from(byte));
    let names: [(&[u8; 4], &[u8]); 5] = [
        (b"TPE1", b"\x03Artist"),
        (b"APIC", &picture),
        (b"TIT2", b"\x03Title"),
        (b"TALB", b"\x03Album"),
        (b"TDRC", b"\x031999"),
    ];
    check("cbr.mp3", [id3v2(&names), mp3[own..].to_vec()].concat());
    let flac = bytes_of("flac.flac");
    let block = [b"\x06\xff\xff\xff", &cover[..0xff_ffff]].concat();
    let streaminfo = 4 + 4 + 34;
    check("flac.flac", [&flac[..streaminfo], &block, &block, &flac[streaminfo..]].concat());
    let mut m4a = bytes_of("aac.m4a");
    for kind in [b"moov", b"udta", b"meta", b"ilst"] {
        let at = m4a.windows(4).rposition(|window| window == kind).expect("a box") - 4;
        let size = u32::from_be_bytes(m4a[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(at + size as usize, m4a.len(), "ffmpeg's order of boxes");
        m4a[at..at + 4].copy_from_slice(&(size + cover.len() as u32 + 24).to_be_bytes());
    }
    let size = |extra: u32| (cover.len() as u32 + extra).to_be_bytes();
    check("aac.m4a", [&m4a[..], &size(24), b"covr", &size(16), b"data", &[0, 0, 0, 13, 0, 0, 0, 0], &cover].concat());
}
