//! Files of a kilobyte that claim to be larger than memory.

use super::{MB, peak, silent, written};
use crate::audio::{bytes_of, wav};
use crate::midi::{file, quarter, track, variable};
use antiphon::audio::{Keep, decode_bytes, read_tags};
use antiphon::curation::{Items, Journal, export};
use antiphon::dataset::{Dataset, Split};
use antiphon::embedding::EmbeddingModel;
use antiphon::export::{npy, pair_of};
use antiphon::files::Kind;
use antiphon::hashing::HashModel;
use antiphon::index::{Catalogue, Index, verify};
use antiphon::midi::Midi;
use antiphon::session::Session;
use antiphon::synth::SoundFont;
use md5::{Digest as _, Md5};
use std::path::Path;

/// The largest that four bytes can say, and what overflows by a little when it is added to or rounded up.
const CLAIMS: [u32; 3] = [u32::MAX, u32::MAX - 7, i32::MAX as u32];

#[test]
fn sizes_in_a_wav_header_are_not_believed() {
    let whole = wav(1, 16, 2, 44_100, &[0; 800]);
    for claim in CLAIMS {
        // Of the file, of the format, the rates, of the samples.
        for at in [4, 16, 24, 28, 40] {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&claim.to_le_bytes());
            let (outcome, most) = peak(|| decode_bytes(bytes, Keep::Listening, &silent()));
            assert!(most < 4 * MB, "{claim} at {at}: {most} bytes, {:?}", outcome.map(|found| found.codec));
        }
    }
}

#[test]
fn no_number_in_the_head_of_a_recording_is_believed() {
    for name in ["flac.flac", "pcm.aiff", "vorbis.ogg", "aac.m4a", "cbr.mp3", "aac.mka", "opus.opus"] {
        let whole = bytes_of(name);
        let (_folder, path) = written(name, &whole);
        let (_, usual) = peak(|| decode_bytes(whole.clone(), Keep::Listening, &silent()));
        for at in (0..whole.len().min(1024)).step_by(4) {
            let mut bytes = whole[..whole.len().min(2048)].to_vec();
            let end = (at + 4).min(bytes.len());
            bytes[at..end].fill(0xff);
            std::fs::write(&path, &bytes).unwrap();
            let ((), most) = peak(|| drop(decode_bytes(bytes, Keep::Listening, &silent())));
            assert!(most < usual + 20 * MB, "{name} at {at}: {most} bytes, {usual} of the whole file");
            let ((), most) = peak(|| drop(read_tags(&path)));
            assert!(most < 20 * MB, "tags of {name} at {at}: {most} bytes");
        }
    }
}

#[test]
fn lengths_in_a_midi_file_are_not_believed() {
    let notes = [(0, [0x90, 60, 64].as_slice()), (96, [0x80, 60, 0].as_slice())];
    let whole = file(1, quarter(96), &[track(&notes), track(&notes)]);
    for at in 0..whole.len() - 4 {
        let mut bytes = whole.clone();
        bytes[at..at + 4].fill(0xff);
        let ((), most) = peak(|| drop(Midi::parse(&bytes)));
        assert!(most < MB, "at {at}: {most} bytes");
    }
    // A system message and a text that claim 256 MB.
    for event in [[0xf0].as_slice(), &[0xff, 1]] {
        let claimed = [event, &variable((1 << 28) - 1), b"short"].concat();
        let bytes = file(0, quarter(96), &[track(&[(0, notes[0].1), (96, notes[1].1), (0, &claimed)])]);
        let (midi, most) = peak(|| Midi::parse(&bytes).unwrap());
        assert!(midi.notes().len() == 1 && most < MB, "{most} bytes");
    }
}

