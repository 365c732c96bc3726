//! Opens a container, picks a track and finds out which of its samples are music.

use super::splice::Splice;
use super::{Tags, edit_list, extent, frames, matroska, tags};
use crate::error::{Error, Result};
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_AC3, CODEC_ID_AC4, CODEC_ID_DCA, CODEC_ID_EAC3, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3,
    CODEC_ID_OPUS, CODEC_ID_SPEEX, CODEC_ID_TRUEHD, CODEC_ID_TTA, CODEC_ID_WAVPACK,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::common::Limit;
use symphonia::core::errors::Error as Fault;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::well_known::{
    FORMAT_ID_ADTS, FORMAT_ID_ISOMP4, FORMAT_ID_MKV, FORMAT_ID_MP1, FORMAT_ID_MP2, FORMAT_ID_MP3,
};
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::TimeBase;

/// Opens the file anew, from its start.
pub(super) type Open<'a> = dyn Fn() -> io::Result<Box<dyn MediaSource>> + 'a;

/// Most channels that are decoded. Our choice: the largest layout in use is 22.2, and a decoder allocates by this
/// number.
const MAX_CHANNELS: usize = 64;

/// Largest picture that is read into memory on the way to the tags, which are all we want.
const MAX_PICTURE_BYTES: usize = 1 << 20;

/// The message for a file on which a reader or decoder panicked.
pub(super) const PANICKED: &str = "its structure is beyond the decoder";

/// Codecs that a container may hold and that are not read.
#[rustfmt::skip]
const FOREIGN_CODECS: &[(AudioCodecId, &str)] = &[
    (CODEC_ID_AC3, "AC-3"), (CODEC_ID_EAC3, "E-AC-3"), (CODEC_ID_AC4, "AC-4"), (CODEC_ID_DCA, "DTS"),
    (CODEC_ID_TRUEHD, "TrueHD"), (CODEC_ID_TTA, "True Audio"), (CODEC_ID_WAVPACK, "WavPack"), (CODEC_ID_SPEEX, "Speex"),
];

/// Symphonia's codecs, and Opus.
static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut codecs = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut codecs);
    codecs.register_audio_decoder::<symphonia_adapter_libopus::OpusDecoder>();
    codecs
});

/// An open file whose packets can be decoded.
pub(super) struct Stream {
    pub(super) format: Box<dyn FormatReader>,
    pub(super) track: AudioTrack,
    /// Bytes read so far, and in total.
    pub(super) position: Arc<AtomicU64>,
    pub(super) bytes: u64,
    /// Tags that `format` doesn't give: from RIFF INFO, or around the file proper.
    pub(super) other_tags: Tags,
    /// Whether the end of the file is the end of the sound, and no sign that something is missing.
    pub(super) ends_with_file: bool,
    /// What is wrong with the file, as far as its head shows.
    pub(super) warning: Option<String>,
    edits: Vec<edit_list::Edit>,
}

/// One track, with its decoder.
pub(super) struct AudioTrack {
    pub(super) id: u32,
    pub(super) decoder: Box<dyn AudioDecoder>,
    pub(super) time_base: Option<TimeBase>,
    /// How much the encoder put in front; `None` means as much as the first packet lies before time 0.
    pub(super) skip_s: Option<f64>,
    /// Length of the music according to the header.
    pub(super) announced_s: Option<f64>,
    /// Whether this is high-efficiency AAC, whose upper half of the spectrum is lost.
    pub(super) core_only: bool,
    /// Whether the decoder cuts off what its packets mark as padding.
    pub(super) decoder_trims: bool,
    /// Whether a small excess over the announced length is the encoder's padding.
    pub(super) padded: bool,
}

impl Stream {
    /// Opens the file; without `seekable`, as if it came from a pipe.
    pub(super) fn open(open: &Open, path: &Path, seekable: bool) -> Result<Self> {
        let refuse = |reason: String| Error::Decode { reason, path: path.to_path_buf() };
        let mut source = open().map_err(Error::io("read", path))?;
        let bytes = source.seek(SeekFrom::End(0)).map_err(Error::io("read", path))?;
        if bytes == 0 {
            return Err(refuse("the file is empty".into()));
        }
        let found = extent::find(&mut source, bytes).map_err(Error::io("read", path))?;
        let extent = found.map_err(refuse)?;
        let mut other_tags = extent.tags;
        let inner = Splice::new(open().map_err(Error::io("read", path))?, extent.pieces);
        let bytes_shown = inner.length();
        let position = Arc::new(AtomicU64::new(0));
        let counted = Counted { inner: Box::new(inner), position: Arc::clone(&position), bytes: bytes_shown, seekable };
        let format = probed(counted).map_err(|fault| refuse(explain(&fault)))?;
        let mut edits = Vec::new();
        let mut ends_with_file = extent.ends_with_file;
        match format.format_info().format {
            FORMAT_ID_ISOMP4 => edits = edit_list::read(&mut source, extent.start),
            FORMAT_ID_MKV => ends_with_file = matroska::ends_whole(&mut source, bytes),
            FORMAT_ID_MP1 | FORMAT_ID_MP2 | FORMAT_ID_MP3 | FORMAT_ID_ADTS
                if !frames::follow_each_other(&mut source, extent.start).map_err(Error::io("read", path))? =>
            {
                return Err(refuse("not a known audio format".into()));
            }
            _ => {}
        }
        if extent.tags_outside {
            let position = Arc::new(AtomicU64::new(0));
            let inner = open().map_err(Error::io("read", path))?;
            if let Ok(mut whole) = probed(Counted { inner, position, bytes, seekable }) {
                tags::add_all(&mut other_tags, &mut whole.metadata());
            }
        }
        let mut track = AudioTrack::first(format.as_ref(), &edits).map_err(refuse)?;
        track.announced_s = extent.announced_s.or(track.announced_s);
        let warning = extent.warning;
        Ok(Self { format, track, position, bytes: bytes_shown, other_tags, ends_with_file, warning, edits })
    }

