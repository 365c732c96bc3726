//! Codes without learning: thresholded piecewise aggregate approximation, the baseline of the thesis (spec D).

use super::HashSequence;
use crate::error::{Error, Result};
use crate::features::BINS;
use ndarray::{Array1, ArrayView2, Axis, s};

/// Frames averaged into a step (spec D).
const FRAMES: usize = 8;
/// Bins left out at each end, leaving 32 of 48.
const LEFT_OUT: usize = 8;
/// Thresholded piecewise aggregate approximation: the mean of each bin over 8 frames becomes a bit, set if it lies
/// above the bin's threshold. The 8 lowest and 8 highest of the 48 bins are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Tpaa {
    /// A threshold for each of the 48 bins.
    thresholds: Array1<f32>,
}

impl Tpaa {
    /// Takes the mean of each bin over all frames of `training`, matrices of (frames × 48), as thresholds. The thesis
    /// uses the training set; each side needs its own, because recordings and syntheses differ.
    ///
    /// # Errors
    /// [`Error::Nothing`] without a frame; [`Error::Limit`] for any other number of bins, or a mean that is not finite.
    pub fn trained_on<'a>(training: impl IntoIterator<Item = ArrayView2<'a, f32>>) -> Result<Self> {
        let (mut sum, mut frames) = (Array1::<f64>::zeros(BINS), 0_usize);
        for matrix in training {
            check(matrix)?;
            frames += matrix.nrows();
            for row in matrix.rows() {
                sum.zip_mut_with(&row, |sum, &value| *sum += f64::from(value));
            }
        }
        if frames == 0 {
            return Err(Error::nothing("no frames to take thresholds from"));
        }
        let thresholds = sum.mapv(|sum| (sum / frames as f64) as f32);
        if let Some(bad) = thresholds.iter().find(|threshold| !threshold.is_finite()) {
            return Err(Error::Limit { what: "mean of a bin", value: bad.to_string(), limit: "finite numbers".into() });
        }
        Ok(Self { thresholds })
    }

    /// 32 bits per step of 8 frames, from features of (frames × 48) that are `frame_s` seconds apart; the last step may
    /// have fewer frames.
    ///
    /// # Errors
    /// [`Error::Limit`] for any other number of bins, or a frame that doesn't last a positive number of seconds.
    pub fn hash(&self, features: ArrayView2<'_, f32>, frame_s: f64) -> Result<HashSequence> {
        check(features)?;
        let inner = LEFT_OUT..BINS - LEFT_OUT;
        let thresholds = self.thresholds.slice(s![inner.clone()]);
        let features = features.slice_move(s![.., inner]);
        let codes = features.axis_chunks_iter(Axis(0), FRAMES).map(|frames| {
            let mean = frames.mean_axis(Axis(0)).unwrap_or_else(|| thresholds.to_owned());
            let bits = mean.iter().zip(&thresholds).enumerate();
            bits.fold(0, |code, (bit, (mean, threshold))| code | u32::from(mean > threshold) << bit)
        });
        HashSequence::new(codes.collect(), 32, FRAMES as f64 * frame_s)
    }
}

fn check(features: ArrayView2<'_, f32>) -> Result<()> {
    if features.ncols() == BINS {
        return Ok(());
    }
    Err(Error::Limit { what: "number of bins", value: features.ncols().to_string(), limit: BINS.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn bits_are_the_inner_bins_above_their_mean() {
        // Bin 8 is high in the first step, bin 39 in the second, which is short; bin 7 is left out.
        let mut features = Array2::<f32>::zeros((12, 48));
        features.slice_mut(s![..8, 7..9]).fill(1.0);
        features.slice_mut(s![8.., 39..]).fill(1.0);
        let tpaa = Tpaa::trained_on([features.view()]).expect("frames");
        let sequence = tpaa.hash(features.view(), 0.05).expect("48 bins");
        assert_eq!(sequence.codes(), [1, 1 << 31]);
        assert_eq!((sequence.bits(), sequence.step_s()), (32, 0.4));
        assert!(tpaa.hash(Array2::zeros((0, 48)).view(), 0.05).expect("48 bins").is_empty());
    }

    #[test]
    fn what_is_not_features_is_refused() {
        assert!(matches!(Tpaa::trained_on([]), Err(Error::Nothing { .. })));
        assert!(matches!(Tpaa::trained_on([Array2::zeros((3, 47)).view()]), Err(Error::Limit { .. })));
        let nan = Array2::from_elem((3, 48), f32::NAN);
        assert!(matches!(Tpaa::trained_on([nan.view()]), Err(Error::Limit { .. })));
    }
}
