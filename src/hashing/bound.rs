//! A lower bound on a score, cheaper than the score itself.
//!
//! The published pruning skips a pair if the number of cells as low as the best score so far is smaller than the
//! shorter length, and calls that exact. It is not: the mean of a path can be below the threshold with most of its
//! cells above it, and with a gully below 1 a path may be shorter than the shorter sequence (spec E). This one is.
//!
//! A path begins in the first row or the first column. If it begins in the first row, it visits every row from 0 to
//! some `i ≥ g`, whichever edge it ends on, where `g` is the first row that the gully allows. One cell of each row
//! costs at least the least distance of that row; every other cell of the path is a horizontal step, with its penalty.
//! With `P(k)` the sum of the least distances of the first `k` rows, a path with `h` horizontal steps has a mean of at
//! least `(P(k) + h (penalty + least)) / (k + h)`, which lies between `P(k) / k` and `penalty + least`. The same holds
//! for columns if it begins in the first column.

use super::HashDtw;

/// Returns a lower bound on [`hash_dtw`](super::hash_dtw) of the two.
pub fn least_score(x: &[u32], y: &[u32], params: HashDtw) -> f32 {
    if x.is_empty() || y.is_empty() {
        return f32::INFINITY;
    }
    let mut in_column = vec![u32::MAX; y.len()];
    let in_row: Vec<u32> = x
        .iter()
        .map(|code| {
            let distances = y.iter().map(|other| (code ^ other).count_ones());
            let pairs = distances.zip(&mut in_column);
            pairs.fold(u32::MAX, |least, (distance, in_column)| {
                *in_column = distance.min(*in_column);
                distance.min(least)
            })
        })
        .collect();
    let visited = params.first_end(x.len(), y.len()) + 1;
    let step = in_row.iter().min().map_or(0, |&least| u64::from(least) + u64::from(params.penalty)) as f64;
    let least_mean = |least: &[u32]| {
        let mut sum = 0_u64;
        let means = least.iter().zip(1_u64..).map(|(&least, k)| {
            sum += u64::from(least);
            sum as f64 / k as f64
        });
        means.skip(visited - 1).fold(step, f64::min)
    };
    // Rounded to the nearest, as the score is, so that the two compare as the exact numbers do.
    least_mean(&in_row).min(least_mean(&in_column)) as f32
}

#[cfg(test)]
mod tests {
    use super::super::hash_dtw;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hopeless_pair_is_known_as_one() {
        // No pair of steps is closer than 16 bits, except one.
        let (x, mut y) = (vec![0; 50], vec![0xffff; 40]);
        y[20] = 0;
        let bound = least_score(&x, &y, HashDtw::GEN2);
        assert!(bound <= hash_dtw(&x, &y, HashDtw::GEN2));
        assert!(least_score(&x, &[0xffff; 40], HashDtw::GEN2) > 14.9);
        assert!(least_score(&[], &y, HashDtw::GEN2).is_infinite());
    }

    proptest! {
        #[test]
        fn no_score_is_below_its_bound(
            x in prop::collection::vec(0_u32..64, 1..30),
            y in prop::collection::vec(0_u32..64, 1..30),
            gully in 0.0_f64..1.2,
            penalty in 0_u16..8,
        ) {
            let params = HashDtw { gully, penalty };
            prop_assert!(least_score(&x, &y, params) <= hash_dtw(&x, &y, params));
        }

        #[test]
        fn no_score_of_a_planted_match_is_below_its_bound(
            x in prop::collection::vec(any::<u32>(), 10..60),
            flips in prop::collection::vec(0_u32..32, 60),
            stretch in 0.5_f64..1.0,
        ) {
            let y: Vec<u32> = (0..(x.len() as f64 * stretch) as usize)
                .map(|j| x[(j as f64 / stretch) as usize] ^ (1 << flips[j]))
                .collect();
            prop_assert!(least_score(&x, &y, HashDtw::GEN2) <= hash_dtw(&x, &y, HashDtw::GEN2));
        }
    }
}
