//! Playback: the transport, the mix, the loop, and the programmes prepared for playing.
//!
//! The transport counts seconds of the recording. While the recording is stretched to the MIDI's clock, the device
//! counts seconds of that clock; [`Loaded`] converts between the two.

use super::super::loading::Prepared;
use super::{Model, ProgrammeKey};
use crate::playback::mixer::{Click, Listen, Mix};
use crate::playback::{EngineOrder, Material, Rendition, SPEED_STEP, Warp, from_audio, to_audio};
use std::sync::Arc;

/// The number of pairs kept ready to play; one of four minutes takes 46 MB.
const KEPT: usize = 6;
/// The largest offset of the MIDI, in milliseconds.
const FARTHEST_MS: f64 = 10_000.0;

/// The programme loaded into the engine.
pub(super) struct Loaded {
    material: Arc<Material>,
    rendition: Rendition,
}

impl Loaded {
    /// Converts a second of the device's clock to a second of the recording.
    fn to_audio(&self, seconds: f64) -> f64 {
        to_audio(self.material.map(), self.rendition.warp, seconds)
    }

    fn frame(&self, audio_s: f64) -> u64 {
        let seconds = from_audio(self.material.map(), self.rendition.warp, audio_s);
        (seconds * f64::from(self.material.sample_rate())).round().max(0.0) as u64
    }
}

/// An edge of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    In,
    Out,
}

impl Model {
    pub(super) fn play(&mut self, playing: bool, now: f64) {
        // With a device, playback starts once there is something to play on it.
        self.resume = playing && self.loads.preparing() && self.loaded.is_none() && !self.transport.playing();
        if self.resume {
            return;
        }
        if playing && self.transport.at_end(now) && self.playable() {
            self.seek(0.0, now);
        }
        if self.transport.set_playing(playing, now) {
            let serial = self.transport.serial();
            self.sound.send(if playing { EngineOrder::Play(serial) } else { EngineOrder::Pause(serial) });
        }
    }

    pub(super) fn seek(&mut self, seconds: f64, now: f64) {
        let at = self.transport.seek(seconds, now);
        self.send_seek(at);
        self.view.reveal(at);
    }

    pub(super) fn send_seek(&mut self, at: f64) {
        if let Some(loaded) = &self.loaded {
            self.sound.send(EngineOrder::Seek(loaded.frame(at), self.transport.serial()));
        }
    }

    pub(super) fn mix(&mut self, change: impl FnOnce(&mut Mix)) {
        change(&mut self.settings.mix);
        self.sound.send(EngineOrder::Mix(self.settings.mix));
    }

    /// Switches to the other source at the same musical moment.
    pub(super) fn flip(&mut self) {
        self.mix(|mix| {
            mix.listen = if mix.listen == Listen::Midi { Listen::Recording } else { Listen::Midi };
        });
    }

    pub(super) fn next_click(&mut self) {
        self.mix(|mix| mix.click = mix.click.next());
        let when = self.settings.mix.click;
        self.say(if when == Click::Off { "No clicks".into() } else { format!("Clicks at {}", when.name()) });
    }

    /// The current loop, or else the last one.
    pub fn region(&self) -> Option<(f64, f64)> {
        self.transport.region().or(self.region)
    }

    /// How much later the MIDI sounds than the alignment says, in milliseconds.
    pub fn offset_ms(&self) -> f64 {
        self.offset_ms
    }

    /// Whether playback is waiting for sound that is being stretched.
    pub fn waits_for_sound(&self) -> bool {
        self.transport.playing() && self.sound.clock().is_some_and(|clock| clock.waiting())
    }

    pub(super) fn set_loop(&mut self, region: Option<(f64, f64)>, now: f64) {
        let region = self.transport.set_loop(region, now);
        self.region = region.or(self.region);
        self.send_loop();
        let second = |s: f64| crate::picture::axis::clock_text(s, 0.01);
        self.say(match region {
            Some((start, end)) => format!("Loop from {} to {}", second(start), second(end)),
            None => "Loop off".into(),
        });
    }

