//! Soundfonts: the bundled one and the user's own.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

static BUNDLED: &[u8] = include_bytes!("../../assets/soundfont/FluidR3Compact_GM.sf2");

/// A loaded SF2 soundfont. Cheap to clone.
#[derive(Clone)]
pub struct SoundFont {
    pub(super) inner: Arc<rustysynth::SoundFont>,
    /// Master volume for listening.
    pub(super) volume: f32,
}

/// rustysynth's default; with it common fonts stay below full scale in all but dense music.
const VOLUME: f32 = 0.5;

/// The bundled font was stored 5.7 dB below its original, so that no sample clips; this restores 3.5 dB.
const BUNDLED_VOLUME: f32 = 0.75;

impl SoundFont {
    /// The soundfont that comes with the program: a complete General MIDI set made from Fluid R3. Parsed once, then
    /// shared.
    ///
    /// # Errors
    /// None in a sound build; the signature is that of [`open`](Self::open), so that a caller can use either.
    pub fn bundled() -> Result<Self> {
        static PARSED: OnceLock<std::result::Result<SoundFont, String>> = OnceLock::new();
        PARSED
            .get_or_init(|| parse(BUNDLED, BUNDLED_VOLUME))
            .clone()
            .map_err(|reason| Error::SoundFont { reason, path: PathBuf::new() })
    }

    /// Reads an SF2 file.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be read, [`Error::SoundFont`] if it is not a valid SF2: this includes SF3, whose
    /// samples are compressed.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let refused = |reason: String| Error::SoundFont { reason, path: path.to_path_buf() };
        let mut reader = BufReader::new(file);
        check_chunks(&mut reader).map_err(refused)?;
        reader.rewind().map_err(Error::io("read", path))?;
        parse(reader, VOLUME).map_err(refused)
    }

    /// Its name, as given in the file.
    pub fn name(&self) -> &str {
        self.inner.get_info().get_bank_name()
    }

    /// Bank, program and name of every preset, by bank and program. Bank 128 holds the drum kits.
    ///
    /// ```
    /// let font = antiphon::synth::SoundFont::bundled()?;
    /// assert!(font.presets().iter().any(|&(bank, program, _)| (bank, program) == (0, 0)));
    /// # Ok::<(), antiphon::Error>(())
    /// ```
    pub fn presets(&self) -> Vec<(u8, u8, &str)> {
        let mut presets: Vec<_> = (self.inner.get_presets().iter())
            .map(|p| (p.get_bank_number() as u8, p.get_patch_number() as u8, p.get_name()))
            .collect();
        presets.sort_unstable();
        presets
    }
}

impl std::fmt::Debug for SoundFont {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SoundFont({:?})", self.name())
    }
}

/// rustysynth follows the indices in the preset and instrument tables without checking them (rustysynth 1.3.8,
/// `zone.rs`, `preset.rs`), so a corrupt font makes it panic; here that becomes an ordinary error.
fn parse(mut bytes: impl Read, volume: f32) -> std::result::Result<SoundFont, String> {
    match catch_unwind(AssertUnwindSafe(|| rustysynth::SoundFont::new(&mut bytes))) {
        Ok(Ok(font)) => Ok(SoundFont { inner: Arc::new(font), volume }),
        Ok(Err(rustysynth::SoundFontError::UnsupportedSampleFormat)) => {
            Err("compressed (SF3) is not supported, only SF2".into())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("its tables point outside themselves".into()),
    }
}

/// Checks that every chunk lies inside its list and every list inside the file. rustysynth allocates what a chunk's
/// header claims; after this check that is never more than the file holds.
fn check_chunks(file: &mut (impl Read + Seek)) -> std::result::Result<(), String> {
    let unread = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
        _ => error.to_string(),
    };
    let length = file.seek(SeekFrom::End(0)).map_err(unread)?;
    file.rewind().map_err(unread)?;
    let mut head = [0; 12];
    file.read_exact(&mut head).map_err(|_| format!("not a soundfont: {length} bytes"))?;
    if &head[..4] != b"RIFF" || &head[8..] != b"sfbk" {
        return Err("not a soundfont: no RIFF sfbk header".into());
    }
    // The three lists (INFO, sdta, pdta) come one after another, as do the chunks in each; a list opens with its type.
    let mut at = 12;
    for list in ["INFO", "sdta", "pdta"] {
        let (id, size) = chunk(file).map_err(unread)?;
        let end = at + 8 + u64::from(size);
        if &id != b"LIST" || end > length {
            return Err(format!("the {list} list claims {size} bytes, {} are there", length.saturating_sub(at + 8)));
        }
        at += 12;
        file.seek(SeekFrom::Start(at)).map_err(unread)?;
        while at < end {
            let (id, size) = chunk(file).map_err(unread)?;
            let left = end.saturating_sub(at + 8);
            if u64::from(size) > left {
                let name = String::from_utf8_lossy(&id).escape_default().to_string();
                return Err(format!("the {name} chunk claims {size} bytes, {left} are there"));
            }
            at += 8 + u64::from(size);
            file.seek(SeekFrom::Start(at)).map_err(unread)?;
        }
    }
    Ok(())
}

