//! [`Transport`]: play, pause, seek and the playhead, with or without a sound device.

use super::engine::Clock;

/// Beyond this the playhead jumps to where the device says it is; below it glides, so that it never stutters.
const JUMP_S: f64 = 0.08;

/// The state of playing as the window sees it. `now` is any steady clock in seconds.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    playing: bool,
    at: f64,
    since: f64,
    /// Where the last seek went: the playhead does not show what was rendered before it.
    floor: f64,
    seconds: f64,
    serial: u64,
}

impl Transport {
    /// Whether it plays.
    pub fn playing(&self) -> bool {
        self.playing
    }

    /// Length of what can be played, in seconds.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Serial number of the last order.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Where the playhead is, in seconds.
    pub fn position(&self, now: f64) -> f64 {
        let passed = if self.playing { (now - self.since).max(0.0) } else { 0.0 };
        (self.at + passed).min(self.seconds)
    }

    /// Sets the length; the position stays where it can.
    pub fn set_seconds(&mut self, seconds: f64, now: f64) {
        self.at = self.position(now).min(seconds);
        self.since = now;
        self.seconds = seconds;
    }

    /// Starts (from the beginning when it stands at the end) or stops. Returns false when there is nothing to play.
    pub fn set_playing(&mut self, playing: bool, now: f64) -> bool {
        if playing && self.seconds <= 0.0 {
            return false;
        }
        self.at = self.position(now);
        self.since = now;
        self.floor = self.at;
        self.playing = playing;
        self.serial += 1;
        true
    }

    /// Goes to `seconds`, kept within the length. Returns where it went.
    pub fn seek(&mut self, seconds: f64, now: f64) -> f64 {
        self.at = seconds.clamp(0.0, self.seconds);
        self.since = now;
        self.floor = self.at;
        self.serial += 1;
        self.at
    }

    /// Whether it has run to the end.
    pub fn at_end(&self, now: f64) -> bool {
        self.position(now) >= self.seconds
    }

    /// Follows the device: what is heard now is what was rendered a latency ago. Small differences are glided over, and
    /// the playhead never steps back for them.
    pub fn follow(&mut self, clock: &Clock, sample_rate: u32, now: f64) {
        if clock.serial() != self.serial || !self.playing {
            return;
        }
        if !clock.playing() {
            self.stop_at(clock.position() as f64 / f64::from(sample_rate));
            return;
        }
        let heard = clock.position().saturating_sub(clock.latency()) as f64 / f64::from(sample_rate);
        let shown = self.position(now);
        let difference = heard.max(self.floor) - shown;
        self.at = if difference.abs() > JUMP_S { shown + difference } else { shown + 0.05 * difference };
        self.since = now;
    }

    /// Follows the clock alone: without a device playing ends at the end.
    pub fn follow_silently(&mut self, now: f64) {
        if self.playing && self.at_end(now) {
            self.stop_at(self.seconds);
        }
    }

    fn stop_at(&mut self, seconds: f64) {
        self.at = seconds.min(self.seconds);
        self.playing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playback::{Engine, Order, Programme, Source};
    use std::sync::Arc;

    fn ready(seconds: f64) -> Transport {
        let mut transport = Transport::default();
        transport.set_seconds(seconds, 0.0);
        transport
    }

    #[test]
    fn advances_by_the_clock_and_stops_at_the_end() {
        let mut transport = ready(10.0);
        assert!(transport.set_playing(true, 100.0));
        assert!((transport.position(103.0) - 3.0).abs() < 1e-9);
        transport.follow_silently(112.0);
        assert!(!transport.playing());
        assert!((transport.position(120.0) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn seeks_are_kept_within_the_length() {
        let mut transport = ready(10.0);
        assert!((transport.seek(99.0, 0.0) - 10.0).abs() < 1e-9);
        assert!(transport.seek(-5.0, 0.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_to_play_does_not_start() {
        assert!(!Transport::default().set_playing(true, 0.0));
    }

    #[test]
    fn playhead_is_what_is_heard_not_what_is_rendered() {
        let wave =
            Arc::new(crate::audio::Stereo { left: vec![0.1; 48_000], right: vec![0.1; 48_000], sample_rate: 48_000 });
        let programme = Programme::new(None, Some(Source::samples(wave)), 1.0, 48_000, &crate::job::Progress::silent())
            .expect("made");
        let mut engine = Engine::new(48_000);
        let clock = engine.clock();
        clock.set_latency(4_800);
        let mut transport = ready(1.0);
        transport.set_playing(true, 0.0);
        assert!(engine.obey(Order::Load(Box::new(programme))).is_none());
        assert!(engine.obey(Order::Play(transport.serial())).is_none());
        let mut out = vec![0.0; 2 * 24_000];
        engine.render(&mut out);
        transport.follow(&clock, 48_000, 0.4);
        assert!((transport.position(0.4) - 0.4).abs() < 1e-3);
        // A stale clock (an order not yet obeyed) is not followed.
        transport.seek(0.9, 0.4);
        transport.follow(&clock, 48_000, 0.4);
        assert!((transport.position(0.4) - 0.9).abs() < 1e-9);
    }
}