/// A safetensors file of this header and data, which claims this length of its header if any.
fn safetensors(header: &str, data: &[u8], claimed: Option<u64>) -> Vec<u8> {
    [&claimed.unwrap_or(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// Reads bytes as each thing that safetensors are: none of them, and in how much memory.
fn refused_by_all(bytes: &[u8]) -> usize {
    const ID: &str = "0123456789abcdef0123456789abcdef";
    let (folder, path) = written("model.safetensors", bytes);
    std::fs::create_dir(folder.path().join("pairs")).unwrap();
    std::fs::write(folder.path().join(format!("pairs/{ID}-0.safetensors")), bytes).unwrap();
    let document = format!(
        "{{\"format\": \"dataset/1\", \"first_note\": 30, \"bins\": 60, \"frame_s\": {}, \"works\": [{{\"id\": \"{ID}\",
        \"path\": \"a\", \"title\": \"a\", \"group\": 0, \"split\": \"train\", \"frames\": [4294967295]}}]}}",
        1024.0 / 22_050.0
    );
    std::fs::write(folder.path().join("dataset.json"), document).unwrap();
    let data = Dataset::open(folder.path()).unwrap();
    let work = data.works(Split::Train).next().unwrap();
    let ((), most) = peak(|| {
        assert_eq!(Kind::of(&path).unwrap(), Kind::Unknown);
        HashModel::load(&path).unwrap_err();
        EmbeddingModel::load(&path).unwrap_err();
        data.load(work, 0).unwrap_err();
        data.made_by(work, 0).unwrap_err();
    });
    most
}

#[test]
fn a_safetensors_header_is_not_believed() {
    for claimed in [1 << 20, u64::from(u32::MAX), 1 << 40, 1 << 63, u64::MAX] {
        let most = refused_by_all(&safetensors("{}", &[0; 1000], Some(claimed)));
        assert!(most < MB, "{claimed}: {most} bytes");
    }
    for (shape, end) in [("[4294967295, 4294967295]", 16_u64), ("[18446744073709551615, 2]", 16), ("[4]", u64::MAX)] {
        let header = format!("{{\"a\": {{\"dtype\": \"F32\", \"shape\": {shape}, \"data_offsets\": [0, {end}]}}}}");
        let most = refused_by_all(&safetensors(&header, &[0; 16], None));
        assert!(most < MB, "{shape} up to {end}: {most} bytes");
    }
}

#[test]
fn tensors_that_overlap_are_refused() {
    // A thousand of a megabyte each, all the same one.
    let tensors: Vec<String> = (0..1000)
        .map(|i| format!("\"t{i}\": {{\"dtype\": \"F32\", \"shape\": [250000], \"data_offsets\": [0, 1000000]}}"))
        .collect();
    let header = format!("{{\"__metadata__\": {{\"antiphon\": \"{{}}\"}}, {}}}", tensors.join(", "));
    let bytes = safetensors(&header, &vec![0; MB], None);
    let most = refused_by_all(&bytes);
    // The file itself, and its header as read by serde; not a gigabyte.
    assert!(most < 4 * MB, "{most} bytes");
}

#[test]
fn layers_without_a_weight_cost_nothing() {
    // A number of parameters or of frames a step that overflows, in the metadata of a file that has none of them.
    for layers in [
        r#"[{"pool": {"time": 65536, "pitch": 1}}, {"pool": {"time": 65536, "pitch": 1}}, {"pool": {"time": 65536, "pitch": 1}}, {"pool": {"time": 65536, "pitch": 1}}]"#,
        r#"[{"convolution": {"time": 65536, "pitch": 65536, "filters": 65536}}, {"dense": {"units": 16}}]"#,
        r#"["flatten", {"dense": {"units": 18446744073709551615}}]"#,
    ] {
        let numbers = vec!["1"; 48].join(",");
        let side = format!(r#"{{"mean": [{numbers}], "deviation": [{numbers}]}}"#);
        let hash = format!(
            r#"{{"antiphon": "0", "format": "hash-model/1", "architecture": {{"name": "x", "midi_input": "constant_q", "scaling":
            "papers", "layers": {layers}}}, "midi": {side}, "audio": {side}, "training": {{}}}}"#
        );
        let embedding = format!(
            r#"{{"antiphon": "0", "format": "embedding-model/1", "architecture": {{"name": "x", "scaling": "papers",
            "pooled_frames": 1, "front": {layers}, "attention": {{"hidden": {{"units": 18446744073709551615}}}}, "head": [],
            "unit_length": true}}, "training": {{}}}}"#
        );
        for metadata in [hash, embedding] {
            let header = serde_json::json!({ "__metadata__": { "antiphon": metadata } }).to_string();
            let (_folder, path) = written("model.safetensors", &safetensors(&header, &[], None));
            let ((), most) = peak(|| {
                HashModel::load(&path).unwrap_err();
                EmbeddingModel::load(&path).unwrap_err();
            });
            assert!(most < MB, "{layers}: {most} bytes");
        }
    }
}

/// `index.json` with its checksum.
fn sealed(mut document: serde_json::Value) -> String {
    let zeros = "0".repeat(32);
    document["checksum"] = zeros.as_str().into();
    let text = document.to_string();
    let md5: Vec<String> = Md5::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    text.replacen(&zeros, &md5.concat(), 1)
}

