//! Convolution as matrix products over patches: for any geometry, `f32` and `f64`, and any
//! processor.
//!
//! | kernel | formula | work of a task |
//! | --- | --- | --- |
//! | [`forward`] | y = P(x) W | some output pixels |
//! | [`input_grad`] | x_bar = P^T(y_bar W^T) | some whole images, or some rows or columns of one |
//! | [`weight_grad`] | W_bar = P(x)^T y_bar | some rows of W_bar over some output pixels |
//!
//! If there are too few of these tasks, each task computes only some of the channels ([`Pieces`]).
//! A task stores only a few patches at once, in a recycled buffer: those of at most [`TILE`] output
//! pixels, or about [`MAX_PATCHES`] numbers in [`input_grad`]. With groups, each group is a
//! separate product over its own channels.

use super::Geometry;
use super::window::Window;
use crate::Element;
use crate::gemm::{Mat, Update, gemm, gemm_serial};
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Block, Piece, Pieces, for_each_piece};
use crate::tuning::conv2d::products::{
    CHANNELS, FEWEST_CHANNELS, FEWEST_PIXELS, MAX_PATCHES, PATCH, ROWS_OF_TASK, SMALL_TILE, TAP_CHANNELS,
    TILE,
};
use crate::tuning::tasks::TASKS;
use std::ops::Range;

/// y = x conv w.
pub(super) fn forward<E: Element>(g: &Geometry, x: &[E], w: &[E], y: &mut [E]) {
    if g.is_dense() {
        let k = w.len() / g.out_channels.max(1);
        return gemm(Mat::new(x, g.batch, k), Mat::new(w, k, g.out_channels), Update::Overwrite, y);
    }
    let (pieces, k) = (pieces_of_y(g), w.len() / g.out_channels);
    let scratch = Scratch::reserve([pieces.part[2] * k]);
    for_each_piece(y, &pieces, |piece| {
        let [_, _, pixels, channels] = piece.at.clone();
        for Group { index, out, own } in Group::all(g, &channels) {
            let ([mut patches], window) = (scratch.take(), Window::all_taps(g, index));
            window.patches(x, pixels.clone(), patches.as_mut_slice());
            let a = Mat::new(patches.as_slice(), pixels.len(), k);
            let b = Mat::strided(&w[out.start..], k, out.len(), g.out_channels);
            gemm_serial(a, b, Update::Overwrite, piece.row(0, 0).columns(own));
        }
    });
}

/// Returns the division of y into pieces, one for each task. The division treats y as an array of
/// shape `[1, 1, pixels of all images, channels]`.
fn pieces_of_y(g: &Geometry) -> Pieces {
    let (pixels, size) = (out_pixels(g), [1, 1, out_pixels(g), g.out_channels]);
    let tile = if pixels >= 16 * TILE { TILE } else { SMALL_TILE };
    let work = g.kernel[0] * g.kernel[1] * g.in_channels / g.spec.groups;
    let [usual, fewest] = [[tile, CHANNELS], [FEWEST_PIXELS, FEWEST_CHANNELS]]
        .map(|[pixels, channels]| [1, 1, pixels, step_of(g.out_channels, g, channels)]);
    Pieces::divide_further(size, [usual, fewest], [1, 1, tile, g.out_channels], work)
}

/// Returns the step of the number of channels of a piece: every piece has a multiple of this
/// number. The step is `least` if there is one group or if `least` divides the channels of a group.
/// Otherwise it is the number of channels of a group.
fn step_of(channels: usize, g: &Geometry, least: usize) -> usize {
    let per_group = channels / g.spec.groups;
    if g.spec.groups == 1 || per_group.is_multiple_of(least) { least } else { per_group }
}

/// One group, and those of its channels of y that are in a given range of channels.
#[derive(Clone)]
struct Group {
    index: usize,
    /// The channels of y that are in the group and in the range.
    out: Range<usize>,
    /// The same channels, counted from the start of the range.
    own: Range<usize>,
}

