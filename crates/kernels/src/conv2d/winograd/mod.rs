//! Winograd's minimal filtering: convolutions with 2.25 to 3.24 times fewer multiplications.
//!
//! For M outputs of a filter with R taps, N = M + R - 1 multiplications are enough (Winograd 1980):
//!
//! > Y = A^T \[ (G g) . (B^T d) \],  in two dimensions  Y = A^T \[ (G g G^T) . (B^T d B) \] A
//!
//! (Lavin & Gray 2016, section 4; d is a tile of the input, g a filter, Y a tile of the output).
//! The N^2 = 25 elements of a transformed tile are called *points*. The elementwise product is
//! summed over input channels, so each point is one matrix product of \[tiles x input channels\] by
//! \[input channels x output channels\]. These 25 products replace one product with the larger left
//! operand \[pixels x (taps and input channels)\].
//!
//! F(M x M, R x R) means M x M outputs of a filter with R x R taps. First the stride s is removed:
//! the s x s phases of the input become the channels of a convolution with stride 1
//! ([`tiling::Tiling`]). So a 4 x 4 kernel with stride 2 is F(4 x 4, 2 x 2) over four phases, with
//! 2.56 times fewer multiplications. A 3 x 3 kernel with stride 1 is F(3 x 3, 3 x 3), with 3.24
//! times fewer. A 5 x 5 kernel with stride 2 is F(3 x 3, 3 x 3) over four phases.
//!
//! The map from (x, w) to y is bilinear, and each stage is a matrix. So the two gradients are the
//! exact adjoints of this map, with the stages in reverse order. They use the same transforms
//! transposed, and the same products between them.
//!
//! | kernel | formula |
//! | --- | --- |
//! | [`forward`] | y = A^T \[ (G w G^T) . (B^T x B) \] A |
//! | [`input_grad`] | x_bar = B \[ (G w G^T) . (A y_bar A^T) \] B^T, overlapping tiles added |
//! | [`weight_grad()`] | w_bar = G^T \[ sum over tiles of (B^T x B) . (A y_bar A^T) \] G |
//!
//! The batch, the image size and the numbers of channels are arbitrary. Tiles that exceed the image
//! read zeros and drop results outside. Channels are padded to whole vectors internally. The cost
//! is rounding: the error is about five times that of a plain sum. The error is relative to the
//! largest number of a tile, not of a window. An infinite or NaN number spreads to all results of
//! its tile. docs/winograd.md derives the bound. The algorithm is for `f32` only. Gradient checks
//! use `f64`, and therefore the plain path.

#![allow(unsafe_code)]

mod by_columns;
mod by_tiles;
mod data;
mod filter;
#[cfg(test)]
mod locality;
mod points;
#[cfg(test)]
mod reference;
mod tiling;
mod transform;
mod weight_grad;
mod window;

use super::Geometry;
use crate::simd::{Shared, Simd, with_simd};
use crate::tuning::tasks::MIN_TASK;
use crate::tuning::winograd::{
    BLOCK, MANY_TILES, MIN_CHANNELS, MIN_GAIN, MIN_PACKED_CHANNELS, MIN_PACKED_TILES, MIN_TASKS, MIN_TILES,
    SMALL_FILTER, by_columns as columns,
};
use data::Part;
use filter::Side;
use points::{OperandOut, Transformed};
use std::ops::Range;
use tiling::Tiling;
use transform::{F33, F42, Form, N};

impl Side {
    /// Returns the number of rows and of columns of the transformed filter. The columns are padded
    /// to a multiple of the vector length.
    fn size(self, t: &Tiling) -> [usize; 2] {
        match self {
            Side::Forward => [t.filter_rows(), t.channels[1]],
            Side::Adjoint => [t.g.out_channels, t.phase_channels()],
        }
    }
}

/// The operands of [`multiply`]. On the forward side, `from` is x and `to` is y. On the adjoint
/// side, `from` is y_bar and `to` is x_bar.
struct Operands<'a> {
    from: &'a [f32],
    w: &'a [f32],
    to: &'a mut [f32],
}

/// Returns whether Winograd's algorithm supports this geometry and is faster.
pub(super) fn pays(g: &Geometry) -> bool {
    pays_from(g, MIN_CHANNELS, MIN_TILES)
}

/// Returns whether Winograd's algorithm supports a geometry of packed phases and is faster. The
/// limits differ from those of [`pays`].
pub(super) fn pays_packed(packed: &Geometry) -> bool {
    pays_from(packed, MIN_PACKED_CHANNELS, MIN_PACKED_TILES)
}

/// Returns whether Winograd's algorithm supports this geometry and is faster. It counts as faster
/// if it saves enough multiplications, and if there are at least `channels[0]` channels of x,
/// `channels[1]` channels of y, and `tiles` tiles.
fn pays_from(g: &Geometry, channels: [usize; 2], tiles: usize) -> bool {
    possible(g)
        && g.in_channels >= channels[0]
        && g.out_channels >= channels[1]
        && tiling(g).count() >= tiles
        && gain(g) >= MIN_GAIN
}

