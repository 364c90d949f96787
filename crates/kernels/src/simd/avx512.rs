//! AVX-512: 32 registers of 16 floats.

use super::avx2::vector_set;
use super::operands::{Lhs, Out, Rhs};
use super::panel;
use super::{Avx2, Simd};
use crate::tuning::AVX512;
use std::arch::x86_64::*;
use std::sync::OnceLock;

/// Proof that the processor supports AVX-512F, AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(pub(super) Avx2);

impl Avx512 {
    /// Returns the proof if the processor supports AVX-512F, AVX2 and FMA.
    pub(crate) fn detect() -> Option<Self> {
        Avx2::detect().filter(|_| is_x86_feature_detected!("avx512f")).map(Avx512)
    }
}

/// Returns whether the maker of this processor is Intel. Kernels take only sizes from this, which
/// change no bit.
pub(crate) fn is_intel() -> bool {
    static INTEL: OnceLock<bool> = OnceLock::new();
    *INTEL.get_or_init(|| {
        // Miri has no such instruction.
        if cfg!(miri) {
            return false;
        }
        // SAFETY: every x86-64 processor has the instruction and this leaf.
        #[allow(unused_unsafe, reason = "the function is safe in later versions of Rust")]
        let leaf = unsafe { __cpuid(0) };
        [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes).concat() == b"GenuineIntel"
    })
}

/// Returns a mask of the first `n` lanes.
#[inline(always)]
fn mask(n: usize) -> __mmask16 {
    debug_assert!(n < 16);
    (1 << n) - 1
}

vector_set! {
    Avx512, "avx512f,avx2,fma", AVX512, __m512 of 16;
    fn splat(x: f32) = _mm512_set1_ps;
    fn add(a: __m512, b: __m512) = _mm512_add_ps;
    fn sub(a: __m512, b: __m512) = _mm512_sub_ps;
    fn mul(a: __m512, b: __m512) = _mm512_mul_ps;
    fn fma(a: __m512, b: __m512, c: __m512) = _mm512_fmadd_ps;
    load = _mm512_loadu_ps;
    store = _mm512_storeu_ps;

    #[inline(always)]
    fn load_part(self, from: &[f32]) -> __m512 {
        // SAFETY: `self` proves the instructions; only the `from.len()` lanes of the mask are read.
        unsafe { _mm512_maskz_loadu_ps(mask(from.len()), from.as_ptr()) }
    }

    #[inline(always)]
    fn store_part(self, v: __m512, to: &mut [f32]) {
        // SAFETY: `self` proves the instructions; only the `to.len()` lanes of the mask are
        // written.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask(to.len()), v) }
    }

    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        self.0.prefetch(at);
    }

    #[inline(always)]
    fn prefetch_l2(self, at: *const f32) {
        self.0.prefetch_l2(at);
    }

    #[inline(always)]
    fn transpose8(self, from: &[f32], from_stride: usize, to: &mut [f32], to_stride: usize) {
        self.0.transpose8(from, from_stride, to, to_stride);
    }
}
