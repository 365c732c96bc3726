//! Matrix products, which are all the work of the layers: the `gemm` crate behind a safe call. It chooses its kernel
//! (AVX-512, AVX2, NEON, plain) according to the processor. Measured against `ndarray`'s own product, which would need
//! no such file, on the shapes of our network: 1.2 to 1.6 times as fast.

use ndarray::{ArrayView2, ArrayViewMut2};

/// What happens to the values already in the output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    /// They are replaced.
    Overwrite,
    /// The product is added to them.
    Add,
}

/// Multiplies `left` (n × k) by `right` (k × m) into `out` (n × m). Any strides; rows of `left` and of `right` may
/// overlap (rows of a convolution). Runs on the calling thread.
///
/// # Panics
/// If the shapes don't fit.
#[expect(unsafe_code, reason = "gemm takes pointers and strides")]
pub(super) fn product(left: ArrayView2<f32>, right: ArrayView2<f32>, mut out: ArrayViewMut2<f32>, how: Into) {
    let ((n, k), (k2, m)) = (left.dim(), right.dim());
    assert!(k == k2 && out.dim() == (n, m), "{:?} · {:?} into {:?}", left.dim(), right.dim(), out.dim());
    if n == 0 || m == 0 {
        return;
    }
    let (l, r) = (left.strides(), right.strides());
    let o = [out.strides()[0], out.strides()[1]];
    // SAFETY: each pointer and its strides come from one view of the shape given, and `out` is borrowed exclusively.
    unsafe {
        gemm::gemm(
            n,
            m,
            k,
            out.as_mut_ptr(),
            o[1],
            o[0],
            how == Into::Add,
            left.as_ptr(),
            l[1],
            l[0],
            right.as_ptr(),
            r[1],
            r[0],
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, ShapeBuilder};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn product_is_that_of_the_plain_loop(n in 0_usize..40, k in 0_usize..40, m in 0_usize..40, add in any::<bool>(), turned in any::<bool>()) {
            let value = |seed: usize| move |(i, j): (usize, usize)| ((i * 7 + j * 13 + seed) % 11) as f32 - 5.0;
            let left = Array2::from_shape_fn((n, k), value(1));
            let right = if turned { Array2::from_shape_fn((m, k), value(2)).reversed_axes() } else { Array2::from_shape_fn((k, m), value(2)) };
            let mut out = Array2::from_shape_fn((n, m), value(3));
            let plain = Array2::from_shape_fn((n, m), |(i, j)| {
                let sum: f32 = (0..k).map(|x| left[[i, x]] * right[[x, j]]).sum();
                sum + if add { out[[i, j]] } else { 0.0 }
            });
            product(left.view(), right.view(), out.view_mut(), if add { Into::Add } else { Into::Overwrite });
            prop_assert_eq!(out, plain);
        }
    }

    #[test]
    fn rows_may_overlap() {
        let values: Vec<f32> = (0..8).map(|v| v as f32).collect();
        let left = ArrayView2::from_shape((3, 4).strides((2, 1)), &values).expect("inside");
        let mut out = Array2::zeros((3, 1));
        product(left, Array2::ones((4, 1)).view(), out.view_mut(), Into::Overwrite);
        assert_eq!(out.into_raw_vec_and_offset().0, [6.0, 14.0, 22.0]);
    }
}
