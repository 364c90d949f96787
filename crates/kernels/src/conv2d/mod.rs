//! The convolution family.
//!
//! A convolution is one trilinear form
//!
//! > phi(x, w, g) = sum over n, i, j, o of g\[n, i, j, o\] (x conv w)\[n, i, j, o\]
//!
//! and its three partial derivatives are the three kernels of this module: [`forward`] (by g), [`input_grad`] (by x; it
//! is also the transposed convolution) and [`weight_grad`] (by w). All three take the same [`Geometry`], which knows
//! the sizes of both ends, so nothing about a transposed convolution can be ambiguous.
//!
//! Layouts: activations NHWC, weights HWIO (`[kh][kw][in / groups][out]`), everything contiguous.
//!
//! Written with P for the linear map that cuts patches out of images (im2col), the three are one matrix product each,
//!
//! > y = P(x) W,   x_bar = P^T(y_bar W^T),   W_bar = P(x)^T y_bar,
//!
//! and that is how `products.rs` computes them for any geometry: P in `window.rs`, the products in [`crate::gemm`]. For the
//! geometries that generative models are made of there are faster ways in `f32`, which this module chooses by shape:
//!
//! | module | for | means |
//! | --- | --- | --- |
//! | `winograd` | 2 or 3 taps in every phase, 16 channels or more (4 x 4 stride 2, 3 x 3 stride 1, ...) | fewer multiplications |
//! | `phases` | fewer, but 12 in all phases of x, 32 of y, 256 tiles, and a stride that divides the kernel | `winograd` on images with their phases packed as channels |
//! | `direct` | 8 channels of y or more, windows smaller than the image, no groups or dilation, vector instructions | windows read where they lie |
//! | `direct::pairs` | instead of `phases` and `direct`: weight gradients, up to 16 numbers in all phases of x, a kernel twice as long as its stride, even outputs, 8 channels of y, many tiles, AVX-512 | 9 products for 16, from images of differences |
//! | `products` | everything else | any geometry, any [`Element`] |
//!
//! # Accuracy in `f32`
//!
//! Nothing is chosen by the data. Where `winograd` computes a layer, with `phases` in front or not, the error of an output
//! is bounded relative to the largest input of its *tile*, up to 5 x 5 pixels of each phase of x, and not only of its window:
//! tests hold it to 2.2e-6 of the sum over channels of (the largest |x| in the tile) (the largest |w| of the taps) for y, to
//! 1.6e-6 of the same with y_bar for x_bar, and to 3e-6 of the sum over tiles of (the largest |x|) (the largest |y_bar|) for
//! w_bar. An infinite or NaN input makes other outputs of its tiles NaN, never those of other tiles. docs/winograd.md derives
//! the bounds for the worst case; `f64` takes `products`, which has neither property.

#[cfg(test)]
mod accuracy;
mod direct;
mod geometry;
mod phases;
mod products;
mod window;
mod winograd;

use crate::Element;
use crate::memory::Buffer;
use crate::simd::with_simd;
use direct::pairs;
pub use geometry::{Geometry, Spec};
use phases::Phases;

/// The ways to compute a convolution in `f32`. Weight gradients have one more, [`pairs`].
#[expect(clippy::large_enum_variant, reason = "one lives for the length of a call")]
enum Path {
    Winograd,
    /// Winograd on packed phases.
    Packed(Phases),
    Direct,
    Products,
}

impl Path {
    /// The fastest, by shape and instruction set alone.
    fn of(g: &Geometry) -> Path {
        if winograd::pays(g) {
            Path::Winograd
        } else if let Some(phases) = Phases::of(g).filter(|phases| winograd::pays_packed(&phases.packed)) {
            Path::Packed(phases)
        } else if direct::pays(g) {
            Path::Direct
        } else {
            Path::Products
        }
    }
}