impl Group {
    /// Returns all groups that have some of the `channels` of y.
    fn all(g: &Geometry, channels: &Range<usize>) -> impl Iterator<Item = Group> + use<> {
        let (each, channels) = (g.out_channels / g.spec.groups, channels.clone());
        (channels.start / each..channels.end.div_ceil(each)).map(move |index| {
            let out = channels.start.max(index * each)..channels.end.min((index + 1) * each);
            let own = out.start - channels.start..out.end - channels.start;
            Group { index, out, own }
        })
    }
}

/// Computes x_bar, the gradient of <y_bar, x conv w> with respect to x. This is also the transposed
/// convolution of y_bar with w.
pub(super) fn input_grad<E: Element>(g: &Geometry, y_bar: &[E], w: &[E], x_bar: &mut [E]) {
    if g.is_dense() {
        let k = w.len() / g.out_channels.max(1);
        let (y_bar, w) = (Mat::new(y_bar, g.batch, g.out_channels), Mat::new(w, k, g.out_channels));
        return gemm(y_bar, w.t(), Update::Overwrite, x_bar);
    }
    let (tasks, per_group) = (InputTasks::of(g), g.in_channels / g.spec.groups);
    let scratch = Scratch::reserve([tasks.patches(g)]);
    for_each_piece(x_bar, &tasks.pieces, |piece| {
        let channels = piece.at[3].clone();
        for group in channels.start / per_group..channels.end.div_ceil(per_group) {
            let [first, end] =
                [group, group + 1].map(|g| (g * per_group).clamp(channels.start, channels.end));
            for a in (0..g.kernel[0]).step_by(tasks.kernel_rows) {
                let taps = a * g.kernel[1]..(a + tasks.kernel_rows).min(g.kernel[0]) * g.kernel[1];
                let [mut patches] = scratch.take();
                let window = Window::new(g, first..end, taps);
                input_grad_of_taps(&window, [y_bar, w], patches.as_mut_slice(), piece);
            }
        }
    });
}

/// Adds the contributions of the taps of `window` to a piece of x_bar. The first taps overwrite the
/// piece.
fn input_grad_of_taps<E: Element>(
    window: &Window<'_>,
    [y_bar, w]: [&[E]; 2],
    patches: &mut [E],
    piece: &mut Piece<'_, E>,
) {
    let (g, [images, rows, columns, _]) = (window.geometry, piece.at.clone());
    let ([oh, ow], co, k) = (g.out_size, g.out_channels, window.patch_len());
    let (per_group, ci) = (co / g.spec.groups, g.in_channels / g.spec.groups);
    // The output pixels of images are contiguous if all of them are multiplied.
    let from = match images.len() {
        1 if columns.len() < g.in_size[1] => [window.reaching(&rows, 0), window.reaching(&columns, 1)],
        1 => [window.reaching(&rows, 0), 0..ow],
        _ => [0..oh, 0..ow],
    };
    let pixels = from[0].len() * from[1].len();
    let (group, skip) = (window.channels.start / ci, window.channels.start % ci);
    // If a window has all channels, neighbouring taps are contiguous in w. If all columns are
    // needed, neighbouring rows are contiguous in y.
    let taps = if window.channels.len() == ci { window.taps.len() } else { 1 };
    let rows = if from[1].len() == ow { from[0].len() } else { 1 };
    let (width, height) = (taps * window.channels.len(), images.len() * rows * from[1].len());
    for i in from[0].clone().step_by(rows.max(1)).take_while(|_| height > 0) {
        let at = ((images.start * oh + i) * ow + from[1].start) * co + group * per_group;
        let a = Mat::strided(&y_bar[at..], height, per_group, co);
        let to = &mut patches[(i - from[0].start) * from[1].len() * k..];
        for tap in window.taps.clone().step_by(taps) {
            let b = Mat::strided(&w[(tap * ci + skip) * co + group * per_group..], width, per_group, co);
            let column = (tap - window.taps.start) * window.channels.len();
            let mut to = Block::new(to, [height, k], k);
            gemm_serial(a, b.t(), Update::Overwrite, to.columns(column..column + width));
        }
    }
    for n in images.clone() {
        let patches = &patches[(n - images.start) * pixels * k..][..pixels * k];
        window.gather((patches, &from), piece, n);
    }
}

