//! Compares the direct path with the definition.

use super::*;
use crate::conv2d::{self, Kernel, Path, Spec};
use crate::isa::{self, Isa};
use crate::reference::testing::{Dice, assert_same_bits, exact_conv2d, f32s, len, less, wave};
use crate::simd::with_simd;

fn all(g: &Geometry, x: &[f32], w: &[f32], y_bar: &[f32]) -> [Vec<f32>; 3] {
    let mut out = [vec![f32::NAN; y_bar.len()], vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]];
    with_simd!(s => {
        forward(s, g, x, w, &mut out[0]);
        input_grad(s, g, y_bar, w, &mut out[1]);
        weight_grad(s, g, x, y_bar, &mut out[2]);
    });
    out
}

/// Compares the direct path with the definition, on all instruction sets. Sums of small integers
/// are exact in any order, so the results must be equal.
#[test]
fn random_geometries_equal_the_definition() {
    let mut dice = Dice(31);
    let mut tried = 0;
    while tried < less(150, 3) {
        let largest = less(13, 5);
        let (kernel, size) =
            ([dice.roll(1, 5), dice.roll(1, 5)], [dice.roll(1, largest), dice.roll(1, largest)]);
        let spec = Spec {
            stride: [dice.roll(1, 3), dice.roll(1, 3)],
            padding: [dice.roll(0, 2), dice.roll(0, 2)],
            ..Spec::default()
        };
        if (0..2).any(|a| size[a] + 2 * spec.padding[a] < kernel[a]) {
            continue;
        }
        let (ci, co) = (dice.roll(1, less(9, 2)), dice.roll(1, less(70, 18)));
        // With more than 16 images, a task of the weight gradient has several images.
        let x = [dice.roll(1, less(40, 2)), size[0], size[1], ci];
        let g = Geometry::new(x, [kernel[0], kernel[1], ci, co], spec);
        assert!(possible(&g));
        let (operands, want) = exact_conv2d(&g);
        let ([x, w, y_bar], want) = (operands.map(|v| f32s(&v)), want.map(|v| f32s(&v)));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            assert_eq!(isa::with(isa, || all(&g, &x, &w, &y_bar)), want, "{isa} {g:?}");
        }
        tried += 1;
    }
}

/// Compares the direct path with the definition, on images that are divided into bands. The last
/// band can have fewer rows than the others, windows can cover two bands, and a band can be a
/// single row.
#[test]
fn bands_equal_the_definition() {
    for (x, w, spec) in [
        ([1, 41, 30, 5], [3, 3, 5, 33], Spec::new(1, 1)),
        ([2, 67, 40, 4], [5, 4, 4, 20], Spec::new(2, 2)),
        ([1, 200, 64, 3], [2, 3, 3, 16], Spec { stride: [3, 1], ..Spec::new(1, 3) }),
        ([1, 90, 130, 8], [1, 1, 8, 24], Spec::new(1, 0)),
        ([1, 5, 70_000, 4], [3, 1, 4, 8], Spec::new(1, 1)),
    ] {
        let g = Geometry::new(x, w, spec);
        let [_, bands, ..] = bands_of(g.batch, g.out_size[0], band_of_windows(&g)).counts;
        assert!(possible(&g) && bands > 2, "{g:?}: {bands} bands");
        let (operands, want) = exact_conv2d(&g);
        let ([x, w, y_bar], want) = (operands.map(|v| f32s(&v)), want.map(|v| f32s(&v)));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            assert!(isa::with(isa, || all(&g, &x, &w, &y_bar)) == want, "{isa} {g:?}");
        }
    }
}

/// Compares the direct path with the definition, on images whose rows are divided into columns
/// because there are few rows, and on images whose channels are divided because there are few
/// pixels.
#[test]
fn columns_and_channels_equal_the_definition() {
    for (x, w, spec) in [
        ([1, 1, 5_000, 9], [1, 5, 9, 20], Spec { padding: [0, 2], ..Spec::new(1, 0) }),
        ([1, 2, 4_001, 6], [3, 3, 6, 12], Spec { stride: [1, 2], ..Spec::new(1, 1) }),
        ([1, 3, 3_000, 5], [3, 4, 5, 33], Spec { stride: [2, 3], ..Spec::new(1, 3) }),
        ([1, 8, 7, 150], [4, 4, 150, 170], Spec::new(2, 1)),
        ([2, 2, 3, 200], [1, 1, 200, 300], Spec::new(1, 0)),
        ([1, 4, 4, 70], [3, 5, 70, 90], Spec { stride: [1, 2], ..Spec::new(1, 2) }),
    ] {
        let g = Geometry::new(x, w, spec);
        assert!(possible(&g));
        let (operands, want) = exact_conv2d(&g);
        let ([x, w, y_bar], want) = (operands.map(|v| f32s(&v)), want.map(|v| f32s(&v)));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            assert!(isa::with(isa, || all(&g, &x, &w, &y_bar)) == want, "{isa} {g:?}");
        }
    }
}

