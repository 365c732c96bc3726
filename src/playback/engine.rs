//! [`Engine`]: plays a [`Programme`] into a buffer, as an audio callback wants it: no allocation, lock, log or file.

use super::mixer::{FADE_S, Gains, Mix, fade, limit};
use super::programme::Programme;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Samples rendered at once; orders are obeyed between two blocks, so this is also their granularity (5 ms).
pub(super) const BLOCK: usize = 256;

/// What the window asks of the engine. Transport orders carry a serial number, so that the window knows which of its
/// orders the [`Clock`] already shows.
pub enum Order {
    /// Play something else, from the same position.
    Load(Box<Programme>),
    /// Start at the position.
    Play(u64),
    /// Stop where it is.
    Pause(u64),
    /// Go to a sample.
    Seek(u64, u64),
    /// Change the mix.
    Mix(Mix),
}

/// What the engine says of itself; written by the audio thread, read by the window.
#[derive(Debug, Default)]
pub struct Clock {
    position: AtomicU64,
    serial: AtomicU64,
    playing: AtomicBool,
    rendered: AtomicU64,
    latency: AtomicU64,
}

impl Clock {
    /// The next sample to be rendered, on the programme's clock.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// The last transport order that [`position`](Self::position) and [`playing`](Self::playing) take account of.
    pub fn serial(&self) -> u64 {
        self.serial.load(Ordering::Acquire)
    }

    /// Whether it plays; false after the end.
    pub fn playing(&self) -> bool {
        self.playing.load(Ordering::Relaxed)
    }

    /// Samples rendered since the engine was made, silence included: shows that the device is alive.
    pub fn rendered(&self) -> u64 {
        self.rendered.load(Ordering::Relaxed)
    }

    /// Samples between rendering and hearing, as far as it is known.
    pub fn latency(&self) -> u64 {
        self.latency.load(Ordering::Relaxed)
    }

    /// Says how late the device is; called by the device.
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
    position: u64,
    seek: Option<u64>,
    serial: u64,
    playing: bool,
    /// How far the transport is faded in: 0 silent, `fade_frames` full.
    faded: usize,
    from: Gains,
    to: Gains,
    /// How far the gains are on their way, in samples.
    ramp: usize,
    clock: Arc<Clock>,
    midi: [f32; BLOCK],
    recording: [f32; BLOCK],
    spare: [f32; BLOCK],
}

