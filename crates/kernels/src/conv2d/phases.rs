//! Removes the stride from a convolution whose x has few channels: the phases of x are packed as
//! the channels of another image.
//!
//! With stride s, window i starts in row `i s` of the padded image. So a kernel of `t s` rows
//! covers t rows of *blocks* of s x s pixels. If each block becomes one pixel of a packed image,
//! the same kernel has t x t taps and stride 1:
//!
//! ```text
//!     padded x, 3 channels, s = 2                     packed x, 12 channels
//!
//!     |rgb rgb|rgb rgb|rgb rgb|   row 2i              |rgbrgbRGBRGB|rgbrgbRGBRGB|rgbrgbRGBRGB|   row i
//!     |RGB RGB|RGB RGB|RGB RGB|   row 2i + 1
//!      block 0 block 1 block 2                           pixel 0      pixel 1      pixel 2
//! ```
//!
//! A row of a block is a *run* of `s * channels` contiguous numbers of x. In packed x it is
//! contiguous too. Packing only permutes the numbers of padded x and the numbers of w. So the
//! packed convolution and its gradients compute the same sums as the plain convolution, from
//! operands in a different layout. [`Tiling`](super::winograd) removes a stride too, but it pads
//! the channels of each phase to whole vectors. If x has few channels, most of these vectors would
//! be zeros.

use super::{Geometry, Spec};
use crate::memory::Buffer;
use crate::parallel;
use crate::size;
use crate::tuning::tasks::TASKS;

/// A geometry with a stride, and the geometry of the packed convolution that replaces it.
pub(super) struct Phases {
    g: Geometry,
    /// The convolution of packed x and packed w. Its y is equal to the y of `g`.
    pub(super) packed: Geometry,
    /// The length of a run, which is one row of a block: `stride * channels` numbers of x.
    run: usize,
    /// The blocks whose columns are all inside the image: the index of the first one, the offset of
    /// its run in a row of x, and their number.
    first: usize,
    start: usize,
    whole: usize,
}

impl Phases {
    /// Returns the packed form of `g`. Returns `None` if there is no stride to remove, if the
    /// stride does not divide the kernel, if there is a dilation or several groups, or if packed x
    /// would be too long.
    pub(super) fn of(g: &Geometry) -> Option<Phases> {
        let ([sh, sw], [kh, kw], spec) = (g.spec.stride, g.kernel, &g.spec);
        let fits = [sh, sw] != [1, 1] && kh.is_multiple_of(sh) && kw.is_multiple_of(sw);
        if !fits || spec.dilation != [1, 1] || spec.groups != 1 {
            return None;
        }
        let (taps, run, line) = ([kh / sh, kw / sw], sw * g.in_channels, g.in_size[1] * g.in_channels);
        let packed = Geometry {
            in_size: [0, 1].map(|a| g.out_size[a] + taps[a] - 1),
            in_channels: sh * run,
            kernel: taps,
            spec: Spec::new(1, 0),
            ..*g
        };
        if !g.affords(size::checked_len(&packed.x_shape())) {
            return None;
        }
        let first = spec.padding[1].div_ceil(sw).min(packed.in_size[1]);
        let start = (first * run).saturating_sub(spec.padding[1] * g.in_channels).min(line);
        let whole = ((line - start) / run).min(packed.in_size[1] - first);
        Some(Phases { g: *g, packed, run, first, start, whole })
    }

    /// Returns a buffer for packed x.
    pub(super) fn packed_input(&self) -> Buffer<f32> {
        Buffer::take(self.packed.x_shape().iter().product())
    }

    /// Returns packed x.
    pub(super) fn pack_input(&self, x: &[f32]) -> Buffer<f32> {
        let mut packed = self.packed_input();
        for_each_task(&self.packed, packed.as_mut_slice(), x, |x, first, packed| {
            self.pack_rows(x, first, packed);
        });
        packed
    }

    /// Writes x from packed x. Pixels of x that no window covers become 0.
    pub(super) fn unpack_input(&self, packed: &[f32], x: &mut [f32]) {
        for_each_task(&self.g, x, packed, |packed, first, x| self.unpack_rows(packed, first, x));
    }

    /// Returns packed w.
    pub(super) fn pack_weight(&self, w: &[f32]) -> Buffer<f32> {
        let mut packed = Buffer::take(w.len());
        let to = packed.as_mut_slice();
        self.weight_runs(|at, packed_at, len| {
            to[packed_at..packed_at + len].copy_from_slice(&w[at..at + len]);
        });
        packed
    }

    /// Computes w from packed w.
    pub(super) fn unpack_weight(&self, packed: &[f32], w: &mut [f32]) {
        self.weight_runs(|at, packed_at, len| {
            w[at..at + len].copy_from_slice(&packed[packed_at..packed_at + len]);
        });
    }

    /// Returns the lengths of a row of pixels of x and of packed x.
    fn line_lens(&self) -> [usize; 2] {
        [&self.g, &self.packed].map(|g| g.in_size[1] * g.in_channels)
    }

