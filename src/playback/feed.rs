//! The line between the window and the audio thread: orders go one way, used programmes and the clock the other.

use super::engine::{BLOCK, Clock, Engine, EngineOrder};
use super::programme::Programme;
use std::sync::Arc;

/// Orders that may wait for the next block; a block lasts 5 ms, so this is never full while the device runs.
const WAITING_ORDERS: usize = 256;
/// Programmes that may wait to be dropped by the window.
const WAITING_PROGRAMMES: usize = 8;

/// The window's end.
pub(super) struct Line {
    orders: rtrb::Producer<EngineOrder>,
    retired: rtrb::Consumer<Box<Programme>>,
    pub clock: Arc<Clock>,
    pub sample_rate: u32,
}

/// The audio thread's end: an engine that obeys the orders that arrive. [`sample`](Self::sample) takes neither memory
/// nor locks, frees nothing and touches no file.
pub(super) struct Feed {
    engine: Engine,
    orders: rtrb::Consumer<EngineOrder>,
    retire: rtrb::Producer<Box<Programme>>,
    block: [f32; 2 * BLOCK],
    next: usize,
}

/// Makes both ends of a line.
pub(super) fn line(sample_rate: u32) -> (Line, Feed) {
    let (orders, received) = rtrb::RingBuffer::new(WAITING_ORDERS);
    let (retire, retired) = rtrb::RingBuffer::new(WAITING_PROGRAMMES);
    let engine = Engine::new(sample_rate);
    let line = Line { orders, retired, clock: engine.clock(), sample_rate };
    (line, Feed { engine, orders: received, retire, block: [0.0; 2 * BLOCK], next: 2 * BLOCK })
}

impl Line {
    /// Passes an order on. The line is full only if the device has stopped asking for sound: then nobody hears it.
    pub(super) fn send(&mut self, order: EngineOrder) {
        drop(self.orders.push(order));
    }

    /// Drops the programmes that are no longer played.
    pub(super) fn clear(&mut self) {
        while let Ok(programme) = self.retired.pop() {
            drop(programme);
        }
    }
}

impl Feed {
    /// The next sample: left, right, left, right …
    pub(super) fn sample(&mut self) -> f32 {
        if self.next == self.block.len() {
            self.refill();
        }
        let sample = self.block[self.next];
        self.next += 1;
        sample
    }

    fn refill(&mut self) {
        // An order may return a programme, which must have somewhere to go.
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
            // Cannot happen: room was checked. Leaking it is still better than freeing it here.
            std::mem::forget(programme);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mixer::{Click, Mix};
    use super::super::{Material, Rendition, Warp};
    use super::*;
    use crate::alignment::warp::TimeMap;
    use crate::audio::{AudioTime, Original};
    use crate::job::Progress;
    use crate::midi::{Midi, MidiTime};
    use crate::synth::SoundFont;
    use assert_no_alloc::{assert_no_alloc, violation_count};

    #[test]
    fn the_audio_thread_takes_and_frees_no_memory() {
        const RATE: u32 = 48_000;
        let bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x14\0\x90\x45\x64\x60\x80\x45\0\0\x90\x48\x64\x60\x80\x48\0\0\xff\x2f\0";
        let midi = Arc::new(Midi::parse(bytes).expect("parsed"));
        let wave: Vec<f32> = (0..2 * RATE).map(|i| (i as f32 * 0.05).sin() * 0.3).collect();
        let original = Original { samples: Arc::new(wave), sample_rate: RATE };
        let map = TimeMap::new([(MidiTime(0.0), AudioTime(0.1)), (MidiTime(1.0), AudioTime(1.4))]).expect("a map");
        let progress = Progress::silent();
        let font = SoundFont::bundled().expect("bundled");
        let material =
            Material::new(Some((midi, font)), Some(&original), Some(Arc::new(map)), RATE, &progress).expect("made");
        let (mut line, mut feed) = line(RATE);
        let mut ways = vec![Rendition::default()];
        ways.push(Rendition { speed: 0.5, ..Rendition::default() });
        ways.push(Rendition { speed: 1.5, varispeed: true, ..Rendition::default() });
        ways.push(Rendition { warp: Warp::Recording, ..Rendition::default() });
        let mut heard = 0.0_f32;
        for (serial, rendition) in (0..).step_by(10).zip(ways) {
            let prepared = material.programme(rendition, 0.0, &progress).expect("prepared");
            if let Some(stretch) = prepared.stretch {
                stretch.run(&progress).expect("stretched");
            }
            line.send(EngineOrder::Load(Box::new(prepared.programme)));
            line.send(EngineOrder::Mix(Mix { click: Click::Onsets, ..Mix::default() }));
            line.send(EngineOrder::Play(serial + 1));
            for (i, order) in [
                EngineOrder::Seek(20_000, serial + 2),
                EngineOrder::Loop(Some((10_000, 30_000)), serial + 3),
                EngineOrder::Offset(480),
                EngineOrder::Loop(None, serial + 4),
                EngineOrder::Mix(Mix::default()),
                EngineOrder::Seek(0, serial + 5),
            ]
            .into_iter()
            .enumerate()
            {
                line.send(order);
                let before = violation_count();
                let loudest = assert_no_alloc(|| (0..30_000).map(|_| feed.sample()).fold(0.0_f32, f32::max));
                assert_eq!(violation_count(), before, "{rendition:?}, order {i}");
                heard = heard.max(loudest);
            }
            line.clear();
        }
        assert!(heard > 0.05);
        // The meter does detect allocations.
        let before = violation_count();
        drop(assert_no_alloc(|| vec![0; 1000]));
        assert!(violation_count() > before);
    }
}
