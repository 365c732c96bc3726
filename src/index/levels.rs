//! Features of an entry at one byte per value: what the last stage of a search aligns, without decoding the file again.
//!
//! A byte is the natural logarithm of a constant-Q magnitude, from [`RANGE`] below the file's loudest (0) to the loudest
//! (255): steps of 0.63 dB. The range is that of the published features (spec A: 80 of their half decibels).

use ndarray::{Array2, ArrayView2};

/// ln of the 160 dB that the published features see below the loudest.
const RANGE: f32 = 18.42;

/// Converts (frames × bins) natural log magnitudes to bytes.
pub(crate) fn to_bytes(log: ArrayView2<'_, f32>) -> Vec<u8> {
    let loudest = log.iter().copied().filter(|v| v.is_finite()).fold(f32::NEG_INFINITY, f32::max);
    let byte = |&v: &f32| (((v - loudest) / RANGE + 1.0).clamp(0.0, 1.0) * 255.0).round() as u8;
    log.iter().map(byte).collect()
}

/// Converts bytes to natural log magnitudes, relative to the loudest, (frames × `bins`).
///
/// # Panics
/// If the bytes are not whole frames.
pub(crate) fn from_bytes(bytes: &[u8], bins: usize) -> Array2<f32> {
    assert_eq!(bytes.len() % bins, 0, "bytes of frames of {bins} bins");
    Array2::from_shape_fn((bytes.len() / bins, bins), |(i, bin)| {
        (f32::from(bytes[i * bins + bin]) / 255.0 - 1.0) * RANGE
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_come_back_within_half_a_step(values in prop::collection::vec(-18.0_f32..0.0, 24), gain in -9.0_f32..9.0) {
            let mut log = Array2::from_shape_vec((4, 6), values).expect("24 values");
            log[[2, 3]] = 0.0;
            let back = from_bytes(&to_bytes((&log + gain).view()), 6);
            prop_assert!((&back - &log).iter().all(|d| d.abs() <= RANGE / 255.0 / 2.0 + 1e-4));
            prop_assert_eq!(to_bytes(back.view()), to_bytes(log.view()));
        }
    }

    #[test]
    fn silence_and_what_is_no_number_are_the_lowest_level() {
        let log = ndarray::array![[0.0, f32::NAN], [-40.0, f32::NEG_INFINITY]];
        assert_eq!(to_bytes(log.view()), [255, 0, 0, 0]);
        assert_eq!(from_bytes(&[], 60).dim(), (0, 60));
    }
}
