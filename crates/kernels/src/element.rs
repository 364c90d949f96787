//! The scalar types of the engine: `f32` for training and `f64` for checks, with the same code.

use crate::gemm::GemmScalar;
use crate::math;
use std::any::TypeId;
use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// A real number with which the engine computes: `f32` or `f64`.
///
/// The functions have the meaning of those of the standard library. `softplus` and `sigmoid` have
/// forms that do not overflow.
pub trait Element:
    GemmScalar
    + bytemuck::Pod
    + Send
    + Sync
    + PartialOrd
    + Debug
    + Display
    + Default
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
    + 'static
{
    /// The number 0.
    const ZERO: Self;
    /// The number 1.
    const ONE: Self;
    /// Negative infinity, the identity of `max`.
    const NEG_INFINITY: Self;
    /// The name of the type in file formats: `"f32"` or `"f64"`.
    const NAME: &'static str;

    /// Returns the nearest value to `x`.
    fn of(x: f64) -> Self;
    /// Returns this value as `f64`, exactly.
    fn f64(self) -> f64;
    /// e^x
    fn exp(self) -> Self;
    /// ln(1 + x) for 0 <= x <= 1, accurate near 0.
    fn ln_1p(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// |x|
    fn abs(self) -> Self;
    /// x^p
    fn powf(self, p: Self) -> Self;
    /// Returns whether this number is neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Returns whether this is NaN.
    fn is_nan(self) -> bool;
    /// Returns the least number above this one.
    fn next_up(self) -> Self;
    /// Returns the greatest number below this one.
    fn next_down(self) -> Self;
    /// Returns the slice itself if this type is `f32`. Kernels use this to select their vector
    /// path.
    #[inline]
    fn as_f32(slice: &[Self]) -> Option<&[f32]> {
        is_f32::<Self>().then(|| bytemuck::cast_slice(slice))
    }
    /// Returns the mutable slice itself if this type is `f32`.
    #[inline]
    fn as_f32_mut(slice: &mut [Self]) -> Option<&mut [f32]> {
        is_f32::<Self>().then(|| bytemuck::cast_slice_mut(slice))
    }

    /// Returns the larger number, or NaN if `self` is NaN. So a NaN in `self` is never hidden.
    #[inline]
    fn at_least(self, other: Self) -> Self {
        if self < other { other } else { self }
    }

    /// Returns the smaller number, or NaN if `self` is NaN.
    #[inline]
    fn at_most(self, other: Self) -> Self {
        if self > other { other } else { self }
    }

    /// Returns the larger number, or NaN if either number is NaN. So NaN is never hidden.
    #[inline]
    fn greater(self, other: Self) -> Self {
        if self < other || other.is_nan() { other } else { self }
    }

    /// Returns the product with `mask`. It is 0 if the mask is 0, even if `self` is infinite or
    /// NaN.
    ///
    /// Gradients use this with the slope of a function as the mask. Where the slope is 0, the
    /// gradient is 0, even if the incoming gradient is infinite. A plain product would then be NaN.
    #[inline]
    fn masked(self, mask: Self) -> Self {
        if mask == Self::ZERO { Self::ZERO } else { self * mask }
    }

    /// The leaky ReLU: x for x > 0, else slope x. With slope 0 this is ReLU, which is 0 at negative
    /// infinity. NaN stays NaN.
    #[inline]
    fn leaky_relu(self, slope: Self) -> Self {
        if self <= Self::ZERO { self.masked(slope) } else { self }
    }

    /// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|), which never overflows and is exact in both tails.
    #[inline]
    fn softplus(self) -> Self {
        self.at_least(Self::ZERO) + (-self.abs()).exp().ln_1p()
    }

    /// 1 / (1 + e^-x), computed from e^-|x| so that neither tail overflows.
    #[inline]
    fn sigmoid(self) -> Self {
        let e = (-self.abs()).exp();
        (if self < Self::ZERO { e } else { Self::ONE }) / (Self::ONE + e)
    }
}

fn is_f32<E: 'static>() -> bool {
    TypeId::of::<E>() == TypeId::of::<f32>()
}

macro_rules! element {
    ($t:ident: $($function:ident = $path:path),*) => {
        impl Element for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = $t::NEG_INFINITY;
            const NAME: &'static str = stringify!($t);
            #[inline]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline]
            fn f64(self) -> f64 {
                f64::from(self)
            }
            $(
                #[inline]
                fn $function(self) -> Self {
                    $path(self)
                }
            )*
            #[inline]
            fn powf(self, p: Self) -> Self {
                $t::powf(self, p)
            }
            #[inline]
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }
            #[inline]
            fn is_nan(self) -> bool {
                $t::is_nan(self)
            }
        }
    };
}
element!(f32: exp = math::exp, ln_1p = math::ln_1p, tanh = math::tanh, ln = f32::ln, sqrt = f32::sqrt,
    abs = f32::abs, next_up = f32::next_up, next_down = f32::next_down);
element!(f64: exp = f64::exp, ln_1p = f64::ln_1p, tanh = f64::tanh, ln = f64::ln, sqrt = f64::sqrt,
    abs = f64::abs, next_up = f64::next_up, next_down = f64::next_down);

#[cfg(test)]
mod tests {
    use super::Element;

    #[test]
    fn softplus_and_sigmoid_are_exact_in_the_tails() {
        for x in [-80.0f64, -20.0, -1.0, 0.0, 1.0, 20.0, 80.0] {
            let f = x as f32;
            assert!((f.softplus() as f64 / x.softplus() - 1.0).abs() < 1e-6, "softplus({x})");
            assert!((f.sigmoid() as f64 / x.sigmoid() - 1.0).abs() < 1e-6, "sigmoid({x})");
        }
        assert_eq!(80.0f64.softplus(), 80.0);
        assert_eq!((-80.0f64).softplus(), (-80.0f64).exp());
        assert!(f32::NAN.softplus().is_nan() && f32::NAN.at_least(0.0).is_nan());
    }

    #[test]
    fn a_mask_of_zero_gives_zero_whatever_it_hides() {
        for x in [1.0f32, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            assert_eq!(x.masked(0.0), 0.0);
        }
        assert_eq!((3.0f32.masked(0.5), f32::INFINITY.masked(2.0)), (1.5, f32::INFINITY));
        assert!(f32::NAN.masked(2.0).is_nan());
        assert_eq!([-2.0f32, f32::NEG_INFINITY, 3.0].map(|x| x.leaky_relu(0.0)), [0.0, 0.0, 3.0]);
        assert_eq!([-2.0f32, f32::NEG_INFINITY].map(|x| x.leaky_relu(0.5)), [-1.0, f32::NEG_INFINITY]);
        assert!(f32::NAN.leaky_relu(0.0).is_nan() && f32::NAN.leaky_relu(0.2).is_nan());
    }
}
