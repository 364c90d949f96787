//! Convolution as matrix products over patches: any geometry, `f32` and `f64`, any processor.
//!
//! | kernel | formula | a task's share |
//! | --- | --- | --- |
//! | [`forward`] | y = P(x) W | some output pixels, all output channels |
//! | [`input_grad`] | x_bar = P^T(y_bar W^T) | some whole images, or some rows of one |
//! | [`weight_grad`] | W_bar = P(x)^T y_bar | some rows of W_bar over some output pixels |
//!
//! Only the patches of one task exist at a time, in a recycled buffer: those of at most [`TILE`]
//! pixels, in [`input_grad`] about [`MAX_PATCHES`] numbers. With groups, each group is such a
//! product over its own channels.

use super::Geometry;
use super::window::Window;
use crate::Element;
use crate::gemm::{Mat, Update, gemm, gemm_serial};
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::tuning::conv2d::products::{MAX_PATCHES, PATCH, ROWS_OF_TASK, SMALL_TILE, TILE};
use crate::tuning::tasks::TASKS;
use std::ops::Range;

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

/// x_bar, the gradient by x of <y_bar, x conv w>; equally the transposed convolution of y_bar with
/// w.
pub(super) fn input_grad<E: Element>(g: &Geometry, y_bar: &[E], w: &[E], x_bar: &mut [E]) {
    if g.is_dense() {
        let k = w.len() / g.out_channels.max(1);
        let (y_bar, w) = (Mat::new(y_bar, g.batch, g.out_channels), Mat::new(w, k, g.out_channels));
        return gemm(y_bar, w.t(), Update::Overwrite, x_bar);
    }
    let ([oh, ow], co, tasks) = (g.out_size, g.out_channels, InputTasks::of(g));
    let (per_group, ci) = (co / g.spec.groups, g.in_channels / g.spec.groups);
    let scratch = Scratch::reserve([tasks.patches(g)]);
    parallel::for_each_part(x_bar, tasks.parts(g), |part, x_bar| {
        let (first, to) = tasks.get(g, part);
        let image = to[0].len() * to[1].len() * g.in_channels;
        for group in 0..g.spec.groups {
            for a in (0..g.kernel[0]).step_by(tasks.taps) {
                let taps = a * g.kernel[1]..(a + tasks.taps).min(g.kernel[0]) * g.kernel[1];
                let b = Mat::strided(
                    &w[taps.start * ci * co + group * per_group..],
                    taps.len() * ci,
                    per_group,
                    co,
                );
                let window = Window::new(g, group, taps);
                // Images have their output pixels side by side if all of them are multiplied.
                let from = match x_bar.len() == image {
                    true => [window.reaching(&to[0], 0), tasks.columns_of_y(g, &window, &to[1])],
                    false => [0..oh, 0..ow],
                };
                let (pixels, k) = (from[0].len() * from[1].len(), window.patch_len());
                let rows = x_bar.len() / image * pixels;
                let [mut patches] = scratch.take();
                if rows > 0 {
                    let at = ((first * oh + from[0].start) * ow + from[1].start) * co + group * per_group;
                    let a = Mat::strided(&y_bar[at..], rows, per_group, co);
                    gemm_serial(a, b.t(), Update::Overwrite, patches.as_mut_slice(), k);
                }
                for (n, x_bar) in x_bar.chunks_exact_mut(image).enumerate() {
                    let patches = &patches.as_slice()[n * pixels * k..(n + 1) * pixels * k];
                    window.gather((patches, &from), (x_bar, &to));
                }
            }
        }
    });
}

/// How [`input_grad`] is divided into tasks, from the shape alone: some whole images, some rows of
/// one, or some columns of a row.
///
/// A kernel row sends each output row to a single row of x_bar. So patches are made of few kernel
/// rows at a time, and those of neighbouring tasks are different ones.
struct InputTasks {
    images: usize,
    rows: usize,
    columns: usize,
    /// Kernel rows whose patches exist at a time.
    taps: usize,
}

impl InputTasks {
    fn of(g: &Geometry) -> Self {
        let ([h, w], [kh, kw], spec) = (g.in_size, g.kernel, &g.spec);
        let (ci, per_image) = (g.in_channels / spec.groups, g.out_size[0] * g.out_size[1]);
        // Kernel rows far apart have no output row in common.
        let taps = if spec.dilation[0] == 1 { (PATCH / (kw * ci)).clamp(1, kh) } else { 1 };
        let most = (MAX_PATCHES / (taps * kw * ci)).max(SMALL_TILE);
        let images = SMALL_TILE.div_ceil(per_image.max(1)).min(g.batch.div_ceil(8)).max(1);
        let whole = InputTasks { images, rows: h, columns: w, taps };
        let bands = TASKS.div_ceil(g.batch.max(1)).min(h * w / SMALL_TILE).max(1);
        if images > 1 || bands == 1 && per_image <= most {
            return whole;
        }
        // Rows of x_bar that rows of `most` output pixels contribute to.
        let highest =
            (most / g.out_size[1]).saturating_sub(1).saturating_mul(spec.stride[0]).saturating_add(1);
        let rows = h.div_ceil(bands).min(highest.saturating_sub(taps - 1).max(1));
        if g.out_size[1] <= most || rows > 1 {
            return InputTasks { rows, ..whole };
        }
        // Neighbouring tasks both multiply the windows between them, so these are few.
        let extent = spec.dilation[1].saturating_mul(4 * kw);
        let columns = most.saturating_mul(spec.stride[1]).max(extent).min(w);
        InputTasks { rows: 1, columns, taps: 1, images }
    }

