//! The sound device: the only place that deals with one. Without a device the program carries on silently and says why;
//! once one is there (again), it plays.

use super::engine::{Clock, EngineOrder};
use super::feed::{Feed, Line, line};
use rodio::{CpalErrorKind, DeviceSinkBuilder, DeviceSinkError, Source};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::time::Duration;

/// Seconds between two attempts to open a device.
const RETRY_S: f64 = 2.0;
/// A device that has not asked for sound for this many seconds is gone, even if it reports no error.
const STALLED_S: f64 = 2.0;

type Opened = Result<Device, String>;

/// The connection to the sound device.
pub struct Sound {
    state: State,
    /// Starts opening the device; none if there is to be no sound.
    open: Option<Box<dyn Fn() -> Receiver<Opened>>>,
}

enum State {
    /// The device is being opened for the first time.
    Opening(Receiver<Opened>),
    /// It is open and can play.
    Ready(Device),
    /// There is none, for the given reason.
    Silent { reason: String, retry_at: Option<f64>, opening: Option<Receiver<Opened>> },
}

/// An open device. Dropping it closes the device.
struct Device {
    line: Line,
    failure: Receiver<String>,
    /// What the clock had rendered when it last moved, and when that was.
    alive: (u64, Option<f64>),
    /// The thread that owns the device waits until this is dropped.
    _hold: Sender<()>,
}

impl Sound {
    /// Starts opening the default device; `wake` is called when it is open or has failed. If a device is lost or
    /// missing, opening is retried every two seconds.
    pub fn open(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let wake = Arc::new(wake);
        Self::through(move || {
            let (sender, receiver) = sync_channel(1);
            let wake = Arc::clone(&wake);
            let failed = sender.clone();
            let thread = std::thread::Builder::new().name("sound".into()).spawn(move || run(&sender, &*wake));
            if let Err(error) = thread {
                drop(failed.send(Err(format!("no thread for the sound device: {error}"))));
            }
            receiver
        })
    }

    fn through(open: impl Fn() -> Receiver<Opened> + 'static) -> Self {
        Self { state: State::Opening(open()), open: Some(Box::new(open)) }
    }

    /// Without any device, for the given `reason`.
    pub fn silent(reason: impl Into<String>) -> Self {
        Self { state: State::Silent { reason: reason.into(), retry_at: None, opening: None }, open: None }
    }

    /// Checks on the device at `now` (seconds of any steady clock): whether it has been opened, lost or restored, and
    /// whether programmes are to be dropped. Returns true if a device has appeared or disappeared.
    pub(crate) fn poll(&mut self, now: f64) -> bool {
        let answer = match &mut self.state {
            State::Opening(receiver) | State::Silent { opening: Some(receiver), .. } => match receiver.try_recv() {
                Ok(answer) => answer,
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => Err("the sound device did not answer".into()),
            },
            State::Ready(device) => match device.look_after(now) {
                Some(reason) => Err(reason),
                None => return false,
            },
            State::Silent { retry_at, opening, .. } => {
                if let Some(open) = self.open.as_ref().filter(|_| now >= retry_at.unwrap_or(now)) {
                    *opening = Some(open());
                }
                return false;
            }
        };
        let changed = answer.is_ok() || !matches!(self.state, State::Silent { .. });
        self.state = match answer {
            Ok(device) => State::Ready(device),
            Err(reason) => State::Silent { reason, retry_at: Some(now + RETRY_S), opening: None },
        };
        changed
    }

    /// Seconds until [`poll`](Self::poll) has something to do, unless the window wakes earlier.
    pub(crate) fn wants_poll_in(&self) -> Option<f64> {
        match self.state {
            State::Silent { .. } => self.open.is_some().then_some(RETRY_S),
            State::Opening(_) | State::Ready(_) => None,
        }
    }

    /// Passes an order on; it is discarded if there is no device.
    pub(crate) fn send(&mut self, order: EngineOrder) {
        if let State::Ready(device) = &mut self.state {
            device.line.send(order);
        }
    }

    /// Sample rate of the open device in Hz.
    pub fn sample_rate(&self) -> Option<u32> {
        match &self.state {
            State::Ready(device) => Some(device.line.sample_rate),
            _ => None,
        }
    }

    /// The clock of the open device.
    pub(crate) fn clock(&self) -> Option<Arc<Clock>> {
        match &self.state {
            State::Ready(device) => Some(Arc::clone(&device.line.clock)),
            _ => None,
        }
    }

    /// Whether there is no device.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.state, State::Silent { .. })
    }

    /// One line that describes it, for the window.
    pub(crate) fn describe(&self) -> String {
        match &self.state {
            State::Opening(_) => "Opening the sound device".into(),
            State::Ready(device) => {
                let late_ms = device.line.clock.latency() as f64 * 1000.0 / f64::from(device.line.sample_rate);
                format!("Sound: {} Hz, {late_ms:.0} ms", device.line.sample_rate)
            }
            State::Silent { reason, .. } => format!("No sound: {reason}"),
        }
    }
}

