//! [`Engine`]: plays a [`Programme`] into a buffer, as an audio callback must: no allocation, lock, log or file.
//!
//! Orders and the [`Clock`] count samples of the *timeline*, the programme's clock at speed 1; internally the engine
//! counts samples of the output. Everything that would click (seek, loop wrap, another programme, another offset) is
//! done in the silence between a fade-out and a fade-in.

use super::mixer::{FADE_S, Gains, Mix, fade, limit};
use super::programme::{Blocks, Programme};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Samples rendered at once; orders are obeyed between blocks, so this is also their granularity (5 ms).
pub(super) const BLOCK: usize = 256;

/// Shortest loop: anything shorter would be nothing but fades.
pub(crate) const MIN_LOOP_S: f64 = 0.050;

/// An order from the window to the engine. Transport orders carry a serial number, so that the window knows which of
/// its orders the [`Clock`] already reflects.
pub enum EngineOrder {
    /// Play another programme, from the same position.
    Load(Box<Programme>),
    /// Start at the current position.
    Play(u64),
    /// Stop at the current position.
    Pause(u64),
    /// Go to a sample of the timeline.
    Seek(u64, u64),
    /// Loop between two samples of the timeline, or (`None`) don't.
    Loop(Option<(u64, u64)>, u64),
    /// Delay the MIDI by this many samples of the timeline.
    Offset(i64),
    /// Change the mix.
    Mix(Mix),
}

/// The engine's report of its state; written by the audio thread, read by the window.
#[derive(Debug, Default)]
pub struct Clock {
    position: AtomicU64,
    heard: AtomicU64,
    serial: AtomicU64,
    playing: AtomicBool,
    waiting: AtomicBool,
    rendered: AtomicU64,
    latency: AtomicU64,
}

impl Clock {
    /// The next sample to be rendered, on the timeline.
    #[cfg(test)]
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// The sample that leaves the loudspeaker now, on the timeline: the one rendered a latency ago, but none from
    /// before the last jump.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// The last transport order that the other values reflect.
    pub fn serial(&self) -> u64 {
        self.serial.load(Ordering::Acquire)
    }

    /// Whether it is playing; false after the end.
    pub fn playing(&self) -> bool {
        self.playing.load(Ordering::Relaxed)
    }

    /// Whether it is waiting for sound that is still being made.
    pub fn waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Samples rendered since the engine was made, silence included: shows that the device is alive.
    pub fn rendered(&self) -> u64 {
        self.rendered.load(Ordering::Relaxed)
    }

    /// Samples between rendering and hearing, as far as that is known.
    pub fn latency(&self) -> u64 {
        self.latency.load(Ordering::Relaxed)
    }

    /// Sets the latency of the device; called by the device.
    pub fn set_latency(&self, frames: u64) {
        self.latency.store(frames, Ordering::Relaxed);
    }
}

/// Plays a programme. See the module.
pub struct Engine {
    sample_rate: u32,
    fade_frames: usize,
    programme: Option<Box<Programme>>,
    next: Option<Box<Programme>>,
    retired: Option<Box<Programme>>,
    /// Next sample of the output, counted from the programme's start.
    position: u64,
    /// Where to go, on the timeline.
    seek: Option<u64>,
    /// Whether the sources have to be told their position.
    adrift: bool,
    region: Option<(u64, u64)>,
    offset: i64,
    serial: u64,
    playing: bool,
    /// Samples since the last jump (a loop's wrap is not one), and whether playback has wrapped since.
    since_jump: u64,
    wrapped: bool,
    /// How far the transport is faded in: 0 silent, `fade_frames` full.
    faded: usize,
    from: Gains,
    to: Gains,
    /// How far the gains have moved towards their targets, in samples.
    ramp: usize,
    clock: Arc<Clock>,
    midi: [f32; BLOCK],
    recording: [f32; BLOCK],
    beats: [f32; BLOCK],
    onsets: [f32; BLOCK],
    spare: [f32; BLOCK],
}

impl Engine {
    /// Makes an engine with nothing to play.
    pub fn new(sample_rate: u32) -> Self {
        let gains = Mix::default().gains();
        let fade_frames = ((FADE_S * f64::from(sample_rate)) as usize).max(1);
        Self {
            sample_rate,
            fade_frames,
            programme: None,
            next: None,
            retired: None,
            position: 0,
            seek: None,
            adrift: false,
            region: None,
            offset: 0,
            serial: 0,
            playing: false,
            since_jump: 0,
            wrapped: false,
            faded: 0,
            from: gains,
            to: gains,
            ramp: fade_frames,
            clock: Arc::new(Clock::default()),
            midi: [0.0; BLOCK],
            recording: [0.0; BLOCK],
            beats: [0.0; BLOCK],
            onsets: [0.0; BLOCK],
            spare: [0.0; BLOCK],
        }
    }

