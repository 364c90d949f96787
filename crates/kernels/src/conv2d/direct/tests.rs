//! The direct path against the definition.

use super::*;
use crate::conv2d::Spec;
use crate::isa::{self, Isa};
use crate::reference::testing::{Dice, assert_same_bits, exact_conv2d, f32s, len, wave};
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
        // Beyond 16 images, a task of the weight gradient has several.
        let x = [dice.roll(1, 40), size[0], size[1], ci];
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

#[test]
fn same_bits_for_any_number_of_threads() {
    for (x, w) in [([37, 16, 16, 3], [4, 4, 3, 24]), ([3, 9, 9, 40], [4, 4, 40, 20])] {
        let g = Geometry::new(x, w, Spec::new(2, 1));
        let (x, w, y_bar) =
            (wave(len(g.x_shape()), 0.7), wave(len(g.w_shape()), 1.3), wave(len(g.y_shape()), 2.1));
        assert_same_bits(&format!("{g:?}"), || all(&g, &x, &w, &y_bar).concat());
    }
}
