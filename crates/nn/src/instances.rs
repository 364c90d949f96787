//! Lists the generic functions that this crate compiles for `f32`. Other crates then use the
//! compiled function instead of compiling it again (see `adjoint_kernels::instances`).

use crate::Ema;
use crate::objective::between;
use crate::optim::{Adam, AdamW, Gradients, RmsProp, Sgd, UpdateRule};

/// Returns the addresses of the compiled functions, which forces the compiler to generate them.
#[doc(hidden)]
#[inline(never)]
pub fn of_f32() -> [*const (); 7] {
    [
        <Adam as UpdateRule<f32>>::update as *const (),
        <AdamW as UpdateRule<f32>>::update as *const (),
        <RmsProp as UpdateRule<f32>>::update as *const (),
        <Sgd as UpdateRule<f32>>::update as *const (),
        Ema::<f32>::update as *const (),
        Gradients::<f32>::clip_norm as *const (),
        between::<f32> as *const (),
    ]
}
