//! Lists functions with loops so that they are compiled once for `f32`, in this crate.
//! `adjoint_kernels::instances` explains how.

use crate::Stream;

/// Returns the addresses of the instances, which forces the compiler to generate them.
#[doc(hidden)]
#[inline(never)]
pub fn of_f32() -> [*const (); 2] {
    [Stream::fill_uniform::<f32> as *const (), Stream::fill_normal::<f32> as *const ()]
}