fn chunk(file: &mut impl Read) -> std::io::Result<([u8; 4], u32)> {
    let (mut id, mut size) = ([0; 4], [0; 4]);
    file.read_exact(&mut id)?;
    file.read_exact(&mut size)?;
    Ok((id, u32::from_le_bytes(size)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn refusal(bytes: &[u8]) -> String {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        SoundFont::open(file.path()).unwrap_err().to_string()
    }

    /// The smallest valid font: a sample of 64 values, an instrument and a preset.
    fn tiny_font() -> Vec<u8> {
        fn chunk(id: [u8; 4], data: &[u8]) -> Vec<u8> {
            [id.as_slice(), &(data.len() as u32).to_le_bytes(), data].concat()
        }
        fn list(kind: [u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
            chunk(*b"LIST", &[kind.as_slice(), &chunks.concat()].concat())
        }
        let words = |values: &[u16]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let preset = |bag: u16| [[0; 20].as_slice(), &words(&[0, 0, bag]), &[0; 12]].concat();
        let sample = |end: u32| {
            let numbers: Vec<u8> = [0, end, 8, 40, 44_100].iter().flat_map(|v: &u32| v.to_le_bytes()).collect();
            [[0; 20].as_slice(), &numbers, &[60, 0], &words(&[0, 1])].concat()
        };
        let lists = [
            list(*b"INFO", &[chunk(*b"ifil", &words(&[2, 1])), chunk(*b"INAM", b"Tiny\0\0")]),
            list(*b"sdta", &[chunk(*b"smpl", &words(&[1000; 64]))]),
            list(
                *b"pdta",
                &[
                    chunk(*b"phdr", &[preset(0), preset(1)].concat()),
                    chunk(*b"pbag", &words(&[0, 0, 1, 0])),
                    chunk(*b"pmod", &[0; 10]),
                    chunk(*b"pgen", &words(&[41, 0, 0, 0])),
                    chunk(*b"inst", &[[0; 20].as_slice(), &words(&[0]), &[0; 20], &words(&[1])].concat()),
                    chunk(*b"ibag", &words(&[0, 0, 2, 0])),
                    chunk(*b"imod", &[0; 10]),
                    chunk(*b"igen", &words(&[54, 1, 53, 0, 0, 0])),
                    chunk(*b"shdr", &[sample(60), sample(0)].concat()),
                ],
            ),
        ];
        chunk(*b"RIFF", &[b"sfbk".as_slice(), &lists.concat()].concat())
    }

    #[test]
    fn bundled_font_is_complete_general_midi() {
        let font = SoundFont::bundled().unwrap();
        let presets = font.presets();
        for program in 0..128 {
            assert!(presets.iter().any(|p| (p.0, p.1) == (0, program)), "no program {program}");
        }
        for kit in [0, 8, 16, 24, 25, 32, 40, 48] {
            assert!(presets.iter().any(|p| (p.0, p.1) == (128, kit)), "no drum kit {kit}");
        }
    }

    #[test]
    fn bundled_font_is_parsed_once() {
        let (a, b) = (SoundFont::bundled().unwrap(), SoundFont::bundled().unwrap());
        assert!(Arc::ptr_eq(&a.inner, &b.inner));
    }

    #[test]
    fn a_tiny_font_opens() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&tiny_font()).unwrap();
        assert_eq!(SoundFont::open(file.path()).unwrap().name(), "Tiny");
    }

    #[test]
    fn a_font_that_breaks_the_synthesiser_is_an_error_of_the_render() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&tiny_font()).unwrap();
        let font = SoundFont::open(file.path()).unwrap();
        // Its loop is 32 samples long, and 67 semitones up the step is 96.
        let render = |key| {
            let score = crate::synth::Score::from_messages([(0.0, 0, 0x90, key, 100), (0.5, 0, 0x80, key, 0)]);
            crate::synth::render_mono(&score, &font, 22_050, &crate::job::Progress::silent())
        };
        assert!(render(60).is_ok());
        assert!(matches!(render(127), Err(Error::SoundFont { .. })));
    }

    #[test]
    fn a_compressed_font_is_named_as_such() {
        let mut font = tiny_font();
        let at = font.windows(4).position(|w| w == b"smpl").unwrap() + 8;
        font[at..at + 4].copy_from_slice(b"OggS");
        assert!(refusal(&font).contains("compressed (SF3) is not supported"), "{}", refusal(&font));
    }

    #[test]
    fn other_files_are_refused_with_a_reason() {
        assert!(refusal(b"").contains("not a soundfont: 0 bytes"));
        assert!(refusal(b"MThd\0\0\0\x06\0\0\0\x01").contains("no RIFF sfbk header"));
        let missing = SoundFont::open(Path::new("no such font.sf2")).unwrap_err();
        assert!(matches!(missing, Error::Io { .. }), "{missing}");
    }

    #[test]
    fn a_claimed_length_is_not_believed() {
        let mut font = tiny_font();
        let at = font.windows(4).position(|w| w == b"smpl").unwrap() + 4;
        font[at..at + 4].copy_from_slice(&0xFFFF_FFF0_u32.to_le_bytes());
        assert!(refusal(&font).contains("the smpl chunk claims 4294967280 bytes"), "{}", refusal(&font));
    }

    proptest! {
        #[test]
        fn a_corrupt_font_is_an_error_and_not_a_panic(at in 12_usize..600, value: u8, cut in 0_usize..40) {
            let mut font = tiny_font();
            let at = at % font.len();
            font[at] = value;
            font.truncate(font.len() - cut);
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&font).unwrap();
            // Either result is right; the property is that there is one.
            drop(SoundFont::open(file.path()));
        }
    }
}