impl Device {
    /// Why it is gone, if it is.
    fn look_after(&mut self, now: f64) -> Option<String> {
        self.line.clear();
        if let Ok(reason) = self.failure.try_recv() {
            return Some(reason);
        }
        let rendered = self.line.clock.rendered();
        match self.alive {
            (before, Some(since)) if before == rendered => {
                (now - since > STALLED_S).then(|| "the sound device has stopped".into())
            }
            _ => {
                self.alive = (rendered, Some(now));
                None
            }
        }
    }
}

/// Opens the device and keeps it until the window drops its end.
fn run(answer: &SyncSender<Opened>, wake: &(impl Fn() + ?Sized)) {
    let (failed, failure) = sync_channel(1);
    let on_error = move |error: rodio::CpalError| {
        // These are audible for a moment at most; every other error ends the stream.
        let harmless = [CpalErrorKind::Xrun, CpalErrorKind::RealtimeDenied, CpalErrorKind::DeviceChanged];
        if !harmless.contains(&error.kind()) {
            drop(failed.try_send(format!("the sound device is gone: {error}")));
        }
    };
    let opened = DeviceSinkBuilder::from_default_device()
        .and_then(|builder| builder.with_error_callback(on_error.clone()).open_sink_or_fallback());
    let mut sink = match opened {
        Ok(sink) => sink,
        Err(error) => {
            drop(answer.send(Err(reason(&error))));
            wake();
            return;
        }
    };
    sink.log_on_drop(false);
    let sample_rate = sink.config().sample_rate();
    let (line, feed) = line(sample_rate.get());
    if let rodio::cpal::BufferSize::Fixed(frames) = *sink.config().buffer_size() {
        line.clock.set_latency(u64::from(frames));
    }
    sink.mixer().add(Stream { feed, sample_rate });
    let (hold, held) = channel::<()>();
    if answer.send(Ok(Device { line, failure, alive: (0, None), _hold: hold })).is_ok() {
        wake();
        // Ends with an error when the window drops its end.
        while held.recv_timeout(Duration::from_hours(1)) != Err(RecvTimeoutError::Disconnected) {}
    }
}

fn reason(error: &DeviceSinkError) -> String {
    match error {
        DeviceSinkError::NoDevice | DeviceSinkError::DefaultSinkConfigError(_) => "no output device was found".into(),
        other => other.to_string().to_lowercase(),
    }
}

/// The engine as rodio needs it: one sample at a time. Lives on the audio thread.
struct Stream {
    feed: Feed,
    sample_rate: NonZero<u32>,
}

impl Iterator for Stream {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        Some(self.feed.sample())
    }
}

impl Source for Stream {
    fn current_span_len(&self) -> Option<usize> {
        None
    }

    fn channels(&self) -> NonZero<u16> {
        const STEREO: NonZero<u16> = NonZero::new(2).expect("2 is not 0");
        STEREO
    }

    fn sample_rate(&self) -> NonZero<u32> {
        self.sample_rate
    }

    fn total_duration(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::VecDeque;

    /// Devices whose openings succeed or fail at once, in this order.
    fn fake(answers: Vec<Opened>) -> Sound {
        let answers = RefCell::new(VecDeque::from(answers));
        Sound::through(move || {
            let (sender, receiver) = sync_channel(1);
            if let Some(answer) = answers.borrow_mut().pop_front() {
                sender.send(answer).expect("room for one");
            }
            receiver
        })
    }

    fn device(sample_rate: u32) -> (Device, Feed, SyncSender<String>) {
        let (line, feed) = line(sample_rate);
        let (failed, failure) = sync_channel(1);
        (Device { line, failure, alive: (0, None), _hold: channel().0 }, feed, failed)
    }

    #[test]
    fn a_lost_device_is_said_and_looked_for_until_it_is_back() {
        let (first, _feed, failed) = device(44_100);
        let (second, ..) = device(48_000);
        let mut sound = fake(vec![Ok(first), Err("no output device was found".into()), Ok(second)]);
        assert!(sound.poll(0.0));
        assert_eq!(sound.sample_rate(), Some(44_100));
        failed.send("the sound device is gone: unplugged".into()).expect("room for one");
        assert!(sound.poll(1.0));
        assert_eq!(sound.describe(), "No sound: the sound device is gone: unplugged");
        assert!(sound.is_silent() && sound.wants_poll_in().is_some());
        // Not before two seconds have passed; the first attempt fails, the second succeeds.
        assert!(!sound.poll(2.0) && !sound.poll(2.1));
        assert!(!sound.poll(3.0) && !sound.poll(3.1));
        assert_eq!(sound.describe(), "No sound: no output device was found");
        assert!(!sound.poll(5.2) && sound.poll(5.3));
        assert_eq!(sound.sample_rate(), Some(48_000));
    }

    #[test]
    fn a_device_that_stops_asking_is_lost_and_one_that_asks_is_not() {
        let (device, mut feed, _failed) = device(48_000);
        let mut sound = fake(vec![Ok(device)]);
        assert!(sound.poll(0.0));
        for second in 1..10 {
            assert!((0..1000).all(|_| feed.sample().abs() < 1e-9));
            assert!(!sound.poll(f64::from(second) * 1.5));
        }
        assert!(!sound.poll(15.0));
        assert!(sound.poll(16.0));
        assert_eq!(sound.describe(), "No sound: the sound device has stopped");
    }
}
