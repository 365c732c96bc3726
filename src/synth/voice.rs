//! The real-time player of a score.

use super::score::{Message, Score};
use super::soundfont::SoundFont;
use crate::error::{Error, Result};
use crate::midi::DRUM_CHANNEL;
use rustysynth::{Synthesizer, SynthesizerSettings};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

/// The purpose of a voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sound {
    /// Stereo with reverb and chorus.
    Listening,
    /// Dry, everything in the left channel: the right one is silent and costs nothing.
    Analysis,
}

impl Sound {
    /// Samples per block: the step at which notes start and envelopes move. Small is exact, large is fast: in analysis,
    /// 16, 32 and 64 cost 1.4, 1 and 0.8 times as much.
    fn block(self) -> usize {
        match self {
            Self::Listening => 16,
            Self::Analysis => 40,
        }
    }

    /// Maximum number of simultaneous voices. If there are more, the quietest one makes room: with 32, that is a tail
    /// of a note that has ended. In dense music the cost is proportional to it.
    fn polyphony(self) -> usize {
        match self {
            Self::Listening => 128,
            Self::Analysis => 32,
        }
    }
}

/// A synthesiser that plays a [`Score`] in real time, for the audio thread.
///
/// It allocates when made, not when it plays: [`render`](Self::render) and `seek` take neither memory nor
/// locks and touch no file, and a seek replays at most 1024 messages onto a state stored in the score. (rustysynth
/// allocates all its voices and buffers when made; its `render`, `process_midi_message` and `reset` write only into
/// them.)
///
/// A message goes to the nearest block of 16 samples: at 44 100 Hz it sounds at most 0.18 ms away from its time, at any
/// speed. Stereo, with reverb and chorus.
///
/// ```
/// use antiphon::synth::{Score, SoundFont, Voice};
/// let score = Score::from_messages([(0.0, 0, 0x90, 69, 100), (1.0, 0, 0x80, 69, 0)]);
/// let mut voice = Voice::new(&SoundFont::bundled()?, 44_100, score.into())?;
/// let (mut left, mut right) = ([0.0; 4410], [0.0; 4410]);
/// voice.render(&mut left, &mut right, 1.0);
/// assert!(left.iter().any(|&x| x.abs() > 0.01));
/// # Ok::<(), antiphon::Error>(())
/// ```
pub struct Voice {
    synth: Synthesizer,
    score: Arc<Score>,
    sound: Sound,
    /// First message that has not been sent.
    next: usize,
    /// Time of the score at the next sample.
    seconds: f64,
    /// Samples left in the current block.
    block_left: usize,
    /// The channels that the synthesiser has drum kits on.
    drums: [bool; 16],
    /// The synthesiser panicked: it stays silent from then on.
    broken: bool,
}

impl Voice {
    /// Makes a voice at the start of `score`; not for the audio thread.
    ///
    /// # Errors
    /// [`Error::Limit`] for a `sample_rate` outside 16 000..=192 000 Hz.
    pub fn new(font: &SoundFont, sample_rate: u32, score: Arc<Score>) -> Result<Self> {
        Self::with(font, sample_rate, score, Sound::Listening)
    }

    pub(super) fn with(font: &SoundFont, sample_rate: u32, score: Arc<Score>, sound: Sound) -> Result<Self> {
        let limit = |_| Error::Limit {
            what: "sample rate for synthesis",
            value: format!("{sample_rate} Hz"),
            limit: "16000..=192000 Hz".into(),
        };
        let mut settings = SynthesizerSettings::new(i32::try_from(sample_rate).unwrap_or(i32::MAX));
        settings.block_size = sound.block();
        settings.maximum_polyphony = sound.polyphony();
        settings.enable_reverb_and_chorus = sound == Sound::Listening;
        let mut synth = Synthesizer::new(&font.inner, &settings).map_err(limit)?;
        synth.set_master_volume(font.volume);
        let (next, seconds, block_left, drums) = (0, 0.0, 0, [false; 16]);
        let mut voice = Self { synth, score, sound, next, seconds, block_left, drums, broken: false };
        voice.seek(0.0);
        Ok(voice)
    }