/// The division of [`input_grad`] into tasks, from the shape alone. A task computes some whole
/// images of x_bar, some rows of an image, some columns of these rows, or some of the channels.
///
/// One row of the kernel maps each output row to a single row of x_bar. So a task can compute its
/// patches for one or a few kernel rows at a time. With one kernel row at a time, tasks for
/// different rows of x_bar never compute the same part of a patch.
struct InputTasks {
    pieces: Pieces,
    /// The number of kernel rows whose patches are stored at once.
    kernel_rows: usize,
}

impl InputTasks {
    fn of(g: &Geometry) -> Self {
        let ([h, w], [kh, kw], spec) = (g.in_size, g.kernel, &g.spec);
        let (ci, per_image) = (g.in_channels / spec.groups, g.out_size[0] * g.out_size[1]);
        // With dilation, different kernel rows have no output row in common.
        let taps = if spec.dilation[0] == 1 { (PATCH / (kw * ci)).clamp(1, kh) } else { 1 };
        let most = (MAX_PATCHES / (taps * kw * ci)).max(SMALL_TILE);
        let taps = if g.out_size[1] > most { 1 } else { taps };
        let images = SMALL_TILE.div_ceil(per_image.max(1)).min(g.batch.div_ceil(8)).max(1);
        if images > 1 {
            let pieces = Pieces::new(g.x_shape(), [images, h, w, g.in_channels]);
            return InputTasks { pieces, kernel_rows: taps };
        }
        // The number of rows of x_bar to which rows with `most` output pixels contribute. `widest`
        // is the same for columns.
        let highest =
            (most / g.out_size[1].max(1)).saturating_sub(1).saturating_mul(spec.stride[0]).saturating_add(1);
        let highest = if per_image <= most { h } else { highest.saturating_sub(taps - 1).max(1) };
        // Neighbouring tasks both compute the windows between them, so there should be few such
        // windows.
        let least = |pixels: usize, times: usize, channels| {
            let columns = spec.dilation[1].saturating_mul(times * kw).max(pixels);
            [1, pixels.div_ceil(w.max(1)), columns, step_of(g.in_channels, g, channels)]
        };
        let [usual, fewest] = [least(SMALL_TILE, 4, CHANNELS), least(FEWEST_PIXELS, 2, FEWEST_CHANNELS)];
        let widest = most.saturating_mul(spec.stride[1]).max(usual[2]);
        let work =
            (kh * kw * g.out_channels / spec.groups).div_ceil(spec.stride[0].saturating_mul(spec.stride[1]));
        let pieces =
            Pieces::divide_further(g.x_shape(), [usual, fewest], [1, highest, widest, g.in_channels], work);
        InputTasks { pieces, kernel_rows: taps }
    }

    /// Returns the largest number of elements of patches that a task stores at once.
    fn patches(&self, g: &Geometry) -> usize {
        let ([kh, kw], spec, [images, rows, columns, channels]) = (g.kernel, &g.spec, self.pieces.part);
        // The number of output positions that contribute to one of `to` pixels by one of `taps`
        // taps.
        let reached = |to: usize, taps: usize, a: usize| {
            ((to - 1 + (taps - 1) * spec.dilation[a]) / spec.stride[a] + 1).min(g.out_size[a])
        };
        let rows = if images > 1 { g.out_size[0] } else { reached(rows, self.kernel_rows.min(kh), 0) };
        let columns = if columns == g.in_size[1] { g.out_size[1] } else { reached(columns, kw, 1) };
        images * rows * columns * self.kernel_rows * kw * channels.min(g.in_channels / spec.groups)
    }
}