#[test]
fn bands_cover_all_rows_of_all_images() {
    for (batch, rows, limits) in
        [(1, 100, [4, 100]), (3, 17, [1, 5]), (40, 9, [1, 9]), (1, 7, [9, 7]), (2, 8, [0, 0])]
    {
        let bands = bands_of(batch, rows, limits);
        let all: Vec<_> = (0..bands.count()).map(|band| bands.get(band)).collect();
        let want: Vec<_> = (0..batch).flat_map(|n| (0..rows).map(move |r| (n, r))).collect();
        let got: Vec<_> = all.iter().flat_map(|[n, rows, ..]| rows.clone().map(|r| (n.start, r))).collect();
        assert_eq!(got, want, "{batch} images of {rows} rows");
        assert!(
            all.iter().all(|[_, rows, ..]| rows.len() <= limits[1].max(1)),
            "{batch} images of {rows} rows"
        );
    }
    // One image is enough for several threads, and many images stay whole.
    assert_eq!([1, 16].map(|batch| bands_of(batch, 256, [4, 256]).counts[1]), [16, 1]);
}

#[test]
fn same_bits_for_any_number_of_threads() {
    for (x, w) in [
        ([37, 16, 16, 3], [4, 4, 3, 24]),
        ([3, 9, 9, 40], [4, 4, 40, 20]),
        ([1, 90, 64, 3], [4, 4, 3, 24]),
        // Columns, then channels.
        ([1, 2, 5_000, 8], [4, 4, 8, 24]),
        ([1, 8, 8, 130], [4, 4, 130, 180]),
    ] {
        let g = Geometry::new(x, w, Spec::new(2, 1));
        let (x, w, y_bar) =
            (wave(len(g.x_shape()), 0.7), wave(len(g.w_shape()), 1.3), wave(len(g.y_shape()), 2.1));
        assert_same_bits(&format!("{g:?}"), || all(&g, &x, &w, &y_bar).concat());
    }
}

/// Compares `pairs::weight_grad` with the definition, on every instruction set. The geometries are
/// any that it supports, even if another path is faster. The operands are small integers, so the
/// results are exact.
#[test]
fn pairs_of_taps_equal_the_definition() {
    let mut dice = Dice(57);
    let mut tried = 0;
    while tried < less(150, 3) {
        let (stride, padding) = ([dice.roll(1, 3), dice.roll(1, 3)], [dice.roll(0, 3), dice.roll(0, 3)]);
        let spec = Spec { stride, padding, ..Spec::default() };
        // Additional pixels at the lower and right side that no window covers, and the number of
        // outputs.
        let (rest, out) =
            ([0, 1].map(|a| dice.roll(0, stride[a] - 1)), [0, 1].map(|_| 2 * dice.roll(1, less(9, 2))));
        let padded = [0, 1].map(|a| (out[a] + 1) * stride[a] + rest[a]);
        if (0..2).any(|a| padded[a] <= 2 * padding[a]) {
            continue;
        }
        let [h, w] = [0, 1].map(|a| padded[a] - 2 * padding[a]);
        let (ci, co) = (dice.roll(1, less(5, 2)), dice.roll(1, less(70, 18)));
        let g = Geometry::new(
            [dice.roll(1, less(40, 2)), h, w, ci],
            [2 * stride[0], 2 * stride[1], ci, co],
            spec,
        );
        assert!(pairs::possible(&g) && g.out_size == out);
        let (operands, want) = exact_conv2d(&g);
        let ([x, _, y_bar], want) = (operands.map(|v| f32s(&v)), f32s(&want[2]));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            let mut got = vec![f32::NAN; want.len()];
            isa::with(isa, || with_simd!(s => pairs::weight_grad(s, &g, &x, &y_bar, &mut got)));
            assert_eq!(got, want, "{isa} {g:?}");
        }
        tried += 1;
    }
}

#[test]
fn pairs_of_taps_give_the_same_bits_for_any_number_of_threads() {
    // Several bands per image, several images per share, and fewer bands than shares.
    for (x, w) in
        [([5, 128, 128, 3], [4, 4, 3, 20]), ([75, 16, 16, 1], [4, 4, 1, 40]), ([1, 8, 8, 2], [4, 4, 2, 9])]
    {
        let g = Geometry::new(x, w, Spec::new(2, 1));
        let (x, y_bar) = (wave(len(g.x_shape()), 0.7), wave(len(g.y_shape()), 2.1));
        assert_same_bits(&format!("{g:?}"), || {
            let mut w_bar = vec![f32::NAN; len(g.w_shape())];
            with_simd!(s => pairs::weight_grad(s, &g, &x, &y_bar, &mut w_bar));
            w_bar
        });
    }
}

