use crate::{Element, Shape, Var};

/// `[N, ...]` to `[N, the rest]`. Images are flattened as they lie in memory: row, column, channel (PyTorch's order is
/// channel, row, column).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flatten;

impl Flatten {
    /// x with all axes but the first made one.
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

/// `[N, ...]` to `[N, dims...]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reshape<const D: usize>(pub [usize; D]);

impl<const D: usize> Reshape<D> {
    /// Each sample of x under the new shape.
    ///
    /// # Panics
    /// If a sample has another size.
    #[track_caller]
    pub fn forward<E: Element>(&self, x: &Var<E>) -> Var<E> {
        let batch = x.dims().first().copied().unwrap_or(1);
        let to = Shape::new(&[&[batch], self.0.as_slice()].concat());
        assert!(
            to.len() == x.shape().len(),
            "Reshape({:?}): samples of input {} do not fit",
            self.0,
            x.shape()
        );
        x.reshape(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;

    #[test]
    fn are_each_others_inverse() {
        let x = Var::constant(Tensor::from_slice([2, 1, 2, 1], &[1.0f32, 2.0, 3.0, 4.0]));
        let flat = Flatten.forward(&x);
        assert_eq!(flat.dims(), [2, 2]);
        let back = Reshape([1, 2, 1]).forward(&flat);
        assert_eq!((back.dims(), back.value().data()), (x.dims(), x.value().data()));
        assert_eq!(Flatten.forward(&Var::constant(Tensor::<f32>::zeros([0, 3, 3, 2]))).dims(), [0, 18]);
    }

    #[test]
    #[should_panic(expected = "Reshape([2, 2]): samples of input [3, 5] do not fit")]
    fn names_what_does_not_fit() {
        Reshape([2, 2]).forward(&Var::constant(Tensor::<f32>::zeros([3, 5])));
    }
}
