//! Convolution as matrix products over patches: any geometry, `f32` and `f64`, any processor.
//!
//! | kernel | formula | a task's share |
//! | --- | --- | --- |
//! | [`forward`] | y = P(x) W | some output pixels, all output channels |
//! | [`input_grad`] | x_bar = P^T(y_bar W^T) | some whole images |
//! | [`weight_grad`] | W_bar = P(x)^T y_bar | some rows of W_bar over some output pixels |
//!
//! Only the patches of one task exist at a time, in a recycled buffer: those of at most [`TILE`] pixels, in [`input_grad`]
//! of some whole images. With groups, each group is such a product over its own channels.

use super::Geometry;
use super::window::Window;
use crate::gemm::{Mat, Update, gemm, gemm_serial};
use crate::memory::{Buffer, Scratch};
use crate::{Element, parallel};

/// Output pixels whose patches are multiplied at once. Fewer would make packing the other operand too large a part of
/// the work, more would push the patches out of the cache.
const TILE: usize = 256;
/// The same where whole layers have few pixels, so that there are enough tasks.
const SMALL_TILE: usize = 128;

/// y = x conv w.
pub(super) fn forward<E: Element>(g: &Geometry, x: &[E], w: &[E], y: &mut [E]) {
    if g.is_dense() {
        let k = w.len() / g.out_channels.max(1);
        return gemm(Mat::new(x, g.batch, k), Mat::new(w, k, g.out_channels), Update::Overwrite, y);
    }
    let (co, pixels) = (g.out_channels, out_pixels(g));
    let per_group = co / g.spec.groups;
    let tile = if pixels >= 16 * TILE { TILE } else { SMALL_TILE };
    let scratch = Scratch::reserve([tile * Window::all_taps(g, 0).patch_len()]);
    parallel::for_each_chunk(y, tile * co, |t, y| {
        let pixels = t * tile..t * tile + y.len() / co;
        for group in 0..g.spec.groups {
            let window = Window::all_taps(g, group);
            let k = window.patch_len();
            let [mut patches] = scratch.take();
            window.patches(x, pixels.clone(), patches.as_mut_slice());
            let a = Mat::new(patches.as_slice(), pixels.len(), k);
            let b = Mat::strided(&w[group * per_group..], k, per_group, co);
            gemm_serial(a, b, Update::Overwrite, &mut y[group * per_group..], co);
        }
    });
}

/// x_bar, the gradient by x of <y_bar, x conv w>; equally the transposed convolution of y_bar with w.
pub(super) fn input_grad<E: Element>(g: &Geometry, y_bar: &[E], w: &[E], x_bar: &mut [E]) {
    if g.is_dense() {
        let k = w.len() / g.out_channels.max(1);
        let (y_bar, w) = (Mat::new(y_bar, g.batch, g.out_channels), Mat::new(w, k, g.out_channels));
        return gemm(y_bar, w.t(), Update::Overwrite, x_bar);
    }
    let (co, per_image) = (g.out_channels, g.out_size[0] * g.out_size[1]);
    let per_group = co / g.spec.groups;
    let image = g.in_size[0] * g.in_size[1] * g.in_channels;
    // Whole images, because neighbouring windows add to the same pixels.
    let images = SMALL_TILE.div_ceil(per_image.max(1)).min(g.batch.div_ceil(8)).max(1);
    let scratch = Scratch::reserve([images * per_image * Window::all_taps(g, 0).patch_len()]);
    parallel::for_each_chunk(x_bar, images * image, |t, x_bar| {
        let rows = x_bar.len() / image * per_image;
        for group in 0..g.spec.groups {
            let window = Window::all_taps(g, group);
            let k = window.patch_len();
            let [mut patches] = scratch.take();
            let from = t * images * per_image * co + group * per_group;
            let a = Mat::strided(&y_bar[from..], rows, per_group, co);
            let b = Mat::strided(&w[group * per_group..], k, per_group, co);
            gemm_serial(a, b.t(), Update::Overwrite, patches.as_mut_slice(), k);
            for (x_bar, patches) in
                x_bar.chunks_exact_mut(image).zip(patches.as_slice().chunks_exact(per_image * k))
            {
                window.gather(patches, x_bar);
            }
        }
    });
}

