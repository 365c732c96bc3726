//! A score: channel messages in seconds, and the state of the channels at any moment of it.

use crate::midi::{Midi, MidiTime};

/// Channel messages with the second at which each is due, sorted: a MIDI file under a time map.
#[derive(Debug, Clone, Default)]
pub struct Score {
    messages: Vec<Message>,
    /// State of the channels before message `i * CHECKPOINT`.
    checkpoints: Vec<[Channel; 16]>,
    seconds: f64,
}

/// One message of a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Message {
    /// When it is due.
    pub seconds: f64,
    /// 0–15.
    pub channel: u8,
    /// Status nibble, 0x80–0xE0.
    pub command: u8,
    /// First data byte, 0–127.
    pub data1: u8,
    /// Second data byte, 0–127.
    pub data2: u8,
}

/// Messages between two stored states. A seek replays at most that many: a few microseconds.
const CHECKPOINT: usize = 1024;

/// Widest pitch bend that is obeyed, in semitones, and farthest coarse tuning. General MIDI requires 2; guitarists use
/// 12 and 24. Files can ask for 127, and far above its range a sample is nothing but aliasing.
const MAX_BEND_SEMITONES: u8 = 24;
const MAX_TUNE_SEMITONES: u8 = 12;

impl Score {
    /// The messages of `midi`, each at the second that `time` gives for it (which must not decrease).
    pub fn new(midi: &Midi, time: impl Fn(MidiTime) -> f64) -> Self {
        let messages = midi.messages().iter();
        Self::from_messages(messages.map(|m| (time(m.time), m.channel, m.command, m.data1, m.data2)))
    }

    /// A score of (seconds, channel, command, data1, data2): channel 0–15, command the status nibble 0x80–0xE0. Sorted
    /// by time; messages at the same time keep their order. A message at a time that is not finite is left out.
    ///
    /// ```
    /// use antiphon::synth::Score;
    /// let score = Score::from_messages([(0.0, 0, 0xC0, 40, 0), (0.5, 0, 0x90, 69, 100), (1.5, 0, 0x80, 69, 0)]);
    /// assert_eq!(score.seconds(), 1.5);
    /// ```
    pub fn from_messages(messages: impl IntoIterator<Item = (f64, u8, u8, u8, u8)>) -> Self {
        let mut messages: Vec<Message> = (messages.into_iter())
            .map(|(seconds, channel, command, data1, data2)| Message {
                seconds,
                channel: channel & 0x0F,
                command: command & 0xF0,
                data1: data1 & 0x7F,
                data2: data2 & 0x7F,
            })
            .filter(|m| m.seconds.is_finite())
            .collect();
        messages.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let mut channels = [Channel::default(); 16];
        let mut checkpoints = Vec::with_capacity(messages.len() / CHECKPOINT + 1);
        for (i, message) in messages.iter_mut().enumerate() {
            if i % CHECKPOINT == 0 {
                checkpoints.push(channels);
            }
            let channel = &mut channels[usize::from(message.channel)];
            channel.limit(message);
            channel.apply(message);
        }
        let is_note = |m: &&Message| matches!(m.command, 0x80 | 0x90);
        let seconds = messages.iter().rev().find(is_note).map_or(0.0, |m| m.seconds.max(0.0));
        Self { messages, checkpoints, seconds }
    }

    /// Seconds until the last note has ended (without its release).
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Index of the first message at or after `seconds`, and the state of the channels there. Allocates nothing.
    pub(super) fn at(&self, seconds: f64) -> (usize, [Channel; 16]) {
        let next = self.messages.partition_point(|m| m.seconds < seconds);
        let kept = (next / CHECKPOINT).min(self.checkpoints.len().saturating_sub(1));
        let mut channels = self.checkpoints.get(kept).copied().unwrap_or_default();
        for message in &self.messages[(kept * CHECKPOINT).min(next)..next] {
            channels[usize::from(message.channel)].apply(message);
        }
        (next, channels)
    }
}

