//! [`HashBlocks`]: many sequences, laid out so that one query is compared with 32 of them at a time.

#[cfg(target_arch = "x86_64")]
use super::simd_avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::simd_avx512::Avx512;
#[cfg(target_arch = "aarch64")]
use super::simd_neon::Neon;
use super::{HashDtw, HashSequence, hash_dtw};
use crate::error::{Error, Result};
use crate::job::Progress;
use rayon::prelude::*;
use std::array::from_fn;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Sequences side by side.
pub(super) const LANES: usize = 32;

/// Code that compares a query with 32 sequences at a time. All kernels give the same scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// AVX-512 with BITALG: all lanes in one register.
    Avx512,
    /// AVX2: all lanes in two registers.
    Avx2,
    /// NEON: all lanes in four registers.
    Neon,
    /// One sequence after another, on any processor.
    Portable,
}

impl Kernel {
    /// The kernels that this processor can run, fastest first.
    pub fn available() -> Vec<Self> {
        let mut kernels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        kernels.extend(Avx512::new().map(|_| Self::Avx512));
        #[cfg(target_arch = "x86_64")]
        kernels.extend(Avx2::new().map(|_| Self::Avx2));
        #[cfg(target_arch = "aarch64")]
        kernels.extend(Neon::new().map(|_| Self::Neon));
        kernels.push(Self::Portable);
        kernels
    }

    /// Scores of a block.
    fn scores(self, query: &[u32], block: &Block<'_>, params: HashDtw) -> [f32; LANES] {
        // More than 16 bits can count: over 12 minutes of both at 0.37 s a step.
        self.sweep(query, block, params).unwrap_or_else(|| from_fn(|lane| hash_dtw(query, &block.lane(lane), params)))
    }

    /// Scores of a block; none if the processor can't run the kernel, or if the sequences are too long for 16 bits.
    fn sweep(self, query: &[u32], block: &Block<'_>, params: HashDtw) -> Option<[f32; LANES]> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::new()?.sweep(query, block, params),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::new()?.sweep(query, block, params),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Neon::new()?.sweep(query, block, params),
            _ => None,
        }
    }
}

/// 32 sequences, or fewer: unused lanes have length 0.
pub(super) struct Block<'a> {
    /// For each column the low halves of 32 codes, then, for 32-bit codes, the high halves.
    pub(super) codes: &'a [u16],
    /// Steps of each sequence, ascending except that unused lanes come last.
    pub(super) lengths: [usize; LANES],
    /// Bits per code.
    pub(super) bits: u32,
}

impl Block<'_> {
    /// Columns of the longest sequence.
    pub(super) fn columns(&self) -> usize {
        self.codes.len() / self.width()
    }

    fn width(&self) -> usize {
        LANES * self.bits as usize / 16
    }

    pub(super) fn column(&self, j: usize) -> ([u16; LANES], [u16; LANES]) {
        let (low, high) = self.codes[j * self.width()..(j + 1) * self.width()].split_at(LANES);
        let copy = |from: &[u16]| {
            let mut to = [0; LANES];
            to[..from.len()].copy_from_slice(from);
            to
        };
        (copy(low), copy(high))
    }

    /// The codes of one lane.
    pub(super) fn lane(&self, lane: usize) -> Vec<u32> {
        let code = |j| {
            let (low, high) = self.column(j);
            u32::from(low[lane]) | u32::from(high[lane]) << 16
        };
        (0..self.lengths[lane]).map(code).collect()
    }
}

/// Many hash sequences, transposed.
///
/// Sequences are sorted by length, so that those of one block need little padding, and taken 32 at a time. A block has
/// as many columns as its longest sequence; a column holds step `j` of the 32 sequences, as 32 `u16` of their low
/// halves and, for 32-bit codes, 32 `u16` of their high halves. Blocks follow one another. Sequence `k` of the sorted
/// order is lane `k mod 32` of block `k / 32`; what lies beyond its end is 0.
#[derive(Debug, Clone)]
pub struct HashBlocks {
    bits: u32,
    /// The position of each sequence, in sorted order, among those given.
    ids: Vec<u32>,
    /// Steps of each sequence, in sorted order: ascending.
    lengths: Vec<u32>,
    codes: Vec<u16>,
    /// Where each block begins in `codes`, and where the last one ends.
    starts: Vec<usize>,
}