    /// Continues with the next stream of a chain, since Ogg files may have several in succession.
    pub(super) fn next_in_chain(&mut self) -> std::result::Result<(), String> {
        self.track = AudioTrack::first(self.format.as_ref(), &self.edits)?;
        self.track.announced_s = None;
        Ok(())
    }

    /// Thousandths of the file read so far.
    pub(super) fn done_permille(&self) -> usize {
        (self.position.load(Ordering::Relaxed).saturating_mul(1000) / self.bytes) as usize
    }
}

/// Finds the reader for `source`.
fn probed(source: Counted) -> symphonia::core::errors::Result<Box<dyn FormatReader>> {
    let buffered = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    let metadata = MetadataOptions::default().limit_visual_bytes(Limit::Maximum(MAX_PICTURE_BYTES));
    let probe = symphonia::default::get_probe();
    contained(|| probe.probe(&Hint::new(), buffered, FormatOptions::default(), metadata))
}

impl AudioTrack {
    /// The duration of `ticks` of the track.
    pub(super) fn seconds(&self, ticks: u64) -> f64 {
        self.time_base.map_or(0.0, |base| base.calc_duration_saturating(ticks.into()).as_secs_f64())
    }

    /// The first track that has a decoder, or why there is none.
    fn first(format: &dyn FormatReader, edits: &[edit_list::Edit]) -> std::result::Result<Self, String> {
        let mut reason = "no audio track".to_owned();
        for track in format.tracks() {
            let Some(params) = track.codec_params.as_ref().and_then(|params| params.audio()) else { continue };
            match Self::new(format, track, params, edits) {
                Ok(found) => return Ok(found),
                Err(why) => reason = why,
            }
        }
        Err(reason)
    }

    fn new(
        format: &dyn FormatReader,
        track: &Track,
        params: &AudioCodecParameters,
        edits: &[edit_list::Edit],
    ) -> std::result::Result<Self, String> {
        let channels = params.channels.as_ref().map_or(1, symphonia::core::audio::Channels::count);
        if channels > MAX_CHANNELS {
            return Err(format!("{channels} channels are outside 1 to {MAX_CHANNELS}"));
        }
        let container = format.format_info().short_name;
        let edit = edits.iter().find(|edit| edit.track_id == track.id);
        let mut params = params.clone();
        let pre_skip = (params.codec == CODEC_ID_OPUS).then(|| {
            // Containers may give the rate of the original, at which libopus doesn't decode.
            params.with_sample_rate(48_000);
            take_pre_skip(&mut params, container == "isomp4")
        });
        let is_mpeg = [CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3].contains(&params.codec);
        // Without a Xing header Symphonia guesses the length of an MPEG stream from its first bit rate, and its decoder
        // would cut off everything beyond the guess. We trim these ourselves.
        let options = AudioDecoderOptions::default().gapless(!is_mpeg);
        let mut core_only = false;
        let make = |params: &_| contained(|| CODECS.make_audio_decoder(params, &options));
        let decoder = make(&params).or_else(|fault| {
            core_only = params.codec == CODEC_ID_AAC && reduce_to_core(&mut params);
            if core_only { make(&params) } else { Err(fault) }
        });
        let decoder = decoder.map_err(|fault| match FOREIGN_CODECS.iter().find(|(id, _)| *id == params.codec) {
            Some((_, name)) => format!("its sound is {name}, which Antiphon does not read; convert it to WAV or FLAC"),
            None => explain(&fault),
        })?;

        let guessed = is_mpeg && container != "isomp4" && track.delay.is_none() && track.padding.is_none();
        let length_s = || {
            let frames_s = || Some(track.num_frames? as f64 / f64::from(params.sample_rate?));
            let duration_s = || Some(track.time_base?.calc_duration(track.duration?)?.as_secs_f64());
            let media = format.media_info();
            let media_s = || Some(media.time_base?.calc_duration(media.duration?)?.as_secs_f64());
            // The length of a film says nothing about its sound.
            let media_s = || if format.tracks().len() == 1 { media_s() } else { None };
            frames_s().or_else(duration_s).or_else(media_s)
        };
        let edit_length_s = edit.and_then(|edit| edit.length_s);
        Ok(Self {
            id: track.id,
            decoder,
            time_base: track.time_base,
            skip_s: pre_skip.map(|frames| f64::from(frames) / 48_000.0).or(edit.map(|edit| edit.start_s)),
            announced_s: edit_length_s.or_else(length_s).filter(|&seconds| seconds > 0.0 && !guessed),
            decoder_trims: !is_mpeg,
            core_only,
            padded: is_mpeg || edit_length_s.is_some(),
        })
    }
}

