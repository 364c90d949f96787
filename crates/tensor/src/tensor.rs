//! The tensor: values without derivatives.

use crate::{Element, Shape};
use adjoint_kernels::gemm::{Mat, Update, gemm};
use adjoint_kernels::memory::Buffer;
use adjoint_kernels::{pointwise, reduce, softmax};
use std::fmt;
use std::sync::Arc;

/// A tensor: a contiguous array of up to four axes, in row-major order.
///
/// Clones of a tensor share its memory. The first write to a tensor that shares its memory copies
/// the elements. Memory comes from a pool and returns to the pool.
///
/// ```
/// use adjoint_tensor::Tensor;
/// let x = Tensor::from_slice([2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// let row = Tensor::from_slice([3], &[10.0, 20.0, 30.0]);
/// assert_eq!(x.zip(&row, |a, b| a + b).data(), &[11.0, 22.0, 33.0, 14.0, 25.0, 36.0]);
/// assert_eq!(x.sum_to([3]).data(), &[5.0, 7.0, 9.0]);
/// ```
#[derive(Clone)]
pub struct Tensor<E: Element> {
    shape: Shape,
    data: Arc<Buffer<E>>,
}

impl<E: Element> Tensor<E> {
    /// Returns a tensor whose elements `fill` writes. The initial contents are unspecified, so
    /// `fill` must write all elements.
    ///
    /// # Panics
    /// If memory cannot address the elements.
    pub fn build(shape: impl Into<Shape>, fill: impl FnOnce(&mut [E])) -> Self {
        let mut tensor = Self::unspecified(shape.into());
        fill(tensor.data_mut());
        tensor
    }

    /// Returns a tensor with unspecified contents. This is a separate function, so that its code is
    /// compiled once. [`build`](Self::build) is compiled once for each closure.
    #[inline(never)]
    fn unspecified(shape: Shape) -> Self {
        Tensor { shape, data: Arc::new(Buffer::take(shape.len())) }
    }

    /// Returns a tensor with a copy of `data`.
    ///
    /// # Panics
    /// If the length of `data` differs from the size of the shape.
    #[track_caller]
    pub fn from_slice(shape: impl Into<Shape>, data: &[E]) -> Self {
        let shape = shape.into();
        assert_eq!(shape.len(), data.len(), "shape {shape} does not fit {} elements", data.len());
        Self::build(shape, |out| out.copy_from_slice(data))
    }

    /// Returns a tensor in which every element is `value`.
    pub fn full(shape: impl Into<Shape>, value: E) -> Self {
        Self::build(shape, |out| out.fill(value))
    }