/// y = x conv w. In `f32`, the [error](self#accuracy-in-f32) may be relative to neighbouring pixels.
///
/// # Panics
/// If a slice does not have the geometry's size.
#[track_caller]
#[inline(never)]
pub fn forward<E: Element>(g: &Geometry, x: &[E], w: &[E], y: &mut [E]) {
    g.check(x.len(), w.len(), y.len());
    if let (Some(x), Some(w), Some(y)) = (E::as_f32(x), E::as_f32(w), E::as_f32_mut(y)) {
        match Path::of(g) {
            Path::Winograd => return winograd::forward(g, x, w, y),
            Path::Packed(phases) => {
                let (x, w) = (phases.pack_input(x), phases.pack_weight(w));
                return winograd::forward(&phases.packed, x.as_slice(), w.as_slice(), y);
            }
            Path::Direct => return with_simd!(s => direct::forward(s, g, x, w, y)),
            Path::Products => {}
        }
    }
    products::forward(g, x, w, y);
}

/// x_bar, the gradient by x of <y_bar, x conv w>; equally the transposed convolution of y_bar with w.
/// In `f32`, the [error](self#accuracy-in-f32) may be relative to neighbouring pixels.
///
/// # Panics
/// If a slice does not have the geometry's size.
#[track_caller]
#[inline(never)]
pub fn input_grad<E: Element>(g: &Geometry, y_bar: &[E], w: &[E], x_bar: &mut [E]) {
    g.check(x_bar.len(), w.len(), y_bar.len());
    if let (Some(y_bar), Some(w), Some(x_bar)) = (E::as_f32(y_bar), E::as_f32(w), E::as_f32_mut(x_bar)) {
        match Path::of(g) {
            Path::Winograd => return winograd::input_grad(g, y_bar, w, x_bar),
            Path::Packed(phases) => {
                let (w, mut packed) = (phases.pack_weight(w), phases.packed_input());
                winograd::input_grad(&phases.packed, y_bar, w.as_slice(), packed.as_mut_slice());
                return phases.unpack_input(packed.as_slice(), x_bar);
            }
            Path::Direct => return with_simd!(s => direct::input_grad(s, g, y_bar, w, x_bar)),
            Path::Products => {}
        }
    }
    products::input_grad(g, y_bar, w, x_bar);
}

