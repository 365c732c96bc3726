//! Pairs of a data set as they occur in practice: all of the MIDI on its own clock, a clip of the recording.

use super::Report;
use crate::dataset::{Dataset, Pair, Split, Work};
use crate::error::{Error, Result};
use crate::features::{FRAME_S, WIDE_BINS};
use crate::job::Progress;
use ndarray::{Array2, s};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shortest and longest clip in frames: 30 and 60 s, like the previews of the Million Song Dataset.
const CLIP_FRAMES: (usize, usize) = (646, 1292);

/// The pairs of a split that are long enough for a clip.
pub(super) struct Clips {
    data: Dataset,
    wanted: Vec<(Work, usize)>,
    seed: u64,
    /// Number of pairs that are not.
    pub too_short: usize,
}

/// Describes a pair.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clip {
    /// Title of the work, with the variant if there are several.
    pub name: String,
    /// Pairs of one group are the same music.
    pub group: usize,
    /// Its MIDI file.
    pub midi: PathBuf,
    /// Its recording; `None` if the audio side was rendered.
    pub audio: Option<PathBuf>,
}

impl Clips {
    /// # Errors
    /// As [`Dataset::open`]; [`Error::Nothing`] if fewer than two works have a pair that is long enough.
    pub(crate) fn open(folder: &Path, split: Split, seed: u64) -> Result<Self> {
        let data = Dataset::open(folder)?;
        let each = data.works(split).flat_map(|work| (0..work.variants()).map(move |variant| (work.clone(), variant)));
        let all: Vec<(Work, usize)> = each.collect();
        let count = all.len();
        let wanted: Vec<_> = all.into_iter().filter(|(work, v)| work.frames[*v] >= CLIP_FRAMES.0).collect();
        let first = wanted.first().map(|(work, _)| work.group);
        if wanted.iter().all(|(work, _)| Some(work.group) == first) {
            let seconds = CLIP_FRAMES.0 as f64 * FRAME_S;
            return Err(Error::nothing(format!(
                "two works of {seconds:.0} s or more are needed in the {} split",
                format!("{split:?}").to_lowercase()
            ))
            .at(folder));
        }
        Ok(Self { data, too_short: count - wanted.len(), wanted, seed })
    }

    /// Keeps at most `most` pairs, evenly spaced.
    pub(crate) fn thinned(mut self, most: usize) -> Self {
        let count = self.wanted.len();
        if count > most {
            self.wanted = (0..most).map(|i| self.wanted[i * count / most].clone()).collect();
        }
        self
    }

    /// Passes on each pair, on all cores: the MIDI (frames × 60) on its own clock, and a clip of the recording. A pair
    /// that can't be read is reported and left out.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub(crate) fn each<T: Send>(
        &self,
        progress: &Progress,
        see: impl Fn(&Array2<f32>, &Array2<f32>) -> T + Sync,
    ) -> Result<Report<(Clip, T)>> {
        let done = AtomicUsize::new(0);
        let results: Vec<Result<(Clip, T)>> = self
            .wanted
            .par_iter()
            .map(|(work, variant)| {
                progress.step(done.fetch_add(1, Ordering::Relaxed), self.wanted.len())?;
                let pair = self.data.load(work, *variant)?;
                let seed = work
                    .id
                    .bytes()
                    .fold(self.seed ^ *variant as u64, |h, b| h.wrapping_mul(0x0100_0000_01B3) ^ u64::from(b));
                let seen = see(&on_its_own_clock(&pair), &clip(&pair.audio, seed));
                let name = if work.variants() > 1 { format!("{} {variant}", work.title) } else { work.title.clone() };
                let (midi, audio) = (work.path.clone(), work.recordings.get(*variant).cloned());
                Ok((Clip { name, group: work.group, midi, audio }, seen))
            })
            .collect();
        let mut report = Report { done: Vec::new(), skipped: Vec::new() };
        for ((work, variant), result) in self.wanted.iter().zip(results) {
            match result {
                Ok(seen) => report.done.push(seen),
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => report.skipped.push((PathBuf::from(format!("{}-{variant}", work.id)), error)),
            }
        }
        Ok(report)
    }
}

/// A part with random length and position.
fn clip(audio: &Array2<f32>, seed: u64) -> Array2<f32> {
    let mut rng = Pcg64::seed_from_u64(seed);
    let frames = audio.nrows();
    let length = rng.random_range(CLIP_FRAMES.0.min(frames)..=CLIP_FRAMES.1.min(frames));
    let start = rng.random_range(0..=frames - length);
    audio.slice(s![start..start + length, ..]).to_owned()
}

/// The MIDI side of a pair as the file has it, without the recording's tempo: frames are interpolated between those of
/// the pair. Returned unchanged if its clock does not run forward.
fn on_its_own_clock(pair: &Pair) -> Array2<f32> {
    let times = &pair.midi_time;
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return pair.midi.clone() };
    if last <= first || !times.is_sorted() || times.len() != pair.midi.nrows() {
        return pair.midi.clone();
    }
    let count = (f64::from(last - first) / FRAME_S) as usize + 1;
    let mut frames = Array2::zeros((count, WIDE_BINS));
    let mut at = 0;
    for (index, mut row) in frames.rows_mut().into_iter().enumerate() {
        let time = first + (index as f64 * FRAME_S) as f32;
        while at + 2 < times.len() && times[at + 1] < time {
            at += 1;
        }
        let next = (at + 1).min(times.len() - 1);
        let share = ((time - times[at]) / (times[next] - times[at]).max(1e-9)).clamp(0.0, 1.0);
        row.assign(&(&pair.midi.row(at) * (1.0 - share) + &pair.midi.row(next) * share));
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(times: Vec<f32>) -> Pair {
        let midi = Array2::from_shape_fn((times.len(), WIDE_BINS), |(frame, _)| frame as f32);
        Pair { audio: midi.clone(), roll: midi.clone(), midi, midi_time: times }
    }

    #[test]
    fn a_midi_that_was_slowed_down_is_fast_again() {
        let slowed = pair((0..101).map(|i| i as f32 * 0.5 * FRAME_S as f32).collect());
        let frames = on_its_own_clock(&slowed);
        assert!(frames.nrows().abs_diff(51) <= 1, "{}", frames.nrows());
        assert!(frames.column(0).iter().zip(0..).all(|(v, i)| (v - 2.0 * i as f32).abs() < 1e-2));
        let stopped = pair(vec![0.0; 5]);
        assert_eq!(on_its_own_clock(&stopped), stopped.midi);
    }

    #[test]
    fn clips_are_30_to_60_s_and_always_the_same() {
        let audio = Array2::from_shape_fn((3000, 1), |(frame, _)| frame as f32);
        let lengths: Vec<usize> = (0..50).map(|seed| clip(&audio, seed).nrows()).collect();
        assert!(lengths.iter().all(|n| (CLIP_FRAMES.0..=CLIP_FRAMES.1).contains(n)));
        assert!(lengths.iter().any(|n| *n != lengths[0]));
        assert_eq!(clip(&audio, 7), clip(&audio, 7));
        assert_eq!(clip(&audio.slice(s![..100, ..]).to_owned(), 7).nrows(), 100);
    }
}
