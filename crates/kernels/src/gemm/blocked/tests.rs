//! Tests of the order of additions in a product, and of its independence of the sizes of blocks.

use super::*;
use crate::isa::{self, Isa};
use crate::reference::testing::{Dice, less, wave};
use crate::simd::{PlainPanels, with_simd};

/// What computes a product: an instruction set, or the micro-kernel in plain Rust if `None`.
type Set = Option<Isa>;

fn sets() -> impl Iterator<Item = Set> {
    let vectors = Isa::ALL.into_iter().filter(|&isa| isa != Isa::Portable && isa.supported());
    vectors.map(Some).chain([None])
}

fn product(set: Set, blocks: &Blocks, operands: [Mat<'_, f32>; 2], into: Update, c: &mut [f32]) {
    match set {
        Some(isa) => isa::with(isa, || with_simd!(s => gemm(s, blocks, operands, into, c))),
        None => gemm(PlainPanels, blocks, operands, into, c),
    }
}

fn bits(c: &[f32]) -> Vec<u32> {
    c.iter().map(|c| c.to_bits()).collect()
}

/// Calls `f` for all combinations of transposed operands of an `m` x `k` x `n` product, and for
/// both kinds of [`Update`].
fn for_each_form([m, k, n]: [usize; 3], mut f: impl FnMut([Mat<'_, f32>; 2], Update, &str)) {
    let (a, b) = (wave(m * k, 1.3), wave(k * n, 0.7));
    for flags in 0..8 {
        let (ta, tb) = (flags & 1 == 1, flags & 2 == 2);
        let into = if flags & 4 == 4 { Update::Accumulate } else { Update::Overwrite };
        let a = if ta { Mat::new(&a, k, m).t() } else { Mat::new(&a, m, k) };
        let b = if tb { Mat::new(&b, n, k).t() } else { Mat::new(&b, k, n) };
        f([a, b], into, &format!("{m} x {k} x {n}, transposed {ta} {tb}, {into:?}"));
    }
}

/// Each element of C adds its products in the order of the inner dimension. It starts at 0 or at
/// C. Only the sums of shares start at 0 and are added in order. This is an independent statement
/// of the lengths of the shares.
#[test]
fn each_element_adds_its_products_in_order() {
    for ([m, k, n], share) in [
        ([2, 1, 2], 1),
        ([12, 25, 33], 25),
        ([5, 700, 9], 700),
        ([12, 1100, 33], 1100),
        ([27, 600, 70], 600),
        ([30, 2047, 8], 2047),
        ([513, 300, 3], 300),
        ([7, 2048, 9], 1024),
        ([9, 2500, 17], 1250),
        ([3, 5119, 4], 1280),
    ] {
        if m * k * n > less(usize::MAX, 10_000) {
            continue;
        }
        for_each_form([m, k, n], |[a, b], into, what| {
            let start = wave(m * n, 0.9);
            for set in sets() {
                let fused = |a: f32, b: f32, c: f32| if set.is_some() { a.mul_add(b, c) } else { a * b + c };
                let add = into == Update::Accumulate;
                let want: Vec<f32> = (0..m * n)
                    .map(|at| {
                        let (i, j) = (at / n, at % n);
                        let c = if add { start[at] } else { 0.0 };
                        let sum = |from: usize, c: f32| {
                            let inner = from..(from + share).min(k);
                            inner.fold(c, |c, p| fused(a.data[a.offset(i, p)], b.data[b.offset(p, j)], c))
                        };
                        if share == k {
                            return sum(0, c);
                        }
                        let sums = (0..k).step_by(share).map(|from| sum(from, 0.0));
                        let all = sums.reduce(|all, sum| all + sum).expect("a share");
                        if add { c + all } else { all }
                    })
                    .collect();
                let mut got = start.clone();
                product(set, &Blocks::ZEN, [a, b], into, &mut got);
                assert_eq!(bits(&got), bits(&want), "{what}, {set:?}");
            }
        });
    }
}

/// Sizes of blocks that no processor needs, and all that a product can use.
fn many_blocks() -> Vec<Blocks> {
    let mut dice = Dice(30);
    let mut all = Blocks::ALL.to_vec();
    for kc in [1, 8, 37, 64, 100, 255, 256, 384, 512, 4096] {
        for [mc, nc] in [[1, 1], [24, 70], [200, 128], [384, 512], [4096, 4096]] {
            let one_tile = [1, 40, 100, 512, 4096][dice.roll(0, 4)];
            let (low_tile, min_tile) = ([8, 30, 64][dice.roll(0, 2)], [8, 16, 100][dice.roll(0, 2)]);
            let (rows_if_aliased, rows_if_large) =
                ([1, 24, 512][dice.roll(0, 2)], [1, 256, 512][dice.roll(0, 2)]);
            let (columns_in_place, wide) = ([0, 64, 256][dice.roll(0, 2)], dice.roll(0, 1) == 1);
            all.push(Blocks {
                kc,
                mc,
                nc,
                one_tile,
                low_tile,
                min_tile,
                columns_in_place,
                rows_if_aliased,
                rows_if_large,
                wide,
                ..Blocks::ZEN
            });
        }
    }
    all
}

/// Products have the same bits with any sizes of blocks. The table of a processor can thus have its
/// own sizes. The shapes have remainders along all axes, an inner dimension of several blocks, rows
/// of B that share a set of L1, a split tile, and an inner dimension that is divided into shares.
#[test]
fn bits_do_not_depend_on_the_sizes_of_blocks() {
    let mut dice = Dice(31);
    let mut shapes = vec![
        [1, 700, 50],
        [50, 700, 1],
        [3, 1300, 5],
        [12, 25, 33],
        [13, 257, 33],
        [64, 520, 16],
        [130, 70, 300],
        [140, 300, 73],
        [520, 96, 24],
        [600, 300, 17],
        [30, 260, 128],
        [6, 400, 1024],
        [40, 1024, 24],
        [7, 2500, 20],
        [20, 2817, 33],
        [5, 9000, 3],
    ];
    shapes.extend((0..8).map(|_| [dice.roll(1, 90), dice.roll(1, 900), dice.roll(1, 90)]));
    shapes.retain(|[m, k, n]| m * k * n < less(usize::MAX, 10_000));
    // Each form of a shape takes another third of the sizes. Under Miri, it takes fewer.
    let mut third = 0;
    for shape @ [m, _, n] in shapes {
        for_each_form(shape, |operands, into, what| {
            let start = wave(m * n, 0.9);
            for set in sets() {
                let bits_with = |blocks: &Blocks| {
                    let mut c = start.clone();
                    product(set, blocks, operands, into, &mut c);
                    bits(&c)
                };
                let want = bits_with(&Blocks::ZEN);
                for blocks in many_blocks().into_iter().skip(third).step_by(less(3, 13)) {
                    assert!(bits_with(&blocks) == want, "{what}, {set:?}, {blocks:?}");
                }
            }
            third = (third + 1) % 3;
        });
    }
}