/// Returns whether the algorithm supports the geometry: a square kernel of 2 or 3 taps in every
/// phase, the same stride along both axes, no dilation, one group, and tiles that cover all pixels.
fn possible(g: &Geometry) -> bool {
    let ([kh, kw], [sh, sw]) = (g.kernel, g.spec.stride);
    let taps = kh.div_ceil(sh);
    let simple = kh == kw && sh == sw && g.spec.dilation == [1, 1] && g.spec.groups == 1;
    let empty = g.batch == 0 || g.in_size.contains(&0) || g.out_size.contains(&0);
    simple && !empty && (2..=3).contains(&taps) && tiling(g).covers()
}

/// Returns the ratio of the multiplications of the plain sum to those of Winograd's algorithm.
fn gain(g: &Geometry) -> f64 {
    let t = tiling(g);
    let plain = g.kernel[0] * g.kernel[1] * g.out_size[0] * g.out_size[1];
    let ours = t.phases() * t.products();
    plain as f64 / ours as f64
}

fn tiling(g: &Geometry) -> Tiling {
    Tiling::new(g, if g.kernel[0].div_ceil(g.spec.stride[0]) == F42::R { F42::M } else { F33::M })
}

/// Computes y = x conv w.
pub(super) fn forward(g: &Geometry, x: &[f32], w: &[f32], y: &mut [f32]) {
    multiply(g, Side::Forward, Operands { from: x, w, to: y });
}

/// Computes x_bar, the gradient of <y_bar, x conv w> with respect to x.
pub(super) fn input_grad(g: &Geometry, y_bar: &[f32], w: &[f32], x_bar: &mut [f32]) {
    multiply(g, Side::Adjoint, Operands { from: y_bar, w, to: x_bar });
}

fn multiply(g: &Geometry, side: Side, operands: Operands<'_>) {
    let t = tiling(g);
    let [k, n] = side.size(&t);
    let by_tiles = t.count() >= MANY_TILES || k * n <= SMALL_FILTER;
    // The blocks of the sums are chosen here, before the next lines replace tiles by columns if
    // there would be few tasks.
    let block = if by_tiles { BLOCK } else { columns::ROWS };
    let small = t.count() * N * N * k * n < MIN_TASKS * MIN_TASK;
    let by_tiles = by_tiles && (small || by_tiles::Tasks::of(&t, side).count() >= MIN_TASKS);
    with_simd!(s => match (t.m == F42::M, by_tiles) {
        (true, true) => by_tiles::run::<_, F42>(s, &t, side, operands),
        (true, false) => by_columns::run::<_, F42>(s, &t, side, operands, block),
        (false, true) => by_tiles::run::<_, F33>(s, &t, side, operands),
        (false, false) => by_columns::run::<_, F33>(s, &t, side, operands, block),
    });
}

/// Computes w_bar, the gradient of <y_bar, x conv w> with respect to w.
pub(super) fn weight_grad(g: &Geometry, x: &[f32], y_bar: &[f32], w_bar: &mut [f32]) {
    let t = tiling(g);
    with_simd!(s => match t.m == F42::M {
        true => weight_grad::run::<_, F42>(s, &t, x, y_bar, w_bar),
        false => weight_grad::run::<_, F33>(s, &t, x, y_bar, w_bar),
    });
}

/// Transforms the tiles `tiles` of `from` and writes them to the rows of `to` for these tiles.
/// `from` is x on the forward side and y_bar on the adjoint side.
///
/// # Safety
/// No other task may access these rows meanwhile.
unsafe fn load<S: Simd, F: Form>(
    s: S,
    t: &Tiling,
    side: Side,
    from: &[f32],
    tiles: Range<usize>,
    to: OperandOut<'_>,
) {
    s.vectorize(
        #[inline(always)]
        // SAFETY: the caller's promise is passed on.
        || unsafe {
            match side {
                Side::Forward => data::load::<S, F, true>(s, t, from, tiles, to),
                Side::Adjoint => data::load::<S, F, false>(s, t, from, tiles, to),
            }
        },
    );
}

/// Transforms the part `part` of the product `m` back, and writes it to the result `to`. `to` is y
/// on the forward side and x_bar on the adjoint side.
///
/// # Safety
/// No other task may access the columns of `part` in the tiles of `part` meanwhile. On the adjoint
/// side, tiles overlap. There, no other task may access these columns anywhere in the images or
/// bands of the tiles.
unsafe fn store<S: Simd, F: Form>(
    s: S,
    t: &Tiling,
    side: Side,
    m: Transformed<'_>,
    part: &Part,
    to: Shared<'_>,
) {
    s.vectorize(
        #[inline(always)]
        // SAFETY: the caller's promise is passed on.
        || unsafe {
            match side {
                Side::Forward => data::store::<S, F, false>(s, t, m, part, to),
                Side::Adjoint => data::store::<S, F, true>(s, t, m, part, to),
            }
        },
    );
}