    /// Writes rows of a packed image, from its row `first` on. `x` is the image. Runs of 6 numbers
    /// (three channels and stride 2) have a constant length in the code, so a few instructions copy
    /// them instead of a call.
    fn pack_rows(&self, x: &[f32], first: usize, packed: &mut [f32]) {
        match self.run {
            6 => self.pack_runs(x, first, packed, |from, to| to[..6].copy_from_slice(&from[..6])),
            _ => self.pack_runs(x, first, packed, |from, to| to.copy_from_slice(from)),
        }
    }

    /// Writes rows of an image of x, from its row `first` on. `packed` is the packed image.
    fn unpack_rows(&self, packed: &[f32], first: usize, x: &mut [f32]) {
        match self.run {
            6 => self.unpack_runs(packed, first, x, |from, to| to[..6].copy_from_slice(&from[..6])),
            _ => self.unpack_runs(packed, first, x, |from, to| to.copy_from_slice(from)),
        }
    }

    #[inline(always)]
    fn pack_runs(&self, x: &[f32], first: usize, packed: &mut [f32], copy: impl Fn(&[f32], &mut [f32])) {
        let (run, channels, [line, packed_line]) = (self.run, self.packed.in_channels, self.line_lens());
        for (i, packed) in (first..).zip(packed.chunks_exact_mut(packed_line)) {
            for a in 0..self.g.spec.stride[0] {
                let row = (i * self.g.spec.stride[0] + a).wrapping_sub(self.g.spec.padding[0]);
                let mut runs =
                    packed.chunks_exact_mut(channels).map(|block| &mut block[a * run..(a + 1) * run]);
                if row >= self.g.in_size[0] {
                    runs.for_each(|to| to.fill(0.0));
                    continue;
                }
                let x = &x[row * line..(row + 1) * line];
                let mut edge = |(j, to): (usize, &mut [f32])| {
                    for (p, to) in to.iter_mut().enumerate() {
                        *to = self.column(j, p).and_then(|column| x.get(column)).copied().unwrap_or(0.0);
                    }
                };
                (0..self.first).zip(runs.by_ref()).for_each(&mut edge);
                let whole = x[self.start..].chunks_exact(run).take(self.whole);
                whole.zip(runs.by_ref()).for_each(|(from, to)| copy(from, to));
                (self.first + self.whole..).zip(runs).for_each(edge);
            }
        }
    }

    #[inline(always)]
    fn unpack_runs(&self, packed: &[f32], first: usize, x: &mut [f32], copy: impl Fn(&[f32], &mut [f32])) {
        let (run, channels, [line, packed_line]) = (self.run, self.packed.in_channels, self.line_lens());
        let [height, width] = self.packed.in_size;
        for (row, x) in (first + self.g.spec.padding[0]..).zip(x.chunks_exact_mut(line)) {
            let (i, a) = (row / self.g.spec.stride[0], row % self.g.spec.stride[0]);
            if i >= height {
                x.fill(0.0);
                continue;
            }
            let row = &packed[i * packed_line..(i + 1) * packed_line];
            let run_of = |j: usize| &row[j * channels + a * run..][..run];
            let whole = self.start..self.start + self.whole * run;
            x[..whole.start].fill(0.0);
            x[whole.end..].fill(0.0);
            for j in (0..self.first).chain(self.first + self.whole..width) {
                for (p, &from) in run_of(j).iter().enumerate() {
                    if let Some(to) = self.column(j, p).and_then(|column| x.get_mut(column)) {
                        *to = from;
                    }
                }
            }
            x[whole].chunks_exact_mut(run).enumerate().for_each(|(k, to)| copy(run_of(self.first + k), to));
        }
    }

    /// Returns the offset, in a row of x, of number `p` of the run of block `j`. Returns `None` if
    /// this number is in the padding before the row.
    fn column(&self, j: usize, p: usize) -> Option<usize> {
        (j * self.run + p).checked_sub(self.g.spec.padding[1] * self.g.in_channels)
    }

    /// Calls `f(at, packed_at, len)` for the weights of each run of the kernel. These are `len`
    /// numbers at offset `at` of w, and at offset `packed_at` of packed w.
    fn weight_runs(&self, mut f: impl FnMut(usize, usize, usize)) {
        let (sh, taps, len) = (self.g.spec.stride[0], self.packed.kernel[1], self.run * self.g.out_channels);
        for row in 0..self.g.kernel[0] {
            for tap in 0..taps {
                f((row * taps + tap) * len, ((row / sh * taps + tap) * sh + row % sh) * len, len);
            }
        }
    }
}

