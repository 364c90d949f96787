//! Lists operations so that they are compiled once, in this crate, instead of in every crate that
//! uses them. `adjoint_kernels::instances` explains how. The functions that the operations call,
//! such as `Tensor::map` (which contains a loop) and [`crate::graph::record`], are
//! `#[inline(never)]`.

use crate::Var;
use crate::ops::{conv_transpose2d, conv2d, conv2d_weight_grad};
use std::ops::{Add, Div, Mul, Neg, Sub};

macro_rules! instances {
    ($name:ident, $e:ty) => {
        #[doc(hidden)]
        #[inline(never)]
        pub fn $name() -> [*const (); 39] {
            type V = Var<$e>;
            [
                <&V as Add<&V>>::add as *const (),
                <&V as Sub<&V>>::sub as *const (),
                <&V as Mul<&V>>::mul as *const (),
                <&V as Div<&V>>::div as *const (),
                <&V as Neg>::neg as *const (),
                V::scale as *const (),
                V::shift as *const (),
                V::batch_norm as *const (),
                V::batch_norm_activated as *const (),
                V::batch_norm_eval as *const (),
                conv2d::<$e> as *const (),
                conv_transpose2d::<$e> as *const (),
                conv2d_weight_grad::<$e> as *const (),
                V::exp as *const (),
                V::ln as *const (),
                V::sqrt as *const (),
                V::square as *const (),
                V::powf as *const (),
                V::matmul as *const (),
                V::matmul_flags as *const (),
                V::relu as *const (),
                V::leaky_relu as *const (),
                V::activated as *const (),
                V::masked as *const (),
                V::abs as *const (),
                V::clamp as *const (),
                V::narrow as *const (),
                V::pad as *const (),
                V::concat as *const (),
                V::gather_rows as *const (),
                V::tanh as *const (),
                V::sigmoid as *const (),
                V::softplus as *const (),
                V::binary_cross_entropy as *const (),
                V::softmax as *const (),
                V::log_softmax as *const (),
                V::log_sum_exp as *const (),
                V::gradients as *const (),
                V::differentiable_gradients as *const (),
            ]
        }
    };
}
instances!(of_f32, f32);
// Only tests use `f64`.
#[cfg(debug_assertions)]
instances!(of_f64, f64);