/// Computes w_bar, the gradient of <y_bar, x conv w> with respect to w.
pub(super) fn weight_grad<E: Element>(g: &Geometry, x: &[E], y_bar: &[E], w_bar: &mut [E]) {
    let (co, pixels, len) = (g.out_channels, out_pixels(g), w_bar.len());
    if g.is_dense() {
        let k = len / co.max(1);
        return gemm(Mat::new(x, g.batch, k).t(), Mat::new(y_bar, g.batch, co), Update::Overwrite, w_bar);
    }
    if len == 0 || pixels == 0 {
        return w_bar.fill(E::ZERO);
    }
    let pieces = pieces_of_w(g);
    let [chunks, _, _, _] = pieces.counts;
    let chunk = pixels.div_ceil(chunks);
    let scratch = Scratch::reserve([TILE * pieces.part[1] * pieces.part[2]]);
    // Each chunk of pixels has its own w_bar. The arrays are added in the order of the chunks.
    let mut partial = (chunks > 1).then(|| Buffer::take(chunks * len));
    let to = partial.as_mut().map_or(&mut *w_bar, Buffer::as_mut_slice);
    for_each_piece(to, &pieces, |piece| {
        let c = piece.at[0].start;
        let pixels = (c * chunk).min(pixels)..((c + 1) * chunk).min(pixels);
        weight_grad_piece(g, [x, y_bar], &scratch, pixels, piece);
    });
    if let Some(partial) = partial {
        parallel::sum_in_order(partial.as_slice(), w_bar);
    }
}

/// Returns the division of the weight gradient into tasks. The output pixels are divided into
/// chunks, and each chunk has its own w_bar. So the axes are chunks, taps, channels of x, and
/// channels of y. A piece has about [`ROWS_OF_TASK`] rows of w_bar. If there are enough output
/// pixels, there are at least [`TASKS`] pieces.
fn pieces_of_w(g: &Geometry) -> Pieces {
    let (all, ci) = (g.kernel[0] * g.kernel[1], g.in_channels / g.spec.groups);
    let taps = (ROWS_OF_TASK / ci.max(1)).clamp(1, all);
    let chunks = TASKS.div_ceil(all.div_ceil(taps)).min(out_pixels(g).div_ceil(TILE)).max(1);
    let least = [1, 1, TAP_CHANNELS, step_of(g.out_channels, g, CHANNELS)];
    let most = [1, taps, ci, g.out_channels];
    Pieces::divide([chunks, all, ci, g.out_channels], [least, most], out_pixels(g).div_ceil(chunks))
}

/// Computes a piece of w_bar: the sum over the output pixels `pixels`.
fn weight_grad_piece<E: Element>(
    g: &Geometry,
    [x, y_bar]: [&[E]; 2],
    scratch: &Scratch<E, 1>,
    pixels: Range<usize>,
    piece: &mut Piece<'_, E>,
) {
    let [chunk, taps, rows, channels] = piece.at.clone();
    let (ci, co) = (g.in_channels / g.spec.groups, g.out_channels);
    // The rows of several taps are contiguous if a piece has all channels.
    let step = if rows.len() == ci { taps.len() } else { 1 };
    for (Group { index, out, own }, tap) in Group::all(g, &channels)
        .flat_map(|group| taps.clone().step_by(step).map(move |tap| (group.clone(), tap)))
    {
        let window = Window::new(g, index * ci + rows.start..index * ci + rows.end, tap..tap + step);
        let k = window.patch_len();
        let mut to = piece.rows(chunk.start, tap..tap + step);
        let mut to = to.columns(own);
        if pixels.is_empty() {
            to.fill(E::ZERO);
        }
        for start in pixels.clone().step_by(TILE) {
            let tile = start..(start + TILE).min(pixels.end);
            let [mut patches] = scratch.take();
            window.patches(x, tile.clone(), patches.as_mut_slice());
            let a = Mat::new(patches.as_slice(), tile.len(), k);
            let b = Mat::strided(&y_bar[start * co + out.start..], tile.len(), out.len(), co);
            let into = if start == pixels.start { Update::Overwrite } else { Update::Accumulate };
            gemm_serial(a.t(), b, into, to.reborrow());
        }
    }
}

fn out_pixels(g: &Geometry) -> usize {
    g.batch * g.out_size[0] * g.out_size[1]
}
