//! Time-stretching at constant pitch, ahead of the playhead: a worker fills [`Ahead`], the audio thread reads it.
//!
//! The stretcher is Signalsmith Stretch, a phase vocoder with 120 ms windows. It allocates as it goes, so it never runs
//! on the audio thread. [`Stretch::run`] makes the sound block by block, starting from where it is heard; a seek to a
//! position that is not made yet makes it jump there. Two passes meet in a cross-fade, so that no seam is heard.
//!
//! Of its wrappers, the crate `ssstretch` takes a seed and needs only a C++ compiler; `signalsmith-stretch` 0.1.3 takes
//! none, so that slow sound differs each time, and needs libclang to build.

use crate::alignment::warp::TimeMap;
use crate::audio::AudioTime;
use crate::error::{Error, Result};
use crate::job::Progress;
use crate::midi::MidiTime;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Samples that become audible at once: 0.17 s at 48 000 Hz, a few milliseconds of work.
const BLOCK: usize = 8192;
/// Samples over which two passes are blended: 10 ms at 48 000 Hz.
const SEAM: usize = 480;
/// Samples requested from the stretcher at a time; the rate is constant within them.
const CHUNK: usize = 512;
/// The worker continues rather than jumps if the wanted block is at most this many blocks ahead.
const NEAR: usize = 4;
/// Seed of the stretcher's phases: the same sound each time.
const SEED: i64 = 1;

/// A mono signal in the making: written block by block by one worker, read without a lock.
#[derive(Debug)]
pub struct Ahead {
    blocks: Box<[OnceLock<Box<[f32]>>]>,
    frames: usize,
    wanted: AtomicUsize,
    abandoned: AtomicBool,
}

impl Ahead {
    fn new(frames: usize, wanted: usize) -> Self {
        let blocks = (0..frames.div_ceil(BLOCK)).map(|_| OnceLock::new()).collect();
        Self { blocks, frames, wanted: AtomicUsize::new(wanted / BLOCK), abandoned: AtomicBool::new(false) }
    }

    /// Whether `count` samples from `at` on are available; if not, the worker is asked for them. What will never be
    /// made (outside the signal, or the worker was stopped) counts as available: it is silent.
    pub(super) fn ready(&self, at: i64, count: usize) -> bool {
        let (first, last) = (at.max(0) as usize, (at + count as i64 - 1).min(self.frames as i64 - 1));
        if last < first as i64 || self.abandoned.load(Ordering::Relaxed) {
            return true;
        }
        let missing = (first / BLOCK..=last as usize / BLOCK).find(|&block| self.blocks[block].get().is_none());
        if let Some(block) = missing {
            self.wanted.store(block, Ordering::Relaxed);
        }
        missing.is_none()
    }

    /// Copies samples from `at` on; silence where there are none.
    pub(super) fn copy(&self, at: i64, out: &mut [f32]) {
        let mut done = 0;
        while done < out.len() {
            let here = at + done as i64;
            if here < 0 || here >= self.frames as i64 {
                let silent = if here < 0 { (-here) as usize } else { out.len() };
                let end = out.len().min(done + silent);
                out[done..end].fill(0.0);
                done = end;
                continue;
            }
            let (block, within) = (here as usize / BLOCK, here as usize % BLOCK);
            let count = (out.len() - done).min(BLOCK - within).min(self.frames - here as usize);
            match self.blocks[block].get() {
                Some(samples) => out[done..done + count].copy_from_slice(&samples[within..within + count]),
                None => out[done..done + count].fill(0.0),
            }
            done += count;
        }
    }

    /// Whether all samples are available.
    pub fn complete(&self) -> bool {
        self.blocks.iter().all(|block| block.get().is_some())
    }

    /// The first missing block from the wanted one on, else the first of all.
    fn next_missing(&self) -> Option<usize> {
        let wanted = self.wanted.load(Ordering::Relaxed).min(self.blocks.len());
        let order = (wanted..self.blocks.len()).chain(0..wanted);
        order.into_iter().find(|&block| self.blocks[block].get().is_none())
    }
}

