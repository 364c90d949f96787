//! The convolution family.
//!
//! A convolution is one trilinear form
//!
//! > phi(x, w, g) = sum over n, i, j, o of g\[n, i, j, o\] (x conv w)\[n, i, j, o\]
//!
//! and its three partial derivatives are the three kernels of this module: [`forward`] (by g),
//! [`input_grad`] (by x; it is also the transposed convolution) and [`weight_grad`] (by w). All
//! three take the same [`Geometry`], which knows the sizes of both ends, so nothing about a
//! transposed convolution can be ambiguous.
//!
//! Layouts: activations NHWC, weights HWIO (`[kh][kw][in / groups][out]`), everything contiguous.
//!
//! Written with P for the linear map that cuts patches out of images (im2col), the three are one
//! matrix product each,
//!
//! > y = P(x) W,   x_bar = P^T(y_bar W^T),   W_bar = P(x)^T y_bar,
//!
//! and that is how `products.rs` computes them for any geometry: P in `window.rs`, the products in
//! [`crate::gemm`]. For the geometries that generative models are made of there are faster ways in
//! `f32`, which this module chooses by shape:
//!
//! | module | for | means |
//! | --- | --- | --- |
//! | `winograd` | 2 or 3 taps in every phase, 16 channels or more (4 x 4 stride 2, 3 x 3 stride 1, ...) | fewer multiplications |
//! | `phases` | fewer, but 12 in all phases of x, 32 of y, 256 tiles, and a stride that divides the kernel | `winograd` on images with their phases packed as channels |
//! | `direct` | 8 channels of y or more, windows smaller than the image, no groups or dilation, vector instructions | windows read in place |
//! | `direct::pairs` | weight gradients that `phases` or `direct` would compute: up to 16 channels in all phases of x, a kernel twice as long as its stride, even outputs, 8 channels of y, many tiles, AVX-512 | 9 products for 16, from images of differences |
//! | `products` | everything else | any geometry, any [`Element`] |
//!
//! # Accuracy in `f32`
//!
//! Nothing is chosen by the data. Where `winograd` computes a layer, with `phases` in front or not,
//! the error of an output is bounded relative to the largest input of its *tile*, up to 5 x 5
//! pixels of each phase of x, and not only of its window: tests hold it to 2.2e-6 of the sum over
//! channels of (the largest |x| in the tile) (the largest |w| of the taps) for y, to 1.6e-6 of the
//! same with y_bar for x_bar, and to 3e-6 of the sum over tiles of (the largest |x|) (the largest
//! |y_bar|) for w_bar. An infinite or NaN input makes other outputs of its tiles NaN, never those
//! of other tiles. docs/winograd.md derives the bounds for the worst case; `f64` takes `products`,
//! which has neither property.

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
use crate::simd::with_simd;
use direct::pairs;
pub use geometry::{Geometry, Spec};
use phases::Phases;

/// The three kernels of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    Forward,
    InputGrad,
    WeightGrad,
}

/// The ways to compute a convolution in `f32`.
#[expect(clippy::large_enum_variant, reason = "one lives for the length of a call")]
enum Path {
    Winograd,
    /// Winograd on packed phases.
    Packed(Phases),
    /// Pairs of taps: weight gradients only.
    Pairs,
    Direct,
    Products,
}

impl Path {
    /// Returns the fastest path of a kernel, by shape and instruction set alone.
    fn of(g: &Geometry, kernel: Kernel) -> Path {
        if winograd::pays(g) {
            Path::Winograd
        } else if kernel == Kernel::WeightGrad && pairs::pays(g) {
            Path::Pairs
        } else if let Some(phases) = Phases::of(g).filter(|phases| winograd::pays_packed(&phases.packed)) {
            Path::Packed(phases)
        } else if direct::pays(g) {
            Path::Direct
        } else {
            Path::Products
        }
    }
}

/// y = x conv w. In `f32`, the [error](self#accuracy-in-f32) may be relative to neighbouring
/// pixels.
///
/// # Panics
/// If a slice does not have the geometry's size.
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

/// x_bar, the gradient by x of <y_bar, x conv w>; equally the transposed convolution of y_bar with
/// w. In `f32`, the [error](self#accuracy-in-f32) may be relative to neighbouring pixels.
///
/// # Panics
/// If a slice does not have the geometry's size.
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

/// W_bar, the gradient by w of <y_bar, x conv w>. In `f32`, the [error](self#accuracy-in-f32) may
/// be relative to the largest pixels of each tile.
///
/// # Panics
/// If a slice does not have the geometry's size.
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