impl HashBlocks {
    /// # Errors
    /// [`Error::Limit`] if sequences differ in bits, or if there are 2^32 or more sequences, or steps in one of them.
    pub fn new(sequences: &[HashSequence]) -> Result<Self> {
        let bits = sequences.first().map_or(32, HashSequence::bits);
        if let Some(other) = sequences.iter().find(|sequence| sequence.bits() != bits) {
            let value = format!("of {} bits", other.bits());
            return Err(Error::Limit {
                what: "hash sequence",
                value,
                limit: format!("{bits} bits, as the others have"),
            });
        }
        let small = |value: usize| {
            u32::try_from(value).map_err(|_| Error::Limit {
                what: "number of sequences or steps",
                value: value.to_string(),
                limit: u32::MAX.to_string(),
            })
        };
        let mut ids: Vec<u32> = (0..small(sequences.len())?).collect();
        ids.sort_by_key(|&id| sequences[id as usize].len());
        let lengths = ids.iter().map(|&id| small(sequences[id as usize].len())).collect::<Result<Vec<u32>>>()?;
        let starts = starts(&lengths, bits);
        let mut codes = vec![0; starts[starts.len() - 1]];
        let planes = bits as usize / 16;
        for (block, ids) in ids.chunks(LANES).enumerate() {
            for (lane, &id) in ids.iter().enumerate() {
                for (j, code) in sequences[id as usize].codes().iter().enumerate() {
                    let column = starts[block] + j * planes * LANES;
                    codes[column + lane] = *code as u16;
                    if planes > 1 {
                        codes[column + LANES + lane] = (code >> 16) as u16;
                    }
                }
            }
        }
        Ok(Self { bits, ids, lengths, codes, starts })
    }

    /// Bits per code.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no sequences.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Scores each sequence against `query`, as [`hash_dtw`] does with the query first: in the order in which the
    /// sequences were given, on all cores.
    ///
    /// # Errors
    /// [`Error::Limit`] if the query's codes have a different number of bits; [`Error::Cancelled`].
    pub fn scores(&self, query: &HashSequence, params: HashDtw, progress: &Progress) -> Result<Vec<f32>> {
        self.scores_by(Kernel::available()[0], query, params, progress)
    }

    /// [`HashBlocks::scores`] with a chosen kernel, to compare kernels.
    ///
    /// # Errors
    /// Those of [`HashBlocks::scores`], and [`Error::Limit`] for a kernel that this processor can't run.
    pub fn scores_by(
        &self,
        kernel: Kernel,
        query: &HashSequence,
        params: HashDtw,
        progress: &Progress,
    ) -> Result<Vec<f32>> {
        if query.bits() != self.bits {
            let limit = format!("{} bits, as those it is compared with", self.bits);
            return Err(Error::Limit { what: "query", value: format!("of {} bits", query.bits()), limit });
        }
        let available = Kernel::available();
        if !available.contains(&kernel) {
            let limit = format!("{available:?}, which this processor has");
            return Err(Error::Limit { what: "kernel", value: format!("{kernel:?}"), limit });
        }
        let mut scores = vec![f32::INFINITY; self.len()];
        if query.is_empty() {
            return Ok(scores);
        }
        let blocks = self.starts.len() - 1;
        let ended = AtomicUsize::new(0);
        let of_block = |index: usize| {
            progress.step(ended.fetch_add(1, Ordering::Relaxed), blocks)?;
            Ok(kernel.scores(query.codes(), &self.block(index), params))
        };
        let found = (0..blocks).into_par_iter().map(of_block).collect::<Result<Vec<[f32; LANES]>>>()?;
        for (&id, score) in self.ids.iter().zip(found.iter().flatten()) {
            scores[id as usize] = *score;
        }
        Ok(scores)
    }

    fn block(&self, index: usize) -> Block<'_> {
        let mut lengths = [0; LANES];
        for (length, &given) in lengths.iter_mut().zip(&self.lengths[index * LANES..]) {
            *length = given as usize;
        }
        Block { codes: &self.codes[self.starts[index]..self.starts[index + 1]], lengths, bits: self.bits }
    }
}