    fn send_loop(&mut self) {
        if let Some(loaded) = &self.loaded {
            let region = self.transport.region().map(|(start, end)| (loaded.frame(start), loaded.frame(end)));
            self.sound.send(EngineOrder::Loop(region, self.transport.serial()));
        }
    }

    /// Turns the loop on or off: the last loop, or the visible part.
    pub(super) fn toggle_loop(&mut self, now: f64) {
        let region = match (self.transport.region(), self.region) {
            (Some(_), _) => None,
            (None, Some(last)) => Some(last),
            (None, None) => Some((self.view.start(), self.view.end())),
        };
        self.set_loop(region, now);
    }

    /// Moves an edge of the loop to the playhead; if it would pass the other edge, that one goes to the very end or
    /// start.
    pub(super) fn set_edge(&mut self, edge: Edge, now: f64) {
        let (at, seconds) = (self.transport.position(now), self.transport.seconds());
        let (start, end) = self.region().unwrap_or((0.0, seconds));
        self.set_loop(
            Some(match edge {
                Edge::In => (at, if end > at { end } else { seconds }),
                Edge::Out => (if start < at { start } else { 0.0 }, at),
            }),
            now,
        );
    }

    /// Loops the visible unreliable stretch nearest to the playhead.
    pub(super) fn loop_unreliable(&mut self, now: f64) {
        let at = self.transport.position(now);
        let stretches = self.aligned().map(|aligned| aligned.alignment.unreliable.clone()).unwrap_or_default();
        let away = |&(start, end): &(f64, f64)| (start - at).max(at - end).max(0.0);
        let seen = stretches.into_iter().filter(|&(start, end)| end > self.view.start() && start < self.view.end());
        match seen.min_by(|a, b| away(a).total_cmp(&away(b))) {
            Some(stretch) => self.set_loop(Some(stretch), now),
            None => self.say("No unreliable stretch is in sight".into()),
        }
    }

    pub(super) fn zoom_to_loop(&mut self) {
        if let Some((start, end)) = self.region() {
            self.view.zoom(self.view.shown() / (end - start), f64::midpoint(start, end));
            self.view.pan(start - self.view.start());
        }
    }

    pub(super) fn set_speed(&mut self, speed: f64) {
        self.settings.rendition = self.settings.rendition.at_speed(speed);
        self.say(format!("Speed {:.2}", self.settings.rendition.speed));
    }

    /// Changes the speed by this many steps.
    pub(super) fn step_speed(&mut self, steps: f64) {
        self.set_speed(self.settings.rendition.speed + steps * SPEED_STEP);
    }

    pub(super) fn swap_warp(&mut self) {
        let warp = &mut self.settings.rendition.warp;
        *warp = if *warp == Warp::Midi { Warp::Recording } else { Warp::Midi };
        let moved = if *warp == Warp::Midi { "The MIDI is moved to the recording's time" } else { STRETCHED };
        self.say(moved.into());
    }

    /// Delays the MIDI by this many milliseconds more; `None` resets the offset.
    pub(super) fn nudge(&mut self, by_ms: Option<f64>) {
        self.offset_ms = by_ms.map_or(0.0, |by| (self.offset_ms + by).clamp(-FARTHEST_MS, FARTHEST_MS));
        self.mark_changed();
        self.send_offset();
        self.say(format!("Offset {:+.0} ms", self.offset_ms));
    }

    /// Restores an earlier offset.
    pub(super) fn put_offset(&mut self, offset_ms: f64) {
        if (self.offset_ms - offset_ms).abs() > 0.0 {
            self.offset_ms = offset_ms;
            self.mark_changed();
            self.send_offset();
        }
    }