/// An index of a kilobyte that says of a segment what `segment` says, sealed as the program does it.
fn index_saying(segment: &str, next: u64) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/samples/0.1.0/index/index.json");
    let mut document: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    document["segments"] = serde_json::from_str(segment).unwrap();
    document["next_segment"] = next.into();
    let (_folder, path) = written("index.json", sealed(document).as_bytes());
    let (outcome, most) = peak(|| Index::open(path.parent().unwrap()));
    assert!(most < MB, "{segment}: {most} bytes");
    drop(verify(path.parent().unwrap(), &silent()));
    outcome.unwrap_err().to_string()
}

#[test]
fn counts_and_names_in_an_index_are_not_believed() {
    let most = u64::MAX;
    let file = |name: &str, bytes: u64| format!(r#"{{"name": {name:?}, "bytes": {bytes}, "md5": "0"}}"#);
    let segment = |name: &str, entries: u64, files: &str| {
        format!(
            r#"[{{"name": "{name}", "entries": {entries}, "embeddings": {entries}, "codes": {entries}, "frames": {entries},
            "removed": [], "files": [{files}]}}]"#
        )
    };
    let reason = index_saying(&segment("00000001", u64::from(u32::MAX), &file("ids.bin", 1 << 40)), 2);
    assert!(reason.contains("it counts Counts"), "{reason}");
    let two = format!("{}, {}", file("ids.bin", most), file("codes.u32", most));
    let reason = index_saying(&segment("00000001", 1, &two), 2);
    assert!(reason.contains("more than can be counted"), "{reason}");
    assert!(index_saying(&segment("00000001", most, ""), 2).contains("2^32 − 1 are read"));
    // Names that lead out of the folder, or that the next segment would have.
    assert!(index_saying(&segment("../../x", 1, ""), 2).contains("a segment is called"));
    assert!(index_saying(&segment("00000002", 1, ""), 2).contains("the next 2"));
    let reason = index_saying(&segment("00000001", 1, &file("../../../../etc/passwd", 1)), 2);
    assert!(reason.contains("a file of segment 00000001 is called \"../../../../etc/passwd\""), "{reason}");
}

#[test]
fn chunk_sizes_in_a_soundfont_are_not_believed() {
    // The head of the bundled font: its lists claim megabytes, a kilobyte is there.
    let font =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/soundfont/FluidR3Compact_GM.sf2")).unwrap();
    for at in (4..200).step_by(2) {
        let mut bytes = font[..1024].to_vec();
        bytes[at..at + 4].fill(0xff);
        let (_folder, path) = written("font.sf2", &bytes);
        let (outcome, most) = peak(|| SoundFont::open(&path));
        assert!(outcome.is_err() && most < MB, "at {at}: {most} bytes");
    }
}

#[test]
fn lines_and_rows_end_where_the_file_ends() {
    // No document says how long it is; what could grow is nesting, and what is held of a line.
    let deep = "[".repeat(1000);
    let quoted = format!("midi,audio\n\"{}", "x".repeat(1000));
    let numbers = "9".repeat(1000);
    for text in [deep.as_str(), &quoted, &numbers, "{\"format\": 4294967295", "\u{feff}"] {
        for name in ["x.json", "x.jsonl", "x.csv", "x.jams", "match_scores.json", "x.json.autosave"] {
            let (folder, path) = written(name, text.as_bytes());
            let ((), most) = peak(|| {
                drop(Kind::of(&path));
                drop(Items::read(&path, &silent()));
                drop(export::read(&path));
                drop(Session::read(&path));
                drop(Catalogue::read(&path));
                drop(pair_of(&path));
                drop(Journal::read(&path));
                drop(Dataset::open(folder.path()));
            });
            assert!(most < 2 * MB, "{name}, {:?}: {most} bytes", &text[..20.min(text.len())]);
        }
    }
}

#[test]
fn arrays_are_written_and_known_but_not_read() {
    // `Kind` looks at the first bytes only: whatever shape it claims.
    let mut bytes = npy(&ndarray::Array2::zeros((2, 2)));
    let at = bytes.windows(6).position(|part| part == b"(2, 2)").unwrap();
    bytes[at..at + 6].copy_from_slice(b"(9e9,)");
    let (_folder, path) = written("x.npy", &bytes);
    let (kind, most) = peak(|| Kind::of(&path).unwrap());
    assert!(kind == Kind::Array && most < MB, "{most} bytes");
}
