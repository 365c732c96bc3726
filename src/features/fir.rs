//! The two inner loops of the constant-Q transform: halving the sample rate, and applying filters to frames.
//!
//! Each is written once, as loops over arrays of fixed size that the compiler turns into vector instructions, and
//! compiled twice: for the baseline of the target, and on x86-64 for AVX2 with fused multiply-add, used when the
//! machine has them. Both give the same values up to the rounding of the fused step.

#![expect(clippy::inline_always, reason = "a loop is compiled for the features of the function that it is part of")]

/// Bins of one filter bank.
pub(super) const BANK_BINS: usize = 12;
/// Values of one tap: the real parts of all bins, then the imaginary parts.
const LANES: usize = 2 * BANK_BINS;
/// Outputs that are summed at once; the lengths of decimated signals are multiples of it.
pub(super) const BLOCK: usize = 32;
/// Outputs for which the input is split into halves at once: input and halves stay in the first-level cache.
const CHUNK: usize = 2048;
/// Frames that share each load of a tap.
const FRAMES: usize = 4;
/// Samples beyond this are considered damaged and read as 0: their squares would overflow.
pub(super) const LOUDEST: f32 = 1e15;

/// One tap of twelve complex filters, real parts first.
pub(super) type Tap = [f32; LANES];

/// Samples of a signal from sample `first` on; everything outside is 0.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    /// Index of the first sample, at the stretch's own rate.
    pub first: i64,
    /// The samples.
    pub samples: Vec<f32>,
}

/// Work space of [`halve`], kept between calls.
#[derive(Debug, Default)]
pub(super) struct Halves {
    even: Vec<f32>,
    odd: Vec<f32>,
}

/// Fills `output` (its length is a multiple of [`BLOCK`]) with the half-rate signal of `input`, whose first sample has
/// the index `input_first`. Sample `n` of the output lies on sample `2n` of the input.
///
/// `coefficients` are those of a half-band filter at the odd distances 1, 3, 5 …; at 0 it is ½, else 0.
pub(super) fn halve(coefficients: &[f32], input: &[f32], input_first: i64, output: &mut Stretch, room: &mut Halves) {
    assert!(output.samples.len().is_multiple_of(BLOCK), "{} outputs, not in blocks of {BLOCK}", output.samples.len());
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        #[expect(unsafe_code, reason = "the features that the function is compiled for were detected")]
        // SAFETY: the processor has the features; nothing else is required of a caller.
        return unsafe { halve_avx2(coefficients, input, input_first, output, room) };
    }
    halve_loop::<false>(coefficients, input, input_first, output, room);
}

/// Magnitudes of `taps` against `magnitudes.len()` frames; frame `i` starts at sample `starts[i]` of `samples`.
pub(super) fn filter(taps: &[Tap], samples: &[f32], starts: &[usize], magnitudes: &mut [[f32; BANK_BINS]]) {
    assert_eq!(starts.len(), magnitudes.len(), "one start a frame");
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        #[expect(unsafe_code, reason = "the features that the function is compiled for were detected")]
        // SAFETY: the processor has the features; nothing else is required of a caller.
        return unsafe { filter_avx2(taps, samples, starts, magnitudes) };
    }
    filter_loop::<false>(taps, samples, starts, magnitudes);
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn halve_avx2(coefficients: &[f32], input: &[f32], input_first: i64, output: &mut Stretch, room: &mut Halves) {
    halve_loop::<true>(coefficients, input, input_first, output, room);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn filter_avx2(taps: &[Tap], samples: &[f32], starts: &[usize], magnitudes: &mut [[f32; BANK_BINS]]) {
    filter_loop::<true>(taps, samples, starts, magnitudes);
}

#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    // Without the instruction, `mul_add` is a library call.
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn halve_loop<const FUSED: bool>(
    coefficients: &[f32],
    input: &[f32],
    input_first: i64,
    output: &mut Stretch,
    room: &mut Halves,
) {
    let reach = coefficients.len();
    let mut n = output.first;
    for chunk in output.samples.chunks_mut(CHUNK) {
        let pairs = chunk.len() + 2 * reach;
        room.even.resize(pairs, 0.0);
        room.odd.resize(pairs, 0.0);
        let start = 2 * (n - reach as i64) - input_first;
        split(input, start, &mut room.even, &mut room.odd);
        for (b, block) in chunk.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let at = reach + b * BLOCK;
            let mut sum = [0.0_f32; BLOCK];
            for (s, e) in sum.iter_mut().zip(&room.even[at..at + BLOCK]) {
                *s = 0.5 * e;
            }
            for (k, &c) in coefficients.iter().enumerate() {
                let after = &room.odd[at + k..at + k + BLOCK];
                let before = &room.odd[at - 1 - k..at - 1 - k + BLOCK];
                for i in 0..BLOCK {
                    sum[i] = multiply_add::<FUSED>(c, after[i] + before[i], sum[i]);
                }
            }
            *block = sum;
        }
        n += chunk.len() as i64;
    }
}

/// Copies samples `start`, `start + 2` … of `input` to `even` and those after each to `odd`; 0 outside of `input`.
#[inline(always)]
fn split(input: &[f32], start: i64, even: &mut [f32], odd: &mut [f32]) {
    let pairs = even.len() as i64;
    // Pairs that lie entirely inside.
    let from = ((1 - start).max(0) / 2).min(pairs);
    let to = ((input.len() as i64 - start).max(0) / 2).clamp(from, pairs);
    let single = |index: i64| usize::try_from(index).ok().and_then(|i| input.get(i)).map_or(0.0, |&v| sound(v));
    for pair in (0..from).chain(to..pairs) {
        even[pair as usize] = single(start + 2 * pair);
        odd[pair as usize] = single(start + 2 * pair + 1);
    }
    if from < to {
        let inside = &input[(start + 2 * from) as usize..(start + 2 * to) as usize];
        let range = from as usize..to as usize;
        for ((pair, e), o) in inside.as_chunks::<2>().0.iter().zip(&mut even[range.clone()]).zip(&mut odd[range]) {
            *e = sound(pair[0]);
            *o = sound(pair[1]);
        }
    }
}

