//! Vector instructions behind one trait, so that every loop is written once.
//!
//! A kernel is a function generic over [`Simd`]. Three types implement the trait: `Avx512` and
//! `Avx2` with `std::arch`, and `Portable` in plain Rust. A value of such a type proves that the
//! processor supports the instructions, because only `detect` returns one. So arithmetic on vectors
//! is safe. Loads and stores take slices and check their lengths.
//!
//! **The one rule**: all functions in a hot loop are `#[inline(always)]`. The loop is in a closure
//! for [`Simd::vectorize`]. The closure is `#[inline(always)]` too, and it is compiled for the
//! instruction set. All functions that are inlined into the closure become plain vector code. In a
//! function that is not inlined, every single vector instruction would be a call.
//!
//! `with_simd!` selects the type for the active [`Isa`].

#![allow(unsafe_code)]
// The portable set does not use the micro-kernel.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod grid;
mod next;
mod operands;
mod pairs;
mod panel;
mod piece;
mod portable;
mod shared;
mod tile;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::{Avx512, is_intel};
pub(crate) use grid::{Grid, GridMut, Lattice};
pub(crate) use next::Next;
pub(crate) use operands::{Columns, Lhs, Out, Rhs, Write};
pub(crate) use pairs::{Differences, POINTS, PREFETCHED, add_pairs};
pub(crate) use piece::{Block, Piece, Pieces, for_each_piece};
#[cfg(test)]
pub(crate) use portable::PlainPanels;
pub(crate) use portable::Portable;
pub(crate) use shared::Shared;

#[cfg(target_arch = "x86_64")]
use crate::isa::Isa;
#[cfg(test)]
use crate::parallel;
use crate::tuning::tasks::MEMORY_BOUND;

/// The instructions of one set, on vectors of [`LANES`](Simd::LANES) floats.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// A vector.
    type V: Copy;
    /// The number of floats in a vector: 8 or 16.
    const LANES: usize;
    /// The number of columns of the micro-kernel's panels, a multiple of `LANES`.
    const PANEL: usize;
    /// The number of columns of the micro-kernel's wide panels, a multiple of `PANEL`.
    const WIDE_PANEL: usize;
    /// The largest number of rows of a tile in a wide panel.
    const WIDE_ROWS: usize;

    /// Runs `f`, compiled for this instruction set.
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R;

    /// x in every lane.
    fn splat(self, x: f32) -> Self::V;
    /// a + b
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// a - b
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// a b
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a b + c, with a single rounding if the processor supports it
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Loads the first `LANES` elements of `from`.
    fn load(self, from: &[f32]) -> Self::V;
    /// Loads all elements of `from`, which has fewer than `LANES`. The other lanes are 0.
    fn load_part(self, from: &[f32]) -> Self::V;
    /// Writes the first `LANES` elements of `to`.
    fn store(self, v: Self::V, to: &mut [f32]);
    /// Writes all elements of `to`, which has fewer than `LANES`.
    fn store_part(self, v: Self::V, to: &mut [f32]);

    /// Prefetches the cache line at `at`. The address may be invalid.
    fn prefetch(self, at: *const f32);

    /// Prefetches the cache line at `at` into L2 only.
    fn prefetch_l2(self, at: *const f32);

    /// Writes the transpose of a matrix of 8 rows of 8 numbers. Row i starts at `i * from_stride`
    /// in `from` and at `i * to_stride` in `to`.
    fn transpose8(self, from: &[f32], from_stride: usize, to: &mut [f32], to_stride: usize);

    /// The micro-kernel: C <- A B, or C <- C + A B. C has at most `WIDE_PANEL` columns. `size` is
    /// the number of rows of C, the length of a run of the inner dimension, and the number of
    /// columns of C. With vector instructions, each element of C adds its products one after
    /// another. See `panel.rs`.
    ///
    /// # Safety
    /// No other thread may access the elements of C meanwhile. Elements between the rows of C are
    /// not accessed.
    ///
    /// # Panics
    /// If A, B or C exceeds its slice, or no stride of A is 1.
    unsafe fn panel(self, size: [usize; 3], a: Lhs<'_>, b: Rhs<'_>, c: Out<'_>);

    /// C <- A B, or C <- C + A B ([`Write::Add`]) if `accumulate`. C has any number of columns, and
    /// each run of A has `k` columns.
    ///
    /// # Panics
    /// If A, B or C exceeds its slice, or no stride of A is 1.
    #[inline(always)]
    fn product_into(self, k: usize, a: Lhs<'_>, b: Columns<'_>, mut c: Block<'_>, accumulate: bool) {
        let [rows, cols] = c.size();
        let (data, at, row_stride) = c.parts();
        let write = if accumulate { Write::Add } else { Write::Overwrite };
        for (columns, b) in b.panels(cols, a.runs * k) {
            let size = [rows, k, columns.len()];
            #[cfg(test)]
            parallel::work::add(a.runs * size.iter().product::<usize>());
            let c = Out { data, at: at + columns.start, row_stride, write };
            // SAFETY: `c` is mutably borrowed, and only the owner of the block accesses its
            // elements.
            unsafe { self.panel(size, a, b, c) }
        }
    }

    /// Returns 0 in every lane.
    #[inline(always)]
    fn zero(self) -> Self::V {
        self.splat(0.0)
    }

    /// a b + c, with the number b in every lane
    #[inline(always)]
    fn mad(self, a: Self::V, b: f32, c: Self::V) -> Self::V {
        self.fma(a, self.splat(b), c)
    }

    /// a b, with the number b in every lane
    #[inline(always)]
    fn scale(self, a: Self::V, b: f32) -> Self::V {
        self.mul(a, self.splat(b))
    }

    /// Loads `LANES` elements of `from`, starting with element `at`. Lanes past the end of `from`
    /// are 0. If all lanes are past the end, nothing is loaded, because a fully masked load from an
    /// invalid address takes hundreds of cycles.
    #[inline(always)]
    fn load_padded(self, from: &[f32], at: usize) -> Self::V {
        match from.len().saturating_sub(at) {
            0 => self.zero(),
            left if left < Self::LANES => self.load_part(&from[at..]),
            _ => self.load(&from[at..]),
        }
    }

    /// Writes the lanes of `v` to `to`, starting with element `at`. Lanes past the end of `to` are
    /// not written.
    #[inline(always)]
    fn store_padded(self, v: Self::V, to: &mut [f32], at: usize) {
        match to.len().saturating_sub(at) {
            0 => {}
            left if left < Self::LANES => self.store_part(v, &mut to[at..]),
            _ => self.store(v, &mut to[at..]),
        }
    }
}

