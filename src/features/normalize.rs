//! From magnitudes to rows that can be compared by inner product, in the order of spec A.
//!
//! The papers feed a *magnitude* to a function meant for powers: values are half the usual decibels, and the floor of
//! 80 lies 160 dB below the loudest. Quiet bins therefore dominate the norm of a row; that is how the published
//! aligners and networks see music, so it stays.

use ndarray::{Array2, Axis};

/// Level, in `10 log10` relative to the loudest magnitude, at which values are cut off (spec A).
const FLOOR: f32 = -80.0;
/// Smallest magnitude whose logarithm is taken (spec A).
const QUIETEST: f32 = 1e-10;

/// Turns magnitudes (frames × bins) into features of the same shape: `10 log10(max(1e-10, C)) − 10 log10(max C)`, not
/// below −80, then each row divided by its L2 norm.
///
/// All values are ≤ 0, and the inner product of two rows lies in 0..=1. A silent row becomes the constant vector (every
/// bin −1/√bins), as does every row if everything is silent. A row that is 0 throughout, every bin as loud as the
/// loudest of all, has no direction and stays 0. NaN magnitudes count as silence.
pub fn log_normalize(magnitudes: &Array2<f32>) -> Array2<f32> {
    let loudest = magnitudes.iter().copied().filter(|m| m.is_finite()).fold(QUIETEST, f32::max);
    // All silent: every value would be 0 below the loudest, itself silence. The floor is the only sensible level.
    let reference = if loudest > QUIETEST { 10.0 * log10(loudest) } else { f32::INFINITY };
    // Makes rows contiguous whatever the caller's layout.
    let mut rows = magnitudes.as_standard_layout().into_owned();
    // `max` returns the other operand for NaN; `min` keeps infinities out.
    rows.mapv_inplace(|m| (10.0 * log10(m.max(QUIETEST).min(loudest)) - reference).clamp(FLOOR, 0.0));
    for mut row in rows.axis_iter_mut(Axis(0)) {
        let norm = row.dot(&row).sqrt();
        if norm > 0.0 {
            row /= norm;
        }
    }
    rows
}

/// Decimal logarithm of a normal positive number, to within 4e-7 of its value or of 1: the library's costs several
/// times as much, and a transform of four minutes needs 250 000.
#[inline]
pub(super) fn log10(x: f32) -> f32 {
    // x = m · 2^e with m in √½..√2, so that the series is centred on 1.
    let bits = x.to_bits();
    let offset = bits.wrapping_sub(std::f32::consts::FRAC_1_SQRT_2.to_bits());
    let exponent = (offset as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32));
    // ln m = 2 artanh s, with s = (m − 1) / (m + 1) in ±0.172; the term after these is below 2e-8.
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let ln_m = 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0)))));
    exponent as f32 * std::f32::consts::LOG10_2 + ln_m * std::f32::consts::LOG10_E
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    #[test]
    fn the_order_is_log_then_floor_then_norm() {
        let rows = log_normalize(&array![[1.0_f32, 0.01], [1e-12, 0.1]]);
        // −0, −20 | −80 (not −100 … −120), −10.
        let norm = (80.0_f32 * 80.0 + 10.0 * 10.0).sqrt();
        let expected = array![[0.0, -1.0], [-80.0 / norm, -10.0 / norm]];
        assert!((&rows - &expected).iter().all(|d| d.abs() < 1e-6), "{rows}");
    }

    #[test]
    fn silence_is_the_constant_vector_and_a_flat_loudest_row_is_zero() {
        let rows = log_normalize(&array![[0.0_f32, 0.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0]]);
        assert!(rows.row(0).iter().all(|v| (v + 0.5).abs() < 1e-6));
        assert!(rows.row(1).iter().all(|&v| v == 0.0));
        let all_silent = log_normalize(&Array2::zeros((3, 4)));
        assert!(all_silent.iter().all(|v| (v + 0.5).abs() < 1e-6));
        assert_eq!(log_normalize(&Array2::zeros((0, 48))).dim(), (0, 48));
    }

    #[test]
    fn what_is_not_a_number_is_silence() {
        let rows = log_normalize(&array![[f32::NAN, 1.0], [f32::INFINITY, 0.5]]);
        assert!(rows.iter().all(|v| v.is_finite()), "{rows}");
        assert!((rows[[0, 0]] + 1.0).abs() < 1e-6);
    }

    #[test]
    fn any_memory_layout_gives_the_same_rows() {
        let magnitudes = array![[1.0_f32, 0.5, 0.1], [0.2, 0.3, 0.9]];
        let turned = magnitudes.t().as_standard_layout().into_owned().reversed_axes();
        assert!(!turned.is_standard_layout());
        assert_eq!(log_normalize(&magnitudes), log_normalize(&turned));
    }

    proptest! {
        #[test]
        fn logarithm_is_that_of_the_standard_library(x in 1.2e-38_f32..3.4e38, near_one in 0.5_f32..2.0) {
            for x in [x, near_one, x.sqrt(), 1.0] {
                let exact = f64::from(x).log10();
                prop_assert!((f64::from(log10(x)) - exact).abs() <= 4e-7 * exact.abs().max(1.0), "{} {}", log10(x), exact);
            }
        }

        #[test]
        fn features_do_not_change_with_gain(gain in 1e-2_f32..1e3, values in prop::collection::vec(1e-3_f32..1.0, 24)) {
            let magnitudes = Array2::from_shape_vec((4, 6), values).expect("24 values");
            let (plain, louder) = (log_normalize(&magnitudes), log_normalize(&(&magnitudes * gain)));
            prop_assert!((&plain - &louder).iter().all(|d| d.abs() < 1e-4));
        }

        #[test]
        fn inner_products_lie_between_0_and_1(values in prop::collection::vec(0_f32..10.0, 24)) {
            let rows = log_normalize(&Array2::from_shape_vec((4, 6), values).expect("24 values"));
            prop_assert!(rows.dot(&rows.t()).iter().all(|p| (-1e-6..=1.0 + 1e-5).contains(p)));
        }
    }
}
