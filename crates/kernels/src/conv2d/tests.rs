//! Compares all paths with the definition, through the three public functions.

use super::*;
use crate::isa::{self, Isa};
use crate::parallel::work::speedup;
use crate::reference::testing::{Dice, assert_same_bits, exact_conv2d, f32s, len, less, wave};

impl Kernel {
    pub(super) const ALL: [Kernel; 3] = [Kernel::Forward, Kernel::InputGrad, Kernel::WeightGrad];
}

impl Path {
    fn name(&self) -> &'static str {
        match self {
            Path::Winograd => "winograd",
            Path::Packed(_) => "packed",
            Path::Pairs => "pairs",
            Path::Direct => "direct",
            Path::Products => "products",
        }
    }
}

/// Returns a valid geometry with a random value for every parameter.
fn random_geometry(dice: &mut Dice) -> Geometry {
    loop {
        let mut pair = |low, high| [dice.roll(low, high), dice.roll(low, high)];
        let (kernel, size) = (pair(1, 4), pair(1, less(9, 5)));
        let spec =
            Spec { stride: pair(1, 3), padding: pair(0, 2), dilation: pair(1, 2), groups: dice.roll(1, 3) };
        let fits = (0..2).all(|a| size[a] + 2 * spec.padding[a] > spec.dilation[a] * (kernel[a] - 1));
        if fits {
            let (ci, co) = (dice.roll(1, 4), dice.roll(1, 4) * spec.groups);
            let x = [dice.roll(0, less(5, 2)), size[0], size[1], ci * spec.groups];
            return Geometry::new(x, [kernel[0], kernel[1], ci, co], spec);
        }
    }
}

/// Compares the three functions in `f64` with the definition. The operands are small integers,
/// whose sums are exact in any order, so the results must be equal.
fn check(g: &Geometry) {
    let ([x, w, y_bar], want) = exact_conv2d(g);
    let mut got = want.each_ref().map(|want| vec![f64::NAN; want.len()]);
    forward(g, &x, &w, &mut got[0]);
    input_grad(g, &y_bar, &w, &mut got[1]);
    weight_grad(g, &x, &y_bar, &mut got[2]);
    assert_eq!(got, want, "{g:?}");
}

