//! P, the map from an image to the windows of a convolution (im2col), and its adjoint P^T (col2im).
//!
//! A *patch* is one window as a row of numbers in the order of the weights, `[kh][kw][channel]`. A
//! tap in the padding is 0. P writes patches. P^T adds each number of a patch to the pixel from
//! which it came. The code is a gather: for every pixel, it adds up the contributions of the
//! windows that cover this pixel. So P^T needs no zeros between the pixels of y and no atomic
//! operations, and the order of additions is fixed.

use super::Geometry;
use crate::Element;
use crate::simd::Piece;
use std::ops::Range;

/// P restricted to some taps and to some channels of one group.
pub(super) struct Window<'a> {
    pub(super) geometry: &'a Geometry,
    /// The channels of x in the patches.
    pub(super) channels: Range<usize>,
    /// The taps in the patches, counted in row-major order over the kernel.
    pub(super) taps: Range<usize>,
}

impl<'a> Window<'a> {
    pub(super) fn new(geometry: &'a Geometry, channels: Range<usize>, taps: Range<usize>) -> Self {
        Window { geometry, channels, taps }
    }

    /// Returns the window with all taps and channels of a group.
    pub(super) fn all_taps(geometry: &'a Geometry, group: usize) -> Self {
        let per_group = geometry.in_channels / geometry.spec.groups;
        let channels = group * per_group..(group + 1) * per_group;
        Self::new(geometry, channels, 0..geometry.kernel[0] * geometry.kernel[1])
    }

    /// Returns the length of a patch.
    pub(super) fn patch_len(&self) -> usize {
        self.taps.len() * self.channels.len()
    }

    /// Writes the patches of the output pixels `pixels`, one after another. Output pixels are
    /// numbered row by row, through all images.
    pub(super) fn patches<E: Element>(&self, x: &[E], pixels: Range<usize>, out: &mut [E]) {
        let [oh, ow] = self.geometry.out_size;
        for (patch, pixel) in out.chunks_exact_mut(self.patch_len()).zip(pixels) {
            let (row, j) = (pixel / ow, pixel % ow);
            self.patch(x, row / oh, row % oh, j, patch);
        }
    }

    /// Writes the patch of output pixel (i, j) of an image, one kernel row after another. Taps
    /// outside the image are 0.
    fn patch<E: Element>(&self, x: &[E], image: usize, i: usize, j: usize, patch: &mut [E]) {
        let g = self.geometry;
        let ([h, w], [_, kw], c) = (g.in_size, g.kernel, self.channels.len());
        let (mut rest, mut tap) = (patch, self.taps.start);
        while tap < self.taps.end {
            let (a, b0) = (tap / kw, tap % kw);
            let b1 = kw.min(b0 + self.taps.end - tap);
            let (run, tail) = rest.split_at_mut((b1 - b0) * c);
            match source(i, a, 0, g).filter(|&r| r < h) {
                None => run.fill(E::ZERO),
                Some(r) => {
                    let line = &x[(image * h + r) * w * g.in_channels..][..w * g.in_channels];
                    self.run(line, j, b0..b1, run);
                }
            }
            (rest, tap) = (tail, tap + b1 - b0);
        }
    }

    /// Writes to `run` the taps `b` of one kernel row, for the window at output column `j`. `line`
    /// is the row of the image under this kernel row.
    fn run<E: Element>(&self, line: &[E], j: usize, b: Range<usize>, run: &mut [E]) {
        let g = self.geometry;
        let (c, all) = (self.channels.len(), g.in_channels);
        if c == all && g.spec.dilation[1] == 1 {
            // Neighbouring taps are neighbouring pixels, so this is one copy, with the padding
            // removed on both sides.
            let first = (j * g.spec.stride[1] + b.start) as isize - g.spec.padding[1] as isize;
            let skip = (-first).clamp(0, b.len() as isize) as usize;
            let end = (g.in_size[1] as isize - first).clamp(skip as isize, b.len() as isize) as usize;
            run[..skip * c].fill(E::ZERO);
            if skip < end {
                let from = (first + skip as isize) as usize * c;
                run[skip * c..end * c].copy_from_slice(&line[from..][..(end - skip) * c]);
            }
            run[end * c..].fill(E::ZERO);
            return;
        }
        for (out, b) in run.chunks_exact_mut(c).zip(b) {
            match source(j, b, 1, g).filter(|&s| s < g.in_size[1]) {
                None => out.fill(E::ZERO),
                Some(s) => out.copy_from_slice(&line[s * all + self.channels.start..][..c]),
            }
        }
    }

