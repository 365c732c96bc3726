//! What a low bit rate leaves of a sound: encoded and decoded again with `ffmpeg`, if that program is available.

use crate::audio::{self, Keep, Waveform};
use crate::error::{Error, Result};
use crate::job::Progress;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Peak of the sound to encode, relative to full scale: more would be clipped.
const PEAK: f32 = 0.9;

/// A file that is removed when it is no longer needed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // A file that was never created can't be removed.
        drop(std::fs::remove_file(&self.0));
    }
}

/// Whether `ffmpeg` is available.
pub(crate) fn is_there() -> bool {
    let mut program = Command::new("ffmpeg");
    program.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    program.status().is_ok_and(|status| status.success())
}

/// The sound after an MP3 of `kbit` a second. `name` distinguishes the temporary files of one process.
///
/// # Errors
/// [`Error::Io`] if `ffmpeg` fails; as [`audio::decode`].
pub(crate) fn mp3(sound: &Waveform, kbit: u32, name: &str, progress: &Progress) -> Result<Waveform> {
    let file = Temporary(std::env::temp_dir().join(format!("antiphon-{}-{name}.mp3", std::process::id())));
    encode(sound, kbit, &file.0).map_err(Error::io("encode with ffmpeg", &file.0))?;
    let decoded = audio::decode(&file.0, Keep::Analysis, progress)?;
    Ok(decoded.mono)
}

fn encode(sound: &Waveform, kbit: u32, path: &Path) -> io::Result<()> {
    let peak = sound.samples.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    let factor = PEAK / peak.max(1e-9);
    let bytes: Vec<u8> = sound.samples.iter().flat_map(|x| (x * factor).to_le_bytes()).collect();
    let rate = sound.sample_rate.to_string();
    let mut program = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "f32le", "-ar", &rate, "-ac", "1", "-i", "pipe:0"])
        .args(["-codec:a", "libmp3lame", "-b:a", &format!("{kbit}k")])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // Taken out, so that it is closed once everything is written.
    let written = program.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(&bytes));
    let status = program.wait()?;
    written?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{status}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::ANALYSIS_RATE;

    #[test]
    fn an_mp3_keeps_every_moment_where_it_was() {
        if !is_there() {
            return;
        }
        // Three short tones, in 3 s.
        let mut samples = vec![0.0_f32; 3 * ANALYSIS_RATE as usize];
        let starts = [0.5, 1.25, 2.0];
        for start in starts {
            let from = (start * f64::from(ANALYSIS_RATE)) as usize;
            for i in 0..2205 {
                samples[from + i] = 0.5 * (i as f32 * 0.2).sin();
            }
        }
        let sound = Waveform { samples, sample_rate: ANALYSIS_RATE };
        let through = mp3(&sound, 32, "test", &Progress::silent()).unwrap();
        for start in starts {
            let near = ((start - 0.1) * f64::from(ANALYSIS_RATE)) as usize;
            let first = through.samples[near..].iter().position(|x| x.abs() > 0.2).unwrap() + near;
            let error = first as f64 / f64::from(ANALYSIS_RATE) - start;
            assert!(error.abs() < 0.004, "{start} s is {error} s off");
        }
        assert!(!std::env::temp_dir().join(format!("antiphon-{}-test.mp3", std::process::id())).exists());
    }
}