    /// Its clock.
    pub fn clock(&self) -> Arc<Clock> {
        Arc::clone(&self.clock)
    }

    /// Takes an order, which becomes audible after a fade of 10 ms. Returns a programme that was never played, for the
    /// caller to drop elsewhere.
    #[must_use = "dropping a programme frees memory, which the audio thread must not do"]
    pub fn obey(&mut self, order: EngineOrder) -> Option<Box<Programme>> {
        match order {
            EngineOrder::Load(programme) => return self.next.replace(programme),
            EngineOrder::Play(serial) => {
                if !self.playing {
                    self.since_jump = 0;
                    self.wrapped = false;
                }
                self.playing = true;
                self.serial = serial;
                self.stay_inside();
            }
            EngineOrder::Pause(serial) => {
                self.playing = false;
                self.serial = serial;
            }
            EngineOrder::Seek(frame, serial) => {
                self.seek = Some(frame);
                self.serial = serial;
                self.stay_inside();
            }
            EngineOrder::Loop(region, serial) => {
                let shortest = (MIN_LOOP_S * f64::from(self.sample_rate)).ceil() as u64;
                self.region = region.map(|(start, end)| (start, end.max(start + shortest)));
                self.serial = serial;
                self.stay_inside();
            }
            EngineOrder::Offset(frames) => {
                self.adrift = self.adrift || self.offset != frames;
                self.offset = frames;
            }
            EngineOrder::Mix(mix) => {
                self.from = self.gains();
                self.to = mix.gains();
                self.ramp = 0;
            }
        }
        None
    }

    /// The programme that was replaced, for the caller to drop elsewhere.
    pub fn take_retired(&mut self) -> Option<Box<Programme>> {
        self.retired.take()
    }

    /// Fills `out` (left, right, left, right …).
    pub fn render(&mut self, out: &mut [f32]) {
        let total = out.len() / 2;
        let mut done = 0;
        while done < total {
            if self.faded == 0 {
                self.change_over();
            }
            let count = (total - done).min(BLOCK);
            let block = &mut out[2 * done..2 * (done + count)];
            let left = self.end().saturating_sub(self.position);
            let sounds = self.faded > 0 || (self.playing && left > self.fade_frames as u64 && self.ready());
            if sounds {
                done += self.render_block(block);
                continue;
            }
            let mut silent = count;
            if self.playing && left <= self.fade_frames as u64 {
                // Too near the end to fade in and out: the rest of a loop is silent, but lasts as long as it should.
                silent = silent.min(left.max(1) as usize);
                self.position += (silent as u64).min(left);
                self.since_jump += silent as u64;
                self.adrift = true;
            }
            block[..2 * silent].fill(0.0);
            done += silent;
        }
        self.publish(total as u64);
    }

    fn gains(&self) -> Gains {
        self.from.toward(&self.to, self.ramp as f32 / self.fade_frames as f32)
    }

    fn speed(&self) -> f64 {
        self.programme.as_ref().map_or(1.0, |programme| programme.speed())
    }

    /// Converts samples of the timeline to samples of the output.
    fn output(&self, timeline: u64) -> u64 {
        (timeline as f64 / self.speed()).round() as u64
    }

    fn timeline(&self, output: u64) -> u64 {
        (output as f64 * self.speed()).round() as u64
    }

    /// The loop in samples of the output.
    fn bounds(&self) -> Option<(u64, u64)> {
        self.region.map(|(start, end)| (self.output(start), self.output(end)))
    }

    /// Keeps playback inside the loop while one is on.
    fn stay_inside(&mut self) {
        if let (true, Some((start, end))) = (self.playing, self.region) {
            let at = self.seek.unwrap_or_else(|| self.timeline(self.position));
            if !(start..end).contains(&at) {
                self.seek = Some(start);
            }
        }
    }

    /// The sample of the output at which it stops or wraps.
    fn end(&self) -> u64 {
        let whole = self.programme.as_ref().map_or(0, |programme| programme.frames());
        match self.bounds() {
            Some((start, end)) if self.programme.is_some() && (start..=end).contains(&self.position) => end,
            _ => whole,
        }
    }

    /// Whether what is heard next has been made: a fade-out must always be possible.
    fn ready(&self) -> bool {
        let ahead = BLOCK + self.fade_frames;
        self.programme.as_ref().is_none_or(|programme| programme.ready(self.position, ahead))
    }

