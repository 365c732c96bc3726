//! Runs the packets of a track through its decoder.

use super::output::Output;
use super::stream::{AudioTrack, Open, PANICKED, Stream, contained, explain};
use super::{Keep, Recording, Tags, tags};
use crate::error::{Error, Result};
use crate::job::Progress;
use std::io;
use std::path::Path;
use symphonia::core::errors::Error as Fault;
use symphonia::core::packet::Packet;

/// After this many consecutive container faults the rest is given up. Most readers don't recover at all.
const MAX_CONTAINER_FAULTS: usize = 8;

/// Decodes what `open` opens; `path` is for messages. Keeps at most `max_samples`.
pub(super) fn run(open: &Open, path: &Path, keep: Keep, max_samples: usize, progress: &Progress) -> Result<Recording> {
    let attempt = |seekable| {
        let stream = Stream::open(open, path, seekable)?;
        packets(stream, path, Output::new(keep, max_samples), progress)
    };
    // A reader that can seek looks for an index or for further chunks after the samples, and gives up on a file that
    // was cut before them. Read as if from a pipe, such a file is fine.
    match attempt(true) {
        Err(refusal @ Error::Decode { .. }) => match attempt(false) {
            Err(Error::Decode { .. }) => Err(refusal),
            outcome => outcome,
        },
        outcome => outcome,
    }
}

/// Reads the tags in the head of a file that `open` opens.
pub(super) fn read_tags(open: &Open, path: &Path) -> Result<Tags> {
    let read = |seekable| {
        let mut stream = Stream::open(open, path, seekable)?;
        let mut tags = std::mem::take(&mut stream.other_tags);
        tags::add_all(&mut tags, &mut stream.format.metadata());
        Ok(tags)
    };
    // As in `run`: a file that was cut before its index.
    match read(true) {
        Err(refusal @ Error::Decode { .. }) => read(false).or(Err(refusal)),
        outcome => outcome,
    }
}

fn packets(mut stream: Stream, path: &Path, mut output: Output, progress: &Progress) -> Result<Recording> {
    let mut tags = std::mem::take(&mut stream.other_tags);
    tags::add_all(&mut tags, &mut stream.format.metadata());
    if let Some(warning) = stream.warning.take() {
        output.warn(warning);
    }
    let announced_s = stream.track.announced_s;
    let mut at_start = true;
    let mut container_faults = 0;
    while !output.has_ended() {
        progress.step(stream.done_permille(), 1000)?;
        let packet = match contained(|| stream.format.next_packet()) {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(Fault::ResetRequired) => {
                // An Ogg file may hold several streams in succession.
                match stream.next_in_chain() {
                    Ok(()) => at_start = true,
                    Err(reason) => output.end_early(reason),
                }
                continue;
            }
            Err(Fault::IoError(source)) if source.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(Error::Io { action: "read", source, path: path.to_path_buf() });
            }
            Err(Fault::DecodeError(_)) if container_faults < MAX_CONTAINER_FAULTS => {
                container_faults += 1;
                continue;
            }
            Err(Fault::IoError(source)) if stream.ends_with_file && source.kind() == io::ErrorKind::UnexpectedEof => {
                break;
            }
            Err(fault) => {
                output.end_early(explain(&fault));
                break;
            }
        };
        container_faults = 0;
        if packet.track_id != stream.track.id {
            continue;
        }
        if std::mem::take(&mut at_start) {
            output.skip(stream.track.skip_s.unwrap_or_else(|| before_zero_s(&stream.track, &packet)));
        }
        let length_s = stream.track.seconds(packet.dur.get());
        let (decoder, packet) = (&mut stream.track.decoder, &packet);
        match contained(move || decoder.decode(packet)) {
            Ok(block) => output.add(&block, length_s).map_err(|error| error.at(path))?,
            Err(Fault::Unsupported(PANICKED)) => output.end_early(PANICKED.into()),
            Err(fault) => output.lose(length_s, explain(&fault)),
        }
    }
    let codec = stream.track.decoder.codec_info().short_name.to_owned();
    if stream.track.core_only {
        output.warn("high-efficiency AAC: only its lower half of the spectrum is decoded".into());
    }
    output.finish(announced_s, stream.track.padded, tags, codec).map_err(|error| error.at(path))
}

/// How far before time 0 a packet begins, unknown to its decoder.
fn before_zero_s(track: &AudioTrack, packet: &Packet) -> f64 {
    let ticks = packet.pts.get();
    let trimmed = track.decoder_trims && packet.trim_start.get() > 0;
    if ticks < 0 && !trimmed { track.seconds(ticks.unsigned_abs()) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use symphonia::core::io::MediaSource;

    #[test]
    fn what_goes_beyond_the_limit_is_left_out_and_reported() {
        let mut wav =
            b"RIFF\x24\0\x01\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x22\x56\0\0\x44\xac\0\0\x02\0\x10\0data\0\0\x01\0"
                .to_vec();
        wav.resize(wav.len() + 0x1_0000, 0);
        let open = || -> io::Result<Box<dyn MediaSource>> { Ok(Box::new(Cursor::new(wav.clone()))) };
        for (keep, limit) in [(Keep::Analysis, 22_050), (Keep::Listening, 44_100)] {
            let recording = run(&open, Path::new(""), keep, limit, &Progress::silent()).expect("decodes");
            assert!((22_050..25_000).contains(&recording.mono.samples.len()), "{}", recording.mono.samples.len());
            let warning = recording.warning.expect("a warning");
            assert!(warning.starts_with("too long: only the first 1.0 s"), "{warning}");
        }
    }
}