impl Engine {
    /// An engine with nothing to play.
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
            serial: 0,
            playing: false,
            faded: 0,
            from: gains,
            to: gains,
            ramp: fade_frames,
            clock: Arc::new(Clock::default()),
            midi: [0.0; BLOCK],
            recording: [0.0; BLOCK],
            spare: [0.0; BLOCK],
        }
    }

    /// What it says of itself.
    pub fn clock(&self) -> Arc<Clock> {
        Arc::clone(&self.clock)
    }

    /// Takes an order. It shows in the sound after a fade of 10 ms. Returns a programme that was never played, for the
    /// caller to drop somewhere else.
    #[must_use = "dropping a programme frees memory, which the audio thread must not do"]
    pub fn obey(&mut self, order: Order) -> Option<Box<Programme>> {
        match order {
            Order::Load(programme) => return self.next.replace(programme),
            Order::Play(serial) => {
                self.playing = true;
                self.serial = serial;
            }
            Order::Pause(serial) => {
                self.playing = false;
                self.serial = serial;
            }
            Order::Seek(frame, serial) => {
                self.seek = Some(frame);
                self.serial = serial;
            }
            Order::Mix(mix) => {
                self.from = self.gains();
                self.to = mix.gains();
                self.ramp = 0;
            }
        }
        None
    }

    /// The programme that was replaced, for the caller to drop somewhere else.
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
            if self.playing || self.faded > 0 {
                let filled = self.render_block(block);
                done += filled;
            } else {
                block.fill(0.0);
                done += count;
            }
        }
        self.publish(total as u64);
    }

    fn gains(&self) -> Gains {
        self.from.toward(&self.to, self.ramp as f32 / self.fade_frames as f32)
    }

    /// Does what must not be heard: swaps programmes, jumps. Called in silence only.
    fn change_over(&mut self) {
        // A programme that nobody has fetched yet blocks the next: dropping it here would free memory.
        if self.next.is_some() && self.retired.is_none() {
            self.retired = std::mem::replace(&mut self.programme, self.next.take());
            self.seek = self.seek.or(Some(self.position));
        }
        let end = self.programme.as_ref().map_or(0, |p| p.frames());
        if let Some(frame) = self.seek.take() {
            self.position = frame.min(end);
            if let Some(programme) = &mut self.programme {
                programme.seek(self.position, self.sample_rate);
            }
        }
        if self.position >= end {
            self.playing = false;
        }
    }

    /// Renders up to one block, stopping where a fade out ends. Returns the number of samples pairs written.
    fn render_block(&mut self, out: &mut [f32]) -> usize {
        let Some(programme) = &mut self.programme else {
            self.playing = false;
            self.faded = 0;
            out.fill(0.0);
            return out.len() / 2;
        };
        let end = programme.frames();
        let left_to_play = end.saturating_sub(self.position) as usize;
        let waiting = self.seek.is_some() || (self.next.is_some() && self.retired.is_none());
        let rising = self.playing && !waiting && left_to_play > self.fade_frames;
        let mut count = out.len() / 2;
        if rising {
            // Leave room for the fade at the end.
            count = count.min(left_to_play - self.fade_frames);
        } else {
            count = count.min(self.faded.max(1));
        }
        let (midi, recording) = (&mut self.midi[..count], &mut self.recording[..count]);
        programme.render(midi, recording, &mut self.spare[..count]);
        for i in 0..count {
            self.faded = if rising { (self.faded + 1).min(self.fade_frames) } else { self.faded.saturating_sub(1) };
            self.ramp = (self.ramp + 1).min(self.fade_frames);
            let height = fade(self.faded as f32 / self.fade_frames as f32);
            let gains = self.from.toward(&self.to, self.ramp as f32 / self.fade_frames as f32);
            for side in 0..2 {
                let mixed = self.midi[i] * gains.midi[side] + self.recording[i] * gains.recording[side];
                out[2 * i + side] = limit(mixed * height);
            }
        }
        self.position += count as u64;
        if !rising && self.faded == 0 && self.playing && !waiting {
            // The fade at the end has run out.
            self.position = end;
            self.playing = false;
        }
        count
    }

    fn publish(&self, rendered: u64) {
        self.clock.position.store(self.position, Ordering::Relaxed);
        self.clock.playing.store(self.playing, Ordering::Relaxed);
        self.clock.rendered.fetch_add(rendered, Ordering::Relaxed);
        // A seek that still fades out is not shown yet.
        if self.seek.is_none() {
            self.clock.serial.store(self.serial, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mixer::Listen;
    use super::super::programme::Source;
    use super::*;
    use crate::audio::Stereo;
    use crate::job::Progress;

    const RATE: u32 = 48_000;

    fn sine(hertz: f32, seconds: f32) -> Source {
        let wave: Vec<f32> = (0..(seconds * RATE as f32) as usize)
            .map(|i| (std::f32::consts::TAU * hertz * i as f32 / RATE as f32).sin() * 0.4)
            .collect();
        Source::samples(Arc::new(Stereo { right: wave.clone(), left: wave, sample_rate: RATE }))
    }

    fn engine(midi_hertz: f32, recording_hertz: f32, seconds: f32) -> Engine {
        let programme = Programme::new(
            Some(sine(midi_hertz, seconds)),
            Some(sine(recording_hertz, seconds)),
            f64::from(seconds),
            RATE,
            &Progress::silent(),
        )
        .expect("made");
        let mut engine = Engine::new(RATE);
        assert!(engine.obey(Order::Load(Box::new(programme))).is_none());
        engine
    }

    fn render(engine: &mut Engine, frames: usize) -> Vec<f32> {
        let mut out = vec![0.0; 2 * frames];
        engine.render(&mut out);
        out
    }

    fn channel(interleaved: &[f32], side: usize) -> Vec<f32> {
        interleaved.iter().skip(side).step_by(2).copied().collect()
    }

    /// Peak of what is above 4 kHz, in dB full scale: a click of height h shows about h / 2, a sine of 250 Hz nothing
    /// (high-pass of 511 taps, Blackman window).
    fn splash(signal: &[f32]) -> f32 {
        use std::f32::consts::{PI, TAU};
        const TAPS: usize = 511;
        let middle = (TAPS / 2) as f32;
        let cut = 4000.0 / RATE as f32;
        let mut taps: Vec<f32> = (0..TAPS)
            .map(|i| {
                let (t, along) = (i as f32 - middle, i as f32 / (TAPS - 1) as f32);
                let low = if t == 0.0 { 2.0 * cut } else { (TAU * cut * t).sin() / (PI * t) };
                low * (0.42 - 0.5 * (TAU * along).cos() + 0.08 * (2.0 * TAU * along).cos())
            })
            .collect();
        let sum: f32 = taps.iter().sum();
        for tap in &mut taps {
            *tap /= -sum;
        }
        taps[TAPS / 2] += 1.0;
        let peak = signal
            .windows(TAPS)
            .map(|w| w.iter().zip(&taps).map(|(s, t)| s * t).sum::<f32>().abs())
            .fold(1e-9, f32::max);
        20.0 * peak.log10()
    }

    #[test]
    fn split_keeps_each_source_in_its_own_ear() {
        let mut engine = engine(300.0, 700.0, 2.0);
        assert!(engine.obey(Order::Mix(Mix { balance: -1.0, ..Mix::default() })).is_none());
        assert!(engine.obey(Order::Play(1)).is_none());
        let out = render(&mut engine, RATE as usize);
        let (heard, leaked) =
            (super::super::mixer::rms(&channel(&out, 0)), super::super::mixer::rms(&channel(&out, 1)));
        // The mix starts in the middle and moves within 10 ms; after that nothing of the MIDI is in the right ear.
        let later = super::super::mixer::rms(&channel(&out, 1)[RATE as usize / 10..]);
        assert!(heard > 0.05 && leaked < heard);
        assert!(20.0 * (later.max(1e-12) / heard).log10() <= -60.0);
    }

    #[test]
    fn nothing_clicks_at_start_stop_seek_and_flip() {
        let mut engine = engine(200.0, 250.0, 4.0);
        let mut out = render(&mut engine, 5000);
        assert!(engine.obey(Order::Play(1)).is_none());
        out.extend(render(&mut engine, 12_345));
        assert!(engine.obey(Order::Seek(77_777, 2)).is_none());
        out.extend(render(&mut engine, 12_345));
        assert!(engine.obey(Order::Mix(Mix { listen: Listen::Midi, ..Mix::default() })).is_none());
        out.extend(render(&mut engine, 12_345));
        assert!(engine.obey(Order::Pause(3)).is_none());
        out.extend(render(&mut engine, 9_000));
        for side in 0..2 {
            let click = splash(&channel(&out, side));
            assert!(click <= -60.0, "side {side}: {click} dB");
        }
        // The meter does see a click: the same sound cut off without a fade.
        let mut cut = channel(&out, 0);
        cut.truncate(12_000);
        cut.extend(vec![0.0; 4000]);
        assert!(splash(&cut) > -40.0);
    }

    #[test]
    fn position_follows_orders_and_stops_at_the_end() {
        let mut engine = engine(200.0, 250.0, 1.0);
        let clock = engine.clock();
        assert!(engine.obey(Order::Seek(40_000, 1)).is_none());
        render(&mut engine, 100);
        assert_eq!((clock.position(), clock.serial(), clock.playing()), (40_000, 1, false));
        assert!(engine.obey(Order::Play(2)).is_none());
        render(&mut engine, 1000);
        assert_eq!((clock.position(), clock.serial(), clock.playing()), (41_000, 2, true));
        let out = render(&mut engine, 20_000);
        assert_eq!((clock.position(), clock.playing()), (48_000, false));
        assert!(out[2 * 10_000..].iter().all(|&s| s == 0.0));
        assert_eq!(clock.rendered(), 21_100);
    }

    #[test]
    fn a_seek_while_playing_is_acknowledged_only_when_it_is_done() {
        let mut engine = engine(200.0, 250.0, 2.0);
        let clock = engine.clock();
        assert!(engine.obey(Order::Play(1)).is_none());
        render(&mut engine, 4000);
        assert!(engine.obey(Order::Seek(50_000, 2)).is_none());
        render(&mut engine, 100);
        assert_eq!(clock.serial(), 1);
        render(&mut engine, 1000);
        assert_eq!(clock.serial(), 2);
        assert!((50_000..51_100).contains(&clock.position()));
    }

    #[test]
    fn loading_while_playing_hands_the_old_programme_back_and_keeps_the_place() {
        let mut playing = engine(200.0, 250.0, 2.0);
        assert!(playing.obey(Order::Play(1)).is_none());
        render(&mut playing, 10_000);
        let other = Programme::new(Some(sine(90.0, 2.0)), None, 2.0, RATE, &Progress::silent()).expect("made");
        assert!(playing.obey(Order::Load(Box::new(other))).is_none());
        let out = render(&mut playing, 10_000);
        assert!(playing.take_retired().is_some());
        assert!(playing.clock().position() >= 19_000);
        assert!(splash(&channel(&out, 0)) <= -60.0);
    }

    #[test]
    fn loud_sources_stay_within_full_scale() {
        let mut engine = engine(200.0, 200.0, 1.0);
        assert!(engine.obey(Order::Mix(Mix { split: false, ..Mix::default() })).is_none());
        assert!(engine.obey(Order::Play(1)).is_none());
        assert!(render(&mut engine, 40_000).iter().all(|s| s.abs() <= 1.0));
    }
}
