//! The direct path against the definition.

use super::*;
use crate::conv2d::Spec;
use crate::isa::{self, Isa};
use crate::reference;
use crate::reference::testing::{Dice, assert_same_bits, integers, wave};
use crate::simd::with_simd;

fn len(shape: [usize; 4]) -> usize {
    shape.iter().product()
}

fn f32s(x: &[f64]) -> Vec<f32> {
    x.iter().map(|&x| x as f32).collect()
}

fn all(g: &Geometry, x: &[f32], w: &[f32], y_bar: &[f32]) -> [Vec<f32>; 3] {
    let mut out = [vec![f32::NAN; y_bar.len()], vec![f32::NAN; x.len()], vec![f32::NAN; w.len()]];
    with_simd!(s => {
        forward(s, g, x, w, &mut out[0]);
        input_grad(s, g, y_bar, w, &mut out[1]);
        weight_grad(s, g, x, y_bar, &mut out[2]);
    });
    out
}

/// Sums of small integers are exact in any order, so all instruction sets must give the definition to the bit.
#[test]
fn random_geometries_equal_the_definition() {
    let mut dice = Dice(31);
    let mut tried = 0;
    while tried < 150 {
        let (kernel, size) = ([dice.roll(1, 5), dice.roll(1, 5)], [dice.roll(1, 13), dice.roll(1, 13)]);
        let spec = Spec {
            stride: [dice.roll(1, 3), dice.roll(1, 3)],
            padding: [dice.roll(0, 2), dice.roll(0, 2)],
            ..Spec::default()
        };
        if (0..2).any(|a| size[a] + 2 * spec.padding[a] < kernel[a]) {
            continue;
        }
        let (ci, co) = (dice.roll(1, 9), dice.roll(1, 70));
        let x = [dice.roll(1, 9), size[0], size[1], ci];
        let g = Geometry::new(x, [kernel[0], kernel[1], ci, co], spec);
        assert!(possible(&g));
        let (x, w, y_bar) =
            (integers(len(g.x_shape()), 1), integers(len(g.w_shape()), 2), integers(len(g.y_shape()), 3));
        let mut want = [vec![0.0; y_bar.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
        reference::conv2d(&g, &x, &w, &mut want[0]);
        reference::conv2d_input_grad(&g, &y_bar, &w, &mut want[1]);
        reference::conv2d_weight_grad(&g, &x, &y_bar, &mut want[2]);
        let want = want.map(|want| f32s(&want));
        let (x, w, y_bar) = (f32s(&x), f32s(&w), f32s(&y_bar));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            assert_eq!(isa::with(isa, || all(&g, &x, &w, &y_bar)), want, "{isa} {g:?}");
        }
        tried += 1;
    }
}

#[test]
fn same_bits_for_any_number_of_threads() {
    for (x, w) in [([37, 16, 16, 3], [4, 4, 3, 24]), ([3, 9, 9, 40], [4, 4, 40, 20])] {
        let g = Geometry::new(x, w, Spec::new(2, 1));
        let (x, w, y_bar) =
            (wave(len(g.x_shape()), 0.7), wave(len(g.w_shape()), 1.3), wave(len(g.y_shape()), 2.1));
        assert_same_bits(&format!("{g:?}"), || all(&g, &x, &w, &y_bar).concat());
    }
}
