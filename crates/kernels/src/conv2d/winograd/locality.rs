//! Checks that one large, infinite or NaN number affects only its tiles, as docs/winograd.md says.
//! The reference is the plain path in `f64`.

use super::reference::{Matrix, Way, algorithm, matrices, multiply_by};
use super::transform::{F33, F42, N};
use super::window::Window;
use super::*;
use crate::conv2d::{Spec, products};
use crate::isa::{self, Isa};
use crate::reference::testing::{Dice, len};

/// The unit roundoff of `f32`: half the distance from 1 to the next larger `f32`.
const UNIT: f64 = 1.0 / (1 << 24) as f64;

/// Returns the norm kappa of docs/winograd.md for [`forward`], [`input_grad`] and [`weight_grad`].
/// To compute it, all matrices of the algorithm are replaced by their absolute values, and all
/// operands are ones. Kappa is then the largest element of the result.
fn norms(t: &Tiling) -> [f64; 3] {
    let r = N + 1 - t.m;
    let absolute = matrices(t.m, r).map(|m| m.iter().map(|r| r.iter().map(|v| v.abs()).collect()).collect());
    let ones = |n: usize| vec![vec![1.0; n]; n];
    algorithm(&absolute, &ones(N), &ones(r), &ones(t.m))
        .map(|result: Matrix| result.concat().into_iter().fold(0.0, f64::max))
}

/// A layer and its operands: x, w and y_bar.
struct Layer {
    t: Tiling,
    operands: [Vec<f32>; 3],
}

/// Returns layers for F(4 x 4, 2 x 2) and for F(3 x 3, 3 x 3). Together they cover these cases: one
/// phase, several phases, packed phases, short tiles, phases that lack a tap, and channels that do
/// not fill a vector.
fn layers() -> Vec<Layer> {
    let (same, half) = (Spec::new(1, 1), Spec::new(2, 1));
    [
        ([2, 20, 20, 16], [3, 3, 16, 16], same),
        ([1, 40, 37, 20], [3, 3, 20, 17], same),
        ([3, 20, 21, 17], [4, 4, 17, 19], half),
        ([1, 48, 40, 16], [4, 4, 16, 16], half),
        ([2, 14, 14, 16], [5, 5, 16, 20], Spec::new(2, 2)),
        ([3, 18, 17, 12], [2, 2, 12, 33], Spec::new(1, 0)),
    ]
    .into_iter()
    .map(|(x, w, spec)| {
        let g = Geometry::new(x, w, spec);
        assert!(possible(&g), "{g:?}");
        let mut dice = Dice(5);
        let mut uniform = |n| (0..n).map(|_| dice.roll(0, 1 << 20) as f32 / (1 << 19) as f32 - 1.0).collect();
        let operands = [g.x_shape(), g.w_shape(), g.y_shape()].map(|shape| uniform(len(shape)));
        Layer { t: tiling(&g), operands }
    })
    .collect()
}

/// Calls `f` with the offset of the first channel of each pixel of a window.
fn pixels(window: &Window, mut f: impl FnMut(usize)) {
    for (i, j) in (0..N).flat_map(|i| (0..N).map(move |j| (i, j))) {
        if window.contains(i, j) {
            f(window.at(i, j));
        }
    }
}

/// Returns the largest absolute value of each channel in a window.
fn largest(x: &[f32], window: &Window, channels: usize) -> Vec<f64> {
    let mut largest = vec![0.0; channels];
    pixels(window, |at| {
        let pixel = &x[at..at + channels];
        largest.iter_mut().zip(pixel).for_each(|(l, &x)| *l = f64::max(*l, f64::from(x).abs()));
    });
    largest
}

impl Layer {
    /// Computes y by tiles, y by columns, x_bar by tiles, x_bar by columns, and w_bar.
    fn run(&self) -> [Vec<f32>; 5] {
        let (g, [x, w, y_bar]) = (&self.t.g, &self.operands);
        let by = |way, side, from: &[f32], to: usize| {
            let mut to = vec![f32::NAN; to];
            multiply_by(way, g, side, from, w, &mut to);
            to
        };
        let mut w_bar = vec![f32::NAN; w.len()];
        weight_grad(g, x, y_bar, &mut w_bar);
        [
            by(Way::ByTiles, Side::Forward, x, y_bar.len()),
            by(Way::ByColumns, Side::Forward, x, y_bar.len()),
            by(Way::ByTiles, Side::Adjoint, y_bar, x.len()),
            by(Way::ByColumns, Side::Adjoint, y_bar, x.len()),
            w_bar,
        ]
    }