/// Controllers that the synthesiser obeys, besides the registered parameters: bank, modulation, volume, pan, expression
/// (the last four with their fine half), hold pedal, reverb and chorus send.
const CONTROLLERS: [u8; 12] = [0, 1, 33, 7, 39, 10, 42, 11, 43, 64, 91, 93];

/// Registered parameters that it obeys, numbered (coarse, fine): bend range, fine tuning, coarse tuning.
const PARAMETERS: u8 = 3;

/// The state of a channel. `None` is the state after a reset.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Channel {
    program: Option<u8>,
    bend: Option<(u8, u8)>,
    controllers: [Option<u8>; CONTROLLERS.len()],
    /// Coarse and fine data of each registered parameter.
    parameters: [[Option<u8>; 2]; PARAMETERS as usize],
    /// Coarse and fine number of the parameter that data entry applies to.
    selected: [Option<u8>; 2],
}

impl Channel {
    fn parameter(&self) -> Option<usize> {
        match self.selected {
            [Some(0), Some(fine)] if fine < PARAMETERS => Some(usize::from(fine)),
            _ => None,
        }
    }

    /// Brings the bend range and the coarse tuning within our limits.
    fn limit(&self, message: &mut Message) {
        if (message.command, message.data1) == (0xB0, 6) {
            message.data2 = match self.parameter() {
                Some(0) => message.data2.min(MAX_BEND_SEMITONES),
                Some(2) => message.data2.clamp(64 - MAX_TUNE_SEMITONES, 64 + MAX_TUNE_SEMITONES),
                _ => message.data2,
            };
        }
    }

    fn apply(&mut self, message: &Message) {
        let &Message { command, data1, data2, .. } = message;
        match (command, data1) {
            (0xC0, program) => self.program = Some(program),
            (0xE0, fine) => self.bend = Some((fine, data2)),
            (0xB0, 6 | 38) => {
                if let Some(parameter) = self.parameter() {
                    self.parameters[parameter][usize::from(data1 == 38)] = Some(data2);
                }
            }
            (0xB0, 101) => self.selected[0] = Some(data2),
            (0xB0, 100) => self.selected[1] = Some(data2),
            // An unregistered parameter is selected: data entry has no effect.
            (0xB0, 98 | 99) => self.selected = [None; 2],
            // "Reset all controllers" leaves program, bank, volume and pan alone (General MIDI level 1, RP-015).
            (0xB0, 121) => {
                self.bend = None;
                self.selected = [None; 2];
                for (value, number) in self.controllers.iter_mut().zip(CONTROLLERS) {
                    if matches!(number, 1 | 33 | 11 | 43 | 64) {
                        *value = None;
                    }
                }
            }
            (0xB0, number) => {
                if let Some(at) = CONTROLLERS.iter().position(|&c| c == number) {
                    self.controllers[at] = Some(data2);
                }
            }
            _ => {}
        }
    }

