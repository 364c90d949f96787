//! The convolution family.
//!
//! A convolution is one trilinear form
//!
//! > phi(x, w, g) = sum over n, i, j, o of g\[n, i, j, o\] (x conv w)\[n, i, j, o\]
//!
//! The three functions of this module compute the partial derivatives of phi: [`forward`] with
//! respect to g, [`input_grad`] with respect to x, and [`weight_grad`] with respect to w.
//! [`input_grad`] is also the transposed convolution. All three functions take the same
//! [`Geometry`]. It has the sizes of both x and y, so the size of the result of a transposed
//! convolution is never ambiguous.
//!
//! The layouts are NHWC for activations and HWIO (`[kh][kw][in / groups][out]`) for weights. All
//! arrays are contiguous.
//!
//! Let P be the linear map from an image to its patches (im2col). Each of the three functions is
//! then one matrix product:
//!
//! > y = P(x) W,   x_bar = P^T(y_bar W^T),   W_bar = P(x)^T y_bar
//!
//! `products.rs` computes these matrix products for any geometry. It takes P from `window.rs`, and
//! it multiplies with [`crate::gemm`]. In `f32`, the geometries of generative models have faster
//! paths. With stride s, a *phase* of x is the set of pixels whose rows in the padded image have
//! the same remainder modulo s, and whose columns have the same remainder modulo s. This module
//! chooses a path by the shape of the layer:
//!
//! | module | layers | method |
//! | --- | --- | --- |
//! | `winograd` | 2 or 3 taps in every phase, at least 16 channels | fewer multiplications |
//! | `phases` | fewer channels and a stride that divides the kernel | packs the phases as channels, then `winograd` |
//! | `direct` | no groups, no dilation, at least 8 channels of y | reads windows in place |
//! | `direct::pairs` | weight gradients of few channels, kernel twice as long as its stride | 9 products instead of 16, from images of differences |
//! | `products` | all other layers | matrix products over patches, for any [`Element`] |
//!
//! Further conditions of the paths:
//!
//! * `winograd` serves, for example, 4 x 4 kernels with stride 2 and 3 x 3 kernels with stride 1.
//! * `phases` needs at least 12 channels in all phases of x, 32 channels of y and 256 tiles.
//! * `direct` needs windows smaller than the image, and vector instructions.
//! * `direct::pairs` needs at most 16 channels in all phases of x, at least 8 channels of y, an
//!   even number of outputs along each axis, many 2 x 2 tiles of y, and AVX-512. For the weight
//!   gradients of these layers, it has priority over `phases` and `direct`.
//!
//! # Accuracy in `f32`
//!
//! The choice of a path does not depend on the data. If `winograd` computes a layer, with or
//! without `phases`, the error of an output is relative to the largest input of its *tile*. A tile
//! is larger than a window: it has up to 5 x 5 pixels of each phase of x. Tests check these bounds
//! of the error:
//!
//! * for y, 2.2e-6 times the sum over channels of (the largest |x| in the tile) (the largest |w| of
//!   the taps);
//! * for x_bar, 1.6e-6 times the same sum with y_bar in place of x;
//! * for w_bar, 3e-6 times the sum over tiles of (the largest |x|) (the largest |y_bar|).
//!
//! An infinite or NaN input can make every output of its tiles NaN. It never affects the outputs of
//! other tiles. docs/winograd.md derives the bounds for the worst case. In `f64`, `products`
//! computes all layers. Neither property holds for `products`, because it has no tiles.
//! [`with_plain_sums`] excludes `winograd`.

#[cfg(test)]
mod accuracy;
mod direct;
mod geometry;
mod phases;
mod products;
#[cfg(test)]
mod tests;
mod window;
mod winograd;

use crate::Element;
use crate::memory::Buffer;
use crate::scoped::with_value;
use crate::simd::with_simd;
use direct::pairs;
pub use geometry::{Geometry, Spec};
use phases::Phases;
use std::cell::Cell;

/// The three functions of this module: the convolution and its two gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    Forward,
    InputGrad,
    WeightGrad,
}

/// The paths for a convolution in `f32`.
#[expect(clippy::large_enum_variant, reason = "one lives for the length of a call")]
enum Path {
    Winograd,
    /// Winograd's algorithm on packed phases.
    Packed(Phases),
    /// Pairs of taps, for weight gradients only.
    Pairs,
    Direct,
    Products,
}