/// How the output runs through the input.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// The map, if the output runs on MIDI time and the input on audio time.
    pub map: Option<Arc<TimeMap>>,
    /// Seconds of the timeline per second of output.
    pub speed: f64,
    /// Sample rate of input and output, in Hz.
    pub sample_rate: u32,
}

impl Pace {
    /// The input sample for an output sample.
    fn input(&self, output: i64) -> i64 {
        let rate = f64::from(self.sample_rate);
        let timeline = output as f64 * self.speed;
        let input = match &self.map {
            Some(map) => {
                let AudioTime(seconds) = map.to_audio(MidiTime(timeline / rate));
                seconds * rate
            }
            None => timeline,
        };
        input.round() as i64
    }
}

/// The work that fills an [`Ahead`].
#[derive(Debug)]
pub struct Stretch {
    from: Arc<Vec<f32>>,
    pace: Pace,
    into: Arc<Ahead>,
}

/// Where two passes meet before a block: what the pass that begins there has before it, and how the pass that ends
/// there would have continued.
#[derive(Clone, Default)]
struct Edge {
    lead: Option<Vec<f32>>,
    tail: Option<Vec<f32>>,
}

impl Stretch {
    /// Work that makes `frames` samples of `from`, beginning at sample `first` of the output.
    pub(super) fn new(from: Arc<Vec<f32>>, pace: Pace, frames: usize, first: usize) -> Self {
        Self { from, pace, into: Arc::new(Ahead::new(frames, first)) }
    }

    /// Where the sound appears.
    pub fn output(&self) -> Arc<Ahead> {
        Arc::clone(&self.into)
    }

    /// Makes everything. If it is stopped by `progress`, what is missing stays silent.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn run(&self, progress: &Progress) -> Result<()> {
        let outcome = self.fill(progress);
        if outcome.is_err() {
            self.into.abandoned.store(true, Ordering::Relaxed);
        }
        outcome
    }

    fn fill(&self, progress: &Progress) -> Result<()> {
        let total = self.into.blocks.len();
        let mut edges = vec![Edge::default(); total];
        let mut made = 0;
        while let Some(first) = self.into.next_missing() {
            let lead = SEAM.min(first * BLOCK);
            let mut pass = Pass::new(self, (first * BLOCK - lead) as i64);
            edges[first].lead = Some(pass.take(lead));
            for block in first..total {
                progress.step(made, total)?;
                let mut samples = pass.take(BLOCK);
                if let Some(tail) = edges[block].tail.take().filter(|_| block == first) {
                    blend(&tail, &mut samples[..SEAM], |from, to, along| from + (to - from) * along);
                }
                let next = edges.get(block + 1).filter(|_| self.into.blocks[block + 1].get().is_some());
                let joins = next.is_some();
                if let Some(lead) = next.and_then(|edge| edge.lead.as_ref()) {
                    blend(lead, &mut samples[BLOCK - SEAM..], |lead, own, along| own + (lead - own) * along);
                }
                if self.into.blocks[block].set(samples.into_boxed_slice()).is_err() {
                    return Err(Error::Cancelled);
                }
                made += 1;
                let wanted = self.into.wanted.load(Ordering::Relaxed);
                let far = wanted < total && !(block + 1..=block + NEAR).contains(&wanted);
                let jump = far && self.into.blocks[wanted].get().is_none();
                if joins || jump {
                    if jump && !joins && block + 1 < total {
                        edges[block + 1].tail = Some(pass.take(SEAM));
                    }
                    break;
                }
            }
        }
        progress.step(total, total)
    }
}

