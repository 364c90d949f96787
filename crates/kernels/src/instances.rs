//! Kernels that are compiled once, in this crate, instead of in every crate that uses them.
//!
//! A generic function is normally compiled in each crate that calls it. The vector paths of a
//! convolution would then be a large part of the compile time of a program. If a function is
//! `#[inline(never)]` and this crate already contains the instance for `f32`, the compiler links
//! other crates to that instance. The functions in this file list the instances. A kernel that is
//! not listed works as well, but each program and each test compiles its own copy.
//!
//! A kernel that takes a closure ([`crate::pointwise`]) is a different function for each closure.
//! So this crate cannot list it: the closures are in other crates. The crate that has a closure
//! lists the function that calls the kernel with it (`adjoint_autodiff::instances`).

use crate::adam::Adam;
use crate::{batch_norm, conv2d, gemm, layout, pointwise, reduce, softmax};

macro_rules! instances {
    ($($name:ident: $e:ty),*) => {
        $(
            #[doc(hidden)]
            #[inline(never)]
            pub fn $name() -> [*const (); 19] {
                [
                    Adam::step::<$e> as *const (),
                    batch_norm::statistics::<$e> as *const (),
                    batch_norm::normalise_activated::<$e> as *const (),
                    batch_norm::backward_activated::<$e> as *const (),
                    conv2d::forward::<$e> as *const (),
                    conv2d::input_grad::<$e> as *const (),
                    conv2d::weight_grad::<$e> as *const (),
                    gemm::gemm::<$e> as *const (),
                    layout::permute::<$e> as *const (),
                    layout::copy_block::<$e> as *const (),
                    layout::gather_rows::<$e> as *const (),
                    layout::scatter_add_rows::<$e> as *const (),
                    pointwise::expand::<$e> as *const (),
                    reduce::sum_to::<$e> as *const (),
                    reduce::sum_of_squares::<$e> as *const (),
                    softmax::softmax::<$e> as *const (),
                    softmax::log_softmax::<$e> as *const (),
                    softmax::log_sum_exp::<$e> as *const (),
                    softmax::log_sum_exp_rows::<$e> as *const (),
                ]
            }
        )*
    };
}
instances!(of_f32: f32);
// Only tests use `f64`.
#[cfg(debug_assertions)]
instances!(of_f64: f64);