    /// Whether the next programme can begin. The old one goes on until its first sound is made. A replaced programme
    /// that nobody has fetched yet blocks it too: dropping that here would free memory.
    fn can_swap(&self) -> bool {
        let Some(next) = self.next.as_ref().filter(|_| self.retired.is_none()) else { return false };
        let at = self.seek.unwrap_or_else(|| self.timeline(self.position));
        let frame = (at as f64 / next.speed()).round() as u64;
        !self.playing || next.ready(frame, BLOCK + self.fade_frames)
    }

    /// Whether a seek is due: one that arrived with a new programme applies to that programme.
    fn can_seek(&self) -> bool {
        self.seek.is_some() && self.next.is_none()
    }

    /// Does what must not be heard: swaps programmes, jumps. Called only in silence.
    fn change_over(&mut self) {
        if self.can_swap() {
            let at = self.timeline(self.position);
            self.retired = std::mem::replace(&mut self.programme, self.next.take());
            self.seek = self.seek.or(Some(at));
        }
        let whole = self.programme.as_ref().map_or(0, |programme| programme.frames());
        if self.can_seek()
            && let Some(frame) = self.seek.take()
        {
            let furthest = self.bounds().map_or(whole, |(_, end)| end.max(whole));
            self.position = self.output(frame).min(furthest);
            self.since_jump = 0;
            self.wrapped = false;
            self.adrift = true;
        }
        if self.playing && self.position >= self.end() {
            if let Some((start, _)) = self.bounds().filter(|_| self.programme.is_some()) {
                self.position = start;
                self.wrapped = true;
                self.adrift = true;
            } else {
                self.position = whole;
                self.playing = false;
            }
        }
        if std::mem::take(&mut self.adrift) {
            let shift = (self.offset as f64 / self.speed()).round() as i64;
            if let Some(programme) = &mut self.programme {
                programme.seek(self.position, shift);
            }
        }
    }

    /// Renders up to one block, stopping where a fade-out ends. Returns the number of sample pairs written.
    fn render_block(&mut self, out: &mut [f32]) -> usize {
        let left = self.end().saturating_sub(self.position) as usize;
        let rising = self.playing
            && !(self.can_seek() || self.adrift || self.can_swap())
            && left > self.fade_frames
            && self.ready();
        let mut count = out.len() / 2;
        if rising {
            // Leave room for the fade at the end.
            count = count.min(left - self.fade_frames);
        } else {
            count = count.min(self.faded.max(1));
        }
        let Some(programme) = &mut self.programme else {
            self.faded = 0;
            out.fill(0.0);
            return out.len() / 2;
        };
        programme.render(Blocks {
            midi: &mut self.midi[..count],
            recording: &mut self.recording[..count],
            beats: &mut self.beats[..count],
            onsets: &mut self.onsets[..count],
            spare: &mut self.spare[..count],
        });
        for i in 0..count {
            self.faded = if rising { (self.faded + 1).min(self.fade_frames) } else { self.faded.saturating_sub(1) };
            self.ramp = (self.ramp + 1).min(self.fade_frames);
            let height = fade(self.faded as f32 / self.fade_frames as f32);
            let gains = self.from.toward(&self.to, self.ramp as f32 / self.fade_frames as f32);
            let clicks = self.beats[i] * gains.beats + self.onsets[i] * gains.onsets;
            for side in 0..2 {
                let mixed = self.midi[i] * gains.midi[side] + self.recording[i] * gains.recording[side] + clicks;
                out[2 * i + side] = limit(mixed * height);
            }
        }
        self.position += count as u64;
        self.since_jump += count as u64;
        count
    }

    /// The sample of the output that is heard now. In a loop, what was rendered before its start is its end.
    fn heard(&self) -> u64 {
        let late = self.clock.latency().min(self.since_jump) as i64;
        let back = self.position as i64 - late;
        match self.bounds() {
            Some((start, end)) if self.wrapped && back < start as i64 => {
                start + (back - start as i64).rem_euclid((end - start).max(1) as i64) as u64
            }
            _ => back.max(0) as u64,
        }
    }

    fn publish(&self, rendered: u64) {
        let heard = if self.playing { self.heard() } else { self.position };
        self.clock.position.store(self.timeline(self.position), Ordering::Relaxed);
        self.clock.heard.store(self.timeline(heard), Ordering::Relaxed);
        self.clock.playing.store(self.playing, Ordering::Relaxed);
        self.clock.waiting.store(self.playing && !self.ready(), Ordering::Relaxed);
        self.clock.rendered.fetch_add(rendered, Ordering::Relaxed);
        // A seek that is still fading out is not shown yet.
        if self.seek.is_none() {
            self.clock.serial.store(self.serial, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests;