/// Compares the three functions in `f32` with the definition, on every instruction set. The
/// geometry must be one that no path with Winograd's algorithm computes, because that algorithm is
/// not exact.
fn check_f32(g: &Geometry) {
    let (operands, want) = exact_conv2d(g);
    let ([x, w, y_bar], want) = (operands.map(|v| f32s(&v)), want.map(|v| f32s(&v)));
    for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
        isa::with(isa, || {
            for kernel in Kernel::ALL {
                let path = Path::of(g, kernel);
                assert!(!matches!(path, Path::Winograd | Path::Packed(_)), "{kernel:?} of {g:?}");
            }
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
        // Few images, divided into rows: plain, with a stride, with dilation, with groups. Then one
        // row, divided into columns.
        ([1, 61, 50, 9], [3, 3, 9, 4], s(1, 1)),
        ([1, 97, 130, 70], [5, 3, 70, 2], s(3, 2)),
        ([2, 90, 120, 40], [3, 3, 40, 3], Spec { dilation: [7, 2], ..s(2, 9) }),
        ([1, 60, 70, 6], [3, 3, 2, 6], Spec { groups: 3, ..s(1, 0) }),
        ([1, 2, 20_000, 64], [1, 3, 64, 2], Spec { dilation: [1, 5], stride: [1, 2], ..s(1, 1) }),
        // Few pixels, divided into channels: plain and with groups.
        ([1, 6, 7, 90], [3, 3, 90, 70], s(2, 1)),
        ([1, 5, 6, 128], [3, 3, 64, 192], Spec { groups: 2, dilation: [2, 1], ..s(1, 2) }),
        ([1, 3, 200, 20], [3, 3, 20, 40], s(1, 1)),
    ] {
        check(&Geometry::new(x, w, spec));
    }
}

/// If the output padding is below the stride, [`Geometry::new`] returns the same geometry for the
/// output of the transposed convolution as [`Geometry::transposed`] returns for its input.
#[test]
fn transposed_geometry_inverts_the_size_formula() {
    let mut dice = Dice(5);
    let mut tried = 0;
    while tried < 300 {
        let mut pair = |low, high| [dice.roll(low, high), dice.roll(low, high)];
        let spec = Spec { stride: pair(1, 4), padding: pair(0, 2), dilation: pair(1, 3), groups: 1 };
        let (kernel, y) = (pair(1, 5), pair(1, 6));
        let extra: [usize; 2] = std::array::from_fn(|a| dice.roll(0, spec.stride[a] - 1));
        let full = |a: usize| (y[a] - 1) * spec.stride[a] + spec.dilation[a] * (kernel[a] - 1) + 1 + extra[a];
        if (0..2).any(|a| full(a) <= 2 * spec.padding[a]) {
            continue;
        }
        let t = Geometry::transposed([2, y[0], y[1], 3], [kernel[0], kernel[1], 5, 3], spec, extra);
        assert_eq!(Geometry::new(t.x_shape(), t.w_shape(), spec), t);
        assert_eq!(t.in_size, [full(0) - 2 * spec.padding[0], full(1) - 2 * spec.padding[1]]);
        tried += 1;
    }
}

/// At the sizes of real layers, <x conv w, y_bar> = <x, x_bar> = <w, w_bar>. The three functions
/// compute in `f32`, and the test adds up these products in `f64`.
#[test]
fn forward_and_input_grad_are_adjoint_at_layer_sizes() {
    for (x, w) in [([4, 32, 32, 64], [4, 4, 64, 128]), ([4, 64, 64, 3], [4, 4, 3, 64])] {
        let g = Geometry::new(x, w, Spec::new(2, 1));
        let (x, w, y_bar) =
            (wave(len(g.x_shape()), 0.7), wave(len(g.w_shape()), 1.3), wave(len(g.y_shape()), 2.1));
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
        let (mut y, mut x_bar, mut w_bar) = (vec![0.0; y_bar.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
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
    for x in [[6, 16, 16, 20], [1, 40, 41, 20]] {
        let g = Geometry::new(x, [4, 4, 20, 24], Spec::new(2, 1));
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
}

/// A large layer is divided into several tasks, even if it has few images, rows or pixels. At most
/// a quarter of its work has to be done sequentially.
#[test]
fn few_images_rows_and_pixels_are_work_for_several_threads() {
    let (s, across) = (Spec::new, |padding| Spec { padding: [0, padding], ..Spec::new(1, 0) });
    let dilated = Spec { dilation: [2, 2], ..s(1, 2) };
    for (x, w, spec) in [
        // A few rows.
        ([1, 1, 32_768, 8], [1, 5, 8, 8], across(2)),
        ([1, 2, 16_384, 8], [1, 5, 8, 8], across(2)),
        ([1, 3, 8_192, 16], [3, 3, 16, 16], s(1, 1)),
        ([1, 6, 4_096, 16], [3, 3, 16, 32], s(1, 1)),
        ([1, 1, 16_384, 32], [1, 4, 32, 32], Spec { stride: [1, 2], ..across(1) }),
        ([1, 2, 16_384, 3], [4, 4, 3, 64], s(2, 1)),
        ([1, 1, 16_384, 64], [1, 3, 64, 32], Spec { dilation: [1, 5], ..across(1) }),
        // A few pixels.
        ([1, 8, 8, 512], [4, 4, 512, 256], s(2, 1)),
        ([1, 4, 4, 512], [3, 3, 512, 256], s(1, 1)),
        ([1, 1, 4, 1024], [1, 1, 1024, 1024], s(1, 0)),
        ([1, 8, 8, 256], [3, 3, 256, 256], dilated),
        ([1, 8, 8, 512], [1, 1, 512, 512], s(1, 0)),
        ([1, 9, 8, 128], [3, 3, 64, 256], Spec { groups: 2, ..dilated }),
        // A kernel that is large relative to the image.
        ([1, 28, 28, 32], [5, 5, 32, 64], s(1, 2)),
        ([2, 28, 28, 32], [5, 5, 32, 64], s(1, 2)),
        ([1, 55, 55, 32], [7, 7, 32, 64], s(1, 3)),
        ([1, 48, 48, 48], [7, 7, 48, 64], s(1, 3)),
        ([1, 16, 16, 32], [5, 5, 32, 1024], s(1, 2)),
        ([1, 32, 32, 32], [4, 4, 32, 256], s(1, 1)),
        // Few pixels and few channels of the result.
        ([1, 11, 11, 2048], [3, 3, 2048, 32], dilated),
        ([1, 4, 4, 2048], [4, 4, 2048, 48], s(1, 3)),
        ([1, 8, 8, 2048], [4, 4, 2048, 48], s(2, 1)),
        ([1, 5, 13, 24], [4, 4, 24, 2048], Spec { padding: [5, 5], ..dilated }),
        ([1, 8, 8, 16], [7, 7, 16, 4096], s(2, 3)),
        ([1, 20, 4, 32], [5, 5, 32, 1024], s(1, 2)),
        // A few tiles or a narrow filter.
        ([1, 20, 20, 128], [3, 3, 128, 128], s(1, 1)),
        ([1, 24, 24, 128], [3, 3, 128, 128], s(1, 1)),
        ([1, 40, 40, 544], [3, 3, 544, 32], s(1, 1)),
        ([1, 40, 40, 16], [3, 3, 16, 1040], s(1, 1)),
    ] {
        let g = Geometry::new(x, w, spec);
        let (x, w, y) = (wave(len(x), 0.7), wave(len(w), 1.3), wave(len(g.y_shape()), 2.1));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            let [mut y_out, mut x_out, mut w_out] = [y.clone(), x.clone(), w.clone()];
            let speedups = [
                speedup(isa, || forward(&g, &x, &w, &mut y_out)),
                speedup(isa, || input_grad(&g, &y, &w, &mut x_out)),
                speedup(isa, || weight_grad(&g, &x, &y, &mut w_out)),
            ];
            let path = isa::with(isa, || Kernel::ALL.map(|kernel| Path::of(&g, kernel).name()));
            assert!(speedups.iter().all(|&by| by >= 4.0), "{isa} {g:?}, {path:?}: {speedups:.1?}");
        }
    }
}

/// Some sizes, paddings, strides and dilations are near powers of two, where products and sums of
/// integers wrap. Every geometry has the output size of the formula, or its constructor panics with
/// a message that shows its shapes. For small geometries, the convolution and its gradients equal
/// the definition.
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