    /// Returns the output rows (axis 0) or columns (axis 1) to which the input rows or columns `to`
    /// contribute. Along axis 0, only the kernel rows of `self` count.
    pub(super) fn reaching(&self, to: &Range<usize>, axis: usize) -> Range<usize> {
        let (g, kw) = (self.geometry, self.geometry.kernel[1]);
        let taps = if axis == 0 { self.taps.start / kw..self.taps.end.div_ceil(kw) } else { 0..kw };
        let (stride, dilation, padding) = (g.spec.stride[axis], g.spec.dilation[axis], g.spec.padding[axis]);
        let first = (to.start + padding).saturating_sub((taps.end - 1) * dilation).div_ceil(stride);
        let last = (to.end - 1 + padding).checked_sub(taps.start * dilation).map(|last| last / stride);
        first..last.map_or(0, |last| (last + 1).min(g.out_size[axis])).max(first)
    }

    /// Computes P^T for whole kernel rows: adds the numbers of `patches` to the pixels of image `n`
    /// in a piece of x_bar. `patches` has the patches of the output pixels in rows `from[0]` and
    /// columns `from[1]`. If `self` has the first kernel row, the pixels are set to 0 first.
    pub(super) fn gather<E: Element>(
        &self,
        (patches, from): (&[E], &[Range<usize>; 2]),
        piece: &mut Piece<'_, E>,
        n: usize,
    ) {
        let (g, kw) = (self.geometry, self.geometry.kernel[1]);
        let (c, len, across) = (self.channels.len(), self.patch_len(), from[1].len());
        let at = |o: usize, axis: usize| o.checked_sub(from[axis].start).filter(|&o| o < from[axis].len());
        let [_, rows, columns, channels] = piece.at.clone();
        let own = self.channels.start - channels.start..self.channels.end - channels.start;
        for r in rows {
            let mut line = piece.row(n, r);
            for (p, s) in columns.clone().enumerate() {
                let pixel = &mut line.line(p)[own.clone()];
                if self.taps.start == 0 {
                    pixel.fill(E::ZERO);
                }
                for (k, a) in (self.taps.start / kw..self.taps.end / kw).enumerate() {
                    let Some(i) = target(r, a, 0, g).and_then(|i| at(i, 0)) else { continue };
                    for b in 0..kw {
                        let Some(j) = target(s, b, 1, g).and_then(|j| at(j, 1)) else { continue };
                        let from = (i * across + j) * len + (k * kw + b) * c;
                        for (p, &q) in pixel.iter_mut().zip(&patches[from..from + c]) {
                            *p += q;
                        }
                    }
                }
            }
        }
    }
}

/// Returns the input position under tap `k` of the window at output position `o`, or `None` if it
/// is in the padding before the image.
#[inline]
fn source(o: usize, k: usize, axis: usize, g: &Geometry) -> Option<usize> {
    (o * g.spec.stride[axis] + k * g.spec.dilation[axis]).checked_sub(g.spec.padding[axis])
}

/// Returns the output position whose window has input position `r` under tap `k`: the inverse of
/// [`source`].
#[inline]
fn target(r: usize, k: usize, axis: usize, g: &Geometry) -> Option<usize> {
    let shifted = (r + g.spec.padding[axis]).checked_sub(k * g.spec.dilation[axis])?;
    (shifted % g.spec.stride[axis] == 0).then_some(shifted / g.spec.stride[axis])
}