/// Scores each of `sequences`, codes that lie one after another, against `query`, as [`hash_dtw`] does with the query
/// first; on all cores. For a selection out of very many: 32 at a time, of about equal length, are laid side by side on
/// the way.
///
/// # Errors
/// [`Error::Cancelled`].
pub(crate) fn scores_of(
    query: &HashSequence,
    sequences: &[&[u32]],
    params: HashDtw,
    progress: &Progress,
) -> Result<Vec<f32>> {
    let mut scores = vec![f32::INFINITY; sequences.len()];
    if query.is_empty() {
        return Ok(scores);
    }
    let mut order: Vec<u32> = (0..sequences.len() as u32).collect();
    order.par_sort_unstable_by_key(|&at| (sequences[at as usize].len(), at));
    progress.step(0, 1)?;
    let (bits, kernel) = (query.bits(), Kernel::available()[0]);
    let planes = bits as usize / 16;
    let ended = AtomicUsize::new(0);
    let blocks = order.len().div_ceil(LANES);
    let of_block = |codes: &mut Vec<u16>, ids: &[u32]| {
        progress.step(ended.fetch_add(1, Ordering::Relaxed), blocks)?;
        let mut lengths = [0; LANES];
        for (length, &id) in lengths.iter_mut().zip(ids) {
            *length = sequences[id as usize].len();
        }
        codes.clear();
        codes.resize(lengths.iter().max().unwrap_or(&0) * planes * LANES, 0);
        for (lane, &id) in ids.iter().enumerate() {
            for (column, &code) in codes.chunks_exact_mut(planes * LANES).zip(sequences[id as usize]) {
                column[lane] = code as u16;
                if planes > 1 {
                    column[LANES + lane] = (code >> 16) as u16;
                }
            }
        }
        if let Some(scores) = kernel.sweep(query.codes(), &Block { codes, lengths, bits }, params) {
            return Ok(scores);
        }
        let mut scores = [f32::INFINITY; LANES];
        for (score, &id) in scores.iter_mut().zip(ids) {
            // Sequences that don't fit the kernel are long: each is a block's worth of work.
            progress.step(ended.load(Ordering::Relaxed), blocks)?;
            *score = hash_dtw(query.codes(), sequences[id as usize], params);
        }
        Ok(scores)
    };
    let found = order.par_chunks(LANES).map_init(Vec::new, of_block).collect::<Result<Vec<[f32; LANES]>>>()?;
    for (&id, score) in order.iter().zip(found.iter().flatten()) {
        scores[id as usize] = *score;
    }
    Ok(scores)
}