    /// Returns a tensor in which every element is 0.
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Self::full(shape, E::ZERO)
    }

    /// Returns a tensor without axes that holds a single number.
    pub fn scalar(value: f64) -> Self {
        Self::full(Shape::SCALAR, E::of(value))
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The sizes of the axes.
    pub fn dims(&self) -> &[usize] {
        self.shape.dims()
    }

    /// The number of elements.
    #[allow(clippy::len_without_is_empty, reason = "a count of elements")]
    pub fn len(&self) -> usize {
        self.shape.len()
    }

    /// The elements in row-major order: the last axis varies fastest.
    pub fn data(&self) -> &[E] {
        self.data.as_slice()
    }

    /// The elements, mutable. If another tensor shares them, they are copied first.
    pub fn data_mut(&mut self) -> &mut [E] {
        Arc::make_mut(&mut self.data).as_mut_slice()
    }

    /// Returns whether no other tensor shares this memory.
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.data) == 1
    }

    /// The only element.
    ///
    /// # Panics
    /// If the number of elements is not one.
    #[track_caller]
    pub fn item(&self) -> f64 {
        assert!(self.len() == 1, "item() needs one element, not shape {}", self.shape);
        self.data()[0].f64()
    }

    /// Returns whether all elements are finite.
    pub fn is_finite(&self) -> bool {
        self.data().iter().all(|x| x.is_finite())
    }

    /// Returns the same elements with another shape of the same size.
    ///
    /// # Panics
    /// If the sizes differ.
    #[track_caller]
    #[must_use]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert!(shape.len() == self.len(), "reshape: {} to {shape}: the sizes differ", self.shape);
        Tensor { shape, data: self.data.clone() }
    }

    /// Applies f to every element.
    #[must_use]
    #[inline(never)]
    pub fn map(&self, f: impl Fn(E) -> E + Copy + Sync) -> Self {
        Self::build(self.shape, |y| pointwise::map(self.data(), y, f))
    }

    /// Applies f to every pair of elements. Both operands are broadcast to their common shape.
    ///
    /// # Panics
    /// If there is no common shape.
    #[track_caller]
    #[must_use]
    #[inline(never)]
    pub fn zip(&self, other: &Self, f: impl Fn(E, E) -> E + Copy + Sync) -> Self {
        if self.shape == other.shape {
            return Self::build(self.shape, |y| pointwise::zip(self.data(), other.data(), y, f));
        }
        let Some(shape) = self.shape.broadcast(&other.shape) else {
            panic!("elementwise: shapes {} and {} do not broadcast", self.shape, other.shape)
        };
        Self::build(shape, |y| {
            let (a, b) = (self.shape.right_aligned(), other.shape.right_aligned());
            pointwise::zip_broadcast((self.data(), a), (other.data(), b), (y, shape.right_aligned()), f);
        })
    }

    /// Replaces every element x in place by f(x, y), where y is the element of `other` at its
    /// position.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    #[inline(never)]
    pub fn update(&mut self, other: &Self, f: impl Fn(E, E) -> E + Copy + Sync) {
        assert!(self.shape == other.shape, "update: shapes {} and {} differ", self.shape, other.shape);
        pointwise::update(self.data_mut(), other.data(), f);
    }

    /// Repeats axes of size 1 (and missing leading axes) to fill `shape`.
    ///
    /// # Panics
    /// If this shape does not broadcast to `shape`.
    #[track_caller]
    #[must_use]
    #[inline(never)]
    pub fn expand(&self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert!(self.shape.broadcasts_to(&shape), "expand: {} does not broadcast to {shape}", self.shape);
        Self::build(shape, |y| {
            pointwise::expand((self.data(), self.shape.right_aligned()), (y, shape.right_aligned()));
        })
    }

    /// Sums over every axis along which `shape` broadcasts to this shape: the adjoint of
    /// [`Tensor::expand`].
    ///
    /// # Panics
    /// If `shape` does not broadcast to this shape.
    #[track_caller]
    #[must_use]
    #[inline(never)]
    pub fn sum_to(&self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert!(shape.broadcasts_to(&self.shape), "sum_to: {shape} does not broadcast to {}", self.shape);
        Self::build(shape, |y| {
            reduce::sum_to((self.data(), self.shape.right_aligned()), (y, shape.right_aligned()));
        })
    }

    /// Returns the matrix product of this tensor and `b`. An operand is transposed first if its
    /// flag is set.
    ///
    /// # Panics
    /// If an operand is not a matrix or the inner dimensions differ.
    #[track_caller]
    #[must_use]
    #[inline(never)]
    pub fn matmul(&self, transpose_a: bool, b: &Self, transpose_b: bool) -> Self {
        let ([ar, ac], [br, bc]) = (self.shape.matrix(), b.shape.matrix());
        let [m, k] = if transpose_a { [ac, ar] } else { [ar, ac] };
        let [k2, n] = if transpose_b { [bc, br] } else { [br, bc] };
        assert!(
            k == k2,
            "matmul: {}{} times {}{}: the inner dimensions {k} and {k2} differ",
            self.shape,
            if transpose_a { "^T" } else { "" },
            b.shape,
            if transpose_b { "^T" } else { "" },
        );
        Self::build([m, n], |y| {
            let a = Mat::new(self.data(), ar, ac).t_if(transpose_a);
            let b = Mat::new(b.data(), br, bc).t_if(transpose_b);
            gemm(a, b, Update::Overwrite, y);
        })
    }

    /// Returns e^x / sum of e^x along the last axis.
    #[must_use]
    pub fn softmax(&self) -> Self {
        Self::build(self.shape, |y| softmax::softmax(self.data(), self.last(), y))
    }

    /// Returns x - ln sum of e^x along the last axis.
    #[must_use]
    pub fn log_softmax(&self) -> Self {
        Self::build(self.shape, |y| softmax::log_softmax(self.data(), self.last(), y))
    }

    /// Returns ln sum of e^x along the last axis, whose size becomes 1.
    #[must_use]
    pub fn log_sum_exp(&self) -> Self {
        Self::build(self.shape.per_row(), |y| softmax::log_sum_exp_rows(self.data(), self.last(), y))
    }

    /// Returns the sum of the squares of the elements, in `f64`.
    pub fn sum_of_squares(&self) -> f64 {
        reduce::sum_of_squares(self.data())
    }

    fn last(&self) -> usize {
        self.dims().last().copied().unwrap_or(1)
    }
}

impl Tensor<f32> {
    /// Returns the bytes of the elements, the lowest byte of each first, as most files have them.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        self.data().iter().flat_map(|x| x.to_le_bytes()).collect()
    }
}

impl<E: Element> fmt::Debug for Tensor<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.len().min(8);
        write!(f, "Tensor<{}>{} {:?}", E::NAME, self.shape, &self.data()[..shown])?;
        if shown < self.len() { write!(f, "...") } else { Ok(()) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn count(shape: impl Into<Shape>) -> Tensor<f64> {
        Tensor::build(shape, |out| out.iter_mut().enumerate().for_each(|(i, x)| *x = i as f64))
    }

    #[test]
    fn writing_to_a_clone_leaves_the_original() {
        let a = count([4]);
        let mut b = a.clone();
        assert!(!a.is_unique());
        b.data_mut()[0] = 9.0;
        assert_eq!((a.data()[0], b.data()[0]), (0.0, 9.0));
        assert!(a.is_unique() && b.is_unique());
    }

    #[test]
    #[should_panic(expected = "matmul: [2, 3]^T times [3, 2]: the inner dimensions 2 and 3 differ")]
    fn matmul_names_what_does_not_fit() {
        let _ = count([2, 3]).matmul(true, &count([3, 2]), false);
    }
}
