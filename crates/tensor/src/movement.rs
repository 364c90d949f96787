//! Operations that build a tensor from parts of other tensors. They copy values. Only
//! [`Tensor::scatter_add_rows`] also adds values.

use crate::{Element, Shape, Tensor};
use adjoint_kernels::layout::{self, AxisView};

impl<E: Element> Tensor<E> {
    /// Reorders the axes: axis a of the result is axis `axes[a]` of this tensor.
    ///
    /// # Panics
    /// If `axes` is not a permutation of this tensor's axes.
    #[track_caller]
    #[must_use]
    pub fn permute<const N: usize>(&self, axes: [usize; N]) -> Self {
        let is_permutation = N == self.shape().rank() && (0..N).all(|axis| axes.contains(&axis));
        assert!(is_permutation, "permute: the order {axes:?} does not fit shape {}", self.shape());
        let lead = 4 - N;
        let order = std::array::from_fn(|a| if a < lead { a } else { axes[a - lead] + lead });
        let mut shape = self.shape();
        for (to, from) in axes.into_iter().enumerate() {
            shape = shape.with(to, self.dims()[from]);
        }
        Self::build(shape, |y| layout::permute(self.data(), self.shape().right_aligned(), order, y))
    }

    /// Returns positions `start..start + len` of an axis.
    ///
    /// # Panics
    /// If the positions exceed the axis.
    #[track_caller]
    #[must_use]
    pub fn narrow(&self, axis: usize, start: usize, len: usize) -> Self {
        let size = self.dims().get(axis).copied().unwrap_or(0);
        let fits = start.checked_add(len).is_some_and(|end| end <= size);
        assert!(fits, "narrow: {len} positions from {start} of axis {axis} of {}", self.shape());
        let from = self.around(axis);
        Self::build(self.shape().with(axis, len), |y| {
            layout::copy_block((self.data(), from, start), (y, AxisView { axis: len, ..from }, 0), len);
        })
    }

    /// Adds `before` zeros in front of an axis and `after` zeros behind it. This is the adjoint of
    /// [`Tensor::narrow`].
    ///
    /// # Panics
    /// If there is no such axis, or memory cannot address the elements.
    #[track_caller]
    #[must_use]
    pub fn pad(&self, axis: usize, before: usize, after: usize) -> Self {
        let from = self.around(axis);
        // A saturated sum exceeds every valid axis, so `with` below panics.
        let to = AxisView { axis: before.saturating_add(from.axis).saturating_add(after), ..from };
        Self::build(self.shape().with(axis, to.axis), |y| {
            y.fill(E::ZERO);
            layout::copy_block((self.data(), from, 0), (y, to, before), from.axis);
        })
    }

    /// Concatenates tensors along an axis.
    ///
    /// # Panics
    /// If there are no tensors, their other axes differ, or memory cannot address the elements.
    #[track_caller]
    pub fn concat(parts: &[&Self], axis: usize) -> Self {
        assert!(!parts.is_empty(), "concat: nothing to concatenate");
        let first = parts[0].shape();
        let fits = |s: Shape| s.rank() == first.rank() && s.with(axis, 1) == first.with(axis, 1);
        if let Some(bad) = parts.iter().find(|p| !fits(p.shape())) {
            panic!("concat: {} does not fit {first} along axis {axis}", bad.shape());
        }
        let size = parts.iter().fold(0usize, |size, part| size.saturating_add(part.dims()[axis]));
        let to = AxisView { axis: size, ..parts[0].around(axis) };
        Self::build(first.with(axis, size), |y| {
            let mut start = 0;
            for part in parts {
                let from = part.around(axis);
                layout::copy_block((part.data(), from, 0), (y, to, start), from.axis);
                start += from.axis;
            }
        })
    }

    /// Returns the given `rows` of a matrix.
    ///
    /// # Panics
    /// If this tensor is not a matrix or a row is out of range.
    #[track_caller]
    #[must_use]
    pub fn gather_rows(&self, rows: &[usize]) -> Self {
        let [count, columns] = self.shape().matrix();
        layout::check_rows("gather_rows", rows, count);
        Self::build([rows.len(), columns], |y| layout::gather_rows(self.data(), columns, rows, y))
    }

    /// Returns a matrix of `count` rows in which each row r is the sum of all rows i of this matrix
    /// with `rows[i] = r`: the adjoint of [`Tensor::gather_rows`].
    ///
    /// # Panics
    /// If this tensor is not a matrix, its number of rows differs from the length of `rows`, or a
    /// row is out of range.
    #[track_caller]
    #[must_use]
    pub fn scatter_add_rows(&self, rows: &[usize], count: usize) -> Self {
        let [len, columns] = self.shape().matrix();
        assert!(len == rows.len(), "scatter_add_rows: {len} rows, but {} indices", rows.len());
        layout::check_rows("scatter_add_rows", rows, count);
        Self::build([count, columns], |y| layout::scatter_add_rows(self.data(), columns, rows, y))
    }

    #[track_caller]
    fn around(&self, axis: usize) -> AxisView {
        let [outer, inner] = self.shape().around(axis);
        AxisView { outer, axis: self.dims()[axis], inner }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::tests::count;

    #[test]
    fn permute_works_at_every_rank() {
        assert_eq!(count([2, 3]).permute([1, 0]).data(), &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let x = count([2, 3, 4, 5]);
        let y = x.permute([0, 3, 1, 2]);
        assert_eq!(y.dims(), &[2, 5, 3, 4]);
        assert_eq!(y.permute([0, 2, 3, 1]).data(), x.data());
        assert_eq!(count([3]).permute([0]).data(), count([3]).data());
    }

    #[test]
    fn narrow_pad_and_concat_fit_together() {
        let x = count([2, 5, 3]);
        let (a, b) = (x.narrow(1, 0, 2), x.narrow(1, 2, 3));
        assert_eq!(Tensor::concat(&[&a, &b], 1).data(), x.data());
        let sum = a.pad(1, 0, 3).zip(&b.pad(1, 2, 0), |a, b| a + b);
        assert_eq!(sum.data(), x.data());
        assert_eq!(b.dims(), &[2, 3, 3]);
    }

    #[test]
    #[should_panic(expected = "narrow: 3 positions from 18446744073709551615 of axis 1 of [2, 5]")]
    fn narrow_rejects_a_range_that_wraps() {
        let _ = count([2, 5]).narrow(1, usize::MAX, 3);
    }

    #[test]
    #[should_panic(expected = "an array of shape [2, 18446744073709551615]")]
    fn pad_rejects_an_axis_that_wraps() {
        let _ = count([2, 5]).pad(1, usize::MAX, 1);
    }

    #[test]
    #[should_panic(expected = "an array of shape [0, 18446744073709551615]")]
    fn concat_rejects_an_axis_that_wraps() {
        let part = count([0, (1 << 60) - 1]);
        let _ = Tensor::concat(&[&part; 20], 1);
    }

    #[test]
    #[should_panic(expected = "scatter_add_rows: row 9223372036854775808 of a table of 4 rows")]
    fn scatter_rejects_a_row_that_wraps() {
        let _ = count([1, 2]).scatter_add_rows(&[1 << 63], 4);
    }
}
