//! Matrix products.
//!
//! In `f32` and with vector instructions, [`gemm`] is our own (`blocked/`). Everything else is
//! `matrixmultiply`'s micro-kernels (Goto & van de Geijn's blocking, packed operands, AVX2/FMA
//! chosen at run time) with our views, bounds and tiles: `f64`, the portable path, and small
//! products inside a task. Calling it takes raw pointers: every such product goes through
//! [`GemmScalar::gemm`], whose argument is checked here.

#![allow(unsafe_code)]

mod blocked;
#[cfg(test)]
mod tests;

use crate::Element;
use crate::isa::Isa;
use crate::parallel;
use crate::simd::with_simd;
use crate::tuning::gemm::{PORTABLE_MIN_TILE, PORTABLE_TILE};
use crate::tuning::tasks::{MIN_TASK, TASKS};
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
    /// `rows` x `cols` elements in row-major order.
    ///
    /// # Panics
    /// If `data` is shorter than that.
    #[track_caller]
    pub fn new(data: &'a [E], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// `rows` rows of `cols` elements; a row starts `row_stride` after the one before.
    ///
    /// # Panics
    /// If `data` ends before the last element.
    #[track_caller]
    pub fn strided(data: &'a [E], rows: usize, cols: usize, row_stride: usize) -> Self {
        check_extent("matrix view", data.len(), rows, cols, row_stride);
        Mat { data, rows, cols, row_stride, col_stride: 1 }
    }

    /// The transpose: the same elements with rows and columns exchanged.
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

    /// The transpose if `yes`.
    #[must_use]
    pub fn t_if(self, yes: bool) -> Self {
        if yes { self.t() } else { self }
    }

    /// Where element (i, j) is in the slice: inside it for a valid index, because the extent was
    /// checked at creation.
    fn offset(&self, i: usize, j: usize) -> usize {
        i * self.row_stride + j * self.col_stride
    }
}

impl<E> Mat<'_, E> {
    /// Some of its columns.
    fn columns(self, columns: Range<usize>) -> Self {
        assert!(
            columns.start < columns.end && columns.end <= self.cols,
            "{columns:?} of {} columns",
            self.cols
        );
        Mat { data: &self.data[columns.start * self.col_stride..], cols: columns.len(), ..self }
    }
}

impl<'a, E: Element> Mat<'a, E> {
    /// This view if its elements are `f32`.
    fn as_f32(self) -> Option<Mat<'a, f32>> {
        let Mat { data, rows, cols, row_stride, col_stride } = self;
        E::as_f32(data).map(|data| Mat { data, rows, cols, row_stride, col_stride })
    }
}

#[track_caller]
fn check_extent(what: &str, len: usize, rows: usize, cols: usize, row_stride: usize) {
    // A product that overflows is no slice's size; a stride beyond isize cannot be walked by
    // pointers.
    let extent = || (rows - 1).checked_mul(row_stride)?.checked_add(cols);
    let needed = if rows == 0 || cols == 0 { 0 } else { extent().unwrap_or(usize::MAX) };
    assert!(
        len >= needed && isize::try_from(row_stride).is_ok() && (cols <= row_stride || rows <= 1),
        "{what}: {rows} x {cols} with row stride {row_stride} needs {needed} elements, the slice has {len}"
    );
}

/// The scalar half of [`crate::Element`]: the raw product, implemented for `f32` and `f64`.
pub trait GemmScalar: Copy + From<u8> {
    /// C <- A B + beta C for an `m` x `k` A and a `k` x `n` B; with beta = 0, C is only written.
    ///
    /// # Safety
    /// For all valid (i, j) the element at `i * stride.0 + j * stride.1` of each operand must be in
    /// bounds, to read for `a` and `b`, to read and write for `c`; `c` must not overlap `a` or `b`,
    /// nor its elements each other.
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
                // SAFETY: the caller's promise is exactly what the function requires; strides fit
                // isize because they index into a slice.
                unsafe {
                    $f(m, k, n, 1.0, a, s(ra), s(ca), b, s(rb), s(cb), beta, c, s(rc), 1);
                }
            }
        }
    };
}
gemm_scalar!(f32, matrixmultiply::sgemm);
gemm_scalar!(f64, matrixmultiply::dgemm);

/// Whether a product replaces what the output held or is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// C <- A B
    Overwrite,
    /// C <- C + A B
    Accumulate,
}