/// An instruction set, with the proof that the processor supports it.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

/// Returns the level of the active [`Isa`].
pub(crate) fn level() -> Level {
    #[cfg(target_arch = "x86_64")]
    match (Isa::active(), Avx2::detect(), Avx512::detect()) {
        (Isa::Avx512, _, Some(s)) => return Level::Avx512(s),
        (Isa::Avx2, Some(s), _) => return Level::Avx2(s),
        _ => {}
    }
    Level::Portable(Portable)
}

/// Evaluates an expression with vector instructions. `with_simd!(s => e)` evaluates `e`, in which
/// `s` is the [`Simd`] value of the active instruction set. `with_simd!(level, s => e)` takes the
/// set of `level` instead.
macro_rules! with_simd {
    ($s:ident => $body:expr) => {
        $crate::simd::with_simd!($crate::simd::level(), $s => $body)
    };
    ($level:expr, $s:ident => $body:expr) => {
        match $level {
            $crate::simd::Level::Portable($s) => $body,
            #[cfg(target_arch = "x86_64")]
            $crate::simd::Level::Avx2($s) => $body,
            #[cfg(target_arch = "x86_64")]
            $crate::simd::Level::Avx512($s) => $body,
        }
    };
}
pub(crate) use with_simd;

impl Level {
    /// Runs `f`, a plain loop. The compiler compiles it for this instruction set and vectorises it
    /// if possible. It neither fuses a product and a sum nor reorders operations, so all sets give
    /// the same bits. `f` must be `#[inline(always)]`.
    #[inline(always)]
    pub(crate) fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        with_simd!(self, s => s.vectorize(f))
    }

    /// Returns the level for a loop over arrays of this length. If the arrays exceed the caches,
    /// this is [`narrow`](Self::narrow).
    pub(crate) fn over(self, len: usize) -> Self {
        if len < MEMORY_BOUND { self } else { self.narrow() }
    }

    /// Returns the level for a loop that is bound by memory. With AVX-512, it uses vectors of 32
    /// bytes, which some processors read and write faster than vectors of 64
    /// (docs/design/vector-widths.md).
    pub(crate) fn narrow(self) -> Self {
        match self {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(s) => Level::Avx2(s.0),
            level => level,
        }
    }
}