    /// Passes to `send` the messages (command, data1, data2) that bring a channel from its reset state into this one.
    pub(super) fn restore(&self, mut send: impl FnMut(u8, u8, u8)) {
        for (value, number) in self.controllers.iter().zip(CONTROLLERS) {
            if let Some(value) = *value {
                send(0xB0, number, value);
            }
        }
        if let Some(program) = self.program {
            send(0xC0, program, 0);
        }
        for (number, [coarse, fine]) in (0..).zip(self.parameters) {
            if coarse.or(fine).is_some() {
                send(0xB0, 101, 0);
                send(0xB0, 100, number);
                for (entry, value) in [(6, coarse), (38, fine)] {
                    if let Some(value) = value {
                        send(0xB0, entry, value);
                    }
                }
            }
        }
        // 127, 127 selects no parameter.
        send(0xB0, 101, self.selected[0].unwrap_or(127));
        send(0xB0, 100, self.selected[1].unwrap_or(127));
        if let Some((fine, coarse)) = self.bend {
            send(0xE0, fine, coarse);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_sorted_and_keep_their_order_within_a_moment() {
        let score = Score::from_messages([(1.0, 0, 0x90, 60, 1), (0.5, 0, 0x90, 61, 1), (1.0, 0, 0x80, 60, 0)]);
        let keys: Vec<_> = score.messages().iter().map(|m| (m.command, m.data1)).collect();
        assert_eq!(keys, [(0x90, 61), (0x90, 60), (0x80, 60)]);
    }

    #[test]
    fn times_that_are_not_finite_are_left_out() {
        let score = Score::from_messages([(f64::NAN, 0, 0x90, 60, 1), (f64::INFINITY, 0, 0x90, 60, 1)]);
        assert!(score.messages().is_empty());
        assert!(score.seconds().abs() < f64::EPSILON);
    }

    #[test]
    fn length_is_that_of_the_notes() {
        let score = Score::from_messages([(0.0, 0, 0x90, 60, 1), (2.0, 0, 0x80, 60, 0), (9.0, 0, 0xB0, 7, 3)]);
        assert!((score.seconds() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn bend_range_and_tuning_are_limited() {
        let select = |n| [(0.0, 3, 0xB0, 101, 0), (0.0, 3, 0xB0, 100, n)];
        let score = Score::from_messages(
            [select(0).as_slice(), &[(0.0, 3, 0xB0, 6, 127)], &select(2), &[(0.0, 3, 0xB0, 6, 0)]].concat(),
        );
        let entries: Vec<_> = score.messages().iter().filter(|m| m.data1 == 6).map(|m| m.data2).collect();
        assert_eq!(entries, [24, 52]);
    }

    #[test]
    fn an_unregistered_parameter_takes_the_data_away() {
        let messages = [(0, 101, 0), (0, 100, 0), (0, 99, 1), (0, 6, 12)].map(|(c, n, v)| (0.0, c, 0xB0, n, v));
        assert_eq!(Score::from_messages(messages).at(1.0).1[0].parameters[0], [None; 2]);
    }

    fn any_message() -> impl Strategy<Value = (f64, u8, u8, u8, u8)> {
        let number =
            prop_oneof![Just(0_u8), Just(7), Just(6), Just(38), Just(100), Just(101), Just(99), Just(121), 0..128_u8];
        let command = prop_oneof![Just(0xB0_u8), Just(0xB0), Just(0xC0), Just(0xE0), Just(0x90)];
        (0.0..10.0, 0..16_u8, command, number, 0..4_u8)
    }

    proptest! {
        #[test]
        fn a_checkpoint_and_a_replay_from_the_start_agree(
            messages in prop::collection::vec(any_message(), 0..3000), seconds in 0.0..10.0,
        ) {
            let score = Score::from_messages(messages);
            let (next, channels) = score.at(seconds);
            let mut slow = [Channel::default(); 16];
            for message in score.messages().iter().take_while(|m| m.seconds < seconds) {
                slow[usize::from(message.channel)].apply(message);
            }
            prop_assert_eq!(channels, slow);
            prop_assert_eq!(next, score.messages().iter().filter(|m| m.seconds < seconds).count());
        }

        #[test]
        fn restoring_a_state_gives_that_state(messages in prop::collection::vec(any_message(), 0..200)) {
            let state = Score::from_messages(messages).at(20.0).1;
            for channel in state {
                let mut restored = Channel::default();
                channel.restore(|command, data1, data2| {
                    restored.apply(&Message { seconds: 0.0, channel: 0, command, data1, data2 });
                });
                // An empty selection comes back as "no parameter", which is the same for data entry.
                prop_assert_eq!(restored.parameter(), channel.parameter());
                restored.selected = channel.selected;
                prop_assert_eq!(restored, channel);
            }
        }
    }
}
