//! [`Transport`]: play, pause, seek, loop and the playhead, with or without a sound device.

use super::engine::{Clock, MIN_LOOP_S};

/// Beyond this difference the playhead jumps to the position that the device reports; below it glides, so that it never
/// stutters.
const JUMP_S: f64 = 0.08;
/// Share of a small difference that is corrected per frame of the window.
const GLIDE: f64 = 0.05;

/// The state of playback as the window sees it. `now` is any steady clock in seconds; positions are seconds of the
/// recording.
#[derive(Debug, Clone)]
pub struct Transport {
    playing: bool,
    at: f64,
    since: f64,
    seconds: f64,
    serial: u64,
    rate: f64,
    region: Option<(f64, f64)>,
}

impl Default for Transport {
    fn default() -> Self {
        Self { playing: false, at: 0.0, since: 0.0, seconds: 0.0, serial: 0, rate: 1.0, region: None }
    }
}

impl Transport {
    /// Whether it is playing.
    pub fn playing(&self) -> bool {
        self.playing
    }

    /// Length of the playable material, in seconds.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Serial number of the last order.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// The loop, if one is on.
    pub fn region(&self) -> Option<(f64, f64)> {
        self.region
    }

    /// Where the playhead is, in seconds.
    pub fn position(&self, now: f64) -> f64 {
        if !self.playing {
            return self.at;
        }
        let reached = self.at + (now - self.since).max(0.0) * self.rate;
        match self.region {
            Some((start, end)) if (start..end).contains(&self.at) => start + (reached - start).rem_euclid(end - start),
            _ => reached.min(self.seconds),
        }
    }

    fn settle(&mut self, now: f64) {
        self.at = self.position(now);
        self.since = now;
    }

    /// Sets the length; the position is kept if possible.
    pub fn set_seconds(&mut self, seconds: f64, now: f64) {
        self.at = self.position(now).min(seconds);
        self.since = now;
        self.seconds = seconds;
    }

    /// Sets how many seconds of the recording pass per second.
    pub fn set_rate(&mut self, rate: f64, now: f64) {
        self.settle(now);
        self.rate = rate;
    }

    /// Starts (from the beginning if it is at the end) or stops. Returns false if there is nothing to play.
    pub fn set_playing(&mut self, playing: bool, now: f64) -> bool {
        if playing && self.seconds <= 0.0 {
            return false;
        }
        self.settle(now);
        self.playing = playing;
        self.serial += 1;
        self.stay_inside();
        true
    }

    /// Goes to `seconds`, kept within the length and, while playing, within the loop. Returns where it went.
    pub fn seek(&mut self, seconds: f64, now: f64) -> f64 {
        self.at = seconds.clamp(0.0, self.seconds);
        self.since = now;
        self.serial += 1;
        self.stay_inside();
        self.at
    }

    /// Turns the loop on between two moments (in either order, made at least `MIN_LOOP_S` long), or off. While
    /// playing, the playhead is moved into it at once; if it is already inside, it stays. Returns the resulting loop.
    pub fn set_loop(&mut self, region: Option<(f64, f64)>, now: f64) -> Option<(f64, f64)> {
        self.settle(now);
        self.region = region.filter(|(a, b)| a.is_finite() && b.is_finite()).map(|(a, b)| {
            let start = a.min(b).clamp(0.0, (self.seconds - MIN_LOOP_S).max(0.0));
            (start, a.max(b).max(start + MIN_LOOP_S))
        });
        self.serial += 1;
        self.stay_inside();
        self.region
    }

    fn stay_inside(&mut self) {
        if let (true, Some((start, end))) = (self.playing, self.region)
            && !(start..end).contains(&self.at)
        {
            self.at = start;
        }
    }

    /// Whether it has reached the end.
    pub fn at_end(&self, now: f64) -> bool {
        self.position(now) >= self.seconds
    }

    /// Follows the device: `heard` is the second of the recording that is heard now. Small differences are smoothed
    /// out, and the playhead never steps back for them.
    pub fn follow(&mut self, clock: &Clock, heard: f64, now: f64) {
        if clock.serial() != self.serial || !self.playing {
            return;
        }
        if !clock.playing() {
            self.stop_at(heard);
            return;
        }
        if clock.waiting() {
            (self.at, self.since) = (heard, now);
            return;
        }
        self.settle(now);
        let mut difference = heard - self.at;
        if let Some((start, end)) = self.region.filter(|(start, end)| (*start..*end).contains(&self.at)) {
            // Around a loop, the shorter way counts.
            let length = end - start;
            difference = (difference + 0.5 * length).rem_euclid(length) - 0.5 * length;
            let to = self.at + if difference.abs() > JUMP_S { difference } else { GLIDE * difference };
            self.at = start + (to - start).rem_euclid(length);
        } else {
            self.at += if difference.abs() > JUMP_S { difference } else { GLIDE * difference };
        }
    }

    /// Follows the clock alone: without a device, playback stops at the end.
    pub fn follow_silently(&mut self, now: f64) {
        if self.playing && self.region.is_none() && self.at_end(now) {
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
    use crate::playback::engine::Engine;
    use crate::playback::{EngineOrder, Programme, Source};

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
        transport.set_rate(0.5, 103.0);
        assert!((transport.position(105.0) - 4.0).abs() < 1e-9);
        transport.follow_silently(118.0);
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
    fn a_loop_turns_round_moves_the_playhead_in_and_never_rewinds() {
        let mut transport = ready(10.0);
        transport.set_playing(true, 0.0);
        assert_eq!(transport.set_loop(Some((5.0, 4.0)), 1.0), Some((4.0, 5.0)));
        assert!((transport.position(1.0) - 4.0).abs() < 1e-9);
        assert!((transport.position(2.25) - 4.25).abs() < 1e-9);
        // Moving an edge leaves the playhead where it is.
        transport.set_loop(Some((3.0, 4.8)), 1.5);
        assert!((transport.position(1.5) - 4.5).abs() < 1e-9);
        // A loop that is too short is lengthened; turning it off lets playback go straight on.
        let (start, end) = transport.set_loop(Some((4.5, 4.501)), 1.5).expect("on");
        assert!((end - start - MIN_LOOP_S).abs() < 1e-9);
        transport.set_loop(None, 1.5);
        assert!((transport.position(3.5) - 6.5).abs() < 1e-9);
    }

    #[test]
    fn playhead_is_what_is_heard_not_what_is_rendered() {
        let programme = Programme::plain(None, Some(Source::samples(vec![0.1; 48_000].into())), 1.0, 48_000);
        let mut engine = Engine::new(48_000);
        let clock = engine.clock();
        clock.set_latency(4_800);
        let mut transport = ready(1.0);
        transport.set_playing(true, 0.0);
        assert!(engine.obey(EngineOrder::Load(Box::new(programme))).is_none());
        assert!(engine.obey(EngineOrder::Play(transport.serial())).is_none());
        let mut out = vec![0.0; 2 * 24_000];
        engine.render(&mut out);
        assert_eq!((clock.position(), clock.heard()), (24_000, 19_200));
        transport.follow(&clock, 0.4, 0.4);
        assert!((transport.position(0.4) - 0.4).abs() < 1e-3);
        // A stale clock (an order not yet obeyed) is not followed.
        transport.seek(0.9, 0.4);
        transport.follow(&clock, 0.4, 0.4);
        assert!((transport.position(0.4) - 0.9).abs() < 1e-9);
    }
}