/// W_bar, the gradient by w of <y_bar, x conv w>.
pub(super) fn weight_grad<E: Element>(g: &Geometry, x: &[E], y_bar: &[E], w_bar: &mut [E]) {
    let (co, pixels, len) = (g.out_channels, out_pixels(g), w_bar.len());
    if g.is_dense() {
        let k = len / co.max(1);
        return gemm(Mat::new(x, g.batch, k).t(), Mat::new(y_bar, g.batch, co), Update::Overwrite, w_bar);
    }
    if len == 0 || pixels == 0 {
        return w_bar.fill(E::ZERO);
    }
    let cut = Cut::of(g);
    let rows = cut.taps * (g.in_channels / g.spec.groups);
    if cut.pixel_chunks == 1 {
        let scratch = Scratch::reserve([TILE * rows]);
        return parallel::for_each_chunk(w_bar, rows * co, |block, w_bar| {
            weight_grad_block(g, x, y_bar, &scratch, block * cut.taps, 0..pixels, w_bar);
        });
    }
    // Each chunk of pixels has a W_bar of its own; they are added in the order of the chunks.
    let (blocks, chunk) = (len.div_ceil(rows * co), pixels.div_ceil(cut.pixel_chunks));
    let mut partial = Buffer::take(cut.pixel_chunks * len);
    let scratch = Scratch::reserve([TILE * rows]);
    let mut shares: Vec<&mut [E]> =
        partial.as_mut_slice().chunks_mut(len).flat_map(|p| p.chunks_mut(rows * co)).collect();
    parallel::for_each_chunk(&mut shares, 1, |t, share| {
        let (c, block) = (t / blocks, t % blocks);
        let pixels = (c * chunk).min(pixels)..((c + 1) * chunk).min(pixels);
        weight_grad_block(g, x, y_bar, &scratch, block * cut.taps, pixels, share[0]);
    });
    parallel::sum_in_order(partial.as_slice(), w_bar);
}

/// How [`weight_grad`] is cut into tasks, from the shape alone.
struct Cut {
    /// Taps whose rows of W_bar one task computes.
    taps: usize,
    /// Shares into which the output pixels are cut.
    pixel_chunks: usize,
}

impl Cut {
    /// About 256 rows a task (a good product), and at least 16 tasks.
    fn of(g: &Geometry) -> Cut {
        let all = g.kernel[0] * g.kernel[1];
        let taps = (256 / (g.in_channels / g.spec.groups).max(1)).clamp(1, all);
        let pixel_chunks = 16usize.div_ceil(all.div_ceil(taps)).min(out_pixels(g).div_ceil(TILE)).max(1);
        Cut { taps, pixel_chunks }
    }
}

/// The rows of W_bar from tap `first_tap` on (as many as `w_bar` holds) summed over some output pixels.
fn weight_grad_block<E: Element>(
    g: &Geometry,
    x: &[E],
    y_bar: &[E],
    scratch: &Scratch<E, 1>,
    first_tap: usize,
    pixels: std::ops::Range<usize>,
    w_bar: &mut [E],
) {
    let co = g.out_channels;
    let (ci, per_group) = (g.in_channels / g.spec.groups, co / g.spec.groups);
    let taps = first_tap..first_tap + w_bar.len() / (ci * co);
    if pixels.is_empty() {
        w_bar.fill(E::ZERO);
    }
    for group in 0..g.spec.groups {
        let window = Window::new(g, group, taps.clone());
        let k = window.patch_len();
        for start in pixels.clone().step_by(TILE) {
            let tile = start..(start + TILE).min(pixels.end);
            let [mut patches] = scratch.take();
            window.patches(x, tile.clone(), patches.as_mut_slice());
            let a = Mat::new(patches.as_slice(), tile.len(), k);
            let b = Mat::strided(&y_bar[start * co + group * per_group..], tile.len(), per_group, co);
            let into = if start == pixels.start { Update::Overwrite } else { Update::Accumulate };
            gemm_serial(a.t(), b, into, &mut w_bar[group * per_group..], co);
        }
    }
}

fn out_pixels(g: &Geometry) -> usize {
    g.batch * g.out_size[0] * g.out_size[1]
}