thread_local! {
    static ONLY_SUMS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` without Winograd's algorithm: each result of a convolution on this thread is a plain
/// sum of products. Its rounding error is several times smaller, and depends on the window of a
/// pixel alone. This is for results that are compared with other programs.
pub fn with_plain_sums<R>(f: impl FnOnce() -> R) -> R {
    with_value(&ONLY_SUMS, true, f)
}

impl Path {
    /// Chooses the fastest path for one of the three functions, from the shape and the instruction
    /// set alone, unless [`with_plain_sums`] excludes some.
    fn of(g: &Geometry, kernel: Kernel) -> Path {
        let saves = !ONLY_SUMS.get();
        if saves && winograd::pays(g) {
            Path::Winograd
        } else if kernel == Kernel::WeightGrad && pairs::pays(g) {
            Path::Pairs
        } else if let Some(phases) =
            Phases::of(g).filter(|phases| saves && winograd::pays_packed(&phases.packed))
        {
            Path::Packed(phases)
        } else if direct::pays(g) {
            Path::Direct
        } else {
            Path::Products
        }
    }
}

/// Computes y = x conv w. In `f32`, the rounding error of a pixel of y can be proportional to
/// values of x outside its window ([accuracy](self#accuracy-in-f32)).
///
/// # Panics
/// If the length of a slice differs from the geometry.
#[track_caller]
#[inline(never)]
pub fn forward<E: Element>(g: &Geometry, x: &[E], w: &[E], y: &mut [E]) {
    g.check(x.len(), w.len(), y.len());
    if let (Some(x), Some(w), Some(y)) = (E::as_f32(x), E::as_f32(w), E::as_f32_mut(y)) {
        match Path::of(g, Kernel::Forward) {
            Path::Winograd => return winograd::forward(g, x, w, y),
            Path::Packed(phases) => {
                let (x, w) = (phases.pack_input(x), phases.pack_weight(w));
                return winograd::forward(&phases.packed, x.as_slice(), w.as_slice(), y);
            }
            Path::Pairs => unreachable!("pairs of taps compute weight gradients alone"),
            Path::Direct => return with_simd!(s => direct::forward(s, g, x, w, y)),
            Path::Products => {}
        }
    }
    products::forward(g, x, w, y);
}

/// Computes x_bar, the gradient of <y_bar, x conv w> with respect to x. This is also the transposed
/// convolution of y_bar with w. In `f32`, the rounding error of a pixel of x_bar can be
/// proportional to values of y_bar whose windows do not cover this pixel
/// ([accuracy](self#accuracy-in-f32)).
///
/// # Panics
/// If the length of a slice differs from the geometry.
#[track_caller]
#[inline(never)]
pub fn input_grad<E: Element>(g: &Geometry, y_bar: &[E], w: &[E], x_bar: &mut [E]) {
    g.check(x_bar.len(), w.len(), y_bar.len());
    if let (Some(y_bar), Some(w), Some(x_bar)) = (E::as_f32(y_bar), E::as_f32(w), E::as_f32_mut(x_bar)) {
        match Path::of(g, Kernel::InputGrad) {
            Path::Winograd => return winograd::input_grad(g, y_bar, w, x_bar),
            Path::Packed(phases) => {
                let (w, mut packed) = (phases.pack_weight(w), phases.packed_input());
                winograd::input_grad(&phases.packed, y_bar, w.as_slice(), packed.as_mut_slice());
                return phases.unpack_input(packed.as_slice(), x_bar);
            }
            Path::Pairs => unreachable!("pairs of taps compute weight gradients alone"),
            Path::Direct => return with_simd!(s => direct::input_grad(s, g, y_bar, w, x_bar)),
            Path::Products => {}
        }
    }
    products::input_grad(g, y_bar, w, x_bar);
}

/// Computes w_bar, the gradient of <y_bar, x conv w> with respect to w. In `f32`, the rounding
/// [error](self#accuracy-in-f32) can be proportional to the largest numbers of x and y_bar in
/// each tile.
///
/// # Panics
/// If the length of a slice differs from the geometry.
#[track_caller]
#[inline(never)]
pub fn weight_grad<E: Element>(g: &Geometry, x: &[E], y_bar: &[E], w_bar: &mut [E]) {
    g.check(x.len(), w_bar.len(), y_bar.len());
    if let (Some(x), Some(y_bar), Some(w_bar)) = (E::as_f32(x), E::as_f32(y_bar), E::as_f32_mut(w_bar)) {
        match Path::of(g, Kernel::WeightGrad) {
            Path::Winograd => return winograd::weight_grad(g, x, y_bar, w_bar),
            Path::Pairs => return with_simd!(s => pairs::weight_grad(s, g, x, y_bar, w_bar)),
            Path::Packed(phases) => {
                let (x, mut packed) = (phases.pack_input(x), Buffer::take(w_bar.len()));
                winograd::weight_grad(&phases.packed, x.as_slice(), y_bar, packed.as_mut_slice());
                return phases.unpack_weight(packed.as_slice(), w_bar);
            }
            Path::Direct => return with_simd!(s => direct::weight_grad(s, g, x, y_bar, w_bar)),
            Path::Products => {}
        }
    }
    products::weight_grad(g, x, y_bar, w_bar);
}