/// Reads how many samples an Opus decoder is to drop (RFC 7845, 5.1), and sets the number to 0 for the decoder. The
/// decoder drops them from its first packet only, which may be too short, and reads the big-endian number of MP4 in the
/// wrong order.
fn take_pre_skip(params: &mut AudioCodecParameters, big_endian: bool) -> u16 {
    let Some(head) = params.extra_data.as_mut().and_then(|data| data.get_mut(10..12)) else { return 0 };
    let bytes = [head[0], head[1]];
    head.fill(0);
    if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

/// Rewrites the description of high-efficiency AAC (ISO/IEC 14496-3, 1.6.2.1) to the plain AAC at its core, which is
/// all that Symphonia decodes. Returns false for anything else.
fn reduce_to_core(params: &mut AudioCodecParameters) -> bool {
    const LOW_COMPLEXITY: u32 = 2;
    const SPECTRAL_BAND_REPLICATION: u32 = 5;
    const PARAMETRIC_STEREO: u32 = 29;
    const EXPLICIT_RATE: u32 = 15;
    let Some(&[a, b, c, ..]) = params.extra_data.as_deref() else { return false };
    let bits = u32::from_be_bytes([a, b, c, 0]);
    let field = |from: u32, width: u32| bits << from >> (32 - width);
    let (object, rate, channels, output_rate, core) =
        (field(0, 5), field(5, 4), field(9, 4), field(13, 4), field(17, 5));
    if ![SPECTRAL_BAND_REPLICATION, PARAMETRIC_STEREO].contains(&object)
        || core != LOW_COMPLEXITY
        || [rate, output_rate].contains(&EXPLICIT_RATE)
    {
        return false;
    }
    let plain = (LOW_COMPLEXITY << 11 | rate << 7 | channels << 3) as u16;
    params.extra_data = Some(plain.to_be_bytes().into());
    true
}

/// Runs a call into a reader or decoder; a panic in it becomes a fault that ends the decoding.
///
/// Fuzzing found that Symphonia 0.6.1 panics on hostile MP4 files: counts of the time-to-sample table are added without
/// a check (`SttsAtom::find_timing_for_sample`; with overflow checks only, as in our tests). There may be more of the
/// kind. A reader or decoder that panicked is not used again.
pub(super) fn contained<T>(
    call: impl FnOnce() -> symphonia::core::errors::Result<T>,
) -> symphonia::core::errors::Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(Fault::Unsupported(PANICKED)))
}

/// Symphonia's complaint in the user's terms.
pub(super) fn explain(fault: &Fault) -> String {
    match fault {
        Fault::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => "the file ends early".into(),
        Fault::IoError(error) => error.to_string(),
        Fault::Unsupported(what) if what.starts_with("core (probe)") => "not a known audio format".into(),
        Fault::Unsupported(PANICKED) => PANICKED.into(),
        Fault::Unsupported(what) => format!("unsupported, {what}"),
        Fault::DecodeError(what) => format!("malformed, {what}"),
        other => other.to_string(),
    }
}

/// A source that counts how far it has been read, and can pretend to be a pipe.
struct Counted {
    inner: Box<dyn MediaSource>,
    position: Arc<AtomicU64>,
    bytes: u64,
    seekable: bool,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = self.inner.seek(to)?;
        self.position.store(position, Ordering::Relaxed);
        Ok(position)
    }
}

impl MediaSource for Counted {
    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn byte_len(&self) -> Option<u64> {
        self.seekable.then_some(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn high_efficiency_aac_is_described_by_its_core() {
        let mut params = AudioCodecParameters::new();
        // Object 5, 22.05 kHz, 2 channels, 44.1 kHz after replication, object 2.
        params.with_extra_data(Box::new([0b0010_1011, 0b1001_0010, 0b0000_1000, 0]));
        assert!(reduce_to_core(&mut params));
        assert_eq!(params.extra_data.as_deref(), Some(&[0b0001_0011, 0b1001_0000][..]));
        assert!(!reduce_to_core(&mut params), "plain already");
    }

    #[test]
    fn opus_pre_skip_is_taken_out_in_either_order() {
        let mut params = AudioCodecParameters::new();
        for (big_endian, bytes) in [(false, [0x38, 0x01]), (true, [0x01, 0x38])] {
            params.with_extra_data([b"OpusHead\x01\x02".as_slice(), &bytes, &[0; 7]].concat().into());
            assert_eq!(take_pre_skip(&mut params, big_endian), 312);
            assert_eq!(take_pre_skip(&mut params, big_endian), 0);
        }
    }
}
