//! Matrix products.
//!
//! In `f32` with vector instructions, [`gemm`] is our own code (`blocked/`). The `matrixmultiply`
//! crate computes all other products: products in `f64`, products without vector instructions, and
//! small products inside a task. For these, this module checks the bounds and divides C into tiles.
//! `matrixmultiply` divides the matrices into blocks as Goto & van de Geijn do, packs its operands
//! and selects AVX2/FMA at run time. It takes raw pointers, so this module calls it only in
//! [`GemmScalar::gemm`].

#![allow(unsafe_code)]

mod blocked;
#[cfg(test)]
mod tests;

use crate::Element;
use crate::isa::Isa;
#[cfg(test)]
use crate::parallel;
use crate::simd::{Block, Pieces, for_each_piece, with_simd};
use crate::tuning::gemm::{Blocks, PORTABLE_MIN_TILE, PORTABLE_TILE};
use crate::tuning::tasks::{MIN_TASK, TASKS};
pub(crate) use blocked::copy;
use std::ops::Range;

/// A view of a matrix inside a slice: element (i, j) is `data[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, E> {
    data: &'a [E],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, E> Mat<'a, E> {
    /// Returns a view of `rows` x `cols` elements in row-major order.
    ///
    /// # Panics
    /// If `data` is shorter than the view.
    #[track_caller]
    pub fn new(data: &'a [E], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// Returns a view of `rows` rows of `cols` elements. Row i starts at `data[i * row_stride]`.
    ///
    /// # Panics
    /// If `data` ends before the last element.
    #[track_caller]
    pub fn strided(data: &'a [E], rows: usize, cols: usize, row_stride: usize) -> Self {
        check_extent("matrix view", data.len(), rows, cols, row_stride);
        Mat { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// Returns the transpose: the same elements with rows and columns exchanged.
    #[must_use]
    pub fn t(self) -> Self {
        Mat {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// Returns the transpose if `yes`, else this view.
    #[must_use]
    pub fn t_if(self, yes: bool) -> Self {
        if yes { self.t() } else { self }
    }

    /// Returns the position of element (i, j) in the slice. For a valid i and j, the position is
    /// inside the slice, because the constructor checked the length of the slice.
    fn offset(&self, i: usize, j: usize) -> usize {
        i * self.row_stride + j * self.col_stride
    }

    /// Returns a view of a range of the columns.
    fn columns(self, columns: Range<usize>) -> Self {
        assert!(
            columns.start < columns.end && columns.end <= self.cols,
            "no columns {columns:?} in a matrix of {} columns",
            self.cols
        );
        // If there are no rows, the slice can end before the first column.
        let data = self.data.get(columns.start * self.col_stride..).unwrap_or_default();
        Mat { data, cols: columns.len(), ..self }
    }
}

impl<'a, E: Element> Mat<'a, E> {
    /// Returns this view as `f32` if its elements are `f32`.
    fn as_f32(self) -> Option<Mat<'a, f32>> {
        let Mat { data, rows, cols, row_stride, col_stride } = self;
        E::as_f32(data).map(|data| Mat { data, rows, cols, row_stride, col_stride })
    }
}

#[track_caller]
fn check_extent(what: &str, len: usize, rows: usize, cols: usize, row_stride: usize) {
    // If the product overflows, no slice is long enough. A stride beyond isize cannot be used with
    // pointers.
    let extent = || (rows - 1).checked_mul(row_stride)?.checked_add(cols);
    let needed = if rows == 0 || cols == 0 { 0 } else { extent().unwrap_or(usize::MAX) };
    assert!(
        len >= needed && isize::try_from(row_stride).is_ok() && (cols <= row_stride || rows <= 1),
        "{what}: {rows} x {cols} with row stride {row_stride} needs {needed} elements, the slice has {len}"
    );
}

/// The part of [`crate::Element`] that multiplies matrices given by raw pointers. `f32` and `f64`
/// implement it.
pub trait GemmScalar: Copy + From<u8> {
    /// C <- A B + beta C for an `m` x `k` A and a `k` x `n` B. With beta = 0, C is written but not
    /// read.
    ///
    /// # Safety
    /// For all valid (i, j), the element at `i * stride.0 + j * stride.1` of each operand must be
    /// in bounds. The elements of `a` and `b` must be readable, and those of `c` readable and
    /// writable. `c` must not overlap `a` or `b`, and its elements must not overlap each other.
    unsafe fn gemm(
        size: [usize; 3],
        a: (*const Self, [usize; 2]),
        b: (*const Self, [usize; 2]),
        beta: Self,
        c: (*mut Self, usize),
    );
}

macro_rules! gemm_scalar {
    ($t:ty, $f:path) => {
        impl GemmScalar for $t {
            unsafe fn gemm(
                [m, k, n]: [usize; 3],
                (a, [ra, ca]): (*const Self, [usize; 2]),
                (b, [rb, cb]): (*const Self, [usize; 2]),
                beta: Self,
                (c, rc): (*mut Self, usize),
            ) {
                let s = |x: usize| x as isize;
                // SAFETY: the caller's promise is exactly the requirement of the function. Strides
                // fit in isize because they index into a slice.
                unsafe {
                    $f(m, k, n, 1.0, a, s(ra), s(ca), b, s(rb), s(cb), beta, c, s(rc), 1);
                }
            }
        }
    };
}
gemm_scalar!(f32, matrixmultiply::sgemm);
gemm_scalar!(f64, matrixmultiply::dgemm);

/// Whether a matrix product overwrites its output C or is added to C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// C <- A B
    Overwrite,
    /// C <- C + A B
    Accumulate,
}

/// C <- A B (or C + A B) on this thread.
///
/// # Panics
/// If the inner dimensions differ or `c` has another size.
#[track_caller]
pub(crate) fn gemm_serial<E: GemmScalar>(a: Mat<'_, E>, b: Mat<'_, E>, into: Update, mut c: Block<'_, E>) {
    let [m, n] = c.size();
    assert!(a.cols == b.rows && [a.rows, b.cols] == [m, n], "{}: C is {m} x {n}", product_of(&a, &b));
    if m == 0 || n == 0 {
        return;
    }
    #[cfg(test)]
    parallel::work::add(m * a.cols * n);
    let (data, at, row_stride) = c.parts();
    let c = data.rows(at, m, row_stride, n);
    let beta = E::from(u8::from(into == Update::Accumulate));
    // SAFETY: `Mat` guarantees the extents of `a` and `b`, and `Block` guarantees that of `c`. Only
    // the owner of the block accesses it, so it overlaps neither `a` nor `b`.
    unsafe {
        E::gemm(
            [m, a.cols, n],
            (a.data.as_ptr(), [a.row_stride, a.col_stride]),
            (b.data.as_ptr(), [b.row_stride, b.col_stride]),
            beta,
            (c, row_stride),
        );
    }
}

/// C <- A B (or C + A B). The tiles of C are divided among the threads. `c` is row-major, and has
/// as many rows as A and as many columns as B.
///
/// # Panics
/// If the inner dimensions differ or `c` is too short.
#[track_caller]
#[inline(never)]
pub fn gemm<E: Element>(a: Mat<'_, E>, b: Mat<'_, E>, into: Update, c: &mut [E]) {
    let (m, n) = (a.rows, b.cols);
    assert!(a.cols == b.rows, "{}: the inner dimensions differ", product_of(&a, &b));
    check_extent("matrix product, output", c.len(), m, n, n);
    if m == 0 || n == 0 {
        return;
    }
    if let (Some(a), Some(b), Some(c)) = (a.as_f32(), b.as_f32(), E::as_f32_mut(c))
        && Isa::active() != Isa::Portable
        && a.cols > 0
    {
        return with_simd!(s => blocked::gemm(s, Blocks::active(), [a, b], into, c));
    }
    let [tm, tn] = tile_size(m, a.cols, n);
    for_each_piece(c, &Pieces::new([1, 1, m, n], [1, 1, tm, tn]), |piece| {
        let [_, _, rows, columns] = piece.at.clone();
        gemm_serial(a.t().columns(rows).t(), b.columns(columns), into, piece.row(0, 0));
    });
}

fn product_of<E>(a: &Mat<'_, E>, b: &Mat<'_, E>) -> String {
    format!("matrix product: {} x {} times {} x {}", a.rows, a.cols, b.rows, b.cols)
}

/// Returns the number of rows and columns of the tile of C that one task computes with
/// `matrixmultiply`. They depend only on the sizes of the matrices. A tile is so large that packing
/// an operand is a small part of the work. It is so small that a few threads can share the tiles
/// evenly.
fn tile_size(m: usize, k: usize, n: usize) -> [usize; 2] {
    let mut tile = [m.min(PORTABLE_TILE[0]), n.min(PORTABLE_TILE[1])];
    while m.div_ceil(tile[0]) * n.div_ceil(tile[1]) < TASKS && tile[0] * tile[1] * k > 2 * MIN_TASK {
        let axis = usize::from(tile[1] > tile[0]);
        if tile[axis] < PORTABLE_MIN_TILE {
            break;
        }
        tile[axis] = tile[axis].div_ceil(2).next_multiple_of(16);
    }
    tile
}