/// An infinity in x or y_bar only affects the weight gradients of its own channel.
#[test]
fn pairs_of_taps_keep_what_is_not_finite_in_its_channel() {
    let g = Geometry::new([3, 16, 16, 3], [4, 4, 3, 20], Spec::new(2, 1));
    let (x, y_bar) = (wave(len(g.x_shape()), 0.7), wave(len(g.y_shape()), 2.1));
    for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
        let run = |x: &[f32], y_bar: &[f32]| {
            let mut w_bar = vec![f32::NAN; len(g.w_shape())];
            isa::with(isa, || with_simd!(s => pairs::weight_grad(s, &g, x, y_bar, &mut w_bar)));
            w_bar
        };
        let (finite, [mut x, mut y_bar]) = (run(&x, &y_bar), [x.clone(), y_bar.clone()]);
        let (at, at_y) = (700, 900);
        (x[at], y_bar[at_y]) = (f32::INFINITY, f32::INFINITY);
        for (i, (got, want)) in run(&x, &y_bar).iter().zip(&finite).enumerate() {
            let reached = i / 20 % 3 == at % 3 || i % 20 == at_y % 20;
            assert!(reached || got.to_bits() == want.to_bits(), "{isa}, element {i}: {got}, not {want}");
        }
    }
}

/// `conv2d::weight_grad` uses pairs of taps where they are faster: with AVX-512, on some layers
/// that the direct path or packed phases would otherwise compute. `forward` and `input_grad` never
/// use pairs of taps.
#[test]
fn pairs_of_taps_are_taken_where_they_pay() {
    if !Isa::Avx512.supported() {
        return;
    }
    let half = Spec::new(2, 1);
    let pays = |isa, x, w, spec| {
        let g = Geometry::new(x, w, spec);
        isa::with(isa, || {
            let [others @ .., weight_grad] =
                Kernel::ALL.map(|kernel| matches!(Path::of(&g, kernel), Path::Pairs));
            assert_eq!(others, [false; 2], "{g:?}");
            weight_grad
        })
    };
    for (x, w) in
        [([32, 28, 28, 1], [4, 4, 1, 32]), ([16, 32, 32, 3], [4, 4, 3, 32]), ([4, 64, 64, 3], [4, 4, 3, 64])]
    {
        assert!(pays(Isa::Avx512, x, w, half) && !pays(Isa::Avx2, x, w, half), "{x:?} {w:?}");
        let g = Geometry::new(x, w, half);
        let (x, y_bar) = (wave(len(g.x_shape()), 0.7), wave(len(g.y_shape()), 2.1));
        let [mut got, mut want] = [(); 2].map(|_| vec![f32::NAN; len(g.w_shape())]);
        isa::with(Isa::Avx512, || {
            conv2d::weight_grad(&g, &x, &y_bar, &mut got);
            with_simd!(s => pairs::weight_grad(s, &g, &x, &y_bar, &mut want));
        });
        assert_eq!(got, want, "{g:?}");
    }
    for ([x, w], spec, why) in [
        ([[4, 28, 28, 1], [4, 4, 1, 32]], half, "few tiles in all"),
        ([[512, 8, 8, 1], [4, 4, 1, 32]], half, "few tiles to an image"),
        ([[64, 32, 32, 8], [4, 4, 8, 32]], half, "many channels"),
        ([[64, 51, 51, 3], [6, 6, 3, 64]], Spec::new(3, 0), "many phases"),
        ([[16, 32, 2048, 4], [4, 4, 4, 64]], half, "bands that leave the cache"),
        ([[64, 32, 32, 3], [4, 4, 3, 6000]], half, "sums of much memory"),
        ([[64, 30, 30, 3], [4, 4, 3, 32]], half, "an odd output"),
    ] {
        assert!(!pays(Isa::Avx512, x, w, spec), "{why}");
    }
    // Pairs would be faster than the plain sum, but plain Winograd has priority.
    let (x, w, spec) = ([64, 17, 17, 16], [2, 2, 16, 32], Spec::new(1, 0));
    assert!(isa::with(Isa::Avx512, || pairs::pays(&Geometry::new(x, w, spec))));
    assert!(!pays(Isa::Avx512, x, w, spec));
}

#[test]
fn pairs_of_taps_are_two_in_each_phase_and_of_two_outputs() {
    let g = |size: [usize; 2], kernel: [usize; 2], stride| {
        let spec = Spec { stride, ..Spec::default() };
        Geometry::new([2, size[0], size[1], 3], [kernel[0], kernel[1], 3, 8], spec)
    };
    assert!(pairs::possible(&g([10, 9], [4, 2], [2, 1])));
    for (size, kernel, stride) in [
        ([10, 10], [3, 3], [1, 1]),
        ([9, 9], [3, 3], [2, 2]),
        ([11, 11], [5, 5], [2, 2]),
        // The kernel is not twice as long as the stride along one axis; then the number of outputs
        // is odd along one axis.
        ([10, 9], [4, 2], [1, 1]),
        ([10, 10], [4, 4], [2, 1]),
        ([12, 9], [4, 2], [2, 1]),
        ([10, 8], [4, 2], [2, 1]),
    ] {
        assert!(!pairs::possible(&g(size, kernel, stride)), "{size:?} {kernel:?} {stride:?}");
    }
}
