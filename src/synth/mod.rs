//! From MIDI to sound: what does this score sound like, whole and offline, or live under a time map?
//!
//! A [`SoundFont`] holds the instruments. A [`Score`] holds channel messages with the second at which each is due: a
//! MIDI file under a time map. A [`Voice`] plays a score, block by block; it runs on the audio thread. [`render`] and
//! `render_stereo` drive a voice to the end: the first for analysis, the second for export.
//!
//! The synthesiser is rustysynth, General MIDI with drums where [the file](crate::midi::Note::drums) has them. Its smallest step is a block of samples, and a note
//! starts with a block; every message goes to the block nearest to its time, so it is early or late by at most half a
//! block (see [`Voice`] for the figures). Of system exclusive messages only those that put drum kits on channels are obeyed.

mod score;
mod soundfont;
mod voice;

pub use score::Score;
pub use soundfont::SoundFont;
pub use voice::Voice;

use crate::audio::{Stereo, Waveform};
use crate::error::{Error, Result};
use crate::job::Progress;
use crate::midi::Midi;
use std::sync::Arc;
use voice::Sound;

/// Longest score that [`render`] takes, in seconds. Our choice: at 22 050 Hz it is 0.95 GB of samples, and no single
/// piece lasts longer; one with a broken tempo map easily does.
pub(crate) const MAX_RENDER_SECONDS: f64 = 3.0 * 3600.0;

/// Longest score that [`render_stereo`] takes, in seconds; 1.3 GB at 44 100 Hz.
pub(crate) const MAX_STEREO_SECONDS: f64 = 3600.0;

/// Most that [`render_stereo`] adds after the last note for releases and reverb, in seconds.
const TAIL_SECONDS: f64 = 4.0;

/// The level below which the tail counts as ended: −80 dB of full scale.
const INAUDIBLE: f32 = 1e-4;

/// About 10 ms of work: 3 s of music at 22 050 Hz.
const SAMPLES_A_STEP: usize = 1 << 16;

/// Renders to mono at `sample_rate` without reverb and chorus, for analysis.
///
/// The sound lasts to the end of the last note, as the published pipeline crops it (spec A: synthesis), and does not
/// include the release after it. Pan is ignored: every channel sounds in the centre at equal power. At 22 050 Hz a note
/// starts at most 0.91 ms away from its time.
///
/// # Errors
/// [`Error::Limit`] for a `sample_rate` outside 16 000..=192 000 Hz or a score longer than `MAX_RENDER_SECONDS`;
/// [`Error::Cancelled`].
pub fn render(midi: &Midi, font: &SoundFont, sample_rate: u32, progress: &Progress) -> Result<Waveform> {
    render_mono(&Score::new(midi, |time| time.0), font, sample_rate, progress)
}

/// Like [`render`], for a score.
pub(crate) fn render_mono(score: &Score, font: &SoundFont, sample_rate: u32, progress: &Progress) -> Result<Waveform> {
    check_length(score, MAX_RENDER_SECONDS)?;
    let mut voice = Voice::with(font, sample_rate, Arc::new(score.clone()), Sound::Analysis)?;
    let total = samples(score.seconds(), sample_rate);
    let mut mono = vec![0.0; total];
    let mut unused = vec![0.0; SAMPLES_A_STEP];
    let mut done = 0;
    for chunk in mono.chunks_mut(SAMPLES_A_STEP) {
        progress.step(done, total)?;
        voice.render(chunk, &mut unused[..chunk.len()], 1.0);
        voice.check()?;
        done += chunk.len();
    }
    Ok(Waveform { samples: mono, sample_rate })
}

/// Renders to stereo with reverb and chorus, for listening. `score` says when each message sounds. The release after
/// the last note is included, 4 s at most.
///
/// # Errors
/// [`Error::Limit`] for a `sample_rate` outside 16 000..=192 000 Hz or a score longer than [`MAX_STEREO_SECONDS`];
/// [`Error::Cancelled`].
pub(crate) fn render_stereo(score: &Score, font: &SoundFont, sample_rate: u32, progress: &Progress) -> Result<Stereo> {
    check_length(score, MAX_STEREO_SECONDS)?;
    let mut voice = Voice::new(font, sample_rate, Arc::new(score.clone()))?;
    let written = samples(score.seconds(), sample_rate);
    let total = written + samples(TAIL_SECONDS, sample_rate);
    let (mut left, mut right) = (vec![0.0; total], vec![0.0; total]);
    let mut done = 0;
    for (l, r) in left.chunks_mut(SAMPLES_A_STEP / 4).zip(right.chunks_mut(SAMPLES_A_STEP / 4)) {
        progress.step(done, total)?;
        voice.render(l, r, 1.0);
        voice.check()?;
        done += l.len();
    }
    let heard =
        (written..total).rev().find(|&i| left[i].abs().max(right[i].abs()) > INAUDIBLE).map_or(written, |i| i + 1);
    left.truncate(heard);
    right.truncate(heard);
    Ok(Stereo { left, right, sample_rate })
}

fn samples(seconds: f64, sample_rate: u32) -> usize {
    (seconds * f64::from(sample_rate)).ceil() as usize
}

fn check_length(score: &Score, most: f64) -> Result<()> {
    let seconds = score.seconds();
    if seconds > most {
        return Err(Error::Limit {
            what: "score length",
            value: format!("{seconds:.0} s"),
            limit: format!("0..={most:.0} s that can be rendered"),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