/// W_bar, the gradient by w of <y_bar, x conv w>. In `f32`, the [error](self#accuracy-in-f32) may be
/// relative to the largest pixels of each tile.
///
/// # Panics
/// If a slice does not have the geometry's size.
#[track_caller]
#[inline(never)]
pub fn weight_grad<E: Element>(g: &Geometry, x: &[E], y_bar: &[E], w_bar: &mut [E]) {
    g.check(x.len(), w_bar.len(), y_bar.len());
    if let (Some(x), Some(y_bar), Some(w_bar)) = (E::as_f32(x), E::as_f32(y_bar), E::as_f32_mut(w_bar)) {
        match Path::of(g) {
            Path::Winograd => return winograd::weight_grad(g, x, y_bar, w_bar),
            Path::Packed(_) | Path::Direct if pairs::pays(g) => {
                return with_simd!(s => pairs::weight_grad(s, g, x, y_bar, w_bar));
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{self, Isa};
    use crate::reference::testing::{Dice, assert_same_bits, exact_conv2d, f32s, len, less, wave};

    /// A geometry with every knob turned, that fits.
    fn random_geometry(dice: &mut Dice) -> Geometry {
        loop {
            let mut pair = |low, high| [dice.roll(low, high), dice.roll(low, high)];
            let (kernel, size) = (pair(1, 4), pair(1, less(9, 5)));
            let spec = Spec {
                stride: pair(1, 3),
                padding: pair(0, 2),
                dilation: pair(1, 2),
                groups: dice.roll(1, 3),
            };
            let fits = (0..2).all(|a| size[a] + 2 * spec.padding[a] > spec.dilation[a] * (kernel[a] - 1));
            if fits {
                let (ci, co) = (dice.roll(1, 4), dice.roll(1, 4) * spec.groups);
                let x = [dice.roll(0, less(5, 2)), size[0], size[1], ci * spec.groups];
                return Geometry::new(x, [kernel[0], kernel[1], ci, co], spec);
            }
        }
    }

    /// Integer-valued operands: every order of additions is exact, so the kernels must equal the definition to the bit.
    fn check(g: &Geometry) {
        let ([x, w, y_bar], want) = exact_conv2d(g);
        let mut got = want.each_ref().map(|want| vec![f64::NAN; want.len()]);
        forward(g, &x, &w, &mut got[0]);
        input_grad(g, &y_bar, &w, &mut got[1]);
        weight_grad(g, &x, &y_bar, &mut got[2]);
        assert_eq!(got, want, "{g:?}");
    }

    /// The same in `f32` on every instruction set, for geometries that no Winograd convolution serves.
    fn check_f32(g: &Geometry) {
        let (operands, want) = exact_conv2d(g);
        let ([x, w, y_bar], want) = (operands.map(|v| f32s(&v)), want.map(|v| f32s(&v)));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            isa::with(isa, || {
                assert!(matches!(Path::of(g), Path::Direct | Path::Products), "{g:?}");
                let mut got = want.each_ref().map(|want| vec![f32::NAN; want.len()]);
                forward(g, &x, &w, &mut got[0]);
                input_grad(g, &y_bar, &w, &mut got[1]);
                weight_grad(g, &x, &y_bar, &mut got[2]);
                assert_eq!(got, want, "{isa} {g:?}");
            });
        }
    }

    #[test]
    fn random_geometries_equal_the_definition() {
        let mut dice = Dice(11);
        for _ in 0..less(400, 3) {
            check(&random_geometry(&mut dice));
        }
    }

    #[test]
    fn tiles_and_chunks_meet_at_the_right_places() {
        let s = Spec::new;
        for (x, w, spec) in [
            ([5, 33, 31, 3], [4, 4, 3, 8], s(2, 1)),
            ([9, 16, 16, 40], [4, 4, 40, 24], s(2, 1)),
            ([3, 20, 20, 70], [3, 3, 70, 20], s(1, 1)),
            ([7, 4, 4, 12], [4, 4, 12, 5], s(1, 0)),
            ([0, 4, 4, 12], [4, 4, 12, 5], s(1, 0)),
            ([0, 8, 8, 3], [4, 4, 3, 5], s(2, 1)),
            ([2, 12, 12, 300], [3, 3, 1, 300], Spec { groups: 300, ..s(1, 1) }),
        ] {
            check(&Geometry::new(x, w, spec));
        }
    }

    /// Every output padding that the geometry allows gives an output whose convolution has the input's size again.
    #[test]
    fn transposed_geometry_inverts_the_size_formula() {
        let mut dice = Dice(5);
        let mut tried = 0;
        while tried < 300 {
            let mut pair = |low, high| [dice.roll(low, high), dice.roll(low, high)];
            let spec = Spec { stride: pair(1, 4), padding: pair(0, 2), dilation: pair(1, 3), groups: 1 };
            let (kernel, y) = (pair(1, 5), pair(1, 6));
            let extra: [usize; 2] = std::array::from_fn(|a| dice.roll(0, spec.stride[a] - 1));
            let full =
                |a: usize| (y[a] - 1) * spec.stride[a] + spec.dilation[a] * (kernel[a] - 1) + 1 + extra[a];
            if (0..2).any(|a| full(a) <= 2 * spec.padding[a]) {
                continue;
            }
            let t = Geometry::transposed([2, y[0], y[1], 3], [kernel[0], kernel[1], 5, 3], spec, extra);
            assert_eq!(Geometry::new(t.x_shape(), t.w_shape(), spec), t);
            assert_eq!(t.in_size, [full(0) - 2 * spec.padding[0], full(1) - 2 * spec.padding[1]]);
            tried += 1;
        }
    }

    /// <P x, y> = <x, P^T y> at real layer sizes, in f32 with f64 sums.
    #[test]
    fn forward_and_input_grad_are_adjoint_at_layer_sizes() {
        for (x, w) in [([4, 32, 32, 64], [4, 4, 64, 128]), ([4, 64, 64, 3], [4, 4, 3, 64])] {
            let g = Geometry::new(x, w, Spec::new(2, 1));
            let (x, w, y_bar) =
                (wave(len(g.x_shape()), 0.7), wave(len(g.w_shape()), 1.3), wave(len(g.y_shape()), 2.1));
            let dot = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
            };
            let (mut y, mut x_bar, mut w_bar) =
                (vec![0.0; y_bar.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
            forward(&g, &x, &w, &mut y);
            input_grad(&g, &y_bar, &w, &mut x_bar);
            weight_grad(&g, &x, &y_bar, &mut w_bar);
            let phi = dot(&y, &y_bar);
            let scale = dot(&y, &y).sqrt() * dot(&y_bar, &y_bar).sqrt();
            assert!((dot(&x, &x_bar) - phi).abs() < 1e-6 * scale, "by x: {} and {phi}", dot(&x, &x_bar));
            assert!((dot(&w, &w_bar) - phi).abs() < 1e-6 * scale, "by w: {} and {phi}", dot(&w, &w_bar));
        }
    }

    #[test]
    fn same_bits_for_any_number_of_threads() {
        let g = Geometry::new([6, 16, 16, 20], [4, 4, 20, 24], Spec::new(2, 1));
        let (x, w, y_bar) =
            (wave(len(g.x_shape()), 0.7), wave(len(g.w_shape()), 1.3), wave(len(g.y_shape()), 2.1));
        assert_same_bits("products", || {
            let (mut y, mut x_bar, mut w_bar) =
                (vec![0.0; y_bar.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
            products::forward(&g, &x, &w, &mut y);
            products::input_grad(&g, &y_bar, &w, &mut x_bar);
            products::weight_grad(&g, &x, &y_bar, &mut w_bar);
            [y, x_bar, w_bar].concat()
        });
    }

    /// Sizes, paddings, strides and dilations about powers of two, at which products and sums wrap: a
    /// geometry has the output of the formula or is rejected with its shapes, and one of few numbers is
    /// computed right.
    #[test]
    fn sizes_that_wrap_are_rejected() {
        let mut dice = Dice(71);
        let (mut rejected, mut computed) = (0, 0);
        for _ in 0..less(20_000, 20) {
            let mut size = |usual: usize, ends: bool| {
                let exponent = [31, 32, 40, 61, 62, 63][dice.roll(0, 5)];
                let near = (1usize << exponent).wrapping_add(dice.roll(0, 4)).wrapping_sub(2);
                let extreme = if dice.roll(0, 9) == 0 { usize::MAX - dice.roll(0, 2) } else { near };
                if ends && dice.roll(0, 7) == 0 { extreme } else { dice.roll(1, usual) }
            };
            let spec = Spec {
                stride: [size(3, true), size(3, true)],
                padding: [size(2, true) - 1, size(2, true) - 1],
                dilation: [size(2, true), size(2, true)],
                groups: size(1, true),
            };
            let [batch, ci, co] = [size(2, false), size(2, false), size(20, true)];
            let (x, kernel) = ([size(6, true), size(6, true)], [size(3, false), size(3, false)]);
            let transposed = size(2, false) == 1;
            let made = std::panic::catch_unwind(|| {
                let w = [kernel[0], kernel[1], ci, co];
                match transposed {
                    true => Geometry::transposed([batch, x[0], x[1], co], w, spec, [0, 0]),
                    false => Geometry::new([batch, x[0], x[1], ci], w, spec),
                }
            });
            let Ok(g) = made else {
                let message = made.unwrap_err().downcast::<String>().expect("a message");
                assert!(message.contains("(NHWC), weight ["), "{message}");
                rejected += 1;
                continue;
            };
            let wide = |n: usize| n as u128;
            let out_size = [0, 1].map(|a| {
                let padded = wide(g.in_size[a]) + 2 * wide(spec.padding[a]);
                let extent = wide(spec.dilation[a]) * (wide(kernel[a]) - 1) + 1;
                (padded - extent) / wide(spec.stride[a]) + 1
            });
            assert_eq!(g.out_size.map(wide), out_size, "{g:?}");
            if g.lens().into_iter().max() <= Some(1 << 14) {
                check(&g);
                check_f32(&g);
                computed += 1;
            }
        }
        assert!(rejected > less(1000, 1) && computed > less(1000, 1), "{rejected} and {computed}");
    }

    #[test]
    #[should_panic(expected = "conv2d: input [1, 4, 4, 3] (NHWC), weight [3, 3, 2, 8] (HWIO)")]
    fn rejects_channels_that_do_not_fit() {
        Geometry::new([1, 4, 4, 3], [3, 3, 2, 8], Spec::default());
    }

    #[test]
    #[should_panic(expected = "output padding must be smaller")]
    fn rejects_an_output_padding_that_is_ambiguous() {
        Geometry::transposed([1, 4, 4, 8], [4, 4, 3, 8], Spec::new(2, 1), [2, 0]);
    }
}
