//! Runs the packets of a track through its decoder.

use super::output::Output;
use super::stream::{AudioTrack, Open, Stream, explain};
use super::{Keep, Recording, Tags, tags};
use crate::error::{Error, Result};
use crate::job::Progress;
use std::io;
use std::path::Path;
use symphonia::core::errors::Error as Fault;
use symphonia::core::packet::Packet;

/// After so many faults of the container in a row the rest is given up. Most readers don't recover at all.
const MAX_CONTAINER_FAULTS: usize = 8;

/// Decodes what `open` opens; `path` is for messages. Keeps at most `max_samples`.
pub(super) fn run(open: &Open, path: &Path, keep: Keep, max_samples: usize, progress: &Progress) -> Result<Recording> {
    let mut stream = Stream::open(open, path)?;
    let mut output = Output::new(keep, max_samples);
    let mut tags = std::mem::take(&mut stream.riff_tags);
    take_tags(&mut stream, &mut tags);
    let announced_s = stream.track.announced_s;
    let mut at_start = true;
    let mut container_faults = 0;
    while !output.has_ended() {
        progress.step(stream.done_permille(), 1000)?;
        let packet = match stream.format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(Fault::ResetRequired) => {
                // An Ogg file may hold several streams one after the other.
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
        match stream.track.decoder.decode(&packet) {
            Ok(block) => output.add(&block, length_s).map_err(|error| error.at(path))?,
            Err(fault) => output.lose(length_s, explain(&fault)),
        }
    }
    let codec = stream.track.decoder.codec_info().short_name.to_owned();
    output.finish(announced_s, stream.track.padded, tags, codec).map_err(|error| error.at(path))
}

fn take_tags(stream: &mut Stream, tags: &mut Tags) {
    let mut metadata = stream.format.metadata();
    while let Some(revision) = metadata.pop() {
        tags::add_revision(tags, &revision);
    }
    if let Some(revision) = metadata.current() {
        tags::add_revision(tags, revision);
    }
}

/// How far a packet begins before time 0 without its decoder knowing.
fn before_zero_s(track: &AudioTrack, packet: &Packet) -> f64 {
    let ticks = packet.pts.get();
    let trimmed = track.decoder_trims && packet.trim_start.get() > 0;
    if ticks < 0 && !trimmed { track.seconds(ticks.unsigned_abs()) } else { 0.0 }
}