/// The sample, or 0 if it can't be sound: NaN, infinite, absurd.
#[inline(always)]
pub(super) fn sound(sample: f32) -> f32 {
    if sample.abs() < LOUDEST { sample } else { 0.0 }
}

#[inline(always)]
fn filter_loop<const FUSED: bool>(
    taps: &[Tap],
    samples: &[f32],
    starts: &[usize],
    magnitudes: &mut [[f32; BANK_BINS]],
) {
    for (starts, magnitudes) in starts.chunks(FRAMES).zip(magnitudes.chunks_mut(FRAMES)) {
        // A short last chunk repeats its last frame.
        let frames: [&[f32]; FRAMES] =
            std::array::from_fn(|f| &samples[starts[f.min(starts.len() - 1)]..][..taps.len()]);
        let mut sums = [[0.0_f32; LANES]; FRAMES];
        for (t, tap) in taps.iter().enumerate() {
            for (sum, frame) in sums.iter_mut().zip(&frames) {
                let sample = frame[t];
                for lane in 0..LANES {
                    sum[lane] = multiply_add::<FUSED>(sample, tap[lane], sum[lane]);
                }
            }
        }
        for (magnitude, sum) in magnitudes.iter_mut().zip(&sums) {
            for bin in 0..BANK_BINS {
                let (re, im) = (sum[bin], sum[bin + BANK_BINS]);
                magnitude[bin] = (re * re + im * im).sqrt();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same by its definition, in f64, one output at a time.
    fn halve_slowly(coefficients: &[f32], input: &[f32], input_first: i64, n: i64) -> f64 {
        let at = |index: i64| {
            usize::try_from(index - input_first).ok().and_then(|i| input.get(i)).map_or(0.0, |&v| f64::from(v))
        };
        let sides: f64 = (1..)
            .step_by(2)
            .zip(coefficients)
            .map(|(distance, &c)| f64::from(c) * (at(2 * n + distance) + at(2 * n - distance)))
            .sum();
        0.5 * at(2 * n) + sides
    }

    fn noise(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / u32::MAX as f32 - 0.5
        };
        (0..len).map(|_| next()).collect()
    }

    proptest! {
        #[test]
        fn halving_is_the_sum_that_defines_it(
            len in 0_usize..300, input_first in -40_i64..40, first in -40_i64..40, blocks in 0_usize..4, taps in 1_usize..20,
        ) {
            let (input, coefficients) = (noise(len, 1), noise(taps, 2));
            let mut output = Stretch { first, samples: vec![0.0; blocks * BLOCK] };
            halve(&coefficients, &input, input_first, &mut output, &mut Halves::default());
            let mut plain = Stretch { first, samples: vec![0.0; blocks * BLOCK] };
            halve_loop::<false>(&coefficients, &input, input_first, &mut plain, &mut Halves::default());
            for (i, (fast, plain)) in output.samples.iter().zip(&plain.samples).enumerate() {
                let slow = halve_slowly(&coefficients, &input, input_first, first + i as i64);
                prop_assert!((f64::from(*fast) - slow).abs() < 1e-5, "{i}: {fast} {slow}");
                prop_assert!((fast - plain).abs() < 1e-5, "{i}: {fast} {plain}");
            }
        }

        #[test]
        fn filtering_is_the_inner_product(frames in 0_usize..10, len in 1_usize..60) {
            let samples = noise(len + 3 * frames, 3);
            let taps: Vec<Tap> = noise(len * LANES, 4).as_chunks().0.to_vec();
            let starts: Vec<usize> = (0..frames).map(|f| 3 * f).collect();
            let mut fast = vec![[0.0; BANK_BINS]; frames];
            let mut plain = fast.clone();
            filter(&taps, &samples, &starts, &mut fast);
            filter_loop::<false>(&taps, &samples, &starts, &mut plain);
            for f in 0..frames {
                for bin in 0..BANK_BINS {
                    let part = |lane: usize| -> f64 {
                        taps.iter().zip(&samples[3 * f..]).map(|(tap, s)| f64::from(tap[lane]) * f64::from(*s)).sum()
                    };
                    let slow = part(bin).hypot(part(bin + BANK_BINS));
                    prop_assert!((f64::from(fast[f][bin]) - slow).abs() < 1e-4);
                    prop_assert!((fast[f][bin] - plain[f][bin]).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn a_long_signal_is_the_same_across_its_chunks() {
        let (input, coefficients) = (noise(3 * CHUNK, 5), noise(9, 6));
        let mut output = Stretch { first: 0, samples: vec![0.0; CHUNK + BLOCK] };
        halve(&coefficients, &input, 0, &mut output, &mut Halves::default());
        for n in CHUNK - 20..CHUNK + BLOCK {
            let slow = halve_slowly(&coefficients, &input, 0, n as i64);
            assert!((f64::from(output.samples[n]) - slow).abs() < 1e-5);
        }
    }

    #[test]
    fn what_is_not_sound_is_silence() {
        let input = [1.0, f32::NAN, f32::INFINITY, 1e30, 2.0, 3.0];
        let (mut even, mut odd) = (vec![9.0; 5], vec![9.0; 5]);
        split(&input, -1, &mut even, &mut odd);
        assert_eq!(even, [0.0, 0.0, 0.0, 3.0, 0.0]);
        assert_eq!(odd, [1.0, 0.0, 2.0, 0.0, 0.0]);
    }
}