/// Blends `other` and `own` into `own`; `along` runs from 0 to 1.
fn blend(other: &[f32], own: &mut [f32], mix: impl Fn(f32, f32, f32) -> f32) {
    let length = own.len() as f32;
    for (i, (own, other)) in own.iter_mut().zip(other).enumerate() {
        *own = mix(*other, *own, super::mixer::fade((i as f32 + 0.5) / length));
    }
}

/// One run of the stretcher, from a given sample of the output on.
struct Pass<'a> {
    work: &'a Stretch,
    stretcher: ssstretch::Stretch,
    /// Next sample of the input to be fed.
    fed: i64,
    /// The output sample whose position in the input has been reached: the output lags behind it by the latency.
    reached: i64,
    ready: Vec<f32>,
    input: [Vec<f32>; 1],
    output: [Vec<f32>; 1],
}

impl<'a> Pass<'a> {
    fn new(work: &'a Stretch, first: i64) -> Self {
        let mut stretcher = ssstretch::Stretch::with_seed(SEED);
        stretcher.preset_default(1, work.pace.sample_rate as f32);
        let window = i64::from(stretcher.block_samples());
        // One window earlier, so that the overlapping windows are complete and their phases settled.
        let reached = first - window;
        let fed = work.pace.input(reached) + i64::from(stretcher.input_latency());
        let before = window + i64::from(stretcher.interval_samples());
        let unused = window as usize + stretcher.output_latency() as usize;
        let mut pass =
            Self { work, stretcher, fed: fed - before, reached, ready: vec![], input: [vec![]], output: [vec![]] };
        pass.feed(fed);
        let rate = work.pace.input(reached + window) - work.pace.input(reached);
        pass.stretcher.seek_vec(&pass.input, before as i32, rate as f64 / window as f64);
        drop(pass.take(unused));
        pass
    }

    /// Feeds the input up to `until` to the stretcher.
    fn feed(&mut self, until: i64) {
        let [input] = &mut self.input;
        input.clear();
        let from = &self.work.from;
        input.extend((self.fed..until).map(|i| usize::try_from(i).ok().and_then(|i| from.get(i)).map_or(0.0, |&s| s)));
        self.fed = self.fed.max(until);
    }