/// Calls `f(image of from, first row, rows of to)` in parallel, for all rows of the images `to`.
/// The images `to` have the size of x in `g`. A task writes all rows of an image, or only some of
/// its rows if there are few images.
fn for_each_task(g: &Geometry, to: &mut [f32], from: &[f32], f: impl Fn(&[f32], usize, &mut [f32]) + Sync) {
    let (height, line, image) = (g.in_size[0], g.in_size[1] * g.in_channels, from.len() / g.batch);
    let rows = height.div_ceil(TASKS.div_ceil(g.batch).min(height));
    let tasks = height.div_ceil(rows);
    parallel::for_each_part(to, [height, rows].map(|rows| rows * line), |t, to| {
        f(&from[t / tasks * image..][..image], t % tasks * rows, to);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv2d::{Kernel, Path, forward, input_grad, products, weight_grad};
    use crate::reference::testing::{Dice, assert_same_bits, exact_conv2d, f32s, len, less, wave};

    /// Computes a packed convolution and its gradients with `products`, and compares them with the
    /// definition. The operands are small integers, whose sums are exact, so the results must be
    /// equal.
    fn check(g: &Geometry) {
        let phases = Phases::of(g).expect("a stride that divides the kernel");
        let (operands, want) = exact_conv2d(g);
        let [x, w, y_bar] = operands.map(|v| f32s(&v));
        let mut got = want.each_ref().map(|want| vec![f32::NAN; want.len()]);
        let (packed_x, packed_w) = (phases.pack_input(&x), phases.pack_weight(&w));
        products::forward(&phases.packed, packed_x.as_slice(), packed_w.as_slice(), &mut got[0]);
        let mut packed = phases.packed_input();
        products::input_grad(&phases.packed, &y_bar, packed_w.as_slice(), packed.as_mut_slice());
        phases.unpack_input(packed.as_slice(), &mut got[1]);
        let mut packed = vec![f32::NAN; w.len()];
        products::weight_grad(&phases.packed, packed_x.as_slice(), &y_bar, &mut packed);
        phases.unpack_weight(&packed, &mut got[2]);
        for (got, want) in got.iter().zip(&want) {
            assert_eq!(*got, f32s(want), "{g:?}");
        }
    }

    #[test]
    fn packed_convolutions_equal_the_definition() {
        let mut dice = Dice(41);
        let mut tried = 0;
        while tried < less(300, 3) {
            let mut pair = |low, high| [dice.roll(low, high), dice.roll(low, high)];
            let (stride, taps, padding) = (pair(1, 3), pair(1, 3), pair(0, 4));
            let (y, extra) = (pair(1, 6), pair(0, 2));
            let kernel = [0, 1].map(|a| stride[a] * taps[a]);
            let extra = [0, 1].map(|a| extra[a].min(stride[a] - 1));
            let fits = (0..2).all(|a| (y[a] - 1) * stride[a] + kernel[a] + extra[a] > 2 * padding[a]);
            if stride == [1, 1] || !fits {
                continue;
            }
            let spec = Spec { stride, padding, ..Spec::default() };
            let (batch, ci, co) = (dice.roll(1, 3), dice.roll(1, 4), dice.roll(1, 5));
            check(&Geometry::transposed(
                [batch, y[0], y[1], co],
                [kernel[0], kernel[1], ci, co],
                spec,
                extra,
            ));
            tried += 1;
        }
    }

    /// Packing divides a large image into several tasks, each with some of its rows.
    #[test]
    fn rows_of_large_images_equal_the_definition() {
        check(&Geometry::new([1, 130, 90, 3], [4, 4, 3, 2], Spec::new(2, 1)));
        check(&Geometry::new([2, 41, 300, 4], [3, 4, 4, 1], Spec { stride: [3, 2], ..Spec::new(1, 2) }));
    }

    #[test]
    fn only_strides_that_divide_the_kernel_are_taken_out() {
        let g = |kernel, spec| Geometry::new([1, 9, 9, 3], [kernel, kernel, 3, 4], spec);
        assert!(Phases::of(&g(4, Spec::new(2, 1))).is_some());
        assert!(Phases::of(&g(3, Spec::new(1, 1))).is_none());
        assert!(Phases::of(&g(5, Spec::new(2, 2))).is_none());
        assert!(Phases::of(&g(4, Spec { dilation: [2, 1], ..Spec::new(2, 1) })).is_none());
        let groups = Geometry::new([1, 9, 9, 4], [4, 4, 2, 4], Spec { groups: 2, ..Spec::new(2, 1) });
        assert!(Phases::of(&groups).is_none());
    }

    #[test]
    fn same_bits_for_any_number_of_threads() {
        for x in [[20, 31, 34, 3], [1, 150, 140, 3]] {
            let g = Geometry::new(x, [4, 4, 3, 33], Spec::new(2, 1));
            assert!(Kernel::ALL.iter().all(|&kernel| matches!(Path::of(&g, kernel), Path::Packed(_))));
            let (x, w, y_bar) =
                (wave(len(g.x_shape()), 0.7), wave(len(g.w_shape()), 1.3), wave(len(g.y_shape()), 2.1));
            assert_same_bits("packed phases", || {
                let (mut y, mut x_bar, mut w_bar) =
                    (vec![0.0; y_bar.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
                forward(&g, &x, &w, &mut y);
                input_grad(&g, &y_bar, &w, &mut x_bar);
                weight_grad(&g, &x, &y_bar, &mut w_bar);
                [y, x_bar, w_bar].concat()
            });
        }
    }
}