/// Where each block begins, and where the last one ends.
fn starts(lengths: &[u32], bits: u32) -> Vec<usize> {
    let columns = lengths.chunks(LANES).map(|block| block.last().map_or(0, |&longest| longest as usize));
    let width = LANES * bits as usize / 16;
    let ends = columns.scan(0_usize, |end, columns| {
        *end = end.saturating_add(columns.saturating_mul(width));
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{Rng, RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    fn sequence(codes: Vec<u32>, bits: u32) -> HashSequence {
        HashSequence::new(codes, bits, 0.37).expect("valid")
    }

    fn random(rng: &mut Pcg64, length: usize, bits: u32) -> Vec<u32> {
        (0..length).map(|_| rng.next_u32() >> (32 - bits)).collect()
    }

    /// Checks every kernel against one pair at a time.
    fn check(query: &HashSequence, sequences: &[HashSequence], params: HashDtw) {
        let blocks = HashBlocks::new(sequences).expect("same bits");
        let expected: Vec<f32> = sequences.iter().map(|s| hash_dtw(query.codes(), s.codes(), params)).collect();
        for kernel in Kernel::available() {
            let scores = blocks.scores_by(kernel, query, params, &Progress::silent()).expect("not cancelled");
            assert_eq!(scores, expected, "{kernel:?}");
        }
        let codes: Vec<&[u32]> = sequences.iter().map(HashSequence::codes).collect();
        assert_eq!(scores_of(query, &codes, params, &Progress::silent()).expect("not cancelled"), expected);
        assert_eq!(blocks.scores(query, params, &Progress::silent()).expect("not cancelled"), expected);
    }

    #[test]
    fn planted_warped_matches_among_random_sequences_score_the_same_in_every_kernel() {
        let mut rng = Pcg64::seed_from_u64(1);
        for bits in [16, 32] {
            let query = random(&mut rng, 150, bits);
            let sequences: Vec<HashSequence> = (0..70)
                .map(|k| {
                    let length = rng.random_range(20..200);
                    let mut codes = random(&mut rng, length, bits);
                    if k % 3 == 0 {
                        codes.clear();
                        codes.extend((0..110).map(|j| query[j * 4 / 3] ^ (1 << rng.random_range(0..bits))));
                    }
                    sequence(codes, bits)
                })
                .collect();
            check(&sequence(query, bits), &sequences, HashDtw::for_bits(bits));
        }
    }

    #[test]
    fn lengths_of_0_and_1_and_a_lone_sequence() {
        let mut rng = Pcg64::seed_from_u64(2);
        for length in [1, 2, 40] {
            let query = sequence(random(&mut rng, length, 32), 32);
            let few = |rng: &mut Pcg64| [0, 1, 1, 2, 3, 40].map(|length| sequence(random(rng, length, 32), 32));
            check(&query, &few(&mut rng), HashDtw::GEN2);
            check(&query, &few(&mut rng)[5..], HashDtw::GEN2);
        }
        check(&sequence(Vec::new(), 32), &[sequence(vec![1], 32)], HashDtw::GEN2);
        check(&sequence(vec![1], 32), &[], HashDtw::GEN2);
    }

    #[test]
    fn the_longest_that_fit_16_bits_and_the_first_that_do_not() {
        // Every bit differs, so that costs grow as fast as they can.
        for (length, fit) in [(2047, true), (2048, false)] {
            let far = [sequence(vec![u32::MAX; length], 32), sequence(vec![u32::MAX; length + 5], 32)];
            let query = sequence(vec![0; length], 32);
            let blocks = HashBlocks::new(&far).expect("same bits");
            let swept = Kernel::available()[0].sweep(query.codes(), &blocks.block(0), HashDtw::GEN2);
            assert!(Kernel::available() == [Kernel::Portable] || swept.is_some() == fit);
            check(&query, &far, HashDtw::GEN2);
        }
    }

    #[test]
    fn codes_of_different_bits_are_refused() {
        let blocks = HashBlocks::new(&[sequence(vec![1, 2], 16), sequence(vec![3], 16)]).expect("same bits");
        assert_eq!((&blocks.ids[..], &blocks.lengths[..], blocks.codes.len()), (&[1, 0][..], &[1, 2][..], 2 * LANES));
        assert!(HashBlocks::new(&[sequence(vec![1], 16), sequence(vec![1], 32)]).is_err());
        assert!(blocks.scores(&sequence(vec![1], 32), HashDtw::GEN2, &Progress::silent()).is_err());
    }

    #[test]
    fn a_cancel_ends_it() {
        let blocks = HashBlocks::new(&[sequence(vec![1; 9], 16)]).expect("same bits");
        let progress = Progress::silent();
        progress.cancel();
        assert!(matches!(blocks.scores(&sequence(vec![1], 16), HashDtw::GEN1, &progress), Err(Error::Cancelled)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn ties_and_lengths_of_all_kinds_score_the_same_in_every_kernel(
            // Few distinct codes, so that there are ties.
            query in prop::collection::vec(prop_oneof![Just(0_u32), Just(1), Just(0x8001_0003)], 1..20),
            others in prop::collection::vec(prop::collection::vec(prop_oneof![Just(0_u32), Just(3), Just(0x8001_0003)], 0..20), 0..40),
            gully in prop_oneof![Just(0.0), Just(0.9), Just(1.0)],
            penalty in 0_u16..4,
        ) {
            let others: Vec<HashSequence> = others.into_iter().map(|codes| sequence(codes, 32)).collect();
            check(&sequence(query, 32), &others, HashDtw { gully, penalty });
        }
    }
}
