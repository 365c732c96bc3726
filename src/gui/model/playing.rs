//! Playing: the transport, the mix, and what is prepared to be played.

use super::super::loading::Prepared;
use super::{Heard, Model};
use crate::picture::axis::clock_text;
use crate::playback::Order;
use crate::playback::mixer::Mix;

impl Model {
    pub(super) fn play(&mut self, playing: bool, now: f64) {
        // With a device it starts when there is something to play there.
        self.resume = playing && self.loads.preparing() && !self.transport.playing();
        if self.resume {
            return;
        }
        if playing && self.transport.at_end(now) && self.playable() {
            self.seek(0.0, now);
        }
        if self.transport.set_playing(playing, now) {
            let serial = self.transport.serial();
            self.sound.send(if playing { Order::Play(serial) } else { Order::Pause(serial) });
        }
    }

    pub(super) fn seek(&mut self, seconds: f64, now: f64) {
        let at = self.transport.seek(seconds, now);
        self.send_seek(at);
        self.view.reveal(at);
        if !self.transport.playing() {
            self.say(format!("Playhead at {}", clock_text(at, 0.1)));
        }
    }

    pub(super) fn send_seek(&mut self, at: f64) {
        if let Some(sample_rate) = self.sound.sample_rate() {
            let frame = (at * f64::from(sample_rate)).round().max(0.0) as u64;
            self.sound.send(Order::Seek(frame, self.transport.serial()));
        }
    }

    pub(super) fn mix(&mut self, change: impl FnOnce(&mut Mix)) {
        change(&mut self.settings.mix);
        self.sound.send(Order::Mix(self.settings.mix));
    }

    pub(super) fn update_length(&mut self, now: f64) {
        let seconds = match (self.candidate(), self.midi()) {
            (Some(candidate), _) => candidate.recording.as_ref().map_or(0.0, |recording| recording.seconds()),
            (None, Some(midi)) => midi.side.midi.end().0.max(midi.strip.seconds()),
            (None, None) => 0.0,
        };
        self.transport.set_seconds(seconds, now);
        self.view.set_whole(seconds);
    }

    /// Starts to prepare what is looked at, unless that is what plays.
    pub(super) fn prepare_to_play(&mut self) {
        let Some(sample_rate) = self.sound.sample_rate() else { return };
        let wanted = Heard {
            midi: self.midi.as_ref().map(|(number, _)| *number),
            candidate: self.recording().and(self.candidate()).map(|candidate| candidate.id),
            aligned: self.aligned().is_some(),
            sample_rate,
        };
        if self.heard == Some(wanted) || !self.playable() {
            return;
        }
        self.heard = Some(wanted);
        let recording = self.candidate().and_then(|candidate| {
            candidate.recording.as_ref()?;
            Some((candidate.id, candidate.sound.clone()?))
        });
        // Until it is known where the MIDI belongs it is not played beside a recording.
        let midi = self.midi().filter(|_| self.candidate().is_none() || wanted.aligned).cloned();
        let aligned = self.aligned().cloned();
        self.loads.prepare(midi, aligned, recording, self.transport.seconds(), sample_rate);
    }

    pub(super) fn play_programme(&mut self, prepared: Prepared, now: f64) {
        if let Some((id, sound)) = prepared.sound
            && let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.id == id)
        {
            candidate.sound = Some(sound);
        }
        self.sound.send(Order::Load(prepared.programme));
        let at = self.transport.position(now);
        if std::mem::take(&mut self.resume) {
            self.send_seek(at);
            self.play(true, now);
        } else if !self.transport.playing() {
            self.send_seek(at);
        } else {
            // It plays already (by the clock, or an older programme): the engine goes on from where the playhead is.
            self.transport.seek(at, now);
            self.send_seek(at);
            self.play(true, now);
        }
    }
}