    /// The next `count` samples.
    fn take(&mut self, count: usize) -> Vec<f32> {
        while self.ready.len() < count {
            self.reached += CHUNK as i64;
            self.feed(self.work.pace.input(self.reached) + i64::from(self.stretcher.input_latency()));
            let length = self.input[0].len() as i32;
            self.stretcher.process_vec(&self.input, length, &mut self.output, CHUNK as i32);
            self.ready.extend_from_slice(&self.output[0]);
        }
        let rest = self.ready.split_off(count);
        std::mem::replace(&mut self.ready, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::{RATE, hertz, moments};
    use super::*;

    fn tone(hertz: f64, seconds: f64) -> Arc<Vec<f32>> {
        let step = std::f64::consts::TAU * hertz / f64::from(RATE);
        (0..(seconds * f64::from(RATE)) as usize)
            .map(|i| (0.3 * (step * i as f64).sin()) as f32)
            .collect::<Vec<_>>()
            .into()
    }

    fn clicks(times: &[f64], seconds: f64) -> Arc<Vec<f32>> {
        let mut samples = vec![0.0; (seconds * f64::from(RATE)) as usize];
        for time in times {
            let at = (time * f64::from(RATE)).round() as usize;
            for i in 0..400 {
                samples[at + i] = 0.8 * (-(i as f32) / 80.0).exp() * (i as f32 * 0.4).sin();
            }
        }
        samples.into()
    }

    fn stretched(from: Arc<Vec<f32>>, map: Option<TimeMap>, speed: f64, seconds: f64) -> Vec<f32> {
        let pace = Pace { map: map.map(Arc::new), speed, sample_rate: RATE };
        let frames = (seconds * f64::from(RATE)).round() as usize;
        let work = Stretch::new(from, pace, frames, 0);
        work.run(&Progress::silent()).expect("not cancelled");
        let mut out = vec![0.0; frames];
        work.output().copy(0, &mut out);
        out
    }

    #[test]
    fn pitch_is_kept_within_three_cents_at_every_speed() {
        for speed in [0.25, 0.5, 1.5, 2.0] {
            let out = stretched(tone(440.0, 4.0), None, speed, 4.0 / speed);
            let cents = 1200.0 * (hertz(&out[12_000..out.len() - 12_000], 440.0) / 440.0).log2();
            assert!(cents.abs() < 3.0, "speed {speed}: {cents} cents");
        }
    }

    #[test]
    fn clicks_land_where_speed_and_map_say() {
        let hop = 1024.0 / 22_050.0;
        let times: Vec<f64> = (1..12).map(f64::from).collect();
        for speed in [0.25, 0.5, 0.75, 1.0, 1.5, 2.0] {
            let out = stretched(clicks(&times, 13.0), None, speed, 13.0 / speed);
            let wanted: Vec<f64> = times.iter().map(|t| t / speed).collect();
            for (found, wanted) in moments(&out, &wanted, 0.2).iter().zip(&wanted) {
                assert!((found - wanted).abs() < hop, "speed {speed}: {found} s instead of {wanted} s");
            }
        }
        // A recording that slows down and speeds up, heard on the MIDI's clock.
        let bend = |midi: f64| midi + 0.8 * (midi * 0.7).sin();
        let map = TimeMap::new((0..260).map(|i| (MidiTime(f64::from(i) * 0.05), AudioTime(bend(f64::from(i) * 0.05)))))
            .expect("increasing");
        let played: Vec<f64> = times.iter().map(|&t| bend(t)).collect();
        for (found, wanted) in
            moments(&stretched(clicks(&played, 14.0), Some(map), 1.0, 13.0), &times, 0.2).iter().zip(&times)
        {
            assert!((found - wanted).abs() < hop, "{found} s instead of {wanted} s");
        }
    }

    #[test]
    fn the_same_sound_each_time() {
        let once = stretched(tone(300.0, 2.0), None, 0.4, 5.0);
        assert!(once == stretched(tone(300.0, 2.0), None, 0.4, 5.0));
    }

    #[test]
    fn where_two_passes_meet_no_step_is_heard() {
        let (from, frames) = (tone(300.0, 4.0), 2 * 192_000);
        let pace = Pace { map: None, speed: 0.5, sample_rate: RATE };
        // From the middle to the end, then from the start to the middle: the seam is at sample `first`.
        let first = 20 * BLOCK;
        let work = Stretch::new(from, pace, frames, first);
        work.run(&Progress::silent()).expect("not cancelled");
        let mut out = vec![0.0; frames];
        work.output().copy(0, &mut out);
        let steepest = |part: &[f32]| part.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0_f32, f32::max);
        let (seam, elsewhere) = (steepest(&out[first - 1000..first + 1000]), steepest(&out[60_000..100_000]));
        assert!(seam < 1.2 * elsewhere, "{seam} against {elsewhere}");
        assert!(work.output().complete());
    }

    #[test]
    fn what_is_wanted_is_made_first_and_a_stopped_worker_leaves_silence() {
        let pace = Pace { map: None, speed: 0.5, sample_rate: RATE };
        let work = Stretch::new(tone(300.0, 4.0), pace, 2 * 192_000, 0);
        let ahead = work.output();
        assert!(!ahead.ready(200_000, 512));
        assert_eq!(ahead.next_missing(), Some(200_000 / BLOCK));
        let progress = Progress::silent();
        progress.cancel();
        assert!(matches!(work.run(&progress), Err(Error::Cancelled)));
        assert!(ahead.ready(200_000, 512) && !ahead.complete());
        let mut out = [1.0; 64];
        ahead.copy(-32, &mut out);
        assert!(out.iter().all(|&s| s == 0.0));
    }
}