    fn send_offset(&mut self) {
        if let Some(loaded) = &self.loaded {
            let frames = self.offset_ms / 1000.0 * f64::from(loaded.material.sample_rate());
            self.sound.send(EngineOrder::Offset(frames.round() as i64));
        }
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

    /// Resets the loop and the offset, which belong to the pair.
    pub(super) fn forget_place(&mut self, now: f64) {
        self.region = None;
        self.offset_ms = 0.0;
        self.transport.set_loop(None, now);
        self.send_loop();
        self.send_offset();
    }

    /// Starts to prepare the selected pair, unless it is already playing.
    pub(super) fn prepare_to_play(&mut self) {
        let Some(sample_rate) = self.sound.sample_rate() else { return };
        let what = ProgrammeKey {
            midi: self.midi.as_ref().map(|(number, _)| *number),
            candidate: self.recording().and(self.candidate()).map(|candidate| candidate.id),
            aligned: self.aligned().is_some(),
            sample_rate,
        };
        let wanted = (what, self.settings.rendition);
        if self.heard == Some(wanted) || !self.playable() {
            return;
        }
        self.heard = Some(wanted);
        let (rendition, at) = (self.settings.rendition, self.playhead);
        if let Some((_, material)) = self.materials.iter().find(|(made_of, _)| *made_of == what) {
            return self.loads.prepare_again(Arc::clone(material), rendition, at);
        }
        let recording = self.recording().and(self.candidate()).and_then(|candidate| candidate.sound.clone());
        // Until it is aligned, the MIDI is not played along with a recording.
        let midi = self.midi().filter(|_| self.candidate().is_none() || what.aligned).cloned();
        let aligned = self.aligned().cloned();
        self.loads.prepare(midi, aligned, recording, sample_rate, rendition, at);
    }

    /// Keeps a pair's material, so that it can be played again at once.
    pub(super) fn keep_material(&mut self, what: ProgrammeKey, material: Arc<Material>) {
        self.materials.retain(|(made_of, _)| *made_of != what);
        if self.materials.len() >= KEPT {
            self.materials.remove(0);
        }
        self.materials.push((what, material));
    }

    /// Forgets a candidate's material: its alignment has changed.
    pub(super) fn forget_material(&mut self, candidate: u64) {
        self.materials.retain(|(made_of, _)| made_of.candidate != Some(candidate));
        if self.heard.is_some_and(|(what, _)| what.candidate == Some(candidate)) {
            self.heard = None;
        }
    }

    pub(super) fn play_programme(&mut self, prepared: Prepared, now: f64) {
        let Some((what, rendition)) = self.heard.filter(|heard| heard.1 == prepared.rendition) else { return };
        let material = prepared.material;
        self.keep_material(what, Arc::clone(&material));
        self.loads.stretch(prepared.stretch);
        let at = self.transport.position(now);
        let goes_on = self
            .loaded
            .as_ref()
            .is_some_and(|loaded| Arc::ptr_eq(&loaded.material, &material) && loaded.rendition.warp == rendition.warp);
        self.loaded = Some(Loaded { material, rendition });
        self.sound.send(EngineOrder::Load(prepared.programme));
        self.send_offset();
        self.send_loop();
        if std::mem::take(&mut self.resume) {
            self.send_seek(at);
            self.play(true, now);
        } else if !self.transport.playing() {
            self.send_seek(at);
        } else if !goes_on {
            // Already playing (by the clock, or an older programme): the engine continues from the playhead.
            self.transport.seek(at, now);
            self.send_seek(at);
            self.play(true, now);
        }
    }

    /// Takes in a new device, or lets go of a lost one.
    pub(super) fn sound_changed(&mut self) {
        (self.heard, self.loaded) = (None, None);
        self.sound.send(EngineOrder::Mix(self.settings.mix));
        self.say(self.sound.describe());
    }

    /// Moves the playhead to what is heard now.
    pub(super) fn follow_sound(&mut self, now: f64) {
        let speed = self.settings.rendition.speed;
        if let (Some(clock), Some(loaded)) = (self.sound.clock(), &self.loaded) {
            let seconds = clock.heard() as f64 / f64::from(loaded.material.sample_rate());
            let heard = loaded.to_audio(seconds);
            let slope = (loaded.to_audio(seconds + 0.05) - heard) / 0.05;
            self.transport.set_rate(loaded.rendition.speed * slope, now);
            self.transport.follow(&clock, heard, now);
        } else {
            self.transport.set_rate(speed, now);
            self.transport.follow_silently(now);
            if self.resume && self.playable() && self.sound.clock().is_none() {
                self.play(true, now);
            }
        }
    }
}

const STRETCHED: &str = "The recording is stretched to the MIDI's time";