/// C <- A B (or C + A B) on this thread. `c` is row-major with rows `row_stride` apart.
///
/// # Panics
/// If the inner dimensions differ or `c` is too short.
#[track_caller]
pub(crate) fn gemm_serial<E: GemmScalar>(
    a: Mat<'_, E>,
    b: Mat<'_, E>,
    into: Update,
    c: &mut [E],
    row_stride: usize,
) {
    check_product(&a, &b, c.len(), row_stride);
    // SAFETY: `c` is exclusively borrowed and was just checked to hold every element of the
    // product.
    unsafe { tile(a, b, into, c.as_mut_ptr(), row_stride, [0..a.rows, 0..b.cols]) }
}

/// C <- A B (or C + A B) with the tiles of C shared between the threads. `c` is row-major, with the
/// rows of A and the columns of B.
///
/// # Panics
/// If the inner dimensions differ or `c` is too short.
#[track_caller]
#[inline(never)]
pub fn gemm<E: Element>(a: Mat<'_, E>, b: Mat<'_, E>, into: Update, c: &mut [E]) {
    let (m, n) = (a.rows, b.cols);
    check_product(&a, &b, c.len(), n);
    if m == 0 || n == 0 {
        return;
    }
    if let (Some(a), Some(b), Some(c)) = (a.as_f32(), b.as_f32(), E::as_f32_mut(c))
        && Isa::active() != Isa::Portable
        && a.cols > 0
    {
        return with_simd!(s => blocked::gemm(s, a, b, into, c));
    }
    let [tm, tn] = tile_size(m, a.cols, n);
    let across = n.div_ceil(tn);
    let c = SharedOutput(c.as_mut_ptr());
    parallel::for_each(m.div_ceil(tm) * across, |t| {
        let (i, j) = (t / across * tm, t % across * tn);
        // SAFETY: the product fits `c` (checked above), the tiles of different tasks have no
        // element in common, and the exclusive borrow of `c` lasts until `for_each` has joined
        // every task.
        unsafe { tile(a, b, into, c.get(), n, [i..(i + tm).min(m), j..(j + tn).min(n)]) }
    });
}

#[track_caller]
fn check_product<E>(a: &Mat<'_, E>, b: &Mat<'_, E>, c_len: usize, row_stride: usize) {
    assert!(
        a.cols == b.rows,
        "matrix product: {} x {} times {} x {}: the inner dimensions differ",
        a.rows,
        a.cols,
        b.rows,
        b.cols
    );
    check_extent("matrix product, output", c_len, a.rows, b.cols, row_stride);
}

/// Returns the size of a task's tile of C, from the shape alone: so large that packing an operand
/// is a small part of a task's work, and so small that a few threads can share the tiles evenly.
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

/// A pointer that tasks may copy; each writes only its own tile behind it.
struct SharedOutput<E>(*mut E);

// SAFETY: a SharedOutput is only dereferenced in `gemm`, whose tasks write disjoint tiles of one
// exclusive borrow.
unsafe impl<E: Send> Sync for SharedOutput<E> {}

impl<E> SharedOutput<E> {
    fn get(&self) -> *mut E {
        self.0
    }
}

/// Computes some rows and columns of the product.
///
/// # Safety
/// `c` must be valid for those elements at `i * row_stride + j`, and nobody else may touch them
/// meanwhile.
unsafe fn tile<E: GemmScalar>(
    a: Mat<'_, E>,
    b: Mat<'_, E>,
    into: Update,
    c: *mut E,
    row_stride: usize,
    [rows, columns]: [Range<usize>; 2],
) {
    if rows.is_empty() || columns.is_empty() {
        return;
    }
    let beta = E::from(u8::from(into == Update::Accumulate));
    // With no inner dimension there is no element to point at; the offsets below stay inside the
    // slices otherwise.
    let (oa, ob) = if a.cols == 0 { (0, 0) } else { (a.offset(rows.start, 0), b.offset(0, columns.start)) };
    // SAFETY: `Mat` guarantees the extents of `a` and `b`, the caller that of `c`; `c` comes from
    // an exclusive borrow and therefore overlaps neither.
    unsafe {
        E::gemm(
            [rows.len(), a.cols, columns.len()],
            (a.data.as_ptr().add(oa), [a.row_stride, a.col_stride]),
            (b.data.as_ptr().add(ob), [b.row_stride, b.col_stride]),
            beta,
            (c.add(rows.start * row_stride + columns.start), row_stride),
        );
    }
}