    /// Numbers of x_bar of which each task has its own, and numbers of a task.
    fn parts(&self, g: &Geometry) -> [usize; 2] {
        let ([h, w], part) = (g.in_size, self.images * self.rows * self.columns * g.in_channels);
        let row = w * g.in_channels;
        match (self.columns < w, self.rows < h) {
            (true, _) => [row, part],
            (_, true) => [h * row, part],
            _ => [part; 2],
        }
    }

    /// The first image of a part, and its rows and columns.
    fn get(&self, g: &Geometry, part: usize) -> (usize, [Range<usize>; 2]) {
        let ([h, w], [rows, columns]) = (g.in_size, [self.rows, self.columns]);
        let (across, down) = (w.div_ceil(columns), h.div_ceil(rows));
        let (r, s) = (part / across % down * rows, part % across * columns);
        (part / across / down * self.images, [r..(r + rows).min(h), s..(s + columns).min(w)])
    }

    /// Output columns whose patches a part needs: all, or those that reach some columns of a row.
    fn columns_of_y(&self, g: &Geometry, window: &Window<'_>, columns: &Range<usize>) -> Range<usize> {
        if self.columns == g.in_size[1] { 0..g.out_size[1] } else { window.reaching(columns, 1) }
    }

    /// Numbers of the patches of a part, at most.
    fn patches(&self, g: &Geometry) -> usize {
        let ([kh, kw], spec) = (g.kernel, &g.spec);
        // Output positions that reach one of `to` pixels by one of `taps` taps.
        let reached = |to: usize, taps: usize, a: usize| {
            ((to - 1 + (taps - 1) * spec.dilation[a]) / spec.stride[a] + 1).min(g.out_size[a])
        };
        let rows =
            if self.images > 1 { g.out_size[0] } else { reached(self.rows.max(1), self.taps.min(kh), 0) };
        let columns = if self.columns == g.in_size[1] { g.out_size[1] } else { reached(self.columns, kw, 1) };
        self.images * rows * columns * self.taps * kw * (g.in_channels / spec.groups)
    }
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
    let tasks = WeightTasks::of(g);
    let rows = tasks.taps * (g.in_channels / g.spec.groups);
    if tasks.pixel_chunks == 1 {
        let scratch = Scratch::reserve([TILE * rows]);
        return parallel::for_each_chunk(w_bar, rows * co, |block, w_bar| {
            weight_grad_block(g, [x, y_bar], &scratch, block * tasks.taps, 0..pixels, w_bar);
        });
    }
    // Each chunk of pixels has a W_bar of its own; they are added in the order of the chunks.
    let (blocks, chunk) = (len.div_ceil(rows * co), pixels.div_ceil(tasks.pixel_chunks));
    let mut partial = Buffer::take(tasks.pixel_chunks * len);
    let scratch = Scratch::reserve([TILE * rows]);
    let mut shares: Vec<&mut [E]> =
        partial.as_mut_slice().chunks_mut(len).flat_map(|p| p.chunks_mut(rows * co)).collect();
    parallel::for_each_chunk(&mut shares, 1, |t, share| {
        let (c, block) = (t / blocks, t % blocks);
        let pixels = (c * chunk).min(pixels)..((c + 1) * chunk).min(pixels);
        weight_grad_block(g, [x, y_bar], &scratch, block * tasks.taps, pixels, share[0]);
    });
    parallel::sum_in_order(partial.as_slice(), w_bar);
}

/// How [`weight_grad`] is divided into tasks, from the shape alone.
struct WeightTasks {
    /// Taps whose rows of W_bar one task computes.
    taps: usize,
    /// Number of chunks of output pixels.
    pixel_chunks: usize,
}

impl WeightTasks {
    /// About [`ROWS_OF_TASK`] rows in a task, and at least [`TASKS`] tasks.
    fn of(g: &Geometry) -> WeightTasks {
        let all = g.kernel[0] * g.kernel[1];
        let taps = (ROWS_OF_TASK / (g.in_channels / g.spec.groups).max(1)).clamp(1, all);
        let pixel_chunks = TASKS.div_ceil(all.div_ceil(taps)).min(out_pixels(g).div_ceil(TILE)).max(1);
        WeightTasks { taps, pixel_chunks }
    }
}

/// The rows of W_bar from tap `first_tap` on (those that `w_bar` holds) summed over some output
/// pixels.
fn weight_grad_block<E: Element>(
    g: &Geometry,
    [x, y_bar]: [&[E]; 2],
    scratch: &Scratch<E, 1>,
    first_tap: usize,
    pixels: Range<usize>,
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