    /// Computes y, x_bar and w_bar on the plain path in `f64`.
    fn exact(&self) -> [Vec<f64>; 3] {
        let g = &self.t.g;
        let [x, w, y_bar] =
            self.operands.each_ref().map(|v| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
        let mut want = [vec![0.0; y_bar.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
        products::forward(g, &x, &w, &mut want[0]);
        products::input_grad(g, &y_bar, &w, &mut want[1]);
        products::weight_grad(g, &x, &y_bar, &mut want[2]);
        want
    }

    /// Returns the bounds of docs/winograd.md on the errors of y, x_bar and w_bar, for one rounding
    /// per term (k = 1).
    fn bounds(&self) -> [Vec<f64>; 3] {
        let (t, [x, w, y_bar]) = (&self.t, &self.operands);
        let (ci, co, norms) = (t.g.in_channels, t.g.out_channels, norms(t));
        let mut bounds = [vec![0.0; y_bar.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
        for number in 0..t.count() {
            let (tile, y_window) = (t.tile(number), t.window::<false>(t.tile(number), 0));
            let largest_y = largest(y_bar, &y_window, co);
            let mut of_y = vec![0.0; co];
            for (phase, c) in (0..t.phases()).flat_map(|phase| (0..ci).map(move |c| (phase, c))) {
                let (window, rows) = (t.window::<true>(tile, phase), self.rows(phase, c));
                let largest_x = largest(x, &window, ci)[c];
                let largest_w =
                    |o: usize| rows.iter().fold(0.0, |l, &row| f64::max(l, w[row + o].abs().into()));
                let mut of_x = 0.0;
                for o in 0..co {
                    of_y[o] += UNIT * norms[0] * largest_x * largest_w(o);
                    of_x += UNIT * norms[1] * largest_y[o] * largest_w(o);
                    rows.iter()
                        .for_each(|row| bounds[2][row + o] += UNIT * norms[2] * largest_x * largest_y[o]);
                }
                pixels(&window, |at| bounds[1][at + c] += of_x);
            }
            pixels(&y_window, |at| bounds[0][at..at + co].copy_from_slice(&of_y));
        }
        bounds
    }

    /// Returns the offsets in w of the taps of a phase and an input channel.
    fn rows(&self, phase: usize, channel: usize) -> Vec<usize> {
        let r = N + 1 - self.t.m;
        let taps = (0..r).flat_map(|d| (0..r).map(move |e| [d, e]));
        taps.filter_map(|tap| self.t.weight_row(phase, channel, tap)).collect()
    }

    /// Returns for each element of y, x_bar and w_bar whether number `at` of x or number `at_y` of
    /// y_bar can affect it. An element of y or x_bar is affected if it is in the same tile as the
    /// number. An element of w_bar is a sum over all tiles, so it is affected if it has the same
    /// channel as the number.
    fn reached(&self, at: usize, at_y: usize) -> [Vec<bool>; 3] {
        let (t, [x, w, y_bar]) = (&self.t, &self.operands);
        let (ci, co) = (t.g.in_channels, t.g.out_channels);
        let mut reached = [vec![false; y_bar.len()], vec![false; x.len()], vec![false; w.len()]];
        for tile in (0..t.count()).map(|number| t.tile(number)) {
            let y_window = t.window::<false>(tile, 0);
            let (mut has_x, mut has_y) = (false, false);
            pixels(&y_window, |first| has_y |= (first..first + co).contains(&at_y));
            for window in (0..t.phases()).map(|phase| t.window::<true>(tile, phase)) {
                pixels(&window, |first| has_x |= (first..first + ci).contains(&at));
                pixels(&window, |first| reached[1][first..first + ci].iter_mut().for_each(|r| *r |= has_y));
            }
            pixels(&y_window, |first| reached[0][first..first + co].iter_mut().for_each(|r| *r |= has_x));
        }
        for (i, reached) in reached[2].iter_mut().enumerate() {
            *reached = i / co % ci == at % ci || i % co == at_y % co;
        }
        reached
    }
}

fn supported() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.supported())
}

/// The index of y, x_bar or w_bar for each result of [`Layer::run`].
const KINDS: [(usize, &str); 5] =
    [(0, "y by tiles"), (0, "y by columns"), (1, "x_bar by tiles"), (1, "x_bar by columns"), (2, "w_bar")];

#[test]
fn the_norms_are_those_of_the_document() {
    let document = include_str!("../../../../../docs/winograd.md");
    for layer in layers() {
        let m = layer.t.m;
        assert!([F42::M, F33::M].contains(&m));
        let [y, x_bar, w_bar] = norms(&layer.t).map(f64::round);
        let row = format!("| F({m} x {m}, {0} x {0}) | {y} | {x_bar} | {w_bar} |", N + 1 - m);
        assert!(document.contains(&row), "docs/winograd.md lacks the row {row}");
    }
}

/// The factor k that multiplies the bounds in the test: the effective number of roundings of a
/// term. It is below 1 because rounding errors of both signs cancel.
const ROUNDINGS: f64 = 1.0 / 16.0;

/// The errors stay within the bounds of [`Layer::bounds`] times [`ROUNDINGS`], even if there are a
/// few spikes of 1e8 among numbers of up to 1. The spikes are in x, and then in y_bar.
#[test]
fn errors_are_bounded_by_the_largest_number_of_a_tile() {
    for mut layer in layers() {
        for operand in [0, 2] {
            let plain = layer.operands.clone();
            let mut dice = Dice(operand as u64);
            for _ in 0..3 {
                let at = dice.roll(0, plain[operand].len() - 1);
                layer.operands[operand][at] = 1e8;
            }
            let (want, bounds) = (layer.exact(), layer.bounds());
            for isa in supported() {
                let got = isa::with(isa, || layer.run());
                for (got, (kind, name)) in got.iter().zip(KINDS) {
                    for (i, &got) in got.iter().enumerate() {
                        let (want, bound) = (want[kind][i], ROUNDINGS * bounds[kind][i]);
                        let error = (f64::from(got) - want).abs();
                        assert!(
                            error <= bound,
                            "{name} ({isa}) of {:?}, spikes in operand {operand}: element {i} is {got}, not {want}: \
                             off by {error:.2e}, bound {bound:.2e}",
                            layer.t.g
                        );
                    }
                }
            }
            layer.operands = plain;
        }
    }
}

/// One number of x and one of y_bar become infinite or NaN. Then elements of y and x_bar that
/// depend only on other tiles keep their bits. Elements of w_bar for other channels keep their bits
/// too.
#[test]
fn what_is_not_finite_stays_in_its_tiles() {
    for mut layer in layers() {
        let mut dice = Dice(13);
        let mut pick = |operand: usize| dice.roll(0, layer.operands[operand].len() - 1);
        for (at, at_y, value) in [(pick(0), pick(2), f32::INFINITY), (pick(0), pick(2), f32::NAN)] {
            let reached = layer.reached(at, at_y);
            for isa in supported() {
                let before = isa::with(isa, || layer.run());
                let finite = [(0, at), (2, at_y)]
                    .map(|(operand, at)| std::mem::replace(&mut layer.operands[operand][at], value));
                let after = isa::with(isa, || layer.run());
                (layer.operands[0][at], layer.operands[2][at_y]) = (finite[0], finite[1]);
                for ((before, after), (kind, name)) in before.iter().zip(&after).zip(KINDS) {
                    let what = format!("{name} ({isa}) of {:?} with {value} at {at} and {at_y}", layer.t.g);
                    assert!(before.iter().all(|v| v.is_finite()), "{what}");
                    let kept = reached[kind].iter().filter(|&&reached| !reached).count();
                    assert!(kept > reached[kind].len() / 2, "{what}: {kept} elements of {}", before.len());
                    for (i, &reached) in reached[kind].iter().enumerate() {
                        assert!(reached || before[i].to_bits() == after[i].to_bits(), "{what}: element {i}");
                    }
                    assert!(after.iter().any(|v| !v.is_finite()), "{what}: no element is reached");
                }
            }
        }
    }
}
