//! AVX2 with FMA: 16 registers of 8 floats.

use super::Simd;
use super::operands::{Lhs, Out, Rhs};
use super::panel;
use crate::tuning::AVX2;
use std::arch::x86_64::*;

/// Implements [`Simd`] for an instruction set of x86-64. The arguments are its features, its table
/// of constants, its vector type and the instruction for each method. The methods at the end of the
/// arguments differ between the sets in more than one instruction.
macro_rules! vector_set {
    (
        $set:ident, $features:literal, $table:ident, $v:ident of $lanes:literal;
        $(fn $method:ident($($x:ident: $t:ty),*) = $instruction:ident;)*
        load = $load:ident;
        store = $store:ident;
        $($other:tt)*
    ) => {
        #[target_feature(enable = $features)]
        fn vectorize<R>(f: impl FnOnce() -> R) -> R {
            f()
        }

        #[target_feature(enable = $features)]
        unsafe fn product(s: $set, size: [usize; 3], a: Lhs<'_>, b: Rhs<'_>, c: Out<'_>) {
            // SAFETY: the caller's promise is passed on.
            unsafe {
                panel::panel::<
                    $set,
                    { $table.tile_rows },
                    { $table.panel / $lanes },
                    { $table.wide_rows },
                    { $table.wide_panel / $lanes },
                >(s, size, a, b, c)
            }
        }

        impl Simd for $set {
            type V = $v;
            const LANES: usize = $lanes;
            const PANEL: usize = $table.panel;
            const WIDE_PANEL: usize = $table.wide_panel;
            const WIDE_ROWS: usize = $table.wide_rows;

            #[inline(always)]
            fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
                // SAFETY: `self` proves the instructions.
                unsafe { vectorize(f) }
            }

            $(
                #[inline(always)]
                fn $method(self, $($x: $t),*) -> $v {
                    // SAFETY: `self` proves the instructions.
                    unsafe { $instruction($($x),*) }
                }
            )*

            #[inline(always)]
            fn load(self, from: &[f32]) -> $v {
                let from = &from[..$lanes];
                // SAFETY: `self` proves the instructions; all lanes can be read.
                unsafe { $load(from.as_ptr()) }
            }

            #[inline(always)]
            fn store(self, v: $v, to: &mut [f32]) {
                let to = &mut to[..$lanes];
                // SAFETY: `self` proves the instructions; all lanes can be written.
                unsafe { $store(to.as_mut_ptr(), v) }
            }

            #[inline(always)]
            unsafe fn panel(self, size: [usize; 3], a: Lhs<'_>, b: Rhs<'_>, c: Out<'_>) {
                // SAFETY: `self` proves the instructions; the caller's promise is passed on.
                unsafe { product(self, size, a, b, c) }
            }

            $($other)*
        }
    };
}
pub(super) use vector_set;

/// Proof that the processor supports AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Returns the proof if the processor supports AVX2 and FMA.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Avx2(()))
    }
}

/// Returns a mask of the first `n` lanes.
#[inline(always)]
fn mask(n: usize) -> __m256i {
    const LANES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let from = &LANES[8 - n..][..8];
    // SAFETY: all callers have the proof of AVX, and 8 integers can be read.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

vector_set! {
    Avx2, "avx2,fma", AVX2, __m256 of 8;
    fn splat(x: f32) = _mm256_set1_ps;
    fn add(a: __m256, b: __m256) = _mm256_add_ps;
    fn sub(a: __m256, b: __m256) = _mm256_sub_ps;
    fn mul(a: __m256, b: __m256) = _mm256_mul_ps;
    fn fma(a: __m256, b: __m256, c: __m256) = _mm256_fmadd_ps;
    load = _mm256_loadu_ps;
    store = _mm256_storeu_ps;

    #[inline(always)]
    fn load_part(self, from: &[f32]) -> __m256 {
        // SAFETY: `self` proves the instructions; only the `from.len()` lanes of the mask are read.
        unsafe { _mm256_maskload_ps(from.as_ptr(), mask(from.len())) }
    }

    #[inline(always)]
    fn store_part(self, v: __m256, to: &mut [f32]) {
        // SAFETY: `self` proves the instructions; only the `to.len()` lanes of the mask are
        // written.
        unsafe { _mm256_maskstore_ps(to.as_mut_ptr(), mask(to.len()), v) }
    }

    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        // SAFETY: every x86-64 processor has the instruction. It is a hint that accesses no memory,
        // for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn prefetch_l2(self, at: *const f32) {
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }

    #[inline(always)]
    fn transpose8(self, from: &[f32], from_stride: usize, to: &mut [f32], to_stride: usize) {
        let end = |stride: usize| stride.saturating_mul(7).saturating_add(8);
        let (from, to) = (&from[..end(from_stride)], &mut to[..end(to_stride)]);
        // SAFETY: `self` proves the instructions; 8 numbers of 8 rows are in both slices.
        unsafe { transpose8(from.as_ptr(), from_stride, to.as_mut_ptr(), to_stride) }
    }
}

/// Implements [`Simd::transpose8`]. Each loaded vector has half of row i and half of row i + 4.
/// Then the vectors exchange numbers, and then pairs of numbers.
///
/// # Safety
/// The processor must support AVX2. It must be valid to read 8 numbers at `from + i * from_stride`
/// and to write 8 numbers at `to + i * to_stride`, for each i below 8.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn transpose8(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    for half in [0, 4] {
        let mut r = [_mm256_setzero_ps(); 4];
        for (i, r) in r.iter_mut().enumerate() {
            // SAFETY: the loads read 4 numbers of rows i and i + 4 < 8, from 0 or 4 on.
            let [low, high] = unsafe { [i, i + 4].map(|i| _mm_loadu_ps(from.add(i * from_stride + half))) };
            *r = _mm256_set_m128(high, low);
        }
        let [a, c] = [_mm256_unpacklo_ps(r[0], r[1]), _mm256_unpacklo_ps(r[2], r[3])];
        let [b, d] = [_mm256_unpackhi_ps(r[0], r[1]), _mm256_unpackhi_ps(r[2], r[3])];
        let columns = [
            _mm256_shuffle_ps::<0x44>(a, c),
            _mm256_shuffle_ps::<0xee>(a, c),
            _mm256_shuffle_ps::<0x44>(b, d),
            _mm256_shuffle_ps::<0xee>(b, d),
        ];
        for (j, column) in columns.into_iter().enumerate() {
            // SAFETY: the row half + j is below 8.
            unsafe { _mm256_storeu_ps(to.add((half + j) * to_stride), column) }
        }
    }
}
