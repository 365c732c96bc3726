//! The sound device: the only place that knows one. Without a device the program goes on, silent, and says why.

use super::engine::{BLOCK, Clock, Engine, Order};
use super::programme::Programme;
use rodio::{CpalErrorKind, DeviceSinkBuilder, DeviceSinkError, Source};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::time::Duration;

/// Orders that may wait for the next block; a block lasts 5 ms, so this is never full while the device runs.
const WAITING_ORDERS: usize = 256;
/// Programmes that may wait to be dropped by the window.
const WAITING_PROGRAMMES: usize = 8;

/// The way to the sound.
pub enum Sound {
    /// The device is being opened, on a thread of its own.
    Opening(Receiver<Result<Device, String>>),
    /// It plays.
    Ready(Device),
    /// There is none, with the reason: the window shows it.
    Silent(String),
}

/// An open device. Dropping it closes the device.
pub struct Device {
    orders: rtrb::Producer<Order>,
    retired: rtrb::Consumer<Box<Programme>>,
    clock: Arc<Clock>,
    sample_rate: u32,
    failure: Receiver<String>,
    /// The thread that owns the device waits for the end of this.
    _hold: Sender<()>,
}

impl Sound {
    /// Starts to open the default device; `wake` is called when it is open or has failed.
    pub fn open(wake: impl Fn() + Send + 'static) -> Self {
        let (sender, receiver) = sync_channel(1);
        let thread = std::thread::Builder::new().name("sound".into()).spawn(move || run(&sender, &wake));
        match thread {
            Ok(_) => Self::Opening(receiver),
            Err(error) => Self::Silent(format!("no thread for the sound device: {error}")),
        }
    }

    /// Without any device, for `reason`.
    pub fn silent(reason: impl Into<String>) -> Self {
        Self::Silent(reason.into())
    }

    /// Looks after the device: opened meanwhile, lost, programmes to be dropped. Returns true when its state changed.
    pub fn poll(&mut self) -> bool {
        match self {
            Self::Opening(receiver) => match receiver.try_recv() {
                Ok(Ok(device)) => *self = Self::Ready(device),
                Ok(Err(reason)) => *self = Self::Silent(reason),
                Err(TryRecvError::Disconnected) => *self = Self::Silent("the sound device did not answer".into()),
                Err(TryRecvError::Empty) => return false,
            },
            Self::Ready(device) => {
                while let Ok(programme) = device.retired.pop() {
                    drop(programme);
                }
                match device.failure.try_recv() {
                    Ok(reason) => *self = Self::Silent(reason),
                    Err(_) => return false,
                }
            }
            Self::Silent(_) => return false,
        }
        true
    }

    /// Passes an order on; without a device it is forgotten.
    pub fn send(&mut self, order: Order) {
        if let Self::Ready(device) = self {
            // Full only when the device has stopped asking for sound: then nobody hears the order.
            drop(device.orders.push(order));
        }
    }

    /// Sample rate of the open device in Hz.
    pub fn sample_rate(&self) -> Option<u32> {
        match self {
            Self::Ready(device) => Some(device.sample_rate),
            _ => None,
        }
    }

    /// The clock of the open device.
    pub fn clock(&self) -> Option<Arc<Clock>> {
        match self {
            Self::Ready(device) => Some(Arc::clone(&device.clock)),
            _ => None,
        }
    }

    /// One line for the window.
    pub fn describe(&self) -> String {
        match self {
            Self::Opening(_) => "Opening the sound device".into(),
            Self::Ready(device) => {
                let late_ms = device.clock.latency() as f64 * 1000.0 / f64::from(device.sample_rate);
                format!("Sound: {} Hz, {late_ms:.0} ms", device.sample_rate)
            }
            Self::Silent(reason) => format!("No sound: {reason}"),
        }
    }
}

/// Opens the device and keeps it until the window lets go.
fn run(answer: &SyncSender<Result<Device, String>>, wake: &(impl Fn() + Send + 'static)) {
    let (failed, failure) = sync_channel(1);
    let on_error = move |error: rodio::CpalError| {
        // These are heard at most once and over; everything else ends the stream.
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
    let mut engine = Engine::new(sample_rate.get());
    let clock = engine.clock();
    if let rodio::cpal::BufferSize::Fixed(frames) = *sink.config().buffer_size() {
        clock.set_latency(u64::from(frames));
    }
    let (orders, received) = rtrb::RingBuffer::new(WAITING_ORDERS);
    let (retire, retired) = rtrb::RingBuffer::new(WAITING_PROGRAMMES);
    engine.render(&mut []);
    sink.mixer().add(Stream {
        engine,
        orders: received,
        retire,
        sample_rate,
        block: [0.0; 2 * BLOCK],
        next: 2 * BLOCK,
    });
    let (hold, held) = channel::<()>();
    let device = Device { orders, retired, clock, sample_rate: sample_rate.get(), failure, _hold: hold };
    if answer.send(Ok(device)).is_ok() {
        wake();
        // Ends with an error when the window drops its end.
        while held.recv_timeout(Duration::from_hours(1)) != Err(std::sync::mpsc::RecvTimeoutError::Disconnected) {}
    }
}

fn reason(error: &DeviceSinkError) -> String {
    match error {
        DeviceSinkError::NoDevice | DeviceSinkError::DefaultSinkConfigError(_) => "no output device was found".into(),
        other => other.to_string().to_lowercase(),
    }
}

/// The engine as rodio wants it: one sample at a time. Lives on the audio thread.
struct Stream {
    engine: Engine,
    orders: rtrb::Consumer<Order>,
    retire: rtrb::Producer<Box<Programme>>,
    sample_rate: NonZero<u32>,
    block: [f32; 2 * BLOCK],
    next: usize,
}

impl Stream {
    fn refill(&mut self) {
        // An order may hand a programme back, which must have somewhere to go.
        while self.retire.slots() >= 2
            && let Ok(order) = self.orders.pop()
        {
            self.hand_back(|engine| engine.obey(order));
        }
        self.engine.render(&mut self.block);
        if !self.retire.is_full() {
            self.hand_back(Engine::take_retired);
        }
        self.next = 0;
    }

    fn hand_back(&mut self, from: impl FnOnce(&mut Engine) -> Option<Box<Programme>>) {
        if let Some(programme) = from(&mut self.engine)
            && let Err(rtrb::PushError::Full(programme)) = self.retire.push(programme)
        {
            // Cannot happen: room was checked. To leak it is still better than to free it here.
            std::mem::forget(programme);
        }
    }
}

impl Iterator for Stream {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        if self.next == self.block.len() {
            self.refill();
        }
        let sample = self.block[self.next];
        self.next += 1;
        Some(sample)
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