    /// Time of the score at the next sample, in seconds.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Silences everything, reverb included, and goes to `seconds` of the score, with the programs, controllers,
    /// tunings and pitch bends in force there. Notes that began earlier stay silent: an attack in the middle of a note
    /// would suggest that the MIDI has an onset there.
    pub(crate) fn seek(&mut self, seconds: f64) {
        self.synth.reset();
        self.drums = std::array::from_fn(|channel| channel == usize::from(DRUM_CHANNEL));
        self.block_left = 0;
        self.seconds = if seconds.is_finite() { seconds } else { 0.0 };
        let (next, channels) = self.score.at(self.seconds);
        self.next = next;
        for (number, channel) in (0..).zip(channels) {
            if self.sound == Sound::Analysis {
                self.synth.process_midi_message(number.into(), 0xB0, 10, 0);
            }
            channel.restore(|command, data1, data2| {
                self.send(&Message { seconds, channel: number, drums: channel.drums, command, data1, data2 });
            });
        }
    }

    /// Plays the next `left.len()` samples at `speed` (1 = as scored, 0.5 = half as fast, 0 = time stands still; values
    /// that are negative or not finite count as 0). `right` is as long as `left`; anything beyond that stays unchanged.
    pub fn render(&mut self, left: &mut [f32], right: &mut [f32], speed: f64) {
        let length = left.len().min(right.len());
        let (left, right) = (&mut left[..length], &mut right[..length]);
        if !self.broken {
            // Reason: rustysynth indexes its samples unchecked, and a user's font with a loop shorter than the step
            // from one output sample to the next makes it panic (`oscillator.rs`, `fill_block_continuous`). On the
            // audio thread that would end the program; a voice that falls silent doesn't.
            let played = catch_unwind(AssertUnwindSafe(|| self.play(left, right, speed)));
            self.broken = played.is_err();
        }
        if self.broken {
            left.fill(0.0);
            right.fill(0.0);
        }
    }

    /// Returns an error if the synthesiser has failed.
    pub(super) fn check(&self) -> Result<()> {
        if self.broken {
            let reason = "a sample loop is too short for the pitch it is played at".into();
            return Err(Error::SoundFont { reason, path: PathBuf::new() });
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn broken(&self) -> bool {
        self.broken
    }

    fn play(&mut self, left: &mut [f32], right: &mut [f32], speed: f64) {
        let speed = if speed.is_finite() { speed.max(0.0) } else { 0.0 };
        let block = self.synth.get_block_size();
        let seconds_a_sample = speed / f64::from(self.synth.get_sample_rate());
        let mut done = 0;
        while done < left.len() {
            if self.block_left == 0 {
                self.send_due(self.seconds + 0.5 * block as f64 * seconds_a_sample);
                self.block_left = block;
            }
            let end = left.len().min(done + self.block_left);
            self.synth.render(&mut left[done..end], &mut right[done..end]);
            self.block_left -= end - done;
            self.seconds += (end - done) as f64 * seconds_a_sample;
            done = end;
        }
    }

    fn send_due(&mut self, until: f64) {
        while let Some(&message) = self.score.messages().get(self.next).filter(|m| m.seconds < until) {
            self.send(&message);
            self.next += 1;
        }
    }

    fn send(&mut self, message: &Message) {
        let &Message { channel, drums, command, data1, data2, .. } = message;
        let has_drums = &mut self.drums[usize::from(channel)];
        if *has_drums != drums {
            *has_drums = drums;
            // The kits are all in bank 128; on the drum channel rustysynth adds 128 to the bank it is given.
            let bank = if drums { 128 } else { 0 } - if channel == DRUM_CHANNEL { 128 } else { 0 };
            self.synth.process_midi_message(channel.into(), 0xB0, 0, bank);
        }
        let ignored = match (command, data1) {
            // Roland and Yamaha files select banks for drums, where rustysynth would find nothing, and play the standard kit
            // for every program.
            (0xB0, 0) => drums || channel == DRUM_CHANNEL,
            (0xB0, 10 | 42) => self.sound == Sound::Analysis,
            _ => false,
        };
        if !ignored {
            self.synth.process_midi_message(channel.into(), command.into(), data1.into(), data2.into());
        }
    }
}
