//! Flattening: samples of any shape as rows of a matrix.

use crate::{Element, Var};

/// Flattens each sample: `[N, ...]` to `[N, features]`. Elements keep their order in memory, which
/// for images is row, column, channel. (PyTorch's order is channel, row, column.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flatten;

impl Flatten {
    /// Returns x with all axes except the first merged into one.
    ///
    /// # Panics
    /// If x is a scalar.
    #[track_caller]
    pub fn forward<E: Element>(&self, x: &Var<E>) -> Var<E> {
        assert!(x.shape().rank() > 0, "Flatten: a scalar has no batch");
        let [_, features] = x.shape().around(0);
        x.reshape([x.dims()[0], features])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;

    #[test]
    fn keeps_the_batch_and_the_order() {
        let x = Var::constant(Tensor::from_slice([2, 1, 2, 1], &[1.0f32, 2.0, 3.0, 4.0]));
        let flat = Flatten.forward(&x);
        assert_eq!((flat.dims(), flat.value().data()), (&[2, 2][..], x.value().data()));
        assert_eq!(Flatten.forward(&Var::constant(Tensor::<f32>::zeros([0, 3, 3, 2]))).dims(), [0, 18]);
    }
}
