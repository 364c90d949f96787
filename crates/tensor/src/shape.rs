//! Shapes: the sizes of up to four axes.

use adjoint_kernels::size;
use std::fmt;

/// The sizes of a tensor's axes, outermost first. A shape has at most four axes.
///
/// As in NumPy, broadcasting aligns the last axes of two shapes. So a channel vector `[C]`
/// broadcasts over images `[N, H, W, C]`.
///
/// The product of the sizes never wraps, even if each zero is replaced by one. The constructors
/// panic if memory cannot address the elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [usize; 4],
    rank: usize,
}

impl Shape {
    /// The shape of a single number, without axes.
    pub const SCALAR: Shape = Shape { dims: [1; 4], rank: 0 };

    /// Returns the shape with these sizes.
    ///
    /// # Panics
    /// If there are more than four sizes, or memory cannot address the elements.
    #[track_caller]
    pub fn new(dims: &[usize]) -> Self {
        assert!(dims.len() <= 4, "a tensor has at most four axes, not {}: {dims:?}", dims.len());
        size::len(dims);
        let mut shape = Shape { dims: [1; 4], rank: dims.len() };
        shape.dims[..dims.len()].copy_from_slice(dims);
        shape
    }

    /// Returns the shape with these sizes, which may come from a file. Returns `None` if there are
    /// more than four sizes, or memory cannot address the elements.
    pub fn checked(dims: &[usize]) -> Option<Self> {
        (dims.len() <= 4 && size::checked_len(dims).is_some()).then(|| Self::new(dims))
    }

    /// The sizes.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of elements.
    #[allow(clippy::len_without_is_empty, reason = "a count of elements, not of axes")]
    pub fn len(&self) -> usize {
        self.dims().iter().product()
    }

    /// Returns the four sizes that the kernels use. If this shape has fewer than four axes, ones
    /// are in front.
    pub fn right_aligned(&self) -> [usize; 4] {
        let mut aligned = [1; 4];
        aligned[4 - self.rank..].copy_from_slice(self.dims());
        aligned
    }

    /// Returns the four sizes of an image shape.
    ///
    /// # Panics
    /// If the rank is not four.
    #[track_caller]
    pub fn nhwc(&self) -> [usize; 4] {
        assert!(self.rank == 4, "expected four axes (N, H, W, C), found {self:?}");
        self.dims
    }

    /// Returns the two sizes of a matrix shape.
    ///
    /// # Panics
    /// If the rank is not two.
    #[track_caller]
    pub fn matrix(&self) -> [usize; 2] {
        assert!(self.rank == 2, "expected a matrix (two axes), found {self:?}");
        [self.dims[0], self.dims[1]]
    }

    /// Returns the shape of a tensor with one number per row of this shape: the last axis, if there
    /// is one, gets size 1.
    #[must_use]
    pub fn per_row(&self) -> Shape {
        match self.rank {
            0 => *self,
            rank => self.with(rank - 1, 1),
        }
    }

    /// Returns the shape that results if this shape and `other` are broadcast to each other.
    /// Returns `None` if they do not fit.
    ///
    /// # Panics
    /// If memory cannot address its elements.
    #[track_caller]
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let (a, b) = (self.right_aligned(), other.right_aligned());
        let mut dims = [1; 4];
        for axis in 0..4 {
            dims[axis] = match (a[axis], b[axis]) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return None,
            };
        }
        let rank = self.rank.max(other.rank);
        Some(Shape::new(&dims[4 - rank..]))
    }

    /// Returns whether a tensor of this shape can be repeated to fill `to`.
    pub fn broadcasts_to(&self, to: &Shape) -> bool {
        let pairs = || self.right_aligned().into_iter().zip(to.right_aligned());
        self.rank <= to.rank && pairs().all(|(size, to)| size == to || size == 1)
    }

    /// Returns this shape with another size along one axis.
    ///
    /// # Panics
    /// If there is no such axis, or memory cannot address the elements.
    #[must_use]
    #[track_caller]
    pub fn with(mut self, axis: usize, size: usize) -> Shape {
        assert!(axis < self.rank, "no axis {axis} in shape {self:?}");
        self.dims[axis] = size;
        Shape::new(self.dims())
    }

    /// Returns two products: that of the sizes before an axis and that of the sizes after it.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn around(&self, axis: usize) -> [usize; 2] {
        assert!(axis < self.rank, "no axis {axis} in shape {self:?}");
        [self.dims[..axis].iter().product(), self.dims[axis + 1..self.rank].iter().product()]
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    #[track_caller]
    fn from(dims: [usize; N]) -> Self {
        Shape::new(&dims)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.dims(), f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.dims(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;

    #[test]
    fn broadcasting_aligns_last_axes() {
        let s = |d: &[usize]| Shape::new(d);
        assert_eq!(s(&[2, 3, 3, 8]).broadcast(&s(&[8])), Some(s(&[2, 3, 3, 8])));
        assert_eq!(s(&[4, 1]).broadcast(&s(&[5])), Some(s(&[4, 5])));
        assert_eq!(s(&[4, 2]).broadcast(&s(&[3])), None);
        assert_eq!(Shape::SCALAR.broadcast(&s(&[3])), Some(s(&[3])));
        assert!(s(&[1, 5]).broadcasts_to(&s(&[4, 5])) && !s(&[1, 5]).broadcasts_to(&s(&[5])));
        assert_eq!(s(&[0, 3]).len(), 0);
        assert_eq!(s(&[2, 3, 4]).around(1), [2, 4]);
    }

    /// The functions that make a shape panic if the product of its sizes would wrap. The message
    /// contains the sizes.
    #[test]
    fn sizes_that_wrap_are_rejected() {
        let message = |make: &dyn Fn() -> Shape| {
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(make));
            *panic.expect_err("no such shape").downcast::<String>().expect("a message")
        };
        let large = 1 << 32;
        let [tall, wide] = [Shape::new(&[large, 1]), Shape::new(&[1, large])];
        let zeros = |dims: &[usize]| crate::Tensor::<f32>::zeros(Shape::new(dims)).shape();
        for (make, dims) in [
            (&(|| zeros(&[large, large])) as &dyn Fn() -> Shape, "[4294967296, 4294967296]"),
            (&|| zeros(&[0, large, large]), "[0, 4294967296, 4294967296]"),
            (&|| zeros(&[usize::MAX, 2]), "[18446744073709551615, 2]"),
            // The product does not wrap, but memory cannot address the bytes.
            (&|| zeros(&[1 << 61]), "[2305843009213693952]"),
            (&|| [large, large].into(), "[4294967296, 4294967296]"),
            (&|| tall.with(1, large), "[4294967296, 4294967296]"),
            (&|| tall.broadcast(&wide).expect("they broadcast"), "[4294967296, 4294967296]"),
        ] {
            let message = message(make);
            assert!(message.contains(&format!("an array of shape {dims}")), "{message}");
        }
        assert!(!tall.broadcasts_to(&wide), "must not panic");
    }
}
