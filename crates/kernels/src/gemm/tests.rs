//! Tests of [`gemm`]: products equal their definition, for every transpose and instruction set, and
//! do not depend on the number of threads.

use super::*;
use crate::isa;
use crate::reference;
use crate::reference::testing::{assert_same_bits, less, wave};

fn numbers(n: usize, salt: usize) -> Vec<f64> {
    (0..n).map(|i| ((i * 7 + salt * 13) % 17) as f64 - 8.0).collect()
}

/// A product in `f64` equals its definition, for every combination of transposed operands. The
/// elements are small integers, so all products and sums are exact. The results must be equal bit
/// for bit.
#[test]
fn equals_the_definition_for_every_transpose() {
    for (m, k, n) in [(1, 1, 1), (3, 5, 7), (64, 48, 33), (130, 70, 600), (300, 9, 2), (0, 3, 4), (4, 0, 3)] {
        for flags in 0..4 {
            let (ta, tb) = (flags & 1 == 1, flags & 2 == 2);
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let a = if ta { Mat::new(&a, k, m).t() } else { Mat::new(&a, m, k) };
            let b = if tb { Mat::new(&b, n, k).t() } else { Mat::new(&b, k, n) };
            for into in [Update::Overwrite, Update::Accumulate] {
                let mut got = vec![if into == Update::Overwrite { f64::NAN } else { 5.0 }; m * n];
                gemm(a, b, into, &mut got);
                let mut want = vec![if into == Update::Overwrite { 0.0 } else { 5.0 }; m * n];
                reference::gemm(
                    m,
                    k,
                    n,
                    |i, p| a.data[a.offset(i, p)],
                    |p, j| b.data[b.offset(p, j)],
                    &mut want,
                );
                assert_eq!(got, want, "{m} x {k} x {n}, transposed {ta} {tb}, {into:?}");
            }
        }
    }
}

#[test]
fn same_bits_for_any_number_of_threads() {
    for (m, k, n) in [(200, 150, 900), (600, 300, 70), (600, 20, 1024), (33, 5000, 40)] {
        let (a, b) = (wave(m * k, 1.0), wave(k * n, 0.7));
        assert_same_bits(&format!("{m} x {k} x {n}"), || {
            let mut c = vec![0.0; m * n];
            gemm(Mat::new(&a, m, k), Mat::new(&b, k, n), Update::Overwrite, &mut c);
            c
        });
    }
}

#[test]
#[should_panic(expected = "inner dimensions differ")]
fn rejects_inner_dimensions_that_differ() {
    gemm(Mat::new(&[1.0; 6], 2, 3), Mat::new(&[1.0; 8], 2, 4), Update::Overwrite, &mut [0.0; 8]);
}

#[test]
#[should_panic(expected = "needs 8 elements, the slice has 7")]
fn rejects_a_short_output() {
    gemm(Mat::new(&[1.0; 6], 2, 3), Mat::new(&[1.0; 12], 3, 4), Update::Overwrite, &mut [0.0; 7]);
}

/// A product in `f32` equals its definition on every instruction set. Some sizes of the matrices
/// are near the sizes of a tile, a block or a panel. The elements are small integers, so all sums
/// are exact.
#[test]
fn f32_equals_the_definition_on_every_instruction_set() {
    let mut dice = reference::testing::Dice(17);
    let mut shapes: Vec<[usize; 3]> =
        (0..less(60, 3)).map(|_| [dice.roll(1, 40), dice.roll(1, 40), dice.roll(1, 70)]).collect();
    shapes.extend([
        [1, 300, 50],
        [50, 300, 1],
        [1, 1, 1],
        [100, 520, 33],
        [23, 257, 64],
        [7, 3, 600],
        [200, 8, 96],
        // Shapes where all rows of B are in one set or a few sets of the L1 cache. Shapes where A
        // has more rows than a tile, with B read in place and with B packed. A small C that is
        // computed in shares.
        [40, 1024, 80],
        [30, 260, 1024],
        [300, 256, 64],
        [600, 300, 80],
        [600, 300, 70],
        [600, 5, 1024],
        [30, 20, 1024],
        [20, 2500, 40],
        // Tiles with fewer rows than A, and panels whose columns do not fill a vector.
        [130, 70, 300],
        // An odd number of tiles: the tile in the middle is narrow and split into two half-height
        // tiles.
        [130, 300, 522],
    ]);
    shapes.retain(|[m, k, n]| m * k * n < less(usize::MAX, 10_000));
    for [m, k, n] in shapes {
        let f32s = |x: Vec<f64>| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
        let (a, b) = (f32s(numbers(m * k, 1)), f32s(numbers(k * n, 2)));
        for flags in 0..8 {
            let (ta, tb, add) = (flags & 1 == 1, flags & 2 == 2, flags & 4 == 4);
            let a = if ta { Mat::new(&a, k, m).t() } else { Mat::new(&a, m, k) };
            let b = if tb { Mat::new(&b, n, k).t() } else { Mat::new(&b, k, n) };
            let (into, start) = if add { (Update::Accumulate, 5.0) } else { (Update::Overwrite, f32::NAN) };
            let mut want = vec![if add { 5.0 } else { 0.0 }; m * n];
            let (a_ip, b_pj) = (|i, p| a.data[a.offset(i, p)], |p, j| b.data[b.offset(p, j)]);
            reference::gemm(m, k, n, a_ip, b_pj, &mut want);
            for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
                let mut got = vec![start; m * n];
                isa::with(isa, || gemm(a, b, into, &mut got));
                assert_eq!(got, want, "{m} x {k} x {n}, transposed {ta} {tb}, {into:?}, {isa}");
            }
        }
    }
}

/// A product with a long inner dimension equals its definition, also if the last share of the inner
/// dimension is shorter than the others. The elements are small integers, so all sums are exact.
#[test]
fn uneven_shares_equal_the_definition_on_every_instruction_set() {
    let mut dice = reference::testing::Dice(23);
    let mut shapes = vec![[16, 2049, 2], [2, 2049, 16], [16, 3136, 8], [40, 2817, 33]];
    shapes.extend((0..less(40, 0)).map(|_| [dice.roll(1, 20), dice.roll(2048, 9000), dice.roll(1, 12)]));
    shapes.retain(|[m, k, n]| m * k * n < less(usize::MAX, 70_000));
    for [m, k, n] in shapes {
        let f32s = |x: Vec<f64>| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
        let (a, b) = (f32s(numbers(m * k, 1)), f32s(numbers(k * n, 2)));
        for (ta, tb) in [(false, false), (true, false), (false, true)] {
            let a = if ta { Mat::new(&a, k, m).t() } else { Mat::new(&a, m, k) };
            let b = if tb { Mat::new(&b, n, k).t() } else { Mat::new(&b, k, n) };
            let mut want = vec![0.0; m * n];
            let (a_ip, b_pj) = (|i, p| a.data[a.offset(i, p)], |p, j| b.data[b.offset(p, j)]);
            reference::gemm(m, k, n, a_ip, b_pj, &mut want);
            for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
                let mut got = vec![f32::NAN; m * n];
                isa::with(isa, || gemm(a, b, Update::Overwrite, &mut got));
                assert_eq!(got, want, "{m} x {k} x {n}, transposed {ta} {tb}, {isa}");
            }
        }
    }
}

/// [`Mat::strided`] rejects a view whose last element has an index that overflows `usize`. The
/// wrapped index would be small enough for the slice.
#[test]
#[should_panic(expected = "the slice has 4")]
fn rejects_a_view_whose_extent_overflows() {
    Mat::strided(&[1.0; 4], (1 << 32) + 1, 2, 1 << 32);
}
