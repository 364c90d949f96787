//! [`Simd`] in plain Rust. Vectors are arrays, which compilers map to the vectors of the processor.
//! Matrix products use `matrixmultiply`, which has its own kernels for x86-64 and aarch64.

use super::Simd;
use super::operands::{Lhs, Out, Rhs, Write, extent};
use crate::gemm::GemmScalar;
use crate::tuning::PORTABLE;

/// The portable set, which needs no proof.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const N: usize = 8;

#[cfg(test)]
thread_local! {
    /// The addresses that this thread prefetched.
    pub(super) static PREFETCHED: std::cell::RefCell<Vec<*const f32>> = const { std::cell::RefCell::new(vec![]) };
}

/// Applies `f` to each pair of lanes, without a loop. This function is inlined at thousands of
/// places. The compiler would unroll a loop at each of them, which would slow down compilation.
#[inline(always)]
fn zip(a: [f32; N], b: [f32; N], f: impl Fn(f32, f32) -> f32) -> [f32; N] {
    let lane = |i: usize| f(a[i], b[i]);
    [lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), lane(7)]
}

impl Simd for Portable {
    type V = [f32; N];
    const LANES: usize = N;
    const PANEL: usize = PORTABLE.panel;
    const WIDE_PANEL: usize = PORTABLE.wide_panel;
    const WIDE_ROWS: usize = PORTABLE.wide_rows;

    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; N] {
        [x; N]
    }

    #[inline(always)]
    fn add(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn fma(self, a: [f32; N], b: [f32; N], c: [f32; N]) -> [f32; N] {
        self.add(self.mul(a, b), c)
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; N] {
        let mut v = [0.0; N];
        v.copy_from_slice(&from[..N]);
        v
    }

    #[inline(always)]
    fn load_part(self, from: &[f32]) -> [f32; N] {
        let mut v = [0.0; N];
        v[..from.len()].copy_from_slice(from);
        v
    }

    #[inline(always)]
    fn store(self, v: [f32; N], to: &mut [f32]) {
        to[..N].copy_from_slice(&v);
    }

    #[inline(always)]
    fn store_part(self, v: [f32; N], to: &mut [f32]) {
        to.copy_from_slice(&v[..to.len()]);
    }

    #[inline(always)]
    fn prefetch(self, _at: *const f32) {}

    #[inline(always)]
    fn prefetch_l2(self, _at: *const f32) {
        #[cfg(test)]
        PREFETCHED.with_borrow_mut(|addresses| addresses.push(_at));
    }

    #[inline(always)]
    fn transpose8(self, from: &[f32], from_stride: usize, to: &mut [f32], to_stride: usize) {
        for i in 0..8 {
            let row = &from[i * from_stride..][..8];
            for (j, &x) in row.iter().enumerate() {
                to[j * to_stride + i] = x;
            }
        }
    }

    unsafe fn panel(self, [rows, k, cols]: [usize; 3], a: Lhs<'_>, b: Rhs<'_>, c: Out<'_>) {
        a.check(rows, k);
        assert!(b.data.len() >= extent(a.runs * k, b.row_stride, cols, 1), "panel: B is too short");
        let out = c.data.rows(c.at, rows, c.row_stride, cols);
        for run in 0..a.runs {
            let beta = if c.write != Write::Overwrite || run > 0 { 1.0 } else { 0.0 };
            let (a_run, b_run) = (run * a.run_stride, run * k * b.row_stride);
            // SAFETY: the extents were checked above. By the caller's promise, no other thread
            // accesses the elements of C.
            unsafe {
                f32::gemm(
                    [rows, k, cols],
                    (a.data.as_ptr().wrapping_add(a_run), [a.row_stride, a.k_stride]),
                    (b.data.as_ptr().wrapping_add(b_run), [b.row_stride, 1]),
                    beta,
                    (out, c.row_stride),
                );
            }
        }
    }
}

/// [`Portable`] with our micro-kernel (`panel.rs`) in place of `matrixmultiply`. Its panels have
/// two vectors, like those of AVX2 and AVX-512.
#[cfg(test)]
#[derive(Clone, Copy)]
pub(crate) struct PlainPanels;

/// Implements methods of [`Simd`] by those of [`Portable`].
#[cfg(test)]
macro_rules! as_portable {
    ($(fn $method:ident($($x:ident: $t:ty),*) $(-> $y:ty)?;)*) => {
        $(
            #[inline(always)]
            fn $method(self, $($x: $t),*) $(-> $y)? {
                Portable.$method($($x),*)
            }
        )*
    };
}

#[cfg(test)]
impl Simd for PlainPanels {
    type V = [f32; N];
    const LANES: usize = N;
    const PANEL: usize = 2 * N;
    const WIDE_PANEL: usize = 4 * N;
    const WIDE_ROWS: usize = PORTABLE.wide_rows;

    as_portable! {
        fn splat(x: f32) -> [f32; N];
        fn add(a: [f32; N], b: [f32; N]) -> [f32; N];
        fn sub(a: [f32; N], b: [f32; N]) -> [f32; N];
        fn mul(a: [f32; N], b: [f32; N]) -> [f32; N];
        fn fma(a: [f32; N], b: [f32; N], c: [f32; N]) -> [f32; N];
        fn load(from: &[f32]) -> [f32; N];
        fn load_part(from: &[f32]) -> [f32; N];
        fn store(v: [f32; N], to: &mut [f32]);
        fn store_part(v: [f32; N], to: &mut [f32]);
        fn prefetch(at: *const f32);
        fn prefetch_l2(at: *const f32);
        fn transpose8(from: &[f32], from_stride: usize, to: &mut [f32], to_stride: usize);
    }

    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }

    unsafe fn panel(self, size: [usize; 3], a: Lhs<'_>, b: Rhs<'_>, c: Out<'_>) {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            super::panel::panel::<_, { PORTABLE.tile_rows }, 2, { PORTABLE.wide_rows }, 4>(
                self, size, a, b, c,
            )
        }
    }
}
